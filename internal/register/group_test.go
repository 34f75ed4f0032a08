package register

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/temoin/temoin/consent"
)

// A memory keeps rows, and lets a test hold or fail its transactions.
type memory struct {
	mu      sync.Mutex
	rows    map[consent.ID]Row
	batches []int
	fail    error
	hold    chan struct{} // when not nil, each transaction waits for one
	began   chan struct{} // when not nil, each transaction says that it began
}

func (m *memory) Commit(_ context.Context, rows []Row) ([]Row, error) {
	if m.began != nil {
		m.began <- struct{}{}
	}
	if m.hold != nil {
		<-m.hold
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.batches = append(m.batches, len(rows))
	if m.fail != nil {
		return nil, m.fail
	}
	kept := make([]Row, len(rows))
	for i, r := range rows {
		if before, ok := m.rows[r.ID]; ok {
			kept[i] = before
			continue
		}
		r, err := r.Unpack()
		if err != nil {
			return nil, err
		}
		m.rows[r.ID], kept[i] = r, r
	}
	return kept, nil
}

func row(n int) Row {
	var id consent.ID
	id[14], id[15] = byte(n>>8), byte(n)
	return Row{Site: "s", ID: id, Record: fmt.Appendf(nil, "record %d", n)}
}

func TestChoicesThatWaitShareOneTransaction(t *testing.T) {
	m := &memory{rows: map[consent.ID]Row{}, hold: make(chan struct{}), began: make(chan struct{}, 10)}
	g := NewGroup(m, 1)
	var wg sync.WaitGroup
	commit := func(n int) {
		wg.Go(func() {
			if kept, err := g.Commit(t.Context(), row(n)); err != nil || string(kept.Record) != fmt.Sprintf("record %d", n) {
				t.Errorf("%d: %v, %q", n, err, kept.Record)
			}
		})
	}
	commit(0)
	<-m.began // the first transaction is under way; the others gather
	for n := 1; n <= 100; n++ {
		commit(n)
	}
	for g.Waiting() < 100 {
		runtime.Gosched()
	}
	m.hold <- struct{}{}
	<-m.began
	m.hold <- struct{}{}
	wg.Wait()
	g.Close()
	if len(m.batches) != 2 || m.batches[0] != 1 || m.batches[1] != 100 {
		t.Errorf("transactions of %v rows", m.batches)
	}
}

func TestASecondAttemptFindsWhatTheFirstKept(t *testing.T) {
	m := &memory{rows: map[consent.ID]Row{}}
	g := NewGroup(m, 1)
	defer g.Close()
	if _, err := g.Commit(t.Context(), row(1)); err != nil {
		t.Fatal(err)
	}
	again := row(1)
	again.Record = []byte("another time")
	if kept, err := g.Commit(t.Context(), again); err != nil || string(kept.Record) != "record 1" {
		t.Errorf("%v, %q", err, kept.Record)
	}
}

func TestNobodyIsToldThatAChoiceIsKeptWhenItIsNot(t *testing.T) {
	m := &memory{rows: map[consent.ID]Row{}, fail: errors.New("disk full")}
	g := NewGroup(m, 1)
	defer g.Close()
	if _, err := g.Commit(t.Context(), row(1)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v", err)
	}
	m.mu.Lock()
	m.fail = nil // it recovers by itself
	m.mu.Unlock()
	if _, err := g.Commit(t.Context(), row(1)); err != nil {
		t.Errorf("%v", err)
	}
}

func TestMoreThanCanWaitIsRefusedAtOnce(t *testing.T) {
	m := &memory{rows: map[consent.ID]Row{}, hold: make(chan struct{}), began: make(chan struct{}, 100)}
	g := NewGroup(m, 1)
	var wg sync.WaitGroup
	wg.Go(func() { g.Commit(context.Background(), row(0)) }) //nolint:errcheck
	<-m.began
	for n := 1; n <= waiting; n++ {
		if err := g.enqueue(&ticket{context.Background(), row(n), make(chan result, 1)}); err != nil {
			t.Fatal(n, err)
		}
	}
	if _, err := g.Commit(t.Context(), row(waiting+1)); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	close(m.hold)
	wg.Wait()
	g.Close()
	if len(m.rows) != waiting+1 {
		t.Errorf("%d rows kept: closing keeps what waits", len(m.rows))
	}
	if _, err := g.Commit(t.Context(), row(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestWhoeverHasGoneIsNotWrittenFor(t *testing.T) {
	m := &memory{rows: map[consent.ID]Row{}, hold: make(chan struct{}), began: make(chan struct{}, 10)}
	g := NewGroup(m, 1)
	var wg sync.WaitGroup
	wg.Go(func() { g.Commit(context.Background(), row(0)) }) //nolint:errcheck
	<-m.began
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	wg.Go(func() { _, err := g.Commit(ctx, row(1)); gone <- err })
	for g.Waiting() < 1 {
		runtime.Gosched()
	}
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	close(m.hold)
	wg.Wait()
	g.Close()
	if len(m.rows) != 1 {
		t.Errorf("%d rows kept", len(m.rows))
	}
}

func TestAStoreThatDoesNotAnswerKeepsNobodyWaitingForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{rows: map[consent.ID]Row{}, hold: make(chan struct{})}
		g := NewGroup(m, 1)
		begin := time.Now()
		_, err := g.Commit(t.Context(), row(1))
		if took := time.Since(begin); !errors.Is(err, ErrUnavailable) || took < waitsFor || took > waitsFor+time.Second {
			t.Errorf("%v after %v", err, took)
		}
		close(m.hold)
		g.Close()
	})
}
