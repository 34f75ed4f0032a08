package demo

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/internal/browsertest"
)

// platPages are those of The Platform, to somebody who is signed in.
var platPages = []string{"/", "/lessons", "/login", "/contact", "/privacy", "/legal", "/legal/video-transfer", "/nowhere", "/checkout?lesson=hannah-fri-17", "/session", "/account"}

// media emulates what a visitor has set for the whole system.
func (v *visit) media(features ...*emulation.MediaFeature) {
	v.t.Helper()
	v.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
		return err
	}))
}

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
			if wide := browsertest.Evaluate[int64](v.Tab, "document.documentElement.scrollWidth"); wide > look.width {
				t.Errorf("%s is %d wide in a window of %d", page, wide, look.width)
			}
			v.Screenshot(fmt.Sprintf("platform-%d%s", look.width, page))
			v.is("headings of "+page, "document.querySelectorAll('h1').length", "1")
			if look.width == 320 {
				continue // what axe-core looks for is the same as at 360
			}
			v.Accessible(fmt.Sprintf("%s %d %s %s", page, look.width, look.scheme, look.lang))
		}
		for _, m := range v.Messages() {
			if !strings.Contains(m, "404") { // of the page that does not exist
				t.Errorf("the console shows %s", m)
			}
		}
	}
	v := w.open(t, "platform", "/")
	v.media(&emulation.MediaFeature{Name: "forced-colors", Value: "active"})
	for _, page := range []string{"/", "/lessons"} {
		v.to(page)
		v.Screenshot("platform-forced" + page)
	}
}
