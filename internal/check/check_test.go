package check

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/policy"
)

// testDay is the day on which the tests apply the rules.
var testDay = policy.Date{Year: 2026, Month: time.November, Day: 21}

// want is what a line of a fixture expects: the rule of the file finds
// something on that line, with these words in its message.
var want = regexp.MustCompile(`#\s*want(\+[0-9]+| of the file)?:\s*(.*)$`)

func TestEveryRuleFindsWhatItsFixtureHolds(t *testing.T) {
	for _, r := range rules {
		t.Run(r.ID, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join("testdata", "rules", r.ID+".yaml")
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("the rule has no fixture: %v", err)
			}
			expected := readWants(t, src)
			if len(expected) == 0 {
				t.Fatal("the fixture expects nothing")
			}
			site, err := policy.Parse(file, src)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range Run(site, src, testDay).Findings {
				if f.Rule.ID != r.ID || f.Allowed != "" {
					continue
				}
				i := slices.IndexFunc(expected, func(e expectation) bool {
					return e.line == f.Position.Line && strings.Contains(string(f.Severity)+" "+f.Message, e.words)
				})
				if i < 0 {
					t.Errorf("line %d: unexpected %s: %s", f.Position.Line, f.Severity, f.Message)
					continue
				}
				expected = slices.Delete(expected, i, i+1)
			}
			for _, e := range expected {
				t.Errorf("line %d: nothing says %q", e.line, e.words)
			}
		})
	}
}

type expectation struct {
	line  int
	words string // in "severity message"
}

// readWants reads the expectations: "# want: words" on the line itself,
// "# want+2: words" two lines above it, or "# want of the file: words" for what
// it lacks.
func readWants(t *testing.T, src []byte) []expectation {
	t.Helper()
	var es []expectation
	for i, line := range strings.Split(string(src), "\n") {
		m := want.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		at := i + 1
		switch {
		case strings.HasPrefix(m[1], "+"):
			at += int(m[1][1] - '0')
		case m[1] != "":
			at = 0
		}
		for words := range strings.SplitSeq(m[2], " && ") {
			es = append(es, expectation{at, strings.TrimSpace(words)})
		}
	}
	return es
}

func TestNoRuleHoldsAnythingAgainstASoundPolicy(t *testing.T) {
	file := filepath.Join("testdata", "sound.yaml")
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	site, err := policy.Parse(file, src)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Run(site, src, testDay).Findings {
		t.Errorf("line %d: %s %s [%s]", f.Position.Line, f.Severity, f.Message, f.Rule.ID)
	}
}

func TestEveryRuleSaysWhyAndHowAndWhereFrom(t *testing.T) {
	id := regexp.MustCompile(`^[a-z]+(-[a-z0-9]+)+$`)
	seen := map[string]bool{}
	for _, r := range rules {
		if !id.MatchString(r.ID) || seen[r.ID] {
			t.Errorf("%q: not an id, or not the only one", r.ID)
		}
		seen[r.ID] = true
		if r.Title == "" || r.Why == "" || r.Fix == "" || len(r.Sources) == 0 || r.find == nil {
			t.Errorf("%s is incomplete", r.ID)
		}
		for _, s := range r.Sources {
			if s.Text == "" || !slices.Contains([]Certainty{Read, Corroborated, Remembered, House}, s.Certainty) {
				t.Errorf("%s: source %+v", r.ID, s)
			}
		}
	}
	if len(rules) < 60 {
		t.Errorf("%d rules, want 60 at least", len(rules))
	}
}
