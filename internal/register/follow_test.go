package register

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// silent is an archive that does not answer.
type silent struct{ Archive }

func (silent) Generation(ctx context.Context) (int64, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

func TestWhoeverWaitsForAFollowersTurnGoesWhenTheirTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFollower(silent{})
		go f.Step(t.Context()) //nolint:errcheck // it holds the turn to the end
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if _, err := f.Step(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
	})
}

// A slow archive answers when it is told to, and counts how often it was asked.
type slow struct {
	Archive
	answer chan error
	asked  int
}

func (s *slow) Generation(context.Context) (int64, error) {
	s.asked++
	return 1, <-s.answer
}

func TestManyWhoAskAtATimeShareALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{answer: make(chan error)}
		f := NewFollower(s)
		results := make(chan error, 100)
		ask := func() {
			_, err := f.Step(t.Context())
			results <- err
		}
		go ask()
		synctest.Wait()
		for range 99 { // who come while one looks may have come for something newer
			go ask()
		}
		synctest.Wait()
		s.answer <- nil
		s.answer <- nil
		for range 100 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if s.asked != 2 {
			t.Errorf("the archive was asked %d times", s.asked)
		}
		for range 2 {
			go ask()
			synctest.Wait()
		}
		lost := errors.New("lost")
		s.answer <- lost // who waited looks again: it may be the first one's own failure
		s.answer <- nil
		if first, second := <-results, <-results; (first == nil) == (second == nil) || s.asked != 4 {
			t.Errorf("%v, %v, asked %d times", first, second, s.asked)
		}
	})
}
