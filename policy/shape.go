package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A shape says how one value of the manifest is written. It is bound to the
// place that the value goes to, so that one definition both reads the manifest
// and describes it to editors and readers: there is no second list of fields.
type shape interface {
	decode(d *decoder, n *yaml.Node, at string)
	schema(b *schemaBuilder) map[string]any
	noun() string    // "a period", for messages
	fields() []field // what a mapping of this shape holds, through lists and alternatives
}

// A field is one key of a mapping: where its value goes and what to write there.
type field struct {
	key      string
	shape    shape
	required bool
	doc      string   // what to write, in one or two sentences
	example  string   // YAML that may stand behind "key:"
	slips    []string // other words that people write for this key
}

func must(key string, s shape, doc, example string) field {
	return field{key: key, shape: s, required: true, doc: doc, example: example}
}

func may(key string, s shape, doc, example string) field {
	return field{key: key, shape: s, doc: doc, example: example}
}

// text is the documentation, with what the shape adds to it.
func (f field) text() string {
	if n := noteOf(f.shape); n != "" {
		return f.doc + " " + n
	}
	return f.doc
}

// noteOf is what readers of a field must know of values of its shape, such as
// the units of a period.
func noteOf(s shape) string {
	if s, ok := s.(interface{ note() string }); ok {
		return s.note()
	}
	return ""
}

// valuesOf are the values that a shape knows by name, whether it takes others
// or not.
func valuesOf(s shape) []string {
	if s, ok := s.(interface{ values() []string }); ok {
		return s.values()
	}
	return nil
}

// or adds words that are answered with "did you mean".
func (f field) or(slips ...string) field {
	f.slips = slips
	return f
}

// A decoder walks the YAML tree, collects every problem and remembers where
// each field stands.
type decoder struct {
	file      string
	problems  []Problem
	positions map[string]fieldPosition
	prose     []Prose
	nodes     int
	bytes     int    // of values read
	stopped   bool   // the bound on nodes was reached and reported
	entry     *entry // the field or element that is being read, for comparisons
}

type fieldPosition struct{ key, value Position }

func (d *decoder) problem(n *yaml.Node, at, what, fix string) {
	if d.full() {
		return
	}
	d.problems = append(d.problems, Problem{
		File: d.file, Position: Position{n.Line, n.Column}, Path: Visible(at), What: what, Fix: fix,
	})
}

// reported reports whether a problem is known at a field or in it: what follows
// from that is not worth a second one.
func (d *decoder) reported(path string) bool {
	path = Visible(path)
	return slices.ContainsFunc(d.problems, func(p Problem) bool {
		rest, ok := strings.CutPrefix(p.Path, path)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// plainTags are those that say what a value is anyway.
var plainTags = map[yaml.Kind][]string{
	yaml.ScalarNode:   {"!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!merge"},
	yaml.SequenceNode: {"!!seq"},
	yaml.MappingNode:  {"!!map"},
}

// tagged reports tags that would make something else of a value for programs
// that follow them.
func (d *decoder) tagged(n *yaml.Node, at string) bool {
	known, ok := plainTags[n.Kind]
	if !ok || n.Tag == "" || slices.Contains(known, n.Tag) {
		return false
	}
	d.problem(n, at, fmt.Sprintf("the tag %q means nothing in a manifest", shorten(n.Tag)), "remove the tag")
	return true
}

// full reports whether enough is wrong for nobody to read on.
func (d *decoder) full() bool { return len(d.problems) >= 10*maxProblems }

// enter counts a value against the limit and resolves an alias. It returns nil
// when the walk must not go on below n. No walk is deeper than the shapes are,
// even where an alias holds itself.
func (d *decoder) enter(n *yaml.Node, at string) *yaml.Node {
	d.nodes++
	switch {
	case d.stopped, d.full():
		return nil
	case d.nodes > maxNodes, d.bytes > MaxSize:
		d.stopped = true
		d.problem(n, at, fmt.Sprintf("the manifest has more than %d values, or %d bytes of them (aliases counted at each use)", maxNodes, MaxSize),
			"write fewer aliases")
		return nil
	case n.Kind == yaml.AliasNode:
		n = n.Alias // which is never an alias itself
	}
	d.bytes += len(n.Value)
	return n
}

// read decodes the value of one field or element.
func (d *decoder) read(s shape, key, n *yaml.Node, at string) {
	pos := fieldPosition{value: Position{n.Line, n.Column}}
	pos.key = pos.value
	if key != nil {
		pos.key = Position{key.Line, key.Column}
	}
	d.positions[at] = pos
	n = d.enter(n, at)
	if n == nil || d.tagged(n, at) {
		return
	}
	around := d.entry
	d.note(key, n, at)
	defer func() { d.entry = around }()
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		d.problem(n, at, "has no value", "write "+s.noun()+", or remove the line")
		return
	}
	s.decode(d, n, at)
}

func found(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return strconv.Quote(shorten(n.Value))
}

// shorten keeps a value fit for a message.
func shorten(s string) string {
	const most = 60
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		s = s[:i] + "…"
	}
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
