// Package seal writes the Content-Security-Policy by which a browser contacts no host
// but those that a decision allows, and reads what browsers report of it.
//
// What holds:
//
//   - Ours is a policy of its own beside those of the upstream: a browser keeps to all of
//     them, so that neither widens the other. It lists the site's registrable domains and
//     what is below them, the hosts of services that may be contacted, and hosts that the
//     manifest trusts. It says nothing about what stands in the page itself, about where
//     forms are sent, about who may frame the page, or about what a frame loads.
//   - All that a page loads falls back to one directive, default-src, what browsers learn to
//     load later too, and a browser's report names the kind anyway. Frames of pages have their
//     own: a click in a placeholder shows what is held, once, and markup and guard hold the rest.
//   - It reports by report-uri, which all browsers know. With report-to, browsers that know
//     it would not look at that, and the site would need Reporting-Endpoints, which may be
//     another's already.
//   - The upstream's policies are changed only where they would stop the notice, and by no
//     more than it needs: hashes of its scripts and styles, which are the same for all
//     visitors, and the addresses below the prefix. A hash is never added where inline
//     scripts run without: it would stop the site's own.
//
// What a policy cannot say is allowed: another service's part of a host whose wildcard is
// allowed, the part of a path that does not end in "/", any path after a redirect, and
// what a service is reached at below the site's own domain. The markup layer and the
// guard look at those.
//
// What is out of reach: a policy in the page's own meta element, and a sandbox without
// scripts or forms. Where they stop the notice's scripts, its links and forms work; where
// they stop those too, nothing is allowed, since nobody was asked. Addresses below the
// prefix can be opened by hand.
package seal

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/publicsuffix"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/policy"
)

// The headers that hold policies.
const (
	enforced   = "Content-Security-Policy"
	reportOnly = "Content-Security-Policy-Report-Only"
)

// maxKept bounds each table of what was written before: there are as many policies as
// decisions, and an upstream can write a new one for each page.
const maxKept = 1024

// Options are what the manifest does not say.
type Options struct {
	Mode            policy.Enforced // off, report or block; "" is report
	Prefix          string          // of Témoin's own addresses; "" is "/.temoin"
	Scripts, Styles []string        // hashes of what the notice puts into pages: notice.Notice.Hashes
}

// A Seal writes the policies of one version of a site. It is safe for concurrent use.
type Seal struct {
	site    *policy.Site
	o       Options
	begin   string   // of each policy of ours: what is allowed whatever is decided
	hosts   []string // what each service adds to it, by its index
	framing string   // the directive of frames, in pages of which others are held: "; frame-src …"
	frames  bool     // pages can hold placeholders

	mu     sync.RWMutex
	ours   map[string]string // by the services that may be contacted
	theirs map[theirs]string // what the upstream's become
}

// theirs is a policy header of the upstream's, on a host.
type theirs struct{ value, host string }

// New makes the seal of a site.
func New(site *policy.Site, o Options) *Seal {
	if o.Mode == "" {
		o.Mode = policy.EnforceReport
	}
	if o.Prefix == "" {
		o.Prefix = "/.temoin"
	}
	s := &Seal{site: site, o: o, ours: map[string]string{}, theirs: map[theirs]string{}}
	list := []string{"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"}
	for _, domain := range ownDomains(site) {
		list = append(list, domain+":*", "wss://"+domain+":*")
		if net.ParseIP(domain) == nil {
			list = append(list, "*."+domain+":*", "wss://*."+domain+":*")
		}
	}
	for _, t := range site.Trusted {
		list = append(list, sources(t.Host))
	}
	s.begin = strings.Join(list, " ")
	framed := s.begin
	for _, v := range site.Services {
		hosts := ""
		for _, h := range v.Hosts {
			hosts += " " + sources(h)
		}
		s.hosts = append(s.hosts, hosts)
		if !v.SelfHosted && hosts != "" {
			framed += hosts
			s.frames = s.frames || v.Loads != policy.LoadsAlways
		}
	}
	if s.frames {
		s.framing = "; frame-src"
		for _, source := range strings.Fields(framed)[1:] {
			if !strings.HasPrefix(source, "'unsafe") && !strings.HasPrefix(source, "wss:") {
				s.framing += " " + source
			}
		}
	}
	return s
}

// ownDomains are the registrable domains of the site's hosts; a host itself where it has
// none.
func ownDomains(site *policy.Site) []string {
	var out []string
	for _, host := range site.AllHosts() {
		domain, err := publicsuffix.EffectiveTLDPlusOne(host)
		if err != nil || net.ParseIP(host) != nil {
			domain = host
		}
		if !slices.Contains(out, domain) {
			out = append(out, domain)
		}
	}
	return out
}

// sources names a host of the manifest for a policy, at any port as everywhere. A path
// that ends in "/" means the same in both; another one is the beginning of paths in a
// manifest, and the whole of one in a policy, so that it is left out.
func sources(host string) string {
	h := policy.ParseHost(host)
	name := h.Name
	if h.Below {
		name = "*." + name
	}
	path := ""
	if strings.HasSuffix(h.Path, "/") {
		path = escaped.Replace((&url.URL{Path: unescaped(h.Path)}).EscapedPath())
	}
	return name + ":*" + path + " wss://" + name + ":*" + path
}

