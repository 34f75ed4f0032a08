package standin

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// maxRequests is how many requests are kept; the oldest go first.
const maxRequests = 10000

// A Request is one that the stand-in was sent. The address of the page is in
// Referer and Origin as far as the browser tells it.
type Request struct {
	Method, Host, Path, Query string // Host without its port; Query without "?"
	Referer, Origin, Cookie   string // headers
	Body                      string // the first 64 KiB
	Unknown                   bool   // the stand-in does not answer for the host
}

// String is the request as an address, with its method where that is not GET.
func (r Request) String() string {
	s := r.Host + r.Path
	if r.Query != "" {
		s += "?" + r.Query
	}
	if r.Method != http.MethodGet {
		s = r.Method + " " + s
	}
	return s
}

func requestOf(r *http.Request, unknown bool) Request {
	body, _ := io.ReadAll(io.LimitReader(r.Body, maxBody))         // of a client that hangs up, what came
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxDropped)) // or the client would not read the answer
	return Request{
		Method: r.Method, Host: hostOf(r), Path: r.URL.EscapedPath(), Query: r.URL.RawQuery,
		Referer: r.Referer(), Origin: r.Header.Get("Origin"), Cookie: r.Header.Get("Cookie"),
		Body: string(body), Unknown: unknown,
	}
}

// hostOf is the host that a request asks for: in lower case, without port.
func hostOf(r *http.Request) string {
	host := strings.ToLower(r.Host)
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return host
}

// A record is what was asked, in its order.
type record struct {
	mu       sync.Mutex
	requests []Request
	changed  chan struct{} // closed, and made anew, with each request
}

func (k *record) keep(r Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.requests) >= maxRequests {
		k.requests = slices.Delete(k.requests, 0, maxRequests/10)
	}
	k.requests = append(k.requests, r)
	close(k.changed)
	k.changed = make(chan struct{})
}

// Requests returns what was asked so far, the oldest first: at most 10 000, and
// each before it was answered. What is on its way is not among it: see Wait.
func (k *record) Requests() []Request {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.requests)
}

// Take returns what was asked so far, and forgets it.
func (k *record) Take() []Request {
	k.mu.Lock()
	defer k.mu.Unlock()
	taken := k.requests
	k.requests = nil
	return taken
}

// Wait returns once a request is in the record that is the one looked for, at once
// if it is there already, or with the error of the context.
func (k *record) Wait(ctx context.Context, is func(Request) bool) error {
	for {
		k.mu.Lock()
		found, changed := slices.ContainsFunc(k.requests, is), k.changed
		k.mu.Unlock()
		if found {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
