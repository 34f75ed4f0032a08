package hydration

import (
	"slices"
	"testing"
)

// both runs a test with each framework.
func both(t *testing.T, test func(t *testing.T, f framework)) {
	for _, f := range []framework{next, nuxt} {
		t.Run(f.name, func(t *testing.T) { test(t, f) })
	}
}

// Else what the other tests find would say nothing.
func TestTheApplicationIsQuietWithoutAGate(t *testing.T) {
	both(t, func(t *testing.T, f framework) {
		w := start(t, f, "")
		w.door = w.app
		w.visit("/")
		w.Until(`hydrated('first')`)
		w.once("counter.js", "async.js", "last.js", "tags.js")
		w.follow("/second", "second")
		w.Run(`document.querySelector('#more').click()`)
		w.once("chat.js")
		w.quiet()
	})
}

func TestAnApplicationTakesOverAPageWithHeldThings(t *testing.T) {
	both(t, func(t *testing.T, f framework) {
		w := start(t, f, "")
		w.arrive("/", "first", true)
		w.holds(`isHeld(frame('film')) == 'video' && waits('counter.js') && waits('async.js') && waits('last.js') && waits('pixel.gif')`)
		w.Until(`waits('tags.js')`)
		w.works()
		w.kept(true)
		w.nothing()
		w.Screenshot(f.name + "-first")
		w.quiet()
	})
}

func TestNothingIsRequestedByAPageThatTheApplicationGoesTo(t *testing.T) {
	both(t, func(t *testing.T, f framework) {
		w := start(t, f, "")
		w.arrive("/", "first", true)
		w.follow("/second", "second")
		w.Until(`isHeld(frame('second')) == 'video'`)
		w.Run(`document.querySelector('#more').click()`)
		w.Until(`isHeld(frame('more')) && isHeld(frame('text')) && waits('chat.js')`)
		w.kept(true)
		w.nothing()
		w.Screenshot(f.name + "-second")
		w.quiet()
	})
}

// attributes are those of the film, by name.
const attributes = `frame('film').getAttributeNames().sort().map(n => n + '=' + frame('film').getAttribute(n).replace(/:\d+/, ''))`

const written = `["allow=fullscreen; encrypted-media","height=225","loading=lazy","referrerpolicy=strict-origin",` +
	`"sandbox=allow-scripts allow-same-origin allow-top-navigation-by-user-activation allow-forms","src=http://video.localhost/film.html?a=b&c=d","title=film","width=400"]`

func TestWhatIsAcceptedRunsOnceAndInOrderWithoutAReload(t *testing.T) {
	both(t, func(t *testing.T, f framework) {
		w := start(t, f, "")
		w.arrive("/", "first", true)
		w.Until(`waits('tags.js')`)
		w.Run(`window.same = true; window.element = frame('film'); press('accept')`)
		w.wait("video.localhost/film.html", "counter.localhost/counter.js", "counter.localhost/async.js", "counter.localhost/last.js", "counter.localhost/pixel.gif", "tags.localhost/tags.js")
		w.once("counter.js", "async.js", "last.js", "tags.js", "own")
		w.holds(`log.indexOf('counter.js') < log.indexOf('last.js')`)
		w.Until(`log.some(x => /^onLoad.* tags.js/.test(x))`)
		w.holds(`same && frame('film') == element`)
		w.equals(attributes, written)
		w.kept(false)
		w.works()
		w.Screenshot(f.name + "-accepted")
		w.follow("/second", "second")
		w.Run(`document.querySelector('#more').click()`)
		w.wait("video.localhost/second.html", "video.localhost/more.html", "tags.localhost/chat.js")
		w.once("counter.js", "async.js", "last.js", "tags.js", "chat.js")
		w.kept(false)
		w.quiet()
	})
}

