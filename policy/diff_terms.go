package policy

import (
	"slices"
	"strconv"
	"strings"
)

// What a version promises, by field. A term is a field whose value is not only
// what the manifest writes: it has a default, or the catalogue fills it in. The
// table of weights below is for all others.

// A weight says whether a change from one value to another is substantial: whether
// visitors are told less, promised less, kept longer or sent further. A value is
// empty where nothing is said.
type weight func(old, new string) bool

type term struct {
	key   string // of the field; of a term of the site, its path
	what  string // the field's word in messages: Change.What
	typ   ValueType
	weigh weight // nil: editorial
}

type termOf[T any] struct {
	term
	value func(T) string
}

var siteTerms = []termOf[*Site]{
	{term{"policy.version", "version", TypeAny, nil}, func(s *Site) string { return s.Policy.Version }},
	{term{"policy.updated", "updated", TypeDate, nil}, func(s *Site) string { return s.Policy.Updated.String() }},
	{term{"policy.effective", "effective", TypeDate, nil}, func(s *Site) string { return s.Policy.Effective.String() }},
	{term{"policy.announce", "announce", TypeChannels, fewer}, func(s *Site) string { return channels(s.Policy.Announce) }},
	{term{"policy.announced_before", "announced-before", TypePeriod, shorter}, func(s *Site) string { return s.Policy.AnnouncedBefore.String() }},
	{term{"site", "site", TypeAny, nil}, func(s *Site) string { return s.ID }},
	{term{"url", "address", TypeAny, otherDomain}, func(s *Site) string { return s.URL }},
	{term{"hosts", "hosts", TypeAny, otherDomain}, func(s *Site) string { return strings.Join(s.AllHosts(), ", ") }},
	{term{"languages", "languages", TypeLanguages, fewer}, func(s *Site) string { return strings.Join(s.Langs, ", ") }},
	{term{"controller.name", "controller", TypeAny, always}, func(s *Site) string { return s.Controller.Name }},
	{term{"controller.country", "controller-country", TypeCountry, leavesEEA}, func(s *Site) string { return s.Controller.Country }},
	{term{"contact.dpo.email", "dpo", TypeAny, gone}, func(s *Site) string { return s.Contact.DPO.Email }},
	{term{"contact.dpo.answers_within", "answer-time", TypePeriod, slower}, func(s *Site) string { return s.Contact.DPO.Within.String() }},
	{term{"contact.general.answers_within", "answer-time", TypePeriod, slower}, func(s *Site) string { return s.Contact.General.Within.String() }},
	{term{"contact.support.answers_within", "answer-time", TypePeriod, slower}, func(s *Site) string { return s.Contact.Support.Within.String() }},
	{term{"choice.lasts", "choice-lasts", TypePeriod, longer}, func(s *Site) string { return s.Choice.Lasts.String() }},
	{term{"choice.scope", "choice-scope", TypeScope, always}, func(s *Site) string { return string(s.Choice.Scope) }},
	{term{"choice.cookie", "choice-cookie", TypeAny, nil}, func(s *Site) string { return s.Choice.Cookie }},
	{term{"choice.domain", "choice-domain", TypeDomain, is("registrable")}, func(s *Site) string { return s.Choice.Domain }},
	{term{"choice.conflict", "choice-conflict", TypeAny, nil}, func(s *Site) string { return s.Choice.Conflict }},
	{term{"proof.kept", "proof-kept", TypePeriod, longer}, func(s *Site) string { return s.Proof.Kept.String() }},
	{term{"logs.kept", "logs-kept", TypePeriod, slower}, func(s *Site) string { return s.Logs.Kept.String() }},
	{term{"records.requests", "requests-kept", TypePeriod, longer}, func(s *Site) string { return s.Kept.Requests.String() }},
	{term{"records.reports", "reports-kept", TypePeriod, longer}, func(s *Site) string { return s.Kept.Reports.String() }},
	{term{"records.mail", "mail-kept", TypePeriod, longer}, func(s *Site) string { return s.Kept.Mail.String() }},
	{term{"audience.source", "audience-source", TypeSource, always}, func(s *Site) string { return s.Audience.Source }},
	{term{"audience.kept", "audience-kept", TypePeriod, longer}, func(s *Site) string { return s.Audience.Kept.String() }},
	{term{"audience.threshold", "audience-threshold", TypeAny, lower}, func(s *Site) string { return threshold(s.Audience) }},
	{term{"hosted_by.name", "hosted-by", TypeAny, other}, func(s *Site) string { return s.HostedBy.Name }},
	{term{"hosted_by.country", "hosted-by-country", TypeCountry, leavesEEA}, func(s *Site) string { return s.HostedBy.Country }},
	{term{"rights", "rights", TypeRights, fewer}, func(s *Site) string { return strings.Join(rightsOf(s), ", ") }},
}

