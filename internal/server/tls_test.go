package server

import (
	"bufio"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/gate"
)

// A testPair is a certificate that its own key has signed, in files.
type testPair struct {
	files Pair
	cert  *x509.Certificate
	t     *testing.T
}

func newPair(t *testing.T, hosts ...string) *testPair {
	t.Helper()
	dir := t.TempDir()
	p := &testPair{files: Pair{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}, t: t}
	p.write(1, hosts...)
	return p
}

// tls has this one alone.
func (p *testPair) tls() TLS { return TLS{Pairs: []Pair{p.files}} }

// write writes another certificate, with a number, in the place of the last.
func (p *testPair) write(number int64, hosts ...string) {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	p.writeKey(key, number, hosts...)
}

// writeRSA does so with a key of another kind.
func (p *testPair) writeRSA(number int64, hosts ...string) {
	p.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.t.Fatal(err)
	}
	p.writeKey(key, number, hosts...)
}

func (p *testPair) writeKey(key crypto.Signer, number int64, hosts ...string) {
	p.t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: hosts[0]}, DNSNames: hosts, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		p.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		p.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{p.files.Cert: {Type: "CERTIFICATE", Bytes: der}, p.files.Key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	if p.cert, err = x509.ParseCertificate(der); err != nil {
		p.t.Fatal(err)
	}
}

// trusted is the client's side.
func (p *testPair) trusted() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(p.cert)
	return &tls.Config{RootCAs: roots}
}

