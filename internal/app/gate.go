package app

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/internal/notice"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/policy"
)

// GateConfig says how the gate in front of a site is run.
type GateConfig struct {
	Trusted gate.Trusted // the proxies in front of this node
	Limit   *gate.Limit  // of requests below /.temoin/; nil for none
	Observe bool         // nothing is changed, whatever the manifest says
	Counter gate.Counter // told what is done, besides the node's metrics; may be nil
	// Subjects says who is signed in, where choices follow accounts; nil where nobody does.
	Subjects gate.Subjects
	// Upstream is where the site is, for a proxy: it is asked who is signed in, where the
	// manifest says how and nobody else does.
	Upstream *url.URL
}

// Gate puts the gate of a site in front of a handler; it answers 503 for a site that the
// node does not serve.
func (n *Node) Gate(id string, c GateConfig, next http.Handler) http.Handler {
	g := &gated{node: n, site: n.sites[id], config: c}
	return gate.New(gate.Config{Site: g.now, Now: n.config.Now}, next)
}

// gated is a site behind its gate.
type gated struct {
	node   *Node
	site   *site
	config GateConfig

	last atomic.Pointer[gateOf]
}

// A gateOf is the site as the gate takes it, and what it was made of.
type gateOf struct {
	of       *screen
	endpoint *register.Endpoint
	site     *gate.Site
}

// now returns the version in force.
func (g *gated) now() *gate.Site {
	if g.site == nil {
		return nil
	}
	shown, err := g.site.shows()
	if err != nil {
		g.node.config.Log.Error("the version in force cannot be served", "site", g.site.id, "error", err)
		return nil
	}
	endpoint := g.site.endpoint.Load()
	if last := g.last.Load(); last != nil && last.of == shown && last.endpoint == endpoint {
		return last.site
	}
	parts := gate.Parts{
		Codec: endpoint.Codec, Notice: inserted{shown.notice, prefix}, Mount: g.site.handler, Prefix: prefix,
		Counter: g.counter(), Trusted: g.config.Trusted, Limit: g.config.Limit, Observe: g.config.Observe,
	}
	parts.Subjects, parts.Accounts, parts.Now = g.config.Subjects, g.site.accounts, g.node.config.Now
	if at := shown.version.Site.Identity; at.URL != "" && g.config.Subjects == nil && g.config.Upstream != nil {
		parts.Identity = &gate.Identity{URL: below(g.config.Upstream, at.URL), Field: at.Name}
	}
	made := gate.Compile(shown.version.Site, parts)
	g.last.Store(&gateOf{shown, endpoint, made})
	return made
}

// below is an address of the site at its upstream.
func below(upstream *url.URL, path string) *url.URL {
	u := *upstream
	u.Path, u.RawQuery, _ = strings.Cut(strings.TrimSuffix(u.Path, "/")+path, "?")
	u.RawPath = ""
	return &u
}

func (g *gated) counter() gate.Counter {
	own := g.node.metrics.gates.of(g.site.id)
	if g.config.Counter == nil {
		return own
	}
	return both{own, g.config.Counter}
}

// both tells two counters.
type both [2]gate.Counter

// Count counts an event.
func (b both) Count(e gate.Event) {
	b[0].Count(e)
	b[1].Count(e)
}

// inserted is a notice as the gate takes it.
type inserted struct {
	*notice.Notice
	at string // what the addresses of the notice begin with
}

// Insert returns what stands first in head and body.
func (i inserted) Insert(r *http.Request, lang string, v *gate.View, sealed bool) (head, body []byte) {
	e := i.In(i.Language(r, lang))
	body = e.Body(&v.Decision)
	if v.Arrived {
		body = e.Arrived(&v.Decision)
	}
	return e.Head(&v.Decision, notice.Page{Mark: i.Mark(r), Sealed: sealed}), body
}

// Tag returns the script of pages that are the same for everybody.
func (i inserted) Tag(lang string) []byte {
	return []byte(`<script src="` + html.EscapeString(i.at) + `/temoin.js?lang=` + i.In(lang).Language() + `"></script>`)
}

// Placeholder returns the address of the page in a frame's place.
func (i inserted) Placeholder(r *http.Request, services, address, lang string) string {
	if end := strings.IndexAny(services, " +"); end >= 0 {
		services = services[:end] // the first of them says what it is
	}
	return i.at + "/placeholder/" + url.PathEscape(services) + "?lang=" + url.QueryEscape(i.Language(r, lang)) + "&src=" + url.QueryEscape(address)
}

// Publish lists another manifest of a site that the node serves, and brings it into force
// on all nodes unless it was before. It reports whether it is in force now.
func (n *Node) Publish(ctx context.Context, id string, c SiteConfig) (inForce bool, err error) {
	s := n.sites[id]
	if s == nil {
		return false, fmt.Errorf("%w: %s", errNoSite, id)
	}
	p, err := policy.Parse(c.File, c.Manifest)
	if err != nil {
		return false, err
	}
	if p.ID != id {
		return false, fmt.Errorf("%s is of the site %s, and not of %s any more: start the server anew to serve another site", c.File, p.ID, id)
	}
	if err := s.publish(ctx, p, c); err != nil {
		return false, err
	}
	if _, err := n.follower.Step(ctx); err != nil {
		return false, err
	}
	return s.versions.Active().Site.Hash == p.Hash, nil
}

// Static returns a site for pages that are files (see gate.Site.Rewrite). The hub is where
// the tag is served: its address up to the prefix, or "" for the pages' own host.
func Static(p *policy.Site, hub string) (*gate.Site, error) {
	n, err := notice.Compile(p, notice.Options{Prefix: prefix})
	if err != nil {
		return nil, err
	}
	return gate.Compile(p, gate.Parts{Notice: inserted{n, strings.TrimSuffix(hub, "/") + prefix}}), nil
}
