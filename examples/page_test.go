package examples_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/net/html"

	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/internal/document"
	"github.com/temoin/temoin/internal/lang"
	"github.com/temoin/temoin/internal/statements"
	"github.com/temoin/temoin/internal/wording"
	"github.com/temoin/temoin/policy"
)

// A page is the policy as a visitor sees it in one language, beside the manifest
// that it was written from.
type page struct {
	reading
	words    *wording.Words
	alone    bool // every text must be in the language of the page
	blocks   []*block
	messages map[string][]string // Témoin's messages by the words of their keys
}

// A block is what is read in one go: a paragraph, an item, a cell, a heading.
type block struct {
	section string // its id; "header" above the first
	table   *html.Node
	text    string
	pieces  []*piece
}

// A piece is text that says a field of the manifest.
type piece struct {
	*block
	field, lang, text, address string
	key                        bool // a name as the browser shows it, which says no more than itself
}

var blockElements = []string{"p", "li", "dt", "dd", "h1", "h2", "h3", "caption", "th", "td"}

// write renders the page of a manifest. It leads to the other languages of the
// site, as it does where it is served.
func write(t *testing.T, r reading, tag string, alone bool, change func(*document.Document), edit func(string) string) *page {
	t.Helper()
	d, err := document.Build(r.Site, document.Options{Lang: tag})
	if err != nil {
		t.Fatal(err)
	}
	words, err := wording.For(r.Site, tag)
	if err != nil {
		t.Fatal(err)
	}
	how := document.Page{Trace: true}
	for _, l := range r.Langs {
		how.Alternates = append(how.Alternates, document.Alternate{Lang: l, URL: "/" + l})
	}
	if change != nil {
		change(d)
	}
	src := d.HTML(how)
	if edit != nil {
		src = []byte(edit(string(src)))
	}
	root, err := html.Parse(bytes.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	p := &page{reading: r, words: words, alone: alone, messages: messagesByWord(words.Lang)}
	p.see(root, place{section: "header"})
	return p
}

// A place is what surrounds a node.
type place struct {
	section, lang string
	table         *html.Node
	block         *block
}

// see collects what can be seen, block by block. The table of contents repeats
// the headings and is left out.
func (p *page) see(n *html.Node, at place) {
	if n.Type == html.TextNode && at.block != nil {
		at.block.text += n.Data
	}
	if hidden(n) || attribute(n, "class") == "contents" {
		return
	}
	if l := attribute(n, "lang"); l != "" {
		at.lang = l
	}
	switch {
	case n.Data == "section":
		at.section = attribute(n, "id")
	case n.Data == "table":
		at.table = n
	}
	if slices.Contains(blockElements, n.Data) {
		at.block = &block{section: at.section, table: at.table}
		p.blocks = append(p.blocks, at.block)
	}
	if at.block != nil {
		p.mark(n, at)
	}
	for c := range n.ChildNodes() {
		p.see(c, at)
	}
	if n.Data == "div" && at.block != nil {
		at.block.text += " " // the next line of a cell
	}
	if slices.Contains(blockElements, n.Data) {
		at.block.text = plain(at.block.text)
	}
}

// mark keeps a piece. A link to the page in another language says that there is
// that language.
func (p *page) mark(n *html.Node, at place) {
	field, tag := attribute(n, "data-field"), attribute(n, "hreflang")
	if field == "" && tag != "" {
		field = fmt.Sprintf("languages[%d]", slices.Index(p.Langs, tag))
		at.lang = p.words.Lang.Tag
	}
	if field == "" {
		return
	}
	at.block.pieces = append(at.block.pieces, &piece{
		block: at.block, field: field, lang: at.lang, text: plain(textOf(n)), address: attribute(n, "href"),
		key: n.FirstChild != nil && n.FirstChild.Data == "code",
	})
}

func hidden(n *html.Node) bool {
	return slices.Contains([]string{"head", "script", "style", "template"}, n.Data) && n.Type == html.ElementNode ||
		slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "hidden" })
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// plain is a text for comparison: in lower case, with single blanks, and without
// what only keeps words on one line.
func plain(s string) string {
	s = strings.ReplaceAll(strings.ToLower(s), "\u2060", "")
	return strings.Join(strings.FieldsFunc(s, unicode.IsSpace), " ")
}

// about are the pieces that say a field, a part of it, or what it is a part of.
// They are in the language of the page, where all texts must be.
func (p *page) about(field string) []*piece {
	var out []*piece
	for _, b := range p.blocks {
		for _, s := range b.pieces {
			if near(s, field) && s.text != "" && (!p.alone || s.lang == p.words.Lang.Tag) {
				out = append(out, s)
			}
		}
	}
	return out
}

