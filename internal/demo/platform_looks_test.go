package demo

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// platPages are those of The Platform, to somebody who is signed in.
var platPages = []string{"/", "/lessons", "/login", "/contact", "/privacy", "/legal", "/legal/video-transfer", "/nowhere", "/checkout?lesson=hannah-fri-17", "/session", "/account"}

func TestThePlatformCanBeReadByEverybodyAtEveryWidth(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	for _, look := range []struct {
		width        int64
		scheme, lang string
	}{{1200, "light", "en"}, {360, "dark", "fr"}, {320, "light", "fr"}} {
		v := w.open(t, "platform", "/")
		v.Look(look.width, look.scheme)
		v.chooses("lang", look.lang)
		v.Screenshot(fmt.Sprintf("platform-notice-%d", look.width))
		v.choose("refuse")
		v.signIn(false)
		for _, page := range platPages {
			v.to(page)
			v.fits(fmt.Sprintf("platform-%d-%s%s", look.width, look.lang, strings.ReplaceAll(page, "/", "-")), look.width, look.width != 320)
		}
		v.quietBut404()
	}
	v := w.open(t, "platform", "/")
	v.media(&emulation.MediaFeature{Name: "forced-colors", Value: "active"})
	for _, page := range []string{"/", "/lessons"} {
		v.to(page)
		v.Screenshot("platform-forced" + page)
	}
}
