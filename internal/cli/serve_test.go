//go:build unix

package cli

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/websocket"

	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/storetest"
)

// A serving is temoin serve as a process of its own, in front of a site.
type serving struct {
	t       *testing.T
	cmd     *exec.Cmd
	dir     string
	file    string
	errs    string // the file that standard error goes to
	address string // of the listener
	client  *http.Client
}

// newServing serves a site.
func newServing(t *testing.T, site http.Handler, args ...string) *serving {
	t.Helper()
	upstream := httptest.NewServer(site)
	t.Cleanup(upstream.Close)
	dir := t.TempDir()
	s := &serving{t: t, dir: dir, file: filepath.Join(dir, "shop.yaml"), errs: filepath.Join(dir, "errors"), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	if err := os.WriteFile(s.file, []byte(keysShop), 0o600); err != nil {
		t.Fatal(err)
	}
	s.cmd = process(t, append([]string{"serve", s.file, "--upstream", upstream.URL, "--listen", "127.0.0.1:0", "--store", s.store(), "--rate", "1000000"}, args...)...)
	errs, err := os.Create(s.errs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { errs.Close() })
	s.cmd.Stderr = errs
	greeting := waitFor(t, started(t, s.cmd, s.cmd.StdoutPipe), "Ctrl-C")
	address := regexp.MustCompile(`(?m)^shop: http://shop\.localhost(:[0-9]+) → ` + regexp.QuoteMeta(upstream.URL) + `$`).FindStringSubmatch(greeting)
	if address == nil {
		t.Fatalf("no address for browsers in %q", greeting)
	}
	s.address = "127.0.0.1" + address[1]
	return s
}

func (s *serving) store() string { return filepath.Join(s.dir, "store") }

func (s *serving) said() string {
	b, err := os.ReadFile(s.errs)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

func (s *serving) signal(what os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(what); err != nil {
		s.t.Fatal(err)
	}
}

// until waits for something to become true.
func (s *serving) until(what string, is func() bool) {
	s.t.Helper()
	for try := 0; !is(); try++ {
		if try == 1000 {
			s.t.Fatalf("never: %s\n%s", what, s.said())
		}
		register.Sleep(s.t.Context(), 10*time.Millisecond)
	}
}

// onePage is a page of a site.
var onePage = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	io.WriteString(w, "<!doctype html><html><head><title>Shop</title></head><body><p>Text</p></body></html>")
})

// notice returns the hash of the notice in a page.
func (s *serving) notice() string {
	s.t.Helper()
	req, _ := http.NewRequest(http.MethodGet, "http://"+s.address+"/", nil)
	req.Host = "shop.localhost"
	req.Header.Set("Sec-Fetch-Dest", "document")
	res, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	m := regexp.MustCompile(`name="notice" value="([0-9a-f]{64})"`).FindSubmatch(page)
	if m == nil {
		s.t.Fatalf("there is no notice in %s", page)
	}
	return string(m[1])
}

// choose sends a choice, and returns its id if it is acknowledged.
func (s *serving) choose(notice string) (id string, err error) {
	body := fmt.Sprintf(`{"action":"accept","lang":"en","notice":%q}`, notice)
	req, err := http.NewRequest(http.MethodPost, "http://"+s.address+"/.temoin/choice", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Host = "shop.localhost"
	req.Header.Set("Content-Type", "application/json")
	res, err := s.client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var kept struct{ ID string }
	if err := json.NewDecoder(res.Body).Decode(&kept); err != nil || res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s, %w", res.Status, err)
	}
	return kept.ID, nil
}

