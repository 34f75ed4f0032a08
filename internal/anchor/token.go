package anchor

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" // only to find a certificate by the name that RFC 3161 gives it
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// A Stamp is what a time-stamp says that has been verified.
type Stamp struct {
	Time     time.Time     // in UTC, by the authority's clock
	Accuracy time.Duration // how far off the time may be, zero if not said
	Serial   string        // of the time-stamp, in decimal
	TSA      string        // the subject of the authority's certificate
	Policy   string        // the rules it was made under: numbers with dots
	// Until is when the first certificate of the chain ends. Later, the time-stamp
	// is worth what the word is worth that the authority's key was kept until its
	// destruction; who must prove things for longer has the evidence stamped again.
	Until time.Time
}

// Expired reports whether certificates of the time-stamp have ended at a time.
func (s Stamp) Expired(at time.Time) bool { return at.After(s.Until) }

const (
	maxToken = maxBytes
	maxCerts = 16
	maxRSA   = 8192 // bits: a larger key would make strangers' certificates costly
	maxInt   = 512  // bits of a serial number or nonce
)

var (
	oidSignedData   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidDigest       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCert  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
	oidSigningCert2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidExtKeyUsage  = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidSHA256       = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384       = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidSHA512       = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
	oidRSA          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidPSS          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidMGF1         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
	oidEd25519      = asn1.ObjectIdentifier{1, 3, 101, 112}
)

// hashes are those that a signature may be made over.
var hashes = []struct {
	oid                  asn1.ObjectIdentifier
	hash                 crypto.Hash
	withRSA, withECDSA   asn1.ObjectIdentifier
	rsa, rsaPSS, ecdsaOf x509.SignatureAlgorithm
}{
	{oidSHA256, crypto.SHA256, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.ECDSAWithSHA256},
	{oidSHA384, crypto.SHA384, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}, x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384},
	{oidSHA512, crypto.SHA512, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}, x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512},
}

var errDER = errors.New("the time-stamp is not the DER that RFC 3161 asks for: it is cut off, damaged, or in another encoding")

// Verify verifies a time-stamp token of a hash, offline: that it stamps this SHA-256,
// that it is signed by the one certificate that it names, that this certificate is
// for time-stamping and nothing else, and that it was valid at the time that the
// token tells, under one of the roots, by way of none that is limited to other uses.
// Revocation is not looked at.
//
// If at is not zero, the certificates must be valid at that time too, and the token
// must not be of a later one: that is for a token that was made just now. For one
// that was kept, at is zero.
func Verify(token []byte, hash [32]byte, roots *x509.CertPool, at time.Time) (Stamp, error) {
	s, _, err := verify(token, hash, roots, at)
	return s, err
}

func verify(token []byte, hash [32]byte, roots *x509.CertPool, at time.Time) (Stamp, *info, error) {
	// Without roots, the library would take those of the system.
	if roots == nil {
		return Stamp{}, nil, errors.New("no root certificate of a time-stamping authority is trusted: give the one of yours")
	}
	if len(token) > maxToken {
		return Stamp{}, nil, fmt.Errorf("a time-stamp has at most %d bytes, this one %d", maxToken, len(token))
	}
	m, err := parseToken(token)
	if err != nil {
		return Stamp{}, nil, err
	}
	i, err := parseInfo(m.content)
	if err != nil {
		return Stamp{}, nil, err
	}
	if !i.algorithm.Equal(oidSHA256) || !bytes.Equal(i.imprint, hash[:]) {
		return Stamp{}, nil, errors.New("the time-stamp is of another hash")
	}
	cert, err := m.signer()
	if err != nil {
		return Stamp{}, nil, err
	}
	if err := m.verify(cert); err != nil {
		return Stamp{}, nil, err
	}
	if err := forStamping(cert); err != nil {
		return Stamp{}, nil, err
	}
	until, err := m.trusted(cert, roots, i.time)
	if err != nil {
		return Stamp{}, nil, err
	}
	if !at.IsZero() {
		if _, err := m.trusted(cert, roots, at); err != nil {
			return Stamp{}, nil, err
		}
		if i.time.After(at.Add(maxSkew)) {
			return Stamp{}, nil, fmt.Errorf("the time-stamp is of %s, which is yet to come", i.time.Format(time.RFC3339))
		}
	}
	return Stamp{i.time, i.accuracy, i.serial.String(), cert.Subject.String(), i.policy.String(), until}, i, nil
}

