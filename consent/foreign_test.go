package consent

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/policy"
)

// A stored value of another system, as testdata/foreign has it.
type stored struct {
	place, system, value string
	want, at, until      string
	revision             string
	closed               bool
}

func storedValues(t testing.TB) []stored {
	t.Helper()
	files, err := filepath.Glob("testdata/foreign/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(err, "no fixtures")
	}
	var all []stored
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, block := range strings.Split(string(src), "\n\n") {
			all = append(all, storedValue(t, fmt.Sprintf("%s[%d]", file, i), block))
		}
	}
	return all
}

func storedValue(t testing.TB, place, block string) stored {
	t.Helper()
	s := stored{place: place, at: "-", until: "-", revision: "0"}
	into := map[string]*string{"system": &s.system, "value": &s.value, "want": &s.want, "at": &s.at, "until": &s.until, "revision": &s.revision}
	for line := range strings.Lines(block) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		switch to := into[key]; {
		case to != nil:
			*to = strings.TrimPrefix(value, " ")
		case key == "closed":
			s.closed = true
		case key != "" && key[0] != '#':
			t.Fatalf("%s: %q", place, line)
		}
	}
	return s
}

// answers writes answers as the fixtures do.
func answers(f *Foreign) string {
	var out []string
	for _, a := range f.Answers {
		out = append(out, map[bool]string{true: "+", false: "-"}[a.Allow]+a.Name)
	}
	return strings.Join(out, " ")
}

func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.RFC3339Nano)
}

func TestTheValuesOfEachSystemAreRead(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range storedValues(t) {
		seen[s.system] = true
		f, ok := ReadForeign(s.system, s.value)
		if !ok {
			t.Errorf("%s is not read: %s", s.place, s.value)
			continue
		}
		if got := answers(f); got != s.want || f.System != s.system || f.Closed != s.closed {
			t.Errorf("%s: %s has %q (closed: %v), want %q (%v)", s.place, f.System, got, f.Closed, s.want, s.closed)
		}
		if at, until, revision := when(f.At), when(f.Until), fmt.Sprint(f.Revision); at != s.at || until != s.until || revision != s.revision {
			t.Errorf("%s: made %s, ends %s, revision %s; want %s, %s, %s", s.place, at, until, revision, s.at, s.until, s.revision)
		}
	}
	for _, system := range ForeignSystems() {
		if !seen[system] || ForeignCookie(system) == "" {
			t.Errorf("%s has no fixture, or no cookie (%q)", system, ForeignCookie(system))
		}
	}
}

func TestWhatASystemWouldNotWriteIsNoForeignChoice(t *testing.T) {
	const told = `"consentId":"x","consentTimestamp":"2026-10-01T08:00:00.000Z"`
	for system, values := range map[string][]string{
		Klaro: {"", "{", "null", "true", "[]", `{"a":1}`, `{"a":"true"}`, `{"a":null}`, `{"a":{"b":true}}`, `{"a":true,"a":false}`, `{"":true}`,
			`{"a":true}x`, "%7B%22a%22%3Atrue", "%ZZ", "{\"\xff\":true}", `{"a\nb":true}`, `{"` + strings.Repeat("a", 129) + `":true}`, `{"a":true` + strings.Repeat(" ", 4096) + "}"},
		Orejime:  {"", "{", `{"a":1}`, "!a=true"},
		Orejime3: {"", "{", `{"a":1}`},
		Tarteaucitron: {"", "!", "gtag=true", "!gtag", "!gtag=", "!=true", "!gtag=yes", "!gtag=true!", "!gtag=true!gtag=false", "!gtag=true=true", "!a\x00=true",
			"!gtag=true;!x=true", strings.Repeat("!a=wait", 600)},
		CookieConsent: {"", "{}", "[]", `{"categories":["a"]}`, `{"categories":null,` + told + `}`, `{"categories":[1],` + told + `}`, `{"categories":[null],` + told + `}`,
			`{"categories":"a",` + told + `}`, `{"categories":["a/b"],` + told + `}`, `{"data":1,` + told + `}`, `{"level":{}}`,
			`{"categories":["a"],"consentId":"x"}`, `{"categories":["a"],"consentId":"","consentTimestamp":"2026-10-01T08:00:00.000Z"}`,
			`{"categories":["a"],"consentId":"x","consentTimestamp":"1 October"}`, `{"categories":["a"],"consentId":"x","consentTimestamp":5}`,
			`{"categories":["a"],"expirationTime":"soon",` + told + `}`, `{"categories":["a"],"expirationTime":-1,` + told + `}`, `{"categories":["a"],"revision":"1",` + told + `}`,
			`{"categories":["a"],"services":[],` + told + `}`, `{"categories":["a"],"services":{"a":true},` + told + `}`, `{"categories":["a"],"services":{"a":[""]},` + told + `}`},
		"another": {"", "{}", `{"a":true}`},
	} {
		for _, value := range values {
			if f, ok := ReadForeign(system, value); ok || f != nil {
				t.Errorf("%s: %.60q is read: %v", system, value, f)
			}
		}
	}
	many := ""
	for i := range maxListed + 1 {
		many += fmt.Sprintf("!s%d=true", i)
	}
	if _, ok := ReadForeign(Tarteaucitron, many); ok {
		t.Error("a value without bound is read")
	}
}

