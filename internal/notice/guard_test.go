package notice

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/temoin/temoin/policy"
)

// The guard asks one expression; policy asks its own index.
func TestTheFirstGroupThatFitsNamesTheServicesOfAnAddress(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	found, shared := 0, 0
	for range 300 {
		var b strings.Builder
		b.WriteString("temoin: 1\nsite: s\nname: S\nurl: https://own.test\nlanguages: [en]\ncategories:\n  ads: {needs: consent}\nservices:\n")
		for i := range 1 + random.IntN(6) {
			var hosts []string
			for range 1 + random.IntN(3) {
				hosts = append(hosts, `"`+pick("", "", "*.")+pick("x.co", "a.x.co", "b.a.x.co", "a-x.co", "axx.co")+pick("", "/", "/p", "/p/", "/p/q+(", "/.p")+`"`)
			}
			fmt.Fprintf(&b, "  - {id: s%d, name: S, category: ads, hosts: [%s]}\n", i, strings.Join(hosts, ", "))
		}
		site, err := policy.Parse("site.yaml", []byte(b.String()))
		if err != nil {
			t.Fatalf("%v\n%s", err, b.String())
		}
		list := rulesFor(site.Services)
		hosts := regexp.MustCompile(list.hosts)
		for range 60 {
			host := pick("x.co", "a.x.co", "b.a.x.co", "c.b.a.x.co", "axx.co", "a-x.co", "other.co", "xx.co", "x.co.evil.co") + pick("", "", ".")
			path := pick("/", "/p", "/p/", "/p/q+(r", "/pq", "/.p", "/x.co/p/", "/a.x.co/", "/P")
			want := []string{}
			for _, s := range site.ServicesAt(host, path) {
				want = append(want, s.ID)
			}
			got := ""
			if m := hosts.FindStringSubmatch(host + path); m != nil {
				got = list.services[1+slices.Index(m[1:], m[0])]
			}
			if got != strings.Join(want, " ") {
				t.Fatalf("%s%s is found to be of %q, not of %q\n%s%q", host, path, got, want, b.String(), list)
			}
			found += min(1, len(want))
			shared += max(0, len(want)-1)
		}
	}
	if found < 1000 || shared < 100 {
		t.Errorf("only %d addresses were of a service, %d of several", found, shared)
	}
}

func TestWithoutHostsNoAddressIsHeld(t *testing.T) {
	if e := regexp.MustCompile(rulesFor(nil).hosts); e.MatchString("") || e.MatchString("www.example.org/") {
		t.Errorf("%s fits an address", e)
	}
}
