package seal

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/policy"
)

const shop = `temoin: 1
site: shop
name: Shop
url: https://www.shop.example
hosts: [shop.co.uk]
languages: [en]
controller: {name: Shop Ltd, country: FR}
policy: {version: "1"}
choice: {lasts: 6 months, reopen: [{where: page, path: /settings/privacy}]}
categories:
  needed: {exempt: true}
  stats: {needs: consent, purpose: {en: Counting.}}
services:
  - {id: counter, name: Counter, category: stats, hosts: [counter.example, "*.counter.example", "maps.example/js/", "maps.example/api"]}
  - {id: pay, name: Pay, category: needed, hosts: ["pay.example/a;b,c/"], loads: on-use, paths: [/checkout], because: {en: you pay}}
  - {id: lib, name: Lib, category: needed, hosts: [lib.example], loads: always, because: {en: needed}}
  - {id: fonts, name: Fonts, category: needed, hosts: [fonts.example], self_hosted: true}
trusted_hosts: [{host: images.example, because: {en: ours}}]
`

var noon = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

func parse(t testing.TB, src string) *policy.Site {
	t.Helper()
	site, err := policy.Parse("shop.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// decided is a decision after a yes or a no to everything, on a page.
func decided(t testing.TB, site *policy.Site, yes bool, path string) *consent.Decision {
	t.Helper()
	id, err := consent.NewID(noon, nil)
	if err != nil {
		t.Fatal(err)
	}
	choice := consent.Choose(site, id, noon, func(string) bool { return yes })
	d := consent.Decide(site, choice, consent.Signals{Path: path}, noon)
	return &d
}

// notice is what a notice asks for.
var notice = Options{Scripts: []string{"'sha256-s1'", "'sha256-s2'"}, Styles: []string{"'sha256-c1'"}}

func with(mode policy.Enforced) Options {
	o := notice
	o.Mode = mode
	return o
}

const (
	always   = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob: shop.example:* wss://shop.example:* *.shop.example:* wss://*.shop.example:* shop.co.uk:* wss://shop.co.uk:* *.shop.co.uk:* wss://*.shop.co.uk:* images.example:* wss://images.example:*"
	counters = " counter.example:* wss://counter.example:* *.counter.example:* wss://*.counter.example:* maps.example:*/js/ wss://maps.example:*/js/ maps.example:* wss://maps.example:*"
	pays     = " pay.example:*/a%3Bb%2Cc/ wss://pay.example:*/a%3Bb%2Cc/"
	libs     = " lib.example:* wss://lib.example:*"
	told     = "; report-uri /.temoin/report"
)

// framing is the same for each decision: a visitor can have any declared frame shown.
const framing = "; frame-src 'self' data: blob: shop.example:* *.shop.example:* shop.co.uk:* *.shop.co.uk:* images.example:* counter.example:* *.counter.example:* maps.example:*/js/ maps.example:* pay.example:*/a%3Bb%2Cc/ lib.example:*"

func TestThePolicyListsWhatTheDecisionAllows(t *testing.T) {
	t.Parallel()
	site := parse(t, shop)
	s := New(site, with(policy.EnforceBlock))
	for _, c := range []struct {
		name string
		d    *consent.Decision
		want string
	}{
		{"refused", decided(t, site, false, "/"), libs},
		{"refused, where something is used", decided(t, site, false, "/checkout"), pays + libs},
		{"accepted", decided(t, site, true, "/"), counters + libs},
		{"whatever is decided", nil, counters + pays + libs},
	} {
		h := http.Header{}
		s.Apply(h, c.d, "www.shop.example")
		want := always + c.want
		if c.d != nil {
			want += framing
		}
		if got := h.Get(enforced); got != want+told {
			t.Errorf("%s:\n%s, want\n%s", c.name, got, want+told)
		}
		h = http.Header{}
		s.ApplyUnread(h, c.d, "www.shop.example")
		if got := h.Get(enforced); got != always+c.want+told {
			t.Errorf("%s, in a document that is not rewritten:\n%s, want\n%s", c.name, got, always+c.want+told)
		}
	}
}

func TestTheSealReportsUnlessItIsToldToBlock(t *testing.T) {
	t.Parallel()
	site := parse(t, shop)
	d := decided(t, site, false, "/")
	for _, c := range []struct {
		mode  policy.Enforced
		where string
	}{{"", reportOnly}, {policy.EnforceReport, reportOnly}, {policy.EnforceBlock, enforced}, {policy.EnforceOff, ""}} {
		h := http.Header{}
		New(site, with(c.mode)).Apply(h, d, "www.shop.example")
		if len(h) > 1 || c.where != "" && len(h[c.where]) != 1 || c.where == "" && len(h) > 0 {
			t.Errorf("%q: %v", c.mode, h)
		}
	}
}

func TestThePoliciesOfTheUpstreamStayBesideOurs(t *testing.T) {
	t.Parallel()
	site := parse(t, shop)
	s := New(site, with(policy.EnforceBlock))
	h := http.Header{enforced: {"img-src *", "font-src 'self', frame-src 'self'"}, reportOnly: {"media-src 'none'"}}
	s.Apply(h, decided(t, site, false, "/"), "www.shop.example")
	if got := h[enforced]; len(got) != 3 || got[0] != "img-src *" || got[1] != "font-src 'self', frame-src 'self'" || !strings.HasPrefix(got[2], "default-src 'self'") {
		t.Errorf("%q", got)
	}
	if got := h[reportOnly]; len(got) != 1 || got[0] != "media-src 'none'" {
		t.Errorf("%q", got)
	}
}

func TestTheSameArgumentsMakeTheSameHeaders(t *testing.T) {
	t.Parallel()
	site := parse(t, shop)
	s := New(site, notice)
	var before http.Header
	for range 3 {
		h := http.Header{enforced: {"script-src 'self'"}}
		s.Apply(h, decided(t, site, true, "/"), "www.shop.example")
		if before != nil && (h.Get(enforced) != before.Get(enforced) || h.Get(reportOnly) != before.Get(reportOnly)) {
			t.Errorf("%v, then %v", before, h)
		}
		before = h
	}
}

func TestTheTablesOfWhatWasWrittenAreBounded(t *testing.T) {
	t.Parallel()
	site := parse(t, shop)
	s := New(site, notice)
	for i := range 3 * maxKept {
		h := http.Header{enforced: {"script-src 'self' " + strings.Repeat("x", i)}}
		s.Apply(h, nil, "www.shop.example")
	}
	if len(s.theirs) > maxKept || len(s.ours) > maxKept {
		t.Errorf("%d and %d", len(s.theirs), len(s.ours))
	}
}

func TestANonceIsEachAnswersOwn(t *testing.T) {
	t.Parallel()
	s := New(parse(t, shop), with(policy.EnforceOff))
	for _, c := range []struct{ in, want string }{
		{"script-src 'self' 'nonce-abc='; img-src 'nonce-abc='", "script-src 'self' 'nonce-abc=' 'sha256-s1' 'sha256-s2'; img-src 'nonce-abc='"},
		{"script-src 'self' 'nonce-def='; img-src 'nonce-def='", "script-src 'self' 'nonce-def=' 'sha256-s1' 'sha256-s2'; img-src 'nonce-def='"},
		{"script-src 'self' 'nonce-def='; img-src 'nonce-0'", "script-src 'self' 'nonce-def=' 'sha256-s1' 'sha256-s2'; img-src 'nonce-0'"},
		{"script-src 'self' 'unsafe-inline' 'nonce-a b'", "script-src 'self' 'unsafe-inline' 'nonce-a b'"},
		{"script-src 'self' 'unsafe-inline' 'nonce-", "script-src 'self' 'unsafe-inline' 'nonce-"},
	} {
		h := http.Header{enforced: {c.in}}
		s.Apply(h, nil, "www.shop.example")
		if got := h.Get(enforced); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.in, got, c.want)
		}
	}
	if len(s.theirs) != 4 {
		t.Errorf("%d policies are kept: a nonce does not tell two apart", len(s.theirs))
	}
}

