// Package platform is The Platform, one of the example sites: private lessons by video. It
// is a small site in Go, which keeps to its policy with the package temoin. Nothing in it
// asks for consent or waits for one: its pages refer to third parties as those of any site
// do, and the gate holds them.
package platform

import (
	"crypto/rand"
	"embed"
	"html/template"
	"net/http"
	"slices"
	"sync"

	"github.com/temoin/temoin"
	"github.com/temoin/temoin/examples/internal/kit"
	"github.com/temoin/temoin/policy"
)

//go:embed templates static words.yaml
var files embed.FS

// Site is the site. The zero value is not ready: Open it.
type Site struct {
	temoin *temoin.Server
	kit    *kit.Kit

	mu     sync.Mutex
	paying map[string][]payment // that a user began, by the user's id; the newest first
	booked map[string][]Lesson  // paid for; the newest first
}

var users = []kit.User{
	{ID: "lea", Name: "Léa Martin", Email: "lea@platform.example", Password: "lesson"},
	{ID: "tom", Name: "Tom Bernard", Email: "tom@platform.example", Password: "lesson"},
}

// Logins are the e-mail addresses and passwords of those who can sign in.
func Logins() [][2]string { return kit.Logins(users) }

// Open makes the site, to be put behind t.Wrap.
func (s *Site) Open(t *temoin.Server) (http.Handler, error) {
	site, err := t.Site()
	if err != nil {
		return nil, err
	}
	s.temoin, s.paying, s.booked = t, map[string][]payment{}, map[string][]Lesson{}
	s.kit, err = kit.New(kit.Config{
		Files: files, Langs: site.Langs, Cookie: t.Cookie,
		Session: "platform_session", Protection: "platform_csrf", Language: "NEXT_LOCALE", Theme: "theme",
		Users: users, Fill: s.fill,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", s.page(http.StatusNotFound, "missing", nil))
	mux.HandleFunc("GET /{$}", s.page(http.StatusOK, "home", Teachers))
	mux.HandleFunc("GET /lessons", s.page(http.StatusOK, "lessons", Teachers))
	mux.HandleFunc("GET /checkout", s.kit.Member(s.checkout))
	mux.HandleFunc("GET /paid", s.kit.Member(s.paid))
	mux.HandleFunc("GET /session", s.kit.Member(s.lessons("session")))
	mux.HandleFunc("GET /account", s.kit.Member(s.lessons("account")))
	mux.HandleFunc("GET /contact", s.page(http.StatusOK, "contact", nil))
	mux.HandleFunc("POST /contact", s.kit.Protected(s.write))
	for path, name := range map[string]string{"/privacy": "privacy", "/legal": "legal", "/legal/video-transfer": "video-transfer"} {
		mux.HandleFunc("GET "+path, s.page(http.StatusOK, name, nil))
	}
	return s.kit.Handler(mux), nil
}

// page shows a page that is the same for everybody.
func (s *Site) page(status int, name string, data any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s.kit.Render(w, r, status, name, data) }
}

// lessons shows a page about the lessons that somebody has booked.
func (s *Site) lessons(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		booked := slices.Clone(s.booked[s.kit.User(r).ID])
		s.mu.Unlock()
		s.kit.Render(w, r, http.StatusOK, name, booked)
	}
}

// A payment is what Stripe is asked to take, and for what.
type payment struct {
	Lesson
	Intent, Secret string
}

// most is how many payments of a user are known: one for each tab, and those that are done
// and may be looked at again.
const most = 20

// checkout begins a payment. A site that takes money would have Stripe make the intent.
func (s *Site) checkout(w http.ResponseWriter, r *http.Request) {
	lesson, ok := find(r.FormValue("lesson"))
	p := payment{Lesson: lesson}
	if ok {
		p.Intent = "pi_" + rand.Text()
		p.Secret = p.Intent + "_secret_" + rand.Text()
		s.mu.Lock()
		id := s.kit.User(r).ID
		all := slices.Insert(s.paying[id], 0, p)
		s.paying[id] = all[:min(len(all), most)]
		s.mu.Unlock()
	}
	s.kit.Render(w, r, http.StatusOK, "checkout", p)
}

// paid is where a payment leads back to, from this site's page or from that of a bank; the
// page can be opened again. No money moves in an example: a site that takes money would ask
// Stripe whether it came.
func (s *Site) paid(w http.ResponseWriter, r *http.Request) {
	lesson, ok := s.book(s.kit.User(r).ID, r.FormValue("payment_intent"), r.FormValue("redirect_status"))
	if !ok {
		s.kit.Fail(w, r, http.StatusPaymentRequired, "checkout", "checkout.refused", payment{})
		return
	}
	s.kit.Render(w, r, http.StatusOK, "paid", lesson)
}

// book books the lesson that a user has paid for; false where nothing was paid.
func (s *Site) book(user, intent, status string) (Lesson, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.paying[user], func(p payment) bool { return p.Intent == intent })
	if i < 0 || status != "succeeded" {
		return Lesson{}, false
	}
	lesson := s.paying[user][i].Lesson
	if !slices.ContainsFunc(s.booked[user], func(l Lesson) bool { return l.ID() == lesson.ID() }) {
		s.booked[user] = slices.Insert(s.booked[user], 0, lesson)
	}
	return lesson, true
}

// write takes a message. An example has nobody to read it, so it is not kept.
func (s *Site) write(w http.ResponseWriter, r *http.Request) {
	if r.PostFormValue("email") == "" || r.PostFormValue("message") == "" {
		s.kit.Fail(w, r, http.StatusUnprocessableEntity, "contact", "contact.empty", nil)
		return
	}
	http.Redirect(w, r, "/contact?sent", http.StatusSeeOther)
}

// A layout is what each page takes from the manifest in force.
type layout struct {
	Analytics, Payment, Video, Extracts *use // nil for a service that it does not have

	Reopen bool // the foot of the page has a link that opens the preferences again
	// Preferences makes the preference centre, for the page that has it in it.
	Preferences func() (template.HTML, error)
}

// A use is of a service. The gate knows the vendor's scripts by their addresses; where the
// manifest names none, as the policy did when it was published, the mark says in the page
// whose they are.
type use struct{ Mark template.HTMLAttr }

// fill looks the manifest up for each page, since another version can come into force.
func (s *Site) fill(p *kit.Page) {
	l := layout{Preferences: func() (template.HTML, error) { return s.temoin.Preferences(p.Request, p.Lang) }}
	if site, err := s.temoin.Site(); err == nil {
		l.Analytics = of(site, "google-analytics", "audience-analytics")
		l.Payment = of(site, "stripe", "payment")
		l.Video = of(site, "daily", "video")
		l.Extracts = of(site, "youtube")
		l.Reopen = slices.ContainsFunc(site.Reopenings(), func(r policy.Reopening) bool { return r.Where == "link" })
	}
	p.Extra = l
}

// of looks a service up by the ids that manifests give it.
func of(site *policy.Site, ids ...string) *use {
	for _, id := range ids {
		switch service := site.Service(id); {
		case service == nil:
		case len(service.Hosts) == 0:
			return &use{template.HTMLAttr(`data-temoin="` + id + `"`)} //nolint:gosec // one of the words above
		default:
			return &use{}
		}
	}
	return nil
}
