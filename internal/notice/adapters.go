package notice

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/policy"
)

// An adapter tells a vendor's own script about the choice, in the vendor's words. It
// stands in the head behind base and guard; or, where that script cannot have come before
// it is released, it comes with what releases, which pages load after a yes.
type adapter struct {
	chunk    string // "adapter-google"
	data     any
	services []*policy.Service
}

// late reports whether nothing of the vendor is on a page on which none of its services is
// permitted: markup and guard hold it.
func (a *adapter) late() bool {
	return !slices.ContainsFunc(a.services, func(s *policy.Service) bool { return !guarded(s) })
}

// adaptersIn returns the adapters that stand in the head of a page: all of them where any
// of the late ones has a service that is permitted.
func (n *Notice) adaptersIn(d *consent.Decision) []adapter {
	for _, a := range n.adapters {
		if a.late() && slices.ContainsFunc(a.services, d.Service) {
			return n.adapters
		}
	}
	return n.prompt()
}

// prompt returns the adapters that are not late.
func (n *Notice) prompt() []adapter {
	return slices.DeleteFunc(slices.Clone(n.adapters), func(a adapter) bool { return a.late() })
}

// releaseSource is what releases, with the adapters that pages may lack before it.
func (n *Notice) releaseSource() []byte {
	prompt := n.prompt()
	if len(prompt) == len(n.adapters) {
		return n.chunks["release"]
	}
	var b bytes.Buffer
	data := encoded(adapterData(n.adapters))
	for i := range n.adapters {
		a := &n.adapters[i]
		if !a.late() {
			continue
		}
		if b.Len() == 0 {
			fmt.Fprintf(&b, "if(!(window.temoin.d||'').includes('%q:')){window.temoin.d=%s;", strings.TrimPrefix(a.chunk, "adapter-"), encoded(string(data)))
		}
		b.Write(n.chunks[a.chunk])
	}
	b.WriteString("}")
	b.Write(n.chunks["release"])
	return b.Bytes()
}

// adapterOf names the chunk for what the catalogue knows. A service that the manifest
// declares without the catalogue has none.
var adapterOf = map[string]string{
	"google-analytics":      "adapter-google",
	"google-ads":            "adapter-google",
	"google-ad-manager":     "adapter-google",
	"google-adsense":        "adapter-google",
	"google-tag-manager":    "adapter-google",
	"microsoft-advertising": "adapter-microsoft",
	"microsoft-clarity":     "adapter-microsoft",
	"matomo":                "adapter-matomo",
	"matomo-cloud":          "adapter-matomo",
	"piano-analytics":       "adapter-piano",
}

// googleData is what the chunk "adapter-google" depends on: for each signal the services
// or categories that must be allowed, none for a signal that is always denied, and the
// fields of cookies where the manifest declares others than Google's.
type googleData struct {
	Signals map[string][]string `json:"s"`
	Fields  *googleFields       `json:"f,omitempty"`
}

type googleFields struct {
	Expires *int64 `json:"cookie_expires,omitempty"` // seconds; 0 is the browser's session
	Update  *bool  `json:"cookie_update,omitempty"`  // false: a visit does not begin the lifetime anew
}

// microsoftData is what the chunk "adapter-microsoft" depends on: what UET, Clarity, and
// what Clarity does for advertising stand for.
type microsoftData struct {
	UET     []string `json:"u,omitempty"`
	Clarity []string `json:"c,omitempty"`
	Ads     []string `json:"a,omitempty"`
}

// ownData is what the chunks "adapter-matomo" and "adapter-piano" depend on.
type ownData struct {
	Services []string `json:"i"`
}

// adapters returns those that a site needs: for the services of which the visitor
// decides. One that needs no consent is never told of a refusal.
func adapters(site *policy.Site) []adapter {
	by := map[string][]*policy.Service{}
	for _, s := range site.Services {
		chunk, ok := adapterOf[s.FromCatalogue()]
		if ok && s.Loads == policy.LoadsOnConsent && s.Category.NeedsConsent() {
			by[chunk] = append(by[chunk], s)
		}
	}
	var list []adapter
	for _, chunk := range []string{"adapter-google", "adapter-matomo", "adapter-microsoft", "adapter-piano"} {
		services := by[chunk]
		switch {
		case len(services) == 0:
		case chunk == "adapter-google":
			list = append(list, adapter{chunk, google(site, services), services})
		case chunk == "adapter-microsoft":
			list = append(list, adapter{chunk, microsoft(site, services), services})
		default:
			list = append(list, adapter{chunk, ownData{ids(services)}, services})
		}
	}
	return list
}

// adapterData is what adapters depend on, by their names without "adapter-".
func adapterData(list []adapter) map[string]any {
	all := map[string]any{}
	for _, a := range list {
		all[strings.TrimPrefix(a.chunk, "adapter-")] = a.data
	}
	return all
}

