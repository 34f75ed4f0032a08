package notice

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/browsertest"
)

// serve serves pages with the notice in them, and what the notice serves. A choice
// is the one that all visitors have made.
func serve(t testing.TB, n *Notice, c *consent.Choice) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d := decide(n.site, c, consent.Signals{GPC: r.Header.Get("Sec-GPC") == "1", Path: r.URL.Path})
		if strings.HasPrefix(r.URL.Path, n.prefix+"/") {
			n.Serve(w, r, Visit{Choice: c, Decision: d})
			return
		}
		e := n.In(r.URL.Query().Get("lang"))
		scripts, styles := n.Hashes()
		var p Page
		if c != nil { // the scripts look at it
			value := must(must(consent.NewCodec(n.site, make([]byte, 32))).Encode(c))
			p.Mark = consent.Mark(value)
			w.Header().Set("Set-Cookie", n.site.Choice.Cookie+"="+value+"; Path=/")
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; connect-src 'self'; form-action 'self'; base-uri 'none'; script-src 'self' "+
			strings.Join(scripts, " ")+"; style-src "+strings.Join(styles, " "))
		head, body := e.Head(&d, p), e.Body(&d)
		if r.URL.Query().Get("script") == "off" { // the markup as it is without scripts
			head = nil
			body = []byte(strings.Replace(string(body), "<script>"+string(n.chunks["notice"])+"</script>", "", 1))
		}
		fmt.Fprintf(w, `<!doctype html><html lang="%s" dir="%s"><head><meta charset="utf-8">%s<title>A page</title><meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body>%s<main><h1>A page of the site</h1><p>Its text.</p><p><a href="/other">Another page</a></p></main></body></html>`, e.lang, e.writer.Lang.Direction, head, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

const shadow = `document.querySelector('temoin-notice').shadowRoot`

// looks are the themes in the languages that are not alike.
func looks(t *testing.T, do func(t *testing.T, name string, n *Notice, tag string)) {
	for _, theme := range []string{"neutral", "compact", "dsfr"} {
		for _, of := range [][2]string{{"cexro", "fr"}, {"cexro", "ar"}, {"platform", "en"}} {
			t.Run(theme+"/"+of[1], func(t *testing.T) {
				do(t, theme+"-"+of[1], compile(t, look(t, of[0], "theme: "+theme)), of[1])
			})
		}
	}
}

func TestEverybodyCanReadTheNoticeInEveryLook(t *testing.T) {
	looks(t, func(t *testing.T, name string, n *Notice, tag string) {
		address := serve(t, n, nil)
		tab := browsertest.Open(t)
		for _, at := range []struct {
			width  int64
			scheme string
		}{{1280, "light"}, {320, "dark"}} {
			tab.Look(at.width, at.scheme)
			look := fmt.Sprintf("%s-%d-%s", name, at.width, at.scheme)
			for state, path := range map[string]string{"first": "/?script=off&lang=" + tag, "centre": "/.temoin/?lang=" + tag} {
				tab.Do(chromedp.Navigate(address + path))
				check(tab, t, "notice-"+state+"-"+look, at.width)
				if state == "first" {
					browsertest.Evaluate[bool](tab, shadow+`.querySelector('dialog').showModal(), true`)
					check(tab, t, "notice-dialog-"+look, at.width)
				}
			}
		}
	})
}

// check looks at a page: no violation, no scrolling sideways, a picture.
func check(tab *browsertest.Tab, t *testing.T, name string, width int64) {
	t.Helper()
	if wide := browsertest.Evaluate[int64](tab, "document.documentElement.scrollWidth"); wide > width {
		t.Errorf("%s: the page is %d pixels wide", name, wide)
	}
	tab.Accessible(name)
	tab.Screenshot(name)
}

// visible says what of the first layer's actions is cut, and how much of the window
// the notice takes.
const visible = `(() => {
	const root = ` + shadow + `, section = root.querySelector('section'), box = section.getBoundingClientRect(), bad = [];
	const most = innerWidth > 640 && innerHeight > 420 ? .66 : .5;
	if (innerHeight - box.top > innerHeight * most + .5) bad.push('it covers ' + (innerHeight - box.top) + ' of ' + innerHeight);
	for (const b of section.querySelectorAll('button')) {
		const r = b.getBoundingClientRect();
		if (r.top < box.top || r.bottom > innerHeight || r.left < 0 || r.right > innerWidth) bad.push(b.textContent + ' is cut');
		if (b.scrollWidth > b.clientWidth + 1 || b.scrollHeight > b.clientHeight + 1) bad.push(b.textContent + ' is wider than its button');
		if (r.width < 24 || r.height < 24) bad.push(b.textContent + ' is too small');
		if (root.elementFromPoint(r.left + r.width / 2, r.top + r.height / 2) !== b) bad.push(b.textContent + ' is covered');
	}
	const text = section.querySelector('[part=text]');
	if (text.clientHeight < 40) bad.push('its text has ' + text.clientHeight + ' pixels');
	if (text.scrollWidth > text.clientWidth) bad.push('its text scrolls sideways');
	return bad.join('\n');
})()`

func TestOnSmallScreensTheNoticeTakesHalfAndItsActionsStayInSight(t *testing.T) {
	for _, theme := range []string{"neutral", "compact", "dsfr"} {
		for _, of := range [][2]string{{"cexro", "fr"}, {"pix2clip", "fr"}, {"platform", "fr"}, {"cexro", "ar"}} {
			t.Run(theme+"/"+of[0]+"/"+of[1], func(t *testing.T) {
				address := serve(t, compile(t, look(t, of[0], "theme: "+theme)), nil)
				tab := browsertest.Open(t)
				for _, size := range [][2]int64{{320, 256}, {360, 640}, {640, 360}, {768, 1024}, {1280, 720}} {
					tab.Do(chromedp.EmulateViewport(size[0], size[1]), chromedp.Navigate(address+"/?script=off&lang="+of[1]))
					name := fmt.Sprintf("notice-small-%s-%s-%s-%dx%d", theme, of[0], of[1], size[0], size[1])
					if bad := browsertest.Evaluate[string](tab, visible); bad != "" {
						t.Errorf("%s:\n%s", name, bad)
					}
					window(t, tab, name)
				}
			})
		}
	}
}

// window writes a picture of what the window shows: one of a whole page that reads from
// right to left shows another part of it.
func window(t *testing.T, tab *browsertest.Tab, name string) {
	t.Helper()
	folder := os.Getenv("TEMOIN_SCREENSHOTS")
	if folder == "" {
		return
	}
	picture, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheTextScrollsByKeyboard(t *testing.T) {
	address := serve(t, compile(t, site(t, "cexro")), nil)
	tab := browsertest.Open(t)
	tab.Do(chromedp.EmulateViewport(320, 256), chromedp.Navigate(address+"/?script=off&lang=fr"), chromedp.KeyEvent(kb.Tab))
	if at := browsertest.Evaluate[string](tab, shadow+`.activeElement?.getAttribute('part') ?? ''`); at != "text" {
		t.Fatalf("Tab leads to %q first", at)
	}
	tab.Do(chromedp.KeyEvent(kb.End))
	moved := browsertest.Evaluate[bool](tab, `new Promise((done) => {
		const text = `+shadow+`.querySelector('[part=text]');
		const look = () => text.scrollTop > 0 ? done(true) : requestAnimationFrame(look);
		look();
	})`)
	if !moved {
		t.Error("End does not scroll it")
	}
}

func TestTheKeyboardReachesEverythingInItsOrder(t *testing.T) {
	address := serve(t, compile(t, site(t, "cexro")), nil)
	tab := browsertest.Open(t)
	tab.Do(chromedp.Navigate(address + "/?script=off&lang=fr"))
	var order []string
	for range 8 {
		tab.Do(chromedp.KeyEvent(kb.Tab))
		order = append(order, browsertest.Evaluate[string](tab, `(() => {
			const e = `+shadow+`.activeElement ?? document.activeElement;
			return e.getAttribute('part') ?? e.textContent;
		})()`))
	}
	want := "text|Destinataires des données|Politique de cookies|button accept|button refuse|button choose|close|Another page"
	if got := strings.Join(order, "|"); got != want {
		t.Errorf("Tab leads to %s", got)
	}
}

func TestTextSpacingOfTheVisitorsOwnLosesNothing(t *testing.T) {
	for _, theme := range []string{"neutral", "compact", "dsfr"} {
		address := serve(t, compile(t, look(t, "cexro", "theme: "+theme)), nil)
		tab := browsertest.Open(t)
		for _, width := range []int64{360, 1280} {
			tab.Do(chromedp.EmulateViewport(width, 900), chromedp.Navigate(address+"/?script=off&lang=fr"))
			bad := browsertest.Evaluate[string](tab, `(() => {
				const sheet = new CSSStyleSheet();
				sheet.replaceSync('* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-block-end: 2em !important }');
				`+shadow+`.adoptedStyleSheets = [sheet];
				return `+visible+`;
			})()`)
			if bad != "" {
				t.Errorf("%s, %d pixels wide:\n%s", theme, width, bad)
			}
			tab.Screenshot(fmt.Sprintf("notice-spaced-%s-%d", theme, width))
		}
	}
}

func TestAcceptingAndRefusingLookTheSame(t *testing.T) {
	looks(t, func(t *testing.T, name string, n *Notice, tag string) {
		address := serve(t, n, nil)
		tab := browsertest.Open(t)
		for _, scheme := range []string{"light", "dark"} {
			tab.Look(1280, scheme)
			tab.Do(chromedp.Navigate(address + "/?script=off&lang=" + tag))
			differ := browsertest.Evaluate[string](tab, `(() => {
				const root = `+shadow+`, bad = [];
				root.querySelector('dialog').showModal();
				for (const where of ['section', 'dialog']) {
					const [a, r] = ['accept', 'refuse'].map((p) => root.querySelector(where + ' [part~=' + p + ']'));
					const [x, y] = [a, r].map((e) => getComputedStyle(e));
					for (const p of x) {
						// where the two stand, and what follows from it
						if (/origin|^(inset|left|right|top|bottom)/.test(p)) continue;
						if (x.getPropertyValue(p) !== y.getPropertyValue(p)) bad.push(where + ' ' + p + ': ' + x.getPropertyValue(p) + ', ' + y.getPropertyValue(p));
					}
					if (a.tagName !== r.tagName || a.nextElementSibling !== r) bad.push(where + ': they are not beside each other');
				}
				return bad.join('\n');
			})()`)
			if differ != "" {
				t.Errorf("%s, %s:\n%s", name, scheme, differ)
			}
		}
	})
}

func TestPlaceholdersAndTheCentreAfterAChoiceAreForEverybody(t *testing.T) {
	looks(t, func(t *testing.T, name string, n *Notice, tag string) {
		service, src := "hotjar", "https%3A%2F%2Fstatic.hotjar.com%2Fx"
		if n.site.ID == "platform" {
			service, src = "google-analytics", "https%3A%2F%2Fwww.google-analytics.com%2Fx"
		}
		address := serve(t, n, choose(t, n.site, "analytics", service))
		tab := browsertest.Open(t)
		for scheme, width := range map[string]int64{"light": 1280, "dark": 320} {
			tab.Look(width, scheme)
			tab.Do(chromedp.Navigate(address + "/.temoin/placeholder/" + service + "?src=" + src + "&lang=" + tag))
			check(tab, t, fmt.Sprintf("notice-placeholder-%s-%d-%s", name, width, scheme), width)
			tab.Do(chromedp.Navigate(address + "/.temoin/?lang=" + tag))
			browsertest.Evaluate[bool](tab, `document.querySelectorAll('details').forEach((d) => d.open = true), true`)
			check(tab, t, fmt.Sprintf("notice-chosen-%s-%d-%s", name, width, scheme), width)
		}
	})
}

func TestWhatStaysAfterAChoiceIsSmallAndForEverybody(t *testing.T) {
	looks(t, func(t *testing.T, name string, n *Notice, tag string) {
		c := choose(t, n.site, "analytics")
		d := decide(n.site, c, consent.Signals{})
		if size := packed(t, n.In(tag).Body(&d)); d.Notice == consent.NoNotice && size > maxQuiet {
			t.Errorf("%s: %d bytes stand in each page, more than %d", name, size, maxQuiet)
		}
		address := serve(t, n, c)
		tab := browsertest.Open(t)
		for scheme, path := range map[string]string{"light": "/#temoin", "dark": "/other"} {
			tab.Look(360, scheme)
			tab.Do(chromedp.Navigate(address + strings.Replace(path, "#", "?lang="+tag+"#", 1)))
			check(tab, t, "notice-after-"+name+"-"+scheme, 360)
		}
		shown := browsertest.Evaluate[string](tab, shadow+`.querySelector('[part=open]').textContent`)
		if shown == "" {
			t.Error("the button has no label")
		}
	})
}

// What stands in a page's body when nothing is asked.
const maxQuiet = 800

func TestAPlaceholderFitsASmallFrame(t *testing.T) {
	n := compile(t, site(t, "cexro"))
	address := serve(t, n, nil)
	tab := browsertest.Open(t)
	for _, size := range [][2]int64{{300, 150}, {560, 315}, {1000, 600}} {
		tab.Do(chromedp.EmulateViewport(size[0], size[1]), chromedp.Navigate(address+"/.temoin/placeholder/hotjar?lang=fr&src=https%3A%2F%2Fstatic.hotjar.com%2Fx"))
		if wide := browsertest.Evaluate[int64](tab, "document.documentElement.scrollWidth"); wide > size[0] {
			t.Errorf("at %v it is %d pixels wide", size, wide)
		}
		window(t, tab, fmt.Sprintf("notice-placeholder-frame-%dx%d", size[0], size[1]))
	}
}

func TestInForcedColorsEverythingIsSeenAndInPrintNothing(t *testing.T) {
	address := serve(t, compile(t, site(t, "cexro")), nil)
	tab := browsertest.Open(t)
	media := func(p emulation.SetEmulatedMediaParams) {
		tab.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, p)
			return err
		}))
	}
	tab.Do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(address+"/?script=off&lang=fr"))
	media(emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "forced-colors", Value: "active"}}})
	plain := browsertest.Evaluate[string](tab, `[...`+shadow+`.querySelectorAll('section, section button')].filter((e) => {
		const s = getComputedStyle(e);
		return s.borderTopWidth === '0px' || s.borderTopColor === s.backgroundColor;
	}).map((e) => e.textContent).join('; ')`)
	if plain != "" {
		t.Errorf("without an edge: %s", plain)
	}
	window(t, tab, "notice-forced-colors")
	browsertest.Evaluate[bool](tab, shadow+`.querySelector('[value=analytics]').checked = true, `+shadow+`.querySelector('dialog').showModal(), true`)
	window(t, tab, "notice-forced-colors-dialog")
	media(emulation.SetEmulatedMediaParams{Media: "print"})
	if shown := browsertest.Evaluate[string](tab, `getComputedStyle(document.querySelector('temoin-notice')).display`); shown != "none" {
		t.Errorf("in print its display is %s", shown)
	}
}

