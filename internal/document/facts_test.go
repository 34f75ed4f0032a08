package document_test

import (
	"bytes"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/internal/document"
	"github.com/temoin/temoin/internal/lang"
	"github.com/temoin/temoin/policy"
)

// A rendering is a page in one language, as a browser reads it.
type rendering struct {
	site *policy.Site
	lang *lang.Language
	src  []byte
	root *html.Node
}

// Sites and pages are read by several tests, and changed by none.
var (
	sites sync.Map // name and whether as published → *policy.Site
	pages sync.Map // site and language → *rendering
)

func parsed(t testing.TB, name string, asPublished bool) *policy.Site {
	t.Helper()
	key := fmt.Sprint(name, asPublished)
	if site, ok := sites.Load(key); ok {
		return site.(*policy.Site)
	}
	file, src, err := examples.Manifest(name, asPublished)
	if err != nil {
		t.Fatal(err)
	}
	site, err := policy.Parse(file, src)
	if err != nil {
		t.Fatal(err)
	}
	first, _ := sites.LoadOrStore(key, site)
	return first.(*policy.Site)
}

// rendered is the page of an example site, in any language of Témoin.
func rendered(t testing.TB, site *policy.Site, tag string) *rendering {
	t.Helper()
	type key struct {
		site *policy.Site
		tag  string
	}
	if r, ok := pages.Load(key{site, tag}); ok {
		return r.(*rendering)
	}
	r := page(t, site, tag)
	pages.Store(key{site, tag}, r)
	return r
}

func page(t testing.TB, site *policy.Site, tag string) *rendering {
	t.Helper()
	d, err := document.Build(site, document.Options{Lang: tag})
	if err != nil {
		t.Fatal(err)
	}
	how := document.Page{Trace: true, Data: "/policy.json"}
	for _, other := range lang.Tags() {
		how.Alternates = append(how.Alternates, document.Alternate{Lang: other, URL: "/" + other})
	}
	r := &rendering{site: site, lang: d.Lang, src: d.HTML(how)}
	if r.root, err = html.Parse(bytes.NewReader(r.src)); err != nil {
		t.Fatal(err)
	}
	return r
}

// forEachPage runs a test for every page of every example site, the languages
// side by side.
func forEachPage(t *testing.T, test func(*testing.T, *rendering)) {
	for _, name := range examples.Sites {
		for _, asPublished := range []bool{false, true} {
			site := parsed(t, name, asPublished)
			for _, tag := range lang.Tags() {
				t.Run(fmt.Sprintf("%s/%v/%s", name, asPublished, tag), func(t *testing.T) {
					t.Parallel()
					test(t, rendered(t, site, tag))
				})
			}
		}
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
}

func isElement(n *html.Node, names ...string) bool {
	return n != nil && n.Type == html.ElementNode && slices.Contains(names, n.Data)
}

func elements(root *html.Node, names ...string) []*html.Node {
	var out []*html.Node
	for n := range root.Descendants() {
		if isElement(n, names...) {
			out = append(out, n)
		}
	}
	return out
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

// langOf is the language that a node is in: that of the nearest element which
// says one.
func langOf(n *html.Node) string {
	for ; n != nil; n = n.Parent {
		if l := attr(n, "lang"); l != "" {
			return l
		}
	}
	return ""
}

// parts are the header and the sections of a page, by their ids.
func (r *rendering) parts() (ids []string, nodes map[string]*html.Node) {
	nodes = map[string]*html.Node{}
	for _, n := range elements(r.root, "header", "section") {
		id := attr(n, "id")
		if n.Data == "header" {
			id = "header"
		}
		ids, nodes[id] = append(ids, id), n
	}
	return ids, nodes
}

var textual = []string{"p", "li", "dt", "dd", "th", "td", "caption", "h1", "h2", "h3"}

// facts are what a part of a page says without words: its shape, and in each
// block the keys, values, addresses and fields. Within a block they are sorted,
// since languages order the words of a sentence differently.
func (r *rendering) facts(part *html.Node, same map[string]string) []string {
	var out []string
	for n := range part.Descendants() {
		if n.Type != html.ElementNode || inside(n, "nav") {
			continue
		}
		switch {
		case isElement(n, textual...):
			said := r.said(n, same)
			slices.Sort(said)
			out = append(out, n.Data+" "+strings.Join(said, " "))
		case isElement(n, "ul", "dl", "table", "tbody", "tr"):
			out = append(out, fmt.Sprintf("%s of %d", n.Data, len(slices.Collect(n.ChildNodes()))))
		}
	}
	return out
}

func inside(n *html.Node, name string) bool {
	for n = n.Parent; n != nil; n = n.Parent {
		if n.Data == name {
			return true
		}
	}
	return false
}

func (r *rendering) said(block *html.Node, same map[string]string) []string {
	var out []string
	for n := range block.Descendants() {
		field := attr(n, "data-field")
		switch {
		case isElement(n, "data"):
			out = append(out, "data="+attr(n, "value"))
		case isElement(n, "time"):
			out = append(out, "time="+attr(n, "datetime"))
		case isElement(n, "code") && !inProse(n.Parent):
			out = append(out, "code="+textOf(n))
		case isElement(n, "a"):
			address := attr(n, "href")
			if one, ok := same[address]; ok {
				address = one
			}
			out = append(out, "a="+address)
		}
		if field != "" && !slices.Contains(out, field) {
			out = append(out, field) // once: a text may be cut at the keys in it
		}
	}
	return out
}

// inProse reports whether a key was found inside a text of the operator, where
// it is isolated in languages that are read from right to left.
func inProse(key *html.Node) bool {
	field := attr(key, "data-field")
	beside := func(n *html.Node) bool { return isElement(n, "span") && attr(n, "data-field") == field }
	return field != "" && (beside(key.PrevSibling) || beside(key.NextSibling))
}

// textsOf are all the texts that a site holds, whether from the manifest or from
// the catalogue.
func textsOf(site *policy.Site) []policy.Text {
	var out []policy.Text
	seen := map[uintptr]bool{}
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() && !seen[v.Pointer()] {
				seen[v.Pointer()] = true
				walk(v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Map:
			for _, key := range v.MapKeys() {
				walk(v.MapIndex(key))
			}
		case reflect.Struct:
			if text, ok := v.Interface().(policy.Text); ok {
				out = append(out, text)
				return
			}
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					walk(v.Field(i))
				}
			}
		}
	}
	walk(reflect.ValueOf(site))
	return out
}

