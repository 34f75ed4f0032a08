package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/pprof"
)

// errEnding says why a server that is ending is not ready.
var errEnding = errors.New("it is ending")

// operations is for whoever runs the server, and for nobody else.
func (s *Server) operations() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", s.readiness)
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) { s.node.Metrics().ServeHTTP(w, r) })
	mux.HandleFunc("/debug/pprof/", pprof.Index) // without the command line, which may hold a password
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// readiness tells whether requests are to be sent here. A store that does not answer is
// no reason against it, unless ?choices asks: pages go on without it, and all nodes
// would lose it at once.
func (s *Server) readiness(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if !s.ready.Load() {
		http.Error(w, errEnding.Error(), http.StatusServiceUnavailable)
		return
	}
	err := s.node.Ready(r.Context())
	switch {
	case err == nil:
		fmt.Fprintln(w, "ready")
	case r.URL.Query().Has("choices"):
		http.Error(w, "choices cannot be kept: "+err.Error(), http.StatusServiceUnavailable)
	default:
		fmt.Fprintln(w, "ready, but choices cannot be kept: "+err.Error())
	}
}
