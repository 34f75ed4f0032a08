package gate

import (
	"bufio"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/temoin/temoin/internal/markup"
)

// An answer is what becomes of what the site writes.
type answer struct {
	status int        // 0 until the site says one
	kind   []string   // its Content-Type, where another one was found
	found  bool       // one was
	sent   bool       // the header is on its way
	page   *rewriting // nil where it passes as it comes
}

// A rewriting is what becomes of a page. It is apart from the visit because most answers are
// none, and each has a visit.
type rewriting struct {
	lead    []byte // until it is known what to do with it
	lang    string // where it says one
	coding  coding
	sink    io.Writer // nil until it is known what to do with the page
	inflate *inflater
	markup  *markup.Writer
	press   compressor
	failed  error
	blind   bool  // it is only watched, and cannot be decoded
	missing int64 // of the length that the site says

	gather   *gathering // nil where the page is not waited for
	recorder *recorder  // while a plan is made
}

// Header returns the header of the answer. That of a page is the site's own, and is copied
// when it is complete: a page may be waited for (see gather), and what the site says in its
// header meanwhile comes too late, as it would without a gate.
func (v *visit) Header() http.Header {
	if v.header != nil {
		return v.header
	}
	return v.w.Header()
}

// writeHeader sends a header.
func (v *visit) writeHeader(h http.Header, status int) {
	if v.header != nil {
		to := v.w.Header()
		clear(to)
		maps.Copy(to, h)
	}
	v.w.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach what the gate leaves alone.
func (v *visit) Unwrap() http.ResponseWriter { return v.w }

// Hijack hands the connection over, as for WebSocket: the gate sees nothing of it then.
func (v *visit) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, b, err := http.NewResponseController(v.w).Hijack()
	v.answer.sent = v.answer.sent || err == nil // whatever is said now is said elsewhere
	return c, b, err
}

// WriteHeader keeps the header to the decision, and sends it as soon as it is known what
// the body is.
func (v *visit) WriteHeader(status int) {
	a := &v.answer
	switch {
	case a.sent && a.page != nil && a.page.gather != nil:
		// It comes too late, though the connection may not have heard of the page yet.
	case a.sent:
		v.w.WriteHeader(status) // which says that it comes too late
	case status >= 100 && status < 200 && status != http.StatusSwitchingProtocols:
		h := v.Header()
		if !v.site.observe {
			v.filterHeaders(h)
			if set := h["Set-Cookie"]; set != nil { // they are for the answer
				delete(h, "Set-Cookie")
				defer func() { h["Set-Cookie"] = set }()
			}
		}
		v.writeHeader(h, status)
	case a.status == 0:
		a.status = status
		if !v.mustSniff() {
			v.send()
		}
	}
}

func hasBody(method string, status int) bool {
	return method != http.MethodHead && status != http.StatusNoContent && status != http.StatusNotModified && status >= 200
}

// send keeps the header to the decision and sends it.
func (v *visit) send() {
	a, h := &v.answer, v.Header()
	a.sent = true
	v.subject(h)
	if !v.site.observe {
		v.filterHeaders(h)
	}
	switch {
	case a.status == http.StatusSwitchingProtocols:
	case v.isHTML(h):
		v.tellPage()
		v.sendPage(h)
	default:
		v.sealOther(h)
	}
	if v.personal {
		v.keepPersonal(h)
	}
	v.carried.Response(h) // which asks whether the answer is private
	if !v.site.observe {
		v.site.setAccount(h, &v.account, a.page != nil && (a.status < 300 || a.status >= 400) && v.tells())
	}
	v.unsniff(h)
	if a.page != nil && a.page.gather != nil {
		v.await(a.page.gather)
		return
	}
	v.writeHeader(h, a.status)
}

