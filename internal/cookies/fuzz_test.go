package cookies

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/temoin/temoin/policy"
)

// Readers of a Cookie header: each returns the names that it sees.
var readers = map[string]func(header string) []string{
	"net/http": func(header string) (names []string) {
		r := http.Request{Header: http.Header{"Cookie": {header}}}
		for _, c := range r.Cookies() {
			names = append(names, c.Name)
		}
		return names
	},
	"a split at semicolons": func(header string) (names []string) {
		for part := range strings.SplitSeq(header, ";") {
			name, _, _ := strings.Cut(part, "=")
			names = append(names, strings.TrimSpace(name))
		}
		return names
	},
	"a split at semicolons and commas": func(header string) (names []string) {
		for _, part := range strings.FieldsFunc(header, func(r rune) bool { return r == ';' || r == ',' }) {
			if name, _, ok := strings.Cut(part, "="); ok {
				names = append(names, strings.TrimSpace(name))
			}
		}
		return names
	},
	"a reader of quoted values": readQuoted,
}

// readQuoted is a reader for which quoted values hold semicolons, and what stands behind
// a quote, a comma or a blank is another cookie.
func readQuoted(header string) (names []string) {
	token := func(ends string) string {
		n := strings.IndexAny(header, ends)
		if n < 0 {
			n = len(header)
		}
		s := header[:n]
		header = header[n:]
		return s
	}
	for header != "" {
		name := token(" \t;,=\"")
		header = strings.TrimLeft(header, " \t")
		if !strings.HasPrefix(header, "=") {
			if header != "" && strings.IndexByte(";,\"", header[0]) >= 0 {
				header = header[1:]
			}
			continue
		}
		names = append(names, name)
		header = strings.TrimLeft(header[1:], " \t")
		if value := quoted.FindString(header); value != "" {
			header = header[len(value):]
			continue
		}
		token(" \t;,")
	}
	return names
}

var quoted = regexp.MustCompile(`^"(?:[^"\\]|\\.)*"`)

// seen reports which readers see a cookie that the decision does not permit.
func seen(f *Filter, c *Carried, header string) (who string, name string) {
	for who, read := range readers {
		for _, name := range read(header) {
			if r := f.find(name); name != "" && r != nil && c.verdict(r) != permitted {
				return who, name
			}
		}
	}
	return "", ""
}

func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		"sid=1; _ga=2", "_ga", "=_ga=1", " _ga = \"a; _ga=3\" ; x", "a=\"; _ga=1; b=\"c", "a=\"b\"_ga=1", "a=b,_ga=c", "a=b _ga=c", "_ga\xa0=1",
		"a=\"\\\"\" _ga=1", ";;;=;=;", "a='b; _ga=1'", "\"_ga\"=1", "a=1;\t_ga\t=\t2", "_ga_=1; _ga_X=2", "lang==_ga=1", "lang=, _ga =1",
	} {
		f.Add(s)
	}
	nothing, all := visitor(f, "", pass), visitor(f, "stats ads needed", pass)
	all.at.Path = "/checkout"
	for _, s := range all.site.Services { // everything is in use
		s.Loads = policy.LoadsAlways
	}
	all.Filter = New(all.site, all.o)
	f.Fuzz(func(t *testing.T, header string) {
		if strings.ContainsFunc(header, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			t.Skip("net/http refuses it")
		}
		*nothing.events, *all.events = nil, nil
		if up, _ := all.asks(header); up != header {
			t.Fatalf("with everything allowed %q becomes %q", header, up)
		}
		up, c := nothing.asks(header)
		if who, name := seen(nothing.Filter, &c, up); who != "" {
			t.Fatalf("%q becomes %q, in which %s sees %q", header, up, who, name)
		}
		if who, _ := seen(nothing.Filter, &c, header); who == "" && len(*nothing.events) == 0 && up != header {
			t.Fatalf("%q becomes %q for nothing", header, up)
		}
		if again, _ := nothing.asks(up); again != up {
			t.Fatalf("%q becomes %q, which becomes %q", header, up, again)
		}
		h := http.Header{}
		c.Response(h)
		for _, line := range h["Set-Cookie"] {
			if a := readAttributes(line); !a.deletes(noon) || strings.ContainsAny(line, "\r\n") {
				t.Fatalf("an expiry that is none: %q", line)
			}
		}
	})
}

