package demo

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A client speaks HTTP with a site as a browser does that keeps its cookies.
type client struct {
	w       *world
	site    string
	cookies map[string]string
}

func (w *world) client(site string) *client { return &client{w, site, map[string]string{}} }

// ask sends a form, or asks for a page where there is none.
func (c *client) ask(path string, form url.Values) (status int, body string) {
	c.w.t.Helper()
	method, sent := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, sent = http.MethodPost, strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, c.w.Home()+path, sent)
	if err != nil {
		c.w.t.Fatal(err)
	}
	req.Host = c.site + ".localhost"
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept-Language", "en")
	for name, value := range c.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		c.w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.w.t.Fatal(err)
	}
	for _, cookie := range res.Cookies() {
		c.cookies[cookie.Name] = cookie.Value
	}
	return res.StatusCode, string(b)
}

// found returns what a pattern matches in a page, its first group.
func (c *client) found(path, pattern string) string {
	c.w.t.Helper()
	_, body := c.ask(path, nil)
	m := regexp.MustCompile(pattern).FindStringSubmatch(body)
	if m == nil {
		c.w.t.Fatalf("%s has nothing like %s", path, pattern)
	}
	return m[1]
}

// send sends the form of a page.
func (c *client) send(path string, form url.Values) (status int, body string) {
	c.w.t.Helper()
	form.Set("csrf", c.found(path, `name="csrf" value="([^"]+)"`))
	return c.ask(path, form)
}

func (c *client) signIn() {
	c.w.t.Helper()
	login := c.w.show(c.site + ".localhost").Logins[0]
	if status, _ := c.send("/login", url.Values{"email": {login[0]}, "password": {login[1]}}); status != http.StatusSeeOther {
		c.w.t.Fatalf("signing in: %d", status)
	}
}

func TestALessonIsPaidForInEachOfTwoTabsAndItsPageCanBeOpenedAgain(t *testing.T) {
	t.Parallel()
	c := start(t, options{}).client("platform")
	c.signIn()
	intent := func(lesson string) string {
		secret, _, _ := strings.Cut(c.found("/checkout?lesson="+lesson, `data-secret="([^"]+)"`), "_secret_")
		return secret
	}
	first, second := intent("hannah-fri-17"), intent("idris-sat-10")
	for range 2 {
		for intent, hour := range map[string]string{first: "Friday, 17:00", second: "Saturday, 10:00"} {
			if status, body := c.ask("/paid?redirect_status=succeeded&payment_intent="+intent, nil); status != http.StatusOK || !strings.Contains(body, hour) {
				t.Errorf("%s: %d", hour, status)
			}
		}
	}
	if _, body := c.ask("/account", nil); strings.Count(body, "Friday, 17:00") != 1 || strings.Count(body, "Saturday, 10:00") != 1 {
		t.Error("the account does not have each lesson once")
	}
	third := intent("louis-tue-18")
	for _, query := range []string{"payment_intent=" + third + "&redirect_status=failed", "payment_intent=" + third, "payment_intent=pi_of_nobody&redirect_status=succeeded", ""} {
		if status, _ := c.ask("/paid?"+query, nil); status != http.StatusPaymentRequired {
			t.Errorf("%s: %d", query, status)
		}
	}
}

func TestAFormThatIsNotTakenKeepsWhatWasFilledIn(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	platform, pix2clip, cexro := w.client("platform"), w.client("pix2clip"), w.client("cexro")
	pix2clip.signIn()
	for _, form := range []struct {
		c      *client
		path   string
		values url.Values
		want   []string
	}{
		{platform, "/contact", url.Values{"email": {"lea@x.example"}, "about": {"data"}, "message": {""}}, []string{`value="lea@x.example"`, `value="data" selected`}},
		{pix2clip, "/editor", url.Values{"project": {"2"}, "text": {strings.Repeat("é", 201)}, "format": {"portrait"}, "seconds": {"20"}}, []string{`value="portrait" checked`, `value="20" checked`, "éé</textarea>"}},
		{cexro, "/support", url.Values{"email": {`"><script>`}, "message": {" "}}, []string{`value="&#34;&gt;&lt;script&gt;"`, `role="alert"`}},
	} {
		status, body := form.c.send(form.path, form.values)
		if status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", form.path, status)
		}
		for _, want := range form.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s lacks %s", form.path, want)
			}
		}
	}
}

func TestNothingOfAnAccountIsLeftToGoBackToAfterSigningOut(t *testing.T) {
	t.Parallel()
	w := start(t, options{})
	for site, page := range map[string]string{"pix2clip": "/settings/privacy", "platform": "/account", "cexro": "/compte/cookies"} {
		v := w.open(t, site, "/")
		v.signIn(true)
		v.to(page)
		v.after(`document.querySelector('form[action="/logout"]').requestSubmit()`)
		v.run("history.back()")
		v.until(`location.pathname == "/login" && document.querySelector('form[action="/login"]') && document.readyState == "complete"`)
	}
}

func TestWhatIsBeingWrittenIsNotLeftForWhoeverSignsInNext(t *testing.T) {
	t.Parallel()
	v := start(t, options{}).open(t, "pix2clip", "/")
	v.signIn(false)
	v.to("/editor")
	v.run(`const text = document.querySelector("#text"); text.value = "Not for others"; text.dispatchEvent(new Event("input"))`)
	v.chooses("lang", "fr")
	v.is("what was written, in another language", `document.querySelector("#text").value`, `"Not for others"`)
	v.after(`document.querySelector('form[action="/logout"]').requestSubmit()`)
	v.signInAs(1, false)
	v.to("/editor")
	v.is("what somebody else finds", `document.querySelector("#text").value`, `""`)
}

func TestTheDemoEndsAtOnceWhereABrowserHasConnectedInAdvance(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Config{Listen: "127.0.0.1:0", Store: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	c, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	(&world{Server: s, t: t}).get("cexro.localhost", "/legal") // so that the one before was accepted
	stop()
	c.SetReadDeadline(time.Now().Add(4 * time.Second)) //nolint:errcheck // the read would say it
	if _, err := c.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("the connection is open still: %v", err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestTheDemoSaysInOneLineWhyItCannotStart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Config{Listen: "127.0.0.1:0", Store: file})
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "pix2clip") {
		t.Errorf("%v", err)
	}
}

func TestADemoThatListensEverywhereSaysAnAddressToOpen(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Config{Listen: ":0", Store: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // it was not served
	if got := s.Home(); !strings.HasPrefix(got, "http://localhost:") {
		t.Errorf("it is at %s", got)
	}
}
