package policy

import (
	"fmt"
	"regexp"
	"strings"
)

// manifest holds what the manifest says before it is compiled: values of the
// mappings that a Site resolves into pointers.
type manifest struct {
	format     int
	categories []Category
	trackers   []Tracker
	services   []Service
	promises   []Promise
	authority  string
	sections   []Section
	browsers   []Browser
}

// shape describes the whole manifest. Every example in it is decoded by a test.
func (s *Site) shape() shape {
	m := &s.raw
	return object("manifest", "a manifest", nil,
		must("temoin", number(&m.format, 1, 1), "The version of this format.", "1"),
		must("site", id(&s.ID), "A short id of the site, which never changes.", "cexro"),
		must("name", line(&s.Name), "What visitors know the site as.", "Cexro OCR"),
		must("url", address(&s.URL), "The site's main address.", "https://cexro.com"),
		may("hosts", distinct(some(&s.Hosts, host)), "Further host names of the site.", "[www.cexro.com]").or("aliases", "domains"),
		must("languages", filled(distinct(some(&s.Langs, language))), "The languages of the site, the default first.", "[fr, ar]").or("language", "locales"),
		may("controller", s.Controller.shape(), "Who decides what is done with the data and answers for it.", "{name: QR Communication, form: SAS, siren: 940 163 496, country: FR}").or("operator", "company", "owner"),
		may("contact", s.Contact.shape(), "Whom visitors write to.", "{dpo: {email: dpo@cexro.com, answers_within: 72 hours}}"),
		may("authority", s.Authority.shape(&m.authority), "The authority to which visitors can complain: a known one, or its name and address.", "cnil"),
		may("public", s.Public.shape(), "Whom the site addresses.", "{minors: none}").or("audience_age"),
		may("policy", s.Policy.shape(), "The version of the policy and how its changes are announced.", `{version: "1.0", updated: 2025-01-15, effective: 2025-01-15, announce: [banner, email]}`).or("document"),
		may("page", s.Page.shape(&m.sections), "Your own words on the policy page: its title, and what its sections say before, after or instead of Témoin's words.", "{title: {en: Cookie Policy}}"),
		may("choice", s.Choice.shape(), "How the visitor's choice is kept and where it can be changed.", "{cookie: cookie_consent, lasts: 6 months}").or("consent"),
		may("identity", s.Identity.shape(), "How a proxy in front of your site learns who is signed in, where choices follow the account.", "{url: /api/me, field: id}").or("session"),
		may("notice", s.Notice.shape(), "What the first layer is for, and how notices look.", "{mode: consent}").or("banner"),
		may("enforcement", s.Enforcement.shape(), "How strictly the site's pages are kept to the choice, beyond what always is.", "{storage: report}").or("guard", "blocking"),
		may("proof", s.Proof.shape(), "How long the proof of a choice is kept, and why.", "{kept: 5 years after expiry}").or("register"),
		must("categories", filled(keyed(&m.categories, "categories by id", func(id string, c *Category) shape { return c.shape(id) })), "What visitors decide on, by id, in the order of the page.", "{essential: {exempt: true}, analytics: {needs: consent}}").or("purposes"),
		may("trackers", list(&m.trackers, (*Tracker).shape), "What the site itself keeps in the browser.", "[{name: session, category: essential, lasts: session}]").or("cookies"),
		may("services", list(&m.services, (*Service).shape), "The third parties that the site's pages contact.", "[{use: google-analytics, category: analytics}]").or("vendors", "providers", "third_parties"),
		may("promises", list(&m.promises, (*Promise).shape), "What the policy commits to: known promises by id, or your own words.", "[no-advertising, no-pixels]").or("claims"),
		may("trusted_hosts", list(&s.Trusted, (*TrustedHost).shape), "Hosts of third parties that are contacted, keep nothing, and why that is harmless.", "[{host: images.example.net, because: {en: our own image store}}]").or("harmless", "allowed_hosts"),
		may("audience", s.Audience.shape(), "How the audience is measured without identifiers.", "{source: logs, kept: 13 months}").or("statistics", "analytics"),
		may("logs", s.Logs.shape(), "What the servers record about requests, why, and how long it is kept.", "{kept: 12 months}"),
		may("records", object("records", "what Témoin keeps besides the proof", nil,
			may("requests", period(&s.Kept.Requests), "How long a rights request is kept after its answer.", "5 years"),
			may("reports", period(&s.Kept.Reports), "How long the counts of blocked content (CSP reports) are kept.", "30 days"),
			may("mail", period(&s.Kept.Mail), "How long a sent message's delivery is remembered.", "12 months"),
		), "How long Témoin keeps what is not proof of a choice.", "{requests: 5 years}"),
		may("browsers", keyed(&m.browsers, "guidance by browser", func(id string, b *Browser) shape { return b.shape(id) }), "Guidance for single browsers in your own words, in place of Témoin's.", "{chrome: {text: {en: Settings > Privacy and security}}}"),
		may("app", s.App.shape(), "The site's native app.", "{name: Cexro, cookies: false}").or("mobile", "mobile_app"),
		may("hosted_by", s.HostedBy.shape(), "Who hosts the site.", "{name: OVH SAS, country: FR}").or("host", "hosting"),
		may("links", s.Links.shape(), "Your other texts.", "{privacy: /privacy, legal: /legal}"),
		may("law", list(&s.Law, (*Law).shape), "The texts that the policy follows: known ones by id, or others in words.", "[fr-lil-82, eu-gdpr]").or("legal_refs", "legal"),
		may("automated_decisions", s.Automated.shape(), "Whether decisions about visitors are automated, profiling included.", "{none: true}"),
		may("rights", some(&s.Rights, right), "The rights that visitors have; those that follow from your legal bases unless you list them.", "[access, rectification, erasure]"),
	)
}

