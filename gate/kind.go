package gate

import (
	"net/http"
	"slices"
	"strings"
)

// mustSniff reports whether only the body says what it is.
func (v *visit) mustSniff() bool {
	if v.answer.status == http.StatusNotModified || !hasBody(v.r.Method, v.answer.status) {
		return false
	}
	kind, said := contentType(v.Header())
	switch kind {
	case "unknown/unknown", "application/unknown", "*/*":
		return true
	}
	return !said || kind == ""
}

// html is the kind of whatever browsers may show as a page.
const html = "text/html"

// contentType returns the kind of an answer, and whether it says one. What is odd is read
// as the oddest browser would: of several kinds and of broken ones it is HTML where any
// speaks of it.
func contentType(h http.Header) (kind string, said bool) {
	list := h["Content-Type"]
	if len(list) == 0 {
		return "", false
	}
	kind, _, _ = strings.Cut(list[len(list)-1], ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	if kind == html || kind == "application/xhtml+xml" {
		return kind, true
	}
	if slices.ContainsFunc(list, speaksOfHTML) {
		return html, true
	}
	if !strings.Contains(kind, "/") {
		return "", true
	}
	return kind, true
}

// speaksOfHTML is whether a text has the word in it, in letters of any size. It makes no
// copy: the kind of every answer is looked at, twice.
func speaksOfHTML(s string) bool {
	for ; len(s) >= len("html"); s = s[1:] {
		if s[0]|0x20 == 'h' && strings.EqualFold(s[:len("html")], "html") {
			return true
		}
	}
	return false
}

// isHTML reports whether the answer is a page, or says of one that it has not changed.
func (v *visit) isHTML(h http.Header) bool {
	if a := &v.answer; a.status == http.StatusNotModified {
		return v.current
	}
	if kind, _, _ := strings.Cut(first(h, "Content-Disposition"), ";"); strings.EqualFold(strings.TrimSpace(kind), "attachment") {
		return false // it is saved, not shown
	}
	kind, _ := contentType(h)
	return kind == html || kind == "application/xhtml+xml"
}

// sniff says what a body is whose site does not, as the server would and browsers do: they
// are told, since they would see more of it and might come to another result. What it is
// written in only the server of a handler says, which writes UTF-8; another site's pages
// say it themselves, or browsers find it out.
func (v *visit) sniff(p []byte) {
	a, h := &v.answer, v.Header()
	if coding, _ := codingOf(h); coding != identity {
		return
	}
	if _, said := contentType(h); !said || !strings.EqualFold(first(h, "X-Content-Type-Options"), "nosniff") {
		kind := http.DetectContentType(p)
		if v.proxied {
			kind, _, _ = strings.Cut(kind, ";")
		}
		a.kind, a.found = h["Content-Type"], true
		h["Content-Type"] = []string{kind}
	}
}

// unsniff takes back what was found where nothing is changed. Nor does our server say it of
// another site's answers.
func (v *visit) unsniff(h http.Header) {
	switch a := &v.answer; {
	case !a.found || !v.site.observe:
	case a.kind == nil && !v.proxied:
		delete(h, "Content-Type")
	default:
		h["Content-Type"] = a.kind
	}
}
