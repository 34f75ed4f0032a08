package store

import (
	"context"
	"time"

	"github.com/temoin/temoin/internal/register"
)

// A dayAction is what counters count choices by.
type dayAction struct {
	day    int64
	action string
}

// counted returns how many choices went into the log, by its counters.
func (v *verifying) counted(ctx context.Context) (map[dayAction]int64, error) {
	rows, err := v.tx.QueryContext(ctx, `SELECT day, action, CAST(sum(n) AS BIGINT) FROM tally WHERE site = $1 AND category = '' GROUP BY day, action`, v.Site)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	counted := map[dayAction]int64{}
	for rows.Next() {
		var of dayAction
		var n int64
		if err := rows.Scan(&of.day, &of.action, &n); err != nil {
			return nil, err
		}
		counted[of] = n
	}
	return counted, rows.Err()
}

// tallies compares the counters with the size of the log, and with the records that are
// kept: counters stay when records go.
func (v *verifying) tallies(ctx context.Context) error {
	counted, err := v.counted(ctx)
	if err != nil {
		return err
	}
	sum := int64(0)
	for _, n := range counted {
		sum += n
	}
	if sum != v.Head.Size {
		v.wrong("the counters tell of %d choices, and the log has %d entries: the counters were changed", sum, v.Head.Size)
	}
	for of, n := range v.kept {
		if n > counted[of] {
			v.wrong("%d choices %q of %s are kept, and the counters tell of %d: the counters were changed", n, of.action, dayText(of.day), counted[of])
		}
	}
	return nil
}

func dayText(day int64) string { return register.Count{Day: day}.Date().Format(time.DateOnly) }

// removals finds records that are gone although nothing removes them: their term cannot
// have ended, and the journal of erasures tells of fewer. Imported choices bring terms
// of their own, and are left out. Where no version is active, nobody knows the terms.
func (v *verifying) removals(ctx context.Context) error {
	if v.known.Now.IsZero() || v.Removed() <= 0 {
		return nil
	}
	versions := register.NewVersions(v.store, v.Site)
	if err := versions.Load(ctx); err != nil || versions.Active() == nil {
		return nil //nolint:nilerr // versions says what is wrong with them
	}
	counted, err := v.counted(ctx)
	if err != nil {
		return err
	}
	mustBeKept := v.mustBeKept(versions.All())
	var gone int64
	since := int64(1) << 62
	for of, n := range counted {
		if of.action != string(register.Imported) && mustBeKept(of.day) {
			gone, since = gone+n-v.kept[of], min(since, of.day)
		}
	}
	if gone <= 0 {
		return nil
	}
	var erased int64
	from := register.Count{Day: since}.Date().Add(-clocks)
	if err := v.tx.QueryRowContext(ctx, `SELECT count(*) FROM erasure WHERE site = $1 AND form = $2 AND at >= $3`, v.Site, string(register.Destroy), from.Unix()).Scan(&erased); err != nil {
		return err
	}
	if gone > erased {
		v.wrong("%d choices since %s have no record any more before their term has ended, and the journal of erasures tells of %d: others were removed by the way", gone, dayText(since), erased)
	}
	return nil
}

// mustBeKept says of which days no choice can have come to the end of its term, by the
// shortest that any version has promised.
func (v *verifying) mustBeKept(versions []*register.Version) func(day int64) bool {
	var due time.Time
	lasts := versions[0].Site.Choice.Lasts
	for _, version := range versions {
		if latest := register.TermsOf(version.Site).Due(v.known.Now).Latest; latest.After(due) {
			due = latest
		}
		if version.Site.Choice.Lasts.Compare(lasts) < 0 {
			lasts = version.Site.Choice.Lasts
		}
	}
	return func(day int64) bool { return !lasts.After(register.Count{Day: day}.Date()).Before(due) }
}
