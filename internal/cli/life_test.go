package cli

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/keyring"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/store"
	"github.com/temoin/temoin/internal/storetest"
)

// choose makes a choice, of an account or of nobody's, and puts it into the log.
func (k *keysServer) choose(at time.Time, account string) register.Row {
	k.t.Helper()
	id, err := consent.NewID(at, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	record, err := register.NewRecord(k.site, consent.Choose(k.site, id, at, func(string) bool { return true }), register.Event{Action: register.Accept, Language: "en", Account: account != ""}).Canonical()
	if err != nil {
		k.t.Fatal(err)
	}
	r := register.Row{Site: k.site.ID, ID: id, Salt: [16]byte(id), Record: record}
	if account != "" {
		ring, err := keyring.Open(k.folder, nil)
		if err != nil {
			k.t.Fatal(err)
		}
		keys, err := ring.Accounts(k.site.ID)
		if err != nil || len(keys) == 0 {
			k.t.Fatal(err, keys)
		}
		r.Account = keys[0].Link(account)
	}
	if _, err := k.store.Commit(k.t.Context(), []register.Row{r}); err != nil {
		k.t.Fatal(err)
	}
	if _, _, err := k.sequencer.Step(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
	return r
}

func (k *keysServer) isKept(r register.Row) (kept, linked bool) {
	row, _, err := k.store.Find(k.t.Context(), r.Site, r.ID)
	return err == nil, row.Account != nil
}

// at is a call at a time.
func at(now time.Time, in string, args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	std := Stdio{In: strings.NewReader(in), Out: &o, Err: &e, Now: func() time.Time { return now }}
	code = Run(context.Background(), args, std)
	return code, o.String(), e.String()
}

func TestEraseIsAboutWhomItNames(t *testing.T) {
	k := newKeysServer(t)
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	ann, ben, visitor := k.choose(now, "ann"), k.choose(now, "ben"), k.choose(now, "")
	journal := filepath.Join(t.TempDir(), "journal")
	erase := func(in string, args ...string) (int, string, string) {
		return at(now, in, append([]string{"erase", "--store", k.where, "--site", "shop", "--journal", journal}, args...)...)
	}
	if code, out, errs := erase("ann\n", "--account", "-", "--keys", k.folder); code != done || !strings.HasPrefix(out, "1 record unlinked") {
		t.Errorf("%d, %q, %q", code, out, errs)
	}
	if kept, linked := k.isKept(ann); !kept || linked {
		t.Error("unlinking keeps the record and takes the link")
	}
	if _, linked := k.isKept(ben); !linked {
		t.Error("another account is unlinked")
	}
	if code, out, errs := erase("", "--account", "ann", "--keys", k.folder); code != done || !strings.HasPrefix(out, "Nothing is linked") {
		t.Errorf("%d, %q, %q", code, out, errs)
	}
	if code, out, errs := erase("", "--account", "ben", "--keys", k.folder, "--form", "destroy"); code != done || !strings.HasPrefix(out, "1 record destroyed") {
		t.Errorf("%d, %q, %q", code, out, errs)
	}
	if code, out, errs := erase("", "--record", visitor.ID.String(), "--chain", "--form", "destroy"); code != done || !strings.HasPrefix(out, "1 record destroyed") {
		t.Errorf("%d, %q, %q", code, out, errs)
	}
	if a, _ := k.isKept(ben); a {
		t.Error("ben's record is kept")
	}
	if a, _ := k.isKept(visitor); a {
		t.Error("the visitor's record is kept")
	}
	if code, out, errs := at(now, "", "erase", "--store", k.where, "--site", "shpo", "--record", ben.ID.String()); code != failed || out != "" || !strings.Contains(errs, `no site "shpo", but shop`) {
		t.Errorf("a site that is not there: %d, %q, %q", code, out, errs)
	}
	text, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := register.ParseJournal(string(text)); err != nil || len(list) != 3 || list[0].At != now {
		t.Errorf("%v: %v", err, list)
	}
	for _, wrong := range [][]string{
		{}, {"--account", "ann"}, {"--account", "ann", "--keys", t.TempDir()}, {"--account", "-", "--keys", k.folder}, {"--record", "x"}, {"--record", ben.ID.String(), "--account", "ben"},
		{"--record", ben.ID.String(), "--form", "forget"}, {"--record", ben.ID.String(), "--chain"}, {"--account", "a", "--keys", k.folder, "--chain"}, {"--record", ben.ID.String(), "more"},
	} {
		if code, _, errs := erase("", wrong...); code != failed || errs == "" {
			t.Errorf("%q: %d, %q", wrong, code, errs)
		}
	}
}

func TestPurgeGoesByTheManifestAndTheDate(t *testing.T) {
	k := newKeysServer(t)
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	old, young := k.choose(now, ""), k.choose(now.AddDate(1, 0, 0), "")
	due := now.AddDate(5, 6, 1)
	if code, out, errs := at(due, "", "purge", "--store", k.where, "--dry-run", k.manifest); code != done || !strings.HasPrefix(out, "shop: 1 record would go") {
		t.Errorf("%d, %q, %q", code, out, errs)
	}
	if kept, _ := k.isKept(old); !kept {
		t.Error("a dry run removes nothing")
	}
	if code, out, errs := at(due, "", "purge", "--store", k.where, k.manifest); code != done || out != "shop: 1 record removed\n" {
		t.Errorf("%d, %q, %q", code, out, errs)
	}
	if kept, _ := k.isKept(old); kept {
		t.Error("the old record is kept")
	}
	if kept, _ := k.isKept(young); !kept {
		t.Error("the young record went")
	}
	other := filepath.Join(t.TempDir(), "other.yaml")
	if err := os.WriteFile(other, []byte(strings.Replace(keysShop, "site: shop", "site: shpo", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := at(due, "", "purge", "--store", k.where, other); code != failed || out != "" || !strings.Contains(errs, `no site "shpo", but shop`) {
		t.Errorf("a site that is not there: %d, %q, %q", code, out, errs)
	}
	if code, _, errs := at(due, "", "purge", "--store", k.where); code != failed || !strings.Contains(errs, "no active version") {
		t.Errorf("%d, %q", code, errs)
	}
}

func TestABackupIsRestoredWithWhatWasErasedSince(t *testing.T) {
	k := newKeysServer(t)
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	gone, stay := k.choose(now, ""), k.choose(now, "")
	dir := t.TempDir()
	code, out, errs := at(now, "", "backup", "--store", k.where, "--output", dir)
	backup := filepath.Join(dir, "temoin-20261121T120000Z.backup")
	if code != done || !strings.HasPrefix(out, backup+"\n") {
		t.Fatalf("%d, %q, %q", code, out, errs)
	}
	later := filepath.Join(dir, "later")
	code, out, errs = at(now, "", "erase", "--store", k.where, "--site", "shop", "--record", gone.ID.String(), "--form", "destroy")
	if code != done || !strings.Contains(out, "verify.\nIf a later") || !strings.Contains(out, "still names its id, in the field replaces") || strings.Contains(out, "\uFFFD") {
		t.Fatal(out, errs)
	}
	if code, _, errs := at(now, "", "backup", "--store", k.where, "--output", later); code != done {
		t.Fatal(errs)
	}
	k.choose(now, "")
	note, err := k.store.Checkpoint(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	checkpoint := filepath.Join(dir, "checkpoint")
	if err := os.WriteFile(checkpoint, note, 0o600); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "to")
	args := []string{"restore", backup, "--store", to, "--journal", later + ".erasures.jsonl", "--checkpoint", checkpoint}
	if code, _, errs := at(now, "", args...); code != found || !strings.Contains(errs, "(1) is lost") {
		t.Errorf("%d, %q", code, errs)
	}
	code, out, errs = at(now, "", append(args, "--accept-loss")...)
	if code != done || !strings.Contains(out, "shop: 2 entries in the log, 2 of them signed; 2 records kept") || !strings.Contains(out, "\nErased again: 1 record.") || strings.Contains(out, "\uFFFD") || !strings.Contains(out, "not signed on") {
		t.Errorf("%d, %q, %q", code, out, errs)
	}
	again := []string{"keys", "new-log", "--store", to, "--keys", k.folder, "--site", "shop"}
	if code, _, errs := at(now, "", again...); code != failed || !strings.Contains(errs, "needs --reason") {
		t.Errorf("%d, %q", code, errs)
	}
	if code, out, errs := at(now, "", append(again, "--reason", "The disk broke.")...); code != done || !strings.Contains(out, "/.temoin/log/2+") || !strings.Contains(errs, "with the 2 entries that are kept") {
		t.Errorf("%d, %q, %q", code, out, errs)
	}
	if code, _, errs := at(now, "", args...); code != failed || !strings.Contains(errs, "there already") {
		t.Errorf("over another store: %d, %q", code, errs)
	}
	if k.store, err = store.Open(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	defer k.store.Close()
	if kept, _ := k.isKept(gone); kept {
		t.Error("what was erased is back")
	}
	if kept, _ := k.isKept(stay); !kept {
		t.Error("the other record is lost")
	}
}

func TestErrorsOfSeveralLinesAreReadAndNothingInThemSteersATerminal(t *testing.T) {
	k := newKeysServer(t)
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	k.choose(now, "")
	db, err := sql.Open("sqlite", filepath.Join(k.where, "temoin.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, change := range []string{"DROP TRIGGER choice_never_changes", "UPDATE choice SET record = X'00'"} {
		if _, err := db.Exec(change); err != nil {
			t.Fatal(err)
		}
	}
	backup := filepath.Join(t.TempDir(), "backup")
	if code, _, errs := at(now, "", "backup", "--store", k.where, "--output", backup); code != done {
		t.Fatal(errs)
	}
	code, _, errs := at(now, "", "restore", backup, "--store", filepath.Join(t.TempDir(), "to"))
	if code != failed || !strings.Contains(errs, "trigger choice_never_changes on choice is missing") || !strings.Contains(errs, "\n  shop: ") || strings.Contains(errs, "\uFFFD") || strings.Contains(errs, "for help") {
		t.Errorf("%d, %q", code, errs)
	}
	code, _, errs = at(now, "", "restore", backup+"\x1b[2J\nVerified.", "--store", filepath.Join(t.TempDir(), "to"))
	if code != failed || strings.Contains(errs, "\x1b") || strings.Contains(errs, "\nVerified") {
		t.Errorf("%d, %q", code, errs)
	}
	var e bytes.Buffer
	c := newCall(restoreCommand, nil, Stdio{Err: &e})
	c.failLines("not done: ", errors.Join(errors.New("one\x1b"), errors.New("two")))
	if said, _, _ := strings.Cut(e.String(), "\nRun"); said != "temoin restore: not done: one\uFFFD\n  two" {
		t.Errorf("%q", said)
	}
}

func TestGrantIsForTheOwnerOfADatabase(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	folder := filepath.Join(t.TempDir(), "store")
	for want, args := range map[string][]string{
		"whom, and where?": {}, "after --role": {"--store", "postgres://owner@localhost/db"}, "after --store": {"--role", "temoin"}, "what is \"x\"": {"x"},
		"PostgreSQL only": {"--store", folder, "--role", "temoin"},
	} {
		if code, out, errs := at(now, "", append([]string{"grant"}, args...)...); code != failed || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%q: %d, %q, %q", args, code, out, errs)
		}
	}
	server := storetest.NewServer(t)
	if err := server.Serve(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	where := server.Address()
	storetest.SQL(t, where, "CREATE ROLE servers LOGIN")
	servers := strings.Replace(where, "owner@", "servers@", 1)
	if s, err := store.Open(t.Context(), servers); err == nil {
		s.Close()
		t.Fatal("the role needs no rights")
	}
	if code, out, errs := at(now, "", "grant", "--store", where, "--role", "servers"); code != done || !strings.Contains(out, "servers has its rights") {
		t.Fatalf("%d, %q, %q", code, out, errs)
	}
	s, err := store.Open(t.Context(), servers)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if code, _, errs := at(now, "", "grant", "--store", where, "--role", "nobody"); code != failed || !strings.Contains(errs, "make it first") {
		t.Errorf("%d, %q", code, errs)
	}
}
