package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/storetest"
	"github.com/temoin/temoin/policy"
)

// A made is what a test says about a choice; what it leaves out is usual.
type made struct {
	n        int // makes the id and, if at is zero, the time
	at       time.Time
	action   register.Action
	replaces *register.Row
	account  byte
	yes      bool
	language string
}

var firstDay = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

// choiceOf makes a row, whose id is that of its number: the nth second.
func choiceOf(t testing.TB, site *policy.Site, m made) register.Row {
	t.Helper()
	id, err := consent.NewID(firstDay.Add(time.Duration(m.n)*time.Second), bytes.NewReader(fmt.Appendf(nil, "%010d", m.n)))
	if err != nil {
		t.Fatal(err)
	}
	if m.at.IsZero() {
		m.at = id.Time()
	}
	event := register.Event{Action: m.action, Language: m.language, Account: m.account != 0}
	if event.Action == "" {
		event.Action = register.Save
	}
	if event.Language == "" {
		event.Language = "en"
	}
	if m.replaces != nil {
		event.Replaces = &m.replaces.ID
	}
	record, err := register.NewRecord(site, consent.Choose(site, id, m.at, func(string) bool { return m.yes }), event).Canonical()
	if err != nil {
		t.Fatal(err)
	}
	row := register.Row{Site: site.ID, ID: id, Record: record}
	row.Salt[0], row.Salt[1] = byte(m.n), byte(m.n>>8)
	if m.account != 0 {
		row.Account = bytes.Repeat([]byte{m.account}, 32)
	}
	return row
}

