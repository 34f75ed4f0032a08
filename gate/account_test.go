package gate_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/policy"
)

// keeper keeps the choices of accounts.
type keeper struct {
	choices map[string]*consent.Choice
	down    atomic.Bool
	asked   atomic.Int32
}

func (k *keeper) Account(id string) ([]byte, error) {
	sum := sha256.Sum256([]byte(id))
	return sum[:], nil
}

func (k *keeper) Latest(_ context.Context, id string) (*consent.Choice, error) {
	k.asked.Add(1)
	if k.down.Load() {
		return nil, errors.New("the register is down")
	}
	return k.choices[id], nil
}

func (k *keeper) Sign(text string) ([]byte, error) {
	h := hmac.New(sha256.New, []byte("key"))
	io.WriteString(h, text)
	return h.Sum(nil), nil
}

// following is a shop whose choices follow accounts; who is signed in stands in a cookie.
func following(t *testing.T, next http.Handler, options ...option) (*shop, *keeper) {
	t.Helper()
	k := &keeper{choices: map[string]*consent.Choice{}}
	s := open(t, next, append(options, func(p *gate.Parts, m *string) {
		*m = strings.Replace(*m, "choice: {cookie: consent}", "choice: {cookie: consent, scope: account}", 1)
		p.Accounts = k
		if p.Identity == nil {
			p.Subjects = gate.SubjectFunc(func(r *http.Request) (string, error) {
				c, err := r.Cookie("session")
				if err != nil {
					return "", nil
				}
				if c.Value == "broken" {
					return "", errors.New("nobody knows")
				}
				return c.Value, nil
			})
		}
	})...)
	return s, k
}

// chose is a choice of an account.
func (s *shop) chose(at time.Time, allow bool) *consent.Choice {
	id, err := consent.NewID(at, strings.NewReader(strings.Repeat("a", 100)))
	if err != nil {
		s.t.Fatal(err)
	}
	return consent.Choose(s.site, id, at, func(string) bool { return allow })
}

func TestAChoiceOfAnAccountHoldsWithTheNextPageOfItsOtherDevices(t *testing.T) {
	t.Parallel()
	var views []*gate.View
	var s *shop
	var k *keeper
	s, k = following(t, viewed(&views), func(p *gate.Parts, _ *string) {
		p.Mount = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			k.choices["ann"] = s.chose(noon, false)
			w.Header().Add("Set-Cookie", s.choice()+"; Path=/")
		})
	})
	k.choices["ann"] = s.chose(noon.Add(-time.Hour), true)
	res, _ := s.get("/", "Cookie: session=ann")
	phone, _ := ofAccount(res)
	res, _ = s.get("/", "Cookie: session=bob")
	other, _ := ofAccount(res)
	s.do(http.MethodPost, "/.temoin/choice", "Cookie: session=ann")
	asked := k.asked.Load()
	s.get("/", "Cookie: session=ann; "+phone)
	if v := views[len(views)-1]; v.Decision.Service(s.site.Service("counter")) {
		t.Error("what the account withdrew on one device holds on another one")
	}
	s.get("/", "Cookie: session=bob; "+other)
	if n := k.asked.Load() - asked; n != 1 {
		t.Errorf("the register was asked %d times", n)
	}
}

// viewed is a handler that tells what it was shown.
func viewed(views *[]*gate.View) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*views = append(*views, gate.Of(r.Context()))
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, small)
	})
}

// ofAccount returns the account's cookie of an answer, as a request carries it.
func ofAccount(res *http.Response) (cookie string, gone bool) {
	for _, c := range res.Cookies() {
		if c.Name == policy.AccountCookie {
			return c.Name + "=" + c.Value, c.MaxAge < 0
		}
	}
	return "", false
}

