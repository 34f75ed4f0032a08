package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/temoin/temoin/internal/register"
)

// Scrub sees to it that nothing is left in the store's files of what was removed:
// see register.Eraser. It takes as long as reading the database once, or no time
// where nothing was removed since it was last done here; others work meanwhile.
//
// SQLite overwrites what it deletes (secure_delete), but not the copies that it
// leaves where it moved rows from one page to another, and not those in its
// write-ahead log. Both are cleaned here.
//
// PostgreSQL keeps deleted rows until a vacuum, and their bytes in pages until
// something else is written there; its write-ahead log keeps them until it is used
// again. Scrub vacuums the tables where the role owns them; see Rewrite for more.
func (s *Store) Scrub(ctx context.Context) error {
	var removals int64
	if err := s.read.QueryRowContext(ctx, `SELECT removals + 1 FROM sequenced WHERE one = 1`).Scan(&removals); err != nil {
		return err
	}
	if s.scrubbed.Load() == removals {
		return nil
	}
	err := s.engine.scrub(ctx, false)
	switch {
	case err == nil:
		s.scrubbed.Store(removals)
	case !errors.Is(err, register.ErrRemains): // as on a full disk: the erasure before it is done
		err = fmt.Errorf("%w: they could not be cleaned (%w). Mend the cause; the next purge cleans them", register.ErrRemains, err)
	}
	return err
}

// Rewrite writes the tables anew, with what is in them and nothing else. Nobody can
// use them meanwhile. After it, the files of PostgreSQL's tables have nothing of
// what was removed, from the server's next checkpoint on; its write-ahead log has,
// until those files are used again, and archives of it have.
func (s *Store) Rewrite(ctx context.Context) error { return s.engine.scrub(ctx, true) }

// scrubAtOnce is how many pages one transaction cleans.
const scrubAtOnce = 64

// mostPages is how many pages a database may have for the first byte of a page to
// tell what it is: the pages of long values begin with the number of the next one,
// of which it is the highest byte.
const mostPages = 1 << 24

func (l *sqlite) scrub(ctx context.Context, whole bool) error {
	if whole {
		if _, err := l.write.ExecContext(ctx, `VACUUM`); err != nil {
			return fmt.Errorf("%w: %w", register.ErrRemains, err)
		}
		return l.emptyLog(ctx)
	}
	var pages, size, moving int64
	if err := l.read.QueryRowContext(ctx, `SELECT page_count, page_size, auto_vacuum FROM pragma_page_count, pragma_page_size, pragma_auto_vacuum`).Scan(&pages, &size, &moving); err != nil {
		return err
	}
	if pages >= mostPages || moving != 0 {
		return fmt.Errorf("%w: a database of %d pages is not cleaned while it runs; rewrite it, while nobody writes", register.ErrRemains, pages)
	}
	for from := int64(1); from <= pages; {
		dirty, next, err := l.dirtyPages(ctx, from, pages)
		if err != nil {
			return err
		}
		if err := l.cleanPages(ctx, dirty); err != nil {
			return err
		}
		from = next
	}
	return l.emptyLog(ctx)
}

// dirtyPages looks at pages until it has found some to be cleaned, and returns where
// to go on.
func (l *sqlite) dirtyPages(ctx context.Context, from, pages int64) (dirty []int64, next int64, err error) {
	rows, err := l.read.QueryContext(ctx, `SELECT pgno, data FROM sqlite_dbpage WHERE pgno >= $1 AND pgno <= $2`, from, min(pages, from+1<<14))
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	next = min(pages, from+1<<14) + 1
	for rows.Next() {
		var number int64
		var page []byte
		if err := rows.Scan(&number, &page); err != nil {
			return nil, 0, err
		}
		if gap := unused(number, page); len(bytes.Trim(gap, "\x00")) > 0 {
			if dirty = append(dirty, number); len(dirty) == scrubAtOnce {
				next = number + 1
				break
			}
		}
	}
	return dirty, next, rows.Err()
}

