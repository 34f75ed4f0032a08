package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
)

// unplaced is true of a choice c that is in no log. As a value, and not as NOT
// EXISTS, it is looked up row by row: no engine reads the whole of place for it.
//
// Of choices that arrived lately it need not be asked: see engine.placed.
const unplaced = `(SELECT p.idx FROM place p WHERE p.site = c.site AND p.record = c.id) IS NULL`

// Pending returns committed choices that are in no log yet: see register.Queue.
// Choices of transactions that end later may have arrived before them, and come
// with the next call.
func (s *Store) Pending(ctx context.Context, limit int) ([]register.Arrived, error) {
	return s.pending(ctx, ofAll, limit)
}

// PendingOf returns those of one site that is stalled. They are looked up in the
// order of their arrival, which the site's own index does not have.
func (s *Store) PendingOf(ctx context.Context, site string, limit int) ([]register.Arrived, error) {
	return s.pending(ctx, ofOne, limit, site)
}

// Where choices are that are in no log, besides what is in one.
const (
	ofAll = `c.arrival >= (SELECT arrival FROM sequenced WHERE one = 1) AND c.site NOT IN (SELECT site FROM stalled)`
	ofOne = `c.arrival >= (SELECT arrival FROM stalled WHERE site = $3) AND c.site || '' = $3`
)

// pendingSQL reads choices that are in no log. Its second parameter is what
// engine.placed says. Where a site is stalled, its choices are not among them, and
// nothing is said to be settled: it may be resumed before the others are in their log.
func pendingSQL(e engine, where string) string {
	return `SELECT ` + choiceColumns + `, c.arrival, (SELECT removals FROM sequenced WHERE one = 1), CASE WHEN EXISTS (SELECT 1 FROM stalled) THEN 0 ELSE ` + e.settled() + ` END
		FROM choice c WHERE ` + where + ` AND (c.arrival > $2 OR ` + unplaced + `) ORDER BY c.arrival LIMIT $1`
}

