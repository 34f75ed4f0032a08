package standin_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/internal/browsertest"
	"github.com/temoin/temoin/internal/standin"
)

func TestMain(m *testing.M) {
	browsertest.Trust(standin.Key())
	os.Exit(m.Run())
}

func start(t *testing.T) *standin.Server {
	t.Helper()
	s, err := standin.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// soon is a context that ends where something does not come.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// clients are the two ways to a stand-in, both trusting nothing but its authority.
func clients(s *standin.Server) map[string]*http.Client {
	trust := &tls.Config{RootCAs: standin.Roots()}
	return map[string]*http.Client{
		"direct": {Transport: &http.Transport{TLSClientConfig: trust, DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", s.Address())
		}}},
		"proxy": {Transport: &http.Transport{TLSClientConfig: trust, DisableKeepAlives: true, Proxy: func(*http.Request) (*url.URL, error) {
			return &url.URL{Scheme: "http", Host: s.Address()}, nil
		}}},
	}
}

func get(t *testing.T, c *http.Client, address string) (int, string, http.Header) {
	t.Helper()
	r, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body), r.Header
}

func TestThirdPartiesAreAnsweredDirectlyAndByProxy(t *testing.T) {
	s := start(t)
	for name, c := range clients(s) {
		for address, want := range map[string]string{
			"https://www.googletagmanager.com/gtag/js?id=G-1":                           "window.dataLayer",
			"https://static.hotjar.com/c/hotjar-7.js?sv=6":                              "script.hotjar.com",
			"https://js.stripe.com/v3/":                                                 "window.Stripe",
			"https://js.stripe.com/v3/m-outer-aa.html":                                  "m.stripe.network",
			"https://js.stripe.com/v3/elements-inner-card-aa.html":                      "Card number",
			"https://m.stripe.network/inner.html":                                       "m.stripe.com/6",
			"https://widget.intercom.io/widget/abc":                                     "js.intercomcdn.com",
			"https://lessons.daily.co/maths-1":                                          "Lesson room",
			"https://fonts.googleapis.com/css2?family=Open+Sans:wght@400;700&family=Mb": "'Open Sans'",
		} {
			status, body, header := get(t, c, address)
			if status != http.StatusOK || !strings.Contains(body, want) {
				t.Errorf("%s: %s is answered with %d, without %q", name, address, status, want)
			}
			if header.Get("Cache-Control") != "no-store" || header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: %s: headers %v", name, address, header)
			}
		}
		if got := len(s.Take()); got != 9 {
			t.Errorf("%s: %d requests are recorded, not 9", name, got)
		}
	}
}

func TestOtherHostsAndPlainRequestsAreRecordedAndAnsweredNowhere(t *testing.T) {
	s := start(t)
	for name, c := range clients(s) {
		for address, want := range map[string]string{
			"https://unpkg.com/x.js?v=1":            "unpkg.com/x.js?v=1",
			"http://js.stripe.com/v3/":              "js.stripe.com/v3/",
			"http://127.0.0.2:9/secret":             "127.0.0.2/secret",
			"https://deep.spy.example/p":            "deep.spy.example/p",
			"https://daily.co.spy.example/room":     "daily.co.spy.example/room",
			"https://evil-www.googletagmanager.com": "evil-www.googletagmanager.com/",
		} {
			status, _, _ := get(t, c, address)
			asked := s.Take()
			if status != http.StatusBadGateway || len(asked) != 1 || !asked[0].Unknown || asked[0].String() != want {
				t.Errorf("%s: %s is answered with %d and recorded as %+v", name, address, status, asked)
			}
		}
		if status, _, _ := get(t, c, "https://js.stripe.com/other"); status != http.StatusNotFound {
			t.Errorf("%s: an address that a known host does not have: %d", name, status)
		}
		if asked := s.Take(); len(asked) != 1 || asked[0].Unknown {
			t.Errorf("%s: a known host is recorded as %+v", name, asked)
		}
	}
}

func TestATunnelLeadsNowhereElse(t *testing.T) {
	reached := make(chan string, 1)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached <- r.URL.Path }))
	defer other.Close()
	s := start(t)
	for _, to := range []string{other.Listener.Addr().String(), "js.stripe.com:80", "js.stripe.com", "[::1]:443", "a b:443"} {
		c, err := net.Dial("tcp", s.Address())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: x\r\n\r\n", to)
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || strings.Contains(line, " 200 ") {
			t.Errorf("CONNECT %s is answered with %q, %v", to, line, err)
		}
		c.Close()
	}
	if len(reached) > 0 {
		t.Errorf("another server was reached at %s", <-reached)
	}
}

