package policy

import (
	"crypto/sha256"
	"slices"
	"strings"
)

// A Site is a manifest, parsed, checked and compiled. It is immutable and safe
// for concurrent use: whoever holds one reads its fields and never writes them.
type Site struct {
	File   string            // the name that Parse was given
	Hash   [sha256.Size]byte // of the manifest's bytes
	ID     string            // "cexro"
	Name   string            // "Cexro OCR"
	URL    string            // "https://cexro.com"
	Host   string            // of URL: "cexro.com"
	Hosts  []string          // further hosts of the site
	Langs  []string          // BCP 47 tags; the first is the default
	Page   Page
	Policy Document

	Controller Controller
	Contact    Contact
	Authority  Authority
	Public     Public
	HostedBy   Recipient
	Links      Links
	Law        []Law
	Rights     []Right // those that the manifest lists; see RightsDue
	Automated  Automated

	Categories []*Category // in the order of the page
	Trackers   []*Tracker  // all: the site's, its services', Témoin's own
	Services   []*Service
	Promises   []*Promise
	Trusted    []TrustedHost

	Choice      Choice
	Identity    Identity
	Notice      Notice
	Enforcement Enforcement
	Proof       Proof
	Audience    Audience
	Logs        Logs
	Kept        Kept
	Records     []Record // what is kept on the server
	Browsers    []Browser
	App         App

	Prose []Prose // every text of the manifest, in the order of the file

	raw       manifest
	entries   entry // the manifest as it is written, for Compare
	positions map[string]fieldPosition
	names     nameIndex
	hosts     hostIndex[*Service]
	trusted   hostIndex[*TrustedHost]
	domains   []string // registrable domains of the site's hosts
}

// A Page is what the operator says about the policy page in their own words.
type Page struct {
	Title, Subtitle Text
	Sections        []Section
	NativeDigits    bool // numbers in the digits of the script: "١٣" in Arabic
}

// A Section carries the operator's own words for a section of the page. Intro
// announces the section's content, Note follows it, and Text stands alone.
type Section struct {
	Field              string
	ID                 string
	Title, Intro, Note Text
	Text               Text
	Bare               bool // Témoin adds nothing of its own to the section
}

// SectionIDs are the sections that a policy page can have, in their order.
func SectionIDs() []string { return slices.Clone(sectionIDs) }

var sectionIDs = []string{
	"in-short", "definition", "kinds", "categories", "services", "similar-technologies", "choose", "browsers",
	"opt-out", "consequences", "retention", "transfers", "audience", "consent-system", "promises", "minors", "app", "rights",
	"contact", "complaint", "changes", "law", "hosting", "links",
}

// Section returns the operator's words for a section; the zero Section if none.
func (p *Page) Section(id string) Section {
	for _, s := range p.Sections {
		if s.ID == id {
			return s
		}
	}
	return Section{ID: id}
}

// A Document is the version of the policy and how its changes are announced.
type Document struct {
	Version    string
	Updated    Date
	Effective  Date
	ReviewedOn Date // last read against the running site
	ReviewDue  Date // to be read again by
	// How the page spells the first two dates, where the operator insists on it.
	UpdatedAs, EffectiveAs Text
	Announce               []Channel
	AnnouncedBefore        Period // how long before it takes effect a change is announced
	History                []Revision
}

// A Channel is a way to announce a substantial change.
type Channel string

const (
	ByBanner  Channel = "banner"
	ByEmail   Channel = "email"
	ByAccount Channel = "account"
)

// A Revision is an earlier version of the policy.
type Revision struct {
	Version   string
	Date      Date
	Changes   Text     // what changed with the version after it
	Editorial []string // categories whose purpose was only reworded since
}

// A Controller decides on purposes and means (GDPR art. 4(7)).
type Controller struct {
	Field   string
	Name    string
	Form    string // legal form: "SAS"
	SIREN   string // French company number, nine digits
	Address string
	Country string
	Email   string
	Phone   string
	URL     string
}

// Contact is whom visitors write to.
type Contact struct {
	DPO     Mailbox // the data protection officer
	General Mailbox
	Support Mailbox
}

// A Mailbox is one way to reach someone.
type Mailbox struct {
	Field   string
	Name    string
	Email   string
	Form    Text // address of a form
	Address string
	Phone   string
	Subject Text   // what to write in the subject line
	Within  Period // the promised answer time
	Text    Text   // what they help with
}

