package notice

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/policy"
)

// A tag is the script of a site that is made of files: one request, with the first
// layer in one language, its style, the guard and all that releases in it. The pages
// are the same for everybody, so it decides in the browser what consent.Decide
// decides elsewhere, by the scopes that it brings along (ui/entry/tag.ts).
//
// What stands in the shadow root is what canonical bytes have there, but for the
// style, which a page's Content-Security-Policy would stop in an element: it goes in
// as a constructed sheet. The script is no element either. The hash in the forms is
// that of the canonical bytes: a record says the same whichever way the notice came.

// tagData is what the tag knows of a site (ui/tag/data.ts).
type tagData struct {
	Cookie    string            `json:"i"` // see Notice.anyCookie
	Language  string            `json:"l"`
	Direction string            `json:"d"`
	Version   string            `json:"v"` // of the chunk "centre"
	Asked     [][]any           `json:"q"` // [category, 1 for advertising, [scopes that count], [services that are chosen with it]]
	Free      string            `json:"f"` // see Notice.free
	OnUse     [][]string        `json:"u"` // [service, its category where that is asked about, an expression for paths]
	Lasts     int64             `json:"e"` // seconds after which a choice has ended in any case
	Always    bool              `json:"m"` // the first layer shows where there is no choice, whatever is asked
	Hosts     string            `json:"h"` // what the guard is told: see rules
	Names     string            `json:"n"`
	Adapters  string            `json:"a,omitempty"` // what adapters are told, as JSON
	Storage   string            `json:"k,omitempty"` // what the script "guard-storage" is told, as JSON
	Seal      string            `json:"z,omitempty"`
	Sealed    map[string]string `json:"w,omitempty"` // what a service adds to the seal
	Style     string            `json:"s"`
	Room      string            `json:"r"`
	Markup    string            `json:"b"`
}

// addTags makes the tag of each edition.
func (n *Notice) addTags(o Options) error {
	for _, e := range n.editions {
		src, err := e.tagSource(o)
		if err != nil {
			return err
		}
		e.tag = newServed(src, "")
	}
	return nil
}

// tagSource puts the tag together: data, and chunks as functions, in a block of its
// own, which gives the page no name but window.temoin.
func (e *Edition) tagSource(o Options) ([]byte, error) {
	data, err := e.tagData(o)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("{const T=")
	b.Write(encoded(data))
	b.WriteString(",F=fetch=>{") // the hub is another origin: the tag says how it is asked
	b.Write(e.notice.chunks["notice"])
	b.WriteString("},A=()=>{")
	if e.notice.storage != "" {
		b.Write(e.notice.chunks["guard-storage"])
	}
	for _, a := range e.notice.adapters {
		b.Write(e.notice.chunks[a.chunk])
	}
	b.WriteString("};")
	b.Write(e.notice.chunks["tag"])
	b.WriteString("}")
	return b.Bytes(), nil
}

func (e *Edition) tagData(o Options) (*tagData, error) {
	n := e.notice
	content, err := shadowContent(e.first)
	if err != nil {
		return nil, err
	}
	held, _ := n.held(nil)
	guard := rulesFor(held)
	nobody := consent.Decide(n.site, nil, consent.Signals{}, time.Time{})
	d := &tagData{
		Cookie: n.anyCookie(), Language: e.lang, Direction: string(e.writer.Lang.Direction), Version: n.scripts["centre"].version,
		Asked: n.questions(o.Earlier), Free: n.free(&nobody), OnUse: [][]string{},
		Lasts: int64(n.site.Choice.Lasts.Max() / time.Second), Always: n.site.NoticeMode() != policy.NoticeConsent,
		Hosts: guard.hosts, Names: guard.names(), Storage: n.storage, Style: n.styles.element, Room: n.styles.room, Markup: string(content),
	}
	if len(n.adapters) > 0 {
		d.Adapters = string(encoded(adapterData(n.adapters)))
	}
	for _, s := range n.site.Services {
		if on := paths(s.Paths); s.Loads == policy.LoadsOnUse && on != "" {
			d.OnUse = append(d.OnUse, []string{s.ID, s.Category.ID, on})
		}
	}
	if o.Seal {
		d.seal(n.site)
	}
	return d, nil
}

// encoded is JSON as it can stand in a script.
func encoded(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.Encode(v) //nolint:errcheck,errchkjson // strings and lists of them, in a buffer
	return bytes.TrimSpace(b.Bytes())
}

// questions lists what is asked about, with the scopes under which an answer holds
// today, as they stand in the consent cookie.
func (n *Notice) questions(earlier []*policy.Site) [][]any {
	list := [][]any{}
	for _, k := range n.site.Categories {
		if !k.NeedsConsent() || !k.InUse() {
			continue
		}
		services := []string{}
		for _, s := range k.Services {
			if s.Loads == policy.LoadsOnConsent {
				services = append(services, s.ID)
			}
		}
		list = append(list, []any{k.ID, flag(k.Advertising), scopesOf(k, earlier), services})
	}
	return list
}

// scopesOf lists the scopes of a category under which an answer holds today, as patterns of
// what stands behind the answer: "q83v", and for a no alone "(?<=0\.)q83v".
func scopesOf(k *policy.Category, earlier []*policy.Site) []string {
	scopes := []uint32{k.Fingerprint().Short()}
	for _, old := range earlier {
		if before := old.Category(k.ID); before != nil && before.NeedsConsent() {
			scopes = append(scopes, before.Fingerprint().Short())
		}
	}
	slices.Sort(scopes)
	var list []string
	for _, s := range slices.Compact(scopes) {
		word := base64.RawURLEncoding.EncodeToString([]byte{byte(s >> 16), byte(s >> 8), byte(s)})
		switch {
		case k.Honours(s):
			list = append(list, word)
		case k.HonoursRefusal(s):
			list = append(list, `(?<=0\.)`+word)
		}
	}
	return list
}

