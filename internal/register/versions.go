package register

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
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
// archived beside it. It holds nothing about visitors.
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
	Time         string            `json:"time"` // RFC 3339, UTC: when it was put together
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

// Archive keeps artifacts and versions, and which version is active.
type Archive interface {
	// PutArtifact archives bytes under their hash. It is there once, whoever puts it.
	PutArtifact(ctx context.Context, h Hash, b []byte) error
	// Artifact returns archived bytes; ErrNoArtifact where there are none.
	Artifact(ctx context.Context, h Hash) ([]byte, error)
	// PutVersion lists evidence, which must be archived, as a version of a site.
	PutVersion(ctx context.Context, site string, evidence Hash) error
	// Versions returns the evidence of all versions of a site, the oldest first.
	Versions(ctx context.Context, site string) ([]Hash, error)
	// Active returns the version that is active; false for a site without one.
	Active(ctx context.Context, site string) (Hash, bool, error)
	// Activate makes a listed version the active one if the one before still is;
	// from is the zero Hash where there is none. It fails with ErrStale.
	Activate(ctx context.Context, site string, from, to Hash) error
}

var (
	// ErrNoArtifact says that nothing is archived under a hash.
	ErrNoArtifact = errors.New("nothing is archived under this hash")
	// ErrAltered says that what is archived is not what its hash says.
	ErrAltered = errors.New("what is archived is not what its hash says: the archive is damaged, or was altered")
)

// Publish archives the evidence of a version and lists it. It is not active yet:
// Activate makes it so, and only then are choices made on its notices.
func Publish(ctx context.Context, a Archive, site *policy.Site, manifest []byte, notices []Notice, code, author, approver string, at time.Time) (Hash, error) {
	if HashOf(manifest) != Hash(site.Hash) {
		return Hash{}, errors.New("the manifest is not the one that the site was made from")
	}
	e := Evidence{
		Format: EvidenceFormat, Site: site.ID, Version: site.Policy.Version, Manifest: Hash(site.Hash).String(), Fingerprints: map[string]string{},
		Notices: []NoticeShown{}, Code: code, Author: author, Approver: approver, Time: at.UTC().Format(time.RFC3339),
	}
	for _, k := range site.Categories {
		if k.NeedsConsent() {
			f := k.Fingerprint()
			e.Fingerprints[k.ID] = hex.EncodeToString(f[:])
		}
	}
	if err := a.PutArtifact(ctx, Hash(site.Hash), manifest); err != nil {
		return Hash{}, err
	}
	for _, n := range notices {
		h := HashOf(n.Bytes)
		if err := a.PutArtifact(ctx, h, n.Bytes); err != nil {
			return Hash{}, err
		}
		e.Notices = append(e.Notices, NoticeShown{h.String(), n.Language, n.Variant})
	}
	b, err := json.Marshal(e)
	if err != nil {
		return Hash{}, err
	}
	if err := a.PutArtifact(ctx, HashOf(b), b); err != nil {
		return Hash{}, err
	}
	return HashOf(b), a.PutVersion(ctx, site.ID, HashOf(b))
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

// A Version is a version of a site that was published.
type Version struct {
	Hash     Hash // of its evidence
	Evidence Evidence
	Site     *policy.Site
}

// Versions are the published versions of one site, and which one is active. All
// nodes serve the active one, whatever file they were started with. It is safe for
// concurrent use.
type Versions struct {
	archive Archive
	site    string

	mu       sync.RWMutex
	versions []*Version // the oldest first
	notices  map[Hash]*Version
	active   *Version
}

// NewVersions makes an index of a site's versions; Load fills it.
func NewVersions(a Archive, site string) *Versions {
	return &Versions{archive: a, site: site, notices: map[Hash]*Version{}}
}

// Load reads what is new in the archive. A version is compiled with those before
// it, so that it honours what was granted under them. After an error the index
// stands as it was.
func (v *Versions) Load(ctx context.Context) error {
	hashes, err := v.archive.Versions(ctx, v.site)
	if err != nil {
		return err
	}
	v.mu.RLock()
	versions := slices.Clone(v.versions)
	v.mu.RUnlock()
	for _, h := range hashes {
		if slices.ContainsFunc(versions, func(known *Version) bool { return known.Hash == h }) {
			continue
		}
		version, err := load(ctx, v.archive, v.site, h, versions)
		if err != nil {
			return fmt.Errorf("version %v of %s: %w", h, v.site, err)
		}
		versions = append(versions, version)
	}
	h, ok, err := v.archive.Active(ctx, v.site)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(versions, func(known *Version) bool { return known.Hash == h })
	if ok && at < 0 {
		return fmt.Errorf("the active version %v of %s is not listed: %w", h, v.site, ErrAltered)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.versions = versions
	for _, version := range versions { // of the same notice in two versions, the later counts
		for _, n := range version.Evidence.Notices {
			if h, err := parseHash(n.Hash); err == nil {
				v.notices[h] = version
			}
		}
	}
	if ok {
		v.active = versions[at]
		for _, n := range v.active.Evidence.Notices {
			if h, err := parseHash(n.Hash); err == nil {
				v.notices[h] = v.active
			}
		}
	}
	return nil
}

// load reads one version with the manifest that it names.
func load(ctx context.Context, a Archive, site string, h Hash, before []*Version) (*Version, error) {
	b, err := artifact(ctx, a, h)
	if err != nil {
		return nil, err
	}
	v := &Version{Hash: h}
	if err := json.Unmarshal(b, &v.Evidence); err != nil || v.Evidence.Format != EvidenceFormat || v.Evidence.Site != site {
		return nil, fmt.Errorf("it is no evidence of %s in the format %s", site, EvidenceFormat)
	}
	m, err := parseHash(v.Evidence.Manifest)
	if err != nil {
		return nil, err
	}
	manifest, err := artifact(ctx, a, m)
	if err != nil {
		return nil, err
	}
	var earlier []*policy.Site
	for _, e := range before {
		earlier = append(earlier, e.Site)
	}
	v.Site, err = policy.Parse(site+".yaml", manifest, earlier...)
	return v, err
}

// Active returns the version that is active, nil for none.
func (v *Versions) Active() *Version {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.active
}

// Shown returns the version whose notice was shown, nil for a notice that no
// version has: a choice on it cannot be kept.
func (v *Versions) Shown(notice Hash) *Version {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.notices[notice]
}

// All returns the versions, the oldest first.
func (v *Versions) All() []*Version {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.Clone(v.versions)
}
