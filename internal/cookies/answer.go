package cookies

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/temoin/temoin/policy"
)

// Response keeps the Set-Cookie headers of the upstream's answer to the decision, and
// appends what Expire does. It is called once, when the answer says how it may be
// cached.
func (c *Carried) Response(h http.Header) {
	if values := h["Set-Cookie"]; len(values) > 0 {
		c.answer(h, values)
	}
	c.Expire(h)
}

func (c *Carried) answer(h http.Header, values []string) {
	var kept []string
	changed := false
	for i, v := range values {
		becomes, keep := c.set(v, values)
		if !changed && (!keep || becomes != v) {
			changed = true
			kept = append(make([]string, 0, len(values)), values[:i]...)
		}
		if changed && keep {
			kept = append(kept, becomes)
		}
	}
	switch {
	case !changed || c.filter.o.Observe:
	case len(kept) == 0:
		delete(h, "Set-Cookie")
	default:
		h["Set-Cookie"] = kept
	}
}

// set returns what becomes of one of the Set-Cookie headers, and whether it stays.
func (c *Carried) set(v string, all []string) (becomes string, keep bool) {
	pair, attributes, _ := strings.Cut(v, ";")
	name, value, named := strings.Cut(pair, "=")
	name = trimmed(name)
	now := c.filter.o.Now()
	s := readAttributes(attributes)
	if s.deletes(now) {
		return v, true
	}
	r := c.filter.find(name)
	if r == nil && name == "" {
		r = c.otherwise(name, value)
	}
	switch {
	case r == nil:
		return v, !c.filter.undeclared(name, named)
	case r.own || !c.decision.Tracker(r.tracker):
		c.filter.tell(name, r.tracker, Dropped)
		return "", false
	case c.repeats(r, name, trim(value), &s, all):
		return "", false
	}
	return c.corrected(v, name, r, &s, now), true
}

// repeats reports whether a Set-Cookie is to be dropped because it would begin anew the
// lifetime of what the browser has. Where the value is another one, where the lifetime
// depends on an act of the visitor's, or where the answer deletes a cookie of that name
// beside it (to move it to another path or domain), that may be meant: it is told.
func (c *Carried) repeats(r *rule, name, value string, s *attributes, all []string) bool {
	if r.tracker.Sliding || r.longest.Kind != policy.For || !s.persists() {
		return false
	}
	carried, same := c.carries(name, value)
	switch {
	case !carried:
		return false
	case same && len(r.tracker.Lasts) == 1 && !c.deleted(name, all):
		c.filter.tell(name, r.tracker, Repeated)
		return true
	}
	c.filter.tell(name, r.tracker, Renewed)
	return false
}

// deleted reports whether one of the Set-Cookie headers deletes a cookie of that name.
func (c *Carried) deleted(name string, all []string) bool {
	now := c.filter.o.Now()
	return slices.ContainsFunc(all, func(v string) bool {
		pair, rest, _ := strings.Cut(v, ";")
		n, _, _ := strings.Cut(pair, "=")
		a := readAttributes(rest)
		return trimmed(n) == name && a.deletes(now)
	})
}

// attributes are what those of a Set-Cookie header say. Of several the last one counts,
// as in browsers; one that cannot be read is none.
type attributes struct {
	raw       string
	maxAge    int64
	hasMaxAge bool
	expires   time.Time
	secure    bool
	httpOnly  bool
	sameSite  string
}

// nextAttribute cuts the first attribute off: as it is written, and its key and value.
func nextAttribute(s string) (raw, key, value, rest string) {
	raw, rest, _ = strings.Cut(s, ";")
	key, value, _ = strings.Cut(raw, "=")
	return raw, trimmed(key), trimmed(value), rest
}

