package policy

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

const diffBase = `temoin: 1
site: a
name: A
url: https://www.a.example
languages: [fr, en]
controller: {name: A SAS, siren: 732 829 320, country: FR}
contact:
  dpo: {email: dpo@a.example, answers_within: 72 hours}
  general: {email: hello@a.example, answers_within: 1 month}
authority: cnil
public: {minors: none}
policy: {version: "2", announce: [banner, email], history: [{version: "1", date: 2026-01-01}]}
choice: {lasts: 6 months, reopen: [{where: button}, {where: link, path: /privacy}]}
categories:
  necessary: {exempt: true, purpose: {fr: Fait marcher le site., en: Runs the site.}}
  analytics:
    needs: consent
    title: {fr: Audience, en: Audience}
    purpose: {fr: Compte les visites., en: Counts visits.}
    accepted: {fr: Vos visites sont comptées., en: Your visits are counted.}
    refused: {fr: Rien ne change., en: Nothing changes.}
  ads: {needs: consent, profiling: true, advertising: true, revision: 2, purpose: {fr: Publicité., en: Advertising.}}
trackers:
  - {name: session, category: necessary, lasts: {remember-me: 30 days, otherwise: session}, same_site: Lax, secure: true}
  - {name: visits, category: analytics, lasts: 12 months, purpose: {fr: Vous compte., en: Counts you.}}
  - {name: theme_ab, category: analytics, lasts: {remember-me: 30 days, otherwise: session}}
services:
  - id: meter
    name: Meter
    category: analytics
    provider: {name: Meter SA, country: FR}
    recipients: [{name: Meter Inc., country: US, transfer: dpf}]
    role: processor
    hosts: [a.meter.example]
    purpose: {fr: Mesure., en: Measures.}
    sends: {fr: votre adresse IP, en: your IP address}
    trackers: [{name: _m, lasts: 1 year, purpose: {fr: Vous numérote., en: Numbers you.}}]
  - {use: stripe, category: necessary, loads: on-use, paths: [/pay]}
promises: [no-advertising, {id: max-lifetime, max: 13 months}]
trusted_hosts: [{host: img.example.net, because: images}]
audience: {source: logs, purposes: [performance]}
logs: {kept: 6 months}
records: {requests: 5 years}
proof: {kept: 5 years after expiry}
hosted_by: {name: OVH SAS, country: FR}
links: {privacy: /privacy, legal: /legal}
law: [eu-gdpr, fr-lil]
rights: [access, erasure]
`

// what a change is expected to be.
type expected struct {
	kind        ChangeKind
	what        string // the word of the field, where there is one
	substantial bool
	ask         bool
}

