package app

import (
	"bufio"
	"context"
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
	"testing"
	"time"

	"github.com/temoin/temoin/internal/anchor"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
)

// A witness cosigns whatever it is shown, and remembers the size: that it also
// verifies is the matter of other tests.
type witness struct {
	secret ed25519.PrivateKey
	mu     sync.Mutex
	size   int64
	asked  int
	down   bool
}

const witnessName = "witness.example/w"

func (w *witness) encoded() []byte { return append([]byte{4}, w.secret[32:]...) }

func (w *witness) id() []byte {
	sum := sha256.Sum256(append([]byte(witnessName+"\n"), w.encoded()...))
	return sum[:4]
}

func (w *witness) key() string {
	return fmt.Sprintf("%s+%x+%s", witnessName, w.id(), base64.StdEncoding.EncodeToString(w.encoded()))
}

func (w *witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
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
	fmt.Fprintf(rw, "— %s %s\n", witnessName, base64.StdEncoding.EncodeToString(raw))
}

func newWitness(t *testing.T) (*witness, Anchor) {
	t.Helper()
	w := &witness{secret: ed25519.NewKeyFromSeed(make([]byte, 32))}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	return w, Anchor{Kind: anchor.Witnessed, Address: server.URL, Key: w.key()}
}

// until asks again until an answer is what it should be: each asking is a request.
func until(t *testing.T, what string, good func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !good(); {
		if time.Now().After(end) {
			t.Fatal("this never comes: " + what)
		}
	}
}

func TestWitnessesCosignTheLogAndReceiptsCarryIt(t *testing.T) {
	onEach(t, func(t *testing.T, c Config) {
		w, a := newWitness(t)
		c.Sites[0].Anchors = []Anchor{a}
		c.Cosign = time.Millisecond
		n := run(t, c)
		trust := n.trust()
		key, err := ledger.ParseWitness(w.key())
		if err != nil {
			t.Fatal(err)
		}
		trust.Witnesses = []ledger.Witness{key}
		id := n.choose("accept")
		for range 3 {
			n.receipt(n.choose("refuse"))
		}
		cosigned := func(path string, size int64) func() bool {
			return func() bool {
				_, b := n.do("GET", path, "")
				got, err := trust.Open(b)
				return err == nil && len(got.Cosignatures) == 1 && got.Size == size
			}
		}
		until(t, "a cosigned checkpoint of all entries", cosigned("log/checkpoint", 4))
		until(t, "the same", cosigned("log/cosigned", 4))
		v, err := register.Verify(n.receipt(id), trust)
		if err != nil || len(v.Checkpoint.Cosignatures) != 1 {
			t.Errorf("%v: %+v", err, v)
		}
		// With a witness that is down the log goes on, and what is cosigned stays.
		w.mu.Lock()
		w.down = true
		w.mu.Unlock()
		fresh := n.receipt(n.choose("withdraw"))
		if v, err := register.Verify(fresh, trust); err != nil || v.Checkpoint.Size != 5 || len(v.Checkpoint.Cosignatures) != 0 {
			t.Errorf("%v: %+v", err, v)
		}
		if !cosigned("log/cosigned", 4)() {
			t.Error("what was cosigned is gone")
		}
		if _, b := n.do("GET", "verify", ""); !strings.Contains(string(b), witnessName) {
			t.Error("the verifier does not know the witness")
		}
	})
}

func TestACosignedCheckpointIsNeverReplacedByOneThatSaysLess(t *testing.T) {
	onEach(t, func(t *testing.T, c Config) {
		n := run(t, c)
		for _, k := range []struct {
			size  int64
			count int
			note  string
			want  string
		}{{5, 1, "a", "a"}, {5, 2, "b", "b"}, {5, 1, "c", "b"}, {4, 9, "d", "b"}, {6, 1, "e", "e"}, {6, 1, "f", "f"}} {
			if err := n.store.KeepCosigned(t.Context(), "shop", k.size, k.count, []byte(k.note)); err != nil {
				t.Fatal(err)
			}
			if got, err := n.store.Cosigned(t.Context(), "shop"); err != nil || string(got) != k.want {
				t.Errorf("after %+v: %q, %v", k, got, err)
			}
		}
	})
}

