package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/temoin/temoin/policy"
)

func TestANegationReachesToTheEndOfItsClause(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		language, before string
		denied           bool
	}{
		{"en", "We do not claim to be ", true},
		{"en", "We make no claim that this site is ", true},
		{"en", "The data isn't ", true},
		{"en", "Neither this site nor its notice is ", true},
		{"en", "We never sell it. It is ", false},
		{"en", "Without cookies, it is ", false},
		{"en", "It is not sold and ", false},
		{"en", "It is not only ", false},
		{"en", "Nothing was sold, now it is ", false},
		{"en", "We know our site ", false}, // "know" holds "now" and "no"
		{"en", "It will not at any time whatever may happen on this site or elsewhere be ", false},
		{"en", "Cookies that are not strictly necessary rest on our ", false},
		{"en", "This is data that is not ", true},
		{"fr", "Les cookies qui ne sont pas nécessaires reposent sur notre ", false},
		{"es", "Las cookies que no son necesarias se basan en el ", false},
		{"fr", "Vos données ne sont pas ", true},
		{"fr", "Aucune donnée n'est ", true},
		{"fr", "Nous n'affirmons pas que ce site est ", true},
		{"fr", "Rien ici n'est ", true},
		{"fr", "Vos visites ne sont comptées que de façon ", false},
		{"fr", "Vos visites ne sont pas seulement ", false},
		{"fr", "Sans cookie, et de façon ", false},
		{"fr", "Notre bandeau est ", false},
		{"de", "Ihre Daten sind nicht ", true},
		{"de", "Wir sagen nicht, dass diese Seite ", true},
		{"de", "Kein Hinweis ist ", true},
		{"de", "Ohne Cookies, aber ", false},
		{"es", "Sus datos no son ", true},
		{"es", "Sus datos no se venden y son ", false},
		{"it", "I dati non sono ", true},
		{"it", "Non solo ", false},
		{"nl", "Uw gegevens zijn niet ", true},
		{"nl", "Niet alleen ", false},
		{"pt", "Os dados não são ", true},
		{"pt", "Os dados ficam no ", false}, // "no" is "in the"
		{"ar", "بياناتك ليست ", true},
		{"ar", "ولا نقول إن موقعنا ", true},
		{"ar", "لا نبيع بياناتك وهي ", false},
		{"ar", "لا نجمع إلا بيانات ", false},
		{"ar", "خلال زيارتك تكون ", false}, // "during" holds "no"
		{"en", "It is not one two three four five six seven eight ", true},
		{"en", "It is not one two three four five six seven eight nine ", false},
		{"en", "This is data that is not in any way ", true},
		{"en", "It is not sold\nIt is ", false},
		{"ar", "لا نبيع بياناتك، موقعنا ", false},
		{"ar", "لا نبيع بياناتك؛ موقعنا ", false},
		{"de", "Cookies die nicht unbedingt erforderlich sind beruhen auf unserem ", false},
		{"", "It is not ", false},
	} {
		if got := denied(c.language, c.before); got != c.denied {
			t.Errorf("%s %q: denied is %v", c.language, c.before, got)
		}
	}
}

func TestTextsAreComparedAsReadersSeeThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"l’audience":                   "l'audience",
		"13\u00a0mois\u202f!":          "13 mois !",
		"e\u0301te\u0301":              "été",
		"con\u00adforme":               "conforme",
		"zero\u200bwidth\u200e":        "zerowidth",
		"ano\u200dnyme":                "anonyme",
		"مَجْهُولـــة":                 "مجهولة",
		"[…]":                          "[...]",
		"  two  words\t\there \n next": "two words here \n next",
		"ﬁn":                           "fin",
	} {
		if got := plain(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestSentencesEndAtTheirEndOnly(t *testing.T) {
	t.Parallel()
	got := sentences("See art. 82 of the law, e.g. its end. The EU-U.S. framework? Visit a.example/b.c!\nDone؟ نعم")
	want := []string{"See art 82 of the law, e.g its end", "The EU-U.S framework", "Visit a.example/b.c", "Done", "نعم"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%q", got)
	}
}

// What a pattern needs is a filter only: no text that it matches may fall
// through. The texts are those of all fixtures.
func TestEveryPatternNeedsWhatItMatches(t *testing.T) {
	t.Parallel()
	patterns := []*pattern{
		placeholder, trackerWord, calledCookie, exemptWord, rememberMe, similarTech, otherPurpose, inessential, legitimateInterest, deniedBehind, relative, optOutPages,
		additional, functionWords, mechanismsAndOr, copyWord, jargon, browserWord, preferenceWord, anonymity, totality, trick, compliance, dated, datedAfter, lawOf,
	}
	for _, word := range storageWords {
		patterns = append(patterns, word)
	}
	for _, c := range wrongCitations {
		patterns = append(patterns, c.text, c.unless)
	}
	files, err := filepath.Glob("testdata/rules/*.yaml")
	if err != nil || len(files) < 90 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	matches := make([]int, len(patterns))
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		site, err := policy.Parse(file, src)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range readTexts(site) {
			for i, p := range patterns {
				if p.regexp().MatchString(text.Text) {
					matches[i]++
					if !p.near(text) {
						t.Errorf("%q is matched by %s and filtered out", text.Text, p.regexp())
					}
				}
			}
		}
	}
	for i, n := range matches {
		if n == 0 && patterns[i] != lawOf && patterns[i] != functionWords && patterns[i] != deniedBehind {
			t.Errorf("no text of the fixtures is matched by %s", patterns[i].regexp())
		}
	}
}
