package sitetest

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/temoin/temoin/internal/browsertest"
)

// A walk is a table of keys and of what has the focus after each, a line each:
//
//	Tab        notice: accept
//
// The first word is pressed as a person presses it, by key events of the browser. "the
// browser" is where the focus is when it is in nothing of the page. After each key, what
// has the focus is in sight: inside the window, covered by nothing, with an outline.
func (v *visit) walk(table string) {
	v.t.Helper()
	var walked strings.Builder
	for line := range strings.Lines(table) {
		key, want, _ := strings.Cut(strings.TrimSpace(line), " ")
		if key == "" {
			continue
		}
		v.press(key)
		want = strings.TrimSpace(want)
		got, unseen := v.arrives(want)
		fmt.Fprintf(&walked, "%-10s %s\n", key, got)
		if got != want {
			v.t.Fatalf("the focus is not in %q but:\n%s", want, &walked)
		}
		if unseen != "" {
			v.t.Errorf("%s %s", got, unseen)
		}
	}
}

// keys are those of walks.
var keys = map[string]struct {
	key       string
	modifiers []chromedp.Modifier
}{
	"Tab": {key: kb.Tab}, "Shift+Tab": {kb.Tab, []chromedp.Modifier{chromedp.ModifierShift}},
	"Enter": {key: kb.Enter}, "Space": {key: " "}, "Escape": {key: kb.Escape},
}

func (v *visit) press(name string) {
	v.t.Helper()
	k, ok := keys[name]
	if !ok {
		v.t.Fatalf("there is no key %q", name)
	}
	v.Do(chromedp.KeyEvent(k.key, chromedp.KeyModifiers(k.modifiers...)))
}

// arrives looks until the focus is where it is to be, and in sight; where that does not
// come to pass, it says how it is.
func (v *visit) arrives(want string) (name, unseen string) {
	v.t.Helper()
	for begun := time.Now(); time.Since(begun) < 5*time.Second; {
		said, err := chromedp.Run(v.Tab, chromedp.Evaluate[string](script+naming+`named() + '|' + (document.readyState == 'complete' ? unseen() : 'is not loaded')`))
		if err != nil {
			if v.Err() != nil {
				v.t.Fatal(err)
			}
			continue // another page comes
		}
		name, unseen, _ = strings.Cut(said, "|")
		if name == want && unseen == "" {
			break
		}
	}
	return name, unseen
}

// naming names what has the focus, the same in every language, and says why it is not
// in sight.
const naming = `
	var place = e => {
		const ours = root && root.contains(e)
		if (!ours) return location.pathname == '/.temoin/' ? 'centre page' : 'page'
		return e.closest('[part~=centre]') ? 'centre' : e.closest('dialog') ? 'dialog' : e.closest('section') ? 'notice' : 'corner'
	}
	var what = e => {
		if (e.name == 'allow') return e.value + (e.checked ? ' on' : ' off')
		if (e.localName == 'summary') return 'more on ' + ([...document.querySelectorAll('details'), ...(root ? root.querySelectorAll('details') : [])].indexOf(e.parentNode) + 1)
		if (e.localName == 'button') return e.formMethod == 'dialog' ? 'leave' : e.formMethod == 'get' ? 'choose' : e.value
		if (e.hreflang) return 'another language'
		if (/^h[1-6]$/.test(e.localName)) return 'heading'
		const to = e.getAttribute('href') || ''
		if (/\/policy/.test(to)) return 'policy'
		if (/#services$/.test(to)) return 'recipients'
		if (/\/receipts\//.test(to)) return 'receipt'
		if (to.startsWith('/.temoin/') && !e.part.contains('open')) return 'change'
		if (e.host && e.host != location.host) return 'at ' + e.host
		return e.localName == 'dialog' ? 'itself' : e.part[0] || to || e.id
	}
	var named = () => {
		const e = focused()
		return !e || e == document.body || e == document.documentElement ? 'the browser' : place(e) + ': ' + what(e)
	}
	var unseen = () => {
		const e = focused(), tree = e && e.getRootNode()
		if (!e || e == document.body || e == document.documentElement) return ''
		const r = e.getClientRects()[0] || e.getBoundingClientRect(), x = r.left + r.width / 2
		if (!e.checkVisibility() || r.width < 5 || r.height < 5) return 'is not shown'
		if (r.left < -1 || r.right > innerWidth + 1) return 'is beside the window'
		if (r.height < innerHeight && (r.top < -1 || r.bottom > innerHeight + 1)) return 'is cut at ' + r.top + ' to ' + r.bottom + ' of ' + innerHeight
		for (const y of [r.top + 2, r.top + r.height / 2, r.bottom - 2]) {
			const at = y > 0 && y < innerHeight && tree.elementFromPoint(x, y)
			if (at && !e.contains(at) && !at.contains(e)) return 'is covered by ' + at.localName + ' ' + at.getAttribute('part')
		}
		const s = getComputedStyle(e)
		if ((root && root.contains(e) || place(e) == 'centre page') && (s.outlineStyle == 'none' || parseFloat(s.outlineWidth) < 2)) return 'has no outline'
		return ''
	};`

