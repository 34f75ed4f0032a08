package register

import (
	"encoding/json"

	"github.com/temoin/temoin/policy"
)

// A node is one of JSON-LD. Keys are written in alphabetical order: the same record
// is the same bytes.
type node = map[string]any

// dpvContext are the vocabularies. docs/records.md lists every term with its IRI.
func dpvContext() node {
	return node{
		"dpv": "https://w3id.org/dpv#", "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#", "loc": "https://w3id.org/dpv/loc#",
		"dct": "http://purl.org/dc/terms/", "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "xsd": "http://www.w3.org/2001/XMLSchema#",
	}
}

// dpvBasis is the term of a legal basis.
func dpvBasis(b policy.Basis) node {
	return term(map[policy.Basis]string{
		policy.BasisConsent: "eu-gdpr:A6-1-a", policy.BasisContract: "eu-gdpr:A6-1-b",
		policy.BasisLegalObligation: "eu-gdpr:A6-1-c", policy.BasisLegitimateInterest: "eu-gdpr:A6-1-f",
	}[b])
}

// dpvRight is the term of a right.
func dpvRight(r policy.Right) node {
	return term(map[policy.Right]string{
		policy.RightAccess: "eu-gdpr:A15", policy.RightRectification: "eu-gdpr:A16", policy.RightErasure: "eu-gdpr:A17",
		policy.RightRestriction: "eu-gdpr:A18", policy.RightPortability: "eu-gdpr:A20", policy.RightObjection: "eu-gdpr:A21",
		policy.RightNoAutomation: "eu-gdpr:A22", policy.RightWithdraw: "eu-gdpr:A7-3",
		policy.RightAfterDeath: "dpv:DataSubjectRight", // of French law: it has no term of its own
	}[r])
}

// dpvRole is the type of a recipient, as in the policy for programs.
func dpvRole(r policy.Role) string {
	switch r {
	case policy.RoleProcessor:
		return "dpv:DataProcessor"
	case policy.RoleJoint:
		return "dpv:JointDataControllers"
	case policy.RoleController:
		return "dpv:DataController"
	}
	return "dpv:Recipient"
}

func dpvState(s State) string {
	switch s {
	case Given:
		return "dpv:ConsentGiven"
	case Withdrawn:
		return "dpv:ConsentWithdrawn"
	}
	return "dpv:ConsentRefused"
}

func term(id string) node { return node{"@id": id} }

func typed(value, kind string) node { return node{"@value": value, "@type": kind} }

// set adds what is said; what is not said is absent.
func set(n node, key, value string) {
	if value != "" {
		n[key] = value
	}
}

// says adds a text with its language.
func (x *explained) says(n node, key string, t policy.Text) {
	text, lang := x.text(t)
	switch {
	case text == "":
	case lang == "":
		n[key] = text
	default:
		n[key] = node{"@value": text, "@language": lang}
	}
}

// all are the nodes of a list.
func all[T any](list []T, one func(T) node) []node {
	out := make([]node, 0, len(list))
	for _, v := range list {
		out = append(out, one(v))
	}
	return out
}

// country is the term of a country: loc has all of ISO 3166-1.
func country(code string) node { return term("loc:" + code) }

// DPV writes a record as JSON-LD with the terms of the W3C community group's Data
// Privacy Vocabulary. The site is the version that the record names. A record in
// which nothing depended on consent is none: ErrPreference.
func DPV(r *Record, site *policy.Site) ([]byte, error) {
	x, err := explain(r, site)
	if err != nil {
		return nil, err
	}
	n := node{
		"@context": dpvContext(), "@id": "urn:uuid:" + r.ID, "@type": "dpv:ConsentRecord", "dpv:hasIdentifier": r.ID,
		"dpv:hasDataSubject":    node{"@type": "dpv:DataSubject", "dpv:hasIdentifier": r.ID},
		"dpv:hasDataController": x.dpvController(), "dpv:hasNotice": x.dpvNotices(), "dpv:hasRight": all(x.rights(), dpvRight),
	}
	if r.Replaces != "" {
		n["dct:replaces"] = term("urn:uuid:" + r.Replaces)
	}
	if len(r.Jurisdictions) > 0 {
		n["dpv:hasJurisdiction"] = all(r.Jurisdictions, country)
	}
	if at := x.address(r.Withdraw); at != "" {
		n["dpv:hasConsentControl"] = node{"@type": "dpv:WithdrawConsent", "dpv:isExercisedAt": term(at)}
	}
	if a := site.Authority; !a.Name.IsZero() {
		authority := node{"@type": "dpv:Authority"}
		x.says(authority, "dpv:hasName", a.Name)
		set(authority, "dpv:hasContact", x.link(a.Complaint))
		n["dpv:hasAuthority"] = authority
	}
	x.dpvProcesses(n)
	return json.Marshal(n)
}

