package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/internal/browsertest"
	"github.com/temoin/temoin/policy"
)

const (
	p2cSession  = "next-auth.session-token"
	p2cForms    = "next-auth.csrf-token"
	p2cLanguage = "NEXT_LOCALE"
	p2cChoice   = "eu-consent" // which is also what it is called where the policy does not say
)

// p2cAnswers are what the visitor answered, as the server reads it.
const p2cAnswers = `(await (await fetch("/.temoin/state")).json()).answers`

// p2cSigned are the cookies of somebody who is signed in and chose nothing. The policy as it
// was published keeps choices in the browser alone.
func p2cSigned(w *world) []string {
	if w.config.AsPublished {
		return []string{p2cSession, p2cForms}
	}
	return []string{p2cSession, p2cForms, policy.AccountCookie}
}

// inPage finds the preference centre that stands in the account's page.
const inPage = `[...document.querySelectorAll("main div")].find(d => d.shadowRoot).shadowRoot`

// p2cSayings are the statements that the policy page keeps by saying something: its words in
// English and in French, and in English as it was published.
var p2cSayings = []saying{
	{"S1-01", map[string]string{"en": "Cookie Policy|4 May 2026", "fr": "Politique de cookies|4 mai 2026"}, "Cookie Policy|4 May 2026"},
	{"S1-02", map[string]string{"en": "small text file|computer, tablet or smartphone", "fr": "petit fichier texte|ordinateur, tablette ou smartphone"}, "small text file"},
	{"S1-03", map[string]string{"en": "recognises you|remembers your preferences|makes some features work", "fr": "vous reconnaît|retient vos préférences|assure le fonctionnement"}, "recognise the user"},
	{"S1-05", map[string]string{"en": "Pix2Clip", "fr": "Pix2Clip"}, "Pix2Clip"},
	{"S1-06", map[string]string{"en": "QR Communication|SAS|940 163 496", "fr": "QR Communication|SAS|940 163 496"}, "QR Communication|SAS|940 163 496"},
	{"S1-07", map[string]string{"en": "French Data Protection Act (loi n° 78-17), article 82|Directive 2002/58/EC, article 5(3)", "fr": "Loi Informatique et Libertés (loi n° 78-17), article 82|Directive 2002/58/CE, article 5.3"}, "Article 82|Article 5.3 of Directive 2002/58/EC"},
	{"S1-08", map[string]string{"en": "CNIL|guidelines|recommendation", "fr": "CNIL|lignes directrices|recommandation"}, "CNIL|guidelines|recommendation"},
	{"S1-10", map[string]string{"en": "article 82, last paragraph, 2°|expressly ask for", "fr": "article 82, dernier alinéa, 2°|demandez expressément"}, "Article 82(2)"},
	{"S1-41", map[string]string{"en": "GDPR, article 5(1)(c)", "fr": "RGPD, article 5.1.c"}, "Article 5.1.c GDPR"},
	{"S1-51", map[string]string{"en": "block or delete cookies|pix2clip.com only", "fr": "bloquer ou supprimer les cookies|pix2clip.com seulement"}, "block or delete cookies|pix2clip.com"},
	{"S1-52", map[string]string{"en": "Settings > Privacy and security > Cookies", "fr": "Paramètres > Confidentialité et sécurité > Cookies"}, "Settings > Privacy and security > Cookies"},
	{"S1-53", map[string]string{"en": "Settings > Privacy & Security", "fr": "Paramètres > Vie privée et sécurité"}, "Settings > Privacy & Security"},
	{"S1-54", map[string]string{"en": "Preferences > Privacy", "fr": "Préférences > Confidentialité"}, "Preferences > Privacy"},
	{"S1-55", map[string]string{"en": "Settings > Cookies and site permissions", "fr": "Paramètres > Cookies et autorisations de site"}, "Settings > Cookies and site permissions"},
}

