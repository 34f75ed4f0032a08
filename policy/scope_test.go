package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const consentBase = `temoin: 1
site: a
name: A
url: https://a.example
languages: [en, fr]
controller: {name: A SAS, siren: 732 829 320}
policy: {version: "2", announce: [banner, email], history: [{version: "1", date: 2026-01-01}]}
choice: {lasts: 6 months}
categories:
  necessary: {exempt: true}
  analytics: {needs: consent, title: {en: Analytics}, purpose: {en: Counts visits., fr: Compte les visites.}}
  other: {needs: consent, purpose: {en: Something else.}}
trackers:
  - {name: session, category: necessary, lasts: session}
  - {name: visits, category: analytics, lasts: 12 months, purpose: {en: Counts you.}}
services:
  - {use: hotjar, category: analytics}
`

// edit replaces text in the base manifest; each part must be there.
func edit(t *testing.T, pairs ...string) *Site {
	t.Helper()
	return parse(t, edited(t, consentBase, pairs...))
}

func edited(t *testing.T, src string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(src, pairs[i]) {
			t.Fatalf("the manifest has no %q", pairs[i])
		}
		src = strings.Replace(src, pairs[i], pairs[i+1], 1)
	}
	return src
}

func TestOnlyWhatConsentDependsOnAsksAgain(t *testing.T) {
	old := parse(t, consentBase)
	for _, c := range []struct {
		what string
		edit []string
		ask  bool // about analytics
	}{
		{"nothing", nil, false},
		{"a title", []string{"{en: Analytics}", "{en: Audience}"}, false},
		{"a translation that is added", []string{"{en: Something else.}", "{en: Something else., fr: Autre chose.}"}, false},
		{"the order of languages", []string{"[en, fr]", "[fr, en]"}, false},
		{"spacing, case and the full stop of a purpose", []string{"Counts visits.", "Counts  Visits"}, false},
		{"a consequence", []string{"{needs: consent, title", "{needs: consent, refused: {en: Nothing.}, title"}, false},
		{"the order of keys", []string{"purpose: {en: Counts visits., fr: Compte les visites.}", "purpose: {fr: Compte les visites., en: Counts visits.}"}, false},
		{"an exempt tracker", []string{"lasts: session}", "lasts: 1 day}\n  - {name: more, category: necessary}"}, false},
		{"the other category", []string{"Something else.", "Advertising."}, false},
		{"an equal lifetime", []string{"12 months", "1 year"}, false},
		{"a shorter lifetime", []string{"12 months", "6 months"}, false},
		{"a tracker less", []string{"  - {name: visits, category: analytics, lasts: 12 months, purpose: {en: Counts you.}}\n", ""}, false},
		{"a service less", []string{"services:\n  - {use: hotjar, category: analytics}\n", ""}, false},
		{"a tracker of a service less", []string{"{use: hotjar, category: analytics}", "{use: hotjar, category: analytics, without: [_hjDonePolls]}"}, false},
		{"the spacing of a company's number", []string{"732 829 320", "732829320"}, false},
		{"a service that is contacted on use", []string{"services:\n", "services:\n  - {id: x, name: X, category: analytics, loads: on-use, click: true}\n"}, false},
		{"a tracker that is exempt by its reason", []string{"services:\n", "  - {name: cart, category: analytics, reason: cart}\nservices:\n"}, false},

		{"the purpose in another language", []string{"Compte les visites.", "Mesure la fréquentation."}, true},
		{"a purpose", []string{"Counts visits.", "Shows you advertising."}, true},
		{"the purpose of a tracker", []string{"Counts you.", "Follows you."}, true},
		{"a longer lifetime", []string{"12 months", "13 months"}, true},
		{"a lifetime that is no longer said", []string{", lasts: 12 months", ""}, true},
		{"another key", []string{"{name: visits,", "{name: visits, also: [ad_id],"}, true},
		{"the same key with a prefix", []string{"{name: visits,", "{name: visits, also: [__Host-visits, __Secure-visits],"}, false},
		{"a pattern instead of a name", []string{"{name: visits,", "{name: visits*,"}, true},
		{"a new tracker", []string{"services:\n", "  - {name: new, category: analytics}\nservices:\n"}, true},
		{"a new service", []string{"services:\n", "services:\n  - {use: matomo-cloud, category: analytics}\n"}, true},
		{"a new recipient", []string{"category: analytics}\n", "category: analytics, recipients: [{name: X, country: US}]}\n"}, true},
		{"another entity", []string{"{use: hotjar,", "{use: hotjar, provider: {name: Z, country: US},"}, true},
		{"another controller", []string{"732 829 320", "940 163 496"}, true},
		{"a name of the same company", []string{"name: A SAS", "name: A Group"}, false},
		{"profiling", []string{"{needs: consent, title", "{needs: consent, profiling: true, title"}, true},
		{"a revision", []string{"{needs: consent, title", "{needs: consent, revision: 1, title"}, true},
		{"advertising", []string{"{needs: consent, title", "{needs: consent, advertising: true, title"}, true},
		{"a service that profiles", []string{"{use: hotjar,", "{use: hotjar, profiling: true,"}, true},
		{"another country of a recipient", []string{"{use: hotjar,", "{use: hotjar, provider: {name: Hotjar Limited, country: US},"}, true},
		{"a service that sets a tracker of the site's", []string{"{name: visits,", "{name: visits, service: hotjar,"}, true},
		{"a tracker that changes its party", []string{"{name: visits,", "{name: visits, party: third, domain: b.example,"}, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			src := edited(t, consentBase, c.edit...)
			now, err := Parse("site.yaml", []byte(src), old)
			if err != nil {
				t.Fatal(err)
			}
			k, before := now.Category("analytics"), old.Category("analytics")
			if honoured := k.Honours(before.Fingerprint().Short()); honoured == c.ask {
				t.Errorf("a grant to the old version holds: %v", honoured)
			}
			if !k.Honours(k.Fingerprint().Short()) {
				t.Error("a grant to this version does not hold")
			}
			if asks := Compare(old, now).AskAgain; slices.Contains(asks, "analytics") != c.ask {
				t.Errorf("the comparison asks again about %s", asks)
			}
		})
	}
}

