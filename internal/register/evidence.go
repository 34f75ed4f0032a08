package register

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/temoin/temoin/policy"
)

// EvidenceFormat is the name and version of the format of evidence.
const EvidenceFormat = "temoin-evidence/1"

// A Hash names bytes that are archived: their SHA-256.
type Hash [sha256.Size]byte

// String writes the hash in hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// HashOf is the hash of bytes.
func HashOf(b []byte) Hash { return sha256.Sum256(b) }

// parseHash reads a hash in hex.
func parseHash(s string) (Hash, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != sha256.Size {
		return Hash{}, fmt.Errorf("%.80q is no SHA-256 in hex", s)
	}
	return Hash(b), nil
}

// Evidence is what shows how one version of a site asked for consent: the manifest,
// the exact notices, the code, and who answers for them. What it names by hash is
// archived beside it. It holds nothing about visitors, and no time: whoever puts the
// same together again, on any node, has the same bytes. When a version was listed
// and when it was active stands in the archive's lists.
type Evidence struct {
	Format       string            `json:"format"`
	Site         string            `json:"site"`
	Version      string            `json:"version"`
	Manifest     string            `json:"manifest"`     // hash
	Fingerprints map[string]string `json:"fingerprints"` // by category, hex
	Notices      []NoticeShown     `json:"notices"`
	Code         string            `json:"code"`
	Author       string            `json:"author,omitempty"`
	Approver     string            `json:"approver,omitempty"`
}

// A NoticeShown is the notice in one language and variant.
type NoticeShown struct {
	Hash     string `json:"hash"`
	Language string `json:"language"`
	Variant  string `json:"variant,omitempty"`
}

// A Notice is the canonical bytes of a notice.
type Notice struct {
	Language, Variant string
	Bytes             []byte
}

// Archive keeps artifacts and versions, and which version was active when. Nothing
// in it is changed or removed. Times are kept to the second.
type Archive interface {
	// PutArtifact archives bytes under their hash. They are there once, whoever puts
	// them. It fails with ErrAltered where they have another hash, and with
	// ErrTooLarge where they are empty or longer than MaxArtifact.
	PutArtifact(ctx context.Context, h Hash, b []byte) error
	// Artifact returns archived bytes; ErrNoArtifact where there are none.
	Artifact(ctx context.Context, h Hash) ([]byte, error)
	// PutVersion lists evidence as a version of a site, once. It, and all that it
	// names, must be archived: see Confirm.
	PutVersion(ctx context.Context, site string, evidence Hash, at time.Time) error
	// Versions returns all versions of a site, the oldest first.
	Versions(ctx context.Context, site string) ([]Listed, error)
	// Active returns the version that is active; false for a site without one.
	Active(ctx context.Context, site string) (Hash, bool, error)
	// Activate makes a listed version the active one if the one before still is;
	// from is the zero Hash where there is none. It fails with ErrSuperseded where
	// another is active, with ErrNotListed, and where Confirm does. To activate what
	// is active changes nothing.
	Activate(ctx context.Context, site string, from Hash, to Activation) error
	// Activations returns which versions of a site were activated, in that order: the
	// last one is active.
	Activations(ctx context.Context, site string) ([]Activation, error)
	// Generation returns a number that is another one after each change of a version
	// list or of an active version, of whatever site. What is read after it is at
	// least as new.
	Generation(ctx context.Context) (int64, error)
}

// A Listed is a version in the archive's list.
type Listed struct {
	Evidence Hash
	At       time.Time // when it was listed
}

// An Activation is a version that was made the active one.
type Activation struct {
	Evidence Hash
	At       time.Time
	By       string // who did it; a node by itself says so
}

// What the archive takes.
const (
	MaxArtifact = 4 << 20 // bytes of a manifest, a notice or evidence
	MaxNotices  = 1000    // languages and variants of one version
	maxName     = 500     // bytes of an author, an approver, a version of the code
)

