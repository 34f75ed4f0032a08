package notice

import (
	"cmp"
	"embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/temoin/temoin/policy"
)

//go:embed styles/*.css
var styleFiles embed.FS

// A palette is the colors of a theme in one scheme. Ink, accent and line are at
// least 4.5, 4.5 and 3 times as light or dark as paper, on is 4.5 times as accent.
type palette struct{ paper, ink, accent, on, line string }

// A theme is measures and colors.
type theme struct {
	light, dark palette
	focus       string // around what has the focus, where that is not ink; as its style sheet says it
	font        string
	text        int // pixels
	radius      int // pixels
}

const system = "system-ui,sans-serif"

// themes are those that a manifest can name. The colors and measures of "dsfr" are
// those of the French State's design system; nothing of its files is used.
var themes = map[string]theme{
	"neutral": {
		light: palette{"#fff", "#1d2430", "#1f4fa3", "#fff", "#6b7482"},
		dark:  palette{"#1a1d23", "#eceef2", "#9dc1ff", "#10131a", "#8a93a3"},
		font:  system, text: 15, radius: 12,
	},
	"compact": {
		light: palette{"#fff", "#1d2430", "#2b333f", "#fff", "#6b7482"},
		dark:  palette{"#1a1d23", "#eceef2", "#e3e7ee", "#10131a", "#8a93a3"},
		font:  system, text: 14, radius: 4,
	},
	"dsfr": {
		light: palette{"#fff", "#3a3a3a", "#000091", "#f5f5fe", "#666"},
		dark:  palette{"#1e1e1e", "#cecece", "#8585f6", "#000091", "#929292"},
		focus: "#0a76f6", font: "Marianne,Arial,system-ui,sans-serif", text: 16, radius: 0,
	},
}

// styles are the style sheets of a site: of the element in pages where nothing is
// asked, there with what is said of an account, and where something is; of what the preference centre adds to either; of that
// within a page of the site, and as a page; of a placeholder; and of the page that a first layer stands in.
type styles struct{ quiet, arrived, element, centre, within, page, placeholder, room string }

func newStyles(site *policy.Site) (styles, error) {
	name := string(cmp.Or(site.Notice.Theme, policy.ThemeNeutral))
	t, ok := themes[name]
	if !ok {
		return styles{}, fmt.Errorf("there is no theme %q", name)
	}
	t.adapt(site)
	var failed error
	sheet := func(root string, files ...string) string {
		var b strings.Builder
		if root != "" {
			b.WriteString(t.declare(site, root))
		}
		for _, file := range files {
			css, err := styleFiles.ReadFile("styles/" + file + ".css")
			if err != nil {
				failed = err
			}
			b.WriteString(minify(string(css)))
		}
		return initials(strings.ReplaceAll(b.String(), "var(--scheme)", scheme(site)))
	}
	s := styles{
		quiet:       sheet(":host", "basics", "element"),
		arrived:     sheet(":host", "basics", "controls", "element", name, "arrived"),
		element:     sheet(":host", "basics", "controls", "element", "layer", "dialog", name, "small"),
		centre:      sheet("", "controls", "dialog", name, "centre"),
		within:      sheet(":host", "basics", "controls", name, "centre", "within"),
		page:        sheet(":root", "basics", "controls", name, "centre", "page"),
		placeholder: sheet(":root", "basics", "controls", name, "placeholder"),
		room:        sheet("", "room"),
	}
	return s, failed
}

// adapt puts what the manifest says in the place of the theme's.
func (t *theme) adapt(site *policy.Site) {
	n := &site.Notice
	t.light.adapt(n.Colors)
	t.dark.adapt(n.DarkColors)
	if n.Font != "" {
		var families []string
		for f := range strings.SplitSeq(n.Font, ",") {
			families = append(families, strconv.Quote(strings.TrimSpace(f)))
		}
		t.font = strings.Join(append(families, system), ",")
	}
	if n.TextSize != 0 {
		t.text = n.TextSize
	}
	if site.Written("notice.radius") {
		t.radius = n.Radius
	}
}

func (p *palette) adapt(own policy.Palette) {
	p.paper, p.ink = cmp.Or(own.Paper, p.paper), cmp.Or(own.Ink, p.ink)
	p.accent, p.on = cmp.Or(own.Accent, p.accent), cmp.Or(own.OnAccent, p.on)
	p.line = cmp.Or(own.Line, p.line)
}

// both schemes are there, and the visitor's counts.
const both = "light dark"

// scheme is what the style sheets call color-scheme.
func scheme(site *policy.Site) string {
	switch site.Notice.Scheme {
	case policy.SchemeDark:
		return "dark"
	case "", policy.SchemeAuto:
		return both
	}
	return "light"
}

// declare writes the custom properties, each with the site's own that comes before it.
func (t *theme) declare(site *policy.Site, root string) string {
	colors := t.light.declare("")
	if scheme(site) == "dark" {
		colors = t.dark.declare("dark-")
	}
	css := fmt.Sprintf("%s{%s--font:var(--temoin-font,%s);--text:var(--temoin-text-size,%dpx);--radius:var(--temoin-radius,%dpx)}", root, colors, t.font, t.text, t.radius)
	if scheme(site) == both {
		css += "@media(prefers-color-scheme:dark){" + root + "{" + strings.TrimSuffix(t.dark.declare("dark-"), ";") + "}}"
	}
	return css
}

// declare writes the colors.
func (p palette) declare(which string) string {
	var b strings.Builder
	for _, c := range [][2]string{{"paper", p.paper}, {"line", p.line}, {"accent", p.accent}, {"ink", p.ink}, {"on-accent", p.on}} {
		fmt.Fprintf(&b, "--%s:var(--temoin-%s%s,%s);", c[0], which, c[0], c[1])
	}
	return b.String()
}

// ownProperty is a custom property that is nobody's but ours.
var ownProperty = regexp.MustCompile(`--(paper|ink|accent|on-accent|line|font|text|radius)\b`)

// initials shortens our own properties to their first letters.
func initials(css string) string {
	return ownProperty.ReplaceAllStringFunc(css, func(name string) string { return name[:3] })
}

var (
	cssComment = regexp.MustCompile(`(?s)/\*.*?\*/`)
	cssBlank   = regexp.MustCompile(`\s+`)
	cssAround  = regexp.MustCompile(` ?([{};,>~!]) ?`)
	cssAfter   = regexp.MustCompile(`: `)
)

// minify drops comments and blanks. It is for the style sheets of this package,
// which have no strings with blanks in them.
func minify(css string) string {
	css = cssComment.ReplaceAllString(css, "")
	css = cssBlank.ReplaceAllString(css, " ")
	css = cssAround.ReplaceAllString(css, "$1")
	css = strings.ReplaceAll(css, "@media (", "@media(")
	css = cssAfter.ReplaceAllString(css, ":")
	return strings.TrimSpace(strings.ReplaceAll(css, ";}", "}"))
}
