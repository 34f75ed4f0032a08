package tagtest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

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
<iframe id="film" title="Film" data-temoin="video" data-src="http://video.localhost:$PORT/film.html"></iframe>`

func TestTheTagShowsWhatTheGateShowsByOneRequest(t *testing.T) {
	w := (&world{Body: held, Query: "?lang=fr"}).start(t)
	v := w.Open(t, "/")
	v.Until("shown(part('notice'))")
	site, n := w.inForce()
	d := consent.Decide(site, nil, consent.Signals{}, time.Now())
	body := string(n.In("fr").Body(&d))
	_, root, _ := strings.Cut(body, `<template shadowrootmode="open">`)
	root, _, _ = strings.Cut(root, "</template>")
	_, root, _ = strings.Cut(root, "</style>")
	v.Is("the shadow root", `return [...new DOMParser().parseFromString(`+strconv.Quote(root)+`, 'text/html').body.childNodes].map(e => e.outerHTML).join('') ==
		root.innerHTML.replaceAll('$HUB/.temoin/', '/.temoin/').replace(/ data-done=""/, '')`, "true")
	v.Is("the host", "return [host.id, host.lang, host.dir, host == document.body.firstElementChild, getComputedStyle(host).position]", `["temoin","fr","ltr",true,"fixed"]`)
	v.Is("where its links lead", "return [part('links').querySelector('a').href.startsWith('$HUB/.temoin/?lang=fr')]", "[true]")
	w.nobodyElse()
	w.Wait("consent.shop.localhost/.temoin/placeholder/video")
	if got := w.Recorded(); len(got) != 2 || got[0] != "consent.shop.localhost/.temoin/placeholder/video" || got[1] != "consent.shop.localhost/.temoin/temoin.js" {
		t.Errorf("the hub was asked for %q", got)
	}
	v.Is("nothing holds", "return [temoin.choice, temoin.allows('counter'), temoin.allows('needed')]", `["",false,true]`)
	v.Quiet()
}

func TestAYesIsKeptForTheDomainAndReleasesInOrder(t *testing.T) {
	w := (&world{Body: held}).start(t)
	v := w.Open(t, "/")
	press(v, "accept")
	v.Until("window.log?.length == 5 && document.querySelector('#inside')")
	const order = `["slow.js","inline","template.js","second.js","module.js"]`
	v.Is("the order", "return log", order)
	v.Until("document.querySelector('#film').src == 'http://video.localhost:$PORT/film.html'")
	v.Is("the cookie", "return /^choice=1&/.test(document.cookie)", "true")
	v.Run(`const s = document.createElement('script'); s.src = 'http://a.analytics.localhost:$PORT/inserted.js'; document.head.append(s)`)
	v.Until("log.includes('inserted.js')")
	v.Run(`document.body.insertAdjacentHTML('beforeend', '<template data-temoin="counter"><p id="late">Late</p></template>')`)
	v.Until("document.querySelector('#late')")

	// On the next page nothing is asked, and it all runs by itself.
	v.Go("/other")
	v.Until("window.log?.length == 5 && root")
	v.Is("the order on the next page", "return log", order)
	v.Is("the notice", "return [shown(part('notice')), shown(part('open'))]", "[false,true]")
	v.Quiet()
}

func TestARefusalHoldsWhatTheAuthorAndScriptsBring(t *testing.T) {
	w := (&world{Body: held}).start(t)
	v := w.Open(t, "/")
	press(v, "refuse")
	v.Run(`const s = document.createElement('script'); s.src = 'http://a.analytics.localhost:$PORT/inserted.js'; document.head.append(s)
		const div = document.createElement('div'); document.body.append(div)
		div.innerHTML = '<img alt="" src="http://ads.localhost:$PORT/pixel.gif"><iframe title="Another" id="later" data-temoin="video" data-src="http://video.localhost:$PORT/later.html"></iframe>'`)
	v.Until("document.querySelector('#later').outerHTML.includes('src=\"$HUB/.temoin/placeholder/video?lang=en&amp;page=')")
	v.Go("/other")
	v.Until("root && part('open')")
	v.Is("the answers", "return temoin.choice", `"analytics=0&counter=0&second=0&media=0&video=0&ads=0&banner=0"`)
	w.nobodyElse()
}

func TestAStrictPolicyOfThePageStopsNothing(t *testing.T) {
	const typed = "; require-trusted-types-for 'script'"
	for name, types := range map[string]string{"nothing inline": "", "no HTML from strings but by a policy": typed, "by none": typed + "; trusted-types 'none'", "by ours": typed + "; trusted-types temoin"} {
		t.Run(name, func(t *testing.T) {
			w := (&world{CSP: strict + types, Body: `<script type="text/plain" data-temoin="counter" src="http://a.analytics.localhost:$PORT/one.js"></script>`}).start(t)
			v := w.Open(t, "/")
			v.Until("shown(part('notice'))")
			v.Is("its style", "return getComputedStyle(part('accept')).backgroundColor != getComputedStyle(part('close')).backgroundColor", "true")
			press(v, "accept")
			if !strings.Contains(types, "none") { // else nobody can give a script its address
				v.Until("window.log")
			}
			v.Run("part('open').click()")
			v.Until("centre()")
			if types == "" {
				v.Quiet()
			}
		})
	}
}

func TestAHubOnAnotherDomainHasThePageWriteTheCookie(t *testing.T) {
	w := (&world{Hub: "hub.localhost", Body: held}).start(t)
	v := w.Open(t, "/")
	press(v, "accept")
	v.Until("window.log?.length == 5")
	v.Is("the cookie", "return document.cookie.match(/choice=1&.*&analytics=1.*&media=1.*&ads=1/) != null", "true")

	// The hub learns from the page which choice it has: the centre shows it, and a part
	// of it can be changed.
	v.Run("part('open').click()")
	v.Until("centre()")
	v.Is("the switches", "return [...centre().querySelectorAll('[name=allow]')].map(e => e.value + e.checked)",
		`["analyticstrue","countertrue","secondtrue","mediatrue","videotrue","adstrue","bannertrue"]`)
	v.Run("centre().querySelector('[name=allow][value=ads]').click(); centre().querySelector('[part~=save]').click()")
	v.Until("/ads=0/.test(document.cookie)")
	v.Is("what was kept", "return /analytics=1.*media=1.*ads=0/.test(document.cookie)", "true")
	v.Is("what a placeholder offers", "return (await (await fetch('$HUB/.temoin/placeholder/video?lang=en&page=' + encodeURIComponent(location.href) + '&src=https://video.localhost/')).text()).match(/<a part|<form/g)", `["<a part"]`)
}

func TestTheChoiceCanBeChangedAndWithdrawn(t *testing.T) {
	w := (&world{Body: held}).start(t)
	v := w.Open(t, "/")
	press(v, "accept")
	v.Until("window.log?.length == 5")
	v.Run("document.cookie = 'seen=1'; temoin.on('change', choice => document.title = choice)")
	v.Run("part('open').click()")
	v.Until("centre()")
	v.Is("links of the centre", "return [...centre().querySelectorAll('a')].every(a => a.href.startsWith('$HUB/.temoin/'))", "true")
	v.Run("centre().querySelector('[part~=withdraw] button').click()")
	v.Until("document.title == 'Page' && !window.log && root && part('open') && !document.cookie.includes('seen')") // it is loaded again
	v.Is("what holds", "return temoin.choice.includes('=1')", "false")
	v.Is("what ran", "return window.log ?? null", "null")
}

func TestOtherTabsFollow(t *testing.T) {
	w := (&world{Body: `<script type="text/plain" data-temoin="counter" src="http://a.analytics.localhost:$PORT/one.js"></script>`}).start(t)
	v := w.Open(t, "/")
	v.Until("shown(part('notice'))")
	v.Run(`const f = document.createElement('iframe'); f.title = 'Tab'; f.src = '/tab'; document.body.append(f); await new Promise(ok => f.onload = ok)`)
	v.Until("frames[0].document.querySelector('temoin-notice').shadowRoot.querySelector('section').checkVisibility()")
	press(v, "accept")
	v.Until("frames[0].log?.length == 1 && !frames[0].document.querySelector('temoin-notice').shadowRoot.querySelector('section').checkVisibility()")
	v.Quiet()
}

func TestAnApplicationOfOnePageLosesNothing(t *testing.T) {
	w := (&world{Body: `<div id="app"></div>`}).start(t)
	v := w.Open(t, "/")
	v.Until("shown(part('notice'))")
	v.Run(`history.pushState(null, '', '/second'); document.documentElement.replaceChild(document.createElement('body'), document.body)
		document.body.innerHTML = '<main><h1>Second</h1></main>'`)
	v.Until("host == document.body.firstElementChild && shown(part('notice'))")
	v.Run(`document.body.insertAdjacentHTML('beforeend', '<template data-temoin="pay"><p id="pay">Pay</p></template>')`)
	press(v, "accept")
	v.Run(`document.body.insertAdjacentHTML('beforeend', '<template data-temoin="video"><p id="video">Film</p></template>')`)
	v.Until("document.querySelector('#video')")
	v.Is("what loads on another page", "return [document.querySelector('#pay'), temoin.allows('pay')]", "[null,false]")
	v.Run(`history.pushState(null, '', '/pay/now'); document.querySelector('main').textContent = 'Pay'`)
	v.Until("document.querySelector('#pay')")
	v.Is("what holds", "return [temoin.allows('pay'), temoin.allows('counter')]", "[true,true]")
	v.Run(`history.back(); await new Promise(ok => addEventListener('popstate', ok))`)
	v.Is("what holds behind it", "return [temoin.allows('pay'), temoin.allows('counter')]", "[false,true]")
	v.Quiet()
}

func TestASignalOfTheBrowserRefusesAdvertising(t *testing.T) {
	w := (&world{Before: `<script>Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})</script>`}).start(t)
	v := w.Open(t, "/")
	v.Until("shown(part('notice'))")
	v.Is("what is asked", "return [...root.querySelectorAll('dialog [name=allow]')].map(e => e.value)", `["analytics","media"]`)
	press(v, "accept")
	v.Is("what holds", "return [temoin.allows('counter'), temoin.allows('banner')]", "[true,false]")
	v.Go("/other")
	v.Until("root && part('open')")
	v.Is("the notice", "return shown(part('notice'))", "false")
	v.Is("what holds on the next page", "return [temoin.allows('counter'), temoin.allows('banner')]", "[true,false]")
}

func TestWhoAnsweredAnEarlierVersionIsAskedAboutTheRest(t *testing.T) {
	old := (&world{Store: t.TempDir()}).start(t)
	v := old.Open(t, "/")
	press(v, "accept")
	old.end()
	w := (&world{Store: old.Store, Manifest: strings.Replace(manifest, "Watching., fr: Regarder.", "Watching you., fr: Vous regarder.", 1), Body: held}).start(t)
	v.World = w.World
	v.Go("/")
	v.Until("shown(part('notice'))")
	v.Is("what is asked", "return [...root.querySelectorAll('dialog [name=allow]')].map(e => e.value)", `["media"]`)
	v.Is("what holds", "return [temoin.allows('counter'), temoin.allows('video')]", "[true,false]")
	press(v, "refuse")
	v.Is("what holds then", "return temoin.choice", `"analytics=1&counter=1&second=1&media=0&video=0&ads=1&banner=1"`)
	v.Quiet()
}

func TestWhatIsAllowedAlwaysLeadsBackToThePage(t *testing.T) {
	w := (&world{Body: held}).start(t)
	v := w.Open(t, "/film?x=1")
	press(v, "refuse")
	src := browsertest.Evaluate[string](v.Tab, "document.querySelector('#film').attributes.src.value")
	v.Go(src)
	v.Run("setTimeout(() => document.querySelector('form button').click())")
	v.Until("location.host == 'www.shop.localhost:$PORT' && window.temoin?.allows('video')")
	v.Is("where it is", "return [location.pathname + location.search + location.hash, temoin.allows('counter')]", `["/film?x=1#temoin",false]`)
}

func TestASealedPageLoadsFromNowhereElse(t *testing.T) {
	w := (&world{Seal: true, Body: held}).start(t)
	v := w.Open(t, "/")
	press(v, "accept") // which loads it again
	v.Until("window.log?.length == 5")
	v.Is("the seal", "return [document.head.firstElementChild.httpEquiv, document.head.firstElementChild.content.split(' ').filter(x => /video|ads|else|pay/.test(x))]",
		`["Content-Security-Policy",["ads.localhost:*","video.localhost:*"]]`)
}

func TestASealedPageIsLoadedOnceForAYesAndReleasesNothingBefore(t *testing.T) {
	const count = `sessionStorage.NAME = 1 + +(sessionStorage.NAME ?? 0)`
	w := (&world{
		Seal: true, Before: `<script>` + strings.ReplaceAll(count, "NAME", "loaded") + `</script>`,
		Body: `<script type="text/plain" data-temoin="counter">` + strings.ReplaceAll(count, "NAME", "ran") + `</script>
