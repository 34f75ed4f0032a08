package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/internal/browsertest"
	"github.com/temoin/temoin/policy"
)

var day = policy.Date{Year: 2026, Month: time.November, Day: 21}

// start serves the examples on a free port until the test ends.
func start(t *testing.T, asPublished bool) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0", asPublished, day)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

func get(t *testing.T, s *Server, host, path string) (status int, body string, header http.Header) {
	t.Helper()
	req, err := http.NewRequest("GET", "http://"+s.listener.Addr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header
}

func TestEachSiteAnswersUnderItsOwnHostName(t *testing.T) {
	t.Parallel()
	s := start(t, false)
	for host, want := range map[string]string{
		"pix2clip.localhost:8080": "Pix2Clip",
		"PLATFORM.localhost":      "/.temoin/policy?lang=en",
		"cexro.localhost":         "العربية",
		"127.0.0.1:8080":          "Example sites",
		"elsewhere.example":       "Example sites",
	} {
		if status, body, _ := get(t, s, host, "/"); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d without %q", host, status, want)
		}
	}
	for host, want := range map[string]string{"pix2clip.localhost": "next-auth.session-token", "platform.localhost": "Google Analytics", "cexro.localhost": "cexro_session"} {
		if status, body, _ := get(t, s, host, "/.temoin/policy"); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("the policy of %s: %d without %q", host, status, want)
		}
	}
	if status, _, _ := get(t, s, "elsewhere.example", "/.temoin/policy"); status != http.StatusNotFound {
		t.Errorf("the policy of a site that is none: %d", status)
	}
	if status, _, _ := get(t, s, "cexro.localhost", "/elsewhere"); status != http.StatusNotFound {
		t.Errorf("a page that is none: %d", status)
	}
}

func TestAnEarlierVersionIsServedAndSaysThatItIsNotInForce(t *testing.T) {
	t.Parallel()
	s := start(t, false)
	for tag, words := range map[string]string{
		"en": "This is an earlier version of this policy. The version in force is <bdi>1.0</bdi>.",
		"fr": "Vous lisez une version antérieure de cette politique. La version en vigueur est la version <bdi>1.0</bdi>.",
	} {
		status, old, _ := get(t, s, "platform.localhost", "/.temoin/policy/0.9?lang="+tag)
		if status != http.StatusOK || !strings.Contains(old, words) || !strings.Contains(old, `<a href="/.temoin/policy?lang=`+tag) {
			t.Errorf("%s: %d without %q and a link to the version in force", tag, status, words)
		}
		if strings.Contains(old, "Daily") || strings.Contains(old, "platform.booking") {
			t.Errorf("%s: the earlier version holds what came with the present one", tag)
		}
	}
	if _, page, _ := get(t, s, "platform.localhost", "/"); !strings.Contains(page, `href="/.temoin/policy/0.9"`) || !strings.Contains(page, "from 2025-10-01") {
		t.Error("the page of the site does not lead to the earlier version")
	}
	for _, host := range []string{"cexro.localhost", "pix2clip.localhost"} {
		if _, page, _ := get(t, s, host, "/"); strings.Contains(page, "in force before") {
			t.Errorf("%s tells of earlier versions and has none", host)
		}
	}
	if status, _, _ := get(t, start(t, true), "platform.localhost", "/.temoin/policy/0.9"); status != http.StatusNotFound {
		t.Errorf("a policy as published has an earlier version: %d", status)
	}
}

func TestTheVersionInForceSaysWhatChangedSinceTheOneBefore(t *testing.T) {
	t.Parallel()
	s := start(t, false)
	for tag, words := range map[string][]string{
		"en": {"What changed since version <bdi>0.9</bdi>", "Lessons are given by video", "Version 0.9, 1 October 2025"},
		"fr": {"Ce qui a changé depuis la version <bdi>0.9</bdi>", "Les cours se donnent en vidéo", "Version 0.9, 1er octobre 2025"},
	} {
		_, page, _ := get(t, s, "platform.localhost", "/.temoin/policy?lang="+tag)
		for _, w := range append(words, `href="/.temoin/policy/0.9`) {
			if !strings.Contains(page, w) {
				t.Errorf("%s: nothing says %q", tag, w)
			}
		}
		_, changes, _ := strings.Cut(page, `id="since"`)
		changes, _, _ = strings.Cut(changes, `id="history"`)
		for _, w := range []string{"<bdi>Daily</bdi>", "platform.booking"} {
			if !strings.Contains(changes, w) {
				t.Errorf("%s: %q is no change: %s", tag, w, changes)
			}
		}
		if strings.Contains(page, `class="old"`) {
			t.Errorf("%s: the version in force is said to be old", tag)
		}
	}
}

func TestAPageShowsNothingThatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	s := start(t, true)
	_, body, header := get(t, s, "cexro.localhost", "/?lang=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
	if strings.Contains(body, "<script") {
		t.Error("the query reaches the page")
	}
	if csp := header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("CSP: %s", csp)
	}
}

func TestEveryPageOfTheDemosOwnForbidsWhatIsForeign(t *testing.T) {
	t.Parallel()
	s := start(t, false)
	for _, host := range []string{"cexro.localhost", "elsewhere.example"} {
		_, _, page := get(t, s, host, "/")
		_, _, none := get(t, s, host, "/nowhere")
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'sha256-" + styleHash + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
			"X-Content-Type-Options":  "nosniff",
			"Referrer-Policy":         "no-referrer",
		} {
			if page.Get(name) != want || none.Get(name) != want {
				t.Errorf("%s: %s is %q, and %q where there is no page", host, name, page.Get(name), none.Get(name))
			}
		}
	}
}

func TestNobodyKeepsAConnectionForGood(t *testing.T) {
	t.Parallel()
	if h := start(t, false).http; h.ReadHeaderTimeout <= 0 || h.ReadTimeout <= 0 || h.WriteTimeout <= 0 || h.MaxHeaderBytes <= 0 {
		t.Errorf("%v %v %v %d", h.ReadHeaderTimeout, h.ReadTimeout, h.WriteTimeout, h.MaxHeaderBytes)
	}
}

func TestTheDemoSaysWhenItsPortIsTaken(t *testing.T) {
	t.Parallel()
	s := start(t, false)
	_, err := Listen(s.listener.Addr().String(), false, day)
	if err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("%v", err)
	}
}

func TestPagesAreReadableInABrowserAtEveryWidth(t *testing.T) {
	t.Parallel()
	for _, published := range []bool{false, true} {
		s := start(t, published)
		tab := browsertest.Open(t)
		pages := map[string]string{"list": "http://" + s.listener.Addr().String() + "/"}
		for _, sh := range s.shows {
			pages[sh.Site.ID] = s.Addresses()[sh.Site.ID] + "/"
		}
		for name, address := range pages {
			for _, look := range []struct {
				width  int64
				scheme string
			}{{1280, "light"}, {360, "dark"}} {
				tab.Look(look.width, look.scheme)
				tab.Do(chromedp.Navigate(address))
				if wide := browsertest.Evaluate[int64](tab, "document.documentElement.scrollWidth"); wide > look.width {
					t.Errorf("%s is %d wide in a window of %d", address, wide, look.width)
				}
				if n := browsertest.Evaluate[int](tab, "document.querySelectorAll('h1').length"); n != 1 {
					t.Errorf("%s has %d main headings", address, n)
				}
				tab.Screenshot(fmt.Sprintf("demo-%v-%s-%d", published, name, look.width))
			}
		}
		if m := tab.Messages(); len(m) > 0 {
			t.Errorf("the console says %v", m)
		}
	}
}
