package register

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/temoin/temoin/internal/keyring"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/policy"
)

// Keys says what the log of a site is signed with.
type Keys interface {
	// LogKeys returns the keys as they are now. It fails with ErrOtherKey where this
	// process must not sign.
	LogKeys(ctx context.Context, site string) (LogKeys, error)
}

// LogKeys are the keys of one log at a time.
type LogKeys struct {
	Signers []ledger.Key // that sign now, the current one first
	Trust   ledger.Trust // all that ever signed: what is kept here may be by any
	Former  []string     // names of the site's logs before this one: see Keybook.NewLog
	Memory  Memory       // nil for none
}

// A Memory keeps the newest checkpoint of a log apart from the store, beside the keys:
// a store that was lost, or put back as it was before, cannot make whoever has the keys
// sign again what they have signed otherwise.
type Memory interface {
	LastSigned() ([]byte, error) // nil for none
	KeepSigned(note []byte) error
}

// A beside is the memory of a site in its folder of keys.
type beside struct {
	ring *keyring.Ring
	site string
}

func (m beside) LastSigned() ([]byte, error)  { return m.ring.LastSigned(m.site) }
func (m beside) KeepSigned(note []byte) error { return m.ring.KeepSigned(m.site, note) }

// OneKey is Keys for logs whose key never changes.
type OneKey func(site string) (ledger.Key, error)

// LogKeys returns the one key.
func (k OneKey) LogKeys(_ context.Context, site string) (LogKeys, error) {
	key, err := k(site)
	if err != nil {
		return LogKeys{}, err
	}
	return LogKeys{Signers: []ledger.Key{key}, Trust: ledger.Trust{Origin: key.Origin(), Keys: []ledger.Verifier{key.Verifier()}}}, nil
}

// LogOrigin is the name of a site's log: the address that it is served at. It is
// fixed when the log gets its first key, and stays when the address changes.
func LogOrigin(site *policy.Site) string { return site.Host + "/.temoin/log" }

// What a key that the store knows is for.
const (
	KeyOfLog      = "log"
	KeyOfAccounts = "account"
)

// Why a key came, or why another one ended.
const (
	KeyFirst       = "first"       // it is the site's first
	KeyPlanned     = "planned"     // in its time
	KeyLost        = "lost"        // nobody has it any more
	KeyCompromised = "compromised" // somebody else may have it
	KeyNewLog      = "new-log"     // the first of another log, after a loss
)

// A SiteKey is the public half of a key that a site has or had. It is never
// changed; that it has ended is written beside it.
type SiteKey struct {
	Site, Use string
	Number    int       // 1, 2, …: the highest is the current one
	Public    string    // a ledger.Verifier, or the mark of a keyring.Account
	Since     time.Time // by the clock of who registered it
	Size      int64     // of the log, then
	Why       string
	Note      string // the operator's words
	// Handover is by the key before it, where that was there and good: see
	// ledger.Handover. With KeyNewLog it is the last checkpoint of the log before.
	Handover []byte
	Ends     []KeyEnd
}

// A KeyEnd tells when and why a key ended: once, and once more when a key that has
// ended is found out to be compromised.
type KeyEnd struct {
	At   time.Time
	Why  string
	Note string
}

// Compromised reports whether somebody else may have the key.
func (k SiteKey) Compromised() bool {
	return slices.ContainsFunc(k.Ends, func(e KeyEnd) bool { return e.Why == KeyCompromised })
}

// A KeyStore keeps which keys a site has had, beside its log.
type KeyStore interface {
	LogStore
	// SiteKeys returns the keys of a site for one use, in the order of their numbers.
	SiteKeys(ctx context.Context, site, use string) ([]SiteKey, error)
	// AddSiteKey registers the next key. It fails with ErrStale, and writes nothing,
	// unless its number is that of the last one and one more.
	AddSiteKey(ctx context.Context, k SiteKey) error
	// EndSiteKey tells that a key has ended. It fails with ErrStale where there is no
	// later one; the same end told again changes nothing.
	EndSiteKey(ctx context.Context, site, use string, number int, end KeyEnd) error
}

var (
	// ErrOtherKey says that this process does not have the key that a site's store
	// was made with. To go on with another one would fork what the key is for.
	ErrOtherKey = errors.New("the folder of keys does not have the key that this store goes by")
	// ErrNoKey says that a site has no key yet.
	ErrNoKey = errors.New("the site has no key yet: it gets its first when it is first served")
)

// A Keybook tells which keys of a folder are in use. What is signed with which is a
// fact of the store, so that processes with different folders never sign one log
// with different keys: the first one registers its key, and whoever does not have
// it does not sign. It is safe for concurrent use.
type Keybook struct {
	store KeyStore
	ring  *keyring.Ring
	now   func() time.Time

	mu    sync.Mutex
	known map[string]bookmark // by site
}

