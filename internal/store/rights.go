package store

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed rights.sql
var rights string

// Grant gives a role of PostgreSQL what processes need at run time: to insert
// choices, to extend logs, to erase by way of removal; not to change a record, a
// bundle, a table or a trigger. The address is the owner's, who makes and changes the
// tables; call it again after each new version. In short, as the server's
// administrator:
//
//	CREATE ROLE temoin_owner LOGIN PASSWORD '…';
//	CREATE ROLE temoin LOGIN PASSWORD '…';
//	CREATE DATABASE temoin OWNER temoin_owner;
//
// then Grant(ctx, "postgres://temoin_owner:…@host/temoin", "temoin"), and run with
// "postgres://temoin:…@host/temoin". Before version 15 everybody may make tables in
// the schema public: REVOKE CREATE ON SCHEMA public FROM PUBLIC there.
func Grant(ctx context.Context, address, role string) error {
	if !strings.HasPrefix(address, "postgres://") && !strings.HasPrefix(address, "postgresql://") {
		return fmt.Errorf("rights are granted in PostgreSQL only, and %s is a folder", address)
	}
	s, err := Open(ctx, address)
	if err != nil {
		return err
	}
	defer s.Close()
	var schema string
	if err := s.write.QueryRowContext(ctx, `SELECT current_schema()`).Scan(&schema); err != nil {
		return err
	}
	name := pgx.Identifier{role}.Sanitize()
	_, err = s.write.ExecContext(ctx, "GRANT USAGE ON SCHEMA "+pgx.Identifier{schema}.Sanitize()+" TO "+name+";\n"+strings.ReplaceAll(rights, "ROLE_NAME", name))
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "42704" { // there is no such role
		err = fmt.Errorf("%w: make it first, as in CREATE ROLE temoin LOGIN PASSWORD '…'", err)
	}
	return err
}
