package notice

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
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

	quiet []byte            // in pages where nothing is asked
	first []byte            // the first layer about all that is asked
	again map[uint64][]byte // by the categories that are asked about again

	signal    []byte // the first layer where the browser's signal refuses some of that; nil where it cannot
	unrefused uint64 // what is asked about then

	centre, fragment sheet
	withdraw         string
	placeholders     map[string]sheet // by service

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
	switch d.Notice {
	case consent.NoNotice:
		return e.quiet
	case consent.AgainNotice:
		if b, ok := e.again[e.notice.mask(d)]; ok {
			return b
		}
	case consent.FirstNotice:
		if e.signal != nil && e.notice.mask(d) == e.unrefused {
			return e.signal
		}
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

// A head is what stands first in a page's head, with the place of the choice's id.
type head struct{ whole, before, after []byte }

// Head returns what stands first in a page's head: the scripts that keep to the
// decision, of which c is the choice, nil for none. It must not be changed.
func (e *Edition) Head(d *consent.Decision, c *consent.Choice) []byte {
	h := e.headFor(d)
	if c == nil {
		return h.whole
	}
	return h.append(make([]byte, 0, len(h.whole)+idLength), c)
}

// AppendHead appends what Head returns.
func (e *Edition) AppendHead(b []byte, d *consent.Decision, c *consent.Choice) []byte {
	h := e.headFor(d)
	if c == nil {
		return append(b, h.whole...)
	}
	return h.append(b, c)
}

// idLength is that of an id as it stands in the consent cookie.
var idLength = base64.RawURLEncoding.EncodedLen(len(consent.ID{}))

func (h *head) append(b []byte, c *consent.Choice) []byte {
	b = append(b, h.before...)
	b = base64.RawURLEncoding.AppendEncode(b, c.ID[:])
	return append(b, h.after...)
}

// headFor returns the head of all pages with one decision.
func (e *Edition) headFor(d *consent.Decision) *head {
	var buf [512]byte
	key := buf[:0]
	for _, k := range e.notice.site.Categories {
		key = append(key, flag(d.Category(k))<<1|flag(d.Asks(k)))
	}
	for _, s := range e.notice.site.Services {
		key = append(key, flag(d.Service(s)))
	}
	e.mu.RLock()
	h, ok := e.heads[string(key)]
	e.mu.RUnlock()
	if ok {
		return h
	}
	h = e.newHead(d)
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

// pageData is what a page tells the script "base" (ui/types.ts).
type pageData struct {
	ID       string            `json:"i"` // first, so that its place is known
	Cookie   string            `json:"c"`
	Prefix   string            `json:"p"`
	Language string            `json:"l"`
	Answers  string            `json:"a"`
	Version  string            `json:"v"`
	Scopes   []string          `json:"y"`
	Services map[string]string `json:"k"`
}

func (e *Edition) newHead(d *consent.Decision) *head {
	n := e.notice
	page := pageData{"", n.site.Choice.Cookie, n.prefix, e.lang, n.answers(d), n.scripts["centre"].hash, n.scopesFor(d), n.needs(d)}
	var b bytes.Buffer
	script(&b, n.chunks["base"], page)
	if held, needed := n.held(d); needed {
		script(&b, n.chunks["guard"], rulesFor(held))
	}
	for _, a := range n.adapters {
		script(&b, n.chunks[a.chunk], a.data)
	}
	whole := b.Bytes()
	at := bytes.Index(whole, []byte(`{"i":"`)) + len(`{"i":"`)
	return &head{whole, whole[:at], whole[at:]}
}

// answers writes what holds as the script "base" reads it from the cookie: answers
// that cover what a category is today, and services that differ from theirs.
func (n *Notice) answers(d *consent.Decision) string {
	var list []string
	for _, k := range n.site.Categories {
		if !k.NeedsConsent() || !k.InUse() || d.Asks(k) {
			continue
		}
		list = append(list, k.ID+"="+digit(d.Category(k)))
	}
	for _, s := range n.site.Services {
		if chosen(s) && d.Service(s) != d.Category(s.Category) {
			list = append(list, "!"+s.ID+"="+digit(d.Service(s)))
		}
	}
	return strings.Join(list, "&")
}

func digit(yes bool) string { return string('0' + flag(yes)) }

// scopesFor lists the scopes that count on a page. What serves advertising and is
// refused may be so because of a signal, which no cookie can overrule.
func (n *Notice) scopesFor(d *consent.Decision) []string {
	list := []string{}
	for _, k := range n.site.Categories {
		if !k.Advertising || d.Asks(k) || d.Category(k) {
			list = append(list, n.scopes[k]...)
		}
	}
	return list
}

// needs says which category's yes a service needs, "" for what needs none. What loads
// on use is not there where it is not used.
func (n *Notice) needs(d *consent.Decision) map[string]string {
	list := map[string]string{}
	for _, k := range n.site.Categories {
		if k.Ground == policy.GroundExempt {
			list[k.ID] = ""
		}
	}
	for _, s := range n.site.Services {
		switch {
		case chosen(s):
			list[s.ID] = s.Category.ID
		case s.Loads == policy.LoadsOnUse && !d.Service(s):
		case s.SelfHosted, s.Loads == policy.LoadsAlways, s.Loads == policy.LoadsOnUse, s.Category.Ground == policy.GroundExempt:
			list[s.ID] = ""
		}
	}
	return list
}

// guarded reports whether a service's hosts are held where it is not permitted.
func guarded(s *policy.Service) bool {
	return !s.SelfHosted && s.Loads != policy.LoadsAlways && len(s.Hosts) > 0
}

// held lists what the script "guard" looks at, and says whether it is needed: it asks
// base which of them are allowed, whenever it meets one. Services that load on use, on
// certain pages only, need no guard of their own: nothing on other pages asks for them
// but markup.
func (n *Notice) held(d *consent.Decision) (list []*policy.Service, needed bool) {
	var hosts []policy.HostPattern
	for _, s := range n.site.Services {
		if !guarded(s) {
			continue
		}
		needed = needed || !d.Service(s) && (s.Loads == policy.LoadsOnConsent || s.Click)
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

// script writes a script with its data.
func script(b *bytes.Buffer, src []byte, data any) {
	var j bytes.Buffer
	enc := json.NewEncoder(&j)
	enc.SetEscapeHTML(false)
	enc.Encode(data) //nolint:errcheck // strings, in a buffer
	b.WriteString("<script data-temoin='")
	singleQuoted.WriteString(b, strings.TrimSpace(j.String())) //nolint:errcheck // a buffer takes all
	b.WriteString("'>")
	b.Write(src)
	b.WriteString("</script>")
}

// singleQuoted escapes the value of an attribute in single quotes.
var singleQuoted = strings.NewReplacer("&", "&amp;", "'", "&#39;", "<", "&lt;", ">", "&gt;")

// short is the hash by which a script is served.
func short(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}