func TestWhatAnOldScopeTakesInAsksNobody(t *testing.T) {
	wide := edited(t, consentBase, "{name: visits,", "{name: app-*.id, also: [old_id],", "category: analytics}\n", "category: analytics, recipients: [{name: X}]}\n")
	for _, c := range []struct {
		what string
		edit []string
		ask  bool
	}{
		{"one name of a pattern", []string{"app-*.id", "app-1.id"}, false},
		{"a narrower pattern", []string{"app-*.id", "app-1*.id"}, false},
		{"another key on its own", []string{"{name: app-*.id, also: [old_id],", "{name: old_id,"}, false},
		{"a country that is said for the first time", []string{"{name: X}", "{name: X, country: US}"}, false},
		{"a name that is no part of the pattern", []string{"app-*.id", "app-.id"}, true},
		{"another pattern", []string{"app-*.id", "app*.id"}, true},
		{"one name, kept longer", []string{"app-*.id", "app-1.id", "12 months", "13 months"}, true},
		{"one name, for something else", []string{"app-*.id", "app-1.id", "Counts you.", "Follows you."}, true},
		{"one name, kept elsewhere", []string{"{name: app-*.id", "{kind: localStorage, name: app-1.id"}, true},
		{"one name, set by another", []string{"{name: app-*.id", "{service: hotjar, name: app-1.id"}, true},
	} {
		old := parse(t, wide)
		now, err := Parse("site.yaml", []byte(edited(t, wide, c.edit...)), old)
		if err != nil {
			t.Fatal(err)
		}
		if holds := now.Category("analytics").Honours(old.Category("analytics").Fingerprint().Short()); holds == c.ask {
			t.Errorf("%s: a grant to the old version holds: %v", c.what, holds)
		}
		consistent(t, old, now, Compare(old, now))
	}
}

