package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/storetest"
	"github.com/temoin/temoin/policy"
)

// life is a register of one site with a log, whose choices are made at times of the
// test's.
type life struct {
	*Store
	t    *testing.T
	site *policy.Site
	seq  *register.Sequencer
}

var noon = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

func live(t *testing.T, where string) *life {
	t.Helper()
	keys, _ := keyOf(t)
	s := open1(t, where)
	return &life{s, t, shop(t), register.NewSequencer(s, keys)}
}

// choose makes a choice; account and replaces may be nil.
func (l *life) choose(at time.Time, account []byte, replaces *consent.ID) register.Row {
	l.t.Helper()
	id, err := consent.NewID(at, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	c := consent.Choose(l.site, id, at, func(string) bool { return true })
	record, err := register.NewRecord(l.site, c, register.Event{Action: register.Save, Language: "en", Account: account != nil, Replaces: replaces}).Canonical()
	if err != nil {
		l.t.Fatal(err)
	}
	salt, err := register.NewSalt(rand.Reader)
	if err != nil {
		l.t.Fatal(err)
	}
	return register.Row{Site: l.site.ID, ID: id, Salt: salt, Record: record, Account: account}
}

// log commits choices and puts them into the log.
func (l *life) log(rows ...register.Row) {
	l.t.Helper()
	for part := range slices.Chunk(rows, 500) {
		commit(l.t, l.Store, part...)
	}
	l.step()
}

func (l *life) step() {
	l.t.Helper()
	for {
		if n, _, err := l.seq.Step(l.t.Context()); err != nil {
			l.t.Fatal(err)
		} else if n == 0 {
			return
		}
	}
}

// number is the answer of a query that has one.
func (l *life) number(query string, args ...any) (n int) {
	l.t.Helper()
	if err := l.read.QueryRow(query, args...).Scan(&n); err != nil {
		l.t.Fatal(err)
	}
	return n
}

// kept returns which of some records are kept.
func (l *life) kept(rows ...register.Row) (kept []int) {
	l.t.Helper()
	for i, r := range rows {
		_, at, err := l.Find(l.t.Context(), r.Site, r.ID)
		switch {
		case errors.Is(err, register.ErrUnknownRecord):
		case err != nil:
			l.t.Fatal(err)
		case at < 0:
			l.t.Fatalf("record %d is in no log", i)
		default:
			kept = append(kept, i)
		}
	}
	return kept
}

func accountOf(name string) []byte { return bytes.Repeat([]byte(name), 32)[:32] }

// traces are the bytes by which a record would be found in files.
func traces(rows ...register.Row) (needles [][]byte) {
	for _, r := range rows {
		needles = append(needles, r.ID[:], []byte(r.ID.String()), r.Salt[:])
	}
	return needles
}

// found returns how many needles, of 16 bytes at least, each file of a folder has.
func found(t *testing.T, folder string, needles [][]byte) map[string]int {
	t.Helper()
	begins := map[[16]byte][]byte{}
	for _, n := range needles {
		begins[[16]byte(n)] = n
	}
	in := map[string]int{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		src, err := os.ReadFile(path)
		seen := map[string]bool{}
		for i := range max(0, len(src)-15) {
			if n := begins[[16]byte(src[i:])]; n != nil && bytes.HasPrefix(src[i:], n) {
				seen[string(n)] = true
			}
		}
		if len(seen) > 0 {
			in[filepath.Base(path)] = len(seen)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// Ids in no order leave copies where SQLite splits pages: the worst case.
func TestNothingIsLeftInTheFilesOfADestroyedRecord(t *testing.T) {
	t.Parallel()
	where := filepath.Join(t.TempDir(), "store")
	l := live(t, where)
	var rows []register.Row
	for n := range 6000 {
		var account []byte
		if n%3 == 0 {
			account = accountOf(fmt.Sprint("account ", n%50))
		}
		rows = append(rows, l.choose(noon.Add(time.Duration(mathrand.IntN(1e9))*time.Millisecond), account, nil))
	}
	for part := range slices.Chunk(rows, 200) {
		l.log(part...)
	}
	gone, stay := rows[:1500], rows[1500:]
	if n := found(t, where, traces(gone...)); n[fileName]+n[fileName+"-wal"] < 3*len(gone) {
		t.Fatalf("before: %v: the test does not see what it looks for", n)
	}
	var ids []consent.ID
	for _, r := range gone {
		ids = append(ids, r.ID)
	}
	if n, err := l.Destroy(t.Context(), l.site.ID, ids, noon); err != nil || n != len(gone) {
		t.Fatal(n, err)
	}
	pages := l.number(`PRAGMA page_count`)
	e := l.engine.(*sqlite)
	if dirty, _, err := e.dirtyPages(t.Context(), 1, int64(pages)); err != nil || len(dirty) == 0 {
		t.Fatal("no page has a copy: the test does not see what it is about", err)
	}
	if err := l.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	if dirty, _, err := e.dirtyPages(t.Context(), 1, int64(pages)); err != nil || len(dirty) > 0 {
		t.Errorf("%v: %d pages have bytes that are of nothing", err, len(dirty))
	}
	if in := found(t, where, traces(gone...)); len(in) > 0 {
		t.Errorf("%v is left", in)
	}
	var state string
	if err := l.read.QueryRow(`PRAGMA integrity_check`).Scan(&state); err != nil || state != "ok" {
		t.Errorf("%v: %s", err, state)
	}
	if kept := l.kept(stay...); len(kept) != len(stay) {
		t.Errorf("%d of %d other records are kept", len(kept), len(stay))
	}
	backup := filepath.Join(t.TempDir(), "backup")
	if _, err := l.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	if in := found(t, filepath.Dir(backup), traces(gone...)); len(in) > 0 {
		t.Errorf("%v is left in the backup", in)
	}
}

// PostgreSQL's files are the server's: only once the tables are rewritten do they
// have nothing of it. Its write-ahead log is not looked at: it has.
func TestNothingIsLeftInRewrittenTablesOfADestroyedRecord(t *testing.T) {
	t.Parallel()
	where := storetest.Database(t)
	l := live(t, where)
	var gone, stay []register.Row
	for n := range 300 {
		gone = append(gone, l.choose(noon.Add(time.Duration(n)*time.Second), accountOf("one"), nil))
		stay = append(stay, l.choose(noon.Add(time.Duration(n)*time.Second), accountOf("two"), nil))
	}
	l.log(append(slices.Clone(gone), stay...)...)
	ids, err := l.OfAccount(t.Context(), l.site.ID, accountOf("one"))
	if err != nil || len(ids) != len(gone) {
		t.Fatal(len(ids), err)
	}
	if n, err := l.Destroy(t.Context(), l.site.ID, ids, noon); err != nil || n != len(gone) {
		t.Fatal(n, err)
	}
	if err := l.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	dump := filepath.Join(t.TempDir(), "dump")
	if _, err := l.Backup(t.Context(), dump); err != nil {
		t.Fatal(err)
	}
	storetest.SQL(t, where, `CREATE EXTENSION pageinspect`)
	dead := func() int { // rows in pages that no query sees
		return l.number(`SELECT count(*) FROM generate_series(0, pg_relation_size('choice') / 8192 - 1) b, heap_page_items(get_raw_page('choice', b::int)) i WHERE i.lp_flags = 1 AND i.t_xmax <> '0'`)
	}
	if n := dead(); n > 0 {
		t.Errorf("%d rows are dead, and not vacuumed", n)
	}
	if err := l.Rewrite(t.Context()); err != nil {
		t.Fatal(err)
	}
	storetest.SQL(t, where, `CHECKPOINT`)
	folder := filepath.Join(storetest.Folder(), "data", "base", fmt.Sprint(l.number(`SELECT oid FROM pg_database WHERE datname = current_database()`)))
	if in := found(t, folder, traces(gone...)); len(in) > 0 {
		t.Errorf("%v is left", in)
	}
	if in := found(t, folder, traces(stay...)); len(in) == 0 {
		t.Error("the test does not see what it looks for")
	}
	if kept := l.kept(stay...); len(kept) != len(stay) {
		t.Errorf("%d of %d other records are kept", len(kept), len(stay))
	}
}

// receipt is the receipt of a record, in JSON.
func (l *life) receipt(r register.Row) []byte {
	l.t.Helper()
	_, trust := keyOf(l.t)
	receipt, err := register.NewReceipt(l.t.Context(), l.Store, trust, r.Site, r.ID)
	if err != nil {
		l.t.Fatal(err)
	}
	b, err := json.Marshal(receipt)
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

// sound verifies the whole store.
func (l *life) sound() Verified {
	l.t.Helper()
	_, trust := keyOf(l.t)
	v, err := l.Verify(l.t.Context(), Known{Keys: trust.Keys})
	if err != nil || len(v) != 1 {
		l.t.Fatalf("%v: %v", err, v)
	}
	return v[0]
}

func TestTheLogStandsWithoutADestroyedRecordAndItsReceiptVerifies(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where)
		_, trust := keyOf(t)
		var rows []register.Row
		for n := range 300 {
			rows = append(rows, l.choose(noon.Add(time.Duration(n)*time.Second), nil, nil))
		}
		l.log(rows...)
		kept := l.receipt(rows[7])
		if n, err := l.Destroy(t.Context(), l.site.ID, []consent.ID{rows[7].ID, rows[8].ID, row(5).ID}, noon); err != nil || n != 2 {
			t.Fatal(n, err)
		}
		if got := l.kept(rows[6:10]...); !slices.Equal(got, []int{0, 3}) {
			t.Errorf("%v are kept", got)
		}
		if n := l.number(`SELECT count(*) FROM place`) + l.number(`SELECT count(*) FROM removal`); n != 298 {
			t.Errorf("%d places, or removals", n)
		}
		v, err := register.Verify(kept, trust)
		if err != nil || v.Index != 7 {
			t.Errorf("%v: the visitor's receipt is worth nothing any more", err)
		}
		l.log(l.choose(noon.Add(time.Hour), nil, nil)) // it goes on
		if _, err := register.Verify(l.receipt(rows[9]), trust); err != nil {
			t.Error(err)
		}
		if v := l.sound(); v.Head.Size != 301 || v.Records != 299 || v.Removed() != 2 || v.Signed != 301 || v.Waiting != 0 {
			t.Errorf("%+v", v)
		}
		if n, err := l.Destroy(t.Context(), l.site.ID, []consent.ID{rows[7].ID}, noon); err != nil || n != 0 {
			t.Errorf("%d, %v: it was destroyed before", n, err)
		}
		journal, err := l.Erasures(t.Context())
		if err != nil || len(journal) != 2 || journal[0] != (register.Erasure{At: noon, Site: "shop", Form: register.Destroy, Hash: register.RecordErased("shop", rows[7].ID)}) {
			t.Errorf("%v: %v", err, journal)
		}
	})
}

func TestNothingLeadsFromAnUnlinkedAccountToItsRecords(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where)
		rows := []register.Row{
			l.choose(noon, accountOf("one"), nil), l.choose(noon.Add(1), accountOf("two"), nil), l.choose(noon.Add(2), accountOf("one"), nil), l.choose(noon.Add(3), nil, nil),
		}
		l.log(rows...)
		if n, err := l.Unlink(t.Context(), l.site.ID, accountOf("one"), noon); err != nil || n != 2 {
			t.Fatal(n, err)
		}
		if got := l.kept(rows...); len(got) != 4 {
			t.Errorf("%v are kept: unlinking keeps the records", got)
		}
		for i, r := range rows {
			kept, _, err := l.Find(t.Context(), r.Site, r.ID)
			if err != nil || (kept.Account != nil) != (i == 1) || !bytes.Equal(kept.Record, r.Record) {
				t.Errorf("%d: %v, account %x", i, err, kept.Account)
			}
		}
		if n := l.number(`SELECT count(*) FROM place WHERE subject IS NULL`); n != 2 {
			t.Errorf("%d places have no subject", n)
		}
		if ids, err := l.OfAccount(t.Context(), l.site.ID, accountOf("two")); err != nil || len(ids) != 1 {
			t.Errorf("%v: %v: the other account", err, ids)
		}
		l.sound()
		journal, err := l.Erasures(t.Context())
		if err != nil || len(journal) != 1 {
			t.Fatal(err, journal)
		}
		for _, r := range rows { // or it would tell which records belonged together
			if journal[0].Hash == register.RecordErased(r.Site, r.ID) {
				t.Error("the journal leads to a record")
			}
		}
		if !isPostgres(l.Store) {
			if err := l.Scrub(t.Context()); err != nil {
				t.Fatal(err)
			}
			if in := found(t, where, [][]byte{accountOf("one")}); len(in) > 0 {
				t.Errorf("the account's key is left: %v", in)
			}
		}
	})
}

