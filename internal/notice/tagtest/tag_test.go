package tagtest

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/browsertest"
)

// strict is what a careful site sends: no inline script and no inline style.
const strict = "default-src 'none'; script-src $HUB http://*.analytics.localhost:$PORT; connect-src $HUB; frame-src $HUB; base-uri 'none'"

// held is what an author has put aside.
const held = `
<script type="text/plain" data-temoin="counter" src="http://a.analytics.localhost:$PORT/slow.js"></script>
<script type="text/plain" data-temoin="counter">(window.log ??= []).push("inline")</script>
<template data-temoin="counter"><script src="http://b.analytics.localhost:$PORT/template.js"></script><p id="inside">Inside</p></template>
<script type="text/plain" data-temoin="second" src="http://second.localhost:$PORT/second.js"></script>
<script type="text/plain" data-temoin="counter" data-type="module" src="http://a.analytics.localhost:$PORT/module.js" crossorigin></script>
<iframe id="film" title="Film" data-temoin="video" data-src="http://video.localhost:$PORT/film"></iframe>`

func TestTheTagShowsWhatTheGateShowsByOneRequest(t *testing.T) {
	w := (&world{Body: held, Query: "?lang=fr"}).start(t)
	v := w.open("/")
	v.until("shown(part('notice'))")
	_, n, err := w.node.Shown("shop")
	if err != nil {
		t.Fatal(err)
	}
	d := consent.Decide(mustSite(t, w), nil, consent.Signals{}, now())
	body := string(n.In("fr").Body(&d))
	_, root, _ := strings.Cut(body, `<template shadowrootmode="open">`)
	root, _, _ = strings.Cut(root, "</template>")
	_, root, _ = strings.Cut(root, "</style>")
	v.is("the shadow root", `[...new DOMParser().parseFromString(`+quote(root)+`, 'text/html').body.childNodes].map(e => e.outerHTML).join('') ==
		root.innerHTML.replaceAll('$HUB/.temoin/', '/.temoin/').replace(/ data-done=""/, '')`, "true")
	v.is("the host", "[host.id, host.lang, host.dir, host == document.body.firstElementChild, getComputedStyle(host).position]", `["temoin","fr","ltr",true,"fixed"]`)
	v.is("where its links lead", "[part('links').querySelector('a').href.startsWith('$HUB/.temoin/?lang=fr')]", "[true]")
	if got := w.strangers(); len(got) != 0 {
		t.Errorf("somebody was asked for %q", got)
	}
	w.wait("consent.shop.localhost/.temoin/placeholder/video")
	if got := w.requests(); len(got) != 2 || got[0] != "consent.shop.localhost/.temoin/placeholder/video" || got[1] != "consent.shop.localhost/.temoin/temoin.js" {
		t.Errorf("the hub was asked for %q", got)
	}
	v.is("nothing holds", "[temoin.choice, temoin.allows('counter'), temoin.allows('needed')]", `["",false,true]`)
	v.quiet()
}

func TestAYesIsKeptForTheDomainAndReleasesInOrder(t *testing.T) {
	w := (&world{Body: held}).start(t)
	v := w.open("/")
	v.press("accept")
	v.until("window.log?.length == 5 && document.querySelector('#inside')")
	const order = `["slow.js","inline","template.js","second.js","module.js"]`
	v.is("the order", "log", order)
	v.until("document.querySelector('#film').src == 'http://video.localhost:$PORT/film'")
	v.is("the cookie", "/^choice=1&/.test(document.cookie)", "true")
	v.do(`const s = document.createElement('script'); s.src = 'http://a.analytics.localhost:$PORT/inserted.js'; document.head.append(s)`)
	v.until("log.includes('inserted.js')")
	v.do(`document.body.insertAdjacentHTML('beforeend', '<template data-temoin="counter"><p id="late">Late</p></template>')`)
	v.until("document.querySelector('#late')")

	// On the next page nothing is asked, and it all runs by itself.
	v.Do(chromedp.Navigate(w.site("/other")))
	v.until("window.log?.length == 5 && root")
	v.is("the order on the next page", "log", order)
	v.is("the notice", "[shown(part('notice')), shown(part('open'))]", "[false,true]")
	v.quiet()
}

func TestARefusalHoldsWhatTheAuthorAndScriptsBring(t *testing.T) {
	w := (&world{Body: held}).start(t)
	v := w.open("/")
	v.press("refuse")
	v.do(`const s = document.createElement('script'); s.src = 'http://a.analytics.localhost:$PORT/inserted.js'; document.head.append(s)
		const div = document.createElement('div'); document.body.append(div)
		div.innerHTML = '<img alt="" src="http://ads.localhost:$PORT/pixel.gif"><iframe title="Another" id="later" data-temoin="video" data-src="http://video.localhost:$PORT/later"></iframe>'`)
	v.until("document.querySelector('#later').outerHTML.includes('src=\"$HUB/.temoin/placeholder/video?lang=en&amp;page=')")
	v.Do(chromedp.Navigate(w.site("/other")))
	v.until("root && part('open')")
	v.is("the answers", "temoin.choice", `"analytics=0&counter=0&second=0&media=0&video=0&ads=0&banner=0"`)
	if got := w.strangers(); len(got) != 0 {
		t.Errorf("somebody was asked for %q", got)
	}
}