// Whatever was acknowledged is in the store, although the process was told to end while
// choices came from all sides.
func TestASignalUnderLoadLosesNothingThatWasAcknowledged(t *testing.T) {
	s := newServing(t, onePage)
	notice := s.notice()
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	var clients sync.WaitGroup
	for range 16 {
		clients.Go(func() {
			for {
				id, err := s.choose(notice)
				if err != nil {
					return // it does not answer any more
				}
				mu.Lock()
				acknowledged[id] = true
				mu.Unlock()
			}
		})
	}
	s.until("some hundred choices", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(acknowledged) > 300
	})
	s.signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, s.said())
	}
	clients.Wait()
	code, out, errs := callFor("export", "--store", s.store(), "--format", "jsonl")
	if code != 0 {
		t.Fatalf("%d %s", code, errs)
	}
	kept := map[string]bool{}
	for _, m := range regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`).FindAllString(out, -1) {
		kept[m] = true
	}
	t.Logf("%d choices were acknowledged, %d are kept", len(acknowledged), len(kept))
	for id := range acknowledged {
		if !kept[id] {
			t.Errorf("%s was acknowledged and is not kept", id)
		}
	}
	if said := s.said(); !strings.Contains(said, "Since the start") {
		t.Errorf("the end: %s", said)
	}
}

func TestASecondSignalEndsAServerWithoutWaitingForRequests(t *testing.T) {
	came := make(chan struct{})
	s := newServing(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(came)
		<-r.Context().Done()
	}))
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n")
	<-came
	s.signal(syscall.SIGTERM)
	s.refuses()
	s.signal(syscall.SIGTERM)
	s.cmd.Wait()
	if endedBy(s.cmd) != syscall.SIGTERM {
		t.Error(s.cmd.ProcessState)
	}
}

func TestAHangupReadsTheManifestAndOpensTheAccessLogAnew(t *testing.T) {
	log := filepath.Join(t.TempDir(), "access.log")
	s := newServing(t, onePage, "--no-watch", "--access-log", log)
	s.notice()
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.file, []byte(strings.Replace(keysShop, "name: Shop", "name: Another shop", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGHUP)
	s.until("another manifest", func() bool { return strings.Contains(s.said(), "another manifest is in force") })
	s.until("another access log", func() bool { _, err := os.Stat(log); return err == nil })
	s.notice()
	for _, file := range []string{log + ".1", log} {
		s.until("a line in "+file, func() bool { b, err := os.ReadFile(file); return err == nil && len(b) > 0 }) // it comes behind the answer
		lines, err := os.ReadFile(file)
		if err != nil || bytes.Count(lines, []byte("\n")) != 1 || !bytes.Contains(lines, []byte(`"host":"shop.localhost","method":"GET","path":"/","status":200`)) {
			t.Errorf("%s: %s %v", file, lines, err)
		}
	}
	// Going back is a command beside the running server.
	code, list, errs := callFor("activate", "--store", s.store(), "--site", "shop")
	hashes := regexp.MustCompile(`(?m)^[ *] ([0-9a-f]{12})  published 2026-11-21 12:00 UTC`).FindAllStringSubmatch(list, -1)
	if code != 0 || len(hashes) != 2 || strings.Contains(list, "cannot be read") || !strings.Contains(list, "\n* "+hashes[1][1]) {
		t.Fatalf("%d %s %s", code, list, errs)
	}
	if code, out, errs := callFor("activate", "--store", s.store(), "--site", "shop", "--by", "Officer", hashes[0][1]); code != 0 || !strings.Contains(out, "is in force") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	s.until("the former manifest again", func() bool {
		req, _ := http.NewRequest(http.MethodGet, "http://"+s.address+"/.temoin/policy", nil)
		req.Host = "shop.localhost"
		res, err := s.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		page, _ := io.ReadAll(res.Body)
		return !bytes.Contains(page, []byte("Another shop"))
	})
	for wanted, want := range map[string]string{"000000": "there is no version", "1": "there is no version", hashes[0][1]: ""} {
		code, _, errs := callFor("activate", "--store", s.store(), "--site", "shop", wanted)
		if (code == 2) != (want != "") || !strings.Contains(errs, want) {
			t.Errorf("activate %s: %d %s", wanted, code, errs)
		}
	}
	s.signal(syscall.SIGINT)
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, s.said())
	}
}

func TestAServerThatCannotServeSaysWhy(t *testing.T) {
	site := write(t, "shop.yaml", keysShop)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	up := []string{"--upstream", "http://127.0.0.1:1"}
	for want, args := range map[string][]string{
		"which site":                       {},
		"where is the site?":               {site},
		"address already in use":           append([]string{site, "--listen", l.Addr().String(), "--store", t.TempDir()}, up...),
		"write the address of the site":    {site, "--upstream", "127.0.0.1:3000"},
		"and without a name or a password": {site, "--upstream", "http://user:secret@127.0.0.1:3000"},
		"no manifest here is of the site":  {site, "--upstream", "shop=http://127.0.0.1:1", "--upstream", "club=http://127.0.0.1:1"},
		"neither an address nor a network": append([]string{site, "--trust-proxy", "proxy"}, up...),
		"--cert and --key belong together": append([]string{site, "--cert", "x"}, up...),
		"write a --key for each --cert":    append([]string{site, "--cert", "x", "--key", "y", "--cert", "z"}, up...),
		"--max-connections is how many":    append([]string{site, "--max-connections", "0"}, up...),
		"--redirect is for a server":       append([]string{site, "--redirect", ":80"}, up...),
		"--hsts is for visitors":           append([]string{site, "--hsts", "1h"}, up...),
		"name one of them":                 append([]string{site, "--cert", "x", "--key", "y", "--acme", "z"}, up...),
		"belong to --acme":                 append([]string{site, "--acme-email", "a@b.example"}, up...),
		"belongs to --access-log":          append([]string{site, "--access-log-clients"}, up...),
		"a number above 0":                 append([]string{site, "--rate", "0"}, up...),
		"--max-body is a number":           append([]string{site, "--max-body", "-1"}, up...),
		"--drain is a time above 0":        append([]string{site, "--drain", "-1s"}, up...),
		"\"languages\" is missing":         append([]string{write(t, "bad.yaml", "temoin: 1\nsite: x\n")}, up...),
		"Write --upstream club=http":       {site, write(t, "club.yaml", strings.NewReplacer("site: shop", "site: club", "shop.example", "club.example").Replace(keysShop)), "--upstream", "shop=http://127.0.0.1:1"},
		"no such file":                     append([]string{filepath.Join(t.TempDir(), "none.yaml")}, up...),
		"needs a folder of keys":           append([]string{site, "--listen", "127.0.0.1:0", "--store", "postgres://127.0.0.1:1/none"}, up...),
		"stands twice for the same site":   {site, "--upstream", "http://127.0.0.1:1", "--upstream", "http://127.0.0.1:2"},
		"the site shop is given twice":     {site, site, "--upstream", "http://127.0.0.1:1"},
	} {
		code, out, errs := callFor(append([]string{"serve"}, args...)...)
		if code != 2 || out != "" || !strings.Contains(errs, want) || strings.Contains(errs, "secret") {
			t.Errorf("%v: %d %q, want %q", args, code, errs, want)
		}
	}
}

func TestTheGreetingNamesAddressesAtWhichBrowsersKeepTheChoice(t *testing.T) {
	sites, err := readSites([]string{write(t, "shop.yaml", keysShop)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		listener string
		tls      bool
		want     string
	}{
		{"127.0.0.1:8080", false, "http://shop.localhost:8080"}, {"[::1]:8080", false, "http://shop.localhost:8080"}, {"[::]:8080", false, "http://shop.localhost:8080"},
		{"192.0.2.1:8080", false, "http://192.0.2.1:8080, for a proxy in front that speaks TLS as shop.example"},
		{"[::]:443", true, "https://shop.example"}, {"127.0.0.1:8443", true, "https://shop.example:8443"},
	} {
		if got := browsable(sites[0], c.listener, c.tls); got != c.want {
			t.Errorf("%s: %s, want %s", c.listener, got, c.want)
		}
	}
}

// A sitePair is two sites in one process, shop and club.
type sitePair struct {
	*serving
	files map[string]string // their manifests
}

// newPair serves two sites; each page says whose it is, in the notice that it has.
func newPair(t *testing.T, args ...string) *sitePair {
	t.Helper()
	p := &sitePair{&serving{t: t, dir: t.TempDir(), client: &http.Client{}}, map[string]string{}}
	p.errs = filepath.Join(p.dir, "errors")
	all := []string{"serve", "--listen", "127.0.0.1:0"}
	if !slices.Contains(args, "--store") {
		all = append(all, "--store", p.store())
	}
	for _, id := range []string{"shop", "club"} {
		site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, "<!doctype html><html><head><title>%s</title></head><body><p>%s at %s</p></body></html>", id, id, r.Host)
		}))
		t.Cleanup(site.Close)
		p.files[id] = write(t, id+".yaml", strings.NewReplacer("site: shop", "site: "+id, "shop.example", id+".example").Replace(keysShop))
		all = append(all, p.files[id], "--upstream", id+"="+site.URL)
	}
	p.cmd = process(t, append(all, args...)...)
	errs, err := os.Create(p.errs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { errs.Close() })
	p.cmd.Stderr = errs
	greeting := waitFor(t, started(t, p.cmd, p.cmd.StdoutPipe), "Ctrl-C")
	ports := regexp.MustCompile(`(?m)^(?:shop|club): https?://(?:shop|club)\.(?:localhost|example)(:[0-9]+)`).FindAllStringSubmatch(greeting, -1)
	if len(ports) != 2 || ports[0][1] != ports[1][1] {
		t.Fatalf("%s", greeting)
	}
	p.address = "127.0.0.1" + ports[0][1]
	return p
}

