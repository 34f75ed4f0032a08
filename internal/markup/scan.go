package markup

import (
	"bytes"
	"math/bits"
)

// A state is what a Writer is in the middle of.
type state uint8

const (
	inData state = iota
	inComment
	inBogus // a comment that ends at the first ">"
	inCDATA
	inText    // of an element whose content is text
	inLongTag // of more than maxTag
)

// read reads what it can of d, passes it on, and returns how far it came. The rest comes
// again, with more behind it.
func (m *Writer) read(d []byte) int {
	m.from = 0
	if m.waitsForMark(d) {
		return 0
	}
	i, waits := 0, false
	for i < len(d) && !waits {
		switch m.state {
		case inData:
			i, waits = m.readData(d, i)
		case inComment:
			i, waits = m.readUntil(d, i, findCommentEnd)
		case inBogus:
			i, waits = m.readUntil(d, i, findBogusEnd)
		case inCDATA:
			i, waits = m.readUntil(d, i, findCDATAEnd)
		case inText:
			i, waits = m.readText(d, i)
		case inLongTag:
			i, waits = m.readLongTag(d, i), false
		}
	}
	m.pass(d, i)
	m.offset += i
	return i
}

// readData reads text and tags.
func (m *Writer) readData(d []byte, i int) (next int, waits bool) {
	quick := m.isQuick()
	for m.state == inData {
		begin := i
		if i = find(d, i, '<'); i < 0 {
			i = len(d)
		}
		if m.stage != inserted {
			m.textInData(d, begin, i)
		}
		if i+1 >= len(d) {
			return i, i < len(d)
		}
		if quick {
			if n := m.readQuick(d, i); n > i {
				i = n
				continue
			}
		}
		n := m.markup(d, i)
		if n == unended {
			return i, true
		}
		i, quick = n, m.isQuick()
	}
	return i, false
}

// isQuick reports whether tags matter by themselves alone.
func (m *Writer) isQuick() bool { return m.stage == inserted && m.trees.sure() }

// readQuick reads tags that are written as most are and of which nothing matters, from the "<" at
// d[i] on, and returns where another one begins.
func (m *Writer) readQuick(d []byte, i int) int {
	for i+16 < len(d) {
		n := i
		if d[i+1] == '/' {
			w := word(d, i+2)
			ends, below := first(zeros(w ^ '>'*ones))
			if ends == 0 || small(w)&below != 0 {
				return i
			}
			n = i + 3 + bits.TrailingZeros64(ends)>>3
		} else if n = m.quickTag(d, i); n == unended {
			return i
		}
		if n+8 > len(d) {
			return n
		}
		if i = n; d[i] == '<' {
			continue
		}
		if marks := zeros(word(d, i) ^ '<'*ones); marks != 0 {
			i += bits.TrailingZeros64(marks) >> 3
		} else if n = find(d, i+8, '<'); n >= 0 {
			i = n
		} else {
			return i
		}
	}
	return i
}

// quickTag returns where the start tag at d[i] ends, unended if something of it may matter.
func (m *Writer) quickTag(d []byte, i int) int {
	w := word(d, i+1)
	ends, below := first(zeros(w^'>'*ones) | zeros(w^' '*ones))
	if ends == 0 || small(w)&below != 0 || class[d[i+1]]&isLetter == 0 {
		return unended
	}
	n := bits.TrailingZeros64(ends) >> 3
	el := element(elementLexicon.short((w|lower8)&(below>>7), n))
	if structural[el] {
		return unended
	}
	n += i + 1
	if d[n] == '>' {
		return n + 1
	}
	t := &m.tag
	t.element, t.begin, t.nameEnd, t.found = el, i, n, t.found[:0]
	end := m.readPlain(d, n, ordinaryPlan.wanted[el])
	if end >= 0 && end < len(d) && d[end] == '>' {
		end++
	} else if end >= 0 {
		end = m.readAttributes(d, end, ordinaryPlan.wanted[el])
	}
	if end == unended || end-i > maxTag || len(t.found) > 0 && !m.isFree(d) {
		return unended
	}
	return end
}