// forStamping says why a certificate may not sign time-stamps: RFC 3161, section 2.3.
func forStamping(c *x509.Certificate) error {
	only := len(c.ExtKeyUsage) == 1 && c.ExtKeyUsage[0] == x509.ExtKeyUsageTimeStamping && len(c.UnknownExtKeyUsage) == 0
	critical := false
	for _, e := range c.Extensions {
		critical = critical || e.Id.Equal(oidExtKeyUsage) && e.Critical
	}
	signs := c.KeyUsage == 0 || c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) != 0
	if !only || !critical || !signs {
		return fmt.Errorf("the certificate %q is not for time-stamping and nothing else, which must be marked critical", c.Subject)
	}
	return nil
}

// trusted returns until when the chain holds that does so for longest.
func (m *message) trusted(cert *x509.Certificate, roots *x509.CertPool, at time.Time) (time.Time, error) {
	between := x509.NewCertPool()
	for _, c := range m.certs {
		between.AddCert(c)
	}
	chains, err := cert.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("the time-stamping authority is not trusted: %w", err)
	}
	var until time.Time
	for _, chain := range chains {
		end := chain[0].NotAfter
		for _, c := range chain {
			if c.NotAfter.Before(end) {
				end = c.NotAfter
			}
		}
		if end.After(until) {
			until = end
		}
	}
	return until.UTC(), nil
}

// info is the TSTInfo of RFC 3161, section 2.4.2.
type info struct {
	policy    asn1.ObjectIdentifier
	algorithm asn1.ObjectIdentifier
	imprint   []byte
	serial    *big.Int
	time      time.Time
	accuracy  time.Duration
	nonce     *big.Int // nil if there is none
}

func parseInfo(b []byte) (*info, error) {
	i := &info{serial: new(big.Int)}
	whole := cryptobyte.String(b)
	var s, imprint, digest, when, part, raw cryptobyte.String
	var version int
	var there bool
	if !whole.ReadASN1(&s, tags.SEQUENCE) || !whole.Empty() ||
		!s.ReadASN1Integer(&version) || version != 1 ||
		!s.ReadASN1ObjectIdentifier(&i.policy) ||
		!s.ReadASN1(&imprint, tags.SEQUENCE) || !algorithm(&imprint, &i.algorithm, nil) ||
		!imprint.ReadASN1(&digest, tags.OCTET_STRING) || !imprint.Empty() ||
		!s.ReadASN1Integer(i.serial) || i.serial.BitLen() > maxInt ||
		!s.ReadASN1(&when, tags.GeneralizedTime) ||
		!s.ReadOptionalASN1(&part, &there, tags.SEQUENCE) {
		return nil, errDER
	}
	i.imprint = digest
	var ok bool
	if i.time, ok = generalized(string(when)); !ok {
		return nil, fmt.Errorf("the time-stamp's time is written %.40q: it must be in UTC, such as 20260102030405Z", when)
	}
	if there {
		if i.accuracy, ok = accuracy(part); !ok {
			return nil, errDER
		}
	}
	var ordering bool
	if !flag(&s, &ordering) {
		return nil, errDER
	}
	if s.PeekASN1Tag(tags.INTEGER) {
		i.nonce = new(big.Int)
		if !s.ReadASN1Integer(i.nonce) || i.nonce.BitLen() > maxInt {
			return nil, errDER
		}
	}
	// The field tsa is a hint at whom to ask; who signed, the certificate says.
	if !s.SkipOptionalASN1(tags.Tag(0).ContextSpecific().Constructed()) ||
		!s.ReadOptionalASN1(&raw, &there, tags.Tag(1).ContextSpecific().Constructed()) || !s.Empty() {
		return nil, errDER
	}
	for !raw.Empty() {
		var ext cryptobyte.String
		var id asn1.ObjectIdentifier
		var critical bool
		if !raw.ReadASN1(&ext, tags.SEQUENCE) || !ext.ReadASN1ObjectIdentifier(&id) ||
			!flag(&ext, &critical) || !ext.SkipASN1(tags.OCTET_STRING) || !ext.Empty() {
			return nil, errDER
		}
		if critical {
			return nil, fmt.Errorf("the time-stamp has a critical extension that is not known here: %v", id)
		}
	}
	return i, nil
}

// flag reads a BOOLEAN that is false where it is left out.
func flag(s *cryptobyte.String, out *bool) bool {
	return !s.PeekASN1Tag(tags.BOOLEAN) || s.ReadASN1Boolean(out)
}

