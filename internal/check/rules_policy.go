package check

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

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
			case c.Country == "FR" && c.Form == "":
				p.report("controller", "a French controller does not give its legal form").as(Warning)
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
			if p.Controller.Email == "" {
				p.report("contact", "there is neither an e-mail address nor a form to write to")
			}
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
			for _, t := range p.texts {
				if m := strings.TrimLeft(placeholder.find(t), " (\n"); m != "" && !(m == "TODO" && slices.Contains(todoIsAll, t.Lang)) {
					p.reportAt(t.Prose, fmt.Sprintf("%q is a placeholder", m))
				}
			}
			for field, line := range map[string]string{"name": p.Controller.Name, "address": p.Controller.Address} {
				if m := placeholder.regexp().FindString(plain(line)); m != "" {
					p.report("controller."+field, fmt.Sprintf("%q is a placeholder", m))
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
			bare := p.Page.Section("rights").Bare
			if p.Rights == nil && !bare {
				return // Témoin lists them
			}
			var missing []string
			for _, r := range requiredRights(p.Site) {
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
		Fix:     "Write authority: cnil.",
		Sources: []Source{gdpr("13(2)(d)"), gdpr("77")},
		find: func(p *pass) {
			a := p.Authority
			switch {
			case a.Name.IsZero():
				p.report("authority", "the policy names no authority to which visitors can complain")
			case !leadsBeyondHome(a.Complaint):
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
				if c.Profiling && c.Ground != policy.GroundUnused {
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
					f := p.report(c.Field, fmt.Sprintf("category %q lists nothing of the site's own", c.ID))
					if len(c.Trackers) > 0 {
						f.as(Info) // Témoin's cookies may be all there is
					}
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
			for _, t := range p.texts {
				browser, _ := strings.CutPrefix(strings.TrimSuffix(t.Path, ".text"), "browsers.")
				menu, ok := renamedMenus[browser]
				if !ok {
					continue
				}
				if old := menu.old.FindString(t.Text); old != "" && !menu.now.MatchString(t.Text) {
					p.reportAt(t.Prose, fmt.Sprintf("%q is what the menu was called in earlier versions", old))
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
				if (s.Category.Advertising || slices.Contains([]string{"advertising", "session-replay"}, kind(s))) && p.Public.Because.IsZero() {
					p.report(s.Field, fmt.Sprintf("%s (%s) is used although minors may visit, without a reason", name(s), kind(s)))
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

// requiredRights are the rights that a site's policy must list.
func requiredRights(s *policy.Site) []policy.Right {
	rights := []policy.Right{policy.RightAccess, policy.RightRectification, policy.RightErasure, policy.RightRestriction}
	consent := slices.ContainsFunc(s.Categories, (*policy.Category).NeedsConsent)
	if consent || restsOn(s, policy.BasisConsent) || restsOn(s, policy.BasisContract) {
		rights = append(rights, policy.RightPortability)
	}
	if consent {
		rights = append(rights, policy.RightWithdraw)
	}
	if restsOn(s, policy.BasisLegitimateInterest) {
		rights = append(rights, policy.RightObjection)
	}
	if slices.Contains(jurisdictions(s), "FR") {
		rights = append(rights, policy.RightAfterDeath)
	}
	return rights
}

// restsOn reports whether anything is done with data on that legal basis.
func restsOn(s *policy.Site, basis policy.Basis) bool {
	return slices.ContainsFunc(s.Records, func(r policy.Record) bool { return r.Basis == basis }) ||
		slices.ContainsFunc(s.Categories, func(c *policy.Category) bool { return c.Basis == basis }) ||
		slices.ContainsFunc(s.Trackers, func(t *policy.Tracker) bool { return t.Basis == basis })
}

// leadsBeyondHome reports whether a link is more than a site's home page.
func leadsBeyondHome(link policy.Text) bool {
	u, err := url.Parse(link.In())
	return err == nil && (strings.Trim(u.Path, "/") != "" || u.RawQuery != "")
}

// findEmptySections looks for texts that announce what does not follow: after
// a note, or a text that stands alone, nothing does; after an introduction
// nothing does in a bare section, and where the manifest does not say it.
func findEmptySections(p *pass) {
	empty := emptySections(p.Site)
	report := func(path string, t policy.Text) {
		if a := announcement(t); a != "" {
			p.report(path, quote(a[max(0, strings.LastIndexAny(strings.TrimRight(a, " .:\n"), ".\n")+1):])+" announces what does not follow")
		}
	}
	for _, s := range p.Page.Sections {
		report(s.Field+".text", s.Text)
		report(s.Field+".note", s.Note)
		if s.Text.IsZero() && (s.Bare || empty[s.ID]) {
			report(s.Field+".intro", s.Intro)
		}
	}
	for _, c := range p.Categories {
		if c.Benefits.IsZero() {
			report(c.Field+".purpose", c.Purpose)
		}
		report(c.Field+".accepted", c.IfAccepted)
		report(c.Field+".refused", c.IfRefused)
		report(c.Field+".blocked", c.IfBlocked)
	}
}

// emptySections are those for which the manifest holds nothing to show.
func emptySections(s *policy.Site) map[string]bool {
	optOut := func(v *policy.Service) bool { return !v.OptOut.IsZero() }
	other := func(t *policy.Tracker) bool { return t.Origin != policy.FromTemoin && notCookie(t) }
	c := s.Contact
	return map[string]bool{
		"services":             len(s.Services) == 0,
		"similar-technologies": !slices.ContainsFunc(s.Trackers, other),
		"opt-out":              !slices.ContainsFunc(s.Services, optOut),
		"audience":             s.Audience.Source == "",
		"minors":               s.Public.Text.IsZero(),
		"app":                  s.App.Name == "",
		"contact":              c.DPO.IsZero() && c.General.IsZero() && c.Support.IsZero() && s.Controller.Email+s.Controller.Address+s.Controller.Phone == "",
		"complaint":            s.Authority.Name.IsZero(),
		"law":                  len(s.Law) == 0,
		"hosting":              s.HostedBy.Name == "",
	}
}

// announcement returns the text in the first language in which it ends by
// announcing something, "" if it does in none.
func announcement(t policy.Text) string {
	for _, s := range said(t) {
		if strings.HasSuffix(strings.TrimRight(s, " .\n"), ":") {
			return s
		}
	}
	return ""
}

func notCookie(t *policy.Tracker) bool { return t.Storage != policy.Cookie }

// findMissingLanguages reports each text that is not in all languages, and a
// language in which there is no text at all, each once.
func findMissingLanguages(p *pass) {
	have := map[string][]string{}
	written := map[string]bool{p.Default(): true}
	var order []wording
	for _, t := range p.texts {
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
		if t.Lang == "" && isName(t) {
			continue
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

// isName reports whether a text may be the same in every language.
func isName(t wording) bool {
	return strings.HasSuffix(t.Path, ".name") || len(strings.Fields(t.Text)) < 4
}

// findUntranslated reports texts that are the same in two languages, and Arabic
// without an Arabic letter.
func findUntranslated(p *pass) {
	first := map[string]string{}
	for _, t := range p.texts {
		if t.Lang == "" || isName(t) {
			continue
		}
		if t.Lang == "ar" && strings.IndexFunc(t.Text, isArabic) < 0 {
			p.reportAt(t.Prose, "is marked as Arabic and has no Arabic letter")
			continue
		}
		key := t.Path + "\n" + t.lower
		if other := first[key]; other != "" {
			p.reportAt(t.Prose, fmt.Sprintf("is the same in %q and %q", other, t.Lang))
		} else {
			first[key] = t.Lang
		}
	}
}

func isArabic(r rune) bool { return unicode.Is(unicode.Arabic, r) }

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

// renamedMenus are parts of menu paths that browsers call otherwise today:
// Safari since macOS 13, Firefox since version 87. Who gives both names is right.
var renamedMenus = map[string]struct{ old, now *regexp.Regexp }{
	"safari":  {regexp.MustCompile(`Preferences|Préférences|Preferencias|Preferenze|Voorkeuren|التفضيلات`), regexp.MustCompile(`Settings|Réglages|Ajustes|Impostazioni|Instellingen|الإعدادات`)},
	"firefox": {regexp.MustCompile(`Options|الخيارات`), regexp.MustCompile(`Settings|Paramètres|الإعدادات`)},
}