func TestEveryChangeIsToldAsWhatItIs(t *testing.T) {
	const editorial, substantial, ask, askAll = "editorial", "substantial", "ask", "ask about everything"
	old := parse(t, diffBase)
	for _, c := range []struct {
		name string
		edit []string
		kind ChangeKind
		what string
		as   string // editorial, substantial, ask, or askAll
		says string // "" where the sentence is tested elsewhere
	}{
		// Told less, promised less, kept longer, sent further.
		{"the authority is gone", []string{"authority: cnil\n", ""}, ChangeGone, "authority", substantial, "the authority for complaints: no longer said (it was cnil)"},
		{"minors are addressed", []string{"minors: none", "minors: targeted"}, ChangeValue, "minors", substantial, "whether minors use the site: targeted instead of none"},
		{"answers take longer", []string{"answers_within: 1 month", "answers_within: 3 months"}, ChangeValue, "answer-time", substantial, "the promised answer time: 3 months instead of 1 month"},
		{"answers take less long", []string{"answers_within: 72 hours", "answers_within: 48 hours"}, ChangeValue, "answer-time", editorial, ""},
		{"an answer time is withdrawn", []string{", answers_within: 1 month", ""}, ChangeGone, "answer-time", substantial, ""},
		{"a contact is gone", []string{"  general: {email: hello@a.example, answers_within: 1 month}\n", ""}, ChangeGone, "contact", substantial, ""},
		{"a contact's address changes", []string{"hello@a", "bonjour@a"}, ChangeValue, "contact", editorial, ""},
		{"a right is dropped", []string{"[access, erasure]", "[access]"}, ChangeValue, "rights", substantial, "the rights: access instead of access, erasure"},
		{"a right is added", []string{"[access, erasure]", "[access, erasure, portability]"}, ChangeValue, "rights", editorial, ""},
		{"rights in another order", []string{"[access, erasure]", "[erasure, access]"}, ChangeOrder, "rights", editorial, "the rights: in another order"},
		{"a legal basis is claimed", []string{"    needs: consent\n", "    needs: consent\n    basis: legitimate-interest\n"}, ChangeNew, "basis", substantial, `the legal basis of category "analytics": legitimate-interest, which was not said before`},
		{"another transfer mechanism", []string{"transfer: dpf", "transfer: {mechanism: scc, module: 2}"}, ChangeTransfer, "", substantial, "the transfer to Meter Inc., through meter, now rests on scc instead of dpf"},
		{"another role", []string{"role: processor", "role: controller"}, ChangeValue, "role", substantial, "the role of Meter: controller instead of processor"},
		{"another kind of service", []string{"    role: processor", "    kind: analytics\n    role: processor"}, ChangeNew, "service-kind", editorial, ""},
		{"statistics serve more", []string{"[performance]", "[performance, campaigns]"}, ChangeValue, "audience-purposes", substantial, ""},
		{"requests are kept longer", []string{"requests: 5 years", "requests: 6 years"}, ChangeValue, "requests-kept", substantial, ""},
		{"the proof is kept longer", []string{"5 years after", "6 years after"}, ChangeValue, "proof-kept", substantial, ""},
		{"logs are kept longer", []string{"logs: {kept: 6 months}", "logs: {kept: 12 months}"}, ChangeValue, "logs-kept", substantial, "the time that logs are kept: 12 months instead of 6 months"},
		{"logs are kept less long", []string{"logs: {kept: 6 months}", "logs: {kept: 3 months}"}, ChangeValue, "logs-kept", editorial, ""},
		{"a trusted host more", []string{"because: images}", "because: images}, {host: b.example.net, because: more}"}, ChangeNew, "trusted-host", substantial, ""},
		{"a trusted host less", []string{"trusted_hosts: [{host: img.example.net, because: images}]\n", ""}, ChangeGone, "", editorial, ""},
		{"another law", []string{"[eu-gdpr, fr-lil]", "[eu-gdpr]"}, ChangeValue, "law", editorial, ""},
		{"the privacy policy is gone", []string{"privacy: /privacy, ", ""}, ChangeGone, "privacy-policy", substantial, ""},
		{"another legal notice", []string{"legal: /legal", "legal: /mentions"}, ChangeValue, "legal-notice", editorial, ""},
		{"a place to change a choice is gone", []string{", {where: link, path: /privacy}", ""}, ChangeGone, "reopen", substantial, ""},
		{"a choice is kept longer", []string{"lasts: 6 months, reopen", "lasts: 12 months, reopen"}, ChangeValue, "choice-lasts", substantial, ""},
		{"a choice reaches further", []string{"choice: {", "choice: {domain: registrable, "}, ChangeValue, "choice-domain", substantial, ""},
		{"a cookie reaches further", []string{"same_site: Lax, secure", "same_site: Lax, domain: a.example, secure"}, ChangeNew, "cookie-domain", substantial, ""},
		{"SameSite is loosened", []string{"same_site: Lax", "same_site: None"}, ChangeValue, "same-site", substantial, ""},
		{"SameSite is tightened", []string{"same_site: Lax", "same_site: Strict"}, ChangeValue, "same-site", editorial, ""},
		{"Secure is dropped", []string{", secure: true", ""}, ChangeGone, "secure", substantial, ""},
		{"another domain", []string{"https://www.a.example", "https://www.b.example"}, ChangeValue, "address", substantial, "the address of the site: https://www.b.example instead of https://www.a.example"},
		{"another host of the domain", []string{"https://www.a.example", "https://a.example"}, ChangeValue, "address", editorial, ""},
		{"the site's name", []string{"name: A\n", "name: B\n"}, ChangeValue, "site-name", editorial, ""},
		{"the site's id", []string{"site: a\n", "site: b\n"}, ChangeValue, "site", askAll, "the id of the site: b instead of a; choices made before are no longer read"},
		{"the host moves out of the EEA", []string{"{name: OVH SAS, country: FR}", "{name: AWS Inc., country: US}"}, ChangeValue, "hosted-by-country", substantial, "the host's country: US instead of FR"},
		{"another host", []string{"OVH SAS", "Scaleway SAS"}, ChangeValue, "hosted-by", substantial, ""},
		{"another channel", []string{"[banner, email]", "[banner]"}, ChangeValue, "announce", substantial, "how changes are announced: banner instead of banner, email"},
		{"a language more", []string{"[fr, en]", "[fr, en, de]"}, ChangeValue, "languages", editorial, "the languages: fr, en, de instead of fr, en"},
		{"a language less", []string{"[fr, en]", "[fr]"}, ChangeValue, "languages", substantial, ""},
		{"languages in another order", []string{"[fr, en]", "[en, fr]"}, ChangeOrder, "languages", editorial, "the languages: in another order"},
		{"a promise is withdrawn", []string{"[no-advertising, ", "["}, ChangePromiseGone, "", substantial, "the promise no-advertising is gone"},
		{"a promise is made", []string{"[no-advertising, ", "[no-advertising, no-pixels, "}, ChangePromiseNew, "", editorial, "the promise no-pixels is new"},
		{"a promise is loosened", []string{"max: 13 months", "max: 2 years"}, ChangeValue, "promise-max", substantial, "the period of the promise of max-lifetime: 2 years instead of 13 months"},
		{"a service on use is used on more pages", []string{"[/pay]", "[/pay, /shop]"}, ChangeValue, "paths", substantial, ""},
		{"a new service on use", []string{"promises:", "  - {use: daily, category: necessary, loads: on-use, paths: [/call]}\npromises:"}, ChangeServiceNew, "", substantial, ""},
		{"a new exempt cookie", []string{"services:\n", "  - {name: cart, category: necessary}\nservices:\n"}, ChangeTrackerNew, "", substantial, `category "necessary" gains the exempt tracker cart`},
		{"the same time in other words", []string{"requests: 5 years", "requests: 60 months"}, ChangeValue, "requests-kept", editorial, ""},
		{"statistics are kept longer", []string{"source: logs,", "source: logs, kept: 30 months,"}, ChangeValue, "audience-kept", substantial, ""},
		{"statistics from pages", []string{"source: logs", "source: pages"}, ChangeValue, "audience-source", substantial, "the source of audience measurement: pages instead of logs"},
		{"a choice holds in other browsers too", []string{"choice: {", "choice: {scope: account, "}, ChangeValue, "choice-scope", substantial, "the reach of a choice: account instead of device"},
		{"a service that waits for nothing", []string{"    name: Meter\n", "    name: Meter\n    loads: always\n"}, ChangeLoads, "", substantial, "the service Meter is now contacted always instead of on-consent"},
		{"a cookie that waits for nothing", []string{"name: visits, category: analytics", "name: visits, category: necessary"}, ChangeMoved, "", substantial, "visits moves from category analytics to necessary"},
		{"a recipient without consent", []string{"loads: on-use, paths", "recipients: [{name: Bank, country: FR}], loads: on-use, paths"}, ChangeRecipientNew, "", substantial, `category "necessary" gains the recipient Bank, through stripe`},
		{"an exempt purpose", []string{"Runs the site.", "Helps us to run the site."}, ChangePurpose, "", substantial, `category "necessary" has another purpose (en)`},
		{"an exempt cookie lasts longer", []string{"remember-me: 30 days, otherwise: session}, same_site", "remember-me: 30 days, otherwise: 29 days}, same_site"}, ChangeKeptLonger, "", substantial, ""},

		// Texts.
		{"the text for a refusal is gone", []string{"    refused: {fr: Rien ne change., en: Nothing changes.}\n", ""}, ChangeTextGone, "text-refused", substantial, `the text for a refusal of category "analytics" (fr, en) is gone`},
		{"the text for a refusal is gone in one language", []string{", en: Nothing changes.", ""}, ChangeTextGone, "text-refused", substantial, `the text for a refusal of category "analytics" (en) is gone`},
		{"accepted and refused are swapped", []string{"accepted:", "kept:", "refused:", "accepted:", "kept:", "refused:"}, ChangeTextChanged, "text-refused", editorial, `the text for a refusal of category "analytics" (fr, en) is worded otherwise`},
		{"a title", []string{"{fr: Audience, en: Audience}", "{fr: Audience, en: Visits}"}, ChangeTextChanged, "text-title", editorial, `the title of category "analytics" (en) is worded otherwise`},
		{"a full stop", []string{"Counts visits.", "Counts visits"}, ChangeTextChanged, "text-purpose", editorial, `the purpose of category "analytics" (en) is worded otherwise`},
		{"a translation", []string{"en: Counts you.", "en: Counts you., de: Zählt Sie."}, ChangeTextNew, "text-purpose", editorial, "the purpose of visits (de) is new"},

		// Wider consent.
		{"the purpose of a category", []string{"Compte les visites.", "Vous suit."}, ChangePurpose, "", ask, `category "analytics" has another purpose (fr)`},
		{"the purpose in the other language", []string{"Counts visits.", "Follows you."}, ChangePurpose, "", ask, `category "analytics" has another purpose (en)`},
		{"the purpose of a service", []string{"Measures.", "Sells."}, ChangePurpose, "", ask, "Meter has another purpose (en)"},
		{"the purpose of a service's tracker", []string{"Numbers you.", "Names you."}, ChangePurpose, "", ask, "_m has another purpose (en)"},
		{"what a service is sent", []string{"your IP address", "your name"}, ChangeSends, "", ask, "Meter now receives other data (en)"},
		{"a host of a service", []string{"a.meter.example", "b.meter.example"}, ChangeHostNew, "", ask, "meter is now contacted at b.meter.example too"},
		{"a sliding lifetime", []string{"lasts: 12 months", "lasts: 12 months, sliding: true"}, ChangeSliding, "", ask, "visits is kept longer: each visit now begins its lifetime anew"},
		{"a lifetime that only one act keeps short", []string{"otherwise: session}}", "otherwise: 29 days}}"}, ChangeKeptLonger, "", ask, "theme_ab is kept longer: remember-me: 30 days, otherwise: 29 days instead of remember-me: 30 days, otherwise: session"},
		{"a longer lifetime", []string{"lasts: 12 months", "lasts: 13 months"}, ChangeKeptLonger, "", ask, "visits is kept longer: 13 months instead of 12 months"},
		{"a tracker", []string{"services:\n", "  - {name: more, category: analytics, purpose: {fr: Plus., en: More.}}\nservices:\n"}, ChangeTrackerNew, "", ask, `category "analytics" gains the tracker more`},
		{"another storage", []string{"name: theme_ab,", "name: theme_ab, kind: localStorage,"}, ChangeStorage, "", ask, "theme_ab is kept as localStorage instead of cookie"},
		{"another party", []string{"name: theme_ab,", "name: theme_ab, party: third, domain: b.example,"}, ChangeParty, "", ask, "theme_ab is now of the third party instead of the first"},
		{"another owner", []string{"name: theme_ab,", "name: theme_ab, service: meter,"}, ChangeOwner, "", ask, "theme_ab is now set by meter instead of the site itself"},
		{"an exempt cookie waits for consent", []string{"name: session, category: necessary", "name: session, category: analytics"}, ChangeMoved, "", ask, "session moves from category necessary to analytics"},
		{"a recipient", []string{"transfer: dpf}", "transfer: dpf}, {name: X, country: FR}"}, ChangeRecipientNew, "", ask, `category "analytics" gains the recipient X, through meter`},
		{"a recipient's country", []string{"{name: Meter SA, country: FR}", "{name: Meter SA, country: CN}"}, ChangeCountry, "", ask, "Meter SA, which receives data through meter, is now in CN instead of FR"},
		{"a service", []string{"  - {use: stripe", "  - {use: hotjar, category: analytics}\n  - {use: stripe"}, ChangeServiceNew, "", ask, `category "analytics" gains the service Hotjar, contacted on-consent`},
		{"a service that moves", []string{"name: Meter\n    category: analytics", "name: Meter\n    category: ads"}, ChangeMoved, "", ask, "Meter moves from category analytics to ads"},
		{"profiling", []string{"    needs: consent\n", "    needs: consent\n    profiling: true\n"}, ChangeProfiling, "", ask, `category "analytics" now serves profiling`},
		{"advertising", []string{"    needs: consent\n", "    needs: consent\n    advertising: true\n"}, ChangeAdvertising, "", ask, `category "analytics" now serves advertising`},
		{"profiling by a service", []string{"    role: processor", "    profiling: true\n    role: processor"}, ChangeProfiling, "", ask, "Meter now serves profiling"},
		{"a raised revision", []string{"revision: 2", "revision: 3"}, ChangeRevision, "", ask, `category "ads" is marked to be asked again`},
		{"another controller", []string{"732 829 320", "940 163 496"}, ChangeAsker, "", ask, `category "analytics" is now asked by another controller`},
		{"a category", []string{"  ads:", "  third: {needs: consent}\n  ads:"}, ChangeCategoryNew, "", ask, `category "third" is new (consent)`},

		// Narrower, or put right: told, but nobody is asked.
		{"another name of the same company", []string{"name: A SAS", "name: A Group SAS"}, ChangeValue, "controller", substantial, "the controller: A Group SAS instead of A SAS"},
		{"the company number is no longer given", []string{" siren: 732 829 320,", ""}, ChangeGone, "siren", editorial, ""},
		{"no advertising any more", []string{"profiling: true, advertising: true", "profiling: true"}, ChangeAdvertisingGone, "", editorial, `category "ads" no longer serves advertising`},
		{"no profiling any more", []string{"profiling: true, advertising: true", "advertising: true"}, ChangeProfilingGone, "", editorial, `category "ads" no longer serves profiling`},
		{"a lowered revision", []string{"revision: 2", "revision: 1"}, ChangeValue, "", editorial, ""},
		{"a shorter lifetime", []string{"lasts: 12 months", "lasts: 6 months"}, ChangeKeptShorter, "", editorial, ""},
		{"a lifetime that is no longer said", []string{"lasts: 12 months, ", ""}, ChangeGone, "lasts", ask, "the lifetime of visits: no longer said (it was 12 months)"},
		{"the same lifetime in other words", []string{"lasts: 12 months", "lasts: 1 year"}, ChangeKeptOtherwise, "", editorial, ""},
		{"a tracker less", []string{"  - {name: theme_ab, category: analytics, lasts: {remember-me: 30 days, otherwise: session}}\n", ""}, ChangeTrackerGone, "", editorial, `category "analytics" loses the tracker theme_ab`},
		{"a tracker that becomes exempt", []string{"name: theme_ab, category", "name: theme_ab, reason: interface, category"}, ChangeGround, "", substantial, "theme_ab changes from consent to exempt"},
		{"a narrower host", []string{"[a.meter.example]", "[a.meter.example/m/]"}, ChangeValue, "service-hosts", editorial, "meter is now only contacted at a.meter.example/m/ instead of a.meter.example"},
		{"a category less", []string{"  ads: {needs: consent, profiling: true, advertising: true, revision: 2, purpose: {fr: Publicité., en: Advertising.}}\n", ""}, ChangeCategoryGone, "", editorial, `category "ads" is gone`},
		{"a category that no longer asks", []string{"ads: {needs: consent, ", "ads: {exempt: true, "}, ChangeGround, "", substantial, `category "ads" changes from consent to exempt`},
		{"another form of a list", []string{"hosts: [a.meter.example]", "hosts: [a.meter.example, a.meter.example]"}, ChangeValue, "", editorial, ""},

		// Further keys, names that a pattern took in, and what is said for the first time.
		{"another key of a tracker on consent", []string{"name: visits,", "name: visits, also: [ad_id],"}, ChangeTrackerNew, "", ask, `category "analytics" gains the tracker ad_id`},
		{"the same key with a prefix that protects it", []string{"name: visits,", "name: visits, also: [__Secure-visits, __Host-visits],"}, ChangeNew, "tracker-also", editorial, "the other keys of visits: __Secure-visits, __Host-visits, which was not said before"},
		{"another key of an exempt tracker", []string{"name: session,", "name: session, also: [sid],"}, ChangeTrackerNew, "", substantial, `category "necessary" gains the exempt tracker sid`},
		{"a pattern instead of a name", []string{"name: visits,", "name: visits_*,"}, ChangeTrackerNew, "", ask, ""},
		{"a transfer rests on one mechanism more", []string{"transfer: dpf", "transfer: [dpf, {mechanism: scc}]"}, ChangeTransfer, "", substantial, "the transfer to Meter Inc., through meter, now rests on dpf, scc instead of dpf"},
		{"a transfer rests on nothing any more", []string{", transfer: dpf", ""}, ChangeTransfer, "", substantial, "what the transfer to Meter Inc., through meter, rests on is no longer said (it was dpf)"},
		{"a country that is no longer said", []string{"name: Meter Inc., country: US", "name: Meter Inc."}, ChangeCountry, "", ask, "Meter Inc., which receives data through meter, is in a country that is no longer said (it was US)"},
		{"another name of the choice cookie", []string{"choice: {", "choice: {cookie: other, "}, ChangeValue, "choice-cookie", askAll, "the name of the choice cookie: other instead of eu-consent; choices made before are no longer read"},

		// Visitors are told less.
		{"the time that requests are kept is no longer said", []string{"records: {requests: 5 years}", "records: {mail: 12 months}"}, ChangeGone, "requests-kept", substantial, "the time that requests are kept: no longer said (it was 5 years)"},
		{"the time that logs are kept is no longer said", []string{"logs: {kept: 6 months}\n", ""}, ChangeGone, "logs-kept", substantial, ""},
		{"the time that the proof is kept is no longer said", []string{"proof: {kept: 5 years after expiry}", "proof: {because: It must be.}"}, ChangeGone, "proof-kept", substantial, ""},

		// As people say it.
		{"one of several places to change a choice", []string{"{where: link, path: /privacy}", "{where: link, path: /privacy}, {where: account}"}, ChangeNew, "reopen", editorial, "the place to change a choice “account” is new"},
		{"one of several trusted hosts", []string{"because: images}", "because: images}, {host: b.example.net, because: {en: more}}"}, ChangeNew, "trusted-host", substantial, "the trusted host “b.example.net” is new"},
		{"one of several legal texts", []string{"[eu-gdpr, fr-lil]", "[eu-gdpr, fr-lil, {text: {en: Some law, fr: Une loi}}]"}, ChangeNew, "law-text", editorial, "the legal text “Some law” is new"},
		{"one of several contacts", []string{"  general: {email", "  support: {email: s@a.example}\n  general: {email"}, ChangeNew, "contact-whole", editorial, "the contact “support” is new"},
	} {
		t.Run(c.name, func(t *testing.T) {
			now, err := Parse("site.yaml", []byte(edited(t, diffBase, c.edit...)), old)
			if err != nil {
				t.Fatal(err)
			}
			d := Compare(old, now)
			want := expected{c.kind, c.what, c.as == substantial || c.as == ask, c.as == ask || c.as == askAll}
			if !slices.ContainsFunc(d.Changes, func(ch Change) bool {
				return want == expected{ch.Kind, ch.What, ch.Substantial, ch.Ask} && (c.says == "" || ch.String() == c.says)
			}) {
				t.Errorf("no %+v %q among", want, c.says)
				for _, ch := range d.Changes {
					t.Errorf("  %v: %+v", ch, ch)
				}
			}
			if (len(d.AskAgain) > 0) != want.ask || c.as == editorial && d.Substantial() {
				t.Errorf("asks again about %v, substantial %v: %v", d.AskAgain, d.Substantial(), d.Changes)
			}
			consistent(t, old, now, d)
		})
	}
}

