package demo

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/internal/browsertest"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/policy"
)

// profile is a visit at Pix2Clip in a browser that keeps its profile in a folder.
func (w *world) profile(t *testing.T, folder string) *visit {
	t.Helper()
	v := &visit{browsertest.Profile(t, folder, w.standin.Address()), w, t, "pix2clip"}
	v.Do(chromedp.EmulateViewport(1200, 800))
	v.to("/login")
	return v
}

// receipt downloads the receipt that the preference centre offers, once it has its proof,
// verifies it with the keys that the site publishes, and returns its record.
func (v *visit) receipt() *register.Record {
	v.t.Helper()
	got := v.run(`const address = (await (await fetch("/.temoin/")).text()).match(/href="([^"]*)" download/)[1];
		for (;;) {
			const answer = await fetch(address);
			if (answer.status != 202) return {receipt: await answer.text(), keys: await (await fetch("/.temoin/log/keys")).text()};
		}`)
	var both struct{ Receipt, Keys string }
	if err := json.Unmarshal([]byte(got), &both); err != nil {
		v.t.Fatal(err)
	}
	var trust ledger.Trust
	for line := range strings.Lines(both.Keys) {
		if key, err := ledger.ParseVerifier(strings.TrimSuffix(line, "\n")); err == nil {
			trust.Origin, trust.Keys = key.Name(), append(trust.Keys, key)
		}
	}
	verified, err := register.Verify([]byte(both.Receipt), trust)
	if err != nil {
		v.t.Fatalf("the receipt does not verify: %v", err)
	}
	return verified.Record
}

func TestAVisitorOfPix2ClipRefusesAcceptsAndWithdraws(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	w.next("pix2clip")
	v := w.open(t, "pix2clip", "/")
	v.until("notice()")
	v.holds()

	v.choose("refuse")
	for _, path := range []string{"/", "/privacy", "/legal", "/settings"} {
		v.to(path)
		v.is("the notice of "+path, "!!notice()", "false")
	}
	v.holds(p2cChoice)
	if asked := v.asked(); len(asked) > 0 {
		t.Errorf("after a refusal others are asked: %q", asked)
	}
	refused := v.receipt()
	if refused.State != "refused" || refused.Action != "refuse" {
		t.Errorf("a refusal is kept as %+v", refused)
	}

	// The button on each page opens the preferences; a part is accepted.
	v.run(`part("open").click()`)
	v.until(`part("centre")?.open`)
	v.is("what is on", `[...part("centre").querySelectorAll("[name=allow]")].filter(e => e.checked).length`, "0")
	v.run(`part("centre").querySelector("[name=allow][value=audience]").click(); part("centre").querySelector("[value=save]").click()`)
	v.wait("region1.google-analytics.com/g/collect")
	v.holds(p2cChoice, "_ga", "_ga_PIX2CLIP01")
	if got, want := hosts(v.asked()), []string{"region1.google-analytics.com", "www.googletagmanager.com"}; !slices.Equal(got, want) {
		t.Errorf("asked are %q, not %q", got, want)
	}
	for _, name := range []string{"_ga", "_ga_PIX2CLIP01"} {
		if left := time.Until(time.Unix(int64(v.kept()[name].Expires), 0)); left > 393*24*time.Hour || left < 392*24*time.Hour {
			t.Errorf("%s is kept for %v", name, left)
		}
	}
	if got := v.receipt(); got.State != "partial" && got.State != "given" || got.Replaces != refused.ID {
		t.Errorf("a part is kept as %+v", got)
	}

	// What was given is withdrawn in one press.
	v.to("/.temoin/?lang=en")
	v.after(`document.querySelector("[value=withdraw]").click()`)
	v.to("/")
	v.holds(p2cChoice)
	if got := v.receipt(); got.State != "withdrawn" {
		t.Errorf("a withdrawal is kept as %+v", got)
	}
	v.asked()
	v.to("/privacy")
	if asked := v.asked(); len(asked) > 0 {
		t.Errorf("after it was withdrawn others are asked: %q", asked)
	}
	v.quiet()
}