// IsZero reports whether there is no such contact.
func (m *Mailbox) IsZero() bool { return m.Field == "" }

// An Authority is where visitors can complain.
type Authority struct {
	ID        string // of a known one: "cnil"
	Name      Text
	URL       Text
	Complaint Text // the page on which complaints are made
}

// Public is whom the site addresses.
type Public struct {
	Field      string
	Minors     string // "none", "possible", "targeted" or "" when not said
	ConsentAge int    // the age from which a minor consents alone; 0 for the country's
	Text       Text   // the short plain text for minors
	Countries  []string
	Because    Text // why advertising or session replay is used though minors may visit
}

// Links to other texts of the operator.
type Links struct{ Privacy, Legal, Terms Text }

// A Law is a text that the policy follows: a known one by id, or another by text.
type Law struct {
	ID   string
	Text Text
	URL  Text
}

// A Right is a right of the visitor over data kept about them.
type Right string

const (
	RightAccess        Right = "access"        // GDPR art. 15
	RightRectification Right = "rectification" // 16
	RightErasure       Right = "erasure"       // 17
	RightRestriction   Right = "restriction"   // 18
	RightPortability   Right = "portability"   // 20
	RightObjection     Right = "objection"     // 21
	RightWithdraw      Right = "withdraw"      // 7(3)
	RightAfterDeath    Right = "after-death"   // loi 78-17 art. 85
	RightNoAutomation  Right = "no-automation" // 22
)

// Automated says whether decisions about visitors are automated (GDPR art. 22).
// The zero value says nothing.
type Automated struct {
	None bool
	Text Text // which decisions, and by which logic
}

// A TrustedHost is a third party's host that is contacted and harmless.
type TrustedHost struct {
	Host    string
	Because Text
}

// A ChoiceScope is how far a choice reaches.
type ChoiceScope string

const (
	ScopeDevice  ChoiceScope = "device"  // the browser that it was made in
	ScopeAccount ChoiceScope = "account" // all devices that are signed in
)

// A Choice says how the visitor's choice is kept and where it can be changed.
type Choice struct {
	Field    string
	Cookie   string
	Purpose  Text
	Lasts    Period
	Scope    ChoiceScope
	Conflict string // with account: "latest" or "account"
	Domain   string // "host" or "registrable"
	Reopen   []Reopening

	categoryID string
}

// A Reopening is a place where preferences are opened again.
type Reopening struct {
	Where  string // "button", "link", "page" or "account"
	Path   string // where it is on the site: "/settings/privacy"
	Label  Text   // how visitors find it: "Settings > GDPR & my data"
	Banner bool   // it opens the first layer again
	Signed bool   // only for those who are signed in
}

// A NoticeMode is what the first layer is for.
type NoticeMode string

const (
	NoticeConsent      NoticeMode = "consent"      // it asks
	NoticeInformation  NoticeMode = "information"  // it informs
	NoticePreconfigure NoticeMode = "preconfigure" // it takes preferences before anything needs consent
)

// A Notice says what the first layer is for, and how notices look.
type Notice struct {
	Mode NoticeMode // "" follows from the categories: see Site.NoticeMode
	Text Text

	LocaleCookie string // in which the site keeps a visitor's language; "" for none

	// How it looks. What is not said is the theme's.
	Theme              Theme       // "" is neutral
	Scheme             ColorScheme // "" is auto
	Colors, DarkColors Palette
	Font               string // families, separated by commas
	TextSize           int    // in CSS pixels; 0 where not said
	Radius             int    // in CSS pixels; see Site.Written where it is 0
}

// Identity says how a proxy learns who is signed in. Its id is never kept, but for a keyed
// hash, and never leaves for a third party.
type Identity struct {
	Field string // where it is declared
	URL   string // a path of the site; "" for none
	Name  string // where the id stands in its answer: "user.id"
}

// Enforcement says how strictly pages are kept to the choice, beyond what always is.
type Enforcement struct {
	Mode       EnforcementMode
	Undeclared Enforced // of cookies that are not declared: pass, report or block
	Seal       Enforced // of what pages load: off, report or block
	Storage    Enforced // of keys that the site's own scripts write: off, report or block
	Cacheable  bool     // pages are the same for all visitors
}

