package store

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/temoin/temoin/internal/keyring"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/policy"
)

var keyNoon = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

func ringIn(t testing.TB, folder string) *keyring.Ring {
	t.Helper()
	r, err := keyring.Open(folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func bookOf(s register.KeyStore, r *keyring.Ring) *register.Keybook {
	return register.NewKeybook(s, r, func() time.Time { return keyNoon })
}

// A keyed is a log with the keys that it began with.
type keyed struct {
	*Store
	t      testing.TB
	site   *policy.Site
	folder string
	ring   *keyring.Ring
	book   *register.Keybook
	q      *register.Sequencer
	n      int
}

func keyedLog(t testing.TB, where string) *keyed {
	t.Helper()
	k := &keyed{Store: open1(t, where), t: t, site: shop(t), folder: filepath.Join(t.TempDir(), "keys")}
	k.ring = ringIn(t, k.folder)
	k.restart()
	k.must(k.book.Begin(t.Context(), k.site.ID, register.LogOrigin(k.site)))
	return k
}

// restart is another process with the same store and folder.
func (k *keyed) restart() {
	k.book = bookOf(k.Store, k.ring)
	k.q = register.NewSequencer(k.Store, k.book)
}

func (k *keyed) must(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

// choose keeps some choices, puts them into the log, and returns the last.
func (k *keyed) choose(choices int) (last register.Row) {
	k.t.Helper()
	for range choices {
		last = choice1(k.t, k.site, k.n)
		k.n++
		commit(k.t, k.Store, last)
	}
	for {
		n, _, err := k.q.Step(k.t.Context())
		k.must(err)
		if n == 0 {
			return last
		}
	}
}

func (k *keyed) rows() []register.SiteKey {
	k.t.Helper()
	rows, err := k.SiteKeys(k.t.Context(), k.site.ID, register.KeyOfLog)
	k.must(err)
	return rows
}

// trust is in the keys of these numbers only.
func (k *keyed) trust(numbers ...int) ledger.Trust {
	k.t.Helper()
	t := ledger.Trust{Origin: register.LogOrigin(k.site)}
	for _, r := range k.rows() {
		for _, n := range numbers {
			if r.Number == n {
				v, err := ledger.ParseVerifier(r.Public)
				k.must(err)
				t.Keys = append(t.Keys, v)
			}
		}
	}
	return t
}

// published is the trust of who reads the list that the site publishes.
func (k *keyed) published() ledger.Trust {
	k.t.Helper()
	t := ledger.Trust{Origin: register.LogOrigin(k.site)}
	for _, line := range strings.Split(strings.TrimSuffix(register.KeyList(k.rows()), "\n"), "\n") {
		if !strings.HasPrefix(line, "#") {
			v, err := ledger.ParseVerifier(line)
			k.must(err)
			t.Keys = append(t.Keys, v)
		}
	}
	return t
}

func (k *keyed) receipt(row register.Row) []byte {
	k.t.Helper()
	all, err := register.TrustIn(k.rows(), true)
	k.must(err)
	r, err := register.NewReceipt(k.t.Context(), k.Store, all, k.site.ID, row.ID)
	k.must(err)
	b, err := json.Marshal(r)
	k.must(err)
	return b
}

func (k *keyed) verifies(what string, receipt []byte, trust ledger.Trust, want bool) {
	k.t.Helper()
	if _, err := register.Verify(receipt, trust); (err == nil) != want || !want && register.Why(err) != register.Unsigned {
		k.t.Errorf("%s: %v", what, err)
	}
}

func planned() register.Rotation { return register.Rotation{Why: register.KeyPlanned} }

func (k *keyed) rotate(o register.Rotation) register.SiteKey {
	k.t.Helper()
	next, err := k.book.RotateLog(k.t.Context(), k.site.ID, o)
	k.must(err)
	return next
}

func TestReceiptsVerifyThroughARotation(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		k := keyedLog(t, where)
		before := k.receipt(k.choose(3))
		next := k.rotate(planned())
		k.verifies("before the rotation, with the list", before, k.published(), true)
		k.verifies("before the rotation, with the new key", before, k.trust(2), false)

		// What is served is signed by both at once, without a new choice.
		note, err := k.Checkpoint(t.Context(), k.site.ID)
		k.must(err)
		for n := 1; n <= 2; n++ {
			if c, err := k.trust(n).Open(note); err != nil || c.Size != 3 {
				t.Errorf("key %d does not open the checkpoint of the rotation: %v", n, err)
			}
		}
		during := k.receipt(k.choose(2)) // by the sequencer that knew the old key
		for n := 1; n <= 2; n++ {
			k.verifies("during the transition", during, k.trust(n), true)
		}
		ended, err := k.book.RetireLog(t.Context(), k.site.ID, planned())
		if err != nil || len(ended) != 1 || ended[0].Number != 1 {
			t.Fatalf("%v, %v", ended, err)
		}
		after := k.receipt(k.choose(1))
		k.verifies("after the transition, with the new key", after, k.trust(2), true)
		k.verifies("after the transition, with the old key", after, k.trust(1), false)
		k.verifies("before the rotation, with the list, after all", before, k.published(), true)

		// Who knows the old key only is led to the new one, and to none other.
		followed, err := k.trust(1).Follow(next.Handover)
		k.must(err)
		k.verifies("after the transition, by following", after, followed, true)
		if _, err := k.trust(2).Follow(next.Handover); err == nil {
			t.Error("a handover by an unknown key was followed")
		}
		k.restart()
		k.choose(1)
	})
}

func TestAProcessWithAnotherFolderOfKeysSignsNothing(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		k := keyedLog(t, where)
		k.choose(2)
		note, err := k.Checkpoint(t.Context(), k.site.ID)
		k.must(err)
		empty := filepath.Join(t.TempDir(), "not mounted")
		other := bookOf(k.Store, ringIn(t, empty))
		if err := other.Begin(t.Context(), k.site.ID, register.LogOrigin(k.site)); !errors.Is(err, register.ErrOtherKey) || !strings.Contains(err.Error(), k.rows()[0].Public) {
			t.Errorf("%v", err)
		}
		if made, err := os.ReadDir(empty); err != nil || len(made) > 0 {
			t.Errorf("%v, %v: keys were made that nobody needs", made, err)
		}
		commit(t, k.Store, choice1(t, k.site, 99))
		q := register.NewSequencer(k.Store, other)
		if _, _, err := q.Step(t.Context()); !errors.Is(err, register.ErrOtherKey) {
			t.Errorf("%v", err)
		}
		if now, err := k.Checkpoint(t.Context(), k.site.ID); err != nil || string(now) != string(note) {
			t.Errorf("%v: it was signed", err)
		}
		if head, err := k.Head(t.Context(), k.site.ID); err != nil || head.Size != 2 {
			t.Errorf("%v: the log was extended to %d", err, head.Size)
		}
		k.restart()
		k.choose(0)
		if head, err := k.Head(t.Context(), k.site.ID); err != nil || head.Size != 3 {
			t.Errorf("%v: the right folder does not go on: %d", err, head.Size)
		}
	})
}

