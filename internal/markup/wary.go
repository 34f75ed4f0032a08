package markup

import (
	"bytes"
	"slices"
)

// The wary reader stands behind the other one, where not all ways of reading a page agree, and for
// tags too long to be kept. It takes each "<" before a letter for the beginning of a tag, in
// comments, texts and values too: whatever a browser takes for a tag is among them. From its
// beginning on a tag is read in one way only, so that nothing is missed.
//
// What it writes (a prefix to the name of an attribute; a type for a style sheet or script) means
// nothing in any other way of reading: it holds no quote, no "<", no ">", and begins and ends
// nothing.
type wary struct {
	always  bool   // from here on, all ways of reading are held
	inLong  bool   // a long tag is passing
	buffer  []byte // what has not been written yet
	at      int    // where in all that was read the buffer begins
	last    byte   // what came before
	tags    []open
	texts   []openText
	edits   []edit
	skips   reading // of the long tag, for the other reader
	skipped int     // its "<" and name, to be skipped first
}

// A step is where in a tag a reader is.
type step uint8

const (
	inTagName step = iota
	beforeName
	inName
	afterName
	beforeValue
	inDouble
	inSingle
	inUnquoted
	tagEnded
)

// next is the tokenizer of the HTML Standard, from the name of a tag on.
func (s step) next(c byte) step {
	blank := class[c]&isBlank != 0
	switch s {
	case inDouble:
		if c == '"' {
			return beforeName
		}
		return s
	case inSingle:
		if c == '\'' {
			return beforeName
		}
		return s
	case inUnquoted:
		return choose(c == '>', tagEnded, choose(blank, beforeName, s))
	case beforeValue:
		switch {
		case c == '"':
			return inDouble
		case c == '\'':
			return inSingle
		case c != '>':
			return choose(blank, s, inUnquoted)
		}
	}
	switch {
	case c == '>':
		return tagEnded
	case c == '/':
		return beforeName
	case c == '=' && (s == inName || s == afterName):
		return beforeValue
	case s == inTagName:
		return choose(blank, beforeName, s)
	case s == inName || s == afterName:
		return choose(blank, afterName, inName)
	}
	return choose(blank, beforeName, inName)
}

func choose(condition bool, a, b step) step {
	if condition {
		return a
	}
	return b
}

// An open tag is read. Places count from the beginning of all that was read.
type open struct {
	reading
	begin    int // of its name
	nameEnd  int
	name     int // of the attribute
	nameLast int
	value    int
	free     bool // no other tag reads its name as a part of a value
}

// A reading is what decides how a tag goes on.
type reading struct {
	step      step
	element   element
	attribute attribute // whose value is read, if it counts
	closes    bool      // an end tag
	named     bool      // its element is known
}

// An openText waits for the end of a style sheet or script.
type openText struct {
	element element
	insert  int // where a type would go
	begin   int
}

// An edit is text that goes in.
type edit struct {
	at   int
	text string
}

func (w *wary) reset() {
	*w = wary{buffer: w.buffer[:0], tags: w.tags[:0], texts: w.texts[:0], edits: w.edits[:0]}
}

func (w *wary) on() bool { return w.always || w.inLong }

// ---- long tags, as the other reader sees them

// longBegins reads the "<" and the name of the long tag at d[i], which are there.
func (w *wary) longBegins(d []byte, i int) {
	w.last, w.skips = 0, reading{}
	i++
	if d[i] == '/' {
		w.skips.closes = true
		i++
	}
	n := i
	for n < len(d) && (class[d[n]]&endsName == 0 || d[n] == '=') {
		n++
	}
	w.skips.element = element(elementLexicon.find(d, i, n))
	w.skipped = n - i + 1
	if w.skips.closes {
		w.skipped++
	}
}

// skipTag returns how far the long tag at d[i], or its rest, goes.
func (w *wary) skipTag(d []byte, i int) (n int, ended bool) {
	s := &w.skips
	i, w.skipped = i+w.skipped, 0
	for ; i < len(d); i++ {
		if quote := quoteOf(s.step); quote != 0 {
			j := bytes.IndexByte(d[i:], quote)
			if j < 0 {
				return len(d), false
			}
			i += j
		}
		if s.step = s.step.next(d[i]); s.step == tagEnded {
			return i + 1, true
		}
	}
	return i, false
}

func quoteOf(s step) byte {
	switch s {
	case inDouble:
		return '"'
	case inSingle:
		return '\''
	}
	return 0
}

func (w *wary) longElement() (el element, closes bool) { return w.skips.element, w.skips.closes }