func TestAWiderVersionIsNotHonouredByANarrowerOne(t *testing.T) {
	narrow := edit(t, "services:\n  - {use: hotjar, category: analytics}\n", "")
	wide, err := Parse("site.yaml", []byte(consentBase), narrow)
	if err != nil {
		t.Fatal(err)
	}
	if wide.Category("analytics").Honours(narrow.Category("analytics").Fingerprint().Short()) {
		t.Error("a grant to less is taken for a grant to more")
	}
}

func TestAVersionInBetweenDoesNotBreakAGrant(t *testing.T) {
	first := parse(t, consentBase)
	second := edit(t, "services:\n", "services:\n  - {use: matomo-cloud, category: analytics}\n")
	third, err := Parse("site.yaml", []byte(consentBase), second, first)
	if err != nil {
		t.Fatal(err)
	}
	for _, old := range []*Site{first, second} {
		if !third.Category("analytics").Honours(old.Category("analytics").Fingerprint().Short()) {
			t.Error("a grant that covers all of today's is lost")
		}
	}
}

func TestARewordedPurposeAsksNobodyWhenTheHistorySaysSo(t *testing.T) {
	old := edit(t, `version: "2"`, `version: "1"`)
	src := edited(t, consentBase, "Counts visits.", "We count visits.", "date: 2026-01-01}", "date: 2026-01-01, editorial: [analytics]}")
	now, err := Parse("site.yaml", []byte(src), old)
	if err != nil {
		t.Fatal(err)
	}
	if !now.Category("analytics").Honours(old.Category("analytics").Fingerprint().Short()) {
		t.Error("asks again for a wording")
	}
	if d := Compare(old, now); len(d.AskAgain) != 0 || d.Substantial() {
		t.Errorf("%+v", d)
	}
	src = strings.Replace(src, "services:\n", "services:\n  - {use: matomo-cloud, category: analytics}\n", 1)
	if now, err = Parse("site.yaml", []byte(src), old); err != nil {
		t.Fatal(err)
	}
	if now.Category("analytics").Honours(old.Category("analytics").Fingerprint().Short()) {
		t.Error("a new service hides behind a wording")
	}
}

func TestARewordingHidesNeitherARevisionNorAVersionThatWasMoreThanThat(t *testing.T) {
	old := edit(t, `version: "2"`, `version: "1"`)
	for what, c := range map[string]struct {
		edit   []string
		honour bool
	}{
		"two editorial versions":          {[]string{`[{version: "1", date: 2026-01-01}]`, `[{version: "1.5", date: 2026-02-01, editorial: [analytics]}, {version: "1", date: 2026-01-01, editorial: [analytics]}]`}, true},
		"one version that was more":       {[]string{`[{version: "1", date: 2026-01-01}]`, `[{version: "1.5", date: 2026-02-01}, {version: "1", date: 2026-01-01, editorial: [analytics]}]`}, false},
		"a version that no history names": {[]string{`[{version: "1", date: 2026-01-01}]`, `[{version: "1.5", date: 2026-02-01, editorial: [analytics]}]`}, false},
		"a revision beside the rewording": {[]string{"date: 2026-01-01}", "date: 2026-01-01, editorial: [analytics]}", "{needs: consent, title", "{needs: consent, revision: 1, title"}, false},
	} {
		src := edited(t, consentBase, append(c.edit, "Counts visits.", "We count visits.")...)
		now, err := Parse("site.yaml", []byte(src), old)
		if err != nil {
			t.Fatal(err)
		}
		if got := now.Category("analytics").Honours(old.Category("analytics").Fingerprint().Short()); got != c.honour {
			t.Errorf("%s: a grant to the old version holds: %v", what, got)
		}
	}
}

