package register

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"maps"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/policy"
)

// fullSite declares of everything that an export can name something, and of
// everything that may be absent too.
func fullSite(t testing.TB) *policy.Site {
	t.Helper()
	s, err := policy.Parse("full.yaml", []byte(`temoin: 1
site: shop
name: Shop
url: https://shop.example
languages: [en, fr]
controller: {name: "Shop & Sœurs", form: SARL, siren: 123 456 782, country: FR, address: "1 rue X, Paris", url: https://shop.example/about}
contact:
  dpo: {name: Jane Roe, email: privacy@shop.example}
authority: cnil
rights: [access, rectification, erasure, restriction, portability, objection, withdraw, after-death, no-automation]
policy: {version: "2.0"}
choice: {lasts: 6 months}
categories:
  needed: {exempt: true}
  stats: {needs: consent, purpose: {en: We count visits., fr: Nous comptons les visites.}}
  ads: {needs: consent, basis: legitimate-interest, purpose: Advertising}
  film: {needs: consent, basis: contract}
  duty: {needs: consent, basis: legal-obligation}
  later: {needs: consent, purpose: Nothing yet}
services:
  - {id: one, name: One, category: stats, purpose: {en: Counts.}, hosts: [one.example], role: processor, sends: {en: the page's address, fr: l'adresse de la page},
     provider: {name: One GmbH, country: DE, address: Berlin, privacy: "https://one.example/privacy"},
     recipients: [{name: One Inc., country: US, transfer: {mechanism: scc, module: 2}}]}
  - {id: two, name: Two, category: stats, hosts: [two.example], role: joint, provider: {name: Two SA}}
  - {id: ad, name: Ad, category: ads, hosts: [ad.example], role: controller, provider: {name: Ad Ltd, country: GB}}
  - {id: film, name: Film, category: film, hosts: [film.example]}
  - {id: own, name: Own, category: duty, hosts: [own.example], self_hosted: true, provider: {name: Nobody}}
trackers:
  - {name: sid, category: needed, lasts: session, reason: authentication}
  - {name: _one, category: stats, service: one, lasts: 13 months, content: {en: a random number}}
  - {name: _own, category: stats, kind: localStorage, lasts: {remember-me: 30 days, otherwise: session}}
  - {name: px, kind: pixel, category: ads}
`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const everything = "stats one two ads ad film own duty later"

// recordOf is a record of a choice on a site.
func recordOf(t testing.TB, s *policy.Site, a Action, yes string) *Record {
	t.Helper()
	before := choose(t, s, "").ID
	return NewRecord(s, choose(t, s, yes), Event{
		Action: a, Language: "fr", Notice: HashOf([]byte("notice")), GPC: true, Replaces: &before, Code: "v1", Withdraw: "/.temoin/",
	})
}

func exported(t testing.TB, r *Record, index int64) Exported {
	t.Helper()
	b, err := r.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	id, err := consent.ParseID(r.ID)
	if err != nil {
		t.Fatal(err)
	}
	return Exported{Row{Site: r.Site, ID: id, Salt: ledger.Salt{1, 2, 3}, Record: b, Account: []byte("the key of an account")}, index}
}

func rows(list ...Exported) iter.Seq2[Exported, error] {
	return func(yield func(Exported, error) bool) {
		for _, x := range list {
			if !yield(x, nil) {
				return
			}
		}
	}
}

// table is the CSV of rows, by column.
func table(t *testing.T, list iter.Seq2[Exported, error], with ...Columns) (header []string, cells []map[string]string) {
	t.Helper()
	var b bytes.Buffer
	if err := Export(&b, CSV, list, with...); err != nil {
		t.Fatal(err)
	}
	all, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range all[1:] {
		m := map[string]string{}
		for i, c := range row {
			m[all[0][i]] = c
		}
		cells = append(cells, m)
	}
	return all[0], cells
}

func TestATableHasARowForEachRecordAndAColumnForEachCategory(t *testing.T) {
	s := fullSite(t)
	r := recordOf(t, s, Save, "stats one ads ad later")
	header, cells := table(t, rows(exported(t, r, 7), exported(t, recordOf(t, s, Refuse, ""), -1)), Columns{Categories: []string{"stats", "later", "gone"}})
	if want := append(slices.Clone(fixedColumns), "category.stats", "category.later", "category.gone"); !slices.Equal(header, want) {
		t.Errorf("columns %q, want %q", header, want)
	}
	scope := map[string]string{}
	for _, a := range r.Answers {
		scope[a.Category] = a.Scope
	}
	want := map[string]string{
		"id": r.ID, "site": "shop", "time": "2026-11-21T12:00:00Z", "ends": "2027-05-21T12:00:00Z", "action": "save", "state": "partial",
		"language": "fr", "policy_version": "2.0", "policy_hash": r.Policy.Hash, "notice": r.Notice, "scope": "device", "gpc": "true",
		"replaces": r.Replaces, "imported": "", "log_index": "7", "exceptions": "two:no",
		"other_categories": "ads yes in-use " + scope["ads"] + ", film no in-use " + scope["film"] + ", duty no in-use " + scope["duty"],
		"category.stats":   "yes in-use " + scope["stats"], "category.later": "yes preference " + scope["later"], "category.gone": "",
	}
	if !maps.Equal(cells[0], want) {
		t.Errorf("%v\nwant %v", cells[0], want)
	}
	if len(cells) != 2 || cells[1]["state"] != "refused" || cells[1]["log_index"] != "" {
		t.Errorf("the second record is %v", cells[1:])
	}
}

func TestATableWithoutRecordsHasAHeader(t *testing.T) {
	if header, cells := table(t, rows()); !slices.Equal(header, fixedColumns) || len(cells) != 0 {
		t.Errorf("%q, %v", header, cells)
	}
}

func TestNoCellRunsAsAFormula(t *testing.T) {
	for _, begin := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"} {
		r := recordOf(t, fullSite(t), Save, "stats")
		r.Policy.Version, r.Imported, r.Language = begin+`HYPERLINK("x";"y"),1`, begin, "a"+begin
		_, cells := table(t, rows(exported(t, r, 0)))
		for name, cell := range cells[0] {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n") || strings.HasPrefix(cell, begin) {
				t.Errorf("%s is %q", name, cell)
			}
		}
		if got := cells[0]["language"]; !strings.HasPrefix(got, "a") {
			t.Errorf("%q needs no apostrophe", got)
		}
	}
}

func TestATablesLinesEndAsRFC4180Says(t *testing.T) {
	var b bytes.Buffer
	if err := Export(&b, CSV, rows(exported(t, recordOf(t, fullSite(t), Refuse, ""), 1))); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "\r\n"); n != 2 || strings.Count(b.String(), "\n") != n || bytes.HasPrefix(b.Bytes(), []byte("\xef\xbb\xbf")) {
		t.Errorf("%q", b.String())
	}
}

