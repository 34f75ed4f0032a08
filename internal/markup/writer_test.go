package markup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/temoin/temoin/internal/markup/pages"
)

// examples are pages and what becomes of them.
var examples = []struct{ in, want string }{
	// scripts
	{`<script async src="https://www.ads.example/gtag/js?id=G-X"></script>`, `<script data-temoin="ads" type="text/plain" data-temoin-type="" async data-temoin-src="https://www.ads.example/gtag/js?id=G-X"></script>`},
	{`<SCRIPT SRC=//ads.example/x.js TYPE=module></SCRIPT>`, `<SCRIPT data-temoin="ads" type="text/plain" data-temoin-SRC=//ads.example/x.js data-temoin-TYPE=module></SCRIPT>`},
	{`<script>adsSnippet()</script>`, `<script data-temoin="ads" type="text/plain" data-temoin-type="">adsSnippet()</script>`},
	{`<script type="text/javascript" id=x>adsSnippet()</script>`, `<script data-temoin="ads" type="text/plain" data-temoin-type="text/javascript" id=x>adsSnippet()</script>`},
	{`<script><!-- <script> </script> adsSnippet() --></script><p>`, `<script data-temoin="ads" type="text/plain" data-temoin-type=""><!-- <script> </script> adsSnippet() --></script><p>`},
	{`<script type=importmap>{"imports":{"x":"https:\/\/ads.example\/x.js"}}</script>`, `<script data-temoin="ads" type="text/plain" data-temoin-type=importmap>{"imports":{"x":"https:\/\/ads.example\/x.js"}}</script>`},
	{`<script type=speculationrules>{"prerender":[{"urls":["\u002f/ads.example/"]}]}</script>`, `<script data-temoin="ads" type="text/plain" data-temoin-type=speculationrules>{"prerender":[{"urls":["\u002f/ads.example/"]}]}</script>`},
	{`<script src=x src=//ads.example/></script>`, `<script src=x src=//ads.example/></script>`},
	{`<script src=//ads.example/ src=x></script>`, `<script data-temoin="ads" type="text/plain" data-temoin-type="" data-temoin-src=//ads.example/ data-temoin-src=x></script>`},
	// frames
	{`<iframe width=1 src="https://video.example/e?a=1&amp;b=2"></iframe>`, `<iframe data-temoin="video" src="/.temoin/placeholder/video?src=https://video.example/e?a=1&amp;b=2" data-temoin-name="" name="temoin-x-1" width=1 data-temoin-src="https://video.example/e?a=1&amp;b=2"></iframe>`},
	{`<iframe src=//video.example/&quot;></iframe>`, `<iframe data-temoin="video" src="/.temoin/placeholder/video?src=https://video.example/&#34;" data-temoin-name="" name="temoin-x-1" data-temoin-src=//video.example/&quot;></iframe>`},
	{`<iframe src=//video.example/ src=/x></iframe>`, `<iframe data-temoin="video" src="/.temoin/placeholder/video?src=https://video.example/" data-temoin-name="" name="temoin-x-1" data-temoin-src=//video.example/ data-temoin-src=/x></iframe>`},
	{`<iframe srcdoc="<script src=//ads.example/></script>"></iframe>`, `<iframe data-temoin="ads" src="/.temoin/placeholder/ads?src=" data-temoin-name="" name="temoin-x-1" data-temoin-srcdoc="<script src=//ads.example/></script>"></iframe>`},
	{`<iframe src=/own srcdoc="<p style='a:url(//ads.example/)'>"></iframe>`, `<iframe data-temoin="ads" src=/own data-temoin-srcdoc="<p style='a:url(//ads.example/)'>"></iframe>`},
	{`<iframe srcdoc="<iframe srcdoc='<img src=&amp;#47;/ads.example/>'>"></iframe>`, `<iframe data-temoin="ads" src="/.temoin/placeholder/ads?src=" data-temoin-name="" name="temoin-x-1" data-temoin-srcdoc="<iframe srcdoc='<img src=&amp;#47;/ads.example/>'>"></iframe>`},
	{`<iframe style="a:url(//ads.example/)" src=/own></iframe>`, `<iframe data-temoin="ads" data-temoin-style="a:url(//ads.example/)" src=/own></iframe>`},
	{`<iframe name=film src=//video.example/></iframe><iframe src=/own></iframe><iframe src=//video.example/ name='a' name=b></iframe>`, `<iframe data-temoin="video" src="/.temoin/placeholder/video?src=https://video.example/" name="temoin-x-1" data-temoin-name=film data-temoin-src=//video.example/></iframe><iframe src=/own></iframe><iframe data-temoin="video" src="/.temoin/placeholder/video?src=https://video.example/" name="temoin-x-2" data-temoin-src=//video.example/ data-temoin-name='a' name=b></iframe>`},
	{`<iframe name=own style="a:url(//ads.example/)"></iframe>`, `<iframe data-temoin="ads" name=own data-temoin-style="a:url(//ads.example/)"></iframe>`},
	// several services: no one of them frees
	{`<video src=//ads.example/ poster=//video.example/></video>`, `<video data-temoin="ads+video" data-temoin-src=//ads.example/ data-temoin-poster=//video.example/></video>`},
	{`<img src=//shared.example/held/x>`, `<img data-temoin="shared other" data-temoin-src=//shared.example/held/x>`},
	{`<img srcset="//shared.example/held/x 1x, //ads.example/ 2x">`, `<img data-temoin="shared+other+ads" data-temoin-srcset="//shared.example/held/x 1x, //ads.example/ 2x">`},
	// only what is held
	{`<img src=/own.png srcset="//ads.example/x 2x" alt=a>`, `<img data-temoin="ads" src=/own.png data-temoin-srcset="//ads.example/x 2x" alt=a>`},
	{`<img/src=//ads.example/x>`, `<img data-temoin="ads"/data-temoin-src=//ads.example/x>`},
	{`<img src = '//ads.example/' / >`, `<img data-temoin="ads" data-temoin-src = '//ads.example/' / >`},
	{`<img a=1"b" src=//ads.example/>`, `<img data-temoin="ads" a=1"b" data-temoin-src=//ads.example/>`},
	{`<img a="b"src=//ads.example/>`, `<img data-temoin="ads" a="b"data-temoin-src=//ads.example/>`},
	{`<img =" src=//ads.example/>`, `<img data-temoin="ads" =" data-temoin-src=//ads.example/>`},
	{`<a ping=//ads.example/ href=//ads.example/>`, `<a data-temoin="ads" data-temoin-ping=//ads.example/ href=//ads.example/>`},
	{`<link rel=preload as=image imagesrcset="//ads.example/x 2x" href=/own>`, `<link data-temoin="ads" rel="text/plain" data-temoin-rel=preload as=image imagesrcset="//ads.example/x 2x" href=/own>`},
	{`<meta http-equiv=Refresh content="3;URL='//ads.example/'">`, `<meta data-temoin="ads" http-equiv=Refresh data-temoin-content="3;URL='//ads.example/'">`},
	// style sheets
	{`<style>@import "//ads.example/x.css";</style>`, `<style data-temoin="ads" type="text/plain" data-temoin-type="">@\69mport "//ads.example/x.css";</style>`},
	{`<style media=all type=text/css>a{b:image-set("//ads.example/x" 1x)}</style>`, `<style data-temoin="ads" type="text/plain" media=all data-temoin-type=text/css>a{b:image-set("//ads.example/x" 1x)}</style>`},
	{`<style>@\69 mport/**/'//ads.example/'</style>`, `<style data-temoin="ads" type="text/plain" data-temoin-type="">@\69 mport/**/'//ads.example/'</style>`},
	{`<style>a{b:u\72 l(/\/ads.ex\61mple/)}</style>`, `<style data-temoin="ads" type="text/plain" data-temoin-type="">a{b:u\72 l(/\/ads.ex\61mple/)}</style>`},
	{`<p style="b:url(&quot;//ads.example/&quot;)">`, `<p data-temoin="ads" data-temoin-style="b:url(&quot;//ads.example/&quot;)">`},
	{`<p style="content:'//ads.example/'">`, `<p style="content:'//ads.example/'">`},
	// everywhere
	{`<template><img src=//ads.example/></template>`, `<template><img data-temoin="ads" data-temoin-src=//ads.example/></template>`},
	{`<noscript><img src=//ads.example/></noscript>`, `<noscript><img data-temoin="ads" data-temoin-src=//ads.example/></noscript>`},
	{`<svg><style>a{b:url(//ads.example/)}</style><image xlink:href=//ads.example/ /></svg>`, `<svg><style data-temoin="ads" type="text/plain" data-temoin-type="">a{b:url(//ads.example/)}</style><image data-temoin="ads" data-temoin-xlink:href=//ads.example/ /></svg>`},
	{`<svg><style>@import "//ads.example/x.css";</style></svg>`, `<svg><style data-temoin="ads" type="text/plain" data-temoin-type="">@\69mport "//ads.example/x.css";</style></svg>`},
	{`<svg><style><![CDATA[@import "//ads.example/x.css";]]></style></svg>`, `<svg><style data-temoin="ads" type="text/plain" data-temoin-type=""><![CDATA[@\69mport "//ads.example/x.css";]]></style></svg>`},
	{`<svg><style>@import "//ads.example/x.css";<p title="@import"></style></svg>`, `<svg><style data-temoin="ads" type="text/plain" data-temoin-type="">@import "//ads.example/x.css";<p title="@import"></style></svg>`},
	{`<svg><style>/*<img src=//ads.example/>*/</style></svg>`, `<svg><style>/*<img data-temoin="ads" data-temoin-src=//ads.example/>*/</style></svg>`},
	{`<svg><style><![CDATA[a{b:url(//ads.example/)}]]></style></svg>`, `<svg><style data-temoin="ads" type="text/plain" data-temoin-type=""><![CDATA[a{b:url(//ads.example/)}]]></style></svg>`},
	{`<svg><title><img src=//ads.example/></title></svg>`, `<svg><title><img data-temoin="ads" data-temoin-src=//ads.example/></title></svg>`},
	{`<svg><![CDATA[><img src=//ads.example/>]]></svg>`, `<svg><![CDATA[><img src=//ads.example/>]]></svg>`},
	{`<p><![CDATA[><img src=//ads.example/>]]>`, `<p><![CDATA[><img data-temoin="ads" data-temoin-src=//ads.example/>]]>`},
	{`<svg><p><style><img src=//ads.example/></style>`, `<svg><p><style><img src=//ads.example/></style>`},
	{`<svg><set attributeName=href to=//ads.example/ /></svg>`, `<svg><set data-temoin="ads" attributeName=href data-temoin-to=//ads.example/ /></svg>`},
	// comments
	{`<!--><img src=//ads.example/>-->`, `<!--><img data-temoin="ads" data-temoin-src=//ads.example/>-->`},
	{`<!---><img src=//ads.example/>-->`, `<!---><img data-temoin="ads" data-temoin-src=//ads.example/>-->`},
	{`<!-- --!><img src=//ads.example/>-->`, `<!-- --!><img data-temoin="ads" data-temoin-src=//ads.example/>-->`},
	{`<!--!><img src=//ads.example/>-->`, `<!--!><img src=//ads.example/>-->`},
	{`<!-- -- > <img src=//ads.example/> --->`, `<!-- -- > <img src=//ads.example/> --->`},
	{`<?x "><img src=//ads.example/>`, `<?x "><img data-temoin="ads" data-temoin-src=//ads.example/>`},
	{`</p title="<img src=//ads.example/>"><b>`, `</p title="<img src=//ads.example/>"><b>`},
	// readings that part
	{`<noscript><!--</noscript><img src=//ads.example/>-->`, `<noscript><!--</noscript><img data-temoin="ads" data-temoin-src=//ads.example/>-->`},
	{`<noscript><p title="</noscript><img src=//ads.example/>">`, `<noscript><p title="</noscript><img data-temoin="ads" data-temoin-src=//ads.example/>">`},
	{`<select><xmp><script src=//ads.example/></script></xmp></select>`, `<select><xmp><script data-temoin-src=//ads.example/></script></xmp></select>`},
	{`<svg></p><style><img src=//ads.example/></style>`, `<svg></p><style><img data-temoin="ads" data-temoin-src=//ads.example/></style>`},
	{`<select><template></select><xmp></template><img src=//ads.example/></xmp>`, `<select><template></select><xmp></template><img data-temoin-src=//ads.example/></xmp>`},
	{`<template><col><style><template><img src=//ads.example/></template></style>`, `<template><col><style><template><img data-temoin-src=//ads.example/></template></style>`},
	{`<frameset><script><frame src=//ads.example/></script>`, `<frameset><script><frame data-temoin-src=//ads.example/></script>`},
	{`<script><!--<<script></script><img src=//ads.example/>--></script>`, `<script><!--<<script></script><img data-temoin-src=//ads.example/>--></script>`},
	{`<p a>b="<img src=//ads.example/>">`, `<p a>b="<img data-temoin="ads" data-temoin-src=//ads.example/>">`},
	{`<svg><desc><style><img src=//ads.example/></style></desc></svg>`, `<svg><desc><style><img src=//ads.example/></style></desc></svg>`},
	{`<svg></p><style><!--</style><img src=//ads.example/>-->`, `<svg></p><style><!--</style><img data-temoin-src=//ads.example/>-->`},
	{`</p a=">"><img src=//ads.example/>`, `</p a=">"><img data-temoin="ads" data-temoin-src=//ads.example/>`},
	{`</p a="<img src=//ads.example/>"><b>`, `</p a="<img src=//ads.example/>"><b>`},
	{`<noscript><!--</noscript><style>@import '//ads.example/'</style><script>adsSnippet()</script>-->`, `<noscript><!--</noscript><style type=text/plain  data-temoin="ads" type="text/plain" data-temoin-type="">@import '//ads.example/'</style><script type=text/plain  data-temoin="ads" type="text/plain" data-temoin-type="">adsSnippet()</script>-->`},
	{`<svg><g><path></g></svg><style><img src=//ads.example/></style>`, `<svg><g><path></g></svg><style><img src=//ads.example/></style>`},
	{`<svg><foreignObject><div><style>a{b:url(//ads.example/)}</style></div></foreignObject></svg><xmp><img src=//ads.example/></xmp>`, `<svg><foreignObject><div><style data-temoin="ads" type="text/plain" data-temoin-type="">a{b:url(//ads.example/)}</style></div></foreignObject></svg><xmp><img src=//ads.example/></xmp>`},
	{`<math><mi><style><img src=//ads.example/></style></mi></math>`, `<math><mi><style><img src=//ads.example/></style></mi></math>`},
	{`<svg><title>x<b></title></svg><xmp><img src=//ads.example/></xmp>`, `<svg><title>x<b></title></svg><xmp><img data-temoin-src=//ads.example/></xmp>`},
	{`</p a='><img src=//ads.example/>'><b>`, `</p a='><img src=//ads.example/>'><b>`},
	{`<svg><style>a{b:url(//ads.example<g>x)}</g></style></svg>`, `<svg><style data-temoin="ads" type="text/plain" data-temoin-type="">a{b:url(//ads.example<g>x)}</g></style></svg>`},
	{`<svg></p><style><!--</style>-->a{b:url(//ads.example/)}</style></svg>`, `<svg></p><style data-temoin="ads" type="text/plain" data-temoin-type=""><!--</style>-->a{b:url(//ads.example/)}</style></svg>`},
	{`<noscript><!--</noscript><img alt=<style/a="x b=" src=//ads.example/ "><p>@import '//ads.example/'</style>`, `<noscript><!--</noscript><img alt=<style/a="x b=" src=//ads.example/ "><p>@import '//ads.example/'</style>`},
	// what the author has put aside
	{`<script type="text/plain" data-temoin="ads" src=x.js></script>`, `<script type="text/plain" data-temoin="ads" data-temoin-src=x.js></script>`},
	{`<script type="text/plain" data-temoin="ads" data-type=module>x()</script>`, `<script type="text/plain" data-temoin="ads" data-temoin-type=module>x()</script>`},
	{`<script data-temoin=ads src=x.js></script>`, `<script type="text/plain" data-temoin-type="" data-temoin=ads data-temoin-src=x.js></script>`},
	{`<script data-temoin=ads>x()</script>`, `<script type="text/plain" data-temoin-type="" data-temoin=ads>x()</script>`},
	{`<iframe data-temoin=video data-src=//video.example/></iframe>`, `<iframe src="/.temoin/placeholder/video?src=https://video.example/" data-temoin-name="" name="temoin-x-1" data-temoin=video data-temoin-src=//video.example/></iframe>`},
	{`<img alt="" data-temoin=ads data-src=a data-srcset="b 2x">`, `<img alt="" data-temoin=ads data-temoin-src=a data-temoin-srcset="b 2x">`},
	{`<link data-temoin=ads rel=stylesheet data-href=a>`, `<link data-temoin=ads rel=stylesheet data-temoin-href=a>`},
	{`<script type="text/plain" data-temoin="allowed x" src=x.js></script>`, `<script  data-temoin-by="allowed x" src=x.js></script>`},
	{`<script type="text/plain" data-temoin=allowed data-type=module>x()</script>`, `<script  data-temoin-by=allowed type=module>x()</script>`},
	{`<iframe data-temoin=allowed data-src=//free.example/></iframe>`, `<iframe data-temoin-by=allowed src=//free.example/></iframe>`},
	{`<img data-temoin=allowed src=dot.gif data-src=a>`, `<img data-temoin-by=allowed  src=a>`},
	{`<script type="text/plain" data-temoin=allowed src=//ads.example/></script>`, `<script data-temoin="ads" type="text/plain" data-temoin=allowed data-temoin-src=//ads.example/></script>`},
	{`<img data-temoin=allowed data-src=//ads.example/>`, `<img data-temoin=allowed data-src=//ads.example/>`},
	{`<iframe data-temoin=allowed src=//free.example/></iframe>`, `<iframe data-temoin=allowed src=//free.example/></iframe>`},
	{`<img data-temoin="" src=//ads.example/>`, `<img data-temoin="ads" data-temoin="" data-temoin-src=//ads.example/>`},
	// base
	{`<base href=//ads.example/a/><img src=x><img src=//free.example/><base href=/>`, `<base href=//ads.example/a/><img data-temoin="ads" data-temoin-src=x><img src=//free.example/><base href=/>`},
	{`<base href=/own/><base href=//ads.example/><img src=x>`, `<base href=/own/><base data-temoin="ads" data-temoin-href=//ads.example/><img src=x>`},
	{`<template><base href=//ads.example/></template><img src=x>`, `<template><base data-temoin="ads" data-temoin-href=//ads.example/></template><img src=x>`},
	{`<base href=https://shared.example/held/x><img src=y><img src=/y><img src=../y>`, `<base href=https://shared.example/held/x><img data-temoin="shared other" data-temoin-src=y><img src=/y><img src=../y>`},
}

