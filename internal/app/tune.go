package app

import (
	"os"
	"runtime/debug"
)

// Tune sets the collector of the whole process to the way that a node works: little
// that lives long, and much that does not. With the default of 100 it runs some
// hundred times a second for a few megabytes. Who sets GOGC or GOMEMLIMIT is obeyed.
func Tune() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(80 << 20)
	}
}
