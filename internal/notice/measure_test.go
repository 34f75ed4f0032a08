package notice

import (
	"fmt"
	"strings"
	"testing"

	"github.com/temoin/temoin/examples"
)

func TestEachThemeCanBeReadInEachScheme(t *testing.T) {
	for name, theme := range themes {
		s := look(t, "cexro", "theme: "+name)
		pairs := Pairs(s)
		if want := 8 + 2*len(strings.Fields(theme.focus)); len(pairs) != want {
			t.Errorf("%s has %d pairs, not %d", name, len(pairs), want)
		}
		for _, p := range pairs {
			if !p.Enough() {
				t.Errorf("%s, %s: %s on %s is %.2f, less than %.1f", name, p.Scheme, p.Front.Value, p.Behind.Value, p.Ratio(), p.Least)
			}
		}
		css, err := styleFiles.ReadFile("styles/" + name + ".css")
		if err != nil || strings.Contains(string(css), "solid #") && (theme.focus == "" || !strings.Contains(string(css), "solid "+theme.focus)) {
			t.Errorf("%s shows the focus in another color than it says: %v", name, err)
		}
	}
}

func TestAPairIsMeasuredAsWCAGSays(t *testing.T) {
	for _, c := range []struct{ front, behind, want string }{
		{"#000", "#fff", "21.00"}, {"#fff", "#ffffff", "1.00"}, {"#777", "#fff", "4.48"}, {"#767676", "#fff", "4.54"}, {"#f00", "#fff", "4.00"},
	} {
		p := Pair{Front: Color{Value: c.front}, Behind: Color{Value: c.behind}}
		if got := fmt.Sprintf("%.2f", p.Ratio()); got != c.want {
			t.Errorf("%s on %s is %s, not %s", c.front, c.behind, got, c.want)
		}
	}
}

func TestAColorIsMendedOnAnyGround(t *testing.T) {
	for grey := range 256 {
		p := Pair{Front: Color{Value: "#7f7f7f"}, Behind: Color{Value: fmt.Sprintf("#%02x%02x%02x", grey, grey, grey)}, Least: forText}
		if p.Front.Value = p.Mended(); !p.Enough() {
			t.Fatalf("%s on %s is %.2f", p.Front.Value, p.Behind.Value, p.Ratio())
		}
	}
}

func TestAMeasureIsThatOfWhatIsShown(t *testing.T) {
	for _, id := range examples.Sites {
		s := site(t, id)
		measures, err := Measures(s)
		if err != nil || len(measures) != len(s.Langs) {
			t.Fatal(measures, err)
		}
		n := compile(t, s)
		for _, m := range measures {
			text := find(parseHTML(t, n.In(m.Language).first), "div", "text")
			said := 0
			for word := range strings.FieldsSeq(textOf(text)) {
				if strings.ContainsFunc(word, isWord) {
					said++
				}
			}
			if m.Words != said || m.Words > MaxWords {
				t.Errorf("%s/%s: %d words are said, %d are measured", id, m.Language, said, m.Words)
			}
		}
	}
	long := look(t, "cexro", "text: {fr: \""+strings.Repeat("mot ", 40)+"\", ar: نص}")
	measures, err := Measures(long)
	if err != nil || !measures[0].Brief || measures[1].Brief {
		t.Errorf("the purposes have no room in French: %+v, %v", measures, err)
	}
}
