package hydration

import (
	"strings"
	"testing"
	"time"
)

// accounts declares what NextAuth keeps; LASTS is for how long the session may.
const accounts = `trackers:
  - {name: next-auth.session-token, category: needed, reason: authentication, lasts: LASTS, http_only: true, purpose: {en: Keeps you signed in.}}
  - {name: next-auth.csrf-token, category: needed, reason: security, lasts: session, http_only: true, purpose: {en: Protects forms.}}
  - {name: next-auth.callback-url, category: needed, reason: authentication, lasts: session, purpose: {en: The page to return to.}}
`

const (
	remembered = "{remember-me: 30 days, otherwise: session}"
	halfADay   = "12 hours"
)

// startAccounts runs the application with accounts.
func startAccounts(t *testing.T, lasts, more string) *world {
	t.Helper()
	return start(t, nextauth, strings.Replace(accounts, "LASTS", lasts, 1)+more)
}

// signIn fills in the application's form.
func (w *world) signIn(email string) {
	w.T.Helper()
	w.visit("/api/auth/signin")
	w.Until(`document.querySelector('form[action$="/credentials"]')`)
	w.Run(`document.querySelector('[name=email]').value = '` + email + `'; document.querySelector('[name=word]').value = 'sesame'; document.querySelector('form[action$="/credentials"] [type=submit]').click()`)
	w.signedIn(email)
}

// signedIn waits until the page says who is signed in.
func (w *world) signedIn(email string) {
	w.T.Helper()
	w.Until(`location.pathname == '/' && hydrated('first') && document.querySelector('#who').textContent == '` + email + `'`)
}

// all are the scripts that every page of the application has.
var all = []string{"counter.js", "last.js", "before.js", "after.js", "lazy.js"}

func TestAnApplicationWithAccountsIsQuietWithoutAGate(t *testing.T) {
	w := startAccounts(t, remembered, "")
	w.door = w.app
	w.signIn("ada@example.org")
	w.once(all...)
	w.follow("/second", "second")
	w.once("second.js", "chat.js")
	w.quiet()
}

func TestNothingIsRequestedInAnApplicationWithAccountsBeforeAChoiceAndAfterARefusal(t *testing.T) {
	w := startAccounts(t, remembered, "")
	w.arrive("/", "first", true)
	w.Until(`waits('lazy.js')`)
	w.holds(`isHeld(frame('film')) == 'video' && ['counter.js', 'last.js', 'before.js', 'after.js'].every(waits)`)
	w.works()
	w.nothing()
	w.follow("/second", "second")
	w.Until(`isHeld(frame('second')) && waits('second.js') && waits('chat.js')`)
	w.kept(true)
	w.nothing()
	w.Run(`press('refuse')`)
	w.Until(`temoin.choice && !shown(part('notice'))`)
	w.arrive("/", "first", false)
	w.Until(`waits('lazy.js')`)
	w.works()
	w.follow("/second", "second")
	w.Until(`isHeld(frame('second')) && waits('second.js') && waits('chat.js')`)
	w.nothing()
	w.quiet()
}

func TestWhatAnApplicationWithAccountsLoadsIsReleased(t *testing.T) {
	w := startAccounts(t, remembered, "")
	w.arrive("/", "first", true)
	w.Until(`waits('lazy.js')`)
	w.Run(`window.same = true; press('accept')`)
	w.wait("video.localhost/film.html")
	w.once(all...)
	w.holds(`same && log.includes('onLoad after.js') && log.includes('onLoad lazy.js')`)
	w.follow("/second", "second")
	w.wait("video.localhost/second.html")
	w.once(append(all, "second.js", "chat.js")...)
	w.arrive("/", "first", false)
	w.wait("video.localhost/film.html")
	w.once(all...)
	w.quiet()
}

func TestAScriptThatRunsInAWorkerWaitsForAYes(t *testing.T) {
	w := startAccounts(t, remembered, "")
	w.visit("/worker")
	w.Until(`hydrated('worker') && document.readyState == 'complete'`)
	w.Until(`document.querySelector('iframe[src*="~partytown"]') || waits('worker.js')`)
	w.holds(`waits('worker.js')`)
	w.nothing()
	w.Run(`press('accept')`)
	w.Until(`temoin.allows('tags')`)
	w.visit("/worker")
	w.wait("tags.localhost/worker.js")
}

