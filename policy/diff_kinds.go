package policy

import (
	"slices"
	"strings"
)

// A ChangeKind says what kind of change it is: which sentence tells of it, and
// which parts of the Change it is made of. Where a kind is about a category or
// something in it, that is Change.Names if there are any, else the category.
type ChangeKind string

const (
	ChangeNew   ChangeKind = "new"   // a field: New, not said before
	ChangeGone  ChangeKind = "gone"  // a field: no longer said, it was Old
	ChangeValue ChangeKind = "value" // a field: New instead of Old
	ChangeOrder ChangeKind = "order" // a list: the same in another order

	ChangeCategoryNew     ChangeKind = "category-new"     // New is its ground
	ChangeCategoryGone    ChangeKind = "category-gone"    // Old was its ground
	ChangeGround          ChangeKind = "ground"           // of a category, or of trackers: from Old to New
	ChangeAsker           ChangeKind = "asker"            // another controller asks: New instead of Old
	ChangePurpose         ChangeKind = "purpose"          // of a category, a service or a tracker
	ChangePurposeReworded ChangeKind = "purpose-reworded" // the same, in other words, as the history says
	ChangeRevision        ChangeKind = "revision"
	ChangeProfiling       ChangeKind = "profiling" // a category or a service serves it
	ChangeProfilingGone   ChangeKind = "profiling-gone"
	ChangeAdvertising     ChangeKind = "advertising"
	ChangeAdvertisingGone ChangeKind = "advertising-gone"

	ChangeTrackerNew    ChangeKind = "tracker-new" // Names; New is their ground
	ChangeTrackerGone   ChangeKind = "tracker-gone"
	ChangeKeptLonger    ChangeKind = "kept-longer"    // Names: New instead of Old, "" where none was said
	ChangeKeptShorter   ChangeKind = "kept-shorter"   // Names: New instead of Old
	ChangeKeptOtherwise ChangeKind = "kept-otherwise" // Names: New instead of Old
	ChangeSliding       ChangeKind = "sliding"        // Names: each visit begins the lifetime anew
	ChangeSlidingGone   ChangeKind = "sliding-gone"
	ChangeStorage       ChangeKind = "storage" // Names: kept in New instead of Old
	ChangeParty         ChangeKind = "party"   // Names: New instead of Old
	ChangeOwner         ChangeKind = "owner"   // Names: set by the service New instead of Old, "" for the site itself

	ChangeServiceNew    ChangeKind = "service-new" // Names; New is when it is contacted
	ChangeServiceGone   ChangeKind = "service-gone"
	ChangeMoved         ChangeKind = "moved"         // a service or a tracker: from the category Old to New
	ChangeLoads         ChangeKind = "loads"         // Names: contacted New, no longer Old
	ChangeRecipientNew  ChangeKind = "recipient-new" // the service passes data to Names
	ChangeRecipientGone ChangeKind = "recipient-gone"
	ChangeCountry       ChangeKind = "country"  // of a recipient, Names: New instead of Old
	ChangeTransfer      ChangeKind = "transfer" // to a recipient, Names: the mechanism New instead of Old
	ChangeHostNew       ChangeKind = "host-new" // the service is reached at Names
	ChangeHostGone      ChangeKind = "host-gone"
	ChangeSends         ChangeKind = "sends" // the service, Names, receives other data

	ChangePromiseNew  ChangeKind = "promise-new" // Names is its id; New its period, if it has one
	ChangePromiseGone ChangeKind = "promise-gone"

	ChangeTextNew      ChangeKind = "text-new"     // What, in Langs
	ChangeTextGone     ChangeKind = "text-gone"    // What, in Langs
	ChangeTextChanged  ChangeKind = "text-changed" // What, in Langs: worded otherwise
	ChangeTranslated   ChangeKind = "translated"   // New texts are in Langs, a new language of the site
	ChangeUntranslated ChangeKind = "untranslated" // Old texts were in Langs, no longer a language of the site
)