func TestACookieWithQuotesIsTakenFromItsHeader(t *testing.T) {
	header := `a=1; orejime={"x":true,"y":false}; b="2"`
	request := &http.Request{Header: http.Header{"Cookie": {header}}}
	if _, err := request.Cookie(Orejime); err == nil {
		t.Error("net/http keeps a cookie with quotes: ForeignValue is no longer needed")
	}
	value, ok := ForeignValue(header, ForeignCookie(Orejime))
	f, read := ReadForeign(Orejime, value)
	if !ok || !read || answers(f) != "+x -y" {
		t.Errorf("%q, %v, %v", value, ok, read)
	}
	for _, header := range []string{"", "klaro", "xklaro=1", "klaro=1; klaro=2", "klaro =1"} {
		if value, ok := ForeignValue(header, "klaro"); ok || value != "" {
			t.Errorf("%q has %q", header, value)
		}
	}
	if value, ok := ForeignValue("klaro=1;klaro=1", "klaro"); !ok || value != "1" {
		t.Errorf("the same value twice is %q", value)
	}
}

func FuzzReadForeign(f *testing.F) {
	for _, s := range storedValues(f) {
		f.Add(s.system, s.value)
	}
	f.Add(CookieConsent, `{"level":["a","a"],"services":{"a":["x"]},"last_consent_update":"0000-01-01T00:00:00.000Z","expirationTime":9223372036854775807}`)
	s := site(f, "scope: device")
	none := Decide(s, nil, Signals{}, noon)
	f.Fuzz(func(t *testing.T, system, value string) {
		r, ok := ReadForeign(system, value)
		if !ok {
			return
		}
		if len(value) > maxForeign || len(r.Answers) > maxListed {
			t.Errorf("%d bytes make %d answers", len(value), len(r.Answers))
		}
		// Without a mapping nothing is permitted that was not before.
		c, ok := Import(s, r, Mapping{}, ID{}, noon)
		if !ok {
			return
		}
		if d := Decide(s, c, Signals{}, noon); permitted(&d) != permitted(&none) {
			t.Errorf("%q permits %q", value, permitted(&d))
		}
		if c.Until.After(s.Choice.Lasts.After(noon)) || c.At.After(noon) {
			t.Errorf("%q lasts from %s to %s", value, c.At, c.Until)
		}
	})
}

// former is a mapping of the shop's former cookieconsent notice, to which all
// that has an effect is declared.
func former(s *policy.Site) Mapping {
	m := Mapping{System: CookieConsent, Evidence: "sha256:5f1c…", Covers: map[string]uint32{},
		Names: []Mapped{{Name: "stats", Category: "stats"}, {Name: "ads", Category: "ads"}, {Name: "later", Category: "later"}}}
	for _, k := range s.Categories {
		m.Covers[k.ID] = k.Fingerprint().Short()
	}
	return m
}

// left is what a visitor left: words with + were accepted, with - refused.
func left(system string, at time.Time, words string) *Foreign {
	f := &Foreign{System: system, At: at, Closed: system == CookieConsent}
	for _, w := range strings.Fields(words) {
		f.Answers = append(f.Answers, ForeignAnswer{w[1:], w[0] == '+'})
	}
	return f
}

// holds lists what a choice holds.
func holds(c *Choice) string {
	var out []string
	for _, a := range c.Answers {
		out = append(out, map[bool]string{true: "+", false: "-"}[a.Allow]+a.Category)
	}
	for _, e := range c.Exceptions {
		out = append(out, map[bool]string{true: "+!", false: "-!"}[e.Allow]+e.Service)
	}
	return strings.Join(out, " ")
}

