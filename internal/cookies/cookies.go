// Package cookies keeps the Cookie and Set-Cookie headers of a site to a decision.
//
// What holds:
//
//   - The upstream sees no cookie of a declared tracker that the decision does not
//     permit, whether it splits the header at semicolons, reads quoted values, or
//     takes blanks and commas for separators (see FuzzRequest).
//   - No Set-Cookie of a tracker that is not permitted reaches the browser, unless
//     it deletes. One that is permitted lasts no longer than the manifest says and
//     is Secure, HttpOnly and SameSite at least as it says.
//   - What is not touched passes byte for byte.
//   - A cookie of a tracker that is no longer permitted is expired on every answer
//     to a request that still carries it, in each form in which the browser can hold
//     it, with 3 kB of Set-Cookie an answer at most.
//
// Headers are parsed as RFC 6265bis says and browsers do. A Cookie header with a line
// break or another control character does not come here: net/http refuses it. One in
// a Set-Cookie header is a blank here, which net/http makes of it when it writes the
// header. Keys that are not canonical ("set-cookie") are not looked at: net/http reads
// and sets none.
package cookies

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/policy"
)

// An Event is what became of one cookie.
type Event uint8

// The events. In observe mode they say what would have been done.
const (
	Removed    Event = iota // from the request: its tracker is not permitted
	Withheld                // from the request: its service loads on use, and is not in use here; the browser keeps it
	Dropped                 // from the answer: its tracker is not permitted, or is Témoin's own
	Clamped                 // in the answer: it would have lasted longer than declared
	Hardened                // in the answer: it lacked Secure, HttpOnly or SameSite as declared
	Repeated                // from the answer: the browser has this value already, and its lifetime would have begun anew
	Renewed                 // passed in the answer: its lifetime begins anew, which is not declared
	Undeclared              // passed, in request or answer: the manifest does not know it
	Blocked                 // from request or answer: the manifest does not know it
	Expired                 // by the answer: its tracker is no longer permitted
)

var eventNames = [...]string{"removed", "withheld", "dropped", "clamped", "hardened", "repeated", "renewed", "undeclared", "blocked", "expired"}

// String returns the event in one word, as metrics name it.
func (e Event) String() string { return eventNames[e] }

// An Observer is told what becomes of cookies. It is called on the path of
// requests, by many at once, and must not block.
type Observer interface {
	// Cookie tells of one cookie. The tracker is nil for one that is not declared:
	// then the name is whatever browser or upstream sent, and "" where it sent none.
	Cookie(name string, t *policy.Tracker, what Event)
}

// Options are what a decision does not say.
type Options struct {
	Undeclared policy.Enforced  // cookies that the manifest does not know: pass, report or block; "" is report
	Observe    bool             // nothing is changed, everything is told
	Observer   Observer         // nil for none
	Now        func() time.Time // nil is time.Now
	// Rand returns a number from 0 up to n. It chooses what is expired first where there
	// is no room for all, so that all has its turn. nil is rand.IntN of math/rand/v2.
	Rand func(n int) int
}

// A Filter keeps cookies to decisions about one version of a site. It is immutable
// and safe for concurrent use.
type Filter struct {
	site  *policy.Site
	o     Options
	names map[string]*rule          // exact names
	rules map[*policy.Tracker]*rule // all cookies
}

// New makes the filter of a site.
func New(site *policy.Site, o Options) *Filter {
	if o.Undeclared == "" {
		o.Undeclared = policy.EnforceReport
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.IntN
	}
	f := &Filter{site: site, o: o, names: map[string]*rule{}, rules: map[*policy.Tracker]*rule{}}
	for _, t := range site.Trackers {
		if t.Storage == policy.Cookie {
			f.rules[t] = newRule(t)
		}
	}
	for t := range f.rules {
		for _, name := range append([]string{t.Name}, t.Also...) {
			// A site can declare one name several times: for third parties.
			if found := site.TrackerNamed(policy.Cookie, name); found != nil && name != "" {
				f.names[name] = f.rules[found]
			}
		}
	}
	return f
}

