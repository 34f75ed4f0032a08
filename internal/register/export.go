package register

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/temoin/temoin/policy"
)

// Formats of [Export].
const (
	CSV   = "csv"   // for a spreadsheet: one row for each record
	JSONL = "jsonl" // for programs: one object on each line, with the record's exact bytes
)

// An Exported is a record with its place in the log. Of the row, only the record is
// written, and the salt when asked: never the key of an account.
type Exported struct {
	Row   Row
	Index int64 // in the log; -1 while it has no place there
}

// Columns say what an export holds besides what it always holds.
type Columns struct {
	Categories []string // CSV: a column for each; answers about others share one
	Salt       bool     // whoever has record and salt can find the entry in the log
}

// Export writes records one by one, in the order in which they come, and holds none
// of them. It stops at a row that fails or is no record; what is written until then
// ends with a whole line.
func Export(w io.Writer, format string, rows iter.Seq2[Exported, error], with ...Columns) error {
	var c Columns
	for _, more := range with {
		c.Categories, c.Salt = append(c.Categories, more.Categories...), c.Salt || more.Salt
	}
	out := bufio.NewWriterSize(w, 64<<10)
	switch format {
	case CSV:
		s := newSheet(out, c)
		err := each(rows, s.write)
		s.csv.Flush()
		return first(err, s.csv.Error(), out.Flush())
	case JSONL:
		err := each(rows, func(x *Exported, _ *Record) error { return writeLine(out, x, c.Salt) })
		return first(err, out.Flush())
	}
	return fmt.Errorf("records are exported as %s or %s, not as %.20q", CSV, JSONL, format)
}

// first is what went wrong first: what follows from it is not worth telling.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// each reads every row, so that nothing but the fields of a record is ever written.
func each(rows iter.Seq2[Exported, error], write func(*Exported, *Record) error) error {
	var again []byte
	for x, err := range rows {
		if err != nil {
			return err
		}
		r, err := quickly(x.Row.Record, &again)
		if err != nil {
			return fmt.Errorf("record %v of %s: %w", x.Row.ID, x.Row.Site, err)
		}
		if err := write(&x, r); err != nil {
			return err
		}
	}
	return nil
}

// quickly is ParseRecord in a tenth of the time, for millions of records: it reads
// the fields where canonical bytes have them. What it read is written again and
// compared, so that a mistake here can only be slow.
func quickly(b []byte, again *[]byte) (*Record, error) {
	c := cursor{rest: string(b)}
	r := c.record()
	if *again = r.append((*again)[:0]); c.lost || r.Format != Format || len(b) > maxRecord || !bytes.Equal(*again, b) {
		return ParseRecord(b)
	}
	return r, nil
}

// A cursor reads canonical bytes from left to right.
type cursor struct {
	rest string
	lost bool // something else stood there
}

// record reads the fields in the order in which Record.append writes them.
func (c *cursor) record() *Record {
	r := &Record{Answers: []Answer{}, Exceptions: []Exception{}, Jurisdictions: []string{}}
	r.Action = Action(c.str(`{"action":`))
	for c.must(`,"answers":[`); c.list(`{"allow":`); {
		r.Answers = append(r.Answers, Answer{c.bool(""), c.str(`,"category":`), c.bool(`,"in_use":`), c.str(`,"scope":`)})
		c.must("}")
	}
	r.Code = c.str(`,"code":`)
	c.must(`,"controller":{`)
	if r.Controller.Country = c.some(`"country":`); r.Controller.Country != "" {
		c.must(",")
	}
	r.Controller.Name, r.Controller.SIREN = c.str(`"name":`), c.some(`,"siren":`)
	r.Ends = c.str(`},"ends":`)
	for c.must(`,"exceptions":[`); c.list(`{"allow":`); {
		r.Exceptions = append(r.Exceptions, Exception{c.bool(""), c.str(`,"service":`)})
		c.must("}")
	}
	r.Format, r.ID, r.Imported = c.str(`,"format":`), c.str(`,"id":`), c.some(`,"imported":`)
	for c.must(`,"jurisdictions":[`); c.list(""); {
		r.Jurisdictions = append(r.Jurisdictions, c.str(""))
	}
	r.Language, r.Notice = c.str(`,"language":`), c.str(`,"notice":`)
	r.Policy = Policy{c.str(`,"policy":{"hash":`), c.str(`,"version":`)}
	c.must("}")
	r.Replaces, r.Scope = c.some(`,"replaces":`), c.str(`,"scope":`)
	r.Signals.GPC, r.Site, r.State = c.bool(`,"signals":{"gpc":`), c.str(`},"site":`), State(c.str(`,"state":`))
	r.Time, r.Withdraw = c.str(`,"time":`), c.str(`,"withdraw":`)
	c.must("}")
	return r
}

