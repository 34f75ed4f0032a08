package ledger

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Bundles is the level of a [Path] that names a bundle of entries. It covers the
// entries whose leaves are in the tile of level 0 with the same index and width.
const Bundles = -1

// A Path names what a log serves beside its checkpoint, as c2sp.org/tlog-tiles
// does: tile/0/x001/x234/067 is the full tile 1234067 of level 0,
// tile/1/000.p/17 the first 17 hashes of a tile, tile/entries/000 a bundle.
// What a path names never changes.
type Path struct {
	Level int // or Bundles
	Index int64
	Width int // hashes or entries, 1 to 256
}

// ParsePath reads a path in the one form that String writes, without a slash
// before it. What no log of [MaxSize] has is refused; whether the log at hand has
// it, [Width] tells.
func ParsePath(s string) (Path, error) {
	rest, ok := strings.CutPrefix(s, "tile/")
	if !ok {
		return Path{}, fmt.Errorf("%.80q is no path of a log", s)
	}
	// tlog's paths have the height of tiles in them and call bundles data.
	if bundle, ok := strings.CutPrefix(rest, "entries/"); ok {
		rest = "data/" + bundle
	}
	t, err := tlog.ParseTilePath(fmt.Sprintf("tile/%d/%s", tileHeight, rest))
	p := Path{t.L, t.N, t.W}
	if err != nil || !p.valid() || p.String() != s {
		return Path{}, fmt.Errorf("%.80q is no path of a log", s)
	}
	return p, nil
}

// String writes the path.
func (p Path) String() string {
	// tlog leaves out the width of a tile that is full.
	s := tlog.Tile{H: tileHeight, L: max(p.Level, 0), N: p.Index, W: p.Width}.Path()
	s = strings.TrimPrefix(s, fmt.Sprintf("tile/%d/%d/", tileHeight, max(p.Level, 0)))
	if p.Level == Bundles {
		return "tile/entries/" + s
	}
	return fmt.Sprintf("tile/%d/%s", p.Level, s)
}

// valid reports whether a log of MaxSize has what the path names.
func (p Path) valid() bool {
	return p.Width >= 1 && p.Width <= Width(MaxSize, p.Level, p.Index)
}

// Width returns how many hashes the tile at a place has in a log of the given size,
// or entries the bundle: 0 when the log has no such tile, at most 256.
func Width(size int64, level int, index int64) int {
	level = max(level, 0)
	if level > 63/tileHeight || index < 0 || index > size/TileWidth {
		return 0
	}
	return int(min(max(size>>(tileHeight*level)-index*TileWidth, 0), TileWidth))
}

// Cut returns the first hashes of a row: what a path names of a tile that has grown
// since, or not yet enough.
func Cut(row []byte, width int) ([]byte, error) {
	if width < 1 || width > TileWidth || len(row) < width*HashSize || len(row)%HashSize != 0 || len(row) > tileBytes {
		return nil, fmt.Errorf("%d hashes cannot be cut from a tile of %d bytes", width, len(row))
	}
	return row[: width*HashSize : width*HashSize], nil
}

// bundled is the size of an entry in a bundle: its length in two bytes comes first.
const bundled = 2 + EntrySize

// Bundle returns the bytes of a bundle: each entry after its length in two bytes,
// big-endian.
func Bundle(entries []Entry) []byte {
	b := make([]byte, 0, len(entries)*bundled)
	for _, e := range entries {
		b = binary.BigEndian.AppendUint16(b, EntrySize)
		b = append(b, e[:]...)
	}
	return b
}

// ParseBundle reads a bundle of 1 to 256 entries.
func ParseBundle(b []byte) ([]Entry, error) {
	if len(b) == 0 || len(b) > TileWidth*bundled || len(b)%bundled != 0 {
		return nil, fmt.Errorf("%d bytes are no bundle of entries of %d bytes", len(b), EntrySize)
	}
	entries := make([]Entry, 0, len(b)/bundled)
	for ; len(b) > 0; b = b[bundled:] {
		if n := binary.BigEndian.Uint16(b); n != EntrySize {
			return nil, fmt.Errorf("entry %d of the bundle has %d bytes, not %d", len(entries), n, EntrySize)
		}
		entries = append(entries, Entry(b[2:bundled]))
	}
	return entries, nil
}
