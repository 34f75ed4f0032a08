package cookies

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/policy"
)

// shop declares one of every kind of cookie that something is done about.
const shop = `temoin: 1
site: shop
name: Shop
url: https://www.shop.example
languages: [en]
controller: {name: Shop Ltd, country: FR}
policy: {version: "1"}
choice: {cookie: eu-consent, lasts: 6 months, scope: account, conflict: latest}
categories:
  needed: {exempt: true}
  stats: {needs: consent, purpose: {en: Counting.}}
  ads: {needs: consent, advertising: true, purpose: {en: Ads.}}
trackers:
  - {name: sid, category: needed, lasts: session, http_only: true, secure: true, same_site: Lax}
  - {name: __Host-login, category: needed, lasts: {remember-me: 30 days, otherwise: session}, secure: true, http_only: true, same_site: Strict}
  - {name: lang, category: needed, lasts: 1 year}
  - {name: seen, category: needed, lasts: 30 days, sliding: true}
  - {name: mode, category: needed, lasts: until-deleted}
  - {name: cross, category: needed, lasts: 30 days, same_site: None}
  - {name: s_id, category: stats, lasts: 30 days, domain: shop.example, path: /app, http_only: true}
  - {name: __Host-s, category: stats, lasts: 30 days}
  - {name: __Secure-s, category: stats, lasts: 30 days}
services:
  - {id: counter, name: Counter, category: stats, hosts: [counter.example], trackers: [{name: _ga, lasts: 13 months}, {name: _ga_*, lasts: 13 months}]}
  - {id: pay, name: Pay, category: needed, hosts: [pay.example], loads: on-use, paths: [/checkout], because: {en: you pay}, trackers: [{name: p_mid, lasts: 1 year}]}
  - {id: map, name: Map, category: ads, hosts: [map.example], loads: on-use, click: true, because: {en: you click}, trackers: [{name: m_id, lasts: 1 year}]}
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

// events keeps what an observer is told, a line each.
type events []string

func (e *events) Cookie(name string, t *policy.Tracker, what Event) {
	*e = append(*e, fmt.Sprint(what, " ", name))
}

func (e *events) String() string { return strings.Join(*e, ", ") }

// A visit is a filter at noon, and what a visitor allowed.
type visit struct {
	*Filter
	events   *events
	decision consent.Decision
	at       At
}

// visitor returns a visitor who says yes to some categories.
func visitor(t testing.TB, yes string, options ...func(*Options)) *visit {
	t.Helper()
	v := &visit{events: new(events), at: At{Host: "www.shop.example", Path: "/", Page: true}}
	o := Options{Observer: v.events, Now: func() time.Time { return noon }, Rand: func(int) int { return 0 }}
	for _, change := range options {
		change(&o)
	}
	site := parse(t, shop)
	v.Filter = New(site, o)
	v.decide(t, yes, consent.Signals{})
	return v
}

func (v *visit) decide(t testing.TB, yes string, s consent.Signals) {
	t.Helper()
	id, err := consent.NewID(noon, nil)
	if err != nil {
		t.Fatal(err)
	}
	choice := consent.Choose(v.site, id, noon, func(name string) bool {
		if s := v.site.Service(name); s != nil {
			name = s.Category.ID
		}
		return strings.Contains(" "+yes+" ", " "+name+" ")
	})
	v.decision = consent.Decide(v.site, choice, s, noon)
}

// asks returns what the upstream sees of a Cookie header.
func (v *visit) asks(header ...string) (upstream string, c Carried) {
	h := http.Header{"Cookie": header}
	c = v.Request(h, &v.decision, v.at)
	return strings.Join(h["Cookie"], "\n"), c
}

// answers returns what the browser is sent of Set-Cookie headers, after a request.
func (v *visit) answers(request string, set ...string) string {
	c := v.Request(http.Header{"Cookie": {request}}, &v.decision, v.at)
	h := http.Header{"Set-Cookie": set}
	c.Response(h)
	return strings.Join(h["Set-Cookie"], "\n")
}

func observe(o *Options) { o.Observe = true }
func block(o *Options)   { o.Undeclared = policy.EnforceBlock }
func pass(o *Options)    { o.Undeclared = policy.EnforcePass }

func TestTheUpstreamSeesNoCookieThatIsNotAllowed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want, events string }{
		{"sid=1; _ga=2; lang=fr", "sid=1; lang=fr", "removed _ga"},
		{"_ga=2; sid=1", "sid=1", "removed _ga"},
		{"sid=1; _ga=2", "sid=1", "removed _ga"},
		{"_ga=2", "", "removed _ga"},
		{"_ga=2; _ga=3;_ga=4", "", "removed _ga, removed _ga, removed _ga"},
		{"_ga_ABC=2; sid=1; s_id=3", "sid=1", "removed _ga_ABC, removed s_id"},
		{"  _ga = 2 ;sid=1", "sid=1", "removed _ga"},
		{"sid=1;\t_ga\t=2; lang=x", "sid=1; lang=x", "removed _ga"},
		{"sid=1; _ga; lang=x", "sid=1; lang=x", "removed _ga"},
		{"sid=1; _ga=; lang=x", "sid=1; lang=x", "removed _ga"},
		{"sid=1; =_ga=3; lang=x", "sid=1; lang=x", "removed "},
		{"sid=1; _ga=\"a; b=c\"; lang=x", "sid=1; b=c\"; lang=x", "removed _ga, undeclared b"},
		{"lang=\"x; _ga=1; y\"", "lang=\"x; y\"", "removed _ga, undeclared "},
		{"lang=\"x\" _ga=1; sid=1", "sid=1", "removed _ga"},
		{"lang=x, _ga=1; sid=1", "sid=1", "removed _ga"},
		{"lang= _ga=1; sid=1", "sid=1", "removed _ga"},
		{"sid=1; \xa0_ga\x85=2", "sid=1", "removed \xa0_ga\x85"},
		{";;sid=1;;_ga=2;;", ";;sid=1;;;", "removed _ga"},
	} {
		v := visitor(t, "")
		if got, _ := v.asks(c.in); got != c.want || v.events.String() != c.events {
			t.Errorf("%q becomes %q, want %q; told: %s, want %s", c.in, got, c.want, v.events, c.events)
		}
	}
}

func TestWhatIsNotTouchedPassesByteForByte(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"sid=1; lang=fr", "sid=1;lang=fr", " sid = 1 ;  lang=\"fr; x\"", "sid=caf\xe9; \xff=\xfe", "a", "=a", ";;", "", " ; ", "sid=1;",
		"lang=_ga=1", "lang=_ga=1; mode=\"x\"", "lang=a=b=_ga=c", "x_ga=1; _gab=2", "sid=\"_ga\"; lang=[1, 2]", "_GA=1", "eu-consent=1&2&stats=0.AAAA; __Host-temoin-account=x",
	} {
		v := visitor(t, "")
		if got, _ := v.asks(in); got != in {
			t.Errorf("%q becomes %q", in, got)
		}
		everything := visitor(t, "stats ads")
		in += "; _ga=1; _ga_X=\"2\"; s_id=3"
		if got, _ := everything.asks(in); got != in {
			t.Errorf("with everything allowed %q becomes %q", in, got)
		}
	}
}

func TestEachCookieHeaderIsKeptToTheDecision(t *testing.T) {
	t.Parallel()
	v := visitor(t, "")
	h := http.Header{"Cookie": {"sid=1", "_ga=1", "lang=x; _ga=2"}}
	before := h["Cookie"]
	v.Request(h, &v.decision, v.at)
	if want := []string{"sid=1", "lang=x"}; !slices.Equal(h["Cookie"], want) {
		t.Errorf("%q, want %q", h["Cookie"], want)
	}
	if before[1] != "_ga=1" {
		t.Errorf("the headers that came were changed where others may hold them: %q", before)
	}
}

func TestUndeclaredCookiesPassAreToldOfOrAreBlocked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		option       func(*Options)
		up, set, say string
	}{
		{func(*Options) {}, "sid=1; x=2; bare", "x=2", "undeclared x, undeclared , undeclared x"},
		{pass, "sid=1; x=2; bare", "x=2", ""},
		{block, "sid=1", "", "blocked x, blocked , blocked x"},
	} {
		v := visitor(t, "", c.option)
		up, carried := v.asks("sid=1; x=2; bare")
		h := http.Header{"Set-Cookie": {"x=2"}}
		carried.Response(h)
		if set := strings.Join(h["Set-Cookie"], "\n"); up != c.up || set != c.set || v.events.String() != c.say {
			t.Errorf("the upstream sees %q, the browser %q, told: %s; want %q, %q, %s", up, set, v.events, c.up, c.set, c.say)
		}
	}
}

func TestWhatServicesOnUseKeepIsSentWhereTheyAreUsedAndNotExpiredElsewhere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, yes, path, clicked string
		page                     bool
		up, events               string
		expired                  bool
	}{
		{name: "off its path", path: "/", page: true, up: "sid=1", events: "withheld p_mid"},
		{name: "on its path", path: "/checkout/card", page: true, up: "sid=1; p_mid=2"},
		{name: "clicked", path: "/", clicked: "map", page: true, up: "sid=1; m_id=2"},
		{name: "allowed and not used", yes: "ads", path: "/", page: true, up: "sid=1", events: "withheld m_id"},
		{name: "neither allowed nor used", path: "/", page: true, up: "sid=1", events: "removed m_id, expired m_id", expired: true},
		{name: "neither allowed nor used by a part of a page that may use it", path: "/logo.png", up: "sid=1", events: "removed m_id"},
	} {
		v := visitor(t, "")
		s := consent.Signals{Path: c.path}
		if c.clicked != "" {
			s.Clicked = []string{c.clicked}
		}
		v.decide(t, c.yes, s)
		v.at.Path, v.at.Page = c.path, c.page
		name := "m_id"
		if strings.Contains(c.up+c.events, "p_mid") {
			name = "p_mid"
		}
		up, carried := v.asks("sid=1; " + name + "=2")
		h := http.Header{"Cache-Control": {"private"}}
		carried.Response(h)
		if up != c.up || v.events.String() != c.events || len(h["Set-Cookie"]) > 0 != c.expired {
			t.Errorf("%s: the upstream sees %q, want %q; told: %s, want %s; expired: %q", c.name, up, c.up, v.events, c.events, h["Set-Cookie"])
		}
		if got := v.answers("sid=1", name+"=3; Max-Age=60"); (got == "") != c.expired && c.page {
			t.Errorf("%s: the upstream's own is sent as %q", c.name, got)
		}
	}
}

func TestAnAnswerSetsNoCookieThatIsNotAllowed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want, events string }{
		{"_ga=1; Max-Age=60", "", "dropped _ga"},
		{" _ga = 1", "", "dropped _ga"},
		{"_ga", "", "dropped _ga"},
		{"=_ga=1", "", "dropped "},
		{"_ga\n=1", "", "dropped _ga"},
		{"s_id=1; HttpOnly; Path=/app", "", "dropped s_id"},
		{"__Host-s=1; Secure; Path=/", "", "dropped __Host-s"},
		{"_ga_X=1; Max-Age=abc", "", "dropped _ga_X"},
		{"eu-consent=forged; Path=/", "", "dropped eu-consent"},
		{"__Host-temoin-account=forged; Path=/; Secure", "", "dropped __Host-temoin-account"},
		// What deletes always passes.
		{"_ga=; Max-Age=0", "_ga=; Max-Age=0", ""},
		{"_ga=x; Max-Age=-1; Domain=shop.example", "_ga=x; Max-Age=-1; Domain=shop.example", ""},
		{"_ga=; expires=Thu, 01 Jan 1970 00:00:00 GMT", "_ga=; expires=Thu, 01 Jan 1970 00:00:00 GMT", ""},
		{"eu-consent=; Max-Age=0", "eu-consent=; Max-Age=0", ""},
		{"unknown=; Max-Age=0", "unknown=; Max-Age=0", ""},
		// What only seems to.
		{"_ga=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "", "dropped _ga"},
		{"_ga=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Expires=Thu, 01 Jan 2099 00:00:00 GMT", "", "dropped _ga"},
		{"_ga=1; Max-Age=0; Max-Age=60", "", "dropped _ga"},
		{"_ga=1; Max-Age=\"0\"", "", "dropped _ga"},
		{"_ga=1; Max-Age=", "", "dropped _ga"},
		{"_ga=1; Expires=Mon, 31 Feb 2000 00:00:00 GMT", "", "dropped _ga"},
	} {
		v := visitor(t, "")
		if got := v.answers("sid=1", c.in); got != c.want || v.events.String() != c.events {
			t.Errorf("%q becomes %q, want %q; told: %s, want %s", c.in, got, c.want, v.events, c.events)
		}
	}
}

func TestWhatIsAllowedKeepsToWhatIsDeclared(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want, events string }{
		{"within the lifetime", "lang=fr; Max-Age=31536000; Path=/", "lang=fr; Max-Age=31536000; Path=/", ""},
		{"no expiry stays none", "lang=fr; Path=/", "lang=fr; Path=/", ""},
		{"too long by age", "lang=fr; Max-Age=63072000; Path=/", "lang=fr; Max-Age=31536000; Path=/", "clamped lang"},
		{"an age that fits no number", "lang=fr;max-age=99999999999999999999", "lang=fr; Max-Age=31536000", "clamped lang"},
		{"too long by date", "lang=fr; expires=Wed, 01 Jan 2031 00:00:00 GMT; Path=/", "lang=fr; Expires=Sun, 21 Nov 2027 12:00:00 GMT; Path=/", "clamped lang"},
		{"a date by a clock that is ahead", "lang=fr; Expires=Sun, 21 Nov 2027 12:00:30 GMT", "lang=fr; Expires=Sun, 21 Nov 2027 12:00:30 GMT", ""},
		{"both, one of them too long", "lang=fr; Max-Age=60; Expires=Wed, 01 Jan 2031 00:00:00 GMT", "lang=fr; Max-Age=60; Expires=Sun, 21 Nov 2027 12:00:00 GMT", "clamped lang"},
		{"several of one kind", "lang=fr; Max-Age=1; Max-Age=99999999; Max-Age=x", "lang=fr; Max-Age=1; Max-Age=31536000; Max-Age=x", "clamped lang"},
		{"what cannot be read is none", "lang=fr; Max-Age=1e9; Expires=never", "lang=fr; Max-Age=1e9; Expires=never", ""},
		{"months are calendar months", "_ga=1; Max-Age=34560000", "_ga=1; Max-Age=34128000", "clamped _ga"},
		{"until deleted", "mode=dark; Max-Age=99999999", "mode=dark; Max-Age=99999999", ""},
		{"session", "sid=1; Max-Age=60; Secure; HttpOnly; SameSite=Lax; Expires=Wed, 01 Jan 2031 00:00:00 GMT", "sid=1; Secure; HttpOnly; SameSite=Lax", "clamped sid"},
		{"session, written oddly", "sid=1;Secure ; httponly;SAMESITE = strict; \tMax-Age\t= \"60\"; x", "sid=1;Secure ; httponly;SAMESITE = strict; x", "clamped sid"},
		{"what is declared is added", "sid=1", "sid=1; SameSite=Lax; Secure; HttpOnly", "hardened sid"},
		{"what is weaker is corrected", "sid=1; SameSite=None; Secure; Path=/", "sid=1; Secure; Path=/; SameSite=Lax; HttpOnly", "hardened sid"},
		{"what is no value is corrected", "sid=1; samesite=lax; Secure; SameSite=?; httponly", "sid=1; Secure; httponly; SameSite=Lax", "hardened sid"},
		{"what is stricter stays", "lang=1; SameSite=Strict; Secure; HttpOnly", "lang=1; SameSite=Strict; Secure; HttpOnly", ""},
		{"None is not added", "cross=1", "cross=1", ""},
		{"None does not take the place of more", "cross=1; SameSite=Lax", "cross=1; SameSite=Lax", ""},
		{"remembered", "__Host-login=1; Max-Age=2592000; Path=/; Secure; HttpOnly; SameSite=Strict", "__Host-login=1; Max-Age=2592000; Path=/; Secure; HttpOnly; SameSite=Strict", ""},
		{"remembered for too long", "__Host-login=1; Max-Age=2592001; Path=/", "__Host-login=1; Max-Age=2592000; Path=/; SameSite=Strict; Secure; HttpOnly", "clamped __Host-login, hardened __Host-login"},
		{"not remembered", "__Host-login=1; Path=/; Secure; HttpOnly; SameSite=Strict", "__Host-login=1; Path=/; Secure; HttpOnly; SameSite=Strict", ""},
		{"a line break becomes a blank when it is written", "lang=fr;\nMax-Age\r=99999999", "lang=fr; Max-Age=31536000", "clamped lang"},
		{"ends as it began", "sid=1;;HttpOnly;Secure;SameSite=Lax;", "sid=1;;HttpOnly;Secure;SameSite=Lax;", ""},
		{"empty attributes stay", "sid=1;;HttpOnly;Max-Age=9;SameSite=Lax;", "sid=1;;HttpOnly;SameSite=Lax;; Secure", "clamped sid, hardened sid"},
	} {
		v := visitor(t, "stats")
		if got := v.answers("", c.in); got != c.want || v.events.String() != c.events {
			t.Errorf("%s: %q becomes\n%q, want\n%q; told: %s, want %s", c.name, c.in, got, c.want, v.events, c.events)
		}
	}
}

func TestWhereTheBrowserWouldRefuseItSecureIsNotAdded(t *testing.T) {
	t.Parallel()
	v := visitor(t, "")
	v.at.Plain = true
	if got := v.answers("", "sid=1"); got != "sid=1; SameSite=Lax; HttpOnly" {
		t.Errorf("over http: %q", got)
	}
	if got := v.answers("", "sid=1; Secure; HttpOnly; SameSite=Lax"); got != "sid=1; Secure; HttpOnly; SameSite=Lax" {
		t.Errorf("what the upstream says is weakened: %q", got)
	}
}

func TestALifetimeDoesNotBeginAnewUnlessItIsDeclaredToSlide(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, carried, in, want, events string }{
		{"the same again", "lang=fr", "lang=fr; Max-Age=60", "", "repeated lang"},
		{"the same again, with blanks and a copy", "lang = fr ; lang=de", " lang= fr; Max-Age=60", "", "repeated lang"},
		{"another value", "lang=de", "lang=fr; Max-Age=60", "lang=fr; Max-Age=60", "renewed lang"},
		{"for the first time", "x=lang=fr", "lang=fr; Max-Age=60", "lang=fr; Max-Age=60", ""},
		{"without an expiry", "lang=fr", "lang=fr", "lang=fr", ""},
		{"declared to slide", "seen=1", "seen=1; Max-Age=60", "seen=1; Max-Age=60", ""},
		{"kept until it is deleted", "mode=1", "mode=1; Max-Age=60", "mode=1; Max-Age=60", ""},
		{"a box that was ticked", "__Host-login=1", "__Host-login=1; Max-Age=60; Secure; HttpOnly; SameSite=Strict; Path=/",
			"__Host-login=1; Max-Age=60; Secure; HttpOnly; SameSite=Strict; Path=/", "renewed __Host-login"},
	} {
		v := visitor(t, "", pass)
		if got := v.answers(c.carried, c.in); got != c.want || v.events.String() != c.events {
			t.Errorf("%s: %q becomes %q, want %q; told: %s, want %s", c.name, c.in, got, c.want, v.events, c.events)
		}
	}
}

func TestACookieThatMovesIsNotTakenForARepetition(t *testing.T) {
	t.Parallel()
	v := visitor(t, "")
	const gone, moved = "lang=; Max-Age=0; Path=/old", "lang=fr; Max-Age=60; Path=/"
	if got := v.answers("lang=fr", gone, moved); got != gone+"\n"+moved || v.events.String() != "renewed lang" {
		t.Errorf("%q, told: %s", got, v.events)
	}
}

func TestOfSeveralSetCookieHeadersTheOthersStayAsTheyAre(t *testing.T) {
	t.Parallel()
	v := visitor(t, "")
	set := []string{"mode=1", "_ga=1", "lang=fr; Max-Age=99999999", "seen=1"}
	if got := v.answers("", set...); got != "mode=1\nlang=fr; Max-Age=31536000\nseen=1" {
		t.Errorf("%q", got)
	}
	if set[1] != "_ga=1" {
		t.Error("the headers that came were changed where others may hold them")
	}
}

func TestObservingChangesNothingAndTellsEverything(t *testing.T) {
	t.Parallel()
	v := visitor(t, "", observe, block)
	in := "sid=1; _ga=2; x=3; p_mid=4"
	up, c := v.asks(in)
	set := []string{"_ga=1", "sid=1; Max-Age=3", "y=1"}
	h := http.Header{"Set-Cookie": slices.Clone(set)}
	c.Response(h)
	if up != in || !slices.Equal(h["Set-Cookie"], set) {
		t.Errorf("%q, %q", up, h["Set-Cookie"])
	}
	if want := "removed _ga, blocked x, withheld p_mid, dropped _ga, clamped sid, hardened sid, blocked y, expired _ga"; v.events.String() != want {
		t.Errorf("told: %s, want %s", v.events, want)
	}
}

func TestTheFilterFindsWhatTheSiteFinds(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"pix2clip", "platform", "cexro"} {
		for _, published := range []bool{false, true} {
			name, src, err := examples.Manifest(id, published)
			if err != nil {
				t.Fatal(err)
			}
			site, err := policy.Parse(name, src)
			if err != nil {
				t.Fatal(err)
			}
			f := New(site, Options{})
			for _, tracker := range site.Trackers {
				for _, key := range append([]string{tracker.Name, tracker.Name + "x", strings.Replace(tracker.Name, "*", "x", 1)}, tracker.Also...) {
					want := site.TrackerNamed(policy.Cookie, key)
					if got := f.find(key); (got == nil) != (want == nil) || got != nil && got.tracker != want {
						t.Errorf("%s: %q is %v, want %v", name, key, got, want)
					}
				}
			}
		}
	}
}

func TestNobodyNeedsToBeTold(t *testing.T) {
	t.Parallel()
	v := visitor(t, "", func(o *Options) { *o = Options{} })
	if up, _ := v.asks("sid=1; _ga=1; x=2"); up != "sid=1; x=2" {
		t.Errorf("%q", up)
	}
}