func TestOfProcessesThatStartAtOnceOneKeyIsTheLogs(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s, site := open1(t, where), shop(t)
		shared := t.TempDir() + "/shared"
		var all sync.WaitGroup
		var errs [8]error
		for i := range errs {
			folder := shared
			if i%2 == 1 {
				folder = filepath.Join(t.TempDir(), "own")
			}
			r := ringIn(t, folder)
			all.Go(func() { errs[i] = bookOf(s, r).Begin(t.Context(), site.ID, register.LogOrigin(site)) })
		}
		all.Wait()
		began, with := 0, map[bool]int{}
		for i, err := range errs {
			if err == nil {
				began++
				with[i%2 == 0]++
			} else if !errors.Is(err, register.ErrOtherKey) {
				t.Errorf("%v", err)
			}
		}
		rows, err := s.SiteKeys(t.Context(), site.ID, register.KeyOfLog)
		if err != nil || len(rows) != 1 || with[false] > 1 || with[false] == 1 && with[true] > 0 || with[true] > 0 && with[true] < 4 {
			t.Errorf("%v: %d keys, %v began", err, len(rows), with)
		}
		// The key of the log and that of accounts can have gone to different folders.
		if accounts, err := s.SiteKeys(t.Context(), site.ID, register.KeyOfAccounts); err != nil || len(accounts) != 1 {
			t.Errorf("%v, %v", accounts, err)
		}
	})
}

