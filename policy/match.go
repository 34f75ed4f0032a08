package policy

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// ---- names of trackers

// A namePattern is an exact name, or a prefix and a suffix around one "*" that
// stands for one character or more.
type namePattern struct {
	prefix, suffix string
	wild           bool
}

func compilePattern(name string) namePattern {
	prefix, suffix, wild := strings.Cut(name, "*")
	return namePattern{prefix, suffix, wild}
}

func (p namePattern) matches(name string) bool {
	if !p.wild {
		return p.prefix != "" && name == p.prefix
	}
	return len(name) > len(p.prefix)+len(p.suffix) && strings.HasPrefix(name, p.prefix) && strings.HasSuffix(name, p.suffix)
}

// overlaps reports whether some name matches both patterns.
func (p namePattern) overlaps(q namePattern) bool {
	switch {
	case !p.wild:
		return q.matches(p.prefix) || !q.wild && p.prefix == q.prefix
	case !q.wild:
		return p.matches(q.prefix)
	}
	return (strings.HasPrefix(p.prefix, q.prefix) || strings.HasPrefix(q.prefix, p.prefix)) &&
		(strings.HasSuffix(p.suffix, q.suffix) || strings.HasSuffix(q.suffix, p.suffix))
}

// takesIn reports whether whatever the other pattern matches is matched by p.
func (p namePattern) takesIn(q namePattern) bool {
	switch {
	case !p.wild:
		return !q.wild && p.prefix == q.prefix
	case !q.wild:
		return p.matches(q.prefix)
	}
	return strings.HasPrefix(q.prefix, p.prefix) && strings.HasSuffix(q.suffix, p.suffix)
}

// A nameIndex finds the tracker of a key. Exact names come before patterns, and
// of several patterns the one with the longest prefix wins.
type nameIndex struct {
	exact    map[nameKey]*Tracker
	patterns map[Storage][]patternEntry // sorted by prefix
}

type nameKey struct {
	storage Storage
	name    string
}

type patternEntry struct {
	namePattern
	tracker *Tracker
	// up is the index of the nearest entry before whose prefix is a prefix of
	// this one's, -1 for none: the next candidate when this one does not match.
	up int
}

func indexNames(trackers []*Tracker) nameIndex {
	idx := nameIndex{map[nameKey]*Tracker{}, map[Storage][]patternEntry{}}
	for _, t := range trackers {
		if t.pattern.wild {
			idx.patterns[t.Storage] = append(idx.patterns[t.Storage], patternEntry{namePattern: t.pattern, tracker: t})
		} else if t.Name != "" && (idx.exact[nameKey{t.Storage, t.Name}] == nil || t.Party == FirstParty) {
			idx.exact[nameKey{t.Storage, t.Name}] = t
		}
		for _, a := range t.Also {
			if _, taken := idx.exact[nameKey{t.Storage, a}]; !taken {
				idx.exact[nameKey{t.Storage, a}] = t
			}
		}
	}
	for _, ps := range idx.patterns {
		sort.SliceStable(ps, func(i, j int) bool {
			if ps[i].prefix != ps[j].prefix {
				return ps[i].prefix < ps[j].prefix
			}
			return len(ps[i].suffix) < len(ps[j].suffix) // the last one is tried first
		})
		for i := range ps {
			ps[i].up = i - 1
			for j := ps[i].up; j >= 0 && !strings.HasPrefix(ps[i].prefix, ps[j].prefix); j = ps[i].up {
				ps[i].up = ps[j].up
			}
		}
	}
	return idx
}

func (idx *nameIndex) find(storage Storage, name string) *Tracker {
	if t := idx.exact[nameKey{storage, name}]; t != nil {
		return t
	}
	ps := idx.patterns[storage]
	// The last entry whose prefix is not after name; all prefixes of name stand
	// on the chain that leads up from there.
	lo, hi := 0, len(ps)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if ps[mid].prefix <= name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for i := lo - 1; i >= 0; i = ps[i].up {
		if ps[i].matches(name) {
			return ps[i].tracker
		}
	}
	return nil
}

// TrackerNamed returns the declared tracker that a key found in that storage
// is, nil if it is undeclared. It allocates nothing.
func (s *Site) TrackerNamed(storage Storage, name string) *Tracker {
	return s.names.find(storage, name)
}

// ---- hosts of services

const (
	maxHostPath     = 400
	hostPathPattern = `^(\*\.)?` + hostName + `(/[^ ?#*\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*)?$`
)

// hostPath is a host, a pattern of its subdomains, or one of them with a path.
func hostPath(dst *string) shape {
	return scalarShape{what: "a host", fix: `a host such as "js.stripe.com", "*.stripe.com" or "www.google.com/recaptcha/" (no https://)`,
		json: matchingUpTo(maxHostPath, hostPathPattern), set: func(s string) error {
			h := ParseHost(s)
			if len(s) > maxHostPath || !isHost(h.Name) || strings.ContainsAny(h.Path, "?#* ") || strings.ContainsFunc(s, isHidden) {
				return fmt.Errorf("%q is not a host", shorten(s))
			}
			// Suffixes that companies share out (googleapis.com) can be one service's.
			if suffix, registry := publicsuffix.PublicSuffix(h.Name); suffix == h.Name && h.Below && (registry || !strings.Contains(suffix, ".")) {
				return fmt.Errorf("%q takes in every site under %s", shorten(s), h.Name)
			}
			*dst = s
			return nil
		}}
}

