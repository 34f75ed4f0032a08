package check

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/policy"
)

// header begins the manifests of these tests; what a test is about follows it.
const header = `temoin: 1
site: fixture
name: Fixture
url: https://shop.example
languages: [en]
categories:
  essential: {exempt: true}
  stats: {needs: consent}
`

// run checks a manifest that must parse.
func run(t testing.TB, source string) *Report {
	t.Helper()
	site, err := policy.Parse("site.yaml", []byte(source))
	if err != nil {
		t.Fatalf("%v\n%s", err, source)
	}
	return Run(site, []byte(source), testDay)
}

// of returns the findings of one rule.
func (r *Report) of(rule string) []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Rule.ID != rule })
}

// An allowance is tried on trk-lifetime-declared, which finds every tracker
// without a lifetime and names it. Those that a name ends in "-ok" are to be
// allowed, and no others.
func holdsForTheRightOnes(t *testing.T, source string) {
	t.Helper()
	for _, f := range run(t, source).of("trk-lifetime-declared") {
		name, _, _ := strings.Cut(f.Message, " ")
		if want := strings.HasSuffix(name, "-ok"); want != (f.Allowed != "") {
			t.Errorf("line %d: %s is allowed: %v\n%s", f.Position.Line, name, !want, source)
		}
	}
}

const allowLifetime = "# temoin:allow trk-lifetime-declared because the vendor has not said\n"

func TestAnAllowanceHoldsForTheLineItStandsOn(t *testing.T) {
	t.Parallel()
	holdsForTheRightOnes(t, header+`trackers:
  - {name: a, category: stats}
  - {name: b-ok, category: stats} `+allowLifetime+`  - {name: c, category: stats}
  - name: d-ok `+allowLifetime+`    category: stats
  - name: e
    category: stats `+allowLifetime)
}

func TestAnAllowanceHoldsForTheEntryBelowIt(t *testing.T) {
	t.Parallel()
	holdsForTheRightOnes(t, header+`trackers:
  - {name: a, category: stats}
  `+allowLifetime+`  - name: b-ok
    category: stats

    # a remark within the entry

    secure: true
  - {name: c, category: stats}
  # first a remark,
  `+allowLifetime+`  # then another, and an empty line

  - {name: d-ok, category: stats}
  - {name: e, category: stats}
`)
}

func TestAnAllowanceHoldsForTheWholeListBelowIt(t *testing.T) {
	t.Parallel()
	holdsForTheRightOnes(t, header+allowLifetime+`trackers:
  - {name: a-ok, category: stats}

# not indented
  - name: b-ok
    category: stats
services:
  - {id: s, name: S, category: stats, trackers: [{name: c}]}
`)
}

func TestAnAllowanceHoldsForAListAsFarLeftAsItsKey(t *testing.T) {
	t.Parallel()
	holdsForTheRightOnes(t, header+allowLifetime+`trackers:
- {name: a-ok, category: stats}
- name: b-ok
  category: stats
services:
- id: s
  name: S
  category: stats
  `+allowLifetime+`  trackers:
  - name: c-ok
  - name: d-ok
- id: u
  name: U
  category: stats
  trackers:
  `+allowLifetime+`  - name: e-ok
    secure: true
  - name: f
`)
}

func TestAnAllowanceHoldsForElementsThatBeginOnTheLineBelowTheirDash(t *testing.T) {
	t.Parallel()
	holdsForTheRightOnes(t, header+allowLifetime+`trackers:
-
  name: a-ok
  category: stats
-
  name: b-ok
  category: stats
services: [{id: s, name: S, category: stats, trackers: [{name: c}]}]
`)
}

func TestAnAllowanceHoldsInsideNestedLists(t *testing.T) {
	t.Parallel()
	holdsForTheRightOnes(t, header+`services:
  - id: s
    name: S
    category: stats
    trackers:
      `+allowLifetime+`      - {name: a-ok}
      - {name: b}
      - {name: c-ok} `+allowLifetime+`  `+allowLifetime+`  - id: u
    name: U
    category: stats
    trackers:
      - name: d-ok
      - {name: e-ok}
  - {id: v, name: V, category: stats, trackers: [{name: f}, {name: g}]}
`)
}

