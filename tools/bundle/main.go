// Command bundle makes the scripts of the notice: each entry under
// internal/notice/ui, with what it imports, becomes one minified classic script
// under internal/notice/chunks. With -check it writes nothing and fails where a
// committed one differs.
//
//	cd tools && go run ./bundle [-check]
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

const (
	sources = "../internal/notice/ui"
	chunks  = "../internal/notice/chunks"
)

func main() {
	check := flag.Bool("check", false, "compare with the committed chunks, and write nothing")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

// entries are the files that run; all others are imported by them.
func entries() ([]api.EntryPoint, error) {
	files, err := filepath.Glob(filepath.Join(sources, "entry", "*.ts"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no entries under %s: run this in the folder tools", sources)
	}
	var list []api.EntryPoint
	for _, f := range files {
		list = append(list, api.EntryPoint{InputPath: f, OutputPath: strings.TrimSuffix(filepath.Base(f), ".ts")})
	}
	return list, nil
}

func run(check bool) error {
	list, err := entries()
	if err != nil {
		return err
	}
	result := api.Build(api.BuildOptions{
		EntryPointsAdvanced: list,
		Outdir:              chunks,
		Bundle:              true,
		Format:              api.FormatIIFE,
		Target:              api.ES2022,
		TsconfigRaw:         "{}", // else each chunk begins with "use strict"
		Charset:             api.CharsetUTF8,
		MinifyWhitespace:    true,
		MinifyIdentifiers:   true,
		MinifySyntax:        true,
		LegalComments:       api.LegalCommentsNone,
		MangleProps:         "_$", // what ends so is nobody's but ours
		Loader:              map[string]api.Loader{".css": api.LoaderText},
		LogLevel:            api.LogLevelWarning,
	})
	if len(result.Errors)+len(result.Warnings) > 0 {
		return fmt.Errorf("%d errors, %d warnings", len(result.Errors), len(result.Warnings))
	}
	for _, f := range result.OutputFiles {
		name := filepath.Join(chunks, filepath.Base(f.Path))
		if !check {
			if err := os.WriteFile(name, f.Contents, 0o644); err != nil { //nolint:gosec // it is committed
				return err
			}
		} else if old, err := os.ReadFile(name); err != nil || !bytes.Equal(old, f.Contents) {
			return fmt.Errorf("%s is not what its source makes: run make generate", filepath.Base(name))
		}
	}
	return nil
}
