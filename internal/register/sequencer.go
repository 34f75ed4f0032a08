package register

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/ledger"
)

// A LogStore keeps the log of each site beside its choices.
type LogStore interface {
	Queue
	// StepSize says how many choices one step should take, while the log keeps up: the
	// fewer, the less a step keeps waiting whoever commits.
	StepSize() int
	// Head returns the head of a site's log as it was committed; the empty one for
	// a site without a log.
	Head(ctx context.Context, site string) (ledger.Head, error)
	// Tiles reads the tiles of a site's log.
	Tiles(ctx context.Context, site string) ledger.Reader
	// Subjects returns the subjects, as [Subject] says, of those of a site's records
	// that are in its log and were not removed.
	Subjects(ctx context.Context, site string, records []consent.ID) (map[consent.ID][]byte, error)
	// Extend moves the head of a site's log in one transaction, with all that belongs
	// to the extension. It fails with ErrStale, and writes nothing, unless the head is
	// still the one that the extension begins at, and no choice was removed since its
	// choices were read.
	Extend(ctx context.Context, e Extension) error
	// Checkpoint returns the checkpoint that was kept last for a site; nil for none.
	Checkpoint(ctx context.Context, site string) ([]byte, error)
	// KeepCheckpoint keeps a checkpoint, unless one of a larger tree is kept.
	KeepCheckpoint(ctx context.Context, site string, size int64, note []byte) error
}

// A Queue gives committed choices that are in no log yet, in the order of their
// arrival. Those of a site whose log cannot be extended are stalled: they wait
// apart, so that however many they are, others are not looked for among them.
type Queue interface {
	// Pending returns choices of all sites that are not stalled.
	Pending(ctx context.Context, limit int) ([]Arrived, error)
	// PendingOf returns choices of a site that is stalled.
	PendingOf(ctx context.Context, site string, limit int) ([]Arrived, error)
	// Stalled returns the sites that are.
	Stalled(ctx context.Context) ([]string, error)
	// Stall lets a site's choices wait apart.
	Stall(ctx context.Context, site string) error
	// Resume puts a site back among the others, if all its choices that arrived
	// before those that Pending looks at are in its log; otherwise it does nothing.
	Resume(ctx context.Context, site string) error
}

// An Arrived is a choice with its place in the order of commits.
type Arrived struct {
	Row
	Arrival  int64
	Removals int64 // how often choices had been removed, or taken from an account, when it was read
	Settled  int64 // all choices before this arrival could be read then: none comes any more; 0 where some wait apart
}

// An Extension is what one step adds to a site's log, and to what its records are
// looked up and counted by.
type Extension struct {
	Site     string
	From, To ledger.Head
	Tiles    []ledger.Tile
	Leaves   []Leaf  // beginning at From.Size
	Counts   []Count // to add, in the order of their keys
	Arrival  int64   // of the last choice in it
	Alone    bool    // no choice of another site was pending before that, and no site is stalled
	Removals int64   // the smallest of its choices
	Settled  int64   // likewise
}

// A Leaf is an entry of the log, the record that it commits to, and what that one is
// looked up by. A record of which FactsOf reads nothing gets its entry all the same,
// and the facts of Unread.
type Leaf struct {
	Entry  ledger.Entry
	Record consent.ID
	Facts
	Subject []byte // see [Subject]
}

var (
	// ErrStale says that somebody else has extended the log meanwhile.
	ErrStale = errors.New("the log was extended by somebody else")
	// ErrAhead says that a checkpoint tells of a larger log than the store holds.
	ErrAhead = errors.New("the store holds less of the log than was signed: it was restored from an old backup, or damaged. Restore a newer one; nothing is signed until then")
)

// Steps are larger where the log falls behind.
const (
	larger   = 4  // times
	patience = 16 // full steps in a row until larger ones are taken
)

// A Sequencer puts committed choices into the logs of their sites, and signs. One
// at a time does the work; a second one finds its head stale and begins anew. It is
// not safe for concurrent use.
type Sequencer struct {
	store LogStore
	keys  Keys
	edges map[string]ledger.Edge
	full  int // steps in a row that left something
}

// NewSequencer makes a sequencer; keys says what it signs with.
func NewSequencer(store LogStore, keys Keys) *Sequencer {
	return &Sequencer{store: store, keys: keys, edges: map[string]ledger.Edge{}}
}

