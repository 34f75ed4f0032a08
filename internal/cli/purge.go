package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/store"
	"github.com/temoin/temoin/policy"
)

var purgeCommand = command{
	name: "purge", args: "--store WHERE [site.yaml…]",
	short: "Remove the records whose term has ended.",
	long: `A running server does so every day by itself. How long records are kept after the
end of a choice is said by the manifest in force, under proof.kept; a record for
which its own manifest promised a shorter term goes by that. The manifest in force
is the active version in the store; where a site has none, it is the file given.
Without files it is about all sites that have an active version.

It works beside a server that is running. Entries of the log stay, and verify.`,
	run: runPurge,
}

func runPurge(ctx context.Context, c *call) int {
	where := c.storeFlag()
	dry := c.flags.Bool("dry-run", false, "Only say how many records would go.")
	rewrite := c.flags.Bool("rewrite", false, rewriteUse)
	if code, ok := c.parse(); !ok {
		return code
	}
	given, err := readSites(c.args)
	if err != nil {
		return c.fail("%v", err)
	}
	s, err := besideStore(ctx, *where)
	if err != nil {
		return c.failLines("", err)
	}
	defer s.Close()
	list, err := termsOf(ctx, s, given)
	if err != nil {
		return c.fail("%v", err)
	}
	for _, terms := range list {
		said, err := purgeSite(ctx, c, s, terms, *dry)
		if said != "" {
			if _, err := fmt.Fprintln(c.Out, policy.Visible(said)); err != nil {
				return c.written(err)
			}
		}
		if err != nil {
			return c.erased(err)
		}
	}
	if *rewrite && !*dry {
		return c.erased(s.Rewrite(ctx))
	}
	return done
}

func purgeSite(ctx context.Context, c *call, s *store.Store, terms register.Terms, dry bool) (string, error) {
	due := terms.Due(c.Now())
	if dry {
		n, err := s.CountDue(ctx, due)
		return fmt.Sprintf("%s: %s would go, of choices that ended before %s or earlier", terms.Site, records(n), due.Latest.Format("2006-01-02 15:04 MST")), err
	}
	p, err := register.Purge(ctx, s, terms, c.Now())
	if err != nil && !errors.Is(err, register.ErrRemains) {
		return "", err
	}
	return fmt.Sprintf("%s: %s removed", terms.Site, records(p.Records)), err
}

// records counts records in words.
func records(n int64) string {
	if n == 1 {
		return "1 record"
	}
	return fmt.Sprintf("%d records", n)
}

// termsOf returns the terms of the sites given, else of all that have an active
// version.
func termsOf(ctx context.Context, s *store.Store, given []*policy.Site) ([]register.Terms, error) {
	var list []register.Terms
	for _, site := range given {
		if err := isKnown(ctx, s, site.ID); err != nil {
			return nil, err
		}
		terms, err := register.TermsIn(ctx, s, site.ID, site)
		if err != nil {
			return nil, err
		}
		list = append(list, terms)
	}
	if len(given) > 0 {
		return list, nil
	}
	ids, err := s.Sites(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		terms, err := register.TermsIn(ctx, s, id, nil)
		if err != nil {
			return nil, err
		}
		list = append(list, terms)
	}
	return list, nil
}
