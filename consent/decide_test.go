package consent

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/policy"
)

// shop has one of everything that a decision can turn on.
const shop = `temoin: 1
site: shop
name: Shop
url: https://shop.example
languages: [en]
controller: {name: Shop Ltd, country: FR}
policy: {version: "1"}
choice: {lasts: 6 months, SCOPE}
categories:
  needed: {exempt: true}
  stats: {needs: consent, purpose: {en: Counting.}}
  ads: {needs: consent, advertising: true, purpose: {en: Ads.}}
  later: {needs: consent, purpose: {en: Later.}}
  never: {unused: true}
trackers:
  - {name: session, category: needed, lasts: session}
  - {name: s_id, category: stats, lasts: 6 months, purpose: {en: Counts.}}
  - {name: theme, category: stats, lasts: 1 year, reason: interface, act: {en: you choose one}}
services:
  - {id: counter, name: Counter, category: stats, hosts: [counter.example], trackers: [{name: c_id, lasts: 1 day}]}
  - {id: heat, name: Heat, category: stats, hosts: [heat.example]}
  - {id: banner, name: Banner, category: ads, hosts: [ads.example], trackers: [{name: a_id, lasts: 1 day}]}
  - {id: pay, name: Pay, category: needed, hosts: [pay.example], loads: on-use, paths: [/checkout], because: {en: you pay}}
  - {id: video, name: Video, category: ads, hosts: [video.example], loads: on-use, click: true, because: {en: you click}}
  - {id: lib, name: Lib, category: needed, hosts: [lib.example], loads: always, because: {en: needed}}
  - {id: fonts, name: Fonts, category: needed, hosts: [fonts.example], self_hosted: true}
`

