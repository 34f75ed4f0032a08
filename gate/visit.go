package gate

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/cookies"
	"github.com/temoin/temoin/policy"
)

// A visit is a request on its way through the gate, and its answer on the way back. It
// is the request's context and the answer's writer, so that both cost nothing of their own.
type visit struct {
	context.Context
	View

	gate    *Gate
	site    *Site
	w       http.ResponseWriter
	r       request     // as it came
	current bool        // what is kept of the page was rewritten as it would be now
	header  http.Header // of a page, as the site says it; nil where that is the connection's
	carried cookies.Carried
	account account
	shown   *consent.Decision // what pages are rewritten by
	answer  answer
	ended   bool // the site has said all of it
	proxied bool // the site is another server
}

// Value gives a site its View.
func (v *visit) Value(key any) any {
	if key == (viewKey{}) {
		return &v.View
	}
	return v.Context.Value(key)
}

// servePage asks the site, with what it may know, and hands on what it answers.
func (g *Gate) servePage(w http.ResponseWriter, r *http.Request, site *Site) {
	v := &visit{Context: r.Context(), gate: g, site: site, w: w, r: read(r)}
	v.account = g.view(site, &v.View, &v.r, g.config.Now())
	v.shown = &v.Decision
	if site.same {
		v.shown = site.neutral(r.URL.Path)
	}
	v.carried = site.cookies.Request(r.Header, &v.Decision, v.at())
	if !site.observe && v.r.conditional {
		v.current = unconditioned(r.Header, v.r.page, v.stamp())
	}
	if !site.observe && v.r.maybeHTML() {
		site.codings.understood(r.Header)
	}
	if v.r.page && !site.observe {
		v.header = w.Header().Clone()
		if v.header == nil {
			v.header = http.Header{}
		}
	}
	defer v.abandon()
	g.next.ServeHTTP(v, r.WithContext(v))
	v.ended = true
	v.finish()
}

// neutral is the decision about a page that is the same for everybody: nobody has chosen.
func (s *Site) neutral(path string) *consent.Decision {
	d := consent.Decide(s.policy, nil, consent.Signals{Path: path}, time.Time{})
	return &d
}

// subject decides anew where the site's answer says who is signed in from now on.
func (v *visit) subject(h http.Header) {
	said, ok := h[SubjectHeader]
	if !ok {
		return
	}
	delete(h, SubjectHeader)
	s := v.site
	if s.policy.Choice.Scope != policy.ScopeAccount || s.parts.Accounts == nil || s.observe {
		return
	}
	now := v.gate.config.Now()
	v.account = v.gate.accountOf(s, &v.r, said[len(said)-1], now)
	v.View.decide(s, &v.r, &v.account, now)
	v.carried = s.cookies.Request(http.Header{"Cookie": v.r.cookies}, &v.Decision, s.at(&v.r, v.r.page))
}

// tellPage counts a page that is shown by itself.
func (v *visit) tellPage() {
	switch status := v.answer.status; {
	case v.kind() != asDocument && v.kind() != asUnknown, v.framed(), v.r.Method != http.MethodGet, status >= 300 && status < 400 && status != http.StatusNotModified:
		return
	}
	what := PageAnswered
	if v.Decision.Notice != 0 {
		what = PageAsked
	}
	v.site.count(Event{What: what})
}

// at is where the request was made.
func (v *visit) at() cookies.At { return v.site.at(&v.r, v.r.page && !v.site.same) }

func (s *Site) at(r *request, page bool) cookies.At {
	foreign := r.foreign
	if foreign {
		_, said := r.cookie(s.policy.Choice.Cookie)
		foreign = !said
	}
	return cookies.At{Host: r.Host, Path: r.URL.EscapedPath(), Page: page, Foreign: foreign, Plain: !s.parts.Trusted.Secure(r.Request) && !isLocal(r.Host)}
}

// isLocal reports whether browsers take this machine for secure without encryption.
func isLocal(host string) bool {
	host, _, _ = strings.Cut(host, ":")
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// stamp tells the page as it is rewritten now from all others.
func (v *visit) stamp() stamp {
	h := v.site.version
	if v.site.same {
		return stamped(uint64(h))
	}
	d := &v.Decision
	h = h.byte(byte(d.Notice)).byte(byte(v.kind()))
	for _, k := range v.site.policy.Categories {
		h = h.byte(flag(d.Category(k)) | flag(d.Asks(k))<<1)
	}
	for _, s := range v.site.policy.Services {
		h = h.byte(flag(d.Runs(s)))
	}
	h = h.byte(flag(v.Arrived))
	if c := v.account.choice; c != nil && !v.account.own() {
		h = h.string(string(c.ID[:]))
	}
	consented, _ := v.r.cookie(v.site.policy.Choice.Cookie) // pages know which cookie they were made for
	h = h.string(consented)
	return stamped(uint64(v.languages(h)))
}

// languages adds what the language of a page that says none depends on.
func (v *visit) languages(h fnv) fnv {
	h = h.string(strings.Join(v.r.Header["Accept-Language"], ","))
	if name := v.site.policy.Notice.LocaleCookie; name != "" {
		locale, _ := cookie(v.r.Header["Cookie"], name) // where the notice may know it
		h = h.string(locale)
	}
	return h
}

func flag(yes bool) byte {
	if yes {
		return 1
	}
	return 0
}

// held returns the ids of the services that are reached at a host and path, where none
// of them is allowed; "" where it is free.
func (v *visit) held(list []*policy.Service) string {
	if len(list) == 0 {
		return ""
	}
	for _, s := range list {
		if v.shown.Runs(s) {
			return ""
		}
	}
	if len(list) == 1 {
		return list[0].ID
	}
	ids := make([]string, len(list))
	for i, s := range list {
		ids[i] = s.ID
	}
	return strings.Join(ids, " ")
}