var categoryTerms = []termOf[*Category]{
	{term{"basis", "basis", TypeBasis, always}, func(c *Category) string { return string(c.Basis) }},
}

var serviceTerms = []termOf[*Service]{
	{term{"role", "role", TypeRole, always}, func(v *Service) string { return string(v.Role) }},
	{term{"kind", "service-kind", TypeAny, nil}, func(v *Service) string { return v.Kind }},
	{term{"self_hosted", "self-hosted", TypeYes, gone}, func(v *Service) string { return truth(v.SelfHosted) }},
	{term{"incomplete", "incomplete", TypeYes, said}, func(v *Service) string { return truth(v.Incomplete) }},
}

var trackerTerms = []termOf[*Tracker]{
	{term{"domain", "cookie-domain", TypeAny, widerDomain}, func(t *Tracker) string { return t.Domain }},
	{term{"path", "cookie-path", TypeAny, nil}, func(t *Tracker) string { return t.Path }},
	{term{"http_only", "http-only", TypeYes, gone}, func(t *Tracker) string { return truth(t.HTTPOnly) }},
	{term{"secure", "secure", TypeYes, gone}, func(t *Tracker) string { return truth(t.Secure) }},
	{term{"same_site", "same-site", TypeAny, is("None")}, func(t *Tracker) string { return t.SameSite }},
	{term{"partitioned", "partitioned", TypeYes, gone}, func(t *Tracker) string { return truth(t.Partitioned) }},
	{term{"basis", "basis", TypeBasis, always}, func(t *Tracker) string { return string(t.Basis) }},
}

func truth(b bool) string {
	if b {
		return "true"
	}
	return ""
}

func threshold(a Audience) string {
	if a.Source == "" {
		return ""
	}
	return strconv.Itoa(a.Threshold)
}

// rightsOf are those that the page lists.
func rightsOf(s *Site) []string {
	rights := s.Rights
	if len(rights) == 0 {
		rights = s.RightsDue()
	}
	words := make([]string, len(rights))
	for i, r := range rights {
		words[i] = string(r)
	}
	return words
}

func channels(cs []Channel) string {
	words := make([]string, len(cs))
	for i, ch := range cs {
		words[i] = string(ch)
	}
	return strings.Join(words, ", ")
}

// terms compares those of the site. How long something is kept may go unsaid and
// have a default: visitors are told less all the same.
func (c *comparison) terms() {
	inUse := slices.ContainsFunc(c.new.Categories, (*Category).InUse)
	for _, t := range siteTerms {
		change := Change{
			Substantial: strings.HasSuffix(t.what, "-kept") && c.old.Written(t.key) && !c.new.Written(t.key),
			Ask:         inUse && (t.what == "site" || t.what == "choice-cookie"), // see unread
		}
		c.term("", "", t.key, change, t.term, t.value(c.old), t.value(c.new))
	}
}

// term compares one field of a mapping that stands at these paths.
func (c *comparison) term(oldAt, newAt, key string, change Change, t term, old, new string) {
	change.What, change.Type, change.Old, change.New = t.what, t.typ, old, new
	c.value(join(oldAt, key), join(newAt, key), change, t.weigh)
}

