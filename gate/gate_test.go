package gate_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/gate"
)

func TestADocumentHasTheNoticeAndNothingThatIsNotAllowed(t *testing.T) {
	t.Parallel()
	s := open(t, page(small))
	res, body := s.get("/")
	if !strings.HasPrefix(body, noticed) || strings.Contains(body, ` src="https://counter.example`) || !strings.Contains(body, `data-temoin="counter"`) {
		t.Error(body)
	}
	if got := res.Header.Get("Cache-Control"); got != "private, no-cache" {
		t.Errorf("Cache-Control: %s", got)
	}
	if !strings.Contains(res.Header.Get("Vary"), "Cookie") {
		t.Errorf("Vary: %s", res.Header.Get("Vary"))
	}
	if !s.events.has(gate.Neutralised, "script src") || !s.events.has(gate.PageAsked, "") {
		t.Errorf("told: %+v", s.events.list)
	}
	_, body = s.get("/", "Cookie: "+s.choice("stats", "support"))
	if want := strings.Replace(small, "<head>", "<head>"+headBytes, 1); body != want {
		t.Errorf("with everything allowed:\n%s\nwant\n%s", body, want)
	}
}

func TestWhatIsNoDocumentGetsNoNotice(t *testing.T) {
	t.Parallel()
	s := open(t, page(small))
	for _, headers := range [][]string{
		{"Sec-Fetch-Dest: empty"},
		{"Accept: text/html", "X-Requested-With: XMLHttpRequest"}, {"Hx-Request: true"}, {"Turbo-Frame: list"},
	} {
		_, body := s.do(http.MethodGet, "/", headers...)
		if strings.Contains(body, "notice") || strings.Contains(body, ` src="https://counter.example`) {
			t.Errorf("%v: %s", headers, body)
		}
	}
	for _, headers := range [][]string{{}, {"Accept: text/html"}, {"Sec-Fetch-Dest: document"}} {
		if _, body := s.do(http.MethodGet, "/", headers...); !strings.HasPrefix(body, noticed) {
			t.Errorf("%v: %s", headers, body)
		}
	}
	fragment := open(t, page(`<div>part</div>`))
	if _, body := fragment.do(http.MethodGet, "/"); body != `<div>part</div>` {
		t.Errorf("a part of a page: %s", body)
	}
	if _, body := fragment.get("/"); !strings.Contains(body, bodyBytes[:15]) {
		t.Errorf("a part of a page that is shown as a document: %s", body)
	}
}

func TestADocumentInAFrameHasTheScriptsAndNoNotice(t *testing.T) {
	t.Parallel()
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(small)))
		w.Header().Set("Etag", `"1"`)
		page(small).ServeHTTP(w, r)
	}))
	for range 3 { // of which the later ones are remembered
		for _, dest := range []string{"iframe", "frame", "embed"} {
			if _, body := s.do(http.MethodGet, "/", "Sec-Fetch-Dest: "+dest); !strings.Contains(body, "<head>"+headBytes) || strings.Contains(body, "<temoin-notice") {
				t.Errorf("%s: %s", dest, body)
			}
		}
		if _, body := s.get("/"); !strings.HasPrefix(body, noticed) {
			t.Errorf("in a window: %s", body)
		}
	}
	window, _ := s.get("/")
	if frame, _ := s.do(http.MethodGet, "/", "Sec-Fetch-Dest: iframe"); frame.Header.Get("Etag") == window.Header.Get("Etag") {
		t.Error("a frame shows what a window has kept")
	}
	if _, body := open(t, page(`<div>part</div>`)).do(http.MethodGet, "/", "Sec-Fetch-Dest: iframe"); body != `<div>part</div>` {
		t.Errorf("a part of a page: %s", body)
	}
}