// number is that of the certificate that is served.
func (r *rig) number() int64 {
	r.t.Helper()
	c, err := tls.Dial("tcp", r.Address().String(), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // whatever it is
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func TestANewCertificateIsServedWithoutARestart(t *testing.T) {
	t.Parallel()
	pair := newPair(t, "shop.example")
	r := start(t, page, func(c *Config) { c.TLS = pair.tls() })
	if n := r.number(); n != 1 {
		t.Fatalf("number %d", n)
	}
	pair.write(2, "shop.example")
	r.clock.end(watchEvery)
	r.clock.end(watchEvery) // so the look before is over
	if n := r.number(); n != 2 {
		t.Errorf("number %d after the files have changed", n)
	}
	// What cannot be used is said once, and the last one stays.
	if err := os.WriteFile(pair.files.Key, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.clock.end(watchEvery)
	}
	if n := strings.Count(r.log.String(), "the former certificate stays in use"); n != 1 || r.number() != 2 {
		t.Errorf("said %d times; number %d: %s", n, r.number(), r.log)
	}
	pair.write(3, "shop.example")
	r.Reload(t.Context())
	if n := r.number(); n != 3 {
		t.Errorf("number %d after it was asked to read", n)
	}
}

// Each site has its certificate, which a client gets by the name that it asks for, and
// each is read anew by itself.
func TestSitesWithCertificatesOfTheirOwnAreToldApartByTheNameThatIsAskedFor(t *testing.T) {
	t.Parallel()
	shop, club := newPair(t, "shop.example", "www.shop.example"), newPair(t, "*.club.example", "club.example")
	club.write(11, "*.club.example", "club.example")
	hello := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "the "+name+" at "+r.Host) })
	}
	second := httptest.NewServer(hello("club"))
	t.Cleanup(second.Close)
	u, _ := url.Parse(second.URL)
	two := strings.NewReplacer("site: shop", "site: club", "shop.example", "club.example").Replace(manifest)
	r := start(t, hello("shop"), func(c *Config) {
		c.TLS = TLS{Pairs: []Pair{shop.files, club.files}}
		c.Sites = append(c.Sites, Site{File: write(t, "club.yaml", two), Upstream: u})
	})
	asked := func(name string) int64 {
		t.Helper()
		c, err := tls.Dial("tcp", r.Address().String(), &tls.Config{InsecureSkipVerify: true, ServerName: name}) //nolint:gosec // whatever it is
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	for name, want := range map[string]int64{"shop.example": 1, "www.shop.example": 1, "club.example": 11, "WWW.club.example": 11, "evil.example": 1, "": 1} {
		if n := asked(name); n != want {
			t.Errorf("%q gets the certificate number %d, want %d", name, n, want)
		}
	}
	for pair, host := range map[*testPair]string{shop: "www.shop.example", club: "www.club.example"} {
		if _, body := send(t, client(r.Address(), pair.trusted()), http.MethodGet, "https://"+host+"/", ""); !strings.HasSuffix(body, " at "+host) {
			t.Errorf("%s: %s", host, body)
		}
	}
	// One of them changes, another cannot be used: that one stays.
	club.write(12, "*.club.example", "club.example")
	if err := os.WriteFile(shop.files.Key, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Reload(t.Context())
	if a, b := asked("shop.example"), asked("club.example"); a != 1 || b != 12 {
		t.Errorf("%d and %d after one of them has changed", a, b)
	}
	if said := r.log.String(); strings.Contains(said, "no certificate is for") || strings.Count(said, "the former certificate stays in use") != 1 {
		t.Errorf("%s", said)
	}
	club.write(13, "club.example")
	r.Reload(t.Context())
	if said := r.log.String(); !strings.Contains(said, `no certificate is for this host: browsers warn of it" site=club host=www.club.example`) || strings.Contains(said, "host=shop.example") {
		t.Errorf("%s", said)
	}
}

// Of two certificates for one host, a client gets the one that it understands.
func TestAClientGetsACertificateOfAKindThatItUnderstands(t *testing.T) {
	t.Parallel()
	curve, older := newPair(t, "shop.example"), newPair(t, "shop.example")
	older.writeRSA(2, "shop.example")
	r := start(t, page, func(c *Config) { c.TLS = TLS{Pairs: []Pair{curve.files, older.files}} })
	for _, c := range []struct {
		suite uint16
		want  int64
	}{{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 1}, {tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, 2}} {
		conn, err := tls.Dial("tcp", r.Address().String(), &tls.Config{InsecureSkipVerify: true, ServerName: "shop.example", MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{c.suite}}) //nolint:gosec // whatever it is
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if n := conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(); n != c.want {
			t.Errorf("number %d, want %d", n, c.want)
		}
	}
}

func TestOverTLSThereIsHTTP2AndBrowsersAreToldToStay(t *testing.T) {
	t.Parallel()
	pair := newPair(t, "shop.example")
	hints := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload; as=style")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Strict-Transport-Security", "max-age=1")
		page(w, r)
	})
	r := start(t, hints, func(c *Config) { c.TLS, c.HSTS = pair.tls(), time.Hour })
	c := client(r.Address(), pair.trusted())
	res, body := send(t, c, http.MethodGet, "https://shop.example/", "", "Sec-Fetch-Dest: document")
	if res.ProtoMajor != 2 || !strings.Contains(body, "<temoin-notice") {
		t.Errorf("%s %s", res.Proto, body)
	}
	if got := res.Header["Strict-Transport-Security"]; len(got) != 1 || got[0] != "max-age=3600" {
		t.Errorf("Strict-Transport-Security: %q", got)
	}
	// All else that a site is reached by, over HTTP/2 too.
	if res, _ := send(t, c, http.MethodPost, "https://shop.example/.temoin/choice", "{}", "Content-Type: application/json"); res.StatusCode != http.StatusBadRequest {
		t.Errorf("a choice: %s", res.Status)
	}
	old := pair.trusted()
	old.MaxVersion, old.ServerName = tls.VersionTLS11, "shop.example"
	if conn, err := tls.Dial("tcp", r.Address().String(), old); err == nil {
		conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

// A stream that is silent for longer than a client may stall, and large bodies both ways.
func TestOverHTTP2StreamsAndLargeBodiesPass(t *testing.T) {
	t.Parallel()
	pair := newPair(t, "shop.example")
	const slow, size = 40 * time.Millisecond, 20 << 20
	site := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/events":
			w.Header().Set("Content-Type", "text/event-stream")
			for range 3 {
				io.WriteString(w, "data: x\n\n")
				w.(http.Flusher).Flush()
				<-time.After(3 * slow) // silence is what this is about
			}
		case "/up":
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n, err)
		case "/down":
			w.Header().Set("Trailer", "X-Sum")
			io.Copy(w, io.LimitReader(endless{r.Context()}, size))
			w.Header().Set("X-Sum", "all")
		}
	})
	strict := start(t, site, func(c *Config) { c.TLS, c.Slow = pair.tls(), slow })
	if res, body := send(t, client(strict.Address(), pair.trusted()), http.MethodGet, "https://shop.example/events", ""); res.ProtoMajor != 2 || strings.Count(body, "data: x") != 3 {
		t.Errorf("events: %s %q", res.Proto, body)
	}
	r := start(t, site, func(c *Config) { c.TLS = pair.tls() })
	c := client(r.Address(), pair.trusted())
	res, err := c.Post("https://shop.example/up", "application/octet-stream", io.LimitReader(endless{t.Context()}, size))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); string(b) != fmt.Sprint(int64(size), nil) {
		t.Errorf("up: %s", b)
	}
	down, err := c.Get("https://shop.example/down")
	if err != nil {
		t.Fatal(err)
	}
	defer down.Body.Close()
	if n, err := io.Copy(io.Discard, down.Body); n != size || err != nil || down.Trailer.Get("X-Sum") != "all" {
		t.Errorf("down: %d bytes, %v, %v", n, err, down.Trailer)
	}
}

func TestAnotherHostInsideAConnectionIsRefused(t *testing.T) {
	t.Parallel()
	pair := newPair(t, "shop.example", "evil.example")
	r := start(t, page, func(c *Config) { c.TLS = pair.tls() })
	if res, _ := send(t, client(r.Address(), pair.trusted()), http.MethodGet, "https://evil.example/", ""); res.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("%s", res.Status)
	}
}

