package gate

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/policy"
)

// Subjects says who a request comes from, for sites whose choices follow the account.
type Subjects interface {
	// Subject returns the site's own id of the account that is signed in, "" for nobody.
	// Where it fails nobody knows whether the account has refused: then nothing is
	// granted. The id is never kept or sent anywhere; what is kept is a keyed hash.
	Subject(r *http.Request) (id string, err error)
}

// A SubjectFunc is a function as Subjects.
type SubjectFunc func(r *http.Request) (id string, err error)

// Subject calls the function.
func (f SubjectFunc) Subject(r *http.Request) (string, error) { return f(r) }

// SubjectHeader is the header of an answer by which a site says who is signed in from now
// on, as after a form to sign in: the id, or nothing for nobody. The answer is decided
// about anew, and no browser ever sees the header.
const SubjectHeader = "Temoin-Subject"

// Accounts keep the choices of accounts.
type Accounts interface {
	// Account returns what stands for a subject: a keyed hash.
	Account(id string) ([]byte, error)
	// Latest returns the newest choice of a subject's account; nil for none.
	Latest(ctx context.Context, id string) (*consent.Choice, error)
	// Sign returns a keyed hash of what a browser is to give back unchanged.
	Sign(text string) ([]byte, error)
}

// An account is what a request says of one, in its own cookie:
//
//	1.STATE.SECONDS.ACCOUNT.CHOICE~ASIDE.MAC
//
// whether its choice applies (a), applies and nobody was told yet (n), or this device keeps
// its own (d), when the register was asked, the beginning of what stands for the account, its choice as the consent cookie
// has it ("" for none), the choice that the browser had before anybody chose while signed in
// (with its ~; else nothing), and a MAC over all that.
type account struct {
	key    []byte // nil for nobody who is signed in
	state  string
	choice *consent.Choice
	at     time.Time       // when the register was asked
	stale  bool            // the cookie is to be written
	drop   bool            // the cookie is to go
	failed bool            // nobody knows what the account has chosen
	aside  *consent.Choice // the browser's own, which comes back when nobody is signed in
	back   string          // the cookie by which it does
	alien  bool            // the browser carries the choice of another account, which is to go
}

const (
	follows  = "a" // the account's choice applies
	untold   = "n" // it does, and nobody was told yet
	keepsOwn = "d" // this device keeps its own
)

// arrived reports whether the visitor is to be told that the account's choice applies.
func (a *account) arrived() bool { return a.key != nil && a.state == untold && a.choice != nil }

// own reports whether this device keeps its own choice.
func (a *account) own() bool { return a.state == keepsOwn }

const (
	accountFresh   = time.Minute            // for so long the cookie is believed
	accountTimeout = 500 * time.Millisecond // for the register
	accountShown   = 16                     // bytes of what stands for the account
)

// account finds out who is signed in, and what their account has chosen.
func (g *Gate) account(s *Site, r *request, now time.Time) account {
	if s.policy.Choice.Scope != policy.ScopeAccount || s.parts.Subjects == nil || s.parts.Accounts == nil {
		return account{}
	}
	id, err := s.parts.Subjects.Subject(r.Request)
	if err != nil {
		return account{failed: true}
	}
	return g.accountOf(s, r, id, now)
}

// accountOf is account for a subject.
func (g *Gate) accountOf(s *Site, r *request, id string, now time.Time) account {
	value, carried := r.cookie(policy.AccountCookie)
	parts, aside := s.signedAccount(value)
	if id == "" {
		return account{drop: carried, aside: aside}
	}
	key, err := s.parts.Accounts.Account(id)
	if err != nil {
		return account{failed: true}
	}
	a := account{key: key, state: untold, aside: aside}
	known := s.readAccount(&a, parts)
	fresh := now.Sub(a.at) < accountFresh && !now.Before(a.at) && !g.recent.since(key, a.at)
	if known && (fresh || !r.page && !r.ours) {
		return a
	}
	ctx, cancel := context.WithTimeout(r.Context(), accountTimeout)
	defer cancel()
	if a.choice, err = s.parts.Accounts.Latest(ctx, id); err != nil {
		return account{key: key, failed: true}
	}
	a.at, a.stale = now, true
	return a
}

// writeAccount writes the cookie of an account.
func (s *Site) writeAccount(a *account) (string, error) {
	choice := ""
	if a.choice != nil {
		var err error
		if choice, err = s.parts.Codec.Encode(a.choice); err != nil {
			return "", err
		}
	}
	if a.aside != nil {
		aside, err := s.parts.Codec.Encode(a.aside)
		if err != nil {
			return "", err
		}
		choice += "~" + aside
	}
	text := strings.Join([]string{"1", a.state, strconv.FormatInt(a.at.Unix(), 10), base64.RawURLEncoding.EncodeToString(a.key[:accountShown]), choice}, ".")
	mac, err := s.parts.Accounts.Sign(text)
	if err != nil {
		return "", err
	}
	return policy.AccountCookie + "=" + text + "." + base64.RawURLEncoding.EncodeToString(mac[:accountShown]) + "; Path=/; Secure; HttpOnly; SameSite=Lax", nil
}

