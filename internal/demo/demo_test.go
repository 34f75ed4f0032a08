package demo

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/temoin/temoin/internal/browsertest"
)

// get asks the demo for a page of a host.
func (w *world) get(host, path string) (status int, body string, header http.Header) {
	w.t.Helper()
	req, err := http.NewRequest("GET", w.Home()+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Host = host
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header
}

func TestEachSiteAnswersUnderItsOwnHostName(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	for host, want := range map[string]string{
		"pix2clip.localhost:8080": "<title>Pix2Clip",
		"PLATFORM.localhost":      "The Platform</title>",
		"cexro.localhost":         "Cexro OCR</title>",
		"127.0.0.1:8080":          "Three sites",
		"LOCALHOST":               "Three sites",
		"[::1]:8080":              "Three sites",
	} {
		if status, body, _ := w.get(host, "/"); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d without %q", host, status, want)
		}
	}
	for host, want := range map[string]string{"pix2clip.localhost": "next-auth.session-token", "platform.localhost": "Google Analytics", "cexro.localhost": "cexro_session"} {
		if status, body, _ := w.get(host, "/.temoin/policy"); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("the policy of %s: %d without %q", host, status, want)
		}
	}
	if status, _, _ := w.get("localhost", "/.temoin/policy"); status != http.StatusNotFound {
		t.Errorf("the policy of a site that is none: %d", status)
	}
	for _, host := range []string{"elsewhere.example:8080", "other.localhost", "cexro.localhost.elsewhere.example"} { // a name that somebody leads here
		if status, body, _ := w.get(host, "/"); status != http.StatusMisdirectedRequest || strings.Contains(body, "Three sites") {
			t.Errorf("%s: %d", host, status)
		}
	}
	if status, _, _ := w.get("cexro.localhost", "/elsewhere"); status != http.StatusNotFound {
		t.Errorf("a page that is none: %d", status)
	}
}

func TestAnEarlierVersionIsServedAndSaysThatItIsNotInForce(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	for tag, words := range map[string]string{
		"en": "This is an earlier version of this policy. The version in force is <bdi>1.0</bdi>.",
		"fr": "Vous lisez une version antérieure de cette politique. La version en vigueur est la version <bdi>1.0</bdi>.",
	} {
		status, old, _ := w.get("platform.localhost", "/.temoin/policy/0.9?lang="+tag)
		if status != http.StatusOK || !strings.Contains(old, words) || !strings.Contains(old, `<a href="/.temoin/policy?lang=`+tag) {
			t.Errorf("%s: %d without %q and a link to the version in force", tag, status, words)
		}
		if strings.Contains(old, "Daily") || strings.Contains(old, "platform.booking") {
			t.Errorf("%s: the earlier version holds what came with the present one", tag)
		}
	}
	if status, _, _ := start(t, options{published: true}).get("platform.localhost", "/.temoin/policy/0.9"); status != http.StatusNotFound {
		t.Errorf("a policy as published has an earlier version: %d", status)
	}
}

func TestTheVersionInForceSaysWhatChangedSinceTheOneBefore(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	for tag, words := range map[string][]string{
		"en": {"What changed since version <bdi>0.9</bdi>", "Lessons are given by video", "Version 0.9, 1 October 2025"},
		"fr": {"Ce qui a changé depuis la version <bdi>0.9</bdi>", "Les cours se donnent en vidéo", "Version 0.9, 1er octobre 2025"},
	} {
		_, page, _ := w.get("platform.localhost", "/.temoin/policy?lang="+tag)
		for _, want := range append(words, `href="/.temoin/policy/0.9`) {
			if !strings.Contains(page, want) {
				t.Errorf("%s: nothing says %q", tag, want)
			}
		}
		_, changes, _ := strings.Cut(page, `id="since"`)
		changes, _, _ = strings.Cut(changes, `id="history"`)
		for _, want := range []string{"<bdi>Daily</bdi>", "platform.booking"} {
			if !strings.Contains(changes, want) {
				t.Errorf("%s: %q is no change: %s", tag, want, changes)
			}
		}
		if strings.Contains(page, `class="old"`) {
			t.Errorf("%s: the version in force is said to be old", tag)
		}
	}
}

func TestTheDemosOwnPagesForbidWhatIsForeign(t *testing.T) {
	t.Parallel()
	w := start(t, options{published: true})
	for _, path := range []string{"/", "/findings/cexro", "/nowhere", "/?lang=%22%3E%3Cscript%3Ealert(1)%3C/script%3E"} {
		_, body, header := w.get("localhost", path)
		if strings.Contains(body, "<script") {
			t.Errorf("%s has a script", path)
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'sha256-" + styleHash + "'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
			"X-Content-Type-Options":  "nosniff",
			"Referrer-Policy":         "no-referrer",
		} {
			if header.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, header.Get(name))
			}
		}
	}
}

