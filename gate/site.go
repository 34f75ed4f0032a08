package gate

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/cookies"
	"github.com/temoin/temoin/internal/seal"
	"github.com/temoin/temoin/policy"
)

// Parts are what a site is served with besides its manifest.
type Parts struct {
	Codec   *consent.Codec // reads the consent cookie
	Notice  Notice         // nil shows none
	Mount   http.Handler   // answers below the prefix; nil answers nothing
	Prefix  string         // DefaultPrefix if empty
	Counter Counter        // may be nil
	Trusted Trusted        // the proxies in front
	Limit   *Limit         // of requests to the mount; nil for none
	Observe bool           // as mode: observe in the manifest

	// Where choices follow accounts; else both are nil.
	Subjects Subjects
	Accounts Accounts
	Identity *Identity        // in place of Subjects
	Now      func() time.Time // for what Identity has said; nil is the system's
}

// A Site is one version of a manifest, ready to decide by. It is safe for concurrent use.
type Site struct {
	policy  *policy.Site
	parts   Parts
	prefix  string
	choices *choices
	cookies *cookies.Filter
	seal    *seal.Seal
	observe bool
	same    bool // pages are the same for everybody (cacheable)
	holds   bool // there is something that a decision can hold
	plans   *plans
	codings *codings
	version fnv  // of everything that pages are rewritten by and no decision says
	own     bool // and it may be on the site's own hosts
}

// Compile makes a site of its parts.
func Compile(p *policy.Site, parts Parts) *Site {
	s := &Site{policy: p, parts: parts, prefix: cmp.Or(parts.Prefix, DefaultPrefix), choices: &choices{codec: parts.Codec}, plans: newPlans(), codings: &codings{}}
	s.observe = parts.Observe || p.Enforcement.Mode == policy.ModeObserve
	s.same = p.Enforcement.Cacheable && !s.observe
	s.cookies = cookies.New(p, cookies.Options{Undeclared: p.Enforcement.Undeclared, Observe: s.observe, Observer: observer{s.count}})
	o := seal.Options{Mode: p.Enforcement.Seal, Prefix: s.prefix}
	s.version = fnvBegin.string(string(p.Hash[:])).string(s.prefix)
	if parts.Notice != nil {
		o.Scripts, o.Styles = parts.Notice.Hashes()
		for _, h := range slices.Concat(o.Scripts, o.Styles) {
			s.version = s.version.string(h)
		}
	}
	s.seal = seal.New(p, o)
	if parts.Identity != nil {
		now := parts.Now
		if now == nil {
			now = time.Now
		}
		s.parts.Subjects = &asker{Identity: *parts.Identity, site: s, now: now}
	}
	for _, v := range p.Services {
		if v.Loads == policy.LoadsAlways {
			continue
		}
		s.holds = true
		for _, h := range v.Hosts {
			s.own = s.own || p.OwnsHost(policy.ParseHost(h).Name)
		}
	}
	return s
}

// Policy returns the version of the manifest.
func (s *Site) Policy() *policy.Site { return s.policy }

// count tells the counter what was done.
func (s *Site) count(e Event) {
	if s.parts.Counter != nil {
		e.Observed = e.Observed || s.observe
		s.parts.Counter.Count(e)
	}
}

// sealed reports whether pages keep to our policy.
func (s *Site) sealed() bool { return s.policy.Enforcement.Seal == policy.EnforceBlock && !s.observe }

// ChoiceHeader is the header by which a program that keeps no cookies says what it was
// allowed: the value of the consent cookie.
const ChoiceHeader = "Temoin-Choice"

// view decides about a request; the account is for its answer.
func (s *Site) view(r *http.Request, now time.Time) (View, account) {
	v := View{Site: s.policy}
	value, ok := cookie(r, s.policy.Choice.Cookie)
	if said := r.Header[ChoiceHeader]; !ok && len(said) > 0 {
		value, ok = said[0], true
	}
	if ok {
		v.Choice = s.choices.read(value)
	}
	a := s.account(r, now)
	v.decide(s, r, &a, now)
	return v, a
}

// decide decides with an account.
func (v *View) decide(s *Site, r *http.Request, a *account, now time.Time) {
	signals := a.signals(consent.Signals{GPC: first(r.Header, "Sec-Gpc") == "1", Path: pageOf(r)})
	v.Decision = consent.Decide(s.policy, v.Choice, signals, now)
	if a.failed { // it may have refused
		asks := v.Decision.Notice
		v.Decision = consent.Decide(s.policy, nil, signals, now)
		v.Decision.Notice = asks
	}
	v.Account, v.Arrived = a.key, a.arrived()
	if a.own() {
		v.Account = nil
	}
}

// cookie returns the value of the first cookie of a name, as net/http reads it.
func cookie(r *http.Request, name string) (string, bool) {
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var one string
			one, line, _ = strings.Cut(line, ";")
			one = strings.TrimLeft(one, " \t")
			if value, ok := strings.CutPrefix(one, name); ok && value != "" && value[0] == '=' {
				return strings.TrimRight(value[1:], " \t"), true
			}
		}
	}
	return "", false
}

// setCookie returns the value that an answer sets a cookie to.
func setCookie(h http.Header, name string) (string, bool) {
	for _, line := range h["Set-Cookie"] {
		pair, _, _ := strings.Cut(line, ";")
		if value, ok := strings.CutPrefix(pair, name+"="); ok && value != "" {
			return value, true
		}
	}
	return "", false
}

// pageOf returns the path of the page that a request is made for: its own, where it is
// for a page, else that of the page that asks, where the browser says it.
func pageOf(r *http.Request) string {
	if isPage(r) {
		return r.URL.Path
	}
	from := first(r.Header, "Referer")
	if _, rest, ok := strings.Cut(from, "://"); ok {
		host, path, _ := strings.Cut(rest, "/")
		if path, _, _ = strings.Cut(path, "?"); host == r.Host {
			return "/" + path
		}
	}
	return r.URL.Path
}

// maybeHTML reports whether the answer may be HTML that a page is made of.
func maybeHTML(r *http.Request) bool {
	dest := first(r.Header, "Sec-Fetch-Dest")
	return dest == "" || dest == "empty" || isPage(r)
}

// first returns the first value of a header, whose name is in its canonical form.
func first(h http.Header, name string) string {
	if list := h[name]; len(list) > 0 {
		return list[0]
	}
	return ""
}

// isPage reports whether a browser would show the answer as a document, in a window or
// in a frame.
func isPage(r *http.Request) bool {
	switch first(r.Header, "Sec-Fetch-Dest") {
	case "document", "iframe", "frame", "embed", "object", "fencedframe":
		return true
	case "":
		return strings.Contains(first(r.Header, "Accept"), "text/html")
	}
	return navigates(r)
}

// navigates reports whether the browser goes to a page, though a service worker asks for
// it in its place.
func navigates(r *http.Request) bool { return first(r.Header, "Sec-Fetch-Mode") == "navigate" }
