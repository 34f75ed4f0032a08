package store

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/temoin/temoin/internal/archivetest"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/storetest"
)

func openBeside(t testing.TB, where string) *Store {
	t.Helper()
	s, err := Open(t.Context(), where, Beside())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// remove removes the first choices of the shop, as an erasure does.
func remove(ctx context.Context, s *Store, n int) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	for _, q := range []string{
		`INSERT INTO removal (site, id) SELECT site, id FROM choice WHERE site = 'shop' ORDER BY id LIMIT $1`,
		`DELETE FROM choice WHERE site = 'shop' AND id IN (SELECT id FROM removal WHERE site = 'shop' ORDER BY id LIMIT $1)`,
		`DELETE FROM removal WHERE site = 'shop' AND id IN (SELECT id FROM removal WHERE site = 'shop' ORDER BY id LIMIT $1)`,
	} {
		if _, err := tx.ExecContext(ctx, q, n); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func TestACommandBesideTheServerReadsAndErasesWhileItCommits(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		v := startVictim(t, where, "commit", 0)
		acknowledged := 0
		for range 500 {
			v.line()
			acknowledged++
		}
		s := openBeside(t, where)
		if n := count(t, s); n < acknowledged {
			t.Errorf("it reads %d choices of %d", n, acknowledged)
		}
		// The server goes on at full speed meanwhile.
		done := make(chan error)
		var longest time.Duration
		const removed = 40
		go func() {
			for range removed {
				begun := time.Now()
				if err := remove(context.Background(), s, 1); err != nil {
					done <- err
					return
				}
				longest = max(longest, time.Since(begun))
			}
			done <- nil
		}()
		for ended := false; !ended; {
			select {
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
				ended = true
			default:
				v.line()
				acknowledged++
			}
		}
		t.Logf("the slowest erasure took %v", longest)
		for range 100 {
			v.line()
			acknowledged++
		}
		acknowledged += v.kill()
		s.Close()
		if n := count(t, open1(t, where)); n < acknowledged-removed {
			t.Errorf("%d choices are kept of %d, of which %d were removed", n, acknowledged, removed)
		}
	})
}

func TestACommandBesideTheServerNeitherLeadsNorKeepsChoices(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		server := open1(t, where)
		first := archivetest.Publish(t, server, archivetest.One, "notice one")
		s := openBeside(t, where)
		if _, err := s.Lead(t.Context()); !errors.Is(err, errBeside) {
			t.Errorf("%v", err)
		}
		if _, err := s.Commit(t.Context(), []register.Row{row(1)}); !errors.Is(err, errBeside) {
			t.Errorf("%v", err)
		}
		archivetest.Activate(t, s, register.Hash{}, first) // which commands do
		if h, _, err := server.Active(t.Context(), "shop"); err != nil || h != first {
			t.Errorf("%v: the server does not see what the command did", err)
		}
		lease, err := server.Lead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if lease.Context().Err() != nil {
			t.Error("the end of a command ends the server's lease")
		}
	})
}

