package check

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/temoin/temoin/internal/lang"
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
			for _, t := range p.Prose {
				// Totals of the site's own logs can be anonymous; the threshold sees to it.
				if strings.HasPrefix(t.Path, "audience.") || ofStatistics(p.Site, t.Path) {
					continue
				}
				for _, m := range anonymity.FindAllStringIndex(t.Text, -1) {
					if !negatedAt(t.Text, m[0]) {
						p.reportAt(t, quote(t.Text[m[0]:m[1]])+" is claimed")
						break
					}
				}
			}
		},
	},
	{
		ID: "pol-compliance-claim", Severity: Error,
		Title:   "Nothing claims to be compliant or certified.",
		Why:     "The CNIL certifies no cookie notice; “designed to follow” is the most that can be said.",
		Fix:     "Write “designed to follow the CNIL's texts”.",
		Sources: []Source{gdpr("5(1)(a)"), audienceTool},
		find: func(p *pass) {
			for _, t := range p.Prose {
				if m := compliance.FindString(t.Text); m != "" && !negated(t.Text, compliance) {
					p.reportAt(t, quote(m)+" is claimed")
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
			for _, t := range p.Prose {
				if m := totality.FindString(t.Text); m != "" && !negated(t.Text, totality) {
					p.reportAt(t, quote(m)+" is claimed")
				}
			}
		},
	},
	{
		ID: "pol-citation", Severity: Warning,
		Title:   "Legal references are exact.",
		Why:     "A wrong reference sends readers to a text that says something else.",
		Fix:     "The exemption is in art. 82, last paragraph, 2°, of the French law; withdrawal as easy as giving is GDPR art. 7(3); consent to the tracker is art. 82, and GDPR art. 6(1)(a) covers what is done afterwards; no text recommends 13 months for all cookies.",
		Sources: []Source{art82, gdpr("7(3)"), recommendation("5", Corroborated)},
		find: func(p *pass) {
			for _, t := range p.Prose {
				for _, c := range wrongCitations {
					if c.text.MatchString(t.Text) {
						p.reportAt(t, c.wrong)
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
			for _, t := range p.Prose {
				if !strings.HasSuffix(t.Path, ".purpose") {
					continue
				}
				if m := jargon.FindString(t.Text); m != "" && len(strings.Fields(t.Text)) < 7 {
					p.reportAt(t, fmt.Sprintf("%q is not explained", m))
				}
				if n := len(strings.Fields(t.Text)); n > 40 {
					p.reportAt(t, fmt.Sprintf("a purpose of %d words is not one plain sentence", n))
				}
			}
		},
	},
	{
		ID: "pol-browser-not-enough", Severity: Error,
		Title:   "Browser settings are a complement, never the way to refuse.",
		Why:     "Browsers do not let visitors choose by purpose.",
		Fix:     "Say that refusal is in the preference centre; declare choice.reopen.",
		Sources: []Source{guidelines("44-45")},
		find: func(p *pass) {
			if len(p.Choice.Reopen) > 0 {
				return
			}
			for _, t := range p.Prose {
				if strings.HasPrefix(t.Path, "page.sections.choose") && browserWord.MatchString(t.Text) && !preferenceWord.MatchString(t.Text) {
					p.reportAt(t, "names the browser's settings as the way to choose")
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
			for _, t := range p.Prose {
				for _, part := range []string{"notice.", ".accepted", ".refused"} {
					if strings.Contains(t.Path, part) && trick.MatchString(t.Text) {
						p.reportAt(t, quote(trick.FindString(t.Text))+" pushes towards one answer")
						break
					}
				}
			}
		},
	},
}

// ofStatistics reports whether a text belongs to a promise about statistics.
func ofStatistics(s *policy.Site, path string) bool {
	for _, p := range s.Promises {
		if strings.HasPrefix(p.ID, "statistics-") && strings.HasPrefix(path, p.Field+".") {
			return true
		}
	}
	return false
}

// Words that the rules look for, in the languages that Témoin writes. They are
// stems: a rule on wording finds candidates, and an allowance settles the rest.
var (
	placeholder        = regexp.MustCompile(`\[\.\.\.\]|\[…\]|(?i:\bTODO\b|\bXXX\b|\blorem ipsum\b|\bà compléter\b)|\{\{`)
	sentence           = regexp.MustCompile(`\S+\s+\S+\s+\S+\s+\S+`)
	arabicLetter       = regexp.MustCompile(`\p{Arabic}`)
	anonymity          = regexp.MustCompile(`(?i)\banonym\w*|\banónim\w*|\banonim\w*|\banoniem\w*|مجهول\p{L}*`)
	compliance         = regexp.MustCompile(`(?i)\b(cnil|rgpd|gdpr|dsgvo|rgaa|wcag|rgpd)[- ]?(compliant|compliance|konform|conforme|certified|approved)|\b(compliant with|conformes? (aux?|à la|avec)|fully compliant|entièrement conforme|certifié|certified|approved by|approuvé par|validé par|validated by|konform mit)\b[^.]{0,30}\b(cnil|rgpd|gdpr|dsgvo|rgaa|wcag|exigences|requirements)|\bcertified by\b|متوافق مع`)
	totality           = regexp.MustCompile(`(?i)\b(total|full|complete) (control|security|privacy|transparency)|\b(contrôle|sécurité|transparence|confidentialité) (totale?|absolue?|complète?)|\bcontrol total\b|\bvolle kontrolle\b|تحكم كامل|سيطرة كاملة`)
	legitimateInterest = regexp.MustCompile(`(?i)legitimate interest|intérêts? légitimes?|berechtigtes interesse|interés legítimo|legittimo interesse|gerechtvaardigd belang|interesse legítimo|مصلحة مشروعة|المصلحة المشروعة`)
	cookieWord         = regexp.MustCompile(`(?i)\bcookies?\b|ملفات تعريف الارتباط|كوكيز`)
	rememberMe         = regexp.MustCompile(`(?i)remember me|se souvenir de moi|rester connecté|angemeldet bleiben|تذكرني`)
	similarTech        = regexp.MustCompile(`(?i)similar technolog|technologies similaires|technologies analogues|ähnliche technologien|tecnologías similares|تقنيات مماثلة`)
	optOutPages        = regexp.MustCompile(`(?i)your ?online ?choices|(opposer|oppose|object|opt[- ]?out|désactiver)[^.]{0,80}(visit|pages?|site)[^.]{0,40}(service|third|tiers|vendor|provider|fournisseur)`)
	additional         = regexp.MustCompile(`(?i)\b(in addition|additionally|also|besides|en plus|en complément|également|aussi|zusätzlich|además)\b|إضافة|أيضًا|أيضا`)
	functionWord       = regexp.MustCompile(`(?i)^(online |our |the |notre |le |la |un )?(payment|paiement|video|vidéo|chat|analytics|audience|hosting|support|third[- ]party|prestataire|partner|partenaire|provider|fournisseur)s?( (en ligne|sessions?|provider|service|services|partner|partners))?$`)
	mechanismsAndOr    = regexp.MustCompile(`(?i)(clauses|SCCs?|CCT)\W{1,12}(and/or|et/ou|or|ou|und/oder)\b[^.]{0,40}(framework|privacy|DPF|adequacy|adéquation|bouclier)`)
	otherPurpose       = regexp.MustCompile(`(?i)\b(statisti\w*|analytic\w*|audience|traffic|trafic|advertis\w*|publicit\w*|marketing|profil\w*|remarketing|retarget\w*|Werbung)\b`)
	jargon             = regexp.MustCompile(`\b(CSRF|XSRF|XSS|JWT|OAuth|SSO|UUID|CDN|API|A/B|SDK|DOM|TLS)\b`)
	browserWord        = regexp.MustCompile(`(?i)\bbrowsers?\b|\bnavigateurs?\b|\bnavegador\w*|متصفح`)
	preferenceWord     = regexp.MustCompile(`(?i)preference|préférence|panel|banner|bandeau|bannière|centre|center|einstellung|تفضيل`)
	trick              = regexp.MustCompile(`(?i)\b(best|better|ultimate|optimal|meilleure?|optimale?|sadly|unfortunately|malheureusement|hélas|leider)\b|أفضل تجربة|للأسف`)
	negation           = regexp.MustCompile(`(?i)\b(not|never|no|nor|without|isn't|aren't|pas|jamais|non|ni|sans|aucune?|nicht|kein\w*|no|sin|niet|geen|não|senza)\b[^.;:!?]{0,25}$|(?:ليس|ليست|غير|لا|دون|بدون)\s*\S{0,12}\s*$|\bn'[^.;:!?]{0,25}$`)
)

// storageWords are how texts speak of each kind of storage.
var storageWords = map[policy.Storage]*regexp.Regexp{
	policy.LocalStorage:   regexp.MustCompile(`(?i)\blocal ?storage\b|\bstockage local\b|التخزين المحلي`),
	policy.SessionStorage: regexp.MustCompile(`(?i)\bsession ?storage\b|\bstockage de session\b`),
	policy.IndexedDB:      regexp.MustCompile(`(?i)\bindexed ?db\b`),
}

// wrongCitations are references that policies copy from each other.
var wrongCitations = []struct {
	text  *regexp.Regexp
	wrong string
}{
	{regexp.MustCompile(`(?i)\b82\s*\(2\)`), "article 82 has no paragraph (2): the exemption is in its last paragraph, 2°"},
	{regexp.MustCompile(`(?i)(withdraw|retir|révoqu)[^.]{0,120}\b(art\.?|article) 82|\b(art\.?|article) 82[^.]{0,140}(withdraw|retir|révoqu)`), "withdrawal as easy as giving is GDPR art. 7(3), not article 82"},
	{regexp.MustCompile(`(?i)13 (months|mois|Monate|meses|mesi|maanden)[^.]{0,80}(recommand|recommend|empf|recomend|raccomand|aanbev)|(recommand|recommend)[^.]{0,80}13 (months|mois)`), "the CNIL recommends 13 months for exempt audience measurement only"},
	{regexp.MustCompile(`(?i)(consent|consentement)[^.]{0,30}\b6[.(]1[.)(]*\(?a\)?`), "consent to a tracker is article 82; GDPR art. 6(1)(a) covers what is done with the data afterwards"},
}

// allWords joins a text in all its languages.
func allWords(t policy.Text) string {
	var all []string
	for _, l := range lang.Tags() {
		if s, ok := t.Get(l); ok {
			all = append(all, s)
		}
	}
	return strings.Join(all, " ")
}

// negated reports whether the first match of re stands behind a negation.
func negated(text string, re *regexp.Regexp) bool {
	m := re.FindStringIndex(text)
	return m != nil && negatedAt(text, m[0])
}

// negatedAt reports whether a negation stands shortly before.
func negatedAt(text string, i int) bool { return negation.MatchString(text[:i]) }

func isLetter(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 0x7f
}

// isDate reports whether a word stands beside a number, as a month in a date does.
func isDate(text, word string) bool {
	i := strings.Index(text, word)
	before := strings.TrimRight(text[:i], " .\u00a0")
	after := strings.TrimLeft(text[i+len(word):], " .,\u00a0")
	digit := func(s string, at int) bool { return s != "" && s[at] >= '0' && s[at] <= '9' }
	return digit(before, max(len(before)-1, 0)) || digit(after, 0)
}
