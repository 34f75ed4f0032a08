package hydration

import (
	"net/http"
	"testing"
)

func TestAPageOfAServiceOnUseIsGoneToAndLeftByLoadingADocument(t *testing.T) {
	t.Skip("links of an application go from page to page without a document: the notice has nothing yet that has them load one")
	w := startAccounts(t, remembered, "")
	w.arrive("/", "first", true)
	w.Run(`window.same = true; document.querySelector('nav a[href="/checkout"]').click()`)
	w.Until(`!window.same && hydrated('checkout')`)
	w.wait("pay.localhost/pay.js", "bank.localhost/frame.html")
	w.holds(`temoin.allows('pay')`)
	w.Run(`window.same = true; document.querySelector('nav a[href="/"]').click()`)
	w.Until(`!window.same && hydrated('first')`)
	w.holds(`!temoin.allows('pay')`)
	w.requests()
	w.follow("/second", "second")
	w.nothing()
	w.quiet()
}

func TestABankIsAskedOnTheWayToIt(t *testing.T) {
	for _, seal := range []string{"report", "block"} {
		t.Run(seal, func(t *testing.T) {
			w := startAccounts(t, remembered, "enforcement: {seal: "+seal+"}\n")
			w.Answer("bank.localhost/challenge", func(rw http.ResponseWriter, r *http.Request) {
				http.Redirect(rw, r, w.Words.Replace("http://site.localhost:$PORT/checkout/return?paid=yes"), http.StatusSeeOther)
			})
			w.signIn("ada@example.org")
			w.nothing()
			w.arrive("/checkout", "checkout", true)
			w.wait("pay.localhost/pay.js", "bank.localhost/frame.html")
			w.once("pay.js")
			w.Run(`document.querySelector('#pay').click()`)
			w.wait("bank.localhost/challenge")
			w.Until(`hydrated('return') && document.querySelector('#paid').textContent == 'yes' && document.querySelector('#who').textContent == 'ada@example.org'`)
			w.visit("/")
			w.signedIn("ada@example.org")
			w.nothing()
			w.quiet()
		})
	}
}
