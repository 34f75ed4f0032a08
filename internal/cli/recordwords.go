package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/policy"
)

func allowWords(allow bool) string {
	if allow {
		return "allowed"
	}
	return "not allowed"
}

func answerWords(a register.Answer) string {
	if a.InUse {
		return allowWords(a.Allow)
	}
	return allowWords(a.Allow) + ", as a preference: nothing in it was in use, so this is no consent"
}

func actionWords(a register.Action) string {
	if s, ok := map[register.Action]string{
		register.Accept: "accepting everything", register.Refuse: "refusing everything", register.Close: "closing the notice by its button, which refuses",
		register.Save: "saving answers one by one", register.Withdraw: "withdrawing what was allowed before", register.Imported: "a choice that another system had kept",
	}[a]; ok {
		return s
	}
	return fmt.Sprintf("%q", a)
}

func stateWords(s register.State) string {
	if w, ok := map[register.State]string{
		register.Given: "consent to everything that depends on it", register.Partial: "consent to a part, and no consent to the rest",
		register.Refused: "no consent", register.Withdrawn: "no consent any more: it was withdrawn", register.Preference: "a preference, and no consent: nothing depended on it",
	}[s]; ok {
		return w
	}
	return fmt.Sprintf("%q", s)
}

func scopeWords(s string) string {
	switch s {
	case string(policy.ScopeDevice):
		return "this browser"
	case string(policy.ScopeAccount):
		return "the visitor's account, on every device"
	}
	return fmt.Sprintf("%q", s)
}

func controllerWords(c register.Controller) string {
	var parts []string
	if c.SIREN != "" {
		parts = append(parts, "SIREN "+c.SIREN)
	}
	if c.Country != "" {
		parts = append(parts, "country "+c.Country)
	}
	if parts == nil {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// momentWords writes a time for programs and for people.
func momentWords(text string) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return text + " (" + at.UTC().Format("Monday, 2 January 2006, 15:04:05 UTC") + ")"
}

// lengthWords says how long it is between two times: in months, where they are
// whole, else in days.
func lengthWords(from, to string) string {
	a, err1 := time.Parse(time.RFC3339, from)
	b, err2 := time.Parse(time.RFC3339, to)
	if errors.Join(err1, err2) != nil || b.Before(a) {
		return ""
	}
	months := (b.Year()-a.Year())*12 + int(b.Month()-a.Month())
	if months > 0 && a.AddDate(0, months, 0).Equal(b) {
		return ", " + plural(months, "month")
	}
	return ", " + plural(int(b.Sub(a).Hours()/24), "day")
}

func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
