package demo

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/internal/browsertest"
	"github.com/temoin/temoin/policy"
)

const (
	cxSession = "cexro_session"
	cxForms   = "csrf_token"
	cxToken   = "auth_token"
	cxChoice  = "cookie_consent"
	cxDay     = 24 * time.Hour
)

// What Google Analytics, Hotjar and Intercom keep, and who is asked by them.
var (
	cxMeasured = []string{"_ga", "_ga_CEXRO00001", "_hjSessionUser_1234567", "_hjSession_1234567"}
	cxTalked   = []string{"intercom-device-id-cexro0001", "intercom-id-cexro0001", "intercom-session-cexro0001"}
	cxCounting = []string{"content.hotjar.io", "region1.google-analytics.com", "script.hotjar.com", "static.hotjar.com", "ws.hotjar.com", "www.googletagmanager.com"}
	cxChatting = []string{"api-iam.intercom.io", "js.intercomcdn.com", "widget.intercom.io"}
	cxPaying   = []string{"js.stripe.com", "m.stripe.com", "m.stripe.network"}
)

// cxPages are the pages of the site, the last two for those who are signed in.
var cxPages = []string{"/", "/aide", "/checkout", "/support", "/confidentialite", "/mentions-legales", "/variante", "/login", "/nulle-part", "/documents", "/compte/cookies"}

// cxSaid are the statements that the site keeps by saying something, with what the policy as
// it was published says in French. What the corrected one says is in the table of statements.
var cxSaid = map[string]string{
	"S3-01": "Politique des Cookies|Comment nous utilisons les cookies sur Cexro OCR",
	"S3-02": "15 janvier 2025",
	"S3-03": "Cookies essentiels pour le fonctionnement du service",
	"S3-07": "petit fichier texte|ordinateur, smartphone, tablette",
	"S3-12": "Ils ne peuvent pas être désactivés car ils permettent :",
	"S3-33": "Paramètres → Confidentialité et sécurité → Cookies",
	"S3-34": "Options → Vie privée et sécurité → Cookies",
	"S3-35": "Préférences → Confidentialité → Cookies",
	"S3-36": "Paramètres → Confidentialité → Cookies",
	"S3-43": "Your Online Choices",
	"S3-44": "via les paramètres de votre navigateur mobile",
	"S3-50": "Cette politique peut être mise à jour",
}

// cxElsewhere are the statements that no visit can show, and why.
var cxElsewhere = map[string]string{
	"S3-25": "that vendors mask addresses is attested",
	"S3-52": "messages come with mail",
	"S3-55": "that answers come within 72 hours is attested; requests come with the panel",
}

// cxDeeds are the statements that the site keeps by doing something.
var cxDeeds = []deed{
	{"S3-04 S3-09 S3-17", "analytics begins with a yes to it", cxAnalytics},
	{"S3-05 S3-11", "advertising has no part in anything", cxNoAdvertising},
	{"S3-06 S3-08", "what is essential cannot be switched off, all else as easily as on", cxControl},
	{"S3-10 S3-26 S3-29 S3-30", "the export format and steps seen are kept with a yes to that", cxFunctional},
	{"S3-27 S3-28 S3-48", "language and theme are kept for a year, once they are chosen", cxChosen},
	{"S3-13 S3-14 S3-46", "session and protection of forms end with the browser", cxSessions},
	{"S3-15 S3-47", "who asks for it stays signed in for 30 days", cxStays},
	{"S3-16", "the choice is kept for a year", cxKept},
	{"S3-18 S3-19 S3-20 S3-21 S3-49", "Google Analytics sets two cookies, for as long as the policy says", cxGoogle},
	{"S3-22 S3-23 S3-24", "Hotjar sets the cookies of today", cxHotjar},
	{"S3-31", "the preference centre opens from its button", cxButton},
	{"S3-32", "preferences are changed from the account", cxAccount},
	{"S3-37", "without essential cookies nobody can sign in, and is told why", cxWithout},
	{"S3-38 S3-40", "Stripe is asked on the payment page alone", cxPays},
	{"S3-39", "fonts come from where the policy says", cxFonts},
	{"S3-41", "the chat waits for a yes", cxChat},
	{"S3-42", "Google Analytics alone is refused in the preference centre", cxRefusesOne},
	{"S3-45", "an app gets its answers without cookies", cxApp},
	{"S3-51", "an important change is announced by the notice", cxChanged},
	{"S3-53 S3-54", "a question to the data protection officer has its address and subject", cxQuestion},
	{"S3-56", "the support team is asked by a form, without the chat", cxSupport},
}

