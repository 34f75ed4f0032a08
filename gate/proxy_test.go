package gate_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/temoin/temoin/gate"
)

// loopback is where the clients of these tests are.
var loopback = gate.Trusted{netip.MustParsePrefix("127.0.0.0/8")}

// A wire is a site that is not a server, but writes down what reaches it byte for byte,
// and answers each request with the same.
type wire struct {
	url *url.URL

	mu   sync.Mutex
	came bytes.Buffer
}

const short = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// newWire listens; what answers is told by the request's bytes.
func newWire(t *testing.T) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	w := &wire{url: &url.URL{Scheme: "http", Host: l.Addr().String()}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go w.answer(c)
		}
	}()
	return w
}

func (w *wire) answer(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(io.TeeReader(c, w))
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		io.Copy(io.Discard, req.Body)
		if _, err := io.WriteString(c, short); err != nil {
			return
		}
	}
}

// Write takes down what came.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.came.Write(p)
}

func (w *wire) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.came.String()
}

// proxied puts a proxy in front of a site.
func proxied(t *testing.T, c gate.ProxyConfig) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(gate.NewProxy(c))
	t.Cleanup(s.Close)
	return s
}

// raw sends bytes and returns all that comes back until the connection ends.
func raw(t *testing.T, server *httptest.Server, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(c, request)
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	return string(b)
}

// What two servers could read as one request or as two reaches the site as exactly what
// the proxy took it for, or not at all.
func TestWhatIsAmbiguousReachesTheSiteInOneReadingOrNotAtAll(t *testing.T) {
	t.Parallel()
	const secret = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(secret), secret)
	for name, c := range map[string]struct {
		headers, body string
		refused       bool
	}{
		"a length and chunks":                 {"Content-Length: 5\r\nTransfer-Encoding: chunked", chunked, false},
		"chunks and a length":                 {"Transfer-Encoding: chunked\r\nContent-Length: 5", chunked, false},
		"two lengths":                         {"Content-Length: 5\r\nContent-Length: 6", "hello!", true},
		"two lengths in one":                  {"Content-Length: 5, 6", "hello!", true},
		"the same length twice":               {"Content-Length: 5\r\nContent-Length: 5", "hello", false},
		"a length with a sign":                {"Content-Length: +5", "hello", true},
		"a length with a blank in it":         {"Content-Length: 1 0", "hello", true},
		"a negative length":                   {"Content-Length: -1", "hello", true},
		"a length in hex":                     {"Content-Length: 0x5", "hello", true},
		"another coding":                      {"Transfer-Encoding: xchunked", chunked, true},
		"two codings":                         {"Transfer-Encoding: gzip, chunked", chunked, true},
		"chunked twice":                       {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", chunked, true},
		"identity":                            {"Transfer-Encoding: identity", "", true},
		"a blank before the colon":            {"Transfer-Encoding : chunked", chunked, true},
		"a coding with a control":             {"Transfer-Encoding: \x0bchunked", chunked, true},
		"a name with a control":               {"X\x00Y: 1", "", true},
		"a value with a NUL":                  {"X-A: a\x00b", "", true},
		"a value with a carriage return":      {"X-A: a\rTransfer-Encoding: chunked", "", true},
		"a name that begins with a blank":     {" Transfer-Encoding: chunked", chunked, true},
		"two hosts":                           {"Host: b", "", true},
		"a host with a blank":                 {"Host:a b", "", true},
		"a chunk with an extension":           {"Transfer-Encoding: chunked", "5;a=b\r\nhello\r\n0\r\n\r\n", false},
		"a chunk that ends in a bare LF":      {"Transfer-Encoding: chunked", "5\nhello\n0\n\n", true},
		"an extension with a bare LF":         {"Transfer-Encoding: chunked", "5;a\nhello\r\n0\r\n\r\n", true},
		"a huge chunk":                        {"Transfer-Encoding: chunked", "fffffffffffffffff\r\nhello\r\n0\r\n\r\n", true},
		"a chunk that is longer than it says": {"Transfer-Encoding: chunked", "5\r\nhello" + secret + "\r\n0\r\n\r\n", true},
		"no header at all":                    {"", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := newWire(t)
			server := proxied(t, gate.ProxyConfig{Upstream: site.url})
			if c.headers != "" {
				c.headers += "\r\n"
			}
			answer := raw(t, server, "POST /first HTTP/1.1\r\nConnection: close\r\nHost: a\r\n"+c.headers+"\r\n"+c.body)
			got := site.text()
			if refused := !strings.HasPrefix(answer, "HTTP/1.1 200"); refused != c.refused {
				t.Errorf("answered %.60q", answer)
			}
			lines := 0 // requests as a lenient server would find them, outside of bodies that were said to be such
			if r := bufio.NewReader(strings.NewReader(got)); got != "" {
				for {
					req, err := http.ReadRequest(r)
					if err != nil {
						break
					}
					lines++
					if _, err := io.Copy(io.Discard, req.Body); err != nil {
						break
					}
					if len(req.Header["Content-Length"]) > 1 || req.ContentLength > 0 && len(req.TransferEncoding) > 0 {
						t.Errorf("the site has two lengths to choose from: %q", got)
					}
				}
			}
			if lines > 1 {
				t.Errorf("%d requests reached the site: %q", lines, got)
			}
			for _, bad := range []string{"\x00", "\x0b", ";a", "a\r\n b"} {
				if strings.Contains(got, bad) {
					t.Errorf("%q reached the site: %q", bad, got)
				}
			}
			if strings.Contains(strings.ReplaceAll(got, "\r\n", ""), "\n") || strings.Contains(strings.ReplaceAll(got, "\r\n", ""), "\r") {
				t.Errorf("a bare line end reached the site: %q", got)
			}
		})
	}
}

