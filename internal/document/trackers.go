package document

import (
	"slices"

	"github.com/temoin/temoin/internal/wording"
	"github.com/temoin/temoin/policy"
)

// What is used, and why: the sections about categories, trackers and services.

func (b *builder) inShort() {
	var lines []wording.Line
	for _, p := range b.site.Promises {
		if p.InShort {
			lines = append(lines, b.Promise(p))
		}
	}
	if len(lines) == 0 && b.own.Text.IsZero() {
		for _, c := range b.site.Categories {
			key := "in-short." + string(c.Ground)
			if c.NeedsConsent() && !c.InUse() {
				key += "-idle"
			}
			lines = append(lines, b.Say(key, wording.A("category", b.Category(c))).From(c.Field))
		}
	}
	b.list(lines)
}

func (b *builder) definition() {
	b.lead("definition.text")
}

// kinds explains the words that the page uses, and only those.
func (b *builder) kinds() {
	if !b.own.Text.IsZero() || !b.own.Intro.IsZero() {
		return
	}
	var session, persistent, first, third, sliding, exempt, consent bool
	var star *policy.Tracker
	for _, t := range b.site.Trackers {
		for _, v := range t.Lasts {
			session = session || v.Lifetime.Kind == policy.Session
			persistent = persistent || v.Lifetime.Kind != policy.Session
		}
		first = first || t.Party == policy.FirstParty
		third = third || t.Party == policy.ThirdParty
		sliding = sliding || t.Sliding
		exempt = exempt || t.Exempt()
		consent = consent || !t.Exempt()
		if star == nil && t.IsPattern() {
			star = t
		}
	}
	var items []Term
	for _, k := range []struct {
		is   bool
		word string
	}{
		{session, "session"}, {persistent, "persistent"}, {first, "first"}, {third, "third"},
		{sliding, "sliding"}, {exempt, "exempt"}, {consent, "consent"},
	} {
		if k.is {
			term(&items, b.Say("kind."+k.word), b.Say("kind."+k.word+".text"))
		}
	}
	if star != nil {
		term(&items, b.Say("kind.pattern"), b.Say("kind.pattern.text", wording.A("name", b.TrackerName(star))))
	}
	b.terms(items)
}

func (b *builder) categories() {
	for _, c := range b.site.Categories {
		b.add(Heading{"category-" + c.ID, b.Category(c)})
		b.paragraphs(b.Text(c.Field+".purpose", c.Purpose))
		b.paragraphs(b.status(c))
		if items := b.Items(c.Field+".benefits", c.Benefits); len(items) > 0 {
			b.paragraphs(b.Say("category.benefits"))
			b.list(items)
		}
		if c.Optional {
			b.paragraphs(b.Say("category.optional").From(c.Field + ".optional"))
		}
		if c.Profiling {
			b.paragraphs(b.Say("category.profiling").From(c.Field + ".profiling"))
		}
		if c.Advertising && c.InUse() {
			b.paragraphs(b.Say("category.advertising").From(c.Field + ".advertising"))
		}
		b.paragraphs(b.Paragraphs(c.Field+".basis_note", c.BasisNote)...)
		if basis := b.Basis(c.Field+".basis", c.Basis); basis != nil {
			b.paragraphs(b.Say("category.basis", wording.A("basis", basis)))
		}
		b.trackers(c)
	}
}

// status says whether the visitor is asked about a category.
func (b *builder) status(c *policy.Category) wording.Line {
	key := "ground." + string(c.Ground)
	switch {
	case c.NeedsConsent() && !c.InUse():
		key += "-idle"
	case c.Ground == policy.GroundExempt && slices.ContainsFunc(c.Trackers, func(t *policy.Tracker) bool {
		return t.Reason == policy.ReasonInterface || t.Reason == policy.ReasonAudience
	}):
		key += "-optional" // exempt, and yet nobody would call it strictly necessary
	}
	field := map[policy.Ground]string{policy.GroundExempt: ".exempt", policy.GroundConsent: ".needs", policy.GroundUnused: ".unused"}[c.Ground]
	return b.Say(key).From(c.Field + field)
}

// trackers adds the table of a category.
func (b *builder) trackers(c *policy.Category) {
	var rows [][]Cell
	for _, t := range c.Trackers {
		rows = append(rows, b.tracker(t))
	}
	b.table(b.Say("table.caption", wording.A("category", b.Category(c))), rows,
		"table.name", "table.purpose", "table.lifetime", "table.party", "table.ground")
}

func (b *builder) tracker(t *policy.Tracker) []Cell {
	var also, shared []wording.Line
	for _, name := range t.Also {
		also = append(also, b.Key(t.Field+".also", name))
	}
	for _, s := range t.Shared {
		shared = append(shared, b.ServiceName(s))
	}
	var label, storage, domain, basis wording.Line
	if t.Name != "" {
		label = b.Text(t.Field+".label", t.Label)
	}
	if t.Storage != policy.Cookie {
		storage = b.Storage(t)
	}
	if t.Domain != "" {
		domain = b.Say("tracker.domain", wording.A("domain", b.Key(t.Field+".domain", t.Domain)))
	}
	if t.Basis != "" && t.Basis != t.Category.Basis {
		basis = wording.Capital(b.Basis(t.Field+".basis", t.Basis))
	}
	return []Cell{
		cell(b.TrackerName(t), label, storage),
		cell(b.Purpose(t),
			b.with("tracker.act", "act", b.Phrase(t.Field+".act", t.Act)),
			b.with("tracker.content", "content", b.Phrase(t.Field+".content", t.Content)),
			b.with("tracker.also", "names", b.List(also...)),
			b.with("tracker.shared", "services", b.List(shared...))),
		{Lines: b.Lifetimes(t)},
		cell(b.Party(t), domain),
		cell(b.Ground(t), b.Text(t.Field+".because", t.Because), basis),
	}
}

