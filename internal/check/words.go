package check

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/temoin/temoin/internal/lang"
	"github.com/temoin/temoin/policy"
)

// A wording is a text as the rules on wording read it.
type wording struct {
	policy.Prose        // its Text is plain
	lower        string // the same in small letters
	grams        *gramSet
}

// readTexts returns the texts of a site plain, and in the site's language where
// there is only one and none is said.
func readTexts(s *policy.Site) []wording {
	texts := make([]wording, len(s.Prose))
	for i, t := range s.Prose {
		if t.Lang == "" && len(s.Langs) == 1 {
			t.Lang = s.Default()
		}
		t.Text = plain(t.Text)
		lower := strings.ToLower(t.Text)
		texts[i] = wording{t, lower, newGramSet(lower)}
	}
	return texts
}

// plain makes texts comparable: composed letters, apostrophes and spaces as a
// keyboard has them, no marks that a reader does not see. Line breaks stay,
// since they end a clause.
func plain(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
		s = strings.Map(seen, norm.NFKC.String(s))
	}
	s = strings.ReplaceAll(s, "\t", " ")
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	return strings.TrimSpace(s)
}

// seen drops soft hyphens, joiners and direction marks, the lengthening stroke
// and the vowel signs of Arabic.
func seen(r rune) rune {
	switch {
	case r == '’':
		return '\''
	case r == 0xad, r >= 0x200b && r <= 0x200f, r == 0x640, r >= 0x64b && r <= 0x652:
		return -1
	}
	return r
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

// claims reports whether one of the texts says, without denying it, what a
// pattern looks for.
func (p *pass) claims(what *pattern, texts ...policy.Text) bool {
	for _, t := range texts {
		langs := t.Languages()
		if langs == nil && !t.IsZero() {
			langs = []string{p.Default()}
		}
		for _, l := range langs {
			s, _ := t.Get(l)
			if s = plain(s); what.near(wording{lower: strings.ToLower(s)}) && what.claimed(l, s) != "" {
				return true
			}
		}
	}
	return false
}

// claimed returns the first place in a text, or in a part of it, that says
// without denying it what a pattern looks for; "" for none.
func (p *pass) claimed(t wording, part string, what *pattern) string {
	if !what.near(t) {
		return ""
	}
	return what.claimed(cmp.Or(t.Lang, p.Default()), part)
}

// claimed returns the first match in a plain text that no negation stands
// before. A match in which a group takes part is one to leave out.
func (p *pattern) claimed(language, text string) string {
	for _, m := range p.regexp().FindAllStringSubmatchIndex(text, -1) {
		leftOut := slices.ContainsFunc(m[2:], func(at int) bool { return at >= 0 })
		if !leftOut && !denied(language, text[:m[0]]) {
			return text[m[0]:m[1]]
		}
	}
	return ""
}

// denials are the words that deny what follows them in a clause, those that
// end their reach, and those that begin a clause within the clause.
var denials = map[string]struct{ not, end, which string }{
	"ar": {"ليس ليست ليسوا لسنا غير لا لن لم فلا فليس دون بدون بلا", "إلا بل لكن", "التي الذي"},
	"de": {"nicht nie niemals ohne kein keine keinen keinem keiner keines weder noch", "und aber sondern nur", "die der das welche"},
	"en": {"not never cannot no nor none neither without", "and but only", "that which who"},
	"es": {"no nunca jamás sin ni ningún ninguna ninguno", "y e pero sino solo sólo", "que"},
	"fr": {"pas jamais non ni sans aucun aucune ne n", "et mais seulement", "qui"},
	"it": {"non mai senza né nessun nessuna nessuno", "e ma solo soltanto anche", "che"},
	"nl": {"niet nooit geen zonder noch", "en maar alleen", "die dat"},
	"pt": {"não nunca sem nem nenhum nenhuma", "e mas só apenas", "que"},
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
	d := denials[language]
	not, end, which := strings.Fields(d.not), strings.Fields(d.end), strings.Fields(d.which)
	words := wordBreak.Split(strings.TrimSpace(before), -1)
	slices.Reverse(words)
	only := false
	for i, w := range words[:min(len(words), 9)] {
		and := false
		if language == "ar" { // "and" is written as a part of the word
			w, and = strings.CutPrefix(w, "و")
		}
		switch {
		case slices.Contains(not, w):
			if i > 3 && slices.ContainsFunc(words[i+1:min(len(words), i+4)], func(w string) bool { return slices.Contains(which, w) }) {
				continue // "cookies that are not needed rest on …"
			}
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

// datedWords returns the words of a text that stand beside a number, as a month
// does in a date; none for a text without a month.
func datedWords(t wording) []string {
	if strings.IndexFunc(t.lower, unicode.IsDigit) < 0 || !slices.ContainsFunc(strings.FieldsFunc(t.lower, isNoLetter), func(w string) bool { return monthNames()[w] }) {
		return nil
	}
	var words []string
	for _, re := range []*pattern{dated, datedAfter} {
		for _, m := range re.regexp().FindAllStringSubmatchIndex(t.Text, -1) {
			word := t.Text[m[2]:m[3]]
			if !slices.Contains(words, word) && !(monthNames()[strings.ToLower(word)] && lawOf.regexp().MatchString(t.Text[max(0, m[0]-reach):m[0]])) {
				words = append(words, word)
			}
		}
	}
	return words
}

func isNoLetter(r rune) bool { return !unicode.IsLetter(r) }

// monthNames are those of all languages, in small letters.
var monthNames = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for _, tag := range lang.Tags() {
		l, _ := lang.Find(tag)
		for _, m := range l.Months {
			names[strings.ToLower(m)] = true
		}
	}
	return names
})

var (
	dated = look(`\p{Nd}(?:er|st|nd|rd|th|º|°|\.)?(?:[ /-]| de )(\p{L}+)`)
	// lawOf is what stands before the date of a law, which keeps its own language
	// where its title is quoted in another.
	lawOf      = look(`(?i)\b(?:loi|décret|délibération|ordonnance|arrêté|gesetz|verordnung|ley|real decreto|legge|decreto|wet|lei)\s(?:[^.;:\n]|n[or]\. ?){0,40}?\b(?:du|vom|del?|dal|van|do)\s(?:\p{Nd}{1,2}(?:er|º|°|\.)?\s?(?:de )?)?$`)
	datedAfter = look(`(\p{L}+)[,.]?[ /-](?:de )?\p{Nd}{1,4}\b`)
)

// stated reports whether a text says what a pattern looks for, and denies it
// neither before ("no …") nor behind ("… is not used").
func (p *pattern) stated(language, text string) bool {
	return slices.ContainsFunc(p.regexp().FindAllStringIndex(text, -1), func(m []int) bool {
		behind := deniedBehind.regexp().FindStringSubmatch(text[m[1]:])
		return !denied(language, text[:m[0]]) && (behind == nil || relative.regexp().MatchString(behind[1]))
	})
}

// stated is the method of a pattern, for one of the site's texts.
func (p *pass) stated(t wording, what *pattern) bool {
	return what.near(t) && what.stated(cmp.Or(t.Lang, p.Default()), t.Text)
}

// legitimateGround reports whether a text gives legitimate interest as a
// ground. What is done afterwards with data from exempt trackers may rest on
// it: a text that has spoken of them may say so.
func (p *pass) legitimateGround(t wording) bool {
	if !legitimateInterest.near(t) {
		return false
	}
	for _, s := range sentences(t.Text) {
		if exemptWord.regexp().MatchString(s) {
			return false
		}
		if legitimateInterest.stated(cmp.Or(t.Lang, p.Default()), s) {
			return true
		}
	}
	return false
}

// Words that the rules look for, in the languages that Témoin writes. They are
// stems: a rule on wording finds candidates, and an allowance settles the rest.
// They are looked for in plain texts. \b knows ASCII letters only, and never
// stands beside another one here.
var (
	placeholder = look(`\[(?:\.\.\.|(?i:your|votre|insert|insérer|nom de|name of|à compléter|tbd)(?:[ ][^\]]*)?)\]|\bTODO\b:?|\bTBD\b|(?i:\bXXX+\b|\blorem ipsum\b|(?:^|[\s(])à compléter\b)|\{\{`)
	// todoIsAll are the languages in which TODO, in capital letters, is a word.
	todoIsAll = []string{"es", "pt", "it"}

	trackerWord = look(`(?i)\bcookies?\b|\btrackers?\b|\btraceurs?\b|\brastreador|ملف(?:ات)? تعريف (?:ال)?ارتباط|كوكيز`)
	// calledCookie leaves out what is only about cookies: "your choice about cookies".
	calledCookie = look(`(?i)(\b(?:about|on|for|regarding|concerning|as|like|que|comme|wie|als|come|como|sur|en matière de|concernant|aux|de|über|zu|sobre|su|sui|over)\b (?:the |our |les |nos |los |las |os |le |der |i |de )?)?(?:\bcookies?\b|(?:^|هذه? |هذا )ملف(?:ات)? تعريف (?:ال)?ارتباط|كوكيز)([ -](?:choice|preference|setting|banner|consent|notice|policy|einstellung))?`)
	exemptWord   = look(`(?i)\bexempt|dispens[eé]|\bausgenommen|\besent[ei]\b|\bvrijgesteld|\bisent|معفا`)
	rememberMe   = look(`(?i)remember[ -]me|(?:stay|keep me|remain) (?:signed|logged)[ -]in|(?:se souvenir|souvenez-vous) de moi|rest(?:er|ez) connecté|angemeldet bleiben|recuérdame|recordarme|ricordami|onthoud mij|aangemeld blijven|lembrar-me|تذكرني`)
	similarTech  = look(`(?i)(?:similar|comparable) technolog|technologies (?:similaires|analogues|comparables)|(?:ähnliche|vergleichbare)n? technologien|tecnologías (?:similares|análogas)|tecnologie (?:simili|analoghe)|(?:soortgelijke|vergelijkbare) technologie|tecnologias (?:semelhantes|similares)|(?:ال)?تقنيات (?:ال)?(?:مماثلة|مشابهة)`)
	otherPurpose = look(`(?i)\b(?:statisti|analytic|audience\b|advertis|publicit|pubblicit|marketing|profiling|profilage|remarketing|retarget|werb(?:ung|e)|reclame\b|advertentie)|estadístic|estatístic|(?:ال)?إحصا[ءئ]|(?:ال)?إعلان|(?:ال)?تسويق`)

	// inessential is what nobody needs, in the words of those who claim that it is exempt.
	inessential = look(`(?i)(?:(?:\bnot|\bnon|n't) (?:strictly |absolutely )?|\bnon-|\bun|\bin)(?:essential|indispensable|necessary)\b|(?:\bnon |\bne (?:\p{L}+ ){1,2}pas |\bn'\p{L}+ pas )(?:\p{L}+ment )?(?:essentiel|indispensable|nécessaire)|\bnicht (?:unbedingt |zwingend )?(?:notwendig|erforderlich|essenziell|essentiell|wesentlich)` +
		`|\bno (?:son |es )?(?:estrictamente )?(?:esencial|imprescindible|indispensable|necesari)|\bnon (?:sono |è )?(?:strettamente )?(?:essenzial|indispensabil|necessari)|\bniet (?:strikt )?(?:essentieel|noodzakelijk|onmisbaar)|\bnão (?:são |é )?(?:estritamente )?(?:essencia|indispensáve|necessári)` +
		`|(?:غير|ليست?) (?:ال)?(?:ضروري|أساسي)`)

	legitimateInterest = look(`(?i)legitimate interest|intérêts? légitimes?|berechtigte[smn]? interesse|interés legítimo|legittimo interesse|interesse legittimo|gerechtvaardigd belang|interesse legítimo|(?:(?:ال)?(?:مصلحة|مصالح)|مصلحتنا|مصالحنا) (?:ال)?مشروعة`)
	deniedBehind       = look(`(?i)^s?([^.,;:!?\n]{0,40}?)(?:\b(?:is|are|can|will|does) (?:not|never)\b|\bcannot\b|\bn'|\bne \p{L}+ (?:pas|jamais)|\b(?:ist|sind|wird|werden) (?:nicht|nie|kein)|\b(?:no|nunca) (?:es|se)\b|\bnon (?:è|viene)|\b(?:is|wordt) (?:geen|niet|nooit)\b|\bnão (?:é|são)|\s(?:ليست?|لا)\s)`)
	relative           = look(`(?i)\b(?:that|which|who|qui|que|dont|die|der|das|welche|che|dat)\b|\s(?:الذي|التي)\s`)

	optOutPages = look(`(?i)your ?online ?choices|youradchoices|aboutads\.info|networkadvertising\.org|dlpage/gaoptout` +
		`|(?:\boppose|\brefuse|désactive|\bobject|\bopt[- ]?out|\bdisable|\bdecline)[^.;:\n]{0,80}\b(?:en visitant|en vous rendant|rendez-vous|visit(?:ing)?|by going|go to|on the (?:web)?(?:site|page)s? of)\b[^.;:\n]{0,60}\b(?:third|tiers|vendors?|providers?|partners?|fournisseurs?|prestataires?|partenaires?|their|leurs?|(?:each|these|those|chaque|ces) services?)\b` +
		`|\bwidersprechen[^.;:\n]{0,80}\bAnbieter|(?:\bAnbieter|\bDritt)[^.;:\n]{0,60}\bwidersprechen` +
		`|\b(?:opon|rechaz|desactiv|oppor|rifiut|disattiv|opor|recus|desativ)\w*[^.;:\n]{0,80}\bvisit[^.;:\n]{0,60}\b(?:tercer|proveedor|terz|fornit|terceir|fornecedor)` +
		`|\b(?:bezwaar|weiger|uitschakel)\w*[^.;:\n]{0,80}\bbezoek[^.;:\n]{0,60}\b(?:derden|aanbieder)` +
		`|(?:الاعتراض|رفض|تعطيل)[^.؛:\n]{0,80}زيارة[^.؛:\n]{0,60}(?:الخدمات|خدمة|أطراف|الأطراف|مزود)`)
	additional = look(`(?i)\b(?:in addition|additionally|also|besides|on top of|en plus|en complément|aussi|zusätzlich|außerdem|además|también|inoltre|anche|daarnaast|ook)\b|également|além disso|também|إضافة|أيضا`)

	// functionWords is a name made of words for what somebody does.
	functionWords = look(`(?i)^(?:(?:an?|our|the|other|online|third|party|parties|external|payment|video|chat|analytics|audience|measurement|hosting|support|session|provider|vendor|supplier|partner|service|processor|notre|nos|le|la|les|des?|d|du|l|une?|autres?|en|ligne|tiers|tierce|externes?|paiement|vidéo|mesure|statistiques?|hébergeur|prestataire|fournisseur|partenaire|sous|traitant|unser|der|die|das|externer?|zahlungsdienst(?:leister)?|zahlungsanbieter|anbieter|dienstleister|drittanbieter|partner|el|los|pagos?|servicios?|proveedor|proveedores|il|lo|fornitor[ei]|pagament[oi]|serviz[io]|servizio|betaal|betaling|betalings|dienst|aanbieder|leverancier|o|os|fornecedor|pagamentos?|serviços?|parceiro|مزود|مقدم|شريك|شركاء|طرف|الطرف|ثالث|الثالث|خدمة|خدمات|الدفع|دفع|الفيديو|التحليل|الاستضافة)s?(?:[\s'’/-]+|$))+$`)

	mechanismsAndOr = look(`(?i)(?:` + clauses + `)\W{0,3}(?:\([^)]*\))?\W{1,3}(?:` + either + `)[\s،].{0,40}(?:` + decision + `)|(?:` + decision + `)[^,;]{0,20}\s(?:` + either + `)[\s،][^,;]{0,30}(?:` + clauses + `)`)
	copyWord        = look(`(?i)\bcop(?:y|ies|ies?|ia)\b|\bkopie|cópia|نسخة`)

	jargon         = look(`\b(?:CSRF|XSRF|XSS|JWT|OAuth|SSO|UUID|CDN|API|A/B|SDK|DOM|TLS)\b`)
	browserWord    = look(`(?i)\bbrowser|\bnavigat(?:eu|o)r|\bnavegador|متصفح`)
	preferenceWord = look(`(?i)pr[eéä]f[eé]r[eê]n[csz]|\bvoorkeur|\bpanel\b|\bbanner\b|\bbandeau|\bbannière|\bcent(?:re|er)\b|cookie-einstellungen|تفضيل`)

	anonymity = look(`(?i)\banonym\p{L}*|\ban[óôo]nim\p{L}*|\banonie[mk]\p{L}*|\bgeanon[iy]mis\p{L}*|(?:ال)?مجهول\p{L}*|إخفاء (?:ال)?هوية`)

	totality = look(`(?i)\b(?:total|full|complete|absolute) (?:control|security|privacy|transparency)\b([- ](?:polic|notice|statement|setting|panel|cent|audit|review|check|report|information|team))?` +
		`|(\b(?:politique|charte|règles|déclaration|avis|audit|politica|política|informativa) (?:de|di) (?:la |la |el )?)?(?:\bcontrôle|\bsécurité|\btransparence|\bconfidentialité) (?:totale?|absolue?|complète?|complet|intégrale?)\b` +
		`|\bcontrolo? total\b|\bcontrol completo\b|\bcontrollo (?:totale|completo)\b|\b(?:volle|vollständige|absolute) (?:kontrolle|sicherheit)\b|\bvolledige (?:controle|veiligheid)\b|\bseguridad total\b|\bsicurezza totale\b|(?:ال)?(?:تحكم|سيطرة|أمان) (?:ال)?(?:كامل|كاملة|تام|تامة|مطلق)`)

	trick = look(`(?i)\b(?:best|better|ultimate|optimal(?:e|es|en)?|meilleure?s?|recommended|recommandée?s?|empfohlen|beste[ns]?|bessere?[ns]?|mejor|migliore?|consigliato|aanbevolen|betere?|melhor|recomendad[oa]|sadly|unfortunately|miss out|malheureusement|dommage|leider|helaas|purtroppo|lamentablemente|infelizmente)\b|\bhélas\b|أفضل|للأسف|موصى به`)
)

const (
	clauses  = `clauses contractuelles(?: types?)?|(?:standard )?contractual clauses|\bclauses|\bSCCs?|\bCCTs?|standardvertragsklauseln|cláusulas contractuales(?: tipo)?|clausole contrattuali(?: tipo| standard)?|standaardcontractbepalingen|cláusulas contratuais(?:[ -]tipo)?|(?:ال)?بنود (?:ال)?تعاقدية(?: (?:ال)?قياسية)?`
	either   = `and/or|or|et/ou|ou|und/oder|oder|y/o|o|e/o|en/of|of|e/ou|و/أو|أو`
	decision = `\bframework|\bDPF\b|privacy shield|\badequa|\badéquation|\bbouclier|datenschutzrahmen|angemessenheit|adecuación|\badeguatezza|\badequação|إطار|ملاءمة|كفاية`
)

// storageWords are how texts speak of each kind of storage.
var storageWords = map[policy.Storage]*pattern{
	policy.LocalStorage:   look(`(?i)\blocal[ -]?storage\b|\bstockage local\b|\blokale[rn]? speicher|\balmacenamiento local\b|\barchiviazione locale\b|\blokale opslag\b|\barmazenamento local\b|(?:ال)?تخزين (?:ال)?محلي`),
	policy.SessionStorage: look(`(?i)\bsession[ -]?storage\b|\bstockage de session\b|\bsitzungsspeicher|تخزين الجلسة`),
	policy.IndexedDB:      look(`(?i)\bindexed ?db\b`),
}

// compliance is a claim to keep a law, or to be certified. Words such as
// "in accordance with" introduce what a law gives, and claim nothing.
var compliance = look(`(?i)\b(?:` + laws + `)[- ](?:compliant|konform\p{L}*|conforme?s?|certified|certifi\p{L}+|approved|ready|proof)` +
	`|(?:\bcompliant with|\b(?:is|are|fully) in compliance with|\bcomplies with|\b(?:we|fully|site|policy|notice) comply with|\bconformes? (?:aux?|à la|à l'|avec)|\ben (?:\p{L}+ )?conformité avec|(?:\b(?:es|son|sono|são)|[èé]) (?:\p{L}+ )?conform[ei]s? (?:al|alla|ao|à|con|com)|\bconforma? (?:de )|\bkonform (?:mit|zu)|\bentspr(?:icht|echen)|\bcumpl(?:e|en|imos) con|\bvoldo(?:et|en) aan|\bem conformidade com|\brespecte(?:nt)? |\brespectons )[^.;\n]{0,40}?(?:` + laws + `|exigences|requirements|réglementation|legislation|législation|\b(?:the|la) (?:law|loi)\b)` +
	`|(?:\bcertified|\bcertifi[ée]+s?|\bapproved by|\bapprouvée?s? par|\bvalidée?s? par|\bvalidated by|\bzertifiziert|\bcertificad[oa]s?|\bcertificat[oaie]\b|\bgecertificeerd|\bgoedgekeurd door|\baprobad[oa]s? por|\bapprovat[oaie] da)[^.;\n]{0,40}?(?:\b(?:` + laws + `)\b)` +
	`|(?:\bcookies?|\bnotice|\bbanner|\bbandeau|\bbannière|\bavis|\bpolicy|\bpolitique|\bconsent\p{L}*|\bconsentement) (?:\p{L}+ ){0,2}(?:is|are|est|sont|ist|sind) (?:\p{L}+ ){0,2}(?:certified|certifi[ée]|zertifiziert)` +
	`|\bfully compliant(?:[.,;!)]|$)` +
	`|(?:متوافق|ممتثل|مطابق|معتمد|نمتثل|يمتثل|تمتثل)\p{L}*[^.\n]{0,30}?(?:لائحة العامة|GDPR|RGPD|CNIL|اللجنة الوطنية|قانون)`)

const laws = `cnil|rgpd|gdpr|dsgvo|avg|rgaa|wcag|eprivacy|informatique et libertés|data protection (?:act|law|regulation)s?`

// A citation is a reference that policies copy from each other, wrong unless
// the same text also says what would make it right.
type citation struct {
	text, unless *pattern
	wrong        string
	abroad       string // where French law does not hold; "" for the same
}

var wrongCitations = []citation{
	{
		look(`(?i)\b82 ?\(2\)`), look(`(?i)\b82 ?\(2\)[^.;]{0,20}(?:gdpr|rgpd|dsgvo|avg|2016/679)`),
		"article 82 has no paragraph (2): the exemption is in its last paragraph, 2°", "",
	},
	{
		look(`(?i)(?:withdraw|retir|révoqu)[^.]{0,120}\b(?:art\.?|article) 82|\b(?:art\.?|article) 82[^.]{0,140}(?:withdraw|retir|révoqu)`), look(`(?i)\b7 ?\(3\)|\b7\.3\b|\b7,? (?:paragraph[e]?|§|para\.) ?3\b|\b7 ?§ ?3\b`),
		"withdrawal as easy as giving is GDPR art. 7(3), not article 82", "",
	},
	{
		look(`(?i)\b` + thirteen + `[^.]{0,80}(?:recommand|recommend|empf|recomi?end|raccomand|aanbev)|(?:recommand|recommend|empf|recomi?end|raccomand|aanbev)[^.]{0,80}\b` + thirteen), look(`(?i)audience|exempt|dispens|reichweite|audiencia|bereik|\bvendor|\béditeur`),
		"the CNIL recommends 13 months for exempt audience measurement only", "",
	},
	{
		look(`(?i)\b(?:consent|consentement|einwilligung|consentimiento|consenso|toestemming|consentimento)\b[^.]{0,30}\b6[.( ]*1[.)( ]*\(?a\)?`), look(`(?i)\b82\b|\b5 ?\(3\)|2002/58|\bdata\b|données|traitement|processing|\bDaten\b|\bdatos\b|\bdati\b|gegevens|\bdados\b`),
		"consent to a tracker is article 82; GDPR art. 6(1)(a) covers what is done with the data afterwards",
		"consent to a tracker is article 5(3) of Directive 2002/58/EC as your country's law has it; GDPR art. 6(1)(a) covers what is done with the data afterwards",
	},
}

const thirteen = `(?:13|thirteen|treize|dreizehn|trece|tredici|dertien|treze) (?:months|mois|Monaten?|meses|mesi|maanden)`
