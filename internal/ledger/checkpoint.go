package ledger

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// maxNote bounds a signed checkpoint, in bytes: sixteen signatures of the longest
// kind there is fit in.
const maxNote = 128 << 10

var (
	// ErrUnsigned says that no known key of the log has signed a checkpoint. It may
	// be signed by a key that is not known here.
	ErrUnsigned = errors.New("no known key of the log has signed the checkpoint")

	// ErrUnknownWitness says that a cosignature is of a witness that is not trusted.
	ErrUnknownWitness = errors.New("the cosignature is of no witness that is trusted here")

	// ErrDuplicate says that a key, or a witness, has signed a checkpoint twice.
	ErrDuplicate = errors.New("the checkpoint has two signatures of one key")
)

// Sign returns the checkpoint of a head: a note of three lines (origin, size, root)
// and a signature of each key. The keys are of the same log; there is more than one
// while a key is being replaced, so that both those who know the old and those who
// know the new key can verify.
//
// The head must be committed. What was signed can never be taken back.
func Sign(head Head, keys ...Key) ([]byte, error) {
	if !head.valid() || len(keys) == 0 {
		return nil, fmt.Errorf("signing size %d with %d keys: there must be such a head, and a key", head.Size, len(keys))
	}
	signers := make([]note.Signer, len(keys))
	for i, k := range keys {
		twice := slices.ContainsFunc(keys[:i], func(other Key) bool { return other.secret.Equal(k.secret) })
		if k.origin != keys[0].origin || len(k.secret) == 0 || twice {
			return nil, fmt.Errorf("%v is no key of the log %q, or given twice", k, keys[0].origin)
		}
		signers[i] = signer{k}
	}
	return note.Sign(&note.Note{Text: body(keys[0].origin, head)}, signers...)
}

// body writes the three lines of a checkpoint.
func body(origin string, head Head) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, head.Size, head.Root)
}

// parseBody reads the three lines of a checkpoint. More lines are refused: what
// would they say that a witness could check?
func parseBody(text string) (origin string, head Head, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 {
		return "", Head{}, fmt.Errorf("a checkpoint has three lines, this one %d", len(lines)-1)
	}
	size, err1 := strconv.ParseInt(lines[1], 10, 64)
	root, err2 := tlog.ParseHash(lines[2])
	head = Head{size, root}
	if err1 != nil || err2 != nil || CheckName(lines[0]) != nil || !head.valid() || body(lines[0], head) != text {
		return "", Head{}, fmt.Errorf("%.300q is no checkpoint: it must be an origin, a size and a root", text)
	}
	return lines[0], head, nil
}

// Trust is what somebody knows of a log before they read its checkpoints.
type Trust struct {
	Origin    string     // the log
	Keys      []Verifier // the log's keys, those of former times too
	Witnesses []Witness  // who is believed to have watched it
}

// A Checkpoint is a head that the log has signed.
type Checkpoint struct {
	Origin string
	Head
	Keys         []Verifier // the known keys that signed it, at least one
	Cosignatures []Cosignature
}

// A Cosignature tells when a trusted witness has seen the head, and that it was
// consistent with every other that the witness had seen of the log.
type Cosignature struct {
	Witness Witness
	Time    time.Time // in UTC, by the witness's clock
}

// Open reads a signed checkpoint and verifies it. It must be of the trusted log and
// be signed by one of its keys; signatures of unknown keys are passed over, as the
// format demands. A known key whose signature is wrong, or that signed twice,
// spoils the note.
func (t Trust) Open(msg []byte) (Checkpoint, error) {
	n, err := t.open(msg)
	if err != nil {
		return Checkpoint{}, err
	}
	origin, head, err := parseBody(n.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if origin != t.Origin {
		return Checkpoint{}, fmt.Errorf("the checkpoint is of the log %q, not of %q", origin, t.Origin)
	}
	c := Checkpoint{Origin: origin, Head: head}
	for _, s := range n.Sigs {
		if err := c.add(t, s); err != nil {
			return Checkpoint{}, err
		}
	}
	if len(c.Keys) == 0 {
		return Checkpoint{}, ErrUnsigned
	}
	return c, nil
}

// add files a verified signature with the key that made it.
func (c *Checkpoint) add(t Trust, s note.Signature) error {
	raw, err := base64.StdEncoding.Strict().DecodeString(s.Base64)
	if err != nil {
		return fmt.Errorf("the signature of %s is not in strict base64", s.Name)
	}
	if i := slices.IndexFunc(t.Keys, func(v Verifier) bool { return made(v, s) }); i >= 0 {
		c.Keys = append(c.Keys, t.Keys[i])
		return nil
	}
	i := slices.IndexFunc(t.Witnesses, func(w Witness) bool { return made(w, s) })
	at, err := cosigned(raw[4:])
	if i < 0 || err != nil {
		return errors.Join(ErrUnknownWitness, err)
	}
	c.Cosignatures = append(c.Cosignatures, Cosignature{t.Witnesses[i], at})
	return nil
}

// made reports whether a signature names a key.
func made(v note.Verifier, s note.Signature) bool {
	return v.Name() == s.Name && v.KeyHash() == s.Hash
}

// open verifies a note of any text.
func (t Trust) open(msg []byte) (*note.Note, error) {
	if len(msg) > maxNote {
		return nil, fmt.Errorf("a checkpoint has at most %d bytes, this one %d", maxNote, len(msg))
	}
	known, err := t.verifiers()
	if err != nil {
		return nil, err
	}
	n, err := note.Open(msg, known)
	if unverified := (*note.UnverifiedNoteError)(nil); errors.As(err, &unverified) {
		return nil, ErrUnsigned
	}
	if err != nil {
		return nil, fmt.Errorf("reading a checkpoint: %w", err)
	}
	// note.Open passes over a second signature of the same key without a look at it.
	if lines := bytes.Count(msg[len(n.Text):], []byte("\n")) - 1; lines != len(n.Sigs)+len(n.UnverifiedSigs) {
		return nil, ErrDuplicate
	}
	return n, nil
}

func (t Trust) verifiers() (note.Verifiers, error) {
	var list []note.Verifier
	for i, v := range t.Keys {
		if v.name != t.Origin {
			return nil, fmt.Errorf("%v is no key of the log %q", v, t.Origin)
		}
		if !slices.Contains(t.Keys[:i], v) {
			list = append(list, v)
		}
	}
	for i, w := range t.Witnesses {
		if !slices.Contains(t.Witnesses[:i], w) {
			list = append(list, w)
		}
	}
	return note.VerifierList(list...), nil
}

// AddCosignature returns the checkpoint with one more signature line, such as a
// witness answers with. The checkpoint must be good already; the line must be the
// cosignature of a trusted witness ([ErrUnknownWitness]) who has not yet cosigned
// it ([ErrDuplicate]). Whether its time is plausible, who has a clock decides.
func (t Trust) AddCosignature(msg, line []byte) ([]byte, error) {
	before, err := t.Open(msg)
	if err != nil {
		return nil, err
	}
	// A line with another inside could move the border between text and signatures.
	if bytes.IndexByte(line, '\n') != len(line)-1 {
		return nil, errors.New("a cosignature is one line, with its end")
	}
	text := body(before.Origin, before.Head)
	_, err = Trust{Witnesses: t.Witnesses}.open(slices.Concat([]byte(text), []byte("\n"), line))
	if errors.Is(err, ErrUnsigned) {
		return nil, ErrUnknownWitness
	}
	if err != nil {
		return nil, err
	}
	after := slices.Concat(msg, line)
	if _, err := t.Open(after); err != nil {
		return nil, err
	}
	return after, nil
}
