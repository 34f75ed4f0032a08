package check

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/temoin/temoin/policy"
)

// readTexts returns the texts of a site as the rules on wording read them:
// plain, and in the site's language where there is only one and none is said.
func readTexts(s *policy.Site) []policy.Prose {
	texts := slices.Clone(s.Prose)
	for i := range texts {
		t := &texts[i]
		t.Text = plain(t.Text)
		if t.Lang == "" && len(s.Langs) == 1 {
			t.Lang = s.Default()
		}
	}
	return texts
}

// unseen are marks that change nothing for a reader: soft hyphens, joiners and
// direction marks, the lengthening stroke and the vowel signs of Arabic.
var unseen = regexp.MustCompile(`[\x{ad}\x{200b}-\x{200f}\x{640}\x{64b}-\x{652}]`)

var blanks = regexp.MustCompile(`[ \t]+`)

// plain makes texts comparable: composed letters, apostrophes and spaces as a
// keyboard has them. Line breaks stay, since they end a clause.
func plain(s string) string {
	s = strings.ReplaceAll(norm.NFKC.String(s), "’", "'")
	return strings.TrimSpace(blanks.ReplaceAllString(unseen.ReplaceAllString(s, ""), " "))
}

// said returns a text in each of its languages, plain.
func said(t policy.Text) []string {
	langs := t.Languages()
	if langs == nil && !t.IsZero() {
		langs = []string{""}
	}
	all := make([]string, len(langs))
	for i, l := range langs {
		s, _ := t.Get(l)
		all[i] = plain(s)
	}
	return all
}

// claims reports whether one of the texts says, without denying it, what re
// looks for.
func (p *pass) claims(re *regexp.Regexp, texts ...policy.Text) bool {
	for _, t := range texts {
		langs := t.Languages()
		if langs == nil && !t.IsZero() {
			langs = []string{p.Default()}
		}
		for _, l := range langs {
			if s, _ := t.Get(l); claimed(l, plain(s), re) != "" {
				return true
			}
		}
	}
	return false
}

// claimed is the function claimed for a part of one of the site's texts.
func (p *pass) claimed(t policy.Prose, part string, re *regexp.Regexp) string {
	return claimed(cmp.Or(t.Lang, p.Default()), part, re)
}

// claimed returns the first match of re in a plain text that no negation stands
// before, "" for none. A match in which a group takes part is one that re means
// to leave out.
func claimed(language, text string, re *regexp.Regexp) string {
	for _, m := range re.FindAllStringSubmatchIndex(text, -1) {
		leftOut := slices.ContainsFunc(m[2:], func(at int) bool { return at >= 0 })
		if !leftOut && !denied(language, text[:m[0]]) {
			return text[m[0]:m[1]]
		}
	}
	return ""
}

// denials are the words that deny what follows them in a clause, and those that
// end their reach.
var denials = map[string]struct{ not, end string }{
	"ar": {"ليس ليست ليسوا لسنا غير لا لن لم فلا فليس دون بدون بلا", "إلا بل لكن"},
	"de": {"nicht nie niemals ohne kein keine keinen keinem keiner keines weder noch", "und aber sondern nur"},
	"en": {"not never cannot no nor none neither without", "and but only"},
	"es": {"no nunca jamás sin ni ningún ninguna ninguno", "y e pero sino solo sólo"},
	"fr": {"pas jamais non ni sans aucun aucune ne n", "et mais seulement"},
	"it": {"non mai senza né nessun nessuna nessuno", "e ma solo soltanto anche"},
	"nl": {"niet nooit geen zonder noch", "en maar alleen"},
	"pt": {"não nunca sem nem nenhum nenhuma", "e mas só apenas"},
}

var (
	clauseEnd = regexp.MustCompile(`[.;:!?,،؛؟\n]`)
	wordBreak = regexp.MustCompile(`[^\p{L}\p{M}\p{N}]+`)
)

