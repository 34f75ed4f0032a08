package register

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/ledger"
)

// ReceiptFormat is the name and version of the receipt's format.
const ReceiptFormat = "temoin-receipt/1"

// A Receipt is the visitor's copy of their record. Once the record is in the log,
// it carries the proof, and can be verified by anyone who knows the log's key,
// without asking anybody.
type Receipt struct {
	Format string          `json:"format"`
	Record json.RawMessage `json:"record"` // canonical
	Salt   string          `json:"salt"`   // base64
	Log    *LogProof       `json:"log,omitempty"`
}

// A LogProof shows that the record is in the log.
type LogProof struct {
	Index      int64    `json:"index"`
	Proof      []string `json:"proof"`      // hashes in base64, as RFC 6962 orders them
	Checkpoint string   `json:"checkpoint"` // a signed note
}

// ErrUnknownRecord says that no such record is kept: there was none, or it was
// removed.
var ErrUnknownRecord = errors.New("no such record is kept")

// A Finder finds what a receipt is made of.
type Finder interface {
	LogStore
	// Find returns the row of a record and its place in the log, -1 while it has
	// none. It fails with ErrUnknownRecord.
	Find(ctx context.Context, site string, id consent.ID) (Row, int64, error)
}

// NewReceipt makes the receipt of a record as far as the log has come. trust is the
// log's key, of which the checkpoint is read.
func NewReceipt(ctx context.Context, store Finder, trust ledger.Trust, site string, id consent.ID) (*Receipt, error) {
	row, index, err := store.Find(ctx, site, id)
	if err != nil {
		return nil, err
	}
	r := &Receipt{Format: ReceiptFormat, Record: row.Record, Salt: base64.StdEncoding.EncodeToString(row.Salt[:])}
	note, err := store.Checkpoint(ctx, site)
	if err != nil || note == nil || index < 0 {
		return r, err
	}
	c, err := trust.Open(note)
	if err != nil {
		return nil, err
	}
	if index >= c.Size {
		return r, nil // in the log, and not signed yet
	}
	proof, err := ledger.Inclusion(c.Head, index, ledger.NewEntry(row.Salt, row.Record), store.Tiles(ctx, site))
	if err != nil {
		return nil, err
	}
	r.Log = &LogProof{Index: index, Proof: []string{}, Checkpoint: string(note)}
	for _, h := range proof {
		r.Log.Proof = append(r.Log.Proof, base64.StdEncoding.EncodeToString(h[:]))
	}
	return r, nil
}

// maxReceipt bounds a receipt that is verified, in bytes.
const maxReceipt = 1 << 20

// A Verified is what a receipt proves.
type Verified struct {
	Record     *Record
	Index      int64
	Checkpoint ledger.Checkpoint
}

// ErrNoProof says that a receipt has no proof yet: its record is kept, and the log
// has not come to it.
var ErrNoProof = errors.New("the receipt has no proof yet: get it again")

// Verify verifies a receipt against what one knows of the log. It needs nothing
// else: no network, no store.
func Verify(b []byte, trust ledger.Trust) (*Verified, error) {
	if len(b) > maxReceipt {
		return nil, refused(Unreadable, fmt.Errorf("a receipt has at most %d bytes, this one %d", maxReceipt, len(b)))
	}
	var r Receipt
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, refused(Unreadable, fmt.Errorf("this is no receipt: %w", err))
	}
	if r.Format != ReceiptFormat {
		why := OtherFormat
		if r.Format == "" {
			why = Unreadable
		}
		return nil, refused(why, fmt.Errorf("the receipt's format is %.40q: this program reads %q", r.Format, ReceiptFormat))
	}
	record, canonical, err := readRecord(r.Record)
	if err != nil {
		return nil, refused(BadRecord, err)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(r.Salt)
	if err != nil || len(raw) != ledger.SaltSize {
		return nil, refused(BadSalt, errors.New("the receipt's salt is not what it was"))
	}
	if r.Log == nil {
		return nil, refused(Pending, ErrNoProof)
	}
	c, err := trust.Open([]byte(r.Log.Checkpoint))
	if err != nil {
		return nil, refused(whyCheckpoint(r.Log.Checkpoint, trust, err), err)
	}
	proof := make([]ledger.Hash, len(r.Log.Proof))
	for i, s := range r.Log.Proof {
		h, err := base64.StdEncoding.Strict().DecodeString(s)
		if err != nil || len(h) != ledger.HashSize {
			return nil, refused(BadProof, fmt.Errorf("hash %d of the proof is not what it was", i+1))
		}
		proof[i] = ledger.Hash(h)
	}
	if err := ledger.VerifyInclusion(c.Head, r.Log.Index, ledger.NewEntry(ledger.Salt(raw), canonical), proof); err != nil {
		return nil, refused(BadProof, err)
	}
	return &Verified{record, r.Log.Index, c}, nil
}
