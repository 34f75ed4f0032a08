package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/storetest"
)

// keep publishes the version of the site, so that there is evidence.
func (l *life) keep() {
	l.t.Helper()
	src := []byte("temoin: 1\nsite: shop\nname: Shop\nurl: https://shop.example\nlanguages: [en]\ncategories:\n  needed: {exempt: true}\n  stats: {needs: consent}\nservices: [{id: one, name: One, category: stats, hosts: [one.example]}]\n")
	h, err := register.Publish(l.t.Context(), l.Store, l.site, src, []register.Notice{{Language: "en", Bytes: []byte("a notice")}}, "v1", "", "", noon)
	if err == nil {
		err = l.Activate(l.t.Context(), l.site.ID, register.Hash{}, register.Activation{Evidence: h, At: noon, By: "test"})
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// restore restores a backup to another place of the same engine.
func restore(t *testing.T, l *life, backup string, how Restoring) (*life, Restored, error) {
	t.Helper()
	_, trust := keyOf(t)
	how.Keys = trust.Keys
	var to string
	var r Restored
	var err error
	if isPostgres(l.Store) {
		to = storetest.Database(t)
		r, err = RestorePostgres(t.Context(), backup, to, how)
	} else {
		to = filepath.Join(t.TempDir(), "restored")
		r, err = Restore(t.Context(), backup, to, how)
	}
	if err != nil {
		return nil, r, err
	}
	return live(t, to), r, nil
}

func (l *life) backup(name string) (file, journal string) {
	l.t.Helper()
	file = filepath.Join(l.t.TempDir(), name)
	journal, err := l.Backup(l.t.Context(), file)
	if err != nil {
		l.t.Fatal(err)
	}
	return file, journal
}

func TestABackupMadeUnderLoadIsWholeAndGoesOn(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where)
		l.keep()
		var rows []register.Row
		for n := range 500 {
			rows = append(rows, l.choose(noon.Add(time.Duration(n)*time.Second), nil, nil))
		}
		l.log(rows...)
		var n atomic.Int64
		ctx, stop := context.WithCancel(t.Context())
		var load sync.WaitGroup
		g := register.NewGroup(l.Store, l.Writers())
		for range 8 {
			load.Go(func() {
				for ctx.Err() == nil {
					if _, err := g.Commit(context.Background(), l.choose(noon.Add(time.Duration(n.Add(1))*time.Millisecond), nil, nil)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		load.Go(func() {
			for ctx.Err() == nil {
				if _, _, err := l.seq.Step(context.Background()); err != nil {
					t.Error(err)
					return
				}
			}
		})
		for n.Load() < 100 { // it is under way
			if _, err := l.Head(t.Context(), l.site.ID); err != nil {
				t.Fatal(err)
			}
		}
		before := n.Load()
		file, journal := l.backup("backup")
		stop()
		load.Wait()
		g.Close()
		for _, name := range []string{file, journal} {
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v: %v: others can read the backup", err, info.Mode())
			}
		}
		if names, err := os.ReadDir(filepath.Dir(file)); err != nil || len(names) != 2 {
			t.Errorf("%v: %v are in the folder", err, names)
		}
		r, what, err := restore(t, l, file, Restoring{})
		if err != nil {
			t.Fatal(err)
		}
		v := what.Sites[0]
		if got := v.Records + v.Waiting; got < 500+before-8 || v.Versions != 1 {
			t.Errorf("%+v: at least %d choices were acknowledged before the backup", v, 500+before-8)
		}
		if got := r.kept(rows...); len(got) != len(rows) {
			t.Errorf("%d of %d records", len(got), len(rows))
		}
		r.log(r.choose(noon, nil, nil))
		r.sound()
	})
}

func TestABackupIsNotOverwrittenAndNoBackupIsTakenForOne(t *testing.T) {
	t.Parallel()
	l := live(t, filepath.Join(t.TempDir(), "store"))
	l.log(l.choose(noon, nil, nil))
	file, _ := l.backup("backup")
	if _, err := l.Backup(t.Context(), file); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("%v", err)
	}
	nothing := filepath.Join(t.TempDir(), "nothing")
	if err := os.WriteFile(nothing, []byte("no database, and longer than the header of one, so that it is not taken for an empty one .................."), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{nothing, empty, t.TempDir(), filepath.Join(t.TempDir(), "missing")} {
		to := filepath.Join(t.TempDir(), "to")
		if _, err := Restore(t.Context(), bad, to, Restoring{}); err == nil {
			t.Errorf("%s is restored", bad)
		}
		untouched(t, to)
	}
	full := filepath.Join(t.TempDir(), "store")
	open1(t, full).Close()
	if _, err := Restore(t.Context(), file, full, Restoring{}); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("%v: over another store", err)
	}
}

// untouched fails if a folder holds what a server would open.
func untouched(t *testing.T, folder string) {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(folder, "*"))
	for _, name := range names {
		if info, err := os.Stat(name); err == nil && filepath.Base(name) != lockName && info.Size() > 0 {
			t.Errorf("%s is left behind", name)
		}
	}
}

// What was erased after a backup was made does not come back with it.
func TestARestoreCarriesOutErasuresAgain(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where)
		account := accountOf("one")
		rows := []register.Row{l.choose(noon, nil, nil), l.choose(noon, account, nil), l.choose(noon, account, nil), l.choose(noon, nil, nil)}
		l.log(rows[:3]...)
		commit(t, l.Store, rows[3]) // waits for the log when the backup is made
		file, _ := l.backup("old")
		l.step()
		if _, err := l.Destroy(t.Context(), l.site.ID, []consent.ID{rows[0].ID, rows[3].ID}, noon.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Unlink(t.Context(), l.site.ID, account, noon.Add(2*time.Minute)); err != nil {
			t.Fatal(err)
		}
		_, journal := l.backup("new")
		text, err := os.ReadFile(journal)
		if err != nil {
			t.Fatal(err)
		}
		for _, needle := range append(traces(rows...), account) {
			if bytes.Contains(text, needle) {
				t.Errorf("the journal tells of %q", needle)
			}
		}
		erased, err := register.ParseJournal(string(text))
		if err != nil || len(erased) != 3 {
			t.Fatal(err, erased)
		}
		r, what, err := restore(t, l, file, Restoring{Erased: append(erased, erased...)})
		if err != nil {
			t.Fatal(err)
		}
		if what.Erased != 4 || what.Journal != 3 {
			t.Errorf("%+v", what)
		}
		if got := r.kept(rows...); !slices.Equal(got, []int{1, 2}) {
			t.Errorf("%v are kept", got)
		}
		if n := r.number(`SELECT count(*) FROM choice WHERE account IS NOT NULL`) + r.number(`SELECT count(*) FROM place WHERE subject = $1`, account); n > 0 {
			t.Errorf("%d links are back", n)
		}
		r.sound()
		// It knows now: what the account chooses later is not unlinked by the next one.
		r.log(r.choose(noon.Add(time.Minute), account, nil))
		if n, entries, err := r.Replay(t.Context(), erased); err != nil || n != 0 || entries != 0 {
			t.Errorf("%d records, %d entries, %v", n, entries, err)
		}
		if kept, err := r.Erasures(t.Context()); err != nil || !slices.Equal(kept, erased) {
			t.Errorf("%v: %v", err, kept)
		}
	})
}

