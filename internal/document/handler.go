package document

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/andybalholm/brotli"
	"golang.org/x/text/language"

	"github.com/temoin/temoin/policy"
)

// A Shelf holds the versions of a site's policy and serves them:
//
//	PATH                 the version in force, in the visitor's language
//	PATH?lang=fr         in that language
//	PATH.json, PATH.md   the same in another form
//	PATH/1.0             a version; PATH/1.0.json, PATH/1.0.md
//	PATH/on/2026-05-20   leads to the version in force on that day
//
// A page is rendered when it is first asked for, and compressed, then served
// from memory with a validator. It is safe for concurrent use.
type Shelf struct {
	path     string
	choose   string         // the preference centre, "" for none
	versions []*policy.Site // the one in force first, then older ones
	page     Page
	csp      string
	matcher  language.Matcher

	mu       sync.Mutex
	rendered map[edition]*served
}

// A Place is where and how a shelf is served.
type Place struct {
	Path   string  // "/.temoin/policy"
	Layout *Layout // nil for pages of their own
	Style  string  // CSS that follows Témoin's
	// Preferences is where the preference centre is, "/.temoin/"; "" for nowhere.
	Preferences string
}

// An edition is one rendering.
type edition struct {
	version      int
	lang, format string
}

// NewShelf makes a shelf of the versions of one site's policy, the one in force
// first. A version is reached by its number, which no two may share.
func NewShelf(versions []*policy.Site, at Place) (*Shelf, error) {
	if len(versions) == 0 {
		return nil, fmt.Errorf("there is no version of the policy")
	}
	seen := map[string]bool{}
	for _, v := range versions {
		number := v.Policy.Version
		switch {
		case v.ID != versions[0].ID:
			return nil, fmt.Errorf("%s is a policy of %q, not of %q", v.File, v.ID, versions[0].ID)
		case len(versions) > 1 && number == "":
			return nil, fmt.Errorf("%s has no version, by which it could be reached: write policy.version", v.File)
		case number != "" && seen[number]:
			return nil, fmt.Errorf("%s: version %s is there twice: raise policy.version", v.File, number)
		}
		seen[number] = true
	}
	s := &Shelf{path: at.Path, choose: at.Preferences, versions: versions, page: Page{Layout: at.Layout, Style: at.Style}, rendered: map[edition]*served{}}
	var tags []language.Tag
	for _, l := range versions[0].Langs {
		tags = append(tags, language.Make(l))
	}
	s.matcher = language.NewMatcher(tags)
	if at.Layout == nil { // a site's own layout brings what only the site knows
		sum := sha256.Sum256([]byte(pageStyle(at.Style)))
		s.csp = "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
	}
	return s, nil
}

// formats are how a policy can be served.
var formats = map[string]string{
	"html": "text/html; charset=utf-8",
	"md":   "text/markdown; charset=utf-8",
	"json": "application/json",
}

// ServeHTTP answers GET and HEAD.
func (s *Shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "The policy can only be read.", http.StatusMethodNotAllowed)
		return
	}
	rest, ok := strings.CutPrefix(r.URL.Path, s.path)
	if day, dated := strings.CutPrefix(rest, "/on/"); ok && dated {
		s.redirect(w, r, day)
		return
	}
	e, found := s.edition(rest)
	if !ok || !found {
		http.Error(w, "There is no such version of the policy.", http.StatusNotFound)
		return
	}
	e.lang = s.negotiate(w, r)
	made, err := s.serve(e)
	if err != nil {
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	made.answer(w, r, s.csp, e)
}

// edition reads what follows the path: "", ".json", "/1.0", "/1.0.md".
func (s *Shelf) edition(rest string) (edition, bool) {
	e := edition{format: "html"}
	for _, f := range []string{"json", "md"} {
		if cut, ok := strings.CutSuffix(rest, "."+f); ok {
			e.format, rest = f, cut
		}
	}
	if rest == "" {
		return e, true
	}
	number, ok := strings.CutPrefix(rest, "/")
	e.version = slices.IndexFunc(s.versions, func(v *policy.Site) bool { return v.Policy.Version == number })
	return e, ok && number != "" && e.version >= 0
}

