// Command check measures "temoin check" of a large manifest as a whole process,
// in turn with its bound: the same binary printing its help, which is what
// starting a process costs here.
//
// The manifest is the example of the Platform, in two languages, with its page,
// its promises and its services, grown to 300 trackers and twenty services:
// see grown.
//
//	go run ./bench/check [-runs 21] [-write site.yaml]
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/temoin/temoin/bench/process"
	"github.com/temoin/temoin/policy"
)

const (
	trackers = 300 // of the site itself; the services have theirs
	budget   = 60 * time.Millisecond
)

func main() {
	runs := flag.Int("runs", 21, "how often each command is run")
	write := flag.String("write", "", "write the manifest to this `file`, and stop")
	flag.Parse()
	src, err := grown(trackers)
	switch {
	case err != nil:
	case *write != "":
		err = os.WriteFile(*write, src, 0o644)
	case *runs < 1:
		err = errors.New("-runs: write 1 or more")
	default:
		err = measure(src, *runs)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/check:", err)
		os.Exit(1)
	}
}

func measure(src []byte, runs int) error {
	dir, err := os.MkdirTemp("", "temoin-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, err := process.Build(dir)
	if err != nil {
		return err
	}
	manifest := filepath.Join(dir, "site.yaml")
	if err := os.WriteFile(manifest, src, 0o644); err != nil {
		return err
	}
	bound := &process.Series{Name: "help", Args: []string{"help"}}
	check := &process.Series{Name: "check", Args: []string{"check", manifest}}
	single := &process.Series{Name: "check, 1 core", Args: check.Args, Env: []string{"GOMAXPROCS=1"}}
	if err := process.Run(binary, runs, bound, check, single); err != nil {
		return err
	}
	return describe(src, check.Median())
}

// describe says what was measured, and whether it took no longer than it may.
func describe(src []byte, took time.Duration) error {
	site, err := policy.Parse("site.yaml", src)
	if err != nil {
		return err
	}
	fmt.Printf("the manifest: %d kB, %d trackers, %d services, %d sections, %d promises, %d texts; %s\n",
		len(src)/1000, len(site.Trackers), len(site.Services), len(site.Page.Sections), len(site.Promises), len(site.Prose), process.Verdict(took, budget))
	return nil
}
