package policy

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Every field that no other comparison has told of.

// fields compares the manifests field by field.
func (c *comparison) fields() {
	w := &fieldWalk{comparison: c, translated: map[string]int{}}
	for i, s := range []*Site{c.old, c.new} {
		w.prose[i] = map[string]bool{}
		for _, p := range s.Prose {
			w.prose[i][p.Path] = true
		}
	}
	w.walk(Change{}, nil, &c.old.entries, &c.new.entries)
	w.translations()
}

// A fieldWalk compares entries that stand at the same place.
type fieldWalk struct {
	*comparison
	prose      [2]map[string]bool // paths of texts
	translated map[string]int     // texts in languages that only one version has
}

// walk compares one field or element; one of the two is nil where only the other
// version has it. The change is what is known of it so far.
func (w *fieldWalk) walk(change Change, steps []string, o, n *entry) {
	switch {
	case o != nil && w.said[0][o.at], n != nil && w.said[1][n.at]:
	case o != nil && w.prose[0][o.at], n != nil && w.prose[1][n.at]:
		w.text(change, steps, o, n)
	case o == nil || n == nil:
		w.lone(change, steps, o, n)
	case o.isPlain() && n.isPlain() && !w.anySaid(0, o) && !w.anySaid(1, n):
		w.plain(change, steps, o, n)
	case o.listed() && n.listed():
		w.list(change, steps, o, n)
	case o.leaf && n.part(o.longKey(n)) != nil:
		w.mapping(change, steps, o.long(n), n)
	case n.leaf && o.part(n.longKey(o)) != nil:
		w.mapping(change, steps, o, n.long(o))
	case o.leaf != n.leaf:
		w.plain(change, steps, o, n) // written in another form
	default:
		w.mapping(change, steps, o, n)
	}
}

// listed reports whether the entry is a list, perhaps an empty one.
func (e *entry) listed() bool { return e.isList() || !e.leaf && len(e.parts) == 0 }

// longKey is the key of a mapping for which a scalar may stand alone.
func (e *entry) longKey(long *entry) string {
	for _, key := range []string{"id", "mechanism", "date"} {
		if long.part(key) != nil {
			return key
		}
	}
	return ""
}

// long writes a scalar as the mapping for which it stands.
func (e *entry) long(like *entry) *entry {
	return &entry{key: e.key, at: e.at, parts: []*entry{{key: e.longKey(like), at: e.at, text: e.text, leaf: true}}}
}

// mapping compares key by key, those of the new version first.
func (w *fieldWalk) mapping(change Change, steps []string, o, n *entry) {
	for _, p := range n.parts {
		w.walk(within(change, steps, p), append(slices.Clip(steps), p.key), o.part(p.key), p)
	}
	for _, p := range o.parts {
		if n.part(p.key) == nil {
			w.walk(within(change, steps, p), append(slices.Clip(steps), p.key), p, nil)
		}
	}
}

// list compares what stands in both lists, and tells of the rest.
func (w *fieldWalk) list(change Change, steps []string, o, n *entry) {
	here := append(slices.Clip(steps), "[]")
	var order []int
	keys := []func(*entry) string{(*entry).fullIdentity, (*entry).identity}
	if len(w.was) > 0 {
		keys = slices.Insert(keys, 0, w.became(o))
	}
	gone, added := pairs(o.parts, n.parts, func(before, now *entry) {
		order = append(order, slices.Index(o.parts, before))
		w.walk(within(change, steps, now), here, before, now)
	}, keys...)
	for _, p := range added {
		w.walk(within(change, steps, p), here, nil, p)
	}
	for _, p := range gone {
		w.walk(within(change, steps, p), here, p, nil)
	}
	if !slices.IsSorted(order) {
		change.Kind, change.Field = ChangeOrder, n.at
		change.What, _ = weightOf(steps)
		w.add(change)
	}
}

// identifying are the keys by which elements are known, the best first.
var identifying = []string{"name", "host", "where", "version", "mechanism", "label", "text"}

// became finds the elements of a list that another change has told to be the same
// under another name.
func (w *fieldWalk) became(old *entry) func(*entry) string {
	return func(e *entry) string {
		if slices.Contains(old.parts, e) {
			return e.at
		}
		return cmp.Or(w.was[e.at], "not "+e.at)
	}
}

