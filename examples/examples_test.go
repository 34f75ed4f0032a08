package examples_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
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
		s, _ := load(t, site, false)
		have := map[string]map[string]bool{}
		for _, p := range s.Prose {
			if have[p.Path] == nil {
				have[p.Path] = map[string]bool{}
			}
			have[p.Path][p.Lang] = true
		}
		for path, langs := range have {
			if langs[""] {
				continue
			}
			for _, l := range s.Langs {
				if !langs[l] {
					t.Errorf("%s: %s lacks %s", site, path, l)
				}
			}
		}
	}
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
