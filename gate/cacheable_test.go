package gate_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/temoin/temoin/gate"
)

func TestCacheablePagesAreTheSameForEverybody(t *testing.T) {
	t.Parallel()
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html")
		h.Set("Cache-Control", "public, max-age=600")
		h.Set("Etag", `"v1"`)
		if r.Header.Get("If-None-Match") == `"v1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		io.WriteString(w, small)
	}), with("enforcement: {cacheable: true, seal: block}"))
	first, body := s.get("/")
	if !strings.Contains(body, "<head><script src=/.temoin/temoin.js?lang=fr></script>") || strings.Contains(body, "temoin-notice") || !strings.Contains(body, `data-temoin="counter"`) {
		t.Error(body)
	}
	if first.Header.Get("Cache-Control") != "public, max-age=600" || strings.Contains(first.Header.Get("Vary"), "Cookie") {
		t.Error(first.Header)
	}
	if csp := first.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "counter.example") || !strings.Contains(csp, "chat.example") {
		t.Errorf("what somebody may allow is not in %q", csp)
	}
	for _, headers := range [][]string{{"Cookie: " + s.choice("stats", "support")}, {"Cookie: " + s.choice() + "; _count=1"}, {"Sec-GPC: 1"}, {"Accept-Language: de"}, {"Sec-Fetch-Dest: empty"}} {
		res, other := s.get("/", headers...)
		if other != body || res.Header.Get("Etag") != first.Header.Get("Etag") || res.Header.Get("Content-Security-Policy") != first.Header.Get("Content-Security-Policy") || res.Header["Set-Cookie"] != nil {
			t.Errorf("%v: %v\n%s", headers, res.Header, other)
		}
		if res, _ := s.get("/", append(headers, "If-None-Match: "+first.Header.Get("Etag"))...); res.StatusCode != http.StatusNotModified {
			t.Errorf("%v: what a cache has is asked for again: %d", headers, res.StatusCode)
		}
	}
}

func TestAFileIsRewrittenAsItWouldBeServed(t *testing.T) {
	t.Parallel()
	s := unserved(t, nil)
	var b bytes.Buffer
	site := gate.Compile(s.site, gate.Parts{Notice: fake{}})
	if err := site.Rewrite(&b, []byte(small), "/a/"); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.Contains(got, "<head><script src=/.temoin/temoin.js?lang=fr></script>") || !strings.Contains(got, `data-temoin="counter"`) {
		t.Error(got)
	}
	b.Reset()
	if err := site.Rewrite(io.Discard, []byte("\xff\xfe<\x00p\x00>\x00"), "/wide.html"); !errors.Is(err, gate.ErrUnread) {
		t.Errorf("a page in UTF-16: %v", err)
	}
	if err := site.Rewrite(&b, []byte("<p>part</p>"), "/a/part.html"); err != nil || b.String() != "<p>part</p>" {
		t.Errorf("%v: %s", err, b.String())
	}
}

// A page with the preference centre in it, or a part of one that a script asks for.
func TestAnAnswerThatShowsAChoiceIsOneVisitorsWhereverPagesAreEverybodys(t *testing.T) {
	t.Parallel()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gate.Of(r.Context()).Personal()
		h := w.Header()
		h.Set("Content-Type", r.URL.Query().Get("kind"))
		h.Set("Cache-Control", "public, max-age=600")
		h.Set("Etag", `"v1"`)
		h.Set("Last-Modified", "Sun, 22 Nov 2026 11:00:00 GMT")
		io.WriteString(w, small)
	})
	for _, s := range []*shop{open(t, handler, with("enforcement: {cacheable: true}")), open(t, handler), open(t, handler, with("enforcement: {mode: observe}"))} {
		for _, path := range []string{"/?kind=text/html", "/?kind=application/json"} {
			for _, dest := range []string{"document", "empty"} {
				res, _ := s.get(path, "Sec-Fetch-Dest: "+dest)
				h := res.Header
				if h.Get("Cache-Control") != "private, no-cache" || !strings.Contains(h.Get("Vary"), "Cookie") || h.Get("Etag") == `"v1"` {
					t.Errorf("%s as %s: %v", path, dest, h)
				}
			}
		}
	}
}
