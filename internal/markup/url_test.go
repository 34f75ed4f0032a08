package markup

import (
	"strings"
	"testing"
)

// A fullwidth "ads.example", and one with a soft hyphen in it.
const (
	wide = "ａｄｓ．ｅｘａｍｐｌｅ"
	soft = "ads.exam\u00adple"
)

func TestAddressesLeadWhereBrowsersTakeThem(t *testing.T) {
	t.Parallel()
	for _, v := range []string{
		"https://ads.example/x", "http://ads.example", "HTTPS://ADS.EXAMPLE/X", "//ads.example/x", "ftp://ads.example/", "wss://ads.example/",
		"//a.b.ads.example/x", "//ads.example?x", "//ads.example#x", "//ads.example./x", "//ads.example:8080/x", "//u:p@ads.example/x", "//u@v@ads.example/", "https://free.example@ads.example/",
		`\\ads.example\x`, `/\ads.example/x`, `\/ads.example`, "///ads.example/x", "////ads.example", "https:////ads.example/", `https:\\ads.example\x`, "https:/ads.example/x", "https:ads.example/x", "http:ads.example",
		" https://ads.example/x ", "\n//ads.example/x", "\x01\x1f//ads.example/", "ht\ntps://ads.example/", "https:\t//ads.example/", "/\t/ads.example/", "//ads\n.example/", "/\n/\tads.example", "\r\n/\r\n/ads.example/",
		"//ads%2Eexample/", "//%61ds.example/", "//ads.ex%61mple/x", "//" + wide + "/x", "//ads。example/", "//" + soft + "/", "https://%EF%BD%81ds.example/",
		"//Ads.Example:443/x?//free.example", "//ads.example/../x", "https://ads.example\\@free.example/", "//ads.example;/", "//ads.example&/",
		"&#47;/ads.example/", "&#x2f;&#X2F;ads.example", "&sol;&sol;ads.example/", "/&#47ads.example", "https&colon;//ads.example/", "&#104;ttps://ads.example", "//ads&period;example/", "//ads.example/&amp;", "&Tab;//ads.example", "&NewLine;//ads.example", "h&#x09;ttps://ads.example",
		"//shared.example/held/x", "//shared.example/a/../held/x", "//shared.example/%2e/held/x", "//shared.example//../held/", `//shared.example\held\x`, "//shared.example/.%2E/held/?q", "//shared.example/&#104;eld/x",
	} {
		if v == "//ads.example;/" || v == "//ads.example&/" { // hosts of their own
			continue
		}
		for _, quote := range []string{`"`, `'`} {
			in := `<img src=` + quote + v + quote + `>`
			out := inert(t, in)
			if !strings.Contains(out, " data-temoin-src="+quote+v) {
				t.Errorf("free: %q", in)
			}
		}
	}
	for _, v := range []string{
		"", "x", "/", "/x", "x/y", "./x", "../x", "?//ads.example", "#//ads.example", "/x//ads.example", "x//ads.example/", "//free.example/ads.example", "//free.example//ads.example", "//free.example@x/", "//ads.example.free.example/",
		"//notads.example/", "//ads.example@free.example/", "https://free.example:443/x", "data:image/png;base64,//ads.example", "javascript:'//ads.example'", "blob:https://ads.example/x", "about:blank", "mailto:x@ads.example", "tel:1", "x:https://ads.example", "file://ads.example/x",
		"//free.example?//ads.example", "//free.example#@ads.example/", `//free.example\@ads.example/`, "//free.example/?@ads.example/", "https:x", "http:/x", "&lt;//ads.example", "&ampsol;//x", "&sol/ads", "//ads.example;/", "&quot;//ads.example", "htps://ads.example/", "ads.example/x", "%2f/ads.example", "h//ads.example",
		"//shared.example/free/x", "//shared.example/heldx", "//shared.example/held/../x", "//shared.example", "//[::1]/held/", "//", "///", "https://", "https:", "//:80/", "//%00/", "\\", "/\\", "// /x",
	} {
		in := `<img src="` + v + `">`
		if out := inert(t, in); out != in {
			t.Errorf("held: %s\nis    %s", in, out)
		}
	}
}

