package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/policy"
)

var explainCommand = command{
	name:  "explain",
	args:  "ADDRESS --site SITE.yaml",
	short: "Tell which rule acts on what: on a page of the site, or on an address.",
	long: `A page of the site (a host of the manifest, or of this machine) is asked for once, as
somebody asks who has not chosen, or who allows what --allow names; what the gate does
about its cookies, tags and hosts is told, and the line of the manifest that says so.
Other addresses are not asked for: it is told what is declared about them.

With --cookie ADDRESS is the name of a cookie.`,
	run: runExplain,
}

func runExplain(ctx context.Context, c *call) int {
	file := c.flags.String("site", "", "The `manifest`.")
	var allow names
	c.flags.Var(&allow, "allow", "Ask as somebody who allows this `category` or service.")
	isCookie := c.flags.Bool("cookie", false, "Explain a cookie by its name.")
	carried := c.flags.String("cookies", "", "Send these `cookies`, as a Cookie header has them.")
	if code, ok := c.parse(); !ok {
		return code
	}
	if len(c.args) != 1 || *file == "" {
		return c.fail("write the address, and --site with the manifest")
	}
	src, err := os.ReadFile(*file)
	if err != nil {
		return c.fail("%v", err)
	}
	p, err := policy.Parse(*file, src)
	if err != nil {
		return c.failLines("", err)
	}
	e := &explanation{site: p, now: c.Now(), allow: allow}
	for _, name := range allow {
		if p.Category(name) == nil && p.Service(name) == nil {
			return c.fail("--allow %s: the manifest has neither a category nor a service of that id", name)
		}
	}
	if *isCookie {
		e.cookie(c.args[0])
	} else if err := e.address(ctx, c.args[0], *carried); err != nil {
		return c.broke("", err)
	}
	_, err = c.Out.Write(e.out.Bytes())
	return c.written(err)
}

// An explanation is written as it is found.
type explanation struct {
	site  *policy.Site
	now   time.Time
	allow []string
	out   bytes.Buffer
}

func (e *explanation) line(format string, args ...any) {
	e.out.WriteString(policy.Visible(fmt.Sprintf(format, args...)) + "\n")
}

// at is where the manifest says something.
func (e *explanation) at(field string) string {
	p := e.site.Position(field)
	if !p.IsValid() {
		return e.site.File
	}
	return fmt.Sprintf("%s:%d", e.site.File, p.Line)
}

// address explains a page, or what is declared about an address.
func (e *explanation) address(ctx context.Context, text, cookies string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%s is no address: write it with http:// or https://, or a cookie's name with --cookie", text)
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	path := cmp.Or(u.EscapedPath(), "/")
	if declared := len(e.site.ServicesAt(host, path)) > 0 || e.site.TrustedAt(host, path) != nil; !e.site.Serves(host) && declared {
		e.host(host, path)
		return nil
	}
	if e.site.Serves(host) || host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasPrefix(host, "127.") || host == "::1" {
		return e.page(ctx, u, cookies)
	}
	e.host(host, path)
	return nil
}

// host explains an address of somebody else.
func (e *explanation) host(host, path string) {
	services := e.site.ServicesAt(host, path)
	switch trusted := e.site.TrustedAt(host, path); {
	case len(services) > 0:
		for _, s := range services {
			e.service(host, s)
		}
	case trusted != nil:
		e.line("%s: trusted, %s", host, e.at("trusted_hosts"))
	case e.site.OwnsHost(host):
		e.line("%s: the site's own", host)
	default:
		e.line("%s: nobody has declared it. Add a service, or trusted_hosts with the reason; with enforcement.seal: block, pages do not load from it", host)
	}
}

// service says what becomes of a service.
func (e *explanation) service(what string, s *policy.Service) {
	e.line("%s: %s, category %s (%s): %s", what, s.ID, s.Category.ID, e.at(s.Field), e.when(s))
}

// when says when a service is contacted.
func (e *explanation) when(s *policy.Service) string {
	switch {
	case s.Loads == policy.LoadsAlways:
		return "loads always"
	case s.Loads == policy.LoadsOnUse && len(s.Paths) > 0:
		return "loads where it is used, on " + strings.Join(s.Paths, ", ")
	case s.Loads == policy.LoadsOnUse:
		return "loads after the visitor's click"
	}
	return "loads after a yes"
}

// cookie explains a cookie.
func (e *explanation) cookie(name string) {
	t := e.site.TrackerNamed(policy.Cookie, name)
	if t == nil {
		what := map[policy.Enforced]string{policy.EnforcePass: "it passes", policy.EnforceReport: "it passes and is counted", policy.EnforceBlock: "it is taken out of requests and answers"}[e.site.Enforcement.Undeclared]
		e.line("cookie %s: the manifest does not declare it; with enforcement.undeclared: %s, %s", name, e.site.Enforcement.Undeclared, what)
		return
	}
	of := "the site's own"
	if t.Service != nil {
		of = t.Service.ID
	}
	when := "set after a yes"
	if t.Exempt() {
		when = "needs no consent"
	}
	e.line("cookie %s: %s, category %s (%s): %s, lasts %s", name, of, t.Category.ID, e.at(t.Field), when, cmp.Or(t.Lasts.String(), "as long as it is set for"))
}

// noticed keeps what the gate tells, once each.
type noticed struct {
	mu     sync.Mutex
	events map[gate.Event]bool
}

// Count keeps an event.
func (n *noticed) Count(e gate.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e.Host = strings.Clone(e.Host)
	n.events[e] = true
}

