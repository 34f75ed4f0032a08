package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/register"
)

const (
	connections   = 8                // of one process, besides those that lead and listen
	connectWithin = 5 * time.Second  // where the address says nothing else
	commitWithin  = 10 * time.Second // then the register says that it is unavailable
	oldestVersion = 14               // of PostgreSQL: idle_session_timeout
)

// A postgres is a database that many processes use.
type postgres struct {
	config *pgx.ConnConfig // of a session of one's own, to lead and to listen
	db     *sql.DB
	hints  chan struct{}
}

// Locks are those of the schema, so that two can be in one database.
var postgresDialect = dialect{
	folder: "postgres",
	exists: `SELECT count(to_regclass('migration'))`,
	lock:   `SELECT pg_advisory_xact_lock(hashtextextended('temoin migration ' || current_schema(), 0))`,
}

func (s *Store) openPostgres(ctx context.Context, address string) error {
	config, direct, err := s.addresses(address)
	if err != nil {
		return err
	}
	if err := s.startPostgres(ctx, config, direct); err != nil {
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code == "42501" {
			err = fmt.Errorf("%w: the role %s may not do that. Tables are made and changed by their owner: let the owner open the store once with this version, and grant this role its rights: temoin grant --store postgres://OWNER@…/%s --role %s", err, config.User, config.Database, config.User)
		}
		return fmt.Errorf("PostgreSQL, database %s: %w", config.Database, err)
	}
	return nil
}

// addresses reads the store's address and the direct one, which is the same where
// none is given.
func (s *Store) addresses(address string) (config, direct *pgx.ConnConfig, err error) {
	if s.options.direct == "" {
		config, err = postgresConfig(address)
		return config, config, err
	}
	if config, err = pooledConfig(address); err != nil {
		return nil, nil, err
	}
	if direct, err = postgresConfig(s.options.direct); err != nil {
		return nil, nil, fmt.Errorf("the direct address: %w", err)
	}
	return config, direct, nil
}

// sessionSettings are what the contract needs of a session.
var sessionSettings = map[string]string{
	"synchronous_commit": "on",
	// A process that hangs must not keep others from extending its log.
	"idle_in_transaction_session_timeout": "10000",
	"default_transaction_isolation":       "read committed",
	// All queries follow an index, whatever the planner thinks of tables that
	// grew since it looked. It must not gather a backlog to sort it.
	"enable_bitmapscan": "off",
	"enable_sort":       "off",
	"jit":               "off",
}

// postgresConfig reads an address, and says of sessions what the contract needs,
// whatever the server's defaults.
func postgresConfig(address string) (*pgx.ConnConfig, error) {
	config, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	for name, value := range sessionSettings {
		if _, ok := config.RuntimeParams[name]; !ok {
			config.RuntimeParams[name] = value
		}
	}
	return config, nil
}

func parseAddress(address string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, err
	}
	if _, ok := config.RuntimeParams["application_name"]; !ok {
		config.RuntimeParams["application_name"] = "temoin"
	}
	if config.ConnectTimeout > time.Minute { // pgx's own
		config.ConnectTimeout = connectWithin
	}
	if config.ValidateConnect == nil { // of several hosts, the one that takes writes
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	return config, nil
}

func (s *Store) startPostgres(ctx context.Context, config, direct *pgx.ConnConfig) error {
	if err := examine(ctx, direct); err != nil {
		return err
	}
	if config != direct {
		if err := examinePooled(ctx, config, direct); err != nil {
			return err
		}
	}
	once := stdlib.OpenDB(*direct)
	once.SetMaxOpenConns(1)
	err := s.ready(ctx, once, postgresDialect)
	if err = errors.Join(err, once.Close()); err != nil {
		return err
	}
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(rebase))
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	p := &postgres{config: direct, db: db, hints: make(chan struct{}, 1)}
	s.engine, s.write, s.read = p, db, db
	s.under.Go(func() { p.notify(s.ctx) })
	return db.PingContext(ctx)
}

