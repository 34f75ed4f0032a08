package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/register"
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
	t.Parallel()
	s := open1(t, t.TempDir())
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
		t.Errorf("%q, %d choices", kept, count(t, s))
	}
	other := row(1)
	other.Site = "other"
	if _, err := s.Commit(t.Context(), []register.Row{other}); err != nil || count(t, s) != 3 {
		t.Errorf("%v: the ids of two sites are not told apart", err)
	}
}

func TestATransactionIsKeptWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	s := open1(t, t.TempDir())
	bad := row(2)
	bad.Record = nil
	if _, err := s.Commit(t.Context(), []register.Row{row(1), bad}); err == nil || count(t, s) != 0 {
		t.Errorf("%v, %d choices", err, count(t, s))
	}
}

func TestNoRecordIsEverChangedOrRemovedByTheWay(t *testing.T) {
	t.Parallel()
	s := open1(t, t.TempDir())
	if _, err := s.Commit(t.Context(), []register.Row{row(1)}); err != nil {
		t.Fatal(err)
	}
	for _, change := range []string{
		`UPDATE choice SET record = x'00'`, `UPDATE choice SET salt = randomblob(16)`, `UPDATE choice SET id = randomblob(16)`, `UPDATE choice SET site = 'x'`,
		`UPDATE choice SET arrival = 99`, `DELETE FROM choice`, `INSERT OR REPLACE INTO choice (site, id, salt, record) SELECT site, id, salt, x'01' FROM choice`,
	} {
		if _, err := s.write.Exec(change); err == nil || !strings.Contains(err.Error(), "a record is") {
			t.Errorf("%s: %v", change, err)
		}
	}
	if kept, err := s.Commit(t.Context(), []register.Row{row(1)}); err != nil || string(kept[0].Record) != "record 1" {
		t.Errorf("%v, %q", err, kept)
	}
}

func TestAStoreOfANewerProgramOrWithChangedTablesIsRefused(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]string{
		`INSERT INTO migration VALUES ('9999_later.sql', 'x')`: "made by a newer version",
		`UPDATE migration SET checksum = 'x'`:                  "was changed after it ran",
	} {
		folder := t.TempDir()
		s := open1(t, folder)
		if _, err := s.write.Exec(change); err != nil {
			t.Fatal(err)
		}
		s.Close()
		if _, err := Open(t.Context(), folder); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", change, err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), file); err == nil {
		t.Error("a file is taken for a folder")
	}
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
	if folder := os.Getenv("TEMOIN_STORE_VICTIM"); folder != "" {
		victim(folder)
	}
	t.Parallel()
	folder := t.TempDir()
	acknowledged := 0
	for round := range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestAKilledProcessLosesNothingThatItAcknowledged$")
		cmd.Env = append(os.Environ(), "TEMOIN_STORE_VICTIM="+folder, fmt.Sprintf("TEMOIN_STORE_FROM=%d", round*1_000_000))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var n, last int
		for n = 0; n < 200*(round+1); n++ {
			if _, err := fmt.Fscanln(out, &last); err != nil {
				t.Fatal(n, err)
			}
		}
		if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for { // what it said before it died
			if _, err := fmt.Fscanln(out, &last); err != nil {
				break
			}
			n++
		}
		cmd.Wait() //nolint:errcheck // it was killed
		acknowledged += n
	}
	if n := count(t, open1(t, folder)); n < acknowledged {
		t.Errorf("%d choices kept of %d acknowledged", n, acknowledged)
	}
}

// victim commits choices at full speed, and says each that is acknowledged.
func victim(folder string) {
	s, err := Open(context.Background(), folder)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var from int
	fmt.Sscan(os.Getenv("TEMOIN_STORE_FROM"), &from)
	g := register.NewGroup(s, 1)
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
	s := open1(b, b.TempDir())
	g := register.NewGroup(s, 1)
	defer g.Close()
	record := []byte(strings.Repeat("x", 1000))
	var n int
	var mu sync.Mutex
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mu.Lock()
			n++
			r := row(n)
			mu.Unlock()
			r.Record = record
			if _, err := g.Commit(context.Background(), r); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
