package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/register"
)

// A Query says which records are wanted. What is zero asks for nothing.
type Query struct {
	Site         string          // all sites if empty
	Since, Until time.Time       // by the time of the choice: from since on, before until
	Version      []byte          // the first 8 bytes of the manifest's hash
	Action       register.Action // one of them
	Subject      []byte          // the key of an account, or the id of a record: then all of its chain, see register.Subject
}

// pageSize is how many records are read at once.
const pageSize = 256

// Records reads records page by page: it holds one page at a time, and no
// transaction between two. Each record that was committed before, is not removed
// meanwhile and is asked for comes once, be it in the log or not: its index is -1
// then. Records that come meanwhile may be among them or not.
//
// Each that is in the log is compared with its entry. One that is not what the entry
// commits to ends it with an error, see Finds: it and what follows do not come. Where all
// records of a site are asked for, or those of a time, it ends with such an error too if
// one could not come, since its place in the log was taken from it.
//
// They come by site; where an action or a version is asked for, by action and
// version; those that are in no log last; then by id, hence by time. (Imported
// choices that are older than their ids come after others where Until is given.)
func (s *Store) Records(ctx context.Context, q Query) iter.Seq2[register.Exported, error] {
	return func(yield func(register.Exported, error) bool) {
		sites := []string{q.Site}
		if q.Site == "" {
			var err error
			if sites, err = s.Sites(ctx); err != nil {
				yield(register.Exported{}, err)
				return
			}
		}
		for _, site := range sites {
			r := reading{Store: s, Query: q, site: site, yield: yield, entries: entryReader{db: s.read, site: site}}
			if err := r.run(ctx); err != nil {
				if !errors.Is(err, errEnough) {
					yield(register.Exported{}, err)
				}
				return
			}
		}
	}
}

// Sites returns the sites that have records, in alphabetical order.
func (s *Store) Sites(ctx context.Context) ([]string, error) { return s.sitesIn(ctx, s.read) }

func (s *Store) sitesIn(ctx context.Context, q querier) ([]string, error) {
	var sites []string
	for last := ""; ; last = sites[len(sites)-1] {
		next, err := texts(q.QueryContext(ctx, `SELECT site FROM choice WHERE site > $1 ORDER BY site LIMIT 1`, s.afresh(last)...))
		if err != nil || len(next) == 0 {
			return sites, err
		}
		sites = append(sites, next...)
	}
}

// KnownSites returns the sites of which there is anything, in alphabetical order: also
// those whose records have all gone, or have not come yet.
func (s *Store) KnownSites(ctx context.Context) ([]string, error) {
	sites, err := s.Sites(ctx)
	if err != nil {
		return nil, err
	}
	more, err := texts(s.read.QueryContext(ctx, sitesKnown))
	sites = append(sites, more...)
	slices.Sort(sites)
	return slices.Compact(sites), err
}

// Committed compares a record that was found, and has a place in the log, with its entry
// there. The error is a finding where it is not what the entry commits to: see Finds.
func (s *Store) Committed(ctx context.Context, row register.Row, index int64) error {
	r := entryReader{db: s.read, site: row.Site}
	return r.committed(ctx, &row, index)
}

// A reading is of the records of one site.
type reading struct {
	*Store
	Query
	site  string
	yield func(register.Exported, error) bool

	entries  entryReader
	unplaced consent.ID          // every record before it has its place
	chain    map[consent.ID]bool // records of the subject that were found; nil unless it is a chain
	alone    bool                // the subject is one record, which has none itself
}

// errEnough says that the reader wants no more.
var errEnough = errors.New("enough")

// run reads records that have their place by their look-ups, as far as all of them
// do, and beyond that one after the other. No record is before and behind the bound.
func (r *reading) run(ctx context.Context) error {
	if r.Subject != nil {
		if err := r.resolve(ctx); err != nil {
			return err
		}
	}
	waits, err := r.firstUnplaced(ctx)
	if err != nil {
		return err
	}
	spans, err := r.spans(ctx)
	if err != nil {
		return err
	}
	for _, p := range spans {
		if err := r.placed(ctx, p); err != nil {
			return err
		}
	}
	if waits {
		if err := r.rest(ctx); err != nil {
			return err
		}
	}
	return r.complete(ctx)
}

// lookedAtOnce is how many choices are asked for their places at a time: nothing is read
// for so long that the write-ahead log would have to wait for it.
const lookedAtOnce = 16 * pageSize

