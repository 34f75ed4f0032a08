package register

import (
	_ "embed"
	"encoding/json"

	"github.com/temoin/temoin/policy"
)

// TS27560SchemaID identifies the schema of [TS27560]. It is a name only.
const TS27560SchemaID = "urn:temoin:schema:consent-record:1"

//go:embed ts27560.schema.json
var ts27560Schema string

// TS27560Schema returns the JSON Schema (2020-12) of what [TS27560] writes.
func TS27560Schema() []byte { return []byte(ts27560Schema) }

// The structure of a consent record. Names are those of the fields of ISO/IEC TS
// 27560:2023 as the W3C's DPV guide names them; docs/records.md says which were
// added. What must be there is a field without omitempty.
type (
	tsRecord struct {
		Schema     string       `json:"$schema"`
		Header     tsHeader     `json:"header"`
		Processing tsProcessing `json:"processing"`
		PII        []tsPII      `json:"pii"`
		Party      []tsParty    `json:"party"`
		Event      []tsEvent    `json:"event"`
	}
	tsHeader struct {
		SchemaVersion string `json:"schema_version"`
		RecordID      string `json:"record_id"`
		PrincipalID   string `json:"pii_principal_id"`
		Replaces      string `json:"replaces,omitempty"`
	}
	tsProcessing struct {
		Notice       tsNotice       `json:"privacy_notice"`
		Language     string         `json:"language"`
		Controllers  []string       `json:"pii_controllers"`
		Jurisdiction []string       `json:"jurisdiction"`
		Withdrawal   string         `json:"withdrawal_method"`
		Rights       []policy.Right `json:"privacy_rights"`
		Authority    string         `json:"authority_party,omitempty"`
		Purposes     []tsPurpose    `json:"purposes"`
	}
	tsNotice struct {
		ID            string `json:"id"`
		PolicyVersion string `json:"policy_version"`
		PolicyHash    string `json:"policy_hash"`
	}
	tsPurpose struct {
		ID         string       `json:"purpose_id"`
		Purpose    string       `json:"purpose"`
		Basis      policy.Basis `json:"lawful_basis"`
		Services   []tsService  `json:"service,omitempty"`
		PII        []string     `json:"pii_information"`
		Storage    []tsStorage  `json:"storage_locations"`
		Retention  []tsKept     `json:"retention_period"`
		Recipients []string     `json:"recipient_third_parties"`
	}
	tsService struct {
		ID      string `json:"id"`
		Name    string `json:"name"`
		Purpose string `json:"purpose,omitempty"`
	}
	tsPII struct {
		ID      string `json:"pii_attribute_id"`
		Type    string `json:"pii_type"`
		Purpose string `json:"purpose,omitempty"`
	}
	tsStorage struct {
		PII      string `json:"pii_attribute_id"`
		Location string `json:"location"`
	}
	tsKept struct {
		PII    string `json:"pii_attribute_id"`
		When   string `json:"when,omitempty"`
		Period string `json:"period"`
	}
	tsParty struct {
		ID        string             `json:"party_id"`
		Type      string             `json:"party_type"`
		Role      string             `json:"party_role"`
		Name      string             `json:"party_name"`
		Address   string             `json:"party_address"`
		Contact   string             `json:"party_contact"`
		Email     string             `json:"party_email,omitempty"`
		Phone     string             `json:"party_phone,omitempty"`
		URL       string             `json:"party_url,omitempty"`
		Country   string             `json:"country,omitempty"`
		Transfers []policy.Mechanism `json:"transfers,omitempty"`
	}
	tsEvent struct {
		Time     string   `json:"event_time"`
		Validity string   `json:"validity_duration"`
		Entity   string   `json:"entity_id"`
		Type     string   `json:"event_type"`
		State    State    `json:"event_state"`
		Purposes []string `json:"purposes"`
		Method   Action   `json:"expression_method"`
		Imported string   `json:"imported,omitempty"`
		Scope    string   `json:"scope"`
		Signals  Signals  `json:"signals"`
	}
)

const (
	controllerID = "controller"
	authorityID  = "authority"
)

// TS27560 writes a record as one consent record in the structure of ISO/IEC TS
// 27560:2023. The site is the version that the record names. A record in which
// nothing depended on consent is none: ErrPreference.
func TS27560(r *Record, site *policy.Site) ([]byte, error) {
	x, err := explain(r, site)
	if err != nil {
		return nil, err
	}
	out := &tsRecord{
		Schema: TS27560SchemaID,
		// A visitor is known by nothing but their record: its id stands for them.
		Header: tsHeader{SchemaVersion: TS27560SchemaID, RecordID: r.ID, PrincipalID: r.ID, Replaces: r.Replaces},
		Processing: tsProcessing{
			Notice: tsNotice{declared(x.notice()), declared(r.Policy.Version), r.Policy.Hash}, Language: declared(r.Language),
			Controllers: []string{controllerID}, Jurisdiction: r.Jurisdictions, Withdrawal: declared(x.address(r.Withdraw)), Rights: x.rights(),
		},
		PII:   []tsPII{},
		Party: []tsParty{x.controller()},
		Event: x.events(),
	}
	if len(r.Jurisdictions) == 0 {
		out.Processing.Jurisdiction = []string{NotDeclared}
	}
	for i := range x.subjects {
		x.purpose(out, &x.subjects[i])
	}
	if a := site.Authority; !a.Name.IsZero() {
		out.Processing.Authority = authorityID
		name, _ := x.text(a.Name)
		out.Party = append(out.Party, tsParty{
			ID: authorityID, Type: "authority", Role: "authority", Name: name,
			Address: NotDeclared, Contact: declared(x.link(a.Complaint)), URL: x.link(a.URL),
		})
	}
	return json.Marshal(out)
}