// find returns the rule of a cookie, nil if it is undeclared.
func (f *Filter) find(name string) *rule {
	if r := f.names[name]; r != nil {
		return r
	}
	if t := f.site.TrackerNamed(policy.Cookie, name); t != nil {
		return f.rules[t]
	}
	return nil
}

func (f *Filter) tell(name string, t *policy.Tracker, what Event) {
	if f.o.Observer != nil {
		f.o.Observer.Cookie(name, t, what)
	}
}

// A rule is what the manifest says of a cookie, made ready.
type rule struct {
	tracker *policy.Tracker
	longest policy.Lifetime
	free    bool              // it needs no consent
	owners  []*policy.Service // that set it; none where the site itself does
	onUse   bool              // it belongs to services that load on use
	own     bool              // Témoin writes it
}

func newRule(t *policy.Tracker) *rule {
	r := &rule{tracker: t, longest: t.Lasts.Longest(), free: t.Exempt(), own: t.Origin == policy.FromTemoin}
	if t.Service != nil { // what the site itself sets it may have everywhere
		r.owners = append([]*policy.Service{t.Service}, t.Shared...)
	}
	for _, s := range r.owners {
		r.onUse = r.onUse || s.Loads == policy.LoadsOnUse
	}
	return r
}

// At is where a request was made, as the browser sees it.
type At struct {
	Host string // with or without a port
	Path string // of the request, with its escapes: "/app/list"
	// Page says that a document is asked for, or a choice is kept, and that the decision
	// is about this path. Else cookies are expired only on answers that are this
	// visitor's alone, and those of services that load on use are not: the page that
	// asks may be using one.
	Page bool
	// Foreign says that another site asks, so that the browser may have kept the consent cookie
	// back (SameSite=Lax), and none came: what is carried may be allowed, and is not expired.
	Foreign bool
	// Plain says that the browser speaks http, not https, to another machine: it would
	// refuse a cookie that is Secure, which is then not added.
	Plain bool
}

// A verdict is what a decision says of a cookie in a request.
type verdict uint8

const (
	permitted verdict = iota
	withheld          // it may be kept, and is not sent here
	refused
)

func (c *Carried) verdict(r *rule) verdict {
	switch {
	case !r.free && !c.decision.Tracker(r.tracker):
		return refused
	case r.onUse && !slices.ContainsFunc(r.owners, c.decision.Runs):
		return withheld
	}
	return permitted
}

// Carried is what a request carried: it is needed for the answer. It is for one
// goroutine. It keeps the decision that it was made with, which may become another one
// before the answer, as when the upstream says who is signed in.
type Carried struct {
	filter   *Filter
	decision *consent.Decision
	at       At
	values   []string // of the Cookie header, as they came
	expire   []leftover
}

// A leftover is a cookie that is no longer permitted, and that the browser still has.
type leftover struct {
	name    string
	tracker *policy.Tracker
}

// Request takes out of the Cookie header what the upstream must not see: what is not
// permitted, what belongs to services that load on use and are not in use here, and
// what is not declared where that is blocked. The decision is about the page that the
// request belongs to. Témoin reads its own cookies before. Where nothing goes, nothing
// is allocated.
func (f *Filter) Request(h http.Header, d *consent.Decision, at At) Carried {
	c := Carried{filter: f, decision: d, at: at, values: h["Cookie"]}
	var kept []string
	changed := false
	for i, v := range c.values {
		rest, touched := c.filtered(v)
		if touched && !changed {
			changed = true
			kept = append(make([]string, 0, len(c.values)), c.values[:i]...)
		}
		if changed && rest != "" {
			kept = append(kept, rest)
		}
	}
	switch {
	case !changed || f.o.Observe:
	case len(kept) == 0:
		delete(h, "Cookie")
	default:
		h["Cookie"] = kept
	}
	return c
}