// ---- weights

func always(_, _ string) bool       { return true }
func gone(_, new string) bool       { return new == "" }
func said(_, new string) bool       { return new != "" }
func other(old, new string) bool    { return old != "" && new != old }
func replaced(old, new string) bool { return old != "" && new != "" }
func is(word string) weight         { return func(_, new string) bool { return new == word } }
func isNot(word string) weight      { return func(_, new string) bool { return new != word } }
func longer(old, new string) bool   { return length(new).Compare(length(old)) > 0 }
func shorter(old, new string) bool  { return length(new).Compare(length(old)) < 0 }

// slower is longer, or no longer promised at all.
func slower(old, new string) bool { return new == "" || old != "" && longer(old, new) }

func length(period string) Period {
	p, err := ParsePeriod(period)
	if err != nil {
		return Period{}
	}
	return p
}

func lower(old, new string) bool {
	o, _ := strconv.Atoi(old)
	n, _ := strconv.Atoi(new)
	return n < o
}

// fewer: a list lost one of its elements. What was not said can be no loss.
func fewer(old, new string) bool { return more(new, old) }

// more: a list gained an element.
func more(old, new string) bool {
	had := elements(old)
	return slices.ContainsFunc(elements(new), func(s string) bool { return !slices.Contains(had, s) })
}

// leavesEEA reports whether what was in the European Economic Area, or not said,
// is outside, or in another country outside than before.
func leavesEEA(old, new string) bool { return old != new && new != "" && !InEEA(new) }

// otherDomain reports whether a host stands under a registrable domain that none
// of the old ones does.
func otherDomain(old, new string) bool {
	domains := func(list string) string {
		hosts := elements(list)
		for i, h := range hosts {
			_, after, found := strings.Cut(h, "://")
			if !found {
				after = h
			}
			name, _, _ := strings.Cut(strings.ToLower(after), "/")
			name, _, _ = strings.Cut(name, ":")
			hosts[i] = registrable(name)
		}
		return strings.Join(hosts, ", ")
	}
	return more(domains(old), domains(new))
}

// widerDomain reports whether a cookie is sent to hosts that it was not sent to.
func widerDomain(old, new string) bool {
	old, new = strings.TrimPrefix(old, "."), strings.TrimPrefix(new, ".")
	return new != "" && (old == "" || new != old && !strings.HasSuffix(new, "."+old))
}

// ---- all other fields

