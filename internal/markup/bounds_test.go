package markup

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// long is filling of a size.
func long(n int) string { return strings.Repeat("x", n) }

func TestTagsThatAreTooLongAreHeldByNames(t *testing.T) {
	t.Parallel()
	fill := ` data-page="` + long(maxTag) + `"`
	for _, c := range []struct{ in, want string }{
		{`<div` + fill + ` id=a>x`, `<div` + fill + ` id=a>x`},
		{`<img` + fill + ` src="//ads.example/">x`, `<img` + fill + ` data-temoin-src="//ads.example/">x`},
		{`<img src=//ads.example/` + fill + ` alt='<img src=//ads.example/>'>x`, `<img data-temoin-src=//ads.example/` + fill + ` alt='<img src=//ads.example/>'>x`},
		{`<img src="data:image/png;base64,` + long(maxTag) + `" srcset="//ads.example/ 2x"><img src=//ads.example/>`, `<img src="data:image/png;base64,` + long(maxTag) + `" data-temoin-srcset="//ads.example/ 2x"><img data-temoin="ads" data-temoin-src=//ads.example/>`},
		{`<script` + fill + ` src=//ads.example/></script><p>`, `<script` + fill + ` data-temoin-src=//ads.example/></script><p>`},
		{`<script` + fill + `>"<img src=//ads.example/>"</script>`, `<script` + fill + `>"<img src=//ads.example/>"</script>`},
		{`<p style="` + long(maxTag) + `;a:url(//ads.example/)">`, `<p data-temoin-style="` + long(maxTag) + `;a:url(//ads.example/)">`},
		{`<` + long(maxTag) + ` style=a:url(//ads.example/)>x`, `<` + long(maxTag) + ` data-temoin-style=a:url(//ads.example/)>x`},
		{`</p` + fill + `><img src=x>`, `</p` + fill + `><img src=x>`},
		{`<noscript><p` + fill + ` title="</noscript><img src=//ads.example/>">`, `<noscript><p` + fill + ` title="</noscript><img data-temoin-src=//ads.example/>">`},
		// addresses that do not end
		{`<img src="//ads.example/` + long(maxTag) + `">`, `<img data-temoin-src="//ads.example/` + long(maxTag) + `">`},
		{`<img src="//free.example/` + long(maxTag) + `">`, `<img src="//free.example/` + long(maxTag) + `">`},
		{`<img src="/own/` + long(maxTag) + `">`, `<img src="/own/` + long(maxTag) + `">`},
		{`<img src="//` + long(maxTag) + `@ads.example/">`, `<img data-temoin-src="//` + long(maxTag) + `@ads.example/">`},
		{`<img src="` + strings.Repeat(" ", maxTag) + `//ads.example/">`, `<img data-temoin-src="` + strings.Repeat(" ", maxTag) + `//ads.example/">`},
		{`<img srcset="data:` + long(maxSheet) + ` 1x, //ads.example/ 2x">`, `<img data-temoin-srcset="data:` + long(maxSheet) + ` 1x, //ads.example/ 2x">`},
		{`<iframe srcdoc="` + long(maxSheet) + `<img src=//ads.example/>"></iframe>`, `<iframe data-temoin-srcdoc="` + long(maxSheet) + `<img src=//ads.example/>"></iframe>`},
	} {
		judgePage(t, fmt.Sprintf("%.60s", c.in), c.want)
		for _, piece := range []int{0, 1, 1000, 4096} {
			if out := rewrite(t, c.in, piece, Options{Mode: Fragment}, &testRules{}); out != c.want {
				t.Errorf("pieces of %d: %.60s … %s\nis   %.60s … %s", piece, c.in, c.in[len(c.in)-40:], out, out[max(0, len(out)-60):])
			}
		}
	}
}

