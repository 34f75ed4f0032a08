package register

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/temoin/temoin/policy"
)

// A Version is a version of a site that was published.
type Version struct {
	Hash      Hash // of its evidence
	Published time.Time
	Evidence  Evidence
	Site      *policy.Site
}

// Versions are the published versions of one site, and which one is active. All
// nodes serve the active one, whatever file they were started with. It is safe for
// concurrent use.
type Versions struct {
	archive Archive
	site    string
	loading sync.Mutex // one Load at a time, so that none brings back what another replaced

	mu       sync.RWMutex
	versions []*Version // the oldest first
	notices  map[Hash]*Version
	active   *Version
	unread   []error
}

// NewVersions makes an index of a site's versions; Load fills it.
func NewVersions(a Archive, site string) *Versions {
	return &Versions{archive: a, site: site, notices: map[Hash]*Version{}}
}

// Load reads what is new in the archive. A version is compiled with those before
// it, so that it honours what was granted under them. A version that cannot be
// read, since it is damaged or a newer program's, is left out: see Unread. Where
// the active one is such, or the archive does not answer, Load fails and the index
// stands as it was.
func (v *Versions) Load(ctx context.Context) error {
	v.loading.Lock()
	defer v.loading.Unlock()
	// In this order: what is active is listed.
	active, ok, err := v.archive.Active(ctx, v.site)
	if err != nil {
		return err
	}
	listed, err := v.archive.Versions(ctx, v.site)
	if err != nil {
		return err
	}
	versions, unread, err := v.read(ctx, listed)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(versions, func(known *Version) bool { return known.Hash == active })
	if ok && at < 0 {
		if !slices.ContainsFunc(listed, func(l Listed) bool { return l.Evidence == active }) {
			unread = []error{ErrAltered}
		}
		return fmt.Errorf("the active version %v of %s: %w", active, v.site, errors.Join(unread...))
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.versions, v.unread, v.active = versions, unread, nil
	v.notices = map[Hash]*Version{}
	for _, version := range versions { // of the same notice in two versions, the later counts
		v.index(version)
	}
	if ok {
		v.active = versions[at]
		v.index(v.active)
	}
	return nil
}

// index lets the notices of a version lead to it.
func (v *Versions) index(version *Version) {
	for _, n := range version.Evidence.Notices {
		if h, err := parseHash(n.Hash); err == nil {
			v.notices[h] = version
		}
	}
}

// read reads the versions of a list that are not known yet, and tells which of
// them cannot be read.
func (v *Versions) read(ctx context.Context, listed []Listed) (versions []*Version, unread []error, err error) {
	known := map[Hash]*Version{}
	for _, version := range v.All() {
		known[version.Hash] = version
	}
	for _, l := range listed {
		version := known[l.Evidence]
		if version == nil {
			version, err = load(ctx, v.archive, v.site, l, versions)
		}
		if err != nil && !lasting(err) {
			return nil, nil, err
		}
		if err != nil {
			unread, err = append(unread, err), nil
			continue
		}
		versions = append(versions, version)
	}
	return versions, unread, nil
}

// load reads one version with the manifest that it names.
func load(ctx context.Context, a Archive, site string, l Listed, before []*Version) (*Version, error) {
	v := &Version{Hash: l.Evidence, Published: l.At}
	var err error
	if v.Evidence, err = readEvidence(ctx, a, site, l.Evidence); err != nil {
		return nil, err
	}
	m, err := parseHash(v.Evidence.Manifest)
	if err != nil {
		return nil, fmt.Errorf("version %v: %w: %w", l.Evidence, errForeign, err)
	}
	manifest, err := artifact(ctx, a, m)
	if err != nil {
		return nil, fmt.Errorf("version %v: the manifest %w", l.Evidence, err)
	}
	var earlier []*policy.Site
	for _, e := range before {
		earlier = append(earlier, e.Site)
	}
	if v.Site, err = policy.Parse(site+".yaml", manifest, earlier...); err != nil {
		return nil, fmt.Errorf("version %v: %w: %w", l.Evidence, errForeign, err)
	}
	return v, nil
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

// Language returns the language of one of the version's notices; "" for another's.
func (v *Version) Language(notice Hash) string {
	hash := notice.String()
	for _, n := range v.Evidence.Notices {
		if n.Hash == hash {
			return n.Language
		}
	}
	return ""
}

// firstLayer is the variant of a notice that asks about everything (internal/notice).
const firstLayer = "notice"

// Notice reads the notice of the active version in a language, or in the first one
// that it has where there is none in it; nil for a version without notices.
func (v *Versions) Notice(ctx context.Context, language string) (*Notice, error) {
	active := v.Active()
	if active == nil || len(active.Evidence.Notices) == 0 {
		return nil, nil
	}
	fits := func(i int) (points int) {
		if active.Evidence.Notices[i].Language == language {
			points += 2
		}
		if active.Evidence.Notices[i].Variant == firstLayer {
			points++
		}
		return points
	}
	best := 0
	for i := range active.Evidence.Notices {
		if fits(i) > fits(best) {
			best = i
		}
	}
	shown := active.Evidence.Notices[best]
	h, err := parseHash(shown.Hash)
	if err != nil {
		return nil, err
	}
	b, err := artifact(ctx, v.archive, h)
	if err != nil {
		return nil, fmt.Errorf("the notice %w", err)
	}
	return &Notice{Language: shown.Language, Variant: shown.Variant, Bytes: b}, nil
}

// Unread tells of versions that the last Load left out. A choice on a notice of
// theirs cannot be kept, and a later version does not honour what was granted under
// them: visitors are asked again.
func (v *Versions) Unread() []error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.Clone(v.unread)
}

// All returns the versions, the oldest first.
func (v *Versions) All() []*Version {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.Clone(v.versions)
}
