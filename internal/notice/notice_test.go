package notice

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/andybalholm/brotli"
	"golang.org/x/net/html"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/policy"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// site parses an example, with some of its text replaced: old and new in turn.
func site(t testing.TB, id string, replace ...string) *policy.Site {
	t.Helper()
	name, src, err := examples.Manifest(id, false)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, name, string(src), replace...)
}

func parse(t testing.TB, name, src string, replace ...string) *policy.Site {
	t.Helper()
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(src, replace[i]) {
			t.Fatalf("%s has no %q", name, replace[i])
		}
	}
	s, err := policy.Parse(name, []byte(strings.NewReplacer(replace...).Replace(src)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// look adds fields to a site's notice, or gives it one.
func look(t testing.TB, id, fields string) *policy.Site {
	t.Helper()
	name, src, err := examples.Manifest(id, false)
	if err != nil {
		t.Fatal(err)
	}
	text := string(src)
	if strings.Contains(text, "\nnotice:\n") {
		return parse(t, name, strings.Replace(text, "\nnotice:\n", "\nnotice:\n  "+strings.ReplaceAll(fields, "\n", "\n  ")+"\n", 1))
	}
	return parse(t, name, text+"\nnotice:\n  "+strings.ReplaceAll(fields, "\n", "\n  ")+"\n")
}

func compile(t testing.TB, s *policy.Site, earlier ...*policy.Site) *Notice {
	t.Helper()
	n, err := Compile(s, Options{Earlier: earlier})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// choose makes a choice that allows what is named.
func choose(t testing.TB, s *policy.Site, allow ...string) *consent.Choice {
	t.Helper()
	id, err := consent.NewID(noon, bytes.NewReader(make([]byte, 16)))
	if err != nil {
		t.Fatal(err)
	}
	return consent.Choose(s, id, noon, func(name string) bool {
		for _, a := range allow {
			if a == name {
				return true
			}
		}
		return false
	})
}

func decide(s *policy.Site, c *consent.Choice, signals consent.Signals) consent.Decision {
	return consent.Decide(s, c, signals, noon.Add(time.Hour))
}

// packed is how much brotli makes of some bytes.
func packed(t testing.TB, b []byte) int {
	t.Helper()
	var out bytes.Buffer
	w := brotli.NewWriterLevel(&out, brotli.BestCompression)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Len()
}

// What stands in a page before anything was chosen, without its scripts.
const maxMarkup = 2250

func TestTheFirstLayerIsSmall(t *testing.T) {
	for _, id := range examples.Sites {
		n := compile(t, site(t, id))
		for _, e := range n.editions {
			markup := bytes.Replace(e.first, n.chunks["notice"], nil, 1)
			size := packed(t, markup)
			t.Logf("%s/%s: %d bytes, %d packed", id, e.lang, len(markup), size)
			if size > maxMarkup {
				t.Errorf("%s/%s: the first layer takes %d bytes, more than %d", id, e.lang, size, maxMarkup)
			}
		}
	}
}

func TestAFirstLayerSaysItInNinetyWords(t *testing.T) {
	for _, id := range examples.Sites {
		s := site(t, id)
		n := compile(t, s)
		for _, e := range n.editions {
			doc := parseHTML(t, e.first)
			text := find(doc, "section", "notice")
			words := len(strings.FieldsFunc(textOf(find(text, "div", "text")), func(r rune) bool {
				return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !strings.ContainsRune("'’-.", r)
			}))
			if words > maxWords || words < 30 {
				t.Errorf("%s/%s: the first layer has %d words", id, e.lang, words)
			}
			all := textOf(text)
			for _, said := range append([]string{s.Controller.Name}, titlesOf(s, e.lang)...) {
				if !strings.Contains(all, said) {
					t.Errorf("%s/%s: the first layer does not say %q", id, e.lang, said)
				}
			}
		}
	}
}

func titlesOf(s *policy.Site, tag string) []string {
	var out []string
	for _, k := range asked(s) {
		out = append(out, k.Title.In(tag))
	}
	return out
}

func TestCanonicalBytesAreStableAndTheirHashStandsInWhatIsServed(t *testing.T) {
	s := site(t, "cexro")
	n, again := compile(t, s), compile(t, s)
	shown := n.Editions()
	seen := map[string]bool{}
	for i, v := range shown {
		if other := again.Editions()[i]; other.Variant != v.Variant || !bytes.Equal(other.Bytes, v.Bytes) {
			t.Errorf("%s in %s differs when it is made again", v.Variant, v.Language)
		}
		seen[v.Language+" "+v.Variant] = true
		if !bytes.Contains(v.Bytes, []byte(`name="notice" value="`+zeros+`"`)) && !strings.HasPrefix(v.Variant, Placeholder) {
			t.Errorf("%s in %s has no place for its hash", v.Variant, v.Language)
		}
	}
	for _, want := range []string{"fr notice", "ar notice", "fr centre", "ar centre", "fr placeholder:hotjar"} {
		if !seen[want] {
			t.Errorf("there is no %s", want)
		}
	}
	d := decide(s, nil, consent.Signals{})
	body := n.In("fr").Body(&d)
	sum := sha256.Sum256(shown[0].Bytes)
	hash := hex.EncodeToString(sum[:])
	if got := bytes.ReplaceAll(body, []byte(hash), []byte(zeros)); !bytes.Equal(got, shown[0].Bytes) || !bytes.Contains(body, []byte(hash)) {
		t.Error("what is served is not the canonical bytes with their hash in place of zeros")
	}
}

func TestWhereNothingIsAskedThereIsNoQuestionAndNoScript(t *testing.T) {
	s := site(t, "cexro")
	n := compile(t, s)
	d := decide(s, choose(t, s, "analytics"), consent.Signals{})
	body := string(n.In("fr").Body(&d))
	for _, not := range []string{"<section", "<dialog", "<form", "<script"} {
		if strings.Contains(body, not) {
			t.Errorf("there is a %s", not)
		}
	}
	for _, want := range []string{`part="open"`, `part="saved"`, `part="status"`, "Paramétrer vos cookies"} {
		if !strings.Contains(body, want) {
			t.Errorf("there is no %s", want)
		}
	}
	own := site(t, "cexro", "where: button", "where: link\n      path: /cookies")
	if body := string(compile(t, own).In("fr").quietBody()); strings.Contains(body, `part="open"`) {
		t.Error("there is a button though the site has a link of its own")
	}
}

func (e *Edition) quietBody() []byte { return e.quiet }

func TestWhatChangedIsAskedAboutAloneAndSaid(t *testing.T) {
	old := site(t, "cexro")
	name, src, _ := examples.Manifest("cexro", false)
	now, err := policy.Parse(name, []byte(strings.Replace(string(src), "      fr: Afficher une fenêtre de discussion", "      fr: Vous suivre et afficher une fenêtre de discussion", 1)), old)
	if err != nil {
		t.Fatal(err)
	}
	n := compile(t, now, old)
	d := decide(now, choose(t, old, "analytics", "support"), consent.Signals{})
	if d.Notice != consent.AgainNotice {
		t.Fatal("nobody is asked again")
	}
	body := n.In("fr").Body(&d)
	doc := parseHTML(t, body)
	if text := textOf(find(doc, "section", "notice")); !strings.Contains(text, "Chat de support") || strings.Contains(text, "Cookies d'analyse") {
		t.Errorf("it asks about something else: %s", text)
	}
	for part, want := range map[string]string{
		"the categories": `name="asked" value="support"`,
		"the switch":     `name="allow" value="support"`,
		"the change":     "<br>",
	} {
		if !bytes.Contains(body, []byte(want)) {
			t.Errorf("%s: there is no %s", part, want)
		}
	}
	var variants []string
	for _, v := range n.Editions() {
		if v.Language == "fr" && strings.HasPrefix(v.Variant, Again) {
			variants = append(variants, v.Variant)
		}
	}
	if !slices.Equal(variants, []string{"again:support"}) {
		t.Errorf("the variants are %v", variants)
	}
}

func TestEverySetThatVersionsCanLeaveIsThere(t *testing.T) {
	first := site(t, "cexro")
	three := "\n    revision: 1\n"
	a := site(t, "cexro", "\n    needs: consent\n    accepted:\n      fr: Vos visites", "\n    needs: consent"+three+"    accepted:\n      fr: Vos visites")
	sets := againSets(a, []*policy.Site{first})
	if len(sets) != 1 || len(sets[0]) != 1 || sets[0][0].ID != "analytics" {
		t.Errorf("the sets are %v", sets)
	}
}

func TestASignalThatRefusesSomeOfItIsSaid(t *testing.T) {
	name, src, _ := examples.Manifest("cexro", false)
	text := strings.Replace(string(src), "  support:\n    title:", "  support:\n    advertising: true\n    title:", 1)
	s := parse(t, name, text)
	n := compile(t, s)
	d := decide(s, nil, consent.Signals{GPC: true})
	section := find(parseHTML(t, n.In("fr").Body(&d)), "section", "notice")
	said := textOf(section)
	if !strings.Contains(said, "Global Privacy Control") {
		t.Errorf("the signal is not said: %s", said)
	}
	if plain := decide(s, nil, consent.Signals{}); bytes.Equal(n.In("fr").Body(&plain), n.In("fr").Body(&d)) {
		t.Error("it is the same with and without the signal")
	}
}

// parseHTML parses a fragment of a body.
func parseHTML(t testing.TB, b []byte) *html.Node {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// find returns the first element with a name and a part.
func find(n *html.Node, name, part string) *html.Node {
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && d.Data == name && slices.ContainsFunc(d.Attr, func(a html.Attribute) bool { return a.Key == "part" && slices.Contains(strings.Fields(a.Val), part) }) {
			return d
		}
	}
	return nil
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		} else if d.Type == html.ElementNode && !slices.Contains([]string{"b", "bdi", "span", "a"}, d.Data) {
			b.WriteString(" ")
		}
	}
	return b.String()
}
