package register

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/temoin/temoin/policy"
)

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