func TestACommandBesideAServerMakesNoTables(t *testing.T) {
	t.Parallel()
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	if _, err := Open(t.Context(), nowhere, Beside()); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no store") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(nowhere); !errors.Is(err, fs.ErrNotExist) {
		t.Error("it makes a folder")
	}
	for name, change := range map[string]string{
		"older": `DELETE FROM migration WHERE name = '0003_versions.sql'`,
		"empty": `DROP TABLE migration`,
		"newer": `INSERT INTO migration VALUES ('9999_later.sql', 'x')`,
	} {
		onEachOf(t, name, func(t *testing.T, where string) {
			s := open1(t, where)
			if _, err := s.write.Exec(change); err != nil {
				t.Fatal(err)
			}
			s.Close()
			want := "not up to date"
			if name == "newer" {
				want = "made by a newer version"
			}
			if _, err := Open(t.Context(), where, Beside()); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestACommitWaitsForAnotherProcessThatWrites(t *testing.T) {
	t.Parallel()
	where := t.TempDir()
	s := open1(t, where)
	commit(t, s, row(1))
	hold := func() (release func()) {
		tx, err := openBeside(t, where).write.Begin() // which is immediate
		if err != nil {
			t.Fatal(err)
		}
		return func() { tx.Rollback() } //nolint:errcheck // nothing was done in it
	}
	for db, want := range map[*Store]int{s: 5000, openBeside(t, where): 60000} {
		var got int
		if err := db.write.QueryRow(`PRAGMA busy_timeout`).Scan(&got); err != nil || got != want {
			t.Errorf("busy_timeout is %d, not %d (%v)", got, want, err)
		}
	}
	release := hold()
	done := make(chan error)
	go func() {
		_, err := s.Commit(context.Background(), []register.Row{row(2)})
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("it does not wait: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	release()
	if err := <-done; err != nil {
		t.Error(err)
	}
	// Not for ever: then the choice is refused, and the next one kept.
	if _, err := s.write.Exec(`PRAGMA busy_timeout = 20`); err != nil {
		t.Fatal(err)
	}
	release = hold()
	g := register.NewGroup(s, 1)
	defer g.Close()
	if _, err := g.Commit(t.Context(), row(3)); !errors.Is(err, register.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	release()
	if _, err := g.Commit(t.Context(), row(4)); err != nil || count(t, s) != 3 {
		t.Errorf("%v, %d choices", err, count(t, s))
	}
}

func TestTheStoresFilesAreReadableByNobodyElse(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps rights otherwise")
	}
	made, given := filepath.Join(t.TempDir(), "made", "here"), t.TempDir()
	if err := os.Chmod(given, 0o755); err != nil { //nolint:gosec // that is the test
		t.Fatal(err)
	}
	for _, name := range []string{fileName, lockName} { // as of a copy that was restored
		file := filepath.Join(given, name)
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, 0o644); err != nil { //nolint:gosec // that is the test
			t.Fatal(err)
		}
	}
	for folder, want := range map[string]fs.FileMode{made: 0o700, given: 0o755} {
		s := open1(t, folder)
		commit(t, s, row(1))
		info, err := os.Stat(folder)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("the folder is %v, not %v (%v)", info.Mode(), want, err)
		}
		files, err := os.ReadDir(folder)
		if err != nil || len(files) < 4 {
			t.Fatal(files, err)
		}
		for _, f := range files {
			if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s is %v (%v)", f.Name(), info.Mode(), err)
			}
		}
	}
	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil { //nolint:gosec // that is the test
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), open); err == nil || !strings.Contains(err.Error(), "everybody may write") {
		t.Errorf("%v", err)
	}
	open1(t, filepath.Join(open, "own"))
}

// poolable makes a database whose sessions are what the contract needs by themselves.
func poolable(t *testing.T) (where string) {
	t.Helper()
	where = storetest.Database(t)
	name := where[strings.LastIndex(where, "/")+1:]
	for setting, value := range sessionSettings {
		storetest.SQL(t, where, "ALTER DATABASE "+name+" SET "+setting+" = '"+value+"'")
	}
	return where
}

func TestWithADirectAddressTheOtherOneMayBeOfAPoolerThatSharesSessions(t *testing.T) {
	t.Parallel()
	where := poolable(t)
	through := storetest.Pooler(t, where, "transaction", "default_pool_size = 2")
	var nodes []*Store
	for range 2 {
		s, err := Open(t.Context(), through, Direct(where+"?application_name=direct"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		nodes = append(nodes, s)
	}
	lease, err := nodes[0].Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	changes := nodes[1].Changes(t.Context())
	keys, trust := keyOf(t)
	q, site := register.NewSequencer(nodes[0], keys), shop(t)
	var wg sync.WaitGroup
	for i, s := range nodes {
		for w := range 4 { // more of them than sessions
			wg.Go(func() {
				for n := range 25 {
					if _, err := s.Commit(context.WithoutCancel(t.Context()), []register.Row{choice1(t, site, 1000*i+100*w+n)}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	written := make(chan struct{})
	go func() { wg.Wait(); close(written) }()
	for took, ended := 0, false; !ended || took > 0; {
		select {
		case <-written:
			ended = true
		default:
		}
		took = stepAll(t, q)
	}
	r := choice1(t, site, 9999)
	commit(t, nodes[1], r, r)
	commit(t, nodes[0], r)
	stepAll(t, q)
	if _, err := register.NewReceipt(t.Context(), nodes[1], trust, site.ID, r.ID); err != nil || count(t, nodes[1]) != 201 {
		t.Errorf("%v, %d choices", err, count(t, nodes[1]))
	}
	wait(t, changes, "choices")
	var leads, listens int
	if err := nodes[0].read.QueryRow(`SELECT (SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND datname = current_database() AND application_name = 'direct'),
		(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = 'LISTEN temoin' AND application_name = 'direct')`).Scan(&leads, &listens); err != nil || leads != 1 || listens != 1 {
		t.Errorf("%v: %d lead and %d listen past the pooler", err, leads, listens)
	}
	archivetest.Race(t, nodes[0], nodes[1])
	var sync string
	if err := nodes[0].write.QueryRow(`SHOW synchronous_commit`).Scan(&sync); err != nil || sync != "on" {
		t.Errorf("synchronous_commit is %q (%v)", sync, err)
	}
	if lease.Context().Err() != nil {
		t.Errorf("the lease is lost: %v", context.Cause(lease.Context()))
	}
}

func TestWhatADirectAddressMustNotBeIsSaid(t *testing.T) {
	t.Parallel()
	where, other := poolable(t), poolable(t)
	bare := storetest.Database(t)
	through, ignoring := storetest.Pooler(t, where, "transaction"), storetest.Pooler(t, where, "transaction", "ignore_startup_parameters = "+strings.Join(slices.Collect(maps.Keys(sessionSettings)), ","))
	to := func(through, database string) string {
		return through[:strings.LastIndex(through, "/")] + database[strings.LastIndex(database, "/"):]
	}
	for name, c := range map[string]struct{ where, direct, want string }{
		"a pooler itself":               {through, through, "a connection pooler answers there"},
		"a pooler that says nothing":    {through, ignoring, "a connection pooler answers there"},
		"another database":              {through, other, "do not lead to the same database"},
		"another schema":                {through, where + "?search_path=pg_catalog", "do not lead to the same database and schema"},
		"no address":                    {through, "postgres://host:port/", "the direct address"},
		"that of a folder":              {t.TempDir(), where, "a direct address belongs to a store in PostgreSQL"},
		"of a database that needs more": {to(through, bare), bare, "ALTER DATABASE"},
	} {
		s, err := Open(t.Context(), c.where, Direct(c.direct))
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What the message says helps.
	_, err := Open(t.Context(), bare, Direct(bare))
	if err == nil {
		t.Fatal("sessions are not what they must be, and nobody says so")
	}
	_, commands, _ := strings.Cut(err.Error(), "As its owner: ")
	commands, _, _ = strings.Cut(commands, " Then ")
	for c := range strings.SplitSeq(commands, "; ") {
		storetest.SQL(t, bare, c)
	}
	s, err := Open(t.Context(), bare, Direct(bare))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}
