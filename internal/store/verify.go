package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
)

// A Known is what the one who verifies a store knows besides.
type Known struct {
	// Keys are public keys of logs, besides those that the store names.
	Keys []ledger.Verifier
	// Checkpoints are signed heads that were kept elsewhere.
	Checkpoints [][]byte
}

// A Verified is what a store holds of one site, and was found good.
type Verified struct {
	Site     string
	Head     ledger.Head
	Signed   int64 // the size under the last checkpoint
	Records  int64 // that are kept and in the log
	Waiting  int64 // that are kept, and in no log yet
	Versions int
}

// Removed is how many entries of the log have no record any more.
func (v Verified) Removed() int64 { return v.Head.Size - v.Records }

// A Behind says that somebody has a checkpoint of a larger log than the store holds.
type Behind struct {
	Site         string
	Kept, Signed int64  // entries
	Checkpoint   []byte // the larger one
}

func (b *Behind) Error() string {
	return fmt.Sprintf("the log of %s has %d entries here, and a checkpoint tells of %d: what was acknowledged in between (%d) is lost here", b.Site, b.Kept, b.Signed, b.Signed-b.Kept)
}

// mostProblems is how many problems of one kind are listed.
const mostProblems = 10

// Verify reads the whole store at one moment and compares everything in it with
// everything else: the database with itself; the tree over the entries of each log
// with its tiles, its head and its last checkpoint, and that one with the keys; each
// record with its entry; each version with its evidence. It returns what it found
// per site, and all that is wrong as one error, which is a *Behind where a known
// checkpoint is of a larger log.
func (s *Store) Verify(ctx context.Context, known Known) ([]Verified, error) {
	if err := s.engine.intact(ctx); err != nil {
		return nil, err
	}
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() //nolint:errcheck // it only reads
	sites, err := texts(tx.QueryContext(ctx, `SELECT site FROM log UNION SELECT site FROM version UNION SELECT site FROM sitekey UNION SELECT site FROM stalled`))
	if err != nil {
		return nil, err
	}
	waiting, err := waitingIn(ctx, tx)
	if err != nil {
		return nil, err
	}
	for site := range waiting {
		if !slices.Contains(sites, site) {
			sites = append(sites, site)
		}
	}
	slices.Sort(sites)
	var out []Verified
	var problems []error
	used := make([]bool, len(known.Checkpoints))
	for _, site := range sites {
		v := &verifying{s, tx, Verified{Site: site, Head: ledger.Empty(), Waiting: waiting[site]}, known, used, nil}
		if err := v.run(ctx); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", site, err))
		}
		for _, p := range v.problems {
			problems = append(problems, fmt.Errorf("%s: %w", site, p))
		}
		out = append(out, v.Verified)
	}
	for i, note := range known.Checkpoints {
		if !used[i] {
			problems = append(problems, fmt.Errorf("a checkpoint is of the log %.200q, of which nothing is here", originOf(note)))
		}
	}
	return out, errors.Join(problems...)
}

// waitingIn counts the choices of each site that are in no log.
func waitingIn(ctx context.Context, tx *sql.Tx) (map[string]int64, error) {
	rows, err := tx.QueryContext(ctx, `SELECT c.site, count(*) FROM choice c WHERE `+unplaced+` GROUP BY c.site`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	n := map[string]int64{}
	for rows.Next() {
		var site string
		var count int64
		if err := rows.Scan(&site, &count); err != nil {
			return nil, err
		}
		n[site] = count
	}
	return n, rows.Err()
}

// A verifying is one site being verified.
type verifying struct {
	store *Store
	tx    *sql.Tx
	Verified
	known    Known
	used     []bool // which of the known checkpoints are of a log that is here
	problems []error
}

func (v *verifying) wrong(format string, args ...any) {
	if len(v.problems) < mostProblems {
		v.problems = append(v.problems, fmt.Errorf(format, args...))
	}
}

func (v *verifying) run(ctx context.Context) error {
	var root, note []byte
	var signed int64
	err := v.tx.QueryRowContext(ctx, `SELECT size, root, signed, checkpoint FROM log WHERE site = $1`, v.Site).Scan(&v.Head.Size, &root, &signed, &note)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return err
	default:
		copy(v.Head.Root[:], root)
	}
	checkpoints, err := v.checkpoints(ctx, note)
	if err != nil {
		return err
	}
	heads, err := v.heads(ctx, checkpoints)
	if err != nil {
		return err
	}
	v.compare(checkpoints, heads)
	if note != nil && signed != v.Signed && v.Signed <= v.Head.Size {
		v.wrong("the log is said to be signed up to entry %d, and its checkpoint is of %d", signed, v.Signed)
	}
	if err := v.records(ctx); err != nil {
		return err
	}
	return v.versions(ctx)
}