// What is another category, or another place to keep it, is told once: that its
// purpose is new there goes without saying.
func TestAMoveIsToldAsAMoveAndAsNothingElse(t *testing.T) {
	src := edited(t, diffBase, "  - {use: stripe", "  - {use: google-analytics, category: analytics}\n  - {use: stripe", "trackers:\n",
		"trackers:\n  - {name: app-*.id, category: analytics, lasts: 1 year, purpose: {fr: Un., en: One.}, content: {en: a number}}\n")
	old := parse(t, src)
	for _, c := range []struct {
		edit []string
		says []string
		asks []string
	}{
		{[]string{"use: google-analytics, category: analytics", "use: google-analytics, category: ads"}, []string{"Google Analytics 4 moves from category analytics to ads"}, []string{"ads"}},
		{[]string{"name: Meter\n    category: analytics", "name: Meter\n    category: ads"}, []string{"Meter moves from category analytics to ads"}, []string{"ads"}},
		{[]string{"name: visits, category: analytics", "name: visits, category: ads"}, []string{"visits moves from category analytics to ads"}, []string{"ads"}},
		{[]string{"name: visits, category", "name: visits, kind: localStorage, category"}, []string{"visits is kept as localStorage instead of cookie"}, []string{"analytics"}},
		{[]string{"name: visits, category: analytics", "name: visits, category: ads", "Counts you.", "Follows you."}, []string{"visits moves from category analytics to ads", "visits has another purpose (en)"}, []string{"ads"}},
		{[]string{"name: app-*.id", "name: app-1.id"}, []string{"app-1.id takes the place of app-*.id"}, nil},
		{[]string{"name: app-*.id", "name: app-1.id", "1 year, purpose: {fr: Un", "2 years, purpose: {fr: Un"}, []string{"app-1.id is kept longer: 2 years instead of 1 year", "app-1.id takes the place of app-*.id"}, []string{"analytics"}},
		{[]string{"name: app-*.id", "name: app-1.id", "a number", "a name"}, []string{"app-1.id takes the place of app-*.id", "the content of app-1.id (en) is worded otherwise"}, nil},
		{[]string{"{name: app-*.id", "{name: app-2.id, category: analytics, lasts: 1 year, purpose: {fr: Un., en: One.}}\n  - {name: app-1.id"}, []string{"app-2.id takes the place of app-*.id", "app-1.id takes the place of app-*.id"}, nil},
	} {
		now, err := Parse("site.yaml", []byte(edited(t, src, c.edit...)), old)
		if err != nil {
			t.Fatal(err)
		}
		d := Compare(old, now)
		var said []string
		for _, ch := range d.Changes {
			said = append(said, ch.String())
		}
		for _, want := range c.says {
			if !slices.Contains(said, want) {
				t.Errorf("%q: no %q in %q", c.edit, want, said)
			}
		}
		if len(said) > len(c.says)+strings.Count(c.edit[1], "app-2.id") || !slices.Equal(d.AskAgain, c.asks) {
			t.Errorf("%q: %q, asks again about %q", c.edit, said, d.AskAgain)
		}
		consistent(t, old, now, d)
	}
}

