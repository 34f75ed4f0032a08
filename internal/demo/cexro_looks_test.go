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

func TestCexroIsReadableAndAccessibleInBothLanguagesAtEveryWidth(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	for _, look := range []struct {
		width        int64
		scheme, lang string
	}{{1200, "light", "fr"}, {1200, "dark", "ar"}, {360, "light", "ar"}, {320, "dark", "fr"}} {
		v := w.open(t, "cexro", "/")
		v.Look(look.width, look.scheme)
		name := fmt.Sprintf("cexro-%s-%d-%s-", look.lang, look.width, look.scheme)
		v.after(`document.querySelector("[name=lang][value=` + look.lang + `]").click()`)
		v.Screenshot(name + "first")
		v.choose("refuse")
		v.signIn(false)
		fits := func(what string) {
			t.Helper()
			if wide := browsertest.Evaluate[int64](v.Tab, "document.documentElement.scrollWidth"); wide > look.width {
				t.Errorf("%s is %d wide in a window of %d", what, wide, look.width)
			}
			v.is("headings of "+what, `document.querySelectorAll("h1").length`, "1")
			if look.lang == "ar" { // each scheme once: axe-core takes long
				v.Accessible(name + what)
			}
			v.Screenshot(name + what)
		}
		for _, page := range cxPages {
			v.to(page)
			fits(strings.ReplaceAll("page"+page, "/", "-"))
		}
		v.to("/documents")
		v.cxUpload()
		fits("facts")
		for _, m := range v.Messages() {
			if !strings.Contains(m, "404") { // the page that is none
				t.Errorf("the console shows %s", m)
			}
		}
	}
	v := w.open(t, "cexro", "/")
	v.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "forced-colors", Value: "active"}}})
		return err
	}))
	v.to("/aide")
	v.Screenshot("cexro-forced")
}
