package demo

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
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
		for _, page := range cxPages {
			v.to(page)
			v.fits(name+strings.ReplaceAll("page"+page, "/", "-"), look.width, look.lang == "ar")
		}
		v.to("/documents")
		v.cxUpload()
		v.fits(name+"facts", look.width, look.lang == "ar")
		v.quietBut404()
	}
	v := w.open(t, "cexro", "/")
	v.media(&emulation.MediaFeature{Name: "forced-colors", Value: "active"})
	v.to("/aide")
	v.Screenshot("cexro-forced")
}
