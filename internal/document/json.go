package document

import (
	_ "embed"
	"encoding/json"
	"slices"
	"sync"

	"github.com/temoin/temoin/internal/lang"
	"github.com/temoin/temoin/internal/wording"
	"github.com/temoin/temoin/policy"
)

// JSONFormat names the format of [Document.JSON]. A field that is added keeps
// the number; one that is renamed, removed or means something else raises it.
const JSONFormat = "temoin-policy/1"

// JSONSchemaID identifies the schema of that format. It is a name only: nothing
// is to be fetched from it.
const JSONSchemaID = "urn:temoin:schema:policy:1"

//go:embed policy.schema.json
var jsonSchema string

// JSONSchema returns the JSON Schema (2020-12) of what [Document.JSON] writes.
func JSONSchema() []byte { return []byte(jsonSchema) }

// jsonContext is the JSON-LD context of every document. The schema holds it as
// a constant, so that it stands in one place and no other one is valid.
var jsonContext = sync.OnceValue(func() json.RawMessage {
	var s struct {
		Properties struct {
			Context struct{ Const json.RawMessage } `json:"@context"`
		}
	}
	if err := json.Unmarshal([]byte(jsonSchema), &s); err != nil || s.Properties.Context.Const == nil {
		panic("document: policy.schema.json holds no @context") // an embedded file
	}
	return s.Properties.Context.Const
})

// JSON writes the policy for programs: the same facts as the page, one object,
// described by [JSONSchema] and docs/policy-json.md. It is compact, and the same
// policy is the same bytes.
//
// It says nothing that the page does not say in words, but for identifiers,
// hashes and what any browser can see (hosts of the site, attributes of
// cookies). What stands only in a section that the operator keeps bare is left
// out.
func (d *Document) JSON() ([]byte, error) {
	words, err := wording.For(d.Site, d.Lang.Tag)
	if err != nil {
		return nil, err
	}
	w := &jsonWriter{Words: words, site: d.Site}
	p := &jsonPolicy{
		Schema: JSONSchemaID, Format: JSONFormat, Context: jsonContext(), Type: "dpv:PrivacyNotice",
		Title: w.line(d.Title), Subtitle: w.line(d.Subtitle), Superseded: inForce(d.Old),
	}
	w.identity(p)
	w.use(p)
	w.choosing(p)
	w.keeping(p)
	w.people(p)
	w.papers(p)
	return json.Marshal(p) // "<", ">" and "&" are escaped: safe inside a script element too
}

// A jsonWriter collects what the page says.
type jsonWriter struct {
	*wording.Words
	site *policy.Site
}

// says reports whether the page has Témoin's part of any of these sections.
// What stands in none of them is not on the page.
func (w *jsonWriter) says(sections ...string) bool {
	return slices.ContainsFunc(sections, func(id string) bool { return !w.site.Page.Section(id).Bare })
}

// line is what a line of the page says; nil for none. Its language is named
// where all of it is in the same other one.
func (w *jsonWriter) line(l wording.Line) *jsonText {
	if l.IsZero() {
		return nil
	}
	t := &jsonText{Text: l.String(), Lang: l[0].Lang}
	if slices.ContainsFunc(l, func(s wording.Span) bool { return s.Lang != t.Lang }) {
		t.Lang = ""
	}
	return t
}

// text is a text of the operator in one line.
func (w *jsonWriter) text(t policy.Text) *jsonText { return w.line(w.Words.Text("", t)) }

// paragraphs is a text of the operator whose paragraphs are kept apart.
func (w *jsonWriter) paragraphs(t policy.Text) *jsonText {
	var out *jsonText
	for _, l := range w.Paragraphs("", t) {
		p := w.line(l)
		if out == nil {
			out = p
			continue
		}
		out.Text += "\n\n" + p.Text
	}
	return out
}

// items is a text of the operator that is a list.
func (w *jsonWriter) items(t policy.Text) []*jsonText {
	var out []*jsonText
	for _, l := range w.Items("", t) {
		out = append(out, w.line(l))
	}
	return out
}

// link is an address in the language of the page, else in the one that the
// page takes it from.
func (w *jsonWriter) link(t policy.Text) *jsonLink {
	address, in := t.Choose(slices.Concat([]string{w.Lang.Tag}, w.site.Langs, []string{lang.Reference})...)
	if address == "" {
		return nil
	}
	if in == w.Lang.Tag {
		in = ""
	}
	return &jsonLink{address, in}
}

