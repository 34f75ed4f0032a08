package check

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/temoin/temoin/policy"
)

// Rules on what is kept in the browser.
var trackerRules = []Rule{
	{
		ID: "trk-exact-name", Severity: Error,
		Title:   "Each tracker is given under the exact key that the browser shows.",
		Why:     "A visitor who looks into the browser must find what the policy names, and a name that is no key cannot be governed.",
		Fix:     "Open the browser's storage view and copy the key; keep your own words in label.",
		Sources: []Source{recommendation("6", Read), rfc6265},
		find: func(p *pass) {
			for _, t := range p.own() {
				if t.Name == "" && t.Storage != policy.Pixel { // a pixel has no key in the browser
					p.report(t.Field, fmt.Sprintf("%s has a label but no key", quote(t.Label.In(p.Langs...))))
				}
				for _, key := range append([]string{t.Name}, t.Also...) {
					if key != "" && t.Storage == policy.Cookie && !isToken(key) {
						p.report(t.Field, fmt.Sprintf("%q cannot be the name of a cookie", key))
					}
				}
			}
		},
	},
	{
		ID: "trk-wildcard-safe", Severity: Error,
		Title:   "A pattern begins with at least three characters that end in a separator, and takes in no other provider's tracker.",
		Why:     "A loose pattern hides trackers that nobody declared.",
		Fix:     "Write the fixed part to its separator, as in _ga_*.",
		Sources: []Source{planet49, house("a pattern must not contradict the rest of the policy")},
		find:    findUnsafePatterns,
	},
	{
		ID: "trk-purpose", Severity: Error,
		Title:   "Each tracker says what it is for.",
		Why:     "Consent and exemption are both judged by the purpose.",
		Fix:     "Write purpose, one plain sentence.",
		Sources: []Source{eprivacy, art82, guidelines("24")},
		find: func(p *pass) {
			for _, t := range p.own() {
				if t.Purpose.IsZero() {
					p.report(t.Field, fmt.Sprintf("%s does not say what it is for", t))
				}
				for _, l := range append(t.Purpose.Languages(), p.Default()) {
					if purpose, _ := t.Purpose.Get(l); strings.EqualFold(strings.Trim(purpose, ". "), t.String()) {
						p.report(t.Field+".purpose", fmt.Sprintf("the purpose of %s is its name", t))
						break
					}
				}
			}
		},
	},
	{
		ID: "trk-lifetime-declared", Severity: Error,
		Title:   "Each tracker says how long it is kept.",
		Why:     "The duration is part of the information owed before consent.",
		Fix:     `Write lasts: "session", a period, or "until-deleted".`,
		Sources: []Source{planet49, gdpr("13(2)(a)")},
		find: func(p *pass) {
			for _, t := range p.own() {
				if len(t.Lasts) == 0 && t.Storage != policy.Pixel {
					f := p.lasting(p.report(t.Field, fmt.Sprintf("%s does not say how long it is kept", t)), t, "…", `: "session", a period, or "until-deleted"`)
					if t.Storage != policy.Cookie {
						f.as(Warning)
					}
				}
				switch last := t.Lasts.Longest().Kind; {
				case t.Storage == policy.Cookie && last == policy.UntilDeleted:
					p.report(t.Field+".lasts", fmt.Sprintf("%s is a cookie, which always has an end", t)).write("Write the period that the site sets, or session.")
				case t.Storage == policy.SessionStorage && last != policy.Session && last != "":
					p.report(t.Field+".lasts", fmt.Sprintf("%s is kept in sessionStorage, which ends with the tab", t)).as(Warning).write("Write session, or the storage that the site uses.")
				}
			}
		},
	},
	{
		ID: "trk-lifetime-conditional", Severity: Warning,
		Title:   "A lifetime that depends on the visitor is given in both cases.",
		Why:     "Who did not tick the box keeps the cookie for another time than who did.",
		Fix:     "Write lasts: {remember-me: 30 days, otherwise: session}.",
		Sources: []Source{planet49},
		find: func(p *pass) {
			for _, t := range p.own() {
				if len(t.Lasts) == 1 && t.Lasts[0].When == "" && p.claims(rememberMe, t.Purpose, t.Because) {
					p.lasting(p.report(t.Field, fmt.Sprintf("%s speaks of remembering the visitor and has one lifetime only", t)), t, "{remember-me: 30 days, otherwise: session}", "")
				}
			}
		},
	},
	{
		ID: "trk-storage-type", Severity: Warning,
		Title:     "What is not a cookie is not called one.",
		Why:       "Emptying the cookies does not empty local storage: the visitor would look in the wrong place.",
		Fix:       "Name the storage, or say trackers.",
		Sources:   []Source{guidelines("13")},
		Countries: []string{"FR"},
		find: func(p *pass) {
			for _, t := range p.own() {
				if notCookie(t) && t.Storage != policy.Pixel && p.claims(calledCookie, t.Purpose, t.Label) {
					p.report(t.Field, fmt.Sprintf("%s is kept in %s and is called a cookie", t, t.Storage))
				}
			}
			for _, c := range p.Categories {
				own := slices.DeleteFunc(slices.Clone(c.Trackers), func(t *policy.Tracker) bool { return t.Origin == policy.FromTemoin })
				if len(own) > 0 && !slices.ContainsFunc(own, func(t *policy.Tracker) bool { return t.Storage == policy.Cookie }) && p.claims(calledCookie, c.Title, c.Purpose) {
					p.report(c.Field, fmt.Sprintf("category %q is said to be cookies and holds none", c.ID))
				}
			}
		},
	},
	{
		ID: "trk-similar-tech-enumerated", Severity: Error,
		Title:   "Where the policy speaks of other storage than cookies, it lists what is kept there.",
		Why:     "“Similar technologies” without a list is information that was owed.",
		Fix:     "Declare each key under trackers, with its kind; or remove the mention.",
		Sources: []Source{guidelines("13-14"), edpb2of2023},
		find: func(p *pass) {
			for _, t := range p.texts {
				if strings.HasPrefix(t.Path, "browsers.") {
					continue // the name of a menu
				}
				named := false
				for storage, word := range storageWords {
					named = named || word.in(t)
					if p.stated(t, word) && !p.declares(func(t *policy.Tracker) bool { return t.Storage == storage }) {
						p.reportAt(t.Prose, fmt.Sprintf("speaks of %s, of which no key is declared", storage))
					}
				}
				if !named && p.stated(t, similarTech) && !p.declares(notCookie) {
					p.reportAt(t.Prose, "speaks of similar technologies, of which none is declared")
				}
			}
		},
	},
	{
		ID: "trk-party-provider", Severity: Error,
		Title:   "First or third party follows from the domain; who sets the tracker is named apart from it.",
		Why:     "A script of Google's that writes on the site's own domain is first-party storage of a third party.",
		Fix:     "Write party by the domain, and declare the service that sets it.",
		Sources: []Source{guidelines("34-38"), planet49},
		find: func(p *pass) {
			for _, t := range p.own() {
				known, ok := known(t)
				switch {
				case ok && t.Origin == policy.FromSite && t.Service == nil:
					p.report(t.Field, fmt.Sprintf("%s is set by %s, which is not named", t, name(known.Service))).
						write(fmt.Sprintf("Declare services: [{use: %s, category: …}] and remove the tracker here.", known.Service.ID))
				case t.Party == policy.ThirdParty && t.Service == nil:
					p.report(t.Field, fmt.Sprintf("%s is a third party's, and no service says whose", t)).
						write("Declare the service that sets it and write service: its id; or, if the domain is the site's own, write it under hosts.")
				}
				if ok && t.Origin == policy.FromSite && t.Party != known.Party {
					p.report(t.Field, fmt.Sprintf("%s is %s-party storage, declared as %s-party", t, known.Party, t.Party)).as(Warning)
				}
			}
		},
	},
	{
		ID: "trk-no-legit-interest", Severity: Error,
		Title:   "Legitimate interest is never the ground of a tracker.",
		Why:     "A tracker is exempt by article 82 or it needs consent; legitimate interest can only cover what is done afterwards with data from an exempt one.",
		Fix:     "Give the tracker its reason for exemption, or put it into a category that needs consent.",
		Sources: []Source{taskforce24, art82},
		find: func(p *pass) {
			for _, t := range p.own() {
				if t.Basis == policy.BasisLegitimateInterest && (t.Reason == "" || !t.Exempt()) {
					p.report(t.Field, fmt.Sprintf("%s rests on legitimate interest", t))
				}
			}
			for _, c := range p.Categories {
				if c.Basis == policy.BasisLegitimateInterest && c.NeedsConsent() {
					p.report(c.Field, fmt.Sprintf("category %q rests on legitimate interest", c.ID))
				}
			}
			for _, t := range p.texts {
				if trackerWord.in(t) && p.legitimateGround(t) {
					p.reportAt(t.Prose, "gives legitimate interest as a ground for cookies")
				}
			}
		},
	},
	{
		ID: "trk-exempt-list", Severity: Error,
		Title:   "An exempt tracker says why it needs no consent.",
		Why:     "Without a reason, an exemption is a claim. The CNIL's list is given as examples: another reason is possible, in writing.",
		Fix:     "Write reason: one of the listed ones, or service-requested with because.",
		Sources: []Source{eprivacy, guidelines("49"), art82},
		find: func(p *pass) {
			for _, t := range p.own() {
				switch {
				case !t.Exempt():
				case t.Reason == "":
					p.completing(p.report(t.Field, fmt.Sprintf("%s is exempt without a reason", t)), t, "reason: …", ": one of the listed ones, or service-requested with because")
				case t.Reason == policy.ReasonServiceRequested && t.Because.IsZero():
					p.report(t.Field, fmt.Sprintf("%s is needed for a service that the visitor asked for, and nothing says which", t))
				case t.Reason == policy.ReasonServiceRequested && t.Act.IsZero() && !loadsOnUse(t.Service):
					p.report(t.Field, fmt.Sprintf("%s is exempt for a reason that is not on the CNIL's list of examples, and nothing says by which act the visitor asks", t)).as(Warning).
						write("Write act: what the visitor does before it is written.")
				}
			}
		},
	},
	{
		ID: "trk-exempt-service", Severity: Error,
		Title:   "A service that is contacted without consent says which service the visitor asked for.",
		Why:     "Strictly necessary means necessary for what the visitor asked for, not for the site.",
		Fix:     "Write because: which service, by which act of the visitor.",
		Sources: []Source{eprivacy, art82, guidelines("49")},
		find: func(p *pass) {
			for _, s := range p.Services {
				if s.Loads != policy.LoadsOnConsent && s.Because.IsZero() && !s.SelfHosted {
					p.report(s.Field, fmt.Sprintf("%s is contacted without consent, and nothing says for which request of the visitor", name(s)))
				}
			}
		},
	},
	{
		ID: "trk-ui-pref-intrinsic", Severity: Warning,
		Title:   "An exempt preference is written only by the visitor's act, holds only the preference, and is not called inessential.",
		Why:     "The exemption is for what the visitor asked the site to remember.",
		Fix:     "Write act and content; or put it into a category that needs consent.",
		Sources: []Source{guidelines("49"), exemption4},
		find: func(p *pass) {
			for _, t := range p.own() {
				if t.Reason != policy.ReasonInterface {
					continue
				}
				if t.Act.IsZero() {
					p.report(t.Field, fmt.Sprintf("%s is exempt as a preference, and nothing says by which act the visitor sets it", t))
				}
				if t.Content.IsZero() {
					p.report(t.Field, fmt.Sprintf("%s is exempt as a preference, and nothing says what it holds", t)).as(Info)
				}
				if t.Category.Optional && t.Category.Ground == policy.GroundExempt {
					p.report(t.Field, fmt.Sprintf("%s is exempt, in a category that the page calls optional", t))
				}
			}
			p.findInessential()
		},
	},
	{
		ID: "trk-exempt-single-purpose", Severity: Error,
		Title:   "An exempt tracker serves one purpose, and neither analytics nor advertising.",
		Why:     "A second purpose ends the exemption.",
		Fix:     "Give the other purpose a tracker of its own, in a category that needs consent.",
		Sources: []Source{eprivacy, guidelines("47-48"), recommendation("6", Read)},
		find: func(p *pass) {
			for _, t := range p.own() {
				if !t.Exempt() || t.Reason == policy.ReasonAudience || t.Reason == policy.ReasonChoice {
					continue // a refusal of statistics speaks of statistics, and may be a vendor's
				}
				if t.Service != nil && kind(t.Service) == "consent" {
					continue // so does a consent platform's record
				}
				if t.Service != nil && slices.Contains(consentKinds, kind(t.Service)) {
					p.report(t.Field, fmt.Sprintf("%s is exempt, and belongs to %s (%s)", t, name(t.Service), kind(t.Service)))
				} else if p.claims(otherPurpose, t.Purpose) {
					p.report(t.Field, fmt.Sprintf("%s is exempt, and its purpose speaks of statistics or advertising", t))
				}
			}
		},
	},
	{
		ID: "trk-audience-exempt", Severity: Error,
		Title:     "A tracker exempt as audience measurement keeps within the conditions: for the site alone, thirteen months, no extension.",
		Why:       "Data that serves anybody but the site is outside the exemption. Thirteen months is the CNIL's advice, which we treat as a condition for claiming the exemption.",
		Fix:       "Shorten it to 13 months without sliding, for the site alone; or ask for consent.",
		Sources:   []Source{guidelines("50-52"), recommendation("5", Corroborated), audiencePage},
		Countries: []string{"FR"},
		find: func(p *pass) {
			for _, t := range p.own() {
				if t.Reason != policy.ReasonAudience {
					continue
				}
				if outlives(t.Lasts.Longest(), months(13)) {
					p.report(t.Field, fmt.Sprintf("%s is exempt as audience measurement and kept longer than 13 months (%s)", t, t.Lasts))
				}
				if t.Sliding {
					p.report(t.Field, fmt.Sprintf("%s is exempt as audience measurement and extended at each visit", t))
				}
				if t.Party == policy.ThirdParty {
					p.report(t.Field, fmt.Sprintf("%s is exempt as audience measurement and a third party's", t))
				}
				p.forTheSiteAlone(t)
			}
		},
	},
	{
		ID: "trk-vendor-default", Severity: Warning,
		Title:   "A lifetime other than the vendor's default is backed by the setting that makes it so.",
		Why:     "What the policy says and what the vendor's script does are two things until someone has set it.",
		Fix:     "Write evidence: {text: …, date: …}: the setting, and when it was checked; or the vendor's own lifetime.",
		Sources: []Source{gdpr("5(1)(a)"), cookieTable},
		find: func(p *pass) {
			for _, t := range p.own() {
				known, ok := known(t)
				if !ok || len(t.Lasts) == 0 || !t.Evidence.IsZero() || t.Service != nil && !t.Service.Evidence.IsZero() {
					continue
				}
				declared, vendors := t.Lasts.Longest(), known.Lasts.Longest()
				cut := t.Storage == policy.Cookie && outlives(vendors, longestCookie) && declared.Compare(policy.Lifetime{Kind: policy.For, Period: longestCookie}) == 0
				if !alike(declared, vendors) && !cut {
					p.report(t.Field, fmt.Sprintf("%s is declared for %s; by default the vendor keeps it for %s", t, t.Lasts, known.Lasts))
				}
			}
		},
	},
	{
		ID: "trk-deprecated", Severity: Warning,
		Title:   "No tracker is declared that its vendor no longer sets.",
		Why:     "A list with cookies of the past was not checked against the site.",
		Fix:     "Remove it, or declare the name that the vendor uses today.",
		Sources: []Source{gdpr("5(1)(d)"), cookieTable},
		find: func(p *pass) {
			for _, t := range p.own() {
				if known, ok := known(t); ok && !known.Retired.IsZero() {
					p.report(t.Field, fmt.Sprintf("%s: %s", t, strings.TrimSuffix(known.Retired.In("en"), ".")))
				}
			}
		},
	},
	{
		ID: "trk-consent-13m", Severity: Warning,
		Title:   "A tracker on consent that is kept longer than thirteen months says why.",
		Why:     "Storage must be proportionate. No text caps it: thirteen months is a house line, taken from the CNIL's advice for exempt audience measurement.",
		Fix:     "Shorten it with lasts, or write because.",
		Sources: []Source{gdpr("5(1)(c), (e)"), house("13 months, after délibération 2020-092, art. 5")},
		find: func(p *pass) {
			for _, t := range p.own() {
				l := t.Lasts.Longest()
				switch {
				case t.Exempt() || !outlives(l, months(13)) || !t.Because.IsZero():
				case l.Kind == policy.For:
					p.shortening(p.report(t.Field, fmt.Sprintf("%s is kept for %s, longer than 13 months, without a reason", t, l)), t, "13 months", ", and set it so; or say why under because")
				case notCookie(t): // a cookie always has an end, which another rule says
					p.report(t.Field, fmt.Sprintf("%s is kept until it is deleted, perhaps longer than 13 months, without a reason", t))
				}
			}
		},
	},
	{
		ID: "trk-400d", Severity: Warning,
		Title:   "No cookie is declared for longer than browsers keep it.",
		Why:     "Browsers cut a cookie's life to 400 days: a longer one is not true.",
		Fix:     "Write 400 days or less.",
		Sources: []Source{rfc6265bis},
		find: func(p *pass) {
			for _, t := range p.own() {
				if l := t.Lasts.Longest(); t.Storage == policy.Cookie && l.Kind == policy.For && outlives(l, longestCookie) {
					f := p.report(t.Field, fmt.Sprintf("%s is declared for %s; browsers keep no cookie longer than 400 days", t, l))
					if t.Exempt() || !t.Because.IsZero() {
						p.shortening(f, t, "400 days", ", or a shorter one")
					} else {
						p.shortening(f, t, "13 months", ", or a shorter one") // longer ones want a reason
					}
				}
			}
		},
	},
	{
		ID: "trk-no-pixel-fp", Severity: Error,
		Title:   "A pixel is a tracker: it needs consent, or a reason like any other.",
		Why:     "An image loaded to report that it was loaded makes the browser send information.",
		Fix:     "Put it into a category that needs consent, or write its reason.",
		Sources: []Source{guidelines("13"), edpb2of2023},
		find: func(p *pass) {
			for _, t := range p.own() {
				if t.Storage == policy.Pixel && t.Exempt() && t.Reason == "" {
					p.completing(p.report(t.Field, fmt.Sprintf("the pixel %s is exempt without a reason", t)), t, "reason: …", ", or put it into a category that needs consent")
				}
			}
		},
	},
	{
		ID: "trk-sliding-said", Severity: Info,
		Title:   "A lifetime that begins anew at each visit is short, or justified.",
		Why:     "For a regular visitor it never ends.",
		Fix:     "Set the lifetime so that it is not extended, or write because.",
		Sources: []Source{gdpr("5(1)(e)")},
		find: func(p *pass) {
			for _, t := range p.own() {
				if l := t.Lasts.Longest(); t.Sliding && t.Because.IsZero() && t.Origin == policy.FromSite && l.Kind == policy.For && outlives(l, months(6)) {
					p.report(t.Field, fmt.Sprintf("%s is kept for %s from the last visit", t, l))
				}
			}
		},
	},
}

