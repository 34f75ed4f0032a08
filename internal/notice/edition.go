package notice

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/policy"
)

// An Edition is a notice in one language.
type Edition struct {
	notice *Notice
	writer *writer
	lang   string
	shown  []Shown

	quiet   []byte            // in pages where nothing is asked
	arrived []byte            // and the choice of an account begins to apply; nil where choices follow no account
	follows string            // the form by which this device has a choice of its own
	alone   string            // and that by which it follows the account again
	first   []byte            // the first layer about all that is asked
	again   map[uint64][]byte // by the categories that are asked about again

	signal    []byte // the first layer where the browser's signal refuses some of that; nil where it cannot
	unrefused uint64 // what is asked about then

	centre, fragment sheet
	within           sheet // the centre in a page of the site's own
	withdraw         string
	placeholders     map[string]sheet // by service
	tag              *served

	mu    sync.RWMutex
	heads map[string]*head
}

// maxHeads bounds how many different heads are kept: there is one for each choice
// that visitors make.
const maxHeads = 1024

// Language returns the language of the edition.
func (e *Edition) Language() string { return e.lang }

// Body returns the element that stands first in a page's body. It must not be
// changed.
func (e *Edition) Body(d *consent.Decision) []byte {
	if d.Notice == consent.NoNotice {
		return e.quiet
	}
	return e.layerFor(e.notice.mask(d), d.Notice == consent.AgainNotice)
}

// Arrived returns what stands first in the body of a page on which the choice of the
// visitor's account begins to apply: it says so, once. It must not be changed.
func (e *Edition) Arrived(d *consent.Decision) []byte {
	if d.Notice == consent.NoNotice && e.arrived != nil {
		return e.arrived
	}
	return e.Body(d)
}

// layerFor returns the element that asks about a set of categories.
func (e *Edition) layerFor(mask uint64, again bool) []byte {
	if b, ok := e.again[mask]; ok && again {
		return b
	}
	if !again && e.signal != nil && mask == e.unrefused {
		return e.signal
	}
	return e.first
}

// mask is the set of categories that are asked about.
func (n *Notice) mask(d *consent.Decision) uint64 {
	var m uint64
	for _, k := range n.site.Categories {
		if d.Asks(k) {
			m |= bit(k)
		}
	}
	return m
}

// bit is a category in a mask. Categories beyond the 63rd share the last bit, of
// which no set is made.
func bit(k *policy.Category) uint64 { return 1 << min(k.Index, 63) }

// A Page is what is known of a page besides the decision that it keeps to.
type Page struct {
	// Mark is that of the consent cookie that the page is made for (see Notice.Mark): the
	// one that the browser has when it reads the page, if the answer sets another one.
	Mark string
	// Sealed says that the page's own Content-Security-Policy lets nothing run that is not
	// allowed yet: it is loaded again for what is allowed later.
	Sealed bool
}

// Mark returns the mark of the consent cookie of a request: what scripts look for to see
// whether the browser still has the cookie, "" where there is none.
func (n *Notice) Mark(r *http.Request) string {
	c, err := r.Cookie(n.site.Choice.Cookie)
	if err != nil {
		return ""
	}
	return cmp.Or(consent.Mark(c.Value), n.anyCookie()) // of one that is no choice, that it is there
}

// anyCookie is an expression for what scripts find where there is a consent cookie,
// whatever its value.
func (n *Notice) anyCookie() string { return "(^|; )" + regexp.QuoteMeta(n.site.Choice.Cookie) + "=" }

// A head is what stands first in a page's head, with the place of the mark.
type head struct{ whole, before, after []byte }

// Head returns what stands first in a page's head: the scripts that keep to the
// decision. It must not be changed.
func (e *Edition) Head(d *consent.Decision, p Page) []byte {
	h := e.headFor(d, p.Sealed)
	if p.Mark == "" {
		return h.whole
	}
	return h.append(make([]byte, 0, len(h.whole)+len(p.Mark)), p.Mark)
}

// AppendHead appends what Head returns.
func (e *Edition) AppendHead(b []byte, d *consent.Decision, p Page) []byte {
	h := e.headFor(d, p.Sealed)
	if p.Mark == "" {
		return append(b, h.whole...)
	}
	return h.append(b, p.Mark)
}

func (h *head) append(b []byte, mark string) []byte {
	b = append(append(b, h.before...), mark...)
	return append(append(b, `" data-c="1"`...), h.after...)
}

// headFor returns the head of all pages with one decision.
func (e *Edition) headFor(d *consent.Decision, sealed bool) *head {
	var buf [512]byte
	key := append(buf[:0], flag(sealed))
	for _, k := range e.notice.site.Categories {
		key = append(key, flag(d.Category(k))<<1|flag(d.Asks(k)))
	}
	for _, s := range e.notice.site.Services {
		key = append(key, flag(d.Runs(s)))
	}
	e.mu.RLock()
	h, ok := e.heads[string(key)]
	e.mu.RUnlock()
	if ok {
		return h
	}
	h = e.newHead(d, sealed)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.heads == nil || len(e.heads) >= maxHeads {
		e.heads = map[string]*head{}
	}
	e.heads[string(key)] = h
	return h
}

func flag(yes bool) byte {
	if yes {
		return 1
	}
	return 0
}

