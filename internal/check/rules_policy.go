package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/temoin/temoin/internal/lang"
	"github.com/temoin/temoin/policy"
)

// Rules on the policy as a document: who speaks, to whom, since when.
var policyRules = []Rule{
	{
		ID: "pol-controller-identity", Severity: Error,
		Title:   "The policy names the controller by its legal name; a French company gives its form and SIREN.",
		Why:     "Visitors must know who decides before they answer.",
		Fix:     "Write controller: {name: …, form: …, siren: …, country: …}.",
		Sources: []Source{guidelines("24"), gdpr("13(1)(a)")},
		find: func(p *pass) {
			c := p.Controller
			switch {
			case c.Name == "":
				p.report("controller", "the policy does not say who the controller is")
			case strings.EqualFold(c.Name, p.Name) && c.Form == "":
				p.report("controller.name", quote(c.Name)+" is the site's name; nothing says which legal entity it is")
			case c.Country == "FR" && c.Form == "":
				p.report("controller", "a French controller does not give its legal form").as(Warning)
			}
			if c.Name != "" && c.Country == "FR" && c.SIREN == "" {
				p.report("controller", "a French controller gives no SIREN")
			}
		},
	},
	{
		ID: "pol-siren-valid", Severity: Warning,
		Title:     "A declared SIREN is a possible one.",
		Why:       "A wrong digit points to nobody, or to somebody else.",
		Fix:       "Copy the nine digits from the company register.",
		Sources:   []Source{{"INSEE, format of the SIREN (Luhn check)", Remembered}},
		Countries: []string{"FR"},
		find: func(p *pass) {
			if s := p.Controller.SIREN; s != "" && !luhn(strings.ReplaceAll(s, " ", "")) {
				p.report("controller.siren", fmt.Sprintf("%s has a wrong digit (Luhn check)", s))
			}
		},
	},
	{
		ID: "pol-contact-present", Severity: Error,
		Title:   "The policy says how to reach the controller or its data protection officer.",
		Why:     "A right that nobody can be asked for is none.",
		Fix:     "Write contact: {dpo: {email: …}} or contact: {general: {email: …}}.",
		Sources: []Source{gdpr("13(1)(a)-(b)"), gdpr("12(2)")},
		find: func(p *pass) {
			for _, m := range []policy.Mailbox{p.Contact.DPO, p.Contact.General} {
				if m.Email != "" || !m.Form.IsZero() {
					return
				}
			}
			if p.Controller.Email == "" {
				p.report("contact", "there is neither an e-mail address nor a form to write to")
			}
		},
	},
	{
		ID: "pol-version-dates", Severity: Error,
		Title:   "The policy carries a version, the date of its last change and the date from which it applies.",
		Why:     "Who must show which text a visitor saw needs to tell one text from another.",
		Fix:     "Write policy: {version: …, updated: …, effective: …}.",
		Sources: []Source{gdpr("5(2)"), gdpr("7(1)"), recommendation("4", Read)},
		find: func(p *pass) {
			d := p.Policy
			for _, due := range []struct {
				field, what string
				missing     bool
			}{
				{"version", "version", d.Version == ""},
				{"updated", "date of last change", d.Updated.IsZero()},
				{"effective", "date from which it applies", d.Effective.IsZero()},
			} {
				if due.missing {
					p.report("policy."+due.field, "the policy has no "+due.what)
				}
			}
			if d.Updated.IsZero() || d.Effective.IsZero() {
				return
			}
			switch gap := d.Effective.Time().Sub(d.Updated.Time()); {
			case gap < 0:
				p.report("policy.updated", fmt.Sprintf("the last change (%s) is later than the day from which it applies (%s)", d.Updated, d.Effective))
			case gap > 60*24*time.Hour && d.AnnouncedBefore.After(d.Updated.Time()).Before(d.Effective.Time()):
				p.report("policy.effective", fmt.Sprintf("it applies %d days after its last change, and nothing explains the gap", gap/(24*time.Hour))).as(Warning).
					write("Check both dates; if the gap is meant, write policy.announced_before.")
			}
		},
	},
	{
		ID: "pol-date-locale", Severity: Warning,
		Title:   "Dates are written in the language of the text.",
		Why:     "A French month in an English sentence looks like a mistake, and may be read as one.",
		Fix:     "Leave the spelling to Témoin: write the date alone, as year-month-day.",
		Sources: []Source{gdpr("12(1)")},
		find: func(p *pass) {
			for _, t := range p.texts {
				if t.Lang == "" {
					continue
				}
				for _, word := range datedWords(t) {
					if in := lang.MonthsIn(word); in != nil && !slices.Contains(in, t.Lang) {
						p.reportAt(t.Prose, fmt.Sprintf("%q is a month in %s, in a text in %s", word, languageNames(likeliest(in, p.Langs)), languageNames([]string{t.Lang})))
					}
				}
			}
		},
	},
	{
		ID: "pol-stale-review", Severity: Warning,
		Title:   "The policy was read again within the last twelve months.",
		Why:     "Lists of recipients and trackers age with every release.",
		Fix:     "Read it against the running site, then write policy.reviewed: the day.",
		Sources: []Source{recommendation("2.3", Read), gdpr("24(1)"), house("twelve months are our own line")},
		find: func(p *pass) {
			d := p.Policy
			last, field := d.Updated, "policy.updated"
			if last.Before(d.ReviewedOn) {
				last, field = d.ReviewedOn, "policy.reviewed"
			}
			switch {
			case !d.ReviewDue.IsZero() && d.ReviewDue.Before(p.on) && last.Before(d.ReviewDue):
				p.report("policy.review", fmt.Sprintf("the review was due on %s", d.ReviewDue))
			case !last.IsZero() && last.Time().AddDate(1, 0, 0).Before(p.on.Time()):
				p.report(field, fmt.Sprintf("it was last read on %s, more than twelve months ago", last))
			}
		},
	},
	{
		ID: "pol-change-channel", Severity: Warning,
		Title:   "The policy says how substantial changes are announced.",
		Why:     "A change that nobody hears of binds nobody.",
		Fix:     "Write policy.announce: [banner], and email or account where there are accounts.",
		Sources: []Source{gdpr("5(1)(a)"), gdpr("13(3)")},
		find: func(p *pass) {
			if len(p.Policy.Announce) == 0 {
				p.report("policy.announce", "nothing says how substantial changes are announced")
			}
		},
	},
	{
		ID: "pol-privacy-link", Severity: Warning,
		Title:   "The page links to the privacy policy.",
		Why:     "What is done with the data afterwards is told there.",
		Fix:     "Write links: {privacy: …}.",
		Sources: []Source{gdpr("12(1)"), gdpr("13")},
		find: func(p *pass) {
			if p.Links.Privacy.IsZero() {
				p.report("links", "there is no link to the privacy policy")
			}
		},
	},
	{
		ID: "pol-public", Severity: Info,
		Title:   "The manifest says whether minors use the site.",
		Why:     "Whether special rules hold depends on it.",
		Fix:     "Write public: {minors: none}, possible or targeted.",
		Sources: []Source{gdpr("8")},
		find: func(p *pass) {
			if p.Public.Minors == "" {
				p.report("public", "nothing says whether minors use the site")
			}
		},
	},
	{
		ID: "pol-minors", Severity: Error,
		Title:   "Where minors may visit, a short plain text speaks to them, and advertising or replay has a written reason.",
		Why:     "Children merit specific protection, and information they understand.",
		Fix:     "Write public.text, and public.because where advertising or session replay is used.",
		Sources: []Source{gdpr("8"), {"Loi 78-17, art. 45", Read}},
		find: func(p *pass) {
			if age := p.Public.ConsentAge; age != 0 && age != 15 && holds("FR", p.Site) {
				p.report("public.consent_age", fmt.Sprintf("French law sets the age of consent at 15, not %d", age)).as(Warning).
					write("Remove consent_age, and the country's age holds.")
			}
			if p.Public.Minors == "" || p.Public.Minors == "none" {
				return
			}
			if p.Public.Text.IsZero() {
				p.report("public", "minors may visit, and nothing speaks to them")
			}
			for _, s := range p.Services {
				if (s.Category.Advertising || slices.Contains([]string{"advertising", "session-replay"}, kind(s))) && p.Public.Because.IsZero() {
					p.report(s.Field, fmt.Sprintf("%s (%s) is used although minors may visit, without a reason", name(s), kind(s)))
				}
			}
		},
	},
}

// likeliest returns those of the tags that the site has, all if it has none.
func likeliest(tags, site []string) []string {
	own := slices.DeleteFunc(slices.Clone(tags), func(t string) bool { return !slices.Contains(site, t) })
	if len(own) == 0 {
		return tags
	}
	return own
}

// languageNames writes tags as "German or French".
func languageNames(tags []string) string {
	names := make([]string, len(tags))
	for i, t := range tags {
		l, _ := lang.Find(t)
		names[i] = l.Name
	}
	return strings.Join(names, " or ")
}

func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
