package demo

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/internal/browsertest"
	"github.com/temoin/temoin/internal/check"
	"github.com/temoin/temoin/policy"
)

// youtube is the host of the extracts.
const youtube = "www.youtube-nocookie.com"

func TestAPartOfWhatIsAskedCanBeAllowedOnThePlatform(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	w.next("platform")
	v := w.open(t, "platform", "/")
	v.until("notice()")
	v.run("part('notice').querySelector('[part~=choose]').click()")
	v.until("part('dialog').open")
	v.run("part('dialog').querySelector('[name=allow][value=analytics]').click(); part('dialog').querySelector('[value=save]').click()")
	v.until("!notice() && part('status').textContent")
	v.wait("region1.google-analytics.com/g/collect")
	if got := hosts(v.asked()); !slices.Equal(got, google) {
		t.Errorf("%q are asked, not %q", got, google)
	}
	v.holds("_ga", "_ga_PLATFORM01", platChoice)
	v.is("who is held in the place of the extract", `document.querySelector(".extract iframe").dataset.temoin`, `"youtube"`)
	v.Screenshot("platform-extract")
	for _, a := range v.receipt().Answers {
		if a.Allow != (a.Category == "analytics") {
			t.Errorf("the receipt says %+v", a)
		}
	}

	// The rest of it later, in the account.
	v.signIn(false)
	v.asked()
	v.to("/account")
	v.run(inPage + `.querySelector('[name=allow][value=media]').click()`)
	v.after(inPage + `.querySelector('[value=save]').click()`)
	v.to("/")
	v.run(`document.querySelector(".extract iframe").scrollIntoView()`)
	v.wait(youtube + "/embed/")
	if got := hosts(v.asked()); !slices.Equal(got, append(slices.Clone(google), youtube)) {
		t.Errorf("%q are asked", got)
	}
	v.holds("_ga", "_ga_PLATFORM01", platChoice, platSession, platForms)
}

func TestWhoChoseBeforeIsAskedAboutTheExtractsAlone(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	yes, no := w.open(t, "platform", "/"), w.open(t, "platform", "/")
	yes.counted()
	no.choose("refuse")
	yes.is("an extract in version 1.0", `document.querySelectorAll(".extract").length`, "0")
	w.next("platform")
	for _, v := range []*visit{yes, no} {
		v.asked()
		v.to("/")
		says(t, v.noticeText(), "We ask you again about cookies|Extracts of lessons is a new category")
		v.is("what is asked", `[...root().querySelectorAll("[part=notice] [name=asked]")].map(e => e.value)`, `["media"]`)
		v.run("press('accept')")
		v.until("!notice() && part('status').textContent")
		v.run(`document.querySelector(".extract iframe").scrollIntoView()`)
		v.wait(youtube + "/embed/")
	}
	no.is("the visit counter of who had refused", `temoin.allows("google-analytics")`, "false")
	no.holds(platChoice)
	if got := hosts(no.asked()); !slices.Equal(got, []string{youtube}) {
		t.Errorf("%q are asked", got)
	}
	yes.is("the visit counter of who had accepted", `temoin.allows("google-analytics")`, "true")
	no.to("/.temoin/policy?lang=fr")
	no.is("what the policy says of it", `document.body.textContent.includes("Des extraits de cours peuvent être regardés sur la page d’accueil") && document.body.textContent.includes("yt-remote-device-id")`, "true")
}

// What the player of the extracts keeps is not in the page's storage, but in its own.
func TestThePlayerKeepsWhatTheNextVersionDeclares(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	w.next("platform")
	v := w.open(t, "platform", "/")
	v.to("https://" + youtube + "/embed/plat4extract")
	site := w.site("platform")
	for _, key := range v.keys("localStorage") {
		if k := site.TrackerNamed(policy.LocalStorage, key); k == nil || k.Service == nil || k.Service.ID != "youtube" {
			t.Errorf("the player keeps %s, which is not declared", key)
		}
	}
	v.is("for how long", `(d => d.expiration - d.creation)(JSON.parse(localStorage["yt-remote-device-id"]))`, "31536000000")
}

func TestTheNextVersionOfThePlatformHasNoError(t *testing.T) {
	t.Parallel()
	next, ok, err := examples.Next("platform")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	site, err := policy.Parse(next.Name, next.Src)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range check.Run(site, next.Src, policy.Date{Year: 2026, Month: time.November, Day: 22}).Findings {
		if f.Severity == check.Error {
			t.Errorf("%s:%d: %s", f.File, f.Position.Line, f.Message)
		}
	}
}

func TestThePlatformSpeaksToMinorsInShortWords(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	v := w.open(t, "platform", "/")
	for lang, words := range map[string]string{
		"en": "Are you under 15? You can say no to the visit counter: your lessons work just the same.",
		"fr": "Vous avez moins de 15 ans ? Vous pouvez dire non au compteur de visites : vos cours marchent aussi bien.",
	} {
		v.chooses("lang", lang)
		v.run("temoin.open()")
		v.until("part('centre')?.open && part('centre').querySelector('[name=allow]')")
		says(t, browsertest.Evaluate[string](v.Tab, `document.querySelector("temoin-notice").shadowRoot.querySelector("[part~=centre]").innerText.replace(/\s+/g, " ")`), words)
		v.to("/.temoin/policy?lang=" + lang)
		says(t, browsertest.Evaluate[string](v.Tab, `document.body.innerText.replace(/\s+/g, " ")`), words)
		v.to("/")
	}
}

