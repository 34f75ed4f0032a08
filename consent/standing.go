package consent

import (
	"slices"
	"time"

	"github.com/temoin/temoin/policy"
)

// Standing returns the choice that Decide decides by, nil for none in force: the one that
// the browser carries, or that of the account whose signals come with it. Where each of
// them answers a part it is a new one with the answers that count, under the id and the
// time of the younger, which ends when the first of them does.
func Standing(site *policy.Site, choice *Choice, s Signals, now time.Time) *Choice {
	if !choice.InForce(site, now) {
		choice = nil
	}
	account := s.Account
	if site.Choice.Scope != policy.ScopeAccount || !s.SignedIn || !account.InForce(site, now) {
		account = nil
	}
	switch {
	case account == nil:
		return choice
	case choice == nil:
		return account
	case choice.ID == account.ID:
		return choice
	}
	v := view{site: site, device: choice, account: account}
	young, old := choice, account
	if account.At.After(choice.At) {
		young, old = account, choice
	}
	both := v.both()
	for _, c := range []*Choice{young, old} {
		if slices.Equal(c.Answers, both.Answers) && slices.Equal(c.Exceptions, both.Exceptions) {
			return c
		}
	}
	both.ID, both.At, both.Until = young.ID, young.At, young.Ends(site)
	if ends := old.Ends(site); ends.Before(both.Until) {
		both.Until = ends
	}
	return both
}

// both returns the answers of a view that count.
func (v *view) both() *Choice {
	c := &Choice{}
	for _, k := range v.site.Categories {
		if !k.NeedsConsent() {
			continue
		}
		answer, ok := v.latest(k, "")
		if ok {
			c.Answers = append(c.Answers, answer)
		}
		for _, s := range k.Services {
			own, said := v.latest(k, s.ID)
			if s.Loads == policy.LoadsOnConsent && said && (!ok || own.Allow != answer.Allow) {
				c.Exceptions = append(c.Exceptions, Exception{s.ID, own.Allow})
			}
		}
	}
	return c
}
