package register

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/temoin/temoin/consent"
)

const (
	longestAnswer = 10 * time.Second // that the store may take for what is asked by GET
	receiptWait   = time.Second      // for the log, before a receipt is given without its proof
	maxWaiting    = 512              // requests that wait for the log of one site
)

// unavailable answers that the store cannot be read now. What happened is for the
// operator only.
func unavailable(w http.ResponseWriter, log *slog.Logger, what string, err error) {
	if log != nil && !errors.Is(err, context.Canceled) {
		log.Error(what+" cannot be served", "error", err)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Retry-After", retryWait)
	http.Error(w, "This cannot be read now. Please try again.", http.StatusServiceUnavailable)
}

// Receipts hands out the receipts of one site over HTTP, to whoever knows the id of
// the record: 74 of its bits are random, and no list has it. It is given with its
// proof, for which the log is waited for; where that takes too long, the answer is
// 202 and the receipt without it. Set the fields before the first request.
//
//	GET {id}            the receipt
//	GET {id}?download   as a file with a name
type Receipts struct {
	Site  string
	Store interface {
		Finder
		// Cosigned returns the newest checkpoint that witnesses have cosigned.
		Cosigned(ctx context.Context, site string) ([]byte, error)
		SiteKeys(ctx context.Context, site, use string) ([]SiteKey, error)
	}
	Tail *Tail
	Wait time.Duration // a second if zero
	Log  *slog.Logger  // may be nil

	heads   heads
	waiting atomic.Int64
}

// Waiting returns how many requests wait for the log: a metric.
func (p *Receipts) Waiting() int { return int(p.waiting.Load()) }

// errWaiting says that too many wait for the log.
var errWaiting = errors.New("too many receipts are waited for")

// ServeHTTP answers with the receipt whose record's id is in the path as {id}.
func (p *Receipts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer") // whoever has the address has the receipt
	h.Set("X-Robots-Tag", "noindex")
	id, err := consent.ParseID(r.PathValue("id"))
	if err != nil {
		err = ErrUnknownRecord
	}
	var receipt *Receipt
	if err == nil {
		receipt, err = p.await(r.Context(), id)
	}
	switch {
	case errors.Is(err, ErrUnknownRecord):
		http.Error(w, "There is no receipt under this id, or it was erased.", http.StatusNotFound)
	case err != nil:
		unavailable(w, p.Log, "a receipt", err)
	default:
		p.answer(w, r, id, receipt)
	}
}

// await returns the receipt with its proof, or without it when the time is over.
func (p *Receipts) await(ctx context.Context, id consent.ID) (*Receipt, error) {
	receipt, err := p.read(ctx, id)
	if err != nil || receipt.Log != nil {
		return receipt, err
	}
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > maxWaiting {
		return nil, errWaiting
	}
	log := p.Tail.join(p.Site)
	defer p.Tail.leave(p.Site, log)
	wait := p.Wait
	if wait == 0 {
		wait = receiptWait
	}
	over := time.NewTimer(wait)
	defer over.Stop()
	for {
		next := p.Tail.next(log)
		if receipt, err = p.read(ctx, id); err != nil || receipt.Log != nil {
			return receipt, err
		}
		select {
		case <-next:
		case <-over.C:
			return receipt, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// read makes the receipt from what the store holds now. A checkpoint that witnesses
// have cosigned says more than the newest one, where it is large enough.
func (p *Receipts) read(ctx context.Context, id consent.ID) (*Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, longestAnswer)
	defer cancel()
	signed, cosigned, err := p.heads.read(ctx, p.Store, p.Site)
	if err != nil {
		return nil, err
	}
	if cosigned.note != nil {
		receipt, err := NewReceipt(ctx, under{p.Store, cosigned.note}, cosigned.trust, p.Site, id)
		if err != nil || receipt.Log != nil {
			return receipt, err
		}
	}
	return NewReceipt(ctx, under{p.Store, signed.note}, signed.trust, p.Site, id)
}

// under is a store with another checkpoint.
type under struct {
	Finder
	note []byte
}

func (u under) Checkpoint(context.Context, string) ([]byte, error) { return u.note, nil }

func (p *Receipts) answer(w http.ResponseWriter, r *http.Request, id consent.ID, receipt *Receipt) {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	if err := out.Encode(receipt); err != nil {
		unavailable(w, p.Log, "a receipt", err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if r.URL.Query().Has("download") {
		h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s"`, p.fileName(id)))
	}
	h.Set("Content-Length", fmt.Sprint(b.Len()))
	if receipt.Log == nil {
		h.Set("Retry-After", "1")
		w.WriteHeader(http.StatusAccepted)
	}
	w.Write(b.Bytes()) //nolint:errcheck // a client that is gone cannot be told
}

// fileName tells receipts of one visitor apart: by site, day and the id's end.
func (p *Receipts) fileName(id consent.ID) string {
	text := id.String()
	return fmt.Sprintf("receipt-%s-%s-%s.json", p.Site, id.Time().UTC().Format(time.DateOnly), text[len(text)-6:])
}

// A Tail wakes those who wait for the next checkpoint of a site. It looks only at
// sites that somebody waits for.
type Tail struct {
	store interface {
		Checkpoint(ctx context.Context, site string) ([]byte, error)
	}
	mu    sync.Mutex
	sites map[string]*waiters
}

type waiters struct {
	number int
	last   []byte
	next   chan struct{} // closed when another checkpoint is there
}

// NewTail makes a tail over a store. Until it is followed nobody is woken.
func NewTail(store interface {
	Checkpoint(ctx context.Context, site string) ([]byte, error)
}) *Tail {
	return &Tail{store: store, sites: map[string]*waiters{}}
}

// Follow looks after each change, until the channel is closed.
func (t *Tail) Follow(ctx context.Context, changes <-chan struct{}) {
	for range changes {
		for _, site := range t.awaited() {
			t.look(ctx, site)
		}
	}
}

func (t *Tail) awaited() (sites []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for site := range t.sites {
		sites = append(sites, site)
	}
	return sites
}

func (t *Tail) look(ctx context.Context, site string) {
	ctx, cancel := context.WithTimeout(ctx, longestAnswer)
	defer cancel()
	note, err := t.store.Checkpoint(ctx, site)
	if err != nil {
		return // those who wait have a time limit
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.sites[site]; s != nil && !bytes.Equal(s.last, note) {
		s.last = note
		close(s.next)
		s.next = make(chan struct{})
	}
}

// join begins to wait for a site; leave ends it.
func (t *Tail) join(site string) *waiters {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sites[site]
	if s == nil {
		s = &waiters{next: make(chan struct{})}
		t.sites[site] = s
	}
	s.number++
	return s
}

func (t *Tail) leave(site string, s *waiters) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.number--; s.number == 0 {
		delete(t.sites, site)
	}
}

// next returns a channel that is closed once there is another checkpoint. Whoever
// takes it before they look misses none.
func (t *Tail) next(s *waiters) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return s.next
}
