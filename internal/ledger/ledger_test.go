package ledger

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// A shelf is a store in memory.
type shelf map[[2]int64][]byte

func (s shelf) Tile(level int, index int64) ([]byte, error) {
	return s[[2]int64{int64(level), index}], nil
}

func (s shelf) write(tiles []Tile) {
	for _, t := range tiles {
		s[[2]int64{int64(t.Level), t.Index}] = bytes.Clone(t.Hashes)
	}
}

// entry returns the i-th entry of the test logs, as testdata/README.md makes it.
func entry(i int) Entry {
	return NewEntry(salt(i), record(i))
}

func salt(i int) Salt {
	sum := sha256.Sum256(fmt.Appendf(nil, "salt %d", i))
	return Salt(sum[:SaltSize])
}

func record(i int) []byte { return fmt.Appendf(nil, `{"n":%d}`, i) }

func entries(from, to int) []Entry {
	list := make([]Entry, 0, to-from)
	for i := from; i < to; i++ {
		list = append(list, entry(i))
	}
	return list
}

// A reference is a log as tlog keeps it: all hashes in one list.
type reference []Hash

func (r reference) ReadHashes(indexes []int64) ([]Hash, error) {
	list := make([]Hash, len(indexes))
	for i, x := range indexes {
		list[i] = r[x]
	}
	return list, nil
}

func (r *reference) add(t testing.TB, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		e := entry(i)
		hashes, err := tlog.StoredHashes(int64(i), e[:], r)
		if err != nil {
			t.Fatal(err)
		}
		*r = append(*r, hashes...)
	}
}

func (r reference) head(t testing.TB, size int) Head {
	t.Helper()
	root, err := tlog.TreeHash(int64(size), r)
	if err != nil {
		t.Fatal(err)
	}
	return Head{int64(size), root}
}

// grown returns a log of the given size, in batches of random length.
func grown(t testing.TB, size int) (shelf, Edge) {
	t.Helper()
	s, e, rnd := shelf{}, Edge{}, rand.New(rand.NewPCG(uint64(size), 1))
	for int(e.size) < size {
		s, e = appended(t, s, e, min(1+rnd.IntN(700), size-int(e.size)))
	}
	return s, e
}

func appended(t testing.TB, s shelf, e Edge, n int) (shelf, Edge) {
	t.Helper()
	next, tiles, err := e.Append(entries(int(e.size), int(e.size)+n))
	if err != nil {
		t.Fatal(err)
	}
	s.write(tiles)
	return s, next
}

func TestAnEntryIsTheHashOfSaltAndRecord(t *testing.T) {
	want := sha256.Sum256(append(bytes.Repeat([]byte{9}, SaltSize), "record"...))
	got := NewEntry(Salt(bytes.Repeat([]byte{9}, SaltSize)), []byte("record"))
	if got != want {
		t.Errorf("%x, want %x", got, want)
	}
	if got.Leaf() != tlog.RecordHash(got[:]) {
		t.Error("its leaf is not the one of the reference")
	}
}

// One log is grown by single entries, as far as tiles of two levels go.
func TestEveryHeadAndTileIsWhatTheReferenceComputes(t *testing.T) {
	s, e, ref := shelf{}, Edge{}, reference{}
	for size := range 1500 {
		if got, want := e.Head(), ref.head(t, size); got != want {
			t.Fatalf("head %v, want %v", got, want)
		}
		if loaded, err := Load(e.Head(), s); err != nil || loaded.Head() != e.Head() {
			t.Fatalf("size %d: loaded %v, %v", size, loaded.Head(), err)
		}
		ref.add(t, size, size+1)
		next, tiles, err := e.Append(entries(size, size+1))
		if err != nil {
			t.Fatal(err)
		}
		sameTiles(t, ref, int64(size), int64(size+1), tiles)
		s.write(tiles)
		e = next
	}
}

func TestBatchesOfAnyLengthMakeTheSameLog(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for round := range 30 {
		s, e, ref := shelf{}, Edge{}, reference{}
		for e.size < 1500 {
			size, n := int(e.size), 1+rnd.IntN(1+rnd.IntN(1200))
			if rnd.IntN(2) == 0 {
				e = reload(t, e, s)
			}
			next, tiles, err := e.Append(entries(size, size+n))
			if err != nil {
				t.Fatal(err)
			}
			ref.add(t, size, size+n)
			if next.Head() != ref.head(t, size+n) {
				t.Fatalf("round %d: from %d by %d: another head", round, size, n)
			}
			sameTiles(t, ref, int64(size), int64(size+n), tiles)
			s.write(tiles)
			e = next
		}
	}
}