// The folder of a store whose database was lost still has its journal.
func TestTheJournalInTheFolderOutlivesTheDatabase(t *testing.T) {
	t.Parallel()
	where := filepath.Join(t.TempDir(), "store")
	l := live(t, where)
	rows := []register.Row{l.choose(noon, nil, nil), l.choose(noon, nil, nil)}
	l.log(rows...)
	file, _ := l.backup("backup")
	elsewhere := filepath.Join(t.TempDir(), "journal")
	l.JournalTo(elsewhere)
	if _, err := l.Destroy(t.Context(), l.site.ID, []consent.ID{rows[0].ID}, noon); err != nil {
		t.Fatal(err)
	}
	one, err1 := os.ReadFile(filepath.Join(where, journalName))
	two, err2 := os.ReadFile(elsewhere)
	if err1 != nil || err2 != nil || !bytes.Equal(one, two) || len(one) == 0 {
		t.Fatalf("%v, %v: %q, %q", err1, err2, one, two)
	}
	l.Close()
	for _, name := range []string{fileName, fileName + "-wal", fileName + "-shm"} {
		os.Remove(filepath.Join(where, name)) //nolint:errcheck // it need not be there
	}
	_, trust := keyOf(t)
	killed := filepath.Join(where, workName+"1")
	if err := os.Mkdir(killed, 0o700); err != nil {
		t.Fatal(err)
	}
	r, err := Restore(t.Context(), file, where, Restoring{Known: Known{Keys: trust.Keys}})
	if err != nil || r.Erased != 1 {
		t.Fatalf("%v: %+v", err, r)
	}
	if _, err := os.Stat(killed); err == nil {
		t.Error("what a restore left that was killed is still there")
	}
	l = live(t, where)
	if got := l.kept(rows...); !slices.Equal(got, []int{1}) {
		t.Errorf("%v are kept", got)
	}
	if in := found(t, where, traces(rows[0])); len(in) > 0 {
		t.Errorf("%v is left of what the backup brought back", in)
	}
}

