package browsertest

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// direct are the hosts that no proxy is asked for: the sites under test.
const direct = "*.localhost;localhost;127.0.0.1"

// errands are hosts that a Chromium of its own asks about updates, accounts and the
// time, whatever it is told. They are no business of a page: no proxy sees them, and
// they have no address.
var errands = []string{"update.googleapis.com", "accounts.google.com", "clients2.google.com"}

var (
	trusted []string    // hashes of keys, set before the first browser starts
	started atomic.Bool // whether one has
)

// Trust makes every browser of the process accept certificates of a key, given as
// the base64 of the SHA-256 of its SubjectPublicKeyInfo, whatever else is wrong
// with them. It must be called before the first tab is opened, in TestMain, and
// panics when it comes too late.
func Trust(spki string) {
	if started.Load() {
		panic("browsertest.Trust: a browser runs already; call it in TestMain")
	}
	trusted = append(trusted, spki)
}

// OpenThrough opens a tab, in a profile of its own, that asks a proxy (host:port)
// for everything but localhost, the names below it and 127.0.0.1. It closes with
// the test.
func OpenThrough(t testing.TB, proxy string) *Tab {
	t.Helper()
	return shared(t, chromedp.WithNewBrowserContext(func(p *target.CreateBrowserContextParams) {
		p.ProxyServer, p.ProxyBypassList = "http://"+proxy, direct
	}))
}

// Another opens a second tab in the tab's profile, with the same cookies and the
// same proxy. It closes with the test.
func (tab *Tab) Another() *Tab {
	tab.t.Helper()
	return open(tab.t, tab.Context)
}

// Profile starts a Chromium of its own, which keeps its profile in a folder, and
// returns its tab. With a proxy it is as in OpenThrough; flags of the form
// --name=value are added. Quit ends it, or the end of the test. Started again with
// the same folder it is the same visitor on another day: cookies that last are
// still there, and those of the session are gone.
func Profile(t testing.TB, folder, proxy string, flags ...string) *Tab {
	t.Helper()
	need(t)
	started.Store(true)
	opts := append(options(), chromedp.UserDataDir(folder),
		chromedp.Flag("host-resolver-rules", "MAP "+strings.Join(errands, " ~NOTFOUND, MAP ")+" ~NOTFOUND"))
	if proxy != "" {
		opts = append(opts, chromedp.ProxyServer("http://"+proxy), chromedp.Flag("proxy-bypass-list", direct+";"+strings.Join(errands, ";")))
	}
	for _, f := range flags {
		name, value, _ := strings.Cut(strings.TrimPrefix(f, "--"), "=")
		opts = append(opts, chromedp.Flag(name, value))
	}
	allocator, end := chromedp.NewExecAllocator(context.Background(), opts...)
	tab := &Tab{t: t}
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithListener(tab.hear))
	tab.quit = sync.OnceValue(func() error {
		// Closed as by a person, so that cookies are written before the process ends.
		within, stop := context.WithTimeout(ctx, 20*time.Second)
		defer stop()
		err := chromedp.Cancel(within)
		end()
		return err
	})
	t.Cleanup(func() { _ = tab.quit() })
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	tab.begin(ctx, cancel)
	return tab
}

// Quit ends the Chromium that Profile started and returns when its process has
// ended, so that what it keeps is on the disk.
func (tab *Tab) Quit() {
	tab.t.Helper()
	if tab.quit == nil {
		tab.t.Fatal("Quit ends a Chromium of Profile; this tab is in the one that all tests share")
	}
	if err := tab.quit(); err != nil {
		tab.t.Fatalf("Chromium does not end: %v", err)
	}
}

// Cookies returns all cookies of the tab's profile, of whatever domain and path,
// those among it that scripts cannot read.
func (tab *Tab) Cookies() []*network.Cookie {
	tab.t.Helper()
	r, err := chromedp.CallBrowser(tab, storage.GetCookies, storage.GetCookiesParams{BrowserContextID: chromedp.FromContext(tab).BrowserContextID})
	if err != nil {
		tab.t.Fatal(err)
	}
	return r.Cookies
}

// Scripts lets the pages that the tab opens from now on run scripts, as they do at
// first, or not.
func (tab *Tab) Scripts(on bool) {
	tab.t.Helper()
	tab.still = !on
	tab.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: tab.still})
		return err
	}))
}

// Requests returns the addresses that the tab has asked for since it was opened,
// in their order, redirections too. What a frame of another site asks for is not
// among it, save the address of the frame itself: such a frame has a process of
// its own. A proxy or stand-in sees those.
func (tab *Tab) Requests() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return append([]string(nil), tab.requests...)
}

// hear is told of every event of the tab.
func (tab *Tab) hear(event any) {
	if e, ok := event.(*network.EventRequestWillBeSent); ok {
		tab.mu.Lock()
		tab.requests = append(tab.requests, e.Request.URL)
		tab.mu.Unlock()
	}
}
