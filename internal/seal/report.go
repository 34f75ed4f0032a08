package seal

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"slices"
	"strings"
)

// MaxReport is how long a report may be, in bytes.
const MaxReport = 8 << 10

// A Violation is what is kept of a report: nothing in it is about a visitor.
type Violation struct {
	Directive string // "img-src"; "other" for one that is not known
	Host      string // that was blocked; "inline", "eval", "data" and the like where it was none
	Path      string // the beginning of the page's path, of those that the manifest names; "" for none
	Enforced  bool   // it was blocked, not only reported
}

// report is the body of a report, in either of the forms that browsers send.
type report struct {
	Directive   string `json:"effective-directive"`
	Violated    string `json:"violated-directive"`
	Blocked     string `json:"blocked-uri"`
	Document    string `json:"document-uri"`
	Disposition string `json:"disposition"`
}

// later is the form of the Reporting API.
type later struct {
	Type string `json:"type"`
	Body struct {
		Directive   string `json:"effectiveDirective"`
		Blocked     string `json:"blockedURL"`
		Document    string `json:"documentURL"`
		Disposition string `json:"disposition"`
	} `json:"body"`
}

// ParseReport reads what browsers post to PREFIX/report: application/csp-report or
// application/reports+json, of MaxReport bytes at most. What is blocked by extensions'
// addresses says nothing about the site and is left out.
func (s *Seal) ParseReport(contentType string, body []byte) ([]Violation, error) {
	if len(body) > MaxReport {
		return nil, fmt.Errorf("the report has more than %d bytes", MaxReport)
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, fmt.Errorf("the report has the type %.40q: %w", contentType, err)
	}
	reports, err := readReports(kind, body)
	if err != nil {
		return nil, err
	}
	var out []Violation
	for _, r := range reports {
		if v, ok := s.violation(r); ok {
			out = append(out, v)
		}
	}
	return out, nil
}

func readReports(kind string, body []byte) (out []report, err error) {
	switch kind {
	case "application/csp-report":
		var one struct {
			Report *report `json:"csp-report"`
		}
		if err := json.Unmarshal(body, &one); err != nil {
			return nil, errors.New("the report is no JSON object of the form that browsers send")
		}
		if one.Report != nil {
			out = append(out, *one.Report)
		}
	case "application/reports+json":
		var list []later
		if err := json.Unmarshal(body, &list); err != nil {
			return nil, errors.New("the report is no JSON list of the form that browsers send")
		}
		for _, l := range list {
			if l.Type == "csp-violation" {
				out = append(out, report{l.Body.Directive, "", l.Body.Blocked, l.Body.Document, l.Body.Disposition})
			}
		}
	default:
		return nil, fmt.Errorf("the report has the type %.40q, which no browser sends", kind)
	}
	return out, nil
}

// violation keeps of a report what is not about a visitor.
func (s *Seal) violation(r report) (Violation, bool) {
	host, ok := blocked(r.Blocked)
	if !ok {
		return Violation{}, false
	}
	directive, _, _ := strings.Cut(strings.ToLower(cmp.Or(r.Directive, r.Violated)), " ") // older browsers send all of it
	if !slices.Contains(directives, directive) {
		directive = other
	}
	return Violation{Directive: directive, Host: host, Path: s.template(r.Document), Enforced: r.Disposition == "enforce"}, true
}

// other stands for what is not told apart.
const other = "other"

// directives are those that a report can be about.
var directives = []string{
	"base-uri", "child-src", "connect-src", "default-src", "fenced-frame-src", "font-src", "form-action", "frame-ancestors", "frame-src",
	"img-src", "manifest-src", "media-src", "object-src", "prefetch-src", "require-trusted-types-for", "script-src", "script-src-attr",
	"script-src-elem", "style-src", "style-src-attr", "style-src-elem", "trusted-types", "worker-src",
}

// words are what stands in the place of an address that has no host.
var words = []string{"inline", "eval", "wasm-eval", "self", "data", "blob", "about", "filesystem", "trusted-types-policy", "trusted-types-sink"}

// blocked returns the host of what was blocked, or the word for it; false for what belongs
// to an extension of the browser.
func blocked(address string) (host string, ok bool) {
	if slices.Contains(words, address) {
		return address, true
	}
	u, err := url.Parse(address)
	if err != nil {
		return other, true
	}
	switch {
	case strings.HasSuffix(u.Scheme, "-extension"):
		return "", false
	case slices.Contains(words, u.Scheme):
		return u.Scheme, true
	}
	host = strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if len(host) > 253 || !isHost(host) || u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "wss" && u.Scheme != "ws" {
		return other, true
	}
	return host, true
}

// template returns the longest path of the manifest that an address is at or below.
func (s *Seal) template(address string) (found string) {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	try := func(p string) {
		rest, ok := strings.CutPrefix(u.Path, p)
		if ok && (rest == "" || rest[0] == '/' || strings.HasSuffix(p, "/")) && len(p) > len(found) {
			found = p
		}
	}
	for _, v := range s.site.Services {
		for _, p := range v.Paths {
			try(p)
		}
	}
	for _, r := range s.site.Choice.Reopen {
		try(r.Path)
	}
	return found
}
