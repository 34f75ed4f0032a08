package markup

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// A place is where an address leads: nowhere (no host), or to a host and path, in the letters
// that Rules.Address takes.
type place struct{ host, path []byte }

// A locator reads addresses as browsers do. What it returns is valid until it is used again.
type locator struct {
	scheme  []byte // of the page, or of its <base>
	base    place  // nil where the page's address is not known
	looks   bool   // relative addresses lead to what may be held
	decoded []byte // an address without character references, tabs and line ends
	hosts   []byte
	paths   []byte
	kept    []byte // of base
	input   []byte
}

// from sets the page that relative addresses are relative to, "" if it is not known. own says
// whether something on its own host may be held.
func (l *locator) from(page string, own bool) {
	*l = locator{decoded: l.decoded, hosts: l.hosts, paths: l.paths, scheme: l.scheme[:0], kept: l.kept, input: append(l.input[:0], page...)}
	if page != "" {
		l.rebase(l.input)
	}
	l.looks = own && l.base.host != nil
}

// rebase takes the address of a <base>, which may be relative itself.
func (l *locator) rebase(v []byte) {
	looked := l.looks
	l.looks = l.base.host != nil
	p := l.find(v, false)
	l.looks = looked
	if p.host == nil {
		return
	}
	if !bytes.Equal(p.host, l.base.host) {
		l.looks = true
	}
	l.clean(v)
	if scheme, _ := cutScheme(l.decoded); scheme != nil {
		l.scheme = l.scheme[:0]
		for _, c := range scheme {
			l.scheme = append(l.scheme, lowered(c))
		}
	}
	l.kept = append(append(l.kept[:0], p.host...), p.path...)
	n := len(p.host)
	l.base = place{l.kept[:n:n], l.kept[n:]}
}

// plain answers for the addresses that most pages have, without a copy: false if the
// address needs reading. The value is as it stands in the page.
func (l *locator) plain(v []byte) (p place, ok bool) {
	if len(v) == 0 {
		return place{}, true
	}
	switch c := v[0]; {
	case c == '/' && len(v) > 1 && v[1] == '/':
		return plainPlace(v[2:])
	case c == '/':
		return place{}, !l.looks && (len(v) == 1 || v[1] > ' ' && v[1] != '\\' && v[1] != '&')
	case c == 'h' && bytes.HasPrefix(v, []byte("https://")):
		return plainPlace(v[len("https://"):])
	case c == 'h' && bytes.HasPrefix(v, []byte("http://")):
		return plainPlace(v[len("http://"):])
	case isData(v):
		return place{}, true
	}
	return place{}, !l.looks && isRelative(v)
}

// isRelative reports whether an address has no host without any doubt, or one
// of a scheme that loads nothing from it.
func isRelative(v []byte) bool {
	switch v[0] | 0x20 {
	case 'h', 'w', 'f':
		for _, c := range v[:min(len(v), len("https:"))] {
			if c <= ' ' || c == '&' || c == ':' {
				return false
			}
		}
		return true
	}
	return v[0] > ' ' && v[0] != '&' && v[0] != '\\' && v[0] != '/'
}

// isData reports whether an address is "data:" without any doubt.
func isData(v []byte) bool { return len(v) >= 5 && sameFold(v[:5], "data:") }

// plainPlace reads what stands behind "//", if it is written as it is meant.
func plainPlace(v []byte) (p place, ok bool) {
	n := 0
	for n < len(v) && class[v[n]]&isHost != 0 {
		n++
	}
	if n == 0 || v[n-1] == '.' {
		return place{}, false
	}
	end := n
	for end < len(v) && class[v[end]]&isPath != 0 {
		end++
	}
	if end < len(v) && v[end] != '?' && v[end] != '#' || bytes.Contains(v[n:end], []byte("/.")) {
		return place{}, false
	}
	if n == end {
		return place{v[:n], rootPath}, true
	}
	return place{v[:n], v[n:end]}, v[n] == '/'
}

var rootPath = []byte("/")

// clean puts an address without what browsers take away into l.decoded.
func (l *locator) clean(v []byte) {
	l.decoded = appendDecoded(l.decoded[:0], v)
	kept := l.decoded[:0]
	for _, c := range l.decoded {
		if c != '\t' && c != '\n' && c != '\r' && (c > ' ' || len(kept) > 0) {
			kept = append(kept, c)
		}
	}
	for len(kept) > 0 && kept[len(kept)-1] <= ' ' {
		kept = kept[:len(kept)-1]
	}
	l.decoded = kept
}

// find returns where an address leads. Some are read in two ways ("https:x" is relative
// on a page of https only, and servers behind a proxy do not know what their page is): second
// asks for the other one.
func (l *locator) find(v []byte, second bool) place {
	if p, ok := l.plain(v); ok {
		if second {
			return place{}
		}
		return p
	}
	l.clean(v)
	return l.findClean(second)
}

// findClean is find for l.decoded.
func (l *locator) findClean(second bool) place {
	scheme, rest := cutScheme(l.decoded)
	switch {
	case scheme != nil && !loadsFromHost(scheme):
		return place{}
	case scheme != nil || slashes(rest) >= 2:
		if second {
			if scheme != nil && slashes(rest) < 2 && bytes.EqualFold(scheme, l.scheme) {
				return l.relative(rest)
			}
			return place{}
		}
		return l.fullPlace(scheme, rest)
	case second:
		return place{}
	}
	return l.relative(rest)
}

