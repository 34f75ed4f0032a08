package cookies

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/temoin/temoin/consent"
)

// expiries returns what an answer to a request expires.
func (v *visit) expiries(request string, header ...string) []string {
	c := v.Request(http.Header{"Cookie": {request}}, &v.decision, v.at)
	h := http.Header{}
	for _, line := range header {
		k, val, _ := strings.Cut(line, ": ")
		h.Add(k, val)
	}
	before := len(h["Set-Cookie"])
	c.Response(h)
	return h["Set-Cookie"][before:]
}

func TestWhatIsNoLongerAllowedIsExpiredInEveryFormThatTheBrowserCanHold(t *testing.T) {
	t.Parallel()
	v := visitor(t, "")
	v.at.Path = "/app/list"
	got := v.expiries("sid=1; s_id=2")
	want := map[string]bool{}
	for _, path := range []string{"/", "/app", "/app/", "/app/list"} {
		for _, domain := range []string{"", "; Domain=www.shop.example", "; Domain=shop.example"} {
			want["s_id=; Max-Age=0; Path="+path+domain] = true
			want["s_id=; Max-Age=0; Path="+path+domain+"; Secure; SameSite=None; Partitioned"] = true
		}
	}
	for _, line := range got {
		if !want[line] {
			t.Errorf("twice, or for nothing: %s", line)
		}
		delete(want, line)
	}
	for line := range want {
		t.Errorf("not sent: %s", line)
	}
	if first := "s_id=; Max-Age=0; Path=/app; Domain=shop.example"; got[0] != first {
		t.Errorf("the first is %q, not the declared form", got[0])
	}
	if v.events.String() != "removed s_id, expired s_id" {
		t.Error(v.events)
	}
}

func TestACookieWhoseNameHoldsItToAFormIsExpiredInThatForm(t *testing.T) {
	t.Parallel()
	v := visitor(t, "")
	v.at.Path = "/app"
	if got := v.expiries("__Host-s=1"); !slices.Equal(got, []string{
		"__Host-s=; Max-Age=0; Path=/; Secure",
		"__Host-s=; Max-Age=0; Path=/; Secure; SameSite=None; Partitioned",
	}) {
		t.Errorf("%q", got)
	}
	for _, line := range v.expiries("__Secure-s=1") {
		if !strings.Contains(line, "; Secure") {
			t.Errorf("%q is refused", line)
		}
	}
	for _, c := range []struct{ name, want string }{
		{"__Host-Http-x", "__Host-Http-x=; Max-Age=0; Path=/; HttpOnly; Secure"},
		{"__http-x", "__http-x=; Max-Age=0; Path=/; HttpOnly; Secure"},
		{"__SECURE-x", "__SECURE-x=; Max-Age=0; Path=/; Secure"},
		{"plain", "plain=; Max-Age=0; Path=/"},
	} {
		if got, _ := (form{path: "/"}).line(c.name); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if got, ok := (form{path: "/"}).line("a\x01"); ok {
		t.Errorf("a name that no browser keeps is written: %q", got)
	}
}

func TestEveryParentDomainDownToTheRegistrableOneIsTried(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		host string
		want []string
	}{
		{"shop.example:8080", []string{"", "shop.example"}},
		{"A.B.Shop.co.uk.", []string{"", "a.b.shop.co.uk", "b.shop.co.uk", "shop.co.uk"}},
		{"me.github.io", []string{"", "me.github.io"}},
		{"github.io", []string{""}},
		{"shop.localhost:80", []string{"", "shop.localhost"}},
		{"localhost", []string{""}},
		{"127.0.0.1:3000", []string{""}},
		{"[::1]:3000", []string{""}},
		{"[::1]", []string{""}},
		{"", []string{""}},
	} {
		if got := (&Carried{at: At{Host: c.host}}).domains(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.host, got, c.want)
		}
	}
}

func TestAPathThatNoAttributeCanSayIsLeftOut(t *testing.T) {
	t.Parallel()
	v := visitor(t, "")
	v.at.Path = "/a/b;c=1/d\x01"
	for _, line := range v.expiries("_ga=1") {
		if strings.Contains(line, "b;c") || strings.Contains(line, "\x01") {
			t.Errorf("%q", line)
		}
	}
}

