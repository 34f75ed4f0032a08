package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"time"

	"github.com/temoin/temoin/internal/ledger"
)

// Cosigned returns the newest checkpoint of a site's log that witnesses have
// cosigned; nil for none.
func (s *Store) Cosigned(ctx context.Context, site string) ([]byte, error) {
	var note []byte
	err := s.read.QueryRowContext(ctx, `SELECT checkpoint FROM cosigned WHERE site = $1`, site).Scan(&note)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return note, err
}

// KeepCosigned keeps a checkpoint with so many cosignatures, unless one of a larger
// tree is kept, or one of the same with more: cosignatures are not lost again.
func (s *Store) KeepCosigned(ctx context.Context, site string, size int64, cosignatures int, note []byte) error {
	_, err := s.write.ExecContext(ctx, `INSERT INTO cosigned (site, size, cosignatures, checkpoint) VALUES ($1, $2, $3, $4)
		ON CONFLICT (site) DO UPDATE SET size = excluded.size, cosignatures = excluded.cosignatures, checkpoint = excluded.checkpoint
		WHERE cosigned.size < excluded.size OR cosigned.size = excluded.size AND cosigned.cosignatures <= excluded.cosignatures`, site, size, cosignatures, note)
	if err == nil {
		s.changed()
	}
	return err
}

// Entries returns the entries of a site's log from an index on, at most n.
func (s *Store) Entries(ctx context.Context, site string, from int64, n int) ([]ledger.Entry, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT idx, entry FROM leaf WHERE site = $1 AND idx >= $2 AND idx < $3 ORDER BY idx`, site, from, from+int64(n))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var entries []ledger.Entry
	for rows.Next() {
		var at int64
		var entry []byte
		if err := rows.Scan(&at, &entry); err != nil {
			return nil, err
		}
		if at != from+int64(len(entries)) || len(entry) != ledger.EntrySize {
			return nil, ledger.ErrDamaged
		}
		entries = append(entries, ledger.Entry(entry))
	}
	return entries, rows.Err()
}

// Backlog returns how many choices, of all sites, are in no log yet. It counts to
// the limit and no further.
func (s *Store) Backlog(ctx context.Context, limit int) (n int, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT c.arrival FROM choice c
		WHERE c.arrival >= (SELECT min(arrival) FROM (SELECT arrival FROM sequenced UNION ALL SELECT arrival FROM stalled) AS m) AND `+unplaced+` ORDER BY c.arrival LIMIT $1) AS waiting`, s.afresh(limit)...).Scan(&n)
	return n, err
}

// An Anchored is what a place outside has answered, for good.
type Anchored struct {
	Site, Place, Kind string
	At                time.Time // when it was kept
	Size              int64     // of the log; 0 where the subject is no checkpoint
	Subject           []byte    // the checkpoint, or a hash
	Evidence          []byte
}

// KeepAnchor adds evidence. What is kept is never changed.
func (s *Store) KeepAnchor(ctx context.Context, a Anchored) error {
	hash := sha256.Sum256(a.Subject)
	_, err := s.write.ExecContext(ctx, `INSERT INTO anchor (site, place, at, hash, kind, size, subject, evidence)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (site, place, at, hash) DO NOTHING`,
		a.Site, a.Place, a.At.Unix(), hash[:], a.Kind, a.Size, a.Subject, a.Evidence)
	return err
}

// IsAnchored reports whether there is evidence of a subject from a place.
func (s *Store) IsAnchored(ctx context.Context, site, place string, subject []byte) (bool, error) {
	hash := sha256.Sum256(subject)
	var n int
	err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM anchor WHERE site = $1 AND hash = $2 AND place = $3`, site, hash[:], place).Scan(&n)
	return n > 0, err
}

// LastAnchor returns the last evidence of a checkpoint from a place; false for none.
func (s *Store) LastAnchor(ctx context.Context, site, place string) (Anchored, bool, error) {
	all, err := s.anchors(ctx, `site = $1 AND place = $2 AND size > 0 ORDER BY at DESC LIMIT 1`, site, place)
	if err != nil || len(all) == 0 {
		return Anchored{}, false, err
	}
	return all[0], true, nil
}

// Anchors returns the evidence of a site from a time on, the oldest first, at most
// so much.
func (s *Store) Anchors(ctx context.Context, site string, since time.Time, limit int) ([]Anchored, error) {
	return s.anchors(ctx, `site = $1 AND at >= $2 ORDER BY at, place, hash LIMIT $3`, site, since.Unix(), limit)
}

func (s *Store) anchors(ctx context.Context, where string, args ...any) ([]Anchored, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT site, place, kind, at, size, subject, evidence FROM anchor WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Anchored
	for rows.Next() {
		var a Anchored
		var at int64
		if err := rows.Scan(&a.Site, &a.Place, &a.Kind, &at, &a.Size, &a.Subject, &a.Evidence); err != nil {
			return nil, err
		}
		a.At = time.Unix(at, 0).UTC()
		all = append(all, a)
	}
	return all, rows.Err()
}
