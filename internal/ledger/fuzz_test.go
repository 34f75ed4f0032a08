package ledger

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

func FuzzParsePath(f *testing.F) {
	for text := range paths {
		f.Add(text)
	}
	for _, text := range badPaths {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePath(text)
		if err != nil {
			return
		}
		if p.String() != text || p.Width < 1 || p.Width > TileWidth || p.Index < 0 || p.Level < Bundles {
			t.Errorf("%q is read as %+v", text, p)
		}
	})
}

func FuzzParseBundle(f *testing.F) {
	f.Add(Bundle(entries(0, 1)))
	f.Add(Bundle(entries(0, 256)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if list, err := ParseBundle(data); err == nil && !bytes.Equal(Bundle(list), data) {
			t.Errorf("%x comes back as %x", data, Bundle(list))
		}
	})
}

func FuzzParseKeys(f *testing.F) {
	k := seeded(f, origin, 1)
	f.Add(k.Secret())
	f.Add(k.Verifier().String())
	f.Add(newCosigner("w", 1).witness().String())
	f.Fuzz(func(t *testing.T, text string) {
		if k, err := ParseKey(text); err == nil && k.Secret() != text {
			t.Errorf("%q comes back as %q", text, k.Secret())
		}
		if v, err := ParseVerifier(text); err == nil && v.String() != text {
			t.Errorf("%q comes back as %q", text, v)
		}
		if w, err := ParseWitness(text); err == nil && w.String() != text {
			t.Errorf("%q comes back as %q", text, w)
		}
	})
}

func FuzzParseBody(f *testing.F) {
	f.Add(body(origin, Empty()))
	f.Add(body("a", Head{MaxSize, Hash{1}}))
	f.Fuzz(func(t *testing.T, text string) {
		name, head, err := parseBody(text)
		if err == nil && (body(name, head) != text || !head.valid()) {
			t.Errorf("%q is read as %s, %v", text, name, head)
		}
	})
}

// Whoever has no key makes no checkpoint: what opens has the text that was signed.
func FuzzOpen(f *testing.F) {
	k, w := seeded(f, origin, 1), newCosigner("witness.example/w1", 3)
	trust := Trust{origin, []Verifier{k.Verifier()}, []Witness{w.witness()}}
	msg := sign(f, 9, k)
	text, _, _ := strings.Cut(string(msg), "\n\n")
	f.Add(msg, w.line(msg, 1000))
	f.Add(slices.Concat(msg, w.line(msg, 1000)), w.line(msg, 2000))
	f.Add(slices.Concat(msg, []byte("— unknown.example AAAAAAAAAAAA\n")), []byte("\n"))
	f.Fuzz(func(t *testing.T, msg, line []byte) {
		c, err := trust.Open(msg)
		if err == nil && (!bytes.HasPrefix(msg, []byte(text+"\n\n— ")) || len(c.Keys) != 1 || len(c.Cosignatures) > 1) {
			t.Errorf("opened: %q", msg)
		}
		after, err := trust.AddCosignature(msg, line)
		if err == nil && (!bytes.HasPrefix(after, msg) || !bytes.HasPrefix(after, []byte(text+"\n\n"))) {
			t.Errorf("added: %q", after)
		}
	})
}

// hashesIn cuts bytes into hashes.
func hashesIn(data []byte) (list []Hash) {
	for ; len(data) >= HashSize; data = data[HashSize:] {
		list = append(list, Hash(data[:HashSize]))
	}
	return list
}

func bytesOf(list []Hash) (data []byte) {
	for _, h := range list {
		data = append(data, h[:]...)
	}
	return data
}

// Sizes, indexes and proofs of strangers neither hang nor panic, and only the true
// proof of a thing proves it.
func FuzzVerify(f *testing.F) {
	s, e := grown(f, 700)
	head, one := e.Head(), entry(300)
	inclusion, err1 := Inclusion(head, 300, one, s)
	old, consistency, err2 := Consistency(head, 300, s)
	if err := errors.Join(err1, err2); err != nil {
		f.Fatal(err)
	}
	f.Add(int64(700), int64(300), bytesOf(inclusion))
	f.Add(int64(700), int64(300), bytesOf(consistency))
	f.Add(int64(1<<63-1), int64(1<<62), []byte{})
	f.Add(int64(MaxSize), int64(MaxSize-1), make([]byte, 48*HashSize))
	f.Fuzz(func(t *testing.T, size, index int64, data []byte) {
		proof := hashesIn(data)
		if VerifyInclusion(Head{size, head.Root}, index, one, proof) == nil && (index != 300 || !slices.Equal(proof, inclusion)) {
			t.Errorf("entry 300 is at %d of %d", index, size)
		}
		if VerifyConsistency(Head{index, old.Root}, Head{size, head.Root}, proof) == nil && !slices.Equal(proof, consistency) {
			t.Errorf("%d is the beginning of %d", index, size)
		}
	})
}

// Whatever a store gives, an edge that loads has the root that was asked for.
func FuzzLoad(f *testing.F) {
	s, e := grown(f, 600)
	row, _ := s.Tile(0, 2)
	f.Add(int64(600), row)
	f.Add(int64(MaxSize), row)
	f.Add(int64(1), row[:HashSize])
	f.Fuzz(func(t *testing.T, size int64, row []byte) {
		loaded, err := Load(Head{size, e.Head().Root}, fixed(row))
		if err == nil && loaded.Head() != (Head{size, e.Head().Root}) {
			t.Errorf("size %d: loaded %v", size, loaded.Head())
		}
		_, _, _ = Consistency(Head{size, e.Head().Root}, size/2, fixed(row))
		_, _ = Inclusion(Head{size, e.Head().Root}, size/2, Entry{}, fixed(row))
	})
}

// fixed gives the same row wherever it is asked.
type fixed []byte

func (r fixed) Tile(int, int64) ([]byte, error) { return r, nil }