func TestWhatIsNotInTheLogYetIsErasedWhenItIs(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where)
		account := accountOf("one")
		old, young := l.choose(noon, account, nil), l.choose(noon.Add(1), account, nil)
		l.log(old)
		commit(t, l.Store, young)
		for what, err := range map[string]error{
			"destroy": second(l.Destroy(t.Context(), l.site.ID, []consent.ID{old.ID, young.ID}, noon)),
			"unlink":  second(l.Unlink(t.Context(), l.site.ID, account, noon)),
			"account": second(l.OfAccount(t.Context(), l.site.ID, account)),
		} {
			if !errors.Is(err, register.ErrUnlogged) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if n := l.number(`SELECT count(*) FROM choice WHERE account IS NOT NULL`); n != 2 {
			t.Fatalf("%d choices: something was done", n)
		}
		done := make(chan error)
		go func() {
			_, err := register.Erase(t.Context(), l.Store, register.Erasing{Site: l.site.ID, Accounts: [][]byte{account}, Form: register.Destroy}, func() time.Time { return noon })
			done <- err
		}()
		l.step()
		if err := <-done; err != nil && !errors.Is(err, register.ErrRemains) {
			t.Fatal(err)
		}
		if h, err := l.Head(t.Context(), l.site.ID); err != nil || h.Size != 2 || l.number(`SELECT count(*) FROM choice`) != 0 {
			t.Errorf("%v: %d entries, %d choices", err, h.Size, l.number(`SELECT count(*) FROM choice`))
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestAChainIsDestroyedWholeOrKeepsNoNameOfWhatIsGone(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where)
		a := l.choose(noon, nil, nil)
		l.log(a)
		b := l.choose(noon.Add(time.Second), nil, &a.ID)
		l.log(b)
		c := l.choose(noon.Add(2*time.Second), nil, &b.ID)
		other := l.choose(noon, nil, nil)
		l.log(c, other)
		if ids, err := l.Chain(t.Context(), l.site.ID, b.ID); err != nil || !slices.Equal(ids, []consent.ID{a.ID, b.ID, c.ID}) {
			t.Fatalf("%v: %v", err, ids)
		}
		if n, err := l.Destroy(t.Context(), l.site.ID, []consent.ID{a.ID}, noon); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		if n := l.number(`SELECT count(*) FROM place WHERE subject = $1`, a.ID[:]); n > 0 {
			t.Errorf("%d places are named after what is gone", n)
		}
		ids, err := l.Chain(t.Context(), l.site.ID, c.ID)
		if err != nil || !slices.Equal(ids, []consent.ID{b.ID, c.ID}) {
			t.Errorf("%v: %v: the rest of the chain has come apart", err, ids)
		}
		if _, err := l.Destroy(t.Context(), l.site.ID, ids, noon); err != nil {
			t.Fatal(err)
		}
		if got := l.kept(a, b, c, other); !slices.Equal(got, []int{3}) {
			t.Errorf("%v are kept", got)
		}
		l.sound()
	})
}

