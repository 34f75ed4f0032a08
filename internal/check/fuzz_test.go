package check

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/temoin/temoin/policy"
)

// FuzzRun checks that whatever Parse accepts can be checked and reported: no
// panic, every finding complete, no place beyond the file, the same result
// twice, nothing that controls a terminal.
func FuzzRun(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/rules/*.yaml", "../../examples/*/site*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		site, err := policy.Parse("fuzz.yaml", src)
		if err != nil {
			return
		}
		report := Run(site, src, testDay)
		lines := len(sourceLines(src))
		for _, found := range report.Findings {
			if found.Rule == nil || found.Message == "" || found.Advice() == "" || found.Severity == "" {
				t.Errorf("incomplete: %+v", found)
			}
			if found.Position.IsValid() && (found.Position.Line > lines || found.Position.Column < 1) {
				t.Errorf("%s [%s] is at %v of %d lines", found.Message, found.Rule.ID, found.Position, lines)
			}
		}
		first, second := text(t, report, src), text(t, Run(site, src, testDay), src)
		if !bytes.Equal(first, second) {
			t.Error("two runs differ")
		}
		if i := strings.IndexFunc(string(first), func(r rune) bool { return unicode.IsControl(r) && r != '\n' }); i >= 0 {
			t.Errorf("%q", first[i:min(i+20, len(first))])
		}
	})
}

// text is what WriteText writes without colour.
func text(t testing.TB, r *Report, src []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteText(&b, []*Report{r}, map[string][]byte{r.File: src}, false); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
