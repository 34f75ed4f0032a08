// Package kit is what the three example sites have in common, and what any small site in
// Go has: pages from templates in the visitor's language, people who sign in, forms that
// only the site's own pages can send, and cookies that are what the manifest says.
//
// Nothing in it decides about consent. Cookies are asked of the manifest by name and act,
// so that their attributes and lifetimes are written down in one place; where a manifest
// does not declare one, as those of published policies do not, the site's own defaults
// are set, and the gate reports them.
package kit

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	"golang.org/x/text/language"

	"github.com/temoin/temoin/internal/lang"
)

// Config is what a site is made of.
type Config struct {
	Files fs.FS    // templates/*.html, words.yaml and static/
	Langs []string // that the site is shown in, the default first
	// Cookie returns a cookie as the manifest declares it (see temoin.Server.Cookie).
	Cookie func(name, act string) (*http.Cookie, error)

	// The names of cookies: of the session, of what protects forms, of the language, and of
	// the theme ("" where no cookie holds it).
	Session, Protection, Language, Theme string

	Users []User
	// Restore finds who is signed in where the session does not say it; may be nil.
	Restore func(r *http.Request) *User
	// Signed is told who signed in, nil for somebody who signed out, before the answer is
	// written; may be nil.
	Signed func(w http.ResponseWriter, r *http.Request, u *User, remember bool)
	// Fill adds to a page what the site's layout needs on each; may be nil.
	Fill func(p *Page)
}

// A User is somebody with an account.
type User struct{ ID, Name, Email, Password string }

// Logins are the e-mail addresses and passwords of those who can sign in.
func Logins(users []User) [][2]string {
	var all [][2]string
	for _, u := range users {
		all = append(all, [2]string{u.Email, u.Password})
	}
	return all
}

// A Kit is a site's. It is safe for concurrent use.
type Kit struct {
	config   Config
	words    words
	pages    map[string]*template.Template
	sessions *scs.SessionManager
	matcher  language.Matcher
}

// longest is how long somebody stays signed in who asks for it, where the manifest does
// not say.
const longest = 30 * 24 * time.Hour

// New makes the kit of a site. It fails where a template cannot be read or a word is
// missing in a language.
func New(c Config) (*Kit, error) {
	k := &Kit{config: c}
	var err error
	if k.words, err = readWords(c.Files, c.Langs); err != nil {
		return nil, err
	}
	if k.pages, err = k.readPages(); err != nil {
		return nil, err
	}
	var tags []language.Tag
	for _, l := range c.Langs {
		tags = append(tags, language.Make(l))
	}
	k.matcher = language.NewMatcher(tags)
	cookie, _ := k.cookie(c.Session, "remember-me")
	k.sessions = scs.New()
	// Without its cleaning in the background, whose start and end are a race: an example's
	// few sessions may stay until it ends. None that has expired is found.
	k.sessions.Store = memstore.NewWithCleanupInterval(0)
	k.sessions.Lifetime = cmp.Or(time.Duration(cookie.MaxAge)*time.Second, longest)
	k.sessions.Cookie = scs.SessionCookie{Name: c.Session, Path: "/", HttpOnly: cookie.HttpOnly, Secure: cookie.Secure, SameSite: cookie.SameSite}
	k.sessions.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
		slog.Error("a session cannot be kept", "error", err)
		http.Error(w, "This cannot be shown now. Please try again.", http.StatusInternalServerError)
	}
	return k, nil
}

// readPages reads templates/*.html: layout.html is around each of the others, which
// define "content", and may define "head".
func (k *Kit) readPages() (map[string]*template.Template, error) {
	layout, err := template.ParseFS(k.config.Files, "templates/layout.html")
	if err != nil {
		return nil, err
	}
	files, err := fs.Glob(k.config.Files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "templates/"), ".html")
		if name == "layout" {
			continue
		}
		own, err := layout.Clone()
		if err == nil {
			own, err = own.ParseFS(k.config.Files, file)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		pages[name] = own
	}
	return pages, nil
}

