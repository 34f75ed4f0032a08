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
		Fix:     "Write controller: {name, form, siren, country}.",
		Sources: []Source{guidelines("24"), gdpr("13(1)(a)")},
		find: func(p *pass) {
			c := p.Controller
			switch {
			case c.Name == "":
				p.report("controller", "the policy does not say who the controller is")
			case strings.EqualFold(c.Name, p.Name) && c.Form == "":
				p.report("controller.name", quote(c.Name)+" is the site's name; nothing says which legal entity it is").as(Warning)
			}
			if c.Name != "" && c.Country == "FR" && c.SIREN == "" {
				p.report("controller", "a French controller gives no SIREN").as(Warning)
			}
		},
	},
	{
		ID: "pol-siren-valid", Severity: Warning,
		Title:   "A declared SIREN is a possible one.",
		Why:     "A wrong digit points to nobody, or to somebody else.",
		Fix:     "Copy the nine digits from the company register.",
		Sources: []Source{{"INSEE, format of the SIREN (Luhn check)", Remembered}},
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
			p.report("contact", "there is neither an e-mail address nor a form to write to")
		},
	},
	{
		ID: "pol-version-dates", Severity: Error,
		Title:   "The policy carries a version, the date of its last change and the date from which it applies.",
		Why:     "Who must show which text a visitor saw needs to tell one text from another.",
		Fix:     "Write policy: {version, updated, effective}.",
		Sources: []Source{gdpr("5(2)"), gdpr("7(1)"), recommendation("4", Read)},
		find: func(p *pass) {
			d := p.Policy
			for field, missing := range map[string]bool{"version": d.Version == "", "updated": d.Updated.IsZero(), "effective": d.Effective.IsZero()} {
				if missing {
					p.report("policy."+field, "the policy has no "+map[string]string{"version": "version", "updated": "date of last change", "effective": "date from which it applies"}[field])
				}
			}
			if d.Updated.IsZero() || d.Effective.IsZero() {
				return
			}
			switch gap := d.Effective.Time().Sub(d.Updated.Time()); {
			case gap < 0:
				p.report("policy.updated", fmt.Sprintf("the last change (%s) is later than the day from which it applies (%s)", d.Updated, d.Effective))
			case gap > 60*24*time.Hour:
				p.report("policy.effective", fmt.Sprintf("it applies %d days after its last change", gap/(24*time.Hour))).as(Warning).
					write("Check both dates; if the gap is meant, say why in policy.history.")
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
			for _, t := range p.Prose {
				for _, word := range strings.FieldsFunc(t.Text, func(r rune) bool { return !isLetter(r) }) {
					in := lang.MonthsIn(word)
					if t.Lang == "" || in == nil || slices.Contains(in, t.Lang) || !isDate(t.Text, word) {
						continue
					}
					l, _ := lang.Find(likeliest(in, p.Langs))
					own, _ := lang.Find(t.Lang)
					p.reportAt(t, fmt.Sprintf("%q is a month in %s, in a text in %s", word, l.Name, own.Name))
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
			if last.Before(d.Reviewed) {
				last, field = d.Reviewed, "policy.reviewed"
			}
			switch {
			case !d.Review.IsZero() && d.Review.Before(p.on):
				p.report("policy.review", fmt.Sprintf("the review was due on %s", d.Review))
			case !last.IsZero() && last.Time().AddDate(1, 0, 0).Before(p.on.Time()):
				p.report(field, fmt.Sprintf("it was last read on %s, more than twelve months ago", last))
			}
		},
	},
	{
		ID: "pol-no-empty-section", Severity: Error,
		Title:   "Nothing is announced that does not follow.",
		Why:     "A list that is missing is information that was owed.",
		Fix:     "Write what was announced, or remove the announcement.",
		Sources: []Source{gdpr("12(1)"), gdpr("13"), guidelines("23")},
		find:    findEmptySections,
	},
	{
		ID: "pol-placeholder", Severity: Error,
		Title:   "No text holds a placeholder.",
		Why:     "A policy with [...] in it was never finished.",
		Fix:     "Write the text.",
		Sources: []Source{gdpr("12(1)"), gdpr("13")},
		find: func(p *pass) {
			for _, t := range p.Prose {
				if m := placeholder.FindString(t.Text); m != "" {
					p.reportAt(t, fmt.Sprintf("%q is a placeholder", m))
				}
			}
		},
	},
	{
		ID: "pol-locale-parity", Severity: Error,
		Title:   "Every text exists in every language of the site.",
		Why:     "A visitor who reads the site in a language is owed the policy in it.",
		Fix:     "Add the missing language to the text.",
		Sources: []Source{gdpr("12(1)")},
		find:    findMissingLanguages,
	},
	{
		ID: "pol-untranslated", Severity: Warning,
		Title:   "A translation is one.",
		Why:     "A text copied under another language tag tells its readers nothing, and a screen reader mispronounces it.",
		Fix:     "Translate the text.",
		Sources: []Source{gdpr("12(1)"), {"WCAG 2.2, 3.1.2", Remembered}},
		find:    findUntranslated,
	},
	{
		ID: "pol-language-unknown-to-site", Severity: Info,
		Title:   "No text is in a language that the site does not have.",
		Why:     "It is never shown.",
		Fix:     "Add the language to languages, or remove the text.",
		Sources: []Source{house("nothing is written that nobody reads")},
		find: func(p *pass) {
			seen := map[string]bool{}
			for _, t := range p.Prose {
				if t.Lang != "" && !slices.Contains(p.Langs, t.Lang) && !seen[t.Lang] {
					seen[t.Lang] = true
					p.reportAt(t, fmt.Sprintf("%q is not among the languages of the site", t.Lang))
				}
			}
		},
	},
	{
		ID: "pol-rights-complete", Severity: Error,
		Title:   "The policy lists every right that follows from its legal bases.",
		Why:     "Visitors must be told which rights they have.",
		Fix:     "Remove rights, and Témoin lists those that apply; or add the missing ones.",
		Sources: []Source{gdpr("13(2)(b)-(c)"), gdpr("15-21"), {"Loi 78-17, art. 48", Read}},
		find: func(p *pass) {
			for _, r := range requiredRights(p.Site) {
				if (p.Rights != nil || p.Page.Section("rights").Bare) && !slices.Contains(p.Rights, r) {
					p.report("rights", fmt.Sprintf("the right %q is not listed", r))
				}
			}
		},
	},
	{
		ID: "pol-complaint-cnil", Severity: Error,
		Title:   "The right to complain to the authority is stated, with a link to the page on which complaints are made.",
		Why:     "Visitors must be told where they can complain.",
		Fix:     "Write authority: cnil.",
		Sources: []Source{gdpr("13(2)(d)"), gdpr("77")},
		find: func(p *pass) {
			a := p.Authority
			switch {
			case a.Name.IsZero():
				p.report("authority", "the policy names no authority to which visitors can complain")
			case a.Complaint.IsZero():
				p.report("authority", "the link leads to the authority's home page").as(Info).write("Write authority.complaint: the page on which complaints are made.")
			}
		},
	},
	{
		ID: "pol-automated-decision", Severity: Warning,
		Title:   "Where people are profiled, the policy says whether decisions are automated.",
		Why:     "Visitors must be told of automated decisions, and of their logic.",
		Fix:     "Add no-automation to rights, and say in a section whether decisions are automated.",
		Sources: []Source{gdpr("13(2)(f)"), gdpr("22")},
		find: func(p *pass) {
			if slices.Contains(p.Rights, policy.RightNoAutomation) {
				return
			}
			for _, c := range p.Categories {
				if c.Profiling {
					p.report(c.Field, fmt.Sprintf("category %q profiles people; nothing is said about automated decisions", c.ID))
				}
			}
			for _, s := range p.Services {
				if s.Profiling && !s.Category.Profiling {
					p.report(s.Field, fmt.Sprintf("%s profiles people; nothing is said about automated decisions", name(s)))
				}
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
		ID: "pol-exempt-listed", Severity: Warning,
		Title:   "What needs no consent is listed too.",
		Why:     "The exemption is from asking, not from telling: the GDPR asks for information wherever personal data is involved.",
		Fix:     "List the trackers of the category, such as the session and the protection of forms.",
		Sources: []Source{recommendation("5", Corroborated), gdpr("13")},
		find: func(p *pass) {
			for _, c := range p.Categories {
				if c.Ground == policy.GroundExempt && c.Field != "" && len(c.Services) == 0 &&
					!slices.ContainsFunc(c.Trackers, func(t *policy.Tracker) bool { return t.Origin != policy.FromTemoin }) {
					p.report(c.Field, fmt.Sprintf("category %q lists nothing of the site's own", c.ID))
				}
			}
		},
	},
	{
		ID: "pol-consequences", Severity: Warning,
		Title:   "Each category that visitors are asked about says what follows from yes and from no.",
		Why:     "Who decides must know what the decision changes.",
		Fix:     "Write accepted and refused, one sentence each.",
		Sources: []Source{guidelines("24")},
		find: func(p *pass) {
			for _, c := range p.asked() {
				if c.IfAccepted.IsZero() {
					p.report(c.Field, fmt.Sprintf("category %q does not say what happens when it is accepted", c.ID))
				}
				if c.IfRefused.IsZero() {
					p.report(c.Field, fmt.Sprintf("category %q does not say what happens when it is refused", c.ID))
				}
			}
		},
	},
	{
		ID: "pol-category-said", Severity: Error,
		Title:   "Each category that visitors are asked about has a title and a purpose.",
		Why:     "The first layer shows each purpose before the answer; without words it cannot.",
		Fix:     "Write title and purpose.",
		Sources: []Source{guidelines("24"), recommendation("2.1", Read)},
		find: func(p *pass) {
			for _, c := range p.asked() {
				if c.Title.IsZero() {
					p.report(c.Field, fmt.Sprintf("category %q has no title", c.ID))
				}
				if c.Purpose.IsZero() {
					p.report(c.Field, fmt.Sprintf("category %q does not say what it is for", c.ID))
				}
			}
		},
	},
	{
		ID: "pol-browser-guide", Severity: Info,
		Title:   "Browser guidance is up to date.",
		Why:     "A path through menus that are gone leads nowhere.",
		Fix:     "Remove the entry, and Témoin's own guidance stands.",
		Sources: []Source{house("good practice")},
		find: func(p *pass) {
			for _, b := range p.Browsers {
				for _, old := range outdatedMenus[b.ID] {
					if strings.Contains(b.Text.In(p.Langs...), old) {
						p.report("browsers."+b.ID, fmt.Sprintf("%q is what the menu was called in earlier versions", old))
						break
					}
				}
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
		ID: "dsr-one-month", Severity: Error,
		Title:   "A promised answer time is within the month that the law allows.",
		Why:     "A longer promise announces a breach.",
		Fix:     "Promise one month or less.",
		Sources: []Source{gdpr("12(3)")},
		find: func(p *pass) {
			month := policy.Period{Count: 1, Unit: policy.Month}
			for field, m := range map[string]policy.Mailbox{"dpo": p.Contact.DPO, "general": p.Contact.General} {
				if m.Within.Compare(month) > 0 {
					p.report("contact."+field+".answers_within", fmt.Sprintf("%s is more than one month", m.Within))
				}
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
			if p.Public.Minors == "" || p.Public.Minors == "none" {
				return
			}
			if p.Public.Text.IsZero() {
				p.report("public", "minors may visit, and nothing speaks to them")
			}
			for _, s := range p.Services {
				if (s.Category.Advertising || slices.Contains([]string{"advertising", "session-replay"}, s.Kind)) && p.Public.Because.IsZero() {
					p.report(s.Field, fmt.Sprintf("%s (%s) is used although minors may visit, without a reason", name(s), s.Kind))
				}
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
}

// likeliest returns the tag that the site has, else the first.
func likeliest(tags, site []string) string {
	for _, t := range tags {
		if slices.Contains(site, t) {
			return t
		}
	}
	return tags[0]
}

// requiredRights are the rights that a site's policy must list.
func requiredRights(s *policy.Site) []policy.Right {
	rights := []policy.Right{policy.RightAccess, policy.RightRectification, policy.RightErasure, policy.RightRestriction, policy.RightPortability}
	for _, c := range s.Categories {
		if c.NeedsConsent() {
			rights = append(rights, policy.RightWithdraw)
			break
		}
	}
	if usesLegitimateInterest(s) {
		rights = append(rights, policy.RightObjection)
	}
	if slices.Contains(jurisdictions(s), "FR") {
		rights = append(rights, policy.RightAfterDeath)
	}
	return rights
}

func usesLegitimateInterest(s *policy.Site) bool {
	return slices.ContainsFunc(s.Records, func(r policy.Record) bool { return r.Basis == policy.BasisLegitimateInterest }) ||
		slices.ContainsFunc(s.Categories, func(c *policy.Category) bool { return c.Basis == policy.BasisLegitimateInterest }) ||
		slices.ContainsFunc(s.Trackers, func(t *policy.Tracker) bool { return t.Basis == policy.BasisLegitimateInterest })
}

// findEmptySections looks for sections that announce what does not follow: in a
// bare section nothing follows but the operator's own text, in some others
// nothing does where the manifest does not say it.
func findEmptySections(p *pass) {
	unsaid := map[string]bool{
		"law":     len(p.Law) == 0,
		"app":     p.App.Name == "",
		"hosting": p.HostedBy.Name == "",
		"contact": p.Contact.DPO.Email+p.Contact.General.Email == "" && p.Contact.General.Form.IsZero(),
	}
	for _, s := range p.Page.Sections {
		if !s.Text.IsZero() || !s.Bare && !unsaid[s.ID] {
			continue
		}
		for field, t := range map[string]policy.Text{"intro": s.Intro, "note": s.Note} {
			if announces(t) {
				p.report(s.Field+"."+field, quote(t.In(p.Langs...))+" announces what does not follow")
			}
		}
	}
	for _, c := range p.Categories {
		if announces(c.Purpose) && c.Benefits.IsZero() {
			p.report(c.Field+".purpose", quote(c.Purpose.In(p.Langs...))+" announces what does not follow")
		}
	}
}

// announces reports whether a text ends by announcing something.
func announces(t policy.Text) bool {
	for _, l := range lang.Tags() {
		if s, ok := t.Get(l); ok && strings.HasSuffix(strings.TrimRight(s, " …\u00a0\u202f."), ":") {
			return true
		}
	}
	return false
}

func notCookie(t *policy.Tracker) bool { return t.Storage != policy.Cookie }

// findMissingLanguages reports each text that is not in all languages, and a
// language in which there is no text at all, each once.
func findMissingLanguages(p *pass) {
	if len(p.Langs) < 2 {
		return
	}
	have := map[string][]string{}
	written := map[string]bool{p.Default(): true}
	var order []policy.Prose
	for _, t := range p.Prose {
		if have[t.Path] == nil {
			order = append(order, t)
		}
		have[t.Path] = append(have[t.Path], t.Lang)
		written[t.Lang] = true
	}
	for i, l := range p.Langs {
		if !written[l] && len(order) > 0 {
			p.report(fmt.Sprintf("languages[%d]", i), fmt.Sprintf("none of the %d texts is written in %q", len(order), l)).
				write("Write every text in the language, or remove it from languages.")
		}
	}
	for _, t := range order {
		if t.Lang == "" && !sentence.MatchString(t.Text) {
			continue // a name is the same in every language
		}
		var missing []string
		for _, l := range p.Langs {
			if written[l] && !slices.Contains(have[t.Path], l) && !(t.Lang == "" && l == p.Default()) {
				missing = append(missing, l)
			}
		}
		if len(missing) > 0 {
			p.report(t.Path, "is missing in: "+strings.Join(missing, ", "))
		}
	}
}

// findUntranslated reports texts that are the same in two languages, and Arabic
// without an Arabic letter.
func findUntranslated(p *pass) {
	first := map[string]policy.Prose{}
	for _, t := range p.Prose {
		if t.Lang == "" || !sentence.MatchString(t.Text) {
			continue
		}
		if t.Lang == "ar" && !arabicLetter.MatchString(t.Text) {
			p.reportAt(t, "is marked as Arabic and has no Arabic letter")
			continue
		}
		if other, ok := first[t.Path]; ok && strings.EqualFold(other.Text, t.Text) {
			p.reportAt(t, fmt.Sprintf("is the same in %q and %q", other.Lang, t.Lang))
		} else if !ok {
			first[t.Path] = t
		}
	}
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

// outdatedMenus are parts of menu paths that browsers no longer have.
var outdatedMenus = map[string][]string{
	"safari":  {"Preferences", "Préférences"}, // "Settings" since macOS 13
	"firefox": {"Options"},                    // "Settings" since Firefox 87
}
