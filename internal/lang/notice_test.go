package lang

import (
	"slices"
	"strings"
	"testing"
	"unicode"
)

// buttons are the labels that stand beside one another, in each place that has
// buttons.
var buttons = map[string][]string{
	"the first layer":                       {"notice.accept", "notice.refuse", "notice.choose", "notice.close"},
	"the first layer that only informs":     {"notice.understood", "notice.open"},
	"the dialog":                            {"centre.save", "notice.accept", "notice.refuse", "centre.close"},
	"the preference centre":                 {"centre.save", "notice.accept", "notice.refuse", "centre.withdraw", "centre.receipt", "centre.back", "centre.policy", "centre.reload"},
	"what stands in the place of a service": {"placeholder.once", "placeholder.always", "placeholder.privacy"},
}

func TestNoTwoButtonsInOnePlaceHaveTheSameLabel(t *testing.T) {
	for _, tag := range Tags() {
		l, _ := Find(tag)
		for place, keys := range buttons {
			for i, a := range keys {
				for _, b := range keys[:i] {
					if fold(l.message(a)) == fold(l.message(b)) {
						t.Errorf("messages/%s.txt: in %s, %s and %s are both %q", tag, place, b, a, l.message(a))
					}
				}
			}
		}
	}
}

// answers are the words that say yes and no on a button, and nothing else.
var answers = map[string]struct{ accept, refuse, all, without string }{
	"ar": {"قبول", "رفض", "الكل", "دون"},
	"de": {"akzeptieren", "ablehnen", "alle", "ohne"},
	"en": {"accept", "refuse", "all", "without"},
	"es": {"aceptar", "rechazar", "todo", "sin"},
	"fr": {"accepter", "refuser", "tout", "sans"},
	"it": {"accetta", "rifiuta", "tutto", "senza"},
	"nl": {"accepteren", "weigeren", "alles", "zonder"},
	"pt": {"aceitar", "recusar", "tudo", "sem"},
}

// A yes and a no are told apart by one word, and neither is made by negating the
// other: "Accept all" and "Refuse all", never "Do not accept" or "Do not refuse".
func TestAcceptingAndRefusingAreOneVerbEach(t *testing.T) {
	for _, tag := range Tags() {
		l, _ := Find(tag)
		words, ok := answers[tag]
		if !ok {
			t.Errorf("say in answers which words say yes and no in %q", tag)
			continue
		}
		for key, verb := range map[string]string{"notice.accept": words.accept, "notice.refuse": words.refuse} {
			got := strings.Fields(fold(l.message(key)))
			want := []string{verb, words.all}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("messages/%s.txt: %s is %q, not the two words %q", tag, key, l.message(key), want)
			}
		}
		// To close is to refuse: its label says so, and no other one carries a no.
		if text := strings.Fields(fold(l.message("notice.close"))); !slices.Contains(text, words.without) || slices.Contains(text, words.refuse) {
			t.Errorf("messages/%s.txt: notice.close is %q, and does not say %q", tag, l.message("notice.close"), words.without)
		}
		for _, key := range []string{"notice.accept", "notice.refuse", "notice.choose", "centre.save", "centre.withdraw", "placeholder.once", "placeholder.always"} {
			if slices.Contains(strings.Fields(fold(l.message(key))), words.without) {
				t.Errorf("messages/%s.txt: %s is %q: say what it does, not what it does without", tag, key, l.message(key))
			}
		}
	}
}

// A first layer has at most 90 words. What it says whatever the manifest says
// must leave three purposes their title and a sentence.
func TestTheWordsOfAFirstLayerLeaveRoomForThreePurposes(t *testing.T) {
	for _, first := range []struct {
		title, lead string
		most        int
	}{
		{"notice.title", "notice.asks", 50},
		{"notice.title-again", "notice.asks-again", 54},
		{"notice.title-preconfigure", "notice.preconfigures", 60},
	} {
		for _, tag := range Tags() {
			l, _ := Find(tag)
			n := 0
			for _, key := range []string{first.title, first.lead, "notice.means", "notice.change", "notice.recipients", "notice.policy"} {
				for _, word := range strings.Fields(l.Say(key, "controller", "Société Exemple Cexro", "button", "Manage your cookies")) {
					if strings.ContainsFunc(word, unicode.IsLetter) {
						n++
					}
				}
			}
			if n > first.most {
				t.Errorf("messages/%s.txt: a first layer with %s has %d words without its purposes, more than %d", tag, first.lead, n, first.most)
			}
		}
	}
}
