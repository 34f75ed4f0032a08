package check

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/temoin/temoin/policy"
)

// Rules on what the running site will do, as far as the manifest tells.
var runtimeRules = []Rule{
	{
		ID: "run-cookie-secure", Severity: Error,
		Title:   "Cookies that keep a visitor signed in or protect forms are Secure, HttpOnly and SameSite; the site's others are Secure.",
		Why:     "A cookie that a script or a plain connection can read is a key left in the door.",
		Fix:     "Write secure: true, http_only: true, same_site: Lax.",
		Sources: []Source{rfc6265bis, gdpr("32")},
		find: func(p *pass) {
			var others []string
			for _, t := range p.own() {
				if t.Storage != policy.Cookie || t.Origin != policy.FromSite {
					continue
				}
				lacks := attributesLack(t)
				switch {
				case lacks == nil:
				case t.Reason == policy.ReasonAuthentication:
					p.report(t.Field, fmt.Sprintf("%s is declared without %s", t, strings.Join(lacks, ", ")))
				case t.Reason == policy.ReasonSecurity:
					p.report(t.Field, fmt.Sprintf("%s is declared without %s", t, strings.Join(lacks, ", "))).as(Warning)
				case t.Service == nil:
					others = append(others, t.String())
				}
			}
			if others != nil {
				p.report("trackers", "declared without Secure: "+some(others)).as(Info).write("Write secure: true, where the site sets it so.")
			}
		},
	},
	{
		ID: "run-same-site-none", Severity: Error,
		Title:   "A cookie with SameSite=None is Secure.",
		Why:     "Browsers refuse it otherwise.",
		Fix:     "Write secure: true.",
		Sources: []Source{rfc6265bis},
		find: func(p *pass) {
			for _, t := range p.own() {
				if t.SameSite == "None" && !t.Secure {
					p.completing(p.report(t.Field, fmt.Sprintf("%s is SameSite=None and not Secure", t)), t, "secure: true", "")
				}
			}
		},
	},
	{
		ID: "run-cookie-prefix", Severity: Error,
		Title:   "A name with the prefix __Host- or __Secure- has the attributes that the prefix demands.",
		Why:     "Browsers refuse the cookie otherwise.",
		Fix:     "__Secure- wants secure: true; __Host- wants it too, no domain, and no path but /.",
		Sources: []Source{rfc6265bis},
		find: func(p *pass) {
			for _, t := range p.own() {
				if t.Storage != policy.Cookie || t.Origin != policy.FromSite {
					continue // a vendor's attributes are not written down
				}
				for _, key := range append([]string{t.Name}, t.Also...) {
					lower := strings.ToLower(key) // browsers compare the prefix so
					host := strings.HasPrefix(lower, "__host-")
					if (host || strings.HasPrefix(lower, "__secure-")) && key == t.Name && !t.Secure || host && (t.Domain != "" || t.Path != "" && t.Path != "/") {
						p.report(t.Field, fmt.Sprintf("%s lacks what its prefix demands", key))
					}
				}
			}
		},
	},
	{
		ID: "run-partitioned", Severity: Info,
		Title:   "A third party's cookie that an embed needs is Partitioned.",
		Why:     "Browsers block it otherwise, or will.",
		Fix:     "Ask the vendor; write partitioned: true where it is so.",
		Sources: []Source{{"CHIPS draft", Read}},
		find: func(p *pass) {
			for _, t := range p.own() {
				if t.Storage == policy.Cookie && t.Party == policy.ThirdParty && t.Origin == policy.FromSite && !t.Partitioned {
					p.report(t.Field, fmt.Sprintf("%s is a third party's cookie without Partitioned", t))
				}
			}
		},
	},
	{
		ID: "run-cookie-limits", Severity: Warning,
		Title:   "The site keeps few cookies.",
		Why:     "Browsers keep at least fifty cookies a domain and may drop others; many servers refuse headers above 8 kB.",
		Fix:     "Join cookies, or keep the values on the server.",
		Sources: []Source{rfc6265bis},
		find: func(p *pass) {
			n := 0
			for _, t := range p.Trackers {
				if t.Storage == policy.Cookie && t.Party == policy.FirstParty {
					n++
				}
			}
			if n > 50 {
				p.report("trackers", fmt.Sprintf("%d first-party cookies are declared", n))
			}
		},
	},
	{
		ID: "run-none-before-choice", Severity: Error,
		Title:   "Before a choice, no service is contacted that keeps what needs consent.",
		Why:     "The tracker waits for an answer, and the service that sets it does not: it is written before anybody was asked.",
		Fix:     "Write loads: on-consent, or on-use with click: true alone; or give the tracker its reason, if it is exempt.",
		Sources: []Source{eprivacy, art82, guidelines("4, 16")},
		find: func(p *pass) {
			for _, t := range p.own() {
				if s := writtenUnasked(t); s != nil {
					p.report(t.Field, fmt.Sprintf("%s needs consent, and %s is contacted without it", t, name(s)))
				}
			}
		},
	},
	{
		ID: "run-tag-manager", Severity: Error,
		Title:   "A tag manager waits for consent with the tags that it loads.",
		Why:     "Loaded before, it decides by itself what else is loaded.",
		Fix:     "Put the tag manager into the category of its tags, or load the tags without it.",
		Sources: []Source{eprivacy, art82, consentMode},
		find: func(p *pass) {
			for _, s := range p.Services {
				if kind(s) == "tag-manager" && s.Loads != policy.LoadsOnConsent && (!s.SelfHosted || p.keepsMore(s)) {
					p.report(s.Field, fmt.Sprintf("%s is loaded before any choice", name(s)))
				}
			}
		},
	},
	{
		ID: "run-gpc", Severity: Info,
		Title:   "Advertising is marked as such, so that Global Privacy Control refuses it.",
		Why:     "Browsers can say no for their user; a category that is not marked does not hear it.",
		Fix:     "Write advertising: true in the category.",
		Sources: []Source{gpcSpec, gdpr("21(5)")},
		find: func(p *pass) {
			for _, c := range p.Categories {
				if c.Advertising || !c.NeedsConsent() {
					continue
				}
				for _, s := range c.Services {
					if purposeGroup(kind(s)) == "advertising" {
						p.report(c.Field, fmt.Sprintf("category %q holds advertising (%s) and is not marked as such", c.ID, name(s)))
						break
					}
				}
			}
		},
	},
	{
		ID: "ses-persistent-optin", Severity: Warning,
		Title:   "A cookie that keeps a visitor signed in beyond the browser session needs their “remember me”.",
		Why:     "On a shared computer the next person is signed in.",
		Fix:     "Write lasts: {remember-me: 30 days, otherwise: session}, and leave the box unticked.",
		Sources: []Source{exemption4, guidelines("49")},
		find: func(p *pass) {
			for _, t := range p.own() {
				if t.Reason != policy.ReasonAuthentication && !authWord.MatchString(t.Name) || t.Origin != policy.FromSite {
					continue
				}
				for _, v := range t.Lasts {
					// Some hours are a session too: they end before the next day's visitor comes.
					if (v.When == "" || v.When == policy.Otherwise) && v.Lifetime.Kind == policy.For && exceeds(v.Lifetime.Period, policy.Period{Count: 1, Unit: policy.Day}) {
						p.report(t.Field, fmt.Sprintf("%s outlives the browser session (%s) without the visitor's asking", t, v.Lifetime))
					}
				}
			}
		},
	},
	{
		ID: "ses-csrf", Severity: Info,
		Title:   "A site where visitors sign in says what protects its forms.",
		Why:     "A form that another site can send in the visitor's name is a hole; the token that closes it is a tracker to list.",
		Fix:     "Declare the token with reason: security, or the session cookie with same_site: Lax or Strict.",
		Sources: []Source{gdpr("32")},
		find: func(p *pass) {
			var session *policy.Tracker
			for _, t := range p.own() {
				switch {
				case t.Reason == policy.ReasonSecurity:
					return
				case t.Reason == policy.ReasonAuthentication && t.SameSite != "" && t.SameSite != "None":
					return
				case t.Reason == policy.ReasonAuthentication && session == nil:
					session = t
				}
			}
			if session != nil {
				p.report(session.Field, fmt.Sprintf("%s keeps visitors signed in, and nothing says what protects forms", session))
			}
		},
	},
	{
		ID: "pol-promise-kept", Severity: Error,
		Title:   "No promise is contradicted by the manifest that makes it.",
		Why:     "A promise that the same page breaks misleads.",
		Fix:     "Mend what breaks it, or withdraw the promise.",
		Sources: []Source{gdpr("5(1)(a)"), gdpr("5(2)")},
		find: func(p *pass) {
			for _, promise := range p.Promises {
				if broken := brokenBy[promise.ID]; broken != nil {
					for _, by := range broken(p.Site, promise) {
						p.report(promise.Field, fmt.Sprintf("%s is broken by %s", promise.ID, by))
					}
				}
			}
		},
	},
	{
		ID: "pol-claim-bound", Severity: Error,
		Title:   "Each promise is bound to a check, or attested by someone with a document.",
		Why:     "What nobody can check is advertising, not information.",
		Fix:     "Use a known promise, or write attested: {by: …, date: …, document: …, review: …}.",
		Sources: []Source{gdpr("5(1)(a)"), gdpr("5(2)")},
		find: func(p *pass) {
			for _, promise := range p.Promises {
				a := promise.Attested
				switch {
				case promise.Known && promise.Kind != policy.Attested:
				case a.By == "" && a.Document == "" && a.Date.IsZero():
					p.report(promise.Field, fmt.Sprintf("nothing shows that %q is kept", promise.ID))
				case a.By == "" || a.Document == "" || a.Date.IsZero():
					p.report(promise.Field, fmt.Sprintf("%q is attested without name, day or document", promise.ID)).as(Warning)
				}
			}
		},
	},
	{
		ID: "pol-attestation-due", Severity: Warning,
		Title:   "An attestation, like other evidence, is looked at again when it says.",
		Why:     "What was true of last year's set-up may not be of this one.",
		Fix:     "Look at it again, then write the new day and the next review.",
		Sources: []Source{gdpr("24(1)")},
		find: func(p *pass) {
			due := func(path string, e policy.Evidence, of string) {
				if !e.Review.IsZero() && e.Review.Before(p.on) {
					p.report(path, fmt.Sprintf("the review of %q was due on %s", of, e.Review))
				}
			}
			for _, promise := range p.Promises {
				due(promise.Field, promise.Attested, promise.ID)
			}
			for _, s := range p.Services {
				due(s.Field, s.Evidence, s.ID)
			}
			for _, t := range p.own() {
				due(t.Field, t.Evidence, t.String())
			}
		},
	},
}