// skip steps over what stands next, if it is that.
func (c *cursor) skip(s string) bool {
	rest, ok := strings.CutPrefix(c.rest, s)
	c.rest = rest
	return ok
}

func (c *cursor) must(s string) { c.lost = !c.skip(s) || c.lost }

// list steps to the next element of a list, which begins so; false at its end.
func (c *cursor) list(begin string) bool {
	if c.lost || c.skip("]") {
		return false
	}
	c.skip(",")
	c.must(begin)
	return !c.lost
}

func (c *cursor) bool(name string) bool {
	c.must(name)
	if c.skip("true") {
		return true
	}
	c.must("false")
	return false
}

// some is a field that is left out where it is empty.
func (c *cursor) some(name string) string {
	if !strings.HasPrefix(c.rest, name) {
		return ""
	}
	return c.str(name)
}

func (c *cursor) str(name string) string {
	c.must(name)
	c.must(`"`)
	end := strings.IndexAny(c.rest, `"\\`)
	if c.lost || end < 0 {
		c.lost = true
		return ""
	}
	if c.rest[end] == '"' {
		s := c.rest[:end]
		c.rest = c.rest[end+1:]
		return s
	}
	return c.escaped()
}

// escaped reads a string that has something escaped in it: few have.
func (c *cursor) escaped() string {
	end := 0
	for end < len(c.rest) && c.rest[end] != '"' {
		if c.rest[end] == '\\' {
			end++ // what it escapes may be a quotation mark
		}
		end++
	}
	var s string
	if end >= len(c.rest) || json.Unmarshal([]byte(`"`+c.rest[:end+1]), &s) != nil {
		c.lost = true
		return ""
	}
	c.rest = c.rest[end+1:]
	return s
}

// writeLine writes a record as JSON. Canonical bytes have no line break.
func writeLine(w *bufio.Writer, x *Exported, salt bool) error {
	index := "null"
	if x.Index >= 0 {
		index = strconv.FormatInt(x.Index, 10)
	}
	w.WriteString(`{"index":` + index + `,"record":`) //nolint:errcheck // the writer keeps its first error
	w.Write(x.Row.Record)                             //nolint:errcheck
	if salt {
		w.WriteString(`,"salt":"` + base64.StdEncoding.EncodeToString(x.Row.Salt[:]) + `"`) //nolint:errcheck
	}
	_, err := w.WriteString("}\n")
	return err
}

// fixedColumns stand first and never move; others follow them.
var fixedColumns = []string{
	"id", "site", "time", "ends", "action", "state", "language", "policy_version", "policy_hash", "notice",
	"scope", "gpc", "replaces", "imported", "log_index", "exceptions", "other_categories",
}

// A sheet writes records as rows of a table.
type sheet struct {
	csv     *csv.Writer
	columns Columns
	cells   []string // of one row, used again for the next
}

func newSheet(w io.Writer, c Columns) *sheet {
	s := &sheet{csv: csv.NewWriter(w), columns: c}
	s.csv.UseCRLF = true // RFC 4180
	s.cells = append(s.cells, fixedColumns...)
	for _, k := range c.Categories {
		s.cells = append(s.cells, "category."+k)
	}
	if c.Salt {
		s.cells = append(s.cells, "salt")
	}
	s.csv.Write(s.cells) //nolint:errcheck // the writer keeps its first error
	return s
}

