package markup

import "bytes"

// An action is what becomes of an attribute in a tag.
type action uint8

const (
	leave   action = iota
	keep           // src → data-temoin-src
	adopt          // data-src → data-temoin-src
	restore        // data-src → src
	drop
	sign // data-temoin → data-temoin-by: the author's services are allowed
)

// startTag reads the start tag at d[i], makes it inert if it must be, and passes by its text.
func (m *Writer) startTag(d []byte, i int) int {
	p := ordinaryPlan
	if len(m.trees.stack) > 0 || m.trees.doubt {
		p = foreignPlan
	}
	end := m.readTag(d, i, p)
	if end == unended || end-i > maxTag {
		return m.orLong(d, i, end)
	}
	if len(m.tag.found) == 0 && !structural[m.tag.element] && m.stage == inserted && len(m.trees.stack) == 0 && !m.trees.noscript {
		return end
	}
	if t := &m.tag; len(t.found) == 0 && t.selfCloses && t.element == anyElement && m.trees.isDrawing(d[i+1:t.nameEnd]) {
		return end
	}
	return m.knownTag(d, p)
}

// knownTag takes the tag in m.tag, of which something may matter.
func (m *Writer) knownTag(d []byte, p *plan) int {
	t := &m.tag
	if at, crossed := m.crossesNoscript(d, t.begin+1, t.end); crossed {
		return m.part(d, t.begin, at)
	}
	name := d[t.begin+1 : t.nameEnd]
	foreign := len(m.trees.stack) > 0 && holdsText[t.element] && m.trees.makesForeign(t.element, name)
	text, ok := m.textBehind(d, foreign)
	if !ok {
		return unended
	}
	if m.stage != inserted {
		m.beforeTag(d)
	}
	wasSure := m.trees.sure()
	m.trees.start(t, name)
	if len(t.found) > 0 || text != nil {
		m.holdTag(d, text, p, wasSure)
	}
	if m.stage != inserted {
		m.afterTag(d)
	}
	if holdsText[t.element] && !m.isEmpty() {
		return m.textBegins(d, text, foreign)
	}
	return t.end
}

// isEmpty reports whether the element in m.tag has no content, which only XML says.
func (m *Writer) isEmpty() bool { return m.options.XML && m.tag.selfCloses }

// textBegins goes on behind the start tag of an element whose content may be text.
func (m *Writer) textBegins(d, text []byte, foreign bool) int {
	t := &m.tag
	switch {
	case m.trees.doubt && (foreign || t.selfCloses):
		m.part(d, t.end, 0)
		if foreign {
			return t.end
		}
	case foreign:
		return t.end
	}
	m.state, m.raw, m.escape = inText, t.element, escape{}
	if m.textEnd > 0 && m.trees.sure() {
		m.state = inData
		return m.textEnd
	}
	return t.end
}

// A judgedText is the last one. What begins inside of it, where its content is markup, is
// judged as it is: no more is read than once and again.
type judgedText struct {
	element element
	finding finding
	until   int // in all that was written
}

// textBehind returns the text of a style sheet or script that is judged by it, nil for any other
// tag; false if it has not come yet.
func (m *Writer) textBehind(d []byte, foreign bool) (text []byte, ok bool) {
	t := &m.tag
	bound := maxScript
	m.textEnd = 0
	switch {
	case t.element == elStyle:
		bound = maxSheet
	case t.element != elScript || t.get(atSrc) != nil:
		return nil, true
	}
	if m.isEmpty() {
		return nil, true
	}
	end, sure := -1, !m.trees.doubt && !m.trees.selects
	m.nested = (foreign || !sure) && m.judged.element == t.element && m.offset+t.end < m.judged.until
	switch {
	case m.nested:
		return d[t.end:t.end], true
	case foreign && t.selfCloses && sure:
		return nil, true
	case foreign && sure:
		end = foreignTextEnd(d, t.end, elementNames[t.element])
	case t.element == elStyle:
		end = endTagIn(d, t.end, "style")
		m.textEnd = max(end, 0)
	default:
		if end = scriptEnd(d, t.end); end >= 0 {
			m.textEnd = end
			break
		}
		end, _ = new(escape).find(d, t.end)
	}
	if !sure && end >= 0 { // it may be the longer one
		if end = foreignTextEnd(d, t.end, elementNames[t.element]); end >= 0 {
			end = max(end, endTagIn(d, t.end, elementNames[t.element]))
		}
	}
	if end < 0 {
		if len(d)-t.end < bound && !m.final {
			return nil, false
		}
		end = len(d)
	}
	m.judged = judgedText{element: t.element, until: m.offset + end}
	if end > t.end+bound {
		end = t.end + bound
		m.judged.until = m.offset + t.end + bound/2
	}
	return d[t.end:end], true
}

