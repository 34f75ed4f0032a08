package document

import (
	"encoding/json"

	"github.com/temoin/temoin/policy"
)

// A jsonPolicy is the whole document. In it and in all that it holds, a field
// that is absent is one of which the page says nothing: false would be a claim.
type jsonPolicy struct {
	Schema     string          `json:"$schema"`
	Format     string          `json:"format"`
	Context    json.RawMessage `json:"@context"`
	Type       string          `json:"@type"`
	Site       jsonSite        `json:"site"`
	Language   string          `json:"language"`
	Languages  []string        `json:"languages"`
	Title      *jsonText       `json:"title"`
	Subtitle   *jsonText       `json:"subtitle,omitempty"`
	Version    string          `json:"version,omitempty"`
	Updated    string          `json:"updated,omitempty"`
	Effective  string          `json:"effective,omitempty"`
	Reviewed   string          `json:"reviewed,omitempty"`
	Review     string          `json:"review,omitempty"`
	Superseded *jsonSuperseded `json:"superseded,omitempty"`

	Controller *jsonController `json:"controller,omitempty"`
	Contacts   *jsonContacts   `json:"contacts,omitempty"`
	Authority  *jsonAuthority  `json:"authority,omitempty"`

	Categories []jsonCategory `json:"categories,omitzero"`
	Trackers   []jsonTracker  `json:"trackers,omitzero"`
	Services   []jsonService  `json:"services,omitzero"`
	Trusted    []jsonTrusted  `json:"trusted_hosts,omitzero"`
	Promises   []jsonPromise  `json:"promises,omitzero"`

	Choice *jsonChoice `json:"choice,omitempty"`
	Notice *jsonNotice `json:"notice,omitempty"`

	Records  []jsonRecord  `json:"records,omitzero"`
	Proof    *jsonProof    `json:"proof,omitempty"`
	Logs     *jsonLogs     `json:"logs,omitempty"`
	Audience *jsonAudience `json:"audience,omitempty"`

	Rights    []policy.Right `json:"rights,omitzero"`
	Automated *jsonAutomated `json:"automated_decisions,omitempty"`
	Minors    *jsonMinors    `json:"minors,omitempty"`
	App       *jsonApp       `json:"app,omitempty"`

	Law      []jsonLaw      `json:"law,omitzero"`
	Hosting  *jsonHosting   `json:"hosting,omitempty"`
	Links    *jsonLinks     `json:"links,omitempty"`
	Announce *jsonAnnounce  `json:"announced_changes,omitempty"`
	History  []jsonRevision `json:"history,omitzero"`
}

// A jsonText is words for people. Lang is given where they are not in the
// document's language.
type jsonText struct {
	Text string `json:"text"`
	Lang string `json:"lang,omitempty"`
}

// A jsonLink is an address, which may differ from language to language. One
// that begins with "/" is on the site.
type jsonLink struct {
	URL  string `json:"url"`
	Lang string `json:"lang,omitempty"`
}

type jsonSite struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	URL   string   `json:"url"`
	Hosts []string `json:"hosts"` // all of them, the main one first
}

type jsonSuperseded struct {
	By  string `json:"by"`
	URL string `json:"url,omitempty"`
}

type jsonController struct {
	Name    string `json:"name,omitempty"`
	Form    string `json:"form,omitempty"`
	SIREN   string `json:"siren,omitempty"`
	Address string `json:"address,omitempty"`
	Country string `json:"country,omitempty"`
	Email   string `json:"email,omitempty"`
	Phone   string `json:"phone,omitempty"`
	URL     string `json:"url,omitempty"`
}

type jsonContacts struct {
	DPO     *jsonMailbox `json:"dpo,omitempty"`
	General *jsonMailbox `json:"general,omitempty"`
	Support *jsonMailbox `json:"support,omitempty"`
}

type jsonMailbox struct {
	Name    string    `json:"name,omitempty"`
	Email   string    `json:"email,omitempty"`
	Form    *jsonLink `json:"form,omitempty"`
	Address string    `json:"address,omitempty"`
	Phone   string    `json:"phone,omitempty"`
	Subject *jsonText `json:"subject,omitempty"`
	Within  string    `json:"answers_within,omitempty"`
	Helps   *jsonText `json:"helps_with,omitempty"`
}

