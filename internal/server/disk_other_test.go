//go:build !linux

package server

import "testing"

func smallDisk(t *testing.T) (store string, fill, empty func()) {
	t.Helper()
	t.Skip("a small file system is mounted on Linux only")
	return "", nil, nil
}
