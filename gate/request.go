package gate

import (
	"net/http"
	"strings"
)

// A request is one on its way through the gate, with what its headers say of what the gate
// decides by. They are read in one walk: the gate looks for twenty, some of them several
// times, and to look one up takes as long as to walk past a few.
type request struct {
	*http.Request
	cookies     []string // the lines of Cookie, as they came
	choice      string   // what a program that keeps no cookies says that it was allowed
	dest        string   // Sec-Fetch-Dest
	referer     string
	page        bool // a browser would show the answer as a document, in a window or in a frame
	navigates   bool // the browser goes to a page, though a service worker may ask for it in its place
	ours        bool // it is for what is below the prefix
	foreign     bool // another site asks
	part        bool // a script asks for a part of a page
	gpc         bool // the browser refuses advertising
	conditional bool // it concerns what is kept already
}

// ChoiceHeader is the header by which a program that keeps no cookies says what it was
// allowed: the value of the consent cookie.
const ChoiceHeader = "Temoin-Choice"

// read reads the headers of a request.
func read(r *http.Request) request {
	q := request{Request: r}
	accept := ""
	for name, lines := range r.Header {
		if len(lines) == 0 {
			continue
		}
		switch first := lines[0]; name {
		case "Cookie":
			q.cookies = lines
		case ChoiceHeader:
			q.choice = first
		case "Accept":
			accept = first
		case "Referer":
			q.referer = first
		case "Sec-Fetch-Dest":
			q.dest = first
		case "Sec-Fetch-Mode":
			q.navigates = first == "navigate"
		case "Sec-Fetch-Site":
			q.foreign = first == "cross-site"
		case "Sec-Gpc":
			q.gpc = first == "1"
		case "X-Requested-With", "Hx-Request", "Turbo-Frame":
			q.part = q.part || first != ""
		case "If-None-Match", "If-Modified-Since", "If-Match", "If-Range", "Range":
			q.conditional = true
		}
	}
	switch q.dest {
	case "document", "iframe", "frame", "embed", "object", "fencedframe":
		q.page = true
	case "":
		q.page = strings.Contains(accept, html)
	default:
		q.page = q.navigates
	}
	return q
}

// cookie returns the value of the first cookie of a name.
func (q *request) cookie(name string) (string, bool) { return cookie(q.cookies, name) }

// cookie returns the value of the first cookie of a name, as net/http reads it.
func cookie(lines []string, name string) (string, bool) {
	for _, line := range lines {
		for line != "" {
			var one string
			one, line, _ = strings.Cut(line, ";")
			one = strings.TrimLeft(one, " \t")
			if value, ok := strings.CutPrefix(one, name); ok && value != "" && value[0] == '=' {
				return strings.TrimRight(value[1:], " \t"), true
			}
		}
	}
	return "", false
}

// pagePath returns the path of the page that a request is made for: its own, where it is for a
// page, else that of the page that asks, where the browser says it.
func (q *request) pagePath() string {
	if q.page {
		return q.URL.Path
	}
	if _, rest, ok := strings.Cut(q.referer, "://"); ok {
		host, path, _ := strings.Cut(rest, "/")
		if path, _, _ = strings.Cut(path, "?"); host == q.Host {
			return "/" + path
		}
	}
	return q.URL.Path
}

// maybeHTML reports whether the answer may be HTML that a page is made of.
func (q *request) maybeHTML() bool { return q.page || q.dest == "" || q.dest == "empty" }

// first returns the first value of a header, whose name is in its canonical form.
func first(h http.Header, name string) string {
	if list := h[name]; len(list) > 0 {
		return list[0]
	}
	return ""
}
