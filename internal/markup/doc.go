// Package markup rewrites HTML while it streams: what loads something of a third party
// that is held becomes inert, and the bytes of the notice are put in.
//
// # What it guarantees
//
//   - Only attributes change, and only of elements that refer to something held, or that the
//     author of the page has put aside for a service. No element is added, removed or replaced,
//     the notice apart. "@import" in a style sheet that is held becomes "@\69mport", which means
//     the same: browsers that look ahead would ask for it whatever the type of the sheet. All other
//     bytes come out as they came in, whatever the pieces in which they were written
//     (TestNothingElseChanges, TestPiecesDoNotMatter).
//   - What the rules hold is active in no way of reading the page: with scripts and without, and
//     where browsers of today and of yesterday read it differently (TestNothingHeldIsActive,
//     FuzzWriter). Where the readings part, all of them are made inert from there on, by names
//     of attributes alone (wary.go).
//   - Memory is bounded: a tag is kept up to 16 kB, an address up to 8 kB, a style sheet, srcset or
//     srcdoc up to 64 kB, an inline script up to 16 kB. Everything else passes as it comes.
//
// # What it looks like
//
// The names of the services are in data-temoin, and what an attribute X said is in
// data-temoin-X, byte for byte: it is what the script "release" gives back. A script has
// type="text/plain", a link rel="text/plain", a style sheet type="text/plain", and a frame the
// address of a placeholder and a name of its own, by which no browser finds what it showed
// before. Services that must all be allowed stand with "+" between: no choice
// releases that, the next page does.
//
// # What it does not do
//
//   - Beyond the bounds: the start of a sheet or script decides for all of it. An address that says
//     no host within its bound is made inert, for nobody to release, and so is a srcset or srcdoc
//     that does not end; a style attribute is judged by its start. In a tag that is longer than its
//     bound the names of attributes change and nothing else does: such an element is not released
//     before the next page.
//   - Links and forms are navigation, which is free; so is what a document loads that a
//     frame shows, unless its text stands in the page (srcdoc).
//   - An inline script is known by its text (Rules.Script), not by what it does.
//   - Bytes mean what they do in ASCII. UTF-16 is the caller's matter.
//
// The grammar is that of the HTML Standard, section 13.2; addresses are read as the URL
// Standard says, style sheets wider than CSS Syntax does.
package markup
