package register

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/ledger"
)

// A Frame is what many records have in common: the canonical form of a record with
// holes where records of one version, notice and language differ. A store keeps
// each frame once and of each record only the values that fill it, which is less
// than a tenth. Expanding is mere insertion: it does not depend on how later
// programs write records. A Frame is immutable.
type Frame struct {
	Key   int64 // the first 8 bytes of the SHA-256 of Bytes
	Bytes []byte
}

// NewFrame makes a frame of its bytes.
func NewFrame(b []byte) *Frame {
	sum := sha256.Sum256(b)
	return &Frame{int64(binary.BigEndian.Uint64(sum[:8])), b} //nolint:gosec // bits, not a number
}

// Holes are bytes that stand nowhere in canonical JSON, and what their values are.
const (
	holeText = 0 // what stands between the quotes, its length before it
	holeFlag = 1 // 0 or 1
	holeTime = 2 // seconds since 1970: RFC 3339, UTC
	holeUUID = 3 // 16 bytes
	holeOwn  = 4 // nothing: the row's own id
	afterAll = 5
)

// errNoFrame says that a record does not fit a frame: it is kept whole.
var errNoFrame = errors.New("the record does not fit a frame")

// quoted writes a string that differs from record to record, or the hole for it. It
// reports whether what fills the hole is to be written.
func (w *writer) quoted(name, value string, hole byte) bool {
	w.key(name)
	switch w.form {
	case whole:
		w.b = appendString(w.b, value)
	case framed:
		w.b = append(w.b, '"', hole, '"')
	}
	return w.form == valued
}

func (w *writer) text(name, value string) {
	if !w.quoted(name, value, holeText) {
		return
	}
	b := appendString(make([]byte, 0, 40), value)
	w.b = binary.AppendUvarint(w.b, uint64(len(b)-2))
	w.b = append(w.b, b[1:len(b)-1]...)
}

func (w *writer) time(name, value string) {
	if !w.quoted(name, value, holeTime) {
		return
	}
	t, err := time.Parse(time.RFC3339, value)
	if err != nil || t.Unix() < 0 || t.UTC().Format(time.RFC3339) != value {
		w.err = errNoFrame
		return
	}
	w.b = binary.AppendUvarint(w.b, uint64(t.Unix()))
}

func (w *writer) uuid(name, value string) {
	if !w.quoted(name, value, holeUUID) {
		return
	}
	id, err := consent.ParseID(value)
	if err != nil {
		w.err = errNoFrame
	}
	w.b = append(w.b, id[:]...)
}

// own writes the record's id, which its row has besides.
func (w *writer) own(name, value string) { w.quoted(name, value, holeOwn) }

func (w *writer) flag(name string, value bool) {
	w.key(name)
	switch w.form {
	case whole:
		w.b = strconv.AppendBool(w.b, value)
	case framed:
		w.b = append(w.b, holeFlag)
	case valued:
		w.b = append(w.b, 0)
		if value {
			w.b[len(w.b)-1] = 1
		}
	}
}

// errValues says that values are not those of a frame.
var errValues = errors.New("the values do not fill the frame: the store is damaged")

// Expand returns the canonical form of the record of which these are the id and
// the values.
func (f *Frame) Expand(id consent.ID, values []byte) ([]byte, error) {
	b := make([]byte, 0, len(f.Bytes)+len(values)+120)
	for rest := f.Bytes; ; {
		n := slices.IndexFunc(rest, func(c byte) bool { return c < afterAll })
		if n < 0 {
			b = append(b, rest...)
			break
		}
		b = append(b, rest[:n]...)
		var err error
		if b, values, err = fill(b, rest[n], id, values); err != nil {
			return nil, err
		}
		if len(b) > maxRecord {
			return nil, errValues
		}
		rest = rest[n+1:]
	}
	if len(values) > 0 {
		return nil, errValues
	}
	return b, nil
}

// latest is the last second that RFC 3339 can write.
var latest = uint64(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix())

