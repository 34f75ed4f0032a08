package policy

import (
	"fmt"
	"slices"
	"strings"
)

// A Change is one difference between two versions of a site's policy.
type Change struct {
	Category    string // the category it belongs to; "" for the policy as a whole
	What        string // in English, a sentence without its full stop
	Substantial bool   // to be announced as the policy promises
	Ask         bool   // consent to the category no longer covers it
}

// A Diff is what a new version of a policy changes.
type Diff struct {
	Changes  []Change
	AskAgain []string  // categories that must be asked about again, in the order of the page
	Announce []Channel // how the new version promises to announce substantial changes; nil without one
}

// Substantial reports whether any change must be announced.
func (d *Diff) Substantial() bool {
	return slices.ContainsFunc(d.Changes, func(c Change) bool { return c.Substantial })
}

// Compare says what changed from one version of a site's policy to the next.
// What consent depends on follows from the scopes of the categories (see
// [Scope]); all else is told apart by whether a visitor is told less, promised
// less or kept longer.
func Compare(old, new *Site) *Diff {
	c := &comparison{old: old, new: new, Diff: &Diff{}}
	c.identity()
	c.categories()
	c.trackers()
	c.services()
	c.promises()
	c.terms()
	c.texts()
	if c.Substantial() {
		// The promise that visitors were given is the old version's.
		c.Announce = slices.Clone(old.Policy.Announce)
		for _, ch := range new.Policy.Announce {
			if !slices.Contains(c.Announce, ch) {
				c.Announce = append(c.Announce, ch)
			}
		}
	}
	return c.Diff
}

type comparison struct {
	old, new *Site
	*Diff
}

func (c *comparison) add(category string, substantial bool, format string, args ...any) {
	c.Changes = append(c.Changes, Change{Category: category, Substantial: substantial, What: fmt.Sprintf(format, args...)})
}

// changed adds a change where two values differ.
func (c *comparison) changed(substantial bool, what, old, new string) {
	switch {
	case old == new:
	case old == "":
		c.add("", substantial, "%s: %s, which was not said before", what, new)
	case new == "":
		c.add("", substantial, "%s: no longer said (it was %s)", what, old)
	default:
		c.add("", substantial, "%s: %s instead of %s", what, new, old)
	}
}

func (c *comparison) identity() {
	o, n := c.old, c.new
	c.changed(false, "the version", o.Policy.Version, n.Policy.Version)
	c.changed(false, "the date of last change", o.Policy.Updated.String(), n.Policy.Updated.String())
	c.changed(false, "the date from which it applies", o.Policy.Effective.String(), n.Policy.Effective.String())
	c.changed(true, "the controller", o.Controller.Name, n.Controller.Name)
	c.changed(false, "the controller's country", o.Controller.Country, n.Controller.Country)
	c.changed(false, "the data protection officer's address", o.Contact.DPO.Email, n.Contact.DPO.Email)
	c.changed(true, "the promised answer time", o.Contact.DPO.Within.String(), n.Contact.DPO.Within.String())
	c.changed(false, "the languages", strings.Join(o.Langs, ", "), strings.Join(n.Langs, ", "))
	c.changed(false, "the hosts", strings.Join(o.AllHosts(), ", "), strings.Join(n.AllHosts(), ", "))
}

func (c *comparison) categories() {
	for _, k := range c.new.Categories {
		before := c.old.Category(k.ID)
		switch {
		case before == nil:
			c.add(k.ID, k.NeedsConsent(), "category %q is new (%s)", k.ID, k.Ground)
			if k.NeedsConsent() {
				c.ask(k.ID)
			}
			continue
		case before.Ground != k.Ground:
			c.add(k.ID, true, "category %q changes from %s to %s", k.ID, before.Ground, k.Ground)
			if k.NeedsConsent() {
				c.ask(k.ID)
			}
		}
		if k.NeedsConsent() && before.NeedsConsent() {
			c.scope(before, k)
		}
	}
	for _, k := range c.old.Categories {
		if c.new.Category(k.ID) == nil {
			c.add(k.ID, false, "category %q is gone", k.ID)
		}
	}
}

