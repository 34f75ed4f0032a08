package markup

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A finding is what something refers to that is held.
type finding struct {
	services string // "" for nothing
	endless  bool   // it may refer to something, but does not say so within its bound
}

func (f finding) holds() bool { return f.services != "" || f.endless }

// and adds another finding. Where several services must be allowed, no single one frees.
func (f finding) and(g finding) finding {
	switch {
	case !g.holds() || f.services == g.services && !g.endless:
		return f
	case !f.holds():
		return g
	}
	f.endless = f.endless || g.endless
	if f.services != g.services {
		f.services = strings.ReplaceAll(f.services+"+"+g.services, " ", "+")
	}
	return f
}

// judge returns what the value of an attribute, as it stands in the page, refers to.
func (m *Writer) judge(k kind, v []byte) finding {
	switch k {
	case address:
		return m.judgeAddress(v)
	case addressed:
		return m.judgeFields(m.decode(v), isBlankByte)
	case animation:
		return m.judgeFields(m.decode(v), func(c byte) bool { return c == ';' })
	case candidates:
		return m.judgeCandidates(m.decode(v))
	case sheet:
		if bytes.IndexByte(v, '(') < 0 && bytes.IndexByte(v, '&') < 0 && bytes.IndexByte(v, '\\') < 0 {
			return finding{}
		}
		return m.judgeSheet(m.decode(v))
	case refresh:
		return m.judgeRefresh(m.decode(v))
	case page:
		return m.judgePage(m.decode(v))
	}
	return finding{}
}

func isBlankByte(c byte) bool { return class[c]&isBlank != 0 }

// decode replaces character references; v itself where it has none.
func (m *Writer) decode(v []byte) []byte {
	if bytes.IndexByte(v, '&') < 0 {
		return v
	}
	m.plainText = appendDecoded(m.plainText[:0], v)
	return m.plainText
}

func (m *Writer) judgeAddress(v []byte) finding {
	p, ok := m.at.plain(v)
	if !ok {
		p = m.at.find(v, false)
	}
	if f := m.judgePlace(p); ok || f.holds() {
		return f
	}
	return m.judgePlace(m.at.find(v, true))
}

func (m *Writer) judgePlace(p place) finding {
	if p.host == nil {
		return finding{}
	}
	f := finding{services: m.rules.Address(p.host, p.path)}
	if f.services != "" && len(m.host) == 0 {
		m.host = append(m.host, p.host...)
	}
	return f
}

func (m *Writer) judgeFields(v []byte, separates func(byte) bool) (f finding) {
	for len(v) > 0 {
		n := 0
		for n < len(v) && !separates(v[n]) {
			n++
		}
		f = f.and(m.judgeAddress(v[:n]))
		v = v[min(n+1, len(v)):]
	}
	return f
}

// judgeCandidates reads a srcset.
func (m *Writer) judgeCandidates(v []byte) (f finding) {
	for {
		for len(v) > 0 && (isBlankByte(v[0]) || v[0] == ',') {
			v = v[1:]
		}
		if len(v) == 0 {
			return f
		}
		n := 0
		for n < len(v) && !isBlankByte(v[n]) {
			n++
		}
		address := bytes.TrimRight(v[:n], ",")
		f = f.and(m.judgeAddress(address))
		described := len(address) == n
		if v = v[n:]; described {
			v = v[descriptionEnd(v):]
		}
	}
}

// descriptionEnd returns where the descriptions of a candidate end.
func descriptionEnd(v []byte) int {
	inside := false
	for i, c := range v {
		switch {
		case c == '(':
			inside = true
		case c == ')':
			inside = false
		case c == ',' && !inside:
			return i
		}
	}
	return len(v)
}

// judgeRefresh reads the content of <meta http-equiv=refresh>, or the header Refresh.
func (m *Writer) judgeRefresh(v []byte) finding {
	v = bytes.TrimLeft(v, "\t\n\f\r ")
	n := 0
	for n < len(v) && ('0' <= v[n] && v[n] <= '9' || v[n] == '.') {
		n++
	}
	if n == 0 {
		return finding{}
	}
	v = bytes.TrimLeft(v[n:], "\t\n\f\r ;,")
	f := m.judgeAddress(v)
	if len(v) < 3 || !sameFold(v[:3], "url") {
		return f
	}
	v = bytes.TrimLeft(v[3:], "\t\n\f\r ")
	if len(v) == 0 || v[0] != '=' {
		return f
	}
	v = bytes.TrimLeft(v[1:], "\t\n\f\r ")
	if len(v) > 0 && (v[0] == '"' || v[0] == '\'') {
		quote := v[0]
		v = v[1:]
		if end := bytes.IndexByte(v, quote); end >= 0 {
			v = v[:end]
		}
	}
	return f.and(m.judgeAddress(v))
}

// judgePage reads the HTML of a srcdoc.
func (m *Writer) judgePage(v []byte) finding {
	if bytes.IndexByte(v, '<') < 0 {
		return finding{}
	}
	if m.depth >= maxDepth {
		return finding{endless: true}
	}
	if m.inner == nil {
		m.inner = &Writer{}
	}
	m.inner.examine(m, v)
	if len(m.host) == 0 {
		m.host = append(m.host, m.inner.host...)
	}
	return m.inner.found
}

// ---- style sheets

// judgeSheet looks for addresses wherever CSS can have them, in comments and strings too:
// whoever mentions something held there loses little.
func (m *Writer) judgeSheet(css []byte) finding {
	escaped := bytes.IndexByte(css, '\\') >= 0
	return m.judgeFunctions(css, escaped).and(m.judgeImports(css, escaped))
}

