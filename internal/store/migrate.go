package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
)

//go:embed migrations/*/*.sql
var migrations embed.FS

// A dialect is what differs between the engines when tables are made.
type dialect struct {
	folder string // of migrations
	exists string // counts the tables named migration
	lock   string // taken by a transaction before it migrates
}

// migrationTable names those that have run.
const migrationTable = `CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY, checksum TEXT NOT NULL)`

// migrate runs the migrations that have not run, each in a transaction of its
// own, in the order of their names. One that was changed after it ran is an
// error: the tables are not what the program takes them for. It writes nothing,
// and needs no right to, where everything has run.
func migrate(ctx context.Context, db *sql.DB, d dialect) error {
	names, known, err := missing(ctx, db, d)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := migrateOne(ctx, db, d, name, known[name]); err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
	}
	return nil
}

// missing returns the names of the migrations that have not run, in their order, and
// what each migration does.
func missing(ctx context.Context, db *sql.DB, d dialect) (names []string, known map[string]string, err error) {
	if names, known, err = migrationsOf(d); err != nil {
		return nil, nil, err
	}
	ran, err := ranAlready(ctx, db, d, known)
	return slices.DeleteFunc(names, func(name string) bool { return ran[name] }), known, err
}

// migrationsOf returns the migrations of an engine: their names in order, and what
// they do by name.
func migrationsOf(d dialect) (names []string, known map[string]string, err error) {
	if names, err = fs.Glob(migrations, "migrations/"+d.folder+"/*.sql"); err != nil {
		return nil, nil, err
	}
	slices.Sort(names)
	known = map[string]string{}
	for i, name := range names {
		src, err := migrations.ReadFile(name)
		if err != nil {
			return nil, nil, err
		}
		names[i] = path.Base(name)
		known[names[i]] = string(src)
	}
	return names, known, nil
}

// ranAlready returns the migrations that have run. It refuses those that were
// changed, and a store that a newer program has changed.
func ranAlready(ctx context.Context, db *sql.DB, d dialect, known map[string]string) (map[string]bool, error) {
	var n int
	if err := db.QueryRowContext(ctx, d.exists).Scan(&n); err != nil || n == 0 {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, `SELECT name, checksum FROM migration`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	ran := map[string]bool{}
	for rows.Next() {
		var name, before string
		if err := rows.Scan(&name, &before); err != nil {
			return nil, err
		}
		src, ok := known[name]
		if !ok {
			return nil, fmt.Errorf("the store was made by a newer version of Témoin (it has %s): use that one", name)
		}
		if before != checksum(src) {
			return nil, fmt.Errorf("migration %s was changed after it ran: use the version of Témoin that made this store, or a newer one", name)
		}
		ran[name] = true
	}
	return ran, rows.Err()
}

func checksum(src string) string {
	sum := sha256.Sum256([]byte(src))
	return hex.EncodeToString(sum[:])
}

func migrateOne(ctx context.Context, db *sql.DB, d dialect, name, src string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	for _, q := range []string{d.lock, migrationTable} {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	var before string // run by another process while this one waited
	switch err := tx.QueryRowContext(ctx, `SELECT checksum FROM migration WHERE name = $1`, name).Scan(&before); {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return err
	case before != checksum(src):
		return errors.New("another version of Témoin has just run its own: use one version")
	default:
		return nil
	}
	if _, err := tx.ExecContext(ctx, src); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO migration (name, checksum) VALUES ($1, $2)`, name, checksum(src)); err != nil {
		return err
	}
	return tx.Commit()
}