func TestWhatTheApplicationInsertedIsReleasedToo(t *testing.T) {
	both(t, func(t *testing.T, f framework) {
		w := start(t, f, "")
		w.arrive("/", "first", true)
		w.follow("/second", "second")
		w.Run(`document.querySelector('#more').click()`)
		w.Until(`isHeld(frame('more')) && isHeld(frame('text')) && waits('chat.js') && waits('second.js') && waits('tags.js')`)
		w.Run(`press('accept')`)
		got := w.wait("video.localhost/second.html", "video.localhost/more.html", "tags.localhost/chat.js", "tags.localhost/second.js", "tags.localhost/tags.js", "counter.localhost/last.js")
		w.once("counter.js", "async.js", "last.js", "tags.js", "second.js", "chat.js")
		if slices.Contains(got, "video.localhost/film.html") {
			t.Error("the film of the page before was asked for")
		}
		w.follow("/", "first")
		w.wait("video.localhost/film.html")
		w.equals(attributes, written)
		w.once("counter.js", "async.js", "last.js", "tags.js", "second.js", "chat.js")
		w.holds(`same`)
		w.kept(false)
		w.quiet()
	})
}

func TestNothingRunsAfterARefusal(t *testing.T) {
	both(t, func(t *testing.T, f framework) {
		w := start(t, f, "")
		w.arrive("/", "first", true)
		w.Run(`press('refuse')`)
		w.Until(`temoin.choice && !shown(part('notice'))`)
		w.follow("/second", "second")
		w.Run(`document.querySelector('#more').click()`)
		w.Until(`isHeld(frame('more')) && waits('chat.js')`)
		w.nothing()
		w.arrive("/", "first", false)
		w.Until(`isHeld(frame('film')) && waits('tags.js')`)
		w.follow("/second", "second")
		w.Until(`isHeld(frame('second'))`)
		w.nothing()
		w.Screenshot(f.name + "-refused")
		w.quiet()
	})
}

func TestAPageIsTakenOverAsItIsWhereAllIsAllowedAndAllIsHeldAgainAfterAWithdrawal(t *testing.T) {
	both(t, func(t *testing.T, f framework) {
		w := start(t, f, "")
		w.arrive("/", "first", true)
		w.Run(`press('accept')`)
		w.once("tags.js")
		w.requests()
		w.arrive("/", "first", false)
		w.wait("video.localhost/film.html", "counter.localhost/counter.js", "tags.localhost/tags.js")
		w.once("counter.js", "async.js", "last.js", "tags.js")
		w.equals(attributes, written)
		w.quiet()
		w.Run(`window.same = true; temoin.open()`)
		w.Until(`part('centre') && part('centre').open && part('centre').querySelector('[value=withdraw]')`)
		w.Screenshot(f.name + "-centre")
		w.Run(`part('centre').querySelector('[value=withdraw]').click()`)
		w.Until(`!window.same && document.querySelector('main') && hydrated('first') && waits('tags.js')`)
		w.requests()
		w.holds(`isHeld(frame('film')) && waits('counter.js') && !temoin.allows('video')`)
		w.follow("/second", "second")
		w.Until(`isHeld(frame('second'))`)
		w.nothing()
		w.quiet()
	})
}

func TestASealedApplicationIsLoadedAgainForWhatIsAllowed(t *testing.T) {
	both(t, func(t *testing.T, f framework) {
		w := start(t, f, "enforcement: {seal: block}\n")
		w.arrive("/", "first", true)
		w.works()
		w.follow("/second", "second")
		w.Until(`isHeld(frame('second'))`)
		w.nothing()
		w.Run(`window.same = true; press('accept')`)
		w.Until(`!window.same && document.readyState == 'complete' && hydrated('second')`)
		w.wait("video.localhost/second.html")
		w.once("counter.js", "async.js", "last.js", "second.js", "tags.js")
		w.quiet()
	})
}

func TestAnApplicationWhosePagesAreTheSameForEverybodyIsTakenOver(t *testing.T) {
	both(t, func(t *testing.T, f framework) {
		w := start(t, f, "enforcement: {cacheable: true}\n")
		w.visit("/")
		w.Until(`hydrated('first') && shown(part('notice'))`)
		w.works()
		w.follow("/second", "second")
		w.Until(`isHeld(frame('second'))`)
		w.holds(`shown(part('notice'))`)
		w.nothing()
		w.Run(`press('accept')`)
		w.wait("video.localhost/second.html")
		w.once("counter.js", "async.js", "last.js", "second.js", "tags.js")
		w.visit("/")
		w.wait("video.localhost/film.html")
		w.once("counter.js", "async.js", "last.js", "tags.js")
		w.holds(`!shown(part('notice'))`)
		w.quiet()
	})
}
