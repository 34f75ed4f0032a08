package register

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/temoin/temoin/consent"
)

// A Form is how far an erasure goes.
type Form string

const (
	// Unlink takes the records of an account from it: nothing leads from one to the
	// other any more. The records stay until their term ends.
	Unlink Form = "unlink"
	// Destroy removes records with their salts: nobody can open or find their entries
	// in the log any more but who has a receipt.
	Destroy Form = "destroy"
)

var (
	// ErrUnlogged says that a record is not in the log yet. It is erased once it is:
	// every choice that was acknowledged has its entry there.
	ErrUnlogged = errors.New("a record is not in the log yet, and is erased when it is")
	// ErrRemains says that what was erased is gone for whoever asks the store, and
	// that old copies of it may still be in files.
	ErrRemains = errors.New("what was erased is gone from the store, but old copies may remain in its files")
)

// An Eraser erases records.
type Eraser interface {
	// OfAccount returns the records of an account. It fails with ErrUnlogged while one
	// of them is not in the log.
	OfAccount(ctx context.Context, site string, account []byte) ([]consent.ID, error)
	// Chain returns a record and those that are known to be of the same visitor.
	Chain(ctx context.Context, site string, id consent.ID) ([]consent.ID, error)
	// Find returns the row of a record; it fails with ErrUnknownRecord.
	Find(ctx context.Context, site string, id consent.ID) (Row, int64, error)
	// Unlink unlinks an account from its records and returns how many there were. It
	// fails with ErrUnlogged, and then has done nothing.
	Unlink(ctx context.Context, site string, account []byte, at time.Time) (int, error)
	// Destroy destroys those of the records that are kept, and returns how many there
	// were. It fails with ErrUnlogged, and then has done nothing.
	Destroy(ctx context.Context, site string, ids []consent.ID, at time.Time) (int, error)
	// Scrub sees to it that nothing is left in the store's files of what was erased,
	// as far as the store reaches; where it does not reach, it fails with ErrRemains
	// and says what to do.
	Scrub(ctx context.Context) error
	// Changes says when to look again.
	Changes(ctx context.Context) <-chan struct{}
}

// An Erasing says what is to be erased: an account, or a record.
type Erasing struct {
	Site     string
	Accounts [][]byte    // the keys of the account, under each secret that there was
	Record   *consent.ID // in place of an account
	Chain    bool        // with the record, all that are known to be of the same visitor
	Form     Form
	Wait     time.Duration // for records that are not in the log yet; 0 is 15 seconds
}

// Erase erases, and returns how many records it was about. It waits for records that
// are not in the log yet, and fails with ErrUnlogged when that takes too long: then
// nothing was erased. An error that is ErrRemains is about the
// files alone: the erasure is done.
func Erase(ctx context.Context, store Eraser, w Erasing, now func() time.Time) (int, error) {
	if w.Form != Unlink && w.Form != Destroy {
		return 0, fmt.Errorf("records are erased as %s or %s, not as %.20q", Unlink, Destroy, w.Form)
	}
	wait, stop := context.WithTimeout(ctx, cmp.Or(w.Wait, 15*time.Second))
	defer stop()
	for range store.Changes(wait) {
		n, err := erase(ctx, store, w, now())
		if errors.Is(err, ErrUnlogged) {
			continue
		}
		if err == nil && n > 0 {
			err = store.Scrub(ctx)
		}
		return n, err
	}
	return 0, errors.Join(ErrUnlogged, ctx.Err())
}

// erase tries once.
func erase(ctx context.Context, store Eraser, w Erasing, at time.Time) (int, error) {
	if w.Form == Unlink {
		return unlink(ctx, store, w, at)
	}
	ids, err := destined(ctx, store, w)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	return store.Destroy(ctx, w.Site, ids, at)
}

