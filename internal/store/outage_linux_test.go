package store

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A disk that is full in earnest, where this test may mount one.
func TestAFullFileSystemLosesNothingAndIsOverOnceThereIsRoom(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=8m,mode=0700"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(disk, "ballast")
	fill := func(*Store) {
		f, err := os.Create(ballast)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for err == nil {
			_, err = f.Write(bytes.Repeat([]byte{1}, 4096))
		}
	}
	empty := func(*Store) {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
	full(t, filepath.Join(disk, "store"), fill, empty)
}