func right(dst *Right) shape {
	return oneOf(dst, RightAccess, RightRectification, RightErasure, RightRestriction, RightPortability, RightObjection, RightWithdraw, RightAfterDeath, RightNoAutomation)
}

// sirenSchema takes nine digits, of which YAML may make a number.
func sirenSchema() map[string]any {
	return map[string]any{"type": []string{"string", "integer"}, "pattern": around(`[0-9]( *[0-9]){8}`), "minimum": 1e8, "maximum": 1e9 - 1}
}

func (c *Controller) shape() shape {
	return object("controller", "a controller", &c.Field,
		may("name", line(&c.Name), "The legal name, not the product's.", "QR Communication"),
		may("form", line(&c.Form), "The legal form.", "SAS"),
		may("siren", patternAs(&c.SIREN, "a SIREN", "the nine digits of the company number, such as 940 163 496", sirenSchema, func(s string) bool {
			return len(strings.ReplaceAll(s, " ", "")) == 9 && strings.Trim(s, "0123456789 ") == ""
		}), "The French company number, nine digits.", "940 163 496").or("registration"),
		may("address", line(&c.Address), "The postal address.", "1 rue de l'Exemple, 75001 Paris"),
		may("country", country(&c.Country), "The country it is established in; it decides which national rules apply.", "FR"),
		may("email", email(&c.Email), "An e-mail address.", "contact@example.com"),
		may("phone", line(&c.Phone), "A telephone number.", "+33 1 00 00 00 00"),
		may("url", address(&c.URL), "Its own web address.", "https://example.com"),
	)
}

func (c *Contact) shape() shape {
	return object("contact", "contacts", nil,
		may("dpo", c.DPO.shape(), "The data protection officer.", "{email: dpo@cexro.com, answers_within: 72 hours}"),
		may("general", c.General.shape(), "Whom to write to about the policy, where there is no data protection officer.", "{email: privacy@example.com}"),
		may("support", c.Support.shape(), "Who helps with preferences.", "{email: support@example.com}"),
	)
}

func (m *Mailbox) shape() shape {
	return object("mailbox", "a contact", &m.Field,
		may("name", line(&m.Name), "The name of the person or team.", "Data protection officer"),
		may("email", email(&m.Email), "The e-mail address.", "dpo@cexro.com"),
		may("form", link(&m.Form), "The address of a contact form.", "/contact"),
		may("address", line(&m.Address), "The postal address.", "1 rue de l'Exemple, 75001 Paris"),
		may("phone", line(&m.Phone), "A telephone number.", "+33 1 00 00 00 00"),
		may("subject", words(&m.Subject), "What to write in the subject line.", "{fr: Question cookies}"),
		may("answers_within", period(&m.Within), "The answer time that you promise.", "72 hours").or("sla", "response_time"),
		may("text", words(&m.Text), "What they help with.", "{en: Our team helps you to set your preferences.}"),
	)
}

