package register

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/policy"
)

// A Register keeps choices. It is safe for concurrent use.
type Register struct {
	group *Group
	now   func() time.Time
	rand  io.Reader
	code  string

	erased func(ctx context.Context, site string, id consent.ID) (bool, error)

	templates sync.Map // *policy.Site → *Template; a site has few versions
}

// template returns the template of a version, made once.
func (r *Register) template(site *policy.Site) *Template {
	if t, ok := r.templates.Load(site); ok {
		return t.(*Template)
	}
	t, _ := r.templates.LoadOrStore(site, NewTemplate(site))
	return t.(*Template)
}

// A Config is what a register is made of.
type Config struct {
	Store   Committer
	Writers int              // transactions at a time: 1 for SQLite
	Now     func() time.Time // nil is the system's
	Rand    io.Reader        // nil is crypto/rand
	Code    string           // the version of Témoin, for the records
	// Erased reports whether the record of an id was destroyed; nil where none ever is.
	Erased func(ctx context.Context, site string, id consent.ID) (bool, error)
}

// New makes a register.
func New(c Config) *Register {
	r := &Register{group: NewGroup(c.Store, c.Writers), now: c.Now, rand: c.Rand, code: c.Code, erased: c.Erased}
	if r.now == nil {
		r.now = time.Now
	}
	if r.rand == nil {
		r.rand = rand.Reader
	}
	return r
}

// Close keeps what waits, then stops.
func (r *Register) Close() { r.group.Close() }

// Waiting returns how many choices wait: a metric.
func (r *Register) Waiting() int { return r.group.Waiting() }

// A Wish is what a visitor asks to be kept.
type Wish struct {
	// ID is made by the client, so that a second attempt after a lost answer is the
	// same choice; the zero ID lets the register make one.
	ID      consent.ID
	Event   Event
	Account []byte   // the key of the account that the choice belongs to; nil for none
	Allow   []string // categories and services that are allowed, with Save; others follow from the action
	// Asked names the categories and services that were asked about, where that was
	// not everything; what else there is keeps its answer of Before, nil for none.
	Asked  []string
	Before *consent.Choice
	// Shown is what the visitor was shown to be allowed, nil where that is what Before allows:
	// the choice of an account may have allowed it.
	Shown *consent.Decision
}

// A Kept is a choice that is on the disk.
type Kept struct {
	Choice   *consent.Choice
	Record   *Record
	Repeated bool // it was kept before, under the same id
}

var (
	// ErrClock says that an id was not made now: the client's clock is wrong, or the
	// id is an old one.
	ErrClock = errors.New("the id of the choice was not made now")
	// ErrOther says that another choice is kept under the id.
	ErrOther = errors.New("another choice is kept under this id")
	// ErrErased says that the record of the id was destroyed.
	ErrErased = errors.New("the choice of this id was erased")
	// ErrWish says that a wish cannot be understood.
	ErrWish = errors.New("the choice cannot be understood")
)

// Clocks of clients may be wrong by this much. What was begun before, such as a
// page that was asleep, makes a new id.
const clockSkew = 15 * time.Minute

// An id that is no further from now was made for this choice: nothing under it can have
// been erased. Others may come again, and the journal of erasures is asked.
const freshID = 5 * time.Second

// Keep makes a choice durable and returns what is kept. The site is the version on
// whose notice the choice was made.
func (r *Register) Keep(ctx context.Context, site *policy.Site, w Wish) (*Kept, error) {
	now := r.now().UTC()
	id, err := r.id(w.ID, now)
	if err != nil {
		return nil, err
	}
	if err := r.notErased(ctx, site.ID, id, now); err != nil {
		return nil, err
	}
	if w.Shown == nil {
		d := consent.Decide(site, w.Before, consent.Signals{GPC: w.Event.GPC}, now)
		w.Shown = &d
	}
	allow, err := allowed(site, w)
	if err != nil {
		return nil, err
	}
	choice := consent.Choose(site, id, now, allow)
	if len(w.Asked) > 0 {
		choice = consent.Revise(site, id, now, w.Before, append(slices.Clip(w.Asked), w.Allow...), allow)
	}
	return r.keep(ctx, site, choice, w.Event, w.Account)
}

// Import makes a choice durable that another system had kept, as consent.Import
// returned it: with its own time and end. The event's Imported says which system
// that was, and its notice.
func (r *Register) Import(ctx context.Context, site *policy.Site, choice *consent.Choice, e Event, account []byte) (*Kept, error) {
	if e.Imported == "" {
		return nil, fmt.Errorf("%w: it does not say where it is imported from", ErrWish)
	}
	e.Action = Imported
	return r.keep(ctx, site, choice, e, account)
}

func (r *Register) keep(ctx context.Context, site *policy.Site, choice *consent.Choice, event Event, account []byte) (*Kept, error) {
	event.Code, event.Account = r.code, account != nil
	template := r.template(site)
	record := template.Record(choice, event)
	salt, err := NewSalt(r.rand)
	if err != nil {
		return nil, err
	}
	row, err := template.row(record, choice.ID, event, salt)
	if err != nil {
		return nil, err
	}
	row.Account = account
	row, err = r.group.Commit(ctx, row)
	if err != nil {
		return nil, err
	}
	if row.Salt == salt {
		return &Kept{choice, record, false}, nil
	}
	return repeated(site, row, record)
}

