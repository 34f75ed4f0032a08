package cookies

import (
	"math"
	"strings"
	"time"
)

// readMaxAge reads a number of seconds; one that does not fit is the nearest that does.
func readMaxAge(s string) (seconds int64, ok bool) {
	digits, negative := strings.CutPrefix(s, "-")
	if digits == "" {
		return 0, false
	}
	for i := range len(digits) {
		d := digits[i]
		if d < '0' || d > '9' {
			return 0, false
		}
		if seconds = seconds*10 + int64(d-'0'); seconds > math.MaxInt32*int64(10) {
			seconds = math.MaxInt32 * int64(10) // three centuries; more of it changes nothing
		}
	}
	if negative {
		return -seconds, true
	}
	return seconds, true
}

// months are recognized by the first three letters.
const months = "janfebmaraprmayjunjulaugsepoctnovdec"

// readDate reads a date as RFC 6265bis, section 5.1.1, says: parts in any order with
// anything between them.
func readDate(s string) (time.Time, bool) {
	var d date
	for s != "" {
		n := 0
		for n < len(s) && !isDelimiter(s[n]) {
			n++
		}
		if n == 0 {
			s = s[1:]
			continue
		}
		d.take(s[:n])
		s = s[n:]
	}
	return d.time()
}

func isDelimiter(b byte) bool {
	return b == 0x09 || b >= 0x20 && b <= 0x2f || b >= 0x3b && b <= 0x40 || b >= 0x5b && b <= 0x60 || b >= 0x7b && b <= 0x7e
}

// A date is what was found of one so far.
type date struct {
	hour, minute, second, day, month, year int
	hasTime, hasDay, hasMonth, hasYear     bool
}

// take gives a token the first meaning that is still free and fits it.
func (d *date) take(token string) {
	switch {
	case !d.hasTime && d.takeTime(token):
	case !d.hasDay && takeNumber(token, 1, 2, &d.day):
		d.hasDay = true
	case !d.hasMonth && d.takeMonth(token):
	case !d.hasYear && takeNumber(token, 2, 4, &d.year):
		d.hasYear = true
	}
}

func (d *date) takeTime(token string) bool {
	h, rest, one := strings.Cut(token, ":")
	m, s, two := strings.Cut(rest, ":")
	if !one || !two || len(h) > 2 || len(m) > 2 || !allDigits(h) || !allDigits(m) {
		return false
	}
	var hour, minute, second int
	if !takeNumber(h, 1, 2, &hour) || !takeNumber(m, 1, 2, &minute) || !takeNumber(s, 1, 2, &second) {
		return false
	}
	d.hour, d.minute, d.second, d.hasTime = hour, minute, second, true
	return true
}

func allDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

func (d *date) takeMonth(token string) bool {
	if len(token) < 3 {
		return false
	}
	for i := 0; i < len(months); i += 3 {
		if is(token[:3], months[i:i+3]) {
			d.month, d.hasMonth = i/3+1, true
		}
	}
	return d.hasMonth
}

// takeNumber reads a number of so many digits, behind which no further one stands.
func takeNumber(token string, least, most int, to *int) bool {
	n, i := 0, 0
	for ; i < len(token) && token[i] >= '0' && token[i] <= '9'; i++ {
		if i == most {
			return false
		}
		n = n*10 + int(token[i]-'0')
	}
	if i < least {
		return false
	}
	*to = n
	return true
}

func (d *date) time() (time.Time, bool) {
	switch {
	case d.year >= 70 && d.year <= 99:
		d.year += 1900
	case d.year >= 0 && d.year <= 69:
		d.year += 2000
	}
	if !d.hasTime || !d.hasDay || !d.hasMonth || !d.hasYear || d.year < 1601 || d.hour > 23 || d.minute > 59 || d.second > 59 {
		return time.Time{}, false
	}
	t := time.Date(d.year, time.Month(d.month), d.day, d.hour, d.minute, d.second, 0, time.UTC)
	return t, t.Day() == d.day // else there is no such day
}