// A claim is a checkpoint that must fit.
type claim struct {
	note []byte
	head ledger.Head
	own  bool // the store's own
}

// checkpoints reads the store's checkpoint, and those known elsewhere of the same
// log.
func (v *verifying) checkpoints(ctx context.Context, note []byte) ([]claim, error) {
	var claims []claim
	trust, err := v.trust(ctx, note)
	if err != nil {
		return nil, err
	}
	if note != nil {
		c, err := trust.Open(note)
		if errors.Is(err, ledger.ErrUnsigned) && len(trust.Keys) == 0 {
			err = fmt.Errorf("no key of the log %s is known, and so its checkpoint cannot be verified: give its public key", trust.Origin)
		}
		if err != nil {
			return nil, fmt.Errorf("the last checkpoint: %w", err)
		}
		v.Signed = c.Size
		claims = append(claims, claim{note, c.Head, true})
	}
	for i, other := range v.known.Checkpoints {
		if originOf(other) != trust.Origin {
			continue
		}
		v.used[i] = true
		c, err := trust.Open(other)
		if err != nil {
			return nil, fmt.Errorf("a checkpoint that was kept elsewhere: %w", err)
		}
		claims = append(claims, claim{other, c.Head, false})
	}
	return claims, nil
}

// trust is in the keys that the store names, and in those of the same log that the
// caller knows.
func (v *verifying) trust(ctx context.Context, note []byte) (ledger.Trust, error) {
	rows, err := v.store.SiteKeys(ctx, v.Site, register.KeyOfLog)
	if err != nil {
		return ledger.Trust{}, err
	}
	trust, err := register.TrustIn(rows, true)
	if errors.Is(err, register.ErrNoKey) {
		trust.Origin, err = originOf(note), nil
	}
	for _, k := range v.known.Keys {
		if k.Name() == trust.Origin && !slices.Contains(trust.Keys, k) {
			trust.Keys = append(trust.Keys, k)
		}
	}
	return trust, err
}

// originOf is the log that a checkpoint says it is of.
func originOf(note []byte) string {
	origin, _, _ := strings.Cut(string(note), "\n")
	return origin
}

// heads builds the tree anew from the entries, and returns its head at each size
// that a checkpoint tells of. The tiles must be those of the tree.
func (v *verifying) heads(ctx context.Context, claims []claim) (map[int64]ledger.Head, error) {
	stops := map[int64]bool{}
	for _, c := range claims {
		stops[c.head.Size] = true
	}
	heads := map[int64]ledger.Head{}
	var edge ledger.Edge
	for size := int64(0); ; size = edge.Head().Size {
		entries, err := v.entries(ctx, size, stops)
		if err != nil {
			return nil, err
		}
		if len(entries) == 0 {
			break
		}
		var tiles []ledger.Tile
		if edge, tiles, err = edge.Append(entries); err != nil {
			return nil, err
		}
		if err := v.tiles(ctx, tiles); err != nil {
			return nil, err
		}
		if h := edge.Head(); stops[h.Size] {
			heads[h.Size] = h
		}
	}
	if got := edge.Head(); got != v.Head {
		return nil, fmt.Errorf("the entries of the log make up the head of size %d and root %v, and the store says size %d and root %v: %w", got.Size, got.Root, v.Head.Size, v.Head.Root, ledger.ErrDamaged)
	}
	return heads, nil
}

// entriesAtOnce is how many entries are read at a time.
const entriesAtOnce = 4096