// Step puts what is pending into the logs and returns how many choices it took. A
// site whose log cannot be extended keeps no other one waiting, however many of its
// choices do: it is stalled, and tried again after the others. After an error
// nothing is lost: the next step begins where the store stands.
func (q *Sequencer) Step(ctx context.Context) (took int, more bool, err error) {
	stalled, err := q.store.Stalled(ctx)
	if err != nil {
		return 0, false, err
	}
	limit := q.store.StepSize()
	if q.full >= patience {
		limit *= larger
	}
	pending, err := q.store.Pending(ctx, limit)
	if err != nil {
		return 0, false, err
	}
	q.full++
	if len(pending) < limit {
		q.full = 0
	}
	done := 0
	var failed error
	sites, own := bySite(pending)
	for _, site := range sites {
		if err := q.extend(ctx, site, own[site], len(sites) == 1 && len(stalled) == 0); err != nil {
			failed = errors.Join(failed, err, q.stall(ctx, site, err))
		} else {
			done += len(own[site])
		}
	}
	for _, site := range stalled {
		n, err := q.resume(ctx, site, limit)
		done, more = done+n, more || n == limit
		failed = errors.Join(failed, err)
	}
	return done, q.full > 0 || more, failed
}

// bySite parts choices by their sites, which come in the order of their first one.
func bySite(pending []Arrived) (sites []string, own map[string][]Arrived) {
	own = map[string][]Arrived{}
	for _, p := range pending {
		if own[p.Site] == nil {
			sites = append(sites, p.Site)
		}
		own[p.Site] = append(own[p.Site], p)
	}
	return sites, own
}

// stall lets the choices of a site wait apart, unless the failure is none of the
// site's own.
func (q *Sequencer) stall(ctx context.Context, site string, why error) error {
	if errors.Is(why, ErrStale) || ctx.Err() != nil {
		return nil
	}
	return q.store.Stall(ctx, site)
}

// resume tries again a site that is stalled, and puts it back among the others when
// it has caught up. Its choices are not even read while its log cannot be.
func (q *Sequencer) resume(ctx context.Context, site string, limit int) (int, error) {
	if _, err := q.edge(ctx, site); err != nil {
		return 0, fmt.Errorf("the log of %s: %w", site, err)
	}
	own, err := q.store.PendingOf(ctx, site, limit)
	if err != nil {
		return 0, err
	}
	if len(own) > 0 {
		if err := q.extend(ctx, site, own, false); err != nil {
			return 0, err
		}
	}
	if len(own) == limit {
		return len(own), nil // more may wait
	}
	return len(own), q.store.Resume(ctx, site)
}

// extend puts choices of one site into its log.
func (q *Sequencer) extend(ctx context.Context, site string, own []Arrived, alone bool) error {
	if err := q.append(ctx, site, own, alone); err != nil {
		delete(q.edges, site)
		return fmt.Errorf("the log of %s: %w", site, err)
	}
	return nil
}

