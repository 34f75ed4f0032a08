package kit

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
)

// site is a small one.
func site(t *testing.T) http.Handler {
	t.Helper()
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	k, err := New(Config{
		Files: fstest.MapFS{
			"words.yaml": file("a: {en: A}"), "static/a.css": file("body{}"), "static/fonts/b.woff2": file("b"),
			"templates/layout.html": file(`{{template "content" .}}`), "templates/login.html": file(`{{define "content"}}{{.Token}}{{end}}`),
			"templates/blocked.html": file(`{{define "content"}}blocked{{end}}`),
		},
		Langs: []string{"en"}, Cookie: func(string, string) (*http.Cookie, error) { return nil, errors.New("none") },
		Session: "session", Protection: "protection", Language: "language", Theme: "theme",
		Users: []User{{ID: "ada", Name: "Ada", Email: "ada@site.example", Password: "secret"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return k.Handler(http.NewServeMux())
}

func TestFilesAreServedFromTheFolderStaticAlone(t *testing.T) {
	t.Parallel()
	h := site(t)
	for path, want := range map[string]int{
		"/static/a.css": 200, "/static/fonts/b.woff2": 200,
		"/static/": 404, "/static/fonts": 404, "/static/fonts/": 404, "/static/none": 404,
		"/static/%2e%2e/words.yaml": 404, "/static/..%2ftemplates%2flogin.html": 404, "/static/fonts/..%2f..%2fwords.yaml": 404,
		"/static/%2fwords.yaml": 404, "/static/a%00.css": 404,
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s: %d, not %d", path, w.Code, want)
		}
	}
}

func TestFormsLeadBackToPagesOfTheSiteAlone(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		"/lessons?a=//b": "/lessons?a=//b", "/lessons#mon": "/lessons#mon",
		"": "/", "lessons": "/", "//elsewhere.example": "/", `/\elsewhere.example`: "/", "https://elsewhere.example/": "/",
		"/\t/elsewhere.example": "/", "/\n/elsewhere.example": "/", "\t//elsewhere.example": "/", "/a\x00": "/", "javascript:alert(1)": "/",
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/language", strings.NewReader(url.Values{"next": {next}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		Back(w, r, "/")
		if got := w.Header().Get("Location"); got != want {
			t.Errorf("%q leads to %q, not %q", next, got, want)
		}
	}
}

func TestWhereOnlyFormsAreSentAVisitorBeginsAnew(t *testing.T) {
	t.Parallel()
	h := site(t)
	for _, path := range []string{"/logout", "/language", "/theme"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" {
			t.Errorf("%s: %d to %q", path, w.Code, w.Header().Get("Location"))
		}
	}
}

func TestAFormIsTakenWithTheTokenOfItsBrowserAlone(t *testing.T) {
	t.Parallel()
	h := site(t)
	for _, form := range []struct {
		cookie, token, email, password string
		want                           int
	}{
		{"of this browser", "of this browser", "ada@site.example", "secret", http.StatusSeeOther},
		{"of this browser", "of this browser", " Ada@Site.example", "secret", http.StatusSeeOther},
		{"of this browser", "of this browser", "ada@site.example", "Secret", http.StatusUnauthorized},
		{"of this browser", "of another", "ada@site.example", "secret", http.StatusForbidden},
		{"of this browser", "", "ada@site.example", "secret", http.StatusForbidden},
		{"", "", "ada@site.example", "secret", http.StatusForbidden},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(url.Values{"csrf": {form.token}, "email": {form.email}, "password": {form.password}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(&http.Cookie{Name: "protection", Value: form.cookie})
		h.ServeHTTP(w, r)
		if w.Code != form.want {
			t.Errorf("%+v: %d", form, w.Code)
		}
	}
}
