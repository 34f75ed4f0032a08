package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	driver "modernc.org/sqlite" // "sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/temoin/temoin/internal/register"
)

// Files within the folder.
const (
	fileName = "temoin.db"
	lockName = "temoin.lock"
)

// A sqlite is one file, and one process that uses it.
type sqlite struct {
	write      *sql.DB // one connection: SQLite has one writer
	read       *sql.DB
	leading    chan struct{} // holds something while somebody leads
	lock       *os.File
	statements map[string]*sql.Stmt // see prepare
	arrival    int64                // of the last choice; belongs to the transaction that writes

	mayBePlaced atomic.Int64 // see placed

	mu      sync.Mutex
	inserts [chunk + 1]*sql.Stmt   // by the number of rows
	bulks   map[string][]*sql.Stmt // see prepared
}

var sqliteDialect = dialect{
	folder: "sqlite",
	exists: `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'migration'`,
	lock:   `SELECT 1`, // a transaction is immediate: it holds the lock from its beginning
}

func (s *Store) openSQLite(ctx context.Context, folder string) error {
	lock, err := occupy(folder, s.options.beside)
	if err != nil {
		return err
	}
	file := filepath.Join(folder, fileName)
	e := &sqlite{leading: make(chan struct{}, 1), lock: lock}
	s.engine = e
	if s.write, err = openFile(file, 1, s.patience()); err != nil {
		return err
	}
	e.write = s.write
	if err = s.ready(ctx, s.write, sqliteDialect); err == nil {
		err = s.write.QueryRowContext(ctx, `SELECT max((SELECT arrival FROM sequenced WHERE one = 1), coalesce((SELECT max(arrival) FROM choice), 0))`).Scan(&e.arrival)
	}
	if e.placing(e.arrival); s.options.beside {
		e.placing(math.MaxInt64) // the server gives places
	}
	if err == nil {
		s.read, err = openFile(file, 4, s.patience())
		e.read = s.read
	}
	if err == nil {
		err = e.prepare(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, needsToWrite(err))
	}
	return nil
}

// needsToWrite says what SQLite lacks where it may not write.
func needsToWrite(err error) error {
	var refused *driver.Error
	if errors.As(err, &refused) && slices.Contains([]int{sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}, refused.Code()&0xff) {
		err = fmt.Errorf("%w. A store can be read only where it can be written: SQLite keeps two files beside the database. If the disk is mounted for reading only, copy the folder to another one; else give your user the right to write in the folder and to its files", err)
	}
	return err
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
	if !stillThere(f) { // who had it removed it: a restore that failed
		f.Close()
		return lockFolder(folder)
	}
	if err := f.Truncate(0); err == nil {
		fmt.Fprintln(f, os.Getpid()) //nolint:errcheck // it only helps who reads the message above
	}
	return f, nil
}

// stillThere reports whether a file is the one under its name.
func stillThere(f *os.File) bool {
	own, err1 := f.Stat()
	named, err2 := os.Stat(f.Name())
	return err1 == nil && err2 == nil && os.SameFile(own, named)
}

// pragmas hold for every connection. secure_delete overwrites what is erased;
// with recursive_triggers, REPLACE asks the triggers of what it deletes.
var pragmas = []string{"journal_mode(wal)", "synchronous(full)", "foreign_keys(1)", "secure_delete(1)", "recursive_triggers(1)", "cache_size(-8000)", "wal_autocheckpoint(4000)"}

func openFile(file string, connections int, wait time.Duration) (*sql.DB, error) {
	var q strings.Builder
	fmt.Fprintf(&q, "_pragma=busy_timeout(%d)", wait.Milliseconds())
	for _, p := range pragmas {
		q.WriteString("&_pragma=" + p)
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

// settled: one transaction writes at a time, so that choices can be read in the order
// of their arrival.
func (l *sqlite) settled() string { return `9223372036854775807` }

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

func (l *sqlite) stepSize() int { return 144 }

// release lets the next process in.
func (l *sqlite) release() error {
	if l.lock == nil { // beside the process that has it
		return nil
	}
	return l.lock.Close()
}
