package gate_test

import (
	"bytes"
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
	if err := site.Rewrite(&b, []byte("<p>part</p>"), "/a/part.html"); err != nil || b.String() != "<p>part</p>" {
		t.Errorf("%v: %s", err, b.String())
	}
}
