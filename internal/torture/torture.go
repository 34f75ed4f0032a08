// Package torture holds the test that a node keeps its word when it is killed: it
// is loaded at full speed, ended by SIGKILL at a random moment, and started again,
// many times over. Then each choice that was acknowledged must be there, once, in
// the log, with a receipt that verifies, and no head that was ever served may be
// taken back.
//
// go test runs a few rounds; make torture runs two hundred on each engine.
package torture
