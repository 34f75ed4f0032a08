package markup

import (
	"slices"
	"testing"
)

func TestLinksToWhatIsHeldAreLeftOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want []string }{
		{[]string{"</a.css>; rel=preload; as=style", "</b.css>; rel=preload"}, []string{"</a.css>; rel=preload; as=style", "</b.css>; rel=preload"}},
		{[]string{"<https://ads.example/x>; rel=preconnect"}, nil},
		{[]string{"</a>; rel=preload, <//ads.example/x>; rel=preconnect, </b>;rel=x"}, []string{"</a>; rel=preload, </b>;rel=x"}},
		{[]string{"</a>; rel=preload", "<//ads.example>; rel=\"a dns-prefetch\"; title=\"a, b\"", "</b>; rel=y"}, []string{"</a>; rel=preload", "</b>; rel=y"}},
		{[]string{"<//ads.example>; rel=canonical, <//ads.example>; title=\"rel=preload\""}, []string{"<//ads.example>; rel=canonical, <//ads.example>; title=\"rel=preload\""}},
		{[]string{`</a>; rel=preload; imagesrcset="/b 1x, //ads.example/ 2x"`}, nil},
		{[]string{`<//ads.example/a,b;c>; REL=Preload`}, nil},
		{[]string{`<//ads.example/>; title="a\", b"; rel=preload, </x>; rel=preload`}, []string{" </x>; rel=preload"}},
		{[]string{`<//ads.example/>; rel=x; rel=preload`}, nil},
		{[]string{"</stats/x>; rel=preload"}, nil},
		{[]string{"", "x", "<", "<>", "<;rel=preload", "</a>;;;rel", ">//ads.example/<;rel=preload"}, []string{"", "x", "<", "<>", "<;rel=preload", "</a>;;;rel", ">//ads.example/<;rel=preload"}},
	} {
		rules := &testRules{}
		if got := Link(c.in, "https://www.example.com/a/", true, rules); !slices.Equal(got, c.want) {
			t.Errorf("%q\nis   %q\nwant %q", c.in, got, c.want)
		}
	}
	if in := []string{"</a>; rel=preload"}; &Link(in, "", false, &testRules{})[0] != &in[0] {
		t.Error("copied though nothing is held")
	}
	rules := &testRules{}
	Link([]string{"</a>; rel=preload", "<//ads.example/>;rel=icon"}, "", false, rules)
	if want := []string{" link ads ads.example"}; !slices.Equal(rules.held, want) {
		t.Errorf("told %q", rules.held)
	}
}

func TestARefreshToWhatIsHeldIsFound(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"0; url=https://ads.example/": "ads", "5;//ads.example/": "ads", "0;url=/stats/": "stats", "0": "", "": "", "0; url=/x": "", "0;https://free.example/": "",
	} {
		if got := Refresh(in, "https://www.example.com/", true, &testRules{}); got != want {
			t.Errorf("%q leads to %q, not %q", in, got, want)
		}
	}
}