func TestPagesBecomeInert(t *testing.T) {
	t.Parallel()
	for _, e := range examples {
		if out := inert(t, e.in); out != e.want {
			t.Errorf("     %s\nis   %s\nwant %s", e.in, out, e.want)
		}
		judgePage(t, e.in, e.want)
	}
}

func TestPiecesDoNotMatter(t *testing.T) {
	t.Parallel()
	o := Options{Mode: Fragment, URL: "https://www.example.com/page/"}
	for _, e := range examples {
		for i := range len(e.in) {
			var out strings.Builder
			w := NewWriter(&out, &testRules{}, o)
			for _, part := range []string{e.in[:i], e.in[i:]} {
				if _, err := w.Write([]byte(part)); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil || out.String() != e.want {
				t.Errorf("split at %d: %s\nis   %s\nwant %s", i, e.in, out.String(), e.want)
				break
			}
		}
	}
	r := rand.New(rand.NewPCG(5, 5))
	for _, p := range pages.All(true) {
		for _, piece := range []int{1 + r.IntN(20), 4096, 32768} {
			if got, want := rewrite(t, string(p.HTML), piece, Options{}, &testRules{head: "H", body: "B"}), rewrite(t, string(p.HTML), 0, Options{}, &testRules{head: "H", body: "B"}); got != want {
				t.Errorf("%s in pieces of %d is another page", p.Name, piece)
			}
		}
	}
}

// A page in which something is held has the elements and texts that it had, seen by another
// parser: only attributes differ, and only those that say so.
func TestNothingElseChanges(t *testing.T) {
	t.Parallel()
	for _, p := range pages.All(true) {
		var out bytes.Buffer
		w := NewWriter(&out, newBenchRules(), Options{Mode: Fragment})
		w.Write(p.HTML) //nolint:errcheck
		w.Close()       //nolint:errcheck
		if n := strings.Count(out.String(), ` data-temoin="`); n != 4 {
			t.Errorf("%s: %d elements are inert, not 4", p.Name, n)
		}
		for _, scripting := range []bool{true, false} {
			if was, is := outline(t, p.HTML, scripting), outline(t, out.Bytes(), scripting); !slices.Equal(was, is) {
				t.Errorf("%s, scripting %v: another tree", p.Name, scripting)
			}
		}
	}
	for _, p := range pages.All(false) {
		if out := rewrite(t, string(p.HTML), 0, Options{Mode: Fragment}, &testRules{}); out != string(p.HTML) {
			t.Errorf("%s is not as it was", p.Name)
		}
	}
}

// outline lists nodes, without the attributes that holding changes.
func outline(t *testing.T, page []byte, scripting bool) (all []string) {
	t.Helper()
	root, err := html.ParseWithOptions(bytes.NewReader(page), html.ParseOptionEnableScripting(scripting))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		line := fmt.Sprint(n.Type, n.Data)
		if n.Type == html.TextNode && n.Parent.Data == "noscript" {
			line = "markup"
		}
		for _, a := range n.Attr {
			if key := strings.TrimPrefix(a.Key, keptPrefix); a.Key != mark && a.Val != inertType && !strings.HasPrefix(a.Val, "/.temoin/") && !strings.HasPrefix(a.Val, "temoin-") && (key != "type" && key != "name" || a.Val != "") {
				line += fmt.Sprintf(" %s=%q", key, a.Val)
			}
		}
		all = append(all, line)
	}
	return all
}

