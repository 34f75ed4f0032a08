package gate_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/policy"
)

// noon is when all tests take place.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// manifest is a shop with a bit of everything.
const manifest = `
temoin: 1
site: shop
name: Shop
url: https://shop.example
hosts: [www.shop.example]
languages: [en, fr]
choice: {cookie: consent}
categories:
  needed: {exempt: true}
  stats: {needs: consent}
  support: {needs: consent}
trackers:
  - {name: session, category: needed, reason: authentication, lasts: session, http_only: true, purpose: {en: Keeps you signed in.}}
  - {name: seen, category: stats, lasts: 1 month, purpose: {en: Counts visits.}}
services:
  - id: counter
    name: Counter
    category: stats
    hosts: [counter.example, "*.counter.example"]
    snippets: ["counter.push("]
    trackers: [{name: _count, lasts: 13 months, purpose: {en: Tells visitors apart.}}]
  - id: chat
    name: Chat
    category: support
    hosts: [chat.example]
  - id: pay
    name: Pay
    category: needed
    hosts: [pay.example]
    loads: on-use
    paths: [/checkout]
    because: {en: You pay with it.}
    trackers: [{name: pay_id, lasts: 1 year, purpose: {en: Prevents fraud.}}]
`

// fake is a notice of which all bytes are known.
type fake struct{}

const (
	headBytes = "<script>notice()</script>"
	bodyBytes = "<temoin-notice>ask</temoin-notice>"
)

func (fake) Insert(_ *http.Request, lang string, v *gate.View, _ bool) (head, body []byte) {
	if v.Decision.Notice == consent.NoNotice {
		return []byte(headBytes), nil
	}
	return []byte(headBytes), []byte(strings.Replace(bodyBytes, "ask", "ask "+lang, 1))
}

func (fake) Tag(lang string) []byte {
	return []byte("<script src=/.temoin/temoin.js?lang=" + lang + "></script>")
}

func (fake) Hashes() (scripts, styles []string) {
	return []string{"'sha256-n0QH9Ls3vUBZDEmaHmhI8PvYDLgPLVXBDxnW1E1fSsc='"}, nil
}

func (fake) Placeholder(_ *http.Request, services, address, _ string) string {
	return "/.temoin/placeholder/" + services + "?src=" + url.QueryEscape(address)
}

// events keeps what a gate tells.
type events struct {
	mu   sync.Mutex
	list []gate.Event
}

func (e *events) Count(one gate.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	one.Host = strings.Clone(one.Host)
	e.list = append(e.list, one)
}

func (e *events) has(what gate.What, name string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, one := range e.list {
		if one.What == what && one.Name == name {
			return true
		}
	}
	return false
}

// A shop is a site behind a gate.
type shop struct {
	*httptest.Server
	t      testing.TB
	gate   *gate.Gate
	site   *policy.Site
	codec  *consent.Codec
	events *events
	client *http.Client
}

// A option changes what a shop is made of.
type option func(p *gate.Parts, manifest *string)

func with(lines string) option { return func(_ *gate.Parts, m *string) { *m += lines + "\n" } }

// unserved is a handler behind a gate.
func unserved(t testing.TB, next http.Handler, options ...option) *shop {
	t.Helper()
	text := manifest
	parts := gate.Parts{Notice: fake{}}
	for _, o := range options {
		o(&parts, &text)
	}
	site, err := policy.Parse("shop.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{t: t, site: site, events: &events{}}
	if s.codec, err = consent.NewCodec(site, []byte(strings.Repeat("k", consent.MinKey))); err != nil {
		t.Fatal(err)
	}
	parts.Codec = s.codec
	if parts.Counter == nil {
		parts.Counter = s.events
	}
	compiled := gate.Compile(site, parts)
	s.gate = gate.New(gate.Config{Site: func() *gate.Site { return compiled }, Now: func() time.Time { return noon }}, next)
	return s
}

// open serves a handler behind a gate.
func open(t *testing.T, next http.Handler, options ...option) *shop {
	t.Helper()
	s := unserved(t, next, options...)
	s.Server = httptest.NewServer(s.gate)
	t.Cleanup(s.Close)
	s.client = &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return s
}

// choice is the value of the consent cookie that allows what is named.
func (s *shop) choice(allow ...string) string {
	s.t.Helper()
	id, err := consent.NewID(noon, strings.NewReader(strings.Repeat("r", 100)))
	if err != nil {
		s.t.Fatal(err)
	}
	value, err := s.codec.Encode(consent.Choose(s.site, id, noon, func(name string) bool {
		for _, a := range allow {
			if a == name || s.site.Service(name) != nil && s.site.Service(name).Category.ID == a {
				return true
			}
		}
		return false
	}))
	if err != nil {
		s.t.Fatal(err)
	}
	return "consent=" + value
}

// get asks for a page as a browser does; headers are "Name: value".
func (s *shop) get(path string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	return s.do(http.MethodGet, path, append([]string{"Sec-Fetch-Dest: document"}, headers...)...)
}

// do sends a request and reads its answer.
func (s *shop) do(method, path string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Host = "shop.example"
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	res, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatalf("the body of %s %s: %v", method, path, err)
	}
	return res, string(body)
}

// raw sends bytes, and returns what comes back until the connection ends.
func (s *shop) raw(request string) string {
	s.t.Helper()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(c, request)
	b, _ := io.ReadAll(bufio.NewReader(c))
	return string(b)
}

// page is a handler that answers with a page.
func page(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, body)
	})
}

const small = `<!doctype html><html lang="fr"><head><title>T</title></head><body><p>Text</p><script src="https://counter.example/c.js"></script></body></html>`

// noticed is small with the notice in it, and its script held.
const noticed = `<!doctype html><html lang="fr"><head>` + headBytes + `<title>T</title></head><body><temoin-notice>ask fr</temoin-notice><p>Text</p><script`
