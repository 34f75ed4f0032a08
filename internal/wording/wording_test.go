package wording

import (
	"slices"
	"strings"
	"testing"

	"github.com/temoin/temoin/internal/lang"
	"github.com/temoin/temoin/policy"
)

func parse(t *testing.T, src string) *policy.Site {
	t.Helper()
	s, err := policy.Parse("site.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const head = `temoin: 1
site: small
name: Small
url: https://small.example
languages: [en, ar]
categories:
  needed: {exempt: true, title: {en: Needed, ar: الضرورية}}
  stats: {needs: consent, title: {en: Statistics, ar: الإحصاءات}}
`

func in(t *testing.T, src, tag string) *Words {
	t.Helper()
	w, err := For(parse(t, src), tag)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// messagesOfField are the messages that say a field's values, by the field.
var messagesOfField = map[string]string{
	"policy.announce": "channel.", "choice.scope": "choose.", "choice.conflict": "choose.conflict-", "choice.reopen[].where": "reopen.",
	"notice.mode": "choose.", "categories.*.basis": "basis.", "trackers[].kind": "storage.", "trackers[].reason": "reason.",
	"services[].provider.transfer": "transfer.", "services[].role": "role.", "services[].loads": "loads.", "audience.source": "audience.",
	"audience.purposes": "purpose.", "law": "law.", "rights": "right.", "promises[].id": "promise.", "promises[].kind": "promises.", "choice.domain": "domain.",
}

// A value that Témoin has no words for would stop a page: each can be written.
func TestEveryValueThatAManifestCanTakeHasWords(t *testing.T) {
	l, _ := lang.Find(lang.Reference)
	for field, prefix := range messagesOfField {
		i := slices.IndexFunc(policy.Fields(), func(f policy.FieldDoc) bool { return f.Path == field })
		if i < 0 || len(policy.Fields()[i].Known) == 0 {
			t.Errorf("%s has no values", field)
			continue
		}
		for _, v := range policy.Fields()[i].Known {
			if !l.Has(prefix + v) {
				t.Errorf("nothing says %s: %s (%s)", field, v, prefix+v)
			}
		}
	}
	for _, id := range policy.SectionIDs() {
		if !l.Has("section." + id) {
			t.Errorf("section %s has no heading", id)
		}
	}
	for _, k := range policy.ChangeKinds() {
		silent := []policy.ChangeKind{policy.ChangeOrder, policy.ChangeTextNew, policy.ChangeTextGone, policy.ChangeTextChanged, policy.ChangeTranslated, policy.ChangeUntranslated}
		of := []policy.ChangeKind{policy.ChangeStorage, policy.ChangeParty, policy.ChangeOwner, policy.ChangeMoved, policy.ChangeCountry, policy.ChangeTransfer}
		if !l.Has("change."+string(k)) && !slices.Contains(silent, k) && !slices.Contains(of, k) {
			t.Errorf("no sentence tells of a change of kind %s", k)
		}
	}
}

func TestOnlyAddressesThatLeadSomewhereBecomeLinks(t *testing.T) {
	w := in(t, head, "en")
	for address, want := range map[string]bool{
		"https://x.example/": true, "http://x.example": true, "/privacy": true, "./page.html": true, ".//x.example": false, "../x": false, "mailto:a@b.example": true, "tel:+33": true, "#id": true,
		"javascript:alert(1)": false, "JavaScript:alert(1)": false, "data:text/html,x": false, "//x.example": false, `/\x.example`: false, "x": false, " https://x": false,
	} {
		l := w.Link("f", "label", address)
		if (l[0].Kind == Link) != want || l[0].Text != "label" {
			t.Errorf("%q: %+v", address, l)
		}
	}
}

func TestALifetimeIsSaidWithTheActThatDecidesOnIt(t *testing.T) {
	src := head + `trackers:
  - {name: one, category: needed, lasts: {remember-me: 30 days, otherwise: session}}
  - {name: two, category: stats, lasts: 13 months, sliding: true}
  - {name: three, category: needed, kind: sessionStorage, lasts: session}
  - {name: four, category: needed, kind: localStorage, lasts: until-deleted}
  - {name: five, category: needed, lasts: {tick: 1 hour, otherwise: 1 day}, act: {en: you tick the box., ar: تضع العلامة}}
  - {name: six, category: stats, kind: pixel}
  - {name: seven, category: stats}
`
	w := in(t, src, "en")
	want := map[string]string{
		"one": "if you ask to stay signed in: 30 days|otherwise: until you close the browser", "two": "13 months|renewed at each visit",
		"three": "until you close the tab", "four": "until you delete it", "five": "you tick the box: 1 hour|otherwise: 1 day",
		"six": "keeps nothing", "seven": "not said",
	}
	for _, tr := range w.Site.Trackers {
		var got []string
		for _, l := range w.Lifetimes(tr) {
			got = append(got, l.String())
		}
		if want, ok := want[tr.Name]; ok && strings.Join(got, "|") != want {
			t.Errorf("%s: %q, want %q", tr.Name, got, want)
		}
	}
}

func TestATextSaysInWhichLanguageItIsWhereThatIsNotThePages(t *testing.T) {
	w := in(t, head, "de")
	if l := w.Category(w.Site.Categories[1]); l.String() != "Statistics" || l[0].Lang != "en" {
		t.Errorf("%+v", l)
	}
	if l := in(t, head, "ar").Category(w.Site.Categories[1]); l[0].Lang != "" {
		t.Errorf("%+v", l)
	}
}

func TestKeysAndNumbersAreIsolatedWhereThePageReadsFromTheRight(t *testing.T) {
	src := head + "trackers: [{name: s_id, category: stats}, {name: s_id_long, category: stats}]\npage: {title: {en: x, ar: 'ملف s_id_long ثم s_id لا xs_id، القانون 78-17 و2002/58'}}\n"
	var got []string
	for _, s := range in(t, src, "ar").Text("page.title", parse(t, src).Page.Title) {
		switch s.Kind {
		case Key:
			got = append(got, "key "+s.Text)
		case Number:
			got = append(got, s.Text)
		}
		if s.Field != "page.title" {
			t.Errorf("%+v has lost its field", s)
		}
	}
	if want := []string{"key s_id_long", "key s_id", "xs_id", "78-17"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestNoBreakSpacesOfTheOperatorStay(t *testing.T) {
	w := in(t, head, "en")
	if got := w.Text("f", policy.NewText("a\u00a0: b\n  c\td")).String(); got != "a\u00a0: b c d" {
		t.Errorf("%q", got)
	}
}

func TestAChangeIsSaidInTheWordsOfBothVersions(t *testing.T) {
	old := parse(t, head+"trackers: [{name: s_id, category: stats, lasts: 6 months}, {name: gone, category: needed, lasts: session}]\npromises: [no-advertising]\nchoice: {lasts: 6 months}\n")
	w := in(t, head+"trackers: [{name: s_id, category: stats, lasts: 13 months}]\nchoice: {lasts: 1 year}\nservices: [{id: map, name: Map, category: stats, hosts: [map.example], provider: {name: Map Inc, country: US, transfer: dpf}}]\n", "en")
	c, err := w.Since(old)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, ch := range policy.Compare(old, w.Site).Changes {
		said = append(said, c.Change(ch).String())
	}
	for _, want := range []string{
		"s_id is kept longer: 13 months instead of 6 months.", "Needed: gone removed.", "A commitment that no longer stands: No advertising tracker, and no request to an advertising company.",
		"The time for which a choice is kept: 1 year instead of 6 months.", "Statistics: the service Map added.",
	} {
		if !slices.Contains(said, want) {
			t.Errorf("no %q in %q", want, said)
		}
	}
}

func TestASentenceEndsInOneFullStop(t *testing.T) {
	w := in(t, head, "en")
	if got := w.Say("rights.write", A("contact", w.Name("", "Example, Inc."))).String(); got != "To use these rights: Example, Inc." {
		t.Errorf("%q", got)
	}
}
