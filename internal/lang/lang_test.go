package lang

import (
	"slices"
	"testing"
	"time"
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
	for _, tag := range []string{"", "FR", "fr-FR", "xx", "zz", "../en", "en.txt"} {
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

func TestEveryLanguageSaysEverything(t *testing.T) {
	for _, tag := range Tags() {
		for _, fault := range Verify(tag) {
			t.Error(fault)
		}
	}
}

func TestPeriodsDatesAndListsFollowTheLanguage(t *testing.T) {
	for _, c := range []struct{ tag, month, months, years, date, first, list string }{
		{"en", "1 month", "13 months", "2 years", "20 May 2026", "1 May 2026", "a, b and c"},
		{"fr", "1 mois", "13 mois", "2 ans", "20 mai 2026", "1er mai 2026", "a, b et c"},
		{"de", "1 Monat", "13 Monate", "2 Jahre", "20. Mai 2026", "1. Mai 2026", "a, b und c"},
		{"es", "1 mes", "13 meses", "2 años", "20 de mayo de 2026", "1 de mayo de 2026", "a, b y c"},
		{"it", "1 mese", "13 mesi", "2 anni", "20 maggio 2026", "1° maggio 2026", "a, b e c"},
		{"pt", "1 mês", "13 meses", "2 anos", "20 de maio de 2026", "1 de maio de 2026", "a, b e c"},
		{"nl", "1 maand", "13 maanden", "2 jaar", "20 mei 2026", "1 mei 2026", "a, b en c"},
		{"ar", "شهر واحد", "13 شهرًا", "سنتان", "20 مايو 2026", "1 مايو 2026", "a، وb، وc"},
	} {
		l, ok := Find(c.tag)
		if !ok {
			t.Errorf("%s: no such language", c.tag)
			continue
		}
		for _, got := range [][2]string{
			{l.Duration(1, "month"), c.month}, {l.Duration(13, "month"), c.months}, {l.Duration(2, "year"), c.years},
			{l.Date(2026, time.May, 20), c.date}, {l.Date(2026, time.May, 1), c.first}, {l.List("a", "b", "c"), c.list},
		} {
			if got[0] != got[1] {
				t.Errorf("%s: %q, want %q", c.tag, got[0], got[1])
			}
		}
	}
}

// CLDR's six forms: 0, 1, 2, 3 to 10, 11 to 99, and the rest.
func TestArabicHasSixPluralForms(t *testing.T) {
	ar, _ := Find("ar")
	if got := ar.Forms(); !slices.Equal(got, []string{"few", "many", "one", "other", "two", "zero"}) {
		t.Errorf("%v", got)
	}
	for n, want := range map[int]string{
		1: "يوم واحد", 2: "يومان", 3: "3 أيام", 10: "10 أيام", 11: "11 يومًا", 99: "99 يومًا", 100: "100 يوم", 365: "365 يومًا", 400: "400 يوم",
	} {
		if got := ar.Duration(n, "day"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	if got := ar.WithNativeDigits().Duration(13, "month"); got != "١٣ شهرًا" {
		t.Errorf("native digits: %q", got)
	}
	if got := ar.Duration(13, "month"); got != "13 شهرًا" {
		t.Errorf("the choice of digits changed the language itself: %q", got)
	}
}

func TestArgumentsAreFilledInAndNothingElse(t *testing.T) {
	for _, c := range []struct {
		text string
		args []string
		want string
	}{
		{"kept for {period}", []string{"period", "{n} <b>"}, "kept for {n} <b>"},
		{"{a}{b}{a}", []string{"a", "1", "b", "2"}, "121"},
		{"no argument", []string{"a", "1"}, "no argument"},
		{"{unknown} stays out", []string{"a", "1"}, " stays out"},
		{"an open {brace", []string{"brace", "1"}, "an open 1"},
	} {
		if got := fill(c.text, c.args); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

func TestAFileOfMessagesSaysWhereItIsWrong(t *testing.T) {
	const head = "language.name = X\nlanguage.own = X\nlanguage.direction = ltr\n"
	for src, want := range map[string]string{
		"":                               "messages/en.txt: language.name, language.own and language.direction (ltr or rtl) are needed",
		head:                             "messages/en.txt: month.1 is missing",
		head + "no equals sign":          "messages/en.txt:4: \"no equals sign\" is no new message: write key = text",
		head + "a = 1\na = 2":            "messages/en.txt:5: \"a = 2\" is no new message: write key = text",
		head + "language.digits = 0 1 2": "messages/en.txt: language.digits has 3 digits, not ten",
	} {
		if _, err := parse("en", src); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", src, err, want)
		}
	}
}
