package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/internal/browsertest"
	"github.com/temoin/temoin/internal/lang"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/storetest"
)

// nowhere is an address at which nobody listens.
func nowhere(t *testing.T) *url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return &url.URL{Scheme: "http", Host: l.Addr().String()}
}

// inEight serves the site in all languages.
func inEight(t *testing.T) func(c *Config) {
	return func(c *Config) {
		c.Sites[0].File = write(t, "shop.yaml", strings.Replace(manifest, "[en, fr]", "[en, ar, de, es, fr, it, nl, pt]", 1))
	}
}

func TestASiteThatDoesNotAnswerIsSaidSoInTheVisitorsLanguage(t *testing.T) {
	t.Parallel()
	r := startAt(t, nowhere(t), inEight(t))
	seen := map[string]bool{}
	for _, tag := range []string{"ar", "de", "en", "es", "fr", "it", "nl", "pt"} {
		l, _ := lang.Find(tag)
		res, body := r.do(http.MethodGet, "http://shop.example/a?secret=1", "", "Accept-Language: "+tag+", en;q=0.1", "Sec-Fetch-Dest: document")
		for _, want := range []string{`lang="` + tag + `" dir="` + string(l.Direction) + `"`, l.Say("down.title"), l.Say("down.again")} {
			if res.StatusCode != http.StatusBadGateway || !strings.Contains(body, want) {
				t.Errorf("%s: %s, without %q:\n%s", tag, res.Status, want, body)
			}
		}
		if strings.Contains(body, "secret") || strings.Contains(body, "127.0.0.1") || strings.Contains(body, "<script") || seen[body] {
			t.Errorf("%s: %s", tag, body)
		}
		seen[body] = true
		for name, want := range map[string]string{
			"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Retry-After": "30",
			"Content-Security-Policy": downPolicy, "Content-Length": fmt.Sprint(len(body)),
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", tag, name, got)
			}
		}
	}
	if n := strings.Count(r.log.String(), "the site does not answer"); n != 1 || strings.Contains(r.log.String(), "secret") {
		t.Errorf("said %d times: %s", n, r.log)
	}
	// What is Témoin's own goes on.
	if res, body := r.do(http.MethodGet, "http://shop.example/.temoin/policy", ""); res.StatusCode != http.StatusOK || !strings.Contains(body, "<html") {
		t.Errorf("the policy: %s", res.Status)
	}
	if _, body := r.operate("/metrics"); !strings.Contains(body, `temoin_upstream_failures_total{site="shop",status="502"} 8`) {
		t.Errorf("%s", body)
	}
}

func TestASiteThatIsSlowIsSaidSo(t *testing.T) {
	t.Parallel()
	r := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), func(c *Config) { c.Header = 20 * time.Millisecond })
	res, body := r.do(http.MethodGet, "http://shop.example/", "")
	if res.StatusCode != http.StatusGatewayTimeout || !strings.Contains(body, "<h1>") {
		t.Errorf("%s %s", res.Status, body)
	}
}

func TestThePageInASitesPlaceIsAccessible(t *testing.T) {
	tab := browsertest.Open(t)
	r := startAt(t, nowhere(t), inEight(t))
	for _, scheme := range []string{"light", "dark"} {
		for _, language := range []string{"en", "ar", "de"} {
			tab.Look(360, scheme)
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				req.Header.Set("Accept-Language", language)
				req.Host = "shop.example"
				r.fronts[0].server.Handler.ServeHTTP(w, req)
			}))
			defer front.Close()
			tab.Do(chromedp.Navigate(front.URL + "/path"))
			tab.Screenshot("down-" + scheme + "-" + language)
			tab.Accessible(scheme + " " + language)
			if browsertest.Evaluate[bool](tab, `document.documentElement.scrollWidth > innerWidth || [...document.querySelectorAll('h1, p, a')].some(e => { const r = e.getBoundingClientRect(); return r.left < 0 || r.right > innerWidth })`) {
				t.Errorf("%s %s: it is wider than the screen", scheme, language)
			}
			if browsertest.Evaluate[string](tab, `getComputedStyle(document.body).maxWidth`) == "none" {
				t.Errorf("%s %s: its style is not applied", scheme, language)
			}
		}
	}
}

