package wording

import (
	"strconv"
	"strings"

	"github.com/temoin/temoin/policy"
)

// A Comparison says in the language of the newer version what changed since the
// older one.
type Comparison struct {
	*Words
	old *Words
}

// Since compares with the version before.
func (w *Words) Since(old *policy.Site) (*Comparison, error) {
	before, err := For(old, w.Lang.Tag)
	if err != nil {
		return nil, err
	}
	return &Comparison{w, before}, nil
}

// Change says one change in a sentence. It returns nil for a detail that has
// none, such as the spelling of an address: whoever prints changes counts those.
func (c *Comparison) Change(ch policy.Change) Line {
	key := "change." + string(ch.Kind)
	what := Line(nil)
	switch ch.Kind {
	case policy.ChangeNew, policy.ChangeGone, policy.ChangeValue:
		if !c.Lang.Has("changed." + ch.What) {
			return nil
		}
		what = c.Say("changed."+ch.What, A("subject", c.subject(ch)))
	case policy.ChangeStorage, policy.ChangeParty, policy.ChangeOwner, policy.ChangeMoved, policy.ChangeCountry, policy.ChangeTransfer:
		key = "change.of"
	case policy.ChangePromiseNew, policy.ChangePromiseGone:
		return c.promised(key, ch)
	}
	if !c.Lang.Has(key) {
		return nil
	}
	return c.Say(key,
		A("what", what), A("category", c.categoryOf(ch.Category)), A("subject", c.subject(ch)), A("names", c.names(ch)),
		A("service", c.serviceOf(ch.Service)), A("old", c.value(c.old, ch, ch.Old)), A("new", c.value(c.Words, ch, ch.New)))
}

// categoryOf is the name that a category has, or had.
func (c *Comparison) categoryOf(id string) Line {
	if k := c.Site.Category(id); k != nil {
		return c.Category(k)
	}
	if k := c.old.Site.Category(id); k != nil {
		return c.old.Category(k)
	}
	return c.Name("", id)
}

func (c *Comparison) serviceOf(id string) Line {
	if s := c.Site.Service(id); s != nil {
		return c.ServiceName(s)
	}
	if s := c.old.Site.Service(id); s != nil {
		return c.old.ServiceName(s)
	}
	return c.Name("", id)
}

// subject is what the change is about: what it names, else the category.
func (c *Comparison) subject(ch policy.Change) Line {
	switch {
	case len(ch.Names) > 0:
		return c.names(ch)
	case ch.Service != "":
		return c.serviceOf(ch.Service)
	}
	return c.categoryOf(ch.Category)
}

// names lists what the change names: keys of the browser and hosts as such.
func (c *Comparison) names(ch policy.Change) Line {
	var lines []Line
	for _, n := range ch.Names {
		switch {
		case c.isKey(n) || ch.Kind == policy.ChangeHostNew || ch.Kind == policy.ChangeHostGone:
			lines = append(lines, c.Key("", n))
		default:
			lines = append(lines, c.Name("", n))
		}
	}
	return c.List(lines...)
}

func (c *Comparison) isKey(name string) bool {
	for _, s := range []*policy.Site{c.Site, c.old.Site} {
		for _, t := range s.Trackers {
			if t.Name == name {
				return true
			}
		}
	}
	return false
}

// promised says a promise that came or went as its page says it.
func (c *Comparison) promised(key string, ch policy.Change) Line {
	words := c.Words
	if ch.Kind == policy.ChangePromiseGone {
		words = c.old
	}
	for _, p := range words.Site.Promises {
		if len(ch.Names) > 0 && p.ID == ch.Names[0] && p.Service == ch.Service && p.Category == ch.Category {
			if said := words.Promise(p); said != nil {
				return c.Say(key, A("names", said))
			}
		}
	}
	return nil
}

// messagesOf are the messages that say values of a type, word by word.
var messagesOf = map[policy.ValueType]string{
	policy.TypeGround:    "ground-name.",
	policy.TypeMechanism: "transfer.",
	policy.TypeStorage:   "storage.",
	policy.TypeRole:      "role.",
	policy.TypeBasis:     "basis.",
	policy.TypeRights:    "right.",
	policy.TypeChannels:  "channel.",
	policy.TypeScope:     "scope.",
	policy.TypeDomain:    "domain.",
	policy.TypeSource:    "source.",
}

// value says a value of the manifest by its type, in the words of the version
// that it belongs to.
func (c *Comparison) value(words *Words, ch policy.Change, v string) Line {
	if v == "" {
		if ch.Type == policy.TypeService {
			return c.Say("party.site")
		}
		return c.Say("change.said-nothing")
	}
	each := func(say func(string) Line) Line {
		var lines []Line
		for item := range strings.SplitSeq(v, ", ") {
			lines = append(lines, say(item))
		}
		return c.List(lines...)
	}
	if prefix, ok := messagesOf[ch.Type]; ok {
		return each(func(word string) Line { return c.known(prefix, word) })
	}
	switch ch.Type {
	case policy.TypePeriod, policy.TypeLifetime:
		return c.List(c.lifetimes(v)...)
	case policy.TypeDate:
		if d, err := policy.ParseDate(v); err == nil {
			return c.Date("", d, policy.Text{})
		}
	case policy.TypeNumber:
		if n, err := strconv.Atoi(v); err == nil {
			return c.Number("", n)
		}
	case policy.TypeCategory:
		return c.categoryOf(v)
	case policy.TypeService:
		return c.serviceOf(v)
	case policy.TypeLoads:
		if s := words.Site.Service(ch.Service); s != nil {
			return words.Loads(s)
		}
		return c.known("loads.", v)
	case policy.TypeCountry:
		return each(func(code string) Line { return c.Country("", code) })
	case policy.TypeParty:
		if v == string(policy.FirstParty) {
			return c.Say("kind.first")
		}
		return c.Say("kind.third")
	case policy.TypeLanguages:
		return each(func(tag string) Line { return Line{{Kind: Name, Text: languageName(tag), Lang: tag}} })
	}
	return c.Name("", v)
}

// known is a message, or the word itself where a newer manifest has a new one.
func (c *Comparison) known(prefix, word string) Line {
	if c.Lang.Has(prefix + word) {
		return c.Say(prefix + word)
	}
	return c.Name("", word)
}

// lifetimes says "13 months" or "remember-me: 30 days, otherwise: session".
func (c *Comparison) lifetimes(s string) []Line {
	var out []Line
	for item := range strings.SplitSeq(s, ", ") {
		act, rest, found := strings.Cut(item, ": ")
		if !found {
			act, rest = "", item
		}
		l, err := policy.ParseLifetime(rest)
		if err != nil {
			return []Line{c.Name("", s)}
		}
		said := c.Lifetime("", policy.Cookie, l)
		switch act {
		case "":
		case policy.Otherwise:
			said = c.Say("lifetime.otherwise", A("period", said))
		case policy.RememberMe:
			said = c.Say("lifetime.when", A("act", c.Say("act.remember-me")), A("period", said))
		default:
			said = c.Say("lifetime.when", A("act", c.Name("", act)), A("period", said))
		}
		out = append(out, said)
	}
	return out
}
