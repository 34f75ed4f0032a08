// Package browsertest gives tests a tab in a real Chromium. All tests of one
// package share a browser; each tab has a profile of its own, so that no cookie
// crosses over. Where Chromium is missing a test is skipped with a line that
// says so, and fails when CI is set: there it must have been installed
// (scripts/need chromium).
package browsertest

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// programs are the names that Chromium goes by.
var programs = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

func find() (string, bool) {
	if file := os.Getenv("TEMOIN_CHROMIUM"); file != "" {
		return file, true
	}
	for _, p := range programs {
		if file, err := exec.LookPath(p); err == nil {
			return file, true
		}
	}
	return "", false
}

// options are what every Chromium of the tests is started with.
func options() []chromedp.ExecAllocatorOption {
	file, _ := find()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(file),
		chromedp.NoSandbox, // the pages are our own, and root has no sandbox
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		// Besides what chromedp switches off: the time and what forms are about, which
		// Chromium would ask of Google for each page; and the pages of its own that it
		// opens behind the address field of each window, which cost more than the test's.
		chromedp.Flag("disable-features", "Translate,BlinkGenPropertyTrees,NetworkTimeServiceQuerying,AutofillServerCommunication,WebUIOmniboxPopup,WebUIOmniboxAimPopup"),
	)
	if len(trusted) > 0 {
		opts = append(opts, chromedp.Flag("ignore-certificate-errors-spki-list", strings.Join(trusted, ",")))
	}
	return opts
}

var browser = sync.OnceValues(func() (context.Context, error) {
	started.Store(true)
	// The browser ends with the test process, whose pipe it reads.
	allocator, _ := chromedp.NewExecAllocator(context.Background(), options()...)
	ctx, _ := chromedp.NewContext(allocator)
	return ctx, chromedp.Do(ctx)
})

// A Tab is one page in a profile of its own.
type Tab struct {
	context.Context
	t     testing.TB
	quit  func() error // ends the Chromium of Profile; nil in the shared one
	still bool         // pages run no scripts

	mu       sync.Mutex
	messages []string
	requests []string
}

// Open opens a tab that closes with the test.
func Open(t testing.TB) *Tab {
	t.Helper()
	return shared(t, chromedp.WithNewBrowserContext())
}

// shared opens a tab in the browser that the tests of a package share.
func shared(t testing.TB, opts ...chromedp.ContextOption) *Tab {
	t.Helper()
	need(t)
	b, err := browser()
	if err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	return open(t, b, opts...)
}

// need skips the test where Chromium is missing, or fails it in CI.
func need(t testing.TB) {
	t.Helper()
	if _, ok := find(); ok {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("Chromium is missing: run scripts/need chromium")
	}
	t.Skip("Chromium is missing: scripts/need chromium installs it")
}

// open opens a tab in the browser, and profile, of a context.
func open(t testing.TB, parent context.Context, opts ...chromedp.ContextOption) *Tab {
	t.Helper()
	tab := &Tab{t: t}
	ctx, cancel := chromedp.NewContext(parent, append(opts, chromedp.WithListener(tab.hear))...)
	tab.begin(ctx, cancel)
	return tab
}

// begin makes a context the tab's own, for a minute at most, and listens to its
// console.
func (tab *Tab) begin(ctx context.Context, cancel func()) {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	tab.Context = ctx
	tab.t.Cleanup(func() { stop(); cancel() })
	console := chromedp.Console(ctx)
	go func() {
		for m, err := range console {
			if err != nil {
				return
			}
			tab.mu.Lock()
			tab.messages = append(tab.messages, string(m.Type)+": "+m.Text)
			tab.mu.Unlock()
		}
	}()
}

// Do runs actions; a failure ends the test.
func (tab *Tab) Do(actions ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	if err := chromedp.Do(tab, actions...); err != nil {
		tab.t.Fatal(err)
	}
}

// Look sets the width of the window in CSS pixels and the color scheme, "light"
// or "dark".
func (tab *Tab) Look(width int64, scheme string) {
	tab.t.Helper()
	tab.Do(chromedp.EmulateViewport(width, 900), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
}

// Evaluate runs a script in the tab and returns its value, or that of the
// promise it returns.
func Evaluate[T any](tab *Tab, script string) T {
	tab.t.Helper()
	v, err := chromedp.Run(tab, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		tab.t.Fatal(err)
	}
	return v
}

// Until waits until an expression holds, with what stands before it, even where another
// page is loaded meanwhile. What it throws counts as no. The error says that it did not
// come to that within 20 seconds.
func (tab *Tab) Until(before, expression string) error {
	ctx, stop := context.WithTimeout(tab, 20*time.Second)
	defer stop()
	again := "setTimeout(look, 5)"
	if tab.still { // its pages have no timers
		again = "ok(false)"
	}
	look := fmt.Sprintf("new Promise(ok => { const look = () => { %s; let is; try { is = %s } catch {}; is ? ok(true) : %s }; look() })", before, expression, again)
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](look, chromedp.EvalAwaitPromise))
		if ok {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("it did not come to %s: %w", expression, cmp.Or(err, ctx.Err()))
		}
		if tab.still {
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
}

// Messages returns what the console has shown so far, errors of the page among it.
func (tab *Tab) Messages() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return append([]string(nil), tab.messages...)
}

// Screenshot writes the whole page as a picture into the folder that
// TEMOIN_SCREENSHOTS names, for people to look at; without one it does nothing.
func (tab *Tab) Screenshot(name string) {
	tab.t.Helper()
	tab.picture(name, chromedp.FullScreenshot(100))
}

// Window is Screenshot of what the window shows.
func (tab *Tab) Window(name string) {
	tab.t.Helper()
	tab.picture(name, chromedp.CaptureScreenshot())
}

func (tab *Tab) picture(name string, take chromedp.Action[[]byte]) {
	tab.t.Helper()
	folder := os.Getenv("TEMOIN_SCREENSHOTS")
	if folder == "" {
		return
	}
	picture, err := chromedp.Run(tab, take)
	if err != nil {
		tab.t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		tab.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, strings.ReplaceAll(name, "/", "-")+".png"), picture, 0o644); err != nil {
		tab.t.Fatal(err)
	}
}
