package policy

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestEveryFieldIsDocumentedAndItsExampleCanBeWritten(t *testing.T) {
	for _, f := range append(Fields(), catalogueFields()...) {
		if f.Doc == "" || !strings.HasSuffix(f.Doc, ".") || f.Takes == "" {
			t.Errorf("%s: documented as %q", f.Path, f.Doc)
		}
	}
	var walk func(path string, fs []field)
	walk = func(path string, fs []field) {
		for _, f := range fs {
			src := f.write()
			root, problem := readTree("example", []byte(src+"\n"))
			if problem != nil {
				t.Errorf("%s%s: %v", path, f.key, problem)
				continue
			}
			d := &decoder{file: "example", positions: map[string]fieldPosition{}}
			object("example", "an example", nil, f).decode(d, root, "")
			for _, p := range d.problems {
				t.Errorf("%s%s: %v", path, f.key, p)
			}
			walk(path+f.key+".", f.shape.fields())
		}
	}
	walk("", (&Site{}).shape().fields())
	walk("catalogue.", (&Service{}).catalogueShape().fields())
}

func catalogueFields() []FieldDoc {
	var docs []FieldDoc
	for _, f := range (&Service{}).catalogueShape().fields() {
		docs = append(docs, FieldDoc{Path: f.key, Takes: f.shape.noun(), Required: f.required, Doc: f.doc, Example: f.write()})
	}
	return docs
}

func TestAFieldIsExplainedByItsPathOrItsLastWord(t *testing.T) {
	if docs, _ := Explain("trackers.lasts"); len(docs) != 1 || docs[0].Path != "trackers[].lasts" {
		t.Errorf("%v", docs)
	}
	if docs, _ := Explain("categories.*.title"); len(docs) != 1 {
		t.Errorf("%v", docs)
	}
	if docs, _ := Explain("lasts"); len(docs) < 3 {
		t.Errorf("%v", docs)
	}
	if docs, near := Explain("lastz"); docs != nil || near != "lasts" {
		t.Errorf("%v, %q", docs, near)
	}
	for _, word := range []string{"nothing.at.all", "trackers.lastz", "zzz"} {
		if docs, _ := Explain(word); docs != nil {
			t.Errorf("%s: %v", word, docs)
		}
	}
}

func TestAFieldIsExplainedByThePathThatAManifestGivesIt(t *testing.T) {
	for word, want := range map[string]string{
		"trackers[3].lasts":           "trackers[].lasts",
		"trackers[0].lasts.otherwise": "trackers[].lasts",
		"categories.essential.title":  "categories.*.title",
		"page.sections.rights.intro":  "page.sections.*.intro",
		"page.title.fr":               "page.title",
		"services.lasts._ga":          "services[].lasts",
		"sections.rights.intro":       "page.sections.*.intro",
	} {
		if docs, near := Explain(word); len(docs) != 1 || docs[0].Path != want {
			t.Errorf("%s: %v, %q", word, docs, near)
		}
	}
	docs, _ := Explain("page.sections.rights")
	if len(docs) != 6 || docs[0].Path != "page.sections" || docs[1].Path != "page.sections.*.title" {
		t.Errorf("%v", docs)
	}
	if docs, _ := Explain("categories.essential"); len(docs) < 10 || docs[1].Path != "categories.*.title" {
		t.Errorf("%v", docs)
	}
}

func TestAnExplanationNamesWhatIsKnown(t *testing.T) {
	for word, known := range map[string][]string{
		"services.use": CatalogueIDs(), "promises": promiseIDs(), "promises.id": promiseIDs(), "law": lawIDs, "authority": authorityIDs(),
	} {
		docs, _ := Explain(word)
		if len(docs) == 0 {
			t.Fatal(word)
		}
		text := docs[0].String()
		for _, id := range known {
			if !strings.Contains(text, id) {
				t.Errorf("%s does not name %s", word, id)
			}
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "Known:") && len(line) > 110 {
				t.Errorf("%s: a line of %d characters", word, len(line))
			}
		}
	}
	for _, word := range []string{"trackers.lasts", "services.lasts"} {
		if docs, _ := Explain(word); !strings.Contains(docs[0].Doc, "weeks, months or years") || !strings.Contains(docs[0].Doc, RememberMe) {
			t.Errorf("%s: %q", word, docs[0].Doc)
		}
	}
	if docs, _ := Explain("choice.lasts"); !strings.Contains(docs[0].Doc, "weeks, months or years") {
		t.Errorf("%q", docs[0].Doc)
	}
}

