package policy

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// compiler resolves what the parts of a manifest say about each other.
type compiler struct {
	*Site
	d             *decoder
	uncategorised bool // no category can be read, which is reported: nothing can name one
}

// problem reports at the field that path names.
func (c *compiler) problem(path, what, fix string) {
	if c.d.full() {
		return
	}
	at := c.Position(path)
	if path == "" {
		at = Position{}
	}
	c.d.problems = append(c.d.problems, Problem{File: c.File, Position: at, Path: Visible(path), What: what, Fix: fix})
}

// suggest says what was probably meant by word, else what else to write.
func (c *compiler) suggest(word string, known []string, otherwise string) string {
	// Each comparison costs time: a hostile file must not ask for many.
	if len(c.d.problems) < maxProblems/2 {
		if near := nearest(word, known); near != "" {
			return fmt.Sprintf("did you mean %q?", near)
		}
	}
	return otherwise
}

// suggestService says which services of the catalogue a word may stand for.
func (c *compiler) suggestService(word string) string {
	if len(c.d.problems) < maxProblems/2 { // as in suggest
		if ids := knownAs(word); len(ids) > 0 {
			return didYouMean(ids)
		}
	}
	return `declare it in full: id, name, provider, hosts, trackers ("temoin check --explain services.use" lists what is known)`
}

func (s *Site) compile(d *decoder) {
	c := &compiler{Site: s, d: d}
	c.identity()
	c.grounds()
	c.words()
	c.defaults()
	c.services()
	c.trackers()
	c.self()
	c.promises()
	c.places()
	if len(c.Trackers) <= maxElements+10 { // Témoin's own come on top
		c.names()
	}
	c.Records = c.selfRecords()
	c.Site.names = indexNames(c.Trackers)
	c.Site.hosts = indexHosts(c.Services)
	c.trusted = newHostIndex[*TrustedHost]()
	for i := range c.Trusted {
		c.trusted.add(c.Trusted[i].Host, &c.Trusted[i])
	}
}

func (c *compiler) identity() {
	if u, err := url.Parse(c.URL); err == nil {
		c.Host = strings.ToLower(u.Hostname())
	}
	for i, h := range c.Hosts {
		if h != "" && (h == c.Host || slices.Contains(c.Hosts[:i], h)) {
			c.problem(fmt.Sprintf("hosts[%d]", i), fmt.Sprintf("%q stands twice (url counts too)", h), "remove it")
		}
	}
	for _, h := range c.AllHosts() {
		c.domains = append(c.domains, registrable(h))
	}
	for i, l := range c.Langs {
		if l != "" && slices.Contains(c.Langs[:i], l) {
			c.problem(fmt.Sprintf("languages[%d]", i), fmt.Sprintf("%q stands twice", l), "remove it")
		}
	}
	if len(c.Langs) == 0 {
		if c.Written("languages") && !c.d.reported("languages") {
			c.problem("languages", "names no language", "write the languages of the site, the default first: [fr, en]")
		}
		c.Langs = []string{"en"} // for what follows; the manifest is refused anyway
	}
}

func (c *compiler) grounds() {
	c.Categories = pointers(c.raw.categories)
	c.uncategorised = len(c.Categories) == 0
	if c.uncategorised && c.Written("categories") && !c.d.reported("categories") {
		c.problem("categories", "names no category", "write at least one: essential: {exempt: true}")
	}
	for _, k := range c.Categories {
		k.Ground = GroundConsent // where nothing else can be read
		if k.Field == "" {
			continue
		}
		said := 0
		for ground, is := range map[Ground]bool{GroundExempt: k.exempt, GroundConsent: k.needs == "consent", GroundUnused: k.unused} {
			if is {
				k.Ground = ground
				said++
			}
		}
		if said == 1 || said == 0 && c.unreadable(k.Field+".exempt", k.Field+".needs", k.Field+".unused") {
			continue
		}
		what := "does not say whether visitors are asked"
		if said > 1 {
			what = "says more than one of exempt, needs and unused"
		}
		c.problem(k.Field, what, `write one of "exempt: true", "needs: consent", "unused: true"`)
	}
}

// unreadable reports whether one of these fields is written and could not be
// read: what is missing for that is no problem of its own.
func (c *compiler) unreadable(fields ...string) bool {
	return slices.ContainsFunc(fields, func(f string) bool { return c.Written(f) && c.d.reported(f) })
}

