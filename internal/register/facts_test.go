package register

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
)

// parsedFacts reads facts by ParseRecord, the long way.
func parsedFacts(b []byte) (f Facts, answers []Answer, ok bool) {
	r, err := ParseRecord(b)
	if err != nil {
		return Facts{}, nil, false
	}
	hash, err := hex.DecodeString(r.Policy.Hash)
	if err != nil || len(hash) != 32 {
		return Facts{}, nil, false
	}
	f = Facts{Version: [8]byte(hash[:8]), Action: r.Action, Language: r.Language}
	at, err := time.Parse(time.RFC3339, r.Time)
	if err != nil {
		return Facts{}, nil, false
	}
	ends, err := time.Parse(time.RFC3339, r.Ends)
	if err != nil {
		return Facts{}, nil, false
	}
	f.At, f.Ends = at.Unix(), ends.Unix()
	if r.Replaces != "" {
		if f.Replaces, err = consent.ParseID(r.Replaces); err != nil {
			return Facts{}, nil, false
		}
	}
	return f, r.Answers, true
}

// sameFacts compares the two ways. Where ParseRecord finds no record, there is
// nothing to compare.
func sameFacts(t *testing.T, b []byte) {
	t.Helper()
	want, answers, wanted := parsedFacts(b)
	got, raw, ok := readFacts(b)
	if _, err := ParseRecord(b); err != nil {
		eachAnswer(raw, func(string, bool, bool) {}) // it must only end
		return
	}
	if ok != wanted || got != want {
		t.Fatalf("%s\n%v %+v, want %v %+v", b, ok, got, wanted, want)
	}
	var read []Answer
	if ok && !eachAnswer(raw, func(category string, allow, inUse bool) {
		read = append(read, Answer{Category: category, Allow: allow, InUse: inUse})
	}) {
		t.Fatalf("%s: the answers are not read", b)
	}
	for i := range answers {
		answers[i].Scope = ""
	}
	if !slices.Equal(read, answers) {
		t.Fatalf("%s: answers %+v, want %+v", b, read, answers)
	}
}

// oddRecords have in every field what could be taken for another one.
func oddRecords(t testing.TB) (list [][]byte) {
	s := site(t)
	before := choose(t, s, "").ID
	evil := []string{
		`x","ends":"2000-01-01T00:00:00Z`, `,"time":"1999-01-01T00:00:00Z","`, `\`, `\\","time":"`, `,`, `"`, "\u2028\t\n\x00", `language`, `},"replaces":"` + before.String(), "é", "",
	}
	for _, e := range evil {
		for field := range 12 {
			r := NewRecord(s, choose(t, s, "stats one"), Event{Action: Save, Language: "fr", Replaces: &before, Code: "v1"})
			*[]*string{
				(*string)(&r.Action), &r.Answers[0].Category, &r.Answers[0].Scope, &r.Code, &r.Controller.Name, &r.Language, &r.Notice, &r.Policy.Version,
				&r.Imported, &r.Withdraw, &r.Exceptions[0].Service, &r.Site,
			}[field] = e
			r.Jurisdictions = []string{e, "language", "time", "policy"}
			b, err := r.Canonical()
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, b)
		}
	}
	for _, change := range []func(*Record){
		func(r *Record) { r.Time = "yesterday" }, func(r *Record) { r.Ends = "" }, func(r *Record) { r.Policy.Hash = "12" }, func(r *Record) { r.Policy.Hash += "00" },
		func(r *Record) { r.Replaces = "x" }, func(r *Record) { r.Time = "2026-11-21T12:00:00.5+02:00" }, func(r *Record) { r.Answers = nil }, func(r *Record) { r.Exceptions = nil },
		func(r *Record) { r.Jurisdictions = nil }, func(r *Record) { r.Controller = Controller{} }, func(r *Record) { r.Time = "1800-01-01T00:00:00Z" },
	} {
		r := NewRecord(s, choose(t, s, "stats"), Event{Action: Withdraw, Language: "en"})
		change(r)
		b, err := r.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	return list
}

func TestFactsAreThoseThatTheRecordIsParsedTo(t *testing.T) {
	list := oddRecords(t)
	for _, r := range choices(t, fullSite(t)) {
		b, err := r.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	read := 0
	for _, b := range list {
		sameFacts(t, b)
		if _, ok := FactsOf(b); ok {
			read++
		}
	}
	if read < 100 {
		t.Errorf("%d of %d have facts", read, len(list))
	}
	whole := list[0]
	for n := range whole { // cut anywhere, it ends
		sameFacts(t, whole[:n])
	}
}

func FuzzFactsOf(f *testing.F) {
	for _, b := range oddRecords(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		sameFacts(t, b)
		// What the fuzzer writes is seldom canonical: the record that it means is.
		if r, _, err := readRecord(b); err == nil {
			if canonical, err := r.Canonical(); err == nil {
				sameFacts(t, canonical)
			}
		}
	})
}

func TestAChainIsNamedByItsFirstRecordAndNeverGoesOnFromAnAccount(t *testing.T) {
	id, account, first := consent.ID{1}, bytes.Repeat([]byte{2}, 32), bytes.Repeat([]byte{3}, 16)
	for name, c := range map[string]struct{ account, before, want []byte }{
		"a first choice":                   {nil, nil, id[:]},
		"one that replaces another":        {nil, first, first},
		"an account's":                     {account, nil, account},
		"an account's that replaces":       {account, first, account},
		"one that replaces an account's":   {nil, account, id[:]},
		"an account's that replaces its":   {account, account, account},
		"one whose replaced one is erased": {nil, nil, id[:]},
	} {
		if got := Subject(id, c.account, c.before); !bytes.Equal(got, c.want) {
			t.Errorf("%s: %x", name, got)
		}
	}
}

func TestDaysBeginAtMidnightUTC(t *testing.T) {
	for at, want := range map[string]string{
		"2026-11-21T00:00:00Z": "2026-11-21", "2026-11-21T23:59:59Z": "2026-11-21", "2026-11-22T01:00:00+02:00": "2026-11-21",
		"1970-01-01T00:00:00Z": "1970-01-01", "1969-12-31T23:59:59Z": "1969-12-31", "1800-02-28T12:00:00Z": "1800-02-28",
	} {
		moment, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := (Count{Day: DayOf(moment)}).Date().Format(time.DateOnly); got != want {
			t.Errorf("%s: %s", at, got)
		}
	}
}

func TestWhatIsNotInUseIsNotCounted(t *testing.T) {
	s := site(t)
	r := NewRecord(s, choose(t, s, "stats one later"), Event{Action: Save, Language: "fr"})
	b, err := r.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	counts := tally{}
	for range 3 {
		f, answers, ok := readFacts(b)
		if !ok {
			t.Fatal("not read")
		}
		counts.add(&f, answers)
	}
	day := DayOf(noon)
	want := []Count{{day, "fr", Save, "", false, 3}, {day, "fr", Save, "ads", false, 3}, {day, "fr", Save, "stats", true, 3}}
	if got := counts.list(); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

func BenchmarkFactsOf(b *testing.B) {
	s := site(b)
	record, err := NewRecord(s, choose(b, s, "stats one"), Event{Action: Save, Language: "fr", Code: strings.Repeat("x", 20)}).Canonical()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			FactsOf(record)
		}
	})
	b.Run("parsed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			parsedFacts(record)
		}
	})
}
