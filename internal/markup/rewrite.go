package markup

import "strconv"

// isAside reports whether the author has put something of the tag aside.
func (m *Writer) isAside(d []byte) bool {
	for _, f := range m.tag.found {
		if f.attribute >= firstAside {
			return true
		}
	}
	return m.hasInertType(d)
}

// hasInertType reports whether the author has made a script or style sheet inert.
func (m *Writer) hasInertType(d []byte) bool {
	v, ok := m.value(d, atType)
	return ok && isInertType(v) && (m.tag.element == elScript || m.tag.element == elStyle)
}

// adoptAside makes what the author has put aside look like what is held.
func (m *Writer) adoptAside() {
	for i := range m.tag.found {
		f := &m.tag.found[i]
		if f.attribute < firstAside {
			continue
		}
		f.action = adopt
		if own := m.tag.get(asideOf[f.attribute]); own != nil && own.action != keep && isFrame(m.tag.element) {
			own.action = drop
		}
	}
}

// activate makes what the author has put aside active: its services are allowed.
func (m *Writer) activate(d []byte) bool {
	if !m.isAside(d) || m.wouldLoadHeld(d) {
		return false
	}
	t := &m.tag
	if m.hasInertType(d) {
		t.get(atType).action = drop
	}
	for i := range t.found {
		f := &t.found[i]
		switch {
		case f.attribute == atMark:
			f.action = sign
		case f.attribute >= firstAside && t.get(f.attribute) == f:
			f.action = restore
			for j := range t.found {
				if t.found[j].attribute == asideOf[f.attribute] {
					t.found[j].action = drop
				}
			}
		}
	}
	return true
}

// wouldLoadHeld reports whether something put aside leads to another service, which is held.
func (m *Writer) wouldLoadHeld(d []byte) bool {
	for _, f := range m.tag.found {
		if f.attribute < firstAside {
			continue
		}
		k := address
		if f.attribute == atAsideSet {
			k = candidates
		}
		if f.attribute != atAsideType && f.attribute != atAsideRel && m.judge(k, d[f.value:f.valueEnd]).holds() {
			m.host = m.host[:0]
			return true
		}
	}
	return false
}

// sameForLater does to later attributes of a name what is done to the first: they would
// count if that were gone.
func (m *Writer) sameForLater() {
	for i := range m.tag.found {
		f := &m.tag.found[i]
		if first := m.tag.get(f.attribute); first != f && f.action == leave && first.action != restore {
			f.action = first.action
		}
	}
}

func isFrame(el element) bool { return el == elIframe || el == elFrame }

// rewrite writes the tag in m.tag as its attributes' actions say.
func (m *Writer) rewrite(d []byte, held finding, marked bool) {
	t := &m.tag
	m.pass(d, t.begin)
	b := append(m.rewritten[:0], d[t.begin:t.nameEnd]...)
	if held.holds() || marked {
		b = m.appendNew(b, d, held, marked)
	}
	at := t.nameEnd
	for _, f := range t.found {
		switch f.action {
		case keep:
			b = append(append(b, d[at:f.name]...), keptPrefix...)
			at = f.name
			if m.options.XML && f.attribute == atXlinkHref {
				b, at = append(b, m.plainHref()...), f.nameEnd
			}
		case adopt:
			b = append(append(b, d[at:f.name]...), keptPrefix...)
			at = f.name + len(asidePrefix)
		case restore:
			b = append(b, d[at:f.name]...)
			at = f.name + len(asidePrefix)
		case drop:
			b = append(b, d[at:f.name]...)
			at = f.end
		case sign:
			b = append(append(b, d[at:f.nameEnd]...), "-by"...)
			at = f.nameEnd
		}
	}
	m.rewritten = append(b, d[at:t.end]...)
	m.write(m.rewritten)
	m.from = t.end
}

// plainHref is what xlink:href is kept as in XML: href means the same, if there is none.
func (m *Writer) plainHref() string {
	if m.tag.get(atHref) != nil {
		return "other"
	}
	return "href"
}

// appendNew appends the attributes that an inert element has more. They come first: what
// the page says of the same name later does not count.
func (m *Writer) appendNew(b, d []byte, held finding, marked bool) []byte {
	t := &m.tag
	if !marked {
		b = appendAttribute(b, mark, held.services)
	}
	switch el := t.element; {
	case el == elLink && m.isKept(atRel):
		b = appendAttribute(b, "rel", inertType)
	case m.inertText && !m.hasInertType(d):
		b = appendAttribute(b, "type", inertType)
		if t.get(atType) == nil {
			b = appendAttribute(b, keptPrefix+"type", "")
		}
	case isFrame(el):
		b = m.appendPlaceholder(b, d, held)
	}
	return b
}

// appendPlaceholder appends the address of what stands in the place of a frame, and another
// name: when somebody goes back, browsers give a frame the address that one of its name, or
// without one in its place, had before. What the page calls it is kept.
func (m *Writer) appendPlaceholder(b, d []byte, held finding) []byte {
	t := &m.tag
	src := t.get(atSrc)
	if aside := t.get(atAsideSrc); aside != nil && aside.action == adopt {
		src = aside
	}
	if src != nil && src.action == leave || src == nil && !m.isKept(atSrcdoc) {
		return b
	}
	m.unescaped = m.unescaped[:0]
	if src != nil {
		m.unescaped = m.at.appendAbsolute(m.unescaped, d[src.value:src.valueEnd])
	}
	services := held.services
	if v, ok := m.value(d, atMark); services == "" && ok {
		services = string(m.decode(v))
	}
	p, name := m.rules.Placeholder(services, m.unescaped)
	if p != "" {
		b = appendAttribute(b, "src", p)
	}
	if own := t.get(atName); own != nil {
		own.action = keep
	} else {
		b = appendAttribute(b, keptPrefix+"name", "")
	}
	m.frames++
	b = append(append(append(b, ` name="temoin-`...), name...), '-')
	return append(strconv.AppendInt(b, int64(m.frames), 10), '"')
}

func appendAttribute(b []byte, name, value string) []byte {
	b = append(append(append(b, ' '), name...), `="`...)
	for i := range len(value) {
		switch c := value[i]; c {
		case '"':
			b = append(b, "&#34;"...)
		case '&':
			b = append(b, "&amp;"...)
		case '<':
			b = append(b, "&lt;"...)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

func (m *Writer) isKept(a attribute) bool {
	f := m.tag.get(a)
	return f != nil && f.action == keep
}