func TestWhatIsNoPagePassesAsItIs(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "big.bin")
	big := bytes.Repeat([]byte("<script src=https://counter.example/>"), 1<<15)
	if err := os.WriteFile(file, big, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=600")
		w.Header().Set("Etag", `"e"`)
		switch r.URL.Path {
		case "/file":
			http.ServeFile(w, r, file)
		case "/download":
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Disposition", `attachment; filename="a.html"`)
			io.WriteString(w, small)
		case "/json":
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `"<script src=https://counter.example/>"`)
		}
	}))
	for path, want := range map[string]string{"/file": string(big), "/download": small, "/json": `"<script src=https://counter.example/>"`} {
		res, body := s.get(path)
		if body != want || res.Header.Get("Cache-Control") != "public, max-age=600" || res.Header.Get("Etag") != `"e"` {
			t.Errorf("%s: %d bytes, %v", path, len(body), res.Header)
		}
	}
	res, body := s.do(http.MethodGet, "/file", "Range: bytes=10-19")
	if res.StatusCode != http.StatusPartialContent || body != string(big[10:20]) {
		t.Errorf("a range: %d %q", res.StatusCode, body)
	}
}

// fileWriter notices whether a file reaches it whole.
type fileWriter struct {
	http.ResponseWriter
	direct bool
}

func (w *fileWriter) ReadFrom(src io.Reader) (int64, error) {
	_, w.direct = src.(*io.LimitedReader)
	return io.Copy(w.ResponseWriter, src)
}

func TestFilesGoTheShortWay(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a.css")
	os.WriteFile(file, []byte("p{}"), 0o600)
	g := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) }))
	to := &fileWriter{ResponseWriter: httptest.NewRecorder()}
	g.gate.ServeHTTP(to, httptest.NewRequest(http.MethodGet, "/a.css", nil))
	if !to.direct {
		t.Error("the file was copied through memory")
	}
}

func compress(t *testing.T, coding, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		w, _ = zstd.NewWriter(&b)
	}
	io.WriteString(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func plain(t *testing.T, coding string, body string) string {
	t.Helper()
	var r io.Reader
	var err error
	switch coding {
	case "gzip":
		r, err = gzip.NewReader(strings.NewReader(body))
	case "br":
		r = brotli.NewReader(strings.NewReader(body))
	case "zstd":
		r, err = zstd.NewReader(strings.NewReader(body))
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCompressedPagesAreRewrittenInTheirCoding(t *testing.T) {
	t.Parallel()
	long := strings.Replace(small, "Text", strings.Repeat("Text and more. ", 20000), 1)
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		coding := strings.TrimPrefix(r.URL.Path, "/")
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Encoding", coding)
		b := compress(t, coding, long)
		for len(b) > 0 { // in odd pieces
			n := min(len(b), 1009)
			w.Write(b[:n])
			b = b[n:]
		}
	}))
	for _, coding := range []string{"gzip", "br", "zstd"} {
		res, body := s.get("/"+coding, "Accept-Encoding: "+coding)
		if res.Header.Get("Content-Encoding") != coding {
			t.Errorf("%s: %v", coding, res.Header)
			continue
		}
		got := plain(t, coding, body)
		if !strings.Contains(got, headBytes) || !strings.Contains(got, `data-temoin="counter"`) || len(got) < len(long) {
			t.Errorf("%s: %d bytes: %.200s", coding, len(got), got)
		}
	}
}

func TestTheSiteIsAskedForCodingsThatAreUnderstood(t *testing.T) {
	t.Parallel()
	var asked string
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked = r.Header.Get("Accept-Encoding") }))
	s.get("/", "Accept-Encoding: gzip, deflate, br;q=0.5, zstd, dcb")
	if asked != "gzip, br;q=0.5, zstd" {
		t.Errorf("asked for %q", asked)
	}
	s.get("/", "Accept-Encoding: deflate")
	if asked != "identity" {
		t.Errorf("asked for %q", asked)
	}
	s.do(http.MethodGet, "/a.js", "Sec-Fetch-Dest: script", "Accept-Encoding: deflate")
	if asked != "deflate" {
		t.Errorf("for what is no page: %q", asked)
	}
}

func TestABodyThatIsNotWhatItSaysEndsTheConnection(t *testing.T) {
	t.Parallel()
	site := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(w, "no gzip at all")
		io.WriteString(w, ", and more")
	})
	s, watched := open(t, site), open(t, site, with("enforcement: {mode: observe}"))
	if _, body := watched.get("/", "Accept-Encoding: gzip"); body != "no gzip at all, and more" || !watched.events.has(gate.Cut, "coding") {
		t.Errorf("only watched: %q, told %v", body, watched.events.list)
	}
	got := s.raw("GET / HTTP/1.1\r\nHost: shop.example\r\nSec-Fetch-Dest: document\r\nConnection: close\r\n\r\n")
	if strings.HasSuffix(got, "0\r\n\r\n") || !s.events.has(gate.Cut, "coding") {
		t.Errorf("it looks complete: %q, or nobody is told: %v", got, s.events.list)
	}
}

