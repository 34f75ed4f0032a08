package register

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/ledger"
)

// A Row is what is kept of one choice.
type Row struct {
	Site    string
	ID      consent.ID
	Salt    ledger.Salt
	Frame   *Frame // nil: the record is whole
	Record  []byte // canonical, or the values that fill the frame
	Account []byte // keyed hash of the account's id; nil where there is none
}

// A Committer makes rows durable: all of them, or none and an error. A row whose
// id is there already is not written again: what is kept stands in its place in
// the result. When Commit returns without an error, the rows survive a power cut.
type Committer interface {
	Commit(ctx context.Context, rows []Row) (kept []Row, err error)
}

var (
	// ErrBusy says that more choices wait than can be held: try again soon.
	ErrBusy = errors.New("too many choices wait to be kept")
	// ErrUnavailable says that the store cannot keep anything now. Nothing was
	// granted; the register recovers by itself.
	ErrUnavailable = errors.New("the register cannot be written now")
	// ErrClosed says that the register is being stopped.
	ErrClosed = errors.New("the register is closed")
)

// Limits of a group.
const (
	waitsFor  = 10 * time.Second // a row, to be kept
	groupSize = 512              // rows in one transaction
	waiting   = 4096             // rows that wait
)

// A Group commits rows of many callers together: while one transaction is on its
// way to the disk, the next one gathers. It is safe for concurrent use.
type Group struct {
	store Committer
	queue chan *ticket
	done  sync.WaitGroup
	ends  deadline
	free  sync.Pool // of tickets

	mu     sync.RWMutex // of closed: nobody sends on a closed queue
	closed bool
}

// A ticket is one row that waits for its transaction.
type ticket struct {
	ctx  context.Context
	row  Row
	kept chan result
}

type result struct {
	row Row
	err error
}

// NewGroup makes a group over a store. A store that writes one transaction at a
// time, such as SQLite, has one writer.
func NewGroup(store Committer, writers int) *Group {
	g := &Group{store: store, queue: make(chan *ticket, waiting)}
	g.free.New = func() any { return &ticket{kept: make(chan result, 1)} }
	for range max(1, writers) {
		g.done.Go(g.write)
	}
	return g
}

// Commit returns when the row is durable, with the row that is kept: the same, or
// the one that was there before under its id. If the context ends first, the row
// may be kept or not; a second attempt with the same id finds out. So it is with
// ErrUnavailable, when the store does not answer in time.
func (g *Group) Commit(ctx context.Context, row Row) (Row, error) {
	t := g.free.Get().(*ticket)
	t.ctx, t.row = ctx, row
	if err := g.enqueue(t); err != nil {
		return Row{}, err
	}
	select {
	case r := <-t.kept:
		*t = ticket{kept: t.kept}
		g.free.Put(t) // one whose caller has gone is left to the collector
		return r.row, r.err
	case <-ctx.Done():
		return Row{}, ctx.Err()
	case <-g.ends.of(time.Now()):
		return Row{}, fmt.Errorf("%w: it does not answer", ErrUnavailable)
	}
}

// A deadline is one timer for all rows that come within a second: a timer each
// costs as much as the rest of the waiting.
type deadline struct {
	mu   sync.Mutex
	from time.Time
	over chan struct{}
}

// of returns a channel that is closed waitsFor from now, or up to a second later.
func (d *deadline) of(now time.Time) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over == nil || now.Sub(d.from) >= time.Second {
		over := make(chan struct{})
		d.from, d.over = now, over
		time.AfterFunc(waitsFor+time.Second, func() { close(over) })
	}
	return d.over
}

func (g *Group) enqueue(t *ticket) error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.closed {
		return ErrClosed
	}
	select {
	case g.queue <- t:
		return nil
	default:
		return ErrBusy
	}
}

// Close keeps what waits, then stops.
func (g *Group) Close() {
	g.mu.Lock()
	if !g.closed {
		g.closed = true
		close(g.queue)
	}
	g.mu.Unlock()
	g.done.Wait()
}

// Waiting returns how many rows wait: a metric.
func (g *Group) Waiting() int { return len(g.queue) }

func (g *Group) write() {
	batch := make([]*ticket, 0, groupSize)
	for first := range g.queue {
		batch = append(batch[:0], first)
		batch = gather(batch, g.queue)
		g.commit(batch)
	}
}

// gather adds what waits already. It waits for nobody, and lets those go first who
// are on their way here: a transaction costs as much as a hundred rows in it.
func gather(batch []*ticket, queue <-chan *ticket) []*ticket {
	for yielded := false; len(batch) < groupSize; {
		select {
		case t, ok := <-queue:
			if !ok {
				return batch
			}
			batch, yielded = append(batch, t), false
		default:
			if yielded {
				return batch
			}
			runtime.Gosched()
			yielded = true
		}
	}
	return batch
}

// commit writes a batch and answers each of its tickets. Whoever has gone is left
// out: nobody would learn that the row is kept.
func (g *Group) commit(batch []*ticket) {
	rows := make([]Row, 0, len(batch))
	alive := batch[:0]
	for _, t := range batch {
		if err := t.ctx.Err(); err != nil {
			t.kept <- result{err: err}
			continue
		}
		alive, rows = append(alive, t), append(rows, t.row)
	}
	if len(rows) == 0 {
		return
	}
	// The transaction belongs to all of them: no single caller ends it.
	kept, err := g.store.Commit(context.Background(), rows)
	if err == nil && len(kept) != len(rows) {
		err = fmt.Errorf("%d rows kept of %d", len(kept), len(rows))
	}
	for i, t := range alive {
		if err != nil {
			t.kept <- result{err: fmt.Errorf("%w: %w", ErrUnavailable, err)}
			continue
		}
		t.kept <- result{row: kept[i]}
	}
}
