package notice

import (
	"encoding/json"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"golang.org/x/net/html"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/policy"
)

// get asks for a page as somebody who has made a choice.
func get(t testing.TB, n *Notice, c *consent.Choice, target string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	n.Serve(w, r, Visit{Choice: c, Decision: decide(n.site, c, consent.Signals{GPC: r.Header.Get("Sec-GPC") == "1"})})
	return w.Result()
}

func body(t testing.TB, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTheCentreShowsTheChoiceOfNow(t *testing.T) {
	s := site(t, "cexro")
	n := compile(t, s)
	none := body(t, get(t, n, nil, "/.temoin/?lang=fr"))
	if strings.Contains(none, " checked") || strings.Contains(none, `value="withdraw"`) || strings.Contains(none, "/receipts/") {
		t.Error("without a choice something is on, or can be withdrawn")
	}
	c := choose(t, s, "analytics", "google-analytics")
	some := body(t, get(t, n, c, "/.temoin/?lang=fr"))
	for _, want := range []string{
		`value="analytics" aria-describedby="what-analytics" checked`, `value="google-analytics" checked`,
		`value="withdraw"`, "/.temoin/receipts/" + c.ID.String(), "21 novembre 2026", "21 novembre 2027", `<html lang="fr" dir="ltr">`,
	} {
		if !strings.Contains(some, want) {
			t.Errorf("with a choice there is no %s", want)
		}
	}
	if strings.Count(some, " checked") != 2 {
		t.Errorf("%d switches are on", strings.Count(some, " checked"))
	}
	if refused := body(t, get(t, n, choose(t, s), "/.temoin/?lang=fr")); strings.Contains(refused, `value="withdraw"`) || !strings.Contains(refused, "/receipts/") {
		t.Error("a refusal can be withdrawn, or has no receipt")
	}
	for _, left := range []string{"data-now", "data-ticked", "data-content", "\x00"} {
		if strings.Contains(some, left) {
			t.Errorf("%s is left in the page", left)
		}
	}
}

func TestTheCentreIsTheVisitorsAloneAndRunsNothing(t *testing.T) {
	n := compile(t, site(t, "cexro"))
	r := get(t, n, nil, "/.temoin/?lang=ar")
	h := r.Header
	if h.Get("Cache-Control") != "private, no-store" || !strings.Contains(h.Get("Vary"), "Cookie") {
		t.Errorf("it may be kept: %v", h)
	}
	csp := h.Get("Content-Security-Policy")
	if !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") || strings.Contains(csp, "script-src") || strings.Contains(csp, "unsafe") {
		t.Errorf("its policy is %s", csp)
	}
	if page := body(t, r); !strings.Contains(page, `lang="ar" dir="rtl"`) || strings.Contains(page, "<script") || strings.Contains(page, " style=") {
		t.Error("it has another language, a script or a style of an element")
	}
}

func TestTheFragmentHoldsWhatThePageHolds(t *testing.T) {
	s := site(t, "cexro")
	n := compile(t, s)
	c := choose(t, s, "support")
	page, fragment := body(t, get(t, n, c, "/.temoin/?lang=fr")), body(t, get(t, n, c, "/.temoin/?part=centre&lang=fr"))
	from := strings.Index(fragment, `<div part="now"`)
	to := strings.Index(fragment, `<form><button part="close" formmethod="dialog">`)
	if from < 0 || to < from || !strings.Contains(page, fragment[from:to]) {
		t.Error("the two differ")
	}
	_, data, _ := strings.Cut(fragment, "data-wipe>")
	data, _, _ = strings.Cut(data, "</script>")
	var wipes [][]any
	if err := json.Unmarshal([]byte(data), &wipes); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, w := range wipes {
		names = append(names, w[1].(string))
	}
	if !slices.Contains(names, "_ga") || !slices.Contains(names, "cexro_export") || slices.Contains(names, "cexro_lang") || slices.Contains(names, "cookie_consent") {
		t.Errorf("what is wiped: %v", names)
	}
}