func TestAnAnswerExpiresNoMoreThanThereIsRoomForAndEachFormHasItsTurn(t *testing.T) {
	t.Parallel()
	turn := 0
	v := visitor(t, "", func(o *Options) { o.Rand = func(n int) int { turn++; return turn * 7 % n } })
	v.at.Path = "/one/two/three/four/five"
	var request strings.Builder
	request.WriteString("_ga=1")
	for i := range 30 {
		fmt.Fprintf(&request, "; _ga_%d=1", i)
	}
	sent := map[string]bool{}
	forms := len((&Carried{filter: v.Filter, at: v.at}).forms())
	for range 2000 {
		size := 0
		list := v.expiries(request.String())
		for _, line := range list {
			size += len("Set-Cookie: \r\n") + len(line)
			sent[line] = true
		}
		if size > 3<<10 || size < 2<<10 {
			t.Fatalf("an answer has %d bytes of it", size)
		}
	}
	if len(sent) != 31*forms {
		t.Errorf("%d forms had their turn, of %d", len(sent), 31*forms)
	}
}

func TestNothingIsExpiredWhereTheAnswerMayBeAnotherVisitors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		page    bool
		headers []string
		want    bool
	}{
		{"a page", true, nil, true},
		{"a page that is shared", true, []string{"Cache-Control: Public, max-age=9"}, false},
		{"a page for shared caches", true, []string{"Cache-Control: s-maxage=9"}, false},
		{"a file", false, []string{"Cache-Control: max-age=9"}, false},
		{"what nobody says anything about", false, nil, false},
		{"a private answer", false, []string{"Cache-Control: max-age=9", "Cache-Control: Private"}, true},
		{"what is not to be kept", false, []string{"Cache-Control: no-store"}, true},
		{"what sets a cookie anyway", false, []string{"Set-Cookie: lang=fr"}, true},
		{"what sets a cookie and is shared", false, []string{"Set-Cookie: lang=fr", "Cache-Control: public"}, false},
	} {
		v := visitor(t, "")
		v.at.Page = c.page
		if got := v.expiries("_ga=1", c.headers...); len(got) > 0 != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestWhatIsAllowedOrUnknownIsNotExpired(t *testing.T) {
	t.Parallel()
	v := visitor(t, "stats", block)
	if got := v.expiries("sid=1; _ga=2; s_id=3; other=4; eu-consent=5; p_mid=6; =x; bare"); len(got) > 0 {
		t.Errorf("%q", got)
	}
	refused := visitor(t, "")
	if got := refused.expiries("lang=\" _ga=1\"; =_ga=1; _ga"); len(got) > 0 {
		t.Errorf("what only seems to be a cookie is expired, or what has another name: %q", got)
	}
}

func TestAChoiceExpiresAtOnceWhatItDoesNotAllow(t *testing.T) {
	t.Parallel()
	v := visitor(t, "stats")
	v.decide(t, "", consent.Signals{}) // withdrawn
	v.at.Path = "/.temoin/choice"
	h := http.Header{"Set-Cookie": {"eu-consent=new; Path=/"}, "Cache-Control": {"private, no-store"}}
	c := v.Request(http.Header{"Cookie": {"_ga=1"}}, &v.decision, v.at)
	c.Expire(h)
	if got := h["Set-Cookie"]; got[0] != "eu-consent=new; Path=/" || !slices.Contains(got, "_ga=; Max-Age=0; Path=/; Domain=shop.example") {
		t.Errorf("%q", got)
	}
}

func TestALongNameLeavesRoomForTheOthers(t *testing.T) {
	t.Parallel()
	v := visitor(t, "")
	if got := v.expiries("_ga_" + strings.Repeat("x", 4000) + "=1; s_id=2"); len(got) == 0 || !strings.HasPrefix(got[0], "s_id=") {
		t.Errorf("%d lines", len(got))
	}
}

func TestADecisionThatBecomesAnotherOneBeforeTheAnswerIsKeptTo(t *testing.T) {
	t.Parallel()
	v := visitor(t, "")
	c := v.Request(http.Header{"Cookie": {"_ga=1"}}, &v.decision, v.at)
	v.decide(t, "stats", consent.Signals{})
	h := http.Header{"Set-Cookie": {"_ga=2"}}
	c.Response(h)
	if got := h["Set-Cookie"]; !slices.Equal(got, []string{"_ga=2"}) {
		t.Errorf("%q", got)
	}
}

func TestAHeaderOfThousandsOfCookiesCostsNoMoreThanItsLength(t *testing.T) {
	t.Parallel()
	v := visitor(t, "")
	var request strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&request, "_ga_%d=1;", i)
	}
	up, c := v.asks(request.String())
	if up != "" || len(c.expire) != maxExpired {
		t.Errorf("%d bytes reach the upstream, %d are to be expired", len(up), len(c.expire))
	}
}
