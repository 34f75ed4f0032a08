package store

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/register"
)

// A span is a part of place that an index leads through in the order of ids.
type span struct {
	where    []string // conditions, whose arguments follow
	args     []any
	from, to consent.ID // from included, to not
	named    bool       // the index of subjects leads to p, as s: on its own, SQLite would take the order of ids
}

// and adds a condition on a column.
func (p span) and(condition string, arg any) span {
	p.where = append(p.where[:len(p.where):len(p.where)], condition)
	p.args = append(p.args[:len(p.args):len(p.args)], arg)
	return p
}

// clocks is how far the time of a choice may be ahead of, or behind, that of its id,
// which clients make: register.ErrClock allows less.
const clocks = time.Hour

// idAt is the smallest id of a moment.
func idAt(at time.Time) (id consent.ID) {
	ms := max(0, at.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	return id
}

// spans are the parts of place that hold what is asked for.
func (r *reading) spans(ctx context.Context) ([]span, error) {
	main, later := r.bounds()
	if r.Subject != nil {
		return r.ofSubject(main), nil
	}
	wide := r.Action == "" && r.Version == nil
	if wide && later.where == nil {
		return []span{main}, nil
	}
	pairs, err := r.pairs(ctx)
	if err != nil {
		return nil, err
	}
	var spans []span
	if wide {
		spans = append(spans, main)
	}
	for _, pair := range pairs {
		within := func(p span) span { return p.and("p.action = ", string(pair.action)).and("p.version = ", pair.version) }
		if !wide {
			spans = append(spans, within(main))
		}
		if pair.action == register.Imported && later.where != nil {
			spans = append(spans, within(later))
		}
	}
	return spans, nil
}

// bounds are the part where choices of the time that is asked for have their ids,
// and that behind it, where only imported ones can be of that time.
func (r *reading) bounds() (main, later span) {
	main = span{to: r.unplaced}.and("p.site = ", r.site)
	if !r.Since.IsZero() {
		main = main.and("p.at >= ", r.Since.Unix())
		main.from = idAt(r.Since.Add(-clocks))
	}
	if r.Until.IsZero() {
		return main, span{}
	}
	main = main.and("p.at < ", r.Until.Unix())
	later = main
	if end := idAt(r.Until.Add(clocks)); bytes.Compare(end[:], main.to[:]) < 0 {
		main.to = end
	}
	later.from = main.to
	return main, later
}

// ofSubject narrows a span down to the records of the subject, which are few
// whenever they were made: those that are named after it, and in the order of ids
// among them the one that it is itself.
func (r *reading) ofSubject(p span) []span {
	p.to = r.unplaced
	if r.Action != "" {
		p = p.and("p.action = ", string(r.Action))
	}
	if r.Version != nil {
		p = p.and("p.version = ", r.Version)
	}
	named := p.and("s.site = $1 AND p.site = s.site AND p.record = s.record AND s.subject <> s.record AND s.subject = ", r.Subject)
	named.named = true
	if len(r.Subject) != len(consent.ID{}) {
		return []span{named}
	}
	if r.alone {
		return []span{p.and("p.record = ", r.Subject)}
	}
	before, behind := named, named
	if before.to = consent.ID(r.Subject); bytes.Compare(before.to[:], p.to[:]) > 0 {
		before.to = p.to
	}
	self := p.and("p.subject = p.record AND p.record = ", r.Subject)
	var last bool
	if behind.from, last = after(consent.ID(r.Subject)); last {
		return []span{before, self}
	}
	if bytes.Compare(behind.from[:], p.from[:]) < 0 {
		behind.from = p.from
	}
	return []span{before, self, behind}
}

// A pair is what the index on place is led by.
type pair struct {
	action  register.Action
	version []byte
}

// pairs returns those of the site that are asked for. It leaps from one to the next.
func (r *reading) pairs(ctx context.Context) ([]pair, error) {
	var wanted []pair
	last := pair{version: []byte{}}
	for {
		rows, err := r.read.QueryContext(ctx, `SELECT action, version FROM place WHERE site = $1 AND (action, version) > ($2, $3)
			ORDER BY action, version LIMIT 1`, r.afresh(r.site, string(last.action), last.version)...)
		if err != nil {
			return nil, err
		}
		found := rows.Next()
		if found {
			err = rows.Scan(&last.action, &last.version)
		}
		if err = errors.Join(err, rows.Err(), rows.Close()); err != nil || !found {
			return wanted, err
		}
		if (r.Action == "" || r.Action == last.action) && (r.Version == nil || bytes.Equal(r.Version, last.version)) {
			wanted = append(wanted, last)
		}
	}
}