// generalized reads a time as DER writes it: UTC, seconds, a fraction without a
// zero at its end.
func generalized(text string) (time.Time, bool) {
	t, err := time.Parse("20060102150405Z", text)
	_, fraction, found := strings.Cut(text, ".")
	if found && (strings.HasSuffix(fraction, "0Z") || len(fraction) < 2 || len(fraction) > 10) {
		return t, false
	}
	return t, err == nil && len(text) >= 15 && t.Year() >= 1970
}

func accuracy(s cryptobyte.String) (time.Duration, bool) {
	var d time.Duration
	read := func(tag tags.Tag, unit time.Duration, most uint64) bool {
		if !s.PeekASN1Tag(tag) {
			return true
		}
		var b cryptobyte.String
		if !s.ReadASN1(&b, tag) || len(b) == 0 || len(b) > 8 || b[0]&0x80 != 0 || len(b) > 1 && b[0] == 0 && b[1]&0x80 == 0 {
			return false
		}
		n := new(big.Int).SetBytes(b).Uint64()
		d += time.Duration(n) * unit
		return n <= most
	}
	// An accuracy of more than a day would be of no use.
	ok := read(tags.INTEGER, time.Second, 86400) &&
		read(tags.Tag(0).ContextSpecific(), time.Millisecond, 999) &&
		read(tags.Tag(1).ContextSpecific(), time.Microsecond, 999)
	return d, ok && s.Empty()
}

// algorithm reads an AlgorithmIdentifier. Where parameters are not asked for, there
// may be none, or NULL.
func algorithm(s *cryptobyte.String, oid *asn1.ObjectIdentifier, parameters *cryptobyte.String) bool {
	var a, null cryptobyte.String
	if !s.ReadASN1(&a, tags.SEQUENCE) || !a.ReadASN1ObjectIdentifier(oid) {
		return false
	}
	if parameters != nil {
		*parameters = a
		return true
	}
	return a.Empty() || a.ReadASN1(&null, tags.NULL) && null.Empty() && a.Empty()
}

// message is the SignedData of CMS (RFC 5652) with its one signature.
type message struct {
	content []byte // the TSTInfo
	certs   []*x509.Certificate

	issuer, keyID []byte // who signed: issuer and serial number, or key identifier
	serial        *big.Int
	hash          int    // in hashes
	signed        []byte // the signed attributes, as they are hashed
	algorithm     x509.SignatureAlgorithm
	signature     []byte
	digest        []byte            // of the content
	named         func([]byte) bool // whether the signed attributes name this certificate
}

func parseToken(token []byte) (*message, error) {
	m := new(message)
	whole := cryptobyte.String(token)
	var outer, explicit, s, content, octets, info, certs, signers cryptobyte.String
	var kind, inner asn1.ObjectIdentifier
	var version int
	var there bool
	context := func(n uint8) tags.Tag { return tags.Tag(n).ContextSpecific().Constructed() }
	if !whole.ReadASN1(&outer, tags.SEQUENCE) || !whole.Empty() ||
		!outer.ReadASN1ObjectIdentifier(&kind) || !kind.Equal(oidSignedData) ||
		!outer.ReadASN1(&explicit, context(0)) || !outer.Empty() ||
		!explicit.ReadASN1(&s, tags.SEQUENCE) || !explicit.Empty() ||
		!s.ReadASN1Integer(&version) || !s.SkipASN1(tags.SET) ||
		!s.ReadASN1(&content, tags.SEQUENCE) || !content.ReadASN1ObjectIdentifier(&inner) || !inner.Equal(oidTSTInfo) ||
		!content.ReadASN1(&octets, context(0)) || !content.Empty() ||
		!octets.ReadASN1(&info, tags.OCTET_STRING) || !octets.Empty() ||
		!s.ReadOptionalASN1(&certs, &there, context(0)) || !s.SkipOptionalASN1(context(1)) ||
		!s.ReadASN1(&signers, tags.SET) || !s.Empty() {
		return nil, errDER
	}
	m.content = info
	for n := 0; !certs.Empty(); n++ {
		var raw cryptobyte.String
		var tag tags.Tag
		if !certs.ReadAnyASN1Element(&raw, &tag) {
			return nil, errDER
		}
		if n == maxCerts {
			return nil, fmt.Errorf("the time-stamp has more than %d certificates", maxCerts)
		}
		// What is no certificate, or none that can be read, is needed by nobody.
		c, err := x509.ParseCertificate(raw)
		if err != nil || tag != tags.SEQUENCE {
			continue
		}
		if key, ok := c.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() <= maxRSA {
			m.certs = append(m.certs, c)
		}
	}
	var signer cryptobyte.String
	if !signers.ReadASN1(&signer, tags.SEQUENCE) || !signers.Empty() {
		return nil, errors.New("a time-stamp has one signature, this one none or several")
	}
	return m, m.parseSigner(signer)
}