// page asks for a page through a gate that observes.
func (e *explanation) page(ctx context.Context, u *url.URL, cookies string) error {
	seen := &noticed{events: map[gate.Event]bool{}}
	key := make([]byte, consent.MinKey)
	rand.Read(key) //nolint:errcheck // it never fails
	codec, err := consent.NewCodec(e.site, key)
	if err != nil {
		return err
	}
	site := gate.Compile(e.site, gate.Parts{Codec: codec, Counter: seen, Observe: true})
	var failed error
	proxy := gate.NewProxy(gate.ProxyConfig{Upstream: &url.URL{Scheme: u.Scheme, Host: u.Host}, Header: 30 * time.Second, Transport: &http.Transport{DialContext: dialLocal, DisableCompression: true},
		Failed: func(_ http.ResponseWriter, _ *http.Request, status int) {
			failed = fmt.Errorf("%s does not answer (%s)", u, http.StatusText(status))
		}})
	g := gate.New(gate.Config{Site: func() *gate.Site { return site }, Now: func() time.Time { return e.now }}, proxy)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.RequestURI(), nil)
	if err != nil {
		return err
	}
	r.Host = u.Host
	r.Header = http.Header{"Accept": {"text/html"}, "Sec-Fetch-Dest": {"document"}, "User-Agent": {"temoin-explain"}, "Accept-Encoding": {"identity"}}
	if cookies != "" {
		r.Header.Set("Cookie", cookies)
	}
	if len(e.allow) > 0 {
		value, err := e.choice(codec)
		if err != nil {
			return err
		}
		r.Header.Add("Cookie", e.site.Choice.Cookie+"="+value)
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	if failed != nil {
		return failed
	}
	gated := bytes.Contains(w.Body.Bytes(), []byte("<temoin-notice"))
	maps.DeleteFunc(seen.events, func(event gate.Event, _ bool) bool {
		own := event.What == gate.Foreign && strings.EqualFold(event.Host, u.Hostname())
		return own || gated && event.What == gate.Neutralised && event.Host == "" // the notice's own scripts name services
	})
	e.told(u, w.Code, seen)
	if gated {
		e.line("  this page came through a gate, which has held already what it holds: ask the site behind it for the whole")
	}
	return nil
}

// dialLocal connects names under localhost to this machine, as browsers do; not every
// system knows them.
func dialLocal(ctx context.Context, network, address string) (net.Conn, error) {
	if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, ".localhost") {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	return (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, address)
}

// choice is that of somebody who allows what the command names.
func (e *explanation) choice(codec *consent.Codec) (string, error) {
	id, err := consent.NewID(e.now, rand.Reader)
	if err != nil {
		return "", err
	}
	return codec.Encode(consent.Choose(e.site, id, e.now, func(name string) bool {
		s := e.site.Service(name)
		return slices.Contains(e.allow, name) || s != nil && slices.Contains(e.allow, s.Category.ID)
	}))
}

// told writes what the gate has told.
func (e *explanation) told(u *url.URL, status int, seen *noticed) {
	who := "somebody who has not chosen"
	if len(e.allow) > 0 {
		who = "somebody who allows " + strings.Join(e.allow, ", ")
	}
	e.line("%s for %s: %d %s", u, who, status, http.StatusText(status))
	list := slices.SortedFunc(maps.Keys(seen.events), func(a, b gate.Event) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Host, b.Host))
	})
	n := 0
	for _, event := range list {
		if e.event(event) {
			n++
		}
	}
	if n == 0 {
		e.line("  nothing is stopped")
	}
}

// order puts cookies first, then what is held, then what nobody declared.
func order(e gate.Event) int {
	switch e.What {
	case gate.Neutralised:
		return 1
	case gate.Foreign, gate.Unread, gate.Cut:
		return 2
	}
	return 0
}

// acts says what the gate does about a cookie.
var acts = map[gate.What]string{
	gate.CookieRemoved:    "is kept from the site",
	gate.CookieWithheld:   "is kept from the site on this page",
	gate.CookieDropped:    "is not set",
	gate.CookieClamped:    "is set for the declared time",
	gate.CookieHardened:   "is set with the declared attributes",
	gate.CookieRepeated:   "is not set again",
	gate.CookieRenewed:    "begins its lifetime anew",
	gate.CookieUndeclared: "passes",
	gate.CookieBlocked:    "is taken out",
	gate.CookieExpired:    "is expired",
}

// event writes one line, if there is something to say.
func (e *explanation) event(event gate.Event) bool {
	switch event.What {
	case gate.Neutralised:
		var rules []string
		for id := range strings.FieldsSeq(strings.ReplaceAll(event.Services, "+", " ")) {
			if s := e.site.Service(id); s != nil {
				rules = append(rules, fmt.Sprintf("%s, category %s (%s): %s", s.ID, s.Category.ID, e.at(s.Field), e.when(s)))
			}
		}
		e.line("  %s is made inert: %s", strings.TrimSpace(event.Name+" "+event.Host), strings.Join(rules, "; "))
	case gate.Foreign:
		e.out.WriteString("  ")
		e.host(event.Host, "/")
	case gate.Unread:
		e.line("  the page cannot be read (%s) and passes as it is", event.Name)
	case gate.Cut:
		e.line("  the page does not come to its end (%s)", event.Name)
	default:
		act, ok := acts[event.What]
		if !ok {
			return false
		}
		var rule bytes.Buffer
		said := &explanation{site: e.site}
		said.cookie(event.Name)
		io.Copy(&rule, &said.out) //nolint:errcheck // from memory to memory
		text := strings.TrimSpace(rule.String())
		_, text, _ = strings.Cut(text, ": ")
		e.line("  cookie %s %s: %s", event.Name, act, text)
	}
	return true
}
