package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/temoin/temoin/internal/document"
	"github.com/temoin/temoin/internal/lang"
	"github.com/temoin/temoin/policy"
)

var documentCommand = command{
	name: "document", args: "MANIFEST...",
	short: "Write the policy page, in any language, as HTML, Markdown, JSON or PDF.",
	long: `With --dir, it writes each site in each of its languages, as
SITE.LANGUAGE.FORMAT, and the earlier versions that --previous names beside them,
as SITE.VERSION.LANGUAGE.FORMAT. An earlier version says that it is not in force.
Pages lead to other versions, and in HTML to other languages, by relative
addresses: the folder can be published anywhere as it is. JSON and PDF have no
such links, and no page without --dir has.

A layout is your own HTML page with <!-- temoin:policy --> where the policy goes,
<!-- temoin:head --> in its head, and <html lang="temoin:lang" dir="temoin:dir">.`,
	run: runDocument,
}

// documentFormats are what a policy can be written as.
var documentFormats = []string{"html", "md", "json", "pdf"}

// A documentCall is what the flags of the command say.
type documentCall struct {
	*call
	lang, format, dir *string
	previous          names
	page              document.Page
}

func runDocument(ctx context.Context, c *call) int {
	d := &documentCall{
		call:   c,
		lang:   c.flags.String("lang", "", "Write in this `language`: one of "+strings.Join(lang.Tags(), ", ")+". The site's default unless you say otherwise."),
		format: c.flags.String("format", "html", "Write it as `html`, md, json or pdf."),
		dir:    c.flags.String("dir", "", "Write files into this `folder`, one for each site, version and language."),
	}
	c.flags.Var(&d.previous, "previous", "The manifest of the version before, as a `file`: the page says what changed since. Again for older versions, the newest first: with --dir each has its page.")
	layout := c.flags.String("layout", "", "Put the policy into your own page, this `file`.")
	own := c.flags.String("style", "", "Add your own style sheet, this `file`, after Témoin's.")
	open, finish := c.output()
	if code, ok := c.parse(); !ok {
		return code
	}
	open()
	if err := d.check(*layout, *own); err != nil {
		return c.fail("%v", err)
	}
	sites, code := d.sites(c.args)
	if code != done {
		return code
	}
	earlier, code := d.sites(d.previous)
	if code != done {
		return code
	}
	versions := append(slices.Clone(sites[:1]), earlier...)
	if err := inOrder(versions); err != nil {
		return c.fail("%v", err)
	}
	if *d.dir != "" {
		return d.writeAll(ctx, sites, versions)
	}
	tag := *d.lang
	if tag == "" {
		tag = sites[0].Default()
	}
	data, err := d.leaf(ctx, leaf{site: sites[0], options: document.Options{Lang: tag, Previous: before(versions, 0)}})
	if err != nil {
		return c.fail("%v", err)
	}
	_, err = c.Out.Write(data)
	return finish(err)
}

// check reads the flags that can be wrong.
func (d *documentCall) check(layout, own string) error {
	marked := *d.format == "html" || *d.format == "pdf"
	switch {
	case !slices.Contains(documentFormats, *d.format):
		return fmt.Errorf("--format: %q is none of %s", *d.format, strings.Join(documentFormats, ", "))
	case *d.lang != "" && !slices.Contains(lang.Tags(), *d.lang):
		return fmt.Errorf("--lang: there is no language %q: write one of %s", *d.lang, strings.Join(lang.Tags(), ", "))
	case len(d.args) == 0:
		return fmt.Errorf("it needs a manifest: write the path of one")
	case len(d.args) > 1 && *d.dir == "":
		return fmt.Errorf("there are %d manifests: name a folder for their pages with --dir", len(d.args))
	case len(d.args) > 1 && len(d.previous) > 0:
		return fmt.Errorf("--previous belongs to one manifest, and there are %d: write their pages one site after the other", len(d.args))
	case *d.dir != "" && d.flags.Lookup(outputFlag).Value.String() != "":
		return fmt.Errorf("--dir names a folder and --output one file: leave one of them out")
	case layout != "" && !marked:
		return fmt.Errorf("--layout is a page in HTML, into which %s does not go: leave it out, or write html or pdf", *d.format)
	case own != "" && !marked:
		return fmt.Errorf("--style is for HTML, and %s has no style: leave it out, or write html or pdf", *d.format)
	}
	if layout != "" {
		src, err := readText(layout)
		if err != nil {
			return fmt.Errorf("--layout: %w", err)
		}
		if d.page.Layout, err = document.ParseLayout(src); err != nil {
			return fmt.Errorf("--layout: %s: %w", layout, err)
		}
	}
	if own != "" {
		var err error
		if d.page.Style, err = readText(own); err != nil {
			return fmt.Errorf("--style: %w", err)
		}
	}
	return nil
}

