package markup

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// An element is one that the rewriter knows; 0 is any other.
type element uint8

const (
	anyElement element = iota
	elA
	elAnimate
	elAnnotationXML
	elArea
	elAudio
	elBase
	elBasefont
	elBgsound
	elBody
	elCaption
	elCol
	elColgroup
	elDesc
	elEmbed
	elFeImage
	elFencedframe
	elFont
	elForeignObject
	elFrame
	elFrameset
	elHead
	elHTML
	elIframe
	elImage
	elImg
	elInput
	elLink
	elMath
	elMeta
	elMi
	elMn
	elMo
	elMs
	elMtext
	elNoembed
	elNoframes
	elNoscript
	elObject
	elPlaintext
	elPortal
	elScript
	elSelect
	elSet
	elSource
	elStyle
	elSVG
	elTable
	elTbody
	elTd
	elTemplate
	elTextarea
	elTfoot
	elTh
	elThead
	elTitle
	elTr
	elTrack
	elUse
	elVideo
	elXmp
	elBr
	elP
	elements // how many
)

var elementNames = [elements]string{
	elA: "a", elAnimate: "animate", elAnnotationXML: "annotation-xml", elArea: "area", elAudio: "audio", elBase: "base",
	elBasefont: "basefont", elBgsound: "bgsound", elBody: "body", elCaption: "caption", elCol: "col", elColgroup: "colgroup",
	elDesc: "desc", elEmbed: "embed", elFeImage: "feimage", elFencedframe: "fencedframe", elFont: "font",
	elForeignObject: "foreignobject", elFrame: "frame", elFrameset: "frameset", elHead: "head", elHTML: "html",
	elIframe: "iframe", elImage: "image", elImg: "img", elInput: "input", elLink: "link", elMath: "math", elMeta: "meta",
	elMi: "mi", elMn: "mn", elMo: "mo", elMs: "ms", elMtext: "mtext", elNoembed: "noembed", elNoframes: "noframes",
	elNoscript: "noscript", elObject: "object", elPlaintext: "plaintext", elPortal: "portal", elScript: "script",
	elSelect: "select", elSet: "set", elSource: "source", elStyle: "style", elSVG: "svg", elTable: "table", elTbody: "tbody",
	elTd: "td", elTemplate: "template", elTextarea: "textarea", elTfoot: "tfoot", elTh: "th", elThead: "thead",
	elTitle: "title", elTr: "tr", elTrack: "track", elUse: "use", elVideo: "video", elXmp: "xmp", elBr: "br", elP: "p",
}

// An attribute is one that the rewriter knows; 0 is any other.
type attribute uint8

const (
	anyAttribute attribute = iota
	atAttributionsrc
	atBackground
	atBy
	atClipPath
	atContent
	atCursor
	atData
	atFill
	atFilter
	atFrom
	atHref
	atHTTPEquiv
	atImagesrcset
	atLang
	atManifest
	atMarker
	atMarkerEnd
	atMarkerMid
	atMarkerStart
	atMask
	atName
	atPing
	atPoster
	atRel
	atSrc
	atSrcdoc
	atSrcset
	atStroke
	atStyle
	atTo
	atType
	atValues
	atXlinkHref
	atMark       // data-temoin
	atAsideData  // data-data and so on: put aside by the author
	atAsideHref  //
	atAsidePost  //
	atAsideRel   //
	atAsideSrc   //
	atAsideSet   //
	atAsideType  //
	attributes   // how many
	firstAside   = atAsideData
	mark         = "data-temoin"
	asidePrefix  = "data-"
	keptPrefix   = mark + "-"
	inertType    = "text/plain"
	maxNameBytes = 32 // more than any name here has
)

var attributeNames = [attributes]string{
	atAttributionsrc: "attributionsrc", atBackground: "background", atBy: "by", atClipPath: "clip-path", atContent: "content",
	atCursor: "cursor", atData: "data", atFill: "fill", atFilter: "filter", atFrom: "from", atHref: "href",
	atHTTPEquiv: "http-equiv", atImagesrcset: "imagesrcset", atLang: "lang", atManifest: "manifest", atMarker: "marker",
	atMarkerEnd: "marker-end", atMarkerMid: "marker-mid", atMarkerStart: "marker-start", atMask: "mask", atName: "name", atPing: "ping",
	atPoster: "poster", atRel: "rel", atSrc: "src", atSrcdoc: "srcdoc", atSrcset: "srcset", atStroke: "stroke", atStyle: "style",
	atTo: "to", atType: "type", atValues: "values", atXlinkHref: "xlink:href", atMark: mark, atAsideData: "data-data",
	atAsideHref: "data-href", atAsidePost: "data-poster", atAsideRel: "data-rel", atAsideSrc: "data-src",
	atAsideSet: "data-srcset", atAsideType: "data-type",
}

// asideOf says what an attribute becomes that the author has put aside.
var asideOf = [attributes]attribute{
	atAsideData: atData, atAsideHref: atHref, atAsidePost: atPoster, atAsideRel: atRel, atAsideSrc: atSrc,
	atAsideSet: atSrcset, atAsideType: atType,
}

// ---- looking up

// A lexicon finds names, in whatever case, by their first eight letters and their length.
// No two of its names share a slot, so one look is enough.
type lexicon struct {
	multiplier uint64
	slots      [512]lexeme
}

