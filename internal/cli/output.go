package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// output adds the flag that sends a command's result to a file. The returned
// function must be called with the error of writing to c.Out, when all of it is
// written; it returns the exit code.
func (c *call) output() (open func(), finish func(error) int) {
	file := c.flags.String("output", "", "Write the result to this `file` instead of standard output; it is there whole or not at all.")
	var buffer bytes.Buffer
	open = func() {
		if *file != "" {
			c.Out = &buffer
		}
	}
	finish = func(err error) int {
		if err == nil && *file != "" {
			err = writeWhole(*file, buffer.Bytes())
		}
		if err != nil {
			return c.fail("writing the result: %v", err)
		}
		return done
	}
	return open, finish
}

// writeWhole writes a file so that it is never seen half-written: a temporary
// file beside it, synced, renamed into its place.
func writeWhole(file string, data []byte) (err error) {
	dir := filepath.Dir(file)
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file: name another", file)
	}
	tmp, err := os.CreateTemp(dir, ".temoin-*")
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no folder %s: make it first", dir)
	} else if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
		}
	}()
	if _, err := tmp.Write(data); err != nil {
		return err
	}
	if err := tmp.Chmod(0o644); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), file); err != nil {
		return err
	}
	return syncFolder(dir)
}

// syncFolder makes a rename last through a power cut.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
