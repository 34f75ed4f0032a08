package check

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/temoin/temoin/internal/notice"
	"github.com/temoin/temoin/policy"
)

// Rules on asking: what the notice can say and where a mind is changed.
var noticeRules = []Rule{
	{
		ID: "ban-only-if-needed", Severity: Warning,
		Title:   "Consent is asked only where something depends on it.",
		Why:     "Consent is specific: collected in advance for what does not exist, it is none.",
		Fix:     "Write notice: {mode: preconfigure} or {mode: information}: answers are then recorded as preferences.",
		Sources: []Source{gdpr("4(11)"), guidelines("20-25")},
		find: func(p *pass) {
			if p.Notice.Mode == "consent" && !p.inUse() {
				p.report("notice.mode", "consent is asked, and nothing depends on it")
			}
		},
	},
	{
		ID: "ban-mode-fits", Severity: Error,
		Title:   "Where something needs consent, the notice asks for it.",
		Why:     "Information is not a question.",
		Fix:     "Write notice: {mode: consent}, or remove the mode.",
		Sources: []Source{eprivacy, art82, guidelines("24")},
		find: func(p *pass) {
			if (p.Notice.Mode == "information" || p.Notice.Mode == "preconfigure") && p.inUse() {
				p.report("notice.mode", fmt.Sprintf("the notice is for %s, and something needs consent", p.Notice.Mode))
			}
		},
	},
	{
		ID: "ban-granular", Severity: Error,
		Title:   "Each category that visitors are asked about has one purpose.",
		Why:     "A yes to statistics is no yes to advertising, and a yes to a film or a chat is neither.",
		Fix:     "Split the category.",
		Sources: []Source{guidelines("19"), recommendation("2.4", Read), gdpr("4(11)")},
		find: func(p *pass) {
			for _, c := range p.asked() {
				groups := map[string]string{}
				for _, s := range c.Services {
					if g := purposeGroup(kind(s)); g != "" && s.Loads == policy.LoadsOnConsent {
						groups[g] = name(s)
					}
				}
				for _, apart := range purposesApart {
					if a, b := groups[apart.a], groups[apart.b]; a != "" && b != "" {
						p.report(c.Field, fmt.Sprintf("category %q asks one question for %s (%s) and %s (%s)", c.ID, apart.a, a, apart.b, b)).as(apart.severity)
					}
				}
			}
		},
	},
	{
		ID: "ban-category-count", Severity: Info,
		Title:   "A visitor is asked about few categories.",
		Why:     "The first layer shows each purpose; a dozen of them nobody reads.",
		Fix:     "Join categories of the same purpose.",
		Sources: []Source{edpb3of2022, house("eight fit the first layer and the cookie")},
		find: func(p *pass) {
			if n := len(p.asked()); n > 8 {
				p.report("categories", fmt.Sprintf("visitors are asked about %d categories", n))
			}
		},
	},
	{
		ID: "ban-first-layer", Severity: Warning,
		Title:   "The first layer says what each purpose is, in at most 90 words.",
		Why:     "Before they choose, visitors must know for what. Who meets a page of text reads none of it.",
		Fix:     "Shorten notice.text, the titles of categories and the first sentence of each purpose: the second layer shows the rest.",
		Sources: []Source{guidelines("24"), recommendation("2.1", Read), gdpr("12(1)"), house("90 words can be read at a glance")},
		find:    (*pass).firstLayer,
	},
	{
		ID: "ban-contrast-size", Severity: Error,
		Title:   "Text and controls of the notice can be told from their ground.",
		Why:     "Who cannot read it does not choose. Accepting and refusing share their colors and sizes, whatever these are.",
		Fix:     "Take colors that are further apart.",
		Sources: []Source{wcagContrast, rgaaContrast},
		find:    (*pass).contrasts,
	},
	{
		ID: "run-withdraw-everyone", Severity: Error,
		Title:   "Preferences can be changed from every page, by everyone, signed in or not.",
		Why:     "Withdrawing must be as easy as giving, for those without an account too.",
		Fix:     "Add {where: button} to choice.reopen.",
		Sources: []Source{recommendation("3", Read), taskforce34, gdpr("7(3)")},
		find: func(p *pass) {
			r := p.Choice.Reopen
			if len(r) > 0 && !slices.ContainsFunc(r, func(r policy.Reopening) bool {
				return !r.Signed && (r.Where == "button" || r.Where == "link")
			}) {
				p.report("choice.reopen", "only some visitors, or some pages, have a way back to the preferences")
			}
		},
	},
	{
		ID: "run-choice-six-months", Severity: Warning,
		Title:     "A choice, yes or no alike, is kept six months.",
		Why:       "The CNIL calls six months good practice, case by case; it is no duty.",
		Fix:       "Write choice.lasts: 6 months; or keep it, if your reasons are written down.",
		Sources:   []Source{recommendation("2", Corroborated)},
		Countries: []string{"FR"},
		find: func(p *pass) {
			if exceeds(p.Choice.Lasts, months(6)) {
				p.report("choice.lasts", fmt.Sprintf("a choice is kept for %s before the visitor is asked again", p.Choice.Lasts))
			}
		},
	},
	{
		ID: "run-choice-13-months", Severity: Warning,
		Title:   "A choice is not kept beyond what the policy promises, nor longer than thirteen months.",
		Why:     "A yes that outlives the longest tracker it was given for is stale.",
		Fix:     "Write choice.lasts: 6 months, 13 months at most.",
		Sources: []Source{rfc6265bis, house("13 months")},
		find: func(p *pass) {
			lasts := p.Choice.Lasts
			for _, promise := range p.Promises {
				if promise.ID == "max-lifetime" && promise.Service == "" && p.keepsChoice(promise.Category) && exceeds(lasts, promise.Max) {
					p.report("choice.lasts", fmt.Sprintf("a choice is kept for %s, and nothing is promised to be kept longer than %s", lasts, promise.Max)).as(Error)
				}
			}
			if exceeds(lasts, months(13)) {
				p.report("choice.lasts", fmt.Sprintf("a choice is kept for %s", lasts))
			}
		},
	},
	{
		ID: "ban-scope-registrable", Severity: Info,
		Title:   "A choice for the whole domain covers only hosts that the manifest names.",
		Why:     "What visitors chose on one site holds on hosts that they may not know to be the same site.",
		Fix:     "List the hosts under hosts, or write choice.domain: host.",
		Sources: []Source{gdpr("4(11)")},
		find: func(p *pass) {
			if p.Choice.Domain == "registrable" && len(p.Hosts) == 0 {
				p.report("choice.domain", "the choice holds for all hosts of the domain, and no other host is named")
			}
		},
	},
	{
		ID: "ban-account-reopen", Severity: Warning,
		Title:     "Where choices follow the account, they can be changed from the account.",
		Why:       "Refusing and withdrawing should reach as far as accepting did: to every device that is signed in.",
		Fix:       "Add {where: account, path: …, label: …} to choice.reopen.",
		Sources:   []Source{recommendation("7", Corroborated)},
		Countries: []string{"FR"},
		From:      policy.Date{Year: 2026, Month: time.January, Day: 18}, // délibération 2025-131 in the Journal officiel
		find: func(p *pass) {
			if p.Choice.Scope == "account" && !slices.ContainsFunc(p.Choice.Reopen, func(r policy.Reopening) bool { return r.Where == "account" }) {
				p.report("choice", "choices follow the account, and nothing in the account changes them")
			}
		},
	},
	{
		ID: "rec-retention", Severity: Warning,
		Title:   "The policy says how long the proof of a choice is kept, and why.",
		Why:     "Proof is personal data too: its term is the controller's to choose and to justify.",
		Fix:     "Write proof: {kept: 5 years after expiry, because: …}.",
		Sources: []Source{gdpr("5(1)(e)"), gdpr("7(1)"), gdpr("17(3)(e)")},
		find: func(p *pass) {
			if !p.Written("proof.kept") {
				p.report("proof", fmt.Sprintf("nothing says how long the proof is kept; Témoin keeps it %s after the choice expires", p.Proof.Kept))
			} else if p.Proof.Because.IsZero() {
				p.report("proof", "nothing says why the proof is kept that long")
			}
		},
	},
	{
		ID: "rec-anchor", Severity: Warning,
		Title:   "The proof of choices is fixed in a place outside the operator's hands.",
		Why:     "Who holds the log and its key can write another one. What was fixed outside before shows it.",
		Fix:     "Have the server fix its log outside, and write proof: {anchors: [{kind: timestamp, name: …}]}.",
		Sources: []Source{house("a log that its operator alone holds is tamper-evident against third parties only")},
		find: func(p *pass) {
			if len(p.Proof.Anchors) == 0 && slices.ContainsFunc(p.Categories, (*policy.Category).NeedsConsent) {
				p.report("proof", "nothing outside fixes the proof of choices: it is tamper-evident against third parties, not against the operator")
			}
		},
	},
	{
		ID: "ses-log-retention", Severity: Warning,
		Title:     "Server logs are declared and kept six to twelve months.",
		Why:       "Logs hold IP addresses; the CNIL advises six to twelve months.",
		Fix:       "Write logs: {kept: 6 months, purpose: …}.",
		Sources:   []Source{loggingAdvice},
		Countries: []string{"FR"},
		find: func(p *pass) {
			switch {
			case p.Logs.Kept.IsZero():
				p.report("logs", "nothing says what the servers record, and for how long")
			case exceeds(p.Logs.Kept, months(12)):
				p.report("logs.kept", fmt.Sprintf("logs are kept for %s, longer than twelve months", p.Logs.Kept))
			case exceeds(months(6), p.Logs.Kept) && !alike(policy.Lifetime{Kind: policy.For, Period: p.Logs.Kept}, policy.Lifetime{Kind: policy.For, Period: months(6)}):
				p.report("logs.kept", fmt.Sprintf("logs are kept for %s, less than six months", p.Logs.Kept)).as(Info)
			}
		},
	},
}