// near reports whether a piece says a field, a part of it, or what it is a part
// of; a key stands for no field but its own, or its list.
func near(s *piece, field string) bool {
	rest, inside := strings.CutPrefix(field, s.field)
	return within(s.field, []string{field}) || inside && (strings.HasPrefix(rest, "[") || strings.HasPrefix(rest, ".") && !s.key)
}

// says reports whether a field has a piece in the page.
func (p *page) says(field string) bool {
	if section, ok := strings.CutPrefix(field, "built-in:"); ok {
		return slices.ContainsFunc(p.blocks, func(b *block) bool { return b.section == section && b.text != "" })
	}
	return len(p.about(field)) > 0 || p.belongs(field) || p.worded(field) || strings.Contains(field, ".without")
}

// belongs reports whether what a category is given for stands in the table of
// that category, or in one sentence with its name: membership is said by the
// place, in no words of its own.
func (p *page) belongs(field string) bool {
	owner, isCategory := strings.CutSuffix(field, ".category")
	if !isCategory {
		return false
	}
	titles := p.about("categories." + p.values[field])
	return slices.ContainsFunc(p.about(owner), func(s *piece) bool {
		return slices.ContainsFunc(titles, func(title *piece) bool {
			return title.block == s.block || title.table != nil && title.table == s.table
		})
	})
}

// worded reports whether the operator's own words stand for a field: the text
// beside it, which says what the fields of the same mapping would.
func (p *page) worded(field string) bool {
	i := strings.LastIndexByte(field, '.')
	if i < 0 {
		return p.Written(field+".text") && len(p.about(field+".text")) > 0
	}
	own := field[:i] + ".text"
	return own != field && p.Written(own) && len(p.about(own)) > 0
}

// leftOut reports whether what a service is to do without is not on the page.
func (p *page) leftOut(field, value string) bool {
	return strings.Contains(field, ".without") && !slices.ContainsFunc(p.blocks, func(b *block) bool {
		return slices.ContainsFunc(b.pieces, func(s *piece) bool { return s.key && s.text == plain(value) })
	})
}

// saysValue reports whether the page says, where it says a field, the value that
// the field has.
func (p *page) saysValue(field, value string) bool {
	if p.worded(field) || p.belongs(field) || p.leftOut(field, value) {
		return true
	}
	wants := p.wordsFor(field, value)
	return slices.ContainsFunc(p.about(field), func(s *piece) bool {
		switch {
		case value == "true" || value == "false":
			return s.field == field // what is said is whether it is so
		case strings.HasPrefix(field, "languages"):
			return s.address == "/"+value
		}
		return s.address == value || slices.ContainsFunc(wants, func(want string) bool { return holds(s.block.text, want) })
	})
}

// otherWords are values whose messages have other names.
var otherWords = map[string][]string{
	"first": {"party.site", "party.service"},
	"third": {"party.third", "party.third-unknown"},
}

// wordsFor returns what a value may be called in the language of the page: its
// name, a period or a day in words, Témoin's message for it, or else itself.
func (p *page) wordsFor(field, value string) []string {
	l := p.words.Lang
	if period, err := policy.ParsePeriod(value); err == nil {
		return []string{l.Duration(period.Count, string(period.Unit))}
	}
	if day, err := time.Parse(time.DateOnly, value); err == nil {
		return []string{l.Date(day.Year(), day.Month(), day.Day())}
	}
	switch name := field[strings.LastIndexByte(field, '.')+1:]; {
	case name == "country":
		return []string{p.words.Country("", value).String()}
	case (name == "use" || name == "service") && p.Service(value) != nil:
		return []string{p.words.ServiceName(p.Service(value)).String()}
	case name == "category" && p.Category(value) != nil:
		return []string{p.words.Category(p.Category(value)).String()}
	case name == "authority":
		return []string{p.words.Text("", p.Authority.Name).String()}
	}
	var out []string
	for _, key := range otherWords[value] {
		out = append(out, message(l, key))
	}
	if out = append(out, p.messages[value]...); len(out) == 0 {
		out = []string{value}
	}
	return out
}

// messagesByWord finds Témoin's messages by the last part of their key:
// "promise.max-lifetime-of" says "max-lifetime", "choose.conflict-latest"
// "latest".
func messagesByWord(l *lang.Language) map[string][]string {
	out := map[string][]string{}
	for _, key := range lang.Keys() {
		last := key[strings.LastIndexByte(key, '.')+1:]
		if !l.Has(key) || plain(strings.ReplaceAll(message(l, key), gap, "")) == "" {
			continue
		}
		for i, c := range last + "-" {
			if c == '-' {
				out[last[:i]] = append(out[last[:i]], message(l, key))
			}
			if c == '-' && i < len(last) {
				out[last[i+1:]] = append(out[last[i+1:]], message(l, key))
			}
		}
	}
	return out
}

