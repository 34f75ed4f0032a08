package document

import (
	"slices"

	"github.com/temoin/temoin/internal/wording"
	"github.com/temoin/temoin/policy"
)

// Whom it concerns and whom to turn to, and the papers around the policy.

func (b *builder) minors() {
	p := b.site.Public
	b.paragraphs(b.Paragraphs("public.text", p.Text)...)
	if p.ConsentAge > 0 {
		b.paragraphs(b.Say("minors.age", wording.A("n", b.Number("public.consent_age", p.ConsentAge))))
	}
}

func (b *builder) app() {
	a := b.site.App
	if a.Name == "" {
		return
	}
	if !a.Text.IsZero() {
		b.paragraphs(b.Paragraphs("app.text", a.Text)...)
		return
	}
	key := "app.none"
	if a.Cookies {
		key = "app.some"
	}
	b.paragraphs(b.Say(key, wording.A("name", b.Name("app.name", a.Name))).From("app.cookies"))
}

func (b *builder) rights() {
	rights, field := b.site.Rights, "rights"
	if len(rights) == 0 {
		rights, field = b.site.RightsDue(), ""
	}
	b.lead("rights.text")
	var items []Term
	for _, r := range rights {
		term(&items, b.Say("right."+string(r)).From(field), b.Say("right."+string(r)+".text"))
	}
	b.terms(items)
	b.prose(b.Say("rights.conditions"))
	auto := b.site.Automated
	if auto.None {
		b.paragraphs(b.Say("automated.none").From("automated_decisions.none"))
	}
	b.paragraphs(b.Paragraphs("automated_decisions.text", auto.Text)...)
	if m, field := b.mailbox(); m != nil {
		b.paragraphs(b.with("rights.write", "contact", b.writeTo(field, m)))
		b.prose(b.Say("rights.how"))
		if within := b.promised(); !within.IsZero() {
			b.prose(b.Say("rights.promised", wording.A("period", within)))
		} else {
			b.prose(b.Say("rights.term"))
		}
	}
}

// mailbox is whom requests go to: the data protection officer, else the
// general contact.
func (b *builder) mailbox() (*policy.Mailbox, string) {
	c := &b.site.Contact
	switch {
	case !c.DPO.IsZero():
		return &c.DPO, "contact.dpo"
	case !c.General.IsZero():
		return &c.General, "contact.general"
	}
	return nil, ""
}

// writeTo is the first way to reach a mailbox.
func (b *builder) writeTo(field string, m *policy.Mailbox) wording.Line {
	switch {
	case m.Email != "":
		return b.Mail(field+".email", m.Email)
	case !m.Form.IsZero():
		return b.Address(field+".form", m.Form)
	case m.Address != "":
		return b.Name(field+".address", m.Address)
	}
	return b.Name(field+".phone", m.Phone)
}

// promised is the answer time that the policy promises.
func (b *builder) promised() wording.Line {
	for _, p := range b.site.Promises {
		if p.ID == "answer-time" {
			return b.Period(p.Field+".max", p.Max)
		}
	}
	if m, field := b.mailbox(); m != nil {
		return b.Period(field+".answers_within", m.Within)
	}
	return nil
}

func (b *builder) contact() {
	var items []Term
	c := b.site.Controller
	var company wording.Line
	switch {
	case c.Form != "" && c.SIREN != "":
		company = b.Say("contact.registered", wording.A("form", b.Name("controller.form", c.Form)), wording.A("number", b.Key("controller.siren", c.SIREN)))
	case c.Form != "":
		company = b.Name("controller.form", c.Form)
	case c.SIREN != "":
		company = b.Say("contact.siren", wording.A("number", b.Key("controller.siren", c.SIREN)))
	}
	term(&items, b.Say("contact.controller"),
		b.Name("controller.name", c.Name),
		wording.Capital(company),
		b.Comma(b.Name("controller.address", c.Address), b.Country("controller.country", c.Country)),
		b.Named("contact.email", b.Mail("controller.email", c.Email)),
		b.Named("contact.phone", b.Phone("controller.phone", c.Phone)),
		b.Named("contact.web", b.URL("controller.url", c.URL)),
	)
	for _, m := range []struct {
		key string
		box *policy.Mailbox
	}{{"dpo", &b.site.Contact.DPO}, {"general", &b.site.Contact.General}, {"support", &b.site.Contact.Support}} {
		if !m.box.IsZero() {
			term(&items, b.Say("contact."+m.key), b.ways("contact."+m.key, m.box)...)
		}
	}
	b.terms(items)
}

