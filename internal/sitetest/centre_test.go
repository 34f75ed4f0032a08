package sitetest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// accepted opens a page after everything was accepted.
func accepted(t *testing.T, c Config) *visit {
	t.Helper()
	v := start(t, c)
	v.do(`press('accept')`)
	v.until(`temoin.allows('analytics')`)
	v.Do(chromedp.Navigate(v.site.URL + "/later"))
	return v
}

// dialog is the preference centre's.
const dialog = `part('centre')`

// opened opens the preference centre by the button of the page.
func (v *visit) opened() {
	v.t.Helper()
	v.do(`part('open').focus(); press('open')`)
	v.until(dialog + ` && ` + dialog + `.open`)
}

func TestThePreferenceCentreOpensOverThePage(t *testing.T) {
	v := accepted(t, Config{})
	v.do(`window.same = true`)
	v.opened()
	v.holds(`same && ` + dialog + `.matches(':modal') && /^H[12]$/.test(focused().tagName) && ` + dialog + `.getAttribute('aria-labelledby') == focused().id`)
	v.holds(dialog + `.querySelector('[name=allow][value=analytics]').checked && ` + dialog + `.querySelector('[name=allow][value=hotjar]').checked`)
	v.key(kb.Escape)
	v.until(`!` + dialog + `.open`)
	v.holds(`focused() == part('open')`)
	v.opened()
	v.do(dialog + `.querySelector('[formmethod=dialog], [method=dialog] button').click()`)
	v.until(`!` + dialog + `.open`)
	v.holds(`focused() == part('open')`)
	if got := v.choices(); len(got) != 1 {
		t.Errorf("closing sent %+v", got[1:])
	}
	v.quiet()
}

func TestServicesAreSwitchedWithTheirCategory(t *testing.T) {
	v := start(t, Config{})
	v.do(`press('refuse')`)
	v.until(`temoin.choice`)
	v.opened()
	v.do(`window.box = name => ` + dialog + `.querySelector('[name=allow][value=' + name + ']'); box('analytics').click()`)
	v.holds(`box('hotjar').checked && box('google-analytics').checked && !box('functional').checked`)
	v.do(`for (const d of ` + dialog + `.querySelectorAll('details')) d.open = true; box('hotjar').click()`)
	v.holds(`box('analytics').checked`)
	v.do(dialog + `.querySelector('[value=save]').click()`)
	v.until(`temoin.allows('google-analytics')`)
	v.holds(`!temoin.allows('hotjar') && temoin.allows('analytics')`)
	v.opened()
	v.holds(`!box('hotjar').checked && box('google-analytics').checked`)
	v.do(`box('google-analytics').click()`)
	v.holds(`!box('analytics').checked`)
	v.quiet()
}

func TestWithdrawingDeletesWhatIsNoLongerAllowedAndLoadsThePageAgain(t *testing.T) {
	v := accepted(t, Config{})
	v.Do(chromedp.Navigate(v.site.URL + "/a/b/c"))
	v.do(`
		for (const at of ['', ';Path=/', ';Path=/a/', ';Path=/a/b', ';Domain=cexro.localhost;Path=/', ';Path=/a;Secure', ';Path=/;Secure;SameSite=None;Partitioned'])
			document.cookie = '_ga_X' + at.length + '=1;Max-Age=9999' + at
		document.cookie = 'session=1;Path=/'
		document.cookie = '_hjSession_1=1'
		window.same = true`)
	v.holds(`document.cookie.split('_ga_X').length == 8 && document.cookie.includes('session=1')`)
	v.opened()
	v.do(dialog + `.querySelector('[value=withdraw]').click()`)
	v.until(`!window.same && document.readyState == 'complete'`)
	v.holds(`!temoin.allows('analytics') && !/_ga_|_hj/.test(document.cookie) && document.cookie.includes('session=1')`)
	if got := v.choices(); len(got) != 2 || got[1].Action != "withdraw" {
		t.Errorf("sent: %+v", got)
	}
	v.quiet()
}

// fragment is a small preference centre, with what no example keeps.
const fragment = `<!doctype html><html lang="fr"><body><template data-css>[part~=centre] h2{color:rgb(1, 2, 3)}</template>
<h2>Centre</h2><form method="post" action="/.temoin/choice" data-failed="Failed." data-changed="Changed." data-offline="Offline." data-typed="You typed." data-reload="Again">
<input type="hidden" name="notice" value="HASH"><input type="hidden" name="lang" value="fr">
<label><input type="checkbox" name="allow" value="analytics">A</label><label><input type="checkbox" name="allow" value="functional">F</label>
<button name="action" value="save">Save</button><button name="action" value="withdraw">Withdraw</button></form>
<script type="application/json" data-wipe>[
["indexedDB","db*",["analytics!hotjar"]],["indexedDB","exact",["analytics"]],["cacheStorage","c*",["analytics!hotjar"]],
["localStorage","a.b*",["analytics"]],["localStorage","a.bag",["functional"]],["sessionStorage","s*",["analytics"]],["localStorage","f*",["functional"]],["localStorage","shared",["analytics","functional"]],
["cookie","far",["analytics"],"/far"],["cookie","__Host-h",["analytics"]]]</script></body></html>`

