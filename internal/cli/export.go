package cli

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/store"
	"github.com/temoin/temoin/policy"
)

var exportCommand = command{
	name: "export", args: "--store WHERE",
	short: "Write the records of choices as CSV or JSON lines, or one of them as a consent record.",
	long: `It works beside a server that is running, reads a little at a time, and holds
nothing: any number of records fits in the same memory. What the columns and fields
mean is in docs/records.md.

  export --store DIR --since 2026-01-01 --until 2026-12-31 --output 2026.csv
  export --store DIR --site shop --format jsonl --action withdraw
  export --store DIR --format ts27560 --record 019ab1c2-…     ISO/IEC TS 27560
  export --store DIR --format dpv --record 019ab1c2-…         W3C DPV, JSON-LD

Days are those of UTC. Records come by site and time; where an action or a version
is asked for, by action and version first; those that are in no log yet, last.

Each record is compared with its entry in the log. At one that was changed since, the
export ends: it names the record, a file is not written, and what stands on standard
output is not all. So it is with a record that lost its place in the log, unless an
action, a version or a subject is asked for. Exit codes: 0 done, 1 a record was changed
or is missing, 2 it could not be done.`,
	run: runExport,
}

// Formats of one record.
const (
	ts27560 = "ts27560"
	dpv     = "dpv"
)

// An exportCall is what the flags of the command say.
type exportCall struct {
	*call
	where, format, since, until, site, version, action, subject, record, file *string
	salt                                                                      *bool

	store *store.Store
	sites []string // whose records are exported
}

func runExport(ctx context.Context, c *call) int {
	x := &exportCall{
		call:    c,
		where:   c.storeFlag(),
		format:  c.flags.String("format", register.CSV, "Write `csv` or jsonl; for one record, ts27560 or dpv."),
		since:   c.flags.String("since", "", "Only choices from this `day` on, or from a moment such as 2026-11-21T12:00:00Z."),
		until:   c.flags.String("until", "", "Only choices up to this `day`, which is included, or before a moment."),
		site:    c.flags.String("site", "", "Only those of the site with this `id`."),
		version: c.flags.String("version", "", "Only those about this `version` of the policy: its number, or the SHA-256 of its manifest."),
		action:  c.flags.String("action", "", "Only this `action`: accept, refuse, close, save, withdraw or import."),
		subject: c.flags.String("subject", "", "Only the chain of choices that the record with this `id` belongs to, or those of an account, by its key in hex."),
		record:  c.flags.String("record", "", "With ts27560 or dpv: the `id` of the record."),
		salt:    c.flags.Bool("salt", false, "Add the salts: whoever has a record and its salt can find its entry in the log."),
		file:    c.flags.String(outputFlag, "", "Write to this `file` instead of standard output; it is there whole or not at all."),
	}
	if code, ok := c.parse(); !ok {
		return code
	}
	q, err := x.check()
	if err != nil {
		return c.fail("%v", err)
	}
	if err := c.refuseSecret(outputFlag, *x.file); err != nil {
		return c.fail("%v", err)
	}
	if *x.file == "" {
		return c.exported(x.run(ctx, c.Out, q))
	}
	return c.exported(streamResult(*x.file, nil, 0o600, func(ctx context.Context, w io.Writer) error { return x.run(ctx, w, q) }))
}

// exported returns the exit code for the error of an export: that of something found
// where a record is not what the log says.
func (c *call) exported(err error) int {
	if store.Finds(err) {
		fmt.Fprintf(c.Err, "temoin export: it is not complete: %s\n", visibleLines(err.Error()))
		return found
	}
	if err != nil {
		return c.broke("", unwritable(err))
	}
	return done
}

