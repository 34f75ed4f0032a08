package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/temoin/temoin/internal/durable"
)

const outputFlag = "output"

// output adds the flag that sends a command's result to a file. The returned
// function must be called with the error of writing to c.Out, when all of it is
// written; it returns the exit code.
func (c *call) output() (open func(), finish func(error) int) {
	file := c.flags.String(outputFlag, "", "Write the result to this `file` instead of standard output; it is there whole or not at all.")
	var buffer bytes.Buffer
	open = func() {
		if *file != "" {
			c.Out = &buffer
		}
	}
	finish = func(err error) int {
		if err == nil && *file != "" {
			err = c.refuseSecret(outputFlag, *file)
		}
		if err == nil && *file != "" {
			err = writeResult(*file, c.inputs(), buffer.Bytes())
		}
		return c.written(err)
	}
	return open, finish
}

// refuseSecret refuses to write where secrets are: in the store's folder, in that of
// the keys, or over a key wherever it is. Nothing is written there but by the store
// itself. A command that changes something asks before it does.
func (c *call) refuseSecret(name, file string) error {
	for _, at := range []struct{ flag, is string }{{"store", "the store"}, {"keys", "the keys"}} {
		f := c.flags.Lookup(at.flag)
		if f == nil || f.Value.String() == "" {
			continue
		}
		if within(file, f.Value.String()) {
			return fmt.Errorf("--%s: %s is in the folder of %s, %s, where nothing else is written: name a file outside of it", name, file, at.is, f.Value.String())
		}
	}
	return refuseKey(file)
}

// keyBegins is how a file of a private key begins: see docs/keys.md.
const keyBegins = "temoin-key/"

// refuseKey refuses to write over a private key.
func refuseKey(file string) error {
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return nil //nolint:nilerr // who writes it says so
	}
	f, err := os.Open(file)
	if err != nil {
		return nil //nolint:nilerr // as above
	}
	defer f.Close()
	begin := make([]byte, len(keyBegins))
	if _, err := io.ReadFull(f, begin); err == nil && string(begin) == keyBegins {
		return fmt.Errorf("%s is a private key, which nothing replaces: name another file", file)
	}
	return nil
}

// within reports whether a file is, or would be, in a folder or below it, by
// whatever links and names.
func within(file, folder string) bool {
	whole, err := os.Stat(folder)
	if err != nil {
		return false
	}
	dir, _, err := target(file)
	if err != nil {
		return false
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return false
	}
	for {
		if info, err := os.Stat(dir); err == nil && os.SameFile(info, whole) {
			return true
		}
		up := filepath.Dir(dir)
		if up == dir {
			return false
		}
		dir = up
	}
}

// inputs returns the files that the command may read: its arguments, and the
// flags that take a file.
func (c *call) inputs() []string {
	files := slices.Clone(c.args)
	c.flags.Visit(func(f *flag.Flag) {
		if kind, _ := flag.UnquoteUsage(f); kind == "file" && f.Name != outputFlag {
			files = append(files, values(f)...)
		}
	})
	return files
}

// writeResult writes a file that is none of the inputs.
func writeResult(file string, inputs []string, data []byte) error {
	return streamResult(file, inputs, 0o666, writing(data))
}

// writing writes bytes.
func writing(data []byte) func(context.Context, io.Writer) error {
	return func(_ context.Context, w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// streamResult writes a file that is none of the inputs as write gives it, piece by
// piece, until its context ends. A new file has the mode, less the umask.
func streamResult(file string, inputs []string, mode fs.FileMode, write func(ctx context.Context, w io.Writer) error) error {
	out, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return streamWhole(file, nil, mode, write)
	case err != nil:
		return unreadable(file, err)
	case !out.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file: name another", file)
	}
	if err := refuseKey(file); err != nil {
		return err
	}
	for _, input := range inputs {
		if in, err := os.Stat(input); err == nil && os.SameFile(in, out) {
			return fmt.Errorf("it would overwrite %s, which is read here: name another file than %s", input, file)
		}
	}
	return streamWhole(file, out, mode, write)
}

// streamWhole writes a file so that it is never seen half-written: a temporary
// file beside it, synced, renamed into its place. The permissions of the file
// that was there stay; those of a new one (old is nil) are the mode's, less the
// umask.
func streamWhole(file string, old fs.FileInfo, mode fs.FileMode, write func(ctx context.Context, w io.Writer) error) (err error) {
	dir, name, err := target(file)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no folder %s: make it first", filepath.Clean(dir))
	} else if err != nil {
		return unreadable(file, err)
	}
	ctx, release := hold(context.Background()) // until the file is in its place, or the temporary one removed
	defer func() { err = cmp.Or(release(), err) }()
	if old != nil {
		mode = old.Mode().Perm()
	}
	tmp, err := os.OpenFile(filepath.Join(dir, ".temoin-"+rand.Text()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return unreadable(file, err)
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
		}
	}()
	if old != nil {
		if err := tmp.Chmod(mode); err != nil { // the umask may have taken from it
			return err
		}
	}
	if err := write(ctx, tmp); err != nil {
		return err
	}
	return durable.Settle(tmp, filepath.Join(dir, name))
}

// target follows symbolic links, so that it is not the link that is replaced. A
// link may lead to a file that is not there yet. Where the error is
// fs.ErrNotExist, dir is the folder that is not there.
func target(file string) (dir, name string, err error) {
	for range 40 {
		dir, name = filepath.Split(file)
		dir = cmp.Or(dir, ".")
		real, err := filepath.EvalSymlinks(dir)
		if err != nil {
			return dir, name, err
		}
		dir = real
		link, err := os.Readlink(filepath.Join(dir, name))
		if err != nil {
			return dir, name, nil // no link
		}
		file = link
		if !filepath.IsAbs(link) {
			file = dir + string(filepath.Separator) + link // not Join: it would cut a ".." without following links
		}
	}
	return dir, name, fmt.Errorf("%s: too many symbolic links: name the file itself", file)
}

// writeAdvice says what to do about the errors of the system that writing meets.
var writeAdvice = []struct {
	err    error
	advice string
}{
	{syscall.ENOSPC, "make room there, or write elsewhere"},
	{fs.ErrPermission, "give your user the right to write there, or write elsewhere"},
	{nil, "check where it goes, or write elsewhere"},
}

// unwritable adds the next step to an error of the system that has none yet.
func unwritable(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	if !errors.As(err, &path) && !errors.As(err, &link) {
		return err
	}
	for _, a := range writeAdvice {
		if a.err == nil || errors.Is(err, a.err) {
			return fmt.Errorf("%w: %s", err, a.advice)
		}
	}
	return err
}
