package server

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/internal/browsertest"
)

// The consent cookie is Secure: without TLS browsers keep it for names of this machine.
func TestABrowserKeepsTheChoiceWithoutTLSOnThisMachine(t *testing.T) {
	tab := browsertest.Open(t)
	r := start(t, page, nil)
	address := strings.Replace("http://"+r.Address().String()+"/", "127.0.0.1", "shop.localhost", 1)
	tab.Do(chromedp.Navigate(address))
	if !browsertest.Evaluate[bool](tab, `(async () => {
		const root = document.querySelector('temoin-notice').shadowRoot
		root.querySelector('button[value=accept]').click()
		for (let i = 0; i < 200 && !document.cookie.includes('consent='); i++) await new Promise(ok => setTimeout(ok, 25))
		return document.cookie.includes('consent=')
	})()`) {
		t.Fatalf("the choice is not kept: %s, %v\n%s", browsertest.Evaluate[string](tab, `document.cookie + ' ' + isSecureContext + location`), tab.Messages(), r.access)
	}
	tab.Do(chromedp.Navigate(address))
	if !browsertest.Evaluate[bool](tab, `!!document.querySelector('script[src*="counter.example"]') && !document.querySelector('temoin-notice')?.shadowRoot?.querySelector('button[value=accept]')`) {
		t.Error("what was accepted does not load: " + browsertest.Evaluate[string](tab, `document.documentElement.outerHTML`))
	}
}