func TestOneHostOfManyIsANarrowingUnlessAnotherIsNew(t *testing.T) {
	old := parse(t, edited(t, diffBase, "[a.meter.example]", `["*.meter.example", x.example]`))
	for hosts, want := range map[string]string{
		`[a.meter.example, x.example]`:                       "meter is now only contacted at a.meter.example instead of *.meter.example",
		`["*.meter.example/m/", b.meter.example, x.example]`: "meter is now only contacted at *.meter.example/m/, b.meter.example instead of *.meter.example",
		`["*.meter.example"]`:                                "meter is no longer contacted at x.example",
		`["*.meter.example/", x.example]`:                    "services[0].hosts (meter): *.meter.example/, x.example instead of *.meter.example, x.example",
	} {
		now, err := Parse("site.yaml", []byte(edited(t, diffBase, "[a.meter.example]", hosts)), old)
		if err != nil {
			t.Fatal(err)
		}
		d := Compare(old, now)
		if len(d.Changes) != 1 || d.Changes[0].String() != want || d.Substantial() || len(d.AskAgain) > 0 {
			t.Errorf("%s: %v, want %q", hosts, d.Changes, want)
		}
		consistent(t, old, now, d)
	}
}

func TestATransferIsToldOnceHoweverItIsWritten(t *testing.T) {
	for _, pair := range [][2]string{
		{"dpf", "[dpf, scc]"}, {"dpf", "[dpf, {mechanism: scc}]"}, {"{mechanism: dpf}", "[dpf, scc]"}, {"[{mechanism: dpf}]", "[{mechanism: dpf}, scc]"}, {"[{mechanism: dpf}]", "[dpf, {mechanism: scc}]"},
	} {
		a, b := parse(t, edited(t, diffBase, "transfer: dpf", "transfer: "+pair[0])), parse(t, edited(t, diffBase, "transfer: dpf", "transfer: "+pair[1]))
		for _, d := range []*Diff{Compare(a, b), Compare(b, a)} {
			if len(d.Changes) != 1 || d.Changes[0].Kind != ChangeTransfer {
				t.Errorf("%s: %v", pair, d.Changes)
			}
		}
	}
	known := parse(t, edited(t, diffBase, "  - {use: stripe", "  - {use: google-analytics, category: analytics}\n  - {use: stripe"))
	written := parse(t, edited(t, diffBase, "  - {use: stripe", "  - {use: google-analytics, category: analytics, recipients: [{name: Google LLC, transfer: [dpf, {mechanism: scc}]}]}\n  - {use: stripe"))
	if d := Compare(known, written); len(d.Changes) != 1 {
		t.Errorf("%v", d.Changes)
	}
}