// paths writes policy.Service.LoadsAt as an expression.
func paths(list []string) string {
	var all []string
	for _, p := range list {
		end := "(/|$)"
		if strings.HasSuffix(p, "/") {
			end = ""
		}
		all = append(all, "^"+regexp.QuoteMeta(p)+end)
	}
	return strings.Join(all, "|")
}

// seal lists where a page may load from at all, and what each service adds to that.
// What stands in the page itself is left alone.
func (d *tagData) seal(site *policy.Site) {
	list := []string{"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"}
	for _, host := range append(site.AllHosts(), site.RegistrableDomain()) {
		for _, own := range []string{host + ":*", "*." + host + ":*"} {
			if !slices.Contains(list, own) {
				list = append(list, own)
			}
		}
	}
	for _, t := range site.Trusted {
		list = append(list, sourceAt(t.Host))
	}
	d.Seal = strings.Join(list, " ")
	d.Sealed = map[string]string{}
	for _, s := range site.Services {
		var hosts []string
		for _, h := range s.Hosts {
			hosts = append(hosts, sourceAt(h))
		}
		d.Sealed[s.ID] = strings.Join(hosts, " ")
	}
}

// sourceAt names a host for a Content-Security-Policy, at any port as everywhere. A
// path would not hold after a redirect, and is left out.
func sourceAt(host string) string {
	h := policy.ParseHost(host)
	if h.Below {
		return "*." + h.Name + ":*"
	}
	return h.Name + ":*"
}

var (
	beginRoot    = []byte(`<template shadowrootmode="open">`)
	endRoot      = []byte("</template>")
	endStyle     = []byte("</style>")
	errNoElement = errors.New("the element of the notice has no shadow root")
)

// shadowContent returns what stands in the shadow root of the element, behind its
// style.
func shadowContent(element []byte) ([]byte, error) {
	_, rest, ok := bytes.Cut(element, beginRoot)
	content, _, closed := bytes.Cut(rest, endRoot)
	_, content, styled := bytes.Cut(content, endStyle)
	if !ok || !closed || !styled {
		return nil, errNoElement
	}
	return content, nil
}

// briefly is how long a browser takes what every visitor is given for granted.
const briefly = "public, max-age=300"

// serveTag serves the tag in the language that the address names, else the browser's.
func (n *Notice) serveTag(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if hub := hostOf(r.Host); !n.site.Serves(hub) && n.site.OwnsHost(hub) && n.site.Choice.Domain != "registrable" {
		h.Set("Content-Type", "text/javascript; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		text := encoded("Témoin: a choice that is made at " + hub + " does not reach the site's pages. Write choice.domain: registrable into the manifest of " + n.site.ID + ".")
		w.Write(slices.Concat([]byte("throw new Error("), text, []byte(")\n"))) //nolint:errcheck // a client that is gone cannot be told
		return
	}
	tag, named := n.has(r.URL.Query().Get("lang"))
	if !named {
		h.Add("Vary", "Accept-Language")
		_, i := language.MatchStrings(n.matcher, r.Header.Get("Accept-Language"))
		tag = n.site.Langs[i]
	}
	n.In(tag).tag.serve(w, r, briefly)
}

// serveLayer serves what the tag shows where it asks about a part of a site: ?asks=,
// once for each category, and ?again where there is a choice that does not cover them.
// It says nothing of the visitor but what they are asked.
func (n *Notice) serveLayer(w http.ResponseWriter, r *http.Request) {
	e := n.In(n.asked(r))
	q := r.URL.Query()
	var mask uint64
	for _, id := range q["asks"] {
		if k := n.site.Category(id); k != nil {
			mask |= bit(k)
		}
	}
	content, err := shadowContent(e.layerFor(mask, q.Has("again")))
	if err != nil {
		http.Error(w, "This cannot be shown now.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", e.lang)
	h.Set("Content-Security-Policy", "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", briefly)
	h.Add("Vary", "Accept-Language")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// Trusts reports whether an origin is one of the site's own: a host that the manifest
// names, over https, or this machine's over http. Other hosts under its domain may be
// somebody else's.
func Trusts(site *policy.Site, origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.User != nil || !site.Serves(u.Hostname()) {
		return false
	}
	local := u.Hostname() == "localhost" || strings.HasSuffix(u.Hostname(), ".localhost")
	return local && (u.Scheme == "http" || u.Scheme == "https") || u.Scheme == "https" && u.Port() == own(site)
}

// own is the port of the site's address, "" for the usual one.
func own(site *policy.Site) string {
	u, err := url.Parse(site.URL)
	if err != nil {
		return ""
	}
	return u.Port()
}

// Reaches reports whether a cookie that one host sets for a site is sent to another
// one: page and hub are hosts, with or without a port.
func Reaches(site *policy.Site, page, hub string) bool {
	page, hub = hostOf(page), hostOf(hub)
	domain := site.RegistrableDomain()
	return page == hub || site.Choice.Domain == "registrable" && under(page, domain) && under(hub, domain)
}

func under(host, domain string) bool { return host == domain || strings.HasSuffix(host, "."+domain) }

// hostOf drops the port.
func hostOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(host)
}