func TestCexroDoesWhatItsPolicyStates(t *testing.T) {
	said, gone := inWords(t, "cexro", "fr", cxSaid)
	s := stated{"cexro", said, gone, cxDeeds, cxElsewhere}
	s.test(t)
}

// cxOpen opens a page in a new profile; who was asked before is forgotten.
func cxOpen(t *testing.T, w *world, path string) *visit {
	t.Helper()
	v := w.open(t, "cexro", path)
	v.asked()
	return v
}

// cxVisitor is a visit of Cexro in a browser that keeps its profile in a folder.
func cxVisitor(t *testing.T, w *world, folder string) *visit {
	t.Helper()
	v := &visit{browsertest.Profile(t, folder, w.standin.Address()), w, t, "cexro"}
	v.Do(chromedp.EmulateViewport(1200, 800))
	v.to("/login")
	return v
}

// cxAllow opens the preference centre and saves a yes to what is named, and to nothing else.
func (v *visit) cxAllow(allow ...string) {
	v.t.Helper()
	v.to("/.temoin/")
	v.after(fmt.Sprintf(`for (const e of document.querySelectorAll("[name=allow]")) e.checked = %q.split(" ").includes(e.value); document.querySelector("[value=save]").click()`, strings.Join(allow, " ")))
}

// cxWaits waits until a visit has told all that it will: what measures has sent its last
// request, and what talks has answered.
func (v *visit) cxWaits(addresses ...string) {
	v.t.Helper()
	for _, a := range addresses {
		v.wait(a)
	}
}

// cxSettles waits until cookies are kept.
func (v *visit) cxSettles(names ...string) {
	v.t.Helper()
	for _, n := range names {
		v.until(fmt.Sprintf("document.cookie.split('; ').some(c => c.startsWith(%q))", n+"="))
	}
}

// cxHosts fails the test where others were asked than these. The policy as it was published
// has the fonts loaded from Google on every page.
func (v *visit) cxHosts(what string, want ...string) {
	v.t.Helper()
	if v.w.config.AsPublished {
		want = append(want, "fonts.googleapis.com", "fonts.gstatic.com")
	}
	slices.Sort(want)
	if got := hosts(v.asked()); !slices.Equal(got, want) {
		v.t.Errorf("%s: asked are %q, not %q", what, got, want)
	}
}

// cxLasts fails the test where a cookie is not kept for a time, from now on.
func (v *visit) cxLasts(name string, want time.Duration) {
	v.t.Helper()
	c := v.kept()[name]
	switch {
	case c == nil:
		v.t.Errorf("%s is not kept", name)
	case want == 0 && !c.Session:
		v.t.Errorf("%s is kept until %v, not until the browser closes", name, time.Unix(int64(c.Expires), 0))
	case want > 0:
		left := time.Until(time.Unix(int64(c.Expires), 0))
		if c.Session || left > want+time.Minute || left < want-cxDay-time.Minute {
			v.t.Errorf("%s is kept for %v (session %v), not for %v", name, left, c.Session, want)
		}
	}
}

// cxSignOut and others press what stands on a page.
func (v *visit) cxSignOut() {
	v.t.Helper()
	v.after(`document.querySelector('form[action="/logout"] button').click()`)
}

