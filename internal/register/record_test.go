package register

import (
	"bytes"
	"encoding/json"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/policy"
)

var noon = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

func site(t testing.TB) *policy.Site {
	t.Helper()
	s, err := policy.Parse("site.yaml", []byte(`temoin: 1
site: shop
name: Shop
url: https://shop.example
languages: [en, fr]
controller: {name: "Shop \"& Sœurs\" <SARL>", form: SARL, siren: 123 456 782, country: FR}
policy: {version: "1.0"}
choice: {lasts: 6 months}
categories:
  needed: {exempt: true}
  stats: {needs: consent}
  ads: {needs: consent}
  later: {needs: consent}
services:
  - {id: one, name: One, category: stats, hosts: [one.example]}
  - {id: two, name: Two, category: stats, hosts: [two.example]}
  - {id: ad, name: Ad, category: ads, hosts: [ad.example]}
`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func choose(t testing.TB, s *policy.Site, yes string) *consent.Choice {
	t.Helper()
	id, err := consent.NewID(noon, nil)
	if err != nil {
		t.Fatal(err)
	}
	return consent.Choose(s, id, noon, func(name string) bool { return strings.Contains(" "+yes+" ", " "+name+" ") })
}

func TestARecordSaysWhatTheEventMeans(t *testing.T) {
	s := site(t)
	for _, c := range []struct {
		action Action
		yes    string
		want   State
	}{
		{Accept, "stats one two ads ad later", Given}, {Accept, "stats one two ads ad", Given}, {Refuse, "", Refused}, {Close, "", Refused},
		{Save, "stats one two", Partial}, {Save, "stats one", Partial}, {Save, "one", Partial}, {Save, "", Refused}, {Withdraw, "", Withdrawn},
		{Save, "later", Refused},
	} {
		r := NewRecord(s, choose(t, s, c.yes), Event{Action: c.action, Language: "fr"})
		if r.State != c.want {
			t.Errorf("%s %q: %s, want %s", c.action, c.yes, r.State, c.want)
		}
	}
	nothing, err := policy.Parse("s", []byte("temoin: 1\nsite: s\nname: S\nurl: https://s.example\nlanguages: [en]\ncategories:\n  n: {exempt: true}\n  later: {needs: consent}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if r := NewRecord(nothing, choose(t, nothing, "later"), Event{Action: Accept}); r.State != Preference || r.Answers[0].InUse {
		t.Errorf("a yes to what is not in use is %s", r.State)
	}
}

// sorted is JSON as RFC 8785 writes it, made by other means.
func sorted(t *testing.T, v any) string {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		parts := make([]string, len(keys))
		for i, k := range keys {
			parts[i] = sorted(t, k) + ":" + sorted(t, v[k])
		}
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = sorted(t, e)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case string:
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(v) + `"`
	case bool:
		if v {
			return "true"
		}
		return "false"
	}
	t.Fatalf("%T is in a record", v)
	return ""
}

func TestARecordsBytesAreCanonical(t *testing.T) {
	s := site(t)
	before := choose(t, s, "").ID
	r := NewRecord(s, choose(t, s, "stats one"), Event{Action: Save, Language: "fr", GPC: true, Account: true, Replaces: &before, Code: "v1", Withdraw: "/.temoin/"})
	b, err := r.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if want := sorted(t, v); string(b) != want {
		t.Errorf("%s\n%s", b, want)
	}
	back, err := ParseRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := back.Canonical(); !bytes.Equal(again, b) {
		t.Error("it does not come back")
	}
	for _, damaged := range []string{
		strings.Replace(string(b), `,"`, `, "`, 1), strings.Replace(string(b), `"action":"save"`, `"action":"save","x":1`, 1), string(b) + "{}", string(b[1:]),
		strings.Replace(string(b), Format, "temoin-record/2", 1), strings.Replace(string(b), "Sœurs", `S\u0153urs`, 1), "", "null", "[]",
	} {
		if _, err := ParseRecord([]byte(damaged)); err == nil {
			t.Errorf("%.60q is taken for a record", damaged)
		}
	}
}

// What could tell who somebody is has no place in a record.
func TestARecordHasNoRoomForAPerson(t *testing.T) {
	b, err := NewRecord(site(t), choose(t, site(t), ""), Event{}).Canonical()
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(b, &fields); err != nil {
		t.Fatal(err)
	}
	var names []string
	for k := range fields {
		names = append(names, k)
	}
	slices.Sort(names)
	want := []string{"action", "answers", "code", "controller", "ends", "exceptions", "format", "id", "jurisdictions", "language", "notice", "policy", "scope", "signals", "site", "state", "time", "withdraw"}
	if !slices.Equal(names, want) {
		t.Errorf("fields %v", names)
	}
}

func FuzzParseRecord(f *testing.F) {
	s := site(f)
	b, _ := NewRecord(s, choose(f, s, "stats"), Event{Action: Save, Language: "fr"}).Canonical()
	f.Add(b)
	f.Add([]byte(`{"format":"temoin-record/1"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRecord(b)
		if err != nil {
			return
		}
		if again, err := r.Canonical(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%v: %s", err, again)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	s := site(b)
	c := choose(b, s, "stats one")
	template := NewTemplate(s)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := template.Record(c, Event{Action: Save, Language: "fr"}).Canonical(); err != nil {
			b.Fatal(err)
		}
	}
}