// foreignTextEnd returns where an element of SVG ends, whose content is markup; -1 if its end
// has not come.
func foreignTextEnd(d []byte, i int, name string) int {
	for {
		j := bytes.IndexByte(d[i:], '<')
		if j < 0 {
			return -1
		}
		i += j
		rest, n := d[i:], 0
		switch {
		case len(rest) > 2+len(name) && rest[1] == '/' && tagIs(rest[1:], "/"+name):
			return i
		case begins(rest, "<!--"):
			n = commentEnd(d, i)
		case bytes.HasPrefix(rest, beginCDATA):
			n = findCDATAEnd(d, i)
		case len(rest) > 1 && (class[rest[1]]&isLetter != 0 || rest[1] == '/'):
			n = tagEnd(d, i+1)
		default:
			n = i + 1
		}
		if n < 0 {
			return -1
		}
		i = n
	}
}

func tagEnd(d []byte, i int) int {
	s := inTagName
	if d[i] == '/' {
		i++
	}
	for ; i < len(d); i++ {
		if s = s.next(d[i]); s == tagEnded {
			return i + 1
		}
	}
	return -1
}

// ---- what a tag loads

// holdTag makes the tag in m.tag inert as far as it refers to something held.
func (m *Writer) holdTag(d, text []byte, p *plan, sure bool) {
	t := &m.tag
	m.inertText = false
	author, byAuthor := m.author(d, p)
	isBase := t.element == elBase && m.base(d, sure)
	held := m.holdAttributes(d, p, author, isBase)
	if text != nil && m.runsText(d) {
		f := m.judged.finding
		if !m.nested {
			f = m.judgeText(t.element, text, m.typeOf(d), false)
			m.judged.finding = f
		}
		if author != "" {
			f = finding{services: author}
		}
		if f.holds() {
			m.report(t.element, 0, f)
			held = held.and(f)
			m.keepType(d)
		}
	}
	switch {
	case author != "" && (held.holds() || m.isAside(d)):
		m.adoptAside()
	case byAuthor && author == "" && !held.holds():
		if !m.activate(d) {
			return
		}
	case !held.holds():
		return
	}
	m.sameForLater()
	if m.options.Mode != Observe {
		m.rewrite(d, held, byAuthor && author != "")
		if m.isText(text) {
			m.muffle(d, m.tag.end+len(text))
		}
	}
}

// isText reports whether a tag is of a style sheet that was made inert, and what is known of its
// content is text however the page is read.
func (m *Writer) isText(text []byte) bool {
	return m.tag.element == elStyle && m.inertText && (m.textEnd > m.tag.end || isFlat(text)) &&
		!m.trees.doubt && !m.trees.selects && !m.trees.noscript && !m.wary.always
}

// isFlat reports whether nothing in a text would be markup in SVG.
func isFlat(text []byte) bool {
	for {
		i := bytes.IndexByte(text, '<')
		if i < 0 {
			return true
		}
		if text = text[i:]; !bytes.HasPrefix(text, beginCDATA) {
			return false
		}
		text = text[len(beginCDATA):]
	}
}

// beginCDATA begins text that is none of markup, in SVG.
var beginCDATA = []byte("<![CDATA[")

