package register

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"testing"
)

// nowhere keeps nothing.
type nowhere struct{}

func (nowhere) Commit(_ context.Context, rows []Row) ([]Row, error) { return rows, nil }

// discard is an answer that nobody reads.
type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// BenchmarkEndpoint is all of a choice but the network and the store.
func BenchmarkEndpoint(b *testing.B) {
	s := site(b)
	e, _ := endpoint(b, s)
	e.Register = New(Config{Store: nowhere{}, Code: "bench"})
	defer e.Register.Close()
	body := []byte(`{"action":"save","allow":["stats"],"lang":"fr","notice":"` + hex.EncodeToString(shown[:]) + `"}`)
	b.ReportAllocs()
	for b.Loop() {
		r := &http.Request{Method: "POST", ContentLength: int64(len(body)), Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body))}
		e.ServeHTTP(&discard{http.Header{}}, r)
	}
}