func TestRecordsGoWhenTheirTermHasEnded(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where) // a choice lasts 6 months, its proof 5 years more
		var rows []register.Row
		for month := range 24 {
			for range 15 {
				rows = append(rows, l.choose(noon.AddDate(0, month, 0), nil, nil))
			}
		}
		l.log(rows...)
		young := l.choose(noon, nil, nil)
		commit(t, l.Store, young) // due as well, and in no log yet
		terms := register.TermsOf(l.site)
		left := func(now time.Time) int {
			t.Helper()
			due, err := l.CountDue(t.Context(), terms.Due(now))
			if err != nil {
				t.Fatal(err)
			}
			p, err := register.Purge(t.Context(), l.Store, terms, now)
			if err != nil {
				t.Fatal(err)
			}
			if p.Records != due {
				t.Errorf("%d were due, and %d went", due, p.Records)
			}
			return l.number(`SELECT count(*) FROM choice`) - 1
		}
		end := noon.AddDate(5, 6, 0)
		if n := left(end); n != 24*15 {
			t.Errorf("%d are left on the last day of the first", n)
		}
		if n := left(end.AddDate(0, 0, 1)); n != 23*15 {
			t.Errorf("%d are left on the day after", n)
		}
		if n := left(end.AddDate(0, 22, 1)); n != 15 { // more than one step removes
			t.Errorf("%d are left of one month", n)
		}
		if got := l.kept(rows[345:]...); len(got) != 15 {
			t.Errorf("others went than were due: %v", got)
		}
		l.step()
		if n := left(end.AddDate(0, 22, 1)); n != 14 {
			t.Errorf("%d are left: the one that has come to the log goes then", n)
		}
		if v := l.sound(); v.Head.Size != 361 || v.Records != 15 {
			t.Errorf("%+v", v)
		}
	})
}

