package keyring

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/temoin/temoin/internal/durable"
)

// maxNumber bounds the number of a key.
const maxNumber = 9999

// files reads the keys of one site for one use, ordered by number.
func (r *Ring) files(site, use string) ([]file, error) {
	if !siteID.MatchString(site) {
		return nil, fmt.Errorf("%.80q is no site's id: small letters, digits and hyphens", site)
	}
	entries, err := os.ReadDir(r.folder)
	if err != nil {
		return nil, fmt.Errorf("the folder of keys: %w", err)
	}
	var list []file
	for _, e := range entries {
		n, ok := numberOf(e.Name(), site, use)
		if !ok {
			continue
		}
		f, err := read(filepath.Join(r.folder, e.Name()))
		if err != nil {
			return nil, err
		}
		if f.site != site || f.use != use {
			return nil, fmt.Errorf("%s: %w: it says site %s, use %s. Put each key under its own name", f.path, ErrMisplaced, f.site, f.use)
		}
		f.number = n
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b file) int { return a.number - b.number })
	return list, nil
}

// numberOf reads the number of a key from its name.
func numberOf(name, site, use string) (int, bool) {
	digits, ok := strings.CutPrefix(name, site+"."+use+".")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n > 0 && n <= maxNumber && strconv.Itoa(n) == digits
}

// read reads one key. It follows symbolic links: secrets are often mounted so.
func read(path string) (file, error) {
	info, err := os.Stat(path)
	if err != nil {
		return file{}, unreadable(path, err)
	}
	if !info.Mode().IsRegular() {
		return file{}, fmt.Errorf("%s: %w: it is no regular file", path, ErrDamaged)
	}
	src, err := os.Open(path)
	if err != nil {
		return file{}, unreadable(path, err)
	}
	defer src.Close()
	if info, err = src.Stat(); err != nil {
		return file{}, unreadable(path, err)
	}
	if err := guardFile(path, info); err != nil {
		return file{}, err
	}
	b, err := io.ReadAll(io.LimitReader(src, maxFile+1))
	if err != nil {
		return file{}, unreadable(path, err)
	}
	f, err := parse(b)
	if err != nil {
		return file{}, fmt.Errorf("%s: %w. Put it back from a backup; docs/keys.md says what its loss would mean", path, err)
	}
	f.path = path
	return f, nil
}

// unreadable says why a key cannot be read, and what to do.
func unreadable(path string, err error) error {
	advice := "check the disk"
	switch {
	case errors.Is(err, fs.ErrPermission):
		advice = "give the key to the user who runs temoin, with mode 0600"
	case errors.Is(err, syscall.ELOOP):
		advice = "its symbolic links lead in a circle: put the key itself there"
	case errors.Is(err, fs.ErrNotExist):
		advice = "it is a symbolic link that leads nowhere: mount what it leads to"
	}
	return fmt.Errorf("a key cannot be read: %w: %s", err, advice)
}

// next returns the newest key that is wanted; if there is none, it makes one.
func (r *Ring) next(site, use string, wanted func(file) bool, fresh func() (file, error)) (file, error) {
	for {
		files, err := r.files(site, use)
		if err != nil {
			return file{}, err
		}
		for _, f := range slices.Backward(files) {
			if wanted(f) {
				// Whoever made it may not have come so far.
				r.disk.sync(r.folder) //nolint:errcheck // a folder that cannot be written is as it is
				return f, nil
			}
		}
		number := 1
		if n := len(files); n > 0 {
			number = files[n-1].number + 1
		}
		if number > maxNumber {
			return file{}, fmt.Errorf("%s has %d keys of %s for %s: remove some", r.folder, len(files), use, site)
		}
		f, err := fresh()
		if err != nil {
			return file{}, err
		}
		f.number, f.path = number, filepath.Join(r.folder, fmt.Sprintf("%s.%s.%d", site, use, number))
		if taken, err := r.put(f); err != nil || !taken {
			return f, err
		}
	}
}

// put writes a key under its name; taken says that there is one already.
func (r *Ring) put(f file) (taken bool, err error) {
	name := filepath.Base(f.path)
	temporary, err := r.disk.write(r.folder, "."+name+".", f.encode())
	if err != nil {
		return false, unwritable(err)
	}
	defer r.disk.remove(temporary) //nolint:errcheck // the next one tidies up
	switch err := r.disk.link(temporary, f.path); {
	case errors.Is(err, fs.ErrExist), errors.Is(err, fs.ErrNotExist): // whoever was first has tidied up
		taken = true
	case err != nil:
		return false, unwritable(err)
	}
	return taken, unwritable(r.disk.sync(r.folder))
}

func unwritable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("a key cannot be kept: %w: let temoin write to the folder, on a disk that knows hard links, or make the keys elsewhere (temoin keys make) and put them there", err)
}

// tidy removes what was left of making keys that are there by now.
func (r *Ring) tidy() {
	entries, err := os.ReadDir(r.folder)
	if err != nil {
		return // whoever reads the folder next says so
	}
	for _, e := range entries {
		name, random := strings.CutPrefix(e.Name(), ".")
		if i := strings.LastIndexByte(name, '.'); random && i > 0 && ours(name[:i]) {
			if _, err := os.Lstat(filepath.Join(r.folder, name[:i])); err == nil {
				r.disk.remove(filepath.Join(r.folder, e.Name())) //nolint:errcheck // it does no harm where it is
			}
		}
	}
}

// ours reports whether a name is one of a key.
func ours(name string) bool {
	parts := strings.Split(name, ".")
	if len(parts) != 3 {
		return false
	}
	_, ok := numberOf(name, parts[0], parts[1])
	return ok && siteID.MatchString(parts[0]) && slices.Contains([]string{useLog, useCookie, useAccount}, parts[1])
}

// A disk is what a crash can come between.
type disk interface {
	// write makes a file that only its owner can read, and flushes it.
	write(folder, prefix string, data []byte) (path string, err error)
	// link gives a file another name, unless that is taken.
	link(old, new string) error
	// sync makes the names in a folder last.
	sync(folder string) error
	remove(path string) error
}

type realDisk struct{}

func (realDisk) write(folder, prefix string, data []byte) (string, error) {
	f, err := os.CreateTemp(folder, prefix+"*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		os.Remove(f.Name())
	}
	return f.Name(), err
}

func (realDisk) link(old, new string) error { return os.Link(old, new) }
func (realDisk) remove(path string) error   { return os.Remove(path) }
func (realDisk) sync(folder string) error   { return durable.SyncFolder(folder) }