func (a *Authority) shape(known *string) shape {
	ids := authorityIDs()
	return either(oneOf(known, ids...), nil, object("authority", "an authority", nil,
		must("name", words(&a.Name), "Its name.", "{en: French Data Protection Authority (CNIL)}"),
		must("url", link(&a.URL), "Its web address.", "https://www.cnil.fr"),
		may("complaint", link(&a.Complaint), "The page on which complaints are made.", "https://www.cnil.fr/fr/plaintes"),
	))
}

func (p *Public) shape() shape {
	return object("public", "whom the site addresses", &p.Field,
		must("minors", oneOf(&p.Minors, "none", "possible", "targeted"), "Whether minors use the site: none, possible, or targeted.", "possible"),
		may("consent_age", number(&p.ConsentAge, 13, 16), "The age from which a minor consents alone, where it is not the country's own.", "15"),
		may("text", words(&p.Text), "The short plain text for minors.", "{en: You can say no. Nothing bad happens.}"),
		may("countries", some(&p.Countries, country), "The countries that the site addresses, besides the controller's.", "[FR, BE]"),
		may("because", words(&p.Because), "Why advertising or session replay is used although minors may visit.", "{en: Replay is limited to the pages for parents.}"),
	)
}

func (d *Document) shape() shape {
	return object("policy", "the policy's version", nil,
		may("version", line(&d.Version), "The version, as you count.", `"1.0"`),
		may("updated", spelled(&d.Updated, &d.UpdatedAs), "The day of the last change.", "2026-05-04"),
		may("effective", spelled(&d.Effective, &d.EffectiveAs), "The day from which it applies.", "2026-05-20"),
		may("reviewed", day(&d.ReviewedOn), "The day on which it was last read against the running site.", "2026-11-02"),
		may("review", day(&d.ReviewDue), "The day by which it is read again.", "2027-05-04"),
		may("announce", some(&d.Announce, func(c *Channel) shape { return oneOf(c, ByBanner, ByEmail, ByAccount) }), "How substantial changes are announced.", "[banner, email]"),
		may("announced_before", period(&d.AnnouncedBefore), "How long before it takes effect a change is announced.", "15 days"),
		may("history", list(&d.History, (*Revision).shape), "Earlier versions, the newest first.", `[{version: "0.9", date: 2025-06-01, changes: {en: Added the video service.}}]`),
	)
}

func (r *Revision) shape() shape {
	return object("revision", "an earlier version", nil,
		must("version", line(&r.Version), "The version.", `"1.0"`),
		must("date", day(&r.Date), "The day from which it applied.", "2026-05-20"),
		may("changes", words(&r.Changes), "What the version after it changed.", "{en: Added the video service.}"),
		may("editorial", some(&r.Editorial, func(s *string) shape { return id(s) }), "Categories whose purpose the version after it only says in other words: nobody is asked again for that.", "[analytics]"),
	)
}

func (p *Page) shape(sections *[]Section) shape {
	return object("page", "the page's own words", nil,
		may("title", words(&p.Title), "The title.", "{en: Cookie Policy, fr: Politique des cookies}"),
		may("subtitle", words(&p.Subtitle), "The line below the title.", "{en: How we use cookies}"),
		may("native_digits", yes(&p.NativeDigits), "true: numbers are written in the digits of the script, such as ١٣ in Arabic.", "true"),
		may("sections", keyed(sections, "sections by id", func(id string, s *Section) shape { return s.shape(id) }),
			"Your own words for sections: "+strings.Join(sectionIDs, ", ")+".", "{rights: {intro: {en: You have the following rights}}}"),
	)
}

func (s *Section) shape(id string) shape {
	s.ID = id
	return object("section", "a section", &s.Field,
		may("title", words(&s.Title), "Its heading.", "{en: Your rights}"),
		may("intro", words(&s.Intro), "What announces its content.", "{en: You have the following rights}"),
		may("note", words(&s.Note), "What follows its content.", "{en: Disabling cookies may limit some features.}"),
		may("text", words(&s.Text), "A text that says all there is to say.", "{en: A cookie is a small text file.}"),
		may("bare", yes(&s.Bare), "true: your words stand alone, and Témoin adds nothing of its own.", "true"),
	)
}

