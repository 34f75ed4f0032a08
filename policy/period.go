package policy

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Unit is one a period is counted in. Days and longer units are calendar
// units: a day is not 24 hours and a month is not 30 days.
type Unit string

const (
	Second Unit = "second"
	Minute Unit = "minute"
	Hour   Unit = "hour"
	Day    Unit = "day"
	Week   Unit = "week"
	Month  Unit = "month"
	Year   Unit = "year"
)

// units holds for each unit its length in seconds where it is fixed, or in
// months, and what shortest and longest real time one of it can be.
var units = []struct {
	unit          Unit
	short         string
	seconds, days int
	months        int
}{
	{unit: Second, short: "s", seconds: 1},
	{unit: Minute, short: "min", seconds: 60},
	{unit: Hour, short: "h", seconds: 3600},
	{unit: Day, short: "d", days: 1},
	{unit: Week, short: "w", days: 7},
	{unit: Month, months: 1},
	{unit: Year, short: "y", months: 12},
}

// A Period is a calendar length of time as the manifest writes it: "13 months",
// "72 hours". The zero Period is no period.
type Period struct {
	Count int
	Unit  Unit
}

// maxPeriod bounds a period, in years: nothing that a policy promises is longer.
const maxPeriod = 100

// ParsePeriod reads a period: a whole number from 1 and a unit, as in
// "30 minutes", "72 hours", "72h", "13 months".
func ParsePeriod(s string) (Period, error) {
	s = strings.TrimSpace(s)
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	count, err := strconv.ParseUint(s[:digits], 10, 32) // 100 years of seconds fit
	if err != nil || count == 0 {
		return Period{}, fmt.Errorf("%q is not a period", s)
	}
	word := strings.ToLower(strings.TrimSpace(s[digits:]))
	for _, u := range units {
		if word == string(u.unit) || word == string(u.unit)+"s" || word == u.short && word != "" {
			p := Period{int(count), u.unit}
			if p.approximate() > maxPeriod*12*secondsPerMonth {
				return Period{}, fmt.Errorf("%q is longer than %d years", s, maxPeriod)
			}
			return p, nil
		}
	}
	return Period{}, fmt.Errorf("%q is not a period", s)
}

// IsZero reports whether p is no period.
func (p Period) IsZero() bool { return p.Count == 0 }

// String writes p as the manifest does: "1 year", "13 months".
func (p Period) String() string {
	if p.IsZero() {
		return ""
	}
	if p.Count == 1 {
		return "1 " + string(p.Unit)
	}
	return strconv.Itoa(p.Count) + " " + string(p.Unit) + "s"
}

// ISO8601 writes p as a duration of ISO 8601, "P13M", which HTML's time element
// and JSON readers know; the empty string for no period.
func (p Period) ISO8601() string {
	if p.IsZero() {
		return ""
	}
	before := "P"
	if p.Unit == Second || p.Unit == Minute || p.Unit == Hour {
		before = "PT"
	}
	return before + strconv.Itoa(p.Count) + strings.ToUpper(string(p.Unit[:1]))
}

// parts splits p into calendar months, calendar days and seconds.
func (p Period) parts() (months, days, seconds int) {
	for _, u := range units {
		if u.unit == p.Unit {
			return p.Count * u.months, p.Count * u.days, p.Count * u.seconds
		}
	}
	return 0, 0, 0
}

// After returns the moment p after t on the calendar of t's location. A month
// that lacks the day ends on its last one: 31 January and one month is 28 or
// 29 February.
func (p Period) After(t time.Time) time.Time {
	months, days, seconds := p.parts()
	if months != 0 {
		moved := t.AddDate(0, months, 0)
		if moved.Day() != t.Day() {
			moved = moved.AddDate(0, 0, -moved.Day())
		}
		t = moved
	}
	if days != 0 {
		t = t.AddDate(0, 0, days)
	}
	return t.Add(time.Duration(seconds) * time.Second)
}

// Max returns the longest time that p can be between two moments, leap days
// counted: 397 days for 13 months.
func (p Period) Max() time.Duration {
	months, days, seconds := p.parts()
	return time.Duration(maxDays(months)+days)*24*time.Hour + time.Duration(seconds)*time.Second
}