func TestTheNoticeIsInsertedOnceWhereHeadAndBodyBegin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{`<!doctype html><html lang=fr><head><title>x</title></head><body class=a><p>x`, `<!doctype html><html lang=fr><head>HEAD(fr)<title>x</title></head><body class=a>BODY<p>x`},
		{`<HTML LANG="pt-BR"><HEAD></HEAD><BODY>x</BODY>`, `<HTML LANG="pt-BR"><HEAD>HEAD(pt-BR)</HEAD><BODY>BODYx</BODY>`},
		{`<html><body>x`, `<html>HEAD()<body>BODYx`},
		{`<title>x</title><p>y`, `HEAD()<title>x</title>BODY<p>y`},
		{`x`, `HEAD()BODYx`},
		{` <!-- <body> --> x`, ` <!-- <body> --> HEAD()BODYx`},
		{``, `HEAD()BODY`},
		{"\xef\xbb\xbf<!doctype html>\xef\xbb\xbf<p>", "\xef\xbb\xbf<!doctype html>HEAD()BODY\xef\xbb\xbf<p>"},
		{"\xef\xbb", "HEAD()BODY\xef\xbb"},
		{`<!doctype html><html lang=ar>`, `<!doctype html><html lang=ar>HEAD(ar)BODY`},
		{`<head></head>`, `<head>HEAD()</head>BODY`},
		{`<head><base href=/x/><title>x</title></head>`, `<head>HEAD()<base href=/x/><title>x</title></head>BODY`},
		{`<head><base href=https://www.example.com/><base href=/x/></head>`, `<head>HEAD()<base href=https://www.example.com/><base href=/x/></head>BODY based`},
		{`<head><noscript><base href=//a.example/></noscript><base href=//b.example/></head>`, `<head>HEAD()<noscript><base href=//a.example/></noscript><base href=//b.example/></head>BODY based`},
		{`<base href="\\cdn.example"><p>`, `HEAD()<base href="\\cdn.example">BODY based<p>`},
		{`<head><title><body></title></head> <p>`, `<head>HEAD()<title><body></title></head> BODY<p>`},
		{`<head><template><p>x</template><noscript><img></noscript><script>"<body>"</script></head><body>`, `<head>HEAD()<template><p>x</template><noscript><img></noscript><script>"<body>"</script></head><body>BODY`},
		{`<head><meta charset=utf-8></head></body>x`, `<head>HEAD()<meta charset=utf-8></head>BODY</body>x`},
		{`<head></head><head><body><body>`, `<head>HEAD()</head><head><body>BODY<body>`},
		{`<svg><title>x</title></svg><body>`, `HEAD()BODY<svg><title>x</title></svg><body>`},
		{`<html><head></head><frameset><frame src=x></frameset>`, `<html><head>HEAD()</head><frameset><frame src=x></frameset>`},
		{`</br>x`, `HEAD()BODY</br>x`},
		{`<head></p><title>x</title>`, `<head>HEAD()</p><title>x</title>BODY`},
		{`<title>never ends`, `HEAD()<title>never ends`},
		{`<!-- never ends`, `<!-- never ends`},
		{`<html lang=fr data-page="` + strings.Repeat("x", 20000) + `"><body>`, `<html lang=fr data-page="` + strings.Repeat("x", 20000) + `">HEAD()<body>BODY`},
		{`<head><body data-page="` + strings.Repeat("x", 20000) + `">x`, `<head>HEAD()<body data-page="` + strings.Repeat("x", 20000) + `">BODYx`},
		{`<head><body data-page="` + strings.Repeat("x", 10000) + `">x`, `<head>HEAD()<body data-page="` + strings.Repeat("x", 10000) + `">BODYx`},
	} {
		for _, piece := range []int{0, 1, 3} {
			r := &insertRules{}
			if got := rewriteAs(t, c.in, piece, r); got != c.want {
				t.Errorf("pieces of %d: %.100s\nis   %.200s\nwant %.200s", piece, c.in, got, c.want)
			}
		}
	}
}

