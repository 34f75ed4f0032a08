package anchor

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/temoin/temoin/internal/ledger"
)

// A Prover proves that the log of a head begins with what it was at an older size,
// such as [ledger.Consistency] over the log's tiles.
type Prover func(ctx context.Context, old int64, head ledger.Head) ([]ledger.Hash, error)

// A Witness is somebody who cosigns checkpoints (c2sp.org/tlog-witness), and must
// know this log before. Use its constructor.
type Witness struct {
	log   ledger.Trust
	url   *url.URL
	key   ledger.Witness
	prove Prover
	o     Options

	mu   sync.Mutex // one submission at a time
	seen int64      // the size that the witness cosigned last, as far as we know
}

// NewWitness returns the witness with the address that it takes submissions at, and
// its public key. prove is asked for proofs from the size that the witness knows.
func NewWitness(log ledger.Trust, address string, key ledger.Witness, prove Prover, o Options) (*Witness, error) {
	u, err := checkURL(address)
	if err != nil {
		return nil, err
	}
	if key.Name() == "" || prove == nil {
		return nil, errors.New("a witness needs its public key, and proofs to be shown")
	}
	log.Witnesses = []ledger.Witness{key}
	o, err = o.check()
	return &Witness{log: log, url: u.JoinPath("add-checkpoint"), key: key, prove: prove, o: o}, err
}

// Name returns the witness's name.
func (w *Witness) Name() string { return w.key.Name() }

// Fix has the checkpoint cosigned; the evidence is the cosignature.
func (w *Witness) Fix(ctx context.Context, checkpoint []byte, head ledger.Head) (Evidence, error) {
	_, e, err := w.Cosign(ctx, checkpoint, head)
	return e, err
}

const (
	maxCosignatures = 64 << 10
	sizeType        = "text/x.tlog.size"
)

// Cosign has the checkpoint cosigned, and returns it with the cosignature, which
// takes the place of an older one of this witness.
func (w *Witness) Cosign(ctx context.Context, checkpoint []byte, head ledger.Head) ([]byte, Evidence, error) {
	fail := func(err error) ([]byte, Evidence, error) {
		return nil, Evidence{}, fmt.Errorf("witness %s: %w", w.Name(), err)
	}
	if _, err := opened(w.log, checkpoint, head); err != nil {
		return fail(err)
	}
	ctx, cancel := context.WithTimeout(ctx, w.o.Timeout)
	defer cancel()
	w.mu.Lock()
	defer w.mu.Unlock()
	got, err := w.submit(ctx, checkpoint, head)
	if err != nil {
		return fail(err)
	}
	line, err := w.line(got)
	if err != nil {
		return fail(err)
	}
	after, c, err := cosign(w.log, checkpoint, line)
	if err != nil {
		return fail(err)
	}
	if err := w.o.near(c.Time); err != nil {
		return fail(err)
	}
	w.seen = head.Size
	return after, Evidence{Witnessed, w.Name(), c.Time, line}, nil
}

// submit sends the checkpoint until the witness and we agree on what it has seen,
// and returns its signatures. Another process may submit at the same time.
func (w *Witness) submit(ctx context.Context, checkpoint []byte, head ledger.Head) ([]byte, error) {
	old := w.seen
	if old > head.Size {
		old = 0 // it will say what it knows
	}
	for range 4 {
		body := fmt.Appendf(nil, "old %d\n", old)
		if old > 0 && old < head.Size {
			proof, err := w.prove(ctx, old, head)
			if err != nil {
				return nil, err
			}
			for _, h := range proof {
				body = fmt.Appendf(body, "%s\n", base64.StdEncoding.EncodeToString(h[:]))
			}
		}
		body = slices.Concat(body, []byte("\n"), checkpoint)
		got, err := post(ctx, w.o, w.url, "text/plain; charset=utf-8", "", body, maxCosignatures)
		if err != nil {
			return nil, err
		}
		switch got.status {
		case http.StatusOK:
			return got.body, nil
		case http.StatusConflict:
			size, err := parseSize(got)
			if err != nil {
				return nil, err
			}
			if size > head.Size {
				return nil, fmt.Errorf("%w (it has cosigned %d entries, here are %d)", ErrAhead, size, head.Size)
			}
			if size == old {
				return nil, fmt.Errorf("it says that it has cosigned %d entries, which it was told", size)
			}
			old, w.seen = size, size
		case http.StatusForbidden:
			return nil, fmt.Errorf("it does not know the key that signed: tell it the log's new key (%w)", got.refusal(w.Name()))
		case http.StatusNotFound:
			return nil, fmt.Errorf("it does not know the log %q: have it added there, or see whether the address is right (%w)", w.log.Origin, got.refusal(w.Name()))
		case http.StatusUnprocessableEntity:
			// The proof leads to our head: so what it starts from is not what we have.
			return nil, fmt.Errorf("%w (it cannot follow from %d entries to %d; %w)", ErrFork, old, head.Size, got.refusal(w.Name()))
		default:
			return nil, got.refusal(w.Name())
		}
	}
	return nil, errors.New("it says another size each time: somebody else submits this log, try again later")
}

