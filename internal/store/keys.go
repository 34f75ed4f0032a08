package store

import (
	"cmp"
	"context"
	"database/sql"
	"time"

	"github.com/temoin/temoin/internal/register"
)

const siteKeys = `SELECT k.number, k.public, k.since, k.size, k.why, k.note, k.handover, e.at, e.why, e.note
	FROM sitekey k LEFT JOIN sitekey_end e ON e.site = k.site AND e.use = k.use AND e.number = k.number
	WHERE k.site = $1 AND k.use = $2 ORDER BY k.number, e.at, e.why`

// SiteKeys returns the keys of a site for one use, in the order of their numbers:
// see register.KeyStore. It reads them and their ends at one moment.
func (s *Store) SiteKeys(ctx context.Context, site, use string) ([]register.SiteKey, error) {
	rows, err := s.query(ctx, siteKeys, site, use)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var keys []register.SiteKey
	for rows.Next() {
		k := register.SiteKey{Site: site, Use: use}
		var since int64
		var at sql.NullInt64
		var why, note sql.NullString
		if err := rows.Scan(&k.Number, &k.Public, &since, &k.Size, &k.Why, &k.Note, &k.Handover, &at, &why, &note); err != nil {
			return nil, err
		}
		k.Since = time.Unix(since, 0).UTC()
		if n := len(keys); n == 0 || keys[n-1].Number != k.Number {
			keys = append(keys, k)
		}
		if at.Valid {
			last := &keys[len(keys)-1]
			last.Ends = append(last.Ends, register.KeyEnd{At: time.Unix(at.Int64, 0).UTC(), Why: why.String, Note: note.String})
		}
	}
	return keys, rows.Err()
}

// AddSiteKey registers the next key: see register.KeyStore. Keys are only added, so
// that the last one that was seen is still there when the next is written.
func (s *Store) AddSiteKey(ctx context.Context, k register.SiteKey) error {
	if last, err := s.lastKey(ctx, k.Site, k.Use); err != nil || last != k.Number-1 {
		return cmp.Or(err, register.ErrStale)
	}
	res, err := s.write.ExecContext(ctx, `INSERT INTO sitekey (site, use, number, public, since, size, why, note, handover)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
		k.Site, k.Use, k.Number, k.Public, k.Since.Unix(), k.Size, k.Why, k.Note, k.Handover)
	if err = all(res, err, 1); err == nil {
		s.changed()
	}
	return err
}

// lastKey returns the number of the current key; 0 for none.
func (s *Store) lastKey(ctx context.Context, site, use string) (number int, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT coalesce(max(number), 0) FROM sitekey WHERE site = $1 AND use = $2`, site, use).Scan(&number)
	return number, err
}

// EndSiteKey tells that a key has ended: see register.KeyStore.
func (s *Store) EndSiteKey(ctx context.Context, site, use string, number int, end register.KeyEnd) error {
	if last, err := s.lastKey(ctx, site, use); err != nil || last <= number {
		return cmp.Or(err, register.ErrStale)
	}
	_, err := s.write.ExecContext(ctx, `INSERT INTO sitekey_end (site, use, number, why, at, note) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (site, use, number, why) DO NOTHING`, site, use, number, end.Why, end.At.Unix(), end.Note)
	if err == nil {
		s.changed()
	}
	return err
}
