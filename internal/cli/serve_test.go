//go:build unix

package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/temoin/temoin/internal/register"
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
	s.until("it listens no longer", func() bool {
		c, err := net.Dial("tcp", s.address)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
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
		"--redirect is for a server":       append([]string{site, "--redirect", ":80"}, up...),
		"--hsts is for visitors":           append([]string{site, "--hsts", "1h"}, up...),
		"name one of them":                 append([]string{site, "--cert", "x", "--key", "y", "--acme", "z"}, up...),
		"belong to --acme":                 append([]string{site, "--acme-email", "a@b.example"}, up...),
		"belongs to --access-log":          append([]string{site, "--access-log-clients"}, up...),
		"a number above 0":                 append([]string{site, "--rate", "0"}, up...),
		"--max-body is a number":           append([]string{site, "--max-body", "-1"}, up...),
		"are times above 0":                append([]string{site, "--drain", "-1s"}, up...),
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

// Several sites in one process are told apart by their hosts.
func TestSeveralSitesAreServedByOneProcess(t *testing.T) {
	dir := t.TempDir()
	args := []string{"serve", "--listen", "127.0.0.1:0", "--store", filepath.Join(dir, "store")}
	for _, id := range []string{"shop", "club"} {
		site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%s at %s", id, r.Host) }))
		t.Cleanup(site.Close)
		args = append(args, write(t, id+".yaml", strings.NewReplacer("site: shop", "site: "+id, "shop.example", id+".example").Replace(keysShop)), "--upstream", id+"="+site.URL)
	}
	cmd := process(t, args...)
	greeting := waitFor(t, started(t, cmd, cmd.StdoutPipe), "Ctrl-C")
	for _, id := range []string{"shop", "club"} {
		address := regexp.MustCompile(`http://` + id + `\.localhost(:[0-9]+)`).FindStringSubmatch(greeting)
		if address == nil {
			t.Fatalf("%s", greeting)
		}
		c, err := net.Dial("tcp", "127.0.0.1"+address[1])
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		u, _ := url.Parse(address[0])
		fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", u.Host)
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(res.Body); string(b) != id+" at "+u.Host {
			t.Errorf("%s: %s", u.Host, b)
		}
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
