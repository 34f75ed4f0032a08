package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/temoin/temoin/consent"
)

// A link is where a record of a chain stands.
type link struct {
	index   int64
	subject []byte
}

// subjects compares whose records are said to be: an erasure of a chain goes by that.
func (v *verifying) subjects(ctx context.Context, page []placedRow) error {
	var asked []consent.ID
	for i := range page {
		p := &page[i]
		if p.replaces != (consent.ID{}) {
			asked = append(asked, p.replaces)
		}
		if follows(p) {
			asked = append(asked, consent.ID(p.subject))
		}
	}
	links, err := v.links(ctx, asked)
	if err != nil {
		return err
	}
	for i := range page {
		if p := &page[i]; p.Site != "" && p.Account == nil && len(p.subject) != accountSize {
			v.subject(p, links)
		}
	}
	return nil
}

// follows reports whether a record is said to be of a chain that another one begins.
func follows(p *placedRow) bool {
	return len(p.subject) == len(p.ID) && !bytes.Equal(p.subject, p.ID[:])
}

// deviceScope is in the canonical bytes of a choice that was made without an account,
// and in no other's: quotes within texts are escaped.
var deviceScope = []byte(`,"scope":"device","signals":`)

// subject compares the subject of a record without an account. It is that of the record
// that it replaces, if that one was in the log before and had no account. Where that one
// is gone, any chain may be the right one; but it has a first record that is kept.
func (v *verifying) subject(p *placedRow, links map[consent.ID]link) {
	before, kept := links[p.replaces]
	kept = kept && before.index < p.index
	chained := kept && len(before.subject) == len(p.ID)
	switch {
	case p.subject == nil && bytes.Contains(p.Record, deviceScope):
		v.wrong("record %v is not what it is looked up by: it was never of an account, and belongs to no chain", p.ID)
	case p.subject != nil && chained && !bytes.Equal(p.subject, before.subject):
		v.wrong("record %v is not what it is looked up by: it is said to be of another chain than the record that it replaces", p.ID)
	case follows(p) && !chained && (kept || p.replaces == consent.ID{}):
		v.wrong("record %v is not what it is looked up by: it begins a chain, and is said to be of another", p.ID)
	case follows(p) && !bytes.Equal(links[consent.ID(p.subject)].subject, p.subject):
		v.wrong("record %v is not what it is looked up by: the first record of its chain is of none, or of another", p.ID)
	}
}

// links reads where records are, of those that have a place.
func (v *verifying) links(ctx context.Context, ids []consent.ID) (map[consent.ID]link, error) {
	slices.SortFunc(ids, func(a, b consent.ID) int { return bytes.Compare(a[:], b[:]) })
	links := map[consent.ID]link{}
	for part := range slices.Chunk(slices.Compact(ids), removeAtOnce) {
		list, args := among(v.Site, part)
		rows, err := v.tx.QueryContext(ctx, `SELECT record, idx, subject FROM place WHERE site = $1 AND record `+list, v.store.afresh(args...)...)
		if err == nil {
			err = readLinks(rows, links)
		}
		if err != nil {
			return nil, err
		}
	}
	return links, nil
}

func readLinks(rows *sql.Rows, links map[consent.ID]link) error {
	defer rows.Close()
	for rows.Next() {
		var id []byte
		var l link
		if err := rows.Scan(&id, &l.index, &l.subject); err != nil {
			return err
		}
		links[consent.ID(id)] = l
	}
	return errors.Join(rows.Err(), rows.Close())
}
