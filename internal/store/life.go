package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/register"
)

var (
	_ register.Purger = (*Store)(nil)
	_ register.Eraser = (*Store)(nil)
)

// removeAtOnce is how many records one statement removes.
const removeAtOnce = 256

// OfAccount returns the records of an account: see register.Eraser.
func (s *Store) OfAccount(ctx context.Context, site string, account []byte) ([]consent.ID, error) {
	if err := s.allLogged(ctx, s.read, site, account); err != nil {
		return nil, err
	}
	return recordIDs(s.read.QueryContext(ctx, `SELECT record FROM place WHERE site = $1 AND `+named+` ORDER BY record`, site, account))
}

// Latest returns the newest record of an account, also one that is in no log yet; it
// fails with register.ErrUnknownRecord where there is none.
func (s *Store) Latest(ctx context.Context, site string, account []byte) (register.Row, error) {
	ids, err := recordIDs(s.read.QueryContext(ctx, `SELECT * FROM (SELECT record FROM place WHERE site = $1 AND `+named+` ORDER BY record DESC LIMIT 1) AS logged
		UNION ALL SELECT * FROM (SELECT c.id FROM choice c WHERE c.arrival >= `+sequencedUpTo+`
			AND c.site || '' = $1 AND c.account = $2 AND `+unplaced+` ORDER BY c.id DESC LIMIT 1) AS unlogged`, s.afresh(site, account)...))
	if err != nil {
		return register.Row{}, err
	}
	if len(ids) == 0 {
		return register.Row{}, register.ErrUnknownRecord
	}
	row, _, err := s.Find(ctx, site, slices.MaxFunc(ids, func(a, b consent.ID) int { return bytes.Compare(a[:], b[:]) }))
	return row, err
}

// sequencedUpTo is the arrival before which all choices of the site $1 are in its log.
const sequencedUpTo = `coalesce((SELECT arrival FROM stalled WHERE site = $1), (SELECT arrival FROM sequenced WHERE one = 1))`

// allLogged fails with register.ErrUnlogged while a choice of an account is in no
// log. Only those that arrived lately can be.
func (s *Store) allLogged(ctx context.Context, q querier, site string, account []byte) error {
	var one int
	err := q.QueryRowContext(ctx, `SELECT 1 FROM choice c WHERE c.arrival >= `+sequencedUpTo+`
		AND c.site || '' = $1 AND c.account = $2 AND `+unplaced+` LIMIT 1`, s.afresh(site, account)...).Scan(&one)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err == nil:
		return register.ErrUnlogged
	}
	return err
}

// Chain returns a record and those of the same subject: see register.Subject. What
// a record says that it replaces is not followed: where several people share a
// device, that is another one's.
func (s *Store) Chain(ctx context.Context, site string, id consent.ID) ([]consent.ID, error) {
	known, err := s.Subjects(ctx, site, []consent.ID{id})
	if err != nil || known[id] == nil {
		return []consent.ID{id}, err
	}
	// The first one, and those that are named after it.
	ids, err := recordIDs(s.read.QueryContext(ctx, `SELECT record FROM place WHERE site = $1 AND record = $2 AND subject = record
		UNION ALL SELECT record FROM place WHERE site = $1 AND `+named, s.afresh(site, known[id])...))
	slices.SortFunc(ids, func(a, b consent.ID) int { return bytes.Compare(a[:], b[:]) })
	if err == nil && len(ids) == 0 {
		ids = []consent.ID{id}
	}
	return ids, err
}

// named is true of a place whose subject is $2 and not the record itself: these are
// in the index of subjects. An account is never a record.
const named = `subject = $2 AND subject <> record`

// allNamed are these places of the site $1: to change them, SQLite would not follow the
// index.
const allNamed = `site = $1 AND record IN (SELECT record FROM place WHERE site = $1 AND ` + named + `)`

// recordIDs reads a column of ids.
func recordIDs(rows *sql.Rows, err error) ([]consent.ID, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []consent.ID
	for rows.Next() {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			return nil, err
		}
		if len(b) != len(consent.ID{}) {
			return nil, fmt.Errorf("%x is no id of a record: the store is damaged", b)
		}
		ids = append(ids, consent.ID(b))
	}
	return ids, errors.Join(rows.Err(), rows.Close())
}

