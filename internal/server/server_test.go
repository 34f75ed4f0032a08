package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/internal/app"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const manifest = `temoin: 1
site: shop
name: Shop
url: https://shop.example
hosts: [www.shop.example]
languages: [en, fr]
policy: {version: "1.0"}
categories:
  needed: {exempt: true}
  stats: {needs: consent, purpose: {en: Counting.}}
trackers:
  - {name: session, category: needed, reason: authentication, lasts: session, purpose: {en: Keeps you signed in.}}
services:
  - {id: counter, name: Counter, category: stats, hosts: [counter.example], trackers: [{name: _count, lasts: 1 month, purpose: {en: Counts.}}]}
`

// wider asks about one more service.
var wider = strings.Replace(manifest, `version: "1.0"`, `version: "2.0"`, 1) +
	"  - {id: maps, name: Maps, category: stats, hosts: [maps.example]}\n"

const small = `<!doctype html><html lang="en"><head><title>Shop</title><script src="https://counter.example/c.js"></script></head><body><p>Text</p></body></html>`

// page is a site with one page.
var page = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	http.SetCookie(w, &http.Cookie{Name: "_count", Value: "1", MaxAge: 3600})
	http.SetCookie(w, &http.Cookie{Name: "session", Value: "s"})
	io.WriteString(w, small)
})

// A clock lets tests say when something that waits goes on: each sleep of a duration ends
// when it is asked for.
type clock struct {
	mu    sync.Mutex
	waits map[time.Duration]chan struct{}
}

func (c *clock) of(d time.Duration) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waits[d] == nil {
		c.waits[d] = make(chan struct{})
	}
	return c.waits[d]
}

// held are the sleeps that a clock holds; all others are real.
func (c *clock) sleep(held ...time.Duration) func(context.Context, time.Duration) error {
	return func(ctx context.Context, d time.Duration) error {
		if !slices.Contains(held, d) {
			return register.Sleep(ctx, d)
		}
		select {
		case <-c.of(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// end ends the next sleep of a duration. When it returns the one before is over.
func (c *clock) end(d time.Duration) { c.of(d) <- struct{}{} }

// lines is a log that tests look at.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// watchEvery is how often tests with a clock look at files.
const watchEvery = 2*time.Second + 1

// A rig is a server in a test.
type rig struct {
	*Server
	t        *testing.T
	file     string
	log      *lines
	summary  *lines
	access   *lines
	clock    *clock
	stop     context.CancelFunc
	ended    chan error
	once     sync.Once
	finished error
}

// start serves a site; change changes what it is served by.
func start(t *testing.T, site http.Handler, change func(c *Config)) *rig {
	t.Helper()
	upstream := httptest.NewServer(site)
	t.Cleanup(upstream.Close)
	u, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	return startAt(t, u, change)
}

func startAt(t *testing.T, upstream *url.URL, change func(c *Config)) *rig {
	t.Helper()
	r := &rig{t: t, file: write(t, "shop.yaml", manifest), log: &lines{}, summary: &lines{}, access: &lines{}, clock: &clock{waits: map[time.Duration]chan struct{}{}}, ended: make(chan error, 1)}
	dir := t.TempDir()
	c := Config{
		Node: app.Config{Store: filepath.Join(dir, "store"), Keys: filepath.Join(dir, "keys"), Code: "test",
			Log: slog.New(slog.NewTextHandler(r.log, nil)), Sleep: r.clock.sleep(watchEvery, firstHour)},
		Sites:  []Site{{File: r.file, Upstream: upstream}},
		Listen: "127.0.0.1:0", Operate: "127.0.0.1:0",
		Rate: 10_000, Watch: watchEvery, Access: r.access, Summary: r.summary,
	}
	if change != nil {
		change(&c)
	}
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	r.Server = s
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() { r.ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		if err := r.end(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// end ends the server and returns how it ended.
func (r *rig) end() error {
	r.once.Do(func() {
		r.stop()
		r.finished = <-r.ended
	})
	return r.finished
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// change writes the manifest anew.
func (r *rig) change(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// dial opens a connection to the sites.
func (r *rig) dial() net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.Address().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// raw sends bytes and returns what comes until the connection ends.
func (r *rig) raw(request string) string {
	r.t.Helper()
	c := r.dial()
	defer c.Close()
	io.WriteString(c, request)
	b, err := io.ReadAll(c)
	if err != nil {
		r.t.Fatalf("%q: %v", request, err)
	}
	return string(b)
}

// client follows nothing, keeps nothing, and reaches one listener whatever the address.
func client(address net.Addr, secure *tls.Config) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{TLSClientConfig: secure, ForceAttemptHTTP2: secure != nil, DisableKeepAlives: secure == nil,
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, address.String())
			}},
	}
}

// do sends a request with headers as "Name: value".
func (r *rig) do(method, address, body string, headers ...string) (*http.Response, string) {
	r.t.Helper()
	return send(r.t, client(r.Address(), nil), method, address, body, headers...)
}

func send(t *testing.T, c *http.Client, method, address, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

// operate asks the operations.
func (r *rig) operate(path string) (int, string) {
	r.t.Helper()
	res, body := send(r.t, client(r.fronts[len(r.fronts)-1].listener.Addr(), nil), http.MethodGet, "http://127.0.0.1"+path, "")
	return res.StatusCode, body
}

var hashInPage = regexp.MustCompile(`name="notice" value="([0-9a-f]{64})"`)

// notice returns the hash of the notice that a page asks by.
func (r *rig) notice() string {
	r.t.Helper()
	_, body := r.do(http.MethodGet, "http://shop.example/", "", "Sec-Fetch-Dest: document", "Accept: text/html")
	m := hashInPage.FindStringSubmatch(body)
	if m == nil {
		r.t.Fatalf("there is no notice in %s", body)
	}
	return m[1]
}

// choose sends a choice and returns the answer's status and the record's id.
func (r *rig) choose(action, notice string) (status int, id string, cookie string) {
	r.t.Helper()
	res, body := r.do(http.MethodPost, "http://shop.example/.temoin/choice", fmt.Sprintf(`{"action":%q,"lang":"en","notice":%q}`, action, notice), "Content-Type: application/json")
	var kept struct{ ID string }
	json.Unmarshal([]byte(body), &kept)
	cookie, _, _ = strings.Cut(res.Header.Get("Set-Cookie"), ";")
	return res.StatusCode, kept.ID, cookie
}

func TestASiteIsServedBehindItsGate(t *testing.T) {
	t.Parallel()
	r := start(t, page, nil)
	res, body := r.do(http.MethodGet, "http://shop.example/", "", "Sec-Fetch-Dest: document")
	if res.StatusCode != http.StatusOK || !strings.Contains(body, "<temoin-notice") || strings.Contains(body, ` src="https://counter.example`) {
		t.Errorf("%s %s", res.Status, body)
	}
	if set := strings.Join(res.Header["Set-Cookie"], " "); strings.Contains(set, "_count=1") || !strings.Contains(set, "session=s") {
		t.Errorf("cookies: %s", set)
	}
	status, id, cookie := r.choose("accept", r.notice())
	if status != http.StatusOK || id == "" {
		t.Fatalf("the choice: %d", status)
	}
	res, body = r.do(http.MethodGet, "http://shop.example/", "", "Sec-Fetch-Dest: document", "Cookie: "+cookie)
	if !strings.Contains(body, ` src="https://counter.example`) || !strings.Contains(strings.Join(res.Header["Set-Cookie"], " "), "_count=1") {
		t.Errorf("after everything was accepted: %v %s", res.Header, body)
	}
}