// check reads the flags that can be wrong without the store.
func (x *exportCall) check() (q store.Query, err error) {
	one := *x.format == ts27560 || *x.format == dpv
	switch {
	case len(x.args) > 0:
		return q, errors.New("it takes no arguments: name the store with --store")
	case *x.where == "":
		return q, errors.New("which store? Write its folder or address after --store")
	case !one && *x.format != register.CSV && *x.format != register.JSONL:
		return q, fmt.Errorf("--format: %q is none of csv, jsonl, ts27560, dpv", *x.format)
	case one && *x.record == "":
		return q, fmt.Errorf("--format %s is of one record: write its id after --record", *x.format)
	case one && (*x.since+*x.until+*x.version+*x.action+*x.subject != "" || *x.salt):
		return q, fmt.Errorf("--format %s is of one record, which --record names: leave out what else chooses or adds", *x.format)
	case !one && *x.record != "":
		return q, errors.New("--record is for --format ts27560 or dpv: for all choices of the same visitor, write --subject")
	}
	q.Action = register.Action(*x.action)
	if known := append(register.Actions(), register.Imported); *x.action != "" && !slices.Contains(known, q.Action) {
		return q, fmt.Errorf("--action: there is no action %q: write one of %v", *x.action, known)
	}
	if q.Subject, err = readSubject(*x.subject); err != nil {
		return q, err
	}
	if q.Since, err = moment("since", *x.since, 0); err != nil {
		return q, err
	}
	if q.Until, err = moment("until", *x.until, 1); err == nil && !q.Until.IsZero() && !q.Since.Before(q.Until) {
		err = fmt.Errorf("--since %s is not before --until %s: there is nothing between them", *x.since, *x.until)
	}
	return q, err
}

// readSubject reads the id of a record, or the key of an account.
func readSubject(value string) ([]byte, error) {
	if value == "" {
		return nil, nil
	}
	if id, err := consent.ParseID(value); err == nil {
		return id[:], nil
	}
	if key, err := hex.DecodeString(value); err == nil && len(key) == 32 {
		return key, nil
	}
	return nil, fmt.Errorf("--subject: %q is neither the id of a record, as 019ab1c2-0000-7000-8000-000000000000, nor the key of an account, which has 64 digits", value)
}

// moment reads a day, or a moment. Of a day it is the beginning, some days later.
func moment(name, value string, later int) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, value); err == nil {
		return at, nil
	}
	day, err := time.Parse(time.DateOnly, value)
	if err != nil {
		return day, fmt.Errorf("--%s: %q is no day: write it as 2026-11-21, or a moment as 2026-11-21T12:00:00Z", name, value)
	}
	return day.AddDate(0, 0, later), nil
}

// run opens the store and exports.
func (x *exportCall) run(ctx context.Context, w io.Writer, q store.Query) (err error) {
	x.store, err = besideStore(ctx, *x.where)
	if err != nil {
		return err
	}
	defer x.store.Close() //nolint:errcheck // nothing was written
	if x.sites, err = x.among(ctx); err != nil {
		return err
	}
	if *x.record != "" {
		return x.one(ctx, w)
	}
	if err := x.keptSubject(ctx, q.Subject); err != nil {
		return err
	}
	queries, err := x.queries(ctx, q)
	if err != nil {
		return err
	}
	columns := register.Columns{Salt: *x.salt}
	if *x.format == register.CSV {
		columns.Categories = x.categories(ctx)
	}
	return register.Export(w, *x.format, x.records(ctx, queries), columns)
}

// among returns the sites whose records are exported.
func (x *exportCall) among(ctx context.Context) ([]string, error) {
	sites, err := x.store.Sites(ctx)
	if err != nil || *x.site == "" {
		return sites, err
	}
	if !slices.Contains(sites, *x.site) {
		versions, err := x.store.Versions(ctx, *x.site)
		if err != nil {
			return nil, err
		}
		if len(versions) == 0 {
			return nil, fmt.Errorf("--site: the store knows no site %q, but %s", *x.site, naming(sites))
		}
	}
	return []string{*x.site}, nil
}

