package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
)

// untriggered lets a test do what triggers forbid.
func untriggered(t *testing.T, s *Store, statement string) {
	t.Helper()
	drop := `DROP TRIGGER bundle_only_grows; DROP TRIGGER bundle_stays; `
	if isPostgres(s) {
		drop = `ALTER TABLE bundle DISABLE TRIGGER USER; `
	}
	if _, err := s.write.Exec(drop + statement); err != nil {
		t.Fatal(err)
	}
}

func TestEntriesAreReadAcrossBundles(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s, site := open1(t, where), shop(t)
		keys, _ := keyOf(t)
		q := register.NewSequencer(s, keys)
		var want []ledger.Entry
		for _, n := range []int{1, 254, 1, 1, 300, 255, 1, 256, 7} { // bundles are filled, passed and begun in all ways
			var rows []register.Row
			for range n {
				r := choice1(t, site, len(want))
				rows, want = append(rows, r), append(want, ledger.NewEntry(r.Salt, r.Record))
			}
			commit(t, s, rows...)
			stepAll(t, q)
		}
		size := int64(len(want))
		for _, from := range []int64{0, 1, 255, 256, 257, 511, 512, 1000, size - 1, size, size + 300} {
			for _, n := range []int{0, 1, 2, 255, 256, 257, 513, 5000} {
				got, err := s.Entries(t.Context(), "shop", from, n)
				if err != nil || !slices.Equal(got, want[min(from, size):min(from+int64(n), size)]) {
					t.Fatalf("%v: %d entries from %d on, of at most %d", err, len(got), from, n)
				}
			}
		}
		untriggered(t, s, `DELETE FROM bundle WHERE idx = 2`)
		if _, err := s.Entries(t.Context(), "shop", 300, 500); !errors.Is(err, ledger.ErrDamaged) || !strings.Contains(err.Error(), "entry 512 is missing") {
			t.Errorf("%v", err)
		}
	})
}

// The head says how many entries there are. Where there are others, nothing is added
// to them, and another site's log goes on.
func TestABundleThatIsNotAsTheHeadSaysIsNotAddedTo(t *testing.T) {
	for name, damage := range map[string]string{
		"shorter": `UPDATE bundle SET entries = substr(entries, 1, 64) WHERE site = 'shop'`,
		"missing": `DELETE FROM bundle WHERE site = 'shop'`,
	} {
		onEachOf(t, name, func(t *testing.T, where string) {
			s := open1(t, where)
			keys, _ := keyOf(t)
			one, other := of(t, "shop", "1"), of(t, "other", "1")
			commit(t, s, choiceOf(t, one, made{n: 1}), choiceOf(t, one, made{n: 2}), choiceOf(t, one, made{n: 3}))
			stepAll(t, register.NewSequencer(s, keys))
			before, err := s.Head(t.Context(), "shop")
			if err != nil {
				t.Fatal(err)
			}
			untriggered(t, s, damage)
			commit(t, s, choiceOf(t, one, made{n: 4}), choiceOf(t, other, made{n: 5}))
			if _, _, err := register.NewSequencer(s, keys).Step(t.Context()); !errors.Is(err, ledger.ErrDamaged) {
				t.Errorf("%v", err)
			}
			if now, err := s.Head(t.Context(), "shop"); err != nil || now != before {
				t.Errorf("%v: the log goes on: %v", err, now)
			}
			if h, err := s.Head(t.Context(), "other"); err != nil || h.Size != 1 {
				t.Errorf("%v: the other log has %d entries", err, h.Size)
			}
			if list, err := s.Stalled(t.Context()); err != nil || !slices.Equal(list, []string{"shop"}) {
				t.Errorf("%v: %v is stalled", err, list)
			}
		})
	}
}

