package cookies_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/cookies"
	"github.com/temoin/temoin/internal/notice/noticetest"
	"github.com/temoin/temoin/policy"
)

const inBrowser = `temoin: 1
site: s
name: S
url: http://www.site.localhost
languages: [en]
categories:
  needed: {exempt: true}
  stats: {needs: consent, purpose: {en: Counting.}}
trackers:
  - {name: sid, category: needed, lasts: session, http_only: true}
  - {name: "s_*", category: stats, lasts: 30 days}
  - {name: __Host-s, category: stats, lasts: 30 days}
  - {name: deep, category: stats, lasts: 30 days, path: /app/deep/}
`

// sets are Set-Cookie headers in all forms that a browser on this machine takes.
func sets() (list []string) {
	n := 0
	for _, domain := range []string{"", "; Domain=www.site.localhost", "; Domain=site.localhost"} {
		for _, path := range []string{"; Path=/", "; Path=/app", "; Path=/app/deep/"} {
			for _, more := range []string{"", "; Secure; SameSite=None; HttpOnly", "; Secure; SameSite=None; Partitioned; HttpOnly"} {
				n++
				list = append(list, fmt.Sprintf("s_%d=%d; Max-Age=9999%s%s%s", n, n, domain, path, more))
			}
		}
	}
	return append(list, "__Host-s=1; Secure; Path=/; HttpOnly", "deep=1; Path=/app/deep/", "sid=1; HttpOnly; Path=/")
}

func TestWhatIsWithdrawnDisappearsFromTheBrowserHttpOnlyAndPartitionedToo(t *testing.T) {
	t.Parallel()
	site, err := policy.Parse("site.yaml", []byte(inBrowser))
	if err != nil {
		t.Fatal(err)
	}
	filter := cookies.New(site, cookies.Options{})
	carried, up, pages := "", "", 0 // what came with the newest page
	w := noticetest.Start(t, "www.site.localhost", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/app/deep/set" {
			for _, line := range sets() {
				rw.Header().Add("Set-Cookie", line)
			}
			return
		}
		pages++
		carried = r.Header.Get("Cookie")
		d := consent.Decide(site, nil, consent.Signals{}, time.Now())
		c := filter.Request(r.Header, &d, cookies.At{Host: r.Host, Path: r.URL.EscapedPath(), Page: true})
		up = r.Header.Get("Cookie")
		c.Response(rw.Header())
	})
	v := w.Open(t, "/app/deep/set")
	v.Go("/app/deep/page")
	if n := strings.Count(carried, "; ") + 1; n != len(sets()) {
		t.Fatalf("the browser keeps %d of %d cookies: %s", n, len(sets()), carried)
	}
	for carried != "sid=1" {
		if up != "sid=1" {
			t.Fatalf("the upstream sees %q", up)
		}
		if pages > 200 {
			t.Fatalf("after %d pages the browser still has %s", pages, carried)
		}
		v.Go(fmt.Sprint("/app/deep/page?", pages))
	}
	t.Logf("%d cookies were gone after %d pages", len(sets())-1, pages)
}
