package check

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/temoin/temoin/policy"
)

// Rules on third parties: who receives what, where, and on what ground.
var serviceRules = []Rule{
	{
		ID: "vnd-named", Severity: Error,
		Title:   "Every third party is named by its legal entity, not by what it does.",
		Why:     "“Online payment” receives nothing; a company does.",
		Fix:     "Write provider: {name: …, country: …}, or use an entry of the catalogue.",
		Sources: []Source{guidelines("25"), recommendation("2.3", Read), gdpr("13(1)(e)")},
		find: func(p *pass) {
			for _, s := range p.Services {
				switch {
				case s.SelfHosted:
				case s.Provider.Name == "" && s.Provider.Country == "" && len(s.Hosts) == 0 && s.FromCatalogue() != "":
					// Software that runs on the site's own server has no provider.
				case s.Provider.Name == "":
					p.report(s.Field, fmt.Sprintf("nothing says which company is behind %s", quote(name(s))))
				}
			}
			p.recipients(func(s *policy.Service, r *policy.Recipient) {
				switch {
				case r.Name == "" && r != &s.Provider:
					p.report(r.Field, fmt.Sprintf("a recipient of the data of %s has no name", name(s)))
				case functionWords.regexp().MatchString(r.Name):
					p.report(r.Field, fmt.Sprintf("%s is not the name of a legal entity", quote(r.Name)))
				}
			})
		},
	},
	{
		ID: "vnd-country", Severity: Error,
		Title:   "Every recipient has a country.",
		Why:     "Whether data leaves the European Economic Area depends on it.",
		Fix:     "Write country: the two-letter code of the country that the entity is established in.",
		Sources: []Source{gdpr("13(1)(f)")},
		find: func(p *pass) {
			p.recipients(func(s *policy.Service, r *policy.Recipient) {
				if r.Name != "" && r.Country == "" {
					p.receiving(p.report(r.Field, fmt.Sprintf("%s (%s) has no country", r.Name, name(s))), s, r, "country: …", ": the two-letter code of the country that the entity is established in")
				}
			})
		},
	},
	{
		ID: "vnd-policy-link", Severity: Warning,
		Title:     "Each third party has a link to its privacy policy.",
		Why:       "Visitors can then read what it does with the data.",
		Fix:       "Write provider: {privacy: …}.",
		Sources:   []Source{recommendation("2.3", Read)},
		Countries: []string{"FR"},
		find: func(p *pass) {
			for _, s := range p.Services {
				if s.Provider.Name != "" && s.Provider.Privacy.IsZero() && !s.SelfHosted {
					p.report(s.Field, fmt.Sprintf("%s has no link to its privacy policy", s.Provider.Name))
				}
			}
		},
	},
	{
		ID: "vnd-role-contract", Severity: Warning,
		Title:   "Each third party has a role; a processor or joint controller is bound by a contract that the manifest names.",
		Why:     "Processor, joint controller or controller of its own: the duties differ. A processor needs a contract, joint controllers an arrangement.",
		Fix:     "Write role: processor, joint or controller, and contract: its reference.",
		Sources: []Source{guidelines("34-40"), gdpr("26"), gdpr("28")},
		find: func(p *pass) {
			for _, s := range p.Services {
				switch {
				case s.SelfHosted:
				case s.Provider.Name != "" && s.Role == "":
					p.report(s.Field, fmt.Sprintf("nothing says whether %s is a processor or a controller", s.Provider.Name))
				case contractParties[s.Role] != "" && s.Contract == "":
					p.report(s.Field, fmt.Sprintf("%s is a %s, and no contract is named", whose(s, &s.Provider), contractParties[s.Role]))
				}
			}
		},
	},
	{
		ID: "vnd-transfer-per-recipient", Severity: Error,
		Title:   "Each recipient outside the European Economic Area has one mechanism that permits the transfer.",
		Why:     "“Clauses and/or the framework” tells nobody which of them protects the data.",
		Fix:     "Write transfer: one of adequacy, dpf, scc, bcr, derogation.",
		Sources: []Source{gdpr("13(1)(f)"), gdpr("44-46"), gdpr("49")},
		find: func(p *pass) {
			p.recipients(func(s *policy.Service, r *policy.Recipient) {
				switch {
				case r.Country != "" && !policy.InEEA(r.Country) && len(r.Transfers) == 0:
					f := p.report(r.Field, fmt.Sprintf("%s (%s) receives data in %s, and nothing says what permits the transfer", whose(s, r), name(s), r.Country))
					if policy.HasAdequacy(r.Country) {
						p.receiving(f, s, r, "transfer: adequacy", "")
					} else {
						p.receiving(f, s, r, "transfer: …", ": one of dpf, scc, bcr, derogation")
					}
				case len(r.Transfers) > 1:
					p.report(at(r, ".transfer"), fmt.Sprintf("%s gives %d mechanisms where one must hold", whose(s, r), len(r.Transfers)))
				}
			})
			for _, t := range p.texts {
				if !mechanismsAndOr.near(t) {
					continue
				}
				for _, s := range sentences(t.Text) {
					if mechanismsAndOr.regexp().MatchString(s) && !copyWord.regexp().MatchString(s) {
						p.reportAt(t.Prose, "gives several mechanisms for all recipients together")
						break
					}
				}
			}
		},
	},
	{
		ID: "vnd-mechanism-fits", Severity: Error,
		Title:   "A transfer mechanism fits the country it is claimed for.",
		Why:     "An adequacy decision covers the countries it names; the EU-U.S. framework covers the United States.",
		Fix:     "Write the mechanism that holds: dpf for a certified company in the United States, scc elsewhere.",
		Sources: []Source{gdpr("45"), dpfDecision},
		find: func(p *pass) {
			p.recipients(func(s *policy.Service, r *policy.Recipient) {
				for _, t := range r.Transfers {
					switch {
					case r.Country == "", policy.InEEA(r.Country): // needless, which another rule says
					case t.Mechanism == policy.Adequacy && !policy.HasAdequacy(r.Country):
						p.receiving(p.report(at(r, ".transfer"), fmt.Sprintf("no adequacy decision covers %s as a country (%s)", r.Country, whose(s, r))), s, r, "transfer: …", fits(r.Country))
					case t.Mechanism == policy.DPF && r.Country != "US":
						p.receiving(p.report(at(r, ".transfer"), fmt.Sprintf("the EU-U.S. framework does not cover %s (%s)", r.Country, whose(s, r))), s, r, "transfer: …", fits(r.Country))
					}
				}
			})
		},
	},
	{
		ID: "vnd-transfer-needless", Severity: Info,
		Title:   "No mechanism is given where data stays in the European Economic Area.",
		Why:     "It suggests a transfer that does not take place.",
		Fix:     "Remove transfer, or name the recipient outside under recipients.",
		Sources: []Source{gdpr("44")},
		find: func(p *pass) {
			p.recipients(func(s *policy.Service, r *policy.Recipient) {
				if len(r.Transfers) == 1 && policy.InEEA(r.Country) {
					p.report(at(r, ".transfer"), fmt.Sprintf("%s is established in %s, within the European Economic Area", whose(s, r), r.Country))
				}
			})
		},
	},
	{
		ID: "vnd-dpf-live", Severity: Warning,
		Title:   "A certification under the EU-U.S. framework was looked up within the last ninety days.",
		Why:     "A company can leave the list, and the decision is under appeal (C-703/25 P; the outcome was not known when this rule was written).",
		Fix:     "Look the company up in the list of participants, then write transfer: {mechanism: dpf, checked: 2026-11-21} with the day.",
		Sources: []Source{dpfDecision, gdpr("45"), house("ninety days")},
		From:    policy.Date{Year: 2023, Month: time.July, Day: 10},
		find: func(p *pass) {
			p.recipients(func(s *policy.Service, r *policy.Recipient) {
				for _, t := range one(r.Transfers) {
					message := ""
					switch {
					case t.Mechanism != policy.DPF:
					case t.Checked.IsZero():
						message = fmt.Sprintf("nothing says when the certification of %s was looked up", whose(s, r))
					case t.Checked.Time().AddDate(0, 0, 90).Before(p.on.Time()):
						message = fmt.Sprintf("the certification of %s was last looked up on %s", whose(s, r), t.Checked)
					}
					if message != "" {
						p.receiving(p.report(at(r, ".transfer"), message), s, r, fmt.Sprintf("transfer: {mechanism: dpf, checked: %s}", p.on), ", when it was found in the list of participants, with the day")
					}
				}
			})
		},
	},
	{
		ID: "vnd-scc-tia", Severity: Warning,
		Title:   "Standard contractual clauses name their module, refer to a transfer impact assessment, and come with how to get a copy.",
		Why:     "The clauses alone do not tell whether the country's law lets them work, and visitors are owed a way to read them.",
		Fix:     "Write transfer: {mechanism: scc, module: 2, tia: …, copy: …}.",
		Sources: []Source{sccDecision, schrems2, gdpr("13(1)(f)")},
		find: func(p *pass) {
			p.recipients(func(s *policy.Service, r *policy.Recipient) {
				for _, t := range one(r.Transfers) {
					if lacks := clausesLack(t); lacks != nil {
						p.receiving(p.report(at(r, ".transfer"), fmt.Sprintf("nothing says, of the clauses with %s, %s", whose(s, r), strings.Join(lacks, " and "))), s, r, "transfer: {mechanism: scc, module: 2, tia: …, copy: …}", ", with the module and the reference that hold")
					}
				}
			})
		},
	},
	{
		ID: "vnd-remote-resource", Severity: Warning,
		Title:   "Fonts, scripts, maps and images of third parties are self-hosted or held until they are wanted.",
		Why:     "Loading them sends the visitor's IP address and browser to the third party.",
		Fix:     "Host the files yourself (self_hosted: true), or write loads: on-consent or on-use.",
		Sources: []Source{gdpr("5(1)(c)"), gdpr("44"), {"LG München I, 20 January 2022 (Google Fonts; persuasive only)", Corroborated}},
		find: func(p *pass) {
			for _, s := range p.Services {
				if s.Loads != policy.LoadsAlways || s.SelfHosted || !slices.Contains([]string{"fonts", "cdn", "map"}, kind(s)) {
					continue
				}
				f := p.report(s.Field, fmt.Sprintf("%s (%s) is contacted on every page", name(s), kind(s)))
				if leavesEEA(s) {
					f.as(Error)
				}
			}
		},
	},
	{
		ID: "vnd-consent-kind", Severity: Error,
		Title:   "Analytics, advertising, session replay and social services wait for consent.",
		Why:     "They are never strictly necessary for what the visitor asked for; audience measurement alone can be exempt, and its trackers then say so.",
		Fix:     "Put the service into a category with needs: consent; or, for exempt audience measurement, write reason: audience with each of its trackers.",
		Sources: []Source{eprivacy, art82, {"CNIL, developer guide, fiche 16", Read}},
		find: func(p *pass) {
			for _, s := range p.Services {
				if !slices.Contains(consentKinds, kind(s)) || !unasked(s) || p.exemptAudience(s) {
					continue
				}
				if !s.SelfHosted {
					p.report(s.Field, fmt.Sprintf("%s (%s) is contacted without consent", name(s), kind(s)))
				} else if p.keepsMore(s) {
					p.report(s.Field, fmt.Sprintf("%s (%s), on the site's own server, keeps trackers without consent", name(s), kind(s)))
				}
			}
		},
	},
	{
		ID: "vnd-embed-click-to-load", Severity: Error,
		Title:   "Video, map, chat and other embeds wait for consent or for a click that says what will happen.",
		Why:     "An embed contacts its provider as soon as the page is shown.",
		Fix:     "Write loads: on-use with click: true, or a category that needs consent.",
		Sources: []Source{eprivacy, art82, {"CNIL, developer guide, fiche 16", Read}},
		find: func(p *pass) {
			for _, s := range p.Services {
				if s.Loads == policy.LoadsAlways && !s.SelfHosted && slices.Contains(embedKinds, kind(s)) {
					p.report(s.Field, fmt.Sprintf("%s (%s) is contacted as soon as a page is shown", name(s), kind(s)))
				}
			}
		},
	},
	{
		ID: "vnd-feature-gated", Severity: Warning,
		Title:   "A service for one feature is contacted only where the feature is used.",
		Why:     "Payment on the checkout page does not make the payment provider necessary on every page.",
		Fix:     "Write loads: on-use with the paths of the feature.",
		Sources: []Source{eprivacy, art82},
		find: func(p *pass) {
			for _, s := range p.Services {
				if s.Loads == policy.LoadsAlways && !s.SelfHosted && slices.Contains([]string{"payment", "conferencing", "sign-in", "captcha"}, kind(s)) {
					p.report(s.Field, fmt.Sprintf("%s (%s) is contacted on every page", name(s), kind(s)))
				}
			}
		},
	},
	{
		ID: "vnd-hosts-known", Severity: Warning,
		Title:   "Each service says at which hosts it is reached.",
		Why:     "What is not known by its hosts cannot be held back.",
		Fix:     "Write hosts: those that the browser's network view shows.",
		Sources: []Source{house("a promise that cannot be enforced")},
		find: func(p *pass) {
			for _, s := range p.Services {
				if len(s.Hosts) == 0 && len(s.Snippets) == 0 && !s.SelfHosted {
					p.report(s.Field, fmt.Sprintf("nothing says at which hosts %s is reached", name(s)))
				}
			}
		},
	},
	{
		ID: "vnd-one-category", Severity: Error,
		Title:   "A service, a host and a tracker are decided on in one category.",
		Why:     "Where two categories hold the same thing, a yes to one lets in what a no to the other keeps out. What two services of the catalogue share by their vendor's doing is left to them; where one host is a part of another, the more exact one decides.",
		Fix:     "Put both services into one category, or leave what they share to one of them; a path may follow a host, as in www.google.com/recaptcha/.",
		Sources: []Source{eprivacy, gdpr("4(11)"), house("one thing, one answer")},
		find:    findTwoCategories,
	},
	{
		ID: "vnd-trackers-known", Severity: Info,
		Title:   "The trackers of each service are known.",
		Why:     "An audit of the running site shows what the documentation does not.",
		Fix:     "Look into the browser's storage after the service was used, and declare what is there under trackers (or trackers: []).",
		Sources: []Source{gdpr("5(2)"), house("what is not verified is not promised")},
		find: func(p *pass) {
			for _, s := range p.Services {
				if s.Incomplete && !s.SelfHosted {
					p.report(s.Field, fmt.Sprintf("nobody has verified what %s keeps in the browser", name(s)))
				}
			}
		},
	},
	{
		ID: "vnd-optout-not-substitute", Severity: Error,
		Title:   "Opt-out pages of vendors, or Your Online Choices, are never offered in place of consent.",
		Why:     "Consent comes before; an opt-out comes after.",
		Fix:     "Say that refusal is in the preference centre; a vendor's page (opt_out) is an addition.",
		Sources: []Source{eprivacy, art82, guidelines("16, 30")},
		find: func(p *pass) {
			for _, t := range p.texts {
				if !optOutPages.near(t) {
					continue
				}
				for _, s := range sentences(t.Text) {
					if m := p.claimed(t, s, optOutPages); m != "" && !additional.regexp().MatchString(s) {
						p.reportAt(t.Prose, quote(m)+" is offered as the way to refuse")
						break
					}
				}
			}
		},
	},
	{
		ID: "vnd-google-cmp", Severity: Error,
		Title:   "Google's publisher products need a consent platform that Google has certified, with TCF; Témoin is not one.",
		Why:     "Google's EU user consent policy asks for it where these products serve ads in the European Economic Area.",
		Fix:     "Do without the product, or use a certified platform for it.",
		Sources: []Source{{"Google, EU user consent policy", Read}},
		find: func(p *pass) {
			for _, s := range p.Services {
				if p.publisherProduct(s) {
					p.report(s.Field, fmt.Sprintf("%s needs a consent platform that Google has certified", name(s)))
				}
			}
		},
	},
	{
		ID: "vnd-trusted-because", Severity: Warning,
		Title:   "A trusted host is no known tracker.",
		Why:     "A host that sets or reads trackers is a service, whatever the reason given.",
		Fix:     "Declare it under services.",
		Sources: []Source{eprivacy, art82},
		find: func(p *pass) {
			for i, h := range p.Trusted {
				for _, known := range servicesAt(h.Host) {
					if slices.Contains(consentKinds, known.Kind) {
						p.report(fmt.Sprintf("trusted_hosts[%d]", i), fmt.Sprintf("%s is a host of %s", h.Host, name(known)))
						break
					}
				}
			}
		},
	},
}