// Unlink unlinks an account from its records: see register.Eraser.
func (s *Store) Unlink(ctx context.Context, site string, account []byte, at time.Time) (int, error) {
	return s.erase(ctx, func(tx *sql.Tx) (int, []register.Erasure, error) {
		if err := s.allLogged(ctx, tx, site, account); err != nil {
			return 0, nil, err
		}
		res, err := tx.ExecContext(ctx, `UPDATE choice SET account = NULL WHERE site = $1 AND id IN (SELECT record FROM place WHERE site = $1 AND `+named+`)`, site, account)
		if err != nil {
			return 0, nil, err
		}
		n, err := res.RowsAffected()
		if err != nil || n == 0 {
			return 0, nil, err
		}
		_, err = tx.ExecContext(ctx, `UPDATE place SET subject = NULL WHERE `+allNamed, site, account)
		return int(n), []register.Erasure{{At: at, Site: site, Form: register.Unlink, Hash: register.AccountErased(site, account)}}, err
	})
}

// Destroy destroys records: see register.Eraser.
func (s *Store) Destroy(ctx context.Context, site string, ids []consent.ID, at time.Time) (int, error) {
	return s.erase(ctx, func(tx *sql.Tx) (int, []register.Erasure, error) {
		var journal []register.Erasure
		for part := range slices.Chunk(ids, removeAtOnce) {
			kept, err := keptOf(ctx, tx, site, part)
			if err != nil {
				return 0, nil, err
			}
			if err := s.remove(ctx, tx, site, kept); err != nil {
				return 0, nil, err
			}
			for _, id := range kept {
				journal = append(journal, register.Erasure{At: at, Site: site, Form: register.Destroy, Hash: register.RecordErased(site, id)})
			}
		}
		return len(journal), journal, nil
	})
}

// erase runs a transaction that erases, and writes its entries into the journal. The
// journal's files have them before it is committed: whatever happens then, what was
// erased is erased again when an older backup is restored.
func (s *Store) erase(ctx context.Context, do func(tx *sql.Tx) (int, []register.Erasure, error)) (int, error) {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if err := s.removing(ctx, tx); err != nil {
		return 0, err
	}
	n, journal, err := do(tx)
	if err != nil || n == 0 {
		return 0, err
	}
	if err := record(ctx, tx, journal); err != nil {
		return 0, err
	}
	told, err := s.writeJournals(ctx, tx, journal)
	if err != nil {
		return 0, toldIn(told, fmt.Errorf("the journal of erasures, without which nothing is erased: %w", err))
	}
	return n, toldIn(told, tx.Commit())
}

// record puts entries into the journal.
func record(ctx context.Context, tx *sql.Tx, journal []register.Erasure) error {
	for _, e := range journal {
		if _, err := tx.ExecContext(ctx, `INSERT INTO erasure (at, site, form, hash) VALUES ($1, $2, $3, $4) ON CONFLICT (site, hash, at, form) DO NOTHING`,
			e.At.Unix(), e.Site, string(e.Form), e.Hash[:]); err != nil {
			return err
		}
	}
	return nil
}

// among writes a list of ids as a condition, and its arguments behind the site's.
func among(site string, ids []consent.ID) (list string, args []any) {
	args = []any{site}
	marks := make([]string, len(ids))
	for i := range ids {
		args = append(args, ids[i][:])
		marks[i] = fmt.Sprintf("$%d", i+2)
	}
	return "IN (" + strings.Join(marks, ", ") + ")", args
}

// keptOf returns which of some records are kept. It fails with register.ErrUnlogged
// where one of them is in no log.
func keptOf(ctx context.Context, tx *sql.Tx, site string, ids []consent.ID) ([]consent.ID, error) {
	list, args := among(site, ids)
	rows, err := tx.QueryContext(ctx, `SELECT c.id FROM choice c WHERE c.site = $1 AND c.id `+list+` AND `+unplaced, args...)
	unlogged, err := recordIDs(rows, err)
	if err != nil {
		return nil, err
	}
	if len(unlogged) > 0 {
		return nil, register.ErrUnlogged
	}
	return recordIDs(tx.QueryContext(ctx, `SELECT id FROM choice WHERE site = $1 AND id `+list, args...))
}

// remove removes records, each by way of the table that lets the triggers agree,
// with their salts and places. Entries of the log stay.
func (s *Store) remove(ctx context.Context, tx *sql.Tx, site string, ids []consent.ID) error {
	if len(ids) == 0 {
		return nil
	}
	list, args := among(site, ids)
	for _, q := range []string{
		`INSERT INTO removal (site, id) SELECT site, id FROM choice WHERE site = $1 AND id ` + list,
		`DELETE FROM choice WHERE site = $1 AND id ` + list,
		`DELETE FROM place WHERE site = $1 AND record ` + list,
		`DELETE FROM removal WHERE site = $1 AND id ` + list,
	} {
		if _, err := tx.ExecContext(ctx, q, s.afresh(args...)...); err != nil {
			return err
		}
	}
	return s.renameChains(ctx, tx, site, list, args)
}