// ways are all the ways to reach a mailbox, and what it promises.
func (b *builder) ways(field string, m *policy.Mailbox) []wording.Line {
	var within wording.Line
	if !m.Within.IsZero() {
		within = b.Say("contact.within", wording.A("period", b.Period(field+".answers_within", m.Within)))
	}
	return []wording.Line{
		b.Text(field+".text", m.Text),
		b.Name(field+".name", m.Name),
		b.Named("contact.email", b.Mail(field+".email", m.Email)),
		b.with("contact.subject", "subject", b.Text(field+".subject", m.Subject)),
		b.Named("contact.web-form", b.Address(field+".form", m.Form)),
		b.Named("contact.post", b.Name(field+".address", m.Address)),
		b.Named("contact.phone", b.Phone(field+".phone", m.Phone)),
		within,
	}
}

func (b *builder) complaint() {
	a := b.site.Authority
	if a.Name.IsZero() {
		return
	}
	address, _ := a.URL.Choose(b.Lang.Tag, b.site.Default())
	name := b.Linked(b.Text("authority", a.Name), address)
	b.paragraphs(b.Say("complaint.text", wording.A("authority", name)))
	b.paragraphs(b.Named("complaint.link", b.Address("authority", a.Complaint)))
}

func (b *builder) changes() {
	p := b.site.Policy
	if channels := b.Channels(p.Announce); !channels.IsZero() {
		b.prose(b.Say("changes.announce", wording.A("channels", channels)))
		if !p.AnnouncedBefore.IsZero() {
			b.paragraphs(b.Say("changes.before", wording.A("period", b.Period("policy.announced_before", p.AnnouncedBefore))))
		}
	}
	if slices.ContainsFunc(b.site.Categories, (*policy.Category).InUse) {
		b.prose(b.Say("changes.asked-again"))
	}
	if !p.ReviewedOn.IsZero() {
		b.paragraphs(b.Say("changes.reviewed", wording.A("date", b.Date("policy.reviewed", p.ReviewedOn, policy.Text{}))))
	}
	if !p.ReviewDue.IsZero() {
		b.paragraphs(b.Say("changes.review", wording.A("date", b.Date("policy.review", p.ReviewDue, policy.Text{}))))
	}
	b.since()
	b.history()
}

// history lists the earlier versions, with a link to those that can be read.
func (b *builder) history() {
	var items []Term
	for i, r := range b.site.Policy.History {
		field := indexed("policy.history", i)
		name := b.Say("changes.version", wording.A("version", b.Name(field+".version", r.Version)), wording.A("date", b.Date(field+".date", r.Date, policy.Text{})))
		if address := b.options.Versions[r.Version]; address != "" {
			name = b.Linked(name, address)
		}
		items = append(items, Term{name, b.Paragraphs(field+".changes", r.Changes)})
	}
	if len(items) > 0 {
		b.add(Heading{"history", b.Say("changes.history")})
		b.terms(items)
	}
}

func (b *builder) law() {
	var laws []wording.Line
	for i, l := range b.site.Law {
		laws = append(laws, b.Law(indexed("law", i), l))
	}
	if len(laws) > 0 {
		b.lead("law.text")
		b.list(laws)
	}
}

func (b *builder) hosting() {
	h := b.site.HostedBy
	if h.Name == "" {
		return
	}
	h.Field = "hosted_by"
	var items []Term
	term(&items, b.Entity(&h), append([]wording.Line{b.Name("hosted_by.address", h.Address)}, b.entity(&h)[1:]...)...)
	if len(items) == 0 {
		b.paragraphs(b.Entity(&h))
	}
	b.terms(items)
}

func (b *builder) links() {
	l := b.site.Links
	var lines []wording.Line
	for _, link := range []struct {
		key string
		to  policy.Text
	}{{"privacy", l.Privacy}, {"legal", l.Legal}, {"terms", l.Terms}} {
		if !link.to.IsZero() {
			lines = append(lines, b.Labelled("links."+link.key, "links."+link.key, link.to))
		}
	}
	b.list(lines)
}
