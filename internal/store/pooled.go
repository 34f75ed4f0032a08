package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// pooledConfig reads the address of what may be a pooler that shares sessions. It
// asks nothing of them, and prepares nothing in them.
func pooledConfig(address string) (*pgx.ConnConfig, error) {
	config, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	return config, nil
}

// examinePooled compares what an address leads to with what the direct one does:
// the same database, and sessions that are by themselves what the contract needs.
func examinePooled(ctx context.Context, config, direct *pgx.ConnConfig) error {
	pooled, err := session(ctx, config)
	if err != nil {
		return err
	}
	defer hangUp(pooled)
	own, err := session(ctx, direct)
	if err != nil {
		return err
	}
	defer hangUp(own)
	one, err := whereIs(ctx, pooled)
	if err != nil {
		return err
	}
	other, err := whereIs(ctx, own)
	if err != nil {
		return err
	}
	if one != other {
		return errors.New("the store's address and the direct one do not lead to the same database and schema: whoever leads in the one would not lead in the other")
	}
	return lacking(ctx, pooled, config.Database)
}

// A place is where a session has come to. A server that was copied from another one
// has its number too, and takes no writes.
type place struct{ server, database, schema string }

func whereIs(ctx context.Context, conn *pgx.Conn) (p place, err error) {
	err = conn.QueryRow(ctx, `SELECT (SELECT system_identifier::text FROM pg_control_system()), current_database()::text, current_schema()::text`).Scan(&p.server, &p.database, &p.schema)
	return p, err
}

// lacking tells which settings a session has not by itself, and how to give them.
func lacking(ctx context.Context, conn *pgx.Conn, database string) error {
	var mend []string
	for name, want := range sessionSettings {
		var got string
		if err := conn.QueryRow(ctx, `SELECT setting FROM pg_settings WHERE name = $1`, name).Scan(&got); err != nil {
			return err
		}
		if got != want && (name != "synchronous_commit" || got != "remote_apply") {
			mend = append(mend, fmt.Sprintf("ALTER DATABASE %s SET %s = '%s';", pgx.Identifier{database}.Sanitize(), name, want))
		}
	}
	if mend == nil {
		return nil
	}
	slices.Sort(mend)
	return fmt.Errorf("a direct address is given, so that this one may be a pooler's, through which nothing can be asked of a session. The database has to say it. As its owner: %s Then let the pooler connect anew", strings.Join(mend, " "))
}
