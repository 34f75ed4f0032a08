package server

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/temoin/temoin/internal/register"
)

// until waits for something to become true.
func (r *rig) until(what string, is func() bool) {
	r.t.Helper()
	for try := 0; !is(); try++ {
		if try == 2000 {
			r.t.Fatalf("never: %s", what)
		}
		register.Sleep(r.t.Context(), 5*time.Millisecond)
	}
}

// silent waits until so many connections are known to be silent.
func (r *rig) silent(n int) {
	r.t.Helper()
	r.until(fmt.Sprint(n, " silent connections"), func() bool {
		r.seats.mu.Lock()
		defer r.seats.mu.Unlock()
		return r.seats.silent.Len() == n
	})
}

// ask sends a request on a connection that stays open, and returns the status.
func ask(c net.Conn, path string) string {
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: shop.example\r\n\r\n", path)
	return answer(c)
}

func answer(c net.Conn) string {
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	io.Copy(io.Discard, res.Body)
	return res.Status
}

// A blocking site answers /wait when it is told to, and everything else at once.
type blocking struct {
	came    chan struct{}
	release chan struct{}
}

func newBlocking() blocking { return blocking{make(chan struct{}, 100), make(chan struct{})} }

func (b blocking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/wait" {
		b.came <- struct{}{}
		<-b.release
	}
	io.WriteString(w, "ok")
}

func TestWhereAllConnectionsAreTakenTheOneThatWasSilentForLongestGivesWay(t *testing.T) {
	t.Parallel()
	r := start(t, newBlocking(), func(c *Config) { c.Most = 2 })
	var clients [3]net.Conn
	for i := range clients {
		clients[i] = r.dial()
		if got := ask(clients[i], "/"); got != "200 OK" {
			t.Fatalf("connection %d: %s", i, got)
		}
		r.silent(min(2, i+1))
	}
	none, first, second := clients[0], clients[1], clients[2]
	if _, err := none.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the one that was silent for longest: %v", err)
	}
	r.silent(2)
	if got := ask(first, "/"); got != "200 OK" { // now the other one has been silent for longer
		t.Errorf("the first one: %s", got)
	}
	r.silent(2)
	if got := ask(r.dial(), "/"); got != "200 OK" {
		t.Errorf("a fourth connection: %s", got)
	}
	if _, err := second.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the one that was silent for longest then: %v", err)
	}
	_, metrics := r.operate("/metrics")
	for _, want := range []string{`temoin_connections_full_total{then="gave_way"} 2`, `temoin_connections_full_total{then="waited"} 0`, "temoin_connections 2", "temoin_connections_most 2"} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("%s is missing from\n%s", want, metrics)
		}
	}
}

func TestWhereRequestsAreUnderWayOnAllConnectionsTheNextWaitsAndOperationsAreAnswered(t *testing.T) {
	t.Parallel()
	site := newBlocking()
	r := start(t, site, func(c *Config) { c.Most = 2 })
	busy := []net.Conn{r.dial(), r.dial()}
	for _, c := range busy {
		io.WriteString(c, "GET /wait HTTP/1.1\r\nHost: shop.example\r\n\r\n")
		<-site.came
	}
	r.silent(0)
	next, last := r.dial(), r.dial()
	for _, c := range []net.Conn{next, last} {
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
	}
	r.until("one waits", func() bool { return r.seats.waited.Load() == 1 })
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		code, said := r.operate(path)
		if code != http.StatusOK {
			t.Errorf("%s: %d", path, code)
		}
		if path == "/metrics" && !strings.Contains(said, `temoin_connections_full_total{then="waited"} 1`) {
			t.Errorf("%s", said)
		}
	}
	close(site.release) // what is silent from then on gives way at once
	for i, c := range append(busy, next, last) {
		if got := answer(c); got != "200 OK" {
			t.Errorf("connection %d: %s", i, got)
		}
	}
}

