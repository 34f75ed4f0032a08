package noticetest

import (
	"fmt"
	"net/http"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/notice"
	"github.com/temoin/temoin/policy"
)

// A Site is a world whose site, at site.localhost, answers as its gate will: each page is
// made for the choice that the request carries in the cookie "choice".
type Site struct {
	*World
	Notice *notice.Notice

	policy *policy.Site
	codec  *consent.Codec
	page   Page
}

// A Page writes a page for what was decided; head is what the notice wants in its head. All
// addresses are pages but those that end like files.
type Page func(w http.ResponseWriter, r *http.Request, d consent.Decision, head string)

// StartSite runs the site of a manifest until the test ends.
func StartSite(t testing.TB, manifest string, page Page) *Site {
	t.Helper()
	s := &Site{page: page}
	var err error
	if s.policy, err = policy.Parse("site.yaml", []byte(manifest)); err != nil {
		t.Fatal(err)
	}
	if s.codec, err = consent.NewCodec(s.policy, make([]byte, consent.MinKey)); err != nil {
		t.Fatal(err)
	}
	if s.Notice, err = notice.Compile(s.policy, notice.Options{}); err != nil {
		t.Fatal(err)
	}
	s.World = Start(t, "site.localhost", s.answer)
	return s
}

func (s *Site) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	value := ""
	if c, err := r.Cookie("choice"); err == nil {
		value = c.Value
	}
	d := s.decide(value, r.URL.Path)
	switch {
	case strings.HasPrefix(r.URL.Path, "/.temoin/"):
		s.Notice.Serve(w, r, notice.Visit{Decision: d})
	case path.Ext(r.URL.Path) != "":
		http.NotFound(w, r)
	default:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		s.page(w, r, d, string(s.Notice.In("en").Head(&d, notice.Page{Mark: s.Notice.Mark(r)})))
	}
}

// decide says what holds for who has a cookie of this value.
func (s *Site) decide(value, at string) consent.Decision {
	return consent.Decide(s.policy, s.codec.Decode(value), consent.Signals{Path: at}, time.Now())
}

// Value makes the value of a consent cookie: words are what is allowed, categories with all
// their services or a service alone; "-hotjar" is a service that is not.
func (s *Site) Value(words string) string {
	s.T.Helper()
	yes := map[string]bool{}
	for _, word := range strings.Fields(words) {
		for _, k := range s.policy.Categories {
			for _, service := range k.Services {
				yes[service.ID] = yes[service.ID] || k.ID == word
			}
		}
		yes[strings.TrimPrefix(word, "-")] = word[0] != '-'
	}
	id, err := consent.NewID(time.Now(), nil)
	if err != nil {
		s.T.Fatal(err)
	}
	value, err := s.codec.Encode(consent.Choose(s.policy, id, time.Now(), func(name string) bool { return yes[name] }))
	if err != nil {
		s.T.Fatal(err)
	}
	return value
}

// Now is what the server says of a cookie's value in its answer to a choice.
func (s *Site) Now(value string) string {
	if value == "" {
		return `{choice: "", i: "(^|; )choice=", c: "0"}`
	}
	d := s.decide(value, "/")
	return fmt.Sprintf(`{choice: %q, i: %q, c: "1"}`, d.Answers(), consent.Mark(value))
}

// Keep sets the consent cookie to the value of words, or removes it for "-", without telling
// the page. It returns what the server would tell it.
func (s *Site) Keep(v *Visit, words string) (now string) {
	s.T.Helper()
	value, set := "", "choice=;path=/;max-age=0"
	if words != "-" {
		value = s.Value(words)
		set = "choice=" + value + ";path=/"
	}
	// A request of the page goes out behind the cookie; one of the browser's need not.
	v.Run(fmt.Sprintf("document.cookie = %q; await fetch(location.origin + '/favicon.ico')", set))
	return s.Now(value)
}

// Choose makes a choice as the notice does: the cookie first, then the page is told.
func (s *Site) Choose(v *Visit, words string) {
	s.T.Helper()
	v.Run("temoin.s(" + s.Keep(v, words) + ")")
}

// Chunk reads a script of the notice as it is served.
func Chunk(t testing.TB, name string) string {
	t.Helper()
	src, err := os.ReadFile("../chunks/" + name + ".js")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(src))
}
