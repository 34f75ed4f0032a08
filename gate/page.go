package gate

import (
	"bytes"
	"errors"
	"hash/maphash"
	"html/template"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"github.com/temoin/temoin/internal/markup"
	"github.com/temoin/temoin/policy"
)

// feed takes a part of a page as it came.
func (v *visit) feed(p []byte) error {
	a := v.answer.page
	if v.site.observe {
		if _, err := v.w.Write(p); err != nil || a.blind {
			return err
		}
	}
	if a.coding == identity {
		_, err := plainBody{v}.Write(p)
		return err
	}
	if a.inflate == nil {
		a.inflate = newInflater(a.coding, plainBody{v})
	}
	_, err := a.inflate.Write(p)
	return v.broken(err)
}

// broken tells of a page that cannot be decoded, or not to its end. Whoever only watches
// goes on without it.
func (v *visit) broken(err error) error {
	short := errors.Is(err, errShort)
	if !short && !errors.Is(err, errCoding) {
		return err
	}
	v.site.count(Event{What: Cut, Name: "coding"})
	if v.site.observe {
		v.answer.page.blind = true
		return nil
	}
	if short {
		return nil
	}
	return err
}

// plainBody takes what a page is, decoded.
type plainBody struct{ *visit }

func (v plainBody) Write(p []byte) (int, error) {
	a := v.answer.page
	if a.sink != nil {
		return a.sink.Write(p)
	}
	a.lead = append(a.lead, p...)
	if err := v.begin(false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// maxLead is how much of a page is held back until it is known how it begins.
const maxLead = 4 << 10

// begin looks at how a page begins, and sets up what rewrites it, unless more has to be
// seen before.
func (v plainBody) begin(whole bool) error {
	a := v.answer.page
	if len(a.lead) < 3 && !whole {
		return nil
	}
	wide := isWide(a.lead)
	mode, known := v.mode(a.lead, whole || len(a.lead) >= maxLead)
	if !known && !wide {
		return nil
	}
	out := v.out()
	if a.sink = out; wide {
		v.unread("charset")
	} else {
		a.markup = rewriters.Get().(*markup.Writer)
		a.markup.Reset(out, rules(v), v.options(mode))
		a.sink = a.markup
	}
	_, err := a.sink.Write(a.lead)
	a.lead = nil
	return err
}

// isWide reports whether a page is in UTF-16, whatever its header says.
func isWide(page []byte) bool {
	return bytes.HasPrefix(page, []byte("\xfe\xff")) || bytes.HasPrefix(page, []byte("\xff\xfe"))
}

// rewriters keep their buffers from page to page.
var rewriters = sync.Pool{New: func() any { return markup.NewWriter(io.Discard, nil, markup.Options{}) }}

// url is the page's address, as the browser knows it.
func (v *visit) url() string { return v.origin() + v.r.URL.RequestURI() }

func (v *visit) origin() string {
	if v.site.parts.Trusted.Secure(v.r.Request) {
		return "https://" + v.r.Host
	}
	return "http://" + v.r.Host
}

// out is where a page goes when it is rewritten.
func (v *visit) out() io.Writer {
	a := v.answer.page
	switch {
	case v.site.observe:
		return io.Discard
	case a.coding == identity:
		return v.w
	}
	a.press = compressors[a.coding].Get().(compressor)
	a.press.Reset(v.w)
	return a.press
}

// framed reports whether the page is a document within another one: it is kept to the
// decision by the same scripts, and does not ask.
func (v *visit) framed() bool {
	dest := v.r.dest
	return v.r.page && dest != "" && dest != "document" && dest != "empty"
}

// A kind is how a page is asked for.
type kind byte

const (
	asPart     kind = iota // by a script, to be put into another page
	asFrame                // in another page, as a document of its own
	asDocument             // by itself
	asUnknown              // by a browser that does not say
)

// kind says how the page is asked for: one that was kept for another kind is none.
func (v *visit) kind() kind {
	switch dest := v.r.dest; {
	case v.site.same: // whoever asks
		return asUnknown
	case dest == "document", dest == "empty" && v.r.navigates:
		return asDocument
	case v.framed():
		return asFrame
	case dest != "", v.r.Method != http.MethodGet && v.r.Method != http.MethodHead, v.r.part:
		return asPart
	}
	return asUnknown
}

// mode says whether the page is a document, by its beginning where the browser does not
// say: it has the scripts of the notice then, and the notice too where the visitor sees it
// by itself.
func (v *visit) mode(begin []byte, whole bool) (m markup.Mode, known bool) {
	if v.site.observe {
		return markup.Observe, true
	}
	if v.site.parts.Notice == nil || v.isXHTML() {
		return markup.Fragment, true
	}
	switch v.kind() {
	case asDocument:
		return markup.Document, true
	case asPart:
		return markup.Fragment, true
	}
	yes, known := markup.BeginsDocument(begin)
	if yes {
		return markup.Document, true
	}
	return markup.Fragment, known || whole
}

// isXHTML reports whether the page is XML, into which nothing is inserted.
func (v *visit) isXHTML() bool {
	return strings.HasPrefix(first(v.Header(), "Content-Type"), "application/xhtml")
}

// options are those of the page's rewriter.
func (v *visit) options(mode markup.Mode) markup.Options {
	return markup.Options{Mode: mode, URL: v.url(), Own: v.site.own, XML: v.isXHTML()}
}

// tells reports whether the page is one on which the visitor sees the notice.
func (v *visit) tells() bool {
	return v.site.parts.Notice != nil && v.r.page && !v.framed() && v.r.Method == http.MethodGet
}

// finish sends what the site left open.
func (v *visit) finish() {
	a := &v.answer
	if !a.sent {
		if a.status == 0 {
			a.status = http.StatusOK
		}
		v.send()
	}
	if err := v.end(); err != nil {
		panic(http.ErrAbortHandler) // the browser is to see that it does not have all of it
	}
	v.trail()
}

// trail hands on what the site says behind the body.
func (v *visit) trail() {
	for name, values := range v.header {
		if strings.HasPrefix(name, http.TrailerPrefix) || announced(v.header, name) {
			v.w.Header()[name] = values
		}
	}
}

// announced reports whether a header is said to come behind the body.
func announced(h http.Header, name string) bool {
	for _, list := range h["Trailer"] {
		for one := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(strings.TrimSpace(one), name) {
				return true
			}
		}
	}
	return false
}

// end sends what of a page was held back.
func (v *visit) end() error {
	a := v.answer.page
	if a == nil {
		return nil
	}
	if g := a.gather; g != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.open {
			g.open = false
			g.timer.Stop()
		}
	}
	if a.missing > 0 && hasBody(v.r.Method, v.answer.status) && !v.site.observe { // less came than the site has said
		v.site.count(Event{What: Cut, Name: "length"})
		return http.ErrContentLength
	}
	if a.inflate != nil && a.failed == nil && !a.blind {
		if err := v.broken(a.inflate.Close()); err != nil {
			return err
		}
	}
	if len(a.lead) > 0 {
		if err := (plainBody{v}).begin(true); err != nil {
			return err
		}
	}
	if a.markup != nil {
		if err := a.markup.Close(); err != nil {
			return err
		}
	}
	if a.press != nil {
		if err := a.press.Close(); err != nil {
			return err
		}
	}
	return a.failed
}