// lasting returns for how long the session is kept from now on; 0 is as long as the browser runs.
func (w *world) lasting() time.Duration {
	w.T.Helper()
	c := w.cookie("next-auth.session-token")
	switch {
	case c == nil:
		w.T.Fatal("the browser keeps no session")
	case c.Session:
		return 0
	}
	return time.Until(time.UnixMilli(int64(c.Expires * 1000)))
}

func TestASessionLastsAsLongAsIsDeclared(t *testing.T) {
	for lasts, want := range map[string]time.Duration{remembered: 30 * 24 * time.Hour, halfADay: 12 * time.Hour, "session": 0} {
		t.Run(lasts, func(t *testing.T) {
			w := startAccounts(t, lasts, "")
			w.signIn("ada@example.org")
			if got := w.lasting(); got > want || got < want-5*time.Minute {
				t.Errorf("the session is kept for %v, not %v", got, want)
			}
			if got, want := w.told("clamped next-auth.session-token"), lasts != remembered; got != want {
				t.Errorf("that it was made shorter is told: %t", got)
			}
			// NextAuth writes it anew whenever a page asks who is signed in.
			if got, want := w.told("renewed next-auth.session-token"), lasts != "session"; got != want {
				t.Errorf("that it begins anew is told: %t", got)
			}
			w.quiet()
		})
	}
}

func TestASessionSurvivesARefusal(t *testing.T) {
	w := startAccounts(t, remembered, "")
	w.signIn("ada@example.org")
	w.Run(`press('refuse')`)
	w.Until(`temoin.choice && !shown(part('notice'))`)
	w.visit("/")
	w.signedIn("ada@example.org")
	w.nothing()
	w.quiet()
}

func TestACookieOfTheApplicationThatNobodyDeclaredIsTold(t *testing.T) {
	for enforced, want := range map[string]struct{ told, kept, sent string }{
		"report": {"undeclared", "true", `["stray"]`},
		"block":  {"blocked", "false", `[]`},
	} {
		t.Run(enforced, func(t *testing.T) {
			w := startAccounts(t, remembered, "enforcement: {undeclared: "+enforced+"}\n")
			w.signIn("ada@example.org")
			w.Run(`await fetch('/api/stray')`)
			w.Is("what it is sent next", `return (await (await fetch('/api/stray')).json()).filter(name => name == 'stray')`, want.sent)
			w.equals(`document.cookie.includes('stray=')`, want.kept)
			if !w.told(want.told + " stray") {
				t.Error("nobody is told of it")
			}
			for _, name := range []string{"session-token", "csrf-token", "callback-url"} {
				if w.told(want.told+" next-auth."+name) || w.cookie("next-auth."+name) == nil {
					t.Errorf("what is declared, %s, did not pass", name)
				}
			}
			w.quiet()
		})
	}
}

func TestTheChoiceOfAnAccountAppliesInAnotherBrowserAfterSigningIn(t *testing.T) {
	const more = "choice: {scope: account}\nidentity: {url: /api/auth/session, field: user.email}\n"
	w := startAccounts(t, remembered, more)
	w.signIn("ada@example.org")
	w.nothing()
	w.Run(`press('accept')`)
	w.Until(`temoin.allows('counter')`)
	w.once(all...)

	other := w.another(t)
	w.requests()
	other.arrive("/", "first", true)
	other.nothing()
	other.signIn("ada@example.org")
	other.wait("video.localhost/film.html", "counter.localhost/counter.js")
	other.once(all...)
	other.holds(`temoin.allows('video') && !shown(part('notice'))`)
	other.quiet()

	other.visit("/api/auth/signout")
	other.Until(`document.querySelector('form[action$="/signout"]')`)
	other.Run(`document.querySelector('form[action$="/signout"] [type=submit]').click()`)
	other.Until(`location.pathname == '/' && hydrated('first') && shown(part('notice'))`)
	other.requests()
	other.nothing()
	if other.cookie("__Host-temoin-account") != nil {
		t.Error("the browser keeps the account's choice after signing out")
	}

	somebody := w.another(t)
	w.requests()
	somebody.signIn("bob@example.org")
	somebody.holds(`shown(part('notice')) && !temoin.allows('video')`)
	somebody.nothing()
	w.quiet()
}
