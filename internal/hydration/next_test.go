package hydration

import "testing"

func TestTheNoticeIsThereBeforeTheEndOfAStreamedPage(t *testing.T) {
	w := start(t, next)
	w.shut("late")
	w.visit("/streamed")
	w.until(`hydrated('streamed') || document.querySelector('#waiting')`)
	w.holds(`document.body.firstElementChild == host && shown(part('notice')) && document.readyState == 'loading' && !document.querySelector('#late')`)
	w.do(`window.first = host`)
	w.Screenshot("next-streamed-waiting")
	w.open("late")
	w.until(`hydrated('late')`)
	w.holds(`isHeld(frame('late')) && waits('late.js')`)
	w.works()
	w.kept(true)
	w.nothing()
	w.do(`press('accept')`)
	w.wait("video.localhost/late.html", "counter.localhost/late.js")
	w.once("counter.js", "async.js", "last.js", "late.js", "tags.js")
	w.Screenshot("next-streamed")
	w.quiet()
}

func TestAChoiceWhileAPageIsStreamedIsFollowedByWhatComesLater(t *testing.T) {
	for _, action := range []string{"accept", "refuse"} {
		t.Run(action, func(t *testing.T) {
			w := start(t, next)
			w.shut("late")
			w.visit("/streamed")
			w.until(`document.querySelector('#waiting') && shown(part('notice'))`)
			w.do(`press('` + action + `')`)
			w.until(`temoin.choice && !shown(part('notice'))`)
			w.holds(`document.readyState == 'loading'`)
			w.open("late")
			w.until(`hydrated('late')`)
			w.works()
			if action == "accept" {
				w.wait("video.localhost/late.html", "counter.localhost/late.js")
				w.once("counter.js", "async.js", "last.js", "late.js", "tags.js")
			} else {
				w.nothing()
			}
			w.quiet()
		})
	}
}

func TestAnApplicationThatWaitsForAHeldScriptIsTakenOver(t *testing.T) {
	w := start(t, next)
	w.arrive("/early", "early", true)
	w.works()
	w.nothing()
	w.do(`press('accept')`)
	w.once("early.js", "counter.js", "tags.js")
}

func TestAPageThatNeedsAHeldStyleSheetIsShown(t *testing.T) {
	w := start(t, next)
	w.arrive("/styles", "styles", true)
	w.works()
	w.nothing()
	w.arrive("/", "first", true)
	w.follow("/styles", "styles")
	w.nothing()
	w.do(`press('accept')`)
	w.wait("fonts.localhost/styles.css")
	w.until(`getComputedStyle(document.querySelector('h1')).color == 'rgb(1, 2, 3)'`)
	w.quiet()
}
