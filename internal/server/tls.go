package server

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// TLS says where certificates come from: files, or an authority that is asked for them
// (ACME). Without either the server speaks http.
type TLS struct {
	Cert, Key string // files in PEM, read anew when they change
	ACME      string // the folder that certificates of an authority are kept in
	Email     string // for the authority; may be empty
	Authority string // its directory; "" is Let's Encrypt's
}

// tls returns the configuration of the main listener; nil for http.
func (s *Server) tls() (*tls.Config, error) {
	t := s.config.TLS
	switch {
	case t.ACME != "" && t.Cert != "":
		return nil, errors.New("certificates come from files or from an authority: name one of them")
	case t.ACME != "":
		s.acme = s.authority()
		c := s.acme.TLSConfig()
		c.MinVersion = tls.VersionTLS12
		return c, nil
	case t.Cert == "" && t.Key == "":
		return nil, nil
	}
	pair := &pair{cert: t.Cert, key: t.Key}
	s.pair = pair
	if _, err := pair.read(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return pair.now.Load(), nil
	}}, nil
}

// authority asks for certificates of the sites' hosts, and of no others.
func (s *Server) authority() *autocert.Manager {
	m := &autocert.Manager{
		Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(s.config.TLS.ACME), Email: s.config.TLS.Email,
		HostPolicy: func(_ context.Context, host string) error {
			for _, one := range s.sites {
				if s.now(one).Serves(host) {
					return nil
				}
			}
			return fmt.Errorf("no site has the host %s", host)
		},
	}
	if address := s.config.TLS.Authority; address != "" {
		m.Client = &acme.Client{DirectoryURL: address}
	}
	return m
}

// challenges answers the authority, where one is asked.
func (s *Server) challenges(next http.Handler) http.Handler {
	if s.acme == nil {
		return next
	}
	return s.acme.HTTPHandler(next)
}

// A pair is a certificate and its key in files.
type pair struct {
	cert, key string
	last      [sha256.Size]byte // of both files, when they were read
	now       atomic.Pointer[tls.Certificate]
}

// read reads the files, and takes what is in them if it has changed.
func (p *pair) read() (changed bool, err error) {
	cert, err := os.ReadFile(p.cert)
	if err != nil {
		return false, err
	}
	key, err := os.ReadFile(p.key)
	if err != nil {
		return false, err
	}
	sum := sha256.Sum256(append(append(cert[:len(cert):len(cert)], 0), key...))
	if sum == p.last {
		return false, nil
	}
	c, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return false, fmt.Errorf("the certificate %s with the key %s: %w", p.cert, p.key, err)
	}
	p.last = sum
	p.now.Store(&c)
	return true, nil
}
