// Package wording says in a language what a site's manifest holds: trackers,
// lifetimes, grounds, services, recipients, transfers, promises. The policy
// page, the notice, the panel and the comparison of two versions all speak
// through it, so that a fact is worded once.
//
// What it returns is text in pieces ([Line]), never markup: a piece says what it
// is (a key of the browser, a date, a link), which field of the manifest it
// comes from, and in which language it is where that is not the page's.
// Whoever prints a line escapes it.
package wording

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/temoin/temoin/internal/lang"
	"github.com/temoin/temoin/policy"
)

// A Kind says what a span is.
type Kind uint8

const (
	Plain   Kind = iota
	Key          // a name as the browser shows it, "_ga_*": isolated and left to right
	Name         // a proper name: isolated
	Number       // of a law or a file, "78-17": isolated and left to right
	Date         // Value is the ISO 8601 day
	Period       // Value is the ISO 8601 duration
	Country      // Value is the ISO 3166 code
	Link         // Value is the address
	Address      // a link that shows its address: left to right
)

// A Span is a piece of a line.
type Span struct {
	Kind  Kind
	Text  string
	Value string // of a Date, Period, Country, Link or Address
	Lang  string // of the text where it is not the page's; "" otherwise
	Field string // the manifest's field that it says; "" for Témoin's own words
}

// A Line is a phrase or a sentence in pieces.
type Line []Span

// String returns the text alone.
func (l Line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.Text)
	}
	return b.String()
}

// IsZero reports whether nothing is said.
func (l Line) IsZero() bool { return len(l) == 0 }

// From marks the pieces that are still Témoin's own words as saying a field.
func (l Line) From(field string) Line {
	for i := range l {
		if l[i].Field == "" {
			l[i].Field = field
		}
	}
	return l
}

// Plain text as a line.
func text(s string) Line {
	if s == "" {
		return nil
	}
	return Line{{Text: s}}
}

// Words says what a site's manifest holds in one language. It is immutable and
// safe for concurrent use.
type Words struct {
	Lang *lang.Language
	Site *policy.Site

	langs   []string // the page's language, then those that a missing text is taken from
	keys    []string // names of trackers, where they are to be isolated in the operator's texts
	regions display.Namer
}

// For returns the words of a site in a language of Témoin, which need not be
// one of the site's: texts that the manifest lacks in it are taken from the
// site's default language and say so.
func For(site *policy.Site, tag string) (*Words, error) {
	l, ok := lang.Find(tag)
	if !ok {
		return nil, fmt.Errorf("there is no language %q: write one of %s", tag, strings.Join(lang.Tags(), ", "))
	}
	if site.Page.NativeDigits {
		l = l.WithNativeDigits()
	}
	w := &Words{Lang: l, Site: site, langs: []string{tag}, regions: display.Regions(language.Make(tag))}
	for _, other := range append(slices.Clone(site.Langs), lang.Reference) {
		if !slices.Contains(w.langs, other) {
			w.langs = append(w.langs, other)
		}
	}
	if l.Direction == lang.RTL {
		for _, t := range site.Trackers {
			for _, name := range append([]string{t.Name}, t.Also...) {
				if len(name) > 2 && !slices.Contains(w.keys, name) {
					w.keys = append(w.keys, name)
				}
			}
		}
		// A name that another begins with comes after it.
		slices.SortFunc(w.keys, func(a, b string) int { return len(b) - len(a) })
	}
	return w, nil
}

// An Arg fills in an argument of a message.
type Arg struct {
	Name string
	Line Line
}

// A is an argument that is a line.
func A(name string, l Line) Arg { return Arg{name, l} }

// Say returns a message of Témoin with its arguments.
func (w *Words) Say(key string, args ...Arg) Line {
	var out Line
	for p := range w.Lang.Parts(key) {
		if p.Arg == "" {
			said := p.Text
			if stopped(out) { // one full stop is enough
				said = strings.TrimPrefix(said, ".")
			}
			out = append(out, w.isolate(said)...)
			continue
		}
		for _, a := range args {
			if a.Name == p.Arg {
				out = append(out, a.Line...)
			}
		}
	}
	return out
}

// stopped reports whether a line ends in a full stop: "Example, Inc."
func stopped(l Line) bool { return len(l) > 0 && strings.HasSuffix(l[len(l)-1].Text, ".") }

