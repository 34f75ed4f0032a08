package register

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/temoin/temoin/internal/keyring"
	"github.com/temoin/temoin/internal/ledger"
)

// A Rotation is what an operator decides about a key.
type Rotation struct {
	Why  string // KeyPlanned, KeyLost or KeyCompromised
	Note string // why, in the operator's words; for what is lost or compromised it must be there
}

// check says what is missing.
func (o Rotation) check() error {
	if o.Why != KeyPlanned && o.Note == "" {
		return errors.New("a key that is lost or compromised is replaced for a reason, which is kept beside it: write it after --reason")
	}
	return nil
}

// RotateLog gives the log of a site its next key, and signs its head with it. The
// key is in the folder before it is registered, and signs after that: whatever this
// dies between, calling it again goes on, and nobody signs with what others cannot
// know.
//
// Planned: the old key hands over in writing, and signs beside the new one until
// RetireLog. Lost: there is nobody to hand over. Compromised: every older key ends
// at once, since who has one of the folder has all, and the new one is made now.
func (b *Keybook) RotateLog(ctx context.Context, site string, o Rotation) (SiteKey, error) {
	if err := o.check(); err != nil {
		return SiteKey{}, err
	}
	rows, err := b.store.SiteKeys(ctx, site, KeyOfLog)
	if err != nil {
		return SiteKey{}, err
	}
	trust, err := TrustIn(rows, true)
	if err != nil {
		return SiteKey{}, err
	}
	_, head, err := compare(ctx, b.store, site, LogKeys{Trust: trust, Former: FormerLogs(rows), Memory: beside{b.ring, site}})
	if err != nil {
		return SiteKey{}, err
	}
	current, err := b.replaceable(site, rows, o)
	if err != nil {
		return SiteKey{}, err
	}
	key, err := b.nextLog(site, trust.Origin, rows, o)
	if err != nil {
		return SiteKey{}, err
	}
	next := SiteKey{Site: site, Use: KeyOfLog, Number: len(rows) + 1, Public: key.Verifier().String(), Since: b.now(), Size: head.Size, Why: o.Why, Note: o.Note}
	if o.Why == KeyPlanned {
		if next.Handover, err = ledger.Handover(head, *current, key); err != nil {
			return SiteKey{}, err
		}
	}
	if err := b.register(ctx, next); err != nil {
		return SiteKey{}, err
	}
	if o.Why != KeyPlanned {
		if err := b.end(ctx, rows, o); err != nil {
			return next, err
		}
	}
	return next, b.resign(ctx, site)
}

// resign has the head signed by the keys that sign now.
func (b *Keybook) resign(ctx context.Context, site string) error {
	if err := NewSequencer(b.store, b).Check(ctx, site); err != nil {
		return fmt.Errorf("the keys are as they were asked for, and the log is signed accordingly from its next entry on; signing what it holds now has failed: %w", err)
	}
	return nil
}

// register adds a key to the store.
func (b *Keybook) register(ctx context.Context, k SiteKey) error {
	err := b.store.AddSiteKey(ctx, k)
	if errors.Is(err, ErrStale) {
		return fmt.Errorf("somebody else has just replaced the key of %s: see temoin keys list", k.Site)
	}
	return err
}

// replaceable returns the current key, where it is there. One that is there is not
// lost, and one that is not there cannot hand over.
func (b *Keybook) replaceable(site string, rows []SiteKey, o Rotation) (*ledger.Key, error) {
	ring, err := b.ring.Log(site)
	if err != nil {
		return nil, err
	}
	last := rows[len(rows)-1]
	at := slices.IndexFunc(ring, func(k ledger.Key) bool { return k.Verifier().String() == last.Public })
	switch {
	case at >= 0 && o.Why == KeyLost:
		return nil, fmt.Errorf("the key is not lost: it is in %s. Leave out --lost", b.ring.Path(site, ring[at].Verifier()))
	case at < 0 && o.Why == KeyPlanned:
		return nil, b.otherKey(last, len(ring))
	case at < 0:
		return nil, nil
	}
	return &ring[at], nil
}

