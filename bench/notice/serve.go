package main

import (
	"bytes"
	"context"
	"fmt"
	"mime"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/andybalholm/brotli"

	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/internal/app"
	"github.com/temoin/temoin/internal/notice"
)

// Marks in a page: what the head, the gated scripts and the rest are put in place of.
const (
	headMark  = "<!-- BANNER-HEAD -->"
	gatedMark = "<!-- BANNER-GATED -->"
	restMark  = "<!-- BANNER-BODY -->"
	openMark  = `id="open-cookies"` // of what opens the preferences
)

// gated are two scripts that wait for consent, as the gate marks them.
const gated = `<script type="text/plain" data-temoin="google-analytics" data-temoin-src="/gated/analytics.js"></script>
<script type="text/plain" data-temoin="intercom" data-temoin-src="/gated/chat.js"></script>`

// A server serves one page, with the notice of the Cexro example in it at /, at
// /csp/ under a strict Content-Security-Policy, by the tag at /tag/, and without it at /alone/.
type server struct {
	node  *app.Node
	page  string // with the marks
	files string // a folder: /host/ and /gated/ are below it; "" for none
}

func newServer(store, page, files string) (*server, error) {
	name, manifest, err := examples.Manifest("cexro", false)
	if err != nil {
		return nil, err
	}
	node, err := app.Open(context.Background(), app.Config{Store: store, Code: "bench", Sites: []app.SiteConfig{{File: name, Manifest: manifest}}})
	if err != nil {
		return nil, err
	}
	return &server{node, page, files}, nil
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/.temoin/"):
		s.node.Handler("cexro").ServeHTTP(w, r)
	case r.URL.Path == "/" || r.URL.Path == "/csp/" || r.URL.Path == "/tag/" || r.URL.Path == "/alone/":
		s.serve(w, r)
	default:
		s.file(w, r)
	}
}

// serve writes the page.
func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/alone/" {
		send(w, r, "text/html; charset=utf-8", []byte(strings.NewReplacer(headMark, "", gatedMark, "", restMark, "").Replace(s.page)))
		return
	}
	if r.URL.Path == "/tag/" {
		out := strings.Replace(s.page, "<head>", `<head><script src="/.temoin/temoin.js?lang=fr"></script>`, 1)
		send(w, r, "text/html; charset=utf-8", []byte(strings.NewReplacer(headMark, "", gatedMark, gated, restMark, "", openMark, openMark+" data-temoin-open").Replace(out)))
		return
	}
	view, err := s.node.View("cexro", r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if r.URL.Path == "/csp/" {
		scripts, styles := view.Notice.Hashes()
		w.Header().Set("Content-Security-Policy", fmt.Sprintf("default-src 'self'; script-src 'self' 'nonce-bm9uY2UtYmVuY2g' %s; style-src 'self' %s; img-src 'self' data:; object-src 'none'; base-uri 'none'",
			strings.Join(scripts, " "), strings.Join(styles, " ")))
	}
	e := view.Notice.In("fr")
	before, after, _ := strings.Cut(s.page, "<body>")
	out := strings.Replace(before, "<head>", "<head>"+string(e.Head(&view.Decision, notice.Page{Mark: view.Notice.Mark(r)})), 1) + "<body>" + string(e.Body(&view.Decision)) + after
	send(w, r, "text/html; charset=utf-8", []byte(strings.NewReplacer(headMark, "", gatedMark, gated, restMark, "", openMark, openMark+" data-temoin-open").Replace(out)))
}

// file serves a file as it is, or the compressed one beside it.
func (s *server) file(w http.ResponseWriter, r *http.Request) {
	name := path.Clean("/" + r.URL.Path)
	b, err := os.ReadFile(filepath.Join(s.files, filepath.FromSlash(name)))
	if s.files == "" || err != nil {
		http.NotFound(w, r)
		return
	}
	send(w, r, mime.TypeByExtension(path.Ext(name)), b)
}

// send writes bytes, compressed where the client can read that.
func send(w http.ResponseWriter, r *http.Request, kind string, b []byte) {
	h := w.Header()
	if r.URL.Query().Has("slowly") {
		slowly(w, r, kind, b)
		return
	}
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "br") && !strings.HasPrefix(kind, "image/") {
		h.Set("Content-Encoding", "br")
		b = compress(b)
	}
	h.Set("Content-Length", fmt.Sprint(len(b)))
	w.Write(b) //nolint:errcheck // a client that is gone cannot be told
}

// streams is how long a page takes that comes slowly.
const streams = 3 * time.Second

// slowly sends a page as an application that waits for its data: its last five parts of
// ten kilobytes come late, and what is before them, with the notice in it, at once.
func slowly(w http.ResponseWriter, r *http.Request, kind string, b []byte) {
	const late, size = 5, 10_000
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	from := max(0, len(b)-late*size)
	w.Write(b[:from])                     //nolint:errcheck // a client that is gone cannot be told
	http.NewResponseController(w).Flush() //nolint:errcheck // the same
	for part := range slices.Chunk(b[from:], size) {
		select {
		case <-time.After(streams / late):
		case <-r.Context().Done():
			return
		}
		w.Write(part)                         //nolint:errcheck // the same
		http.NewResponseController(w).Flush() //nolint:errcheck // the same
	}
}

// compress is brotli at its best.
func compress(b []byte) []byte {
	var out bytes.Buffer
	c := brotli.NewWriterLevel(&out, brotli.BestCompression)
	c.Write(b) //nolint:errcheck // a buffer
	c.Close()  //nolint:errcheck // a buffer
	return out.Bytes()
}

// listen serves until the listener closes.
func (s *server) listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	go http.Serve(l, s) //nolint:errcheck,gosec // on loopback, until the program ends
	return l, nil
}