// inForce reads off the page's warning which version is in force, and where.
func inForce(warning []wording.Line) *jsonSuperseded {
	var out jsonSuperseded
	for _, l := range warning {
		for _, s := range l {
			switch s.Kind {
			case wording.Name:
				out.By = s.Text
			case wording.Link:
				out.URL = s.Value
			}
		}
	}
	if out.By == "" {
		return nil
	}
	return &out
}

// jsonAll turns each of a list into its form for programs. An empty list says that
// there is nothing; an absent one says nothing.
func jsonAll[T, J any](list []T, one func(T) J) []J {
	out := make([]J, 0, len(list))
	for _, x := range list {
		out = append(out, one(x))
	}
	return out
}

// jsonFilled is what was collected, nil where that is nothing.
func jsonFilled[T comparable](x T) *T {
	var zero T
	if x == zero {
		return nil
	}
	return &x
}

// identity writes what stands at the head of the page.
func (w *jsonWriter) identity(p *jsonPolicy) {
	s, v := w.site, w.site.Policy
	p.Site = jsonSite{ID: s.ID, Name: s.Name, URL: s.URL, Hosts: s.AllHosts()}
	p.Language, p.Languages = w.Lang.Tag, s.Langs
	p.Version, p.Updated, p.Effective = v.Version, v.Updated.String(), v.Effective.String()
	c := jsonController{Name: s.Controller.Name, Country: s.Controller.Country}
	if w.says("contact") {
		from := s.Controller
		c.Form, c.SIREN, c.Address, c.Email, c.Phone, c.URL = from.Form, from.SIREN, from.Address, from.Email, from.Phone, from.URL
	}
	p.Controller = jsonFilled(c)
}

// use writes what is used: categories, trackers, services, promises.
func (w *jsonWriter) use(p *jsonPolicy) {
	if w.says("categories") {
		p.Categories = jsonAll(w.site.Categories, w.category)
		p.Trackers = jsonAll(w.site.Trackers, w.tracker)
	}
	if w.says("services") {
		p.Services = jsonAll(w.site.Services, w.service)
		p.Trusted = jsonAll(w.site.Trusted, func(h policy.TrustedHost) jsonTrusted { return jsonTrusted{h.Host, w.text(h.Because)} })
	}
	if w.says("promises", "in-short") {
		p.Promises = []jsonPromise{}
		for _, promise := range w.site.Promises {
			if said := w.promise(promise); said != nil {
				p.Promises = append(p.Promises, *said)
			}
		}
	}
}

func (w *jsonWriter) category(c *policy.Category) jsonCategory {
	out := jsonCategory{
		ID: c.ID, Title: w.line(w.Category(c)), Purpose: w.text(c.Purpose), Ground: c.Ground, InUse: c.InUse(),
		Basis: c.Basis, BasisNote: w.paragraphs(c.BasisNote), Benefits: w.items(c.Benefits),
		Optional: c.Optional, Profiling: c.Profiling, Advertising: c.Advertising && c.InUse(),
	}
	if w.says("consequences") {
		out.Blocked = w.text(c.IfBlocked)
	}
	if !c.NeedsConsent() {
		return out
	}
	out.Fingerprint = c.Fingerprint().String()
	if w.says("consequences") {
		out.Accepted, out.Refused = w.text(c.IfAccepted), w.text(c.IfRefused)
	}
	return out
}

func (w *jsonWriter) tracker(t *policy.Tracker) jsonTracker {
	out := jsonTracker{
		Name: t.Name, Pattern: t.IsPattern(), Label: w.text(t.Label), Also: t.Also, Storage: t.Storage,
		Category: t.Category.ID, Origin: t.Origin, Purpose: w.line(w.Purpose(t)), Lifetimes: jsonAll(t.Lasts, jsonVariant), Sliding: t.Sliding,
		Party: t.Party, Domain: t.Domain, Exempt: t.Exempt(), Reason: t.Reason, Because: w.text(t.Because),
		Act: w.text(t.Act), Content: w.text(t.Content), Basis: t.Basis,
	}
	if t.Service != nil {
		out.Service = t.Service.ID
	}
	for _, s := range t.Shared {
		out.Shared = append(out.Shared, s.ID)
	}
	if t.Storage == policy.Cookie {
		out.Attributes = jsonFilled(jsonAttributes{t.Path, t.HTTPOnly, t.Secure, t.SameSite, t.Partitioned})
	}
	return out
}

