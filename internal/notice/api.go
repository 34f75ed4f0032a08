package notice

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/temoin/temoin/internal/wording"
	"github.com/temoin/temoin/policy"
)

// Variants of a notice. That of a set of categories to ask again about, and that of
// a service's placeholder, have more behind them: "again:analytics+support".
const (
	First       = "notice"
	Signal      = "notice+gpc" // where Global Privacy Control refuses some of what is asked
	Again       = "again:"
	Centre      = "centre"
	Placeholder = "placeholder:"
)

// Prefix is what all addresses begin with unless the options say otherwise.
const Prefix = "/.temoin"

// Options are what the manifest does not say.
type Options struct {
	Prefix  string         // of all addresses; "" is "/.temoin"
	Earlier []*policy.Site // earlier versions, the oldest first: they say about what somebody may be asked again
	Seal    bool           // pages with the tag load from nowhere but what the decision allows
}

// A Notice is all that the visitors of one version of a site are shown. It is
// immutable and safe for concurrent use.
type Notice struct {
	site     *policy.Site
	prefix   string
	chunks   map[string][]byte
	adapters []adapter
	boundary []byte // the script "boundary" of this site; nil where it needs none
	storage  string // what the script "guard-storage" is told; "" where there is none
	styles   styles
	editions []*Edition
	scripts  map[string]*served
	matcher  language.Matcher
}

// A Shown is the canonical bytes of one variant in one language.
type Shown struct {
	Language, Variant string
	Bytes             []byte
}

// zeros stand in canonical bytes where their SHA-256 stands in what is served.
var zeros = strings.Repeat("0", 2*sha256.Size)

//go:embed templates/*.html
var templateFiles embed.FS

// betweenLines is what makes the templates readable, and no page.
var betweenLines = regexp.MustCompile(`\n\s*`)