// of returns a site of the same policy with another id, and a later version.
func of(t testing.TB, id, version string) *policy.Site {
	t.Helper()
	src := "temoin: 1\nsite: " + id + "\nname: Shop\nurl: https://shop.example\nlanguages: [en]\npolicy: {version: \"" + version + "\"}\ncategories:\n  needed: {exempt: true}\n  stats: {needs: consent}\n  none: {needs: consent}\nservices: [{id: one, name: One, category: stats, hosts: [one.example]}]\n"
	s, err := policy.Parse("shop.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// numbers are those of the records that a query finds, with a star where they are in
// no log.
func numbers(t testing.TB, s *Store, q Query) string {
	t.Helper()
	var list []string
	for x, err := range s.Records(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		n := fmt.Sprint(int(x.Row.ID.Time().Sub(firstDay) / time.Second))
		if x.Index < 0 {
			n += "*"
		}
		if r, err := register.ParseRecord(x.Row.Record); err != nil || r.ID != x.Row.ID.String() {
			t.Errorf("%v: %v", x.Row.ID, err)
		}
		list = append(list, n)
	}
	return strings.Join(list, " ")
}

func TestRecordsAreFoundByWhatTheyAreLookedUpBy(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		keys, _ := keyOf(t)
		q := register.NewSequencer(s, keys)
		one, two, other := of(t, "shop", "1"), of(t, "shop", "2"), of(t, "another", "1")
		first := choiceOf(t, one, made{n: 1, yes: true})
		second := choiceOf(t, two, made{n: 2, action: register.Withdraw, replaces: &first})
		account := choiceOf(t, two, made{n: 3, action: register.Refuse, account: 7, replaces: &second})
		after := choiceOf(t, one, made{n: 4, replaces: &account})
		commit(t, s, first, second, account, after, choiceOf(t, other, made{n: 5}))
		stepAll(t, q)
		// These stay out of the log: one of each kind.
		third := choiceOf(t, one, made{n: 6, action: register.Withdraw, replaces: &second})
		fourth := choiceOf(t, one, made{n: 7, replaces: &third})
		commit(t, s, third, fourth, choiceOf(t, two, made{n: 8, account: 7}), choiceOf(t, other, made{n: 9}), choiceOf(t, two, made{n: 10}))
		at := func(n int) time.Time { return firstDay.Add(time.Duration(n) * time.Second) }
		for name, c := range map[string]struct {
			q    Query
			want string
		}{
			"all of a site":                       {Query{Site: "shop"}, "1 2 3 4 6* 7* 8* 10*"},
			"all sites":                           {Query{}, "5 9* 1 2 3 4 6* 7* 8* 10*"},
			"no such site":                        {Query{Site: "none"}, ""},
			"since":                               {Query{Site: "shop", Since: at(3)}, "3 4 6* 7* 8* 10*"},
			"until":                               {Query{Site: "shop", Until: at(3)}, "1 2"},
			"between":                             {Query{Site: "shop", Since: at(2), Until: at(7)}, "2 3 4 6*"},
			"an action":                           {Query{Site: "shop", Action: register.Withdraw}, "2 6*"},
			"an action since":                     {Query{Site: "shop", Action: register.Withdraw, Since: at(3)}, "6*"},
			"a version":                           {Query{Site: "shop", Version: one.Hash[:8]}, "1 4 6* 7*"},
			"another version":                     {Query{Site: "shop", Version: two.Hash[:8]}, "3 2 8* 10*"},
			"an action of a version":              {Query{Site: "shop", Action: register.Save, Version: two.Hash[:8]}, "8* 10*"},
			"no such action":                      {Query{Site: "shop", Action: register.Close}, ""},
			"an account":                          {Query{Site: "shop", Subject: account.Account}, "3 8*"},
			"an account by its record":            {Query{Site: "shop", Subject: account.ID[:]}, "3 8*"},
			"an account's withdrawals":            {Query{Site: "shop", Subject: account.Account, Action: register.Withdraw}, ""},
			"a chain by its first":                {Query{Site: "shop", Subject: first.ID[:]}, "1 2 6* 7*"},
			"a chain by its last in no log":       {Query{Site: "shop", Subject: fourth.ID[:]}, "1 2 6* 7*"},
			"a chain's withdrawals":               {Query{Site: "shop", Subject: second.ID[:], Action: register.Withdraw}, "2 6*"},
			"a chain that an account interrupted": {Query{Site: "shop", Subject: after.ID[:]}, "4"},
			"of no record":                        {Query{Site: "shop", Subject: make([]byte, 16)}, ""},
			"of an account that is none":          {Query{Site: "shop", Subject: make([]byte, 32)}, ""},
		} {
			if got := numbers(t, s, c.q); got != c.want {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
		stepAll(t, q)
		for _, q := range []Query{{Site: "shop", Subject: first.ID[:]}, {Site: "shop", Subject: fourth.ID[:]}} {
			if got := numbers(t, s, q); got != "1 2 6 7" {
				t.Errorf("in the log: %q", got)
			}
		}
		// An account that was unlinked leads to nothing else.
		if _, err := s.Unlink(t.Context(), "shop", account.Account, firstDay); err != nil {
			t.Fatal(err)
		}
		if got := numbers(t, s, Query{Site: "shop", Subject: account.ID[:]}) + "," + numbers(t, s, Query{Site: "shop", Subject: account.Account}); got != "3," {
			t.Errorf("after the account was unlinked: %q", got)
		}
	})
}

// Their ids are of the day on which they were imported.
func TestImportedChoicesAreFoundByTheirOwnTime(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		keys, _ := keyOf(t)
		site := of(t, "shop", "1")
		day := 24 * 60 * 60
		old := firstDay.AddDate(0, -3, 0)
		commit(t, s, choiceOf(t, site, made{n: -100 * day, action: register.Close}), choiceOf(t, site, made{n: 0}), choiceOf(t, site, made{n: day, action: register.Imported, at: old}), choiceOf(t, site, made{n: 2 * day}))
		for _, star := range []string{"*", ""} {
			for name, c := range map[string]struct {
				q    Query
				want string
			}{
				"before":  {Query{Site: "shop", Until: firstDay.AddDate(0, -1, 0)}, fmt.Sprint(-100*day, "_ ", day, "_")},
				"that":    {Query{Site: "shop", Until: firstDay.AddDate(0, -1, 0), Action: register.Imported}, fmt.Sprint(day, "_")},
				"then":    {Query{Site: "shop", Since: old, Until: old.Add(time.Second)}, fmt.Sprint(day, "_")},
				"since":   {Query{Site: "shop", Since: firstDay}, fmt.Sprint("0_ ", 2*day, "_")},
				"version": {Query{Site: "shop", Since: old, Until: firstDay, Version: site.Hash[:8]}, fmt.Sprint(day, "_")},
			} {
				if got, want := numbers(t, s, c.q), strings.ReplaceAll(c.want, "_", star); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			stepAll(t, register.NewSequencer(s, keys))
		}
	})
}

func TestEachRecordComesOnceWhileTheLogGrows(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		keys, _ := keyOf(t)
		q := register.NewSequencer(s, keys)
		site := of(t, "shop", "1")
		n := 0
		more := func(many int) {
			var rows []register.Row
			for range many {
				rows = append(rows, choiceOf(t, site, made{n: n, action: register.Withdraw}))
				n++
			}
			commit(t, s, rows...)
		}
		more(pageSize + 10)
		stepAll(t, q)
		more(pageSize - 5)
		for _, query := range []Query{{Site: "shop"}, {Site: "shop", Action: register.Withdraw}} {
			before, read := n, 0
			seen := map[consent.ID]bool{}
			for x, err := range s.Records(t.Context(), query) {
				if err != nil {
					t.Fatal(err)
				}
				if seen[x.Row.ID] {
					t.Fatalf("%v comes twice", x.Row.ID)
				}
				seen[x.Row.ID] = true
				if read++; read%100 == 0 && read < 1500 { // in the midst of it
					more(20)
					stepAll(t, q)
				}
			}
			for i := range before {
				if id := choiceOf(t, site, made{n: i, action: register.Withdraw}).ID; !seen[id] {
					t.Fatalf("%v: record %d of %d is not there", query, i, before)
				}
			}
		}
	})
}

