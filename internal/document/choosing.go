package document

import (
	"slices"

	"github.com/temoin/temoin/internal/wording"
	"github.com/temoin/temoin/policy"
)

// What the visitor can do about it: choosing, browsers, what follows.

func (b *builder) choose() {
	b.prose(b.Say("choose." + string(b.site.NoticeMode())).From("notice.mode"))
	if !b.asks() {
		return // there is nothing to choose
	}
	b.prose(b.Say("choose.where"))
	var places []wording.Line
	for i, r := range b.site.Reopenings() {
		places = append(places, b.reopening(indexed("choice.reopen", i), r))
	}
	b.list(places)
	if slices.ContainsFunc(b.site.Categories, (*policy.Category).InUse) {
		b.prose(b.Say("choose.withdraw"))
	}
	b.paragraphs(b.Say("choose.lasts", wording.A("period", b.Period("choice.lasts", b.site.Choice.Lasts))))
	b.reach()
	var shared []wording.Line
	for _, c := range b.site.Categories {
		if c.Advertising && c.NeedsConsent() {
			shared = append(shared, b.Category(c))
		}
	}
	b.paragraphs(b.with("choose.gpc", "categories", b.List(shared...)))
}

// reach says how far a choice holds.
func (b *builder) reach() {
	c := b.site.Choice
	b.paragraphs(b.Say("choose." + string(c.Scope)).From("choice.scope"))
	if c.Scope == policy.ScopeAccount {
		b.paragraphs(b.Say("choose.conflict-" + c.Conflict).From("choice.conflict"))
	}
	if c.Domain == "registrable" {
		b.paragraphs(b.Say("choose.registrable", wording.A("domain", b.Key("", b.site.RegistrableDomain()))).From("choice.domain"))
	}
}

func (b *builder) reopening(field string, r policy.Reopening) wording.Line {
	key := "reopen." + r.Where
	if !r.Label.IsZero() {
		key += "-label"
	}
	label := b.Text(field+".label", r.Label)
	path := r.Path
	if path == "" {
		path = b.options.Preferences
	}
	if path != "" && !label.IsZero() {
		label = b.Linked(label, path)
	}
	place := b.Say(key, wording.A("label", label)).From(field + ".where")
	if path != "" && r.Label.IsZero() {
		place = b.Linked(place, path)
	}
	var more []wording.Line
	if r.Signed {
		more = append(more, b.Say("reopen.signed-in").From(field+".signed_in"))
	}
	if r.Banner {
		more = append(more, b.Say("reopen.banner").From(field+".reopens_banner"))
	}
	return b.Comma(append([]wording.Line{place}, more...)...)
}

// usualBrowsers are those for which every page has guidance; guidance for
// others stands on it where the manifest has some.
var usualBrowsers = []struct{ id, help string }{
	{"chrome", "https://support.google.com/chrome/answer/95647"},
	{"firefox", "https://support.mozilla.org/kb/clear-cookies-and-site-data-firefox"},
	{"safari", "https://support.apple.com/guide/safari/sfri11471/mac"},
	{"edge", "https://support.microsoft.com/microsoft-edge"},
	{"chrome-android", ""},
	{"safari-ios", ""},
}

func (b *builder) browsers() {
	b.lead("browsers.text")
	var items []Term
	own := map[string]bool{}
	for _, br := range b.site.Browsers {
		own[br.ID] = true
	}
	for _, u := range usualBrowsers {
		if !own[u.id] {
			term(&items, b.Say("browser."+u.id), b.Say("browser."+u.id+".text"), b.Link("", b.Lang.Say("browsers.help"), u.help))
		}
	}
	var said []Term
	for _, br := range b.site.Browsers {
		field := "browsers." + br.ID
		name := b.Text(field+".name", br.Name)
		if name.IsZero() {
			name = b.Say("browser." + br.ID)
		}
		term(&said, name, b.Text(field+".text", br.Text), b.Labelled(field+".url", "browsers.help", br.URL))
	}
	b.terms(append(said, items...))
}

// consequences are what follows from each answer, category by category.
func (b *builder) consequences() {
	for _, c := range b.site.Categories {
		var items []Term
		if c.NeedsConsent() {
			term(&items, b.Say("consequences.accepted"), b.Text(c.Field+".accepted", c.IfAccepted))
			term(&items, b.Say("consequences.refused"), b.Text(c.Field+".refused", c.IfRefused))
		}
		term(&items, b.Say("consequences.blocked"), b.Text(c.Field+".blocked", c.IfBlocked))
		if len(items) > 0 {
			b.add(Heading{"consequences-" + c.ID, b.Category(c)})
			b.terms(items)
		}
	}
}

// longestCookie is what current browsers keep a cookie at most.
var longestCookie = policy.Period{Count: 400, Unit: policy.Day}

// retention sums up the tables: the longest lifetime of each category.
func (b *builder) retention() {
	var lines []wording.Line
	cut, session := false, false
	for _, c := range b.site.Categories {
		var longest *policy.Tracker
		for _, t := range c.Trackers {
			if len(t.Lasts) == 0 {
				continue
			}
			if longest == nil || t.Lasts.Longest().Compare(longest.Lasts.Longest()) > 0 {
				longest = t
			}
			for _, v := range t.Lasts {
				session = session || v.Lifetime.Kind == policy.Session
				cut = cut || t.Storage == policy.Cookie && v.Lifetime.Kind == policy.For && v.Lifetime.Period.Compare(longestCookie) > 0
			}
		}
		if longest != nil {
			lines = append(lines, b.longest(c, longest.Lasts.Longest()))
		}
	}
	b.list(lines)
	if session {
		b.prose(b.Say("retention.session"))
	}
	if b.asks() {
		b.prose(b.Say("retention.choice", wording.A("period", b.Period("choice.lasts", b.site.Choice.Lasts))))
	}
	if cut {
		b.prose(b.Say("retention.cut", wording.A("period", b.Period("", longestCookie))))
	}
}

func (b *builder) longest(c *policy.Category, l policy.Lifetime) wording.Line {
	category := wording.A("category", b.Category(c))
	switch l.Kind {
	case policy.For:
		return b.Say("retention.longest", category, wording.A("period", b.Period("", l.Period)))
	case policy.UntilDeleted:
		return b.Say("retention.longest-deleted", category)
	}
	return b.Say("retention.longest-session", category)
}