func parseTemplates() (*template.Template, error) {
	t := template.New("")
	for _, name := range []string{"layer", "centre"} {
		src, err := templateFiles.ReadFile("templates/" + name + ".html")
		if err != nil {
			return nil, err
		}
		if _, err := t.Parse(betweenLines.ReplaceAllString(string(src), "")); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Compile makes the notice of a site. It fails where a text does not exist in any
// language of Témoin, or a chunk is missing.
func Compile(site *policy.Site, o Options) (*Notice, error) {
	n := &Notice{site: site, prefix: o.Prefix}
	if n.prefix == "" {
		n.prefix = Prefix
	}
	var err error
	if n.chunks, err = loadChunks(); err != nil {
		return nil, err
	}
	if n.styles, err = newStyles(site); err != nil {
		return nil, fmt.Errorf("%s: %w", site.File, err)
	}
	n.adapters, n.boundary = adapters(site), boundary(site, n.chunks["boundary"])
	release := n.releaseSource()
	version := short(slices.Concat(n.chunks["centre"], release)) // pages name one for both
	n.scripts = map[string]*served{"centre": newServed(n.chunks["centre"], version), "release": newServed(release, version)}
	n.matcher = newMatcher(site.Langs)
	n.storage = storageRules(site)
	t, err := parseTemplates()
	if err != nil {
		return nil, err
	}
	diffs := map[*policy.Site]*policy.Diff{}
	for _, tag := range site.Langs {
		words, err := wording.For(site, tag)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", site.File, err)
		}
		c := &compiler{notice: n, templates: t, writer: &writer{words, site, n.prefix}, diffs: diffs}
		e, err := c.edition(o.Earlier)
		if err != nil {
			return nil, fmt.Errorf("%s: the notice in %s: %w", site.File, tag, err)
		}
		n.editions = append(n.editions, e)
	}
	return n, n.addTags(o)
}

// A compiler makes one edition.
type compiler struct {
	notice    *Notice
	templates *template.Template
	*writer
	diffs map[*policy.Site]*policy.Diff
	shown []Shown
}

func (c *compiler) edition(earlier []*policy.Site) (*Edition, error) {
	e := &Edition{notice: c.notice, lang: c.Lang.Tag, writer: c.writer, again: map[uint64][]byte{}, placeholders: map[string]sheet{}}
	for _, make := range []func(*Edition) error{c.first, func(e *Edition) error { return c.again(e, earlier) }, c.centre, c.placeholders} {
		if err := make(e); err != nil {
			return nil, err
		}
	}
	e.shown = c.shown
	return e, nil
}

// first makes what stands in pages, unless it asks again.
func (c *compiler) first(e *Edition) (err error) {
	if e.quiet, err = c.element(nil, ""); err != nil {
		return err
	}
	if c.site.Choice.Scope == policy.ScopeAccount {
		if e.arrived, err = c.arrived(); err != nil {
			return err
		}
	}
	about := asked(c.site)
	if e.first, err = c.element(c.layer(about, layerOptions{}), First); err != nil {
		return err
	}
	rest := slices.DeleteFunc(slices.Clone(about), func(k *policy.Category) bool { return k.Advertising })
	if len(rest) == 0 || len(rest) == len(about) || c.site.NoticeMode() != policy.NoticeConsent {
		return nil
	}
	for _, k := range rest {
		e.unrefused |= bit(k)
	}
	e.signal, err = c.element(c.layer(rest, layerOptions{signal: true}), Signal)
	return err
}

// again makes the layers that ask again.
func (c *compiler) again(e *Edition, earlier []*policy.Site) error {
	for _, set := range againSets(c.site, earlier) {
		changes, err := c.changes(set, earlier)
		if err != nil {
			return err
		}
		ids := make([]string, len(set))
		var mask uint64
		for i, k := range set {
			ids[i] = k.ID
			mask |= bit(k)
		}
		if e.again[mask], err = c.element(c.layer(set, layerOptions{again: true, changes: changes}), Again+strings.Join(ids, "+")); err != nil {
			return err
		}
	}
	return nil
}

// centre makes the preference centre: as what stands in a dialog, and as a page.
func (c *compiler) centre(e *Edition) error {
	content, err := c.canonical("centre", c.preferences(), Centre)
	if err != nil {
		return err
	}
	p := c.page(c.notice.styles.page)
	document, err := c.canonical("page", p, "")
	if err != nil {
		return err
	}
	before, after, _ := bytes.Cut(document, []byte("<div data-content></div>"))
	e.centre = cut(slices.Concat(before, content, after))
	e.centre.policy = ownPolicy(c.notice.styles.page)
	head := "<template data-css>" + c.notice.styles.centre + `</template><script type="application/json" data-wipe>` + string(wipe(c.site)) +
		"</script><h2>" + template.HTMLEscapeString(p.Title) + "</h2>"
	leave := `<form><button part="close" formmethod="dialog">` + template.HTMLEscapeString(c.say("centre.close")) + "</button></form>"
	e.fragment = cut(slices.Concat([]byte(head), content, []byte(leave)))
	e.within = cut(slices.Concat([]byte(`<div lang="`+p.Lang+`" dir="`+p.Dir+`"><template shadowrootmode="open"><style>`+c.notice.styles.within+"</style>"), content, []byte("</template></div>")))
	sum := sha256.Sum256(c.shown[len(c.shown)-1].Bytes)
	e.withdraw = c.withdrawal(hex.EncodeToString(sum[:]))
	e.follows, e.alone = c.own("device", "account.own"), c.own("account", "account.follow")
	return nil
}

// placeholders makes the pages that stand in the place of what is held.
func (c *compiler) placeholders(e *Edition) error {
	for _, s := range c.site.Services {
		if !guarded(s) {
			continue
		}
		page, err := c.canonical("placeholder", c.placeholder(s, c.notice.styles.placeholder), Placeholder+s.ID)
		if err != nil {
			return err
		}
		sheet := cut(page)
		// It can stand in a page with the tag, which is on another host, and leads back there.
		sheet.policy = strings.ReplaceAll(ownPolicy(c.notice.styles.placeholder), "'self'", "'self' "+strings.Join(c.site.AllHosts(), ":* ")+":*")
		e.placeholders[s.ID] = sheet
	}
	return nil
}

// ownPolicy is the Content-Security-Policy of a document of our own.
func ownPolicy(style string) string {
	return "default-src 'none'; style-src " + source([]byte(style)) + "; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
}

// element makes the element, with a layer or without one, and keeps the canonical
// bytes of a variant.
func (c *compiler) element(l *layer, variant string) ([]byte, error) {
	h := c.host()
	style := c.notice.styles.quiet
	if h.Layer = l; l != nil {
		style = c.notice.styles.element
		h.Room = template.HTML("<style>" + c.notice.styles.room + "</style>")                  //nolint:gosec // as below
		h.Script = template.HTML("<script>" + string(c.notice.chunks["notice"]) + "</script>") //nolint:gosec // see loadChunks
	}
	h.Style = template.HTML("<style>" + style + "</style>") //nolint:gosec // no part of it ends the element: see newStyles
	return c.canonical("host", h, variant)
}

// arrived makes the element that says that the choice of an account applies.
func (c *compiler) arrived() ([]byte, error) {
	h := c.host()
	h.Arrived = &arrived{
		Text: c.say("account.arrived"), Change: c.say("account.change"), Own: c.say("account.own"), Close: c.say("account.close"),
		Action: c.prefix + "/account",
	}
	h.Style = template.HTML("<style>" + c.notice.styles.arrived + "</style>") //nolint:gosec // as above
	return c.canonical("host", h, "")
}

// canonical executes a template, and keeps what it makes as the canonical bytes of
// a variant; "" for what asks nothing. What is served is returned.
func (c *compiler) canonical(name string, data any, variant string) ([]byte, error) {
	var b bytes.Buffer
	if err := c.templates.ExecuteTemplate(&b, name, data); err != nil {
		return nil, err
	}
	if variant == "" {
		return b.Bytes(), nil
	}
	c.shown = append(c.shown, Shown{c.Lang.Tag, variant, b.Bytes()})
	return Served(b.Bytes()), nil
}

// Served returns what is served of canonical bytes: their SHA-256 stands where they
// have zeros.
func Served(canonical []byte) []byte {
	sum := sha256.Sum256(canonical)
	return bytes.ReplaceAll(canonical, []byte(zeros), []byte(hex.EncodeToString(sum[:])))
}

// Editions returns all canonical bytes, to be kept as evidence of the version.
func (n *Notice) Editions() []Shown {
	var out []Shown
	for _, e := range n.editions {
		out = append(out, e.shown...)
	}
	return out
}

// In returns the notice in a language, in the site's default one where it has none
// in it.
func (n *Notice) In(tag string) *Edition {
	for _, e := range n.editions {
		if e.lang == tag {
			return e
		}
	}
	return n.editions[0]
}

// Hashes returns what a Content-Security-Policy must allow for the scripts and the
// styles that stand in pages: "'sha256-…'".
func (n *Notice) Hashes() (scripts, styles []string) {
	for _, list := range [][]adapter{n.prompt(), n.adapters} {
		for _, guarded := range []bool{false, true} {
			if h := source(n.headScript(guarded, list)); !slices.Contains(scripts, h) {
				scripts = append(scripts, h)
			}
		}
	}
	scripts = append(scripts, source(n.chunks["notice"]))
	styles = []string{source([]byte(n.styles.quiet)), source([]byte(n.styles.element)), source([]byte(n.styles.room)), source([]byte(n.styles.within))}
	if n.site.Choice.Scope == policy.ScopeAccount {
		styles = append(styles, source([]byte(n.styles.arrived)))
	}
	return scripts, styles
}

// source is how a Content-Security-Policy names what stands in an element.
func source(b []byte) string {
	sum := sha256.Sum256(b)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
