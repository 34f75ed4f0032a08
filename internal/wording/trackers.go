package wording

import (
	"slices"
	"strings"

	"github.com/temoin/temoin/policy"
)

// at returns the field of a tracker's part. What a service brings from the
// catalogue stands nowhere in the manifest but in the service itself.
func at(t *policy.Tracker, part string) string {
	if t.Service != nil && t.Field == t.Service.Field {
		return t.Field + "." + part + "." + t.Name
	}
	if t.Origin == policy.FromTemoin {
		return t.Field // "choice.cookie"
	}
	return t.Field + "." + part
}

// TrackerName is what a tracker is called: its key, else the operator's label.
func (w *Words) TrackerName(t *policy.Tracker) Line {
	switch {
	case t.Name != "":
		field := at(t, "name")
		if t.Service != nil && t.Field == t.Service.Field {
			field = t.Field
		}
		return w.Key(field, t.Name)
	case !t.Label.IsZero():
		return w.Text(t.Field+".label", t.Label)
	}
	return w.Say("tracker.unnamed")
}

// Purpose says what a tracker is for; nil where nothing does.
func (w *Words) Purpose(t *policy.Tracker) Line {
	if !t.Purpose.IsZero() {
		if t.Origin == policy.FromTemoin {
			return w.Text("choice.purpose", t.Purpose)
		}
		return w.Text(at(t, "purpose"), t.Purpose)
	}
	if t.Origin != policy.FromTemoin {
		return nil
	}
	switch t.Name {
	case policy.PanelCookie:
		return w.Say("self.panel")
	case policy.AccountCookie:
		return w.Say("self.account").From("choice.scope")
	case policy.ObjectionCookie:
		return w.Say("self.objection").From("audience.opt_out")
	}
	if w.Site.Choice.Scope == policy.ScopeAccount {
		return w.Say("self.choice-account").From("choice.scope")
	}
	return w.Say("self.choice")
}

// Storage names where a tracker is kept.
func (w *Words) Storage(t *policy.Tracker) Line {
	return w.Say("storage." + string(t.Storage)).From(at(t, "kind"))
}

// Lifetimes says how long a tracker is kept, one line for each act of the
// visitor that decides on it.
func (w *Words) Lifetimes(t *policy.Tracker) []Line {
	field := at(t, "lasts")
	if t.Origin == policy.FromTemoin && t.Field == "choice.cookie" {
		field = "choice.lasts"
	}
	if len(t.Lasts) == 0 {
		key := "lifetime.undeclared"
		if t.Storage == policy.Pixel {
			key = "lifetime.none"
		}
		return []Line{w.Say(key).From(field)}
	}
	var out []Line
	for _, v := range t.Lasts {
		l := w.lifetime(field, t.Storage, v)
		switch v.When {
		case "":
		case policy.Otherwise:
			l = w.Say("lifetime.otherwise", A("period", l)).From(field + "." + v.When)
		case policy.RememberMe:
			l = w.Say("lifetime.when", A("act", w.Say("act.remember-me")), A("period", l)).From(field + "." + v.When)
		default:
			l = w.Say("lifetime.when", A("act", w.Phrase(t.Field+".act", t.Act)), A("period", l)).From(field + "." + v.When)
		}
		out = append(out, l)
	}
	if t.Sliding {
		out = append(out, w.Say("lifetime.sliding").From(at(t, "sliding")))
	}
	return out
}

func (w *Words) lifetime(field string, s policy.Storage, v policy.Variant) Line {
	if v.When != "" {
		field += "." + v.When
	}
	return w.Lifetime(field, s, v.Lifetime)
}

// Lifetime says one lifetime of what is kept in a storage.
func (w *Words) Lifetime(field string, s policy.Storage, l policy.Lifetime) Line {
	switch {
	case l.IsZero():
		return w.Say("lifetime.undeclared").From(field)
	case l.Kind == policy.For:
		return w.Period(field, l.Period)
	case l.Kind == policy.Session && s == policy.SessionStorage:
		return w.Say("lifetime.session-tab").From(field)
	}
	return w.Say("lifetime." + string(l.Kind)).From(field)
}

// Party says who keeps a tracker, and on whose domain.
func (w *Words) Party(t *policy.Tracker) Line {
	field := at(t, "party")
	switch {
	case t.Service == nil && t.Party == policy.FirstParty:
		return w.Say("party.site").From(field)
	case t.Service == nil:
		return w.Say("party.third-unknown").From(field)
	}
	key := "party.third"
	if t.Party == policy.FirstParty {
		key = "party.service"
	}
	return w.Say(key, A("service", w.ServiceName(t.Service))).From(field)
}

// Ground says why a tracker may be used: the visitor's consent, or why none is
// asked.
func (w *Words) Ground(t *policy.Tracker) Line {
	switch {
	case !t.Exempt():
		return w.Say("reason.consent").From(t.Category.Field + ".needs")
	case t.Reason == "":
		return w.Say("reason.none").From(t.Category.Field + ".exempt")
	}
	return w.Say("reason." + string(t.Reason)).From(at(t, "reason"))
}

// Basis names a legal basis for what is done with data afterwards.
func (w *Words) Basis(field string, b policy.Basis) Line {
	if b == "" {
		return nil
	}
	return w.Say("basis." + string(b)).From(field)
}

// Category is the name of a category.
func (w *Words) Category(c *policy.Category) Line {
	if c.Title.IsZero() {
		return w.Name(c.Field, c.ID)
	}
	return w.Text(c.Field+".title", c.Title)
}

