package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// parse reads a manifest that must be a site.
func parse(t testing.TB, src string) *Site {
	t.Helper()
	s, err := Parse("site.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAnExactNameComesBeforeAPatternAndALongerPatternBeforeAShorterOne(t *testing.T) {
	s := parse(t, base+`
trackers:
  - {name: _ga_*, category: necessary}
  - {name: _ga_special, category: necessary}
  - {name: _ga_x*, category: necessary}
  - {name: mp_*_mixpanel, category: necessary}
  - {name: _ga_x*_end, category: necessary}
  - {name: theme, kind: localStorage, category: necessary}
  - {name: token, category: necessary, also: [__Host-token]}
`)
	for _, c := range []struct {
		storage    Storage
		name, want string
	}{
		{Cookie, "_ga_special", "_ga_special"},
		{Cookie, "_ga_specials", "_ga_*"},
		{Cookie, "_ga_xyz", "_ga_x*"},
		{Cookie, "_ga_xyz_end", "_ga_x*_end"},
		{Cookie, "_ga_x", "_ga_*"}, // the star stands for one character or more
		{Cookie, "_ga_", ""},
		{Cookie, "_ga", ""},
		{Cookie, "mp_1234_mixpanel", "mp_*_mixpanel"},
		{Cookie, "mp__mixpanel", ""},
		{Cookie, "theme", ""},
		{LocalStorage, "theme", "theme"},
		{Cookie, "__Host-token", "token"},
		{Cookie, "", ""},
		{Cookie, "_GA_special", ""}, // names have a case
	} {
		got := ""
		if tr := s.TrackerNamed(c.storage, c.name); tr != nil {
			got = tr.Name
		}
		if got != c.want {
			t.Errorf("%s %q: %q, want %q", c.storage, c.name, got, c.want)
		}
	}
}

// naive finds a tracker as the documentation says, by looking at all of them.
func naive(trackers []*Tracker, storage Storage, name string) *Tracker {
	var best *Tracker
	for _, t := range trackers {
		if t.Storage != storage || !t.Matches(name) {
			continue
		}
		if !t.pattern.wild {
			return t
		}
		if best == nil || len(t.pattern.prefix) > len(best.pattern.prefix) ||
			len(t.pattern.prefix) == len(best.pattern.prefix) && len(t.pattern.suffix) > len(best.pattern.suffix) {
			best = t
		}
	}
	return best
}

func TestTheIndexFindsWhatASearchOfAllTrackersFinds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	letters := "ab_"
	word := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte(letters[r.IntN(len(letters))])
		}
		return b.String()
	}
	for range 300 {
		var trackers []*Tracker
		seen := map[string]bool{}
		for range 1 + r.IntN(20) {
			name := word(1 + r.IntN(4))
			if r.IntN(2) == 0 {
				name += "*" + word(r.IntN(3))
			}
			if !seen[name] {
				seen[name] = true
				trackers = append(trackers, &Tracker{Name: name, Storage: Cookie, pattern: compilePattern(name)})
			}
		}
		idx := indexNames(trackers)
		for range 200 {
			name := word(r.IntN(8))
			if got, want := idx.find(Cookie, name), naive(trackers, Cookie, name); got != want {
				t.Fatalf("%q among %v: %v, want %v", name, trackers, got, want)
			}
		}
	}
}

func TestPatternsOverlapExactlyWhenSomeNameMatchesBoth(t *testing.T) {
	var all []string
	for n := 0; n <= 6; n++ {
		for i := range 1 << n {
			all = append(all, strings.NewReplacer("0", "a", "1", "b").Replace(fmt.Sprintf("%0*b", n, i))[:n])
		}
	}
	patterns := []string{"a", "ab", "a*", "ab*", "*b", "a*b", "b*", "aa*", "ab*ab", "a*ab", "*ba"}
	for _, p := range patterns {
		for _, q := range patterns {
			a, b := compilePattern(p), compilePattern(q)
			want := false
			for _, name := range all {
				want = want || a.matches(name) && b.matches(name)
			}
			if got := a.overlaps(b); got != want {
				t.Errorf("%q and %q: %v", p, q, got)
			}
		}
	}
}

