package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// An Option says how a store is opened.
type Option func(*options)

type options struct {
	direct string
	beside bool
}

// Direct gives the address of the PostgreSQL server itself. What belongs to a
// session goes there: leading, listening, migrations. The address that the store is
// opened at may then be that of a pooler which shares sessions between
// transactions, such as PgBouncer in its mode "transaction", under these conditions,
// of which Open tests the first two and says what to do:
//
//   - Both lead to the same database and schema.
//   - What the contract asks of a session, the database gives to each by itself,
//     since nothing can be asked through the pooler.
//   - No other program shares the role and the database at that pooler: what it
//     would SET stays behind in the session.
func Direct(address string) Option { return func(o *options) { o.direct = address } }

// Beside opens a store beside the process that serves it, for a command such as an
// erasure or an export. It takes no lock on the folder, makes and changes no
// tables, and so refuses a store that is not there or not up to date; it keeps no
// choices and never leads: Commit and Lead fail.
func Beside() Option { return func(o *options) { o.beside = true } }

// errBeside says what a command beside a server does not do.
var errBeside = errors.New("this command runs beside the server, which alone keeps choices and puts them into the log")

// ready migrates, or sees that there is nothing to migrate.
func (s *Store) ready(ctx context.Context, db *sql.DB, d dialect) error {
	if s.options.beside {
		return upToDate(ctx, db, d)
	}
	return migrate(ctx, db, d)
}

// upToDate refuses a store in which a migration has not run. It writes nothing.
func upToDate(ctx context.Context, db *sql.DB, d dialect) error {
	names, _, err := missing(ctx, db, d)
	if err == nil && len(names) > 0 {
		err = fmt.Errorf("the store is not up to date (it lacks %s), and a command beside a server does not change tables: start the server with this version of Témoin first", names[0])
	}
	return err
}

// patience is how long SQLite waits for another process that writes. A command
// waits longer for its turn than the server does: the server writes again and again,
// and whoever waits is not told when it pauses.
func (s *Store) patience() time.Duration {
	if s.options.beside {
		return time.Minute
	}
	return 5 * time.Second
}

// occupy makes the store's folder if need be, keeps other processes out of it, and
// sees to it that the files in it are nobody else's. Beside a server it does none
// of it.
func occupy(folder string, beside bool) (lock *os.File, err error) {
	if beside {
		if _, err := os.Stat(filepath.Join(folder, fileName)); err != nil {
			return nil, fmt.Errorf("there is no store to work on: %w", err)
		}
		return nil, nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("the store's folder: %w", err)
	}
	if err := refuseOpenFolder(folder); err != nil {
		return nil, err
	}
	if lock, err = lockFolder(folder); err != nil {
		return nil, err
	}
	if err := ownFiles(folder); err != nil {
		return nil, errors.Join(fmt.Errorf("the store's files: %w", err), lock.Close())
	}
	return lock, nil
}

// refuseOpenFolder refuses a folder in which everybody may put files in the place
// of others. It does not close it: it may be of others too.
func refuseOpenFolder(folder string) error {
	info, err := os.Stat(folder)
	if err != nil {
		return fmt.Errorf("the store's folder: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("everybody may write in the store's folder %s: give a folder of its own within it, which is made, or close it (chmod o-w)", folder)
	}
	return nil
}

// ownFiles lets nobody else read the store, whatever the folder is: SQLite would
// let everybody, and gives the files beside the database the rights of the database.
func ownFiles(folder string) error {
	f, err := os.OpenFile(filepath.Join(folder, fileName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	for _, name := range []string{fileName, fileName + "-wal", fileName + "-shm", lockName} {
		name = filepath.Join(folder, name)
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			err = os.Chmod(name, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
