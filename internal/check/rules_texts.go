package check

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/temoin/temoin/policy"
)

// Rules on the texts of the policy: that each is there, whole, and in every
// language.
var textRules = []Rule{
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
		ID: "pol-category-said", Severity: Error,
		Title:   "Each category that visitors are asked about has a title and a purpose.",
		Why:     "The first layer shows each purpose before the answer; without words it cannot.",
		Fix:     "Write title and purpose.",
		Sources: []Source{eprivacy, guidelines("24"), recommendation("2.1", Read)},
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
		ID: "pol-consequences", Severity: Warning,
		Title:     "Each category says what follows: from yes and from no, or, where nobody is asked, from blocking it.",
		Why:       "Who decides must know what the decision changes.",
		Fix:       "Write accepted and refused, one sentence each; blocked, where the category is exempt.",
		Sources:   []Source{guidelines("24")},
		Countries: []string{"FR"},
		find: func(p *pass) {
			for _, c := range p.asked() {
				if c.IfAccepted.IsZero() {
					p.report(c.Field, fmt.Sprintf("category %q does not say what happens when it is accepted", c.ID))
				}
				if c.IfRefused.IsZero() {
					p.report(c.Field, fmt.Sprintf("category %q does not say what happens when it is refused", c.ID))
				}
			}
			for _, c := range p.Categories {
				if c.Ground == policy.GroundExempt && c.Field != "" && c.IfBlocked.IsZero() {
					p.report(c.Field, fmt.Sprintf("category %q does not say what happens when the browser blocks it", c.ID)).
						write("Write blocked, one sentence.")
				}
			}
		},
	},
	{
		ID: "pol-exempt-informed", Severity: Warning,
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
		ID: "pol-trackers-told", Severity: Error,
		Title:   "The page tells of every tracker and of every third party.",
		Why:     "A bare section shows the operator's words alone: what is kept, by whom and for how long is then nowhere to be read.",
		Fix:     "Remove bare from the section; intro, text and note stand beside what Témoin lists.",
		Sources: []Source{eprivacy, guidelines("24"), planet49, gdpr("13(1)(e)")},
		find: func(p *pass) {
			if s := p.Page.Section("categories"); s.Bare {
				p.report(s.Field+".bare", "every tracker is left out of the page")
			}
			if s := p.Page.Section("services"); s.Bare && len(p.Services) > 0 {
				p.report(s.Field+".bare", "who receives data through the services is left out of the page").as(Warning)
			}
		},
	},
	{
		ID: "pol-self-declared", Severity: Error,
		Title:   "What the consent system itself writes and keeps is declared.",
		Why:     "Témoin knows what it writes, for what and for how long; words that replace its own leave something out, or will.",
		Fix:     "Remove bare and text from page.sections.consent-system; say what you want to add in intro or note.",
		Sources: []Source{gdpr("13"), guidelines("49")},
		find: func(p *pass) {
			s := p.Page.Section("consent-system")
			switch {
			case s.Bare:
				p.report(s.Field+".bare", "what Témoin writes and keeps is left out")
			case !s.Text.IsZero():
				p.report(s.Field+".text", "these words stand in place of what Témoin writes and keeps")
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

// renamedMenus are parts of menu paths that browsers call otherwise today:
// Safari since macOS 13, Firefox since version 87. Who gives both names is right.
var renamedMenus = map[string]struct{ old, now *regexp.Regexp }{
	"safari":  {regexp.MustCompile(`Preferences|Préférences|Preferencias|Preferenze|Voorkeuren|التفضيلات`), regexp.MustCompile(`Settings|Réglages|Ajustes|Impostazioni|Instellingen|الإعدادات`)},
	"firefox": {regexp.MustCompile(`Options|الخيارات`), regexp.MustCompile(`Settings|Paramètres|الإعدادات`)},
}
