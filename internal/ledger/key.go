package ledger

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Kinds of keys, as c2sp.org/signed-note numbers them.
const (
	kindLog     = 0x01 // Ed25519
	kindWitness = 0x04 // Ed25519, timestamped cosignature of a checkpoint
)

// maxName bounds the name of a log or a witness, in bytes.
const maxName = 255

// CheckName says why a text cannot name a log or a witness. A name is the address
// of the log without its scheme, such as "site.example/.temoin/log": not empty, no
// white space, no plus, no control character, at most 255 bytes.
func CheckName(name string) error {
	bad := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '+' }
	switch {
	case name == "":
		return errors.New("the name of a log is empty: give its address without https://")
	case len(name) > maxName:
		return fmt.Errorf("the name of a log has at most %d bytes, %.20q… has %d", maxName, name, len(name))
	case !utf8.ValidString(name) || strings.ContainsFunc(name, bad):
		return fmt.Errorf("%q cannot name a log: no white space, no plus and no control character may be in it", name)
	}
	return nil
}

// A Key signs the heads of one log. Printing it shows its public half only.
type Key struct {
	origin string
	secret ed25519.PrivateKey
}

// NewKey makes a key for the log of the given origin out of 32 bytes from random,
// which is crypto/rand.Reader outside of tests.
func NewKey(origin string, random io.Reader) (Key, error) {
	// Not ed25519.GenerateKey: it does not promise what it takes from random.
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return Key{}, fmt.Errorf("making a key: %w", err)
	}
	return Key{secret: ed25519.NewKeyFromSeed(seed)}.For(origin)
}

// For returns the same key under the name of another log, so that one secret can
// sign the logs of several sites. A signature is good for the named log only: the
// origin is part of what is signed.
func (k Key) For(origin string) (Key, error) {
	if err := CheckName(origin); err != nil {
		return Key{}, err
	}
	return Key{origin, k.secret}, nil
}

// ParseKey reads what [Key.Secret] wrote, without an end of line.
func ParseKey(text string) (Key, error) {
	// The text is secret: no error repeats any of it.
	malformed := errors.New("this is no private key of a log: it must be one line, PRIVATE+KEY+<name>+<id>+<base64>")
	rest, ok := strings.CutPrefix(text, "PRIVATE+KEY+")
	parts := strings.Split(rest, "+")
	if !ok || len(parts) < 3 {
		return Key{}, malformed
	}
	// Base64 can have a plus in it.
	raw, err := base64.StdEncoding.Strict().DecodeString(strings.Join(parts[2:], "+"))
	if err != nil || len(raw) != 1+ed25519.SeedSize || raw[0] != kindLog {
		return Key{}, malformed
	}
	k, err := Key{secret: ed25519.NewKeyFromSeed(raw[1:])}.For(parts[0])
	if err != nil || k.Secret() != text {
		return Key{}, malformed
	}
	return k, nil
}

// Secret writes the key as golang.org/x/mod/sumdb/note does:
// PRIVATE+KEY+<name>+<id>+<base64>. It is for a file that only its owner can read.
func (k Key) Secret() string {
	raw := append([]byte{kindLog}, k.secret.Seed()...)
	return fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", k.origin, k.Verifier().KeyHash(), base64.StdEncoding.EncodeToString(raw))
}

// Origin returns the name of the log that the key signs.
func (k Key) Origin() string { return k.origin }

// Verifier returns the public half of the key.
func (k Key) Verifier() Verifier {
	return Verifier{publicKey{k.origin, kindLog, [32]byte(k.secret[ed25519.SeedSize:])}}
}

// Format writes the public half, whatever the verb: no log line can show a secret.
func (k Key) Format(f fmt.State, _ rune) {
	if len(k.secret) == 0 {
		io.WriteString(f, "no key")
		return
	}
	io.WriteString(f, k.Verifier().String())
}

// signer makes a key a note.Signer, without showing that to others.
type signer struct{ Key }

