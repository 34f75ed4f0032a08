package server

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/temoin/temoin/policy"
)

// free refuses a manifest that claims a host of another site.
func (s *Server) free(p *policy.Site) error {
	for _, one := range s.sites {
		if one.id == p.ID {
			continue
		}
		for _, host := range p.AllHosts() {
			if s.now(one).Serves(host) {
				return fmt.Errorf("the site %s has the host %s, as %s does: a request for it can be one site's only", p.ID, host, one.id)
			}
		}
	}
	return nil
}

// of returns the site of a host; nil for one that no site has.
func (s *Server) of(host string) *served {
	name, ok := hostname(host)
	if !ok {
		return nil
	}
	for _, one := range s.sites {
		if s.now(one).Serves(name) || name == one.id+".localhost" {
			return one
		}
	}
	if len(s.sites) == 1 && isMachine(name) {
		return s.sites[0]
	}
	return nil
}

// hostname returns the name in a Host header; false for one with anything but a number
// for a port: the site may write links with it.
func hostname(host string) (string, bool) {
	name, port := host, ""
	if h, p, err := net.SplitHostPort(host); err == nil {
		if name, port = h, p; port == "" {
			return "", false
		}
	}
	if len(port) > 5 || strings.Trim(port, "0123456789") != "" {
		return "", false
	}
	return strings.TrimSuffix(strings.ToLower(strings.Trim(name, "[]")), "."), true
}

// isMachine reports whether a host is this machine's by name, or an address: what
// developers and health checks ask for.
func isMachine(name string) bool {
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(name)
	return err == nil
}

// isItself reports whether a site would be reached at this very server: each request
// would come back for ever.
func (s *Server) isItself(upstream *url.URL) bool {
	port := upstream.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[upstream.Scheme]
	}
	there, err := netip.ParseAddr(upstream.Hostname())
	for _, f := range s.fronts {
		own, ownErr := netip.ParseAddrPort(f.listener.Addr().String())
		if ownErr != nil || port != strconv.Itoa(int(own.Port())) {
			continue
		}
		if here := own.Addr(); isMachine(upstream.Hostname()) && err != nil || there == here || here.IsUnspecified() && there.IsLoopback() {
			return true
		}
	}
	return false
}

// serve answers a request by the site of its host.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	one := s.of(r.Host)
	switch {
	case one == nil:
		http.Error(w, "This server has no site of that name. Whoever runs it adds the name to \"hosts\" in the site's manifest.", http.StatusMisdirectedRequest)
		return
	case r.Method == http.MethodConnect || r.Method == http.MethodTrace:
		http.Error(w, "This server does not do that.", http.StatusMethodNotAllowed)
		return
	case r.URL.Path == "" && r.URL.Opaque == "": // http://host, as a whole address
		r.URL.Path = "/"
	case !strings.HasPrefix(r.URL.Path, "/"):
		http.Error(w, "This is no address of a page.", http.StatusBadRequest)
		return
	}
	if e, ok := w.(*entry); ok {
		e.site = one.id
	}
	one.handler.ServeHTTP(w, r)
}

// toHTTPS leads a request to the same address by https.
func (s *Server) toHTTPS(w http.ResponseWriter, r *http.Request) {
	if s.of(r.Host) == nil {
		http.Error(w, "This server has no site of that name.", http.StatusMisdirectedRequest)
		return
	}
	host, port := r.Host, "80"
	if h, p, err := net.SplitHostPort(host); err == nil {
		host, port = h, p
	}
	if port != "80" { // that of a listener here, and no port that others lead to it
		_, port, _ = net.SplitHostPort(s.Address().String())
		host = net.JoinHostPort(strings.Trim(host, "[]"), port)
	}
	to := url.URL{Scheme: "https", Host: host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	status := http.StatusPermanentRedirect
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		status = http.StatusMovedPermanently
	}
	http.Redirect(w, r, to.String(), status)
}