func TestEachSiteIsServedByItsHostAndOtherHostsAreRefused(t *testing.T) {
	t.Parallel()
	second := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "the club at "+r.Host) }))
	t.Cleanup(second.Close)
	u, _ := url.Parse(second.URL)
	two := strings.NewReplacer("site: shop", "site: club", "shop.example", "club.example").Replace(manifest)
	first := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "the shop at "+r.Host) })
	r := start(t, first, func(c *Config) {
		c.Sites = append(c.Sites, Site{File: write(t, "club.yaml", two), Upstream: u})
	})
	for host, want := range map[string]string{
		"shop.example": "the shop", "www.shop.example": "the shop", "SHOP.Example": "the shop", "shop.example.": "the shop", "shop.example:8080": "the shop", "shop.localhost:8080": "the shop",
		"club.example": "the club", "www.club.example": "the club", "club.localhost": "the club",
		"evil.example": "421", "shop.example.evil.example": "421", "localhost": "421", "127.0.0.1": "421", "": "421", "sub.shop.example": "421",
		"shop.example:80@evil.example": "421", "shop.example:x": "421", "shop.example:": "421", "shop.example:999999": "421", "evil.example#.shop.example": "421", "shop.example/x": "421",
		"shop.example x": "421", "[::1]": "421", "shop.example\\": "421",
	} {
		got := r.raw("GET / HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n")
		switch {
		case strings.HasPrefix(want, "the") && !strings.HasSuffix(got, want+" at "+host), !strings.HasPrefix(want, "the") && !strings.HasPrefix(got, "HTTP/1.1 "+want) && !strings.HasPrefix(got, "HTTP/1.1 400"):
			t.Errorf("%q: %q, want %s", host, got, want)
		}
	}
	if got := r.raw("GET / HTTP/1.0\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.0 421") {
		t.Errorf("no host: %q", got)
	}
}

