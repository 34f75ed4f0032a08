package markup

import (
	"bytes"
	"html"
	"strconv"
	"unicode/utf8"
)

// appendDecoded appends what the value of an attribute stands for: its character
// references replaced. A named one without a semicolon counts only where neither
// a letter, a digit nor "=" follows it.
func appendDecoded(to, value []byte) []byte {
	for {
		i := bytes.IndexByte(value, '&')
		if i < 0 {
			return append(to, value...)
		}
		to = append(to, value[:i]...)
		value = value[i:]
		n := 0
		if to, n = appendReference(to, value); n == 0 {
			to, n = append(to, '&'), 1
		}
		value = value[n:]
	}
}

// appendReference appends what the reference at the beginning of value stands for and returns
// its length, 0 if there is none.
func appendReference(to, value []byte) ([]byte, int) {
	if len(value) > 2 && value[1] == '#' {
		return appendNumber(to, value)
	}
	end := 1
	for end < len(value) && isAlphanumeric(value[end]) {
		end++
	}
	name := value[1:end]
	closed := end < len(value) && value[end] == ';'
	switch {
	case len(name) == 0 || !closed && end < len(value) && value[end] == '=':
		return to, 0
	case string(name) == "amp":
		to = append(to, '&')
	default:
		text, ok := named(name, closed)
		if !ok {
			return to, 0
		}
		to = append(to, text...)
	}
	if closed {
		end++
	}
	return to, end
}

// named returns what a name stands for as a whole.
func named(name []byte, closed bool) (string, bool) {
	const longest = 40
	if len(name) > longest {
		return "", false
	}
	reference := "&" + string(name)
	if closed {
		reference += ";"
	}
	text := html.UnescapeString(reference)
	// Where only the beginning of the name is one, its end is still there.
	ends := reference[len(reference)-2:]
	if text == reference || len(text) > 1 && len(text) >= len(ends) && text[len(text)-len(ends):] == ends {
		return "", false
	}
	if !closed && len(text) > 1 && isAlphanumeric(text[len(text)-1]) {
		return "", false
	}
	return text, true
}

func appendNumber(to, value []byte) ([]byte, int) {
	i, base := 2, rune(10)
	if value[2]|0x20 == 'x' {
		i, base = 3, 16
	}
	begin, r := i, rune(0)
	for ; i < len(value); i++ {
		digit, err := strconv.ParseUint(string(value[i]), int(base), 8)
		if err != nil {
			break
		}
		if r <= utf8.MaxRune {
			r = r*base + rune(digit)
		}
	}
	if i == begin {
		return to, 0
	}
	if i < len(value) && value[i] == ';' {
		i++
	}
	if r >= 0x80 && r < 0xa0 { // as Windows had it: none of these is in an address
		r = utf8.RuneError
	}
	return utf8.AppendRune(to, r), i
}

func isAlphanumeric(c byte) bool {
	return class[c]&isLetter != 0 || '0' <= c && c <= '9'
}