// identity is what an element of a list is known by.
func (e *entry) identity() string {
	if e.isPlain() {
		return e.summary()
	}
	if use := cmp.Or(e.value("id"), e.value("use")); use != "" {
		return use
	}
	for _, key := range identifying {
		if p := e.part(key); p != nil {
			return p.summary()
		}
	}
	return e.summary()
}

// title is what an element of a list is called: its identity, of a text in the
// first of its languages.
func (e *entry) title() string {
	if e.isPlain() || e.value("id") != "" || e.value("use") != "" {
		return e.identity()
	}
	for _, key := range identifying {
		if p := e.part(key); p != nil {
			if !p.isPlain() && p.parts[0].leaf {
				return p.parts[0].text
			}
			return p.summary()
		}
	}
	return e.summary()
}

// fullIdentity tells elements of one identity apart.
func (e *entry) fullIdentity() string {
	parts := []string{e.identity()}
	for _, key := range []string{"kind", "domain", "service", "category", "max", "path"} {
		parts = append(parts, e.value(key))
	}
	return strings.Join(parts, "\x00")
}

// within completes what is known of a change on the way down to an entry.
func within(change Change, steps []string, e *entry) Change {
	switch path := strings.Join(steps, "."); {
	case path == "categories":
		change.Category = e.key
	case path == "services":
		change.Service, change.Names = e.identity(), []string{e.identity()}
	case path == "page.sections", path == "browsers", path == "contact":
		change.Names = []string{e.key}
	case e.key == "" && len(steps) > 0:
		change.Names = []string{e.title()}
	}
	return change
}

// lone tells of what only one version has, as a whole where nothing in it has
// been told of.
func (w *fieldWalk) lone(change Change, steps []string, o, n *entry) {
	side, e := 0, o
	if n != nil {
		side, e = 1, n
	}
	if w.anySaid(side, e) && !e.leaf {
		for _, p := range e.parts {
			below := append(slices.Clip(steps), p.step())
			if side == 0 {
				w.walk(within(change, steps, p), below, p, nil)
			} else {
				w.walk(within(change, steps, p), below, nil, p)
			}
		}
		return
	}
	change.Kind, change.Field = ChangeGone, e.at
	if side == 1 {
		change.Kind = ChangeNew
	}
	w.put(&change, steps, cmp.Or(o.summary(), empty(o)), cmp.Or(n.summary(), empty(n)))
	e.leaves(steps, func(steps []string, leaf *entry) {
		change.Substantial = change.Substantial || w.weigh(steps, side, leaf)
	})
	w.add(change)
}

// empty is how a list or mapping without elements is written.
func empty(e *entry) string {
	if e == nil {
		return ""
	}
	return "[]"
}

func (w *fieldWalk) anySaid(side int, e *entry) bool {
	return w.said[side][e.at] || slices.ContainsFunc(e.parts, func(p *entry) bool { return w.anySaid(side, p) })
}

// weigh reports whether it is substantial that only one version has a value.
func (w *fieldWalk) weigh(steps []string, side int, leaf *entry) bool {
	_, weigh := weightOf(w.textSteps(steps, side, leaf))
	switch {
	case weigh == nil:
		return false
	case side == 0:
		return weigh(leaf.summary(), "")
	}
	return weigh("", leaf.summary())
}

// textSteps drops the language from the steps of a text.
func (w *fieldWalk) textSteps(steps []string, side int, leaf *entry) []string {
	at, ok := strings.CutSuffix(leaf.at, "."+leaf.key)
	if ok && w.prose[side][at] && !w.prose[side][leaf.at] {
		return steps[:len(steps)-1]
	}
	return steps
}

// put gives a change its word, type and values.
func (w *fieldWalk) put(change *Change, steps []string, old, new string) weight {
	what, weigh := weightOf(steps)
	change.What, change.Old, change.New = what, old, new
	change.Type = typeOf(steps, cmp.Or(new, old))
	return weigh
}

// plain compares scalars and lists of them, and what is written in two forms.
func (w *fieldWalk) plain(change Change, steps []string, o, n *entry) {
	if old, new := o.summary(), n.summary(); old != new {
		weigh := w.put(&change, steps, old, new)
		w.value(o.at, n.at, change, weigh)
	}
}

