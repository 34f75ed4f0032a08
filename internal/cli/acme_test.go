//go:build linux

package cli

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
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
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/temoin/temoin/internal/register"
)

// An authority is one that gives certificates: Pebble, that of Let's Encrypt for tests,
// which asks as the real one does. Every name is here for it.
type authority struct {
	t       *testing.T
	address string // of its directory
	root    string // the file of the certificate that it is trusted by
	roots   *x509.CertPool
	dir     string
	manage  string
	log     lockedBuffer
	cmd     *exec.Cmd
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newAuthority makes one that does not run yet: what it asks must be there before.
func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir(), manage: unused(t)}
	build := exec.CommandContext(t.Context(), "go", "build", "-C", "../../tools", "-o", a.program(), "github.com/letsencrypt/pebble/v2/cmd/pebble")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	listen := unused(t)
	a.address, a.root = "https://"+listen+"/dir", filepath.Join(a.dir, "root.pem")
	cert, key := selfSigned(t, &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	a.write("root.pem", cert)
	a.write("key.pem", key)
	return a
}

func (a *authority) program() string { return filepath.Join(a.dir, "pebble") }

func (a *authority) write(name string, content []byte) {
	a.t.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, name), content, 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// run runs it until the test ends. It asks by TLS and by http at these ports.
func (a *authority) run(secure, plain int) {
	a.t.Helper()
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": strings.TrimSuffix(strings.TrimPrefix(a.address, "https://"), "/dir"), "managementListenAddress": a.manage,
		"certificate": a.root, "privateKey": filepath.Join(a.dir, "key.pem"), "tlsPort": secure, "httpPort": plain,
		"retryAfter": map[string]int{"authz": 1, "order": 1},
	}})
	if err != nil {
		a.t.Fatal(err)
	}
	a.write("config.json", config)
	a.cmd = exec.CommandContext(a.t.Context(), a.program(), "-config", filepath.Join(a.dir, "config.json"), "-dnsserver", allNames(a.t))
	a.cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1")
	a.cmd.Stdout, a.cmd.Stderr = &a.log, &a.log
	if err := a.cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(a.halt)
	a.roots = a.trusted()
}

func (a *authority) halt() {
	a.cmd.Process.Kill()
	a.cmd.Wait()
}

// trusted is what its certificates are trusted by, as it says when it runs.
func (a *authority) trusted() *x509.CertPool {
	a.t.Helper()
	own, err := os.ReadFile(a.root)
	if err != nil {
		a.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(own)
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
	for range 400 {
		res, err := c.Get("https://" + a.manage + "/roots/0")
		if err != nil {
			register.Sleep(a.t.Context(), 25*time.Millisecond)
			continue
		}
		defer res.Body.Close()
		root, err := io.ReadAll(res.Body)
		roots := x509.NewCertPool()
		if err != nil || !roots.AppendCertsFromPEM(root) {
			a.t.Fatalf("%v: %s", err, root)
		}
		return roots
	}
	a.t.Fatalf("it does not run: %s", a.log.String())
	return nil
}

// unused is an address that nobody listens at.
func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func portOf(t *testing.T, address string) (port int) {
	t.Helper()
	if _, err := fmt.Sscanf(address[strings.LastIndex(address, ":"):], ":%d", &port); err != nil {
		t.Fatal(err)
	}
	return port
}

// allNames answers that every name is this machine's, over TCP.
func allNames(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go sayNames(c)
		}
	}()
	return l.Addr().String()
}

func sayNames(c net.Conn) {
	defer c.Close()
	for {
		var size uint16
		if binary.Read(c, binary.BigEndian, &size) != nil {
			return
		}
		b := make([]byte, size)
		var m dnsmessage.Message
		if _, err := io.ReadFull(c, b); err != nil || m.Unpack(b) != nil || len(m.Questions) != 1 {
			return
		}
		q := m.Questions[0]
		m.Response, m.Additionals = true, nil
		if q.Type == dnsmessage.TypeA {
			m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
		}
		answer, err := m.Pack()
		if err != nil {
			return
		}
		c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
	}
}