var before = noon.Add(-30 * 24 * time.Hour)

func TestWhatCountsOfAForeignChoice(t *testing.T) {
	s := site(t, "scope: device")
	services := []Mapped{{Name: "ads/banner", Service: "banner"}, {Name: "ads/video", Service: "video"}}
	for _, c := range []struct {
		name, system, left string
		change             func(*Mapping)
		want, asks         string
	}{
		{name: "a mapped yes, and what the list lacks is refused", left: "+needed +stats", want: "+stats -ads -later"},
		{name: "all refused", left: "+needed", want: "-stats -ads -later"},
		{name: "a yes without evidence", left: "+stats", change: func(m *Mapping) { m.Evidence = " " }, want: "-ads -later", asks: "stats"},
		{name: "a yes to a notice of another revision", left: "+stats", change: func(m *Mapping) { m.Revision = 2 }, want: "-ads -later", asks: "stats"},
		{name: "a yes to a scope that the notice did not cover", left: "+stats", change: func(m *Mapping) { delete(m.Covers, "stats") }, want: "-ads -later", asks: "stats"},
		{name: "a yes to a scope that the site no longer honours", left: "+stats", change: func(m *Mapping) { m.Covers["stats"]++ }, want: "-ads -later", asks: "stats"},
		{name: "a mapping of another system", left: "+stats", change: func(m *Mapping) { m.System = Klaro }, asks: "stats ads"},
		{name: "no mapping", left: "+stats", change: func(m *Mapping) { *m = Mapping{} }, asks: "stats ads"},
		{name: "a name that leads nowhere", left: "+stats +x", change: func(m *Mapping) { m.Names = append(m.Names, Mapped{Name: "x", Category: "gone"}) }, want: "+stats -ads -later"},
		{name: "two names, one refused", left: "+stats", change: func(m *Mapping) { m.Names = append(m.Names, Mapped{Name: "more", Category: "stats"}) }, want: "-stats -ads -later"},
		{name: "one name that leads to two places", left: "+all", change: func(m *Mapping) {
			m.Names = []Mapped{{Name: "all", Category: "stats"}, {Name: "all", Category: "ads"}}
		}, want: "+stats +ads"},
		{name: "a refused service of an accepted category", left: "+stats", change: func(m *Mapping) {
			m.Names = append(m.Names, Mapped{Name: "stats/heat", Service: "heat"})
		}, want: "+stats -ads -later -!heat"},
		{name: "a refused service that cannot be told from its category", left: "+ads", change: func(m *Mapping) {
			m.Names = []Mapped{{Name: "ads", Category: "ads"}, {Name: "clips", Service: "video"}}
		}, asks: "stats ads"},
		{name: "an accepted service of a refused category", left: "+pixel", change: func(m *Mapping) {
			m.Names = append(m.Names, Mapped{Name: "pixel", Service: "banner"})
		}, want: "-stats -ads -later"},
		{name: "all services of a category that has nothing else", left: "+ads/banner +ads/video", change: func(m *Mapping) { m.Names = services }, want: "+ads", asks: "stats"},
		{name: "some services of a category that has nothing else", left: "+ads/banner", change: func(m *Mapping) { m.Names = services }, want: "-ads +!banner", asks: "stats"},
		{name: "some services of a category that the notice did not cover", left: "+ads/video", change: func(m *Mapping) {
			m.Names = services
			m.Covers = nil
		}, want: "-!banner", asks: "stats ads"},
		{name: "an accepted category with a service that was left open", left: "+stats +x/a", change: func(m *Mapping) {
			m.Names = append(m.Names, Mapped{Name: "x", Service: "heat"})
		}, want: "-ads -later", asks: "stats"},
		{name: "no service of a category that has nothing else", left: "+needed", change: func(m *Mapping) { m.Names = services }, want: "-ads", asks: "stats"},
		{name: "all services of a category that has more", left: "+stats/counter +stats/heat", change: func(m *Mapping) {
			m.Names = []Mapped{{Name: "stats/counter", Service: "counter"}, {Name: "stats/heat", Service: "heat"}}
		}, asks: "stats ads"},
		{name: "a category of which services were accepted, without a word on them", left: "+stats/counter", want: "-ads -later", asks: "stats"},
		{name: "a refusal by the category's name", system: Klaro, left: "-stats +ads", want: "-stats", asks: "ads"},
		{name: "a refusal by the service's name", system: Orejime, left: "-Heat +counter", want: "-!heat", asks: "stats ads"},
		{name: "a refusal of what needs no consent", system: Klaro, left: "-needed -pay -session", asks: "stats ads"},
		{name: "a name of tarteaucitron is no category", system: Tarteaucitron, left: "-stats -counter", want: "-!counter", asks: "stats ads"},
		{name: "an unmapped yes", system: Klaro, left: "+stats +ads", asks: "stats ads"},
		{name: "a mapped name is no longer taken for an id", system: Klaro, left: "-stats", change: func(m *Mapping) {
			*m = Mapping{System: Klaro, Names: []Mapped{{Name: "stats", Service: "heat"}}}
		}, want: "-!heat", asks: "stats ads"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := former(s)
			if c.change != nil {
				c.change(&m)
			}
			system := c.system
			if system == "" {
				system = CookieConsent
			}
			choice, ok := Import(s, left(system, before, c.left), m, ID{}, noon)
			if ok != (choice != nil) || ok != (c.want != "") {
				t.Fatalf("imported: %v, %v", ok, choice)
			}
			got := ""
			if ok {
				got = holds(choice)
			}
			d := Decide(s, choice, Signals{}, noon)
			if asks := asked(&d); got != c.want || c.asks != asks {
				t.Errorf("%q, asks %q; want %q and %q", got, asks, c.want, c.asks)
			}
		})
	}
}

