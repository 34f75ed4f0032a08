package consent

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/policy"
)

func TestAnswersSayOfEachServiceWhatHolds(t *testing.T) {
	site, err := policy.Parse("s.yaml", []byte(`temoin: 1
site: s
name: S
url: https://s.example
languages: [en]
categories:
  needed: {exempt: true}
  stats: {needs: consent}
  ads: {needs: consent, advertising: true}
  later: {needs: consent}
services:
  - {id: one, name: One, category: stats, hosts: [one.example]}
  - {id: two, name: Two, category: stats, self_hosted: true}
  - {id: map, name: Map, category: stats, hosts: [map.example], loads: on-use, paths: [/contact], because: {en: shown there}}
  - {id: ad, name: Ad, category: ads, hosts: [ad.example]}
`))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, c := range []struct {
		allow string
		gpc   bool
		want  string
	}{
		{"stats one two ads ad", false, "stats=1&one=1&two=1&ads=1&ad=1"},
		{"stats two", false, "stats=1&one=0&two=1&ads=0&ad=0"},
		{"ad", false, "stats=0&one=0&two=0&ads=0&ad=1"},
		{"stats one two ads ad", true, "stats=1&one=1&two=1&ads=0&ad=0"}, // the signal narrows
		{"", false, "stats=0&one=0&two=0&ads=0&ad=0"},
	} {
		id, err := NewID(now, nil)
		if err != nil {
			t.Fatal(err)
		}
		choice := Choose(site, id, now, func(name string) bool { return slices.Contains(strings.Fields(c.allow), name) })
		d := Decide(site, choice, Signals{GPC: c.gpc}, now)
		if got := d.Answers(); got != c.want {
			t.Errorf("%q: %s, want %s", c.allow, got, c.want)
		}
	}
	none := Decide(site, nil, Signals{}, now)
	if got := none.Answers(); got != "" {
		t.Errorf("without a choice: %s", got)
	}
}

func TestTheMarkOfAValueIsItsMAC(t *testing.T) {
	for value, want := range map[string]string{
		"1&20261121T101500Z&AZyuPb6Yc&analytics=1.q83v&m.Lw0t5rXw8Qk": "m.Lw0t5rXw8Qk",
		"": "", "m.Lw0t5rXw8Qk": "", "1&x": "", "1&m.Lw0t5rXw8Q": "", "1&m.Lw0t5rXw8Q'": "", "1&m.Lw0t5rXw8Qkx": "", "1&mxLw0t5rXw8Qk": "",
	} {
		if got := Mark(value); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}
