package store

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/storetest"
)

func open1(t testing.TB, folder string) *Store {
	t.Helper()
	s, err := Open(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func row(n int) register.Row {
	var id consent.ID
	for i := range 4 {
		id[12+i] = byte(n >> (24 - 8*i))
	}
	return register.Row{Site: "shop", ID: id, Record: fmt.Appendf(nil, "record %d", n)}
}

func count(t testing.TB, s *Store) (n int) {
	t.Helper()
	if err := s.read.QueryRow(`SELECT count(*) FROM choice`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCommittedChoicesAreThereAfterAnotherOpening(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "a folder? with #odd %names")
	s := open1(t, folder)
	if _, err := s.Commit(t.Context(), []register.Row{row(1), row(2)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := count(t, open1(t, folder)); n != 2 {
		t.Errorf("%d choices", n)
	}
	if _, err := os.Stat(filepath.Join(folder, fileName)); err != nil {
		t.Error(err)
	}
}

func TestAnIDIsKeptOnceAndItsFirstRecordStands(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		if _, err := s.Commit(t.Context(), []register.Row{row(1)}); err != nil {
			t.Fatal(err)
		}
		again := row(1)
		again.Record, again.Salt[0] = []byte("another"), 9
		kept, err := s.Commit(t.Context(), []register.Row{row(2), again, again})
		if err != nil {
			t.Fatal(err)
		}
		if string(kept[1].Record) != "record 1" || kept[1].Salt[0] != 0 || string(kept[2].Record) != "record 1" || string(kept[0].Record) != "record 2" || count(t, s) != 2 {
			t.Errorf("%+v, %d choices", kept, count(t, s))
		}
		other := row(1)
		other.Site = "other"
		if _, err := s.Commit(t.Context(), []register.Row{other}); err != nil || count(t, s) != 3 {
			t.Errorf("%v: the ids of two sites are not told apart", err)
		}
	})
}

func TestATransactionIsKeptWholeOrNotAtAll(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		bad := row(2)
		bad.Record = nil
		if _, err := s.Commit(t.Context(), []register.Row{row(1), bad}); err == nil || count(t, s) != 0 {
			t.Errorf("%v, %d choices", err, count(t, s))
		}
	})
}

func TestNoRecordIsEverChangedOrRemovedByTheWay(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		if _, err := s.Commit(t.Context(), []register.Row{row(1), row(2)}); err != nil {
			t.Fatal(err)
		}
		changes := []string{`UPDATE choice SET site = 'x'`, `UPDATE choice SET arrival = 99`, `DELETE FROM choice`}
		if isPostgres(s) {
			changes = append(changes, `UPDATE choice SET record = '\x00'`, `UPDATE choice SET salt = sha256('a')`, `UPDATE choice SET id = id`, `TRUNCATE choice`,
				`INSERT INTO choice SELECT * FROM choice ON CONFLICT (site, id) DO UPDATE SET record = '\x01'`)
		} else {
			changes = append(changes, `UPDATE choice SET record = x'00'`, `UPDATE choice SET salt = randomblob(16)`, `UPDATE choice SET id = randomblob(16)`,
				`INSERT OR REPLACE INTO choice (site, id, salt, record) SELECT site, id, salt, x'01' FROM choice`)
		}
		for _, change := range changes {
			if _, err := s.write.Exec(change); err == nil || !strings.Contains(err.Error(), "a record is") {
				t.Errorf("%s: %v", change, err)
			}
		}
		if kept, err := s.Commit(t.Context(), []register.Row{row(1)}); err != nil || string(kept[0].Record) != "record 1" || count(t, s) != 2 {
			t.Errorf("%v, %+v", err, kept)
		}
		// An erasure says which record goes.
		gone := row(1).ID
		if _, err := s.write.Exec(`INSERT INTO removal (site, id) SELECT site, id FROM choice WHERE id = $1`, gone[:]); err != nil {
			t.Fatal(err)
		}
		if _, err := s.write.Exec(`DELETE FROM choice WHERE id = $1`, gone[:]); err != nil || count(t, s) != 1 {
			t.Errorf("%v, %d choices", err, count(t, s))
		}
		if _, err := s.write.Exec(`DELETE FROM choice`); err == nil {
			t.Error("another record went with it")
		}
	})
}

func TestAStoreOfANewerProgramOrWithChangedTablesIsRefused(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]string{
		`INSERT INTO migration VALUES ('9999_later.sql', 'x')`: "made by a newer version",
		`UPDATE migration SET checksum = 'x'`:                  "was changed after it ran",
	} {
		onEachOf(t, want, func(t *testing.T, where string) {
			s := open1(t, where)
			if _, err := s.write.Exec(change); err != nil {
				t.Fatal(err)
			}
			s.Close()
			if _, err := Open(t.Context(), where); err == nil || !strings.Contains(err.Error(), want) {
				t.Error(err)
			}
		})
	}
}

func TestAPlaceThatIsNoStoreIsRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{file, "mysql://host/db", "postgres://127.0.0.1:1/nothing?connect_timeout=1", "postgres://:bad:@@"} {
		if s, err := Open(t.Context(), where); err == nil {
			s.Close()
			t.Errorf("%s is taken for a store", where)
		}
	}
}

func TestStoresThatAreOpenedAtOnceMigrateOnce(t *testing.T) {
	t.Parallel()
	where := storetest.Database(t)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			s, err := Open(t.Context(), where)
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	wg.Wait()
}

func TestEveryAcknowledgedChoiceIsFlushedToTheDisk(t *testing.T) {
	t.Parallel()
	s := open1(t, t.TempDir())
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "secure_delete": "1"} {
		for name, db := range map[string]*sql.DB{"write": s.write, "read": s.read} {
			var got string
			if err := db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %s is %q, want %q (%v)", name, pragma, got, want, err)
			}
		}
	}
}

// A process that is killed at work: whatever it acknowledged is there.
func TestAKilledProcessLosesNothingThatItAcknowledged(t *testing.T) {
	if where := os.Getenv("TEMOIN_STORE_VICTIM"); where != "" {
		victim(where)
	}
	onEach(t, func(t *testing.T, where string) {
		acknowledged := 0
		for round := range 3 {
			v := startVictim(t, where, "from", round*1_000_000)
			for range 200 * (round + 1) {
				v.line()
			}
			acknowledged += 200*(round+1) + v.kill()
		}
		if n := count(t, open1(t, where)); n < acknowledged {
			t.Errorf("%d choices kept of %d acknowledged", n, acknowledged)
		}
	})
}

// A victimProcess is another process over a store.
type victimProcess struct {
	t   *testing.T
	cmd *exec.Cmd
	out *bufio.Reader
}

// startVictim starts one that commits choices from a number on, or leads.
func startVictim(t *testing.T, where, does string, from int) *victimProcess {
	t.Helper()
	return startTest(t, "TestAKilledProcessLosesNothingThatItAcknowledged", "TEMOIN_STORE_VICTIM="+where, "TEMOIN_STORE_DOES="+does, fmt.Sprintf("TEMOIN_STORE_FROM=%d", from))
}

// startTest starts this program again, with one test and what tells it that it is
// the victim.
func startTest(t *testing.T, name string, env ...string) *victimProcess {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+name+"$")
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it may have ended
		cmd.Wait()         //nolint:errcheck // it was killed
	})
	return &victimProcess{t, cmd, bufio.NewReader(out)}
}

// line reads what it says.
func (v *victimProcess) line() string {
	v.t.Helper()
	said, err := v.out.ReadString('\n')
	if err != nil {
		v.t.Fatal(err)
	}
	return strings.TrimSpace(said)
}

// kill kills it with -9 and returns how many more lines it had said.
func (v *victimProcess) kill() (lines int) {
	v.t.Helper()
	if err := v.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		v.t.Fatal(err)
	}
	for {
		if _, err := v.out.ReadString('\n'); err != nil {
			break
		}
		lines++
	}
	v.cmd.Wait() //nolint:errcheck // it was killed
	return lines
}

// victim commits choices at full speed, and says each that is acknowledged;
// or it leads.
func victim(where string) {
	s, err := Open(context.Background(), where)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if os.Getenv("TEMOIN_STORE_DOES") == "lead" {
		if _, err := s.Lead(context.Background()); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("leads")
		select {}
	}
	var from int
	fmt.Sscan(os.Getenv("TEMOIN_STORE_FROM"), &from)
	g := register.NewGroup(s, s.Writers())
	var mu sync.Mutex
	for w := range 8 {
		go func() {
			for n := from + w; ; n += 8 {
				if _, err := g.Commit(context.Background(), row(n)); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				mu.Lock()
				os.Stdout.WriteString(fmt.Sprintln(n)) //nolint:errcheck
				mu.Unlock()
			}
		}()
	}
	select {}
}

func TestALostFolderMakesTheRegisterUnavailable(t *testing.T) {
	t.Parallel()
	s := open1(t, t.TempDir())
	g := register.NewGroup(s, 1)
	defer g.Close()
	s.write.Close()
	if _, err := g.Commit(t.Context(), row(1)); !errors.Is(err, register.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

// BenchmarkCommit commits the choices of 64 callers at a time.
func BenchmarkCommit(b *testing.B) {
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			s := open1(b, e.place(b))
			g := register.NewGroup(s, s.Writers())
			defer g.Close()
			record := []byte(strings.Repeat("x", 1000))
			var n atomic.Int64
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r := row(int(n.Add(1)))
					r.Record = record
					if _, err := g.Commit(context.Background(), r); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
