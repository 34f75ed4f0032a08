package markup

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/temoin/temoin/internal/browsertest"
)

// inBrowser parses pages as Chromium does, with scripting and without, and returns those
// in which something held is active.
const inBrowser = `(pages => {
	const held = address => {
		try { return /(^|\.)(ads|video)\.example\.?$/.test(new URL(address, "https://www.example.com/page/").hostname) } catch { return false }
	}
	const inCSS = css => [...(css ?? "").matchAll(/url\(\s*["']?([^"')\s]*)|@import\s*(?:"([^"\n]*)"|'([^'\n]*)')/gi)].some(m => held(m[1] ?? m[2] ?? m[3]))
	const addresses = { src: "IFRAME FRAME IMG EMBED INPUT SCRIPT VIDEO AUDIO SOURCE TRACK", poster: "VIDEO", data: "OBJECT", background: "BODY TABLE TD", href: "LINK image use feImage script" }
	const runs = el => /^(|module|text\/javascript|text\/css)$/i.test(el.getAttribute("type") ?? "")
	const active = el => {
		for (const [name, elements] of Object.entries(addresses)) {
			if (!elements.split(" ").includes(el.nodeName)) continue
			if (/^(script|style)$/i.test(el.nodeName) && !runs(el)) continue
			if (el.nodeName == "LINK" && !/stylesheet|icon|pre/i.test(el.rel)) continue
			for (const value of [el.getAttribute(name), name == "href" && el.getAttribute("xlink:href")]) if (value && held(value)) return el.nodeName + " " + name
		}
		if (inCSS(el.getAttribute("style"))) return el.nodeName + " style"
		if (/^style$/i.test(el.nodeName) && runs(el) && inCSS([...el.childNodes].filter(n => n.data).map(n => n.data).join(""))) return "style sheet"
		if (el.nodeName == "SCRIPT" && runs(el) && !el.hasAttribute("src") && el.text.includes("adsSnippet")) return "script"
		if (/^(IMG|SOURCE)$/.test(el.nodeName) && [...(el.getAttribute("srcset") ?? "").matchAll(/(?:^|\s\S*,)\s*([^\s,]\S*)/g)].some(m => held(m[1]))) return "srcset"
	}
	const find = root => {
		for (const el of root.querySelectorAll("*")) {
			const found = active(el) ?? (el.content instanceof DocumentFragment ? find(el.content) : undefined)
			if (found) return found
		}
	}
	const bad = []
	const frame = document.body.appendChild(document.createElement("iframe"))
	for (const page of pages) {
		const off = find(new DOMParser().parseFromString(page, "text/html"))
		const inside = frame.contentDocument
		inside.open(); inside.write(page); inside.close()
		const on = find(inside)
		if (off || on) bad.push([page, off ?? "", on ?? ""].join(" | "))
	}
	frame.remove()
	return bad
})`

func TestNothingHeldIsActiveInABrowser(t *testing.T) {
	t.Parallel()
	tab := browsertest.Open(t)
	judge := func(pages []string) []string {
		list, err := json.Marshal(pages)
		if err != nil {
			t.Fatal(err)
		}
		return browsertest.Evaluate[[]string](tab, inBrowser+"("+string(list)+")")
	}
	if bad := judge([]string{`<noscript><img src=//ads.example/></noscript>`, `<noscript><!--</noscript><img src=//ads.example/>`, `<svg><style>a{b:url(//ads.example)}`, `<p>`}); len(bad) != 3 {
		t.Fatalf("the browser finds %q", bad)
	}
	var pages []string
	for _, e := range examples {
		pages = append(pages, e.want)
	}
	random := rand.New(rand.NewPCG(seed(), 9))
	n := 300
	if os.Getenv("TEMOIN_TORTURE") != "" {
		n = 1500
	}
	for range n {
		pages = append(pages, inert(t, generate(random)))
	}
	for len(pages) > 0 {
		n := min(50, len(pages))
		for _, bad := range judge(pages[:n]) {
			t.Errorf("active: %s", bad)
		}
		pages = pages[n:]
	}
}
