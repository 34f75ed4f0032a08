package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/internal/app"
	"github.com/temoin/temoin/policy"
)

var rewriteCommand = command{
	name:  "rewrite",
	args:  "SITE.yaml DIR --to DIR",
	short: "Write a site made of files so that nothing loads before it is allowed.",
	long: `Each page (*.html, *.htm) is written with what needs consent made inert, and with the
tag first in its head, which asks, and releases what is allowed. Other files are
copied as they are. The folder --to must be new or empty.`,
	run: runRewrite,
}

func runRewrite(ctx context.Context, c *call) int {
	to := c.flags.String("to", "", "The `folder` to write to.")
	hub := c.flags.String("hub", "", "The `address` of the server that keeps choices (https://consent.example.com), where it is not the pages' own host.")
	if code, ok := c.parse(); !ok {
		return code
	}
	if len(c.args) != 2 || *to == "" {
		return c.fail("write the manifest, the folder of the site, and --to with the folder to write to")
	}
	if u, err := url.Parse(*hub); *hub != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "") {
		return c.fail("--hub %s: write https:// and the host, nothing more", *hub)
	}
	src, err := os.ReadFile(c.args[0])
	if err != nil {
		return c.fail("%v", err)
	}
	p, err := policy.Parse(c.args[0], src)
	if err != nil {
		return c.failLines("", err)
	}
	site, err := app.Static(p, *hub)
	if err != nil {
		return c.fail("%v", err)
	}
	w := rewriting{ctx: ctx, site: site, from: c.args[1], to: *to}
	if err := w.all(); err != nil {
		return c.fail("%v", err)
	}
	_, err = fmt.Fprintf(c.Out, "%d pages were written for the tag, %d other files copied to %s.\n", w.pages, w.others, policy.Visible(*to))
	return c.written(err)
}

// A rewriting writes the files of a folder to another one.
type rewriting struct {
	ctx           context.Context
	site          *gate.Site
	from, to      string
	pages, others int
}

func (w *rewriting) all() error {
	if info, err := os.Stat(w.from); err != nil {
		return err
	} else if !info.IsDir() {
		return fmt.Errorf("%s is no folder", w.from)
	}
	if list, err := os.ReadDir(w.to); err == nil && len(list) > 0 {
		return fmt.Errorf("%s has files already: what was rewritten is never written over. Name a new folder", w.to)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if inside(w.from, w.to) {
		return fmt.Errorf("%s lies within %s: write to a folder beside it", w.to, w.from)
	}
	root, err := os.OpenRoot(w.from) // links do not lead out of it
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || w.ctx.Err() != nil {
			return errors.Join(err, w.ctx.Err())
		}
		return w.one(root, name, d)
	})
}

func inside(folder, file string) bool {
	a, err1 := filepath.Abs(folder)
	b, err2 := filepath.Abs(file)
	return err1 == nil && err2 == nil && (a == b || strings.HasPrefix(b, a+string(filepath.Separator)))
}

// one writes one file, or folder.
func (w *rewriting) one(root *os.Root, name string, d fs.DirEntry) error {
	target := filepath.Join(w.to, filepath.FromSlash(name))
	if d.IsDir() {
		return os.MkdirAll(target, 0o755)
	}
	info, err := root.Stat(name) // of what a link leads to
	if err != nil {
		return fmt.Errorf("%s cannot be read (%w). A link that leads out of the folder is not followed: put the file in its place, empty %s, and begin again", filepath.Join(w.from, name), err, w.to)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file: a folder that is a link is not followed", filepath.Join(w.from, name))
	}
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if ext := strings.ToLower(path.Ext(name)); ext != ".html" && ext != ".htm" {
		w.others++
		return create(target, f)
	}
	page, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := w.site.Rewrite(&b, page, address(name)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	w.pages++
	return create(target, &b)
}

// create writes a file that is not there yet.
func create(name string, from io.Reader) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}

// address is where a page is on the site.
func address(name string) string {
	return "/" + strings.TrimSuffix(name, "index.html")
}
