package policy

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// An entry is one field or element as the manifest writes it. Compare walks the
// entries of two manifests side by side, so that no field is forgotten: they are
// noted where all fields are read (see decoder.read).
type entry struct {
	key   string // of a mapping; "" for an element of a list
	at    string // its path: "trackers[3].lasts"
	text  string // of a scalar
	leaf  bool   // it is a scalar
	parts []*entry
}

// note adds what is about to be read to the entry that is being read, and makes
// it the one that is.
func (d *decoder) note(key, n *yaml.Node, at string) {
	if d.entry == nil { // of the catalogue: nobody compares two versions of an entry
		return
	}
	e := &entry{at: at, leaf: n.Kind == yaml.ScalarNode}
	if e.leaf {
		e.text = strings.TrimSpace(n.Value)
	}
	if key != nil {
		e.key = key.Value
	}
	d.entry.parts = append(d.entry.parts, e)
	d.entry = e
}

// part returns the field with that key, nil if it is not written.
func (e *entry) part(key string) *entry {
	if e == nil {
		return nil
	}
	for _, p := range e.parts {
		if p.key == key {
			return p
		}
	}
	return nil
}

// value returns the scalar of the field with that key.
func (e *entry) value(key string) string {
	if p := e.part(key); p != nil && p.leaf {
		return canonical(p.text)
	}
	return ""
}

// isList reports whether the entry is a list. A lone value that stands for a
// list of one is one too: it was read as its own element.
func (e *entry) isList() bool {
	return e != nil && len(e.parts) > 0 && e.parts[0].key == ""
}

// isPlain reports whether the entry is a scalar, or a list of scalars.
func (e *entry) isPlain() bool {
	if e == nil {
		return true
	}
	if len(e.parts) == 0 {
		return true // an empty list or mapping says as much as an empty text
	}
	return e.isList() && !slices.ContainsFunc(e.parts, func(p *entry) bool { return !p.leaf || len(p.parts) > 0 })
}

// words returns the scalar, or those of the list, in the order of the manifest.
func (e *entry) words() []string {
	switch {
	case e == nil:
		return nil
	case len(e.parts) == 0 && e.leaf:
		return []string{canonical(e.text)}
	}
	var all []string
	for _, p := range e.parts {
		if p.leaf {
			all = append(all, canonical(p.text))
		}
	}
	return all
}

// summary is the entry on one line.
func (e *entry) summary() string {
	switch {
	case e == nil:
		return ""
	case e.isPlain():
		return strings.Join(e.words(), ", ")
	}
	parts := make([]string, len(e.parts))
	for i, p := range e.parts {
		parts[i] = p.summary()
		if p.key != "" {
			parts[i] = p.key + ": " + parts[i]
		}
	}
	return strings.Join(parts, ", ")
}

// leaves calls do for every scalar, list of scalars and text at or below the
// entry, with the steps of its path.
func (e *entry) leaves(steps []string, do func(steps []string, leaf *entry)) {
	if e.isPlain() {
		do(steps, e)
		return
	}
	for _, p := range e.parts {
		p.leaves(append(slices.Clip(steps), p.step()), do)
	}
}

// step is what a pattern of paths says of the entry: its key, "[]" for an
// element.
func (e *entry) step() string {
	if e.key == "" {
		return "[]"
	}
	return e.key
}

// canonical writes equal periods alike, and all else as it stands.
func canonical(text string) string {
	if p, err := ParsePeriod(text); err == nil {
		return p.String()
	}
	return text
}