// plan is how the engine would carry out a query.
func plan(t *testing.T, s *Store, query string, args ...any) string {
	t.Helper()
	tx, err := s.read.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // it only asks
	explain := `EXPLAIN QUERY PLAN `
	if isPostgres(s) {
		explain = `EXPLAIN `
	}
	rows, err := tx.Query(explain+query, s.afresh(args...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line string
		into := []any{&line}
		if !isPostgres(s) {
			into = []any{new(int), new(int), new(int), &line}
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// Without the condition of the index in the query, an engine would read all places of
// a site.
func TestSubjectsAreLookedUpInTheirIndex(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		fill := `WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 5000)
			INSERT INTO place SELECT 'shop', CAST(printf('%016d', n) AS BLOB), n, n, n, zeroblob(8), 'save', 'en', CAST(printf('%016d', n - n % 2) AS BLOB) FROM i`
		if isPostgres(s) {
			fill = `INSERT INTO place SELECT 'shop', lpad(n::text, 16, '0')::bytea, n, n, n, '\x0000000000000000', 'save', 'en', lpad((n - n % 2)::text, 16, '0')::bytea FROM generate_series(1, 5000) n; ANALYZE place`
		}
		if _, err := s.write.Exec(fill); err != nil {
			t.Fatal(err)
		}
		subject := []byte("0000000000000042")
		r := reading{Store: s, Query: Query{Subject: subject}, site: "shop", unplaced: consent.ID{0xff}}
		main, _ := r.bounds()
		span := r.ofSubject(main)[0]
		for name, q := range map[string]struct {
			query string
			args  []any
		}{
			"of an account": {`SELECT record FROM place WHERE site = $1 AND ` + named + ` ORDER BY record`, []any{"shop", subject}},
			"to rename":     {`SELECT subject, record FROM place WHERE site = $1 AND subject IN ($2, $3) AND subject <> record ORDER BY site, subject, record`, []any{"shop", subject, subject}},
			"unlinking":     {`UPDATE place SET subject = NULL WHERE ` + allNamed, []any{"shop", subject}},
			"exporting":     {placedSQL(span), append(span.args[:len(span.args):len(span.args)], span.from[:], span.to[:])},
		} {
			if p := plan(t, s, q.query, q.args...); !strings.Contains(p, "place_subject") {
				t.Errorf("%s: %s", name, p)
			}
		}
		if ids, err := s.Chain(t.Context(), "shop", consent.ID([]byte("0000000000000043"))); err != nil || len(ids) != 2 || string(ids[0][:]) != "0000000000000042" {
			t.Errorf("%v: %v", err, ids)
		}
	})
}

// The first record of a chain stands among the others in the order of their ids, which
// clients make by their own clocks.
func TestAChainIsFoundWholeWhereverItsFirstRecordStands(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s, site := open1(t, where), of(t, "shop", "1")
		keys, _ := keyOf(t)
		q := register.NewSequencer(s, keys)
		first := choiceOf(t, site, made{n: 50})
		commit(t, s, first)
		stepAll(t, q)
		account := choiceOf(t, site, made{n: 45, account: 7})
		commit(t, s, choiceOf(t, site, made{n: 40, replaces: &first}), choiceOf(t, site, made{n: 60, replaces: &first}), choiceOf(t, site, made{n: 55}), account,
			choiceOf(t, site, made{n: 56, replaces: &account}))
		stepAll(t, q)
		if _, err := s.Unlink(t.Context(), "shop", account.Account, firstDay); err != nil {
			t.Fatal(err)
		}
		for _, asked := range []int{40, 50, 60} {
			id := choiceOf(t, site, made{n: asked}).ID
			if got := numbers(t, s, Query{Site: "shop", Subject: id[:]}); got != "40 50 60" {
				t.Errorf("of %d: %q", asked, got)
			}
			if ids, err := s.Chain(t.Context(), "shop", id); err != nil || len(ids) != 3 || ids[1] != first.ID {
				t.Errorf("of %d: %v, %v", asked, err, ids)
			}
		}
		if got := numbers(t, s, Query{Site: "shop", Subject: first.ID[:], Since: firstDay.Add(55 * time.Second)}); got != "60" {
			t.Errorf("the later ones: %q", got)
		}
		// Unlinked, it is alone, and was never the first of a chain.
		if got := numbers(t, s, Query{Site: "shop", Subject: account.ID[:]}); got != "45" {
			t.Errorf("of the one that was unlinked: %q", got)
		}
		if ids, err := s.Chain(t.Context(), "shop", account.ID); err != nil || len(ids) != 1 {
			t.Errorf("%v, %v", err, ids)
		}
		// The chain is named anew after its first one that remains.
		if _, err := s.Destroy(t.Context(), "shop", []consent.ID{first.ID}, firstDay); err != nil {
			t.Fatal(err)
		}
		last := choiceOf(t, site, made{n: 60}).ID
		if got := numbers(t, s, Query{Site: "shop", Subject: last[:]}); got != "40 60" {
			t.Errorf("what remains: %q", got)
		}
		if ids, err := s.Chain(t.Context(), "shop", last); err != nil || len(ids) != 2 {
			t.Errorf("%v, %v", err, ids)
		}
	})
}

