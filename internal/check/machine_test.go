package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/temoin/temoin/policy"
)

func TestJSONHoldsEachFinding(t *testing.T) {
	t.Parallel()
	report, _ := reportOn(t, "machine.yaml")
	var b bytes.Buffer
	if err := WriteJSON(&b, []*Report{report}); err != nil {
		t.Fatal(err)
	}
	golden(t, "machine.golden.json", b.Bytes())
	if !json.Valid(b.Bytes()) {
		t.Error("it is not JSON")
	}
}

func TestAReportWithoutFindingsIsAlsoWritten(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := WriteJSON(&b, nil); err != nil {
		t.Fatal(err)
	}
	if want := `"findings": []`; !strings.Contains(b.String(), want) {
		t.Errorf("%s lacks %s", &b, want)
	}
	sarifOfReports(t)
}

// sarifOfReports writes reports as SARIF and holds the result against the
// schema of OASIS.
func sarifOfReports(t *testing.T, reports ...*Report) *sarif.Run {
	t.Helper()
	var b bytes.Buffer
	if err := WriteSARIF(&b, reports, "1.2.3"); err != nil {
		t.Fatal(err)
	}
	// Validate sees what the module's types write again: it must be able to read
	// all of ours, and some of what it writes for absent values is no SARIF.
	strict := json.NewDecoder(bytes.NewReader(b.Bytes()))
	strict.DisallowUnknownFields()
	if err := strict.Decode(new(sarif.Report)); err != nil {
		t.Fatal(err)
	}
	log, err := sarif.FromBytes(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range log.Runs {
		run.Language, run.Tool.Driver.Language, run.NewlineSequences = "en-US", "en-US", []string{"\n"}
	}
	if err := log.Validate(); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || len(log.Runs) != 1 {
		t.Fatalf("version %s, %d runs", log.Version, len(log.Runs))
	}
	return log.Runs[0]
}

func TestSARIFKeepsToItsSchema(t *testing.T) {
	t.Parallel()
	report, _ := reportOn(t, "machine.yaml")
	run := sarifOfReports(t, report)
	if n := len(run.Tool.Driver.Rules); n != len(rules)+1 {
		t.Errorf("%d rules are described, want %d", n, len(rules)+1)
	}
	if len(run.Results) != len(report.Findings) {
		t.Fatalf("%d results for %d findings", len(run.Results), len(report.Findings))
	}
	for i, f := range report.Findings {
		got := run.Results[i]
		if *got.RuleID != f.Rule.ID || *run.Tool.Driver.Rules[got.RuleIndex].ID != f.Rule.ID {
			t.Errorf("result %d is of rule %s, by its index of %s, want %s", i, *got.RuleID, *run.Tool.Driver.Rules[got.RuleIndex].ID, f.Rule.ID)
		}
		if want := map[Severity]string{Error: "error", Warning: "warning", Info: "note"}[f.Severity]; got.Level != want {
			t.Errorf("result %d is a %s, want %s", i, got.Level, want)
		}
		region := got.Locations[0].PhysicalLocation.Region
		if *region.StartLine != f.Position.Line || *region.StartColumn != f.Position.Column {
			t.Errorf("result %d is at %d:%d, want %v", i, *region.StartLine, *region.StartColumn, f.Position)
		}
		if f.Allowed != "" && *got.Suppressions[0].Justification != f.Allowed {
			t.Errorf("result %d is suppressed because %q, want %q", i, *got.Suppressions[0].Justification, f.Allowed)
		}
		if want := f.Message + ". " + f.Advice(); *got.Message.Text != want {
			t.Errorf("result %d says %q, want %q", i, *got.Message.Text, want)
		}
		if suppressed := len(got.Suppressions) == 1; suppressed != (f.Allowed != "") {
			t.Errorf("result %d is suppressed: %v, allowed because %q", i, suppressed, f.Allowed)
		}
	}
}

func TestSARIFNamesTheFileAsAnAddress(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"site.yaml":            "site.yaml",
		"sites/my site.yaml":   "sites/my%20site.yaml",
		"été.yaml":             "%C3%A9t%C3%A9.yaml",
		"a:b.yaml":             "./a:b.yaml",
		"/srv/sites/site.yaml": "/srv/sites/site.yaml",
		"50%#1?.yaml":          "50%25%231%3F.yaml",
	} {
		_, err := policy.Parse(file, []byte("temoin: 2\n"))
		problems, ok := err.(*policy.Problems)
		if !ok {
			t.Fatalf("%v", err)
		}
		run := sarifOfReports(t, Refused(file, problems))
		if got := *run.Results[0].Locations[0].PhysicalLocation.ArtifactLocation.URI; got != want {
			t.Errorf("%q is named %q, want %q", file, got, want)
		}
		if *run.Results[0].RuleID != "manifest" {
			t.Errorf("%s", *run.Results[0].RuleID)
		}
	}
}

