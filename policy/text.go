package policy

import (
	"fmt"
	"strings"
	"time"
)

// A Text is what the manifest says in words, in one or several languages. A
// text written without a language, such as a name, is the same in all of them.
// Texts are what the operator wrote: whoever prints one escapes it.
type Text struct {
	entries []textEntry
}

type textEntry struct{ lang, text string } // lang is empty for a text without a language

// NewText returns a text that is the same in every language.
func NewText(s string) Text { return Text{[]textEntry{{text: s}}} }

// IsZero reports whether nothing is written.
func (t Text) IsZero() bool { return len(t.entries) == 0 }

// Get returns the text in exactly that language, or the text without language.
func (t Text) Get(lang string) (string, bool) {
	for _, e := range t.entries {
		if e.lang == lang || e.lang == "" {
			return e.text, true
		}
	}
	return "", false
}

// In returns the text in the first of the languages that it has, else in the
// first it was written in, else the empty string.
func (t Text) In(langs ...string) string {
	text, _ := t.Choose(langs...)
	return text
}

// Choose is In, and says in which language the text is: "" for a text without
// language.
func (t Text) Choose(langs ...string) (text, lang string) {
	for _, l := range langs {
		for _, e := range t.entries {
			if e.lang == l || e.lang == "" {
				return e.text, e.lang
			}
		}
	}
	if len(t.entries) > 0 {
		return t.entries[0].text, t.entries[0].lang
	}
	return "", ""
}

// Languages returns the languages it is written in, in the order of the
// manifest; nil for a text without language.
func (t Text) Languages() []string {
	var langs []string
	for _, e := range t.entries {
		if e.lang != "" {
			langs = append(langs, e.lang)
		}
	}
	return langs
}

// A Prose is one text as the operator wrote it, with its place: what rules on
// wording read.
type Prose struct {
	Path     string // the field, without the language
	Lang     string // "" where none is said
	Text     string
	Position Position
}

// A Date is a day of the calendar. The zero Date is no date.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads an ISO 8601 day, "2026-05-20".
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, strings.TrimSpace(s))
	if err != nil {
		return Date{}, fmt.Errorf("%q is not a date", s)
	}
	return DateOf(t), nil
}

// DateOf returns the day of t in t's location.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{Year: y, Month: m, Day: d}
}

// IsZero reports whether d is no date.
func (d Date) IsZero() bool { return d.Year == 0 }

// Time returns the beginning of the day, UTC.
func (d Date) Time() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

// Before reports whether d is an earlier day than e.
func (d Date) Before(e Date) bool { return d.Time().Before(e.Time()) }

// String writes the day as ISO 8601; the empty string for no date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.Time().Format(time.DateOnly)
}