// insertRules say in the head which language they were asked for.
type insertRules struct{ testRules }

func (r *insertRules) Insert(lang string) (head, body []byte) {
	return []byte("HEAD(" + lang + ")"), []byte("BODY")
}

func (r *insertRules) Based(body []byte) []byte { return append(bytes.Clone(body), " based"...) }

func rewriteAs(t *testing.T, in string, piece int, rules Rules) string {
	var out strings.Builder
	rewriteWith(t, NewWriter(&out, rules, Options{}), in, piece)
	return out.String()
}

func TestObservingTellsOfAllAndChangesNothing(t *testing.T) {
	t.Parallel()
	for _, e := range examples {
		held, told := &testRules{}, &testRules{}
		rewrite(t, e.in, 0, Options{Mode: Fragment, URL: "https://www.example.com/page/"}, held)
		if out := rewrite(t, e.in, 0, Options{Mode: Observe, URL: "https://www.example.com/page/"}, told); out != e.in {
			t.Errorf("%s\nis %s", e.in, out)
		}
		for _, h := range held.held {
			if !slices.Contains(told.held, h) {
				t.Errorf("%s: not told of %q", e.in, h)
			}
		}
	}
}

func TestAWriterIsUsedAgainAndAllocatesNothing(t *testing.T) {
	w, rules := &Writer{}, newBenchRules()
	for _, held := range []bool{false, true} {
		for _, p := range pages.All(held) {
			run := func() {
				w.Reset(io.Discard, rules, Options{URL: "https://www.example.com/a/"})
				w.Write(p.HTML) //nolint:errcheck
				w.Close()       //nolint:errcheck
			}
			run()
			n := testing.AllocsPerRun(10, run)
			for range 3 { // the runtime allocates too, now and then
				n = min(n, testing.AllocsPerRun(10, run))
			}
			if n > 2 {
				t.Errorf("%s, held %v: %.0f allocations", p.Name, held, n)
			}
		}
	}
}