// ServiceName is the name of a service.
func (w *Words) ServiceName(s *policy.Service) Line {
	name, in := s.Name.Choose(w.langs...)
	if in == w.Lang.Tag {
		in = ""
	}
	field := s.Field + ".name"
	if s.FromCatalogue() != "" {
		field = s.Field + ".use"
	}
	return Line{{Kind: Name, Text: name, Lang: in, Field: field}}
}

// Loads says when a service is contacted.
func (w *Words) Loads(s *policy.Service) Line {
	field := s.Field + ".loads"
	switch {
	case s.SelfHosted:
		return w.Say("loads.self-hosted").From(s.Field + ".self_hosted")
	case s.Loads == policy.LoadsOnConsent:
		return w.Say("loads.on-consent", A("category", w.Category(s.Category))).From(field)
	case s.Loads == policy.LoadsAlways:
		return w.Say("loads.always").From(field)
	}
	key := "loads.on-use"
	if len(s.Paths) > 0 {
		key += "-paths"
	}
	if s.Click {
		key += "-click"
	}
	var paths []Line
	for _, p := range s.Paths {
		paths = append(paths, w.Key(s.Field+".paths", p))
	}
	return w.Say(key, A("paths", w.List(paths...))).From(field)
}

// Entity is a recipient's name with its country.
func (w *Words) Entity(r *policy.Recipient) Line {
	name := w.Recipient(r)
	if r.Country == "" {
		return name
	}
	return w.Say("entity", A("name", name), A("country", w.Country(r.Field+".country", r.Country)))
}

// Recipient is a recipient's name. Where only its country is known, it says so.
func (w *Words) Recipient(r *policy.Recipient) Line {
	if r.Name == "" && r.Country != "" {
		return w.Say("entity.unnamed").From(r.Field)
	}
	return w.Name(r.Field+".name", r.Name)
}

// Transfer names what permits a transfer, with what shows that it holds.
func (w *Words) Transfer(r *policy.Recipient, t policy.Transfer) Line {
	field := r.Field + ".transfer"
	key := "transfer." + string(t.Mechanism)
	if t.Mechanism == policy.SCC && t.Module > 0 {
		key = "transfer.scc-module"
	}
	main := w.Say(key, A("module", w.Number(field+".module", t.Module))).From(field + ".mechanism")
	var more []Line
	if !t.Checked.IsZero() {
		more = append(more, w.Say("transfer.checked", A("date", w.Date(field+".checked", t.Checked, policy.Text{}))).From(field+".checked"))
	}
	if t.TIA != "" {
		more = append(more, w.Say("transfer.tia", A("reference", w.Name(field+".tia", t.TIA))).From(field+".tia"))
	}
	if !t.Copy.IsZero() {
		more = append(more, w.Labelled(field+".copy", "transfer.copy", t.Copy))
	}
	return w.Comma(append([]Line{main}, more...)...)
}

// Outside reports whether a recipient is outside the European Economic Area as
// far as the manifest tells.
func Outside(r *policy.Recipient) bool { return r.Country != "" && !policy.InEEA(r.Country) }

// Channels lists the ways in which changes are announced; nil for none.
func (w *Words) Channels(cs []policy.Channel) Line {
	var lines []Line
	for _, c := range cs {
		lines = append(lines, w.Say("channel."+string(c)).From("policy.announce"))
	}
	return w.List(lines...)
}

// Promise is a promise in the operator's words, else in Témoin's.
func (w *Words) Promise(p *policy.Promise) Line {
	if !p.Text.IsZero() {
		return w.Text(p.Field+".text", p.Text)
	}
	if !p.Known {
		return nil
	}
	key := "promise." + p.ID
	var category, service Line
	if c := w.Site.Category(p.Category); c != nil {
		category = w.Category(c)
	}
	if s := w.Site.Service(p.Service); s != nil {
		service = w.ServiceName(s)
	}
	subject := category
	if service != nil {
		subject = service
	}
	channels := w.Channels(w.Site.Policy.Announce)
	switch {
	case p.ID == "max-lifetime" && subject != nil:
		key += "-of"
	case p.ID == "announced-changes" && channels == nil:
		key += "-bare"
	}
	return w.Say(key, A("category", category), A("service", service), A("subject", subject),
		A("period", w.Period(p.Field+".max", p.Max)), A("channels", channels)).From(p.Field)
}

// Keys lists the names of trackers.
func (w *Words) Keys(ts []*policy.Tracker) Line {
	var lines []Line
	for _, t := range ts {
		lines = append(lines, w.TrackerName(t))
	}
	return w.List(lines...)
}

// Law is the name of a legal text.
func (w *Words) Law(field string, l policy.Law) Line {
	name := w.Text(field+".text", l.Text)
	if l.ID != "" {
		name = w.Say("law." + l.ID).From(field)
	}
	if !l.URL.IsZero() {
		address, _ := l.URL.Choose(w.langs...)
		return w.Linked(name, address)
	}
	return name
}

// Capital is the line with its first letter in upper case, where the script has
// cases: a phrase that stands alone.
func Capital(l Line) Line {
	if len(l) == 0 || l[0].Kind == Key {
		return l
	}
	out := slices.Clone(l)
	for i, r := range out[0].Text {
		out[0].Text = strings.ToUpper(string(r)) + out[0].Text[i+len(string(r)):]
		break
	}
	return out
}
