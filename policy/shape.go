package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

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
	bytes     int  // of values read
	stopped   bool // the bound on nodes was reached and reported
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
	if n == nil {
		return
	}
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

// ---- scalars

// maxScalar bounds one value, in bytes: a long paragraph, not a book.
const maxScalar = 20_000

type scalarShape struct {
	what string                // "a period"
	fix  string                // what to write, after "write "
	json func() map[string]any // what the schema says of it; made only when asked for
	set  func(string) error
}

func (s scalarShape) noun() string                         { return s.what }
func (s scalarShape) fields() []field                      { return nil }
func (s scalarShape) schema(*schemaBuilder) map[string]any { return s.json() }
func (s scalarShape) decode(d *decoder, n *yaml.Node, at string) {
	if n.Kind != yaml.ScalarNode {
		d.problem(n, at, "expected "+s.what+", found "+found(n), "write "+s.fix)
		return
	}
	if len(n.Value) > maxScalar {
		d.problem(n, at, fmt.Sprintf("is %d bytes long, more than %d", len(n.Value), maxScalar), "shorten it")
		return
	}
	if err := s.set(n.Value); err != nil {
		d.problem(n, at, err.Error(), "write "+s.fix)
	}
}

// A proseShape is a scalar in the operator's own words, which the decoder
// collects so that rules on wording see all of them.
type proseShape struct {
	scalarShape
	lang string
}

func (p proseShape) decode(d *decoder, n *yaml.Node, at string) {
	before := len(d.problems)
	p.scalarShape.decode(d, n, at)
	if len(d.problems) == before {
		d.prose = append(d.prose, Prose{strings.TrimSuffix(at, "."+p.lang), p.lang, n.Value, Position{n.Line, n.Column}})
	}
}

// line is a text of one line.
func line(dst *string) shape {
	return scalarShape{"a text of one line", "a text of one line", anyText, func(s string) error {
		return setLine(dst, s)
	}}
}

// anyText is a text, or a number that is read as one ("version: 1.0").
func anyText() map[string]any {
	return map[string]any{"type": []string{"string", "number"}, "minLength": 1}
}

// matching is a text that follows a pattern.
func matching(pattern string) func() map[string]any {
	return func() map[string]any { return map[string]any{"type": "string", "pattern": pattern} }
}

func setLine(dst *string, s string) error {
	s = strings.TrimSpace(s)
	if s == "" {
		return fmt.Errorf("is empty")
	}
	if i := strings.IndexFunc(s, isHidden); i >= 0 {
		return fmt.Errorf("holds a line break, control or direction character")
	}
	*dst = s
	return nil
}

// isHidden reports the characters that change how a line reads without being
// seen: controls, line breaks, characters of format such as directional
// overrides and those of no width.
func isHidden(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
}

// isJoiner reports the invisible characters that belong to the spelling of
// Arabic, Persian and others, or settle the direction of one mark.
func isJoiner(r rune) bool { return r >= '\u200c' && r <= '\u200f' || r == '\u061c' || r == '\u00ad' }

// pattern is a text of one line that follows a rule, which the schema has too.
func pattern(dst *string, what, fix, regexp string, ok func(string) bool) shape {
	return scalarShape{what, fix, matching(regexp), func(s string) error {
		s = strings.TrimSpace(s)
		if !ok(s) {
			return fmt.Errorf("%q is not %s", shorten(s), what)
		}
		*dst = s
		return nil
	}}
}

const idPattern = `^[a-z][a-z0-9]*(-[a-z0-9]+)*$`

// id is a name that other parts of the manifest refer to.
func id(dst *string) shape {
	return pattern(dst, "an id (small letters, digits and hyphens)", `a word such as "google-analytics"`, idPattern, isID)
}

func isID(s string) bool {
	if s == "" || len(s) > 64 || s[0] < 'a' || s[0] > 'z' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' && s[i-1] != '-') {
			return false
		}
	}
	return true
}

// oneOf is one of a closed set of words.
func oneOf[T ~string](dst *T, words ...T) shape { return wordShape[T]{dst, words} }

type wordShape[T ~string] struct {
	dst   *T
	words []T
}

func (w wordShape[T]) list() []string {
	all := make([]string, len(w.words))
	for i, word := range w.words {
		all[i] = string(word)
	}
	return all
}

func (w wordShape[T]) noun() string    { return "one of: " + strings.Join(w.list(), ", ") }
func (w wordShape[T]) fields() []field { return nil }
func (w wordShape[T]) schema(*schemaBuilder) map[string]any {
	return map[string]any{"enum": w.list()}
}

func (w wordShape[T]) decode(d *decoder, n *yaml.Node, at string) {
	switch word := T(n.Value); {
	case n.Kind != yaml.ScalarNode:
		d.problem(n, at, "expected "+w.noun()+"; found "+found(n), "write "+w.noun())
	case slices.Contains(w.words, word):
		*w.dst = word
	default:
		what := fmt.Sprintf("%q is not known", shorten(n.Value))
		if near := nearest(n.Value, w.list()); near != "" {
			what += fmt.Sprintf(" (did you mean %q?)", near)
		}
		d.problem(n, at, what, "write "+w.noun())
	}
}