// reach is how many bytes before a word can matter: nine long words.
const reach = 400

// denied reports whether what follows a text stands behind a negation: in the
// same clause, eight words away at most.
func denied(language, before string) bool {
	before = before[max(0, len(before)-reach):]
	if language == "de" {
		before = strings.ReplaceAll(before, ", dass", " dass") // a comma that grammar asks for
	}
	if ends := clauseEnd.FindAllStringIndex(before, -1); ends != nil {
		before = before[ends[len(ends)-1][1]:]
	}
	before = strings.ReplaceAll(strings.ToLower(before), "n't", " not")
	not, end := strings.Fields(denials[language].not), strings.Fields(denials[language].end)
	words := wordBreak.Split(strings.TrimSpace(before), -1)
	slices.Reverse(words)
	only := false
	for _, w := range words[:min(len(words), 9)] {
		and := false
		if language == "ar" { // "and" is written as a part of the word
			w, and = strings.CutPrefix(w, "و")
		}
		switch {
		case slices.Contains(not, w):
			return !only || w != "ne" && w != "n"
		case w == "que" || w == "qu": // in French, "ne … que" is "only"; "ne … pas que" denies
			only = true
		case and || slices.Contains(end, w):
			return false
		}
	}
	return false
}

var (
	sentenceEnd  = regexp.MustCompile(`[.!?;؟؛](?:\s|$)|\n`)
	abbreviation = regexp.MustCompile(`(?i)\b(arts?|no|nr|al|para|resp|cf|inc|ltd|u\.s|e\.g|i\.e|p\. ?ex|z\. ?b)\. `)
)

// sentences splits a plain text.
func sentences(s string) []string { return sentenceEnd.Split(undotted(s), -1) }

// undotted leaves out the dots that end no sentence.
func undotted(s string) string { return abbreviation.ReplaceAllString(s, "$1 ") }

// datedWords returns the words of a plain text that stand beside a number, as a
// month does in a date.
func datedWords(s string) []string {
	var words []string
	for _, m := range dated.FindAllStringSubmatch(s, -1) {
		words = append(words, m[1])
	}
	for _, m := range datedAfter.FindAllStringSubmatch(s, -1) {
		if !slices.Contains(words, m[1]) {
			words = append(words, m[1])
		}
	}
	return words
}

var (
	dated      = regexp.MustCompile(`\p{Nd}(?:er|st|nd|rd|th|º|°|\.)?(?:[ /-]| de )(\p{L}+)`)
	datedAfter = regexp.MustCompile(`(\p{L}+)[,.]?[ /-](?:de )?\p{Nd}{1,4}\b`)
)

// legitimateGround reports whether a text gives legitimate interest as a
// ground, denied neither before nor after. What is done afterwards with data
// from exempt trackers may rest on it: a text that has spoken of them may say so.
func (p *pass) legitimateGround(t policy.Prose) bool {
	for _, s := range sentences(t.Text) {
		if exemptWord.MatchString(s) {
			return false
		}
		for _, m := range legitimateInterest.FindAllStringIndex(s, -1) {
			if !denied(cmp.Or(t.Lang, p.Default()), s[:m[0]]) && !deniedAfter.MatchString(s[m[1]:]) {
				return true
			}
		}
	}
	return false
}

