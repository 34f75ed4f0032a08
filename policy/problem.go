package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Position is a place in a manifest. Line and Column count from 1, columns in
// characters; the zero Position is nowhere.
type Position struct {
	Line, Column int
}

// IsValid reports whether p is somewhere.
func (p Position) IsValid() bool { return p.Line > 0 }

// A Problem is a reason why a manifest is not a Site.
type Problem struct {
	File string
	Position
	Path string // the field, "trackers[3].lasts"; empty for the file as a whole
	What string // what is wrong, without a full stop
	Fix  string // what to write instead, without a full stop
}

// String writes the problem on one line: file:line:column: path: what; fix.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(Visible(p.File))
	if p.IsValid() {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	for _, part := range []string{p.Path, p.What} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	if p.Fix != "" {
		b.WriteString("; " + p.Fix)
	}
	return b.String()
}

// Visible returns s with every character that moves a cursor, changes direction
// or is not seen at all replaced: what comes from a file, its name included, is
// shown so on a terminal or in a log.
func Visible(s string) string {
	return strings.Map(func(r rune) rune {
		if isHidden(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}

// Problems is the error that Parse returns: everything that is wrong, in the
// order of the file. More says how many were left out of a list too long to read.
type Problems struct {
	List []Problem
	More int
}

// Error writes one problem a line.
func (ps *Problems) Error() string {
	lines := make([]string, 0, len(ps.List)+1)
	for _, p := range ps.List {
		lines = append(lines, p.String())
	}
	if ps.More > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", ps.More))
	}
	return strings.Join(lines, "\n")
}

// maxProblems bounds the list: a reader mends the first ones and runs again.
const maxProblems = 100

func newProblems(list []Problem) *Problems {
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	ps := &Problems{List: list}
	if len(list) > maxProblems {
		ps.List, ps.More = list[:maxProblems], len(list)-maxProblems
	}
	return ps
}

// maxCandidates bounds the words that a slip is compared with.
const maxCandidates = 500

// Nearest returns the candidate that a word is most likely a slip for, or "".
func Nearest(word string, candidates []string) string { return nearest(word, candidates) }

// nearest returns the candidate that word is most likely a slip for, or "".
func nearest(word string, candidates []string) string {
	if len(word) > maxWord {
		return ""
	}
	best, found := len(word)/3+1, ""
	for _, c := range candidates[:min(len(candidates), maxCandidates)] {
		if len(c) > maxWord || len(c) > len(word)+best || len(word) > len(c)+best {
			continue
		}
		if d := distance(strings.ToLower(word), c); d <= best && d < max(len(c), 2) {
			if d < best || found == "" {
				best, found = d, c
			}
		}
	}
	return found
}

// maxWord bounds the words that are compared, in bytes.
const maxWord = 64

// distance is the number of letters to add, drop, change or swap with their
// neighbour to make b of a (optimal string alignment). Both are at most maxWord
// long.
func distance(a, b string) int {
	var rows [3][maxWord + 1]int // of the letter before the last, the last, this one
	before, prev, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := prev[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(prev[j]+1, row[j-1]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}
