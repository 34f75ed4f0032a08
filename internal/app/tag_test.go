package app

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/temoin/temoin/internal/register"
)

// page is where pages of the site are; what they ask is elsewhere.
const page = "https://shop.example"

func TestOnlyPagesOfTheSiteMayUseAHubElsewhere(t *testing.T) {
	c := configure(t, t.TempDir())
	r := run(t, c)
	for origin, trusted := range map[string]bool{page: true, "https://www.shop.example": false, "https://evil.example": false, "http://shop.example": false, "null": false} {
		ask, _ := r.do(http.MethodOptions, "choice", "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "temoin-choice")
		post, _ := r.do(http.MethodPost, "choice", choice("accept"), append(asJSON, "Origin", origin, "Sec-Fetch-Site", "cross-site")...)
		state, _ := r.do(http.MethodGet, "state", "", "Origin", origin)
		for name, res := range map[string]*http.Response{"the question before": ask, "a choice": post, "what holds": state} {
			h := res.Header
			if got := h.Get("Access-Control-Allow-Origin"); (got == origin) != trusted || got != "" && got != origin {
				t.Errorf("%s, %s: %q", origin, name, got)
			}
			if got := h.Get("Access-Control-Allow-Credentials"); (got == "true") != trusted {
				t.Errorf("%s, %s: credentials %q", origin, name, got)
			}
			if !strings.Contains(strings.Join(h.Values("Vary"), ","), "Origin") {
				t.Errorf("%s, %s: %q", origin, name, h.Values("Vary"))
			}
		}
		want := []int{http.StatusNoContent, http.StatusOK}
		if !trusted {
			want = []int{http.StatusForbidden, http.StatusForbidden}
		}
		if got := []int{ask.StatusCode, post.StatusCode}; !slices.Equal(got, want) {
			t.Errorf("%s: %v, not %v", origin, got, want)
		}
	}
	res, _ := r.do(http.MethodGet, "receipts/x", "", "Origin", page)
	if got := res.Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("a receipt may be read by pages: %q", got)
	}
}

func TestAPageElsewhereSaysItsChoiceAndIsGivenTheCookie(t *testing.T) {
	r := run(t, configure(t, t.TempDir()))
	away := append(slices.Clone(asJSON), "Origin", page)
	res, body := r.do(http.MethodPost, "choice", choice("accept"), away...)
	cookie := field(t, body, "cookie")
	if res.Header.Get("Set-Cookie") != "" || !strings.Contains(cookie, "&stats=1.") || !strings.HasSuffix(cookie, "; Secure; SameSite=Lax") {
		t.Fatalf("%v %s", res.Header, body)
	}
	value, _, _ := strings.Cut(strings.SplitN(cookie, "=", 2)[1], ";")
	if _, body := r.do(http.MethodGet, "state", "", "Origin", page, "Temoin-Choice", value); field(t, body, "choice") != "stats=1&one=1" {
		t.Errorf("%s", body)
	}
	for what, header := range map[string][]string{
		"forged":               {"Origin", page, "Temoin-Choice", strings.Replace(value, "stats=1", "stats=0", 1)},
		"none, beside another": {"Origin", page, "Temoin-Choice", "", "Cookie", strings.SplitN(cookie, ";", 2)[0]},
		"of somebody else":     {"Origin", "https://evil.example", "Temoin-Choice", value},
	} {
		if _, body := r.do(http.MethodGet, "state", "", header...); field(t, body, "choice") != "" {
			t.Errorf("%s: %s", what, body)
		}
	}
	// On the hub's own pages nothing is different.
	if res, body := r.do(http.MethodPost, "choice", choice("accept"), asJSON...); res.Header.Get("Set-Cookie") == "" || field(t, body, "cookie") != "" {
		t.Errorf("%v %s", res.Header, body)
	}
	if res, _ := r.do(http.MethodPost, "choice", "action=refuse&lang=en&notice="+register.HashOf(notices[0].Bytes).String()+"&back="+page+"/film%23x", "Content-Type", "application/x-www-form-urlencoded"); res.Header.Get("Location") != page+"/film#temoin" {
		t.Errorf("a placeholder leads to %q", res.Header.Get("Location"))
	}
	if res, _ := r.do(http.MethodPost, "choice", "action=refuse&lang=en&notice="+register.HashOf(notices[0].Bytes).String()+"&back=https://evil.example/film", "Content-Type", "application/x-www-form-urlencoded"); res.Header.Get("Location") != "/.temoin/#temoin" {
		t.Errorf("a form leads to %q", res.Header.Get("Location"))
	}
}

// field reads a field of an answer, "" where it is not there.
func field(t *testing.T, body []byte, name string) string {
	t.Helper()
	var answer map[string]any
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	s, _ := answer[name].(string)
	return s
}

func TestAProgramWithoutCookiesKeepsItsChoiceItself(t *testing.T) {
	r := run(t, configure(t, t.TempDir()))
	res, body := r.do(http.MethodPost, "choice", choice("accept"), append(slices.Clone(asJSON), "Temoin-Choice", "")...)
	cookie := field(t, body, "cookie")
	if res.StatusCode != http.StatusOK || res.Header.Get("Set-Cookie") != "" || !strings.Contains(cookie, "&stats=1.") {
		t.Fatalf("%d %v %s", res.StatusCode, res.Header, body)
	}
	value, _, _ := strings.Cut(strings.SplitN(cookie, "=", 2)[1], ";")
	if _, body := r.do(http.MethodGet, "state", "", "Temoin-Choice", value); field(t, body, "choice") != "stats=1&one=1" {
		t.Errorf("%s", body)
	}
	if _, body := r.do(http.MethodGet, "state", "", "Temoin-Choice", value+"x"); field(t, body, "choice") != "" {
		t.Errorf("what nobody wrote counts: %s", body)
	}
	if res, _ := r.do(http.MethodPost, "choice", choice("accept"), append(slices.Clone(asJSON), "Temoin-Choice", "", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")...); res.StatusCode != http.StatusForbidden {
		t.Errorf("a page of somebody else: %d", res.StatusCode)
	}
}