// consentKinds are kinds of services whose trackers serve statistics,
// advertising or the like: never strictly necessary.
var consentKinds = []string{"analytics", "session-replay", "ab-testing", "advertising", "affiliation", "social"}

// forTheSiteAlone holds an exempt tracker of a vendor against the condition that
// nobody but the site has a use for its data. What runs on the site's own server
// has no vendor.
func (p *pass) forTheSiteAlone(t *policy.Tracker) {
	s := t.Service
	switch {
	case s == nil || s.SelfHosted || s.Provider.Name == "":
	case s.Role != policy.RoleProcessor:
		p.report(t.Field, fmt.Sprintf("%s is exempt as audience measurement, and %s is not said to be a mere processor of its data", t, s.Provider.Name)).
			write("Write role: processor, if the contract makes it one; or ask for consent.")
	default:
		p.report(t.Field, fmt.Sprintf("%s is exempt as audience measurement: has %s undertaken not to reuse the data for itself?", t, s.Provider.Name)).as(Warning).
			write("Have it in the contract, then allow this finding with its clause; or ask for consent.")
	}
}

// longestCookie is what browsers cut a cookie's life to.
var longestCookie = policy.Period{Count: 400, Unit: policy.Day}

// shortening is lasting for a tracker with one lifetime; of several, the rule's
// own words must do.
func (p *pass) shortening(f *Finding, t *policy.Tracker, lifetime, then string) {
	if len(t.Lasts) == 1 && t.Lasts[0].When == "" {
		p.lasting(f, t, lifetime, then)
	}
}

