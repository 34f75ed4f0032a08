package seal

import (
	"regexp"
	"slices"
	"strings"
)

// open completes a header of the upstream's, which holds policies with commas between.
func (s *Seal) open(value, host string) string {
	policies := strings.Split(value, ",")
	for i, p := range policies {
		policies[i] = s.openPolicy(p, s.address(host))
	}
	return strings.Join(policies, ",")
}

// address is the source for what is below the prefix. A policy cannot name a host by an
// IPv6 address.
func (s *Seal) address(host string) string {
	if !isHost(host) {
		return "'self'"
	}
	return host + s.o.Prefix + "/"
}

var isHost = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?(:[0-9]+)?$`).MatchString

// openPolicy completes one policy: each thing that the notice does is looked up in the
// directive that governs it.
func (s *Seal) openPolicy(text, address string) string {
	p := parsePolicy(text)
	if len(s.o.Scripts) == 0 {
		return text
	}
	p.allow([]string{"script-src-elem", "script-src", "default-src"}, "script-src", func(l sourceList) []string {
		var add []string
		if !l.inline(true) {
			add = l.without(s.o.Scripts)
		}
		if !l.has("'strict-dynamic'") && !l.reaches(address) { // else a script may load what it likes
			add = append(add, address)
		}
		return add
	})
	p.allow([]string{"style-src-elem", "style-src", "default-src"}, "style-src", func(l sourceList) []string {
		if l.inline(false) {
			return nil
		}
		return l.without(s.o.Styles)
	})
	reach := func(l sourceList) []string {
		if l.reaches(address) {
			return nil
		}
		return []string{address}
	}
	p.allow([]string{"connect-src", "default-src"}, "connect-src", reach)
	p.allow([]string{"form-action"}, "form-action", reach)
	if s.frames {
		p.allow([]string{"frame-src", "child-src", "default-src"}, "frame-src", reach)
	}
	p.allow([]string{"trusted-types"}, "trusted-types", func(l sourceList) []string {
		if l.has("*") || slices.Contains(l, "temoin") {
			return nil
		}
		return []string{"temoin"} // see internal/notice/ui/trust.ts
	})
	return p.String()
}

// A policyText is one policy as it is written, taken apart at semicolons.
type policyText struct {
	parts []string
}

func parsePolicy(text string) *policyText {
	return &policyText{parts: strings.Split(text, ";")}
}

func (p *policyText) String() string { return strings.Join(p.parts, ";") }

// find returns the directive of a name; of several the first one counts.
func (p *policyText) find(name string) (i int, list sourceList, ok bool) {
	for i, part := range p.parts {
		fields := strings.FieldsFunc(part, isSpace)
		if len(fields) > 0 && is(fields[0], name) {
			return i, fields[1:], true
		}
	}
	return 0, nil, false
}

// is compares words of a policy: in ASCII, whose letters are of one size.
func is(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

func isSpace(r rune) bool { return r == ' ' || r >= '\t' && r <= '\r' && r != '\v' }

// allow adds what is missing to the first directive of a chain that the policy has. Where
// that is one that governs other things too, it is left as it is, and one for this alone
// gets its list.
func (p *policyText) allow(chain []string, own string, missing func(sourceList) []string) {
	for _, name := range chain {
		i, list, ok := p.find(name)
		if !ok {
			continue
		}
		add := missing(list)
		if len(add) == 0 {
			return
		}
		list = slices.DeleteFunc(slices.Clone(list), func(s string) bool { return is(s, "'none'") })
		if name == "default-src" || name == "child-src" {
			p.parts = append(p.trimmed(), " "+own+" "+strings.Join(append(list, add...), " "))
			return
		}
		part := strings.TrimRightFunc(p.parts[i], isSpace)
		if len(list) == 0 { // 'none' was all, or nothing
			blank := len(part) - len(strings.TrimLeftFunc(part, isSpace))
			part = part[:blank+len(name)]
		}
		p.parts[i] = part + " " + strings.Join(add, " ")
		return
	}
}

// trimmed returns the parts without an empty one at the end.
func (p *policyText) trimmed() []string {
	if n := len(p.parts) - 1; strings.TrimFunc(p.parts[n], isSpace) == "" {
		return p.parts[:n]
	}
	return p.parts
}

// A sourceList is what stands behind the name of a directive.
type sourceList []string

func (l sourceList) has(keyword string) bool {
	return slices.ContainsFunc(l, func(s string) bool { return is(s, keyword) })
}

// without returns those hashes that the list lacks.
func (l sourceList) without(hashes []string) []string {
	var out []string
	for _, h := range hashes {
		if !slices.Contains(l, h) && !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out
}

// one is a nonce or a hash, by which 'unsafe-inline' counts no longer.
var one = regexp.MustCompile(`(?i)^'(nonce|sha256|sha384|sha512)-[A-Za-z0-9+/_-]+={0,2}'$`).MatchString

// inline reports whether whatever stands in the page runs, or gives it its style.
func (l sourceList) inline(script bool) bool {
	return l.has("'unsafe-inline'") && !slices.ContainsFunc(l, one) && !(script && l.has("'strict-dynamic'"))
}

// reaches reports whether the list allows an address of the page's own host.
func (l sourceList) reaches(address string) bool {
	if address == "'self'" {
		return l.has("'self'") || l.has("*")
	}
	return slices.ContainsFunc(l, func(source string) bool { return covers(strings.ToLower(source), strings.ToLower(address)) })
}

// covers reports whether a source allows an address, a host with a port where it has one
// and a path. It is not sure about others: then it says no, and the address is added.
func covers(source, address string) bool {
	switch source {
	case "'self'", "*", "https:", "http:":
		return true
	}
	if strings.HasPrefix(source, "'") {
		return false
	}
	source = strings.TrimPrefix(strings.TrimPrefix(source, "https://"), "http://")
	host, path, found := strings.Cut(source, "/")
	ownHost, ownPath, _ := strings.Cut(address, "/")
	if found && path != "" && (!strings.HasSuffix(path, "/") || !strings.HasPrefix(ownPath, path)) {
		return false
	}
	host, port, _ := strings.Cut(host, ":")
	ownHost, ownPort, _ := strings.Cut(ownHost, ":")
	if port != "*" && port != ownPort && !(ownPort == "" && port == "443") {
		return false
	}
	if below, wild := strings.CutPrefix(host, "*."); wild {
		return strings.HasSuffix(ownHost, "."+below)
	}
	return host == ownHost
}