// ChangeKinds lists them all.
func ChangeKinds() []ChangeKind {
	kinds := make([]ChangeKind, 0, len(sentences))
	for k := range sentences {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	return kinds
}

// ChangedFields lists the words that Change.What can be.
func ChangedFields() []string {
	var words []string
	add := func(what string) {
		if what != "" && !slices.Contains(words, what) {
			words = append(words, what)
		}
	}
	for _, t := range siteTerms {
		add(t.what)
	}
	for _, t := range categoryTerms {
		add(t.what)
	}
	for _, t := range serviceTerms {
		add(t.what)
	}
	for _, t := range trackerTerms {
		add(t.what)
	}
	for _, w := range weights {
		add(w.what)
	}
	for _, what := range []string{"lasts", "promise-max", "service-hosts", "tracker-name"} {
		add(what)
	}
	return words
}

// joins reports whether two changes of that kind are told in one sentence.
func (k ChangeKind) joins() bool {
	switch k {
	case ChangeTrackerNew, ChangeTrackerGone, ChangeRecipientNew, ChangeRecipientGone, ChangeHostNew, ChangeHostGone:
		return true
	}
	return false
}

// A ValueType says what Change.Old and Change.New are.
type ValueType string

const (
	TypeAny       ValueType = ""         // as it stands, or nothing
	TypeYes       ValueType = "yes"      // "true", "false"
	TypeNumber    ValueType = "number"   // "12"
	TypeDate      ValueType = "date"     // "2026-05-20"
	TypePeriod    ValueType = "period"   // "13 months"
	TypeLifetime  ValueType = "lifetime" // "remember-me: 30 days, otherwise: session"
	TypeGround    ValueType = "ground"   // a Ground
	TypeCategory  ValueType = "category" // the id of one
	TypeService   ValueType = "service"  // the id of one
	TypeLoads     ValueType = "loads"
	TypeCountry   ValueType = "country" // ISO 3166 codes
	TypeMechanism ValueType = "mechanism"
	TypeStorage   ValueType = "storage"
	TypeParty     ValueType = "party"
	TypeRole      ValueType = "role"
	TypeBasis     ValueType = "basis"
	TypeRights    ValueType = "rights"
	TypeChannels  ValueType = "channels"
	TypeLanguages ValueType = "languages" // BCP 47 tags
	TypeScope     ValueType = "scope"     // a ChoiceScope
	TypeDomain    ValueType = "domain"    // "host" or "registrable"
	TypeSource    ValueType = "source"    // of the audience's figures: "logs" or "pages"
)

// sentences tell of a change in English, for the operator.
var sentences = map[ChangeKind]string{
	ChangeNew:             "{what}: {new}, which was not said before",
	ChangeGone:            "{what}: no longer said (it was {old})",
	ChangeValue:           "{what}: {new} instead of {old}",
	ChangeOrder:           "{what}: in another order",
	ChangeCategoryNew:     "{category} is new ({new})",
	ChangeCategoryGone:    "{category} is gone",
	ChangeGround:          "{subject} changes from {old} to {new}",
	ChangeAsker:           "{category} is now asked by another controller",
	ChangePurpose:         "{subject} has another purpose{langs}",
	ChangePurposeReworded: "the purpose of {subject} is reworded{langs}",
	ChangeRevision:        "{category} is marked to be asked again",
	ChangeProfiling:       "{subject} now serves profiling",
	ChangeProfilingGone:   "{subject} no longer serves profiling",
	ChangeAdvertising:     "{subject} now serves advertising",
	ChangeAdvertisingGone: "{subject} no longer serves advertising",
	ChangeTrackerNew:      "{category} gains the {exempt}tracker{s} {names}",
	ChangeTrackerGone:     "{category} loses the {exempt}tracker{s} {names}",
	ChangeKeptLonger:      "{names} is kept longer: {new} instead of {old}",
	ChangeKeptShorter:     "{names} is kept for a shorter time: {new} instead of {old}",
	ChangeKeptOtherwise:   "{names} is kept {new} instead of {old}",
	ChangeSliding:         "{names} is kept longer: each visit now begins its lifetime anew",
	ChangeSlidingGone:     "{names} is kept for a shorter time: visits no longer begin its lifetime anew",
	ChangeStorage:         "{names} is kept as {new} instead of {old}",
	ChangeParty:           "{names} is now of the {new} party instead of the {old}",
	ChangeOwner:           "{names} is now set by {new} instead of {old}",
	ChangeServiceNew:      "{category} gains the service {names}, contacted {new}",
	ChangeServiceGone:     "{category} loses the service {names}",
	ChangeMoved:           "{names} moves from category {old} to {new}",
	ChangeLoads:           "the service {names} is now contacted {new} instead of {old}",
	ChangeRecipientNew:    "{category} gains the recipient{s} {names}, through {service}",
	ChangeRecipientGone:   "{category} loses the recipient{s} {names}, through {service}",
	ChangeCountry:         "{names}, which receives data through {service}, is now in {new} instead of {old}",
	ChangeTransfer:        "the transfer to {names}, through {service}, now rests on {new} instead of {old}",
	ChangeHostNew:         "{service} is now contacted at {names} too",
	ChangeHostGone:        "{service} is no longer contacted at {names}",
	ChangeSends:           "{names} now receives other data{langs}",
	ChangePromiseNew:      "the promise {promise} is new",
	ChangePromiseGone:     "the promise {promise} is gone",
	ChangeTextNew:         "{what}{langs} is new",
	ChangeTextGone:        "{what}{langs} is gone",
	ChangeTextChanged:     "{what}{langs} is worded otherwise",
	ChangeTranslated:      "texts{langs}, a new language: {new}",
	ChangeUntranslated:    "texts{langs}, no longer a language of the site: {old}",
}

// fieldNames name fields in English, by Change.What. "{of}" says whose it is.
var fieldNames = map[string]string{
	"version": "the version", "updated": "the date of last change", "effective": "the date from which it applies",
	"announce": "how changes are announced", "announced-before": "how long before changes are announced",
	"address": "the address of the site", "hosts": "the hosts", "languages": "the languages",
	"site": "the id of the site", "site-name": "the name of the site",
	"controller": "the controller", "controller-country": "the controller's country", "siren": "the controller's company number",
	"dpo": "the data protection officer's address", "answer-time": "the promised answer time",
	"authority": "the authority for complaints", "authority-complaint": "the authority's page for complaints",
	"minors": "whether minors use the site", "rights": "the rights", "basis": "the legal basis{of}", "role": "the role{of}",
	"choice-lasts": "the time that a choice is kept", "choice-scope": "the reach of a choice", "choice-cookie": "the name of the choice cookie",
	"choice-domain": "the domain of a choice", "reopen": "the place to change a choice{named}",
	"proof-kept": "the time that the proof is kept", "logs-kept": "the time that logs are kept",
	"requests-kept": "the time that requests are kept", "reports-kept": "the time that reports are kept", "mail-kept": "the time that messages are kept",
	"audience-source": "the source of audience measurement", "audience-kept": "the time that statistics are kept",
	"audience-purposes": "the purposes of audience measurement", "hosted-by": "the host", "hosted-by-country": "the host's country",
	"lasts": "the lifetime{of}", "promise-max": "the period of the promise{of}", "law": "the legal texts", "law-text": "the legal text{named}", "trusted-host": "the trusted host{named}",
	"contact-whole": "the contact{named}", "contact": "the e-mail address of the contact{named}", "contact-form": "the form of the contact{named}",
	"contact-address": "the postal address of the contact{named}", "contact-phone": "the telephone number of the contact{named}",
	"transfer": "what permits the transfer to the host", "tracker-also": "the other keys{of}", "tracker-name": "the name{of}", "service-hosts": "the hosts{of}",
	"text-title": "the title{of}", "text-purpose": "the purpose{of}", "text-accepted": "the text for an acceptance{of}",
	"text-refused": "the text for a refusal{of}", "text-blocked": "the text for a blocked or deleted tracker{of}",
	"text-benefits": "the benefits{of}", "text-basis": "the note on the legal basis{of}", "text-label": "the name{of}",
	"text-because": "the explanation{of}", "text-act": "the visitor's act{of}", "text-content": "the content{of}", "text-sends": "the data sent{of}",
	"text-page-title": "the title of the page", "text-section-title": "the heading of section {name}", "text-section-intro": "the introduction of section {name}",
	"text-section-note": "the note of section {name}", "text-section": "the text of section {name}", "text-minors": "the text for minors",
	"text-promise": "the promise {name}", "text-notice": "the first sentence of the notice",
}

// things are fields that stand for something of their own: it comes and goes, and
// its parts need not be repeated.
var things = []string{"law-text", "trusted-host", "reopen", "contact-whole"}

// sentence is what tells of the change, where its parts ask for another one than
// its kind does.
func (c Change) sentence() string {
	const of = "{names}, which receives data through {service}, "
	switch {
	case c.Kind == ChangeNew && len(c.Names) > 0 && slices.Contains(things, c.What):
		return "{what} is new"
	case c.Kind == ChangeGone && len(c.Names) > 0 && slices.Contains(things, c.What):
		return "{what} is gone"
	case c.Kind == ChangeValue && c.What == "service-hosts":
		return "{service} is now only contacted at {new} instead of {old}"
	case c.Kind == ChangeValue && c.What == "tracker-name":
		return "{new} takes the place of {old}"
	case c.Kind == ChangeCountry && c.Old == "":
		return of + "is in {new}, which was not said before"
	case c.Kind == ChangeCountry && c.New == "":
		return of + "is in a country that is no longer said (it was {old})"
	case c.Kind == ChangeTransfer && c.Old == "":
		return "the transfer to {names}, through {service}, rests on {new}, which was not said before"
	case c.Kind == ChangeTransfer && c.New == "":
		return "what the transfer to {names}, through {service}, rests on is no longer said (it was {old})"
	case c.Ask && c.Category == "":
		return sentences[c.Kind] + "; choices made before are no longer read"
	}
	return sentences[c.Kind]
}

// String tells of the change in English: a sentence without its full stop.
func (c Change) String() string {
	category := `category "` + c.Category + `"`
	names := strings.Join(c.Names, ", ")
	subject := names
	if subject == "" {
		subject = category
	}
	langs, plural, exempt := "", "", ""
	if len(c.Langs) > 0 {
		langs = " (" + strings.Join(c.Langs, ", ") + ")"
	}
	if len(c.Names) > 1 {
		plural = "s"
	}
	if c.Old+c.New == string(GroundExempt) {
		exempt = "exempt "
	}
	return Visible(strings.NewReplacer(
		"{what}", c.what(), "{category}", category, "{subject}", subject, "{names}", names, "{service}", c.Service,
		"{promise}", c.promise(), "{old}", c.printed(c.Old), "{new}", c.printed(c.New), "{langs}", langs, "{s}", plural, "{exempt}", exempt,
	).Replace(c.sentence()))
}

// what names the field in English: by its path where it has no name.
func (c Change) what() string {
	of, named := "", ""
	switch {
	case len(c.Names) > 0:
		of, named = " of "+strings.Join(c.Names, ", "), " “"+strings.Join(c.Names, ", ")+"”"
	case c.Category != "":
		of = ` of category "` + c.Category + `"`
	}
	name, ok := fieldNames[c.What]
	if !ok {
		name = c.Field
		if names := strings.Join(c.Names, ", "); names != "" && !strings.HasSuffix(name, "."+names) {
			name += " (" + names + ")"
		}
	}
	return strings.NewReplacer("{of}", of, "{named}", named, "{name}", strings.Join(c.Names, ", ")).Replace(name)
}

// promise names a promise as the manifest writes it.
func (c Change) promise() string {
	parts := slices.Clone(c.Names)
	for _, s := range []string{c.Service, c.Category, c.Old + c.New} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " ")
}

func (c Change) printed(value string) string {
	switch {
	case value == "" && c.Type == TypeLifetime:
		return "an undeclared time"
	case value == "" && c.Type == TypeService:
		return "the site itself"
	case value == "":
		return "nothing said"
	}
	const most = 200 // a list in which one word differs is worth reading
	if r := []rune(value); len(r) > most {
		return string(r[:most]) + "…"
	}
	return strings.Join(strings.Fields(value), " ")
}
