package cexro

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"

	"github.com/temoin/temoin/examples/internal/kit"
)

// Whoever asks to stay signed in is known by a random token in a cookie, when the session
// has ended with the browser.
const tokenCookie = "auth_token"

// stay is the longest that a token is good for.
const stay = 30 * 24 * time.Hour

// tokens are those that were given out. They are kept in memory: after a restart of the
// site everybody signs in again.
type tokens struct {
	mu  sync.Mutex
	all map[string]token
}

type token struct {
	user  *kit.User
	until time.Time
}

// give makes a token for somebody, and forgets those that are over.
func (t *tokens) give(u *kit.User) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = map[string]token{}
	}
	now := time.Now()
	for value, one := range t.all {
		if now.After(one.until) {
			delete(t.all, value)
		}
	}
	value := rand.Text()
	t.all[value] = token{u, now.Add(stay)}
	return value
}

// owner returns whose a token is, nil for nobody's.
func (t *tokens) owner(value string) *kit.User {
	t.mu.Lock()
	defer t.mu.Unlock()
	one, ok := t.all[value]
	if !ok || time.Now().After(one.until) {
		return nil
	}
	return one.user
}

func (t *tokens) forget(value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.all, value)
}

// restore finds who is signed in by the token, where the session does not say it.
func (s *Site) restore(r *http.Request) *kit.User {
	c, err := r.Cookie(tokenCookie)
	if err != nil {
		return nil
	}
	return s.tokens.owner(c.Value)
}

// signed gives a token to whoever signs in, for the browser's session alone unless they
// asked to stay signed in, and takes it back from whoever signs out.
func (s *Site) signed(w http.ResponseWriter, r *http.Request, u *kit.User, remember bool) {
	if c, err := r.Cookie(tokenCookie); err == nil {
		s.tokens.forget(c.Value)
	}
	switch {
	case u == nil:
		s.kit.Forget(w, tokenCookie)
	case remember:
		s.kit.SetCookie(w, tokenCookie, s.tokens.give(u), "remember-me", int(stay.Seconds()))
	default:
		s.kit.SetCookie(w, tokenCookie, s.tokens.give(u), "otherwise", 0)
	}
}
