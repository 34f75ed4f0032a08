package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Shapes of lists and mappings.

// maxElements bounds one list or mapping: what is compared pair by pair stays
// cheap.
const maxElements = 2000

type listShape[T any] struct {
	dst  *[]T
	elem func(*T) shape
	lone bool // a value that is not a list stands for a list of one
	some bool // the schema refuses an empty one
	once bool // the schema refuses one in which an element stands twice
}

// list is a list of values.
func list[T any](dst *[]T, elem func(*T) shape) shape { return listShape[T]{dst: dst, elem: elem} }

// some is one value or a list of them.
func some[T any](dst *[]T, elem func(*T) shape) shape {
	return listShape[T]{dst: dst, elem: elem, lone: true}
}

// filled makes the schema refuse an empty list or mapping, where the compiler
// does.
func filled(s shape) shape { return s.(interface{ filled() shape }).filled() }

// distinct makes the schema refuse a list in which an element stands twice,
// where the compiler does.
func distinct(s shape) shape { return s.(interface{ distinct() shape }).distinct() }

func (l listShape[T]) filled() shape    { l.some = true; return l }
func (l listShape[T]) distinct() shape  { l.once = true; return l }
func (l listShape[T]) one() shape       { return l.elem(new(T)) }
func (l listShape[T]) fields() []field  { return l.one().fields() }
func (l listShape[T]) note() string     { return noteOf(l.one()) }
func (l listShape[T]) values() []string { return valuesOf(l.one()) }
func (l listShape[T]) noun() string {
	if l.lone {
		return l.one().noun() + ", or a list of them"
	}
	return "a list"
}

func (l listShape[T]) schema(b *schemaBuilder) map[string]any {
	one := l.one().schema(b)
	many := map[string]any{"type": "array", "items": one}
	if l.some {
		many["minItems"] = 1
	}
	if l.once {
		many["uniqueItems"] = true
	}
	if l.lone {
		return map[string]any{"anyOf": []any{one, many}}
	}
	return many
}

func (l listShape[T]) decode(d *decoder, n *yaml.Node, at string) {
	elems := []*yaml.Node{n}
	switch {
	case n.Kind == yaml.SequenceNode:
		elems = n.Content
	case !l.lone:
		d.problem(n, at, "expected a list, found "+found(n), `write one element a line, each after "- "`)
		return
	}
	// Elements hold pointers to their own places: the list must not move.
	if len(elems) > maxElements {
		d.problem(n, at, fmt.Sprintf("has %d elements, more than %d", len(elems), maxElements), "check that this is the right file")
		return
	}
	xs := make([]T, len(elems))
	for i, e := range elems {
		here := at
		if n.Kind == yaml.SequenceNode {
			here = at + "[" + strconv.Itoa(i) + "]"
		}
		d.read(l.elem(&xs[i]), nil, e, here)
	}
	*l.dst = xs
}

type objectShape struct {
	name string // of the definition in the schema: "tracker"
	what string // "a tracker"
	at   *string
	list []field
	any  func() [][]string // the schema asks for all fields of one of these, where the compiler does
}

// object is a mapping with these keys and no others. Where it stands is stored
// in at, if given.
func object(name, what string, at *string, fields ...field) shape {
	return objectOfAny(name, what, at, nil, fields...)
}

// objectOfAny is object where the schema asks for all fields of one of some groups.
func objectOfAny(name, what string, at *string, any func() [][]string, fields ...field) shape {
	return objectShape{name, what, at, fields, any}
}

func (o objectShape) noun() string    { return o.what }
func (o objectShape) fields() []field { return o.list }

func (o objectShape) schema(b *schemaBuilder) map[string]any { return b.object(o) }

func (o objectShape) decode(d *decoder, n *yaml.Node, at string) {
	if at == "" && d.tagged(n, at) { // of all others, read has asked
		return
	}
	if n.Kind != yaml.MappingNode {
		d.problem(n, at, "expected "+o.what+", found "+found(n), fmt.Sprintf("write its fields as \"key: value\", beginning with %q", o.list[0].key))
		return
	}
	if o.at != nil {
		*o.at = at // only now: what has no place could not be read
	}
	seen := map[string]bool{}
	whole := d.eachKey(n, at, func(key, value *yaml.Node) {
		seen[key.Value] = true
		i := slices.IndexFunc(o.list, func(f field) bool { return f.key == key.Value })
		if i < 0 {
			d.problem(key, at, fmt.Sprintf("unknown field %q", shorten(key.Value)), o.advice(key.Value))
			return
		}
		d.read(o.list[i].shape, key, value, join(at, key.Value))
	})
	if !whole { // what is missing may stand there: it has no place, as what could not be read
		if o.at != nil {
			*o.at = ""
		}
		return
	}
	for _, f := range o.list {
		if f.required && !seen[f.key] {
			d.problem(n, at, fmt.Sprintf("%q is missing", f.key), fmt.Sprintf("write %s: %s", f.key, strings.SplitN(f.example, "\n", 2)[0]))
		}
	}
}