func (w *wary) longEnds(m *Writer) {
	w.inLong = false
	if !w.always {
		w.end(m)
	}
}

// ---- reading

// read takes what the other reader writes.
func (w *wary) read(m *Writer, b []byte) {
	begin := len(w.buffer)
	w.buffer = append(w.buffer, b...)
	for i := begin; i < len(w.buffer); i++ {
		if !w.always && len(w.tags) == 1 && w.tags[0].attribute == 0 {
			if quote := quoteOf(w.tags[0].step); quote != 0 {
				j := bytes.IndexByte(w.buffer[i:], quote)
				if j < 0 {
					break
				}
				i += j
			}
		}
		w.byte(m, w.at+i, w.buffer[i])
	}
	w.flush(m)
}

// byte reads one byte at a place.
func (w *wary) byte(m *Writer, at int, c byte) {
	w.text(m, at, c)
	kept := w.tags[:0]
	for _, t := range w.tags {
		if w.advance(m, &t, at, c) && !hasReading(kept, t.reading) {
			kept = append(kept, t)
		}
	}
	w.tags = kept
	if w.last == '<' && class[c]&isLetter != 0 && (w.always || len(w.tags) == 0) {
		w.tags = append(w.tags, open{begin: at})
	}
	w.last = c
}

// hasReading reports whether an open tag goes on as another one does, and in the same
// value: the quote that would begin another value ends this one.
func hasReading(tags []open, r reading) bool {
	return r.named && slices.ContainsFunc(tags, func(t open) bool { return t.reading == r && r.step != inName })
}

// advance moves an open tag by one byte, and reports whether it is still open.
func (w *wary) advance(m *Writer, t *open, at int, c byte) bool {
	before := t.step
	t.step = before.next(c)
	switch {
	case before == inTagName && t.step != inTagName:
		w.endTagName(t, at)
	case before != inName && t.step == inName:
		w.endValue(m, t, at)
		t.name = at
	case before == inName && t.step != inName:
		t.nameLast = at
		w.endName(t)
	case before == beforeValue && t.step == inUnquoted:
		t.value = at
	case before == beforeValue && t.step != beforeValue:
		t.value = at + 1
	case t.step == inTagName:
		t.named = t.named || at-t.begin >= maxNameBytes // a name that nobody knows
		return true
	case t.step == before:
		w.bound(m, t, at)
		return true
	}
	if isValue(before) && !isValue(t.step) {
		w.endValue(m, t, at)
	}
	if t.step != tagEnded {
		return true
	}
	if w.always && (t.element == elStyle || t.element == elScript) {
		w.beginText(m, t, at+1)
	}
	return false
}

func isValue(s step) bool { return s == inDouble || s == inSingle || s == inUnquoted }

func (w *wary) endTagName(t *open, at int) {
	t.nameEnd = at
	t.free = !slices.ContainsFunc(w.tags, func(t open) bool { return t.step == inUnquoted })
	if !t.named {
		t.element = element(elementLexicon.find(w.buffer, t.begin-w.at, at-w.at))
		t.named = true
	}
}

// endName finds out whether an attribute counts.
func (w *wary) endName(t *open) {
	t.attribute = 0
	if t.nameLast-t.name > maxNameBytes {
		return
	}
	a := attribute(attributeLexicon.find(w.buffer, t.name-w.at, t.nameLast-w.at))
	if foreignPlan.kinds[t.element][a] != nothing || t.element == elBase && a == atHref {
		t.attribute = a
	}
}

// kind returns how the attribute being read loads.
func (t *open) kind() kind {
	if t.element == elBase {
		return address
	}
	return foreignPlan.kinds[t.element][t.attribute]
}

// endValue judges a value that has ended.
func (w *wary) endValue(m *Writer, t *open, at int) {
	if t.attribute != 0 && t.value > t.name {
		w.hold(m, t, m.judge(t.kind(), w.buffer[t.value-w.at:at-w.at]))
	}
	t.attribute = 0
}

// bound judges a value by its beginning where that is all that may be kept.
func (w *wary) bound(m *Writer, t *open, at int) {
	if t.attribute == 0 || !isValue(t.step) {
		return
	}
	k := t.kind()
	v := w.buffer[t.value-w.at : at+1-w.at]
	switch {
	case k == address && len(v) == len("data:") && isData(v):
		t.attribute = 0
	case len(v) >= k.bound():
		f := m.judge(k, v)
		if !f.holds() && k.needsAll(m, v) {
			f.endless = true
		}
		w.hold(m, t, f)
		t.attribute = 0
	}
}