func TestAStrictPolicyOfThePageStopsNothing(t *testing.T) {
	const typed = "; require-trusted-types-for 'script'"
	for name, types := range map[string]string{"nothing inline": "", "no HTML from strings but by a policy": typed, "by none": typed + "; trusted-types 'none'", "by ours": typed + "; trusted-types temoin"} {
		t.Run(name, func(t *testing.T) {
			w := (&world{CSP: strict + types, Body: `<script type="text/plain" data-temoin="counter" src="http://a.analytics.localhost:$PORT/one.js"></script>`}).start(t)
			v := w.open("/")
			v.until("shown(part('notice'))")
			v.is("its style", "getComputedStyle(part('accept')).backgroundColor != getComputedStyle(part('close')).backgroundColor", "true")
			v.press("accept")
			if !strings.Contains(types, "none") { // else nobody can give a script its address
				v.until("window.log")
			}
			v.do("part('open').click()")
			v.until("centre()")
			if types == "" {
				v.quiet()
			}
		})
	}
}

func TestAHubOnAnotherDomainHasThePageWriteTheCookie(t *testing.T) {
	w := (&world{Hub: "hub.localhost", Body: held}).start(t)
	v := w.open("/")
	v.press("accept")
	v.until("window.log?.length == 5")
	v.is("the cookie", "document.cookie.match(/choice=1&.*&analytics=1.*&media=1.*&ads=1/) != null", "true")

	// The hub learns from the page which choice it has: the centre shows it, and a part
	// of it can be changed.
	v.do("part('open').click()")
	v.until("centre()")
	v.is("the switches", "[...centre().querySelectorAll('[name=allow]')].map(e => e.value + e.checked)",
		`["analyticstrue","countertrue","secondtrue","mediatrue","videotrue","adstrue","bannertrue"]`)
	v.do("centre().querySelector('[name=allow][value=ads]').click(); centre().querySelector('[part~=save]').click()")
	v.until("/ads=0/.test(document.cookie)")
	v.is("what was kept", "/analytics=1.*media=1.*ads=0/.test(document.cookie)", "true")
	v.is("what a placeholder offers", "(await (await fetch('$HUB/.temoin/placeholder/video?lang=en&page=' + encodeURIComponent(location.href) + '&src=https://video.localhost/')).text()).match(/<a part|<form/g)", `["<a part"]`)
}

func TestTheChoiceCanBeChangedAndWithdrawn(t *testing.T) {
	w := (&world{Body: held}).start(t)
	v := w.open("/")
	v.press("accept")
	v.until("window.log?.length == 5")
	v.do("document.cookie = 'seen=1'; temoin.on('change', choice => document.title = choice)")
	v.do("part('open').click()")
	v.until("centre()")
	v.is("links of the centre", "[...centre().querySelectorAll('a')].every(a => a.href.startsWith('$HUB/.temoin/'))", "true")
	v.do("centre().querySelector('[part~=withdraw] button').click()")
	v.until("document.title == 'Page' && !window.log && root && part('open') && !document.cookie.includes('seen')") // it is loaded again
	v.is("what holds", "temoin.choice.includes('=1')", "false")
	v.is("what ran", "window.log ?? null", "null")
}

func TestOtherTabsFollow(t *testing.T) {
	w := (&world{Body: `<script type="text/plain" data-temoin="counter" src="http://a.analytics.localhost:$PORT/one.js"></script>`}).start(t)
	v := w.open("/")
	v.until("shown(part('notice'))")
	v.do(`const f = document.createElement('iframe'); f.title = 'Tab'; f.src = '/tab'; document.body.append(f); await new Promise(ok => f.onload = ok)`)
	v.until("frames[0].document.querySelector('temoin-notice').shadowRoot.querySelector('section').checkVisibility()")
	v.press("accept")
	v.until("frames[0].log?.length == 1 && !frames[0].document.querySelector('temoin-notice').shadowRoot.querySelector('section').checkVisibility()")
	v.quiet()
}