// Lines that go on, and ends of lines without CR, are taken for what they mean and
// written in the one way that everybody reads.
func TestOldWaysOfWritingHeadersAreWrittenAnew(t *testing.T) {
	t.Parallel()
	site := newWire(t)
	server := proxied(t, gate.ProxyConfig{Upstream: site.url})
	if got := raw(t, server, "GET / HTTP/1.1\nHost: a\nX-Folded: one\r\n two\nConnection: close\n\n"); !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Fatal(got)
	}
	if got := site.text(); !strings.Contains(got, "X-Folded: one two\r\n") {
		t.Errorf("%q", got)
	}
}

// saying records one request's header as the site gets it.
func saying(t *testing.T, c gate.ProxyConfig, request string) http.Header {
	t.Helper()
	site := newWire(t)
	path := c.Upstream
	c.Upstream = site.url
	if path != nil {
		c.Upstream = site.url.ResolveReference(path)
	}
	answer := raw(t, proxied(t, c), request)
	if !strings.HasPrefix(answer, "HTTP/1.1 200") {
		t.Fatalf("%q", answer)
	}
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(site.text())))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Request-Host", req.Host)
	req.Header.Set("Request-Uri", req.RequestURI)
	return req.Header
}

const lies = "Forwarded: for=6.6.6.6;proto=https\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\n" +
	"X-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /evil\r\nX-Real-IP: 6.6.6.6\r\nTrue-Client-Ip: 6.6.6.6\r\nX-Original-URL: /admin\r\nX-Rewrite-Url: /admin\r\nTemoin-Subject: 6.6.6.6\r\n"

func TestNobodySaysForWhomARequestIsUnlessHeIsTrusted(t *testing.T) {
	t.Parallel()
	under := strings.NewReplacer("X-Forwarded-", "X_Forwarded_", "X-Real-IP", "x_real_ip", "Temoin-Subject", "Temoin_Subject", "True-Client-Ip", "true_client-ip",
		"X-Original-URL", "X_original_URL", "X-Rewrite-Url", "X_Rewrite_url", "Forwarded:", "FORWARDED:").Replace(lies)
	for _, sent := range []string{lies, under} {
		h := saying(t, gate.ProxyConfig{}, "GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n"+sent+"\r\n")
		for name, list := range h {
			if strings.Contains(strings.Join(list, " "), "6.6.6.6") || strings.Contains(strings.Join(list, " "), "evil") || strings.Contains(strings.Join(list, " "), "admin") {
				t.Errorf("%s: %q reached the site", name, list)
			}
		}
		if h.Get("X-Forwarded-For") != "127.0.0.1" || h.Get("X-Forwarded-Host") != "shop.example" || h.Get("X-Forwarded-Proto") != "http" || h.Get("Request-Host") != "shop.example" {
			t.Errorf("said by the proxy: %v", h)
		}
	}
	// A trusted proxy is believed, and Connection takes nothing out of what it says.
	h := saying(t, gate.ProxyConfig{Trusted: loopback}, "GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close, X-Forwarded-For, X-Real-Ip, X-Forwarded-Proto\r\n"+lies+"\r\n")
	want := map[string]string{
		"X-Forwarded-For": "6.6.6.6, 127.0.0.1", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Real-Ip": "6.6.6.6", "Forwarded": "for=6.6.6.6;proto=https",
		"Temoin-Subject": "",
	}
	for name, value := range want {
		if h.Get(name) != value {
			t.Errorf("%s: %q, want %q", name, h.Get(name), value)
		}
	}
}

