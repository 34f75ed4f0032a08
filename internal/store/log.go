package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
)

// unplaced is true of a choice c that is in no log. As a value, and not as NOT
// EXISTS, it is looked up row by row: no engine reads the whole of place for it.
const unplaced = `(SELECT p.idx FROM place p WHERE p.site = c.site AND p.record = c.id) IS NULL`

// Pending returns committed choices that are in no log yet: see
// register.LogStore. Choices of transactions that end later may have arrived
// before them, and come with the next call.
func (s *Store) Pending(ctx context.Context, limit int) ([]register.Arrived, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+choiceColumns+`, c.arrival FROM choice c
		WHERE c.arrival >= (SELECT arrival FROM sequenced WHERE one = 1) AND `+unplaced+` ORDER BY c.arrival LIMIT $1`, s.afresh(limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []register.Row
	var out []register.Arrived
	for rows.Next() {
		var a register.Arrived
		r, err := scanChoice(rows, &a.Arrival)
		if err != nil {
			return nil, err
		}
		found, out = append(found, r), append(out, a)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	err = s.unpack(ctx, found, true)
	for i := range out {
		out[i].Row = found[i]
	}
	return out, err
}

// Head returns the committed head of a site's log.
func (s *Store) Head(ctx context.Context, site string) (ledger.Head, error) {
	var h ledger.Head
	var root []byte
	err := s.read.QueryRowContext(ctx, `SELECT size, root FROM log WHERE site = $1`, site).Scan(&h.Size, &root)
	if errors.Is(err, sql.ErrNoRows) {
		return ledger.Empty(), nil
	}
	copy(h.Root[:], root)
	return h, err
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
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

// Extend moves the head of a site's log: see register.LogStore. A record that has
// its place already also makes it stale: somebody put it there between the calls
// of Pending and of Head.
func (s *Store) Extend(ctx context.Context, e register.Extension) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if err := swap(ctx, tx, e); err != nil {
		return err
	}
	if err := s.engine.insert(ctx, tx, e); err != nil {
		return err
	}
	if err := s.advance(ctx, tx, e.Arrival); err != nil {
		return err
	}
	return tx.Commit()
}

// swap moves size and root, if they are what the extension begins at.
func swap(ctx context.Context, tx *sql.Tx, e register.Extension) error {
	var res sql.Result
	var err error
	if e.From == ledger.Empty() {
		res, err = tx.ExecContext(ctx, `INSERT INTO log (site, size, root) VALUES ($1, $2, $3) ON CONFLICT (site) DO NOTHING`,
			e.Site, e.To.Size, e.To.Root[:])
	} else {
		res, err = tx.ExecContext(ctx, `UPDATE log SET size = $2, root = $3 WHERE site = $1 AND size = $4 AND root = $5`,
			e.Site, e.To.Size, e.To.Root[:], e.From.Size, e.From.Root[:])
	}
	return all(res, err, 1)
}

// all tells of a statement that wrote fewer rows than it should that somebody else
// was there before.
func all(res sql.Result, err error, rows int) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == int64(rows) {
		return err
	}
	return register.ErrStale
}

// advance moves the mark before which Pending need not look: at most to an arrival
// that is in a log, not past a choice that is in none, be it another site's, and
// not past one that a transaction may still bring.
func (s *Store) advance(ctx context.Context, tx *sql.Tx, arrival int64) error {
	arrival, err := s.settled(ctx, tx, arrival)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE sequenced SET arrival = coalesce((SELECT c.arrival FROM choice c
		WHERE c.arrival >= sequenced.arrival AND c.arrival < $1 AND `+unplaced+` ORDER BY c.arrival LIMIT 1), $1) WHERE one = 1 AND arrival < $1`, s.afresh(arrival)...)
	return err
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
	if err == nil {
		s.changed()
	}
	return err
}

// Find finds a record and its place in the log.
func (s *Store) Find(ctx context.Context, site string, id consent.ID) (register.Row, int64, error) {
	var at sql.NullInt64
	row, err := scanChoice(s.read.QueryRowContext(ctx, `SELECT `+choiceColumns+`, p.idx FROM choice c LEFT JOIN place p ON p.site = c.site AND p.record = c.id
		WHERE c.site = $1 AND c.id = $2`, site, id[:]), &at)
	if errors.Is(err, sql.ErrNoRows) {
		return row, -1, register.ErrUnknownRecord
	}
	if err != nil {
		return row, -1, err
	}
	one := []register.Row{row}
	if err := s.unpack(ctx, one, true); err != nil || !at.Valid {
		return one[0], -1, err
	}
	return one[0], at.Int64, nil
}