func TestTextsAreJudgedByWhatIsKeptOfThem(t *testing.T) {
	t.Parallel()
	const held = ` data-temoin="ads" type="text/plain" data-temoin-type=""`
	for _, c := range []struct {
		in   string
		held bool
	}{
		{`<script>adsSnippet();` + long(maxScript) + `</script>`, true},
		{`<script>` + long(maxScript) + `adsSnippet()</script>`, false},
		{`<script>` + long(maxScript-20) + `adsSnippet()</script>`, true},
		{`<script>adsSnippet()`, true},
		{`<style>@import "//ads.example/";` + long(maxSheet) + `</style>`, true},
		{`<style>` + long(maxSheet) + `a{b:url(//ads.example/)}</style>`, false},
		{`<style>` + long(maxSheet-100) + `a{b:url(//ads.example/)}</style>`, true},
		{`<style>a{b:url(//ads.example/)}`, true},
	} {
		want := c.in
		if c.held {
			i := strings.IndexByte(c.in, '>')
			want = strings.Replace(c.in[:i]+held+c.in[i:], "@import", `@\69mport`, 1)
		}
		for _, piece := range []int{0, 1, 1000} {
			if out := rewrite(t, c.in, piece, Options{Mode: Fragment}, &testRules{}); out != want {
				t.Errorf("pieces of %d: %.40s … %s\nis   %.80s … %s", piece, c.in, c.in[len(c.in)-30:], out, out[max(0, len(out)-30):])
			}
		}
	}
}

// endless makes a page that never ends.
func endless(t *testing.T, begin, again string) {
	t.Helper()
	w := NewWriter(io.Discard, &testRules{}, Options{Mode: Fragment})
	part := []byte(strings.Repeat(again, 4096/len(again)))
	if _, err := io.WriteString(w, begin); err != nil {
		t.Fatal(err)
	}
	for range 150 {
		if _, err := w.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	kept := cap(w.pending) + cap(w.wary.buffer) + cap(w.at.decoded) + cap(w.plainText) + cap(w.unescaped) + cap(w.rewritten) + 64*cap(w.tag.found) + 64*cap(w.wary.tags) + 32*cap(w.trees.stack)
	if kept > 500<<10 {
		t.Errorf("%s%s…: %d kB are kept", begin, again, kept>>10)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestMemoryIsBoundedWhateverComes(t *testing.T) {
	t.Parallel()
	for _, begin := range []string{
		"", "<!--", "<!x", "<![CDATA[", "<svg><![CDATA[", "<p a=\"", "<p a='", "<p a=", "<p ", "<p", "</p ", "<img src=\"", "<img src=\"data:", "<img srcset=\"", "<p style=\"", "<iframe srcdoc=\"", "<script>", "<script><!--", "<script><!--<script>",
		"<style>", "<title>", "<plaintext>", "<noscript>", "<noscript><!--", "<noscript><p a=\"", "<svg>", "<svg></p>", "<svg></p><style>", "<svg></p><xmp><p>", "<noscript><!--</noscript>",
	} {
		for _, again := range []string{"x", "<", "<a \"<b '", "&", "a=", "<style>", "<img src=\""} {
			endless(t, begin, again)
		}
	}
}

func TestTimeGrowsWithThePage(t *testing.T) {
	if testing.Short() {
		t.Skip("measures")
	}
	// Each begins so many tags or texts within one another that whoever read
	// each of them to its end would not come to one.
	for _, again := range []string{"<a \"", "<a<", "<style ", "<style>", "<script>", "<svg><style>", "<img src=\"<img src='", "@import(", "<a b=<a ", "<!---->", "<svg>", "image-set("} {
		for _, begin := range []string{"<noscript><!--</noscript>", "<style>", "<script><!--", "<svg></p>", ""} {
			in := begin + strings.Repeat(again, 300_000/len(again))
			start := time.Now()
			rewrite(t, in, 4096, Options{Mode: Fragment}, &testRules{})
			if d := time.Since(start); d > 5*time.Second { // it takes some 10 ms
				t.Errorf("%s, and %s again and again: %v", begin, again, d)
			}
		}
	}
}
