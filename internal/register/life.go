package register

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/policy"
)

// How long records are kept. How they are erased before that is in erase.go.

// Terms say how long the records of a site are kept: each until a period after the
// end of its choice is over. The period is that of the manifest in force, or that of
// the manifest under which the choice was made, whichever is shorter. An operator
// who shortens it shortens it for all records; one who lengthens it keeps no record
// longer than its visitor was told.
type Terms struct {
	Site     string
	Kept     policy.Period             // by the manifest in force
	Promised map[[8]byte]policy.Period // by each manifest; the key begins its hash
	Lasts    policy.Period             // the longest that a choice held under any of them
	Longest  policy.Period             // the longest of Kept and Promised
}

// TermsOf returns the terms of a site by the manifest in force and by earlier ones.
// Choices under a manifest that is not given go by the one in force.
func TermsOf(inForce *policy.Site, earlier ...*policy.Site) Terms {
	t := Terms{Site: inForce.ID, Kept: inForce.Proof.Kept, Promised: map[[8]byte]policy.Period{}}
	for _, s := range append(slices.Clone(earlier), inForce) {
		t.Promised[[8]byte(s.Hash[:8])] = s.Proof.Kept
		t.Lasts, t.Longest = longer(t.Lasts, s.Choice.Lasts), longer(t.Longest, s.Proof.Kept)
	}
	return t
}

// TermsIn returns the terms of a site by the versions that are archived. given is the
// manifest in force where no version is active; it may be nil.
func TermsIn(ctx context.Context, a Archive, site string, given *policy.Site) (Terms, error) {
	v := NewVersions(a, site)
	if err := v.Load(ctx); err != nil {
		return Terms{}, err
	}
	if active := v.Active(); active != nil {
		given = active.Site
	}
	if given == nil {
		return Terms{}, fmt.Errorf("the site %s has no active version, which would say how long its records are kept: give its manifest", site)
	}
	var earlier []*policy.Site
	for _, version := range v.All() {
		earlier = append(earlier, version.Site)
	}
	return TermsOf(given, earlier...), nil
}

func longer(a, b policy.Period) policy.Period {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}

// Due is what must go at a time.
type Due struct {
	Site    string
	Before  time.Time             // records of choices that ended before this
	Sooner  map[[8]byte]time.Time // and of those under these manifests, before that
	Latest  time.Time             // the latest of all these
	Journal time.Time             // entries of the erasure journal from before this
}

// Due returns what must go by now. Periods of days, months or years end with the
// day, in UTC, on which they are over: no record goes before its term has ended.
// An entry of the journal of erasures goes when no backup can hold a record any
// more that is younger than its term.
func (t Terms) Due(now time.Time) Due {
	d := Due{Site: t.Site, Before: overBefore(t.Kept, now), Sooner: map[[8]byte]time.Time{}, Journal: overBefore(t.Lasts, overBefore(t.Longest, now))}
	d.Latest = d.Before
	for version, kept := range t.Promised {
		if kept.Compare(t.Kept) >= 0 {
			continue
		}
		d.Sooner[version] = overBefore(kept, now)
		if d.Sooner[version].After(d.Latest) {
			d.Latest = d.Sooner[version]
		}
	}
	return d
}

// overBefore returns a time before which whatever began has been over for the
// period, at the moment now. Months end by the calendar, of which a later moment of
// a long month can come to an earlier one of a short month; so it goes by days.
func overBefore(p policy.Period, now time.Time) time.Time {
	now = now.UTC()
	if p.Unit == policy.Second || p.Unit == policy.Minute || p.Unit == policy.Hour {
		return now.Add(-p.Max())
	}
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	day := today.Add(-p.Max()).AddDate(0, 0, -1) // Max is the longest that it can be
	for next := day.AddDate(0, 0, 1); p.After(next).Before(today); next = next.AddDate(0, 0, 1) {
		day = next
	}
	return day.AddDate(0, 0, 1)
}

// A Purger removes records whose term has ended.
type Purger interface {
	// PurgeStep removes at most so many records that are due, of those whose id is
	// behind after, and returns how many, and the id to go on behind; the zero id when
	// all have been looked at. Whatever this dies in is done whole or not at all.
	PurgeStep(ctx context.Context, due Due, after consent.ID, limit int) (removed int, last consent.ID, err error)
	// CountDue counts the records that are due.
	CountDue(ctx context.Context, due Due) (int64, error)
	// TrimJournal removes entries of the journal of erasures.
	TrimJournal(ctx context.Context, due Due) (int64, error)
	// Scrub sees to it that nothing is left in files of what was removed: see Eraser.
	Scrub(ctx context.Context) error
}

// purgeStep is how many records one transaction removes: others wait for it.
const purgeStep = 256

// A Purged is what a purge did.
type Purged struct {
	Records int64
	Journal int64 // entries of the journal of erasures
}

// Purge removes the records of a site whose term has ended, in short transactions.
// It is called once a day or more often, by any number of processes. What it dies in
// the next call finishes. An error that is ErrRemains is about the files alone.
func Purge(ctx context.Context, store Purger, terms Terms, now time.Time) (Purged, error) {
	var p Purged
	due := terms.Due(now)
	for after := (consent.ID{}); ; {
		removed, last, err := store.PurgeStep(ctx, due, after, purgeStep)
		p.Records += int64(removed)
		if err != nil {
			return p, fmt.Errorf("purging records of %s: %w", terms.Site, err)
		}
		if last == (consent.ID{}) {
			break
		}
		after = last
	}
	var err error
	if p.Journal, err = store.TrimJournal(ctx, due); err != nil {
		return p, fmt.Errorf("the journal of erasures of %s: %w", terms.Site, err)
	}
	return p, store.Scrub(ctx) // of what others removed too
}