// publisherProduct reports whether a service is one with which Google serves ads
// on other companies' pages: by its entry in the catalogue, or by a host that the
// manifest writes and at which nothing else is reached.
func (p *pass) publisherProduct(s *policy.Service) bool {
	is := func(s *policy.Service) bool {
		return slices.Contains([]string{"google-adsense", "google-ad-manager", "google-admob"}, s.FromCatalogue())
	}
	if is(s) || !p.Written(s.Field+".hosts") {
		return is(s) // to look hosts up takes reading the whole catalogue
	}
	return slices.ContainsFunc(s.Hosts, func(h string) bool {
		known := servicesAt(h)
		return len(known) > 0 && !slices.ContainsFunc(known, func(k *policy.Service) bool { return !is(k) })
	})
}

// findTwoCategories compares services with those before them, and reports each
// pair for one thing only.
func findTwoCategories(p *pass) {
	seen := map[[2]*policy.Service]bool{}
	report := func(s, first *policy.Service, what string) {
		if s != first && s.Category != first.Category && !seen[[2]*policy.Service{s, first}] {
			seen[[2]*policy.Service{s, first}] = true
			p.report(s.Field, fmt.Sprintf("%s of %s (category %q) and of %s (line %d, category %q)", what, s.ID, s.Category.ID, first.ID, p.Position(first.Field).Line, first.Category.ID))
		}
	}
	entries, hosts := map[string]*policy.Service{}, map[policy.HostPattern]*policy.Service{}
	for _, s := range p.Services {
		if use := s.FromCatalogue(); use != "" && entries[use] != nil {
			report(s, entries[use], fmt.Sprintf("the catalogue's %s is what is meant", use))
		} else if use != "" {
			entries[use] = s
		}
		for _, line := range s.Hosts {
			h := policy.ParseHost(line)
			reached := func(k *policy.Service) bool {
				return slices.ContainsFunc(k.Hosts, func(other string) bool { return policy.ParseHost(other) == h })
			}
			switch first := hosts[h]; {
			case s.SelfHosted: // never contacted
			case first == nil:
				hosts[h] = s
			case !vendorsOwn(s, first, reached):
				report(s, first, line+" is a host")
			}
		}
	}
	for _, t := range p.own() {
		for _, s := range t.Shared {
			if t.Reason == "" && !vendorsOwn(s, t.Service, func(k *policy.Service) bool { return keeps(k, t) }) {
				report(s, t.Service, t.String()+" is a tracker")
			}
		}
	}
}