func TestARefusalIsKnownByItsNameInTheCatalogue(t *testing.T) {
	s := parse1(t, `temoin: 1
site: s
name: S
url: https://s.example
languages: [en]
categories:
  needed: {exempt: true}
  analytics: {needs: consent}
services:
  - {use: google-analytics, id: numbers, category: analytics}
  - {use: google-maps, id: plan, category: analytics}
`)
	for words, want := range map[string]string{
		"-google-analytics": "-!numbers", "-googleMaps": "-!plan", "-Google_Maps": "-!plan", "-PLAN": "-!plan",
		"-gtag": "", "-numbers -plan": "-analytics", "-Analytics": "-analytics", "-★": "",
	} {
		c, ok := Import(s, left(Klaro, time.Time{}, words), Mapping{}, ID{}, noon)
		if ok && holds(c) != want || ok != (want != "") {
			t.Errorf("%s: %v, want %q", words, c, want)
		}
	}
	for words, want := range map[string]string{"-gtag": "-!numbers", "-analytics": "-!numbers", "-googlemapsembed -gajs": "-analytics", "-googlemaps": "-!plan"} {
		if c, ok := Import(s, left(Tarteaucitron, time.Time{}, words), Mapping{}, ID{}, noon); !ok || holds(c) != want {
			t.Errorf("tarteaucitron %s: %v, want %q", words, c, want)
		}
	}
}

func TestEachOtherNameOfTarteaucitronIsInTheCatalogue(t *testing.T) {
	src, err := os.ReadFile("foreign.go")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(src), "func tarteaucitronService")
	n := 0
	for line := range strings.Lines(table) {
		id, ok := strings.CutPrefix(strings.TrimSpace(line), `return "`)
		if id = strings.TrimSuffix(id, `"`); !ok || id == "" {
			continue
		}
		n++
		if _, known := policy.Catalogue(id); !known {
			t.Errorf("the catalogue has no %s", id)
		}
	}
	if n < 20 {
		t.Errorf("%d names were found", n)
	}
}

