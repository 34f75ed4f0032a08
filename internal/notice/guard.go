package notice

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/temoin/temoin/policy"
)

// Rules say to the script "guard" which services are reached at an address: an
// expression for what stands in it from the host to the end of the path, without a
// port, with one group for each declaration of a host, and at the number of each group
// the services' ids with blanks between.
type rules struct {
	Hosts    string   `json:"h"`
	Services []string `json:"s"`
}

// rulesFor makes the rules of services, the most exact declaration first: the group
// that fits an address names those that policy.Site.ServicesAt finds, if all services
// of the site are given whose hosts overlap.
func rulesFor(services []*policy.Service) rules {
	reached := map[policy.HostPattern][]string{}
	var hosts []policy.HostPattern
	for _, s := range services {
		for _, line := range s.Hosts {
			h := policy.ParseHost(line)
			if reached[h] == nil {
				hosts = append(hosts, h)
			}
			if !slices.Contains(reached[h], s.ID) {
				reached[h] = append(reached[h], s.ID)
			}
		}
	}
	slices.SortStableFunc(hosts, moreExact)
	r := rules{Services: []string{""}} // groups count from 1
	groups := make([]string, len(hosts))
	for i, h := range hosts {
		groups[i] = "(" + expression(h) + ")"
		r.Services = append(r.Services, strings.Join(reached[h], " "))
	}
	r.Hosts = "^(?:" + strings.Join(groups, "|") + ")"
	return r
}

// moreExact orders hosts: one host before all those below another, a longer name
// before a shorter one, then a longer path.
func moreExact(a, b policy.HostPattern) int {
	below := func(h policy.HostPattern) int {
		if h.Below {
			return 1
		}
		return 0
	}
	return cmp.Or(below(a)-below(b), len(b.Name)-len(a.Name), len(b.Path)-len(a.Path))
}

// expression is for JavaScript and Go alike.
func expression(h policy.HostPattern) string {
	begin := ""
	if h.Below {
		begin = `[^/]*\.`
	}
	return begin + regexp.QuoteMeta(h.Name) + `\.?` + regexp.QuoteMeta(cmp.Or(h.Path, "/"))
}