func TestACompressedBodyEndsWhereBrowsersEndIt(t *testing.T) {
	t.Parallel()
	gz, br := compress(t, "gzip", small), compress(t, "br", small)
	sum := slices.Clone(gz)
	sum[len(sum)-8] ^= 1
	bodies := map[string][]byte{
		"gzip/zeros": append(slices.Clone(gz), make([]byte, 700)...), "gzip/more": append(slices.Clone(gz), "something else behind its end"...),
		"gzip/sum": sum, "br/more": append(slices.Clone(br), "something else"...),
		"gzip/cut": gz[:len(gz)-5], "br/cut": br[:len(br)-1],
	}
	site := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		coding, _, _ := strings.Cut(r.URL.Path[1:], "/")
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Encoding", coding)
		w.Write(bodies[r.URL.Path[1:]])
	})
	for name, sent := range bodies {
		s, watched := open(t, site), open(t, site, with("enforcement: {mode: observe}"))
		coding, _, _ := strings.Cut(name, "/")
		_, body := s.get("/"+name, "Accept-Encoding: "+coding)
		if got := plain(t, coding, body); !strings.Contains(got, headBytes) || strings.Contains(got, "something else") || coding == "gzip" && !strings.HasSuffix(strings.TrimSpace(got), "</html>") {
			t.Errorf("%s: %s", name, got)
		}
		if _, body := watched.get("/"+name, "Accept-Encoding: "+coding); body != string(sent) {
			t.Errorf("%s, only watched: %q", name, body)
		}
		if short := strings.HasSuffix(name, "cut"); s.events.has(gate.Cut, "coding") != short || watched.events.has(gate.Cut, "coding") != short || !watched.events.has(gate.Neutralised, "script src") {
			t.Errorf("%s: told %v and %v", name, s.events.list, watched.events.list)
		}
	}
}

func TestWhatAnotherSiteDoesNotSayOfItsPageIsNotSaidForIt(t *testing.T) {
	t.Parallel()
	latin1 := strings.Replace(small, "<head>", "<head><meta charset=iso-8859-1>", 1) + "h\xe9"
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = nil
		if r.URL.Path == "/stops" {
			w.Header().Set("Content-Length", "9999")
		}
		io.WriteString(w, latin1)
	}))
	t.Cleanup(site.Close)
	u, _ := url.Parse(site.URL)
	proxy := gate.NewProxy(gate.ProxyConfig{Upstream: u})
	if res, body := open(t, proxy).get("/"); res.Header.Get("Content-Type") != "text/html" || !strings.HasSuffix(body, "h\xe9") || !strings.Contains(body, headBytes) {
		t.Errorf("%v %q", res.Header, body)
	}
	watched := open(t, proxy, with("enforcement: {mode: observe}"))
	if res, body := watched.get("/"); len(res.Header["Content-Type"]) > 0 || body != latin1 || !watched.events.has(gate.Neutralised, "script src") {
		t.Errorf("only watched: %v %q", res.Header, body)
	}
	if got := watched.raw("GET /stops HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n"); !strings.HasSuffix(got, latin1) || !watched.events.has(gate.Cut, "site") {
		t.Errorf("only watched, what came of a page that stops: %q", got)
	}
	own := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, small) }) // whose server writes UTF-8
	for _, s := range []*shop{open(t, own), open(t, own, with("enforcement: {mode: observe}"))} {
		if res, _ := s.get("/"); res.Header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("a handler's own page: %v", res.Header)
		}
	}
}

func TestAPageThatStopsIsTold(t *testing.T) {
	t.Parallel()
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/length" {
			w.Header().Set("Content-Length", "9999")
		}
		io.WriteString(w, small)
		if r.URL.Path == "/site" {
			panic(http.ErrAbortHandler)
		}
	}))
	for _, why := range []string{"length", "site"} {
		s.raw("GET /" + why + " HTTP/1.1\r\nHost: shop.example\r\nSec-Fetch-Dest: document\r\nConnection: close\r\n\r\n")
		if !s.events.has(gate.Cut, why) {
			t.Errorf("%s: told %v", why, s.events.list)
		}
	}
}

