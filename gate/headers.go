package gate

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/temoin/temoin/internal/markup"
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
	{"Reporting-Endpoints", filterMembers("Reporting-Endpoints")},
	{"Speculation-Rules", filterMembers("Speculation-Rules")},
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
	return markup.Address(header, address, v.url(), v.site.own, rules{v}) != ""
}

// filterLink takes out links that load.
func filterLink(v *visit, values []string) []string {
	return markup.Link(values, v.url(), v.site.own, rules{v})
}

// filterRefresh takes out a page to go to.
func filterRefresh(v *visit, values []string) []string {
	if markup.Refresh(strings.Join(values, ", "), v.url(), v.site.own, rules{v}) != "" {
		return nil
	}
	return values
}

// filterMembers takes out members of a list or dictionary whose value is an address.
func filterMembers(header string) func(v *visit, values []string) []string {
	return func(v *visit, values []string) []string {
		return members(values, func(member string) bool {
			_, rest, ok := strings.Cut(member, `"`)
			address, _, closed := strings.Cut(rest, `"`)
			return !ok || !closed || !v.holds(header, address)
		})
	}
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
// quotes separate nothing.
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
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			return i
		}
	}
	return len(s)
}
