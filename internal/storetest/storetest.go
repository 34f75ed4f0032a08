// Package storetest gives tests a PostgreSQL of their own, a pooler before it, and a
// network to it that can be cut. Where PostgreSQL is missing a test is skipped with
// a line that says so, and fails when CI is set: there it must have been installed
// (scripts/need postgresql pgbouncer).
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

// shared is the server of the test binary, started by the first test that needs one.
// Each test has a database of its own in it.
var shared struct {
	Server
	once      sync.Once
	err       error
	databases atomic.Int64
}

var errNotInstalled = errors.New("PostgreSQL is not installed: scripts/need postgresql")

// Main runs the tests of a package and stops the server after them: for TestMain.
func Main(m *testing.M) {
	code := m.Run()
	shared.stop()
	os.Exit(code)
}

// Database makes a database in the server, which it starts if need be, and returns
// its address. In tests the server does not wait for the disk: they kill processes, and
// no machine. It does in benchmarks, and where TEMOIN_TORTURE is set.
func Database(t testing.TB) string {
	t.Helper()
	shared.once.Do(func() {
		_, test := t.(*testing.T)
		shared.hasty = test && os.Getenv("TEMOIN_TORTURE") == ""
		if shared.err = shared.make(); shared.err == nil {
			shared.err = shared.Serve(syscall.SIGINT)
		}
	})
	needs(t, shared.err)
	name := fmt.Sprintf("test%d", shared.databases.Add(1))
	SQL(t, Admin(), "CREATE DATABASE "+name)
	return shared.address(name)
}

// needs skips a test where PostgreSQL is not installed, and fails it in CI.
func needs(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errNotInstalled) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Admin returns the address of a database that is no test's.
func Admin() string { return shared.address("postgres") }

