package markup

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// testRules hold ads.example and below as "ads", video.example and below as "video",
// shared.example/held/ as "shared" or "other", inline scripts that say adsSnippet, and what is
// named "ads".
type testRules struct {
	held []string
	head string
	body string
	lang string
}

func (r *testRules) Address(host, path []byte) string {
	switch h := string(host); {
	case h == "ads.example", strings.HasSuffix(h, ".ads.example"):
		return "ads"
	case h == "video.example", strings.HasSuffix(h, ".video.example"):
		return "video"
	case h == "shared.example" && bytes.HasPrefix(path, []byte("/held/")):
		return "shared other"
	case h == "www.example.com" && bytes.HasPrefix(path, []byte("/stats/")):
		return "stats"
	}
	return ""
}

func (r *testRules) Script(text []byte) string {
	if bytes.Contains(text, []byte("adsSnippet")) {
		return "ads"
	}
	return ""
}

func (r *testRules) Named(ids []byte) string {
	for _, id := range strings.Fields(string(ids)) {
		if id == "allowed" {
			return ""
		}
	}
	return string(ids)
}

func (r *testRules) Placeholder(services string, address []byte) (page, name string) {
	return "/.temoin/placeholder/" + services + "?src=" + string(address), "x"
}

func (r *testRules) Insert(lang string) (head, body []byte) {
	r.lang += "[" + lang + "]"
	return []byte(r.head), []byte(r.body)
}

func (r *testRules) Based(body []byte) []byte { return body }

func (r *testRules) Held(element, attribute, services string, host []byte) {
	r.held = append(r.held, fmt.Sprintf("%s %s %s %s", element, attribute, services, host))
}

// rewrite returns what a Writer makes of a page that comes in pieces of a size, 0 for one.
func rewrite(t testing.TB, in string, piece int, o Options, rules *testRules) string {
	t.Helper()
	var out strings.Builder
	w := NewWriter(&out, rules, o)
	rewriteWith(t, w, in, piece)
	return out.String()
}

func rewriteWith(t testing.TB, w *Writer, in string, piece int) {
	t.Helper()
	if piece == 0 {
		piece = max(len(in), 1)
	}
	for rest := []byte(in); len(rest) > 0; {
		n := min(piece, len(rest))
		part := bytes.Clone(rest[:n])
		if wrote, err := w.Write(part); wrote != n || err != nil {
			t.Fatal(wrote, err)
		}
		clear(part) // nothing of it may be kept
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// inert is rewrite of a fragment in one piece.
func inert(t testing.TB, in string) string {
	return rewrite(t, in, 0, Options{Mode: Fragment, URL: "https://www.example.com/page/"}, &testRules{})
}