// p2cElsewhere are the statements that a visit cannot show, and why.
var p2cElsewhere = map[string]string{
	"S1-22": "what the code does with the keys is attested",
	"S1-31": "what is combined on the server is attested",
	"S1-38": "statistics come with the audience reports",
	"S1-39": "statistics come with the audience reports",
}

func TestPix2ClipDoesWhatItsPolicyStates(t *testing.T) {
	s := stated{"pix2clip", p2cSayings, nil, p2cDeeds, p2cElsewhere}
	s.test(t)
}

// p2cDeeds are the statements that the running site keeps by doing something.
var p2cDeeds = []deed{
	{"S1-42 S1-43", "a notice shows on the first visit, and takes preferences in advance", p2cNotice},
	{"S1-09 S1-11 S1-12 S1-14", "the session is kept until the browser closes", p2cSignIn},
	{"S1-13", "with remember me it is kept for 30 days", p2cRemembered},
	{"S1-15 S1-16 S1-17", "forms are taken from the site's own pages alone", p2cForgery},
	{"S1-18 S1-19 S1-20 S1-21", "the language that is chosen is kept for a year", p2cLanguages},
	{"S1-04 S1-23 S1-24 S1-25 S1-26 S1-28 S1-29 S1-30", "preferences are kept in the browser, each once it is set", p2cPreferences},
	{"S1-27 S1-32 S1-33", "preferences can be cleared, and everything works without", p2cCleared},
	{"S1-34 S1-35 S1-36 S1-37 S1-40", "nobody else is asked for anything, and nothing counts visits", p2cAlone},
	{"S1-46 S1-47 S1-48 S1-57", "consent is given and withdrawn on a page of the account", p2cAccount},
	{"S1-49", "a choice acts at once", p2cAtOnce},
	{"S1-50", "who is signed in can bring the notice back", p2cReopened},
	{"S1-44 S1-45", "what is added later waits for consent", p2cLater},
	{"S1-56", "without the necessary cookies nobody can sign in", p2cBlocked},
}

func p2cNotice(t *testing.T, w *world) {
	v := w.open(t, "pix2clip", "/")
	v.until("notice()")
	v.holds()
	text := v.noticed()
	if w.config.AsPublished {
		says(t, text, "Pre-configure your preferences")
		says(t, w.policyTexts(t, "pix2clip")["en"], "A consent banner compliant with CNIL requirements is nevertheless displayed on the first visit")
	} else {
		says(t, text, "designed to follow the texts of the CNIL|set your preferences in advance|Nothing here needs your consent today")
		if strings.Contains(text, "compliant") {
			t.Errorf("the notice claims: %s", text)
		}
	}
	v.is("what can be answered", `[...root().querySelectorAll("dialog [name=allow]")].map(e => [e.value, e.checked])`, `[["audience",false],["marketing",false]]`)
	v.choose("accept")
	v.holds(p2cChoice)
	if got := v.receipt(); got.State != "preference" || got.Answers[0].InUse || !got.Answers[0].Allow {
		t.Errorf("a yes in advance is kept as %+v", got)
	}
	v.to("/privacy")
	v.is("the notice on the next page", "!!notice()", "false")
	v.quiet()
}

func p2cSignIn(t *testing.T, w *world) {
	folder := t.TempDir()
	v := w.profile(t, folder)
	v.to("/editor")
	if !strings.Contains(v.address(), "/login?next=%2Feditor") {
		t.Errorf("the editor is at %s for nobody", v.address())
	}
	v.is("remember me, before anything is done", `document.querySelector("#remember").checked`, "false")
	v.signIn(false)
	v.is("who is signed in", `document.querySelector(".who span").textContent`, `"Ada"`)
	c := v.kept()[p2cSession]
	if c == nil || !c.Session {
		t.Fatalf("the session is kept as %+v", c)
	}
	v.holds(p2cSigned(w)...)
	for name := range v.kept() {
		if k := w.site("pix2clip").TrackerNamed(policy.Cookie, name).Category; k.ID != "necessary" {
			t.Errorf("%s is in the category %s", name, k.ID)
		}
	}
	v.Quit()
	v = w.profile(t, folder)
	v.to("/editor")
	v.is("who is signed in on another day", `document.querySelector(".who span")?.textContent ?? ""`, `""`)
}