// sizes are those of walks: a desktop, a phone, and a page that is enlarged four times.
var sizes = [][2]int64{{1280, 800}, {360, 640}, {320, 256}}

// longPage is a page with links all along it.
func longPage(w http.ResponseWriter, r *http.Request, head, body []byte) {
	lang := cmp.Or(r.URL.Query().Get("lang"), "fr")
	dir := "ltr"
	if lang == "ar" {
		dir = "rtl"
	}
	fmt.Fprintf(w, `<!doctype html><html lang="%s" dir="%s"><head><meta charset="utf-8">%s<title>Page</title><meta name="viewport" content="width=device-width, initial-scale=1"></head><body>%s
<header><a href="/top">Top</a></header><main><h1>Page</h1>`, lang, dir, head, body)
	for i := range 8 {
		fmt.Fprintf(w, "<p>Text %[1]d.</p><p>Text.</p><p><a href=\"/%[1]d\">Link %[1]d</a></p>\n", i+1)
	}
	fmt.Fprint(w, `</main><footer><a href="/end">End</a></footer></body></html>`)
}

// walks opens the long page in each size, in a language from left to right or from right
// to left; in both where TEMOIN_TORTURE is set.
func walks(t *testing.T, scripts bool, do func(v *visit)) {
	for i, size := range sizes {
		for j, lang := range []string{"fr", "ar"} {
			if i%2 != j && os.Getenv("TEMOIN_TORTURE") == "" {
				continue
			}
			t.Run(fmt.Sprintf("%dx%d/%s", size[0], size[1], lang), func(t *testing.T) {
				v := start(t, Config{Page: longPage})
				v.Scripts(scripts)
				v.Do(chromedp.EmulateViewport(size[0], size[1]), chromedp.Navigate(v.site.URL+"/?lang="+lang))
				do(v)
				v.quiet()
			})
		}
	}
}

// throughTheNotice and through are the walks from the top of the page to its end, and back.
const (
	throughTheNotice = `
		Tab        notice: text
		Tab        notice: recipients
		Tab        notice: policy
		Tab        notice: accept
		Tab        notice: refuse
		Tab        notice: choose
		Tab        notice: close`
	through = throughTheNotice + `
		Tab        page: /top
		Tab        page: /1
		Tab        page: /2
		Tab        page: /3
		Tab        page: /4
		Tab        page: /5
		Tab        page: /6
		Tab        page: /7
		Tab        page: /8
		Tab        page: /end`
	back = `
		Shift+Tab  page: /8
		Shift+Tab  page: /7
		Shift+Tab  page: /6
		Shift+Tab  page: /5
		Shift+Tab  page: /4
		Shift+Tab  page: /3
		Shift+Tab  page: /2
		Shift+Tab  page: /1
		Shift+Tab  page: /top
		Shift+Tab  notice: close
		Shift+Tab  notice: choose
		Shift+Tab  notice: refuse
		Shift+Tab  notice: accept
		Shift+Tab  notice: policy
		Shift+Tab  notice: recipients
		Shift+Tab  notice: text`
)

func TestTabLeadsThroughTheFirstLayerAndThePageAndBack(t *testing.T) {
	walks(t, true, func(v *visit) {
		v.walk(through)
		v.walk(back)
		if got := v.choices(); len(got) != 0 {
			v.t.Errorf("walking sent %+v", got)
		}
	})
}

func TestEscapeRefusesAndTheFocusGoesBackToThePage(t *testing.T) {
	walks(t, true, func(v *visit) {
		v.walk(throughTheNotice + `
		Tab        page: /top
		Tab        page: /1
		Escape     page: /1`) // outside of the notice it means nothing
		v.holds(`shown(part('notice'))`)
		v.walk(`
		Shift+Tab  page: /top
		Shift+Tab  notice: close
		Escape     page: /top
		Tab        page: /1`)
		v.until(`temoin.choice`)
		v.holds(`!shown(part('notice')) && !temoin.allows('analytics')`)
		if got := v.choices(); len(got) != 1 || got[0].Action != "close" {
			v.t.Errorf("sent: %+v", got)
		}
	})
}