// vendorsOwn reports whether two services are different ones of the catalogue
// which, as it knows, both have something.
func vendorsOwn(a, b *policy.Service, has func(*policy.Service) bool) bool {
	first, ok := policy.Catalogue(a.FromCatalogue())
	second, too := policy.Catalogue(b.FromCatalogue())
	return ok && too && first != second && has(first) && has(second)
}

func keeps(s *policy.Service, t *policy.Tracker) bool {
	return slices.ContainsFunc(s.Trackers, func(k *policy.Tracker) bool { return k.Name == t.Name && k.Storage == t.Storage })
}

// embedKinds are kinds of services that show something of theirs within a page.
var embedKinds = []string{"video", "audio", "map", "chat", "support", "comments", "reviews", "scheduling", "form"}

// contractParties are the roles that need a contract, in words.
var contractParties = map[policy.Role]string{policy.RoleProcessor: "processor", policy.RoleJoint: "joint controller"}

// catalogue is all of it, read once.
var catalogue = sync.OnceValue(func() []*policy.Service {
	var all []*policy.Service
	for _, id := range policy.CatalogueIDs() {
		if s, ok := policy.Catalogue(id); ok {
			all = append(all, s)
		}
	}
	return all
})

// servicesAt returns the services of the catalogue that are reached at a host.
func servicesAt(host string) []*policy.Service {
	return slices.DeleteFunc(slices.Clone(catalogue()), func(s *policy.Service) bool {
		return !slices.ContainsFunc(s.Hosts, func(h string) bool { return overlap(host, h) })
	})
}