func TestAnAnswerCostsOneAllocation(t *testing.T) {
	site := parse(t, shop)
	for _, mode := range []policy.Enforced{policy.EnforceReport, policy.EnforceBlock} {
		s := New(site, with(mode))
		d := decided(t, site, true, "/")
		h := http.Header{}
		theirs := []string{"default-src 'self'; script-src 'self' 'sha256-abc='"}
		if n := testing.AllocsPerRun(100, func() {
			clear(h)
			h[enforced] = theirs
			s.Apply(h, d, "www.shop.example")
		}); n > 1 {
			t.Errorf("%s: %v", mode, n)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	site := parse(b, shop)
	s := New(site, notice)
	d := decided(b, site, true, "/")
	for _, c := range []struct{ name, theirs string }{
		{"alone", ""}, {"beside a policy", "default-src 'self'; script-src 'self' 'sha256-abc='"},
		{"beside one with a nonce", "default-src 'self'; script-src 'self' 'nonce-abc='; style-src 'self' 'nonce-abc='"},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := http.Header{}
			theirs := []string{c.theirs}
			b.ReportAllocs()
			for b.Loop() {
				clear(h)
				if c.theirs != "" {
					h[enforced] = theirs
				}
				s.Apply(h, d, "www.shop.example")
			}
		})
	}
}