// Text returns a text of the operator as one line. Breaks become blanks.
func (w *Words) Text(field string, t policy.Text) Line {
	s, in := t.Choose(w.langs...)
	return w.line(field, strings.Join(words(s), " "), in)
}

// Phrase is Text without the full stop that would stand in the middle of a
// sentence of ours.
func (w *Words) Phrase(field string, t policy.Text) Line {
	l := w.Text(field, t)
	if n := len(l); n > 0 {
		l[n-1].Text = strings.TrimRight(l[n-1].Text, ".")
	}
	return l
}

// Paragraphs returns a text of the operator, cut at empty lines.
func (w *Words) Paragraphs(field string, t policy.Text) []Line { return w.cut(field, t, "\n\n") }

// Items returns a text of the operator, cut at every line.
func (w *Words) Items(field string, t policy.Text) []Line { return w.cut(field, t, "\n") }

func (w *Words) cut(field string, t policy.Text, at string) []Line {
	s, in := t.Choose(w.langs...)
	var out []Line
	for part := range strings.SplitSeq(s, at) {
		if part = strings.Join(words(part), " "); part != "" {
			out = append(out, w.line(field, part, in))
		}
	}
	return out
}

// words cuts a text at blanks and breaks. No-break spaces stay where they are.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' })
}

// line marks the language of a text where it is not the page's.
func (w *Words) line(field, s, in string) Line {
	if s == "" {
		return nil
	}
	if in == w.Lang.Tag {
		in = ""
	}
	out := w.isolate(s)
	for i := range out {
		out[i].Lang, out[i].Field = in, field
	}
	return out
}

// hyphenated is what a right-to-left paragraph would turn around: in Arabic,
// "78-17" would show as "17-78" and "_ga" as "ga_".
var hyphenated = regexp.MustCompile(`\p{Nd}+(?:-\p{Nd}+)+|[A-Za-z0-9.*-]*_[A-Za-z0-9_.*-]*`)

// isolate cuts a text where the page reads from right to left and a key or a
// number in it does not.
func (w *Words) isolate(s string) Line {
	if w.Lang.Direction != lang.RTL {
		return Line{{Text: s}}
	}
	var out Line
	for s != "" {
		at, end, kind := len(s), len(s), Plain
		if m := hyphenated.FindStringIndex(s); m != nil {
			at, end, kind = m[0], m[1], Number
		}
		for _, k := range w.keys {
			if i := strings.Index(s, k); i >= 0 && i <= at && aloneAt(s, i, len(k)) {
				at, end, kind = i, i+len(k), Key
			}
		}
		if at > 0 {
			out = append(out, Span{Text: s[:at]})
		}
		if kind != Plain {
			out = append(out, Span{Kind: kind, Text: s[at:end]})
		}
		s = s[end:]
	}
	return out
}

// aloneAt reports whether s[i:i+n] is no part of a longer word.
func aloneAt(s string, i, n int) bool {
	word := func(c byte) bool {
		return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	return (i == 0 || !word(s[i-1])) && (i+n == len(s) || !word(s[i+n]))
}

// Key is a name as the browser shows it.
func (w *Words) Key(field, name string) Line {
	if name == "" {
		return nil
	}
	return Line{{Kind: Key, Text: name, Field: field}}
}

// Name is a proper name.
func (w *Words) Name(field, name string) Line {
	if name == "" {
		return nil
	}
	return Line{{Kind: Name, Text: name, Field: field}}
}

// Link is a text that leads to an address. Only addresses of the web, of mail
// and of telephones, and those on the site itself, are followed.
func (w *Words) Link(field, label, address string) Line {
	if address == "" {
		return nil
	}
	if !followed(address) {
		return Line{{Text: label, Field: field}}
	}
	return Line{{Kind: Link, Text: label, Value: address, Field: field}}
}

// Linked makes a line lead to an address: its language and field are those of
// its first piece that has some.
func (w *Words) Linked(l Line, address string) Line {
	if address == "" || len(l) == 0 {
		return l
	}
	link := w.Link("", l.String(), address)
	for _, s := range l {
		link[0].Lang = cmp.Or(link[0].Lang, s.Lang)
		link[0].Field = cmp.Or(link[0].Field, s.Field)
	}
	return link
}

func followed(address string) bool {
	for _, scheme := range []string{"https://", "http://", "mailto:", "tel:"} {
		if strings.HasPrefix(address, scheme) {
			return true
		}
	}
	if strings.HasPrefix(address, "./") { // beside the page, where it is one file of a folder
		return !strings.HasPrefix(address, ".//")
	}
	// "//example.com" and "/\example.com" would leave the site.
	return strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//") && !strings.HasPrefix(address, "/\\") || strings.HasPrefix(address, "#")
}

// Address is a link that shows where it leads, in the page's language where the
// operator gives one for each.
func (w *Words) Address(field string, t policy.Text) Line {
	s, _ := t.Choose(w.langs...)
	return w.URL(field, s)
}

// URL is a link that shows its address, without what goes without saying.
func (w *Words) URL(field, address string) Line {
	return shown(w.Link(field, strings.TrimSuffix(strings.TrimPrefix(address, "https://"), "/"), address))
}

// Phone is a link to call a number.
func (w *Words) Phone(field, number string) Line {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '+' {
			return r
		}
		return -1
	}, number)
	if digits == "" {
		return w.Name(field, number)
	}
	return shown(w.Link(field, number, "tel:"+digits))
}