var (
	// ErrNoArtifact says that nothing is archived under a hash.
	ErrNoArtifact = errors.New("nothing is archived under this hash")
	// ErrAltered says that what is archived is not what its hash says.
	ErrAltered = errors.New("what is archived is not what its hash says: the archive is damaged, or was altered")
	// ErrTooLarge says that something cannot be archived for its size.
	ErrTooLarge = fmt.Errorf("what is archived has at least one byte and at most %d", MaxArtifact)
	// ErrNotListed says that a version is none of the site's.
	ErrNotListed = errors.New("the site has no such version: publish it first")
	// ErrSuperseded says that another version is active than the one to be replaced.
	ErrSuperseded = errors.New("another version was activated meanwhile: look which one is active, and decide again")
	// errForeign says that a version was not written for this program.
	errForeign = errors.New("this program cannot read it")
)

// CheckArtifact tells why bytes cannot be archived under a hash: for an Archive.
func CheckArtifact(h Hash, b []byte) error {
	if len(b) == 0 || len(b) > MaxArtifact {
		return fmt.Errorf("%w: these are %d", ErrTooLarge, len(b))
	}
	if HashOf(b) != h {
		return fmt.Errorf("%v: %w", h, ErrAltered)
	}
	return nil
}

// Confirm reads evidence of a site and everything that it names: for an Archive,
// before it lists or activates a version.
func Confirm(ctx context.Context, a Archive, site string, evidence Hash) error {
	e, err := readEvidence(ctx, a, site, evidence)
	if err != nil {
		return err
	}
	names := []string{e.Manifest}
	for _, n := range e.Notices {
		names = append(names, n.Hash)
	}
	for _, name := range names {
		h, err := parseHash(name)
		if err != nil {
			return err
		}
		if _, err := artifact(ctx, a, h); err != nil {
			return fmt.Errorf("version %v of %s: %w", evidence, site, err)
		}
	}
	return nil
}

// Publish archives the evidence of a version and lists it. It is not active yet:
// Activate, or Introduce, makes it so. What is listed already, with the same
// manifest, notices and code, is not listed again: Publish returns it, with its
// author and approver. Only another name than theirs makes it another version; no
// name is none.
func Publish(ctx context.Context, a Archive, site *policy.Site, manifest []byte, notices []Notice, code, author, approver string, at time.Time) (Hash, error) {
	e, err := newEvidence(site, manifest, notices, code, author, approver)
	if err != nil {
		return Hash{}, err
	}
	b, err := json.Marshal(e)
	if err != nil {
		return Hash{}, err
	}
	before, found, err := published(ctx, a, e, HashOf(b))
	if err != nil || found {
		return before, err
	}
	if err := a.PutArtifact(ctx, Hash(site.Hash), manifest); err != nil {
		return Hash{}, err
	}
	for _, n := range notices {
		if err := a.PutArtifact(ctx, HashOf(n.Bytes), n.Bytes); err != nil {
			return Hash{}, err
		}
	}
	if err := a.PutArtifact(ctx, HashOf(b), b); err != nil {
		return Hash{}, err
	}
	return HashOf(b), a.PutVersion(ctx, site.ID, HashOf(b), at)
}

// newEvidence puts evidence together, with the notices in the order of their
// languages and variants.
func newEvidence(site *policy.Site, manifest []byte, notices []Notice, code, author, approver string) (Evidence, error) {
	if HashOf(manifest) != Hash(site.Hash) {
		return Evidence{}, errors.New("the manifest is not the one that the site was made from")
	}
	for what, name := range map[string]string{"the code's version": code, "the author": author, "the approver": approver} {
		if len(name) > maxName {
			return Evidence{}, fmt.Errorf("%s is %d bytes long: at most %d are kept", what, len(name), maxName)
		}
	}
	shown, err := noticesShown(notices)
	if err != nil {
		return Evidence{}, err
	}
	e := Evidence{
		Format: EvidenceFormat, Site: site.ID, Version: site.Policy.Version, Manifest: Hash(site.Hash).String(), Fingerprints: map[string]string{},
		Notices: shown, Code: code, Author: author, Approver: approver,
	}
	for _, k := range site.Categories {
		if k.NeedsConsent() {
			f := k.Fingerprint()
			e.Fingerprints[k.ID] = hex.EncodeToString(f[:])
		}
	}
	return e, nil
}

