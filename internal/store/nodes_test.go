package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/storetest"
)

// stepAll puts all that is committed into the logs and returns how much it was.
func stepAll(t testing.TB, q *register.Sequencer) (took int) {
	t.Helper()
	for {
		n, _, err := q.Step(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return took
		}
		took += n
	}
}

func commit(t testing.TB, s *Store, rows ...register.Row) {
	t.Helper()
	if _, err := s.Commit(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
}

func mark(t *testing.T, s *Store) (arrival int64) {
	t.Helper()
	if err := s.read.QueryRow(`SELECT arrival FROM sequenced`).Scan(&arrival); err != nil {
		t.Fatal(err)
	}
	return arrival
}

func TestALogThatCannotGoOnLosesNoChoiceToAnotherSites(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		other := row(2)
		other.Site = "other"
		commit(t, s, row(1), other, row(3))
		commit(t, s, row(4))
		sites := func() []string {
			pending, err := s.Pending(t.Context(), 10)
			if err != nil {
				t.Fatal(err)
			}
			var sites []string
			for _, p := range pending {
				sites = append(sites, p.Site)
			}
			return sites
		}
		pending, err := s.Pending(t.Context(), 10)
		if err != nil || len(pending) != 4 {
			t.Fatal(pending, err)
		}
		// The other site's log fails; its choice arrived before the last of these.
		extend(t, s, "shop", pending)
		if got := sites(); len(got) != 1 || got[0] != "other" {
			t.Fatalf("pending: %v", got)
		}
		extend(t, s, "other", pending)
		if got := sites(); len(got) != 0 {
			t.Errorf("pending: %v", got)
		}
		before := mark(t, s)
		commit(t, s, row(5))
		if pending, err = s.Pending(t.Context(), 10); err != nil || len(pending) != 1 {
			t.Fatal(pending, err)
		}
		extend(t, s, "shop", pending)
		if now := mark(t, s); now <= before && !isPostgres(s) { // where others write, it follows later
			t.Errorf("the mark stays at %d", now)
		}
	})
}

func TestARecordIsPutIntoTheLogOnce(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		commit(t, s, row(1), row(2))
		pending, err := s.Pending(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		extend(t, s, "shop", pending[:1])
		before, err := s.Head(t.Context(), "shop")
		if err != nil {
			t.Fatal(err)
		}
		// Another one read what was pending before, and the head after that.
		if err := tryExtend(t, s, "shop", pending); !errors.Is(err, register.ErrStale) {
			t.Errorf("%v", err)
		}
		if now, err := s.Head(t.Context(), "shop"); err != nil || now != before {
			t.Errorf("%v: the log was moved", err)
		}
	})
}

// extend puts a site's part of what is pending into its log.
func extend(t *testing.T, s *Store, site string, pending []register.Arrived) {
	t.Helper()
	if err := tryExtend(t, s, site, pending); err != nil {
		t.Fatal(err)
	}
}

func tryExtend(t *testing.T, s *Store, site string, pending []register.Arrived) error {
	t.Helper()
	head, err := s.Head(t.Context(), site)
	if err != nil {
		t.Fatal(err)
	}
	edge, err := ledger.Load(head, s.Tiles(t.Context(), site))
	if err != nil {
		t.Fatal(err)
	}
	e := register.Extension{Site: site, From: head}
	var entries []ledger.Entry
	for _, p := range pending {
		if p.Site == site {
			entries = append(entries, ledger.NewEntry(p.Salt, p.Record))
			e.Leaves = append(e.Leaves, register.Leaf{Entry: entries[len(entries)-1], Record: p.ID})
			e.Arrival = p.Arrival
		}
	}
	next, tiles, err := edge.Append(entries)
	if err != nil {
		t.Fatal(err)
	}
	e.To, e.Tiles = next.Head(), tiles
	return s.Extend(t.Context(), e)
}