func TestAReaderMayStopAndErrorsAreTold(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		commit(t, s, choiceOf(t, of(t, "shop", "1"), made{n: 1}), choiceOf(t, of(t, "shop", "1"), made{n: 2}))
		for _, err := range s.Records(t.Context(), Query{}) {
			if err != nil {
				t.Error(err)
			}
			break
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		told := 0
		for _, err := range s.Records(ctx, Query{}) {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
			told++
		}
		if told != 1 {
			t.Errorf("told %d times", told)
		}
	})
}

func TestCountersSayWhatWentIntoTheLog(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		keys, _ := keyOf(t)
		site := of(t, "shop", "1")
		for round := range 3 {
			n := 10 * round
			commit(t, s, choiceOf(t, site, made{n: n, yes: true}), choiceOf(t, site, made{n: n + 1, yes: true}), choiceOf(t, site, made{n: n + 2}),
				choiceOf(t, site, made{n: n + 3, action: register.Refuse, language: "fr"}), choiceOf(t, of(t, "another", "1"), made{n: n}), choiceOf(t, site, made{n: n + 86400}))
			stepAll(t, register.NewSequencer(s, keys))
		}
		day := register.DayOf(firstDay)
		today := []register.Count{
			{Day: day, Language: "en", Action: register.Save, N: 9}, {Day: day, Language: "en", Action: register.Save, Category: "stats", N: 3},
			{Day: day, Language: "en", Action: register.Save, Category: "stats", Allowed: true, N: 6},
			{Day: day, Language: "fr", Action: register.Refuse, N: 3}, {Day: day, Language: "fr", Action: register.Refuse, Category: "stats", N: 3},
		}
		tomorrow := []register.Count{{Day: day + 1, Language: "en", Action: register.Save, N: 3}, {Day: day + 1, Language: "en", Action: register.Save, Category: "stats", N: 3}}
		for name, c := range map[string]struct {
			from, to time.Time
			want     []register.Count
		}{
			"all":   {time.Time{}, time.Time{}, append(slices.Clone(today), tomorrow...)},
			"today": {firstDay, firstDay.AddDate(0, 0, 1), today},
			"since": {firstDay.AddDate(0, 0, 1), time.Time{}, tomorrow},
			"none":  {firstDay, firstDay, nil},
		} {
			got, err := s.Tally(t.Context(), "shop", c.from, c.to)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, %+v", name, err, got)
			}
		}
	})
}

// subject is what a record's place says.
func subject(t testing.TB, s *Store, r register.Row) []byte {
	t.Helper()
	known, err := s.Subjects(t.Context(), r.Site, []consent.ID{r.ID})
	if err != nil {
		t.Fatal(err)
	}
	return known[r.ID]
}

