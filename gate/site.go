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

// view decides about a request; the account is for its answer.
func (g *Gate) view(s *Site, v *View, r *request, now time.Time) account {
	v.Site = s.policy
	value, ok := r.cookie(s.policy.Choice.Cookie)
	if !ok {
		value = r.choice
	}
	if value != "" {
		v.carried = s.choices.read(value)
	}
	a := g.account(s, r, now)
	v.decide(s, r, &a, now)
	return a
}

// decide decides with an account.
func (v *View) decide(s *Site, r *request, a *account, now time.Time) {
	v.carried = a.restore(s, v.carried, now)
	if v.Choice = v.carried; !a.counts(s, v.carried) {
		v.Choice = nil
	}
	signals := a.signals(consent.Signals{GPC: r.gpc, Path: r.pagePath()})
	v.Decision = consent.Decide(s.policy, v.Choice, signals, now)
	if v.Standing = v.Choice; signals.Account != nil {
		v.Standing = consent.Standing(s.policy, v.Choice, signals, now)
	}
	if a.failed { // it may have refused
		asks := v.Decision.Notice
		v.Decision = consent.Decide(s.policy, nil, signals, now)
		v.Decision.Notice = asks
	}
	v.Account, v.Signed, v.Arrived, v.Own = a.key, a.key, a.arrived(), a.key != nil && a.own()
	if v.Own {
		v.Account = nil
	}
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