// with is a message with one argument, nil where the argument is.
func (b *builder) with(key, arg string, l wording.Line) wording.Line {
	if l.IsZero() {
		return nil
	}
	return b.Say(key, wording.A(arg, l))
}

func (b *builder) services() {
	for _, s := range b.site.Services {
		b.add(Heading{"service-" + s.ID, b.ServiceName(s)})
		b.service(s)
	}
	if len(b.site.Trusted) > 0 {
		b.paragraphs(b.Say("service.trusted"))
		var items []Term
		for i, h := range b.site.Trusted {
			field := indexed("trusted_hosts", i)
			term(&items, b.Key(field+".host", h.Host), b.Text(field+".because", h.Because))
		}
		b.terms(items)
	}
}

func (b *builder) service(s *policy.Service) {
	var items []Term
	add := func(key string, values ...wording.Line) { term(&items, b.Say(key), values...) }
	add("service.purpose", b.Text(s.Field+".purpose", s.Purpose))
	add("service.contacted", wording.Capital(b.Loads(s)))
	add("service.why-exempt", b.Text(s.Field+".because", s.Because))
	if s.SelfHosted {
		b.terms(items) // nobody receives anything
		return
	}
	add("service.provider", b.entity(&s.Provider)...)
	if s.Role != "" {
		add("service.role", wording.Capital(b.Say("role."+string(s.Role)).From(s.Field+".role")))
	}
	var others []wording.Line
	for i := range s.Recipients {
		others = append(others, b.entity(&s.Recipients[i])...)
	}
	add("service.recipients", others...)
	add("service.sends", wording.Capital(b.Text(s.Field+".sends", s.Sends)))
	var hosts []wording.Line
	for _, h := range s.Hosts {
		hosts = append(hosts, b.Key(s.Field+".hosts", h))
	}
	add("service.hosts", b.List(hosts...))
	add("service.trackers", b.Keys(s.Trackers))
	if !s.Evidence.IsZero() {
		add("service.settings", b.Text(s.Field+".evidence.text", s.Evidence.Text))
	}
	b.terms(items)
	if s.Incomplete {
		b.paragraphs(b.Say("service.incomplete").From(s.Field + ".incomplete"))
	}
}

// entity is a recipient with its safeguard and its privacy policy.
func (b *builder) entity(r *policy.Recipient) []wording.Line {
	out := []wording.Line{b.Entity(r)}
	for _, t := range r.Transfers {
		out = append(out, b.Named("service.transfer", b.Transfer(r, t)))
	}
	if !r.Privacy.IsZero() {
		out = append(out, b.Labelled(r.Field+".privacy", "service.privacy", r.Privacy))
	}
	return out
}

// similarTechnologies lists what is kept otherwise than in cookies.
func (b *builder) similarTechnologies() {
	var items []Term
	for _, storage := range []policy.Storage{policy.LocalStorage, policy.SessionStorage, policy.IndexedDB, policy.Pixel} {
		var kept []*policy.Tracker
		for _, t := range b.site.Trackers {
			if t.Storage == storage {
				kept = append(kept, t)
			}
		}
		if len(kept) > 0 {
			term(&items, b.Say("storage."+string(storage)), b.Say("storage."+string(storage)+".text", wording.A("keys", b.Keys(kept))))
		}
	}
	b.terms(items)
}

func (b *builder) transfers() {
	var rows [][]Cell
	for _, s := range b.site.Services {
		if s.SelfHosted {
			continue
		}
		for _, r := range append([]policy.Recipient{s.Provider}, s.Recipients...) {
			if !wording.Outside(&r) {
				continue
			}
			var safeguards []wording.Line
			for _, t := range r.Transfers {
				safeguards = append(safeguards, wording.Capital(b.Transfer(&r, t)))
			}
			if len(safeguards) == 0 {
				safeguards = said(b.Say("transfer.none").From(r.Field))
			}
			rows = append(rows, []Cell{
				cell(b.Recipient(&r)), cell(b.Country(r.Field+".country", r.Country)), cell(b.ServiceName(s)), {Lines: safeguards},
			})
		}
	}
	if len(rows) == 0 {
		return
	}
	b.lead("transfers.text")
	b.table(b.Say("transfers.caption"), rows, "transfers.recipient", "transfers.country", "transfers.service", "transfers.safeguard")
}

func (b *builder) optOut() {
	var links []wording.Line
	for _, s := range b.site.Services {
		if s.OptOut.IsZero() || s.SelfHosted {
			continue
		}
		address, _ := s.OptOut.Choose(b.Lang.Tag, b.site.Default())
		links = append(links, b.Linked(b.Say("opt-out.link", wording.A("service", b.ServiceName(s))).From(s.Field+".opt_out"), address))
	}
	if len(links) > 0 {
		b.lead("opt-out.text")
		b.list(links)
	}
}