func TestNothingIsErasedThatTheJournalCannotTell(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where)
		r := l.choose(noon, accountOf("one"), nil)
		l.log(r)
		l.JournalTo(filepath.Join(t.TempDir(), "no such folder", "journal"))
		if _, err := l.Destroy(t.Context(), l.site.ID, []consent.ID{r.ID}, noon); err == nil {
			t.Error("destroyed")
		}
		if _, err := l.Unlink(t.Context(), l.site.ID, accountOf("one"), noon); err == nil {
			t.Error("unlinked")
		}
		if kept, _, err := l.Find(t.Context(), r.Site, r.ID); err != nil || kept.Account == nil || l.number(`SELECT count(*) FROM erasure`) != 0 {
			t.Errorf("%v: %+v", err, kept)
		}
	})
}

func TestAJournalIsReadPastALineThatSomebodyDiedIn(t *testing.T) {
	t.Parallel()
	where := filepath.Join(t.TempDir(), "store")
	l := live(t, where)
	rows := []register.Row{l.choose(noon, nil, nil), l.choose(noon, nil, nil)}
	l.log(rows...)
	file := filepath.Join(where, journalName)
	for i, r := range rows {
		if _, err := l.Destroy(t.Context(), l.site.ID, []consent.ID{r.ID}, noon); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			text = append(text, text[:40]...)
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if list, err := readJournal(file); err != nil || len(list) != 2 || list[1].Hash != register.RecordErased("shop", rows[1].ID) {
		t.Errorf("%v: %v", err, list)
	}
}

func TestTheJournalIsTrimmedWhenNoBackupNeedsIt(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where)
		for n := range 2 {
			r := l.choose(noon.AddDate(n, 0, 0), nil, nil)
			l.log(r)
			if _, err := l.Destroy(t.Context(), l.site.ID, []consent.ID{r.ID}, noon.AddDate(n, 0, 0)); err != nil {
				t.Fatal(err)
			}
		}
		for days, want := range []int64{0, 1, 0} { // it goes on the day after its last one
			if p, err := register.Purge(t.Context(), l.Store, register.TermsOf(l.site), noon.AddDate(5, 6, days)); err != nil || p.Journal != want {
				t.Errorf("after %d days: %+v, %v", days, p, err)
			}
		}
		list, err := l.Erasures(t.Context())
		if err != nil || len(list) != 1 || list[0].At != noon.AddDate(1, 0, 0) {
			t.Errorf("%v: %v", err, list)
		}
		if !isPostgres(l.Store) {
			if in, err := readJournal(filepath.Join(where, journalName)); err != nil || !slices.Equal(in, list) {
				t.Errorf("%v: %v are in the file", err, in)
			}
		}
	})
}