func TestAnImportedChoiceKeepsItsTimeAndItsEnd(t *testing.T) {
	s := site(t, "scope: device")
	ours := func(at time.Time) time.Time { return s.Choice.Lasts.After(at) }
	for _, c := range []struct {
		name              string
		at, until         time.Time
		wantAt, wantUntil time.Time
		grants, nothing   bool
	}{
		{name: "theirs ends first", at: before, until: noon.Add(time.Hour), wantAt: before, wantUntil: noon.Add(time.Hour), grants: true},
		{name: "ours ends first", at: before, until: noon.AddDate(3, 0, 0), wantAt: before, wantUntil: ours(before), grants: true},
		{name: "theirs has no end", at: before, wantAt: before, wantUntil: ours(before), grants: true},
		{name: "parts of a second", at: before.Add(999 * time.Millisecond), until: noon.Add(1500 * time.Millisecond), wantAt: before, wantUntil: noon.Add(time.Second), grants: true},
		{name: "no time", wantAt: noon, wantUntil: ours(noon)},
		{name: "a time ahead", at: noon.Add(time.Second), wantAt: noon, wantUntil: ours(noon)},
		{name: "theirs has ended", at: before, until: noon, nothing: true},
		{name: "ours has ended", at: noon.AddDate(-1, 0, 0), until: noon.AddDate(1, 0, 0), nothing: true},
		{name: "long ago", at: time.Time{}.Add(time.Hour), nothing: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := left(CookieConsent, c.at, "+stats")
			f.Until = c.until
			got, ok := Import(s, f, former(s), ID{}, noon)
			if ok == c.nothing {
				t.Fatalf("imported: %v", ok)
			}
			if !ok {
				return
			}
			if !got.At.Equal(c.wantAt) || !got.Until.Equal(c.wantUntil) || !got.Ends(s).Equal(c.wantUntil) {
				t.Errorf("from %s to %s, want %s to %s", got.At, got.Until, c.wantAt, c.wantUntil)
			}
			want := map[bool]string{true: "+stats -ads -later", false: "-ads -later"}[c.grants]
			if holds(got) != want {
				t.Errorf("%s, want %s", holds(got), want)
			}
		})
	}
	if c, ok := Import(s, nil, former(s), ID{}, noon); ok || c != nil {
		t.Error("nothing was imported, and it is a choice")
	}
}

