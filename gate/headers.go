package gate

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// headerFilters are the headers by which a browser contacts somebody without a word in the
// page. Each takes out of one header what leads to hosts that are held, and returns what
// is left.
var headerFilters = []struct {
	name   string
	filter func(v *visit, values []string) []string
}{
	{"Link", filterLink},
	{"Refresh", filterRefresh},
	{"Reporting-Endpoints", filterMembers},
	{"Speculation-Rules", filterMembers},
	{"Report-To", filterReportTo},
}

// filterHeaders takes out of an answer what would make the browser contact somebody who is
// not allowed.
func (v *visit) filterHeaders(h http.Header) {
	for _, f := range headerFilters {
		list := h[f.name]
		if list == nil {
			continue
		}
		switch left := f.filter(v, list); {
		case len(left) == 0:
			delete(h, f.name)
		case strings.Join(left, ",") != strings.Join(list, ","):
			h[f.name] = left
		}
	}
	if h["Nel"] != nil && h["Report-To"] == nil {
		delete(h, "Nel") // whoever would have been told is not allowed, or there is nobody
	}
}

// holds reports whether an address in a header leads to somebody who is not allowed.
func (v *visit) holds(header, address string) bool {
	host, path := located(v.url(), address)
	if host == "" {
		return false
	}
	services := v.held(v.site.policy.ServicesAt(host, path))
	if services == "" {
		return false
	}
	v.site.count(Event{What: Neutralised, Name: header, Services: services, Host: host})
	return true
}

// located returns where an address leads, as the URL Standard reads it; nowhere where it
// leads to no host.
func located(base, address string) (host, path string) {
	address = strings.Map(func(r rune) rune {
		switch r {
		case '\\':
			return '/'
		case '\t', '\n', '\r':
			return -1
		}
		return r
	}, strings.TrimFunc(address, func(r rune) bool { return r <= ' ' }))
	from, err := url.Parse(base)
	if err != nil {
		return "", ""
	}
	u, err := from.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "ws" && u.Scheme != "wss" {
		return "", ""
	}
	host, err = idna.Lookup.ToASCII(strings.TrimSuffix(u.Hostname(), "."))
	if err != nil {
		host = strings.ToLower(u.Hostname())
	}
	if path = u.EscapedPath(); path == "" {
		path = "/"
	}
	return host, path
}

// loading are the relations for which a browser contacts the host of a link.
var loading = map[string]bool{
	"stylesheet": true, "preload": true, "modulepreload": true, "preconnect": true, "dns-prefetch": true, "prefetch": true,
	"prerender": true, "icon": true, "apple-touch-icon": true, "manifest": true, "compression-dictionary": true,
}

// filterLink takes out links that load.
func filterLink(v *visit, values []string) []string {
	return members(values, func(link string) bool {
		_, rest, ok := strings.Cut(link, "<")
		address, params, closed := strings.Cut(rest, ">")
		return !ok || !closed || !loads(params) || !v.holds("Link", address)
	})
}

// loads reports whether the parameters of a link say that it loads.
func loads(params string) bool {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		for _, rel := range strings.Fields(strings.ToLower(strings.Trim(strings.TrimSpace(value), `"'`))) {
			if loading[rel] {
				return true
			}
		}
	}
	return false
}

// filterRefresh takes out a page to go to.
func filterRefresh(v *visit, values []string) []string {
	for _, value := range values {
		_, to, _ := strings.Cut(strings.ReplaceAll(value, ",", ";"), ";")
		to = strings.TrimSpace(to)
		if len(to) >= 3 && strings.EqualFold(to[:3], "url") {
			if rest, ok := strings.CutPrefix(strings.TrimSpace(to[3:]), "="); ok {
				to = strings.TrimSpace(rest)
			}
		}
		if to = strings.Trim(to, `"'`); to != "" && v.holds("Refresh", to) {
			return nil
		}
	}
	return values
}

// filterMembers takes out members of a list or dictionary whose value is an address.
func filterMembers(v *visit, values []string) []string {
	return members(values, func(member string) bool {
		_, rest, ok := strings.Cut(member, `"`)
		address, _, closed := strings.Cut(rest, `"`)
		return !ok || !closed || !v.holds("Reporting-Endpoints", address)
	})
}

// filterReportTo takes out groups of which an endpoint is held.
func filterReportTo(v *visit, values []string) []string {
	type group struct {
		Endpoints []struct {
			URL string `json:"url"`
		} `json:"endpoints"`
	}
	var groups []json.RawMessage
	if json.Unmarshal([]byte("["+strings.Join(values, ",")+"]"), &groups) != nil {
		return values // browsers do not read it either
	}
	var left []string
	for _, text := range groups {
		var g group
		held := false
		if json.Unmarshal(text, &g) == nil {
			for _, e := range g.Endpoints {
				held = held || v.holds("Report-To", e.URL)
			}
		}
		if !held {
			left = append(left, string(text))
		}
	}
	return left
}

// members returns the members of comma-separated lists that are to be kept. Commas between
// quotes and in "<…>" separate nothing.
func members(values []string, keep func(member string) bool) []string {
	var left []string
	for _, value := range values {
		var kept []string
		for value != "" {
			end := memberEnd(value)
			if one := value[:end]; strings.TrimSpace(one) != "" && keep(one) {
				kept = append(kept, strings.TrimSpace(one))
			}
			value = strings.TrimPrefix(value[end:], ",")
		}
		if len(kept) > 0 {
			left = append(left, strings.Join(kept, ", "))
		}
	}
	return left
}

func memberEnd(s string) int {
	quoted, angled := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"' && !angled:
			quoted = !quoted
		case c == '<' && !quoted:
			angled = true
		case c == '>':
			angled = false
		case c == ',' && !quoted && !angled:
			return i
		}
	}
	return len(s)
}
