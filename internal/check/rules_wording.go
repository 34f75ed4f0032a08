package check

import (
	"fmt"
	"strings"

	"github.com/temoin/temoin/policy"
)

// Rules on wording: claims that no text may make, whatever the facts.
var wordingRules = []Rule{
	{
		ID: "pol-anonymity-claim", Severity: Error,
		Title:   "“Anonymous” is not said of data that carries a unique identifier or goes to a vendor.",
		Why:     "A cookie's identifier and an IP address are personal data: whoever holds them can single out one browser.",
		Fix:     "Say what is done: “a random number”, “the last digits are removed”, “only totals are kept”.",
		Sources: []Source{guidelines("15"), gdpr("4(5)"), {"GDPR, recital 26", Remembered}},
		find: func(p *pass) {
			for _, t := range p.texts {
				// Totals of the site's own logs can be anonymous; the threshold sees to it.
				if ofStatistics(p.Site, t.Path) {
					continue
				}
				if m := p.claimed(t, t.Text, anonymity); m != "" {
					p.reportAt(t.Prose, quote(m)+" is claimed")
				}
			}
		},
	},
	{
		ID: "pol-compliance-claim", Severity: Error,
		Title:   "Nothing claims to be compliant or certified.",
		Why:     "A notice is not compliant because it says so; “designed to follow” is the most that can be said.",
		Fix:     "Write “designed to follow the CNIL's texts”.",
		Sources: []Source{gdpr("5(1)(a)"), audienceTool},
		find: func(p *pass) {
			for _, t := range p.texts {
				if m := p.claimed(t, t.Text, compliance); m != "" {
					p.reportAt(t.Prose, quote(m)+" is claimed")
				}
			}
		},
	},
	{
		ID: "pol-control-claim", Severity: Warning,
		Title:   "Nothing claims total control, total security or full privacy.",
		Why:     "What is exempt cannot be refused; the claim is not true.",
		Fix:     "Say what can be refused, and how.",
		Sources: []Source{gdpr("5(1)(a)")},
		find: func(p *pass) {
			for _, t := range p.texts {
				if m := p.claimed(t, t.Text, totality); m != "" {
					p.reportAt(t.Prose, quote(m)+" is claimed")
				}
			}
		},
	},
	{
		ID: "pol-citation", Severity: Warning,
		Title:   "Legal references are exact.",
		Why:     "A wrong reference sends readers to a text that says something else.",
		Fix:     "The exemption is in art. 82, last paragraph, 2°, of the French law; withdrawal as easy as giving is GDPR art. 7(3); consent to the tracker is art. 82, and GDPR art. 6(1)(a) covers what is done afterwards; no text in force recommends 13 months for all cookies.",
		Sources: []Source{eprivacy, art82, gdpr("7(3)"), recommendation("5", Corroborated)},
		find: func(p *pass) {
			for _, t := range p.texts {
				for _, c := range wrongCitations {
					if c.text.near(t) && p.claimed(t, undotted(t.Text), c.text) != "" && !c.unless.in(t) {
						p.reportAt(t.Prose, c.in(p.Site))
					}
				}
			}
		},
	},
	{
		ID: "pol-plain-language", Severity: Info,
		Title:   "Purposes are put in plain words.",
		Why:     "Information must be intelligible to whoever visits the site.",
		Fix:     "Say it without the abbreviation, or explain it in the same sentence.",
		Sources: []Source{guidelines("22"), gdpr("12(1)")},
		find: func(p *pass) {
			for _, t := range p.texts {
				if !strings.HasSuffix(t.Path, ".purpose") {
					continue
				}
				if m := jargon.find(t); m != "" && len(strings.Fields(t.Text)) < 7 {
					p.reportAt(t.Prose, fmt.Sprintf("%q is not explained", m))
				}
				if n := len(strings.Fields(t.Text)); n > 40 {
					p.reportAt(t.Prose, fmt.Sprintf("a purpose of %d words is not one plain sentence", n))
				}
			}
		},
	},
	{
		ID: "pol-browser-not-enough", Severity: Error,
		Title:     "Browser settings are a complement, never the way to refuse.",
		Why:       "Browsers do not let visitors choose by purpose.",
		Fix:       "Say that refusal is in the preference centre; declare choice.reopen.",
		Sources:   []Source{guidelines("44-45")},
		Countries: []string{"FR"},
		find: func(p *pass) {
			if len(p.Choice.Reopen) > 0 {
				return
			}
			for _, t := range p.texts {
				if strings.HasPrefix(t.Path, "page.sections.choose") && browserWord.in(t) && !preferenceWord.in(t) {
					p.reportAt(t.Prose, "names the browser's settings as the way to choose")
				}
			}
		},
	},
	{
		ID: "ban-no-trick-wording", Severity: Warning,
		Title:   "Nothing flatters a yes or blames a no.",
		Why:     "Consent is free only where both answers are put alike.",
		Fix:     "Say what follows from each, without praise.",
		Sources: []Source{recommendation("2.4", Read), edpb3of2022},
		find: func(p *pass) {
			for _, t := range p.texts {
				asks := strings.HasPrefix(t.Path, "notice.") || strings.HasSuffix(t.Path, ".accepted") || strings.HasSuffix(t.Path, ".refused")
				if m := p.claimed(t, t.Text, trick); asks && m != "" {
					p.reportAt(t.Prose, quote(m)+" pushes towards one answer")
				}
			}
		},
	},
}

// in says what is wrong about a citation, by the law that holds for a site.
func (c *citation) in(site *policy.Site) string {
	if c.abroad == "" || holds("FR", site) {
		return c.wrong
	}
	return c.abroad
}

// ofStatistics reports whether a text is about the site's own statistics.
func ofStatistics(s *policy.Site, path string) bool {
	if strings.HasPrefix(path, "audience.") || s.Audience.Source != "" && strings.HasPrefix(path, "page.sections.audience.") {
		return true
	}
	for _, p := range s.Promises {
		if strings.HasPrefix(p.ID, "statistics-") && strings.HasPrefix(path, p.Field+".") {
			return true
		}
	}
	return false
}