// A bookmark is what was read, and stays true while the store has the same rows.
type bookmark struct {
	keys, ends int
	LogKeys
}

// NewKeybook makes a keybook. now is the system's clock if it is nil.
func NewKeybook(store KeyStore, ring *keyring.Ring, now func() time.Time) *Keybook {
	if now == nil {
		now = time.Now
	}
	return &Keybook{store: store, ring: ring, now: now, known: map[string]bookmark{}}
}

// Begin sees to it that a site has its keys, before it is served: it makes and
// registers them where the store knows none. It fails with ErrOtherKey where the
// store goes by keys that are not in the folder, and then makes none.
func (b *Keybook) Begin(ctx context.Context, site, origin string) error {
	if err := b.beginLog(ctx, site, origin); err != nil {
		return err
	}
	_, err := b.Account(ctx, site)
	if errors.Is(err, ErrNoKey) {
		err = b.beginAccounts(ctx, site)
	}
	return err
}

func (b *Keybook) beginLog(ctx context.Context, site, origin string) error {
	_, err := b.LogKeys(ctx, site)
	if !errors.Is(err, ErrNoKey) {
		return err
	}
	if signed, err := b.ring.LastSigned(site); err != nil || signed != nil {
		return errors.Join(err, b.lostStore(site, signed))
	}
	key, err := b.ring.MakeLog(site, origin, nil)
	if err != nil {
		return err
	}
	if key.Origin() != origin {
		return fmt.Errorf("%s is for the log %s, and the log of %s would be %s: a key signs one log only. Take the folder of keys that belongs to this store, or let a new one be made", b.ring.Path(site, key.Verifier()), key.Origin(), site, origin)
	}
	head, err := b.store.Head(ctx, site)
	if err != nil {
		return err
	}
	err = b.store.AddSiteKey(ctx, SiteKey{Site: site, Use: KeyOfLog, Number: 1, Public: key.Verifier().String(), Since: b.now(), Size: head.Size, Why: KeyFirst})
	if err != nil && !errors.Is(err, ErrStale) {
		return err
	}
	_, err = b.LogKeys(ctx, site) // somebody else may have been first
	return err
}

// lostStore says that a folder of keys has signed a log of which the store knows
// nothing.
func (b *Keybook) lostStore(site string, signed []byte) error {
	if signed == nil {
		return nil
	}
	lines := strings.SplitN(string(signed), "\n", 3)
	return fmt.Errorf("%w: the keys in %s have signed the log %s with %s entries, and this store has none of them. Is it mounted, and the right one? If it is lost, restore a backup; if there is none, put all files that begin with %q away, for good and safe: new keys begin a new log, and old receipts are verified with the old ones",
		ErrAhead, b.ring.Folder(), lines[0], lines[min(1, len(lines)-1)], site+".")
}

func (b *Keybook) beginAccounts(ctx context.Context, site string) error {
	key, err := b.ring.MakeAccount(site, nil)
	if err != nil {
		return err
	}
	err = b.store.AddSiteKey(ctx, SiteKey{Site: site, Use: KeyOfAccounts, Number: 1, Public: key.Mark(), Since: b.now(), Why: KeyFirst})
	if err != nil && !errors.Is(err, ErrStale) {
		return err
	}
	_, err = b.Account(ctx, site)
	return err
}

// LogKeys returns the keys of a site's log: see Keys. It fails with ErrNoKey before
// Begin. A key that a rotation has registered meanwhile is found in the folder.
func (b *Keybook) LogKeys(ctx context.Context, site string) (LogKeys, error) {
	rows, err := b.store.SiteKeys(ctx, site, KeyOfLog)
	if err != nil {
		return LogKeys{}, err
	}
	ends := 0
	for _, r := range rows {
		ends += len(r.Ends)
	}
	b.mu.Lock()
	k, ok := b.known[site]
	b.mu.Unlock()
	if ok && k.keys == len(rows) && k.ends == ends {
		return k.LogKeys, nil
	}
	keys, err := b.held(site, rows)
	if err != nil {
		return keys, err
	}
	b.mu.Lock()
	b.known[site] = bookmark{len(rows), ends, keys}
	b.mu.Unlock()
	return keys, nil
}

// held finds the private halves of the keys that sign: of the current one, and of
// those before it that have not ended, as far as they are there.
func (b *Keybook) held(site string, rows []SiteKey) (LogKeys, error) {
	trust, err := TrustIn(rows, true)
	if err != nil {
		return LogKeys{}, err
	}
	ring, err := b.ring.Log(site)
	if err != nil {
		return LogKeys{}, err
	}
	keys := LogKeys{Trust: trust, Former: FormerLogs(rows), Memory: beside{b.ring, site}}
	for i, r := range slices.Backward(rows) {
		at := slices.IndexFunc(ring, func(k ledger.Key) bool { return k.Verifier().String() == r.Public })
		last := i == len(rows)-1
		if at < 0 && last {
			return LogKeys{}, b.otherKey(r, len(ring))
		}
		if at >= 0 && ring[at].Origin() == trust.Origin && (last || len(r.Ends) == 0) {
			keys.Signers = append(keys.Signers, ring[at])
		}
	}
	return keys, nil
}