// A site may be resumed while a sequencer that lost its lease still holds what it read
// while the site was stalled. Then it knows nothing of that site's choices, and must
// not move the mark past them.
func TestASiteThatIsResumedMeanwhileLosesNoChoice(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		keys, _ := keyOf(t)
		one, other := of(t, "shop", "1"), of(t, "other", "1")
		commit(t, s, choiceOf(t, one, made{n: 1}))
		commit(t, s, choiceOf(t, other, made{n: 2}))
		commit(t, s, choiceOf(t, one, made{n: 3}))
		if err := s.Stall(t.Context(), "other"); err != nil {
			t.Fatal(err)
		}
		late := register.NewSequencer(unaware{meanwhile{s, func() {
			if err := s.Resume(t.Context(), "other"); err != nil {
				t.Fatal(err)
			}
		}}}, keys)
		if _, _, err := late.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if list, err := s.Stalled(t.Context()); err != nil || len(list) != 0 {
			t.Fatalf("%v: %v is stalled", err, list)
		}
		pending, err := s.Pending(t.Context(), 10)
		if err != nil || len(pending) != 1 || pending[0].Site != "other" {
			t.Errorf("%v: %d pending", err, len(pending))
		}
	})
}

// unaware is a store of which a sequencer learned too early that no site is stalled.
type unaware struct{ meanwhile }

func (unaware) Stalled(context.Context) ([]string, error) { return nil, nil }

// An ill is a store in which, by chance, steps fail.
type ill struct {
	*Store
	rand   *rand.Rand
	broken map[string]bool // sites
}

func (i ill) Extend(ctx context.Context, e register.Extension) error {
	if i.broken[e.Site] || i.rand.IntN(8) == 0 {
		return errKilled
	}
	if i.rand.IntN(8) == 0 {
		return register.ErrStale
	}
	err := i.Store.Extend(ctx, e)
	if err == nil && i.rand.IntN(8) == 0 {
		return errKilled
	}
	return err
}

func (i ill) StepSize() int { return 1 + i.rand.IntN(9) }

// unlogged are the choices without a place, but those of stalled sites.
func unlogged(t *testing.T, s *Store) (ids []consent.ID) {
	t.Helper()
	ids, err := recordIDs(s.read.Query(`SELECT c.id FROM choice c LEFT JOIN place p ON p.site = c.site AND p.record = c.id
		WHERE p.idx IS NULL AND c.site NOT IN (SELECT site FROM stalled) ORDER BY c.id`))
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// What needs no look-up is told by what was done before. It must be right in whatever
// order sites fail, are stalled and resumed, records are erased, and the store is
// opened again.
func TestWhatIsPendingIsWhatHasNoPlaceWhateverHappened(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3, 4, 5, 6} {
		onEachOf(t, string('0'+rune(seed)), func(t *testing.T, where string) {
			p := &pendingTest{T: t, where: where, s: open1(t, where), rand: rand.New(rand.NewPCG(seed, 7)), broken: map[string]bool{}, sites: []string{"shop", "other", "third"}}
			p.begin()
			for range 150 {
				p.act()
				p.compare()
			}
			clear(p.broken)
			keys, _ := keyOf(t)
			for range 3 { // what is stalled is resumed on the way
				stepAll(t, register.NewSequencer(p.s, keys))
			}
			if n := len(unlogged(t, p.s)); n != 0 {
				t.Errorf("%d are in no log", n)
			}
			_, trust := keyOf(t)
			if _, err := p.s.Verify(t.Context(), Known{Keys: trust.Keys}); err != nil {
				t.Error(err)
			}
		})
	}
}