// withFragment serves the small preference centre.
func (v *visit) withFragment() {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.centre = strings.Replace(fragment, "HASH", v.sent[0].Notice, 1)
}

func TestEachKindOfStorageIsDeletedWhereNoOwnerIsAllowed(t *testing.T) {
	v := accepted(t, Config{})
	v.withFragment()
	v.do(`
		for (const name of ['dbOne', 'exact', 'other']) await new Promise(ok => { const r = indexedDB.open(name); r.onsuccess = () => { r.result.close(); ok() } })
		await caches.open('c1'); await caches.open('d1')
		for (const k of ['a.b1', 'a.bag', 'axb1', 'f1', 'shared']) localStorage[k] = 1
		for (const k of ['s1', 't1']) sessionStorage[k] = 1
		document.cookie = 'far=1;Path=/far'; document.cookie = '__Host-h=1;Path=/;Secure'
		window.same = true`)
	v.opened()
	v.do(dialog + `.querySelector('[value=functional]').click(); ` + dialog + `.querySelector('[value=save]').click()`)
	v.until(`!window.same && document.readyState == 'complete'`)
	v.holds(`!temoin.allows('analytics') && temoin.allows('functional')`)
	v.holds(`Object.keys(localStorage).sort().join() == 'a.bag,axb1,f1,shared' && Object.keys(sessionStorage).join() == 't1' && !document.cookie.includes('__Host-h')`)
	v.do(`window.left = [(await indexedDB.databases()).map(d => d.name).join(), (await caches.keys()).join()].join()`)
	v.holds(`left == 'other,d1'`)
	v.Do(chromedp.Navigate(v.site.URL + "/far/away"))
	v.holds(`!document.cookie.includes('far=1')`)
	v.quiet()
}

func TestAPageIntoWhichSomethingWasTypedIsOnlyOfferedToBeLoadedAgain(t *testing.T) {
	v := accepted(t, Config{})
	v.withFragment()
	v.do(`window.same = true; document.querySelector('#name').focus()`)
	v.key("abc")
	v.opened()
	v.holds(`getComputedStyle(` + dialog + `.querySelector('h2')).color == 'rgb(1, 2, 3)'`)
	v.do(dialog + `.querySelector('[value=withdraw]').click()`)
	v.until(`part('note') && part('note').textContent.includes('You typed.')`)
	v.holds(`same && shown(part('note')) && !temoin.allows('analytics') && document.querySelector('#name').value == 'abc'`)
	v.do(`part('reload').click()`)
	v.until(`!window.same && document.readyState == 'complete'`)
	v.quiet()
}

func TestWhatThePagesScriptsHaveFilledInIsNotWhatSomebodyTyped(t *testing.T) {
	v := accepted(t, Config{Page: editor("")})
	v.do(`window.same = true
		document.querySelector('#name').value = 'filled'; document.querySelector('#box').checked = true; document.querySelector('textarea').value = 'filled'`)
	v.opened()
	v.do(dialog + `.querySelector('[value=withdraw]').click()`)
	v.until(`!window.same && document.readyState == 'complete' && !temoin.allows('analytics')`)
	v.holds(`!part('note')`)
}

func TestWhatMayBeTypedIsNotLost(t *testing.T) {
	for name, test := range map[string]struct{ page, typing string }{
		"an editor with text in it":              {"Text", ``},
		"a box that was ticked":                  {"", `document.querySelector('#box').focus()`},
		"a field of a component":                 {"", `const x = document.createElement('x-f'); document.body.append(x); x.attachShadow({mode: 'open'}).innerHTML = '<input>'; x.shadowRoot.firstChild.focus()`},
		"a field that a framework keeps in step": {"", `const n = document.querySelector('#name'); n.addEventListener('input', () => n.setAttribute('value', n.value)); n.focus()`},
	} {
		t.Run(name, func(t *testing.T) {
			v := accepted(t, Config{Page: editor(test.page)})
			v.do(`window.same = true; ` + test.typing)
			if test.page == "" {
				v.key("ab ")
			}
			v.opened()
			v.do(dialog + `.querySelector('[value=withdraw]').click()`)
			v.until(`part('note') && part('note').textContent`)
			v.holds(`same && shown(part('note')) && !temoin.allows('analytics')`)
		})
	}
}

