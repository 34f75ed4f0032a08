package document

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/temoin/temoin/internal/lang"
	"github.com/temoin/temoin/internal/wording"
)

//go:embed policy.css
var style string

//go:embed layout.html
var defaultLayout string

// A Page is how a document is put into a web page.
type Page struct {
	Layout *Layout // nil for a page of its own
	Style  string  // CSS that follows Témoin's, to set its custom properties
	// Alternates lead to the page in other languages; Data to the same facts for
	// programs.
	Alternates []Alternate
	Data       string
	// Origin is put before addresses on the site: for a page that is read
	// elsewhere, such as a PDF.
	Origin string
	// Trace marks each piece of text with the field of the manifest that it
	// says, as data-field.
	Trace bool
}

// An Alternate is the same page in another language.
type Alternate struct{ Lang, URL string }

// A Layout is a site's own page into which the policy is put.
type Layout struct{ before, between, after string }

// Marks in a layout. The policy's place is needed, the others are not.
const (
	headMark   = "<!-- temoin:head -->"
	policyMark = "<!-- temoin:policy -->"
	langMark   = `"temoin:lang"`
	dirMark    = `"temoin:dir"`
)

// maxLayout bounds a layout, in bytes.
const maxLayout = 1 << 20

// ParseLayout reads a layout: an HTML page with the comment
// <!-- temoin:policy --> where the policy goes, once, and, where it likes,
// <!-- temoin:head --> in its head for the title and the style, and the
// attribute values "temoin:lang" and "temoin:dir".
func ParseLayout(src string) (*Layout, error) {
	switch n := strings.Count(src, policyMark); {
	case len(src) > maxLayout:
		return nil, fmt.Errorf("the layout is longer than %d bytes", maxLayout)
	case n == 0:
		return nil, fmt.Errorf("the layout has no place for the policy: write %s where it goes", policyMark)
	case n > 1:
		return nil, fmt.Errorf("the layout has %d places for the policy: keep one %s", n, policyMark)
	}
	src, after, _ := strings.Cut(src, policyMark)
	if strings.Contains(after, headMark) {
		return nil, fmt.Errorf("the layout has %s behind the policy: write it in the head", headMark)
	}
	before, between, found := strings.Cut(src, headMark)
	if !found {
		return &Layout{"", src, after}, nil
	}
	return &Layout{before, between, after}, nil
}

var ownLayout = func() *Layout {
	l, err := ParseLayout(defaultLayout)
	if err != nil {
		panic(err) // an embedded file
	}
	return l
}()

// HTML writes the page. Everything that comes from the manifest is escaped.
func (d *Document) HTML(p Page) []byte {
	layout := p.Layout
	if layout == nil {
		layout = ownLayout
	}
	w := &htmlWriter{doc: d, page: p, b: make([]byte, 0, 128<<10)}
	w.layout(layout.before)
	w.raw("<title>")
	w.text(d.Title.String())
	w.raw("</title>\n")
	for _, a := range p.Alternates {
		w.raw(`<link rel="alternate"`)
		w.attr("hreflang", a.Lang)
		w.attr("href", a.URL)
		w.raw(">\n")
	}
	if p.Data != "" {
		w.raw(`<link rel="alternate" type="application/json"`)
		w.attr("href", p.Data)
		w.raw(">\n")
	}
	w.raw("<style>")
	w.raw(pageStyle(p.Style))
	w.raw("</style>\n")
	w.layout(layout.between)
	w.article()
	w.layout(layout.after)
	return w.b
}

// pageStyle is Témoin's style sheet with the site's. Nothing in a style sheet
// ends the element that it stands in.
func pageStyle(own string) string { return style + strings.ReplaceAll(own, "</", `<\/`) }

// An htmlWriter appends markup. Only raw writes without escaping, and only what
// is written in this package or by the site's own layout.
type htmlWriter struct {
	doc  *Document
	page Page
	b    []byte
}

// id is the id of an element. In a layout it stands apart from the site's own.
func (w *htmlWriter) id(name string) string {
	if w.page.Layout != nil {
		return "policy-" + name
	}
	return name
}

func (w *htmlWriter) raw(s string) { w.b = append(w.b, s...) }