// ask marks the last change as one for which the category is asked again.
func (c *comparison) ask(category string) {
	c.Changes[len(c.Changes)-1].Ask = true
	if !slices.Contains(c.AskAgain, category) {
		c.AskAgain = append(c.AskAgain, category)
	}
}

// scope compares what consent to a category depends on.
func (c *comparison) scope(before, now *Category) {
	o, n := c.old.Scope(before), c.new.Scope(now)
	reworded := c.new.reworded(now.ID, c.old.Policy.Version)
	for _, x := range joined(n.Beyond(o, reworded)) {
		c.add(now.ID, true, "%s", x.sentence(now.ID))
		c.ask(now.ID)
	}
	if reworded && before.Purpose.In(c.old.Default()) != now.Purpose.In(c.new.Default()) {
		c.add(now.ID, false, "the purpose of category %q is reworded", now.ID)
	}
	for _, x := range joined(o.Beyond(n, true)) {
		c.add(now.ID, false, "%s", x.narrowed(now.ID))
	}
}

// joined puts what is of one kind into one sentence.
func joined(xs []Excess) []Excess {
	var out []Excess
	for _, x := range xs {
		i := slices.IndexFunc(out, func(o Excess) bool { return strings.TrimSuffix(o.Kind, "s") == x.Kind })
		if i < 0 || x.What == "" || x.Kind == "lifetime" {
			out = append(out, x)
			continue
		}
		out[i].Kind = x.Kind + "s"
		out[i].What += ", " + x.What
	}
	return out
}

// sentence says what a scope has beyond the one before.
func (x Excess) sentence(category string) string {
	switch x.Kind {
	case inController:
		return fmt.Sprintf("category %q is now asked by another controller", category)
	case inPurpose:
		return fmt.Sprintf("category %q has another purpose", category)
	case inRevision:
		return fmt.Sprintf("category %q is marked to be asked again", category)
	case inProfiling:
		return fmt.Sprintf("category %q now serves profiling or advertising", category)
	case "lifetime":
		return fmt.Sprintf("%s is kept longer: %s instead of %s", x.What, x.New, orSaid(x.Old))
	}
	return fmt.Sprintf("category %q gains the %s %s", category, x.Kind, x.What)
}

// narrowed says what a scope no longer has.
func (x Excess) narrowed(category string) string {
	if x.Kind == "lifetime" {
		return fmt.Sprintf("%s is kept for a shorter time: %s instead of %s", x.What, orSaid(x.Old), x.New)
	}
	return fmt.Sprintf("category %q loses the %s %s", category, x.Kind, x.What)
}

func orSaid(s string) string {
	if s == "" {
		return "an undeclared time"
	}
	return s
}

// trackers compares what is exempt: the scopes cover the rest.
func (c *comparison) trackers() {
	find := func(s *Site, t *Tracker) *Tracker {
		for _, other := range s.Trackers {
			if other.Exempt() && other.key() == t.key() && other.String() == t.String() {
				return other
			}
		}
		return nil
	}
	for _, t := range c.new.Trackers {
		if !t.Exempt() {
			continue
		}
		switch before := find(c.old, t); {
		case before == nil:
			c.add(t.Category.ID, true, "the exempt %s %s is new", t.Storage, t)
		case t.Lasts.Longest().Compare(before.Lasts.Longest()) > 0:
			c.add(t.Category.ID, true, "%s is kept longer: %s instead of %s", t, t.Lasts, orSaid(before.Lasts.String()))
		case t.Lasts.Longest().Compare(before.Lasts.Longest()) < 0:
			c.add(t.Category.ID, false, "%s is kept for a shorter time: %s instead of %s", t, orSaid(t.Lasts.String()), before.Lasts)
		case t.Lasts.String() != before.Lasts.String():
			c.add(t.Category.ID, false, "%s is kept %s instead of %s", t, t.Lasts, before.Lasts)
		}
	}
	for _, t := range c.old.Trackers {
		if t.Exempt() && find(c.new, t) == nil {
			c.add(t.Category.ID, false, "the exempt %s %s is gone", t.Storage, t)
		}
	}
}