// maxText bounds a layout or a style sheet, in bytes.
const maxText = 1 << 20

// readText reads a file of the operator's that is no manifest.
func readText(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", unreadable(file, err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no regular file", file)
	}
	src, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err == nil && len(src) > maxText {
		err = fmt.Errorf("%s is longer than %d bytes", file, maxText)
	}
	return string(src), err
}

func (d *documentCall) sites(files []string) ([]*policy.Site, int) {
	var sites []*policy.Site
	for _, file := range files {
		site, code := d.site(file)
		if code != done {
			return nil, code
		}
		sites = append(sites, site)
	}
	return sites, done
}

func (d *documentCall) site(file string) (*policy.Site, int) {
	src, err := readManifest(file)
	if err != nil {
		return nil, d.fail("%v", err)
	}
	site, err := policy.Parse(file, src)
	if err != nil {
		fmt.Fprintln(d.Err, err)
		return nil, d.fail("%s is no valid manifest: run temoin check %s", file, file)
	}
	return site, done
}

// inOrder says what keeps manifests from being the versions of one site's policy,
// the one in force first. One alone needs nothing.
func inOrder(versions []*policy.Site) error {
	seen := map[string]*policy.Site{}
	for i, v := range versions {
		number := v.Policy.Version
		switch twin := seen[number]; {
		case len(versions) == 1:
		case v.ID != versions[0].ID:
			return fmt.Errorf("--previous: %s is a policy of the site %q, and %s one of %q: name a version of the same site", v.File, v.ID, versions[0].File, versions[0].ID)
		case number == "":
			return fmt.Errorf("--previous: %s has no version to tell it by: write policy.version", v.File)
		case twin != nil:
			return fmt.Errorf("--previous: %s and %s are both version %s: raise policy.version in the newer one, or name another file", twin.File, v.File, number)
		case i > 0 && since(versions[i-1]).Before(since(v)) && !since(versions[i-1]).IsZero():
			return fmt.Errorf("--previous: %s (%s) is newer than %s (%s): name the newest first, or mend the dates", v.File, since(v), versions[i-1].File, since(versions[i-1]))
		}
		seen[number] = v
	}
	return nil
}

// since is the day from which a version applies, as far as it says.
func since(v *policy.Site) policy.Date {
	if v.Policy.Effective.IsZero() {
		return v.Policy.Updated
	}
	return v.Policy.Effective
}

// before returns the version before the one at i, nil for the first there was.
func before(versions []*policy.Site, i int) *policy.Site {
	if i+1 < len(versions) {
		return versions[i+1]
	}
	return nil
}

func (d *documentCall) encode(ctx context.Context, doc *document.Document, page document.Page) ([]byte, error) {
	switch *d.format {
	case "md":
		return doc.Markdown(), nil
	case "json":
		return indented(doc)
	case "pdf":
		return printed(ctx, doc, page)
	}
	return doc.HTML(page), nil
}

// printed is the page as PDF. A signal ends the browser, and temoin once what the
// browser leaves is removed.
func printed(ctx context.Context, doc *document.Document, page document.Page) ([]byte, error) {
	ctx, release := hold(ctx)
	data, err := doc.PDF(ctx, page)
	if stopped := release(); stopped != nil {
		return nil, stopped
	}
	return data, err
}

// indented is the JSON as a person reads it.
func indented(doc *document.Document) ([]byte, error) {
	data, err := doc.JSON()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = json.Indent(&b, data, "", "  ")
	b.WriteByte('\n')
	return b.Bytes(), err
}
