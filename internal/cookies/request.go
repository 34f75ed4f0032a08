package cookies

import (
	"slices"
	"strings"

	"github.com/temoin/temoin/policy"
)

// filtered returns what stays of one Cookie header, and whether anything goes. What
// stays is as it was, but for blanks before what becomes the first cookie.
func (c *Carried) filtered(v string) (kept string, touched bool) {
	odd := isOdd(v)
	var b []byte
	for at := 0; at <= len(v); {
		end := len(v)
		if i := strings.IndexByte(v[at:], ';'); i >= 0 {
			end = at + i
		}
		part := v[at:end]
		switch goes := c.goes(part, odd); {
		case goes && !touched:
			touched = true
			b = append(make([]byte, 0, len(v)), v[:max(at-1, 0)]...)
		case !goes && touched && len(b) == 0:
			b = append(b, strings.TrimLeft(part, blanks)...)
		case !goes && touched:
			b = append(append(b, ';'), part...)
		}
		at = end + 1
	}
	switch {
	case !touched:
		return v, false
	case strings.Trim(string(b), blanks+";") == "":
		return "", true
	}
	return string(b), true
}

// blanks are what the standard trims; some readers trim more (see trimmed).
const blanks = " \t"

// trim takes blanks off.
func trim(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// isOdd reports whether a header holds anything but blanks by which readers come to see
// other cookies in it than those between semicolons.
func isOdd(v string) bool {
	return strings.IndexByte(v, '"') >= 0 || strings.IndexByte(v, ',') >= 0 || strings.IndexByte(v, '\t') >= 0
}

// goes reports whether what stands between two semicolons must not reach the
// upstream, and tells the observer.
func (c *Carried) goes(part string, odd bool) bool {
	part = trim(part)
	if part == "" {
		return false
	}
	name, value, named := strings.Cut(part, "=")
	name = trim(name)
	r := c.filter.find(name)
	if r == nil {
		r = c.otherwise(name, value)
	}
	if r != nil {
		switch c.verdict(r) {
		case refused:
			c.filter.tell(name, r.tracker, Removed)
			if named && name != "" {
				c.mark(name, r)
			}
			return true
		case withheld:
			c.filter.tell(name, r.tracker, Withheld)
			return true
		}
	}
	if odd || strings.IndexByte(part, ' ') >= 0 {
		if inner := c.within(part); inner != nil {
			c.filter.tell(inner.tracker.Name, inner.tracker, Removed)
			return true
		}
	}
	return r == nil && c.filter.undeclared(name, named)
}

// otherwise finds the rule of a cookie by what readers other than browsers take for
// its name: without more than blanks around it, or where browsers see none.
func (c *Carried) otherwise(name, value string) *rule {
	if name == "" { // "=_ga=1": browsers may have sent a cookie without a name
		name, _, _ = strings.Cut(value, "=")
	}
	if name = trimmed(name); name == "" {
		return nil
	}
	return c.filter.find(name)
}

// trimmed takes off all that any reader takes for a blank.
func trimmed(s string) string {
	for s != "" && isBlank(s[0]) {
		s = s[1:]
	}
	for s != "" && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// within looks for a cookie that readers of quotes, commas or blanks would see inside
// of what is one cookie for others, and returns the rule of one that must not be seen.
func (c *Carried) within(part string) *rule {
	for rest, first := part, true; ; first = false {
		eq := strings.IndexByte(rest, '=')
		if eq < 0 {
			return nil
		}
		name := rest[:eq]
		for name != "" && isBlank(name[len(name)-1]) {
			name = name[:len(name)-1]
		}
		begin := len(name)
		for begin > 0 && !separates(name[begin-1]) {
			begin--
		}
		if begin > 0 || first { // else it stands behind a "=": it is a value for everybody
			if r := c.filter.find(name[begin:]); r != nil && c.verdict(r) != permitted {
				return r
			}
		}
		rest = rest[eq+1:]
	}
}

// separates reports whether some reader takes a byte for the end of a cookie.
func separates(b byte) bool { return isBlank(b) || b == '"' || b == ',' }

// isBlank reports whether some reader takes a byte for a blank: controls, and what is
// one in Latin-1.
func isBlank(b byte) bool { return b <= ' ' || b == 0x7f || b == 0x85 || b == 0xa0 }

// undeclared says what becomes of a cookie that the manifest does not know. The value
// of one without a name is not told to anybody.
func (f *Filter) undeclared(name string, named bool) (goes bool) {
	if !named {
		name = ""
	}
	switch f.o.Undeclared {
	case policy.EnforcePass, policy.EnforceOff:
		return false
	case policy.EnforceBlock:
		f.tell(name, nil, Blocked)
		return true
	}
	f.tell(name, nil, Undeclared)
	return false
}

// maxExpired is how many cookies are expired in one answer: browsers keep less than two
// hundred of a domain, and what is more comes again.
const maxExpired = 100

// mark notes that the browser is to expire a cookie.
func (c *Carried) mark(name string, r *rule) {
	if l := (leftover{name, r.tracker}); (c.at.Page || !r.onUse) && len(c.expire) < maxExpired && !slices.Contains(c.expire, l) {
		c.expire = append(c.expire, l)
	}
}

// carries reports whether the request carried a cookie, and whether with that value.
func (c *Carried) carries(name, value string) (carried, same bool) {
	for _, v := range c.values {
		for v != "" {
			var part string
			part, v, _ = strings.Cut(v, ";")
			n, val, ok := strings.Cut(part, "=")
			if ok && trim(n) == name {
				carried = true
				same = same || trim(val) == value
			}
		}
	}
	return carried, same
}