// parseSize reads the answer to a wrong old size.
func parseSize(got answer) (int64, error) {
	text, ended := strings.CutSuffix(string(got.body), "\n")
	size, err := strconv.ParseInt(text, 10, 64)
	if got.kind != sizeType || !ended || err != nil || size < 0 || strconv.FormatInt(size, 10) != text {
		return 0, fmt.Errorf("it refuses (409) without the size that it knows: %.80q", got.body)
	}
	return size, nil
}

// line returns the one line of an answer that is of the witness's key. Others are
// passed over: it may sign with several.
func (w *Witness) line(body []byte) ([]byte, error) {
	var mine []byte
	for rest := body; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			return nil, errors.New("its answer is cut off")
		}
		line := rest[:i+1]
		rest = rest[i+1:]
		name, id, ok := signedBy(line)
		switch {
		case !ok:
			return nil, fmt.Errorf("its answer has a line that is no signature: %.80q", line)
		case name != w.key.Name() || id != w.key.KeyHash():
		case mine != nil:
			return nil, ledger.ErrDuplicate
		default:
			mine = line
		}
	}
	if mine == nil {
		return nil, fmt.Errorf("%w: see whether %v is its key", ledger.ErrUnknownWitness, w.key)
	}
	return mine, nil
}

// signedBy reads of a signature line whose it claims to be.
func signedBy(line []byte) (name string, id uint32, ok bool) {
	rest, dash := strings.CutPrefix(string(line), "— ")
	rest, ended := strings.CutSuffix(rest, "\n")
	name, signature, space := strings.Cut(rest, " ")
	raw, err := base64.StdEncoding.DecodeString(signature)
	if !dash || !ended || !space || err != nil || len(raw) < 5 {
		return "", 0, false
	}
	return name, binary.BigEndian.Uint32(raw), true
}

// cosign adds a witness's line to a checkpoint, in the place of an older one of the
// same key, and returns what it says.
func cosign(log ledger.Trust, checkpoint, line []byte) ([]byte, ledger.Cosignature, error) {
	before, err := without(checkpoint, line)
	if err != nil {
		return nil, ledger.Cosignature{}, err
	}
	after, err := log.AddCosignature(before, line)
	if err != nil {
		return nil, ledger.Cosignature{}, err
	}
	c, err := log.Open(after)
	if err != nil {
		return nil, ledger.Cosignature{}, err
	}
	name, id, _ := signedBy(line)
	for _, s := range c.Cosignatures {
		if s.Witness.Name() == name && s.Witness.KeyHash() == id {
			return after, s, nil
		}
	}
	return nil, ledger.Cosignature{}, ledger.ErrUnknownWitness
}

// without takes the signatures of a line's key out of a checkpoint.
func without(checkpoint, line []byte) ([]byte, error) {
	name, id, ok := signedBy(line)
	i := bytes.Index(checkpoint, []byte("\n\n"))
	if !ok || i < 0 {
		return nil, errors.New("this is no checkpoint, or no signature line")
	}
	kept := bytes.Clone(checkpoint[:i+2])
	for l := range bytes.Lines(checkpoint[i+2:]) {
		if n, h, ok := signedBy(l); !ok || n != name || h != id {
			kept = append(kept, l...)
		}
	}
	return kept, nil
}

var _ Anchor = (*Witness)(nil)
