package check

import (
	"regexp"
	"strings"
	"testing"

	"github.com/temoin/temoin/policy"
)

// suggested is a fix that names lines for a service of the catalogue.
var suggested = regexp.MustCompile(`^Write ((trackers|lasts|recipients|provider): .*)$`)

// snippet cuts the lines out of a fix: a word, a colon, and a value in brackets.
func snippet(fix string) string {
	depth := 0
	for i, r := range fix {
		switch r {
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				return fix[:i+1]
			}
		}
	}
	return fix
}

// filled puts something that may stand there in the place of each "…".
func filled(snippet string) string {
	for field, value := range map[string]string{"reason": "security", "country": "FR", "tia": "TIA-1", "copy": "/clauses", "transfer": "scc", "privacy": "/privacy"} {
		snippet = strings.ReplaceAll(snippet, field+": …", field+": "+value)
	}
	return strings.ReplaceAll(snippet, ": …", ": session")
}

// times is how often a report says the same.
func times(r *Report, f Finding) int {
	n := 0
	for _, other := range r.of(f.Rule.ID) {
		if other.Message == f.Message {
			n++
		}
	}
	return n
}

// What is suggested for a service of the catalogue can be written as it stands,
// and the finding is gone.
func TestWhatIsSuggestedForAServiceOfTheCatalogueCanBeWritten(t *testing.T) {
	t.Parallel()
	tried := map[string]int{}
	for _, id := range policy.CatalogueIDs() {
		for _, category := range []string{"essential", "stats"} {
			source := header + "services:\n  - use: " + id + "\n    category: " + category + "\n"
			before := run(t, source)
			for _, f := range before.Findings {
				m := suggested.FindStringSubmatch(f.Advice())
				if m == nil || !strings.HasPrefix(f.Path, "services[0]") {
					continue
				}
				tried[f.Rule.ID]++
				written := source + "    " + filled(snippet(m[1])) + "\n"
				site, err := policy.Parse("site.yaml", []byte(written))
				if err != nil {
					t.Errorf("%s, %s: %q: %v", id, f.Rule.ID, f.Advice(), err)
					continue
				}
				if times(Run(site, []byte(written), testDay), f) >= times(before, f) {
					t.Errorf("%s: %q is done, and still: %s", id, m[1], f.Message)
				}
			}
		}
	}
	for _, rule := range []string{"trk-exempt-list", "trk-consent-13m", "trk-400d", "vnd-dpf-live", "vnd-scc-tia"} {
		if tried[rule] == 0 {
			t.Errorf("nothing is suggested by %s: %v", rule, tried)
		}
	}
}

// All that is suggested for one key of a service is one list: the key can be
// written once.
func TestWhatIsSuggestedUnderOneKeyOfAServiceIsOneList(t *testing.T) {
	t.Parallel()
	for _, id := range policy.CatalogueIDs() {
		for _, category := range []string{"essential", "stats"} {
			lists := map[string]string{}
			for _, f := range run(t, header+"services: [{use: "+id+", category: "+category+"}]\n").Findings {
				m := suggested.FindStringSubmatch(f.Advice())
				if m == nil || m[2] != "lasts" && m[2] != "trackers" {
					continue
				}
				if list := snippet(m[1]); lists[m[2]] == "" {
					lists[m[2]] = list
				} else if lists[m[2]] != list {
					t.Errorf("%s: %s and %s", id, lists[m[2]], list)
				}
			}
		}
	}
	allowed := run(t, header+"# temoin:allow trk-400d because we mean it\nservices: [{use: google-analytics, category: stats}]\n")
	for _, f := range allowed.of("trk-400d") {
		if f.Allowed == "" || !strings.HasPrefix(f.Advice(), "Write lasts: {"+strings.Fields(f.Message)[0]+": ") || strings.Count(f.Advice(), "months") != 1 {
			t.Errorf("%+v", f)
		}
	}
}

func TestAFixSaysWhereItGoes(t *testing.T) {
	t.Parallel()
	const stripe = "services:\n  - {use: stripe, category: essential%s}\n"
	for _, c := range []struct{ rule, manifest, fix string }{
		{"trk-exempt-list", strings.Replace(stripe, "%s", "", 1), "Write trackers: [{name: __stripe_mid, reason: …}, {name: __stripe_sid, reason: …}]: one of the listed ones"},
		{"trk-exempt-list", strings.Replace(stripe, "%s", ", trackers: [{name: __stripe_sid, reason: security}]", 1), "Add {name: __stripe_mid, reason: …} to the trackers of stripe: one"},
		{"trk-exempt-list", "trackers: [{name: a, category: essential}]\n", "Write reason: one of the listed ones"},
		{"vnd-dpf-live", strings.Replace(stripe, "%s", "", 1), `Write recipients: [{name: "Stripe, Inc.", country: US, transfer: {mechanism: dpf, checked: 2026-11-21}}], when`},
		{"vnd-dpf-live", strings.Replace(stripe, "%s", `, recipients: [{name: "Stripe, Inc.", transfer: dpf}]`, 1), "Write transfer: {mechanism: dpf, checked: 2026-11-21}, when"},
		{"trk-400d", "services: [{use: google-analytics, category: stats}]\n", "Write lasts: {_ga: 13 months, _ga_*: 13 months}, or a shorter one."},
		{"trk-400d", "services: [{use: google-analytics, category: stats, lasts: {_ga: 3 years, _ga_*: 13 months}}]\n", "Write _ga: 13 months, or a shorter one."},
		{"trk-400d", "services: [{use: google-analytics, category: stats, lasts: {_ga_*: 13 months}}]\n", "Add _ga: 13 months to the lasts of google-analytics, or a shorter one."},
		{"trk-400d", "trackers: [{name: a, category: stats, lasts: 2 years}]\n", "Write lasts: 13 months, or a shorter one."},
		{"trk-400d", "trackers: [{name: a, category: stats, lasts: 2 years, because: It must be.}]\n", "Write lasts: 400 days, or a shorter one."},
		{"trk-400d", "trackers: [{name: a, category: stats, lasts: {remember-me: 2 years, otherwise: session}}]\n", "Write 400 days or less."},
		{"vnd-transfer-per-recipient", "services: [{id: a, name: A, category: stats, provider: {name: A, country: CH}}]\n", "Write transfer: adequacy."},
		{"pol-complaint-cnil", "", "Write authority: cnil if it is the French one, else authority: {name: …, url: …, complaint: …}."},
		{"pol-complaint-cnil", "controller: {name: A, country: FR}\n", "Write authority: cnil."},
		{"pol-complaint-cnil", "controller: {name: A, country: RE}\n", "Write authority: cnil."},
		{"pol-complaint-cnil", "public: {minors: none, countries: [FR]}\n", "Write authority: cnil."},
		{"pol-complaint-cnil", "controller: {name: A, country: DE}\n", "Write authority: {name: …, url: …, complaint: …}: that of the controller's country."},
		{"pol-complaint-cnil", "controller: {name: A, country: US}\npublic: {minors: none, countries: [FR]}\n", "Write authority: {name: …, url: …, complaint: …}: that of the controller's country."},
	} {
		found := run(t, header+c.manifest).of(c.rule)
		if len(found) == 0 || !strings.HasPrefix(found[0].Advice(), c.fix) {
			t.Errorf("%s of %q: %+v, want the fix %q", c.rule, c.manifest, found, c.fix)
		}
	}
}