// SQL runs statements in a session of their own.
func SQL(t testing.TB, address string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// Checkpoint has the server write all it knows to its files.
func Checkpoint(t testing.TB) {
	t.Helper()
	SQL(t, Admin(), "CHECKPOINT")
}

// Folder returns where the server keeps its files: its data, its own log.
func Folder() string { return shared.dir }

// A Server is a PostgreSQL that a test stops and starts.
type Server struct {
	dir   string
	port  int
	hasty bool // it does not wait for the disk
	mu    sync.Mutex
	stops []func() // in the order of starting
}

// NewServer makes a server for one test, which does not run yet. It ends with the
// test.
func NewServer(t testing.TB) *Server {
	t.Helper()
	p := &Server{}
	t.Cleanup(p.stop)
	needs(t, p.make())
	return p
}

// Address returns that of its database.
func (p *Server) Address() string { return p.address("postgres") }

func (p *Server) address(database string) string {
	return fmt.Sprintf("postgres://owner@127.0.0.1:%d/%s", p.port, database)
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

func (p *Server) make() error {
	initdb := program("initdb")
	if initdb == "" || program("postgres") == "" {
		return errNotInstalled
	}
	var err error
	if p.dir, err = os.MkdirTemp("", "temoin-postgres-"); err != nil {
		return err
	}
	as, err := unprivileged(p.dir)
	if err != nil {
		return err
	}
	cmd := exec.Command(initdb, "-D", filepath.Join(p.dir, "data"), "-U", "owner", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	cmd.SysProcAttr, cmd.Dir = &syscall.SysProcAttr{Credential: as}, p.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	p.port, err = freePort()
	return err
}

// Serve runs the server until it is halted by the signal.
func (p *Server) Serve(end syscall.Signal) error {
	as, err := unprivileged(p.dir)
	if err != nil {
		return err
	}
	args := []string{"-D", filepath.Join(p.dir, "data"), "-p", strconv.Itoa(p.port), "-k", p.dir, "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=400", "-c", "shared_buffers=64MB", "-c", "autovacuum=off"}
	if p.hasty {
		args = append(args, "-c", "fsync=off")
	}
	err = p.run(as, end, program("postgres"), args...)
	if err != nil {
		return err
	}
	return answers(p.address("postgres"))
}

// Halt ends what was run last.
func (p *Server) Halt() {
	p.mu.Lock()
	last := len(p.stops) - 1
	end := p.stops[last]
	p.stops = p.stops[:last]
	p.mu.Unlock()
	end()
}

// answers waits until a server takes connections.
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

// run starts a process that ends, by the signal, with the test binary.
func (p *Server) run(as *syscall.Credential, end syscall.Signal, name string, args ...string) error {
	log, err := os.Create(filepath.Join(p.dir, filepath.Base(name)+".log"))
	if err != nil {
		return err
	}
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, p.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true}
	dieWithParent(cmd.SysProcAttr, end)
	started, ended := make(chan error), make(chan struct{})
	go func() {
		// The parent is this thread, not the process.
		runtime.LockOSThread()
		started <- cmd.Start()
		cmd.Wait() //nolint:errcheck // it was told to end
		close(ended)
	}()
	if err := <-started; err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stops = append(p.stops, func() {
		cmd.Process.Signal(end) //nolint:errcheck // it may have ended
		<-ended
	})
	return nil
}

func (p *Server) stop() {
	for i := len(p.stops) - 1; i >= 0; i-- {
		p.stops[i]()
	}
	if p.dir != "" {
		os.RemoveAll(p.dir)
	}
}

// unprivileged returns whom a server runs as, which must not be root, and gives
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

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Pooler starts PgBouncer before the shared server and returns an address through it.
func Pooler(t testing.TB, address, mode string, settings ...string) string {
	t.Helper()
	bouncer, err := exec.LookPath("pgbouncer")
	if err != nil {
		bouncer = "/usr/sbin/pgbouncer"
	}
	if _, err := os.Stat(bouncer); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("PgBouncer is not installed: scripts/need pgbouncer")
		}
		t.Skip("PgBouncer is not installed: scripts/need pgbouncer")
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	as, err := unprivileged(shared.dir)
	if err != nil {
		t.Fatal(err)
	}
	users, config := filepath.Join(shared.dir, "users"), filepath.Join(shared.dir, fmt.Sprintf("pgbouncer-%d.ini", port))
	lines := append([]string{
		"[databases]", fmt.Sprintf("* = host=127.0.0.1 port=%d", shared.port),
		"[pgbouncer]", "listen_addr = 127.0.0.1", fmt.Sprintf("listen_port = %d", port), "unix_socket_dir =", "auth_type = trust", "auth_file = " + users, "pool_mode = " + mode,
	}, settings...)
	for file, text := range map[string]string{users: `"owner" ""` + "\n", config: strings.Join(lines, "\n") + "\n"} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := shared.run(as, syscall.SIGTERM, bouncer, "-q", config); err != nil {
		t.Fatal(err)
	}
	through := strings.Replace(address, fmt.Sprintf(":%d/", shared.port), fmt.Sprintf(":%d/", port), 1)
	if err := answers(through); err != nil {
		t.Fatal(err)
	}
	return through
}

// A Wire is a network to the shared server that can be cut and mended.
type Wire struct {
	Address string // of the database, through the wire
	to, on  string

	mu       sync.Mutex
	listener net.Listener
	conns    []net.Conn
	open     chan struct{} // closed while what is sent arrives
}

// Through puts a wire before the database at an address.
func Through(t testing.TB, database string) *Wire {
	t.Helper()
	w := &Wire{to: fmt.Sprintf("127.0.0.1:%d", shared.port), on: "127.0.0.1:0", open: make(chan struct{})}
	close(w.open)
	w.Mend(t)
	w.Address = strings.Replace(database, w.to, w.on, 1)
	t.Cleanup(func() { w.Resume(); w.Cut() })
	return w
}

// Mend lets connections through, after Cut.
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

// Hold keeps everything that is sent from arriving, ends of connections too: nobody
// is told.
func (w *Wire) Hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = make(chan struct{})
}

// Resume lets arrive what was kept back.
func (w *Wire) Resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.open:
	default:
		close(w.open)
	}
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
		go w.carry(in, out)
		go w.carry(out, in)
	}
}

func (w *Wire) carry(from, to net.Conn) {
	defer to.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		w.mu.Lock()
		open := w.open
		w.mu.Unlock()
		<-open
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