func TestAChoiceWhoseTransactionEndsLateIsNotPassedOver(t *testing.T) {
	t.Parallel()
	s := open1(t, storetest.Database(t))
	keys, _ := keyOf(t)
	q := register.NewSequencer(s, keys)
	commit(t, s, row(1))
	late, err := s.write.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer late.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	r := row(2)
	if _, err := late.Exec(`INSERT INTO choice (site, id, salt, record, arrival) SELECT 'shop', $1, $2, $3, base + pg_current_xact_id()::text::bigint FROM origin`, r.ID[:], r.Salt[:], r.Record); err != nil {
		t.Fatal(err)
	}
	for n := 3; n < 20; n++ { // others are not held up by it
		commit(t, s, row(n))
		if got := stepAll(t, q); got < 1 {
			t.Fatalf("%d choices", got)
		}
	}
	if h, err := s.Head(t.Context(), "shop"); err != nil || h.Size != 18 {
		t.Errorf("%v, %d", err, h.Size)
	}
	if err := late.Commit(); err != nil {
		t.Fatal(err)
	}
	if n := stepAll(t, q); n != 1 {
		t.Errorf("%d choices of the transaction that ended late", n)
	}
	if _, at, err := s.Find(t.Context(), "shop", r.ID); err != nil || at != 18 {
		t.Errorf("%v, at %d", err, at)
	}
}

// A dump that is restored in a new server, which has begun to count anew.
func TestChoicesThatComeAfterARestoreElsewhereArePutIntoTheLogToo(t *testing.T) {
	t.Parallel()
	where := storetest.Database(t)
	s := open1(t, where)
	keys, _ := keyOf(t)
	commit(t, s, row(1), row(2))
	stepAll(t, register.NewSequencer(s, keys))
	s.Close()
	storetest.SQL(t, where, `ALTER TABLE choice DISABLE TRIGGER choice_never_changes`, `UPDATE choice SET arrival = arrival + 1000000000000`,
		`UPDATE sequenced SET arrival = arrival + 1000000000000`, `ALTER TABLE choice ENABLE TRIGGER choice_never_changes`)
	for n := 3; n < 6; n++ {
		s := open1(t, where)
		commit(t, s, row(n))
		if got := stepAll(t, register.NewSequencer(s, keys)); got != 1 {
			t.Errorf("%d choices", got)
		}
		var base int64
		if err := s.read.QueryRow(`SELECT base FROM origin`).Scan(&base); err != nil || base < 1000000000000 || base > 1001000000000 {
			t.Errorf("base %d, %v", base, err)
		}
		s.Close()
	}
}

