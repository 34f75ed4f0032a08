package register

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/temoin/temoin/internal/ledger"
)

// A LogReader is what a log is served from.
type LogReader interface {
	// Checkpoint returns the checkpoint that was signed last; nil for none.
	Checkpoint(ctx context.Context, site string) ([]byte, error)
	// Cosigned returns the newest checkpoint that witnesses have cosigned; nil for none.
	Cosigned(ctx context.Context, site string) ([]byte, error)
	// Tiles reads the tiles of a site's log.
	Tiles(ctx context.Context, site string) ledger.Reader
	// Entries returns the entries of a site's log from an index on, at most n.
	Entries(ctx context.Context, site string, from int64, n int) ([]ledger.Entry, error)
	// SiteKeys returns the keys of a site for one use, in the order of their numbers.
	SiteKeys(ctx context.Context, site, use string) ([]SiteKey, error)
}

// PublicLog serves the log of one site to everybody, as c2sp.org/tlog-tiles says:
//
//	GET log/checkpoint                       the newest checkpoint
//	GET log/cosigned                         the newest that witnesses have cosigned
//	GET log/tile/<level>/<index>[.p/<width>]     hashes
//	GET log/tile/entries/<index>[.p/<width>]     entries: hashes of salted records
//	GET log/keys                             the public keys of the log, one a line: see KeyList
//
// Nothing is served that the newest checkpoint does not cover. Set the fields before
// the first request.
type PublicLog struct {
	Site  string
	Store LogReader
	Log   *slog.Logger // may be nil

	heads heads
}

// heads reads the checkpoints of one log, and remembers what it has verified.
type heads struct {
	mu     sync.Mutex
	opened [2]openedNote // newest and cosigned, as they were read last
}

// An openedNote is a checkpoint that was verified.
type openedNote struct {
	note  []byte
	trust ledger.Trust // in which it was verified
	ledger.Checkpoint
}

// A headReader is what heads are read from.
type headReader interface {
	Checkpoint(ctx context.Context, site string) ([]byte, error)
	Cosigned(ctx context.Context, site string) ([]byte, error)
	SiteKeys(ctx context.Context, site, use string) ([]SiteKey, error)
}

// read returns the newest checkpoint, and the newest cosigned one. Their notes are
// nil where there are none. A cosigned one that not all of the keys have signed which
// sign now is none any more: a key was replaced since, which may have been stolen.
func (h *heads) read(ctx context.Context, store headReader, site string) (signed, cosigned openedNote, err error) {
	var notes [2][]byte
	if notes[0], err = store.Checkpoint(ctx, site); err == nil {
		notes[1], err = store.Cosigned(ctx, site)
	}
	var found [2]openedNote
	for i, note := range notes {
		if err == nil && note != nil {
			found[i], err = h.open(ctx, store, site, i, note)
		}
	}
	for _, k := range found[0].Keys {
		if !slices.Contains(found[1].Keys, k) {
			return found[0], openedNote{}, err
		}
	}
	return found[0], found[1], err
}

// open verifies a note if it is another one than last time.
func (h *heads) open(ctx context.Context, store headReader, site string, which int, note []byte) (openedNote, error) {
	h.mu.Lock()
	last := h.opened[which]
	h.mu.Unlock()
	if bytes.Equal(last.note, note) {
		return last, nil
	}
	rows, err := store.SiteKeys(ctx, site, KeyOfLog)
	if err != nil {
		return openedNote{}, err
	}
	trust, err := TrustIn(rows, true)
	if err != nil {
		return openedNote{}, err
	}
	if slices.Contains(FormerLogs(rows), originOf(note)) {
		return openedNote{}, nil // the new log is not signed or cosigned yet
	}
	c, err := trust.Open(note)
	if err != nil {
		return openedNote{}, fmt.Errorf("the checkpoint that is kept: %w", err)
	}
	last = openedNote{note, trust, c}
	h.mu.Lock()
	h.opened[which] = last
	h.mu.Unlock()
	return last, nil
}

// Caching. What a path of a tile names never changes, partial ones neither.
const (
	forever = "public, max-age=31536000, immutable"
	shortly = "public, max-age=2"
)

