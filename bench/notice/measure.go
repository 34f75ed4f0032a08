package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
)

// A profile is a slow machine, and perhaps a slow network.
type profile struct {
	name  string
	net   *network.Conditions
	query string // how the page is asked for
}

var profiles = []profile{
	{"CPU 4x", nil, ""},
	{"CPU 4x, slow 4G", &network.Conditions{Latency: 150, DownloadThroughput: 1.6e6 / 8, UploadThroughput: 750e3 / 8}, ""},
	{"CPU 4x, a body that streams for 3 s", nil, "?slowly"},
}

// A load is what one load of the page took.
type load struct {
	FCP, Visible, CLS, Gone float64 // ms but for CLS, which has no unit; Visible and Gone of the notice
	Script, Heap            float64 // ms; kB
}

// watch runs before the page's own scripts: it notes in which frame the button to
// refuse was first in sight, and how the layout moved.
const watch = `(() => {
	const w = window.__watch = {visible: 0, cls: 0, gone: 0};
	new PerformanceObserver(l => { for (const e of l.getEntries()) w.cls += e.value }).observe({type: 'layout-shift', buffered: true});
	w.button = () => document.querySelector('temoin-notice')?.shadowRoot?.querySelector('button[value=refuse]');
	w.seen = () => { const b = w.button(), r = b?.getBoundingClientRect(); return r && r.width && r.top < innerHeight && b.checkVisibility({opacityProperty: true, visibilityProperty: true}); };
	const look = t => { if (!w.visible && w.seen()) w.visible = performance.now(); if (!w.visible && performance.now() < 8e3) requestAnimationFrame(look); };
	if (WATCH) requestAnimationFrame(look);
	addEventListener('click', e => {
		const from = e.timeStamp;
		const look = () => { if (w.seen()) requestAnimationFrame(look); else requestAnimationFrame(() => { w.gone = performance.now() - from; }); };
		requestAnimationFrame(look);
	}, true);
})()`

// measure loads the page with and without the notice, in turn, and prints medians.
func (s *server) measure(rounds int) error {
	l, err := s.listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close() //nolint:errcheck // the program ends
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.Flag("disable-gpu", true))
	if file := os.Getenv("TEMOIN_CHROMIUM"); file != "" {
		opts = append(opts, chromedp.ExecPath(file))
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	defer stop()
	browser, end := chromedp.NewContext(allocator)
	defer end()
	if err := chromedp.Do(browser); err != nil {
		return err
	}
	base := "http://cexro.localhost:" + port(l.Addr().String())
	for _, p := range profiles {
		var loads [3][]load
		for i := range rounds + 1 { // the first one warms up
			for j, at := range []string{"/alone/", "/", "/tag/"} {
				l, err := one(browser, base+at+p.query, p, j > 0)
				if err != nil {
					return err
				}
				if i > 0 {
					loads[j] = append(loads[j], l)
				}
			}
		}
		print(p.name, loads[0], loads[1])
		print(p.name+", by the tag", loads[0], loads[2])
	}
	return nil
}

func port(address string) string {
	for i := len(address) - 1; i >= 0; i-- {
		if address[i] == ':' {
			return address[i+1:]
		}
	}
	return ""
}

