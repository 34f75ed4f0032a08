package gate_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/temoin/temoin/gate"
)

// Each header by which a browser would contact somebody has its row.
func TestHeadersLeadNobodyWhoIsNotAllowed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, value, want string }{
		{"Link", "<https://counter.example/a.js>; rel=preload; as=script", ""},
		{"Link", "</a.css>; rel=preload, <//counter.example>; rel=preconnect, <https://free.example/x>; rel=\"dns-prefetch\"", "</a.css>; rel=preload, <https://free.example/x>; rel=\"dns-prefetch\""},
		{"Link", "<HTTPS://Counter.Example.\\a,b>; title=\"a, b\"; REL=\"icon StyleSheet\"", ""},
		{"Link", "<https://counter.example/a>; rel=canonical", "<https://counter.example/a>; rel=canonical"},
		{"Link", "<https://xn--counter-.example/>; rel=preload", "<https://xn--counter-.example/>; rel=preload"},
		{"Link", "<https://ｃounter.example/>; rel=modulepreload", ""},
		{"Refresh", "5; url=https://counter.example/", ""},
		{"Refresh", "5;URL='//counter.example/'", ""},
		{"Refresh", "0, https://counter.example/", ""},
		{"Refresh", "5; url=/next", "5; url=/next"},
		{"Refresh", "5", "5"},
		{"Reporting-Endpoints", `main="https://shop.example/r", other="https://a.counter.example/r"`, `main="https://shop.example/r"`},
		{"Speculation-Rules", `"https://counter.example/rules.json"`, ""},
		{"Report-To", `{"group":"a","max_age":1,"endpoints":[{"url":"https://counter.example/r"}]},{"group":"b","max_age":1,"endpoints":[{"url":"https://shop.example/r"}]}`, `{"group":"b","max_age":1,"endpoints":[{"url":"https://shop.example/r"}]}`},
		{"Report-To", `{broken`, `{broken`},
		{"Nel", `{"report_to":"a","max_age":1}`, ""},
	} {
		s := open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(c.name, c.value) }))
		res, _ := s.get("/")
		if got := strings.Join(res.Header[c.name], "|"); got != c.want {
			t.Errorf("%s: %s\nis left as %q,\n      want %q", c.name, c.value, got, c.want)
		}
		if c.want == "" && c.name != "Nel" && !s.events.has(gate.Neutralised, strings.ToLower(c.name)) {
			t.Errorf("%s: %s is not told", c.name, c.value)
		}
		if c.name == "Nel" {
			continue
		}
		if res, _ := s.get("/", "Cookie: "+s.choice("stats")); strings.Join(res.Header[c.name], "|") != c.value {
			t.Errorf("%s: with consent it is %q", c.name, res.Header[c.name])
		}
	}
}
