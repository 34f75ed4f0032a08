package standin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/temoin/temoin/internal/browsertest"
	"github.com/temoin/temoin/internal/standin"
	"github.com/temoin/temoin/policy"
)

// A visit is one visitor of a site whose page refers to third parties.
type visit struct {
	*browsertest.Tab
	t    *testing.T
	s    *standin.Server
	site string
}

// open opens a page with a body at www.shop.localhost, by way of the proxy.
func open(t *testing.T, body string) *visit {
	t.Helper()
	v := prepare(t, body)
	v.Tab = browsertest.OpenThrough(t, v.s.Address())
	v.Do(chromedp.Navigate(v.site))
	return v
}

// prepare starts a site and a stand-in, and opens nothing yet.
func prepare(t *testing.T, body string) *visit {
	t.Helper()
	v := &visit{t: t, s: start(t)}
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<!doctype html><link rel=icon href=data:,><title>Shop</title><body>"+body)
	}))
	t.Cleanup(page.Close)
	v.site = strings.Replace(page.URL, "127.0.0.1", "www.shop.localhost", 1) + "/"
	return v
}

// until waits for a request that begins so.
func (v *visit) until(address string) standin.Request {
	v.t.Helper()
	var found standin.Request
	err := v.s.Wait(soon(v.t), func(r standin.Request) bool {
		found = r
		return strings.HasPrefix(r.String(), address)
	})
	if err != nil {
		v.t.Fatalf("%s is not asked for, only %q: %v\nconsole: %q", address, v.s.Requests(), err, v.Messages())
	}
	return found
}

// asked says what the third parties were asked for, without queries: in order, but
// for what a page sends at the same time and waits for nothing of (POST), which
// stands in the order of the alphabet.
func (v *visit) asked() []string {
	var all []string
	for _, r := range v.s.Requests() {
		r.Query = ""
		all = append(all, r.String())
	}
	for i := 1; i < len(all); i++ {
		if strings.HasPrefix(all[i-1], "POST") && strings.HasPrefix(all[i], "POST") && all[i-1] > all[i] {
			all[i-1], all[i] = all[i], all[i-1]
		}
	}
	return all
}

func (v *visit) wantAsked(want ...string) {
	v.t.Helper()
	if got := v.asked(); !slices.Equal(got, want) {
		v.t.Errorf("asked for\n%q, want\n%q", got, want)
	}
}