func TestASiteThatIsServedAloneAnswersForThisMachineToo(t *testing.T) {
	t.Parallel()
	r := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "the shop") }), nil)
	for host, ok := range map[string]bool{"localhost:1": true, "any.localhost": true, "127.0.0.1:1": true, "[::1]:1": true, "[::1]": true, "192.0.2.1": true, "evil.example": false, "localhost.evil.example": false} {
		if got := r.raw("GET / HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"); strings.HasSuffix(got, "the shop") != ok {
			t.Errorf("%s: %q", host, got)
		}
	}
}

func TestTwoManifestsOfOneSiteOrHostAreRefused(t *testing.T) {
	t.Parallel()
	u := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	for name, c := range map[string]struct{ second, want string }{
		"one site": {manifest, "are both of the site shop"},
		"one host": {strings.Replace(manifest, "site: shop", "site: other", 1), "the host shop.example, as shop does"},
	} {
		_, err := Open(t.Context(), Config{Listen: "127.0.0.1:0", Node: app.Config{Store: filepath.Join(t.TempDir(), "s")},
			Sites: []Site{{File: write(t, "a.yaml", manifest), Upstream: u}, {File: write(t, "b.yaml", c.second), Upstream: u}}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASiteThatWouldBeThisServerItselfIsRefused(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	for _, listen := range []string{"127.0.0.1:" + port, "0.0.0.0:" + port, ":" + port} {
		for host, itself := range map[string]bool{"127.0.0.1": true, "localhost": true, "shop.localhost": true, "192.0.2.9": false, "site.example": false} {
			_, err := Open(t.Context(), Config{Listen: listen, Node: app.Config{Store: "/dev/null/none"}, Sites: []Site{{File: write(t, "a.yaml", manifest), Upstream: &url.URL{Scheme: "http", Host: host + ":" + port}}}})
			if err == nil || strings.Contains(err.Error(), "where this server itself listens") != itself {
				t.Errorf("%s at %s: %v", host, listen, err)
			}
		}
	}
}

// What is asked for in ways that are no page's reaches no site.
func TestThisIsNoProxyToOthers(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var came []string
	r := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		came = append(came, r.Method+" "+r.Host+r.RequestURI)
	}), nil)
	for request, want := range map[string]string{
		"GET http://evil.example/ HTTP/1.1\r\nHost: shop.example":              "421",
		"GET http://shop.example/a HTTP/1.1\r\nHost: evil.example":             "200",
		"GET http://shop.example HTTP/1.1\r\nHost: shop.example":               "200",
		"GET http://shop.example@evil.example/ HTTP/1.1\r\nHost: shop.example": "421",
		"CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example:443":          "405",
		"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443":          "421",
		"CONNECT /x HTTP/1.1\r\nHost: shop.example":                            "405",
		"TRACE / HTTP/1.1\r\nHost: shop.example":                               "405",
		"GET * HTTP/1.1\r\nHost: shop.example":                                 "400",
		"GET file:///etc/passwd HTTP/1.1\r\nHost: shop.example":                "",
		"GET a:b HTTP/1.1\r\nHost: shop.example":                               "400",
		"GET a HTTP/1.1\r\nHost: shop.example":                                 "400",
		"OPTIONS * HTTP/1.1\r\nHost: shop.example":                             "200",
	} {
		if got := r.raw(request + "\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 "+want) {
			t.Errorf("%q: %.60q, want %s", request, got, want)
		}
	}
	slices.Sort(came)
	want := []string{"GET shop.example/", "GET shop.example/a"}
	came = slices.DeleteFunc(came, func(s string) bool {
		return strings.Contains(s, "/etc/passwd") && strings.HasPrefix(s, "GET shop.example/")
	}) // a page of the site's of this name
	if !slices.Equal(came, want) {
		t.Errorf("reached the site: %q, want %q", came, want)
	}
}

// Whatever way a path below the prefix is written, the site does not get it, and what
// answers is either ours or nothing.
func TestPathsThatCouldBeOursNeverReachTheSite(t *testing.T) {
	t.Parallel()
	r := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "THE SITE "+r.RequestURI) }), nil)
	for path, site := range map[string]bool{
		"/.temoin/policy": false, "/.temoin": false, "/.temoin/": false, "/.temoin//policy": false, "/.temoin/../.temoin/policy": false,
		"/%2etemoin/policy": false, "/.temoin%2fpolicy": false, "/%2e%74emoin/policy": false, "/./.temoin/policy": false, "/a/../.temoin/policy": false,
		"//.temoin/policy": false, "/.temoin/..%2f": false, "/a/%2e%2e/.temoin/choice": false, "/.temoin/..": false,
		"/.temoinx": true, "/a/.temoin": true, "/": true, "/a?x=/.temoin/": true, "/a/../b": true, "/%41": true,
	} {
		got := r.raw("GET " + path + " HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
		if strings.Contains(got, "THE SITE") != site {
			t.Errorf("%s: %.200q", path, got)
		}
		if site && !strings.HasSuffix(got, "THE SITE "+path) {
			t.Errorf("%s reached the site otherwise: %.200q", path, got)
		}
	}
}

