package sitetest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/internal/browsertest"
)

// A cell is one state of the notice in one look.
type cell struct {
	state       string
	lang, theme string
	scripts     bool
	strict      bool // the page's Content-Security-Policy
	width       int64
}

func (c cell) String() string {
	name := []string{c.state, c.theme, c.lang, "plain", "free", fmt.Sprint(c.width)}
	if c.scripts {
		name[3] = "scripts"
	}
	if c.strict {
		name[4] = "strict"
	}
	return strings.Join(name, "/")
}

// scheme is light on narrow screens for one half of the cells, on wide ones for the other.
func (c cell) scheme() string {
	if (c.width > 1000) == c.strict {
		return "light"
	}
	return "dark"
}

// site is the example that has the language.
func (c cell) site() string {
	if c.lang == "en" {
		return "platform"
	}
	return "cexro"
}

// page is an address of the site in the look of the cell.
func (c cell) page(path string) string {
	path += "?lang=" + c.lang
	if !c.strict {
		path += "&csp=none"
	}
	return path
}

// A stand is a site of the matrix, with the consent cookie of somebody who accepted an
// earlier version of it.
type stand struct {
	*visit
	before string
}

// A state is how a page can be met.
type state struct {
	name          string
	with, without bool // scripts
	reach         func(v *stand, c cell)
	is            string // what holds then
}

// states are all that concern the notice. The preference centre as a page and placeholders
// have no scripts, and a policy of their own.
var states = []state{
	{"first", true, true, func(v *stand, c cell) { v.open(c.page("/")) }, `shown(part('notice'))`},
	{"again", true, true, func(v *stand, c cell) {
		v.cookie(v.before)
		v.open(c.page("/"))
	}, `shown(part('notice')) && part('notice').querySelector('[name=asked]').value == 'analytics'`},
	{"signal", true, true, func(v *stand, c cell) {
		v.header("Sec-GPC", "1")
		v.open(c.page("/"))
	}, `shown(part('notice'))`},
	{"dialog", true, false, func(v *stand, c cell) {
		v.open(c.page("/"))
		v.do(`press('choose')`)
	}, `part('dialog').matches(':modal')`},
	{"failed", true, false, func(v *stand, c cell) {
		v.open(c.page("/"))
		v.answers(func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		})
		v.do(`press('accept')`)
		v.until(`part('status').textContent && shown(part('notice'))`)
	}, `shown(part('status'))`},
	{"saved", true, false, func(v *stand, c cell) {
		v.open(c.page("/"))
		v.do(`press('accept')`)
		v.until(`part('status').textContent`)
	}, `shown(part('status')) && shown(part('open'))`},
	{"saved", false, true, func(v *stand, c cell) {
		v.open(c.page("/"))
		v.click(`press('accept')`, `location.hash == '#temoin' && part('saved')`)
	}, `shown(part('saved')) && !part('notice')`},
	{"quiet", true, true, func(v *stand, c cell) {
		v.refused(c)
		v.open(c.page("/later"))
	}, `shown(part('open')) && !part('notice')`},
	{"centre", true, false, func(v *stand, c cell) {
		v.refused(c)
		v.open(c.page("/later"))
		v.opened()
		v.do(`for (const d of ` + dialog + `.querySelectorAll('details')) d.open = true`)
	}, dialog + `.matches(':modal')`},
	{"centre page", false, true, func(v *stand, c cell) { v.open("/.temoin/?lang=" + c.lang) }, `document.querySelector('[name=allow]')`},
	{"placeholder", false, true, func(v *stand, c cell) {
		v.open("/.temoin/placeholder/google-analytics?src=https%3A%2F%2Fwww.google-analytics.com%2Fx&lang=" + c.lang)
	}, `document.querySelector('main a')`},
}

// cells are all of the matrix.
func cells() []cell {
	var all []cell
	for _, s := range states {
		for _, scripts := range []bool{true, false} {
			if scripts && !s.with || !scripts && !s.without {
				continue
			}
			for _, lang := range []string{"fr", "ar", "en"} {
				if lang == "en" && s.name == "signal" {
					continue // the site of this language asks about nothing but what the signal says nothing about
				}
				for _, theme := range []string{"neutral", "compact", "dsfr"} {
					for _, strict := range []bool{true, false} {
						if !strict && (s.name == "centre page" || s.name == "placeholder") {
							continue
						}
						all = append(all, cell{s.name, lang, theme, scripts, strict, 1280}, cell{s.name, lang, theme, scripts, strict, 360})
					}
				}
			}
		}
	}
	return all
}

// A tenth of the matrix in which each state, language, theme, policy and width is met;
// all of it where TEMOIN_TORTURE is set.
func TestEverybodyCanUseEveryStateInEveryLook(t *testing.T) {
	every := 13
	if os.Getenv("TEMOIN_TORTURE") != "" {
		every = 1
	}
	sites := map[string]*stand{}
	for i, c := range cells() {
		if i%every != 0 {
			continue
		}
		at := c.site() + c.theme
		if sites[at] == nil {
			sites[at] = inTheme(t, c)
		}
		t.Run(c.String(), func(t *testing.T) { sites[at].looksAt(t, c) })
	}
}

