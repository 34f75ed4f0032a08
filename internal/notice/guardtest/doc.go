// Package guardtest proves in a real browser what the scripts "guard" and "release" of the
// notice promise: whatever a script of the page inserts or asks for at the hosts of services
// that are not allowed is held, and comes as it would have come when it is allowed.
package guardtest
