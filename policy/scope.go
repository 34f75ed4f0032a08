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

// A Scope is what consent to one category depends on: the controller; what the
// category, its services and its trackers are for, in every language; the
// services with their hosts, recipients and the data they are sent; the trackers
// with all their keys and lifetimes; profiling and advertising. Titles, wording of
// consequences, added translations, transfer mechanisms and exempt trackers are
// no part of it.
type Scope struct {
	category string
	items    []scopeItem // sorted
}

// A scopeItem is one thing that consent depends on. Its kind and key say what it
// is; the rest is compared by covers.
type scopeItem struct {
	kind, key string
	of        string      // the service's id or the tracker's name it belongs to
	name      string      // what it is called; no part of the comparison
	value     string      // of a controller: its SIREN; of a recipient: its country
	says      []textEntry // of a purpose or of what is sent: normal, by language
	known     string      // the catalogue entry that the words or hosts come from
	host      HostPattern // of a host
	number    int         // of a revision
	kept      kept        // of a tracker
	place     string      // of a tracker and its purpose: the key without the name
	pattern   namePattern // of the same: the name
}

// What a scope holds. They are the kinds of an Excess too.
const (
	inController  = "controller"
	inPurpose     = "purpose"
	inRevision    = "revision"
	inProfiling   = "profiling"
	inAdvertising = "advertising"
	inService     = "service"
	inHost        = "host"
	inSends       = "sends"
	inRecipient   = "recipient"
	inTracker     = "tracker"
	inLifetime    = "lifetime" // of a tracker that both scopes have
)

// compare orders items, those of one kind and key together.
func (a scopeItem) compare(b scopeItem) int {
	return cmp.Or(
		a.compareKey(b),
		cmp.Compare(a.name, b.name),
		cmp.Compare(a.value, b.value),
		cmp.Compare(a.kept.canonical(), b.kept.canonical()),
		slices.CompareFunc(a.says, b.says, func(a, b textEntry) int {
			return cmp.Or(cmp.Compare(a.lang, b.lang), cmp.Compare(a.text, b.text))
		}),
	)
}

func (a scopeItem) compareKey(b scopeItem) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.key, b.key))
}

// Scope returns what consent to the category depends on.
func (s *Site) Scope(c *Category) Scope {
	b := scopeBuilder{site: s, Scope: Scope{category: c.ID}}
	b.add(scopeItem{kind: inController, name: s.Controller.Name, value: strings.ReplaceAll(s.Controller.SIREN, " ", "")})
	b.add(scopeItem{kind: inPurpose, says: normalText(c.Purpose)})
	if c.Revision > 0 {
		b.add(scopeItem{kind: inRevision, number: c.Revision})
	}
	if c.Profiling {
		b.add(scopeItem{kind: inProfiling})
	}
	if c.Advertising {
		b.add(scopeItem{kind: inAdvertising})
	}
	for _, v := range c.Services {
		if v.Loads == LoadsOnConsent {
			b.service(v)
		}
	}
	for _, t := range c.Trackers {
		if !t.Exempt() {
			b.tracker(c, t)
		}
	}
	slices.SortFunc(b.items, scopeItem.compare)
	b.items = slices.CompactFunc(b.items, func(a, b scopeItem) bool { return a.compare(b) == 0 })
	return b.Scope
}

type scopeBuilder struct {
	site *Site
	Scope
}

func (b *scopeBuilder) add(it scopeItem) { b.items = append(b.items, it) }

// text adds a purpose or what is sent, where something is said. What the
// catalogue says is remembered as the catalogue's (see Fingerprint).
func (b *scopeBuilder) text(it scopeItem, text Text, field, known string) {
	if text.IsZero() {
		return
	}
	it.says = normalText(text)
	if known != "" && !b.site.Written(field) {
		it.known = known
	}
	b.add(it)
}

