// Package store is the only SQL of the house. It keeps what the register and the
// log need in SQLite, in one folder, by default; the same tables serve in
// PostgreSQL for many nodes.
//
// What Commit has acknowledged is on the disk: SQLite in WAL mode with
// synchronous=FULL. Rows of choices are inserted and never updated; deleting one
// is left to erasure and purge, which triggers enforce. Every key is led by the
// site.
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
	"os"
	"path/filepath"
	"slices"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/temoin/temoin/internal/register"
)

//go:embed migrations/*/*.sql
var migrations embed.FS

// A Store is an open database. It is safe for concurrent use.
type Store struct {
	write *sql.DB // one connection: SQLite has one writer
	read  *sql.DB
}

// fileName is the database within the folder.
const fileName = "temoin.db"

// Open opens the store in a folder, which it makes if need be, and brings its
// tables up to date.
func Open(ctx context.Context, folder string) (*Store, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("the store's folder: %w", err)
	}
	file := filepath.Join(folder, fileName)
	s := &Store{}
	var err error
	if s.write, err = open(file, 1); err != nil {
		return nil, err
	}
	if err = migrate(ctx, s.write, "sqlite"); err == nil {
		s.read, err = open(file, 4)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// pragmas hold for every connection. secure_delete overwrites what is erased;
// with recursive_triggers, REPLACE asks the triggers of what it deletes.
var pragmas = []string{"journal_mode(wal)", "synchronous(full)", "busy_timeout(5000)", "foreign_keys(1)", "secure_delete(1)", "recursive_triggers(1)", "cache_size(-8000)"}

func open(file string, connections int) (*sql.DB, error) {
	var q strings.Builder
	for i, p := range pragmas {
		if i > 0 {
			q.WriteByte('&')
		}
		q.WriteString("_pragma=" + p)
	}
	// A folder's name may hold what an address gives a meaning.
	name := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(file)
	db, err := sql.Open("sqlite", "file:"+name+"?"+q.String()+"&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// Close closes the database.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// migrate runs the migrations that have not run, each in a transaction of its
// own, in the order of their names. One that was changed after it ran is an
// error: the tables are not what the program takes them for.
func migrate(ctx context.Context, db *sql.DB, engine string) error {
	names, err := fs.Glob(migrations, "migrations/"+engine+"/*.sql")
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY, checksum TEXT NOT NULL)`); err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		src, err := migrations.ReadFile(name)
		if err != nil {
			return err
		}
		if err := migrateOne(ctx, db, filepath.Base(name), string(src)); err != nil {
			return fmt.Errorf("migration %s: %w", filepath.Base(name), err)
		}
	}
	return newer(ctx, db, names)
}

func migrateOne(ctx context.Context, db *sql.DB, name, src string) error {
	sum := sha256.Sum256([]byte(src))
	checksum := hex.EncodeToString(sum[:])
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	var before string
	switch err := tx.QueryRowContext(ctx, `SELECT checksum FROM migration WHERE name = $1`, name).Scan(&before); {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return err
	case before != checksum:
		return errors.New("it was changed after it ran: use the version of Témoin that made this store, or a newer one")
	default:
		return nil
	}
	if _, err := tx.ExecContext(ctx, src); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO migration (name, checksum) VALUES ($1, $2)`, name, checksum); err != nil {
		return err
	}
	return tx.Commit()
}

// newer refuses a store that a newer program has changed.
func newer(ctx context.Context, db *sql.DB, known []string) error {
	rows, err := db.QueryContext(ctx, `SELECT name FROM migration`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		if !slices.ContainsFunc(known, func(k string) bool { return filepath.Base(k) == name }) {
			return fmt.Errorf("the store was made by a newer version of Témoin (it has %s): use that one", name)
		}
	}
	return rows.Err()
}

// Commit makes choices durable in one transaction: see register.Committer.
func (s *Store) Commit(ctx context.Context, rows []register.Row) ([]register.Row, error) {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	insert, err := tx.PrepareContext(ctx, `INSERT INTO choice (site, id, salt, record, account) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (site, id) DO NOTHING`)
	if err != nil {
		return nil, err
	}
	defer insert.Close()
	kept := make([]register.Row, len(rows))
	for i, r := range rows {
		res, err := insert.ExecContext(ctx, r.Site, r.ID[:], r.Salt[:], r.Record, r.Account)
		if err != nil {
			return nil, err
		}
		kept[i] = r
		if n, err := res.RowsAffected(); err != nil {
			return nil, err
		} else if n == 0 {
			if kept[i], err = choice(ctx, tx, r); err != nil {
				return nil, err
			}
		}
	}
	return kept, tx.Commit()
}

// choice reads the row that is kept under the id of another.
func choice(ctx context.Context, tx *sql.Tx, like register.Row) (register.Row, error) {
	kept := register.Row{Site: like.Site, ID: like.ID}
	var salt []byte
	err := tx.QueryRowContext(ctx, `SELECT salt, record, account FROM choice WHERE site = $1 AND id = $2`, like.Site, like.ID[:]).Scan(&salt, &kept.Record, &kept.Account)
	copy(kept.Salt[:], salt)
	return kept, err
}