func TestOnlyWhatIsForTheNextServerIsTakenOutByConnection(t *testing.T) {
	t.Parallel()
	h := saying(t, gate.ProxyConfig{}, "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nConnection: close, X-Forwarded-For, Host, Keep-Alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: trailers, deflate\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n\r\n")
	if h.Get("X-Forwarded-For") != "127.0.0.1" || h.Get("Cookie") != "a=b" || h.Get("Request-Host") != "a" {
		t.Errorf("%v", h)
	}
	for _, name := range []string{"X-Mine", "Keep-Alive", "Proxy-Connection", "Upgrade", "Connection"} {
		if h.Get(name) != "" {
			t.Errorf("%s reached the site: %v", name, h)
		}
	}
	if h.Get("Te") != "trailers" {
		t.Errorf("TE: %q", h.Get("Te"))
	}
	if h := saying(t, gate.ProxyConfig{}, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n\r\n"); h.Get("Upgrade") != "" || h.Get("Connection") != "" {
		t.Errorf("another protocol was asked for: %v", h)
	}
}

func TestOnlyTheConfiguredSiteIsReached(t *testing.T) {
	t.Parallel()
	for request, want := range map[string]string{
		"GET http://evil.example/x HTTP/1.1":     "/x",
		"GET https://evil.example:99/ HTTP/1.1":  "/",
		"GET //evil.example/x HTTP/1.1":          "//evil.example/x",
		"GET /http://evil.example/ HTTP/1.1":     "/http://evil.example/",
		"GET /@evil.example/ HTTP/1.1":           "/@evil.example/",
		"GET /a?x=http://evil.example; HTTP/1.1": "/a?x=http://evil.example;",
		"GET /%2e%2e/%2Fa%5cb HTTP/1.1":          "/%2e%2e/%2Fa%5cb",
	} {
		if h := saying(t, gate.ProxyConfig{}, request+"\r\nHost: a\r\nConnection: close\r\n\r\n"); h.Get("Request-Uri") != want {
			t.Errorf("%s: the site got %s, want %s", request, h.Get("Request-Uri"), want)
		}
	}
	site := newWire(t)
	server := proxied(t, gate.ProxyConfig{Upstream: site.url})
	if got := raw(t, server, "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 405") || site.text() != "" {
		t.Errorf("CONNECT: %q, %q", got, site.text())
	}
}

func TestASiteInAFolderIsNotLeftByDots(t *testing.T) {
	t.Parallel()
	folder := &url.URL{Path: "/app"}
	for path, want := range map[string]string{"/": "/app/", "/a..b/c": "/app/a..b/c", "/..a": "/app/..a", "/a?x=/../": "/app/a?x=/../"} {
		if h := saying(t, gate.ProxyConfig{Upstream: folder}, "GET "+path+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); h.Get("Request-Uri") != want {
			t.Errorf("%s: %s, want %s", path, h.Get("Request-Uri"), want)
		}
	}
	site := newWire(t)
	server := proxied(t, gate.ProxyConfig{Upstream: site.url.ResolveReference(folder)})
	for _, path := range []string{"/../admin", "/%2e%2e/admin", "/a/..%2f..%2fadmin", `/..\admin`, "/..%5cadmin", "/..;x/admin", "/a/../../admin", "/.%2E"} {
		if got := raw(t, server, "GET "+path+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 404") {
			t.Errorf("%s: %.40q", path, got)
		}
	}
	if site.text() != "" {
		t.Errorf("reached: %q", site.text())
	}
}

// silent is a site that takes requests and says nothing.
func silent(t *testing.T) *url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) // what was accepted by the system is never read
	return &url.URL{Scheme: "http", Host: l.Addr().String()}
}

// nobody is an address at which nobody listens.
func nobody(t *testing.T) *url.URL {
	t.Helper()
	u := silent(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.Host = l.Addr().String()
	l.Close()
	return u
}

func TestASiteThatIsDownIs502AndOneThatIsSlowIs504(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]gate.ProxyConfig{
		"HTTP/1.1 502 ": {Upstream: nobody(t)},
		"HTTP/1.1 504 ": {Upstream: silent(t), Header: 20 * time.Millisecond},
	} {
		if got := raw(t, proxied(t, c), "GET /?visitor=secret HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %s", got, want)
		}
	}
}