// sameAddress finds the addresses that the manifest gives for each language, and
// names each after one of them.
func sameAddress(site *policy.Site) map[string]string {
	out := map[string]string{}
	for _, text := range textsOf(site) {
		for _, l := range text.Languages() {
			one, _ := text.Get(l)
			out[one] = text.In()
		}
	}
	return out
}

// What a page says is the same in every language, whichever the site speaks.
func TestEveryLanguageStatesTheSameFacts(t *testing.T) {
	for _, name := range examples.Sites {
		for _, asPublished := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", name, asPublished), func(t *testing.T) {
				t.Parallel()
				site := parsed(t, name, asPublished)
				same := sameAddress(site)
				reference := rendered(t, site, lang.Reference)
				ids, want := reference.parts()
				for _, tag := range lang.Tags() {
					r := rendered(t, site, tag)
					got, nodes := r.parts()
					if diff := cmp.Diff(ids, got); diff != "" {
						t.Errorf("%s has other sections than %s (-want +got):\n%s", tag, lang.Reference, diff)
					}
					for id, part := range nodes {
						if want[id] == nil {
							continue
						}
						if diff := cmp.Diff(reference.facts(want[id], same), r.facts(part, same)); diff != "" {
							t.Errorf("%s: %s states other facts than %s (-want +got):\n%s", id, tag, lang.Reference, diff)
						}
					}
				}
			})
		}
	}
}

// The fact sets would be equal, too, if they held nothing.
func TestAPageStatesItsFacts(t *testing.T) {
	r := rendered(t, parsed(t, "cexro", false), "ar")
	_, parts := r.parts()
	var all []string
	for _, part := range parts {
		all = append(all, r.facts(part, nil)...)
	}
	facts := strings.Join(all, "\n")
	for _, want := range []string{
		"data=P13M", "data=US", "time=2025-01-15", "code=_ga_*", "a=mailto:dpo@cexro.com", "a=/confidentialite",
		"table of", "categories.analytics.needs", "h3 ",
	} {
		if !strings.Contains(facts, want) {
			t.Errorf("no %q in\n%s", want, facts)
		}
	}
}

