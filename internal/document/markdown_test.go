package document

import (
	"strings"
	"testing"

	"github.com/temoin/temoin/internal/wording"
)

func TestMarkdownHoldsTextAndNothingElse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain":              "plain",
		"*bold* _it_ `code`": "\\*bold\\* \\_it\\_ \\`code\\`",
		"[x](https://x.y)":   `\[x\](https:\/\/x.y)`,
		"<b>&amp;":           `\<b\>\&amp;`,
		"a | b":              `a \| b`,
		"# heading":          `\# heading`,
		"1. list":            `1\. list`,
		"2) list":            `2\) list`,
		"1.0":                "1.0",
		"- item":             `\- item`,
		"+ item":             `\+ item`,
		"www.example.com":    `www\.example.com`,
		"![i](j)":            `\!\[i\](j)`,
		"a@b.example":        `a\@b.example`,
		"~~gone~~":           `\~\~gone\~\~`,
		`back\slash`:         `back\\slash`,
		"two\nlines":         "two lines",
	} {
		if got := markdownLine(wording.Line{{Text: text}}); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestMarkdownKeepsKeysAndLinksInTheirPlace(t *testing.T) {
	t.Parallel()
	for want, span := range map[string]wording.Span{
		"`_ga_*`":                 {Kind: wording.Key, Text: "_ga_*"},
		"``` a``b ```":            {Kind: wording.Key, Text: "a``b"},
		"`` a`b ``":               {Kind: wording.Key, Text: "a`b"},
		"`a\\|b`":                 {Kind: wording.Key, Text: "a|b"},
		"[here](<https://x.y/>)":  {Kind: wording.Link, Text: "here", Value: "https://x.y/"},
		"[\\]](<https://x/%3E)>)": {Kind: wording.Link, Text: "]", Value: "https://x/>)"},
	} {
		if got := markdownLine(wording.Line{span}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestMarkdownOfAPageHasItsTables(t *testing.T) {
	t.Parallel()
	text := string(build(t, site(t, "cexro", false), "fr").Markdown())
	for _, want := range []string{
		"# Politique des cookies\n", "\n## Vos droits\n", "\n### Hotjar\n",
		"| `_ga` | Attribue au navigateur un numéro aléatoire",
		"[dpo@cexro.com](<mailto:dpo@cexro.com>)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "|") && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") < 3 {
			t.Errorf("a torn row: %s", line)
		}
	}
}