func (k kind) bound() int {
	if k == address || k == refresh || k == addressed {
		return maxAddress
	}
	return maxSheet
}

// needsAll reports whether the beginning of a value is not enough.
func (k kind) needsAll(m *Writer, v []byte) bool {
	return k == candidates || k == page || k == addressed || k == animation || k == address && !m.at.leadsSomewhere(v)
}

func (w *wary) hold(m *Writer, t *open, f finding) {
	if !f.holds() {
		return
	}
	m.report(t.element, t.attribute, f)
	w.insert(t.name, keptPrefix)
}

// insert puts an edit into its place among the others, once.
func (w *wary) insert(at int, text string) {
	i, found := slices.BinarySearchFunc(w.edits, at, func(e edit, at int) int { return e.at - at })
	if !found {
		w.edits = slices.Insert(w.edits, i, edit{at, text})
	}
}

// ---- texts

const inertAttribute = " type=" + inertType + " "

// beginText waits for the end of a style sheet or script. A type is put behind the name, where
// it means nothing else to others: white space or the end of the tag must follow, or a slash that
// nobody takes for a part of a value.
func (w *wary) beginText(m *Writer, t *open, at int) {
	if t.nameEnd < w.at {
		return // a long tag
	}
	if w.buffer[t.nameEnd-w.at] == '/' && !t.free {
		return
	}
	text := openText{t.element, t.nameEnd, at}
	if len(w.texts) == maxTexts {
		m.report(t.element, 0, finding{endless: true})
		w.insert(t.nameEnd, inertAttribute)
		return
	}
	w.texts = append(w.texts, text)
}

// maxTexts is more than any page has within one another: what comes then is inert.
const maxTexts = 8

// text ends texts, at "</style" and "</script" or at their bounds.
func (w *wary) text(m *Writer, at int, c byte) {
	if len(w.texts) == 0 {
		return
	}
	ended := anyElement
	if before := w.buffer[:at+1-w.at]; c|0x20 == 'e' && endsIn(before, "</style") {
		ended = elStyle
	} else if c|0x20 == 't' && endsIn(before, "</script") {
		ended = elScript
	}
	if ended == anyElement && at-w.texts[0].begin < maxSheet {
		return
	}
	w.texts = slices.DeleteFunc(w.texts, func(t openText) bool {
		if t.element != ended && at-t.begin < maxSheet {
			return false
		}
		w.judgeText(m, t, at)
		return true
	})
}

func endsIn(b []byte, s string) bool {
	return len(b) >= len(s) && sameFold(b[len(b)-len(s):], s)
}

func (w *wary) judgeText(m *Writer, t openText, at int) {
	if f := m.judgeText(t.element, w.buffer[max(0, t.begin-w.at):at-w.at], nil, true); f.holds() {
		m.report(t.element, 0, f)
		w.insert(t.insert, inertAttribute)
	}
}

// ---- writing

// flush writes what nothing can change any more.
func (w *wary) flush(m *Writer) {
	end := w.at + len(w.buffer)
	keep := end
	for _, t := range w.tags {
		switch {
		case !t.named:
			keep = min(keep, t.begin)
		case t.attribute != 0, t.step == inName && end-t.name <= maxNameBytes:
			keep = min(keep, t.name)
		}
		if w.always && t.named && (t.element == elStyle || t.element == elScript) && end-t.nameEnd < maxTag {
			keep = min(keep, t.nameEnd)
		}
	}
	for _, t := range w.texts {
		keep = min(keep, t.insert)
	}
	w.writeTo(m, keep)
}

// writeTo writes as far as a place, with the edits before it.
func (w *wary) writeTo(m *Writer, place int) {
	if place == w.at {
		return
	}
	done, n := w.at, 0
	for _, e := range w.edits {
		if e.at >= place {
			break
		}
		m.writeThrough(w.buffer[done-w.at : e.at-w.at])
		if m.options.Mode != Observe {
			m.writeThrough([]byte(e.text))
		}
		done, n = e.at, n+1
	}
	m.writeThrough(w.buffer[done-w.at : place-w.at])
	w.edits = slices.Delete(w.edits, 0, n)
	w.buffer = append(w.buffer[:0], w.buffer[place-w.at:]...)
	w.at = place
}

// end writes all that is left.
func (w *wary) end(m *Writer) {
	end := w.at + len(w.buffer)
	for _, t := range w.texts {
		w.judgeText(m, t, end)
	}
	w.writeTo(m, end)
	w.tags, w.texts = w.tags[:0], w.texts[:0]
}