// cookie returns a cookie of the profile, nil where there is none.
func (v *visit) cookie(name string) *network.Cookie {
	v.t.Helper()
	for _, c := range v.Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// wantCookies compares the names of the profile's cookies.
func (v *visit) wantCookies(want ...string) {
	v.t.Helper()
	got := []string{}
	for _, c := range v.Cookies() {
		got = append(got, c.Name)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		v.t.Errorf("cookies %q, want %q", got, want)
	}
}

// browsers is how long Chromium keeps a cookie at most.
const browsers = 400 * 24 * time.Hour

// wantLasts compares how long a cookie lasts, to the minute; 0 is the session.
func (v *visit) wantLasts(name string, want time.Duration) {
	v.t.Helper()
	c := v.cookie(name)
	switch {
	case c == nil:
		v.t.Errorf("there is no cookie %s", name)
	case want == 0 && !c.Session:
		v.t.Errorf("%s lasts longer than the session", name)
	case want > 0 && (lasts(c)-want).Abs() > time.Minute:
		v.t.Errorf("%s lasts %s, want %s", name, lasts(c), want)
	}
}

func lasts(c *network.Cookie) time.Duration {
	return time.Until(time.UnixMilli(int64(c.Expires * 1000)))
}

// gtag is the tag of a site, with commands before the property's configuration.
func gtag(before, config string) string {
	return `<script async src="https://www.googletagmanager.com/gtag/js?id=G-SHOP1"></script>
		<script>window.dataLayer = window.dataLayer || []; function gtag() { dataLayer.push(arguments); } ` + before + `
		gtag("js", new Date()); gtag("config", "G-SHOP1", ` + config + `);</script>`
}

const collect = "POST region1.google-analytics.com/g/collect"

func TestGoogleAnalyticsCountsUnderANumberThatLasts(t *testing.T) {
	v := open(t, gtag("", `{}`))
	v.until("POST stats.g.doubleclick.net")
	v.until(collect)
	v.wantAsked("www.googletagmanager.com/gtag/js", "POST region1.google-analytics.com/g/collect", "POST stats.g.doubleclick.net/g/collect")
	v.wantCookies("_ga", "_ga_SHOP1")
	for _, name := range []string{"_ga", "_ga_SHOP1"} {
		v.wantLasts(name, browsers) // two years are asked for
		if c := v.cookie(name); c.Domain != ".shop.localhost" || c.Path != "/" {
			t.Errorf("%s stands on %s%s", name, c.Domain, c.Path)
		}
	}
	q, _ := url.ParseQuery(v.until(collect).Query)
	if cid := strings.TrimPrefix(v.cookie("_ga").Value, "GA1.1."); q.Get("cid") != cid || q.Get("gcs") != "G111" || q.Get("tid") != "G-SHOP1" || q.Get("dl") != v.site || q.Get("en") != "page_view" {
		t.Errorf("reported %v, the browser's number is %s", q, cid)
	}
	if !strings.HasPrefix(v.cookie("_ga_SHOP1").Value, "GS1.1.") {
		t.Errorf("_ga_SHOP1 is %s", v.cookie("_ga_SHOP1").Value)
	}
}

func TestGoogleAnalyticsWritesNothingWhileItIsDenied(t *testing.T) {
	v := open(t, gtag(`gtag("consent", "default", {analytics_storage: "denied", ad_storage: "denied"});`, `{}`))
	first := v.until(collect)
	if !strings.Contains(first.Query, "gcs=G100") || first.Cookie != "" {
		t.Errorf("reported %+v", first)
	}
	v.wantAsked("www.googletagmanager.com/gtag/js", collect)
	v.wantCookies()

	browsertest.Evaluate[bool](v.Tab, `gtag("consent", "update", {analytics_storage: "granted"}), true`)
	v.wantCookies("_ga", "_ga_SHOP1")
	v.s.Take()
	browsertest.Evaluate[bool](v.Tab, `gtag("event", "paid", {value: 3}), true`)
	q, _ := url.ParseQuery(v.until(collect).Query)
	if "GA1.1."+q.Get("cid") != v.cookie("_ga").Value || q.Get("gcs") != "G101" || q.Get("en") != "paid" || q.Get("ep.value") != "3" {
		t.Errorf("reported %v", q)
	}

	// Denied again it stops reading; what it wrote is for the site to delete.
	v.s.Take()
	browsertest.Evaluate[bool](v.Tab, `gtag("consent", "update", {analytics_storage: "denied"}), gtag("event", "left"), true`)
	if q, _ := url.ParseQuery(v.until(collect).Query); "GA1.1."+q.Get("cid") == v.cookie("_ga").Value {
		t.Errorf("reported %v under the browser's number", q)
	}
	v.wantCookies("_ga", "_ga_SHOP1")
}

func TestGoogleAnalyticsWaitsForConsentWhereItIsTold(t *testing.T) {
	v := open(t, gtag(`gtag("consent", "default", {analytics_storage: "denied", wait_for_update: 60000});`, `{}`)+
		`<script>addEventListener("load", () => setTimeout(() => gtag("consent", "update", {analytics_storage: "granted"})))</script>`)
	if r := v.until(collect); !strings.Contains(r.Query, "gcs=G111") {
		t.Errorf("reported %+v before it was told", r)
	}
}

func TestGoogleAnalyticsKeepsToTheSettingsOfTheSite(t *testing.T) {
	days := 24 * time.Hour
	for _, test := range []struct {
		name, config string
		lasts        time.Duration
		renewed      bool
		domain       string
	}{
		{"default", `{}`, browsers, true, ".shop.localhost"},
		{"as the example sites", `{cookie_expires: 33955200, cookie_update: false, allow_google_signals: false}`, 393 * days, false, ".shop.localhost"},
		{"for the session", `{cookie_expires: 0, cookie_domain: "none"}`, 0, false, "www.shop.localhost"},
		{"of one host", `{cookie_domain: "www.shop.localhost", cookie_flags: "SameSite=Strict;Secure"}`, browsers, true, ".www.shop.localhost"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := open(t, gtag("", test.config))
			v.until(collect)
			first := map[string]*network.Cookie{"_ga": v.cookie("_ga"), "_ga_SHOP1": v.cookie("_ga_SHOP1")}
			v.s.Take()
			v.Do(chromedp.Navigate(v.site))
			v.until(collect)
			for name, before := range first {
				v.wantLasts(name, test.lasts)
				c := v.cookie(name)
				if renewed := c.Expires > before.Expires; renewed != test.renewed {
					t.Errorf("%s is renewed: %v", name, renewed)
				}
				if c.Domain != test.domain || c.Secure != strings.Contains(test.config, "Secure") {
					t.Errorf("%s is %+v", name, c)
				}
			}
			if v.cookie("_ga").Value != first["_ga"].Value {
				t.Error("the browser has another number")
			}
			if signals := slices.Contains(v.asked(), "POST stats.g.doubleclick.net/g/collect"); signals && strings.Contains(test.config, "signals") {
				t.Errorf("asked for %q", v.asked())
			}
		})
	}
}