// isFree reports whether what was found in m.tag leads to nothing held, whatever else it says.
func (m *Writer) isFree(d []byte) bool {
	kinds := &ordinaryPlan.kinds[m.tag.element]
	for i := range m.tag.found {
		f := &m.tag.found[i]
		v := d[f.value:f.valueEnd]
		k := kinds[f.attribute]
		if k == address {
			if p, ok := m.at.plain(v); ok && (p.host == nil || m.rules.Address(p.host, p.path) == "") {
				continue
			}
		}
		if f.attribute == atMark || m.tag.element == elBase || m.judge(k, v).holds() {
			m.host = m.host[:0]
			return false
		}
	}
	return true
}

// markup reads what begins with the "<" at d[i], if anything does.
func (m *Writer) markup(d []byte, i int) int {
	switch c := d[i+1]; {
	case class[c]&isLetter != 0:
		return m.startTag(d, i)
	case c == '/':
		return m.endTag(d, i)
	case c == '!' || c == '?':
		return m.declaration(d, i)
	}
	m.textInData(d, i, i+1)
	return i + 1
}

// textInData lets text that is not white space imply head and body.
func (m *Writer) textInData(d []byte, i, end int) {
	if m.stage == inserted {
		return
	}
	if m.offset+i == 0 && bytes.HasPrefix(d, byteOrderMark) {
		i = len(byteOrderMark)
	}
	if i = skipBlank(d[:end], i); i < end {
		m.imply(d, i, inserted)
	}
}

// byteOrderMark may stand before everything else, and is no text then.
var byteOrderMark = []byte("\xef\xbb\xbf")

// waitsForMark reports whether a page may begin with a mark that has not come whole.
func (m *Writer) waitsForMark(d []byte) bool {
	return m.offset == 0 && !m.final && len(d) < len(byteOrderMark) && bytes.HasPrefix(byteOrderMark, d)
}

// endTag reads "</", and a name or not.
func (m *Writer) endTag(d []byte, i int) int {
	if i+2 == len(d) {
		return unended
	}
	switch c := d[i+2]; {
	case c == '>':
		return i + 3
	case class[c]&isLetter == 0:
		m.state = inBogus
		return i + 2
	}
	n := i + 3
	for n < len(d) && class[d[n]]&endsName == 0 || n < len(d) && d[n] == '=' {
		n++
	}
	if n == len(d) {
		return m.orLong(d, i, unended)
	}
	end := n + 1
	if d[n] != '>' {
		m.tag.found = m.tag.found[:0]
		if end = m.readAttributes(d, n, 0); end == unended || end-i > maxTag {
			return m.orLong(d, i, end)
		}
	}
	if m.stage == inserted && m.trees.plain() {
		return end
	}
	if at, crossed := m.crossesNoscript(d, i+2, end); crossed {
		return m.part(d, i, at)
	}
	el := element(elementLexicon.find(d, i+2, n))
	switch {
	case el == elHead:
		m.imply(d, i, beforeBody)
	case el == elBody || el == elHTML || el == elBr:
		m.imply(d, i, inserted)
	}
	m.trees.end(d[i+2:n], el)
	return end
}

// orLong waits for the end of a tag, or takes it as a long one.
func (m *Writer) orLong(d []byte, i, end int) int {
	if end == unended && (len(d)-i <= maxTag || m.final) {
		if at, crossed := m.crossesNoscript(d, i+1, len(d)); crossed && m.final {
			return m.part(d, i, at)
		}
		return unended
	}
	if m.trees.noscript { // it could end inside
		m.part(d, i, i)
	}
	m.wary.longBegins(d, i)
	if el, closes := m.wary.longElement(); m.stage != inserted && !closes {
		m.tag = tag{element: el, begin: i, found: m.tag.found[:0]}
		m.beforeTag(d)
	}
	m.pass(d, i)
	m.wary.inLong = true
	m.state = inLongTag
	return i
}

// readLongTag passes a long tag as it comes. Its attributes are the wary reader's.
func (m *Writer) readLongTag(d []byte, i int) int {
	n, ended := m.wary.skipTag(d, i)
	if ended {
		m.pass(d, n)
		m.wary.longEnds(m)
		m.state = inData
		m.longTagEnds(d, n)
	}
	return n
}

