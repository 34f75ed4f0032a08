package anchor

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// hold starts a server that never answers.
func hold(t *testing.T) string {
	t.Helper()
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-done:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(done) })
	return server.URL
}

// An authority has a root, an issuing certificate below it, and OpenSSL, which
// stamps and signs. The clock is OpenSSL's, so it is that of the machine.
type authority struct {
	dir       string
	roots     *x509.CertPool
	root      *x509.Certificate
	issuing   *x509.Certificate
	issuerKey crypto.Signer
	serial    int64
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	needs(t, "openssl")
	a := &authority{dir: t.TempDir(), roots: x509.NewCertPool(), serial: 100}
	ca := func(name string, parent *x509.Certificate, by crypto.Signer) (*x509.Certificate, crypto.Signer) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		ok(t, err)
		template := &x509.Certificate{
			SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{Organization: []string{"Example Trust"}, CommonName: name},
			NotBefore: time.Now().AddDate(-5, 0, 0), NotAfter: time.Now().AddDate(5, 0, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
		a.serial++
		if parent == nil {
			parent, by = template, key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
		ok(t, err)
		c, err := x509.ParseCertificate(der)
		ok(t, err)
		return c, key
	}
	var key crypto.Signer
	a.root, key = ca("Root", nil, nil)
	a.issuing, a.issuerKey = ca("Issuing", a.root, key)
	a.roots.AddCert(a.root)
	a.file(t, "root.pem", encoded("CERTIFICATE", a.root.Raw))
	a.file(t, "issuing.pem", encoded("CERTIFICATE", a.issuing.Raw))
	a.file(t, "serial", []byte("0a1b2c\n"))
	return a
}

func encoded(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func (a *authority) file(t testing.TB, name string, b []byte) string {
	t.Helper()
	name = filepath.Join(a.dir, name)
	ok(t, os.WriteFile(name, b, 0o600))
	return name
}

// newSigner makes a certificate for time-stamping, as far as change lets it be one.
func (a *authority) newSigner(t testing.TB, name string, key crypto.Signer, change func(*x509.Certificate)) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{Organization: []string{"Example Trust"}, CommonName: "Stamps"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), SubjectKeyId: []byte(name),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: []pkix.Extension{usage(t, true, 8)},
	}
	a.serial++
	parent, by := a.issuing, a.issuerKey
	if change != nil {
		change(template)
	}
	if template.Issuer.CommonName == "self" {
		parent, by = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	ok(t, err)
	a.file(t, name+".pem", encoded("CERTIFICATE", der))
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ok(t, err)
	a.file(t, name+".key", encoded("PRIVATE KEY", private))
}

// usage is the extension that says what a key is for: numbers below id-kp.
func usage(t testing.TB, critical bool, kinds ...int) pkix.Extension {
	t.Helper()
	var ids []asn1.ObjectIdentifier
	for _, k := range kinds {
		ids = append(ids, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, k})
	}
	b, err := asn1.Marshal(ids)
	ok(t, err)
	return pkix.Extension{Id: oidExtKeyUsage, Critical: critical, Value: b}
}

func ecKey(t testing.TB, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	ok(t, err)
	return key
}

func rsaKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	ok(t, err)
	return key
}

func (a *authority) openssl(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), "OPENSSL_CONF="+os.DevNull)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// manner is how OpenSSL stamps.
type manner struct{ signer, digest, ess, digests, more string }

// reply has OpenSSL answer a request.
func (a *authority) reply(t testing.TB, query []byte, m manner) []byte {
	t.Helper()
	if m.digests == "" {
		m.digests = "sha256"
	}
	a.file(t, "ts.conf", fmt.Appendf(nil, `[tsa]
default_tsa = t
[t]
serial = serial
signer_cert = %s.pem
signer_key = %s.key
certs = issuing.pem
signer_digest = %s
ess_cert_id_alg = %s
digests = %s
default_policy = 1.2.3.4.1
%s
`, m.signer, m.signer, m.digest, m.ess, m.digests, m.more))
	a.file(t, "query", query)
	a.openssl(t, "ts", "-reply", "-config", "ts.conf", "-queryfile", "query", "-out", "reply")
	b, err := os.ReadFile(filepath.Join(a.dir, "reply"))
	ok(t, err)
	return b
}