func TestAStaleHolderCanNeitherExtendNorKeepACheckpoint(t *testing.T) {
	t.Parallel()
	where := storetest.Database(t)
	one, two := open1(t, where), open1(t, where)
	keys, trust := keyOf(t)
	stale, fresh := register.NewSequencer(one, keys), register.NewSequencer(two, keys)
	commit(t, one, row(1))
	stepAll(t, stale)
	old, err := one.Checkpoint(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	commit(t, two, row(2))
	stepAll(t, fresh)
	commit(t, one, row(3))
	if _, _, err := stale.Step(t.Context()); !errors.Is(err, register.ErrStale) {
		t.Errorf("a stale one extends: %v", err)
	}
	if err := one.KeepCheckpoint(t.Context(), "shop", 1, old); err != nil {
		t.Fatal(err)
	}
	note, err := two.Checkpoint(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	if c, err := trust.Open(note); err != nil || c.Size != 2 {
		t.Errorf("%v, a checkpoint of %d", err, c.Size)
	}
	// Both at once, on the same head: one of them.
	pending, err := one.Pending(t.Context(), 10)
	if err != nil || len(pending) != 1 {
		t.Fatal(pending, err)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	done, refused := 0, 0
	for _, s := range []*Store{one, two, one, two} {
		wg.Go(func() {
			_, _, err := register.NewSequencer(s, keys).Step(t.Context())
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				done++
			case errors.Is(err, register.ErrStale):
				refused++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if h, err := one.Head(t.Context(), "shop"); err != nil || h.Size != 3 || done < 1 {
		t.Errorf("%v, %d entries; %d went on, %d were refused", err, h.Size, done, refused)
	}
}

func TestOneLeadsAtATime(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		ctx, cancel := context.WithCancel(t.Context())
		first, err := s.Lead(ctx)
		if err != nil {
			t.Fatal(err)
		}
		second := make(chan *Lease)
		go func() {
			l, err := s.Lead(context.Background())
			if err != nil {
				t.Error(err)
			}
			second <- l
		}()
		short, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer stop()
		if _, err := s.Lead(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v: two lead", err)
		}
		cancel() // as by Release
		l := <-second
		<-first.Context().Done()
		if l.Context().Err() != nil {
			t.Error("the second lease has ended")
		}
		l.Release()
		if l.Context().Err() == nil {
			t.Error("it goes on after its release")
		}
		third, err := s.Lead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		<-third.Context().Done()
	})
}

const takeover = 5 * time.Second

func TestLeadershipIsTakenOverFromAKilledProcess(t *testing.T) {
	t.Parallel()
	where := storetest.Database(t)
	s := open1(t, where)
	v := startVictim(t, where, "lead", 0)
	if said := v.line(); said != "leads" {
		t.Fatal(said)
	}
	v.kill()
	took := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), takeover)
	defer cancel()
	if _, err := s.Lead(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("after %v", time.Since(took))
}

// The server is not told that the holder is gone: to it, the session is open.
func TestLeadershipIsTakenOverFromAProcessThatIsCutOff(t *testing.T) {
	t.Parallel()
	where := storetest.Database(t)
	s, w := open1(t, where), storetest.Through(t, where)
	cutOff := open1(t, w.Address)
	held, err := cutOff.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.Hold()
	took := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), takeover)
	defer cancel()
	if _, err := s.Lead(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("after %v", time.Since(took))
	if !errors.Is(context.Cause(held.Context()), ErrLost) {
		t.Errorf("two lead: the one that was cut off does not know (%v)", context.Cause(held.Context()))
	}
	w.Resume()
}

func TestAFolderIsOfOneProcess(t *testing.T) {
	t.Parallel()
	where := filepath.Join(t.TempDir(), "store")
	v := startVictim(t, where, "lead", 0)
	if said := v.line(); said != "leads" {
		t.Fatal(said)
	}
	if _, err := Open(t.Context(), where); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("in use by process %d", v.cmd.Process.Pid)) {
		t.Errorf("%v", err)
	}
	v.kill()
	open1(t, where)
}

// wait waits for a channel as long as a test can afford.
func wait(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case _, ok := <-c:
		if !ok {
			t.Fatal("the channel is closed before: " + what)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("not heard of: " + what)
	}
}

func TestChangesAreHeardOf(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		ctx, cancel := context.WithCancel(t.Context())
		changes := s.Changes(ctx)
		wait(t, changes, "the beginning")
		commit(t, s, row(1))
		wait(t, changes, "a choice")
		wait(t, changes, "time") // at least by polling
		cancel()
		for range changes { //nolint:revive // until it is closed
		}
		changes = s.Changes(t.Context())
		s.Close()
		for range changes { //nolint:revive // until it is closed
		}
	})
}

