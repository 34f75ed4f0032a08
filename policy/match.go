package policy

import (
	"fmt"
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

const hostPathPattern = `^(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*(/[^ ?#*]*)?$`

// hostPath is a host, a pattern of its subdomains, or one of them with a path.
func hostPath(dst *string) shape {
	return scalarShape{"a host", `a host such as "js.stripe.com", "*.stripe.com" or "www.google.com/recaptcha/" (no https://)`,
		matching(hostPathPattern), func(s string) error {
			h := parseHostPath(s)
			if len(s) > 400 || !isHost(h.name) || strings.ContainsAny(h.path, "?#* ") || strings.ContainsFunc(s, isHidden) {
				return fmt.Errorf("%q is not a host", shorten(s))
			}
			// Suffixes that companies share out (googleapis.com) can be one service's.
			if suffix, registry := publicsuffix.PublicSuffix(h.name); suffix == h.name && h.below && (registry || !strings.Contains(suffix, ".")) {
				return fmt.Errorf("%q takes in every site under %s", shorten(s), h.name)
			}
			*dst = s
			return nil
		}}
}

// A hostEntry is one line of a service's hosts, taken apart.
type hostEntry struct {
	name  string // "stripe.com"
	below bool   // its subdomains, not itself
	path  string // "/recaptcha/"; "" for all
}

func parseHostPath(s string) hostEntry {
	name, path, found := strings.Cut(s, "/")
	if found {
		path = "/" + path
	}
	name, below := strings.CutPrefix(name, "*.")
	return hostEntry{name, below, path}
}

// covers reports whether the entry takes in the host as a whole.
func (h hostEntry) covers(host string) bool {
	if h.below {
		return strings.HasSuffix(host, "."+h.name)
	}
	return host == h.name
}

// A hostIndex finds the services of a host and path.
type hostIndex struct {
	exact, below map[string][]hostRule // longest path first
}

type hostRule struct {
	path     string
	services []*Service
}

func indexHosts(services []*Service) hostIndex {
	idx := hostIndex{map[string][]hostRule{}, map[string][]hostRule{}}
	for _, v := range services {
		for _, line := range v.Hosts {
			h := parseHostPath(line)
			m := idx.exact
			if h.below {
				m = idx.below
			}
			m[h.name] = addRule(m[h.name], h.path, v)
		}
	}
	return idx
}

func addRule(rules []hostRule, path string, v *Service) []hostRule {
	for i := range rules {
		if rules[i].path == path {
			rules[i].services = append(rules[i].services, v)
			return rules
		}
	}
	rules = append(rules, hostRule{path, []*Service{v}})
	sort.SliceStable(rules, func(i, j int) bool { return len(rules[i].path) > len(rules[j].path) })
	return rules
}

// ServicesAt returns the services reached at a host and path: those of the most
// exact declaration. The host is as a URL parser returns it, without port;
// capital letters and a trailing dot are understood, names in other scripts
// must come in ASCII. It allocates nothing, and the result must not be changed.
func (s *Site) ServicesAt(host, path string) []*Service { return s.hosts.find(host, path) }

func (idx *hostIndex) find(host, path string) []*Service {
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
	if services := match(idx.exact[string(name)], path); services != nil {
		return services
	}
	for i, c := range name {
		if c == '.' {
			if services := match(idx.below[string(name[i+1:])], path); services != nil {
				return services
			}
		}
	}
	return nil
}

func match(rules []hostRule, path string) []*Service {
	for i := range rules {
		if strings.HasPrefix(path, rules[i].path) {
			return rules[i].services
		}
	}
	return nil
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

// OwnsHost reports whether host is one of the site's own: declared, or under
// the registrable domain of one that is.
func (s *Site) OwnsHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, own := range s.AllHosts() {
		if host == own || registrable(host) == registrable(own) {
			return true
		}
	}
	return false
}