func TestTheChoiceOfAnAccountAppliesWhereItIsSignedIn(t *testing.T) {
	t.Parallel()
	var views []*gate.View
	s, k := following(t, viewed(&views))
	k.choices["ann"] = s.chose(noon.Add(-time.Hour), true)
	allows := func(n int) bool { return views[n].Decision.Service(s.site.Service("counter")) }

	res, _ := s.get("/", "Cookie: session=ann")
	account, gone := ofAccount(res)
	if !allows(0) || !views[0].Arrived || account == "" || gone {
		t.Fatalf("at the first page: %+v, %q", views[0], account)
	}
	for _, c := range res.Cookies() {
		if c.Name == policy.AccountCookie && (!c.HttpOnly || !c.Secure || c.Path != "/" || c.MaxAge != 0 || c.Domain != "" || strings.Contains(c.Value, "ann")) {
			t.Errorf("%v", c)
		}
	}
	k.down.Store(true) // the cookie is believed
	s.get("/", "Cookie: session=ann; "+account)
	if !allows(1) || views[1].Arrived || k.asked.Load() != 1 {
		t.Errorf("at the next page: %+v, the register was asked %d times", views[1], k.asked.Load())
	}
	k.down.Store(false)
	for name, cookies := range map[string]string{
		"somebody else":         "session=bob; " + account,
		"nobody":                account,
		"a cookie made by hand": "session=bob; " + strings.Replace(account, ".a.", ".d.", 1),
	} {
		res, _ := s.get("/", "Cookie: "+cookies)
		v := views[len(views)-1]
		if v.Decision.Service(s.site.Service("counter")) {
			t.Errorf("%s is signed in, and has ann's choice", name)
		}
		if _, gone := ofAccount(res); gone != (name == "nobody") {
			t.Errorf("%s: the cookie goes: %v", name, gone)
		}
	}
	// The device's own choice is there again after the end of a session.
	s.get("/", "Cookie: "+s.choice("support"))
	if v := views[len(views)-1]; !v.Decision.Service(s.site.Service("chat")) || allows(len(views)-1) {
		t.Errorf("%+v", v)
	}
}

func TestARefusalIsNotUpgraded(t *testing.T) {
	t.Parallel()
	var views []*gate.View
	s, k := following(t, viewed(&views))
	counter := func() bool { return views[len(views)-1].Decision.Service(s.site.Service("counter")) }

	k.choices["ann"] = s.chose(noon.Add(-time.Hour), true) // an earlier yes
	if s.get("/", "Cookie: session=ann; "+s.choice()); counter() {
		t.Error("an account's earlier yes stands against this device's no")
	}
	k.choices["bob"] = s.chose(noon.Add(-time.Hour), false)
	if s.get("/", "Cookie: session=bob; "+s.choice("stats", "support")); !counter() {
		t.Error("a younger yes of this device does not count")
	}
	k.choices["bob"] = s.chose(noon, false)
	if s.get("/", "Cookie: session=bob; "+s.choice("stats", "support")); counter() {
		t.Error("an account's no does not count")
	}
	for _, cookies := range []string{"session=broken", "session=eve"} {
		k.down.Store(cookies == "session=eve")
		if s.get("/", "Cookie: "+cookies+"; "+s.choice("stats")); counter() {
			t.Errorf("%s: the account may have refused, and nobody knows", cookies)
		}
	}
}

func TestAnAnswerThatSignsInIsDecidedAboutAnew(t *testing.T) {
	t.Parallel()
	s, k := following(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if who, ok := r.URL.Query()["in"]; ok {
			w.Header().Set(gate.SubjectHeader, who[0])
		}
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, small)
	}))
	k.choices["ann"] = s.chose(noon, true)
	res, body := s.get("/?in=ann")
	account, _ := ofAccount(res)
	if account == "" || !strings.Contains(body, `<script src="https://counter`) || res.Header[gate.SubjectHeader] != nil {
		t.Errorf("signed in: %q, %v, %s", account, res.Header, body)
	}
	res, body = s.get("/?in=", "Cookie: session=ann; "+account+"; _count=1")
	if _, gone := ofAccount(res); !gone || strings.Contains(body, `<script src="https://counter`) || res.Header[gate.SubjectHeader] != nil {
		t.Errorf("signed out: %v, %s", res.Header, body)
	}
	if set := strings.Join(res.Header["Set-Cookie"], "\n"); !strings.Contains(set, "_count=; Max-Age=0") {
		t.Errorf("what the account had allowed stays: %s", set)
	}
	for _, shop := range []*shop{open(t, page(small)), s} {
		if res, _ := shop.get("/?in=x"); res.Header[gate.SubjectHeader] != nil {
			t.Error("a browser sees who is signed in")
		}
	}
}

