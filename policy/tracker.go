package policy

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Storage is where in the browser a tracker is kept, or how it is sent.
type Storage string

const (
	Cookie         Storage = "cookie"
	LocalStorage   Storage = "localStorage"
	SessionStorage Storage = "sessionStorage"
	IndexedDB      Storage = "indexedDB"
	Pixel          Storage = "pixel" // an image loaded only to report that it was
)

// A Reason is why a tracker needs no consent. The first ones are those that the
// CNIL gives as examples (délibération 2020-091); ServiceRequested needs a
// written explanation (Tracker.Because).
type Reason string

const (
	ReasonChoice           Reason = "choice"            // keeps the visitor's choice about trackers
	ReasonAuthentication   Reason = "authentication"    // keeps the visitor signed in
	ReasonSecurity         Reason = "security"          // secures authentication and forms
	ReasonCart             Reason = "cart"              // keeps a shopping cart
	ReasonBilling          Reason = "billing"           // bills what was bought
	ReasonInterface        Reason = "interface"         // keeps a preference the visitor set, where they expect it
	ReasonLoadBalancing    Reason = "load-balancing"    // sends the visitor to one of several servers
	ReasonPaywall          Reason = "paywall"           // counts free articles
	ReasonAudience         Reason = "audience"          // measures the site's audience under the exemption
	ReasonServiceRequested Reason = "service-requested" // needed for a service that the visitor asked for
)

// A Party says on whose domain a tracker is kept.
type Party string

const (
	FirstParty Party = "first"
	ThirdParty Party = "third"
)

// A Basis is a legal basis of GDPR art. 6(1) for what is done with the data
// afterwards. It never permits the tracker itself, which is either exempt or on
// consent.
type Basis string

const (
	BasisConsent            Basis = "consent"             // 6(1)(a)
	BasisContract           Basis = "contract"            // 6(1)(b)
	BasisLegalObligation    Basis = "legal-obligation"    // 6(1)(c)
	BasisLegitimateInterest Basis = "legitimate-interest" // 6(1)(f)
)

// An Origin says who declared a tracker.
type Origin string

const (
	FromSite    Origin = "site"    // the manifest's own list
	FromService Origin = "service" // a service, itself perhaps from the catalogue
	FromTemoin  Origin = "temoin"  // what Témoin itself writes
)

// A Tracker is one thing that is kept in the browser, or a pixel.
type Tracker struct {
	Field       string // where it is declared: "trackers[3]"; of the service, where the catalogue declares it
	Origin      Origin
	Name        string   // the exact key, or a pattern with one "*"; may be empty where only Label is known
	Label       Text     // what the operator calls it
	Also        []string // other exact keys under which environments keep it (prefixes)
	Storage     Storage
	Category    *Category  // never nil in a Site
	Service     *Service   // who sets it or makes it be set; nil for the site itself
	Shared      []*Service // other services that set the same key
	Purpose     Text
	Lasts       Lifetimes
	Sliding     bool   // each visit begins the lifetime anew
	Party       Party  // first unless declared otherwise
	Domain      string // the cookie's Domain attribute, or the third party's domain
	Path        string // the cookie's Path attribute; "" is "/"
	HTTPOnly    bool
	Secure      bool
	SameSite    string   // "Lax", "Strict", "None" or ""
	Partitioned bool     // Partitioned
	Reason      Reason   // why it is exempt; "" when it is not, or not said
	Because     Text     // the explanation behind Reason
	Act         Text     // the explicit act of the visitor that writes it; empty where it is written by itself
	Content     Text     // what the value holds
	Basis       Basis    // for what is done with the data afterwards
	Evidence    Evidence // why a lifetime differs from the vendor's default
	Retired     Text     // why the vendor no longer sets it (catalogue only)

	categoryID, serviceID string
	pattern               namePattern
}

// Exempt reports whether the tracker may be written without consent: its
// category is exempt, or it has a reason of its own.
func (t *Tracker) Exempt() bool { return t.Category.Ground == GroundExempt || t.Reason != "" }

// IsPattern reports whether the name stands for several keys.
func (t *Tracker) IsPattern() bool { return strings.Contains(t.Name, "*") }

// Categories returns the categories that the tracker serves: its own, and those
// of other services that set the same key. It is allowed where any of them is.
func (t *Tracker) Categories() []*Category {
	all := []*Category{t.Category}
	for _, s := range t.Shared {
		if !slices.Contains(all, s.Category) {
			all = append(all, s.Category)
		}
	}
	return all
}

