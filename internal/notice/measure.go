package notice

import (
	"cmp"
	"fmt"
	"math"
	"strconv"

	"github.com/temoin/temoin/internal/wording"
	"github.com/temoin/temoin/policy"
)

// MaxWords is how much a first layer is to say.
const MaxWords = maxWords

// A Measure is how much the first layer of a site says in a language, to somebody who
// has not chosen yet.
type Measure struct {
	Language string
	Words    int  // buttons aside
	Brief    bool // the purposes are only named: there is no room for what they are
}

// Measures returns the measures of a site's first layer in its languages, for which
// nothing is compiled.
func Measures(site *policy.Site) ([]Measure, error) {
	var list []Measure
	for _, tag := range site.Langs {
		words, err := wording.For(site, tag)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", site.File, err)
		}
		l := (&writer{words, site, Prefix}).layer(asked(site), layerOptions{})
		list = append(list, Measure{tag, l.words, l.brief})
	}
	return list, nil
}

// A Pair is two colors of a site's notice that have to be told apart.
type Pair struct {
	Scheme        policy.ColorScheme // in which they meet
	Front, Behind Color
	Least         float64 // times that one is to be as light as the other
}

// A Color is one of a palette.
type Color struct {
	Field string // of the manifest: "accent"; "" for one that a theme alone says
	Value string // "#1f4fa3"
}

// Pairs returns the pairs of a site's theme, with what the manifest puts in the place of
// its colors, in each scheme that visitors can meet.
func Pairs(site *policy.Site) []Pair {
	name := string(cmp.Or(site.Notice.Theme, policy.ThemeNeutral))
	t := themes[name]
	t.adapt(site)
	var list []Pair
	if site.Notice.Scheme != policy.SchemeDark {
		list = append(list, t.light.pairs(policy.SchemeLight, t.focus)...)
	}
	if site.Notice.Scheme != policy.SchemeLight {
		list = append(list, t.dark.pairs(policy.SchemeDark, t.focus)...)
	}
	return list
}

func (p *palette) pairs(scheme policy.ColorScheme, focus string) []Pair {
	paper, ink, accent := Color{"paper", p.paper}, Color{"ink", p.ink}, Color{"accent", p.accent}
	list := []Pair{
		{scheme, ink, paper, forText},
		{scheme, accent, paper, forText}, // links, and the text of buttons that are not filled
		{scheme, Color{"on_accent", p.on}, accent, forText},
		{scheme, Color{"line", p.line}, paper, forControls},
	}
	if focus != "" { // else ink
		list = append(list, Pair{scheme, Color{"", focus}, paper, forControls})
	}
	return list
}

// How many times text, and edges or what shows the focus, are to be as light or dark
// as what is behind them.
const (
	forText     = 4.5
	forControls = 3
)

// Ratio is how many times one color is as light as the other, from 1 to 21, as WCAG
// defines it.
func (p Pair) Ratio() float64 {
	a, b := lightness(p.Front.Value)+.05, lightness(p.Behind.Value)+.05
	return max(a, b) / min(a, b)
}

// Enough reports whether they can be told apart.
func (p Pair) Enough() bool { return p.Ratio() >= p.Least }

// Mended returns a color in the place of the one in front, of the same hue where one
// does: darker or lighter, whichever is nearer.
func (p Pair) Mended() string {
	r, g, b := channels(p.Front.Value)
	for step := 1.; step <= 100; step++ {
		for _, end := range []float64{0, 255} {
			mix := func(c float64) int { return int(math.Round(c + (end-c)*step/100)) }
			mended := p
			mended.Front.Value = fmt.Sprintf("#%02x%02x%02x", mix(r), mix(g), mix(b))
			if mended.Enough() {
				return mended.Front.Value
			}
		}
	}
	return "#000000" // not reached: black or white does for any color
}

// channels are those of "#rgb" and "#rrggbb", from 0 to 255.
func channels(hex string) (r, g, b float64) {
	if len(hex) == len("#rgb") {
		hex = string([]byte{'#', hex[1], hex[1], hex[2], hex[2], hex[3], hex[3]})
	}
	n, _ := strconv.ParseUint(hex[1:], 16, 32) //nolint:errcheck // the manifest has colors only
	return float64(n >> 16), float64(n >> 8 & 255), float64(n & 255)
}

// lightness is the relative luminance of a color in sRGB.
func lightness(hex string) float64 {
	linear := func(c float64) float64 {
		if c /= 255; c <= .04045 {
			return c / 12.92
		}
		return math.Pow((c+.055)/1.055, 2.4)
	}
	r, g, b := channels(hex)
	return .2126*linear(r) + .7152*linear(g) + .0722*linear(b)
}
