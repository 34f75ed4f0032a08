package document

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/internal/browsertest"
	"github.com/temoin/temoin/policy"
)

// serve serves the policy of an example and returns its address.
func serve(t *testing.T, versions ...*policy.Site) string {
	t.Helper()
	shelf, err := NewShelf(versions, Place{Path: "/.temoin/policy"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(shelf)
	t.Cleanup(server.Close)
	return server.URL + "/.temoin/policy"
}

func TestThePageIsReadableByEverybodyInEveryLook(t *testing.T) {
	for _, id := range examples.Sites {
		for _, tag := range site(t, id, false).Langs {
			t.Run(id+"/"+tag, func(t *testing.T) {
				t.Parallel()
				address := serve(t, site(t, id, false)) + "?lang=" + tag
				tab := browsertest.Open(t)
				for _, look := range []struct {
					name   string
					width  int64
					scheme string
				}{{"desktop", 1280, "light"}, {"dark", 1280, "dark"}, {"phone", 360, "light"}, {"zoomed", 320, "dark"}} {
					name := strings.Join([]string{"policy", id, tag, look.name}, "-")
					tab.Look(look.width, look.scheme)
					tab.Do(chromedp.Navigate(address))
					if wide := browsertest.Evaluate[int64](tab, "document.documentElement.scrollWidth"); wide > look.width {
						t.Errorf("%s: the page is %d pixels wide", name, wide)
					}
					if look.name != "dark" && look.name != "phone" { // the same page in the colors, or the width, of another
						tab.Accessible(name)
					}
					tab.Screenshot(name)
				}
				// The first request for a favicon is the browser's own.
				for _, m := range tab.Messages() {
					if !strings.Contains(m, "favicon") && !strings.Contains(m, "404") {
						t.Errorf("the console says %s", m)
					}
				}
			})
		}
	}
}

func TestTablesStayTablesOnANarrowScreen(t *testing.T) {
	t.Parallel()
	address := serve(t, site(t, "cexro", false)) + "?lang=fr"
	tab := browsertest.Open(t)
	tab.Look(320, "light")
	tab.Do(chromedp.Navigate(address))
	shape := browsertest.Evaluate[string](tab, `(() => {
		const bad = [];
		for (const cell of document.querySelectorAll('td')) {
			const box = cell.getBoundingClientRect();
			if (box.left < 0 || box.right > 320) bad.push(cell.textContent);
			if (!cell.dataset.label) bad.push('no label: ' + cell.textContent);
			if (getComputedStyle(cell, '::before').content === 'none') bad.push('label not shown: ' + cell.textContent);
		}
		for (const e of document.querySelectorAll('table, thead, tbody, tr, th, td')) if (!e.getAttribute('role')) bad.push('no role: ' + e.tagName);
		return bad.join('\n');
	})()`)
	if shape != "" {
		t.Error(shape)
	}
}

// A layout of the site's own: light whatever the visitor's setting, or following
// it where it says so.
func TestThePageIsReadableWithinALayout(t *testing.T) {
	t.Parallel()
	s := site(t, "platform", false)
	for name, body := range map[string]string{
		"light": `<body style="background: #fff; color: #222">`,
		"both":  `<body class="temoin-page" id="contact">`,
	} {
		l, err := ParseLayout("<!doctype html><html lang=\"temoin:lang\" dir=\"temoin:dir\"><head>" + headMark + "</head>" + body + "<main>" + policyMark + "</main></body></html>")
		if err != nil {
			t.Fatal(err)
		}
		shelf, err := NewShelf([]*policy.Site{s}, Place{Path: "/p", Layout: l})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(shelf)
		t.Cleanup(server.Close)
		tab := browsertest.Open(t)
		for _, scheme := range []string{"light", "dark"} {
			tab.Look(1280, scheme)
			tab.Do(chromedp.Navigate(server.URL + "/p?lang=en"))
			tab.Accessible("layout-" + name + "-" + scheme)
			tab.Screenshot("layout-" + name + "-" + scheme)
		}
	}
}