// noticesShown names notices by their hashes, each language and variant once.
func noticesShown(notices []Notice) ([]NoticeShown, error) {
	if len(notices) > MaxNotices {
		return nil, fmt.Errorf("there are %d notices: at most %d belong to one version", len(notices), MaxNotices)
	}
	shown := []NoticeShown{}
	for _, n := range notices {
		if err := CheckArtifact(HashOf(n.Bytes), n.Bytes); err != nil {
			return nil, fmt.Errorf("the notice in %q, variant %q: %w", n.Language, n.Variant, err)
		}
		shown = append(shown, NoticeShown{HashOf(n.Bytes).String(), n.Language, n.Variant})
	}
	slices.SortFunc(shown, compareShown)
	for i := 1; i < len(shown); i++ {
		if n := shown[i]; compareShown(shown[i-1], n) == 0 {
			return nil, fmt.Errorf("there are two notices in %q, variant %q", n.Language, n.Variant)
		}
	}
	return shown, nil
}

// compareShown orders by language and variant.
func compareShown(a, b NoticeShown) int {
	return cmp.Or(strings.Compare(a.Language, b.Language), strings.Compare(a.Variant, b.Variant))
}

// published returns the version that is listed with this evidence, or else the
// latest one that is the same but for names which the evidence leaves out.
func published(ctx context.Context, a Archive, e Evidence, own Hash) (Hash, bool, error) {
	listed, err := a.Versions(ctx, e.Site)
	if err != nil {
		return Hash{}, false, err
	}
	if slices.ContainsFunc(listed, func(l Listed) bool { return l.Evidence == own }) {
		return own, true, nil
	}
	for _, l := range slices.Backward(listed) {
		before, err := readEvidence(ctx, a, e.Site, l.Evidence)
		if err != nil && !lasting(err) {
			return Hash{}, false, err
		}
		if err == nil && e.sameAs(before) {
			return l.Evidence, true, nil
		}
	}
	return Hash{}, false, nil
}

// sameAs reports whether evidence is of the same version as one before: who
// answers for it is not said again.
func (e Evidence) sameAs(before Evidence) bool {
	return e.Manifest == before.Manifest && e.Code == before.Code && slices.Equal(e.Notices, before.Notices) && maps.Equal(e.Fingerprints, before.Fingerprints) &&
		(e.Author == "" || e.Author == before.Author) && (e.Approver == "" || e.Approver == before.Approver)
}

// Introduce activates a published version, unless it was active before: a node that
// is started with a new file brings it into force, and one that is started with an
// older file does not bring that back. It returns the version that is active.
func Introduce(ctx context.Context, a Archive, site string, evidence Hash, at time.Time, by string) (Hash, error) {
	history, err := a.Activations(ctx, site)
	if err != nil {
		return Hash{}, err
	}
	var active Hash
	for _, h := range history {
		active = h.Evidence
	}
	if slices.ContainsFunc(history, func(h Activation) bool { return h.Evidence == evidence }) {
		return active, nil
	}
	err = a.Activate(ctx, site, active, Activation{evidence, at, by})
	if errors.Is(err, ErrSuperseded) { // another node was quicker
		active, _, err = a.Active(ctx, site)
		return active, err
	}
	return evidence, err
}

// artifact reads archived bytes and compares them with their hash.
func artifact(ctx context.Context, a Archive, h Hash) ([]byte, error) {
	b, err := a.Artifact(ctx, h)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", h, err)
	}
	if HashOf(b) != h {
		return nil, fmt.Errorf("%v: %w", h, ErrAltered)
	}
	return b, nil
}

// readEvidence reads the evidence of a site's version.
func readEvidence(ctx context.Context, a Archive, site string, h Hash) (Evidence, error) {
	b, err := artifact(ctx, a, h)
	if err != nil {
		return Evidence{}, fmt.Errorf("version %w", err)
	}
	var e Evidence
	if err := json.Unmarshal(b, &e); err != nil || e.Format != EvidenceFormat || e.Site != site {
		return Evidence{}, fmt.Errorf("version %v: it is no evidence of %s in the format %s: %w", h, site, EvidenceFormat, errForeign)
	}
	return e, nil
}

// lasting reports whether what an error says stays so, however often one reads.
func lasting(err error) bool {
	return errors.Is(err, ErrNoArtifact) || errors.Is(err, ErrAltered) || errors.Is(err, errForeign)
}
