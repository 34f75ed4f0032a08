package register

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/policy"
)

func TestNothingGoesBeforeItsTermHasEndedNorLongAfter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	units := []policy.Unit{policy.Second, policy.Minute, policy.Hour, policy.Day, policy.Week, policy.Month, policy.Year}
	for range 200_000 {
		p := policy.Period{Count: 1 + r.IntN(60), Unit: units[r.IntN(len(units))]}
		now := time.Date(2020+r.IntN(12), time.Month(1+r.IntN(12)), 1+r.IntN(31), r.IntN(24), r.IntN(60), r.IntN(60), 0, time.UTC)
		before := overBefore(p, now)
		last := before.Add(-time.Duration(1+r.IntN(4*86400)) * time.Second)
		if over := p.After(last); over.After(now) {
			t.Fatalf("%v from %v is over at %v, and went at %v", p, last, over, now)
		}
		// What is over since the day before yesterday has gone.
		if over := p.After(before); over.Before(now.AddDate(0, 0, -2)) {
			t.Fatalf("%v from %v was over at %v, and is still there at %v", p, before, over, now)
		}
	}
}

func TestATermEndsByTheCalendar(t *testing.T) {
	for _, c := range []struct{ period, now, before string }{
		{"5 years", "2031-11-21T12:00:00Z", "2026-11-21T00:00:00Z"},
		{"1 month", "2027-03-01T00:00:00Z", "2027-02-01T00:00:00Z"}, // January's last days end on 28 February
		{"1 month", "2027-02-28T23:59:59Z", "2027-01-28T00:00:00Z"},
		{"1 day", "2027-03-03T09:00:00Z", "2027-03-02T00:00:00Z"},
		{"72 hours", "2027-03-04T09:00:00Z", "2027-03-01T09:00:00Z"},
		{"1 year", "2025-03-01T00:00:00+02:00", "2024-02-28T00:00:00Z"}, // 29 February ends on the 28th
		{"1 year", "2025-03-01T00:00:00Z", "2024-03-01T00:00:00Z"},
	} {
		p, err := policy.ParsePeriod(c.period)
		if err != nil {
			t.Fatal(err)
		}
		now, err1 := time.Parse(time.RFC3339, c.now)
		before, err2 := time.Parse(time.RFC3339, c.before)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if got := overBefore(p, now); !got.Equal(before) {
			t.Errorf("%s at %s: before %v, want %v", c.period, c.now, got, before)
		}
	}
}