func TestWhatIsSaidForTheFirstTimeAsksNobody(t *testing.T) {
	for _, c := range []struct{ without, says string }{
		{"lasts: 12 months, ", "the lifetime of visits: 12 months, which was not said before"},
		{", country: US", "Meter Inc., which receives data through meter, is in US, which was not said before"},
	} {
		old := parse(t, edited(t, diffBase, c.without, ""))
		now, err := Parse("site.yaml", []byte(diffBase), old)
		if err != nil {
			t.Fatal(err)
		}
		d := Compare(old, now)
		if len(d.Changes) != 1 || d.Changes[0].String() != c.says || len(d.AskAgain) > 0 {
			t.Errorf("%s: %v, asks again about %v", c.without, d.Changes, d.AskAgain)
		}
		consistent(t, old, now, d)
	}
}

func TestASubstantialChangeIsAnnouncedAsBothVersionsPromise(t *testing.T) {
	old := parse(t, edited(t, diffBase, "[banner, email]", "[email]"))
	for _, edit := range [][]string{{"[banner, email]", "[banner, email]", "1 month", "3 months"}, {"[banner, email]", "[banner]"}} {
		if got := Compare(old, parse(t, edited(t, diffBase, edit...))).Announce; !slices.Equal(got, []Channel{ByEmail, ByBanner}) {
			t.Errorf("%v", got)
		}
	}
}