func TestOneProcessHearsOfAnothersChangesBeforeItPolls(t *testing.T) {
	t.Parallel()
	where := storetest.Database(t)
	one, two := open1(t, where), open1(t, where)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	heard := make(chan struct{}, 1)
	go one.engine.listen(ctx, func() { wake(heard) }) // nothing else wakes it
	wait(t, heard, "that it listens")
	for n := range 5 {
		commit(t, two, row(n))
		wait(t, heard, "a choice")
	}
	// The session dies; another one takes its place.
	if _, err := two.write.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query = 'LISTEN temoin'`); err != nil {
		t.Fatal(err)
	}
	wait(t, heard, "that it listens again")
	commit(t, two, row(9))
	wait(t, heard, "a choice after that")
}

func TestTwoProcessesTakeLoadTogether(t *testing.T) {
	t.Parallel()
	where := storetest.Database(t)
	s := open1(t, where)
	keys, _ := keyOf(t)
	q := register.NewSequencer(s, keys)
	one, two := startVictim(t, where, "commit", 0), startVictim(t, where, "commit", 1_000_000)
	acknowledged := 0
	for range 300 {
		one.line()
		two.line()
		acknowledged += 2
		if acknowledged%100 == 0 {
			if _, _, err := q.Step(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	acknowledged += one.kill() // the other goes on
	for range 300 {
		two.line()
		acknowledged++
	}
	acknowledged += two.kill()
	stepAll(t, q)
	var choices, placed, leaves int64
	// What was on its way when its process died may have arrived since.
	for placed = -1; placed != choices; stepAll(t, q) {
		if err := s.read.QueryRow(`SELECT (SELECT count(*) FROM choice), (SELECT count(DISTINCT idx) FROM place), (SELECT sum(octet_length(entries)) / 32 FROM bundle)`).Scan(&choices, &placed, &leaves); err != nil {
			t.Fatal(err)
		}
	}
	h, err := s.Head(t.Context(), "shop")
	if err != nil || choices < int64(acknowledged) || leaves != choices || h.Size != choices {
		t.Errorf("%v: %d acknowledged, %d kept, %d in the log, its size %d", err, acknowledged, choices, leaves, h.Size)
	}
	if err := register.NewSequencer(s, keys).Check(t.Context(), "shop"); err != nil {
		t.Error(err)
	}
}

func TestTheSameChoicesOnTwoNodesAreKeptOnce(t *testing.T) {
	t.Parallel()
	where := storetest.Database(t)
	nodes := []*Store{open1(t, where), open1(t, where)}
	var mu sync.Mutex
	answers := map[consent.ID][]byte{}
	for round := range 20 {
		var wg sync.WaitGroup
		for node, s := range nodes {
			wg.Go(func() {
				var rows []register.Row
				for n := range 200 {
					if node == 1 {
						n = 199 - n // the other way round, so that they could wait for each other
					}
					r := row(round*1000 + n)
					r.Record = fmt.Appendf(nil, "of node %d", node)
					rows = append(rows, r)
				}
				kept, err := s.Commit(t.Context(), rows)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				for _, r := range kept {
					if before, ok := answers[r.ID]; ok && !bytes.Equal(before, r.Record) {
						t.Errorf("%v: one was told %q, another %q", r.ID, before, r.Record)
					}
					answers[r.ID] = r.Record
				}
			})
		}
		wg.Wait()
	}
	if n := count(t, nodes[0]); n != 4000 {
		t.Errorf("%d choices", n)
	}
}

func TestALostDatabaseMakesTheRegisterUnavailableUntilItIsBack(t *testing.T) {
	t.Parallel()
	where := storetest.Database(t)
	s := open1(t, where)
	g := register.NewGroup(s, s.Writers())
	defer g.Close()
	if _, err := g.Commit(t.Context(), row(1)); err != nil {
		t.Fatal(err)
	}
	name := where[strings.LastIndex(where, "/")+1:]
	storetest.SQL(t, storetest.Admin(), "ALTER DATABASE "+name+" ALLOW_CONNECTIONS false", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+name+"'")
	if _, err := g.Commit(t.Context(), row(2)); !errors.Is(err, register.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	storetest.SQL(t, storetest.Admin(), "ALTER DATABASE "+name+" ALLOW_CONNECTIONS true")
	if _, err := g.Commit(t.Context(), row(3)); err != nil {
		t.Errorf("it does not recover: %v", err)
	}
}

// roles makes a database with an owner of its own and a role to run as.
func roles(t *testing.T) (owner, runtime string) {
	t.Helper()
	where := storetest.Database(t)
	name := where[strings.LastIndex(where, "/")+1:]
	storetest.SQL(t, where, "CREATE ROLE owner_"+name+" LOGIN", "CREATE ROLE run_"+name+" LOGIN", "ALTER DATABASE "+name+" OWNER TO owner_"+name)
	as := func(role string) string { return strings.Replace(where, "owner@", role+"_"+name+"@", 1) }
	return as("owner"), as("run")
}

func TestARunTimeRoleDoesItsWorkAndCannotTouchTheRules(t *testing.T) {
	t.Parallel()
	owner, runtime := roles(t)
	role, _, _ := strings.Cut(strings.TrimPrefix(runtime, "postgres://"), "@")
	if _, err := Open(t.Context(), runtime); err == nil || !strings.Contains(err.Error(), "let the owner open the store once") || !strings.Contains(err.Error(), "temoin grant --store postgres://OWNER@…/") {
		t.Fatalf("%v", err)
	}
	for range 2 { // a second time changes nothing
		if err := Grant(t.Context(), owner, role); err != nil {
			t.Fatal(err)
		}
	}
	if err := Grant(t.Context(), owner, "nobody_"+role); err == nil || !strings.Contains(err.Error(), "make it first") {
		t.Errorf("a role that is not there: %v", err)
	}
	s := open1(t, runtime)
	keys, trust := keyOf(t)
	site := shop(t)
	rows := []register.Row{choice1(t, site, 1), choice1(t, site, 2), choice1(t, site, 3)}
	commit(t, s, rows...)
	commit(t, s, rows...)
	if n := stepAll(t, register.NewSequencer(s, keys)); n != 3 {
		t.Errorf("%d choices", n)
	}
	commit(t, s, choice1(t, site, 4))
	stepAll(t, register.NewSequencer(s, keys))
	if r, err := register.NewReceipt(t.Context(), s, trust, site.ID, rows[1].ID); err != nil || r.Log == nil {
		t.Errorf("%v", err)
	}
	lease, err := s.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lease.Release()
	wait(t, s.Changes(t.Context()), "the beginning")
	for _, harmless := range []string{
		`UPDATE choice SET account = NULL`, `INSERT INTO removal (site, id) SELECT site, id FROM choice LIMIT 1`,
		`DELETE FROM choice c USING removal r WHERE c.site = r.site AND c.id = r.id`, `DELETE FROM removal`,
	} {
		if _, err := s.write.Exec(harmless); err != nil {
			t.Errorf("%s: %v", harmless, err)
		}
	}
	for _, change := range []string{
		`DROP TRIGGER choice_never_changes ON choice`, `ALTER TABLE choice DISABLE TRIGGER ALL`, `ALTER TABLE choice ADD COLUMN ip text`, `DROP TABLE choice`, `TRUNCATE choice`,
		`CREATE OR REPLACE FUNCTION choice_never_changes() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`, `SET session_replication_role = replica`,
		`UPDATE choice SET record = '\x00'`, `DELETE FROM choice`, `UPDATE bundle SET entries = sha256('a')`, `DELETE FROM bundle`, `DELETE FROM tile`, `DELETE FROM log`, `TRUNCATE bundle`,
		`UPDATE place SET idx = 0`, `UPDATE migration SET checksum = 'x'`, `CREATE TABLE own (a int)`,
	} {
		if _, err := s.write.Exec(change); err == nil {
			t.Errorf("a role that runs the processes may %s", change)
		}
	}
	if h, err := s.Head(t.Context(), site.ID); err != nil || h.Size != 4 {
		t.Errorf("%v, %d", err, h.Size)
	}
	folder := filepath.Join(t.TempDir(), "folder")
	if err := Grant(t.Context(), folder, role); err == nil {
		t.Error("rights are granted in a folder")
	}
	if _, err := os.Stat(folder); err == nil {
		t.Error("a store is made where rights cannot be granted")
	}
}

func TestAPoolerThatSharesSessionsIsRefused(t *testing.T) {
	const ignoring = "ignore_startup_parameters = synchronous_commit,idle_in_transaction_session_timeout,default_transaction_isolation,enable_bitmapscan,enable_sort,jit"
	t.Parallel()
	where := storetest.Database(t)
	for name, c := range map[string]struct {
		mode     string
		settings []string
		refused  bool
	}{
		"that knows no parameters": {"transaction", nil, true},
		"of transactions":          {"transaction", []string{ignoring}, true},
		"of one connection":        {"transaction", []string{"default_pool_size = 1", ignoring}, true},
		"of statements":            {"statement", []string{ignoring}, true},
		"of sessions":              {"session", []string{ignoring}, false},
	} {
		t.Run(name, func(t *testing.T) {
			through := storetest.Pooler(t, where, c.mode, c.settings...)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			s, err := Open(ctx, through)
			if err == nil {
				s.Close()
			}
			if c.refused != errors.Is(err, errPooler) || !c.refused && err != nil {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestWhatASessionMustNotBeIsSaid(t *testing.T) {
	t.Parallel()
	where := storetest.Database(t)
	if _, err := Open(t.Context(), where+"?synchronous_commit=off"); err == nil || !strings.Contains(err.Error(), "synchronous_commit is off") {
		t.Errorf("%v", err)
	}
	s := open1(t, where)
	for setting, want := range map[string]string{"synchronous_commit": "on", "transaction_isolation": "read committed"} {
		var got string
		if err := s.write.QueryRow("SHOW " + setting).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, want %q (%v)", setting, got, want, err)
		}
	}
}