func TestAnAllowanceAtTheTopHoldsForTheWholeFile(t *testing.T) {
	t.Parallel()
	const trackers = "trackers:\n  - {name: a-ok, category: stats}\n  - {name: b-ok, category: stats}\n"
	for _, top := range []string{
		allowLifetime + "\n",
		"# Our policy.\n\n" + allowLifetime + "# and a remark\n\n",
		"\n\n" + allowLifetime + "\n\n",
		"\ufeff" + allowLifetime + "\n",
	} {
		holdsForTheRightOnes(t, top+header+trackers)
	}
	// Without an empty line it is the first entry's, and useless there.
	report := run(t, allowLifetime+header+strings.ReplaceAll(trackers, "-ok", ""))
	if useless := report.of("allow-unused"); len(useless) != 1 || useless[0].Severity != Info || useless[0].Position.Line != 1 {
		t.Errorf("%+v", useless)
	}
	// Further down it is never the whole file's.
	holdsForTheRightOnes(t, header+allowLifetime+"\nlinks: {privacy: /privacy}\n"+strings.ReplaceAll(trackers, "-ok", ""))
}

func TestAnAllowanceSilencesNoOtherRule(t *testing.T) {
	t.Parallel()
	report := run(t, allowLifetime+"\n"+header+"trackers:\n  - {name: a b, category: stats}\n")
	for _, f := range report.Findings {
		if allowed := f.Allowed != ""; allowed != (f.Rule.ID == "trk-lifetime-declared") {
			t.Errorf("%s is allowed: %v", f.Rule.ID, allowed)
		}
	}
	if len(report.of("trk-exact-name")) != 1 || len(report.of("trk-purpose")) != 1 {
		t.Error("the tracker's other faults are not found")
	}
}

func TestSeveralAllowancesStandAboveOneEntry(t *testing.T) {
	t.Parallel()
	report := run(t, header+"trackers:\n  # temoin:allow trk-purpose because it says so itself\n  "+allowLifetime+"  - {name: a, category: stats}\n")
	if len(report.of("allow-unused")) != 0 {
		t.Errorf("%+v", report.of("allow-unused"))
	}
	for _, rule := range []string{"trk-purpose", "trk-lifetime-declared"} {
		if f := report.of(rule); len(f) != 1 || f[0].Allowed == "" {
			t.Errorf("%s: %+v", rule, f)
		}
	}
}

func TestAnAllowedFindingKeepsItsReasonAndIsNotCounted(t *testing.T) {
	t.Parallel()
	with := run(t, header+"trackers:\n  "+allowLifetime+"  - {name: a, category: stats}\n")
	without := run(t, header+"trackers:\n  - {name: a, category: stats}\n")
	if f := with.of("trk-lifetime-declared"); len(f) != 1 || f[0].Allowed != "the vendor has not said" {
		t.Errorf("%+v", f)
	}
	if with.Count(Error) != without.Count(Error)-1 {
		t.Errorf("%d errors with the allowance, %d without", with.Count(Error), without.Count(Error))
	}
}

func TestAnAllowedNoteIsNotCounted(t *testing.T) {
	t.Parallel()
	report := run(t, "# temoin:allow pol-public because it is said elsewhere\n\n"+header)
	if f := report.of("pol-public"); len(f) != 1 || f[0].Severity != Info || f[0].Allowed == "" {
		t.Fatalf("%+v", f)
	}
	if with, without := report.Count(Info), run(t, header).Count(Info); with != without-1 {
		t.Errorf("%d notes with the allowance, %d without", with, without)
	}
}

func TestAnAllowanceWithoutAReasonSilencesNothing(t *testing.T) {
	t.Parallel()
	for _, comment := range []string{"", " because", " because ", " because\t", ", because it is so", " since it is so"} {
		report := run(t, header+"trackers:\n  - {name: a, category: stats} # temoin:allow trk-lifetime-declared"+comment+"\n")
		if f := report.of("trk-lifetime-declared"); len(f) != 1 || f[0].Allowed != "" {
			t.Errorf("%q: %+v", comment, f)
		}
		if f := report.of("allow-unused"); len(f) != 1 || f[0].Message != "gives no reason" || f[0].Position != (policy.Position{Line: 10, Column: 32}) {
			t.Errorf("%q: %+v", comment, f)
		}
	}
}

