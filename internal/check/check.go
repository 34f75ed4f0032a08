// Package check holds a site's manifest against the rules of the field: what
// the law asks of a cookie policy, and what makes it a lie or a trap.
//
// Rules advise. A finding never prevents a site from running; the operator
// decides and answers for it, and can silence one finding with a reason that
// the report shows:
//
//	# temoin:allow trk-consent-13m because the audit office asks for two years
//
// on the line of the finding, or on a line of its own above the entry that it
// holds for. Before the first line of the manifest it holds for what the file
// lacks, which has no line; followed by an empty line, for the whole file.
//
// Every rule is one entry of a table in the rules_*.go files, with its source
// in the law and how certain that source is. A rule whose text was not read
// again when it was written here cites the document only. The rules judge what
// a manifest alone can tell; what a browser sees is judged by the audit.
//
// The package is pure: the day on which rules apply is given to it.
package check

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/temoin/temoin/policy"
)

// A Severity says how much a finding weighs.
type Severity string

const (
	Error   Severity = "error"   // the policy breaks a rule, or cannot be true
	Warning Severity = "warning" // it should be otherwise, or be justified
	Info    Severity = "info"    // it could be better
)

// A Certainty says how well a source is known.
type Certainty string

const (
	Read         Certainty = "read"         // the primary text, or a near-verbatim transcription, was read on 2026-11-21
	Corroborated Certainty = "corroborated" // two or more independent documents quote it alike
	Remembered   Certainty = "remembered"   // instrument and article are certain, the wording was not read again
	House        Certainty = "house"        // our own line, no law
)

// A Source is where a rule comes from.
type Source struct {
	Text      string    `json:"text"` // "CNIL, délibération 2020-091 (guidelines), § 24"
	Certainty Certainty `json:"certainty"`
}

// A Rule is one thing that a manifest can do wrong.
type Rule struct {
	ID       string
	Severity Severity // of most of its findings
	Title    string   // what must be, in one sentence
	Why      string
	Fix      string
	Sources  []Source
	// Countries limits the rule to sites under the law of one of these, where it
	// rests on national law or on an authority's advice; nil is the law of the
	// European Union.
	Countries []string
	// From and Until bound the days on which the rule applies; zero is open.
	From, Until policy.Date

	find func(*pass)
}

// Law names the pack of rules that this one belongs to: "EU", or the countries
// whose law or authority it rests on.
func (r *Rule) Law() string {
	if r.Countries == nil {
		return "EU"
	}
	return strings.Join(r.Countries, ",")
}

// appliesTo reports whether the rule is one for this site on that day.
func (r *Rule) appliesTo(site *policy.Site, on policy.Date) bool {
	if !r.From.IsZero() && on.Before(r.From) || !r.Until.IsZero() && !on.Before(r.Until) {
		return false
	}
	return r.Countries == nil || slices.ContainsFunc(r.Countries, func(c string) bool { return holds(c, site) })
}

// holds reports whether a country's law holds for a site, or may: where nothing
// tells, the rules of every country are applied.
func holds(country string, site *policy.Site) bool {
	under := site.Jurisdictions()
	return len(under) == 0 || slices.Contains(under, country)
}

// A Finding is one place where a manifest breaks a rule.
type Finding struct {
	Rule     *Rule
	Severity Severity
	File     string
	Position policy.Position // nowhere, where the file lacks something
	Path     string          // the field
	Message  string          // what is wrong here
	Fix      string          // what to write, where it differs from the rule's own
	Allowed  string          // the operator's reason, when silenced

	lacks *part // of a list that the manifest does not have yet
}

// A Report is all that is held against one manifest.
type Report struct {
	File     string
	Findings []Finding // in the order of the file; those that are allowed too
	// More is how many errors there are at least besides the findings, in a
	// manifest that has too many to list.
	More int
}

// Count returns how many findings of a severity are not allowed, with those that
// are not listed.
func (r *Report) Count(s Severity) int {
	n := 0
	if s == Error {
		n = r.More
	}
	for _, f := range r.Findings {
		if f.Severity == s && f.Allowed == "" {
			n++
		}
	}
	return n
}

// Run applies the rules that are in force on that day. The source is the
// manifest that the site was parsed from: its comments can allow findings.
func Run(site *policy.Site, source []byte, on policy.Date) *Report {
	report := &Report{File: site.File}
	texts := readTexts(site)
	passes := make([]*pass, len(rules))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) { // rules are independent of each other
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(rules)); i = next.Add(1) - 1 {
				passes[i] = &pass{Site: site, texts: texts, on: on, rule: &rules[i]}
				if rules[i].appliesTo(site, on) {
					rules[i].find(passes[i])
				}
			}
		})
	}
	wg.Wait()
	for _, p := range passes {
		report.Findings = append(report.Findings, p.findings...)
	}
	report.Findings = append(report.Findings, allow(site, source, on, report.Findings)...)
	joinParts(report.Findings)
	slices.SortStableFunc(report.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Position.Line, b.Position.Line), cmp.Compare(a.Position.Column, b.Position.Column), cmp.Compare(a.Rule.ID, b.Rule.ID), cmp.Compare(a.Message, b.Message))
	})
	return report
}

// manifestRule stands for what prevents a manifest from being a site at all.
var manifestRule = Rule{
	ID: "manifest", Severity: Error, Title: "The manifest can be read and does not contradict itself.",
	Why:     "What cannot be executed cannot be promised.",
	Fix:     "Write what the message says; \"temoin check --explain FIELD\" describes a field.",
	Sources: []Source{{"the manifest format", House}},
}

