package gatetest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/temoin/temoin/internal/notice/noticetest"
)

// framed are frames as a page can have them, each with an address of its own.
const framed = `<iframe src="http://film.localhost:$PORT/plain.html"></iframe>
<iframe name="player" src="http://film.localhost:$PORT/named.html"></iframe>
<iframe name="player" src="http://film.localhost:$PORT/named.html?again"></iframe>
<iframe src="http://film.localhost:$PORT/twice.html"></iframe><iframe src="http://film.localhost:$PORT/twice.html"></iframe>
<iframe data-temoin="film" data-src="http://film.localhost:$PORT/aside.html"></iframe>
<div><template shadowrootmode="open"><iframe src="http://film.localhost:$PORT/shadow.html"></iframe></template></div>
<iframe src="/inner?1"></iframe><iframe src="/inner?2"></iframe>
<script>{ const f = document.createElement('iframe'); f.name = 'made'; f.src = 'http://film.localhost:$PORT/made.html'; document.body.append(f) }</script>`

// inFramed is what everybody else is asked for by them.
var inFramed = []string{"plain", "named", "named", "twice", "twice", "aside", "shadow", "inner", "inner", "made"}

// frames answers with pages that browsers do not keep whole when they are left.
func (s *site) frames(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	body := framed
	switch r.URL.Path {
	case "/between":
		body = "<p>Text</p>"
	case "/inner":
		body = `<iframe src="http://film.localhost:$PORT/inner.html"></iframe>`
	case "/set":
		s.page(w, `<!doctype html><html lang="en"><head><title>Shop</title></head><frameset cols="*,*"><frame src="http://film.localhost:$PORT/left.html"><frame name="right" src="http://film.localhost:$PORT/right.html"></frameset></html>`)
		return
	}
	s.page(w, `<!doctype html><html lang="en"><head><title>Shop</title><link rel="icon" href="data:,"></head><body><h1>Shop</h1>`+body+`</body></html>`)
}

// look stands before scripts: it finds the frames of a page, those in its shadow root and in its
// own frames too; what is held; and whether each shows what another host has sent.
const look = `const roots = () => [document, document.querySelector('div')?.shadowRoot, ...[...document.querySelectorAll('iframe')].map(f => f.contentDocument)].filter(Boolean)
const all = (selector) => roots().flatMap(root => [...root.querySelectorAll(selector)]).filter(f => !/inner.\d/.test(f.src))
const held = () => all('[data-temoin-src]')
const at = (f) => { try { return f.contentWindow.location.pathname } catch { return 'elsewhere' } }
const shown = () => !held().length && all('iframe,frame').every(f => at(f) == 'elsewhere');
`

// choose keeps a choice as a page does whose scripts keep it, and loads nothing again.
func choose(v *noticetest.Visit, action string) {
	v.Run(`const notice = new DOMParser().parseFromString(await (await fetch('/.temoin/')).text(), 'text/html').querySelector('[name=notice]').value
const r = await fetch('/.temoin/choice', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({action: '` + action + `', notice})}); if (!r.ok) throw await r.text()`)
}

// settled waits until a page and all of its frames are there, and returns what everybody
// else was asked for since the last time, in order.
func (s *site) settled(v *noticetest.Visit, path string) string {
	s.T.Helper()
	v.Until(`location.pathname == '` + path + `' && document.readyState == 'complete'`)
	v.Run(`await new Promise(ok => { const x = new Image(); x.onload = x.onerror = ok; x.src = 'http://last.localhost:$PORT/last.gif?' + Math.random() })`)
	s.Wait("last.localhost/last.gif")
	var all []string
	for _, at := range s.Take("") {
		if name, ok := strings.CutPrefix(at, "film.localhost/"); ok {
			all = append(all, strings.TrimSuffix(name, ".html"))
		}
	}
	slices.Sort(all)
	return fmt.Sprint(all)
}

func sorted(list ...string) string {
	slices.Sort(list)
	return fmt.Sprint(list)
}

// Chromium gives a frame the address that the tab remembers for one of its name, when a page
// is gone back to: what was shown with a yes must not be asked for after a refusal.
func TestGoingBackBehindARefusalAsksNobody(t *testing.T) {
	for name, c := range map[string]struct {
		more, path string
		want       []string
	}{
		"frames":             {"", "/frames", inFramed},
		"frames for anybody": {"enforcement: {cacheable: true}\n", "/frames", inFramed},
		"a frameset":         {"", "/set", []string{"left", "right"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, c.more, (*site).frames)
			want := sorted(slices.Clone(c.want)...)
			s.Prelude += look
			v := s.Open(t, "/between")
			choose(v, "accept")
			v.Go(c.path)
			v.Until(`shown()`)
			if got := s.settled(v, c.path); got != want {
				t.Fatalf("with a yes asked for %s, not %s", got, want)
			}
			v.Go("/between")
			choose(v, "refuse")
			v.Run(`setTimeout(() => history.back())`)
			v.Until(`location.pathname == '` + c.path + `' && held().length && held().every(f => at(f) != 'blank')`)
			if got := s.settled(v, c.path); got != "[]" {
				t.Errorf("behind a refusal asked for %s", got)
			}
			v.Is("each frame shows its placeholder", `return held().length == `+strconv.Itoa(len(c.want))+` && held().every(f => at(f) == '/.temoin/placeholder/film')`, `true`)
			v.Run(`setTimeout(() => location.reload())`)
			if got := s.settled(v, c.path); got != "[]" {
				t.Errorf("loaded again asked for %s", got)
			}
			v.Go("/between")
			choose(v, "accept")
			v.Run(`setTimeout(() => history.back())`)
			v.Until(`location.pathname == '` + c.path + `' && shown()`)
			if got := s.settled(v, c.path); got != want {
				t.Errorf("with a yes again asked for %s, not %s", got, want)
			}
		})
	}
}

func TestAFrameThatWasShownOnceIsNotShownBehindARefusal(t *testing.T) {
	t.Parallel()
	s := start(t, "", (*site).frames)
	s.Prelude += look
	v := s.Open(t, "/frames")
	v.Until(`document.querySelector('iframe').contentDocument?.querySelector('a')`)
	v.Run(`[...document.querySelector('iframe').contentDocument.querySelectorAll('a')].find(a => a.href.includes('plain.html')).click()`)
	s.Wait("film.localhost/plain.html")
	v.Go("/between")
	choose(v, "refuse")
	s.Take("")
	v.Run(`setTimeout(() => history.back())`)
	v.Until(`location.pathname == '/frames' && held().length && held().every(f => at(f) != 'blank')`)
	if got := s.settled(v, "/frames"); got != "[]" {
		t.Errorf("asked for %s", got)
	}
	v.Is("each frame shows its placeholder", `return held().every(f => at(f) == '/.temoin/placeholder/film')`, `true`)
}

func TestAFrameIsCalledAsThePageCallsItOnceItIsReleased(t *testing.T) {
	t.Parallel()
	s := start(t, "", (*site).frames)
	s.Prelude += look
	v := s.Open(t, "/frames")
	v.Is("while it is held", `return [...document.querySelectorAll('body > iframe')].slice(0, 2).map(f => [/^temoin-\w+-\d+$/.test(f.name), f.dataset.temoinName])`, `[[true,""],[true,"player"]]`)
	v.Run(`setTimeout(() => press('accept'))`)
	v.Until(`shown()`)
	v.Is("afterwards", `return [...document.querySelectorAll('body > iframe')].slice(0, 2).map(f => f.getAttribute('name'))`, `[null,"player"]`)
	v.Quiet()
}