// kind is what sort of service it is: what is written, else what the catalogue
// knows of its hosts, where all that is reached there is of one sort; without
// hosts, of its id.
func kind(s *policy.Service) string {
	if s.Kind != "" || s.FromCatalogue() != "" {
		return s.Kind
	}
	for _, h := range s.Hosts {
		known := servicesAt(h)
		if len(known) > 0 && !slices.ContainsFunc(known, func(k *policy.Service) bool { return k.Kind != known[0].Kind }) {
			return known[0].Kind
		}
	}
	if known, ok := policy.Catalogue(s.ID); ok && len(s.Hosts) == 0 {
		return known.Kind
	}
	return ""
}

// overlap reports whether some address is meant by both of two hosts, each
// perhaps with "*." before it and a path behind it.
func overlap(a, b string) bool {
	hostA, pathA, _ := strings.Cut(a, "/")
	hostB, pathB, _ := strings.Cut(b, "/")
	covers := func(pattern, host string) bool {
		below, wild := strings.CutPrefix(pattern, "*.")
		return pattern == host || wild && strings.HasSuffix(host, "."+below)
	}
	return (covers(hostA, hostB) || covers(hostB, hostA)) && (strings.HasPrefix(pathA, pathB) || strings.HasPrefix(pathB, pathA))
}

