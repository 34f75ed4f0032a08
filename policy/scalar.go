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
	more string // what readers of a field must know besides, in a sentence
	def  string // the name under which the schema describes it once; "" for each time
}

func (s scalarShape) noun() string    { return s.what }
func (s scalarShape) note() string    { return s.more }
func (s scalarShape) fields() []field { return nil }
func (s scalarShape) schema(b *schemaBuilder) map[string]any {
	if s.def == "" {
		return s.json()
	}
	b.defs[s.def] = s.json()
	return map[string]any{"$ref": "#/$defs/" + s.def}
}

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
	return scalarShape{what: "a text of one line", fix: "a text of one line", json: anyLine, set: func(s string) error {
		return setLine(dst, s)
	}}
}

// Parts of patterns that Go and the programs that read JSON Schemas understand
// alike.
const (
	spaces = `[\s\p{Z}]*`
	inLine = `[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]`             // what may stand within a line: not isHidden
	shown  = `[^\s\p{Z}\p{Cc}\p{Cf}]`                  // what begins and ends it
	oneRow = shown + `(` + inLine + `*` + shown + `)?` // a line without the spaces around it
)

// around is a pattern with the spaces around the value that Parse removes.
func around(pattern string) string {
	return "^" + spaces + "(" + strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$") + ")" + spaces + "$"
}

// anyText is a text, or what YAML takes for something else and Parse reads as
// one ("version: 1.0"). Which control characters it may hold no pattern can say
// that both Go and JavaScript read.
func anyText() map[string]any {
	return map[string]any{"type": []string{"string", "number", "boolean"}, "pattern": `[^\s\p{Z}]`, "maxLength": maxScalar}
}

// anyLine is anyText on one line.
func anyLine() map[string]any {
	schema := anyText()
	schema["pattern"] = around(oneRow)
	return schema
}

// matching is a text that follows a pattern.
func matching(pattern string) func() map[string]any {
	return func() map[string]any { return map[string]any{"type": "string", "pattern": pattern} }
}

// matchingUpTo is matching for a text of so many characters at most.
func matchingUpTo(most int, pattern string) func() map[string]any {
	return func() map[string]any {
		return map[string]any{"type": "string", "pattern": pattern, "maxLength": most}
	}
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
	return patternAs(dst, what, fix, matching(around(regexp)), ok)
}

// patternAs is pattern where the schema has more to say.
func patternAs(dst *string, what, fix string, schema func() map[string]any, ok func(string) bool) shape {
	return scalarShape{what: what, fix: fix, json: schema, set: func(s string) error {
		s = strings.TrimSpace(s)
		if !ok(s) {
			return fmt.Errorf("%q is not %s", shorten(s), what)
		}
		*dst = s
		return nil
	}}
}

// maxID bounds an id.
const maxID = 64

const idPattern = `^[a-z][a-z0-9]*(-[a-z0-9]+)*$`

// id is a name that other parts of the manifest refer to.
func id(dst *string) shape {
	return idShape(dst)
}

func idShape(dst *string) scalarShape {
	return patternAs(dst, "an id (small letters, digits and hyphens)", `a word such as "google-analytics"`, matchingUpTo(maxID, around(idPattern)), isID).(scalarShape)
}

// knownID is an id that usually is one of those that Témoin knows: the schema
// and the documentation name them. Where others are possible, it is open.
func knownID(dst *string, open bool, known func() []string) shape {
	return knownShape{idShape(dst), open, known}
}

type knownShape struct {
	scalarShape
	open  bool
	known func() []string
}

func (k knownShape) values() []string { return k.known() }
func (k knownShape) schema(b *schemaBuilder) map[string]any {
	known := map[string]any{"enum": k.known()}
	if k.open {
		return map[string]any{"anyOf": []any{known, k.scalarShape.schema(b)}}
	}
	return known
}

func isID(s string) bool {
	if s == "" || len(s) > maxID || s[0] < 'a' || s[0] > 'z' || s[len(s)-1] == '-' {
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

func (w wordShape[T]) values() []string { return w.list() }
func (w wordShape[T]) noun() string     { return "one of: " + strings.Join(w.list(), ", ") }
func (w wordShape[T]) fields() []field  { return nil }
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
	schema := func() map[string]any {
		return map[string]any{"type": []string{"boolean", "string"}, "pattern": "^(true|True|TRUE|false|False|FALSE)$"}
	}
	return scalarShape{what: "true or false", fix: "true or false", json: schema, set: func(s string) error {
		switch s {
		case "true", "True", "TRUE", "false", "False", "FALSE": // as YAML has them
			*dst = s[0] == 't' || s[0] == 'T'
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
	schema := func() map[string]any {
		return map[string]any{"type": []string{"integer", "string"}, "minimum": from, "maximum": to, "pattern": "^" + numberPattern(from, to) + "$"}
	}
	return scalarShape{what: what, fix: what, json: schema, set: func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < from || n > to {
			return fmt.Errorf("%q is not %s", shorten(s), what)
		}
		*dst = n
		return nil
	}}
}

// numberPattern matches the whole numbers of a range as strconv.Atoi reads them.
func numberPattern(from, to int) string {
	positive := `\+?0*(` + between(max(from, 1), to) + `)`
	if from > 0 {
		return positive
	}
	return `([+-]?0+|` + positive + `)`
}

// between matches the numbers from one to another, without zeros before them.
func between(from, to int) string {
	var parts []string
	for from <= to {
		size, zeros := 1, 0
		for from%(size*10) == 0 && from+size*10-1 <= to {
			size, zeros = size*10, zeros+1
		}
		first := from / size
		last := min(first%10+(to-(from+size-1))/size, 9)
		part := strconv.Itoa(last)
		if first%10 < last {
			part = fmt.Sprintf("[%d-%d]", first%10, last)
		}
		if first >= 10 {
			part = strconv.Itoa(first/10) + part
		}
		if zeros > 0 {
			part += fmt.Sprintf("[0-9]{%d}", zeros)
		}
		parts = append(parts, part)
		from = (first - first%10 + last + 1) * size
	}
	return strings.Join(parts, "|")
}

// periodBody matches what ParsePeriod reads, up to the longest period.
var periodBody = func() string {
	var parts []string
	for _, u := range units {
		words := anyCase(string(u.unit)) + "[Ss]?"
		if u.short != "" {
			words += "|" + anyCase(u.short)
		}
		most := maxPeriod * 12 * secondsPerMonth / Period{1, u.unit}.approximate()
		parts = append(parts, "0*("+between(1, int(most))+")"+spaces+"("+words+")")
	}
	return strings.Join(parts, "|")
}()

// anyCase matches a word in small letters, capitals or both.
func anyCase(word string) string {
	var b strings.Builder
	for _, r := range word {
		fmt.Fprintf(&b, "[%c%c]", unicode.ToUpper(r), r)
	}
	return b.String()
}

// periodNote says what a period is made of, where one is explained.
const periodNote = "A period is a whole number and seconds, minutes, hours, days, weeks, months or years."

func period(dst *Period) shape {
	return scalarShape{what: "a period", fix: `a period such as "13 months" or "72 hours"`, json: matching(around(periodBody)), more: periodNote, def: "period", set: func(s string) (err error) {
		p, err := ParsePeriod(s)
		if err == nil {
			*dst = p
		}
		return err
	}}
}
