package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/net/html"

	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/internal/lang"
	"github.com/temoin/temoin/policy"
)

// fullManifest states everything that a manifest can, so that every field of
// the format is seen. What is marked SECRET is no part of the page.
const fullManifest = `
temoin: 1
site: full
name: Full
url: https://full.example
hosts: [www.full.example]
languages: [en, fr]
controller: {name: Full SAS, form: SAS, siren: 123 456 782, address: 1 rue Une, country: FR, email: hi@full.example, phone: +33 1 23 45 67 89, url: https://group.example}
contact:
  dpo: {name: Ms Data, email: dpo@full.example, form: {en: /en/dpo, fr: /fr/dpo}, address: 2 rue Deux, phone: "0123456789", subject: {en: Cookies}, answers_within: 72 hours, text: {en: Your data}}
  general: {email: all@full.example}
  support: {form: /support}
authority: {name: {en: The authority}, url: https://authority.example, complaint: https://authority.example/complain}
public: {minors: targeted, consent_age: 15, text: {en: You can say no.}, countries: [FR], because: SECRET because of minors}
policy:
  version: "2.0"
  updated: 2026-05-04
  effective: 2026-05-20
  reviewed: 2026-11-02
  review: 2027-05-04
  announce: [banner, email]
  announced_before: 15 days
  history: [{version: "1.0", date: 2025-06-01, changes: {en: Added the chat.}}]
page: {title: {en: Cookies}, subtitle: {en: All of them}}
choice:
  cookie: full-choice
  lasts: 6 months
  scope: account
  conflict: latest
  domain: registrable
  reopen: [{where: page, path: /privacy, label: {en: Your privacy}, reopens_banner: true}, {where: account, path: /account, signed_in: true}]
notice: {text: {en: "Choose <b>freely</b> & </script> calmly."}}
proof: {kept: 5 years after expiry, because: {en: Claims can be brought until then}, recipients: {en: our officer}, anchors: [{kind: timestamp, name: Example Trust}, {kind: git, name: git.example}]}
categories:
  essential: {title: {en: Essential, fr: Essentiels}, purpose: {en: To work.}, exempt: true, blocked: {en: Nothing works.}, benefits: {en: "signing in\npaying"}}
  analytics:
    title: {en: Analytics}
    purpose: {fr: Compter les visites.}
    needs: consent
    accepted: {en: You are counted.}
    refused: {en: You are not.}
    basis: consent
    basis_note: {en: "We ask.\n\nWe keep asking."}
    profiling: true
    optional: true
    advertising: true
trackers:
  - {name: __Host-full, also: [full-dev], category: essential, purpose: {en: Session}, lasts: {remember-me: 30 days, otherwise: session}, sliding: true, domain: full.example, path: /app, http_only: true, secure: true, same_site: Lax, partitioned: true, reason: authentication, content: {en: a number}, act: {en: you sign in}, basis: contract}
  - {label: {en: Mode}, kind: localStorage, category: essential, purpose: {en: Colours}, lasts: until-deleted, reason: service-requested, because: {en: You choose them}, act: {en: you choose}, evidence: {text: SECRET text of a tracker's evidence, by: SECRET tester, document: SECRET report}}
services:
  - use: google-analytics
    category: analytics
    contract: SECRET contract
    evidence: {text: {en: Retention is set.}, by: SECRET officer, document: SECRET settings, date: 2026-03-01}
  - id: chat
    name: {en: Chat}
    category: analytics
    purpose: {en: To talk}
    loads: on-use
    paths: [/help]
    click: true
    because: {en: You open it}
    provider: {name: Chat Ltd, country: US, address: SECRET address, privacy: {en: https://chat.example/privacy, fr: https://chat.example/fr}, transfer: {mechanism: scc, module: 2, tia: TIA-7, copy: https://chat.example/scc, checked: 2026-09-01}}
    role: processor
    recipients: [{name: Chat Inc, country: US, transfer: dpf}]
    hosts: ["*.chat.example"]
    snippets: [SECRET snippet]
    sends: {en: IP address}
    opt_out: https://chat.example/no
    incomplete: true
    kind: chat
    trackers: [{name: both, kind: pixel, party: third, domain: chat.example}]
  - {id: video, name: Video, category: analytics, purpose: {en: To watch}, provider: {name: Video SA, country: FR}, hosts: [video.example], trackers: [{name: both, kind: pixel, party: third, domain: chat.example}]}
  - {id: fonts, name: Fonts, category: essential, purpose: {en: Letters}, self_hosted: true, because: {en: Ours}, provider: {name: SECRET maker}, hosts: [secret.fonts.example], contract: SECRET too}
trusted_hosts: [{host: images.example.net, because: {en: our own image store}}]
promises:
  - {id: no-social-media, in_short: true}
  - {id: max-lifetime, max: 13 months, category: analytics}
  - {id: ip-masked, service: chat, attested: {text: {en: It cuts them}, by: Officer, date: 2026-03-01, document: https://full.example/audit.pdf, review: 2027-03-01}}
  - {id: kind-words, text: {en: We are kind.}, kind: attested}
audience: {source: logs, exemption: true, purposes: [performance, content], kept: 13 months, opt_out: true, threshold: 10, text: {en: We count lines.}}
logs: {kept: 12 months, purpose: {en: security}, content: {en: time and page}}
automated_decisions: {none: true, text: {en: A person decides.}}
app: {name: Full App, cookies: false}
law: [eu-gdpr, {text: {en: A law}, url: https://law.example}]
hosted_by: {name: Host SAS, country: FR, address: 3 rue Trois}
links: {privacy: /privacy, legal: /legal, terms: {en: /terms, fr: /cgu}}
`