// A page that breaks off behind the gate breaks off before it, compressed or not.
func TestAPageThatBreaksOffNeverLooksWhole(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"Content-Length: 5000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n100\r\n"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				http.ReadRequest(bufio.NewReader(c))
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"+way+small)
				c.Close()
			}
		}()
		r := startAt(t, &url.URL{Scheme: "http", Host: l.Addr().String()}, nil)
		c := r.dial()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop.example\r\nSec-Fetch-Dest: document\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			continue // nothing came: that looks like no page
		}
		if b, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("%q: %d bytes that look like a page: %s", way, len(b), b)
		}
	}
}

// onStores runs a test over a store that can be lost.
func onStores(t *testing.T, test func(t *testing.T, where string, lose, mend func())) {
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		p := storetest.NewServer(t)
		serve := func() {
			if err := p.Serve(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
		serve()
		test(t, p.Address(), p.Halt, serve)
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		where, fill, empty := smallDisk(t)
		test(t, where, fill, empty)
	})
}

func TestWithoutItsStoreTheSiteGoesOnAndGrantsNothingNew(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, where string, lose, mend func()) {
		r := start(t, page, func(c *Config) { c.Node.Store = where })
		notice := r.notice()
		status, _, cookie := r.choose("accept", notice)
		if status != http.StatusOK {
			t.Fatalf("a choice: %d", status)
		}
		lose()
		if status, id, set := r.choose("accept", notice); status != http.StatusServiceUnavailable || id != "" || set != "" {
			t.Errorf("without the store a choice is answered by %d, %q, %q", status, id, set)
		}
		res, body := r.do(http.MethodGet, "http://shop.example/", "", "Sec-Fetch-Dest: document")
		if res.StatusCode != http.StatusOK || !strings.Contains(body, "<temoin-notice") || strings.Contains(body, ` src="https://counter.example`) || strings.Contains(fmt.Sprint(res.Header["Set-Cookie"]), "_count=1") {
			t.Errorf("without the store: %s %v %s", res.Status, res.Header, body)
		}
		res, body = r.do(http.MethodGet, "http://shop.example/", "", "Sec-Fetch-Dest: document", "Cookie: "+cookie)
		if res.StatusCode != http.StatusOK || !strings.Contains(body, ` src="https://counter.example`) {
			t.Errorf("without the store, with what was granted before: %s %s", res.Status, body)
		}
		if code, said := r.operate("/readyz"); code != http.StatusOK || !strings.HasPrefix(said, "ready") {
			t.Errorf("/readyz: %d %s", code, said)
		}
		if code, _ := r.operate("/healthz"); code != http.StatusOK {
			t.Errorf("/healthz: %d", code)
		}
		mend()
		for try := range 200 {
			status, id, _ := r.choose("refuse", notice)
			if status == http.StatusOK && id != "" {
				return
			}
			if try == 199 {
				t.Errorf("with the store back a choice is answered by %d: %s", status, r.log)
			}
			register.Sleep(t.Context(), 50*time.Millisecond)
		}
	})
}

func TestWhetherChoicesCanBeKeptIsToldWhereItIsAsked(t *testing.T) {
	t.Parallel()
	p := storetest.NewServer(t)
	if err := p.Serve(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	r := start(t, page, func(c *Config) { c.Node.Store = p.Address() })
	if code, said := r.operate("/readyz?choices"); code != http.StatusOK || said != "ready\n" {
		t.Fatalf("%d %s", code, said)
	}
	p.Halt()
	if code, said := r.operate("/readyz?choices"); code != http.StatusServiceUnavailable || !strings.Contains(said, "choices cannot be kept") {
		t.Errorf("%d %s", code, said)
	}
	if code, said := r.operate("/readyz"); code != http.StatusOK || !strings.Contains(said, "choices cannot be kept") {
		t.Errorf("%d %s", code, said)
	}
}