// damages are what can be wrong with a backup, each with what is said of it.
var damages = map[string]string{
	`UPDATE choice SET record = CAST(replace(CAST(record AS TEXT), '"allow":true', '"allow":tru3') AS BLOB) WHERE arrival = 3`: "is not what entry 2 of the log commits to",
	`UPDATE choice SET salt = randomblob(16) WHERE arrival = 3`:                                                                "is not what entry 2 of the log commits to",
	`UPDATE bundle SET entries = CAST(substr(entries, 1, 96) || randomblob(32) || substr(entries, 129) AS BLOB)`:               "tile 0 of level 0",
	`UPDATE bundle SET idx = 1`:                           "make up the head of size 0",
	`UPDATE bundle SET entries = substr(entries, 1, 288)`: "make up the head of size 9",
	`UPDATE tile SET hashes = randomblob(320)`:            "tile 0 of level 0",
	`UPDATE log SET root = randomblob(32)`:                "make up the head",
	`UPDATE log SET size = 9, signed = 9`:                 "make up the head",
	`UPDATE log SET checkpoint = CAST(replace(CAST(checkpoint AS TEXT), 'shop.example/log' || char(10), 'Shop.example/log' || char(10)) AS BLOB)`: "no key of the log Shop.example/log is known",
	`UPDATE log SET checkpoint = CAST(CAST(checkpoint AS TEXT) || 'x' AS BLOB)`:                                                                   "the last checkpoint",
	`UPDATE log SET signed = 4`:                                                    "said to be signed up to entry 4",
	`UPDATE place SET idx = 4 WHERE idx = 3`:                                       "the place 4",
	`UPDATE place SET idx = 99 WHERE idx = 3`:                                      "the place 99",
	`UPDATE place SET ends = 9`:                                                    "not what it is looked up by",
	`UPDATE place SET action = 'accept', language = 'xx'`:                          "action or language are others",
	`UPDATE place SET subject = zeroblob(32)`:                                      "its account is another",
	`DELETE FROM place WHERE idx = 3`:                                              "1 choices are in no log, which has gone on behind them",
	`DELETE FROM choice WHERE arrival = 3`:                                         "has a place in the log, and is not kept",
	`UPDATE artifact SET bytes = CAST('a change' AS BLOB) WHERE length(bytes) = 8`: "not what its hash says",
	`UPDATE migration SET checksum = 'x'`:                                          "was changed after it ran",
	`PRAGMA foreign_keys = 0; DELETE FROM artifact`:                                "damaged",
}

func TestADamagedBackupIsNotRestored(t *testing.T) {
	t.Parallel()
	l := live(t, filepath.Join(t.TempDir(), "store"))
	l.keep()
	var rows []register.Row
	for n := range 10 {
		rows = append(rows, l.choose(noon.Add(time.Duration(n)*time.Second), nil, nil))
	}
	l.log(rows...)
	file, _ := l.backup("backup")
	_, trust := keyOf(t)
	for damage, want := range damages {
		t.Run(damage, func(t *testing.T) {
			t.Parallel()
			bad, to := filepath.Join(t.TempDir(), "bad"), filepath.Join(t.TempDir(), "to")
			if err := copyFile(t.Context(), file, bad); err != nil {
				t.Fatal(err)
			}
			harm(t, bad, damage)
			_, err := Restore(t.Context(), bad, to, Restoring{Known: Known{Keys: trust.Keys}})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
			untouched(t, to)
		})
	}
	if _, _, err := restore(t, l, file, Restoring{}); err != nil {
		t.Errorf("undamaged: %v", err)
	}
}

func TestAnEmptyDatabaseIsNotSaidToBeRestored(t *testing.T) {
	t.Parallel()
	if _, err := RestorePostgres(t.Context(), "", storetest.Database(t), Restoring{}); err == nil || !strings.Contains(err.Error(), "there is no store in the database") {
		t.Error(err)
	}
}

// harm changes a database that nothing protects any more.
func harm(t *testing.T, file, change string) {
	t.Helper()
	db, err := openFile(file, 1, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	triggers, err := texts(db.Query(`SELECT name FROM sqlite_master WHERE type = 'trigger'`))
	if err != nil || len(triggers) == 0 {
		t.Fatal(err)
	}
	for _, name := range triggers {
		if _, err := db.Exec(`DROP TRIGGER ` + name); err != nil {
			t.Fatal(err)
		}
	}
	res, err := db.Exec(change)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		t.Fatal("nothing was changed", err)
	}
	if _, err := db.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		t.Fatal(err)
	}
}