// jsonSites are the sites that the tests of the format run on.
func jsonSites(t testing.TB) map[string]*policy.Site {
	t.Helper()
	sites := map[string]*policy.Site{}
	add := func(name string, src []byte, err error) {
		if err != nil {
			t.Fatal(err)
		}
		if sites[name], err = policy.Parse(name, src); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range examples.Sites {
		for _, asPublished := range []bool{false, true} {
			name, src, err := examples.Manifest(id, asPublished)
			add(name, src, err)
		}
	}
	add("full", []byte(fullManifest), nil)
	add("full, with words about the app", []byte(strings.Replace(fullManifest, "cookies: false}", "text: {en: It is small.}}", 1)), nil)
	return sites
}

func documentJSON(t testing.TB, site *policy.Site, o Options) (*Document, []byte) {
	t.Helper()
	d, err := Build(site, o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return d, b
}

// parsed is JSON as the validator reads it.
func parsed(t testing.TB, b []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func policySchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(JSONSchemaID, parsed(t, JSONSchema())); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(JSONSchemaID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// bared is the site with Témoin's words taken out of every section.
func bared(site *policy.Site) *policy.Site {
	s := *site
	s.Page.Sections = nil
	for _, id := range policy.SectionIDs() {
		s.Page.Sections = append(s.Page.Sections, policy.Section{ID: id, Bare: true})
	}
	return &s
}

func TestThePolicyForProgramsIsValidInEveryLanguage(t *testing.T) {
	schema := policySchema(t)
	for name, site := range jsonSites(t) {
		for _, tag := range lang.Tags() {
			for _, s := range []*policy.Site{site, bared(site)} {
				d, b := documentJSON(t, s, Options{Lang: tag})
				if err := schema.Validate(parsed(t, b)); err != nil {
					t.Errorf("%s in %s: %v", name, tag, err)
				}
				if again, err := d.JSON(); err != nil || !bytes.Equal(again, b) {
					t.Errorf("%s in %s: the same policy is not the same bytes (%v)", name, tag, err)
				}
			}
		}
	}
}

func TestAVersionThatIsNotInForceSaysWhichOneIs(t *testing.T) {
	site := jsonSites(t)["full"]
	_, b := documentJSON(t, site, Options{Lang: "ar", InForce: "3.0", InForceURL: "/.temoin/policy"})
	if err := policySchema(t).Validate(parsed(t, b)); err != nil {
		t.Error(err)
	}
	if want := `"superseded":{"by":"3.0","url":"/.temoin/policy"}`; !bytes.Contains(b, []byte(want)) {
		t.Errorf("there is no %s in %s", want, b)
	}
}

// A schema that lets anything through is worth nothing: each value is damaged,
// each object gets a field that nobody knows and loses each field that it needs.
func TestTheSchemaRefusesWhatIsDamaged(t *testing.T) {
	schema := policySchema(t)
	_, b := documentJSON(t, jsonSites(t)["full"], Options{Lang: "fr"})
	doc := parsed(t, b)
	refused := func(what string) {
		if schema.Validate(doc) == nil {
			t.Errorf("%s is not refused", what)
		}
	}
	var damage func(at string, v any)
	damage = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			v["surprise"] = "x"
			refused("an unknown field in " + at)
			delete(v, "surprise")
			for _, k := range slices.Sorted(maps.Keys(v)) {
				old := v[k]
				for _, bad := range []any{json.Number("-1.5"), "", nil} {
					v[k] = bad
					refused(fmt.Sprintf("%v in %s.%s", bad, at, k))
				}
				v[k] = old
				if k != "@context" {
					damage(at+"."+k, old)
				}
			}
		case []any:
			for i, old := range v {
				v[i] = json.Number("-1.5")
				refused(fmt.Sprintf("a number in %s[%d]", at, i))
				v[i] = old
				damage(fmt.Sprintf("%s[%d]", at, i), old)
			}
		}
	}
	damage("policy", doc)
	if err := schema.Validate(doc); err != nil {
		t.Fatalf("the test did not mend what it damaged: %v", err)
	}
}

func TestTheSchemaRefusesWhatCannotBeTrue(t *testing.T) {
	schema := policySchema(t)
	_, b := documentJSON(t, jsonSites(t)["full"], Options{Lang: "en"})
	for _, c := range [][2]string{
		{`"format":"temoin-policy/1"`, `"format":"temoin-policy/2"`},
		{`"format":"temoin-policy/1",`, ``},
		{`"kind":"session"`, `"kind":"session","duration":"P1D"`},
		{`"kind":"period","duration":"P30D"`, `"kind":"period"`},
		{`"duration":"P30D"`, `"duration":"30 days"`},
		{`"updated":"2026-05-04"`, `"updated":"2026-02-30"`},
		{`"country":"FR"`, `"country":"France"`},
		{`"ground":"consent"`, `"ground":"legitimate-interest"`},
		{`"ground":"consent"`, `"ground":"exempt"`},
		{`"self_hosted":true`, `"self_hosted":true,"hosts":["fonts.example"]`},
		{`"self_hosted":true`, `"self_hosted":false`},
		{`"eu-gdpr:A6-1-a"`, `"eu-gdpr:A6-1-f"`}, // the context means what it means
	} {
		damaged := bytes.Replace(b, []byte(c[0]), []byte(c[1]), 1)
		if bytes.Equal(damaged, b) {
			t.Errorf("%s is not there", c[0])
		} else if schema.Validate(parsed(t, damaged)) == nil {
			t.Errorf("%s instead of %s is not refused", c[1], c[0])
		}
	}
}

// withoutTexts takes out all that may differ from language to language.
func withoutTexts(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			if out[k] = withoutTexts(x); isText(x) {
				out[k] = "words"
			}
		}
		delete(out, "language")
		return out
	case []any:
		var out []any
		for _, x := range v {
			if isText(x) {
				x = "words"
			}
			out = append(out, withoutTexts(x))
		}
		return out
	}
	return v
}