func TestThePreferencesStandInAPageOfTheSiteAsTheyStandInTheirOwn(t *testing.T) {
	s := site(t, "cexro")
	n := compile(t, s)
	c := choose(t, s, "analytics", "google-analytics")
	page := body(t, get(t, n, c, "/.temoin/?lang=ar"))
	r := httptest.NewRequest(http.MethodGet, "https://cexro.com/compte/cookies", nil)
	within := string(n.Preferences(r, "ar", Visit{Choice: c, Decision: decide(s, c, consent.Signals{})}))
	from, to := strings.Index(within, `<div part="now"`), strings.LastIndex(within, "</template></div>")
	if from < 0 || to < from || !strings.Contains(page, strings.TrimSpace(within[from:to])) {
		t.Errorf("the two differ: %s", within)
	}
	if !strings.HasPrefix(within, `<div lang="ar" dir="rtl"><template shadowrootmode="open"><style>`) || strings.Contains(within, "<script") {
		t.Error("it has no shadow root, another direction, or a script")
	}
	style, _, _ := strings.Cut(within[strings.Index(within, "<style>")+len("<style>"):], "</style>")
	if _, styles := n.Hashes(); !slices.Contains(styles, source([]byte(style))) {
		t.Error("a page with a policy of its own does not let its style stand")
	}
}

func TestThePreferencesSayWhoseChoiceApplies(t *testing.T) {
	s := site(t, "pix2clip")
	n := compile(t, s)
	c := choose(t, s, "audience")
	r := httptest.NewRequest(http.MethodGet, "https://pix2clip.example/settings", nil)
	for name, c := range map[string]struct {
		visit Visit
		said  string // the form that changes it; "" for none
	}{
		"the browser's": {Visit{Choice: c}, ""}, "the account's": {Visit{Choice: c, Follows: true}, "device"},
		"a device of its own": {Visit{Choice: c, Own: true}, "account"}, "one that has not chosen": {Visit{Own: true}, "account"},
	} {
		c.visit.Decision = decide(s, c.visit.Choice, consent.Signals{})
		page := string(n.Preferences(r, "en", c.visit))
		for _, follow := range []string{"device", "account"} {
			if strings.Contains(page, `name="follow" value="`+follow+`"`) != (follow == c.said) {
				t.Errorf("%s: the form by which it follows the %s: %v", name, follow, follow != c.said)
			}
		}
	}
}

func TestStateSaysWhatHolds(t *testing.T) {
	s := site(t, "cexro")
	n := compile(t, s)
	var st state
	c := choose(t, s, "analytics", "google-analytics")
	if err := json.Unmarshal([]byte(body(t, get(t, n, c, "/.temoin/state"))), &st); err != nil {
		t.Fatal(err)
	}
	if st.ID != c.ID.String() || !st.Answers["analytics"] || st.Answers["support"] || !slices.Contains(st.Allows, "google-analytics") ||
		slices.Contains(st.Allows, "hotjar") || !slices.Contains(st.Allows, "essential") || len(st.Asks) != 0 || st.Until != "2027-11-21T12:00:00Z" {
		t.Errorf("the state is %+v", st)
	}
	if none := body(t, get(t, n, nil, "/.temoin/state")); !strings.Contains(none, `"answers":{},"allows":["essential","google-fonts"],"asks":["analytics","functional","support"]`) {
		t.Errorf("without a choice: %s", none)
	}
}

