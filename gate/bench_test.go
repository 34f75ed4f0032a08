package gate_test

import (
	"net/http"
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