func jsonVariant(v policy.Variant) jsonLifetime {
	if v.Lifetime.Kind == policy.For {
		return jsonLifetime{v.When, "period", v.Lifetime.Period.ISO8601()}
	}
	return jsonLifetime{When: v.When, Kind: string(v.Lifetime.Kind)}
}

// service writes a service. Of one that the site serves itself, nobody receives
// anything: who made it is not told.
func (w *jsonWriter) service(s *policy.Service) jsonService {
	out := jsonService{
		ID: s.ID, Name: w.line(w.ServiceName(s)), Catalogue: s.FromCatalogue(), Category: s.Category.ID,
		Purpose: w.text(s.Purpose), SelfHosted: s.SelfHosted, Because: w.text(s.Because),
	}
	if s.SelfHosted {
		return out
	}
	out.Loads = s.Loads
	if s.Loads == policy.LoadsOnUse {
		out.Paths, out.Click = s.Paths, s.Click
	}
	provider := w.entity(s.Provider)
	provider.Role = s.Role
	if !provider.isZero() {
		out.Provider = &provider
	}
	if len(s.Recipients) > 0 {
		out.Recipients = jsonAll(s.Recipients, w.entity)
	}
	out.Sends, out.Hosts, out.Settings, out.Incomplete = w.text(s.Sends), s.Hosts, w.text(s.Evidence.Text), s.Incomplete
	if w.says("opt-out") {
		out.OptOut = w.link(s.OptOut)
	}
	return out
}

func (w *jsonWriter) entity(r policy.Recipient) jsonEntity {
	out := jsonEntity{Name: r.Name, Country: r.Country, Privacy: w.link(r.Privacy)}
	if len(r.Transfers) > 0 {
		out.Transfers = jsonAll(r.Transfers, w.transfer)
	}
	return out
}

func (e *jsonEntity) isZero() bool {
	return e.Name == "" && e.Country == "" && e.Role == "" && e.Privacy == nil && e.Transfers == nil
}

func (w *jsonWriter) transfer(t policy.Transfer) jsonTransfer {
	out := jsonTransfer{Mechanism: t.Mechanism, Assessment: t.TIA, Checked: t.Checked.String(), Copy: w.link(t.Copy)}
	if t.Mechanism == policy.SCC {
		out.Module = t.Module
	}
	return out
}

// promise writes a promise that the page makes, nil for one that it does not.
func (w *jsonWriter) promise(p *policy.Promise) *jsonPromise {
	// The promises of the summary stand there alone, unless a person answers for them.
	inSection := w.says("promises") && p.Kind != "" && (!p.InShort || p.Kind == policy.Attested || !p.Attested.IsZero())
	statement := w.line(w.Promise(p))
	if statement == nil || !inSection && !(p.InShort && w.says("in-short")) {
		return nil
	}
	out := &jsonPromise{
		ID: p.ID, Known: p.Known, Kind: p.Kind, Statement: statement, Max: p.Max.ISO8601(), Service: p.Service, Category: p.Category,
	}
	if e := p.Attested; inSection {
		out.Attested = jsonFilled(jsonAttested{w.text(e.Text), e.By, e.Date.String(), e.Document, e.Review.String()})
	}
	return out
}

// choosing writes how visitors choose.
func (w *jsonWriter) choosing(p *jsonPolicy) {
	c := w.site.Choice
	if !w.says("choose", "consent-system") {
		return
	}
	p.Choice = &jsonChoice{Cookie: c.Cookie, Lasts: c.Lasts.ISO8601()}
	if !w.says("choose") {
		return
	}
	p.Choice.Scope, p.Choice.Domain = c.Scope, c.Domain
	if c.Scope == policy.ScopeAccount {
		p.Choice.Conflict = c.Conflict
	}
	p.Choice.Reopen = jsonAll(w.site.Reopenings(), func(r policy.Reopening) jsonReopening {
		return jsonReopening{r.Where, r.Path, w.text(r.Label), r.Signed, r.Banner}
	})
	p.Notice = &jsonNotice{w.site.NoticeMode(), w.text(w.site.Notice.Text)}
}

