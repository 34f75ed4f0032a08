package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestAFileIsReplacedWholeWithTheModeAskedFor(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	for content, mode := range map[string]fs.FileMode{"secret": 0o600, "public": 0o644} {
		err := Replace(file, mode, func(f *os.File) error {
			if info, err := f.Stat(); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v while it is written, %v", info.Mode(), err)
			}
			_, err := f.WriteString(content)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(file)
		info, _ := os.Stat(file)
		if err != nil || string(b) != content || info.Mode().Perm() != mode {
			t.Errorf("%q of mode %v, %v", b, info.Mode(), err)
		}
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestWhatFailsLeavesTheFileAsItWasAndNothingBesideIt(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	full := errors.New("the disk is full")
	if err := Replace(file, 0o600, func(f *os.File) error { f.WriteString("ne"); return full }); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "old" {
		t.Errorf("%q, %v", b, err)
	}
	taken := filepath.Join(folder, "taken")
	if err := os.MkdirAll(filepath.Join(taken, "by a folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if Replace(taken, 0o600, func(*os.File) error { return nil }) == nil {
		t.Error("a folder is replaced")
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 2 {
		t.Errorf("%v, %v", left, err)
	}
	if Replace(filepath.Join(folder, "no folder", "file"), 0o600, func(*os.File) error { return nil }) == nil {
		t.Error("a file is written where there is no folder")
	}
}