// escaped writes what ends a source or a policy.
var escaped = strings.NewReplacer(";", "%3B", ",", "%2C", "'", "%27")

func unescaped(path string) string {
	if p, err := url.PathUnescape(path); err == nil {
		return p
	}
	return path
}

// Apply completes the policies of an answer: those of the upstream let the notice work,
// and ours stands beside them. The host is the one that the browser asked, with its port
// if it named one. A nil decision stands for whatever visitors may allow: it is for
// service workers, which outlive decisions, and for pages that are the same for all. What
// it writes depends on nothing but its arguments, so that a 304 says what the 200 said.
//
// It is for every answer that can be a document or a worker: a worker keeps to the policy
// that it came with, and not to that of its page.
func (s *Seal) Apply(h http.Header, d *consent.Decision, host string) {
	s.apply(h, d, host, s.framing)
}

// ApplyUnread is Apply for a document that nobody rewrites, such as SVG: no frame in it holds a
// placeholder, so that frames show what the document may load, and nothing else.
func (s *Seal) ApplyUnread(h http.Header, d *consent.Decision, host string) {
	s.apply(h, d, host, "")
}

func (s *Seal) apply(h http.Header, d *consent.Decision, host, framing string) {
	block, report := h[enforced], h[reportOnly]
	ours, of := "", reportOnly
	switch s.o.Mode {
	case policy.EnforceOff:
	case policy.EnforceBlock:
		ours, of = s.policy(d, framing), enforced
	default:
		ours = s.policy(d, framing)
	}
	if len(block) == 0 && len(report) == 0 && ours == "" {
		return
	}
	all := make([]string, 0, len(block)+len(report)+1)
	for _, header := range []struct {
		name   string
		values []string
	}{{enforced, block}, {reportOnly, report}} {
		from := len(all)
		for _, v := range header.values {
			all = append(all, s.opened(v, host))
		}
		if ours != "" && header.name == of {
			all = append(all, ours)
		}
		if len(all) > from {
			h[header.name] = all[from:len(all):len(all)]
		}
	}
}

// policy returns our policy for a decision, with the directive of frames.
func (s *Seal) policy(d *consent.Decision, framing string) string {
	var buf [64]byte
	key := buf[:0]
	for i, v := range s.site.Services {
		if i%8 == 0 {
			key = append(key, 0)
		}
		if d == nil && !v.SelfHosted || d != nil && d.Service(v) {
			key[i/8] |= 1 << (i % 8)
		}
	}
	if framing != "" {
		key = append(key, 1)
	}
	s.mu.RLock()
	p, ok := s.ours[string(key)]
	s.mu.RUnlock()
	if ok {
		return p
	}
	var b strings.Builder
	b.WriteString(s.begin)
	for i, hosts := range s.hosts {
		if key[i/8]&(1<<(i%8)) != 0 {
			b.WriteString(hosts)
		}
	}
	if d != nil {
		b.WriteString(framing)
	}
	b.WriteString("; report-uri " + s.o.Prefix + "/report")
	p = b.String()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ours) >= maxKept {
		clear(s.ours)
	}
	s.ours[string(key)] = p
	return p
}

// opened returns a policy header of the upstream's that lets the notice work.
func (s *Seal) opened(value, host string) string {
	var buf [1 << 10]byte
	key, nonce := withoutNonce(buf[:0], value)
	s.mu.RLock()
	becomes, ok := s.theirs[theirs{string(key), host}]
	s.mu.RUnlock()
	if !ok {
		becomes = s.open(string(key), host)
		s.mu.Lock()
		if len(s.theirs) >= maxKept {
			clear(s.theirs)
		}
		s.theirs[theirs{string(key), host}] = becomes
		s.mu.Unlock()
	}
	if nonce == "" {
		return becomes
	}
	return strings.ReplaceAll(becomes, anyNonce, nonce)
}

// anyNonce stands for a nonce, which is another one in each answer.
const anyNonce = "'nonce-0'"

// withoutNonce appends a policy with anyNonce in the place of its nonce, if it has one and
// no other one besides.
func withoutNonce(b []byte, value string) (key []byte, nonce string) {
	at := strings.Index(value, "'nonce-")
	if at < 0 {
		return append(b, value...), ""
	}
	nonce = value[at:]
	if end := strings.IndexByte(nonce[1:], '\''); end > 0 {
		nonce = nonce[:end+2]
	}
	if !one(nonce) || strings.Count(value, "'nonce-") != strings.Count(value, nonce) {
		return append(b, value...), ""
	}
	for ; at >= 0; at = strings.Index(value, nonce) {
		b = append(append(b, value[:at]...), anyNonce...)
		value = value[at+len(nonce):]
	}
	return append(b, value...), nonce
}
