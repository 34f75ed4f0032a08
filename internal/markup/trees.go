package markup

import "hash/maphash"

// Trees know as much of the tree that a parser builds as the reading of tags depends on: whether
// elements are those of HTML, or of SVG and MathML, where no content is mere text. In an svg or math
// they follow each element; what they cannot follow surely makes them doubt, and all ways
// of reading are held from there on (Writer.part).
type trees struct {
	stack     []node
	seed      maphash.Seed
	doubt     bool // until the end of the page
	noscript  bool // in one: its content is text where scripts run
	selects   bool // in a select: in older browsers most elements are not there
	templates int
}

type space uint8

const (
	spaceHTML space = iota
	spaceSVG
	spaceMath
)

// A node is an open element of an svg or math, or below.
type node struct {
	name  uint64
	space space
	point bool // what is in it is HTML
}

const maxStack = 64

func (t *trees) reset() {
	seed := t.seed
	if seed == (maphash.Seed{}) {
		seed = maphash.MakeSeed()
	}
	*t = trees{stack: t.stack[:0], seed: seed}
}

// plain reports whether an end tag changes nothing.
func (t *trees) plain() bool {
	return len(t.stack) == 0 && !t.noscript && !t.selects && t.templates == 0
}

// isForeign reports whether the innermost element is one of SVG or MathML.
func (t *trees) isForeign() bool {
	return len(t.stack) > 0 && t.stack[len(t.stack)-1].space != spaceHTML
}

// takesHTML reports whether the innermost element takes elements of HTML.
func (t *trees) takesHTML() bool {
	if len(t.stack) == 0 {
		return true
	}
	top := t.stack[len(t.stack)-1]
	return top.space == spaceHTML || top.point
}

// makesForeign reports whether a start tag would make an element of SVG or MathML.
func (t *trees) makesForeign(el element, name []byte) bool {
	if t.takesHTML() {
		return el == elSVG || el == elMath
	}
	return breakouts.find(name, 0, len(name)) == 0
}

// isDrawing reports whether a tag that closes itself, of an element that nobody knows, is one of many
// in an svg or math: nothing comes of it.
func (t *trees) isDrawing(name []byte) bool {
	return !t.takesHTML() && !t.doubt && !t.noscript && len(name) <= 8 && isWord(name) && name[0]|0x20 != 'm' && breakouts.find(name, 0, len(name)) == 0
}

// sure reports whether an element of HTML stands in the page itself, whoever reads it.
func (t *trees) sure() bool { return t.plain() && !t.doubt }

// start takes a start tag and reports whether it makes an element of SVG or MathML.
func (t *trees) start(tag *tag, name []byte) bool {
	if !t.takesHTML() && breakouts.find(name, 0, len(name)) != 0 {
		for !t.takesHTML() {
			t.stack = t.stack[:len(t.stack)-1]
		}
	}
	if !t.takesHTML() {
		t.startForeign(tag, name)
		return true
	}
	if tag.element == elSVG || tag.element == elMath {
		t.doubt = t.doubt || t.selects
		if !tag.selfCloses {
			s := spaceSVG
			if tag.element == elMath {
				s = spaceMath
			}
			t.push(name, s, false)
		}
		return true
	}
	t.startHTML(tag.element, name)
	return false
}

func (t *trees) startForeign(tag *tag, name []byte) {
	s := t.stack[len(t.stack)-1].space
	point := false
	switch el := tag.element; {
	case el == elFont, el == elAnnotationXML, sameFold(name, "mglyph"), sameFold(name, "malignmark"):
		t.doubt = true // depends on more than the name
	case s == spaceSVG:
		point = el == elForeignObject || el == elDesc || el == elTitle
	case el == elMi || el == elMn || el == elMo || el == elMs || el == elMtext:
		point = true
	}
	if !tag.selfCloses {
		t.push(name, s, point)
	}
}

// startHTML takes the start tag of an element of HTML.
func (t *trees) startHTML(el element, name []byte) {
	inside := len(t.stack) > 0
	switch el {
	case elNoscript:
		t.noscript = true
		t.doubt = t.doubt || inside
	case elSelect:
		t.selects = true
		t.doubt = t.doubt || inside
	case elTemplate:
		if !t.noscript {
			t.templates++
		}
		t.doubt = t.doubt || inside || t.selects
	case elCol:
		t.doubt = t.doubt || inside || t.templates > 0
	case elFrameset:
		t.doubt = true
	case elBody, elCaption, elColgroup, elHead, elHTML, elTable, elTbody, elTd, elTfoot, elTh, elThead, elTr:
		t.doubt = t.doubt || inside
	}
	if inside && voids.find(name, 0, len(name)) == 0 {
		t.push(name, spaceHTML, false)
	}
}

func (t *trees) push(name []byte, s space, point bool) {
	if len(t.stack) == maxStack {
		t.doubt = true
		return
	}
	t.stack = append(t.stack, node{t.hash(name), s, point})
}

// hash returns a number for a name: two names have the same only by chance, which nobody outside can
// bring about.
func (t *trees) hash(name []byte) uint64 {
	if len(name) <= 8 && isWord(name) {
		return keyOf(name)
	}
	var b [64]byte
	n := copy(b[:], name)
	for i, c := range b[:n] {
		b[i] = lowered(c)
	}
	if len(name) > n {
		t.doubt = true
	}
	return maphash.Bytes(t.seed, b[:n])
}

func isWord(name []byte) bool {
	for _, c := range name {
		if class[c]&(isHost|isLetter) == 0 {
			return false
		}
	}
	return true
}

// end takes an end tag.
func (t *trees) end(name []byte, el element) {
	if el == elNoscript {
		t.noscript = false
	}
	if len(t.stack) > 0 {
		t.endInside(name)
		return
	}
	switch {
	case t.noscript: // not where scripts run
	case el == elSelect:
		t.selects = false
	case el == elTemplate && t.templates > 0:
		t.templates--
	}
}

// endInside closes an element of an svg or math: the innermost one of its name, unless an element
// of HTML stands between.
func (t *trees) endInside(name []byte) {
	h := t.hash(name)
	top := len(t.stack) - 1
	for i := top; i >= 0; i-- {
		if t.stack[i].name == h {
			t.stack = t.stack[:i]
			return
		}
		if t.stack[i].space == spaceHTML {
			break
		}
	}
	t.doubt = true
	for i := top; i >= 0; i-- { // as well as can be guessed
		if t.stack[i].name == h {
			t.stack = t.stack[:i]
			return
		}
	}
}

// breakouts are the elements of HTML that end an svg or math.
var breakouts = newLexicon([]string{
	"", "b", "big", "blockquote", "body", "br", "center", "code", "dd", "div", "dl", "dt", "em", "embed", "h1", "h2", "h3", "h4",
	"h5", "h6", "head", "hr", "i", "img", "li", "listing", "menu", "meta", "nobr", "ol", "p", "pre", "ruby", "s", "small", "span",
	"strong", "strike", "sub", "sup", "table", "tt", "u", "ul", "var",
})

// voids are the elements that have no content.
var voids = newLexicon([]string{
	"", "area", "base", "basefont", "bgsound", "br", "col", "command", "embed", "frame", "hr", "image", "img", "input", "keygen",
	"link", "meta", "param", "source", "track", "wbr",
})
