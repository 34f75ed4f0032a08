// Package statements is a helper of tests: it reads what the published policies
// of the example sites state (examples/*/statements.tsv), and keeps which of
// these statements tests have shown to hold. "make statements" prints both.
//
// Nothing is marked by hand: a column is filled by a test that passes, and says
// "no" where one fails.
package statements

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Statement is one line of a statements.tsv.
type Statement struct {
	ID         string // "S3-21"
	Kind       string // what it is about: "tracker", "claim"
	Treatment  string // restate, correct or fill
	Text       string // what the published policy states, in our words
	Correction string

	Says, Published []string // fields of the corrected manifest, and of the one as published
	Holds           []Words  // what must stand in these fields, each somewhere and in each field one
	Lacks           []Words  // what nothing of the corrected site may say
}

// Words are looked for in the texts of one language, whatever their case, or,
// without a language, among the values.
type Words struct{ Lang, Want string }

func (w Words) String() string {
	if w.Lang == "" {
		return "=" + w.Want
	}
	return w.Lang + ":" + w.Want
}

var columns = []string{"id", "kind", "treatment", "statement", "correction", "says", "as_published", "holds", "lacks"}

// Load reads the statements of an example site.
func Load(site string) ([]Statement, error) {
	root, err := module()
	if err != nil {
		return nil, err
	}
	src, err := os.ReadFile(filepath.Join(root, "examples", site, "statements.tsv"))
	if err != nil {
		return nil, err
	}
	all, err := parse(string(src))
	if err != nil {
		return nil, fmt.Errorf("examples/%s/statements.tsv: %w", site, err)
	}
	return all, nil
}

// module is the folder of the module, from wherever inside it a test runs.
func module() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod above the working directory: run this inside the repository")
		}
	}
}

func parse(src string) ([]Statement, error) {
	var out []Statement
	for line := range strings.Lines(src) {
		row := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(row) != len(columns) {
			return nil, fmt.Errorf("%d columns in %q", len(row), row)
		}
		if out == nil {
			if !slices.Equal(row, columns) {
				return nil, fmt.Errorf("columns %v, want %v", row, columns)
			}
			out = []Statement{}
			continue
		}
		s := Statement{
			ID: row[0], Kind: row[1], Treatment: row[2], Text: row[3], Correction: row[4],
			Says: fields(row[5]), Published: fields(row[6]),
		}
		var err error
		if s.Holds, err = wordsIn(row[7]); err == nil {
			s.Lacks, err = wordsIn(row[8])
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.ID, err)
		}
		out = append(out, s)
	}
	return out, nil
}

func fields(column string) []string {
	return strings.FieldsFunc(column, func(r rune) bool { return r == ',' || r == ' ' })
}

func wordsIn(column string) ([]Words, error) {
	if column == "" {
		return nil, nil
	}
	var out []Words
	for item := range strings.SplitSeq(column, "|") {
		lang, want, ok := strings.Cut(item, ":")
		if value, isValue := strings.CutPrefix(item, "="); isValue {
			lang, want, ok = "", value, true
		}
		if !ok || want == "" || want != strings.TrimSpace(want) {
			return nil, fmt.Errorf("%q is neither language:words nor =value", item)
		}
		out = append(out, Words{lang, want})
	}
	return out, nil
}
