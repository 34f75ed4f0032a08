package temoin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/temoin/temoin"
)

// Sessions of scs in a cookie whose name, attributes and lifetime are the manifest's:
// 30 days for who ticks "remember me", else until the browser closes.
func ExampleServer_Cookie() {
	const manifest = `temoin: 1
site: shop
name: Shop
url: https://shop.example
languages: [en]
categories: {needed: {exempt: true}}
trackers:
  - name: __Host-session
    category: needed
    reason: authentication
    lasts: {remember-me: 30 days, otherwise: session}
    http_only: true
    secure: true
    same_site: Lax
    purpose: {en: Keeps you signed in.}
`
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	t, err := temoin.Open(context.Background(), temoin.Config{Manifest: "site.yaml", Source: []byte(manifest), Store: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close()

	c, err := t.Cookie("__Host-session", "remember-me")
	if err != nil {
		fmt.Println(err) // it is not declared, or depends on no such act
		return
	}
	sessions := scs.New()
	sessions.Lifetime = time.Duration(c.MaxAge) * time.Second // on the server, which must know how long a session may be
	sessions.Cookie = scs.SessionCookie{
		Name: c.Name, Domain: c.Domain, Path: c.Path, HttpOnly: c.HttpOnly, Secure: c.Secure, SameSite: c.SameSite, Partitioned: c.Partitioned,
		Persist: false, // in the browser, unless RememberMe says so
	}
	site := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // somebody signs in
		if err := sessions.RenewToken(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		sessions.Put(r.Context(), "user", "ada")
		sessions.RememberMe(r.Context(), r.FormValue("remember") != "")
	})
	handler := t.Wrap(sessions.LoadAndSave(site)) // the gate sees what the sessions set

	for _, form := range []string{"", "?remember=1"} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "https://shop.example/login"+form, nil))
		for _, set := range answer.Result().Cookies() {
			fmt.Println(set.Name, set.HttpOnly, set.Secure, set.MaxAge)
		}
	}
	// Output:
	// __Host-session true true 0
	// __Host-session true true 2592000
}
