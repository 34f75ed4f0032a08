package gate

import (
	"github.com/temoin/temoin/internal/cookies"
	"github.com/temoin/temoin/policy"
)

// An Event is one thing that the gate did, or would have done in observe mode. Nothing
// in it is about a visitor, but a name that is not declared is whatever was sent:
// whoever keeps counts bounds how many names there can be, and how long.
type Event struct {
	What     What
	Name     string // of a cookie, or of an element or a header; see What
	Services string // ids of the services that it is of, with blanks between; "" for none
	Host     string // that was not contacted
	Path     string // of the page, of those that the manifest names; for Reported only
	Observed bool   // it was told only, nothing was changed
}

// What is what the gate did.
type What string

// What it does.
const (
	PageAsked    What = "asked"    // a page was shown to somebody who has not chosen, or not about everything
	PageAnswered What = "answered" // to somebody who has

	CookieRemoved    What = "removed"    // from the request: it is not allowed
	CookieWithheld   What = "withheld"   // from the request: what it belongs to is not in use on this page
	CookieDropped    What = "dropped"    // from the answer: it is not allowed
	CookieClamped    What = "clamped"    // it would have lasted longer than declared
	CookieHardened   What = "hardened"   // it was given attributes that it is declared to have
	CookieRepeated   What = "repeated"   // from the answer: it would have begun its lifetime anew
	CookieRenewed    What = "renewed"    // passed, though it begins its lifetime anew
	CookieUndeclared What = "undeclared" // passed: it is not declared
	CookieBlocked    What = "blocked"    // it is not declared
	CookieExpired    What = "expired"    // it is not allowed any more

	Neutralised What = "neutralised" // a reference was made inert; Name is "script src", or "Link" for a header
	Foreign     What = "foreign"     // a page refers to a host that nobody has declared; told in observe mode only
	Reported    What = "reported"    // by a browser: Name is the directive that a page broke; Observed, that it was only reported
	Unread      What = "unread"      // a page passed as it was; Name says why: its coding, its charset, a part of it
	Cut         What = "cut"         // a page was not handed on to its end; Name says why: its coding is broken, less came than its length, the site stopped
)

var cookieEvents = [...]What{
	cookies.Removed: CookieRemoved, cookies.Withheld: CookieWithheld, cookies.Dropped: CookieDropped, cookies.Clamped: CookieClamped,
	cookies.Hardened: CookieHardened, cookies.Repeated: CookieRepeated, cookies.Renewed: CookieRenewed,
	cookies.Undeclared: CookieUndeclared, cookies.Blocked: CookieBlocked, cookies.Expired: CookieExpired,
}

// An observer turns what package cookies tells into events.
type observer struct{ count func(Event) }

func (o observer) Cookie(name string, t *policy.Tracker, what cookies.Event) {
	e := Event{What: cookieEvents[what], Name: name}
	if t != nil {
		e.Name = t.Name // that of a pattern, where it is one
		if t.Service != nil {
			e.Services = t.Service.ID
		}
	}
	o.count(e)
}