// signedAccount reads what was written here, of whichever account: its parts, nil for
// anything else, and the choice that was put aside.
func (s *Site) signedAccount(value string) (parts []string, aside *consent.Choice) {
	cut := strings.LastIndexByte(value, '.')
	if cut < 0 {
		return nil, nil
	}
	text := value[:cut]
	mac, err := base64.RawURLEncoding.DecodeString(value[cut+1:])
	want, signErr := s.parts.Accounts.Sign(text)
	if err != nil || signErr != nil || !hmac.Equal(mac, want[:accountShown]) {
		return nil, nil
	}
	parts = strings.SplitN(text, ".", 5) // a choice may have dots
	if len(parts) != 5 || parts[0] != "1" {
		return nil, nil
	}
	choice, own, _ := strings.Cut(parts[4], "~")
	if parts[4] = choice; own != "" {
		aside = s.choices.read(own)
	}
	return parts, aside
}

// readAccount reads the parts of the cookie of an account, if it is that one's.
func (s *Site) readAccount(a *account, parts []string) (known bool) {
	if parts == nil {
		return false
	}
	seconds, err := strconv.ParseInt(parts[2], 10, 64)
	key, keyErr := base64.RawURLEncoding.DecodeString(parts[3])
	if err != nil || keyErr != nil || !bytes.Equal(key, a.key[:accountShown]) {
		return false
	}
	if parts[4] != "" {
		if a.choice = s.choices.read(parts[4]); a.choice == nil {
			return false
		}
	}
	a.state, a.at = parts[1], time.Unix(seconds, 0)
	return true
}

// Bind returns what binds a choice to an account: it is another for each choice, so that
// nothing in a browser tells which choices are one account's.
func Bind(a Accounts, id consent.ID, account []byte) (string, error) {
	mac, err := a.Sign("choice " + id.String() + " " + base64.RawURLEncoding.EncodeToString(account))
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(mac)[:consent.BindingLength], nil
}

// counts reports whether a choice is the browser's own, or was made by the account that is
// signed in. That of another one goes from the browser, as its account has.
func (a *account) counts(s *Site, c *consent.Choice) bool {
	a.alien = false
	if c == nil || c.Bound == "" {
		return true
	}
	if a.key != nil {
		if bound, err := Bind(s.parts.Accounts, c.ID, a.key); err == nil && hmac.Equal([]byte(bound), []byte(c.Bound)) {
			return true
		}
	}
	a.alien = !a.failed
	return false
}

// putAside keeps the browser's own choice for when nobody is signed in: another one takes
// its place now.
func (a *account) putAside(carried *consent.Choice) {
	if a.key != nil && carried != nil && carried.Bound == "" && !a.own() {
		a.aside = carried
	}
}

// restore gives the browser its own choice back, where nobody is signed in any more.
func (a *account) restore(s *Site, carried *consent.Choice, now time.Time) *consent.Choice {
	if a.back = ""; a.key != nil || a.failed || !a.aside.InForce(s.policy, now) || carried != nil && carried.Bound == "" {
		return carried
	}
	value, err := s.parts.Codec.Encode(a.aside)
	if err != nil {
		return carried
	}
	a.back = consent.Cookie(s.policy, value, a.aside.Ends(s.policy), now)
	return a.aside
}

// forget removes the choice from a browser.
func (s *Site) forget() string { return consent.Cookie(s.policy, "", time.Time{}, time.Time{}) }

// signals are what the account adds to those of a request.
func (a *account) signals(s consent.Signals) consent.Signals {
	if a.key != nil && !a.own() {
		s.SignedIn, s.Account = true, a.choice
	}
	return s
}

// setAccount puts the cookie of an account into an answer; told says that the answer tells
// the visitor that the account's choice applies.
func (s *Site) setAccount(h http.Header, a *account, told bool) {
	switch _, chosen := setCookie(h, s.policy.Choice.Cookie); {
	case chosen:
	case a.back != "":
		h.Add("Set-Cookie", a.back)
	case a.alien:
		h.Add("Set-Cookie", s.forget())
	}
	if a.drop {
		h.Add("Set-Cookie", policy.AccountCookie+"=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
		return
	}
	if told && a.arrived() {
		a.state, a.stale = follows, true
	}
	if !a.stale {
		return
	}
	if cookie, err := s.writeAccount(a); err == nil { // without it the register is asked again
		h.Add("Set-Cookie", cookie)
	}
}