func (b *scopeBuilder) service(v *Service) {
	name := v.Name.In("en")
	item := func(kind string, parts ...string) scopeItem {
		return scopeItem{kind: kind, key: strings.Join(append([]string{v.ID}, parts...), "\x00"), of: v.ID, name: name}
	}
	b.add(item(inService))
	if v.Profiling {
		b.add(item(inProfiling))
	}
	b.text(item(inPurpose, "service"), v.Purpose, v.Field+".purpose", v.use)
	b.text(item(inSends), v.Sends, v.Field+".sends", v.use)
	for _, r := range append([]Recipient{v.Provider}, v.Recipients...) {
		if r.Name != "" {
			it := item(inRecipient, normalName(r.Name))
			it.name, it.value = r.Name, r.Country
			b.add(it)
		}
	}
	if v.SelfHosted {
		return // its hosts are never contacted
	}
	for _, line := range v.Hosts {
		it := item(inHost)
		it.name, it.host = line, ParseHost(line)
		if !b.site.Written(v.Field + ".hosts") {
			it.known = v.use
		}
		b.add(it)
	}
}

// tracker adds the tracker once for each service of the category that sets it,
// so that the order of services says nothing.
func (b *scopeBuilder) tracker(c *Category, t *Tracker) {
	known, owners := "", []string{}
	for _, v := range append([]*Service{t.Service}, t.Shared...) {
		if v != nil && v.Category == c {
			owners = append(owners, v.ID)
		}
	}
	if t.Service != nil {
		known = t.Service.use
	}
	if len(owners) == 0 {
		owners = []string{t.owner()}
	}
	storage, party := string(t.Storage), string(t.Party)
	add := func(name string, pattern namePattern) {
		for _, owner := range owners {
			b.add(scopeItem{
				kind: inTracker, of: t.String(), name: name, kept: kept{t.Lasts, t.Sliding},
				key:   strings.Join([]string{storage, name, party, owner}, "\x00"),
				place: strings.Join([]string{storage, party, owner}, "\x00"), pattern: pattern,
			})
		}
		b.text(scopeItem{
			kind: inPurpose, key: "\x00" + storage + "\x00" + name, of: t.String(), name: name, place: storage, pattern: pattern,
		}, t.Purpose, t.Field+".purpose", known)
	}
	add(t.String(), t.pattern)
	for _, name := range t.others() {
		add(name, namePattern{prefix: name})
	}
}

// others returns the keys that the tracker is kept under besides its name. The
// name with a prefix by which browsers protect a cookie is no other key.
func (t *Tracker) others() []string {
	bare := func(name string) string {
		return strings.TrimPrefix(strings.TrimPrefix(name, "__Secure-"), "__Host-")
	}
	return slices.DeleteFunc(slices.Clone(t.Also), func(name string) bool { return bare(name) == bare(t.Name) })
}

// owner returns the id of the service that sets the tracker, "" for the site.
func (t *Tracker) owner() string {
	if t.Service == nil {
		return ""
	}
	return t.Service.ID
}

// normal makes a purpose comparable: case, spacing and final punctuation are
// not what a visitor agreed to.
func normal(s string) string {
	return strings.ToLower(strings.TrimRight(strings.Join(strings.Fields(s), " "), ".;:! "))
}

