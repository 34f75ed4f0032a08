package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/store"
	"github.com/temoin/temoin/policy"
)

var activateCommand = command{
	name: "activate", args: "--store WHERE --site ID [VERSION]",
	short: "List the versions of a site, or bring one into force again.",
	long: `Without VERSION it lists what was published. VERSION is the beginning of a hash in
that list, six digits or more, or the number that the manifest gives itself, where
one version alone has it.

It works beside a server that is running: all nodes serve the version within seconds.
A server that is started later with another file that was in force before serves this
one all the same; one that was never in force takes its place.`,
	run: runActivate,
}

func runActivate(ctx context.Context, c *call) int {
	where := c.storeFlag()
	site := c.flags.String("site", "", "The `id` of the site.")
	by := c.flags.String("by", "", "The `name` of who brings it into force, for the record of versions.")
	if code, ok := c.parse(); !ok {
		return code
	}
	switch {
	case *site == "":
		return c.fail("which site? Write its id after --site")
	case len(c.args) > 1:
		return c.fail("it brings one version into force: %s are several", strings.Join(c.args, ", "))
	}
	s, err := besideStore(ctx, *where)
	if err != nil {
		return c.failLines("", err)
	}
	defer s.Close()
	if err := isKnown(ctx, s, *site); err != nil {
		return c.fail("--site: %v", err)
	}
	list, err := publishedVersions(ctx, s, *site)
	if err != nil {
		return c.broke("", err)
	}
	if len(c.args) == 0 {
		_, err := io.WriteString(c.Out, versionList(list))
		return c.written(err)
	}
	return c.activate(ctx, s, list, *site, c.args[0], *by)
}

// A publishedVersion is one that can be brought into force.
type publishedVersion struct {
	register.Listed
	active, readable bool
	version, author  string // as its evidence says, which may be nothing
}

func publishedVersions(ctx context.Context, s *store.Store, site string) (list []publishedVersion, err error) {
	active, _, err := s.Active(ctx, site)
	if err != nil {
		return nil, err
	}
	listed, err := s.Versions(ctx, site)
	if err != nil {
		return nil, err
	}
	read := register.NewVersions(s, site)
	read.Load(ctx) //nolint:errcheck // what cannot be read is in the list without its number
	for _, l := range listed {
		v := publishedVersion{Listed: l, active: l.Evidence == active}
		for _, known := range read.All() {
			if known.Hash == l.Evidence {
				v.readable, v.version, v.author = true, known.Evidence.Version, known.Evidence.Author
			}
		}
		list = append(list, v)
	}
	return list, nil
}

// activate brings a version into force.
func (c *call) activate(ctx context.Context, s *store.Store, list []publishedVersion, site, wanted, by string) int {
	to, err := versionOf(list, wanted)
	if err != nil {
		return c.fail("%v", err)
	}
	var from register.Hash
	for _, v := range list {
		if v.active {
			from = v.Evidence
		}
	}
	err = s.Activate(ctx, site, from, register.Activation{Evidence: to.Evidence, At: c.Now(), By: by})
	if errors.Is(err, register.ErrSuperseded) {
		return c.broke("", errors.New("somebody else has just brought another version into force. Look at the list, and try again"))
	}
	if err != nil {
		return c.broke("", err)
	}
	_, err = fmt.Fprintf(c.Out, "%s: %.12s is in force\n", site, to.Evidence)
	return c.written(err)
}

// versionOf finds the version that is meant.
func versionOf(list []publishedVersion, wanted string) (found publishedVersion, err error) {
	n := 0
	for _, v := range list {
		if v.version != "" && v.version == wanted || len(wanted) >= 6 && strings.HasPrefix(v.Evidence.String(), strings.ToLower(wanted)) {
			found, n = v, n+1
		}
	}
	switch n {
	case 0:
		return found, fmt.Errorf("there is no version %q: write one of the list, which is shown without it", wanted)
	case 1:
		return found, nil
	}
	return found, fmt.Errorf("%d versions are %q: write the beginning of a hash of the list", n, wanted)
}

// versionList writes the versions of a site, the oldest first.
func versionList(list []publishedVersion) string {
	var b strings.Builder
	for _, v := range list {
		mark := "  "
		if v.active {
			mark = "* "
		}
		fmt.Fprintf(&b, "%s%.12s  published %s", mark, v.Evidence, v.At.Format("2006-01-02 15:04 MST"))
		switch {
		case !v.readable:
			b.WriteString("  cannot be read")
		case v.version != "":
			b.WriteString("  version " + policy.Visible(v.version))
		}
		if v.author != "" {
			b.WriteString(", by " + policy.Visible(v.author))
		}
		b.WriteString("\n")
	}
	b.WriteString("* is in force.\n")
	return b.String()
}
