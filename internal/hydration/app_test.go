package hydration

import (
	"fmt"
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
		w := start(t, f)
		w.alone = true
		w.visit("/")
		w.until(`hydrated('first')`)
		w.once("counter.js", "async.js", "last.js", "tags.js")
		w.follow("/second", "second")
		w.do(`document.querySelector('#more').click()`)
		w.once("chat.js")
		w.quiet()
	})
}

func TestAnApplicationTakesOverAPageWithHeldThings(t *testing.T) {
	both(t, func(t *testing.T, f framework) {
		w := start(t, f)
		w.arrive("/", "first", true)
		w.holds(`isHeld(frame('film')) == 'video' && waits('counter.js') && waits('async.js') && waits('last.js') && waits('pixel.gif')`)
		w.until(`waits('tags.js')`)
		w.works()
		w.kept(true)
		w.nothing()
		w.Screenshot(f.name + "-first")
		w.quiet()
	})
}

func TestNothingIsRequestedByAPageThatTheApplicationGoesTo(t *testing.T) {
	both(t, func(t *testing.T, f framework) {
		w := start(t, f)
		w.arrive("/", "first", true)
		w.follow("/second", "second")
		w.until(`isHeld(frame('second')) == 'video'`)
		w.do(`document.querySelector('#more').click()`)
		w.until(`isHeld(frame('more')) && isHeld(frame('text')) && waits('chat.js')`)
		w.kept(true)
		w.nothing()
		w.Screenshot(f.name + "-second")
		w.quiet()
	})
}

// once fails the test where a script did not run once.
func (w *world) once(names ...string) {
	w.t.Helper()
	for _, name := range names {
		w.until(fmt.Sprintf(`ran(%q)`, name))
	}
	w.do(`for (let i = 0; i < 5; i++) await fetch("http://free." + location.host.replace(/^site\./, "") + "/free.gif")`)
	for _, name := range names {
		w.equals(fmt.Sprintf(`ran(%q)`, name), "1")
	}
}

// attributes are those of the film, by name.
const attributes = `frame('film').getAttributeNames().sort().map(n => n + '=' + frame('film').getAttribute(n).replace(/:\d+/, ''))`

const written = `["allow=fullscreen; encrypted-media","height=225","loading=lazy","referrerpolicy=strict-origin",` +
	`"sandbox=allow-scripts allow-same-origin allow-top-navigation-by-user-activation allow-forms","src=http://video.localhost/film.html?a=b&c=d","title=film","width=400"]`

func TestWhatIsAcceptedRunsOnceAndInOrderWithoutAReload(t *testing.T) {
	both(t, func(t *testing.T, f framework) {
		w := start(t, f)
		w.arrive("/", "first", true)
		w.until(`waits('tags.js')`)
		w.do(`window.same = true; window.element = frame('film'); press('accept')`)
		w.wait("video.localhost/film.html", "counter.localhost/counter.js", "counter.localhost/async.js", "counter.localhost/last.js", "counter.localhost/pixel.gif", "tags.localhost/tags.js")
		w.once("counter.js", "async.js", "last.js", "tags.js", "own")
		w.holds(`log.indexOf('counter.js') < log.indexOf('last.js')`)
		w.until(`log.some(x => /^onLoad.* tags.js/.test(x))`)
		w.holds(`same && frame('film') == element`)
		w.equals(attributes, written)
		w.kept(false)
		w.works()
		w.Screenshot(f.name + "-accepted")
		w.follow("/second", "second")
		w.do(`document.querySelector('#more').click()`)
		w.wait("video.localhost/second.html", "video.localhost/more.html", "tags.localhost/chat.js")
		w.once("counter.js", "async.js", "last.js", "tags.js", "chat.js")
		w.kept(false)
		w.quiet()
	})
}

func TestWhatTheApplicationInsertedIsReleasedToo(t *testing.T) {
	both(t, func(t *testing.T, f framework) {
		w := start(t, f)
		w.arrive("/", "first", true)
		w.follow("/second", "second")
		w.do(`document.querySelector('#more').click()`)
		w.until(`isHeld(frame('more')) && isHeld(frame('text')) && waits('chat.js') && waits('second.js') && waits('tags.js')`)
		w.do(`press('accept')`)
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
		w := start(t, f)
		w.arrive("/", "first", true)
		w.do(`press('refuse')`)
		w.until(`temoin.choice && !shown(part('notice'))`)
		w.follow("/second", "second")
		w.do(`document.querySelector('#more').click()`)
		w.until(`isHeld(frame('more')) && waits('chat.js')`)
		w.nothing()
		w.arrive("/", "first", false)
		w.until(`isHeld(frame('film')) && waits('tags.js')`)
		w.follow("/second", "second")
		w.until(`isHeld(frame('second'))`)
		w.nothing()
		w.Screenshot(f.name + "-refused")
		w.quiet()
	})
}

func TestAPageIsTakenOverAsItIsWhereAllIsAllowedAndAllIsHeldAgainAfterAWithdrawal(t *testing.T) {
	both(t, func(t *testing.T, f framework) {
		w := start(t, f)
		w.arrive("/", "first", true)
		w.do(`press('accept')`)
		w.once("tags.js")
		w.requests()
		w.arrive("/", "first", false)
		w.wait("video.localhost/film.html", "counter.localhost/counter.js", "tags.localhost/tags.js")
		w.once("counter.js", "async.js", "last.js", "tags.js")
		w.equals(attributes, written)
		w.quiet()
		w.do(`window.same = true; temoin.open()`)
		w.until(`part('centre') && part('centre').open && part('centre').querySelector('[value=withdraw]')`)
		w.Screenshot(f.name + "-centre")
		w.do(`part('centre').querySelector('[value=withdraw]').click()`)
		w.until(`!window.same && document.querySelector('main') && hydrated('first') && waits('tags.js')`)
		w.requests()
		w.holds(`isHeld(frame('film')) && waits('counter.js') && !temoin.allows('video')`)
		w.follow("/second", "second")
		w.until(`isHeld(frame('second'))`)
		w.nothing()
		w.quiet()
	})
}
