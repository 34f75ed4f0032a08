package notice

import (
	"html/template"
	"slices"
	"strings"
	"unicode"

	"github.com/temoin/temoin/internal/lang"
	"github.com/temoin/temoin/internal/wording"
	"github.com/temoin/temoin/policy"
)

// maxWords is how much a first layer says, buttons aside. Where purposes would make
// it longer, it names them and leaves what they are to the second layer.
const maxWords = 90

// A host is what the element that stands in a page is made of.
type host struct {
	Lang, Dir          string
	Style, Room        template.HTML
	Script             template.HTML
	Region             string
	Saved, SavedChange string
	Centre             string
	Open               template.HTML // label of the button that opens the preferences; "" for none
	Layer              *layer        // nil where nothing is asked
	Arrived            *arrived      // nil where no account's choice begins to apply
}

// arrived is what is said where the choice of an account begins to apply.
type arrived struct{ Text, Change, Own, Close, Action string }

// A layer is the first layer, with the dialog behind it.
type layer struct {
	Lang, Hash, Action, Centre, Page string
	Title                            template.HTML
	Lead, Items, After               []template.HTML
	Links                            []link
	Asked                            []string // categories that the forms are about; none for all
	Switches                         []purpose
	Accept, Refuse, Choose, Close    string
	DialogTitle                      string
	Save, Leave                      string
	Failed                           string

	words int  // that it says, buttons aside
	brief bool // purposes are only named
}

type link struct {
	Label   template.HTML
	Address string
}

// A purpose is a category with its switch.
type purpose struct {
	ID           string
	Title, About template.HTML
}

// A writer writes what a site shows in one language.
type writer struct {
	*wording.Words
	site   *policy.Site
	prefix string
}

// say is a message without arguments.
func (w *writer) say(key string) string { return w.Lang.Say(key) }

// centre is the address of the preference centre in the language.
func (w *writer) centre() string { return w.prefix + "/?lang=" + w.Lang.Tag }

// asked are the categories that visitors are asked about in the first layer.
func asked(site *policy.Site) []*policy.Category {
	var out []*policy.Category
	mode := site.NoticeMode()
	for _, k := range site.Categories {
		if k.NeedsConsent() && (k.InUse() || mode == policy.NoticePreconfigure) && mode != policy.NoticeInformation {
			out = append(out, k)
		}
	}
	return out
}

// host is the element, without a layer.
func (w *writer) host() host {
	h := host{
		Lang: w.Lang.Tag, Dir: string(w.Lang.Direction), Region: w.say("notice.region"),
		Saved: w.say("notice.saved"), SavedChange: w.say("notice.saved-change"), Centre: w.centre(),
	}
	if b := w.button(); b != nil {
		h.Open = markup(b)
	}
	return h
}

// button is the label of the button that opens the preferences, nil where the site
// has places of its own for that.
func (w *writer) button() wording.Line {
	for _, p := range w.site.Reopenings() {
		if p.Where == "button" {
			if p.Label.IsZero() {
				return w.Say("notice.open")
			}
			return w.Text("choice.reopen", p.Label)
		}
	}
	return nil
}

// layerOptions say what is special about a first layer.
type layerOptions struct {
	again   bool                      // it asks again
	changes map[string][]wording.Line // and says what changed in each category
	signal  bool                      // the browser's signal refuses what serves advertising
}

// layer is the first layer about some categories.
func (w *writer) layer(about []*policy.Category, o layerOptions) *layer {
	l := &layer{
		Lang: w.Lang.Tag, Hash: zeros, Action: w.prefix + "/choice", Centre: w.centre(), Page: w.prefix + "/",
		Accept: w.say("notice.accept"), Refuse: w.say("notice.refuse"), Choose: w.say("notice.choose"), Close: w.say("notice.close"),
		DialogTitle: w.say("centre.title"),
		Save:        w.say("centre.save"), Leave: w.say("centre.close"),
		Failed: w.say("notice.failed"),
	}
	for _, k := range about {
		l.Switches = append(l.Switches, purpose{k.ID, markup(w.Category(k)), markup(w.Text(k.Field+".purpose", k.Purpose))})
		if o.again || o.signal {
			l.Asked = append(l.Asked, k.ID)
		}
	}
	if len(about) == 0 {
		l.Close = w.say("notice.understood")
	}
	title, lead := w.opening(o.again)
	after := w.after(about)
	if o.signal {
		after = append(after, w.signal())
	}
	recipients, policy := w.Say("notice.recipients"), w.Say("notice.policy")
	said := slices.Concat([]wording.Line{title, recipients, policy}, lead, after)
	l.Title, l.Lead, l.After = markup(title), markups(lead), markups(after)
	l.Links = []link{{markup(recipients), w.centre() + "#services"}, {markup(policy), w.prefix + "/policy?lang=" + w.Lang.Tag}}
	l.words = count(said...)
	w.items(l, about, o.changes)
	return l
}

// opening is the title of a first layer, and what stands before the purposes.
func (w *writer) opening(again bool) (title wording.Line, lead []wording.Line) {
	which, asks := "notice.title", "notice.asks"
	mode := w.site.NoticeMode()
	switch {
	case again:
		which, asks = "notice.title-again", "notice.asks-again"
	case mode == policy.NoticeInformation:
		which, asks = "notice.title-information", "notice.informs"
	case mode == policy.NoticePreconfigure:
		which, asks = "notice.title-preconfigure", "notice.preconfigures"
	}
	if own := w.Text("notice.text", w.site.Notice.Text); !own.IsZero() && !again {
		lead = append(lead, own)
	}
	return w.Say(which), append(lead, w.Say(asks, wording.A("controller", w.controller())))
}

