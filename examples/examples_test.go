package examples_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/internal/check"
	"github.com/temoin/temoin/policy"
)

var update = flag.Bool("update", false, "write the golden files anew")

var day = policy.Date{Year: 2026, Month: time.November, Day: 21}

func load(t *testing.T, site string, asPublished bool) (*policy.Site, *check.Report) {
	t.Helper()
	name, src, err := examples.Manifest(site, asPublished)
	if err != nil {
		t.Fatal(err)
	}
	s, err := policy.Parse(name, src)
	if err != nil {
		t.Fatal(err)
	}
	return s, check.Run(s, src, day)
}

func TestTheCorrectedSitesHaveNoError(t *testing.T) {
	for _, site := range examples.Sites {
		_, report := load(t, site, false)
		for _, f := range report.Findings {
			if f.Severity == check.Error && f.Allowed == "" {
				t.Errorf("%s:%d: %s [%s]", f.File, f.Position.Line, f.Message, f.Rule.ID)
			}
		}
	}
}

// versions are those of a site's corrected policy, the one in force first, each
// compiled with those before it.
func versions(t *testing.T, site string) ([]examples.File, []*policy.Site) {
	t.Helper()
	files, err := examples.Versions(site)
	if err != nil {
		t.Fatal(err)
	}
	var out []*policy.Site
	for _, f := range slices.Backward(files) {
		s, err := policy.Parse(f.Name, f.Src, out...)
		if err != nil {
			t.Fatal(err)
		}
		out = append([]*policy.Site{s}, out...)
	}
	return files, out
}

func TestAnEarlierVersionIsInTheHistoryAndHadNoErrorWhenItTookEffect(t *testing.T) {
	n := 0
	for _, site := range examples.Sites {
		files, all := versions(t, site)
		history := all[0].Policy.History
		if len(history) != len(all)-1 {
			t.Fatalf("%s: %d earlier versions, %d in the history", site, len(all)-1, len(history))
		}
		for i, old := range all[1:] {
			n++
			if old.ID != site || history[i].Version != old.Policy.Version || history[i].Date != old.Policy.Effective || !old.Policy.Effective.Before(all[i].Policy.Effective) {
				t.Errorf("%s: %s %s from %s, in the history %+v", files[i+1].Name, old.ID, old.Policy.Version, old.Policy.Effective, history[i])
			}
			for _, on := range []policy.Date{old.Policy.Effective, day} {
				for _, f := range check.Run(old, files[i+1].Src, on).Findings {
					if f.Severity == check.Error {
						t.Errorf("%s: %s:%d: %s [%s]", on, f.File, f.Position.Line, f.Message, f.Rule.ID)
					}
				}
			}
		}
	}
	if n == 0 {
		t.Error("no site has an earlier version")
	}
}

func TestWhoAcceptedTheVisitCounterBeforeTheVideoLessonsIsNotAskedAgain(t *testing.T) {
	_, all := versions(t, "platform")
	now, old := all[0].Category("analytics"), all[1].Category("analytics")
	if !now.Honours(old.Fingerprint().Short()) {
		t.Error("asked again")
	}
	if d := policy.Compare(all[1], all[0]); len(d.AskAgain) > 0 || !d.Substantial() {
		t.Errorf("asks again about %v, substantial: %v", d.AskAgain, d.Substantial())
	}
	if all[1].Service("daily") != nil || len(all[1].Trackers) >= len(all[0].Trackers) {
		t.Error("the list was no shorter")
	}
}

// The golden files show, line by line, what is held against each policy as it
// was published.
func TestThePublishedPoliciesAreCriticised(t *testing.T) {
	for _, site := range examples.Sites {
		name, src, err := examples.Manifest(site, true)
		if err != nil {
			t.Fatal(err)
		}
		_, report := load(t, site, true)
		var got bytes.Buffer
		if err := check.WriteText(&got, []*check.Report{report}, map[string][]byte{name: src}, false); err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join(site, "site.as-published.findings.txt")
		if *update {
			if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", golden, diff)
		}
	}
}