func (c *Choice) shape() shape {
	return object("choice", "how the choice is kept", &c.Field,
		may("cookie", cookieName(&c.Cookie), "The name of the cookie that keeps the choice.", "cookie_consent"),
		may("purpose", words(&c.Purpose), "What you say it is for, in place of Témoin's words.", "{en: Remembers your choice about cookies.}"),
		may("category", id(&c.categoryID), "The exempt category in which that cookie is listed: the first one unless you say otherwise.", "essential"),
		may("lasts", period(&c.Lasts), "How long a choice, yes or no alike, is kept before the visitor is asked again.", "6 months").or("duration", "lifetime", "expires"),
		may("scope", oneOf(&c.Scope, ScopeDevice, ScopeAccount), "Whether a choice belongs to the browser it was made in, or follows the account.", "device"),
		may("conflict", oneOf(&c.Conflict, "latest", "account"), "With scope account: which choice holds when browser and account differ.", "latest"),
		may("domain", oneOf(&c.Domain, "host", "registrable"), "Whether the choice holds for the host or for all hosts of the registrable domain.", "host"),
		may("reopen", list(&c.Reopen, (*Reopening).shape), "Where visitors change their mind.", "[{where: button}]"),
	)
}

func (r *Reopening) shape() shape {
	return object("reopening", "a place to change a choice", nil,
		must("where", oneOf(&r.Where, "button", "link", "page", "account"), "A small button on every page, a link of your own, a page, or a page of the account.", "button"),
		may("path", sitePath(&r.Path), "Where it is on the site.", "/settings/privacy"),
		may("label", words(&r.Label), "How visitors find it.", "{en: Settings > GDPR & my data}"),
		may("reopens_banner", yes(&r.Banner), "true: it shows the first layer again.", "true"),
		may("signed_in", yes(&r.Signed), "true: only for those who are signed in.", "true"),
	)
}

// sitePath is a path on the site.
func sitePath(dst *string) shape {
	return pattern(dst, "a path", `a path such as "/settings/privacy"`, `^/([^\s/]\S*)?$`, func(s string) bool { return strings.HasPrefix(s, "/") && isLink(s) })
}

func (n *Notice) shape() shape {
	return object("notice", "what the first layer is for", nil,
		may("mode", oneOf(&n.Mode, NoticeConsent, NoticeInformation, NoticePreconfigure), "Ask for consent, inform only, or take preferences before anything needs consent. It follows from the categories unless you say otherwise.", "consent"),
		may("text", words(&n.Text), "Your own sentence at its beginning.", "{en: We respect your choice.}"),
		may("locale_cookie", cookieName(&n.LocaleCookie), "The cookie in which your site keeps the language that a visitor chose. Its value begins with a language tag.", "NEXT_LOCALE"),
		may("theme", oneOf(&n.Theme, ThemeNeutral, ThemeCompact, ThemeDSFR), "Its look: neutral, compact for little room, or with the measures of the French State's design system. It is neutral unless you say otherwise.", "dsfr"),
		may("scheme", oneOf(&n.Scheme, SchemeAuto, SchemeLight, SchemeDark), "Whether it is light or dark: auto follows the visitor's setting. Say light or dark where your pages are that for everybody.", "light"),
		may("colors", n.Colors.shape(), "Colors in place of the theme's.", `{accent: "#1f4fa3"}`).or("colours"),
		may("dark_colors", n.DarkColors.shape(), "Colors in place of the theme's where it is dark.", `{accent: "#9dc1ff"}`).or("dark_colours"),
		may("font", fonts(&n.Font), "The font families of its text, the best first. None is loaded for it: write those that your pages have.", "Inter, Arial"),
		may("text_size", number(&n.TextSize, 14, 22), "The size of its text in CSS pixels.", "16"),
		may("radius", number(&n.Radius, 0, 24), "How round its corners are, in CSS pixels.", "4"),
	)
}

func (i *Identity) shape() shape {
	return object("identity", "how it is known who is signed in", &i.Field,
		must("url", sitePath(&i.URL), "A path of your site that answers in JSON whose the cookies of a request are.", "/api/me"),
		must("field", pattern(&i.Name, "a field", `a field of that JSON, such as "id" or "user.id"`, `^[^.\s]+(\.[^.\s]+)*$`, func(s string) bool { return fieldPath.MatchString(s) }), "Where the id of the account stands in it; dots lead into objects. Where it is missing, nobody is signed in.", "user.id"),
	)
}

var fieldPath = regexp.MustCompile(`^[^.\s]+(\.[^.\s]+)*$`)

