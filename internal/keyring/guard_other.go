//go:build !unix

package keyring

import (
	"fmt"
	"io/fs"
)

// guardFile knows no modes here: give the folder to the user who runs temoin alone.
func guardFile(string, fs.FileInfo) error { return nil }

func guardFolder(path string, info fs.FileInfo) error {
	if !info.IsDir() {
		return fmt.Errorf("the folder of keys: %s is no folder: name another with --keys", path)
	}
	return nil
}