func TestPagesAreCountedOnceTheyAreShown(t *testing.T) {
	t.Parallel()
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch w.Header().Set("Content-Type", "text/html"); r.URL.Path {
		case "/text":
			w.Header().Set("Content-Type", "text/plain")
		case "/moved":
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		io.WriteString(w, small)
	}))
	for path, want := range map[string]bool{"/text": false, "/moved": false, "/page": true} {
		s.events.mu.Lock()
		s.events.list = nil
		s.events.mu.Unlock()
		s.raw("GET " + path + " HTTP/1.1\r\nHost: shop.example\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
		if s.events.has(gate.PageAsked, "") != want {
			t.Errorf("%s: told %v", path, s.events.list)
		}
	}
}

func TestWhatCannotBeReadPassesAndIsTold(t *testing.T) {
	t.Parallel()
	utf16 := "\xff\xfe<\x00p\x00>\x00"
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		switch r.URL.Path {
		case "/coding":
			w.Header().Set("Content-Encoding", "compress")
		case "/charset":
			w.Header().Set("Content-Type", "text/html; charset=UTF-16LE")
		case "/part":
			w.Header().Set("Content-Range", "bytes 0-5/100")
			w.WriteHeader(http.StatusPartialContent)
		}
		io.WriteString(w, utf16)
	}))
	for path, why := range map[string]string{"/coding": "coding", "/charset": "charset", "/bom": "charset", "/part": "part"} {
		if _, body := s.get(path); body != utf16 || !s.events.has(gate.Unread, why) {
			t.Errorf("%s: %q, told %v", path, body, s.events.list)
		}
	}
}

func TestAPageWhoseKindIsNotSaidIsOneWhereBrowsersTakeItForOne(t *testing.T) {
	t.Parallel()
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/unknown":
			w.Header().Set("Content-Type", "application/unknown")
		case "/nosniff":
			w.Header().Set("Content-Type", "")
			w.Header().Set("X-Content-Type-Options", "nosniff")
		}
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		io.WriteString(w, small)
	}))
	for path, want := range map[string]bool{"/none": true, "/unknown": true, "/nosniff": false} {
		if _, body := s.get(path); strings.HasPrefix(body, noticed) != want {
			t.Errorf("%s: %s", path, body)
		}
	}
}

// Browsers would wait for more of it.
func TestAPageOfWhichTooLittleComesToTellIsShownAsNone(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"", "unknown/unknown", "application/unknown", "*/*"} {
		s := open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			io.WriteString(w, small[:1])
			io.WriteString(w, small[1:])
		}))
		if res, body := s.get("/"); body == small && res.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%q: browsers show it as a page: %v", kind, res.Header)
		}
	}
}

func TestCookiesAreKeptToTheChoice(t *testing.T) {
	t.Parallel()
	var got string
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Cookie")
		http.SetCookie(w, &http.Cookie{Name: "_count", Value: "9", MaxAge: 1e9, HttpOnly: true})
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "9"})
		w.WriteHeader(http.StatusNoContent)
	}))
	res, _ := s.get("/", "Cookie: session=1; _count=2; other=3")
	if got != "session=1; other=3" {
		t.Errorf("the site sees %q", got)
	}
	set := strings.Join(res.Header["Set-Cookie"], "\n")
	if strings.Contains(set, "_count=9") || !strings.Contains(set, "session=9; HttpOnly") || !strings.Contains(set, "_count=; Max-Age=0") {
		t.Errorf("set:\n%s", set)
	}
	yes := s.choice("stats")
	res, _ = s.get("/", "Cookie: "+yes+"; session=1; _count=2")
	if got != yes+"; session=1; _count=2" {
		t.Errorf("the site sees %q", got)
	}
	for _, c := range res.Cookies() {
		if c.Name == "_count" && (c.Value != "9" || c.MaxAge > 13*31*86400 || !c.HttpOnly) {
			t.Errorf("%v", c)
		}
	}
}