// id returns the wish's id, if it was made now, or a new one.
func (r *Register) id(id consent.ID, now time.Time) (consent.ID, error) {
	if id == (consent.ID{}) {
		return consent.NewID(now, r.rand)
	}
	if d := id.Time().Sub(now); d > clockSkew || d < -clockSkew {
		return id, fmt.Errorf("%w (%v away)", ErrClock, d.Round(time.Second))
	}
	return id, nil
}

// notErased fails where the record of an id was destroyed, so that a request that is sent
// again does not bring it back. Choices that are made now pay nothing for it.
func (r *Register) notErased(ctx context.Context, site string, id consent.ID, now time.Time) error {
	if r.erased == nil || id.Time().Sub(now).Abs() <= freshID {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, waitsFor)
	defer stop()
	switch gone, err := r.erased(ctx, site, id); {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case gone:
		return ErrErased
	}
	return nil
}

// allowed turns a wish into answers.
func allowed(site *policy.Site, w Wish) (func(string) bool, error) {
	for _, names := range [][]string{w.Allow, w.Asked} {
		for _, name := range names {
			k, s := site.Category(name), site.Service(name)
			if (k == nil || !k.NeedsConsent()) && (s == nil || s.Loads != policy.LoadsOnConsent) {
				return nil, fmt.Errorf("%w: nobody is asked about %.64q", ErrWish, name)
			}
		}
	}
	switch w.Event.Action {
	case Accept:
		return func(string) bool { return true }, nil
	case Refuse, Close, Withdraw:
		if len(w.Allow) > 0 {
			return nil, fmt.Errorf("%w: %s allows nothing", ErrWish, w.Event.Action)
		}
		return func(string) bool { return false }, nil
	case Save:
	default:
		return nil, fmt.Errorf("%w: there is no action %.20q", ErrWish, w.Event.Action)
	}
	// A yes to a category is one to its services, unless some of them are named, or the
	// service was asked about by itself.
	return func(name string) bool {
		s := site.Service(name)
		if slices.Contains(w.Allow, name) {
			return s == nil || !takenBack(w, s.Category)
		}
		return s != nil && !slices.Contains(w.Asked, name) && slices.Contains(w.Allow, s.Category.ID) && !slices.ContainsFunc(s.Category.Services, func(o *policy.Service) bool { return slices.Contains(w.Allow, o.ID) })
	}, nil
}

// takenBack reports whether a visitor takes back a yes to a category and touches none of its
// services: their boxes, which are folded away, stay ticked where no script unticks them with
// the category's, and a no to the whole is meant for them too.
func takenBack(w Wish, k *policy.Category) bool {
	if !slices.Contains(w.Asked, k.ID) || slices.Contains(w.Allow, k.ID) || !w.Shown.Category(k) {
		return false
	}
	return !slices.ContainsFunc(k.Services, func(s *policy.Service) bool {
		return s.Loads == policy.LoadsOnConsent && slices.Contains(w.Allow, s.ID) != w.Shown.Runs(s)
	})
}

// repeated is the choice that was kept before, if it is the same decision.
func repeated(site *policy.Site, row Row, wanted *Record) (*Kept, error) {
	row, err := row.Unpack()
	if err != nil {
		return nil, err
	}
	before, err := ParseRecord(row.Record)
	if err != nil {
		return nil, fmt.Errorf("the record that is kept: %w", err)
	}
	if before.Action != wanted.Action || !slices.Equal(before.Answers, wanted.Answers) || !slices.Equal(before.Exceptions, wanted.Exceptions) {
		return nil, ErrOther
	}
	choice, err := before.Choice()
	if err != nil {
		return nil, err
	}
	if ends, err := time.Parse(time.RFC3339, before.Ends); err == nil && ends.Before(choice.Ends(site)) {
		choice.Until = ends
	}
	return &Kept{choice, before, true}, nil
}

// Choice returns the choice that a record is of, as the consent cookie carries it.
func (r *Record) Choice() (*consent.Choice, error) {
	id, err := consent.ParseID(r.ID)
	if err != nil {
		return nil, err
	}
	at, err := time.Parse(time.RFC3339, r.Time)
	if err != nil {
		return nil, err
	}
	c := &consent.Choice{ID: id, At: at}
	for _, a := range r.Answers {
		scope, err := hex.DecodeString(a.Scope)
		if err != nil || len(scope) < 3 {
			return nil, fmt.Errorf("the fingerprint of %q is not what it was", a.Category)
		}
		c.Answers = append(c.Answers, consent.Answer{Category: a.Category, Allow: a.Allow, Scope: uint32(scope[0])<<16 | uint32(scope[1])<<8 | uint32(scope[2])})
	}
	for _, x := range r.Exceptions {
		c.Exceptions = append(c.Exceptions, consent.Exception{Service: x.Service, Allow: x.Allow})
	}
	return c, nil
}
