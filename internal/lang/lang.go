// Package lang holds the words of Témoin in every language that it writes, and
// what goes with a language: direction, months, plurals, periods, dates, lists
// and digits.
//
// It is floor 0 of the house: it imports nothing of the project. A language is
// one file, messages/<tag>.txt; every other package asks here and keeps no list
// of its own. English is the reference: a language lacks none of its messages,
// has no others, and fills in the same arguments (see [Verify]), or the build
// stops.
//
// A message is plain text with arguments in braces, "kept for {period}". It
// holds no markup and no data; whoever prints it escapes it.
package lang

import (
	"embed"
	"fmt"
	"iter"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

//go:embed messages/*.txt
var files embed.FS

// Direction is the way a script runs, as the HTML attribute dir spells it.
type Direction string

const (
	LTR Direction = "ltr"
	RTL Direction = "rtl"
)

// Reference is the language that the others are held to.
const Reference = "en"

// A Language is one that pages and notices can be written in. It is immutable
// and safe for concurrent use.
type Language struct {
	Tag       string    // BCP 47, lower case: "fr"
	Name      string    // in English: "French"
	Own       string    // in itself: "français"
	Direction Direction // the way it is read
	Months    [12]string

	messages map[string]string
	plurals  language.Tag
	digits   []string // of the script, zero to nine; nil where they are the Western ones
	native   bool     // write numbers with them
}

// loaded remembers the languages that were asked for.
var loaded sync.Map // tag → *Language

// tags are those of the files, in alphabetical order.
var tags = sync.OnceValue(func() []string {
	entries, err := files.ReadDir("messages")
	if err != nil {
		panic(err) // the folder is embedded
	}
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimSuffix(e.Name(), path.Ext(e.Name())))
	}
	return out
})

// Tags returns the tags of all known languages, in alphabetical order.
func Tags() []string { return slices.Clone(tags()) }

// Find returns the language with that tag.
func Find(tag string) (*Language, bool) {
	if l, ok := loaded.Load(tag); ok {
		return l.(*Language), true
	}
	if _, ok := slices.BinarySearch(tags(), tag); !ok {
		return nil, false
	}
	src, err := files.ReadFile("messages/" + tag + ".txt")
	if err != nil {
		return nil, false
	}
	l, err := parse(tag, string(src))
	if err != nil {
		panic(err) // an embedded file: TestEveryLanguageSaysEverything reads them all
	}
	first, _ := loaded.LoadOrStore(tag, l)
	return first.(*Language), true
}

const blanks = " \t\r\n"

// parse reads a file of messages: "key = text", one a line; a line that begins
// with a blank goes on with the text before it, and "#" begins a comment line.
func parse(tag, src string) (*Language, error) {
	l := &Language{Tag: tag, messages: make(map[string]string, 512)}
	last, n := "", 0
	for line := range strings.Lines(src) {
		n++
		text := strings.Trim(line, blanks) // a no-break space is part of a text
		switch {
		case text == "" || text[0] == '#':
			last = ""
		case (line[0] == ' ' || line[0] == '\t') && last != "":
			l.messages[last] += " " + text
		default:
			key, value, ok := strings.Cut(text, "=")
			key = strings.Trim(key, blanks)
			if _, twice := l.messages[key]; !ok || key == "" || twice {
				return nil, fmt.Errorf("messages/%s.txt:%d: %q is no new message: write key = text", tag, n, text)
			}
			l.messages[key] = strings.Trim(value, blanks)
			last = key
		}
	}
	take := func(key string) string {
		v := l.messages[key]
		delete(l.messages, key)
		return v
	}
	l.Name, l.Own, l.Direction = take("language.name"), take("language.own"), Direction(take("language.direction"))
	if l.Name == "" || l.Own == "" || l.Direction != LTR && l.Direction != RTL {
		return nil, fmt.Errorf("messages/%s.txt: language.name, language.own and language.direction (ltr or rtl) are needed", tag)
	}
	l.digits = strings.Fields(take("language.digits"))
	if n := len(l.digits); n != 0 && n != 10 {
		return nil, fmt.Errorf("messages/%s.txt: language.digits has %d digits, not ten", tag, n)
	}
	for i := range l.Months {
		if l.Months[i] = take("month." + strconv.Itoa(i+1)); l.Months[i] == "" {
			return nil, fmt.Errorf("messages/%s.txt: month.%d is missing", tag, i+1)
		}
	}
	var err error
	l.plurals, err = language.Parse(tag)
	return l, err
}

