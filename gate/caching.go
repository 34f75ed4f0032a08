package gate

import (
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A page that was rewritten is one visitor's, and of one decision. So its validator says
// both what the site called the page and what it was rewritten for:
//
//	W/"temoin.AAAAAAAAAAA.eORIGINAL"
//
// the stamp of the decision, a letter for what the site's validator was (e an ETag, w a
// weak one, m the seconds of Last-Modified), and it. A conditional request for another
// decision is none: the site is asked for the whole page.
const ourTag = "temoin."

// A stamp tells decisions, and all else that a page is rewritten by, from each other.
type stamp [11]byte

// stamped writes a hash as a stamp.
func stamped(hash uint64) (s stamp) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], hash)
	base64.RawURLEncoding.Encode(s[:], b[:])
	return s
}

// fnv is FNV-1a of 64 bits.
type fnv uint64

const fnvBegin fnv = 14695981039346656037

func (h fnv) byte(b byte) fnv { return (h ^ fnv(b)) * 1099511628211 }

func (h fnv) string(s string) fnv {
	for i := range len(s) {
		h = h.byte(s[i])
	}
	return h.byte(0xff) // texts do not run into each other
}

// private makes an answer one that only the visitor's browser keeps, and asks about
// again before it is shown.
func private(h http.Header) {
	control := "private, no-cache"
	if strings.Contains(strings.ToLower(strings.Join(h["Cache-Control"], ",")), "no-store") {
		control = "private, no-store"
	}
	h["Cache-Control"] = []string{control}
	for name := range h {
		if name == "Expires" || name == "Age" || name == "Surrogate-Control" || name == "X-Accel-Expires" || strings.HasSuffix(name, "Cdn-Cache-Control") {
			delete(h, name)
		}
	}
	vary(h, "Cookie")
}

// keepPersonal makes an answer private that shows what the visitor chose. By the validators of
// what no decision is written into it would stay as it is after another choice.
func (v *visit) keepPersonal(h http.Header) {
	private(h)
	if v.answer.page == nil || v.site.same || v.site.observe {
		delete(h, "Etag")
		delete(h, "Last-Modified")
	}
}

// vary adds a name to Vary.
func vary(h http.Header, name string) {
	for _, line := range h["Vary"] {
		for one := range strings.SplitSeq(line, ",") {
			if one = strings.TrimSpace(one); one == "*" || strings.EqualFold(one, name) {
				return
			}
		}
	}
	h["Vary"] = append(h["Vary"], name)
}

// validate puts the stamp into the validator of a page.
func validate(h http.Header, s stamp) {
	original, kind := first(h, "Etag"), byte('e')
	if weak, ok := strings.CutPrefix(original, "W/"); ok {
		original, kind = weak, 'w'
	}
	original, quoted := unquoted(original)
	if changed := first(h, "Last-Modified"); !quoted && changed != "" {
		if at, err := http.ParseTime(changed); err == nil {
			original, kind, quoted = strconv.FormatInt(at.Unix(), 10), 'm', true
		}
	}
	delete(h, "Last-Modified")
	delete(h, "Etag")
	if quoted {
		h["Etag"] = []string{`W/"` + ourTag + string(s[:]) + "." + string(kind) + original + `"`}
	}
}

func unquoted(s string) (string, bool) {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' || strings.ContainsRune(s[1:len(s)-1], '"') {
		return s, false
	}
	return s[1 : len(s)-1], true
}

// A validator is one of ours, taken apart.
type validator struct {
	stamp string
	etag  string    // the site's ETag; "" where it had none
	at    time.Time // its Last-Modified
}

// ours takes one tag of a conditional header apart.
func ours(tag string) (v validator, ok bool) {
	opaque, quoted := unquoted(strings.TrimPrefix(tag, "W/"))
	rest, ok := strings.CutPrefix(opaque, ourTag)
	if !ok || !quoted || len(rest) < len(stamp{})+2 || rest[len(stamp{})] != '.' {
		return v, false
	}
	v.stamp, rest = rest[:len(stamp{})], rest[len(stamp{})+1:]
	switch kind, original := rest[0], rest[1:]; kind {
	case 'e':
		v.etag = `"` + original + `"`
	case 'w':
		v.etag = `W/"` + original + `"`
	case 'm':
		seconds, err := strconv.ParseInt(original, 10, 64)
		if err != nil {
			return v, false
		}
		v.at = time.Unix(seconds, 0).UTC()
	default:
		return v, false
	}
	return v, true
}

// unconditioned turns the conditions of a request into those that the site
// understands, and reports whether one of them is about a page as it would be now. A
// page (in place of an image, say) is asked for whole, where what is kept of it was not
// rewritten for the decision of now.
func unconditioned(h http.Header, page bool, now stamp) (current bool) {
	var keep []string
	var since time.Time
	rewritten := false
	for tag := range tags(h["If-None-Match"]) {
		v, ok := ours(tag)
		switch {
		case !ok && !page:
			keep = append(keep, tag)
		case ok && v.stamp == string(now[:]):
			current = true
			if since = v.at; v.etag != "" {
				keep = append(keep, v.etag)
			}
		}
		rewritten = rewritten || ok
	}
	if page || rewritten {
		delete(h, "If-Modified-Since")
	}
	delete(h, "If-None-Match")
	if len(keep) > 0 {
		h["If-None-Match"] = []string{strings.Join(keep, ", ")}
	} else if !since.IsZero() {
		h["If-Modified-Since"] = []string{since.Format(http.TimeFormat)}
	}
	restoreMatch(h)
	if page {
		delete(h, "Range")
		delete(h, "If-Range")
	}
	return current
}

// restoreMatch gives the site its own tags back in If-Match: what a change is made to is
// the site's page, for whomever it was rewritten.
func restoreMatch(h http.Header) {
	if h["If-Match"] == nil {
		return
	}
	var match []string
	for tag := range tags(h["If-Match"]) {
		if v, ok := ours(tag); ok {
			tag = v.etag
		}
		if tag != "" {
			match = append(match, tag)
		}
	}
	if len(match) > 0 {
		h["If-Match"] = []string{strings.Join(match, ", ")}
	}
}

// tags yields the tags of a list; a comma may stand within one.
func tags(lines []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, line := range lines {
			for line = strings.TrimLeft(line, " \t,"); line != ""; line = strings.TrimLeft(line, " \t,") {
				end := strings.IndexByte(line, ',')
				if open := strings.IndexByte(line, '"'); open >= 0 && open <= len("W/") {
					if shut := strings.IndexByte(line[open+1:], '"'); shut >= 0 {
						end = open + 1 + shut + 1
					}
				}
				if end < 0 {
					end = len(line)
				}
				if !yield(strings.TrimRight(line[:end], " \t")) {
					return
				}
				line = line[end:]
			}
		}
	}
}