func parse1(t testing.TB, src string, earlier ...*policy.Site) *policy.Site {
	t.Helper()
	s, err := policy.Parse("shop.yaml", []byte(src), earlier...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func site(t testing.TB, scope string) *policy.Site {
	return parse1(t, strings.Replace(shop, "SCOPE", scope, 1))
}

var noon = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

// choose makes a choice: the words are what the visitor says yes to.
func choose(t testing.TB, s *policy.Site, at time.Time, yes string) *Choice {
	t.Helper()
	id, err := NewID(at, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Choose(s, id, at, func(name string) bool { return strings.Contains(" "+yes+" ", " "+name+" ") })
}

// permitted lists what a decision permits: categories, services, trackers.
func permitted(d *Decision) string {
	var out []string
	for _, k := range d.site.Categories {
		if d.Category(k) {
			out = append(out, k.ID)
		}
	}
	for _, s := range d.site.Services {
		if d.Service(s) {
			out = append(out, s.ID)
		}
	}
	for _, t := range d.site.Trackers {
		if t.Origin != policy.FromTemoin && d.Tracker(t) {
			out = append(out, t.Name)
		}
	}
	return strings.Join(out, " ")
}

func asked(d *Decision) string {
	var out []string
	for _, k := range d.site.Categories {
		if d.Asks(k) {
			out = append(out, k.ID)
		}
	}
	return strings.Join(out, " ")
}

const always = "needed lib session theme"

func TestWhatAChoicePermits(t *testing.T) {
	s := site(t, "scope: device")
	for _, c := range []struct {
		name    string
		yes     string
		none    bool
		signals Signals
		after   time.Duration
		want    string
		asks    string
		notice  Notice
	}{
		{name: "no choice", none: true, want: always, asks: "stats ads", notice: FirstNotice},
		{name: "all refused", yes: "", want: always},
		{name: "all accepted", yes: "stats counter heat ads banner later", want: "needed stats ads counter heat banner lib session s_id theme c_id a_id"},
		{name: "one category", yes: "stats counter heat", want: "needed stats counter heat lib session s_id theme c_id"},
		{name: "one service refused", yes: "stats counter", want: "needed stats counter lib session s_id theme c_id"},
		{name: "one service accepted", yes: "heat", want: "needed heat lib session theme"},
		{name: "a preference for what is not in use", yes: "later", want: always},
		{name: "expired", yes: "stats counter heat", after: 182 * 24 * time.Hour, want: always, asks: "stats ads", notice: FirstNotice},
		{name: "just before it expires", yes: "stats counter heat", after: 181*24*time.Hour - time.Second, want: "needed stats counter heat lib session s_id theme c_id"},
		{name: "the clock was set back", yes: "stats counter heat", after: -48 * time.Hour, want: "needed stats counter heat lib session s_id theme c_id"},
		{name: "GPC without a choice", none: true, signals: Signals{GPC: true}, want: always, asks: "stats", notice: FirstNotice},
		{name: "GPC against a yes", yes: "stats counter heat ads banner", signals: Signals{GPC: true}, want: "needed stats counter heat lib session s_id theme c_id"},
		{name: "a page that uses a service", yes: "", signals: Signals{Path: "/checkout/card"}, want: "needed pay lib session theme"},
		{name: "a page beside it", yes: "", signals: Signals{Path: "/checkouts"}, want: always},
		{name: "a click on one service", yes: "", signals: Signals{Clicked: []string{"video"}}, want: "needed video lib session theme"},
		{name: "a click that is about nothing", yes: "", signals: Signals{Clicked: []string{"counter", "fonts", "x"}}, want: always},
		{name: "an account on a site whose choices stay on the device", none: true, signals: Signals{SignedIn: true, Account: choose(t, s, noon, "stats counter heat")}, want: always, asks: "stats ads", notice: FirstNotice},
	} {
		t.Run(c.name, func(t *testing.T) {
			choice := choose(t, s, noon, c.yes)
			if c.none {
				choice = nil
			}
			d := Decide(s, choice, c.signals, noon.Add(c.after))
			if got := permitted(&d); got != c.want {
				t.Errorf("permits %q, want %q", got, c.want)
			}
			if got := asked(&d); got != c.asks || d.Notice != c.notice {
				t.Errorf("asks %q with notice %d, want %q with %d", got, d.Notice, c.asks, c.notice)
			}
		})
	}
}

// Only what changed is asked again, and what was refused stays refused.
func TestAWiderCategoryIsAskedAgainAndTheOthersAreNot(t *testing.T) {
	old := site(t, "scope: device")
	wider := parse1(t, strings.Replace(strings.Replace(shop, "SCOPE", "scope: device", 1), "hosts: [heat.example]}", "hosts: [heat.example]}\n  - {id: extra, name: Extra, category: stats, hosts: [extra.example]}", 1))
	for yes, want := range map[string]string{
		"stats counter heat ads banner": "needed ads banner lib session theme a_id",
		"ads banner":                    "needed ads banner lib session theme a_id",
		"":                              always,
	} {
		d := Decide(wider, choose(t, old, noon, yes), Signals{}, noon)
		if got := permitted(&d); got != want {
			t.Errorf("yes to %q: permits %q, want %q", yes, got, want)
		}
		if got := asked(&d); got != "stats" || d.Notice != AgainNotice {
			t.Errorf("yes to %q: asks %q with notice %d", yes, got, d.Notice)
		}
	}
	narrower := parse1(t, strings.Replace(strings.Replace(shop, "SCOPE", "scope: device", 1), "  - {id: heat, name: Heat, category: stats, hosts: [heat.example]}\n", "", 1), old)
	d := Decide(narrower, choose(t, old, noon, "stats counter heat"), Signals{}, noon)
	if got := asked(&d); got != "ads" && got != "" || !d.Category(narrower.Category("stats")) {
		t.Errorf("a narrower category is asked again: %q, permits %q", got, permitted(&d))
	}
}

func TestAYesToWhatIsNotInUseGrantsNothingLater(t *testing.T) {
	before := site(t, "scope: device")
	after := parse1(t, strings.Replace(strings.Replace(shop, "SCOPE", "scope: device", 1), "trackers:\n", "trackers:\n  - {name: l_id, category: later, lasts: 1 day}\n", 1), before)
	d := Decide(after, choose(t, before, noon, "later"), Signals{}, noon)
	if d.Category(after.Category("later")) || asked(&d) != "later" {
		t.Errorf("permits %q, asks %q", permitted(&d), asked(&d))
	}
}

func TestANoInAdvanceStandsWhenSomethingComesAndAsksNobody(t *testing.T) {
	before := site(t, "scope: device")
	manifest := strings.Replace(strings.Replace(shop, "SCOPE", "scope: device", 1), "trackers:\n", "trackers:\n  - {name: l_id, category: later, lasts: 1 day}\n", 1)
	after := parse1(t, manifest, before)
	d := Decide(after, choose(t, before, noon, "stats"), Signals{}, noon)
	if d.Category(after.Category("later")) || asked(&d) != "" || d.Notice != NoNotice {
		t.Errorf("permits %q, asks %q", permitted(&d), asked(&d))
	}
	// A no to what was in use is a no to that: what came to it is asked about.
	wider := parse1(t, strings.Replace(manifest, "l_id, category: later, lasts: 1 day", "l_id, category: later, lasts: 1 year", 1), before, after)
	d = Decide(wider, choose(t, after, noon, "stats"), Signals{}, noon)
	if asked(&d) != "later" {
		t.Errorf("asks %q", asked(&d))
	}
	d = Decide(after, choose(t, before, noon, "stats"), Signals{}, noon.AddDate(2, 0, 0))
	if d.Notice != FirstNotice {
		t.Error("a no outlives the time that choices last")
	}
}

// Three answers on the device, three on the account, either of them first.
func TestBrowserAndAccountFollowTheSitesPolicyAndARefusalStands(t *testing.T) {
	for _, conflict := range []string{"latest", "account"} {
		s := site(t, "scope: account, conflict: "+conflict)
		for _, c := range []struct {
			device, account string // "yes", "no", ""
			first           string // which was made first
			want            bool
		}{
			{"", "", "", false}, {"yes", "", "", true}, {"no", "", "", false}, {"", "yes", "", true}, {"", "no", "", false},
			{"yes", "yes", "device", true}, {"no", "no", "device", false},
			{"no", "yes", "device", true},   // the person said yes later
			{"no", "yes", "account", false}, // and no later, here
			{"yes", "no", "device", false},  // a later no, there
			{"yes", "no", "account", conflict == "latest"},
			{"no", "yes", "same", false}, {"yes", "no", "same", false}, {"yes", "yes", "same", true},
		} {
			at := func(which string) time.Time {
				if c.first == "same" || c.first == which {
					return noon
				}
				return noon.Add(time.Hour)
			}
			var device, account *Choice
			words := map[string]string{"yes": "stats counter heat", "no": ""}
			if c.device != "" {
				device = choose(t, s, at("device"), words[c.device])
			}
			if c.account != "" {
				account = choose(t, s, at("account"), words[c.account])
			}
			d := Decide(s, device, Signals{SignedIn: true, Account: account}, noon.Add(2*time.Hour))
			if got := d.Category(s.Category("stats")); got != c.want {
				t.Errorf("%s: device %q, account %q, %s first: %v, want %v", conflict, c.device, c.account, c.first, got, c.want)
			}
			out := Decide(s, device, Signals{Account: account}, noon.Add(2*time.Hour))
			if got := out.Category(s.Category("stats")); got != (c.device == "yes") {
				t.Errorf("%s: signed out, device %q, account %q: %v", conflict, c.device, c.account, got)
			}
		}
	}
}

// Whatever the choices and signals: a latest no is never a yes, a signal never
// widens, and only consent permits what needs it.
func TestWhateverIsChosenNothingIsPermittedWithoutAYes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"stats", "ads", "later", "counter", "heat", "banner"}
	for _, scope := range []string{"scope: device", "scope: account, conflict: latest", "scope: account, conflict: account"} {
		s := site(t, scope)
		for range 4000 {
			random := func() *Choice {
				if r.IntN(4) == 0 {
					return nil
				}
				var yes []string
				for _, w := range words {
					if r.IntN(2) == 0 {
						yes = append(yes, w)
					}
				}
				return choose(t, s, noon.Add(time.Duration(r.IntN(5))*time.Hour), strings.Join(yes, " "))
			}
			device, account := random(), random()
			signals := Signals{SignedIn: r.IntN(2) == 0, Account: account, GPC: r.IntN(3) == 0, Path: []string{"", "/checkout"}[r.IntN(2)]}
			now := noon.Add(time.Duration(r.IntN(400*24)) * time.Hour)
			d := Decide(s, device, signals, now)
			in := func(c *Choice) bool {
				return c.InForce(s, now) && (c == device || signals.SignedIn && s.Choice.Scope == policy.ScopeAccount)
			}
			for _, k := range s.Categories {
				if !k.NeedsConsent() || !d.Category(k) {
					continue
				}
				var latest time.Time
				yes, no := false, false
				for _, c := range []*Choice{device, account} {
					if c == nil || !in(c) || c.At.Before(latest) {
						continue
					}
					a, _ := c.answer(k.ID)
					if c.At.After(latest) {
						latest, yes, no = c.At, false, false
					}
					yes, no = yes || a.Allow, no || !a.Allow
				}
				if !yes || no || !k.InUse() || k.Advertising && signals.GPC {
					t.Fatalf("%s: %s is permitted: device %+v, account %+v, %+v", scope, k.ID, device, account, signals)
				}
			}
			with := signals
			with.GPC = true
			narrowed := Decide(s, device, with, now)
			for _, w := range strings.Fields(permitted(&narrowed)) {
				if !strings.Contains(" "+permitted(&d)+" ", " "+w+" ") {
					t.Fatalf("GPC permits %s", w)
				}
			}
		}
	}
}

func TestALargeSiteIsDecidedLikeASmallOne(t *testing.T) {
	var b strings.Builder
	b.WriteString("temoin: 1\nsite: big\nname: Big\nurl: https://big.example\nlanguages: [en]\ncategories:\n  needed: {exempt: true}\n")
	for i := range 90 {
		fmt.Fprintf(&b, "  c%d: {needs: consent}\n", i)
	}
	b.WriteString("services:\n")
	for i := range 90 {
		fmt.Fprintf(&b, "  - {id: s%d, name: S%d, category: c%d, hosts: [s%d.example]}\n", i, i, i, i)
	}
	s := parse1(t, b.String())
	d := Decide(s, choose(t, s, noon, "c7 s7 c88 s88"), Signals{}, noon)
	if got := permitted(&d); got != "needed c7 c88 s7 s88" {
		t.Errorf("%q", got)
	}
}

func TestANoticeIsShownOnceWhereNothingNeedsConsent(t *testing.T) {
	s := parse1(t, "temoin: 1\nsite: s\nname: S\nurl: https://s.example\nlanguages: [en]\ncategories:\n  needed: {exempt: true}\n  later: {needs: consent}\n")
	if d := Decide(s, nil, Signals{}, noon); d.Notice != FirstNotice {
		t.Errorf("notice %d", d.Notice)
	}
	if d := Decide(s, choose(t, s, noon, ""), Signals{}, noon); d.Notice != NoNotice {
		t.Errorf("notice %d after an answer", d.Notice)
	}
}

func BenchmarkDecide(b *testing.B) {
	s := site(b, "scope: account, conflict: latest")
	device, account := choose(b, s, noon, "stats counter"), choose(b, s, noon.Add(time.Hour), "stats counter heat")
	signals := Signals{GPC: true, Path: "/checkout", SignedIn: true, Account: account}
	b.ReportAllocs()
	for b.Loop() {
		d := Decide(s, device, signals, noon.Add(2*time.Hour))
		if !d.Category(s.Categories[0]) {
			b.Fatal("the exempt is not permitted")
		}
	}
}

func TestANoToAServiceStandsWithoutAnAnswerAboutItsCategory(t *testing.T) {
	s := site(t, "scope: account, conflict: latest")
	account := choose(t, s, noon, "stats counter heat")
	device := &Choice{ID: account.ID, At: noon.Add(time.Hour), Exceptions: []Exception{{Service: "heat"}, {Service: "counter", Allow: true}}}
	d := Decide(s, device, Signals{SignedIn: true, Account: account}, noon.Add(2*time.Hour))
	if got := permitted(&d); got != "needed stats counter lib session s_id theme c_id" {
		t.Errorf("%q", got)
	}
	d = Decide(s, device, Signals{}, noon.Add(2*time.Hour))
	if got := permitted(&d); got != always {
		t.Errorf("without the account: %q", got)
	}
}

// Nobody was asked about what else came to the category.
func TestANoInAdvanceButForOneServiceLastsNoLongerThanItWouldHave(t *testing.T) {
	t.Parallel()
	before := site(t, "scope: device")
	after := parse1(t, strings.Replace(strings.Replace(shop, "SCOPE", "scope: device", 1), "services:\n", "services:\n  - {id: chat, name: Chat, category: later, hosts: [chat.example]}\n", 1), before)
	no := choose(t, before, noon, "")
	no.Answers = slices.DeleteFunc(no.Answers, func(a Answer) bool { return a.Category != "later" })
	at := noon.AddDate(0, 3, 0)
	id, _ := NewID(at, nil)
	c := Revise(after, id, at, no, []string{"chat"}, func(string) bool { return true })
	if d := Decide(after, c, Signals{}, at); !d.Service(after.Service("chat")) || d.Category(after.Category("later")) || d.Asks(after.Category("later")) {
		t.Errorf("permits %q, asks %q", permitted(&d), asked(&d))
	}
	if want := no.Ends(after); !c.Ends(after).Equal(want) {
		t.Errorf("it ends %v, want %v", c.Ends(after), want)
	}
}

// How a choice about a part changes the one before. Answers are written as in the
// cookie: "stats=1", "!heat=0"; a star stands behind a scope that is not today's.
func TestWhoIsAskedAboutAPartKeepsTheOtherAnswers(t *testing.T) {
	s := site(t, "scope: device")
	write := func(c *Choice) string {
		var out []string
		for _, a := range c.Answers {
			mark := ""
			if !s.Category(a.Category).Honours(a.Scope) {
				mark = "*"
			}
			out = append(out, fmt.Sprintf("%s=%d%s", a.Category, map[bool]int{true: 1}[a.Allow], mark))
		}
		for _, x := range c.Exceptions {
			out = append(out, fmt.Sprintf("!%s=%d", x.Service, map[bool]int{true: 1}[x.Allow]))
		}
		return strings.Join(out, " ")
	}
	before := func(yes, stale string) *Choice {
		c := choose(t, s, noon, yes)
		for i := range c.Answers {
			if c.Answers[i].Category == stale {
				c.Answers[i].Scope ^= 1
			}
		}
		return c
	}
	for _, c := range []struct {
		before     *Choice
		asked, yes string
		want       string
		kept       bool
	}{
		{nil, "stats", "stats counter heat", "stats=1", false},
		{nil, "stats", "stats", "stats=1 !counter=0 !heat=0", false},
		{nil, "stats ads later", "ads banner", "stats=0 ads=1 later=0", false},
		{nil, "heat", "heat", "stats=0 !heat=1", false},
		{nil, "heat", "", "stats=0", false},
		{before("", ""), "stats", "stats counter heat", "stats=1 ads=0 later=0", true},
		{before("stats counter heat", ""), "ads", "", "stats=1 ads=0 later=0", true},
		{before("stats counter", ""), "stats", "stats counter heat", "stats=1 ads=0 later=0 !heat=0", true}, // its own no stands
		{before("heat", ""), "stats", "", "stats=0 ads=0 later=0", true},                                    // its own yes does not
		{before("stats counter", ""), "stats heat", "stats counter heat", "stats=1 ads=0 later=0", true},
		{before("", ""), "heat", "heat", "stats=0 ads=0 later=0 !heat=1", true},
		{before("stats counter heat", "stats"), "ads", "ads banner", "stats=1* ads=1 later=0", true},
		{before("stats counter heat", "stats"), "heat", "heat", "stats=0 ads=0 later=0 !heat=1", true},
		{before("counter", "stats"), "heat", "heat", "stats=0 ads=0 later=0 !heat=1", true}, // that yes was to less than counter is today
		{before("counter", "stats"), "ads", "", "stats=0* ads=0 later=0 !counter=1", true},
		{before("counter", ""), "heat", "heat", "stats=0 ads=0 later=0 !counter=1 !heat=1", true},
		{before("counter", ""), "stats heat", "", "stats=0 ads=0 later=0", true},
		{before("stats counter heat", ""), "stats counter heat ads banner later", "", "stats=0 ads=0 later=0", false},
	} {
		id, _ := NewID(noon, nil)
		at := noon.AddDate(0, 3, 0)
		got := Revise(s, id, at, c.before, strings.Fields(c.asked), func(name string) bool { return strings.Contains(" "+c.yes+" ", " "+name+" ") })
		if w := write(got); w != c.want {
			t.Errorf("asked %q, yes to %q: %s; want %s", c.asked, c.yes, w, c.want)
		}
		want := s.Choice.Lasts.After(at)
		if c.kept {
			want = s.Choice.Lasts.After(noon)
		}
		if !got.Ends(s).Equal(want) {
			t.Errorf("asked %q of %v: it ends %v, want %v", c.asked, c.before, got.Ends(s), want)
		}
	}
}

func TestAChoiceIsInForceUntilItsEndFromWhateverDay(t *testing.T) {
	t.Parallel()
	s := site(t, "")
	for _, lasts := range []string{"1 month", "6 months", "13 months", "1 year", "2 years", "30 days", "3 weeks", "36 hours"} {
		period, err := policy.ParsePeriod(lasts)
		if err != nil {
			t.Fatal(err)
		}
		s.Choice.Lasts = period
		for day := range 4*365 + 1 {
			c := &Choice{At: time.Date(2027, 1, 1, 23, 59, 59, 0, time.UTC).AddDate(0, 0, day)}
			ends := c.Ends(s)
			if !c.InForce(s, ends.Add(-time.Second)) || c.InForce(s, ends) {
				t.Fatalf("%s from %v: it does not end at %v", lasts, c.At, ends)
			}
			c.Until = ends.Add(-time.Hour)
			if !c.InForce(s, c.Until.Add(-time.Second)) || c.InForce(s, c.Until) {
				t.Fatalf("%s from %v: it does not end at %v", lasts, c.At, c.Until)
			}
		}
	}
}