// shown makes a link one that shows its address.
func shown(l Line) Line {
	for i := range l {
		if l[i].Kind == Link {
			l[i].Kind = Address
		}
	}
	return l
}

// Labelled is a link of Témoin's words to an address of the operator.
func (w *Words) Labelled(field, key string, t policy.Text) Line {
	s, _ := t.Choose(w.langs...)
	return w.Link(field, w.Lang.Say(key), s)
}

// Mail is a link to write to an address.
func (w *Words) Mail(field, address string) Line {
	if address == "" {
		return nil
	}
	return Line{{Kind: Address, Text: address, Value: "mailto:" + address, Field: field}}
}

// Number is a number in digits.
func (w *Words) Number(field string, n int) Line {
	return Line{{Text: w.Lang.Number(n), Field: field}}
}

// Period is a length of time, "13 months"; nil for none.
func (w *Words) Period(field string, p policy.Period) Line {
	if p.IsZero() {
		return nil
	}
	return Line{{Kind: Period, Text: w.Lang.Duration(p.Count, string(p.Unit)), Value: p.ISO8601(), Field: field}}
}

// Date is a day, spelled as the operator insists where they do; nil for none.
func (w *Words) Date(field string, d policy.Date, as policy.Text) Line {
	if d.IsZero() {
		return nil
	}
	span := Span{Kind: Date, Value: d.String(), Field: field}
	var in string
	if span.Text, in = as.Choose(w.langs...); span.Text == "" {
		span.Text = w.Lang.Date(d.Year, d.Month, d.Day)
	} else if in != w.Lang.Tag {
		span.Lang = in
	}
	return Line{span}
}

// Country is the name of a country by its ISO 3166 code.
func (w *Words) Country(field, code string) Line {
	if code == "" {
		return nil
	}
	name := code
	if region, err := language.ParseRegion(code); err == nil {
		if n := w.regions.Name(region); n != "" {
			name = n
		}
	}
	return Line{{Kind: Country, Text: name, Value: code, Field: field}}
}

// languageName is the name of a language in itself.
func languageName(tag string) string {
	if l, ok := lang.Find(tag); ok {
		return l.Own
	}
	return tag
}

// List joins lines as a sentence does.
func (w *Words) List(lines ...Line) Line {
	lines = slices.DeleteFunc(slices.Clone(lines), Line.IsZero)
	var out Line
	for i, l := range lines {
		if s := w.Lang.Separator(i, len(lines)); s != "" {
			out = append(out, Span{Text: s})
		}
		out = append(out, l...)
	}
	return out
}

// Comma puts lines after each other.
func (w *Words) Comma(lines ...Line) Line {
	var out Line
	comma := strings.ReplaceAll(w.Lang.Say("comma"), "_", " ")
	for _, l := range lines {
		if len(l) > 0 && len(out) > 0 {
			out = append(out, Span{Text: comma})
		}
		out = append(out, l...)
	}
	return out
}

// Named puts a term before what is said of it: "Form: /contact".
func (w *Words) Named(key string, l Line) Line {
	if l.IsZero() {
		return nil
	}
	return slices.Concat(w.Say(key), w.Colon(), l)
}

// Colon stands between a term and what is said of it.
func (w *Words) Colon() Line {
	return text(strings.ReplaceAll(w.Lang.Say("colon"), "_", " "))
}