// attributesLack is what a cookie should have and is declared without. A script
// may have to read what protects a form; of what is neither, only Secure is asked.
func attributesLack(t *policy.Tracker) []string {
	signsIn := t.Reason == policy.ReasonAuthentication
	var lacks []string
	if !t.Secure {
		lacks = append(lacks, "Secure")
	}
	if !t.HTTPOnly && signsIn {
		lacks = append(lacks, "HttpOnly")
	}
	if t.SameSite == "" && (signsIn || t.Reason == policy.ReasonSecurity) {
		lacks = append(lacks, "SameSite")
	}
	return lacks
}

// some lists names, the first six of many.
func some(names []string) string {
	if n := len(names) - 6; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:6], ", "), n)
	}
	return strings.Join(names, ", ")
}

var authWord = regexp.MustCompile(`(?i)(^|[_.-])(auth|remember)([_.-]|$)`)

// brokenBy tells, for promises that a manifest alone can break, what breaks them.
var brokenBy = map[string]func(*policy.Site, *policy.Promise) []string{
	"no-advertising": func(s *policy.Site, _ *policy.Promise) []string {
		return append(servicesWhere(s, func(v *policy.Service) bool { return purposeGroup(kind(v)) == "advertising" || v.Category.Advertising }),
			trackersWhere(s, func(t *policy.Tracker) bool { return t.Service == nil && t.Category.Advertising })...)
	},
	"no-social-media": func(s *policy.Site, _ *policy.Promise) []string {
		return servicesWhere(s, func(v *policy.Service) bool { return kind(v) == "social" })
	},
	"no-third-party-analytics": func(s *policy.Site, _ *policy.Promise) []string {
		return servicesWhere(s, func(v *policy.Service) bool { return purposeGroup(kind(v)) == "measurement" && foreign(s, v) })
	},
	"no-third-party-requests": func(s *policy.Site, _ *policy.Promise) []string {
		names := servicesWhere(s, func(v *policy.Service) bool { return len(v.Hosts) > 0 && foreign(s, v) })
		for _, h := range s.Trusted {
			if !ownHost(s, h.Host) {
				names = append(names, h.Host+", a trusted host")
			}
		}
		return names
	},
	"no-request": func(s *policy.Site, p *policy.Promise) []string {
		return servicesWhere(s, func(v *policy.Service) bool { return v.ID == p.Service })
	},
	"none-before-choice": beforeAnybodyIsAsked,
	"none-after-refusal": beforeAnybodyIsAsked,
	"only-on-use": func(s *policy.Site, p *policy.Promise) []string {
		return servicesWhere(s, func(v *policy.Service) bool { return v.ID == p.Service && v.Loads != policy.LoadsOnUse })
	},
	"only-with-consent": func(s *policy.Site, p *policy.Promise) []string {
		if c := s.Category(p.Category); c != nil && c.Ground == policy.GroundExempt {
			return []string{"the category " + c.ID + ", for which nobody is asked"}
		}
		return servicesWhere(s, func(v *policy.Service) bool {
			return (v.ID == p.Service || v.Category.ID == p.Category) && v.Loads != policy.LoadsOnConsent
		})
	},
	"no-pixels": func(s *policy.Site, _ *policy.Promise) []string {
		return trackersWhere(s, func(t *policy.Tracker) bool { return t.Storage == policy.Pixel })
	},
	"first-party-only": func(s *policy.Site, p *policy.Promise) []string {
		return trackersWhere(s, func(t *policy.Tracker) bool { return t.Category.ID == p.Category && t.Party == policy.ThirdParty })
	},
	"not-shared": func(s *policy.Site, p *policy.Promise) []string {
		return trackersWhere(s, func(t *policy.Tracker) bool {
			return t.Category.ID == p.Category && t.Service != nil && t.Service.Provider.Name != ""
		})
	},
	"no-audience-identifier": func(s *policy.Site, _ *policy.Promise) []string {
		return trackersWhere(s, func(t *policy.Tracker) bool {
			return t.Reason == policy.ReasonAudience || t.Service != nil && purposeGroup(kind(t.Service)) == "measurement"
		})
	},
	"max-lifetime": func(s *policy.Site, p *policy.Promise) []string {
		return trackersWhere(s, func(t *policy.Tracker) bool {
			of := (p.Category == "" || t.Category.ID == p.Category) && (p.Service == "" || t.Service != nil && t.Service.ID == p.Service)
			return of && outlives(t.Lasts.Longest(), p.Max)
		})
	},
	"answer-time": func(s *policy.Site, p *policy.Promise) []string {
		for _, m := range []policy.Mailbox{s.Contact.DPO, s.Contact.General} {
			if exceeds(m.Within, p.Max) {
				return []string{"the contact that answers within " + m.Within.String()}
			}
		}
		return nil
	},
	"no-cookies-in-app": func(s *policy.Site, _ *policy.Promise) []string {
		if s.App.Cookies {
			return []string{"the app " + s.App.Name + ", which uses web cookies"}
		}
		return nil
	},
	"statistics-from-logs": func(s *policy.Site, _ *policy.Promise) []string {
		if s.Audience.Source == "logs" {
			return nil
		}
		if s.Audience.Source == "" {
			return []string{"the manifest, which declares no audience measurement"}
		}
		return []string{"audience.source: " + s.Audience.Source}
	},
	"statistics-aggregated": func(s *policy.Site, _ *policy.Promise) []string {
		if a := s.Audience; a.Source != "" && a.Threshold < 10 {
			return []string{fmt.Sprintf("audience.threshold: counts down to %d are shown", max(a.Threshold, 1))}
		}
		return nil
	},
	"not-for-profiling": func(s *policy.Site, p *policy.Promise) []string {
		var by []string
		if c := s.Category(p.Category); c != nil && c.Profiling {
			by = append(by, "the category "+c.ID+", which profiles people")
		}
		for _, v := range s.Services {
			if v.Category.ID == p.Category && v.Profiling {
				by = append(by, name(v)+", which profiles people")
			}
		}
		return by
	},
	"announced-changes": func(s *policy.Site, _ *policy.Promise) []string {
		if len(s.Policy.Announce) == 0 {
			return []string{"the policy, which names no channel"}
		}
		return nil
	},
}

