package early

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestAServerDoesNotWaitForWhoHasAskedForNothing(t *testing.T) {
	accepted, begun, finish := make(chan bool, 8), make(chan bool), make(chan bool)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		begun <- true
		<-finish
		io.WriteString(w, "whole") //nolint:errcheck // it is read below
	}))
	s.Config.ConnState = func(_ net.Conn, now http.ConnState) {
		if now == http.StateNew {
			accepted <- true
		}
	}
	Watch(s.Config)
	s.Start()
	defer s.Close()
	silent, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	<-accepted
	answer := make(chan string)
	go func() {
		res, err := http.Get(s.URL)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		answer <- string(body)
	}()
	<-begun
	ended := make(chan error)
	go func() { ended <- s.Config.Shutdown(context.Background()) }()
	silent.SetReadDeadline(time.Now().Add(3 * time.Second)) //nolint:errcheck // a read that waits fails below
	if _, err := silent.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("who has asked for nothing is waited for: %v", err)
	}
	finish <- true
	if got := <-answer; got != "whole" {
		t.Errorf("a request under way gets %q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
