package policy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// A Scope is what consent to one category depends on: the controller, the
// purpose, the services with their recipients, and the trackers with their
// lifetimes. Titles, wording of consequences, translations and exempt trackers
// are no part of it.
type Scope struct {
	category string
	items    []scopeItem // sorted, without duplicates
}

type scopeItem struct {
	kind, what string   // what is compared
	name       string   // what it is called; no part of the comparison
	lasts      Lifetime // of a tracker
}

func (a scopeItem) compare(b scopeItem) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.what, b.what))
}

const (
	inController = "controller"
	inPurpose    = "purpose"
	inRevision   = "revision"
	inProfiling  = "profiling"
	inService    = "service"
	inRecipient  = "recipient"
	inTracker    = "tracker"
)

// Scope returns what consent to the category depends on.
func (s *Site) Scope(c *Category) Scope {
	sc := Scope{category: c.ID}
	add := func(kind, name string, parts ...string) {
		sc.items = append(sc.items, scopeItem{kind: kind, name: name, what: strings.Join(parts, "\x00")})
	}
	add(inController, s.Controller.Name, cmp.Or(strings.ReplaceAll(s.Controller.SIREN, " ", ""), strings.ToLower(s.Controller.Name)))
	add(inPurpose, "", normal(c.Purpose.In(s.Default())))
	if c.Revision > 0 {
		add(inRevision, "", fmt.Sprint(c.Revision))
	}
	if c.Profiling || c.Advertising {
		add(inProfiling, "", fmt.Sprint(c.Profiling, c.Advertising))
	}
	for _, v := range c.Services {
		if v.Loads != LoadsOnConsent {
			continue
		}
		add(inService, v.Name.In("en"), v.ID)
		if v.Profiling {
			add(inProfiling, v.Name.In("en"), v.ID)
		}
		for _, r := range append([]Recipient{v.Provider}, v.Recipients...) {
			if r.Name != "" {
				add(inRecipient, r.Name, v.ID, strings.ToLower(r.Name), r.Country)
			}
		}
	}
	for _, t := range c.Trackers {
		if t.Exempt() {
			continue
		}
		owner := ""
		if t.Service != nil {
			owner = t.Service.ID
		} else if !t.Purpose.IsZero() {
			add(inPurpose, t.String(), t.String(), normal(t.Purpose.In(s.Default())))
		}
		sc.items = append(sc.items, scopeItem{
			kind: inTracker, name: t.String(), lasts: t.Lasts.Longest(),
			what: strings.Join([]string{string(t.Storage), t.String(), string(t.Party), owner}, "\x00"),
		})
	}
	slices.SortFunc(sc.items, scopeItem.compare)
	sc.items = slices.CompactFunc(sc.items, func(a, b scopeItem) bool { return a.compare(b) == 0 })
	return sc
}

// normal makes a purpose comparable: case, spacing and final punctuation are
// not what a visitor agreed to.
func normal(s string) string {
	return strings.ToLower(strings.TrimRight(strings.Join(strings.Fields(s), " "), ".;:! "))
}

// A Fingerprint identifies a Scope: SHA-256 over its items.
type Fingerprint [sha256.Size]byte

// Fingerprint returns the scope's fingerprint. Two scopes have the same one
// exactly when consent to the one is consent to the other in every word.
func (sc Scope) Fingerprint() Fingerprint {
	h := sha256.New()
	writeField(h, "temoin scope 1")
	writeField(h, sc.category)
	for _, it := range sc.items {
		writeField(h, it.kind)
		writeField(h, it.what)
		if it.kind == inTracker {
			writeField(h, it.lasts.canonical())
		}
	}
	return Fingerprint(h.Sum(nil))
}

// writeField hashes a string with its length, so that no two lists of strings
// hash alike.
func writeField(h hash.Hash, s string) { fmt.Fprintf(h, "%d:%s\n", len(s), s) }

// canonical writes equal lifetimes alike: "1 year" and "12 months".
func (l Lifetime) canonical() string {
	if l.Kind != For {
		return string(l.Kind)
	}
	months, days, seconds := l.Period.parts()
	return fmt.Sprintf("%dm%dd%ds", months, days, seconds)
}

// Short returns the 24 bits of the fingerprint that the consent cookie carries.
func (f Fingerprint) Short() uint32 { return uint32(f[0])<<16 | uint32(f[1])<<8 | uint32(f[2]) }

// String writes the fingerprint in hexadecimal.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// An Excess is one thing in which a scope goes beyond another.
type Excess struct {
	Kind string // "controller", "purpose", "revision", "profiling", "service", "recipient", "tracker", "lifetime"
	What string // "Hotjar", "_ga"
	Old  string // with lifetime: the shorter one
	New  string // with lifetime: the longer one
}

// Beyond returns what is in sc and not in old. When nothing is, consent given
// for old is consent for sc: removing or shortening asks nobody again. With
// reworded, purposes are taken to say the same in other words.
func (sc Scope) Beyond(old Scope, reworded bool) []Excess {
	var beyond []Excess
	for _, it := range sc.items {
		if it.kind == inPurpose && reworded {
			continue
		}
		switch i, ok := slices.BinarySearchFunc(old.items, it, scopeItem.compare); {
		case !ok:
			beyond = append(beyond, Excess{Kind: it.kind, What: it.name})
		case it.lasts.Compare(old.items[i].lasts) > 0:
			beyond = append(beyond, Excess{"lifetime", it.name, old.items[i].lasts.String(), it.lasts.String()})
		}
	}
	return beyond
}

// fingerprint computes what the site answers about consent given to it or to
// earlier versions.
func (s *Site) fingerprint(earlier []*Site) {
	for _, c := range s.Categories {
		scope := s.Scope(c)
		c.fingerprint = scope.Fingerprint()
		c.honours = []uint32{c.fingerprint.Short()}
		for _, old := range earlier {
			before := old.Category(c.ID)
			if before == nil || !before.NeedsConsent() {
				continue
			}
			if len(scope.Beyond(old.Scope(before), s.reworded(c.ID, old.Policy.Version))) == 0 {
				c.honours = append(c.honours, before.fingerprint.Short())
			}
		}
	}
}

// reworded reports whether every version since the named one has changed the
// category's purpose in its words only, as the history says.
func (s *Site) reworded(category, since string) bool {
	for _, r := range s.Policy.History {
		if !slices.Contains(r.Editorial, category) {
			return false
		}
		if r.Version == since {
			return true
		}
	}
	return false
}

// Fingerprint returns the fingerprint of the category's scope.
func (c *Category) Fingerprint() Fingerprint { return c.fingerprint }

// Honours reports whether a grant made under the fingerprint that begins with
// these 24 bits holds today: it is today's, or that of an earlier version whose
// scope covers today's.
func (c *Category) Honours(short uint32) bool { return slices.Contains(c.honours, short) }
