//go:build !linux

package store

import "syscall"

func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