func TestLinesHoldTheCanonicalBytes(t *testing.T) {
	x, y := exported(t, recordOf(t, fullSite(t), Accept, everything), 3), exported(t, recordOf(t, fullSite(t), Refuse, ""), -1)
	var b bytes.Buffer
	if err := Export(&b, JSONL, rows(x, y)); err != nil {
		t.Fatal(err)
	}
	want := `{"index":3,"record":` + string(x.Row.Record) + "}\n" + `{"index":null,"record":` + string(y.Row.Record) + "}\n"
	if b.String() != want {
		t.Errorf("%s\nwant %s", b.String(), want)
	}
}

func TestASaltIsExportedOnlyWhenAskedAndTheKeyOfAnAccountNever(t *testing.T) {
	x := exported(t, recordOf(t, fullSite(t), Accept, everything), 3)
	salt := base64.StdEncoding.EncodeToString(x.Row.Salt[:])
	for _, format := range []string{CSV, JSONL} {
		for _, asked := range []bool{false, true} {
			var b bytes.Buffer
			if err := Export(&b, format, rows(x), Columns{Salt: asked}); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(b.String(), salt) != asked {
				t.Errorf("%s, asked %t: %s", format, asked, b.String())
			}
			account := x.Row.Account
			if bytes.Contains(b.Bytes(), account) || strings.Contains(b.String(), base64.StdEncoding.EncodeToString(account)) {
				t.Errorf("the key of an account is in %s", b.String())
			}
		}
	}
}

