// Package register keeps the proof of choices: one record for each, refusals and
// withdrawals exactly like grants, and a log in which nobody can change one
// unnoticed.
//
// A choice becomes a [Record]; its canonical bytes and a random salt are committed
// to a durable store together with others (group commit), and only then is the
// visitor answered. A sequencer puts an entry for each record into a Merkle log
// (package ledger), and the visitor's [Receipt] gains its inclusion proof.
//
// A record holds no name, no address of the network, no browser's description: it
// says what was chosen, when, on which notice, under which fingerprints. Closing
// the notice by its button is a refusal; inaction records nothing.
//
// The package does no I/O of its own: it declares the store that it needs, and
// package store implements it.
package register

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/policy"
)

// Format is the name and version of the record's format. A change that a reader
// of this one would misread gets another number.
const Format = "temoin-record/1"

// An Action is what the visitor did.
type Action string

const (
	Accept   Action = "accept"   // everything, on the first layer or the second
	Refuse   Action = "refuse"   // everything
	Close    Action = "close"    // the notice, by its button: a refusal
	Save     Action = "save"     // answers one by one
	Withdraw Action = "withdraw" // everything that was granted
	Imported Action = "import"   // a choice that another system had kept
)

// Actions are those that a visitor can take.
func Actions() []Action { return []Action{Accept, Refuse, Close, Save, Withdraw} }

// A State is what an event means for consent.
type State string

const (
	Given      State = "given"      // to everything that depends on it
	Partial    State = "partial"    // to some of it
	Refused    State = "refused"    // to all of it
	Withdrawn  State = "withdrawn"  // what was given before
	Preference State = "preference" // nothing depends on consent: no yes is one
)

// A Record is one choice event. Its JSON names are in alphabetical order and its
// values are strings, booleans, lists and objects: its bytes are canonical in
// the sense of RFC 8785, so that others can rebuild them from the parts.
type Record struct {
	Action        Action      `json:"action"`
	Answers       []Answer    `json:"answers"`
	Code          string      `json:"code"` // the version of Témoin
	Controller    Controller  `json:"controller"`
	Ends          string      `json:"ends"` // RFC 3339, UTC
	Exceptions    []Exception `json:"exceptions"`
	Format        string      `json:"format"`
	ID            string      `json:"id"`
	Imported      string      `json:"imported,omitempty"` // the system that it came from, and its notice
	Jurisdictions []string    `json:"jurisdictions"`
	Language      string      `json:"language"`
	Notice        string      `json:"notice"` // SHA-256 of the exact bytes that were shown, hex
	Policy        Policy      `json:"policy"`
	Replaces      string      `json:"replaces,omitempty"` // the record of the choice before
	Scope         string      `json:"scope"`
	Signals       Signals     `json:"signals"`
	Site          string      `json:"site"`
	State         State       `json:"state"`
	Time          string      `json:"time"`     // RFC 3339, UTC, whole seconds
	Withdraw      string      `json:"withdraw"` // where the choice can be changed
}

// An Answer is what was decided about one category.
type Answer struct {
	Allow    bool   `json:"allow"`
	Category string `json:"category"`
	InUse    bool   `json:"in_use"` // false: a preference, never consent
	Scope    string `json:"scope"`  // the category's fingerprint, hex; its first 24 bits where it is an earlier version's
}

// An Exception is a service decided about otherwise than its category.
type Exception struct {
	Allow   bool   `json:"allow"`
	Service string `json:"service"`
}

// A Controller is who asked.
type Controller struct {
	Country string `json:"country,omitempty"`
	Name    string `json:"name"`
	SIREN   string `json:"siren,omitempty"`
}

// A Policy is the version that was in force.
type Policy struct {
	Hash    string `json:"hash"` // SHA-256 of the manifest, hex
	Version string `json:"version"`
}

// Signals are what the request said by itself.
type Signals struct {
	GPC bool `json:"gpc"`
}

// An Event is what a record is made of besides the site and the choice.
type Event struct {
	Action   Action
	Language string
	Notice   [sha256.Size]byte
	GPC      bool
	Account  bool        // the choice belongs to an account
	Replaces *consent.ID // nil for a first choice
	Imported string
	Code     string
	Withdraw string // path or address; the first place of the site's otherwise
}

// A Template is what all records about one version of a site have in common. It is
// safe for concurrent use.
type Template struct {
	site   *policy.Site
	common Record
	scopes map[string]scoped // by category: whether it is in use, and its fingerprint
	asked  []string          // the categories that a choice made here answers, in its order

	mu     sync.RWMutex
	frames map[shape]*Frame
}

// A scoped is an answer about what a category is now.
type scoped struct {
	Answer
	short uint32 // the first 24 bits of the scope, as choices have them
}