// page asks for one by the host alone.
func (p *sitePair) page(host, path string) string {
	p.t.Helper()
	req, _ := http.NewRequest(http.MethodGet, "http://"+p.address+path, nil)
	req.Host = host
	req.Header.Set("Sec-Fetch-Dest", "document")
	res, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

func (p *sitePair) end() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("%v: %s", err, p.said())
	}
}

// Several sites in one process are told apart by their hosts.
func TestSeveralSitesAreServedByOneProcess(t *testing.T) {
	p := newPair(t)
	for _, host := range []string{"shop.localhost", "club.localhost", "club.example"} {
		id, _, _ := strings.Cut(host, ".")
		if page := p.page(host, "/"); !strings.Contains(page, id+" at "+host) || !strings.Contains(page, "<temoin-notice") {
			t.Errorf("%s: %s", host, page)
		}
	}
	p.end()
}

func TestAManifestThatIsWrongLeavesTheOtherSitesFree(t *testing.T) {
	p := newPair(t)
	for id, change := range map[string][2]string{"shop": {"category: stats", "category: none"}, "club": {"name: Shop", "name: The new club"}} {
		manifest, err := os.ReadFile(p.files[id])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p.files[id], []byte(strings.Replace(string(manifest), change[0], change[1], 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.signal(syscall.SIGHUP)
	p.until("the other one is in force", func() bool { return strings.Contains(p.page("club.localhost", "/.temoin/policy"), "The new club") })
	p.until("the wrong one is refused", func() bool {
		return strings.Contains(p.said(), "the former manifest stays in force") && strings.Contains(p.said(), "shop.yaml:")
	})
	if page := p.page("shop.localhost", "/"); !strings.Contains(page, "shop at shop.localhost") || !strings.Contains(page, "<temoin-notice") {
		t.Errorf("%s", page)
	}
	p.end()
}

func TestSitesOverPostgreSQLKeepChoicesThroughARestart(t *testing.T) {
	where, keys := storetest.Database(t), filepath.Join(t.TempDir(), "keys")
	kept := map[string]string{}
	for range 2 {
		p := newPair(t, "--store", where, "--keys", keys)
		for _, id := range []string{"shop", "club"} {
			m := regexp.MustCompile(`name="notice" value="([0-9a-f]{64})"`).FindStringSubmatch(p.page(id+".localhost", "/"))
			if m == nil {
				t.Fatalf("%s: nothing is asked: %s", id, p.said())
			}
			req, _ := http.NewRequest(http.MethodPost, "http://"+p.address+"/.temoin/choice", strings.NewReader(fmt.Sprintf(`{"action":"refuse","lang":"en","notice":%q}`, m[1])))
			req.Host = id + ".localhost"
			req.Header.Set("Content-Type", "application/json")
			res, err := p.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			var one struct{ ID string }
			if err := json.NewDecoder(res.Body).Decode(&one); err != nil || one.ID == "" {
				t.Fatalf("%s: %s %v: %s", id, res.Status, err, p.said())
			}
			res.Body.Close()
			kept[one.ID] = id
		}
		for choice, id := range kept { // also those of the server before
			if receipt := p.page(id+".localhost", "/.temoin/receipts/"+choice); !strings.Contains(receipt, choice) {
				t.Errorf("%s: %s", id, receipt)
			}
		}
		p.end()
	}
	if len(kept) != 4 {
		t.Errorf("%d choices", len(kept))
	}
}

// certify makes a certificate for hosts, which its own key has signed, in files.
func certify(t *testing.T, number int64, hosts ...string) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	pair, private := selfSigned(t, &x509.Certificate{SerialNumber: big.NewInt(number), DNSNames: hosts})
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := errors.Join(os.WriteFile(cert, pair, 0o600), os.WriteFile(key, private, 0o600)); err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// selfSigned makes a certificate of an hour and its key, in PEM.
func selfSigned(t *testing.T, c *x509.Certificate) (cert, private []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.IsCA, c.BasicConstraintsValid, c.NotBefore, c.NotAfter = true, true, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b})
}

func TestEachSiteHasItsCertificateByTheNameThatIsAskedFor(t *testing.T) {
	shopCert, shopKey := certify(t, 1, "shop.example")
	clubCert, clubKey := certify(t, 2, "club.example")
	p := newPair(t, "--cert", shopCert, "--key", shopKey, "--cert", clubCert, "--key", clubKey)
	number := func(host, file string) int64 {
		trusted, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(trusted)
		c, err := tls.Dial("tcp", p.address, &tls.Config{RootCAs: roots, ServerName: host})
		if err != nil {
			t.Errorf("%s: %v", host, err)
			return 0
		}
		defer c.Close()
		fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host)
		if page, err := io.ReadAll(c); err != nil || !strings.Contains(string(page), " at "+host) {
			t.Errorf("%s: %s %v", host, page, err)
		}
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if a, b := number("shop.example", shopCert), number("club.example", clubCert); a != 1 || b != 2 {
		t.Errorf("%d and %d", a, b)
	}
	newCert, newKey := certify(t, 3, "club.example")
	if err := errors.Join(os.Rename(newCert, clubCert), os.Rename(newKey, clubKey)); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	p.until("the other certificate", func() bool { return strings.Contains(p.said(), "another certificate is in use") })
	if a, b := number("shop.example", shopCert), number("club.example", clubCert); a != 1 || b != 3 {
		t.Errorf("%d and %d after one has changed", a, b)
	}
	p.end()
}

// echo is a site that sends back each message of a WebSocket.
func echo(c *websocket.Conn) {
	var message []byte
	for websocket.Message.Receive(c, &message) == nil && websocket.Message.Send(c, message) == nil {
	}
}

// socket opens a WebSocket through a server.
func (s *serving) socket() *websocket.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(25 * time.Second))
	config, err := websocket.NewConfig("ws://shop.localhost/ws", "http://shop.localhost")
	if err != nil {
		s.t.Fatal(err)
	}
	ws, err := websocket.NewClient(config, c)
	if err != nil {
		s.t.Fatal(err)
	}
	return ws
}