func TestAPlaceholderStandsForItsOwnServiceOnly(t *testing.T) {
	n := compile(t, site(t, "cexro"))
	const at = "/.temoin/placeholder/hotjar?lang=fr&src="
	r := get(t, n, nil, at+"https%3A%2F%2Fstatic.hotjar.com%2Fx%3Fa%3D1%26b%3D%2522", "Referer", "http://example.com/page?q=1")
	page := body(t, r)
	if r.StatusCode != http.StatusOK {
		t.Fatal(page)
	}
	for _, want := range []string{`href="https://static.hotjar.com/x?a=1&amp;b=%22"`, `target="_top"`, `name="asked" value="hotjar"`, `name="allow" value="hotjar"`, `value="/page?q=1"`, `<input type="hidden" name="action" value="save">`} {
		if !strings.Contains(page, want) {
			t.Errorf("there is no %s", want)
		}
	}
	for _, src := range []string{
		"", "https%3A%2F%2Fexample.net%2F", "javascript%3Aalert(1)", "%2F%2Fstatic.hotjar.com%2F", "https%3A%2F%2Fuser%40static.hotjar.com%2F",
		"data%3Atext%2Fhtml%2C", "https%3A%2F%2Fwidget.intercom.io%2F", "https%3A%2F%2Fstatic.hotjar.com.evil.example%2F",
	} {
		if r := get(t, n, nil, at+src); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s is answered by %d", src, r.StatusCode)
		}
	}
	if r := get(t, n, nil, "/.temoin/placeholder/nobody?src=https%3A%2F%2Fstatic.hotjar.com%2F"); r.StatusCode != http.StatusNotFound {
		t.Errorf("a service that does not exist is answered by %d", r.StatusCode)
	}
	away := body(t, get(t, n, nil, at+"https%3A%2F%2Fstatic.hotjar.com%2F", "Referer", "https://other.example/secret"))
	if strings.Contains(away, "secret") {
		t.Error("a page of another site is led back to")
	}
	// Nobody is asked about a service that loads on use: only a click loads it.
	stripe := body(t, get(t, n, nil, "/.temoin/placeholder/stripe?lang=fr&src=https%3A%2F%2Fjs.stripe.com%2F"))
	if strings.Contains(stripe, "<form") || !strings.Contains(stripe, "js.stripe.com") {
		t.Error("a service that loads on use can be allowed always, or not at all")
	}
}

func TestScriptsAreServedByTheirHash(t *testing.T) {
	n := compile(t, site(t, "cexro"))
	hash := n.scripts["centre"].version
	r := get(t, n, nil, "/.temoin/centre.js?v="+hash, "Accept-Encoding", "gzip, br")
	if r.Header.Get("Content-Encoding") != "br" || !strings.Contains(r.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("the header is %v", r.Header)
	}
	unpacked, err := io.ReadAll(brotli.NewReader(r.Body))
	if err != nil || string(unpacked) != string(n.chunks["centre"]) {
		t.Errorf("it is another script (%v)", err)
	}
	if r := get(t, n, nil, "/.temoin/centre.js?v=old"); r.Header.Get("Cache-Control") != "no-cache" || r.Header.Get("Content-Encoding") != "" {
		t.Errorf("an old version may be kept: %v", r.Header)
	}
	for _, path := range []string{"/.temoin/guard.js", "/.temoin/nothing", "/.temoin/x.js", "/other"} {
		if r := get(t, n, nil, path); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s is answered by %d", path, r.StatusCode)
		}
	}
}