// relative resolves an address without a host.
func (l *locator) relative(v []byte) place {
	if !l.looks {
		return place{}
	}
	l.paths = l.paths[:0]
	switch {
	case len(v) == 0 || v[0] == '?' || v[0] == '#':
		return l.base
	case v[0] != '/' && v[0] != '\\':
		l.paths = append(l.paths, l.base.path[:bytes.LastIndexByte(l.base.path, '/')+1]...)
	}
	l.paths = appendPath(l.paths, v)
	return place{l.base.host, l.paths}
}

// fullPlace reads the host and path behind a scheme and its slashes.
func (l *locator) fullPlace(scheme, v []byte) place {
	if n := slashes(v); scheme != nil || n >= 2 {
		v = v[n:]
	} else {
		return place{}
	}
	end := bytes.IndexAny(v, `/\?#`)
	if end < 0 {
		end = len(v)
	}
	host := l.readHost(v[:end])
	if host == nil {
		return place{}
	}
	l.paths = l.paths[:0]
	if end == len(v) || v[end] == '?' || v[end] == '#' {
		l.paths = append(l.paths, '/')
	} else {
		l.paths = appendPath(l.paths, v[end:])
	}
	return place{host, l.paths}
}

// appendAbsolute appends an address as complete as the page's is known.
func (l *locator) appendAbsolute(to, v []byte) []byte {
	l.clean(v)
	scheme, rest := cutScheme(l.decoded)
	if scheme != nil || len(l.base.host) == 0 {
		return append(to, l.decoded...)
	}
	to = append(append(to, l.scheme...), "://"...)
	if n := slashes(rest); n >= 2 {
		return append(to, rest[n:]...)
	}
	looked := l.looks
	l.looks = true
	p := l.relative(rest)
	l.looks = looked
	to = append(append(to, p.host...), p.path...)
	if i := bytes.IndexAny(rest, "?#"); i >= 0 {
		to = append(to, rest[i:]...)
	}
	return to
}

// leadsSomewhere reports whether the beginning of an address says what its host is.
func (l *locator) leadsSomewhere(v []byte) bool {
	l.clean(v)
	scheme, rest := cutScheme(l.decoded)
	switch n := slashes(rest); {
	case scheme != nil && !loadsFromHost(scheme):
		return true
	case scheme != nil || n >= 2:
		return bytes.ContainsAny(rest[n:], `/\?#`)
	}
	return len(rest) > len("https:")
}

// cutScheme cuts an address at the end of its scheme; nil if it has none.
func cutScheme(v []byte) (scheme, rest []byte) {
	for i, c := range v {
		switch {
		case c == ':' && i > 0:
			return v[:i], v[i+1:]
		case class[c]&isLetter != 0:
		case i > 0 && ('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return nil, v
		}
	}
	return nil, v
}

func loadsFromHost(scheme []byte) bool {
	for _, s := range [...]string{"https", "http", "wss", "ws", "ftp"} {
		if sameFold(scheme, s) {
			return true
		}
	}
	return false
}

// slashes counts the slashes, of either kind, at the beginning.
func slashes(v []byte) int {
	n := 0
	for n < len(v) && (v[n] == '/' || v[n] == '\\') {
		n++
	}
	return n
}

// readHost returns the host of what stands before the path, nil if that has none.
func (l *locator) readHost(v []byte) []byte {
	v = v[bytes.LastIndexByte(v, '@')+1:]
	if len(v) > 0 && v[0] == '[' {
		v = v[:bytes.IndexByte(v, ']')+1]
	} else if i := bytes.IndexByte(v, ':'); i >= 0 {
		v = v[:i]
	}
	ascii := true
	l.hosts = l.hosts[:0]
	for i := 0; i < len(v); i++ {
		c := v[i]
		if c == '%' && i+2 < len(v) && isHex(v[i+1]) && isHex(v[i+2]) {
			c = unhex(v[i+1])<<4 | unhex(v[i+2])
			i += 2
		}
		ascii = ascii && c < utf8.RuneSelf
		l.hosts = append(l.hosts, lowered(c))
	}
	if !ascii {
		name, _ := mapping.ToASCII(string(l.hosts)) // what it makes of a bad name is looked at too
		l.hosts = append(l.hosts[:0], name...)
	}
	if n := len(l.hosts); n > 0 && l.hosts[n-1] == '.' {
		l.hosts = l.hosts[:n-1]
	}
	if len(l.hosts) == 0 {
		return nil
	}
	return l.hosts
}

// mapping is what the URL Standard does to the letters of a host.
var mapping = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.CheckHyphens(false), idna.CheckJoiners(false))

// appendPath appends a path as far as its query, its dot segments resolved.
func appendPath(to, v []byte) []byte {
	if end := bytes.IndexAny(v, "?#"); end >= 0 {
		v = v[:end]
	}
	if len(to) == 0 {
		v = v[min(len(v), 1):]
		to = append(to, '/')
	}
	for {
		end := bytes.IndexAny(v, `/\`)
		last := end < 0
		if last {
			end = len(v)
		}
		switch dots(v[:end]) {
		case 1:
		case 2:
			to = to[:bytes.LastIndexByte(to[:max(len(to)-1, 1)], '/')+1]
			if len(to) == 0 {
				to = append(to, '/')
			}
		default:
			to = append(to, v[:end]...)
			if !last {
				to = append(to, '/')
			}
		}
		if last {
			return to
		}
		v = v[end+1:]
	}
}

// dots counts the dots of a segment that is nothing else, 0 for any other.
func dots(segment []byte) int {
	n := 0
	for len(segment) > 0 {
		switch {
		case segment[0] == '.':
			segment = segment[1:]
		case len(segment) >= 3 && sameFold(segment[:3], "%2e"):
			segment = segment[3:]
		default:
			return 0
		}
		n++
	}
	if n > 2 {
		return 0
	}
	return n
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
