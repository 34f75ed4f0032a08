package markup

import "testing"

func TestSmoke(t *testing.T) {
	for _, in := range []string{
		`<p>hello <b class="x">w</b></p>`,
		`<script async src="https://www.ads.example/gtag/js?id=G-X"></script>`,
		`<script type=module src='//ads.example/x.js'></script><img src=https://ads.example/x.gif alt=""><iframe width=1 src="https://video.example/embed/x?a=1&amp;b=2" height=2></iframe>`,
		`<link rel="stylesheet" href="https://ads.example/x.css"><style>@import url(https://ads.example/y.css);</style>`,
		`<script>adsSnippet()</script><noscript><img src="https://ads.example/px"></noscript>`,
		`<script type="text/plain" data-temoin="ads" src=x.js data-type=module></script>`,
		`<script type="text/plain" data-temoin="allowed" src=x.js data-type=module></script>`,
		`<iframe data-temoin=video data-src="https://video.example/x"></iframe>`,
		`<iframe data-temoin=allowed data-src="https://free.example/x"></iframe>`,
		`<a href=https://ads.example/ ping="https://ads.example/ /own">x</a>`,
		`<svg><image xlink:href="//ads.example/x"/><style>a{b:url(//ads.example/)}</style></svg>`,
		`<iframe srcdoc="&lt;img src='//ads.example/x'&gt;"></iframe>`,
	} {
		t.Log(inert(t, in))
	}
	r := &testRules{head: "[HEAD]", body: "[BODY]"}
	t.Log(rewrite(t, "<!doctype html><html lang=fr><head><title>x</title></head><body class=x><p>a", 0, Options{}, r), r.lang)
}