// muffle writes "@import" in the text of a style sheet that is inert in a way that means the
// same and that browsers do not know when they look ahead: they ask for it whatever type the
// sheet has.
func (m *Writer) muffle(d []byte, end int) {
	const rule = "@import"
	for i := m.tag.end; i+len(rule) <= end; i++ {
		j := bytes.IndexByte(d[i:end], '@')
		if j < 0 {
			return
		}
		if i += j; begins(d[i:end], rule) {
			m.pass(d, i+1)
			m.write([]byte(`\69`))
			m.from = i + len("@i")
		}
	}
}

// author asks for the services that the author of the page has named: what is returned
// is not allowed. Attributes put aside are read too.
func (m *Writer) author(d []byte, p *plan) (services string, ok bool) {
	t := &m.tag
	v, _ := m.value(d, atMark)
	if len(bytes.TrimSpace(v)) == 0 {
		return "", false
	}
	end, closes := t.end, t.selfCloses
	t.found = t.found[:0]
	m.readAttributes(d, t.nameEnd, p.wanted[t.element]|aside())
	t.end, t.selfCloses = end, closes
	v, _ = m.value(d, atMark)
	return m.rules.Named(m.decode(v)), true
}

// base takes the address of a <base>, and reports whether it counts.
func (m *Writer) base(d []byte, sure bool) bool {
	v, ok := m.value(d, atHref)
	if !ok || m.based {
		return false
	}
	p, plain := m.at.plain(v)
	elsewhere := !plain || p.host != nil
	if elsewhere && m.stage == beforeBody && !m.full { // in full they lead home, also where it turns out to be none
		m.body, m.full = m.rules.Based(m.body), true
	}
	if !sure || m.wary.always {
		return false
	}
	if m.based = true; elsewhere {
		m.at.rebase(v)
	}
	return true
}

// holdAttributes decides on each attribute that loads.
func (m *Writer) holdAttributes(d []byte, p *plan, author string, isBase bool) (held finding) {
	t := &m.tag
	loads := m.loads(d)
	for i := range t.found {
		f := &t.found[i]
		k := p.kinds[t.element][f.attribute]
		if t.element == elBase && f.attribute == atHref && !isBase {
			k = address // it could be the page's, read otherwise
		}
		if k == nothing || !loads && isOwn(f.attribute) || t.get(f.attribute) != f {
			continue
		}
		v := d[f.value:f.valueEnd]
		looked := m.at.looks
		m.at.looks = looked && t.element != elBase // which is relative to the page
		r := m.judge(k, v)
		m.at.looks = looked
		if author != "" && len(v) > 0 && isOwn(f.attribute) {
			r = finding{services: author}
		}
		if !r.holds() {
			m.host = m.host[:0]
			continue
		}
		m.report(t.element, f.attribute, r)
		held = held.and(r)
		if t.element == elLink && (f.attribute == atHref || f.attribute == atImagesrcset) {
			t.get(atRel).action = keep
			continue
		}
		f.action = keep
		if t.element == elScript && isOwn(f.attribute) {
			m.keepType(d)
		}
	}
	return held
}

// keepType takes away the type by which a script or style sheet counts, and keeps it.
func (m *Writer) keepType(d []byte) {
	m.inertText = true
	if f := m.tag.get(atType); f != nil && !m.hasInertType(d) {
		f.action = keep
	}
}

// isOwn reports whether an attribute counts only where its element loads at all.
func isOwn(a attribute) bool {
	return a != atStyle && a != atBackground && a != atAttributionsrc
}

// loads reports whether the element in m.tag loads anything by its own attributes.
func (m *Writer) loads(d []byte) bool {
	switch m.tag.element {
	case elLink:
		v, ok := m.value(d, atRel)
		return ok && isLoadingRel(m.decode(v))
	case elMeta:
		v, ok := m.value(d, atHTTPEquiv)
		return ok && bytes.EqualFold(bytes.TrimSpace(m.decode(v)), []byte("refresh"))
	case elScript: // of whatever type: there are scripts that load others, and none that loads data
		kind := m.typeOf(d)
		return !bytes.HasSuffix(kind, []byte("json"))
	}
	return true
}