func TestXHTMLStaysXML(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`<image xlink:href="//ads.example/"/>`:                        `<image data-temoin="ads" data-temoin-href="//ads.example/"/>`,
		`<image xlink:href="//ads.example/" href="//ads.example/"/>`:  `<image data-temoin="ads" data-temoin-other="//ads.example/" data-temoin-href="//ads.example/"/>`,
		`<script src="//free.example/"/><img src="//ads.example/"/>`:  `<script src="//free.example/"/><img data-temoin="ads" data-temoin-src="//ads.example/"/>`,
		`<iframe src="//video.example/"/><img src="//ads.example/"/>`: `<iframe data-temoin="video" src="/.temoin/placeholder/video?src=https://video.example/" data-temoin-name="" name="temoin-x-1" data-temoin-src="//video.example/"/><img data-temoin="ads" data-temoin-src="//ads.example/"/>`,
		`<style/><title/><textarea/><img src="//ads.example/"/>`:      `<style/><title/><textarea/><img data-temoin="ads" data-temoin-src="//ads.example/"/>`,
		`<style>@import "//ads.example/";</style>`:                    `<style data-temoin="ads" type="text/plain" data-temoin-type="">@\69mport "//ads.example/";</style>`,
	} {
		o := Options{Mode: Fragment, URL: "https://www.example.com/page/", XML: true}
		for _, piece := range []int{0, 1} {
			if got := rewrite(t, in, piece, o, &testRules{}); got != want {
				t.Errorf("%s\nis   %s\nwant %s", in, got, want)
			}
		}
	}
}