func TestOnlySoMuchIsTakenFromAClient(t *testing.T) {
	t.Parallel()
	r := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }), func(c *Config) {
		c.Body, c.Slow = 100, 30*time.Millisecond
	})
	head := "POST / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n"
	for name, c := range map[string]struct{ request, want string }{
		"a header that is too large": {"GET / HTTP/1.1\r\nHost: shop.example\r\nX-Large: " + strings.Repeat("x", 80<<10) + "\r\n\r\n", "431"},
		"an address that is":         {"GET /" + strings.Repeat("x", 80<<10) + " HTTP/1.1\r\nHost: shop.example\r\n\r\n", "431"},
		"a body that is too large":   {head + "Content-Length: 101\r\n\r\n" + strings.Repeat("x", 101), "413"},
		"one that says no length":    {head + "Transfer-Encoding: chunked\r\n\r\n80\r\n" + strings.Repeat("x", 128) + "\r\n0\r\n\r\n", "413"},
		"a body that does not come":  {head + "Content-Length: 10\r\n\r\nx", "408"},
		"a choice that is too large": {"POST /.temoin/choice HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 20000\r\n\r\n", "413"},
	} {
		conn := r.dial()
		io.WriteString(conn, c.request)
		line, _ := bufio.NewReader(conn).ReadString('\n')
		if !strings.HasPrefix(line, "HTTP/1.1 "+c.want) {
			t.Errorf("%s: %q, want %s", name, line, c.want)
		}
	}
}

// A client that takes nothing of an answer does not keep the site busy for ever.
func TestAClientThatTakesNothingIsLeft(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		left := make(chan error, 1)
		site := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(w, endless{r.Context()})
			left <- err
		})
		var roots *tls.Config
		r := start(t, site, func(c *Config) {
			c.Slow = 50 * time.Millisecond
			if secure {
				pair := newPair(t, "shop.example")
				c.TLS, roots = pair.tls(), pair.trusted()
			}
		})
		if secure {
			res, err := client(r.Address(), roots).Get("https://shop.example/") // one of HTTP/2, whose body is not read
			if err != nil {
				t.Fatal(err)
			}
			if res.ProtoMajor != 2 {
				t.Errorf("%s", res.Proto)
			}
			defer res.Body.Close()
		} else {
			io.WriteString(r.dial(), "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
		}
		select {
		case err := <-left:
			if err == nil {
				t.Error("the site could write all of it")
			}
		case <-time.After(20 * time.Second):
			t.Errorf("the site still writes; TLS: %v", secure)
		}
	}
}

// endless is what never ends unless nobody wants it.
type endless struct{ context.Context }

func (e endless) Read(p []byte) (int, error) { return len(p), e.Err() }

func TestBelowThePrefixAClientMayAskSoOften(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	r := start(t, page, func(c *Config) {
		c.Rate, c.Trusted = .5, gate.Trusted{netip.MustParsePrefix("127.0.0.1/32")}
		c.Node.Now = func() time.Time { return now }
	})
	counts := func(who string) (n int) {
		for range 8 {
			if res, _ := r.do(http.MethodGet, "http://shop.example/.temoin/policy", "", "X-Forwarded-For: "+who); res.StatusCode == http.StatusOK {
				n++
			} else if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
				t.Errorf("%s", res.Status)
			}
		}
		return n
	}
	if a, b := counts("192.0.2.1"), counts("192.0.2.2"); a != 5 || b != 5 {
		t.Errorf("%d and %d", a, b)
	}
	if res, _ := r.do(http.MethodGet, "http://shop.example/", "", "X-Forwarded-For: 192.0.2.1"); res.StatusCode != http.StatusOK {
		t.Errorf("a page: %s", res.Status)
	}
}