// A shorter term that was promised counts for the records under it alone.
func TestARecordGoesByTheShorterOfTwoPromises(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where)
		rows := []register.Row{l.choose(noon, nil, nil), l.choose(noon, nil, nil)}
		later, err := policy.Parse("shop.yaml", []byte("temoin: 1\nsite: shop\nname: Shop\nurl: https://shop.example\nlanguages: [en]\nproof: {kept: 8 years after expiry}\n"+
			"categories:\n  needed: {exempt: true}\n  stats: {needs: consent}\nservices: [{id: one, name: One, category: stats, hosts: [one.example]}]\n"))
		if err != nil {
			t.Fatal(err)
		}
		before := l.site
		l.site = later
		rows = append(rows, l.choose(noon, nil, nil))
		l.log(rows...)
		terms := register.TermsOf(later, before)
		for years, want := range map[int]int64{5: 0, 6: 2, 8: 2, 9: 3} {
			if n, err := l.CountDue(t.Context(), terms.Due(noon.AddDate(years, 0, 0))); err != nil || n != want {
				t.Errorf("after %d years: %d, %v", years, n, err)
			}
		}
		if p, err := register.Purge(t.Context(), l.Store, terms, noon.AddDate(6, 0, 0)); err != nil || p.Records != 2 {
			t.Errorf("%v, %v", p, err)
		}
		if got := l.kept(rows...); !slices.Equal(got, []int{2}) {
			t.Errorf("%v are kept", got)
		}
	})
}

