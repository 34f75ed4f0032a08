// Package examples holds the manifests of the three example sites: as the
// project would write them, and as their policies were published. Of one site
// there is an earlier version too, and of two the one that comes next. The sites
// themselves are the packages in its folders.
package examples

import (
	"embed"
	"path"
)

//go:embed */site.yaml */site.*.yaml
var files embed.FS

// Sites lists the example sites.
var Sites = []string{"pix2clip", "platform", "cexro"}

// earlier are the corrected manifests that others took the place of, the newest
// first.
var earlier = map[string][]string{"platform": {"site.0.9.yaml"}}

// next are the manifests that take the place of the corrected ones one day.
var next = map[string]string{"pix2clip": "site.next.yaml", "platform": "site.1.1.yaml"}

// A File is a manifest.
type File struct {
	Name string // from the root of the repository
	Src  []byte
}

// Manifest returns the file name and the bytes of a site's manifest: corrected,
// or as its policy was published.
func Manifest(site string, asPublished bool) (name string, src []byte, err error) {
	file := "site.yaml"
	if asPublished {
		file = "site.as-published.yaml"
	}
	f, err := read(site, file)
	return f.Name, f.Src, err
}

// Versions returns the versions of a site's corrected manifest, the one in force
// first.
func Versions(site string) ([]File, error) {
	var out []File
	for _, file := range append([]string{"site.yaml"}, earlier[site]...) {
		f, err := read(site, file)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// Next returns the manifest that takes the place of a site's corrected one; false where
// there is none.
func Next(site string) (File, bool, error) {
	name, ok := next[site]
	if !ok {
		return File{}, false, nil
	}
	f, err := read(site, name)
	return f, err == nil, err
}

func read(site, file string) (File, error) {
	src, err := files.ReadFile(path.Join(site, file))
	return File{path.Join("examples", site, file), src}, err
}