func TestAnImportedChoiceTravelsInTheCookie(t *testing.T) {
	s := site(t, "scope: device")
	id, err := NewID(noon, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := left(CookieConsent, before.Add(507*time.Millisecond), "+stats")
	f.Until = noon.Add(1234567 * time.Millisecond)
	c, _ := Import(s, f, former(s), id, noon)
	value, err := codec(t, s, key).Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	back := codec(t, s, key).Decode(value)
	if back == nil || holds(back) != holds(c) || !back.At.Equal(c.At) || !back.Until.Equal(c.Until) || back.ID != id {
		t.Errorf("%v comes back as %v", c, back)
	}
}

func TestAYesIsImportedUnderTheScopeThatTheFormerNoticeCovered(t *testing.T) {
	old := site(t, "scope: device")
	m := former(old)
	more := strings.Replace(strings.Replace(shop, "SCOPE", "scope: device", 1), "\nservices:", "\nservices:\n  - {id: eye, name: Eye, category: stats, hosts: [eye.example]}", 1)
	less := strings.Replace(strings.Replace(shop, "SCOPE", "scope: device", 1), "  - {id: heat, name: Heat, category: stats, hosts: [heat.example]}\n", "", 1)
	for src, want := range map[string]string{more: "-ads -later", less: "+stats -ads -later"} {
		s := parse1(t, strings.Replace(src, `version: "1"`, `version: "2"`, 1), old)
		c, ok := Import(s, left(CookieConsent, before, "+stats"), m, ID{}, noon)
		if !ok || holds(c) != want {
			t.Errorf("%v, want %s", c, want)
			continue
		}
		if a, granted := c.answer("stats"); granted && a.Scope != m.Covers["stats"] {
			t.Errorf("the yes is under %06x, and the notice covered %06x", a.Scope, m.Covers["stats"])
		}
	}
}

// chance makes foreign choices and mappings of them: what can be named, at random.
type chance struct {
	*rand.Rand
	site  *policy.Site
	names []string
}

func newChance(s *policy.Site, seed uint64) *chance {
	c := &chance{Rand: rand.New(rand.NewPCG(seed, 4)), site: s, names: []string{"x", "y", "x/a", "x/b", "Heat"}}
	for _, k := range s.Categories {
		c.names = append(c.names, k.ID)
	}
	for _, v := range s.Services {
		c.names = append(c.names, v.ID)
	}
	return c
}

func (c *chance) one() string { return c.names[c.IntN(len(c.names))] }

func (c *chance) foreign() *Foreign {
	systems := ForeignSystems()
	f := &Foreign{System: systems[c.IntN(len(systems))], At: before, Closed: c.IntN(2) == 0}
	for range c.IntN(9) {
		if name := c.one(); !slices.ContainsFunc(f.Answers, func(a ForeignAnswer) bool { return a.Name == name }) {
			f.Answers = append(f.Answers, ForeignAnswer{name, c.IntN(4) > 0})
		}
	}
	return f
}

func (c *chance) mapping(f *Foreign) Mapping {
	m := former(c.site)
	m.System, m.Names = f.System, nil
	for range c.IntN(9) {
		n := Mapped{Name: c.one()}
		if c.IntN(2) == 0 {
			n.Category = c.one()
		} else {
			n.Service = c.one()
		}
		m.Names = append(m.Names, n)
	}
	return m
}

// permits lists what an import permits, clicks and paths included.
func permits(s *policy.Site, f *Foreign, m Mapping) []string {
	c, _ := Import(s, f, m, ID{}, noon)
	d := Decide(s, c, Signals{Path: "/checkout"}, noon)
	return strings.Fields(permitted(&d))
}

func within(few, many []string) bool {
	return !slices.ContainsFunc(few, func(name string) bool { return !slices.Contains(many, name) })
}

func TestAnImportedRefusalOfEverythingIsNeverAGrant(t *testing.T) {
	s := site(t, "scope: device")
	c := newChance(s, 1)
	none := permits(s, nil, Mapping{})
	for range 10000 {
		f := c.foreign()
		for i := range f.Answers {
			f.Answers[i].Allow = false
		}
		m := c.mapping(f)
		if got := permits(s, f, m); !slices.Equal(got, none) {
			t.Fatalf("%+v by %+v permits %v", f, m, got)
		}
	}
}

func TestAnImportedYesNeverWidens(t *testing.T) {
	s := site(t, "scope: device")
	c := newChance(s, 2)
	none, granted := permits(s, nil, Mapping{}), 0
	for range 10000 {
		f := c.foreign()
		m := c.mapping(f)
		got := permits(s, f, m)
		if len(got) > len(none) {
			granted++
		}
		// Nothing is permitted but what an accepted name leads to.
		most := permitsOf(s, ceiling(s, f, m))
		if !within(got, most) {
			t.Fatalf("%+v by %+v permits %v, and the visitor said yes to %v", f, m, got, most)
		}
		// Without any one of the conditions nothing is permitted.
		for _, weaker := range weaker(m) {
			if less := permits(s, f, weaker); !slices.Equal(less, none) {
				t.Fatalf("%+v by %+v permits %v", f, weaker, less)
			}
		}
		undated := *f
		undated.At = time.Time{}
		if less := permits(s, &undated, m); !slices.Equal(less, none) {
			t.Fatalf("without a time, %+v by %+v permits %v", f, m, less)
		}
		// A no in the place of a yes, or no word, permits nothing beyond that.
		for i, a := range f.Answers {
			if !a.Allow {
				continue
			}
			no, silent := *f, *f
			no.Answers = slices.Clone(f.Answers)
			no.Answers[i].Allow = false
			silent.Answers = slices.Delete(slices.Clone(f.Answers), i, i+1)
			for _, less := range []*Foreign{&no, &silent} {
				if got := permits(s, less, m); !within(got, most) || !within(got, permitsOf(s, ceiling(s, less, m))) {
					t.Fatalf("%+v by %+v permits %v", less, m, got)
				}
			}
		}
	}
	if granted < 200 {
		t.Errorf("only %d imports granted anything", granted)
	}
}

func weaker(m Mapping) []Mapping {
	without, other, later, uncovered := m, m, m, m
	without.Evidence = ""
	other.System = "another"
	later.Revision++
	uncovered.Covers = nil
	return []Mapping{without, other, later, uncovered}
}

// ceiling is the widest choice that the accepted names allow: each place that one
// of them leads to, unless a refused one leads there too; a category also where
// all its services are such places.
func ceiling(s *policy.Site, f *Foreign, m Mapping) *Choice {
	yes := map[string]bool{}
	for _, allow := range []bool{true, false} {
		for _, a := range f.Answers {
			for _, n := range m.Names {
				if a.Name == n.Name && a.Allow == allow {
					yes["k:"+n.Category], yes["s:"+n.Service] = allow, allow
				}
			}
		}
	}
	c := &Choice{At: before}
	for _, k := range s.Categories {
		ofServices := len(k.Services) > 0 && k.ID != "stats"
		for _, v := range k.Services {
			ofServices = ofServices && yes["s:"+v.ID]
		}
		whole := yes["k:"+k.ID] || ofServices
		c.Answers = append(c.Answers, Answer{k.ID, whole, k.Fingerprint().Short()})
		for _, v := range k.Services {
			if !whole && yes["s:"+v.ID] {
				c.Exceptions = append(c.Exceptions, Exception{v.ID, true})
			}
		}
	}
	return c
}

func permitsOf(s *policy.Site, c *Choice) []string {
	d := Decide(s, c, Signals{Path: "/checkout"}, noon)
	return strings.Fields(permitted(&d))
}
