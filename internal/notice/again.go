package notice

import (
	"fmt"
	"slices"

	"github.com/temoin/temoin/internal/wording"
	"github.com/temoin/temoin/policy"
)

// mostAgain bounds of how many categories every set is made. Above it there are the
// sets that single versions yield, and the one of all.
const mostAgain = 5

// againSets returns the sets of categories about which a visitor may be asked again
// who chose under earlier versions: about each category under another one, where
// they had already been asked again about some.
func againSets(site *policy.Site, earlier []*policy.Site) [][]*policy.Category {
	var all uint64
	masks := map[uint64]bool{}
	for _, old := range earlier {
		var mask uint64
		for _, k := range site.Categories {
			if asksSince(site, old, k) && k.Index < 63 {
				mask |= bit(k)
			}
		}
		all |= mask
		masks[mask] = true
	}
	masks[all] = true
	var members []*policy.Category
	for _, k := range site.Categories {
		if k.Index < 63 && all&bit(k) != 0 {
			members = append(members, k)
		}
	}
	if len(members) <= mostAgain {
		for i := range 1 << len(members) {
			var mask uint64
			for j, k := range members {
				if i&(1<<j) != 0 {
					mask |= bit(k)
				}
			}
			masks[mask] = true
		}
	}
	delete(masks, 0)
	var sets [][]*policy.Category
	for mask := range masks {
		sets = append(sets, slices.DeleteFunc(slices.Clone(members), func(k *policy.Category) bool { return mask&bit(k) == 0 }))
	}
	slices.SortFunc(sets, func(a, b []*policy.Category) int {
		return slices.CompareFunc(a, b, func(x, y *policy.Category) int { return x.Index - y.Index })
	})
	return sets
}

// asksSince reports whether a choice made under an earlier version leaves a category
// to be asked about.
func asksSince(site, old *policy.Site, k *policy.Category) bool {
	if !k.NeedsConsent() || !k.InUse() || old.Choice.Cookie != site.Choice.Cookie || old.ID != site.ID {
		return false
	}
	before := old.Category(k.ID)
	return before == nil || !before.NeedsConsent() || !k.Honours(before.Fingerprint().Short())
}

// changes says of each category why it is asked about again: what came to it since the
// newest version whose choices do not cover it.
func (c *compiler) changes(set []*policy.Category, earlier []*policy.Site) (map[string][]wording.Line, error) {
	out := map[string][]wording.Line{}
	for _, k := range set {
		for _, old := range slices.Backward(earlier) {
			if !asksSince(c.site, old, k) {
				continue
			}
			since, err := c.Since(old)
			if err != nil {
				return nil, fmt.Errorf("the changes since version %q: %w", old.Policy.Version, err)
			}
			for _, ch := range c.diff(old).Changes {
				if line := since.Change(ch); ch.Ask && ch.Category == k.ID && !line.IsZero() {
					out[k.ID] = append(out[k.ID], line)
				}
			}
			break
		}
	}
	return out, nil
}

// diff compares with an earlier version, once.
func (c *compiler) diff(old *policy.Site) *policy.Diff {
	d, ok := c.diffs[old]
	if !ok {
		d = policy.Compare(old, c.site)
		c.diffs[old] = d
	}
	return d
}