func TestTheNextVersionComesIntoForceByAButtonOfTheDemosOwn(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	post := func(origin string) int {
		req, err := http.NewRequest("POST", w.Home()+"/next", strings.NewReader(url.Values{"site": {"platform"}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", origin)
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	if got := post("http://platform.localhost"); got != http.StatusForbidden {
		t.Errorf("a page of somebody else: %d", got)
	}
	if v := w.site("platform").Policy.Version; v != "1.0" {
		t.Fatalf("in force is %s", v)
	}
	if got := post(w.Home()); got != http.StatusSeeOther {
		t.Errorf("the demo's own page: %d", got)
	}
	if v := w.site("platform").Policy.Version; v != "1.1" {
		t.Errorf("in force is %s", v)
	}
	_, list, _ := w.get("localhost", "/")
	for said, want := range map[string]int{"Bring <bdi>": 1, "It is in force": 1, "temoin activate --store": 1, "<code>examples/platform/site.1.1.yaml</code>": 1, "<code>examples/pix2clip/site.yaml</code>": 1, " 1 services": 0} {
		if got := strings.Count(list, said); got != want {
			t.Errorf("the list says %q %d times, not %d", said, got, want)
		}
	}
	if _, findings, _ := w.get("localhost", "/findings/platform"); !strings.Contains(findings, "site.1.1.yaml") {
		t.Error("the findings are not those of the version in force")
	}
	if err := w.Advance(t.Context(), "cexro"); err == nil {
		t.Error("a site without another version has one")
	}
}

func TestADemoStartedAgainGoesOnWithWhatItKept(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	w := start(t, options{store: store})
	v := w.open(t, "platform", "/")
	v.choose("accept")
	v.run("await fetch('/.temoin/state')") // the choice is kept before it is answered
	receipt := v.run(`const page = await (await fetch('/.temoin/')).text(); return page.match(/receipts\/[0-9a-f-]+/)[0]`)
	w.next("platform")
	w.stop()
	w = start(t, options{store: store})
	if version := w.site("platform").Policy.Version; version != "1.1" {
		t.Errorf("in force is %s", version)
	}
	if show := w.show("platform.localhost"); !show.Advanced() || show.Report.File != show.Next {
		t.Errorf("what is reported is %s", show.Report.File)
	}
	if status, body, _ := w.get("platform.localhost", "/.temoin/"+strings.Trim(receipt, `"`)); status != http.StatusOK {
		t.Errorf("the receipt of before: %d %s", status, body)
	}
}

func TestNobodyKeepsAConnectionForGood(t *testing.T) {
	t.Parallel()
	if h := start(t, options{}).http; h.ReadHeaderTimeout <= 0 || h.ReadTimeout <= 0 || h.WriteTimeout <= 0 || h.MaxHeaderBytes <= 0 {
		t.Errorf("%v %v %v %d", h.ReadHeaderTimeout, h.ReadTimeout, h.WriteTimeout, h.MaxHeaderBytes)
	}
}

func TestTheDemoSaysWhenItsPortIsTaken(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	_, err := Open(context.Background(), Config{Listen: w.listener.Addr().String(), Store: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("%v", err)
	}
}

// BenchmarkOpen measures how long it is from the start to three sites that answer, in a new
// folder.
func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		s, err := Open(context.Background(), Config{Listen: "127.0.0.1:0", Store: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		stop()
		if err := s.Serve(ctx); err != nil {
			b.Error(err)
		}
	}
}

func TestTheListOfSitesIsReadableAtEveryWidth(t *testing.T) {
	t.Parallel()
	for name, published := range map[string]bool{"corrected": false, "published": true} {
		w := start(t, options{published: published})
		tab := browsertest.Open(t)
		for _, look := range []struct {
			width  int64
			scheme string
		}{{1280, "light"}, {360, "dark"}} {
			tab.Look(look.width, look.scheme)
			for page, path := range map[string]string{"list": "/", "findings": "/findings/cexro"} {
				v := &visit{tab, w, t, "platform"}
				v.to(w.Home() + path)
				if wide := browsertest.Evaluate[int64](tab, "document.documentElement.scrollWidth"); wide > look.width {
					t.Errorf("%s is %d wide in a window of %d", path, wide, look.width)
				}
				tab.Accessible(page)
				tab.Screenshot("demo-" + name + "-" + page + "-" + look.scheme)
			}
		}
		if m := tab.Messages(); len(m) > 0 {
			t.Errorf("the console says %v", m)
		}
	}
}
