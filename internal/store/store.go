// Package store is the only SQL of the house. It keeps what the register and the
// log need: in SQLite, in one folder, for one process; or in PostgreSQL, for many
// nodes. Both engines keep the same contract and pass the same tests.
//
// What holds:
//
//   - What Commit has acknowledged is on the disk: SQLite in WAL mode with
//     synchronous=FULL, PostgreSQL with synchronous_commit=on. (That the server
//     flushes what it says it has flushed is its own setting, fsync.)
//   - Rows of choices are inserted and never updated; deleting one is left to
//     erasure and purge. Triggers refuse everything else. With PostgreSQL these
//     bind whoever is not the tables' owner: let the processes run under a role of
//     its own, which [Grant] equips, and the owner's only migrate.
//   - Every key is led by the site, but for what is archived once under its hash. A commit writes one row, whose id is ordered by
//     time, and nothing else.
//   - No committed choice is passed over by the log, in whatever order transactions
//     end. Pending gives what has no place yet; the mark before which it does not
//     look moves only over transactions that have ended and choices that have their
//     places. Hence a transaction that writes and stays open anywhere in the
//     PostgreSQL server holds up nothing, but while it lasts Pending looks at more
//     and more rows.
//   - Extend compares and swaps: of two sequencers that extend the same head one
//     gets ErrStale and has written nothing. [Store.Lead] saves them the wasted
//     work, and correctness does not rest on it.
//   - Migrations only go forward, each once, under a lock. One that was changed
//     after it ran, or that this program does not know, is refused.
//
// A folder is of one process at a time, which a lock on a file in it ensures;
// commands may work beside it, see [Beside]. Its files are readable by nobody else.
// PostgreSQL must be version 14 or later, and be reached without a pooler that
// shares its sessions between transactions: Open finds that out and says so. With
// [Direct] what belongs to a session goes another way, and the rest may go through
// such a pooler.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/register"
)

// A Store is an open database. It is safe for concurrent use.
type Store struct {
	engine
	write *sql.DB
	read  *sql.DB

	options options

	hub      hub
	frames   sync.Map        // by key: those that are known to be kept
	journals []string        // files that erasures are written to: see JournalTo
	scrubbed atomic.Int64    // how often choices had been removed when files were last cleaned, and one
	ctx      context.Context // ends with Close
	stop     context.CancelFunc
	under    sync.WaitGroup // what runs until then
	heard    sync.Once      // listening began
}

// An engine is what SQLite and PostgreSQL do each in its own way. What is in no
// method of it is one SQL text for both.
type engine interface {
	// commit is Commit. Frames that may not be kept yet are kept before the rows.
	commit(ctx context.Context, rows []register.Row, frames []*register.Frame) ([]register.Row, error)
	// inserter prepares, before the transaction, what adds tiles, leaves, places and
	// counts in it.
	inserter(ctx context.Context, e register.Extension) (func(ctx context.Context, tx *sql.Tx) error, error)
	// subjects returns records and their subjects, NULL for one that has none.
	subjects(ctx context.Context, site string, records []consent.ID) (*sql.Rows, error)
	// placed returns an arrival behind which no choice has its place. placing is called
	// before choices get theirs, up to an arrival: whether they got them is not known.
	placed() int64
	placing(arrival int64)
	// settled is an arrival as SQL: no transaction that is open can bring another choice
	// before it.
	settled() string
	// remembered returns a statement that is prepared already; nil where the driver itself
	// remembers them.
	remembered(statement string) *sql.Stmt
	// afresh makes the arguments of a query whose plan depends on how much is there.
	afresh(args ...any) []any
	// lead waits until this one leads; hold keeps it so until ctx ends or it fails.
	lead(ctx context.Context) (hold func(ctx context.Context) error, err error)
	// announce tells other processes of a change, soon; listen calls told for what
	// they announce, until ctx ends.
	announce()
	listen(ctx context.Context, told func())
	// intact asks the engine whether its files are in order.
	intact(ctx context.Context) error
	// schemas returns the store's schema, and that of a new store.
	schemas(ctx context.Context) (is, should schema, err error)
	// backup writes a copy of the database into a file.
	backup(ctx context.Context, f *os.File) error
	// scrub is Scrub, or Rewrite for whole tables.
	scrub(ctx context.Context, whole bool) error
	// writers is how many transactions are worth being under way at once.
	writers() int
	// stepSize is how many choices are put into a log by one transaction: in SQLite,
	// nobody can commit meanwhile.
	stepSize() int
	release() error
}

// Open opens the store in a folder, which it makes if need be, or at an address
// postgres://user:password@host/database, and brings its tables up to date.
func Open(ctx context.Context, where string, how ...Option) (*Store, error) {
	s := &Store{}
	for _, option := range how {
		option(&s.options)
	}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	var err error
	switch scheme, _, ok := strings.Cut(where, "://"); {
	case ok && (scheme == "postgres" || scheme == "postgresql"):
		err = s.openPostgres(ctx, where)
	case s.options.direct != "":
		err = errors.New("a direct address belongs to a store in PostgreSQL")
	case ok && !strings.ContainsAny(scheme, `/\.`):
		err = fmt.Errorf("a store is a folder or an address postgres://…, not %s://…", scheme)
	default:
		err = s.openSQLite(ctx, where)
	}
	if err != nil {
		s.Close() //nolint:errcheck // the first error counts
		return nil, err
	}
	return s, nil
}

// Close closes the database. Leases and channels of changes end.
func (s *Store) Close() error {
	s.stop()
	s.under.Wait()
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.engine != nil {
		errs = append(errs, s.engine.release())
	}
	return errors.Join(errs...)
}

// StepSize returns how many choices one step of a register.Sequencer should take.
func (s *Store) StepSize() int { return s.engine.stepSize() }

// Writers returns how many writers a register.Group over the store should have.
func (s *Store) Writers() int { return s.engine.writers() }
