package markup

import (
	"bytes"
	"io"
	"testing"

	"golang.org/x/net/html"

	"github.com/temoin/temoin/internal/markup/pages"
)

// benchRules look hosts and snippets up as rules made of a site do.
type benchRules struct {
	hosts map[string]string
}

func newBenchRules() *benchRules {
	return &benchRules{map[string]string{"www.analytics.test": "analytics", "a.analytics.test": "analytics", "px.analytics.test": "pixel", "video.test": "video"}}
}

func (r *benchRules) Address(host, _ []byte) string { return r.hosts[string(host)] }

// Script takes no time: how scripts are recognized is not measured here.
func (r *benchRules) Script([]byte) string    { return "" }
func (r *benchRules) Named(ids []byte) string { return string(ids) }
func (r *benchRules) Placeholder(string, []byte) (page, name string) {
	return "/.temoin/placeholder/x", "x"
}
func (r *benchRules) Insert(string) ([]byte, []byte) { return benchHead, benchBody }
func (r *benchRules) Based(body []byte) []byte       { return body }
func (r *benchRules) Held(_, _, _ string, _ []byte)  {}

var (
	benchHead = bytes.Repeat([]byte("h"), 1500)
	benchBody = bytes.Repeat([]byte("b"), 3000)
)

func BenchmarkWriter(b *testing.B) {
	for _, held := range []bool{false, true} {
		for _, p := range pages.All(held) {
			name := p.Name
			if held {
				name += "-held"
			}
			b.Run(name, func(b *testing.B) {
				w, rules := &Writer{}, newBenchRules()
				b.SetBytes(int64(len(p.HTML)))
				b.ReportAllocs()
				for b.Loop() {
					w.Reset(io.Discard, rules, Options{URL: "https://www.example.com/a/"})
					w.Write(p.HTML) //nolint:errcheck
					w.Close()       //nolint:errcheck
				}
			})
		}
	}
}

func BenchmarkTokenizer(b *testing.B) {
	for _, p := range pages.All(false) {
		b.Run(p.Name, func(b *testing.B) {
			b.SetBytes(int64(len(p.HTML)))
			b.ReportAllocs()
			for b.Loop() {
				z := html.NewTokenizer(bytes.NewReader(p.HTML))
				for z.Next() != html.ErrorToken {
				}
			}
		})
	}
}
