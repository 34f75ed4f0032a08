package markup

import (
	"bytes"
	"io"
)

// Rules say what is held. Their methods must not keep their arguments.
type Rules interface {
	// Address returns the ids of the services that hold what is at a host and path, with
	// blanks between, "" where it is free. The host is in small letters and ASCII, as a URL
	// parser returns it, without a port or a trailing dot; the path begins with "/" and ends
	// before the query.
	Address(host, path []byte) string
	// Script returns the same for an inline script, by the first 16 kB of its text.
	Script(text []byte) string
	// Named returns those of the services that the author of the page has named
	// (data-temoin="a b"): all of them, or "" if any of them is allowed.
	Named(ids []byte) string
	// Placeholder returns the address of the page that stands in the place of a frame, "" for
	// none, and what the name of the frame begins with while it is held: letters and digits, not
	// the same for different pages and decisions. The frame's own address is as complete as the
	// page's is known, and empty where the frame has a text (srcdoc) and no address.
	Placeholder(services string, address []byte) (page, name string)
	// Insert returns what comes first in the head and in the body of a document, by the lang of
	// its html element: "" if it says none. It is asked once for a document, and
	// the bytes must stay as they are until Close.
	Insert(lang string) (head, body []byte)
	// Based returns the body of Insert as it must be where a <base> before it says more than a path,
	// so that addresses without a host may lead elsewhere: for those who run no scripts, too.
	Based(body []byte) []byte
	// Held is told of everything that is made inert, or would be: the names of element and
	// attribute in small letters, the services and the first host. The element is "" if it is
	// none that the table names; the attribute is "" for the text of a style sheet or script. The
	// services are "" where an address does not end within its bound. An Observe Writer
	// may tell of something twice where ways of reading part.
	Held(element, attribute, services string, host []byte)
}

// A Mode says what a Writer does.
type Mode uint8

const (
	// Document makes inert and inserts.
	Document Mode = iota
	// Fragment makes inert.
	Fragment
	// Observe changes nothing, and tells of what would be made inert.
	Observe
)

// Options of a Writer.
type Options struct {
	Mode Mode
	// URL is the page's address, "" if it is not known.
	URL string
	// Own says that something may be held on the page's own host. Otherwise addresses
	// without a host are not looked at.
	Own bool
	// XML says that the page is XHTML, sent as XML: "<script/>" has an end there, and a name with a
	// prefix that was not declared is the end of the page.
	XML bool
}

// Bounds of what is kept of a page.
const (
	maxTag     = 16 << 10 // of a tag that is made inert as a whole
	maxAddress = 8 << 10  // of one address in a longer tag
	maxScript  = 16 << 10 // of an inline script that is known by its text
	maxSheet   = 64 << 10 // of a style sheet, srcset or srcdoc
	maxDepth   = 3        // of pages in a srcdoc
)

// A Writer rewrites what is written to it. It is used by one goroutine, for one page, and
// for the next after Reset.
type Writer struct {
	to      io.Writer
	rules   Rules
	options Options
	err     error

	at        locator
	based     bool   // the page's <base> has come
	full      bool   // the body has its addresses in full: see Rules.Based
	pending   []byte // what waits for more
	final     bool   // nothing more comes
	from      int    // of what is being read, passed as far as here
	state     state
	raw       element // whose text is read
	escape    escape  // of a script's text
	tag       tag
	stage     stage
	lang      []byte
	langText  string // lang, kept for the next page
	body      []byte // to be inserted
	trees     trees
	wary      wary
	inertText bool // of the tag that is read
	judged    judgedText
	nested    bool   // the tag that is read begins inside of that
	offset    int    // in all that was written, where what is being read begins
	frames    int    // that were given a name
	textEnd   int    // where the text behind it surely ends, 0 if that is not known
	host      []byte // of the first reference held in an attribute
	plainText []byte // without character references
	unescaped []byte
	rewritten []byte
	inner     *Writer // for srcdoc
	depth     int
	found     finding // all of the page, where it is an inner one
}

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer, rules Rules, options Options) *Writer {
	m := &Writer{}
	m.Reset(w, rules, options)
	return m
}

// Reset makes a Writer ready for another page. It keeps its buffers.
func (m *Writer) Reset(w io.Writer, rules Rules, options Options) {
	m.begin(w, rules, options)
	m.at.from(options.URL, options.Own)
}

