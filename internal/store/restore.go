package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/temoin/temoin/internal/durable"
	"github.com/temoin/temoin/internal/register"
)

// Restoring says how a backup is restored.
type Restoring struct {
	Known
	// Erased is what other journals say: those of later backups, or kept elsewhere.
	Erased []register.Erasure
	// AcceptLoss restores a backup although a known checkpoint is of a larger log.
	AcceptLoss bool
}

// A Restored is what was restored.
type Restored struct {
	Sites   []Verified
	Erased  int     // records that were erased after the backup, and were again
	Journal int     // entries that the backup did not have
	Behind  *Behind // the largest loss that was accepted
}

// Restore puts a backup of SQLite into a folder, in which there must be no store. It
// says that it has done so when everything in it was verified, and carries out again
// what was erased since: by its own journal, by those it is given, and by the one
// that the folder may still have of the store that was lost. Until all of that is
// done, nothing stands where a server would find it. Where it fails, or ctx ends, it
// leaves nothing that it made, not even the folder.
//
// Where a known checkpoint is of a larger log than the backup's, it restores only if
// the loss is accepted. Then it keeps that checkpoint with the log, so that nothing
// is ever signed that would contradict it: see register.ErrAhead.
func Restore(ctx context.Context, backup, folder string, how Restoring) (r Restored, err error) {
	site, err := breakGround(folder)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, site.leave(err == nil)) }()
	work, err := os.MkdirTemp(folder, workName)
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(work) //nolint:errcheck // what is left is in nobody's way
	if err := copyFile(ctx, backup, filepath.Join(work, fileName)); err != nil {
		return r, fmt.Errorf("the backup: %w", err)
	}
	theirs, err := lastJournal(filepath.Join(folder, journalName))
	if err != nil {
		return r, err
	}
	how.Erased = append(slices.Clone(how.Erased), theirs...)
	journal, err := restoreIn(ctx, work, how, &r)
	if err != nil {
		return r, err
	}
	if err := writeJournal(filepath.Join(folder, journalName), journal); err != nil {
		return r, err
	}
	if err := os.Rename(filepath.Join(work, fileName), filepath.Join(folder, fileName)); err != nil {
		return r, err
	}
	site.made = nil // from now on it is a store
	return r, durable.SyncFolder(folder)
}

// A ground is a folder that a store is restored to, locked, with what of it was made
// for that.
type ground struct {
	folder string
	lock   *os.File
	made   []string // what is to go again if nothing is restored, in that order
}

// breakGround makes the folder if need be, and locks it. It makes no file of a
// database there. A folder with a store in it is refused.
func breakGround(folder string) (g *ground, err error) {
	g = &ground{folder: folder}
	for dir := filepath.Clean(folder); missingFile(dir); dir = filepath.Dir(dir) {
		g.made = append(g.made, dir)
	}
	for _, name := range []string{lockName, journalName} {
		if name = filepath.Join(folder, name); missingFile(name) {
			g.made = slices.Insert(g.made, 0, name)
		}
	}
	if err = os.MkdirAll(folder, 0o700); err != nil {
		err = fmt.Errorf("the store's folder: %w", err)
	}
	if err == nil {
		err = refuseOpenFolder(folder)
	}
	if err == nil {
		g.lock, err = lockFolder(folder)
	}
	if err != nil {
		return nil, errors.Join(err, g.leave(false))
	}
	for _, look := range []func(string) error{refuseStore, forgetRestores} {
		if err := look(folder); err != nil {
			return nil, errors.Join(err, g.leave(false))
		}
	}
	return g, nil
}

func missingFile(name string) bool {
	_, err := os.Lstat(name)
	return errors.Is(err, fs.ErrNotExist)
}

// leave unlocks the folder. Unless it is to be kept, everything goes that was made;
// a folder in which somebody has put something else meanwhile stays, and so does one
// that somebody else has locked.
func (g *ground) leave(keep bool) error {
	if !keep && (g.lock != nil || missingFile(filepath.Join(g.folder, lockName))) {
		for _, name := range g.made {
			if os.Remove(name) != nil && !missingFile(name) {
				break
			}
		}
	}
	if g.lock == nil {
		return nil
	}
	return g.lock.Close()
}

// refuseStore refuses a folder with a database in it. The empty file that opening
// makes is none.
func refuseStore(folder string) error {
	for _, name := range []string{fileName, fileName + "-wal"} {
		name = filepath.Join(folder, name)
		info, err := os.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case info.Size() > 0:
			return fmt.Errorf("%s is there already: a backup is restored into another folder, or into this one when the database files were moved out of it", name)
		}
	}
	return nil
}

// workName begins the name of the folder that a restore works in.
const workName = "restoring-"

// forgetRestores removes what restores left that were killed.
func forgetRestores(folder string) error {
	list, err := os.ReadDir(folder)
	for _, e := range list {
		if e.IsDir() && strings.HasPrefix(e.Name(), workName) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(folder, e.Name())))
		}
	}
	return err
}

// copyFile copies a file, unless its context ends meanwhile.
func copyFile(ctx context.Context, from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if info, err := in.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(fmt.Errorf("%s is no regular file", from), err)
	}
	return durable.Replace(to, 0o600, func(f *os.File) error {
		_, err := io.Copy(f, whileReader{ctx, in})
		return err
	})
}

// A whileReader reads until its context ends.
type whileReader struct {
	ctx context.Context
	io.Reader
}