func TestOwnAddressesAreLookedAtWhereTheyMayBeHeld(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`<img src=/stats/x>`:                         `<img data-temoin="stats" data-temoin-src=/stats/x>`,
		`<img src=../stats/x>`:                       `<img data-temoin="stats" data-temoin-src=../stats/x>`,
		`<img src=/a/%2e%2E/stats/./x>`:              `<img data-temoin="stats" data-temoin-src=/a/%2e%2E/stats/./x>`,
		`<img src=\stats\x>`:                         `<img data-temoin="stats" data-temoin-src=\stats\x>`,
		`<img src=stats/x>`:                          `<img src=stats/x>`,
		`<img src=/other/x>`:                         `<img src=/other/x>`,
		`<img src=https:/stats/x>`:                   `<img data-temoin="stats" data-temoin-src=https:/stats/x>`,
		`<base href=/stats/><img src=x>`:             `<base href=/stats/><img data-temoin="stats" data-temoin-src=x>`,
		`<iframe src=../stats/x?q#f></iframe>`:       `<iframe data-temoin="stats" src="/.temoin/placeholder/stats?src=https://www.example.com/stats/x?q#f" data-temoin-name="" name="temoin-x-1" data-temoin-src=../stats/x?q#f></iframe>`,
		`<img src="https://www.example.com/stats/">`: `<img data-temoin="stats" data-temoin-src="https://www.example.com/stats/">`,
	} {
		if out := rewrite(t, in, 0, Options{Mode: Fragment, URL: "https://www.example.com/page/", Own: true}, &testRules{}); out != want {
			t.Errorf("%s\nis   %s\nwant %s", in, out, want)
		}
	}
	if in := `<img src=/stats/x>`; inert(t, in) != in {
		t.Error("looked at, though nothing of its own is held")
	}
}

