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

	"github.com/temoin/temoin/internal/durable"
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
	err = durable.Replace(file, 0o600, func(f *os.File) error { return s.engine.backup(ctx, f) })
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
