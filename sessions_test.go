package temoin_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/temoin/temoin"
)

const withSession = `temoin: 1
site: shop
name: Shop
url: https://shop.example
languages: [en]
categories:
  needed: {exempt: true}
  stats: {needs: consent, purpose: {en: Counting.}}
trackers:
  - name: __Host-session
    category: needed
    reason: authentication
    lasts: {remember-me: 30 days, otherwise: session}
    http_only: true
    secure: true
    same_site: Lax
    purpose: {en: Keeps you signed in.}
services:
  - {id: counter, name: Counter, category: stats, hosts: [counter.example], trackers: [{name: _count, lasts: 1 month, purpose: {en: Counts.}}]}
enforcement: {undeclared: block}
`

// sessionsOf keeps sessions in a cookie that the manifest declares: until the browser
// closes, or as long as the act lasts where scs.RememberMe says so.
func sessionsOf(server *temoin.Server, name, act string) (*scs.SessionManager, error) {
	c, err := server.Cookie(name, act)
	if err != nil {
		return nil, err
	}
	sessions := scs.New()
	sessions.Lifetime = time.Duration(c.MaxAge) * time.Second
	sessions.Cookie = scs.SessionCookie{
		Name: c.Name, Domain: c.Domain, Path: c.Path, HttpOnly: c.HttpOnly, Secure: c.Secure, SameSite: c.SameSite, Partitioned: c.Partitioned,
		Persist: false, // unless it is asked for
	}
	return sessions, nil
}

// A shop is a site in Go that knows who is signed in by a session of scs, behind its gate.
type shop struct {
	t        *testing.T
	server   *temoin.Server
	sessions *scs.SessionManager
	web      *httptest.Server
	browser  *http.Client
}