// signal says what the browser's signal is taken for.
func (w *writer) signal() wording.Line {
	refused := w.titles(func(k *policy.Category) bool { return k.Advertising && k.NeedsConsent() })
	if refused.IsZero() {
		return nil
	}
	return w.Say("notice.gpc", wording.A("categories", refused))
}

// after is what follows the purposes.
func (w *writer) after(about []*policy.Category) []wording.Line {
	var out []wording.Line
	if len(about) > 0 && w.site.NoticeMode() != policy.NoticePreconfigure { // where a yes is a preference, it allows nothing
		out = append(out, w.Say("notice.means"))
	}
	if len(about) > 0 && w.site.Choice.Scope == policy.ScopeAccount {
		out = append(out, w.Say("notice.account"))
	}
	if len(about) == 0 {
		return out
	}
	if b := w.button(); b != nil {
		return append(out, w.Say("notice.change", wording.A("button", b)))
	}
	return append(out, w.Say("notice.change-link", wording.A("where", w.place())))
}

// place is where a choice can be changed by everybody, where that is no button.
func (w *writer) place() wording.Line {
	for _, p := range w.site.Reopenings() {
		if p.Signed || p.Path == "" {
			continue
		}
		label := w.Text("choice.reopen", p.Label)
		if label.IsZero() {
			label = w.Say("notice.open")
		}
		return w.Linked(label, p.Path)
	}
	return w.Linked(w.Say("notice.open"), w.centre())
}

// controller names who asks.
func (w *writer) controller() wording.Line {
	if w.site.Controller.Name != "" {
		return w.Name("controller.name", w.site.Controller.Name)
	}
	return w.Name("name", w.site.Name)
}

// items lists purposes: a title, the first sentence of what it is for where there is
// room for so many words, and what changed.
func (w *writer) items(l *layer, about []*policy.Category, changes map[string][]wording.Line) {
	purposes := make([]wording.Line, len(about))
	for i, k := range about {
		purposes[i] = firstSentence(w.Text(k.Field+".purpose", k.Purpose))
		l.words += count(w.Category(k)) + count(changes[k.ID]...)
	}
	if all := l.words + count(purposes...); all <= maxWords {
		l.words = all
	} else {
		l.brief = true
	}
	for i, k := range about {
		if l.brief {
			purposes[i] = nil
		}
		l.Items = append(l.Items, w.item(w.Category(k), purposes[i], changes[k.ID]))
	}
}

func (w *writer) item(title, purpose wording.Line, changes []wording.Line) template.HTML {
	b := []template.HTML{"<b>", markup(title), "</b>"}
	if !purpose.IsZero() {
		b = b[:0]
		for p := range w.Lang.Parts("notice.purpose") {
			switch p.Arg {
			case "title":
				b = append(b, "<b>", markup(title), "</b>")
			case "purpose":
				b = append(b, markup(purpose))
			default:
				b = append(b, template.HTML(template.HTMLEscapeString(p.Text))) //nolint:gosec // escaped
			}
		}
	}
	for _, c := range changes {
		b = append(b, "<br>", markup(c))
	}
	var out strings.Builder
	for _, s := range b {
		out.WriteString(string(s))
	}
	return template.HTML(out.String()) //nolint:gosec // its parts are
}

// count counts words.
func count(lines ...wording.Line) int {
	n := 0
	for _, l := range lines {
		for _, word := range strings.Fields(l.String()) {
			if strings.ContainsFunc(word, isWord) {
				n++
			}
		}
	}
	return n
}

// isWord reports whether something is in words only.
func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// firstSentence cuts a line behind its first sentence.
func firstSentence(l wording.Line) wording.Line {
	for i, s := range l {
		if s.Kind != wording.Plain {
			continue
		}
		if end := sentenceEnd(s.Text); end < len(s.Text) {
			cut := append(wording.Line(nil), l[:i+1]...)
			cut[i].Text = s.Text[:end]
			return cut
		}
	}
	return l
}

// sentenceEnd returns where the first sentence of a text ends: behind a mark that a
// blank and a letter which is no small one follow.
func sentenceEnd(s string) int {
	runes := []rune(s)
	at := 0
	for i, r := range runes {
		at += len(string(r))
		if strings.ContainsRune(".!?؟。", r) && i+2 < len(runes) && unicode.IsSpace(runes[i+1]) && !unicode.IsLower(runes[i+2]) {
			return at
		}
	}
	return len(s)
}

// markup writes a line as markup. Keys and numbers are isolated, links lead where
// they say.
func markup(l wording.Line) template.HTML {
	var b strings.Builder
	for _, s := range l {
		text := template.HTMLEscapeString(s.Text)
		tag, attrs := "", ""
		switch s.Kind {
		case wording.Link, wording.Address:
			tag, attrs = "a", ` href="`+template.HTMLEscapeString(s.Value)+`"`
		case wording.Key, wording.Number:
			tag, attrs = "bdi", ` dir="ltr"`
		case wording.Name:
			tag = "bdi"
		}
		if s.Lang != "" {
			if tag == "" {
				tag = "span"
			}
			attrs += ` lang="` + template.HTMLEscapeString(s.Lang) + `" dir="` + direction(s.Lang) + `"`
		}
		if tag == "" {
			b.WriteString(text)
			continue
		}
		b.WriteString("<" + tag + attrs + ">" + text + "</" + tag + ">")
	}
	return template.HTML(b.String()) //nolint:gosec // escaped above
}

func direction(tag string) string {
	if l, ok := lang.Find(tag); ok {
		return string(l.Direction)
	}
	return "auto"
}
