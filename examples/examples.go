// Package examples holds the manifests of the three example sites: as the
// project would write them, and as their policies were published.
package examples

import (
	"embed"
	"path"
)

//go:embed */site.yaml */site.as-published.yaml
var files embed.FS

// Sites lists the example sites.
var Sites = []string{"pix2clip", "platform", "cexro"}

// Manifest returns the file name and the bytes of a site's manifest: corrected,
// or as its policy was published.
func Manifest(site string, asPublished bool) (name string, src []byte, err error) {
	file := "site.yaml"
	if asPublished {
		file = "site.as-published.yaml"
	}
	src, err = files.ReadFile(path.Join(site, file))
	return path.Join("examples", site, file), src, err
}