// isText reports whether v is a text or a link.
func isText(v any) bool {
	m, ok := v.(map[string]any)
	for k := range m {
		if k != "text" && k != "url" && k != "lang" {
			return false
		}
	}
	return ok && len(m) > 0
}

func TestEveryLanguageStatesTheSameFactsToPrograms(t *testing.T) {
	for name, site := range jsonSites(t) {
		var first any
		for _, tag := range lang.Tags() {
			_, b := documentJSON(t, site, Options{Lang: tag})
			facts := withoutTexts(parsed(t, b))
			if first == nil {
				first = facts
			} else if !reflect.DeepEqual(first, facts) {
				t.Errorf("%s: %s states other facts than %s", name, tag, lang.Tags()[0])
			}
		}
	}
}

func TestATextNamesItsLanguageWhereItIsNotTheDocuments(t *testing.T) {
	_, b := documentJSON(t, jsonSites(t)["full"], Options{Lang: "fr"})
	for _, want := range []string{
		`"title":{"text":"Essentiels"}`,
		`"title":{"text":"Analytics","lang":"en"}`,
		`"purpose":{"text":"Compter les visites."}`,
		`"basis_note":{"text":"We ask.\n\nWe keep asking.","lang":"en"}`,
		`"form":{"url":"/fr/dpo"}`,
		`"terms":{"url":"/cgu"}`,
		`"name":{"text":"Fonts"}`,
	} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("there is no %s", want)
		}
	}
	_, b = documentJSON(t, jsonSites(t)["full"], Options{Lang: "de"})
	for _, want := range []string{`"text":"Compter les visites.","lang":"fr"`, `"url":"/en/dpo","lang":"en"`} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("there is no %s", want)
		}
	}
}

// pageText is what a page says and where its links lead, in lower case and with
// single blanks.
func pageText(t testing.TB, page []byte) string {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
		for _, a := range n.Attr {
			if a.Key == "href" {
				b.WriteString(" " + a.Val + " ")
			}
		}
	}
	return single(b.String())
}

func single(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// beyondThePage are the strings of the format that are no words of the page:
// identifiers, codes, and what any browser can see.
var beyondThePage = regexp.MustCompile(`^(\$schema|@type|format|language|languages|lang|id|ground|basis|storage|category|service|shared|origin|party|reason|` +
	`when|kind|same_site|path|catalogue|loads|role|mechanism|scope|conflict|domain|mode|from|source|purposes|rights|where|cookie|` +
	`fingerprint|duration|kept|max|lasts|before|answers_within|country|updated|effective|reviewed|review|date|checked|by)$`)

// words are the strings that the page has to say, each with where it stands.
func words(at, key string, v any, found map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if at+"."+k != ".@context" && at+"."+k != ".site" {
				words(at+"."+k, k, x, found)
			}
		}
	case []any:
		for _, x := range v {
			words(at, key, x, found)
		}
	case string:
		if !beyondThePage.MatchString(key) || strings.HasSuffix(at, "attested.by") {
			for part := range strings.SplitSeq(v, "\n\n") {
				found[part] = at
			}
		}
	}
}

func TestProgramsLearnNothingThatThePageDoesNotSay(t *testing.T) {
	for name, site := range jsonSites(t) {
		for _, tag := range []string{"en", "fr", "ar"} {
			for _, s := range []*policy.Site{site, bared(site)} {
				d, b := documentJSON(t, s, Options{Lang: tag})
				page := pageText(t, d.HTML(Page{}))
				said := map[string]string{}
				words("", "", parsed(t, b), said)
				for text, at := range said {
					// The page may put a sentence in the middle of one of its own.
					if want := strings.TrimRight(single(text), "."); !strings.Contains(page, want) {
						t.Errorf("%s in %s: %s is %q, which the page does not say", name, tag, at, text)
					}
				}
			}
		}
	}
}

