package policy

// A PromiseKind says who can tell whether a promise is kept.
type PromiseKind string

const (
	Observable PromiseKind = "observable" // a browser that visits the site
	Measured   PromiseKind = "measured"   // Témoin's own counters and tests
	Attested   PromiseKind = "attested"   // a person, with a document; never shown as proven
)

// A Promise is a commitment of the policy.
type Promise struct {
	Field    string
	ID       string // of a known promise, or the operator's own
	Known    bool   // Témoin knows what it means and how it is checked
	Kind     PromiseKind
	Text     Text     // the operator's words; empty for a known promise said in Témoin's
	Max      Period   // with max-lifetime and answer-time
	Service  string   // the service it speaks of
	Category string   // the category it speaks of
	Attested Evidence // with Attested
	InShort  bool     // shown in the summary at the top of the page
}

// A KnownPromise is one that Témoin has words and a check for.
type KnownPromise struct {
	ID    string
	Kind  PromiseKind
	Needs string // the field without which it says nothing: "max", "service", "category", "category or service" or ""
	Means string // in English, for the reference
}

// KnownPromises lists them, in the order of the reference.
func KnownPromises() []KnownPromise { return append([]KnownPromise(nil), knownPromises...) }

var knownPromises = []KnownPromise{
	{"no-advertising", Observable, "", "No advertising tracker and no advertising host."},
	{"no-social-media", Observable, "", "No tracker of a social network and no request to one."},
	{"no-third-party-analytics", Observable, "", "No third party measures the audience."},
	{"no-pixels", Observable, "", "No tracking pixel in the pages."},
	{"no-third-party-requests", Observable, "", "The pages contact no host but the site's own."},
	{"no-request", Observable, "service", "The pages never contact the hosts of one service."},
	{"first-party-only", Observable, "category", "What a category keeps stays on the site's own domain."},
	{"none-before-choice", Observable, "", "Before a choice only exempt trackers are written."},
	{"none-after-refusal", Observable, "", "After a refusal only exempt trackers are written."},
	{"only-on-use", Observable, "service", "A service is contacted only where its feature is used."},
	{"only-with-consent", Observable, "category or service", "What needs consent in a category, or a service, is not used before it."},
	{"no-audience-identifier", Observable, "", "Audience measurement sets no identifier in the browser."},
	{"max-lifetime", Observable, "max", "No tracker (of a category, or of a service, where one is named) is kept longer than a period."},
	{"future-consent", Observable, "", "A tracker added later that is not exempt will be asked about first."},
	{"refuse-as-easy", Observable, "", "Refusing takes as many actions as accepting."},
	{"withdraw-as-easy", Measured, "", "Withdrawing takes as many actions as giving."},
	{"immediate-effect", Measured, "", "A choice takes effect at once."},
	{"same-conditions", Measured, "", "Other storage is governed like cookies."},
	{"answer-time", Measured, "max", "Questions and requests are answered within a period."},
	{"statistics-from-logs", Measured, "", "Usage statistics come from server logs."},
	{"statistics-aggregated", Measured, "", "Usage statistics are aggregated; small counts are hidden."},
	{"announced-changes", Measured, "", "Substantial changes are announced as the policy says."},
	{"not-for-profiling", Attested, "category", "What a category keeps serves neither profiling nor audience measurement."},
	{"not-shared", Attested, "category", "The data of a category goes to no third party."},
	{"not-cross-referenced", Attested, "category", "The data of a category is not combined with other databases."},
	{"ip-masked", Attested, "service", "A service masks the visitor's IP address."},
	{"no-cookies-in-app", Attested, "", "The native app uses no web cookies."},
}

func promiseIDs() []string {
	ids := make([]string, len(knownPromises))
	for i, k := range knownPromises {
		ids[i] = k.ID
	}
	return ids
}

// knownPromise returns the known promise with that id.
func knownPromise(id string) (KnownPromise, bool) {
	for _, k := range knownPromises {
		if k.ID == id {
			return k, true
		}
	}
	return KnownPromise{}, false
}

func (p *Promise) shape() shape {
	return either(knownID(&p.ID, false, promiseIDs), nil, object("promise", "a promise", &p.Field,
		must("id", knownID(&p.ID, true, promiseIDs), "The id of a known promise, or one of your own.", "no-advertising").or("promise"),
		may("text", words(&p.Text), "Your words; a known promise may leave them to Témoin.", "{en: We never show advertising.}"),
		may("kind", oneOf(&p.Kind, Observable, Measured, Attested), "For a promise of your own: who can tell whether it is kept.", "attested"),
		may("max", period(&p.Max), "With max-lifetime and answer-time: the period.", "13 months").or("value"),
		may("service", id(&p.Service), "The service it speaks of.", "google-analytics"),
		may("category", id(&p.Category), "The category it speaks of.", "essential"),
		may("attested", p.Attested.shape(), "For an attested promise: who says so, since when, where it is written, when it is looked at again.", "{by: Data protection officer, date: 2026-03-01, document: https://example.com/audit.pdf, review: 2027-03-01}").or("evidence"),
		may("in_short", yes(&p.InShort), "true: shown in the summary at the top of the page.", "true"),
	))
}
