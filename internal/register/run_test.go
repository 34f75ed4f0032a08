package register

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// A lease that a test ends.
type lease struct {
	ctx      context.Context
	end      context.CancelFunc
	released chan struct{}
}

func (l *lease) Context() context.Context { return l.ctx }
func (l *lease) Release()                 { l.end(); close(l.released) }

// A conductor is all that a loop needs, in the hands of a test: each step is asked
// for, and answered.
type conductor struct {
	*Loop
	changes chan struct{}
	steps   chan step // what Step says, each
	checks  func(site string) error
	leases  chan *lease
	slept   chan time.Duration
	said    strings.Builder
	mu      sync.Mutex
	now     time.Time
	done    chan struct{}
}

// stepSize is a step that leaves something.
const stepSize = 128

type step struct {
	n   int
	err error
}

func (c *conductor) Check(_ context.Context, site string) error {
	if c.checks == nil {
		return nil
	}
	return c.checks(site)
}

func (c *conductor) Step(ctx context.Context) (int, bool, error) {
	select {
	case s := <-c.steps:
		return s.n, s.n >= stepSize, s.err
	case <-ctx.Done():
		return 0, false, ctx.Err()
	}
}

func (c *conductor) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// conduct runs a loop that leads at once, and again each time it is let.
func conduct(t *testing.T) *conductor {
	t.Helper()
	c := &conductor{changes: make(chan struct{}, 1), steps: make(chan step), leases: make(chan *lease, 9), slept: make(chan time.Duration), now: noon, done: make(chan struct{})}
	c.Loop = &Loop{
		New: func() Stepper { return c }, Sites: []string{"shop", "other"}, Log: slog.New(slog.NewTextHandler(&c.said, nil)),
		Lead: func(ctx context.Context) (Lease, error) {
			select {
			case l := <-c.leases:
				context.AfterFunc(ctx, l.end)
				return l, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
		Changes: func(ctx context.Context) <-chan struct{} {
			out := make(chan struct{}, 1)
			go func() {
				defer close(out)
				for {
					select {
					case <-c.changes:
						out <- struct{}{}
					case <-ctx.Done():
						return
					}
				}
			}()
			return out
		},
		Now: func() time.Time {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.now
		},
		Sleep: func(ctx context.Context, d time.Duration) error {
			if d == breath { // after all went well
				return nil
			}
			select {
			case c.slept <- d:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	}
	ctx, end := context.WithCancel(context.Background())
	go func() { defer close(c.done); c.Run(ctx) }()
	t.Cleanup(func() { end(); <-c.done })
	return c
}

func (c *conductor) let() *lease {
	ctx, end := context.WithCancel(context.Background())
	l := &lease{ctx, end, make(chan struct{})}
	c.leases <- l
	return l
}

func TestALoopStepsUntilNothingIsPending(t *testing.T) {
	c := conduct(t)
	c.let()
	c.changes <- struct{}{}
	for range 3 {
		c.steps <- step{stepSize, nil} // so there may be more, without another change
	}
	c.pass(3 * time.Second)
	if s := c.Status(); !s.Leads || s.Lag != 3*time.Second {
		t.Errorf("while a choice waits: %+v", s)
	}
	c.steps <- step{7, nil}
	c.changes <- struct{}{}
	c.steps <- step{0, nil}
	c.changes <- struct{}{} // taken only after the step before is done with
	c.steps <- step{0, nil}
	if s := c.Status(); s.Lag != 0 || s.Failures != 0 {
		t.Errorf("when all is in the logs: %+v", s)
	}
}

func TestAChoiceThatComesDuringAStepCountsFromThen(t *testing.T) {
	c := conduct(t)
	c.let()
	c.changes <- struct{}{}
	c.steps <- step{stepSize, nil} // and the next step has begun
	for range 3 {
		c.changes <- struct{}{} // when the third is taken the first has arrived
	}
	c.pass(2 * time.Second)
	c.steps <- step{1, nil}
	c.steps <- step{stepSize, nil}
	if s := c.Status(); s.Lag != 2*time.Second {
		t.Errorf("it lags %v", s.Lag)
	}
	for range 3 {
		c.steps <- step{0, nil}
	}
}

func TestALoopGoesOnAfterFailuresAndSaysEachOnce(t *testing.T) {
	c := conduct(t)
	c.let()
	c.changes <- struct{}{}
	var pauses []time.Duration
	for range 6 {
		c.steps <- step{0, errors.New("the disk is full")}
		pauses = append(pauses, <-c.slept)
	}
	if got := fmt.Sprint(pauses); got != "[50ms 100ms 200ms 400ms 400ms 400ms]" {
		t.Errorf("it pauses %s", got)
	}
	c.pass(time.Minute)
	c.steps <- step{0, errors.New("the disk is full")}
	<-c.slept
	if s := c.Status(); s.Failures != 7 || s.Lag != time.Minute || s.Ahead {
		t.Errorf("%+v", s)
	}
	c.steps <- step{3, nil}
	c.changes <- struct{}{}
	c.steps <- step{0, nil}
	if s := c.Status(); s.Lag != 0 || s.Ahead {
		t.Errorf("after it: %+v", s)
	}
	if said := c.said.String(); strings.Count(said, "the disk is full") != 2 || strings.Count(said, "extended again") != 1 {
		t.Errorf("it says %s", said)
	}
}

func TestALogThatIsBehindWhatWasSignedIsSaidAndHoldsUpNoOther(t *testing.T) {
	c := conduct(t)
	restored := make(chan struct{})
	c.checks = func(site string) error {
		if site != "shop" {
			return nil
		}
		select {
		case <-restored:
			return nil
		default:
			return fmt.Errorf("%w (signed: 9 entries, kept: 3)", ErrAhead)
		}
	}
	c.let()
	c.changes <- struct{}{}
	for n := range 3 { // other sites' choices are taken all the same
		c.steps <- step{5, nil}
		if n == 2 {
			close(restored) // while it pauses
		}
		<-c.slept
	}
	if s := c.Status(); !s.Ahead || s.Failures != 3 {
		t.Errorf("%+v", s)
	}
	c.steps <- step{5, nil}
	c.changes <- struct{}{}
	c.steps <- step{0, nil}
	if s := c.Status(); s.Ahead || s.Lag != 0 {
		t.Errorf("%+v", s)
	}
	if said := c.said.String(); !strings.Contains(said, "restored from an old backup") || !strings.Contains(said, "choices are kept meanwhile") {
		t.Errorf("it says %s", said)
	}
}

func TestALoopThatLostItsLeaseLeadsAgain(t *testing.T) {
	c := conduct(t)
	leading := make(chan bool)
	c.Leading = func(ctx context.Context) {
		leading <- true
		<-ctx.Done()
		leading <- false
	}
	for range 3 {
		l := c.let()
		if !<-leading {
			t.Fatal("other work is not begun")
		}
		c.changes <- struct{}{}
		c.steps <- step{1, nil}
		l.end()
		if <-leading {
			t.Fatal("other work does not end with the lease")
		}
		<-l.released
		if s := c.Status(); s.Leads {
			t.Error("it says that it leads")
		}
	}
}

func TestALoopWithoutTheKeyOfALogLetsAnotherProcessLead(t *testing.T) {
	c := conduct(t)
	missing := step{5, fmt.Errorf("the log of shop: %w", ErrOtherKey)}
	first := c.let()
	c.changes <- struct{}{}
	c.steps <- missing
	if d := <-c.slept; d != stepAside || c.Status().Leads {
		t.Fatalf("it does something else for %v, and leads: %v", d, c.Status().Leads)
	}
	<-first.released

	// Nobody else has led: the other logs go on.
	second := c.let()
	c.changes <- struct{}{}
	for range 2 {
		c.steps <- missing
		if d := <-c.slept; d > longestPause {
			t.Errorf("it stands aside again after no time, for %v", d)
		}
	}
	select {
	case <-second.released:
		t.Fatal("it gave up a lease that nobody else has taken")
	default:
	}
	c.pass(asideAgain)
	c.steps <- missing
	<-second.released
	if d := <-c.slept; d != stepAside {
		t.Errorf("after a while it stands aside for %v", d)
	}
}
