package policy

import (
	"strings"
	"unicode/utf8"
)

// Loads says when a service is contacted.
type Loads string

const (
	LoadsAlways    Loads = "always"
	LoadsOnConsent Loads = "on-consent" // to its category
	LoadsOnUse     Loads = "on-use"     // on the paths it names, or after the visitor's click
)

// A Role is what a recipient is under the GDPR.
type Role string

const (
	RoleProcessor  Role = "processor"  // art. 28
	RoleJoint      Role = "joint"      // art. 26
	RoleController Role = "controller" // on its own account
)

// A Mechanism is what permits a transfer out of the European Economic Area.
type Mechanism string

const (
	Adequacy   Mechanism = "adequacy"   // GDPR art. 45, a country
	DPF        Mechanism = "dpf"        // Implementing Decision (EU) 2023/1795, a certified recipient
	SCC        Mechanism = "scc"        // Implementing Decision (EU) 2021/914
	BCR        Mechanism = "bcr"        // GDPR art. 47
	Derogation Mechanism = "derogation" // GDPR art. 49
)

// A Transfer is one mechanism with what shows that it holds.
type Transfer struct {
	Mechanism Mechanism
	Module    int    // of the standard contractual clauses, 1 to 4
	TIA       string // reference of the transfer impact assessment
	Copy      Text   // where a copy of the safeguards can be had
	Checked   Date   // when the recipient was looked up in the list of the certified
}

// A Recipient is a legal entity that receives data.
type Recipient struct {
	Field     string
	Name      string
	Country   string // ISO 3166; "" where not said
	Address   string
	Privacy   Text       // its privacy policy
	Transfers []Transfer // one outside the EEA; more is a fault that the rules report
}

// A Service is a third party that the site's pages can contact.
type Service struct {
	Field      string
	ID         string
	Index      int // its place in Site.Services
	Name       Text
	Kind       string    // "analytics", "payment", …: what the catalogue says it is
	Category   *Category // never nil in a Site
	Purpose    Text
	Provider   Recipient
	Role       Role
	Contract   string // reference of the contract
	Recipients []Recipient
	Loads      Loads
	Paths      []string // with LoadsOnUse: path prefixes on which it may be contacted
	Click      bool     // with LoadsOnUse: also after the visitor's click on its placeholder
	Hosts      []string // "example.com", "*.example.com", "www.example.com/path/"
	Snippets   []string // strings by which its inline scripts are known
	SelfHosted bool     // its files are served by the site: its hosts are never contacted
	Sends      Text     // which data it receives
	OptOut     Text     // the vendor's own opt-out page, an addition only
	Profiling  bool
	Because    Text // why it needs no consent, where it loads always or on use
	Evidence   Evidence
	Incomplete bool // it may set more trackers than are listed
	Trackers   []*Tracker

	use, categoryID string
	trackers        []Tracker
	lasts           []namedLifetimes
	without         []string
	Sources         []Reference // catalogue only: where the facts were read
}

type namedLifetimes struct {
	name  string
	lasts Lifetimes
}

// A Reference is where facts were read.
type Reference struct {
	For   []string
	Title string
	URL   string
	Read  Date
}

// maxPath bounds the beginning of a path.
const maxPath = 200

// FromCatalogue returns the id of the catalogue entry that the service is built
// on, "" when the manifest declares it alone.
func (s *Service) FromCatalogue() string { return s.use }

func (t *Transfer) shape() shape {
	mechanism := func() shape { return oneOf(&t.Mechanism, Adequacy, DPF, SCC, BCR, Derogation) }
	return either(mechanism(), nil, object("transfer", "a transfer mechanism", nil,
		must("mechanism", mechanism(), "What permits the transfer.", "scc"),
		may("module", number(&t.Module, 1, 4), "The module of the standard contractual clauses.", "2"),
		may("tia", line(&t.TIA), "The reference of the transfer impact assessment.", "TIA-2026-03"),
		may("copy", link(&t.Copy), "Where visitors can get a copy of the safeguards.", "https://example.com/scc"),
		may("checked", day(&t.Checked), "When you looked the recipient up in the list of the certified.", "2026-09-01"),
	))
}

func (r *Recipient) fields() []field {
	return []field{
		may("name", line(&r.Name), "Its legal name.", "Google Ireland Limited"),
		may("country", country(&r.Country), "The country it is established in.", "IE"),
		may("address", line(&r.Address), "Its postal address.", "Gordon House, Barrow Street, Dublin 4, Ireland"),
		may("privacy", link(&r.Privacy), "Its privacy policy.", "https://policies.google.com/privacy").or("policy", "privacy_policy"),
		may("transfer", some(&r.Transfers, (*Transfer).shape), "For a recipient outside the European Economic Area, the one mechanism that permits the transfer.", "dpf").or("transfers", "mechanism"),
	}
}

func (r *Recipient) shape() shape {
	return object("recipient", "a recipient", &r.Field, r.fields()...)
}

func (r *Reference) shape() shape {
	return object("source", "a source", nil,
		must("for", some(&r.For, func(s *string) shape { return line(s) }), "Which of the facts it supports.", "[trackers]"),
		must("title", line(&r.Title), "What was read.", "Open Cookie Database (Apache-2.0)"),
		must("url", address(&r.URL), "Where it can be read.", "https://github.com/jkwakman/Open-Cookie-Database"),
		must("read", day(&r.Read), "When it was read.", "2026-11-21"),
	)
}