func TestTheKeyIsTheSameForEveryNameAndStandIn(t *testing.T) {
	keys := map[string]bool{}
	for _, s := range []*standin.Server{start(t), start(t)} {
		for _, host := range []string{"js.stripe.com", "a.example"} {
			c, err := tls.Dial("tcp", s.Address(), &tls.Config{ServerName: host, RootCAs: standin.Roots()})
			if err != nil {
				t.Fatal(err)
			}
			keys[spki(c.ConnectionState().PeerCertificates[0])] = true
			c.Close()
		}
		if flag := "--ignore-certificate-errors-spki-list=" + standin.Key(); !slices.Contains(s.Flags(), flag) {
			t.Errorf("flags %q lack %q", s.Flags(), flag)
		}
	}
	if len(keys) != 1 || !keys[standin.Key()] {
		t.Errorf("keys %v, want %s", keys, standin.Key())
	}
}

func TestWhatIsSentIsRecorded(t *testing.T) {
	s := start(t)
	for name, c := range clients(s) {
		r, _ := http.NewRequest(http.MethodPost, "https://m.stripe.com/6?a=1", strings.NewReader("body"))
		r.Header.Set("Origin", "https://m.stripe.network")
		r.Header.Set("Referer", "https://m.stripe.network/")
		r.Header.Set("Cookie", "m=1")
		waited := make(chan error)
		go func() {
			waited <- s.Wait(soon(t), func(r standin.Request) bool { return r.Host == "m.stripe.com" })
		}()
		answer, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.Header.Get("Access-Control-Allow-Origin") != "https://m.stripe.network" || answer.Header.Get("Access-Control-Allow-Credentials") != "true" {
			t.Errorf("%s: headers %v", name, answer.Header)
		}
		if err := <-waited; err != nil {
			t.Error(name, err)
		}
		want := standin.Request{Method: "POST", Host: "m.stripe.com", Path: "/6", Query: "a=1", Referer: "https://m.stripe.network/", Origin: "https://m.stripe.network", Cookie: "m=1", Body: "body"}
		if got := s.Requests(); len(got) != 1 || got[0] != want {
			t.Errorf("%s: recorded %+v, want %+v", name, got, want)
		}
		s.Take()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Wait(ctx, func(standin.Request) bool { return true }); err == nil {
			t.Errorf("%s: Wait found what was taken", name)
		}
	}
}

func TestWhatIsKeptOfRequestsIsBounded(t *testing.T) {
	s := start(t)
	c := clients(s)["direct"]
	answer, err := c.Post("https://m.stripe.com/6", "text/plain", strings.NewReader(strings.Repeat("x", 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if got := len(s.Take()[0].Body); got != 64<<10 {
		t.Errorf("%d bytes of a body are kept", got)
	}
	r, _ := http.NewRequest(http.MethodGet, "https://m.stripe.com/6", nil)
	r.Header.Set("X", strings.Repeat("x", 1<<20))
	if answer, err := c.Do(r); err == nil {
		answer.Body.Close()
		if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a header of 1 MiB is answered with %d", answer.StatusCode)
		}
	}
	if got := len(s.Take()); got > 0 {
		t.Errorf("%d requests with a header of 1 MiB are kept", got)
	}
}

func TestAWebSocketStaysOpenUntilTheEnd(t *testing.T) {
	s := start(t)
	c, err := tls.Dial("tcp", s.Address(), &tls.Config{ServerName: "ws.hotjar.com", RootCAs: standin.Roots()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// The key and its answer are those of RFC 6455, 1.3.
	fmt.Fprint(c, "GET /api/v2/client/ws HTTP/1.1\r\nHost: ws.hotjar.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	r := bufio.NewReader(c)
	answer, err := http.ReadResponse(r, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols || answer.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("answered with %v, %v", answer, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := r.ReadByte(); err == nil || os.IsTimeout(err) {
		t.Errorf("after the end: %v", err)
	}
}

func TestTheBankSendsItsCustomerBackToTheSiteOnly(t *testing.T) {
	c := clients(start(t))["proxy"]
	_, body, _ := get(t, c, "https://hooks.stripe.com/3d_secure/x?payment_intent=pi_1&return_url="+url.QueryEscape("http://shop.localhost:1/done?a=1&b=\"><script>"))
	if !strings.Contains(body, `href="http://shop.localhost:1/done?a=1&amp;b=%22%3E%3Cscript%3E&amp;payment_intent=pi_1&amp;redirect_status=succeeded"`) {
		t.Errorf("the page is\n%s", body)
	}
	for _, bad := range []string{"", "javascript:alert(1)", "/done", "data:text/html,x"} {
		if status, _, _ := get(t, c, "https://hooks.stripe.com/3d_secure/x?return_url="+url.QueryEscape(bad)); status != http.StatusBadRequest {
			t.Errorf("back to %q: %d", bad, status)
		}
	}
}

func TestAFontSheetHoldsNamesOnly(t *testing.T) {
	c := clients(start(t))["proxy"]
	for _, bad := range []string{"x'; } body { display: none", "é", ""} {
		if status, body, _ := get(t, c, "https://fonts.googleapis.com/css2?family="+url.QueryEscape(bad)); status != http.StatusBadRequest {
			t.Errorf("family %q: %d %s", bad, status, body)
		}
	}
}

func spki(c *x509.Certificate) string {
	hash := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(hash[:])
}