// is compares words of an attribute: in ASCII, whose letters are of one size.
func is(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

func readAttributes(raw string) attributes {
	a := attributes{raw: raw}
	for rest := raw; rest != ""; {
		var key, value string
		_, key, value, rest = nextAttribute(rest)
		switch {
		case is(key, "Max-Age"):
			if n, ok := readMaxAge(value); ok {
				a.maxAge, a.hasMaxAge = n, true
			}
		case is(key, "Expires"):
			if t, ok := readDate(value); ok {
				a.expires = t
			}
		case is(key, "Secure"):
			a.secure = true
		case is(key, "HttpOnly"):
			a.httpOnly = true
		case is(key, "SameSite"):
			a.sameSite = value
		}
	}
	return a
}

// deletes reports whether the browser is told to delete the cookie.
func (a *attributes) deletes(now time.Time) bool {
	if a.hasMaxAge {
		return a.maxAge <= 0
	}
	return !a.expires.IsZero() && !a.expires.After(now)
}

// persists reports whether the cookie outlives the browser session.
func (a *attributes) persists() bool { return a.hasMaxAge || !a.expires.IsZero() }

// strictness orders the values of SameSite. What is none of them, or nothing, is what
// the browser takes for the default.
func strictness(sameSite string) int {
	switch {
	case is(sameSite, "None"):
		return 1
	case is(sameSite, "Lax"):
		return 2
	case is(sameSite, "Strict"):
		return 3
	}
	return 0
}

// slack is by how much the clocks of servers may differ.
const slack = time.Minute

// corrected writes a Set-Cookie header as the manifest declares the cookie; v itself
// where it is so already.
func (c *Carried) corrected(v, name string, r *rule, a *attributes, now time.Time) string {
	t := r.tracker
	l := newLimit(r.longest, now)
	clamp, same := false, t.SameSite != "" && t.SameSite != "None" && strictness(a.sameSite) < strictness(t.SameSite)
	secure, httpOnly := t.Secure && !a.secure && !c.at.Plain, t.HTTPOnly && !a.httpOnly
	for rest := a.raw; rest != ""; {
		var key, value string
		_, key, value, rest = nextAttribute(rest)
		clamp = clamp || l.exceeded(key, value)
	}
	if clamp {
		c.filter.tell(name, t, Clamped)
	}
	harden := same || secure || httpOnly
	if harden {
		c.filter.tell(name, t, Hardened)
	}
	if !clamp && !harden {
		return v
	}
	return rewrite(v, a, l, []addition{{same, "SameSite=" + t.SameSite}, {secure, "Secure"}, {httpOnly, "HttpOnly"}})
}

// An addition is an attribute that is written at the end if it is needed.
type addition struct {
	needed bool
	text   string
}

// rewrite writes a Set-Cookie header with the lifetime within a limit, and with
// additions. A SameSite before the one that is added goes.
func rewrite(v string, a *attributes, l limit, add []addition) string {
	var b strings.Builder
	pair, _, has := strings.Cut(v, ";")
	b.WriteString(pair)
	for rest := a.raw; has; {
		raw, key, value, more := nextAttribute(rest)
		has = len(raw) < len(rest)
		rest = more
		switch {
		case l.exceeded(key, value):
			if l.session {
				continue
			}
			raw = l.attribute(key)
		case add[0].needed && is(key, "SameSite"):
			continue
		}
		b.WriteString(";" + raw)
	}
	for _, x := range add {
		if x.needed {
			b.WriteString("; " + x.text)
		}
	}
	return b.String()
}

// A limit is how long a cookie may last from now on.
type limit struct {
	session bool // no longer than the browser session
	until   time.Time
	now     time.Time
}

func newLimit(l policy.Lifetime, now time.Time) limit {
	switch l.Kind {
	case policy.Session:
		return limit{session: true}
	case policy.For:
		return limit{now: now, until: l.Period.After(now.UTC())}
	}
	return limit{}
}

// exceeded reports whether an attribute lets the cookie last longer.
func (l *limit) exceeded(key, value string) bool {
	age, date := is(key, "Max-Age"), is(key, "Expires")
	switch {
	case !age && !date:
		return false
	case l.session:
		return true // whatever it says: a browser may read what others do not
	case l.until.IsZero():
		return false
	case age:
		n, ok := readMaxAge(value)
		return ok && n > l.seconds()
	}
	t, ok := readDate(value)
	return ok && t.After(l.until.Add(slack))
}

func (l *limit) seconds() int64 { return int64(l.until.Sub(l.now) / time.Second) }

// attribute writes an attribute that says the limit.
func (l *limit) attribute(key string) string {
	if is(key, "Max-Age") {
		return " Max-Age=" + strconv.FormatInt(l.seconds(), 10)
	}
	return " Expires=" + l.until.UTC().Format(http.TimeFormat)
}
