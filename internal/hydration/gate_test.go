package hydration

import (
	"cmp"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/temoin/temoin/internal/app"
)

// A gate is what stands between the application and the browser: it puts the notice
// into pages as they come, and makes what is held inert by attributes alone.
type gate struct {
	view       app.View
	head, body []byte
	alone      bool // changes nothing
}

// forward answers with what the application answers.
func (g gate) forward(w http.ResponseWriter, r *http.Request, to *url.URL) {
	proxy := httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(to)
			p.Out.Host = p.In.Host
			p.Out.Header.Del("Accept-Encoding")
		},
		ModifyResponse: func(r *http.Response) error {
			if g.alone {
				return nil
			}
			g.links(r.Header)
			r.Header.Set("Cache-Control", "no-store") // a test can hold back each answer
			if !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
				return nil
			}
			r.Header.Set("Cache-Control", "private, no-cache")
			r.Header.Set("Vary", "Cookie")
			r.Header.Del("Content-Length")
			r.Header.Del("ETag")
			from := r.Body
			body, in := io.Pipe()
			r.Body = body
			go func() {
				defer from.Close()                     //nolint:errcheck // it was read
				in.CloseWithError(g.rewrite(in, from)) //nolint:errcheck // returns none
			}()
			return nil
		},
	}
	proxy.ServeHTTP(w, r)
}

// links removes what a header has browsers load early.
func (g gate) links(h http.Header) {
	var free []string
	for _, line := range h.Values("Link") {
		for link := range strings.SplitSeq(line, ",") {
			address, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(link), "<"), ">")
			if g.held(address) == "" {
				free = append(free, link)
			}
		}
	}
	h.Del("Link")
	for _, link := range free {
		h.Add("Link", link)
	}
}

// rewrite copies a page.
func (g gate) rewrite(to io.Writer, from io.Reader) error {
	z := html.NewTokenizer(from)
	for {
		kind := z.Next()
		if kind == html.ErrorToken && z.Err() != io.EOF {
			return z.Err()
		}
		out := slices.Clone(z.Raw())
		if kind == html.StartTagToken || kind == html.SelfClosingTagToken {
			tag := z.Token()
			if g.hold(&tag) {
				out = []byte(tag.String())
			}
			switch tag.Data {
			case "head":
				out = append(out, g.head...)
			case "body":
				out = append(out, g.body...)
			}
		}
		if _, err := to.Write(out); err != nil || kind == html.ErrorToken {
			return err
		}
	}
}

// held returns the services that an address belongs to if none of them is allowed.
func (g gate) held(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	services := g.view.Site.ServicesAt(u.Hostname(), cmp.Or(u.EscapedPath(), "/"))
	var ids []string
	for _, s := range services {
		if g.view.Decision.Service(s) {
			return ""
		}
		ids = append(ids, s.ID)
	}
	return strings.Join(ids, " ")
}

// hold makes a tag inert where it loads something that is held.
func (g gate) hold(tag *html.Token) bool {
	how := map[string]string{"script": "type", "link": "rel"}[tag.Data] // without it they load nothing
	ids := ""
	for i, a := range tag.Attr {
		if !slices.Contains([]string{"src", "srcset", "poster", "data", "href"}, a.Key) || tag.Data == "a" || a.Key == "href" && tag.Data != "link" {
			continue
		}
		address, _, _ := strings.Cut(a.Val, " ")
		found := g.held(address)
		if found == "" {
			continue
		}
		ids = found
		switch {
		case tag.Data == "iframe":
			tag.Attr[i].Val = "/.temoin/placeholder/" + ids + "?lang=" + g.view.Notice.In("").Language() + "&src=" + url.QueryEscape(a.Val)
			tag.Attr = append(tag.Attr, html.Attribute{Key: "data-temoin-src", Val: a.Val})
		case tag.Data != "link":
			tag.Attr[i].Key = "data-temoin-" + a.Key
		}
	}
	if ids == "" {
		return false
	}
	for i, a := range tag.Attr {
		if a.Key == how {
			tag.Attr[i].Key = "data-temoin-" + how
		}
	}
	if how == "type" {
		tag.Attr = append(tag.Attr, html.Attribute{Key: "type", Val: "text/plain"})
	}
	tag.Attr = append(tag.Attr, html.Attribute{Key: "data-temoin", Val: ids})
	return true
}
