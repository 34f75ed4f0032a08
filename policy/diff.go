package policy

import (
	"slices"
	"strings"
)

// A Change is one difference between two versions of a site's policy. Its parts
// are what a sentence in any language is made of; String is one in English.
type Change struct {
	Kind        ChangeKind
	Substantial bool // to be announced as the policy promises
	Ask         bool // consent to the category no longer covers it; without a category, no choice is read any more

	// What it is about.
	Category string   // the category's id; "" for the policy as a whole
	Service  string   // the service's id, where it is about one or a part of one
	Names    []string // trackers, services (in English), recipients, hosts, promises, sections
	Field    string   // the path in the new manifest, in the old one where it is gone: "trackers[3].lasts"
	What     string   // the field's word: "logs-kept", "text-refused"; "" for fields that have none

	// What it was and is, as the manifest writes it. A text is not repeated: see
	// Field. The elements of a list are joined by ", ".
	Type     ValueType
	Old, New string
	Langs    []string // of texts
}

// A Diff is what a new version of a policy changes.
type Diff struct {
	Changes  []Change
	AskAgain []string  // categories that must be asked about again, in the order of the page
	Announce []Channel // how the two versions promise to announce substantial changes; nil without a promise, or without such changes
}

// Substantial reports whether any change must be announced.
func (d *Diff) Substantial() bool {
	return slices.ContainsFunc(d.Changes, func(c Change) bool { return c.Substantial })
}

// Compare says what changed from one version of a site's policy to the next.
//
// Consent is asked again where the scope of a category goes beyond the one before
// (see [Scope]), and about all that is used when the cookie that keeps the choice
// is no longer read. All else is told apart by whether visitors are told less,
// promised less, kept longer or sent further: that is substantial. Every field of
// the manifest is compared: no change means that the two say the same, comments,
// spelling of values and the order of keys aside.
func Compare(old, new *Site) *Diff {
	c := &comparison{
		old: old, new: new, Diff: &Diff{},
		said:   [2]map[string]bool{{}, {}},
		was:    map[string]string{},
		excess: map[string][]excess{}, fresh: map[string]bool{},
	}
	c.scopes()
	c.terms()
	c.categories()
	c.services()
	c.trackers()
	c.unexplained()
	c.promises()
	c.fields()
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

	// said holds the paths, in the old and in the new manifest, about which a
	// change tells: what is below them is not told a second time.
	said [2]map[string]bool

	was map[string]string // by the path of an element of the new manifest: the old one that it was

	excess map[string][]excess // by category: what consent given before does not cover
	fresh  map[string]bool     // categories that are asked about as a whole
}

// An excess is explained when a change tells of it, and implied when it goes
// without saying once another one is told.
type excess struct {
	Excess
	explained, implied bool
}

// scopes finds what consent given to the old version does not cover.
func (c *comparison) scopes() {
	for _, k := range c.new.Categories {
		if !k.NeedsConsent() {
			continue
		}
		var old Scope
		before := c.old.Category(k.ID)
		if c.fresh[k.ID] = before == nil || !before.NeedsConsent(); !c.fresh[k.ID] {
			old = c.old.Scope(before)
		}
		for _, x := range c.new.Scope(k).Beyond(old, c.reworded(k.ID)) {
			c.excess[k.ID] = append(c.excess[k.ID], excess{Excess: x})
		}
		if c.fresh[k.ID] || len(c.excess[k.ID]) > 0 || k.InUse() && c.unread() {
			c.AskAgain = append(c.AskAgain, k.ID)
		}
	}
}

// unread reports whether choices made under the old version are not read under
// the new one: their cookie has another name, or is sealed for another site.
func (c *comparison) unread() bool {
	return c.old.Choice.Cookie != c.new.Choice.Cookie || c.old.ID != c.new.ID
}

// reworded reports whether the new version says what the category is for in
// other words only.
func (c *comparison) reworded(category string) bool {
	return c.new.reworded(category, c.old.Policy.Version)
}

// asks reports whether consent to the category does not cover something of that
// kind, and takes it as explained. Of names the service or tracker; what is one
// thing among several, "" for all.
func (c *comparison) asks(category, kind, of, what string) bool {
	asks := false
	list := c.excess[category]
	for i, x := range list {
		if x.Kind == kind && x.Of == of && (what == "" || x.What == what) && !x.implied {
			list[i].explained, asks = true, true
		}
	}
	return asks
}

// implies takes as told what goes without saying once it is told that a service
// or tracker is new to a category: what it is for, who receives its data.
func (c *comparison) implies(category, of string, kinds ...string) {
	list := c.excess[category]
	for i, x := range list {
		if x.Of == of && slices.Contains(kinds, x.Kind) {
			list[i].implied = true
		}
	}
}