func p2cRemembered(t *testing.T, w *world) {
	folder := t.TempDir()
	v := w.profile(t, folder)
	v.signIn(true)
	c := v.kept()[p2cSession]
	if c == nil || c.Session {
		t.Fatalf("the session is kept as %+v", c)
	}
	if left := time.Until(time.Unix(int64(c.Expires), 0)); left > 30*24*time.Hour+time.Minute || left < 30*24*time.Hour-time.Hour {
		t.Errorf("the session is kept for %v", left)
	}
	v.agrees()
	v.Quit()
	v = w.profile(t, folder)
	v.to("/editor")
	v.is("who is signed in on another day", `document.querySelector(".who span").textContent`, `"Ada"`)
	v.after(`document.querySelector(".who button").click()`)
	if v.cookie(p2cSession) != "" {
		t.Error("the session outlives signing out")
	}
}

func p2cForgery(t *testing.T, w *world) {
	v := w.open(t, "pix2clip", "/login")
	c := v.kept()[p2cForms]
	if c == nil || !c.Session {
		t.Fatalf("the protection of forms is kept as %+v", c)
	}
	v.agrees()
	login := w.show("pix2clip.localhost").Logins[0]
	v.after(fmt.Sprintf(`submit('form[action="/login"]', {csrf: "of somebody else", email: %q, password: %q})`, login[0], login[1]))
	v.is("the page after a form without its token", "document.querySelector('h1').textContent", `"Your form was not taken"`)

	// Another site sends the visitor's browser with the right words.
	v.to("data:text/html," + fmt.Sprintf(`<form method=post action="%s/login"><input name=email value="%s"><input name=password value="%s"><input name=csrf value="%s"></form>`, w.Address("pix2clip"), login[0], login[1], c.Value))
	v.run("window.before = true; setTimeout(() => document.forms[0].submit())")
	v.until("!window.before && document.readyState == 'complete'")
	if v.cookie(p2cSession) != "" {
		t.Error("another site has signed the visitor in")
	}
	v.signIn(false)
	v.is("who is signed in", `document.querySelector(".who span").textContent`, `"Ada"`)
}

func p2cLanguages(t *testing.T, w *world) {
	v := w.open(t, "pix2clip", "/")
	v.choose("refuse")
	heading := `document.documentElement.lang + ": " + document.querySelector("h1").textContent`
	v.is("the page at first", heading, `"en: Three pictures, one short clip"`)
	if v.cookie(p2cLanguage) != "" {
		t.Error("a language is kept that nobody chose")
	}
	for _, l := range []struct{ tag, want string }{{"fr", `"fr: Trois photos, un petit clip"`}, {"en", `"en: Three pictures, one short clip"`}} {
		v.after(`document.querySelector(".language [value=` + l.tag + `]").click()`)
		v.is("the page in "+l.tag, heading, l.want)
		c := v.kept()[p2cLanguage]
		if c == nil || c.Value != l.tag || c.Session {
			t.Fatalf("the language is kept as %+v", c)
		}
		if left := time.Until(time.Unix(int64(c.Expires), 0)); left > 365*24*time.Hour+time.Minute || left < 364*24*time.Hour {
			t.Errorf("the language is kept for %v", left)
		}
	}
	v.holds(p2cChoice, p2cLanguage)
}

