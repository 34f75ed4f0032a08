// Package gatetest holds the tests of a whole site behind its gate in a real browser: a
// node with its store, pages that know nothing of Témoin, and everybody else on hosts that
// record what they are asked for.
package gatetest
