// Package storetest gives tests of other packages a PostgreSQL of their own, and a
// network to it that can be cut. Where PostgreSQL is missing a test is skipped with
// a line that says so, and fails when CI is set: there it must have been installed
// (scripts/need postgresql).
package storetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// server is that of the test binary.
var server struct {
	once      sync.Once
	err       error
	dir       string
	port      int
	databases atomic.Int64
	stop      func()
}

var errNotInstalled = errors.New("PostgreSQL is not installed: scripts/need postgresql")

// Main runs the tests of a package and stops the server after them: for TestMain.
func Main(m *testing.M) {
	code := m.Run()
	if server.stop != nil {
		server.stop()
	}
	if server.dir != "" {
		os.RemoveAll(server.dir)
	}
	os.Exit(code)
}

// Database makes a database in the server, which it starts if need be, and returns
// its address.
func Database(t testing.TB) string {
	t.Helper()
	server.once.Do(func() { server.err = start() })
	if errors.Is(server.err, errNotInstalled) && os.Getenv("CI") == "" {
		t.Skip(server.err)
	}
	if server.err != nil {
		t.Fatal(server.err)
	}
	name := fmt.Sprintf("test%d", server.databases.Add(1))
	conn, err := pgx.Connect(t.Context(), address("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return address(name)
}

// Checkpoint has the server write all it knows to its files.
func Checkpoint(t testing.TB) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "CHECKPOINT"); err != nil {
		t.Fatal(err)
	}
}

// Folder returns where the server keeps its files, its own log among them.
func Folder() string { return server.dir }

func address(database string) string {
	return fmt.Sprintf("postgres://owner@127.0.0.1:%d/%s", server.port, database)
}

// program finds a program of PostgreSQL's, which Debian keeps out of the path.
func program(name string) string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) > 0 {
		return found[len(found)-1]
	}
	path, _ := exec.LookPath(name)
	return path
}

func start() (err error) {
	initdb, postgres := program("initdb"), program("postgres")
	if initdb == "" || postgres == "" {
		return errNotInstalled
	}
	if server.dir, err = os.MkdirTemp("", "temoin-postgres-"); err != nil {
		return err
	}
	as, err := unprivileged(server.dir)
	if err != nil {
		return err
	}
	data := filepath.Join(server.dir, "data")
	cmd := exec.Command(initdb, "-D", data, "-U", "owner", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	cmd.SysProcAttr, cmd.Dir = &syscall.SysProcAttr{Credential: as}, server.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server.port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	cmd = exec.Command(postgres, "-D", data, "-p", strconv.Itoa(server.port), "-k", server.dir, "-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=64MB", "-c", "autovacuum=off")
	if err := run(cmd, as); err != nil {
		return err
	}
	return answers(address("postgres"))
}

// run starts the server, which ends with the test binary.
func run(cmd *exec.Cmd, as *syscall.Credential) error {
	log, err := os.Create(filepath.Join(server.dir, "log"))
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, server.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true}
	dieWithParent(cmd.SysProcAttr)
	started, ended := make(chan error), make(chan struct{})
	go func() {
		// The parent is this thread, not the process.
		runtime.LockOSThread()
		started <- cmd.Start()
		cmd.Wait() //nolint:errcheck // it was told to end
		close(ended)
	}()
	server.stop = func() {
		cmd.Process.Signal(syscall.SIGINT) //nolint:errcheck // it may have ended
		<-ended
	}
	return <-started
}

// answers waits until the server takes connections.
func answers(address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := pgx.Connect(ctx, address)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return err
		}
	}
}

// unprivileged returns whom the server runs as, which must not be root, and gives
// them the folder.
func unprivileged(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, uid, gid)
	}
	return nil, errors.New("there is no user whom a server could run as")
}

// A Wire is a network to a server that can be cut and mended.
type Wire struct {
	Address string // of the database, through the wire
	to      string
	on      string

	mu       sync.Mutex
	listener net.Listener
	conns    []net.Conn
}

// Through puts a wire before the database at an address.
func Through(t testing.TB, database string) *Wire {
	t.Helper()
	w := &Wire{to: fmt.Sprintf("127.0.0.1:%d", server.port), on: "127.0.0.1:0"}
	w.Mend(t)
	w.Address = strings.Replace(database, w.to, w.on, 1)
	t.Cleanup(w.Cut)
	return w
}

// Mend lets connections through.
func (w *Wire) Mend(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", w.on)
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listener, w.on = l, l.Addr().String()
	go w.accept(l)
}

// Cut ends all connections, and lets none through.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listener.Close()
	for _, c := range w.conns {
		c.Close()
	}
	w.conns = nil
}

func (w *Wire) accept(l net.Listener) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", w.to)
		if err != nil {
			in.Close()
			continue
		}
		w.mu.Lock()
		w.conns = append(w.conns, in, out)
		w.mu.Unlock()
		go carry(in, out)
		go carry(out, in)
	}
}

func carry(from, to net.Conn) {
	defer to.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