func TestAChainIsFollowedWithinABatchAndFromOneToTheNext(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		keys, _ := keyOf(t)
		site := of(t, "shop", "1")
		var chain []register.Row
		for n := range 6 {
			m := made{n: n}
			if n > 0 {
				m.replaces = &chain[n-1]
			}
			chain = append(chain, choiceOf(t, site, m))
			commit(t, s, chain[n])
			if n == 2 || n == 3 {
				stepAll(t, register.NewSequencer(s, keys))
			}
		}
		// Another site has a record of the same id.
		elsewhere := choiceOf(t, of(t, "another", "1"), made{n: 9, replaces: &chain[0]})
		commit(t, s, elsewhere)
		stepAll(t, register.NewSequencer(s, keys))
		for _, r := range chain {
			if got := subject(t, s, r); !bytes.Equal(got, chain[0].ID[:]) {
				t.Errorf("%v is of %x", r.ID, got)
			}
		}
		if got := subject(t, s, elsewhere); !bytes.Equal(got, elsewhere.ID[:]) {
			t.Errorf("a chain leads to another site: %x", got)
		}
		// What replaces a record that was destroyed begins anew.
		if n, err := s.Destroy(t.Context(), "shop", []consent.ID{chain[5].ID}, firstDay); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		next := choiceOf(t, site, made{n: 20, replaces: &chain[5]})
		commit(t, s, next)
		stepAll(t, register.NewSequencer(s, keys))
		if got := subject(t, s, next); !bytes.Equal(got, next.ID[:]) {
			t.Errorf("what was destroyed leads on to %x", got)
		}
	})
}

// A sequencer has read choices, and before it puts them into the log some of them
// are removed, or taken from their account.
func TestWhatIsRemovedMeanwhileGetsNoPlace(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		keys, _ := keyOf(t)
		site := of(t, "shop", "1")
		for name, remove := range map[string]string{
			"removed":  `DELETE FROM choice WHERE id = $1`,
			"unlinked": `UPDATE choice SET account = NULL WHERE id = $1`,
		} {
			r := choiceOf(t, site, made{n: len(name), account: 7})
			commit(t, s, r)
			q := register.NewSequencer(meanwhile{s, func() {
				tx, err := s.write.BeginTx(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if err := s.removing(t.Context(), tx); err != nil {
					t.Fatal(err)
				}
				for _, sql := range []string{`INSERT INTO removal (site, id) SELECT site, id FROM choice WHERE id = $1`, remove, `DELETE FROM removal WHERE id = $1`} {
					if _, err := tx.ExecContext(t.Context(), sql, r.ID[:]); err != nil {
						t.Fatal(err)
					}
				}
				if err := tx.Commit(); err != nil {
					t.Fatal(err)
				}
			}}, keys)
			if _, _, err := q.Step(t.Context()); !errors.Is(err, register.ErrStale) {
				t.Errorf("%s: %v", name, err)
			}
			if stalled, err := s.Stalled(t.Context()); err != nil || len(stalled) > 0 {
				t.Errorf("%s: %v, %v is stalled", name, err, stalled)
			}
			stepAll(t, register.NewSequencer(s, keys))
			var n int
			if err := s.read.QueryRow(`SELECT count(*) FROM place WHERE record = $1 AND subject = $2`, r.ID[:], r.Account).Scan(&n); err != nil || n != 0 {
				t.Errorf("%s: %v: it has its look-ups", name, err)
			}
		}
		if n := numbers(t, s, Query{}); n != "8" {
			t.Errorf("records %q", n)
		}
	})
}

// meanwhile does something between the calls of Pending and of Extend.
type meanwhile struct {
	*Store
	do func()
}

func (b meanwhile) Extend(ctx context.Context, e register.Extension) error {
	b.do()
	return b.Store.Extend(ctx, e)
}

