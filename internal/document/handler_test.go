package document

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/temoin/temoin/policy"
)

// versioned is a site with two versions of its policy.
func versioned(t testing.TB) []*policy.Site {
	t.Helper()
	const head = `temoin: 1
site: small
name: Small
url: https://small.example
languages: [en, fr]
controller: {name: Small Ltd, country: FR}
`
	first := head + `policy: {version: "1.0", updated: 2025-01-01, effective: 2025-02-01, announce: [email]}
categories:
  needed: {exempt: true, title: {en: Needed, fr: Nécessaires}}
  stats: {needs: consent, title: {en: Statistics, fr: Statistiques}, purpose: {en: Counting., fr: Compter.}}
trackers:
  - {name: s_id, category: stats, lasts: 6 months, purpose: {en: Counts you., fr: Vous compte.}}
`
	second := head + `policy:
  version: "2.0"
  updated: 2026-01-01
  effective: 2026-02-01
  announce: [email]
  history:
    - {version: "1.0", date: 2025-02-01, changes: {en: Statistics are kept longer., fr: Les statistiques sont gardées plus longtemps.}}
    - {version: "0.9", date: 2024-02-01}
categories:
  needed: {exempt: true, title: {en: Needed, fr: Nécessaires}}
  stats: {needs: consent, title: {en: Statistics, fr: Statistiques}, purpose: {en: Counting., fr: Compter.}}
trackers:
  - {name: s_id, category: stats, lasts: 13 months, purpose: {en: Counts you., fr: Vous compte.}}
`
	return []*policy.Site{parse(t, "2.yaml", second), parse(t, "1.yaml", first)}
}

// ask asks a shelf; header are names and values in turn.
func ask(t *testing.T, s *Shelf, method, target string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func shelf(t *testing.T) *Shelf {
	t.Helper()
	s, err := NewShelf(versioned(t), Place{Path: "/.temoin/policy"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestThePolicyIsServedInTheVisitorsLanguage(t *testing.T) {
	t.Parallel()
	s := shelf(t)
	for _, c := range []struct{ target, accept, want, vary string }{
		{"/.temoin/policy", "", "en", "Accept-Language"},
		{"/.temoin/policy", "fr-CA,en;q=0.5", "fr", "Accept-Language"},
		{"/.temoin/policy", "de, ja", "en", "Accept-Language"},
		{"/.temoin/policy?lang=fr", "en", "fr", "Accept-Encoding"},
		{"/.temoin/policy?lang=xx", "fr", "fr", "Accept-Language"},
		{"/.temoin/policy.md?lang=fr", "", "fr", "Accept-Encoding"},
		{"/.temoin/policy/1.0?lang=fr", "", "fr", "Accept-Encoding"},
	} {
		res := ask(t, s, "GET", c.target, "Accept-Language", c.accept)
		if got := res.Header.Get("Content-Language"); res.StatusCode != http.StatusOK || got != c.want || res.Header.Values("Vary")[0] != c.vary {
			t.Errorf("%s with %q: %d, %s, %v", c.target, c.accept, res.StatusCode, got, res.Header.Values("Vary"))
		}
	}
}

func TestPlacesToChangeOnesMindLeadToThePreferencesWhereTheyAreServed(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]bool{"": false, "/.temoin/": true} {
		s, err := NewShelf(versioned(t), Place{Path: "/.temoin/policy", Preferences: at})
		if err != nil {
			t.Fatal(err)
		}
		if page := body(t, ask(t, s, "GET", "/.temoin/policy?lang=fr")); strings.Contains(page, `href="/.temoin/?lang=fr"`) != want {
			t.Errorf("with preferences at %q: a link to them: %v", at, !want)
		}
	}
}

func TestEveryFormIsServedAsWhatItIs(t *testing.T) {
	t.Parallel()
	s := shelf(t)
	for target, want := range map[string][2]string{
		"/.temoin/policy":          {"text/html; charset=utf-8", "<h1>"},
		"/.temoin/policy.md":       {"text/markdown; charset=utf-8", "# Cookies on Small"},
		"/.temoin/policy.json":     {"application/json", `"2.0"`},
		"/.temoin/policy/1.0.json": {"application/json", `"1.0"`},
		"/.temoin/policy/1.0.md":   {"text/markdown; charset=utf-8", "6 months"},
	} {
		res := ask(t, s, "GET", target)
		if res.Header.Get("Content-Type") != want[0] || !strings.Contains(body(t, res), want[1]) {
			t.Errorf("%s: %d %s", target, res.StatusCode, res.Header.Get("Content-Type"))
		}
	}
}

func TestAPageIsServedCompressedAndValidated(t *testing.T) {
	t.Parallel()
	s := shelf(t)
	plain := ask(t, s, "GET", "/.temoin/policy?lang=en")
	want := body(t, plain)
	etags := map[string]bool{plain.Header.Get("ETag"): true}
	for coding, reader := range map[string]func(io.Reader) io.Reader{
		"br": func(r io.Reader) io.Reader { return brotli.NewReader(r) },
		"gzip": func(r io.Reader) io.Reader {
			z, err := gzip.NewReader(r)
			if err != nil {
				t.Fatal(err)
			}
			return z
		},
	} {
		res := ask(t, s, "GET", "/.temoin/policy?lang=en", "Accept-Encoding", "identity, "+coding+";q=0.5")
		packed := body(t, res)
		got, err := io.ReadAll(reader(strings.NewReader(packed)))
		if err != nil || string(got) != want || res.Header.Get("Content-Encoding") != coding {
			t.Errorf("%s: %v, %d bytes of %d, %s", coding, err, len(got), len(want), res.Header.Get("Content-Encoding"))
		}
		if len(packed)*3 > len(want) {
			t.Errorf("%s: %d bytes of %d", coding, len(packed), len(want))
		}
		etag := res.Header.Get("ETag")
		if etags[etag] {
			t.Errorf("%s has the validator of another coding", coding)
		}
		etags[etag] = true
		if again := ask(t, s, "GET", "/.temoin/policy?lang=en", "Accept-Encoding", coding, "If-None-Match", etag); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s: %d for what the browser has", coding, again.StatusCode)
		}
	}
	if res := ask(t, s, "GET", "/.temoin/policy", "Accept-Encoding", "br;q=0, gzip; q=0.0"); res.Header.Get("Content-Encoding") != "" {
		t.Errorf("%s for a client that refuses it", res.Header.Get("Content-Encoding"))
	}
	if !strings.Contains(plain.Header.Get("Cache-Control"), "public") {
		t.Error("the page cannot be cached")
	}
	if res := ask(t, s, "HEAD", "/.temoin/policy"); res.StatusCode != http.StatusOK || body(t, res) != "" {
		t.Error("HEAD")
	}
	if res := ask(t, s, "POST", "/.temoin/policy"); res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") == "" {
		t.Errorf("POST: %d", res.StatusCode)
	}
}

func TestOldVersionsStayReachableByVersionAndDate(t *testing.T) {
	t.Parallel()
	s := shelf(t)
	now := body(t, ask(t, s, "GET", "/.temoin/policy"))
	if !strings.Contains(now, `href="/.temoin/policy/1.0?lang=en"`) || strings.Contains(now, `href="/.temoin/policy/0.9`) {
		t.Error("the page does not lead to the versions that are there, and to those only")
	}
	old := body(t, ask(t, s, "GET", "/.temoin/policy/1.0"))
	if !strings.Contains(old, "earlier version") || !strings.Contains(old, `href="/.temoin/policy?lang=en"`) || !strings.Contains(old, "6 months") {
		t.Error("the old version does not say that it is one, or not what it said")
	}
	for day, want := range map[string]string{"2025-02-01": "/.temoin/policy/1.0", "2026-01-31": "/.temoin/policy/1.0", "2026-02-01": "/.temoin/policy/2.0", "2030-01-01": "/.temoin/policy/2.0"} {
		res := ask(t, s, "GET", "/.temoin/policy/on/"+day)
		if res.StatusCode != http.StatusFound || res.Header.Get("Location") != want {
			t.Errorf("%s: %d %s", day, res.StatusCode, res.Header.Get("Location"))
		}
	}
	for target, want := range map[string]int{
		"/.temoin/policy/on/2024-01-01": http.StatusNotFound, "/.temoin/policy/on/yesterday": http.StatusBadRequest,
		"/.temoin/policy/3.0": http.StatusNotFound, "/.temoin/policy/": http.StatusNotFound, "/.temoin/policyx": http.StatusNotFound,
		"/.temoin/policy/../x": http.StatusNotFound, "/elsewhere": http.StatusNotFound, "/.temoin/policy/2.0": http.StatusOK,
	} {
		if res := ask(t, s, "GET", target); res.StatusCode != want {
			t.Errorf("%s: %d, want %d", target, res.StatusCode, want)
		}
	}
}

func TestThePageSaysWhatChangedSinceTheVersionBefore(t *testing.T) {
	t.Parallel()
	s := shelf(t)
	for tag, want := range map[string][]string{
		"en": {"What changed since version 1.0", "Statistics are kept longer.", "s_id", "13 months", "6 months"},
		"fr": {"Les statistiques sont gardées plus longtemps.", "13 mois", "6 mois"},
	} {
		text := body(t, ask(t, s, "GET", "/.temoin/policy.md?lang="+tag))
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: no %q", tag, w)
			}
		}
	}
}