// gap stands in a message for an argument, which may be anything.
const gap = "\x00"

func message(l *lang.Language, key string) string {
	var b strings.Builder
	for part := range l.Parts(key) {
		b.WriteString(part.Text)
		if part.Arg != "" {
			b.WriteString(gap)
		}
	}
	return b.String()
}

// holds reports whether a text holds some words, one part of them after the
// other. A number begins where its digits do: "2 years" is not in "12 years".
func holds(text, words string) bool {
	for part := range strings.SplitSeq(words, gap) {
		part = plain(part)
		at := strings.Index(text, part)
		for at > 0 && part != "" && digit(part[0]) && digit(text[at-1]) {
			next := strings.Index(text[at+1:], part)
			if next < 0 {
				return false
			}
			at += 1 + next
		}
		if at < 0 {
			return false
		}
		text = text[at+len(part):]
	}
	return true
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// treated says what is wrong with how the page of a corrected site treats a
// statement. Of a value that a policy had, was finds the fields.
func (p *page) treated(s statements.Statement, was reading) []string {
	var out []string
	fault := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, field := range s.Says {
		if !p.says(field) {
			fault("nothing in the page says %s", field)
		}
	}
	for _, w := range s.Holds {
		switch {
		case w.Lang == "":
			out = append(out, p.valued(w.Want, s.Says)...)
		case w.Lang == p.words.Lang.Tag && !p.holdsWords(w.Want, s.Says):
			fault("%s is not said by %v", w, s.Says)
		}
	}
	for _, w := range s.Lacks {
		if b := p.claims(w, s, was); b != nil {
			fault("%s is back in %s: %q", w, b.section, b.text)
		}
	}
	return out
}

// valued says where the page does not say a value that fields have.
func (p *page) valued(value string, fields []string) []string {
	var out []string
	found := false
	for path, v := range p.values {
		if v != value || !within(path, fields) {
			continue
		}
		found = true
		if !p.saysValue(path, v) {
			out = append(out, fmt.Sprintf("%s is not said to be %s: any of %q", path, v, p.wordsFor(path, v)))
		}
	}
	if !found {
		out = append(out, fmt.Sprintf("no field has the value %s", value))
	}
	slices.Sort(out)
	return out
}

// holdsWords reports whether words stand where one of the fields is said.
func (p *page) holdsWords(words string, fields []string) bool {
	return slices.ContainsFunc(fields, func(field string) bool {
		return slices.ContainsFunc(p.about(field), func(s *piece) bool { return holds(s.block.text, words) })
	})
}

// claims returns where the page claims what a statement must lack; nil where it
// does not. Words are wrong in their language: "20 Mai" is not in French.
func (p *page) claims(w statements.Words, s statements.Statement, was reading) *block {
	if p.alone && w.Lang != "" && w.Lang != p.words.Lang.Tag {
		return nil
	}
	said := func(b *block) bool { return holds(b.text, w.Want) }
	if w.Lang == "" {
		said = p.saysOf(w.Want, was)
	}
	for _, b := range p.blocks {
		if said(b) && (!p.alone || p.concerns(b, s)) {
			return b
		}
	}
	return nil
}

// concerns reports whether a block can be about a statement: it says anything of
// the manifest, or stands in a section that says the statement. What Témoin says
// elsewhere of itself, as that its log rests on legitimate interest, does not.
func (p *page) concerns(b *block, s statements.Statement) bool {
	return len(b.pieces) > 0 || slices.ContainsFunc(s.Says, func(field string) bool {
		return slices.ContainsFunc(p.about(field), func(said *piece) bool { return said.section == b.section })
	})
}

// saysOf tells of a block whether it says a value that a manifest had: as the
// name of something, or in words for it where it says such a field as had it.
func (p *page) saysOf(value string, was reading) func(*block) bool {
	wants := map[string][]string{} // by the last part of the field
	for path, v := range was.values {
		if v == value {
			wants[path[strings.LastIndexByte(path, '.')+1:]] = p.wordsFor(path, v)
		}
	}
	return func(b *block) bool {
		return slices.ContainsFunc(b.pieces, func(s *piece) bool {
			switch {
			case strings.Contains(s.field, ".without"): // denied
				return false
			case s.text == plain(value):
				return true
			case s.key: // another name, which may hold this one: "_ga*" holds "ga*"
				return false
			}
			for part := range strings.SplitSeq(s.field, ".") {
				if slices.ContainsFunc(wants[part], func(want string) bool { return holds(b.text, want) }) {
					return true
				}
			}
			return false
		})
	}
}

// readings are a site's manifests: corrected, and as published.
func readings(t *testing.T, site string) (corrected, published reading) {
	t.Helper()
	for as, r := range map[bool]*reading{false: &corrected, true: &published} {
		name, src, err := examples.Manifest(site, as)
		if err != nil {
			t.Fatal(err)
		}
		*r = read(t, name, src)
	}
	return corrected, published
}

// Each statement is tested by its number, in each language of the site.
func TestThePageOfTheCorrectedSiteTreatsEveryStatement(t *testing.T) {
	for _, site := range examples.Sites {
		corrected, published := readings(t, site)
		for _, tag := range corrected.Langs {
			t.Run(site+"/"+tag, func(t *testing.T) {
				t.Parallel()
				p := write(t, corrected, tag, true, nil, nil)
				for _, s := range stated(t, site) {
					t.Run(s.ID, func(t *testing.T) {
						statements.Fill(t, statements.Said, s.ID)
						for _, fault := range p.treated(s, published) {
							t.Errorf("%s (%s): %s", s.Treatment, s.Text, fault)
						}
					})
				}
			})
		}
	}
}

// The published policies are in one language; their pages in the other are made
// of the same texts, marked as foreign.
func TestThePageAsPublishedClaimsWhatIsCorrected(t *testing.T) {
	for _, site := range examples.Sites {
		_, published := readings(t, site)
		for _, tag := range published.Langs {
			t.Run(site+"/"+tag, func(t *testing.T) {
				t.Parallel()
				p := write(t, published, tag, false, nil, nil)
				for _, s := range stated(t, site) {
					t.Run(s.ID, func(t *testing.T) {
						for _, field := range s.Published {
							if !p.says(field) {
								t.Errorf("nothing in the page says %s", field)
							}
						}
						claimed := func(w statements.Words) bool { return p.claims(w, s, published) != nil }
						if s.Treatment == "correct" && !slices.ContainsFunc(s.Lacks, claimed) {
							t.Errorf("the page claims none of %v", s.Lacks)
						}
					})
				}
			})
		}
	}
}

// What is removed from a page or altered in it changes what is found about the
// statements that it says, and about no other.
func TestAFactThatLeavesThePageOrAClaimThatReturnsIsNoticed(t *testing.T) {
	for _, change := range []struct {
		site, lang, section string // without this section
		old, new            string // or with this markup
		notice              string
	}{
		{"cexro", "fr", "definition", "", "", "S3-07"},
		{"cexro", "ar", "browsers", "", "", "S3-33 S3-34 S3-35 S3-36 S3-44"},
		{"pix2clip", "en", "law", "", "", "S1-07 S1-08 S1-41 S1-57"},
		{"platform", "fr", "rights", "", "", "S2-48 S2-49"},
		{"platform", "en", "transfers", "", "", "S2-45 S2-47"},
		{"cexro", "fr", "", ">30 jours<", ">60 jours<", "S3-15 S3-47"},
		{"cexro", "ar", "", ">30 يومًا<", ">30 دقيقة<", "S3-15 S3-47"},
		{"cexro", "fr", "", "Voici lesquels", "Contrôle total", "S3-06"},
		{"cexro", "ar", "", `<span data-field="contact.support.text">`, `<span lang="fr" data-field="contact.support.text">`, "S3-56"},
		{"cexro", "fr", "", "<code>_hjSession_*</code>", "<code>_gid</code>", "S3-21"},
		{"pix2clip", "en", "", `<span data-field="categories.functional.blocked">`, `<span hidden data-field="categories.functional.blocked">`, "S1-32 S1-33"},
		{"pix2clip", "fr", "", "formulaires protégés", "formulaires", "S1-56"},
		{"platform", "en", "", ">20 May 2026<", ">20 Mai 2026<", "S2-03"},
		{"platform", "en", "", "<code>_ga_*</code>", "<code>ga*</code>", "S2-19 S2-20"},
		{"platform", "fr", "", ">Préférences<", "><", "S2-23 S2-26"},
	} {
		t.Run(change.notice, func(t *testing.T) {
			t.Parallel()
			corrected, published := readings(t, change.site)
			whole := write(t, corrected, change.lang, true, nil, nil)
			altered := write(t, corrected, change.lang, true, func(d *document.Document) {
				d.Sections = slices.DeleteFunc(d.Sections, func(s *document.Section) bool { return s.ID == change.section })
			}, func(src string) string {
				if !strings.Contains(src, change.old) {
					t.Errorf("%q is not in the page", change.old)
				}
				return strings.ReplaceAll(src, change.old, change.new)
			})
			var noticed []string
			for _, s := range stated(t, change.site) {
				if !slices.Equal(whole.treated(s, published), altered.treated(s, published)) {
					noticed = append(noticed, s.ID)
				}
			}
			if got := strings.Join(noticed, " "); got != change.notice {
				t.Errorf("noticed by %q, want %q", got, change.notice)
			}
		})
	}
}
