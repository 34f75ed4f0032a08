package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/temoin/temoin/internal/register"
)

// Files within the folder.
const (
	fileName = "temoin.db"
	lockName = "temoin.lock"
)

// A sqlite is one file, and one process that uses it.
type sqlite struct {
	write   *sql.DB       // one connection: SQLite has one writer
	leading chan struct{} // holds something while somebody leads
	lock    *os.File
	arrival int64 // of the last choice; belongs to the transaction that writes

	mu      sync.Mutex
	inserts [chunk + 1]*sql.Stmt // by the number of rows
}

var sqliteDialect = dialect{
	folder: "sqlite",
	exists: `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'migration'`,
	lock:   `SELECT 1`, // a transaction is immediate: it holds the lock from its beginning
}

func (s *Store) openSQLite(ctx context.Context, folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("the store's folder: %w", err)
	}
	lock, err := lockFolder(folder)
	if err != nil {
		return err
	}
	file := filepath.Join(folder, fileName)
	e := &sqlite{leading: make(chan struct{}, 1), lock: lock}
	s.engine = e
	if s.write, err = openFile(file, 1); err != nil {
		return err
	}
	e.write = s.write
	if err = migrate(ctx, s.write, sqliteDialect); err == nil {
		err = s.write.QueryRowContext(ctx, `SELECT max((SELECT arrival FROM sequenced WHERE one = 1), coalesce((SELECT max(arrival) FROM choice), 0))`).Scan(&e.arrival)
	}
	if err == nil {
		s.read, err = openFile(file, 4)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// lockFolder keeps other processes out of the folder for as long as this one
// lives. The file says who it is, and stays.
func lockFolder(folder string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(folder, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the store's folder: %w", err)
	}
	if err := lockFile(f); err != nil {
		b := make([]byte, 20)
		n, _ := f.Read(b)
		f.Close()
		return nil, fmt.Errorf("the store in %s is in use by process %s (%w): stop that one, use another folder, or PostgreSQL, which serves many processes", folder, strings.TrimSpace(string(b[:n])), err)
	}
	if err := f.Truncate(0); err == nil {
		fmt.Fprintln(f, os.Getpid()) //nolint:errcheck // it only helps who reads the message above
	}
	return f, nil
}

// pragmas hold for every connection. secure_delete overwrites what is erased;
// with recursive_triggers, REPLACE asks the triggers of what it deletes.
var pragmas = []string{"journal_mode(wal)", "synchronous(full)", "busy_timeout(5000)", "foreign_keys(1)", "secure_delete(1)", "recursive_triggers(1)", "cache_size(-8000)", "wal_autocheckpoint(4000)"}

func openFile(file string, connections int) (*sql.DB, error) {
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

// chunk is how many rows one statement inserts at most: a statement costs more
// than the rows that it carries.
const chunk = 64

func (l *sqlite) commit(ctx context.Context, rows []register.Row, frames []*register.Frame) ([]register.Row, error) {
	kept := slices.Clone(rows)
	// The transaction will hold the one connection: statements are prepared before.
	var inserts []*sql.Stmt
	for part := range slices.Chunk(kept, chunk) {
		insert, err := l.inserting(ctx, len(part))
		if err != nil {
			return nil, err
		}
		inserts = append(inserts, insert)
	}
	tx, err := l.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	for _, f := range frames {
		if _, err := tx.ExecContext(ctx, `INSERT INTO frame (key, bytes) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING`, f.Key, f.Bytes); err != nil {
			return nil, err
		}
	}
	for part := range slices.Chunk(kept, chunk) {
		insert := inserts[0]
		inserts = inserts[1:]
		if err := l.commitChunk(ctx, tx, insert, part); err != nil {
			return nil, err
		}
	}
	return kept, tx.Commit()
}

// commitChunk inserts rows with one statement, and puts what is kept in their
// place. The transaction is the only one, so that arrivals are counted in their
// order; those of a transaction that fails are left out.
func (l *sqlite) commitChunk(ctx context.Context, tx *sql.Tx, insert *sql.Stmt, rows []register.Row) error {
	args := make([]any, 0, 7*len(rows))
	for i := range rows {
		r := &rows[i]
		l.arrival++
		args = append(args, l.arrival, r.Site, r.ID[:], r.Salt[:], nil, r.Record, r.Account)
		if r.Frame != nil {
			args[len(args)-3] = r.Frame.Key
		}
	}
	res, err := tx.StmtContext(ctx, insert).ExecContext(ctx, args...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == int64(len(rows)) {
		return err
	}
	for i := range rows { // some were there before, or stand twice in the chunk
		r := &rows[i]
		if *r, err = scanChoice(tx.QueryRowContext(ctx, `SELECT `+choiceColumns+` FROM choice c WHERE c.site = $1 AND c.id = $2`, r.Site, r.ID[:])); err != nil {
			return err
		}
	}
	return nil
}

// inserting returns the statement that inserts so many rows, prepared once.
func (l *sqlite) inserting(ctx context.Context, n int) (*sql.Stmt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inserts[n] == nil {
		values := strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?, ?, ?, ?), ", n), ", ")
		s, err := l.write.PrepareContext(ctx, `INSERT INTO choice (arrival, site, id, salt, frame, record, account) VALUES `+values+` ON CONFLICT (site, id) DO NOTHING`)
		if err != nil {
			return nil, err
		}
		l.inserts[n] = s
	}
	return l.inserts[n], nil
}

func (l *sqlite) insert(ctx context.Context, tx *sql.Tx, e register.Extension) error {
	for _, t := range e.Tiles {
		if _, err := tx.ExecContext(ctx, `INSERT INTO tile (site, level, idx, hashes) VALUES ($1, $2, $3, $4)
			ON CONFLICT (site, level, idx) DO UPDATE SET hashes = excluded.hashes`, e.Site, t.Level, t.Index, t.Hashes); err != nil {
			return err
		}
	}
	leaf, err := tx.PrepareContext(ctx, `INSERT INTO leaf (site, idx, entry, record) VALUES ($1, $2, $3, $4)`)
	if err != nil {
		return err
	}
	defer leaf.Close()
	place, err := tx.PrepareContext(ctx, `INSERT INTO place (site, record, idx) VALUES ($1, $2, $3) ON CONFLICT (site, record) DO NOTHING`)
	if err != nil {
		return err
	}
	defer place.Close()
	for i, l := range e.Leaves {
		at := e.From.Size + int64(i)
		if _, err := leaf.ExecContext(ctx, e.Site, at, l.Entry[:], l.Record[:]); err != nil {
			return err
		}
		res, err := place.ExecContext(ctx, e.Site, l.Record[:], at)
		if err := all(res, err, 1); err != nil {
			return err
		}
	}
	return nil
}

// settled: one transaction writes at a time, so that none is open.
func (l *sqlite) settled(_ context.Context, _ *sql.Tx, arrival int64) (int64, error) {
	return arrival, nil
}

func (l *sqlite) afresh(args ...any) []any { return args }

// lead waits for others of the same process: there is no other one.
func (l *sqlite) lead(ctx context.Context) (func(context.Context) error, error) {
	select {
	case l.leading <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return func(ctx context.Context) error {
		<-ctx.Done()
		<-l.leading
		return nil
	}, nil
}

func (l *sqlite) announce() {}

func (l *sqlite) listen(context.Context, func()) {}

func (l *sqlite) writers() int { return 1 }

// release lets the next process in.
func (l *sqlite) release() error { return l.lock.Close() }