// consistent holds a comparison to what it promises whatever has changed.
func consistent(t *testing.T, old, now *Site, d *Diff) {
	t.Helper()
	if announced := len(d.Announce) > 0; announced != (d.Substantial() && len(old.Policy.Announce)+len(now.Policy.Announce) > 0) {
		t.Errorf("announced by %v", d.Announce)
	}
	unread := old.Choice.Cookie != now.Choice.Cookie || old.ID != now.ID
	for _, k := range now.Categories {
		before := old.Category(k.ID)
		if before == nil || !k.NeedsConsent() || !before.NeedsConsent() {
			continue
		}
		if asks := !k.Honours(before.Fingerprint().Short()) || unread && k.InUse(); asks != slices.Contains(d.AskAgain, k.ID) {
			t.Errorf("%s: what the gate honours and what the comparison asks differ", k.ID)
		}
	}
	asked := map[string]bool{}
	for _, ch := range d.Changes {
		text := ch.String()
		if text == "" || strings.ContainsAny(text, "{}") && !strings.ContainsAny(ch.Old+ch.New, "{}") || strings.Contains(text, "  ") || strings.TrimSpace(text) != text {
			t.Errorf("a change says %q: %+v", text, ch)
		}
		asked[ch.Category] = asked[ch.Category] || ch.Ask
		if ch.Ask && ch.Category == "" {
			if !unread || len(d.AskAgain) == 0 {
				t.Errorf("%q asks about everything", text)
			}
			for _, k := range now.Categories {
				asked[k.ID] = asked[k.ID] || k.InUse()
			}
			continue
		}
		if ch.Ask && !ch.Substantial {
			t.Errorf("%q asks again and is not substantial", text)
		}
		if ch.Ask && !slices.Contains(d.AskAgain, ch.Category) {
			t.Errorf("%q asks about %q, which is not asked about", text, ch.Category)
		}
	}
	for _, id := range d.AskAgain {
		if !asked[id] {
			t.Errorf("%q is asked about for no reason that is told: %v", id, d.Changes)
		}
	}
}

func TestTheSameManifestWrittenOtherwiseIsNoChange(t *testing.T) {
	for _, pairs := range [][]string{
		{"authority: cnil\n", "# where to complain\nauthority: 'cnil' # by its word\n"},
		{"name: A SAS, siren: 732 829 320", "siren: 732 829 320, name: A SAS"},
		{"purpose: {fr: Mesure., en: Measures.}", "purpose: {en: Measures., fr: Mesure.}"},
		{"hosts: [a.meter.example]", "hosts: a.meter.example"},
		{"[no-advertising, ", "[{id: no-advertising}, "},
		{"answers_within: 72 hours", "answers_within: 72h"},
	} {
		if d := Compare(parse(t, diffBase), parse(t, edited(t, diffBase, pairs...))); len(d.Changes) != 0 {
			t.Errorf("%s: %v", pairs[1], d.Changes)
		}
	}
}

func TestACompanyNumberThatIsNewlyGivenAsksNobody(t *testing.T) {
	old := parse(t, edited(t, diffBase, " siren: 732 829 320,", ""))
	now, err := Parse("site.yaml", []byte(diffBase), old)
	if err != nil {
		t.Fatal(err)
	}
	if d := Compare(old, now); len(d.AskAgain) > 0 || d.Substantial() || len(d.Changes) != 1 {
		t.Errorf("%v", d.Changes)
	}
	if !now.Category("analytics").Honours(old.Category("analytics").Fingerprint().Short()) {
		t.Error("asks again about the same company")
	}
}