func beforeAnybodyIsAsked(s *policy.Site, _ *policy.Promise) []string {
	return trackersWhere(s, func(t *policy.Tracker) bool { return writtenUnasked(t) != nil })
}

// writtenUnasked returns the service that is contacted without consent although
// it sets a tracker that needs it; nil for none.
func writtenUnasked(t *policy.Tracker) *policy.Service {
	if t.Exempt() || t.Service == nil {
		return nil
	}
	setters := append([]*policy.Service{t.Service}, t.Shared...)
	if i := slices.IndexFunc(setters, unasked); i >= 0 {
		return setters[i]
	}
	return nil
}

func servicesWhere(s *policy.Site, is func(*policy.Service) bool) []string {
	var names []string
	for _, v := range s.Services {
		if !v.SelfHosted && is(v) {
			names = append(names, name(v))
		}
	}
	return names
}

func trackersWhere(s *policy.Site, is func(*policy.Tracker) bool) []string {
	var names []string
	for _, t := range s.Trackers {
		if t.Origin == policy.FromTemoin || !is(t) {
			continue
		}
		if name := t.String() + lastsNote(t); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// foreign reports whether a service is another company's, or reached at a host
// that is none of the site's own.
func foreign(s *policy.Site, v *policy.Service) bool {
	return slices.ContainsFunc(v.Hosts, func(h string) bool { return !ownHost(s, h) }) || len(v.Hosts) == 0 && v.Provider.Name != ""
}

// ownHost reports whether a host that is perhaps a pattern, perhaps with a
// path, is one of the site's own.
func ownHost(s *policy.Site, host string) bool {
	host, _, _ = strings.Cut(strings.TrimPrefix(host, "*."), "/")
	return s.OwnsHost(host)
}

func lastsNote(t *policy.Tracker) string {
	if len(t.Lasts) == 0 {
		return ""
	}
	return " (" + t.Lasts.String() + ")"
}