func (s *sheet) write(x *Exported, r *Record) error {
	index := ""
	if x.Index >= 0 {
		index = strconv.FormatInt(x.Index, 10)
	}
	exceptions := make([]string, len(r.Exceptions))
	for i, e := range r.Exceptions {
		exceptions[i] = e.Service + ":" + yesNo(e.Allow)
	}
	s.cells = append(s.cells[:0], r.ID, r.Site, r.Time, r.Ends, string(r.Action), string(r.State), r.Language, r.Policy.Version, r.Policy.Hash,
		r.Notice, r.Scope, strconv.FormatBool(r.Signals.GPC), r.Replaces, r.Imported, index, strings.Join(exceptions, " "))
	s.answers(r.Answers)
	if s.columns.Salt {
		s.cells = append(s.cells, base64.StdEncoding.EncodeToString(x.Row.Salt[:]))
	}
	for i, c := range s.cells {
		s.cells[i] = harmless(c)
	}
	return s.csv.Write(s.cells)
}

// answers writes each answer into its category's column, those that have none into
// one for all of them: a category that the caller did not name is not lost.
func (s *sheet) answers(answers []Answer) {
	var others []string
	for i := range answers {
		if !slices.Contains(s.columns.Categories, answers[i].Category) {
			others = append(others, answers[i].Category+" "+answers[i].cell())
		}
	}
	s.cells = append(s.cells, strings.Join(others, ", "))
	for _, k := range s.columns.Categories {
		cell := "" // nobody was asked about it
		if i := slices.IndexFunc(answers, func(a Answer) bool { return a.Category == k }); i >= 0 {
			cell = answers[i].cell()
		}
		s.cells = append(s.cells, cell)
	}
}

// cell is an answer in words. One about nothing in use says so: a yes to it is a
// preference.
func (a *Answer) cell() string {
	use := "in-use"
	if !a.InUse {
		use = "preference"
	}
	return yesNo(a.Allow) + " " + use + " " + a.Scope
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// harmless keeps a spreadsheet from running a cell as a formula: an apostrophe
// before the characters that begin one makes it text. Some programs take the wide
// forms for the same.
func harmless(cell string) string {
	for _, begin := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(cell, begin) {
			return "'" + cell
		}
	}
	return cell
}

// ErrPreference says that nothing in a record depended on consent: it is the proof
// of none, and is not written as one.
var ErrPreference = errors.New("nothing in this record depended on consent: it is a preference")

// A subject is what one answer is about, as far as it depends on consent: a category
// but for the services that have an answer of their own, or one of these.
type subject struct {
	id       string
	category *policy.Category
	services []*policy.Service
	trackers []*policy.Tracker
	allow    bool
}

// An explained is a record with what the version of the site that it names says
// about its parts.
type explained struct {
	*Record
	site     *policy.Site
	subjects []subject
}

// explain looks up what a record is about. It refuses another version than the
// record's: purposes and recipients would be others than those that were shown.
func explain(r *Record, site *policy.Site) (*explained, error) {
	if hash := hex.EncodeToString(site.Hash[:]); r.Site != site.ID || r.Policy.Hash != hash {
		return nil, fmt.Errorf("the record is about the policy %.16s of %q, not about %.16s of %q", r.Policy.Hash, r.Site, hash, site.ID)
	}
	if r.State != r.state() {
		return nil, fmt.Errorf("the record says %q, and its answers say %q", r.State, r.state())
	}
	x := &explained{Record: r, site: site}
	for _, e := range r.Exceptions {
		if s := site.Service(e.Service); s == nil || !slices.ContainsFunc(r.Answers, func(a Answer) bool { return a.InUse && a.Category == s.Category.ID }) {
			return nil, fmt.Errorf("the record has an answer about %q, in whose category nobody was asked", e.Service)
		}
	}
	for _, a := range r.Answers {
		if err := x.add(a); err != nil {
			return nil, err
		}
	}
	if len(x.subjects) == 0 || r.State == Preference {
		return nil, ErrPreference
	}
	return x, nil
}