// A page in which one thing is changed does not pass for the same.
func TestAFactThatOneLanguageStatesOtherwiseIsNoticed(t *testing.T) {
	site := parsed(t, "cexro", false)
	r := rendered(t, site, "fr")
	_, want := r.parts()
	for _, change := range []struct{ part, old, new string }{
		{"categories", `value="P13M"`, `value="P12M"`},
		{"header", `datetime="2025-01-15"`, `datetime="2025-01-16"`},
		{"services", "<code>/checkout</code>", "<code>/</code>"},
		{"links", `href="/confidentialite"`, `href="/"`},
		{"categories", "<li><span data-field=\"categories.essential.benefits\">le paiement en ligne</span></li>\n", ""},
		{"transfers", ` data-field="services[0].recipients[0].transfer.mechanism"`, ""},
	} {
		src := bytes.ReplaceAll(r.src, []byte(change.old), []byte(change.new))
		altered := &rendering{site: site, lang: r.lang}
		var err error
		if altered.root, err = html.Parse(bytes.NewReader(src)); err != nil {
			t.Fatal(err)
		}
		_, got := altered.parts()
		if slices.Equal(r.facts(want[change.part], nil), altered.facts(got[change.part], nil)) {
			t.Errorf("%s: nobody notices %q in place of %q", change.part, change.new, change.old)
		}
	}
}

var duration = regexp.MustCompile(`^P(T?)(\d+)([SMHDWY])$`)

var units = map[string]string{
	"TS": "second", "TM": "minute", "TH": "hour", "D": "day", "W": "week", "M": "month", "Y": "year",
}

// inWords is what a machine's value is in a language.
func inWords(l *lang.Language, n *html.Node) (string, error) {
	if n.Data == "time" {
		day, err := time.Parse(time.DateOnly, attr(n, "datetime"))
		return l.Date(day.Year(), day.Month(), day.Day()), err
	}
	value := attr(n, "value")
	if m := duration.FindStringSubmatch(value); m != nil {
		count, err := strconv.Atoi(m[2])
		return l.Duration(count, units[m[1]+m[3]]), err
	}
	region, err := language.ParseRegion(value)
	if err != nil {
		return "", fmt.Errorf("%q is neither a duration nor a country", value)
	}
	return display.Regions(language.Make(l.Tag)).Name(region), nil
}

// spelled reports whether the operator insists on a spelling of a date.
func spelled(site *policy.Site, n *html.Node) bool {
	p := site.Policy
	as := map[string]policy.Text{"policy.updated": p.UpdatedAs, "policy.effective": p.EffectiveAs}[attr(n, "data-field")]
	return slices.ContainsFunc(as.Languages(), func(l string) bool { s, _ := as.Get(l); return s == textOf(n) })
}

func TestEveryValueIsWrittenAsItsLanguageWritesIt(t *testing.T) {
	forEachPage(t, func(t *testing.T, r *rendering) {
		l := r.lang
		if r.site.Page.NativeDigits {
			l = l.WithNativeDigits()
		}
		for _, n := range elements(r.root, "data", "time") {
			want, err := inWords(l, n)
			if err != nil {
				t.Error(err)
			}
			if got := textOf(n); got != want && !spelled(r.site, n) {
				t.Errorf("%s %v reads %q, want %q", n.Data, n.Attr, got, want)
			}
		}
	})
}

// operatorTexts are the fields that hold texts of the operator or of the
// catalogue: those of which some language has only a text in another.
func operatorTexts(site *policy.Site, pages []*rendering) map[string]bool {
	out := map[string]bool{}
	for _, p := range site.Prose {
		out[p.Path] = true
	}
	for _, r := range pages {
		for n := range r.root.Descendants() {
			if field := attr(n, "data-field"); field != "" && has(n, "lang") {
				out[field] = true
			}
		}
	}
	return out
}

// numbers are the groups of digits in Témoin's own words, sorted.
func numbers(n *html.Node, texts map[string]bool) []string {
	if isElement(n, "data", "time", "code", "nav") || texts[attr(n, "data-field")] {
		return nil
	}
	var out []string
	if n.Type == html.TextNode {
		out = strings.FieldsFunc(n.Data, func(r rune) bool { return !unicode.IsDigit(r) })
	}
	for c := range n.ChildNodes() {
		out = append(out, numbers(c, texts)...)
	}
	slices.Sort(out)
	return out
}