// complete looks for records that were passed over: what is read by way of place does not
// have one whose place is gone, although the log has gone on behind it. It goes by ids,
// and so is done only where these, hence times, are all that bounds what is wanted.
func (r *reading) complete(ctx context.Context) error {
	if r.Action != "" || r.Version != nil || r.Subject != nil {
		return nil
	}
	main, _ := r.bounds()
	for from, more := main.from, true; more; {
		ids, err := recordIDs(r.read.QueryContext(ctx, `SELECT id FROM choice WHERE site = $1 AND id >= $2 AND id < $3 ORDER BY site, id LIMIT 1 OFFSET $4`,
			r.afresh(r.site, from[:], main.to[:], lookedAtOnce)...))
		if err != nil {
			return err
		}
		to := main.to
		if more = len(ids) > 0; more {
			to = ids[0]
		}
		if err := r.noneLost(ctx, from, to); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// noneLost fails where a record between two ids has no place, and should have one.
func (r *reading) noneLost(ctx context.Context, from, to consent.ID) error {
	lost, err := recordIDs(r.read.QueryContext(ctx, `SELECT c.id FROM choice c WHERE c.site = $1 AND c.id >= $2 AND c.id < $3
		AND c.arrival < coalesce((SELECT arrival FROM stalled WHERE site = $1), (SELECT arrival FROM sequenced WHERE one = 1)) AND `+unplaced+` ORDER BY c.site, c.id LIMIT 1`,
		r.afresh(r.site, from[:], to[:])...))
	if err == nil && len(lost) > 0 {
		err = finding("record %v of %s is not among these: its place in the log was removed, or the mark that says how far that has come was moved. temoin verify --store looks at everything", lost[0], r.site)
	}
	return err
}

// firstUnplaced finds the bound, and whether there is anything behind it. It reads
// the ids of all records that wait, which are few unless the log is broken.
func (r *reading) firstUnplaced(ctx context.Context) (waits bool, err error) {
	for i := range r.unplaced {
		r.unplaced[i] = 0xff
	}
	rows, err := r.read.QueryContext(ctx, `SELECT c.id FROM choice c
		WHERE c.arrival >= coalesce((SELECT arrival FROM stalled WHERE site = $1), (SELECT arrival FROM sequenced WHERE one = 1)) AND c.site || '' = $1 AND `+unplaced,
		r.afresh(r.site)...)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return false, err
		}
		if waits = true; bytes.Compare(id, r.unplaced[:]) < 0 {
			copy(r.unplaced[:], id)
		}
	}
	return waits, errors.Join(rows.Err(), rows.Close())
}

// placed reads the records of a span.
func (r *reading) placed(ctx context.Context, p span) error {
	n := len(p.args)
	return r.pages(ctx, placedSQL(p), func(from consent.ID) []any { return append(p.args[:n:n], from[:], p.to[:]) }, p.from, nil)
}

// placedSQL reads a page of a span. Behind the arguments of the span come the first id
// and the one behind the last.
func placedSQL(p span) string {
	var where strings.Builder
	for i, condition := range p.where {
		fmt.Fprintf(&where, "%s$%d AND ", condition, i+1)
	}
	n := len(p.args)
	// SQLite joins in this order. PostgreSQL may walk along both tables: then it must
	// not begin with the first choice of all.
	from, first := `place p`, `p`
	if p.named {
		from, first = `place s CROSS JOIN place p`, `s`
	}
	return fmt.Sprintf(`SELECT %s, p.idx FROM %s CROSS JOIN choice c
		WHERE %s%[4]s.record >= $%[5]d AND %[4]s.record < $%[6]d AND c.site = p.site AND c.id = p.record AND c.id >= $%[5]d AND c.id < $%[6]d
		ORDER BY %[4]s.record LIMIT %[7]d`, choiceColumns, from, where.String(), first, n+1, n+2, pageSize)
}

// rest reads all that is behind the bound, and looks at each.
func (r *reading) rest(ctx context.Context) error {
	query := fmt.Sprintf(`SELECT %s, coalesce(p.idx, -1) FROM choice c LEFT JOIN place p ON p.site = c.site AND p.record = c.id
		WHERE c.site = $1 AND c.id >= $2 ORDER BY c.id LIMIT %d`, choiceColumns, pageSize)
	return r.pages(ctx, query, func(from consent.ID) []any { return []any{r.site, from[:]} }, r.unplaced, r.asked)
}

// pages reads page after page, each from the id behind the last one of the page
// before, and passes on what is wanted.
func (r *reading) pages(ctx context.Context, query string, args func(from consent.ID) []any, from consent.ID, wanted func(*register.Row) bool) error {
	for {
		page, indexes, err := r.page(ctx, query, args(from))
		if err != nil {
			return err
		}
		for i := range page {
			if wanted != nil && !wanted(&page[i]) {
				continue
			}
			if r.chain != nil {
				r.chain[page[i].ID] = true
			}
			if err := r.entries.committed(ctx, &page[i], indexes[i]); err != nil {
				return err
			}
			if !r.yield(register.Exported{Row: page[i], Index: indexes[i]}, nil) {
				return errEnough
			}
		}
		if len(page) < pageSize {
			return nil
		}
		var last bool
		if from, last = after(page[len(page)-1].ID); last {
			return nil
		}
	}
}

