package temoin_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/temoin/temoin"
	"github.com/temoin/temoin/examples"
)

// outside is a program of somebody else: it uses what is public, in the light way and with
// everything.
const outside = `package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/temoin/temoin"
	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/policy"
)

type quiet struct{}

func (quiet) Insert(*http.Request, string, *gate.View, bool) (head, body []byte)  { return nil, nil }
func (quiet) Tag(string) []byte                                                  { return nil }
func (quiet) Hashes() (scripts, styles []string)                                 { return nil, nil }
func (quiet) Placeholder(_ *http.Request, services, address, lang string) string { return "" }

func light(manifest, key []byte, site http.Handler) (http.Handler, error) {
	p, err := policy.Parse("site.yaml", manifest)
	if err != nil {
		return nil, err
	}
	codec, err := consent.NewCodec(p, key)
	if err != nil {
		return nil, err
	}
	s := gate.Compile(p, gate.Parts{Codec: codec, Notice: quiet{}})
	return gate.New(gate.Config{Site: func() *gate.Site { return s }}, site), nil
}

func whole(site http.Handler) (http.Handler, error) {
	t, err := temoin.Open(context.Background(), temoin.Config{Manifest: "site.yaml", Store: "store"})
	if err != nil {
		return nil, err
	}
	return t.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if temoin.Allows(r, "analytics") {
			if err := t.SetCookie(w, "seen", "1", ""); err != nil {
				log.Print(err)
			}
		}
		site.ServeHTTP(w, r)
	})), nil
}

func main() {
	_, _ = light(nil, nil, http.NotFoundHandler())
	_, _ = whole(http.FileServer(http.Dir(os.Args[0])))
}
`

func TestAnotherModuleCanUseIt(t *testing.T) {
	t.Parallel()
	repo, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := strings.Replace(string(mod), "module github.com/temoin/temoin", "module outside.example", 1) +
		"\nrequire github.com/temoin/temoin v0.0.0\nreplace github.com/temoin/temoin => " + repo + "\n"
	sum, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"go.mod": text, "go.sum": string(sum), "main.go": outside} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "vet", "-mod=mod", ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestASiteInGoIsServedWithAll(t *testing.T) {
	t.Parallel()
	name, src, err := examples.Manifest("cexro", false)
	if err != nil {
		t.Fatal(err)
	}
	server, err := temoin.Open(t.Context(), temoin.Config{Manifest: name, Source: src, Store: filepath.Join(t.TempDir(), "store")})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	var allowed bool
	var cookie *http.Cookie
	web := httptest.NewServer(server.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allowed = temoin.Allows(r, "analytics") || temoin.Allows(r, "hotjar") || temoin.Allows(r, "nonsense")
		if _, ok := temoin.Decision(r); !ok || !temoin.Allows(r, "essential") {
			t.Error("nothing was decided")
		}
		if err := server.SetCookie(w, "cexro_session", "1", ""); err != nil {
			t.Error(err)
		}
		if err := server.SetCookie(w, "surprise", "1", ""); err == nil {
			t.Error("a cookie that is not declared was set")
		}
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, `<!doctype html><html lang="fr"><head><title>C</title></head><body><script src="https://static.hotjar.com/c/hotjar-1.js"></script></body></html>`) //nolint:errcheck
	})))
	defer web.Close()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL, nil)
	r.Header.Set("Sec-Fetch-Dest", "document")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range res.Cookies() {
		if c.Name == "cexro_session" {
			cookie = c
		}
	}
	if allowed || !strings.Contains(string(body), "<temoin-notice") || strings.Contains(string(body), ` src="https://static.hotjar.com`) || cookie == nil || !cookie.HttpOnly {
		t.Errorf("allowed: %v, cookie: %v, page: %.400s", allowed, cookie, body)
	}
}

func TestAPageWithThePreferencesInItIsItsVisitorsAlone(t *testing.T) {
	t.Parallel()
	const manifest = "temoin: 1\nsite: shop\nname: Shop\nurl: https://shop.example\nlanguages: [en]\nenforcement: {cacheable: true}\n" +
		"categories: {needed: {exempt: true}, stats: {needs: consent}}\nservices:\n  - {id: counter, name: Counter, category: stats, hosts: [counter.example]}\n"
	s, err := temoin.Open(t.Context(), temoin.Config{Manifest: "site.yaml", Source: []byte(manifest), Store: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	site := s.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Cache-Control", "public, max-age=600")
		if r.URL.Path == "/account" {
			part, err := s.Preferences(r, `"><script>`)
			if err != nil || !strings.Contains(string(part), `value="counter"`) || strings.Contains(string(part), `"><script>`) {
				t.Errorf("%v: %s", err, part)
			}
			io.WriteString(w, string(part))
		}
	}))
	for path, want := range map[string]string{"/": "public, max-age=600", "/account": "private, no-cache"} {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://shop.example"+path, nil))
		if got := w.Header().Get("Cache-Control"); got != want {
			t.Errorf("%s: %q, not %q", path, got, want)
		}
	}
}