// redirect leads to the version in force on a day.
func (s *Shelf) redirect(w http.ResponseWriter, r *http.Request, day string) {
	on, err := policy.ParseDate(day)
	if err != nil {
		http.Error(w, "That is no date. Write it like 2026-05-20.", http.StatusBadRequest)
		return
	}
	for _, v := range s.versions {
		from := v.Policy.Effective
		if from.IsZero() {
			from = v.Policy.Updated
		}
		if !from.IsZero() && !on.Before(from) && v.Policy.Version != "" {
			to := s.address(v)
			if asked := r.URL.Query().Get("lang"); slices.Contains(s.versions[0].Langs, asked) {
				to += "?lang=" + asked
			}
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
	}
	http.Error(w, "No version of the policy that is kept here was in force on that day.", http.StatusNotFound)
}

// address is where a version is reached.
func (s *Shelf) address(v *policy.Site) string {
	return s.path + "/" + url.PathEscape(v.Policy.Version)
}

// negotiate returns the language asked for, else the one that suits the browser.
func (s *Shelf) negotiate(w http.ResponseWriter, r *http.Request) string {
	langs := s.versions[0].Langs
	if asked := strings.ToLower(r.URL.Query().Get("lang")); slices.Contains(langs, asked) {
		return asked
	}
	w.Header().Add("Vary", "Accept-Language")
	_, i := language.MatchStrings(s.matcher, r.Header.Get("Accept-Language"))
	return langs[i]
}

// serve returns an edition, made once.
func (s *Shelf) serve(e edition) (*served, error) {
	s.mu.Lock()
	made, ok := s.rendered[e]
	if !ok {
		made = &served{}
		s.rendered[e] = made
	}
	s.mu.Unlock()
	made.once.Do(func() {
		var body []byte
		if body, made.err = s.render(e); made.err == nil {
			made.bodies = compressed(body)
			sum := sha256.Sum256(body)
			made.hash = hex.EncodeToString(sum[:12])
		}
	})
	return made, made.err
}

func (s *Shelf) render(e edition) ([]byte, error) {
	site := s.versions[e.version]
	o := Options{Lang: e.lang, Versions: map[string]string{}}
	if s.choose != "" {
		o.Preferences = s.choose + "?lang=" + e.lang
	}
	for _, v := range s.versions {
		o.Versions[v.Policy.Version] = s.address(v) + "?lang=" + e.lang
	}
	if e.version+1 < len(s.versions) {
		o.Previous = s.versions[e.version+1]
	}
	if e.version > 0 {
		o.InForce, o.InForceURL = s.versions[0].Policy.Version, s.path+"?lang="+e.lang
	}
	d, err := Build(site, o)
	if err != nil {
		return nil, err
	}
	switch e.format {
	case "md":
		return d.Markdown(), nil
	case "json":
		return d.JSON()
	}
	page, here := s.page, s.path
	if e.version > 0 {
		here = s.address(site)
	}
	page.Data = here + ".json?lang=" + e.lang
	for _, l := range s.versions[0].Langs {
		if l != e.lang {
			page.Alternates = append(page.Alternates, Alternate{l, here + "?lang=" + l})
		}
	}
	return d.HTML(page), nil
}

// served is one edition as it is sent.
type served struct {
	once   sync.Once
	bodies map[string][]byte // by content coding, "" for none
	hash   string
	err    error
}

// codings in the order of preference.
var codings = []string{"br", "gzip"}

func compressed(body []byte) map[string][]byte {
	var br, gz bytes.Buffer
	// Level 9 of 11: the last two cost ten times as long for three per cent.
	bw := brotli.NewWriterLevel(&br, 9)
	bw.Write(body) //nolint:errcheck // a buffer takes all
	bw.Close()     //nolint:errcheck
	gw, _ := gzip.NewWriterLevel(&gz, gzip.BestCompression)
	gw.Write(body) //nolint:errcheck
	gw.Close()     //nolint:errcheck
	return map[string][]byte{"": body, "br": br.Bytes(), "gzip": gz.Bytes()}
}

func (made *served) answer(w http.ResponseWriter, r *http.Request, csp string, e edition) {
	h := w.Header()
	h.Set("Content-Type", formats[e.format])
	h.Set("Content-Language", e.lang)
	h.Add("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	if csp != "" {
		h.Set("Content-Security-Policy", csp)
	}
	coding := ""
	for _, c := range codings {
		if accepts(r.Header.Get("Accept-Encoding"), c) {
			coding = c
			h.Set("Content-Encoding", c)
			break
		}
	}
	h.Set("ETag", `"`+strings.Trim(made.hash+"-"+coding, "-")+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(made.bodies[coding]))
}

// accepts reports whether a content coding is named, and not with quality 0.
func accepts(header, coding string) bool {
	for item := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(item, ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			q := strings.TrimSpace(params)
			return q != "q=0" && !strings.HasPrefix(q, "q=0.0") || q == ""
		}
	}
	return false
}