type pendingTest struct {
	*testing.T
	where  string
	s      *Store
	seq    *register.Sequencer
	rand   *rand.Rand
	broken map[string]bool
	sites  []string
	n      int
}

func (p *pendingTest) begin() {
	keys, _ := keyOf(p)
	p.seq = register.NewSequencer(ill{p.s, p.rand, p.broken}, keys)
}

// act does one thing of those that happen.
func (p *pendingTest) act() {
	p.Helper()
	site := p.sites[p.rand.IntN(len(p.sites))]
	switch p.rand.IntN(12) {
	case 0, 1, 2:
		var rows []register.Row
		for range 1 + p.rand.IntN(12) {
			p.n++
			rows = append(rows, choiceOf(p, of(p, p.sites[p.rand.IntN(len(p.sites))], "1"), made{n: p.n, account: byte(p.rand.IntN(3))}))
		}
		commit(p.T, p.s, rows...)
	case 3, 4, 5, 6, 7:
		p.seq.Step(p.Context()) //nolint:errcheck // it may fail
	case 8:
		p.broken[site] = !p.broken[site]
	case 9: // another sequencer
		p.begin()
		p.seq.Step(p.Context()) //nolint:errcheck // it may fail
	case 10:
		p.erase(site)
	case 11:
		if err := p.s.Close(); err != nil {
			p.Fatal(err)
		}
		p.s = open1(p, p.where)
		p.begin()
	}
}

// erase erases what is in the log, as a command beside does where there can be one.
func (p *pendingTest) erase(site string) {
	p.Helper()
	s := p.s
	if !isPostgres(s) {
		var err error
		if s, err = Open(p.Context(), p.where, Beside()); err != nil {
			p.Fatal(err)
		}
		defer s.Close()
		if pending, err := s.Pending(p.Context(), 1000); err != nil || len(pending) != len(unlogged(p.T, p.s)) {
			p.Fatalf("beside: %v: %d are pending", err, len(pending))
		}
	}
	ids, err := recordIDs(s.read.Query(`SELECT record FROM place WHERE site = $1 ORDER BY idx DESC LIMIT 3`, site))
	if err != nil {
		p.Fatal(err)
	}
	if _, err := s.Destroy(p.Context(), site, ids, firstDay); err != nil {
		p.Fatal(err)
	}
	account := choiceOf(p, of(p, site, "1"), made{account: 1}).Account
	if _, err := s.Unlink(p.Context(), site, account, firstDay); err != nil && !errors.Is(err, register.ErrUnlogged) {
		p.Fatal(err)
	}
}

func (p *pendingTest) compare() {
	p.Helper()
	pending, err := p.s.Pending(p.Context(), 10_000)
	if err != nil {
		p.Fatal(err)
	}
	var ids []consent.ID
	for _, a := range pending {
		ids = append(ids, a.ID)
	}
	slices.SortFunc(ids, func(a, b consent.ID) int { return strings.Compare(string(a[:]), string(b[:])) })
	if want := unlogged(p.T, p.s); !slices.Equal(ids, want) {
		p.Fatalf("%d are pending, and %d have no place", len(ids), len(want))
	}
}

// A command beside a server does not know what that one puts into the logs.
func TestACommandBesideSeesWhatTheServerHasPlaced(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "store")
	l := live(t, folder)
	l.log(l.choose(noon, nil, nil))
	s, err := Open(t.Context(), folder, Beside())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l.log(l.choose(noon.Add(time.Second), nil, nil))
	commit(t, l.Store, l.choose(noon.Add(2*time.Second), nil, nil))
	if pending, err := s.Pending(t.Context(), 10); err != nil || len(pending) != 1 {
		t.Errorf("%v: %d are pending", err, len(pending))
	}
}