func TestADeviceCanKeepItsOwnChoice(t *testing.T) {
	t.Parallel()
	var views []*gate.View
	s, k := following(t, viewed(&views))
	k.choices["ann"] = s.chose(noon.Add(-time.Hour), true)
	res, _ := s.get("/", "Cookie: session=ann")
	account, _ := ofAccount(res)
	follow := func(what string, headers ...string) *http.Response {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/.temoin/account", strings.NewReader(url.Values{"follow": {what}}.Encode()))
		r.Host = "shop.example"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			r.Header.Set(name, value)
		}
		res, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res
	}
	res = follow("device", "Cookie: session=ann; "+account, "Referer: http://shop.example/a?b=1")
	own, _ := ofAccount(res)
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/a?b=1" || own == account || own == "" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	if forgets := "consent=; Path=/; Max-Age=0"; !strings.Contains(strings.Join(res.Header["Set-Cookie"], "\n"), forgets) {
		t.Errorf("what was chosen here before stays: %v", res.Header)
	}
	s.get("/", "Cookie: session=ann; "+own)
	if v := views[len(views)-1]; v.Decision.Notice != consent.FirstNotice || v.Account != nil || !v.Own {
		t.Errorf("the account's choice applies still: %+v", v)
	}
	res = follow("account", "Cookie: session=ann; "+own, "Referer: https://evil.example/a")
	if res.Header.Get("Location") != "/.temoin/" {
		t.Errorf("it leads to %s", res.Header.Get("Location"))
	}
	again, _ := ofAccount(res)
	s.get("/", "Cookie: session=ann; "+again)
	if v := views[len(views)-1]; !v.Decision.Service(s.site.Service("counter")) || v.Account == nil {
		t.Errorf("%+v", v)
	}
	for want, res := range map[int]*http.Response{
		http.StatusConflict:           follow("device"),
		http.StatusBadRequest:         follow("", "Cookie: session=ann"),
		http.StatusServiceUnavailable: follow("device", "Cookie: session=broken"),
		http.StatusForbidden:          follow("device", "Cookie: session=ann", "Sec-Fetch-Site: cross-site"),
	} {
		if res.StatusCode != want {
			t.Errorf("%d, want %d", res.StatusCode, want)
		}
	}
}

func TestAChoiceThatIsBoundToAnAccountCountsForNobodyElse(t *testing.T) {
	t.Parallel()
	var views []*gate.View
	s, k := following(t, viewed(&views))
	choice := *s.chose(noon.Add(-time.Hour), true)
	key, _ := k.Account("ann")
	var err error
	if choice.Bound, err = gate.Bind(k, choice.ID, key); err != nil {
		t.Fatal(err)
	}
	value, err := s.codec.Encode(&choice)
	if err != nil {
		t.Fatal(err)
	}
	carried := "consent=" + value
	k.choices["ann"], k.choices["eve"] = s.chose(noon.Add(-time.Hour), true), nil
	for who, counts := range map[string]bool{"session=ann; ": true, "session=eve; ": false, "": false, "session=broken; ": false} {
		res, _ := s.get("/", "Cookie: "+who+carried)
		v := views[len(views)-1]
		if gone := strings.Contains(strings.Join(res.Header["Set-Cookie"], "\n"), "consent=; "); gone != (!counts && who != "session=broken; ") {
			t.Errorf("%q: it goes from the browser: %v", who, gone)
		}
		if v.Decision.Service(s.site.Service("counter")) != counts || (v.Choice != nil) != counts || (v.Standing != nil) != counts || !counts && v.Decision.Notice != consent.FirstNotice {
			t.Errorf("%q: %+v", who, v)
		}
	}
	other := *s.chose(noon.Add(-2*time.Hour), true)
	if bound, _ := gate.Bind(k, other.ID, key); bound == choice.Bound && other.ID != choice.ID {
		t.Error("two choices of an account are told to be one account's")
	}
}

