package anchor

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/temoin/temoin/internal/ledger"
)

// A TSA is a time-stamping authority that is asked over HTTP (RFC 3161, section
// 3.4). Use its constructor.
type TSA struct {
	log   ledger.Trust
	url   *url.URL
	roots *x509.CertPool
	o     Options
}

// NewTSA returns the authority at an address, which may have a name and password in
// it. roots are those that its time-stamps must be verified under.
func NewTSA(log ledger.Trust, address string, roots *x509.CertPool, o Options) (*TSA, error) {
	u, err := checkURL(address)
	if err != nil {
		return nil, err
	}
	o, err = o.check()
	if err != nil {
		return nil, err
	}
	if roots == nil || o.Random == nil {
		return nil, errors.New("a time-stamping authority needs its root certificate, and randomness to ask it")
	}
	return &TSA{log, u, roots, o}, nil
}

// Name returns host and path.
func (a *TSA) Name() string { return placeOf(a.url) }

// Fix has the checkpoint's [Imprint] stamped.
func (a *TSA) Fix(ctx context.Context, checkpoint []byte, head ledger.Head) (Evidence, error) {
	c, err := opened(a.log, checkpoint, head)
	if err != nil {
		return Evidence{}, err
	}
	return a.FixHash(ctx, Imprint(c))
}

// FixHash has any SHA-256 stamped.
func (a *TSA) FixHash(ctx context.Context, hash [32]byte) (Evidence, error) {
	token, s, err := a.Stamp(ctx, hash)
	if err != nil {
		return Evidence{}, err
	}
	return Evidence{Timestamp, a.Name(), s.Time, token}, nil
}

const (
	queryType = "application/timestamp-query"
	replyType = "application/timestamp-reply"
	maxReply  = maxToken + 4096
)

// Stamp asks for the token of a hash. It has been verified, as of now, and answers
// this question and no former one.
func (a *TSA) Stamp(ctx context.Context, hash [32]byte) ([]byte, Stamp, error) {
	fail := func(err error) ([]byte, Stamp, error) {
		return nil, Stamp{}, fmt.Errorf("time-stamp of %s: %w", a.Name(), err)
	}
	nonce, err := newNonce(a.o.Random)
	if err != nil {
		return fail(err)
	}
	query, err := request(hash, nonce)
	if err != nil {
		return fail(err)
	}
	ctx, cancel := context.WithTimeout(ctx, a.o.Timeout)
	defer cancel()
	got, err := post(ctx, a.o, a.url, queryType, replyType, query, maxReply)
	if err != nil {
		return fail(err)
	}
	if got.status != http.StatusOK {
		return fail(got.refusal(a.Name()))
	}
	if got.kind != replyType {
		return fail(fmt.Errorf("it answers with %q, not with %s: see whether the address is right", got.kind, replyType))
	}
	token, err := parseReply(got.body)
	if err != nil {
		return fail(err)
	}
	s, i, err := verify(token, hash, a.roots, a.o.Clock())
	if err != nil {
		return fail(err)
	}
	if i.nonce == nil || i.nonce.Cmp(nonce) != 0 {
		return fail(errors.New("it answers another question: the nonce is not the one that was sent"))
	}
	if err := a.o.near(s.Time); err != nil {
		return fail(err)
	}
	return token, s, nil
}

// newNonce returns a positive number of 127 bits, whose first is set so that all
// requests have one length.
func newNonce(random io.Reader) (*big.Int, error) {
	b := make([]byte, 16)
	if _, err := io.ReadFull(random, b); err != nil {
		return nil, fmt.Errorf("making a nonce: %w", err)
	}
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b), nil
}

// request writes a TimeStampReq: section 2.4.1.
func request(hash [32]byte, nonce *big.Int) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidSHA256)
				b.AddASN1NULL()
			})
			b.AddASN1OctetString(hash[:])
		})
		b.AddASN1BigInt(nonce)
		b.AddASN1Boolean(true) // with the certificates, to verify it offline
	})
	return b.Bytes()
}

// failures are the bits of PKIFailureInfo that RFC 3161 knows.
var failures = map[int]string{
	0:  "it does not know the hash algorithm (badAlg)",
	2:  "it does not do this (badRequest)",
	5:  "it cannot read the request (badDataFormat)",
	14: "its clock is not available (timeNotAvailable)",
	15: "it does not have the policy (unacceptedPolicy)",
	16: "it does not know the extension (unacceptedExtension)",
	17: "it does not have what was asked for besides (addInfoNotAvailable)",
	25: "it has failed: try again later (systemFailure)",
}

// parseReply reads a TimeStampResp, section 2.4.2, and returns its token. A request
// that was granted with modifications is taken: everything that was asked for is
// verified anyway.
func parseReply(b []byte) ([]byte, error) {
	malformed := errors.New("its answer is no time-stamp and no refusal: see whether the address is right, or try again")
	whole := cryptobyte.String(b)
	var s, status, texts, token cryptobyte.String
	var there bool
	var code int
	if !whole.ReadASN1(&s, tags.SEQUENCE) || !whole.Empty() ||
		!s.ReadASN1(&status, tags.SEQUENCE) || !status.ReadASN1Integer(&code) ||
		!status.ReadOptionalASN1(&texts, &there, tags.SEQUENCE) {
		return nil, malformed
	}
	var why []string
	for !texts.Empty() {
		var text cryptobyte.String
		if !texts.ReadASN1(&text, tags.UTF8String) {
			return nil, malformed
		}
		why = append(why, fmt.Sprintf("%.200q", text))
	}
	if status.PeekASN1Tag(tags.BIT_STRING) {
		var bits asn1.BitString
		if !status.ReadASN1BitString(&bits) || bits.BitLength > 64 {
			return nil, malformed
		}
		for i := range bits.BitLength {
			if bits.At(i) == 0 {
				continue
			}
			if text, known := failures[i]; known {
				why = append(why, text)
			} else {
				why = append(why, fmt.Sprintf("failure %d", i))
			}
		}
	}
	if !status.Empty() {
		return nil, malformed
	}
	if code != 0 && code != 1 {
		name := map[int]string{2: "rejected", 3: "waiting", 4: "revocation warning", 5: "revoked"}[code]
		if name == "" {
			name = "unknown"
		}
		return nil, errors.New(strings.Join(append([]string{fmt.Sprintf("the request is not granted (%d, %s)", code, name)}, why[:min(len(why), 8)]...), ": "))
	}
	if !s.ReadASN1Element(&token, tags.SEQUENCE) || !s.Empty() {
		return nil, malformed
	}
	return token, nil
}

var _ Anchor = (*TSA)(nil)