func (m *Writer) begin(w io.Writer, rules Rules, options Options) {
	*m = Writer{
		to: w, rules: rules, options: options,
		at: m.at, pending: m.pending[:0], tag: tag{found: m.tag.found[:0]}, lang: m.lang[:0], langText: m.langText, trees: m.trees, wary: m.wary,
		host: m.host[:0], plainText: m.plainText[:0], unescaped: m.unescaped[:0], rewritten: m.rewritten[:0], inner: m.inner,
	}
	m.trees.reset()
	m.wary.reset()
	if options.Mode != Document {
		m.stage = inserted
	}
}

// examine reads a page that stands in a page: whether anything in it is held.
func (m *Writer) examine(outer *Writer, html []byte) {
	at := m.at
	m.begin(io.Discard, outer.rules, Options{Mode: Observe})
	m.at = outer.at
	m.at.decoded, m.at.hosts, m.at.paths = at.decoded, at.hosts, at.paths
	m.depth = outer.depth + 1
	m.Write(html) //nolint:errcheck // to nowhere
	m.Close()     //nolint:errcheck
}

// Write rewrites a piece of a page. What is passed on is all but what cannot be judged
// yet: the beginning of a tag, an inline script or style sheet. It keeps no part of p.
func (m *Writer) Write(p []byte) (int, error) {
	n := len(p)
	for len(m.pending) > 0 && len(p) > 0 {
		take := min(len(p), max(len(m.pending), 512))
		m.pending = append(m.pending, p[:take]...)
		read := m.read(m.pending)
		rest := len(m.pending) - read
		if rest > take { // it still begins before p
			m.pending = append(m.pending[:0], m.pending[read:]...)
			p = p[take:]
			continue
		}
		m.pending = m.pending[:0]
		p = p[take-rest:]
	}
	if len(p) > 0 {
		read := m.read(p)
		m.pending = append(m.pending, p[read:]...)
	}
	if m.err != nil {
		return 0, m.err
	}
	return n, nil
}

// Flush passes on what can be passed, and flushes what the Writer writes to, if it can.
func (m *Writer) Flush() error {
	if m.err != nil {
		return m.err
	}
	switch to := m.to.(type) {
	case interface{ FlushError() error }:
		m.err = to.FlushError()
	case interface{ Flush() error }:
		m.err = to.Flush()
	case interface{ Flush() }:
		to.Flush()
	}
	return m.err
}

// Close ends the page: what waited is passed, and what has not been inserted yet is.
// It does not close what the Writer writes to.
func (m *Writer) Close() error {
	m.final = true
	read := m.read(m.pending)
	m.insertAtEnd() // before a tag that has not ended, which browsers drop
	m.write(m.pending[read:])
	m.pending = m.pending[:0]
	m.wary.end(m)
	return m.err
}

// pass writes d as far as i, from where it was passed last.
func (m *Writer) pass(d []byte, i int) {
	if i > m.from {
		m.write(d[m.from:i])
		m.from = i
	}
}

func (m *Writer) write(b []byte) {
	if m.wary.on() {
		m.wary.read(m, b)
		return
	}
	m.writeThrough(b)
}

func (m *Writer) writeThrough(b []byte) {
	if m.err == nil && len(b) > 0 {
		_, m.err = m.to.Write(b)
	}
}

// report tells of an attribute that is made inert, or of text if it is 0.
func (m *Writer) report(e element, a attribute, f finding) {
	m.found = m.found.and(f)
	if m.depth == 0 {
		m.rules.Held(elementNames[e], attributeNames[a], f.services, m.host)
		m.host = m.host[:0]
	}
}

// BeginsDocument reports whether HTML begins as a document does: with a doctype or an html
// element, behind white space and comments. It is known once enough has come.
func BeginsDocument(prefix []byte) (yes, known bool) {
	b := bytes.TrimPrefix(prefix, byteOrderMark)
	for {
		b = b[skipBlank(b, 0):]
		switch {
		case begins(b, "<!--"):
			end := commentEnd(b, 0)
			if end < 0 {
				return false, false
			}
			b = b[end:]
		case begins(b, "<?"):
			end := bytes.IndexByte(b, '>')
			if end < 0 {
				return false, false
			}
			b = b[end+1:]
		case begins(b, "<!doctype"):
			return true, true
		case begins(b, "<html"):
			if len(b) == 5 {
				return false, false
			}
			return class[b[5]]&endsName != 0, true
		default:
			return false, !couldBegin(b)
		}
	}
}

// begins reports whether b begins with a prefix in small letters, in any case.
func begins(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && sameFold(b[:len(prefix)], prefix)
}

// couldBegin reports whether b is too short to tell.
func couldBegin(b []byte) bool {
	for _, s := range [...]string{"<!--", "<?", "<!doctype", "<html"} {
		if len(b) < len(s) && sameFold(b, s[:len(b)]) {
			return true
		}
	}
	return false
}