// What a site says is cut off is not passed on as whole, however it was to be passed on.
func TestAnAnswerThatBreaksOffBreaksOff(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"with a length": "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\npart",
		"in chunks":     "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			http.ReadRequest(bufio.NewReader(c))
			io.WriteString(c, answer)
			c.Close()
		}()
		res, err := http.Get(proxied(t, gate.ProxyConfig{Upstream: &url.URL{Scheme: "http", Host: l.Addr().String()}}).URL)
		if err != nil {
			continue // it broke off before anything was passed on
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err == nil {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

func TestAClientsFaultIsNotTheSites(t *testing.T) {
	t.Parallel()
	reads := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			panic(http.ErrAbortHandler)
		}
	})
	for name, c := range map[string]struct {
		config  gate.ProxyConfig
		request string
		cut     bool // the client sends no more
		want    string
	}{
		"a body that is said to be too large": {gate.ProxyConfig{Body: 10}, "Content-Length: 11\r\n\r\nhello hello", false, "413"},
		"a body that is too large":            {gate.ProxyConfig{Body: 10}, "Transfer-Encoding: chunked\r\n\r\nb\r\nhello hello\r\n0\r\n\r\n", false, "413"},
		"a body that is as large as allowed":  {gate.ProxyConfig{Body: 11}, "Transfer-Encoding: chunked\r\n\r\nb\r\nhello hello\r\n0\r\n\r\n", false, "200"},
		"a body that is cut":                  {gate.ProxyConfig{}, "Content-Length: 10\r\n\r\nhello", true, "400"},
		"chunks that are none":                {gate.ProxyConfig{}, "Transfer-Encoding: chunked\r\n\r\nzz\r\n", true, "400"},
		"a body that does not come":           {gate.ProxyConfig{Slow: 30 * time.Millisecond}, "Content-Length: 10\r\n\r\nhello", false, "408"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := httptest.NewServer(reads)
			t.Cleanup(site.Close)
			c.config.Upstream, _ = url.Parse(site.URL)
			c.config.Failed = func(w http.ResponseWriter, _ *http.Request, status int) {
				t.Errorf("it is said that the site fails: %d", status)
				w.WriteHeader(status)
			}
			server := proxied(t, c.config)
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"+c.request)
			if c.cut {
				conn.(*net.TCPConn).CloseWrite()
			}
			line, _ := bufio.NewReader(conn).ReadString('\n')
			if !strings.HasPrefix(line, "HTTP/1.1 "+c.want) {
				t.Errorf("%q, want %s", line, c.want)
			}
		})
	}
}

// A site may take its time with a body that has come: that is not the client's slowness.
func TestASiteThatReadsSlowlyGetsAllOfABody(t *testing.T) {
	t.Parallel()
	const size = 8 << 20
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first := make([]byte, 1)
		io.ReadFull(r.Body, first)
		<-time.After(150 * time.Millisecond) // longer than the client may be silent
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n+1, err)
	}))
	t.Cleanup(site.Close)
	u, _ := url.Parse(site.URL)
	server := proxied(t, gate.ProxyConfig{Upstream: u, Slow: 50 * time.Millisecond})
	res, err := http.Post(server.URL, "application/octet-stream", bytes.NewReader(make([]byte, size)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); string(b) != fmt.Sprint(size, " <nil>") && string(b) != fmt.Sprint(int64(size), nil) {
		t.Errorf("%d: %s", res.StatusCode, b)
	}
}

func TestABodyIsNotSentBeforeTheSiteWantsIt(t *testing.T) {
	t.Parallel()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		b, _ := io.ReadAll(r.Body)
		w.Write(b)
	}))
	t.Cleanup(site.Close)
	u, _ := url.Parse(site.URL)
	server := proxied(t, gate.ProxyConfig{Upstream: u})
	for path, want := range map[string][]string{"/yes": {"HTTP/1.1 100 Continue", "", "HTTP/1.1 200 OK"}, "/no": {"HTTP/1.1 403 Forbidden"}} {
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", path)
		r := bufio.NewReader(c)
		for i, line := range want {
			got, err := r.ReadString('\n')
			if err != nil || strings.TrimSpace(got) != line {
				t.Errorf("%s: line %d is %q, want %q, %v", path, i, got, line, err)
			}
			if i == 0 && path == "/yes" {
				io.WriteString(c, "hello")
			}
		}
	}
}

