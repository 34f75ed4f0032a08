package store

import (
	"context"
	"errors"
	"fmt"
)

// ErrLost says that a lease was lost: the connection that held it failed, and
// another process may lead.
var ErrLost = errors.New("this process leads no longer")

// A Lease is leadership among the processes and goroutines that use a store: one
// has it at a time, as far as they can tell. A holder that has lost it and does not
// know yet does no harm: see register.LogStore.
type Lease struct {
	ctx   context.Context
	end   context.CancelCauseFunc
	freed chan struct{}
}

// Lead waits until this process leads. It goes on through failures of the database
// until ctx ends. When a holder dies, hangs or is cut off, another one leads within
// five seconds.
func (s *Store) Lead(ctx context.Context) (*Lease, error) {
	if s.options.beside {
		return nil, errBeside
	}
	ctx, end := context.WithCancelCause(ctx)
	closed := context.AfterFunc(s.ctx, func() { end(errors.New("the store is closed")) })
	hold, err := s.engine.lead(ctx)
	if err != nil {
		closed()
		end(err)
		return nil, err
	}
	l := &Lease{ctx, end, make(chan struct{})}
	s.under.Go(func() {
		defer close(l.freed)
		defer closed()
		if err := hold(ctx); err != nil {
			end(fmt.Errorf("%w: %w", ErrLost, err))
		}
	})
	return l, nil
}

// Context ends when the lease does; its cause is ErrLost where it was lost.
func (l *Lease) Context() context.Context { return l.ctx }

// Release gives leadership back. The next one has it at once, or within half a
// second where it waits in another process.
func (l *Lease) Release() {
	l.end(context.Canceled)
	<-l.freed
}
