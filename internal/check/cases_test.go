package check

import (
	"strconv"
	"strings"
	"testing"
)

// A manifest says some things once, so a fixture cannot hold both the fault and
// what nearly is one. Here each stands alone: a rule, what follows the header
// (or replaces it, where it begins with "temoin:"), and the words of each
// finding, none for what the rule must let pass.
var cases = []struct {
	rule, manifest string
	want           []string
}{
	{"pol-controller-identity", "", []string{"error the policy does not say who"}},
	{"pol-controller-identity", "controller: {form: SAS, country: FR}\n", []string{"error the policy does not say who"}},
	{"pol-controller-identity", "controller: {name: fixture}\n", []string{"error “fixture” is the site's name"}},
	{"pol-controller-identity", "controller: {name: Fixture, form: SAS, siren: 732829320, country: FR}\n", nil},
	{"pol-controller-identity", "controller: {name: Beispiel GmbH, country: DE}\n", nil},
	{"pol-controller-identity", "controller: {name: Exemple, form: EI, siren: 732 829 320, country: FR}\n", nil},

	{"pol-siren-valid", "controller: {name: A, siren: 732 829 320}\n", nil},
	{"pol-siren-valid", "controller: {name: A}\n", nil},

	{"pol-contact-present", "", []string{"error there is neither"}},
	{"pol-contact-present", "contact: {dpo: {email: dpo@shop.example}}\n", nil},
	{"pol-contact-present", "contact: {general: {form: /contact}}\n", nil},
	{"pol-contact-present", "controller: {name: A, email: a@shop.example}\n", nil},
	{"dsr-in-writing", "contact: {dpo: {form: /contact}, general: {address: Paris}}\n", nil},
	{"dsr-in-writing", "", nil},
	{"pol-trackers-told", "page: {sections: {categories: {intro: {en: What we keep}}, services: {text: {en: Nobody.}}}}\n", nil},
	{"pol-trackers-told", "page: {sections: {services: {bare: true, text: {en: Nobody.}}}}\n", nil},
	{"pol-contact-present", "contact: {support: {email: help@shop.example}}\n", []string{"error there is neither"}},

	{"pol-version-dates", "", []string{"has no version", "has no date of last change", "has no date from which it applies"}},
	{"pol-version-dates", "policy: {version: \"1\", updated: 2026-05-04, effective: 2026-07-03}\n", nil},
	{"pol-version-dates", "policy: {version: \"1\", updated: 2026-05-04, effective: 2026-05-03}\n", []string{"error the last change (2026-05-04) is later"}},
	{"pol-version-dates", "policy: {version: \"1\", updated: 2026-05-04, effective: 2026-08-02, announced_before: 90 days}\n", nil},
	{"pol-version-dates", "policy: {version: \"1\", updated: 2026-05-04, effective: 2026-08-03, announced_before: 90 days}\n", []string{"warning it applies 91 days"}},

	{"pol-date-locale", "page: {title: Depuis le 20 May 2026}\n", nil}, // in the one language of the site
	{"pol-date-locale", "page: {title: Depuis le 20 mai 2026}\n", []string{"\"mai\" is a month in German or French, in a text in English"}},

	{"pol-stale-review", "policy: {updated: 2025-11-21}\n", nil},
	{"pol-stale-review", "policy: {updated: 2025-11-20}\n", []string{"warning it was last read on 2025-11-20"}},
	{"pol-stale-review", "policy: {updated: 2024-01-01, reviewed: 2025-11-21}\n", nil},
	{"pol-stale-review", "policy: {updated: 2026-10-01, review: 2026-11-20}\n", []string{"warning the review was due on 2026-11-20"}},
	{"pol-stale-review", "policy: {updated: 2026-10-01, review: 2026-11-21}\n", nil},
	{"pol-stale-review", "policy: {updated: 2026-10-01, review: 2026-11-01, reviewed: 2026-11-02}\n", nil}, // done after it was due
	{"pol-stale-review", "", nil},

	{"pol-locale-parity", "page: {title: {fr: Cookies}}\n", []string{"error is missing in: en"}}, // the only language of the site
	{"pol-locale-parity", "page: {title: {en: Cookies}, subtitle: All that we keep}\n", nil},

	{"pol-rights-complete", "", nil}, // Témoin lists them
	{"pol-rights-complete", "rights: [access, rectification, erasure, restriction, portability, objection, withdraw]\n", nil},
	{"pol-rights-complete", "authority: cnil\nrights: [access, rectification, erasure, restriction, portability, objection, withdraw]\n", []string{"not listed: after-death"}},
	{"pol-rights-complete", "page: {sections: {rights: {bare: true, intro: {en: Write to us.}}}}\n", []string{"access, rectification, erasure, restriction, portability, withdraw, objection"}},
	{"pol-rights-complete", bare + "categories: {essential: {exempt: true}}\nrights: [access, rectification, erasure, restriction, objection]\n", nil}, // neither consent nor contract
	{"pol-rights-complete", bare + "categories: {essential: {exempt: true, basis: contract}}\nrights: [access, rectification, erasure, restriction, objection]\n", []string{"not listed: portability"}},

	{"pol-complaint-cnil", "", []string{"error the policy names no authority"}},
	{"pol-complaint-cnil", "authority: cnil\n", nil},
	{"pol-complaint-cnil", "authority: {name: CNIL, url: https://www.cnil.fr}\n", []string{"info the link leads"}},
	{"pol-complaint-cnil", "authority: {name: APD, url: https://apd.example, complaint: {en: https://apd.example/complaints}}\n", nil},

	{"pol-complaint-cnil", "authority: {name: APD, url: https://apd.example, complaint: {en: \"https://apd.example/?page=complaints\"}}\n", nil},

	{"pol-automated-decision", bare + "categories: {essential: {exempt: true}, ads: {unused: true, profiling: true}}\n", nil},
	{"pol-automated-decision", bare + profiled + "rights: [no-automation]\n", []string{"warning category \"ads\" profiles people"}}, // a right, and no statement
	{"pol-automated-decision", bare + profiled + "automated_decisions: {none: true}\n", nil},
	{"pol-automated-decision", bare + profiled + "automated_decisions: {text: A machine sorts offers by what you read.}\n", nil},
	{"pol-automated-decision", "services: [{use: meta-pixel, category: stats}, {use: google-ads, category: stats}]\n", []string{"warning Meta Pixel profiles people"}},
	{"pol-automated-decision", "services: [{id: a, name: A, kind: social, category: stats, loads: on-use, click: true}]\n", nil},
	{"pol-automated-decision", "services: [{id: a, name: A, category: stats, profiling: true}]\n", []string{"warning A profiles people"}},

	{"pol-change-channel", "", []string{"warning nothing says how"}},
	{"pol-change-channel", "policy: {announce: banner}\n", nil},

	{"pol-privacy-link", "", []string{"warning there is no link"}},
	{"pol-privacy-link", "links: {privacy: /privacy}\n", nil},

	{"pol-self-declared", "page: {sections: {consent-system: {text: {en: We keep your choice.}}}}\n", []string{"error these words stand in place of"}},
	{"pol-self-declared", "page: {sections: {consent-system: {intro: {en: We run it ourselves.}, note: {en: Ask us.}}}}\n", nil},

	{"pol-public", "public: {minors: none}\n", nil},
	{"pol-minors", "public: {minors: none}\nservices: [{id: a, name: A, kind: advertising, category: stats}]\n", nil},
	{"pol-minors", "public: {minors: none, consent_age: 16}\n", []string{"warning French law sets the age of consent at 15, not 16"}},
	{"pol-minors", "public: {minors: none, consent_age: 15}\n", nil},
	{"pol-minors", "controller: {name: A, country: DE}\npublic: {minors: none, consent_age: 16}\n", nil},
	{"pol-minors", "public: {minors: targeted, text: You can say no.}\nservices: [{id: a, name: A, kind: advertising, category: stats}]\n", []string{"error A (advertising)"}},
	{"pol-minors", "public: {minors: targeted, text: You can say no., because: For parents only.}\nservices: [{id: a, name: A, kind: advertising, category: stats}]\n", nil},

	{"ban-only-if-needed", "notice: {mode: consent}\ntrackers: [{name: a, category: stats}]\n", nil},
	{"ban-only-if-needed", "notice: {mode: preconfigure}\n", nil},
	{"ban-only-if-needed", "", nil},
	{"ban-mode-fits", "notice: {mode: information}\ntrackers: [{name: a, category: essential}, {name: b, category: stats, reason: cart}]\n", nil},
	{"ban-mode-fits", "notice: {mode: information}\nservices: [{id: a, name: A, category: stats}]\n", []string{"error the notice is for information"}},
	{"ban-mode-fits", "notice: {mode: consent}\ntrackers: [{name: a, category: stats}]\n", nil},
	{"ban-granular", "services: [{id: a, name: A, kind: affiliation, category: stats}, {id: b, name: B, kind: video, category: stats}]\n", []string{"warning category \"stats\" asks one question for advertising (A) and embeds (B)"}},
	{"ban-granular", "services: [{id: a, name: A, kind: affiliation, category: stats}, {id: b, name: B, kind: support, category: stats}]\n", []string{"warning category \"stats\" asks one question for advertising (A) and chat (B)"}},
	{"ban-contrast-size", "notice: {colors: {accent: \"#1f4fa3\"}, scheme: light}\n", nil},
	{"ban-contrast-size", "notice: {theme: dsfr, scheme: light, dark_colors: {paper: \"#fff\"}}\n", nil}, // never shown
	{"ban-contrast-size", "notice: {theme: dsfr, scheme: light, colors: {paper: \"#88aadd\"}}\n", []string{
		"error line (#666) and paper behind it (#88aadd)", "error what shows the focus (#0a76f6) and paper behind it (#88aadd)"}},
	{"ban-contrast-size", "notice: {scheme: dark, dark_colors: {ink: \"#777\"}}\n", []string{"error ink (#777) and paper behind it (#1a1d23) have a contrast of 3.7"}},
	{"ban-first-layer", "trackers: [{name: a, category: stats}]\n", nil},
	{"ban-first-layer", "notice: {text: " + strings.Repeat("word ", 70) + "}\n", []string{"warning in \"en\" the first layer has 113 words"}}, // nothing is asked, and still
	{"ban-category-count", bare + "categories: {a: {needs: consent}, b: {needs: consent}, c: {needs: consent}, d: {needs: consent}, e: {needs: consent}, f: {needs: consent}, g: {needs: consent}, h: {needs: consent}, i: {exempt: true}}\n", nil},

	{"run-withdraw-everyone", "", nil}, // Témoin's own button
	{"run-withdraw-everyone", "choice: {reopen: [{where: account}, {where: link}]}\n", nil},
	{"run-withdraw-everyone", "choice: {reopen: [{where: link, signed_in: true}]}\n", []string{"error only some visitors"}},

	{"run-choice-six-months", "choice: {lasts: 6 months}\n", nil},
	{"run-choice-six-months", "choice: {lasts: 184 days}\n", nil}, // as long as six months can be
	{"run-choice-six-months", "choice: {lasts: 7 months}\n", []string{"warning a choice is kept for 7 months"}},
	{"run-choice-13-months", "choice: {lasts: 13 months}\n", nil},
	{"run-choice-13-months", "choice: {lasts: 397 days}\n", nil},
	{"run-choice-13-months", "choice: {lasts: 400 days}\n", []string{"warning a choice is kept for 400 days"}},
	{"run-choice-13-months", "choice: {lasts: 14 months}\n", []string{"warning a choice is kept for 14 months"}},
	{"run-choice-13-months", "choice: {lasts: 1 year}\npromises: [{id: max-lifetime, max: 12 months}, {id: max-lifetime, max: 1 day, category: stats}]\n", nil},
	{"run-choice-13-months", "promises: [{id: max-lifetime, max: 3 months}]\n", []string{"error a choice is kept for 6 months"}},

	{"ban-scope-registrable", "hosts: [www.shop.example]\nchoice: {domain: registrable}\n", nil},
	{"ban-scope-registrable", "choice: {domain: host}\n", nil},

	{"rec-anchor", "", []string{"warning nothing outside fixes the proof of choices"}},
	{"rec-anchor", "proof: {anchors: [{kind: witness, name: W}]}\n", nil},
	{"rec-anchor", bare + "categories: {essential: {exempt: true}}\n", nil}, // nobody is asked

	{"rec-retention", "", []string{"warning nothing says how long the proof is kept; Témoin keeps it 5 years"}},
	{"rec-retention", "proof: {because: A claim can be brought.}\n", []string{"warning nothing says how long"}},
	{"rec-retention", "proof: {kept: 6 years, because: A claim can be brought.}\n", nil},

	{"ses-log-retention", "", []string{"warning nothing says what the servers record"}},
	{"ses-log-retention", "logs: {kept: 12 months}\n", nil},
	{"ses-log-retention", "logs: {kept: 365 days}\n", nil},
	{"ses-log-retention", "logs: {kept: 6 months}\n", nil},
	{"ses-log-retention", "logs: {kept: 180 days}\n", nil},
	{"ses-log-retention", "logs: {kept: 3 months}\n", []string{"info logs are kept for 3 months, less"}},
	{"ses-log-retention", "logs: {kept: 2 years}\n", []string{"warning logs are kept for 2 years"}},

	{"pol-citation", "controller: {name: A, country: DE}\npage: {title: Consent to cookies (article 6(1)(a) GDPR)}\n", []string{"warning consent to a tracker is article 5(3) of Directive 2002/58/EC as your country's law has it"}},
	{"pol-citation", "controller: {name: A, country: FR}\npage: {title: Consent to cookies (article 6(1)(a) GDPR)}\n", []string{"warning consent to a tracker is article 82"}},
	{"pol-citation", "controller: {name: A, country: DE}\npage: {title: Consent to cookies (article 5(3) of Directive 2002/58/EC and article 6(1)(a) GDPR)}\n", nil},
	{"pol-browser-not-enough", "choice: {reopen: [{where: button}]}\npage: {sections: {choose: {intro: Set your browser.}}}\n", nil},
	{"pol-anonymity-claim", "page: {sections: {audience: {intro: Totals are anonymous.}}}\n", []string{"error “anonymous” is claimed"}}, // nothing is measured

	// The exemption for audience measurement is the French authority's.
	{"vnd-consent-kind", "controller: {name: A, country: FR}\n" + exemptCounter, nil},
	{"vnd-consent-kind", "controller: {name: A, country: BE}\npublic: {minors: none, countries: [FR]}\n" + exemptCounter, nil},
	{"vnd-consent-kind", "controller: {name: A, country: BE}\n" + exemptCounter, []string{"error Count (analytics) is contacted without consent"}},
	{"trk-audience-exempt", "controller: {name: A, country: BE}\ntrackers: [{name: v, category: essential, reason: audience, lasts: 2 years}]\n", nil},
	{"vnd-consent-kind", "services: [{use: matomo, category: essential, self_hosted: true}]\ntrackers: [{name: seen, category: essential, service: matomo, lasts: 2 years}]\n", []string{"keeps trackers without consent"}},

	// What is said of a tool for statistics is a claim like any other.
	{"pol-compliance-claim", "audience: {source: logs, text: Our tool is certified by the CNIL.}\n", []string{"error “"}},
	{"pol-compliance-claim", "audience: {source: logs, text: \"We count visits, on the conditions that the CNIL gives.\"}\n", nil},

	{"run-cookie-limits", "trackers: [{name: a, category: stats}]\n", nil},
	{"run-cookie-limits", "trackers: [" + cookies(48) + "]\n", nil}, // fifty, with Témoin's two
	{"run-gpc", "services: [{use: meta-pixel, category: essential}]\n", nil},
	{"ses-persistent-optin", "trackers: [{name: auth, category: essential, lasts: 24 hours}]\n", nil},
	{"ses-persistent-optin", "trackers: [{name: auth, category: essential, lasts: 25 hours}]\n", []string{"warning auth outlives the browser session (25 hours)"}},
	{"vnd-consent-kind", "services: [{id: hotjar, name: Hot jars, category: essential, hosts: [jars.example]}]\n", nil}, // another one of that id
	{"vnd-consent-kind", "services: [{id: hotjar, name: Hotjar, category: essential}]\n", []string{"error Hotjar (session-replay) is contacted without consent"}},
	{"vnd-trusted-because", "trusted_hosts: [{host: www.google.com/recaptcha/, because: x}]\n", nil}, // advertising is under other paths
	{"trk-vendor-default", "services: [{use: hotjar, category: stats, lasts: {_hjSessionUser_*: 13 months}}]\n", []string{"warning _hjSessionUser_* is declared for 13 months; by default the vendor keeps it for 365 days"}},
	{"trk-vendor-default", "services: [{use: hotjar, category: stats, lasts: {_hjSessionUser_*: 1 year}}]\n", nil},
	{"trk-party-provider", "trackers: [{name: YSC, category: stats, party: third, domain: other.example}]\n", []string{"error YSC is a third party's, and no service says whose"}},     // not YouTube's
	{"trk-wildcard-safe", "services: [{id: b, name: B, category: stats, trackers: [{name: ab_1}]}, {id: a, name: A, category: stats, trackers: [{name: ab_1}, {name: ab_*}]}]\n", nil}, // theirs together
	{"ses-csrf", "trackers: [{name: a, category: essential, reason: authentication, same_site: Lax}]\n", nil},
	{"ses-csrf", "trackers: [{name: a, category: essential, reason: authentication}, {name: b, category: essential, reason: security}]\n", nil},
	{"ses-csrf", "trackers: [{name: a, category: essential, reason: cart}]\n", nil},

	{"aud-purpose", "audience: {source: logs, exemption: true}\n", []string{"error the exemption is claimed, and nothing says"}},
	{"aud-purpose", "audience: {source: logs, exemption: true, purposes: [performance, navigation, ergonomics, capacity, content]}\n", nil},
	{"aud-purpose", "audience: {source: logs, purposes: [campaigns]}\n", nil},
	{"aud-lifetimes", "audience: {source: logs, exemption: true, kept: 25 months}\n", nil},
	{"aud-lifetimes", "audience: {source: logs, exemption: true, kept: 762 days}\n", nil}, // as long as 25 months can be
	{"aud-lifetimes", "audience: {source: logs, exemption: true, kept: 26 months}\n", []string{"error statistics are kept for 26 months"}},
	{"aud-lifetimes", "audience: {source: logs, kept: 5 years}\n", nil},
	{"aud-inform-optout", "audience: {source: logs, opt_out: true}\n", nil},
	{"aud-inform-optout", "", nil},
	{"aud-anon-output", "audience: {source: logs, threshold: 10}\n", nil},
	{"aud-anon-output", "audience: {source: logs}\n", nil},
	{"aud-exemption-abroad", "controller: {name: A, country: FR}\npublic: {minors: none, countries: [FR, RE]}\naudience: {source: logs, exemption: true}\n", nil},
	{"aud-exemption-abroad", "controller: {name: A, country: BE}\naudience: {source: logs}\n", nil},
	{"aud-exemption-abroad", "controller: {name: A, country: BE}\nauthority: cnil\naudience: {source: logs, exemption: true}\n", []string{"warning the exemption is claimed, and the site addresses BE"}},
	{"aud-exemption-abroad", "controller: {name: A, country: BE}\ntrackers: [{name: v, category: essential, reason: audience}]\n", []string{"warning v is exempt as audience measurement, and the site addresses BE"}},
	{"aud-exemption-abroad", "controller: {name: A, country: FR}\ntrackers: [{name: v, category: essential, reason: audience}]\n", nil},
	{"aud-no-consent-purposes", "audience: {source: logs, purposes: [content]}\n", nil},
	{"aud-no-consent-purposes", "", nil},
	{"aud-rights-objection", "audience: {source: logs, opt_out: true}\n", nil},
	{"aud-rights-objection", "rights: [objection]\naudience: {source: logs, opt_out: true}\n", nil},
	{"aud-rights-objection", "rights: [access]\naudience: {source: logs}\n", nil},

	{"pol-promise-kept", "policy: {announce: [email]}\npromises: [announced-changes]\n", nil},
	{"pol-promise-kept", "audience: {source: logs}\npromises: [statistics-from-logs, no-audience-identifier]\n", nil},
	{"pol-promise-kept", "promises: [none-before-choice, none-after-refusal]\nservices: [{id: a, name: A, category: stats, loads: always, trackers: [{name: b}]}]\n", []string{"none-before-choice is broken by b", "none-after-refusal is broken by b"}},
	{"pol-promise-kept", "audience: {source: logs, threshold: 9}\npromises: [statistics-aggregated]\n", []string{"statistics-aggregated is broken by audience.threshold: counts down to 9"}},
	{"pol-promise-kept", "audience: {source: logs}\npromises: [statistics-aggregated]\n", nil},
	{"pol-promise-kept", "services: [{id: a, name: A, category: stats, profiling: true}]\npromises: [{id: not-for-profiling, category: stats}, {id: not-for-profiling, category: essential}]\n", []string{"not-for-profiling is broken by A, which"}},
	{"pol-promise-kept", bare + profiled + "promises: [{id: not-for-profiling, category: ads}]\n", []string{"broken by the category ads"}},
	{"pol-promise-kept", "promises: [none-before-choice, none-after-refusal]\nservices: [{id: a, name: A, category: stats, trackers: [{name: b}]}]\n", nil},
	{"pol-promise-kept", bare + "categories: {ads: {needs: consent, advertising: true}}\nservices: [{id: a, name: A, category: ads}]\npromises: [no-advertising]\n", []string{"no-advertising is broken by A"}},
	{"pol-promise-kept", "hosts: [static.example]\ntrusted_hosts: [{host: \"*.static.example\", because: x}]\npromises: [no-third-party-requests]\n", nil},
	{"pol-promise-kept", "trusted_hosts: [{host: static.example, because: x}]\npromises: [no-third-party-requests]\n", []string{"is broken by static.example, a trusted host"}},
	{"pol-promise-kept", "promises: [statistics-from-logs]\n", []string{"declares no audience measurement"}},
	{"pol-promise-kept", "services: [{use: matomo, category: stats}]\npromises: [no-third-party-analytics, no-third-party-requests, no-advertising]\n", nil},
	{"pol-promise-kept", "hosts: [static.example]\nservices: [{id: a, name: A, kind: analytics, category: stats, provider: {name: B}, hosts: [\"*.static.example/x/\"]}]\npromises: [no-third-party-analytics, no-third-party-requests]\n", nil},
	{"pol-promise-kept", "services: [{id: count, name: Count, category: stats, hosts: [\"*.mixpanel.com\"]}]\npromises: [no-third-party-analytics]\n", []string{"is broken by Count"}},
}