// The consent cookie is Lax: where a form of another site is sent here, it is not.
func TestNothingIsExpiredWhereTheBrowserKeepsTheChoiceBack(t *testing.T) {
	t.Parallel()
	var got string
	s := open(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Cookie") }))
	res, _ := s.do(http.MethodPost, "/back", "Sec-Fetch-Dest: document", "Sec-Fetch-Site: cross-site", "Cookie: _count=1")
	if got != "" || len(res.Header["Set-Cookie"]) > 0 {
		t.Errorf("the site sees %q, set is %q", got, res.Header["Set-Cookie"])
	}
	res, _ = s.do(http.MethodPost, "/back", "Sec-Fetch-Dest: document", "Sec-Fetch-Site: cross-site", "Cookie: _count=1; "+s.choice())
	if len(res.Header["Set-Cookie"]) == 0 {
		t.Error("a refusal that came is not kept to")
	}
}

func TestCookiesOfAServiceInUseGoNoFurtherThanItsPages(t *testing.T) {
	t.Parallel()
	var got string
	s := open(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Cookie") }))
	for _, c := range []struct {
		path    string
		headers []string
		want    string
	}{
		{"/checkout/card", nil, "pay_id=1"},
		{"/other", nil, ""},
		{"/api", []string{"Sec-Fetch-Dest: empty", "Referer: http://shop.example/checkout?x"}, "pay_id=1"},
		{"/api", []string{"Sec-Fetch-Dest: empty", "Referer: http://evil.example/checkout"}, ""},
		{"/api", []string{"Sec-Fetch-Dest: empty", "Referer: http://shop.example/other"}, ""},
	} {
		s.get(c.path, append([]string{"Cookie: pay_id=1"}, c.headers...)...)
		if got != c.want {
			t.Errorf("%s %v: %q", c.path, c.headers, got)
		}
	}
}

func TestWhatIsKeptOfAPageIsUsedForItsDecisionOnly(t *testing.T) {
	t.Parallel()
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/dated" {
			w.Header().Set("Content-Type", "text/html")
			http.ServeContent(w, r, "", noon.Add(-time.Hour), strings.NewReader(small))
			return
		}
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Etag", `"v1"`)
		w.Header().Set("Cache-Control", "public, max-age=600, s-maxage=9")
		w.Header().Set("Expires", "Thu, 01 Jan 2027 00:00:00 GMT")
		http.ServeContent(w, r, "", noon.Add(-time.Hour), strings.NewReader(small))
	}))
	for _, path := range []string{"/tagged", "/dated"} {
		res, _ := s.get(path)
		tag := res.Header.Get("Etag")
		if !strings.HasPrefix(tag, `W/"temoin.`) || res.Header.Get("Last-Modified") != "" || res.Header.Get("Expires") != "" || res.Header.Get("Cache-Control") != "private, no-cache" {
			t.Errorf("%s: %v", path, res.Header)
		}
		again, body := s.get(path, "If-None-Match: "+tag)
		if again.StatusCode != http.StatusNotModified || body != "" || again.Header.Get("Etag") != tag || again.Header.Get("Cache-Control") != "private, no-cache" {
			t.Errorf("%s: the same visitor gets %d %v", path, again.StatusCode, again.Header)
		}
		if got, want := again.Header["Content-Security-Policy-Report-Only"], res.Header["Content-Security-Policy-Report-Only"]; !slices.Equal(got, want) {
			t.Errorf("%s: the policy of 304 is %q, of 200 %q", path, got, want)
		}
		for _, headers := range [][]string{
			{"If-None-Match: " + tag, "Cookie: " + s.choice()},
			{"If-None-Match: " + tag, "Accept-Language: fr"},
			{"If-None-Match: " + tag, "Sec-GPC: 1", "Cookie: " + s.choice("stats")},
			{`If-None-Match: "v1"`},
			{"If-None-Match: *"},
			{"If-Modified-Since: " + noon.Format(http.TimeFormat)},
		} {
			if res, _ := s.get(path, headers...); res.StatusCode != http.StatusOK {
				t.Errorf("%s %v: %d", path, headers, res.StatusCode)
			}
		}
		if res, body := s.get(path, "Range: bytes=0-9"); res.StatusCode != http.StatusOK || len(body) < len(small) {
			t.Errorf("%s: a part of a page: %d %d bytes", path, res.StatusCode, len(body))
		}
	}
}

