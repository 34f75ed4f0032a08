package gate

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/temoin/temoin/internal/markup"
)

// ErrUnread is the fault of a page that cannot be read.
var ErrUnread = errors.New("it is in UTF-16, which cannot be rewritten: write it in UTF-8")

// Rewrite writes a page as it is served to everybody in the cacheable mode: what needs
// consent is inert, and a document has the tag first in its head, which releases it. The
// path is the page's on the site. It is for pages that are files. A page in UTF-16 is
// ErrUnread.
func (s *Site) Rewrite(w io.Writer, page []byte, path string) error {
	if isWide(page) {
		return ErrUnread
	}
	r := &http.Request{Method: http.MethodGet, Host: s.policy.Host, URL: &url.URL{Path: path}, Header: http.Header{}}
	same := *s
	same.same, same.observe = true, false
	v := &visit{r: read(r), site: &same, shown: s.neutral(path), answer: answer{page: &rewriting{}}}
	mode := markup.Fragment
	if yes, _ := markup.BeginsDocument(page); yes {
		mode = markup.Document
	}
	m := markup.NewWriter(w, rules{v}, markup.Options{Mode: mode, URL: s.policy.URL + path, Own: s.own})
	if _, err := io.Copy(onlyWriter{m}, bytes.NewReader(page)); err != nil {
		return err
	}
	return m.Close()
}
