package lang

import (
	"slices"
	"testing"
)

func TestEveryLanguageIsFoundByItsTag(t *testing.T) {
	tags := Tags()
	if !slices.IsSorted(tags) || len(tags) < 8 {
		t.Errorf("%v", tags)
	}
	for _, tag := range tags {
		l, ok := Find(tag)
		if !ok || l.Tag != tag || l.Name == "" || l.Own == "" || l.Direction == "" {
			t.Errorf("%s: %+v", tag, l)
		}
		for i, m := range l.Months {
			if m == "" || slices.Contains(l.Months[:i], m) {
				t.Errorf("%s: month %d is %q", tag, i+1, m)
			}
		}
	}
	for _, tag := range []string{"", "FR", "fr-FR", "xx", "zz"} {
		if _, ok := Find(tag); ok {
			t.Errorf("%q is taken for a language", tag)
		}
	}
	if ar, _ := Find("ar"); ar.Direction != RTL {
		t.Error("Arabic is read from right to left")
	}
}

func TestAMonthIsKnownInEachLanguageThatHasIt(t *testing.T) {
	for word, want := range map[string][]string{
		"Mai": {"de", "fr"}, "mai": {"de", "fr"}, "May": {"en"}, "MARS": {"fr"}, "août": {"fr"}, "مايو": {"ar"}, "fromage": nil, "": nil,
	} {
		if got := MonthsIn(word); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", word, got, want)
		}
	}
}
