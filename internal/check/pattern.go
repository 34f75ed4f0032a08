package check

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
)

// A pattern is a regular expression over plain texts. Most texts hold nothing
// of what it looks for: that is told from the words that every match must hold,
// and the expression is compiled for the first text that holds them.
type pattern struct {
	need   func() need
	regexp func() *regexp.Regexp
}

func look(source string) *pattern {
	return &pattern{
		need: sync.OnceValue(func() need {
			re, err := syntax.Parse(source, syntax.Perl)
			if err != nil {
				panic(err) // TestEveryPatternNeedsWhatItMatches reads all of them
			}
			return needOf(re)
		}),
		regexp: sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(source) }),
	}
}

// near reports whether a text in small letters can hold a match.
func (p *pattern) near(lower string) bool { return p.need().met(lower) }

// in reports whether a text holds a match.
func (p *pattern) in(t wording) bool { return p.near(t.lower) && p.regexp().MatchString(t.Text) }

// find returns the first match in a text, "" for none.
func (p *pattern) find(t wording) string {
	if !p.near(t.lower) {
		return ""
	}
	return p.regexp().FindString(t.Text)
}

// A need is what every match of an expression holds: a word, all of several
// needs, or one of them. The zero need is nothing that could be told.
type need struct {
	word     string // in small letters
	all, any []need
}

func (n need) met(lower string) bool {
	met := func(n need) bool { return n.met(lower) }
	switch {
	case n.word != "":
		return strings.Contains(lower, n.word)
	case n.any != nil:
		return slices.ContainsFunc(n.any, met)
	}
	return !slices.ContainsFunc(n.all, func(n need) bool { return !met(n) })
}

func (n need) isZero() bool { return n.word == "" && n.all == nil && n.any == nil }

func needOf(re *syntax.Regexp) need {
	var n need
	switch re.Op {
	case syntax.OpLiteral:
		n.word = strings.ToLower(string(re.Rune))
	case syntax.OpCapture, syntax.OpPlus:
		return needOf(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return needOf(re.Sub[0])
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if m := needOf(sub); !m.isZero() {
				n.all = append(n.all, m)
			}
		}
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			m := needOf(sub)
			if m.isZero() {
				return need{}
			}
			n.any = append(n.any, m)
		}
	}
	return n
}