func pointers[T any](xs []T) []*T {
	ps := make([]*T, len(xs))
	for i := range xs {
		ps[i] = &xs[i]
	}
	return ps
}

// places numbers categories and services, for sets of them.
func (c *compiler) places() {
	for i, k := range c.Categories {
		k.Index = i
	}
	for i, s := range c.Services {
		s.Index = i
	}
}

// words checks the keys of texts that belong to a closed list.
func (c *compiler) words() {
	c.Page.Sections = c.raw.sections
	for _, s := range c.Page.Sections {
		if !slices.Contains(sectionIDs, s.ID) {
			c.problem(s.Field, fmt.Sprintf("unknown section %q", s.ID), c.suggest(s.ID, sectionIDs, "known: "+strings.Join(sectionIDs, ", ")))
		}
	}
	c.Browsers = c.raw.browsers
	for _, b := range c.Browsers {
		if b.Name.IsZero() && !slices.Contains(knownBrowsers, b.ID) {
			c.problem("browsers."+b.ID, fmt.Sprintf("unknown browser %q", b.ID), "give it a name, or write one of: "+strings.Join(knownBrowsers, ", "))
		}
	}
	for _, a := range authorities {
		if a.id == c.raw.authority {
			c.Authority = Authority{a.id, NewText(a.name), NewText(a.url), NewText(a.complaint)}
		}
	}
}

// knownBrowsers are those for which Témoin has guidance of its own.
var knownBrowsers = []string{"chrome", "firefox", "safari", "edge", "chrome-android", "safari-ios", "opera", "brave", "samsung-internet"}

func (c *compiler) defaults() {
	ch := &c.Choice
	ch.Cookie = cmp.Or(ch.Cookie, DefaultChoiceCookie)
	ch.Scope = cmp.Or(ch.Scope, ScopeDevice)
	ch.Domain = cmp.Or(ch.Domain, "host")
	if ch.Conflict != "" && ch.Scope != ScopeAccount {
		c.problem("choice.conflict", "speaks of accounts, but the choice belongs to the device", `write "scope: account", or remove it`)
	}
	ch.Conflict = cmp.Or(ch.Conflict, "latest")
	if c.Identity.URL != "" && ch.Scope != ScopeAccount {
		c.problem("identity", "says who is signed in, but the choice belongs to the device", `write "choice: {scope: account}", or remove it`)
	}
	ch.Lasts = orPeriod(ch.Lasts, halfYear)
	e := &c.Enforcement
	e.Mode, e.Undeclared = cmp.Or(e.Mode, ModeEnforce), cmp.Or(e.Undeclared, EnforceReport)
	e.Seal, e.Storage = cmp.Or(e.Seal, EnforceReport), cmp.Or(e.Storage, EnforceOff)
	c.Proof.Kept = orPeriod(c.Proof.Kept, proofKept)
	c.Kept.Requests = orPeriod(c.Kept.Requests, requestsKept)
	c.Kept.Reports = orPeriod(c.Kept.Reports, reportsKept)
	c.Kept.Mail = orPeriod(c.Kept.Mail, mailKept)
	if c.Audience.Source != "" {
		c.Audience.Kept = orPeriod(c.Audience.Kept, statisticKept)
		if !c.Written("audience.threshold") {
			c.Audience.Threshold = 10 // after the CNIL's rounding to the nearest ten
		}
	}
}

// category finds the category that a field names.
func (c *compiler) category(path, id string) *Category {
	if k := c.Category(id); k != nil || c.uncategorised {
		return k
	}
	var ids []string
	for _, k := range c.Categories[:min(len(c.Categories), maxCandidates)] {
		ids = append(ids, k.ID)
	}
	few := strings.Join(ids[:min(len(ids), 8)], ", ")
	c.problem(path, fmt.Sprintf("no category %q is declared", id), c.suggest(id, ids, "declared: "+few))
	return nil
}

func (c *compiler) services() {
	for i := range c.raw.services {
		s := &c.raw.services[i]
		if s.Field == "" || !c.resolve(s) {
			continue
		}
		if other := c.Service(s.ID); other != nil {
			c.problem(s.Field, fmt.Sprintf("service %q is declared twice, first in line %d", s.ID, c.Position(other.Field).Line), "give this one an id of its own")
			continue
		}
		c.Services = append(c.Services, s)
		s.Category.Services = append(s.Category.Services, s)
		c.loading(s)
		c.swallowing(s)
	}
}