// unexplained tells of what no change has told of, so that nobody is asked
// again without a reason that can be read.
func (c *comparison) unexplained() {
	kinds := map[string]ChangeKind{
		inController: ChangeAsker, inPurpose: ChangePurpose, inRevision: ChangeRevision, inProfiling: ChangeProfiling,
		inAdvertising: ChangeAdvertising, inService: ChangeServiceNew, inHost: ChangeHostNew, inSends: ChangeSends,
		inRecipient: ChangeRecipientNew, inTracker: ChangeTrackerNew, inLifetime: ChangeKeptLonger,
	}
	for _, k := range c.new.Categories {
		for _, x := range c.excess[k.ID] {
			if x.explained || x.implied || c.fresh[k.ID] {
				continue
			}
			change := Change{Kind: kinds[x.Kind], Category: k.ID, Substantial: true, Ask: true, Field: k.Field, Old: x.Old, New: x.New}
			if x.What != "" && x.Kind != inController {
				change.Names = []string{x.What}
			}
			c.add(change)
		}
	}
}

// add adds a change, joined with one before it that says the same of others.
func (c *comparison) add(change Change) {
	change.Substantial = change.Substantial || change.Ask && change.Category != ""
	if !change.Kind.joins() {
		c.Changes = append(c.Changes, change)
		return
	}
	for i, o := range c.Changes {
		if o.Kind == change.Kind && o.Category == change.Category && o.Service == change.Service && o.Ask == change.Ask &&
			o.Substantial == change.Substantial && o.Old == change.Old && o.New == change.New {
			c.Changes[i].Names = append(o.Names, change.Names...)
			return
		}
	}
	c.Changes = append(c.Changes, change)
}

// tell marks fields as told of.
func (c *comparison) tell(old, new string) {
	if old != "" {
		c.said[0][old] = true
	}
	if new != "" {
		c.said[1][new] = true
	}
}

// addAt adds a change of one field, which stands at these paths, and marks it as
// told of.
func (c *comparison) addAt(oldPath, newPath string, change Change) {
	c.tell(oldPath, newPath)
	switch {
	case newPath != "" && (c.new.Written(newPath) || !c.old.Written(oldPath)):
		change.Field = newPath
	case oldPath != "":
		change.Field = oldPath
	}
	c.add(change)
}

// value adds a change where two values of a field differ. A list that holds the
// same in another order is said to be in another order.
func (c *comparison) value(oldPath, newPath string, change Change, weighs weight) {
	old, new := change.Old, change.New
	switch {
	case old == new:
		return
	case old == "":
		change.Kind = ChangeNew
	case new == "":
		change.Kind = ChangeGone
	case sameElements(old, new):
		change.Kind = ChangeOrder
	default:
		change.Kind = ChangeValue
	}
	change.Substantial = change.Substantial || change.Kind != ChangeOrder && weighs != nil && weighs(old, new)
	c.addAt(oldPath, newPath, change)
}

func sameElements(a, b string) bool {
	as, bs := elements(a), elements(b)
	slices.Sort(as)
	slices.Sort(bs)
	return slices.Equal(as, bs)
}

// elements takes apart what "joined by a comma" has joined.
func elements(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ", ")
}

// categories compares what each category is, asks and serves.
func (c *comparison) categories() {
	for _, k := range c.new.Categories {
		before := c.old.Category(k.ID)
		if before == nil {
			c.addAt("", k.Field, Change{Kind: ChangeCategoryNew, Category: k.ID, Ask: k.NeedsConsent(), Type: TypeGround, New: string(k.Ground)})
			continue
		}
		c.category(before, k)
	}
	for _, k := range c.old.Categories {
		if c.new.Category(k.ID) == nil {
			c.addAt(k.Field, "", Change{Kind: ChangeCategoryGone, Category: k.ID, Type: TypeGround, Old: string(k.Ground)})
		}
	}
}

func (c *comparison) category(o, n *Category) {
	change := Change{Category: n.ID}
	if o.Ground != n.Ground {
		c.ground(o, n)
	}
	if c.asks(n.ID, inController, "", "") && !c.fresh[n.ID] {
		c.add(Change{Kind: ChangeAsker, Category: n.ID, Ask: true, Field: "controller", Old: c.old.Controller.Name, New: c.new.Controller.Name})
	}
	c.purpose(o.Purpose, n.Purpose, o.Field+".purpose", n.Field+".purpose", change, "")
	if c.asks(n.ID, inRevision, "", "") {
		c.addAt(o.Field+".revision", n.Field+".revision", Change{Kind: ChangeRevision, Category: n.ID, Ask: !c.fresh[n.ID]})
	}
	c.serves(o.Profiling, n.Profiling, ChangeProfiling, ChangeProfilingGone, inProfiling, o.Field+".profiling", n.Field+".profiling", change, "")
	c.serves(o.Advertising, n.Advertising, ChangeAdvertising, ChangeAdvertisingGone, inAdvertising, o.Field+".advertising", n.Field+".advertising", change, "")
	for _, t := range categoryTerms {
		c.term(o.Field, n.Field, t.key, change, t.term, t.value(o), t.value(n))
	}
}