func (v *visit) cxSignedIn() bool {
	v.t.Helper()
	return v.run(`return !!document.querySelector('form[action="/logout"]')`) == "true"
}

// cxUpload puts a picture into the form for documents.
func (v *visit) cxUpload() {
	v.t.Helper()
	v.after(`const c = document.createElement('canvas'); c.width = 64; c.height = 48;
		c.toBlob((b) => { const d = new DataTransfer(); d.items.add(new File([b], 'facture.png', {type: 'image/png'})); document.getElementById('file').files = d.files; submit('.drop') })`)
}

// cxExport asks for the facts in a format, and returns what comes back and whether a format
// was proposed.
func (v *visit) cxExport(format string) string {
	v.t.Helper()
	return v.run(`const f = document.querySelector('.export'), body = new URLSearchParams(new FormData(f)); body.set('format', '` + format + `');
		const answer = await fetch(f.action, {method: 'POST', body}); return answer.headers.get('content-disposition') + await answer.text()`)
}

func cxAnalytics(t *testing.T, w *world) {
	v := cxOpen(t, w, "/")
	v.until("notice()")
	v.to("/aide")
	v.cxHosts("before a choice")
	v.holds()
	v.choose("refuse")
	v.to("/")
	v.cxHosts("after a refusal")
	v.holds(cxChoice)
	v.cxAllow("functional", "support")
	if names := cxAmong(v, cxMeasured); len(names) > 0 {
		t.Errorf("a yes to something else sets %q", names)
	}
	v.asked()
	v.cxAllow("analytics")
	v.to("/")
	v.cxWaits("region1.google-analytics.com/g/collect", "content.hotjar.io/", "ws.hotjar.com/")
	if got := hosts(v.asked()); !cxWithin(cxCounting, got) {
		t.Errorf("with a yes to analytics asked are %q", got)
	}
}

// cxAmong returns which of some cookies are kept.
func cxAmong(v *visit, names []string) []string {
	var found []string
	for name := range v.kept() {
		if slices.Contains(names, name) {
			found = append(found, name)
		}
	}
	return found
}

// cxWithin reports whether all of some are among others.
func cxWithin(some, others []string) bool {
	return !slices.ContainsFunc(some, func(one string) bool { return !slices.Contains(others, one) })
}

func cxNoAdvertising(t *testing.T, w *world) {
	v := cxOpen(t, w, "/")
	v.choose("accept")
	v.signIn(false)
	for _, page := range cxPages {
		v.to(page)
		v.cxWaits("region1.google-analytics.com/g/collect", "content.hotjar.io/", "api-iam.intercom.io/")
		site := w.site("cexro")
		for _, host := range hosts(v.asked()) {
			declared := len(site.ServicesAt(host, "/")) > 0 || host == "www.googletagmanager.com"
			// The tag of the published policy leaves on what links it to advertising.
			if declared == (host == "stats.g.doubleclick.net") || host == "stats.g.doubleclick.net" && !w.config.AsPublished {
				t.Errorf("%s asks %s, declared %v", page, host, declared)
			}
		}
	}
	for _, tracker := range w.site("cexro").Trackers {
		if tracker.Category.ID == "advertising" {
			t.Errorf("%s is for advertising", tracker)
		}
	}
	v.to("/.temoin/")
	v.is("a switch for advertising", `!!document.querySelector("[name=allow][value=advertising]")`, "false")
}

