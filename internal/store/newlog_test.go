package store

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/storetest"
)

// lose makes the log one of which more was signed than is kept, as after a restore
// whose loss was accepted. It returns the checkpoint.
func (k *keyed) lose(signed int64) []byte {
	k.t.Helper()
	keys, err := k.ring.Log(k.site.ID)
	k.must(err)
	note, err := ledger.Sign(ledger.Head{Size: signed, Root: ledger.Hash{1}}, keys[len(keys)-1])
	k.must(err)
	k.must(k.keepAhead(k.t.Context(), &Behind{Site: k.site.ID, Checkpoint: note}))
	k.must(k.KeepCosigned(k.t.Context(), k.site.ID, signed, 1, note))
	k.restart()
	return note
}

// of is what a reader of the list of keys trusts of one log.
func (k *keyed) of(origin string) ledger.Trust {
	k.t.Helper()
	t := ledger.Trust{Origin: origin}
	for _, key := range k.published().Keys {
		if key.Name() == origin {
			t.Keys = append(t.Keys, key)
		}
	}
	return t
}

func TestAfterALossALogGoesOnUnderAnotherName(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		k := keyedLog(t, where)
		first, second := register.LogOrigin(k.site), register.LogOrigin(k.site)+"/2"
		kept := k.choose(2)
		early := k.receipt(kept)
		if _, err := k.book.NewLog(t.Context(), k.site.ID, "why not"); err == nil || !strings.Contains(err.Error(), "holds all that was signed") {
			t.Errorf("of a log that lost nothing: %v", err)
		}
		late := k.lose(5)
		commit(t, k.Store, choice1(t, k.site, 50))
		if _, _, err := k.q.Step(t.Context()); !errors.Is(err, register.ErrAhead) {
			t.Fatalf("after the loss: %v", err)
		}
		if _, err := k.book.NewLog(t.Context(), k.site.ID, ""); err == nil {
			t.Error("it is begun without a reason")
		}
		next, err := k.book.NewLog(t.Context(), k.site.ID, "The disk broke.")
		if err != nil || next.Size != 2 || next.Note != "The disk broke." || string(next.Handover) != string(late) {
			t.Fatalf("%v: %+v", err, next)
		}
		if _, err := k.book.NewLog(t.Context(), k.site.ID, "again"); err == nil {
			t.Error("a third log is begun, and nothing was lost of the second")
		}
		fresh := k.choose(1)
		k.verifies("a receipt of the former log", early, k.of(first), true)
		for what, row := range map[string]register.Row{"a record of both logs": kept, "a new one": fresh} {
			receipt := k.receipt(row)
			k.verifies(what, receipt, k.of(second), true)
			if _, err := register.Verify(receipt, k.of(first)); register.Why(err) != register.OtherLog {
				t.Errorf("%s, in the former log: %v", what, err)
			}
		}
		k.servesOf(second, 4)
		if list := register.KeyList(k.rows()); !strings.Contains(list, "of the former log "+first+",") || !strings.Contains(list, "begins the log "+second+": of the one before, signed up to entry 5,") {
			t.Error(list)
		}
		if _, err := k.Store.Verify(t.Context(), Known{Checkpoints: [][]byte{late}}); err != nil {
			t.Errorf("the store: %v", err)
		}

		// Whoever lacks the new key does not sign, not even the former log.
		elsewhere := bookOf(k.Store, ringIn(t, filepath.Join(t.TempDir(), "other")))
		if err := register.NewSequencer(k.Store, elsewhere).Check(t.Context(), k.site.ID); !errors.Is(err, register.ErrOtherKey) {
			t.Errorf("without the key: %v", err)
		}
		if next, err = k.book.RotateLog(t.Context(), k.site.ID, register.Rotation{Why: register.KeyPlanned}); err != nil || !strings.HasPrefix(next.Public, second+"+") {
			t.Fatalf("its key is replaced: %v, %s", err, next.Public)
		}
		keys, err := k.book.LogKeys(t.Context(), k.site.ID)
		if err != nil || len(keys.Signers) != 2 || keys.Signers[1].Origin() != second {
			t.Errorf("%v: %v sign", err, keys.Signers)
		}

		k.lose(9)
		if next, err = k.book.NewLog(t.Context(), k.site.ID, "The other disk too."); err != nil || !strings.HasPrefix(next.Public, first+"/3+") {
			t.Fatalf("after another loss: %v, %s", err, next.Public)
		}
		k.verifies("a receipt of the first of three logs", early, k.of(first), true)
	})
}

// servesOf compares the checkpoint that everybody can read.
func (k *keyed) servesOf(origin string, size int64) {
	k.t.Helper()
	mux := http.NewServeMux()
	(&register.PublicLog{Site: k.site.ID, Store: k.Store}).Mount(mux, "")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(k.t.Context(), "GET", "/log/checkpoint", nil))
	c, err := k.of(origin).Open(w.Body.Bytes())
	if err != nil || c.Size != size {
		k.t.Errorf("served: %v, size %d: %s", err, c.Size, w.Body)
	}
}

