package demo

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/temoin/temoin/internal/browsertest"
	"github.com/temoin/temoin/internal/lang"
	"github.com/temoin/temoin/internal/statements"
)

// A saying is a statement that the policy page keeps by saying something: its words in each
// language of the site, with "|" between, and those of the policy as it was published, in its
// language.
type saying struct {
	id        string
	words     map[string]string
	published string
}

// A deed is a test of what the running site does, for some statements.
type deed struct {
	ids, what string
	shown     func(t *testing.T, w *world)
}

// A stated site is one with all that its policy states.
type stated struct {
	site      string
	said      []saying
	gone      map[string][]string // words that the corrected page must not have, by language
	deeds     []deed
	elsewhere map[string]string // statements that no visit can show, and why
}

// test runs the site with its policy corrected and as it was published, and holds each
// statement against it. One that nothing is about fails the test.
func (s *stated) test(t *testing.T) {
	t.Parallel()
	all, err := statements.Load(s.site)
	if err != nil {
		t.Fatal(err)
	}
	for name, published := range map[string]bool{"corrected": false, "as published": true} {
		t.Run(name, func(t *testing.T) {
			w := start(t, options{published: published})
			treatment := map[string]string{}
			for _, one := range all {
				treatment[one.ID] = one.Treatment
			}
			left := maps.Clone(treatment)
			about := func(what string, ids ...string) string {
				var names []string
				for _, id := range ids {
					names = append(names, id+" "+treatment[id])
					delete(left, id)
				}
				return strings.Join(names, ", ") + ": " + what
			}
			s.testPage(t, w, about)
			for _, d := range s.deeds {
				ids := strings.Fields(d.ids)
				t.Run(about(d.what, ids...), func(t *testing.T) {
					statements.Fill(t, statements.Done, ids...)
					w.standin.Take()
					d.shown(t, w)
				})
			}
			for id := range left {
				if s.elsewhere[id] == "" {
					t.Errorf("nothing is about %s", id)
				}
			}
		})
	}
}

// testPage holds what the policy page says against what is stated.
func (s *stated) testPage(t *testing.T, w *world, about func(what string, ids ...string) string) {
	texts := w.policyTexts(t, s.site)
	for _, one := range s.said {
		t.Run(about("the page says it", one.id), func(t *testing.T) {
			statements.Fill(t, statements.Done, one.id)
			words := one.words
			if w.config.AsPublished {
				words = map[string]string{w.site(s.site).Default(): one.published}
			}
			for l, want := range words {
				says(t, texts[l], want)
			}
			if len(words) == 0 {
				t.Error("it is to say nothing")
			}
		})
	}
	for l, words := range s.gone {
		for _, word := range words {
			if !w.config.AsPublished && strings.Contains(strings.ToLower(texts[l]), strings.ToLower(word)) {
				t.Errorf("%s: the corrected page still says %q", l, word)
			}
		}
	}
}

// policyTexts reads the policy of a site in each of its languages, as a browser shows it,
// with the addresses that it leads to.
func (w *world) policyTexts(t *testing.T, site string) map[string]string {
	t.Helper()
	v := w.open(t, site, "/")
	texts := map[string]string{}
	for _, l := range w.site(site).Langs {
		v.to("/.temoin/policy?lang=" + l)
		found, _ := lang.Find(l)
		v.is("the direction of the policy in "+l, "document.documentElement.dir", `"`+string(found.Direction)+`"`)
		texts[l] = browsertest.Evaluate[string](v.Tab, `[document.body.innerText, ...[...document.links].map(a => a.href)].join(" ").replace(/\u2060/g, "").replace(/\s+/g, " ")`)
	}
	return texts
}

// says fails the test where a text lacks any of the words.
func says(t *testing.T, text, words string) {
	t.Helper()
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "’", "'")) }
	for want := range strings.SplitSeq(words, "|") {
		if !strings.Contains(plain(text), plain(want)) {
			t.Errorf("nothing says %q", want)
		}
	}
}

// inWords are sayings with the words that the table of statements has, and with those of the
// policy as it was published, in its language; where the table has a value only, both pages
// say it alike. Gone is what that table says must be gone.
func inWords(t *testing.T, site, language string, published map[string]string) (said []saying, gone map[string][]string) {
	t.Helper()
	all, err := statements.Load(site)
	if err != nil {
		t.Fatal(err)
	}
	gone = map[string][]string{}
	for _, s := range all {
		words, ok := published[s.ID]
		if !ok {
			continue
		}
		one := saying{s.ID, map[string]string{}, words}
		for _, h := range slices.DeleteFunc(slices.Clone(s.Holds), func(h statements.Words) bool { return h.Lang == "" }) {
			one.words[h.Lang] = strings.TrimPrefix(one.words[h.Lang]+"|"+h.Want, "|")
		}
		if len(one.words) == 0 && s.Treatment == "restate" {
			one.words[language] = words
		}
		said = append(said, one)
		for _, l := range s.Lacks {
			if l.Lang != "" {
				gone[l.Lang] = append(gone[l.Lang], l.Want)
			}
		}
	}
	return said, gone
}
