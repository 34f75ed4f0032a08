package check

import (
	"fmt"
	"io"
	"strings"
)

// pending lists texts that may become law or practice. None of them is a rule:
// what is not in force binds nobody. When one is adopted, its rules enter the
// table with a From date.
var pending = []string{
	"Digital Omnibus, COM(2025) 837: would move consent for terminal equipment into the GDPR (proposed art. 88a, 88b).",
	"CNIL, recommendation on pixels in e-mails: draft of 12 June 2025, the final text was not verified.",
	"CJEU, C-703/25 P: appeal on the EU-U.S. Data Privacy Framework, lodged on 31 October 2025, outcome not verified.",
	"RFC 6265bis and layered cookies: whether an RFC number has been issued was not verified.",
}

// WriteRules lists the rules, and what may come.
func WriteRules(w io.Writer) error {
	var b strings.Builder
	for _, r := range rules {
		fmt.Fprintf(&b, "%-29s %-8s %-3s %s\n", r.ID, r.Severity, r.Law(), r.Title)
	}
	fmt.Fprintf(&b, "\n%d rules. Not in force, and no rule yet:\n", len(rules))
	for _, p := range pending {
		fmt.Fprintf(&b, "  - %s\n", p)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