// yes is a truth value.
func yes(dst *bool) shape {
	return scalarShape{"true or false", "true or false", func() map[string]any { return map[string]any{"type": "boolean"} }, func(s string) error {
		switch s {
		case "true", "false":
			*dst = s == "true"
			return nil
		}
		return fmt.Errorf("%q is neither true nor false", shorten(s))
	}}
}

// number is a whole number in a range.
func number(dst *int, from, to int) shape {
	what := fmt.Sprintf("a whole number from %d to %d", from, to)
	if from == to {
		what = strconv.Itoa(from)
	}
	schema := func() map[string]any { return map[string]any{"type": "integer", "minimum": from, "maximum": to} }
	return scalarShape{what, what, schema, func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < from || n > to {
			return fmt.Errorf("%q is not %s", shorten(s), what)
		}
		*dst = n
		return nil
	}}
}

const periodPattern = `^[1-9][0-9]* ?(seconds?|minutes?|hours?|days?|weeks?|months?|years?|s|min|h|d|w|y)$`

func period(dst *Period) shape {
	return scalarShape{"a period", `a period such as "13 months" or "72 hours"`, matching(periodPattern), func(s string) (err error) {
		p, err := ParsePeriod(s)
		if err == nil {
			*dst = p
		}
		return err
	}}
}

// ---- lists and mappings

// maxElements bounds one list or mapping: what is compared pair by pair stays
// cheap.
const maxElements = 2000

type listShape[T any] struct {
	dst  *[]T
	elem func(*T) shape
	lone bool // a value that is not a list stands for a list of one
}

// list is a list of values.
func list[T any](dst *[]T, elem func(*T) shape) shape { return listShape[T]{dst, elem, false} }

// some is one value or a list of them.
func some[T any](dst *[]T, elem func(*T) shape) shape { return listShape[T]{dst, elem, true} }

func (l listShape[T]) one() shape      { return l.elem(new(T)) }
func (l listShape[T]) fields() []field { return l.one().fields() }
func (l listShape[T]) noun() string {
	if l.lone {
		return l.one().noun() + ", or a list of them"
	}
	return "a list"
}

func (l listShape[T]) schema(b *schemaBuilder) map[string]any {
	one := l.one().schema(b)
	many := map[string]any{"type": "array", "items": one}
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
}

// object is a mapping with these keys and no others. Where it stands is stored
// in at, if given.
func object(name, what string, at *string, fields ...field) shape {
	return objectShape{name, what, at, fields}
}

func (o objectShape) noun() string    { return o.what }
func (o objectShape) fields() []field { return o.list }

func (o objectShape) schema(b *schemaBuilder) map[string]any { return b.object(o) }

func (o objectShape) decode(d *decoder, n *yaml.Node, at string) {
	if n.Kind != yaml.MappingNode {
		d.problem(n, at, "expected "+o.what+", found "+found(n), fmt.Sprintf("write its fields as \"key: value\", beginning with %q", o.list[0].key))
		return
	}
	if o.at != nil {
		*o.at = at // only now: what has no place could not be read
	}
	seen := map[string]bool{}
	d.eachKey(n, at, func(key, value *yaml.Node) {
		seen[key.Value] = true
		i := slices.IndexFunc(o.list, func(f field) bool { return f.key == key.Value })
		if i < 0 {
			d.problem(key, at, fmt.Sprintf("unknown field %q", shorten(key.Value)), o.advice(key.Value))
			return
		}
		d.read(o.list[i].shape, key, value, join(at, key.Value))
	})
	for _, f := range o.list {
		if f.required && !seen[f.key] {
			d.problem(n, at, fmt.Sprintf("%q is missing", f.key), fmt.Sprintf("write %s: %s", f.key, strings.SplitN(f.example, "\n", 2)[0]))
		}
	}
}

// eachKey calls do for each key and value, and reports keys that are not plain
// words or stand twice.
func (d *decoder) eachKey(n *yaml.Node, at string, do func(key, value *yaml.Node)) {
	lines := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch before, twice := lines[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			d.problem(key, at, "a key must be a word, found "+found(key), "write a word before the colon")
		case key.Value == "<<" && key.Style == 0:
			d.problem(key, at, "merge keys (<<) are not read", "write the fields out")
		case twice:
			d.problem(key, join(at, key.Value), fmt.Sprintf("stands twice, first in line %d", before), "keep one of them")
		default:
			lines[key.Value] = key.Line
			do(key, value)
		}
	}
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
	dst  *[]T
	what string
	key  string // pattern of the keys, for the schema
	ok   func(string) bool
	elem func(string, *T) shape
}

// keyed is a mapping from ids to values, kept in the order of the file.
func keyed[T any](dst *[]T, what string, elem func(string, *T) shape) shape {
	return keyedShape[T]{dst, what, idPattern, isID, elem}
}

func (k keyedShape[T]) one() shape      { return k.elem("", new(T)) }
func (k keyedShape[T]) noun() string    { return k.what }
func (k keyedShape[T]) fields() []field { return k.one().fields() }

func (k keyedShape[T]) schema(b *schemaBuilder) map[string]any {
	return map[string]any{
		"type":                 "object",
		"patternProperties":    map[string]any{k.key: k.one().schema(b)},
		"additionalProperties": false,
	}
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