// alike reports whether two lifetimes are the same in other units: a year and
// 365 days, six months and 180 days.
func alike(a, b policy.Lifetime) bool {
	if a.Kind != policy.For || b.Kind != policy.For {
		return a.Kind == b.Kind
	}
	x, y := a.Period.Max(), b.Period.Max()
	return max(x, y)-min(x, y) <= max(x, y)/30
}

// commonKey is a key that many programs use: a framework's session, a cart.
// On the site's own domain it says nothing about whose it is.
var commonKey = regexp.MustCompile(`^(JSESSIONID|csrftoken|cart(_\w+)?|uid|mid|ts|fr|sb|flags|player|auth0)$`)

// known returns what the catalogue knows of a tracker.
func known(t *policy.Tracker) (*policy.Tracker, bool) {
	if t.Service == nil && t.Party == policy.FirstParty && commonKey.MatchString(t.Name) {
		return nil, false
	}
	known, ok := policy.KnownTracker(t.Storage, t.Name)
	if ok && t.Domain != "" && known.Domain != "" && !sameDomain(t.Domain, known.Domain) {
		return nil, false // another company's cookie of the same name
	}
	return known, ok
}

// sameDomain reports whether one domain is the other or lies under it.
func sameDomain(a, b string) bool {
	a, b = "."+strings.TrimPrefix(a, "."), "."+strings.TrimPrefix(b, ".")
	return strings.HasSuffix(a, b) || strings.HasSuffix(b, a)
}

