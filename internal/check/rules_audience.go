package check

import (
	"fmt"
	"slices"

	"github.com/temoin/temoin/policy"
)

// Rules on audience measurement under the exemption.
var audienceRules = []Rule{
	{
		ID: "aud-purpose", Severity: Error,
		Title:     "Exempt audience measurement serves only performance, navigation, ergonomics, capacity and content.",
		Why:       "Measuring campaigns or where visitors come from is outside the exemption.",
		Fix:       "Remove the purpose, or ask for consent.",
		Sources:   []Source{guidelines("50-51"), audiencePage, audienceTool},
		Countries: []string{"FR"},
		find: func(p *pass) {
			if !p.Audience.Exemption {
				return
			}
			for i, purpose := range p.Audience.Purposes {
				if purpose == "acquisition" || purpose == "campaigns" {
					p.report(fmt.Sprintf("audience.purposes[%d]", i), fmt.Sprintf("%q is outside the exemption", purpose))
				}
			}
			if len(p.Audience.Purposes) == 0 {
				p.report("audience", "the exemption is claimed, and nothing says what the statistics serve")
			}
		},
	},
	{
		ID: "aud-lifetimes", Severity: Error,
		Title:     "Statistics under the exemption are kept twenty-five months at most.",
		Why:       "Twenty-five months is the CNIL's advice, which we treat as a condition for claiming the exemption.",
		Fix:       "Write audience.kept: 25 months or less.",
		Sources:   []Source{recommendation("5", Corroborated), audiencePage},
		Countries: []string{"FR"},
		find: func(p *pass) {
			if p.Audience.Exemption && exceeds(p.Audience.Kept, months(25)) {
				p.report("audience.kept", fmt.Sprintf("statistics are kept for %s", p.Audience.Kept))
			}
		},
	},
	{
		ID: "aud-inform-optout", Severity: Warning,
		Title:   "Visitors can object to audience measurement.",
		Why:     "The CNIL recommends it, and objection is a right where the basis is legitimate interest.",
		Fix:     "Write audience.opt_out: true.",
		Sources: []Source{audiencePage, gdpr("21")},
		find: func(p *pass) {
			if p.Audience.Source != "" && !p.Audience.OptOut {
				p.report("audience", "nothing lets visitors object to audience measurement")
			}
		},
	},
	{
		ID: "aud-anon-output", Severity: Warning,
		Title:     "Small counts are hidden.",
		Why:       "A count of one is a person. No law gives a number; ten is a house line after the CNIL's rounding to the nearest ten.",
		Fix:       "Write audience.threshold: 10.",
		Sources:   []Source{guidelines("51"), audienceTool, house("ten")},
		Countries: []string{"FR"},
		find: func(p *pass) {
			if p.Audience.Source != "" && p.Audience.Threshold < 10 {
				p.report("audience", fmt.Sprintf("counts down to %d are shown", max(p.Audience.Threshold, 1)))
			}
		},
	},
	{
		ID: "aud-exemption-abroad", Severity: Warning,
		Title:   "The exemption for audience measurement is claimed for visitors in France only.",
		Why:     "It is the French authority's reading; Belgium has none, and others differ.",
		Fix:     "Ask for consent in the other countries, or have the exemption checked for each.",
		Sources: []Source{eprivacy, guidelines("50"), house("other authorities' texts were not read")},
		find: func(p *pass) {
			i := slices.IndexFunc(p.Jurisdictions(), func(c string) bool { return c != "FR" })
			if i < 0 {
				return
			}
			abroad := p.Jurisdictions()[i]
			if p.Audience.Exemption {
				p.report("audience.exemption", fmt.Sprintf("the exemption is claimed, and the site addresses %s", abroad))
			}
			for _, t := range p.own() {
				if t.Reason == policy.ReasonAudience {
					p.report(t.Field, fmt.Sprintf("%s is exempt as audience measurement, and the site addresses %s", t, abroad))
				}
			}
		},
	},
	{
		ID: "aud-no-consent-purposes", Severity: Info,
		Title:   "Audience measurement says what it serves.",
		Why:     "A purpose that is not said cannot be held to.",
		Fix:     "Write audience.purposes.",
		Sources: []Source{gdpr("13")},
		find: func(p *pass) {
			if p.Audience.Source != "" && len(p.Audience.Purposes) == 0 && !p.Audience.Exemption {
				p.report("audience", "nothing says what the statistics serve")
			}
		},
	},
	{
		ID: "aud-rights-objection", Severity: Warning,
		Title:   "Where visitors can object, the right to object is listed.",
		Why:     "A right that is granted and not told is not used.",
		Fix:     "Add objection to rights, or remove rights and let Témoin list them.",
		Sources: []Source{gdpr("21"), gdpr("13(2)(b)")},
		find: func(p *pass) {
			if p.Audience.OptOut && p.Rights != nil && !slices.Contains(p.Rights, policy.RightObjection) {
				p.report("rights", "visitors can object to audience measurement, and the right is not listed")
			}
		},
	},
}
