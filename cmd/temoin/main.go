// Command temoin governs a site's cookies and consent from one manifest.
package main

import (
	"context"
	"os"

	"github.com/temoin/temoin/internal/cli"
)

func main() {
	os.Exit(cli.Run(context.Background(), os.Args[1:], cli.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