func p2cPreferences(t *testing.T, w *world) {
	v := w.open(t, "pix2clip", "/")
	v.choose("refuse")
	v.signIn(false)
	kept := func(when string, keys ...string) {
		t.Helper()
		if got := append(v.keys("localStorage"), v.keys("sessionStorage")...); !slices.Equal(got, keys) {
			t.Errorf("%s the browser keeps %q, not %q", when, got, keys)
		}
	}
	for _, p := range pix2clipPages {
		v.to(p.path)
	}
	kept("before anything is set,")

	v.to("/settings")
	v.run(`document.querySelector("[data-theme-to=dark]").click()`)
	kept("with a theme", "pix2clip.theme")
	v.to("/projects")
	v.is("the theme of the next page", `[localStorage["pix2clip.theme"], getComputedStyle(document.body).backgroundColor]`, `["dark","rgb(27, 15, 32)"]`)

	v.to("/editor")
	v.run(`document.querySelector("[value=square]").click(); document.querySelector("[data-panel=project] summary").click(); await new Promise(ok => setTimeout(ok))`)
	kept("with settings of the editor", "pix2clip.editor", "pix2clip.theme")
	v.is("what is kept of the editor", `localStorage["pix2clip.editor"]`, `"{\"format\":\"square\",\"length\":6,\"panels\":[\"shape\",\"project\"]}"`)
	v.to("/editor")
	v.is("the editor as it was left", `[document.querySelector("[value=square]").checked, document.querySelector("[data-panel=project]").open, document.querySelector("[data-film]").dataset.format]`, `[true,true,"square"]`)

	v.to("/projects/2")
	kept("with a project viewed", "pix2clip.editor", "pix2clip.theme")
	v.to("/editor")
	v.run(`document.querySelector("[data-last]").click()`)
	v.is("the project that is open", `localStorage["pix2clip.last-project"]`, `"1"`)
	v.to("/projects/2")
	v.to("/editor")
	v.until(`location.search == "?project=2" && document.readyState == "complete"`)
	kept("with the last project", "pix2clip.editor", "pix2clip.last-project", "pix2clip.theme")
	v.run(`document.querySelector("[data-last]").click()`)
	kept("without it again", "pix2clip.editor", "pix2clip.theme")

	v.run(`const text = document.querySelector("#text"); text.value = "The sea."; text.dispatchEvent(new Event("input"))`)
	kept("with a text", "pix2clip.editor", "pix2clip.theme", "pix2clip.draft")
	v.to("/editor")
	v.is("the text after the page was loaded again", `document.querySelector("#text").value`, `"The sea."`)
	other := v.another("/editor")
	if got := other.keys("sessionStorage"); len(got) > 0 {
		t.Errorf("another tab keeps %q", got)
	}
	v.after(`submit("[data-editor]")`)
	v.is("the clip, and the text", `[document.querySelector("[data-saved]").textContent, document.querySelector("#text").value]`, `["The sea.",""]`)
	kept("with the text saved", "pix2clip.editor", "pix2clip.theme")

	if asked := v.asked(); len(asked) > 0 {
		t.Errorf("others are told: %q", asked)
	}
	for _, r := range v.Requests() {
		if !strings.HasPrefix(r, w.Address("pix2clip")) || strings.Contains(r, "square") || strings.Contains(r, "dark") {
			t.Errorf("asked for is %s", r)
		}
	}
	for _, name := range v.keys("localStorage") {
		tracker := w.site("pix2clip").TrackerNamed(policy.LocalStorage, name)
		if w.config.AsPublished != (tracker == nil) { // the published policy names no key
			t.Errorf("%s is declared as %+v", name, tracker)
		} else if tracker != nil && tracker.Category.ID != "functional" {
			t.Errorf("%s is in the category %s", name, tracker.Category.ID)
		}
	}
	if !w.config.AsPublished {
		v.agrees()
	}
	v.quiet()
}

