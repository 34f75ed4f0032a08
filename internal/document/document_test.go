package document

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/internal/lang"
	"github.com/temoin/temoin/internal/wording"
	"github.com/temoin/temoin/policy"
)

func site(t testing.TB, id string, asPublished bool) *policy.Site {
	t.Helper()
	name, src, err := examples.Manifest(id, asPublished)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, name, string(src))
}

func parse(t testing.TB, name, src string) *policy.Site {
	t.Helper()
	s, err := policy.Parse(name, []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func build(t testing.TB, s *policy.Site, tag string) *Document {
	t.Helper()
	d, err := Build(s, Options{Lang: tag})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// small is the least that a manifest must say.
const small = `temoin: 1
site: small
name: Small
url: https://small.example
languages: [en]
categories:
  needed: {exempt: true}
`

// ids are those of the sections of a document.
func ids(d *Document) []string {
	var out []string
	for _, s := range d.Sections {
		out = append(out, s.ID)
	}
	return out
}

func TestASectionWithoutContentDoesNotExist(t *testing.T) {
	t.Parallel()
	got := ids(build(t, parse(t, "small.yaml", small), "en"))
	for _, id := range []string{"services", "transfers", "audience", "promises", "minors", "app", "contact", "complaint", "law", "hosting", "links", "opt-out", "similar-technologies"} {
		if slices.Contains(got, id) {
			t.Errorf("section %s has nothing to say and stands in the page", id)
		}
	}
	for _, id := range []string{"definition", "categories", "choose", "browsers", "retention", "consent-system", "rights"} {
		if !slices.Contains(got, id) {
			t.Errorf("section %s is missing: %v", id, got)
		}
	}
	for _, id := range examples.Sites {
		for _, asPublished := range []bool{false, true} {
			for _, s := range build(t, site(t, id, asPublished), "fr").Sections {
				if len(s.Blocks) == 0 || s.Title.IsZero() {
					t.Errorf("%s: section %s is empty", id, s.ID)
				}
			}
		}
	}
}

func TestABareSectionHoldsTheOperatorsWordsAlone(t *testing.T) {
	t.Parallel()
	src := small + "page:\n  sections:\n    rights: {bare: true, intro: {en: 'You have rights.'}}\n    browsers: {bare: true}\n"
	d := build(t, parse(t, "small.yaml", src), "en")
	if slices.Contains(ids(d), "browsers") {
		t.Error("a bare section without words stands in the page")
	}
	for _, s := range d.Sections {
		if s.ID == "rights" && len(s.Blocks) != 1 {
			t.Errorf("%d blocks", len(s.Blocks))
		}
	}
}

func TestTheOperatorsIntroductionTakesThePlaceOfTemoins(t *testing.T) {
	t.Parallel()
	own := build(t, parse(t, "small.yaml", small+"page: {sections: {rights: {intro: {en: 'These are yours.'}}}}\n"), "en")
	text := string(own.Markdown())
	if strings.Contains(text, "Over the data kept about you") || !strings.Contains(text, "These are yours.") || !strings.Contains(text, "Erasure") {
		t.Error(text)
	}
}

func TestTheSamePolicyIsTheSameBytes(t *testing.T) {
	t.Parallel()
	for _, id := range examples.Sites {
		for _, tag := range lang.Tags() {
			one, two := build(t, site(t, id, false), tag), build(t, site(t, id, false), tag)
			if !bytes.Equal(one.HTML(Page{}), two.HTML(Page{})) || !bytes.Equal(one.Markdown(), two.Markdown()) {
				t.Errorf("%s in %s differs from itself", id, tag)
			}
		}
	}
}

func TestAnUnknownLanguageIsRefusedWithTheKnownOnes(t *testing.T) {
	t.Parallel()
	_, err := Build(parse(t, "small.yaml", small), Options{Lang: "tlh"})
	if err == nil || !strings.Contains(err.Error(), `"tlh"`) || !strings.Contains(err.Error(), "ar, de, en") {
		t.Errorf("%v", err)
	}
}

func TestNumbersAreInTheDigitsOfTheScriptWhereTheManifestSaysSo(t *testing.T) {
	t.Parallel()
	_, src, _ := examples.Manifest("cexro", false)
	native := parse(t, "site.yaml", strings.Replace(string(src), "page:\n", "page:\n  native_digits: true\n", 1))
	if text := string(build(t, native, "ar").Markdown()); !strings.Contains(text, "١٣ شهرًا") || !strings.Contains(text, "١٥ يناير ٢٠٢٥") {
		t.Error("no Arabic digits")
	}
	if text := string(build(t, native, "fr").Markdown()); !strings.Contains(text, "13 mois") {
		t.Error("French has digits of its own")
	}
}

func TestALayoutHoldsThePolicyWhereItSays(t *testing.T) {
	t.Parallel()
	l, err := ParseLayout(`<html lang="temoin:lang" dir="temoin:dir"><head><!-- temoin:head --></head><body><p>before</p><!-- temoin:policy --><p>after</p></body></html>`)
	if err != nil {
		t.Fatal(err)
	}
	page := string(build(t, site(t, "cexro", false), "ar").HTML(Page{Layout: l, Style: ".x{} </style><script>alert(1)</script>"}))
	for _, want := range []string{`<html lang="ar" dir="rtl">`, "<title>سياسة ملفات تعريف الارتباط</title>", "<p>before</p><article", "</article>\n<p>after</p>", `.x{} <\/style>`} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q", want)
		}
	}
	for src, want := range map[string]string{
		"<p>":                      "no place for the policy",
		policyMark + policyMark:    "2 places for the policy",
		strings.Repeat("x", 2<<20): "longer than",
	} {
		if _, err := ParseLayout(src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v", src, err)
		}
	}
}

func TestAPDFIsPrintedByChromium(t *testing.T) {
	t.Parallel()
	if _, err := findBrowser(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	pdf, err := build(t, site(t, "cexro", false), "ar").PDF(t.Context(), Page{})
	if err != nil {
		t.Fatal(err)
	}
	// Tagged, so that a screen reader finds headings and tables.
	if !bytes.Contains(pdf, []byte("https://cexro.com/confidentialite")) || bytes.Contains(pdf, []byte("file:///")) {
		t.Error("a link to the site leads elsewhere")
	}
	if !bytes.HasPrefix(pdf, []byte("%PDF-")) || !bytes.Contains(pdf, []byte("/MarkInfo")) || len(pdf) < 20_000 {
		t.Errorf("%d bytes: %.40q", len(pdf), pdf)
	}
}

func TestWithoutAChromiumThePDFSaysWhatToDo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("TEMOIN_CHROMIUM", "")
	if _, err := build(t, parse(t, "small.yaml", small), "en").PDF(t.Context(), Page{}); !errors.Is(err, ErrNoBrowser) {
		t.Errorf("%v", err)
	}
	t.Setenv("TEMOIN_CHROMIUM", "/nowhere/chromium")
	if _, err := build(t, parse(t, "small.yaml", small), "en").PDF(t.Context(), Page{}); err == nil || !strings.Contains(err.Error(), "/nowhere/chromium") {
		t.Errorf("%v", err)
	}
}

// BenchmarkPage builds and writes the largest of the example pages.
func BenchmarkPage(b *testing.B) {
	for _, id := range examples.Sites {
		s := site(b, id, false)
		b.Run(id, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				build(b, s, s.Default()).HTML(Page{})
			}
		})
	}
}

func TestWhatIsOnlyAttestedIsNeverShownAsProven(t *testing.T) {
	t.Parallel()
	for _, tag := range lang.Tags() {
		l, _ := lang.Find(tag)
		warning := l.Say("promises.attested")
		for _, id := range examples.Sites {
			s := site(t, id, false)
			d := build(t, s, tag)
			words, _ := wording.For(s, tag)
			at := slices.IndexFunc(d.Sections, func(s *Section) bool { return s.ID == "promises" })
			if at < 0 {
				t.Fatalf("%s has no promises", id)
			}
			heading := ""
			said := map[string]string{} // a promise → the line that it stands under
			for _, b := range d.Sections[at].Blocks {
				switch b := b.(type) {
				case Paragraph:
					heading = b.Line.String()
				case List:
					for _, item := range b.Items {
						said[item.String()] = heading
					}
				case Terms:
					for _, term := range b.Items {
						said[term.Name.String()] = heading
					}
				}
			}
			for _, p := range s.Promises {
				line := words.Promise(p).String()
				if heading, ok := said[line]; p.Kind == policy.Attested && (!ok || heading != warning) {
					t.Errorf("%s in %s: %q stands under %q", id, tag, line, heading)
				}
			}
		}
	}
}