// looksAt reaches the state and looks at it.
func (v *stand) looksAt(t *testing.T, c cell) {
	v.t, v.Tab = t, browsertest.Open(t)
	v.answers(nil)
	v.Look(c.width, c.scheme())
	v.Scripts(c.scripts)
	for _, s := range states {
		if s.name == c.state && (c.scripts && s.with || !c.scripts && s.without) {
			s.reach(v, c)
			v.holds(s.is)
		}
	}
	v.Scripts(true) // for axe: what was loaded stays as it is
	if wide := browsertest.Evaluate[string](v.Tab, script+sideways); wide != "" {
		t.Errorf("it scrolls sideways: %s", wide)
	}
	v.Accessible(c.String())
	v.Screenshot("state-" + c.String())
	for _, m := range v.Messages() {
		if c.state != "failed" || !strings.Contains(m, "the server responded with a status of 503") {
			t.Errorf("the page says %s", m)
		}
	}
}

// sideways names what is wider than there is room for.
const sideways = `[document.documentElement, ...(root ? root.querySelectorAll('section, dialog[open], [part=text]') : [])]
	.filter(e => e.scrollWidth > e.clientWidth).map(e => e.localName + ' ' + e.scrollWidth + ' > ' + e.clientWidth).join()`

// inTheme starts the example in a theme, after a version of it under which somebody has
// accepted everything, and which had a service less.
func inTheme(t *testing.T, c cell) *stand {
	t.Helper()
	_, src, err := examples.Manifest(c.site(), false)
	if err != nil {
		t.Fatal(err)
	}
	earlier := string(src)
	replace := func(s, old, now string) string {
		if strings.Count(s, old) != 1 {
			t.Fatalf("the example has no single %q", old)
		}
		return strings.Replace(s, old, now, 1)
	}
	if c.site() == "cexro" {
		earlier = replace(earlier, "\n  support:\n    title:", "\n  support:\n    advertising: true\n    title:")
	}
	if look := "\n  theme: " + c.theme + "\n"; strings.Contains(earlier, "\nnotice:\n") {
		earlier = replace(earlier, "\nnotice:\n", "\nnotice:"+look)
	} else {
		earlier += "\nnotice:" + look
	}
	v := &stand{visit: &visit{t: t}}
	config := Config{Manifest: earlier, Store: t.TempDir(), CSP: true}
	t.Run("before", func(t *testing.T) {
		before := &visitor{t: t, site: Start(t, c.site(), config)}
		f := form(before.get("/.temoin/"))
		f.Set("action", "accept")
		before.post(f)
		v.before = before.cookie
	})
	config.Manifest = replace(earlier, "\nservices:\n", "\nservices:\n  - use: mixpanel\n    category: analytics\n")
	config.Wrap = func(node http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { v.front(node, w, r) })
	}
	config.Page = func(w http.ResponseWriter, r *http.Request, head, body []byte) {
		if r.URL.Query().Get("csp") == "none" {
			w.Header().Del("Content-Security-Policy")
		}
		longPage(w, r, head, body)
	}
	v.site = Start(t, c.site(), config)
	return v
}

// open opens a page of the site.
func (v *visit) open(path string) { v.t.Helper(); v.Do(chromedp.Navigate(v.site.URL + path)) }

// click does what leads to another page, on which something holds.
func (v *visit) click(js, expression string) {
	v.t.Helper()
	browsertest.Evaluate[bool](v.Tab, script+js+`, true`)
	v.comes(expression)
}

// comes looks until something holds in a page that is loaded, in pages without scripts too.
func (v *visit) comes(expression string) {
	v.t.Helper()
	for v.Err() == nil {
		if ok, err := chromedp.Run(v.Tab, chromedp.Evaluate[bool](script+`document.readyState == 'complete' && !!(`+expression+`)`)); ok && err == nil {
			return
		}
	}
	v.t.Fatalf("it never holds that %s", expression)
}

// refused refuses, with scripts or without.
func (v *stand) refused(c cell) {
	v.t.Helper()
	v.open(c.page("/"))
	if c.scripts {
		v.do(`press('refuse')`)
		v.until(`temoin.choice`)
		return
	}
	v.click(`press('refuse')`, `location.hash == '#temoin'`)
}

// cookie gives the browser a cookie of the site, "name=value".
func (v *visit) cookie(pair string) {
	v.t.Helper()
	name, value, _ := strings.Cut(pair, "=")
	v.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: v.site.URL})
		return err
	}))
}

// header sends a header with every request.
func (v *visit) header(name, value string) {
	v.t.Helper()
	v.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{name: value}})
		return err
	}))
}

// The page on accessibility names the tests that hold what it says.
func TestTheTestsThatThePageOnAccessibilityNamesExist(t *testing.T) {
	page, err := os.ReadFile("../../docs/accessibility.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests []byte
	for _, pattern := range []string{"*_test.go", "../notice/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tests = append(tests, src...)
		}
	}
	named := regexp.MustCompile("`(Test[A-Za-z]+)`").FindAllSubmatch(page, -1)
	if len(named) < 10 {
		t.Errorf("it names %d", len(named))
	}
	for _, name := range named {
		if !bytes.Contains(tests, append(append([]byte("func "), name[1]...), '(')) {
			t.Errorf("there is no %s", name[1])
		}
	}
}
