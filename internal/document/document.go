// Package document writes the policy page: all that a site's manifest says, for
// a visitor to read, a lawyer to sign and a machine to check.
//
// [Build] makes a [Document], a tree of sections and blocks that holds words and
// no markup; HTML, Markdown, JSON and PDF are written from that one tree, so
// that they cannot differ in what they say. The words come from the operator
// (the manifest) and from package wording (Témoin); a section in which neither
// has anything to say does not exist.
//
// A document depends on the manifest, the language and [Options] alone, never on
// the clock: the same policy is the same bytes, and its hash identifies it.
package document

import (
	"github.com/temoin/temoin/internal/lang"
	"github.com/temoin/temoin/internal/wording"
	"github.com/temoin/temoin/policy"
)

// A Document is a policy in one language.
type Document struct {
	Site     *policy.Site
	Lang     *lang.Language
	Title    wording.Line
	Subtitle wording.Line   // nil without one
	Facts    []Term         // the version, its dates, who is responsible
	Old      []wording.Line // what to know about a version that is not in force
	Sections []*Section
}

// A Section is a part of the page under a heading of its own.
type Section struct {
	ID     string // of policy.SectionIDs
	Title  wording.Line
	Blocks []Block
}

// A Block is one of Paragraph, List, Terms, Table, Heading.
type Block interface{ block() }

// A Paragraph is text.
type Paragraph struct{ Line wording.Line }

// A List is a list without order.
type List struct{ Items []wording.Line }

// Terms are names, each with what is said of it.
type Terms struct{ Items []Term }

// A Term is a name with what is said of it.
type Term struct {
	Name   wording.Line
	Values []wording.Line
}

// A Table has a caption, a head, and rows whose first cell names the row.
type Table struct {
	Caption wording.Line
	Head    []wording.Line
	Rows    [][]Cell
}

// A Cell says what the column asks for, in a line or more, and may add remarks.
type Cell struct{ Lines, Remarks []wording.Line }

// A Heading begins a part of a section.
type Heading struct {
	ID   string // unique in the page
	Line wording.Line
}

func (Paragraph) block() {}
func (List) block()      {}
func (Terms) block()     {}
func (Table) block()     {}
func (Heading) block()   {}

// Options are what a document depends on besides its site.
type Options struct {
	// Lang is a language of Témoin; it need not be one of the site's.
	Lang string
	// Previous is the version before this one: the page says what changed since.
	Previous *policy.Site
	// InForce is the version in force, where this one is not; "" where it is.
	InForce string
	// InForceURL leads to it.
	InForceURL string
	// Preferences is where the preference centre is: places to change one's mind that have no
	// address of their own, such as a button, lead there. "" where pages do not know it.
	Preferences string
	// Versions are earlier versions that can be read, by their version, and
	// where.
	Versions map[string]string
}

// Build writes the policy of a site.
func Build(site *policy.Site, o Options) (*Document, error) {
	words, err := wording.For(site, o.Lang)
	if err != nil {
		return nil, err
	}
	b := &builder{Words: words, site: site, options: o}
	d := &Document{Site: site, Lang: words.Lang}
	d.Title = b.Text("page.title", site.Page.Title)
	if d.Title.IsZero() {
		d.Title = b.Say("page.title", wording.A("site", b.Name("name", site.Name)))
	}
	d.Subtitle = b.Text("page.subtitle", site.Page.Subtitle)
	d.Facts = b.facts()
	if o.InForce != "" {
		d.Old = append(d.Old, b.Say("page.old", wording.A("version", b.Name("", o.InForce))))
		if o.InForceURL != "" {
			d.Old = append(d.Old, b.Link("", b.Lang.Say("page.old-link"), o.InForceURL))
		}
	}
	for _, id := range policy.SectionIDs() {
		if s := b.section(id); s != nil {
			d.Sections = append(d.Sections, s)
		}
	}
	return d, nil
}

// facts are what stands below the title.
func (b *builder) facts() []Term {
	var out []Term
	add := func(key string, l wording.Line) {
		if !l.IsZero() {
			out = append(out, Term{b.Say(key), []wording.Line{l}})
		}
	}
	p := b.site.Policy
	add("page.site", b.Linked(b.Name("name", b.site.Name), b.site.URL))
	add("page.operator", b.Entity(&policy.Recipient{Field: "controller", Name: b.site.Controller.Name, Country: b.site.Controller.Country}))
	add("page.version", b.Name("policy.version", p.Version))
	add("page.updated", b.Date("policy.updated", p.Updated, p.UpdatedAs))
	add("page.effective", b.Date("policy.effective", p.Effective, p.EffectiveAs))
	return out
}