func TestGoogleAnalyticsIsSilentWhereItIsDisabledOrNotAsked(t *testing.T) {
	v := open(t, gtag(`window["ga-disable-G-SHOP1"] = true;`, `{}`)+
		`<script>gtag("config", "G-OTHER", {send_page_view: false, allow_google_signals: false}); gtag("event", "done")</script>`)
	v.until(collect)
	v.wantAsked("www.googletagmanager.com/gtag/js", collect)
	v.wantCookies("_ga", "_ga_OTHER")
}

const hotjar = `<script>window.hj = function () { (hj.q = hj.q || []).push(arguments) }; window._hjSettings = {hjid: 7, hjsv: 6};
	const s = document.createElement("script"); s.async = 1; s.src = "https://static.hotjar.com/c/hotjar-7.js?sv=6"; document.head.appendChild(s)</script>`

func TestHotjarRecordsAVisit(t *testing.T) {
	v := open(t, hotjar)
	v.until("ws.hotjar.com")
	v.until("POST content.hotjar.io")
	got := v.asked()
	slices.Sort(got[2:]) // these are asked for at the same time
	want := []string{"static.hotjar.com/c/hotjar-7.js", "script.hotjar.com/modules.5f1d7c3e9a.js", "POST content.hotjar.io/", "ws.hotjar.com/api/v2/client/ws"}
	if !slices.Equal(got, want) {
		t.Errorf("asked for %q, want %q", got, want)
	}
	v.wantCookies("_hjSessionUser_7", "_hjSession_7")
	v.wantLasts("_hjSessionUser_7", 365*24*time.Hour)
	v.wantLasts("_hjSession_7", 30*time.Minute)
	for _, c := range v.Cookies() {
		if c.Domain != ".shop.localhost" || !c.Secure || c.SameSite != network.CookieSameSiteNone {
			t.Errorf("%s is %+v", c.Name, c)
		}
	}
	if got := browsertest.Evaluate[int](v.Tab, `localStorage.length + sessionStorage.length`); got != 0 {
		t.Errorf("%d records are written", got)
	}

	// The visit lasts as long as something happens; the visitor's number is not renewed.
	visit, user := *v.cookie("_hjSession_7"), *v.cookie("_hjSessionUser_7")
	v.Do(chromedp.MouseClickXY(10, 10))
	if c := v.cookie("_hjSession_7"); c.Expires <= visit.Expires || c.Value != visit.Value {
		t.Errorf("after a click the visit is %+v, before %+v", c, visit)
	}
	v.Do(chromedp.Navigate(v.site))
	if c := v.cookie("_hjSessionUser_7"); c.Expires != user.Expires || c.Value != user.Value {
		t.Errorf("on the next page the visitor is %+v, before %+v", c, user)
	}
}

