package store

import (
	"context"
	"database/sql"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/register"
)

// inserter needs nothing before the transaction: each table has one statement, whose
// rows are columns of arrays.
func (p *postgres) inserter(_ context.Context, e register.Extension) (func(ctx context.Context, tx *sql.Tx) error, error) {
	return func(ctx context.Context, tx *sql.Tx) error {
		for _, insert := range []func(context.Context, *sql.Tx, register.Extension) error{insertTiles, insertLeaves, insertPlaces, insertCounts} {
			if err := insert(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func insertTiles(ctx context.Context, tx *sql.Tx, e register.Extension) error {
	var levels, indexes []int64
	var hashes [][]byte
	for _, t := range e.Tiles {
		levels, indexes, hashes = append(levels, int64(t.Level)), append(indexes, t.Index), append(hashes, t.Hashes)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO tile (site, level, idx, hashes) SELECT $1::text, * FROM unnest($2::bigint[], $3::bigint[], $4::bytea[])
		ON CONFLICT (site, level, idx) DO UPDATE SET hashes = excluded.hashes`, e.Site, levels, indexes, hashes)
	return err
}

func insertLeaves(ctx context.Context, tx *sql.Tx, e register.Extension) error {
	entries := make([][]byte, len(e.Leaves))
	for i := range e.Leaves {
		entries[i] = e.Leaves[i].Entry[:]
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO leaf (site, idx, entry)
		SELECT $1::text, $2::bigint + n - 1, entry FROM unnest($3::bytea[]) WITH ORDINALITY AS l (entry, n)`, e.Site, e.From.Size, entries)
	return err
}

func insertPlaces(ctx context.Context, tx *sql.Tx, e register.Extension) error {
	n := len(e.Leaves)
	records, versions, subjects := make([][]byte, n), make([][]byte, n), make([][]byte, n)
	made, ends := make([]int64, n), make([]int64, n)
	actions, languages := make([]string, n), make([]string, n)
	for i := range e.Leaves {
		l := &e.Leaves[i]
		records[i], versions[i], subjects[i] = l.Record[:], l.Version[:], l.Subject
		made[i], ends[i], actions[i], languages[i] = l.At, l.Ends, string(l.Action), l.Language
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO place (site, record, idx, at, ends, version, action, language, subject)
		SELECT $1::text, record, $2::bigint + n - 1, made, ends, version, action, language, subject
		FROM unnest($3::bytea[], $4::bigint[], $5::bigint[], $6::bytea[], $7::text[], $8::text[], $9::bytea[])
		WITH ORDINALITY AS l (record, made, ends, version, action, language, subject, n)
		ON CONFLICT (site, record) DO NOTHING`, e.Site, e.From.Size, records, made, ends, versions, actions, languages, subjects)
	return all(res, err, n)
}

func insertCounts(ctx context.Context, tx *sql.Tx, e register.Extension) error {
	n := len(e.Counts)
	days, numbers := make([]int64, n), make([]int64, n)
	languages, actions, categories := make([]string, n), make([]string, n), make([]string, n)
	allowed := make([]bool, n)
	for i, c := range e.Counts {
		days[i], numbers[i], languages[i], actions[i], categories[i], allowed[i] = c.Day, c.N, c.Language, string(c.Action), c.Category, c.Allowed
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO tally (site, day, language, action, category, allowed, n)
		SELECT $1::text, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::bigint[])
		ON CONFLICT (site, day, language, action, category, allowed) DO UPDATE SET n = tally.n + excluded.n`,
		e.Site, days, languages, actions, categories, allowed, numbers)
	return err
}

func (p *postgres) subjects(ctx context.Context, site string, records []consent.ID) (*sql.Rows, error) {
	ids := make([][]byte, len(records))
	for i := range records {
		ids[i] = records[i][:]
	}
	// As a value, it is looked up one by one: see unplaced.
	return p.db.QueryContext(ctx, `SELECT r.id, (SELECT p.subject FROM place p WHERE p.site = $1 AND p.record = r.id) FROM unnest($2::bytea[]) AS r (id)`, p.afresh(site, ids)...)
}
