package ledger

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// The first two are those of c2sp.org/tlog-tiles.
var paths = map[string]Path{
	"tile/0/x001/x234/067":                {0, 1234067, 256},
	"tile/0/273.p/112":                    {0, 273, 112},
	"tile/0/000":                          {0, 0, 256},
	"tile/1/000.p/17":                     {1, 0, 17},
	"tile/6/000.p/1":                      {6, 0, 1},
	"tile/entries/000":                    {Bundles, 0, 256},
	"tile/entries/x001/000.p/255":         {Bundles, 1000, 255},
	"tile/0/x001/x099/x511/x627/775":      {0, 1<<40 - 1, 256},
	"tile/entries/x001/x099/x511/627.p/1": {Bundles, 1099511627, 1},
}

var badPaths = []string{
	"", "tile", "tile/", "tile/0", "tile/0/", "/tile/0/000", "tile/0/000/", "tile//000", "tile/0/0", "tile/0/00", "tile/0/0000",
	"tile/00/000", "tile/+0/000", "tile/-1/000", "tile/data/000", "tile/8/0/000", "tile/0/x000/000", "tile/0/x001", "tile/0/001/000",
	"tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/+1", "tile/0/000.p/-1",
	"tile/6/000.p/2", "tile/6/000", "tile/7/000.p/1", "tile/63/000", "tile/64/000", "tile/entries/0", "tile/Entries/000",
	"tile/0/x001/x099/x511/x627/776", "tile/0/x999/x999/x999/x999/x999/x999/999", "tile/0/000?", "tile/0/%30", "tile/0/..", "tile/0/000\n",
	"tile/0/" + strings.Repeat("x999/", 1000) + "999", "checkpoint",
}

func TestAPathIsReadInTheOneFormThatIsWritten(t *testing.T) {
	for text, want := range paths {
		if got, err := ParsePath(text); err != nil || got != want || got.String() != text {
			t.Errorf("%s: %+v, %s, %v", text, got, got, err)
		}
	}
	for _, text := range badPaths {
		if got, err := ParsePath(text); err == nil {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}

func TestEveryTileOfALogHasAPathAndNoOther(t *testing.T) {
	for _, size := range []int64{0, 1, 255, 256, 257, 65535, 65536, 70000} {
		want := map[Path]bool{}
		for _, tile := range tlog.NewTiles(tileHeight, 0, size) {
			want[Path{tile.L, tile.N, tile.W}] = true
		}
		got := map[Path]bool{}
		for level := range 10 {
			for index := range size/256 + 2 {
				if w := Width(size, level, index); w > 0 {
					p := Path{level, index, w}
					got[p] = true
					if back, err := ParsePath(p.String()); err != nil || back != p {
						t.Errorf("%v: %v, %v", p, back, err)
					}
				}
			}
		}
		if len(got) != len(want) {
			t.Errorf("size %d: %d tiles, want %d", size, len(got), len(want))
		}
		for p := range want {
			if !got[p] {
				t.Errorf("size %d: no %v", size, p)
			}
		}
	}
	for _, level := range []int{-1, 0, 7, 8, 63, 64, 1 << 40} {
		for _, index := range []int64{-1, 1 << 41, 1<<63 - 1} {
			if w := Width(MaxSize, level, index); w != 0 {
				t.Errorf("tile %d of level %d has %d hashes", index, level, w)
			}
		}
	}
}

func TestATileIsCutToTheWidthThatIsAskedFor(t *testing.T) {
	s, e := grown(t, 300)
	row, _ := s.Tile(0, 1)
	for width := -1; width < 300; width++ {
		got, err := Cut(row, width)
		if ok := width >= 1 && width <= 44; ok != (err == nil) || ok && !bytes.Equal(got, row[:32*width]) {
			t.Errorf("width %d of %d: %d bytes, %v", width, e.size, len(got), err)
		}
	}
	if _, err := Cut(row[:45], 1); err == nil {
		t.Error("a torn row is cut")
	}
	got, err := Cut(row, 2)
	if err != nil || cap(got) != 64 {
		t.Errorf("what is cut can be appended to: %d, %v", cap(got), err)
	}
}

func TestABundleComesBackAsItWas(t *testing.T) {
	for _, n := range []int{1, 2, 255, 256} {
		want := entries(0, n)
		b := Bundle(want)
		if len(b) != 34*n || b[0] != 0 || b[1] != 32 || !bytes.Equal(b[2:34], want[0][:]) {
			t.Fatalf("%d entries: %x", n, b)
		}
		if got, err := ParseBundle(b); err != nil || !slices.Equal(got, want) {
			t.Errorf("%d entries: %v", n, err)
		}
	}
	b := Bundle(entries(0, 2))
	for name, bad := range map[string][]byte{
		"nothing": nil, "a byte less": b[:len(b)-1], "a byte more": append(slices.Clone(b), 0),
		"257 entries": Bundle(entries(0, 257)), "another length": append([]byte{1}, b[1:]...),
	} {
		if got, err := ParseBundle(bad); err == nil {
			t.Errorf("%s: %d entries", name, len(got))
		}
	}
}
