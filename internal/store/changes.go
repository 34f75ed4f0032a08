package store

import (
	"context"
	"sync"
	"time"
)

const (
	poll   = 2 * time.Second        // between two looks when nothing is heard
	hintly = 100 * time.Millisecond // between two hints to other processes
)

// A hub wakes those who wait for changes in this process.
type hub struct {
	mu   sync.Mutex
	subs map[chan struct{}]bool
}

func (h *hub) join() chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := make(chan struct{}, 1)
	if h.subs == nil {
		h.subs = map[chan struct{}]bool{}
	}
	h.subs[c] = true
	return c
}

func (h *hub) leave(c chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.subs, c)
}

// tell wakes each of them, once for however much it has not looked at yet.
func (h *hub) tell() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.subs {
		wake(c)
	}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// changed is called after a transaction that others wait for.
func (s *Store) changed() {
	s.hub.tell()
	s.engine.announce()
}

// Changes returns a channel that says "look again": at once, after choices were
// committed or a checkpoint kept, by this process or another, and every two seconds
// in any case, since what other processes say is a hint and can be lost. Several
// changes may come as one. The channel is closed when ctx ends or the store closes.
func (s *Store) Changes(ctx context.Context) <-chan struct{} {
	s.heard.Do(func() {
		s.under.Go(func() { s.engine.listen(s.ctx, s.hub.tell) })
	})
	heard, out := s.hub.join(), make(chan struct{}, 1)
	out <- struct{}{}
	s.under.Go(func() {
		defer close(out)
		defer s.hub.leave(heard)
		again := time.NewTicker(poll)
		defer again.Stop()
		for {
			select {
			case <-heard:
			case <-again.C:
			case <-ctx.Done():
				return
			case <-s.ctx.Done():
				return
			}
			wake(out)
		}
	})
	return out
}