// editor writes a page with what can be filled in, and an editor with a text in it.
func editor(text string) func(http.ResponseWriter, *http.Request, []byte, []byte) {
	return func(w http.ResponseWriter, _ *http.Request, head, body []byte) {
		plain(w, head, append(body, `<div contenteditable>`+text+`</div><input type="checkbox" id="box"><textarea></textarea>`...))
	}
}

func TestAWithdrawalUnderAnAddressOfTheLastResortLoadsThePageAgain(t *testing.T) {
	v := accepted(t, Config{})
	v.do(`history.replaceState(null, '', '/later?temoin=' + Date.now()); window.same = true`)
	v.opened()
	v.do(dialog + `.querySelector('[value=withdraw]').click()`)
	v.until(`!window.same && document.readyState == 'complete' && !temoin.allows('analytics')`)
	v.holds(`/[?]temoin=/.test(location.search)`)
}

func TestAWithdrawalOfWhatRunsNothingLeavesThePageAsItIs(t *testing.T) {
	v := accepted(t, Config{})
	v.do(`document.cookie = 'theme=dark;Path=/'; navigation.addEventListener('navigate', () => window.leaving = true)
		await import(temoin.p + temoin.v); const a = temoin.a; temoin.a = () => a().then(() => window.done = true)`)
	v.opened()
	v.do(dialog + `.querySelector('[name=allow][value=functional]').click(); ` + dialog + `.querySelector('[value=save]').click()`)
	v.until(`window.done`)
	v.holds(`!window.leaving && !temoin.allows('functional') && temoin.allows('hotjar') && !part('note')`)
}

func TestALinkToAPartOfThePreferenceCentreShowsThatPart(t *testing.T) {
	v := start(t, Config{})
	v.do(`part('links').querySelector('a').click()`)
	v.until(`part('centre') && part('centre').open && focused().closest('#services')`)
	v.holds(`focused().getBoundingClientRect().top >= 0 && focused().getBoundingClientRect().top < innerHeight / 2`)
	v.key(kb.Escape)
	v.until(`!part('centre').open`)
	v.do(`temoin.open()`)
	v.until(`part('centre').open && focused().id == 'temoin-centre'`)
}

func TestTheOfferToLoadAPageAgainIsNoButtonOfTheFirstLayer(t *testing.T) {
	v := start(t, Config{})
	v.do(`press('accept')`)
	v.until(`temoin.allows('analytics')`)
	v.withFragment()
	v.do(`temoin.ran.push('hotjar'); window.same = true; document.querySelector('#name').focus()`)
	v.key("abc")
	v.opened()
	v.do(dialog + `.querySelector('[value=withdraw]').click()`)
	v.until(`part('reload')`)
	v.do(`HTMLDialogElement.prototype.showModal = () => { sessionStorage.opened = 1 }; part('reload').click()`)
	v.until(`!window.same && document.readyState == 'complete'`)
	v.holds(`!sessionStorage.opened`)
}

func TestNothingIsLoadedAgainWhereNothingWasWithdrawn(t *testing.T) {
	v := start(t, Config{})
	v.do(`press('refuse')`)
	v.until(`temoin.choice`)
	v.Do(chromedp.Navigate(v.site.URL + "/later"))
	v.opened()
	v.do(`const a = temoin.a; temoin.a = () => a().then(() => window.done = true)
		navigation.addEventListener('navigate', () => window.leaving = true);
		` + dialog + `.querySelector('[value=accept]').click()`)
	v.until(`window.done`)
	v.holds(`!window.leaving && temoin.allows('analytics') && !` + dialog + `.open && focused() == part('open')`)
	v.quiet()
}

func TestTheCentreSaysWhyAChoiceWasNotKept(t *testing.T) {
	v := accepted(t, Config{})
	v.withFragment()
	v.opened()
	v.answers(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	v.do(dialog + `.querySelector('[value=withdraw]').click()`)
	v.until(dialog + `.innerText.includes('Failed.')`)
	v.answers(nil)
	v.do(`for (const e of ` + dialog + `.querySelectorAll('[name=notice]')) e.value = e.value.replace(/./g, 'f')`)
	v.do(dialog + `.querySelector('[value=withdraw]').click()`)
	v.until(dialog + `.innerText.includes('Changed.')`)
	v.holds(dialog + `.open && ` + dialog + `.querySelector('[name=notice]').value != 'f'.repeat(64) && temoin.allows('analytics')`)
}

func TestALinkToTheCentreIsFollowedWhereItCannotBeLoaded(t *testing.T) {
	v := accepted(t, Config{})
	v.mu.Lock()
	v.broken = true
	v.mu.Unlock()
	v.do(`press('open')`)
	v.until(`location.pathname == '/.temoin/'`)
}
