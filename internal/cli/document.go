package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/temoin/temoin/internal/document"
	"github.com/temoin/temoin/internal/lang"
	"github.com/temoin/temoin/policy"
)

var documentCommand = command{
	name: "document", args: "MANIFEST...",
	short: "Write the policy page, in any language, as HTML, Markdown, JSON or PDF.",
	long: "With --dir, it writes each site in each of its languages, as SITE.LANGUAGE.FORMAT.\n" +
		"A layout is your own HTML page with <!-- temoin:policy --> where the policy goes,\n" +
		"<!-- temoin:head --> in its head, and <html lang=\"temoin:lang\" dir=\"temoin:dir\">.",
	watches: true, run: runDocument,
}

// documentFormats are what a policy can be written as.
var documentFormats = []string{"html", "md", "json", "pdf"}

// A documentCall is what the flags of the command say.
type documentCall struct {
	*call
	lang, format, dir, previous *string
	page                        document.Page
}

func runDocument(ctx context.Context, c *call) int {
	d := &documentCall{
		call:     c,
		lang:     c.flags.String("lang", "", "Write in this `language`: one of "+strings.Join(lang.Tags(), ", ")+". The site's default unless you say otherwise."),
		format:   c.flags.String("format", "html", "Write it as `html`, md, json or pdf."),
		dir:      c.flags.String("dir", "", "Write files into this `folder`, one for each site and language."),
		previous: c.flags.String("previous", "", "The manifest of the version before, as a `file`: the page says what changed since."),
	}
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
	if *d.dir != "" {
		return c.written(d.writeAll(ctx, sites))
	}
	data, err := d.render(ctx, sites[0], d.language(sites[0]))
	if err != nil {
		return c.fail("%v", err)
	}
	_, err = c.Out.Write(data)
	return finish(err)
}

// check reads the flags that can be wrong.
func (d *documentCall) check(layout, own string) error {
	switch {
	case !slices.Contains(documentFormats, *d.format):
		return fmt.Errorf("--format: %q is none of %s", *d.format, strings.Join(documentFormats, ", "))
	case *d.lang != "" && !slices.Contains(lang.Tags(), *d.lang):
		return fmt.Errorf("--lang: there is no language %q: write one of %s", *d.lang, strings.Join(lang.Tags(), ", "))
	case len(d.args) == 0:
		return fmt.Errorf("it needs a manifest: write the path of one")
	case len(d.args) > 1 && *d.dir == "":
		return fmt.Errorf("there are %d manifests: name a folder for their pages with --dir", len(d.args))
	case len(d.args) > 1 && *d.previous != "":
		return fmt.Errorf("--previous belongs to one manifest, and there are %d", len(d.args))
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

func (d *documentCall) language(site *policy.Site) string {
	if *d.lang != "" {
		return *d.lang
	}
	return site.Default()
}

// render writes one page.
func (d *documentCall) render(ctx context.Context, site *policy.Site, tag string) ([]byte, error) {
	o := document.Options{Lang: tag}
	if *d.previous != "" {
		previous, code := d.site(*d.previous)
		if code != done {
			return nil, fmt.Errorf("--previous cannot be read")
		}
		o.Previous = previous
	}
	doc, err := document.Build(site, o)
	if err != nil {
		return nil, err
	}
	switch *d.format {
	case "md":
		return doc.Markdown(), nil
	case "json":
		return indented(doc)
	case "pdf":
		return document.PDF(ctx, doc.HTML(d.page))
	}
	return doc.HTML(d.page), nil
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

// writeAll writes each site in each of its languages, or in the one asked for.
func (d *documentCall) writeAll(ctx context.Context, sites []*policy.Site) error {
	if info, err := os.Stat(*d.dir); err != nil || !info.IsDir() {
		return fmt.Errorf("there is no folder %s: make it first", *d.dir)
	}
	for _, site := range sites {
		tags := site.Langs
		if *d.lang != "" {
			tags = []string{*d.lang}
		}
		for _, tag := range tags {
			data, err := d.render(ctx, site, tag)
			if err != nil {
				return err
			}
			file := filepath.Join(*d.dir, site.ID+"."+tag+"."+*d.format)
			if err := writeResult(file, d.inputs(), data); err != nil {
				return err
			}
			fmt.Fprintln(d.Err, file)
		}
	}
	return nil
}
