package demo

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/internal/browsertest"
)

// cxPublish brings a version of Cexro's manifest into force in which texts are replaced.
func cxPublish(t *testing.T, w *world, changes ...string) {
	t.Helper()
	_, src, err := examples.Manifest("cexro", false)
	if err != nil {
		t.Fatal(err)
	}
	text := string(src)
	for pair := range slices.Chunk(changes, 2) {
		if !strings.Contains(text, pair[0]) {
			t.Fatalf("the manifest has no %q", pair[0])
		}
		text = strings.Replace(text, pair[0], pair[1], 1)
	}
	if _, err := w.show("cexro.localhost").temoin.Publish(context.Background(), "site.next.yaml", []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// cxTour visits pages of Cexro for everybody, the payment page not among them.
func (v *visit) cxTour() {
	v.t.Helper()
	for _, page := range []string{"/", "/aide", "/variante", "/confidentialite", "/mentions-legales", "/nulle-part"} {
		v.to(page)
	}
}

func TestCexroKeepsNothingBeforeAChoiceAndNothingAfterARefusal(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	v := cxOpen(t, w, "/")
	v.cxTour()
	v.holds()
	v.choose("refuse")
	v.cxTour()
	v.holds(cxChoice)
	v.to("/support") // its form is protected
	v.holds(cxChoice, cxForms)
	v.cxHosts("without a yes")
	v.signIn(false)
	v.to("/documents")
	v.cxUpload()
	v.is("what is said of a file", `[...document.querySelectorAll("dd")].map(e => e.textContent).slice(0, 4).join(", ").replace(/\d+ o,/, "…,")`, `"facture.png, …, image/png, 64 × 48 pixels"`)
	v.holds(cxChoice, cxForms, cxSession, cxToken)
	v.cxHosts("signed in, without a yes")
	v.cxSignOut()
	v.holds(cxChoice, cxForms)
}

func TestCexroKeepsWhatWasAcceptedAndDeletesItWhenThatIsWithdrawn(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	v := cxOpen(t, w, "/")
	v.choose("accept")
	v.cxWaits("region1.google-analytics.com/g/collect", "content.hotjar.io/", "ws.hotjar.com/")
	v.until(`document.querySelector(".intercom-launcher")`)
	v.cxSettles(slices.Concat(cxMeasured, cxTalked)...)
	v.holds(slices.Concat([]string{cxChoice}, cxMeasured, cxTalked)...)
	v.cxHosts("after everything was accepted", slices.Concat(cxCounting, cxChatting)...)

	// A part: of analytics Hotjar alone, and the chat.
	v.cxAllow("hotjar", "support", "intercom")
	v.holds(slices.Concat([]string{cxChoice}, cxMeasured[2:], cxTalked)...)
	v.asked()
	v.to("/")
	v.cxWaits("content.hotjar.io/", "ws.hotjar.com/", "api-iam.intercom.io/")
	v.cxHosts("after a part", slices.Concat([]string{"content.hotjar.io", "script.hotjar.com", "static.hotjar.com", "ws.hotjar.com"}, cxChatting)...)

	// Everything is taken back in the dialog, and other tabs are told.
	tab := v.another("/aide")
	tab.until(`document.querySelector(".intercom-launcher")`)
	v.signIn(false)
	v.run(`document.querySelector("footer [data-temoin-open]").click()`)
	v.until(`part("centre")?.open`)
	v.run(`part("centre").querySelector("[value=refuse]").click()`)
	v.until(`!temoin.allows("hotjar") && !temoin.allows("support")`)
	tab.until(`!temoin.allows("hotjar") && !temoin.allows("support")`)
	tab.until(`!document.querySelector(".intercom-launcher") && document.readyState == "complete"`)
	v.asked()
	v.cxTour()
	v.holds(cxChoice, cxForms, cxSession, cxToken)
	v.cxHosts("after everything was withdrawn")
}

func TestCexroAsksAgainWhenAChoiceHasExpired(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	v := cxOpen(t, w, "/")
	v.choose("accept")
	v.cxWaits("region1.google-analytics.com/g/collect", "content.hotjar.io/", "ws.hotjar.com/")
	v.until(`document.querySelector(".intercom-launcher")`)
	w.advance(364 * cxDay)
	v.to("/aide")
	v.is("the notice within the year", "!!notice()", "false")
	v.cxWaits("region1.google-analytics.com/g/collect", "content.hotjar.io/", "ws.hotjar.com/")
	v.until(`document.querySelector(".intercom-launcher")`)
	w.advance(2 * cxDay)
	v.asked()
	v.to("/")
	v.until("notice()")
	v.cxHosts("after the year")
	v.holds(cxAmong(v, []string{cxChoice})...)
}

func TestCexroAsksAnotherBrowserOfTheSamePerson(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	v := cxOpen(t, w, "/")
	v.choose("accept")
	v.signIn(true)
	other := cxOpen(t, w, "/")
	other.signIn(false)
	other.to("/")
	other.until("notice()")
	other.holds(cxForms, cxSession, cxToken)
	other.is("what holds there", `["analytics", "functional", "support"].map(temoin.allows)`, "[false,false,false]")
	other.choose("refuse")
	v.to("/")
	v.is("what holds in the first", `["analytics", "functional", "support"].map(temoin.allows)`, "[true,true,true]")
}

// cxPress does something in a page that runs no script, not even a timer, and waits for the
// page that it leads to.
func (v *visit) cxPress(script string) {
	v.t.Helper()
	browsertest.Evaluate[bool](v.Tab, "(() => { window.before = true; "+prelude+script+"; return true })()")
	there := `!window.before && document.readyState == "complete"`
	for {
		ok, err := chromedp.Run(v.Tab, chromedp.Evaluate[bool](there))
		if ok {
			return
		}
		if v.Err() != nil {
			v.t.Fatalf("%s leads nowhere: %v", script, err)
		}
	}
}

// cxSees fails the test where an expression is not a text.
func (v *visit) cxSees(what, expression, want string) {
	v.t.Helper()
	if got := browsertest.Evaluate[string](v.Tab, "(() => {"+prelude+"return String("+expression+")})()"); got != want {
		v.t.Errorf("%s: %s, not %s", what, got, want)
	}
}

func TestCexroWorksWithoutJavaScript(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	v := cxOpen(t, w, "/")
	v.Scripts(false)
	v.to("/")
	v.cxPress(`part("notice").querySelector("[value=accept]").click()`)
	v.cxSees("the notice after the choice", "!!notice()", "false")
	v.cxPress(`document.querySelector("[name=lang][value=ar]").click()`)
	v.cxPress(`document.querySelector("[name=theme][value=dark]").click()`)
	v.cxSees("language and theme", "[document.documentElement.lang, document.documentElement.dir, document.documentElement.dataset.theme]", "ar,rtl,dark")
	v.to("/documents")
	login := w.show("cexro.localhost").Logins[1]
	v.cxPress(fmt.Sprintf(`submit('form[action="/login"]', {email: %q, password: %q, remember: true})`, login[0], login[1]))
	v.cxSees("the page after the sign-in", "location.pathname", "/documents")
	name := filepath.Join(t.TempDir(), "lettre.txt")
	if err := os.WriteFile(name, []byte("Bonjour"), 0o600); err != nil {
		t.Fatal(err)
	}
	v.Do(chromedp.SetUploadFiles("#file", []string{name}))
	v.cxPress(`submit(".drop")`)
	v.cxSees("what is said of a file", `[...document.querySelectorAll("dd")].map(e => e.textContent)`, "lettre.txt,7 بايت,text/plain; charset=utf-8,9172e8eec99f144f72eca9a568759580edadb2cfd154857f07e657569493bc44")
	v.to("/aide?etape=2")
	v.cxPress(`document.querySelector("footer [data-temoin-open]").click()`)
	v.cxSees("the preferences", "location.pathname", "/.temoin/")

	// A yes to analytics is taken back with its box alone.
	v.cxPress(`document.querySelector("[name=allow][value=analytics]").click(); document.querySelector("[value=save]").click()`)
	v.cxSees("what is on", `[...document.querySelectorAll("[name=allow]:checked")].map(e => e.value)`, "functional,support,intercom")
	got := slices.Sorted(maps.Keys(v.kept()))
	if want := []string{cxToken, cxChoice, "cexro_lang", cxSession, "cexro_theme", "cexro_tutorials", cxForms}; !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("the browser keeps %q, not %q", got, want)
	}
	v.cxHosts("without scripts")
}

func TestAReceiptOfCexroVerifies(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	v := cxOpen(t, w, "/")
	v.choose("refuse")
	v.cxAllow("functional")
	v.to("/")
	record := v.receipt()
	for _, a := range record.Answers {
		if want := a.Category == "functional"; a.Allow != want {
			t.Errorf("%s is recorded as %v", a.Category, a.Allow)
		}
	}
	if record.Site != "cexro" || record.Language != "fr" || record.Action != "save" {
		t.Errorf("what is recorded: %+v", record)
	}
}