// echoes reports whether what is said on a WebSocket comes back, text and bytes.
func echoes(t *testing.T, ws *websocket.Conn) bool {
	t.Helper()
	large := bytes.Repeat([]byte("0123456789"), 20_000)
	var text string
	var b []byte
	err := errors.Join(websocket.Message.Send(ws, "café"), websocket.Message.Receive(ws, &text), websocket.Message.Send(ws, large), websocket.Message.Receive(ws, &b))
	return err == nil && text == "café" && bytes.Equal(b, large)
}

// refuses waits until new connections are.
func (s *serving) refuses() {
	s.t.Helper()
	s.until("it listens no longer", func() bool {
		c, err := net.Dial("tcp", s.address)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
}

func TestAWebSocketGoesOnAfterASignalUntilItIsClosed(t *testing.T) {
	s := newServing(t, websocket.Handler(echo))
	one, two := s.socket(), s.socket()
	if !echoes(t, one) || !echoes(t, two) {
		t.Fatalf("nothing comes back: %s", s.said())
	}
	s.signal(syscall.SIGTERM)
	s.refuses()
	for _, ws := range []*websocket.Conn{one, two} {
		if !echoes(t, ws) {
			t.Error("it was cut by the signal")
		}
		ws.Close()
	}
	if err := s.cmd.Wait(); err != nil || strings.Contains(s.said(), "were cut") {
		t.Errorf("%v: %s", err, s.said())
	}
}

func TestAWebSocketIsCutWhenTheGraceTimeEnds(t *testing.T) {
	ended := make(chan bool, 1)
	s := newServing(t, websocket.Handler(func(c *websocket.Conn) {
		echo(c)
		ended <- true
	}), "--drain", "300ms")
	ws := s.socket()
	if !echoes(t, ws) {
		t.Fatalf("nothing comes back: %s", s.said())
	}
	s.signal(syscall.SIGTERM)
	var text string
	if err := websocket.Message.Receive(ws, &text); err == nil {
		t.Error("it says something")
	}
	<-ended // the site is told
	if err := s.cmd.Wait(); err != nil || !strings.Contains(s.said(), "were cut") {
		t.Errorf("%v: %s", err, s.said())
	}
}
