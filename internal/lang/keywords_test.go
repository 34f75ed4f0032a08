package lang

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Messages that carry a legal fact or a choice must not be taken for one
// another: "if you accept" for "if you refuse" is a false page in good grammar.
// testdata/keywords.tsv says, for each of them and in each language, the word
// that tells it from the others of its family.

const keywordFile = "testdata/keywords.tsv"

// legalFamilies are the first parts of the keys of these messages.
var legalFamilies = []string{
	"app", "audience", "automated", "basis", "change", "changed", "channel", "choose",
	"consequences", "ground", "ground-name", "in-short", "kept", "kind", "law",
	"lifetime", "loads", "party", "promise", "promises", "purpose", "reason", "record",
	"reopen", "right", "role", "transfer", "unit",
}

// choices are the messages of the notice and of the preference centre that ask for
// a choice, are one, or say what was made of one.
var choices = []string{
	"notice.accept", "notice.refuse", "notice.choose", "notice.close",
	"notice.asks", "notice.asks-again", "notice.informs", "notice.preconfigures", "notice.means",
	"notice.saved", "notice.failed", "notice.offline", "notice.changed",
	"centre.always", "centre.unused", "centre.accepted", "centre.refused",
	"centre.now-none", "centre.now-allowed", "centre.now-refused",
	"centre.save", "centre.close", "centre.withdraw", "placeholder.once", "placeholder.always",
}

// legalFamily returns the family of a key that needs words, or "".
func legalFamily(key string) string {
	p := strings.Split(key, ".")
	switch {
	case slices.Contains(choices, key):
		return "choice"
	case !slices.Contains(legalFamilies, p[0]):
		return ""
	case p[0] == "unit" && p[len(p)-1] != "other":
		return "" // the other forms may say their number in letters
	case p[0] == "record" && len(p) != 2:
		return "" // why a record is kept
	}
	return p[0]
}

// A keyword is one condition on a message: that it holds a word, or that it
// does not.
type keyword struct {
	written string
	not     bool
	braces  bool // it names arguments
	re      *regexp.Regexp
}

// edge is what stands at the edge of a whole word; \b knows ASCII only.
const edge = `(?:^|$|[^\p{L}\p{M}\p{N}])`

var oneSpelling = strings.NewReplacer("’", "'", "\u00a0", " ", "\u202f", " ")

// fold makes case, vowel signs and typography the same on both sides.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0x064b && r <= 0x065f || r == 0x0670 || r == 0x0640 {
			return -1 // Arabic vowel signs, and the stroke that stretches a word
		}
		return r
	}, strings.ToLower(oneSpelling.Replace(s)))
}

func newKeyword(written string) keyword {
	word, not := strings.CutPrefix(written, "!")
	pattern := strings.ReplaceAll(regexp.QuoteMeta(fold(word)), "_", edge)
	return keyword{written, not, strings.Contains(word, "{"), regexp.MustCompile(pattern)}
}

var argument = regexp.MustCompile(`\{[^}]*\}`)

// unmet returns the first condition that the text does not meet, or "".
func unmet(conditions []keyword, text string) string {
	text = fold(text)
	words := argument.ReplaceAllString(text, " ") // {new} is not the word "new"
	for _, k := range conditions {
		in := words
		if k.braces {
			in = text
		}
		if k.re.MatchString(in) == k.not {
			return k.written
		}
	}
	return ""
}

// readKeywords returns the conditions by language and key. It fails the test
// where the file is not a table with a column for each language.
func readKeywords(t *testing.T) map[string]map[string][]keyword {
	t.Helper()
	src, err := os.ReadFile(keywordFile)
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	all := map[string]map[string][]keyword{}
	n := 0
	for line := range strings.Lines(string(src)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		cells := strings.Split(line, "\t")
		if columns == nil {
			columns = cells
			for _, tag := range columns[1:] {
				all[tag] = map[string][]keyword{}
			}
			for _, tag := range Tags() {
				if all[tag] == nil {
					t.Fatalf("%s has no column for the language %q: give each message its word in it", keywordFile, tag)
				}
			}
			continue
		}
		if len(cells) != len(columns) {
			t.Fatalf("%s:%d: %s has %d columns instead of %d", keywordFile, n, cells[0], len(cells), len(columns))
		}
		for i, tag := range columns[1:] {
			if _, twice := all[tag][cells[0]]; twice {
				t.Fatalf("%s:%d: %s has two lines", keywordFile, n, cells[0])
			}
			var conditions []keyword
			holds := false
			for _, w := range strings.Split(cells[i+1], ";") {
				if w = strings.TrimSpace(w); strings.Trim(w, "!_ ") == "" {
					t.Fatalf("%s:%d: %s has an empty word in the column %s", keywordFile, n, cells[0], tag)
				}
				k := newKeyword(w)
				conditions = append(conditions, k)
				holds = holds || !k.not
			}
			if !holds {
				t.Fatalf("%s:%d: %s names no word that the message in %s must hold", keywordFile, n, cells[0], tag)
			}
			all[tag][cells[0]] = conditions
		}
	}
	return all
}

