package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/temoin/temoin/internal/archivetest"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/storetest"
)

// A load is many callers who keep choices.
type load struct {
	t            *testing.T
	s            *Store
	g            *register.Group
	next         atomic.Int64
	acknowledged atomic.Int64
}

func newLoad(t *testing.T, s *Store) *load {
	l := &load{t: t, s: s, g: register.NewGroup(s, s.Writers())}
	t.Cleanup(l.g.Close)
	return l
}

// until keeps choices in eight callers until each has seen what it waits for: an
// outage, or the end of one.
func (l *load) until(outage bool) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				_, err := l.g.Commit(ctx, row(int(l.next.Add(1))))
				if err == nil {
					l.acknowledged.Add(1)
				} else if !errors.Is(err, register.ErrUnavailable) {
					l.t.Error(err)
					return
				}
				if (err != nil) == outage {
					return
				}
			}
			l.t.Errorf("within a minute there is none (outage: %v)", outage)
		})
	}
	wg.Wait()
}

// kept compares what is there with what was acknowledged. Of what was not, what was
// on its way may have been kept.
func (l *load) kept() {
	l.t.Helper()
	if n, least, most := count(l.t, l.s), int(l.acknowledged.Load()), int(l.next.Load()); n < least || n > most {
		l.t.Errorf("%d choices are kept; %d of %d were acknowledged", n, least, most)
	}
}

// full lets a store run full, by whatever fill and empty do, and go on after that.
func full(t *testing.T, where string, fill, empty func(s *Store)) {
	t.Helper()
	s := open1(t, where)
	l := newLoad(t, s)
	first := archivetest.Publish(t, s, archivetest.One, "notice one")
	archivetest.Activate(t, s, register.Hash{}, first)
	l.until(false)
	for range 2 {
		fill(s)
		l.until(true)
		l.kept()
		if h, ok, err := s.Active(t.Context(), "shop"); err != nil || !ok || h != first {
			t.Errorf("%v: a full disk keeps the store from being read", err)
		}
		empty(s)
		l.until(false)
		l.kept()
	}
	var intact string
	if err := s.write.QueryRow(`PRAGMA integrity_check`).Scan(&intact); err != nil || intact != "ok" {
		t.Errorf("%v, %s", err, intact)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	l.s = open1(t, where)
	l.kept()
}

func TestAFullDiskLosesNothingAndIsOverOnceThereIsRoom(t *testing.T) {
	t.Parallel()
	limit := func(s *Store, pages string) {
		// A limit below what is there means: no more than that.
		if _, err := s.write.Exec(`PRAGMA max_page_count = ` + pages); err != nil {
			t.Fatal(err)
		}
	}
	full(t, t.TempDir(), func(s *Store) { limit(s, "1") }, func(s *Store) { limit(s, "1000000") })
}

func TestADatabaseThatIsStoppedUnderLoadIsUsedAgainWhenItIsBack(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]syscall.Signal{"shut down": syscall.SIGINT, "crashed": syscall.SIGQUIT} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := storetest.NewServer(t)
			if err := p.Serve(end); err != nil {
				t.Fatal(err)
			}
			s := open1(t, p.Address())
			lease, err := s.Lead(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			l := newLoad(t, s)
			l.until(false)
			halted := make(chan struct{})
			go func() {
				p.Halt()
				close(halted)
			}()
			l.until(true)
			<-halted
			if _, err := s.Generation(t.Context()); err == nil {
				t.Error("a database that is not there answers")
			}
			<-lease.Context().Done()
			if !errors.Is(context.Cause(lease.Context()), ErrLost) {
				t.Errorf("%v", context.Cause(lease.Context()))
			}
			if err := p.Serve(end); err != nil {
				t.Fatal(err)
			}
			l.until(false)
			l.kept()
			keys, _ := keyOf(t)
			stepAll(t, register.NewSequencer(s, keys))
			if lease, err = s.Lead(t.Context()); err != nil {
				t.Fatal(err)
			}
			lease.Release()
		})
	}
}