func TestABackupBehindAKnownCheckpointIsRestoredOnlyIfTheLossIsAccepted(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where)
		keys, _ := keyOf(t)
		l.log(l.choose(noon, nil, nil), l.choose(noon, nil, nil))
		early, err := l.Checkpoint(t.Context(), l.site.ID)
		if err != nil {
			t.Fatal(err)
		}
		file, _ := l.backup("backup")
		l.log(l.choose(noon, nil, nil), l.choose(noon, nil, nil), l.choose(noon, nil, nil))
		late, err := l.Checkpoint(t.Context(), l.site.ID)
		if err != nil {
			t.Fatal(err)
		}
		key, _ := keys("")
		fork, err := ledger.Sign(ledger.Head{Size: 2, Root: ledger.Hash{1}}, key)
		if err != nil {
			t.Fatal(err)
		}
		other, err := ledger.NewKey("other.example/log", bytes.NewReader(bytes.Repeat([]byte{6}, 64)))
		if err != nil {
			t.Fatal(err)
		}
		elsewhere, err := ledger.Sign(ledger.Head{Size: 2, Root: ledger.Hash{1}}, other)
		if err != nil {
			t.Fatal(err)
		}
		known := func(notes ...[]byte) Restoring { return Restoring{Known: Known{Checkpoints: notes}} }
		if _, _, err := restore(t, l, file, known(early)); err != nil {
			t.Errorf("a checkpoint that fits: %v", err)
		}
		var behind *Behind
		if _, _, err := restore(t, l, file, known(early, late)); !errors.As(err, &behind) || behind.Kept != 2 || behind.Signed != 5 {
			t.Errorf("%v", err)
		}
		for what, how := range map[string]Restoring{"another tree": known(late, fork), "another log": known(late, elsewhere), "no checkpoint": known(append([]byte("x"), late...))} {
			how.AcceptLoss = true
			if _, _, err := restore(t, l, file, how); err == nil {
				t.Errorf("%s: restored", what)
			}
		}
		how := known(late)
		how.AcceptLoss = true
		r, what, err := restore(t, l, file, how)
		if err != nil || what.Behind == nil || what.Behind.Signed != 5 {
			t.Fatalf("%v: %+v", err, what)
		}
		// Choices are kept, and nothing is signed that would fork the log.
		commit(t, r.Store, r.choose(noon, nil, nil))
		if _, _, err := r.seq.Step(t.Context()); !errors.Is(err, register.ErrAhead) {
			t.Errorf("%v", err)
		}
		if note, err := r.Checkpoint(t.Context(), r.site.ID); err != nil || !bytes.Equal(note, late) {
			t.Errorf("%v: %s", err, note)
		}
	})
}

// An eraser is killed in the middle of its work: each record is there whole or gone
// without a trace, and whatever is gone stands in the journal and in its file.
func TestAnErasureThatIsKilledIsDoneOrNot(t *testing.T) {
	if where := os.Getenv("TEMOIN_STORE_ERASER"); where != "" {
		eraser(where)
	}
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where)
		var rows []register.Row
		for n := range 1200 {
			rows = append(rows, l.choose(noon.Add(time.Duration(n)*time.Second), nil, nil))
		}
		l.log(rows...)
		l.Close()
		file := filepath.Join(t.TempDir(), "journal")
		acknowledged := map[string]bool{}
		for round := range 4 {
			v := startTest(t, "TestAnErasureThatIsKilledIsDoneOrNot", "TEMOIN_STORE_ERASER="+where, "TEMOIN_STORE_JOURNAL="+file)
			for range 10 + 15*round {
				acknowledged[v.line()] = true
			}
			v.kill()
		}
		l = live(t, where)
		journal, err := l.Erasures(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		outside, err := readJournal(file)
		if err != nil {
			t.Fatal(err)
		}
		told, toldOutside := map[register.Hash]bool{}, map[register.Hash]bool{}
		for _, e := range journal {
			told[e.Hash] = true
		}
		for _, e := range outside {
			toldOutside[e.Hash] = true
		}
		gone := 0
		for _, r := range rows {
			_, at, err := l.Find(t.Context(), r.Site, r.ID)
			is := errors.Is(err, register.ErrUnknownRecord)
			if err != nil && !is || err == nil && at < 0 {
				t.Fatal(err, at)
			}
			if is {
				gone++
			}
			h := register.RecordErased(r.Site, r.ID)
			if is != told[h] || is && !toldOutside[h] || acknowledged[r.ID.String()] && !is {
				t.Errorf("%v: gone %t, in the journal %t, outside %t", r.ID, is, told[h], toldOutside[h])
			}
		}
		if gone < len(acknowledged) || gone == len(rows) {
			t.Errorf("%d are gone, %d acknowledged", gone, len(acknowledged))
		}
		if n := l.number(`SELECT count(*) FROM removal`); n > 0 {
			t.Errorf("%d removals are left", n)
		}
		if v := l.sound(); v.Removed() != int64(gone) {
			t.Errorf("%+v", v)
		}
	})
}