// A clock that a test moves, and whose pauses it ends.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// stopped waits for the end: what is due daily is done by hand.
func stopped(ctx context.Context, d time.Duration) error {
	if d < time.Second { // the log's breath
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestADailyCheckpointIsFixedOutsideAndTriedAgain(t *testing.T) {
	onEach(t, func(t *testing.T, c Config) {
		folder := filepath.Join(t.TempDir(), "published")
		at := &clock{now: time.Now().UTC().Truncate(24 * time.Hour).Add(9 * time.Hour)}
		c.Now, c.Sleep = at.Now, stopped
		c.Sites[0].Anchors = []Anchor{{Kind: anchor.Published, Address: folder}}
		n := run(t, c)
		site := n.sites["shop"]
		n.receipt(n.choose("accept"))
		files := func() (names []string) {
			list, _ := os.ReadDir(folder)
			for _, e := range list {
				names = append(names, e.Name())
			}
			return names
		}
		age := func() string {
			w := httptest.NewRecorder()
			n.Metrics().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
			_, after, _ := strings.Cut(w.Body.String(), "temoin_anchor_age_seconds{")
			line, _, _ := strings.Cut(after, "\n")
			return line[strings.LastIndex(line, " ")+1:]
		}
		site.fix(t.Context()) // the folder is not there
		at.pass(time.Minute)
		if age() != "60" {
			t.Errorf("without evidence its age is %s", age())
		}
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		site.fix(t.Context())
		if len(files()) > 0 {
			t.Error("it is tried again at once")
		}
		at.pass(tryAgain)
		site.fix(t.Context())
		if got := files(); len(got) != 2 || !strings.HasSuffix(got[0], "-1.txt") {
			t.Fatalf("published: %q", got)
		}
		at.pass(time.Hour)
		n.receipt(n.choose("refuse"))
		site.fix(t.Context())
		if got := files(); len(got) != 2 || age() != "3600" {
			t.Errorf("on the same day: %q, age %s", got, age())
		}
		at.pass(24 * time.Hour)
		site.fix(t.Context())
		if got := files(); len(got) != 3 {
			t.Errorf("on the next day: %q", got)
		}
		kept, err := n.store.Anchors(t.Context(), "shop", time.Time{}, 9)
		if err != nil || len(kept) != 2 || kept[0].Size != 1 || kept[1].Size != 2 {
			t.Fatalf("%v, %+v", err, kept)
		}
		trust := n.trust()
		for _, k := range kept[1:] {
			e, err := anchor.ParseEvidence(k.Evidence)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.Verify(t.Context(), k.Subject, anchor.Terms{Log: trust, Copy: anchor.Files{FS: os.DirFS(folder)}}); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestVersionsAreTimeStampedOnceAndCheckpointsDaily(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("openssl is missing: run scripts/need openssl")
		}
		t.Skip("openssl is missing: scripts/need openssl installs it")
	}
	onEach(t, func(t *testing.T, c Config) {
		a, asked := authority(t)
		at := &clock{now: time.Now()}
		c.Now, c.Sleep = at.Now, stopped
		c.Sites[0].Anchors = []Anchor{a}
		n := run(t, c)
		n.receipt(n.choose("accept"))
		for range 2 {
			n.sites["shop"].fix(t.Context())
		}
		kept, err := n.store.Anchors(t.Context(), "shop", time.Time{}, 9)
		if err != nil || len(kept) != 2 || *asked != 2 {
			t.Fatalf("%v: %d kept, asked %d times", err, len(kept), *asked)
		}
		version := n.sites["shop"].versions.Active().Hash
		for _, k := range kept {
			e, err := anchor.ParseEvidence(k.Evidence)
			if err == nil && k.Size > 0 {
				_, err = e.Verify(t.Context(), k.Subject, anchor.Terms{Log: n.trust(), Roots: a.Roots})
			} else if err == nil {
				_, err = e.VerifyHash(version, a.Roots)
			}
			if err != nil {
				t.Errorf("size %d: %v", k.Size, err)
			}
		}
	})
}

// authority is a time-stamping authority that OpenSSL answers for.
func authority(t *testing.T) (Anchor, *int) {
	t.Helper()
	dir, asked := t.TempDir(), new(int)
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
		*asked++
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
	roots := x509.NewCertPool()
	roots.AddCert(root)
	return Anchor{Kind: anchor.Timestamp, Address: server.URL, Roots: roots}, asked
}