// serve answers requests as a TSA does, by a function.
func serve(t *testing.T, reply func(query []byte) []byte) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/timestamp-query" {
			http.Error(w, "no request of RFC 3161", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		w.Write(reply(query))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func now() Options {
	o := options()
	o.Clock = time.Now
	return o
}

func (a *authority) client(t *testing.T, address string) *TSA {
	t.Helper()
	c, err := NewTSA(newTree(t, "a", 1).trust(), address, a.roots, now())
	ok(t, err)
	return c
}

var plain = manner{signer: "stamps", digest: "sha256", ess: "sha256"}

// ready returns an authority with one signer and a client that asks it.
func ready(t *testing.T) (*authority, *TSA) {
	t.Helper()
	a := newAuthority(t)
	a.newSigner(t, "stamps", ecKey(t, elliptic.P256()), nil)
	return a, a.client(t, serve(t, func(query []byte) []byte { return a.reply(t, query, plain) }))
}

var someHash = sha256.Sum256([]byte("a version of the policy"))

func TestOpenSSLReadsOurRequest(t *testing.T) {
	a := newAuthority(t)
	nonce, err := newNonce(bytes.NewReader(bytes.Repeat([]byte{0xab}, 16)))
	ok(t, err)
	query, err := request(someHash, nonce)
	ok(t, err)
	a.file(t, "query", query)
	got := a.openssl(t, "ts", "-query", "-in", "query", "-text")
	for _, want := range []string{"Version: 1", "Hash Algorithm: sha256", "Policy OID: unspecified", "Certificate required: yes", "Nonce: 0x6BABABABABABABABABABABABABABABAB", "Extensions:"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	// Without a nonce, it is what OpenSSL writes itself.
	a.openssl(t, "ts", "-query", "-digest", hex.EncodeToString(someHash[:]), "-sha256", "-cert", "-no_nonce", "-out", "theirs")
	theirs, err := os.ReadFile(filepath.Join(a.dir, "theirs"))
	ok(t, err)
	n := cryptobyte.NewBuilder(nil)
	n.AddASN1BigInt(nonce)
	without := bytes.Replace(query, n.BytesOrPanic(), nil, 1)
	without[1] -= byte(len(query) - len(without))
	if !bytes.Equal(without, theirs) {
		t.Errorf("%x, not %x", without, theirs)
	}
}

func TestATimeStampOfOpenSSLIsGoodForUsAndForOpenSSL(t *testing.T) {
	a := newAuthority(t)
	a.newSigner(t, "rsa", rsaKey(t), nil)
	a.newSigner(t, "p256", ecKey(t, elliptic.P256()), nil)
	a.newSigner(t, "p384", ecKey(t, elliptic.P384()), nil)
	l := newTree(t, "a", 9)
	msg, head := l.signed(t, 9)
	for _, m := range []manner{
		{signer: "rsa", digest: "sha256", ess: "sha1"},
		{signer: "rsa", digest: "sha384", ess: "sha256", more: "accuracy = secs:1, millisecs:500, microsecs:100\nordering = yes\ntsa_name = yes"},
		{signer: "rsa", digest: "sha512", ess: "sha512", more: "clock_precision_digits = 3"},
		{signer: "p256", digest: "sha256", ess: "sha256", more: "ess_cert_id_chain = yes"},
		{signer: "p384", digest: "sha384", ess: "sha384"},
		{signer: "p384", digest: "sha512", ess: "sha1", more: "accuracy = millisecs:20"},
	} {
		tsa, err := NewTSA(l.trust(), serve(t, func(query []byte) []byte { return a.reply(t, query, m) })+"/stamp", a.roots, now())
		ok(t, err)
		e, err := tsa.Fix(t.Context(), msg, head)
		if err != nil {
			t.Fatalf("%+v: %v", m, err)
		}
		if e.Kind != Timestamp || e.Place != tsa.Name() || !strings.HasSuffix(e.Place, "/stamp") {
			t.Errorf("%+v", e)
		}
		p, err := e.Verify(t.Context(), msg, Terms{Log: l.trust(), Roots: a.roots})
		if err != nil || p.By != "CN=Stamps,O=Example Trust" || !p.Independent || time.Until(p.Time).Abs() > time.Minute {
			t.Errorf("%+v, %v", p, err)
		}
		c, err := l.trust().Open(msg)
		ok(t, err)
		hash := Imprint(c)
		text, _, _ := bytes.Cut(msg, []byte("\n\n"))
		if hash != sha256.Sum256(append(text, '\n')) {
			t.Error("the imprint is not that of the text")
		}
		s, err := Verify(e.Bytes, hash, a.roots, time.Now())
		accuracy := map[bool]time.Duration{strings.Contains(m.more, "secs:1,"): 1500100 * time.Microsecond, strings.Contains(m.more, ":20"): 20 * time.Millisecond}[true]
		if err != nil || s.Policy != "1.2.3.4.1" || s.Accuracy != accuracy || len(s.Serial) < 6 {
			t.Errorf("%+v, %v", s, err)
		}
		if s.Expired(time.Now()) || !s.Expired(time.Now().AddDate(2, 0, 0)) {
			t.Errorf("until %v", s.Until)
		}
		a.file(t, "token", e.Bytes)
		a.openssl(t, "ts", "-verify", "-token_in", "-in", "token", "-digest", hex.EncodeToString(hash[:]), "-CAfile", "root.pem", "-untrusted", "issuing.pem")
	}
}

func TestATokenSaysNothingElseWhenAnyOfItIsChanged(t *testing.T) {
	a, tsa := ready(t)
	token, s, err := tsa.Stamp(t.Context(), someHash)
	ok(t, err)
	for n := range token {
		if got, err := Verify(token[:n], someHash, a.roots, time.Time{}); err == nil {
			t.Fatalf("the first %d bytes are a time-stamp: %+v", n, got)
		}
		for _, bit := range []byte{1, 0x20, 0x80} {
			bad := bytes.Clone(token)
			bad[n] ^= bit
			if got, err := Verify(bad, someHash, a.roots, time.Time{}); err == nil && got != s {
				t.Fatalf("with byte %d changed: %+v", n, got)
			}
		}
	}
	if _, err := Verify(append(bytes.Clone(token), 0), someHash, a.roots, time.Time{}); err == nil {
		t.Error("with a byte more it is good")
	}
	if _, err := Verify(make([]byte, maxToken+1), someHash, a.roots, time.Time{}); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Error(err)
	}
}

func TestATimeStampIsOfItsHashOnlyAndUnderTrustedRootsOnly(t *testing.T) {
	a, tsa := ready(t)
	token, s, err := tsa.Stamp(t.Context(), someHash)
	ok(t, err)
	other := newAuthority(t)
	for name, c := range map[string]struct {
		hash  [32]byte
		roots *x509.CertPool
		at    time.Time
		want  string
	}{
		"another hash":       {sha256.Sum256(nil), a.roots, time.Time{}, "another hash"},
		"no roots":           {someHash, nil, time.Time{}, "no root"},
		"empty roots":        {someHash, x509.NewCertPool(), time.Time{}, "not trusted"},
		"another root":       {someHash, other.roots, time.Time{}, "not trusted"},
		"after its end":      {someHash, a.roots, s.Until.Add(time.Second), "expired"},
		"before it is made":  {someHash, a.roots, s.Time.Add(-time.Hour), "yet to come"},
		"before it is valid": {someHash, a.roots, s.Time.AddDate(0, 0, -9), "not yet valid"},
	} {
		if _, err := Verify(token, c.hash, c.roots, c.at); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Verify(token, someHash, a.roots, s.Until); err != nil {
		t.Error(err)
	}
	e := Evidence{Timestamp, "tsa", s.Time.Add(time.Second), token}
	if _, err := e.VerifyHash(someHash, a.roots); err == nil || !strings.Contains(err.Error(), "the evidence says") {
		t.Error(err)
	}
	if _, err := (Evidence{Published, "tsa", noon, token}).VerifyHash(someHash, a.roots); err == nil {
		t.Error("a publication is of a hash")
	}
}

// content writes a TSTInfo; parts replace what is in it.
func content(hash []byte, when string, parts ...func(*cryptobyte.Builder)) []byte {
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 3, 4})
		b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidSHA256) })
			b.AddASN1OctetString(hash)
		})
		b.AddASN1Int64(7)
		b.AddASN1(tags.GeneralizedTime, func(b *cryptobyte.Builder) { b.AddBytes([]byte(when)) })
		for _, p := range parts {
			p(b)
		}
	})
	return b.BytesOrPanic()
}

