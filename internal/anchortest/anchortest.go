// Package anchortest gives tests places outside: a time-stamping authority that
// OpenSSL answers for, and a witness.
package anchortest

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Witness cosigns whatever it is shown, and remembers the size: that it also
// verifies is the matter of other tests.
type Witness struct {
	secret ed25519.PrivateKey
	mu     sync.Mutex
	size   int64
	down   bool
}

// WitnessName is the witness's.
const WitnessName = "witness.example/w"

// NewWitness starts a witness and returns its address.
func NewWitness(t testing.TB) (w *Witness, address string) {
	t.Helper()
	w = &Witness{secret: ed25519.NewKeyFromSeed(make([]byte, 32))}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	return w, server.URL
}

// Fail lets it answer nobody any more.
func (w *Witness) Fail() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = true
}

func (w *Witness) encoded() []byte { return append([]byte{4}, w.secret[32:]...) }

func (w *Witness) id() []byte {
	sum := sha256.Sum256(append([]byte(WitnessName+"\n"), w.encoded()...))
	return sum[:4]
}

// Key returns its public key.
func (w *Witness) Key() string {
	return fmt.Sprintf("%s+%x+%s", WitnessName, w.id(), base64.StdEncoding.EncodeToString(w.encoded()))
}

// ServeHTTP answers as c2sp.org/tlog-witness says.
func (w *Witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		http.Error(rw, "down", http.StatusServiceUnavailable)
		return
	}
	body := bufio.NewReader(r.Body)
	var old, size int64
	fmt.Fscanf(body, "old %d\n", &old)
	if old != w.size {
		rw.Header().Set("Content-Type", "text/x.tlog.size")
		rw.WriteHeader(http.StatusConflict)
		fmt.Fprintf(rw, "%d\n", w.size)
		return
	}
	rest, _ := io.ReadAll(body)
	_, note, _ := strings.Cut("\n"+string(rest), "\n\n") // after the proof
	text, _, _ := strings.Cut(note, "\n\n")
	lines := strings.Split(text, "\n")
	fmt.Sscan(lines[1], &size)
	w.size = size
	at := time.Now().Unix()
	sig := ed25519.Sign(w.secret, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s\n", at, text))
	raw := append(binary.BigEndian.AppendUint64(w.id(), uint64(at)), sig...)
	fmt.Fprintf(rw, "— %s %s\n", WitnessName, base64.StdEncoding.EncodeToString(raw))
}

// An Authority is a time-stamping authority that OpenSSL answers for. The clock is
// OpenSSL's: that of the machine.
type Authority struct {
	Address string
	Root    *x509.Certificate
	asked   atomic.Int64
}

// Asked returns how often it was.
func (a *Authority) Asked() int { return int(a.asked.Load()) }

// Roots are what its time-stamps are verified under.
func (a *Authority) Roots() *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(a.Root)
	return roots
}

// PEM is the same as a file.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Root.Raw})
}

// NewAuthority starts an authority. Without OpenSSL the test is skipped, and fails
// where CI is set.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("openssl is missing: run scripts/need openssl")
		}
		t.Skip("openssl is missing: scripts/need openssl installs it")
	}
	a, dir := &Authority{}, t.TempDir()
	check := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	file := func(name, kind string, der []byte) {
		check(os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	}
	ca, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Root"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, root, root, ca.Public(), ca)
	check(err)
	root, err = x509.ParseCertificate(der)
	check(err)
	stamping, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	check(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	signer := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Stamps"}, NotBefore: root.NotBefore, NotAfter: root.NotAfter, SubjectKeyId: []byte("s"), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: stamping}}}
	der, err = x509.CreateCertificate(rand.Reader, signer, root, key.Public(), ca)
	check(err)
	file("signer.pem", "CERTIFICATE", der)
	file("root.pem", "CERTIFICATE", root.Raw)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	check(err)
	file("signer.key", "PRIVATE KEY", private)
	check(os.WriteFile(filepath.Join(dir, "serial"), []byte("01\n"), 0o600))
	check(os.WriteFile(filepath.Join(dir, "ts.conf"), []byte("[tsa]\ndefault_tsa = t\n[t]\nserial = serial\nsigner_cert = signer.pem\nsigner_key = signer.key\ncerts = root.pem\nsigner_digest = sha256\ness_cert_id_alg = sha256\ndigests = sha256\ndefault_policy = 1.2.3.4.1\n"), 0o600))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.asked.Add(1)
		query, err := io.ReadAll(r.Body)
		check(err)
		check(os.WriteFile(filepath.Join(dir, "query"), query, 0o600))
		cmd := exec.Command("openssl", "ts", "-reply", "-config", "ts.conf", "-queryfile", "query", "-out", "reply")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		reply, err := os.ReadFile(filepath.Join(dir, "reply"))
		check(err)
		w.Header().Set("Content-Type", "application/timestamp-reply")
		w.Write(reply)
	}))
	t.Cleanup(server.Close)
	a.Address, a.Root = server.URL, root
	return a
}
