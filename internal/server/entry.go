package server

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"
)

// An entry is a request as it comes in: what is counted and logged of it, and what its
// answer has whoever writes it.
type entry struct {
	http.ResponseWriter
	strict []string // Strict-Transport-Security; nil for none
	stream bool     // of HTTP/2: see Write
	stall  time.Duration
	handed *handed // where the connection is counted if it is handed over
	over   bool    // it was
	site   string
	status int // of the answer; 0 until it has one
	bytes  int64
}

// entered counts requests, writes the access log, and answers where a handler fails.
func (s *Server) entered(next http.Handler) http.Handler {
	var strict []string
	if s.config.HSTS > 0 {
		strict = []string{"max-age=" + strconv.FormatInt(int64(s.config.HSTS/time.Second), 10)}
	}
	access := s.accessLog()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := &entry{ResponseWriter: w, stream: r.ProtoMajor > 1, stall: s.config.Slow, handed: &s.handed}
		if strict != nil && s.config.Trusted.Secure(r) {
			e.strict = strict
		}
		method, path := r.Method, r.URL.Path // others change the request on its way
		begun := s.config.Node.Now()
		under := s.under.Add(1)
		s.traffic.under.Inc()
		defer func() {
			p := recover()
			e.failed(p, s.log)
			s.under.Add(-1)
			s.traffic.under.Dec()
			took := s.config.Node.Now().Sub(begun)
			s.traffic.count(e, took)
			access(r, e, method, path, took)
			if e.over {
				s.handed.add(-1)
			}
			if p != nil {
				panic(http.ErrAbortHandler)
			}
		}()
		if under > int64(s.config.Most) {
			e.Header().Set("Retry-After", "5")
			http.Error(e, "This server answers as many requests as it can. Try again in a moment.", http.StatusServiceUnavailable)
		} else {
			next.ServeHTTP(e, r)
		}
		e.end()
	})
}

// gone is what it is called when a client went away before there was an answer: a status
// of other servers' logs.
const gone = 499

// failed is called with what a handler panicked with, nil for nothing.
func (e *entry) failed(p any, log *slog.Logger) {
	switch {
	case p == nil:
		if e.status == 0 {
			e.status = http.StatusOK // net/http sends it
		}
		return
	case p != http.ErrAbortHandler: //nolint:errorlint // as net/http compares it
		log.Error("a request made the server fail; its connection was cut", "error", p, "stack", string(debug.Stack()))
		if e.status == 0 {
			e.status = http.StatusInternalServerError
		}
	case e.status == 0:
		e.status = gone
	}
}

// WriteHeader completes the header, and remembers the status.
func (e *entry) WriteHeader(status int) {
	if e.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		e.status = status
		if e.strict != nil {
			e.Header()["Strict-Transport-Security"] = e.strict
		}
	}
	e.ResponseWriter.WriteHeader(status)
}

// Write writes a part of the body. A stream of HTTP/2 shares its connection, so that it
// is bound by itself to a client that takes nothing of it.
func (e *entry) Write(p []byte) (int, error) {
	if e.status == 0 {
		e.WriteHeader(http.StatusOK)
	}
	if e.stream {
		control := http.NewResponseController(e.ResponseWriter)
		control.SetWriteDeadline(time.Now().Add(e.stall)) //nolint:errcheck // then the connection's own holds
		defer control.SetWriteDeadline(time.Time{})       //nolint:errcheck // a stream may be silent for long
	}
	n, err := e.ResponseWriter.Write(p)
	e.bytes += int64(n)
	return n, err
}

// end bounds what is left of an answer to be taken.
func (e *entry) end() {
	if e.stream {
		http.NewResponseController(e.ResponseWriter).SetWriteDeadline(time.Now().Add(e.stall)) //nolint:errcheck // as in Write
	}
}

// Hijack hands the connection over, as for WebSocket.
func (e *entry) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	e.handed.add(1) // before: the end would not wait for what nobody knows of any more
	c, b, err := http.NewResponseController(e.ResponseWriter).Hijack()
	if err != nil {
		e.handed.add(-1)
		return c, b, err
	}
	e.status = http.StatusSwitchingProtocols
	e.over = true
	return c, b, nil
}

// Unwrap lets http.ResponseController reach the connection.
func (e *entry) Unwrap() http.ResponseWriter { return e.ResponseWriter }

// accessLog returns what writes a line for each request, if a log is kept: what was asked
// for and what was answered, and nothing of who asked. No address unless it is wished, no
// query, no browser's name.
func (s *Server) accessLog() func(r *http.Request, e *entry, method, path string, took time.Duration) {
	if s.config.Access == nil {
		return func(*http.Request, *entry, string, string, time.Duration) {}
	}
	log := slog.New(slog.NewJSONHandler(s.config.Access, &slog.HandlerOptions{ReplaceAttr: bare}))
	return func(r *http.Request, e *entry, method, path string, took time.Duration) {
		list := append(make([]slog.Attr, 0, 8),
			slog.String("host", r.Host), slog.String("method", method), slog.String("path", path), slog.Int("status", e.status),
			slog.Int64("bytes", e.bytes), slog.Float64("ms", float64(took.Microseconds())/1000))
		if s.config.Clients {
			list = append(list, slog.String("client", s.config.Trusted.Client(r).String()))
		}
		log.LogAttrs(context.WithoutCancel(r.Context()), slog.LevelInfo, "request", list...)
	}
}

// bare leaves out what each line would say.
func bare(_ []string, a slog.Attr) slog.Attr {
	switch a.Key {
	case slog.LevelKey, slog.MessageKey:
		return slog.Attr{}
	case slog.TimeKey:
		a.Value = slog.StringValue(a.Value.Time().UTC().Format(time.RFC3339Nano))
	}
	return a
}
