package markup

// A stage is how far a document has come.
type stage uint8

const (
	beforeHead stage = iota
	beforeBody
	inserted // all that is to be
)

// imply inserts at d[i] what must come before a stage and has not come yet. What stands in a
// noscript or a template begins nothing.
func (m *Writer) imply(d []byte, i int, to stage) {
	if m.stage >= to || m.trees.noscript || m.trees.templates > 0 {
		return
	}
	m.pass(d, i)
	m.insertHead()
	if to == inserted {
		m.insertBody()
	}
}

func (m *Writer) insertHead() {
	if m.stage != beforeHead {
		return
	}
	if m.langText != string(m.lang) {
		m.langText = string(m.lang)
	}
	head, body := m.rules.Insert(m.langText)
	m.body, m.stage = body, beforeBody
	m.write(head)
}

func (m *Writer) insertBody() {
	if m.stage == beforeBody {
		m.stage = inserted
		m.write(m.body)
	}
}

// insertAtEnd inserts where a document ends without anything that implies a body. What ends inside
// of a comment, a text, a noscript or a template gets nothing: there it would be lost.
func (m *Writer) insertAtEnd() {
	if m.state == inData && !m.trees.noscript && m.trees.templates == 0 {
		m.insertBefore()
	}
}

func (m *Writer) insertBefore() {
	if m.stage != inserted {
		m.insertHead()
		m.insertBody()
	}
}

// beforeTag inserts what the start tag in m.tag implies.
func (m *Writer) beforeTag(d []byte) {
	switch el := m.tag.element; {
	case el == elHTML:
		m.language(d)
	case el == elHead:
	case el == elBody || inHead[el]:
		m.imply(d, m.tag.begin, beforeBody)
	case el == elFrameset:
		m.imply(d, m.tag.begin, beforeBody)
		m.stage = inserted
	default:
		m.imply(d, m.tag.begin, inserted)
	}
}

// afterTag inserts behind the start tag in m.tag, which has been passed.
func (m *Writer) afterTag(d []byte) {
	switch el := m.tag.element; {
	case el == elHead && m.stage == beforeHead:
		m.pass(d, m.tag.end)
		m.insertHead()
	case el == elBody && m.stage == beforeBody && m.trees.templates == 0 && !m.trees.noscript:
		m.pass(d, m.tag.end)
		m.insertBody()
	}
}

// language keeps the lang of the html element.
func (m *Writer) language(d []byte) {
	const longest = 64
	if v, ok := m.value(d, atLang); ok && len(v) <= longest && len(m.lang) == 0 {
		m.lang = appendDecoded(m.lang, v)
	}
}