func cxControl(t *testing.T, w *world) {
	v := cxOpen(t, w, "/")
	v.until("notice()")
	v.is("accepting and refusing, as large", `(() => { const [a, b] = ['accept', 'refuse'].map(n => part('notice').querySelector('[value=' + n + ']').getBoundingClientRect()); return [a.width == b.width, a.height == b.height, a.y == b.y] })()`, "[true,true,true]")
	v.choose("refuse")
	v.to("/.temoin/")
	want := `["analytics","functional"]`
	if !w.config.AsPublished {
		want = `["analytics","functional","support"]`
	}
	v.is("what can be decided", `[...document.querySelectorAll("[part=category] > h3 [name=allow]")].map(e => e.value)`, want)
	v.is("what is on after a refusal", `document.querySelectorAll("[name=allow]:checked").length`, "0")
	v.signIn(false)
	v.to("/documents")
	v.is("the site after a refusal", "location.pathname", `"/documents"`)
}

func cxFunctional(t *testing.T, w *world) {
	v := cxOpen(t, w, "/")
	v.choose("refuse")
	v.signIn(false)
	use := func() {
		t.Helper()
		for _, step := range []string{"1", "2", "3", "4"} {
			v.to("/aide?etape=" + step)
		}
		v.to("/documents")
		v.cxUpload()
		if got := v.cxExport("csv"); !strings.Contains(got, "cexro.csv") || !strings.Contains(got, "width,64") {
			t.Errorf("the export is %s", got)
		}
		v.to("/documents")
		v.cxUpload()
	}
	proposed := `document.querySelector("[name=format]:checked")?.value ?? ""`
	use()
	v.is("the format without a yes", proposed, `""`)
	v.to("/aide")
	v.is("the step without a yes", `document.querySelector("[aria-current=step]").href.split("=")[1]`, `"1"`)
	v.holds(cxChoice, cxSession, cxForms, cxToken)

	v.cxAllow("functional")
	use()
	v.is("the format that is proposed", proposed, `"csv"`)
	v.to("/aide")
	v.is("the steps that come back", `[document.querySelectorAll(".seen").length, !!document.querySelector("[aria-current=step]")]`, "[4,false]")
	v.to("/")
	v.is("the tip for the first visit", `!!document.querySelector(".tip")`, "false")
	v.cxLasts("cexro_export", 365*cxDay)
	v.cxLasts("cexro_tutorials", 365*cxDay)
	cxDeclared(v, "cexro_export", "cexro_tutorials")

	v.cxAllow()
	v.to("/aide")
	v.is("the step after the yes was taken back", `document.querySelector("[aria-current=step]").href.split("=")[1]`, `"1"`)
	if !w.config.AsPublished { // what has no name cannot be deleted
		v.holds(cxChoice, cxSession, cxForms, cxToken)
	}
}

// cxDeclared fails the test where preferences are not declared as the manifest has them: the
// policy as it was published gives them no names.
func cxDeclared(v *visit, names ...string) {
	v.t.Helper()
	for _, name := range names {
		tracker := v.w.site("cexro").TrackerNamed(policy.Cookie, name)
		if v.w.config.AsPublished != (tracker == nil) {
			v.t.Errorf("%s is declared as %+v", name, tracker)
		} else if tracker != nil && tracker.Category.ID != "functional" {
			v.t.Errorf("%s is in the category %s", name, tracker.Category.ID)
		}
	}
}

func cxChosen(t *testing.T, w *world) {
	v := cxOpen(t, w, "/")
	v.is("the page at first", "[document.documentElement.lang, document.documentElement.dir, document.documentElement.dataset.theme ?? '']", `["fr","ltr",""]`)
	v.holds()
	v.after(`document.querySelector("[name=lang][value=ar]").click()`)
	v.is("the page in Arabic", "[document.documentElement.lang, document.documentElement.dir, document.querySelector('temoin-notice').dir]", `["ar","rtl","rtl"]`)
	v.after(`document.querySelector("[name=theme][value=dark]").click()`)
	v.is("the page in the dark", "[document.documentElement.dataset.theme, getComputedStyle(document.body).backgroundColor]", `["dark","rgb(20, 24, 22)"]`)
	v.cxLasts("cexro_lang", 365*cxDay)
	v.cxLasts("cexro_theme", 365*cxDay)
	cxDeclared(v, "cexro_lang", "cexro_theme")
	if !w.config.AsPublished {
		v.holds("cexro_lang", "cexro_theme")
	}
	v.choose("refuse")
	v.to("/aide")
	v.is("the next page after a refusal", "[document.documentElement.lang, document.documentElement.dataset.theme]", `["ar","dark"]`)
	v.after(`document.querySelector("[name=lang][value=fr]").click()`)
	v.is("the page in French again", "document.documentElement.lang + location.pathname", `"fr/aide"`)
}