// A number that only one language has would be a fact of its own: another
// article of a law, another version of a text.
func TestTheNumbersInOurWordsAreTheSameInEveryLanguage(t *testing.T) {
	for _, name := range examples.Sites {
		for _, asPublished := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", name, asPublished), func(t *testing.T) {
				t.Parallel()
				site := parsed(t, name, asPublished)
				var pages []*rendering
				for _, tag := range lang.Tags() {
					pages = append(pages, rendered(t, site, tag))
				}
				texts := operatorTexts(site, pages)
				_, want := rendered(t, site, lang.Reference).parts()
				for _, r := range pages {
					_, parts := r.parts()
					for id, part := range parts {
						if diff := cmp.Diff(numbers(want[id], texts), numbers(part, texts)); diff != "" {
							t.Errorf("%s: %s has other numbers than %s (-want +got):\n%s", id, r.lang.Tag, lang.Reference, diff)
						}
					}
				}
			})
		}
	}
}

// written finds the languages of every text of a site, of its paragraphs and of
// its lines.
func written(site *policy.Site) map[string][]string {
	out := map[string][]string{}
	for _, text := range textsOf(site) {
		for _, l := range text.Languages() {
			whole, _ := text.Get(l)
			for _, part := range slices.Concat([]string{whole}, strings.Split(whole, "\n\n"), strings.Split(whole, "\n")) {
				out[bare(part)] = append(out[bare(part)], l)
			}
		}
	}
	delete(out, "")
	return out
}

// bare is a text for comparison: sentences of ours begin with capitals and end
// with full stops of ours.
func bare(s string) string {
	return strings.TrimRight(strings.ToLower(strings.Join(strings.Fields(s), " ")), ".")
}

// Whoever reads a page aloud must know in which language each text is.
func TestATextInAnotherLanguageSaysSo(t *testing.T) {
	forEachPage(t, func(t *testing.T, r *rendering) {
		texts := written(r.site)
		for n := range r.root.Descendants() {
			field := attr(n, "data-field")
			in := texts[bare(textOf(n))]
			if field != "" && in != nil && !slices.Contains(in, langOf(n)) {
				t.Errorf("%s: %q is in %v and marked %s", field, textOf(n), slices.Compact(in), langOf(n))
			}
		}
	})
}

// phrasing are the elements that a line of text is made of.
var phrasing = []string{"span", "bdi", "data", "time", "a", "code"}

// children are the elements that stand in an element; what is not listed holds
// text alone.
var children = map[string][]string{
	"":        {"html"},
	"html":    {"head", "body"},
	"head":    {"meta", "title", "link", "style"},
	"body":    {"main"},
	"main":    {"article"},
	"article": {"header", "nav", "section", "footer"},
	"header":  {"h1", "p", "dl", "nav", "div"},
	"footer":  {"p"},
	"nav":     {"h2", "ol", "ul"},
	"section": {"h2", "h3", "p", "ul", "dl", "table"},
	"ul":      {"li"}, "ol": {"li"},
	"dl":      {"div"},
	"div":     append([]string{"dt", "dd", "p"}, phrasing...),
	"table":   {"caption", "thead", "tbody"},
	"thead":   {"tr"},
	"tbody":   {"tr"},
	"tr":      {"th", "td"},
	"th":      append([]string{"div"}, phrasing...),
	"td":      {"div"},
	"p":       phrasing,
	"li":      phrasing,
	"dt":      phrasing,
	"dd":      phrasing,
	"h1":      phrasing,
	"h2":      phrasing,
	"h3":      phrasing,
	"caption": phrasing,
	"a":       {"span", "bdi"},
	"bdi":     {"code"},
}

var void = []string{"meta", "link"}

// textless are the elements that hold elements alone.
var textless = []string{
	"", "html", "head", "body", "main", "article", "header", "footer", "nav", "section", "ul", "ol", "dl", "table", "thead", "tbody", "tr", "td",
}

// asWritten reads tags as they are written, and says where one is closed by
// another or stands where it may not. It returns the elements with their depths.
func asWritten(src []byte) (tree, faults []string) {
	open := []string{""}
	for z := html.NewTokenizer(bytes.NewReader(src)); z.Next() != html.ErrorToken; {
		tag := z.Token()
		top := open[len(open)-1]
		switch tag.Type {
		case html.StartTagToken:
			if !slices.Contains(children[top], tag.Data) {
				faults = append(faults, fmt.Sprintf("<%s> in <%s>", tag.Data, top))
			}
			tree = append(tree, fmt.Sprint(len(open), tag.Data))
			if !slices.Contains(void, tag.Data) {
				open = append(open, tag.Data)
			}
		case html.EndTagToken:
			if top != tag.Data {
				return tree, append(faults, fmt.Sprintf("</%s> closes <%s>", tag.Data, top))
			}
			open = open[:len(open)-1]
		case html.TextToken:
			if slices.Contains(textless, top) && strings.TrimSpace(tag.Data) != "" {
				faults = append(faults, fmt.Sprintf("%q in <%s>", tag.Data, top))
			}
		}
	}
	if len(open) > 1 {
		faults = append(faults, fmt.Sprintf("%v stay open", open))
	}
	return tree, faults
}

