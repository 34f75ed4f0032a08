package consent

import (
	"strings"

	"github.com/temoin/temoin/policy"
)

// Answers writes what a decision says of all that visitors are asked about and has an
// answer that covers what it is today: each category, and behind it each service of it
// that loads on consent, "analytics=1&hotjar=0&support=0".
func (d *Decision) Answers() string {
	b := make([]byte, 0, 128)
	say := func(id string, yes bool) {
		if len(b) > 0 {
			b = append(b, '&')
		}
		b = append(append(b, id...), '=', digit(yes))
	}
	for _, k := range d.site.Categories {
		if !k.NeedsConsent() || !k.InUse() || d.Asks(k) {
			continue
		}
		say(k.ID, d.Category(k))
		for _, s := range k.Services {
			if s.Loads == policy.LoadsOnConsent {
				say(s.ID, d.services.has(s.Index))
			}
		}
	}
	return string(b)
}

// markLength is that of what Mark returns.
var markLength = len("m.") + base.EncodedLen(macBytes)

// Mark returns the end of a value, the MAC as it stands there, by which one value is
// told from another: "m.Lw0t5rXw8Qk". It returns "" for what does not end so.
func Mark(value string) string {
	at := strings.LastIndexByte(value, '&') + 1
	mark := value[at:]
	if at == 0 || len(mark) != markLength || !strings.HasPrefix(mark, "m.") {
		return ""
	}
	if _, err := base.DecodeString(mark[len("m."):]); err != nil {
		return ""
	}
	return mark
}