// unasked reports whether a service is contacted before anybody is asked.
// Opening a page asks for the page; a click on a placeholder asks for what it
// holds.
func unasked(s *policy.Service) bool {
	return s.Loads == policy.LoadsAlways || s.Loads == policy.LoadsOnUse && len(s.Paths) > 0
}

// exemptAudience reports whether all that a service keeps is declared exempt as
// audience measurement, which trk-audience-exempt then judges.
func (p *pass) exemptAudience(s *policy.Service) bool {
	return kind(s) == "analytics" && len(s.Trackers) > 0 && !p.keepsMore(s)
}

// keepsMore reports whether a service keeps more in the browser than audience
// measurement may under the exemption, which is the French authority's reading.
func (p *pass) keepsMore(s *policy.Service) bool {
	return slices.ContainsFunc(s.Trackers, func(t *policy.Tracker) bool {
		exempt := t.Reason == policy.ReasonAudience && holds("FR", p.Site)
		return !exempt && t.Reason != policy.ReasonChoice
	})
}

// at is the path of a recipient's field, or of the service where the recipient
// comes from the catalogue.
func at(r *policy.Recipient, field string) string { return r.Field + field }

// fits says which mechanisms a country may have.
func fits(country string) string {
	if country == "US" {
		return ": dpf for a company that is certified, else scc, bcr or derogation"
	}
	if policy.HasAdequacy(country) {
		return ": adequacy, or scc, bcr or derogation"
	}
	return ": scc, bcr or derogation"
}

// clausesLack is what nothing says of standard contractual clauses.
func clausesLack(t policy.Transfer) []string {
	if t.Mechanism != policy.SCC {
		return nil
	}
	var lacks []string
	if t.Module == 0 || t.TIA == "" {
		lacks = append(lacks, "which module they are or what the assessment found")
	}
	if t.Copy.IsZero() {
		lacks = append(lacks, "how to get a copy")
	}
	return lacks
}

// one returns the mechanism where there is one: of several, nobody can say
// which to judge.
func one(ts []policy.Transfer) []policy.Transfer {
	if len(ts) != 1 {
		return nil
	}
	return ts
}

func whose(s *policy.Service, r *policy.Recipient) string {
	if r.Name != "" {
		return r.Name
	}
	return name(s)
}

// leavesEEA reports whether a service's data goes to a country outside the
// European Economic Area: an adequacy decision permits that, and does not undo it.
func leavesEEA(s *policy.Service) bool {
	for _, r := range append([]policy.Recipient{s.Provider}, s.Recipients...) {
		if r.Country != "" && !policy.InEEA(r.Country) {
			return true
		}
	}
	return false
}
