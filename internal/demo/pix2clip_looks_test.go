package demo

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// pix2clipPages are the pages of Pix2Clip, those for everybody first.
var pix2clipPages = []struct{ name, path string }{
	{"home", "/"}, {"login", "/login"}, {"settings", "/settings"}, {"privacy", "/privacy"}, {"legal", "/legal"},
	{"editor", "/editor"}, {"projects", "/projects"}, {"project", "/projects/2"}, {"choices", "/settings/privacy"},
}

func TestPix2ClipIsReadableAndAccessibleAtEveryWidth(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	for _, look := range []struct {
		width        int64
		scheme, lang string
	}{{1200, "light", "en"}, {1200, "dark", "fr"}, {360, "light", "fr"}, {320, "dark", "en"}} {
		v := w.open(t, "pix2clip", "/") // a tab has a minute
		v.Look(look.width, look.scheme)
		name := fmt.Sprintf("pix2clip-%d-%s-", look.width, look.scheme)
		v.until("notice()")
		v.Screenshot(name + "first")
		v.choose("refuse")
		v.after(`document.querySelector(".language [value=` + look.lang + `]").click()`)
		v.signIn(false)
		for _, p := range pix2clipPages {
			v.to(p.path)
			v.fits(name+p.name, look.width, look.width == 1200 && look.scheme == "dark" || look.width == 360)
		}
		v.quiet()
	}
	v := w.open(t, "pix2clip", "/nowhere")
	v.choose("refuse")
	v.Accessible("pix2clip-missing")
	v.Screenshot("pix2clip-missing")
	v.signIn(false)
	v.run(`document.querySelector("[value=portrait]").click(); document.querySelector("#text").value = "The sea, the light, and a basket of plums."; document.querySelector("[data-generate]").click()`)
	v.until(`document.getAnimations({subtree: true}).every(a => a.playState == "finished" || a.currentTime > 3000)`)
	v.Screenshot("pix2clip-preview")
	v.to("/login")
	v.after(`submit('form[action="/login"]', {csrf: "", email: "ada@pix2clip.example", password: "clip"})`)
	v.Accessible("pix2clip-blocked")
	v.Screenshot("pix2clip-blocked")
}

func TestPix2ClipIsReadableInForcedColors(t *testing.T) {
	t.Parallel()
	v := start(t, options{}).open(t, "pix2clip", "/")
	v.choose("refuse")
	v.signIn(false)
	v.media(&emulation.MediaFeature{Name: "forced-colors", Value: "active"})
	for _, p := range pix2clipPages {
		v.to(p.path)
		v.Screenshot("pix2clip-" + p.name + "-forced")
	}
	v.quiet()
}
