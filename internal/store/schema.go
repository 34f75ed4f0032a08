package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// A schema is what a database says of its tables, indexes and triggers, by what they
// are and their name: "trigger bundle_stays on bundle".
type schema map[string]string

// differs says what of a schema is missing or other than in the one that the
// migrations make. What is there besides is nobody's concern, but triggers are: they
// may change what is written.
func (s schema) differs(should schema) []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(should)) {
		is, ok := s[name]
		switch {
		case !ok:
			list = append(list, name+" is missing")
		case is != should[name]:
			list = append(list, name+" is another, or does not act")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		_, ours := should[name]
		if _, table, ok := strings.Cut(name, " on "); ok && !ours && should["table "+table] != "" {
			list = append(list, name+" is not of this program")
		}
	}
	return list
}

// sameSchema compares the tables, indexes and triggers with those of a new store.
// Without a trigger, records and evidence could be changed.
func (s *Store) sameSchema(ctx context.Context) error {
	is, should, err := s.engine.schemas(ctx)
	if err != nil {
		return fmt.Errorf("comparing the tables with those of a new store: %w", err)
	}
	list := is.differs(should)
	if len(list) == 0 {
		return nil
	}
	more := ""
	if len(list) > mostProblems {
		list, more = list[:mostProblems], fmt.Sprintf("; and %d more", len(list)-mostProblems)
	}
	return finding("the database is not as the migrations make it: %s%s. Somebody changed it, and may have changed records: use a backup of before", strings.Join(list, "; "), more)
}

// schemas makes a new database in memory to compare with.
func (l *sqlite) schemas(ctx context.Context) (is, should schema, err error) {
	fresh, err := openFile(":memory:", 1, 0)
	if err != nil {
		return nil, nil, err
	}
	defer fresh.Close()
	if err := migrate(ctx, fresh, sqliteDialect); err != nil {
		return nil, nil, err
	}
	if should, err = sqliteSchema(ctx, fresh); err == nil {
		is, err = sqliteSchema(ctx, l.read)
	}
	return is, should, err
}

func sqliteSchema(ctx context.Context, db *sql.DB) (schema, error) {
	rows, err := db.QueryContext(ctx, `SELECT type || ' ' || name || CASE type WHEN 'trigger' THEN ' on ' || tbl_name ELSE '' END, sql
		FROM sqlite_master WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return readSchema(rows)
}

// readSchema reads names and definitions.
func readSchema(rows interface {
	Next() bool
	Scan(...any) error
	Err() error
}) (schema, error) {
	s := schema{}
	for rows.Next() {
		var name, definition string
		if err := rows.Scan(&name, &definition); err != nil {
			return nil, err
		}
		s[name] = definition
	}
	return s, rows.Err()
}

// schemas makes a schema to compare with in a transaction that is taken back.
func (p *postgres) schemas(ctx context.Context) (is, should schema, err error) {
	conn, err := session(ctx, p.config)
	if err != nil {
		return nil, nil, err
	}
	defer hangUp(conn)
	tx, err := conn.Begin(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer tx.Rollback(ctx) //nolint:errcheck // nothing is kept
	if is, err = postgresSchema(ctx, tx); err != nil {
		return nil, nil, err
	}
	name := "temoin_new_" + strings.ToLower(rand.Text())
	if _, err := tx.Exec(ctx, "CREATE SCHEMA "+name+"; SET LOCAL search_path TO "+name+"; "+migrationTable); err != nil {
		return nil, nil, fmt.Errorf("%w: the role must be allowed to make a schema (GRANT CREATE ON DATABASE), which does not stay", err)
	}
	names, known, err := migrationsOf(postgresDialect)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		if _, err := tx.Exec(ctx, known[name]); err != nil {
			return nil, nil, fmt.Errorf("migration %s: %w", name, err)
		}
	}
	should, err = postgresSchema(ctx, tx)
	return is, should, err
}

func postgresSchema(ctx context.Context, tx pgx.Tx) (schema, error) {
	rows, err := tx.Query(ctx, `WITH of AS (SELECT oid, relname, relkind, relpersistence, relrowsecurity FROM pg_class WHERE relnamespace = current_schema()::regnamespace)
		SELECT 'table ' || relname, concat(relpersistence, relrowsecurity) FROM of WHERE relkind = 'r'
		UNION ALL SELECT 'column ' || relname || '.' || attname, concat(format_type(atttypid, atttypmod), attnotnull, attidentity, pg_get_expr(adbin, adrelid, true))
			FROM of JOIN pg_attribute ON attrelid = of.oid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE relkind = 'r' AND attnum > 0 AND NOT attisdropped
		UNION ALL SELECT 'constraint ' || conname || ' of ' || relname, concat(pg_get_constraintdef(c.oid, true), convalidated) FROM of JOIN pg_constraint c ON conrelid = of.oid WHERE contype IN ('c', 'f', 'p', 'u')
		UNION ALL SELECT 'index ' || relname, concat(pg_get_indexdef(of.oid, 0, true), indisvalid) FROM of JOIN pg_index ON indexrelid = of.oid
		UNION ALL SELECT 'trigger ' || tgname || ' on ' || relname, concat(pg_get_triggerdef(t.oid, true), tgenabled) FROM of JOIN pg_trigger t ON tgrelid = of.oid WHERE NOT tgisinternal
		UNION ALL SELECT 'checking of keys on ' || relname, string_agg(tgenabled::text, '') FROM of JOIN pg_trigger t ON tgrelid = of.oid WHERE tgisinternal GROUP BY relname
		UNION ALL SELECT 'function ' || proname, concat(prosrc, proconfig, lanname) FROM pg_proc JOIN pg_language l ON l.oid = prolang WHERE pronamespace = current_schema()::regnamespace`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return readSchema(rows)
}
