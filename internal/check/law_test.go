package check

import (
	"slices"
	"strings"
	"testing"

	"github.com/temoin/temoin/policy"
)

func date(t *testing.T, s string) policy.Date {
	t.Helper()
	d, err := policy.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const yearLong = `temoin: 1
site: law
name: Law
url: https://law.example
languages: [en]
choice: {lasts: 1 year, scope: account, reopen: [{where: button}]}
categories: {necessary: {exempt: true}}
`

func TestANationalRuleHoldsUnderItsLawOnly(t *testing.T) {
	for country, want := range map[string]bool{
		"controller: {name: A, country: FR}":                                              true,
		"controller: {name: A, country: RE}":                                              true, // La Réunion
		"controller: {name: A, country: DE}":                                              false,
		"controller: {name: A, country: DE}\npublic: {minors: none, countries: [DE, FR]}": true,
		"controller: {name: A, country: DE}\nauthority: cnil":                             true,
		"controller: {name: A}":                                                           true, // nothing tells: the rules of every country
	} {
		if got := len(run(t, yearLong+country+"\n").of("run-choice-six-months")) > 0; got != want {
			t.Errorf("%s: %v", country, got)
		}
	}
}

func TestARuleHoldsFromItsFirstDayToTheDayBeforeItsLast(t *testing.T) {
	src := []byte(yearLong + "controller: {name: A, country: FR}\n")
	site, err := policy.Parse("site.yaml", src)
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[string]bool{"2026-01-17": false, "2026-01-18": true} {
		if got := len(Run(site, src, date(t, day)).of("ban-account-reopen")) > 0; got != want {
			t.Errorf("%s: %v", day, got)
		}
	}
	r := Rule{From: date(t, "2026-11-21"), Until: date(t, "2026-12-01")}
	for day, want := range map[string]bool{"2026-11-20": false, "2026-11-21": true, "2026-11-30": true, "2026-12-01": false} {
		if got := r.appliesTo(site, date(t, day)); got != want {
			t.Errorf("%s: %v", day, got)
		}
	}
}

// A rule of the European Union that holds only in some countries, or only from
// some day, would be silent where the law is not.
func TestARuleThatRestsOnMoreThanNationalTextsHoldsInTheWholeUnion(t *testing.T) {
	t.Parallel()
	for _, r := range rules {
		national := func(s Source) bool {
			return s.Certainty == House || strings.HasPrefix(s.Text, "CNIL") || strings.HasPrefix(s.Text, "Loi 78-17") || strings.HasPrefix(s.Text, "INSEE")
		}
		if r.Countries != nil && slices.ContainsFunc(r.Sources, func(s Source) bool { return !national(s) }) {
			t.Errorf("%s holds in %s only, and rests on %v", r.ID, r.Law(), r.Sources)
		}
	}
}

func TestOnlyTheseRulesBeganOnADay(t *testing.T) {
	t.Parallel()
	began := map[string]policy.Date{"vnd-dpf-live": date(t, "2023-07-10"), "ban-account-reopen": date(t, "2026-01-18")}
	for _, r := range rules {
		if r.From != began[r.ID] || !r.Until.IsZero() {
			t.Errorf("%s holds from %v until %v", r.ID, r.From, r.Until)
		}
	}
}
