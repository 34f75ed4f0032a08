package document

import (
	"fmt"
	"slices"

	"github.com/temoin/temoin/internal/wording"
	"github.com/temoin/temoin/policy"
)

// indexed is the field of an item of a list.
func indexed(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

// since says what changed since the version before, what matters first. Its
// version and dates stand at the top of the page.
func (b *builder) since() {
	old := b.options.Previous
	if old == nil {
		return
	}
	words, err := b.Since(old)
	if err != nil {
		return // the language is known: Build has it
	}
	var lines []wording.Line
	texts, other := 0, 0
	changes := policy.Compare(old, b.site).Changes
	slices.SortStableFunc(changes, func(x, y policy.Change) int { return weight(y) - weight(x) })
	for _, ch := range changes {
		switch line := words.Change(ch); {
		case slices.Contains([]string{"version", "updated", "effective"}, ch.What):
		case ofTexts(ch.Kind):
			texts++
		case line == nil:
			other++
		default:
			lines = append(lines, line)
		}
	}
	if texts > 0 {
		lines = append(lines, b.Say("change.texts", wording.A("n", b.Number("", texts))))
	}
	if other > 0 {
		lines = append(lines, b.Say("change.rest", wording.A("n", b.Number("", other))))
	}
	if len(lines) > 0 {
		b.add(Heading{"since", b.Say("changes.since", wording.A("version", b.Name("", old.Policy.Version)))})
		b.list(lines)
	}
}

// weight puts first what visitors are asked about again, then what is announced.
func weight(c policy.Change) int {
	switch {
	case c.Ask:
		return 2
	case c.Substantial:
		return 1
	}
	return 0
}

func ofTexts(k policy.ChangeKind) bool {
	switch k {
	case policy.ChangeTextNew, policy.ChangeTextGone, policy.ChangeTextChanged, policy.ChangeTranslated, policy.ChangeUntranslated:
		return true
	}
	return false
}