type jsonAuthority struct {
	ID        string    `json:"id,omitempty"`
	Name      *jsonText `json:"name"`
	Site      *jsonLink `json:"site,omitempty"`
	Complaint *jsonLink `json:"complaint,omitempty"`
}

type jsonCategory struct {
	ID          string        `json:"id"`
	Title       *jsonText     `json:"title"`
	Purpose     *jsonText     `json:"purpose,omitempty"`
	Ground      policy.Ground `json:"ground"`
	InUse       bool          `json:"in_use"`
	Basis       policy.Basis  `json:"basis,omitempty"`
	BasisNote   *jsonText     `json:"basis_note,omitempty"`
	Benefits    []*jsonText   `json:"benefits,omitempty"`
	Optional    bool          `json:"optional,omitempty"`
	Profiling   bool          `json:"profiling,omitempty"`
	Advertising bool          `json:"advertising,omitempty"`
	Accepted    *jsonText     `json:"if_accepted,omitempty"`
	Refused     *jsonText     `json:"if_refused,omitempty"`
	Blocked     *jsonText     `json:"if_blocked,omitempty"`
	Fingerprint string        `json:"fingerprint,omitempty"`
}

type jsonTracker struct {
	Name       string          `json:"name,omitempty"`
	Pattern    bool            `json:"pattern"`
	Label      *jsonText       `json:"label,omitempty"`
	Also       []string        `json:"also,omitempty"`
	Storage    policy.Storage  `json:"storage"`
	Category   string          `json:"category"`
	Service    string          `json:"service,omitempty"`
	Shared     []string        `json:"shared,omitempty"`
	Origin     policy.Origin   `json:"origin"`
	Purpose    *jsonText       `json:"purpose,omitempty"`
	Lifetimes  []jsonLifetime  `json:"lifetimes"`
	Sliding    bool            `json:"sliding,omitempty"`
	Party      policy.Party    `json:"party"`
	Domain     string          `json:"domain,omitempty"`
	Attributes *jsonAttributes `json:"attributes,omitempty"`
	Exempt     bool            `json:"exempt"`
	Reason     policy.Reason   `json:"reason,omitempty"`
	Because    *jsonText       `json:"because,omitempty"`
	Act        *jsonText       `json:"act,omitempty"`
	Content    *jsonText       `json:"content,omitempty"`
	Basis      policy.Basis    `json:"basis,omitempty"`
}

type jsonLifetime struct {
	When     string `json:"when,omitempty"`
	Kind     string `json:"kind"`
	Duration string `json:"duration,omitempty"`
}

// jsonAttributes are those that the manifest or the catalogue states.
type jsonAttributes struct {
	Path        string `json:"path,omitempty"`
	HTTPOnly    bool   `json:"http_only,omitempty"`
	Secure      bool   `json:"secure,omitempty"`
	SameSite    string `json:"same_site,omitempty"`
	Partitioned bool   `json:"partitioned,omitempty"`
}

type jsonService struct {
	ID         string       `json:"id"`
	Name       *jsonText    `json:"name"`
	Catalogue  string       `json:"catalogue,omitempty"`
	Category   string       `json:"category"`
	Purpose    *jsonText    `json:"purpose,omitempty"`
	SelfHosted bool         `json:"self_hosted,omitempty"`
	Loads      policy.Loads `json:"loads,omitempty"`
	Paths      []string     `json:"paths,omitempty"`
	Click      bool         `json:"click,omitempty"`
	Because    *jsonText    `json:"because,omitempty"`
	Provider   *jsonEntity  `json:"provider,omitempty"`
	Recipients []jsonEntity `json:"recipients,omitempty"`
	Sends      *jsonText    `json:"sends,omitempty"`
	Hosts      []string     `json:"hosts,omitempty"`
	Settings   *jsonText    `json:"settings,omitempty"`
	OptOut     *jsonLink    `json:"opt_out,omitempty"`
	Incomplete bool         `json:"incomplete,omitempty"`
}

type jsonEntity struct {
	Name      string         `json:"name,omitempty"`
	Country   string         `json:"country,omitempty"`
	Role      policy.Role    `json:"role,omitempty"` // of a provider
	Privacy   *jsonLink      `json:"privacy,omitempty"`
	Transfers []jsonTransfer `json:"transfers,omitempty"`
}