func TestHotjarKeepsWhatTheSiteSaysOfAVisitor(t *testing.T) {
	v := open(t, hotjar+`<script>hj("identify", "u1", {plan: "pro"})</script>`)
	v.until("ws.hotjar.com")
	v.wantCookies("_hjHasCachedUserAttributes", "_hjSessionUser_7", "_hjSession_7", "_hjUserAttributesHash")
	v.wantLasts("_hjHasCachedUserAttributes", 0)
	v.wantLasts("_hjUserAttributesHash", 2*time.Minute)
	if got := browsertest.Evaluate[string](v.Tab, `Object.keys(localStorage).join()`); got != "_hjUserAttributes" {
		t.Errorf("localStorage holds %s", got)
	}
}

const stripe = `<script src="https://js.stripe.com/v3/"></script><div id="card"></div>
	<script>const stripe = Stripe("pk_test_1"), card = stripe.elements().create("card"); card.mount("#card")</script>`

func TestStripeRecognisesFraudOnEveryPageItStandsOn(t *testing.T) {
	v := open(t, `<script src="https://js.stripe.com/v3/"></script>`)
	v.until("POST m.stripe.com/6")
	v.wantAsked("js.stripe.com/v3/", "js.stripe.com/v3/m-outer-3437aaddcdf6922d623e172c2d6f9278.html", "m.stripe.network/inner.html", "POST m.stripe.com/6")
	v.wantCookies("__stripe_mid", "__stripe_sid")
	v.wantLasts("__stripe_mid", 365*24*time.Hour)
	v.wantLasts("__stripe_sid", 30*time.Minute)
	for _, c := range v.Cookies() {
		if c.Domain != ".www.shop.localhost" || !c.Secure || c.SameSite != network.CookieSameSiteStrict {
			t.Errorf("%s is %+v", c.Name, c)
		}
	}
}

func TestStripeDoesWithoutWhereTheSiteSaysSo(t *testing.T) {
	v := open(t, strings.Replace(stripe, "v3/", "v3/?advancedFraudSignals=false", 1))
	v.until("js.stripe.com/v3/elements-inner-card-")
	v.wantAsked("js.stripe.com/v3/", "js.stripe.com/v3/elements-inner-card-0a1b2c3d.html")
	v.wantCookies()
}

func TestACardIsPaidWithFromItsFrame(t *testing.T) {
	v := open(t, stripe)
	got := browsertest.Evaluate[string](v.Tab, `(async () => {
		const made = await stripe.createPaymentMethod({type: "card", card});
		const paid = await stripe.confirmCardPayment("pi_9_secret_x", {payment_method: {card}});
		return made.paymentMethod.object + ", " + paid.paymentIntent.id + " " + paid.paymentIntent.status;
	})()`)
	if got != "payment_method, pi_9 succeeded" {
		t.Errorf("paid: %s", got)
	}
	r := v.until("POST api.stripe.com/v1/payment_intents/pi_9/confirm")
	if form, _ := url.ParseQuery(r.Body); r.Origin != "https://js.stripe.com" || form.Get("payment_method_data[card][number]") != "4242424242424242" || form.Get("key") != "pk_test_1" {
		t.Errorf("sent %+v", r)
	}
}

// card writes a number into the frame of the card, as a person does.
func (v *visit) card(number string) {
	v.t.Helper()
	at := browsertest.Evaluate[[]float64](v.Tab, `card.loaded.then(() => { const r = card.frame.getBoundingClientRect(); return [r.x, r.y] })`)
	v.Do(chromedp.MouseClickXY(at[0]+160, at[1]+14, chromedp.ClickCount(3)), chromedp.KeyEvent(number))
}