func (q *Sequencer) append(ctx context.Context, site string, own []Arrived, alone bool) error {
	edge, err := q.edge(ctx, site)
	if err != nil {
		return err
	}
	e := Extension{Site: site, From: edge.Head(), Arrival: own[len(own)-1].Arrival, Alone: alone, Removals: own[0].Removals, Settled: own[0].Settled}
	if e.Leaves, e.Counts, err = q.leaves(ctx, site, own); err != nil {
		return err
	}
	entries := make([]ledger.Entry, len(own))
	for i := range own {
		entries[i] = e.Leaves[i].Entry
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

// leaves makes the leaves of choices of one site, and counts what was decided. Only
// choices that replace others cost a look-up: one for all of them.
func (q *Sequencer) leaves(ctx context.Context, site string, own []Arrived) ([]Leaf, []Count, error) {
	leaves, counts := make([]Leaf, len(own)), tally{}
	var replaced []consent.ID
	for i := range own {
		p := &own[i]
		facts, answers, ok := readFacts(p.Record)
		if !ok {
			facts = Unread(p.ID)
		}
		counts.add(&facts, answers)
		leaves[i] = Leaf{Entry: ledger.NewEntry(p.Salt, p.Record), Record: p.ID, Facts: facts}
		if p.Account == nil && facts.Replaces != (consent.ID{}) {
			replaced = append(replaced, facts.Replaces)
		}
	}
	var subjects map[consent.ID][]byte
	if len(replaced) > 0 {
		var err error
		if subjects, err = q.store.Subjects(ctx, site, replaced); err != nil {
			return nil, nil, err
		}
	}
	for i := range leaves {
		l := &leaves[i]
		l.Subject = Subject(l.Record, own[i].Account, subjects[l.Replaces])
		if subjects != nil { // the next one may replace it
			subjects[l.Record] = l.Subject
		}
	}
	return leaves, counts.list(), nil
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

// sign signs a head that is committed, and keeps the checkpoint. A key that is
// replaced at the same time is not the last to sign: either this sees the new one,
// or whoever registered it signs after this.
func (q *Sequencer) sign(ctx context.Context, site string, head ledger.Head) error {
	keys, err := q.keys.LogKeys(ctx, site)
	for err == nil {
		var note []byte
		if note, err = ledger.Sign(head, keys.Signers...); err != nil {
			return err
		}
		if keys.Memory != nil { // before anybody sees it
			if err = keys.Memory.KeepSigned(note); err != nil {
				return err
			}
		}
		if err = q.store.KeepCheckpoint(ctx, site, head.Size, note); err != nil {
			return err
		}
		signed := keys.Signers
		if keys, err = q.keys.LogKeys(ctx, site); err == nil && sameKeys(signed, keys.Signers) {
			return nil
		}
	}
	return err
}

func sameKeys(a, b []ledger.Key) bool {
	return slices.EqualFunc(a, b, func(k, l ledger.Key) bool { return k.Verifier() == l.Verifier() })
}

// Check compares the last checkpoint of a site with its log, and signs what was
// committed and not signed, as after a crash between the two, or not by the keys
// that sign now. It fails with ErrAhead where more was signed than the store holds,
// and with ErrOtherKey where this process must not sign.
func (q *Sequencer) Check(ctx context.Context, site string) error {
	keys, err := q.keys.LogKeys(ctx, site)
	if err != nil {
		return err
	}
	signed, head, err := compare(ctx, q.store, site, keys)
	if err != nil || head.Size == 0 {
		return err
	}
	if signed.Head == head && len(signed.Keys) == len(keys.Signers) && !slices.ContainsFunc(keys.Signers, func(k ledger.Key) bool {
		return !slices.Contains(signed.Keys, k.Verifier())
	}) {
		return nil
	}
	return q.sign(ctx, site, head)
}

// compare returns the last checkpoint of a site, which the keys must open, and the
// head that is committed, and fails with ErrAhead unless the log holds all that was
// signed: by the store's last checkpoint, and by the one beside the keys. A checkpoint
// of a former log of the site says nothing of this one.
func compare(ctx context.Context, store LogStore, site string, keys LogKeys) (signed ledger.Checkpoint, head ledger.Head, err error) {
	signed.Head = ledger.Empty()
	note, err := store.Checkpoint(ctx, site)
	if err != nil {
		return signed, head, err
	}
	if head, err = store.Head(ctx, site); err != nil {
		return signed, head, err
	}
	if signed, err = holds(ctx, store, site, keys, head, note); err != nil {
		return signed, head, err
	}
	if keys.Memory != nil {
		if note, err = keys.Memory.LastSigned(); err == nil {
			_, err = holds(ctx, store, site, keys, head, note)
		}
		if err != nil {
			err = fmt.Errorf("beside the keys: %w", err)
		}
	}
	return signed, head, err
}

// holds opens a checkpoint, nil for none, and compares it with a log's head.
func holds(ctx context.Context, store LogStore, site string, keys LogKeys, head ledger.Head, note []byte) (signed ledger.Checkpoint, err error) {
	signed.Head = ledger.Empty()
	if note == nil || slices.Contains(keys.Former, originOf(note)) {
		return signed, nil
	}
	if signed, err = keys.Trust.Open(note); err != nil {
		return signed, fmt.Errorf("the last checkpoint: %w", err)
	}
	switch {
	case signed.Size > head.Size, signed.Size == head.Size && signed.Head != head:
		return signed, fmt.Errorf("%w (signed: %d entries, kept: %d)", ErrAhead, signed.Size, head.Size)
	case signed.Size > 0 && signed.Size < head.Size:
		old, _, err := ledger.Consistency(head, signed.Size, store.Tiles(ctx, site))
		if err != nil {
			return signed, err
		}
		if old != signed.Head {
			return signed, fmt.Errorf("%w (the first %d entries are others)", ErrAhead, signed.Size)
		}
	}
	return signed, nil
}

// originOf is the name of the log that a checkpoint says it is of.
func originOf(note []byte) string {
	origin, _, _ := strings.Cut(string(note), "\n")
	return origin
}
