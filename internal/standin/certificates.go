package standin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"time"
)

// maxNames bounds the certificates that are kept; beyond it all are made again.
const maxNames = 1000

// valid is how long certificates are, from the start of the process.
const valid = 365 * 24 * time.Hour

// An authority makes certificates for any name. It and they have one key.
type authority struct {
	private *ecdsa.PrivateKey
	key     string // the hash of the public key
	root    *x509.Certificate

	mu    sync.Mutex
	names map[string]*tls.Certificate
}

// theAuthority is that of this process: one, so that a browser which trusts it
// trusts every stand-in of the process.
var theAuthority = sync.OnceValues(newAuthority)

func newAuthority() (*authority, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(public)
	a := &authority{private: private, key: base64.StdEncoding.EncodeToString(hash[:]), names: map[string]*tls.Certificate{}}
	a.root = a.template("Stand-in for third parties, of one process")
	a.root.IsCA, a.root.BasicConstraintsValid, a.root.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, a.root, a.root, &private.PublicKey, private)
	if err != nil {
		return nil, err
	}
	a.root, err = x509.ParseCertificate(der)
	return a, err
}

func (a *authority) template(name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour), // clocks differ
		NotAfter:     now.Add(valid),
	}
}

// Key returns the base64 of the SHA-256 of the SubjectPublicKeyInfo of the one key
// that all certificates of this process have, as Chromium's flag
// --ignore-certificate-errors-spki-list takes it. It panics where no key can be
// made, which Start says as an error.
func Key() string {
	a, err := theAuthority()
	if err != nil {
		panic("standin.Key: " + err.Error())
	}
	return a.key
}

// Roots returns the authority of this process, for clients other than browsers.
func Roots() *x509.CertPool {
	Key()
	a, _ := theAuthority()
	pool := x509.NewCertPool()
	pool.AddCert(a.root)
	return pool
}

// config is that of a connection to a host, or to the one that the client names.
func (a *authority) config(host string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName != "" {
				host = hello.ServerName
			}
			return a.certificate(strings.ToLower(host))
		},
	}
}

func (a *authority) certificate(host string) (*tls.Certificate, error) {
	if !isName(host) {
		return nil, errors.New("standin: a client asks for no name")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.names[host]; c != nil {
		return c, nil
	}
	leaf := a.template(host[:min(len(host), 64)]) // longer is no common name
	leaf.DNSNames = []string{host}
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.root, &a.private.PublicKey, a.private)
	if err != nil {
		return nil, fmt.Errorf("standin: a certificate for %q: %w", host, err)
	}
	if len(a.names) >= maxNames {
		clear(a.names)
	}
	c := &tls.Certificate{Certificate: [][]byte{der, a.root.Raw}, PrivateKey: a.private}
	a.names[host] = c
	return c, nil
}

// isName says whether a host is a name that a certificate can be made for.
func isName(host string) bool {
	if host == "" || len(host) > 253 {
		return false
	}
	for _, c := range []byte(host) {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return true
}