func TestNoEntryOfTheLogIsEverChangedOrRemoved(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		keys, _ := keyOf(t)
		commit(t, s, choiceOf(t, of(t, "shop", "1"), made{n: 1}), choiceOf(t, of(t, "shop", "1"), made{n: 2}))
		stepAll(t, register.NewSequencer(s, keys))
		before, err := s.Entries(t.Context(), "shop", 0, 9)
		if err != nil || len(before) != 2 {
			t.Fatal(before, err)
		}
		// Two entries stand in the bundle: it keeps them, and grows behind them.
		changes := []string{`UPDATE bundle SET site = 'x', entries = %s`, `UPDATE bundle SET idx = idx + 9, entries = %s`, `UPDATE bundle SET entries = entries`, `DELETE FROM bundle`, `DELETE FROM bundle WHERE idx = 0`,
			`UPDATE bundle SET entries = substr(entries, 1, 32)`, `UPDATE bundle SET entries = substr(entries, 33, 32)`}
		longer := `entries || entries`
		if isPostgres(s) {
			changes = append(changes, `UPDATE bundle SET entries = sha256('a') || sha256('b')`, `UPDATE bundle SET entries = sha256('a') || entries`, `UPDATE bundle SET entries = substr(entries, 1, 32) || sha256('b') || sha256('c')`,
				`TRUNCATE bundle`, `INSERT INTO bundle SELECT * FROM bundle ON CONFLICT (site, idx) DO UPDATE SET entries = sha256('a')`)
		} else {
			longer = `CAST(entries || entries AS BLOB)`
			changes = append(changes, `UPDATE bundle SET entries = randomblob(64)`, `UPDATE bundle SET entries = randomblob(96)`, `UPDATE bundle SET entries = CAST(substr(entries, 1, 32) || randomblob(64) AS BLOB)`,
				`INSERT OR REPLACE INTO bundle SELECT site, idx, randomblob(96) FROM bundle`, `INSERT INTO bundle SELECT site, 1, randomblob(32) FROM bundle; UPDATE OR REPLACE bundle SET idx = 0`)
		}
		for i := range changes[:2] {
			changes[i] = fmt.Sprintf(changes[i], longer)
		}
		for _, change := range changes {
			if _, err := s.write.Exec(change); err == nil || !strings.Contains(err.Error(), "an entry of the log is never") {
				t.Errorf("%s: %v", change, err)
			}
		}
		if after, err := s.Entries(t.Context(), "shop", 0, 9); err != nil || !slices.Equal(after, before) {
			t.Errorf("%v: %v", err, after)
		}
	})
}

// After an erasure nothing may lead from the log to what the record was: an entry
// stands beside its place in the log, and nothing else.
func TestTheLogNamesNoRecord(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		keys, _ := keyOf(t)
		r := choiceOf(t, of(t, "shop", "1"), made{n: 1})
		commit(t, s, r)
		stepAll(t, register.NewSequencer(s, keys))
		if _, err := s.Destroy(t.Context(), "shop", []consent.ID{r.ID}, firstDay); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"bundle", "tile", "place", "log", "tally"} {
			rows, err := s.read.Query(`SELECT * FROM ` + table)
			if err != nil {
				t.Fatal(err)
			}
			columns, err := rows.Columns()
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				cells, into := make([]any, len(columns)), make([]any, len(columns))
				for i := range cells {
					into[i] = &cells[i]
				}
				if err := rows.Scan(into...); err != nil {
					t.Fatal(err)
				}
				for i, c := range cells {
					b, _ := c.([]byte)
					if text := fmt.Sprint(c); bytes.Contains(b, r.ID[:]) || bytes.Contains(b, r.Salt[:]) || strings.Contains(text, r.ID.String()) || strings.Contains(text, hex.EncodeToString(r.ID[:])) {
						t.Errorf("%s.%s holds %v", table, columns[i], c)
					}
				}
			}
			rows.Close()
		}
	})
}

// brokenKeys has no key for one site while it is broken.
type brokenKeys struct {
	register.Keys
	site   string
	broken bool
}

func (b *brokenKeys) LogKeys(ctx context.Context, site string) (register.LogKeys, error) {
	if b.broken && site == b.site {
		return register.LogKeys{}, errKilled
	}
	return b.Keys.LogKeys(ctx, site)
}

