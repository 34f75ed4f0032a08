//go:build unix

package keyring

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// guardFile refuses a key that others can read or write. It must be this user's,
// with mode 0600 or less; or root's, whose group may read it, which is how secrets
// are mounted for a process that is not root.
func guardFile(path string, info fs.FileInfo) error {
	mode, owner := info.Mode().Perm(), ownerOf(info)
	switch {
	case owner != 0 && owner != os.Geteuid():
		return fmt.Errorf("%w: %s belongs to the user %d, and temoin runs as %d: chown %d %s", ErrExposed, path, owner, os.Geteuid(), os.Geteuid(), path)
	case owner == 0 && os.Geteuid() != 0 && mode&0o037 == 0:
		return nil
	case mode&0o077 != 0:
		return fmt.Errorf("%w: %s has mode %04o: chmod 600 %s. If somebody may have read it, %s", ErrExposed, path, mode, path, replacing(path))
	}
	return nil
}

// replacing says how a key that somebody may have read is replaced.
func replacing(path string) string {
	const command = "replace it: temoin keys rotate --compromised"
	name := filepath.Base(path)
	switch {
	case strings.Contains(name, "."+useCookie+"."):
		return command + " --what cookie"
	case strings.Contains(name, "."+useAccount+"."):
		return "see docs/keys.md, When a key is stolen: this one cannot be replaced"
	}
	return command
}

// guardFolder refuses a folder in which others can put a key of theirs in the place
// of ours. Where it is sticky they cannot, and what they add is not taken.
func guardFolder(path string, info fs.FileInfo) error {
	mode, owner := info.Mode(), ownerOf(info)
	switch {
	case !info.IsDir():
		return fmt.Errorf("the folder of keys: %s is no folder: name another with --keys", path)
	case owner != 0 && owner != os.Geteuid():
		return fmt.Errorf("%w: the folder %s belongs to the user %d, and temoin runs as %d: chown %d %s", ErrExposed, path, owner, os.Geteuid(), os.Geteuid(), path)
	case mode.Perm()&0o022 != 0 && mode&fs.ModeSticky == 0:
		return fmt.Errorf("%w: others can write to the folder %s, which has mode %04o: chmod 700 %s", ErrExposed, path, mode.Perm(), path)
	}
	return nil
}

// ownerOf returns the user that a file belongs to.
func ownerOf(info fs.FileInfo) int {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return os.Geteuid()
}
