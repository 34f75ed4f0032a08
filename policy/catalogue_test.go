package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/temoin/temoin/internal/lang"
)

// catalogueLanguages are those that every entry is written in.
var catalogueLanguages = []string{"en", "fr", "ar"}

// inAll reports whether a text is in all the languages of the catalogue.
func inAll(t Text) bool {
	for _, l := range catalogueLanguages {
		if _, ok := t.Get(l); !ok {
			return false
		}
	}
	return true
}

func TestEveryCatalogueEntryIsValid(t *testing.T) {
	for _, id := range CatalogueIDs() {
		t.Run(id, func(t *testing.T) {
			s, ok := Catalogue(id)
			if !ok {
				t.Fatal("not found")
			}
			if s.ID != id {
				t.Errorf("names itself %q", s.ID)
			}
			if s.Name.IsZero() || s.Kind == "" || !inAll(s.Purpose) {
				t.Errorf("lacks a name, a kind or a purpose in %v", catalogueLanguages)
			}
			if len(s.Sources) == 0 {
				t.Error("says nowhere where it was read")
			}
			if len(s.Hosts) > 0 && (s.Provider.Name == "" || s.Provider.Country == "") {
				t.Error("has hosts but no legal entity with its country")
			}
			for _, tr := range s.Trackers {
				checkCatalogueTracker(t, tr)
			}
		})
	}
}

func TestEveryFactOfTheCatalogueHasASource(t *testing.T) {
	for _, id := range CatalogueIDs() {
		s, _ := Catalogue(id)
		have := map[string]bool{}
		for _, src := range s.Sources {
			for _, f := range src.For {
				have[f] = true
			}
			if src.Title == "" || src.URL == "" || src.Read.IsZero() {
				t.Errorf("%s: source %+v", id, src)
			}
		}
		transfers := len(s.Provider.Transfers)
		for _, r := range s.Recipients {
			transfers += len(r.Transfers)
		}
		for fact, given := range map[string]bool{
			"entity":   s.Provider.Name != "" || s.Role != "" || len(s.Recipients) > 0,
			"transfer": transfers > 0,
			"hosts":    len(s.Hosts) > 0,
			"trackers": len(s.Trackers) > 0 || !s.Incomplete, // that it sets nothing is a fact too
			"snippets": len(s.Snippets) > 0,
			"opt_out":  !s.OptOut.IsZero(),
		} {
			if given && !have[fact] {
				t.Errorf("%s: nothing says where %s was read", id, fact)
			}
		}
	}
}

func checkCatalogueTracker(t *testing.T, tr *Tracker) {
	t.Helper()
	if tr.Name == "" || tr.Lasts == nil || tr.Party == "" || !inAll(tr.Purpose) {
		t.Errorf("%s lacks a name, a lifetime, a party or a purpose in %v", tr, catalogueLanguages)
	}
	if prefix, wild := tr.Wild(); wild && len(prefix) < 3 {
		t.Errorf("%s: the pattern is too short", tr)
	}
	if tr.Party == ThirdParty && tr.Domain == "" {
		t.Errorf("%s is a third party's, of no domain", tr)
	}
	if tr.Storage == Cookie && tr.Lasts.Longest().Kind == UntilDeleted {
		t.Errorf("%s: a cookie has an end", tr)
	}
}

func TestCatalogueKnowsTheServicesMostUsed(t *testing.T) {
	ids := CatalogueIDs()
	if len(ids) < 80 {
		t.Errorf("%d services, want 80 at least", len(ids))
	}
	// Leaflet is served by unpkg, cdnjs and jsDelivr.
	for id := range strings.FieldsSeq(`google-analytics google-tag-manager google-ads google-recaptcha google-fonts google-maps youtube
		vimeo dailymotion hotjar microsoft-clarity matomo-cloud matomo piano-analytics plausible meta-pixel linkedin-insight
		tiktok-pixel x-twitter pinterest criteo stripe paypal adyen intercom crisp zendesk hubspot brevo mailchimp cloudflare
		hcaptcha friendly-captcha typeform calendly zoom jitsi daily twilio-video whereby sentry algolia spotify soundcloud
		instagram openstreetmap unpkg cdnjs jsdelivr adobe-fonts trustpilot axeptio didomi`) {
		if !slices.Contains(ids, id) {
			t.Errorf("%s is missing", id)
		}
	}
}

func TestCatalogueNeverPraisesAService(t *testing.T) {
	refused := []string{"anonym", "certifi", "compliant", "conforme", "مجهول"}
	for _, id := range CatalogueIDs() {
		s, _ := Catalogue(id)
		texts := []Text{s.Purpose, s.Sends}
		for _, tr := range s.Trackers {
			texts = append(texts, tr.Purpose, tr.Retired)
		}
		for _, text := range texts {
			for _, l := range lang.Tags() {
				got, _ := text.Get(l)
				if slices.ContainsFunc(refused, func(w string) bool { return strings.Contains(strings.ToLower(got), w) }) {
					t.Errorf("%s: %q", id, got)
				}
			}
		}
	}
}

func TestASiteCanUseTheWholeCatalogue(t *testing.T) {
	site, err := Parse("site.yaml", wholeCatalogue())
	if err != nil {
		t.Fatal(err)
	}
	if len(site.Services) != len(CatalogueIDs()) {
		t.Errorf("%d services of %d", len(site.Services), len(CatalogueIDs()))
	}
}

// wholeCatalogue is a manifest that uses every known service.
func wholeCatalogue() []byte {
	var b strings.Builder
	b.WriteString("temoin: 1\nsite: all\nname: All\nurl: https://all.example\nlanguages: [en]\ncategories:\n  necessary: {exempt: true}\n  others: {needs: consent}\nservices:\n")
	for _, id := range CatalogueIDs() {
		b.WriteString("  - {use: " + id + ", category: others}\n")
	}
	return []byte(b.String())
}

func TestKnownTrackerFindsNamesAndPatterns(t *testing.T) {
	for name, want := range map[string]string{"_ga": "google-analytics", "_ga_ABC123": "google-analytics", "_ga_*": "google-analytics", "_gid": "google-analytics"} {
		tr, ok := KnownTracker(Cookie, name)
		if !ok || tr.Service.ID != want {
			t.Errorf("%s: %v", name, tr)
		}
	}
	for _, name := range []string{"", "ga*", "PHPSESSID_of_mine", "*"} {
		if tr, ok := KnownTracker(Cookie, name); ok {
			t.Errorf("%q is taken for %s of %s", name, tr, tr.Service.ID)
		}
	}
}