// ground tells that a category is asked about or no longer.
func (c *comparison) ground(o, n *Category) {
	for _, key := range []string{"exempt", "needs", "unused"} {
		c.tell(o.Field+"."+key, n.Field+"."+key)
	}
	c.add(Change{
		Kind: ChangeGround, Category: n.ID, Substantial: n.Ground != GroundUnused, Ask: n.NeedsConsent(),
		Field: n.Field, Type: TypeGround, Old: string(o.Ground), New: string(n.Ground),
	})
}

// purpose tells that something is for something else. Visitors who read it in one
// language saw that one: all that both versions have are compared.
func (c *comparison) purpose(old, new Text, oldPath, newPath string, change Change, of string) {
	langs, comparable := saysOtherwise(normalText(old), normalText(new))
	asks := c.asks(change.Category, inPurpose, of, "") && !c.fresh[change.Category]
	if !asks && (old.IsZero() || new.IsZero() || comparable && len(langs) == 0) {
		return // a text that is new, gone or spelled otherwise is told of as a text
	}
	change.Kind, change.Ask, change.Substantial, change.Langs = ChangePurpose, asks, true, langs
	if c.reworded(change.Category) {
		change.Kind, change.Substantial = ChangePurposeReworded, false
	}
	c.addAt(oldPath, newPath, change)
}

// serves tells that something serves profiling or advertising, or no longer.
func (c *comparison) serves(old, new bool, gains, loses ChangeKind, kind, oldPath, newPath string, change Change, of string) {
	asks := c.asks(change.Category, kind, of, "") && !c.fresh[change.Category]
	switch {
	case old == new && !asks:
		return
	case new:
		change.Kind, change.Ask, change.Substantial = gains, asks, true
	default:
		change.Kind = loses
	}
	c.addAt(oldPath, newPath, change)
}

// promises compares what the policy commits to.
func (c *comparison) promises() {
	gone, added := pairs(c.old.Promises, c.new.Promises, func(o, n *Promise) {
		change := Change{Names: []string{n.ID}, Service: n.Service, Category: n.Category, What: "promise-max", Type: TypePeriod, Old: o.Max.String(), New: n.Max.String()}
		c.value(o.Field+".max", n.Field+".max", change, longer)
	}, func(p *Promise) string {
		return strings.Join([]string{p.ID, p.Service, p.Category, p.Max.String()}, "\x00")
	},
		func(p *Promise) string { return strings.Join([]string{p.ID, p.Service, p.Category}, "\x00") })
	for _, p := range added {
		c.addAt("", p.Field, p.change(ChangePromiseNew, false))
	}
	for _, p := range gone {
		c.addAt(p.Field, "", p.change(ChangePromiseGone, true))
	}
}

func (p *Promise) change(kind ChangeKind, substantial bool) Change {
	change := Change{Kind: kind, Substantial: substantial, Names: []string{p.ID}, Service: p.Service, Category: p.Category, Type: TypePeriod}
	if kind == ChangePromiseNew {
		change.New = p.Max.String()
	} else {
		change.Old = p.Max.String()
	}
	return change
}

// pairs finds what stands in both lists, by the first of the keys that fits, and
// calls same for each of those. It returns the others.
func pairs[T any](old, new []T, same func(o, n T), keys ...func(T) string) (gone, added []T) {
	ofOld, ofNew := make([]int, len(old)), make([]int, len(new)) // partner's index + 1
	for _, key := range keys {
		waiting := map[string][]int{}
		for i, o := range old {
			if ofOld[i] == 0 {
				waiting[key(o)] = append(waiting[key(o)], i)
			}
		}
		for j, n := range new {
			if list := waiting[key(n)]; ofNew[j] == 0 && len(list) > 0 {
				waiting[key(n)] = list[1:]
				ofOld[list[0]], ofNew[j] = j+1, list[0]+1
			}
		}
	}
	for j, n := range new {
		if ofNew[j] > 0 {
			same(old[ofNew[j]-1], n)
		} else {
			added = append(added, n)
		}
	}
	for i, o := range old {
		if ofOld[i] == 0 {
			gone = append(gone, o)
		}
	}
	return gone, added
}