// What a reader of the three policies would hold against them is found by the
// rules, each fault by the rule that is about it.
func TestTheRulesFindWhatAReaderFinds(t *testing.T) {
	for _, fault := range []struct {
		site, rule, words string
		times             int
	}{
		{"platform", "trk-wildcard-safe", "ga*", 1},
		{"platform", "trk-no-legit-interest", "theme", 1},
		{"platform", "pol-date-locale", "Mai", 1},
		{"platform", "pol-no-empty-section", "", 8},
		{"platform", "vnd-transfer-per-recipient", "2 mechanisms", 3},
		{"platform", "vnd-named", "Online payment", 1},
		{"platform", "vnd-named", "Video sessions", 1},
		{"platform", "trk-exact-name", "Authentication session", 1},
		{"platform", "trk-exact-name", "CSRF token", 1},
		{"platform", "trk-party-provider", "_ga", 1},
		{"platform", "pol-citation", "13 months", 1},
		{"platform", "pol-citation", "art. 6(1)(a)", 1},
		{"platform", "pol-complaint-cnil", "home page", 1},
		{"platform", "pol-controller-identity", "", 1},
		{"platform", "trk-similar-tech-enumerated", "similar technologies", 1},
		{"cexro", "trk-deprecated", "_gid", 1},
		{"cexro", "trk-deprecated", "_hjid", 1},
		{"cexro", "trk-400d", "_ga is", 1},
		{"cexro", "vnd-optout-not-substitute", "", 1},
		{"cexro", "pol-anonymity-claim", "anonymes", 2},
		{"cexro", "pol-no-empty-section", "ils permettent", 1},
		{"cexro", "vnd-remote-resource", "Google Fonts", 1},
		{"cexro", "pol-control-claim", "Contrôle total", 1},
		{"cexro", "pol-claim-bound", "ip-", 1},
		{"cexro", "ses-persistent-optin", "auth_token", 1},
		{"cexro", "run-choice-six-months", "1 year", 1},
		{"cexro", "pol-stale-review", "2025-01-15", 1},
		{"pix2clip", "pol-citation", "82", 2},
		{"pix2clip", "pol-compliance-claim", "CNIL", 1},
		{"pix2clip", "trk-exact-name", "no key", 3},
		{"pix2clip", "pol-version-dates", "", 2},
		{"pix2clip", "run-withdraw-everyone", "", 1},
		{"pix2clip", "pol-complaint-cnil", "", 1},
	} {
		_, report := load(t, fault.site, true)
		n := 0
		for _, f := range report.Findings {
			if f.Rule.ID == fault.rule && strings.Contains(f.Message, fault.words) {
				n++
			}
		}
		if n < fault.times {
			t.Errorf("%s: %s with %q is found %d times, want %d", fault.site, fault.rule, fault.words, n, fault.times)
		}
	}
}

func TestEveryCorrectedSiteSpeaksAllItsLanguages(t *testing.T) {
	for _, site := range examples.Sites {
		_, all := versions(t, site)
		for _, s := range all {
			for _, lack := range untranslated(s) {
				t.Errorf("%s: %s", s.File, lack)
			}
		}
	}
}

// untranslated says which texts lack a language of the site.
func untranslated(s *policy.Site) []string {
	have := map[string]map[string]bool{}
	for _, p := range s.Prose {
		if have[p.Path] == nil {
			have[p.Path] = map[string]bool{}
		}
		have[p.Path][p.Lang] = true
	}
	var out []string
	for path, langs := range have {
		for _, l := range s.Langs {
			if !langs[""] && !langs[l] {
				out = append(out, path+" lacks "+l)
			}
		}
	}
	return out
}

func ExampleManifest() {
	name, src, err := examples.Manifest("cexro", false)
	if err != nil {
		fmt.Println(err)
		return
	}
	site, err := policy.Parse(name, src)
	if err != nil {
		fmt.Println(err)
		return
	}
	t := site.TrackerNamed(policy.Cookie, "_ga_AB12CD34")
	fmt.Println(t.Name, "of", t.Service.Name.In("en"), "is kept", t.Lasts, "when", t.Category.ID, "is accepted")
	// Output: _ga_* of Google Analytics 4 is kept 13 months when analytics is accepted
}