// naming names things that a user can write.
func naming(names []string) string {
	const most = 20
	switch {
	case len(names) == 0:
		return "none"
	case len(names) > most:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// keptSubject says when there is no such record: an empty export would look like an
// answer.
func (x *exportCall) keptSubject(ctx context.Context, subject []byte) error {
	if len(subject) != len(consent.ID{}) {
		return nil
	}
	_, _, err := x.find(ctx, consent.ID(subject))
	return err
}

// find finds a record of one of the sites.
func (x *exportCall) find(ctx context.Context, id consent.ID) (register.Row, string, error) {
	for _, site := range x.sites {
		row, index, err := x.store.Find(ctx, site, id)
		if err == nil {
			err = x.store.Committed(ctx, row, index)
		}
		if !errors.Is(err, register.ErrUnknownRecord) {
			return row, site, err
		}
	}
	return register.Row{}, "", fmt.Errorf("there is no record %v of %s: check the id. Or it was removed", id, naming(x.sites))
}

// queries are one for each site, and for each manifest of the version asked for.
func (x *exportCall) queries(ctx context.Context, q store.Query) (list []store.Query, err error) {
	hash, hashErr := hex.DecodeString(*x.version)
	known := map[string]bool{}
	for _, site := range x.sites {
		own := q
		own.Site = site
		if *x.version == "" {
			list = append(list, own)
			continue
		}
		if hashErr == nil && len(hash) == 32 {
			own.Version = hash[:8]
			list = append(list, own)
			continue
		}
		versions, err := x.versions(ctx, site)
		if err != nil {
			return nil, err
		}
		seen := map[[8]byte]bool{} // a manifest may be published more than once
		for _, v := range versions {
			known[v.Evidence.Version] = true
			begins := [8]byte(v.Site.Hash[:8])
			if v.Evidence.Version != *x.version || seen[begins] {
				continue
			}
			seen[begins] = true
			own.Version = begins[:]
			list = append(list, own)
		}
	}
	if *x.version != "" && len(list) == 0 && len(x.sites) > 0 {
		names := []string{}
		for name := range known {
			names = append(names, name)
		}
		slices.Sort(names)
		return nil, fmt.Errorf("--version: there is no version %q of %s, but %s; or write the SHA-256 of its manifest, of 64 digits", *x.version, naming(x.sites), naming(names))
	}
	return list, nil
}

// versions are those of a site that are archived.
func (x *exportCall) versions(ctx context.Context, site string) ([]*register.Version, error) {
	v := register.NewVersions(x.store, site)
	if err := v.Load(ctx); err != nil {
		return nil, fmt.Errorf("the versions of %s: %w", site, err)
	}
	return v.All(), nil
}

// categories are those that visitors were asked about, the latest version's first.
// Without them nothing is lost: answers have a column for all that have none.
func (x *exportCall) categories(ctx context.Context) (ids []string) {
	for _, site := range x.sites {
		versions, err := x.versions(ctx, site)
		if err != nil {
			fmt.Fprintf(x.Err, "temoin export: %s. Answers about its categories are in the column other_categories.\n", policy.Visible(err.Error()))
			continue
		}
		for _, v := range slices.Backward(versions) {
			for _, k := range v.Site.Categories {
				if k.NeedsConsent() && !slices.Contains(ids, k.ID) {
					ids = append(ids, k.ID)
				}
			}
		}
	}
	return ids
}

// records are those of all queries, one after the other.
func (x *exportCall) records(ctx context.Context, queries []store.Query) iter.Seq2[register.Exported, error] {
	return func(yield func(register.Exported, error) bool) {
		for _, q := range queries {
			for r, err := range x.store.Records(ctx, q) {
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}
}

// one writes one record by the version of the policy that it names.
func (x *exportCall) one(ctx context.Context, w io.Writer) error {
	id, err := consent.ParseID(*x.record)
	if err != nil {
		return fmt.Errorf("--record: %w: it looks as 019ab1c2-0000-7000-8000-000000000000", err)
	}
	row, site, err := x.find(ctx, id)
	if err != nil {
		return err
	}
	record, err := register.ParseRecord(row.Record)
	if err != nil {
		return fmt.Errorf("record %v: %w", id, err)
	}
	versions, err := x.versions(ctx, site)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(versions, func(v *register.Version) bool { return register.Hash(v.Site.Hash).String() == record.Policy.Hash })
	if at < 0 {
		return fmt.Errorf("record %v is about version %q of the policy (manifest %s), which is not archived in the store: without it nobody can say what the answers were about", id, record.Policy.Version, record.Policy.Hash)
	}
	explain := register.TS27560
	if *x.format == dpv {
		explain = register.DPV
	}
	b, err := explain(record, versions[at].Site)
	if err != nil {
		return fmt.Errorf("record %v: %w", id, err)
	}
	_, err = w.Write(append(bytes.TrimRight(b, "\n"), '\n'))
	return err
}