// renameChains lets what remains of a chain, whose first record gave it its name, be
// named by the first one that remains.
func (s *Store) renameChains(ctx context.Context, tx *sql.Tx, site, list string, args []any) error {
	rows, err := tx.QueryContext(ctx, `SELECT subject, record FROM place WHERE site = $1 AND subject `+list+` AND subject <> record ORDER BY site, subject, record`, s.afresh(args...)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	names := map[consent.ID][]byte{}
	for rows.Next() {
		var subject, record []byte
		if err := rows.Scan(&subject, &record); err != nil {
			return err
		}
		if gone := consent.ID(subject); names[gone] == nil {
			names[gone] = record
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for gone, first := range names {
		if _, err := tx.ExecContext(ctx, `UPDATE place SET subject = $3 WHERE `+allNamed, site, gone[:], first); err != nil {
			return err
		}
	}
	return nil
}

// dueSQL is the condition on places of records that are due, and its arguments. The
// id bounds what is looked at: it is not older than the choice, but for what clocks
// may differ.
func dueSQL(due register.Due, after consent.ID) (where string, args []any) {
	bound := idAt(due.Latest.Add(clocks))
	args = []any{due.Site, after[:], bound[:], due.Before.Unix()}
	where = `site = $1 AND record > $2 AND record < $3 AND (ends < $4`
	for _, version := range slices.SortedFunc(maps.Keys(due.Sooner), func(a, b [8]byte) int { return bytes.Compare(a[:], b[:]) }) {
		before := due.Sooner[version]
		where += fmt.Sprintf(" OR version = $%d AND ends < $%d", len(args)+1, len(args)+2)
		args = append(args, version[:], before.Unix())
	}
	return where + `)`, args
}

// PurgeStep removes records whose term has ended: see register.Purger.
func (s *Store) PurgeStep(ctx context.Context, due register.Due, after consent.ID, limit int) (int, consent.ID, error) {
	where, args := dueSQL(due, after)
	ids, err := recordIDs(s.read.QueryContext(ctx, fmt.Sprintf(`SELECT record FROM place WHERE %s ORDER BY site, record LIMIT %d`, where, limit), s.afresh(args...)...))
	if err != nil || len(ids) == 0 {
		return 0, consent.ID{}, err
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return 0, consent.ID{}, err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if err := s.removing(ctx, tx); err != nil {
		return 0, consent.ID{}, err
	}
	for part := range slices.Chunk(ids, removeAtOnce) {
		if err := s.remove(ctx, tx, due.Site, part); err != nil {
			return 0, consent.ID{}, err
		}
	}
	last := consent.ID{}
	if len(ids) == limit {
		last = ids[limit-1]
	}
	return len(ids), last, tx.Commit()
}

// CountDue counts records whose term has ended.
func (s *Store) CountDue(ctx context.Context, due register.Due) (n int64, err error) {
	where, args := dueSQL(due, consent.ID{})
	err = s.read.QueryRowContext(ctx, `SELECT count(*) FROM place WHERE `+where, s.afresh(args...)...).Scan(&n)
	return n, err
}

// TrimJournal removes entries of the journal of erasures that no backup needs: see
// register.Purger. The file in the store's folder loses them too.
func (s *Store) TrimJournal(ctx context.Context, due register.Due) (int64, error) {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	res, err := tx.ExecContext(ctx, `DELETE FROM erasure WHERE site = $1 AND at < $2`, due.Site, due.Journal.Unix())
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 {
		return 0, err
	}
	if err := s.trimFile(ctx, tx, due); err != nil {
		return 0, err
	}
	return n, tx.Commit()
}

// Erased reports whether a record was destroyed, by the journal of erasures.
func (s *Store) Erased(ctx context.Context, site string, id consent.ID) (bool, error) {
	var one int
	hash := register.RecordErased(site, id)
	err := s.read.QueryRowContext(ctx, `SELECT 1 FROM erasure WHERE site = $1 AND hash = $2 AND form = $3 LIMIT 1`, site, hash[:], string(register.Destroy)).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// Erasures returns the journal of erasures, the oldest first.
func (s *Store) Erasures(ctx context.Context) ([]register.Erasure, error) {
	return erasures(s.read.QueryContext(ctx, `SELECT at, site, form, hash FROM erasure ORDER BY number`))
}

func erasures(rows *sql.Rows, err error) ([]register.Erasure, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []register.Erasure
	for rows.Next() {
		var e register.Erasure
		var at int64
		var form string
		var h []byte
		if err := rows.Scan(&at, &e.Site, &form, &h); err != nil {
			return nil, err
		}
		e.At, e.Form, e.Hash = time.Unix(at, 0).UTC(), register.Form(form), hash(h)
		list = append(list, e)
	}
	return list, rows.Err()
}
