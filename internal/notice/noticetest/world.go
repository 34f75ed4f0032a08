// Package noticetest is what the tests of the notice's scripts in a real browser have in
// common: a world of hosts under localhost, which browsers find on this machine; a site in
// it that answers as its gate will; and visits, which run scripts in its pages.
package noticetest

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/internal/browsertest"
)

// A World is a site on a host of its own, and everybody else on every other host under
// localhost. It records what everybody else is asked for.
type World struct {
	T       testing.TB
	Port    string
	Words   *strings.Replacer // fills scripts and addresses: it knows $PORT
	Prelude string            // stands before each script that a visit runs
	End     func()            // ends the world before the test does

	host string // of the site

	mu       sync.Mutex
	answers  map[string]http.HandlerFunc // by host, or by host and path
	recorded []string
	news     chan struct{} // something was recorded
}

// Start runs a world until the test ends. The site is at host, where pages answers.
func Start(t testing.TB, host string, pages http.HandlerFunc) *World {
	t.Helper()
	w := &World{T: t, host: host, answers: map[string]http.HandlerFunc{host: pages}, news: make(chan struct{}, 1)}
	server := httptest.NewServer(w)
	w.End = sync.OnceFunc(func() { server.CloseClientConnections(); server.Close() })
	t.Cleanup(w.End)
	_, w.Port, _ = net.SplitHostPort(server.Listener.Addr().String())
	w.Words = strings.NewReplacer("$PORT", w.Port)
	return w
}

// Answer has answer speak from now on for a host, or for one path of a host as in
// "a.localhost/b.js"; one that begins with "/" is the site's. Nil takes that back.
func (w *World) Answer(at string, answer http.HandlerFunc) {
	if at[0] == '/' {
		at = w.host + at
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[at] = answer
}

// Script gives the site a script.
func (w *World) Script(path, source string) {
	w.Answer(path, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/javascript")
		fmt.Fprint(rw, w.Words.Replace(source))
	})
}

// ServeHTTP answers for every host.
func (w *World) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	host, _, _ := strings.Cut(r.Host, ":")
	host = strings.TrimSuffix(host, ".")
	if r.URL.Path == "/favicon.ico" {
		rw.WriteHeader(http.StatusNoContent)
		return
	}
	if host != w.host {
		w.Record(host + r.URL.Path)
	}
	w.mu.Lock()
	one, all := w.answers[host+r.URL.Path], w.answers[host]
	w.mu.Unlock()
	switch {
	case one != nil:
		rw.Header().Set("Cache-Control", "no-store")
		one(rw, r)
	case all != nil:
		all(rw, r)
	default:
		Stranger(rw, r)
	}
}

// Stranger answers for who says nothing else: a script writes its name into the page's log.
func Stranger(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Cache-Control", "no-store")
	rw.Header().Set("Access-Control-Allow-Origin", "*")
	send := func(kind, body string) {
		rw.Header().Set("Content-Type", kind)
		fmt.Fprint(rw, body)
	}
	name := r.URL.Path[1:]
	switch name[strings.LastIndex(name, ".")+1:] {
	case "js":
		script := fmt.Sprintf("(window.log ??= []).push(%q); window.onlog?.()", name)
		if name == "module.js" {
			script = "import.meta; " + script // which no other script may say
		}
		send("text/javascript", script)
	case "css":
		send("text/css", "")
	case "html":
		send("text/html", "<!DOCTYPE html><title>frame</title>")
	case "gif":
		send("image/gif", "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")
	default:
		http.NotFound(rw, r)
	}
}

// Record keeps that something happened.
func (w *World) Record(what string) {
	w.mu.Lock()
	w.recorded = append(w.recorded, what)
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// Recorded returns what was recorded, once each, sorted. Of requests that is "host/path".
func (w *World) Recorded() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := slices.Clone(w.recorded)
	slices.Sort(list)
	return slices.Compact(list)
}

// Take returns what was recorded and begins so, in the order in which it happened, and
// forgets it.
func (w *World) Take(prefix string) (taken []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.recorded = slices.DeleteFunc(w.recorded, func(what string) bool {
		fits := strings.HasPrefix(what, prefix)
		if fits {
			taken = append(taken, what)
		}
		return fits
	})
	return taken
}

// Wait waits until all of these are recorded.
func (w *World) Wait(want ...string) {
	w.T.Helper()
	timeout := time.After(20 * time.Second)
	for {
		have := w.Recorded()
		missing := slices.DeleteFunc(slices.Clone(want), func(what string) bool { return slices.Contains(have, what) })
		if len(missing) == 0 {
			return
		}
		select {
		case <-w.news:
		case <-timeout:
			w.T.Fatalf("nobody asked for %q; asked for were %q", missing, have)
		}
	}
}

// Open opens a page of the site in a tab of its own, which closes with the test.
func (w *World) Open(t testing.TB, path string) *Visit {
	t.Helper()
	v := &Visit{Tab: browsertest.Open(t), World: w, t: t}
	v.Do(chromedp.EmulateViewport(1000, 700))
	v.Go(path)
	return v
}