// Words that the rules look for, in the languages that Témoin writes. They are
// stems: a rule on wording finds candidates, and an allowance settles the rest.
// They are looked for in plain texts. \b knows ASCII letters only, and never
// stands beside another one here.
var (
	sentence     = regexp.MustCompile(`\S+\s+\S+\s+\S+\s+\S+`)
	arabicLetter = regexp.MustCompile(`\p{Arabic}`)

	placeholder = regexp.MustCompile(`\[(?:\.\.\.|(?i:your|votre|insert|insérer|nom de|name of|à compléter|tbd)(?:[ ][^\]]*)?)\]|\bTODO\b:?|\bTBD\b|(?i:\bXXX+\b|\blorem ipsum\b|(?:^|[\s(])à compléter\b)|\{\{`)
	// todoIsAll are the languages in which TODO, in capital letters, is a word.
	todoIsAll = []string{"es", "pt", "it"}

	trackerWord = regexp.MustCompile(`(?i)\bcookies?\b|\btrackers?\b|\btraceurs?\b|\brastreador|ملف(?:ات)? تعريف (?:ال)?ارتباط|كوكيز`)
	// calledCookie leaves out what is only about cookies: "your choice about cookies".
	calledCookie = regexp.MustCompile(`(?i)(\b(?:about|on|for|regarding|concerning|as|like|que|comme|wie|als|come|como|sur|en matière de|concernant|aux|de|über|zu|sobre|su|sui|over)\b (?:the |our |les |nos |los |las |os |le |der |i |de )?)?(?:\bcookies?\b|(?:^|هذه? |هذا )ملف(?:ات)? تعريف (?:ال)?ارتباط|كوكيز)([ -](?:choice|preference|setting|banner|consent|notice|policy|einstellung))?`)
	exemptWord   = regexp.MustCompile(`(?i)\bexempt|dispens[eé]|\bausgenommen|\besent[ei]\b|\bvrijgesteld|\bisent|معفا`)
	rememberMe   = regexp.MustCompile(`(?i)remember[ -]me|(?:stay|keep me|remain) (?:signed|logged)[ -]in|(?:se souvenir|souvenez-vous) de moi|rest(?:er|ez) connecté|angemeldet bleiben|recuérdame|recordarme|ricordami|onthoud mij|aangemeld blijven|lembrar-me|تذكرني`)
	similarTech  = regexp.MustCompile(`(?i)(?:similar|comparable) technolog|technologies (?:similaires|analogues|comparables)|(?:ähnliche|vergleichbare)n? technologien|tecnologías (?:similares|análogas)|tecnologie (?:simili|analoghe)|(?:soortgelijke|vergelijkbare) technologie|tecnologias (?:semelhantes|similares)|(?:ال)?تقنيات (?:ال)?(?:مماثلة|مشابهة)`)
	otherPurpose = regexp.MustCompile(`(?i)\b(?:statisti|analytic|audience\b|advertis|publicit|pubblicit|marketing|profiling|profilage|remarketing|retarget|werb(?:ung|e)|reclame\b|advertentie)|estadístic|estatístic|(?:ال)?إحصا[ءئ]|(?:ال)?إعلان|(?:ال)?تسويق`)

	legitimateInterest = regexp.MustCompile(`(?i)legitimate interest|intérêts? légitimes?|berechtigte[sn]? interesse|interés legítimo|legittimo interesse|interesse legittimo|gerechtvaardigd belang|interesse legítimo|(?:ال)?مصلحة (?:ال)?مشروعة`)
	deniedAfter        = regexp.MustCompile(`(?i)^s?[^.,;:!?\n]{0,20}(?:\b(?:is|are|can|will|does) (?:not|never)\b|\bcannot\b|\bn'|\bne \p{L}+ (?:pas|jamais)|\b(?:ist|sind) (?:nicht|nie|kein)|\b(?:no|nunca) es\b|\bnon è|\bis (?:geen|niet|nooit)\b|\bnão é|\s(?:ليست?|لا)\s)`)

	optOutPages = regexp.MustCompile(`(?i)your ?online ?choices|youradchoices|aboutads\.info|networkadvertising\.org|dlpage/gaoptout` +
		`|(?:\boppose|\brefuse|désactive|\bobject|\bopt[- ]?out|\bdisable|\bdecline)[^.;\n]{0,80}\b(?:en visitant|en vous rendant|rendez-vous|visit(?:ing)?|by going|go to|on the (?:web)?(?:site|page)s? of)\b[^.;\n]{0,60}\b(?:third|tiers|vendors?|providers?|partners?|fournisseurs?|prestataires?|partenaires?|their|leurs?|(?:each|these|those|chaque|ces) services?)\b` +
		`|\bwidersprechen[^.;\n]{0,80}\bAnbieter|(?:\bAnbieter|\bDritt)[^.;\n]{0,60}\bwidersprechen` +
		`|\b(?:opon|rechaz|desactiv|oppor|rifiut|disattiv|opor|recus|desativ)\w*[^.;\n]{0,80}\bvisit[^.;\n]{0,60}\b(?:tercer|proveedor|terz|fornit|terceir|fornecedor)` +
		`|\b(?:bezwaar|weiger|uitschakel)\w*[^.;\n]{0,80}\bbezoek[^.;\n]{0,60}\b(?:derden|aanbieder)` +
		`|(?:الاعتراض|رفض|تعطيل)[^.؛\n]{0,80}زيارة[^.؛\n]{0,60}(?:الخدمات|خدمة|أطراف|الأطراف|مزود)`)
	additional = regexp.MustCompile(`(?i)\b(?:in addition|additionally|also|besides|on top of|en plus|en complément|aussi|zusätzlich|außerdem|además|también|inoltre|anche|daarnaast|ook)\b|également|além disso|também|إضافة|أيضا`)

	// functionWords is a name made of words for what somebody does.
	functionWords = regexp.MustCompile(`(?i)^(?:(?:an?|our|the|other|online|third|party|parties|external|payment|video|chat|analytics|audience|measurement|hosting|support|session|provider|vendor|supplier|partner|service|processor|notre|nos|le|la|les|des?|d|du|l|une?|autres?|en|ligne|tiers|tierce|externes?|paiement|vidéo|mesure|statistiques?|hébergeur|prestataire|fournisseur|partenaire|sous|traitant|unser|der|die|das|externer?|zahlungsdienst(?:leister)?|zahlungsanbieter|anbieter|dienstleister|drittanbieter|partner|el|los|pagos?|servicios?|proveedor|proveedores|il|lo|fornitor[ei]|pagament[oi]|serviz[io]|servizio|betaal|betaling|betalings|dienst|aanbieder|leverancier|o|os|fornecedor|pagamentos?|serviços?|parceiro|مزود|مقدم|شريك|شركاء|طرف|الطرف|ثالث|الثالث|خدمة|خدمات|الدفع|دفع|الفيديو|التحليل|الاستضافة)s?(?:[\s'’/-]+|$))+$`)

	mechanismsAndOr = regexp.MustCompile(`(?i)(?:` + clauses + `)\W{0,3}(?:\([^)]*\))?\W{1,3}(?:` + either + `)[\s،].{0,40}(?:` + decision + `)|(?:` + decision + `)[^,;]{0,20}\s(?:` + either + `)[\s،][^,;]{0,30}(?:` + clauses + `)`)
	copyWord        = regexp.MustCompile(`(?i)\bcop(?:y|ies|ies?|ia)\b|\bkopie|cópia|نسخة`)

	jargon         = regexp.MustCompile(`\b(?:CSRF|XSRF|XSS|JWT|OAuth|SSO|UUID|CDN|API|A/B|SDK|DOM|TLS)\b`)
	browserWord    = regexp.MustCompile(`(?i)\bbrowser|\bnavigat(?:eu|o)r|\bnavegador|متصفح`)
	preferenceWord = regexp.MustCompile(`(?i)pr[eéä]f[eé]r[eê]n[csz]|\bvoorkeur|\bpanel\b|\bbanner\b|\bbandeau|\bbannière|\bcent(?:re|er)\b|cookie-einstellungen|تفضيل`)

	anonymity = regexp.MustCompile(`(?i)\banonym\p{L}*|\ban[óôo]nim\p{L}*|\banonie[mk]\p{L}*|\bgeanon[iy]mis\p{L}*|(?:ال)?مجهول\p{L}*|إخفاء (?:ال)?هوية`)

	totality = regexp.MustCompile(`(?i)\b(?:total|full|complete|absolute) (?:control|security|privacy|transparency)\b([- ](?:polic|notice|statement|setting|panel|cent|audit|review|check|report|information|team))?` +
		`|(\b(?:politique|charte|règles|déclaration|avis|audit|politica|política|informativa) (?:de|di) (?:la |la |el )?)?(?:\bcontrôle|\bsécurité|\btransparence|\bconfidentialité) (?:totale?|absolue?|complète?|complet|intégrale?)\b` +
		`|\bcontrolo? total\b|\bcontrol completo\b|\bcontrollo (?:totale|completo)\b|\b(?:volle|vollständige|absolute) (?:kontrolle|sicherheit)\b|\bvolledige (?:controle|veiligheid)\b|\bseguridad total\b|\bsicurezza totale\b|(?:ال)?(?:تحكم|سيطرة|أمان) (?:ال)?(?:كامل|كاملة|تام|تامة|مطلق)`)

	trick = regexp.MustCompile(`(?i)\b(?:best|better|ultimate|optimal(?:e|es|en)?|meilleure?s?|recommended|recommandée?s?|empfohlen|beste[ns]?|bessere?[ns]?|mejor|migliore?|consigliato|aanbevolen|betere?|melhor|recomendad[oa]|sadly|unfortunately|miss out|malheureusement|dommage|leider|helaas|purtroppo|lamentablemente|infelizmente)\b|\bhélas\b|أفضل|للأسف|موصى به`)
)