func (x *explained) dpvController() node {
	n := node{"@type": "dpv:DataController"}
	set(n, "dpv:hasName", x.Controller.Name)
	set(n, "dpv:hasIdentifier", x.Controller.SIREN)
	set(n, "dpv:hasAddress", x.site.Controller.Address)
	set(n, "dpv:hasContact", x.contact())
	if x.Controller.Country != "" {
		n["dpv:hasCountry"] = country(x.Controller.Country)
	}
	return n
}

// dpvNotices are the notice that was shown, by its hash, and the policy behind it.
func (x *explained) dpvNotices() []node {
	ids := []string{"sha256:" + x.Policy.Hash}
	if x.Policy.Version != "" {
		ids = append(ids, x.Policy.Version)
	}
	notices := []node{{"@type": "dpv:PrivacyNotice", "dpv:hasIdentifier": ids}}
	if id := x.notice(); id != "" {
		n := node{"@type": "dpv:ConsentNotice", "dpv:hasIdentifier": id}
		set(n, "dct:language", x.Language)
		notices = append(notices, n)
	}
	return notices
}

// dpvProcesses adds what the event is about. Where it means the same for all of
// that, the record has the status; else each process has its own and the record has
// none, so that nobody reads a yes to one of them as a yes to all.
func (x *explained) dpvProcesses(n node) {
	var list []node
	state, same := x.stateOf(&x.subjects[0]), true
	for i := range x.subjects {
		s := &x.subjects[i]
		same = same && x.stateOf(s) == state
		list = append(list, x.dpvProcess(s))
	}
	if same {
		n["dpv:hasConsentStatus"] = x.dpvStatus(state)
	} else {
		for i := range list {
			list[i]["dpv:hasConsentStatus"] = x.dpvStatus(x.stateOf(&x.subjects[i]))
		}
	}
	n["dpv:hasProcess"] = list
}

func (x *explained) dpvStatus(s State) node {
	return node{
		"@type": dpvState(s), "dpv:isIndicatedAtTime": typed(x.Time, "xsd:dateTime"), "dpv:isIndicatedBy": term("dpv:DataSubject"),
		"dpv:hasIndicationMethod": string(x.Action),
		"dpv:hasDuration":         node{"@type": "dpv:UntilTimeDuration", "rdf:value": typed(x.Ends, "xsd:dateTime")},
	}
}

func (x *explained) dpvProcess(s *subject) node {
	n := node{"@type": "dpv:Process", "dpv:hasIdentifier": s.id, "dpv:hasLegalBasis": dpvBasis(s.basis())}
	purpose := node{"@type": "dpv:Purpose"}
	if x.says(purpose, "dct:description", s.category.Purpose); len(purpose) > 1 {
		n["dpv:hasPurpose"] = purpose
	}
	if len(s.services) > 0 {
		n["dpv:hasService"] = all(s.services, x.dpvService)
	}
	if list := s.recipients(); len(list) > 0 {
		n["dpv:hasRecipient"] = all(list, x.dpvRecipient)
	}
	return n
}

func (x *explained) dpvService(s *policy.Service) node {
	n := node{"@type": "dpv:Service", "dpv:hasIdentifier": s.ID}
	x.says(n, "dct:title", s.Name)
	x.says(n, "dct:description", s.Purpose)
	return n
}

func (x *explained) dpvRecipient(r recipient) node {
	n := node{"@type": dpvRole(r.role), "dpv:hasIdentifier": r.id}
	set(n, "dpv:hasName", r.Name)
	set(n, "dpv:hasAddress", r.Address)
	if r.Country != "" {
		n["dpv:hasCountry"] = country(r.Country)
	}
	return n
}