func TestOnlyACommentAllows(t *testing.T) {
	t.Parallel()
	report := run(t, header+`trackers:
  - {name: a#temoin:allow, category: stats}
  - {name: b, category: stats, label: {en: a#temoin:allow trk-lifetime-declared because of nothing}}
`)
	if n := len(report.of("allow-unused")); n != 0 {
		t.Errorf("%d allowances are read", n)
	}
}

func TestLineEndsOfOtherSystemsChangeNothing(t *testing.T) {
	t.Parallel()
	source := header + `trackers:
  ` + allowLifetime + `  - name: a-ok
    category: stats
  - {name: b, category: stats}
  - {name: c-ok, category: stats} ` + allowLifetime
	other := strings.ReplaceAll(source, "\n", "\r\n")
	holdsForTheRightOnes(t, other)
	for _, f := range run(t, other).of("trk-lifetime-declared") {
		if strings.Contains(f.Allowed, "\r") {
			t.Errorf("the reason is %q", f.Allowed)
		}
	}
	if n := len(run(t, other).of("allow-unused")); n != 0 {
		t.Errorf("%d allowances are useless", n)
	}
}

func TestAnAllowanceOfARuleThatIsNotInForceIsNotCalledUseless(t *testing.T) {
	t.Parallel()
	source := header + "links: {privacy: /privacy} # temoin:allow vnd-dpf-live because it was in force\n"
	site, err := policy.Parse("site.yaml", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[int]int{9: 0, 10: 1} {
		on := policy.Date{Year: 2023, Month: time.July, Day: day}
		if got := len(Run(site, []byte(source), on).of("allow-unused")); got != want {
			t.Errorf("on %s: %d findings, want %d", on, got, want)
		}
	}
}

func TestARuleIsFoundByItsID(t *testing.T) {
	t.Parallel()
	for _, r := range append(Rules(), manifestRule) {
		if found, ok := Find(r.ID); !ok || found.ID != r.ID {
			t.Errorf("%s: found %q, %v", r.ID, found.ID, ok)
		}
	}
	if found, ok := Find("trk-nothing"); ok || found.ID != "" {
		t.Errorf("found %q, %v", found.ID, ok)
	}
}

func TestOnlyTheFirstAllowancesAreRead(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]bool{maxAllowances: false, maxAllowances + 1: true, maxAllowances + 100: true} {
		src := strings.Repeat("# temoin:allow trk-purpose because one of many\n", n) + header
		said := slices.ContainsFunc(run(t, src).of("allow-unused"), func(f Finding) bool { return f.Severity == Error })
		if said != want {
			t.Errorf("of %d comments, it is said that some were not read: %v", n, said)
		}
	}
}

const allowComplaint = "# temoin:allow pol-complaint-cnil because the page says it elsewhere\n"

func TestAnAllowanceAtTheTopHoldsForWhatTheFileLacks(t *testing.T) {
	t.Parallel()
	for _, top := range []string{
		allowComplaint,
		allowComplaint + "\n",
		"\n" + allowComplaint,
		"# Our policy.\n" + allowComplaint + "# and a remark\n",
		"---\n" + allowComplaint,
		allowComplaint + "---\n",
		"\ufeff" + allowComplaint,
	} {
		report := run(t, top+header)
		if f := report.of("pol-complaint-cnil"); len(f) != 1 || f[0].Allowed == "" || len(report.of("allow-unused")) != 0 {
			t.Errorf("%q: %+v, %+v", top, f, report.of("allow-unused"))
		}
	}
	for _, source := range []string{ // it does not stand at the top
		strings.Replace(header, "site:", allowComplaint+"site:", 1),
		header + allowComplaint,
		"temoin: 1 " + allowComplaint + strings.TrimPrefix(header, "temoin: 1\n"),
	} {
		report := run(t, source)
		if f := report.of("pol-complaint-cnil"); len(f) != 1 || f[0].Allowed != "" || len(report.of("allow-unused")) != 1 {
			t.Errorf("%q: %+v", source, f)
		}
	}
	// A finding with a line of its own is not allowed from there.
	report := run(t, "# temoin:allow trk-lifetime-declared because of nothing\n"+header+"trackers: [{name: a, category: stats}]\n")
	if f := report.of("trk-lifetime-declared"); len(f) != 1 || f[0].Allowed != "" {
		t.Errorf("%+v", f)
	}
}