func p2cCleared(t *testing.T, w *world) {
	v := w.open(t, "pix2clip", "/")
	v.choose("refuse")
	v.signIn(false)
	set := func() {
		v.to("/settings")
		v.run(`document.querySelector("[data-theme-to=dark]").click()`)
		v.to("/editor")
		v.run(`document.querySelector("[value=portrait]").click(); document.querySelector("[data-last]").click()`)
		if got := v.keys("localStorage"); len(got) != 3 {
			t.Fatalf("kept are %q", got)
		}
	}
	set()
	v.to("/settings")
	v.is("what the page shows of it", `[...document.querySelectorAll("[data-kept]")].map(e => e.textContent)`, `["dark","{\"format\":\"portrait\",\"length\":6,\"panels\":[\"shape\"]}","1"]`)
	v.run(`document.querySelector("[data-clear]").click()`)
	v.is("after it was cleared", `[localStorage.length, document.documentElement.dataset.theme ?? "", document.querySelector("[data-cleared]").textContent]`, `[0,"","Your preferences are cleared."]`)

	set()
	v.run("localStorage.clear()") // as the browser's own settings do it
	v.to("/editor")
	v.is("the editor without preferences", `[document.querySelector(".who span").textContent, document.querySelector("[value=landscape]").checked, document.querySelector("[data-last]").checked]`, `["Ada",true,false]`)
	v.after(`document.querySelector("#text").value = "Without."; submit("[data-editor]")`)
	v.is("a clip is saved", `document.querySelector("[data-saved]").textContent`, `"Without."`)
	v.run(`document.querySelector("#text").value = "It moves."; document.querySelector("[data-generate]").click()`)
	v.is("and a preview made", `[document.querySelector("[data-film]").className, document.querySelector("[data-caption]").textContent]`, `["film playing","It moves. "]`)
	v.quiet()
}

func p2cAlone(t *testing.T, w *world) {
	v := w.open(t, "pix2clip", "/")
	v.choose("accept")
	v.signIn(true)
	pages := []string{"/.temoin/", "/.temoin/policy"}
	for _, p := range pix2clipPages {
		pages = append(pages, p.path)
	}
	for _, l := range []string{"en", "fr"} {
		v.to("/")
		v.after(`document.querySelector(".language [value=` + l + `]").click()`)
		for _, path := range pages {
			v.to(path)
			v.is("pictures of "+path+" that are no pictures", `[...document.images].filter(i => new URL(i.src).origin != location.origin || i.naturalWidth < 16).length`, "0")
		}
	}
	if csp := v.run(`return (await fetch("/")).headers.get("content-security-policy").split(";")`); !strings.HasPrefix(csp, `["default-src 'self'",`) || strings.Contains(csp, "unsafe") || strings.Contains(csp, "google") {
		t.Errorf("the site's own policy is %s", csp)
	}
	if asked := v.asked(); len(asked) > 0 {
		t.Errorf("others are asked: %q", asked)
	}
	for _, r := range v.Requests() {
		path, own := strings.CutPrefix(r, w.Address("pix2clip"))
		path, _, _ = strings.Cut(path, "?")
		known := slices.Contains(pages, path) || strings.HasPrefix(path, "/static/") || strings.HasPrefix(path, "/.temoin/") || path == "/language"
		if !own || !known {
			t.Errorf("asked for is %s", r)
		}
	}
	v.holds(append(p2cSigned(w), p2cLanguage, p2cChoice)...)
	for _, tr := range w.site("pix2clip").Trackers {
		if tr.Category.ID == "audience" || tr.Category.ID == "marketing" {
			t.Errorf("%s is in the category %s", tr, tr.Category.ID)
		}
	}
}

// account opens the page "Settings > GDPR & my data" in a new profile.
func (w *world) account(t *testing.T) *visit {
	t.Helper()
	v := w.open(t, "pix2clip", "/")
	v.choose("refuse")
	v.signIn(false)
	v.to("/settings")
	v.after(`document.querySelector('main a[href="/settings/privacy"]').click()`)
	return v
}

// saves ticks what is to be allowed on the account's page, and saves it.
func (v *visit) saves(allow ...string) {
	v.t.Helper()
	v.after(fmt.Sprintf(`for (const e of %[1]s.querySelectorAll("[name=allow]")) e.checked = %[2]q.includes(e.value); %[1]s.querySelector("[value=save]").click()`, inPage, strings.Join(allow, " ")))
}