// judgeFunctions looks at url(), src() and image-set().
func (m *Writer) judgeFunctions(css []byte, escaped bool) (f finding) {
	const longest = 3 * len(`\000075 `) // three letters, written as long as can be
	read := 0
	for at := 0; ; {
		i := bytes.IndexByte(css[at:], '(')
		if i < 0 {
			return f
		}
		at += i + 1
		name := css[max(0, at-1-longest) : at-1]
		if escaped && bytes.IndexByte(name, '\\') >= 0 {
			name = m.unescape(name)
		}
		if len(name) < 3 {
			continue
		}
		switch name = name[len(name)-3:]; {
		case sameFold(name, "url"), sameFold(name, "src"):
			f = f.and(m.judgeCSS(addressIn(css[at:])))
		case sameFold(name, "set") && at >= read:
			more, n := m.judgeStrings(css[at:])
			f, read = f.and(more), at+n
		}
	}
}

// judgeImports looks at the strings of @import.
func (m *Writer) judgeImports(css []byte, escaped bool) (f finding) {
	const longest = 6 * len(`\000075 `)
	for {
		i := bytes.IndexByte(css, '@')
		if i < 0 {
			return f
		}
		css = css[i+1:]
		name := css[:min(longest, len(css))]
		if escaped {
			name = m.unescape(name)
		}
		if len(name) < 6 || !sameFold(name[:6], "import") {
			continue
		}
		if i = bytes.IndexAny(css, `"'/(;`); i >= 0 && css[i] == '/' {
			i = commentsEnd(css, i)
		}
		if i >= 0 && i < len(css) && (css[i] == '"' || css[i] == '\'') {
			f = f.and(m.judgeCSS(addressIn(css[i:])))
		}
	}
}

// commentsEnd returns where comments and white space end.
func commentsEnd(css []byte, i int) int {
	for bytes.HasPrefix(css[i:], []byte("/*")) {
		end := bytes.Index(css[i+2:], []byte("*/"))
		if end < 0 {
			return len(css)
		}
		i = skipBlank(css, i+2+end+2)
	}
	return i
}

// judgeStrings looks at each string of a statement, and returns where that ends.
func (m *Writer) judgeStrings(css []byte) (f finding, n int) {
	for n < len(css) {
		switch c := css[n]; c {
		case ';', '}':
			return f, n
		case '"', '\'':
			begin := n + 1
			n = begin + stringEnd(css[begin:], c)
			f = f.and(m.judgeCSS(css[begin:n]))
		}
		n = min(n+1, len(css))
	}
	return f, n
}

// stringEnd returns where a string ends: at its quote or the end of its line.
func stringEnd(css []byte, quote byte) int {
	for i := 0; i < len(css); i++ {
		switch css[i] {
		case quote, '\n', '\r', '\f':
			return i
		case '\\':
			i++
			if i+1 < len(css) && css[i] == '\r' && css[i+1] == '\n' {
				i++
			}
		}
	}
	return len(css)
}

// judgeCSS is judgeAddress for an address that may have escapes.
func (m *Writer) judgeCSS(v []byte) finding {
	if bytes.IndexByte(v, '\\') >= 0 {
		v = m.unescape(v)
	}
	return m.judgeAddress(v)
}

// addressIn returns the address at the beginning of what stands in url().
func addressIn(css []byte) []byte {
	css = css[skipBlank(css, 0):]
	if len(css) > 0 && (css[0] == '"' || css[0] == '\'') {
		return css[1 : 1+stringEnd(css[1:], css[0])]
	}
	for i := 0; i < len(css); i++ {
		switch css[i] {
		case ')', ' ', '\t', '\n', '\f', '\r', '"', '\'':
			return css[:i]
		case '\\':
			i++
		}
	}
	return css
}

func (m *Writer) unescape(css []byte) []byte {
	m.unescaped = appendUnescaped(m.unescaped[:0], css)
	return m.unescaped
}

// appendUnescaped appends CSS with its escapes replaced by what they stand for.
func appendUnescaped(to, css []byte) []byte {
	for i := 0; i < len(css); i++ {
		if css[i] != '\\' {
			to = append(to, css[i])
			continue
		}
		n, r := 0, rune(0)
		for n < 6 && i+1+n < len(css) && isHex(css[i+1+n]) {
			r = r<<4 | rune(unhex(css[i+1+n]))
			n++
		}
		switch i += n; {
		case n > 0:
			to = utf8.AppendRune(to, r)
			if i+1 < len(css) && isBlankByte(css[i+1]) {
				i++
			}
		case i+1 < len(css) && (css[i+1] == '\n' || css[i+1] == '\r' || css[i+1] == '\f'):
			i++
		}
	}
	return to
}

// ---- import maps and speculation rules

// judgeJSON looks at every string of JSON.
func (m *Writer) judgeJSON(text []byte) (f finding) {
	for {
		i := bytes.IndexByte(text, '"')
		if i < 0 {
			return f
		}
		text = text[i+1:]
		end := 0
		for end < len(text) && text[end] != '"' {
			if text[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end, len(text))
		f = f.and(m.judgeAddress(m.unquoted(text[:end])))
		text = text[min(end+1, len(text)):]
	}
}

// unquoted resolves the escapes of a string of JSON.
func (m *Writer) unquoted(s []byte) []byte {
	if bytes.IndexByte(s, '\\') < 0 {
		return s
	}
	to := m.unescaped[:0]
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			to = append(to, s[i])
			continue
		}
		i++
		if s[i] != 'u' || i+4 >= len(s) {
			to = append(to, s[i])
			continue
		}
		r := rune(0)
		for _, c := range s[i+1 : i+5] {
			r = r<<4 | rune(unhex(c)&15)
		}
		to = utf8.AppendRune(to, r)
		i += 4
	}
	m.unescaped = to
	return to
}