// services compares those that are contacted without consent, and how each is
// loaded.
func (c *comparison) services() {
	for _, v := range c.new.Services {
		before := c.old.Service(v.ID)
		switch {
		case before == nil && v.Loads != LoadsOnConsent:
			c.add(v.Category.ID, true, "the service %s is new, contacted %s", v.Name.In("en"), v.Loads)
		case before != nil && before.Loads != v.Loads:
			c.add(v.Category.ID, v.Loads != LoadsOnConsent, "the service %s is now contacted %s instead of %s", v.Name.In("en"), v.Loads, before.Loads)
		case before != nil && before.Category.ID != v.Category.ID:
			c.add(v.Category.ID, true, "the service %s moves from category %q to %q", v.Name.In("en"), before.Category.ID, v.Category.ID)
		}
		if before != nil && v.Loads != LoadsOnConsent {
			c.recipients(before, v)
		}
	}
	for _, v := range c.old.Services {
		if c.new.Service(v.ID) == nil {
			c.add(v.Category.ID, false, "the service %s is gone", v.Name.In("en"))
		}
	}
}

func (c *comparison) recipients(before, now *Service) {
	names := func(s *Service) []string {
		list := []string{s.Provider.Name}
		for _, r := range s.Recipients {
			list = append(list, r.Name)
		}
		return list
	}
	old := names(before)
	for _, n := range names(now) {
		if !slices.Contains(old, n) {
			c.add(now.Category.ID, true, "%s passes data to %s", now.Name.In("en"), n)
		}
	}
}

func (c *comparison) promises() {
	has := func(s *Site, p *Promise) bool {
		return slices.ContainsFunc(s.Promises, func(q *Promise) bool {
			return q.ID == p.ID && q.Max == p.Max && q.Service == p.Service && q.Category == p.Category
		})
	}
	for _, p := range c.new.Promises {
		if !has(c.old, p) {
			c.add("", false, "the promise %s is new", p)
		}
	}
	for _, p := range c.old.Promises {
		if !has(c.new, p) {
			c.add("", true, "the promise %s is gone", p)
		}
	}
}

// String names the promise in messages.
func (p *Promise) String() string {
	parts := []string{p.ID}
	for _, s := range []string{p.Service, p.Category, p.Max.String()} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " ")
}

// terms compares how long things are kept and how far a choice reaches.
func (c *comparison) terms() {
	o, n := c.old, c.new
	kept := func(what string, old, new Period) {
		c.changed(new.Compare(old) > 0, what, old.String(), new.String())
	}
	kept("the time that a choice is kept", o.Choice.Lasts, n.Choice.Lasts)
	kept("the time that the proof is kept", o.Proof.Kept, n.Proof.Kept)
	kept("the time that logs are kept", o.Logs.Kept, n.Logs.Kept)
	kept("the time that statistics are kept", o.Audience.Kept, n.Audience.Kept)
	c.changed(true, "the reach of a choice", string(o.Choice.Scope), string(n.Choice.Scope))
	c.changed(false, "the name of the choice cookie", o.Choice.Cookie, n.Choice.Cookie)
	c.changed(true, "the domain of a choice", o.Choice.Domain, n.Choice.Domain)
	c.changed(true, "the source of audience measurement", o.Audience.Source, n.Audience.Source)
	c.changed(true, "how changes are announced", channels(o.Policy.Announce), channels(n.Policy.Announce))
	c.changed(false, "the host", o.HostedBy.Name, n.HostedBy.Name)
}

func channels(cs []Channel) string {
	words := make([]string, len(cs))
	for i, ch := range cs {
		words[i] = string(ch)
	}
	return strings.Join(words, ", ")
}

// texts counts texts that are worded otherwise. What they mean is compared
// above: this tells a reader that there is more to read.
func (c *comparison) texts() {
	count := func(s *Site) map[Prose]int {
		m := map[Prose]int{}
		for _, t := range s.Prose {
			m[Prose{Lang: t.Lang, Text: t.Text}]++
		}
		return m
	}
	old, changed := count(c.old), 0
	for t, n := range count(c.new) {
		if n > old[t] {
			changed += n - old[t]
		}
	}
	if changed > 0 {
		c.add("", false, "texts that are new or worded otherwise: %d", changed)
	}
}