// NewTemplate makes the template of a version.
func NewTemplate(site *policy.Site) *Template {
	t := &Template{site: site, scopes: map[string]scoped{}, frames: map[shape]*Frame{}, common: Record{
		Format: Format, Site: site.ID, Jurisdictions: append([]string{}, site.Jurisdictions()...),
		Controller: Controller{site.Controller.Country, site.Controller.Name, strings.ReplaceAll(site.Controller.SIREN, " ", "")},
		Policy:     Policy{hex.EncodeToString(site.Hash[:]), site.Policy.Version},
	}}
	for _, k := range site.Categories {
		scope := k.Fingerprint()
		t.scopes[k.ID] = scoped{Answer{Category: k.ID, InUse: k.InUse(), Scope: hex.EncodeToString(scope[:])}, scope.Short()}
		if k.NeedsConsent() {
			t.asked = append(t.asked, k.ID)
		}
	}
	return t
}

// NewRecord makes the record of a choice about a site.
func NewRecord(site *policy.Site, choice *consent.Choice, e Event) *Record {
	return NewTemplate(site).Record(choice, e)
}

// Record makes the record of a choice about the template's version.
func (t *Template) Record(choice *consent.Choice, e Event) *Record {
	r := t.common
	r.Action, r.Code, r.Imported, r.Language, r.Withdraw = e.Action, e.Code, e.Imported, e.Language, e.Withdraw
	r.ID, r.Notice, r.Signals = choice.ID.String(), hex.EncodeToString(e.Notice[:]), Signals{e.GPC}
	r.Time, r.Ends = choice.At.UTC().Format(time.RFC3339), choice.Ends(t.site).UTC().Format(time.RFC3339)
	r.Scope = string(policy.ScopeDevice)
	if e.Account {
		r.Scope = string(policy.ScopeAccount)
	}
	if e.Replaces != nil {
		r.Replaces = e.Replaces.String()
	}
	r.Answers, r.Exceptions = make([]Answer, 0, len(choice.Answers)), make([]Exception, 0, len(choice.Exceptions))
	for _, a := range choice.Answers {
		if answer, ok := t.scopes[a.Category]; ok {
			answer.Allow = a.Allow
			if a.Scope != answer.short { // of an earlier version, as an imported choice names it
				answer.Scope = fmt.Sprintf("%06x", a.Scope)
			}
			r.Answers = append(r.Answers, answer.Answer)
		}
	}
	for _, x := range choice.Exceptions {
		r.Exceptions = append(r.Exceptions, Exception{x.Allow, x.Service})
	}
	r.State = r.state()
	return &r
}

// state follows from the answers about what is in use.
func (r *Record) state() State {
	yes, no := 0, 0
	for _, a := range r.Answers {
		switch {
		case !a.InUse:
		case a.Allow:
			yes++
		default:
			no++
		}
	}
	if slices.ContainsFunc(r.Exceptions, func(x Exception) bool { return x.Allow }) {
		yes++
	}
	if slices.ContainsFunc(r.Exceptions, func(x Exception) bool { return !x.Allow }) {
		no++
	}
	switch {
	case yes+no == 0:
		return Preference
	case r.Action == Withdraw && yes == 0:
		return Withdrawn
	case yes == 0:
		return Refused
	case no > 0:
		return Partial
	}
	return Given
}

// maxRecord bounds a record's bytes: a site with hundreds of categories stays
// below.
const maxRecord = 64 << 10

// Canonical returns the bytes that the log commits to.
func (r *Record) Canonical() ([]byte, error) {
	b, _ := r.append(make([]byte, 0, 1024), whole)
	if len(b) > maxRecord {
		return nil, fmt.Errorf("the record of a choice has %d bytes: at most %d are kept", len(b), maxRecord)
	}
	return b, nil
}

// ParseRecord reads canonical bytes. It refuses any that are not.
func ParseRecord(b []byte) (*Record, error) {
	r, canonical, err := readRecord(b)
	if err == nil && !bytes.Equal(canonical, b) {
		err = errors.New("the record is not written canonically")
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// readRecord reads a record however its JSON is laid out, and returns the bytes
// that the log commits to.
func readRecord(b []byte) (*Record, []byte, error) {
	if len(b) > maxRecord {
		return nil, nil, fmt.Errorf("the record has %d bytes: at most %d are read", len(b), maxRecord)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var r Record
	if err := dec.Decode(&r); err != nil {
		return nil, nil, fmt.Errorf("this is no record: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, nil, errors.New("this is no record: something stands behind it")
	}
	if r.Format != Format {
		return nil, nil, fmt.Errorf("the record's format is %.40q: this program reads %q", r.Format, Format)
	}
	canonical, err := r.Canonical()
	return &r, canonical, err
}

// NewSalt makes the salt of a record. Without it nobody can tell which record
// stands behind an entry of the log, even one who can guess the record.
func NewSalt(r io.Reader) (ledger.Salt, error) {
	var salt ledger.Salt
	_, err := io.ReadFull(r, salt[:])
	return salt, err
}
