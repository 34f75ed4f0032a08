package notice

import (
	"testing"

	"github.com/temoin/temoin/consent"
)

func BenchmarkCompile(b *testing.B) {
	s := site(b, "cexro")
	for b.Loop() {
		compile(b, s)
	}
}

func BenchmarkHead(b *testing.B) {
	s := site(b, "cexro")
	e := compile(b, s).In("fr")
	c := choose(b, s, "analytics")
	d := decide(s, c, consent.Signals{})
	buf := make([]byte, 0, 64<<10)
	b.ReportAllocs()
	for b.Loop() {
		e.AppendHead(buf, &d, Page{Mark: "m.Lw0t5rXw8Qk"})
	}
}
