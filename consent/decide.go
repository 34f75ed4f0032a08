package consent

import (
	"slices"
	"time"

	"github.com/temoin/temoin/policy"
)

// Signals are what a request says besides the choice that it carries.
type Signals struct {
	GPC bool // "Sec-GPC: 1", exactly: refuses what serves advertising, and consents to nothing

	Path    string   // of the page: some services are contacted on some pages only
	Clicked []string // services whose placeholder the visitor clicked on this page

	SignedIn bool    // to the site
	Account  *Choice // the account's, where the site's choices follow it; nil for none
}

// Notice says whether the first layer is to be shown.
type Notice uint8

const (
	NoNotice    Notice = iota // everything that is asked about has an answer
	FirstNotice               // no choice is in force
	AgainNotice               // a choice is in force that does not cover everything
)

// A Decision is what may be stored and contacted now. It is a value; its methods
// allocate nothing.
type Decision struct {
	Notice Notice

	site     *policy.Site
	granted  bits // categories
	asked    bits // categories that have no answer that covers them
	in       bits // services that are in use now
	services bits // services whose trackers may be stored
}

// bits is a set of small numbers: the places of categories or services. Sites with
// more than 64 of them are rare, and their sets allocate. It is small, since each
// request has a decision, which is four of them.
type bits struct {
	few  uint64
	many *[]uint64
}

func newBits(n int) bits {
	if n <= 64 {
		return bits{}
	}
	many := make([]uint64, (n+63)/64)
	return bits{many: &many}
}

func (b *bits) add(i int) {
	if b.many != nil {
		(*b.many)[i/64] |= 1 << (i % 64)
		return
	}
	b.few |= 1 << i
}

func (b *bits) has(i int) bool {
	if b.many != nil {
		return (*b.many)[i/64]&(1<<(i%64)) != 0
	}
	return b.few&(1<<i) != 0
}

// Decide decides what is permitted on a site. The choice is the one that the
// browser carries, nil for none.
func Decide(site *policy.Site, choice *Choice, s Signals, now time.Time) Decision {
	d := Decision{site: site, granted: newBits(len(site.Categories)), asked: newBits(len(site.Categories)),
		in: newBits(len(site.Services)), services: newBits(len(site.Services))}
	v := view{site: site, gpc: s.GPC}
	if choice.InForce(site, now) {
		v.device = choice
	}
	if site.Choice.Scope == policy.ScopeAccount && s.SignedIn && s.Account.InForce(site, now) {
		v.account = s.Account
	}
	asks := false
	for i, k := range site.Categories {
		if !k.NeedsConsent() {
			d.granted.grant(i, k.Ground == policy.GroundExempt)
			continue
		}
		yes, covered := v.category(k)
		d.granted.grant(i, yes)
		if !covered && k.InUse() {
			d.asked.add(i)
			asks = true
		}
		for _, svc := range k.Services {
			if svc.Loads == policy.LoadsOnConsent && (v.excepts() && v.service(k, svc) || !v.excepts() && yes) {
				d.services.add(svc.Index)
			}
		}
	}
	for i, svc := range site.Services {
		if d.inUse(svc, s) {
			d.in.add(i)
		}
	}
	switch {
	case v.device == nil && v.account == nil && (asks || site.NoticeMode() != policy.NoticeConsent):
		d.Notice = FirstNotice
	case asks:
		d.Notice = AgainNotice
	}
	return d
}

func (b *bits) grant(i int, yes bool) {
	if yes {
		b.add(i)
	}
}

// inUse reports whether a service is in use now.
func (d *Decision) inUse(svc *policy.Service, s Signals) bool {
	switch {
	case svc.Loads == policy.LoadsAlways:
		return true
	case svc.Loads == policy.LoadsOnConsent:
		return d.services.has(svc.Index)
	case svc.Click && slices.Contains(s.Clicked, svc.ID):
		return true // the click asks for this service, and for it alone
	}
	return svc.LoadsAt(s.Path) && d.granted.has(svc.Category.Index)
}

