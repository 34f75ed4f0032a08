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
// port, with a group for hosts of the same services, and at the number of each group
// these services' ids with blanks between.
type rules struct {
	hosts    string
	services []string
}

// names is how the script is told of the services.
func (r rules) names() string { return strings.Join(r.services, ",") }

// A hostGroup is what several declarations of hosts have in common.
type hostGroup struct {
	services string
	hosts    []policy.HostPattern
}

// rulesFor makes the rules of services: the group that fits an address names those that
// policy.Site.ServicesAt finds, if all services of the site are given whose hosts
// overlap.
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
	var groups []hostGroup
	for _, h := range hosts {
		groups = group(groups, h, strings.Join(reached[h], " "))
	}
	r := rules{services: []string{""}} // groups count from 1
	var all []string
	for _, g := range groups {
		r.services = append(r.services, g.services)
		all = append(all, "("+g.expression()+")")
	}
	if len(all) == 0 {
		all = []string{`[^\s\S]`} // fits nothing
	}
	r.hosts = "^(?:" + strings.Join(all, "|") + ")"
	return r
}

// group puts a host, which is less exact than those that are there, into the group of
// its services, or into a new one where another group behind that has a part of it.
func group(groups []hostGroup, h policy.HostPattern, services string) []hostGroup {
	for i := len(groups) - 1; i >= 0; i-- {
		if groups[i].services == services {
			groups[i].hosts = append(groups[i].hosts, h)
			return groups
		}
		if slices.ContainsFunc(groups[i].hosts, func(g policy.HostPattern) bool { return g.Name == h.Name || h.Covers(g.Name) }) {
			break
		}
	}
	return append(groups, hostGroup{services, []policy.HostPattern{h}})
}

// expression is for JavaScript and Go alike. Hosts with the same rest stand together.
func (g *hostGroup) expression() string {
	type rest struct {
		below bool
		path  string
	}
	names := map[rest][]string{}
	var order []rest
	for _, h := range g.hosts {
		r := rest{h.Below, cmp.Or(h.Path, "/")}
		if names[r] == nil {
			order = append(order, r)
		}
		names[r] = append(names[r], regexp.QuoteMeta(h.Name))
	}
	var all []string
	for _, r := range order {
		begin := ""
		if r.below {
			begin = `[^/]*\.`
		}
		all = append(all, begin+either(names[r])+`\.?`+regexp.QuoteMeta(r.path))
	}
	return strings.Join(all, "|")
}

// either is an expression for any of several.
func either(list []string) string {
	if len(list) == 1 {
		return list[0]
	}
	return "(?:" + strings.Join(list, "|") + ")"
}

// storageRules are what the script "guard-storage" is told, as JSON: the keys that need
// consent, and those that need none, since one that is exempt may begin as others do.
func storageRules(site *policy.Site) string {
	mode := site.Enforcement.Storage
	if mode == policy.EnforceOff {
		return ""
	}
	keys := keysOf(site, func(t *policy.Tracker) bool {
		return t.Storage == policy.Cookie || t.Storage == policy.LocalStorage || t.Storage == policy.SessionStorage
	})
	return string(encoded(map[string]any{"s": mode, "k": keys}))
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