func TestNoStoreIsKept(t *testing.T) {
	t.Parallel()
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Cache-Control", "No-Store")
		w.Header().Set("Vary", "Accept-Encoding")
		w.Header().Set("CDN-Cache-Control", "max-age=60")
	}))
	res, _ := s.get("/")
	if res.Header.Get("Cache-Control") != "private, no-store" || res.Header.Get("Cdn-Cache-Control") != "" || strings.Join(res.Header["Vary"], ",") != "Accept-Encoding,Cookie" {
		t.Error(res.Header)
	}
}

func TestAChangeIsMadeToTheSitesOwnPage(t *testing.T) {
	t.Parallel()
	var match string
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		match = r.Header.Get("If-Match")
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Etag", `"v,1"`)
	}))
	res, _ := s.get("/")
	s.do(http.MethodPut, "/", `If-Match: "a", `+res.Header.Get("Etag"), "Cookie: "+s.choice())
	if match != `"a", "v,1"` {
		t.Errorf("If-Match: %s", match)
	}
}

func TestHEADSaysWhatGETWould(t *testing.T) {
	t.Parallel()
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Etag", `"v1"`)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(small))
	}))
	get, _ := s.get("/")
	head, body := s.do(http.MethodHead, "/", "Sec-Fetch-Dest: document")
	for _, name := range []string{"Etag", "Cache-Control", "Vary", "Content-Type", "Content-Security-Policy-Report-Only"} {
		if get.Header.Get(name) != head.Header.Get(name) {
			t.Errorf("%s: %q and %q", name, get.Header.Get(name), head.Header.Get(name))
		}
	}
	if body != "" || head.Header.Get("Content-Length") != "" {
		t.Errorf("%q, %v", body, head.Header)
	}
}

func TestTheFirstByteDoesNotWaitForTheLast(t *testing.T) {
	t.Parallel()
	for _, coding := range []string{"", "gzip"} {
		more := make(chan struct{})
		s := open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			var body io.Writer = w
			flush := func() {}
			if coding == "gzip" {
				w.Header().Set("Content-Encoding", "gzip")
				z := gzip.NewWriter(w)
				defer z.Close()
				body, flush = z, func() { z.Flush() }
			}
			head, rest, _ := strings.Cut(small, "<p>")
			io.WriteString(body, head)
			flush()
			w.(http.Flusher).Flush()
			<-more
			io.WriteString(body, "<p>"+rest)
		}))
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
		r.Header.Set("Sec-Fetch-Dest", "document")
		res, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var body io.Reader = res.Body
		if coding == "gzip" {
			if body, err = gzip.NewReader(body); err != nil {
				t.Fatal(err)
			}
		}
		begin := make([]byte, strings.Index(noticed, "<p>"))
		if _, err := io.ReadFull(body, begin); err != nil || !strings.HasSuffix(string(begin), "</temoin-notice>") {
			t.Errorf("%q: %s, %v", coding, begin, err)
		}
		close(more)
		io.Copy(io.Discard, body)
		res.Body.Close()
	}
}

func TestTrailersAndEarlyHintsPass(t *testing.T) {
	t.Parallel()
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Link"] = []string{"</a.css>; rel=preload; as=style", "<https://counter.example/c.js>; rel=preload; as=script"}
		h.Set("Set-Cookie", "session=1")
		w.WriteHeader(http.StatusEarlyHints)
		h.Del("Link")
		h.Set("Trailer", "Checksum")
		h.Set("Content-Type", "text/html")
		io.WriteString(w, small)
		h.Set("Checksum", "1")
	}))
	got := s.raw("GET / HTTP/1.1\r\nHost: shop.example\r\nSec-Fetch-Dest: document\r\nTE: trailers\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload; as=style\r\n\r\nHTTP/1.1 200 OK") || !strings.HasSuffix(got, "0\r\nChecksum: 1\r\n\r\n") || strings.Count(got, "Set-Cookie: session=1") != 1 {
		t.Error(got)
	}
}

