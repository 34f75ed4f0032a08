package policy

import "slices"

// What follows from a manifest without being written in it.

// Jurisdictions returns the countries whose rules hold for the site: where its
// controller is established, whom it addresses, whose authority it names. The
// French territories in which French law holds as in Paris count as FR. None
// means that nothing in the manifest tells.
func (s *Site) Jurisdictions() []string {
	countries := slices.Clone(s.Public.Countries)
	if c := s.Controller.Country; c != "" {
		countries = append(countries, c)
	}
	for _, a := range authorities {
		if a.id == s.Authority.ID {
			countries = append(countries, a.country)
		}
	}
	var js []string
	for _, c := range countries {
		if inCodes(overseasCodes, c) {
			c = "FR"
		}
		if !slices.Contains(js, c) {
			js = append(js, c)
		}
	}
	return js
}

// UnderFrenchLaw reports whether a country is France, or a territory in which
// its law holds as it does in Paris.
func UnderFrenchLaw(country string) bool { return country == "FR" || inCodes(overseasCodes, country) }

// RightsDue returns the rights that visitors have because of the legal bases
// that the site rests on: what the page lists where the manifest lists none.
func (s *Site) RightsDue() []Right {
	rights := []Right{RightAccess, RightRectification, RightErasure, RightRestriction}
	consent := slices.ContainsFunc(s.Categories, (*Category).NeedsConsent)
	if consent || s.restsOn(BasisConsent) || s.restsOn(BasisContract) {
		rights = append(rights, RightPortability)
	}
	if consent {
		rights = append(rights, RightWithdraw)
	}
	if s.restsOn(BasisLegitimateInterest) {
		rights = append(rights, RightObjection)
	}
	if slices.Contains(s.Jurisdictions(), "FR") {
		rights = append(rights, RightAfterDeath)
	}
	return rights
}

// restsOn reports whether anything is done with data on that legal basis.
func (s *Site) restsOn(basis Basis) bool {
	return slices.ContainsFunc(s.Records, func(r Record) bool { return r.Basis == basis }) ||
		slices.ContainsFunc(s.Categories, func(c *Category) bool { return c.Basis == basis }) ||
		slices.ContainsFunc(s.Trackers, func(t *Tracker) bool { return t.Basis == basis })
}

// NoticeMode returns what the first layer is for: what the manifest says, else
// consent where something depends on it, preconfigure where there are only
// categories for later, information where nobody is asked about anything.
func (s *Site) NoticeMode() NoticeMode {
	switch {
	case s.Notice.Mode != "":
		return s.Notice.Mode
	case slices.ContainsFunc(s.Categories, (*Category).InUse):
		return NoticeConsent
	case slices.ContainsFunc(s.Categories, (*Category).NeedsConsent):
		return NoticePreconfigure
	}
	return NoticeInformation
}

// Reopenings returns where preferences are opened again: what the manifest
// says, else a button on every page.
func (s *Site) Reopenings() []Reopening {
	if len(s.Choice.Reopen) > 0 {
		return s.Choice.Reopen
	}
	return []Reopening{{Where: "button"}}
}