// Mount adds the handlers below a prefix, such as /.temoin.
func (p *PublicLog) Mount(mux *http.ServeMux, prefix string) {
	mux.HandleFunc("GET "+prefix+"/log/checkpoint", p.checkpoint)
	mux.HandleFunc("GET "+prefix+"/log/cosigned", p.cosigned)
	mux.HandleFunc("GET "+prefix+"/log/tile/{path...}", p.tile)
	mux.HandleFunc("GET "+prefix+"/log/keys", p.keys)
}

// newest returns the newest checkpoint: the cosigned one where no larger one is
// signed. Its note is nil where nothing was signed yet.
func (p *PublicLog) newest(ctx context.Context) (openedNote, error) {
	signed, cosigned, err := p.heads.read(ctx, p.Store, p.Site)
	if err == nil && cosigned.note != nil && cosigned.Size >= signed.Size {
		return cosigned, nil
	}
	return signed, err
}

// bounded gives a request the time that the store may take.
func bounded(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), longestAnswer)
}

func (p *PublicLog) checkpoint(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := bounded(r)
	defer cancel()
	newest, err := p.newest(ctx)
	p.note(w, r, newest.note, err)
}

func (p *PublicLog) cosigned(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := bounded(r)
	defer cancel()
	_, cosigned, err := p.heads.read(ctx, p.Store, p.Site)
	p.note(w, r, cosigned.note, err)
}

func (p *PublicLog) note(w http.ResponseWriter, r *http.Request, note []byte, err error) {
	switch {
	case err != nil:
		unavailable(w, p.Log, "the log", err)
	case note == nil:
		missing(w, "There is no such checkpoint yet.")
	default:
		public(w, r, "text/plain; charset=utf-8", shortly, note)
	}
}

func (p *PublicLog) keys(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := bounded(r)
	defer cancel()
	rows, err := p.Store.SiteKeys(ctx, p.Site, KeyOfLog)
	switch {
	case err != nil:
		unavailable(w, p.Log, "the keys of the log", err)
	case len(rows) == 0:
		missing(w, "The log has no key yet.")
	default:
		public(w, r, "text/plain; charset=utf-8", "public, max-age=60", []byte(KeyList(rows)))
	}
}

func (p *PublicLog) tile(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := bounded(r)
	defer cancel()
	path, err := ledger.ParsePath("tile/" + r.PathValue("path"))
	if err != nil {
		missing(w, "This is no tile of a log.")
		return
	}
	newest, err := p.newest(ctx)
	if err == nil && path.Width > ledger.Width(newest.Size, path.Level, path.Index) {
		missing(w, "The log has not come so far, or is not signed so far.")
		return
	}
	var b []byte
	if err == nil {
		b, err = p.read(ctx, path)
	}
	if err != nil {
		unavailable(w, p.Log, "the log", err)
		return
	}
	public(w, r, "application/octet-stream", forever, b)
}

// read reads what a path names, of which the log has enough.
func (p *PublicLog) read(ctx context.Context, path ledger.Path) ([]byte, error) {
	if path.Level != ledger.Bundles {
		row, err := p.Store.Tiles(ctx, p.Site).Tile(path.Level, path.Index)
		if err != nil {
			return nil, err
		}
		return ledger.Cut(row, path.Width)
	}
	entries, err := p.Store.Entries(ctx, p.Site, path.Index*ledger.TileWidth, path.Width)
	if err == nil && len(entries) != path.Width {
		err = fmt.Errorf("%w (%d entries of the bundle %v)", ledger.ErrDamaged, len(entries), path)
	}
	return ledger.Bundle(entries), err
}

// missing answers that something is not there, which another time it may be.
func missing(w http.ResponseWriter, why string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, why, http.StatusNotFound)
}

// public answers with what everybody may read, pages of other sites too.
func public(w http.ResponseWriter, r *http.Request, kind, cache string, b []byte) {
	sum := sha256.Sum256(b)
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cache-Control", cache)
	h.Set("Content-Type", kind)
	h.Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
}