func TestOneErrorMoreIsOne(t *testing.T) {
	t.Parallel()
	if more := (&Report{File: "site.yaml", More: 1}).moreErrors(); more != "site.yaml: at least 1 more error is not listed: mend these first, then check again" {
		t.Error(more)
	}
}

func TestWhatIsNotListedIsSaidInEveryFormat(t *testing.T) {
	t.Parallel()
	var src strings.Builder
	src.WriteString(header)
	for i := range 80_000 {
		fmt.Fprintf(&src, "k%d: 1\n", i)
	}
	_, err := policy.Parse("site.yaml", []byte(src.String()))
	report := Refused("site.yaml", err.(*policy.Problems))
	out := string(text(t, report, []byte(src.String())))
	if !strings.HasSuffix(out, "site.yaml: at least 900 more errors are not listed: mend these first, then check again\nat least 1000 errors, 0 warnings, 0 notes\n") {
		t.Errorf("%s", out[max(len(out)-300, 0):])
	}
	var b bytes.Buffer
	if err := WriteJSON(&b, []*Report{report}); err != nil {
		t.Fatal(err)
	}
	var doc struct{ Errors, Unlisted int }
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil || doc.Errors != 1000 || doc.Unlisted != 900 {
		t.Errorf("%+v, %v", doc, err)
	}
	run := sarifOfReports(t, report)
	if last := run.Results[len(run.Results)-1]; len(run.Results) != 101 || !strings.Contains(*last.Message.Text, "at least 900 more errors are not listed") {
		t.Errorf("%d results, the last is %q", len(run.Results), *last.Message.Text)
	}
}

func TestSARIFOfAFileThatCannotBeReadHasNoPlace(t *testing.T) {
	t.Parallel()
	_, err := policy.Parse("empty.yaml", nil)
	run := sarifOfReports(t, Refused("empty.yaml", err.(*policy.Problems)))
	if region := run.Results[0].Locations[0].PhysicalLocation.Region; region != nil {
		t.Errorf("%+v", region)
	}
}

func TestSARIFDescribesEachRuleAndHowPlacesAreCounted(t *testing.T) {
	t.Parallel()
	run := sarifOfReports(t)
	if v := run.Tool.Driver.Version; v == nil || *v != "1.2.3" {
		t.Error("the version is not said")
	}
	if kind := run.ColumnKind; kind == nil || *kind != "unicodeCodePoints" {
		t.Error("what columns count is not said")
	}
	for i, r := range append([]Rule{manifestRule}, rules...) {
		got := run.Tool.Driver.Rules[i]
		if *got.ID != r.ID || *got.ShortDescription.Text != r.Title || *got.FullDescription.Text != r.Why || *got.Help.Text != r.Fix {
			t.Errorf("%s is described as %s", r.ID, *got.ID)
		}
		if want := map[Severity]string{Error: "error", Warning: "warning", Info: "note"}[r.Severity]; got.DefaultConfiguration.Level != want {
			t.Errorf("%s is a %s, want %s", r.ID, got.DefaultConfiguration.Level, want)
		}
		if sources, ok := got.Properties.Properties["sources"].([]any); !ok || len(sources) != len(r.Sources) {
			t.Errorf("%s: sources %v", r.ID, got.Properties)
		}
	}
}