func reload(t *testing.T, e Edge, r Reader) Edge {
	t.Helper()
	loaded, err := Load(e.Head(), r)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// The third level of tiles begins at 65536 entries.
func TestABatchCanFillTilesOfEveryLevelAtOnce(t *testing.T) {
	const size, n = 65536 - 300, 4000
	s, e := grown(t, size)
	ref := reference{}
	ref.add(t, 0, size+n)
	next, tiles, err := reload(t, e, s).Append(entries(size, size+n))
	if err != nil || next.Head() != ref.head(t, size+n) {
		t.Fatalf("%v, %v", next.Head(), err)
	}
	sameTiles(t, ref, size, size+n, tiles)
	if last := tiles[len(tiles)-1]; last.Level != 2 || last.Width() != 1 {
		t.Errorf("the last tile is of level %d with %d hashes", last.Level, last.Width())
	}
}

func TestNobodyWritesIntoAnEdgeByAppendingToItsTiles(t *testing.T) {
	_, e := grown(t, 300)
	next, tiles, err := e.Append(entries(300, 301))
	if err != nil {
		t.Fatal(err)
	}
	last := tiles[0]
	if len(tiles) != 1 || cap(last.Hashes) != len(last.Hashes) {
		t.Errorf("%d tiles; there is room for %d bytes behind the last", len(tiles), cap(last.Hashes)-len(last.Hashes))
	}
	_, want := grown(t, 301)
	if next.Head() != want.Head() {
		t.Error("another head")
	}
}

// sameTiles compares what an append changed with what tlog would publish.
func sameTiles(t *testing.T, ref reference, from, to int64, got []Tile) {
	t.Helper()
	want := tlog.NewTiles(tileHeight, from, to)
	if len(got) != len(want) {
		t.Fatalf("from %d to %d: %d tiles, want %d", from, to, len(got), len(want))
	}
	for i, w := range want {
		data, err := tlog.ReadTileData(w, ref)
		if err != nil {
			t.Fatal(err)
		}
		if g := got[i]; g.Level != w.L || g.Index != w.N || g.Width() != w.W || !bytes.Equal(g.Hashes, data) {
			t.Fatalf("from %d to %d: tile %d is %d/%d of %d, want %s", from, to, i, g.Level, g.Index, g.Width(), w.Path())
		}
	}
}

func TestAnAppendThatWasNotCommittedLeavesTheEdgeAsItWas(t *testing.T) {
	for _, size := range []int{0, 1, 255, 256, 700} {
		_, e := grown(t, size)
		before := e.Head()
		for _, n := range []int{1, 300, 0, 2} {
			if _, _, err := e.Append(entries(5000, 5000+n)); err != nil {
				t.Fatal(err)
			}
		}
		next, _, err := e.Append(entries(size, size+10))
		_, want := grown(t, size+10)
		if err != nil || e.Head() != before || next.Head() != want.Head() {
			t.Errorf("size %d: the edge has changed (%v)", size, err)
		}
	}
}

func TestALogDoesNotGrowBeyondItsBound(t *testing.T) {
	s := alike()
	e, err := readEdge(MaxSize-1, s)
	if err != nil {
		t.Fatal(err)
	}
	full, tiles, err := e.Append([]Entry{{}})
	if err != nil || len(tiles) != 7 || full.Head().Root != s[6*tileHeight] {
		t.Errorf("%d tiles, %v", len(tiles), err)
	}
	if _, _, err := full.Append([]Entry{{}}); err == nil {
		t.Error("it grows")
	}
	for _, head := range []Head{{MaxSize + 1, Hash{1}}, {-1, Hash{}}, {0, Hash{}}, {0, Hash{1}}} {
		if _, err := Load(head, s); err == nil {
			t.Errorf("there is a head %v", head)
		}
	}
}

// alike is a log of any size, all entries of which are zero: the hash of a full
// subtree depends on its height alone, so that the log needs no memory.
func alike() alikeShelf {
	s := alikeShelf{Entry{}.Leaf()}
	for len(s) <= 6*tileHeight {
		s = append(s, tlog.NodeHash(s[len(s)-1], s[len(s)-1]))
	}
	return s
}

type alikeShelf []Hash

func (s alikeShelf) Tile(level int, _ int64) ([]byte, error) {
	h := s[level*tileHeight]
	return bytes.Repeat(h[:], TileWidth), nil
}

// The contract says so in its first lines.
func TestThePackageReachesNeitherDiskNorNetworkNorClock(t *testing.T) {
	allowed := []string{"bytes", "crypto/ed25519", "crypto/sha256", "encoding/base64", "encoding/binary", "errors", "fmt", "io",
		"slices", "strconv", "strings", "time", "unicode", "unicode/utf8", "golang.org/x/mod/sumdb/note", "golang.org/x/mod/sumdb/tlog"}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range f.Imports {
			if path, _ := strconv.Unquote(imp.Path.Value); !slices.Contains(allowed, path) {
				t.Errorf("%s imports %s", file, path)
			}
		}
		// Of time, only what makes and writes a time that was given.
		ast.Inspect(f, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && sel.Sel.Name != "Time" && sel.Sel.Name != "Unix" {
					t.Errorf("%s uses time.%s", file, sel.Sel.Name)
				}
			}
			return true
		})
	}
}
