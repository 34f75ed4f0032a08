package ledger

import (
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8 // levels of the tree from one level of tiles to the next
	tileBytes  = TileWidth * HashSize
)

// A Tile is a row of a store: up to 256 hashes side by side. Those of level 0 are
// leaves, those of level l+1 are the roots of full tiles of level l. A row grows at
// its end until it is full and never changes otherwise.
type Tile struct {
	Level  int
	Index  int64  // from the left, within the level
	Hashes []byte // 32 bytes each; to be read only
}

// Width returns how many hashes the tile has.
func (t Tile) Width() int { return len(t.Hashes) / HashSize }

// A Reader gives the rows that a store holds.
type Reader interface {
	// Tile returns the hashes of a tile as stored last, 32 bytes each. They may be
	// more than the head that is asked about needs. A row that is not there is no
	// error: it has no hashes. The bytes are read before the next call, not kept
	// and not changed.
	Tile(level int, index int64) ([]byte, error)
}

// An Edge is the right edge of the tree at one head: all that is needed to append.
// It is immutable, holds at most 8 kB for each level of tiles, and its zero value
// is the edge of an empty log.
//
// Whoever appends keeps the edge of the head that was committed. When somebody
// else has moved the head, it is loaded anew.
type Edge struct {
	size int64
	rows []row // by level: the tiles that are not full
}

// A row is a tile in the making.
type row struct {
	hashes []byte
	// peaks are the roots of the largest full subtrees of the row from the left:
	// one for each bit of its width. Keeping them saves hashing the row again.
	peaks []Hash
}

// Load reads the edge of a head: one partial tile for each level. It fails with
// [ErrDamaged] unless what it reads makes up the root.
func Load(head Head, r Reader) (Edge, error) {
	if !head.valid() {
		return Edge{}, fmt.Errorf("a log has no head of size %d and root %v", head.Size, head.Root)
	}
	e, err := readEdge(head.Size, r)
	if err != nil {
		return Edge{}, err
	}
	if got := e.Head(); got != head {
		return Edge{}, fmt.Errorf("%w (size %d: root %v is computed, %v is expected)", ErrDamaged, head.Size, got.Root, head.Root)
	}
	return e, nil
}

// readEdge reads an edge without comparing it with anything.
func readEdge(size int64, r Reader) (Edge, error) {
	e := Edge{size: size}
	for level := 0; size>>(tileHeight*level) > 0; level++ {
		var rw row
		if n := size >> (tileHeight * level); n%TileWidth > 0 {
			data, err := readRow(r, level, n/TileWidth, int(n%TileWidth))
			if err != nil {
				return Edge{}, err
			}
			for h := range slices.Chunk(data[:n%TileWidth*HashSize], HashSize) {
				rw.push(Hash(h))
			}
		}
		e.rows = append(e.rows, rw)
	}
	return e, nil
}

// readRow reads a tile that must have at least so many hashes.
func readRow(r Reader, level int, index int64, width int) ([]byte, error) {
	data, err := r.Tile(level, index)
	if err != nil {
		return nil, fmt.Errorf("reading tile %d of level %d: %w", index, level, err)
	}
	if len(data) < width*HashSize || len(data)%HashSize != 0 || len(data) > tileBytes {
		return nil, fmt.Errorf("%w (tile %d of level %d has %d bytes; it must have at least %d hashes of %d)",
			ErrDamaged, index, level, len(data), width, HashSize)
	}
	return data, nil
}

// Head returns the head that the edge belongs to.
func (e Edge) Head() Head {
	if e.size == 0 {
		return Empty()
	}
	// The peaks of all levels, from the right, are the subtrees that RFC 6962
	// splits a tree into; each root is the right side of the next.
	head, first := Head{Size: e.size}, true
	for _, r := range e.rows {
		for _, peak := range slices.Backward(r.peaks) {
			if first {
				head.Root, first = peak, false
			} else {
				head.Root = tlog.NodeHash(peak, head.Root)
			}
		}
	}
	return head
}

// Append adds entries. It returns the edge after them and the tiles that a store
// must write, whole, in the transaction that moves its head from e.Head() to
// next.Head(); they come by level and from left to right. e stays as it is: if the
// transaction fails, it is still the edge to append to.
func (e Edge) Append(entries []Entry) (next Edge, changed []Tile, err error) {
	if int64(len(entries)) > MaxSize-e.size {
		return Edge{}, nil, fmt.Errorf("a log holds at most %d entries: it cannot grow from %d by %d", int64(MaxSize), e.size, len(entries))
	}
	rising := make([]Hash, len(entries))
	for i := range entries {
		rising[i] = entries[i].Leaf()
	}
	next.size = e.size + int64(len(entries))
	for level := 0; level < len(e.rows) || len(rising) > 0; level++ {
		var old row
		if level < len(e.rows) {
			old = e.rows[level]
		}
		var grown row
		at := Tile{Level: level, Index: e.size >> (tileHeight * (level + 1))}
		grown, changed, rising = old.grow(at, rising, changed)
		next.rows = append(next.rows, grown)
	}
	return next, changed, nil
}

// grow returns the row after hashes were added to it, the tiles changed by that
// after those given, and the roots of the tiles that became full.
func (r row) grow(at Tile, hashes []Hash, changed []Tile) (row, []Tile, []Hash) {
	if len(hashes) == 0 {
		return r, changed, nil
	}
	var full []Hash
	r = r.clone(len(hashes))
	for i := range hashes {
		r.push(hashes[i])
		if len(r.hashes) == tileBytes {
			at.Hashes = r.hashes
			changed = append(changed, at)
			full = append(full, r.peaks[0])
			at.Index++
			r = row{peaks: r.peaks[:0]}.clone(len(hashes) - i - 1)
		}
	}
	if len(r.hashes) > 0 {
		at.Hashes = r.hashes
		changed = append(changed, at)
	}
	return r, changed, full
}

// clone returns a row of its own with room for more hashes.
func (r row) clone(more int) row {
	hashes := make([]byte, len(r.hashes), min(tileBytes, len(r.hashes)+more*HashSize))
	copy(hashes, r.hashes)
	return row{hashes, append(make([]Hash, 0, tileHeight+1), r.peaks...)}
}

// push adds one hash.
func (r *row) push(h Hash) {
	width := len(r.hashes) / HashSize
	r.hashes = append(r.hashes, h[:]...)
	// Each subtree of the same height to the left makes a higher one with it.
	for ; width&1 == 1; width >>= 1 {
		last := len(r.peaks) - 1
		h = tlog.NodeHash(r.peaks[last], h)
		r.peaks = r.peaks[:last]
	}
	r.peaks = append(r.peaks, h)
}