func TestACompromisedKeySignsNoMoreAndIsBelievedNoMore(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		k := keyedLog(t, where)
		row := k.choose(3)
		before := k.receipt(row)
		stolen, err := k.book.PrepareLog(t.Context(), k.site.ID) // it was in the folder too
		k.must(err)
		if _, err := k.book.RotateLog(t.Context(), k.site.ID, register.Rotation{Why: register.KeyCompromised}); err == nil {
			t.Fatal("a key is replaced without a reason")
		}
		next := k.rotate(register.Rotation{Why: register.KeyCompromised, Note: "a laptop was stolen"})
		if next.Public == stolen.Verifier().String() || next.Handover != nil {
			t.Errorf("the next key is %v", next)
		}
		note, err := k.Checkpoint(t.Context(), k.site.ID)
		k.must(err)
		if _, err := k.trust(1).Open(note); !errors.Is(err, ledger.ErrUnsigned) {
			t.Errorf("%v: the old key signs on", err)
		}
		k.verifies("a receipt that only the compromised key has signed", before, k.published(), false)
		k.verifies("the same, downloaded again", k.receipt(row), k.published(), true)
		k.verifies("a new one", k.receipt(k.choose(1)), k.published(), true)
		if readers, err := register.TrustIn(k.rows(), false); err != nil || len(readers.Keys) != 1 || readers.Keys[0].String() != next.Public {
			t.Errorf("%v, %v", readers, err)
		}
		if list := register.KeyList(k.rows()); !strings.Contains(list, "\n# "+k.rows()[0].Public+"\n") || strings.Contains(list, "laptop") {
			t.Errorf("%s", list)
		}
		if end := k.rows()[0].Ends; len(end) != 1 || end[0].Note != "a laptop was stolen" || !end[0].At.Equal(keyNoon) {
			t.Errorf("%v", end)
		}
		ready, err := k.book.PrepareLog(t.Context(), k.site.ID)
		k.must(err)
		if later := k.rotate(planned()); later.Public != ready.Verifier().String() || later.Public == stolen.Verifier().String() {
			t.Error("a key that was in the folder at the theft is taken by a later rotation")
		}
	})
}

func TestAKeyThatEndedCanBeFoundOutToBeCompromisedLater(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		k := keyedLog(t, where)
		before := k.receipt(k.choose(1))
		k.rotate(planned())
		_, err := k.book.RetireLog(t.Context(), k.site.ID, planned())
		k.must(err)
		k.verifies("in time", before, k.published(), true)
		_, err = k.book.RetireLog(t.Context(), k.site.ID, register.Rotation{Why: register.KeyCompromised, Note: "found on a disk"})
		k.must(err)
		k.verifies("compromised", before, k.published(), false)
		if again, err := k.book.RetireLog(t.Context(), k.site.ID, register.Rotation{Why: register.KeyCompromised, Note: "again"}); err != nil || len(again) != 0 {
			t.Errorf("%v, %v", again, err)
		}
	})
}

func TestAKeyIsLostOnlyWhenItIsNotThere(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		k := keyedLog(t, where)
		before := k.receipt(k.choose(2))
		lost := register.Rotation{Why: register.KeyLost, Note: "the disk died"}
		if _, err := k.book.RotateLog(t.Context(), k.site.ID, lost); err == nil || !strings.Contains(err.Error(), "shop.log.1") {
			t.Errorf("%v", err)
		}
		old := k.book
		k.ring = ringIn(t, t.TempDir()+"/new")
		k.restart()
		if _, err := k.book.RotateLog(t.Context(), k.site.ID, planned()); !errors.Is(err, register.ErrOtherKey) || !strings.Contains(err.Error(), "--lost") {
			t.Errorf("%v", err)
		}
		next := k.rotate(lost)
		if next.Why != register.KeyLost || next.Note != lost.Note || next.Handover != nil || next.Size != 2 {
			t.Errorf("%+v", next)
		}
		k.verifies("before the loss", before, k.published(), true)
		k.verifies("after it", k.receipt(k.choose(1)), k.trust(2), true)
		// The old folder turns up again.
		if _, err := old.LogKeys(t.Context(), k.site.ID); !errors.Is(err, register.ErrOtherKey) {
			t.Errorf("%v", err)
		}
	})
}