// A HostPattern is one line of a service's hosts, taken apart. Two are equal
// exactly when each covers what the other does.
type HostPattern struct {
	Name  string // "stripe.com", in ASCII and small letters
	Below bool   // its subdomains, not itself
	Path  string // the beginning of the paths: "/recaptcha/"; "" for all
}

// ParseHost takes apart a host as the manifest writes it: "example.com",
// "*.example.com", "www.example.com/path/". It checks nothing: the hosts of a
// Site are sound.
func ParseHost(s string) HostPattern {
	name, path, found := strings.Cut(s, "/")
	if found && path != "" { // "example.com/" is all of example.com
		path = "/" + path
	}
	name, below := strings.CutPrefix(name, "*.")
	return HostPattern{name, below, path}
}

// Covers reports whether the pattern takes in the host as a whole.
func (h HostPattern) Covers(host string) bool {
	if h.Below {
		return strings.HasSuffix(host, "."+h.Name)
	}
	return host == h.Name
}

// A hostIndex finds what is declared for a host and path.
type hostIndex[T comparable] struct {
	exact, below map[string][]hostRule[T] // longest path first
}

type hostRule[T comparable] struct {
	path   string
	values []T
}

func newHostIndex[T comparable]() hostIndex[T] {
	return hostIndex[T]{map[string][]hostRule[T]{}, map[string][]hostRule[T]{}}
}

func (idx *hostIndex[T]) add(host string, value T) {
	h := ParseHost(host)
	m := idx.exact
	if h.Below {
		m = idx.below
	}
	rules := m[h.Name]
	i := slices.IndexFunc(rules, func(r hostRule[T]) bool { return r.path == h.Path })
	if i < 0 {
		i = len(rules)
		rules = append(rules, hostRule[T]{path: h.Path})
	}
	if !slices.Contains(rules[i].values, value) { // "a.example" and "a.example/" are one
		rules[i].values = append(rules[i].values, value)
	}
	slices.SortStableFunc(rules, func(a, b hostRule[T]) int { return len(b.path) - len(a.path) })
	m[h.Name] = rules
}

func (idx *hostIndex[T]) find(host, path string) []T {
	var buf [254]byte
	n := len(host)
	if n > 0 && host[n-1] == '.' {
		n--
	}
	if n == 0 || n > 253 {
		return nil
	}
	for i := range n {
		c := host[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	name := buf[:n]
	if values := match(idx.exact[string(name)], path); values != nil {
		return values
	}
	for i, c := range name {
		if c == '.' {
			if values := match(idx.below[string(name[i+1:])], path); values != nil {
				return values
			}
		}
	}
	return nil
}

func match[T comparable](rules []hostRule[T], path string) []T {
	for i := range rules {
		if strings.HasPrefix(path, rules[i].path) {
			return rules[i].values
		}
	}
	return nil
}

func indexHosts(services []*Service) hostIndex[*Service] {
	idx := newHostIndex[*Service]()
	for _, v := range services {
		for _, h := range v.Hosts {
			idx.add(h, v)
		}
	}
	return idx
}

// ServicesAt returns the services reached at a host and path: those of the most
// exact declaration. The host is as a URL parser returns it, without port;
// capital letters and a trailing dot are understood, names in other scripts
// must come in ASCII. It allocates nothing, and the result must not be changed.
func (s *Site) ServicesAt(host, path string) []*Service { return s.hosts.find(host, path) }

// TrustedAt returns the reason why a third party's host is trusted at a path,
// nil if it is not. Host and path are as for ServicesAt.
func (s *Site) TrustedAt(host, path string) *TrustedHost {
	if found := s.trusted.find(host, path); found != nil {
		return found[0]
	}
	return nil
}

// ServicesIn returns the services that an inline script belongs to, by the
// snippets that they are known by.
func (s *Site) ServicesIn(script string) []*Service {
	var found []*Service
	for _, v := range s.Services {
		if slices.ContainsFunc(v.Snippets, func(snippet string) bool { return strings.Contains(script, snippet) }) {
			found = append(found, v)
		}
	}
	return found
}

// LoadsAt reports whether a service that loads on use may be contacted on a
// page of the site: "/checkout" stands for itself and what is below it.
func (s *Service) LoadsAt(page string) bool {
	return s.Loads == LoadsOnUse && slices.ContainsFunc(s.Paths, func(p string) bool {
		rest, ok := strings.CutPrefix(page, p)
		return ok && (rest == "" || rest[0] == '/' || strings.HasSuffix(p, "/"))
	})
}

// registrable returns the registrable domain of a host: "example.co.uk" for
// "www.example.co.uk"; the host itself where it has none (an address, localhost).
func registrable(host string) string {
	d, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return host
	}
	return d
}

// Serves reports whether host is a host of the site, by name.
func (s *Site) Serves(host string) bool {
	host = strings.TrimSuffix(host, ".")
	return strings.EqualFold(host, s.Host) || slices.ContainsFunc(s.Hosts, func(own string) bool { return strings.EqualFold(host, own) })
}

// OwnsHost reports whether host is one of the site's own: declared, or under
// the registrable domain of one that is. It allocates nothing.
func (s *Site) OwnsHost(host string) bool {
	host = strings.TrimSuffix(host, ".")
	return slices.ContainsFunc(s.domains, func(d string) bool {
		rest := len(host) - len(d)
		return rest >= 0 && strings.EqualFold(host[rest:], d) && (rest == 0 || host[rest-1] == '.')
	})
}