// cookies lists n first-party cookies.
func cookies(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = "{name: c" + strconv.Itoa(i) + ", category: stats}"
	}
	return strings.Join(all, ", ")
}

const profiled = "categories: {ads: {needs: consent, profiling: true}}\n"

const exemptCounter = "services: [{id: count, name: Count, kind: analytics, category: essential, trackers: [{name: v, reason: audience, lasts: 13 months}]}]\n"

const bare = "temoin: 1\nsite: fixture\nname: Fixture\nurl: https://shop.example\nlanguages: [en]\n"

func TestARuleTellsAFaultFromWhatNearlyIsOne(t *testing.T) {
	t.Parallel()
	for _, c := range cases {
		source := c.manifest
		if !strings.HasPrefix(source, bare) {
			source = header + source
		}
		found := run(t, source).of(c.rule)
		for _, words := range c.want {
			i := 0
			for i < len(found) && !strings.Contains(string(found[i].Severity)+" "+found[i].Message, words) {
				i++
			}
			if i == len(found) {
				t.Errorf("%s: nothing says %q of %q", c.rule, words, c.manifest)
				continue
			}
			found = append(found[:i], found[i+1:]...)
		}
		for _, f := range found {
			t.Errorf("%s: unexpected %s: %s of %q", c.rule, f.Severity, f.Message, c.manifest)
		}
	}
}