const (
	clauses  = `clauses contractuelles(?: types?)?|(?:standard )?contractual clauses|\bclauses|\bSCCs?|\bCCTs?|standardvertragsklauseln|cláusulas contractuales(?: tipo)?|clausole contrattuali(?: tipo| standard)?|standaardcontractbepalingen|cláusulas contratuais(?:[ -]tipo)?|(?:ال)?بنود (?:ال)?تعاقدية(?: (?:ال)?قياسية)?`
	either   = `and/or|or|et/ou|ou|und/oder|oder|y/o|o|e/o|en/of|of|e/ou|و/أو|أو`
	decision = `\bframework|\bDPF\b|privacy shield|\badequa|\badéquation|\bbouclier|datenschutzrahmen|angemessenheit|adecuación|\badeguatezza|\badequação|إطار|ملاءمة|كفاية`
)

// storageWords are how texts speak of each kind of storage.
var storageWords = map[policy.Storage]*regexp.Regexp{
	policy.LocalStorage:   regexp.MustCompile(`(?i)\blocal[ -]?storage\b|\bstockage local\b|\blokale[rn]? speicher|\balmacenamiento local\b|\barchiviazione locale\b|\blokale opslag\b|\barmazenamento local\b|(?:ال)?تخزين (?:ال)?محلي`),
	policy.SessionStorage: regexp.MustCompile(`(?i)\bsession[ -]?storage\b|\bstockage de session\b|\bsitzungsspeicher|تخزين الجلسة`),
	policy.IndexedDB:      regexp.MustCompile(`(?i)\bindexed ?db\b`),
}

