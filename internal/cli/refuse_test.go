package cli

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/store"
)

var refusedAt = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// all reads the files of folders.
func all(t *testing.T, folders ...string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, folder := range folders {
		list, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			name := filepath.Join(folder, e.Name())
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files[name] = string(b)
		}
	}
	return files
}

func TestNothingIsWrittenWhereSecretsAre(t *testing.T) {
	k := newKeysServer(t)
	r := k.choose(refusedAt, "")
	dir := t.TempDir()
	link, key := filepath.Join(dir, "link"), filepath.Join(dir, "a.csv")
	if err := errors.Join(os.Symlink(k.folder, link), os.Symlink(filepath.Join(k.folder, "shop.log.1"), key)); err != nil {
		t.Fatal(err)
	}
	export := []string{"export", "--store", k.where, "--output"}
	list := []string{"keys", "list", "--store", k.where, "--site", "shop", "--output"}
	backup := []string{"backup", "--store", k.where, "--output"}
	erase := []string{"erase", "--store", k.where, "--site", "shop", "--record", r.ID.String(), "--form", "destroy", "--journal"}
	before := all(t, k.where, k.folder)
	for _, c := range []struct {
		command []string
		file    string
		want    string
		more    []string
	}{
		{export, k.folder + "/shop.log.1", "is a private key", nil},
		{export, link + "/shop.log.1", "is a private key", nil},
		{export, key, "is a private key", nil},
		{export, k.where + "/new.csv", "in the folder of the store", nil},
		{export, k.folder + "/../store/new.csv", "in the folder of the store", nil},
		{list, k.folder + "/shop.cookie.1", "is a private key", nil},
		{list, link + "/new", "in the folder of the keys", []string{"--keys", k.folder}},
		{list, k.folder + "/new", "in the folder of the keys", []string{"--keys", link}},
		{backup, k.where, "in the folder of the store", nil},
		{backup, k.where + "/backup", "in the folder of the store", nil},
		{erase, k.folder + "/shop.log.1", "is a private key", nil},
		{erase, key, "is a private key", nil},
		{erase, k.folder + "/new", "in the folder of the keys", []string{"--keys", k.folder}},
		{erase, k.where + "/temoin.db", "in the folder of the store", nil},
		{erase, k.manifest, "is no journal of erasures", nil},
		{erase, dir, "is no regular file", nil},
	} {
		args := append(append(append([]string{}, c.command...), c.file), c.more...)
		if code, out, errs := at(refusedAt, "", args...); code != failed || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%v: %d, %q, %q", args, code, out, errs)
		}
	}
	after := all(t, k.where, k.folder)
	for name, text := range after {
		if before[name] != text && !strings.HasSuffix(name, "-shm") {
			t.Errorf("%s is changed", name)
		}
	}
	if kept, _ := k.isKept(r); !kept {
		t.Error("it is erased all the same")
	}
	// The journal's usual place is none of a secret, and is written once.
	usual := filepath.Join(k.where, "erasures.jsonl")
	if code, _, errs := at(refusedAt, "", append(erase, usual)...); code != done {
		t.Errorf("%d, %q", code, errs)
	}
	if text, err := os.ReadFile(usual); err != nil || strings.Count(string(text), "\n") != 1 {
		t.Errorf("%q, %v", text, err)
	}
}

func TestAFolderOfKeysThatIsNotThereIsNotMade(t *testing.T) {
	k := newKeysServer(t)
	k.choose(refusedAt, "")
	typo := k.folder + "2"
	for _, args := range [][]string{
		{"keys", "rotate", "--store", k.where}, {"keys", "rotate", "--store", k.where, "--prepare"}, {"keys", "rotate", "--store", k.where, "--lost", "--reason", "x"},
		{"keys", "rotate", "--what", "cookie"}, {"keys", "rotate", "--what", "account", "--store", k.where, "--lost", "--reason", "x"},
		{"keys", "retire", "--store", k.where}, {"keys", "new-log", "--store", k.where, "--reason", "x"}, {"keys", "prune", "--lasts", "1 month"},
		{"erase", "--store", k.where, "--account", "ann"},
	} {
		args = append(args, "--site", "shop", "--keys", typo)
		if code, out, errs := at(refusedAt, "", args...); code != failed || out != "" || !strings.Contains(errs, "there is no folder of keys "+typo) {
			t.Errorf("%v: %d, %q, %q", args, code, out, errs)
		}
		if _, err := os.Stat(typo); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("%v: it is made: %v", args, err)
		}
	}
	k.ok("keys", "make", "--keys", typo, k.manifest)
}