func TestTheSchemaNamesWhatIsKnown(t *testing.T) {
	schema := compileSchema(t)
	for line, refused := range map[string]bool{
		"services: [{use: stripe, category: necessary}]": false, "services: [{use: strip, category: necessary}]": true,
		"promises: [no-pixels, {id: no-request, service: x}]": false, "promises: [no-pixel]": true, "promises: [{id: ours, text: Ours.}]": false,
	} {
		if got := schemaRefuses(t, schema, []byte(base+line+"\n")); got != refused {
			t.Errorf("%s: refused: %v", line, got)
		}
	}
}

func TestAManifestMaySayWhichYAMLItIs(t *testing.T) {
	for _, begin := range []string{"%YAML 1.2\n---\n", "# a comment\n\n%YAML 1.1 # it is\r\n---\r\n", "\ufeff%YAML 1.2\n---\n"} {
		src := []byte(begin + base + "nme: x\n")
		_, err := Parse("site.yaml", src)
		if want := fmt.Sprintf("site.yaml:%d:1: unknown field \"nme\"", strings.Count(string(src), "\n")); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %q", begin, err, want)
		}
		if !bytes.HasPrefix(src, []byte(begin)) {
			t.Errorf("%q was written over", begin)
		}
	}
}

func TestAServiceIsFoundByWhatPeopleCallIt(t *testing.T) {
	for word, want := range map[string]string{
		"ga": "google-analytics", "facebook": "meta-pixel facebook-plugins", "recaptcha": "google-recaptcha", "Hotjarr": "hotjar",
		"innocraft": "matomo-cloud", "nothing-like-it": "", strings.Repeat("x", 100): "", "": "",
	} {
		if got := strings.Join(knownAs(word), " "); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
	for _, ids := range shortNames {
		for _, id := range ids {
			if _, ok := Catalogue(id); !ok {
				t.Errorf("there is no %s", id)
			}
		}
	}
}

func TestASiteSaysWhatItsManifestSays(t *testing.T) {
	s := parse(t, `
temoin: 1
site: cexro
name: Cexro OCR
url: https://cexro.com
hosts: [www.cexro.com]
languages: [fr, ar]
controller: {name: Cexro SAS, country: FR}
authority: cnil
policy: {version: 1.0, updated: 2025-01-15, effective: {date: 2025-01-20, written: {fr: 20 janv. 2025}}}
choice: {cookie: cookie_consent, lasts: 1 year, domain: registrable}
proof: {kept: 3 years after expiry}
categories:
  essential: {exempt: true, title: {fr: Essentiels, ar: أساسية}}
  analytics: {needs: consent}
  advertising: {unused: true}
trackers:
  - {name: auth_token, category: essential, lasts: {remember-me: 30 days, otherwise: session}}
  - {name: other, category: analytics, domain: .elsewhere.example}
services:
  - use: google-analytics
    category: analytics
    lasts: {_ga: 13 months}
    trackers: [{name: _ga_*, sliding: false}]
  - {use: google-fonts, category: essential, self_hosted: true}
promises: [no-advertising, {id: ours, text: {fr: La nôtre}}]
`)
	if s.Host != "cexro.com" || s.Policy.Version != "1.0" || s.Policy.EffectiveAs.In("fr") != "20 janv. 2025" {
		t.Errorf("%+v", s.Policy)
	}
	if s.Authority.Complaint.In("fr") == "" || s.Proof.Kept != (Period{3, Year}) {
		t.Errorf("%+v %+v", s.Authority, s.Proof)
	}
	ga := s.TrackerNamed(Cookie, "_ga")
	stream := s.TrackerNamed(Cookie, "_ga_ABC")
	if ga.Lasts.String() != "13 months" || !ga.Sliding || ga.Category.ID != "analytics" || ga.Purpose.In("ar") == "" {
		t.Errorf("_ga: %+v", ga)
	}
	if stream.Sliding || stream.Lasts.String() != "2 years" || stream.Purpose.In("fr") == "" {
		t.Errorf("what the manifest writes of _ga_* does not come before what is known: %+v", stream)
	}
	if s.TrackerNamed(Cookie, "_gid") != nil {
		t.Error("a tracker that the vendor no longer sets came with the service")
	}
	if fonts := s.Service("google-fonts"); len(fonts.Trackers)+len(fonts.Recipients) != 0 {
		t.Error("a service hosted by the site sets or sends something")
	}
	if other := s.TrackerNamed(Cookie, "other"); other.Party != ThirdParty {
		t.Error("a cookie of another domain is taken for the site's own")
	}
	if p := s.Promises[1]; p.Known || p.Kind != "" || s.Promises[0].Kind != Observable {
		t.Errorf("%+v", p)
	}
	if s.Category("analytics").InUse() != true || s.Category("advertising").InUse() || s.Category("essential").InUse() {
		t.Error("in use")
	}
	if at := s.Position("trackers[0].lasts"); at != (Position{18, 45}) {
		t.Errorf("%v", at)
	}
	if at := s.Position("trackers[0].purpose"); at != (Position{18, 5}) {
		t.Errorf("a field that is not written stands where its tracker does: %v", at)
	}
}

func TestTemoinDeclaresWhatItWritesAndKeepsItself(t *testing.T) {
	names := func(s *Site) (trackers, records []string) {
		for _, tr := range s.Trackers {
			if tr.Origin == FromTemoin {
				trackers = append(trackers, tr.Name)
			}
		}
		for _, r := range s.Records {
			records = append(records, r.ID)
		}
		return
	}
	trackers, records := names(parse(t, base))
	if want := []string{DefaultChoiceCookie, PanelCookie}; !slices.Equal(trackers, want) {
		t.Errorf("%v, want %v", trackers, want)
	}
	if want := []string{"proof", "proof-archive", "log", "requests", "requests-archive", "links", "mail", "reports", "staff"}; !slices.Equal(records, want) {
		t.Errorf("%v, want %v", records, want)
	}
	s := parse(t, base+"choice: {cookie: mine, scope: account, lasts: 3 months}\naudience: {source: logs}\nlogs: {kept: 6 months}\n")
	trackers, records = names(s)
	if want := []string{"mine", PanelCookie, AccountCookie, ObjectionCookie}; !slices.Equal(trackers, want) {
		t.Errorf("%v, want %v", trackers, want)
	}
	if !slices.Contains(records, "audience") || !slices.Contains(records, "logs") || !slices.Contains(records, "account-choice") {
		t.Errorf("%v", records)
	}
	mine := s.TrackerNamed(Cookie, "mine")
	if mine.Lasts.String() != "3 months" || !mine.Exempt() || mine.Reason != ReasonChoice || mine.Category.ID != "necessary" {
		t.Errorf("%+v", mine)
	}
}

func TestWhatTemoinWritesAsACookieIsFreeInOtherStorage(t *testing.T) {
	s := parse(t, base+"trackers: [{name: "+DefaultChoiceCookie+", kind: localStorage, category: necessary}]\n")
	if s.TrackerNamed(LocalStorage, DefaultChoiceCookie).Origin != FromSite || s.TrackerNamed(Cookie, DefaultChoiceCookie).Origin != FromTemoin {
		t.Error("one is taken for the other")
	}
}

func TestASiteWithoutAnExemptCategoryGetsOneForTemoinsOwnCookies(t *testing.T) {
	s := parse(t, "temoin: 1\nsite: a\nname: A\nurl: https://a.example\nlanguages: [en]\ncategories: {analytics: {needs: consent}}\n")
	if s.Categories[0].ID != "necessary" || !s.TrackerNamed(Cookie, DefaultChoiceCookie).Exempt() {
		t.Error("Témoin's cookie needs consent")
	}
}

func TestProofIsADutyOnlyWhereSomethingDependsOnConsent(t *testing.T) {
	if r := parse(t, base).Records[0]; r.ID != "proof" || r.Basis != BasisLegitimateInterest {
		t.Errorf("%+v", r)
	}
	if r := parse(t, consentBase).Records[0]; r.Basis != BasisLegalObligation || r.Kept != (Period{6, Month}) {
		t.Errorf("%+v", r)
	}
}

func TestACookieOfTwoCategoriesIsAllowedWhereEitherIs(t *testing.T) {
	s := parse(t, strings.Replace(base, "{necessary: {exempt: true}}", "{a: {needs: consent}, b: {needs: consent}}", 1)+`
services:
  - {id: x, name: X, category: a, trackers: [{name: shared}]}
  - {id: y, name: Y, category: b, trackers: [{name: shared}]}
`)
	shared := s.TrackerNamed(Cookie, "shared")
	if cs := shared.Categories(); len(cs) != 2 || cs[0].ID != "a" || cs[1].ID != "b" {
		t.Errorf("%v", cs)
	}
	if b := s.Category("b"); !b.InUse() || len(s.Scope(b).Beyond(s.Scope(s.Category("a")), true)) == 0 || !slices.Contains(b.Trackers, shared) {
		t.Error("the second category does not know the cookie")
	}
}

func TestATrackerOfAServiceOnUseIsAskedForWithTheService(t *testing.T) {
	s := parse(t, base+"services:\n  - {use: stripe, category: necessary, loads: on-use, paths: [/pay], because: {en: You pay.}}\n")
	if mid := s.TrackerNamed(Cookie, "__stripe_mid"); mid.Reason != ReasonServiceRequested || mid.Because.In("en") != "You pay." {
		t.Errorf("%+v", mid)
	}
	s = parse(t, base+"services:\n  - {use: stripe, category: necessary, because: {en: You pay.}}\n")
	if mid := s.TrackerNamed(Cookie, "__stripe_mid"); mid.Reason != "" {
		t.Errorf("a service that always loads lends no reason: %+v", mid)
	}
}

func TestWhatASelfHostedServiceKeepsIsTheSitesOwn(t *testing.T) {
	s := parse(t, base+`
services:
  - {use: matomo, category: necessary, self_hosted: true, because: x, trackers: [{name: _pk_id*, lasts: 13 months}]}
`)
	if tr := s.TrackerNamed(Cookie, "_pk_id.1.abcd"); tr == nil || tr.Party != FirstParty {
		t.Errorf("%+v", tr)
	}
}

func TestWhatFollowsFromAManifestIsSaidBySite(t *testing.T) {
	s := parse(t, base)
	if s.NoticeMode() != NoticeInformation || s.Reopenings()[0].Where != "button" || len(s.Jurisdictions()) != 0 {
		t.Errorf("%s %v %v", s.NoticeMode(), s.Reopenings(), s.Jurisdictions())
	}
	if rights := s.RightsDue(); slices.Contains(rights, RightWithdraw) || !slices.Contains(rights, RightObjection) {
		t.Errorf("%v", rights)
	}
	s = parse(t, consentBase+"authority: cnil\npublic: {minors: none, countries: [BE, RE]}\n")
	if s.NoticeMode() != NoticeConsent || !slices.Equal(s.Jurisdictions(), []string{"BE", "FR"}) {
		t.Errorf("%s %v", s.NoticeMode(), s.Jurisdictions())
	}
	if rights := s.RightsDue(); !slices.Contains(rights, RightWithdraw) || !slices.Contains(rights, RightAfterDeath) {
		t.Errorf("%v", rights)
	}
}

func TestRightsFollowFromEveryLegalBasis(t *testing.T) {
	for _, c := range []struct {
		old, new string
		want     bool
	}{
		{"", "", false},
		{"{exempt: true}", "{exempt: true, basis: consent}", true},
		{"{exempt: true}", "{exempt: true, basis: contract}", true},
		{"categories:", "trackers: [{name: cart, category: necessary, basis: contract}]\ncategories:", true},
	} {
		s := parse(t, strings.Replace(base, c.old, c.new, 1))
		if got := slices.Contains(s.RightsDue(), RightPortability); got != c.want {
			t.Errorf("%s: portability is due: %v", c.new, got)
		}
	}
}

func TestTheNoticeAndTheWayBackAreTheManifestsWhereItSaysThem(t *testing.T) {
	for add, want := range map[string]NoticeMode{
		"": NoticePreconfigure, "notice: {mode: information}\n": NoticeInformation, "trackers: [{name: v, category: later}]\n": NoticeConsent,
	} {
		if got := parse(t, strings.Replace(base, "{necessary:", "{later: {needs: consent}, necessary:", 1)+add).NoticeMode(); got != want {
			t.Errorf("%q: %s, want %s", add, got, want)
		}
	}
	if got := parse(t, base+"choice: {reopen: [{where: link}]}\n").Reopenings(); len(got) != 1 || got[0].Where != "link" {
		t.Errorf("%v", got)
	}
}

func TestTemoinsOwnCookiesHaveTheAttributesThatProtectThem(t *testing.T) {
	s := parse(t, base+"hosts: [www.a.example]\nchoice: {scope: account, domain: registrable}\naudience: {source: logs}\n")
	for name, want := range map[string]struct {
		httpOnly bool
		domain   string
		lasts    string
	}{
		DefaultChoiceCookie: {false, "a.example", "6 months"},
		PanelCookie:         {true, "", "30 minutes"},
		AccountCookie:       {true, "", "session"},
		ObjectionCookie:     {false, "", "13 months"},
	} {
		tr := s.TrackerNamed(Cookie, name)
		if !tr.Secure || tr.SameSite != "Lax" || tr.Path != "/" || tr.HTTPOnly != want.httpOnly || tr.Domain != want.domain || tr.Lasts.String() != want.lasts {
			t.Errorf("%+v", tr)
		}
	}
}

func TestTemoinsRecordsAreKeptAsThePolicySays(t *testing.T) {
	of := func(s *Site) string {
		var lines []string
		for _, r := range s.Records {
			lines = append(lines, fmt.Sprintf("%s %s %s %s", r.ID, r.Basis, r.Kept, r.From))
		}
		return strings.Join(lines, "\n")
	}
	const want = `proof legitimate-interest 6 months choice
proof-archive legitimate-interest 5 years expiry
log legitimate-interest  for-good
requests legal-obligation 3 months receipt
requests-archive legitimate-interest 5 years answer
links legal-obligation 24 hours sending
mail legitimate-interest 12 months sending
reports legitimate-interest 30 days counting
staff legitimate-interest  in-use`
	if got := of(parse(t, base)); got != want {
		t.Errorf("%s", got)
	}
}

func TestWhatNamesAFileOrAFieldHidesNothingOnATerminal(t *testing.T) {
	for in, want := range map[string]string{
		"é: x": "é: x", "a\x1b[31m": "a\ufffd[31m", "a\tb\n": "a\ufffdb\ufffd", "a\u009b": "a\ufffd", "a\u202eb\u2066": "a\ufffdb\ufffd", "a\u200bb\u2028": "a\ufffdb\ufffd",
	} {
		if got := Visible(in); got != want {
			t.Errorf("%q is shown as %q", in, got)
		}
	}
	_, err := Parse("a\x1b[31m\u202e.yaml", nil)
	if err == nil || !strings.HasPrefix(err.Error(), "a\ufffd[31m\ufffd.yaml: ") {
		t.Errorf("%q", err)
	}
}

func TestServicesOfOneVendorCanShareACookie(t *testing.T) {
	s := parse(t, base+`
services:
  - {id: a, name: A, category: necessary, because: x, trackers: [{name: shared, lasts: 1 year}]}
  - {id: b, name: B, category: necessary, because: x, trackers: [{name: shared, lasts: 1 year}]}
`)
	shared := s.TrackerNamed(Cookie, "shared")
	if shared.Service.ID != "a" || len(shared.Shared) != 1 || s.Service("b").Trackers[0] != shared {
		t.Errorf("%+v", shared)
	}
	if own := slices.DeleteFunc(slices.Clone(shared.Category.Trackers), func(t *Tracker) bool { return t != shared }); len(own) != 1 {
		t.Errorf("its category lists it %d times", len(own))
	}
}

func TestASiteIsTheSameWhoeverReadsIt(t *testing.T) {
	src, err := os.ReadFile("../examples/cexro/site.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := parse(t, string(src))
	before := snapshot(s)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				for _, lookup := range []func(){
					func() { s.TrackerNamed(Cookie, "_ga_X") },
					func() { s.ServicesAt("js.stripe.com", "/") },
					func() { s.Scope(s.Category("analytics")).Fingerprint() },
					func() { Compare(s, s) },
					func() { s.Position("trackers[1].purpose.fr") },
					func() { s.OwnsHost("www.cexro.com") },
				} {
					lookup()
				}
			}
		})
	}
	wg.Wait()
	if snapshot(s) != before {
		t.Error("reading a site changed it")
	}
}