type jsonTransfer struct {
	Mechanism  policy.Mechanism `json:"mechanism"`
	Module     int              `json:"module,omitempty"`
	Assessment string           `json:"assessment,omitempty"`
	Checked    string           `json:"checked,omitempty"`
	Copy       *jsonLink        `json:"copy,omitempty"`
}

type jsonTrusted struct {
	Host    string    `json:"host"`
	Because *jsonText `json:"because,omitempty"`
}

type jsonPromise struct {
	ID        string             `json:"id"`
	Known     bool               `json:"known"`
	Kind      policy.PromiseKind `json:"kind,omitempty"`
	Statement *jsonText          `json:"statement"`
	Max       string             `json:"max,omitempty"`
	Service   string             `json:"service,omitempty"`
	Category  string             `json:"category,omitempty"`
	Attested  *jsonAttested      `json:"attested,omitempty"`
}

type jsonAttested struct {
	What     *jsonText `json:"what,omitempty"`
	By       string    `json:"by,omitempty"`
	Date     string    `json:"date,omitempty"`
	Document string    `json:"document,omitempty"`
	Review   string    `json:"review,omitempty"`
}

type jsonChoice struct {
	Cookie   string             `json:"cookie"`
	Lasts    string             `json:"lasts"`
	Scope    policy.ChoiceScope `json:"scope,omitempty"`
	Conflict string             `json:"conflict,omitempty"`
	Domain   string             `json:"domain,omitempty"`
	Reopen   []jsonReopening    `json:"reopen,omitempty"`
}

type jsonReopening struct {
	Where  string    `json:"where"`
	Path   string    `json:"path,omitempty"`
	Label  *jsonText `json:"label,omitempty"`
	Signed bool      `json:"signed_in,omitempty"`
	Banner bool      `json:"reopens_banner,omitempty"`
}

type jsonNotice struct {
	Mode policy.NoticeMode `json:"mode"`
	Says *jsonText         `json:"says,omitempty"`
}

type jsonRecord struct {
	ID    string       `json:"id"`
	Basis policy.Basis `json:"basis"`
	Kept  string       `json:"kept,omitempty"`
	From  policy.Event `json:"from"`
	By    string       `json:"by"`
}

type jsonProof struct {
	Because    *jsonText `json:"because,omitempty"`
	Recipients *jsonText `json:"recipients,omitempty"`

	Anchors []jsonAnchor `json:"anchors,omitempty"`
}

type jsonAnchor struct {
	Kind policy.AnchorKind `json:"kind"`
	Name string            `json:"name"`
}

type jsonLogs struct {
	Kept    string    `json:"kept"`
	Purpose *jsonText `json:"purpose,omitempty"`
	Content *jsonText `json:"content,omitempty"`
}

type jsonAudience struct {
	Source    string    `json:"source"`
	Exemption bool      `json:"exemption,omitempty"`
	Purposes  []string  `json:"purposes,omitempty"`
	Kept      string    `json:"kept,omitempty"`
	OptOut    bool      `json:"opt_out,omitempty"`
	Threshold int       `json:"threshold,omitempty"`
	How       *jsonText `json:"how,omitempty"`
}

type jsonAutomated struct {
	None  bool      `json:"none,omitempty"`
	Which *jsonText `json:"which,omitempty"`
}

type jsonMinors struct {
	ConsentAge int       `json:"consent_age,omitempty"`
	Summary    *jsonText `json:"summary,omitempty"`
}

type jsonApp struct {
	Name    string    `json:"name,omitempty"`
	Cookies *bool     `json:"cookies,omitempty"`
	Says    *jsonText `json:"says,omitempty"`
}

type jsonLaw struct {
	ID   string    `json:"id,omitempty"`
	Name *jsonText `json:"name"`
	Read *jsonLink `json:"read,omitempty"`
}

type jsonHosting struct {
	jsonEntity
	Address string `json:"address,omitempty"`
}

type jsonLinks struct {
	Privacy *jsonLink `json:"privacy,omitempty"`
	Legal   *jsonLink `json:"legal,omitempty"`
	Terms   *jsonLink `json:"terms,omitempty"`
}

type jsonAnnounce struct {
	By     []policy.Channel `json:"by"`
	Before string           `json:"before,omitempty"`
}

type jsonRevision struct {
	Version string    `json:"version"`
	Date    string    `json:"date"`
	Changes *jsonText `json:"changes,omitempty"`
}