type lexeme struct {
	key  uint64
	name string
	n    uint8 // how long
	id   uint8
}

var (
	elementLexicon   = newLexicon(elementNames[:])
	attributeLexicon = newLexicon(attributeNames[:])
)

// newLexicon tries multipliers until no names share a slot.
func newLexicon(names []string) *lexicon {
	for multiplier := uint64(0x9E3779B97F4A7C15); ; multiplier += 0x5851F42D4C957F2E {
		if l := (&lexicon{multiplier: multiplier}); l.fill(names) {
			return l
		}
	}
}

func (l *lexicon) fill(names []string) bool {
	for id, name := range names {
		if name == "" {
			continue
		}
		key := keyOf([]byte(name))
		slot := &l.slots[l.slot(key, len(name))]
		if slot.name != "" {
			return false
		}
		*slot = lexeme{key, name, uint8(len(name)), uint8(id)}
	}
	return true
}

func (l *lexicon) slot(key uint64, n int) uint64 { return (key + uint64(n)<<60) * l.multiplier >> 55 }

// find returns the number of a name that is d[i:j], 0 for an unknown one.
func (l *lexicon) find(d []byte, i, j int) uint8 {
	n := j - i
	var key uint64
	if i+8 <= len(d) {
		key = (word(d, i) | lower8) & low[min(n, 8)]
	} else {
		key = keyOf(d[i:j])
	}
	slot := &l.slots[l.slot(key, n)]
	if slot.key != key || len(slot.name) != n || n > 8 && !sameFold(d[i+8:j], slot.name[8:]) {
		return 0
	}
	return slot.id
}

// short is find for a name of up to eight letters, packed.
func (l *lexicon) short(key uint64, n int) uint8 {
	slot := &l.slots[l.slot(key, n)]
	if slot.key != key || int(slot.n) != n {
		return 0
	}
	return slot.id
}

const lower8 = 0x2020202020202020

// low has as many low bytes set as its index says.
var low = [9]uint64{0, 1<<8 - 1, 1<<16 - 1, 1<<24 - 1, 1<<32 - 1, 1<<40 - 1, 1<<48 - 1, 1<<56 - 1, 1<<64 - 1}

// keyOf packs the first eight letters of a name, small.
func keyOf(name []byte) uint64 {
	if cap(name) >= 8 {
		return (word(name[:8], 0) | lower8) & low[min(len(name), 8)]
	}
	var b [8]byte
	n := copy(b[:], name)
	return (binary.LittleEndian.Uint64(b[:]) | lower8) & low[n]
}

// sameFold reports whether b is the small name s in any case.
func sameFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		if lowered(c) != s[i] {
			return false
		}
	}
	return true
}

func lowered(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// ---- kinds of bytes

const (
	isBlank  = 1 << iota // white space in a tag
	endsName             // of a tag or an attribute
	isLetter
	isHost // of a host that needs no look at its letters
	isPath // of a path that needs none either
)

var class = classes()

func classes() (t [256]uint8) {
	for c := range 256 {
		switch b := byte(c); {
		case b >= 'a' && b <= 'z':
			t[c] = isLetter | isHost | isPath
		case b >= 'A' && b <= 'Z':
			t[c] = isLetter | isPath
		case b >= '0' && b <= '9', b == '-', b == '.':
			t[c] = isHost | isPath
		case b > ' ' && b < 0x7f && b != '\\' && b != '&' && b != '%' && b != '?' && b != '#' && b != '"' && b != '\'' && b != '<' && b != '>':
			t[c] = isPath
		}
	}
	for _, c := range "\t\n\f\r " {
		t[c] |= isBlank | endsName
	}
	for _, c := range "/>=" {
		t[c] |= endsName
	}
	return t
}

// ---- eight bytes at a time

const ones = 0x0101010101010101

// zeros marks the first byte of a word that is zero, and maybe others behind it.
func zeros(word uint64) uint64 { return (word - ones) &^ word & (ones << 7) }

// small marks the bytes of a word before "0", which no usual name has: white space, quotes, slashes. It is
// to be trusted below a byte that is known not to be one.
func small(word uint64) uint64 { return (word - '0'*ones) &^ word & (ones << 7) }

// first returns the lowest bit of a mark, and below the same bit less one: all that comes before.
func first(marks uint64) (bit, below uint64) {
	bit = marks & -marks
	return bit, bit - 1
}

// word returns the eight bytes at d[i].
func word(d []byte, i int) uint64 { return binary.LittleEndian.Uint64(d[i:]) }

// find returns where a byte is in d from i on, -1 for nowhere. What is looked for is near, mostly,
// and eight bytes at a time are faster than a call then.
func find(d []byte, i int, c byte) int {
	pattern := uint64(c) * ones
	for near := i + 48; i < near && i+8 <= len(d); i += 8 {
		if found := zeros(word(d, i) ^ pattern); found != 0 {
			return i + bits.TrailingZeros64(found)>>3
		}
	}
	if j := bytes.IndexByte(d[i:], c); j >= 0 {
		return i + j
	}
	return -1
}

// skipBlank returns the first byte from i that is not white space.
func skipBlank(d []byte, i int) int {
	for i < len(d) && class[d[i]]&isBlank != 0 {
		i++
	}
	return i
}
