package markup

import (
	"bytes"
	"strings"
)

// Link returns the values of the header Link without the entries that would have the
// browser load something held: the same slice where there are none.
func Link(values []string, page string, own bool, rules Rules) []string {
	m := &Writer{rules: rules}
	m.at.from(page, own)
	var kept []string
	any := false
	for i, v := range values {
		free, changed := m.freeLinks(v)
		if changed && !any {
			any, kept = true, append(kept, values[:i]...)
		}
		if any && (free != "" || !changed) {
			kept = append(kept, free)
		}
	}
	if !any {
		return values
	}
	return kept
}

// Refresh returns the services that hold what the header Refresh leads to, "" if it is free.
func Refresh(value, page string, own bool, rules Rules) string {
	m := &Writer{rules: rules}
	m.at.from(page, own)
	f := m.judgeRefresh([]byte(value))
	if f.holds() {
		rules.Held("", "refresh", f.services, m.host)
	}
	return f.services
}

// Address returns the services that hold an address in another header, "" if it is free.
// The header's name is what the rules are told.
func Address(header, value, page string, own bool, rules Rules) string {
	m := &Writer{rules: rules}
	m.at.from(page, own)
	f := m.judgeAddress([]byte(value))
	if f.holds() {
		rules.Held("", strings.ToLower(header), f.services, m.host)
	}
	return f.services
}

// freeLinks returns a value without what is held.
func (m *Writer) freeLinks(value string) (free string, changed bool) {
	var kept []string
	for rest := value; rest != ""; {
		n := entryEnd(rest)
		entry := rest[:n]
		rest = rest[min(n+1, len(rest)):]
		if f := m.judgeLink([]byte(entry)); f.holds() {
			m.rules.Held("", "link", f.services, m.host)
			m.host = m.host[:0]
			changed = true
			continue
		}
		kept = append(kept, entry)
	}
	if !changed {
		return value, false
	}
	return strings.Join(kept, ","), true
}

// entryEnd returns where the first entry of a Link ends: at a comma that is neither
// in <> nor in quotes.
func entryEnd(s string) int {
	var inside byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case inside == '"' && c == '\\':
			i++
		case inside != 0:
			if c == inside {
				inside = 0
			}
		case c == '<':
			inside = '>'
		case c == '"':
			inside = '"'
		case c == ',':
			return i
		}
	}
	return len(s)
}

// judgeLink judges one entry by its address, if its rel loads, and its imagesrcset.
func (m *Writer) judgeLink(entry []byte) (f finding) {
	open := bytes.IndexByte(entry, '<')
	end := bytes.IndexByte(entry, '>')
	if open < 0 || end < open {
		return f
	}
	rel, images := parameters(entry[end+1:])
	if !isLoadingRel(rel) {
		return f
	}
	return m.judgeAddress(entry[open+1 : end]).and(m.judgeCandidates(images))
}

// parameters returns rel and imagesrcset. Where a name stands twice all are
// returned, with a blank between.
func parameters(v []byte) (rel, images []byte) {
	for len(v) > 0 {
		n := 0
		for n < len(v) && v[n] != ';' && v[n] != '=' {
			n++
		}
		name := bytes.TrimSpace(v[:n])
		if n == len(v) || v[n] == ';' {
			v = v[min(n+1, len(v)):]
			continue
		}
		var value []byte
		value, v = parameterValue(v[n+1:])
		switch {
		case sameFold(name, "rel"):
			rel = append(append(rel, ' '), value...)
		case sameFold(name, "imagesrcset"):
			images = append(append(images, ' '), value...)
		}
	}
	return rel, images
}

// parameterValue returns a value, quoted or not, and what comes behind it.
func parameterValue(v []byte) (value, rest []byte) {
	v = bytes.TrimLeft(v, " \t")
	if len(v) == 0 || v[0] != '"' {
		n := bytes.IndexByte(v, ';')
		if n < 0 {
			n = len(v)
		}
		return bytes.TrimSpace(v[:n]), v[min(n+1, len(v)):]
	}
	i := 1
	for ; i < len(v) && v[i] != '"'; i++ {
		if v[i] == '\\' && i+1 < len(v) {
			i++
		}
		value = append(value, v[i])
	}
	return value, v[min(i+1, len(v)):]
}