func TestReferencesAreReplacedAsInAttributes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a&amp;b": "a&b", "a&ampb": "a&ampb", "a&amp=b": "a&amp=b", "a&amp": "a&", "&amp;amp;": "&amp;", "&lt;&gt;&quot;": `<>"`, "&notit;": "&notit;", "&not;": "¬", "&semi;": ";", "&": "&", "&&": "&&", "&;": "&;",
		"&#47;": "/", "&#47": "/", "&#47a": "/a", "&#x2F;": "/", "&#X2fg": "/g", "&#": "&#", "&#;": "&#;", "&#x;": "&#x;", "&#99999999;": "\uFFFD", "&Tab;": "\t", "&unknown;": "&unknown;", "&sol;": "/", "&sol": "&sol", "&copy2": "&copy2", "&copy": "©", "&fjlig;": "fj",
		"x&" + strings.Repeat("y", 100) + ";": "x&" + strings.Repeat("y", 100) + ";",
	} {
		if got := string(appendDecoded(nil, []byte(in))); got != want {
			t.Errorf("%q is %q, not %q", in, got, want)
		}
	}
}

func TestListsOfAddressesAreReadWhole(t *testing.T) {
	t.Parallel()
	const to = "//ads.example/x"
	for _, c := range []struct{ attribute, held string }{
		{"srcset", to}, {"srcset", " , ," + to}, {"srcset", "a 1x," + to}, {"srcset", "a 1x , " + to + " 2x"}, {"srcset", "a, " + to}, {"srcset", "a (x,y) 2x, " + to}, {"srcset", "data:,x 1x, " + to}, {"srcset", to + ", a"},
	} {
		in := `<img ` + c.attribute + `="` + c.held + `">`
		if out := inert(t, in); !strings.Contains(out, keptPrefix+c.attribute) {
			t.Errorf("free: %s", in)
		}
	}
	for _, free := range []string{"a,//ads.example/x", "a 1x", "", ",", "a (, //ads.example/x 1x) 2x", "/x?//ads.example 2x"} {
		in := `<img srcset="` + free + `">`
		if out := inert(t, in); out != in {
			t.Errorf("held: %s", in)
		}
	}
	for _, content := range []string{"0;//ads.example/", "0,//ads.example/", "0 //ads.example/", "0;url=//ads.example/", " 0.5 ; URL = \"//ads.example/\"", "0;url=&#39;//ads.example/'x", "1;url//ads.example/;url=//ads.example/"} {
		in := `<meta http-equiv=" refresh " content="` + strings.ReplaceAll(content, `"`, "&quot;") + `">`
		out, at := inert(t, in), strings.HasPrefix(content, "1;")
		if at == strings.Contains(out, keptPrefix+"content") {
			t.Errorf("%s is %s", in, out)
		}
	}
}

func TestStyleSheetsAreReadAsBrowsersReadThem(t *testing.T) {
	t.Parallel()
	for _, css := range []string{
		"a{b:url(//ads.example/)}", `a{b:url("//ads.example/")}`, "a{b:url( '//ads.example/' )}", "a{b:URL(//ads.example/)}", "a{b:src('//ads.example/')}", "@font-face{src:url(x),url(//ads.example/)}",
		"@import url(//ads.example/);", "@import '//ads.example/';", `@IMPORT"//ads.example/"`, "@import/* x */ '//ads.example/';", "@import\n\t'//ads.example/' screen;", "@charset 'x';@import '//ads.example/'",
		"a{b:image-set('//ads.example/' 1x)}", "a{b:-webkit-image-set('x' 1x, \"//ads.example/\" 2x)}", "a{b:image-set(url(//ads.example/) 1x)}", "a{b:image-set('x' type('a;b'), '//ads.example/' 2x)}",
		`a{b:\75 rl(//ads.example/)}`, `a{b:u\000072l(//ads.example/)}`, `a{b:url(\2f/ads.example/)}`, `a{b:url("\/\/ads.example/")}`, "a{b:url('//ads\\\n.example/')}", "a{b:url('/\\\r\n/ads.example/')}", `@\69mport "//ads.example/"`, `a{b:url(/\/a\64s.example/)}`,
		"@import 'x\\''; @import '//ads.example/'", "@import 'x\n; @import '//ads.example/'", "<!-- a{b:url(//ads.example/)} -->",
	} {
		in := "<style>" + css + "</style>"
		if out := inert(t, in); !strings.HasPrefix(out, `<style data-temoin="ads" type="text/plain"`) {
			t.Errorf("free: %s", in)
		}
		in = `<b style="` + strings.ReplaceAll(css, `"`, "&quot;") + `">`
		if out := inert(t, in); strings.Contains(css, "(") && !strings.Contains(out, keptPrefix+"style=") {
			t.Errorf("free: %s", in)
		}
	}
	for _, css := range []string{"a{b:url(x)}", "a{b:url(//free.example/)}", "a{b:url()}", "a{b:rgba(0,0,0,.1)}", "a{content:'//ads.example/'}", "/* //ads.example/ */", "@media x{a{b:c}}", "url(", "@import", "@import '", "a{b:image-set(", `\`, "a{b:url(data:x,//ads.example/)}", "@namespace svg 'http://www.w3.org/2000/svg';"} {
		in := "<style>" + css + "</style>"
		if out := inert(t, in); out != in {
			t.Errorf("held: %s", in)
		}
	}
}