func TestARealCardIsSentNowhere(t *testing.T) {
	v := open(t, stripe)
	v.card("4111111111111111")
	got := browsertest.Evaluate[string](v.Tab, `stripe.confirmCardPayment("pi_9_secret_x", {payment_method: {card}}).then((a) => a.error.code)`)
	if got != "card_declined" {
		t.Errorf("the answer is %s", got)
	}
	for _, r := range v.s.Requests() {
		if r.Host == "api.stripe.com" || strings.Contains(r.Body, "4111") {
			t.Errorf("sent %+v", r)
		}
	}
}

func TestABankThatAsksSendsItsCustomerBack(t *testing.T) {
	v := open(t, stripe)
	v.card("4000 0027 6000 3184")
	browsertest.Evaluate[bool](v.Tab, `stripe.confirmCardPayment("pi_9_secret_x", {payment_method: {card}, return_url: location.href + "done"}), true`)
	v.Do(chromedp.WaitVisible(chromedp.CSS("#confirm")), chromedp.Click(chromedp.CSS("#confirm")), chromedp.WaitReady(chromedp.CSS("#card")))
	if got, _ := chromedp.Run(v, chromedp.Location()); got != v.site+"done?payment_intent=pi_9&redirect_status=succeeded" {
		t.Errorf("back at %s", got)
	}
}

const intercom = `<script>{ const i = function () { i.c(arguments) }; i.q = []; i.c = (args) => i.q.push(args); window.Intercom = i }
	const s = document.createElement("script"); s.async = true; s.src = "https://widget.intercom.io/widget/abc1"; document.head.appendChild(s);
	Intercom("boot", {app_id: "abc1"})</script>`

func TestIntercomShowsAChatAndRemembersTheVisitor(t *testing.T) {
	v := open(t, intercom)
	launcher := chromedp.CSS("button.intercom-launcher")
	v.Do(chromedp.WaitVisible(launcher))
	v.wantAsked("widget.intercom.io/widget/abc1", "js.intercomcdn.com/frame.4b8d21f6.js", "POST api-iam.intercom.io/messenger/web/ping")
	v.wantCookies("intercom-device-id-abc1", "intercom-id-abc1", "intercom-session-abc1")
	v.wantLasts("intercom-id-abc1", 271*24*time.Hour)
	v.wantLasts("intercom-session-abc1", 7*24*time.Hour)
	v.wantLasts("intercom-device-id-abc1", 271*24*time.Hour)
	for _, c := range v.Cookies() {
		if c.Domain != ".shop.localhost" || c.SameSite != network.CookieSameSiteLax {
			t.Errorf("%s is %+v", c.Name, c)
		}
	}

	v.Do(chromedp.Click(launcher))
	browsertest.Evaluate[bool](v.Tab, `(() => {
		const chat = document.querySelector("iframe[name=intercom-messenger-frame]");
		if (chat.hasAttribute("src")) throw new Error("the chat has an address");
		chat.contentDocument.querySelector("input").focus();
		return true;
	})()`)
	v.Do(chromedp.KeyEvent("Hello" + kb.Enter))
	if r := v.until("POST api-iam.intercom.io/messenger/web/conversations"); r.Body != "app_id=abc1&body=Hello" {
		t.Errorf("sent %+v", r)
	}

	before := *v.cookie("intercom-id-abc1")
	v.Do(chromedp.Navigate(v.site), chromedp.WaitVisible(launcher))
	if c := v.cookie("intercom-id-abc1"); c.Value != before.Value || c.Expires != before.Expires {
		t.Errorf("on the next page the visitor is %+v, before %+v", c, before)
	}
	browsertest.Evaluate[bool](v.Tab, `Intercom("shutdown"), true`)
	v.wantCookies("intercom-device-id-abc1", "intercom-id-abc1")
	if browsertest.Evaluate[bool](v.Tab, `!!document.querySelector(".intercom-launcher, iframe")`) {
		t.Error("after the shutdown the chat is still there")
	}

	// Shut down before the service has answered, nothing is written.
	browsertest.Evaluate[bool](v.Tab, `Intercom("boot", {app_id: "abc1"}), Intercom("shutdown"), Intercom("boot", {app_id: "abc2"}), true`)
	v.Do(chromedp.WaitVisible(launcher))
	if v.cookie("intercom-session-abc1") != nil {
		t.Error("a chat that was shut down at once begins a session")
	}
}

