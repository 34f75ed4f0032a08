package markup

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// sayings are values of each kind, held and free.
var sayings = map[kind]struct{ held, free string }{
	address:    {"https://ads.example/x", "https://free.example/x"},
	addressed:  {"/own https://ads.example/x", "/own https://free.example/x"},
	candidates: {"/own 1x, https://ads.example/x 2x", "/own 1x, https://free.example/x 2x"},
	sheet:      {"a:url(https://ads.example/x)", "a:url(https://free.example/x)"},
	refresh:    {"0; url=https://ads.example/x", "0; url=https://free.example/x"},
	page:       {"&lt;img src=https://ads.example/x&gt;", "&lt;img src=https://free.example/x&gt;"},
	animation:  {"/own;https://ads.example/x", "/own;https://free.example/x"},
}

// conditions are what an element needs to load.
var conditions = map[element]string{elLink: " rel=stylesheet", elMeta: " http-equiv=refresh"}

func TestEachRowOfTheTableIsHeldAndWhatIsFreeIsNot(t *testing.T) {
	t.Parallel()
	tried := map[kind]bool{}
	try := func(r row, before string) {
		name := elementNames[r.element]
		if r.element == anyElement {
			name = "q"
		}
		tag := func(value string) string {
			return fmt.Sprintf(`%s<%s%s id=i %s="%s">`, before, name, conditions[r.element], attributeNames[r.attribute], value)
		}
		say, tried1 := sayings[r.kind], true
		tried[r.kind] = tried1
		for _, in := range []string{tag(say.free), strings.ToUpper(tag("/x"))} {
			if out := inert(t, in); out != in {
				t.Errorf("free: %s\nis    %s", in, out)
			}
		}
		for _, in := range []string{tag(say.held), strings.ToUpper(tag(say.held))} {
			rules := &testRules{}
			out := rewrite(t, in, 0, Options{Mode: Fragment}, rules)
			kept := keptPrefix + attributeNames[r.attribute] + `="`
			if r.element == elLink {
				kept = keptPrefix + "rel="
			}
			if !strings.Contains(strings.ToLower(out), kept) || !strings.Contains(out, ` data-temoin="ads"`) {
				t.Errorf("held: %s\nis    %s", in, out)
			}
			want := fmt.Sprintf("%s %s ads ads.example", elementNames[r.element], attributeNames[r.attribute])
			if r.element == anyElement {
				want = strings.TrimPrefix(want, "q")
			}
			if !slices.Contains(rules.held, want) {
				t.Errorf("held: %s\ntold  %q, not %q", in, rules.held, want)
			}
		}
	}
	for _, r := range table {
		try(r, "")
	}
	for _, r := range foreign {
		try(r, "<svg><g>")
	}
	for k := range sayings {
		if !tried[k] {
			t.Errorf("no row is of kind %d", k)
		}
	}
}

func TestNavigationIsFree(t *testing.T) {
	t.Parallel()
	const to = `https://ads.example/x`
	for _, in := range []string{
		`<a href=` + to + `>x</a>`, `<area href=` + to + `>`, `<form action=` + to + `></form>`, `<button formaction=` + to + `>`, `<svg><a href=` + to + ` xlink:href=` + to + `>x</a></svg>`,
		`<link rel=canonical href=` + to + `>`, `<link rel="alternate me" href=` + to + `>`, `<link href=` + to + `>`, `<meta property=og:image content=` + to + `>`, `<blockquote cite=` + to + `>`,
		`<div data-src=` + to + ` href=` + to + ` src=` + to + `>`, `<script type=application/ld+json src=` + to + `></script>`, `<script type=application/json>adsSnippet()</script>`,
		`<img alt="` + to + `">`, `<p>` + to + `</p>`, `<!-- <img src=` + to + `> -->`, `<textarea><img src=` + to + `></textarea>`, `<title><img src=` + to + `></title>`,
		`<script>x = '<img src="` + to + `">'</script>`, `<style type=text/x>@import "` + to + `"</style>`, `<iframe src="data:text/html,<img src=` + to + `>"></iframe>`, `<iframe><img src=` + to + `></iframe>`,
		`<iframe src="javascript:'` + to + `'"></iframe>`, `<img src=x src=` + to + `>`, `<img src="" src=` + to + `>`, `<img src="blob:` + to + `">`, `<xmp><img src=` + to + `></xmp>`,
		`<plaintext><img src=` + to + `>`, `<noframes><img src=` + to + `></noframes>`,
	} {
		if out := inert(t, in); out != in {
			t.Errorf("%s\nis %s", in, out)
		}
	}
}

func TestEachRelThatLoadsIsHeld(t *testing.T) {
	t.Parallel()
	for _, rel := range loadingRels {
		for _, in := range []string{rel, "x " + rel, strings.ToUpper(rel) + "\ty"} {
			in = `<link rel="` + in + `" href=//ads.example/>`
			want := strings.Replace(in, " rel=", ` data-temoin="ads" rel="text/plain" data-temoin-rel=`, 1)
			if out := inert(t, in); out != want {
				t.Errorf("%s\nis %s", in, out)
			}
			header := fmt.Sprintf("<//ads.example/>; rel=%q", strings.ReplaceAll(rel, "\t", " "))
			if got := Link([]string{header}, "https://www.example.com/", false, &testRules{}); len(got) != 0 {
				t.Errorf("%s stays: %q", header, got)
			}
		}
	}
}

func TestEachTypeThatRunsIsHeld(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{
		"", " ", "module", "MODULE", "text/javascript", "Text/JavaScript", " application/javascript ", "application/ecmascript", "text/jscript", "text/livescript", "text/partytown", "rocketlazyloadscript",
		"text/javascript1.5", "text&#47;javascript", "application/x-javascript",
	} {
		in := `<script type="` + kind + `" src=//ads.example/></script>`
		want := strings.NewReplacer("script type", `script data-temoin="ads" type="text/plain" data-temoin-type`, " src", " data-temoin-src").Replace(in)
		if out := inert(t, in); out != want {
			t.Errorf("%s\nis %s", in, out)
		}
	}
}

func TestNamesAreFoundInAnyCaseAndNoOthers(t *testing.T) {
	t.Parallel()
	for _, l := range []struct {
		lexicon *lexicon
		names   []string
	}{{elementLexicon, elementNames[:]}, {attributeLexicon, attributeNames[:]}} {
		for id, name := range l.names {
			for _, in := range []string{name, strings.ToUpper(name), name + "........"} {
				if got := l.lexicon.find([]byte(in), 0, len(name)); int(got) != id {
					t.Errorf("%s is %d, not %d", in, got, id)
				}
			}
			for _, in := range []string{name + "x", "x" + name, strings.ReplaceAll(name, "a", "\x01")} {
				if got := l.lexicon.find([]byte(in+"        "), 0, len(in)); got != 0 && in != name && !slices.Contains(l.names, in) {
					t.Errorf("%q is %d", in, got)
				}
			}
		}
	}
}
