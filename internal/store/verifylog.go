package store

import (
	"bytes"
	"context"
	"fmt"

	"github.com/temoin/temoin/internal/ledger"
)

// heads builds the tree anew from the entries, and returns its head at each size
// that a checkpoint tells of. The tiles must be those of the tree.
func (v *verifying) heads(ctx context.Context, claims []claim) (map[int64]ledger.Head, error) {
	stops := map[int64]bool{}
	for _, c := range claims {
		stops[c.head.Size] = true
	}
	heads := map[int64]ledger.Head{}
	var edge ledger.Edge
	for size := int64(0); ; size = edge.Head().Size {
		entries, err := v.next(ctx, size, stops)
		if err != nil {
			return nil, err
		}
		if len(entries) == 0 {
			break
		}
		var tiles []ledger.Tile
		if edge, tiles, err = edge.Append(entries); err != nil {
			return nil, err
		}
		if err := v.tiles(ctx, tiles); err != nil {
			return nil, err
		}
		if h := edge.Head(); stops[h.Size] {
			heads[h.Size] = h
		}
	}
	if got := edge.Head(); got != v.Head {
		return nil, fmt.Errorf("the entries of the log make up the head of size %d and root %v, and the store says size %d and root %v: %w", got.Size, got.Root, v.Head.Size, v.Head.Root, ledger.ErrDamaged)
	}
	return heads, nil
}

// entriesAtOnce is how many entries are read at a time.
const entriesAtOnce = 4096

// next returns the entries that follow, up to the next size that is a stop.
func (v *verifying) next(ctx context.Context, from int64, stops map[int64]bool) ([]ledger.Entry, error) {
	to := from + entriesAtOnce
	for stop := range stops {
		if stop > from && stop < to {
			to = stop
		}
	}
	return entries(ctx, v.tx, v.Site, from, to)
}

// tiles compares tiles with those that are kept, which may hold more.
func (v *verifying) tiles(ctx context.Context, want []ledger.Tile) error {
	for _, t := range want {
		kept, err := tiles{ctx, v.tx, v.Site}.Tile(t.Level, t.Index)
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(kept, t.Hashes) {
			return fmt.Errorf("tile %d of level %d is not that of the entries: %w", t.Index, t.Level, ledger.ErrDamaged)
		}
	}
	return nil
}