// newHead makes a head. What base is told stands on its element as data-* (ui/types.ts).
func (e *Edition) newHead(d *consent.Decision, sealed bool) *head {
	n := e.notice
	choice := d.Answers()
	var b bytes.Buffer
	attribute := func(name, value string) {
		if strings.Contains(value, `"`) { // JSON
			b.WriteString(" data-" + name + `='` + singleQuoted.Replace(value) + `'`)
			return
		}
		b.WriteString(" data-" + name + `="` + doubleQuoted.Replace(value) + `"`)
	}
	b.WriteString("<script")
	// The order is the one that compresses best.
	held, guarded := n.held(d)
	r := rulesFor(held)
	attribute("f", n.free(d))
	attribute("w", "[data-temoin-open],[href='"+n.prefix+"/'],[href^='"+n.prefix+"/?']")
	adapters := n.adaptersIn(d)
	if len(adapters) > 0 {
		attribute("d", string(encoded(adapterData(adapters))))
	}
	attribute("v", "centre.js?v="+n.scripts["centre"].version)
	attribute("p", n.prefix+"/")
	if guarded {
		attribute("e", r.hosts)
	}
	attribute("choice", choice)
	yes := strings.Contains(choice, "=1")
	if yes {
		attribute("m", choice)
	}
	switch {
	case sealed:
		attribute("y", "2")
	case yes:
		attribute("y", "1")
	}
	if guarded {
		attribute("n", r.names())
	}
	if n.storage != "" {
		attribute("u", n.storage)
	}
	attribute("l", e.lang)
	begin := b.Len() + len(` data-i="`)
	attribute("i", n.anyCookie())
	attribute("c", "0")
	end := b.Len()
	b.WriteString(">")
	b.Write(n.headScript(guarded, adapters))
	b.WriteString("</script>")
	whole := b.Bytes()
	return &head{whole, whole[:begin], whole[end:]}
}

// free lists what is allowed without a choice: what needs nobody's consent, and what loads
// on use where it is used, "&stripe=1&".
func (n *Notice) free(d *consent.Decision) string {
	list := "&"
	for _, k := range n.site.Categories {
		if k.Ground == policy.GroundExempt {
			list += k.ID + "=1&"
		}
	}
	for _, s := range n.site.Services {
		onUse := s.Loads == policy.LoadsOnUse
		if !chosen(s) && (!onUse || d.Service(s)) && (onUse || s.SelfHosted || s.Loads == policy.LoadsAlways || s.Category.Ground == policy.GroundExempt) {
			list += s.ID + "=1&"
		}
	}
	return list
}

// guarded reports whether a service's hosts are held where it is not permitted.
func guarded(s *policy.Service) bool {
	return !s.SelfHosted && s.Loads != policy.LoadsAlways && len(s.Hosts) > 0
}

// held lists what the script "guard" looks at, and says whether it is needed: it asks
// base which of them are allowed, whenever it meets one, and it releases what is held. nil
// is for pages that are not known. Services that load on use, on certain pages only, need
// no guard of their own: nothing on other pages asks for them but markup. One without hosts
// is held where a page names it (data-temoin).
func (n *Notice) held(d *consent.Decision) (list []*policy.Service, needed bool) {
	var hosts []policy.HostPattern
	for _, s := range n.site.Services {
		needed = needed || d != nil && !d.Service(s) && !s.SelfHosted && (s.Loads == policy.LoadsOnConsent || s.Click)
		if !guarded(s) {
			continue
		}
		list = append(list, s)
		for _, h := range s.Hosts {
			hosts = append(hosts, policy.ParseHost(h))
		}
	}
	for _, s := range n.site.Services {
		if !guarded(s) && !s.SelfHosted && overlaps(s.Hosts, hosts) {
			list = append(list, s)
		}
	}
	return list, needed
}

// overlaps reports whether any host lies where held ones are.
func overlaps(names []string, held []policy.HostPattern) bool {
	for _, name := range names {
		free := policy.ParseHost(name)
		for _, h := range held {
			if free.Name == h.Name || h.Covers(free.Name) {
				return true
			}
		}
	}
	return false
}

// headScript is the script of a page's head: base, and behind it, whatever becomes of
// base, what the page needs besides. It begins by taking itself out of the page: React
// renders anew a page whose head begins with what React did not write.
func (n *Notice) headScript(guarded bool, adapters []adapter) []byte {
	list := [][]byte{[]byte("document.currentScript.remove();"), n.chunks["base"]}
	if guarded {
		list = append(list, n.chunks["guard"])
	}
	if n.storage != "" {
		list = append(list, n.chunks["guard-storage"])
	}
	for _, a := range adapters {
		list = append(list, n.chunks[a.chunk])
	}
	list = append(list, n.boundary)
	return slices.Concat(list...)
}

// boundary makes the script that has a page loaded anew where a framework would go from it,
// by itself, to where other services load: nil for a site on which none loads on use.
func boundary(site *policy.Site, chunk []byte) []byte {
	var all []string
	for _, s := range site.Services {
		if on := paths(s.Paths); s.Loads == policy.LoadsOnUse && on != "" && !slices.Contains(all, on) {
			all = append(all, on)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return bytes.Replace(chunk, []byte("PATHS"), encoded(all), 1)
}

// doubleQuoted and singleQuoted escape the value of an attribute in such quotes.
var doubleQuoted = strings.NewReplacer("&", "&amp;", `"`, "&#34;", "<", "&lt;", ">", "&gt;")
var singleQuoted = strings.NewReplacer("&", "&amp;", "'", "&#39;", "<", "&lt;", ">", "&gt;")

// short is the hash by which a script is served.
func short(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:4])
}
