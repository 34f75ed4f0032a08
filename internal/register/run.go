package register

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// A Lease is leadership among processes, which can be lost at any time.
type Lease interface {
	// Context ends when the lease does.
	Context() context.Context
	Release()
}

// A Stepper puts choices into logs: a [Sequencer].
type Stepper interface {
	Check(ctx context.Context, site string) error
	// Step reports how many choices it took, and whether more are likely to be pending.
	Step(ctx context.Context) (took int, more bool, err error)
}

// A Loop keeps the logs of all sites up with their choices, for as long as this
// process leads. It goes on through failures: what it could not do is begun again
// from what the store holds. That a log cannot be extended, since more of it was
// signed than is kept, keeps neither choices from being kept nor other logs from
// being extended; it is said, and counts as lag until somebody restores the store.
//
// A process that lacks the key of a log lets another one lead, which may have it. It
// does so once in a while and not always: where nobody has it, the logs of the other
// sites go on. Set the fields before Run.
type Loop struct {
	Lead    func(ctx context.Context) (Lease, error)         // waits until this process leads
	Changes func(ctx context.Context) <-chan struct{}        // says when to look again
	New     func() Stepper                                   // one for each time that this process leads
	Sites   []string                                         // whose logs are looked at before anything is pending
	Leading func(ctx context.Context)                        // other work of the one that leads, until ctx ends; may be nil
	Log     *slog.Logger                                     // may be nil
	Now     func() time.Time                                 // nil is the system's
	Sleep   func(ctx context.Context, d time.Duration) error // nil is the system's

	mu       sync.Mutex
	leads    bool
	waits    time.Time // since when a choice is known to wait; zero for none
	failures int64
	ahead    bool
	said     string // the last failure that was logged
	saidAt   time.Time
	aside    time.Time // when it last let another one lead
}

// Pauses after failures. The longest is short enough for other sites' choices to be
// in their logs within a second.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 400 * time.Millisecond
	sayAgain     = time.Minute // the same failure
	// What comes meanwhile is taken together: a log that is extended after each
	// commit takes the store from those who commit.
	breath = 150 * time.Millisecond
	// Another process that waits leads within half a second.
	stepAside  = time.Second
	asideAgain = time.Minute
)

// A LoopStatus is how a loop is doing: metrics.
type LoopStatus struct {
	Leads    bool
	Lag      time.Duration // for how long a choice is known to wait for its log
	Failures int64
	Ahead    bool // more of a log was signed than the store holds
}

// Status tells how the loop is doing. The lag is known to the one that leads.
func (l *Loop) Status() LoopStatus {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := LoopStatus{Leads: l.leads, Failures: l.failures, Ahead: l.ahead}
	if l.leads && !l.waits.IsZero() {
		s.Lag = max(0, now.Sub(l.waits))
	}
	return s
}

// Run works until ctx ends.
func (l *Loop) Run(ctx context.Context) {
	for ctx.Err() == nil {
		lease, err := l.Lead(ctx)
		if err != nil {
			if ctx.Err() == nil {
				l.failed(err)
				l.sleep(ctx, longestPause)
			}
			continue
		}
		if l.lead(lease) {
			l.sleep(ctx, stepAside)
		}
	}
}

// lead works until the lease ends, or until another process should try: then it
// returns true.
func (l *Loop) lead(lease Lease) (aside bool) {
	defer lease.Release()
	ctx, end := context.WithCancel(lease.Context())
	var other sync.WaitGroup
	defer other.Wait()
	defer end()
	l.set(func() { l.leads, l.waits = true, time.Time{} })
	defer l.set(func() { l.leads = false })
	if l.Leading != nil {
		other.Go(func() { l.Leading(ctx) })
	}
	w := &watch{l, l.New(), slices.Clone(l.Sites), l.Changes(ctx)}
	for range w.changes {
		if w.catchUp(ctx) {
			return true
		}
		if l.sleep(ctx, breath) != nil {
			return false
		}
	}
	return false
}

// A watch is one time that this process leads.
type watch struct {
	*Loop
	steps     Stepper
	unchecked []string
	changes   <-chan struct{}
}

// catchUp steps until all that was committed when the last step began is in the
// logs. What is committed later comes with a change of its own. It returns true when
// another process should lead.
func (w *watch) catchUp(ctx context.Context) (aside bool) {
	pause := firstPause
	for ctx.Err() == nil {
		began := w.awaits()
		err := w.check(ctx)
		n, more, stepped := w.steps.Step(ctx)
		err = errors.Join(err, stepped)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			w.failed(err)
			if errors.Is(err, ErrOtherKey) && w.stepsAside() {
				return true
			}
			if !(more && n > 0) && w.sleep(ctx, pause) != nil {
				return false
			}
			pause = min(2*pause, longestPause)
		default:
			w.worked(began, !more, len(w.changes) > 0)
			if !more {
				return false
			}
		}
	}
	return false
}

// stepsAside reports whether it is time to let another process lead.
func (l *Loop) stepsAside() (yes bool) {
	now := l.now()
	l.set(func() {
		if yes = l.aside.IsZero() || now.Sub(l.aside) >= asideAgain; yes {
			l.aside = now
		}
	})
	return yes
}

// check looks at logs that nothing may be pending for: a process that died may have
// left one unsigned.
func (w *watch) check(ctx context.Context) error {
	var failed []error
	w.unchecked = slices.DeleteFunc(w.unchecked, func(site string) bool {
		err := w.steps.Check(ctx, site)
		failed = append(failed, err)
		return err == nil
	})
	return errors.Join(failed...)
}

// awaits notes that choices may wait from now on.
func (l *Loop) awaits() (now time.Time) {
	now = l.now()
	l.set(func() {
		if l.waits.IsZero() {
			l.waits = now
		}
	})
	return now
}

// worked notes a step without failure: whether it took all that waited when it
// began, and whether more has come since.
func (l *Loop) worked(began time.Time, all, more bool) {
	var before string
	l.set(func() {
		before, l.said, l.ahead = l.said, "", false
		switch {
		case all && more:
			l.waits = began
		case all:
			l.waits = time.Time{}
		}
	})
	if before != "" && l.Log != nil {
		l.Log.Info("the logs are extended again")
	}
}

// failed notes a failure, and says it unless it was said just now. That another
// process was faster is none: the store has kept both from harm.
func (l *Loop) failed(err error) {
	now, say := l.now(), false
	l.set(func() {
		l.failures++
		l.ahead = errors.Is(err, ErrAhead)
		if say = err.Error() != l.said || now.Sub(l.saidAt) >= sayAgain; say {
			l.said, l.saidAt = err.Error(), now
		}
	})
	switch {
	case !say || l.Log == nil:
	case errors.Is(err, ErrStale):
		l.Log.Info("another process extends the logs too", "error", err)
	default:
		l.Log.Error("the logs cannot be extended; choices are kept meanwhile", "error", err)
	}
}

func (l *Loop) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *Loop) now() time.Time {
	if l.Now != nil {
		return l.Now()
	}
	return time.Now()
}

func (l *Loop) sleep(ctx context.Context, d time.Duration) error {
	if l.Sleep != nil {
		return l.Sleep(ctx, d)
	}
	return Sleep(ctx, d)
}

// Sleep waits. It fails where ctx ends before.
func Sleep(ctx context.Context, d time.Duration) error {
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
