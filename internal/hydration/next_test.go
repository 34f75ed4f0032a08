package hydration

import (
	"io"
	"net/http"
	"testing"
)

func TestTheNoticeIsThereBeforeTheEndOfAStreamedPage(t *testing.T) {
	w := start(t, next, "")
	w.shut("late")
	w.visit("/streamed")
	w.Until(`hydrated('streamed') || document.querySelector('#waiting')`)
	w.holds(`document.body.firstElementChild == host && shown(part('notice')) && document.readyState == 'loading' && !document.querySelector('#late')`)
	w.Run(`window.first = host`)
	w.Screenshot("next-streamed-waiting")
	w.admit("late")
	w.Until(`hydrated('late')`)
	w.holds(`isHeld(frame('late')) && waits('late.js')`)
	w.works()
	w.kept(true)
	w.nothing()
	w.Run(`press('accept')`)
	w.wait("video.localhost/late.html", "counter.localhost/late.js")
	w.once("counter.js", "async.js", "last.js", "late.js", "tags.js")
	w.Screenshot("next-streamed")
	w.quiet()
}

func TestAChoiceWhileAPageIsStreamedIsFollowedByWhatComesLater(t *testing.T) {
	for _, action := range []string{"accept", "refuse"} {
		t.Run(action, func(t *testing.T) {
			w := start(t, next, "")
			w.shut("late")
			w.visit("/streamed")
			w.Until(`document.querySelector('#waiting') && shown(part('notice'))`)
			w.Run(`press('` + action + `')`)
			w.Until(`temoin.choice && !shown(part('notice'))`)
			w.holds(`document.readyState == 'loading'`)
			w.admit("late")
			w.Until(`hydrated('late')`)
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
	w := start(t, next, "")
	w.arrive("/early", "early", true)
	w.works()
	w.nothing()
	w.Run(`press('accept')`)
	w.once("early.js", "counter.js", "tags.js")
}

func TestAPageThatNeedsAHeldStyleSheetIsShown(t *testing.T) {
	w := start(t, next, "")
	w.Answer("fonts.localhost/styles.css", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/css")
		io.WriteString(rw, "h1 { color: rgb(1, 2, 3) }") //nolint:errcheck // the browser says so
	})
	w.arrive("/styles", "styles", true)
	w.works()
	w.nothing()
	w.arrive("/", "first", true)
	w.follow("/styles", "styles")
	w.nothing()
	w.Run(`press('accept')`)
	w.wait("fonts.localhost/styles.css")
	w.Until(`getComputedStyle(document.querySelector('h1')).color == 'rgb(1, 2, 3)'`)
	w.quiet()
}