func (r whileReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// restoreIn verifies a restored store and carries out its erasures. It returns the
// whole journal.
func restoreIn(ctx context.Context, folder string, how Restoring, r *Restored) ([]register.Erasure, error) {
	file := filepath.Join(folder, fileName)
	if err := looksLikeStore(ctx, file); err != nil {
		return nil, err
	}
	s, err := Open(ctx, folder)
	if err != nil {
		return nil, err
	}
	journal, err := s.restored(ctx, how, r)
	if err == nil {
		err = s.Scrub(ctx)
	}
	return journal, errors.Join(err, s.Close())
}

// looksLikeStore refuses what is no backup before it is opened, which would make it
// a new, empty store.
func looksLikeStore(ctx context.Context, file string) error {
	db, err := openFile(file, 1, time.Second)
	if err != nil {
		return err
	}
	defer db.Close()
	var tables int
	if err := db.QueryRowContext(ctx, sqliteDialect.exists).Scan(&tables); err != nil || tables == 0 {
		return errors.Join(errors.New("this is no backup of a store"), err)
	}
	return nil
}

// restored finishes a restore in a store that nobody uses yet.
func (s *Store) restored(ctx context.Context, how Restoring, r *Restored) ([]register.Erasure, error) {
	var err error
	r.Sites, err = s.Verify(ctx, how.Known)
	if err != nil {
		if r.Behind = onlyBehind(err); r.Behind == nil || !how.AcceptLoss {
			return nil, err
		}
		if err := s.keepAhead(ctx, err); err != nil {
			return nil, err
		}
	}
	if r.Erased, r.Journal, err = s.Replay(ctx, how.Erased); err != nil {
		return nil, fmt.Errorf("carrying out what was erased after the backup: %w", err)
	}
	return s.Erasures(ctx)
}

// behinds returns what an error says of logs that are behind a checkpoint; rest is
// true if it says something else too.
func behinds(err error) (list []*Behind, rest bool) {
	if b, ok := err.(*Behind); ok { //nolint:errorlint // the tree of errors is walked here
		return []*Behind{b}, false
	}
	switch w := err.(type) { //nolint:errorlint
	case interface{ Unwrap() []error }:
		for _, e := range w.Unwrap() {
			more, other := behinds(e)
			list, rest = append(list, more...), rest || other
		}
		return list, rest
	case interface{ Unwrap() error }:
		return behinds(w.Unwrap())
	}
	return nil, true
}

// onlyBehind returns the largest loss, if nothing else is wrong.
func onlyBehind(err error) *Behind {
	list, rest := behinds(err)
	if rest || len(list) == 0 {
		return nil
	}
	return slices.MaxFunc(list, func(a, b *Behind) int { return int(a.Signed - a.Kept - (b.Signed - b.Kept)) })
}

// keepAhead keeps the larger checkpoints, so that the logs are not signed again.
func (s *Store) keepAhead(ctx context.Context, found error) error {
	list, _ := behinds(found)
	for _, b := range list {
		res, err := s.write.ExecContext(ctx, `UPDATE log SET checkpoint = $2 WHERE site = $1`, b.Site, b.Checkpoint)
		if err = all(res, err, 1); err != nil {
			return fmt.Errorf("the backup has nothing of the log of %s, and so there is no place for its checkpoint: %w", b.Site, err)
		}
	}
	return nil
}

// Ahead reports whether more of a site's log was signed than the store holds, as after
// a loss that was accepted: then nothing is put into it any more. See
// register.ErrAhead.
func (s *Store) Ahead(ctx context.Context, site string) (bool, error) {
	note, err := s.Checkpoint(ctx, site)
	if err != nil || note == nil {
		return false, err
	}
	rows, err := s.SiteKeys(ctx, site, register.KeyOfLog)
	if err != nil {
		return false, err
	}
	if slices.Contains(register.FormerLogs(rows), originOf(note)) {
		return false, nil // the log that came after it is signed by nobody yet
	}
	trust, err := register.TrustIn(rows, true)
	if err != nil {
		return false, err
	}
	signed, err := trust.Open(note)
	if err != nil {
		return false, err
	}
	head, err := s.Head(ctx, site)
	return signed.Size > head.Size, err
}

// RestorePostgres puts what pg_dump wrote into an empty database, as Restore does
// into a folder. With no dump it finishes what was restored there by other means,
// such as an archive of the write-ahead log. An error leaves the database as it is
// by then: drop it, and begin again.
func RestorePostgres(ctx context.Context, dump, address string, how Restoring) (r Restored, err error) {
	database, tables, err := tablesIn(ctx, address)
	switch {
	case err != nil:
		return r, err
	case dump == "" && tables == 0:
		return r, fmt.Errorf("there is no store in the database %s: restore one there first, or name the backup", database)
	case dump != "" && tables > 0:
		return r, fmt.Errorf("there is a store in the database %s already: a backup is restored into an empty one", database)
	case dump != "":
		if err := tool(ctx, "pg_restore", address, "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", dump); err != nil {
			return r, err
		}
	}
	s, err := Open(ctx, address)
	if err != nil {
		return r, err
	}
	_, err = s.restored(ctx, how, &r)
	if err == nil {
		err = s.Scrub(ctx)
	}
	return r, errors.Join(err, s.Close())
}

// tablesIn counts tables of a store in a database, whose name it returns.
func tablesIn(ctx context.Context, address string) (database string, tables int, err error) {
	config, err := postgresConfig(address)
	if err != nil {
		return "", 0, err
	}
	conn, err := session(ctx, config)
	if err != nil {
		return "", 0, err
	}
	defer hangUp(conn)
	err = conn.QueryRow(ctx, postgresDialect.exists).Scan(&tables)
	return config.Database, tables, err
}
