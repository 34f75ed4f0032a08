package server

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// sockets says what is sent to it in capitals, where it is asked to switch.
var sockets = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" {
		io.WriteString(w, "ok")
		return
	}
	c, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	context.AfterFunc(r.Context(), func() { c.Close() }) // when the handler returns
	io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	for {
		line, err := rw.ReadString('\n')
		if err != nil {
			return
		}
		io.WriteString(c, strings.ToUpper(line))
	}
})

// A socket is a connection that was handed over.
type socket struct {
	net.Conn
	r *bufio.Reader
}

func (r *rig) socket() socket {
	r.t.Helper()
	s := socket{Conn: r.dial()}
	s.r = bufio.NewReader(s)
	io.WriteString(s, "GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	res, err := http.ReadResponse(s.r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		r.t.Fatalf("%v %v", res, err)
	}
	return s
}

// says says something, and returns what comes back.
func (s socket) says(line string) string {
	io.WriteString(s, line+"\n")
	answer, err := s.r.ReadString('\n')
	if err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(answer, "\n")
}

func TestTheEndWaitsForConnectionsThatWereHandedOver(t *testing.T) {
	t.Parallel()
	r := start(t, sockets, nil)
	one, two := r.socket(), r.socket()
	r.stop()
	r.until("no new connections are taken", func() bool {
		c, err := net.Dial("tcp", r.Address().String())
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	for _, s := range []socket{one, two} {
		if got := s.says("still here"); got != "STILL HERE" {
			t.Errorf("%q", got)
		}
		select {
		case err := <-r.ended:
			t.Fatalf("it ended while a connection was open: %v", err)
		default:
		}
		s.Close()
	}
	if err := r.end(); err != nil || strings.Contains(r.log.String(), "were cut") || strings.Count(r.access.String(), `"status":101`) != 2 {
		t.Errorf("%v %s %s", err, r.log, r.access)
	}
}

func TestConnectionsThatWereHandedOverAreCutWhenTheGraceTimeEnds(t *testing.T) {
	t.Parallel()
	ended, later := make(chan bool, 2), make(chan bool)
	r := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sockets(w, r)
		ended <- true
		<-later
	}), func(c *Config) { c.Drain = 50 * time.Millisecond })
	defer close(later)
	whole, half := r.socket(), r.socket()
	half.Conn.(*net.TCPConn).CloseWrite() // it has said all, and still listens
	<-ended                               // the site has read that, and does not end its side
	if err := r.end(); err != nil {
		t.Error(err)
	}
	if got := whole.says("still here"); got == "STILL HERE" {
		t.Error("it goes on")
	}
	if _, err := half.Read(make([]byte, 1)); err == nil {
		t.Error("the other one goes on")
	}
	<-ended // the site was told
	if !strings.Contains(r.log.String(), "were cut") || strings.Count(r.access.String(), `"status":101`) != 2 {
		t.Errorf("%s %s", r.log, r.access)
	}
}