func cxSessions(t *testing.T, w *world) {
	folder := t.TempDir()
	v := cxVisitor(t, w, folder)
	v.is("remember me, before anything is done", `document.querySelector("[name=remember]").checked`, "false")
	v.cxLasts(cxForms, 0)
	v.signIn(false)
	if !v.cxSignedIn() {
		t.Fatal("nobody is signed in")
	}
	v.cxLasts(cxSession, 0)
	v.cxLasts(cxForms, 0)
	v.agrees()
	// A form without its token does nothing.
	v.to("/support")
	v.run(`document.querySelector(".stack [name=csrf]").value = "of somebody else"`)
	v.after(`submit('form[action="/support"]', {email: "a@b.example", message: "?"})`)
	v.is("a form from elsewhere", `document.querySelector("main code").textContent`, `"csrf_token"`)
	v.Quit()

	v = cxVisitor(t, w, folder)
	if v.cookie(cxSession) != "" {
		t.Error("the session outlives the browser's")
	}
	// The published policy has the token kept for 30 days whatever the visitor asks for.
	if v.cxSignedIn() != w.config.AsPublished {
		t.Errorf("on another day somebody is signed in: %v", !w.config.AsPublished)
	}
}

func cxStays(t *testing.T, w *world) {
	folder := t.TempDir()
	v := cxVisitor(t, w, folder)
	v.signIn(true)
	v.cxLasts(cxToken, 30*cxDay)
	v.agrees()
	v.Quit()

	v = cxVisitor(t, w, folder)
	if v.cookie(cxSession) != "" || !v.cxSignedIn() {
		t.Errorf("on another day the session is %q, somebody is signed in: %v", v.cookie(cxSession), v.cxSignedIn())
	}
	v.cxLasts(cxToken, 30*cxDay)
	v.cxSignOut()
	if v.cookie(cxToken) != "" || v.cxSignedIn() {
		t.Error("signing out leaves the token")
	}
}

func cxKept(t *testing.T, w *world) {
	v := cxOpen(t, w, "/")
	v.choose("accept")
	v.cxLasts(cxChoice, 365*cxDay)
	v.to("/support")
	v.is("the notice on the next page", "!!notice()", "false")
}

func cxGoogle(t *testing.T, w *world) {
	longest := 393 * cxDay // 13 months from any day on
	if w.config.AsPublished {
		longest = 400 * cxDay // two years, of which browsers keep that
	}
	v := cxOpen(t, w, "/")
	v.choose("refuse")
	v.cxAllow("analytics")
	v.to("/")
	v.cxWaits("region1.google-analytics.com/g/collect")
	v.cxSettles("_ga", "_ga_CEXRO00001")
	v.cxLasts("_ga", longest)
	v.cxLasts("_ga_CEXRO00001", longest)
	if v.cookie("_gid") != "" {
		t.Error("_gid is set")
	}
	before := v.kept()["_ga"]
	v.asked()
	v.to("/aide")
	v.cxWaits("region1.google-analytics.com/g/collect")
	// The end of a cookie that is written again is another one, by milliseconds at least.
	if renewed := v.kept()["_ga"].Expires > before.Expires; renewed != w.config.AsPublished {
		t.Errorf("a visit begins the lifetime anew: %v", renewed)
	}
}

