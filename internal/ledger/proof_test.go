package ledger

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func TestEveryInclusionProofIsWhatTheReferenceComputes(t *testing.T) {
	const most = 1500
	s, _ := grown(t, most)
	ref, rnd := reference{}, rand.New(rand.NewPCG(3, 4))
	ref.add(t, 0, most)
	for size := 1; size <= most; size++ {
		head := ref.head(t, size)
		for _, index := range []int{0, size - 1, rnd.IntN(size)} {
			got, err := Inclusion(head, int64(index), entry(index), s)
			want, _ := tlog.ProveRecord(int64(size), int64(index), ref)
			if err != nil || !slices.Equal(got, want) || got == nil {
				t.Fatalf("entry %d of %d: %v, %v", index, size, got, err)
			}
			if err := VerifyInclusion(head, int64(index), entry(index), got); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestEveryConsistencyProofIsWhatTheReferenceComputes(t *testing.T) {
	const most = 1500
	s, _ := grown(t, most)
	ref, rnd := reference{}, rand.New(rand.NewPCG(5, 6))
	ref.add(t, 0, most)
	for size := 1; size <= most; size++ {
		head := ref.head(t, size)
		for _, from := range []int{1, (size + 1) / 2, 1 + rnd.IntN(size)} {
			old, got, err := Consistency(head, int64(from), s)
			want, _ := tlog.ProveTree(int64(size), int64(from), ref)
			if err != nil || !slices.Equal(got, want) || got == nil || old != ref.head(t, from) {
				t.Fatalf("from %d to %d: %v, %v", from, size, got, err)
			}
			if err := VerifyConsistency(old, head, got); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestEveryLogBeginsWithTheEmptyOne(t *testing.T) {
	s, e := grown(t, 300)
	for _, head := range []Head{Empty(), e.Head()} {
		old, proof, err := Consistency(head, 0, s)
		if err != nil || old != Empty() || proof == nil || len(proof) > 0 || VerifyConsistency(old, head, proof) != nil {
			t.Errorf("size %d: %v, %v, %v", head.Size, old, proof, err)
		}
		if VerifyConsistency(old, head, []Hash{{}}) == nil {
			t.Error("a proof of one hash is taken")
		}
	}
}

func TestAProofHoldsForNothingElse(t *testing.T) {
	s, e := grown(t, 700)
	head := e.Head()
	proof, err := Inclusion(head, 300, entry(300), s)
	if err != nil {
		t.Fatal(err)
	}
	other := Head{head.Size, Hash{1}}
	longer := append(slices.Clone(proof), Hash{})
	changed := slices.Clone(proof)
	changed[3][5] ^= 1
	for name, err := range map[string]error{
		"another entry":      VerifyInclusion(head, 300, entry(301), proof),
		"another index":      VerifyInclusion(head, 301, entry(300), proof),
		"another size":       VerifyInclusion(Head{1701, head.Root}, 300, entry(300), proof),
		"another root":       VerifyInclusion(other, 300, entry(300), proof),
		"a hash less":        VerifyInclusion(head, 300, entry(300), proof[1:]),
		"a hash more":        VerifyInclusion(head, 300, entry(300), longer),
		"a bit":              VerifyInclusion(head, 300, entry(300), changed),
		"an index too large": VerifyInclusion(head, 700, entry(300), proof),
		"an index below 0":   VerifyInclusion(head, -1, entry(300), proof),
		"a huge size":        VerifyInclusion(Head{1<<63 - 1, head.Root}, 300, entry(300), proof),
		"a long proof":       VerifyInclusion(head, 300, entry(300), make([]Hash, 1e6)),
	} {
		if !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAConsistencyProofHoldsForNothingElse(t *testing.T) {
	s, e := grown(t, 700)
	head := e.Head()
	old, proof, err := Consistency(head, 300, s)
	if err != nil {
		t.Fatal(err)
	}
	changed := slices.Clone(proof)
	changed[0][0] ^= 1
	for name, err := range map[string]error{
		"another old root": VerifyConsistency(Head{300, Hash{1}}, head, proof),
		"another new root": VerifyConsistency(old, Head{700, Hash{1}}, proof),
		"another old size": VerifyConsistency(Head{301, old.Root}, head, proof),
		"another new size": VerifyConsistency(old, Head{1700, head.Root}, proof),
		"backwards":        VerifyConsistency(head, old, proof),
		"a hash less":      VerifyConsistency(old, head, proof[1:]),
		"a bit":            VerifyConsistency(old, head, changed),
		"a huge size":      VerifyConsistency(old, Head{1<<62 + 1, head.Root}, proof),
		"no root for none": VerifyConsistency(Head{}, head, nil),
		"a long proof":     VerifyConsistency(old, head, make([]Hash, 1e6)),
		"the same size":    VerifyConsistency(Head{700, Hash{1}}, head, nil),
	} {
		if !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatALogDoesNotHaveIsNotProven(t *testing.T) {
	s, e := grown(t, 300)
	head := e.Head()
	for _, index := range []int64{-1, 300, 301, 1 << 62} {
		if _, err := Inclusion(head, index, entry(0), s); err == nil {
			t.Errorf("entry %d is in the log", index)
		}
	}
	if _, err := Inclusion(head, 7, entry(8), s); !errors.Is(err, ErrDamaged) {
		t.Errorf("another entry: %v", err)
	}
	for _, size := range []int64{-1, 301, 1 << 62} {
		if _, _, err := Consistency(head, size, s); err == nil {
			t.Errorf("the log had size %d", size)
		}
	}
}

// A reused buffer is a store that reads every row into the same bytes.
type reused struct {
	Reader
	buffer []byte
}

func (r *reused) Tile(level int, index int64) ([]byte, error) {
	clear(r.buffer)
	row, err := r.Reader.Tile(level, index)
	r.buffer = append(r.buffer[:0], row...)
	return r.buffer, err
}

func TestAReaderMayUseItsBytesAgain(t *testing.T) {
	s, e := grown(t, 65536+700)
	r := &reused{Reader: s}
	if _, err := Inclusion(e.Head(), 300, entry(300), r); err != nil {
		t.Error(err)
	}
	if _, _, err := Consistency(e.Head(), 60001, r); err != nil {
		t.Error(err)
	}
	loaded, err := Load(e.Head(), r)
	if err != nil {
		t.Fatal(err)
	}
	next, _, err := loaded.Append(entries(65536+700, 65536+1500))
	_, want := grown(t, 65536+1500)
	if err != nil || next.Head() != want.Head() {
		t.Errorf("%v, %v", next.Head(), err)
	}
}

// A faulty store gives one row otherwise than it was written, or every row.
type faulty struct {
	shelf
	level int // -1: all
	index int64
	fault func(row []byte) ([]byte, error)
}

func (f faulty) Tile(level int, index int64) ([]byte, error) {
	row, _ := f.shelf.Tile(level, index)
	if f.level >= 0 && (level != f.level || index != f.index) {
		return row, nil
	}
	return f.fault(bytes.Clone(row))
}

var errDisk = errors.New("the disk fails")

var faults = map[string]func(row []byte) ([]byte, error){
	"an error":              func([]byte) ([]byte, error) { return nil, errDisk },
	"no row":                func([]byte) ([]byte, error) { return nil, nil },
	"the last hash missing": func(row []byte) ([]byte, error) { return row[:len(row)-HashSize], nil },
	"half a hash missing":   func(row []byte) ([]byte, error) { return row[:len(row)-HashSize/2], nil },
	"a byte too many":       func(row []byte) ([]byte, error) { return append(row, 0), nil },
	"a row too many":        func(row []byte) ([]byte, error) { return append(row, make([]byte, tileBytes)...), nil },
	"zeros in the second half": func(row []byte) ([]byte, error) {
		clear(row[len(row)/HashSize/2*HashSize:])
		return row, nil
	},
	"zeros in the last half hash": func(row []byte) ([]byte, error) { clear(row[len(row)-HashSize/2:]); return row, nil },
	"a bit in the first hash":     func(row []byte) ([]byte, error) { row[0] ^= 1; return row, nil },
	"shifted by a hash": func(row []byte) ([]byte, error) {
		return append(make([]byte, HashSize), row[:len(row)-HashSize]...), nil
	},
	"the row of another place": func(row []byte) ([]byte, error) { return bytes.Repeat([]byte{7}, len(row)), nil },
}

func TestADamagedRowIsAnErrorAndNeverAnotherRoot(t *testing.T) {
	for _, size := range []int{1, 2, 255, 256, 257, 600, 65536 + 256 + 3} {
		s, e := grown(t, size)
		head := e.Head()
		for name, fault := range faults {
			for level, row := range e.rows {
				if len(row.hashes) == 0 {
					continue
				}
				f := faulty{s, level, e.size >> (tileHeight * (level + 1)), fault}
				if _, err := Load(head, f); !errors.Is(err, ErrDamaged) && !errors.Is(err, errDisk) {
					t.Errorf("size %d, level %d, %s: %v", size, level, name, err)
				}
			}
		}
	}
}

// A fault may be in a part of a row that a proof does not need.
func TestADamagedRowIsAnErrorOrTheRightProof(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	caught := 0
	for _, size := range []int{2, 256, 257, 600, 65536 + 256 + 3} {
		s, e := grown(t, size)
		head := e.Head()
		for name, fault := range faults {
			for range 20 {
				index := rnd.IntN(size)
				level := rnd.IntN(len(e.rows)+1) - 1
				f := faulty{s, level, int64(index) >> (tileHeight * (level + 1)), fault}
				proof, err := Inclusion(head, int64(index), entry(index), f)
				if err != nil {
					caught++
				} else if want, _ := Inclusion(head, int64(index), entry(index), s); !slices.Equal(proof, want) {
					t.Errorf("entry %d of %d, %s: a wrong proof", index, size, name)
				}
				old, proof, err := Consistency(head, int64(index), f)
				if err != nil {
					caught++
				} else if wantOld, want, _ := Consistency(head, int64(index), s); old != wantOld || !slices.Equal(proof, want) {
					t.Errorf("from %d to %d, %s: a wrong proof", index, size, name)
				}
			}
		}
	}
	if caught < 500 {
		t.Errorf("only %d faults were caught: does the test damage anything?", caught)
	}
}

// The tiles of an append are written by themselves, in any order, and the power
// goes: the old head still stands, and with its last tile the new one.
func TestRowsAheadOfTheHeadDoNoHarm(t *testing.T) {
	s, e := grown(t, 700)
	next, tiles, err := e.Append(entries(700, 2000))
	if err != nil {
		t.Fatal(err)
	}
	for i := range tiles {
		reload(t, e, s)
		if _, err := Load(next.Head(), s); !errors.Is(err, ErrDamaged) {
			t.Errorf("after %d of %d tiles the new head stands: %v", i, len(tiles), err)
		}
		s.write(tiles[i : i+1])
	}
	reload(t, next, s)
	again, _, err := reload(t, e, s).Append(entries(700, 2000))
	if err != nil || again.Head() != next.Head() {
		t.Errorf("appended again: %v, %v", again.Head(), err)
	}
}