func TestAnApplicationOfOnePageLosesNothing(t *testing.T) {
	w := (&world{Body: `<div id="app"></div>`}).start(t)
	v := w.open("/")
	v.until("shown(part('notice'))")
	v.do(`history.pushState(null, '', '/second'); document.documentElement.replaceChild(document.createElement('body'), document.body)
		document.body.innerHTML = '<main><h1>Second</h1></main>'`)
	v.until("host == document.body.firstElementChild && shown(part('notice'))")
	v.do(`document.body.insertAdjacentHTML('beforeend', '<template data-temoin="pay"><p id="pay">Pay</p></template>')`)
	v.press("accept")
	v.do(`document.body.insertAdjacentHTML('beforeend', '<template data-temoin="video"><p id="video">Film</p></template>')`)
	v.until("document.querySelector('#video')")
	v.is("what loads on another page", "[document.querySelector('#pay'), temoin.allows('pay')]", "[null,false]")
	v.do(`history.pushState(null, '', '/pay/now'); document.querySelector('main').textContent = 'Pay'`)
	v.until("document.querySelector('#pay')")
	v.is("what holds", "[temoin.allows('pay'), temoin.allows('counter')]", "[true,true]")
	v.do(`history.back(); await new Promise(ok => addEventListener('popstate', ok))`)
	v.is("what holds behind it", "[temoin.allows('pay'), temoin.allows('counter')]", "[false,true]")
	v.quiet()
}

func TestASignalOfTheBrowserRefusesAdvertising(t *testing.T) {
	w := (&world{Before: `<script>Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})</script>`}).start(t)
	v := w.open("/")
	v.until("shown(part('notice'))")
	v.is("what is asked", "[...root.querySelectorAll('dialog [name=allow]')].map(e => e.value)", `["analytics","media"]`)
	v.press("accept")
	v.is("what holds", "[temoin.allows('counter'), temoin.allows('banner')]", "[true,false]")
	v.Do(chromedp.Navigate(w.site("/other")))
	v.until("root && part('open')")
	v.is("the notice", "shown(part('notice'))", "false")
	v.is("what holds on the next page", "[temoin.allows('counter'), temoin.allows('banner')]", "[true,false]")
}

func TestWhoAnsweredAnEarlierVersionIsAskedAboutTheRest(t *testing.T) {
	old := (&world{Store: t.TempDir()}).start(t)
	v := old.open("/")
	v.press("accept")
	old.end()
	w := (&world{Store: old.Store, Manifest: strings.Replace(manifest, "Watching., fr: Regarder.", "Watching you., fr: Vous regarder.", 1), Body: held}).start(t)
	v.w = w
	v.Do(chromedp.Navigate(w.site("/")))
	v.until("shown(part('notice'))")
	v.is("what is asked", "[...root.querySelectorAll('dialog [name=allow]')].map(e => e.value)", `["media"]`)
	v.is("what holds", "[temoin.allows('counter'), temoin.allows('video')]", "[true,false]")
	v.press("refuse")
	v.is("what holds then", "temoin.choice", `"analytics=1&counter=1&second=1&media=0&video=0&ads=1&banner=1"`)
	v.quiet()
}

func TestWhatIsAllowedAlwaysLeadsBackToThePage(t *testing.T) {
	w := (&world{Body: held}).start(t)
	v := w.open("/film?x=1")
	v.press("refuse")
	src := browsertest.Evaluate[string](v.Tab, "document.querySelector('#film').attributes.src.value")
	v.Do(chromedp.Navigate(src))
	v.do("setTimeout(() => document.querySelector('form button').click())")
	v.until("location.host == 'www.shop.localhost:$PORT' && window.temoin?.allows('video')")
	v.is("where it is", "[location.pathname + location.search + location.hash, temoin.allows('counter')]", `["/film?x=1#temoin",false]`)
}

func TestASealedPageLoadsFromNowhereElse(t *testing.T) {
	w := (&world{Seal: true, Body: held}).start(t)
	v := w.open("/")
	v.press("accept") // which loads it again
	v.until("window.log?.length == 5")
	v.is("the seal", "[document.head.firstElementChild.httpEquiv, document.head.firstElementChild.content.split(' ').filter(x => /video|ads|else|pay/.test(x))]",
		`["Content-Security-Policy",["ads.localhost:*","video.localhost:*"]]`)
}

func TestAHubThatIsAwayIsSaid(t *testing.T) {
	w := (&world{Body: held}).start(t)
	v := w.open("/")
	v.until("shown(part('notice'))")
	w.fail("/.temoin/choice")
	v.do("part('accept').click()")
	v.until("part('status').textContent && shown(part('notice'))")
	v.is("what holds", "[temoin.choice, document.cookie]", `["",""]`)
	w.fail("")
	v.press("accept")
	v.until("window.log?.length == 5")
}

func TestADomainThatIsNotDeclaredIsSaid(t *testing.T) {
	w := (&world{Manifest: strings.Replace(manifest, ", domain: registrable", "", 1), Body: held}).start(t)
	v := w.open("/")
	v.is("whether there is a notice", "[host, window.temoin ?? null]", "[null,null]")
	for _, m := range v.Messages() {
		if strings.Contains(m, "choice.domain: registrable") {
			return
		}
	}
	t.Errorf("the console shows %q", v.Messages())
}
