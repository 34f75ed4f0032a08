package standin

import (
	"strings"
	"testing"

	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/policy"
)

// at splits a place into a host and a path that a browser may ask for.
func at(place string) (host, path string) {
	host, path, _ = strings.Cut(strings.ReplaceAll(place, "*", "any"), "/")
	return host, "/" + path
}

func TestEveryPlaceIsOneOfTheCatalogue(t *testing.T) {
	for place := range places {
		if len(policy.KnownServicesAt(at(place))) == 0 {
			t.Errorf("%s belongs to no service of the catalogue", place)
		}
	}
}

func TestEveryServiceOfTheExamplesIsAnswered(t *testing.T) {
	for _, name := range examples.Sites {
		file, src, err := examples.Manifest(name, false)
		if err != nil {
			t.Fatal(err)
		}
		site, err := policy.Parse(file, src)
		if err != nil {
			t.Fatal(err)
		}
		answered := map[*policy.Service]bool{}
		for place := range places {
			for _, s := range site.ServicesAt(at(place)) {
				answered[s] = true
			}
		}
		for _, s := range site.Services {
			if !s.SelfHosted && !answered[s] {
				t.Errorf("%s: nothing answers for %s (%q)", name, s.ID, s.Hosts)
			}
		}
	}
}
