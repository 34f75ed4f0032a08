package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/temoin/temoin/internal/document"
	"github.com/temoin/temoin/policy"
)

// A leaf is one page of a folder: a version of a site's policy in one language.
type leaf struct {
	site    *policy.Site
	name    string
	options document.Options
	others  []document.Alternate
}

// writeAll writes each site, and the versions of the one that has some, in each
// of its languages or in the one asked for.
func (d *documentCall) writeAll(ctx context.Context, sites, versions []*policy.Site) int {
	if info, err := os.Stat(*d.dir); err != nil || !info.IsDir() {
		return d.fail("there is no folder %s: make it first", *d.dir)
	}
	leaves := d.leaves(versions)
	for _, site := range sites[1:] {
		leaves = append(leaves, d.leaves([]*policy.Site{site})...)
	}
	if err := d.publishable(versions, leaves); err != nil {
		return d.fail("%v", err)
	}
	for _, l := range leaves {
		data, err := d.leaf(ctx, l)
		if err != nil {
			return d.fail("%v", err)
		}
		file := filepath.Join(*d.dir, l.name)
		if err := writeResult(file, d.inputs(), data); err != nil {
			return d.written(err)
		}
		fmt.Fprintln(d.Err, file)
	}
	return done
}

// leaves are the pages of one site, the version in force first. Earlier versions
// are written in its languages too, as they are where they are served.
func (d *documentCall) leaves(versions []*policy.Site) []leaf {
	tags := versions[0].Langs
	if *d.lang != "" {
		tags = []string{*d.lang}
	}
	name := func(i int, tag string) string {
		parts := []string{versions[i].ID, versions[i].Policy.Version, tag, *d.format}
		if i == 0 {
			parts = slices.Delete(parts, 1, 2)
		}
		return strings.Join(parts, ".")
	}
	var out []leaf
	for i, v := range versions {
		for _, tag := range tags {
			l := leaf{site: v, name: name(i, tag), options: document.Options{Lang: tag, Previous: before(versions, i)}}
			if i > 0 {
				l.options.InForce = versions[0].Policy.Version
			}
			if *d.format == "html" || *d.format == "md" { // the others are read away from the folder
				l.options.Versions = map[string]string{}
				for j, w := range versions {
					l.options.Versions[w.Policy.Version] = "./" + name(j, tag)
				}
				if i > 0 {
					l.options.InForceURL = "./" + name(0, tag)
				}
			}
			for _, other := range tags {
				if other != tag && *d.format == "html" {
					l.others = append(l.others, document.Alternate{Lang: other, URL: "./" + name(i, other)})
				}
			}
			out = append(out, l)
		}
	}
	return out
}

// inFileName is what a version may hold that is part of a file's name and of an
// address.
var inFileName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// publishable says what keeps pages from standing side by side, each found by its
// readers.
func (d *documentCall) publishable(versions []*policy.Site, leaves []leaf) error {
	now := versions[0]
	for _, v := range versions[1:] {
		number := v.Policy.Version
		if !inFileName.MatchString(number) {
			return fmt.Errorf("%s: the version %q cannot be part of a file's name: write it in letters, digits, dots, hyphens and underscores, 64 at most", v.File, number)
		}
		if !slices.ContainsFunc(now.Policy.History, func(r policy.Revision) bool { return r.Version == number }) {
			return fmt.Errorf("%s does not name version %s in its history, so that nothing would lead to its page: write policy.history: [{version: %q, date: %s}]", now.File, number, number, dayOf(v))
		}
	}
	taken := map[string]leaf{}
	for _, l := range leaves {
		name := strings.ToLower(l.name) // some disks do not tell A from a
		if other, ok := taken[name]; ok {
			return fmt.Errorf("%s and %s would both be written to %s: name one of them, or write each into a folder of its own", other.site.File, l.site.File, l.name)
		}
		taken[name] = l
	}
	return nil
}

// dayOf is the day from which a version applies, or what to write for it.
func dayOf(v *policy.Site) string {
	if day := since(v); !day.IsZero() {
		return day.String()
	}
	return "the day from which it applied"
}

// leaf renders a page with its links to the others.
func (d *documentCall) leaf(ctx context.Context, l leaf) ([]byte, error) {
	doc, err := document.Build(l.site, l.options)
	if err != nil {
		return nil, err
	}
	page := d.page
	page.Alternates = l.others
	return d.encode(ctx, doc, page)
}