// Handler serves the site: its own routes, and those that all have.
//
//	POST /language   lang, next: the visitor chooses a language
//	POST /theme      theme, next: light or dark, where a cookie holds it
//	GET, POST /login email, password, remember, next: page "login"
//	POST /logout
//	GET /static/     files
//
// State is changed by requests from the site's own pages only.
func (k *Kit) Handler(own *http.ServeMux) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", own)
	mux.HandleFunc("POST /language", k.chooseLanguage)
	taken := []string{"/language", "/logout"}
	if k.config.Theme != "" {
		mux.HandleFunc("POST /theme", k.chooseTheme)
		taken = append(taken, "/theme")
	}
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) { k.Render(w, r, http.StatusOK, "login", nil) })
	mux.HandleFunc("POST /login", k.Protected(k.signIn))
	mux.HandleFunc("POST /logout", k.Protected(k.signOut))
	for _, path := range taken { // only forms are sent there; whoever comes back by a link begins anew
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusSeeOther) })
	}
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.HandlerFunc(k.static)))
	safe := http.NewCrossOriginProtection().Handler(k.sessions.LoadAndSave(mux))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "strict-origin-when-cross-origin")
		r.Body = http.MaxBytesReader(w, r.Body, 8<<20)
		safe.ServeHTTP(w, r)
	})
}

// static serves the files of the folder static, and neither lists of them nor what stands
// beside it.
func (k *Kit) static(w http.ResponseWriter, r *http.Request) {
	if !fs.ValidPath(r.URL.Path) {
		http.NotFound(w, r)
		return
	}
	name := "static/" + r.URL.Path
	if info, err := fs.Stat(k.config.Files, name); err != nil || info.IsDir() {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "max-age=300")
	http.ServeFileFS(w, r, k.config.Files, name)
}

// A Page is what a template is given.
type Page struct {
	Lang, Dir string
	Path      string // of the page, with its query: where forms lead back to
	Theme     string // light or dark; "" is the browser's
	User      *User  // nil for nobody
	Problem   string // a key of the words: what went wrong with a form
	Data      any    // the page's own
	Extra     any    // the layout's own, see Config.Fill

	Writer  http.ResponseWriter
	Request *http.Request
	kit     *Kit
}

// Langs returns the languages of the site, for its menu.
func (p *Page) Langs() []*lang.Language {
	var all []*lang.Language
	for _, tag := range p.kit.config.Langs {
		if l, ok := lang.Find(tag); ok {
			all = append(all, l)
		}
	}
	return all
}

// T is a word in the language of the page; each {} in it is filled with a value.
func (p *Page) T(key string, values ...any) (string, error) {
	return p.kit.words.say(p.Lang, key, values...)
}

// Token is what a form holds in its field "csrf", to be taken by Protected. The cookie that
// belongs to it is set with the page.
func (p *Page) Token() string { return p.kit.token(p.Writer, p.Request) }

// Render writes a page of the site, whole or not at all.
func (k *Kit) Render(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	k.render(w, r, status, name, "", data)
}

// Fail writes a page that tells what went wrong.
func (k *Kit) Fail(w http.ResponseWriter, r *http.Request, status int, name, problem string, data any) {
	k.render(w, r, status, name, problem, data)
}

func (k *Kit) render(w http.ResponseWriter, r *http.Request, status int, name, problem string, data any) {
	p := &Page{Lang: k.Lang(r), Dir: "ltr", Path: r.URL.RequestURI(), Theme: k.theme(r), User: k.User(r), Problem: problem, Data: data, Writer: w, Request: r, kit: k}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		p.Path = r.URL.Path
	}
	if l, ok := lang.Find(p.Lang); ok {
		p.Dir = string(l.Direction)
	}
	if k.config.Fill != nil {
		k.config.Fill(p)
	}
	var b bytes.Buffer
	page := k.pages[name]
	if page == nil {
		slog.Error("there is no page", "name", name)
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	if err := page.ExecuteTemplate(&b, "layout.html", p); err != nil {
		slog.Error("a page could not be made", "name", name, "error", err)
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	if p.User != nil { // whoever comes after them must not find it by going back
		w.Header().Set("Cache-Control", "no-store")
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(b.Bytes()) //nolint:errcheck // a client that is gone cannot be told
}

// Back leads to the page that a form says in its field "next", if it is one of the site;
// else to another one.
func Back(w http.ResponseWriter, r *http.Request, otherwise string) {
	next := r.PostFormValue("next")
	if !own(next) {
		next = otherwise
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// own reports whether an address is a page of the site. Browsers take a \ for a /, and
// leave out tabs and ends of lines: "/<tab>/elsewhere.example" is another site.
func own(address string) bool {
	return strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//") &&
		!strings.ContainsFunc(address, func(r rune) bool { return r == '\\' || unicode.IsControl(r) })
}
