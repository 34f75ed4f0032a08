package register

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/temoin/temoin/internal/ledger"
)

// NewLog gives a site another log, after entries of its log were lost that had been
// signed: see ErrAhead. To sign less, or something else, under the same name would
// contradict what others hold. The other log has another name, a key of its own, and
// begins with the entries that are kept; the last checkpoint of the former one and
// the operator's reason are kept beside the key.
//
// Receipts of the former log verify as before, by its keys, which stay in the list.
// Of records that are kept a receipt of the new log can be had too. It is refused
// while the log holds all that was signed.
func (b *Keybook) NewLog(ctx context.Context, site, reason string) (SiteKey, error) {
	if reason == "" {
		return SiteKey{}, errors.New("another log is begun for a reason, which is kept beside its key: write it after --reason")
	}
	rows, err := b.store.SiteKeys(ctx, site, KeyOfLog)
	if err != nil {
		return SiteKey{}, err
	}
	trust, err := TrustIn(rows, true)
	if err != nil {
		return SiteKey{}, err
	}
	former := FormerLogs(rows)
	_, head, err := compare(ctx, b.store, site, LogKeys{Trust: trust, Former: former, Memory: beside{b.ring, site}})
	switch {
	case err == nil:
		return SiteKey{}, fmt.Errorf("the log %s holds all that was signed (%d entries): it goes on, and nothing is to be begun anew", trust.Origin, head.Size)
	case !errors.Is(err, ErrAhead):
		return SiteKey{}, err
	}
	last, err := b.last(ctx, site, trust)
	if err != nil {
		return SiteKey{}, err
	}
	origin := fmt.Sprintf("%s/%d", rows[0].logOf(), len(former)+2)
	key, err := b.newKey(site, origin, rows)
	if err != nil {
		return SiteKey{}, err
	}
	next := SiteKey{Site: site, Use: KeyOfLog, Number: len(rows) + 1, Public: key.Verifier().String(), Since: b.now(), Size: head.Size, Why: KeyNewLog, Note: reason, Handover: last}
	if err := b.register(ctx, next); err != nil {
		return SiteKey{}, err
	}
	return next, b.resign(ctx, site)
}

// last returns the largest checkpoint of a site's log that is known: to the store, or
// beside the keys.
func (b *Keybook) last(ctx context.Context, site string, trust ledger.Trust) ([]byte, error) {
	last, err := b.store.Checkpoint(ctx, site)
	if err != nil {
		return nil, err
	}
	signed, err := b.ring.LastSigned(site)
	if err != nil || signed == nil {
		return last, err
	}
	large, err := trust.Open(signed)
	if err != nil {
		return last, nil //nolint:nilerr // of a former log
	}
	if known, err := trust.Open(last); last == nil || err != nil || known.Size < large.Size {
		return signed, nil
	}
	return last, nil
}

// newKey returns a key of the folder for a log that the store does not know, or
// makes one.
func (b *Keybook) newKey(site, origin string, rows []SiteKey, more ...ledger.Verifier) (ledger.Key, error) {
	known := slices.Clone(more)
	for _, r := range rows {
		v, err := ledger.ParseVerifier(r.Public)
		if err != nil {
			return ledger.Key{}, err
		}
		known = append(known, v)
	}
	key, err := b.ring.MakeLog(site, origin, known)
	if err == nil && key.Origin() != origin {
		err = fmt.Errorf("%s is for the log %s, and that of %s is %s: take it away", b.ring.Path(site, key.Verifier()), key.Origin(), site, origin)
	}
	return key, err
}
