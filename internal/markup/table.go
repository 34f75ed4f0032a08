package markup

// A kind is how an attribute says what it loads.
type kind uint8

const (
	nothing    kind = iota
	address         // one address
	addressed       // addresses with blanks between
	candidates      // addresses with descriptions: srcset
	sheet           // CSS
	refresh         // seconds, and an address
	page            // HTML
	animation       // addresses with semicolons between
)

// A row says that an attribute of an element loads something. anyElement stands for all.
type row struct {
	element   element
	attribute attribute
	kind      kind
}

// table is all that loads by an attribute. A link counts by its rel (loadingRels), meta by its
// http-equiv, a script by its type (runs). Text that loads (of script and style) is
// looked at in text.go, headers in header.go.
var table = []row{
	{anyElement, atStyle, sheet},
	{anyElement, atBackground, address},
	{anyElement, atAttributionsrc, addressed},
	{elA, atPing, addressed},
	{elArea, atPing, addressed},
	{elAnimate, atBy, animation},
	{elAnimate, atFrom, animation},
	{elAnimate, atTo, animation},
	{elAnimate, atValues, animation},
	{elAudio, atSrc, address},
	{elBgsound, atSrc, address},
	{elEmbed, atSrc, address},
	{elFeImage, atHref, address},
	{elFeImage, atXlinkHref, address},
	{elFencedframe, atSrc, address},
	{elFrame, atSrc, address},
	{elHTML, atManifest, address},
	{elIframe, atSrc, address},
	{elIframe, atSrcdoc, page},
	{elImage, atSrc, address}, // a parser makes it an img
	{elImage, atSrcset, candidates},
	{elImage, atHref, address},
	{elImage, atXlinkHref, address},
	{elImg, atSrc, address},
	{elImg, atSrcset, candidates},
	{elInput, atSrc, address},
	{elLink, atHref, address},
	{elLink, atImagesrcset, candidates},
	{elMeta, atContent, refresh},
	{elObject, atData, address},
	{elPortal, atSrc, address},
	{elScript, atSrc, address},
	{elScript, atHref, address},
	{elScript, atXlinkHref, address},
	{elSet, atTo, animation},
	{elSource, atSrc, address},
	{elSource, atSrcset, candidates},
	{elTrack, atSrc, address},
	{elUse, atHref, address},
	{elUse, atXlinkHref, address},
	{elVideo, atSrc, address},
	{elVideo, atPoster, address},
}

// foreign is what loads on any element of SVG, links apart.
var foreign = []row{
	{anyElement, atHref, address},
	{anyElement, atXlinkHref, address},
	{anyElement, atClipPath, sheet},
	{anyElement, atCursor, sheet},
	{anyElement, atFill, sheet},
	{anyElement, atFilter, sheet},
	{anyElement, atMarker, sheet},
	{anyElement, atMarkerEnd, sheet},
	{anyElement, atMarkerMid, sheet},
	{anyElement, atMarkerStart, sheet},
	{anyElement, atMask, sheet},
	{anyElement, atStroke, sheet},
}

// deciding are attributes that load nothing, and say whether others do.
var deciding = []struct {
	element   element
	attribute attribute
}{
	{anyElement, atMark},
	{elBase, atHref},
	{elFrame, atName},
	{elHTML, atLang},
	{elIframe, atName},
	{elLink, atRel},
	{elMeta, atHTTPEquiv},
	{elScript, atType},
	{elStyle, atType},
}

// loadingRels are the words of a link's rel, and of the header Link, that have
// browsers load or connect.
var loadingRels = []string{
	"apple-touch-icon", "apple-touch-icon-precomposed", "apple-touch-startup-image", "compression-dictionary", "dns-prefetch",
	"fluid-icon", "icon", "import", "manifest", "mask-icon", "modulepreload", "monetization", "next", "preconnect", "prefetch",
	"preload", "prerender", "prev", "search", "serviceworker", "stylesheet", "subresource",
}

// A plan is what a reader must know of each element: which attributes count, and how.
type plan struct {
	wanted [elements]uint64
	kinds  [elements][attributes]kind
}

var (
	ordinaryPlan = newPlan(table)
	foreignPlan  = newPlan(append(append([]row{}, table...), foreign...))
)

func newPlan(rows []row) *plan {
	p := &plan{}
	for _, r := range rows {
		for el := range elements {
			if (r.element == anyElement || r.element == el) && p.kinds[el][r.attribute] == nothing && !isLinkOnly(el, r) {
				p.kinds[el][r.attribute] = r.kind
				p.wanted[el] |= 1 << r.attribute
			}
		}
	}
	for _, d := range deciding {
		for el := range elements {
			if d.element == anyElement || d.element == el {
				p.wanted[el] |= 1 << d.attribute
			}
		}
	}
	return p
}

// isLinkOnly reports whether a row for all elements would make a navigation inert.
func isLinkOnly(el element, r row) bool {
	return r.element == anyElement && (el == elA || el == elArea || el == elBase) && (r.attribute == atHref || r.attribute == atXlinkHref)
}

// aside are the attributes that an author can put aside.
func aside() (mask uint64) {
	for a := firstAside; a < attributes; a++ {
		mask |= 1 << a
	}
	return mask
}

// holdsText are the elements whose content is text, in HTML.
var holdsText = [elements]bool{
	elIframe: true, elNoembed: true, elNoframes: true, elPlaintext: true, elScript: true, elStyle: true,
	elTextarea: true, elTitle: true, elXmp: true,
}

// inHead are the elements that do not end the head.
var inHead = [elements]bool{
	elBase: true, elBasefont: true, elBgsound: true, elHead: true, elHTML: true, elLink: true, elMeta: true, elNoframes: true,
	elNoscript: true, elScript: true, elStyle: true, elTemplate: true, elTitle: true,
}

// structural are the elements whose start tags matter without any attribute.
var structural = [elements]bool{
	elCol: true, elFrameset: true, elIframe: true, elMath: true, elNoembed: true, elNoframes: true, elNoscript: true,
	elPlaintext: true, elScript: true, elSelect: true, elStyle: true, elSVG: true, elTemplate: true, elTextarea: true, elTitle: true,
	elXmp: true,
}