func TestTheKeyOfAccountLinksIsReplacedOnlyWhenItIsLost(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		k := keyedLog(t, where)
		one, err := k.book.Account(t.Context(), k.site.ID)
		k.must(err)
		lost := register.Rotation{Why: register.KeyLost, Note: "the disk died"}
		for _, o := range []register.Rotation{planned(), lost, {Why: register.KeyLost}, {Why: register.KeyCompromised, Note: "x"}} {
			if _, err := k.book.ReplaceAccounts(t.Context(), k.site.ID, o); err == nil {
				t.Errorf("%v: links were given up", o)
			}
		}
		k.must(os.Remove(filepath.Join(k.folder, "shop.account.1")))
		if _, err := k.book.Account(t.Context(), k.site.ID); !errors.Is(err, register.ErrOtherKey) {
			t.Errorf("%v", err)
		}
		if err := k.book.Begin(t.Context(), k.site.ID, register.LogOrigin(k.site)); !errors.Is(err, register.ErrOtherKey) {
			t.Errorf("%v: it begins with other links", err)
		}
		_, err = k.book.ReplaceAccounts(t.Context(), k.site.ID, lost)
		k.must(err)
		k.restart()
		two, err := k.book.Account(t.Context(), k.site.ID)
		if err != nil || string(two.Link("alice")) == string(one.Link("alice")) || len(two.Link("alice")) != 32 {
			t.Errorf("%v, %v", two, err)
		}
		k.must(k.book.Begin(t.Context(), k.site.ID, register.LogOrigin(k.site)))
	})
}

func TestAKeyOfAnotherLogIsNotTaken(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s, site := open1(t, where), shop(t)
		r := ringIn(t, t.TempDir()+"/keys")
		if _, err := r.MakeLog(site.ID, "staging.example/.temoin/log", nil); err != nil {
			t.Fatal(err)
		}
		if err := bookOf(s, r).Begin(t.Context(), site.ID, register.LogOrigin(site)); err == nil || !strings.Contains(err.Error(), "staging.example") {
			t.Errorf("%v", err)
		}
		if rows, err := s.SiteKeys(t.Context(), site.ID, register.KeyOfLog); err != nil || len(rows) > 0 {
			t.Errorf("%v, %v", rows, err)
		}
	})
}

// killing is a store whose process dies before or after the nth thing that it
// writes about keys.
type killing struct {
	*Store
	writes, at int
}

func (f *killing) around(write func() error) error {
	if f.writes++; f.writes >= f.at {
		return errKilled
	}
	err := write()
	if f.writes++; err == nil && f.writes >= f.at {
		return errKilled
	}
	return err
}

func (f *killing) AddSiteKey(ctx context.Context, k register.SiteKey) error {
	return f.around(func() error { return f.Store.AddSiteKey(ctx, k) })
}

func (f *killing) EndSiteKey(ctx context.Context, site, use string, number int, end register.KeyEnd) error {
	return f.around(func() error { return f.Store.EndSiteKey(ctx, site, use, number, end) })
}

func (f *killing) KeepCheckpoint(ctx context.Context, site string, size int64, note []byte) error {
	return f.around(func() error { return f.Store.KeepCheckpoint(ctx, site, size, note) })
}