// after is the id behind another one; there is none behind the last.
func after(id consent.ID) (next consent.ID, last bool) {
	for i := len(id) - 1; i >= 0; i-- {
		if id[i]++; id[i] != 0 {
			return id, false
		}
	}
	return id, true
}

// page reads one page whole, so that nothing stays open while it is worked on.
func (r *reading) page(ctx context.Context, query string, args []any) (page []register.Row, indexes []int64, err error) {
	rows, err := r.read.QueryContext(ctx, query, r.afresh(args...)...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var index int64
		row, err := scanChoice(rows, &index)
		if err != nil {
			return nil, nil, err
		}
		page, indexes = append(page, row), append(indexes, index)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, nil, err
	}
	return page, indexes, r.unpack(ctx, page, true)
}

// asked reports whether a record is wanted, by what it says itself.
func (r *reading) asked(row *register.Row) bool {
	f, ok := register.FactsOf(row.Record)
	if !ok {
		f = register.Unread(row.ID)
	}
	switch {
	case !r.Since.IsZero() && f.At < r.Since.Unix(),
		!r.Until.IsZero() && f.At >= r.Until.Unix(),
		r.Action != "" && f.Action != r.Action,
		r.Version != nil && !bytes.Equal(r.Version, f.Version[:]):
		return false
	case r.Subject == nil:
		return true
	}
	subject := row.ID[:]
	if r.chain[f.Replaces] {
		subject = r.Subject
	}
	return bytes.Equal(register.Subject(row.ID, row.Account, subject), r.Subject)
}

// resolve turns the id of a record into its subject. A record that has none, since
// its account was unlinked, is alone.
func (r *reading) resolve(ctx context.Context) error {
	if len(r.Subject) != len(consent.ID{}) {
		return nil
	}
	id := consent.ID(r.Subject)
	known, err := r.Subjects(ctx, r.site, []consent.ID{id})
	if err != nil {
		return err
	}
	row, index, err := r.Find(ctx, r.site, id)
	switch {
	case known[id] != nil:
		r.Subject, err = known[id], nil
	case errors.Is(err, register.ErrUnknownRecord):
		r.alone, err = true, nil
	case err != nil:
	case index >= 0:
		r.alone = true
	case row.Account != nil:
		r.Subject = row.Account
	default:
		r.Subject, err = r.first(ctx, row)
	}
	if len(r.Subject) == len(id) && !r.alone {
		r.chain = map[consent.ID]bool{consent.ID(r.Subject): true}
	}
	return err
}

// first returns the first record of the chain of one that is in no log yet.
func (r *reading) first(ctx context.Context, row register.Row) ([]byte, error) {
	const longest = 1000 // that are in no log yet
	for range longest {
		f, _ := register.FactsOf(row.Record)
		known, err := r.Subjects(ctx, r.site, []consent.ID{f.Replaces})
		if err != nil {
			return nil, err
		}
		if before := known[f.Replaces]; before != nil {
			return register.Subject(row.ID, nil, before), nil
		}
		before, index, err := r.Find(ctx, r.site, f.Replaces)
		switch {
		case errors.Is(err, register.ErrUnknownRecord):
			return row.ID[:], nil
		case err != nil:
			return nil, err
		case index >= 0, before.Account != nil:
			return row.ID[:], nil
		}
		row = before
	}
	return row.ID[:], nil
}

// Tally returns how many choices went into a site's log, and how they answered: from
// the day of from on, before the day of to, in UTC; zero bounds nothing.
func (s *Store) Tally(ctx context.Context, site string, from, to time.Time) ([]register.Count, error) {
	since, until := int64(-1<<62), int64(1<<62)
	if !from.IsZero() {
		since = register.DayOf(from)
	}
	if !to.IsZero() {
		until = register.DayOf(to)
	}
	rows, err := s.read.QueryContext(ctx, `SELECT day, language, action, category, allowed, n FROM tally WHERE site = $1 AND day >= $2 AND day < $3
		ORDER BY site, day, language, action, category, allowed`, s.afresh(site, since, until)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var counts []register.Count
	for rows.Next() {
		var c register.Count
		if err := rows.Scan(&c.Day, &c.Language, &c.Action, &c.Category, &c.Allowed, &c.N); err != nil {
			return nil, err
		}
		counts = append(counts, c)
	}
	return counts, rows.Err()
}