// The folder of keys knows what it has signed, whatever becomes of the store.
func TestWhatWasSignedIsKnownBesideTheKeysToo(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		k := keyedLog(t, where)
		k.choose(3)
		signed, err := k.ring.LastSigned(k.site.ID)
		if head, opened := k.published().Open(signed); err != nil || opened != nil || head.Size != 3 {
			t.Fatalf("%v, %v: size %d", err, opened, head.Size)
		}

		elsewhere := engines[0].place(t)
		if isPostgres(k.Store) {
			elsewhere = storetest.Database(t)
		}
		empty := open1(t, elsewhere)
		err = bookOf(empty, k.ring).Begin(t.Context(), k.site.ID, register.LogOrigin(k.site))
		if !errors.Is(err, register.ErrAhead) || !strings.Contains(err.Error(), "with 3 entries") {
			t.Errorf("a store that was lost: %v", err)
		}
		if rows, err := empty.SiteKeys(t.Context(), k.site.ID, register.KeyOfLog); err != nil || len(rows) != 0 {
			t.Errorf("it has %d keys, %v", len(rows), err)
		}

		keys, err := k.ring.Log(k.site.ID)
		k.must(err)
		for what, head := range map[string]ledger.Head{"more entries": {Size: 9, Root: ledger.Hash{1}}, "other entries": {Size: 3, Root: ledger.Hash{1}}, "others at its beginning": {Size: 2, Root: ledger.Hash{1}}} {
			note, err := ledger.Sign(head, keys[0])
			k.must(err)
			k.must(k.ring.KeepSigned(k.site.ID, note))
			k.restart()
			if err := k.q.Check(t.Context(), k.site.ID); !errors.Is(err, register.ErrAhead) {
				t.Errorf("%s: %v", what, err)
			}
			if _, err := k.book.RotateLog(t.Context(), k.site.ID, planned()); !errors.Is(err, register.ErrAhead) {
				t.Errorf("%s, and a rotation: %v", what, err)
			}
		}
		note, err := ledger.Sign(ledger.Head{Size: 9, Root: ledger.Hash{1}}, keys[0])
		k.must(err)
		k.must(k.ring.KeepSigned(k.site.ID, note))
		commit(t, k.Store, choice1(t, k.site, 50))
		if _, _, err := k.q.Step(t.Context()); !errors.Is(err, register.ErrAhead) {
			t.Errorf("a store that is as it was before: %v", err)
		}
		if next, err := k.book.NewLog(t.Context(), k.site.ID, "The disk broke."); err != nil || string(next.Handover) != string(note) {
			t.Fatalf("another log: %v: %+v", err, next)
		}
		k.restart()
		k.choose(2)
		if signed, err := k.ring.LastSigned(k.site.ID); err != nil || !strings.HasPrefix(string(signed), register.LogOrigin(k.site)+"/2\n6\n") {
			t.Errorf("%v: %s", err, signed)
		}
	})
}

// A backup can be made between the key of a new log and its first checkpoint, or where
// whoever began it died there.
func TestABackupOfBeforeTheFirstSignatureOfANewLogIsRestored(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		k := keyedLog(t, where)
		k.choose(2)
		late := k.lose(5)
		if _, err := bookOf(&killing{Store: k.Store, at: 3}, k.ring).NewLog(t.Context(), k.site.ID, "The disk broke."); !errors.Is(err, errKilled) || len(k.rows()) != 2 {
			t.Fatalf("it is signed: %v", err)
		}
		if ahead, err := k.Ahead(t.Context(), k.site.ID); err != nil || ahead {
			t.Errorf("behind a log that is no more: %v, %v", ahead, err)
		}
		sites, r := k.restored(Known{Checkpoints: [][]byte{late}})
		if len(sites) != 1 || sites[0].Head.Size != 2 || sites[0].Signed != 0 || sites[0].Records != 2 {
			t.Errorf("restored: %+v", sites)
		}
		k.Store = r
		k.restart()
		k.choose(1)
		second := register.LogOrigin(k.site) + "/2"
		k.servesOf(second, 3)

		// Once it is signed, its checkpoint cannot be taken away for that of the former one.
		for _, statement := range []string{`UPDATE log SET checkpoint = $1`, `UPDATE log SET checkpoint = $1, signed = 0`} {
			_, err := k.write.Exec(statement, late)
			k.must(err)
			if _, err := k.Store.Verify(t.Context(), Known{}); !Finds(err) || !strings.Contains(err.Error(), "the log has 3 entries and no checkpoint") {
				t.Errorf("its checkpoint is gone: %v", err)
			}
		}
	})
}

// restored is what a backup of the store is restored to.
func (k *keyed) restored(known Known) ([]Verified, *Store) {
	k.t.Helper()
	file := filepath.Join(k.t.TempDir(), "backup")
	_, err := k.Backup(k.t.Context(), file)
	k.must(err)
	to, restore := filepath.Join(k.t.TempDir(), "restored"), Restore
	if isPostgres(k.Store) {
		to, restore = storetest.Database(k.t), RestorePostgres
	}
	r, err := restore(k.t.Context(), file, to, Restoring{Known: known})
	k.must(err)
	return r.Sites, open1(k.t, to)
}
