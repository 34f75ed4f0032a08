package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/temoin/temoin/internal/keyring"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/store"
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

// keptKeys opens a folder of keys that is there. Only what makes first keys makes the
// folder: for all others one that is not there is a name that was written wrongly, or
// a disk that is not mounted.
func keptKeys(folder string) (*keyring.Ring, error) {
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no folder of keys %s: check --keys, and whether it is mounted. If the folder itself is lost, put it back from a backup; without one make an empty one (mkdir -m 700), and see docs/keys.md", folder)
	}
	return keyring.Open(folder, nil)
}

// isKnown refuses a site of which the store has nothing: to have found nothing of it
// would look like an answer.
func isKnown(ctx context.Context, s *store.Store, site string) error {
	sites, err := s.KnownSites(ctx)
	if err == nil && !slices.Contains(sites, site) {
		err = fmt.Errorf("the store knows no site %q, but %s", site, naming(sites))
	}
	return err
}

const rewriteUse = "Write the tables anew afterwards, so that PostgreSQL's files have nothing left of what was removed. Nobody can use them meanwhile."

// erased returns the exit code for an error after something was erased. Where old
// copies may be left in files, it is done and yet not all of it: that is found.
func (c *call) erased(err error) int {
	switch {
	case err == nil:
		return done
	case errors.Is(err, register.ErrRemains):
		fmt.Fprintf(c.Err, "temoin %s: %s\n", c.command.name, visibleLines(err.Error()))
		return found
	}
	return c.broke("", err)
}