// A view is the choices in force, and what narrows them.
type view struct {
	site            *policy.Site
	device, account *Choice
	gpc             bool
}

// excepts reports whether any service was decided about otherwise than its
// category. Where none was, the category's answer is the service's.
func (v *view) excepts() bool {
	return v.device != nil && len(v.device.Exceptions) > 0 || v.account != nil && len(v.account.Exceptions) > 0
}

// category reports whether a category is permitted, and whether an answer covers
// what it is today: one that does not is asked for again.
func (v *view) category(k *policy.Category) (yes, covered bool) {
	if v.gpc && k.Advertising {
		return false, true
	}
	answer, ok := v.latest(k, "")
	if !ok {
		return false, false
	}
	if !answer.Allow {
		return false, k.HonoursRefusal(answer.Scope)
	}
	covered = k.Honours(answer.Scope)
	return covered && k.InUse(), covered
}

// service reports whether a service that loads on consent is permitted.
func (v *view) service(k *policy.Category, svc *policy.Service) bool {
	if v.gpc && k.Advertising {
		return false
	}
	answer, ok := v.latest(k, svc.ID)
	return ok && answer.Allow && k.Honours(answer.Scope)
}

// latest returns the answer that counts about a category, or about a service in
// it. Where browser and account differ the site says which one wins; a refusal
// stands against any yes that is not younger.
func (v *view) latest(k *policy.Category, service string) (Answer, bool) {
	device, onDevice := said(v.device, k.ID, service)
	account, onAccount := said(v.account, k.ID, service)
	switch {
	case !onDevice || !onAccount:
		if onAccount {
			return account, true
		}
		return device, onDevice
	case !device.Allow && !v.device.At.Before(v.account.At):
		return device, true
	case !account.Allow && !v.account.At.Before(v.device.At):
		return account, true
	case v.site.Choice.Conflict == "account" || v.account.At.After(v.device.At):
		return account, true
	}
	return device, true
}

// said returns what a choice says about a category, or about a service in it.
func said(c *Choice, category, service string) (Answer, bool) {
	if c == nil {
		return Answer{}, false
	}
	answer, ok := c.answer(category)
	if service == "" {
		return answer, ok
	}
	switch allow, own := c.exception(service); {
	case own && ok:
		answer.Allow = allow
	case own && !allow: // a no needs no answer about the category to stand
		return Answer{Category: category}, true
	}
	return answer, ok
}

// Category reports whether a category is permitted: it is exempt, or a yes
// covers it.
func (d *Decision) Category(k *policy.Category) bool { return d.granted.has(k.Index) }

// Asks reports whether a category has no answer that covers what it is today.
func (d *Decision) Asks(k *policy.Category) bool { return d.asked.has(k.Index) }

// Service reports whether a service may be contacted: on this page, now.
func (d *Decision) Service(s *policy.Service) bool { return d.Runs(s) && !s.SelfHosted }

// Runs reports whether what belongs to a service may run on this page, now. Of one that
// the site hosts itself that is all there is: no other host is contacted for it.
func (d *Decision) Runs(s *policy.Service) bool { return d.in.has(s.Index) }

// Tracker reports whether something may be stored: it is exempt, or a yes covers
// a category or a service that it serves.
func (d *Decision) Tracker(t *policy.Tracker) bool {
	if t.Exempt() {
		return true
	}
	if t.Service == nil {
		if d.granted.has(t.Category.Index) {
			return true
		}
	} else if d.permits(t.Service) {
		return true
	}
	for _, s := range t.Shared {
		if d.permits(s) {
			return true
		}
	}
	return false
}

// permits reports whether what a service keeps may be kept.
func (d *Decision) permits(s *policy.Service) bool {
	switch s.Loads {
	case policy.LoadsOnConsent:
		return d.services.has(s.Index)
	case policy.LoadsOnUse:
		// Kept from page to page with a yes; without one, while it is in use.
		return d.granted.has(s.Category.Index) || d.Service(s)
	}
	return d.granted.has(s.Category.Index)
}
