package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
)

// recordsAtOnce is how many records are read at a time.
const recordsAtOnce = 2000

// records compares each record with its entry, and with what it is looked up by.
func (v *verifying) records(ctx context.Context) error {
	taken := make([]uint64, v.Head.Size/64+1)
	for after := (consent.ID{}); ; {
		placed, err := v.placed(ctx, after)
		if err != nil || len(placed) == 0 {
			return err
		}
		for i := range placed {
			p := &placed[i]
			if p.index < 0 || p.index >= v.Head.Size || taken[p.index/64]&(1<<(p.index%64)) != 0 {
				v.wrong("record %v has the place %d in the log, which is none, or another's", p.ID, p.index)
				continue
			}
			taken[p.index/64] |= 1 << (p.index % 64)
			v.kept[dayAction{register.DayOf(time.Unix(p.at, 0)), p.action}]++
			if err := v.record(ctx, p); err != nil {
				return err
			}
		}
		if err := v.subjects(ctx, placed); err != nil {
			return err
		}
		v.Records += int64(len(placed))
		after = placed[len(placed)-1].ID
	}
}

// A placedRow is a record with what is kept beside it.
type placedRow struct {
	register.Row
	index, at, ends  int64
	version, subject []byte
	action, language string
	replaces         consent.ID // of a record that is what its entry commits to
}

func (v *verifying) placed(ctx context.Context, after consent.ID) ([]placedRow, error) {
	rows, err := v.tx.QueryContext(ctx, `SELECT `+choiceColumns+`, p.record, p.idx, p.at, p.ends, p.version, p.action, p.language, p.subject FROM place p
		LEFT JOIN choice c ON c.site = p.site AND c.id = p.record
		WHERE p.site = $1 AND p.record > $2 ORDER BY p.site, p.record LIMIT $3`, v.store.afresh(v.Site, after[:], recordsAtOnce)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []placedRow
	var packed []register.Row
	for rows.Next() {
		var p placedRow
		var id []byte
		row, err := scanChoice(nullable{rows}, &id, &p.index, &p.at, &p.ends, &p.version, &p.action, &p.language, &p.subject)
		if err != nil {
			return nil, err
		}
		if row.Site == "" {
			row.ID = consent.ID(id)
		}
		list, packed = append(list, p), append(packed, row)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	if err = v.store.unpack(ctx, packed, true); err != nil {
		err = finding("a record cannot be read: %w", err)
	}
	for i := range list {
		list[i].Row = packed[i]
	}
	return list, err
}

// nullable scans a row whose choice may not be there: its site is "" then.
type nullable struct{ *sql.Rows }

func (n nullable) Scan(into ...any) error {
	var site sql.NullString
	target := into[0].(*string)
	into[0] = &site
	err := n.Rows.Scan(into...)
	*target = site.String
	return err
}

func (v *verifying) record(ctx context.Context, p *placedRow) error {
	if p.Site == "" {
		v.wrong("record %v has a place in the log, and is not kept", p.ID)
		return nil
	}
	entry, err := v.entries.at(ctx, p.index)
	if err != nil {
		return err
	}
	if entry != ledger.NewEntry(p.Salt, p.Record) {
		v.wrong("record %v is not what entry %d of the log commits to: it was changed, or its salt", p.ID, p.index)
		return nil
	}
	f, ok := register.FactsOf(p.Record)
	p.replaces = f.Replaces
	switch {
	case ok && (f.At != p.at || f.Ends != p.ends || !bytes.Equal(f.Version[:], p.version) || string(f.Action) != p.action || f.Language != p.language):
		v.wrong("record %v is not what it is looked up by: times, version, action or language are others", p.ID)
	case (p.Account != nil || len(p.subject) == accountSize) && !bytes.Equal(p.Account, p.subject):
		v.wrong("record %v is not what it is looked up by: its account is another", p.ID)
	}
	return nil
}

// accountSize is how long the key of an account is; an id is shorter.
const accountSize = 32

// passed finds choices that are in no log although it has gone on behind them:
// nothing puts them there any more.
func (v *verifying) passed(ctx context.Context) error {
	if v.Waiting == 0 {
		return nil
	}
	var n int64
	err := v.tx.QueryRowContext(ctx, `SELECT count(*) FROM choice c WHERE c.site = $1
		AND c.arrival < coalesce((SELECT arrival FROM stalled WHERE site = $1), (SELECT arrival FROM sequenced WHERE one = 1)) AND `+unplaced, v.store.afresh(v.Site)...).Scan(&n)
	if err == nil && n > 0 {
		v.wrong("%d choices are in no log, which has gone on behind them: their places were removed, or the mark that says how far it has come was moved", n)
	}
	return err
}
