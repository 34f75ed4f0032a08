package demo

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// The pictures of the README are what this test sees: make pictures.
func TestAFirstVisitIsAskedAtOnceInTheWindowAndNobodyElseIs(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	for _, c := range []struct {
		site, accept, scheme string
		width, height        int64
	}{
		{"pix2clip", "en", "light", 1100, 700},
		{"platform", "fr", "dark", 1100, 700},
		{"cexro", "ar", "light", 400, 760},
	} {
		v := w.open(t, c.site, "/robots.txt")
		v.Do(chromedp.EmulateViewport(c.width, c.height), chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
			media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: c.scheme}}}
			if _, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, media); err != nil {
				return err
			}
			agent, err := chromedp.Run(ctx, chromedp.Evaluate[string]("navigator.userAgent"))
			if err != nil {
				return err
			}
			_, err = cdp.Call(ctx, tab, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent, AcceptLanguage: c.accept})
			return err
		}))
		v.to("/")
		v.until("notice() && document.readyState == 'complete'")
		v.is("whether the notice is in the window", `(() => { const r = notice().getBoundingClientRect(); return r.top >= 0 && r.bottom <= innerHeight && r.left >= 0 && r.right <= innerWidth })()`, "true")
		v.is("the language of the notice", `part("notice").closest("[lang]")?.lang ?? document.querySelector("temoin-notice").lang`, `"`+c.accept+`"`)
		v.is("what of the notice moved", `await new Promise(ok => {
			const moved = [];
			new PerformanceObserver(l => { for (const e of l.getEntries()) for (const s of e.sources) if (s.node?.getRootNode() == root() || s.node == root().host) moved.push(s.node.outerHTML) }).observe({type: "layout-shift", buffered: true});
			requestAnimationFrame(() => requestAnimationFrame(() => ok(moved)));
		})`, "[]")
		if asked := v.asked(); len(asked) > 0 {
			t.Errorf("%s: others are asked: %q", c.site, asked)
		}
		v.Window("first-" + c.site)
		v.holds()
	}
}