func (e *Enforcement) shape() shape {
	return object("enforcement", "how strictly pages are kept to the choice", nil,
		may("mode", oneOf(&e.Mode, ModeEnforce, ModeObserve), "Whether traffic is changed (enforce), or left as it is and only told what would have been stopped (observe): so you begin on a site that is live. It is enforce unless you say otherwise.", "observe"),
		may("undeclared", oneOf(&e.Undeclared, EnforcePass, EnforceReport, EnforceBlock), "What happens to a cookie that this manifest does not declare, in requests and in answers: nothing (pass), it is counted (report), or it is counted and taken out (block). It is report unless you say otherwise.", "block"),
		may("seal", oneOf(&e.Seal, EnforceOff, EnforceReport, EnforceBlock), "Whether pages carry a Content-Security-Policy that lists where the choice lets them load from: no (off), one by which browsers only report (report), or one that they keep to (block). It is report unless you say otherwise.", "block"),
		may("cacheable", yes(&e.Cacheable), "true: all visitors are sent the same bytes, so that a cache may keep them, and a script in the page does what the choice allows.", "true"),
		may("storage", oneOf(&e.Storage, EnforceOff, EnforceReport, EnforceBlock), "What happens when a script of your own writes a declared cookie, or a declared key of localStorage or sessionStorage, that the visitor has not allowed: nothing (off), a warning in the console and an event (report), or that and it is not written (block). It is off unless you say otherwise.", "report"),
	)
}

func (p *Palette) shape() shape {
	return object("colors", "colors", nil,
		may("paper", color(&p.Paper), "The ground.", `"#ffffff"`),
		may("ink", color(&p.Ink), "The text, at least 4.5 times as light or dark as the ground.", `"#1d2430"`),
		may("accent", color(&p.Accent), "Buttons and links, at least 4.5 times as light or dark as the ground.", `"#1f4fa3"`),
		may("on_accent", color(&p.OnAccent), "The text on buttons, at least 4.5 times as light or dark as they are.", `"#ffffff"`),
		may("line", color(&p.Line), "Edges and switches, at least 3 times as light or dark as the ground.", `"#6b7482"`),
	)
}

const colorPattern = `^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})$`

var isColor = regexp.MustCompile(colorPattern).MatchString

// color is a color in hexadecimal.
func color(dst *string) shape {
	return pattern(dst, "a color", `a color such as "#1f4fa3", in quotes`, colorPattern, isColor)
}

// A family is a name of words, which a style sheet can quote as it stands.
const fontsPattern = `^[A-Za-z][A-Za-z0-9 -]{0,39}(, ?[A-Za-z][A-Za-z0-9 -]{0,39}){0,7}$`

var isFonts = regexp.MustCompile(fontsPattern).MatchString

// fonts is a list of font families.
func fonts(dst *string) shape {
	return pattern(dst, "a list of font families", `names such as "Inter, Arial"`, fontsPattern, isFonts)
}

func (p *Proof) shape() shape {
	return object("proof", "how the proof is kept", nil,
		may("kept", scalarShape{what: "a period after expiry", fix: `a period such as "5 years after expiry"`, more: periodNote, json: matching(around("(" + periodBody + ")(" + spaces + " after expiry)?")), set: func(s string) error {
			k, err := ParsePeriod(strings.TrimSuffix(strings.TrimSpace(s), " after expiry"))
			if err != nil {
				return fmt.Errorf("%q is not a period", shorten(s))
			}
			p.Kept = k
			return nil
		}}, "How long a record is kept after the choice has expired.", "5 years after expiry"),
		may("because", words(&p.Because), "Why that long.", "{en: the time in which a claim can be brought}"),
		may("recipients", words(&p.Recipients), "Who can see the records.", "{en: our data protection officer}"),
		may("anchors", some(&p.Anchors, (*ProofAnchor).shape), "Places outside your hands in which the state of the log is fixed. Without one, records are tamper-evident against others and not against you, and the policy page says so. What is written here is told to readers; where the places are, the server's configuration says.", "[{kind: timestamp, name: Example Trust}]"),
	)
}

func (a *ProofAnchor) shape() shape {
	return object("anchor", "a place in which the log is fixed", nil,
		must("kind", oneOf(&a.Kind, AnchorTimestamp, AnchorWitness, AnchorDirectory, AnchorGit), "An authority that stamps the time, a witness who signs that the log only grew, a directory that others see, or a public git repository.", "timestamp"),
		must("name", line(&a.Name), "Whose it is, or where.", "Example Trust"),
	)
}