func TestAProxyAsksTheSiteWhoIsSignedIn(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	var cookies atomic.Value
	answer := `{"user":{"id":9007199254740993}}`
	me := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		cookies.Store(r.Header.Get("Cookie"))
		switch {
		case strings.Contains(r.Header.Get("Cookie"), "session=out"):
			w.WriteHeader(http.StatusUnauthorized)
		case strings.Contains(r.Header.Get("Cookie"), "session=down"):
			w.WriteHeader(http.StatusInternalServerError)
		case strings.Contains(r.Header.Get("Cookie"), "session=odd"):
			io.WriteString(w, "<html>")
		default:
			io.WriteString(w, answer)
		}
	}))
	defer me.Close()
	at, _ := url.Parse(me.URL + "/api/me")
	var views []*gate.View
	s, k := following(t, viewed(&views), func(p *gate.Parts, _ *string) {
		p.Identity, p.Now = &gate.Identity{URL: at, Field: "user.id"}, func() time.Time { return noon }
	})
	k.choices["9007199254740993"] = s.chose(noon.Add(-time.Hour), true)
	counter := func() bool { return views[len(views)-1].Decision.Service(s.site.Service("counter")) }
	for range 3 {
		if s.get("/", "Cookie: session=in; _count=1; seen=2"); !counter() {
			t.Error("the account's choice does not apply")
		}
	}
	if asked.Load() != 1 || cookies.Load() != "session=in" {
		t.Errorf("asked %d times, with %q", asked.Load(), cookies.Load())
	}
	if s.get("/"); asked.Load() != 1 {
		t.Error("it is asked about nobody's cookies")
	}
	for _, who := range []string{"out", "down", "odd"} {
		if s.get("/", "Cookie: session="+who+"; "+s.choice("stats")); counter() != (who == "out") {
			t.Errorf("%s: the counter is allowed: %v", who, counter())
		}
	}
}

func TestAChoiceOfSomebodySignedInIsTheAccountsAtOnce(t *testing.T) {
	t.Parallel()
	var s *shop
	var of []byte
	var k *keeper
	s, k = following(t, http.NotFoundHandler(), func(p *gate.Parts, _ *string) {
		p.Mount = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			of = gate.Of(r.Context()).Account
			w.Header().Add("Set-Cookie", s.choice("stats")+"; Path=/")
		})
	})
	res, _ := s.do(http.MethodPost, "/.temoin/choice", "Cookie: session=ann")
	account, _ := ofAccount(res)
	if want, _ := k.Account("ann"); string(of) != string(want) || !strings.Contains(account, "stats=1") {
		t.Errorf("kept for %x, the cookie is %q", of, account)
	}
}

func TestAVisitorIsToldOnceThatTheAccountsChoiceApplies(t *testing.T) {
	t.Parallel()
	var views []*gate.View
	s, k := following(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			w.Header().Set(gate.SubjectHeader, "ann")
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		viewed(&views).ServeHTTP(w, r)
	}))
	k.choices["ann"] = s.chose(noon.Add(-time.Hour), true)
	res, _ := s.get("/login") // which leads on by a page that nobody sees
	account, _ := ofAccount(res)
	if account == "" {
		t.Fatal("the form that signs in sets no cookie")
	}
	for _, want := range []bool{true, false} {
		res, _ := s.get("/", "Cookie: session=ann; "+account)
		if got := views[len(views)-1].Arrived; got != want {
			t.Errorf("told: %v, want %v", got, want)
		}
		if c, _ := ofAccount(res); c != "" {
			account = c
		}
	}
}
