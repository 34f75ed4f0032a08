// Package keyring keeps the secret keys of sites in one folder:
//
//	SITE.log.N      signs the heads of the site's log
//	SITE.cookie.N   authenticates its consent cookie
//	SITE.account.N  turns the id of an account into the link that a record carries
//
// N is 1 for the first and grows. Beside them stands SITE.signed, which is no secret: the
// newest checkpoint that was signed with them. docs/keys.md tells which are used when, what to
// back up, and what follows when one is lost or stolen.
//
// What holds:
//
//   - A key is there whole or not at all: it is written to a file of another name,
//     flushed, and then given its own by a link, which fails where the name is
//     taken. Of two processes that make the same key at once both get the one that
//     was first. A process that dies in between leaves at most a key that nobody
//     has used, and the next one goes on.
//   - A key that others can read is no secret, and one that others can write is not
//     ours: both are refused, with what to do. See [ErrExposed].
//   - A damaged file, one of another site or of another use is refused, and never
//     replaced: what it holds may be needed.
//   - Files are read anew by each call, so that what an operator adds is seen. None
//     of these calls belongs on the path of a request.
//
// Which log key is in use, the store says: see register.Keybook.
package keyring

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/temoin/temoin/internal/ledger"
)

// Uses of keys.
const (
	useLog     = "log"
	useCookie  = "cookie"
	useAccount = "account"
)

var (
	// ErrExposed says that others than the owner can read or write a key.
	ErrExposed = errors.New("others can get at a key")
	// ErrDamaged says that a file is no key, or not all of one.
	ErrDamaged = errors.New("this is no key, or not all of one")
	// ErrMisplaced says that a key is of another site or use than its name says.
	ErrMisplaced = errors.New("this key is of another site or use")
)

// A Ring is a folder of keys. It is safe for concurrent use, also by several
// processes.
type Ring struct {
	folder string
	random io.Reader
	disk   disk
}

// Open opens a folder of keys. It makes the folder, with mode 0700, if need be.
// random is crypto/rand if it is nil.
func Open(folder string, random io.Reader) (*Ring, error) {
	if random == nil {
		random = rand.Reader
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("the folder of keys: %w: make it, or name another with --keys", err)
	}
	info, err := os.Stat(folder)
	if err != nil {
		return nil, fmt.Errorf("the folder of keys: %w", err)
	}
	if err := guardFolder(folder, info); err != nil {
		return nil, err
	}
	r := &Ring{folder, random, realDisk{}}
	r.tidy()
	return r, nil
}

// Folder returns where the keys are.
func (r *Ring) Folder() string { return r.folder }

// Log returns the keys that the folder has for the log of a site, the oldest first.
// There being none is no error.
func (r *Ring) Log(site string) ([]ledger.Key, error) {
	files, err := r.files(site, useLog)
	var keys []ledger.Key
	for _, f := range files {
		keys = append(keys, f.log)
	}
	return keys, err
}

// LastSigned returns the newest checkpoint of a site's log that this folder's keys have
// signed; nil for none.
func (r *Ring) LastSigned(site string) ([]byte, error) {
	if !siteID.MatchString(site) {
		return nil, fmt.Errorf("%.80q is no site's id: small letters, digits and hyphens", site)
	}
	note, err := os.ReadFile(r.signed(site))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	switch {
	case err != nil:
		return nil, err
	case len(note) > maxFile:
		return nil, fmt.Errorf("%s: %w", r.signed(site), ErrDamaged)
	case len(note) == 0: // a power cut came before it was on the disk
		return nil, nil
	}
	return note, nil
}

// KeepSigned keeps a checkpoint as the newest one. It outlives the process, and is not
// waited for until it would outlive a power cut: the store, which is flushed before
// anything is signed, has lost nothing then.
func (r *Ring) KeepSigned(site string, note []byte) error {
	temporary := filepath.Join(r.folder, "."+site+".signed."+strconv.Itoa(os.Getpid()))
	if err := os.WriteFile(temporary, note, 0o600); err != nil {
		return unwritable(err)
	}
	if err := os.Rename(temporary, r.signed(site)); err != nil {
		return unwritable(err)
	}
	return nil
}

func (r *Ring) signed(site string) string { return filepath.Join(r.folder, site+".signed") }

// MakeLog returns a key of the folder for the log of a site that is none of the
// known ones: the newest, or one that it makes, for the given origin. After a call
// that died, or in another process at the same time, it returns the same key.
func (r *Ring) MakeLog(site, origin string, known []ledger.Verifier) (ledger.Key, error) {
	unknown := func(f file) bool { return !slices.Contains(known, f.log.Verifier()) }
	f, err := r.next(site, useLog, unknown, func() (file, error) {
		key, err := ledger.NewKey(origin, r.random)
		return file{site: site, use: useLog, log: key}, err
	})
	return f.log, err
}

// Cookie returns the keys of a site's consent cookie, for consent.NewCodec: the
// first writes, all read. It makes one if there is none.
//
// The newest key whose time has come writes. A key of which the time is still to
// come reads already, so that nodes which learn of it at different times agree.
func (r *Ring) Cookie(site string, now time.Time) ([][]byte, error) {
	files, err := r.files(site, useCookie)
	if err == nil && len(files) == 0 {
		var f file
		f, err = r.next(site, useCookie, func(file) bool { return true }, func() (file, error) { return r.secret(site, useCookie, now) })
		files = []file{f}
	}
	if err != nil {
		return nil, err
	}
	writer := 0
	for i, f := range files {
		if !f.from.After(now) {
			writer = i
		}
	}
	keys := [][]byte{files[writer].key}
	for i, f := range slices.Backward(files) {
		if i != writer {
			keys = append(keys, f.key)
		}
	}
	return keys, nil
}

