// Package durable writes files that are there whole or not at all, after a power cut
// too: under another name, flushed, renamed into their place, and the folder flushed.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace writes a file of a mode. Until it is whole it stands beside its place under
// a name that begins with ".temoin-", and nobody else can read it.
func Replace(file string, mode fs.FileMode, write func(f *os.File) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(file), ".temoin-*") // of mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if mode != 0o600 {
		if err := f.Chmod(mode); err != nil {
			return err
		}
	}
	return Settle(f, file)
}

// Settle flushes a file, closes it and renames it into its place in the same folder.
func Settle(f *os.File, file string) error {
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(file))
}

// SyncFolder makes the names in a folder last.
func SyncFolder(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