func (w *htmlWriter) text(s string) {
	last := 0
	for i := 0; i < len(s); i++ {
		var escaped string
		switch s[i] {
		case '&':
			escaped = "&amp;"
		case '<':
			escaped = "&lt;"
		case '>':
			escaped = "&gt;"
		case '"':
			escaped = "&#34;"
		case '\'':
			escaped = "&#39;"
		case 0:
			escaped = "\uFFFD"
		default:
			continue
		}
		w.b = append(w.b, s[last:i]...)
		w.b = append(w.b, escaped...)
		last = i + 1
	}
	w.b = append(w.b, s[last:]...)
}

func (w *htmlWriter) attr(name, value string) {
	w.raw(" ")
	w.raw(name)
	w.raw(`="`)
	w.text(value)
	w.raw(`"`)
}

// layout writes a part of the site's own page, with its language filled in.
func (w *htmlWriter) layout(s string) {
	s = strings.ReplaceAll(s, langMark, `"`+w.doc.Lang.Tag+`"`)
	w.raw(strings.ReplaceAll(s, dirMark, `"`+string(w.doc.Lang.Direction)+`"`))
}

// article writes the policy itself.
func (w *htmlWriter) article() {
	d, p := w.doc, w.page
	w.raw(`<article class="temoin-policy"`)
	w.attr("lang", d.Lang.Tag)
	w.attr("dir", string(d.Lang.Direction))
	w.raw(">\n<header>\n<h1>")
	w.line(d.Title)
	w.raw("</h1>\n")
	if !d.Subtitle.IsZero() {
		w.raw(`<p class="subtitle">`)
		w.line(d.Subtitle)
		w.raw("</p>\n")
	}
	if len(d.Old) > 0 {
		w.raw(`<div class="old">`)
		for _, l := range d.Old {
			w.element("p", l)
		}
		w.raw("</div>\n")
	}
	w.terms(d.Facts, "facts")
	w.alternates()
	w.raw("</header>\n")
	w.contents()
	for _, s := range d.Sections {
		w.section(s)
	}
	if p.Data != "" {
		w.raw("<footer><p>")
		w.line(wording.Line{{Kind: wording.Link, Text: d.Lang.Say("page.machine"), Value: p.Data}})
		w.raw("</p></footer>\n")
	}
	w.raw("</article>\n")
}

func (w *htmlWriter) alternates() {
	if len(w.page.Alternates) == 0 {
		return
	}
	w.raw(`<nav class="languages"`)
	w.attr("aria-label", w.doc.Lang.Say("page.languages"))
	w.raw("><ul>")
	for _, a := range w.page.Alternates {
		l, ok := lang.Find(a.Lang)
		if !ok {
			continue
		}
		w.raw("<li><a")
		w.attr("href", a.URL)
		w.attr("hreflang", l.Tag)
		w.attr("lang", l.Tag)
		w.attr("dir", string(l.Direction))
		w.raw(">")
		w.text(l.Own)
		w.raw("</a></li>")
	}
	w.raw("</ul></nav>\n")
}

func (w *htmlWriter) contents() {
	w.raw(`<nav class="contents"`)
	w.attr("aria-labelledby", w.id("contents"))
	w.raw("><h2")
	w.attr("id", w.id("contents"))
	w.raw(">")
	w.text(w.doc.Lang.Say("page.contents"))
	w.raw("</h2>\n<ol>\n")
	for _, s := range w.doc.Sections {
		w.raw("<li><a")
		w.attr("href", "#"+w.id(s.ID))
		w.raw(">")
		w.line(s.Title)
		w.raw("</a></li>\n")
	}
	w.raw("</ol></nav>\n")
}

func (w *htmlWriter) section(s *Section) {
	w.raw("<section")
	w.attr("id", w.id(s.ID))
	w.attr("aria-labelledby", w.id(s.ID)+"-title")
	w.raw(">\n<h2")
	w.attr("id", w.id(s.ID)+"-title")
	w.raw(">")
	w.line(s.Title)
	w.raw("</h2>\n")
	for _, b := range s.Blocks {
		w.block(b)
	}
	w.raw("</section>\n")
}

