// Package ledger is the log of the register: a Merkle tree over entries of 32
// bytes that only ever grows, the tiles that hold it, proofs, and the signed notes
// that tell its heads.
//
// It is pure: no clock, no disk, no network. What is stored comes through a
// [Reader], randomness through an [io.Reader]. All values are safe for concurrent
// use as long as nobody changes the bytes they were given.
//
// An entry is SHA-256(salt ‖ canonical record), so that it says nothing about the
// record to those who do not hold the salt. The tree over the entries is that of
// RFC 6962; tiles, paths and bundles are those of c2sp.org/tlog-tiles, heads are
// told as c2sp.org/tlog-checkpoint in a c2sp.org/signed-note, witnesses sign as
// c2sp.org/tlog-cosignature says for Ed25519. Whoever knows these formats needs
// nothing of this package to verify a receipt; testdata/README.md has test vectors.
//
// What holds:
//
//   - Heads, tiles and proofs are those of golang.org/x/mod/sumdb/tlog
//     (TestEveryHeadAndTileIsWhatTheReferenceComputes and its neighbours).
//   - Nothing read is believed. [Load], [Inclusion] and [Consistency] give what
//     makes up the head that the caller knows, or an error; a row that is torn,
//     short or of another place never leads to another root
//     (TestADamagedRowIsAnErrorAndNeverAnotherRoot).
//   - Parsers take the one form that the package writes, within fixed bounds, and
//     nothing hangs or panics on what strangers send (the fuzz tests).
//   - A checkpoint counts only if a known key of the log named in it has signed it;
//     one wrong signature of a known key spoils the whole note.
//
// What does not hold by itself:
//
//   - The package does not remember what it signed. Whoever calls [Sign] must have
//     committed the head before, and must never sign a smaller or another tree:
//     that is the compare-and-swap of the log's size and root in the transaction
//     that writes the tiles.
//   - A signature protects against third parties, not against the operator who
//     holds the key. Against the operator there are witnesses and anchors outside.
package ledger

import (
	"crypto/sha256"
	"errors"

	"golang.org/x/mod/sumdb/tlog"
)

// Sizes, in bytes where nothing else is said.
const (
	SaltSize  = 16  // 128 random bits: nobody can try the records that a salt may hide
	EntrySize = 32  // one SHA-256
	HashSize  = 32  // one SHA-256
	TileWidth = 256 // hashes in a full tile

	// MaxSize bounds the entries of a log, so that sizes are exact in JavaScript
	// and the arithmetic of proofs, also of forged ones, cannot overflow.
	MaxSize = 1 << 48
)

var (
	// ErrDamaged says that stored tiles, or an entry, do not make up the head they
	// were read for: nothing may be signed until it is known why.
	ErrDamaged = errors.New("what is stored of the log does not make up its head: sign nothing, and restore the log from a backup that does")

	// ErrProof says that a proof does not prove what is claimed.
	ErrProof = errors.New("the proof does not lead to the root of the log")
)

// A Hash is a node of the tree: SHA-256, written in base64 as text and in JSON.
type Hash = tlog.Hash

// A Salt keeps a record from being guessed from its entry. It is random, of one
// record only, and destroyed with it. Its length is fixed because the entry hashes
// salt and record without a mark between them.
type Salt [SaltSize]byte

// An Entry is what the log holds of a record.
type Entry [EntrySize]byte

// NewEntry returns SHA-256(salt ‖ canonical) for the canonical bytes of a record.
func NewEntry(salt Salt, canonical []byte) Entry {
	h := sha256.New()
	h.Write(salt[:])
	h.Write(canonical)
	var e Entry
	h.Sum(e[:0])
	return e
}

// Leaf returns the hash of the entry as a leaf of the tree, SHA-256(0x00 ‖ entry).
func (e Entry) Leaf() Hash {
	// The same as tlog.RecordHash(e[:]), without allocating.
	var b [1 + EntrySize]byte
	copy(b[1:], e[:])
	return sha256.Sum256(b[:])
}

// A Head is a state of the log: how many entries it has, and the root of the tree
// over them. A store keeps both, and moves both at once.
type Head struct {
	Size int64
	Root Hash
}

// Empty returns the head of a log without entries: RFC 6962 takes the hash of
// nothing for its root.
func Empty() Head { return Head{Root: sha256.Sum256(nil)} }

// valid reports whether there can be such a head.
func (h Head) valid() bool {
	return h.Size > 0 && h.Size <= MaxSize || h == Empty()
}