func TestAHostIsFoundAsBrowsersWriteIt(t *testing.T) {
	s := parse(t, base+`
services:
  - {id: recaptcha, name: R, category: necessary, because: x, hosts: [www.google.com/recaptcha/]}
  - {id: maps, name: M, category: necessary, because: x, hosts: [www.google.com/maps, "*.googleapis.com"]}
  - {id: stripe, name: S, category: necessary, because: x, hosts: [stripe.com, "*.stripe.com"]}
  - {id: connect, name: C, category: necessary, because: x, hosts: [connect.stripe.com]}
  - {id: analytics, name: A, category: necessary, because: x, hosts: [www.googletagmanager.com/gtag/]}
  - {id: ads, name: D, category: necessary, because: x, hosts: [www.googletagmanager.com/gtag/]}
`)
	for _, c := range []struct{ host, path, want string }{
		{"stripe.com", "/", "stripe"},
		{"js.stripe.com", "/v3/", "stripe"},
		{"a.b.stripe.com", "", "stripe"},
		{"JS.Stripe.COM.", "/", "stripe"},
		{"connect.stripe.com", "/", "connect"},
		{"x.connect.stripe.com", "/", "stripe"},
		{"notstripe.com", "/", ""},
		{"stripe.com.evil.example", "/", ""},
		{"googleapis.com", "/", ""}, // *.x is not x
		{"maps.googleapis.com", "/", "maps"},
		{"www.google.com", "/recaptcha/api.js", "recaptcha"},
		{"www.google.com", "/maps/embed", "maps"},
		{"www.google.com", "/search", ""},
		{"www.googletagmanager.com", "/gtag/js", "analytics ads"},
		{"", "/", ""}, {".", "/", ""}, {strings.Repeat("a.", 200) + "stripe.com", "/", ""},
	} {
		var got []string
		for _, v := range s.ServicesAt(c.host, c.path) {
			got = append(got, v.ID)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s%s: %v, want %q", c.host, c.path, got, c.want)
		}
	}
}

func TestASlashBehindAHostChangesNothing(t *testing.T) {
	s := parse(t, base+`
services:
  - {id: a, name: A, category: necessary, because: x, hosts: ["*.films.example", "*.films.example/"]}
  - {id: b, name: B, category: necessary, because: x, hosts: ["*.films.example/"]}
`)
	if found := s.ServicesAt("x.films.example", "/"); len(found) != 2 || found[0].ID != "a" || found[1].ID != "b" {
		t.Errorf("%v", found)
	}
	if ParseHost("a.example") != ParseHost("a.example/") || ParseHost("a.example/x") == ParseHost("a.example/x/") {
		t.Error("patterns")
	}
}

func TestAPatternTakesInWhatItMatchesAndNoMore(t *testing.T) {
	names := []string{"", "a", "b", "ab", "aab", "aba", "abb", "aabb", "abab", "aaab", "aabab", "abaabb"}
	for _, p := range []string{"*", "a*", "*b", "a*b", "ab*b", "a*ab", "ab", "ab*", "aa*"} {
		for _, q := range []string{"*", "a*", "*b", "a*b", "ab*b", "a*ab", "ab", "ab*", "aa*"} {
			outer, inner := compilePattern(p), compilePattern(q)
			if outer.takesIn(inner) && slices.ContainsFunc(names, func(n string) bool { return inner.matches(n) && !outer.matches(n) }) {
				t.Errorf("%s is said to take in %s", p, q)
			}
			if p == q && !outer.takesIn(inner) {
				t.Errorf("%s does not take in itself", p)
			}
		}
	}
	if !compilePattern("a*").takesIn(compilePattern("a*b")) || !compilePattern("a*").takesIn(compilePattern("ab")) {
		t.Error("a* takes in too little")
	}
}

func TestTheMostExactHostAndThenTheLongestPathDecide(t *testing.T) {
	s := parse(t, base+`
services:
  - {id: all, name: A, category: necessary, because: x, hosts: [cdn.example]}
  - {id: part, name: P, category: necessary, because: x, hosts: [cdn.example/part/]}
  - {id: below, name: B, category: necessary, because: x, hosts: ["*.cdn.example"]}
  - {id: near, name: N, category: necessary, because: x, hosts: ["*.img.cdn.example/near/"]}
  - {id: only, name: O, category: necessary, because: x, hosts: [www.cdn.example/only/]}
`)
	for _, c := range []struct{ host, path, want string }{
		{"cdn.example", "/part/x", "part"}, // although the whole host was declared before
		{"cdn.example", "/x", "all"},
		{"a.img.cdn.example", "/near/x", "near"},
		{"a.img.cdn.example", "/x", "below"}, // a path that does not fit hides nothing further up
		{"www.cdn.example", "/only/x", "only"},
		{"www.cdn.example", "/x", "below"},
	} {
		if found := s.ServicesAt(c.host, c.path); len(found) != 1 || found[0].ID != c.want {
			t.Errorf("%s%s: %v, want %s", c.host, c.path, found, c.want)
		}
	}
}

func TestTheSitesOwnCookieComesBeforeAThirdPartysAndANameBeforeAnotherOfItsNames(t *testing.T) {
	s := parse(t, base+`
trackers:
  - {name: id, category: necessary, party: third, domain: x.example}
  - {name: id, category: necessary}
  - {name: old, category: necessary}
  - {name: new, category: necessary, also: [old]}
`)
	if tr := s.TrackerNamed(Cookie, "id"); tr.Party != FirstParty {
		t.Errorf("id is taken for the cookie of %s", tr.Domain)
	}
	if tr := s.TrackerNamed(Cookie, "old"); tr.Name != "old" {
		t.Errorf("old is taken for %s", tr)
	}
}