// sendPage prepares the header of a page.
func (v *visit) sendPage(h http.Header) {
	a := &v.answer
	coding, readable := codingOf(h)
	switch dest := v.r.dest; {
	case !v.site.holds && (v.site.parts.Notice == nil || dest != "" && dest != "document"):
		return // it is the same for everybody
	case !readable:
		v.unread("coding")
	case a.status == http.StatusPartialContent:
		v.unread("part")
	case strings.Contains(strings.ToLower(first(h, "Content-Type")), "utf-16"):
		v.unread("charset")
	default:
		a.page = &rewriting{coding: coding}
	}
	if v.site.observe {
		return
	}
	v.applySeal(h)
	if a.page == nil {
		return
	}
	if !v.site.same {
		private(h)
	}
	validate(h, v.stamp())
	if size, err := strconv.ParseInt(first(h, "Content-Length"), 10, 64); err == nil {
		a.page.missing = size
		v.gather(h, size)
	}
	for _, name := range []string{"Content-Length", "Accept-Ranges", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest"} {
		delete(h, name)
	}
}

// sealOther seals what has a policy of its own besides pages: workers, of which service
// workers outlive decisions, and what else is shown by itself, such as SVG and XML.
func (v *visit) sealOther(h http.Header) {
	switch dest := v.r.dest; {
	case v.site.observe:
	case dest == "serviceworker":
		v.site.seal.Apply(h, nil, v.r.Host)
	case v.r.page, dest == "worker", dest == "sharedworker":
		v.applySeal(h)
	}
}

// applySeal writes the policies of an answer.
func (v *visit) applySeal(h http.Header) {
	decision := v.shown
	if v.site.same || !v.site.sealed() {
		// Whatever anybody may allow: a page that is released after a yes, without being loaded
		// again, breaks no policy. What would be reported is what nobody has declared.
		decision = nil
	}
	if v.answer.page == nil {
		v.site.seal.ApplyUnread(h, decision, v.r.Host)
		return
	}
	v.site.seal.Apply(h, decision, v.r.Host)
}

func (v *visit) unread(why string) { v.site.count(Event{What: Unread, Name: why}) }

// Write takes a part of the body.
func (v *visit) Write(p []byte) (int, error) {
	a := &v.answer
	if !a.sent {
		if a.status == 0 {
			a.status = http.StatusOK
		}
		if v.mustSniff() {
			v.sniff(p)
		}
		v.send()
	}
	if a.page == nil || !hasBody(v.r.Method, a.status) {
		return v.w.Write(p)
	}
	return v.writePage(p)
}

// writePage takes a part of a page.
func (v *visit) writePage(p []byte) (int, error) {
	a := v.answer.page
	a.missing -= int64(len(p))
	if g := a.gather; g != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		if n, took, err := v.gathered(g, p); took {
			return n, err
		}
	}
	if a.failed == nil {
		a.failed = v.feed(p)
	}
	return len(p), a.failed
}

// ReadFrom lets bodies that are no pages go the shortest way, such as files.
func (v *visit) ReadFrom(src io.Reader) (int64, error) {
	a := &v.answer
	if !a.sent && a.status == 0 {
		if a.status = http.StatusOK; !v.mustSniff() {
			v.send()
		}
	}
	if to, ok := v.w.(io.ReaderFrom); ok && a.sent && a.page == nil {
		return to.ReadFrom(src)
	}
	return io.Copy(onlyWriter{v}, src)
}

// FlushError sends what there is.
func (v *visit) FlushError() error {
	a := &v.answer
	if !a.sent && a.status != 0 && v.mustSniff() {
		return nil // with the first byte
	}
	if !a.sent {
		v.WriteHeader(http.StatusOK)
		if !a.sent {
			return nil
		}
	}
	if a.page != nil {
		if err := v.flushPage(); err != nil {
			return err
		}
	}
	return http.NewResponseController(v.w).Flush()
}

// flushPage hands on what there is of a page.
func (v *visit) flushPage() error {
	a := v.answer.page
	if g := a.gather; g != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.open {
			if err := v.spill(g); err != nil {
				return err
			}
		}
	}
	if a.markup != nil {
		return a.markup.Flush()
	}
	return nil
}

// Flush is FlushError for those who do not ask.
func (v *visit) Flush() { v.FlushError() } //nolint:errcheck // http.Flusher knows no error