func TestEveryMessageThatCarriesALegalFactOrAChoiceHasItsWords(t *testing.T) {
	ref, _ := Find(Reference)
	known := readKeywords(t)[Reference]
	families := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(ref.messages)) {
		family := legalFamily(key)
		families[family] = true
		if _, ok := known[key]; family != "" && !ok {
			t.Errorf("%s has no line in %s: say there, in each language, the word that tells it from the other messages %s.*", key, keywordFile, family)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(known)) {
		if legalFamily(key) == "" || !ref.Has(key) {
			t.Errorf("%s has a line in %s, but there is no such message, or it needs none", key, keywordFile)
		}
	}
	for _, family := range legalFamilies {
		if !families[family] {
			t.Errorf("there are no messages %s.* any more", family)
		}
	}
	for _, key := range choices {
		if !ref.Has(key) {
			t.Errorf("there is no message %s any more", key)
		}
	}
}

func TestEveryMessageThatCarriesALegalFactOrAChoiceHoldsItsWords(t *testing.T) {
	for tag, known := range readKeywords(t) {
		l, ok := Find(tag)
		if !ok {
			t.Errorf("%s has a column for %q, which is no language", keywordFile, tag)
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(known)) {
			if !l.Has(key) {
				t.Errorf("messages/%s.txt has no message %s", tag, key)
			} else if w := unmet(known[key], l.message(key)); strings.HasPrefix(w, "!") {
				t.Errorf("messages/%s.txt: %s is %q, and must not hold %q", tag, key, l.message(key), w[1:])
			} else if w != "" {
				t.Errorf("messages/%s.txt: %s is %q, and does not hold %q", tag, key, l.message(key), w)
			}
		}
	}
}

// Each message must be refused in the place of each other of its family. That is
// more than a swap of two needs, and finds a copied message and a rotation too.
func TestNoMessageOfAFamilyCanStandInThePlaceOfAnother(t *testing.T) {
	for tag, known := range readKeywords(t) {
		l, ok := Find(tag)
		if !ok {
			continue // the test above says so
		}
		for a := range known {
			for b := range known {
				if a == b || legalFamily(a) != legalFamily(b) || !l.Has(b) {
					continue
				}
				if unmet(known[a], l.message(b)) == "" {
					t.Errorf("messages/%s.txt: nobody would notice %s, %q, in the place of %s: give %s, in %s, a word that tells it from the other", tag, b, l.message(b), a, a, keywordFile)
				}
			}
		}
	}
}

func TestAKeywordIsFoundWhateverItsCaseAndItsVowelSigns(t *testing.T) {
	for _, c := range []struct {
		conditions, text string
		met              bool
	}{
		{"refus", "Si vous REFUSEZ", true},
		{"!refus", "Si vous refusez", false},
		{"qu'avec", "Rien qu’avec elle", true},
		{"رفضت", "إذا رَفَضْتَ", true},
		{"_ja_", "Sagen Sie: Ja.", true},
		{"_ja_", "im Januar", false},
		{"_sí_", "asíduo", false},
		{"new", "{what}: {new}", false},
		{"{new} instead", "{new} instead of {old}", true},
		{"only;!exempt", "Only with your consent", true},
		{"only;!consent", "Only with your consent", false},
	} {
		var conditions []keyword
		for _, w := range strings.Split(c.conditions, ";") {
			conditions = append(conditions, newKeyword(w))
		}
		if met := unmet(conditions, c.text) == ""; met != c.met {
			t.Errorf("that %q meets %q is %v, not %v", c.text, c.conditions, met, c.met)
		}
	}
}