func TestBrowsersAreToldToStayByAProxyThatIsTrusted(t *testing.T) {
	t.Parallel()
	for _, trusted := range []gate.Trusted{nil, {netip.MustParsePrefix("127.0.0.1/32")}} {
		r := start(t, page, func(c *Config) { c.HSTS, c.Trusted = time.Hour, trusted })
		res, _ := r.do(http.MethodGet, "http://shop.example/", "", "X-Forwarded-Proto: https")
		if got := res.Header.Get("Strict-Transport-Security"); (got != "") != (trusted != nil) {
			t.Errorf("trusted %v: %q", trusted, got)
		}
	}
}

func TestHTTPIsLedToHTTPS(t *testing.T) {
	t.Parallel()
	pair := newPair(t, "shop.example")
	r := start(t, page, func(c *Config) { c.TLS, c.Plain = pair.tls(), "127.0.0.1:0" })
	plain := r.fronts[1].listener.Addr()
	_, port, _ := strings.Cut(r.Address().String(), ":")
	for _, c := range []struct {
		method, address, want string
		status                int
	}{
		{"GET", "http://shop.example/a%2fb?c=d", "https://shop.example/a%2fb?c=d", 301},
		{"GET", "http://shop.example:8080/a", "https://shop.example:" + port + "/a", 301},
		{"GET", "http://www.shop.example:80//evil.example/", "https://www.shop.example//evil.example/", 301},
		{"POST", "http://shop.example/", "https://shop.example/", 308},
		{"GET", "http://evil.example/", "", 421},
	} {
		res, _ := send(t, client(plain, nil), c.method, c.address, "")
		if got := res.Header.Get("Location"); res.StatusCode != c.status || got != c.want {
			t.Errorf("%s: %s %q", c.address, res.Status, got)
		}
	}
}

// The authority is asked for the sites' own names, and its question over http is answered.
func TestCertificatesOfAnAuthorityAreForTheSitesHostsAlone(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "token+http-01"), []byte("token.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, page, func(c *Config) {
		c.TLS, c.Plain = TLS{ACME: folder, Authority: "http://127.0.0.1:1/directory"}, "127.0.0.1:0"
	})
	for host, ok := range map[string]bool{"shop.example": true, "www.shop.example": true, "evil.example": false, "shop.localhost": false, "127.0.0.1": false, "sub.shop.example": false} {
		if err := r.acme.HostPolicy(t.Context(), host); (err == nil) != ok {
			t.Errorf("%s: %v", host, err)
		}
	}
	plain := client(r.fronts[1].listener.Addr(), nil)
	for _, at := range []string{"shop.example", "shop.example:8080"} {
		if res, body := send(t, plain, http.MethodGet, "http://"+at+"/.well-known/acme-challenge/token", ""); res.StatusCode != http.StatusOK || body != "token.key" {
			t.Errorf("%s: %s %q", at, res.Status, body)
		}
	}
	if res, body := send(t, plain, http.MethodGet, "http://evil.example/.well-known/acme-challenge/token", ""); res.StatusCode != http.StatusForbidden || strings.Contains(body, "key") {
		t.Errorf("for another host: %s %q", res.Status, body)
	}
	if res, _ := send(t, plain, http.MethodGet, "http://shop.example/.well-known/acme-challenge/none", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("another question: %s", res.Status)
	}
	if res, _ := send(t, plain, http.MethodGet, "http://shop.example/", ""); res.StatusCode != http.StatusMovedPermanently {
		t.Errorf("a page: %s", res.Status)
	}
	if conn, err := tls.Dial("tcp", r.Address().String(), &tls.Config{ServerName: "evil.example", InsecureSkipVerify: true}); err == nil { //nolint:gosec // there is none
		conn.Close()
		t.Error("a name that no site has got a certificate")
	}
	// Why there is none for a site is said, and nothing of names that anybody can make up.
	if said := r.log.String(); strings.Contains(said, "no certificate of the authority") {
		t.Errorf("%s", said)
	}
	if conn, err := tls.Dial("tcp", r.Address().String(), &tls.Config{ServerName: "WWW.shop.example", InsecureSkipVerify: true}); err == nil { //nolint:gosec // as above
		conn.Close()
		t.Error("a certificate of nobody")
	}
	if said := r.log.String(); !strings.Contains(said, `no certificate of the authority; it is asked again" host=www.shop.example error=`) || strings.Contains(said, "evil") {
		t.Errorf("%s", said)
	}
}

func TestAListenerOfTLSAnswersPlainRequestsWithNothingOfASite(t *testing.T) {
	t.Parallel()
	pair := newPair(t, "shop.example")
	r := start(t, page, func(c *Config) { c.TLS = pair.tls() })
	conn := r.dial()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
	if line, _ := bufio.NewReader(conn).ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.0 400") {
		t.Errorf("%q", line)
	}
}