// examine refuses a server that does not keep the contract.
func examine(ctx context.Context, config *pgx.ConnConfig) error {
	conn, err := session(ctx, config)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	if err := refusePooler(ctx, conn, config); err != nil {
		return err
	}
	var version int
	var sync string
	if err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int / 10000, current_setting('synchronous_commit')`).Scan(&version, &sync); err != nil {
		return err
	}
	if version < oldestVersion {
		return fmt.Errorf("the server is version %d: it must be %d or later", version, oldestVersion)
	}
	if sync != "on" && sync != "remote_apply" {
		return fmt.Errorf("synchronous_commit is %s: what is acknowledged would not be safe. Leave it out of the address", sync)
	}
	return nil
}

// rebase lets choices arrive after all that are there. Arrivals count the server's
// transactions; where the database came from another server by way of a dump,
// that count begins below.
func rebase(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `UPDATE origin SET base = greatest((SELECT max(arrival) FROM choice), (SELECT arrival FROM sequenced)) + 1
		WHERE base + pg_snapshot_xmax(pg_current_snapshot())::text::bigint <= greatest((SELECT max(arrival) FROM choice), (SELECT arrival FROM sequenced))`)
	return err
}

// commit writes one statement. Rows are in the order of their keys, so that two
// processes with the same ids wait for each other and never both.
func (p *postgres) commit(ctx context.Context, rows []register.Row, frames []*register.Frame) ([]register.Row, error) {
	ctx, cancel := context.WithTimeout(ctx, commitWithin)
	defer cancel()
	for _, f := range frames {
		if _, err := p.db.ExecContext(ctx, `INSERT INTO frame (key, bytes) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING`, f.Key, f.Bytes); err != nil {
			return nil, err
		}
	}
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b register.Row) int {
		return cmp.Or(strings.Compare(a.Site, b.Site), bytes.Compare(a.ID[:], b.ID[:]))
	})
	n := len(sorted)
	sites, ids, salts, records, accounts := make([]string, n), make([][]byte, n), make([][]byte, n), make([][]byte, n), make([][]byte, n)
	keys := make([]*int64, n)
	for i := range sorted {
		r := &sorted[i]
		sites[i], ids[i], salts[i], records[i], accounts[i] = r.Site, r.ID[:], r.Salt[:], r.Record, r.Account
		if r.Frame != nil {
			keys[i] = &r.Frame.Key
		}
	}
	// What is there already may be erased before it is read: then it is inserted.
	var err error
	for range 3 {
		var res sql.Result
		res, err = p.db.ExecContext(ctx, `INSERT INTO choice (site, id, salt, frame, record, account, arrival)
			SELECT site, id, salt, frame, record, account, (SELECT base + pg_current_xact_id()::text::bigint FROM origin)
			FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::bigint[], $5::bytea[], $6::bytea[]) AS r (site, id, salt, frame, record, account)
			ON CONFLICT (site, id) DO NOTHING`, sites, ids, salts, keys, records, accounts)
		if err != nil {
			return nil, err
		}
		if added, err := res.RowsAffected(); err != nil || added == int64(n) {
			return rows, err
		}
		var kept []register.Row
		if kept, err = p.kept(ctx, rows, sites, ids); !errors.Is(err, sql.ErrNoRows) {
			return kept, err
		}
	}
	return nil, err
}

// kept reads what stands under the ids of rows.
func (p *postgres) kept(ctx context.Context, rows []register.Row, sites []string, ids [][]byte) ([]register.Row, error) {
	type key struct {
		site string
		id   consent.ID
	}
	found := map[key]register.Row{}
	res, err := p.db.QueryContext(ctx, `SELECT `+choiceColumns+` FROM unnest($1::text[], $2::bytea[]) AS r (site, id)
		JOIN choice c ON c.site = r.site AND c.id = r.id`, sites, ids)
	if err != nil {
		return nil, err
	}
	defer res.Close()
	for res.Next() {
		r, err := scanChoice(res)
		if err != nil {
			return nil, err
		}
		found[key{r.Site, r.ID}] = r
	}
	if err := res.Err(); err != nil {
		return nil, err
	}
	kept := make([]register.Row, len(rows))
	for i, r := range rows {
		var ok bool
		if kept[i], ok = found[key{r.Site, r.ID}]; !ok {
			return nil, sql.ErrNoRows
		}
	}
	return kept, nil
}

// settled: transactions before the oldest that is open have all ended.
func (p *postgres) settled() string {
	return `(SELECT base + pg_snapshot_xmin(pg_current_snapshot())::text::bigint FROM origin)`
}

// afresh: a plan that was made while the tables were empty is none for later.
func (p *postgres) afresh(args ...any) []any {
	return append([]any{pgx.QueryExecModeExec}, args...)
}

func (p *postgres) remembered(string) *sql.Stmt { return nil }

func (p *postgres) writers() int { return 1 }

func (p *postgres) stepSize() int { return 2048 }

func (p *postgres) release() error { return nil }
