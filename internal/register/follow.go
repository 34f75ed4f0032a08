package register

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// followEvery is how long a follower rests between two looks: the changes that it
// hears of are choices, most of them.
const followEvery = 100 * time.Millisecond

// A Follower keeps the versions of a node's sites up with the archive. It is safe
// for concurrent use.
type Follower struct {
	archive  Archive
	versions []*Versions

	turn   chan struct{} // holds one while somebody looks
	begun  atomic.Int64  // looks
	whole  bool          // the last look did not fail
	loaded bool
	at     int64 // the generation that was loaded
}

// NewFollower makes a follower of the versions of a node's sites.
func NewFollower(a Archive, versions ...*Versions) *Follower {
	return &Follower{archive: a, versions: versions, turn: make(chan struct{}, 1)}
}

// Step loads all versions if the archive's generation is another one than when they
// were loaded last, and reports whether it did. Where nothing has changed it asks
// the archive for that one number, for all sites. A site that cannot be loaded
// keeps no other one waiting, and is tried again by the next Step. Many at a time
// share a look that began after they came.
func (f *Follower) Step(ctx context.Context) (bool, error) {
	came := f.begun.Load()
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return false, fmt.Errorf("the generation of the versions: %w", ctx.Err())
	}
	if f.begun.Load() > came && f.whole {
		return false, nil
	}
	f.begun.Add(1)
	done, err := f.look(ctx)
	f.whole = err == nil
	return done, err
}

// look is a Step, by whoever has the turn.
func (f *Follower) look(ctx context.Context) (bool, error) {
	now, err := f.archive.Generation(ctx) // before what it tells of
	if err != nil {
		return false, fmt.Errorf("the generation of the versions: %w", err)
	}
	if f.loaded && now == f.at {
		return false, nil
	}
	var failed error
	for _, v := range f.versions {
		failed = errors.Join(failed, v.Load(ctx))
	}
	f.loaded, f.at = failed == nil, now
	return true, failed
}

// Follow does a Step at each change, ten a second at most, until ctx ends or there
// are no more changes. It tells failed of each Step that fails, and goes on.
func (f *Follower) Follow(ctx context.Context, changes <-chan struct{}, failed func(error)) {
	for {
		select {
		case _, ok := <-changes:
			if !ok {
				return
			}
		case <-ctx.Done():
			return
		}
		if _, err := f.Step(ctx); err != nil && ctx.Err() == nil {
			failed(err)
		}
		select {
		case <-time.After(followEvery):
		case <-ctx.Done():
			return
		}
	}
}
