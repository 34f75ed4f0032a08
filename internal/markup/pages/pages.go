// Package pages makes pages to measure and test the rewriting of HTML with: of several kinds
// that the web has, and the same at each run. Nothing imports it but tests and measurements.
//
// Each page names the hosts that a site names: its own, those of a CDN, and some that
// Held holds where a page is asked for with them.
package pages

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A Page is one of a kind.
type Page struct {
	Name string
	HTML []byte
}

// All returns a page of each kind, of 60 to 150 kB. held says whether they name third parties
// that are held.
func All(held bool) []Page {
	kinds := []struct {
		name string
		make func(*writer)
	}{
		{"article", article}, {"shop", shop}, {"next", next}, {"minified", minified}, {"tables", tables}, {"icons", icons}, {"scripts", scripts},
	}
	all := make([]Page, 0, len(kinds))
	for i, k := range kinds {
		w := &writer{random: rand.New(rand.NewPCG(uint64(i), 7)), held: held}
		w.head(k.name)
		k.make(w)
		w.foot()
		all = append(all, Page{k.name, []byte(w.String())})
	}
	return all
}

// Held reports whether a host is one of the third parties that pages name if they are asked to.
func Held(host string) bool {
	return strings.HasSuffix(host, ".analytics.test") || host == "video.test"
}

type writer struct {
	strings.Builder
	random *rand.Rand
	held   bool
}

func (w *writer) line(format string, args ...any) {
	fmt.Fprintf(w, format, args...)
	w.WriteByte('\n')
}

const vocabulary = "la notice du site explique chaque témoin que vous pouvez accepter ou refuser; elle ne demande rien avant et se souvient ensuite — readers of this page find words of two languages, an ampersand &amp; a dash, as most pages have them"

func (w *writer) words(n int) string {
	all := strings.Fields(vocabulary)
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(all[w.random.IntN(len(all))])
	}
	return b.String()
}

// sentences is code or a style sheet of a size: lines of the kind given.
func (w *writer) sentences(size int, kind string) {
	for begin := w.Len(); w.Len()-begin < size; {
		w.line(kind, w.random.IntN(1000), w.random.IntN(1000))
	}
}

const (
	code  = `if(a%d<b&&c>d){e.push({name:"item",href:"/path/%d",cls:"x y"});for(var i=0;i<e.length;i++){f(e[i])}}`
	rules = `.card-%d>.title{margin:0 auto;padding:%dpx;color:rgba(0,0,0,.6);background:var(--surface);display:flex}`
	data  = `{\"id\":%d,\"title\":\"Some title of a thing\",\"href\":\"/things/%d\",\"tags\":[\"a\",\"b\"],\"html\":\"\u003cp\u003etext\u003c/p\u003e\"},`
)

func (w *writer) head(title string) {
	w.line("<!DOCTYPE html>\n<html lang=\"fr\" class=\"no-js\">\n<head>\n<meta charset=\"utf-8\">\n<title>%s &ndash; example</title>", title)
	w.line(`<meta name="viewport" content="width=device-width, initial-scale=1">`)
	w.line(`<meta property="og:image" content="https://cdn.example.net/og/%s.jpg">`, title)
	w.line(`<link rel="canonical" href="https://www.example.com/%s">`, title)
	w.line(`<link rel="preload" as="font" href="https://cdn.example.net/fonts/a.woff2" crossorigin>`)
	w.line(`<link rel="stylesheet" href="/assets/app.5f1c.css">`)
	if w.held {
		w.line(`<link rel="preconnect" href="https://a.analytics.test"><script async src="https://www.analytics.test/gtag/js?id=G-1"></script>`)
		w.line(`<script>window.dataLayer=window.dataLayer||[];function gtag(){dataLayer.push(arguments)}</script>`)
	}
	w.WriteString("<style>")
	w.sentences(3000, rules)
	w.WriteString("</style>\n<script>")
	w.sentences(1500, code)
	w.line("</script>\n</head>\n<body class=\"page page-%s\">", title)
	w.line(`<header class="site-header"><a class="logo" href="/"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 2L2 7l10 5 10-5-10-5z"/></svg></a><nav><ul>`)
	for i := range 24 {
		w.line(`<li class="menu-item menu-item-%d"><a href="/section/%d/" class="menu-link">%s</a></li>`, i, i, w.words(2))
	}
	w.line(`</ul></nav></header><main id="content">`)
}

func (w *writer) foot() {
	if w.held {
		w.line(`<iframe width="560" height="315" src="https://video.test/embed/abc" title="Film" allowfullscreen></iframe>`)
		w.line(`<noscript><img height="1" width="1" style="display:none" src="https://px.analytics.test/tr?id=1&amp;noscript=1"></noscript>`)
	}
	w.line(`</main><footer class="site-footer"><p>%s</p></footer>`, w.words(30))
	w.line(`<script src="/assets/app.9c2e.js" defer></script></body></html>`)
}