func TestAnExportStopsAtWhatIsNoRecordWithAWholeLine(t *testing.T) {
	good := exported(t, recordOf(t, fullSite(t), Accept, everything), 3)
	stranger := good
	stranger.Row.Record = bytes.Replace(good.Row.Record, []byte(`{"action"`), []byte(`{"email":"jane@example.com","action"`), 1)
	broken := errors.New("the store broke")
	for _, format := range []string{CSV, JSONL} {
		for _, bad := range []struct {
			x   Exported
			err error
		}{{stranger, nil}, {Exported{}, broken}} {
			var b bytes.Buffer
			err := Export(&b, format, func(yield func(Exported, error) bool) {
				_ = yield(good, nil) && yield(bad.x, bad.err) && yield(good, nil)
			})
			if err == nil || bad.err != nil && !errors.Is(err, broken) {
				t.Errorf("%s: %v", format, err)
			}
			if out := b.String(); strings.Contains(out, "jane") || !strings.HasSuffix(out, "\n") || strings.Count(out, recordID(t, good)) != 1 {
				t.Errorf("%s: %s", format, out)
			}
		}
	}
	if err := Export(io.Discard, "xml", rows(good)); err == nil || !strings.Contains(err.Error(), "csv or jsonl") {
		t.Errorf("xml: %v", err)
	}
}

func recordID(t *testing.T, x Exported) string {
	t.Helper()
	r, err := ParseRecord(x.Row.Record)
	if err != nil {
		t.Fatal(err)
	}
	return r.ID
}