// The words of an added translation are part of the fingerprint; the version
// before is honoured all the same, and so is the one after where it is taken back.
func TestATranslationThatIsAddedOrRemovedIsHonoured(t *testing.T) {
	one := edited(t, diffBase, "purpose: {fr: Compte les visites., en: Counts visits.}", "purpose: {fr: Compte les visites.}")
	for _, pair := range [][2]string{{one, diffBase}, {diffBase, one}} {
		old := parse(t, pair[0])
		now, err := Parse("site.yaml", []byte(pair[1]), old)
		if err != nil {
			t.Fatal(err)
		}
		k, before := now.Category("analytics"), old.Category("analytics")
		if k.Fingerprint() == before.Fingerprint() {
			t.Error("words that some visitors read are no part of the fingerprint")
		}
		if !k.Honours(before.Fingerprint().Short()) {
			t.Error("asks again for a translation")
		}
	}
}

func TestTheOrderOfLanguagesAndServicesIsNoPartOfAFingerprint(t *testing.T) {
	src := edited(t, diffBase, "services:\n", "services:\n  - {use: google-analytics, category: analytics}\n  - {use: google-ads, category: analytics}\n")
	other := edited(t, src,
		"  - {use: google-analytics, category: analytics}\n  - {use: google-ads, category: analytics}\n",
		"  - {use: google-ads, category: analytics}\n  - {use: google-analytics, category: analytics}\n",
		"[fr, en]", "[en, fr]", "purpose: {fr: Compte les visites., en: Counts visits.}", "purpose: {en: Counts visits., fr: Compte les visites.}")
	old, now := parse(t, src), parse(t, other)
	if old.Category("analytics").Fingerprint() != now.Category("analytics").Fingerprint() {
		t.Error("another order is another fingerprint")
	}
	d := Compare(old, now)
	if len(d.AskAgain) > 0 || d.Substantial() {
		t.Errorf("%v", d.Changes)
	}
}

// What the catalogue says may be worded better by a later release.
func TestWordsOfTheCatalogueAreNoPartOfAFingerprint(t *testing.T) {
	s := parse(t, edited(t, diffBase, "  - {use: stripe", "  - {use: hotjar, category: analytics}\n  - {use: stripe"))
	before := s.Scope(s.Category("analytics")).Fingerprint()
	v := s.Service("hotjar")
	v.Purpose, v.Hosts, v.Trackers[0].Purpose = NewText("Better words."), []string{"new.hotjar.com"}, NewText("Better words.")
	if s.Scope(s.Category("analytics")).Fingerprint() != before {
		t.Error("a release of the catalogue asks everybody again")
	}
}

func TestARewordingCoversServicesAndTrackers(t *testing.T) {
	old := parse(t, edited(t, diffBase, `version: "2"`, `version: "1"`))
	src := edited(t, diffBase, "date: 2026-01-01}", "date: 2026-01-01, editorial: [analytics]}",
		"Counts visits.", "We count visits.", "Measures.", "It measures.", "Numbers you.", "It numbers you.", "Counts you.", "We count you.")
	now, err := Parse("site.yaml", []byte(src), old)
	if err != nil {
		t.Fatal(err)
	}
	d := Compare(old, now)
	if len(d.AskAgain) > 0 || d.Substantial() {
		t.Errorf("%v", d.Changes)
	}
	reworded := 0
	for _, ch := range d.Changes {
		if ch.Kind == ChangePurposeReworded {
			reworded++
		}
	}
	if reworded != 4 {
		t.Errorf("%d purposes are told to be reworded: %v", reworded, d.Changes)
	}
	consistent(t, old, now, d)
}

func TestANewLanguageIsToldOnceNotForEachText(t *testing.T) {
	src := edited(t, diffBase, "[fr, en]", "[fr, en, de]", "en: Counts visits.", "en: Counts visits., de: Zählt Besuche.", "en: Counts you.", "en: Counts you., de: Zählt Sie.")
	d := Compare(parse(t, diffBase), parse(t, src))
	var told []string
	for _, ch := range d.Changes {
		told = append(told, ch.String())
	}
	if want := []string{"the languages: fr, en, de instead of fr, en", "texts (de), a new language: 2"}; !slices.Equal(told, want) {
		t.Errorf("%q", told)
	}
}

func TestWeightsAndTermsNameFieldsThatThereAre(t *testing.T) {
	known := map[string]bool{}
	for _, f := range Fields() {
		known[f.Path] = true
	}
	paths := []string{}
	for _, w := range weights {
		paths = append(paths, strings.TrimSuffix(w.path, "[]"))
	}
	for _, s := range siteTerms {
		paths = append(paths, s.key)
	}
	for _, s := range categoryTerms {
		paths = append(paths, "categories.*."+s.key)
	}
	for _, s := range serviceTerms {
		paths = append(paths, "services[]."+s.key)
	}
	for _, s := range trackerTerms {
		paths = append(paths, "trackers[]."+s.key)
	}
	for _, p := range paths {
		if !known[p] && !strings.HasPrefix(p, "contact.*") {
			t.Errorf("%s is no field of the manifest", p)
		}
	}
	words := ChangedFields()
	for what := range fieldNames {
		if !slices.Contains(words, what) {
			t.Errorf("%q names no field", what)
		}
	}
}

// Whole policies are rewritten at once: the published one and the corrected one.
func TestACorrectedPolicyIsComparedWithThePublishedOne(t *testing.T) {
	for _, site := range []string{"cexro", "pix2clip", "platform"} {
		var src [2]string
		for i, name := range []string{"site.as-published.yaml", "site.yaml"} {
			b, err := os.ReadFile("../examples/" + site + "/" + name)
			if err != nil {
				t.Fatal(err)
			}
			src[i] = string(b)
		}
		for _, pair := range [][2]string{{src[0], src[1]}, {src[1], src[0]}} {
			old := parse(t, pair[0])
			now, err := Parse("site.yaml", []byte(pair[1]), old)
			if err != nil {
				t.Fatal(err)
			}
			consistent(t, old, now, Compare(old, now))
		}
	}
}