// abandon gives back what a page took, also of one that was not finished.
func (v *visit) abandon() {
	a := v.answer.page
	if a == nil {
		return
	}
	if !v.ended && a.failed == nil && v.Context.Err() == nil {
		v.site.count(Event{What: Cut, Name: "site"})
		if v.site.observe {
			v.Flush() // what came until then
		}
	}
	if g := a.gather; g != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.open = false
		g.timer.Stop()
		if g.buf != nil {
			pages.Put(g.buf)
		}
	}
	if a.inflate != nil {
		a.inflate.Close() //nolint:errcheck // nobody reads it any more
	}
	if a.markup != nil {
		a.markup.Reset(io.Discard, nil, markup.Options{})
		rewriters.Put(a.markup)
		a.markup = nil
	}
	if a.press != nil {
		a.press.Reset(nil)
		compressors[a.coding].Put(a.press)
		a.press = nil
	}
}

// rules is a visit as the rules by which markup is rewritten.
type rules struct{ *visit }

// Address returns what holds an address. That of the vendor of a service that the site
// hosts itself is held whatever is chosen, by a name that nobody can allow.
func (v rules) Address(host, path []byte) string {
	list := v.site.policy.ServicesAt(text(host), text(path))
	if isSelfHosted(list) && !v.site.policy.OwnsHost(text(host)) {
		return "!" + list[0].ID
	}
	if v.site.observe && len(list) == 0 && !v.site.policy.OwnsHost(text(host)) && v.site.policy.TrustedAt(text(host), text(path)) == nil {
		v.site.count(Event{What: Foreign, Host: string(host)})
	}
	return v.held(list)
}