// resolve completes a service from the catalogue and finds its category.
func (c *compiler) resolve(s *Service) bool {
	if s.use != "" {
		known, ok := catalogueEntry(s.use)
		if !ok {
			c.problem(s.Field+".use", fmt.Sprintf("%q is not in the catalogue", s.use), c.suggestService(s.use))
			return false
		}
		s.ID = cmp.Or(s.ID, s.use)
		s.merge(known, c)
	}
	s.Provider.Field = cmp.Or(s.Provider.Field, s.Field)
	switch {
	case s.ID == "" && (c.Written(s.Field+".id") || c.Written(s.Field+".use")):
		return false // not readable, and reported
	case s.Name.IsZero() && c.unreadable(s.Field+".name"), s.categoryID == "" && c.unreadable(s.Field+".category"):
		return false
	case s.ID == "":
		c.problem(s.Field, "has neither use nor id", `write "use: <id of the catalogue>" or "id: <a word>"`)
		return false
	case s.Name.IsZero():
		c.problem(s.Field, "has no name", "write name: what visitors know it as")
		return false
	case s.categoryID == "":
		c.problem(s.Field, "has no category", "write category: one of those declared above")
		return false
	}
	s.applyLifetimes(c)
	if s.SelfHosted {
		s.Recipients = nil // its vendor is never contacted; what its script keeps is the site's own
	}
	s.Category = c.category(s.Field+".category", s.categoryID)
	return s.Category != nil
}

// loading says when a service is contacted and whether that can be.
func (c *compiler) loading(s *Service) {
	if s.Loads == "" {
		s.Loads = LoadsAlways
		if s.Category.Ground == GroundConsent {
			s.Loads = LoadsOnConsent
		}
	}
	switch {
	case s.Category.Ground == GroundUnused:
		c.problem(s.Field+".category", fmt.Sprintf("category %q is declared unused", s.Category.ID), "give the service another category, or the category another ground")
	case slices.Contains(s.Paths, "/"):
		c.problem(s.Field+".paths", "names every page of the site, which is no use of a feature", `name the pages of the feature, or write "loads: always"`)
	case s.Loads == LoadsOnUse && len(s.Paths) == 0 && !s.Click && !s.SelfHosted:
		c.problem(s.Field, "loads on use, but nothing says what the use is", `write "paths: [/checkout]" or "click: true"`)
	case s.Loads != LoadsOnUse && (len(s.Paths) > 0 || s.Click):
		c.problem(s.Field, fmt.Sprintf("has paths or click, but loads %s", s.Loads), `write "loads: on-use", or remove them`)
	case s.Loads == LoadsOnConsent && s.Category.Ground == GroundExempt:
		c.problem(s.Field+".loads", fmt.Sprintf("nobody is asked about category %q, which is exempt", s.Category.ID), `write "loads: always" or "on-use", or choose a category that needs consent`)
	}
}

// swallowing refuses hosts that take in the site itself: the gate would hold
// back the site's own pages.
func (c *compiler) swallowing(s *Service) {
	for i, line := range s.Hosts {
		h := ParseHost(line)
		if h.Path != "" {
			continue // a part of the site, such as /matomo/
		}
		path := fmt.Sprintf("%s.hosts[%d]", s.Field, i)
		for _, own := range c.AllHosts() {
			if h.Covers(own) || h.Below && registrable(own) == h.Name {
				c.problem(path, fmt.Sprintf("%q takes in the site's own host %s", line, own), "name the service's own hosts, or a path on yours")
				break
			}
		}
	}
}

func (c *compiler) trackers() {
	for i := range c.raw.trackers {
		t := &c.raw.trackers[i]
		if t.Field == "" {
			continue // not readable, and reported
		}
		if t.serviceID != "" {
			if t.Service = c.service(t.Field+".service", t.serviceID); t.Service == nil {
				continue
			}
		}
		c.add(t)
	}
	// Vendors sell several services that set the same cookie: it is one tracker.
	shared := map[trackerKey]*Tracker{}
	for _, s := range c.Services {
		for i := range s.trackers {
			t := &s.trackers[i]
			t.Service, t.Origin = s, FromService
			t.Field = cmp.Or(t.Field, s.Field)
			c.party(t)
			if other := shared[t.key()]; other != nil && other.Service != s {
				if t.categoryID != "" {
					c.category(t.Field+".category", t.categoryID)
				}
				other.Shared = append(other.Shared, s)
				s.Trackers = append(s.Trackers, other)
				if !slices.Contains(s.Category.Trackers, other) {
					s.Category.Trackers = append(s.Category.Trackers, other)
				}
				continue
			}
			shared[t.key()] = t
			c.add(t)
			s.Trackers = append(s.Trackers, t)
		}
	}
	for _, t := range c.Trackers {
		if t.Service != nil && t.Origin == FromSite {
			t.Service.Trackers = append(t.Service.Trackers, t)
		}
	}
	for _, k := range c.Categories {
		k.inUse = k.dependsOnConsent()
	}
}