// compliance is a claim to keep a law, or to be certified. Words such as
// "in accordance with" introduce what a law gives, and claim nothing.
var compliance = regexp.MustCompile(`(?i)\b(?:` + laws + `)[- ](?:compliant|konform\p{L}*|conforme?s?|certified|certifi\p{L}+|approved|ready|proof)` +
	`|(?:\bcompliant with|\b(?:is|are|fully) in compliance with|\bcomplies with|\b(?:we|fully|site|policy|notice) comply with|\bconformes? (?:aux?|à la|à l'|avec)|\ben (?:\p{L}+ )?conformité avec|(?:\b(?:es|son|sono|são)|[èé]) (?:\p{L}+ )?conform[ei]s? (?:al|alla|ao|à|con|com)|\bconforma? (?:de )|\bkonform (?:mit|zu)|\bentspr(?:icht|echen)|\bcumpl(?:e|en|imos) con|\bvoldo(?:et|en) aan|\bem conformidade com|\brespecte(?:nt)? |\brespectons )[^.;\n]{0,40}?(?:` + laws + `|exigences|requirements|réglementation|legislation|législation|\b(?:the|la) (?:law|loi)\b)` +
	`|(?:\bcertified|\bcertifi[ée]+s?|\bapproved by|\bapprouvée?s? par|\bvalidée?s? par|\bvalidated by|\bzertifiziert|\bcertificad[oa]s?|\bcertificat[oaie]\b|\bgecertificeerd|\bgoedgekeurd door|\baprobad[oa]s? por|\bapprovat[oaie] da)[^.;\n]{0,40}?(?:\b(?:` + laws + `)\b)` +
	`|(?:\bcookies?|\bnotice|\bbanner|\bbandeau|\bbannière|\bavis|\bpolicy|\bpolitique|\bconsent\p{L}*|\bconsentement) (?:\p{L}+ ){0,2}(?:is|are|est|sont|ist|sind) (?:\p{L}+ ){0,2}(?:certified|certifi[ée]|zertifiziert)` +
	`|\bfully compliant(?:[.,;!)]|$)` +
	`|(?:متوافق|ممتثل|مطابق|معتمد|نمتثل|يمتثل|تمتثل)\p{L}*[^.\n]{0,30}?(?:لائحة العامة|GDPR|RGPD|CNIL|اللجنة الوطنية|قانون)`)