// typeOf tells the type of a value where its form does.
func typeOf(steps []string, value string) ValueType {
	last := ""
	if len(steps) > 0 {
		last = steps[len(steps)-1]
	}
	if _, err := ParseDate(value); err == nil {
		return TypeDate
	}
	if _, err := ParsePeriod(value); err == nil {
		return TypePeriod
	}
	switch {
	case value == "true", value == "false":
		return TypeYes
	case last == "country", last == "countries":
		return TypeCountry
	case last == "transfer", last == "mechanism":
		return TypeMechanism
	}
	return TypeAny
}

// ---- texts

// text compares the languages of one text.
func (w *fieldWalk) text(change Change, steps []string, o, n *entry) {
	old, new := o.wording(w.new.Default()), n.wording(w.new.Default())
	var added, gone, changed []string
	for _, e := range new {
		if before, ok := old.in(e.lang); !ok {
			added = append(added, e.lang)
		} else if before != e.text {
			changed = append(changed, e.lang)
		}
	}
	for _, e := range old {
		if _, ok := new.in(e.lang); !ok {
			gone = append(gone, e.lang)
		}
	}
	if len(added)+len(gone)+len(changed) == 0 && o.leaf != n.leaf {
		changed = append(changed, new[0].lang) // the same words, for one language instead of all
	}
	w.wordings(change, steps, ChangeTextChanged, o, n, changed)
	w.wordings(change, steps, ChangeTextNew, nil, n, w.untranslated(added, w.old))
	w.wordings(change, steps, ChangeTextGone, o, nil, w.untranslated(gone, w.new))
}

// untranslated drops the languages that the other version does not have at all:
// that they come or go is told once.
func (w *fieldWalk) untranslated(langs []string, other *Site) []string {
	return slices.DeleteFunc(langs, func(l string) bool {
		if slices.Contains(other.Langs, l) || !slices.Contains(w.old.Langs, l) && !slices.Contains(w.new.Langs, l) {
			return false
		}
		w.translated[l]++
		return true
	})
}

// wordings adds a change of a text in some languages.
func (w *fieldWalk) wordings(change Change, steps []string, kind ChangeKind, o, n *entry, langs []string) {
	if len(langs) == 0 {
		return
	}
	what, weigh := weightOf(steps)
	change.Kind, change.What, change.Langs = kind, what, langs
	if change.Field = ""; n != nil {
		change.Field = n.at
	} else {
		change.Field = o.at
	}
	change.Substantial = weigh != nil && weigh(o.summary(), n.summary())
	w.add(change)
}

// translations tells how many texts come and go with a language of the site.
func (w *fieldWalk) translations() {
	for _, s := range []*Site{w.old, w.new} {
		for _, l := range s.Langs {
			n := w.translated[l]
			if n == 0 {
				continue
			}
			change := Change{Kind: ChangeTranslated, Field: "languages", Langs: []string{l}, New: strconv.Itoa(n), Type: TypeNumber}
			if s == w.old {
				change.Kind, change.Old, change.New = ChangeUntranslated, change.New, ""
			}
			w.add(change)
		}
	}
}

type wordingList []textEntry

func (ws wordingList) in(lang string) (string, bool) {
	for _, e := range ws {
		if e.lang == lang {
			return e.text, true
		}
	}
	return "", false
}

// wording returns a text as it is written. What is written without a language
// counts as written in the one given.
func (e *entry) wording(lang string) wordingList {
	switch {
	case e == nil:
		return nil
	case e.leaf:
		return wordingList{{lang, e.text}}
	}
	list := make(wordingList, len(e.parts))
	for i, p := range e.parts {
		list[i] = textEntry{p.key, p.text}
	}
	return list
}

// ---- entries by path

// find returns the entry that stands at the path, nil if none does.
func (e *entry) find(at string) *entry {
	for _, p := range e.parts {
		if p.at == at {
			return p
		}
		rest, ok := strings.CutPrefix(at, p.at)
		if ok && rest != "" && (rest[0] == '.' || rest[0] == '[') {
			if found := p.find(at); found != nil {
				return found
			}
		}
	}
	return nil
}

func element(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }
