package markup

import (
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// words are what pages of the generator are put together from: whatever changes how the rest is
// read, and references to what is held.
var words = []string{
	"<", ">", "/", "=", "\"", "'", " ", "\n", "\t", "-", "!", "a", "&", ";", "]]>", "-->", "--!>", "<!--", "<!-->", "<!--->", "<!doctype html>",
	"<![CDATA[", "<?x ", "</", "</>", "</ x>", "<!x ", "/>",
	"<p>", "</p>", "<div>", "</div>", "<div", "<b>", "</b>", "<br>", "</br>", "<a href=x>", "</a>", "<li>", "<font>", "<font color=x>",
	"<title>", "</title>", "<TITLE>", "</title", "<textarea>", "</textarea>", "<xmp>", "</xmp>", "<style>", "</style>", "<style/>", "</style",
	"<script>", "</script>", "<script/>", "</script", "<script", "<noscript>", "</noscript>", "</noscript", "<noframes>", "</noframes>",
	"<noembed>", "</noembed>", "<iframe>", "</iframe>", "<plaintext>", "<template>", "</template>", "<select>", "</select>", "<option>",
	"<svg>", "</svg>", "<svg/>", "<math>", "</math>", "<mi>", "</mi>", "<mtext>", "</mtext>", "<annotation-xml encoding=text/html>", "</annotation-xml>",
	"<foreignObject>", "</foreignObject>", "<desc>", "</desc>", "<g>", "</g>", "<path/>", "<mglyph>", "<table>", "</table>", "<tr>", "<td>", "</td>", "<col>",
	"<colgroup>", "<caption>", "<html>", "<head>", "</head>", "<body>", "</body>", "</html>", "<frameset>", "</frameset>", "<frame src=//ads.example/>",
	"<base href=/x/>", "<button>", "<form>", "<object>", "</object>", "<nobr>", "<table><svg>",
	"<img src=//ads.example/>", "<img src=\"//ads.example/\">", "<img src='//ads.example/'>", "<img alt=\"", "<img alt='", "<img alt=", "<img ",
	"<img/src=//ads.example/>", "<img srcset=\"x 1x,//ads.example/ 2x\">", "<iframe src=//video.example/x></iframe>", "<iframe srcdoc='<img src=//ads.example/>'>",
	"<iframe srcdoc=\"&lt;img src=//ads.example/&gt;\">", "<script src=//ads.example/></script>", "<script>adsSnippet()</script>",
	"<style>@import '//ads.example/';</style>", "<style>a{b:url(//ads.example/)}</style>", "<p style='a:url(//ads.example/)'>", "<link rel=icon href=//ads.example/>",
	"<svg><image href=//ads.example/ /></svg>", "<image xlink:href=//ads.example/>", "<video poster=//ads.example/>", "<input src=//ads.example/ type=image>",
	"<meta http-equiv=refresh content=\"0;url=//ads.example/\">", "<body background=//ads.example/>", "<a ping=//ads.example/>", "<img src=x src=//ads.example/>",
	"<img src=//ads.example/ src=//video.example/>", "<use href=//ads.example/>", "<base href=//ads.example/>", "<img src=y>", " src=//ads.example/", " src=\"//ads.example/\"",
	"src", "href", "srcdoc", "style", "data-temoin=ads", " data-temoin=allowed", " type=text/plain", " data-src=//ads.example/", "//ads.example/", "https:", "&#47;", "&sol;", "\\", "\x00", "\f", "\r",
}

func generate(random *rand.Rand) string {
	var b strings.Builder
	for range 1 + random.IntN(24) {
		word := words[random.IntN(len(words))]
		if random.IntN(12) == 0 {
			word = word[:random.IntN(len(word)+1)]
		}
		b.WriteString(word)
	}
	return b.String()
}

// checkAll holds everything that is true of every page.
func checkAll(t testing.TB, in string) {
	t.Helper()
	o := Options{Mode: Fragment, URL: "https://www.example.com/page/"}
	out := rewrite(t, in, 0, o, &testRules{})
	judgePage(t, in, out)
	for _, piece := range []int{1, 7} {
		if got := rewrite(t, in, piece, o, &testRules{}); got != out {
			t.Errorf("in pieces of %d: %q\nis   %q\nnot  %q", piece, in, got, out)
		}
	}
	if unnamed := marks.ReplaceAllString(in, "data-nothing"); rewriteFree(t, unnamed, o) != unnamed {
		t.Errorf("free %q\nis   %q", unnamed, rewriteFree(t, unnamed, o))
	}
	if got := rewrite(t, in, 0, Options{Mode: Observe}, &testRules{}); got != in {
		t.Errorf("observed %q\nis       %q", in, got)
	}
	r := &testRules{head: "\x01", body: "\x02"}
	document := rewrite(t, in, 0, Options{URL: o.URL}, r)
	if got := strings.NewReplacer("\x01", "", "\x02", "").Replace(document); got != out && !strings.ContainsAny(in, "\x01\x02") {
		t.Errorf("document %q\nis  %q\nnot %q", in, got, out)
	}
	if n, m := strings.Count(document, "\x01"), strings.Count(document, "\x02"); (n > 1 || m > n) && !strings.ContainsAny(in, "\x01\x02") {
		t.Errorf("inserted %d and %d times: %q", n, m, document)
	}
}

// freeRules hold nothing.
type freeRules struct{ testRules }

func (*freeRules) Address(_, _ []byte) string { return "" }
func (*freeRules) Script([]byte) string       { return "" }

var marks = regexp.MustCompile(`(?i)data-temoin`)

func rewriteFree(t testing.TB, in string, o Options) string {
	t.Helper()
	var out strings.Builder
	rewriteWith(t, NewWriter(&out, &freeRules{}, o), in, 0)
	return out.String()
}

func TestNothingHeldIsActive(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(seed(), 2))
	n := 10000
	if os.Getenv("TEMOIN_TORTURE") != "" {
		n = 500_000
	}
	for range n {
		if checkAll(t, generate(random)); t.Failed() {
			return
		}
	}
}

func FuzzWriter(f *testing.F) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		f.Add(generate(random))
	}
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) < 4096 {
			checkAll(t, in)
		}
	})
}

// seed is TEMOIN_SEED, for other pages than the usual ones.
func seed() uint64 {
	n, err := strconv.ParseUint(os.Getenv("TEMOIN_SEED"), 10, 64)
	if err != nil {
		return 1
	}
	return n
}
