package notice

import (
	"net/http"
	"strings"

	"golang.org/x/text/language"
)

// Language returns the language in which a page's visitor is shown the notice: that
// of the page (its lang attribute, "" where it is not known), else that of the
// site's locale cookie, else the one that suits the browser best, else the default.
func (n *Notice) Language(r *http.Request, page string) string {
	if tag, ok := n.has(page); ok {
		return tag
	}
	if name := n.site.Notice.LocaleCookie; name != "" {
		if c, err := r.Cookie(name); err == nil {
			if tag, ok := n.has(c.Value); ok {
				return tag
			}
		}
	}
	_, i := language.MatchStrings(n.matcher, r.Header.Get("Accept-Language"))
	return n.site.Langs[i]
}

// asked is Language where ?lang= comes first.
func (n *Notice) asked(r *http.Request) string {
	if tag, ok := n.has(r.URL.Query().Get("lang")); ok {
		return tag
	}
	return n.Language(r, "")
}

// has finds the site's language that a tag begins with: "fr" for "fr-CA" and "fr_FR.UTF-8".
func (n *Notice) has(tag string) (string, bool) {
	tag = strings.ToLower(strings.Trim(tag, `"' `))
	base := tag
	if i := strings.IndexFunc(tag, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }); i >= 0 {
		base = tag[:i]
	}
	for _, known := range []string{tag, base} {
		for _, l := range n.site.Langs {
			if l == known {
				return l, true
			}
		}
	}
	return "", false
}

func newMatcher(langs []string) language.Matcher {
	tags := make([]language.Tag, len(langs))
	for i, l := range langs {
		tags[i] = language.Make(l)
	}
	return language.NewMatcher(tags)
}
