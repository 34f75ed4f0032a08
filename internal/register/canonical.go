package register

import (
	"strconv"
	"unicode/utf8"
)

// The canonical form (RFC 8785) of a record, written by hand: each choice has one,
// and encoding/json takes several times as long. The same walk over the fields
// writes the frame and the values, which together are the canonical form again:
// see [Frame].

// append appends the record in a form. Fields stand in the order of their names.
func (r *Record) append(b []byte, form form) ([]byte, error) {
	w := writer{b: b, form: form}
	w.begin()
	w.text("action", string(r.Action))
	w.list("answers", len(r.Answers), func(i int) {
		a := &r.Answers[i]
		w.begin()
		w.flag("allow", a.Allow)
		w.str("category", a.Category)
		w.bool("in_use", a.InUse)
		w.str("scope", a.Scope)
		w.end()
	})
	w.str("code", r.Code)
	w.key("controller")
	w.begin()
	w.some("country", r.Controller.Country)
	w.str("name", r.Controller.Name)
	w.some("siren", r.Controller.SIREN)
	w.end()
	w.time("ends", r.Ends)
	w.list("exceptions", len(r.Exceptions), func(i int) {
		x := &r.Exceptions[i]
		w.begin()
		w.flag("allow", x.Allow)
		w.text("service", x.Service)
		w.end()
	})
	w.str("format", r.Format)
	w.own("id", r.ID)
	w.some("imported", r.Imported)
	w.list("jurisdictions", len(r.Jurisdictions), func(i int) { w.put(appendString, r.Jurisdictions[i]) })
	w.str("language", r.Language)
	w.str("notice", r.Notice)
	w.key("policy")
	w.begin()
	w.str("hash", r.Policy.Hash)
	w.str("version", r.Policy.Version)
	w.end()
	if r.Replaces != "" {
		w.uuid("replaces", r.Replaces)
	}
	w.str("scope", r.Scope)
	w.key("signals")
	w.begin()
	w.flag("gpc", r.Signals.GPC)
	w.end()
	w.str("site", r.Site)
	w.text("state", string(r.State))
	w.time("time", r.Time)
	w.str("withdraw", r.Withdraw)
	w.end()
	return w.b, w.err
}

// A form is what a writer makes of a record.
type form byte

const (
	whole  form = iota // all of it
	framed             // all but what differs from choice to choice, which is a hole
	valued             // what fills the holes
)

// A writer appends the fields of objects.
type writer struct {
	b    []byte
	form form
	more bool // something stands in the object or list already
	err  error
}

// raw appends what is in the frame.
func (w *writer) raw(s string) {
	if w.form != valued {
		w.b = append(w.b, s...)
	}
}

func (w *writer) put(encode func([]byte, string) []byte, s string) {
	if w.form != valued {
		w.b = encode(w.b, s)
	}
}

func (w *writer) begin() { w.raw("{"); w.more = false }
func (w *writer) end()   { w.raw("}"); w.more = true }

func (w *writer) key(name string) {
	if w.more {
		w.raw(",")
	}
	w.more = true
	w.raw(`"`)
	w.raw(name)
	w.raw(`":`)
}

// list writes a list of n things.
func (w *writer) list(name string, n int, write func(i int)) {
	w.key(name)
	w.raw("[")
	for i := range n {
		if i > 0 {
			w.raw(",")
		}
		write(i)
	}
	w.raw("]")
	w.more = true
}

func (w *writer) str(name, value string) {
	w.key(name)
	w.put(appendString, value)
}

// some writes a field that is left out where it is empty.
func (w *writer) some(name, value string) {
	if value != "" {
		w.str(name, value)
	}
}

func (w *writer) bool(name string, value bool) {
	w.key(name)
	w.raw(strconv.FormatBool(value))
}

// appendString writes a string as RFC 8785 does: escaped where it must be, and
// nowhere else. What is no UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		plain := i
		for plain < len(s) && s[plain] >= ' ' && s[plain] < utf8.RuneSelf && s[plain] != '"' && s[plain] != '\\' {
			plain++
		}
		if b = append(b, s[i:plain]...); plain == len(s) {
			break
		}
		i = plain
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\b':
			b = append(b, '\\', 'b')
		case c == '\t':
			b = append(b, '\\', 't')
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\f':
			b = append(b, '\\', 'f')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += n
			continue
		}
		i++
	}
	return append(b, '"')
}
