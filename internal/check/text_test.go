package check

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/temoin/temoin/policy"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares what was written with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// reportOn checks a manifest of testdata.
func reportOn(t *testing.T, name string) (*Report, map[string][]byte) {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	site, err := policy.Parse(name, src)
	if err != nil {
		t.Fatal(err)
	}
	return Run(site, src, testDay), map[string][]byte{name: src}
}

func TestTextShowsEachFindingWithItsLine(t *testing.T) {
	t.Parallel()
	report, sources := reportOn(t, "text.yaml")
	var b bytes.Buffer
	if err := WriteText(&b, []*Report{report}, sources, false); err != nil {
		t.Fatal(err)
	}
	golden(t, "text.golden", b.Bytes())
}

func TestTheCaretStandsUnderThePlace(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 200)
	for _, c := range []struct {
		line   string
		column int
		cut    string
		before int
	}{
		{"name: x", 7, "name: x", 6},
		{"name: x", 1, "name: x", 0},
		{"name: x\r", 7, "name: x\ufffd", 6},
		{"\tname:\tx", 8, " name: x", 7},
		{"اسم: x", 6, "اسم: x", 5},
		{"日本: x", 5, "日本: x", 6},                           // wide letters take two cells
		{"e\u0301te\u0301: x", 8, "e\u0301te\u0301: x", 5}, // combining ones none
		{"a\u20dd: x", 5, "a\u20dd: x", 3},
		{"a\u200db: x", 6, "a\u200db: x", 4},
		{"😀: x", 4, "😀: x", 4},
		{"a\x1b[31m: x", 9, "a\ufffd[31m: x", 8},
		{"a\u202e: x", 5, "a\ufffd: x", 4},
		{long, 1, long[:110] + "…", 0},
		{long, 90, long[:110] + "…", 89},
		{long + "b", 201, "…" + long[146:] + "b", 55},
		{long, 100, "…" + long[45:155] + "…", 55},
		{"short", 99, "…", 1}, // beyond the end
		{"", 1, "", 0},
	} {
		cut, before := excerpt(c.line, c.column)
		if cut != c.cut || before != c.before {
			t.Errorf("%q, column %d:\n got %q, %d\nwant %q, %d", c.line, c.column, cut, before, c.cut, c.before)
		}
	}
}

var escape = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestColourIsAllThatColourAdds(t *testing.T) {
	t.Parallel()
	report, sources := reportOn(t, "text.yaml")
	var plain, coloured bytes.Buffer
	for b, color := range map[*bytes.Buffer]bool{&plain: false, &coloured: true} {
		if err := WriteText(b, []*Report{report}, sources, color); err != nil {
			t.Fatal(err)
		}
	}
	if strings.ContainsRune(plain.String(), 0x1b) {
		t.Error("an escape sequence without colour")
	}
	if got := escape.ReplaceAllString(coloured.String(), ""); got != plain.String() {
		t.Error(cmp.Diff(plain.String(), got))
	}
	for line := range strings.Lines(coloured.String()) {
		if codes := escape.FindAllString(line, -1); len(codes) > 0 && codes[len(codes)-1] != "\x1b[0m" {
			t.Errorf("colour runs on after %q", line)
		}
	}
}

// hostile is what a manifest could hold to control, colour, reverse or forge
// what a terminal shows.
const hostile = "\x1b[31m\u009b31m\u202eabc\u2066def\a\x7f"

func TestControlCharactersOfTheManifestNeverReachTheTerminal(t *testing.T) {
	t.Parallel()
	accepted := header + "links: {privacy: /privacy} # \u009b31m\u202e\u2066\x7f\n" +
		"trackers:\n  - {name: a, category: stats} # temoin:allow trk-lifetime-declared because \u009b31m \u202e of \u2066 it\x7f\n" +
		"  - {label: \"two\\nlines:1:1: error forged\", category: stats} # \u202e\n" +
		"services:\n  - {id: s, name: \"A\\nb\", category: essential, lasts: {}} # \u009b\n"
	for _, src := range []string{
		accepted,
		header + "name: \"" + hostile + "\"\n",
		header + "# " + hostile + "\nlinks: 1\n",
		header + "\"\\e[31m\\x9b\\u202e\\n\": 1\n",
		header + "links: {privacy: \"\\e[31m\\u202e\"}\n",
		header + "links: [\u202e\u009b\n",
		"\x1b[31m",
		"\xff\xfe\x1b",
	} {
		var report *Report
		const file = "a\x1b[31m\u202e.yaml"
		if site, err := policy.Parse(file, []byte(src)); err != nil {
			report = Refused(file, err.(*policy.Problems))
		} else {
			report = Run(site, []byte(src), testDay)
		}
		if len(report.Findings) == 0 {
			t.Errorf("nothing is held against %q", src)
		}
		out := string(text(t, report, []byte(src)))
		if i := strings.IndexFunc(out, func(r rune) bool {
			return r != '\n' && (unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069)
		}); i >= 0 {
			t.Errorf("%q is written for %q", out[i:min(i+12, len(out))], src)
		}
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, "lines:1:1") {
				t.Errorf("a finding is forged: %q", line)
			}
		}
	}
	if _, err := policy.Parse("a", []byte(accepted)); err != nil {
		t.Errorf("the manifest that ought to be accepted is not: %v", err)
	}
}