func isSelfHosted(list []*policy.Service) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(s *policy.Service) bool { return !s.SelfHosted })
}

// Script returns what holds an inline script.
func (v rules) Script(b []byte) string { return v.held(v.site.policy.ServicesIn(text(b))) }

// Named returns what holds an element whose author says what it belongs to.
func (v rules) Named(ids []byte) string {
	var list []*policy.Service
	for id := range strings.FieldsSeq(string(ids)) {
		if s := v.site.policy.Service(id); s != nil {
			list = append(list, s)
		} else if k := v.site.policy.Category(id); k != nil && v.shown.Category(k) {
			return ""
		}
	}
	return v.held(list)
}

// Placeholder returns the address of the page in a frame's place, and a name that nobody can
// read the decision from: another origin that is shown in the frame is told it.
func (v rules) Placeholder(services string, address []byte) (page, name string) {
	name = v.frameName(address)
	if v.site.parts.Notice == nil {
		return "", name
	}
	lang := v.answer.page.lang
	if lang == "" && v.site.same {
		lang = v.site.policy.Default()
	}
	at := v.site.parts.Notice.Placeholder(v.r.Request, services, string(address), lang)
	if strings.HasPrefix(at, "/") && !v.site.same { // in full: a page can have a <base> elsewhere
		at = v.origin() + at
	}
	return at, name
}

// frameName is of a page, a decision and a frame's address; where pages are for everybody, of
// the page alone.
func (v rules) frameName(address []byte) string {
	if v.site.same {
		return strconv.FormatUint(uint64(fnvBegin.string(v.r.URL.EscapedPath()).string(text(address))), 36)
	}
	var h maphash.Hash
	h.SetSeed(v.site.plans.seed)
	s := v.planStamp()
	h.Write(s[:])    //nolint:errcheck // it takes all
	h.Write(address) //nolint:errcheck
	return strconv.FormatUint(h.Sum64(), 36)
}

// Insert returns what a document begins with.
func (v rules) Insert(lang string) (head, body []byte) {
	v.answer.page.lang = lang
	if v.site.same {
		head = v.site.parts.Notice.Tag(lang)
		v.inserts(head, nil)
		return head, nil
	}
	head, body = v.site.parts.Notice.Insert(v.r.Request, lang, &v.View, v.site.sealed())
	if v.framed() {
		body = nil
	}
	v.inserts(head, body)
	return head, body
}

// Based returns what comes first in a body with its addresses in full. What opens the preference
// centre is known by its address otherwise.
func (v rules) Based(body []byte) []byte {
	if len(body) == 0 {
		return body
	}
	own := v.site.prefix + "/"
	at := template.HTMLEscapeString(v.origin() + own)
	body = bytes.ReplaceAll(body, []byte(` href="`+own+`?`), []byte(` data-temoin-open href="`+at+`?`))
	body = bytes.ReplaceAll(body, []byte(`="`+own), []byte(`="`+at))
	if r := v.answer.page.recorder; r != nil {
		r.body, r.based = body, true
	}
	return body
}

// inserts tells a plan that is made what is inserted.
func (v *visit) inserts(head, body []byte) {
	if r := v.answer.page.recorder; r != nil {
		r.head, r.body = head, body
	}
}

// Held counts.
func (v rules) Held(element, attribute, services string, host []byte) {
	e := Event{What: Neutralised, Name: strings.TrimSpace(element + " " + attribute), Services: services, Host: string(host)}
	v.site.count(e)
	if p := v.answer.page; p != nil && p.recorder != nil { // else it is a header's
		p.recorder.told = append(p.recorder.told, e)
	}
}

// text is bytes as a string, for functions that do not keep it.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
