// Command document measures "temoin document" of the three example sites in all
// of their languages as one process, in turn with its bound: the same binary
// printing its help.
//
//	go run ./bench/document [-runs 21]
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/temoin/temoin/bench/process"
	"github.com/temoin/temoin/examples"
)

const budget = 150 * time.Millisecond

func main() {
	runs := flag.Int("runs", 21, "how often each command is run")
	flag.Parse()
	if err := measure(max(1, *runs)); err != nil {
		fmt.Fprintln(os.Stderr, "bench/document:", err)
		os.Exit(1)
	}
}

func measure(runs int) error {
	dir, err := os.MkdirTemp("", "temoin-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, err := process.Build(dir)
	if err != nil {
		return err
	}
	args := []string{"document", "--dir", dir}
	for _, id := range examples.Sites {
		name, src, err := examples.Manifest(id, false)
		if err != nil {
			return err
		}
		file := filepath.Join(dir, id+".yaml")
		if err := os.WriteFile(file, src, 0o644); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		args = append(args, file)
	}
	bound := &process.Series{Name: "help", Args: []string{"help"}}
	pages := &process.Series{Name: "document", Args: args}
	single := &process.Series{Name: "document, 1 core", Args: args, Env: []string{"GOMAXPROCS=1"}}
	if err := process.Run(binary, runs, bound, pages, single); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.html"))
	fmt.Printf("%d pages; %s\n", len(files), process.Verdict(pages.Median(), budget))
	return err
}