// An EnforcementMode says whether traffic is changed at all.
type EnforcementMode string

// The modes.
const (
	ModeEnforce EnforcementMode = "enforce"
	ModeObserve EnforcementMode = "observe" // nothing is changed; what would be is told
)

// Enforced is what happens to what is not allowed.
type Enforced string

// What happens.
const (
	EnforceOff    Enforced = "off"
	EnforcePass   Enforced = "pass"   // as it came, for what comes from the site
	EnforceReport Enforced = "report" // it is told, and done
	EnforceBlock  Enforced = "block"  // it is told, and not done
)

// A Theme is a look that Témoin brings for notices.
type Theme string

// The themes.
const (
	ThemeNeutral Theme = "neutral"
	ThemeCompact Theme = "compact"
	ThemeDSFR    Theme = "dsfr" // the measures of the French State's design system
)

// A ColorScheme says whether a notice is light or dark.
type ColorScheme string

// The color schemes.
const (
	SchemeAuto  ColorScheme = "auto" // as the visitor's system is set
	SchemeLight ColorScheme = "light"
	SchemeDark  ColorScheme = "dark"
)

// A Palette is colors as "#rgb" or "#rrggbb", "" where not said.
type Palette struct{ Paper, Ink, Accent, OnAccent, Line string }

// Proof says how long the proof of a choice is kept, and what holds it against the
// operator.
type Proof struct {
	Kept       Period
	Because    Text
	Recipients Text
	Anchors    []ProofAnchor // none: nothing but the operator's word stands against a log that is rewritten
}

// A ProofAnchor is a place outside the operator's hands in which the state of the
// log is fixed.
type ProofAnchor struct {
	Kind AnchorKind
	Name string // of the place, as readers are told it
}

// An AnchorKind is a way to fix the state of the log outside.
type AnchorKind string

// The kinds of anchors.
const (
	AnchorTimestamp AnchorKind = "timestamp"
	AnchorWitness   AnchorKind = "witness"
	AnchorDirectory AnchorKind = "directory"
	AnchorGit       AnchorKind = "git"
)

// Kept says how long Témoin keeps what is not proof of a choice.
type Kept struct{ Requests, Reports, Mail Period }

// Audience says how the audience is measured without identifiers.
type Audience struct {
	Field     string
	Source    string // "logs", "pages" or "" for none
	Exemption bool   // the exemption for audience measurement is claimed
	Purposes  []string
	Kept      Period // the statistics
	OptOut    bool
	Threshold int // counts below it are hidden
	Text      Text
}

// Logs says what the servers record about requests.
type Logs struct {
	Field   string
	Kept    Period
	Purpose Text
	Content Text
}

// A Browser is guidance for one browser, where the operator's words replace
// Témoin's.
type Browser struct {
	ID   string
	Name Text
	Text Text
	URL  Text
}

// App is the site's native app.
type App struct {
	Field   string
	Name    string
	Cookies bool // it uses web cookies
	Text    Text
}

// AllHosts returns the hosts of the site, the main one first.
func (s *Site) AllHosts() []string { return append([]string{s.Host}, s.Hosts...) }

// RegistrableDomain returns the domain under which the main host was
// registered: "example.com" for "www.example.com".
func (s *Site) RegistrableDomain() string { return registrable(s.Host) }

// Default returns the default language.
func (s *Site) Default() string { return s.Langs[0] }

// Category returns the category with that id, nil if there is none.
func (s *Site) Category(id string) *Category {
	for _, c := range s.Categories {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// Service returns the service with that id, nil if there is none.
func (s *Site) Service(id string) *Service {
	for _, v := range s.Services {
		if v.ID == id {
			return v
		}
	}
	return nil
}

// Position returns where a field's value stands in the manifest. A field that
// is not written stands where the nearest field around it does.
func (s *Site) Position(path string) Position {
	for {
		if p, ok := s.positions[path]; ok {
			// The value of a mapping or list begins on a later line: the key names it.
			return p.key
		}
		i := strings.LastIndexAny(path, ".[")
		if i < 0 {
			return Position{1, 1}
		}
		path = path[:i]
	}
}

// Written reports whether the manifest itself has that field.
func (s *Site) Written(path string) bool {
	_, ok := s.positions[path]
	return ok
}
