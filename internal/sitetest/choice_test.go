package sitetest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/temoin/temoin/internal/browsertest"
)

// A visit is a tab on a running site, in front of which stands what can fail.
type visit struct {
	*browsertest.Tab
	t    *testing.T
	site *Site

	mu     sync.Mutex
	sent   []sent
	choice func(w http.ResponseWriter, r *http.Request) bool // answers in place of the node, unless it returns false
	centre string                                            // the fragment, in place of the node's
	broken bool                                              // the fragment cannot be had
	down   bool                                              // nothing can
}

// A sent is a choice as it came.
type sent struct {
	ID, Action, Notice, Lang string
	Allow, Asked             []string
}

// start opens the page of a site with a strict policy.
func start(t *testing.T, c Config) *visit {
	t.Helper()
	v := &visit{t: t}
	c.CSP = true
	c.Wrap = func(node http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { v.front(node, w, r) })
	}
	v.site = Start(t, "cexro", c)
	v.Tab = browsertest.Open(t)
	v.Do(chromedp.EmulateViewport(1000, 700), chromedp.Navigate(v.site.URL))
	return v
}

func (v *visit) front(node http.Handler, w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	choice, centre, broken, down := v.choice, v.centre, v.broken, v.down
	v.mu.Unlock()
	switch {
	case down:
		panic(http.ErrAbortHandler)
	case r.URL.Path == "/.temoin/choice":
		body, _ := io.ReadAll(r.Body)
		f, _ := url.ParseQuery(string(body)) // the test says what came
		s := sent{f.Get("id"), f.Get("action"), f.Get("notice"), f.Get("lang"), f["allow"], f["asked"]}
		v.mu.Lock()
		v.sent = append(v.sent, s)
		v.mu.Unlock()
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if choice != nil && choice(w, r) {
			return
		}
	case broken && r.URL.Query().Get("part") == "centre":
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	case centre != "" && r.URL.Query().Get("part") == "centre":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, centre) //nolint:errcheck // the browser says what is missing
		return
	}
	node.ServeHTTP(w, r)
}

// answers makes the choices be answered so, until it returns false.
func (v *visit) answers(f func(w http.ResponseWriter, r *http.Request) bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.choice = f
}

// choices returns what was sent so far.
func (v *visit) choices() []sent {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]sent(nil), v.sent...)
}

// script stands before each: it names the parts.
const script = `
	var host = document.querySelector('temoin-notice'), root = host && host.shadowRoot
	var part = name => root.querySelector('[part~=' + name + ']')
	var press = name => part(name).click()
	var shown = e => !!e && e.checkVisibility()
	var focused = () => { let e = document.activeElement; while (e && e.shadowRoot && e.shadowRoot.activeElement) e = e.shadowRoot.activeElement; return e };`

// do runs a script.
func (v *visit) do(js string) {
	v.t.Helper()
	browsertest.Evaluate[bool](v.Tab, script+"(async () => {"+js+"\n})().then(() => true)")
}

// until waits until an expression holds, over a page that is loaded meanwhile too.
func (v *visit) until(expression string) {
	v.t.Helper()
	if err := v.Tab.Until(script, expression); err != nil {
		state, _ := chromedp.Run(v.Tab, chromedp.Evaluate[string](`document.documentElement.outerHTML.slice(-600)`))
		v.t.Fatalf("%v\n%s\n%s", err, strings.Join(v.Messages(), "\n"), state)
	}
}

// holds fails the test where an expression does not hold now.
func (v *visit) holds(expression string) {
	v.t.Helper()
	if !browsertest.Evaluate[bool](v.Tab, script+"!!("+expression+")") {
		v.t.Errorf("it does not hold that %s", expression)
	}
}

// key presses a key as a person does.
func (v *visit) key(keys string) { v.t.Helper(); v.Do(chromedp.KeyEvent(keys)) }

// quiet fails the test where the page has complained.
func (v *visit) quiet() {
	v.t.Helper()
	for _, m := range v.Messages() {
		if !strings.Contains(m, "the server responded with a status of 409") { // the browser's own words
			v.t.Errorf("the page says %s", m)
		}
	}
}