// RotateCookie makes a key of a site's consent cookie that begins to write at a
// time, and reads from when it is loaded on. While one waits for its time, it is
// an error to make another.
func (r *Ring) RotateCookie(site string, from, now time.Time) error {
	files, err := r.files(site, useCookie)
	if err != nil {
		return err
	}
	if n := len(files); n > 0 && files[n-1].from.After(now) {
		return fmt.Errorf("%s begins to write at %s already: wait until then", files[n-1].path, files[n-1].from.Format(time.RFC3339))
	}
	return r.addCookie(site, from, files)
}

// ReplaceCookie makes a key of a site's consent cookie that writes at once, and
// removes all others: nobody's cookie can be read any more.
func (r *Ring) ReplaceCookie(site string, now time.Time) error {
	files, err := r.files(site, useCookie)
	if err != nil {
		return err
	}
	if err := r.addCookie(site, now, files); err != nil {
		return err
	}
	for _, f := range files {
		if err := r.disk.remove(f.path); err != nil {
			return fmt.Errorf("removing a key: %w", err)
		}
	}
	return r.disk.sync(r.folder)
}

// addCookie makes a key after those that were there, unless another process has
// made one meanwhile.
func (r *Ring) addCookie(site string, from time.Time, before []file) error {
	meanwhile := func(f file) bool {
		return !slices.ContainsFunc(before, func(o file) bool { return o.number == f.number })
	}
	_, err := r.next(site, useCookie, meanwhile, func() (file, error) { return r.secret(site, useCookie, from) })
	return err
}

// PruneCookie removes the keys of a site's consent cookie that wrote nothing after
// a time: before now by at least as long as a choice ever lasted. It returns the
// files.
func (r *Ring) PruneCookie(site string, before time.Time) ([]string, error) {
	files, err := r.files(site, useCookie)
	if err != nil {
		return nil, err
	}
	var gone []string
	for i := range files {
		if i+1 == len(files) || !files[i+1].from.Before(before) {
			break
		}
		if err := r.disk.remove(files[i].path); err != nil {
			return gone, fmt.Errorf("removing a key: %w", err)
		}
		gone = append(gone, files[i].path)
	}
	return gone, r.disk.sync(r.folder)
}

// Accounts returns the keys that the folder has for the account links of a site,
// the oldest first. There being none is no error.
func (r *Ring) Accounts(site string) ([]Account, error) {
	files, err := r.files(site, useAccount)
	var keys []Account
	for _, f := range files {
		keys = append(keys, Account{site, f.key})
	}
	return keys, err
}

// MakeAccount returns a key for account links that has none of the known marks:
// see MakeLog.
func (r *Ring) MakeAccount(site string, known []string) (Account, error) {
	unknown := func(f file) bool { return !slices.Contains(known, Account{site, f.key}.Mark()) }
	f, err := r.next(site, useAccount, unknown, func() (file, error) { return r.secret(site, useAccount, time.Time{}) })
	return Account{site, f.key}, err
}

// secret makes 32 random bytes.
func (r *Ring) secret(site, use string, from time.Time) (file, error) {
	f := file{site: site, use: use, key: make([]byte, keySize)}
	if use == useCookie {
		f.from = from.UTC().Truncate(time.Second)
	}
	if _, err := io.ReadFull(r.random, f.key); err != nil {
		return file{}, fmt.Errorf("making a key: %w", err)
	}
	return f, nil
}

// An Account turns ids of accounts into links. Printing it shows its mark only.
type Account struct {
	site string
	key  []byte
}

// Link returns the link of an account, 32 bytes: HMAC-SHA256 over the site and the
// account's id. Without the key nobody can tell whose it is, or compare two sites.
func (a Account) Link(id string) []byte { return a.mac("link", id) }

// Sign returns a MAC of a text that a browser is to give back unchanged.
func (a Account) Sign(text string) []byte { return a.mac("sign", text) }

// Mark returns what tells this key from others and may be published: 32
// hexadecimal digits.
func (a Account) Mark() string { return hex.EncodeToString(a.mac("mark", "")[:16]) }

// IsZero reports whether there is no key.
func (a Account) IsZero() bool { return a.key == nil }

// Format writes the mark, whatever the verb: no log line can show the key.
func (a Account) Format(f fmt.State, _ rune) {
	if a.IsZero() {
		io.WriteString(f, "no key")
		return
	}
	io.WriteString(f, "account key "+a.Mark())
}

func (a Account) mac(what, id string) []byte {
	h := hmac.New(sha256.New, a.key)
	io.WriteString(h, "temoin account "+what+"\x00"+a.site+"\x00"+id)
	return h.Sum(nil)
}

// Path returns the file that holds a key of a site's log, for messages; empty if
// there is none.
func (r *Ring) Path(site string, key ledger.Verifier) string {
	files, err := r.files(site, useLog)
	if err != nil {
		return ""
	}
	for _, f := range files {
		if f.log.Verifier() == key {
			return filepath.Clean(f.path)
		}
	}
	return ""
}
