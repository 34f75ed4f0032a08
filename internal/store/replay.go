package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/register"
)

// Replay carries out erasures that the store's own journal does not have: it was
// restored from a backup that is older than they are. It returns how many records
// that was about, and how many entries it put into the journal.
//
// A record that waits for its place in the log is removed too: it had one in the log
// that was lost.
func (s *Store) Replay(ctx context.Context, journal []register.Erasure) (records, entries int, err error) {
	own, err := s.Erasures(ctx)
	if err != nil {
		return 0, 0, err
	}
	known := make(map[register.Erasure]bool, len(own)+len(journal))
	for _, e := range own {
		known[e] = true
	}
	missing := map[string][]register.Erasure{}
	for _, e := range journal {
		e.At = e.At.Truncate(time.Second).UTC()
		if !known[e] {
			known[e] = true
			missing[e.Site] = append(missing[e.Site], e)
		}
	}
	for site, list := range missing {
		n, err := s.replaySite(ctx, site, list)
		if err != nil {
			return records, entries, err
		}
		records, entries = records+n, entries+len(list)
	}
	return records, entries, nil
}

func (s *Store) replaySite(ctx context.Context, site string, list []register.Erasure) (int, error) {
	destroyed, unlinked := map[register.Hash]bool{}, map[register.Hash]time.Time{}
	for _, e := range list {
		if e.Form == register.Destroy {
			destroyed[e.Hash] = true
		} else if e.At.After(unlinked[e.Hash]) {
			unlinked[e.Hash] = e.At
		}
	}
	ids, err := s.destroyedOf(ctx, site, destroyed)
	if err != nil {
		return 0, err
	}
	accounts, err := s.unlinkedOf(ctx, site, unlinked)
	if err != nil {
		return 0, err
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if err := s.removing(ctx, tx); err != nil {
		return 0, err
	}
	n := len(ids)
	for part := range slices.Chunk(ids, removeAtOnce) {
		if err := s.remove(ctx, tx, site, part); err != nil {
			return 0, err
		}
	}
	for _, a := range accounts {
		more, err := unlinkBefore(ctx, tx, site, a)
		if err != nil {
			return 0, err
		}
		n += more
	}
	if err := record(ctx, tx, list); err != nil {
		return 0, err
	}
	return n, tx.Commit()
}

// idsAtOnce is how many ids are compared with the journal at a time.
const idsAtOnce = 10_000

// destroyedOf returns which of the site's records were destroyed.
func (s *Store) destroyedOf(ctx context.Context, site string, hashes map[register.Hash]bool) (out []consent.ID, err error) {
	if len(hashes) == 0 {
		return nil, nil
	}
	for after := (consent.ID{}); ; {
		ids, err := recordIDs(s.read.QueryContext(ctx, `SELECT id FROM choice WHERE site = $1 AND id > $2 ORDER BY site, id LIMIT $3`, s.afresh(site, after[:], idsAtOnce)...))
		if err != nil || len(ids) == 0 {
			return out, err
		}
		for _, id := range ids {
			if hashes[register.RecordErased(site, id)] {
				out = append(out, id)
			}
		}
		after = ids[len(ids)-1]
	}
}

// An unlinkedAccount is one that was unlinked at a time.
type unlinkedAccount struct {
	key []byte
	at  time.Time
}

// unlinkedOf returns which of the site's accounts were unlinked.
func (s *Store) unlinkedOf(ctx context.Context, site string, hashes map[register.Hash]time.Time) (out []unlinkedAccount, err error) {
	if len(hashes) == 0 {
		return nil, nil
	}
	rows, err := s.read.QueryContext(ctx, `SELECT DISTINCT account FROM choice WHERE site = $1 AND account IS NOT NULL`, site)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var key []byte
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		if at, ok := hashes[register.AccountErased(site, key)]; ok {
			out = append(out, unlinkedAccount{key, at})
		}
	}
	return out, errors.Join(rows.Err(), rows.Close())
}

// unlinkBefore unlinks an account from records that were made before a time: the
// account may have chosen again since.
func unlinkBefore(ctx context.Context, tx *sql.Tx, site string, a unlinkedAccount) (int, error) {
	until := idAt(a.at.Add(time.Second + clocks))
	res, err := tx.ExecContext(ctx, `UPDATE choice SET account = NULL WHERE site = $1 AND account = $2 AND id < $3`, site, a.key, until[:])
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, err
	}
	_, err = tx.ExecContext(ctx, `UPDATE place SET subject = NULL WHERE `+allNamed+` AND record < $3`, site, a.key, until[:])
	return int(n), err
}