// service finds the service that a field names.
func (c *compiler) service(path, id string) *Service {
	if s := c.Service(id); s != nil {
		return s
	}
	for i := range c.raw.services {
		if s := &c.raw.services[i]; s.ID == id || s.ID == "" && s.use == id {
			return nil // declared with a mistake, which is reported
		}
	}
	c.problem(path, fmt.Sprintf("no service %q is declared", id), "declare it under services")
	return nil
}

// add completes one tracker and puts it into the site.
func (c *compiler) add(t *Tracker) {
	if t.Name == "" && c.Written(t.Field+".name") {
		return // not readable, and reported
	}
	if t.Name == "" && t.Label.IsZero() {
		c.problem(t.Field, "has no name", "write name: the exact key that the browser shows")
		return
	}
	switch {
	case t.categoryID != "":
		t.Category = c.category(t.Field+".category", t.categoryID)
	case t.Service != nil:
		t.Category = t.Service.Category
	case c.unreadable(t.Field + ".category"):
	default:
		c.problem(t.Field, "has no category", "write category: one of those declared above")
	}
	if t.Category == nil {
		return
	}
	if t.Category.Ground == GroundUnused {
		c.problem(t.Field, fmt.Sprintf("category %q is declared unused", t.Category.ID), "give the tracker another category, or the category another ground")
	}
	c.party(t)
	if s := t.Service; s != nil && t.Reason == "" && t.Category.Ground == GroundExempt && s.Loads == LoadsOnUse && !s.Because.IsZero() {
		t.Reason, t.Because = ReasonServiceRequested, s.Because // asked for with the service
	}
	if len(c.Trackers) == maxElements {
		c.problem(t.Field, fmt.Sprintf("the site and its services have more than %d trackers together", maxElements), "check that this is the right file")
	}
	t.pattern = compilePattern(t.Name)
	c.variants(t)
	c.Trackers = append(c.Trackers, t)
	t.Category.Trackers = append(t.Category.Trackers, t)
}

// party says on whose domain a tracker is kept, where the manifest does not.
func (c *compiler) party(t *Tracker) {
	if t.Party != "" {
		return
	}
	t.Party = FirstParty
	if d := strings.TrimPrefix(t.Domain, "."); d != "" && !c.OwnsHost(d) {
		t.Party = ThirdParty
	}
}

// variants checks lifetimes that depend on the visitor's act.
func (c *compiler) variants(t *Tracker) {
	if len(t.Lasts) == 0 || t.Lasts[0].When == "" {
		return
	}
	path := t.Field + ".lasts"
	if !slices.ContainsFunc(t.Lasts, func(v Variant) bool { return v.When == Otherwise }) {
		c.problem(path, "does not say how long it lasts otherwise", `add "otherwise: session"`)
	}
	for _, v := range t.Lasts {
		if v.When != Otherwise && v.When != RememberMe && t.Act.IsZero() {
			c.problem(path+"."+v.When, fmt.Sprintf("Témoin has no words for the act %q", v.When), `explain it in the tracker's "act", or write "remember-me"`)
		}
	}
}

// RememberMe is the act of ticking "remember me" when signing in.
const RememberMe = "remember-me"

// self adds what Témoin writes, in the category of the manifest's choosing or
// the first exempt one.
func (c *compiler) self() {
	var home *Category
	if c.Choice.categoryID != "" {
		if home = c.category("choice.category", c.Choice.categoryID); home != nil && home.Ground != GroundExempt {
			c.problem("choice.category", fmt.Sprintf("category %q is not exempt", home.ID), "the cookie that keeps the choice needs no consent: choose an exempt category")
		}
	}
	for _, k := range c.Categories {
		if home == nil && k.Ground == GroundExempt {
			home = k
		}
	}
	if home == nil {
		home = &Category{ID: "necessary", Ground: GroundExempt}
		c.Categories = append([]*Category{home}, c.Categories...)
	}
	for _, t := range c.selfTrackers(home) {
		for _, other := range c.Trackers {
			if other.Storage == t.Storage && other.Matches(t.Name) {
				c.problem(other.Field, fmt.Sprintf("%q is written by Témoin, which declares it itself", t.Name), "remove it here; choice.purpose and choice.category say what you want said of it")
			}
		}
		c.Trackers = append(c.Trackers, t)
		home.Trackers = append(home.Trackers, t)
	}
}