func TestTrailersAndEarlyHintsPassTheProxy(t *testing.T) {
	t.Parallel()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Link", "</a.css>; rel=preload; as=style")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Trailer", "X-Sum")
		w.Header().Set("X-Sums", fmt.Sprint(len(r.Trailer), " ", len(r.Header["Trailer"])))
		io.WriteString(w, "body")
		w.Header().Set("X-Sum", "4")
		w.Header().Set(http.TrailerPrefix+"X-Late", "5")
	}))
	t.Cleanup(site.Close)
	u, _ := url.Parse(site.URL)
	server := proxied(t, gate.ProxyConfig{Upstream: u})
	got := raw(t, server, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTE: trailers\r\nTrailer: X-Sent, Cookie\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sent: 1\r\nCookie: a=b\r\n\r\n")
	for _, want := range []string{"HTTP/1.1 103 Early Hints\r\nLink: </a.css>", "\r\n0\r\nX-Late: 5\r\nX-Sum: 4\r\n", "X-Sums: 0 0\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing from %q", want, got)
		}
	}
}

func TestAWebSocketCarriesBothWaysAndEndsWithEitherSide(t *testing.T) {
	t.Parallel()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSet-Cookie: _count=1\r\nSet-Cookie: session=1\r\n\r\nhello ")
		for {
			line, err := rw.ReadString('\n')
			if err != nil {
				return
			}
			io.WriteString(c, strings.ToUpper(line))
		}
	}))
	t.Cleanup(site.Close)
	u, _ := url.Parse(site.URL)
	gated := open(t, gate.NewProxy(gate.ProxyConfig{Upstream: u}))
	for name, front := range map[string]*httptest.Server{"the proxy": proxied(t, gate.ProxyConfig{Upstream: u}), "the gate": httptest.NewServer(gated.gate)} {
		t.Cleanup(front.Close)
		c, err := net.Dial("tcp", front.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(20 * time.Second))
		io.WriteString(c, "GET /ws HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nCookie: _count=9\r\n\r\n")
		r := bufio.NewReader(c)
		res, err := http.ReadResponse(r, nil)
		if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%s: %v %v", name, res, err)
		}
		if cookies := strings.Join(res.Header["Set-Cookie"], " "); name == "the gate" && strings.Contains(cookies, "_count=1") || !strings.Contains(cookies, "session=1") {
			t.Errorf("%s: cookies with the switch: %q", name, cookies)
		}
		io.WriteString(c, "twice\n")
		if got, err := r.ReadString('\n'); got != "hello TWICE\n" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		c.Close()
	}
}

func TestEventsArriveWhenTheyAreSent(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
			select {
			case <-next: // the client has it
			case <-r.Context().Done():
				return
			}
		}
	}))
	t.Cleanup(site.Close)
	u, _ := url.Parse(site.URL)
	front := httptest.NewServer(open(t, gate.NewProxy(gate.ProxyConfig{Upstream: u})).gate)
	t.Cleanup(front.Close)
	res, err := http.Get(front.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	r := bufio.NewReader(res.Body)
	for i := range 3 {
		line, err := r.ReadString('\n')
		if err != nil || line != fmt.Sprintf("data: %d\n", i) {
			t.Fatalf("%q, %v", line, err)
		}
		r.ReadString('\n')
		next <- struct{}{}
	}
}

// heapDuring returns by how much memory grows while something is done.
func heapDuring(do func(sample func())) uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, uint64(0)
	do(func() {
		runtime.GC()
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
	})
	if most < before {
		return 0
	}
	return most - before
}

// sampled reads zeros, or takes anything, and looks at memory on the way.
type sampled struct {
	left, every, next int64
	sample            func()
}

func (s *sampled) Read(p []byte) (int, error) {
	if s.left <= 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), s.left)
	clear(p[:n])
	s.pass(n)
	return int(n), nil
}

func (s *sampled) Write(p []byte) (int, error) {
	s.pass(int64(len(p)))
	return len(p), nil
}

func (s *sampled) pass(n int64) {
	s.left -= n
	if s.next -= n; s.next <= 0 {
		s.next = s.every
		s.sample()
	}
}