// asRead are the elements of a parsed page with their depths.
func asRead(n *html.Node, depth int) []string {
	var out []string
	for c := range n.ChildNodes() {
		if c.Type == html.ElementNode {
			out = append(out, fmt.Sprint(depth, c.Data))
		}
		out = append(out, asRead(c, depth+1)...)
	}
	return out
}

// A browser repairs what is written wrongly; here there is nothing to repair.
func TestThePageIsWellFormedHTML(t *testing.T) {
	forEachPage(t, func(t *testing.T, r *rendering) {
		tree, faults := asWritten(r.src)
		for _, fault := range faults {
			t.Error(fault)
		}
		if diff := cmp.Diff(tree, asRead(r.root, 1)); diff != "" {
			t.Errorf("the browser reads other elements (-written +read):\n%s", diff)
		}
	})
}

func TestIdsAreUniqueAndWhatRefersToThemFindsThem(t *testing.T) {
	forEachPage(t, func(t *testing.T, r *rendering) {
		ids, refs := map[string]bool{}, map[string]bool{}
		for n := range r.root.Descendants() {
			if id := attr(n, "id"); has(n, "id") {
				if ids[id] || id == "" || strings.ContainsAny(id, " \t\n") {
					t.Errorf("the id %q is there twice, or is none", id)
				}
				ids[id] = true
			}
			for id := range strings.FieldsSeq(attr(n, "aria-labelledby")) {
				refs[id] = true
			}
			if id, ok := strings.CutPrefix(attr(n, "href"), "#"); ok {
				refs[id] = true
			}
		}
		for id := range refs {
			if !ids[id] {
				t.Errorf("nothing has the id %q", id)
			}
		}
	})
}

func TestHeadingsDescendStepByStep(t *testing.T) {
	forEachPage(t, func(t *testing.T, r *rendering) {
		last := 0
		for _, h := range elements(r.root, "h1", "h2", "h3", "h4", "h5", "h6") {
			level := int(h.Data[1] - '0')
			if level > last+1 || level == 1 && last > 0 || strings.TrimSpace(textOf(h)) == "" {
				t.Errorf("<%s> %q after <h%d>", h.Data, textOf(h), last)
			}
			last = level
		}
	})
}

func TestEveryTableHasACaptionAndNamesItsColumnsAndRows(t *testing.T) {
	forEachPage(t, func(t *testing.T, r *rendering) {
		for _, table := range elements(r.root, "table") {
			captions := elements(table, "caption")
			if len(captions) != 1 || strings.TrimSpace(textOf(captions[0])) == "" {
				t.Fatal("a table without a caption")
			}
			caption, rows := textOf(captions[0]), elements(table, "tr")
			for i, row := range rows {
				cells := elements(row, "th", "td")
				if len(cells) != len(elements(rows[0], "th")) {
					t.Errorf("%s: row %d has %d cells", caption, i, len(cells))
				}
				for j, cell := range cells {
					want := ""
					switch {
					case i == 0:
						want = "col"
					case j == 0:
						want = "row"
					}
					if attr(cell, "scope") != want || (want != "") != (cell.Data == "th") {
						t.Errorf("%s: <%s scope=%q> in row %d, column %d", caption, cell.Data, attr(cell, "scope"), i, j)
					}
					if want != "" && strings.TrimSpace(textOf(cell)) == "" {
						t.Errorf("%s: row %d, column %d names nothing", caption, i, j)
					}
				}
			}
		}
	})
}

// harmful says what of a page could run, or load anything.
func harmful(root *html.Node) []string {
	var out []string
	for n := range root.Descendants() {
		if isElement(n, "script", "iframe", "object", "embed", "form", "img", "base", "svg", "math") {
			out = append(out, "<"+n.Data+">")
		}
		for _, a := range n.Attr {
			scheme, _, absolute := strings.Cut(a.Val, ":")
			address := a.Key == "href" || a.Key == "src"
			switch {
			case a.Key == "style" || strings.HasPrefix(a.Key, "on") || a.Key == "src":
				out = append(out, a.Key+"="+a.Val)
			case address && !strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "#") &&
				!(absolute && slices.Contains([]string{"https", "http", "mailto", "tel"}, scheme)), address && strings.HasPrefix(a.Val, "//"):
				out = append(out, "a link to "+a.Val)
			}
		}
	}
	return out
}