func (m *message) parseSigner(s cryptobyte.String) error {
	var version int
	if !s.ReadASN1Integer(&version) {
		return errDER
	}
	if byKey := tags.Tag(0).ContextSpecific(); s.PeekASN1Tag(byKey) {
		var id cryptobyte.String
		if !s.ReadASN1(&id, byKey) || len(id) == 0 {
			return errDER
		}
		m.keyID = id
	} else {
		var sid, issuer cryptobyte.String
		m.serial = new(big.Int)
		if !s.ReadASN1(&sid, tags.SEQUENCE) || !sid.ReadASN1Element(&issuer, tags.SEQUENCE) ||
			!sid.ReadASN1Integer(m.serial) || !sid.Empty() {
			return errDER
		}
		m.issuer = issuer
	}
	var digest, signing asn1.ObjectIdentifier
	var attributes, parameters, signature cryptobyte.String
	set := tags.Tag(0).ContextSpecific().Constructed()
	if !algorithm(&s, &digest, nil) || !s.ReadASN1Element(&attributes, set) ||
		!algorithm(&s, &signing, &parameters) || !s.ReadASN1(&signature, tags.OCTET_STRING) ||
		!s.SkipOptionalASN1(tags.Tag(1).ContextSpecific().Constructed()) || !s.Empty() {
		return errDER
	}
	m.hash = -1
	for i, h := range hashes {
		if h.oid.Equal(digest) {
			m.hash = i
		}
	}
	if m.hash < 0 {
		return fmt.Errorf("the time-stamp is signed over a hash that is not taken here (%v): it must be SHA-256, 384 or 512", digest)
	}
	var ok bool
	if m.algorithm, ok = signatureAlgorithm(m.hash, signing, parameters); !ok {
		return fmt.Errorf("the time-stamp is signed in a way that is not taken here: %v over %v", signing, digest)
	}
	m.signature = signature
	// What is signed is the set under its own tag: RFC 5652, section 5.4.
	m.signed = bytes.Clone(attributes)
	m.signed[0] = byte(tags.SET)
	return m.parseAttributes(attributes, set)
}

// parseAttributes reads of the signed attributes those that matter, each of which
// must be there once. The name of the certificate may be in two forms.
func (m *message) parseAttributes(s cryptobyte.String, tag tags.Tag) error {
	var list cryptobyte.String
	if !s.ReadASN1(&list, tag) || !s.Empty() {
		return errDER
	}
	values := map[string]cryptobyte.String{}
	for !list.Empty() {
		var attribute, set, value cryptobyte.String
		var oid asn1.ObjectIdentifier
		var kind tags.Tag
		if !list.ReadASN1(&attribute, tags.SEQUENCE) || !attribute.ReadASN1ObjectIdentifier(&oid) ||
			!attribute.ReadASN1(&set, tags.SET) || !attribute.Empty() {
			return errDER
		}
		if !oid.Equal(oidContentType) && !oid.Equal(oidDigest) && !oid.Equal(oidSigningCert) && !oid.Equal(oidSigningCert2) {
			continue
		}
		if _, twice := values[oid.String()]; twice || !set.ReadAnyASN1Element(&value, &kind) || !set.Empty() {
			return fmt.Errorf("the time-stamp has the attribute %v twice, or in another form", oid)
		}
		values[oid.String()] = value
	}
	var content asn1.ObjectIdentifier
	var digest cryptobyte.String
	contentType, messageDigest := values[oidContentType.String()], values[oidDigest.String()]
	if !contentType.ReadASN1ObjectIdentifier(&content) || !content.Equal(oidTSTInfo) ||
		!messageDigest.ReadASN1(&digest, tags.OCTET_STRING) {
		return errors.New("the time-stamp's signature is not over a time-stamp: the attributes for that are not there")
	}
	m.digest = digest

	first, v1 := values[oidSigningCert.String()]
	second, v2 := values[oidSigningCert2.String()]
	hash1, _, ok1 := certificateName(first, false)
	hash2, of, ok2 := certificateName(second, true)
	if !v1 && !v2 || v1 && !ok1 || v2 && !ok2 {
		return errors.New("the time-stamp does not name the certificate it is signed with, as RFC 3161 demands")
	}
	m.named = func(der []byte) bool {
		sum := sha1.Sum(der)
		if v1 && !bytes.Equal(hash1, sum[:]) {
			return false
		}
		return !v2 || bytes.Equal(hash2, digestOf(of, der))
	}
	return nil
}