// add adds what an answer is about, if it is about anything.
func (x *explained) add(a Answer) error {
	k := x.site.Category(a.Category)
	if k == nil {
		return fmt.Errorf("the record has an answer about %q, which the policy does not know", a.Category)
	}
	if !a.InUse || !k.InUse() {
		return nil // a preference
	}
	rest := subject{id: k.ID, category: k, allow: a.Allow}
	for _, s := range k.Services {
		if s.Loads != policy.LoadsOnConsent {
			continue
		}
		at := slices.IndexFunc(x.Exceptions, func(e Exception) bool { return e.Service == s.ID })
		if at < 0 {
			rest.services = append(rest.services, s)
			continue
		}
		x.subjects = append(x.subjects, subject{k.ID + "/" + s.ID, k, []*policy.Service{s}, x.trackers(k, s), x.Exceptions[at].Allow})
	}
	if rest.trackers = x.trackers(k, nil); len(rest.services)+len(rest.trackers) > 0 {
		x.subjects = append(x.subjects, rest)
	}
	return nil
}

// trackers are those of a category that depend on consent: a service's, or, with
// none, those of no service that has an answer of its own.
func (x *explained) trackers(k *policy.Category, of *policy.Service) []*policy.Tracker {
	var list []*policy.Tracker
	for _, t := range k.Trackers {
		own := t.Service != nil && slices.ContainsFunc(x.Exceptions, func(e Exception) bool { return e.Service == t.Service.ID })
		if !t.Exempt() && (of == nil && !own || of != nil && t.Service == of) {
			list = append(list, t)
		}
	}
	return list
}

// stateOf is what the event means for a subject. Only a yes is ever consent.
func (x *explained) stateOf(s *subject) State {
	switch {
	case s.allow:
		return Given
	case x.State == Withdrawn:
		return Withdrawn
	}
	return Refused
}

// text is a text of the operator in the record's language, else in one that it has,
// and which one that is.
func (x *explained) text(t policy.Text) (text, lang string) {
	return t.Choose(append([]string{x.Language}, x.site.Langs...)...)
}

// address is an address with the site's in front where it is a path; "" for none.
func (x *explained) address(at string) string {
	base, err := url.Parse(x.site.URL)
	if err != nil || at == "" {
		return ""
	}
	u, err := base.Parse(at)
	if err != nil {
		return ""
	}
	return u.String()
}

func (x *explained) link(t policy.Text) string {
	at, _ := x.text(t)
	return x.address(at)
}

// rights are those that the policy tells visitors of.
func (x *explained) rights() []policy.Right {
	if len(x.site.Rights) > 0 {
		return x.site.Rights
	}
	return x.site.RightsDue()
}

// notice is the notice that was shown; "" where none is known, as with a choice of
// another system.
func (x *explained) notice() string {
	if strings.Trim(x.Notice, "0") == "" {
		return ""
	}
	return "sha256:" + x.Notice
}

// contact is where the controller is reached: a place, never a person's name.
func (x *explained) contact() string {
	for _, m := range []*policy.Mailbox{&x.site.Contact.DPO, &x.site.Contact.General} {
		for _, at := range []string{m.Email, x.link(m.Form), m.Address} {
			if at != "" {
				return at
			}
		}
	}
	return x.site.Controller.Email
}

// A recipient is who receives data, as far as the policy says.
type recipient struct {
	*policy.Recipient
	id   string
	role policy.Role // "" where it is not said
}

// recipients are who receives data of a subject. A service that the site serves
// itself sends nothing to anybody.
func (s *subject) recipients() []recipient {
	var list []recipient
	for _, v := range s.services {
		if v.SelfHosted {
			continue
		}
		list = append(list, recipient{&v.Provider, v.ID, v.Role})
		for i := range v.Recipients {
			list = append(list, recipient{&v.Recipients[i], v.ID + "/" + strconv.Itoa(i+1), ""})
		}
	}
	return list
}

// NotDeclared stands in a field that must be there and of which neither the record
// nor the manifest says anything.
const NotDeclared = "not declared"

func declared(s string) string {
	if s == "" {
		return NotDeclared
	}
	return s
}

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
