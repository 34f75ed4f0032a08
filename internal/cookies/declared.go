package cookies

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/temoin/temoin/policy"
)

// longestKept is the longest that browsers keep a cookie.
const longestKept = 400 * 24 * time.Hour

// Declared returns a declared cookie without a value, with the attributes and the
// lifetime that the manifest gives it. The act names the lifetime of a cookie that has
// several ("remember-me"); "" for one that has one.
func Declared(site *policy.Site, name, act string) (*http.Cookie, error) {
	t := site.TrackerNamed(policy.Cookie, name)
	switch {
	case t == nil || t.Party == policy.ThirdParty:
		return nil, fmt.Errorf("the manifest of %s that is in force declares no cookie %q of the site: write it under trackers", site.ID, name)
	case t.Origin == policy.FromTemoin:
		return nil, fmt.Errorf("the cookie %q is written by Témoin alone: use another name", name)
	}
	lasts, err := variant(site, t, act)
	if err != nil {
		return nil, err
	}
	c := &http.Cookie{Name: name, Path: pathOf(t), Domain: t.Domain, Secure: t.Secure, HttpOnly: t.HTTPOnly, Partitioned: t.Partitioned, SameSite: sameSites[t.SameSite]}
	switch lasts.Kind {
	case policy.For:
		c.MaxAge = int(min(shortest(lasts.Period), longestKept) / time.Second)
	case policy.UntilDeleted:
		c.MaxAge = int(longestKept / time.Second)
	}
	return c, nil
}

var sameSites = map[string]http.SameSite{"Lax": http.SameSiteLaxMode, "Strict": http.SameSiteStrictMode, "None": http.SameSiteNoneMode}

// variant returns the lifetime of a cookie after an act.
func variant(site *policy.Site, t *policy.Tracker, act string) (policy.Lifetime, error) {
	if len(t.Lasts) == 0 && act == "" {
		return policy.Lifetime{}, nil
	}
	var acts []string
	for _, v := range t.Lasts {
		if v.When == act {
			return v.Lifetime, nil
		}
		acts = append(acts, fmt.Sprintf("%q", v.When))
	}
	where := fmt.Sprintf("line %d of the manifest of %s that is in force: the lifetime of %s", site.Position(t.Field).Line, site.ID, t)
	if len(acts) < 2 {
		return policy.Lifetime{}, fmt.Errorf("%s does not depend on %q: name no act", where, act)
	}
	return policy.Lifetime{}, fmt.Errorf("%s depends on an act: name one of %s, not %q", where, strings.Join(acts, ", "), act)
}

// shortest returns the shortest time that a period can be between two moments, so that
// no cookie lasts longer than the period from whatever day on: 393 days for 13 months.
func shortest(p policy.Period) time.Duration {
	least := time.Duration(0)
	for year := 2000; year < 2004; year++ {
		for month := time.January; month <= time.December; month++ {
			from := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
			if d := p.After(from).Sub(from); least == 0 || d < least {
				least = d
			}
		}
	}
	return least
}
