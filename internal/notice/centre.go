package notice

import (
	"cmp"
	"encoding/json"
	"html/template"
	"slices"
	"strings"

	"github.com/temoin/temoin/internal/lang"
	"github.com/temoin/temoin/internal/wording"
	"github.com/temoin/temoin/policy"
)

// A centre is the preference centre: all that is asked about and all that is not,
// without anything of the visitor.
type centre struct {
	Lang, Hash, Action                                    string
	Asked                                                 []string // none: its form is about all
	Legend, Intro, Trackers                               string
	Young                                                 template.HTML // the short text for minors, "" for none
	Categories                                            []category
	Save, Accept, Refuse                                  string
	Policy, PolicyLabel                                   string
	Failed, Offline, Changed, Saved, Typed, Reload, Close string
}

type category struct {
	ID       string
	Title    template.HTML
	Asked    bool
	State    string // in words, where there is nothing to switch
	About    []template.HTML
	Services *services // nil for none
	Kept     kept      // by the site itself
}

type services struct {
	Label, Note string
	Services    []service
}

type service struct {
	ID          string
	Name, Allow template.HTML
	Asked       bool
	About       []template.HTML
	Kept        kept
}

// kept is what is kept in the browser.
type kept struct {
	Label    string
	Trackers []tracker
}

type tracker struct{ Name, Colon, Lasts, Purpose template.HTML }

func (w *writer) preferences() *centre {
	c := &centre{
		Lang: w.Lang.Tag, Hash: zeros, Action: w.prefix + "/choice",
		Legend: w.say("centre.legend"), Intro: w.say("centre.intro"), Trackers: w.say("centre.trackers"),
		Save: w.say("centre.save"), Accept: w.say("notice.accept"), Refuse: w.say("notice.refuse"),
		Policy: w.prefix + "/policy?lang=" + w.Lang.Tag, PolicyLabel: w.say("centre.policy"),
		Failed: w.say("notice.failed"), Offline: w.say("notice.offline"), Changed: w.say("notice.changed"),
		Saved: w.say("notice.saved"), Typed: w.say("centre.typed"), Reload: w.say("centre.reload"), Close: w.say("centre.close"),
	}
	if w.site.Public.Minors != "none" {
		c.Young = markup(w.Text("public.text", w.site.Public.Text))
	}
	for _, k := range w.site.Categories {
		c.Categories = append(c.Categories, w.category(k))
	}
	return c
}

func (w *writer) category(k *policy.Category) category {
	c := category{ID: k.ID, Title: markup(w.Category(k)), Asked: k.NeedsConsent()}
	switch {
	case k.Ground == policy.GroundExempt:
		c.State = w.say("centre.always")
	case !k.InUse():
		c.State = w.say("centre.unused")
	}
	about := []wording.Line{w.Text(k.Field+".purpose", k.Purpose)}
	if text := w.Text(k.Field+".accepted", k.IfAccepted); c.Asked && !text.IsZero() {
		about = append(about, w.Say("centre.accepted", wording.A("text", text)))
	}
	if text := w.Text(k.Field+".refused", k.IfRefused); c.Asked && !text.IsZero() {
		about = append(about, w.Say("centre.refused", wording.A("text", text)))
	}
	c.About = markups(about)
	var own []*policy.Tracker
	for _, t := range k.Trackers {
		if t.Service == nil {
			own = append(own, t)
		}
	}
	c.Kept = w.kept(own)
	if len(k.Services) > 0 {
		c.Services = w.services(k)
	}
	return c
}

func (w *writer) services(k *policy.Category) *services {
	s := &services{Label: w.Lang.Say("centre.services", "n", w.Lang.Number(len(k.Services)))}
	for _, svc := range k.Services {
		asked := chosen(svc)
		if asked {
			s.Note = w.say("centre.services-why")
		}
		s.Services = append(s.Services, service{
			ID: svc.ID, Name: markup(w.ServiceName(svc)), Asked: asked, Allow: markup(w.Say("centre.service-allow", wording.A("service", w.ServiceName(svc)))),
			About: w.aboutService(svc), Kept: w.kept(svc.Trackers),
		})
	}
	return s
}

// chosen reports whether visitors can decide on a service by itself.
func chosen(s *policy.Service) bool {
	return s.Category.NeedsConsent() && s.Loads == policy.LoadsOnConsent
}

// aboutService says what a service is for, and who receives data in which country
// under which safeguard.
func (w *writer) aboutService(s *policy.Service) []template.HTML {
	var out []wording.Line
	out = append(out, w.Text(s.Field+".purpose", s.Purpose), wording.Capital(w.Loads(s)))
	if text := w.Text(s.Field+".sends", s.Sends); !text.IsZero() {
		out = append(out, w.Named("service.sends", text))
	}
	for i, r := range append([]policy.Recipient{s.Provider}, s.Recipients...) {
		entity := w.Entity(&r)
		if entity.IsZero() {
			continue
		}
		key := "service.recipients"
		if i == 0 {
			key = "service.provider"
		}
		line := w.Named(key, entity)
		for _, t := range r.Transfers {
			line = w.Comma(line, w.Transfer(&r, t))
		}
		out = append(out, line)
		if link := w.Labelled(r.Field+".privacy", "service.privacy", r.Privacy); !link.IsZero() {
			out = append(out, link)
		}
	}
	return markups(out)
}

