package check

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
)

// A pattern is a regular expression over plain texts. Most texts hold nothing
// of what it looks for: that is told from the words that every match must hold,
// and the expression is compiled for the first text that holds them.
type pattern struct {
	need   func() *need
	regexp func() *regexp.Regexp
}

func look(source string) *pattern {
	return &pattern{
		need: sync.OnceValue(func() *need {
			re, err := syntax.Parse(source, syntax.Perl)
			if err != nil {
				panic(err) // TestEveryPatternNeedsWhatItMatches reads all of them
			}
			n := needOf(re)
			return &n
		}),
		regexp: sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(source) }),
	}
}

// near reports whether a text in small letters can hold a match.
func (p *pattern) near(t wording) bool { return p.need().met(&t) }

// in reports whether a text holds a match.
func (p *pattern) in(t wording) bool { return p.near(t) && p.regexp().MatchString(t.Text) }

// find returns the first match in a text, "" for none.
func (p *pattern) find(t wording) string {
	if !p.near(t) {
		return ""
	}
	return p.regexp().FindString(t.Text)
}

// A need is what every match of an expression holds: a word, all of several
// needs, or one of them. The zero need is nothing that could be told.
type need struct {
	word     string // in small letters
	grams    []uint16
	all, any []need
}

func (n *need) met(t *wording) bool {
	if n.word != "" {
		return t.grams.mayHold(n.grams) && strings.Contains(t.lower, n.word)
	}
	for i := range n.any {
		if n.any[i].met(t) {
			return true
		}
	}
	for i := range n.all {
		if !n.all[i].met(t) {
			return false
		}
	}
	return n.any == nil
}

func (n need) isZero() bool { return n.word == "" && n.all == nil && n.any == nil }

func needOf(re *syntax.Regexp) need {
	var n need
	switch re.Op {
	case syntax.OpLiteral:
		n.word = strings.ToLower(string(re.Rune))
		n.grams = gramsOf(n.word)
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

// A gramSet tells fast that a text does not hold a word: it has a bit for each
// three bytes in a row of the text, several of which share one. There are a
// thousand texts and six hundred words, and nearly all pairs end here.
type gramSet [32]uint64

// gramsOf returns the bits of a text's runs of three bytes, in their order.
func gramsOf(s string) []uint16 {
	var bits []uint16
	for i := 0; i+3 <= len(s); i++ {
		bits = append(bits, gram(s[i], s[i+1], s[i+2]))
	}
	return bits
}

func gram(a, b, c byte) uint16 {
	return uint16((uint32(a)*0x9e3779b1+uint32(b)*0x85ebca6b+uint32(c)*0xc2b2ae35)>>21) & (32*64 - 1)
}

func newGramSet(s string) *gramSet {
	var g gramSet
	for i := 0; i+3 <= len(s); i++ {
		bit := gram(s[i], s[i+1], s[i+2])
		g[bit/64] |= 1 << (bit % 64)
	}
	return &g
}

// mayHold reports whether the text can hold a word with these grams. Nothing is
// known of a text without a set.
func (g *gramSet) mayHold(grams []uint16) bool {
	if g == nil {
		return true
	}
	for _, bit := range grams {
		if g[bit/64]&(1<<(bit%64)) == 0 {
			return false
		}
	}
	return true
}