// maxDays returns the most days that a run of months can hold. It is exact: the
// Gregorian calendar repeats every 400 years, and the longest run of n months
// begins in the four years around a leap day.
func maxDays(months int) int {
	most := 0
	for year := 2000; year < 2004; year++ {
		for month := time.January; month <= time.December; month++ {
			from := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
			most = max(most, int(from.AddDate(0, months, 0).Sub(from)/(24*time.Hour)))
		}
	}
	return most
}

// secondsPerMonth is a twelfth of the Gregorian mean year.
const secondsPerMonth = 31556952 / 12

// approximate returns the mean length of p in seconds, which orders periods.
func (p Period) approximate() int64 {
	months, days, seconds := p.parts()
	return int64(months)*secondsPerMonth + int64(days)*86400 + int64(seconds)
}

// Compare orders periods by their mean length: -1 when p is shorter than q, 0
// when they are equal ("1 year" and "12 months"), 1 when it is longer.
func (p Period) Compare(q Period) int { return cmp.Compare(p.approximate(), q.approximate()) }

// A LifetimeKind says what ends the life of a tracker.
type LifetimeKind string

const (
	Session      LifetimeKind = "session"       // the end of the browser session
	For          LifetimeKind = "for"           // a period
	UntilDeleted LifetimeKind = "until-deleted" // the visitor, or the site on their act
)

// A Lifetime is how long one tracker is kept. The zero Lifetime is undeclared.
type Lifetime struct {
	Kind   LifetimeKind
	Period Period // with For only
}

// ParseLifetime reads "session", "until-deleted" or a period.
func ParseLifetime(s string) (Lifetime, error) {
	switch strings.TrimSpace(s) {
	case string(Session):
		return Lifetime{Kind: Session}, nil
	case string(UntilDeleted):
		return Lifetime{Kind: UntilDeleted}, nil
	}
	p, err := ParsePeriod(s)
	if err != nil {
		return Lifetime{}, fmt.Errorf("%q is not a lifetime", s)
	}
	return Lifetime{Kind: For, Period: p}, nil
}

// IsZero reports whether the lifetime is undeclared.
func (l Lifetime) IsZero() bool { return l.Kind == "" }

// String writes l as the manifest does.
func (l Lifetime) String() string {
	if l.Kind == For {
		return l.Period.String()
	}
	return string(l.Kind)
}

// Compare orders lifetimes: undeclared, session, periods by length,
// until-deleted.
func (l Lifetime) Compare(m Lifetime) int {
	if c := cmp.Compare(l.rank(), m.rank()); c != 0 || l.Kind != For {
		return c
	}
	return l.Period.Compare(m.Period)
}

func (l Lifetime) rank() int {
	switch l.Kind {
	case Session:
		return 1
	case For:
		return 2
	case UntilDeleted:
		return 3
	}
	return 0
}

// Otherwise is the act under which a lifetime stands when none of the others
// took place.
const Otherwise = "otherwise"

// A Variant is the lifetime that a tracker has after one act of the visitor,
// such as ticking "remember me".
type Variant struct {
	When     string // the act's id; Otherwise for the rest; empty when there is one lifetime only
	Lifetime Lifetime
}

// Lifetimes are the variants of one tracker: none when undeclared, one without
// a When when it does not depend on the visitor.
type Lifetimes []Variant

// Longest returns the longest of the variants, the zero Lifetime for none.
func (ls Lifetimes) Longest() Lifetime {
	var longest Lifetime
	for _, v := range ls {
		if v.Lifetime.Compare(longest) > 0 {
			longest = v.Lifetime
		}
	}
	return longest
}

// String writes the variants as one line: "remember-me: 30 days, otherwise: session".
func (ls Lifetimes) String() string {
	parts := make([]string, len(ls))
	for i, v := range ls {
		parts[i] = v.Lifetime.String()
		if v.When != "" {
			parts[i] = v.When + ": " + parts[i]
		}
	}
	return strings.Join(parts, ", ")
}
