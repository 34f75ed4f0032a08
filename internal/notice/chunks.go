package notice

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// The scripts: each entry of ui/ as one file (tools/bundle).
//
//go:embed chunks/*.js
var chunkFiles embed.FS

// needed are the chunks without which no site can be shown.
var needed = []string{"base", "guard", "release", "notice", "centre", "tag"}

// loadChunks reads the scripts by name.
func loadChunks() (map[string][]byte, error) {
	chunks := map[string][]byte{}
	files, err := fs.Glob(chunkFiles, "chunks/*.js")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		src, err := chunkFiles.ReadFile(f)
		if err != nil {
			return nil, err
		}
		src = bytes.TrimSpace(src)
		// In a page, these would end the element that the script stands in.
		if lower := bytes.ToLower(src); bytes.Contains(lower, []byte("</script")) || bytes.Contains(lower, []byte("<!--")) {
			return nil, fmt.Errorf("%s cannot stand in a page: it holds the end of a script, or the beginning of a comment", f)
		}
		chunks[strings.TrimSuffix(path.Base(f), ".js")] = src
	}
	for _, name := range needed {
		if len(chunks[name]) == 0 {
			return nil, fmt.Errorf("the script %q is missing: run make generate", name)
		}
	}
	return chunks, nil
}
