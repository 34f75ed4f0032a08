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
	for _, t := range added {
		category := t.Category.ID
		ask := c.asks(category, inTracker, t.String(), "") && !c.fresh[category]
		c.asks(category, inPurpose, t.String(), "") // what is new has no other purpose than before
		c.addAt("", elementPath(t), Change{
			Kind: ChangeTrackerNew, Category: category, Substantial: true, Ask: ask, Names: []string{t.String()},
			Field: t.Field, Type: TypeGround, New: t.ground(),
		})
	}
	for _, t := range gone {
		c.addAt(elementPath(t), "", Change{
			Kind: ChangeTrackerGone, Category: t.Category.ID, Names: []string{t.String()}, Field: t.Field, Type: TypeGround, Old: t.ground(),
		})
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
	for _, d := range c.differences(o, n) {
		ask := c.asks(n.Category.ID, inTracker, n.String(), "") && !c.fresh[n.Category.ID]
		d.change.Category, d.change.Service, d.change.Names = change.Category, change.Service, change.Names
		d.change.Ask, d.change.Substantial = ask, ask || d.change.Substantial
		c.addAt(o.Field+"."+d.key, n.Field+"."+d.key, d.change)
	}
	c.lifetime(o, n, change)
	c.purpose(o.Purpose, n.Purpose, o.Field+".purpose", n.Field+".purpose", change, n.String())
	if n.Origin == FromTemoin {
		return
	}
	for _, t := range trackerTerms {
		c.term(o.Field, n.Field, t.key, change, t.term, t.value(o), t.value(n))
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
	case n.Lasts.longer(o.Lasts):
		change.Kind, change.Substantial, change.Ask = ChangeKeptLonger, true, asks
	case len(n.Lasts) == 0:
		change.Kind, change.What, change.Substantial = ChangeGone, "lasts", true
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