// uuid is what an id is like.
var uuid = regexp.MustCompile(`^0[0-9a-f]{7}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestAChoiceIsKeptWithoutLeavingThePage(t *testing.T) {
	v := start(t, Config{})
	v.holds(`shown(part('notice')) && !shown(part('open'))`)
	v.do(`window.same = true; window.changes = []; temoin.on('change', a => changes.push(a)); document.querySelector('#name').focus()`)
	v.do(`part('accept').focus(); press('accept'); press('accept'); press('refuse')`)
	v.holds(`!shown(part('notice')) && focused().id == 'name'`)
	v.until(`changes.length && part('status').textContent`)
	v.holds(`window.same && shown(part('open')) && temoin.allows('analytics') && temoin.allows('hotjar') && temoin.choice == changes[0]`)
	got := v.choices()
	if len(got) != 1 || got[0].Action != "accept" || got[0].Lang != "fr" || len(got[0].Notice) != 64 ||
		!uuid.MatchString(got[0].ID) {
		t.Errorf("sent: %+v", got)
	}
	v.Do(chromedp.Navigate(v.site.URL + "/other"))
	v.holds(`!part('notice') && shown(part('open')) && temoin.allows('analytics')`)
	v.quiet()
}

func TestFocusGoesToTheFirstHeadingWhereItWasNowhere(t *testing.T) {
	v := start(t, Config{})
	v.do(`part('refuse').focus(); press('refuse')`)
	v.holds(`focused() == document.querySelector('main h1') && scrollY == 0`)
	v.until(`part('status').textContent`)
	v.quiet()
}

func TestARefusalHidesAtOnceAndAGrantWaitsForTheServer(t *testing.T) {
	v := start(t, Config{})
	let := make(chan struct{})
	v.answers(func(http.ResponseWriter, *http.Request) bool { <-let; return false })
	v.do(`temoin.on('change', () => window.changed = true); press('accept')`)
	v.holds(`!shown(part('notice')) && !temoin.allows('analytics') && !window.changed && !part('status').textContent`)
	close(let)
	v.until(`window.changed && temoin.allows('analytics')`)
}

func TestAServerThatIsBusyIsAskedOnceMoreForTheSameChoice(t *testing.T) {
	v := start(t, Config{})
	v.answers(func(w http.ResponseWriter, _ *http.Request) bool {
		if len(v.choices()) > 1 {
			return false
		}
		w.Header().Set("Retry-After", "0.01")
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	v.do(`press('accept')`)
	v.until(`temoin.allows('analytics')`)
	if got := v.choices(); len(got) != 2 || got[0].ID != got[1].ID {
		t.Errorf("sent: %+v", got)
	}
}

func TestAClockThatIsWrongLetsTheServerMakeTheID(t *testing.T) {
	v := start(t, Config{})
	v.do(`Date.now = () => 1e12; press('accept')`)
	v.until(`temoin.allows('analytics')`)
	if got := v.choices(); len(got) != 2 || got[0].ID == "" || got[1].ID != "" {
		t.Errorf("sent: %+v", got)
	}
}

func TestABrowserThatMakesNoIDsOfItsOwnSendsOneAllTheSame(t *testing.T) {
	v := start(t, Config{})
	v.do(`delete Crypto.prototype.randomUUID; press('accept')`) // as it is on http, but for this machine
	v.until(`temoin.allows('analytics')`)
	if got := v.choices(); len(got) != 1 || !uuid.MatchString(got[0].ID) {
		t.Errorf("sent: %+v", got)
	}
}

func TestTheNoticeReturnsWithTheReason(t *testing.T) {
	v := start(t, Config{})
	v.answers(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "0.01")
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	v.do(`press('accept')`)
	v.until(`part('status').textContent == part('notice').dataset.failed`)
	v.holds(`shown(part('notice')) && shown(part('status')) && part('status').role == 'alert' && !temoin.allows('analytics')`)

	v.network(true)
	v.do(`press('accept')`)
	v.until(`part('status').textContent.includes('hors ligne')`) // its words came with the first failure
	v.holds(`shown(part('notice')) && shown(part('status')) && !temoin.allows('analytics')`)

	v.network(false)
	v.do(`press('accept')`)
	v.until(`temoin.allows('analytics') && !shown(part('notice'))`)
	v.holds(`part('status').role == 'status'`)
}

func TestWithoutANetworkTheNoticeReturnsWithTheReasonThatItBrought(t *testing.T) {
	v := start(t, Config{})
	v.setDown(true)
	v.do(`press('accept')`)
	v.until(`part('status').textContent == part('notice').dataset.failed`)
	v.holds(`shown(part('notice')) && shown(part('status')) && location.pathname == '/'`)
	v.setDown(false)
	v.do(`press('refuse')`)
	v.until(`temoin.choice && !shown(part('notice'))`)
}

// setDown makes the site answer nothing, or again.
func (v *visit) setDown(down bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.down = down
}

// network takes the tab off the network, or back.
func (v *visit) network(off bool) {
	v.t.Helper()
	v.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: off, DownloadThroughput: -1, UploadThroughput: -1})
		return err
	}))
	v.answers(nil)
	if off {
		v.answers(func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) })
	}
}

// outdate makes the next choice be one on a notice that nobody knows.
func (v *visit) outdate() {
	v.t.Helper()
	v.do(`for (const e of root.querySelectorAll('[name=notice]')) { window.hash = e.value; e.value = e.value.replace(/./g, 'f') }; part('title').textContent = 'Old'`)
}

func TestANoticeThatIsOutOfDateIsExchanged(t *testing.T) {
	v := start(t, Config{})
	v.outdate()
	v.do(`window.same = true; press('accept')`)
	v.until(`part('status').textContent.includes('a changé')`)
	v.holds(`same && shown(part('notice')) && part('title').textContent != 'Old' && root.querySelector('[name=notice]').value == hash`)
	v.do(`press('refuse')`)
	v.until(`temoin.choice == 'analytics=0&functional=0' || temoin.choice.startsWith('analytics=0')`)
	v.holds(`!shown(part('notice'))`)
	v.quiet()
}

func TestEscapeInsideTheNoticeClosesIt(t *testing.T) {
	v := start(t, Config{})
	v.do(`document.querySelector('#name').focus()`)
	v.key(kb.Escape)
	v.holds(`shown(part('notice'))`)
	v.do(`part('choose').focus()`)
	v.key(kb.Escape)
	v.until(`!shown(part('notice')) && temoin.choice`)
	if got := v.choices(); len(got) != 1 || got[0].Action != "close" {
		t.Errorf("sent: %+v", got)
	}
	v.holds(`focused().id == 'name' && !temoin.allows('analytics')`)
}

func TestTheDialogOfTheFirstLayer(t *testing.T) {
	v := start(t, Config{})
	v.do(`part('choose').focus(); press('choose')`)
	v.holds(`part('dialog').matches(':modal') && part('dialog').contains(focused()) && focused().value == 'analytics'`)
	v.do(`part('dialog').querySelector('[name=allow]').click()`)
	v.key(kb.Escape)
	v.until(`!part('dialog').open`)
	v.holds(`shown(part('notice')) && focused() == part('choose')`)
	if got := v.choices(); len(got) != 0 {
		t.Errorf("closing sent %+v", got)
	}
	v.do(`press('choose')`)
	v.do(`for (const e of part('dialog').querySelectorAll('[name=allow]')) e.checked = e.value == 'analytics'; part('dialog').querySelector('[value=save]').click()`)
	v.until(`temoin.choice`)
	v.holds(`!part('dialog').open && !shown(part('notice')) && temoin.allows('analytics') && focused().localName == 'h1'`)
	if got := v.choices(); len(got) != 1 || got[0].Action != "save" || strings.Join(got[0].Allow, " ") != "analytics" {
		t.Errorf("sent: %+v", got)
	}
	v.quiet()
}

// held has the key Enter pressed once more, as it is while somebody holds it down.
func (v *visit) held() {
	v.t.Helper()
	again := true
	v.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, input.DispatchKeyEvent, input.DispatchKeyEventParams{
			Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", Text: "\r", WindowsVirtualKeyCode: 13, AutoRepeat: &again,
		})
		return err
	}))
}

func TestAKeyThatIsHeldDownDecidesNothing(t *testing.T) {
	v := start(t, Config{})
	v.do(`part('choose').focus()`)
	v.key(kb.Enter)
	v.until(`part('dialog').open`)
	v.holds(`focused().type == 'checkbox'`)
	v.held() // the focus is in a box by now
	v.do(`await new Promise(ok => requestAnimationFrame(() => setTimeout(ok)))`)
	v.holds(`part('dialog').open && shown(part('notice')) && location.pathname == '/'`)
	v.do(`part('dialog').close(); press('refuse')`)
	v.until(`temoin.choice`)
	v.opened()
	v.do(dialog + `.querySelector('[name=allow]').focus()`)
	v.held()
	v.do(`await new Promise(ok => requestAnimationFrame(() => setTimeout(ok)))`)
	v.holds(dialog + `.open`)
	if got := v.choices(); len(got) != 1 || got[0].Action != "refuse" {
		t.Errorf("sent: %+v", got)
	}
}

func TestABrowserWithoutDialogsGoesToThePageOfThePreferenceCentre(t *testing.T) {
	for _, way := range []string{"press('choose')", "temoin.open()"} {
		v := start(t, Config{})
		v.do(`HTMLDialogElement.prototype.showModal = undefined; setTimeout(() => ` + way + `)`)
		v.until(`location.pathname == '/.temoin/'`)
	}
}

func TestWhatWentWrongIsSaidInTheRoomOfTheNotice(t *testing.T) {
	v := start(t, Config{})
	v.answers(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	for _, size := range [][2]int64{{360, 900}, {320, 256}} {
		most := map[int64]string{360: "1/2", 320: "3/4"}[size[0]]
		v.Do(chromedp.EmulateViewport(size[0], size[1]))
		v.do(`press('accept')`)
		v.until(`shown(part('notice')) && part('status').textContent`)
		v.holds(`innerHeight - part('status').getBoundingClientRect().top <= innerHeight * ` + most)
		v.holds(`part('status').getBoundingClientRect().bottom <= part('notice').getBoundingClientRect().top`)
		v.holds(`part('accept').getBoundingClientRect().bottom <= innerHeight`)
		v.Screenshot(fmt.Sprintf("failed-%d", size[0]))
	}
}

func TestAFrameworkThatReplacesTheBodyKeepsTheNotice(t *testing.T) {
	v := start(t, Config{})
	v.do(`window.first = host; document.body.innerHTML = '<main><h1>Other</h1></main>'`)
	v.until(`document.body.firstChild == first && shown(first.shadowRoot.querySelector('section'))`)
	v.do(`const b = document.createElement('body'); b.innerHTML = '<temoin-notice><template></template></temoin-notice><main><h1>Third</h1></main>'; document.body.replaceWith(b)`)
	v.until(`document.body.firstChild == first && document.querySelectorAll('temoin-notice').length == 1`)
	v.do(`part('accept').focus(); press('accept')`)
	v.until(`temoin.allows('analytics') && focused().textContent == 'Third'`)

	v.do(`window.fights = 0; new MutationObserver(() => { if (first.isConnected) { fights++; first.remove() } }).observe(document.body, {childList: true}); first.remove()`)
	v.until(`!first.isConnected && fights > 1`)
	v.do(`window.before = fights`)
	v.do(`await new Promise(ok => requestAnimationFrame(() => setTimeout(ok)))`)
	v.holds(`fights == before && fights <= 10`)
}

// inPage are the scripts of the notice as they stand in a page.
var inPage = regexp.MustCompile(`(?s)<script.*?</script>`)

func TestWhatHasTheFocusIsNotCovered(t *testing.T) {
	for name, scripts := range map[string]bool{"with scripts": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			v := start(t, Config{Page: func(w http.ResponseWriter, _ *http.Request, head, body []byte) {
				if !scripts {
					head, body = nil, inPage.ReplaceAll(body, nil)
				}
				fmt.Fprintf(w, `<!doctype html><html lang="fr"><head>%s<title>Long</title><meta name="viewport" content="width=device-width"></head><body>%s<main>`, head, body)
				for i := range 80 {
					fmt.Fprintf(w, `<p><a href="/%d">Link %d</a></p>`, i, i)
				}
				io.WriteString(w, `</main></body></html>`) //nolint:errcheck // the browser says what is missing
			}})
			// On a busy machine what follows a key can be drawn later than a browser takes for its consequence.
			v.do(`let key = -1e9; addEventListener('keydown', () => key = performance.now(), true)
				window.shift = 0; new PerformanceObserver(l => { for (const e of l.getEntries()) if (!e.hadRecentInput && e.startTime - key > 5000) shift += e.value }).observe({type: 'layout-shift', buffered: true}); document.querySelector('main a').focus()`)
			for range 79 {
				v.key(kb.Tab)
				v.holds(`focused().matches('main a') && focused().getBoundingClientRect().bottom <= part('notice').getBoundingClientRect().top && focused().getBoundingClientRect().top >= 0`)
			}
			v.holds(`focused().textContent == 'Link 79'`)
			if scripts {
				v.do(`part('refuse').focus()`)
				v.key(kb.Enter)
				v.until(`!shown(part('notice'))`)
				v.holds(`getComputedStyle(document.documentElement).scrollPaddingBlockEnd == 'auto' && getComputedStyle(document.documentElement).paddingBlockEnd == '0px'`)
			}
			v.do(`await new Promise(ok => requestAnimationFrame(() => setTimeout(ok)))`)
			v.holds(`!document.documentElement.hasAttribute('style') && shift == 0`)
			v.quiet()
		})
	}
}

func TestAnotherTabThatChoosesHidesTheNoticeAndLeavesTheFocus(t *testing.T) {
	v := start(t, Config{})
	v.do(`document.querySelector('#last').focus(); window.other = open('/other', '_blank', 'popup')`)
	v.until(`other.document.readyState == 'complete' && other.document.querySelector('temoin-notice')`)
	v.do(`document.querySelector('#last').focus(); other.document.querySelector('temoin-notice').shadowRoot.querySelector('[part~=accept]').click()`)
	v.until(`temoin.allows('analytics') && !shown(part('notice'))`)
	v.holds(`focused().id == 'last'`)
}

// plain writes a small page.
func plain(w http.ResponseWriter, head, body []byte) {
	fmt.Fprintf(w, `<!doctype html><html lang="fr"><head><meta charset="utf-8">%s<title>Page</title></head><body>%s<main><h1>Page</h1><input aria-label="Name" id="name"></main></body></html>`, head, body)
}

func TestAPageThatIsSealedIsLoadedAgainForWhatIsAllowed(t *testing.T) {
	v := start(t, Config{Sealed: true})
	v.do(`document.querySelector('#name').focus()`)
	v.key("abc")
	v.do(`press('accept')`)
	v.until(`part('reload') && shown(part('reload')) && part('reload').textContent.length > 3`)
	v.holds(`document.querySelector('#name').value == 'abc'`)
	v.do(`part('reload').click()`)
	v.until(`!part('notice') && temoin.allows('analytics') && document.querySelector('#name').value == ''`)
	v.quiet()
}

func TestTrustedTypesStopNothing(t *testing.T) {
	v := start(t, Config{Page: func(w http.ResponseWriter, _ *http.Request, head, body []byte) {
		w.Header().Add("Content-Security-Policy", "require-trusted-types-for 'script'; trusted-types 'none'")
		plain(w, head, body)
	}})
	v.outdate()
	v.do(`window.same = true; press('accept')`)
	v.until(`!window.same && part('notice') && shown(part('notice')) && part('title').textContent != 'Old'`) // loaded again
	v.do(`press('accept')`)
	v.until(`temoin.allows('analytics')`)
	v.do(`press('open')`)
	v.until(`part('centre') && part('centre').open && part('centre').querySelector('[value=withdraw]')`)
	v.do(`part('centre').querySelector('[value=withdraw]').click()`)
	v.until(`temoin.choice && !temoin.allows('analytics')`)
}