// failing fails after so many bytes.
type failing struct{ left int }

var errFull = errors.New("full")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func (f *failing) Flush() {}

func TestWhatCannotBeWrittenIsSaidAtOnceAndAtTheEnd(t *testing.T) {
	t.Parallel()
	w := NewWriter(&failing{left: 5}, &testRules{}, Options{Mode: Fragment})
	if err := w.Flush(); err != nil {
		t.Error(err)
	}
	if _, err := w.Write([]byte("<p>hello</p>")); !errors.Is(err, errFull) {
		t.Error(err)
	}
	if err := w.Flush(); !errors.Is(err, errFull) {
		t.Error(err)
	}
	if err := w.Close(); !errors.Is(err, errFull) {
		t.Error(err)
	}
}

func TestTheFirstBytesAreNotDelayed(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	w := NewWriter(&out, &testRules{}, Options{Mode: Fragment})
	for _, c := range []struct{ in, out string }{
		{"<p>text", "<p>text"}, {"<img sr", ""}, {"c=/x>", "<img src=/x>"}, {"<!-- a long comment", "<!-- a l"}, {" --><title>x", "ong comment --><title>"}, {"yz                 </title>", "xyz                 </title>"},
	} {
		out.Reset()
		io.WriteString(w, c.in) //nolint:errcheck
		if out.String() != c.out {
			t.Errorf("after %q: %q, not %q", c.in, out.String(), c.out)
		}
	}
}

func TestBeginsDocument(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][2]bool{
		"<!DOCTYPE html>": {true, true}, "\xef\xbb\xbf \n<!-- x --><!doctype": {true, true}, "<html>": {true, true}, "<HTML lang=fr>": {true, true},
		"<?xml version='1.0'?>\n<html ": {true, true}, "<p>": {false, true}, "text": {false, true}, "<htmlx>": {false, true}, "{}": {false, true},
		"": {false, false}, " <": {false, false}, "<!do": {false, false}, "<html": {false, false}, "<!-- <html>": {false, false}, "<!--><html>": {true, true}, "<!-- --!><p>": {false, true}, "<?x": {false, false},
	} {
		if yes, known := BeginsDocument([]byte(in)); yes != want[0] || known != want[1] {
			t.Errorf("%q: %v, known %v", in, yes, known)
		}
	}
}
