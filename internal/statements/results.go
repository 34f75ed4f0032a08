package statements

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The columns that tests fill.
const (
	Said   = "said"   // in the page
	Shown  = "shown"  // in the notice
	Done   = "done"   // by the running site
	Proven = "proven" // by audit, or attested
)

// Columns lists them in the order in which they are printed.
var Columns = []string{Said, Shown, Done, Proven}

// Folder is the variable that names the folder results are kept in. Without it
// nothing is kept.
const Folder = "TEMOIN_STATEMENTS"

// Fill fills a column for the statements that a test is about, once the test has
// ended: with yes if it passed, with no if it failed, not at all if it was
// skipped. Call it first, so that a test that stops early is counted too.
func Fill(t testing.TB, column string, ids ...string) {
	t.Helper()
	if !slices.Contains(Columns, column) {
		t.Errorf("there is no column %q: %v", column, Columns)
	}
	dir := os.Getenv(Folder)
	if dir == "" {
		return
	}
	t.Cleanup(func() {
		if t.Skipped() {
			return
		}
		if err := write(dir, column, !t.Failed(), ids); err != nil {
			t.Error(err)
		}
	})
}

// write adds lines to the file of this process, so that packages can be tested
// at the same time; a line is written whole, so that tests can be.
func write(dir, column string, holds bool, ids []string) error {
	f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%d.results", os.Getpid())), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, err = fmt.Fprintf(f, "%s %s %s\n", id, column, word(holds)); err != nil {
			break
		}
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func word(holds bool) string {
	if holds {
		return "yes"
	}
	return "no"
}

// Results are what tests have found: for an id and a column "yes", "no", or ""
// where no test was about it. One test that fails outweighs all that pass.
type Results map[[2]string]string

// Of returns the result of a statement in a column.
func (r Results) Of(id, column string) string { return r[[2]string{id, column}] }

// Read collects the results that tests have left in a folder.
func Read(dir string) (Results, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.results"))
	if err != nil {
		return nil, err
	}
	out := Results{}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(src)) {
			f := strings.Fields(line)
			if len(f) != 3 || f[2] != word(true) && f[2] != word(false) {
				return nil, fmt.Errorf("%s: %q is no result", name, line)
			}
			if at := [2]string{f[0], f[1]}; out[at] != word(false) {
				out[at] = f[2]
			}
		}
	}
	return out, nil
}
