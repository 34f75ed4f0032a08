// Package policy turns a manifest, the cookie policy of a site written as code,
// into a [Site]: checked, resolved against the catalogue of known services, and
// compiled so that a cookie or a URL is judged without allocating.
//
// The package is pure. It reads no file, no clock and no network; the same
// bytes give the same Site. What it guarantees:
//
//   - [Parse] returns a Site or all problems at once, each with its place and
//     what to write instead. It never panics, and its work is bounded whatever
//     it is given (FuzzParse; the limits stand in source.go).
//   - A Site is immutable and safe for concurrent use.
//   - Every field is defined once: reading it, the JSON Schema ([Schema]) and
//     its documentation ([Explain]) come from the same table.
//   - [Site.TrackerNamed] and [Site.ServicesAt] allocate nothing
//     (TestLookupsAllocateNothing, BenchmarkLookup).
//
// What it does not do: judge. A manifest may declare what the law forbids; it
// parses, runs, and internal/check says what is held against it. Only what
// cannot be executed is refused: contradictions, unknown words, hosts that take
// in the site itself.
package policy

import (
	"crypto/sha256"
)

// Parse reads a manifest. The file name serves in messages only. The error, if
// any, is a [*Problems].
//
// Sites of earlier versions of the same policy may be given: where a grant made
// under one of them still covers what a category does today, nobody is asked
// again (see [Category.Honours]).
func Parse(file string, src []byte, earlier ...*Site) (*Site, error) {
	if len(src) <= MaxSize {
		go prefetch(src)
	}
	root, problem := readTree(file, src)
	if problem != nil {
		return nil, newProblems([]Problem{*problem})
	}
	s := &Site{File: file, Hash: sha256.Sum256(src), positions: map[string]fieldPosition{}}
	d := &decoder{file: file, positions: s.positions, entry: &s.entries}
	s.shape().decode(d, root, "")
	s.Prose = d.prose
	s.compile(d)
	if len(d.problems) > 0 {
		return nil, newProblems(d.problems)
	}
	s.fingerprint(earlier)
	return s, nil
}
