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