func p2cAccount(t *testing.T, w *world) {
	v := w.account(t)
	v.is("the page", `[location.pathname, document.querySelector("main p a").textContent + " > " + document.querySelector("h1").textContent]`, `["/settings/privacy","Settings > GDPR & my data"]`)
	switches := `[...` + inPage + `.querySelectorAll("[name=allow]")].map(e => [e.value, e.checked])`
	v.is("what can be decided", switches, `[["audience",false],["marketing",false]]`)
	v.is("what it is called", `[...`+inPage+`.querySelectorAll("[part~=switch] span")].map(e => e.textContent)`, `["Audience measurement","Marketing"]`)
	for _, s := range []struct {
		allow []string
		want  string
	}{
		{[]string{"audience"}, `[["audience",true],["marketing",false]]`},
		{[]string{"audience", "marketing"}, `[["audience",true],["marketing",true]]`},
		{[]string{"marketing"}, `[["audience",false],["marketing",true]]`},
	} {
		v.saves(s.allow...)
		v.is(fmt.Sprintf("the page with %v", s.allow), "location.pathname", `"/settings/privacy"`)
		v.is(fmt.Sprintf("after %v", s.allow), switches, s.want)
		v.to("/settings/privacy")
		v.is(fmt.Sprintf("later, after %v", s.allow), switches, s.want)
	}
	// One press gives everything, and one takes it back.
	for _, one := range []struct{ press, want string }{{"accept", "true"}, {"refuse", "false"}} {
		v.after(inPage + `.querySelector("[value=` + one.press + `]").click()`)
		v.is("all, after "+one.press, `[...`+inPage+`.querySelectorAll("[name=allow]")].every(e => e.checked == `+one.want+`)`, "true")
	}
	v.quiet()
}

func p2cAtOnce(t *testing.T, w *world) {
	if w.config.AsPublished { // by which nothing asks for consent, and the choice stays in the browser
		v := w.account(t)
		v.saves("audience")
		v.another("/projects").is("what holds in another tab", p2cAnswers, `{"audience":true,"marketing":false}`)
		return
	}
	w = start(t, options{})
	w.next("pix2clip")
	v, phone := w.account(t), w.account(t)
	tab := v.another("/projects")
	allowed := `temoin.allows("audience")`

	// In the dialog of the account's page: the other tab is told, and is not loaded again.
	tab.run("window.before = true")
	v.run(`document.querySelector("main [data-temoin-open]").click()`)
	v.until(`part("centre")?.open`)
	v.run(`part("centre").querySelector("[name=allow][value=audience]").click(); part("centre").querySelector("[value=save]").click()`)
	tab.until(allowed)
	tab.wait("region1.google-analytics.com/g/collect")
	tab.is("the other tab was loaded again", "!window.before", "false")

	// In the page itself, by its form: a tab that shows another page is told when it is
	// looked at.
	v.to("/settings/privacy")
	v.saves()
	tab.run(`window.dispatchEvent(new Event("visibilitychange"))`)
	tab.until("!" + allowed)
	v.until(`!document.cookie.includes("_ga")`)
	v.holds(append(p2cSigned(w), p2cChoice)...)
	v.saves("audience")
	tab.run(`window.dispatchEvent(new Event("visibilitychange"))`)
	tab.until(allowed)

	// On another device of the account: with the next page.
	phone.to("/settings/privacy")
	phone.is("what holds on another device", allowed, "true")
	phone.saves()
	phone.is("what holds there after it was withdrawn", allowed, "false")
	v.to("/projects")
	v.is("what holds on the first device", allowed, "false")
}

