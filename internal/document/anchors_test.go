package document

import (
	"strings"
	"testing"

	"github.com/temoin/temoin/internal/lang"
)

func TestAPageClaimsNoProtectionAgainstTheOperatorWithoutAnAnchor(t *testing.T) {
	anchored := small + "proof: {anchors: [{kind: timestamp, name: Example Trust}, {kind: witness, name: W Club}]}\n"
	for _, tag := range lang.Tags() {
		alone, with := markdown(t, withLanguage(small, tag), tag), markdown(t, withLanguage(anchored, tag), tag)
		said := sayIn(t, tag, "record.log.why-alone")
		if !strings.Contains(alone, said) || strings.Contains(with, said) {
			t.Errorf("%s: without an anchor the page says %v, with one %v, that nothing is proven against the operator", tag, strings.Contains(alone, said), strings.Contains(with, said))
		}
		if strings.Contains(alone, "Example Trust") || !strings.Contains(with, "Example Trust") || !strings.Contains(with, "W Club") {
			t.Errorf("%s: the places are not named", tag)
		}
	}
	if page := markdown(t, anchored, "en"); !strings.Contains(page, "time-stamps by Example Trust and the witness W Club") {
		t.Errorf("%s", page)
	}
}

func withLanguage(src, tag string) string {
	return strings.Replace(src, "languages: [en]", "languages: ["+tag+"]", 1)
}

func markdown(t *testing.T, src, tag string) string {
	t.Helper()
	return string(build(t, parse(t, "small.yaml", src), tag).Markdown())
}

// sayIn returns a message as the page has it.
func sayIn(t *testing.T, tag, key string) string {
	t.Helper()
	l, ok := lang.Find(tag)
	if !ok {
		t.Fatal(tag)
	}
	return l.Say(key)
}
