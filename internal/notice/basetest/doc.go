// Package basetest proves in a real browser what the scripts "base" and the adapters of
// the notice promise: that no page runs on a choice that is no longer the visitor's,
// wherever the page comes from, and that vendors' own scripts find the choice of now.
package basetest