func TestAChoiceByKeyboardLeadsToTheHeadingOfThePage(t *testing.T) {
	walks(t, true, func(v *visit) {
		v.walk(`
		Tab        notice: text
		Tab        notice: recipients
		Tab        notice: policy
		Tab        notice: accept
		Enter      page: heading
		Tab        page: /1`)
		v.until(`temoin.allows('analytics')`)
	})
}

func TestTheSecondLayerKeepsTheFocusUntilItIsLeft(t *testing.T) {
	const rest = `
		Tab        dialog: functional off
		Tab        dialog: support off
		Tab        dialog: save
		Tab        dialog: accept
		Tab        dialog: refuse
		Tab        dialog: leave
		Tab        the browser`
	walks(t, true, func(v *visit) {
		again := ""
		if browsertest.Evaluate[bool](v.Tab, `innerHeight < 300`) {
			again = `
		Tab        dialog: itself` // it scrolls
		}
		v.walk(throughTheNotice + `
		Shift+Tab  notice: choose
		Enter      dialog: analytics off` + rest + again + `
		Tab        dialog: analytics off` + rest + again + `
		Tab        dialog: analytics off
		Space      dialog: analytics on
		Escape     notice: choose`)
		if got := v.choices(); len(got) != 0 {
			v.t.Errorf("leaving sent %+v", got)
		}
		v.holds(`shown(part('notice'))`)
		v.walk(`
		Enter      dialog: analytics on
		Tab        dialog: functional off
		Tab        dialog: support off
		Tab        dialog: save
		Tab        dialog: accept
		Tab        dialog: refuse
		Tab        dialog: leave
		Enter      notice: choose
		Space      dialog: analytics on
		Tab        dialog: functional off
		Space      dialog: functional on
		Shift+Tab  dialog: analytics on
		Space      dialog: analytics off
		Tab        dialog: functional on
		Tab        dialog: support off
		Tab        dialog: save
		Enter      page: heading`)
		v.until(`temoin.choice`)
		v.holds(`temoin.allows('functional') && !temoin.allows('analytics')`)
	})
}

func TestTheReopenLinkAndThePreferenceCentreByKeyboard(t *testing.T) {
	walks(t, true, func(v *visit) {
		v.walk(`
		Tab        notice: text
		Tab        notice: recipients
		Tab        notice: policy
		Tab        notice: accept
		Enter      page: heading`)
		v.until(`temoin.allows('analytics')`)
		v.Do(chromedp.Reload())
		v.walk(`
		Tab        corner: open
		Tab        page: /top
		Shift+Tab  corner: open
		Enter      centre: heading
		Tab        centre: receipt
		Tab        centre: withdraw
		Tab        centre: more on 1
		Tab        centre: more on 2
		Tab        centre: analytics on
		Tab        centre: more on 3
		Enter      centre: more on 3
		Tab        centre: google-analytics on
		Tab        centre: at policies.google.com
		Tab        centre: hotjar on
		Space      centre: hotjar off
		Tab        centre: at www.hotjar.com
		Tab        centre: functional on
		Tab        centre: more on 4
		Tab        centre: support on
		Tab        centre: more on 5
		Tab        centre: save
		Tab        centre: accept
		Tab        centre: refuse
		Tab        centre: policy
		Tab        centre: leave
		Tab        the browser
		Tab        centre: itself
		Tab        centre: receipt
		Escape     corner: open`)
		if got := v.choices(); len(got) != 1 || !browsertest.Evaluate[bool](v.Tab, `temoin.allows('hotjar')`) {
			v.t.Errorf("leaving sent %+v", got[1:])
		}
		v.walk(`
		Enter      centre: heading
		Tab        centre: receipt
		Tab        centre: withdraw
		Enter      the browser`) // something has run: the page is loaded again
		v.until(`temoin.choice && !temoin.allows('analytics')`)
		v.walk(`
		Tab        corner: open`)
	})
}

func TestWithoutScriptsTheNoticeIsReachedAndPassedByKeyboard(t *testing.T) {
	walks(t, false, func(v *visit) {
		v.walk(through)
		v.walk(back)
	})
}

func TestWithoutScriptsAChoiceByKeyboardLeadsBackToThePage(t *testing.T) {
	walks(t, false, func(v *visit) {
		v.walk(`
		Tab        notice: text
		Tab        notice: recipients
		Tab        notice: policy
		Tab        notice: accept
		Tab        notice: refuse
		Enter      the browser
		Tab        corner: change
		Tab        page: /top
		Shift+Tab  corner: change
		Enter      the browser
		Tab        centre page: /`)
	})
}

