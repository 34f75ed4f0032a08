package statements

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An ended test is one whose cleanup can be run by hand.
type ended struct {
	testing.TB
	failed, skipped bool
	cleanup         []func()
}

func (e *ended) Helper()          {}
func (e *ended) Failed() bool     { return e.failed }
func (e *ended) Skipped() bool    { return e.skipped }
func (e *ended) Cleanup(f func()) { e.cleanup = append(e.cleanup, f) }

func TestAColumnIsFilledByWhatTestsFind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(Folder, dir)
	for _, run := range []struct {
		test   *ended
		column string
		ids    []string
	}{
		{&ended{TB: t}, Said, []string{"S1-01", "S1-02"}},
		{&ended{TB: t, failed: true}, Said, []string{"S1-02"}},
		{&ended{TB: t}, Said, []string{"S1-02"}}, // passes in another language
		{&ended{TB: t, skipped: true}, Done, []string{"S1-01"}},
		{&ended{TB: t}, Proven, []string{"S1-02"}},
	} {
		Fill(run.test, run.column, run.ids...)
		for _, f := range run.test.cleanup {
			f()
		}
	}
	got, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := Results{{"S1-01", Said}: "yes", {"S1-02", Said}: "no", {"S1-02", Proven}: "yes"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWithoutAFolderNothingIsKept(t *testing.T) {
	t.Setenv(Folder, "")
	test := &ended{TB: t}
	Fill(test, Said, "S1-01")
	if len(test.cleanup) > 0 {
		t.Error("something would be written")
	}
}

func TestATableThatIsWrittenWronglyIsRefused(t *testing.T) {
	head := strings.Join(columns, "\t") + "\n"
	for src, want := range map[string]string{
		"id\tkind\n":                          "2 columns",
		strings.Replace(head, "id", "no", 1):  "want [id kind",
		head + "S1-01\n":                      "1 columns",
		head + "S1-01\t\t\t\t\t\t\ten: x\t\n": "neither language:words nor =value",
		head + "S1-01\t\t\t\t\t\t\t\tword\n":  "neither language:words nor =value",
	} {
		if _, err := parse(src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", src, err, want)
		}
	}
}

func TestAStatementIsReadFieldByField(t *testing.T) {
	got, err := parse(strings.Join(columns, "\t") + "\nS1-01\tui\tcorrect\tIt is said\tIt is not\ta.b, c[0]\td\ten:one: two|=x\tfr:non\n")
	want := []Statement{{
		"S1-01", "ui", "correct", "It is said", "It is not", []string{"a.b", "c[0]"}, []string{"d"},
		[]Words{{"en", "one: two"}, {"", "x"}}, []Words{{"fr", "non"}},
	}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v -want +got:\n%s", err, diff)
	}
}
