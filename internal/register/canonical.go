package register

import (
	"strconv"
	"unicode/utf8"
)

// The canonical form (RFC 8785) of a record, written by hand: each choice has one,
// and encoding/json takes several times as long.

// append appends the record. Fields stand in the order of their names.
func (r *Record) append(b []byte) []byte {
	w := writer{append(b, '{'), true}
	w.str("action", string(r.Action))
	w.key("answers")
	for i := range r.Answers {
		a := &r.Answers[i]
		w.open('[', i)
		w.bool("allow", a.Allow)
		w.str("category", a.Category)
		w.bool("in_use", a.InUse)
		w.str("scope", a.Scope)
		w.b = append(w.b, '}')
	}
	w.close(len(r.Answers))
	w.str("code", r.Code)
	w.key("controller")
	w.b, w.first = append(w.b, '{'), true
	w.some("country", r.Controller.Country)
	w.str("name", r.Controller.Name)
	w.some("siren", r.Controller.SIREN)
	w.b = append(w.b, '}')
	w.first = false
	w.str("ends", r.Ends)
	w.key("exceptions")
	for i := range r.Exceptions {
		w.open('[', i)
		w.bool("allow", r.Exceptions[i].Allow)
		w.str("service", r.Exceptions[i].Service)
		w.b = append(w.b, '}')
	}
	w.close(len(r.Exceptions))
	w.str("format", r.Format)
	w.str("id", r.ID)
	w.some("imported", r.Imported)
	w.list("jurisdictions", r.Jurisdictions)
	w.str("language", r.Language)
	w.str("notice", r.Notice)
	w.key("policy")
	w.b, w.first = append(w.b, '{'), true
	w.str("hash", r.Policy.Hash)
	w.str("version", r.Policy.Version)
	w.b = append(w.b, '}')
	w.some("replaces", r.Replaces)
	w.str("scope", r.Scope)
	w.key("signals")
	w.b, w.first = append(w.b, '{'), true
	w.bool("gpc", r.Signals.GPC)
	w.b = append(w.b, '}')
	w.str("site", r.Site)
	w.str("state", string(r.State))
	w.str("time", r.Time)
	w.str("withdraw", r.Withdraw)
	return append(w.b, '}')
}

// A writer appends the fields of objects.
type writer struct {
	b     []byte
	first bool // nothing stands in the object yet
}

func (w *writer) key(name string) {
	if !w.first {
		w.b = append(w.b, ',')
	}
	w.first = false
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

func (w *writer) str(name, value string) {
	w.key(name)
	w.b = appendString(w.b, value)
}

// some writes a field that is left out where it is empty.
func (w *writer) some(name, value string) {
	if value != "" {
		w.str(name, value)
	}
}

func (w *writer) bool(name string, value bool) {
	w.key(name)
	w.b = strconv.AppendBool(w.b, value)
}

func (w *writer) list(name string, values []string) {
	w.key(name)
	w.b = append(w.b, '[')
	for i, v := range values {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = appendString(w.b, v)
	}
	w.b = append(w.b, ']')
}

// open begins the object at place i of a list, and the list with the first one.
func (w *writer) open(list byte, i int) {
	if i == 0 {
		w.b = append(w.b, list)
	} else {
		w.b = append(w.b, ',')
	}
	w.b = append(w.b, '{')
	w.first = true
}

// close ends a list of n objects.
func (w *writer) close(n int) {
	if n == 0 {
		w.b = append(w.b, '[')
	}
	w.b = append(w.b, ']')
	w.first = false
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