func p2cReopened(t *testing.T, w *world) {
	v := w.open(t, "pix2clip", "/")
	v.choose("refuse")
	ways := `[...document.querySelectorAll("footer [data-temoin-open]")].map(e => e.textContent)`
	nobody, member := `["Cookie preferences"]`, `["Cookie preferences"]`
	if w.config.AsPublished { // for those who are signed in only
		nobody, member = `[]`, `["cookie banner"]`
	}
	v.is("the ways back for everybody", ways, nobody)
	v.signIn(false)
	v.is("the ways back for who is signed in", ways, member)
	v.run(`document.querySelector("footer [data-temoin-open]").click()`)
	v.until(`part("centre")?.open`)
	v.run(`part("centre").querySelector("[name=allow][value=marketing]").click(); part("centre").querySelector("[value=save]").click()`)
	v.until(`!part("centre").open`)
	v.is("what holds", p2cAnswers, `{"audience":false,"marketing":true}`)
	v.quiet()
}

func p2cLater(t *testing.T, w *world) {
	if w.config.AsPublished { // nothing came later
		says(t, w.policyTexts(t, "pix2clip")["en"], "Any future introduction of non-essential cookies would remain subject to explicit, granular and revocable consent, collected via the banner or the GDPR panel of the account")
		return
	}
	w = start(t, options{})
	yes, no, nobody := w.open(t, "pix2clip", "/"), w.open(t, "pix2clip", "/"), w.open(t, "pix2clip", "/")
	yes.choose("accept")
	no.choose("refuse")
	w.next("pix2clip")
	for _, v := range []*visit{yes, no, nobody} {
		v.to("/")
	}
	yes.until("notice()")
	nobody.until("notice()")
	no.is("whether who said no is asked", "!!notice()", "false")
	no.is("what holds for who said no", p2cAnswers, `{"audience":false,"marketing":false}`)
	says(t, yes.noticed(), "asks you again, only about|Google Analytics 4 added|_ga and _ga_* added")
	if asked := yes.asked(); len(asked) > 0 {
		t.Errorf("before an answer others are asked: %q", asked)
	}
	yes.holds(p2cChoice)
	no.holds(p2cChoice)
	nobody.holds()

	// In the notice.
	yes.choose("accept")
	yes.wait("region1.google-analytics.com/g/collect")
	yes.holds(p2cChoice, "_ga", "_ga_PIX2CLIP01")
	if got := yes.receipt(); got.State != "given" || !got.Answers[0].InUse || got.Policy.Version != "1.1" {
		t.Errorf("a yes is kept as %+v", got)
	}
	yes.asked()

	// On the account's page, by somebody who had refused.
	no.signIn(false)
	no.to("/settings/privacy")
	if asked := no.asked(); len(asked) > 0 {
		t.Errorf("after a refusal others are asked: %q", asked)
	}
	no.saves("audience")
	no.wait("region1.google-analytics.com/g/collect")
	no.holds(append(p2cSigned(w), p2cChoice, "_ga", "_ga_PIX2CLIP01")...)
	no.saves()
	no.until(`!document.cookie.includes("_ga")`)
	no.holds(append(p2cSigned(w), p2cChoice)...)
	for _, v := range []*visit{yes, no, nobody} {
		v.quiet()
	}
}

// noticed is what the notice says.
func (v *visit) noticed() string {
	return browsertest.Evaluate[string](v.Tab, `document.querySelector("temoin-notice").shadowRoot.querySelector("[part=notice]").innerText.replace(/\s+/g, " ")`)
}

func p2cBlocked(t *testing.T, w *world) {
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "Default"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "Default", "Preferences"), []byte(`{"profile":{"default_content_setting_values":{"cookies":2}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	v := w.profile(t, folder)
	v.signIn(false)
	v.is("the page after the form", `[document.querySelector("h1").textContent, document.querySelector("code").textContent]`, `["Your form was not taken","`+p2cForms+`"]`)
	if got := v.kept(); len(got) > 0 {
		t.Errorf("cookies are not blocked: %v", got)
	}
}