// certificateName reads the first certificate of a SigningCertificate (RFC 2634) or
// SigningCertificateV2 (RFC 5035): its hash. Issuer and serial number, which may
// follow, are in what is hashed.
func certificateName(s cryptobyte.String, second bool) (hash []byte, of crypto.Hash, ok bool) {
	var signing, list, id, sum cryptobyte.String
	if !s.ReadASN1(&signing, tags.SEQUENCE) || !signing.ReadASN1(&list, tags.SEQUENCE) ||
		!signing.SkipOptionalASN1(tags.SEQUENCE) || !signing.Empty() || !list.ReadASN1(&id, tags.SEQUENCE) {
		return nil, 0, false
	}
	of = crypto.SHA256
	if second && id.PeekASN1Tag(tags.SEQUENCE) {
		var oid asn1.ObjectIdentifier
		if !algorithm(&id, &oid, nil) {
			return nil, 0, false
		}
		of = 0
		for _, h := range hashes {
			if h.oid.Equal(oid) {
				of = h.hash
			}
		}
	}
	if !id.ReadASN1(&sum, tags.OCTET_STRING) || !id.SkipOptionalASN1(tags.SEQUENCE) || !id.Empty() {
		return nil, 0, false
	}
	return sum, of, of != 0
}

func digestOf(of crypto.Hash, b []byte) []byte {
	h := of.New()
	h.Write(b)
	return h.Sum(nil)
}

func signatureAlgorithm(hash int, oid asn1.ObjectIdentifier, parameters cryptobyte.String) (x509.SignatureAlgorithm, bool) {
	h := hashes[hash]
	var null cryptobyte.String
	p := parameters
	none := p.Empty() || p.ReadASN1(&null, tags.NULL) && null.Empty() && p.Empty()
	switch {
	case oid.Equal(oidPSS):
		return h.rsaPSS, isPSS(parameters, h.oid, h.hash.Size())
	case !none:
		return 0, false
	case oid.Equal(oidRSA), oid.Equal(h.withRSA):
		return h.rsa, true
	case oid.Equal(h.withECDSA):
		return h.ecdsaOf, true
	case oid.Equal(oidEd25519):
		return x509.PureEd25519, h.hash == crypto.SHA512 // RFC 8419
	}
	return 0, false
}

// isPSS reports whether the parameters are those that the library verifies: one
// hash throughout, and a salt of its length.
func isPSS(s cryptobyte.String, hash asn1.ObjectIdentifier, size int) bool {
	var p, part, mask cryptobyte.String
	var own, generator, of asn1.ObjectIdentifier
	var salt int
	context := func(n uint8) tags.Tag { return tags.Tag(n).ContextSpecific().Constructed() }
	return s.ReadASN1(&p, tags.SEQUENCE) && s.Empty() &&
		p.ReadASN1(&part, context(0)) && algorithm(&part, &own, nil) && part.Empty() && own.Equal(hash) &&
		p.ReadASN1(&part, context(1)) && algorithm(&part, &generator, &mask) && part.Empty() && generator.Equal(oidMGF1) &&
		algorithm(&mask, &of, nil) && mask.Empty() && of.Equal(hash) &&
		p.ReadASN1(&part, context(2)) && part.ReadASN1Integer(&salt) && part.Empty() && salt == size &&
		p.Empty()
}

// signer finds the certificate that the signature names, twice over.
func (m *message) signer() (*x509.Certificate, error) {
	for _, c := range m.certs {
		bySerial := m.serial != nil && bytes.Equal(m.issuer, c.RawIssuer) && m.serial.Cmp(c.SerialNumber) == 0
		byKey := m.keyID != nil && bytes.Equal(m.keyID, c.SubjectKeyId)
		if (bySerial || byKey) && m.named(c.Raw) {
			return c, nil
		}
	}
	return nil, errors.New("the time-stamp does not carry the certificate it is signed with")
}

// verify verifies the signature.
func (m *message) verify(cert *x509.Certificate) error {
	if !bytes.Equal(m.digest, digestOf(hashes[m.hash].hash, m.content)) {
		return errors.New("the time-stamp's signature is of another content")
	}
	if err := cert.CheckSignature(m.algorithm, m.signed, m.signature); err != nil {
		return fmt.Errorf("the time-stamp's signature is wrong: %w", err)
	}
	return nil
}
