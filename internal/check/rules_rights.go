package check

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/temoin/temoin/policy"
)

// Rules on what visitors can ask for, and of whom.
var rightsRules = []Rule{
	{
		ID: "pol-rights-complete", Severity: Error,
		Title:   "The policy lists every right that follows from its legal bases.",
		Why:     "Visitors must be told which rights they have.",
		Fix:     "Remove rights, and Témoin lists those that apply; or add the missing ones.",
		Sources: []Source{gdpr("13(2)(b)-(c)"), gdpr("15-21"), {"Loi 78-17, art. 48", Read}},
		find: func(p *pass) {
			bare := p.Page.Section("rights").Bare
			if p.Rights == nil && !bare {
				return // Témoin lists them
			}
			var missing []string
			for _, r := range p.RightsDue() {
				if !slices.Contains(p.Rights, r) {
					missing = append(missing, string(r))
				}
			}
			if missing == nil {
				return
			}
			f := p.report("rights", "these rights are not listed: "+strings.Join(missing, ", "))
			if p.Rights == nil {
				f.write("Write rights: those that your own words name; or remove bare, and Témoin lists those that apply.")
			}
		},
	},
	{
		ID: "pol-complaint-cnil", Severity: Error,
		Title:   "The right to complain to the authority is stated, with a link to the page on which complaints are made.",
		Why:     "Visitors must be told where they can complain.",
		Fix:     "Write authority: cnil in France; elsewhere authority: {name: …, url: …, complaint: …}.",
		Sources: []Source{gdpr("13(2)(d)"), gdpr("77")},
		find: func(p *pass) {
			a := p.Authority
			switch {
			case a.Name.IsZero():
				p.report("authority", "the policy names no authority to which visitors can complain").write(p.authorityToName())
			case !leadsBeyondHome(a.Complaint):
				p.report("authority", "the link leads to the authority's home page").as(Info).write("Write authority.complaint: the page on which complaints are made.")
			}
		},
	},
	{
		ID: "pol-automated-decision", Severity: Warning,
		Title:   "Where people are profiled, the policy says whether decisions are automated.",
		Why:     "Visitors must be told of automated decisions, and of their logic.",
		Fix:     "Write automated_decisions: {none: true}, or {text: …}: which decisions, and by which logic.",
		Sources: []Source{gdpr("13(2)(f)"), gdpr("22")},
		find: func(p *pass) {
			if p.Automated.None || !p.Automated.Text.IsZero() {
				return
			}
			if field, who := p.profiles(); who != "" {
				p.report(field, who+" profiles people; nothing is said about automated decisions")
			}
		},
	},
	{
		ID: "dsr-in-writing", Severity: Warning,
		Title:   "Whoever takes requests can be written to.",
		Why:     "A request by telephone leaves no trace of what was asked and when; the controller must make asking easy.",
		Fix:     "Add email, form or address to the contact.",
		Sources: []Source{gdpr("12(2)")},
		find: func(p *pass) {
			for _, m := range []policy.Mailbox{p.Contact.DPO, p.Contact.General} {
				if !m.IsZero() && m.Email == "" && m.Form.IsZero() && m.Address == "" {
					p.report(m.Field, "there is neither an e-mail address nor a form nor a postal address to write to")
				}
			}
		},
	},
	{
		ID: "dsr-one-month", Severity: Error,
		Title:   "A promised answer time is within the month that the law allows.",
		Why:     "A longer promise announces a breach.",
		Fix:     "Promise one month or less.",
		Sources: []Source{gdpr("12(3)")},
		find: func(p *pass) {
			for field, m := range map[string]policy.Mailbox{"dpo": p.Contact.DPO, "general": p.Contact.General} {
				if m.Within.Compare(months(1)) > 0 {
					p.report("contact."+field+".answers_within", fmt.Sprintf("%s is more than one month", m.Within))
				}
			}
			for _, promise := range p.Promises {
				if promise.ID == "answer-time" && promise.Max.Compare(months(1)) > 0 {
					p.report(promise.Field, fmt.Sprintf("%s is more than one month", promise.Max))
				}
			}
		},
	},
}

// authorityToName says which authority to write: that of the controller's
// country, or where it is not known, of the countries that the site addresses.
func (p *pass) authorityToName() string {
	const other = "authority: {name: …, url: …, complaint: …}"
	under := p.Jurisdictions() // the controller's comes last; territories count as France
	switch {
	case len(under) == 0:
		return "Write authority: cnil if it is the French one, else " + other + "."
	case p.Controller.Country == "" && slices.Contains(under, "FR"), policy.UnderFrenchLaw(p.Controller.Country):
		return "Write authority: cnil."
	}
	return "Write " + other + ": that of the controller's country."
}

// profiles returns the first part of a site that profiles people, and where it
// stands. Advertising and social networks do, whether the manifest says so or not.
func (p *pass) profiles() (field, who string) {
	for _, c := range p.Categories {
		if c.Profiling && c.Ground != policy.GroundUnused {
			return c.Field, fmt.Sprintf("category %q", c.ID)
		}
	}
	for _, s := range p.Services {
		if s.Profiling || s.Loads == policy.LoadsOnConsent && slices.Contains([]string{"advertising", "social"}, kind(s)) {
			return s.Field, name(s)
		}
	}
	return "", ""
}

// leadsBeyondHome reports whether a link is more than a site's home page.
func leadsBeyondHome(link policy.Text) bool {
	u, err := url.Parse(link.In())
	return err == nil && (strings.Trim(u.Path, "/") != "" || u.RawQuery != "")
}