// firstLayer looks at how much the first layer says in each language.
func (p *pass) firstLayer() {
	measures, err := notice.Measures(p.Site)
	if err != nil {
		return // a language that Témoin does not have: another rule says so
	}
	for _, m := range measures {
		what := ""
		switch {
		case m.Words > notice.MaxWords:
			what = fmt.Sprintf("in %q the first layer has %d words", m.Language, m.Words)
		case m.Brief:
			what = fmt.Sprintf("in %q the first layer only names the purposes: what they are for would make it longer than %d words", m.Language, notice.MaxWords)
		default:
			continue
		}
		if own := slices.IndexFunc(p.texts, func(t wording) bool { return t.Path == "notice.text" && t.Lang == m.Language }); own >= 0 {
			p.reportAt(p.texts[own].Prose, what)
		} else {
			p.report("categories", what)
		}
	}
}

// contrasts looks at the colors that the manifest puts in the place of a theme's.
func (p *pass) contrasts() {
	if p.Notice.Colors == (policy.Palette{}) && p.Notice.DarkColors == (policy.Palette{}) {
		return // the themes' own are told apart: tested
	}
	for _, pair := range notice.Pairs(p.Site) {
		palette := "notice.colors."
		if pair.Scheme == policy.SchemeDark {
			palette = "notice.dark_colors."
		}
		field, fix := palette+pair.Front.Field, fmt.Sprintf("Write %s%s: %q, or take another %s.", palette, pair.Front.Field, pair.Mended(), pair.Behind.Field)
		if pair.Front.Field == "" {
			fix = "Take another paper, or another theme."
		}
		if !p.Written(field) {
			field = palette + pair.Behind.Field
		}
		if pair.Enough() || !p.Written(field) {
			continue
		}
		ratio := math.Floor(pair.Ratio()*100) / 100
		p.report(field, fmt.Sprintf("%s (%s) and %s behind it (%s) have a contrast of %.2f, less than %g",
			cmp.Or(pair.Front.Field, "what shows the focus"), pair.Front.Value, pair.Behind.Field, pair.Behind.Value, ratio, pair.Least)).write(fix)
	}
}

// keepsChoice reports whether the cookie that keeps the choice is in a category;
// every category is meant by "".
func (p *pass) keepsChoice(category string) bool {
	return category == "" || slices.ContainsFunc(p.Trackers, func(t *policy.Tracker) bool {
		return t.Origin == policy.FromTemoin && t.Name == p.Choice.Cookie && t.Category.ID == category
	})
}

// purposeGroup joins kinds of services that one question can cover.
func purposeGroup(kind string) string {
	switch kind {
	case "analytics", "session-replay", "ab-testing":
		return "measurement"
	case "advertising", "affiliation":
		return "advertising"
	case "chat", "support":
		return "chat"
	case "social":
		return "embeds"
	}
	if slices.Contains(embedKinds, kind) {
		return "embeds"
	}
	return ""
}

// purposesApart are groups that one question does not cover.
var purposesApart = []struct {
	a, b     string
	severity Severity
}{
	{"measurement", "advertising", Error},
	{"measurement", "chat", Warning},
	{"measurement", "embeds", Warning},
	{"advertising", "chat", Warning},
	{"advertising", "embeds", Warning},
}