// nextLog returns a key that never signed. After a theft it is none that was in the
// folder then, now or in a later rotation: the key that replaced the stolen ones was
// made after all of them, and only what was made after the current one is taken.
func (b *Keybook) nextLog(site, origin string, rows []SiteKey, o Rotation) (ledger.Key, error) {
	ring, err := b.ring.Log(site)
	if err != nil {
		return ledger.Key{}, err
	}
	passed := 1 + slices.IndexFunc(ring, func(k ledger.Key) bool { return k.Verifier().String() == rows[len(rows)-1].Public })
	if o.Why == KeyCompromised || passed == 0 && slices.ContainsFunc(rows, SiteKey.Compromised) {
		passed = len(ring)
	}
	var known []ledger.Verifier
	for _, k := range ring[:passed] {
		known = append(known, k.Verifier())
	}
	return b.newKey(site, origin, rows, known...)
}

// PrepareLog makes the key that the next rotation takes, so that it can be given to
// every node before it is in use. Called again, it returns the same.
func (b *Keybook) PrepareLog(ctx context.Context, site string) (ledger.Key, error) {
	rows, err := b.store.SiteKeys(ctx, site, KeyOfLog)
	if err != nil {
		return ledger.Key{}, err
	}
	trust, err := TrustIn(rows, true)
	if err != nil {
		return ledger.Key{}, err
	}
	return b.nextLog(site, trust.Origin, rows, Rotation{Why: KeyPlanned})
}

// end ends keys that go on no longer.
func (b *Keybook) end(ctx context.Context, rows []SiteKey, o Rotation) error {
	for _, r := range rows {
		if o.Why == KeyCompromised || len(r.Ends) == 0 {
			if err := b.store.EndSiteKey(ctx, r.Site, r.Use, r.Number, KeyEnd{b.now(), o.Why, o.Note}); err != nil {
				return fmt.Errorf("the new key is registered, and the old one has not ended (temoin keys retire ends it): %w", err)
			}
		}
	}
	return nil
}

// RetireLog ends the keys of a log before the current one: they sign no longer. It
// returns those that it ended. Compromised: also those that had ended before, since
// readers are to believe them no longer.
func (b *Keybook) RetireLog(ctx context.Context, site string, o Rotation) ([]SiteKey, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	rows, err := b.store.SiteKeys(ctx, site, KeyOfLog)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, ErrNoKey
	}
	older := slices.DeleteFunc(rows[:len(rows)-1:len(rows)-1], func(r SiteKey) bool {
		return r.Compromised() || len(r.Ends) > 0 && o.Why != KeyCompromised
	})
	if err := b.end(ctx, older, o); err != nil {
		return nil, err
	}
	return older, b.resign(ctx, site)
}

// ReplaceAccounts gives a site another key for account links, after the one it had
// was lost: all links that there are become unreadable for ever, as if each had
// been destroyed. There is no other way to replace it, since a link cannot be made
// anew without the account's id, which is not kept.
func (b *Keybook) ReplaceAccounts(ctx context.Context, site string, o Rotation) (SiteKey, error) {
	if o.Why != KeyLost {
		return SiteKey{}, errors.New("the key of account links is replaced only when it is lost: all links there are become unreadable with it")
	}
	if err := o.check(); err != nil {
		return SiteKey{}, err
	}
	rows, err := b.store.SiteKeys(ctx, site, KeyOfAccounts)
	if err != nil {
		return SiteKey{}, err
	}
	var marks []string
	for _, r := range rows {
		marks = append(marks, r.Public)
	}
	switch _, err := b.Account(ctx, site); {
	case err == nil:
		return SiteKey{}, fmt.Errorf("the key is not lost: it is in %s", b.ring.Folder())
	case !errors.Is(err, ErrOtherKey):
		return SiteKey{}, err
	}
	var key keyring.Account
	if key, err = b.ring.MakeAccount(site, marks); err != nil {
		return SiteKey{}, err
	}
	next := SiteKey{Site: site, Use: KeyOfAccounts, Number: len(rows) + 1, Public: key.Mark(), Since: b.now(), Why: o.Why, Note: o.Note}
	if err := b.register(ctx, next); err != nil {
		return SiteKey{}, err
	}
	return next, b.end(ctx, rows, o)
}
