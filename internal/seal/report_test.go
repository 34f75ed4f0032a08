package seal

import (
	"slices"
	"strings"
	"testing"
)

const cspReport, reportsJSON = "application/csp-report", "application/reports+json"

func TestAReportKeepsDirectiveHostAndDeclaredPath(t *testing.T) {
	t.Parallel()
	s := New(parse(t, shop), notice)
	for _, c := range []struct {
		name, kind, body string
		want             []Violation
	}{
		{"as browsers send it", cspReport, `{"csp-report":{"document-uri":"https://www.shop.example/checkout/card?user=me","effective-directive":"img-src",
			"violated-directive":"img-src","blocked-uri":"https://Spy.Example.:8443/pixel?id=7","disposition":"report","original-policy":"…"}}`,
			[]Violation{{"img-src", "spy.example", "/checkout", false}}},
		{"with parameters, from an older browser", cspReport + "; charset=utf-8", `{"csp-report":{"document-uri":"https://www.shop.example/me","violated-directive":"Script-Src 'self'","blocked-uri":"wss://a.spy.example"}}`,
			[]Violation{{"script-src", "a.spy.example", "", false}}},
		{"as browsers will send it", reportsJSON, `[{"type":"deprecation","body":{}},{"type":"csp-violation","url":"x","body":{"documentURL":"https://www.shop.example/settings/privacy","effectiveDirective":"script-src-elem",
			"blockedURL":"inline","disposition":"enforce","sample":"alert(1)"}}]`, []Violation{{"script-src-elem", "inline", "/settings/privacy", true}}},
		{"of an extension", cspReport, `{"csp-report":{"effective-directive":"script-src","blocked-uri":"moz-extension://abc/x.js"}}`, nil},
		{"of data", cspReport, `{"csp-report":{"effective-directive":"img-src","blocked-uri":"data"}}`, []Violation{{Directive: "img-src", Host: "data"}}},
		{"of data, with all of it", cspReport, `{"csp-report":{"effective-directive":"img-src","blocked-uri":"data:image/png,secret"}}`, []Violation{{Directive: "img-src", Host: "data"}}},
		{"of what nobody knows", cspReport, `{"csp-report":{"effective-directive":"a secret","blocked-uri":"secret"}}`, []Violation{{Directive: "other", Host: "other"}}},
		{"of a host that is none", cspReport, `{"csp-report":{"effective-directive":"img-src","blocked-uri":"https://user@a b/"}}`, []Violation{{Directive: "img-src", Host: "other"}}},
		{"with nothing in it", cspReport, `{}`, nil},
		{"with nothing of ours in it", reportsJSON, `[]`, nil},
	} {
		got, err := s.ParseReport(c.kind, []byte(c.body))
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
		}
	}
}

func TestWhatIsNoReportIsRefused(t *testing.T) {
	t.Parallel()
	s := New(parse(t, shop), notice)
	for _, c := range []struct{ name, kind, body, want string }{
		{"another type", "text/plain", `{}`, "no browser sends"},
		{"no type", "", `{}`, "has the type"},
		{"no JSON", cspReport, `{`, "no JSON object"},
		{"no list", reportsJSON, `{}`, "no JSON list"},
		{"too long", cspReport, `{"csp-report":{"x":"` + strings.Repeat("x", MaxReport) + `"}}`, "more than 8192 bytes"},
	} {
		if got, err := s.ParseReport(c.kind, []byte(c.body)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v, want %s", c.name, got, err, c.want)
		}
	}
}

func FuzzParseReport(f *testing.F) {
	f.Add(cspReport, `{"csp-report":{"document-uri":"https://www.shop.example/checkout","effective-directive":"img-src","blocked-uri":"https://spy.example/x"}}`)
	f.Add(reportsJSON, `[{"type":"csp-violation","body":{"documentURL":"/checkout","effectiveDirective":"style-src","blockedURL":"blob:x"}}]`)
	f.Add(cspReport, `{"csp-report":{"blocked-uri":"http://[::1]/","violated-directive":" "}}`)
	s := New(parse(f, shop), notice)
	f.Fuzz(func(t *testing.T, kind, body string) {
		list, err := s.ParseReport(kind, []byte(body))
		if err != nil && len(list) > 0 {
			t.Fatal("an error with a result")
		}
		for _, v := range list {
			if !slices.Contains(directives, v.Directive) && v.Directive != other ||
				!slices.Contains([]string{"", "/checkout", "/settings/privacy"}, v.Path) || v.Host == "" || len(v.Host) > 253 || strings.ContainsAny(v.Host, "/?#@ ") {
				t.Fatalf("%q keeps %+v", body, v)
			}
		}
	})
}