// longTagEnds does what the name of a long tag asks for.
func (m *Writer) longTagEnds(d []byte, end int) {
	el, closes := m.wary.longElement()
	m.trees.doubt = m.trees.doubt || len(m.trees.stack) > 0 // not all is known of it
	if closes {
		m.trees.end(nil, el)
		return
	}
	m.tag = tag{element: el, end: end, found: m.tag.found[:0]}
	isForeign := m.trees.start(&m.tag, []byte(elementNames[el]))
	if m.stage != inserted {
		m.afterTag(d)
	}
	if !isForeign && holdsText[el] {
		m.state, m.raw, m.escape = inText, el, escape{}
	}
}

// declaration reads a comment, a doctype, or what is no tag at all.
func (m *Writer) declaration(d []byte, i int) int {
	enough := len(beginCDATA)
	if len(d)-i < enough && !m.final && !couldEndBefore(d[i:]) {
		return unended
	}
	switch {
	case begins(d[i:], "<!--"):
		if end := commentStartEnd(d, i); end >= 0 {
			return end
		}
		m.state = inComment
		return i + 4
	case bytes.HasPrefix(d[i:], beginCDATA) && (m.trees.isForeign() || m.trees.doubt):
		if m.trees.doubt {
			m.part(d, i, i)
		}
		m.state = inCDATA
		return i + enough
	}
	m.state = inBogus
	return i + 2
}

// couldEndBefore reports whether a declaration may end before it is long enough to be known.
func couldEndBefore(d []byte) bool {
	return bytes.IndexByte(d, '>') >= 0
}

// commentStartEnd returns the end of a comment that ends where it begins: <!--> and <!--->.
func commentStartEnd(d []byte, i int) int {
	switch {
	case begins(d[i+4:], ">"):
		return i + 5
	case begins(d[i+4:], "->"):
		return i + 6
	}
	return -1
}

// commentEnd returns the end of the comment at d[i], -1 if it has not come.
func commentEnd(d []byte, i int) int {
	if end := commentStartEnd(d, i); end >= 0 {
		return end
	}
	return findCommentEnd(d, i+4)
}

func findCommentEnd(d []byte, i int) int {
	for {
		j := bytes.Index(d[i:], []byte("--"))
		if j < 0 {
			return -1
		}
		i += j + 1
		switch {
		case begins(d[i+1:], ">"):
			return i + 2
		case begins(d[i+1:], "!>"):
			return i + 3
		}
	}
}

func findBogusEnd(d []byte, i int) int {
	if j := bytes.IndexByte(d[i:], '>'); j >= 0 {
		return i + j + 1
	}
	return -1
}

func findCDATAEnd(d []byte, i int) int {
	if j := bytes.Index(d[i:], []byte("]]>")); j >= 0 {
		return i + j + 3
	}
	return -1
}

// readUntil passes what has no meaning until it ends.
func (m *Writer) readUntil(d []byte, i int, find func([]byte, int) int) (next int, waits bool) {
	end := find(d, i)
	limit := end
	if end < 0 {
		limit = len(d)
	}
	if at, crossed := m.crossesNoscript(d, i, limit); crossed {
		m.state = inData
		return m.part(d, at, at), false
	}
	if end >= 0 {
		m.state = inData
		return end, false
	}
	return max(i, m.tail(d)), true
}

// tail is as far as text may be passed whose next byte may belong to an end.
func (m *Writer) tail(d []byte) int {
	if m.final {
		return len(d)
	}
	return len(d) - len("</plaintext")
}

// crossesNoscript looks for the end of a noscript inside of something that only
// exists where scripts do not run.
func (m *Writer) crossesNoscript(d []byte, i, end int) (at int, crossed bool) {
	if !m.trees.noscript {
		return 0, false
	}
	at = endTagIn(d, i, "noscript")
	return at, at >= 0 && at < end
}

// part is where the ways of reading a page part: from i on the wary reader holds whatever
// any of them would load. Reading goes on at next.
func (m *Writer) part(d []byte, i, next int) int {
	m.pass(d, i)
	m.wary.always = true
	return next
}

// endTagIn returns where the end tag of an element begins in d, from i on; -1 for nowhere.
func endTagIn(d []byte, i int, name string) int {
	for {
		j := bytes.IndexByte(d[i:], '<')
		if j < 0 {
			return -1
		}
		i += j
		if i+1 < len(d) && d[i+1] == '/' && endTagAt(d, i, name) {
			return i
		}
		i++
	}
}

// endTagAt reports whether "</" at d[i] begins the end tag of an element.
func endTagAt(d []byte, i int, name string) bool {
	n := i + 2 + len(name)
	return n < len(d) && class[d[n]]&endsName != 0 && d[n] != '=' && sameFold(d[i+2:n], name)
}