// normalName makes the name of a legal entity comparable.
func normalName(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// normalText makes a text comparable in every language, whatever their order.
func normalText(t Text) []textEntry {
	all := make([]textEntry, len(t.entries))
	for i, e := range t.entries {
		all[i] = textEntry{e.lang, normal(e.text)}
	}
	slices.SortFunc(all, func(a, b textEntry) int { return cmp.Compare(a.lang, b.lang) })
	return all
}

// saysOtherwise returns the languages in which the two texts, both normal, say different
// things, and whether they can be compared at all: in a language that both have,
// or because one is the same in all languages.
func saysOtherwise(old, new []textEntry) (langs []string, comparable bool) {
	comparable = len(old) == 0 && len(new) == 0
	for _, n := range new {
		for _, o := range old {
			switch {
			case o.lang == n.lang:
				comparable = true
				if o.text != n.text {
					langs = append(langs, n.lang)
				}
			case (o.lang == "" || n.lang == "") && o.text == n.text:
				comparable = true
			}
		}
	}
	return langs, comparable
}

// sameText reports whether who read the old text has read the new one: it says
// the same in every language that both are written in.
func sameText(old, new []textEntry) bool {
	langs, comparable := saysOtherwise(old, new)
	return comparable && len(langs) == 0
}

// ---- how long

// kept is how long a tracker is kept.
type kept struct {
	lasts   Lifetimes
	sliding bool
}

// after returns the lifetime that holds after an act of the visitor.
func (ls Lifetimes) after(act string) Lifetime {
	var otherwise Lifetime
	for _, v := range ls {
		switch v.When {
		case act:
			return v.Lifetime
		case Otherwise, "":
			otherwise = v.Lifetime
		}
	}
	return otherwise
}

// longer reports whether a tracker is kept longer than before after any act of
// the visitor. What is not declared has no end that anybody was told: it is the
// longest.
func (ls Lifetimes) longer(before Lifetimes) bool {
	for _, v := range slices.Concat(ls, before, Lifetimes{{When: Otherwise}}) {
		l, m := ls.after(v.When), before.after(v.When)
		if !m.IsZero() && (l.IsZero() || l.Compare(m) > 0) {
			return true
		}
	}
	return false
}

// ends reports whether a period ends the tracker's life: only then does it
// matter whether visits begin it anew.
func (ls Lifetimes) ends() bool {
	return slices.ContainsFunc(ls, func(v Variant) bool { return v.Lifetime.Kind == For })
}

// longer reports whether k goes beyond what was kept before. What each visit
// begins anew has no end, so it is longer than the same that is not.
func (k kept) longer(before kept) bool {
	begins := k.sliding && !before.sliding && k.lasts.ends() && len(before.lasts) > 0
	return begins || k.lasts.longer(before.lasts)
}

// canonical writes equal lifetimes alike: "1 year" and "12 months", in whatever
// order the acts stand.
func (k kept) canonical() string {
	parts := make([]string, len(k.lasts))
	for i, v := range k.lasts {
		parts[i] = v.When + "=" + v.Lifetime.canonical()
	}
	slices.Sort(parts)
	if k.sliding && k.lasts.ends() {
		parts = append(parts, "sliding")
	}
	return strings.Join(parts, ",")
}

func (l Lifetime) canonical() string {
	if l.Kind != For {
		return string(l.Kind)
	}
	months, days, seconds := l.Period.parts()
	return fmt.Sprintf("%dm%dd%ds", months, days, seconds)
}

// ---- fingerprints

// A Fingerprint identifies a Scope: SHA-256 over its items.
//
// Two scopes have the same one exactly when consent to the one is consent to the
// other in every word, in every language; the order of languages is no part of
// it. So a translation that is added gives another fingerprint, which honours the
// one before (see [Category.Honours]): that asks nobody again, as long as the
// earlier version is kept. It cannot be otherwise: a hash that no added
// translation changes does not depend on any word (docs/adr/0006).
//
// Words and hosts that come from the catalogue stand in it as the catalogue's:
// a release of Témoin that words them better asks nobody again.
type Fingerprint [sha256.Size]byte

// Fingerprint returns the scope's fingerprint.
func (sc Scope) Fingerprint() Fingerprint {
	h := sha256.New()
	writeField(h, "temoin scope 2")
	writeField(h, sc.category)
	for i, it := range sc.items {
		if it.known != "" && i > 0 && sc.items[i-1].known == it.known && sc.items[i-1].compareKey(it) == 0 {
			continue // the catalogue's hosts are one fact, however many there are
		}
		for _, part := range it.facts() {
			writeField(h, part)
		}
	}
	return Fingerprint(h.Sum(nil))
}

// facts lists what the fingerprint covers of an item, always as many strings of
// one kind as another item of that kind has, the words' number given before them.
func (it scopeItem) facts() []string {
	facts := []string{it.kind, it.key}
	switch {
	case it.known != "":
		return append(facts, "catalogue", it.known)
	case it.kind == inController:
		return append(facts, cmp.Or(it.value, normalName(it.name)))
	case it.kind == inRevision:
		return append(facts, fmt.Sprint(it.number))
	case it.kind == inRecipient:
		return append(facts, it.value)
	case it.kind == inHost:
		return append(facts, "host", it.name)
	case it.kind == inTracker:
		return append(facts, it.kept.canonical())
	case it.kind == inPurpose, it.kind == inSends:
		facts = append(facts, "words", fmt.Sprint(len(it.says)))
		for _, e := range it.says {
			facts = append(facts, e.lang, e.text)
		}
	}
	return facts
}

// writeField hashes a string with its length, so that no two lists of strings
// hash alike.
func writeField(h hash.Hash, s string) { fmt.Fprintf(h, "%d:%s\n", len(s), s) }

// Short returns the 24 bits of the fingerprint that the consent cookie carries.
func (f Fingerprint) Short() uint32 { return uint32(f[0])<<16 | uint32(f[1])<<8 | uint32(f[2]) }

// String writes the fingerprint in hexadecimal.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// ---- comparing

// An Excess is one thing in which a scope goes beyond another.
type Excess struct {
	Kind string // "controller", "purpose", "revision", "profiling", "advertising", "service", "host", "sends", "recipient", "tracker", "lifetime"
	Of   string // the service's id or the tracker's name it belongs to; "" for the category
	What string // "Hotjar", "_ga", "cdn.example.com"
	Old  string // of a lifetime, and of the country of a recipient that both have
	New  string
}

// Beyond returns what is in sc and not in old. When nothing is, consent given
// for old is consent for sc: removing or shortening asks nobody again. With
// reworded, purposes are taken to say the same in other words.
func (sc Scope) Beyond(old Scope, reworded bool) []Excess {
	var beyond []Excess
	wild := slices.DeleteFunc(slices.Clone(old.items), func(it scopeItem) bool { return !it.pattern.wild })
	for _, it := range sc.items {
		if it.kind == inPurpose && reworded {
			continue
		}
		before := old.like(it)
		for _, w := range wild {
			if w.kind == it.kind && w.place == it.place && w.key != it.key && w.pattern.takesIn(it.pattern) {
				before = append(slices.Clip(before), w)
			}
		}
		if slices.ContainsFunc(before, it.coveredBy) {
			continue
		}
		x := Excess{Kind: it.kind, Of: it.of, What: it.name}
		switch {
		case len(before) == 0:
		case it.kind == inTracker:
			x.Kind, x.Old, x.New = inLifetime, before[0].kept.lasts.String(), it.kept.lasts.String()
		case it.kind == inRecipient:
			x.Old, x.New = before[0].value, it.value
		}
		beyond = append(beyond, x)
	}
	return beyond
}

// like returns the items of the same kind and key.
func (sc Scope) like(it scopeItem) []scopeItem {
	i, _ := slices.BinarySearchFunc(sc.items, it, scopeItem.compareKey)
	n := i
	for n < len(sc.items) && sc.items[n].compareKey(it) == 0 {
		n++
	}
	return sc.items[i:n]
}

// coveredBy reports whether consent to the other item, of the same kind and key
// or of a pattern that takes this one in, is consent to this one.
func (it scopeItem) coveredBy(old scopeItem) bool {
	switch it.kind {
	case inController:
		// A company number is the company; its name may change. Where only one
		// version gives it, the name tells.
		if it.value != "" && old.value != "" {
			return it.value == old.value
		}
		return normalName(it.name) == normalName(old.name)
	case inRevision:
		return it.number <= old.number
	case inPurpose, inSends:
		return sameText(old.says, it.says)
	case inRecipient:
		// A country that is said for the first time is no other one.
		return it.value == old.value || old.value == ""
	case inHost:
		return old.host.takesIn(it.host)
	case inTracker:
		return !it.kept.longer(old.kept)
	}
	return true // it is there
}

// takesIn reports whether whatever the other pattern covers is covered by h.
func (h HostPattern) takesIn(other HostPattern) bool {
	if !strings.HasPrefix(other.Path, h.Path) {
		return false
	}
	if other.Below {
		return h.Below && (other.Name == h.Name || strings.HasSuffix(other.Name, "."+h.Name))
	}
	return h.Covers(other.Name)
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
			} else if !before.InUse() {
				c.refusals = append(c.refusals, before.fingerprint.Short())
			}
		}
	}
}

// reworded reports whether every version since the named one has changed the
// words only in which the category says what it is for, as the history says.
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

// HonoursRefusal reports whether a refusal made under the fingerprint that begins with
// these 24 bits stands today: where a grant would, and where it was made in advance, in an
// earlier version in which nothing was in use. Whoever said no to whatever would come is
// not asked when it comes; whoever said yes is, since that was no consent.
func (c *Category) HonoursRefusal(short uint32) bool {
	return c.Honours(short) || slices.Contains(c.refusals, short)
}