func TestWhatIsReadOfARecordIsWhatWasWritten(t *testing.T) {
	list := append(choices(t, fullSite(t)), recordOf(t, site(t), Save, "stats one"), &Record{Format: Format})
	odd := *list[0]
	odd.Controller.Name, odd.Imported, odd.Policy.Version, odd.Replaces, odd.Jurisdictions = "\"\\\n\x01é日", `,"siren":"1"`, `}`, "", nil
	for _, r := range append(list, &odd) {
		b, err := r.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseRecord(b)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := got.Canonical(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%v: %s\nwant %s", err, again, b)
		}
		for i := range b {
			if _, err := ParseRecord(b[:i]); err == nil {
				t.Fatalf("%s is a record", b[:i])
			}
			bad := slices.Clone(b)
			bad[i] ^= 1
			other, err := ParseRecord(bad)
			if err != nil {
				continue
			}
			if again, err := other.Canonical(); err != nil || !bytes.Equal(again, bad) {
				t.Fatalf("%s is read, and written as %s (%v)", bad, again, err)
			}
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestAnExportThatCannotBeWrittenSaysSo(t *testing.T) {
	for _, format := range []string{CSV, JSONL} {
		if err := Export(fullDisk{}, format, rows(exported(t, recordOf(t, fullSite(t), Refuse, ""), 0))); err == nil || !strings.Contains(err.Error(), "no space") {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// generated are records that differ in their ids, with the memory in use measured
// on the way.
func generated(t *testing.T, n int, most *uint64) iter.Seq2[Exported, error] {
	r := recordOf(t, site(t), Save, "stats one")
	x := exported(t, r, 0)
	at := bytes.Index(x.Row.Record, []byte(r.ID))
	return func(yield func(Exported, error) bool) {
		for i := range n {
			x.Row.ID[14], x.Row.ID[15], x.Index = byte(i>>8), byte(i), int64(i)
			x.Row.Record = slices.Clone(x.Row.Record) // as a store would
			copy(x.Row.Record[at:], x.Row.ID.String())
			if i%(n/20) == 0 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				*most = max(*most, m.HeapInuse)
			}
			if !yield(x, nil) {
				return
			}
		}
	}
}

type counter struct{ lines, bytes int }

func (c *counter) Write(b []byte) (int, error) {
	c.lines, c.bytes = c.lines+bytes.Count(b, []byte("\n")), c.bytes+len(b)
	return len(b), nil
}

// With TEMOIN_TORTURE (make torture) a million of them.
func TestManyRecordsAreExportedInConstantMemory(t *testing.T) {
	n, bound := 50_000, uint64(16<<20) // they are 50 MB as JSON lines
	if os.Getenv("TEMOIN_TORTURE") != "" {
		n, bound = 1_000_000, 32<<20
	}
	for format, lines := range map[string]int{CSV: n + 1, JSONL: n} {
		var before runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var most uint64
		var out counter
		if err := Export(&out, format, generated(t, n, &most), Columns{Categories: []string{"stats", "ads"}}); err != nil {
			t.Fatal(err)
		}
		if out.lines != lines {
			t.Errorf("%s: %d lines, want %d", format, out.lines, lines)
		}
		if most > before.HeapInuse+bound {
			t.Errorf("%s: %d MB in use, %d before", format, most>>20, before.HeapInuse>>20)
		}
		t.Logf("%s: %d MB written, at most %d MB in use", format, out.bytes>>20, most>>20)
	}
}

func recordSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(TS27560Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(TS27560SchemaID, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(TS27560SchemaID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// choices are records of every state on a site.
func choices(t *testing.T, s *policy.Site) []*Record {
	t.Helper()
	imported := recordOf(t, s, Imported, everything)
	imported.Imported, imported.Notice, imported.Language, imported.Replaces, imported.Withdraw = "klaro", strings.Repeat("0", 64), "", "", ""
	return []*Record{
		recordOf(t, s, Accept, everything), recordOf(t, s, Refuse, ""), recordOf(t, s, Close, ""), recordOf(t, s, Withdraw, ""),
		recordOf(t, s, Save, "stats one"), recordOf(t, s, Save, "one film"), recordOf(t, s, Save, "stats one ads ad"), imported,
	}
}

func TestEveryConsentRecordIsValidAgainstItsSchema(t *testing.T) {
	schema := recordSchema(t)
	sites := []*policy.Site{fullSite(t), site(t)}
	for _, name := range examples.Sites {
		file, src, err := examples.Manifest(name, false)
		if err != nil {
			t.Fatal(err)
		}
		s, err := policy.Parse(file, src)
		if err != nil {
			t.Fatal(err)
		}
		sites = append(sites, s)
	}
	valid := 0
	for _, s := range sites {
		for _, r := range append(choices(t, s), NewRecord(s, consent.Choose(s, choose(t, s, "").ID, noon, func(string) bool { return true }), Event{Action: Accept})) {
			b, err := TS27560(r, s)
			if errors.Is(err, ErrPreference) && r.State == Preference {
				continue
			}
			if err != nil {
				t.Fatalf("%s %s: %v", s.File, r.Action, err)
			}
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(v); err != nil {
				t.Errorf("%s %s: %v\n%s", s.File, r.Action, err, b)
			}
			valid++
		}
	}
	if valid < 18 {
		t.Errorf("only %d records were looked at", valid)
	}
}

// A schema that lets anything through is worth nothing.
func TestTheSchemaOfConsentRecordsRefusesUnknownFieldsAndMissingOnes(t *testing.T) {
	schema := recordSchema(t)
	s := fullSite(t)
	b, err := TS27560(recordOf(t, s, Save, "stats one"), s)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	optional := []string{
		"replaces", "authority_party", "service", "when", "purpose", "party_email", "party_phone", "party_url", "country", "transfers", "imported",
	}
	var damage func(at string, v any)
	damage = func(at string, v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				damage(at+"[]", e)
			}
		case map[string]any:
			v["surprise"] = "x"
			if schema.Validate(doc) == nil {
				t.Errorf("an unknown field in %s is not refused", at)
			}
			delete(v, "surprise")
			for _, k := range slices.Sorted(maps.Keys(v)) {
				old := v[k]
				v[k] = json.Number("-1.5")
				if schema.Validate(doc) == nil {
					t.Errorf("a number in %s.%s is not refused", at, k)
				}
				delete(v, k)
				if must := !slices.Contains(optional, k) || k == "purpose" && strings.HasSuffix(at, ".purposes[]"); must && schema.Validate(doc) == nil {
					t.Errorf("%s without %s is not refused", at, k)
				}
				v[k] = old
				damage(at+"."+k, old)
			}
		}
	}
	damage("", doc)
}

// parsedRecord is a consent record of a choice.
func parsedRecord(t *testing.T, r *Record, s *policy.Site) *tsRecord {
	t.Helper()
	b, err := TS27560(r, s)
	if err != nil {
		t.Fatal(err)
	}
	var out tsRecord
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return &out
}

func TestAConsentRecordSaysWhatTheManifestDeclaresAndNothingElse(t *testing.T) {
	s := fullSite(t)
	r := recordOf(t, s, Save, "stats one")
	out := parsedRecord(t, r, s)
	if p := out.Processing; p.Withdrawal != "https://shop.example/.temoin/" || p.Notice.ID != "sha256:"+r.Notice || p.Language != "fr" || !slices.Equal(p.Jurisdiction, []string{"FR"}) {
		t.Errorf("processing: %+v", p)
	}
	stats := out.Processing.Purposes[1]
	if stats.ID != "stats" || stats.Purpose != "Nous comptons les visites." || stats.Basis != "consent" || !slices.Equal(stats.Recipients, []string{"recipient:one", "recipient:one/1"}) {
		t.Errorf("purpose: %+v", stats)
	}
	if want := []tsStorage{{"service:one", NotDeclared}, {"cookie:_one", "the visitor's browser"}, {"localStorage:_own", "the visitor's browser"}}; !slices.Equal(stats.Storage, want) {
		t.Errorf("storage: %v, want %v", stats.Storage, want)
	}
	if want := []tsKept{{"service:one", "", NotDeclared}, {"cookie:_one", "", "P13M"}, {"localStorage:_own", "remember-me", "P30D"}, {"localStorage:_own", "otherwise", "session"}}; !slices.Equal(stats.Retention, want) {
		t.Errorf("retention: %v, want %v", stats.Retention, want)
	}
	parties := map[string]tsParty{}
	for _, p := range out.Party {
		parties[p.ID] = p
	}
	if p := parties["recipient:one/1"]; p.Name != "One Inc." || p.Country != "US" || p.Role != NotDeclared || p.Address != NotDeclared || !slices.Equal(p.Transfers, []policy.Mechanism{policy.SCC}) {
		t.Errorf("recipient: %+v", p)
	}
	if p := parties["recipient:film"]; p.Name != NotDeclared || p.Country != "" {
		t.Errorf("a recipient of whom nothing is declared: %+v", p)
	}
	if _, there := parties["recipient:own"]; there {
		t.Error("a service that the site serves itself has a recipient")
	}
	if p := parties["controller"]; p.Name != "Shop & Sœurs" || p.Contact != "privacy@shop.example" || p.Address != "1 rue X, Paris" {
		t.Errorf("controller: %+v", p)
	}
	for i := range out.PII {
		if strings.HasPrefix(out.PII[i].ID, "cookie:sid") {
			t.Error("a tracker that needs no consent is in a consent record")
		}
	}
}

func TestAPartialChoiceIsAnEventGivenAndAnEventRefused(t *testing.T) {
	s := fullSite(t)
	for _, c := range []struct {
		action Action
		yes    string
		want   map[State][]string
	}{
		{Accept, everything, map[State][]string{Given: {"stats", "ads", "film", "duty"}}},
		{Close, "", map[State][]string{Refused: {"stats", "ads", "film", "duty"}}},
		{Withdraw, "", map[State][]string{Withdrawn: {"stats", "ads", "film", "duty"}}},
		{Save, "stats one ads ad", map[State][]string{Given: {"stats", "ads"}, Refused: {"stats/two", "film", "duty"}}},
		{Save, "one", map[State][]string{Given: {"stats/one"}, Refused: {"stats", "ads", "film", "duty"}}},
		// A yes to a category none of whose services and trackers it reaches is one to nothing.
		{Save, "film", map[State][]string{Refused: {"stats", "ads", "film/film", "duty"}}},
	} {
		out := parsedRecord(t, recordOf(t, s, c.action, c.yes+" "), s)
		if c.yes == "film" { // the service has the category's name: give it an answer of its own
			r := recordOf(t, s, Save, "film")
			r.Exceptions = append(r.Exceptions, Exception{false, "film"})
			out = parsedRecord(t, r, s)
		}
		got := map[State][]string{}
		for _, e := range out.Event {
			got[e.State] = e.Purposes
			if e.Entity != out.Header.PrincipalID || e.Type != "expressed" || e.Validity != "2026-11-21T12:00:00Z/2027-05-21T12:00:00Z" {
				t.Errorf("event: %+v", e)
			}
		}
		if !maps.EqualFunc(got, c.want, slices.Equal) {
			t.Errorf("%s %q: %v, want %v", c.action, c.yes, got, c.want)
		}
	}
}

func TestAPreferenceIsNeverExportedAsConsent(t *testing.T) {
	nothing, err := policy.Parse("s", []byte("temoin: 1\nsite: s\nname: S\nurl: https://s.example\nlanguages: [en]\ncategories:\n  n: {exempt: true}\n  later: {needs: consent}\n"))
	if err != nil {
		t.Fatal(err)
	}
	r := recordOf(t, nothing, Accept, "later")
	if !r.Answers[0].Allow || r.State != Preference {
		t.Fatalf("%+v is no preference", r)
	}
	lying := *r // a store that says otherwise is not believed
	lying.State = Given
	for name, write := range map[string]func(*Record, *policy.Site) ([]byte, error){"TS 27560": TS27560, "DPV": DPV} {
		if b, err := write(r, nothing); !errors.Is(err, ErrPreference) || b != nil {
			t.Errorf("%s of a preference: %s, %v", name, b, err)
		}
		if b, err := write(&lying, nothing); err == nil {
			t.Errorf("%s of a preference that calls itself given: %s", name, b)
		}
		s := fullSite(t)
		for _, r := range choices(t, s) {
			b, err := write(r, s)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(b, []byte("later")) || bytes.Contains(b, []byte("Nothing yet")) {
				t.Errorf("%s: a category with nothing in use is in %s", name, b)
			}
		}
	}
	_, cells := table(t, rows(exported(t, r, 0)), Columns{Categories: []string{"later"}})
	if cells[0]["state"] != "preference" || !strings.HasPrefix(cells[0]["category.later"], "yes preference ") {
		t.Errorf("in a table: %v", cells[0])
	}
}

func TestARecordIsExplainedByTheVersionThatItNamesAndNoOther(t *testing.T) {
	s := fullSite(t)
	for what, change := range map[string]func(*Record){
		"another policy":     func(r *Record) { r.Policy.Hash = HashOf(nil).String() },
		"another site":       func(r *Record) { r.Site = "other" },
		"another state":      func(r *Record) { r.State = Given },
		"an unknown answer":  func(r *Record) { r.Answers = append(r.Answers, Answer{Category: "gone", InUse: true}) },
		"an unknown service": func(r *Record) { r.Exceptions = append(r.Exceptions, Exception{false, "gone"}) },
	} {
		r := recordOf(t, s, Refuse, "")
		change(r)
		if b, err := TS27560(r, s); err == nil {
			t.Errorf("%s: %s", what, b)
		}
		if b, err := DPV(r, s); err == nil {
			t.Errorf("%s: %s", what, b)
		}
	}
}

// dpvTable is the table of terms in the documentation.
func dpvTable(t *testing.T) map[string]string {
	t.Helper()
	doc, err := os.ReadFile("../../docs/records.md")
	if err != nil {
		t.Fatal(err)
	}
	terms := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+:[^`]+)` \\| `([^`]+)` \\|").FindAllStringSubmatch(string(doc), -1) {
		terms[m[1]] = m[2]
	}
	return terms
}

// termsIn are the terms that JSON-LD uses: keys, types and references.
func termsIn(v any, found map[string]bool) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			termsIn(e, found)
		}
	case map[string]any:
		for k, e := range v {
			id, isID := e.(string)
			switch {
			case k == "@context":
				continue
			case k == "@type" || k == "@id" && isID && !strings.HasPrefix(id, "urn:") && !strings.HasPrefix(id, "https:"):
				found[id] = true
			case !strings.HasPrefix(k, "@"):
				found[k] = true
			}
			termsIn(e, found)
		}
	}
}

func TestEveryTermOfTheLinkedDataIsInTheTableWithItsIRI(t *testing.T) {
	terms, found := dpvTable(t), map[string]bool{}
	s := fullSite(t)
	for _, r := range choices(t, s) {
		b, err := DPV(r, s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := DPV(r, s)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("the same record is not the same bytes (%v)", err)
		}
		var doc map[string]any
		if err := json.Unmarshal(b, &doc); err != nil {
			t.Fatal(err)
		}
		termsIn(doc, found)
	}
	context := dpvContext()
	for name := range found {
		prefix, local, _ := strings.Cut(name, ":")
		if prefix == "loc" {
			if !policy.KnownCountry(local) {
				t.Errorf("%s is no country", name)
			}
			delete(found, name)
			continue
		}
		base, _ := context[prefix].(string)
		if base == "" || terms[name] != base+local {
			t.Errorf("%q is %q, the table says %q", name, base+local, terms[name])
		}
	}
	for name := range terms {
		if !found[name] && name != "loc:FR" {
			t.Errorf("%s is in the table and never used", name)
		}
	}
}

func TestLinkedDataSaysTheSameEvent(t *testing.T) {
	s := fullSite(t)
	type status struct {
		Type string `json:"@type"`
	}
	type doc struct {
		Status  *status `json:"dpv:hasConsentStatus"`
		Process []struct {
			ID     string            `json:"dpv:hasIdentifier"`
			Basis  map[string]string `json:"dpv:hasLegalBasis"`
			Status *status           `json:"dpv:hasConsentStatus"`
		} `json:"dpv:hasProcess"`
	}
	read := func(a Action, yes string) (d doc) {
		b, err := DPV(recordOf(t, s, a, yes), s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	for action, want := range map[Action]string{Accept: "dpv:ConsentGiven", Refuse: "dpv:ConsentRefused", Close: "dpv:ConsentRefused", Withdraw: "dpv:ConsentWithdrawn"} {
		yes := ""
		if action == Accept {
			yes = everything
		}
		if d := read(action, yes); d.Status == nil || d.Status.Type != want || d.Process[0].Status != nil {
			t.Errorf("%s: %+v, want %s on the record alone", action, d, want)
		}
	}
	d := read(Save, "stats one")
	if d.Status != nil {
		t.Error("a partial choice has one status for all")
	}
	for i, want := range []struct{ id, status, basis string }{
		{"stats/two", "dpv:ConsentRefused", "eu-gdpr:A6-1-a"}, {"stats", "dpv:ConsentGiven", "eu-gdpr:A6-1-a"}, {"ads", "dpv:ConsentRefused", "eu-gdpr:A6-1-f"},
	} {
		if p := d.Process[i]; p.ID != want.id || p.Status == nil || p.Status.Type != want.status || p.Basis["@id"] != want.basis {
			t.Errorf("%+v, want %v", p, want)
		}
	}
}

func TestNoExportHoldsAPersonsName(t *testing.T) {
	s := fullSite(t)
	for _, r := range choices(t, s) {
		for _, write := range []func(*Record, *policy.Site) ([]byte, error){TS27560, DPV} {
			b, err := write(r, s)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(b, []byte("Jane")) {
				t.Errorf("%s", b)
			}
		}
	}
}