func TestEachTransferIsShownWithItsRecipient(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	v := w.open(t, "platform", "/")
	for _, page := range []string{"/.temoin/policy?lang=en", "/.temoin/?lang=en"} {
		v.to(page)
		text := browsertest.Evaluate[string](v.Tab, `document.body.textContent.replace(/\s+/g, " ")`)
		for recipient, mechanism := range map[string]string{
			"Google LLC": "EU-US Data Privacy Framework", "Stripe, Inc.": "EU-US Data Privacy Framework", "Pluot Communications, Inc.": "standard contractual clauses, module 2",
		} {
			found := false
			for rest := text; ; {
				_, after, ok := strings.Cut(rest, recipient)
				if !ok {
					break
				}
				found = found || strings.Contains(after[:min(len(after), 160)], mechanism)
				rest = after
			}
			if !found {
				t.Errorf("%s: nothing says that the transfer to %s rests on the %s", page, recipient, mechanism)
			}
		}
	}
}

func TestThePlatformWorksWithoutJavaScript(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	v := w.open(t, "platform", "/privacy")
	v.Scripts(false)
	v.to("/")
	v.is("the notice", "!!part('notice').getClientRects().length", "true")
	v.away("document.querySelector('temoin-notice').shadowRoot.querySelector('[part=notice] [value=accept]').click()")
	v.holds(platChoice)
	v.away(`document.querySelector("button[name=theme][value=dark]").click()`)
	v.is("the display mode", "document.documentElement.dataset.theme", `"dark"`)
	v.to("/lessons")
	v.away(`document.querySelector('.hour[href$="louis-thu-17"]').click()`)
	if !strings.HasSuffix(v.address(), "/login?next="+url.QueryEscape("/checkout?lesson=louis-thu-17")) {
		t.Errorf("a lesson leads to %s", v.address())
	}
	v.run(`document.querySelector("#email").value = "lea@platform.example"; document.querySelector("#password").value = "lesson"`)
	v.away(`document.querySelector('form[action="/login"] button').click()`)
	v.is("what is to be paid", `document.querySelector("dl dd").textContent`, `"Thursday, 17:00"`)
	v.is("what is said about paying", `document.querySelector("noscript").textContent.includes("needs JavaScript")`, "true")
	v.to("/.temoin/")
	v.away("document.querySelector('[value=withdraw]').click()")
	v.holds(platChoice, platTheme, platSession, platForms)
	v.is("what is allowed now", `document.body.innerText.includes("Not allowed: Audience measurement")`, "true")
	for _, asked := range hosts(v.asked()) {
		if slices.Contains(google[:1], asked) {
			t.Errorf("without scripts %s is asked", asked)
		}
	}
}

func TestASecondBrowserOfThePlatformIsAskedByItself(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	first := w.open(t, "platform", "/")
	first.signIn(false)
	first.counted()
	second := w.open(t, "platform", "/")
	second.signIn(false)
	second.asked()
	second.is("the notice in the second browser", "!!notice()", "true")
	second.choose("refuse")
	second.to("/account")
	second.holds(platChoice, platSession, platForms)
	second.is("what the account says", inPage+`.textContent.includes("Not allowed: Audience measurement")`, "true")
	if asked := second.asked(); len(asked) > 0 {
		t.Errorf("the second browser asks %q", asked)
	}
	first.to("/account")
	first.is("what still holds in the first", `temoin.allows("analytics")`, "true")
}

func TestAWithdrawalReachesTheOtherTabsOfThePlatform(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	v := w.open(t, "platform", "/")
	v.counted()
	other := v.another("/lessons")
	other.until(`temoin.allows("analytics")`)
	v.wait("region1.google-analytics.com/g/collect")
	v.withdraw()
	other.until(`!temoin.allows("analytics") && document.readyState == "complete"`)
	v.asked()
	other.holds(platChoice)
	other.to("/contact")
	other.holds(platChoice, platForms)
	if asked := v.asked(); len(asked) > 0 {
		t.Errorf("after it %q are asked", asked)
	}
}

func TestABankMayAskBeforeALessonIsPaid(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	v := w.open(t, "platform", "/")
	v.choose("refuse")
	for end, heading := range map[string]string{"#refuse": `"Pay for your lesson"`, "#confirm": `"Paid, and booked"`} {
		v.signIn(false)
		v.to("/checkout?lesson=camille-thu-18")
		intent, _, _ := strings.Cut(browsertest.Evaluate[string](v.Tab, `document.querySelector("#pay").dataset.secret`), "_secret_")
		v.to("https://hooks.stripe.com/3d_secure/standin?" + url.Values{"return_url": {w.Address("platform") + "/paid"}, "payment_intent": {intent}}.Encode())
		v.after(`document.querySelector("` + end + `").click()`)
		v.is("the page after "+end, `document.querySelector("h1").textContent`, heading)
	}
	v.to("/session")
	v.is("the next lesson", `document.querySelector(".lead b").textContent`, `"Mathematics with Camille Roux, Thursday, 18:00"`)
}
