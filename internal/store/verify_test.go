package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/register"
)

// verified verifies the store at a time.
func (l *life) verified(now time.Time) error {
	l.t.Helper()
	_, trust := keyOf(l.t)
	_, err := l.Verify(l.t.Context(), Known{Keys: trust.Keys, Now: now})
	return err
}

// finds looks for a finding.
func (l *life) finds(what string, now time.Time, want string) {
	l.t.Helper()
	if err := l.verified(now); !Finds(err) || !strings.Contains(err.Error(), want) {
		l.t.Errorf("%s: %v, want %q", what, err, want)
	}
}

// do changes one row, or several, as somebody does who may write to the tables.
func (l *life) do(statement string, args ...any) {
	l.t.Helper()
	res, err := l.write.Exec(statement, args...)
	if err != nil {
		l.t.Fatalf("%s: %v", statement, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		l.t.Fatalf("%s: nothing was changed, %v", statement, err)
	}
}

// Whose records are erased together goes by their subject.
func TestARecordThatIsPutIntoAnothersChainIsFound(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where)
		at := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }
		a1, b1 := l.choose(at(0), nil, nil), l.choose(at(1), nil, nil)
		a2, b2 := l.choose(at(2), nil, &a1.ID), l.choose(at(3), nil, &b1.ID)
		l.log(a1, b1, a2, b2) // within a step
		a3 := l.choose(at(4), nil, &a2.ID)
		account := accountOf("a")
		signedIn := l.choose(at(5), account, &a3.ID)
		out := l.choose(at(6), nil, &signedIn.ID)
		early := l.choose(at(7), nil, nil)
		late := l.choose(at(8), nil, &early.ID)
		l.log(a3, signedIn, out, late)
		l.log(early) // what it replaces came behind it
		set := `UPDATE place SET subject = $2 WHERE record = $1`
		subject := func(r register.Row) (is []byte) {
			if err := l.read.QueryRow(`SELECT subject FROM place WHERE record = $1`, r.ID[:]).Scan(&is); err != nil {
				t.Fatal(err)
			}
			return is
		}
		tamper := func(what string, r register.Row, with []byte, want string) {
			t.Helper()
			before := subject(r)
			l.do(set, r.ID[:], with)
			l.finds(what, time.Time{}, want)
			l.do(set, r.ID[:], before)
			l.sound()
		}
		another := "another chain than the record that it replaces"
		tamper("a stranger's record", b2, a1.ID[:], another)
		tamper("one of the step after", a3, b1.ID[:], another)
		tamper("one that leaves its chain", a3, a3.ID[:], another)
		tamper("one that leads nowhere", a2, slices.Repeat([]byte{7}, 16), another)
		tamper("a first one", b1, a1.ID[:], "it begins a chain, and is said to be of another")
		tamper("one behind an account's", out, a1.ID[:], "it begins a chain, and is said to be of another")
		tamper("one of no chain", a2, nil, "belongs to no chain")

		for what, erase := range map[string]func() (int, error){
			"the middle of a chain": func() (int, error) {
				return l.Destroy(t.Context(), l.site.ID, []consent.ID{a2.ID}, noon)
			},
			"an account": func() (int, error) { return l.Unlink(t.Context(), l.site.ID, account, noon) },
		} {
			if n, err := erase(); err != nil || n != 1 {
				t.Fatal(what, n, err)
			}
			l.sound()
		}
		tamper("into the middle of another's", a3, b2.ID[:], "the first record of its chain is of none, or of another")
		if n, err := l.Destroy(t.Context(), l.site.ID, []consent.ID{a1.ID, b1.ID}, noon); err != nil || n != 2 {
			t.Fatal(n, err)
		}
		l.sound() // what remains has the names of what remains
	})
}

func TestCountersThatDoNotTellOfTheLogAreFound(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where)
		a, b := l.choose(noon, nil, nil), l.choose(noon.AddDate(0, 0, 1), nil, nil)
		l.log(a, b)
		if n, err := l.Destroy(t.Context(), l.site.ID, []consent.ID{a.ID}, noon); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		l.sound() // counters stay when records go
		l.do(`UPDATE tally SET n = n + 1 WHERE category = ''`)
		l.finds("more", time.Time{}, "the counters tell of 4 choices, and the log has 2 entries")
		l.do(`UPDATE tally SET n = n - 1 WHERE category = ''`)
		day := register.DayOf(noon)
		l.do(`UPDATE tally SET n = 2 WHERE category = '' AND day = $1`, day)
		l.do(`DELETE FROM tally WHERE category = '' AND day = $1`, day+1)
		l.finds("another day", time.Time{}, `1 choices "save" of 2026-11-22 are kept, and the counters tell of 0`)
		l.do(`DELETE FROM tally`)
		l.finds("none", time.Time{}, "the counters tell of 0 choices")
	})
}