// eachKey calls do for each key and value, and reports keys that are not plain
// words or stand twice. The mapping is not whole where it takes in another one.
func (d *decoder) eachKey(n *yaml.Node, at string, do func(key, value *yaml.Node)) (whole bool) {
	whole = true
	lines := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch before, twice := lines[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			d.problem(key, at, "a key must be a word, found "+found(key), "write a word before the colon")
		case key.Value == "<<" && key.Style == 0:
			d.problem(key, at, "merge keys (<<) are not read", "write the fields out")
			whole = false
		case d.tagged(key, at):
		case twice:
			d.problem(key, join(at, key.Value), fmt.Sprintf("stands twice, first in line %d", before), "keep one of them")
		default:
			lines[key.Value] = key.Line
			do(key, value)
		}
	}
	return whole
}

func join(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

// advice says what to write instead of an unknown key.
func (o objectShape) advice(key string) string {
	var keys []string
	for _, f := range o.list {
		if slices.Contains(f.slips, strings.ToLower(key)) {
			return fmt.Sprintf("did you mean %q?", f.key)
		}
		keys = append(keys, f.key)
	}
	if near := nearest(key, keys); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "known here: " + strings.Join(keys, ", ")
}

type keyedShape[T any] struct {
	dst   *[]T
	what  string
	key   string // pattern of the keys, for the schema
	ok    func(string) bool
	elem  func(string, *T) shape
	some  bool   // the schema refuses an empty one
	needs string // the key without which it says nothing
}

// keyed is a mapping from ids to values, kept in the order of the file.
func keyed[T any](dst *[]T, what string, elem func(string, *T) shape) shape {
	return keyedShape[T]{dst: dst, what: what, key: idPattern, ok: isID, elem: elem}
}

func (k keyedShape[T]) filled() shape   { k.some = true; return k }
func (k keyedShape[T]) one() shape      { return k.elem("", new(T)) }
func (k keyedShape[T]) noun() string    { return k.what }
func (k keyedShape[T]) fields() []field { return k.one().fields() }
func (k keyedShape[T]) note() string    { return noteOf(k.one()) }

func (k keyedShape[T]) schema(b *schemaBuilder) map[string]any {
	m := map[string]any{
		"type":                 "object",
		"patternProperties":    map[string]any{k.key: k.one().schema(b)},
		"additionalProperties": false,
	}
	if k.key == idPattern {
		m["propertyNames"] = map[string]any{"maxLength": maxID}
	}
	if k.some {
		m["minProperties"] = 1
	}
	if k.needs != "" {
		m["required"] = []string{k.needs}
	}
	return m
}

func (k keyedShape[T]) decode(d *decoder, n *yaml.Node, at string) {
	if n.Kind != yaml.MappingNode {
		d.problem(n, at, "expected "+k.what+", found "+found(n), `write "key: value", one a line`)
		return
	}
	if len(n.Content)/2 > maxElements {
		d.problem(n, at, fmt.Sprintf("has %d keys, more than %d", len(n.Content)/2, maxElements), "check that this is the right file")
		return
	}
	if k.needs != "" && len(n.Content) == 0 {
		d.problem(n, at, "is empty", "write "+k.what)
		return
	}
	xs := make([]T, 0, len(n.Content)/2)
	d.eachKey(n, at, func(key, value *yaml.Node) {
		if !k.ok(key.Value) {
			d.problem(key, at, fmt.Sprintf("%q cannot be a key here", shorten(key.Value)), "write "+k.what)
			return
		}
		xs = append(xs, *new(T)) // within capacity: earlier elements stay where they are
		d.read(k.elem(key.Value, &xs[len(xs)-1]), key, value, join(at, key.Value))
	})
	*k.dst = xs
}

type eitherShape struct{ scalar, list, mapping shape }

// either takes one of several forms, told apart by how the value is written.
// A nil form is not allowed.
func either(scalar, list, mapping shape) shape { return eitherShape{scalar, list, mapping} }

func (e eitherShape) forms() []shape {
	return slices.DeleteFunc([]shape{e.scalar, e.list, e.mapping}, func(s shape) bool { return s == nil })
}

func (e eitherShape) noun() string { return e.forms()[0].noun() }

// note joins what the forms say, each thing once.
func (e eitherShape) note() string {
	var notes []string
	for _, s := range e.forms() {
		if n := noteOf(s); n != "" && !slices.Contains(notes, n) {
			notes = append(notes, n)
		}
	}
	return strings.Join(notes, " ")
}

func (e eitherShape) values() []string { return valuesOf(e.forms()[0]) }

func (e eitherShape) fields() []field {
	var fs []field
	for _, s := range e.forms() {
		fs = append(fs, s.fields()...)
	}
	return fs
}

func (e eitherShape) schema(b *schemaBuilder) map[string]any {
	var forms []any
	for _, s := range e.forms() {
		forms = append(forms, s.schema(b))
	}
	return map[string]any{"anyOf": forms}
}

func (e eitherShape) decode(d *decoder, n *yaml.Node, at string) {
	s := map[yaml.Kind]shape{yaml.ScalarNode: e.scalar, yaml.SequenceNode: e.list, yaml.MappingNode: e.mapping}[n.Kind]
	if s == nil {
		s = e.forms()[0] // which says what it expected
	}
	s.decode(d, n, at)
}