func TestARotationThatDiesAnywhereIsFinishedByWhatComesNext(t *testing.T) {
	t.Parallel()
	for _, o := range []register.Rotation{planned(), {Why: register.KeyCompromised, Note: "stolen"}} {
		for at := 1; at <= 7; at++ {
			onEachOf(t, o.Why+string(rune('0'+at)), func(t *testing.T, where string) {
				k := keyedLog(t, where)
				before := k.receipt(k.choose(3))
				f := &killing{Store: k.Store, at: at}
				_, err := bookOf(f, k.ring).RotateLog(t.Context(), k.site.ID, o)
				if dead := f.writes >= at; dead != (err != nil) || dead != errors.Is(err, errKilled) {
					t.Fatalf("%v after %d writes", err, f.writes)
				}
				k.restart()
				k.choose(1) // the log goes on, whatever there was
				if len(k.rows()) == 1 {
					k.rotate(o)
				}
				if o.Why == register.KeyCompromised {
					_, err := k.book.RetireLog(t.Context(), k.site.ID, o)
					k.must(err)
				}
				if rows := k.rows(); len(rows) != 2 {
					t.Fatalf("%d keys", len(rows))
				}
				after := k.receipt(k.choose(1))
				k.verifies("after it, with the new key", after, k.trust(2), true)
				k.verifies("after it, with the old key", after, k.trust(1), o.Why == register.KeyPlanned)
				k.verifies("before it", before, k.published(), o.Why == register.KeyPlanned)
				if o.Why == register.KeyPlanned {
					if keys, err := k.ring.Log(k.site.ID); err != nil || len(keys) != 2 {
						t.Errorf("%v: %d keys in the folder", err, len(keys))
					}
				}
			})
		}
	}
}

func TestACheckpointOfTheOldKeysIsSignedAgainByWhoStartsNext(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		k := keyedLog(t, where)
		k.choose(2)
		// It dies once the key is registered, before it signs.
		if _, err := bookOf(&killing{Store: k.Store, at: 3}, k.ring).RotateLog(t.Context(), k.site.ID, planned()); !errors.Is(err, errKilled) || len(k.rows()) != 2 {
			t.Fatalf("%v", err)
		}
		k.restart()
		k.must(k.q.Check(t.Context(), k.site.ID))
		note, err := k.Checkpoint(t.Context(), k.site.ID)
		k.must(err)
		if c, err := k.trust(2).Open(note); err != nil || c.Size != 2 {
			t.Errorf("%v", err)
		}
	})
}

// between does something after a sequencer has read its keys and before it keeps
// what it signed with them.
type between struct {
	*Store
	do func()
}

func (b *between) KeepCheckpoint(ctx context.Context, site string, size int64, note []byte) error {
	if do := b.do; do != nil {
		b.do = nil
		do()
	}
	return b.Store.KeepCheckpoint(ctx, site, size, note)
}

func TestAKeyThatIsReplacedWhileItSignsIsNotTheLastToSign(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		k := keyedLog(t, where)
		k.choose(1)
		k.q = register.NewSequencer(&between{k.Store, func() {
			if _, err := bookOf(k.Store, k.ring).RotateLog(t.Context(), k.site.ID, register.Rotation{Why: register.KeyCompromised, Note: "stolen"}); err != nil {
				t.Error(err)
			}
		}}, k.book)
		k.choose(1)
		note, err := k.Checkpoint(t.Context(), k.site.ID)
		k.must(err)
		if c, err := k.published().Open(note); err != nil || c.Size != 2 || len(k.rows()) != 2 {
			t.Errorf("%v: the compromised key was the last to sign %d", err, c.Size)
		}
	})
}

func TestANodeThatLacksTheNewKeyStopsAndGoesOnWhenItIsThere(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		k := keyedLog(t, where)
		k.choose(1)
		far := ringIn(t, t.TempDir()+"/far")
		copyKeys(t, k.ring, far)
		q := register.NewSequencer(k.Store, bookOf(k.Store, far))
		commit(t, k.Store, choice1(t, k.site, 50))
		if n, _, err := q.Step(t.Context()); err != nil || n != 1 {
			t.Fatalf("%d, %v", n, err)
		}
		k.rotate(planned())
		commit(t, k.Store, choice1(t, k.site, 51))
		if _, _, err := q.Step(t.Context()); !errors.Is(err, register.ErrOtherKey) {
			t.Fatalf("%v", err)
		}
		copyKeys(t, k.ring, far)
		for range 2 { // the first may find the site stalled
			if _, _, err := q.Step(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		note, err := k.Checkpoint(t.Context(), k.site.ID)
		k.must(err)
		if c, err := k.trust(2).Open(note); err != nil || c.Size != 3 {
			t.Errorf("%v, %d entries", err, c.Size)
		}
	})
}