// snapshot hashes everything that a site holds, as far as printing goes.
func snapshot(s *Site) [32]byte {
	var b bytes.Buffer
	seen := map[uintptr]bool{}
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if v.IsNil() || seen[v.Pointer()] {
				return
			}
			seen[v.Pointer()] = true
			walk(v.Elem())
		case reflect.Struct:
			for i := range v.NumField() {
				fmt.Fprintf(&b, "%s:", v.Type().Field(i).Name)
				walk(v.Field(i))
			}
		case reflect.Slice, reflect.Array:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Map:
			fmt.Fprint(&b, v.Len())
		default:
			fmt.Fprint(&b, v)
		}
	}
	walk(reflect.ValueOf(s))
	return sha256.Sum256(b.Bytes())
}

func TestTheSameBytesGiveTheSameFingerprints(t *testing.T) {
	for _, file := range examples(t) {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		a, b := parse(t, string(src)), parse(t, string(src))
		for i, c := range a.Categories {
			if c.Fingerprint() != b.Categories[i].Fingerprint() {
				t.Errorf("%s: %s", file, c.ID)
			}
		}
	}
}

func examples(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../examples/*/site*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	return files
}

// FuzzParse holds Parse to its contract: a Site or problems with places, no
// panic, whatever it is given.
func FuzzParse(f *testing.F) {
	bad, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(bad, examples(f)...) {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := Parse("site.yaml", src)
		if (s == nil) == (err == nil) {
			t.Fatalf("neither a site nor an error: %v", err)
		}
		if err != nil {
			ps, ok := err.(*Problems)
			if !ok || len(ps.List) == 0 {
				t.Fatalf("%T: %v", err, err)
			}
			for _, p := range ps.List {
				if p.What == "" || strings.ContainsAny(p.String(), "\n\r") {
					t.Errorf("%q", p)
				}
			}
			return
		}
		for _, tr := range s.Trackers {
			if tr.Category == nil || tr.String() == "" && tr.Label.IsZero() {
				t.Errorf("%+v", tr)
			}
		}
		s.TrackerNamed(Cookie, string(src[:min(len(src), 50)]))
		s.ServicesAt(string(src[:min(len(src), 50)]), "/")
		if d := Compare(s, s); len(d.Changes) != 0 {
			t.Errorf("a site differs from itself: %v", d.Changes)
		}
	})
}