func (s signer) Name() string                    { return s.origin }
func (s signer) KeyHash() uint32                 { return s.Verifier().KeyHash() }
func (s signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.secret, msg), nil }

// A Verifier is the public half of a log's key, a note.Verifier. It is comparable.
type Verifier struct{ publicKey }

// ParseVerifier reads a log's public key, <name>+<id>+<base64>.
func ParseVerifier(text string) (Verifier, error) {
	p, err := parsePublic(text, kindLog)
	return Verifier{p}, err
}

// Verify reports whether sig is the key's signature of a note's text.
func (v Verifier) Verify(text, sig []byte) bool {
	return ed25519.Verify(v.key[:], text, sig)
}

// A Witness is the public key of somebody else, who has seen that the log only
// grew and cosigns its checkpoints. It is a note.Verifier, and comparable.
type Witness struct{ publicKey }

// ParseWitness reads a witness's public key, <name>+<id>+<base64>, of the kind that
// c2sp.org/tlog-cosignature has for Ed25519.
func ParseWitness(text string) (Witness, error) {
	p, err := parsePublic(text, kindWitness)
	return Witness{p}, err
}

// Verify reports whether sig, a time and a signature, is the witness's cosignature
// of a checkpoint's text.
func (w Witness) Verify(text, sig []byte) bool {
	at, err := cosigned(sig)
	return err == nil && ed25519.Verify(w.key[:], cosignedText(at, text), sig[8:])
}

// maxTime is the end of the year 9999, the last that a date is written in.
const maxTime = 253402300799

// cosigned returns the time of a cosignature: eight bytes before the signature,
// seconds since 1970.
func cosigned(sig []byte) (time.Time, error) {
	if len(sig) != 8+ed25519.SignatureSize {
		return time.Time{}, fmt.Errorf("a cosignature has %d bytes, this one %d", 8+ed25519.SignatureSize, len(sig))
	}
	at := binary.BigEndian.Uint64(sig)
	if at == 0 || at > maxTime {
		return time.Time{}, errors.New("the cosignature has no time")
	}
	return time.Unix(int64(at), 0).UTC(), nil
}

// cosignedText returns what a witness signs.
func cosignedText(at time.Time, text []byte) []byte {
	return append(fmt.Appendf(nil, "cosignature/v1\ntime %d\n", at.Unix()), text...)
}

// publicKey is an Ed25519 key with the name and the kind that it signs as.
type publicKey struct {
	name string
	kind byte
	key  [ed25519.PublicKeySize]byte
}

func parsePublic(text string, kind byte) (publicKey, error) {
	malformed := fmt.Errorf("%.80q is no public key of kind %d: it must be one line, <name>+<id>+<base64>", text, kind)
	parts := strings.SplitN(text, "+", 3)
	if len(parts) != 3 || CheckName(parts[0]) != nil {
		return publicKey{}, malformed
	}
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(raw) != 1+ed25519.PublicKeySize {
		return publicKey{}, malformed
	}
	p := publicKey{parts[0], kind, [ed25519.PublicKeySize]byte(raw[1:])}
	if p.String() != text { // another kind, another id, or another way to write the same
		return publicKey{}, malformed
	}
	return p, nil
}

// Name returns whose key it is: the log's origin, or the witness's name.
func (p publicKey) Name() string { return p.name }

// KeyHash returns the key's id: with the name, it says which key made a signature.
func (p publicKey) KeyHash() uint32 {
	h := sha256.New()
	io.WriteString(h, p.name+"\n")
	h.Write(p.encoded())
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// String writes the key: <name>+<id>+<base64>.
func (p publicKey) String() string {
	return fmt.Sprintf("%s+%08x+%s", p.name, p.KeyHash(), base64.StdEncoding.EncodeToString(p.encoded()))
}

func (p publicKey) encoded() []byte { return append([]byte{p.kind}, p.key[:]...) }