// One site has more choices waiting than a step takes, and its log is broken: when
// its key cannot be had, or when its rows cannot be written.
func TestABrokenLogWithALongQueueStarvesNoOther(t *testing.T) {
	for name, how := range map[string]func(s *Store, keys *brokenKeys) (register.LogStore, func()){
		"no key": func(s *Store, keys *brokenKeys) (register.LogStore, func()) {
			keys.broken = true
			return s, func() { keys.broken = false }
		},
		"nothing can be written": func(s *Store, _ *brokenKeys) (register.LogStore, func()) {
			f := &failing{Store: s, site: "shop", broken: true}
			return f, func() { f.broken = false }
		},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, where string) {
				s := open1(t, where)
				one, other := of(t, "shop", "1"), of(t, "another", "1")
				n := 0
				more := func(site *policy.Site, many int) {
					var rows []register.Row
					for range many {
						rows = append(rows, choiceOf(t, site, made{n: n}))
						n++
					}
					commit(t, s, rows...)
				}
				plain, _ := keyOf(t)
				keys := &brokenKeys{Keys: plain, site: "shop"}
				store, mend := how(s, keys)
				q := register.NewSequencer(store, keys)
				more(one, 5000)
				more(other, 10)
				size := func(site string) int64 {
					h, err := s.Head(t.Context(), site)
					if err != nil {
						t.Fatal(err)
					}
					return h.Size
				}
				// The first step finds out; from the second on it is left aside.
				for step := range 4 {
					if _, _, err := q.Step(t.Context()); !errors.Is(err, errKilled) {
						t.Fatalf("step %d: %v", step, err)
					}
				}
				if size("another") != 10 || size("shop") != 0 {
					t.Fatalf("%d and %d entries", size("another"), size("shop"))
				}
				before := mark(t, s)
				more(one, 100)
				more(other, 10)
				if _, _, err := q.Step(t.Context()); !errors.Is(err, errKilled) || size("another") != 20 {
					t.Fatalf("%v, %d entries", err, size("another"))
				}
				// Nobody reads over the queue again and again. (Where others write, the mark
				// follows later.)
				if now := mark(t, s); now <= before && !isPostgres(s) {
					t.Errorf("the common mark stays at %d", now)
				}
				if backlog, err := s.Backlog(t.Context(), 10_000); err != nil || backlog != 5100 {
					t.Errorf("%v, a backlog of %d", err, backlog)
				}
				mend()
				more(one, 3)
				q = register.NewSequencer(store, keys) // after another start, too
				stepAll(t, q)
				if stalled, err := s.Stalled(t.Context()); err != nil || len(stalled) > 0 || size("shop") != 5103 || size("another") != 20 {
					t.Errorf("%v: %v stalled, %d and %d entries", err, stalled, size("shop"), size("another"))
				}
				more(one, 3)
				if took := stepAll(t, q); took != 3 {
					t.Errorf("%d choices", took)
				}
				if got := len(strings.Fields(numbers(t, s, Query{Site: "shop"}))); got != 5106 {
					t.Errorf("%d records", got)
				}
			})
		})
	}
}

// failing cannot write one site's log.
type failing struct {
	*Store
	site   string
	broken bool
}

func (f *failing) Extend(ctx context.Context, e register.Extension) error {
	if f.broken && e.Site == f.site {
		return errKilled
	}
	return f.Store.Extend(ctx, e)
}

func TestASiteThatIsStalledLosesNoChoiceOfATransactionThatEndsLate(t *testing.T) {
	t.Parallel()
	s := open1(t, storetest.Database(t))
	plain, _ := keyOf(t)
	keys := &brokenKeys{Keys: plain, site: "shop", broken: true}
	q := register.NewSequencer(s, keys)
	late, err := s.write.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer late.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	r := choiceOf(t, of(t, "shop", "1"), made{n: 1})
	if _, err := late.Exec(`INSERT INTO choice (site, id, salt, record, arrival) SELECT 'shop', $1, $2, $3, base + pg_current_xact_id()::text::bigint FROM origin`, r.ID[:], r.Salt[:], r.Record); err != nil {
		t.Fatal(err)
	}
	commit(t, s, choiceOf(t, of(t, "shop", "1"), made{n: 2}), choiceOf(t, of(t, "another", "1"), made{n: 3}))
	if _, _, err := q.Step(t.Context()); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	if err := late.Commit(); err != nil {
		t.Fatal(err)
	}
	for n := range 3 { // the common mark moves over it
		commit(t, s, choiceOf(t, of(t, "another", "1"), made{n: 10 + n}))
		if _, _, err := q.Step(t.Context()); !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
	}
	keys.broken = false
	if got := stepAll(t, q); got != 2 {
		t.Errorf("%d choices", got)
	}
	if _, at, err := s.Find(t.Context(), "shop", r.ID); err != nil || at < 0 {
		t.Errorf("%v: it is not in the log", err)
	}
}