func (c *compiler) promises() {
	c.Promises = pointers(c.raw.promises)
	for i, p := range c.Promises {
		p.Field = cmp.Or(p.Field, fmt.Sprintf("promises[%d]", i))
		if p.ID == "" && c.d.reported(p.Field) {
			continue
		}
		if known, ok := knownPromise(p.ID); ok {
			c.knownPromise(p, known)
		} else if p.Text.IsZero() {
			ids := promiseIDs()
			c.problem(p.Field, fmt.Sprintf("%q is not a known promise and has no text", p.ID),
				c.suggest(p.ID, ids, "give it a text, or write one of: "+strings.Join(ids, ", ")))
		}
		if p.Service != "" {
			c.service(p.Field+".service", p.Service)
		}
		if p.Category != "" {
			c.category(p.Field+".category", p.Category)
		}
	}
}

func (c *compiler) knownPromise(p *Promise, known KnownPromise) {
	p.Known = true
	if p.Kind != "" && p.Kind != known.Kind {
		c.problem(p.Field+".kind", fmt.Sprintf("%s is %s, not %s", p.ID, known.Kind, p.Kind), "remove the kind")
	}
	p.Kind = known.Kind
	if c.unreadable(p.Field+".max", p.Field+".service", p.Field+".category") {
		return
	}
	missing := map[string]bool{
		"max": p.Max.IsZero(), "service": p.Service == "", "category": p.Category == "",
		"category or service": p.Category == "" && p.Service == "",
	}
	if missing[known.Needs] {
		c.problem(p.Field, fmt.Sprintf("%s does not say which %s", p.ID, known.Needs), fmt.Sprintf("write {id: %s, %s: …}", p.ID, strings.Fields(known.Needs)[0]))
	}
}

// names refuses two trackers of one name and kind, patterns of different owners
// that overlap, and a further key of trackers that are decided on apart: which of
// them a cookie is could not be said.
func (c *compiler) names() {
	byName := map[trackerKey]*Tracker{}
	var wild []*Tracker
	for _, t := range c.Trackers {
		if t.Name == "" || t.Origin == FromTemoin {
			continue // self has compared Témoin's own with all others
		}
		if other := byName[t.key()]; other != nil {
			c.problem(t.Field, fmt.Sprintf("%s %q is declared twice, first in line %d", t.Storage, t.Name, c.Position(other.Field).Line), "keep one of them")
			continue
		}
		byName[t.key()] = t
		if !t.pattern.wild {
			continue
		}
		for _, other := range wild {
			sameOwner := other.Category == t.Category && other.Service == t.Service
			if other.Storage == t.Storage && !sameOwner && other.pattern.overlaps(t.pattern) {
				c.problem(t.Field, fmt.Sprintf("the patterns %q and %q (line %d) can match the same key", t.Name, other.Name, c.Position(other.Field).Line), "make one of them longer")
			}
		}
		wild = append(wild, t)
	}
	for _, t := range c.Trackers {
		for i, name := range t.Also {
			k := t.key()
			k.name = name
			switch other := byName[k]; {
			case other == nil:
				byName[k] = t
			case other != t && (other.Category != t.Category || other.Exempt() != t.Exempt()):
				c.problem(element(t.Field+".also", i), fmt.Sprintf("%q is a key of %s too (line %d, category %q)", name, other, c.Position(other.Field).Line, other.Category.ID), "leave the key to one of them")
			}
		}
	}
}

// A trackerKey is what makes a tracker this one and no other. Third parties'
// cookies of one name are different ones on different domains.
type trackerKey struct {
	storage      Storage
	name, domain string
}

func (t *Tracker) key() trackerKey {
	k := trackerKey{t.Storage, t.Name, ""}
	if t.Party == ThirdParty {
		k.domain = strings.TrimPrefix(t.Domain, ".")
	}
	return k
}