// keeping writes what is kept on the server.
func (w *jsonWriter) keeping(p *jsonPolicy) {
	s := w.site
	if w.says("consent-system") {
		p.Records = jsonAll(s.Records, func(r policy.Record) jsonRecord {
			return jsonRecord{r.ID, r.Basis, r.Kept.ISO8601(), r.From, r.By}
		})
		proof := jsonProof{w.text(s.Proof.Because), w.text(s.Proof.Recipients), jsonAll(s.Proof.Anchors, func(a policy.ProofAnchor) jsonAnchor { return jsonAnchor(a) })}
		if proof.Because != nil || proof.Recipients != nil || len(proof.Anchors) > 0 {
			p.Proof = &proof
		}
		if !s.Logs.Kept.IsZero() {
			p.Logs = &jsonLogs{s.Logs.Kept.ISO8601(), w.text(s.Logs.Purpose), w.text(s.Logs.Content)}
		}
	}
	if a := s.Audience; a.Source != "" && w.says("audience") {
		p.Audience = &jsonAudience{a.Source, a.Exemption, a.Purposes, a.Kept.ISO8601(), a.OptOut, a.Threshold, w.paragraphs(a.Text)}
	}
}

// people writes whom it concerns and whom to turn to.
func (w *jsonWriter) people(p *jsonPolicy) {
	s := w.site
	if w.says("contact") {
		p.Contacts = jsonFilled(jsonContacts{w.mailbox(&s.Contact.DPO), w.mailbox(&s.Contact.General), w.mailbox(&s.Contact.Support)})
	}
	if a := s.Authority; !a.Name.IsZero() && w.says("complaint") {
		p.Authority = &jsonAuthority{a.ID, w.text(a.Name), w.link(a.URL), w.link(a.Complaint)}
	}
	if w.says("rights") {
		p.Rights = s.Rights
		if len(s.Rights) == 0 {
			p.Rights = s.RightsDue()
		}
		p.Automated = jsonFilled(jsonAutomated{s.Automated.None, w.paragraphs(s.Automated.Text)})
	}
	if w.says("minors") {
		p.Minors = jsonFilled(jsonMinors{s.Public.ConsentAge, w.paragraphs(s.Public.Text)})
	}
	if w.says("app") {
		p.App = w.app()
	}
}

func (w *jsonWriter) mailbox(m *policy.Mailbox) *jsonMailbox {
	if m.IsZero() {
		return nil
	}
	return &jsonMailbox{m.Name, m.Email, w.link(m.Form), m.Address, m.Phone, w.text(m.Subject), m.Within.ISO8601(), w.text(m.Text)}
}

// app writes what the page says of the app: the operator's words, else whether
// it uses cookies.
func (w *jsonWriter) app() *jsonApp {
	a := w.site.App
	switch {
	case a.Name == "":
		return nil
	case !a.Text.IsZero():
		return &jsonApp{Says: w.paragraphs(a.Text)}
	}
	return &jsonApp{Name: a.Name, Cookies: &a.Cookies}
}

// papers writes what stands around the policy.
func (w *jsonWriter) papers(p *jsonPolicy) {
	s := w.site
	if w.says("changes") {
		w.changes(p)
	}
	if w.says("law") {
		p.Law = jsonAll(s.Law, w.law)
	}
	if h := s.HostedBy; h.Name != "" && w.says("hosting") {
		p.Hosting = &jsonHosting{w.entity(h), h.Address}
	}
	if w.says("links") {
		p.Links = jsonFilled(jsonLinks{w.link(s.Links.Privacy), w.link(s.Links.Legal), w.link(s.Links.Terms)})
	}
}

func (w *jsonWriter) changes(p *jsonPolicy) {
	v := w.site.Policy
	p.Reviewed, p.Review = v.ReviewedOn.String(), v.ReviewDue.String()
	if len(v.Announce) > 0 {
		p.Announce = &jsonAnnounce{v.Announce, v.AnnouncedBefore.ISO8601()}
	}
	p.History = jsonAll(v.History, func(r policy.Revision) jsonRevision {
		return jsonRevision{r.Version, r.Date.String(), w.paragraphs(r.Changes)}
	})
}

func (w *jsonWriter) law(l policy.Law) jsonLaw {
	return jsonLaw{l.ID, w.line(w.Law("", l)), w.link(l.URL)}
}
