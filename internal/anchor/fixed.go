package anchor

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/temoin/temoin/internal/ledger"
)

// FixedFormat is the name and version of the form in which a [Fixed] is given out.
const FixedFormat = "temoin-fixed/1"

// A Fixed is evidence together with what it is of: a checkpoint, or the hash of a
// version's evidence. Whoever has it, and knows the log's key and the place, can
// verify it without asking anybody.
type Fixed struct {
	Checkpoint []byte    // nil where it is of a hash
	Version    [32]byte  // the hash
	Kept       time.Time // by the operator's clock
	Evidence   Evidence
	// Proof shows that the log of the checkpoint begins with the one of From
	// entries: see [ledger.Consistency]. It is nil where nobody asked for it.
	From  int64
	Proof []ledger.Hash
}

// maxFixed bounds a line, in bytes: the checkpoint's ends of lines are two bytes
// each in JSON, and what is not ASCII up to six.
const maxFixed = maxEvidence + 768<<10

type given struct {
	Format     string          `json:"format"`
	Kept       time.Time       `json:"kept"`
	Checkpoint string          `json:"checkpoint,omitempty"`
	Version    string          `json:"version,omitempty"` // hex
	From       int64           `json:"from,omitempty"`
	Proof      [][]byte        `json:"proof,omitempty"`
	Evidence   json.RawMessage `json:"evidence"`
}

// Marshal writes it as one line of JSON, without its end.
func (f Fixed) Marshal() ([]byte, error) {
	e, err := f.Evidence.Marshal()
	if err != nil {
		return nil, err
	}
	g := given{Format: FixedFormat, Kept: f.Kept.UTC(), Checkpoint: string(f.Checkpoint), From: f.From, Evidence: e}
	if f.Checkpoint == nil {
		g.Version = hex.EncodeToString(f.Version[:])
	}
	for _, h := range f.Proof {
		g.Proof = append(g.Proof, h[:])
	}
	return json.Marshal(g)
}

// ParseFixed reads what [Fixed.Marshal] wrote. What it says has not been verified.
func ParseFixed(b []byte) (Fixed, error) {
	if len(b) > maxFixed {
		return Fixed{}, fmt.Errorf("evidence with its checkpoint has at most %d bytes, this has %d", maxFixed, len(b))
	}
	var g given
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&g); err != nil {
		return Fixed{}, fmt.Errorf("this is no evidence of an anchor: %w", err)
	}
	if g.Format != FixedFormat {
		return Fixed{}, fmt.Errorf("the evidence has the format %.40q: this program reads %q", g.Format, FixedFormat)
	}
	if d.InputOffset() != int64(len(b)) || (g.Checkpoint == "") == (g.Version == "") || g.From < 0 {
		return Fixed{}, errors.New("evidence is of one checkpoint or of one version, and there is one on a line")
	}
	f := Fixed{Kept: g.Kept, From: g.From}
	if g.Checkpoint != "" {
		f.Checkpoint = []byte(g.Checkpoint)
	} else if n, err := hex.Decode(f.Version[:], []byte(g.Version[:min(len(g.Version), 64)])); err != nil || n != 32 || len(g.Version) != 64 {
		return Fixed{}, fmt.Errorf("%.80q is no hash of a version", g.Version)
	}
	for _, h := range g.Proof {
		if len(h) != ledger.HashSize {
			return Fixed{}, errors.New("the proof that comes with the evidence is not one")
		}
		f.Proof = append(f.Proof, ledger.Hash(h))
	}
	var line bytes.Buffer
	if err := json.Compact(&line, g.Evidence); err != nil {
		return Fixed{}, err
	}
	var err error
	f.Evidence, err = ParseEvidence(line.Bytes())
	return f, err
}

// Verify verifies the evidence, offline. It needs of the terms what the kind asks
// for.
func (f Fixed) Verify(ctx context.Context, t Terms) (Proven, error) {
	if f.Checkpoint == nil {
		return f.Evidence.VerifyHash(f.Version, t.Roots)
	}
	return f.Evidence.Verify(ctx, f.Checkpoint, t)
}

// ReadRoots reads the certificates of time-stamping authorities out of PEM.
func ReadRoots(pem []byte) (*x509.CertPool, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("there is no certificate in it: it must be PEM, -----BEGIN CERTIFICATE-----")
	}
	return roots, nil
}