func TestWhatIsNotPublishedIsNotInThePolicyForPrograms(t *testing.T) {
	site := jsonSites(t)["full"]
	_, b := documentJSON(t, site, Options{Lang: "en"})
	if i := bytes.Index(bytes.ToLower(b), []byte("secret")); i >= 0 {
		t.Errorf("…%s…", b[max(0, i-80):min(len(b), i+40)])
	}
	if bytes.ContainsAny(b, "<>&") || !bytes.Contains(b, []byte(`\u003c/script\u003e`)) {
		t.Error("markup is not escaped")
	}
	_, b = documentJSON(t, bared(site), Options{Lang: "en"})
	for _, key := range []string{"contacts", "authority", "trackers", "services", "promises", "choice", "records", "hosting", "links", "history", "rights"} {
		if bytes.Contains(b, []byte(`"`+key+`":[`)) || bytes.Contains(b, []byte(`"`+key+`":{"`)) && !bytes.Contains(b, []byte(`"`+key+`":{"@id"`)) {
			t.Errorf("%s is told although the page leaves it out", key)
		}
	}
}

// dpvTerms are the terms of vocabularies that the context uses, each with its
// IRI, as read in DPV 2.3 (modified 2026-02-25; github.com/w3c/dpv at f01a55c)
// and in DCMI Terms, RDF and XSD. The countries of loc are those of ISO 3166.
var dpvTerms = map[string]string{
	"dpv:PrivacyNotice":                "https://w3id.org/dpv#PrivacyNotice",
	"dpv:hasIdentifier":                "https://w3id.org/dpv#hasIdentifier",
	"dpv:hasName":                      "https://w3id.org/dpv#hasName",
	"dpv:hasAddress":                   "https://w3id.org/dpv#hasAddress",
	"dpv:hasContact":                   "https://w3id.org/dpv#hasContact",
	"dpv:hasCountry":                   "https://w3id.org/dpv#hasCountry",
	"dpv:hasDataController":            "https://w3id.org/dpv#hasDataController",
	"dpv:hasDataProtectionOfficer":     "https://w3id.org/dpv#hasDataProtectionOfficer",
	"dpv:hasAuthority":                 "https://w3id.org/dpv#hasAuthority",
	"dpv:hasProcess":                   "https://w3id.org/dpv#hasProcess",
	"dpv:hasPurpose":                   "https://w3id.org/dpv#hasPurpose",
	"dpv:hasLegalBasis":                "https://w3id.org/dpv#hasLegalBasis",
	"dpv:hasDuration":                  "https://w3id.org/dpv#hasDuration",
	"dpv:hasService":                   "https://w3id.org/dpv#hasService",
	"dpv:hasServiceProvider":           "https://w3id.org/dpv#hasServiceProvider",
	"dpv:hasRecipient":                 "https://w3id.org/dpv#hasRecipient",
	"dpv:hasRight":                     "https://w3id.org/dpv#hasRight",
	"dpv:hasApplicableLaw":             "https://w3id.org/dpv#hasApplicableLaw",
	"dpv:isImplementedUsingTechnology": "https://w3id.org/dpv#isImplementedUsingTechnology",
	"dpv:Technology":                   "https://w3id.org/dpv#Technology",
	"dpv:TemporalDuration":             "https://w3id.org/dpv#TemporalDuration",
	"dpv:UntilEventDuration":           "https://w3id.org/dpv#UntilEventDuration",
	"dpv:DataController":               "https://w3id.org/dpv#DataController",
	"dpv:JointDataControllers":         "https://w3id.org/dpv#JointDataControllers",
	"dpv:DataProcessor":                "https://w3id.org/dpv#DataProcessor",
	"dpv:DataSubjectRight":             "https://w3id.org/dpv#DataSubjectRight",
	"dpv:DataTransferLegalBasis":       "https://w3id.org/dpv#DataTransferLegalBasis",
	"dpv:LegalCompliance":              "https://w3id.org/dpv#LegalCompliance",
	"dpv:IdentityAuthentication":       "https://w3id.org/dpv#IdentityAuthentication",
	"dpv:EnforceSecurity":              "https://w3id.org/dpv#EnforceSecurity",
	"dpv:RequestedServiceProvision":    "https://w3id.org/dpv#RequestedServiceProvision",
	"dpv:PaymentManagement":            "https://w3id.org/dpv#PaymentManagement",
	"dpv:UserInterfacePersonalisation": "https://w3id.org/dpv#UserInterfacePersonalisation",
	"dpv:TechnicalServiceProvision":    "https://w3id.org/dpv#TechnicalServiceProvision",
	"dpv:ServiceProvision":             "https://w3id.org/dpv#ServiceProvision",
	"dpv:ServiceUsageAnalytics":        "https://w3id.org/dpv#ServiceUsageAnalytics",
	"eu-gdpr:A6-1-a":                   "https://w3id.org/dpv/legal/eu/gdpr#A6-1-a",
	"eu-gdpr:A6-1-b":                   "https://w3id.org/dpv/legal/eu/gdpr#A6-1-b",
	"eu-gdpr:A6-1-c":                   "https://w3id.org/dpv/legal/eu/gdpr#A6-1-c",
	"eu-gdpr:A6-1-f":                   "https://w3id.org/dpv/legal/eu/gdpr#A6-1-f",
	"eu-gdpr:A7-3":                     "https://w3id.org/dpv/legal/eu/gdpr#A7-3",
	"eu-gdpr:A15":                      "https://w3id.org/dpv/legal/eu/gdpr#A15",
	"eu-gdpr:A16":                      "https://w3id.org/dpv/legal/eu/gdpr#A16",
	"eu-gdpr:A17":                      "https://w3id.org/dpv/legal/eu/gdpr#A17",
	"eu-gdpr:A18":                      "https://w3id.org/dpv/legal/eu/gdpr#A18",
	"eu-gdpr:A20":                      "https://w3id.org/dpv/legal/eu/gdpr#A20",
	"eu-gdpr:A21":                      "https://w3id.org/dpv/legal/eu/gdpr#A21",
	"eu-gdpr:A22":                      "https://w3id.org/dpv/legal/eu/gdpr#A22",
	"eu-gdpr:A45-3":                    "https://w3id.org/dpv/legal/eu/gdpr#A45-3",
	"eu-gdpr:A46-2-b":                  "https://w3id.org/dpv/legal/eu/gdpr#A46-2-b",
	"eu-gdpr:A46-2-c":                  "https://w3id.org/dpv/legal/eu/gdpr#A46-2-c",
	"tech:Cookie":                      "https://w3id.org/dpv/tech#Cookie",
	"tech:LocalStorage":                "https://w3id.org/dpv/tech#LocalStorage",
	"dct:description":                  "http://purl.org/dc/terms/description",
	"dct:language":                     "http://purl.org/dc/terms/language",
	"dct:modified":                     "http://purl.org/dc/terms/modified",
	"rdf:value":                        "http://www.w3.org/1999/02/22-rdf-syntax-ns#value",
	"xsd:date":                         "http://www.w3.org/2001/XMLSchema#date",
	"xsd:duration":                     "http://www.w3.org/2001/XMLSchema#duration",
}

