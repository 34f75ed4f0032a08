// Package notice shows visitors what a site asks them: the first layer, the
// preference centre, and what stands in the place of content that is held.
//
// Server first. What it makes are bytes that a browser shows without a script and
// without a further request: the first layer is an element with a declarative
// shadow root, its buttons are those of a form. Scripts (ui/, bundled into chunks/)
// only improve: no page is loaded anew, focus goes where it belongs, other tabs
// follow.
//
// Each variant of each language has canonical bytes, which say nothing of a
// visitor: they are kept as evidence, and their SHA-256 names the notice in the
// record of a choice. What is served differs from them in one place: the hash
// itself stands where the canonical bytes have zeros.
//
// The package is pure: a site goes in, bytes come out. It knows no store, and it
// decides nothing (consent.Decide does).
package notice