func TestWithoutScriptsThePreferenceCentreByKeyboard(t *testing.T) {
	walks(t, false, func(v *visit) {
		v.walk(throughTheNotice + `
		Shift+Tab  notice: choose
		Enter      the browser
		Tab        centre page: /
		Tab        centre page: another language
		Tab        centre page: more on 1
		Enter      centre page: more on 1
		Tab        centre page: at stripe.com
		Shift+Tab  centre page: more on 1
		Space      centre page: more on 1
		Tab        centre page: more on 2
		Tab        centre page: analytics off
		Space      centre page: analytics on
		Tab        centre page: more on 3
		Tab        centre page: functional off
		Tab        centre page: more on 4
		Tab        centre page: support off
		Tab        centre page: more on 5
		Tab        centre page: save
		Tab        centre page: accept
		Tab        centre page: refuse
		Tab        centre page: policy
		Shift+Tab  centre page: refuse
		Shift+Tab  centre page: accept
		Shift+Tab  centre page: save
		Enter      centre page: saved
		Tab        centre page: receipt
		Tab        centre page: withdraw
		Tab        centre page: more on 1
		Tab        centre page: more on 2
		Tab        centre page: analytics on
		Tab        centre page: more on 3
		Tab        centre page: functional off
		Shift+Tab  centre page: more on 3
		Shift+Tab  centre page: analytics on
		Shift+Tab  centre page: more on 2
		Shift+Tab  centre page: more on 1
		Shift+Tab  centre page: withdraw
		Enter      centre page: saved
		Tab        centre page: receipt
		Tab        centre page: more on 1
		Tab        centre page: more on 2
		Tab        centre page: analytics off`)
	})
}

func TestAFieldThatThePageFocusesKeepsTheFocus(t *testing.T) {
	v := start(t, Config{Page: func(w http.ResponseWriter, _ *http.Request, head, body []byte) {
		fmt.Fprintf(w, `<!doctype html><html lang="fr"><head><meta charset="utf-8">%s<title>Page</title></head><body>%s<main><h1>Page</h1><input aria-label="Name" id="name" autofocus></main></body></html>`, head, body)
	}})
	v.until(`focused().id == 'name'`)
	v.walk(`
		Shift+Tab  notice: close`)
	v.quiet()
}

// spaced is the spacing of WCAG 1.4.12 in a page and in the notice.
const spaced = `
	const sheet = new CSSStyleSheet()
	sheet.replaceSync('* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-block-end: 2em !important }')
	document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet]
	if (root) root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];`

// cut names the texts that are shown and cut off, or lie beside the window.
const cut = `[...document.querySelectorAll('main *'), ...(root ? root.querySelectorAll('*') : [])].filter(e => {
		if (!e.checkVisibility() || !/^(h[1-6]|p|li|a|label|button|summary|legend|span)$/.test(e.localName)) return false
		const r = e.getBoundingClientRect()
		return r.left < -1 || r.right > innerWidth + 1 || e.clientWidth && (e.scrollWidth > e.clientWidth + 1 || e.localName == 'button' && e.scrollHeight > e.clientHeight + 1)
	}).map(e => e.localName + ' ' + e.textContent.trim().slice(0, 40)).join('; ')`

func TestTextSpacingOfTheVisitorsOwnCutsNothingAndHidesNoControl(t *testing.T) {
	walks(t, true, func(v *visit) {
		whole := func(layer string) {
			v.t.Helper()
			if bad := browsertest.Evaluate[string](v.Tab, script+cut); bad != "" {
				v.t.Errorf("%s: cut are %s", layer, bad)
			}
			v.Screenshot("spaced-" + layer + "-" + v.t.Name())
		}
		v.do(spaced)
		v.walk(throughTheNotice)
		whole("first")
		v.walk(`
		Shift+Tab  notice: choose
		Enter      dialog: analytics off
		Tab        dialog: functional off
		Tab        dialog: support off
		Tab        dialog: save
		Tab        dialog: accept
		Tab        dialog: refuse`)
		whole("dialog")
		v.walk(`
		Enter      page: heading`)
		v.until(`temoin.choice`)
		v.Do(chromedp.Reload())
		v.do(spaced)
		v.walk(`
		Tab        corner: open`)
		whole("corner")
		v.walk(`
		Enter      centre: heading
		Tab        centre: receipt
		Tab        centre: more on 1
		Enter      centre: more on 1`)
		whole("centre")
		v.Do(chromedp.Navigate(v.site.URL + "/.temoin/"))
		v.do(spaced + `for (const d of document.querySelectorAll('details')) d.open = true`)
		whole("page")
	})
}
