package cli

import (
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/store"
	"github.com/temoin/temoin/internal/storetest"
)

// tamper changes a store's database behind its back.
func tamper(t testing.TB, where, statement string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(where, "temoin.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	res, err := db.Exec(statement, args...)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		t.Fatal("nothing was changed", err)
	}
}

func TestAStoreIsVerifiedAsItStands(t *testing.T) {
	k := newKeysServer(t)
	if _, err := register.Publish(t.Context(), k.store, k.site, []byte(keysShop), nil, "v1", "", "", testClock()); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	gone := k.choose(now, "")
	k.choose(now, "")
	early, err := k.store.Checkpoint(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	k.choose(now, "")
	if code, _, errs := at(now, "", "erase", "--store", k.where, "--site", "shop", "--record", gone.ID.String(), "--form", "destroy"); code != done {
		t.Fatal(errs)
	}
	verify := func(want int, says string, args ...string) {
		t.Helper()
		code, out, errs := at(now, "", append([]string{"verify", "--store", k.where}, args...)...)
		if code != want || !strings.Contains(out+errs, says) || strings.Contains(out+errs, "\uFFFD") {
			t.Errorf("%v: exit %d, want %d and %q\n%s%s", args, code, want, says, out, errs)
		}
	}
	checkpoint := k.file("early", string(early))
	verify(done, "\n  shop: 3 entries in the log, 3 of them signed; 2 records kept of them, 1 removed; 0 wait for the log; 1 versions with their evidence\n")
	verify(done, "All of it fits together.\n")
	verify(done, "Nothing but the store itself told of its keys")
	verify(done, "each\nversion with its evidence.\nAll of it", "--keys", k.folder)
	verify(done, "All of it fits", "--checkpoint", checkpoint)
	verify(failed, "a store alone", "receipt.json")
	verify(failed, "a store alone", "--evidence", checkpoint)
	if code, _, errs := callFor("verify", "--keys", k.folder); code != failed || !strings.Contains(errs, "name it with --store") {
		t.Errorf("%d, %s", code, errs)
	}
	if code, _, errs := callFor("verify", "--store", t.TempDir()); code != failed || !strings.Contains(errs, "there is no store to work on") {
		t.Errorf("%d, %s", code, errs)
	}

	// An older state fits together. The folder of keys, or a checkpoint, knows better.
	backup, older := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "older")
	if code, _, errs := callFor("backup", "--store", k.where, "--output", backup); code != done {
		t.Fatal(errs)
	}
	if code, _, errs := callFor("restore", backup, "--store", older); code != done {
		t.Fatal(errs)
	}
	verify(done, "3 entries in the log", "--store", older, "--keys", k.folder)
	k.choose(now, "")
	late, err := k.store.Checkpoint(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	verify(done, "3 entries in the log", "--store", older)
	for _, knows := range [][]string{{"--keys", k.folder}, {"--checkpoint", k.file("late", string(late))}} {
		verify(found, "Found:\n  shop: the log of shop has 3 entries here, and a checkpoint tells of 4", append(knows, "--store", older)...)
	}

	tamper(t, k.where, `UPDATE tally SET n = 9, language = 'e'||char(27)||'n' WHERE category = ''`)
	verify(found, "Found:\n  shop: the counters tell of 9 choices, and the log has 4 entries")
	var got struct {
		Sound bool
		Found []string
		Sites []struct{ Entries, Records int64 }
	}
	code, out, _ := at(now, "", "verify", "--store", k.where, "--format", "json")
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != found || got.Sound || len(got.Found) != 1 || len(got.Sites) != 1 || got.Sites[0].Records != 3 {
		t.Errorf("%v, exit %d: %s", err, code, out)
	}
}

func TestAStoreInPostgresIsVerifiedByItsOwnerAndNobodySaysThatItIsSoundWithoutLooking(t *testing.T) {
	where := storetest.Database(t)
	s, err := store.Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if code, out, errs := callFor("verify", "--store", where); code != done || !strings.Contains(out, "nothing is in it") {
		t.Errorf("%d, %s%s", code, out, errs)
	}
	name := where[strings.LastIndex(where, "/")+1:]
	storetest.SQL(t, where, "CREATE ROLE run_"+name+" LOGIN")
	if err := store.Grant(t.Context(), where, "run_"+name); err != nil {
		t.Fatal(err)
	}
	runtime := strings.Replace(where, "owner@", "run_"+name+"@", 1)
	if code, out, errs := callFor("verify", "--store", runtime); code != failed || out != "" || !strings.Contains(errs, "the role must be allowed to make a schema") {
		t.Errorf("%d, %s%s", code, out, errs)
	}
}

func TestAnExportEndsAtARecordThatWasChanged(t *testing.T) {
	s := newExportStore(t)
	site := s.publish("shop", "1.0")
	s.fill(site, 600)
	s.log()
	var id string
	for r, err := range s.Records(context.Background(), store.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Index == 400 {
			id = r.Row.ID.String()
		}
	}
	tamper(t, s.where, `UPDATE place SET idx = 500 WHERE idx = 400`)
	for _, args := range [][]string{{"--format", "jsonl"}, {"--format", "csv"}, {"--format", "jsonl", "--action", "save"}, {"--format", "jsonl", "--subject", id}, {"--format", "ts27560", "--record", id}, {"--format", "dpv", "--record", id}} {
		code, out, errs := s.export(args...)
		if code != found || !strings.Contains(errs, id) || !strings.Contains(errs, "not complete") || strings.Contains(out, id) {
			t.Errorf("%v: exit %d, %s", args, code, errs)
		}
		file := filepath.Join(t.TempDir(), "file")
		code, _, _ = s.export(append(args, "--output", file)...)
		if _, err := os.Stat(file); err == nil || code != found {
			t.Errorf("%v: exit %d, and a file is there", args, code)
		}
	}
}

func TestAnExportSaysThatARecordIsMissingWhosePlaceIsGone(t *testing.T) {
	s := newExportStore(t)
	s.fill(s.publish("shop", "1.0"), 300)
	s.log()
	tamper(t, s.where, `DELETE FROM place WHERE idx = 200`)
	for _, args := range [][]string{{"--format", "csv"}, {"--format", "jsonl", "--site", "shop", "--since", "2026-11-21"}} {
		file := filepath.Join(t.TempDir(), "file")
		code, _, errs := s.export(append(args, "--output", file)...)
		if _, err := os.Stat(file); err == nil || code != found || !strings.Contains(errs, "it is not complete: record ") || !strings.Contains(errs, "its place in the log was removed") {
			t.Errorf("%v: exit %d, %v, %s", args, code, err, errs)
		}
	}
}
