package demo

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/internal/browsertest"
	"github.com/temoin/temoin/policy"
)

const (
	platSession  = "platform_session"
	platForms    = "platform_csrf"
	platLanguage = "NEXT_LOCALE"
	platTheme    = "theme"
	platChoice   = "cookie-consent"
	platBooking  = "session:platform.booking"
)

// platSayings are the statements that the policy page keeps by saying something: its words
// in English and in French, and in English as it was published; there what a correction
// takes away is still said.
var platSayings = []saying{
	{"S2-01", map[string]string{"en": "Information about cookies and trackers used on the platform", "fr": "Informations sur les cookies et traceurs"}, "Information about cookies and trackers used on the platform"},
	{"S2-02", map[string]string{"en": "Version 1.0", "fr": "Version 1.0"}, "Version 1.0"},
	{"S2-03", map[string]string{"en": "20 May 2026", "fr": "20 mai 2026"}, "20 Mai 2026"},
	{"S2-04", map[string]string{"en": "19 February 2026", "fr": "19 février 2026"}, "19 February 2026"},
	{"S2-05", map[string]string{"en": "small text file|computer, tablet or smartphone", "fr": "petit fichier texte|ordinateur, tablette ou smartphone"}, "small text file|computer, tablet, smartphone"},
	{"S2-06", map[string]string{"en": "your language|signed in|other settings|next visit is easier", "fr": "votre langue|connecté|autres réglages|visite suivante est plus simple"}, "language, login session or other settings|next visit easier"},
	{"S2-07", map[string]string{"en": "session cookie|persistent cookie|first-party|third-party", "fr": "cookie de session|cookie persistant|interne|cookie tiers"}, "Cookies may be:"},
	{"S2-15", map[string]string{"en": "article 82|6 January 1978|strictly necessary", "fr": "article 82|6 janvier 1978|strictement nécessaire"}, "Article 82|strictly necessary"},
	{"S2-16", map[string]string{"en": "understand how|measure its traffic|improve our services", "fr": "comprendre comment|mesurer sa fréquentation|améliorer nos services"}, "understand how|measure traffic|improve our services"},
	{"S2-21", map[string]string{"en": "asks for your consent to place and read these cookies|article 6(1)(a)", "fr": "demande votre consentement pour déposer et lire ces cookies|article 6, paragraphe 1, a"}, "Consent (Art. 6.1.a of the GDPR)"},
	{"S2-23", map[string]string{"en": "Preferences|remembering what you chose", "fr": "Préférences|retenant ce que vous avez choisi"}, "remembering your preferences"},
	{"S2-30", map[string]string{"en": "set cookies of their own", "fr": "leurs propres cookies"}, "set their own cookies"},
	{"S2-34", map[string]string{"en": "is needed for it|cannot be made|pass through this service", "fr": "nécessaire à ces fonctions|ne peut être ni effectué|passent par ce service"}, "necessary for the operation of these services"},
	{"S2-38", map[string]string{"en": "Third-party cookies|Cookies and Site Data|Manage Website Data|Cookies and site permissions|accept or block cookies", "fr": "Cookies tiers|Cookies et données de sites|Gérer les données du site web|Cookies et autorisations de site|accepter ou bloquer les cookies"}, "The procedure varies by browser:"},
	{"S2-42", map[string]string{"en": "13 months|is our own", "fr": "13 mois|est la nôtre"}, "13 months in accordance with the recommendations of the CNIL"},
	{"S2-45", map[string]string{"en": "audience measurement, payment and video lessons may go to the United States", "fr": "partir aux États-Unis"}, "may be transferred to the United States"},
	{"S2-46", map[string]string{"en": "Data Privacy Framework|standard contractual clauses", "fr": "cadre de protection des données|clauses contractuelles types"}, "and/or"},
	{"S2-47", map[string]string{"en": "privacy policy says more", "fr": "politique de confidentialité en dit plus"}, "Privacy Policy says more"},
	{"S2-48", map[string]string{"en": "access|rectif|eras|restrict|portab|object|withdraw|after your death", "fr": "accès|rectif|effacement|limitation|portabilité|opposition|retirer|après votre décès"}, "you have the following rights"},
	{"S2-50", map[string]string{"en": "CNIL|cnil.fr", "fr": "CNIL|cnil.fr"}, "cnil"},
	{"S2-51", map[string]string{"en": "change this policy at any time", "fr": "modifier cette politique à tout moment"}, "amend this policy at any time"},
	{"S2-54", map[string]string{"en": "follow these texts|2016/679|2002/58|78-17|2023/1795|2021/914", "fr": "suivre ces textes|2016/679|2002/58|78-17|2023/1795|2021/914"}, "established in compliance with:"},
}

