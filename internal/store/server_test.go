package store

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

func TestMain(m *testing.M) {
	code := m.Run()
	server.stop()
	os.Exit(code)
}

// server is the PostgreSQL of this test binary, started by the first test that
// needs one. Each test has a database of its own in it.
var server postgresServer

type postgresServer struct {
	once      sync.Once
	err       error
	dir       string
	port      int
	databases atomic.Int64
	stops     []func() // in the order of starting
	mu        sync.Mutex
}

var errNotInstalled = errors.New("PostgreSQL is not installed: scripts/need postgresql")

// needs skips a test where PostgreSQL is not installed, and fails it in CI.
func (p *postgresServer) needs(t testing.TB) {
	t.Helper()
	if errors.Is(p.err, errNotInstalled) && os.Getenv("CI") == "" {
		t.Skip(p.err)
	}
	if p.err != nil {
		t.Fatal(p.err)
	}
}

// database makes a database and returns its address.
func database(t testing.TB) string {
	t.Helper()
	server.once.Do(server.start)
	server.needs(t)
	name := fmt.Sprintf("test%d", server.databases.Add(1))
	sqlOn(t, server.address("postgres"), "CREATE DATABASE "+name)
	return server.address(name)
}

func (p *postgresServer) address(database string) string {
	return fmt.Sprintf("postgres://owner@127.0.0.1:%d/%s", p.port, database)
}

// sqlOn runs statements in a session of their own.
func sqlOn(t testing.TB, address string, statements ...string) {
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

// program finds a program of PostgreSQL's, which Debian keeps out of the path.
func program(name string) string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) > 0 {
		return found[len(found)-1]
	}
	path, _ := exec.LookPath(name)
	return path
}

// start makes a server and runs it.
func (p *postgresServer) start() {
	p.err = p.make()
	if p.err == nil {
		p.err = p.serve(syscall.SIGINT)
	}
}

func (p *postgresServer) make() error {
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

// serve runs the server until it is halted by the signal.
func (p *postgresServer) serve(end syscall.Signal) error {
	as, err := unprivileged(p.dir)
	if err != nil {
		return err
	}
	err = p.run(as, end, program("postgres"), "-D", filepath.Join(p.dir, "data"), "-p", strconv.Itoa(p.port), "-k", p.dir, "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=400", "-c", "shared_buffers=64MB", "-c", "autovacuum=off")
	if err != nil {
		return err
	}
	return answers(p.address("postgres"))
}

// halt ends what was run last.
func (p *postgresServer) halt() {
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
func (p *postgresServer) run(as *syscall.Credential, end syscall.Signal, name string, args ...string) error {
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

func (p *postgresServer) stop() {
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

// pooler starts PgBouncer before the server and returns an address through it.
func pooler(t *testing.T, address, mode string, settings ...string) string {
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
	as, err := unprivileged(server.dir)
	if err != nil {
		t.Fatal(err)
	}
	users, config := filepath.Join(server.dir, "users"), filepath.Join(server.dir, fmt.Sprintf("pgbouncer-%d.ini", port))
	lines := append([]string{
		"[databases]", fmt.Sprintf("* = host=127.0.0.1 port=%d", server.port),
		"[pgbouncer]", "listen_addr = 127.0.0.1", fmt.Sprintf("listen_port = %d", port), "unix_socket_dir =", "auth_type = trust", "auth_file = " + users, "pool_mode = " + mode,
	}, settings...)
	for file, text := range map[string]string{users: `"owner" ""` + "\n", config: strings.Join(lines, "\n") + "\n"} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.run(as, syscall.SIGTERM, bouncer, "-q", config); err != nil {
		t.Fatal(err)
	}
	through := strings.Replace(address, fmt.Sprintf(":%d/", server.port), fmt.Sprintf(":%d/", port), 1)
	if err := answers(through); err != nil {
		t.Fatal(err)
	}
	return through
}

// A wire is a network that can be cut without anybody being told.
type wire struct {
	address string
	mu      sync.Mutex
	cut     chan struct{} // closed while the wire is whole
}

// through puts a wire before the server.
func through(t *testing.T, address string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	to := fmt.Sprintf("127.0.0.1:%d", server.port)
	w := &wire{address: strings.Replace(address, to, l.Addr().String(), 1)}
	w.Mend()
	t.Cleanup(w.Mend)
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			go w.carry(in, out)
			go w.carry(out, in)
		}
	}()
	return w
}

func (w *wire) carry(from, to net.Conn) {
	defer to.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		w.mu.Lock()
		whole := w.cut
		w.mu.Unlock()
		<-whole
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

// Cut keeps everything that is sent from arriving, ends of connections too.
func (w *wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = make(chan struct{})
}

// Mend lets arrive what was kept back.
func (w *wire) Mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut == nil {
		w.cut = make(chan struct{})
	}
	select {
	case <-w.cut:
	default:
		close(w.cut)
	}
}

// An engineUnderTest gives places for new stores.
type engineUnderTest struct {
	name  string
	place func(t testing.TB) string
}

var engines = []engineUnderTest{
	{"sqlite", func(t testing.TB) string { return filepath.Join(t.TempDir(), "store") }},
	{"postgres", database},
}

// onEach runs a test on both engines, in a new store.
func onEach(t *testing.T, test func(t *testing.T, where string)) {
	t.Parallel()
	onEachOf(t, "", test)
}

// onEachOf does so for one case of several.
func onEachOf(t *testing.T, name string, test func(t *testing.T, where string)) {
	for _, e := range engines {
		t.Run(strings.TrimPrefix(name+"/"+e.name, "/"), func(t *testing.T) {
			t.Parallel()
			test(t, e.place(t))
		})
	}
}

func isPostgres(s *Store) bool {
	_, ok := s.engine.(*postgres)
	return ok
}
