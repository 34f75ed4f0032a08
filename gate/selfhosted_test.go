package gate_test

import (
	"strings"
	"testing"
)

func TestTheVendorOfWhatTheSiteHostsItselfIsNeverAsked(t *testing.T) {
	t.Parallel()
	s := open(t, page(`<!doctype html><html><head>
<link rel="stylesheet" href="https://fonts.example/css">
<script src="https://own.example/own.js"></script>
<script src="https://shop.example/own/own.js"></script>
</head><body></body></html>`), with(`
  - {id: fonts, name: Fonts, category: needed, hosts: [fonts.example], self_hosted: true}
  - {id: own, name: Own, category: stats, hosts: [own.example, shop.example/own/], self_hosted: true}`))
	for _, allowed := range []bool{false, true} {
		var headers []string
		if allowed {
			headers = append(headers, "Cookie: "+s.choice("stats", "support"))
		}
		_, body := s.get("/", headers...)
		for _, live := range []string{`<link rel="stylesheet"`, ` src="https://own.example`} {
			if strings.Contains(body, live) {
				t.Errorf("allowed %v: %s reaches the vendor:\n%s", allowed, live, body)
			}
		}
		// No choice releases these in the page; its own script waits for one.
		for _, name := range []string{`data-temoin="!fonts"`, `data-temoin="!own"`} {
			if !strings.Contains(body, name) {
				t.Errorf("allowed %v: nothing is held as %s:\n%s", allowed, name, body)
			}
		}
		if runs := strings.Contains(body, ` src="https://shop.example/own/own.js"`); runs != allowed {
			t.Errorf("allowed %v: the site's own script runs %v:\n%s", allowed, runs, body)
		}
	}
}
