package notice

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/policy"
)

// tagBudget is what the tag of Cexro in French may weigh on the wire.
const tagBudget = 7 << 10

func TestTheTagIsNotLargerThanItsBudget(t *testing.T) {
	e := compile(t, site(t, "cexro")).In("fr")
	if n := len(e.tag.brotli()); n > tagBudget {
		t.Errorf("the tag is %d bytes compressed, its budget is %d", n, tagBudget)
	} else {
		t.Logf("%d of %d bytes", n, tagBudget)
	}
}

func TestTheTagAsksAboutAPartAsPagesDo(t *testing.T) {
	old := site(t, "cexro")
	name, src, err := examples.Manifest("cexro", false)
	if err != nil {
		t.Fatal(err)
	}
	now, err := policy.Parse(name, []byte(strings.Replace(string(src), "      fr: Afficher une fenêtre de discussion", "      fr: Vous suivre et afficher une fenêtre de discussion", 1)), old)
	if err != nil {
		t.Fatal(err)
	}
	n := compile(t, now, old)
	again := decide(now, choose(t, old, "analytics", "support"), consent.Signals{})
	if again.Notice != consent.AgainNotice {
		t.Fatal("nobody is asked again")
	}
	for _, c := range []struct {
		query string
		want  func(e *Edition) []byte
	}{
		{"again&asks=support", func(e *Edition) []byte { return e.Body(&again) }},
		{"asks=support", func(e *Edition) []byte { return e.first }},
		{"asks=analytics&asks=support", func(e *Edition) []byte { return e.first }},
		{"asks=nothing", func(e *Edition) []byte { return e.first }},
		{"again&asks=gone", func(e *Edition) []byte { return e.first }},
	} {
		r := ask(n, "/?part=notice&lang=ar&"+c.query)
		want, err := shadowContent(c.want(n.In("ar")))
		if err != nil || r.Code != http.StatusOK || !bytes.Equal(r.Body.Bytes(), want) {
			t.Errorf("%s: %d, %v: %.80s", c.query, r.Code, err, r.Body)
		}
		if h := r.Header(); h.Get("Cache-Control") != briefly || h.Get("Content-Language") != "ar" {
			t.Errorf("%s: %v", c.query, h)
		}
	}
}

func TestTheTagIsKeptShortlyAndOnlySentWhenItIsAnother(t *testing.T) {
	n := compile(t, site(t, "cexro"))
	first := ask(n, "/temoin.js?lang=fr", "Accept-Encoding", "br")
	h := first.Header()
	if h.Get("Cache-Control") != briefly || h.Get("Content-Encoding") != "br" || h.Get("ETag") == "" || h.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("%v", h)
	}
	if again := ask(n, "/temoin.js?lang=fr", "Accept-Encoding", "br", "If-None-Match", h.Get("ETag")); again.Code != http.StatusNotModified {
		t.Errorf("it is sent again: %d", again.Code)
	}
	for lang, header := range map[string]string{"fr": "de", "ar": "ar-MA,fr;q=0.5"} {
		r := ask(n, "/temoin.js", "Accept-Language", header)
		if !bytes.Equal(r.Body.Bytes(), n.In(lang).tag.plain) || !slices.Contains(r.Header().Values("Vary"), "Accept-Language") {
			t.Errorf("%s: %v", header, r.Header())
		}
	}
}

func TestOnlyTheSitesOwnPagesAreTrusted(t *testing.T) {
	for manifest, origins := range map[string]map[string]bool{
		"url: https://www.shop.example\nhosts: [shop.example, shop.test]": {
			"https://www.shop.example": true, "https://shop.example": true, "https://SHOP.test": true,
			"http://www.shop.example": false, "https://www.shop.example:8443": false, "https://blog.shop.example": false,
			"https://www.shop.example.evil.example": false, "https://evil.example": false, "https://a@www.shop.example": false, "null": false, "": false, "https://": false,
			"file://www.shop.example": false,
		},
		"url: https://www.shop.example:8443": {"https://www.shop.example:8443": true, "https://www.shop.example": false},
		"url: https://shop.localhost":        {"http://shop.localhost:1234": true, "https://shop.localhost": true, "http://localhost": false},
	} {
		s, err := policy.Parse("site.yaml", []byte("temoin: 1\nsite: s\nname: S\nlanguages: [en]\ncategories: {needed: {exempt: true}}\n"+manifest+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		for origin, want := range origins {
			if Trusts(s, origin) != want {
				t.Errorf("%q, %q: %v", manifest, origin, !want)
			}
		}
	}
}

func TestACookieReachesWhatItsDomainCovers(t *testing.T) {
	for _, c := range []struct {
		domain, page, hub string
		want              bool
	}{
		{"registrable", "www.shop.example", "consent.shop.example:8080", true},
		{"registrable", "shop.example", "consent.shop.example", true},
		{"registrable", "www.shop.example", "hub.example", false},
		{"registrable", "shop.test", "consent.shop.example", false},
		{"host", "www.shop.example", "consent.shop.example", false},
		{"host", "www.shop.example", "www.shop.example", true},
	} {
		s, err := policy.Parse("site.yaml", []byte("temoin: 1\nsite: s\nname: S\nlanguages: [en]\nurl: https://www.shop.example\nhosts: [shop.test]\nchoice: {domain: "+c.domain+"}\ncategories: {needed: {exempt: true}}\n"))
		if err != nil {
			t.Fatal(err)
		}
		if Reaches(s, c.page, c.hub) != c.want {
			t.Errorf("%+v", c)
		}
	}
}

// ask asks for what a notice serves.
func ask(n *Notice, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "https://"+n.site.Host+n.prefix+path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	n.Serve(w, r, Visit{})
	return w
}
