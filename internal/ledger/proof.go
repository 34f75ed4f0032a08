package ledger

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Inclusion returns the proof (RFC 6962, section 2.1.1) that the log of the given
// head has the entry at the index. It reads one tile for each level, or two. The
// proof has been verified: where the tiles, the entry and the head do not agree,
// there is [ErrDamaged] and no proof.
func Inclusion(head Head, index int64, e Entry, r Reader) ([]Hash, error) {
	if !head.valid() || index < 0 || index >= head.Size {
		return nil, fmt.Errorf("a log of %d entries has none at %d", head.Size, index)
	}
	proof, err := tlog.ProveRecord(head.Size, index, &nodes{r: r})
	if err != nil {
		return nil, err
	}
	if err := VerifyInclusion(head, index, e, proof); err != nil {
		return nil, fmt.Errorf("%w (entry %d of %d)", ErrDamaged, index, head.Size)
	}
	return proof, nil
}

// VerifyInclusion reports with [ErrProof] that a proof does not show that the log
// of the given head has the entry at the index.
func VerifyInclusion(head Head, index int64, e Entry, proof []Hash) error {
	if !head.valid() || index < 0 || index >= head.Size {
		return fmt.Errorf("%w (entry %d of %d, %d hashes)", ErrProof, index, head.Size, len(proof))
	}
	if err := tlog.CheckRecord(proof, head.Size, head.Root, index, e.Leaf()); err != nil {
		return fmt.Errorf("%w (entry %d of %d)", ErrProof, index, head.Size)
	}
	return nil
}

// Consistency returns the head that the log had when it was of the given size, and
// the proof (RFC 6962, section 2.1.2) that the log of the newer head begins with
// it. Both have been verified against the newer head. From the empty log, and from
// a head to itself, the proof has no hashes.
func Consistency(head Head, size int64, r Reader) (old Head, proof []Hash, err error) {
	switch {
	case !head.valid() || size < 0 || size > head.Size:
		return Head{}, nil, fmt.Errorf("a log of %d entries was never one of %d", head.Size, size)
	case size == 0:
		return Empty(), []Hash{}, nil
	case size == head.Size:
		return head, []Hash{}, nil
	}
	n := &nodes{r: r}
	root, err := tlog.TreeHash(size, n)
	if err != nil {
		return Head{}, nil, err
	}
	proof, err = tlog.ProveTree(head.Size, size, n)
	if err != nil {
		return Head{}, nil, err
	}
	old = Head{size, root}
	if err := VerifyConsistency(old, head, proof); err != nil {
		return Head{}, nil, fmt.Errorf("%w (from size %d to %d)", ErrDamaged, size, head.Size)
	}
	return old, proof, nil
}

// VerifyConsistency reports with [ErrProof] that a proof does not show that the log
// of the newer head begins with that of the older.
func VerifyConsistency(old, head Head, proof []Hash) error {
	failed := fmt.Errorf("%w (from size %d to %d, %d hashes)", ErrProof, old.Size, head.Size, len(proof))
	if !old.valid() || !head.valid() || old.Size > head.Size {
		return failed
	}
	// Every log begins with the empty one; tlog does not speak of it.
	if old.Size == 0 && len(proof) == 0 {
		return nil
	}
	if old.Size == 0 || tlog.CheckTree(proof, head.Size, head.Root, old.Size, old.Root) != nil {
		return failed
	}
	return nil
}

// nodes reads single nodes of the tree out of tiles, each of which it reads once.
type nodes struct {
	r    Reader
	rows []Tile
}

// ReadHashes makes nodes a tlog.HashReader.
func (n *nodes) ReadHashes(indexes []int64) ([]Hash, error) {
	hashes := make([]Hash, len(indexes))
	for i, index := range indexes {
		at := tlog.TileForIndex(tileHeight, index)
		row, err := n.row(at.L, at.N, at.W)
		if err != nil {
			return nil, err
		}
		if hashes[i], err = tlog.HashFromTile(at, row, index); err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

func (n *nodes) row(level int, index int64, width int) ([]byte, error) {
	for _, t := range n.rows {
		if t.Level == level && t.Index == index && t.Width() >= width {
			return t.Hashes, nil
		}
	}
	data, err := readRow(n.r, level, index, width)
	if err != nil {
		return nil, err
	}
	// A reader may use its bytes again for the next row.
	data = append([]byte(nil), data...)
	n.rows = append(n.rows, Tile{level, index, data})
	return data, nil
}
