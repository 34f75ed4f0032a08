package basetest

import (
	"strings"
	"testing"

	"github.com/temoin/temoin/internal/browsertest"
	"github.com/temoin/temoin/internal/notice/noticetest"
)

// say writes what a vendor's script finds as lines: of consent objects what is granted.
const say = `const text = (x) => {
	if (!x || typeof x != "object") return JSON.stringify(x);
	if (typeof x.length == "number") return [...x].map(text).join(" ");
	const names = Object.keys(x), of = (word) => names.filter((n) => x[n] == word);
	if (!of("granted").length && !of("denied").length) return JSON.stringify(x);
	return (of("granted").join("+") || "nothing") + "/" + (of("granted").length + of("denied").length);
};
const lines = (list) => [...list].map(text).join("\n");`

// adapters are what each puts before the vendor's script, and after each change, before
// that script has come and when it is there.
var adapters = []struct {
	name, chunk string
	data        string
	before      string // a script of the page that stands before
	after       string // the site's own lines for the vendor's script
	read        string // what the vendor's script finds
	load        string // stands for the vendor's script that comes
	steps       []step
}{
	{
		name: "Google", chunk: "adapter-google",
		data: `{"s": {"ad_personalization": ["intercom"], "ad_storage": ["intercom"], "ad_user_data": ["intercom"], "analytics_storage": ["google-analytics"],
			"functionality_storage": [], "personalization_storage": ["support", "analytics"]}, "f": {"cookie_expires": 33955200, "cookie_update": false}}`,
		after: `function gtag() { dataLayer.push(arguments); } gtag("js", 1); gtag("config", "G-1");`,
		read:  `lines(dataLayer)`,
		load:  `dataLayer.length = 0`,
		steps: []step{
			{"-", "consent default security_storage/7|set ads_data_redaction true|" + googleRest},
			{"", "consent default security_storage/7|set ads_data_redaction true|" + googleRest},
			{"analytics -google-analytics", "consent default security_storage/7|set ads_data_redaction true|" + googleRest},
			{"analytics", "consent default security_storage+analytics_storage/7|set ads_data_redaction true|" + googleRest},
			{"analytics support", "consent default security_storage+ad_personalization+ad_storage+ad_user_data+analytics_storage+personalization_storage/7|set ads_data_redaction true|" + googleRest},
			{"- > analytics", "consent default security_storage/7|set ads_data_redaction true|" + googleRest + "|consent update security_storage+analytics_storage/7|released"},
			{"analytics > support > ", "consent default security_storage+analytics_storage/7|set ads_data_redaction true|" + googleRest +
				"|consent update security_storage+ad_personalization+ad_storage+ad_user_data/7|released|consent update security_storage/7|released"},
			{"- ! analytics", "consent update security_storage+analytics_storage/7|released"},
		},
	},
	{
		name: "Google without fields", chunk: "adapter-google", data: `{"s": {"ad_storage": [], "analytics_storage": ["google-analytics"]}}`,
		read:  `lines(dataLayer)`,
		steps: []step{{"analytics", "consent default security_storage+analytics_storage/3|set ads_data_redaction true"}},
	},
	{
		name: "Google beside a data layer of the site", chunk: "adapter-google", data: `{"s": {"ad_storage": []}}`,
		before: `dataLayer = [{page: 1}];`,
		read:   `lines(dataLayer)`,
		steps:  []step{{"analytics", `{"page":1}|consent default security_storage/2|set ads_data_redaction true`}},
	},
	{
		name: "UET", chunk: "adapter-microsoft", data: `{"u": ["intercom"]}`,
		read: `lines(uetq) + (window.clarity ? "|clarity" : "")`,
		load: `window.uetq = Object.assign([], {push(...x) { for (const y of x) this[this.length++] = y; }})`,
		steps: []step{
			{"-", "consent|default|nothing/1"},
			{"", "consent|default|nothing/1"},
			{"support", "consent|default|ad_storage/1"},
			{"- > support > ", "consent|default|nothing/1|consent|update|ad_storage/1|consent|update|nothing/1"},
			{"support ! ", "consent|update|nothing/1"},
		},
	},
	{
		name: "Clarity", chunk: "adapter-microsoft", data: `{"c": ["hotjar"], "a": ["intercom"]}`,
		after: `(function (c, a) { c[a] = c[a] || function () { (c[a].q = c[a].q || []).push(arguments); }; })(window, "clarity"); clarity("set", "a", "b");`,
		read:  `lines(window.calls || clarity.q) + (window.uetq ? "|uetq" : "")`,
		load:  `window.calls = [], window.clarity = (...x) => { calls.push(x); }, clarity.v = "1"`,
		steps: []step{
			{"-", "consentv2 nothing/2|set a b"},
			{"analytics", "consentv2 analytics_Storage/2|set a b"},
			{"support", "consentv2 ad_Storage/2|set a b"},
			{" > analytics support", "consentv2 ad_Storage+analytics_Storage/2|set a b"},
			{"analytics ! ", "consentv2 nothing/2"},
		},
	},
	{
		name: "Matomo", chunk: "adapter-matomo", data: `{"i": ["hotjar"]}`,
		after: `window._paq = window._paq || []; _paq.push(["trackPageView"]);`,
		read:  `lines(window.calls || _paq)`,
		load:  `window.calls = [], window._paq = {push(...x) { calls.push(...x); }}`,
		steps: []step{
			{"-", "requireConsent|forgetCookieConsentGiven|trackPageView"},
			{"", "requireConsent|forgetCookieConsentGiven|trackPageView"},
			{"analytics", "requireConsent|setConsentGiven|trackPageView"},
			{" > analytics", "requireConsent|setConsentGiven|trackPageView"},
			{"analytics > ", "requireConsent|forgetCookieConsentGiven|trackPageView"},
			{" ! analytics > ", "setConsentGiven|forgetCookieConsentGiven|requireConsent"},
		},
	},
	{
		name: "Matomo that remembers", chunk: "adapter-matomo", data: `{"i": ["hotjar"]}`,
		before: `document.cookie = "mtm_consent=1; path=/";`,
		read:   `lines(window.calls || _paq)`,
		load:   `window.calls = [], window._paq = {push(...x) { calls.push(...x); }}`,
		steps: []step{
			{"-", "requireConsent|forgetConsentGiven 1"},
			{"analytics", "requireConsent|setConsentGiven"},
			{"- > analytics", "requireConsent|setConsentGiven"},
			{"analytics > ", "requireConsent|forgetConsentGiven 1"},
			{"analytics ! ", "forgetConsentGiven 1|requireConsent"},
		},
	},
	{
		name: "Piano", chunk: "adapter-piano", data: `{"i": ["hotjar"]}`,
		after: `window._paq = window._paq || []; _paq.push(["sendEvent", "page.display"]);`,
		read:  `lines(window.calls || _paq) + "\n" + pdl.requireConsent + " " + pdl.consent.defaultPreset.PA + " " + _pac.sendEventWhenOptout`,
		load:  `window.calls = [], window._paq = {push(...x) { calls.push(...x); }}`,
		steps: []step{
			{"-", "consent.setMode opt-out|sendEvent page.display" + pianoRest},
			{"", "consent.setMode opt-out|sendEvent page.display" + pianoRest},
			{"analytics", "consent.setMode opt-in|sendEvent page.display" + pianoRest},
			{" > analytics", "consent.setMode opt-in|sendEvent page.display" + pianoRest},
			{"analytics ! > analytics", "consent.setMode opt-out|consent.setMode opt-in" + pianoRest},
		},
	},
	{
		name: "Piano with a queue of its own", chunk: "adapter-piano", data: `{"i": ["hotjar"]}`,
		before: `window._pac = {queueVarName: "_pianoq", cookieDomain: "x"}; window.pdl = {requireConsent: true, consent: {products: ["PA"]}};`,
		read:   `lines(_pianoq) + "\n" + pdl.requireConsent + " " + pdl.consent.products + " " + _pac.cookieDomain + " " + !window._paq`,
		steps:  []step{{"analytics", "consent.setMode opt-in|true PA x true"}},
	},
}

