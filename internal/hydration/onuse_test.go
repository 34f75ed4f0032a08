package hydration

import (
	"io"
	"net/http"
	"slices"
	"testing"
)

// cross goes to another page, which is loaded as a document, and waits for it.
func (w *world) cross(how, page string) {
	w.T.Helper()
	w.Run(`window.same = true; ` + how)
	w.Until(`!window.same && document.readyState == 'complete' && hydrated('` + page + `')`)
}

func TestAPageOfAServiceOnUseIsGoneToAndLeftByLoadingADocument(t *testing.T) {
	const toCheckout, toFirst = `document.querySelector('nav a[href="/checkout"]').click()`, `document.querySelector('nav a[href="/"]').click()`
	w := startAccounts(t, remembered, "")
	w.arrive("/", "first", true)
	w.cross(toCheckout, "checkout")
	w.wait("pay.localhost/pay.js", "bank.localhost/frame.html")
	w.once("pay.js")
	w.holds(`temoin.allows('pay')`)
	w.cross(toFirst, "first")
	w.holds(`!temoin.allows('pay')`)
	w.requests()
	w.follow("/second", "second")
	w.nothing()
	w.cross(toCheckout, "checkout")
	w.once("pay.js")
	w.cross(`history.back()`, "second")
	w.requests()
	w.nothing()
	w.quiet()
}

// sendsBack is a page of the bank that is done at once: its form leads back.
func sendsBack(w *world) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		io.WriteString(rw, w.Words.Replace(`<!DOCTYPE html><title>Bank</title><form method="post" action="http://site.localhost:$PORT/checkout/done"></form><script>document.forms[0].submit()</script>`)) //nolint:errcheck // the browser says so
	}
}

func TestTheWayToTheBankAndBackIsOpen(t *testing.T) {
	for _, seal := range []string{"report", "block"} {
		t.Run(seal, func(t *testing.T) {
			w := startAccounts(t, remembered, "enforcement: {seal: "+seal+"}\n")
			w.Answer("bank.localhost/frame.html", sendsBack(w))
			w.Answer("bank.localhost/challenge", sendsBack(w))
			w.signIn("ada@example.org")
			w.nothing()
			w.arrive("/checkout", "checkout", true)
			w.once("pay.js")
			w.Until(`frame('bank').contentDocument?.querySelector('#paid')?.textContent == 'yes'`)
			w.holds(`!frame('bank').contentDocument.querySelector('temoin-notice')`)
			w.Run(`document.querySelector('#pay').click()`)
			w.Until(`location.pathname == '/checkout/return' && hydrated('return') && document.querySelector('#paid').textContent == 'yes' && document.querySelector('#who').textContent == 'ada@example.org'`)
			w.works()
			w.paid()
			w.visit("/")
			w.signedIn("ada@example.org")
			w.nothing()
			w.quiet()
		})
	}
}

// paid fails the test where others were asked for something than those who are paid with.
func (w *world) paid() {
	w.T.Helper()
	got := slices.DeleteFunc(slices.Compact(w.requests()), func(at string) bool { return at == "free.localhost/free.gif" })
	if want := []string{"bank.localhost/challenge", "bank.localhost/frame.html", "pay.localhost/pay.js"}; !slices.Equal(got, want) {
		w.T.Errorf("asked for were %q, not %q", got, want)
	}
}