func versionOf(t *testing.T, lasts, kept string) *policy.Site {
	t.Helper()
	s, err := policy.Parse("shop.yaml", []byte("temoin: 1\nsite: shop\nname: Shop\nurl: https://shop.example\nlanguages: [en]\nchoice: {lasts: "+lasts+"}\nproof: {kept: "+kept+"}\ncategories:\n  needed: {exempt: true}\n"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheShorterOfTwoPromisesCounts(t *testing.T) {
	first, second, third := versionOf(t, "6 months", "3 years"), versionOf(t, "13 months", "8 years"), versionOf(t, "6 months", "5 years")
	now := time.Date(2040, 6, 15, 12, 0, 0, 0, time.UTC)
	due := TermsOf(third, first, second).Due(now)
	day := func(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC) }
	if due.Before != day(2035, 6, 15) || due.Latest != day(2037, 6, 15) || due.Journal != day(2031, 5, 15) {
		t.Errorf("%+v", due)
	}
	if len(due.Sooner) != 1 || due.Sooner[[8]byte(first.Hash[:8])] != day(2037, 6, 15) {
		t.Errorf("%v: only what promised less goes sooner", due.Sooner)
	}
}

func TestAJournalTellsNobodyAndIsReadAsItWasWritten(t *testing.T) {
	id, err := consent.NewID(time.Now(), nil)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	list := []Erasure{{at, "shop", Destroy, RecordErased("shop", id)}, {at, "shop", Unlink, AccountErased("shop", id[:])}, {at, "other", Destroy, RecordErased("other", id)}}
	if list[0].Hash == list[1].Hash || list[0].Hash == list[2].Hash {
		t.Error("kinds or sites are not told apart")
	}
	var text strings.Builder
	for _, e := range list {
		text.Write(e.Line())
	}
	if strings.Contains(text.String(), id.String()) {
		t.Error("the journal names a record")
	}
	if got, err := ParseJournal(text.String() + "\n" + string(list[0].Line()[:30])); err != nil || !slices.Equal(got, list) {
		t.Errorf("%v: %v", err, got)
	}
	for _, bad := range []string{"x\n", "{}\n", `{"at":"now","site":"shop","form":"destroy","hash":"` + list[0].Hash.String() + "\"}\n",
		strings.Replace(string(list[0].Line()), "destroy", "forget", 1), strings.Replace(string(list[0].Line()), `"hash":"`, `"hash":"0`, 1), strings.Replace(string(list[0].Line()), `{`, `{"more":1,`, 1)} {
		if got, err := ParseJournal(bad); err == nil {
			t.Errorf("%q is read: %v", bad, got)
		}
	}
}

// eraser is a store whose record comes to the log after a while.
type eraser struct {
	Eraser
	looks    int
	scrubbed error
	did      []string
}

func (e *eraser) Changes(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 100)
	for range max(1, e.looks) {
		c <- struct{}{}
	}
	if e.looks < 0 { // it never comes
		close(c)
	}
	return c
}

func (e *eraser) Destroy(_ context.Context, _ string, ids []consent.ID, _ time.Time) (int, error) {
	if e.looks--; e.looks != 0 {
		return 0, ErrUnlogged
	}
	e.did = append(e.did, fmt.Sprintf("destroy %d", len(ids)))
	return len(ids), nil
}

func (e *eraser) Chain(_ context.Context, _ string, id consent.ID) ([]consent.ID, error) {
	return []consent.ID{id, id, id}, nil
}

func (e *eraser) Find(context.Context, string, consent.ID) (Row, int64, error) {
	return Row{Account: []byte("its account")}, 0, nil
}

func (e *eraser) Unlink(_ context.Context, _ string, account []byte, _ time.Time) (int, error) {
	e.did = append(e.did, "unlink "+string(account))
	return 2, nil
}

func (e *eraser) Scrub(context.Context) error {
	e.did = append(e.did, "scrub")
	return e.scrubbed
}

func TestAnErasureWaitsForTheLogAndCleansUp(t *testing.T) {
	id := consent.ID{1}
	for name, c := range map[string]struct {
		w    Erasing
		e    eraser
		n    int
		err  error
		does string
	}{
		"a record":                     {Erasing{Record: &id, Form: Destroy}, eraser{looks: 3}, 1, nil, "destroy 1, scrub"},
		"a chain":                      {Erasing{Record: &id, Chain: true, Form: Destroy}, eraser{looks: 1}, 3, nil, "destroy 3, scrub"},
		"one that never comes":         {Erasing{Record: &id, Form: Destroy}, eraser{looks: -1}, 0, ErrUnlogged, ""},
		"a record's account":           {Erasing{Record: &id, Form: Unlink}, eraser{}, 2, nil, "unlink its account, scrub"},
		"an account under two secrets": {Erasing{Accounts: [][]byte{{'a'}, {'b'}}, Form: Unlink}, eraser{}, 4, nil, "unlink a, unlink b, scrub"},
		"files that keep copies":       {Erasing{Record: &id, Form: Destroy}, eraser{looks: 1, scrubbed: ErrRemains}, 1, ErrRemains, "destroy 1, scrub"},
	} {
		n, err := Erase(t.Context(), &c.e, c.w, time.Now)
		if n != c.n || !errors.Is(err, c.err) || strings.Join(c.e.did, ", ") != c.does {
			t.Errorf("%s: %d, %v, %v", name, n, err, c.e.did)
		}
	}
	if _, err := Erase(t.Context(), &eraser{}, Erasing{Form: "forget"}, time.Now); err == nil {
		t.Error("there is no such form")
	}
}