func TestTheLastLineCountsWhatIsNotAllowed(t *testing.T) {
	t.Parallel()
	allowed := header + "trackers: # temoin:allow run-cookie-limits because of nothing\n  " + allowLifetime + "  - {name: a, category: stats}\n"
	for src, want := range map[string]string{
		allowed: ", 1 allowed\n",
		header:  " notes\n",
	} {
		if out := string(text(t, run(t, src), []byte(src))); !strings.HasSuffix(out, want) {
			t.Errorf("%q does not end with %q", out[strings.LastIndexByte(out[:len(out)-1], '\n')+1:], want)
		}
	}
	if got := string(text(t, &Report{}, nil)); got != "0 errors, 0 warnings, 0 notes\n" {
		t.Errorf("%q", got)
	}
}

func TestALastLineThatNothingEndsIsShownToo(t *testing.T) {
	t.Parallel()
	src := strings.TrimSuffix(header+"trackers: [{name: a, category: stats}]\n", "\n")
	if out := string(text(t, run(t, src), []byte(src))); !strings.Contains(out, " |"+" trackers: [{name: a, category: stats}]\n") {
		t.Errorf("%s", out)
	}
}

func TestTheCaretHasTheColourOfItsFinding(t *testing.T) {
	t.Parallel()
	report, sources := reportOn(t, "text.yaml")
	var b bytes.Buffer
	if err := WriteText(&b, []*Report{report}, sources, true); err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Findings {
		label := string(f.Severity)
		if f.Allowed != "" {
			label = "allowed"
		}
		if want := inks(true)[label] + "^"; !strings.Contains(b.String(), want) {
			t.Errorf("no caret of %q", label)
		}
	}
}

func TestARuleSaysWhereAndWhenItHolds(t *testing.T) {
	t.Parallel()
	r, _ := Find("ban-account-reopen")
	r.Until = date(t, "2030-01-01")
	var b bytes.Buffer
	if err := WriteRule(&b, r); err != nil {
		t.Fatal(err)
	}
	if want := "Applies in: FR\nFrom: 2026-01-18\nUntil: 2030-01-01\n"; !strings.Contains(b.String(), want) {
		t.Errorf("%s", &b)
	}
}

func TestTheListOfRulesHoldsEachWithItsLawAndWhatIsPending(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := WriteRules(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	for i, r := range rules {
		if got, want := strings.Fields(lines[i])[:3], []string{r.ID, string(r.Severity), r.Law()}; !slices.Equal(got, want) || !strings.HasSuffix(lines[i], " "+r.Title) {
			t.Errorf("%q", lines[i])
		}
	}
	for _, p := range pending {
		if !strings.Contains(b.String(), "\n  - "+p+"\n") {
			t.Errorf("%q is not listed", p)
		}
	}
}

func TestEveryRuleIsExplained(t *testing.T) {
	t.Parallel()
	for _, r := range append(Rules(), manifestRule) {
		var b bytes.Buffer
		if err := WriteRule(&b, r); err != nil {
			t.Fatal(err)
		}
		allow := "temoin:allow " + r.ID + " because"
		if !r.allowable() {
			allow = "cannot be allowed"
		}
		for _, part := range []string{r.ID, r.Title, r.Why, r.Fix, r.Sources[0].Text, string(r.Sources[0].Certainty), allow} {
			if !strings.Contains(b.String(), part) {
				t.Errorf("%s: %q is not explained", r.ID, part)
			}
		}
	}
}

func TestAReaderIsNotShownThousandsOfFindings(t *testing.T) {
	t.Parallel()
	source := header + "trackers:\n" + strings.Repeat("  - {label: {en: nameless}, category: essential}\n", 400)
	var out strings.Builder
	if err := WriteText(&out, []*Report{run(t, source)}, map[string][]byte{"site.yaml": []byte(source)}, false); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\nsite.yaml:"); n > maxShown {
		t.Errorf("%d findings are shown", n)
	}
	report := run(t, source)
	if want := fmt.Sprintf("\nand %d findings more: ", len(report.Findings)-maxShown); !strings.Contains(out.String(), want) {
		t.Errorf("%q is not said", want)
	}
	if !strings.Contains(out.String(), "more: --format json writes all of them\n") {
		t.Error("nothing says that there are more")
	}
}
