package gate

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/seal"
)

// serveOwn answers below the prefix. A choice that is kept there expires at once what it
// no longer allows.
func (g *Gate) serveOwn(w http.ResponseWriter, r *http.Request, site *Site) {
	now := g.config.Now()
	if !site.parts.Limit.Allow(site.parts.Trusted.Client(r), now) {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "Too many requests come from your network. Please try again.", http.StatusTooManyRequests)
		return
	}
	q := read(r)
	q.ours = true
	var v View
	a := g.view(site, &v, &q, now)
	o := &own{ResponseWriter: w, r: &q, gate: g, site: site, now: now, account: a, carried: v.carried}
	switch {
	case r.URL.Path == site.prefix+"/account" && site.parts.Accounts != nil:
		http.NewCrossOriginProtection().Handler(http.HandlerFunc(o.keepOwn)).ServeHTTP(w, r)
	case r.URL.Path == site.prefix+"/report":
		o.report(w, r)
	case site.parts.Mount == nil:
		http.NotFound(w, r)
	default:
		site.parts.Mount.ServeHTTP(o, r.WithContext(context.WithValue(r.Context(), viewKey{}, &v)))
		if !o.sent {
			o.WriteHeader(http.StatusOK)
		}
	}
}

// An own answer is one of the mount.
type own struct {
	http.ResponseWriter
	r       *request
	gate    *Gate
	site    *Site
	now     time.Time
	account account
	carried *consent.Choice // what the browser came with
	sent    bool
}

// Unwrap lets http.ResponseController reach the connection.
func (o *own) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// WriteHeader looks whether a choice was kept.
func (o *own) WriteHeader(status int) {
	if !o.sent && status >= 200 {
		o.sent = true
		o.chosen()
	}
	o.ResponseWriter.WriteHeader(status)
}

// Write sends the header first.
func (o *own) Write(p []byte) (int, error) {
	if !o.sent {
		o.WriteHeader(http.StatusOK)
	}
	return o.ResponseWriter.Write(p)
}

// chosen removes from the browser what the request carries and its new choice does not
// allow, and lets the account's cookie follow. Cookies of other paths than this one are
// removed when they are sent again.
func (o *own) chosen() {
	h, s := o.Header(), o.site
	value, ok := setCookie(h, s.policy.Choice.Cookie)
	if s.observe {
		return
	}
	if !ok {
		if strings.HasPrefix(first(h, "Cache-Control"), "private") { // it told what the account's choice is now
			s.setAccount(h, &o.account, false)
		}
		return
	}
	v := View{Site: s.policy, carried: s.choices.read(value)}
	o.account.putAside(o.carried)
	if a := &o.account; a.key != nil && !a.own() && !a.failed {
		a.choice, a.at, a.state, a.stale = v.carried, o.now, follows, true
		s.setAccount(h, a, false)
		o.gate.recent.keep(a.key, o.now)
	}
	v.decide(s, o.r, &o.account, o.now)
	after := http.Header{"Cookie": o.r.cookies}
	carried := s.cookies.Request(after, &v.Decision, s.at(o.r, true))
	carried.Expire(h)
}

// keepOwn lets this device have its own choice, or follow the account again: "device" and
// "account", by a form that leads back to the page it stands on. What was chosen here before
// goes with either: it may be older than what the account has refused since, or younger
// than what is to be followed.
func (o *own) keepOwn(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
	follow := r.PostFormValue("follow")
	switch {
	case r.Method != http.MethodPost:
		h.Set("Allow", "POST")
		http.Error(w, "This is for a form.", http.StatusMethodNotAllowed)
		return
	case follow != "device" && follow != "account":
		http.Error(w, `Say "follow=device" or "follow=account".`, http.StatusBadRequest)
		return
	case o.account.failed:
		h.Set("Retry-After", "2")
		http.Error(w, "This cannot be kept now. Please try again.", http.StatusServiceUnavailable)
		return
	case o.account.key == nil:
		http.Error(w, "Nobody is signed in.", http.StatusConflict)
		return
	}
	a := &o.account
	a.putAside(o.carried)
	a.state, a.stale = follows, true
	if follow == "device" {
		a.state = keepsOwn
	}
	h.Add("Set-Cookie", o.site.forget())
	a.alien = false // it goes once
	o.site.setAccount(h, a, false)
	http.Redirect(w, r, o.site.back(r), http.StatusSeeOther)
}

// report counts what browsers tell of pages that broke our policy.
func (o *own) report(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		http.Error(w, "This is for reports of browsers.", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, seal.MaxReport))
	if err != nil {
		http.Error(w, "The report is too long.", http.StatusRequestEntityTooLarge)
		return
	}
	list, err := o.site.seal.ParseReport(first(r.Header, "Content-Type"), body)
	if err != nil {
		http.Error(w, "The report cannot be read: "+err.Error()+".", http.StatusBadRequest)
		return
	}
	for _, v := range list {
		o.site.count(Event{What: Reported, Name: v.Directive, Host: v.Host, Path: v.Path, Observed: !v.Enforced})
	}
	w.WriteHeader(http.StatusNoContent)
}

// gpcPath is where a site says that it heeds Global Privacy Control.
const gpcPath = "/.well-known/gpc.json"

// serveGPC says that the site heeds Global Privacy Control, as all sites behind a gate do.
func (s *Site) serveGPC(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "public, max-age=86400")
	answer := struct {
		GPC  bool   `json:"gpc"`
		Last string `json:"lastUpdate,omitempty"`
	}{GPC: true}
	if d := s.policy.Policy.Updated; !d.IsZero() {
		answer.Last = d.String()
	}
	if r.Method == http.MethodHead {
		return
	}
	json.NewEncoder(w).Encode(answer) //nolint:errcheck // a client that is gone cannot be told
}

// back is the page that a form was sent from, if it is one of this host; else the
// preference centre.
func (s *Site) back(r *http.Request) string {
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host != r.Host || !strings.HasPrefix(from.Path, "/") || strings.HasPrefix(from.Path, "//") || strings.ContainsRune(from.Path, '\\') || below(from.Path, s.prefix) {
		return s.prefix + "/"
	}
	return (&url.URL{Path: from.Path, RawPath: from.RawPath, RawQuery: from.RawQuery}).String()
}