// Whatever is changed, removed or moved in the example manifests is told: each
// value, each field and each element in turn. As this reads each manifest many
// hundred times, only every fifth is tried, always the same ones; with
// TEMOIN_TORTURE (make torture), all of them.
func TestNoFieldCanChangeUnnoticed(t *testing.T) {
	for _, site := range []string{"cexro", "pix2clip", "platform"} {
		t.Run(site, func(t *testing.T) {
			if testing.Short() {
				t.Skip("it reads each manifest some hundred times")
			}
			t.Parallel()
			src, err := os.ReadFile("../examples/" + site + "/site.yaml")
			if err != nil {
				t.Fatal(err)
			}
			m := &mutation{t: t, old: parse(t, string(src)), fields: Fields(), stride: 5}
			if os.Getenv("TEMOIN_TORTURE") != "" {
				m.stride = 1
			}
			if err := yaml.Load(src, &m.doc); err != nil {
				t.Fatal(err)
			}
			if d := Compare(m.old, m.written()); len(d.Changes) > 0 {
				t.Fatalf("written anew, it has changed: %v", d.Changes)
			}
			m.node(m.doc.Content[0], "")
			t.Logf("%d changes told, %d values without another that can be written", m.told, m.skipped)
			if m.told < 300/m.stride || m.skipped > m.told/15 {
				t.Errorf("%d changes told, %d values left out", m.told, m.skipped)
			}
		})
	}
}

type mutation struct {
	t             *testing.T
	old           *Site
	doc           yaml.Node
	told, skipped int
	fields        []FieldDoc
	stride, tried int // each so many is tried
}

// written returns the manifest as it is now, nil where it is none.
func (m *mutation) written() *Site {
	src, err := yaml.Dump(&m.doc)
	if err != nil {
		return nil
	}
	now, err := Parse("site.yaml", src, m.old)
	if err != nil {
		return nil
	}
	return now
}

// tell compares with the manifest as it is now and reports whether there is one.
func (m *mutation) tell(what, path string) bool {
	now := m.written()
	if now == nil {
		return false
	}
	m.told++
	d := Compare(m.old, now)
	if len(d.Changes) == 0 {
		m.t.Errorf("%s %s: nothing changed", path, what)
	}
	consistent(m.t, m.old, now, d)
	return true
}

func (m *mutation) node(n *yaml.Node, path string) {
	content := n.Content
	step := 1
	switch n.Kind {
	case yaml.ScalarNode:
		m.scalar(n, path)
		return
	case yaml.MappingNode:
		step = 2
	}
	for i := 0; i+step <= len(content); i += step {
		if step == 2 && i > 0 && slices.Contains(m.old.Langs, content[i].Value) {
			continue // one language of each text tells enough
		}
		at := path + "[]"
		if step == 2 {
			at = join(path, content[i].Value)
		}
		if m.turn() {
			n.Content = slices.Concat(content[:i], content[i+step:])
			m.tell("removed", at)
			n.Content = content
		}
		if step == 1 && i > 0 && m.turn() && !bytes.Equal([]byte(content[i].Value), []byte(content[i-1].Value)) {
			n.Content = slices.Concat(content[:i-1], []*yaml.Node{content[i], content[i-1]}, content[i+1:])
			m.tell("moved up", at)
			n.Content = content
		}
		m.node(content[i+step-1], at)
	}
}

// turn reports whether the next change is one to try.
func (m *mutation) turn() bool {
	m.tried++
	return m.tried%m.stride == 0
}

func (m *mutation) scalar(n *yaml.Node, path string) {
	if !m.turn() {
		return
	}
	was := *n
	defer func() { *n = was }()
	n.Style = yaml.DoubleQuotedStyle
	for _, other := range m.others(was.Value) {
		if n.Value = other; other != was.Value && m.tell("is now "+other, path) {
			return
		}
	}
	m.skipped++
	m.t.Logf("%s: %q is the only value that can be written", path, was.Value)
}

// others lists values to try in place of one, the likeliest first.
func (m *mutation) others(value string) []string {
	switch {
	case value == "true":
		return []string{"false"}
	case value == "false":
		return []string{"true"}
	}
	if _, err := ParseDate(value); err == nil {
		return []string{"2031-01-01"}
	}
	if _, err := ParsePeriod(strings.TrimSuffix(value, " after expiry")); err == nil {
		return []string{"99 days", "99 days after expiry"}
	}
	if KnownCountry(value) {
		return []string{"DE", "LU"}
	}
	var all []string
	for _, f := range m.fields {
		words, ok := strings.CutPrefix(strings.TrimSuffix(f.Takes, ", or a list of them"), "one of: ")
		if list := strings.Split(words, ", "); ok && slices.Contains(list, value) {
			all = append(all, list...)
		}
	}
	if m.old.Category(value) != nil {
		for _, k := range m.old.Categories {
			all = append(all, k.ID)
		}
	}
	if _, ok := knownPromise(value); ok {
		all = append(all, "no-pixels", "no-advertising")
	}
	if slices.Contains(lawIDs, value) {
		all = append(all, lawIDs...)
	}
	if _, ok := Catalogue(value); ok {
		all = append(all, "matomo-cloud")
	}
	for _, v := range m.old.Services {
		if v.ID != value && m.old.Service(value) != nil {
			all = append(all, v.ID)
		}
	}
	if strings.Trim(value, "0123456789 ") == "" {
		all = append(all, "123 456 789")
	}
	return append(all, value+"x", "2", "9", "session", "99 days")
}
