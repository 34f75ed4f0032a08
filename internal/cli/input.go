package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/temoin/temoin/policy"
)

// mostRead is what is read of a manifest: enough for the parser to see that it
// is too long, a byte order mark included.
const mostRead = policy.MaxSize + 8

// readManifest reads a file whole. One that is too long is refused as the
// parser would, and with its own length.
func readManifest(file string) ([]byte, error) {
	if file == "-" {
		return nil, errors.New("- would be standard input, which is not read: write the manifest to a file (one that is called so is ./-)")
	}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, unreadable(file, err)
	case info.IsDir():
		return nil, fmt.Errorf("%s is a directory: name the manifest in it, such as %s/site.yaml", file, strings.TrimSuffix(file, "/"))
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file: write the manifest to one", file) // a pipe could keep us waiting
	case info.Size() > mostRead:
		return nil, tooLong(file, info.Size())
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, unreadable(file, err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, mostRead)) // it may have grown
	if err != nil {
		return nil, unreadable(file, err)
	}
	return src, nil
}

func tooLong(file string, size int64) *policy.Problems {
	return &policy.Problems{List: []policy.Problem{{
		File: file,
		What: fmt.Sprintf("is %d bytes long, more than the %d that a manifest may have", size, policy.MaxSize),
		Fix:  "check that this is the right file",
	}}}
}

// readSites reads manifests, each of another site.
func readSites(files []string) ([]*policy.Site, error) {
	var sites []*policy.Site
	for _, file := range files {
		src, err := readManifest(file)
		if err != nil {
			return nil, err
		}
		site, err := policy.Parse(file, src)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(sites, func(o *policy.Site) bool { return o.ID == site.ID }) {
			return nil, fmt.Errorf("%s: the site %s is given twice", file, site.ID)
		}
		sites = append(sites, site)
	}
	return sites, nil
}

// pathAdvice says what to do about the errors of the system that people meet.
var pathAdvice = []struct {
	err    error
	advice string
}{
	{fs.ErrNotExist, "check the name"},
	{fs.ErrPermission, "give your user the right to it and to the folders above it"},
	{syscall.ENAMETOOLONG, "give the name of a file, not its content"},
	{syscall.ELOOP, "its symbolic links lead in a circle; name the file itself"},
	{syscall.ENOTDIR, "a part of the path is a file, not a folder; check the path"},
	{nil, "check the disk, or copy the file elsewhere"},
}

// unreadable says which file cannot be read, why, and what to do.
func unreadable(file string, err error) error {
	var system syscall.Errno
	if !errors.As(err, &system) {
		return err
	}
	for _, a := range pathAdvice {
		if a.err == nil || errors.Is(err, a.err) {
			return fmt.Errorf("%s: %w: %s", clipped(file), system, a.advice)
		}
	}
	return err
}

// clipped cuts what is too long for a name, so that the message is still seen.
func clipped(name string) string {
	const most = 300
	if r := []rune(name); len(r) > most {
		return string(r[:most]) + "…"
	}
	return name
}
