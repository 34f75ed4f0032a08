package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/temoin/temoin/internal/store"
	"github.com/temoin/temoin/policy"
)

var grantCommand = command{
	name: "grant", args: "--store postgres://OWNER@…/DB --role NAME",
	short: "Give the role of running servers its rights in PostgreSQL.",
	long: `It makes the tables, or brings them up to date, as their owner, and lets the role do
what servers need: keep choices, extend logs, erase by way of removal; not change a
record, an entry of a log, a table or a trigger. Run it again after each new version.

The password is best left to PGPASSWORD or ~/.pgpass: others on the machine can read
the arguments of a command. See docs/store.md.`,
	run: runGrant,
}

func runGrant(ctx context.Context, c *call) int {
	where := c.flags.String("store", "", "The store: the `address` postgres://… by which its owner reaches it.")
	role := c.flags.String("role", "", "The `name` of the role that servers have.")
	if code, ok := c.parse(); !ok {
		return code
	}
	switch {
	case len(c.args) > 0:
		return c.fail("it takes no arguments: what is %q?", c.args[0])
	case *where == "" || *role == "":
		return c.fail("whom, and where? Write the owner's address after --store, and the servers' role after --role")
	case !strings.HasPrefix(*where, "postgres://") && !strings.HasPrefix(*where, "postgresql://"):
		return c.fail("--store: rights are granted in PostgreSQL only: write the owner's address postgres://…")
	}
	if err := store.Grant(ctx, *where, *role); err != nil {
		return c.failLines("", err)
	}
	_, err := fmt.Fprintf(c.Out, "The role %s has its rights: servers can use it now.\n", policy.Visible(*role))
	return c.written(err)
}