func TestALogWhoseCheckpointWasTakenAwayIsFound(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where)
		l.log(l.choose(noon, nil, nil), l.choose(noon, nil, nil))
		l.sound()
		l.do(`UPDATE log SET signed = 0, checkpoint = NULL`)
		l.finds("no checkpoint", time.Time{}, "the log has 2 entries and no checkpoint")
		l.do(`DELETE FROM log`)
		l.finds("no head", time.Time{}, "the entries of the log make up the head of size 2")
	})
}

// Whoever may write removal may remove a choice, triggers or not.
func TestRecordsThatAreRemovedByTheWayAreFoundWhileTheirTermLasts(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where)
		l.keep()
		var rows []register.Row
		for n := range 6 {
			rows = append(rows, l.choose(noon.AddDate(0, 0, -n), nil, nil))
		}
		l.log(rows...)
		if n, err := l.Destroy(t.Context(), l.site.ID, []consent.ID{rows[5].ID, rows[4].ID}, noon); err != nil || n != 2 {
			t.Fatal(n, err)
		}
		later := noon.AddDate(0, 2, 0)
		if err := l.verified(later); err != nil {
			t.Errorf("after erasures: %v", err)
		}
		for _, statement := range []string{`INSERT INTO removal (site, id) VALUES ('shop', $1)`, `DELETE FROM choice WHERE site = 'shop' AND id = $1`, `DELETE FROM place WHERE site = 'shop' AND record = $1`, `DELETE FROM removal WHERE site = 'shop' AND id = $1`} {
			l.do(statement, rows[0].ID[:])
		}
		l.finds("by the way", later, "3 choices since 2026-11-16 have no record any more before their term has ended, and the journal of erasures tells of 2")
		if err := l.verified(noon.AddDate(7, 0, 0)); err != nil {
			t.Errorf("when a purge may have been: %v", err)
		}
	})
}

func TestAStoreIsVerifiedBesideARunningServer(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where)
		l.keep()
		l.log(l.choose(noon, nil, nil)) // the log is signed
		var n, erased atomic.Int64
		ctx, stop := context.WithCancel(t.Context())
		var load sync.WaitGroup
		g := register.NewGroup(l.Store, l.Writers())
		for range 4 {
			load.Go(func() {
				var last *consent.ID
				for ctx.Err() == nil {
					r := l.choose(noon.Add(time.Duration(n.Add(1))*time.Millisecond), nil, last)
					if _, err := g.Commit(context.Background(), r); err != nil {
						t.Error(err)
						return
					}
					last = &r.ID
				}
			})
		}
		load.Go(func() {
			for ctx.Err() == nil {
				if _, _, err := l.seq.Step(context.Background()); err != nil && !errors.Is(err, register.ErrStale) {
					t.Error(err)
					return
				}
			}
		})
		beside := openBeside(t, where)
		load.Go(func() {
			for ctx.Err() == nil {
				ids, err := recordIDs(beside.read.Query(`SELECT record FROM place WHERE site = 'shop' ORDER BY record LIMIT 2`))
				var m int
				if err == nil {
					m, err = beside.Destroy(context.Background(), "shop", ids, noon)
				}
				if err != nil {
					t.Error(err)
					return
				}
				erased.Add(int64(m))
			}
		})
		_, trust := keyOf(t)
		for rounds := 0; rounds < 3 || erased.Load() < 3 || n.Load() < 50; rounds++ {
			v, err := beside.Verify(t.Context(), Known{Keys: trust.Keys, Now: noon.AddDate(0, 0, 1)})
			if err != nil || len(v) != 1 || v[0].Versions != 1 {
				t.Errorf("%v: %+v", err, v)
				break
			}
		}
		stop()
		load.Wait()
		g.Close()
		l.step()
		if v := l.sound(); v.Records+v.Removed() != n.Load()+1 || v.Removed() != erased.Load() {
			t.Errorf("%+v of %d choices, %d erased", v, n.Load()+1, erased.Load())
		}
	})
}