func cxHotjar(t *testing.T, w *world) {
	v := cxOpen(t, w, "/")
	v.choose("refuse")
	v.cxAllow("analytics")
	v.to("/")
	v.cxWaits("content.hotjar.io/", "ws.hotjar.com/")
	v.cxLasts("_hjSessionUser_1234567", 365*cxDay)
	v.cxLasts("_hjSession_1234567", 30*time.Minute)
	for _, name := range []string{"_hjid", "_hjIncludedInSessionSample"} {
		if v.cookie(name) != "" {
			t.Errorf("%s is set", name)
		}
	}
	// The published policy knows the names of another time.
	if declared := w.site("cexro").TrackerNamed(policy.Cookie, "_hjSessionUser_1234567") != nil; declared == w.config.AsPublished {
		t.Errorf("today's cookie is declared: %v", declared)
	}
}

func cxButton(t *testing.T, w *world) {
	v := cxOpen(t, w, "/")
	v.choose("refuse")
	v.to("/confidentialite")
	v.is("the button beside the policy", `document.querySelector("main [data-temoin-open]").textContent`, `"Paramétrer vos cookies"`)
	v.run(`document.querySelector("main [data-temoin-open]").click()`)
	v.until(`root().querySelector("dialog[open]")`)
	if w.config.AsPublished { // it is nowhere else
		v.is("ways on every page", `document.querySelectorAll("footer [data-temoin-open]").length`, "0")
		return
	}
	for lang, label := range map[string]string{"fr": `"Paramétrer vos cookies"`, "ar": `"ضبط ملفات تعريف الارتباط"`} {
		v.to("/")
		v.after(`document.querySelector("[name=lang][value=` + lang + `]").click()`)
		v.is("the button in "+lang, `part("open").textContent`, label)
		v.is("the link in "+lang, `document.querySelector("footer [data-temoin-open]").textContent`, label)
		v.run(`part("open").click()`)
		v.until(`root().querySelector("dialog[open]")`)
	}
	v.to("/.temoin/policy?lang=fr")
	v.is("its name in the policy", `document.body.innerText.includes("Centre de préférences Cexro")`, "true")
}

// cxOwnCentre finds the preference centre that stands in the account's page.
const cxOwnCentre = `document.querySelector(".centre > div").shadowRoot`

func cxAccount(t *testing.T, w *world) {
	v := cxOpen(t, w, "/")
	v.choose("refuse")
	v.to("/compte/cookies")
	if !strings.Contains(v.address(), "/login?next=") {
		t.Errorf("the account is at %s for nobody", v.address())
	}
	v.signIn(false)
	v.after(`document.querySelector('a[href="/compte/cookies"]').click()`)
	for _, yes := range []bool{true, false} {
		v.after(fmt.Sprintf(`%[1]s.querySelector("[name=allow][value=analytics]").click(); %[1]s.querySelector("[value=save]").click()`, cxOwnCentre))
		v.is("the page afterwards", `[location.pathname, `+cxOwnCentre+`.querySelector("[name=allow][value=analytics]").checked]`, fmt.Sprintf(`["/compte/cookies",%v]`, yes))
		v.is("what holds", `temoin.allows("hotjar")`, fmt.Sprint(yes))
	}
}

func cxWithout(t *testing.T, w *world) {
	v := cxOpen(t, w, "/login")
	v.choose("refuse")
	// As where the browser keeps no cookie of the site.
	if _, err := chromedp.CallBrowser(v.Tab, storage.ClearCookies, storage.ClearCookiesParams{BrowserContextID: chromedp.FromContext(v.Tab).BrowserContextID}); err != nil {
		t.Fatal(err)
	}
	login := w.show("cexro.localhost").Logins[0]
	v.after(fmt.Sprintf(`submit('form[action="/login"]', {email: %q, password: %q})`, login[0], login[1]))
	v.is("what is said", `[document.querySelector("h1").textContent, document.querySelector("main code").textContent]`, `["Le formulaire n’a pas été envoyé","csrf_token"]`)
	if v.cxSignedIn() || v.cookie(cxSession) != "" {
		t.Error("somebody is signed in")
	}
}

