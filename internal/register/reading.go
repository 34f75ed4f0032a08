package register

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"

	"github.com/temoin/temoin/internal/ledger"
)

// A Reason is the class of what is wrong with a receipt. Other verifiers give the
// same one: see testdata/receipts.json.
type Reason string

const (
	Unreadable    Reason = "unreadable" // no JSON, or not of a receipt's fields
	OtherFormat   Reason = "format"     // the receipt or its record is of a format that is not known here
	BadRecord     Reason = "record"     // it has not exactly the fields of a record
	BadSalt       Reason = "salt"       // not 16 bytes in base64
	Pending       Reason = "pending"    // no proof yet
	OtherLog      Reason = "origin"     // the checkpoint is of a log that no key is known of
	Unsigned      Reason = "unsigned"   // no known key of the log signed
	BadSignature  Reason = "signature"  // a known key's signature is wrong, or there twice
	BadCheckpoint Reason = "checkpoint" // it is none
	BadProof      Reason = "proof"      // it does not lead to the root: record, salt, index or hashes are others
)

// A refusal is an error of a receipt that knows its class.
type refusal struct {
	why Reason
	error
}

func (r *refusal) Unwrap() error { return r.error }

// refused gives an error its class. One that has a class of its own keeps it.
func refused(why Reason, err error) error {
	var own *refusal
	if errors.As(err, &own) {
		why = own.why
	}
	return &refusal{why, err}
}

// Why tells the class of an error of [Verify].
func Why(err error) Reason {
	var r *refusal
	if errors.As(err, &r) {
		return r.why
	}
	return Unreadable
}

// UnmarshalJSON reads a receipt to the letter. encoding/json alone takes names in
// any case, fields that are missing and base64 with line breaks: whoever reads the
// text would see another receipt than the one that is verified.
func (r *Receipt) UnmarshalJSON(b []byte) error {
	if !utf8.Valid(b) {
		return errors.New("it is not in UTF-8")
	}
	if format := formatOf(b, ReceiptFormat); format != ReceiptFormat {
		*r = Receipt{Format: format} // whose fields nobody here knows
		return nil
	}
	type plain Receipt
	var p plain
	if err := exactly(b, &p); err != nil {
		return err
	}
	if err := once(json.NewDecoder(bytes.NewReader(b))); err != nil {
		return err
	}
	if err := exactRecord(p.Record); err != nil {
		return err
	}
	if strings.ContainsAny(p.Salt, "\r\n") {
		return refused(BadSalt, errors.New("the receipt's salt has a line break"))
	}
	if p.Log != nil && strings.ContainsAny(strings.Join(p.Log.Proof, ""), "\r\n") {
		return refused(BadProof, errors.New("a hash of the proof has a line break"))
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, p.Record); err != nil {
		return err
	}
	p.Record = compact.Bytes()
	*r = Receipt(p)
	return nil
}

// exactRecord finds what a record's text says otherwise than the canonical bytes.
func exactRecord(b []byte) error {
	if format := formatOf(b, Format); format != Format {
		return refused(OtherFormat, fmt.Errorf("the record's format is %.40q: this program reads %q", format, Format))
	}
	var r Record
	err := exactly(b, &r)
	if err == nil && (r.Answers == nil || r.Exceptions == nil || r.Jurisdictions == nil) {
		err = errors.New("null stands where a list must be")
	}
	if err != nil {
		return refused(BadRecord, fmt.Errorf("the record: %w", err))
	}
	return nil
}

// once refuses JSON in which an object has a name twice: some readers see the first
// of the two values, others the second. It reads one value.
func once(dec *json.Decoder) error {
	t, err := dec.Token()
	d, compound := t.(json.Delim)
	if err != nil || !compound {
		return err
	}
	names := map[json.Token]bool{}
	for dec.More() {
		if d == '{' {
			name, err := dec.Token()
			if err != nil {
				return err
			}
			if names[name] {
				return fmt.Errorf("the name %q stands twice in one object", name)
			}
			names[name] = true
		}
		if err := once(dec); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// exactly decodes JSON that says the same when v is written again, but for its
// layout and the order of its fields.
func exactly(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	again, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var was, is any
	if err := errors.Join(json.Unmarshal(b, &was), json.Unmarshal(again, &is)); err != nil {
		return err
	}
	if !reflect.DeepEqual(was, is) {
		return errors.New("it has not exactly the fields that it must have")
	}
	return nil
}

// formatOf returns the format that a JSON object says it is of; the expected one for
// what is no object, so that another error says what is wrong.
func formatOf(b []byte, expected string) (format string) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(b, &fields) != nil || fields == nil {
		return expected
	}
	if json.Unmarshal(fields["format"], &format) != nil {
		return ""
	}
	return format
}

func whyCheckpoint(text string, trust ledger.Trust, err error) Reason {
	var invalid *note.InvalidSignatureError
	origin, _, _ := strings.Cut(text, "\n")
	switch {
	case origin != trust.Origin:
		return OtherLog
	case errors.Is(err, ledger.ErrUnsigned):
		return Unsigned
	case errors.Is(err, ledger.ErrDuplicate), errors.As(err, &invalid):
		return BadSignature
	}
	return BadCheckpoint
}