func TestNothingInThePageRunsOrIsLoaded(t *testing.T) {
	forEachPage(t, func(t *testing.T, r *rendering) {
		for _, fault := range harmful(r.root) {
			t.Error(fault)
		}
	})
}

// filled fills a site with a text in the places where operators write, and
// returns those in which it has to come back word for word.
func filled(site policy.Site, text string) (*policy.Site, []string) {
	in := policy.NewText(text)
	site.Page.Title, site.Page.Subtitle = in, in
	site.Controller.Name, site.Controller.Address = text, text
	site.Notice.Text, site.Contact.DPO.Subject = in, in
	site.App.Text, site.Proof.Because = in, in
	c, p, s, k := *site.Categories[1], *site.Promises[1], *site.Services[0], *site.Trackers[0]
	c.Title, c.Purpose, p.Text, s.Purpose, s.Sends, k.Name, k.Purpose = in, in, in, in, in, text, in
	site.Categories, site.Promises, site.Services = slices.Clone(site.Categories), slices.Clone(site.Promises), slices.Clone(site.Services)
	site.Categories[1], site.Promises[1], site.Services[0] = &c, &p, &s
	first := *site.Categories[0]
	first.Trackers = append([]*policy.Tracker{&k}, first.Trackers[1:]...)
	site.Categories[0] = &first
	return &site, []string{
		"page.title", "page.subtitle", "controller.name", "controller.address", "notice.text", "contact.dpo.subject", "app.text",
		"proof.because", c.Field + ".title", c.Field + ".purpose", p.Field + ".text", s.Field + ".purpose", k.Field + ".name", k.Field + ".purpose",
	}
}

// harmless is a text with the same blanks and letters for all else.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n", r) {
			return r
		}
		return 'x'
	}, text)
}

// shown is a text as a browser shows it: blanks are one, and there is no NUL.
func shown(s string) string {
	s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) }), " ")
}

// Whatever operators write is text: the page has the elements that it has with
// harmless words in its place, and shows what was written.
func FuzzPage(f *testing.F) {
	for _, text := range []string{
		"harmless", `<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, "</title></style></p></table>",
		"<!-- temoin:policy --> --> ]]>", "&lt;b&gt; &amp;amp; &#x3c;", "\u202eright to left\u202c \u2066isolated\u2069 \u200f", "سياسة <b>ملفات</b> _ga",
		strings.Repeat("w", 10_000), strings.Repeat("many words ", 1000), "one\n\ntwo\nthree", "{name} {period} %s \\", "a\x00b\x7fc\r\nd", "\u00a0no-break\u202f!",
		"cexro_session", `"temoin:lang"`, "<plaintext>", "<svg><style>",
	} {
		f.Add(text)
	}
	base := *parsed(f, "cexro", false)
	base.Services, base.Promises, base.Categories, base.Records, base.Browsers = base.Services[:1], base.Promises[:2], base.Categories[:2], nil, nil // for speed
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "?") // manifests are UTF-8
		if strings.TrimSpace(text) == "" || len(text) > 20_000 {
			t.Skip()
		}
		for _, tag := range []string{"fr", "de"} {
			site, fields := filled(base, text)
			r := page(t, site, tag)
			plain, _ := filled(base, harmless(text))
			if want, got := asRead(page(t, plain, tag).root, 1), asRead(r.root, 1); !slices.Equal(want, got) {
				t.Errorf("%s: %q makes other elements (-harmless +it):\n%s", tag, text, cmp.Diff(want, got))
			}
			for _, fault := range harmful(r.root) {
				t.Errorf("%s: %s", tag, fault)
			}
			comesBack(t, r, fields, shown(text))
		}
	})
}

// comesBack checks that each field shows a text, whole or, where it is cut into
// paragraphs, part by part.
func comesBack(t *testing.T, r *rendering, fields []string, text string) {
	t.Helper()
	got := map[string][]string{}
	for n := range r.root.Descendants() {
		if field := attr(n, "data-field"); field != "" && !inside(n, "nav") {
			got[field] = append(got[field], shown(textOf(n)))
		}
	}
	for _, field := range fields {
		if !slices.Contains(got[field], text) && !strings.Contains(strings.Join(got[field], " "), text) {
			t.Errorf("%s: %s shows %.200q, want %.200q", r.lang.Tag, field, got[field], text)
		}
	}
}
