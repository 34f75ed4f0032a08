package notice

import (
	"bytes"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/andybalholm/brotli"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/wording"
	"github.com/temoin/temoin/policy"
)

// A Visit is what is known of a request besides the request itself.
type Visit struct {
	Choice   *consent.Choice // nil for none
	Follows  bool            // the choice, or a part of it, is not this browser's: it is the account's
	Own      bool            // somebody is signed in, and this device keeps its own choice
	Decision consent.Decision
}

// Serve answers what a site serves of its notice, by GET and HEAD:
//
//	PREFIX/                      the preference centre; ?part=centre is what stands in it
//	PREFIX/state                 what holds now, as JSON
//	PREFIX/placeholder/SERVICE   what stands in the place of an iframe; ?src= is its address
//	PREFIX/centre.js             the script of the preference centre
//	PREFIX/release.js            the script that releases what the guard holds
//	PREFIX/temoin.js             the tag: all of it for a site that is made of files
//	PREFIX/?part=notice          the first layer about a part of the site, for the tag
//
// ?lang= names the language of a page, else it is that of Language.
func (n *Notice) Serve(w http.ResponseWriter, r *http.Request, v Visit) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "This can only be read.", http.StatusMethodNotAllowed)
		return
	}
	path, _ := strings.CutPrefix(r.URL.Path, n.prefix+"/")
	service, isPlaceholder := strings.CutPrefix(path, "placeholder/")
	switch {
	case path == "" && r.URL.Query().Get("part") == First:
		n.serveLayer(w, r)
	case path == "":
		n.serveCentre(w, r, v)
	case path == "temoin.js":
		n.serveTag(w, r)
	case path == "state":
		n.serveState(w, r, v)
	case isPlaceholder:
		service, _, _ = strings.Cut(service, " ") // several share an address: the first speaks for it
		n.servePlaceholder(w, r, service)
	case strings.HasSuffix(path, ".js") && n.scripts[strings.TrimSuffix(path, ".js")] != nil:
		n.scripts[strings.TrimSuffix(path, ".js")].serve(w, r, "no-cache")
	default:
		http.Error(w, "There is nothing here.", http.StatusNotFound)
	}
}

// personal says that an answer is this visitor's, and of this moment.
func personal(h http.Header) {
	h.Set("Cache-Control", "private, no-store")
	h.Add("Vary", "Cookie, Accept-Language, Sec-GPC")
}

// holes are the attributes in templates that stand for what is filled in, or for the
// element that is.
var holes = regexp.MustCompile(` data-(ticked|asked)="([a-z0-9-]+)"|<div data-now></div>| data-src| data-page`)

// A sheet is markup with holes, which are filled for each request.
type sheet struct {
	between [][]byte // one more than holes
	holes   []string // "ticked analytics", "now"
	policy  string   // Content-Security-Policy
}

// cut makes a sheet of markup: its holes are written as attributes that no text of a
// site can bring in, since quotes in those are escaped.
func cut(src []byte) sheet {
	var s sheet
	at := 0
	for _, m := range holes.FindAllSubmatchIndex(src, -1) {
		s.between = append(s.between, src[at:m[0]])
		at = m[1]
		switch {
		case m[2] >= 0:
			s.holes = append(s.holes, string(src[m[2]:m[3]])+" "+string(src[m[4]:m[5]]))
		case src[m[0]] == '<':
			s.holes = append(s.holes, "now")
		default:
			s.holes = append(s.holes, string(src[m[0]+len(" data-"):m[1]]))
		}
	}
	s.between = append(s.between, src[at:])
	return s
}

// fill writes a sheet with its holes filled.
func (s *sheet) fill(b *bytes.Buffer, with func(b *bytes.Buffer, hole string)) {
	for i, part := range s.between {
		b.Write(part)
		if i < len(s.holes) {
			with(b, s.holes[i])
		}
	}
}