func (s *Store) pending(ctx context.Context, where string, limit int, args ...any) ([]register.Arrived, error) {
	rows, err := s.query(ctx, pendingSQL(s.engine, where), s.afresh(append([]any{limit, s.engine.placed()}, args...)...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []register.Row
	var out []register.Arrived
	for rows.Next() {
		var a register.Arrived
		r, err := scanChoice(rows, &a.Arrival, &a.Removals, &a.Settled)
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

// Stalled returns the sites whose choices wait apart: see register.Queue.
func (s *Store) Stalled(ctx context.Context) ([]string, error) {
	return texts(s.query(ctx, stalledSites))
}

const stalledSites = `SELECT site FROM stalled ORDER BY site`

// query reads with a statement that the engine keeps prepared, if it does.
func (s *Store) query(ctx context.Context, statement string, args ...any) (*sql.Rows, error) {
	if p := s.engine.remembered(statement); p != nil {
		return p.QueryContext(ctx, args...)
	}
	return s.read.QueryContext(ctx, statement, args...)
}

// texts reads a column of text.
func texts(rows *sql.Rows, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, rows.Err()
}

// Stall lets a site's choices wait apart. All of them that arrived before the
// common mark are in its log, so that they are looked for from there.
func (s *Store) Stall(ctx context.Context, site string) error {
	_, err := s.write.ExecContext(ctx, `INSERT INTO stalled (site, arrival) SELECT $1, arrival FROM sequenced WHERE one = 1 ON CONFLICT (site) DO NOTHING`, site)
	return err
}

// Resume puts a site back among the others when none of its choices that wait
// arrived before the common mark.
func (s *Store) Resume(ctx context.Context, site string) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if _, err := s.holdMarks(ctx, tx); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM stalled WHERE site = $1 AND (SELECT c.arrival FROM choice c
		WHERE c.arrival >= stalled.arrival AND c.arrival < (SELECT arrival FROM sequenced WHERE one = 1) AND c.site || '' = $1 AND `+unplaced+`
		ORDER BY c.arrival LIMIT 1) IS NULL`, s.afresh(site)...); err != nil {
		return err
	}
	return tx.Commit()
}

// holdMarks keeps others from moving the marks, and from removing choices, until
// the transaction ends. What follows in it sees all that they did before. It returns
// how often choices were removed.
func (s *Store) holdMarks(ctx context.Context, tx *sql.Tx) (removals int64, err error) {
	if p := s.engine.remembered(holdMark); p != nil {
		err = tx.StmtContext(ctx, p).QueryRowContext(ctx).Scan(&removals)
	} else {
		err = tx.QueryRowContext(ctx, holdMark).Scan(&removals)
	}
	return removals, err
}

// removing must be called first in each transaction that removes choices or takes
// them from their account. A sequencer that read them before gets ErrStale and
// reads anew: otherwise it would put into place what the transaction cannot see
// yet, and nobody would remove it. The transaction should be short: meanwhile no
// log is extended.
func (s *Store) removing(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `UPDATE sequenced SET removals = removals + 1 WHERE one = 1`)
	return err
}

// Subjects returns whose records are: see register.LogStore.
func (s *Store) Subjects(ctx context.Context, site string, records []consent.ID) (map[consent.ID][]byte, error) {
	rows, err := s.engine.subjects(ctx, site, records)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	subjects := map[consent.ID][]byte{}
	for rows.Next() {
		var id, subject []byte
		if err := rows.Scan(&id, &subject); err != nil {
			return nil, err
		}
		if subject != nil {
			subjects[consent.ID(id)] = subject
		}
	}
	return subjects, rows.Err()
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

// A querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// tiles reads the tiles of one site.
type tiles struct {
	ctx  context.Context
	db   querier
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
	s.engine.placing(e.Arrival)
	insert, err := s.engine.inserter(ctx, e)
	if err != nil {
		return err
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if err := s.swap(ctx, tx, e); err != nil {
		return err
	}
	if err := insert(ctx, tx); err != nil {
		return err
	}
	removals, err := s.holdMarks(ctx, tx)
	if err == nil && removals != e.Removals {
		err = register.ErrStale
	}
	if err != nil {
		return err
	}
	if err := s.advance(ctx, tx, e); err != nil {
		return err
	}
	return tx.Commit()
}

// Statements of every step: see exec.
const (
	moveHead = `UPDATE log SET size = $2, root = $3 WHERE site = $1 AND size = $4 AND root = $5`
	moveMark = `UPDATE sequenced SET arrival = $1 WHERE one = 1 AND arrival < $1`
	holdMark = `UPDATE sequenced SET arrival = arrival WHERE one = 1 RETURNING removals`

	keepCheckpoint = `UPDATE log SET signed = $2, checkpoint = $3 WHERE site = $1 AND signed <= $2`
)

// exec runs a statement that the engine keeps prepared, if it does.
func (s *Store) exec(ctx context.Context, tx *sql.Tx, statement string, args ...any) (sql.Result, error) {
	if p := s.engine.remembered(statement); p != nil {
		return tx.StmtContext(ctx, p).ExecContext(ctx, args...)
	}
	return tx.ExecContext(ctx, statement, args...)
}

// swap moves size and root, if they are what the extension begins at.
func (s *Store) swap(ctx context.Context, tx *sql.Tx, e register.Extension) error {
	var res sql.Result
	var err error
	if e.From == ledger.Empty() {
		res, err = tx.ExecContext(ctx, `INSERT INTO log (site, size, root) VALUES ($1, $2, $3) ON CONFLICT (site) DO NOTHING`,
			e.Site, e.To.Size, e.To.Root[:])
	} else {
		res, err = s.exec(ctx, tx, moveHead, e.Site, e.To.Size, e.To.Root[:], e.From.Size, e.From.Root[:])
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

// advance moves the marks before which Pending and PendingOf need not look: at most
// to an arrival that is in a log, not past a choice that is in none, be it another
// site's, and not past one that a transaction may still bring. The common mark moves
// past choices of stalled sites, which have marks of their own.
func (s *Store) advance(ctx context.Context, tx *sql.Tx, e register.Extension) error {
	if e.Alone { // what is before this was read with its choices, and is in the log: there is nothing to look for
		_, err := s.exec(ctx, tx, moveMark, min(e.Arrival, e.Settled))
		return err
	}
	var arrival int64
	if err := tx.QueryRowContext(ctx, `SELECT `+s.engine.settled()).Scan(&arrival); err != nil {
		return err
	}
	arrival = min(e.Arrival, arrival)
	if _, err := tx.ExecContext(ctx, `UPDATE stalled SET arrival = coalesce((SELECT c.arrival FROM choice c
		WHERE c.arrival >= stalled.arrival AND c.arrival < $1 AND c.site || '' = $2 AND `+unplaced+`
		ORDER BY c.arrival LIMIT 1), $1) WHERE site = $2 AND arrival < $1`, s.afresh(arrival, e.Site)...); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE sequenced SET arrival = coalesce((SELECT c.arrival FROM choice c
		WHERE c.arrival >= sequenced.arrival AND c.arrival < $1 AND c.site NOT IN (SELECT site FROM stalled) AND `+unplaced+`
		ORDER BY c.arrival LIMIT 1), $1) WHERE one = 1 AND arrival < $1`, s.afresh(arrival)...)
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
	var err error
	if p := s.engine.remembered(keepCheckpoint); p != nil {
		_, err = p.ExecContext(ctx, site, size, note)
	} else {
		_, err = s.write.ExecContext(ctx, keepCheckpoint, site, size, note)
	}
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

// Entries returns the entries of a site's log from an index on, at most n.
func (s *Store) Entries(ctx context.Context, site string, from int64, n int) ([]ledger.Entry, error) {
	return entries(ctx, s.read, site, from, from+int64(n))
}

// entries reads the entries of a site's log from an index on, up to another one.
func entries(ctx context.Context, q querier, site string, from, to int64) ([]ledger.Entry, error) {
	const width = ledger.TileWidth
	rows, err := q.QueryContext(ctx, `SELECT idx, entries FROM bundle WHERE site = $1 AND idx >= $2 AND idx < $3 ORDER BY site, idx`, site, from/width, (to+width-1)/width)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []ledger.Entry
	for next := from; rows.Next() && next < to; next = from + int64(len(list)) {
		var at int64
		var b []byte
		if err := rows.Scan(&at, &b); err != nil {
			return nil, err
		}
		if at != next/width || len(b)%ledger.EntrySize != 0 {
			return nil, fmt.Errorf("entry %d is missing: %w", next, ledger.ErrDamaged)
		}
		for ; next < to && int(next%width+1)*ledger.EntrySize <= len(b) && next/width == at; next++ {
			list = append(list, ledger.Entry(b[next%width*ledger.EntrySize:][:ledger.EntrySize]))
		}
	}
	return list, rows.Err()
}

// A growth is what an extension adds to one bundle of entries.
type growth struct {
	index   int64
	has     int // bytes that it has already: it is a new one with none
	entries []byte
}

// growths parts the entries of an extension by bundles.
func growths(e *register.Extension) (list []growth) {
	const width = ledger.TileWidth
	for i := range e.Leaves {
		at := e.From.Size + int64(i)
		if i == 0 || at%width == 0 {
			list = append(list, growth{index: at / width, has: int(at%width) * ledger.EntrySize})
		}
		g := &list[len(list)-1]
		g.entries = append(g.entries, e.Leaves[i].Entry[:]...)
	}
	return list
}

// grown tells of a bundle that does not have what the head says: the head was the one
// that the extension begins at, so that nobody else was there.
func grown(g growth, res sql.Result, err error) error {
	if err = all(res, err, 1); errors.Is(err, register.ErrStale) {
		err = fmt.Errorf("bundle %d does not hold the %d entries that the head tells of: %w", g.index, g.has/ledger.EntrySize, ledger.ErrDamaged)
	}
	return err
}

// Backlog returns how many choices, of all sites, are in no log yet. It counts to
// the limit and no further.
func (s *Store) Backlog(ctx context.Context, limit int) (n int, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT c.arrival FROM choice c
		WHERE c.arrival >= (SELECT min(arrival) FROM (SELECT arrival FROM sequenced UNION ALL SELECT arrival FROM stalled) AS m) AND `+unplaced+` ORDER BY c.arrival LIMIT $1) AS waiting`, s.afresh(limit)...).Scan(&n)
	return n, err
}