func (x *explained) controller() tsParty {
	c := &x.site.Controller
	return tsParty{
		ID: controllerID, Type: "controller", Role: "controller", Name: declared(x.Controller.Name), Address: declared(c.Address),
		Contact: declared(x.contact()), Email: c.Email, Phone: c.Phone, URL: c.URL, Country: x.Controller.Country,
	}
}

// basis is that of what is done with the data afterwards: consent, unless the
// policy says otherwise.
func (s *subject) basis() policy.Basis {
	if s.category.Basis != "" {
		return s.category.Basis
	}
	return policy.BasisConsent
}

// purpose adds a subject with its data and recipients.
func (x *explained) purpose(out *tsRecord, s *subject) {
	text, _ := x.text(s.category.Purpose)
	p := tsPurpose{
		ID: s.id, Purpose: declared(text), Basis: s.basis(), PII: []string{}, Storage: []tsStorage{}, Retention: []tsKept{}, Recipients: []string{},
	}
	for _, v := range s.services {
		name, _ := x.text(v.Name)
		does, _ := x.text(v.Purpose)
		p.Services = append(p.Services, tsService{v.ID, declared(name), does})
		if v.SelfHosted {
			continue
		}
		sends, _ := x.text(v.Sends)
		x.data(out, &p, tsPII{ID: "service:" + v.ID, Type: declared(sends)}, NotDeclared, nil)
	}
	for _, t := range s.trackers {
		content, _ := x.text(t.Content)
		does, _ := x.text(t.Purpose)
		where := "the visitor's browser"
		if t.Storage == policy.Pixel { // it is sent, not kept
			where = NotDeclared
		}
		x.data(out, &p, tsPII{string(t.Storage) + ":" + t.String(), declared(content), does}, where, t.Lasts)
	}
	for _, r := range s.recipients() {
		p.Recipients = append(p.Recipients, "recipient:"+r.id)
		out.Party = append(out.Party, x.party(r))
	}
	out.Processing.Purposes = append(out.Processing.Purposes, p)
}

// data adds one kind of data to the record, and where and how long it is kept.
func (x *explained) data(out *tsRecord, p *tsPurpose, d tsPII, where string, lasts policy.Lifetimes) {
	out.PII = append(out.PII, d)
	p.PII = append(p.PII, d.ID)
	p.Storage = append(p.Storage, tsStorage{d.ID, where})
	for _, v := range lasts {
		p.Retention = append(p.Retention, tsKept{d.ID, v.When, declared(period(v.Lifetime))})
	}
	if len(lasts) == 0 {
		p.Retention = append(p.Retention, tsKept{PII: d.ID, Period: NotDeclared})
	}
}

// period is a length of time in ISO 8601, or what ends it.
func period(l policy.Lifetime) string {
	if l.Kind == policy.For {
		return l.Period.ISO8601()
	}
	return string(l.Kind)
}

// party is a recipient. A country is where it is established, not where data is.
func (x *explained) party(r recipient) tsParty {
	p := tsParty{
		ID: "recipient:" + r.id, Type: "recipient", Role: declared(string(r.role)), Name: declared(r.Name),
		Address: declared(r.Address), Contact: NotDeclared, URL: x.link(r.Privacy), Country: r.Country,
	}
	for _, t := range r.Transfers {
		p.Transfers = append(p.Transfers, t.Mechanism)
	}
	return p
}

// events are what the visitor did: one event for each state, with the purposes that
// it is about.
func (x *explained) events() []tsEvent {
	kind := "expressed" // by an act of the visitor on a notice
	if x.Action == Imported {
		kind = NotDeclared // how another system asked
	}
	var list []tsEvent
	for _, state := range []State{Given, Refused, Withdrawn} {
		e := tsEvent{
			Time: x.Time, Validity: x.Time + "/" + x.Ends, Entity: x.ID, Type: kind, State: state,
			Method: x.Action, Imported: x.Imported, Scope: x.Scope, Signals: x.Signals,
		}
		for i := range x.subjects {
			if x.stateOf(&x.subjects[i]) == state {
				e.Purposes = append(e.Purposes, x.subjects[i].id)
			}
		}
		if len(e.Purposes) > 0 {
			list = append(list, e)
		}
	}
	return list
}