// Refused reports the problems of a manifest that is no site.
func Refused(file string, problems *policy.Problems) *Report {
	report := &Report{File: file, More: problems.More}
	for _, p := range problems.List {
		report.Findings = append(report.Findings, Finding{
			Rule: &manifestRule, Severity: Error, File: file, Position: p.Position, Path: p.Path, Message: p.What, Fix: p.Fix,
		})
	}
	return report
}

// moreErrors says what a report leaves out; "" for nothing. The search stops
// where nobody would read on, so there may be more still.
func (r *Report) moreErrors() string {
	if r.More == 0 {
		return ""
	}
	are := "are"
	if r.More == 1 {
		are = "is"
	}
	return fmt.Sprintf("%s: at least %s %s not listed: mend these first, then check again", r.File, count(r.More, "more error"), are)
}

// allowable reports whether a comment can allow the rule's findings: what cannot
// be read cannot, nor what is wrong about an allowance.
func (r *Rule) allowable() bool { return r.ID != manifestRule.ID && r.ID != allowRules[0].ID }

// Near returns the ids of rules that a word may stand for: those that begin with
// it, else the one that it is a slip for; nil for none.
func Near(word string) []string {
	var all, begin []string
	for _, r := range append([]Rule{manifestRule}, rules...) {
		all = append(all, r.ID)
		if len(word) > 2 && strings.HasPrefix(r.ID, strings.ToLower(word)) {
			begin = append(begin, r.ID)
		}
	}
	if begin != nil {
		return begin[:min(len(begin), 6)]
	}
	if near := policy.Nearest(word, all); near != "" {
		return []string{near}
	}
	return nil
}

// Rules returns all rules, in the order of the documentation.
func Rules() []Rule { return slices.Clone(rules) }

// Find returns the rule with that id.
func Find(id string) (Rule, bool) {
	if i := slices.IndexFunc(rules, func(r Rule) bool { return r.ID == id }); i >= 0 {
		return rules[i], true
	}
	if id == manifestRule.ID {
		return manifestRule, true
	}
	return Rule{}, false
}

// rules is the whole table.
var rules = slices.Concat(policyRules, textRules, rightsRules, trackerRules, serviceRules, noticeRules, wordingRules, runtimeRules, audienceRules, allowRules)

// A pass is one rule at work on one site.
type pass struct {
	*policy.Site
	texts    []wording
	on       policy.Date
	rule     *Rule
	findings []Finding
}

// report adds a finding at a field, with the rule's severity.
func (p *pass) report(path, message string) *Finding {
	p.findings = append(p.findings, Finding{
		Rule: p.rule, Severity: p.rule.Severity, File: p.File, Position: p.place(path), Path: path, Message: message,
	})
	return &p.findings[len(p.findings)-1]
}

// place is where a field stands, or the nearest written one around it; nowhere,
// if that is the whole file: any line would be the wrong one.
func (p *pass) place(path string) policy.Position {
	for around := path; around != ""; around = around[:max(strings.LastIndexAny(around, ".["), 0)] {
		if p.Written(around) {
			return p.Position(path)
		}
	}
	return policy.Position{}
}

// reportAt adds a finding at a text.
func (p *pass) reportAt(at policy.Prose, message string) *Finding {
	f := p.report(at.Path, message)
	f.Position = at.Position
	return f
}

// as changes the severity of a finding.
func (f *Finding) as(s Severity) *Finding {
	f.Severity = s
	return f
}

// write says what to write in this case.
func (f *Finding) write(fix string) *Finding {
	f.Fix = fix
	return f
}

// Advice is what to do about the finding.
func (f *Finding) Advice() string { return cmp.Or(f.Fix, f.Rule.Fix) }

// own returns the trackers that the manifest answers for: Témoin's own cookies
// are right by construction.
func (p *pass) own() []*policy.Tracker {
	return slices.DeleteFunc(slices.Clone(p.Trackers), func(t *policy.Tracker) bool { return t.Origin == policy.FromTemoin })
}

// asked returns the categories that visitors are asked about.
func (p *pass) asked() []*policy.Category {
	return slices.DeleteFunc(slices.Clone(p.Categories), func(c *policy.Category) bool { return !c.NeedsConsent() })
}

// inUse reports whether anything depends on consent today.
func (p *pass) inUse() bool { return slices.ContainsFunc(p.Categories, (*policy.Category).InUse) }

// recipients calls do for each entity that receives data, with its service.
func (p *pass) recipients(do func(s *policy.Service, r *policy.Recipient)) {
	for _, s := range p.Services {
		if s.SelfHosted {
			continue
		}
		do(s, &s.Provider)
		for i := range s.Recipients {
			do(s, &s.Recipients[i])
		}
	}
}

// name is what a service is called in messages.
func name(s *policy.Service) string { return s.Name.In("en") }

// quote puts words of the manifest into a message, on one line and no more of
// them than a reader needs to find the place.
func quote(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 80 {
		s = string(r[:79]) + "…"
	}
	return "“" + s + "”"
}

func months(n int) policy.Period { return policy.Period{Count: n, Unit: policy.Month} }

// exceeds reports whether a period is longer than another can be on any
// calendar: 13 months are 397 days at most, so 397 days do not exceed them.
func exceeds(p, limit policy.Period) bool { return p.Compare(limit) > 0 && p.Max() > limit.Max() }

// outlives is exceeds for a lifetime: what ends with the session outlives no
// period, what ends when it is deleted outlives all.
func outlives(l policy.Lifetime, limit policy.Period) bool {
	return l.Kind == policy.UntilDeleted || l.Kind == policy.For && exceeds(l.Period, limit)
}