func TestWhatCannotBeLookedAtIsNoFinding(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where)
		l.log(l.choose(noon, nil, nil))
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if _, err := l.Verify(ctx, Known{}); err == nil || Finds(err) {
			t.Errorf("%v", err)
		}
	})
}

func TestNoRecordIsReadThatIsNotWhatItsEntryCommitsTo(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where)
		var rows []register.Row
		for n := range 600 {
			rows = append(rows, l.choose(noon.Add(time.Duration(n)*time.Second), nil, nil))
		}
		l.log(rows...)
		read := func(q Query) (n int, err error) {
			for _, err := range l.Records(t.Context(), q) {
				if err != nil {
					return n, err
				}
				n++
			}
			return n, nil
		}
		queries := []Query{{}, {Site: "shop", Action: register.Save}, {Site: "shop", Subject: rows[400].ID[:]}}
		for i, want := range []int{600, 600, 1} {
			if n, err := read(queries[i]); err != nil || n != want {
				t.Fatalf("%v: %d", err, n)
			}
		}
		l.do(`UPDATE place SET idx = 401 WHERE site = 'shop' AND idx = 400`)
		for i, want := range []int{400, 400, 0} {
			n, err := read(queries[i])
			if !Finds(err) || !strings.Contains(err.Error(), rows[400].ID.String()+" of shop is not what entry 401 of the log commits to") || n != want {
				t.Errorf("%d records, then %v", n, err)
			}
		}
		row, index, err := l.Find(t.Context(), "shop", rows[400].ID)
		if err != nil || !Finds(l.Committed(t.Context(), row, index)) {
			t.Error(err)
		}
		l.do(`UPDATE place SET idx = 99999 WHERE site = 'shop' AND idx = 401 AND record = $1`, rows[400].ID[:])
		if n, err := read(queries[0]); !Finds(err) || n != 400 {
			t.Errorf("no entry: %d records, then %v", n, err)
		}
	})
}

func TestARecordThatIsPassedOverIsSaidToBeMissing(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where)
		var rows []register.Row
		for n := range lookedAtOnce + 600 {
			rows = append(rows, l.choose(noon.Add(time.Duration(n)*time.Second), nil, nil))
		}
		l.log(rows...)
		waits := l.choose(noon.Add(3*time.Hour), nil, nil)
		commit(t, l.Store, waits)
		lost := rows[lookedAtOnce+400] // at 13:14:56
		l.do(`DELETE FROM place WHERE site = 'shop' AND record = $1`, lost.ID[:])
		from := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
		all := len(rows) // one is lost, and one waits
		for what, read := range map[string]struct {
			Query
			records int
			tells   bool
		}{
			"all":              {Query{}, all, true},
			"a site":           {Query{Site: "shop"}, all, true},
			"since before it":  {Query{Since: from(70)}, all - 70*60, true},
			"its minute":       {Query{Since: from(74), Until: from(75)}, 59, true},
			"an earlier time":  {Query{Until: from(14)}, 14 * 60, false},
			"a later time":     {Query{Since: from(150), Until: from(300)}, 1, false},
			"an action":        {Query{Site: "shop", Action: register.Save}, all, false},
			"another's choice": {Query{Site: "shop", Subject: rows[1].ID[:]}, 1, false},
		} {
			n := 0
			var err error
			for _, e := range l.Records(t.Context(), read.Query) {
				if err = e; err == nil {
					n++
				}
			}
			if n != read.records || Finds(err) != read.tells || (err != nil) != read.tells || read.tells && !strings.Contains(err.Error(), lost.ID.String()) {
				t.Errorf("%s: %d records, then %v", what, n, err)
			}
		}
	})
}

// What an export pays for comparing each record with its entry.
func BenchmarkComparingRecordsWithTheirEntries(b *testing.B) {
	where := engines[0].place(b)
	s, site := open1(b, where), shop(b)
	keys, _ := keyOf(b)
	rows := make([]register.Row, 5000)
	for i := range rows {
		rows[i] = choice1(b, site, i)
	}
	commit(b, s, rows...)
	stepAll(b, register.NewSequencer(s, keys))
	b.ResetTimer()
	for b.Loop() {
		r := entryReader{db: s.read, site: site.ID}
		for i := range rows {
			if err := r.committed(b.Context(), &rows[i], int64(i)); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(rows)), "µs/record")
}