func newShop(t *testing.T, manifest string, change func(s *scs.SessionManager)) *shop {
	t.Helper()
	server, err := temoin.Open(t.Context(), temoin.Config{Manifest: "site.yaml", Source: []byte(manifest), Store: filepath.Join(t.TempDir(), "store")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	act := ""
	if strings.Contains(manifest, "remember-me") {
		act = "remember-me"
	}
	sessions, err := sessionsOf(server, "__Host-session", act)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(sessions)
	}
	s := &shop{t: t, server: server, sessions: sessions}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /in", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.RenewToken(r.Context()); err != nil {
			t.Error(err)
		}
		sessions.Put(r.Context(), "user", "ada")
		sessions.RememberMe(r.Context(), r.FormValue("remember") != "")
	})
	mux.HandleFunc("POST /out", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.Destroy(r.Context()); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><head><title>Shop</title></head><body>for %q</body></html>`, sessions.GetString(r.Context(), "user"))
	})
	s.web = httptest.NewTLSServer(server.Wrap(sessions.LoadAndSave(mux)))
	t.Cleanup(s.web.Close)
	s.browser = s.web.Client()
	if s.browser.Jar, err = cookiejar.New(nil); err != nil {
		t.Fatal(err)
	}
	s.browser.Transport.(*http.Transport).TLSClientConfig.MinVersion = tls.VersionTLS12
	return s
}

// send sends a form, or asks for a page where there is none, and returns the session's
// cookie if the answer sets it.
func (s *shop) send(path string, form url.Values) (page string, set *http.Cookie) {
	s.t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.web.URL+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if form == nil {
		r.Header.Set("Sec-Fetch-Dest", "document")
	} else {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", s.web.URL)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := s.browser.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		s.t.Fatalf("%s %s: %s %v %s", method, path, res.Status, err, b)
	}
	for _, c := range res.Cookies() {
		if strings.Contains(c.Name, "session") {
			set = c
		}
	}
	return string(b), set
}

// isFor says whom a page is for.
func (s *shop) isFor(want string) {
	s.t.Helper()
	if page, _ := s.send("/", nil); !strings.Contains(page, fmt.Sprintf("for %q", want)) {
		s.t.Errorf("it is not for %q: %s", want, page)
	}
}

// choose answers the notice.
func (s *shop) choose(action string) {
	s.t.Helper()
	page, _ := s.send("/", nil)
	m := regexp.MustCompile(`name="notice" value="([0-9a-f]{64})"`).FindStringSubmatch(page)
	if m == nil {
		page, _ = s.send("/.temoin/", nil)
		if m = regexp.MustCompile(`name="notice" value="([0-9a-f]{64})"`).FindStringSubmatch(page); m == nil {
			s.t.Fatalf("nothing is asked in %s", page)
		}
	}
	s.send("/.temoin/choice", url.Values{"action": {action}, "notice": {m[1]}, "lang": {"en"}})
}

func TestASessionIsKeptAsTheManifestSaysWhateverTheVisitorChooses(t *testing.T) {
	t.Parallel()
	s := newShop(t, withSession, nil)
	s.isFor("")
	_, set := s.send("/in", url.Values{})
	if set == nil || set.Name != "__Host-session" || set.MaxAge != 0 || !set.Expires.IsZero() || !set.HttpOnly || !set.Secure || set.SameSite != http.SameSiteLaxMode || set.Path != "/" || set.Domain != "" {
		t.Fatalf("until the browser closes: %+v", set)
	}
	s.isFor("ada")
	for _, action := range []string{"refuse", "accept", "withdraw"} {
		s.choose(action)
		s.isFor("ada")
	}
	_, gone := s.send("/out", url.Values{})
	if gone == nil || gone.MaxAge >= 0 || gone.Value != "" {
		t.Errorf("signed out: %+v", gone)
	}
	s.isFor("")
	u, _ := url.Parse(s.web.URL)
	s.browser.Jar.SetCookies(u, []*http.Cookie{set})
	s.isFor("") // nor with the cookie that was
}

func TestASessionThatIsRememberedLastsAsTheManifestSays(t *testing.T) {
	t.Parallel()
	const declared = 30 * 24 * 60 * 60
	for name, change := range map[string]func(s *scs.SessionManager){
		"as declared":                 nil,
		"the site would keep it":      func(s *scs.SessionManager) { s.Lifetime = 90 * 24 * time.Hour },
		"with attributes of its own":  func(s *scs.SessionManager) { s.Cookie.HttpOnly, s.Cookie.SameSite = false, http.SameSiteNoneMode },
		"with a time without request": func(s *scs.SessionManager) { s.IdleTimeout = 20 * 24 * time.Hour },
	} {
		s := newShop(t, withSession, change)
		_, set := s.send("/in", url.Values{"remember": {"1"}})
		if set == nil || set.MaxAge > declared || set.MaxAge < 20*24*60*60-60 || time.Until(set.Expires) > declared*time.Second+2*time.Second || !set.HttpOnly || !set.Secure || set.SameSite != http.SameSiteLaxMode {
			t.Errorf("%s: %+v", name, set)
		}
		for range 2 {
			s.isFor("ada")
		}
		s.choose("refuse")
		s.isFor("ada")
		if _, set := s.send("/in", url.Values{}); set == nil || set.MaxAge != 0 || !set.Expires.IsZero() {
			t.Errorf("%s, not remembered: %+v", name, set)
		}
	}
}

// A site whose session goes on with each request says so in its manifest; else the cookie
// that the browser has ends when it was said to.
func TestASessionGoesOnWithEachRequestWhereTheManifestSaysSo(t *testing.T) {
	t.Parallel()
	for _, sliding := range []bool{true, false} {
		manifest := strings.Replace(withSession, "{remember-me: 30 days, otherwise: session}", fmt.Sprintf("30 days\n    sliding: %v", sliding), 1)
		s := newShop(t, manifest, func(s *scs.SessionManager) { s.IdleTimeout = 24 * time.Hour })
		s.send("/in", url.Values{"remember": {"1"}})
		page, set := s.send("/", nil)
		if !strings.Contains(page, `for "ada"`) || (set != nil) != sliding {
			t.Errorf("sliding %v: %+v %s", sliding, set, page)
		}
	}
}

func TestASessionInACookieThatIsNotDeclaredIsAnErrorAndReachesNoBrowser(t *testing.T) {
	t.Parallel()
	s := newShop(t, withSession, func(s *scs.SessionManager) { s.Cookie.Name = "session" })
	for _, c := range []struct{ name, act, want string }{
		{"session", "", `declares no cookie "session"`}, {"_count", "remember-me", "does not depend on"}, {"__Host-session", "always", "depends on an act"}, {"__Host-session", "", "depends on an act"},
	} {
		if _, err := s.server.Cookie(c.name, c.act); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v", c.name, c.act, err)
		}
	}
	if _, err := sessionsOf(s.server, "session", ""); err == nil {
		t.Error("sessions are kept in a cookie that is not declared")
	}
	if _, set := s.send("/in", url.Values{}); set != nil {
		t.Errorf("%+v", set)
	}
	s.isFor("")
}