// contextTerms are the compact IRIs that a context uses, and its prefixes.
func contextTerms(context any, terms map[string]bool, prefixes map[string]string) {
	for k, v := range context.(map[string]any) {
		switch v := v.(type) {
		case map[string]any:
			contextTerms(v, terms, prefixes)
		case string:
			switch {
			case k == "@vocab" || strings.HasPrefix(v, "http"):
				prefixes[k] = v
			case !strings.HasPrefix(v, "@"):
				terms[v] = true
			}
		}
	}
}

func TestOnlyTermsThatTheVocabulariesHaveAreUsed(t *testing.T) {
	terms, prefixes := map[string]bool{"dpv:PrivacyNotice": true}, map[string]string{}
	contextTerms(parsed(t, jsonContext()), terms, prefixes)
	for term := range terms {
		prefix, name, _ := strings.Cut(term, ":")
		if iri := dpvTerms[term]; iri == "" || iri != prefixes[prefix]+name {
			t.Errorf("%s: the table has %q, the context makes it %q", term, iri, prefixes[prefix]+name)
		}
	}
	page, err := os.ReadFile("../../docs/policy-json.md")
	if err != nil {
		t.Fatal(err)
	}
	for term := range dpvTerms {
		if !terms[term] {
			t.Errorf("the table has %s, which nothing uses", term)
		}
		if prefix, _, _ := strings.Cut(term, ":"); prefix != "xsd" && prefix != "rdf" && !bytes.Contains(page, []byte("`"+term+"`")) {
			t.Errorf("docs/policy-json.md does not name %s", term)
		}
	}
	if prefixes["@vocab"] != prefixes["loc"] || prefixes["loc"] != "https://w3id.org/dpv/loc#" {
		t.Errorf("countries are %q", prefixes["@vocab"])
	}
}