// one loads a page twice in profiles of their own: once to see when, once, without a
// watch in it, to see what it costs.
func one(browser context.Context, address string, p profile, notice bool) (load, error) {
	var l load
	err := visit(browser, address, p, notice, func(tab context.Context) error {
		if notice {
			if err := until(tab, "window.__watch.visible"); err != nil {
				return err
			}
		}
		if err := get(tab, &l.FCP, "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"); err != nil {
			return err
		}
		if err := get(tab, &l.CLS, "window.__watch.cls"); err != nil || !notice {
			return err
		}
		var x, y float64
		for _, v := range []struct {
			to     *float64
			script string
		}{{&l.Visible, "window.__watch.visible"}, {&x, "(r => r.x + r.width / 2)(window.__watch.button().getBoundingClientRect())"}, {&y, "(r => r.y + r.height / 2)(window.__watch.button().getBoundingClientRect())"}} {
			if err := get(tab, v.to, v.script); err != nil {
				return err
			}
		}
		if err := chromedp.Do(tab, chromedp.MouseClickXY(x, y)); err != nil {
			return err
		}
		if err := until(tab, "window.__watch.gone"); err != nil {
			return err
		}
		return get(tab, &l.Gone, "window.__watch.gone")
	})
	if err != nil {
		return l, err
	}
	err = visit(browser, address, p, false, func(tab context.Context) error {
		return chromedp.Do(tab, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			if _, err := cdp.Call(ctx, t, heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
				return err
			}
			m, err := cdp.Call(ctx, t, performance.GetMetrics, cdp.Empty{})
			if err != nil {
				return err
			}
			for _, x := range m.Metrics {
				switch x.Name {
				case "ScriptDuration":
					l.Script = x.Value * 1000
				case "JSHeapUsedSize":
					l.Heap = x.Value / 1000
				}
			}
			return nil
		}))
	})
	return l, err
}

// visit opens a page in a profile of its own, waits until it has settled, and does
// something there.
func visit(browser context.Context, address string, p profile, watching bool, do func(tab context.Context) error) error {
	tab, end := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	defer end()
	tab, cancel := context.WithTimeout(tab, 60*time.Second)
	defer cancel()
	script := "const WATCH = " + fmt.Sprint(watching) + ";" + watch
	err := chromedp.Do(tab, chromedp.EmulateViewport(1280, 800), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, performance.Enable, performance.EnableParams{}); err != nil {
			return err
		}
		if _, err := cdp.Call(ctx, t, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: 4}); err != nil {
			return err
		}
		if p.net != nil {
			if _, err := cdp.Call(ctx, t, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{p.net}}); err != nil {
				return err
			}
		}
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	}), chromedp.Navigate(address))
	if err != nil {
		return err
	}
	if err := until(tab, "document.readyState === 'complete' && performance.now() > performance.timing.loadEventEnd - performance.timeOrigin + 900 ? 1 : 0"); err != nil {
		return err
	}
	return do(tab)
}

// get evaluates a number.
func get(tab context.Context, to *float64, script string) (err error) {
	*to, err = chromedp.Run(tab, chromedp.Evaluate[float64](script))
	return err
}

// until waits until a script yields a number other than zero.
func until(tab context.Context, script string) error {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var n float64
		if err := get(tab, &n, script); err != nil || n != 0 {
			return err
		}
	}
	return fmt.Errorf("nothing came of %s", script)
}

func print(name string, alone, with []load) {
	median := func(ls []load, of func(load) float64) float64 {
		var all []float64
		for _, l := range ls {
			all = append(all, of(l))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	fcp := median(alone, func(l load) float64 { return l.FCP })
	fmt.Printf("%s, medians of %d\n", name, len(with))
	fmt.Printf("  first paint of the page alone %.0f ms, with the notice %.0f ms; the notice in sight %.0f ms: %.2f of the page alone\n",
		fcp, median(with, func(l load) float64 { return l.FCP }), median(with, func(l load) float64 { return l.Visible }), median(with, func(l load) float64 { return l.Visible })/fcp)
	fmt.Printf("  script time +%.1f ms, heap +%.0f kB, refusal gone after %.0f ms, layout shift %+.3f\n",
		median(with, func(l load) float64 { return l.Script })-median(alone, func(l load) float64 { return l.Script }),
		median(with, func(l load) float64 { return l.Heap })-median(alone, func(l load) float64 { return l.Heap }),
		median(with, func(l load) float64 { return l.Gone }), median(with, func(l load) float64 { return l.CLS })-median(alone, func(l load) float64 { return l.CLS }))
}