// A command beside a server that works at full speed gets its turn, and the server's
// choices get theirs.
func TestACommandErasesBesideAServerUnderLoad(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		l := live(t, where)
		var rows []register.Row
		for n := range 400 {
			rows = append(rows, l.choose(noon.Add(time.Duration(n)*time.Second), accountOf("one"), nil))
		}
		l.log(rows...)
		other, err := Open(t.Context(), where, Beside())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { other.Close() })
		ctx, stop := context.WithCancel(t.Context())
		g := register.NewGroup(l.Store, l.Writers())
		var load sync.WaitGroup
		var kept atomic.Int64
		for range 16 {
			load.Go(func() {
				for ctx.Err() == nil {
					if _, err := g.Commit(context.Background(), l.choose(noon, nil, nil)); err != nil {
						t.Error(err)
						return
					}
					kept.Add(1)
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
		w := register.Erasing{Site: l.site.ID, Accounts: [][]byte{accountOf("one")}, Form: register.Destroy}
		n, err := register.Erase(t.Context(), other, w, func() time.Time { return noon })
		stop()
		load.Wait()
		g.Close()
		if err != nil || n != len(rows) {
			t.Errorf("%d, %v", n, err)
		}
		l.step()
		if v := l.sound(); v.Removed() != int64(len(rows)) || v.Records != kept.Load() {
			t.Errorf("%+v, %d choices were acknowledged", v, kept.Load())
		}
		if !isPostgres(l.Store) {
			if in := found(t, where, traces(rows...)); len(in) > 0 {
				t.Errorf("%v is left", in)
			}
		}
	})
}

// A long reader, such as an export, keeps old pages in the write-ahead log: whoever
// erases is told, and the next one cleans them.
func TestALongReaderIsSaidToKeepOldPages(t *testing.T) {
	t.Parallel()
	where := filepath.Join(t.TempDir(), "store")
	l := live(t, where)
	r := l.choose(noon, nil, nil)
	l.log(r)
	tx, err := l.read.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // it only reads
	if _, err := keptOf(t.Context(), tx, l.site.ID, []consent.ID{r.ID}); err != nil {
		t.Fatal(err)
	}
	w := register.Erasing{Site: l.site.ID, Record: &r.ID, Form: register.Destroy}
	if n, err := register.Erase(t.Context(), l.Store, w, func() time.Time { return noon }); n != 1 || !errors.Is(err, register.ErrRemains) {
		t.Fatalf("%d, %v", n, err)
	}
	if in := found(t, where, traces(r)); len(in) == 0 {
		t.Fatal("nothing is left: the test does not see what it is about")
	}
	commit(t, l.Store, l.choose(noon, nil, nil)) // the connection waits as long as before
	tx.Rollback()                                //nolint:errcheck // it only reads
	if _, err := register.Purge(t.Context(), l.Store, register.TermsOf(l.site), noon); err != nil {
		t.Fatal(err)
	}
	if in := found(t, where, traces(r)); len(in) > 0 {
		t.Errorf("%v is left", in)
	}
}

func TestARunTimeRoleErasesAndSaysWhatItCannotDo(t *testing.T) {
	t.Parallel()
	owner, runtime := roles(t)
	role, _, _ := strings.Cut(strings.TrimPrefix(runtime, "postgres://"), "@")
	if err := Grant(t.Context(), owner, role); err != nil {
		t.Fatal(err)
	}
	l := live(t, runtime)
	rows := []register.Row{l.choose(noon, nil, nil), l.choose(noon, accountOf("one"), nil), l.choose(noon, nil, nil)}
	l.log(rows...)
	if n, err := l.Destroy(t.Context(), l.site.ID, []consent.ID{rows[0].ID}, noon); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if n, err := l.Unlink(t.Context(), l.site.ID, accountOf("one"), noon); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	p, err := register.Purge(t.Context(), l.Store, register.TermsOf(l.site), noon.AddDate(50, 0, 0))
	if !errors.Is(err, register.ErrRemains) || p.Records != 2 || p.Journal != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := l.write.Exec(`UPDATE erasure SET at = 0`); err == nil {
		t.Error("the journal can be changed")
	}
}