// Every value that the context turns into a term has one: a value without would
// become an address below that of the document.
func TestEveryCodeThatIsATermHasOne(t *testing.T) {
	var context map[string]struct {
		Type    string         `json:"@type"`
		Context map[string]any `json:"@context"`
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(jsonContext(), &raw); err != nil {
		t.Fatal(err)
	}
	for k, v := range raw {
		if v[0] != '{' {
			delete(raw, k)
		}
	}
	objects, _ := json.Marshal(raw)
	if err := json.Unmarshal(objects, &context); err != nil {
		t.Fatal(err)
	}
	for name, site := range jsonSites(t) {
		_, b := documentJSON(t, site, Options{Lang: "en"})
		var walk func(v any)
		walk = func(v any) {
			switch v := v.(type) {
			case map[string]any:
				for k, x := range v {
					if c, ok := context[k]; ok && c.Type == "@vocab" && k != "country" {
						for _, code := range flat(x) {
							if c.Context[code] == nil {
								t.Errorf("%s: %s %q has no term", name, k, code)
							}
						}
					}
					walk(x)
				}
			case []any:
				for _, x := range v {
					walk(x)
				}
			}
		}
		doc := parsed(t, b).(map[string]any)
		delete(doc, "@context")
		walk(doc)
	}
}

func flat(v any) []string {
	var out []string
	if s, ok := v.(string); ok {
		return []string{s}
	}
	for _, x := range v.([]any) {
		out = append(out, x.(string))
	}
	return out
}

// inJSON says where each field of the policy's types stands in the format.
var inJSON = map[string]string{
	"Site.ID": "site.id", "Site.Name": "site.name", "Site.URL": "site.url", "Site.Host": "site.hosts", "Site.Hosts": "site.hosts",
	"Site.Langs": "languages", "Site.Page": "title", "Site.Policy": "version", "Site.Controller": "controller", "Site.Contact": "contacts",
	"Site.Authority": "authority", "Site.Public": "minors", "Site.HostedBy": "hosting", "Site.Links": "links", "Site.Law": "law",
	"Site.Rights": "rights", "Site.Automated": "automated_decisions", "Site.Categories": "categories", "Site.Trackers": "trackers",
	"Site.Services": "services", "Site.Promises": "promises", "Site.Trusted": "trusted_hosts", "Site.Choice": "choice",
	"Site.Notice": "notice", "Site.Proof": "proof", "Site.Audience": "audience", "Site.Logs": "logs", "Site.Records": "records",
	"Site.Kept": "records.kept", "Site.App": "app",

	"Page.Title": "title", "Page.Subtitle": "subtitle",

	"Document.Version": "version", "Document.Updated": "updated", "Document.Effective": "effective", "Document.ReviewedOn": "reviewed",
	"Document.ReviewDue": "review", "Document.Announce": "announced_changes.by", "Document.AnnouncedBefore": "announced_changes.before",
	"Document.History": "history", "Revision.Version": "history.version", "Revision.Date": "history.date", "Revision.Changes": "history.changes",

	"Controller.Name": "controller.name", "Controller.Form": "controller.form", "Controller.SIREN": "controller.siren",
	"Controller.Address": "controller.address", "Controller.Country": "controller.country", "Controller.Email": "controller.email",
	"Controller.Phone": "controller.phone", "Controller.URL": "controller.url",

	"Contact.DPO": "contacts.dpo", "Contact.General": "contacts.general", "Contact.Support": "contacts.support",
	"Mailbox.Name": "contacts.dpo.name", "Mailbox.Email": "contacts.dpo.email", "Mailbox.Form": "contacts.dpo.form",
	"Mailbox.Address": "contacts.dpo.address", "Mailbox.Phone": "contacts.dpo.phone", "Mailbox.Subject": "contacts.dpo.subject",
	"Mailbox.Within": "contacts.dpo.answers_within", "Mailbox.Text": "contacts.dpo.helps_with",

	"Authority.ID": "authority.id", "Authority.Name": "authority.name", "Authority.URL": "authority.site", "Authority.Complaint": "authority.complaint",
	"Public.ConsentAge": "minors.consent_age", "Public.Text": "minors.summary",
	"Links.Privacy": "links.privacy", "Links.Legal": "links.legal", "Links.Terms": "links.terms",
	"Law.ID": "law.id", "Law.Text": "law.name", "Law.URL": "law.read",
	"Automated.None": "automated_decisions.none", "Automated.Text": "automated_decisions.which",
	"TrustedHost.Host": "trusted_hosts.host", "TrustedHost.Because": "trusted_hosts.because",

	"Category.ID": "categories.id", "Category.Title": "categories.title", "Category.Purpose": "categories.purpose", "Category.Ground": "categories.ground",
	"Category.IfAccepted": "categories.if_accepted", "Category.IfRefused": "categories.if_refused", "Category.IfBlocked": "categories.if_blocked",
	"Category.Benefits": "categories.benefits", "Category.Basis": "categories.basis", "Category.BasisNote": "categories.basis_note",
	"Category.Profiling": "categories.profiling", "Category.Optional": "categories.optional", "Category.Advertising": "categories.advertising",
	"Category.Trackers": "trackers.category", "Category.Services": "services.category",

	"Tracker.Origin": "trackers.origin", "Tracker.Name": "trackers.name", "Tracker.Label": "trackers.label", "Tracker.Also": "trackers.also",
	"Tracker.Storage": "trackers.storage", "Tracker.Category": "trackers.category", "Tracker.Service": "trackers.service",
	"Tracker.Shared": "trackers.shared", "Tracker.Purpose": "trackers.purpose", "Tracker.Lasts": "trackers.lifetimes",
	"Tracker.Sliding": "trackers.sliding", "Tracker.Party": "trackers.party", "Tracker.Domain": "trackers.domain",
	"Tracker.Path": "trackers.attributes.path", "Tracker.HTTPOnly": "trackers.attributes.http_only", "Tracker.Secure": "trackers.attributes.secure",
	"Tracker.SameSite": "trackers.attributes.same_site", "Tracker.Partitioned": "trackers.attributes.partitioned", "Tracker.Reason": "trackers.reason",
	"Tracker.Because": "trackers.because", "Tracker.Act": "trackers.act", "Tracker.Content": "trackers.content", "Tracker.Basis": "trackers.basis",
	"Variant.When": "trackers.lifetimes.when", "Variant.Lifetime": "trackers.lifetimes.kind",
	"Lifetime.Kind": "trackers.lifetimes.kind", "Lifetime.Period": "trackers.lifetimes.duration",

	"Service.ID": "services.id", "Service.Name": "services.name", "Service.Category": "services.category", "Service.Purpose": "services.purpose",
	"Service.Provider": "services.provider", "Service.Role": "services.provider.role", "Service.Recipients": "services.recipients",
	"Service.Loads": "services.loads", "Service.Paths": "services.paths", "Service.Click": "services.click", "Service.Hosts": "services.hosts",
	"Service.SelfHosted": "services.self_hosted", "Service.Sends": "services.sends", "Service.OptOut": "services.opt_out",
	"Service.Because": "services.because", "Service.Evidence": "services.settings", "Service.Incomplete": "services.incomplete",
	"Service.Trackers": "trackers.service",
	"Recipient.Name":   "services.provider.name", "Recipient.Country": "services.provider.country", "Recipient.Address": "hosting.address",
	"Recipient.Privacy": "services.provider.privacy", "Recipient.Transfers": "services.provider.transfers",
	"Transfer.Mechanism": "services.provider.transfers.mechanism", "Transfer.Module": "services.provider.transfers.module",
	"Transfer.TIA": "services.provider.transfers.assessment", "Transfer.Copy": "services.provider.transfers.copy",
	"Transfer.Checked": "services.provider.transfers.checked",

	"Promise.ID": "promises.id", "Promise.Known": "promises.known", "Promise.Kind": "promises.kind", "Promise.Text": "promises.statement",
	"Promise.Max": "promises.max", "Promise.Service": "promises.service", "Promise.Category": "promises.category", "Promise.Attested": "promises.attested",
	"Evidence.Text": "promises.attested.what", "Evidence.By": "promises.attested.by", "Evidence.Date": "promises.attested.date",
	"Evidence.Document": "promises.attested.document", "Evidence.Review": "promises.attested.review",

	"Choice.Cookie": "choice.cookie", "Choice.Purpose": "trackers.purpose", "Choice.Lasts": "choice.lasts", "Choice.Scope": "choice.scope",
	"Choice.Conflict": "choice.conflict", "Choice.Domain": "choice.domain", "Choice.Reopen": "choice.reopen",
	"Reopening.Where": "choice.reopen.where", "Reopening.Path": "choice.reopen.path", "Reopening.Label": "choice.reopen.label",
	"Reopening.Banner": "choice.reopen.reopens_banner", "Reopening.Signed": "choice.reopen.signed_in",
	"Notice.Mode": "notice.mode", "Notice.Text": "notice.says",

	"Proof.Kept": "records.kept", "Proof.Because": "proof.because", "Proof.Recipients": "proof.recipients", "Proof.Anchors": "proof.anchors",
	"ProofAnchor.Kind": "proof.anchors.kind", "ProofAnchor.Name": "proof.anchors.name",
	"Kept.Requests": "records.kept", "Kept.Reports": "records.kept", "Kept.Mail": "records.kept",
	"Record.ID": "records.id", "Record.Basis": "records.basis", "Record.Kept": "records.kept", "Record.From": "records.from", "Record.By": "records.by",
	"Logs.Kept": "logs.kept", "Logs.Purpose": "logs.purpose", "Logs.Content": "logs.content",
	"Audience.Source": "audience.source", "Audience.Exemption": "audience.exemption", "Audience.Purposes": "audience.purposes",
	"Audience.Kept": "audience.kept", "Audience.OptOut": "audience.opt_out", "Audience.Threshold": "audience.threshold", "Audience.Text": "audience.how",
	"App.Name": "app.name", "App.Cookies": "app.cookies", "App.Text": "app.says",
}

// leftOut are the fields that the format has not, with the reason. A field
// named Field is the place in the manifest, which is the operator's own file.
var leftOut = map[string]string{
	"Site.File":              "the operator's own file",
	"Site.Hash":              "of the operator's own file, comments included",
	"Category.Index":         "the place in the list",
	"Service.Index":          "the place in the list",
	"Site.Prose":             "every text once more, for rules on wording",
	"Site.Browsers":          "guidance in words: the page and its Markdown have it",
	"Browser.ID":             "guidance in words",
	"Browser.Name":           "guidance in words",
	"Browser.Text":           "guidance in words",
	"Browser.URL":            "guidance in words",
	"Page.Sections":          "words around the facts: the page and its Markdown have them",
	"Page.NativeDigits":      "how the page writes numbers",
	"Notice.LocaleCookie":    "how the notice finds its language",
	"Site.Identity":          "how it is known who is signed in",
	"Identity.URL":           "how it is known who is signed in",
	"Identity.Name":          "how it is known who is signed in",
	"Site.Enforcement":       "how the site is kept to what the policy says",
	"Enforcement.Storage":    "how the site is kept to what the policy says",
	"Enforcement.Mode":       "how the site is kept to what the policy says",
	"Enforcement.Undeclared": "how the site is kept to what the policy says",
	"Enforcement.Seal":       "how the site is kept to what the policy says",
	"Enforcement.Cacheable":  "how the site is kept to what the policy says",
	"Notice.Theme":           "how the notice looks",
	"Notice.Scheme":          "how the notice looks",
	"Notice.Colors":          "how the notice looks",
	"Notice.DarkColors":      "how the notice looks",
	"Notice.Font":            "how the notice looks",
	"Notice.TextSize":        "how the notice looks",
	"Notice.Radius":          "how the notice looks",
	"Palette.Paper":          "how the notice looks",
	"Palette.Ink":            "how the notice looks",
	"Palette.Accent":         "how the notice looks",
	"Palette.OnAccent":       "how the notice looks",
	"Palette.Line":           "how the notice looks",
	"Section.ID":             "words around the facts",
	"Section.Title":          "words around the facts",
	"Section.Intro":          "words around the facts",
	"Section.Note":           "words around the facts",
	"Section.Text":           "words around the facts",
	"Section.Bare":           "what such a section would say is left out here too",
	"Document.UpdatedAs":     "how the page spells a date",
	"Document.EffectiveAs":   "how the page spells a date",
	"Revision.Editorial":     "who is asked again: not on the page",
	"Public.Minors":          "the operator's assessment: not on the page",
	"Public.Countries":       "the operator's assessment: not on the page",
	"Public.Because":         "the operator's assessment: not on the page",
	"Category.Revision":      "part of the fingerprint; the number says nothing",
	"Tracker.Evidence":       "internal: not on the page",
	"Tracker.Retired":        "of the catalogue",
	"Service.Kind":           "for rules: not on the page",
	"Service.Contract":       "internal: not on the page",
	"Service.Snippets":       "how scripts are recognised: not on the page",
	"Service.Profiling":      "for rules: not on the page, which says it of the category",
	"Service.Sources":        "of the catalogue",
	"Promise.InShort":        "where on the page it stands",
}

// policyFields are the exported fields of the types that a Site holds.
func policyFields(typ reflect.Type, seen map[reflect.Type]bool, fields map[string]bool) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	// Values, which are written as they are; references of the catalogue.
	values := []reflect.Type{reflect.TypeFor[policy.Text](), reflect.TypeFor[policy.Date](), reflect.TypeFor[policy.Period](), reflect.TypeFor[policy.Prose](), reflect.TypeFor[policy.Reference]()}
	if typ.Kind() != reflect.Struct || seen[typ] || slices.Contains(values, typ) {
		return
	}
	seen[typ] = true
	for i := range typ.NumField() {
		if f := typ.Field(i); f.IsExported() {
			if f.Name != "Field" {
				fields[typ.Name()+"."+f.Name] = true
			}
			policyFields(f.Type, seen, fields)
		}
	}
}