// MonthsIn returns the tags of the languages in which word is the name of a
// month, whatever its case; nil for a word that names no month.
func MonthsIn(word string) []string {
	var in []string
	for _, tag := range tags() {
		l, _ := Find(tag)
		if slices.ContainsFunc(l.Months[:], func(m string) bool { return strings.EqualFold(m, word) }) {
			in = append(in, tag)
		}
	}
	return in
}

// WithNativeDigits returns the language writing numbers with the digits of its
// script: "١٣" for 13 in Arabic. Languages without such digits stay as they are.
func (l *Language) WithNativeDigits() *Language {
	if len(l.digits) == 0 {
		return l
	}
	native := *l
	native.native = true
	return &native
}

// Has reports whether there is a message with that key.
func (l *Language) Has(key string) bool { _, ok := l.messages[key]; return ok }

// message returns the text of a key, which must exist: keys are written in the
// code, never taken from data.
func (l *Language) message(key string) string {
	m, ok := l.messages[key]
	if !ok {
		panic("lang: there is no message " + strconv.Quote(key) + " in " + l.Tag)
	}
	return m
}

// A Part is a piece of a message: text, or the name of an argument.
type Part struct{ Text, Arg string }

// Parts returns the pieces of a message in their order.
func (l *Language) Parts(key string) iter.Seq[Part] { return parts(l.message(key)) }

func parts(text string) iter.Seq[Part] {
	return func(yield func(Part) bool) {
		for text != "" {
			before, rest, found := strings.Cut(text, "{")
			if before != "" && !yield(Part{Text: before}) {
				return
			}
			if !found {
				return
			}
			arg, after, _ := strings.Cut(rest, "}")
			if !yield(Part{Arg: arg}) {
				return
			}
			text = after
		}
	}
}

// Say returns a message with its arguments filled in: names and values in turn.
func (l *Language) Say(key string, args ...string) string { return fill(l.message(key), args) }

func fill(text string, args []string) string {
	if len(args) == 0 {
		return text
	}
	var b strings.Builder
	for p := range parts(text) {
		b.WriteString(p.Text)
		for i := 0; p.Arg != "" && i < len(args); i += 2 {
			if args[i] == p.Arg {
				b.WriteString(args[i+1])
			}
		}
	}
	return b.String()
}

// Number writes a number in digits.
func (l *Language) Number(n int) string {
	s := strconv.Itoa(n)
	if !l.native {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		if c < '0' || c > '9' {
			b.WriteRune(c)
			continue
		}
		b.WriteString(l.digits[c-'0'])
	}
	return b.String()
}

// forms are CLDR's names of the plural forms.
var forms = [...]string{plural.Other: "other", plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many"}

// form returns the plural form that n takes.
func (l *Language) form(n int) string {
	return forms[plural.Cardinal.MatchPlural(l.plurals, n%10_000_000, 0, 0, 0, 0)]
}

// Forms returns the plural forms that the language has for whole numbers below
// a thousand; larger ones take one of them.
func (l *Language) Forms() []string {
	var out []string
	for n := range 1000 {
		if f := l.form(n); !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	slices.Sort(out)
	return out
}

// Count returns the message of key in the plural form that n takes, with {n}
// and the arguments filled in.
func (l *Language) Count(key string, n int, args ...string) string {
	form := key + "." + l.form(n)
	if !l.Has(form) {
		form = key + ".other"
	}
	return fill(l.message(form), append([]string{"n", l.Number(n)}, args...))
}

// Duration writes a length of time; unit is one of "second", "minute", "hour",
// "day", "week", "month", "year".
func (l *Language) Duration(n int, unit string) string { return l.Count("unit."+unit, n) }

// Date writes a day with the month in letters: "20 mai 2026".
func (l *Language) Date(year int, month time.Month, day int) string {
	d := l.Number(day)
	if day == 1 && l.Has("date.first") {
		d = l.message("date.first")
	}
	return l.Say("date", "day", d, "month", l.Months[month-1], "year", l.Number(year))
}

// List joins items as a sentence does: "a, b et c".
func (l *Language) List(items ...string) string {
	var b strings.Builder
	for i, item := range items {
		b.WriteString(l.Separator(i, len(items)))
		b.WriteString(item)
	}
	return b.String()
}

// Separator returns what stands before item i of n in a list. Blanks at either
// end of a separator are written "_" in the files, which trim lines.
func (l *Language) Separator(i, n int) string {
	switch i {
	case 0:
		return ""
	case n - 1:
		return strings.ReplaceAll(l.message("list.last"), "_", " ")
	}
	return strings.ReplaceAll(l.message("list.comma"), "_", " ")
}