// otherKey says which key is missing, and what to do.
func (b *Keybook) otherKey(r SiteKey, held int) error {
	return fmt.Errorf("%w: the %s key of %s is %s (number %d, since %s), and %s has %d others. Mount the right folder, or put the key back from a backup; only if nobody has it any more: temoin keys rotate --what %s --lost",
		ErrOtherKey, r.Use, r.Site, r.Public, r.Number, r.Since.UTC().Format(time.RFC3339), b.ring.Folder(), held, r.Use)
}

// Account returns the key of a site's account links. It fails with ErrNoKey before
// Begin, and with ErrOtherKey where the links were made with another one: they
// could not be found, nor erased.
func (b *Keybook) Account(ctx context.Context, site string) (keyring.Account, error) {
	rows, err := b.store.SiteKeys(ctx, site, KeyOfAccounts)
	if err != nil {
		return keyring.Account{}, err
	}
	if len(rows) == 0 {
		return keyring.Account{}, ErrNoKey
	}
	ring, err := b.ring.Accounts(site)
	if err != nil {
		return keyring.Account{}, err
	}
	current := rows[len(rows)-1]
	for _, k := range ring {
		if k.Mark() == current.Public {
			return k, nil
		}
	}
	return keyring.Account{}, b.otherKey(current, len(ring))
}

// TrustIn returns the trust in the keys of a site's log, the newest first; of its
// last one, where it has had several. Readers are given no compromised one: what it
// has signed, somebody else may have.
func TrustIn(rows []SiteKey, compromised bool) (ledger.Trust, error) {
	if len(rows) == 0 {
		return ledger.Trust{}, ErrNoKey
	}
	var t ledger.Trust
	for _, r := range slices.Backward(rows) {
		v, err := ledger.ParseVerifier(r.Public)
		if err != nil {
			return t, fmt.Errorf("key %d of the log of %s: %w", r.Number, r.Site, err)
		}
		if t.Origin == "" {
			t.Origin = v.Name()
		}
		if v.Name() == t.Origin && (compromised || !r.Compromised()) {
			t.Keys = append(t.Keys, v)
		}
	}
	return t, nil
}

// PublicKeys returns the keys of all logs that a site has had, for readers, the
// newest first, and no compromised one.
func PublicKeys(rows []SiteKey) (keys []string) {
	for _, r := range slices.Backward(rows) {
		if !r.Compromised() {
			keys = append(keys, r.Public)
		}
	}
	return keys
}

// logOf is the name of the log that a key is of.
func (k SiteKey) logOf() string {
	name, _, _ := strings.Cut(k.Public, "+")
	return name
}

// FormerLogs returns the names of the logs that a site had before its last one, the
// oldest first.
func FormerLogs(rows []SiteKey) (names []string) {
	for _, r := range rows {
		if name := r.logOf(); name != rows[len(rows)-1].logOf() && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// KeyList writes the public keys of a log for readers, the newest first: what
// temoin verify --key takes. Compromised ones are named in comments only.
func KeyList(rows []SiteKey) string {
	var b strings.Builder
	day := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	for i, r := range slices.Backward(rows) {
		fmt.Fprintf(&b, "# Key %d, since %s and entry %d (%s)", r.Number, day(r.Since), r.Size, r.Why)
		switch {
		case r.Compromised():
			fmt.Fprintf(&b, ". Compromised: somebody else may sign with it. Receipts under it alone prove nothing any more: download them again.\n# %s\n", r.Public)
			continue
		case r.logOf() != rows[len(rows)-1].logOf():
			fmt.Fprintf(&b, ", of the former log %s, which is signed no more: its receipts still verify", r.logOf())
		case r.Why == KeyNewLog:
			fmt.Fprintf(&b, ", which begins the log %s: of the one before, signed up to entry %s, entries were lost", r.logOf(), sizeIn(r.Handover))
		case len(r.Ends) > 0:
			fmt.Fprintf(&b, "; signed until %s", day(r.Ends[0].At))
		case i < len(rows)-1:
			b.WriteString("; signs beside the newer one for a while")
		}
		fmt.Fprintf(&b, ".\n%s\n", r.Public)
	}
	return b.String()
}

// sizeIn is the size that a checkpoint tells of.
func sizeIn(checkpoint []byte) string {
	_, rest, _ := strings.Cut(string(checkpoint), "\n")
	size, _, _ := strings.Cut(rest, "\n")
	return size
}