func TestLargeBodiesPassInLittleMemory(t *testing.T) {
	const size = 100 << 20
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			n, _ := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		io.Copy(w, &sampled{left: size, every: size, sample: func() {}})
	}))
	t.Cleanup(site.Close)
	u, _ := url.Parse(site.URL)
	front := httptest.NewServer(open(t, gate.NewProxy(gate.ProxyConfig{Upstream: u})).gate)
	t.Cleanup(front.Close)
	up := heapDuring(func(sample func()) {
		res, err := http.Post(front.URL, "application/octet-stream", &sampled{left: size, every: size / 8, sample: sample})
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if b, _ := io.ReadAll(res.Body); string(b) != fmt.Sprint(size) {
			t.Errorf("the site got %s", b)
		}
	})
	down := heapDuring(func(sample func()) {
		res, err := http.Get(front.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if n, err := io.Copy(&sampled{left: size, every: size / 8, sample: sample}, res.Body); n != size || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
	t.Logf("100 MB up: %d kB, down: %d kB", up>>10, down>>10)
	if up > 8<<20 || down > 8<<20 {
		t.Errorf("memory grew by %d kB up, %d kB down", up>>10, down>>10)
	}
}

func TestWhoHasGoneAwayIsAnsweredNothing(t *testing.T) {
	t.Parallel()
	came := make(chan struct{})
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(came)
		<-r.Context().Done()
	}))
	t.Cleanup(site.Close)
	u, _ := url.Parse(site.URL)
	ended := make(chan any, 1)
	proxy := gate.NewProxy(gate.ProxyConfig{Upstream: u, Failed: func(http.ResponseWriter, *http.Request, int) { t.Error("it is said that the site fails") }})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			ended <- p
			panic(p)
		}()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	c, err := net.Dial("tcp", front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-came
	c.Close()
	if p := <-ended; p != http.ErrAbortHandler {
		t.Errorf("%v", p)
	}
}

func TestTheClientIsWhoTheLastTrustedProxySays(t *testing.T) {
	t.Parallel()
	trusted := gate.Trusted{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		peer string
		said []string
		want string
	}{
		{"9.9.9.9:1", []string{"6.6.6.6"}, "9.9.9.9"},
		{"10.0.0.1:1", []string{"6.6.6.6"}, "6.6.6.6"},
		{"10.0.0.1:1", []string{"1.1.1.1, 6.6.6.6, 10.2.2.2"}, "6.6.6.6"},
		{"10.0.0.1:1", []string{"1.1.1.1", "6.6.6.6"}, "6.6.6.6"},
		{"10.0.0.1:1", []string{"6.6.6.6:4711"}, "6.6.6.6"},
		{"10.0.0.1:1", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"10.0.0.1:1", []string{"6.6.6.6, unknown"}, "10.0.0.1"},
		{"10.0.0.1:1", nil, "10.0.0.1"},
		{"10.0.0.1:1", []string{"10.3.3.3"}, "10.3.3.3"},
		{"[::ffff:10.0.0.1]:1", []string{"6.6.6.6"}, "6.6.6.6"},
		{"[fd00::1]:1", []string{"2001:db8::2"}, "2001:db8::2"},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.said}}
		if got := trusted.Client(r); got.String() != c.want {
			t.Errorf("%v: %s, want %s", c, got, c.want)
		}
	}
}

func TestAClientMayAskSoOftenAndOthersAreNotCounted(t *testing.T) {
	t.Parallel()
	l := &gate.Limit{Rate: 1, Burst: 3}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	allowed := func(address string, times int, at time.Time) (n int) {
		for range times {
			if l.Allow(netip.MustParseAddr(address), at) {
				n++
			}
		}
		return n
	}
	got := []int{
		allowed("192.0.2.1", 10, now), allowed("192.0.2.2", 10, now), allowed("192.0.2.1", 10, now.Add(2*time.Second)),
		allowed("2001:db8::1", 10, now), allowed("2001:db8::ffff:1", 10, now), allowed("2001:db8:0:1::1", 10, now), // the second one is of the same network
	}
	if want := []int{3, 3, 2, 3, 0, 3}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	var none *gate.Limit
	if !none.Allow(netip.MustParseAddr("192.0.2.1"), now) || !(&gate.Limit{}).Allow(netip.MustParseAddr("192.0.2.1"), now) {
		t.Error("no limit is one")
	}
	// Whoever comes from many addresses takes no more memory than so much, and does not
	// free a client that has just come.
	for i := range 1 << 12 {
		allowed(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String(), 1, now)
	}
	if n := allowed("192.0.2.2", 10, now); n != 0 {
		t.Errorf("%d more", n)
	}
}