func (w *writer) kept(ts []*policy.Tracker) kept {
	k := kept{Label: w.say("centre.trackers")}
	for _, t := range ts {
		k.Trackers = append(k.Trackers, tracker{markup(w.TrackerName(t)), markup(w.Colon()), markup(w.Comma(w.Lifetimes(t)...)), markup(w.Purpose(t))})
	}
	return k
}

func markups(lines []wording.Line) []template.HTML {
	var out []template.HTML
	for _, l := range lines {
		if !l.IsZero() {
			out = append(out, markup(l))
		}
	}
	return out
}

// A page is the document that the preference centre is in.
type page struct {
	Lang, Dir            string
	Site, Title          string
	Style                template.CSS
	Back, LanguagesLabel string
	Languages            []alternate
	Saved                string
}

type alternate struct{ Address, Tag, Dir, Name string }

func (w *writer) page(style string) *page {
	p := &page{
		Lang: w.Lang.Tag, Dir: string(w.Lang.Direction), Site: w.site.Name, Title: w.say("centre.title"), Style: template.CSS(style), //nolint:gosec // our own
		Back: w.say("centre.back"), LanguagesLabel: w.say("centre.language"), Saved: w.say("notice.saved"),
	}
	for _, tag := range w.site.Langs {
		if l, ok := lang.Find(tag); ok && tag != w.Lang.Tag {
			p.Languages = append(p.Languages, alternate{w.prefix + "/?lang=" + tag, tag, string(l.Direction), l.Own})
		}
	}
	return p
}

// withdrawal is the form that takes back every yes, with the notice that it stands in.
func (w *writer) withdrawal(hash string) string {
	return `<form part="withdraw" method="post" action="` + w.prefix + `/choice"><input type="hidden" name="notice" value="` + hash +
		`"><input type="hidden" name="lang" value="` + w.Lang.Tag + `"><button part="button withdraw" name="action" value="withdraw">` +
		template.HTMLEscapeString(w.say("centre.withdraw")) + `</button> <p>` + template.HTMLEscapeString(w.say("centre.withdraw-why")) + `</p></form>`
}

// own is a form by which this device follows its account's choice, or has one of its own.
func (w *writer) own(follow, key string) string {
	return `<form part="own" method="post" action="` + w.prefix + `/account"><button part="button" name="follow" value="` + follow + `">` +
		template.HTMLEscapeString(w.say(key)) + "</button></form>"
}

// A placeholder stands in the place of content that is held.
type placeholder struct {
	Lang, Dir, Hash, Action string
	Title                   string
	Style                   template.CSS
	Text                    template.HTML
	Once, Always            string
	Service                 string
	Asked                   []string // the service, where a choice can allow it; none where only a click does
	Privacy                 *link
}

func (w *writer) placeholder(s *policy.Service, style string) *placeholder {
	name := wording.A("service", w.ServiceName(s))
	p := &placeholder{
		Lang: w.Lang.Tag, Dir: string(w.Lang.Direction), Hash: zeros, Action: w.prefix + "/choice", Service: s.ID, Style: template.CSS(style), //nolint:gosec // our own
		Title: w.Say("placeholder.title", name).String(), Once: w.say("placeholder.once"), Always: w.Say("placeholder.always", name).String(),
	}
	provider := w.Recipient(&s.Provider)
	if provider.IsZero() {
		provider = w.ServiceName(s)
	}
	key := "placeholder.text"
	if s.Provider.Country != "" {
		key += "-country"
	}
	p.Text = markup(w.Say(key, wording.A("provider", provider), wording.A("country", w.Country("", s.Provider.Country))))
	if chosen(s) {
		p.Asked = []string{s.ID}
	}
	if l := w.Labelled(s.Provider.Field+".privacy", "placeholder.privacy", s.Provider.Privacy); !l.IsZero() && l[0].Value != "" {
		p.Privacy = &link{template.HTML(template.HTMLEscapeString(l[0].Text)), l[0].Value} //nolint:gosec // escaped
	}
	return p
}

// wipe lists what goes when none of its owners is allowed any more, as the script
// "centre" reads it (ui/wipe.ts).
func wipe(site *policy.Site) []byte {
	asked := func(t *policy.Tracker) bool { return !t.Exempt() && t.Category.NeedsConsent() }
	fitted := func(t *policy.Tracker) bool {
		return slices.ContainsFunc(site.Trackers, func(p *policy.Tracker) bool {
			return p.Storage == t.Storage && asked(p) && p.Matches(t.Name)
		})
	}
	b, _ := json.Marshal(keysOf(site, func(t *policy.Tracker) bool { return asked(t) || fitted(t) })) //nolint:errchkjson // strings and lists of them
	return b
}

// keysOf lists what is kept in the browser under a name: kind, name, its owners, and the
// path of a cookie that has one.
func keysOf(site *policy.Site, which func(*policy.Tracker) bool) [][]any {
	list := [][]any{}
	for _, t := range site.Trackers {
		if t.Storage == policy.Pixel || t.Name == "" || !which(t) {
			continue
		}
		owners := []string{owner(t.Category, t.Service)}
		for _, s := range t.Shared {
			owners = append(owners, owner(s.Category, s))
		}
		slices.Sort(owners)
		for _, name := range append([]string{t.Name}, t.Also...) {
			entry := []any{t.Storage, name, slices.Compact(owners)}
			if t.Storage == policy.Cookie && t.Path != "" {
				entry = append(entry, t.Path)
			}
			list = append(list, entry)
		}
	}
	return list
}

func owner(k *policy.Category, s *policy.Service) string {
	if s == nil {
		return k.ID
	}
	return strings.Join([]string{cmp.Or(s.Category, k).ID, s.ID}, "!")
}
