package policy

import (
	"slices"
	"strings"
)

// What changed with the trackers: all of them, exempt or on consent, Témoin's own
// among them.

func (c *comparison) trackers() {
	gone, added := pairs(c.old.compared(), c.new.compared(), c.tracker,
		func(t *Tracker) string {
			k := t.key()
			return strings.Join([]string{string(k.storage), t.String(), k.domain}, "\x00")
		},
		(*Tracker).String)
	narrowed := map[*Tracker]bool{}
	for _, t := range added {
		if i := slices.IndexFunc(gone, func(o *Tracker) bool { return o.narrowsTo(t) }); i >= 0 {
			c.narrowed(gone[i], t, narrowed[gone[i]])
			narrowed[gone[i]] = true
			continue
		}
		category := t.Category.ID
		ask := c.asks(category, inTracker, t.String(), "")
		if ask { // what is new has no other purpose than before
			c.implies(category, t.String(), inPurpose)
		}
		ask = ask && !c.fresh[category]
		c.addAt("", elementPath(t), Change{
			Kind: ChangeTrackerNew, Category: category, Substantial: true, Ask: ask, Names: []string{t.String()},
			Field: t.Field, Type: TypeGround, New: t.ground(),
		})
	}
	for _, t := range gone {
		if narrowed[t] {
			continue
		}
		c.addAt(elementPath(t), "", Change{
			Kind: ChangeTrackerGone, Category: t.Category.ID, Names: []string{t.String()}, Field: t.Field, Type: TypeGround, Old: t.ground(),
		})
	}
}

// narrowsTo reports whether the other tracker is a part of what the pattern took
// in, kept in the same place.
func (t *Tracker) narrowsTo(n *Tracker) bool {
	return t.pattern.wild && n.Name != "" && t.pattern.takesIn(n.pattern) && t.Storage == n.Storage && t.Party == n.Party &&
		t.owner() == n.owner() && t.Category.ID == n.Category.ID
}

// narrowed tells that a pattern now is one of the names that it took in. Of more
// than one, the first is compared in detail.
func (c *comparison) narrowed(o, n *Tracker, again bool) {
	if !again && elementPath(o) != "" && elementPath(n) != "" {
		c.was[elementPath(n)] = elementPath(o)
	}
	c.tracker(o, n)
	c.addAt(o.Field+".name", n.Field+".name", Change{
		Kind: ChangeValue, What: "tracker-name", Category: n.Category.ID, Names: []string{n.String()}, Old: o.String(), New: n.String(),
	})
	if again {
		c.tell("", elementPath(n))
	}
}

// compared are the trackers, without the cookie that keeps the choice: what can
// change about it is told of as the choice's.
func (s *Site) compared() []*Tracker {
	return slices.DeleteFunc(slices.Clone(s.Trackers), func(t *Tracker) bool {
		return t.Origin == FromTemoin && t.Field == "choice.cookie"
	})
}

// ground says of a tracker what Category.Ground says of a category.
func (t *Tracker) ground() string {
	if t.Exempt() {
		return string(GroundExempt)
	}
	return string(GroundConsent)
}

// elementPath is where the manifest writes the tracker; "" where it does not,
// because it comes from the catalogue or is Témoin's own.
func elementPath(t *Tracker) string {
	if i := strings.LastIndex(t.Field, "trackers["); i >= 0 && strings.HasSuffix(t.Field, "]") {
		return t.Field
	}
	return ""
}

func (c *comparison) tracker(o, n *Tracker) {
	change := Change{Category: n.Category.ID, Names: []string{n.String()}}
	if n.Service != nil {
		change.Service = n.Service.ID
	}
	differences := c.differences(o, n)
	if len(differences) > 0 && c.asks(n.Category.ID, inTracker, n.String(), n.String()) { // all of it is new to those who are asked
		c.implies(n.Category.ID, n.String(), inPurpose)
	}
	for _, d := range differences {
		ask := c.asks(n.Category.ID, inTracker, n.String(), n.String()) && !c.fresh[n.Category.ID]
		d.change.Category, d.change.Service, d.change.Names = change.Category, change.Service, change.Names
		d.change.Ask, d.change.Substantial = ask, ask || d.change.Substantial
		c.addAt(o.Field+"."+d.key, n.Field+"."+d.key, d.change)
	}
	c.keys(o, n, change)
	c.lifetime(o, n, change)
	c.purpose(o.Purpose, n.Purpose, o.Field+".purpose", n.Field+".purpose", change, n.String())
	if n.Origin == FromTemoin {
		return
	}
	for _, t := range trackerTerms {
		c.term(o.Field, n.Field, t.key, change, t.term, t.value(o), t.value(n))
	}
}