// A builder collects the blocks of one section after the other.
type builder struct {
	*wording.Words
	site    *policy.Site
	options Options

	own    policy.Section // the operator's words for the section
	blocks []Block
}

// writers add what Témoin knows to a section. A section without one has only
// the operator's words.
var writers = map[string]func(*builder){
	"in-short":             (*builder).inShort,
	"definition":           (*builder).definition,
	"kinds":                (*builder).kinds,
	"categories":           (*builder).categories,
	"services":             (*builder).services,
	"similar-technologies": (*builder).similarTechnologies,
	"choose":               (*builder).choose,
	"browsers":             (*builder).browsers,
	"opt-out":              (*builder).optOut,
	"consequences":         (*builder).consequences,
	"retention":            (*builder).retention,
	"transfers":            (*builder).transfers,
	"audience":             (*builder).audience,
	"consent-system":       (*builder).consentSystem,
	"promises":             (*builder).promises,
	"minors":               (*builder).minors,
	"app":                  (*builder).app,
	"rights":               (*builder).rights,
	"contact":              (*builder).contact,
	"complaint":            (*builder).complaint,
	"changes":              (*builder).changes,
	"law":                  (*builder).law,
	"hosting":              (*builder).hosting,
	"links":                (*builder).links,
}

// section returns a section, or nil where there is nothing to say.
func (b *builder) section(id string) *Section {
	b.own, b.blocks = b.site.Page.Section(id), nil
	field := "page.sections." + id
	b.paragraphs(b.Paragraphs(field+".intro", b.own.Intro)...)
	b.paragraphs(b.Paragraphs(field+".text", b.own.Text)...)
	if id == "choose" { // the notice's own words, which are the operator's too
		b.paragraphs(b.Paragraphs("notice.text", b.site.Notice.Text)...)
	}
	if !b.own.Bare {
		writers[id](b)
	}
	b.paragraphs(b.Paragraphs(field+".note", b.own.Note)...)
	if len(b.blocks) == 0 {
		return nil
	}
	title := b.Text(field+".title", b.own.Title)
	if title.IsZero() {
		title = b.Say("section." + id)
	}
	return &Section{ID: id, Title: title, Blocks: b.blocks}
}

func (b *builder) add(blocks ...Block) { b.blocks = append(b.blocks, blocks...) }

// paragraphs adds those that say something.
func (b *builder) paragraphs(lines ...wording.Line) {
	for _, l := range said(lines...) {
		b.add(Paragraph{l})
	}
}

// lead announces the content of a section, unless the operator does.
func (b *builder) lead(key string, args ...wording.Arg) {
	if b.own.Intro.IsZero() && b.own.Text.IsZero() {
		b.paragraphs(b.Say(key, args...))
	}
}

// prose adds a paragraph of Témoin's, unless the operator's text says it all.
func (b *builder) prose(l wording.Line) {
	if b.own.Text.IsZero() {
		b.paragraphs(l)
	}
}

// list adds a list of the lines that say something, if there are any.
func (b *builder) list(lines []wording.Line) {
	if items := said(lines...); len(items) > 0 {
		b.add(List{items})
	}
}

// terms adds a list of terms, if there are any.
func (b *builder) terms(items []Term) {
	if len(items) > 0 {
		b.add(Terms{items})
	}
}

// term adds a term where something is said of it.
func term(to *[]Term, name wording.Line, values ...wording.Line) {
	if values = said(values...); len(values) > 0 {
		*to = append(*to, Term{name, values})
	}
}

// table adds a table, if it has rows.
func (b *builder) table(caption wording.Line, rows [][]Cell, head ...string) {
	if len(rows) == 0 {
		return
	}
	t := Table{Caption: caption, Rows: rows}
	for _, key := range head {
		t.Head = append(t.Head, b.Say(key))
	}
	b.add(t)
}

// cell is a cell of one line, with the remarks that say something.
func cell(line wording.Line, remarks ...wording.Line) Cell {
	return Cell{said(line), said(remarks...)}
}

// said returns the lines that say something.
func said(lines ...wording.Line) []wording.Line {
	var out []wording.Line
	for _, l := range lines {
		if !l.IsZero() {
			out = append(out, l)
		}
	}
	return out
}