func (s *Service) shape() shape {
	named := func() [][]string { return [][]string{{"use", "category"}, {"id", "name", "category"}} }
	return objectOfAny("service", "a service", &s.Field, named, append([]field{
		may("use", knownID(&s.use, false, CatalogueIDs), "The id of a known service: its facts come from the catalogue, and what you write here comes before them.", "google-analytics"),
		may("id", id(&s.ID), "The id by which the rest of the manifest refers to it; the catalogue's own unless you say otherwise.", "payment"),
		may("category", id(&s.categoryID), "The category it belongs to.", "analytics"),
	}, s.common()...)...)
}

// common are the fields that the manifest and the catalogue share.
func (s *Service) common() []field {
	return []field{
		may("name", words(&s.Name), "What visitors know it as.", "Google Analytics"),
		may("kind", id(&s.Kind), "What kind of service it is.", "analytics"),
		may("purpose", words(&s.Purpose), "What it does for the site, in one plain sentence.", "{en: Counts visits.}").or("description"),
		may("provider", object("provider", "a provider", &s.Provider.Field, s.Provider.fields()...), "The legal entity behind it.", "{name: Google Ireland Limited, country: IE}").or("entity", "company", "vendor"),
		may("role", oneOf(&s.Role, RoleProcessor, RoleJoint, RoleController), "What it is under the GDPR: your processor, a joint controller, or a controller of its own.", "processor"),
		may("contract", line(&s.Contract), "The reference of the contract with it.", "DPA of 2026-01-12"),
		may("recipients", list(&s.Recipients, (*Recipient).shape), "Others who receive the data through it, such as a parent company.", "[{name: Google LLC, country: US, transfer: dpf}]"),
		may("loads", oneOf(&s.Loads, LoadsAlways, LoadsOnConsent, LoadsOnUse), "When it is contacted: on-consent in a category on consent, always in an exempt one, unless you say otherwise.", "on-use"),
		may("paths", some(&s.Paths, func(p *string) shape {
			return patternAs(p, "a path", `a path such as "/checkout"`, matchingUpTo(maxPath, around(`/[^?#* \p{Cc}\p{Cf}\p{Zl}\p{Zp}]*`)), func(s string) bool {
				return len(s) > 0 && s[0] == '/' && utf8.RuneCountInString(s) <= maxPath && !strings.ContainsAny(s, "?#* ") && !strings.ContainsFunc(s, isHidden)
			})
		}), "With loads: on-use, the beginnings of the paths on which it may be contacted.", "[/checkout]"),
		may("click", yes(&s.Click), "With loads: on-use, whether the visitor's click on its placeholder loads it too.", "true"),
		may("hosts", some(&s.Hosts, hostPath), `The hosts it is reached at: "example.com" is that host, "*.example.com" all its subdomains; a path may follow. Where the hosts of several services take in one address, the most exact host and then the longest path decide: "a.example.com" comes before "*.example.com", whatever their categories.`, `[js.stripe.com, "*.stripe.network"]`),
		may("snippets", some(&s.Snippets, func(p *string) shape { return line(p) }), "Strings by which its inline scripts are known.", `["gtag("]`),
		may("self_hosted", yes(&s.SelfHosted), "true: its files are served from your own host and its hosts are never contacted, which the audit checks.", "true"),
		may("sends", words(&s.Sends), "Which data it receives.", "{en: IP address and browser version}").or("data"),
		may("opt_out", link(&s.OptOut), "The vendor's own opt-out page, as an addition to your own choice.", "https://tools.google.com/dlpage/gaoptout"),
		may("profiling", yes(&s.Profiling), "true: it serves to evaluate or predict what a person does or likes.", "true"),
		may("because", words(&s.Because), "Where it is contacted without consent: which service the visitor asks for, and by which act.", "{en: The payment that you start is checked against fraud.}"),
		may("trackers", list(&s.trackers, (*Tracker).shape), "What it keeps in the browser. What you write of a tracker that the catalogue knows comes before what is known; the others stay.", "[{name: __stripe_mid, lasts: 1 year}]").or("cookies"),
		may("incomplete", yes(&s.Incomplete), "true: it may keep more than is listed here, which nobody has verified yet.", "true"),
		may("lasts", keyedShape[namedLifetimes]{dst: &s.lasts, what: `"tracker name: lifetime"`, key: "^.{1,256}$", ok: func(k string) bool { return len(k) <= maxName },
			elem: func(name string, n *namedLifetimes) shape {
				n.name = name
				return lifetimes(&n.lasts)
			}}, "Lifetimes that you set in place of the vendor's, by tracker name.", "{_ga: 13 months}"),
		may("without", some(&s.without, trackerName), "Trackers of the catalogue that this site does not let it set.", "[_gid]"),
		may("evidence", s.Evidence.shape(), "What shows that lifetimes and settings are as declared.", "{text: {en: cookie_expires is set in the tag}, date: 2026-03-01}"),
	}
}

// catalogueShape is a file of the catalogue: a service with its sources.
func (s *Service) catalogueShape() shape {
	return object("catalogue-entry", "a catalogue entry", nil, append([]field{
		must("service", id(&s.ID), "The id, as in the file's name.", "google-analytics"),
		must("sources", list(&s.Sources, (*Reference).shape), "Where the facts were read, and when.", "[]"),
	}, s.common()...)...)
}