// declares reports whether the site names a tracker of that sort by its key.
func (p *pass) declares(is func(*policy.Tracker) bool) bool {
	return slices.ContainsFunc(p.own(), func(t *policy.Tracker) bool { return t.Name != "" && is(t) })
}

// findInessential reports what is exempt, perhaps as a preference, and called
// inessential by its own words.
func (p *pass) findInessential() {
	for _, c := range p.Categories {
		if c.Ground == policy.GroundExempt && p.claims(inessential, c.Title, c.Purpose, c.Benefits, c.IfBlocked) {
			p.report(c.Field, fmt.Sprintf("category %q is exempt, and its words call it not essential", c.ID))
		}
	}
	for _, t := range p.own() {
		if t.Exempt() && p.claims(inessential, t.Purpose, t.Because) {
			p.report(t.Field, fmt.Sprintf("%s is exempt, and its words call it not essential", t))
		}
	}
}

func findUnsafePatterns(p *pass) {
	for _, t := range p.own() {
		prefix, wild := t.Wild()
		if !wild {
			continue
		}
		const separators = "_-.:"
		if p.writesName(t) && (len(prefix) < 3 || !strings.ContainsAny(prefix[len(prefix)-1:], separators) || strings.Trim(prefix, separators) == "") {
			p.report(t.Field, fmt.Sprintf("%q takes in too much: before its * must stand three characters or more that end in a separator", t.Name))
		}
		for _, other := range p.own() {
			if other != t && other.Storage == t.Storage && other.Service != t.Service && !slices.Contains(other.Shared, t.Service) && other.Name != "" && !strings.Contains(other.Name, "*") && t.Matches(other.Name) {
				p.report(t.Field, fmt.Sprintf("%q takes in %q, which is somebody else's", t.Name, other.Name))
			}
		}
	}
}

// writesName reports whether the manifest itself writes the name of a tracker: a
// pattern that only the catalogue gives is the vendor's own.
func (p *pass) writesName(t *policy.Tracker) bool {
	if t.Service != nil && t.Field == t.Service.Field || !p.Written(t.Field+".name") {
		return false
	}
	known, ok := policy.KnownTracker(t.Storage, t.Name)
	return !ok || known.Name != t.Name || t.Origin == policy.FromSite
}

// loadsOnUse reports whether a service is contacted on the visitor's act only,
// which the service names.
func loadsOnUse(s *policy.Service) bool { return s != nil && s.Loads == policy.LoadsOnUse }

func isToken(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0 {
			return false
		}
	}
	return name != ""
}