// platGone are words of the published page that the corrected one must not have.
var platGone = map[string][]string{
	"en": {"20 Mai", "and/or", "legitimate interest (art", "Authentication session", "CSRF token", "recommendations of the CNIL", "beyond this period"},
	"fr": {"et/ou", "intérêt légitime (art", "recommandations de la CNIL"},
}

func TestThePlatformDoesWhatItsPolicyStates(t *testing.T) {
	s := stated{"platform", platSayings, platGone, platDeeds, nil}
	s.test(t)
}

// platDeeds are the statements that the running site keeps by doing something.
var platDeeds = []deed{
	{"S2-35 S2-36", "a notice shows on the first visit, to accept or to decline", platNotice},
	{"S2-08 S2-09 S2-10", "the session ends with the browser, and cannot be switched off", platSessions},
	{"S2-13 S2-14", "forms are taken from the site's own pages alone", platForgery},
	{"S2-11 S2-12", "the language that is chosen is kept for a year", platLanguages},
	{"S2-24 S2-25 S2-28", "the display mode is kept for a year, once it is chosen, whatever the choice is", platThemes},
	{"S2-26 S2-27 S2-29 S2-44", "a refusal is kept for 12 months, and nobody is asked again", platChoices},
	{"S2-17 S2-18 S2-19 S2-20", "Google Analytics keeps two cookies on the site's domain, for 13 months from the first visit", platCounter},
	{"S2-22", "nothing of it comes before a yes, and it goes with a no", platCounterWaits},
	{"S2-31", "Stripe takes the payment, on its page alone", platPayment},
	{"S2-32", "the lesson runs by Daily", platVideo},
	{"S2-33", "no page but theirs contacts them", platElsewhere},
	{"S2-37", "the choice can be changed from every page", platReopened},
	{"S2-40 S2-41", "the lesson that is picked is kept in the tab until it is paid for", platBookings},
	{"S2-39", "without the necessary cookies nobody can sign in", platBlocked},
	{"S2-43", "an expired choice is asked for again", platExpired},
	{"S2-49 S2-53", "the policy leads to a form that takes questions", platContact},
	{"S2-52", "a change of substance is told by the notice", platChanged},
}