// unlink unlinks accounts; with a record, the account that it is of.
func unlink(ctx context.Context, store Eraser, w Erasing, at time.Time) (int, error) {
	accounts := w.Accounts
	if w.Record != nil {
		row, _, err := store.Find(ctx, w.Site, *w.Record)
		if errors.Is(err, ErrUnknownRecord) || err == nil && row.Account == nil {
			return 0, nil
		} else if err != nil {
			return 0, err
		}
		accounts = [][]byte{row.Account}
	}
	n := 0
	for _, account := range accounts {
		unlinked, err := store.Unlink(ctx, w.Site, account, at)
		if n += unlinked; err != nil {
			return n, err
		}
	}
	return n, nil
}

// destined are the records to be destroyed.
func destined(ctx context.Context, store Eraser, w Erasing) ([]consent.ID, error) {
	if w.Record != nil {
		if w.Chain {
			return store.Chain(ctx, w.Site, *w.Record)
		}
		return []consent.ID{*w.Record}, nil
	}
	var ids []consent.ID
	for _, account := range w.Accounts {
		more, err := store.OfAccount(ctx, w.Site, account)
		if err != nil {
			return nil, err
		}
		ids = append(ids, more...)
	}
	return ids, nil
}

// An Erasure is an entry of the journal, which survives what it tells of: when an
// older backup is restored, it is carried out again. It names nobody. Who has the
// record's id, or the account's key, can find out that it was erased.
type Erasure struct {
	At   time.Time // to the second; what an account chose later is not concerned
	Site string
	Form Form
	Hash Hash // RecordErased or AccountErased
}

// RecordErased is what the journal holds of a record that was destroyed.
func RecordErased(site string, id consent.ID) Hash { return erasedHash("record", site, id[:]) }

// AccountErased is what the journal holds of an account that was unlinked. It is not
// a hash over records: those are kept, and whoever has them could find out which
// belonged together.
func AccountErased(site string, account []byte) Hash { return erasedHash("account", site, account) }

// erasedHash keeps kinds and sites apart: no id of a site holds a line break.
func erasedHash(kind, site string, b []byte) Hash {
	h := sha256.New()
	io.WriteString(h, "temoin-erasure/1\n"+kind+"\n"+site+"\n")
	h.Write(b)
	return Hash(h.Sum(nil))
}

// erasureLine is how a journal writes an entry.
type erasureLine struct {
	At   string `json:"at"`
	Site string `json:"site"`
	Form Form   `json:"form"`
	Hash string `json:"hash"`
}

// Line writes an entry of a journal, with the end of its line.
func (e Erasure) Line() []byte {
	b, err := json.Marshal(erasureLine{e.At.UTC().Format(time.RFC3339), e.Site, e.Form, e.Hash.String()})
	if err != nil {
		panic(err) // strings are written always
	}
	return append(b, '\n')
}

// ParseJournal reads a journal of erasures. A line without its end is passed over:
// it was being written when somebody died, and its erasure did not happen.
func ParseJournal(text string) ([]Erasure, error) {
	var list []Erasure
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "{") && !strings.HasSuffix(line, "}") {
			continue
		}
		e, err := parseErasure(line)
		if err != nil {
			return nil, fmt.Errorf("line %d of the journal of erasures: %w", n, err)
		}
		list = append(list, e)
	}
	return list, nil
}

func parseErasure(line string) (Erasure, error) {
	dec := json.NewDecoder(strings.NewReader(line))
	dec.DisallowUnknownFields()
	var l erasureLine
	if err := dec.Decode(&l); err != nil {
		return Erasure{}, fmt.Errorf("%.80q is no entry: %w", line, err)
	}
	at, err := time.Parse(time.RFC3339, l.At)
	if err != nil {
		return Erasure{}, err
	}
	h, err := parseHash(l.Hash)
	if err == nil && (l.Site == "" || l.Form != Unlink && l.Form != Destroy) {
		err = fmt.Errorf("%.80q names no site, or no form of erasure that this program knows", line)
	}
	return Erasure{at.UTC(), l.Site, l.Form, h}, err
}