func TestARestoreIsToldWhatIsNoCheckpointAndWhatIsCut(t *testing.T) {
	k := newKeysServer(t)
	receipt := k.receipt("receipt.json")
	backup := filepath.Join(t.TempDir(), "backup")
	k.ok("backup", "--store", k.where, "--output", backup)
	r := k.choose(refusedAt, "")
	k.ok("erase", "--store", k.where, "--site", "shop", "--record", r.ID.String(), "--form", "destroy")
	journal, err := os.ReadFile(filepath.Join(k.where, "erasures.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile(receipt)
	var whole register.Receipt
	if err = errors.Join(err, json.Unmarshal(src, &whole)); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "to")
	for want, args := range map[string][]string{
		"is a receipt, and the checkpoint is a part of it": {"--checkpoint", receipt},
		"is no checkpoint but JSON":                        {"--checkpoint", k.file("other.json", `{"record": {}}`)},
		"the last line of the journal of erasures is cut":  {"--journal", k.file("cut.jsonl", string(journal[:len(journal)-20]))},
	} {
		if code, out, errs := at(refusedAt, "", append([]string{"restore", backup, "--store", to}, args...)...); code != failed || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%v: %d, %q, %q", args, code, out, errs)
		}
		if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v: %s is made: %v", args, to, err)
		}
	}
	k.ok("restore", backup, "--store", to, "--checkpoint", k.file("checkpoint", whole.Log.Checkpoint), "--journal", k.file("whole.jsonl", string(journal)))
}

func TestWhatCannotBeErasedYetSaysWhyAndWhatToDo(t *testing.T) {
	k := newKeysServer(t)
	k.choose(refusedAt, "")
	if said := notLogged(t.Context(), k.store, "shop"); !strings.Contains(said, "is the server running") {
		t.Error(said)
	}
	backup := filepath.Join(t.TempDir(), "backup")
	k.ok("backup", "--store", k.where, "--output", backup)
	k.choose(refusedAt, "")
	note, err := k.store.Checkpoint(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "to")
	k.ok("restore", backup, "--store", to, "--checkpoint", k.file("checkpoint", string(note)), "--accept-loss")
	s, err := store.Open(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if said := notLogged(t.Context(), s, "shop"); !strings.HasPrefix(said, "More was signed") || !strings.Contains(said, "temoin keys new-log --site shop") {
		t.Error(said)
	}
	k.ok("keys", "new-log", "--store", to, "--keys", k.folder, "--site", "shop", "--reason", "The disk broke.")
	if said := notLogged(t.Context(), s, "shop"); !strings.Contains(said, "is the server running") {
		t.Error(said)
	}
	if _, err := s.Ahead(t.Context(), "other"); err != nil && !errors.Is(err, ledger.ErrUnsigned) {
		t.Error(err)
	}
}

func TestErrorsOfAStoreThatCannotBeOpenedAreReadAndSayWhatIsNeeded(t *testing.T) {
	for _, args := range [][]string{{"export"}, {"purge"}, {"keys", "list", "--site", "shop"}, {"backup", "--output", filepath.Join(t.TempDir(), "b")}, {"grant", "--role", "r"}, {"restore"}} {
		code, out, errs := at(refusedAt, "", append(args, "--store", "postgres://temoin:secret@127.0.0.1:1/db")...)
		if code != failed || out != "" || !strings.Contains(errs, "127.0.0.1:1") || strings.Contains(errs, "\uFFFD") || strings.Contains(errs, "secret") {
			t.Errorf("%v: %d, %q, %q", args, code, out, errs)
		}
	}
	k := newKeysServer(t)
	if err := k.store.Close(); err != nil {
		t.Fatal(err)
	}
	// As where nothing can be written: the file beside the database cannot be made.
	if err := os.Symlink(filepath.Join(k.where, "no such folder", "file"), filepath.Join(k.where, "temoin.db-shm")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"export"}, {"keys", "list", "--site", "shop"}} {
		if code, _, errs := at(refusedAt, "", append(args, "--store", k.where)...); code != failed || !strings.Contains(errs, "can be read only where it can be written") {
			t.Errorf("%v: %d, %q", args, code, errs)
		}
	}
}

func TestAKeyThatOthersMayHaveReadIsReplacedByItsUse(t *testing.T) {
	k := newKeysServer(t)
	for name, want := range map[string]string{"shop.cookie.1": "keys rotate --compromised --what cookie", "shop.account.1": "this one cannot be replaced"} {
		if err := os.Chmod(filepath.Join(k.folder, name), 0o644); err != nil {
			t.Fatal(err)
		}
		args := []string{"keys", "rotate", "--what", "cookie", "--keys", k.folder, "--site", "shop"}
		if strings.Contains(name, "account") {
			args = []string{"erase", "--store", k.where, "--keys", k.folder, "--site", "shop", "--account", "ann"}
		}
		if code, _, errs := at(refusedAt, "", args...); code != failed || !strings.Contains(errs, want) {
			t.Errorf("%s: %d, %q", name, code, errs)
		}
	}
}
