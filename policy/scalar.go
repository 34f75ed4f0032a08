package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// Shapes of single values.

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
