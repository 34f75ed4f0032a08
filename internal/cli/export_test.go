package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/store"
	"github.com/temoin/temoin/policy"
)

// exportSource is a manifest of a site in a version.
func exportSource(id, version string) []byte {
	return fmt.Appendf(nil, `temoin: 1
site: %s
name: Shop
url: https://shop.example
languages: [en]
controller: {name: Shop, country: FR}
policy: {version: %q}
categories:
  needed: {exempt: true}
  stats: {needs: consent, purpose: {en: Counting visits}}
  none: {needs: consent}
services:
  - {id: one, name: One, category: stats, hosts: [one.example]}
`, id, version)
}

// An exportStore is a store that a server has open.
type exportStore struct {
	*store.Store
	t     testing.TB
	where string
	keys  register.Keys
}

func newExportStore(t testing.TB) *exportStore {
	t.Helper()
	where := filepath.Join(t.TempDir(), "store")
	s, err := store.Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	key, err := ledger.NewKey("shop.example/log", bytes.NewReader(bytes.Repeat([]byte{5}, 64)))
	if err != nil {
		t.Fatal(err)
	}
	return &exportStore{s, t, where, register.OneKey(func(string) (ledger.Key, error) { return key, nil })}
}

// publish archives a version.
func (s *exportStore) publish(id, version string) *policy.Site {
	s.t.Helper()
	src := exportSource(id, version)
	site, err := policy.Parse(id+".yaml", src)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := register.Publish(s.t.Context(), s, site, src, nil, "v1", "", "", testClock()); err != nil {
		s.t.Fatal(err)
	}
	return site
}

var exportDay = time.Date(2026, time.November, 21, 23, 59, 50, 0, time.UTC)

// choice keeps the nth choice, of the nth second.
func (s *exportStore) choice(site *policy.Site, n int, action register.Action, allow string, replaces *consent.ID) consent.ID {
	s.t.Helper()
	at := exportDay.Add(time.Duration(n) * time.Second)
	id, err := consent.NewID(at, bytes.NewReader(fmt.Appendf(nil, "%010d", n)))
	if err != nil {
		s.t.Fatal(err)
	}
	event := register.Event{Action: action, Language: "en", Replaces: replaces, Withdraw: "/.temoin/"}
	record, err := register.NewRecord(site, consent.Choose(site, id, at, func(name string) bool { return strings.Contains(" "+allow+" ", " "+name+" ") }), event).Canonical()
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.Commit(s.t.Context(), []register.Row{{Site: site.ID, ID: id, Salt: ledger.Salt{byte(n), 1}, Record: record}}); err != nil {
		s.t.Fatal(err)
	}
	return id
}