func copyKeys(t testing.TB, from, to *keyring.Ring) {
	t.Helper()
	entries, err := os.ReadDir(from.Folder())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(from.Folder(), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to.Folder(), e.Name()), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAStoreThatWentBackHandsNoLogOver(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		k := keyedLog(t, where)
		k.choose(2)
		keys, err := k.book.LogKeys(t.Context(), k.site.ID)
		k.must(err)
		// A checkpoint that tells of more than there is.
		note, err := ledger.Sign(ledger.Head{Size: 2, Root: [32]byte{1}}, keys.Signers...)
		k.must(err)
		k.must(k.KeepCheckpoint(t.Context(), k.site.ID, 2, note))
		if _, err := k.book.RotateLog(t.Context(), k.site.ID, planned()); !errors.Is(err, register.ErrAhead) {
			t.Errorf("%v", err)
		}
		if len(k.rows()) != 1 {
			t.Error("a key was registered")
		}
	})
}

func TestARegisteredKeyStays(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		k := keyedLog(t, where)
		k.rotate(planned())
		_, err := k.book.RetireLog(t.Context(), k.site.ID, planned())
		k.must(err)
		changes := []string{`UPDATE sitekey SET public = 'x'`, `DELETE FROM sitekey`, `UPDATE sitekey_end SET at = 0`, `DELETE FROM sitekey_end`}
		if isPostgres(k.Store) {
			changes = append(changes, `TRUNCATE sitekey CASCADE`, `TRUNCATE sitekey_end`)
		}
		for _, change := range changes {
			if _, err := k.write.Exec(change); err == nil || !strings.Contains(err.Error(), "a key that was registered stays") {
				t.Errorf("%s: %v", change, err)
			}
		}
		first := k.rows()[0]
		for number, public := range map[int]string{1: "other", 2: "other", 4: "other", 3: first.Public} {
			again := first
			again.Number, again.Public = number, public
			if err := k.AddSiteKey(t.Context(), again); !errors.Is(err, register.ErrStale) {
				t.Errorf("key %d, %s: %v", number, public, err)
			}
		}
		if err := k.EndSiteKey(t.Context(), k.site.ID, register.KeyOfLog, 2, register.KeyEnd{At: keyNoon, Why: register.KeyPlanned}); !errors.Is(err, register.ErrStale) {
			t.Errorf("%v: the current key has ended", err)
		}
		if rows := k.rows(); len(rows) != 2 || rows[0].Public != first.Public || len(rows[0].Ends) != 1 || len(rows[1].Ends) != 0 {
			t.Errorf("%v", rows)
		}
	})
}

func TestARunTimeRoleReplacesKeysAndCannotChangeThem(t *testing.T) {
	t.Parallel()
	owner, runtime := roles(t)
	role, _, _ := strings.Cut(strings.TrimPrefix(runtime, "postgres://"), "@")
	if err := Grant(t.Context(), owner, role); err != nil {
		t.Fatal(err)
	}
	k := keyedLog(t, runtime)
	k.choose(1)
	k.rotate(planned())
	_, err := k.book.RetireLog(t.Context(), k.site.ID, planned())
	k.must(err)
	for _, change := range []string{
		`UPDATE sitekey SET public = 'x'`, `DELETE FROM sitekey_end`, `TRUNCATE sitekey CASCADE`, `DROP TRIGGER sitekey_stays ON sitekey`,
		`ALTER TABLE sitekey DISABLE TRIGGER ALL`, `CREATE OR REPLACE FUNCTION sitekey_stays() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
	} {
		if _, err := k.write.Exec(change); err == nil {
			t.Errorf("a role that runs the processes may %s", change)
		}
	}
}