// platKeeps is as holds. As published the browser keeps the same, and what the manifest
// does not declare under its key is named.
func (v *visit) platKeeps(undeclared string, want ...string) {
	v.t.Helper()
	if !v.w.config.AsPublished {
		v.holds(want...)
		return
	}
	site := v.w.site(v.site)
	got, missing := slices.Collect(maps.Keys(v.kept())), []string{}
	for _, name := range got {
		if site.TrackerNamed(policy.Cookie, name) == nil {
			missing = append(missing, name)
		}
	}
	for _, k := range v.keys("sessionStorage") {
		got = append(got, "session:"+k)
		if site.TrackerNamed(policy.SessionStorage, k) == nil {
			missing = append(missing, "session:"+k)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	slices.Sort(missing)
	if !slices.Equal(got, want) {
		v.t.Errorf("the browser keeps %q, not %q", got, want)
	}
	if strings.Join(missing, " ") != undeclared {
		v.t.Errorf("not declared are %q, not %q", missing, undeclared)
	}
}

// lasts fails the test where a cookie is not kept for so long from now.
func (v *visit) lasts(name string, want time.Duration) {
	v.t.Helper()
	c := v.kept()[name]
	if c == nil {
		v.t.Errorf("there is no cookie %s", name)
		return
	}
	if want == 0 {
		if !c.Session {
			v.t.Errorf("%s outlives the browser", name)
		}
		return
	}
	if left := time.Until(time.Unix(int64(c.Expires), 0)); c.Session || left > want+time.Minute || left < want-time.Minute {
		v.t.Errorf("%s is kept for %v, not %v", name, left, want)
	}
}

const platYear = 365 * 24 * time.Hour

// noticeText is what the first layer says.
func (v *visit) noticeText() string {
	v.t.Helper()
	v.until("notice()")
	return browsertest.Evaluate[string](v.Tab, `document.querySelector("temoin-notice").shadowRoot.querySelector("[part=notice]").innerText.replace(/\s+/g, " ")`)
}

func platNotice(t *testing.T, w *world) {
	v := w.open(t, "platform", "/")
	if w.config.AsPublished {
		says(t, v.noticeText(), "informs you of the presence of cookies|You may accept or decline them|Accept all|Refuse all")
	} else {
		says(t, v.noticeText(), "We use cookies|always on; you accept or decline the others|Accept all|Refuse all|Audience measurement")
	}
	v.platKeeps("")
	v.is("what can be answered", `[...root().querySelectorAll("dialog [name=allow]")].map(e => [e.value, e.checked])`, `[["analytics",false]]`)
	if asked := v.asked(); len(asked) > 0 {
		t.Errorf("somebody else is asked: %q", asked)
	}
	v.quiet()
}

func platSessions(t *testing.T, w *world) {
	v := w.open(t, "platform", "/session")
	if !strings.Contains(v.address(), "/login?next=%2Fsession") {
		t.Errorf("the lesson is at %s for nobody", v.address())
	}
	v.choose("refuse")
	v.signIn(false)
	v.is("who is signed in", `!!document.querySelector('form[action="/logout"]')`, "true")
	v.platKeeps("platform_csrf platform_session", platSession, platForms, platChoice)
	v.lasts(platSession, 0)
	if c := v.kept()[platSession]; c != nil && (!c.HTTPOnly || c.Domain != "platform.localhost") {
		t.Errorf("the session is kept as %+v", c)
	}
	v.to("/.temoin/")
	v.is("a switch of the essential ones", `document.querySelector("[name=allow][value=essential]")`, "null")
}

func platForgery(t *testing.T, w *world) {
	v := w.open(t, "platform", "/login")
	v.lasts(platForms, 0)
	v.platKeeps("platform_csrf", platForms)
	login := w.show("platform.localhost").Logins[0]
	v.run(`document.querySelector("[name=csrf]").value = "of somebody else"`)
	v.after(fmt.Sprintf(`submit('form[action="/login"]', {email: %q, password: %q})`, login[0], login[1]))
	v.is("the page after a form without its token", "document.querySelector('h1').textContent", `"Your browser does not keep what protects this form"`)
	v.signIn(false)
	v.is("who is signed in", `!!document.querySelector('form[action="/logout"]')`, "true")
}

// chooses presses a button of the page's own.
func (v *visit) chooses(name, value string) {
	v.t.Helper()
	v.after(fmt.Sprintf("document.querySelector('button[name=%s][value=%s]').click()", name, value))
}

func platLanguages(t *testing.T, w *world) {
	v := w.open(t, "platform", "/lessons")
	v.choose("refuse")
	heading := `document.documentElement.lang + ": " + document.querySelector("h1").textContent`
	v.is("the page at first", heading, `"en: Lessons"`)
	v.platKeeps("", platChoice)
	v.chooses("lang", "fr")
	v.is("the page that was chosen", heading, `"fr: Cours"`)
	v.platKeeps("", platChoice, platLanguage)
	v.lasts(platLanguage, platYear)
	if got := v.cookie(platLanguage); got != "fr" {
		t.Errorf("%s holds %q", platLanguage, got)
	}
}

func platThemes(t *testing.T, w *world) {
	v := w.open(t, "platform", "/")
	v.Look(1200, "light")
	v.choose("refuse")
	v.platKeeps("", platChoice)
	paper := "getComputedStyle(document.body).backgroundColor"
	v.is("the paper at first", paper, `"rgb(251, 249, 242)"`)
	v.chooses("theme", "dark")
	v.is("the paper that was chosen", paper, `"rgb(18, 26, 23)"`)
	v.platKeeps("", platChoice, platTheme)
	v.lasts(platTheme, platYear)
	if got := v.cookie(platTheme); got != "dark" {
		t.Errorf("%s holds %q", platTheme, got)
	}
	text := w.policyTexts(t, "platform")
	if w.config.AsPublished {
		says(t, text["en"], "Legitimate interest (Art. 6.1.f of the GDPR) for the theme cookie")
	} else {
		says(t, text["en"], "the display mode is written only when you choose it")
	}
}

func platChoices(t *testing.T, w *world) {
	v := w.open(t, "platform", "/")
	v.choose("refuse")
	v.platKeeps("", platChoice)
	v.lasts(platChoice, platYear)
	v.to("/lessons")
	v.is("the notice on the next page", "!!notice()", "false")
	if got := v.receipt(); got.Answers[0].Allow {
		t.Errorf("a no is kept as %+v", got)
	}
}

// counted accepts, and waits until Google has counted the visit.
func (v *visit) counted() {
	v.t.Helper()
	v.choose("accept")
	v.wait("region1.google-analytics.com/g/collect")
}

var google = []string{"region1.google-analytics.com", "www.googletagmanager.com"}

func platCounter(t *testing.T, w *world) {
	v := w.open(t, "platform", "/")
	v.counted()
	if got := hosts(v.asked()); !slices.Equal(got, google) {
		t.Errorf("after a yes %q are asked, not %q", got, google)
	}
	v.platKeeps("_ga_PLATFORM01", "_ga", "_ga_PLATFORM01", platChoice)
	first := v.kept()
	for _, name := range []string{"_ga", "_ga_PLATFORM01"} {
		v.lasts(name, 33955200*time.Second)
		if c := first[name]; c == nil || !strings.HasSuffix(c.Domain, "platform.localhost") {
			t.Errorf("%s is kept as %+v, not on the site's domain", name, c)
		}
	}
	v.to("/lessons")
	v.wait("region1.google-analytics.com/g/collect")
	for name, c := range v.kept() {
		if strings.HasPrefix(name, "_ga") && c.Expires != first[name].Expires {
			t.Errorf("the next page begins the lifetime of %s anew", name)
		}
	}
}

func platCounterWaits(t *testing.T, w *world) {
	v := w.open(t, "platform", "/")
	v.asked()
	for _, page := range []string{"/", "/lessons", "/contact", "/privacy"} {
		v.to(page)
	}
	v.choose("refuse")
	v.to("/lessons")
	if asked := v.asked(); len(asked) > 0 {
		t.Errorf("without a yes %q are asked", asked)
	}
	v = w.open(t, "platform", "/")
	v.counted()
	v.withdraw()
	v.asked()
	if w.config.AsPublished { // the policy calls it ga*, so nobody knows that it is to be deleted
		v.platKeeps("_ga_PLATFORM01", "_ga_PLATFORM01", platChoice)
	} else {
		v.platKeeps("", platChoice)
	}
	v.to("/lessons")
	if asked := v.asked(); len(asked) > 0 {
		t.Errorf("after a no %q are asked", asked)
	}
}

// withdraw takes everything back in the preference centre, which the page's button opens,
// and waits for the page that is loaded without it.
func (v *visit) withdraw() {
	v.t.Helper()
	v.run("window.before = true; part('open').click()")
	v.until("part('centre').open && part('centre').querySelector('[value=withdraw]')")
	v.run("part('centre').querySelector('[value=withdraw]').click()")
	v.until("!window.before && document.readyState == 'complete'")
}

func platPayment(t *testing.T, w *world) {
	v := w.open(t, "platform", "/")
	v.choose("refuse")
	v.signIn(false)
	v.asked()
	v.to("/checkout?lesson=idris-wed-16")
	v.wait("m.stripe.com/6")
	for _, host := range hosts(v.asked()) {
		if !strings.HasSuffix(host, ".stripe.com") && host != "m.stripe.network" {
			t.Errorf("the payment page asks %s", host)
		}
	}
	v.platKeeps("__stripe_mid __stripe_sid platform_csrf platform_session", "__stripe_mid", "__stripe_sid", platSession, platForms, platChoice)
	v.until("document.querySelector('#card iframe')")
	v.after("document.querySelector('#pay').requestSubmit()")
	v.is("the page after it", `document.querySelector("main").innerText.includes("Physics and chemistry with Idris Benali, Wednesday, 16:00")`, "true")
	v.asked()
	v.to("/account")
	v.is("what is booked", `document.querySelector("main li").textContent`, `"Physics and chemistry with Idris Benali, Wednesday, 16:00"`)
	if asked := v.asked(); len(asked) > 0 {
		t.Errorf("behind the payment %q are asked", asked)
	}
	v.to("/paid?payment_intent=pi_of_somebody&redirect_status=succeeded")
	v.is("a payment that nobody began", `document.querySelector("main [role=alert]").textContent`, `"The payment was not accepted. Nothing was paid."`)
	v.pays(w)
}

// pays says what the policy tells of the payment.
func (v *visit) pays(w *world) {
	v.t.Helper()
	text := w.policyTexts(v.t, "platform")
	if w.config.AsPublished {
		says(v.t, text["en"], "Online payment")
		if strings.Contains(text["en"], "Stripe") {
			v.t.Error("as published the policy names Stripe")
		}
		return
	}
	says(v.t, text["en"], "Stripe|Secures your payment and protects it from fraud")
	says(v.t, text["fr"], "Stripe|Sécurise votre paiement et le protège de la fraude")
}

func platVideo(t *testing.T, w *world) {
	v := w.open(t, "platform", "/")
	v.choose("refuse")
	v.signIn(false)
	v.asked()
	v.to("/session")
	v.wait("cours-exemple.daily.co/lesson-12")
	if got := hosts(v.asked()); !slices.Equal(got, []string{"cours-exemple.daily.co"}) {
		t.Errorf("the lesson asks %q", got)
	}
	text := w.policyTexts(t, "platform")["en"]
	if named := strings.Contains(text, "Pluot Communications, Inc."); named == w.config.AsPublished {
		t.Errorf("the policy names who runs the video: %v", named)
	}
}

func platElsewhere(t *testing.T, w *world) {
	v := w.open(t, "platform", "/")
	v.counted()
	v.signIn(false)
	for _, page := range platPages {
		if strings.HasPrefix(page, "/checkout") || page == "/session" {
			continue
		}
		v.to(page)
	}
	for _, host := range hosts(v.asked()) {
		if !slices.Contains(google, host) {
			t.Errorf("a page that is not its own asks %s", host)
		}
	}
}

func platReopened(t *testing.T, w *world) {
	v := w.open(t, "platform", "/")
	v.choose("refuse")
	v.signIn(false)
	for _, page := range platPages {
		v.to(page)
		v.is("the button of "+page, "part('open').getClientRects().length", "1")
		v.is("the link of "+page, `document.querySelectorAll("footer [data-temoin-open]").length`, map[bool]string{false: "1", true: "0"}[w.config.AsPublished])
	}
	if !w.config.AsPublished {
		v.run(`document.querySelector("footer [data-temoin-open]").click()`)
		v.until("part('centre').open && part('centre').querySelector('[name=allow][value=analytics]')")
		says(t, w.policyTexts(t, "platform")["en"], "at any time|Manage cookies, at the bottom of every page")
	}
}

func platBookings(t *testing.T, w *world) {
	v := w.open(t, "platform", "/lessons")
	v.choose("refuse")
	v.platKeeps("", platChoice)
	v.run(`document.querySelector('.hour[href$="hannah-fri-17"]').click()`)
	v.platKeeps(platBooking, platBooking, platChoice)
	v.is("what is kept of it", `JSON.parse(sessionStorage["platform.booking"])`, `{"teacher":"hannah","day":"fri","hour":"17"}`)
	v.is("what the page says", `document.querySelector("[data-picked] span").textContent`, `"English with Hannah Weiss, Friday, 17:00"`)
	v.signIn(false)
	v.to("/checkout")
	v.until("document.querySelector('#pay') && document.readyState == 'complete'")
	v.is("what is to be paid", `document.querySelector("dl dd").textContent`, `"Friday, 17:00"`)
	v.until("document.querySelector('#card iframe')")
	v.after("document.querySelector('#pay').requestSubmit()")
	v.is("what is kept when it is paid", "Object.keys(sessionStorage)", "[]")
	if !w.config.AsPublished {
		says(t, w.policyTexts(t, "platform")["en"], "sessionStorage|platform.booking|the same conditions|the same purposes")
	}
}

func platBlocked(t *testing.T, w *world) {
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "Default"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "Default", "Preferences"), []byte(`{"profile":{"default_content_setting_values":{"cookies":2}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	v := &visit{browsertest.Profile(t, folder, w.standin.Address()), w, t, "platform"}
	v.Do(chromedp.EmulateViewport(1200, 800))
	v.signIn(false)
	v.is("the page after the form", `[document.querySelector("h1").textContent, document.querySelector(".lead").textContent.includes("platform_csrf")]`, `["Your browser does not keep what protects this form",true]`)
	if got := v.kept(); len(got) > 0 {
		t.Errorf("cookies are not blocked: %v", got)
	}
	if w.config.AsPublished {
		says(t, w.policyTexts(t, "platform")["en"], "may affect the operation of the Platform")
	} else {
		says(t, w.policyTexts(t, "platform")["en"], "may stop working or be closed to you|no longer sign in|cannot pay online")
	}
}

func platExpired(t *testing.T, _ *world) {
	w := start(t, options{}) // its clock goes ahead
	v := w.open(t, "platform", "/")
	v.choose("refuse")
	w.advance(platYear - time.Hour)
	v.to("/lessons")
	v.is("the notice an hour before it expires", "!!notice()", "false")
	w.advance(25 * time.Hour)
	v.to("/lessons")
	says(t, v.noticeText(), "Audience measurement")
	v.choose("accept")
	v.to("/")
	v.is("the notice after the answer", "!!notice()", "false")
	says(t, w.policyTexts(t, "platform")["en"], "Your choice is kept for 12 months, then we ask you again")
}

func platContact(t *testing.T, w *world) {
	v := w.open(t, "platform", "/.temoin/policy?lang=en")
	if w.config.AsPublished {
		v.is("a way to write to anybody", `!!document.querySelector('main a[href^="mailto:"], main a[href="/contact"]')`, "false")
	} else {
		v.is("the addresses", `[...document.querySelectorAll('main a[href^="mailto:"]')].some(a => a.href == "mailto:privacy@platform.example")`, "true")
		v.after(`document.querySelector('main a[href$="/contact"]').click()`)
	}
	v.to("/contact")
	v.after(`submit('form[action="/contact"]', {email: "somebody@example.org", about: "data", message: "What do you keep about me?"})`)
	v.is("the page after it", `document.querySelector("main [role=status]").textContent`, `"Thank you: your message has been sent. We answer within a month."`)
	v.platKeeps("platform_csrf", platForms)
}

func platChanged(t *testing.T, w *world) {
	if w.config.AsPublished {
		says(t, w.policyTexts(t, "platform")["en"], "brought to your attention through an update to the cookie banner")
		return
	}
	w = start(t, options{}) // it goes on to another version
	v := w.open(t, "platform", "/")
	v.counted()
	w.next("platform")
	v.to("/")
	says(t, v.noticeText(), "Something has changed since your last choice|Extracts of lessons is a new category")
	v.is("what is asked", `[...root().querySelectorAll("[part=notice] [name=asked]")].map(e => e.value)`, `["media"]`)
	v.is("what still holds", `temoin.allows("google-analytics") && !temoin.allows("youtube")`, "true")
}
