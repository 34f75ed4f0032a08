package ledger

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// tenMillion is where the log of the benchmarks stands: three levels of tiles, none of
// them full or empty.
const tenMillion = 10_000_000 + 100

// benchLog returns a log of ten million entries that needs no memory.
func benchLog(b *testing.B) (alikeShelf, Edge) {
	b.Helper()
	s := alike()
	e, err := readEdge(tenMillion, s)
	if err != nil {
		b.Fatal(err)
	}
	return s, e
}

func perEntry(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/entry")
}

// Budget: 1.5 µs an entry, in batches of 256 and more. "kept" has the edge in
// memory, "loaded" reads and verifies it before each batch.
func BenchmarkAppend(b *testing.B) {
	s, edge := benchLog(b)
	for _, n := range []int{1, 16, 256, 1024, 4096} {
		batch := entries(0, n)
		b.Run(fmt.Sprintf("kept/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			e := edge
			for b.Loop() {
				next, _, err := e.Append(batch)
				if err != nil {
					b.Fatal(err)
				}
				_, e = next.Head(), next
			}
			perEntry(b, n)
		})
		b.Run(fmt.Sprintf("loaded/%d", n), func(b *testing.B) {
			for b.Loop() {
				e, err := Load(edge.Head(), s)
				if err != nil {
					b.Fatal(err)
				}
				next, _, _ := e.Append(batch)
				_ = next.Head()
			}
			perEntry(b, n)
		})
	}
	b.Run("tlog", benchmarkReference)
	b.Run("sha256", benchmarkHashes)
}

// The reference, in memory.
func benchmarkReference(b *testing.B) {
	batch, ref, n := entries(0, 4096), make(reference, 0, 1<<20), int64(0)
	for b.Loop() {
		if n+4096 > 1<<19 {
			ref, n = ref[:0], 0
		}
		for _, e := range batch {
			hashes, err := tlog.StoredHashes(n, e[:], ref)
			if err != nil {
				b.Fatal(err)
			}
			ref = append(ref, hashes...)
			n++
		}
	}
	perEntry(b, 4096)
}

// What nobody can save: the hash of each leaf, and of one node for each.
func benchmarkHashes(b *testing.B) {
	var leaf [33]byte
	var node [65]byte
	for b.Loop() {
		for range 4096 {
			one := sha256.Sum256(leaf[:])
			copy(node[1:], one[:])
			one = sha256.Sum256(node[:])
			copy(leaf[1:], one[:])
		}
	}
	perEntry(b, 4096)
}

func BenchmarkInclusion(b *testing.B) {
	s, e := benchLog(b)
	head, index := e.Head(), int64(tenMillion/3)
	for b.Loop() {
		if _, err := Inclusion(head, index, Entry{}, s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkConsistency(b *testing.B) {
	s, e := benchLog(b)
	for b.Loop() {
		if _, _, err := Consistency(e.Head(), tenMillion-4000, s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	k := seeded(b, origin, 1)
	for b.Loop() {
		if _, err := Sign(Empty(), k); err != nil {
			b.Fatal(err)
		}
	}
}

// What a receipt costs to verify: checkpoint, entry and proof. Budget: 1 ms.
func BenchmarkVerify(b *testing.B) {
	s, e := benchLog(b)
	k, w := seeded(b, origin, 1), newCosigner("witness.example/w1", 3)
	trust := Trust{origin, []Verifier{k.Verifier()}, []Witness{w.witness()}}
	proof, err := Inclusion(e.Head(), 5, Entry{}, s)
	if err != nil {
		b.Fatal(err)
	}
	msg, err := Sign(e.Head(), k)
	if err != nil {
		b.Fatal(err)
	}
	msg = append(msg, w.line(msg, 1000)...)
	for b.Loop() {
		c, err := trust.Open(msg)
		if err != nil || VerifyInclusion(c.Head, 5, Entry{}, proof) != nil {
			b.Fatal(err)
		}
	}
}
