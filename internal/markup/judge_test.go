package markup

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// The judge knows nothing of the rewriter: it parses a page with another parser, and looks for
// what is active there. It is simple and strict, and says which host it has found where.

var (
	toHeld   = regexp.MustCompile(`(?i)^[\x00-\x20]*(?:(?:https?|wss?|ftp):[/\\]*|[/\\]{2,})(?:[^/\\?#]*@)?(?:[^/\\?#:]*\.)?(?:ads|video)\.example\.?(?::\d*)?(?:[/\\?#]|$)`)
	inCSS    = regexp.MustCompile(`(?i)(?:url\(\s*["']?\s*([^"')\s]*)|(?:@import|image-set\()\s*(?:"([^"]*)|'([^']*)))`)
	afterURL = regexp.MustCompile(`(?i)^\s*[\d.]+\s*[;,]?\s*(?:url\s*=\s*)?["']?(.*)$`)
)

func isHeldAddress(v string) bool {
	return toHeld.MatchString(strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(v))
}

func heldInCSS(css string) bool {
	for _, found := range inCSS.FindAllStringSubmatch(css, -1) {
		address := found[1] + found[2] + found[3]
		if !strings.Contains(address, `\`) && isHeldAddress(address) { // escapes are not the judge's
			return true
		}
	}
	return false
}

// activeAttributes are checked on the elements named; "*" stands for all.
var activeAttributes = map[string]string{
	"src": "iframe frame img embed input script video audio source track bgsound", "srcset": "img source", "poster": "video",
	"data": "object", "ping": "a area", "background": "*", "style": "*", "imagesrcset": "link", "href": "link script image use feImage",
}

// active returns what is active and held in a page, as a browser with or without
// scripting reads it.
func active(page string, scripting bool) []string {
	root, err := html.ParseWithOptions(strings.NewReader(page), html.ParseOptionEnableScripting(scripting))
	if err != nil {
		return nil // deeper than the parser goes
	}
	var all []string
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		for _, a := range n.Attr {
			if where := activeAttributes[a.Key]; (where == "*" || slices.Contains(strings.Fields(where), n.Data)) && isActive(n, a) {
				all = append(all, "<"+n.Data+" "+a.Key+"="+a.Val+">")
			}
		}
		if n.Data == "style" && runsAs(n, "", "text/css") && heldInCSS(textOf(n)) {
			all = append(all, "style: "+textOf(n))
		}
		if n.Data == "script" && runsAs(n, "", "text/javascript", "module") && !hasAttribute(n, "src") && strings.Contains(textOf(n), "adsSnippet") {
			all = append(all, "script: "+textOf(n))
		}
		if n.Data == "meta" && strings.EqualFold(get(n, "http-equiv"), "refresh") {
			if found := afterURL.FindStringSubmatch(get(n, "content")); found != nil && isHeldAddress(found[1]) {
				all = append(all, "refresh: "+get(n, "content"))
			}
		}
		if n.Data == "iframe" && hasAttribute(n, "srcdoc") {
			for _, inside := range active(get(n, "srcdoc"), scripting) {
				all = append(all, "srcdoc: "+inside)
			}
		}
	}
	return all
}

func isActive(n *html.Node, a html.Attribute) bool {
	switch {
	case n.Data == "link" && !strings.Contains(" stylesheet preload prefetch icon preconnect ", " "+strings.ToLower(strings.TrimSpace(get(n, "rel")))+" "),
		n.Data == "script" && !runsAs(n, "", "text/javascript", "module"),
		a.Key == "href" && n.Namespace != "svg" && n.Data != "link":
		return false
	case a.Key == "style":
		return heldInCSS(a.Val)
	case a.Key == "ping":
		return slices.ContainsFunc(strings.Fields(a.Val), isHeldAddress)
	case strings.HasSuffix(a.Key, "srcset"):
		return slices.ContainsFunc(candidatesIn(a.Val), isHeldAddress)
	}
	return isHeldAddress(a.Val)
}

// candidatesIn returns the addresses of a srcset: what stands first, or behind a comma that
// ends a description.
func candidatesIn(srcset string) (all []string) {
	begins := true
	for _, field := range strings.FieldsFunc(srcset, func(r rune) bool { return strings.ContainsRune("\t\n\f\r ", r) }) {
		if !begins {
			_, rest, found := strings.Cut(field, ",")
			if field = rest; !found || rest == "" {
				begins = found
				continue
			}
		}
		all = append(all, strings.Trim(field, ","))
		begins = strings.HasSuffix(field, ",")
	}
	return all
}

func runsAs(n *html.Node, types ...string) bool {
	return slices.Contains(types, strings.ToLower(strings.TrimSpace(get(n, "type"))))
}

func get(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func hasAttribute(n *html.Node, key string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for c := range n.ChildNodes() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

func judgePage(t testing.TB, in, out string) {
	t.Helper()
	for _, scripting := range []bool{true, false} {
		if found := active(out, scripting); len(found) > 0 {
			t.Errorf("active, scripting %v: %q\n in %q\nout %q", scripting, found, in, out)
		}
	}
}

func TestTheJudgeFindsWhatIsActive(t *testing.T) {
	for _, in := range []string{
		`<img src=//ads.example/x>`, `<script src="https:\\u@ads.example:80/x"></script>`, `<style>@import "//ads.example"</style>`,
		`<svg><style>p{a:url(//ads.example/)}</style>`, `<noscript><img src=//ads.example/></noscript>`, `<template><img src=//ads.example/></template>`,
		`<p style="a:url(//ads.example/)">`, `<svg><image href=//ads.example/>`, `<svg><image xlink:href=//ads.example/>`, `<iframe srcdoc="&lt;img src=//ads.example/>">`,
		`<link rel=icon href=//ads.example/>`, `<img srcset="/a 1x, //ads.example/ 2x">`, `<meta http-equiv=refresh content="0;url=//ads.example/">`,
		`<script>adsSnippet()</script>`,
	} {
		if len(active(in, false)) == 0 {
			t.Errorf("nothing active found in %s", in)
		}
	}
}