const (
	googleRest = `set {"cookie_expires":33955200,"cookie_update":false}|js 1|config G-1`
	pianoRest  = "|v2 opt-out false"
)

// A step is choices with what is found after them. The first is there when the page is
// loaded; behind ">" the next, made on the page; behind "!" one that is made when the
// vendor's script has come.
type step struct{ choices, want string }

func TestVendorsFindTheChoiceOfNowAndAreToldOfEachChange(t *testing.T) {
	for _, a := range adapters {
		t.Run(a.name, func(t *testing.T) {
			s := start(t)
			s.Head = "<script>" + a.before + "</script>" + "<script>temoin.d = JSON.stringify({" + strings.TrimPrefix(a.chunk, "adapter-") + ": " + a.data + "});" + noticetest.Chunk(t, a.chunk) + "</script>" + "<script>" + a.after + "</script>"
			v := s.Open(t, "/first")
			for _, step := range a.steps {
				choices := strings.Split(strings.ReplaceAll(step.choices, "!", ">!"), ">")
				s.Keep(v, strings.TrimSpace(choices[0]))
				v.Go("/a")
				if strings.HasPrefix(a.name, "Google") { // what is released comes behind the consent
					v.Run(`temoin.use = () => { dataLayer.push("released"); }`)
				}
				for _, next := range choices[1:] {
					if strings.HasPrefix(next, "!") {
						v.Run(a.load)
					}
					now := s.Keep(v, strings.Trim(next, " !"))
					v.Run("delete temoin.y; temoin.s(" + now + ")") // what else a change asks for is not of interest
				}
				got := browsertest.Evaluate[string](v.Tab, "(() => {"+say+"return "+a.read+"})()")
				if got = strings.NewReplacer("\n", "|", `"`, "").Replace(got); got != strings.ReplaceAll(step.want, `"`, "") {
					t.Errorf("%q:\n got %s\nwant %s", step.choices, got, step.want)
				}
				v.Is(step.choices+": whom it asks", `return performance.getEntriesByType("resource").map((e) => e.name).filter((n) => !n.startsWith(location.origin))`, "[]")
			}
		})
	}
}