func TestASiteAtAnAddressOwnsThatAddressOnly(t *testing.T) {
	s := parse(t, strings.Replace(base, "https://a.example", "https://192.0.2.1", 1))
	if !s.OwnsHost("192.0.2.1") || s.OwnsHost("192.0.2.2") || s.OwnsHost("b.example") {
		t.Error("hosts owned")
	}
}

func TestASiteOwnsItsHostsAndTheirDomain(t *testing.T) {
	s := parse(t, strings.Replace(base, "languages", "hosts: [b.co.uk]\nlanguages", 1))
	for host, want := range map[string]bool{
		"a.example": true, "www.a.example": true, "A.EXAMPLE.": true, "b.co.uk": true, "x.b.co.uk": true,
		"c.co.uk": false, "example": false, "aa.example": false, "a.example.com": false,
	} {
		if s.OwnsHost(host) != want {
			t.Errorf("%s: %v", host, !want)
		}
	}
}

func TestAGateCanDecideFromASiteAlone(t *testing.T) {
	s := parse(t, base+`
hosts: [www.a.example]
services:
  - {id: pay, name: P, category: necessary, because: x, loads: on-use, paths: [/checkout, /pay/], hosts: [pay.example]}
  - {id: tag, name: T, category: necessary, because: x, snippets: ["tag('init'"]}
trusted_hosts:
  - {host: images.example/own/, because: {en: our own pictures}}
`)
	for path, want := range map[string]bool{"/checkout": true, "/checkout/": true, "/checkout/card": true, "/checkouts": false, "/": false, "/pay": false, "/pay/now": true} {
		if s.Service("pay").LoadsAt(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
	if found := s.ServicesIn("x=1;tag('init', 7)"); len(found) != 1 || found[0].ID != "tag" || s.ServicesIn("tagged") != nil {
		t.Errorf("%v", found)
	}
	if s.TrustedAt("images.example", "/own/1.png") == nil || s.TrustedAt("images.example", "/other") != nil {
		t.Error("trusted hosts")
	}
	if !s.Serves("WWW.A.example.") || s.Serves("other.a.example") {
		t.Error("hosts served")
	}
	if n := testing.AllocsPerRun(100, func() { s.OwnsHost("img.a.example") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if known := KnownServicesAt("js.stripe.com", "/v3/"); len(known) != 1 || known[0].ID != "stripe" {
		t.Errorf("%v", known)
	}
}

func TestLookupsAllocateNothing(t *testing.T) {
	s := parse(t, string(wholeCatalogue()))
	for what, lookup := range lookups(s) {
		if n := testing.AllocsPerRun(100, lookup); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}

var (
	trackerSink  *Tracker
	servicesSink []*Service
)

// lookups are those that the gate makes for every cookie and reference.
func lookups(s *Site) map[string]func() {
	return map[string]func(){
		"exact":   func() { trackerSink = s.TrackerNamed(Cookie, "_ga") },
		"pattern": func() { trackerSink = s.TrackerNamed(Cookie, "_ga_3FQ7XH2K9B") },
		"unknown": func() { trackerSink = s.TrackerNamed(Cookie, "cexro_session_of_a_visitor") },
		"host":    func() { servicesSink = s.ServicesAt("js.stripe.com", "/v3/") },
		"below":   func() { servicesSink = s.ServicesAt("region1.google-analytics.com", "/g/collect") },
		"foreign": func() { servicesSink = s.ServicesAt("static.images.example.net", "/a/b.png") },
	}
}

// BenchmarkLookup measures lookups with the whole catalogue loaded beside their
// bound: finding the same string in a Go map.
func BenchmarkLookup(b *testing.B) {
	s := parse(b, string(wholeCatalogue()))
	m := map[string]*Tracker{}
	for _, t := range s.Trackers {
		m[t.Name] = t
	}
	var bound float64 // nanoseconds
	b.Run("bound", func(b *testing.B) {
		for b.Loop() {
			trackerSink = m["_ga"]
		}
		bound = float64(b.Elapsed()) / float64(b.N)
	})
	for _, name := range []string{"exact", "pattern", "unknown", "host", "below", "foreign"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			lookup := lookups(s)[name]
			for b.Loop() {
				lookup()
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/bound, "x-bound")
		})
	}
}

// BenchmarkParse measures a manifest of 300 trackers beside its bound: reading
// the same bytes as YAML.
func BenchmarkParse(b *testing.B) {
	src := manyTrackers(300)
	var bound float64
	b.Run("bound", func(b *testing.B) {
		for b.Loop() {
			if _, problem := readTree("site.yaml", src); problem != nil {
				b.Fatal(problem)
			}
		}
		bound = float64(b.Elapsed()) / float64(b.N)
	})
	b.Run("site", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Parse("site.yaml", src); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed())/float64(b.N)/bound, "x-bound")
	})
}

func manyTrackers(n int) []byte {
	var b strings.Builder
	b.WriteString(base + "trackers:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - name: tracker_%d\n    category: necessary\n    lasts: 13 months\n    reason: interface\n    purpose:\n      en: Keeps preference number %d.\n      fr: Conserve la préférence numéro %d.\n", i, i, i)
	}
	return []byte(b.String())
}