// cleanPages overwrites what is not used of pages.
func (l *sqlite) cleanPages(ctx context.Context, numbers []int64) error {
	if len(numbers) == 0 {
		return nil
	}
	tx, err := l.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	for _, number := range numbers {
		var page []byte
		if err := tx.QueryRowContext(ctx, `SELECT data FROM sqlite_dbpage WHERE pgno = $1`, number).Scan(&page); err != nil {
			return err
		}
		page = bytes.Clone(page)
		clear(unused(number, page)) // as it is now
		if _, err := tx.ExecContext(ctx, `UPDATE sqlite_dbpage SET data = $1 WHERE pgno = $2`, page, number); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// unused returns the part of a page of a tree that holds nothing: what lies between
// the list of its cells and the first of them. Of other pages it returns nothing.
// See "B-tree Pages" in SQLite's description of its file format.
func unused(number int64, page []byte) []byte {
	at := 0
	if number == 1 {
		at = 100 // the header of the file
	}
	if len(page) < at+12 {
		return nil
	}
	header := page[at:]
	list := at + 8 // behind the header
	switch header[0] {
	case 2, 5: // inner pages have a number more
		list = at + 12
	case 10, 13:
	default:
		return nil
	}
	begin := list + 2*int(binary.BigEndian.Uint16(header[3:]))
	end := int(binary.BigEndian.Uint16(header[5:]))
	if end == 0 {
		end = 65536
	}
	if begin > end || end > len(page) {
		return nil
	}
	return page[begin:end]
}

// emptyLog moves everything from the write-ahead log into the database and cuts the
// log off. Who waits for readers keeps writers waiting: it is done in short attempts.
func (l *sqlite) emptyLog(ctx context.Context) error {
	conn, err := l.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var patience int64
	if err := conn.QueryRowContext(ctx, `PRAGMA busy_timeout`).Scan(&patience); err != nil {
		return err
	}
	if err := waitFor(ctx, conn, attempt.Milliseconds()); err != nil {
		return err
	}
	defer waitFor(context.WithoutCancel(ctx), conn, patience) //nolint:errcheck // it waits otherwise than it did, no more
	pause := time.NewTicker(attemptEvery)
	defer pause.Stop()
	for range attempts {
		var busy, pages, moved int64
		if err := conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved); err != nil {
			return err
		}
		if busy == 0 {
			return nil
		}
		select {
		case <-pause.C: // SQLite does not wait at all while somebody else moves pages
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", register.ErrRemains, ctx.Err())
		}
	}
	return fmt.Errorf("%w: somebody reads the database for long, such as an export or a backup, and so the file %s-wal keeps old pages. The next purge cleans it, or this command once more when that is over", register.ErrRemains, fileName)
}

// How often and how long it is tried to empty the write-ahead log, and how far apart
// attempts begin: writers get in between.
const (
	attempts     = 16
	attempt      = 200 * time.Millisecond
	attemptEvery = 250 * time.Millisecond
)

// waitFor says how long a connection waits for others.
func waitFor(ctx context.Context, conn *sql.Conn, ms int64) error {
	_, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", ms))
	return err
}

// erasable are the tables that rows are removed from.
var erasable = []string{"choice", "place", "removal", "erasure"}

func (p *postgres) scrub(ctx context.Context, whole bool) error {
	vacuum := "VACUUM "
	if whole {
		vacuum = "VACUUM FULL "
	}
	for _, table := range erasable {
		var owns bool
		if err := p.db.QueryRowContext(ctx, `SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass($1)`, table).Scan(&owns); err != nil {
			return err
		}
		if !owns {
			return fmt.Errorf("%w: this role does not own the tables and cannot vacuum them. Autovacuum will; to have it at once, let the owner run VACUUM %s, %s, %s, %s", register.ErrRemains, erasable[0], erasable[1], erasable[2], erasable[3])
		}
	}
	for _, table := range erasable {
		if _, err := p.db.ExecContext(ctx, vacuum+table); err != nil {
			return fmt.Errorf("%w: vacuuming %s: %w", register.ErrRemains, table, err)
		}
	}
	return nil
}
