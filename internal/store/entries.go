package store

import (
	"context"
	"fmt"

	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
)

// bundlesAtOnce is how many bundles are held: records come nearly in the order of the
// log.
const bundlesAtOnce = 64

// An entryReader reads single entries of a site's log. It reads each bundle about once,
// where they are asked for nearly in their order, and holds a few of them.
type entryReader struct {
	db      querier
	site    string
	bundles map[int64][]ledger.Entry // that were read last
}

// at returns an entry of the log, which has it.
func (r *entryReader) at(ctx context.Context, index int64) (ledger.Entry, error) {
	const width = ledger.TileWidth
	at, i := index/width, index%width
	list := r.bundles[at]
	if index >= 0 && i >= int64(len(list)) { // the last bundle may have grown since
		var err error
		if list, err = entries(ctx, r.db, r.site, at*width, (at+1)*width); err != nil {
			return ledger.Entry{}, err
		}
		if r.bundles == nil || len(r.bundles) >= bundlesAtOnce {
			r.bundles = make(map[int64][]ledger.Entry, bundlesAtOnce)
		}
		r.bundles[at] = list
	}
	if index < 0 || i >= int64(len(list)) {
		return ledger.Entry{}, fmt.Errorf("entry %d is missing: %w", index, ledger.ErrDamaged)
	}
	return list[i], nil
}

// committed compares a record with its entry in the log. One that is in no log yet has
// nothing to be compared with.
func (r *entryReader) committed(ctx context.Context, row *register.Row, index int64) error {
	if index < 0 {
		return nil
	}
	entry, err := r.at(ctx, index)
	if err != nil {
		return fmt.Errorf("record %v of %s: %w", row.ID, row.Site, err)
	}
	if entry != ledger.NewEntry(row.Salt, row.Record) {
		return finding("record %v of %s is not what entry %d of the log commits to: it, its salt or its place was changed. temoin verify --store looks at everything", row.ID, row.Site, index)
	}
	return nil
}