func article(w *writer) {
	for i := range 40 {
		w.line(`<h2 id="h-%d">%s</h2>`, i, w.words(6))
		for range 3 {
			w.line("<p>%s <a href=\"/a/%d\">%s</a>, <em>%s</em>. %s</p>", w.words(40), i, w.words(3), w.words(2), w.words(50))
		}
		w.line(`<figure class="wp-block-image"><img loading="lazy" width="1024" height="683" src="https://cdn.example.net/uploads/%d.jpg" srcset="https://cdn.example.net/uploads/%d-300.jpg 300w, https://cdn.example.net/uploads/%d.jpg 1024w" sizes="(max-width: 1024px) 100vw, 1024px" alt="%s"><figcaption>%s</figcaption></figure>`, i, i, i, w.words(5), w.words(8))
	}
}

func shop(w *writer) {
	for i := range 140 {
		w.line(`<article class="product-card product-card--grid" data-id="%d" data-sku="SKU-%d" itemscope itemtype="https://schema.org/Product">`, i, i)
		w.line(`<a class="product-card__link" href="/products/%d?ref=list&amp;pos=%d"><picture><source type="image/webp" srcset="/img/%d.webp 1x, /img/%d@2x.webp 2x"><img class="product-card__image" src="/img/%d.jpg" alt="%s" width="320" height="320" loading="lazy"></picture></a>`, i, i, i, i, i, w.words(4))
		w.line(`<h3 class="product-card__title">%s</h3><p class="price"><span class="amount">%d,90</span>&nbsp;<span class="currency">&euro;</span></p>`, w.words(5), i)
		w.line(`<form method="post" action="/cart"><input type="hidden" name="id" value="%d"><button type="submit" class="btn btn-primary">%s</button></form></article>`, i, w.words(2))
	}
}

func next(w *writer) {
	w.line(`<div id="__next"><div class="min-h-screen flex flex-col bg-white dark:bg-gray-900">`)
	for i := range 80 {
		w.line(`<section class="mx-auto max-w-7xl px-4 py-12 sm:px-6 lg:px-8"><h2 class="text-2xl font-bold tracking-tight text-gray-900">%s</h2><p class="mt-4 text-gray-500">%s</p><img alt="" loading="lazy" width="640" height="480" decoding="async" data-nimg="1" style="color:transparent" src="/_next/image?url=%%2Fp%%2F%d.jpg&amp;w=1920&amp;q=75"/></section>`, w.words(4), w.words(25), i)
	}
	w.line(`</div></div>`)
	w.WriteString(`<script>(self.__next_f=self.__next_f||[]).push([0])</script>`)
	for range 5 {
		w.WriteString(`<script>self.__next_f.push([1,"`)
		w.sentences(9000, data)
		w.WriteString(`"])</script>`)
	}
	w.WriteString(`<script id="__NEXT_DATA__" type="application/json">{"props":"`)
	w.sentences(24000, data)
	w.WriteString(`"}</script>`)
}

func minified(w *writer) {
	for i := range 260 {
		fmt.Fprintf(w, `<div class=row><div class="col col-6"><h3>%s</h3><p>%s<a href=/x/%d>%s</a></div><div class=col><img src=/i/%d.png alt=""><ul><li>%s<li>%s</ul></div></div>`, w.words(3), w.words(12), i, w.words(1), i, w.words(2), w.words(2))
	}
}

func tables(w *writer) {
	w.line(`<table class="table table-striped"><thead><tr><th scope="col">#</th><th scope="col">Nom</th><th>Date</th><th>Valeur</th></tr></thead><tbody>`)
	for i := range 900 {
		w.line(`<tr><td>%d</td><td><a href="/row/%d">%s</a></td><td class="num">2026-01-%02d</td><td class="num">%d</td></tr>`, i, i, w.words(2), i%28+1, i*37)
	}
	w.line(`</tbody></table>`)
}

func icons(w *writer) {
	for i := range 160 {
		w.line(`<button type="button" class="icon-button" aria-label="%s"><svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"><title>%s</title><g><circle cx="12" cy="12" r="10"/><path d="M8 14s1.5 2 4 2 4-2 4-2M9 9h.01M15 9h.01"/></g><use href="#icon-%d"></use></svg><span>%s</span></button>`, w.words(2), w.words(2), i, w.words(3))
	}
}

func scripts(w *writer) {
	for i := range 30 {
		w.line(`<div class="widget" id="widget-%d" style="min-height:%dpx;background:#fff url(/img/w%d.png) no-repeat"><p>%s</p></div>`, i, i*10, i, w.words(20))
		w.WriteString("<script>")
		w.sentences(2500, code)
		w.line("</script>")
	}
}