// eraser destroys records one after another, and says each when it is done.
func eraser(where string) {
	ctx := context.Background()
	s, err := Open(ctx, where)
	if err == nil {
		s.JournalTo(os.Getenv("TEMOIN_STORE_JOURNAL"))
	}
	for err == nil {
		var ids []consent.ID
		if ids, err = recordIDs(s.read.Query(`SELECT record FROM place ORDER BY record LIMIT 3`)); err != nil || len(ids) == 0 {
			break
		}
		if _, err = s.Destroy(ctx, "shop", ids, noon); err == nil {
			for _, id := range ids {
				os.Stdout.WriteString(id.String() + "\n") //nolint:errcheck // who reads it may have gone
			}
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// A refused restore leaves nothing of its own, and can be tried again at the same place.
func TestARefusedRestoreLeavesTheFolderAsItWas(t *testing.T) {
	t.Parallel()
	l := live(t, filepath.Join(t.TempDir(), "store"))
	l.log(l.choose(noon, nil, nil))
	file, _ := l.backup("backup")
	l.log(l.choose(noon, nil, nil))
	late, err := l.Checkpoint(t.Context(), l.site.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, trust := keyOf(t)
	ended, end := context.WithCancel(t.Context())
	end()
	dir := t.TempDir()
	empty, kept := filepath.Join(dir, "empty"), filepath.Join(dir, "kept")
	for _, folder := range []string{empty, kept} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{journalName, "notes"} {
		if err := os.WriteFile(filepath.Join(kept, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for to, want := range map[string][]string{filepath.Join(dir, "a", "b", "c"): nil, empty: {}, kept: {journalName, "notes"}} {
		how := Restoring{Known: Known{Keys: trust.Keys, Checkpoints: [][]byte{late}}}
		var behind *Behind
		if _, err := Restore(t.Context(), file, to, how); !errors.As(err, &behind) {
			t.Errorf("%v", err)
		}
		holds(t, to, want)
		if _, err := Restore(ended, file, to, how); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		holds(t, to, want)
		if _, err := Restore(t.Context(), file+"-that is not there", to, how); err == nil {
			t.Error("restored from nothing")
		}
		holds(t, to, want)
		how.AcceptLoss = true
		if _, err := Restore(t.Context(), file, to, how); err != nil {
			t.Errorf("after it was refused: %v", err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 3 {
		t.Errorf("%v, %v", left, err)
	}
}

// holds fails unless a folder holds these names; none is no folder.
func holds(t *testing.T, folder string, want []string) {
	t.Helper()
	list, err := os.ReadDir(folder)
	if want == nil {
		for missingFile(filepath.Dir(folder)) {
			folder = filepath.Dir(folder)
		}
		if !errors.Is(err, os.ErrNotExist) || filepath.Base(folder) != "a" {
			t.Errorf("%s is there, with %v, %v", folder, list, err)
		}
		return
	}
	got := []string{}
	for _, e := range list {
		got = append(got, e.Name())
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %q are there, want %q", err, got, want)
	}
}

func TestAFailedRestoreTakesNothingFromWhoHasTheFolder(t *testing.T) {
	t.Parallel()
	l := live(t, filepath.Join(t.TempDir(), "store"))
	l.log(l.choose(noon, nil, nil))
	file, _ := l.backup("backup")
	to := filepath.Join(t.TempDir(), "to")
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := lockFolder(to)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := Restore(t.Context(), file, to, Restoring{}); err == nil || !strings.Contains(err.Error(), "in use by process") {
		t.Errorf("%v", err)
	}
	late := &ground{folder: to, made: []string{lock.Name()}} // it looked before the other had come
	if err := late.leave(false); err != nil {
		t.Error(err)
	}
	holds(t, to, []string{lockName})
	// Who opens the file before it is removed, and locks it after, has another one.
	if err := os.Remove(lock.Name()); err != nil {
		t.Fatal(err)
	}
	if stillThere(lock) {
		t.Error("a lock that nobody else would see")
	}
}

func TestAJournalThatIsCutIsNotRestoredBy(t *testing.T) {
	t.Parallel()
	where := filepath.Join(t.TempDir(), "store")
	l := live(t, where)
	rows := []register.Row{l.choose(noon, nil, nil), l.choose(noon, nil, nil)}
	l.log(rows...)
	file, _ := l.backup("backup")
	for _, r := range rows {
		if _, err := l.Destroy(t.Context(), l.site.ID, []consent.ID{r.ID}, noon); err != nil {
			t.Fatal(err)
		}
	}
	src, err := os.ReadFile(filepath.Join(where, journalName))
	if err != nil {
		t.Fatal(err)
	}
	whole := string(src)
	second := strings.IndexByte(whole, '\n') + 1
	for _, text := range []string{"", whole, whole[:len(whole)-1], whole[:second], whole[:second+20] + "\n" + whole[:second]} {
		if _, err := ReadJournal(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for n := second + 1; n < len(whole)-1; n++ {
		for _, end := range []string{"", "\n"} {
			if list, err := ReadJournal(whole[:n] + end); !errors.Is(err, ErrCut) {
				t.Errorf("cut after %d bytes: %v, %v", n, list, err)
			}
		}
	}
	// The one in the folder counts like any other.
	to := filepath.Join(t.TempDir(), "to")
	_, trust := keyOf(t)
	how := Restoring{Known: Known{Keys: trust.Keys}}
	for n, want := range map[int]error{len(whole) - 9: ErrCut, len(whole): nil} {
		os.RemoveAll(to) //nolint:errcheck // it need not be there
		if err := os.Mkdir(to, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, journalName), src[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(t.Context(), file, to, how); !errors.Is(err, want) {
			t.Errorf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
}

// The journal has an erasure before it is done: if that fails, the message says so.
func TestAnErasureThatFailsSaysThatTheJournalTellsOfIt(t *testing.T) {
	t.Parallel()
	l := live(t, filepath.Join(t.TempDir(), "store"))
	r := l.choose(noon, nil, nil)
	l.log(r)
	file := filepath.Join(t.TempDir(), "journal")
	l.JournalTo(file)
	_, err := l.erase(t.Context(), func(tx *sql.Tx) (int, []register.Erasure, error) {
		_, err := tx.ExecContext(t.Context(), `PRAGMA defer_foreign_keys = 1; INSERT INTO sitekey_end (site, use, number, why, at, note) VALUES ('shop', 'log', 99, 'lost', 1, '')`)
		return 1, []register.Erasure{{At: noon, Site: "shop", Form: register.Destroy, Hash: register.RecordErased("shop", r.ID)}}, err
	})
	if err == nil || !strings.Contains(err.Error(), "Take it as not done; yet the journal of erasures tells of it") || !strings.Contains(err.Error(), file) {
		t.Errorf("%v", err)
	}
	if list, err := readJournal(file); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	if got := l.kept(r); len(got) != 1 {
		t.Error("it is erased all the same")
	}
}

func TestWhatADiskThatIsFullTookOfALineIsTakenBack(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(file, []byte("one\ntw"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := takeBack(f, 3, 1); err != nil { // somebody has written behind it
		t.Error(err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "one\ntw" {
		t.Errorf("%q, %v", b, err)
	}
	if err := takeBack(f, 4, 2); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "one\n" {
		t.Errorf("%q, %v", b, err)
	}
}

// An erasure that is done is not said to have failed because its files could not be
// cleaned.
func TestFilesThatCannotBeCleanedAreSaidToRemain(t *testing.T) {
	t.Parallel()
	l := live(t, filepath.Join(t.TempDir(), "store"))
	full := errors.New("the disk is full")
	l.engine = uncleaned{l.engine, full}
	if err := l.Scrub(t.Context()); !errors.Is(err, register.ErrRemains) || !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
}

type uncleaned struct {
	engine
	err error
}

func (u uncleaned) scrub(context.Context, bool) error { return u.err }