func TestWhatTheFileLacksHasNoLine(t *testing.T) {
	t.Parallel()
	source := "# A remark.\n" + header
	for _, f := range run(t, source).Findings {
		if lacks := !f.Position.IsValid(); lacks != (f.Rule.ID != "pol-category-said" && f.Rule.ID != "pol-consequences" && f.Rule.ID != "pol-exempt-informed") {
			t.Errorf("%s stands at %v", f.Rule.ID, f.Position)
		}
	}
	if out := string(text(t, run(t, source), []byte(source))); strings.Contains(out, "A remark") {
		t.Errorf("a remark is quoted:\n%s", out)
	}
}

// What stands within a text allows nothing, and hides no comment behind it.
func TestATextThatLooksLikeAnAllowanceIsNone(t *testing.T) {
	t.Parallel()
	const allow = "# temoin:allow trk-lifetime-declared because hi"
	for _, entry := range []string{
		`  - {name: a, category: stats, purpose: "Docs ` + allow + `"}`,
		`  - {name: a, category: stats, purpose: 'It''s ` + allow + `'}`,
		`  - {name: a, category: stats, purpose: "a \" ` + allow + `"}`,
		`  - {name: a, category: stats, purpose: &x "Docs ` + allow + `"}`,
		`  - {name: a, category: stats, purpose: &x'y !!str "Docs ` + allow + `"}`,
		"  - name: a\n    category: stats\n    purpose: |\n      Docs\n      " + allow,
		"  - name: a\n    category: stats\n    purpose: >-\n\n      " + allow + "\n\n      more",
		"  - name: a\n    category: stats\n    purpose: |2\n        " + allow + "\n      " + allow,
		"  - name: a\n    purpose: \"Docs\n      " + allow + "\n\n      more\"\n    category: stats",
		"  - name: a\n    purpose: &x # a remark\n      \"" + allow + "\"\n    category: stats",
		"  - purpose: {en: \"Docs\n        " + allow + "\"}\n    name: a\n    category: stats",
	} {
		report := run(t, header+"trackers:\n"+entry+"\n")
		if f := report.of("trk-lifetime-declared"); len(f) != 1 || f[0].Allowed != "" || len(report.of("allow-unused")) != 0 {
			t.Errorf("%s: %+v %+v", entry, f, report.of("allow-unused"))
		}
		inside := strings.Replace(entry, "name: a", "name: a-ok", 1)
		holdsForTheRightOnes(t, header+"trackers:\n  "+allow+"\n"+inside+"\n  - {name: b, category: stats}\n")
		holdsForTheRightOnes(t, header+"trackers:\n"+entry+"\n  - {name: b-ok, category: stats} "+allow+"\n")
	}
	// Behind a text on the same line, and behind the header of a block, it is one.
	holdsForTheRightOnes(t, header+"trackers:\n  - {name: a-ok, category: stats, purpose: \"Docs # no\"} "+allow+"\n")
	report := run(t, header+"trackers:\n  - name: a\n    category: stats\n    purpose: | # temoin:allow trk-nothing because hi\n      Docs\n")
	if len(report.of("allow-unused")) != 1 {
		t.Error("the comment behind a block's header is not read")
	}
	// A line of a text that looks like the next entry does not end the first.
	holdsForTheRightOnes(t, header+"trackers:\n  "+allow+"\n  - purpose: {en: \"x\n  - y\"}\n    name: a-ok\n    category: stats\n  - {name: b, category: stats}\n")
}

func TestARuleThatIsMisspeltIsGuessed(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"trk-exempt":     "trk-exempt-list trk-exempt-service trk-exempt-single-purpose",
		"trk-exempt-lis": "trk-exempt-list", "trk-wildcard-saef": "trk-wildcard-safe", "zzz": "", "tr": "", "manifst": "manifest",
	} {
		if got := strings.Join(Near(word), " "); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
	found := run(t, header+"links: {privacy: /privacy} # temoin:allow vnd-dpf-life because hi\n").of("allow-unused")
	if len(found) != 1 || found[0].Advice() != "Write vnd-dpf-live, if that is meant." {
		t.Errorf("%+v", found)
	}
}