func TestAServerEndsWhileConnectionsWait(t *testing.T) {
	t.Parallel()
	site := newBlocking()
	r := start(t, site, func(c *Config) { c.Most = 1 })
	busy := r.dial()
	io.WriteString(busy, "GET /wait HTTP/1.1\r\nHost: shop.example\r\n\r\n")
	<-site.came
	waits := r.dial()
	r.until("one waits", func() bool { return r.seats.waited.Load() == 1 })
	r.stop()
	if _, err := waits.Read(make([]byte, 1)); err == nil {
		t.Error("the one that waits was told something")
	}
	close(site.release)
	if got := answer(busy); got != "200 OK" {
		t.Error(got)
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
}

// A connection of HTTP/2 carries many requests, and gives way when there is none.
func TestOverHTTP2RequestsUnderWayAreBoundedToo(t *testing.T) {
	t.Parallel()
	pair := newPair(t, "shop.example")
	site := newBlocking()
	r := start(t, site, func(c *Config) { c.TLS, c.Most = pair.tls(), 2 })
	c := client(r.Address(), pair.trusted())
	var under sync.WaitGroup
	for range 2 {
		under.Go(func() {
			res, err := c.Get("https://shop.example/wait")
			if err != nil {
				t.Error(err)
				return
			}
			res.Body.Close()
			if res.StatusCode != http.StatusOK {
				t.Errorf("%s", res.Status)
			}
		})
		<-site.came
	}
	res, body := send(t, c, http.MethodGet, "https://shop.example/", "")
	if res.ProtoMajor != 2 || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || !strings.Contains(body, "as many requests as it can") {
		t.Errorf("%s %s %s", res.Proto, res.Status, body)
	}
	if code, _ := r.operate("/healthz"); code != http.StatusOK {
		t.Errorf("/healthz: %d", code)
	}
	close(site.release)
	under.Wait()
	if res, _ := send(t, c, http.MethodGet, "https://shop.example/", ""); res.StatusCode != http.StatusOK {
		t.Errorf("when there is room again: %s", res.Status)
	}
	for range 5 { // each client keeps its connection
		if res, _ := send(t, client(r.Address(), pair.trusted()), http.MethodGet, "https://shop.example/", ""); res.StatusCode != http.StatusOK {
			t.Errorf("%s", res.Status)
		}
	}
	if n := r.seats.gaveWay.Load(); n == 0 {
		t.Error("no connection of HTTP/2 gave way")
	}
}

// Such a connection counts as silent before its first request, and before all of its last
// answer is on its way.
func TestOverHTTP2NobodyGivesWayWhoWasNotAnswered(t *testing.T) {
	t.Parallel()
	pair := newPair(t, "shop.example")
	r := start(t, page, func(c *Config) { c.TLS, c.Most = pair.tls(), 1 })
	var all sync.WaitGroup
	for range 10 { // each by a connection that stays open
		c := client(r.Address(), pair.trusted())
		all.Go(func() {
			res, err := c.Get("https://shop.example/")
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			if _, err := io.Copy(io.Discard, res.Body); res.ProtoMajor != 2 || res.StatusCode != http.StatusOK || err != nil {
				t.Errorf("%s %s, %v", res.Proto, res.Status, err)
			}
		})
	}
	all.Wait()
	if n := r.seats.gaveWay.Load(); n < 9 {
		t.Errorf("%d gave way", n)
	}
}

// A connection that was handed over has its seat until it ends.
func TestAConnectionThatWasHandedOverKeepsItsSeat(t *testing.T) {
	t.Parallel()
	r := start(t, sockets, func(c *Config) { c.Most = 1 })
	socket := r.socket()
	next := r.dial()
	io.WriteString(next, "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
	r.until("one waits", func() bool { return r.seats.waited.Load() == 1 })
	if got := socket.says("still here"); got != "STILL HERE" {
		t.Errorf("%q", got)
	}
	socket.Close()
	if got := answer(next); got != "200 OK" {
		t.Error(got)
	}
}

func TestNoMoreConnectionsAreTakenThanTheSystemHasFilesFor(t *testing.T) {
	t.Parallel()
	files, ok := maxFiles()
	if !ok || files > 1<<40 {
		t.Skip("there is no such limit here")
	}
	r := start(t, page, func(c *Config) { c.Most = 1 << 50 })
	if n := uint64(cap(r.seats.taken)); 2*n+spare > files || !strings.Contains(r.log.String(), "fewer connections are taken than wished") {
		t.Errorf("%d connections with %d files: %s", n, files, r.log)
	}
	few := start(t, page, func(c *Config) { c.Most = 10 })
	if strings.Contains(few.log.String(), "fewer connections") || cap(few.seats.taken) != 10 {
		t.Errorf("%s", few.log)
	}
}

// Whatever comes and goes, as many seats are free at the end as at the beginning.
func TestEachSeatIsGivenBack(t *testing.T) {
	t.Parallel()
	pair := newPair(t, "shop.example")
	r := start(t, page, func(c *Config) { c.TLS, c.Most = pair.tls(), 4 })
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for range 20 {
				switch i % 4 {
				case 0: // says nothing, and goes
					r.dial().Close()
				case 1: // is no client of TLS
					c := r.dial()
					io.WriteString(c, "GET / HTTP/1.1\r\n\r\n")
					c.Close()
				case 2: // goes amid the handshake
					c := r.dial()
					c.Write([]byte{22, 3, 1, 2})
					c.Close()
				default:
					secure := pair.trusted()
					c := client(r.Address(), secure)
					if res, err := c.Get("https://shop.example/"); err == nil {
						res.Body.Close()
					}
					c.CloseIdleConnections()
				}
			}
		})
	}
	all.Wait()
	r.until("all seats are free", func() bool { return len(r.seats.taken) == 0 })
	r.silent(0)
	if conn, err := tls.Dial("tcp", r.Address().String(), &tls.Config{RootCAs: pair.trusted().RootCAs, ServerName: "shop.example"}); err != nil {
		t.Error(err)
	} else {
		conn.Close()
	}
}
