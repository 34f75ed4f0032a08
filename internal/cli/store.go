package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/store"
	"github.com/temoin/temoin/policy"
)

// storeFlag adds the flag that names a store.
func (c *call) storeFlag() *string {
	return c.flags.String("store", "", "The store: a `place`, which is a folder or postgres://…")
}

// besideStore opens the store that a flag names, beside the server.
func besideStore(ctx context.Context, where string) (*store.Store, error) {
	if where == "" {
		return nil, errors.New("which store? Write a folder or postgres://… after --store")
	}
	return store.Open(ctx, where, store.Beside())
}

const rewriteUse = "Write the tables anew afterwards, so that PostgreSQL's files have nothing left of what was removed. Nobody can use them meanwhile."

// erased returns the exit code for an error after something was erased. Where old
// copies may be left in files, it is done and yet not all of it: that is found.
func (c *call) erased(err error) int {
	switch {
	case err == nil:
		return done
	case errors.Is(err, register.ErrRemains):
		fmt.Fprintf(c.Err, "temoin %s: %s\n", c.command.name, policy.Visible(strings.TrimSpace(err.Error())))
		return found
	}
	return c.fail("%v", err)
}