func (a *Audience) shape() shape {
	return object("audience", "how the audience is measured", &a.Field,
		must("source", oneOf(&a.Source, "logs", "pages"), "What is counted: the server's logs, or page views as they pass.", "logs"),
		may("exemption", yes(&a.Exemption), "true: you claim the exemption for audience measurement.", "true"),
		may("purposes", some(&a.Purposes, func(p *string) shape {
			return oneOf(p, "performance", "navigation", "ergonomics", "capacity", "content", "acquisition", "campaigns")
		}), "What the statistics serve.", "[performance, content]"),
		may("kept", period(&a.Kept), "How long the statistics are kept.", "13 months"),
		may("opt_out", yes(&a.OptOut), "true: visitors can object.", "true"),
		may("threshold", number(&a.Threshold, 0, 1000), "Counts below this are hidden.", "10"),
		may("text", words(&a.Text), "Your own words on how it is done.", "{en: Statistics come from our server logs.}"),
	)
}

func (l *Logs) shape() shape {
	return object("logs", "what the servers record", &l.Field,
		must("kept", period(&l.Kept), "How long.", "12 months"),
		may("purpose", words(&l.Purpose), "What for.", "{en: security and diagnosis}"),
		may("content", words(&l.Content), "What a line holds.", "{en: \"time, page, status, IP address\"}"),
	)
}

func (b *Browser) shape(id string) shape {
	b.ID = id
	return object("browser", "guidance for a browser", nil,
		may("name", words(&b.Name), "Its name, where it is not a well-known one.", "Chrome"),
		must("text", words(&b.Text), "Where its settings are.", "{en: Settings > Privacy and security > Cookies}"),
		may("url", link(&b.URL), "Its maker's own guidance.", "https://support.google.com/chrome/answer/95647"),
	)
}

func (a *App) shape() shape {
	return object("app", "an app", &a.Field,
		must("name", line(&a.Name), "Its name.", "Cexro"),
		may("cookies", yes(&a.Cookies), "Whether it uses web cookies.", "false"),
		may("text", words(&a.Text), "What you say about it.", "{en: The app uses no web cookies.}"),
	)
}

func (l *Links) shape() shape {
	return object("links", "links", nil,
		may("privacy", link(&l.Privacy), "The privacy policy.", "/privacy"),
		may("legal", link(&l.Legal), "The legal notice.", "/legal"),
		may("terms", link(&l.Terms), "The terms of use.", "/terms"),
	)
}

func (l *Law) shape() shape {
	return either(oneOf(&l.ID, lawIDs...), nil, object("law", "a legal text", nil,
		must("text", words(&l.Text), "Its exact name.", "{en: Directive 2002/58/EC}"),
		may("url", link(&l.URL), "Where it can be read.", "https://eur-lex.europa.eu/eli/dir/2002/58/oj"),
	))
}

func (a *Automated) shape() shape {
	return object("automated", "whether decisions are automated", nil,
		may("none", yes(&a.None), "true: none is.", "true"),
		may("text", words(&a.Text), "Which are, by which logic, and what follows from them.", "{en: We refuse orders that our fraud check marks; you can ask for a person to decide.}"),
	)
}

func (h *TrustedHost) shape() shape {
	return object("trusted-host", "a trusted host", nil,
		must("host", hostPath(&h.Host), "The host.", "images.example.net"),
		must("because", words(&h.Because), "What it is, and why it is harmless.", "{en: our own image store}"),
	)
}

// lawIDs are the legal texts that Témoin can name in every language.
var lawIDs = []string{
	"eu-gdpr", "eu-gdpr-5-1-c", "eu-gdpr-6-1-a", "eu-gdpr-7-3", "eu-eprivacy-5-3", "fr-lil", "fr-lil-82",
	"fr-cnil-guidelines", "fr-cnil-recommendation", "eu-dpf", "eu-scc",
}

// authorities are those that Témoin knows by a word.
var authorities = []struct {
	id, country          string
	name, url, complaint string
}{
	{"cnil", "FR", "CNIL", "https://www.cnil.fr", "https://www.cnil.fr/fr/plaintes"},
}

func authorityIDs() []string {
	ids := make([]string, len(authorities))
	for i, a := range authorities {
		ids[i] = a.id
	}
	return ids
}

func cookieName(dst *string) shape {
	return patternAs(dst, "a cookie name", `a name such as "cookie_consent" (letters, digits and !#$%&'*+-.^_|~)`, func() map[string]any {
		return map[string]any{"type": []string{"string", "number", "boolean"}, "pattern": around("[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")}
	}, isCookieName)
}

// isCookieName reports whether s is a token (RFC 6265, RFC 9110).
func isCookieName(s string) bool {
	return s != "" && len(s) <= 128 && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	}) < 0
}