// weights say which changes of the other fields are substantial, by their path:
// "*" is any key, "[]" any element. A list that is made of words is one value.
// The trackers of a service have the weights of trackers. What is not here is
// editorial.
var weights = []struct {
	path  string
	what  string
	weigh weight
}{
	{"name", "site-name", nil},
	{"controller.siren", "siren", replaced},
	{"controller.address", "controller-address", gone},
	{"controller.email", "controller-email", gone},
	{"contact.*", "contact-whole", nil},
	{"contact.*.email", "contact", gone},
	{"contact.*.form", "contact-form", gone},
	{"contact.*.address", "contact-address", gone},
	{"contact.*.phone", "contact-phone", gone},
	{"authority", "authority", gone},
	{"authority.name", "authority", gone},
	{"authority.url", "authority", gone},
	{"authority.complaint", "authority-complaint", gone},
	{"public.minors", "minors", isNot("none")},
	{"public.consent_age", "consent-age", always},
	{"public.text", "text-minors", gone},
	{"public.countries", "countries", nil},
	{"policy.review", "review", gone},
	{"policy.history[].changes", "text-history", nil},
	{"page.title", "text-page-title", nil},
	{"page.sections.*.title", "text-section-title", nil},
	{"page.sections.*.intro", "text-section-intro", nil},
	{"page.sections.*.note", "text-section-note", nil},
	{"page.sections.*.text", "text-section", nil},
	{"choice.reopen[]", "reopen", nil},
	{"choice.reopen[].where", "reopen", gone},
	{"choice.reopen[].path", "reopen", gone},
	{"choice.reopen[].signed_in", "reopen", said},
	{"choice.reopen[].label", "text-reopen", nil},
	{"choice.purpose", "text-choice", nil},
	{"notice.mode", "notice-mode", always},
	{"notice.text", "text-notice", nil},
	{"proof.because", "text-proof", gone},
	{"proof.recipients", "text-proof-recipients", gone},
	{"categories.*.title", "text-title", nil},
	{"categories.*.purpose", "text-purpose", gone},
	{"categories.*.benefits", "text-benefits", nil},
	{"categories.*.accepted", "text-accepted", gone},
	{"categories.*.refused", "text-refused", gone},
	{"categories.*.blocked", "text-blocked", gone},
	{"categories.*.basis_note", "text-basis", gone},
	{"categories.*.basis", "basis", nil},
	{"trackers[].label", "text-label", nil},
	{"trackers[].also", "tracker-also", nil},
	{"trackers[].purpose", "text-purpose", gone},
	{"trackers[].because", "text-because", gone},
	{"trackers[].act", "text-act", gone},
	{"trackers[].content", "text-content", gone},
	{"services[].name", "text-label", nil},
	{"services[].purpose", "text-purpose", gone},
	{"services[].because", "text-because", gone},
	{"services[].sends", "text-sends", gone},
	{"services[].contract", "contract", gone},
	{"services[].paths", "paths", more},
	{"services[].click", "click", said},
	{"services[].opt_out", "opt-out", nil},
	{"services[].provider.privacy", "privacy-policy", gone},
	{"services[].recipients[].privacy", "privacy-policy", gone},
	{"services[].provider.transfer[].copy", "safeguards", gone},
	{"services[].recipients[].transfer[].copy", "safeguards", gone},
	{"hosted_by.transfer", "transfer", always},
	{"hosted_by.transfer[]", "transfer", always},
	{"hosted_by.transfer[].mechanism", "transfer", always},
	{"promises[].text", "text-promise", always},
	{"promises[].kind", "promise-kind", always},
	{"trusted_hosts[]", "trusted-host", nil},
	{"trusted_hosts[].host", "trusted-host", said},
	{"trusted_hosts[].because", "text-because", nil},
	{"proof.kept", "proof-kept", gone},
	{"records.requests", "requests-kept", gone},
	{"records.reports", "reports-kept", gone},
	{"records.mail", "mail-kept", gone},
	{"audience.kept", "audience-kept", gone},
	{"audience.purposes", "audience-purposes", more},
	{"audience.exemption", "audience-exemption", always},
	{"audience.opt_out", "audience-opt-out", isNot("true")},
	{"logs.purpose", "text-logs-purpose", gone},
	{"logs.content", "text-logs-content", gone},
	{"app.cookies", "app-cookies", is("true")},
	{"links.privacy", "privacy-policy", gone},
	{"links.legal", "legal-notice", nil},
	{"links.terms", "terms", nil},
	{"law", "law", nil},
	{"law[]", "law-text", nil},
	{"law[].text", "law-text", nil},
	{"law[].url", "law-text", nil},
	{"automated_decisions.none", "automated", isNot("true")},
	{"automated_decisions.text", "text-automated", always},
}

// weightOf finds the word and the weight of the field whose path has these
// steps.
func weightOf(steps []string) (what string, weigh weight) {
	if len(steps) > 3 && steps[0] == "services" && steps[2] == "trackers" {
		steps = steps[2:]
	}
	for _, w := range weights {
		if matchesSteps(w.path, steps) {
			return w.what, w.weigh
		}
	}
	return "", nil
}

func matchesSteps(path string, steps []string) bool {
	wanted := strings.Split(strings.ReplaceAll(path, "[]", ".[]"), ".")
	if len(wanted) != len(steps) {
		return false
	}
	for i, want := range wanted {
		if want != "*" && want != steps[i] {
			return false
		}
	}
	return true
}