func (w *htmlWriter) block(b Block) {
	switch b := b.(type) {
	case Paragraph:
		w.element("p", b.Line)
	case Heading:
		w.raw("<h3")
		w.attr("id", w.id(b.ID))
		w.raw(">")
		w.line(b.Line)
		w.raw("</h3>\n")
	case List:
		w.raw("<ul>\n")
		for _, l := range b.Items {
			w.element("li", l)
		}
		w.raw("</ul>\n")
	case Terms:
		w.terms(b.Items, "")
	case Table:
		w.table(b)
	}
}

func (w *htmlWriter) element(name string, l wording.Line) {
	w.raw("<")
	w.raw(name)
	w.raw(">")
	w.line(l)
	w.raw("</")
	w.raw(name)
	w.raw(">\n")
}

func (w *htmlWriter) terms(items []Term, class string) {
	if len(items) == 0 {
		return
	}
	w.raw("<dl")
	if class != "" {
		w.attr("class", class)
	}
	w.raw(">\n")
	for _, t := range items {
		w.raw("<div>")
		w.element("dt", t.Name)
		for _, v := range t.Values {
			w.element("dd", v)
		}
		w.raw("</div>\n")
	}
	w.raw("</dl>\n")
}

// table writes a table that a narrow screen shows as cards. The roles keep it a
// table there, for browsers that judge by the display property.
func (w *htmlWriter) table(t Table) {
	w.raw(`<table role="table">` + "\n<caption>")
	w.line(t.Caption)
	w.raw("</caption>\n" + `<thead role="rowgroup"><tr role="row">`)
	for _, h := range t.Head {
		w.raw(`<th scope="col" role="columnheader">`)
		w.line(h)
		w.raw("</th>")
	}
	w.raw("</tr></thead>\n" + `<tbody role="rowgroup">` + "\n")
	for _, row := range t.Rows {
		w.raw(`<tr role="row">`)
		for i, c := range row {
			if i == 0 {
				w.raw(`<th scope="row" role="rowheader">`)
			} else {
				w.raw(`<td role="cell"`)
				w.attr("data-label", t.Head[i].String())
				w.raw(">")
			}
			w.lines("<div>", c.Lines)
			w.lines(`<div class="more">`, c.Remarks)
			if i == 0 {
				w.raw("</th>")
			} else {
				w.raw("</td>")
			}
		}
		w.raw("</tr>\n")
	}
	w.raw("</tbody>\n</table>\n")
}

func (w *htmlWriter) lines(open string, lines []wording.Line) {
	for _, l := range lines {
		w.raw(open)
		w.line(l)
		w.raw("</div>")
	}
}

func (w *htmlWriter) line(l wording.Line) {
	for _, s := range l {
		w.span(s)
	}
}

// elements are what a span is written as.
var elements = [...]struct{ open, value, inner, close string }{
	wording.Plain:   {"span", "", "", "</span>"},
	wording.Key:     {`bdi dir="ltr"`, "", "<code>", "</code></bdi>"},
	wording.Name:    {"bdi", "", "", "</bdi>"},
	wording.Number:  {`bdi dir="ltr" class="number"`, "", "", "</bdi>"},
	wording.Address: {`a dir="ltr"`, "href", "", "</a>"},
	wording.Date:    {"time", "datetime", "", "</time>"},
	wording.Period:  {"data", "value", "", "</data>"},
	wording.Country: {"data", "value", "", "</data>"},
	wording.Link:    {"a", "href", "", "</a>"},
}

func (w *htmlWriter) span(s wording.Span) {
	traced := w.page.Trace && s.Field != ""
	if s.Kind == wording.Plain && s.Lang == "" && !traced {
		w.text(s.Text)
		return
	}
	e := elements[s.Kind]
	w.raw("<")
	w.raw(e.open)
	if e.value != "" {
		value := s.Value
		if strings.HasPrefix(value, "/") {
			value = w.page.Origin + value
		}
		w.attr(e.value, value)
	}
	if s.Lang != "" {
		w.attr("lang", s.Lang)
		if l, ok := lang.Find(s.Lang); ok && l.Direction != w.doc.Lang.Direction && !strings.Contains(e.open, "dir=") {
			w.attr("dir", string(l.Direction))
		}
	}
	if traced {
		w.attr("data-field", s.Field)
	}
	w.raw(">")
	w.raw(e.inner)
	w.text(s.Text)
	w.raw(e.close)
}