// keys compares under which other keys a tracker is kept: each is told of as a
// tracker. Of one that is new to a category, they are no news.
func (c *comparison) keys(o, n *Tracker, change Change) {
	change.Type = TypeGround
	for _, name := range n.others() {
		ask := c.asks(n.Category.ID, inTracker, n.String(), name)
		if !o.Matches(name) {
			change := change
			change.Kind, change.Substantial, change.Names, change.New = ChangeTrackerNew, true, []string{name}, n.ground()
			if change.Ask = ask && !c.fresh[n.Category.ID]; ask {
				c.implies(n.Category.ID, n.String(), inPurpose)
			}
			c.addAt(o.Field+".also", n.Field+".also", change)
		}
	}
	for _, name := range o.others() {
		if !n.Matches(name) {
			change := change
			change.Kind, change.Names, change.Old = ChangeTrackerGone, []string{name}, o.ground()
			c.addAt(o.Field+".also", n.Field+".also", change)
		}
	}
}

type difference struct {
	key    string // of the field
	change Change
}

// differences lists what makes it another tracker of the same name: its category,
// its storage, its party, its owner, and whether it waits for consent.
func (c *comparison) differences(o, n *Tracker) (ds []difference) {
	add := func(key string, kind ChangeKind, typ ValueType, old, new string, substantial bool) {
		if old != new {
			ds = append(ds, difference{key, Change{Kind: kind, Type: typ, Old: old, New: new, Substantial: substantial}})
		}
	}
	free := n.Exempt() && !o.Exempt()
	if !movesWithService(o, n) {
		add("category", ChangeMoved, TypeCategory, o.Category.ID, n.Category.ID, free)
	}
	add("kind", ChangeStorage, TypeStorage, string(o.Storage), string(n.Storage), n.Storage.stays() && !o.Storage.stays())
	add("party", ChangeParty, TypeParty, string(o.Party), string(n.Party), n.Party == ThirdParty)
	if !slices.ContainsFunc(o.Shared, func(v *Service) bool { return v.ID == n.owner() }) {
		add("service", ChangeOwner, TypeService, o.owner(), n.owner(), n.owner() != "")
	}
	if o.Category.ID == n.Category.ID && o.Category.Ground == n.Category.Ground {
		add("reason", ChangeGround, TypeGround, o.ground(), n.ground(), free)
	}
	return ds
}

// stays reports whether what is kept there outlives the browser's session by
// itself.
func (s Storage) stays() bool { return s == LocalStorage || s == IndexedDB }

// movesWithService reports whether the tracker is in another category only
// because its service is.
func movesWithService(o, n *Tracker) bool {
	return o.Service != nil && n.Service != nil && o.Service.ID == n.Service.ID &&
		o.Category == o.Service.Category && n.Category == n.Service.Category
}

// lifetime compares how long a tracker is kept, act by act.
func (c *comparison) lifetime(o, n *Tracker, change Change) {
	asks := c.asks(n.Category.ID, inLifetime, n.String(), "") && !c.fresh[n.Category.ID]
	oldPath, newPath := lastsPath(o), lastsPath(n)
	if o.Sliding != n.Sliding && (o.Lasts.ends() || n.Lasts.ends()) {
		slides := change
		slides.Kind, slides.Substantial, slides.Ask = ChangeSlidingGone, n.Sliding, n.Sliding && asks
		if n.Sliding {
			slides.Kind = ChangeSliding
		}
		c.addAt(o.Field+".sliding", n.Field+".sliding", slides)
	}
	change.Type, change.Old, change.New = TypeLifetime, o.Lasts.String(), n.Lasts.String()
	switch {
	case change.Old == change.New:
		return
	case len(n.Lasts) == 0:
		change.Kind, change.What, change.Substantial, change.Ask = ChangeGone, "lasts", true, asks
	case len(o.Lasts) == 0:
		change.Kind, change.What = ChangeNew, "lasts"
	case n.Lasts.longer(o.Lasts):
		change.Kind, change.Substantial, change.Ask = ChangeKeptLonger, true, asks
	case o.Lasts.longer(n.Lasts):
		change.Kind = ChangeKeptShorter
	default:
		change.Kind = ChangeKeptOtherwise
	}
	c.addAt(oldPath, newPath, change)
}

// lastsPath is where the manifest gives the lifetime: at the tracker, or among
// the lifetimes that it sets for a service of the catalogue.
func lastsPath(t *Tracker) string {
	if t.Service != nil && strings.HasPrefix(t.Field, t.Service.Field+".lasts.") {
		return t.Field
	}
	return t.Field + ".lasts"
}