func TestAChoiceAtPix2ClipFollowsTheAccountToAnotherBrowser(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	w.next("pix2clip")
	v := w.open(t, "pix2clip", "/login")
	v.signIn(false)
	v.choose("accept")
	v.wait("region1.google-analytics.com/g/collect")
	v.holds(p2cSession, p2cForms, policy.AccountCookie, p2cChoice, "_ga", "_ga_PIX2CLIP01")
	v.asked()

	phone := w.open(t, "pix2clip", "/login")
	phone.is("the notice before anybody is signed in", "!!notice()", "true")
	phone.signIn(false)
	phone.is("the notice for the account", "!!notice()", "false")
	says(t, phone.run(`return part("arrived").textContent`), "account")
	phone.to("/projects")
	phone.is("what holds", `temoin.allows("audience")`, "true")
	phone.wait("region1.google-analytics.com/g/collect")
	phone.to("/settings/privacy")
	phone.Screenshot("pix2clip-account")
	says(t, phone.run("return "+inPage+`.querySelector("[part=now]").textContent`), "your account|Allowed: Audience measurement and Marketing|receipt")
	phone.is("what is ticked", "[..."+inPage+`.querySelectorAll("input[type=checkbox]:is([value=audience], [value=marketing])")].every(e => e.checked)`, "true")

	// Somebody else's account has its own.
	other := w.open(t, "pix2clip", "/login")
	other.signInAs(1, false)
	other.is("the notice for another account", "!!notice()", "true")

	// Who signs out is asked as anybody.
	phone.after(`document.querySelector(".who button").click()`)
	phone.is("the notice after signing out", "!!notice()", "true")
	if phone.cookie(policy.AccountCookie) != "" {
		t.Error("what the account chose stays in the browser")
	}

	// Nor has anybody else what was chosen by the account, or the account's counter.
	v.after(`document.querySelector(".who button").click()`)
	v.is("the notice where it was chosen, after signing out", "!!notice()", "true")
	v.to("/login")
	v.signInAs(1, false)
	v.is("what holds for somebody else", `temoin.allows("audience")`, "false")
	v.holds(p2cSession, p2cForms, policy.AccountCookie)
	v.after(`document.querySelector(".who button").click()`)
	v.to("/login")
	v.signIn(false)
	v.to("/")
	v.is("what holds for the account again", `temoin.allows("audience")`, "true")

	// A refusal on a third is what the first browser shows.
	tablet := w.open(t, "pix2clip", "/login")
	tablet.signIn(false)
	tablet.to("/settings/privacy")
	tablet.after(inPage + `.querySelector("button[value=refuse]").click()`)
	v.to("/settings/privacy")
	says(t, v.run("return "+inPage+`.querySelector("[part=now]").textContent`), "your account|Not allowed: Audience measurement and Marketing")
	v.is("what holds in the first browser", `temoin.allows("audience")`, "false")
	if v.cookie("_ga") != "" {
		t.Error("_ga outlives the refusal on the other device")
	}
}

func TestAChoiceAtPix2ClipThatHasExpiredIsAskedForAgain(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	w.next("pix2clip")
	v := w.open(t, "pix2clip", "/")
	v.choose("accept")
	v.wait("region1.google-analytics.com/g/collect")
	w.advance(180 * 24 * time.Hour)
	v.to("/")
	v.is("the notice after 180 days", "!!notice()", "false")
	w.advance(5 * 24 * time.Hour)
	v.to("/")
	v.until("notice()")
	v.is("what is allowed after six months", `temoin.allows("audience")`, "false")
	v.asked()
	v.to("/privacy")
	if asked := v.asked(); len(asked) > 0 {
		t.Errorf("after it expired others are asked: %q", asked)
	}
	v.quiet()
}

func TestPix2ClipWorksWithoutScripts(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	v := w.open(t, "pix2clip", "/.temoin/")
	v.Scripts(false)
	v.to("/")
	v.away("document.querySelector('temoin-notice').shadowRoot.querySelector('[part=notice] [value=refuse]').click()")
	v.holds(p2cChoice)
	v.away(`document.querySelector(".language [value=fr]").click()`)
	v.is("the language", "document.documentElement.lang", `"fr"`)
	login := w.show("pix2clip.localhost").Logins[0]
	v.to("/login?next=/editor")
	v.away(fmt.Sprintf(`const f = document.querySelector('form[action="/login"]'); f.email.value = %q; f.password.value = %q; f.requestSubmit()`, login[0], login[1]))
	v.away(`const f = document.querySelector("[data-editor]"); f.text.value = "Sans script."; f.requestSubmit()`)
	v.is("the clip", `document.querySelector("[data-saved]").textContent`, `"Sans script."`)
	v.is("what needs scripts", `String([...document.querySelectorAll("[data-scripted]")].some(e => e.getClientRects().length))`, `"false"`)
	v.to("/settings/privacy")
	v.away(`const c = ` + inPage + `; c.querySelector("[name=allow][value=audience]").checked = true; c.querySelector("[value=save]").click()`)
	v.is("the page", "location.pathname", `"/settings/privacy"`)
	v.is("what is on", inPage+`.querySelector("[name=allow]:checked").value`, `"audience"`)
	v.holds(p2cSession, p2cForms, p2cLanguage, p2cChoice, policy.AccountCookie)
	if asked := v.asked(); len(asked) > 0 {
		t.Errorf("others are asked: %q", asked)
	}
	v.quiet()
}

// away does something that leads to another page, in a tab that runs no scripts of pages: no
// timer of theirs runs either.
func (v *visit) away(script string) {
	v.t.Helper()
	v.run("window.before = true; " + script)
	v.until("!window.before && document.readyState == 'complete'")
}
