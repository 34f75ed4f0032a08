package policy

// A Ground says whether what belongs to a category may be used without asking.
type Ground string

const (
	GroundExempt  Ground = "exempt"  // without consent
	GroundConsent Ground = "consent" // with consent only
	GroundUnused  Ground = "unused"  // never: a promise
)

// A Category is what a visitor decides on.
type Category struct {
	Field   string // "categories.analytics"
	ID      string // "analytics"
	Index   int    // its place in Site.Categories
	Title   Text
	Purpose Text
	Ground  Ground
	// What follows from each decision, told to the visitor before it.
	IfAccepted, IfRefused, IfBlocked Text
	Benefits                         Text  // what it makes possible, a list introduced by the page
	Basis                            Basis // for what is done with the data afterwards
	BasisNote                        Text  // the operator's own words on the legal basis
	Profiling                        bool
	Optional                         bool // the page calls it "not essential"
	Advertising                      bool // refused by Sec-GPC: 1, promised absent by no-advertising
	Revision                         int  // raised by hand to ask everybody again

	Trackers []*Tracker // in the order of the page
	Services []*Service

	fingerprint    Fingerprint
	inUse          bool
	honours        []uint32
	refusals       []uint32 // of versions in which nothing was in use
	exempt, unused bool
	needs          string
}

// NeedsConsent reports whether visitors are asked about the category.
func (c *Category) NeedsConsent() bool { return c.Ground == GroundConsent }

// InUse reports whether anything in the category depends on consent today. A
// yes to a category that is not in use is a preference, never consent.
func (c *Category) InUse() bool { return c.inUse }

// dependsOnConsent is what InUse says, found out once.
func (c *Category) dependsOnConsent() bool {
	if !c.NeedsConsent() {
		return false
	}
	for _, t := range c.Trackers {
		if !t.Exempt() {
			return true
		}
	}
	for _, s := range c.Services {
		if s.Loads == LoadsOnConsent {
			return true
		}
	}
	return false
}

func (c *Category) shape(id string) shape {
	c.ID = id
	return object("category", "a category", &c.Field,
		may("title", words(&c.Title), "What visitors see as its name.", "{en: Audience measurement, fr: Mesure d'audience}").or("name", "label"),
		may("purpose", words(&c.Purpose), "What it is for, in one plain sentence.", "{en: We count visits to improve the site.}").or("description"),
		may("exempt", yes(&c.exempt), "true: strictly necessary, never asked about.", "true").or("required", "necessary", "locked"),
		may("needs", oneOf(&c.needs, "consent"), "consent: nothing of it before the visitor says yes.", "consent").or("consent"),
		may("unused", yes(&c.unused), "true: declared as never used, a promise that the audit checks.", "true"),
		may("benefits", words(&c.Benefits), "What it makes possible, each thing on a line of its own.", "{en: signing in}"),
		may("accepted", words(&c.IfAccepted), "What happens when the visitor accepts.", "{en: Your visits are counted.}"),
		may("refused", words(&c.IfRefused), "What happens when the visitor refuses.", "{en: Nothing changes on the site.}"),
		may("blocked", words(&c.IfBlocked), "What happens when the visitor blocks or deletes it in the browser.", "{en: You cannot sign in.}"),
		may("basis", oneOf(&c.Basis, BasisConsent, BasisContract, BasisLegalObligation, BasisLegitimateInterest), "The legal basis (GDPR art. 6) for what you do with the data afterwards.", "consent"),
		may("basis_note", words(&c.BasisNote), "Your own words on the legal basis, printed as they stand.", "{en: These cookies are set only after you agree.}"),
		may("profiling", yes(&c.Profiling), "true: it serves to evaluate or predict what a person does or likes.", "true"),
		may("optional", yes(&c.Optional), "true: the page tells visitors that it is not essential.", "true"),
		may("advertising", yes(&c.Advertising), "true: it serves advertising or sharing with advertisers. Browsers that send Global Privacy Control refuse it.", "true"),
		may("revision", number(&c.Revision, 0, 1<<20), "Raise it to ask every visitor again although nothing else changed.", "1"),
	)
}
