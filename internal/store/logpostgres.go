package store

import (
	"context"
	"database/sql"
	"errors"
	"math"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/register"
)

// inserter needs nothing before the transaction: each table has one statement, whose
// rows are columns of arrays.
func (p *postgres) inserter(_ context.Context, e register.Extension) (func(ctx context.Context, tx *sql.Tx) error, error) {
	return func(ctx context.Context, tx *sql.Tx) error {
		for _, insert := range []func(context.Context, *sql.Tx, register.Extension) error{insertTiles, growBundles, insertPlaces, insertCounts} {
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

func growBundles(ctx context.Context, tx *sql.Tx, e register.Extension) error {
	list := growths(&e)
	if len(list) > 0 && list[0].has > 0 {
		g := list[0]
		res, err := tx.ExecContext(ctx, `UPDATE bundle SET entries = entries || $3::bytea WHERE site = $1 AND idx = $2 AND octet_length(entries) = $4`, e.Site, g.index, g.entries, g.has)
		if err := grown(g, res, err); err != nil {
			return err
		}
		list = list[1:]
	}
	var indexes []int64
	var entries [][]byte
	for _, g := range list {
		indexes, entries = append(indexes, g.index), append(entries, g.entries)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO bundle (site, idx, entries) SELECT $1::text, * FROM unnest($2::bigint[], $3::bytea[])`, e.Site, indexes, entries)
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
	_, err := tx.ExecContext(ctx, `INSERT INTO place (site, record, idx, at, ends, version, action, language, subject)
		SELECT $1::text, record, $2::bigint + n - 1, made, ends, version, action, language, subject
		FROM unnest($3::bytea[], $4::bigint[], $5::bigint[], $6::bytea[], $7::text[], $8::text[], $9::bytea[])
		WITH ORDINALITY AS l (record, made, ends, version, action, language, subject, n)`, e.Site, e.From.Size, records, made, ends, versions, actions, languages, subjects)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.ConstraintName == "place_pkey" { // ON CONFLICT would cost half as much again
		return register.ErrStale
	}
	return err
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

// placed: others extend the logs too, and all is looked up.
func (p *postgres) placed() int64 { return math.MaxInt64 }

func (p *postgres) placing(int64) {}

func (p *postgres) subjects(ctx context.Context, site string, records []consent.ID) (*sql.Rows, error) {
	ids := make([][]byte, len(records))
	for i := range records {
		ids[i] = records[i][:]
	}
	// As a value, it is looked up one by one: see unplaced.
	return p.db.QueryContext(ctx, `SELECT r.id, (SELECT p.subject FROM place p WHERE p.site = $1 AND p.record = r.id) FROM unnest($2::bytea[]) AS r (id)`, p.afresh(site, ids)...)
}
