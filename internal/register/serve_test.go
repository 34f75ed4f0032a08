package register

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/temoin/temoin/consent"
)

// unlogged is a store whose records are in no log.
type unlogged struct{ Finder }

func (unlogged) Checkpoint(context.Context, string) ([]byte, error)          { return nil, nil }
func (unlogged) Cosigned(context.Context, string) ([]byte, error)            { return nil, nil }
func (unlogged) SiteKeys(context.Context, string, string) ([]SiteKey, error) { return nil, nil }
func (unlogged) Find(context.Context, string, consent.ID) (Row, int64, error) {
	return Row{Site: "shop", Record: []byte("{}")}, -1, nil
}

func TestNotMoreReceiptsAreWaitedForThanMemoryIsSetAsideFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Receipts{Site: "shop", Store: unlogged{}, Tail: NewTail(unlogged{}), Wait: time.Minute}
		answers := make(chan *httptest.ResponseRecorder, 2*maxWaiting)
		var asking sync.WaitGroup
		for range maxWaiting + 8 {
			asking.Go(func() {
				r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
				r.SetPathValue("id", consent.ID{6: 0x70, 8: 0x80}.String())
				w := httptest.NewRecorder()
				p.ServeHTTP(w, r)
				answers <- w
			})
		}
		synctest.Wait() // all of them wait, or have their answer
		if len(answers) != 8 || p.Waiting() != maxWaiting {
			t.Errorf("%d have an answer, %d wait", len(answers), p.Waiting())
		}
		for range len(answers) {
			if w := <-answers; w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
				t.Errorf("refused with %d %v", w.Code, w.Header())
			}
		}
		time.Sleep(time.Minute) // of the bubble's clock
		synctest.Wait()
		asking.Wait()
		for range len(answers) {
			if w := <-answers; w.Code != http.StatusAccepted || w.Header().Get("Retry-After") == "" {
				t.Errorf("waited for in vain: %d %v", w.Code, w.Header())
			}
		}
		if p.Waiting() != 0 {
			t.Errorf("%d still wait", p.Waiting())
		}
	})
}