const laws = `cnil|rgpd|gdpr|dsgvo|avg|rgaa|wcag|eprivacy|informatique et libertés|data protection (?:act|law|regulation)s?`

// A citation is a reference that policies copy from each other, wrong unless
// the same text also says what would make it right.
type citation struct {
	text, unless *regexp.Regexp
	wrong        string
}

var wrongCitations = []citation{
	{
		regexp.MustCompile(`(?i)\b82 ?\(2\)`), regexp.MustCompile(`(?i)\b82 ?\(2\)[^.;]{0,20}(?:gdpr|rgpd|dsgvo|avg|2016/679)`),
		"article 82 has no paragraph (2): the exemption is in its last paragraph, 2°",
	},
	{
		regexp.MustCompile(`(?i)(?:withdraw|retir|révoqu)[^.]{0,120}\b(?:art\.?|article) 82|\b(?:art\.?|article) 82[^.]{0,140}(?:withdraw|retir|révoqu)`), regexp.MustCompile(`(?i)\b7 ?\(3\)|\b7\.3\b|\b7,? (?:paragraph[e]?|§|para\.) ?3\b|\b7 ?§ ?3\b`),
		"withdrawal as easy as giving is GDPR art. 7(3), not article 82",
	},
	{
		regexp.MustCompile(`(?i)\b` + thirteen + `[^.]{0,80}(?:recommand|recommend|empf|recomi?end|raccomand|aanbev)|(?:recommand|recommend|empf|recomi?end|raccomand|aanbev)[^.]{0,80}\b` + thirteen), regexp.MustCompile(`(?i)audience|exempt|dispens|reichweite|audiencia|bereik`),
		"the CNIL recommends 13 months for exempt audience measurement only",
	},
	{
		regexp.MustCompile(`(?i)\b(?:consent|consentement|einwilligung|consentimiento|consenso|toestemming|consentimento)\b[^.]{0,30}\b6[.( ]*1[.)( ]*\(?a\)?`), regexp.MustCompile(`(?i)\b82\b|\bdata\b|données|traitement|processing|\bDaten\b|\bdatos\b|\bdati\b|gegevens|\bdados\b`),
		"consent to a tracker is article 82; GDPR art. 6(1)(a) covers what is done with the data afterwards",
	},
}

const thirteen = `(?:13|thirteen|treize|dreizehn|trece|tredici|dertien|treze) (?:months|mois|Monaten?|meses|mesi|maanden)`