func FuzzResponse(f *testing.F) {
	for _, s := range []string{
		"_ga=1; Max-Age=60", "sid=1; Max-Age=9; Secure; HttpOnly", "lang=fr; Expires=Wed, 01 Jan 2031 00:00:00 GMT", "lang=fr; Max-Age=99999999999",
		"=_ga", "_ga", "; Max-Age=0", "lang=fr;;;SameSite=;", "lang=fr; expires=1 jan 70 1:1:1", "_ga=; Max-Age=-0", "__Host-login=1; Max-Age=2592001",
		"lang=fr; expires=Wednesday, 09-Nov-99 23:12:40 GMT", "lang=a=b; Max-Age = 2 ; MAX-AGE=70000000",
	} {
		f.Add(s)
	}
	nothing, all := visitor(f, "", pass), visitor(f, "stats ads", pass)
	f.Fuzz(func(t *testing.T, header string) {
		*nothing.events, *all.events = nil, nil
		if got := nothing.answers("", header); got != "" {
			checkAnswer(t, nothing, header, got)
		}
		got := all.answers("", header)
		if got == "" {
			if r := all.find(nameOf(header)); header != "" && (r == nil || !r.own) {
				t.Fatalf("%q is dropped though everything is allowed", header)
			}
			return
		}
		checkAnswer(t, all, header, got)
		*all.events = nil
		if again := all.answers("", got); again != got || len(*all.events) > 0 {
			t.Fatalf("%q becomes %q, which becomes %q: %s", header, got, again, all.events)
		}
	})
}

func nameOf(header string) string {
	pair, _, _ := strings.Cut(header, ";")
	name, value, _ := strings.Cut(pair, "=")
	if name = trimmed(name); name == "" {
		name, _, _ = strings.Cut(value, "=")
	}
	return trimmed(name)
}

// checkAnswer holds what passes against the manifest.
func checkAnswer(t *testing.T, v *visit, header, got string) {
	t.Helper()
	name, rest, _ := strings.Cut(got, ";")
	if before, _, _ := strings.Cut(header, ";"); before != name {
		t.Fatalf("%q becomes %q", header, got)
	}
	r, a := v.find(nameOf(got)), readAttributes(rest)
	if r == nil || a.deletes(noon) {
		if header != got {
			t.Fatalf("%q becomes %q", header, got)
		}
		return
	}
	if r.own || !v.decision.Tracker(r.tracker) {
		t.Fatalf("%q passes as %q", header, got)
	}
	l := newLimit(r.longest, noon)
	if l.session && a.persists() || !l.until.IsZero() && (a.maxAge > l.seconds() || a.expires.After(l.until.Add(slack))) {
		t.Fatalf("%q becomes %q, which lasts longer than %s", header, got, r.longest)
	}
	if r.tracker.Secure && !a.secure || r.tracker.HTTPOnly && !a.httpOnly || strictness(a.sameSite) < strictness(r.tracker.SameSite) && r.tracker.SameSite != "None" {
		t.Fatalf("%q becomes %q, which is weaker than declared", header, got)
	}
	before := readAttributes(header[len(name):])
	if before.secure && !a.secure || before.httpOnly && !a.httpOnly || strictness(before.sameSite) > strictness(a.sameSite) {
		t.Fatalf("%q becomes %q, which is weaker than it was", header, got)
	}
}

func FuzzDate(f *testing.F) {
	for _, s := range []string{"Wed, 09 Jun 2021 10:18:14 GMT", "09-Jun-21 1:1:1", "jun 9 70 01:02:03x", "00:00:00 31 2 feb 2000", "1601 jan 1 0:0:0", "12:00 12:00:00 3 may 101"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, ok := readDate(s); ok && (d.Year() < 1601 || d.Year() > 9999) {
			t.Fatalf("%q is %s", s, d)
		}
	})
}