// serveBy serves a site with certificates of an authority, and returns its address.
func serveBy(t *testing.T, a *authority, folder string, args ...string) (cmd *exec.Cmd, address string) {
	t.Helper()
	site := httptest.NewServer(onePage)
	t.Cleanup(site.Close)
	file := write(t, "shop.yaml", strings.Replace(keysShop, "languages:", "hosts: [www.shop.example]\nlanguages:", 1))
	cmd = process(t, append([]string{"serve", file, "--upstream", site.URL, "--listen", "127.0.0.1:0", "--store", filepath.Join(t.TempDir(), "store"),
		"--acme", folder, "--acme-directory", a.address, "--acme-email", "officer@shop.example"}, args...)...)
	cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+a.root)
	cmd.Stderr = &a.log
	greeting := waitFor(t, started(t, cmd, cmd.StdoutPipe), "Ctrl-C")
	at := regexp.MustCompile(`https://shop\.example(:[0-9]+)`).FindStringSubmatch(greeting)
	if at == nil {
		t.Fatalf("%s", greeting)
	}
	return cmd, "127.0.0.1" + at[1]
}

// visit asks for a page as a browser does, which trusts the authority.
func (a *authority) visit(address, host string) (page string, number *big.Int, err error) {
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: 20 * time.Second}, "tcp", address, &tls.Config{RootCAs: a.roots, ServerName: host})
	if err != nil {
		return "", nil, err
	}
	defer c.Close()
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nSec-Fetch-Dest: document\r\nConnection: close\r\n\r\n", host)
	b, err := io.ReadAll(c)
	return string(b), c.ConnectionState().PeerCertificates[0].SerialNumber, err
}

func (a *authority) visited(address, host string) *big.Int {
	a.t.Helper()
	page, number, err := a.visit(address, host)
	if err != nil || !strings.Contains(page, "<temoin-notice") {
		a.t.Fatalf("%s: %v %s\n%s", host, err, page, a.log.String())
	}
	return number
}

func end(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// With TEMOIN_TORTURE (make torture), since Pebble is fetched and built.
func TestAnAuthorityGivesCertificatesForTheSitesHostsAndNoOthers(t *testing.T) {
	if os.Getenv("TEMOIN_TORTURE") == "" {
		t.Skip("TEMOIN_TORTURE=1 tries it with Pebble")
	}
	a, folder := newAuthority(t), filepath.Join(t.TempDir(), "certificates")
	cmd, address := serveBy(t, a, folder)
	a.run(portOf(t, address), 1)
	first := a.visited(address, "shop.example")
	second := a.visited(address, "www.shop.example")
	if again := a.visited(address, "shop.example"); again.Cmp(first) != 0 || second.Cmp(first) == 0 {
		t.Errorf("certificates %v and %v, then %v", first, second, again)
	}
	for _, other := range []string{"evil.example", "sub.shop.example", "shop.localhost"} {
		if _, _, err := a.visit(address, other); err == nil || strings.Contains(a.log.String(), other) {
			t.Errorf("%s: %v, %s", other, err, a.log.String())
		}
	}
	// They are kept where nobody else reads, and served on without the authority.
	end(t, cmd)
	a.halt()
	files, err := os.ReadDir(folder)
	if err != nil || len(files) < 3 {
		t.Fatalf("%v %v", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v %v", f.Name(), info.Mode(), err)
		}
	}
	cmd, address = serveBy(t, a, folder)
	if again := a.visited(address, "shop.example"); again.Cmp(first) != 0 {
		t.Errorf("another certificate, %v, after a restart", again)
	}
	end(t, cmd)
}

// Where it cannot come by TLS it comes by http, to the listener that leads to https.
func TestAnAuthorityIsAnsweredByHTTPToo(t *testing.T) {
	if os.Getenv("TEMOIN_TORTURE") == "" {
		t.Skip("TEMOIN_TORTURE=1 tries it with Pebble")
	}
	a, plain := newAuthority(t), unused(t)
	cmd, address := serveBy(t, a, filepath.Join(t.TempDir(), "certificates"), "--redirect", plain)
	a.run(1, portOf(t, plain))
	for try := 0; ; try++ { // the first visitors may come before it is there
		page, _, err := a.visit(address, "shop.example")
		if err == nil && strings.Contains(page, "<temoin-notice") {
			break
		}
		if try == 10 {
			t.Fatalf("%v %s\n%s", err, page, a.log.String())
		}
		register.Sleep(t.Context(), 500*time.Millisecond)
	}
	end(t, cmd)
}
