package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"slices"
	"time"
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
// tree is kept, or one of the same with more: cosignatures are not lost again. One
// of another log takes the place of any.
func (s *Store) KeepCosigned(ctx context.Context, site string, size int64, cosignatures int, note []byte) error {
	name, _, _ := bytes.Cut(note, []byte("\n"))
	of := append(slices.Clone(name), '\n')
	_, err := s.write.ExecContext(ctx, `INSERT INTO cosigned (site, size, cosignatures, checkpoint) VALUES ($1, $2, $3, $4)
		ON CONFLICT (site) DO UPDATE SET size = excluded.size, cosignatures = excluded.cosignatures, checkpoint = excluded.checkpoint
		WHERE cosigned.size < excluded.size OR cosigned.size = excluded.size AND cosigned.cosignatures <= excluded.cosignatures
		OR substr(cosigned.checkpoint, 1, $5) <> $6`, site, size, cosignatures, note, len(of), of)
	if err == nil {
		s.changed()
	}
	return err
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

// AnchorsBefore returns the evidence of a site that was kept before another piece,
// the newest first, at most so much; from the newest on where that is zero.
func (s *Store) AnchorsBefore(ctx context.Context, site string, before AnchorMark, limit int) ([]Anchored, error) {
	if before == (AnchorMark{}) {
		return s.anchors(ctx, `site = $1 ORDER BY at DESC, hash DESC, place DESC LIMIT $2`, site, limit)
	}
	return s.anchors(ctx, `site = $1 AND (at, hash, place) < ($2, $3, $4) ORDER BY at DESC, hash DESC, place DESC LIMIT $5`,
		site, before.At, before.Hash[:], before.Place, limit)
}

// AnchorsCovering returns evidence of checkpoints of a site's log with at least so
// many entries, the smallest first, at most so much.
func (s *Store) AnchorsCovering(ctx context.Context, site string, size int64, limit int) ([]Anchored, error) {
	return s.anchors(ctx, `site = $1 AND size >= $2 ORDER BY size, at, hash, place LIMIT $3`, site, max(1, size), limit)
}

// An AnchorMark is the place of a piece of evidence in their order.
type AnchorMark struct {
	At    int64 // unix seconds
	Hash  [sha256.Size]byte
	Place string
}

// Mark returns the place of a piece of evidence among those of its site.
func (a Anchored) Mark() AnchorMark {
	return AnchorMark{a.At.Unix(), sha256.Sum256(a.Subject), a.Place}
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