// places are the fields of a document that hold something.
func places(at string, v any, found map[string]bool) {
	found[at] = true
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			places(strings.TrimPrefix(at+"."+k, "."), x, found)
		}
	case []any:
		for _, x := range v {
			places(at, x, found)
		}
	}
}

func TestEveryFieldOfAPolicyIsToldOrLeftOutForAReason(t *testing.T) {
	found := map[string]bool{}
	for _, site := range jsonSites(t) {
		_, b := documentJSON(t, site, Options{Lang: "en"})
		places("", parsed(t, b), found)
	}
	fields := map[string]bool{}
	policyFields(reflect.TypeFor[policy.Site](), map[reflect.Type]bool{}, fields)
	for f := range fields {
		path, told := inJSON[f]
		switch _, out := leftOut[f]; {
		case told == out:
			t.Errorf("%s: say in inJSON where it stands, or in leftOut why it does not", f)
		case told && !found[path]:
			t.Errorf("%s: no document has %s", f, path)
		}
	}
	for _, table := range []map[string]string{inJSON, leftOut} {
		for f := range table {
			if !fields[f] {
				t.Errorf("%s is no field of a policy", f)
			}
		}
	}
}

// Every field of the schema is seen in some document: none is a promise only.
func TestEveryFieldOfTheSchemaIsWritten(t *testing.T) {
	found := map[string]bool{}
	for _, site := range jsonSites(t) {
		_, b := documentJSON(t, site, Options{Lang: "de", InForce: "9", InForceURL: "/9"})
		places("", parsed(t, b), found)
	}
	var root map[string]any
	if err := json.Unmarshal(JSONSchema(), &root); err != nil {
		t.Fatal(err)
	}
	var walk func(at string, s map[string]any)
	walk = func(at string, s map[string]any) {
		if ref, ok := s["$ref"].(string); ok {
			s = root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
		}
		if items, ok := s["items"].(map[string]any); ok {
			walk(at, items)
		}
		properties, _ := s["properties"].(map[string]any)
		for k, p := range properties {
			path := strings.TrimPrefix(at+"."+k, ".")
			// One mailbox or entity in full stands for all.
			if !found[path] && !regexp.MustCompile(`^contacts\.(general|support)\.|^hosting\.|\.recipients\.|\.lang$`).MatchString(path) {
				t.Errorf("no document has %s", path)
			}
			walk(path, p.(map[string]any))
		}
	}
	walk("", root)
}

func BenchmarkJSON(b *testing.B) {
	d, err := Build(jsonSites(b)["examples/cexro/site.yaml"], Options{Lang: "fr"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.JSON(); err != nil {
			b.Fatal(err)
		}
	}
}