// log puts all choices into the log.
func (s *exportStore) log() {
	s.t.Helper()
	q := register.NewSequencer(s, s.keys)
	for {
		n, _, err := q.Step(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// export runs the command.
func (s *exportStore) export(args ...string) (code int, out, errs string) {
	return callFor(append([]string{"export", "--store", s.where}, args...)...)
}

// numbersIn are those of the choices that were written as JSON lines.
func numbersIn(t *testing.T, lines string) string {
	t.Helper()
	var list []string
	for line := range strings.Lines(lines) {
		var x struct {
			Index  *int64
			Record json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		r, err := register.ParseRecord(x.Record)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, r.Time)
		if err != nil {
			t.Fatal(err)
		}
		n := fmt.Sprint(int(at.Sub(exportDay) / time.Second))
		if x.Index == nil {
			n += "*"
		}
		list = append(list, n)
	}
	return strings.Join(list, " ")
}

func TestRecordsAreExportedBesideARunningServer(t *testing.T) {
	s := newExportStore(t)
	one, two, other := s.publish("shop", "1.0"), s.publish("shop", "2.0"), s.publish("another", "1.0")
	first := s.choice(one, 1, register.Save, "stats one", nil)
	second := s.choice(two, 2, register.Withdraw, "", &first)
	s.choice(two, 11, register.Refuse, "", nil) // the next day
	s.choice(other, 12, register.Accept, "stats one", nil)
	s.log()
	third := s.choice(two, 13, register.Close, "", &second)
	for name, c := range map[string]struct {
		args, want string
	}{
		"all":                 {"", "12 1 2 11 13*"},
		"a site":              {"--site another", "12"},
		"since a day":         {"--since 2026-11-22", "12 11 13*"},
		"until a day":         {"--until 2026-11-21", "1 2"},
		"one day":             {"--since 2026-11-21 --until 2026-11-21", "1 2"},
		"a moment":            {"--since 2026-11-21T23:59:52Z --until 2026-11-22T00:00:02Z", "2 11"},
		"elsewhere":           {"--since 2026-11-22T00:59:52+01:00 --site shop", "2 11 13*"},
		"a version":           {"--version 2.0", "11 2 13*"},
		"of two sites":        {"--version 1.0", "12 1"},
		"a manifest":          {"--version " + hex.EncodeToString(one.Hash[:]), "1"},
		"an action":           {"--action withdraw", "2"},
		"a chain":             {"--subject " + third.String(), "1 2 13*"},
		"a chain's first day": {"--until 2026-11-21 --subject " + third.String(), "1 2"},
		"no account":          {"--subject " + strings.Repeat("ab", 32), ""},
	} {
		code, out, errs := s.export(append(strings.Fields(c.args), "--format", "jsonl")...)
		if got := numbersIn(t, out); code != done || got != c.want || errs != "" {
			t.Errorf("%s: exit %d, %q, want %q\n%s", name, code, got, c.want, errs)
		}
	}
	code, out, _ := s.export("--site", "shop", "--salt")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if code != done || err != nil || len(rows) != 5 {
		t.Fatalf("exit %d, %v, %d rows\n%s", code, err, len(rows), out)
	}
	head := strings.Join(rows[0], " ")
	if !strings.HasSuffix(head, "other_categories category.stats category.none salt") || rows[1][len(rows[1])-1] != "AQEAAAAAAAAAAAAAAAAAAA==" || !strings.HasPrefix(rows[1][17], "yes in-use ") {
		t.Errorf("%s\n%v", head, rows[1])
	}
	if _, plain, _ := s.export(); strings.Contains(plain, "AQEAAAAAAAAAAAAAAAAAAA==") || strings.Contains(plain, "salt") {
		t.Error("salts are exported and nobody asked for them")
	}
}

func TestAnExportToAFileIsThereWholeAndForNobodyElse(t *testing.T) {
	s := newExportStore(t)
	s.choice(s.publish("shop", "1.0"), 1, register.Refuse, "", nil)
	folder := t.TempDir()
	file := filepath.Join(folder, "records.csv")
	code, out, errs := s.export("--output", file)
	got, err := os.ReadFile(file)
	if code != done || out != "" || errs != "" || err != nil || bytes.Count(got, []byte("\r\n")) != 2 {
		t.Fatalf("exit %d, %v\n%s%s%s", code, err, out, errs, got)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", err, info.Mode())
	}
	// One that fails leaves what was there.
	if code, _, _ := s.export("--output", file, "--site", "none"); code != failed {
		t.Errorf("exit %d", code)
	}
	if again, err := os.ReadFile(file); err != nil || !bytes.Equal(again, got) {
		t.Errorf("%v: %s", err, again)
	}
	for _, name := range []string{"temoin.db", "temoin.db-wal", "temoin.lock"} {
		if code, _, errs := s.export("--output", filepath.Join(s.where, name)); code != failed || !strings.Contains(errs, "is in the folder of the store") {
			t.Errorf("%s: exit %d\n%s", name, code, errs)
		}
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("%v stays, %v", left, err)
	}
}

func TestOneRecordIsExportedByTheVersionThatItNames(t *testing.T) {
	s := newExportStore(t)
	site := s.publish("shop", "1.0")
	s.publish("shop", "2.0")
	given, preference := s.choice(site, 1, register.Accept, "stats one", nil), consent.ID{}
	for format, want := range map[string]string{"ts27560": `"policy_version": "1.0"`, "dpv": "dpv:ConsentGiven"} {
		code, out, errs := s.export("--format", format, "--record", given.String())
		var v any
		if code != done || errs != "" || json.Unmarshal([]byte(out), &v) != nil || !strings.HasSuffix(out, "}\n") {
			t.Fatalf("%s: exit %d\n%s%s", format, code, out, errs)
		}
		if !strings.Contains(strings.ReplaceAll(out, `":"`, `": "`), want) || !strings.Contains(out, given.String()) {
			t.Errorf("%s: %s", format, out)
		}
	}
	unknown, err := policy.Parse("shop.yaml", exportSource("shop", "3.0"))
	if err != nil {
		t.Fatal(err)
	}
	lost := s.choice(unknown, 2, register.Accept, "stats one", nil)
	for id, want := range map[string]string{
		lost.String(): "not archived in the store", preference.String(): "is no id", "01000000-0000-7000-8000-000000000000": "there is no record", "x": "it looks as",
	} {
		if code, out, errs := s.export("--format", "dpv", "--record", id); code != failed || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d\n%s%s", id, code, out, errs)
		}
	}
}

func TestWhatCannotBeExportedIsSaid(t *testing.T) {
	s := newExportStore(t)
	s.choice(s.publish("shop", "1.0"), 1, register.Refuse, "", nil)
	s.choice(s.publish("another", "1.0"), 2, register.Refuse, "", nil)
	for args, want := range map[string]string{
		"--site none":                                    "no site \"none\", but another, shop",
		"--since yesterday":                              `--since: "yesterday" is no day: write it as 2026-11-21`,
		"--until 2026-13-01":                             `--until: "2026-13-01" is no day`,
		"--since 2026-11-22 --until 2026-11-21":          "nothing between them",
		"--version 3.0":                                  `no version "3.0" of another, shop, but 1.0`,
		"--action no":                                    "write one of [accept refuse close save withdraw import]",
		"--subject me":                                   "neither the id of a record",
		"--subject 01000000-0000-7000-8000-00000000":     "neither the id of a record",
		"--subject 01000000-0000-7000-8000-000000000000": "there is no record",
		"--format xml":                                   `"xml" is none of csv, jsonl, ts27560, dpv`,
		"--format dpv":                                   "write its id after --record",
		"--record x":                                     "--record is for",
		"--format dpv --record x --site shop":            "is no id",
		"--format dpv --record x --salt":                 "leave out what else",
		"file.csv":                                       "it takes no arguments",
	} {
		if code, out, errs := s.export(strings.Fields(args)...); code != failed || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d\n%s%s", args, code, out, errs)
		}
	}
	if code, _, errs := callFor("export"); code != failed || !strings.Contains(errs, "which store?") {
		t.Errorf("exit %d: %s", code, errs)
	}
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	if code, _, errs := callFor("export", "--store", nowhere); code != failed || !strings.Contains(errs, "there is no store") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if _, err := os.Stat(nowhere); err == nil {
		t.Error("an export made a store")
	}
}

// Records are written while they are read: the memory in use does not depend on how
// many there are. With TEMOIN_TORTURE (make torture) there are a million. What is
// measured, each time that something is written, is what the collector left alive
// last. (That counts what was allocated while it ran, which is more on a busy
// machine.) The collector runs as often as in a server.
func TestAnExportHoldsAsMuchWhateverItReads(t *testing.T) {
	n, bound := 20_000, uint64(10<<20) // held, they would be 21 MB
	if os.Getenv("TEMOIN_TORTURE") != "" {
		n, bound = 1_000_000, 32<<20 // held, more than a thousand
	}
	s := newExportStore(t)
	site := s.publish("shop", "1.0")
	s.fill(site, n)
	s.log()
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	for _, args := range [][]string{{"--format", "jsonl"}, {"--format", "csv", "--action", "save"}} {
		debug.FreeOSMemory()
		w := &measuring{}
		began := time.Now()
		var errs strings.Builder
		// Not by Run, which lets the collector be lazy.
		code := runExport(context.Background(), newCall(exportCommand, append([]string{"--store", s.where}, args...), Stdio{strings.NewReader(""), w, &errs, testClock}))
		lines := n
		if args[1] == "csv" {
			lines++
		}
		if code != done || w.lines != lines {
			t.Fatalf("%v: exit %d, %d lines of %d\n%s", args, code, w.lines, lines, errs.String())
		}
		t.Logf("%v: %d records, %d MB, %v; at most %d kB alive, %d kB in use", args, n, w.bytes>>20, time.Since(began).Round(time.Millisecond), w.alive>>10, w.used>>10)
		if w.alive > bound {
			t.Errorf("%v: %d kB alive, %d kB in use", args, w.alive>>10, w.used>>10)
		}
	}
}

// fill keeps many choices.
func (s *exportStore) fill(site *policy.Site, n int) {
	s.t.Helper()
	template := register.NewTemplate(site)
	for begin := 0; begin < n; begin += 4096 {
		var rows []register.Row
		for i := begin; i < min(n, begin+4096); i++ {
			at := exportDay.Add(time.Duration(i) * time.Millisecond)
			id, err := consent.NewID(at, bytes.NewReader(fmt.Appendf(nil, "%010d", i)))
			if err != nil {
				s.t.Fatal(err)
			}
			record, err := template.Record(consent.Choose(site, id, at, func(string) bool { return i%2 == 0 }), register.Event{Action: register.Save, Language: "en"}).Canonical()
			if err != nil {
				s.t.Fatal(err)
			}
			rows = append(rows, register.Row{Site: site.ID, ID: id, Record: record})
		}
		if _, err := s.Commit(s.t.Context(), rows); err != nil {
			s.t.Fatal(err)
		}
	}
}

// measuring counts what is written, and looks at the heap each time.
type measuring struct {
	lines, bytes int
	alive, used  uint64
}

func (m *measuring) Write(b []byte) (int, error) {
	m.lines, m.bytes = m.lines+bytes.Count(b, []byte("\n")), m.bytes+len(b)
	heap := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(heap)
	m.alive, m.used = max(m.alive, heap[0].Value.Uint64()), max(m.used, heap[1].Value.Uint64())
	return len(b), nil
}
