package gate_test

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/temoin/temoin/gate"
)

// deaf is told anything.
type deaf struct{}

func (deaf) Count(gate.Event) {}

// quietWriter takes answers and does nothing with them.
type quietWriter struct{ h http.Header }

func (w *quietWriter) Header() http.Header         { return w.h }
func (w *quietWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *quietWriter) WriteHeader(int)             {}

// What a request costs over the bare handler where a choice was made and nothing is to be
// changed: decision and cookies.
func BenchmarkRequest(b *testing.B) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = kind
		w.WriteHeader(http.StatusOK)
	})
	s := unserved(b, handler, func(p *gate.Parts, _ *string) { p.Counter = deaf{} })
	for _, c := range []struct {
		name    string
		handler http.Handler
	}{{"bare", handler}, {"gate", s.gate}} {
		b.Run(c.name, func(b *testing.B) {
			w := &quietWriter{http.Header{}}
			r, _ := http.NewRequest(http.MethodGet, "/data.json", nil)
			r.Host = "shop.example"
			r.Header.Set("Cookie", s.choice("stats", "support")+"; session=abcdef; _count=GA1.2.3.4; seen=1")
			r.Header.Set("Accept-Encoding", "gzip, br")
			r.Header.Set("Sec-Fetch-Dest", "empty")
			b.ReportAllocs()
			for b.Loop() {
				c.handler.ServeHTTP(w, r)
				clear(w.h)
			}
		})
	}
}

var kind = []string{"application/json"}

// What a page costs that has its length, as behind a proxy: it comes in parts. One that was
// met before is looked up; of "each" the beginning is another one for each request.
func BenchmarkPage(b *testing.B) {
	text := bytes.Repeat([]byte(`<article class="card"><a href="/p/1"><img src="/images/1.webp" alt="One"></a><p>A text of a few words.</p></article>`), 520)
	text = append([]byte(`<!doctype html><html><head><title>00000000</title><script src="https://counter.example/c.js"></script></head><body>`), text...)
	length := []string{strconv.Itoa(len(text))}
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = htmlKind
		w.Header()["Content-Length"] = length
		w.WriteHeader(http.StatusOK)
		for p := range slices.Chunk(text, 32<<10) {
			w.Write(p)
		}
	})
	s := unserved(b, handler, func(p *gate.Parts, _ *string) { p.Counter = deaf{} })
	n := int64(10_000_000) // of eight digits, as the title of the page
	for _, c := range []struct {
		name    string
		handler http.Handler
		each    bool
	}{{"bare", handler, false}, {"met", s.gate, false}, {"each", s.gate, true}} {
		b.Run(c.name, func(b *testing.B) {
			w := &quietWriter{http.Header{}}
			r, _ := http.NewRequest(http.MethodGet, "/", nil)
			r.Host = "shop.example"
			r.Header.Set("Sec-Fetch-Dest", "document")
			at := bytes.Index(text, []byte("<title>")) + len("<title>")
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if c.each {
					n++
					strconv.AppendInt(text[at:at], n, 10)
				}
				c.handler.ServeHTTP(w, r)
				clear(w.h)
			}
		})
	}
}

var htmlKind = []string{"text/html; charset=utf-8"}