// scriptEnd returns where a script ends whose text has no comment in it, -1 for others.
func scriptEnd(d []byte, i int) int {
	for {
		j := bytes.IndexByte(d[i:], '<')
		if j < 0 || i+j+1 >= len(d) {
			return -1
		}
		i += j
		switch c := d[i+1]; {
		case c == '/' && endTagAt(d, i, "script"):
			return i
		case c == '!' && begins(d[i:], "<!--"):
			return -1
		}
		i++
	}
}

// ---- elements whose content is text

// readText reads the text of m.raw.
func (m *Writer) readText(d []byte, i int) (next int, waits bool) {
	text := d
	if m.trees.noscript { // its end may have begun
		text = d[:max(i, m.tail(d))]
	}
	end, read := -1, len(text)
	switch m.raw {
	case elPlaintext:
	case elScript:
		if end, read = m.escape.find(text, i); m.escape.inside >= 0 && !m.wary.always {
			m.part(d, m.escape.inside, 0) // not all parsers read this as they should
		}
	default:
		if end = endTagIn(text, i, elementNames[m.raw]); end < 0 {
			read = max(i, m.tail(text))
		}
	}
	if m.final && end < 0 {
		read = len(d)
	}
	if end >= 0 {
		read = end
	}
	if at, crossed := m.crossesNoscript(d, i, read); crossed {
		m.doubtText(d, i, at)
		m.state = inData
		return m.part(d, at, at), false
	}
	m.doubtText(d, i, read)
	if end >= 0 {
		m.state = inData
	}
	return read, end < 0
}

// doubtText lets the ways of reading part where text could be markup.
func (m *Writer) doubtText(d []byte, i, end int) {
	if (m.trees.doubt || m.trees.selects) && !m.wary.always {
		if j := bytes.IndexByte(d[i:end], '<'); j >= 0 {
			m.part(d, i+j, 0)
		}
	}
}

// An escape is where the text of a script is: inside of "<!--", and of "<script" in that.
// It ends at the first "</script" that is not inside of both.
type escape struct {
	comment, script bool
	inside          int // where find has passed a "</script" that does not end it, -1 for nowhere
}

// find returns where the text ends, -1 if that has not come, and how far it was read.
func (e *escape) find(d []byte, i int) (end, read int) {
	e.inside = -1
	if !e.comment { // as nearly always
		if at := scriptEnd(d, i); at >= 0 {
			return at, at
		}
	}
	for {
		n, ended, ok := e.step(d, i)
		switch {
		case ended:
			return n, n
		case !ok:
			return -1, n
		}
		i = n
	}
}

// step reads to the next change: ok is false where more must come, from n on.
func (e *escape) step(d []byte, i int) (n int, ended, ok bool) {
	for ; i < len(d); i++ {
		switch {
		case d[i] == '<':
			if len(d)-i < len("</script>") && !e.shortOf(d[i:]) {
				return i, false, false
			}
			rest := d[i:]
			switch {
			case !e.comment && begins(rest, "<!--"):
				e.comment = true
				// "<!-->" ends it, so that its dashes are looked at again.
				return i + 2, false, true
			case tagIs(rest, "</script"):
				if !e.script {
					return i, true, true
				}
				if e.script = false; e.inside < 0 {
					e.inside = i
				}
			case e.comment && !e.script && tagIs(rest, "<script"):
				e.script = true
			}
		case d[i] == '-' && e.comment:
			if len(d)-i < len("-->") {
				return i, false, false
			}
			if begins(d[i:], "-->") {
				e.comment, e.script = false, false
				return i + 3, false, true
			}
		}
	}
	return i, false, false
}

// shortOf reports whether so few bytes are enough to see that nothing changes.
func (e *escape) shortOf(d []byte) bool {
	for _, s := range [...]string{"</script", "<script", "<!--"} {
		if n := min(len(s), len(d)); sameFold(d[:n], s[:n]) {
			return false
		}
	}
	return true
}

// tagIs reports whether a tag of that name begins.
func tagIs(d []byte, name string) bool {
	return len(d) > len(name) && sameFold(d[:len(name)], name) && class[d[len(name)]]&endsName != 0 && d[len(name)] != '='
}