// entries returns the entries that follow, up to the next size that is a stop.
func (v *verifying) entries(ctx context.Context, from int64, stops map[int64]bool) ([]ledger.Entry, error) {
	to := from + entriesAtOnce
	for stop := range stops {
		if stop > from && stop < to {
			to = stop
		}
	}
	rows, err := v.tx.QueryContext(ctx, `SELECT idx, entry FROM leaf WHERE site = $1 AND idx >= $2 AND idx < $3 ORDER BY site, idx`, v.Site, from, to)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []ledger.Entry
	for rows.Next() {
		var at int64
		var b []byte
		if err := rows.Scan(&at, &b); err != nil {
			return nil, err
		}
		if at != from+int64(len(list)) || len(b) != ledger.EntrySize {
			return nil, fmt.Errorf("entry %d is missing: %w", from+int64(len(list)), ledger.ErrDamaged)
		}
		list = append(list, ledger.Entry(b))
	}
	return list, rows.Err()
}

// tiles compares tiles with those that are kept, which may hold more.
func (v *verifying) tiles(ctx context.Context, want []ledger.Tile) error {
	for _, t := range want {
		kept, err := tiles{ctx, v.tx, v.Site}.Tile(t.Level, t.Index)
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(kept, t.Hashes) {
			return fmt.Errorf("tile %d of level %d is not that of the entries: %w", t.Index, t.Level, ledger.ErrDamaged)
		}
	}
	return nil
}

// compare compares checkpoints with the tree.
func (v *verifying) compare(claims []claim, heads map[int64]ledger.Head) {
	var behind *Behind
	for _, c := range claims {
		switch {
		case c.head.Size > v.Head.Size:
			if behind == nil || c.head.Size > behind.Signed {
				behind = &Behind{v.Site, v.Head.Size, c.head.Size, c.note}
			}
		case c.head.Size > 0 && heads[c.head.Size] != c.head:
			v.wrong("a signed checkpoint of size %d is of another tree than the one that is kept: this log was rewritten, or continued from an older backup", c.head.Size)
		}
	}
	if behind != nil {
		v.problems = append(v.problems, behind)
	}
}

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
			v.record(p)
		}
		v.Records += int64(len(placed))
		after = placed[len(placed)-1].ID
	}
}

// A placedRow is a record with what is kept beside it.
type placedRow struct {
	register.Row
	index, at, ends int64
	version, entry  []byte
}

func (v *verifying) placed(ctx context.Context, after consent.ID) ([]placedRow, error) {
	rows, err := v.tx.QueryContext(ctx, `SELECT `+choiceColumns+`, p.record, p.idx, p.at, p.ends, p.version, l.entry FROM place p
		LEFT JOIN choice c ON c.site = p.site AND c.id = p.record LEFT JOIN leaf l ON l.site = p.site AND l.idx = p.idx
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
		row, err := scanChoice(nullable{rows}, &id, &p.index, &p.at, &p.ends, &p.version, &p.entry)
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
	err = v.store.unpack(ctx, packed, true)
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

func (v *verifying) record(p *placedRow) {
	if p.Site == "" {
		v.wrong("record %v has a place in the log, and is not kept", p.ID)
		return
	}
	if entry := ledger.NewEntry(p.Salt, p.Record); !bytes.Equal(entry[:], p.entry) {
		v.wrong("record %v is not what entry %d of the log commits to: it was changed, or its salt", p.ID, p.index)
		return
	}
	if f, ok := register.FactsOf(p.Record); ok && (f.At != p.at || f.Ends != p.ends || !bytes.Equal(f.Version[:], p.version)) {
		v.wrong("record %v is not what it is looked up by: times or version are others", p.ID)
	}
}

// versions reads the evidence of each version.
func (v *verifying) versions(ctx context.Context) error {
	listed, err := v.store.Versions(ctx, v.Site)
	if err != nil {
		return err
	}
	for _, l := range listed {
		if err := register.Confirm(ctx, v.store, v.Site, l.Evidence); err != nil {
			v.wrong("%w", err)
		}
	}
	v.Verified.Versions = len(listed)
	return nil
}

// intact asks SQLite whether the file is in order.
func (l *sqlite) intact(ctx context.Context) error {
	found, err := texts(l.read.QueryContext(ctx, `SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'
		UNION ALL SELECT "table" || ': a row belongs to a row of ' || parent || ' that is not there' FROM pragma_foreign_key_check`))
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("the database file is damaged: %s", strings.Join(found, "; "))
	}
	return err
}

// intact: PostgreSQL has checksums and tools of its own.
func (p *postgres) intact(context.Context) error { return nil }