func TestTheLanguageIsThatOfThePageThenOfTheCookieThenOfTheBrowser(t *testing.T) {
	n := compile(t, look(t, "cexro", "locale_cookie: NEXT_LOCALE"))
	for _, c := range []struct{ page, cookie, accept, want string }{
		{"ar", "fr", "fr", "ar"},
		{"ar-MA", "", "", "ar"},
		{"de", "ar", "fr", "ar"},
		{"", "ar_MA.UTF-8", "fr", "ar"},
		{"", `"ar"`, "fr", "ar"},
		{"", "arabic", "fr", "fr"},
		{"", "", "ar-EG,fr;q=0.5", "ar"},
		{"", "", "de,en", "fr"},
		{"", "", "", "fr"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if c.cookie != "" {
			r.Header.Set("Cookie", "NEXT_LOCALE="+c.cookie)
		}
		r.Header.Set("Accept-Language", c.accept)
		if got := n.Language(r, c.page); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// What the site hosts itself for a service contacts nobody, and is chosen all the same.
func TestAServiceThatTheSiteHostsItselfIsShownAsItWasChosen(t *testing.T) {
	t.Parallel()
	s := site(t, "cexro", "  - use: hotjar\n", "  - {id: own, name: Own, category: analytics, hosts: [own.example], self_hosted: true}\n  - use: hotjar\n")
	n := compile(t, s)
	e := n.In("fr")
	for _, c := range []struct {
		allow []string
		on    bool
		says  string
	}{{[]string{"analytics", "hotjar"}, false, "own=0"}, {[]string{"analytics", "hotjar", "own"}, true, "own=1"}} {
		choice := choose(t, s, c.allow...)
		d := decide(s, choice, consent.Signals{})
		if head := string(e.Head(&d, Page{})); !strings.Contains(head, c.says) {
			t.Errorf("%q: the head does not say %s", c.allow, c.says)
		}
		page := body(t, get(t, n, choice, "/.temoin/?lang=fr"))
		if on := strings.Contains(page, `value="own" checked`); on != c.on {
			t.Errorf("%q: it is shown as on: %v", c.allow, on)
		}
		var said state
		if err := json.Unmarshal([]byte(body(t, get(t, n, choice, "/.temoin/state"))), &said); err != nil || slices.Contains(said.Allows, "own") != c.on {
			t.Errorf("%q: %+v, %v", c.allow, said, err)
		}
	}
}

func TestTheHeadSaysWhatThePageWasMadeFor(t *testing.T) {
	s := site(t, "cexro")
	n := compile(t, s)
	e := n.In("fr")
	first := decide(s, nil, consent.Signals{})
	head := string(e.Head(&first, Page{}))
	held, _ := n.held(&first)
	// said fails the test where the head does not say this and no more, in whatever order.
	said := func(head string, want map[string]string) {
		t.Helper()
		if want["choice"] != "" { // before, no tag of Google's can be there
			want["d"] = `{"google":{"s":{"ad_personalization":[],"ad_storage":[],"ad_user_data":[],"analytics_storage":["google-analytics"],"functionality_storage":["functional","support"],"personalization_storage":[]},"f":{"cookie_expires":33955200,"cookie_update":false}}}`
		}
		want["e"], want["n"] = rulesFor(held).hosts, ",google-analytics,stripe,intercom,hotjar"
		want["v"], want["w"] = "centre.js?v="+n.scripts["centre"].version, "[data-temoin-open],[href='/.temoin/'],[href^='/.temoin/?']"
		want["l"], want["p"], want["f"] = "fr", "/.temoin/", "&essential=1&google-fonts=1&"
		got := map[string]string{}
		for _, a := range parseHTML(t, []byte(head)).FirstChild.FirstChild.FirstChild.Attr {
			got[strings.TrimPrefix(a.Key, "data-")] = a.Val
		}
		if !maps.Equal(got, want) {
			t.Errorf("the head says %q, not %q", got, want)
		}
	}
	said(head, map[string]string{"choice": "", "i": "(^|; )cookie_consent=", "c": "0"})
	guard := string(n.chunks["guard"])
	if !strings.Contains(head, guard) {
		t.Error("there is no guard")
	}
	said(string(e.Head(&first, Page{Sealed: true})), map[string]string{"choice": "", "y": "2", "i": "(^|; )cookie_consent=", "c": "0"})
	c := choose(t, s, "analytics", "google-analytics", "functional", "support", "intercom")
	some := decide(s, c, consent.Signals{})
	p := Page{Mark: "m.Lw0t5rXw8Qk"}
	head = string(e.Head(&some, p))
	const answers = "analytics=1&google-analytics=1&hotjar=0&functional=1&support=1&intercom=1"
	said(head, map[string]string{"choice": answers, "m": answers, "y": "1", "i": "m.Lw0t5rXw8Qk", "c": "1"})
	all := choose(t, s, "analytics", "google-analytics", "hotjar", "functional", "support", "intercom")
	d := decide(s, all, consent.Signals{})
	if head := string(e.Head(&d, p)); strings.Contains(head, guard) || strings.Contains(head, "data-e=") {
		t.Error("there is a guard though everything is allowed")
	}
	inline := regexp.MustCompile(`(?s)^<script[^>]*>(.*)</script>$`)
	scripts, _ := n.Hashes()
	for _, decision := range []*consent.Decision{&first, &d} {
		if m := inline.FindSubmatch(e.Head(decision, p)); m == nil || !slices.Contains(scripts, source(m[1])) {
			t.Error("the head is not one script that a policy is told of")
		}
	}
	if got := testing.AllocsPerRun(100, func() { e.Head(&first, Page{}); e.Body(&first) }); got > 0 {
		t.Errorf("the page of a first visit allocates %v times", got)
	}
	buf := make([]byte, 0, 64<<10)
	if got := testing.AllocsPerRun(100, func() { e.AppendHead(buf, &some, p); e.Body(&some) }); got > 0 {
		t.Errorf("a page allocates %v times", got)
	}
}

func TestTheMarkOfARequestTellsItsCookieFromAnother(t *testing.T) {
	n := compile(t, site(t, "cexro"))
	for cookie, want := range map[string]string{
		"": "", "other=1": "", "cookie_consent=1&x&m.Lw0t5rXw8Qk": "m.Lw0t5rXw8Qk", "cookie_consent=damaged": "(^|; )cookie_consent=", "cookie_consent=": "(^|; )cookie_consent=",
		"cookie_consent=1&x&m.first111111; cookie_consent=1&x&m.second22222": "m.first111111",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", cookie)
		if got := n.Mark(r); got != want {
			t.Errorf("%q: %q, want %q", cookie, got, want)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestColorsOfTheSitesOwnComeBeforeTheThemes(t *testing.T) {
	s := look(t, "cexro", "theme: dsfr\nscheme: light\ncolors: {accent: \"#123456\"}\nfont: Inter, Source Sans 3\nradius: 0\ntext_size: 18")
	css := compile(t, s).styles.element
	for _, want := range []string{"--temoin-accent,#123456", `"Inter","Source Sans 3",system-ui`, "--temoin-text-size,18px", "--temoin-radius,0px"} {
		if !strings.Contains(css, want) {
			t.Errorf("there is no %s in %s", want, css[:500])
		}
	}
	if strings.Contains(css, "prefers-color-scheme") {
		t.Error("it follows the visitor's setting, though the site is light")
	}
}

func TestEveryThemeHasEnoughContrast(t *testing.T) {
	for name, th := range themes {
		for scheme, p := range map[string]palette{"light": th.light, "dark": th.dark} {
			for _, c := range []struct {
				what, a, b string
				least      float64
			}{{"text", p.ink, p.paper, 4.5}, {"links", p.accent, p.paper, 4.5}, {"buttons", p.on, p.accent, 4.5}, {"edges", p.line, p.paper, 3}} {
				if got := contrast(t, c.a, c.b); got < c.least {
					t.Errorf("%s, %s: %s have a contrast of %.2f", name, scheme, c.what, got)
				}
			}
		}
	}
}

// contrast is that of WCAG 2.2.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + .05) / (min(x, y) + .05)
}

func luminance(t *testing.T, color string) float64 {
	t.Helper()
	if len(color) == 4 {
		color = "#" + strings.Repeat(color[1:2], 2) + strings.Repeat(color[2:3], 2) + strings.Repeat(color[3:], 2)
	}
	sum := 0.0
	for i, weight := range []float64{.2126, .7152, .0722} {
		v, err := strconv.ParseUint(color[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(v) / 255
		if c <= .04045 {
			sum += weight * c / 12.92
		} else {
			sum += weight * math.Pow((c+.055)/1.055, 2.4)
		}
	}
	return sum
}

// Whatever the manifest says, the notice has the same elements.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		"plain", `<img src=x onerror=alert(1)>`, `"></p><script>alert(1)</script>`, `</template></style><!--`, strings.Repeat("x", 300), `' onclick='`,
		" data-src", ` data-ticked="analytics"`, "<div data-now></div>", "{{.}}", zeros, "a. B", "\u061cنص", "&lt;b&gt;", "`${x}`",
	} {
		f.Add(s)
	}
	want := map[string]string{}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' }), " ")
		quoted, err := json.Marshal(text)
		if err != nil || text == "" || len(text) > 1000 {
			t.Skip()
		}
		s, err := policy.Parse("fuzz.yaml", []byte(strings.ReplaceAll(fuzzed, "TEXT", string(quoted))))
		if err != nil {
			t.Skip()
		}
		n, err := Compile(s, Options{})
		if err != nil {
			t.Fatal(err)
		}
		c := choose(t, s, "analytics", "stats")
		d := decide(s, c, consent.Signals{})
		e := n.In("en")
		for where, out := range map[string]string{
			"first": string(e.first), "quiet": string(e.quiet), "head": string(e.Head(&d, Page{Mark: "m.Lw0t5rXw8Qk"})),
			"centre":      body(t, get(t, n, c, "/.temoin/?lang=en", "Sec-GPC", "1")),
			"fragment":    body(t, get(t, n, c, "/.temoin/?part=centre&lang=en")),
			"placeholder": body(t, get(t, n, c, "/.temoin/placeholder/stats?src=https%3A%2F%2Fstats.example.net%2F")),
		} {
			got := structure(t, out)
			if want[where] == "" {
				want[where] = structure(t, out)
			}
			if got != want[where] {
				t.Errorf("%s: another structure:\n%s\n%s", where, got, want[where])
			}
		}
	})
}

const fuzzed = `temoin: 1
site: fuzz
name: Fuzz
url: https://fuzz.example
languages: [en]
controller: {name: Fuzz}
notice: {mode: consent, text: {en: TEXT}}
choice: {reopen: [{where: button, label: {en: TEXT}}]}
categories:
  necessary: {exempt: true, title: {en: TEXT}, purpose: {en: TEXT}}
  analytics: {needs: consent, advertising: true, title: {en: TEXT}, purpose: {en: TEXT}, accepted: {en: TEXT}, refused: {en: TEXT}}
trackers:
  - {name: own, category: analytics, lasts: 1 month, purpose: {en: TEXT}}
services:
  - {id: stats, name: {en: TEXT}, category: analytics, purpose: {en: TEXT}, sends: {en: TEXT}, hosts: [stats.example.net], provider: {name: Stats, country: FR}}
`

// structure lists the elements of some HTML with the names of their attributes. How
// many sentences a text is cut into does not count, nor what a language needs.
func structure(t testing.TB, src string) string {
	t.Helper()
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(src))
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return b.String()
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken, html.CommentToken, html.DoctypeToken:
			token := z.Token()
			b.WriteString(kind.String() + " " + token.Data)
			for _, a := range token.Attr {
				b.WriteString(" " + a.Key)
				if a.Key != "data-temoin" && strings.HasPrefix(a.Key, "on") {
					t.Errorf("there is a handler: %s", token)
				}
			}
			b.WriteByte('\n')
		}
	}
}

func TestWhatIsExemptAndLooksLikeWhatIsWipedStays(t *testing.T) {
	s, err := policy.Parse("site.yaml", []byte(`temoin: 1
site: s
name: S
url: https://s.example
languages: [en]
categories: {needed: {exempt: true}, analytics: {needs: consent}}
trackers:
  - {name: "_c*", category: analytics, lasts: 1 day}
  - {name: _cart, category: needed, lasts: 1 day}
  - {name: basket, category: needed, lasts: 1 day}
`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(wipe(s)), `[["cookie","_c*",["analytics"]],["cookie","_cart",["needed"]]]`; got != want {
		t.Errorf("%s, not %s", got, want)
	}
}
