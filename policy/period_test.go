package policy

import (
	"testing"
	"testing/quick"
	"time"
)

func day8(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestMonthsAreCalendarMonthsThatEndOnTheirLastDay(t *testing.T) {
	for _, c := range []struct{ from, period, to string }{
		{"2026-01-31", "1 month", "2026-02-28"},
		{"2028-01-31", "1 month", "2028-02-29"},
		{"2025-11-21", "13 months", "2026-12-21"},
		{"2025-02-01", "13 months", "2026-03-01"},
		{"2024-02-29", "1 year", "2025-02-28"},
		{"2024-02-29", "12 months", "2025-02-28"},
		{"2024-02-29", "4 years", "2028-02-29"},
		{"2026-12-31", "2 months", "2027-02-28"},
		{"2026-03-31", "30 days", "2026-04-30"},
		{"2026-03-31", "2 weeks", "2026-04-14"},
		{"2026-03-31", "72 hours", "2026-04-03"},
	} {
		p, err := ParsePeriod(c.period)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.After(day8(c.from)).Format(time.DateOnly); got != c.to {
			t.Errorf("%s after %s: %s, want %s", c.period, c.from, got, c.to)
		}
	}
}

func TestADayIsADayWhenTheClocksChange(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 10, 24, 12, 0, 0, 0, paris) // the night after, clocks go back
	if got := (Period{1, Day}).After(from); got.Hour() != 12 || got.Sub(from) != 25*time.Hour {
		t.Errorf("1 day: %v", got)
	}
	if got := (Period{24, Hour}).After(from); got.Hour() != 11 {
		t.Errorf("24 hours: %v", got)
	}
}

func TestThePossibleLengthOfThirteenMonthsIs393To397Days(t *testing.T) {
	p := Period{13, Month}
	if got := p.Max(); got != 397*24*time.Hour {
		t.Errorf("longest: %v days", got.Hours()/24)
	}
	least, most := 1000, 0
	for d := day8("2020-01-01"); d.Year() < 2029; d = d.AddDate(0, 0, 1) {
		days := int(p.After(d).Sub(d).Hours() / 24)
		least, most = min(least, days), max(most, days)
	}
	if least != 393 || most != 397 {
		t.Errorf("%d to %d days", least, most)
	}
}

func TestMaxIsNeverExceeded(t *testing.T) {
	check := func(days uint16, months uint8, unit uint8) bool {
		p := Period{int(months%40) + 1, units[int(unit)%len(units)].unit}
		from := day8("1995-01-01").AddDate(0, 0, int(days))
		return p.After(from).Sub(from) <= p.Max()
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 5000}); err != nil {
		t.Error(err)
	}
}

func TestPeriodsAreReadAndWritten(t *testing.T) {
	for in, want := range map[string]string{
		"13 months": "13 months", "1 year": "1 year", "1 years": "1 year", "72h": "72 hours", "72 h": "72 hours",
		" 6  months ": "6 months", "30d": "30 days", "2w": "2 weeks", "90 Minutes": "90 minutes", "10 s": "10 seconds", "30 min": "30 minutes",
	} {
		p, err := ParsePeriod(in)
		if err != nil || p.String() != want {
			t.Errorf("%q: %v, %v", in, p, err)
		}
		if again, err := ParsePeriod(p.String()); err != nil || again != p {
			t.Errorf("%q is not read again", p)
		}
	}
	for _, in := range []string{"", "months", "0 days", "-1 day", "1.5 years", "1 fortnight", "13", "1 m", "101 years", "5000000000 seconds", "99999999999999999999 years", "１ day"} {
		if p, err := ParsePeriod(in); err == nil {
			t.Errorf("%q is read as %v", in, p)
		}
	}
}

func TestLifetimesAreOrderedByLengthWithSessionFirstAndUntilDeletedLast(t *testing.T) {
	var order []Lifetime
	for _, s := range []string{"session", "30 minutes", "24 hours", "7 days", "30 days", "6 months", "365 days", "13 months", "400 days", "2 years", "until-deleted"} {
		l, err := ParseLifetime(s)
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, l)
	}
	order = append([]Lifetime{{}}, order...)
	for i := range order {
		for j := range order {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := order[i].Compare(order[j]); got != want {
				t.Errorf("%v against %v: %d", order[i], order[j], got)
			}
		}
	}
	if (Period{1, Year}).Compare(Period{12, Month}) != 0 || (Period{1, Day}).Compare(Period{24, Hour}) != 0 {
		t.Error("equal periods are not equal")
	}
}

func TestTheLongestVariantCounts(t *testing.T) {
	ls := Lifetimes{{"remember-me", Lifetime{For, Period{30, Day}}}, {Otherwise, Lifetime{Kind: Session}}}
	if got := ls.Longest().String(); got != "30 days" {
		t.Error(got)
	}
	if got := ls.String(); got != "remember-me: 30 days, otherwise: session" {
		t.Error(got)
	}
}

func FuzzParsePeriod(f *testing.F) {
	for _, s := range []string{"13 months", "72h", "4294967296 s", "1 year", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePeriod(s)
		if err != nil {
			return
		}
		if again, err := ParsePeriod(p.String()); err != nil || again != p {
			t.Errorf("%q gives %v, which is not read again", s, p)
		}
		if p.Max() <= 0 || !p.After(day8("2026-01-31")).After(day8("2026-01-31")) {
			t.Errorf("%q does not go forward", s)
		}
	})
}
