package storetest

import "syscall"

// dieWithParent has the kernel end a process when the tests are killed.
func dieWithParent(a *syscall.SysProcAttr, s syscall.Signal) { a.Pdeathsig = s }