func ids(services []*policy.Service) []string {
	list := []string{}
	for _, s := range services {
		list = append(list, s.ID)
	}
	return list
}

func of(services []*policy.Service, catalogue ...string) []string {
	list := []string{}
	for _, s := range services {
		if slices.Contains(catalogue, s.FromCatalogue()) {
			list = append(list, s.ID)
		}
	}
	return list
}

// google says what each signal stands for. Google's services of its kind, if there are
// any; else, where a tag manager loads what others declare, the categories that are of
// that kind. What the site's own functions keep is what is left.
func google(site *policy.Site, services []*policy.Service) googleData {
	ads := of(services, "google-ads", "google-ad-manager", "google-adsense")
	analytics := of(services, "google-analytics")
	kinds := kindsOf(site)
	if len(of(services, "google-tag-manager")) > 0 {
		if len(ads) == 0 {
			ads = kinds["advertising"]
		}
		if len(analytics) == 0 {
			analytics = kinds["analytics"]
		}
	}
	return googleData{Signals: map[string][]string{
		"ad_storage":              ads,
		"ad_user_data":            ads,
		"ad_personalization":      ads,
		"analytics_storage":       analytics,
		"functionality_storage":   kinds["functional"],
		"personalization_storage": kinds["personal"],
	}, Fields: googleCookies(services)}
}

// kindOf says what a kind of service is for, as Google divides it.
var kindOf = map[string]string{
	"advertising": "advertising", "affiliation": "advertising",
	"analytics": "analytics", "session-replay": "analytics", "monitoring": "analytics",
	"ab-testing": "personal",
}

// kindsOf sorts the categories that visitors decide on: one is for advertising if it says
// so or has a service that is; else for what its services are for; else for functions of
// the site. There is an empty list for a kind that no category is of.
func kindsOf(site *policy.Site) map[string][]string {
	kinds := map[string][]string{"advertising": {}, "analytics": {}, "personal": {}, "functional": {}}
	for _, k := range site.Categories {
		if k.NeedsConsent() && k.InUse() {
			kind := kindOfCategory(k)
			kinds[kind] = append(kinds[kind], k.ID)
		}
	}
	return kinds
}

func kindOfCategory(k *policy.Category) string {
	has := map[string]bool{}
	for _, s := range k.Services {
		has[kindOf[s.Kind]] = true
	}
	switch {
	case k.Advertising || has["advertising"]:
		return "advertising"
	case has["analytics"]:
		return "analytics"
	case has["personal"]:
		return "personal"
	}
	return "functional"
}

// googleCookies are the fields that hold Google's own cookies to their declared
// lifetimes. They hold for all tags together, so that the shortest lifetime decides; where
// each is the vendor's own, or longer, there is nothing to hold.
func googleCookies(services []*policy.Service) *googleFields {
	var shortest *int64
	shorter, still := false, false
	for _, s := range services {
		known, _ := policy.Catalogue(s.FromCatalogue())
		for _, t := range s.Trackers {
			if !strings.HasPrefix(t.Name, "_ga") && !strings.HasPrefix(t.Name, "_gcl_") || t.Storage != policy.Cookie {
				continue
			}
			declared, ok := seconds(t)
			if !ok {
				continue
			}
			if shortest == nil || declared < *shortest {
				shortest = &declared
			}
			vendor := trackerOf(known, t.Name)
			usual, ok := seconds(vendor)
			shorter = shorter || ok && declared < usual
			still = still || vendor != nil && vendor.Sliding && !t.Sliding
		}
	}
	if !shorter && !still {
		return nil
	}
	f := &googleFields{}
	if shorter {
		f.Expires = shortest
	}
	if still {
		f.Update = new(bool)
	}
	return f
}

func trackerOf(s *policy.Service, name string) *policy.Tracker {
	if s == nil {
		return nil
	}
	for _, t := range s.Trackers {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// seconds returns how long a cookie is kept at most, 0 for the browser's session. A month
// is counted at its shortest, so that no promise is broken.
func seconds(t *policy.Tracker) (int64, bool) {
	if t == nil {
		return 0, false
	}
	switch l := t.Lasts.Longest(); l.Kind {
	case policy.Session:
		return 0, true
	case policy.For:
		from := time.Date(2026, time.February, 1, 0, 0, 0, 0, time.UTC)
		return int64(l.Period.After(from).Sub(from) / time.Second), true
	}
	return 0, false
}

// microsoft says what UET and Clarity stand for. Clarity's data serves advertising where
// the site uses Microsoft Advertising, or a category for advertising is asked about.
func microsoft(site *policy.Site, services []*policy.Service) microsoftData {
	d := microsoftData{UET: of(services, "microsoft-advertising"), Clarity: of(services, "microsoft-clarity")}
	if len(d.Clarity) > 0 {
		if d.Ads = d.UET; len(d.Ads) == 0 {
			d.Ads = kindsOf(site)["advertising"]
		}
	}
	return d
}
