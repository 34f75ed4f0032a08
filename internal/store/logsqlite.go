package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/register"
)

// A bulk inserts rows of one table, many with a statement. The first two parameters,
// which all rows of a statement have in common, are the site and the index of the
// first row. Others have no number: the driver looks for names of those that have.
type bulk struct {
	head string
	row  string // the parameters of one row, behind site and index
	tail string
}

var (
	placeRows = bulk{`INSERT INTO place (site, idx, record, at, ends, version, action, language, subject) VALUES `, `?, ?, ?, ?, ?, ?, ?`, ` ON CONFLICT (site, record) DO NOTHING`}
)

// statement is the text for n rows.
func (b *bulk) statement(n int) string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf("(?1, ?2 + %d, %s)", i, b.row)
	}
	return b.head + strings.Join(rows, ", ") + b.tail
}

// A prepared is a bulk with its statements, of 1, 2, 4, … and chunk rows: of the
// sizes between there would be too many to keep.
type prepared struct {
	bulk
	statements []*sql.Stmt // by the power of 2
}

func (l *sqlite) prepared(ctx context.Context, b bulk) (prepared, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := prepared{bulk: b, statements: l.bulks[b.head]}
	for n := 1 << len(p.statements); n <= chunk; n *= 2 {
		s, err := l.write.PrepareContext(ctx, b.statement(n))
		if err != nil {
			return p, err
		}
		p.statements = append(p.statements, s)
	}
	if l.bulks == nil {
		l.bulks = map[string][]*sql.Stmt{}
	}
	l.bulks[b.head] = p.statements
	return p, nil
}

// insert inserts the rows of an extension's leaves. own appends the parameters of one.
func (p *prepared) insert(ctx context.Context, tx *sql.Tx, e *register.Extension, own func(args []any, l *register.Leaf) []any) error {
	for from := 0; from < len(e.Leaves); {
		power := len(p.statements) - 1
		for 1<<power > len(e.Leaves)-from {
			power--
		}
		part := e.Leaves[from : from+1<<power]
		args := append(make([]any, 0, 2+8*len(part)), e.Site, e.From.Size+int64(from))
		for i := range part {
			args = own(args, &part[i])
		}
		res, err := tx.StmtContext(ctx, p.statements[power]).ExecContext(ctx, args...)
		if err := all(res, err, len(part)); err != nil {
			return err
		}
		from += len(part)
	}
	return nil
}

// inserter prepares statements: within the transaction, the one connection is not
// free for that.
func (l *sqlite) inserter(ctx context.Context, e register.Extension) (func(ctx context.Context, tx *sql.Tx) error, error) {
	places, err := l.prepared(ctx, placeRows)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx *sql.Tx) error {
		if err := l.insertFew(ctx, tx, e); err != nil {
			return err
		}
		return places.insert(ctx, tx, &e, func(args []any, l *register.Leaf) []any {
			return append(args, l.Record[:], l.At, l.Ends, l.Version[:], string(l.Action), l.Language, l.Subject)
		})
	}, nil
}

// Statements of every step, besides those of log.go.
const (
	addBundle  = `INSERT INTO bundle (site, idx, entries) VALUES ($1, $2, $3)`
	growBundle = `UPDATE bundle SET entries = CAST(entries || $3 AS BLOB) WHERE site = $1 AND idx = $2 AND length(entries) = $4`
	putTile    = `INSERT INTO tile (site, level, idx, hashes) VALUES ($1, $2, $3, $4) ON CONFLICT (site, level, idx) DO UPDATE SET hashes = excluded.hashes`
	addTally   = `INSERT INTO tally (site, day, language, action, category, allowed, n) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (site, day, language, action, category, allowed) DO UPDATE SET n = n + excluded.n`
)

// prepare prepares the statements of every step: within a transaction the one
// connection is not free for that.
func (l *sqlite) prepare(ctx context.Context) error {
	l.statements = map[string]*sql.Stmt{}
	for db, statements := range map[*sql.DB][]string{
		l.write: {moveHead, holdMark, moveMark, keepCheckpoint, addBundle, growBundle, putTile, addTally},
		l.read:  {stalledSites, pendingSQL(l, ofAll), siteKeys},
	} {
		for _, statement := range statements {
			p, err := db.PrepareContext(ctx, statement)
			if err != nil {
				return err
			}
			l.statements[statement] = p
		}
	}
	return nil
}

func (l *sqlite) remembered(statement string) *sql.Stmt { return l.statements[statement] }

// insertFew inserts what there is little of: tiles, bundles of entries, and counts.
func (l *sqlite) insertFew(ctx context.Context, tx *sql.Tx, e register.Extension) error {
	tile, tally := tx.StmtContext(ctx, l.remembered(putTile)), tx.StmtContext(ctx, l.remembered(addTally))
	for _, t := range e.Tiles {
		if _, err := tile.ExecContext(ctx, e.Site, t.Level, t.Index, t.Hashes); err != nil {
			return err
		}
	}
	for _, g := range growths(&e) {
		statement, args := addBundle, []any{e.Site, g.index, g.entries}
		if g.has > 0 {
			statement, args = growBundle, append(args, g.has)
		}
		res, err := tx.StmtContext(ctx, l.remembered(statement)).ExecContext(ctx, args...)
		if err := grown(g, res, err); err != nil {
			return err
		}
	}
	for _, c := range e.Counts {
		if _, err := tally.ExecContext(ctx, e.Site, c.Day, c.Language, string(c.Action), c.Category, c.Allowed, c.N); err != nil {
			return err
		}
	}
	return nil
}

// placed: what this process opened may have its place, and what it has put there.
// Nobody else gives places, and choices arrive behind all others.
func (l *sqlite) placed() int64 { return l.mayBePlaced.Load() }

func (l *sqlite) placing(arrival int64) {
	for {
		before := l.mayBePlaced.Load()
		if before >= arrival || l.mayBePlaced.CompareAndSwap(before, arrival) {
			return
		}
	}
}

func (l *sqlite) subjects(ctx context.Context, site string, records []consent.ID) (*sql.Rows, error) {
	ids := make([]string, len(records))
	for i, id := range records {
		ids[i] = hex.EncodeToString(id[:])
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	return l.read.QueryContext(ctx, `SELECT unhex(r.value), (SELECT p.subject FROM place p WHERE p.site = $1 AND p.record = unhex(r.value)) FROM json_each($2) r`, site, string(list))
}