var _ register.LogStore = (*failing)(nil)

// What is in the log is what was committed, whatever sizes the steps have: each size
// has statements of its own.
func TestStepsOfEverySizeWriteEveryRow(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		keys, _ := keyOf(t)
		q := register.NewSequencer(s, keys)
		site := of(t, "shop", "1")
		n := 0
		for _, size := range []int{1, 2, 3, 63, 64, 65, 127, 130, 7} {
			var rows []register.Row
			for range size {
				rows = append(rows, choiceOf(t, site, made{n: n}))
				n++
			}
			commit(t, s, rows...)
			stepAll(t, q)
		}
		entries, err := s.Entries(t.Context(), "shop", 0, n+1)
		if err != nil || len(entries) != n {
			t.Fatalf("%v, %d entries of %d", err, len(entries), n)
		}
		read := 0
		for x, err := range s.Records(t.Context(), Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			if entries[x.Index] != ledger.NewEntry(x.Row.Salt, x.Row.Record) {
				t.Errorf("record %v is not at %d", x.Row.ID, x.Index)
			}
			read++
		}
		var at, ends int64
		var version []byte
		var action, language string
		id := choiceOf(t, site, made{n: 100}).ID
		if err := s.read.QueryRow(`SELECT at, ends, version, action, language FROM place WHERE record = $1`, id[:]).Scan(&at, &ends, &version, &action, &language); err != nil {
			t.Fatal(err)
		}
		made := firstDay.Add(100 * time.Second)
		if read != n || at != made.Unix() || ends != site.Choice.Lasts.After(made).Unix() || !bytes.Equal(version, site.Hash[:8]) || action != "save" || language != "en" {
			t.Errorf("%d records; %d, %d, %x, %s, %s", read, at, ends, version, action, language)
		}
	})
}

func TestASiteIsNotPutBackWhileChoicesOfItWaitBeforeTheCommonMark(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		keys, _ := keyOf(t)
		if err := s.Stall(t.Context(), "shop"); err != nil {
			t.Fatal(err)
		}
		commit(t, s, choiceOf(t, of(t, "shop", "1"), made{n: 1}))
		if _, err := s.write.Exec(`UPDATE sequenced SET arrival = (SELECT max(arrival) + 1 FROM choice)`); err != nil { // as another's choice moves it
			t.Fatal(err)
		}
		if err := s.Resume(t.Context(), "shop"); err != nil {
			t.Fatal(err)
		}
		if stalled, err := s.Stalled(t.Context()); err != nil || !slices.Equal(stalled, []string{"shop"}) {
			t.Fatalf("%v, %v: its choice would be passed over", err, stalled)
		}
		if took := stepAll(t, register.NewSequencer(s, keys)); took != 1 {
			t.Errorf("%d choices", took)
		}
		if stalled, err := s.Stalled(t.Context()); err != nil || len(stalled) != 0 {
			t.Errorf("%v, %v", err, stalled)
		}
	})
}

// BenchmarkSequenceChains sequences choices that each replace an earlier one, which
// is looked up.
func BenchmarkSequenceChains(b *testing.B) {
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			s, site := open1(b, e.place(b)), of(b, "shop", "1")
			keys, _ := keyOf(b)
			q := register.NewSequencer(s, keys)
			var before []register.Row
			n := 0
			for b.Loop() {
				b.StopTimer()
				rows := make([]register.Row, 4096)
				for i := range rows {
					m := made{n: n}
					if before != nil {
						m.replaces = &before[i]
					}
					rows[i] = choiceOf(b, site, m)
					n++
				}
				commit(b, s, rows...)
				before = rows
				b.StartTimer()
				if took := stepAll(b, q); took != len(rows) {
					b.Fatal(took)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/choice")
		})
	}
}