// What a page says of all its elements does not reach the notice.
func TestThePagesStylesDoNotReachTheNotice(t *testing.T) {
	address := serve(t, compile(t, site(t, "cexro")), nil)
	tab := browsertest.Open(t)
	tab.Do(chromedp.EmulateViewport(1280, 720), chromedp.Navigate(address+"/?script=off&lang=fr"))
	const picture = `(() => [...` + shadow + `.querySelectorAll('section, section *')].map((e) => {
		const r = e.getBoundingClientRect(), s = getComputedStyle(e);
		return [e.tagName, r.x, r.y, r.width, r.height, s.color, s.backgroundColor, s.fontSize, s.fontFamily, s.visibility, s.opacity].join();
	}).join('\n'))()`
	before := browsertest.Evaluate[string](tab, picture)
	browsertest.Evaluate[bool](tab, `(() => {
		const sheet = new CSSStyleSheet();
		sheet.replaceSync(`+"`"+`html { font-size: 40px } body { display: flex; gap: 50px; font-family: monospace; text-align: center; line-height: 3 }
			* { color: red; font-size: 30px; letter-spacing: 5px; margin: 20px; opacity: .5 }
			body > * { position: relative; display: inline; transform: scale(.5); visibility: hidden; z-index: 1 } temoin-notice { display: none }`+"`"+`);
		document.adoptedStyleSheets = [sheet];
		return true;
	})()`)
	if after := browsertest.Evaluate[string](tab, picture); after != before {
		t.Errorf("it was\n%s\nand is\n%s", before, after)
	}
}

func TestAPagesCustomPropertiesAndPartsDo(t *testing.T) {
	address := serve(t, compile(t, site(t, "cexro")), nil)
	tab := browsertest.Open(t)
	tab.Do(chromedp.Navigate(address + "/?script=off&lang=fr"))
	got := browsertest.Evaluate[string](tab, `(() => {
		const sheet = new CSSStyleSheet();
		sheet.replaceSync(':root { --temoin-accent: #123456 } temoin-notice::part(title) { font-style: italic }');
		document.adoptedStyleSheets = [sheet];
		const of = (q) => getComputedStyle(`+shadow+`.querySelector(q));
		return of('[part~=refuse]').backgroundColor + ' ' + of('h2').fontStyle;
	})()`)
	if got != "rgb(18, 52, 86) italic" {
		t.Errorf("the style is %s", got)
	}
}