func stampTime(t time.Time) string { return t.UTC().Format("20060102150405Z") }

// signed has OpenSSL sign anything as CMS.
func (a *authority) signed(t testing.TB, content []byte, args ...string) []byte {
	t.Helper()
	a.file(t, "content", content)
	args = append([]string{"cms", "-sign", "-binary", "-nodetach", "-noindef", "-in", "content", "-outform", "DER", "-out", "cms", "-certfile", "issuing.pem"}, args...)
	a.openssl(t, args...)
	b, err := os.ReadFile(filepath.Join(a.dir, "cms"))
	ok(t, err)
	return b
}

func TestOnlyACertificateForTimeStampingThatWasValidThenIsTaken(t *testing.T) {
	a := newAuthority(t)
	key := ecKey(t, elliptic.P256())
	type change = func(*x509.Certificate)
	tokenOf := func(name string, c change) []byte {
		a.newSigner(t, name, key, c)
		return a.signed(t, content(someHash[:], stampTime(time.Now())), "-econtent_type", "1.2.840.113549.1.9.16.1.4",
			"-cades", "-md", "sha256", "-signer", name+".pem", "-inkey", name+".key")
	}
	extension := func(e ...pkix.Extension) change {
		return func(c *x509.Certificate) { c.ExtraExtensions = e }
	}
	if s, err := Verify(tokenOf("good", nil), someHash, a.roots, time.Now()); err != nil || s.Serial != "7" {
		t.Fatalf("%+v, %v", s, err)
	}
	for name, c := range map[string]struct {
		change change
		want   string
	}{
		"for servers":        {extension(usage(t, true, 1)), "not for time-stamping"},
		"for more":           {extension(usage(t, true, 8, 1)), "not for time-stamping"},
		"for more, unknown":  {extension(usage(t, true, 8, 99)), "not for time-stamping"},
		"not critical":       {extension(usage(t, false, 8)), "not for time-stamping"},
		"for anything":       {extension(), "not for time-stamping"},
		"cannot sign":        {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, "not for time-stamping"},
		"expired":            {func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }, "expired"},
		"not yet valid":      {func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }, "not yet valid"},
		"signed by itself":   {func(c *x509.Certificate) { c.Issuer.CommonName = "self" }, "not trusted"},
		"critical extension": {extension(usage(t, true, 8), pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}), "unhandled critical"},
	} {
		if _, err := Verify(tokenOf("other", c.change), someHash, a.roots, time.Time{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestATokenIsSignedTheWayRFC3161Demands(t *testing.T) {
	a := newAuthority(t)
	a.newSigner(t, "stamps", rsaKey(t), nil)
	a.newSigner(t, "second", ecKey(t, elliptic.P256()), nil)
	info := content(someHash[:], stampTime(time.Now()))
	base := func(more ...string) []string {
		return append([]string{"-econtent_type", "1.2.840.113549.1.9.16.1.4", "-signer", "stamps.pem", "-inkey", "stamps.key"}, more...)
	}
	for name, args := range map[string][]string{
		"PKCS #1":           base("-cades", "-md", "sha384"),
		"PSS":               base("-cades", "-md", "sha256", "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:32"),
		"by key identifier": base("-cades", "-md", "sha256", "-keyid"),
	} {
		if _, err := Verify(a.signed(t, info, args...), someHash, a.roots, time.Time{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"SHA-1":                 {base("-cades", "-md", "sha1"), "not taken here"},
		"PSS with a long salt":  {base("-cades", "-md", "sha256", "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:64"), "not taken here"},
		"no certificate named":  {base("-md", "sha256"), "does not name"},
		"no signed attributes":  {base("-md", "sha256", "-noattr"), "not the DER"},
		"no certificate inside": {base("-md", "sha256", "-cades", "-nocerts"), "does not carry"},
		"another content":       {[]string{"-cades", "-signer", "stamps.pem", "-inkey", "stamps.key"}, "not the DER"},
		"two signatures":        {base("-cades", "-signer", "second.pem", "-inkey", "second.key"), "one signature"},
	} {
		if _, err := Verify(a.signed(t, info, c.args...), someHash, a.roots, time.Time{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	raw := func(b ...byte) func(*cryptobyte.Builder) {
		return func(c *cryptobyte.Builder) { c.AddBytes(b) }
	}
	then := stampTime(time.Now())
	half := strings.TrimSuffix(then, "Z") + ".5Z"
	for name, c := range map[string]struct {
		info []byte
		want string
	}{
		"a fraction":                {content(someHash[:], half), ""},
		"an extension":              {content(someHash[:], then, raw(0xa1, 8, 0x30, 6, 6, 1, 42, 4, 1, 0)), ""},
		"a nonce":                   {content(someHash[:], then, raw(2, 1, 5)), ""},
		"a critical extension":      {content(someHash[:], then, raw(0xa1, 11, 0x30, 9, 6, 1, 42, 1, 1, 0xff, 4, 1, 0)), "critical"},
		"an accuracy below zero":    {content(someHash[:], then, raw(0x30, 3, 2, 1, 0xff)), "DER"},
		"an accuracy of no number":  {content(someHash[:], then, raw(0x30, 3, 0x80, 1, 0xff)), "DER"},
		"more at its end":           {content(someHash[:], then, raw(4, 0)), "DER"},
		"a hash that is cut off":    {content(someHash[:31], then), "another hash"},
		"a time without a zone":     {content(someHash[:], strings.TrimSuffix(then, "Z")), "must be in UTC"},
		"a time of another zone":    {content(someHash[:], strings.TrimSuffix(then, "Z")+"+0100"), "must be in UTC"},
		"a fraction with a zero":    {content(someHash[:], strings.TrimSuffix(then, "Z")+".50Z"), "must be in UTC"},
		"an impossible time":        {content(someHash[:], "20260230000000Z"), "must be in UTC"},
		"a time before computers":   {content(someHash[:], "19400101000000Z"), "must be in UTC"},
		"a time before the trusted": {content(someHash[:], "19990101000000Z"), "not yet valid"},
		"no content":                {nil, "DER"},
	} {
		_, err := Verify(a.signed(t, c.info, base("-cades", "-md", "sha256")...), someHash, a.roots, time.Time{})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnAnswerToAnotherQuestionIsRefused(t *testing.T) {
	a := newAuthority(t)
	a.newSigner(t, "stamps", ecKey(t, elliptic.P256()), nil)
	ask := func(change func(query []byte) []byte) error {
		_, _, err := a.client(t, serve(t, func(query []byte) []byte { return a.reply(t, change(query), plain) })).Stamp(t.Context(), someHash)
		return err
	}
	nonce := func(hash [32]byte, n int64) []byte {
		b, err := request(hash, big.NewInt(n))
		ok(t, err)
		return b
	}
	for name, c := range map[string]struct {
		query []byte
		want  string
	}{
		"another nonce": {nonce(someHash, 7), "nonce"},
		"another hash":  {nonce(sha256.Sum256(nil), 7), "another hash"},
		"no nonce": {func() []byte {
			a.openssl(t, "ts", "-query", "-digest", hex.EncodeToString(someHash[:]), "-sha256", "-cert", "-no_nonce", "-out", "bare")
			b, err := os.ReadFile(filepath.Join(a.dir, "bare"))
			ok(t, err)
			return b
		}(), "nonce"},
	} {
		if err := ask(func([]byte) []byte { return c.query }); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Without certificates nobody could verify it later.
	err := ask(func(query []byte) []byte { return bytes.Replace(query, []byte{1, 1, 0xff}, []byte{1, 1, 0}, 1) })
	if err == nil || !strings.Contains(err.Error(), "does not carry") {
		t.Error(err)
	}
}

func TestARefusalOfAnAuthorityIsSaid(t *testing.T) {
	a := newAuthority(t)
	a.newSigner(t, "stamps", ecKey(t, elliptic.P256()), nil)
	strict := plain
	strict.digests = "sha512"
	_, _, err := a.client(t, serve(t, func(query []byte) []byte { return a.reply(t, query, strict) })).Stamp(t.Context(), someHash)
	if err == nil || !strings.Contains(err.Error(), "not granted (2, rejected)") || !strings.Contains(err.Error(), "badAlg") {
		t.Error(err)
	}
	_, _, err = a.client(t, serve(t, func([]byte) []byte { return a.reply(t, []byte("hello"), plain) })).Stamp(t.Context(), someHash)
	if err == nil || !strings.Contains(err.Error(), "badDataFormat") {
		t.Error(err)
	}
	for code, want := range map[byte]string{1: "", 2: "rejected", 3: "waiting", 4: "revocation warning", 5: "revoked", 9: "unknown"} {
		_, _, err := a.client(t, serve(t, func(query []byte) []byte {
			b := a.reply(t, query, plain)
			return bytes.Replace(b, []byte{0x30, 3, 2, 1, 0}, []byte{0x30, 3, 2, 1, code}, 1)
		})).Stamp(t.Context(), someHash)
		// What is granted with modifications is verified like the rest.
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v", code, err)
		}
	}
	_, _, err = a.client(t, serve(t, func([]byte) []byte {
		other, err := request(sha256.Sum256(nil), big.NewInt(1))
		ok(t, err)
		return bytes.Replace(a.reply(t, other, plain), []byte{0x30, 3, 2, 1, 0}, []byte{0x30, 3, 2, 1, 1}, 1)
	})).Stamp(t.Context(), someHash)
	if err == nil || !strings.Contains(err.Error(), "another hash") {
		t.Errorf("granted with another hash: %v", err)
	}
}

func TestAnAuthorityThatAnswersNoTimeStampIsAnError(t *testing.T) {
	a, _ := ready(t)
	says := func(status int, kind string, body []byte) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			w.Write(body)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	elsewhere := httptest.NewServer(http.RedirectHandler("/", http.StatusTemporaryRedirect))
	t.Cleanup(elsewhere.Close)
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, c := range map[string]struct{ address, want string }{
		"status":          {says(503, "text/plain", []byte("later\n")), `503 Service Unavailable: "later"`},
		"a page":          {says(200, "text/html", []byte("<html>")), "text/html"},
		"no type":         {says(200, "a b c", nil), "see whether the address"},
		"empty":           {says(200, replyType, nil), "no time-stamp"},
		"no token":        {says(200, replyType, []byte{0x30, 5, 0x30, 3, 2, 1, 0}), "no time-stamp"},
		"text of no kind": {says(200, replyType, []byte{0x30, 9, 0x30, 7, 2, 1, 2, 0x30, 2, 4, 0}), "no time-stamp"},
		"huge":            {says(200, replyType, make([]byte, 1<<20)), "more than"},
		"redirection":     {elsewhere.URL, "307"},
		"nobody there":    {gone.URL, "refused"},
	} {
		if _, _, err := a.client(t, c.address).Stamp(t.Context(), someHash); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := now()
	o.Timeout = 50 * time.Millisecond
	slow, err := NewTSA(newTree(t, "a", 1).trust(), strings.Replace(hold(t), "://", "://me:secret@", 1), a.roots, o)
	ok(t, err)
	if _, _, err := slow.Stamp(t.Context(), someHash); !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "secret") || strings.Contains(slow.Name(), "secret") {
		t.Error(err)
	}
}

func TestAnAuthorityWhoseClockIsNotOursIsAnError(t *testing.T) {
	a, tsa := ready(t)
	for _, off := range []time.Duration{-time.Hour, time.Hour} {
		tsa.o.Clock = func() time.Time { return time.Now().Add(off) }
		if _, _, err := tsa.Stamp(t.Context(), someHash); err == nil || !strings.Contains(err.Error(), "clocks is wrong") && !strings.Contains(err.Error(), "yet to come") {
			t.Errorf("%v: %v", off, err)
		}
	}
	if _, err := NewTSA(tsa.log, tsa.url.String(), nil, now()); err == nil {
		t.Error("without roots")
	}
	o := now()
	o.Random = bytes.NewReader(nil)
	mute, err := NewTSA(tsa.log, tsa.url.String(), a.roots, o)
	ok(t, err)
	if _, _, err := mute.Stamp(t.Context(), someHash); err == nil || !strings.Contains(err.Error(), "nonce") {
		t.Error(err)
	}
}

// kept returns the token in testdata, of someHash, and its root. UPDATE=1 makes
// another one.
func kept(t testing.TB) (token []byte, roots *x509.CertPool) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		a := newAuthority(t)
		a.newSigner(t, "stamps", ecKey(t, elliptic.P256()), nil)
		query, err := request(someHash, big.NewInt(1))
		ok(t, err)
		token, err := parseReply(a.reply(t, query, plain))
		ok(t, err)
		ok(t, os.MkdirAll("testdata", 0o755))
		ok(t, os.WriteFile("testdata/token.der", token, 0o644))
		ok(t, os.WriteFile("testdata/root.pem", encoded("CERTIFICATE", a.root.Raw), 0o644))
	}
	token, err := os.ReadFile("testdata/token.der")
	ok(t, err)
	root, err := os.ReadFile("testdata/root.pem")
	ok(t, err)
	roots = x509.NewCertPool()
	if !roots.AppendCertsFromPEM(root) {
		t.Fatal("no root in testdata")
	}
	return token, roots
}

func TestATokenThatWasKeptIsGoodAfterItsCertificatesEnd(t *testing.T) {
	token, roots := kept(t)
	s, err := Verify(token, someHash, roots, time.Time{})
	ok(t, err)
	if _, err := Verify(token, someHash, roots, s.Until.AddDate(50, 0, 0)); err == nil || !s.Expired(s.Until.AddDate(50, 0, 0)) {
		t.Error("and nobody says that they have ended")
	}
	p, err := Evidence{Timestamp, "tsa", s.Time, token}.VerifyHash(someHash, roots)
	if err != nil || p.Until != s.Until {
		t.Errorf("%+v, %v", p, err)
	}
}

func FuzzVerify(f *testing.F) {
	token, roots := kept(f)
	want, err := Verify(token, someHash, roots, time.Time{})
	ok(f, err)
	f.Add(token)
	f.Add(token[:len(token)-1])
	f.Add([]byte{0x30, 0x80, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		// Nobody can make another one without the key.
		if got, err := Verify(b, someHash, roots, time.Time{}); err == nil && got != want {
			t.Errorf("%x is a time-stamp: %+v", b, got)
		}
		// Tokens and answers on their own reach further.
		parseToken(b)
		if inner, err := parseReply(b); err == nil && len(inner) > len(b) {
			t.Error("more than was given")
		}
	})
}

func FuzzParseInfo(f *testing.F) {
	f.Add(content(someHash[:], "20261011120000Z"))
	f.Add(content(someHash[:], "20261011120000.25Z", func(b *cryptobyte.Builder) {
		b.AddBytes([]byte{0x30, 9, 2, 1, 1, 0x80, 1, 5, 0x81, 1, 6, 1, 1, 0xff, 2, 1, 5, 0xa0, 2, 5, 0, 0xa1, 8, 0x30, 6, 6, 1, 42, 4, 1, 0})
	}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if i, err := parseInfo(b); err == nil && (i.accuracy < 0 || i.accuracy > 25*time.Hour || i.time.Year() < 1970 || i.time.Location() != time.UTC) {
			t.Errorf("%x: %+v", b, i)
		}
	})
}
