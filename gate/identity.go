package gate

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/temoin/temoin/consent"
)

// An Identity is an address of the site that says, by JSON, whose the cookies of a request
// are: how a proxy learns who is signed in.
type Identity struct {
	URL *url.URL
	// Field is where the id stands in the answer, "user.id". It is a text or a number; where
	// it is missing or empty nobody is signed in, as with 204, 401, 403 and 404.
	Field     string
	Transport http.RoundTripper // nil is http.DefaultTransport
}

const (
	identityFresh   = 30 * time.Second // for so long an answer is believed
	identityTimeout = time.Second
	identitySize    = 64 << 10
	identities      = 1 << 13 // answers that are kept
)

// An asker asks the address, with the cookies that need nobody's consent.
type asker struct {
	Identity
	site *Site
	now  func() time.Time

	mu         sync.Mutex
	young, old map[[sha256.Size]byte]asked
}

type asked struct {
	id string
	at time.Time
}

// Subject returns who is signed in.
func (a *asker) Subject(r *http.Request) (string, error) {
	q := read(r)
	h := http.Header{"Cookie": slices.Clone(q.cookies)}
	none := consent.Decide(a.site.policy, nil, consent.Signals{}, a.now())
	a.site.cookies.Request(h, &none, a.site.at(&q, false))
	cookies := strings.Join(h["Cookie"], "; ")
	if cookies == "" {
		return "", nil
	}
	key := sha256.Sum256([]byte(cookies))
	if known, ok := a.known(key); ok {
		return known, nil
	}
	id, err := a.ask(r.Context(), cookies, r.Host)
	if err == nil {
		a.keep(key, id)
	}
	return id, err
}

func (a *asker) known(key [sha256.Size]byte) (string, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	one, ok := a.young[key]
	if !ok {
		one, ok = a.old[key]
	}
	return one.id, ok && a.now().Sub(one.at).Abs() < identityFresh
}

func (a *asker) keep(key [sha256.Size]byte, id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.young == nil || len(a.young) >= identities/2 {
		a.old, a.young = a.young, map[[sha256.Size]byte]asked{}
	}
	a.young[key] = asked{id, a.now()}
}

// ask asks the site.
func (a *asker) ask(ctx context.Context, cookies, host string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL.String(), nil)
	if err != nil {
		return "", err
	}
	r.Host = host
	r.Header = http.Header{"Cookie": {cookies}, "Accept": {"application/json"}, "User-Agent": {"temoin"}}
	transport := a.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		return "", fmt.Errorf("%s does not say who is signed in: %w", a.URL.Path, plain(err))
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusNoContent, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return "", nil
	default:
		return "", fmt.Errorf("%s does not say who is signed in: it answers %s", a.URL.Path, res.Status)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, identitySize))
	if err != nil {
		return "", err
	}
	return idIn(b, a.Field)
}

// idIn finds the id in an answer.
func idIn(b []byte, field string) (string, error) {
	var v any
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber() // an id may be longer than a float is exact
	if err := d.Decode(&v); err != nil {
		return "", errors.New("the answer of identity.url is no JSON")
	}
	for name := range strings.SplitSeq(field, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return "", nil
		}
		v = m[name]
	}
	switch id := v.(type) {
	case string:
		return id, nil
	case json.Number:
		return id.String(), nil
	}
	return "", nil
}