func TestALessonRoomKeepsNothing(t *testing.T) {
	v := open(t, `<iframe src="https://lessons.daily.co/maths-1"></iframe>`)
	v.until("lessons.daily.co/maths-1")
	v.wantAsked("lessons.daily.co/maths-1")
	v.wantCookies()
}

func TestAGoogleFontIsLoaded(t *testing.T) {
	v := open(t, `<link rel="stylesheet" href="https://fonts.googleapis.com/css2?family=Open+Sans:wght@400;700&display=swap"><p style="font-family: 'Open Sans'">text</p>`)
	if got := browsertest.Evaluate[int](v.Tab, `document.fonts.load("1rem 'Open Sans'").then((faces) => faces.length)`); got != 1 {
		t.Errorf("%d faces are loaded; console: %q", got, v.Messages())
	}
	v.wantAsked("fonts.googleapis.com/css2", "fonts.gstatic.com/s/opensans/v1/standin.woff2")
}

func TestOtherHostsFailInAPage(t *testing.T) {
	v := open(t, "")
	got := browsertest.Evaluate[int](v.Tab, `new Promise((done) => { const s = document.createElement("script"); s.onerror = () => done(1); s.onload = () => done(2); s.src = "https://unpkg.com/x.js"; document.head.appendChild(s) })`)
	if asked := v.s.Requests(); got != 1 || len(asked) != 1 || !asked[0].Unknown {
		t.Errorf("%d, and recorded is %+v", got, asked)
	}
}

func TestABrowserIsLedToAStandInByRules(t *testing.T) {
	v := prepare(t, gtag("", `{}`))
	v.Tab = browsertest.Profile(t, t.TempDir(), "", v.s.Flags()...)
	v.Do(chromedp.Navigate(v.site))
	v.until(collect)
	first := v.cookie("_ga")
	if first == nil {
		t.Fatal("there is no _ga")
	}
	v.Do(chromedp.Navigate("https://lessons.daily.co/maths-1"))
	if title, _ := chromedp.Run(v, chromedp.Title()); !strings.HasPrefix(title, "Lesson room") {
		t.Errorf("the room is %q", title)
	}
}

func TestWhatIsWrittenIsWhatTheCatalogueSays(t *testing.T) {
	v := open(t, gtag("", `{}`)+"<script>{"+strings.ReplaceAll(strings.ReplaceAll(hotjar+"{hj('identify', 'u', {})}"+intercom, "<script>", "{"), "</script>", "}")+"}</script>"+`<script src="https://js.stripe.com/v3/"></script>`)
	v.Do(chromedp.WaitVisible(chromedp.CSS("button.intercom-launcher")))
	v.until("ws.hotjar.com")
	v.until("POST m.stripe.com/6")
	v.until(collect)
	cookies := v.Cookies()
	if len(cookies) != 11 {
		t.Errorf("%d cookies are written, not 11", len(cookies))
	}
	for _, c := range cookies {
		known, _ := policy.KnownTracker(policy.Cookie, c.Name)
		if known == nil {
			t.Errorf("the catalogue does not know %s", c.Name)
			continue
		}
		says := known.Lasts.Longest()
		if session := says.Kind == policy.Session; session != c.Session {
			t.Errorf("%s: the catalogue says %s", c.Name, says)
		} else if !session && lasts(c) > says.Period.Max() {
			t.Errorf("%s lasts %s, the catalogue says %s", c.Name, lasts(c), says)
		}
	}
	if known, _ := policy.KnownTracker(policy.LocalStorage, browsertest.Evaluate[string](v.Tab, `Object.keys(localStorage).join()`)); known == nil {
		t.Error("the catalogue does not know what is in localStorage")
	}
}