<script type="text/plain" data-temoin="counter" src="http://a.analytics.localhost:$PORT/1.js"></script><iframe data-temoin="video" data-src="http://video.localhost:$PORT/film.html"></iframe>`,
	}).start(t)
	v := w.Open(t, "/")
	press(v, "accept")
	v.Until("sessionStorage.loaded == 2 && window.log?.includes('1.js')")
	w.Wait("video.localhost/film.html")
	v.Is("how often", "return [sessionStorage.loaded, sessionStorage.ran]", `["2","1"]`)
	for _, at := range []string{"a.analytics.localhost/1.js", "video.localhost/film.html"} {
		if n := slices.DeleteFunc(w.Recorded(), func(r string) bool { return r != at }); len(n) != 1 {
			t.Errorf("%s was asked for %d times", at, len(n))
		}
	}
	v.Quiet()
}

func TestTheTagHoldsWhereCookiesCannotBeReadOrTabsNotTold(t *testing.T) {
	for name, w := range map[string]*world{
		"a frame in a sandbox": {CSP: "sandbox allow-scripts"},
		"an old browser":       {Before: `<script>delete window.BroadcastChannel</script>`},
	} {
		t.Run(name, func(t *testing.T) {
			w.Body = held
			w.Manifest = strings.Replace(manifest, "services:\n", "services:\n  - {use: matomo, category: analytics, hosts: [matomo.localhost], provider: {name: S}, purpose: {en: Counting., fr: Compter.}}\n", 1)
			w.start(t)
			v := w.Open(t, "/")
			v.Until("shown(part('notice'))")
			v.Run(`for (const host of ['a.analytics.localhost', 'free.localhost']) { const s = document.createElement('script'); s.src = 'http://' + host + ':$PORT/1.js'; document.head.append(s) }`)
			w.Wait("free.localhost/1.js")
			for _, at := range w.Recorded() {
				if strings.Contains(at, "analytics") {
					t.Errorf("%s was asked for", at)
				}
			}
			if name == "an old browser" {
				press(v, "accept")
				v.Until("window.log?.includes('inline') && temoin.allows('counter')")
			}
		})
	}
}

func TestTheTagGuardsWhatTheSitesOwnScriptsWrite(t *testing.T) {
	w := (&world{Manifest: manifest + "enforcement: {storage: block}\n"}).start(t)
	v := w.Open(t, "/")
	v.Until("shown(part('notice'))")
	v.Is("before", `document.cookie = 'seen=1; path=/'; document.cookie = 'own=1; path=/'; return document.cookie`, `"own=1"`)
	press(v, "accept")
	v.Is("after", `document.cookie = 'seen=1; path=/'; return document.cookie.includes('seen=1')`, "true")
}

func TestAPageOfTheTagWithABaseAsksTheHub(t *testing.T) {
	w := (&world{Before: `<base href="http://other.localhost/">`, Body: held}).start(t)
	v := w.Open(t, "/")
	press(v, "accept")
	v.Until("window.log?.includes('inline')")
	v.Run("part('open').click()")
	v.Until("centre()")
	for _, at := range w.Recorded() {
		if strings.HasPrefix(at, "other.localhost") {
			t.Errorf("%s was asked for", at)
		}
	}
}

func TestAHubThatIsAwayIsSaid(t *testing.T) {
	w := (&world{Body: held}).start(t)
	v := w.Open(t, "/")
	v.Until("shown(part('notice'))")
	const choice = "consent.shop.localhost/.temoin/choice"
	w.Answer(choice, func(rw http.ResponseWriter, _ *http.Request) {
		http.Error(rw, "not now", http.StatusServiceUnavailable)
	})
	v.Run("part('accept').click()")
	v.Until("part('status').textContent && shown(part('notice'))")
	v.Is("what holds", "return [temoin.choice, document.cookie]", `["",""]`)
	w.Answer(choice, nil)
	press(v, "accept")
	v.Until("window.log?.length == 5")
}

func TestADomainThatIsNotDeclaredIsSaid(t *testing.T) {
	w := (&world{Manifest: strings.Replace(manifest, ", domain: registrable", "", 1), Body: held}).start(t)
	v := w.Open(t, "/")
	v.Is("whether there is a notice", "return [host, window.temoin ?? null]", "[null,null]")
	if got := v.Messages(); !strings.Contains(strings.Join(got, "\n"), "choice.domain: registrable") {
		t.Errorf("the console shows %q", got)
	}
}
