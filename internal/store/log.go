package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
)

// Pending returns committed choices that are in no log yet: see
// register.LogStore.
func (s *Store) Pending(ctx context.Context, limit int) ([]register.Arrived, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT arrival, site, id, salt, record FROM choice
		WHERE arrival > (SELECT arrival FROM sequenced) ORDER BY arrival LIMIT $1`, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []register.Arrived
	for rows.Next() {
		var a register.Arrived
		var id, salt []byte
		if err := rows.Scan(&a.Arrival, &a.Site, &id, &salt, &a.Record); err != nil {
			return nil, err
		}
		copy(a.ID[:], id)
		copy(a.Salt[:], salt)
		out = append(out, a)
	}
	return out, rows.Err()
}

// Head returns the committed head of a site's log.
func (s *Store) Head(ctx context.Context, site string) (ledger.Head, error) {
	return head(ctx, s.read, site)
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func head(ctx context.Context, q querier, site string) (ledger.Head, error) {
	var h ledger.Head
	var root []byte
	err := q.QueryRowContext(ctx, `SELECT size, root FROM log WHERE site = $1`, site).Scan(&h.Size, &root)
	if errors.Is(err, sql.ErrNoRows) {
		return ledger.Empty(), nil
	}
	copy(h.Root[:], root)
	return h, err
}

// tiles reads the tiles of one site.
type tiles struct {
	ctx  context.Context
	db   *sql.DB
	site string
}

// Tiles reads the tiles of a site's log.
func (s *Store) Tiles(ctx context.Context, site string) ledger.Reader {
	return tiles{ctx, s.read, site}
}

// Tile is the method of a ledger.Reader.
func (t tiles) Tile(level int, index int64) ([]byte, error) {
	var hashes []byte
	err := t.db.QueryRowContext(t.ctx, `SELECT hashes FROM tile WHERE site = $1 AND level = $2 AND idx = $3`, t.site, level, index).Scan(&hashes)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return hashes, err
}

// Extend moves the head of a site's log: see register.LogStore.
func (s *Store) Extend(ctx context.Context, e register.Extension) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if err := swap(ctx, tx, e); err != nil {
		return err
	}
	for _, t := range e.Tiles {
		if _, err := tx.ExecContext(ctx, `INSERT INTO tile (site, level, idx, hashes) VALUES ($1, $2, $3, $4)
			ON CONFLICT (site, level, idx) DO UPDATE SET hashes = excluded.hashes`, e.Site, t.Level, t.Index, t.Hashes); err != nil {
			return err
		}
	}
	if err := leaves(ctx, tx, e); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE sequenced SET arrival = max(arrival, $1)`, e.Arrival); err != nil {
		return err
	}
	return tx.Commit()
}

// swap moves size and root, if they are what the extension begins at.
func swap(ctx context.Context, tx *sql.Tx, e register.Extension) error {
	before, err := head(ctx, tx, e.Site)
	if err != nil {
		return err
	}
	if before != e.From {
		return register.ErrStale
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO log (site, size, root) VALUES ($1, $2, $3)
		ON CONFLICT (site) DO UPDATE SET size = excluded.size, root = excluded.root`, e.Site, e.To.Size, e.To.Root[:])
	return err
}

// leaves inserts the leaves and where each record is.
func leaves(ctx context.Context, tx *sql.Tx, e register.Extension) error {
	leaf, err := tx.PrepareContext(ctx, `INSERT INTO leaf (site, idx, entry, record) VALUES ($1, $2, $3, $4)`)
	if err != nil {
		return err
	}
	defer leaf.Close()
	place, err := tx.PrepareContext(ctx, `INSERT INTO place (site, record, idx) VALUES ($1, $2, $3)`)
	if err != nil {
		return err
	}
	defer place.Close()
	for i, l := range e.Leaves {
		at := e.From.Size + int64(i)
		if _, err := leaf.ExecContext(ctx, e.Site, at, l.Entry[:], l.Record[:]); err != nil {
			return err
		}
		if _, err := place.ExecContext(ctx, e.Site, l.Record[:], at); err != nil {
			return err
		}
	}
	return nil
}

// Checkpoint returns the checkpoint that was kept last; nil for none.
func (s *Store) Checkpoint(ctx context.Context, site string) ([]byte, error) {
	var note []byte
	err := s.read.QueryRowContext(ctx, `SELECT checkpoint FROM log WHERE site = $1`, site).Scan(&note)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return note, err
}

// KeepCheckpoint keeps a checkpoint, unless one of a larger tree is kept.
func (s *Store) KeepCheckpoint(ctx context.Context, site string, size int64, note []byte) error {
	_, err := s.write.ExecContext(ctx, `UPDATE log SET signed = $2, checkpoint = $3 WHERE site = $1 AND signed <= $2`, site, size, note)
	return err
}

// Find finds a record and its place in the log.
func (s *Store) Find(ctx context.Context, site string, id consent.ID) (register.Row, int64, error) {
	row := register.Row{Site: site, ID: id}
	var salt []byte
	var at sql.NullInt64
	err := s.read.QueryRowContext(ctx, `SELECT c.salt, c.record, c.account, p.idx FROM choice c LEFT JOIN place p ON p.site = c.site AND p.record = c.id
		WHERE c.site = $1 AND c.id = $2`, site, id[:]).Scan(&salt, &row.Record, &row.Account, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return row, -1, register.ErrUnknownRecord
	}
	copy(row.Salt[:], salt)
	if !at.Valid {
		return row, -1, err
	}
	return row, at.Int64, err
}
