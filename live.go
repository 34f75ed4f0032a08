package temoin

import (
	"context"
	"html/template"
	"net/http"

	"github.com/temoin/temoin/internal/app"
)

// Publish lists another manifest of the site as a version, and brings it into force unless
// it was before: visitors are asked again about what it changes for them. It reports
// whether it is in force now. A manifest that cannot be served is an error and changes
// nothing.
func (s *Server) Publish(ctx context.Context, file string, manifest []byte) (inForce bool, err error) {
	return s.node.Publish(ctx, s.id, app.SiteConfig{File: file, Manifest: manifest})
}

// Preferences returns the preference centre as a part of a page of your own, such as the
// one of an account: what the visitor of the request allows now, switches, the receipt, and
// forms that lead back to that page. It needs no script. Lang is the language of the page,
// and the request must have come through the gate, which keeps the page for this visitor
// alone: so it must be called before the page's header is written.
func (s *Server) Preferences(r *http.Request, lang string) (template.HTML, error) {
	b, err := s.node.Preferences(s.id, r, lang)
	return template.HTML(b), err //nolint:gosec // made of the manifest by escaping templates
}
