package server

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// TLS says where certificates come from: files, or an authority that is asked for them
// (ACME). Without either the server speaks http.
type TLS struct {
	Pairs     []Pair // the first that fits what a client asks for is served, else the first
	ACME      string // the folder that certificates of an authority are kept in
	Email     string // for the authority; may be empty
	Authority string // its directory; "" is Let's Encrypt's
}

// On reports whether TLS is spoken.
func (t TLS) On() bool { return len(t.Pairs) > 0 || t.ACME != "" }

// A Pair is a certificate and its key, in files (PEM) that are read anew when they change.
type Pair struct{ Cert, Key string }

// tls returns the configuration of the main listener; nil for http.
func (s *Server) tls() (*tls.Config, error) {
	t := s.config.TLS
	switch {
	case t.ACME != "" && len(t.Pairs) > 0:
		return nil, errors.New("certificates come from files or from an authority: name one of them")
	case t.ACME != "":
		s.acme = s.authority()
		c := s.acme.TLSConfig()
		c.MinVersion = tls.VersionTLS12
		c.GetCertificate = s.ask
		return c, nil
	case len(t.Pairs) == 0:
		return nil, nil
	}
	for _, files := range t.Pairs {
		p := &pair{Pair: files}
		if _, err := p.read(); err != nil {
			return nil, err
		}
		s.pairs = append(s.pairs, p)
	}
	s.tellUncertified()
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: s.certificate}, nil
}

// certificate returns the first certificate that is for the name which a client asks
// for, and of a kind that it understands; else the first, so that the client can say
// what is wrong with it.
func (s *Server) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	for _, p := range s.pairs {
		if c := p.now.Load(); hello.SupportsCertificate(c) == nil {
			return c, nil
		}
	}
	return s.pairs[0].now.Load(), nil
}

// tellUncertified says which hosts no certificate is for: browsers would refuse to go on
// there, and nobody here would hear of it.
func (s *Server) tellUncertified() {
	for _, one := range s.sites {
		for _, host := range s.now(one).AllHosts() {
			if !slices.ContainsFunc(s.pairs, func(p *pair) bool { return p.now.Load().Leaf.VerifyHostname(host) == nil }) {
				s.log.Warn("no certificate is for this host: browsers warn of it", "site", one.id, "host", host)
			}
		}
	}
}

// readPairs reads certificates that have changed.
func (s *Server) readPairs(again bool) {
	anew := false
	for _, p := range s.pairs {
		changed, err := p.read()
		s.tell("the former certificate stays in use", p.Cert, err, again)
		if changed {
			anew = true
			s.log.Info("another certificate is in use", "file", p.Cert, "until", p.now.Load().Leaf.NotAfter)
		}
	}
	if anew {
		s.tellUncertified()
	}
}

// authority asks for certificates of the sites' hosts, and of no others.
func (s *Server) authority() *autocert.Manager {
	m := &autocert.Manager{
		Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(s.config.TLS.ACME), Email: s.config.TLS.Email,
		HostPolicy: func(_ context.Context, host string) error {
			if s.serves(host) {
				return nil
			}
			return fmt.Errorf("no site has the host %s", host)
		},
	}
	if address := s.config.TLS.Authority; address != "" {
		m.Client = &acme.Client{DirectoryURL: address}
	}
	return m
}

// serves reports whether a site has a host.
func (s *Server) serves(host string) bool {
	return slices.ContainsFunc(s.sites, func(one *served) bool { return s.now(one).Serves(host) })
}

// ask returns a certificate of the authority, and says why there is none: visitors see
// no more than that the connection failed.
func (s *Server) ask(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c, err := s.acme.GetCertificate(hello)
	if err != nil && s.serves(strings.ToLower(hello.ServerName)) {
		s.refused.Do(func() {
			s.log.Error("there is no certificate of the authority; it is asked again", "host", strings.ToLower(hello.ServerName), "error", err)
		})
	}
	return c, err
}

// challenges answers the authority, where one is asked.
func (s *Server) challenges(next http.Handler) http.Handler {
	if s.acme == nil {
		return next
	}
	answers := s.acme.HTTPHandler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, ok := hostname(r.Host); ok && strings.HasPrefix(r.URL.Path, "/.well-known/acme-challenge/") {
			r.Host = name // an authority of one's own may ask at another port than 80
		}
		answers.ServeHTTP(w, r)
	})
}

// A pair is a certificate that is served.
type pair struct {
	Pair
	last [sha256.Size]byte // of both files, when they were read
	now  atomic.Pointer[tls.Certificate]
}

// read reads the files, and takes what is in them if it has changed.
func (p *pair) read() (changed bool, err error) {
	cert, err := os.ReadFile(p.Cert)
	if err != nil {
		return false, err
	}
	key, err := os.ReadFile(p.Key)
	if err != nil {
		return false, err
	}
	sum := sha256.Sum256(append(append(cert[:len(cert):len(cert)], 0), key...))
	if sum == p.last {
		return false, nil
	}
	c, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return false, fmt.Errorf("the certificate %s with the key %s: %w", p.Cert, p.Key, err)
	}
	p.last = sum
	p.now.Store(&c)
	return true, nil
}