func TestObservingChangesNothing(t *testing.T) {
	t.Parallel()
	var got http.Header
	upstream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		h := w.Header()
		h.Set("Content-Type", "text/html")
		h.Set("Etag", `"1"`)
		h.Set("Cache-Control", "public, max-age=60")
		h.Set("Link", "<https://counter.example/c.js>; rel=preload")
		h.Add("Set-Cookie", "_count=1; Max-Age=999999999")
		h.Add("Set-Cookie", "unknown=1")
		h.Set("Date", "Sun, 22 Nov 2026 12:00:00 GMT")
		io.WriteString(w, small)
	})
	bare := httptest.NewServer(upstream)
	defer bare.Close()
	s := open(t, upstream, with("enforcement: {mode: observe, undeclared: block, seal: block}"))
	headers := []string{"Cookie: _count=1; unknown=2", "If-Modified-Since: Sun, 22 Nov 2026 12:00:00 GMT", "Accept-Encoding: deflate"}
	res, body := s.get("/", headers...)
	seen := got
	direct := &shop{Server: bare, t: t, client: s.client}
	want, wantBody := direct.get("/", headers...)
	if body != wantBody {
		t.Errorf("the body: %s", body)
	}
	for name := range want.Header {
		if !slices.Equal(res.Header[name], want.Header[name]) {
			t.Errorf("%s: %q, want %q", name, res.Header[name], want.Header[name])
		}
	}
	if len(res.Header) != len(want.Header) || len(seen) != len(got) || seen.Get("Cookie") != got.Get("Cookie") {
		t.Errorf("answer %v, want %v; request %v, want %v", res.Header, want.Header, seen, got)
	}
	for what, name := range map[gate.What]string{gate.CookieRemoved: "_count", gate.CookieDropped: "_count", gate.CookieBlocked: "unknown", gate.Neutralised: "script src"} {
		if !s.events.has(what, name) {
			t.Errorf("%s %s is not told: %+v", what, name, s.events.list)
		}
	}
}

func TestAHandlerSeesTheDecision(t *testing.T) {
	t.Parallel()
	var views []*gate.View
	s := open(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { views = append(views, gate.Of(r.Context())) }))
	s.get("/")
	s.get("/", "Cookie: "+s.choice("stats"))
	if len(views) != 2 || views[0].Choice != nil || views[0].Decision.Notice != consent.FirstNotice || views[1].Choice == nil || !views[1].Decision.Service(s.site.Service("counter")) {
		t.Errorf("%+v", views)
	}
	if gate.Of(context.Background()) != nil {
		t.Error("a request that came through no gate has a decision")
	}
}

func TestOwnAddressesHaveOneMeaning(t *testing.T) {
	t.Parallel()
	var reached []string
	site := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached = append(reached, "site "+r.URL.Path) })
	s := open(t, site, func(p *gate.Parts, _ *string) {
		p.Mount = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached = append(reached, "own "+r.URL.Path) })
	})
	for path, want := range map[string]string{
		"/.temoin/":                  "own /.temoin/",
		"/.temoin":                   "own /.temoin",
		"/.temoin/choice":            "own /.temoin/choice",
		"/.temoin/placeholder/a%20b": "own /.temoin/placeholder/a b",
		"/.temoin/../admin":          "",
		"/.temoin/%2e%2e/admin":      "",
		"/.temoin%2fchoice":          "",
		"/.temoin/..%2fadmin":        "",
		"/%2etemoin/choice":          "",
		"/a/../.temoin/choice":       "",
		"//.temoin/choice":           "",
		"/.temoin//choice":           "",
		"/.temoinx":                  "site /.temoinx",
		"/a/.temoin/choice":          "site /a/.temoin/choice",
		"/a%2fb":                     "site /a/b",
		"/a//b/../c":                 "site /a//b/../c",
	} {
		reached = nil
		got := s.raw("GET " + path + " HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
		if strings.Join(reached, "") != want || want == "" && !strings.HasPrefix(got, "HTTP/1.1 404") {
			t.Errorf("%s reaches %q: %.40q", path, reached, got)
		}
	}
}

func TestAChoiceExpiresWhatItDoesNotAllow(t *testing.T) {
	t.Parallel()
	var s *shop
	s = open(t, http.NotFoundHandler(), func(p *gate.Parts, _ *string) {
		p.Mount = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("Set-Cookie", s.choice()+"; Path=/")
			w.WriteHeader(http.StatusSeeOther)
		})
	})
	res, _ := s.do(http.MethodPost, "/.temoin/choice", "Cookie: "+s.choice("stats")+"; _count=1; session=2")
	set := strings.Join(res.Header["Set-Cookie"], "\n")
	if !strings.Contains(set, "_count=; Max-Age=0") || strings.Contains(set, "session=") {
		t.Error(set)
	}
}