// serveCentre serves the preference centre, with the visitor's choice in it.
func (n *Notice) serveCentre(w http.ResponseWriter, r *http.Request, v Visit) {
	e := n.In(n.asked(r))
	h := w.Header()
	personal(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", e.lang)
	h.Set("Content-Security-Policy", e.centre.policy)
	h.Set("Referrer-Policy", "same-origin")
	sheet := &e.centre
	if r.URL.Query().Get("part") == Centre {
		sheet = &e.fragment
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(e.fill(sheet, r, v)))
}

// Preferences returns the preference centre for a page of the site's own, such as one of an
// account, with the visitor's choice in it: an element with a declarative shadow root, which
// no style of the page reaches. Its forms lead back to that page. Lang is the page's
// language; the request is the one that the page answers.
func (n *Notice) Preferences(r *http.Request, lang string, v Visit) []byte {
	e := n.In(lang)
	return e.fill(&e.within, r, v)
}

// fill writes what the visitor's choice is now into the preference centre.
func (e *Edition) fill(sheet *sheet, r *http.Request, v Visit) []byte {
	n, gpc := e.notice, r.Header.Get("Sec-GPC") == "1"
	var b bytes.Buffer
	sheet.fill(&b, func(b *bytes.Buffer, hole string) {
		switch kind, name, _ := strings.Cut(hole, " "); {
		case kind == "now":
			if r.URL.Query().Has("changed") {
				b.WriteString("<p><strong>" + template.HTMLEscapeString(e.writer.say("notice.changed")) + "</strong></p>")
			}
			e.now(b, v, gpc)
		case kind == "ticked" && n.ticked(name, v):
			b.WriteString(" checked")
		case kind == "asked" && !n.ticked(name, v):
			b.WriteString(" disabled") // a switch that was off says nothing about it where its category is switched on
		}
	})
	return b.Bytes()
}

// ticked reports whether a category or service is on.
func (n *Notice) ticked(name string, v Visit) bool {
	if s := n.site.Service(name); s != nil {
		return v.Decision.Runs(s)
	}
	k := n.site.Category(name)
	switch {
	case k == nil:
		return false
	case !k.InUse(): // a preference
		c := n.inForce(v)
		return c != nil && answered(c, k.ID)
	}
	return v.Decision.Category(k)
}

// now writes what the visitor's choice is now.
func (e *Edition) now(b *bytes.Buffer, v Visit, gpc bool) {
	w := e.writer
	element := func(tag string, l wording.Line) {
		b.WriteString("<" + tag + ">" + string(markup(l)) + "</" + tag + ">")
	}
	b.WriteString(`<div part="now">`)
	b.WriteString(`<h2>` + template.HTMLEscapeString(w.say("centre.now")) + "</h2>")
	if said := w.signal(); gpc && !said.IsZero() {
		element("p", said)
	}
	if v.Own {
		element("p", w.Say("account.alone"))
		b.WriteString(e.alone)
	}
	now := e.notice.inForce(v)
	if now == nil {
		element("p", w.Say("centre.now-none"))
		b.WriteString("</div>")
		return
	}
	if v.Follows {
		element("p", w.Say("account.arrived"))
	}
	element("p", w.Say("centre.now-date", wording.A("date", w.Date("", policy.DateOf(now.At.UTC()), policy.Text{})),
		wording.A("until", w.Date("", policy.DateOf(now.Ends(w.site).UTC()), policy.Text{}))))
	yes, no := w.list(now, &v.Decision, true), w.list(now, &v.Decision, false)
	for _, said := range []struct {
		key  string
		list wording.Line
	}{{"centre.now-allowed", yes}, {"centre.now-refused", no}} {
		if !said.list.IsZero() {
			element("p", w.Say(said.key, wording.A("list", said.list)))
		}
	}
	id := now.ID.String()
	b.WriteString(`<p><a href="` + w.prefix + "/receipts/" + id + `" download="` + id + `.json">` + template.HTMLEscapeString(w.say("centre.receipt")) + "</a> ")
	b.WriteString(template.HTMLEscapeString(w.say("centre.receipt-why")) + "</p>")
	if !yes.IsZero() {
		b.WriteString(e.withdraw)
	}
	if v.Follows {
		b.WriteString(e.follows)
	}
	b.WriteString("</div>")
}

// inForce returns the choice of a visit that still counts, nil for none. A decision
// that asks about all there is to ask came without one.
func (n *Notice) inForce(v Visit) *consent.Choice {
	if v.Choice == nil || v.Decision.Notice == consent.FirstNotice {
		return nil
	}
	return v.Choice
}

// answered reports whether a choice says yes to a category.
func answered(c *consent.Choice, category string) bool {
	i := slices.IndexFunc(c.Answers, func(a consent.Answer) bool { return a.Category == category })
	return i >= 0 && c.Answers[i].Allow
}

// list names what a choice says yes or no to: categories, and services that were
// decided about otherwise.
func (w *writer) list(c *consent.Choice, d *consent.Decision, allow bool) wording.Line {
	var names []wording.Line
	for _, a := range c.Answers {
		if k := w.site.Category(a.Category); k != nil && k.NeedsConsent() && a.Allow == allow && !d.Asks(k) {
			names = append(names, w.Category(k))
		}
	}
	for _, x := range c.Exceptions {
		if s := w.site.Service(x.Service); s != nil && x.Allow == allow {
			names = append(names, w.ServiceName(s))
		}
	}
	return w.List(names...)
}

// titles lists categories.
func (w *writer) titles(which func(*policy.Category) bool) wording.Line {
	var names []wording.Line
	for _, k := range w.site.Categories {
		if which(k) {
			names = append(names, w.Category(k))
		}
	}
	return w.List(names...)
}

// state is what a program is told of what holds now.
type state struct {
	ID      string          `json:"id,omitempty"`
	At      string          `json:"at,omitempty"`
	Until   string          `json:"until,omitempty"`
	Answers map[string]bool `json:"answers"`
	Allows  []string        `json:"allows"`
	Asks    []string        `json:"asks"`

	// What the scripts of a page take, as base is told it (ui/types.ts).
	Choice string `json:"choice"`
	Mark   string `json:"i"`
	Cookie string `json:"c"`
}

// serveState serves what holds now.
func (n *Notice) serveState(w http.ResponseWriter, r *http.Request, v Visit) {
	s := state{Answers: map[string]bool{}, Allows: []string{}, Asks: []string{}, Choice: v.Decision.Answers(), Mark: n.anyCookie(), Cookie: "0"}
	if mark := n.Mark(r); mark != "" {
		s.Mark, s.Cookie = mark, "1"
	}
	if c := n.inForce(v); c != nil {
		s.ID, s.At, s.Until = c.ID.String(), c.At.UTC().Format(time.RFC3339), c.Ends(n.site).UTC().Format(time.RFC3339)
		for _, a := range c.Answers {
			s.Answers[a.Category] = a.Allow
		}
		for _, x := range c.Exceptions {
			s.Answers["!"+x.Service] = x.Allow
		}
	}
	for _, k := range n.site.Categories {
		if v.Decision.Category(k) {
			s.Allows = append(s.Allows, k.ID)
		}
		if v.Decision.Asks(k) {
			s.Asks = append(s.Asks, k.ID)
		}
	}
	for _, svc := range n.site.Services {
		if v.Decision.Runs(svc) {
			s.Allows = append(s.Allows, svc.ID)
		}
	}
	personal(w.Header())
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(s) //nolint:errcheck // a client that is gone cannot be told
}

// servePlaceholder serves what stands in the place of an iframe whose address belongs
// to a service.
func (n *Notice) servePlaceholder(w http.ResponseWriter, r *http.Request, id string) {
	e := n.In(n.asked(r))
	sheet, ok := e.placeholders[id]
	src, err := url.Parse(r.URL.Query().Get("src"))
	if !ok || err != nil || src.Scheme != "https" && src.Scheme != "http" || src.User != nil ||
		!slices.Contains(n.site.ServicesAt(src.Hostname(), src.EscapedPath()), n.site.Service(id)) {
		http.Error(w, "There is no such content here.", http.StatusNotFound)
		return
	}
	h := w.Header()
	personal(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", e.lang)
	h.Set("Content-Security-Policy", sheet.policy)
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin") // some players ask where they are shown
	page, away := n.framing(r)
	var b bytes.Buffer
	sheet.fill(&b, func(b *bytes.Buffer, hole string) {
		switch hole {
		case "src":
			b.WriteString(` href="` + template.HTMLEscapeString(src.String()) + `"`)
		case "page":
			b.WriteString(` value="` + template.HTMLEscapeString(page) + `"`)
		}
	})
	body := b.Bytes()
	if away {
		body = forms.ReplaceAll(body, nil)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// forms are what a placeholder has where a choice can allow the service.
var forms = regexp.MustCompile(`(?s)<form.*?</form>`)

// framing is the page that a placeholder stands in: its path where it is of this
// host, its address where a tag says one of the site's own, "" where nobody says. It
// is away where a choice that is made here would not reach it.
func (n *Notice) framing(r *http.Request) (page string, away bool) {
	if u, err := url.Parse(r.URL.Query().Get("page")); err == nil && Trusts(n.site, u.Scheme+"://"+u.Host) {
		u.Fragment, u.RawFragment = "", ""
		return u.String(), !Reaches(n.site, u.Host, r.Host)
	}
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host != r.Host || !strings.HasPrefix(u.Path, "/") {
		return "", false
	}
	return u.RequestURI(), false
}

// served is a script that is served by its name and version, compressed when somebody
// first asks for it.
type served struct {
	plain   []byte
	hash    string
	version string // under which it never changes
	brotli  func() []byte
}

func newServed(src []byte, version string) *served {
	return &served{src, short(src), version, sync.OnceValue(func() []byte {
		var b bytes.Buffer
		w := brotli.NewWriterLevel(&b, brotli.BestCompression)
		w.Write(src) //nolint:errcheck // a buffer takes all
		w.Close()    //nolint:errcheck
		return b.Bytes()
	})}
}

// serve serves a script; cache is how long it is good for where the address has not
// its hash.
func (s *served) serve(w http.ResponseWriter, r *http.Request, cache string) {
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", cache)
	if s.version != "" && r.URL.Query().Get("v") == s.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Add("Vary", "Accept-Encoding")
	body, tag := s.plain, s.hash
	if acceptsBrotli(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "br")
		body, tag = s.brotli(), s.hash+"-br"
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// acceptsBrotli reports whether brotli is named, and not with quality 0.
func acceptsBrotli(header string) bool {
	for item := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(item, ";")
		if strings.EqualFold(strings.TrimSpace(name), "br") {
			q := strings.TrimSpace(params)
			return q == "" || q != "q=0" && !strings.HasPrefix(q, "q=0.0")
		}
	}
	return false
}