func cxPays(t *testing.T, w *world) {
	v := cxOpen(t, w, "/")
	v.choose("refuse")
	v.signIn(false)
	for _, page := range cxPages {
		if page != "/checkout" && page != "/variante" {
			v.to(page)
		}
	}
	if got := hosts(v.asked()); cxAny(got, cxPaying) {
		t.Errorf("Stripe is asked on other pages: %q", got)
	}
	v.to("/checkout")
	v.cxWaits("js.stripe.com/v3/elements-inner-card", "m.stripe.com/6")
	v.cxLasts("__stripe_mid", 365*cxDay)
	v.cxLasts("__stripe_sid", 30*time.Minute)
	if got := hosts(v.asked()); !cxWithin(cxPaying, got) {
		t.Errorf("on the payment page asked are %q", got)
	}
	v.after(`document.querySelector("#pay button").click()`)
	v.is("the payment", `document.querySelector(".done").textContent.includes("démonstration")`, "true")
	v.wait("api.stripe.com/v1/")
	v.to("/")
	v.asked()
	v.to("/support")
	if got := hosts(v.asked()); cxAny(got, cxPaying) {
		t.Errorf("Stripe is asked after the payment: %q", got)
	}
	if !w.config.AsPublished {
		v.agrees()
	}
}

func cxAny(got, of []string) bool {
	return slices.ContainsFunc(got, func(one string) bool { return slices.Contains(of, one) })
}

func cxFonts(t *testing.T, w *world) {
	v := cxOpen(t, w, "/")
	v.choose("accept")
	v.signIn(false)
	v.asked()
	for _, page := range cxPages {
		v.to(page)
		v.until("document.fonts.status == 'loaded'")
		asked := slices.Contains(hosts(v.asked()), "fonts.googleapis.com")
		if asked != w.config.AsPublished {
			t.Errorf("%s asks Google for fonts: %v", page, asked)
		}
		own := v.run(`return performance.getEntriesByType("resource").some(e => new URL(e.name).host == location.host && e.name.includes("/static/fonts/"))`) == "true"
		if want := !w.config.AsPublished && page != "/variante"; own != want {
			t.Errorf("%s asks the site for fonts: %v", page, own)
		}
	}
}

func cxChat(t *testing.T, w *world) {
	category := "support"
	if w.config.AsPublished {
		category = "functional"
	}
	v := cxOpen(t, w, "/")
	v.choose("refuse")
	v.cxAllow("analytics")
	v.to("/")
	v.cxWaits("region1.google-analytics.com/g/collect", "content.hotjar.io/")
	if got := hosts(v.asked()); cxAny(got, cxChatting) {
		t.Errorf("a yes to analytics asks %q", got)
	}
	v.cxAllow(category)
	v.to("/")
	v.until(`document.querySelector(".intercom-launcher")`)
	if got := cxAmong(v, cxTalked); len(got) != len(cxTalked) {
		t.Errorf("the chat keeps %q", got)
	}
	v.cxAllow()
	v.to("/")
	v.is("the chat, after the yes was taken back", `!!document.querySelector(".intercom-launcher")`, "false")
	if got := cxAmong(v, cxTalked); len(got) > 0 && !w.config.AsPublished { // the published policy has no names for them
		t.Errorf("the chat still keeps %q", got)
	}
}