// isLoadingRel reports whether one of the words is among loadingRels.
func isLoadingRel(rel []byte) bool {
	for len(rel) > 0 {
		n := 0
		for n < len(rel) && !isBlankByte(rel[n]) {
			n++
		}
		for _, word := range loadingRels {
			if sameFold(rel[:n], word) {
				return true
			}
		}
		rel = rel[min(n+1, len(rel)):]
	}
	return false
}

// typeOf returns the type of a script or style sheet: that which its author put aside, if so.
func (m *Writer) typeOf(d []byte) []byte {
	v, _ := m.value(d, atType)
	if m.tag.get(atMark) != nil && isInertType(v) {
		v, _ = m.value(d, atAsideType)
	}
	return bytes.TrimSpace(m.decode(v))
}

func isInertType(v []byte) bool { return sameFold(bytes.TrimSpace(v), inertType) }

// runs reports whether a script runs, or is read by the browser, if nothing is held.
func (m *Writer) runs(d []byte) bool {
	v := m.typeOf(d)
	if len(v) == 0 {
		return true
	}
	for _, s := range [...]string{"module", "importmap", "speculationrules"} {
		if sameFold(v, s) {
			return true
		}
	}
	// The last two are types by which other scripts know what they are to run.
	for _, s := range [...]string{"javascript", "ecmascript", "jscript", "livescript", "partytown", "lazyload"} {
		for i := range v {
			if begins(v[i:], s) {
				return true
			}
		}
	}
	return false
}

// runsText reports whether the text of a style sheet or script counts.
func (m *Writer) runsText(d []byte) bool {
	if m.tag.element == elScript {
		return m.runs(d)
	}
	v := m.typeOf(d)
	return len(v) == 0 || sameFold(v, "text/css")
}

// judgeText judges the text of a style sheet or script. any is for text of which nothing is
// known but that it may be one.
func (m *Writer) judgeText(el element, text, kind []byte, any bool) finding {
	f := m.judgeRaw(el, text, kind, any)
	if (any || len(m.trees.stack) > 0 || m.trees.doubt) && bytes.ContainsAny(text, "&<") {
		for _, between := range [...]string{"", " "} { // a tag may be dropped, or end the text
			m.plainText = appendFlat(m.plainText[:0], text, between)
			f = f.and(m.judgeRaw(el, m.plainText, kind, any))
		}
	}
	return f
}

func (m *Writer) judgeRaw(el element, text, kind []byte, any bool) finding {
	if el == elStyle {
		return m.judgeSheet(text)
	}
	isRules := sameFold(kind, "importmap") || sameFold(kind, "speculationrules")
	if any {
		isRules = bytes.HasPrefix(bytes.TrimSpace(text), []byte("{"))
	}
	if isRules {
		if f := m.judgeJSON(text); f.holds() || !any {
			return f
		}
	}
	return finding{services: m.rules.Script(text[:min(len(text), maxScript)])}
}

// appendFlat appends what text means in SVG: without comments and tags, its character
// references replaced.
func appendFlat(to, text []byte, between string) []byte {
	for len(text) > 0 {
		i := bytes.IndexByte(text, '<')
		if i < 0 {
			i = len(text)
		}
		to = appendDecoded(to, text[:i])
		text = text[i:]
		n := 0
		switch {
		case begins(text, "<!--"):
			n = commentEnd(text, 0)
		case bytes.HasPrefix(text, beginCDATA):
			text = text[len(beginCDATA):]
			end := bytes.Index(text, []byte("]]>"))
			if end < 0 {
				end = len(text)
			}
			to = append(to, text[:end]...)
			n = min(end+3, len(text))
		case len(text) > 1 && (class[text[1]]&isLetter != 0 || text[1] == '/'):
			n = tagEnd(text, 1)
			to = append(to, between...)
		case len(text) > 0:
			to = append(to, '<')
			n = 1
		}
		if n < 0 {
			return to
		}
		text = text[n:]
	}
	return to
}
