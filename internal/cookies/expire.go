package cookies

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/temoin/temoin/policy"
)

// room is how much all Set-Cookie lines that expire something take in one answer: what
// servers and proxies pass of headers is little more.
const room = 3 << 10

// maxDepth is how many folders of a path are looked into.
const maxDepth = 16

// Expire appends a Set-Cookie line for each form in which the browser can hold a cookie
// that the request carried and the decision does not permit, as long as there is room:
// the likeliest forms first, then the others from anywhere on, so that in the end each
// has had its turn. It is for answers that Témoin gives itself; Response does the same.
func (c *Carried) Expire(h http.Header) {
	if len(c.expire) == 0 || c.at.Foreign || !c.mayExpire(h) {
		return
	}
	c.expire = slices.DeleteFunc(c.expire, func(l leftover) bool { return c.decision.Tracker(l.tracker) })
	if len(c.expire) == 0 {
		return
	}
	e := expiry{lines: h["Set-Cookie"], room: room / 2}
	for _, l := range c.expire {
		for _, f := range c.likeliest(l) {
			e.add(l, f)
		}
	}
	e.room, e.full = e.room+room/2, false
	forms := c.forms()
	all := len(c.expire) * len(forms)
	for i, at := 0, c.filter.o.Rand(all); i < all && !e.full; i++ {
		n := (at + i) % all
		e.add(c.expire[n/len(forms)], forms[n%len(forms)])
	}
	for _, l := range e.of {
		c.filter.tell(l.name, l.tracker, Expired)
	}
	if !c.filter.o.Observe && len(e.of) > 0 {
		h["Set-Cookie"] = e.lines
	}
}

// mayExpire reports whether an answer is for this visitor alone: it says so, or it is a
// page or sets cookies and does not say otherwise.
func (c *Carried) mayExpire(h http.Header) bool {
	said := strings.ToLower(strings.Join(h["Cache-Control"], ","))
	says := func(word string) bool { return strings.Contains(said, word) }
	switch {
	case says("private"), says("no-store"):
		return true
	case says("public"), says("s-maxage"), says("immutable"):
		return false
	}
	return c.at.Page || len(h["Set-Cookie"]) > 0
}

// A form is what tells a cookie from another one of its name.
type form struct {
	domain      string // "" for the host alone
	path        string
	partitioned bool
}

// An expiry is what is appended to an answer.
type expiry struct {
	lines []string
	of    []leftover // of which there is a line
	room  int
	full  bool
	own   int // lines of ours
}

// add appends a line, unless it is there or there is no room for it. One that would take
// the room of many others is left out: its cookie is removed from requests all the same.
func (e *expiry) add(l leftover, f form) {
	line, ok := f.line(l.name)
	size := len("Set-Cookie: \r\n") + len(line)
	if !ok || e.full || size > room/2 || slices.Contains(e.lines[len(e.lines)-e.own:], line) {
		return
	}
	if size > e.room {
		e.full = true
		return
	}
	e.room -= size
	e.lines = append(e.lines[:len(e.lines):len(e.lines)], line)
	e.own++
	if !slices.Contains(e.of, l) {
		e.of = append(e.of, l)
	}
}

// line writes the Set-Cookie by which a browser deletes a cookie. It is not ok where no
// such cookie can be: browsers hold cookies whose names begin in certain ways to certain
// attributes, and no name with controls.
func (f form) line(name string) (line string, ok bool) {
	for i := range len(name) {
		if name[i] < ' ' && name[i] != '\t' || name[i] == 0x7f {
			return "", false
		}
	}
	host, httpOnly, secure := prefixes(name)
	if host && (f.domain != "" || f.path != "/") {
		return "", false
	}
	line = name + "=; Max-Age=0; Path=" + f.path
	if f.domain != "" {
		line += "; Domain=" + f.domain
	}
	if httpOnly {
		line += "; HttpOnly"
	}
	switch {
	case f.partitioned: // a frame in another site's page sends and sets no other
		line += "; Secure; SameSite=None; Partitioned"
	case secure:
		line += "; Secure"
	}
	return line, true
}

// prefixes says what a name that begins in certain ways holds a cookie to.
func prefixes(name string) (host, httpOnly, secure bool) {
	begins := func(prefix string) bool {
		return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
	}
	switch {
	case begins("__Host-Http-"):
		return true, true, true
	case begins("__Host-"):
		return true, false, true
	case begins("__Http-"):
		return false, true, true
	}
	return false, false, begins("__Secure-")
}

// likeliest returns the forms in which the manifest declares a cookie, and those that
// scripts write unless they are told otherwise.
func (c *Carried) likeliest(l leftover) []form {
	domains := c.domains()
	var out []form
	add := func(domain, path string) {
		for _, partitioned := range []bool{false, true} {
			if f := (form{domain, path, partitioned}); !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	for _, t := range c.declarations(l) {
		domain := strings.ToLower(strings.TrimPrefix(t.Domain, "."))
		if slices.Contains(domains, domain) {
			add(domain, pathOf(t))
		}
	}
	add("", "/")
	add(domains[len(domains)-1], "/")
	return out
}

// declarations are what the manifest says of a cookie: that of another domain may have
// the same name.
func (c *Carried) declarations(l leftover) []*policy.Tracker {
	list := []*policy.Tracker{l.tracker}
	for _, t := range c.filter.site.Trackers {
		if t != l.tracker && t.Storage == policy.Cookie && t.Matches(l.name) {
			list = append(list, t)
		}
	}
	return list
}

func pathOf(t *policy.Tracker) string {
	if t.Path == "" {
		return "/"
	}
	return t.Path
}

// forms returns all forms in which the browser can hold a cookie that it sent.
func (c *Carried) forms() []form {
	var out []form
	for _, path := range c.paths() {
		for _, domain := range c.domains() {
			out = append(out, form{domain, path, false}, form{domain, path, true})
		}
	}
	return out
}

// domains returns the values of Domain under which a host can have been sent a cookie:
// none, itself, and each domain above it up to the registrable one.
func (c *Carried) domains() []string {
	host := c.at.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	out := []string{""}
	top, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil || net.ParseIP(strings.Trim(host, "[]")) != nil {
		return out
	}
	for len(host) >= len(top) {
		out = append(out, host)
		_, host, _ = strings.Cut(host, ".")
	}
	return out
}

// paths returns the values of Path under which the request can have been sent a cookie,
// and those that the manifest declares.
func (c *Carried) paths() []string {
	out := []string{"/"}
	add := func(path string) {
		if !slices.Contains(out, path) && !strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == ';' || r == 0x7f }) {
			out = append(out, path)
		}
	}
	for _, l := range c.expire {
		for _, t := range c.declarations(l) {
			add(pathOf(t))
		}
	}
	path := c.at.Path
	for depth, i := 0, 1; i < len(path) && depth < maxDepth; depth++ {
		end := strings.IndexByte(path[i:], '/')
		if end < 0 {
			add(path)
			break
		}
		add(path[:i+end])
		add(path[:i+end+1])
		i += end + 1
	}
	return out
}