func cxRefusesOne(t *testing.T, w *world) {
	v := cxOpen(t, w, "/")
	v.choose("accept")
	v.cxWaits("region1.google-analytics.com/g/collect", "content.hotjar.io/")
	v.cxSettles("_ga", "_ga_CEXRO00001")
	v.cxAllow("analytics", "hotjar", "functional", "support", "intercom")
	for name := range v.kept() {
		if strings.HasPrefix(name, "_ga") {
			t.Errorf("%s is still kept", name)
		}
	}
	v.asked()
	v.to("/")
	v.cxWaits("content.hotjar.io/")
	if got := hosts(v.asked()); slices.Contains(got, "www.googletagmanager.com") {
		t.Errorf("after a refusal of Google Analytics asked are %q", got)
	}
	v.to("/.temoin/policy?lang=fr")
	instead := v.run(`return document.body.innerText.includes("Your Online Choices")`) == "true"
	if instead != w.config.AsPublished {
		t.Errorf("the policy sends visitors elsewhere for that: %v", instead)
	}
}

func cxApp(t *testing.T, w *world) {
	r, err := http.NewRequest(http.MethodGet, w.Home()+"/.temoin/state", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "cexro.localhost"
	r.Header.Set("Temoin-Choice", "")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Set-Cookie") != "" {
		t.Errorf("an app is answered %s, with the cookie %q", answer.Status, answer.Header.Get("Set-Cookie"))
	}
}

func cxQuestion(t *testing.T, w *world) {
	v := cxOpen(t, w, "/")
	for lang, subject := range map[string]string{"fr": "Question cookies", "ar": "سؤال عن ملفات تعريف الارتباط"} {
		if w.config.AsPublished {
			subject = "Question cookies"
		}
		v.to("/")
		v.after(`document.querySelector("[name=lang][value=` + lang + `]").click()`)
		v.to("/support")
		v.is("the way to ask in "+lang, fmt.Sprintf(`[...document.querySelectorAll("a[href^='mailto:dpo@cexro.com']")].some(a => decodeURIComponent(a.href).endsWith(%q))`, "?subject="+subject), "true")
		v.to("/.temoin/policy?lang=" + lang)
		v.is("what the policy says of it in "+lang, fmt.Sprintf(`!!document.querySelector("a[href^='mailto:dpo@cexro.com']") && document.body.innerText.includes(%q)`, subject), "true")
	}
}

func cxSupport(t *testing.T, w *world) {
	v := cxOpen(t, w, "/")
	v.choose("refuse")
	v.after(`document.querySelector('nav a[href="/support"]').click()`)
	v.after(`submit('form[action="/support"]', {email: "samir@cexro.example", message: "Comment régler mes préférences ?"})`)
	v.is("the answer", `document.querySelector("[role=status].done").textContent.startsWith("Merci")`, "true")
	if got := hosts(v.asked()); cxAny(got, cxChatting) {
		t.Errorf("the form asks %q", got)
	}
}

func cxChanged(t *testing.T, w *world) {
	if w.config.AsPublished {
		says(t, w.policyTexts(t, "cexro")["fr"], "Les modifications importantes vous seront notifiées via une bannière")
		return // it has no version, and no later one
	}
	w = start(t, options{}) // what follows changes the site for good
	v := cxOpen(t, w, "/")
	v.choose("accept")
	cxNext(t, w)
	v.to("/aide")
	v.until("notice()")
	text := v.run(`return part("notice").textContent.replace(/\s+/g, " ")`)
	if !strings.Contains(text, "Intercom") || strings.Contains(text, "Hotjar") {
		t.Errorf("the notice says %s", text)
	}
	v.is("what stays allowed", `["analytics", "functional", "support"].map(temoin.allows)`, "[true,true,false]")
	v.choose("accept")
	v.to("/")
	v.is("the notice on the next page", "!!notice()", "false")
}

// cxNext brings a version into force in which the chat receives more than before.
func cxNext(t *testing.T, w *world) {
	t.Helper()
	cxPublish(t, w, "version: \"1.0\" # filled", "version: \"1.1\"", "messages que vous écrivez, numéro du navigateur", "messages que vous écrivez, numéro du navigateur, nom du compte", "والرسائل التي تكتبها ورقم المتصفح", "والرسائل التي تكتبها ورقم المتصفح واسم الحساب")
}