// Matches reports whether name, a key found in a browser, is this tracker.
func (t *Tracker) Matches(name string) bool {
	if t.pattern.matches(name) {
		return true
	}
	for _, a := range t.Also {
		if a == name {
			return true
		}
	}
	return false
}

// Wild reports whether the name is a pattern, and what stands before its "*".
func (t *Tracker) Wild() (prefix string, ok bool) { return t.pattern.prefix, t.pattern.wild }

// String names the tracker in messages: its key, or its label.
func (t *Tracker) String() string {
	if t.Name != "" {
		return t.Name
	}
	return t.Label.In("en")
}

// Evidence says on what a statement rests.
type Evidence struct {
	Text     Text   // what was configured, tested or signed
	By       string // who answers for it
	Date     Date   // when
	Document string // where it can be read
	Review   Date   // when it is looked at again
}

// IsZero reports whether there is none.
func (e Evidence) IsZero() bool {
	return e.Text.IsZero() && e.By == "" && e.Date.IsZero() && e.Document == "" && e.Review.IsZero()
}

func (e *Evidence) shape() shape {
	return object("evidence", "evidence", nil,
		may("text", words(&e.Text), "What was configured, tested or signed, in words.", "{en: cookie_expires is set to 34164000 in the tag}"),
		may("by", line(&e.By), "Who answers for it: a person's role or a firm.", "Data protection officer"),
		may("date", day(&e.Date), "The day on which it was established.", "2026-03-01"),
		may("document", line(&e.Document), "Where it can be read: an address or a reference.", "https://example.com/audit-2026.pdf"),
		may("review", day(&e.Review), "The day by which it is looked at again.", "2027-03-01"),
	)
}

func (t *Tracker) shape() shape {
	t.Storage, t.Party, t.Origin = Cookie, "", FromSite
	named := func() [][]string { return [][]string{{"name"}, {"label"}} }
	return objectOfAny("tracker", "a tracker", &t.Field, named,
		may("name", trackerName(&t.Name), `The exact key as the browser shows it. One "*" stands for a part that varies.`, "_ga_*").or("cookie", "key", "id"),
		may("label", words(&t.Label), "What you call it, where the key alone would say nothing.", "{en: Display mode, fr: Mode d'affichage}").or("title"),
		may("also", some(&t.Also, trackerName), "Other exact keys under which it is kept, such as the one with a __Secure- prefix in production.", "[__Secure-next-auth.session-token]").or("aliases"),
		may("kind", oneOf(&t.Storage, Cookie, LocalStorage, SessionStorage, IndexedDB, Pixel), "How it is kept: a cookie unless you say otherwise.", "localStorage").or("storage", "type"),
		may("category", id(&t.categoryID), "The one category that it belongs to. A tracker of a service may leave it out.", "analytics"),
		may("service", id(&t.serviceID), "The service that sets it, where the site itself does not.", "google-analytics").or("set_by", "provider", "vendor"),
		may("purpose", words(&t.Purpose), "What it is for, in one plain sentence to the visitor.", "{en: Keeps you signed in.}").or("description", "finality", "use"),
		may("lasts", lifetimes(&t.Lasts), `How long it is kept: "session", a period, "until-deleted", or one lifetime for each act of the visitor.`, "13 months").or("duration", "lifetime", "expires", "max-age", "retention"),
		may("sliding", yes(&t.Sliding), "Whether each visit begins the lifetime anew.", "true"),
		may("party", oneOf(&t.Party, FirstParty, ThirdParty), "On whose domain it is kept: the site's own unless you say otherwise.", "third"),
		may("domain", trackerDomain(&t.Domain), "The domain it is set for, where that is not the host itself.", "example.com"),
		may("path", pattern(&t.Path, "a path", `a path such as "/app"`, `^/[^;, \p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$`, func(s string) bool {
			return strings.HasPrefix(s, "/") && !strings.ContainsAny(s, ";, ") && !strings.ContainsFunc(s, isHidden)
		}), "The Path attribute of the cookie, where it is not the whole site.", "/app"),
		may("http_only", yes(&t.HTTPOnly), "Whether scripts cannot read the cookie.", "true").or("httponly"),
		may("secure", yes(&t.Secure), "Whether the cookie is sent over HTTPS only.", "true"),
		may("same_site", oneOf(&t.SameSite, "Lax", "Strict", "None"), "The SameSite attribute of the cookie.", "Lax").or("samesite"),
		may("partitioned", yes(&t.Partitioned), "Whether the cookie has the Partitioned attribute.", "true"),
		may("reason", oneOf(&t.Reason, ReasonChoice, ReasonAuthentication, ReasonSecurity, ReasonCart, ReasonBilling, ReasonInterface, ReasonLoadBalancing, ReasonPaywall, ReasonAudience, ReasonServiceRequested),
			"Why it needs no consent. In a category on consent, a tracker with a reason is exempt by itself.", "authentication").or("exempt", "exemption"),
		may("because", words(&t.Because), "The explanation: for service-requested, which service the visitor asks for and by which act; for a long lifetime, why it must be so long.", "{en: The payment that you start cannot be checked for fraud without it.}"),
		may("act", words(&t.Act), "The visitor's explicit act that writes it, where nothing is written before. A custom key of \"lasts\" is explained here too.", "{en: you switch the display mode}"),
		may("content", words(&t.Content), "What the value holds.", "{en: the word light or dark}"),
		may("basis", oneOf(&t.Basis, BasisConsent, BasisContract, BasisLegalObligation, BasisLegitimateInterest), "The legal basis (GDPR art. 6) for what you do with the data afterwards.", "contract"),
		may("evidence", t.Evidence.shape(), "Why the lifetime differs from the vendor's default: the setting, and when it was checked.", "{text: {en: cookie_expires is set in the tag}, date: 2026-03-01}"),
		may("deprecated", object("deprecated", "why it is deprecated", nil, must("because", words(&t.Retired), "Why the vendor no longer sets it.", "{en: Set by the previous version only.}")),
			"In the catalogue: the vendor no longer sets it.", "{because: Set by the previous version only.}"),
	)
}