func TestVersionsThatCannotBeToldApartAreRefused(t *testing.T) {
	t.Parallel()
	two := versioned(t)
	other := parse(t, "other.yaml", strings.Replace(small, "site: small", "site: other", 1))
	for name, versions := range map[string][]*policy.Site{
		"there is no version": nil,
		"there twice":         {two[0], two[0]},
		`of "other", not of`:  {two[0], other},
		"has no version":      {two[0], parse(t, "small.yaml", small)},
	} {
		if _, err := NewShelf(versions, Place{Path: "/p"}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A page is made once, however many ask for it at a time.
func TestManyReadersShareOnePage(t *testing.T) {
	t.Parallel()
	s := shelf(t)
	bodies := make(chan []byte)
	for range 16 {
		go func() {
			w := httptest.NewRecorder()
			s.ServeHTTP(w, httptest.NewRequest("GET", "/.temoin/policy?lang=fr", nil))
			bodies <- w.Body.Bytes()
		}()
	}
	first := <-bodies
	for range 15 {
		if !bytes.Equal(first, <-bodies) {
			t.Error("two readers see two pages")
		}
	}
	if len(s.rendered) != 1 {
		t.Errorf("%d editions", len(s.rendered))
	}
}

func TestThePageForbidsWhatIsForeign(t *testing.T) {
	t.Parallel()
	res := ask(t, shelf(t), "GET", "/.temoin/policy")
	csp := res.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v", res.Header)
	}
	own, err := ParseLayout(policyMark)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewShelf(versioned(t), Place{Path: "/p", Layout: own})
	if err != nil {
		t.Fatal(err)
	}
	if csp := ask(t, s, "GET", "/p").Header.Get("Content-Security-Policy"); csp != "" {
		t.Errorf("a layout of the site's own is held to %s", csp)
	}
}
