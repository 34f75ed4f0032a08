package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/temoin/temoin/internal/anchor"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/store"
)

// How much evidence is served at once. A proof reads some tiles for each piece.
const (
	mostEvidence = 32
	mostCovering = 8
)

// evidence serves what places outside have answered about the log, one piece a line
// (anchor.Fixed), the newest first, page by page:
//
//	GET log/anchors               and then ?before=…, which the header Link tells
//	GET log/anchors?size=N        of the smallest logs with at least N entries, the
//	                              smallest first, with the proof that they begin
//	                              with the one of N: what belongs to a receipt
func (s *site) evidence(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("X-Content-Type-Options", "nosniff")
	q, err := parseEvidenceQuery(r.URL.Query())
	if err != nil {
		h.Set("Cache-Control", "no-store")
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), evidenceTime)
	defer cancel()
	lines, next, err := s.readEvidence(ctx, q)
	if err != nil {
		s.node.config.Log.Error("the evidence from outside cannot be read", "site", s.id, "error", err)
		h.Set("Cache-Control", "no-store")
		h.Set("Retry-After", "2")
		http.Error(w, "This cannot be shown now. Please try again.", http.StatusServiceUnavailable)
		return
	}
	if next != "" {
		h.Set("Link", `<?before=`+next+`>; rel="next"`)
		h.Set("Access-Control-Expose-Headers", "Link")
	}
	h.Set("Cache-Control", "public, max-age=60")
	h.Set("Content-Type", "application/jsonl; charset=utf-8")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(lines))
}

// evidenceTime is how long the store may take.
const evidenceTime = 5 * time.Second

// An evidenceQuery is what is asked for: the zero value is the newest evidence.
type evidenceQuery struct {
	size   int64 // 0 for any
	before store.AnchorMark
}

func parseEvidenceQuery(v url.Values) (q evidenceQuery, err error) {
	for name, values := range v {
		switch {
		case name == "size" && len(v) == 1 && len(values) == 1:
			q.size, err = strconv.ParseInt(values[0], 10, 64)
			if err != nil || q.size < 1 {
				return q, errors.New("size is the number of entries in the log of a receipt: 1 or more")
			}
		case name == "before" && len(v) == 1 && len(values) == 1:
			if q.before, err = parseMark(values[0]); err != nil {
				return q, err
			}
		default:
			return q, errors.New("ask without anything, with ?size= or with ?before=")
		}
	}
	return q, nil
}

// markText writes the place of a piece of evidence for an address.
func markText(m store.AnchorMark) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %s%s", m.At, m.Hash[:], m.Place))
}

func parseMark(text string) (m store.AnchorMark, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	at, rest, ok := strings.Cut(string(b), " ")
	if err == nil {
		m.At, err = strconv.ParseInt(at, 10, 64)
	}
	if err != nil || !ok || len(rest) <= len(m.Hash) || strings.ToValidUTF8(rest[len(m.Hash):], "") != rest[len(m.Hash):] || strings.Contains(rest[len(m.Hash):], "\x00") {
		return store.AnchorMark{}, errors.New("before is what the header Link of the page before says")
	}
	copy(m.Hash[:], rest)
	m.Place = rest[len(m.Hash):]
	return m, nil
}

// readEvidence returns a page, and where the next one begins: "" for nowhere.
func (s *site) readEvidence(ctx context.Context, q evidenceQuery) (lines []byte, next string, err error) {
	var kept []store.Anchored
	if q.size > 0 {
		kept, err = s.node.store.AnchorsCovering(ctx, s.id, q.size, mostCovering)
	} else {
		kept, err = s.node.store.AnchorsBefore(ctx, s.id, q.before, mostEvidence+1)
	}
	if err != nil {
		return nil, "", err
	}
	if len(kept) > mostEvidence {
		kept = kept[:mostEvidence]
		next = markText(kept[mostEvidence-1].Mark())
	}
	var trust ledger.Trust
	if q.size > 0 && len(kept) > 0 {
		if trust, err = s.trust(ctx); err != nil {
			return nil, "", err
		}
	}
	for _, k := range kept {
		f, err := fixed(k)
		if err == nil && q.size > 0 {
			err = s.proveFrom(ctx, &f, q.size, trust)
		}
		var line []byte
		if err == nil {
			line, err = f.Marshal()
		}
		if err != nil {
			return nil, "", fmt.Errorf("of %s, %s: %w", k.Place, k.At.Format(time.RFC3339), err)
		}
		lines = append(append(lines, line...), '\n')
	}
	return lines, next, nil
}

// fixed turns what is kept into what is given out. Of a folder on this machine
// nobody else is told more than its name.
func fixed(k store.Anchored) (anchor.Fixed, error) {
	e, err := anchor.ParseEvidence(k.Evidence)
	if err != nil {
		return anchor.Fixed{}, err
	}
	if filepath.IsAbs(e.Place) {
		e.Place = filepath.Base(e.Place)
	}
	f := anchor.Fixed{Kept: k.At, Evidence: e}
	if k.Size > 0 {
		f.Checkpoint = k.Subject
		return f, nil
	}
	if copy(f.Version[:], k.Subject) != len(k.Subject) {
		return f, errors.New("its subject is no hash")
	}
	return f, nil
}

// proveFrom adds the proof that the log of the checkpoint begins with the one of so
// many entries.
func (s *site) proveFrom(ctx context.Context, f *anchor.Fixed, size int64, trust ledger.Trust) error {
	if !isOf(f.Checkpoint, trust) {
		return nil
	}
	c, err := trust.Open(f.Checkpoint)
	if err != nil {
		return err
	}
	head, err := s.node.store.Head(ctx, s.id)
	if err != nil || c.Size > head.Size {
		return err // what was lost of a log proves nothing any more
	}
	_, proof, err := ledger.Consistency(c.Head, size, s.node.store.Tiles(ctx, s.id))
	f.From, f.Proof = size, proof
	return err
}