// maxName bounds a key, in bytes: browsers refuse longer cookies anyway.
const maxName = 256

// trackerName takes any printable key: what a policy calls a cookie may not be
// a cookie name at all, and that is for the rules to say.
func trackerName(dst *string) shape {
	return scalarShape{what: "a key", fix: `the exact key, such as "next-auth.session-token"`, json: anyName, set: func(s string) error {
		if len(s) > maxName || !utf8.ValidString(s) {
			return fmt.Errorf("is longer than %d bytes", maxName)
		}
		if strings.Count(s, "*") > 1 {
			return fmt.Errorf("%q has more than one *", shorten(s))
		}
		return setLine(dst, s)
	}}
}

func anyName() map[string]any {
	schema := anyLine()
	schema["maxLength"] = maxName // in characters: a pattern cannot count bytes
	schema["allOf"] = []any{map[string]any{"pattern": `^[^*]*\*?[^*]*$`}}
	return schema
}

func trackerDomain(dst *string) shape {
	return patternAs(dst, "a domain", `a domain such as "example.com"`, matchingUpTo(maxHost+1, around(`\.?`+hostName)), func(s string) bool {
		return isHost(strings.TrimPrefix(s, "."))
	})
}

// lifetimeNote says what a lifetime can be, where one is explained.
const lifetimeNote = periodNote + ` An act is a word of yours, explained in "act", or remember-me, the box that is ticked when signing in: ` +
	`{remember-me: 30 days, otherwise: session}.`

func lifetimes(dst *Lifetimes) shape {
	one := func(when string, add func(Variant)) shape {
		return scalarShape{what: "a lifetime", fix: `"session", "until-deleted", or a period such as "13 months"`, more: lifetimeNote,
			json: matching(around("session|until-deleted|" + periodBody)), def: "lifetime", set: func(s string) error {
				l, err := ParseLifetime(s)
				if err == nil {
					add(Variant{when, l})
				}
				return err
			}}
	}
	return either(
		one("", func(v Variant) { *dst = Lifetimes{v} }),
		nil,
		keyedShape[Variant]{dst: new([]Variant), what: `"act: lifetime", such as "remember-me: 30 days" and "otherwise: session"`, key: idPattern, ok: isID, needs: Otherwise,
			elem: func(when string, _ *Variant) shape {
				return one(when, func(v Variant) { *dst = append(*dst, v) })
			}},
	)
}
