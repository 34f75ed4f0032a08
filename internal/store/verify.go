package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
)

// A Known is what the one who verifies a store knows besides.
type Known struct {
	// Keys are public keys of logs, besides those that the store names.
	Keys []ledger.Verifier
	// Checkpoints are signed heads that were kept elsewhere.
	Checkpoints [][]byte
	// Now is the time: entries without a record must be explained by what may have been
	// purged by then, or by the journal of erasures. Zero asks for no explanation.
	Now time.Time
}

// A Finding is something in a store that is not as it should be, unlike a failure to
// read it.
type Finding struct{ error }

func (f *Finding) Unwrap() error { return f.error }

func finding(format string, args ...any) error { return &Finding{fmt.Errorf(format, args...)} }

// Finds reports whether an error tells of something in a store that is not as it should
// be. Otherwise it could not be looked at.
func Finds(err error) bool {
	var f *Finding
	var b *Behind
	return errors.As(err, &f) || errors.As(err, &b) || errors.Is(err, ledger.ErrDamaged)
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

// sitesKnown are the sites of which there is something besides choices.
const sitesKnown = `SELECT site FROM log UNION SELECT site FROM version UNION SELECT site FROM sitekey UNION SELECT site FROM stalled UNION SELECT site FROM tally`

// Verify reads the whole store at one moment and compares everything in it with
// everything else: the database with itself, and its tables and triggers with those of a
// new store; the tree over the entries of each log with its tiles, its head and its last
// checkpoint, and that one with the keys; each record with its entry, and with what it is
// looked up by; the counters with the log; each version with its evidence. It returns
// what it found per site, and all that is wrong as one error: see Finds. There is a
// *Behind in it where a known checkpoint is of a larger log.
//
// It keeps nothing, and others work meanwhile. What it holds does not grow with the
// number of records, but for a bit for each entry of a log. Versions and keys, which are
// only ever added, are read as they are by then.
func (s *Store) Verify(ctx context.Context, known Known) ([]Verified, error) {
	if err := s.engine.intact(ctx); err != nil {
		return nil, err
	}
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() //nolint:errcheck // it only reads
	sites, err := texts(tx.QueryContext(ctx, sitesKnown))
	if err != nil {
		return nil, err
	}
	chosen, err := s.sitesIn(ctx, tx)
	if err != nil {
		return nil, err
	}
	waiting, err := waitingIn(ctx, tx)
	if err != nil {
		return nil, err
	}
	sites = append(sites, chosen...)
	slices.Sort(sites)
	sites = slices.Compact(sites)
	var out []Verified
	var problems []error
	if err := s.sameSchema(ctx); err != nil {
		problems = append(problems, err)
	}
	used := make([]bool, len(known.Checkpoints))
	for _, site := range sites {
		v := &verifying{store: s, tx: tx, Verified: Verified{Site: site, Head: ledger.Empty(), Waiting: waiting[site]}, known: known, used: used, kept: map[dayAction]int64{}}
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
			problems = append(problems, finding("a checkpoint is of the log %.200q, of which nothing is here", originOf(note)))
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
	entries  entryReader
	kept     map[dayAction]int64 // records with a place
	unsigned bool                // another log has begun, and nothing was put into it yet: see register.Keybook.NewLog
}

func (v *verifying) wrong(format string, args ...any) {
	if len(v.problems) < mostProblems {
		v.problems = append(v.problems, finding(format, args...))
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
	v.entries = entryReader{db: v.tx, site: v.Site}
	checkpoints, err := v.checkpoints(ctx, note)
	if err != nil {
		return err
	}
	heads, err := v.heads(ctx, checkpoints)
	if err != nil {
		return err
	}
	v.compare(checkpoints, heads)
	v.signed(checkpoints, signed)
	if err := v.records(ctx); err != nil {
		return err
	}
	for _, look := range []func(context.Context) error{v.passed, v.tallies, v.removals, v.versions} {
		if err := look(ctx); err != nil {
			return err
		}
	}
	return nil
}

// signed compares what the store says of its own checkpoint with that one. There is none
// before the first signature.
func (v *verifying) signed(claims []claim, said int64) {
	switch own := len(claims) > 0 && claims[0].own; {
	case !own && v.Head.Size > 0 && !v.unsigned:
		v.wrong("the log has %d entries and no checkpoint, so that it would be signed as if it never had been: it was taken away (or this is the first second of a new log: look again, or make another backup)", v.Head.Size)
	case own && said != v.Signed && v.Signed <= v.Head.Size:
		v.wrong("the log is said to be signed up to entry %d, and its checkpoint is of %d", said, v.Signed)
	}
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
	trust, former, err := v.trust(ctx, note)
	if err != nil {
		return nil, err
	}
	ofFormer := slices.Contains(former.logs, originOf(note))
	v.unsigned = ofFormer && v.Head.Size == former.left
	if note != nil && !ofFormer {
		c, err := trust.Open(note)
		if errors.Is(err, ledger.ErrUnsigned) && len(trust.Keys) == 0 {
			err = fmt.Errorf("no key of the log %s is known, and so its checkpoint cannot be verified: give its public key", trust.Origin)
		}
		if err != nil {
			return nil, finding("the last checkpoint: %w", err)
		}
		v.Signed = c.Size
		claims = append(claims, claim{note, c.Head, true})
	}
	for i, other := range v.known.Checkpoints {
		if slices.Contains(former.logs, originOf(other)) {
			v.used[i] = true // its loss was accepted when the site got another log
		}
		if originOf(other) != trust.Origin {
			continue
		}
		v.used[i] = true
		c, err := trust.Open(other)
		if err != nil {
			return nil, finding("a checkpoint that was kept elsewhere: %w", err)
		}
		claims = append(claims, claim{other, c.Head, false})
	}
	return claims, nil
}

// A past is what is known of the logs that a site had before its last one.
type past struct {
	logs []string // their names
	left int64    // how many entries were left of them, with which the last one began
}

// trust is in the keys that the store names, and in those of the same log that the
// caller knows.
func (v *verifying) trust(ctx context.Context, note []byte) (trust ledger.Trust, former past, err error) {
	rows, err := v.store.SiteKeys(ctx, v.Site, register.KeyOfLog)
	if err != nil {
		return trust, former, err
	}
	former.logs = register.FormerLogs(rows)
	for _, r := range rows {
		if r.Why == register.KeyNewLog {
			former.left = r.Size
		}
	}
	trust, err = register.TrustIn(rows, true)
	if errors.Is(err, register.ErrNoKey) {
		trust.Origin, err = originOf(note), nil
	}
	for _, k := range v.known.Keys {
		if k.Name() == trust.Origin && !slices.Contains(trust.Keys, k) {
			trust.Keys = append(trust.Keys, k)
		}
	}
	return trust, former, err
}

// originOf is the log that a checkpoint says it is of.
func originOf(note []byte) string {
	origin, _, _ := strings.Cut(string(note), "\n")
	return origin
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
		err = finding("the database file is damaged: %s", strings.Join(found, "; "))
	}
	return err
}

// intact: PostgreSQL has checksums and tools of its own.
func (p *postgres) intact(context.Context) error { return nil }