// fill appends what belongs into a hole, and returns the values behind it.
func fill(b []byte, hole byte, id consent.ID, values []byte) ([]byte, []byte, error) {
	switch hole {
	case holeOwn:
		return append(b, id.String()...), values, nil
	case holeFlag:
		if len(values) < 1 || values[0] > 1 {
			return nil, nil, errValues
		}
		return strconv.AppendBool(b, values[0] == 1), values[1:], nil
	case holeUUID:
		if len(values) < len(id) {
			return nil, nil, errValues
		}
		return append(b, consent.ID(values[:len(id)]).String()...), values[len(id):], nil
	}
	n, size := binary.Uvarint(values)
	if size <= 0 {
		return nil, nil, errValues
	}
	values = values[size:]
	if hole == holeTime {
		if n > latest {
			return nil, nil, errValues
		}
		return time.Unix(int64(n), 0).UTC().AppendFormat(b, time.RFC3339), values, nil
	}
	if n > uint64(len(values)) {
		return nil, nil, errValues
	}
	return append(b, values[:n]...), values[n:], nil
}

// Unpack returns a row that holds its record whole.
func (r Row) Unpack() (Row, error) {
	if r.Frame == nil {
		return r, nil
	}
	b, err := r.Frame.Expand(r.ID, r.Record)
	if err != nil {
		return r, fmt.Errorf("record %v of %s: %w", r.ID, r.Site, err)
	}
	r.Frame, r.Record = nil, b
	return r, nil
}

// A shape is what decides on the frame of a template's record.
type shape struct {
	event      Event // without what differs from choice to choice
	replaces   bool
	answers    int
	only       string // what is answered, where an imported choice leaves some open or answers for an earlier version
	exceptions int
}

// only names the categories that are answered, and for which version, unless they
// are all that are asked about now.
func (t *Template) only(r *Record) string {
	if slices.EqualFunc(r.Answers, t.asked, func(a Answer, id string) bool { return a.Category == id && a.Scope == t.scopes[id].Scope }) {
		return ""
	}
	var names strings.Builder
	for _, a := range r.Answers {
		fmt.Fprintf(&names, "%s=%s ", a.Category, a.Scope)
	}
	return names.String()
}

// maxFrames bounds how many frames one version remembers: beyond, and where a
// record does not fit, it is kept whole.
const maxFrames = 2048

// pack returns a record's frame and values; no frame where it is kept whole.
func (t *Template) pack(r *Record, e Event) (*Frame, []byte, error) {
	b, err := r.append(make([]byte, 0, 96), valued)
	if err == nil && len(b) < maxRecord/4 {
		if f := t.frame(r, e); f != nil {
			return f, b, nil
		}
	}
	b, err = r.Canonical()
	return nil, b, err
}

// row makes the row of a record of the template's.
func (t *Template) row(r *Record, id consent.ID, e Event, salt ledger.Salt) (Row, error) {
	f, b, err := t.pack(r, e)
	return Row{Site: t.site.ID, ID: id, Salt: salt, Frame: f, Record: b}, err
}

// Row makes the row of a choice about the template's version, as Keep commits it.
func (t *Template) Row(choice *consent.Choice, e Event, salt ledger.Salt) (Row, error) {
	return t.row(t.Record(choice, e), choice.ID, e, salt)
}

func (t *Template) frame(r *Record, e Event) *Frame {
	s := shape{e, e.Replaces != nil, len(r.Answers), t.only(r), len(r.Exceptions)}
	s.event.Action, s.event.GPC, s.event.Replaces = "", false, nil
	t.mu.RLock()
	f, known := t.frames[s]
	t.mu.RUnlock()
	if known {
		return f
	}
	b, err := r.append(nil, framed)
	if err != nil || len(b) > maxRecord/2 {
		return nil
	}
	f = NewFrame(b)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.frames) >= maxFrames {
		return nil
	}
	t.frames[s] = f
	return f
}
