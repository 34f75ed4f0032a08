package app

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/register"
)

// A request that is sent again after its record was erased does not bring it back.
func TestAChoiceThatWasErasedIsNotKeptAgainUnderItsID(t *testing.T) {
	onEach(t, func(t *testing.T, c Config) {
		n := run(t, c)
		send := func(id consent.ID) int {
			res, _ := n.do("POST", "choice", strings.Replace(choice("accept"), "{", `{"id":"`+id.String()+`",`, 1), asJSON...)
			return res.StatusCode
		}
		var ids [2]consent.ID
		for i := range ids {
			id, err := consent.NewID(time.Now().Add(-time.Minute), nil) // by a clock that is slow
			if err != nil {
				t.Fatal(err)
			}
			ids[i] = id
			for range 2 { // what comes again before it is erased is the same choice
				if status := send(id); status != http.StatusOK {
					t.Fatalf("a choice is answered by %d", status)
				}
			}
			n.receipt(id.String()) // it is in the log
		}
		erased, err := n.store.Destroy(t.Context(), "shop", ids[:1], time.Now())
		if err != nil || erased != 1 {
			t.Fatal(erased, err)
		}
		if status := send(ids[0]); status != http.StatusConflict {
			t.Errorf("the erased one is answered by %d", status)
		}
		if _, _, err := n.store.Find(t.Context(), "shop", ids[0]); !errors.Is(err, register.ErrUnknownRecord) {
			t.Errorf("it is there again: %v", err)
		}
		if status := send(ids[1]); status != http.StatusOK {
			t.Errorf("the other one is answered by %d", status)
		}
	})
}
