package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/temoin/temoin/internal/register"
)

// journalSuffix is added to a backup's name for the journal of erasures beside it.
const journalSuffix = "." + journalName

// Backup writes the store as it is at one moment into a file, while others use it,
// and the journal of erasures into another one beside it, whose name it returns. The
// file is there whole and on the disk, or not at all; one that is there is not
// overwritten. Nobody else can read it.
//
// Of SQLite the file is a database without anything that was removed; of PostgreSQL
// it is what pg_dump writes in its custom format. Private keys are in neither: the
// store does not have them.
func (s *Store) Backup(ctx context.Context, file string) (journal string, err error) {
	journal = file + journalSuffix
	for _, name := range []string{file, journal} {
		if _, err := os.Lstat(name); err == nil {
			return "", fmt.Errorf("%s is there already: give the backup another name", name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	err = replaceFile(file, func(f *os.File) error { return s.engine.backup(ctx, f) })
	if err != nil {
		return "", err
	}
	// It is read after the copy was made, and so has all that the copy lacks.
	list, err := s.Erasures(ctx)
	if err == nil {
		err = writeJournal(journal, list)
	}
	return journal, err
}

// backup copies what is there now. A transaction that only reads sees one moment;
// meanwhile the write-ahead log grows.
func (l *sqlite) backup(ctx context.Context, f *os.File) error {
	name, err := filepath.Abs(f.Name())
	if err != nil {
		return err
	}
	_, err = l.read.ExecContext(ctx, `VACUUM INTO $1`, name)
	return err
}

// errNoTool says that a program of PostgreSQL's is not there.
var errNoTool = errors.New("is not installed here")

func (p *postgres) backup(ctx context.Context, f *os.File) error {
	args := []string{"--format=custom", "--no-owner", "--no-privileges", "--file=" + f.Name()}
	var schema string
	if err := p.db.QueryRowContext(ctx, `SELECT current_schema()`).Scan(&schema); err != nil {
		return err
	}
	if schema != "public" {
		args = append(args, `--schema="`+strings.ReplaceAll(schema, `"`, `""`)+`"`)
	}
	return tool(ctx, "pg_dump", p.config.ConnString(), args...)
}

// tool runs a program of PostgreSQL's on a database. The password is not among its
// arguments, which others on the machine can read.
func tool(ctx context.Context, name, address string, args ...string) error {
	address, password, err := withoutPassword(address)
	if err != nil {
		return err
	}
	args = append(args, "--dbname="+address)
	byHand := name + " '" + strings.Join(args, "' '") + "'"
	path := findTool(name)
	if path == "" {
		return fmt.Errorf("%s %w: install PostgreSQL's client programs, of the server's version or later, or run where they are: %s", name, errNoTool, byHand)
	}
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // a fixed name; arguments are not parsed by a shell
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &said
	cmd.Env = os.Environ()
	if password != "" {
		cmd.Env = append(cmd.Env, "PGPASSWORD="+password)
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s\nIt was run as: %s", name, err, strings.TrimSpace(said.String()), byHand)
	}
	return nil
}

// findTool finds a program of PostgreSQL's, also where Debian keeps it.
func findTool(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		return ""
	}
	slices.Sort(found)
	return found[len(found)-1]
}

// ofLibpq are the parameters of an address that PostgreSQL's programs know; others
// are settings of the session.
var ofLibpq = []string{
	"host", "hostaddr", "port", "dbname", "user", "passfile", "connect_timeout", "client_encoding", "options", "application_name",
	"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "sslmode", "sslcompression", "sslcert",
	"sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslsni", "ssl_min_protocol_version", "ssl_max_protocol_version", "requirepeer",
	"krbsrvname", "gssencmode", "service", "servicefile", "target_session_attrs", "channel_binding", "load_balance_hosts",
}

// withoutPassword takes the password out of an address, and writes settings of the
// session as PostgreSQL's programs take them.
func withoutPassword(address string) (without, password string, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", "", errors.New("the store's address cannot be read") // the error would show the password
	}
	q := u.Query()
	password = q.Get("password")
	q.Del("password")
	if u.User != nil {
		if secret, ok := u.User.Password(); ok {
			password = secret
		}
		u.User = url.User(u.User.Username())
	}
	for name := range q {
		if !slices.Contains(ofLibpq, name) {
			q.Set("options", strings.TrimSpace(q.Get("options")+" -c "+name+"="+strings.ReplaceAll(q.Get(name), " ", `\ `)))
			q.Del(name)
		}
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String(), password, nil
}

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
// done, nothing stands where a server would find it.
//
// Where a known checkpoint is of a larger log than the backup's, it restores only if
// the loss is accepted. Then it keeps that checkpoint with the log, so that nothing
// is ever signed that would contradict it: see register.ErrAhead.
func Restore(ctx context.Context, backup, folder string, how Restoring) (r Restored, err error) {
	lock, err := occupy(folder, false)
	if err != nil {
		return r, err
	}
	defer lock.Close()
	if err := refuseStore(folder); err != nil {
		return r, err
	}
	if err := forgetRestores(folder); err != nil {
		return r, err
	}
	work, err := os.MkdirTemp(folder, workName)
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(work) //nolint:errcheck // what is left is in nobody's way
	if err := copyFile(backup, filepath.Join(work, fileName)); err != nil {
		return r, fmt.Errorf("the backup: %w", err)
	}
	theirs, err := readJournal(filepath.Join(folder, journalName))
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
	return r, syncFolder(folder)
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

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if info, err := in.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(fmt.Errorf("%s is no regular file", from), err)
	}
	return replaceFile(to, func(f *os.File) error {
		_, err := io.Copy(f, in)
		return err
	})
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

// RestorePostgres puts what pg_dump wrote into an empty database, as Restore does
// into a folder. With no dump it finishes what was restored there by other means,
// such as an archive of the write-ahead log. An error leaves the database as it is
// by then: drop it, and begin again.
func RestorePostgres(ctx context.Context, dump, address string, how Restoring) (r Restored, err error) {
	if dump != "" {
		if err := refuseDatabase(ctx, address); err != nil {
			return r, err
		}
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

// refuseDatabase refuses a database with a store in it.
func refuseDatabase(ctx context.Context, address string) error {
	config, err := postgresConfig(address)
	if err != nil {
		return err
	}
	conn, err := session(ctx, config)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	var tables int
	if err := conn.QueryRow(ctx, postgresDialect.exists).Scan(&tables); err != nil {
		return err
	}
	if tables > 0 {
		return fmt.Errorf("there is a store in the database %s already: a backup is restored into an empty one", config.Database)
	}
	return nil
}