func TestWhatNobodyWasAskedAboutIsNoGrant(t *testing.T) {
	old := edit(t, "other: {needs: consent", "other: {exempt: true, profiling: true")
	now, err := Parse("site.yaml", []byte(consentBase), old)
	if err != nil {
		t.Fatal(err)
	}
	if now.Category("other").Honours(old.Category("other").Fingerprint().Short()) {
		t.Error("an exempt category's fingerprint is taken for a yes")
	}
	if asks := Compare(old, now).AskAgain; !slices.Contains(asks, "other") {
		t.Errorf("the comparison asks again about %s", asks)
	}
}

// It holds all that a scope can.
const pinnedBase = `temoin: 1
site: a
name: A
url: https://a.example
languages: [en, fr]
controller: {name: A SAS, siren: 732 829 320}
categories:
  analytics: {needs: consent, revision: 2, profiling: true, advertising: true, purpose: {en: Counts visits., fr: Compte les visites.}}
trackers:
  - {name: visits, category: analytics, lasts: 12 months, sliding: true, purpose: {en: Counts you.}}
  - {name: theme_ab, category: analytics, lasts: {remember-me: 30 days, otherwise: session}}
  - {name: seen, kind: localStorage, category: analytics, lasts: until-deleted}
  - {name: other, category: analytics, party: third, domain: b.example, service: meter}
services:
  - id: meter
    name: Meter
    category: analytics
    profiling: true
    provider: {name: Meter SA, country: FR}
    recipients: [{name: Meter Inc., country: US}]
    hosts: [a.meter.example, "*.meter.example/m/"]
    purpose: Measures.
    sends: {en: your IP address}
    trackers: [{name: _m}]
  - {use: google-fonts, category: analytics}
`

// Grants are kept for years, under fingerprints that a later Témoin must find
// again: a change of these values asks every visitor of every site again. They
// pin which parts a scope has, in which order, and how each is written. The name
// of the format is the first of them ("temoin scope 2"). What the catalogue says
// of google-fonts is in it by its id, but for who receives data.
func TestAFingerprintIsTheSameInEveryRelease(t *testing.T) {
	withoutNumber := edited(t, pinnedBase, ", siren: 732 829 320", "")
	for src, want := range map[string]string{
		pinnedBase:    "8c34e434b1548cb91b2154dc0e6eadb2d5ec39eeff51b945ef435b8c280f4244",
		withoutNumber: "07d9afeb3847924c9788f7653473e992702499993fadbf9918a531d092ac4a90",
	} {
		f := parse(t, src).Category("analytics").Fingerprint()
		if got := f.String(); got != want {
			t.Errorf("the fingerprint is %s, want %s", got, want)
		}
		if got := fmt.Sprintf("%06x", f.Short()); got != f.String()[:6] {
			t.Errorf("its first 24 bits are %s", got)
		}
	}
}

func TestALifetimeWithoutAPeriodIsPartOfTheFingerprint(t *testing.T) {
	seen := map[Fingerprint]string{}
	for _, lasts := range []string{"session", "until-deleted", "12 months"} {
		f := edit(t, "{name: visits, category: analytics, lasts: 12 months", "{name: visits, kind: localStorage, category: analytics, lasts: "+lasts).Category("analytics").Fingerprint()
		if other, twice := seen[f]; twice {
			t.Errorf("%s and %s have the same fingerprint", other, lasts)
		}
		seen[f] = lasts
	}
}

func TestTwoCategoriesWithTheSameContentHaveDifferentFingerprints(t *testing.T) {
	s := parse(t, base+"") // one exempt category
	two := parse(t, strings.Replace(base, "{necessary: {exempt: true}}", "{a: {needs: consent}, b: {needs: consent}}", 1))
	if two.Category("a").Fingerprint() == two.Category("b").Fingerprint() || s.Categories[0].Fingerprint().Short() > 1<<24-1 {
		t.Error("fingerprints")
	}
}
