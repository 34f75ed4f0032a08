package register

import (
	"context"
	"errors"
	"fmt"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/ledger"
)

// A LogStore keeps the log of each site beside its choices.
type LogStore interface {
	// Pending returns committed choices that are in no log yet, of all sites, in
	// the order of their arrival.
	Pending(ctx context.Context, limit int) ([]Arrived, error)
	// Head returns the head of a site's log as it was committed; the empty one for
	// a site without a log.
	Head(ctx context.Context, site string) (ledger.Head, error)
	// Tiles reads the tiles of a site's log.
	Tiles(ctx context.Context, site string) ledger.Reader
	// Extend moves the head of a site's log in one transaction, with the tiles and
	// leaves that belong to it. It fails with ErrStale, and writes nothing, unless
	// the head is still the one that the extension begins at.
	Extend(ctx context.Context, e Extension) error
	// Checkpoint returns the checkpoint that was kept last for a site; nil for none.
	Checkpoint(ctx context.Context, site string) ([]byte, error)
	// KeepCheckpoint keeps a checkpoint, unless one of a larger tree is kept.
	KeepCheckpoint(ctx context.Context, site string, size int64, note []byte) error
}

// An Arrived is a choice with its place in the order of commits.
type Arrived struct {
	Row
	Arrival int64
}

// An Extension is what one step adds to a site's log.
type Extension struct {
	Site     string
	From, To ledger.Head
	Tiles    []ledger.Tile
	Leaves   []Leaf // beginning at From.Size
	Arrival  int64  // of the last choice in it
}

// A Leaf is an entry of the log and the record that it commits to.
type Leaf struct {
	Entry  ledger.Entry
	Record consent.ID
}

var (
	// ErrStale says that somebody else has extended the log meanwhile.
	ErrStale = errors.New("the log was extended by somebody else")
	// ErrAhead says that a checkpoint tells of a larger log than the store holds.
	ErrAhead = errors.New("the store holds less of the log than was signed: it was restored from an old backup, or damaged. Restore a newer one; nothing is signed until then")
)

// stepSize is how many choices one step takes.
const stepSize = 4096

// A Sequencer puts committed choices into the logs of their sites, and signs. One
// at a time does the work; a second one finds its head stale and begins anew. It is
// not safe for concurrent use.
type Sequencer struct {
	store LogStore
	key   func(site string) (ledger.Key, error)
	edges map[string]ledger.Edge
}

// NewSequencer makes a sequencer; key gives the key that signs for a site.
func NewSequencer(store LogStore, key func(site string) (ledger.Key, error)) *Sequencer {
	return &Sequencer{store: store, key: key, edges: map[string]ledger.Edge{}}
}

// Step puts what is pending into the logs and returns how many choices it took. A
// site whose log cannot be extended keeps no other one waiting. After an error
// nothing is lost: the next step begins where the store stands.
func (q *Sequencer) Step(ctx context.Context) (int, error) {
	pending, err := q.store.Pending(ctx, stepSize)
	if err != nil {
		return 0, err
	}
	done := 0
	var failed error
	for len(pending) > 0 {
		site := pending[0].Site
		own, rest := split(pending, site)
		if err := q.extend(ctx, site, own); err != nil {
			delete(q.edges, site)
			failed = errors.Join(failed, fmt.Errorf("the log of %s: %w", site, err))
		} else {
			done += len(own)
		}
		pending = rest
	}
	return done, failed
}

// split takes the choices of one site out of a list.
func split(pending []Arrived, site string) (own, rest []Arrived) {
	for _, p := range pending {
		if p.Site == site {
			own = append(own, p)
		} else {
			rest = append(rest, p)
		}
	}
	return own, rest
}

func (q *Sequencer) extend(ctx context.Context, site string, own []Arrived) error {
	edge, err := q.edge(ctx, site)
	if err != nil {
		return err
	}
	e := Extension{Site: site, From: edge.Head(), Arrival: own[len(own)-1].Arrival}
	entries := make([]ledger.Entry, len(own))
	for i, p := range own {
		entries[i] = ledger.NewEntry(p.Salt, p.Record)
		e.Leaves = append(e.Leaves, Leaf{entries[i], p.ID})
	}
	next, tiles, err := edge.Append(entries)
	if err != nil {
		return err
	}
	e.To, e.Tiles = next.Head(), tiles
	if err := q.store.Extend(ctx, e); err != nil {
		return err
	}
	q.edges[site] = next
	return q.sign(ctx, site, e.To)
}

// edge returns the right edge of a site's log, read and compared with its head
// when it is not known. What was signed must be in the store.
func (q *Sequencer) edge(ctx context.Context, site string) (ledger.Edge, error) {
	if e, ok := q.edges[site]; ok {
		return e, nil
	}
	if err := q.Check(ctx, site); err != nil {
		return ledger.Edge{}, err
	}
	head, err := q.store.Head(ctx, site)
	if err != nil {
		return ledger.Edge{}, err
	}
	return ledger.Load(head, q.store.Tiles(ctx, site))
}

// sign signs a head that is committed, and keeps the checkpoint.
func (q *Sequencer) sign(ctx context.Context, site string, head ledger.Head) error {
	key, err := q.key(site)
	if err != nil {
		return err
	}
	note, err := ledger.Sign(head, key)
	if err != nil {
		return err
	}
	return q.store.KeepCheckpoint(ctx, site, head.Size, note)
}

// Check compares the last checkpoint of a site with its log, and signs what was
// committed and not signed, as after a crash between the two. It fails with
// ErrAhead where more was signed than the store holds.
func (q *Sequencer) Check(ctx context.Context, site string) error {
	note, err := q.store.Checkpoint(ctx, site)
	if err != nil {
		return err
	}
	head, err := q.store.Head(ctx, site)
	if err != nil {
		return err
	}
	signed := ledger.Empty()
	if note != nil {
		key, err := q.key(site)
		if err != nil {
			return err
		}
		c, err := ledger.Trust{Origin: key.Origin(), Keys: []ledger.Verifier{key.Verifier()}}.Open(note)
		if err != nil {
			return fmt.Errorf("the last checkpoint: %w", err)
		}
		signed = c.Head
	}
	switch {
	case signed.Size > head.Size, signed.Size == head.Size && signed != head:
		return fmt.Errorf("%w (signed: %d entries, kept: %d)", ErrAhead, signed.Size, head.Size)
	case signed.Size < head.Size:
		if signed.Size > 0 {
			old, _, err := ledger.Consistency(head, signed.Size, q.store.Tiles(ctx, site))
			if err != nil {
				return err
			}
			if old != signed {
				return fmt.Errorf("%w (the first %d entries are others)", ErrAhead, signed.Size)
			}
		}
		return q.sign(ctx, site, head)
	}
	return nil
}