func TestNoVersionIsNoService(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	gate.New(gate.Config{Site: func() *gate.Site { return nil }}, page(small)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "counter") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestAClientIsLimitedBelowThePrefixOnly(t *testing.T) {
	t.Parallel()
	s := open(t, page("x"), func(p *gate.Parts, _ *string) {
		p.Mount = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
		p.Limit = &gate.Limit{Rate: 1, Burst: 3}
	})
	var got []int
	for range 5 {
		res, _ := s.get("/.temoin/")
		got = append(got, res.StatusCode)
	}
	if !slices.Equal(got, []int{200, 200, 200, 429, 429}) {
		t.Errorf("%v", got)
	}
	if res, _ := s.get("/"); res.StatusCode != 200 {
		t.Error(res.Status)
	}
}

func TestAPanicEndsTheConnectionAndLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := unserved(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(compress(t, "gzip", small)[:40])
			panic(http.ErrAbortHandler)
		}))
		defer func() {
			if p := recover(); !errors.Is(p.(error), http.ErrAbortHandler) {
				t.Error(p)
			}
			synctest.Wait() // and all that was begun has ended, or the test fails
		}()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Sec-Fetch-Dest", "document")
		s.gate.ServeHTTP(httptest.NewRecorder(), r)
	})
}

func TestWhatAScriptHasAskedForIsNotShownAsADocument(t *testing.T) {
	t.Parallel()
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Etag", `"1"`)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(small))
	}))
	res, _ := s.do(http.MethodGet, "/", "Sec-Fetch-Dest: empty")
	if res, body := s.get("/", "If-None-Match: "+res.Header.Get("Etag")); res.StatusCode != http.StatusOK || !strings.HasPrefix(body, noticed) {
		t.Errorf("%d: the browser shows what a script has kept", res.StatusCode)
	}
}

// What browsers show as a page is one, whatever it is called.
func TestOddKindsAndCodingsAreReadAsBrowsersReadThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, value string }{
		{"Content-Type", "text/html charset=utf-8"}, {"Content-Type", "html"}, {"Content-Type", "text/html(x)"}, {"Content-Type", "text/plain, text/html"}, {"Content-Type", "TEXT/HTML"},
		{"Content-Encoding", "none"}, {"Content-Encoding", "utf-8"}, {"Content-Encoding", "identity, identity"},
	} {
		s := open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set(c.name, c.value)
			io.WriteString(w, small)
		}))
		if _, body := s.get("/"); !strings.HasPrefix(body, noticed) || strings.Contains(body, ` src="https://counter`) {
			t.Errorf("%s: %s: %s", c.name, c.value, body)
		}
	}
}

func TestAPageThatAServiceWorkerAsksForIsADocument(t *testing.T) {
	t.Parallel()
	s := open(t, page(small))
	if _, body := s.do(http.MethodGet, "/", "Sec-Fetch-Dest: empty", "Sec-Fetch-Mode: navigate"); !strings.HasPrefix(body, noticed) {
		t.Error(body)
	}
}

func TestAPlaceholderIsOfTheSiteWhateverTheBaseOfThePage(t *testing.T) {
	t.Parallel()
	s := open(t, page(`<!doctype html><html><head><base href="https://other.example/"></head><body><iframe src="https://chat.example/c"></iframe></body></html>`))
	if _, body := s.get("/"); !strings.Contains(body, ` src="http://shop.example/.temoin/placeholder/chat`) {
		t.Error(body)
	}
}

func TestABrowserThatRefusesAdvertisingIsObeyed(t *testing.T) {
	t.Parallel()
	s := open(t, page(small), func(_ *gate.Parts, text *string) {
		*text = strings.Replace(*text, "stats: {needs: consent}", "stats: {needs: consent, advertising: true}", 1)
	})
	all := "Cookie: " + s.choice("stats", "support")
	if _, body := s.get("/", all); !strings.Contains(body, ` src="https://counter.example`) {
		t.Error(body)
	}
	if _, body := s.get("/", all, "Sec-GPC: 1"); strings.Contains(body, ` src="https://counter.example`) {
		t.Error(body)
	}
	if _, body := s.get("/", all, "Sec-GPC: 0"); !strings.Contains(body, ` src="https://counter.example`) {
		t.Error(body)
	}
}
