package app

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/internal/keyring"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/policy"
)

// accounts are those of a site, as the gate asks for them.
type accounts struct {
	*site
	key atomic.Pointer[accountKey]
}

// An accountKey is believed for a while: another one comes into use with a command, which
// says that nodes follow within that time.
type accountKey struct {
	keyring.Account
	read time.Time
}

const accountKeyFresh = time.Minute

func (a *accounts) current() (keyring.Account, error) {
	now := a.node.config.Now()
	if k := a.key.Load(); k != nil && now.Sub(k.read).Abs() < accountKeyFresh {
		return k.Account, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	key, err := a.node.book.Account(ctx, a.id)
	if err == nil {
		a.key.Store(&accountKey{key, now})
	}
	return key, err
}

// Account returns what stands for a subject.
func (a *accounts) Account(id string) ([]byte, error) {
	key, err := a.current()
	if err != nil {
		return nil, err
	}
	return key.Link(id), nil
}

// Sign returns a keyed hash.
func (a *accounts) Sign(text string) ([]byte, error) {
	key, err := a.current()
	if err != nil {
		return nil, err
	}
	return key.Sign(text), nil
}

// bind returns what binds a choice to the account that is signed in, "" for none.
func (a *accounts) bind(r *http.Request, id consent.ID) (string, error) {
	v := gate.Of(r.Context())
	if v == nil || v.Signed == nil {
		return "", nil
	}
	return gate.Bind(a, id, v.Signed)
}

// Latest returns the newest choice of an account, under whichever of the keys that links
// were ever made with.
func (a *accounts) Latest(ctx context.Context, id string) (*consent.Choice, error) {
	keys, err := a.node.ring.Accounts(a.id)
	if err != nil {
		return nil, err
	}
	var newest *consent.Choice
	for _, key := range keys {
		row, err := a.node.store.Latest(ctx, a.id, key.Link(id))
		if errors.Is(err, register.ErrUnknownRecord) {
			continue
		}
		if err != nil {
			return nil, err
		}
		record, err := register.ParseRecord(row.Record)
		if err != nil {
			return nil, err
		}
		choice, err := record.Choice()
		if err != nil {
			return nil, err
		}
		if choice.Until, err = time.Parse(time.RFC3339, record.Ends); err != nil {
			return nil, err
		}
		if newest == nil || choice.At.After(newest.At) {
			newest = choice
		}
	}
	return newest, nil
}

// shownTo is what the visitor of a request was shown to be allowed, by the account too: nil
// where the gate has not decided by the version that they were shown.
func shownTo(r *http.Request, site *policy.Site) *consent.Decision {
	if v := gate.Of(r.Context()); v != nil && v.Site == site {
		return &v.Decision
	}
	return nil
}

// standing is the choice that counts for the visitor of a request, by the account too: nil
// where the gate has not decided by the version that they were shown, or there is none.
func standing(r *http.Request, site *policy.Site) *consent.Choice {
	if v := gate.Of(r.Context()); v != nil && v.Site == site {
		return v.Standing
	}
	return nil
}

// accountOf is what stands for the account that a choice is kept for: none where its
// version did not say that choices follow accounts, which register.Endpoint asks about.
func accountOf(r *http.Request) []byte {
	if v := gate.Of(r.Context()); v != nil {
		return v.Account
	}
	return nil
}
