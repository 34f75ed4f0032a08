package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/internal/anchor"
	"github.com/temoin/temoin/internal/anchortest"
	"github.com/temoin/temoin/internal/app"
	"github.com/temoin/temoin/internal/register"
)

// A shop is a site whose log is fixed at three places outside.
type shop struct {
	t         *testing.T
	dir       string
	authority *anchortest.Authority
	witness   *anchortest.Witness
	config    app.Config
	places    []app.Anchor
	*app.Node
}

const shopManifest = `temoin: 1
site: shop
name: Shop
url: https://shop.example
languages: [en]
policy: {version: "1.0"}
categories:
  needed: {exempt: true}
  stats: {needs: consent, purpose: {en: Counting.}}
services: [{id: one, name: One, category: stats, hosts: [one.example]}]
`

func newShop(t *testing.T, keys string) *shop {
	t.Helper()
	s := &shop{t: t, dir: t.TempDir(), authority: anchortest.NewAuthority(t)}
	witness, address := anchortest.NewWitness(t)
	s.witness = witness
	s.file("root.pem", s.authority.PEM())
	if err := os.Mkdir(s.path("published"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.config = app.Config{
		Store: s.path("store"), Keys: keys, Code: "test",
		Sites: []app.SiteConfig{{File: "shop.yaml", Manifest: []byte(shopManifest), Notices: []register.Notice{{Language: "en", Bytes: []byte("May we?")}}}},
	}
	s.places = []app.Anchor{
		{Kind: anchor.Timestamp, Address: s.authority.Address, Roots: s.authority.Roots()},
		{Kind: anchor.Witnessed, Address: address, Key: witness.Key()},
		{Kind: anchor.Published, Address: s.path("published")},
	}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *shop) path(name string) string { return filepath.Join(s.dir, name) }

func (s *shop) file(name string, b []byte) string {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), b, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return s.path(name)
}

func (s *shop) start() {
	s.t.Helper()
	var err error
	if s.Node, err = app.Open(s.t.Context(), s.config); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) stop() {
	if err := s.Close(); err != nil {
		s.t.Error(err)
	}
}

func (s *shop) ask(method, path, body string) (int, string) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, "/.temoin/"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	s.Handler("shop").ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// receipt makes a choice and keeps its receipt.
func (s *shop) receipt(name string) string {
	s.t.Helper()
	_, answer := s.ask("POST", "choice", `{"action":"accept","lang":"en","notice":"`+register.HashOf([]byte("May we?")).String()+`"}`)
	var kept struct{ ID string }
	if err := json.Unmarshal([]byte(answer), &kept); err != nil {
		s.t.Fatalf("%v: %s", err, answer)
	}
	for range 15 {
		if code, b := s.ask("GET", "receipts/"+kept.ID, ""); code == http.StatusOK {
			return s.file(name, []byte(b))
		}
	}
	s.t.Fatal("the receipt gets no proof")
	return ""
}

// fix asks the places about all that is in the log by now: a node does so at its
// start.
func (s *shop) fix() {
	s.stop()
	s.config.Sites[0].Anchors = s.places
	s.start()
}

// evidence asks until all three places have answered.
func (s *shop) evidence(name, query string, pieces int) string {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if _, b := s.ask("GET", "log/anchors"+query, ""); strings.Count(b, "\n") == pieces {
			return s.file(name, []byte(b))
		}
	}
	s.t.Fatal("the places outside do not answer")
	return ""
}

func TestEvidenceFromOutsideIsVerifiedWithAReceipt(t *testing.T) {
	t.Parallel()
	s := newShop(t, filepath.Join(t.TempDir(), "keys"))
	older, newer := s.receipt("older.json"), s.receipt("newer.json")
	s.fix()
	all := s.evidence("all.jsonl", "", 4) // three of the log, one of the version
	proven := s.evidence("proven.jsonl", "?size=1", 3)
	_, list := s.ask("GET", "log/keys", "")
	key, witness, roots, published := s.file("log.key", []byte(list)), s.file("witness.key", []byte(s.witness.Key()+"\n")), s.path("root.pem"), s.path("published")
	b, err := os.ReadFile(all)
	if err != nil {
		t.Fatal(err)
	}
	changed := s.file("changed.jsonl", []byte(strings.Replace(string(b), `\n2\n`, `\n3\n`, 1)))

	for name, c := range map[string]struct {
		args  []string
		code  int
		says  []string
		never []string
	}{
		"all three, of the receipt's own state": {[]string{newer, "--evidence", all, "--key", key, "--key", witness, "--roots", roots, "--copy", published}, done,
			[]string{"The record was in the log by ", "by the clock of CN=Stamps: the operator has not made it later", "by the clock of witness.example/w, who signs only", "published as ", "the version whose evidence has the SHA-256"},
			[]string{"WRONG", "Not verified", "not against the operator", "no other log", "It takes"}},
		"a time-stamp shows no other log": {[]string{newer, "--evidence", all, "--key", key, "--roots", roots}, done,
			[]string{"the operator has not made it later", "That the operator has no other log", "It takes the key of the witness witness.example/w", "It takes a copy of what is published"}, []string{"WRONG", "not against the operator"}},
		"a copy": {[]string{newer, "--evidence", all, "--key", key, "--copy", published}, done,
			[]string{"its newest checkpoint, of 2, continues it", "as far as whoever kept the copy can be believed"}, []string{"WRONG"}},
		"a larger log, with its proof": {[]string{older, "--evidence", proven, "--key", key, "--roots", roots}, done,
			[]string{"the operator has not made it later"}, []string{"cannot be made offline"}},
		"a larger log, without": {[]string{older, "--evidence", all, "--key", key, "--roots", roots}, failed,
			[]string{"cannot be made offline: get /.temoin/log/anchors?size=1"}, nil},
		"nothing to verify it with": {[]string{newer, "--evidence", all, "--key", key}, failed, []string{"the evidence is not verified, which takes "}, nil},
		"evidence alone": {[]string{"--evidence", all, "--key", key, "--key", witness, "--roots", roots}, done,
			[]string{"the log of size 2 was there by", "Which choices are in the log"}, []string{"WRONG", "not against the operator"}},
		"what was changed":       {[]string{"--evidence", changed, "--key", key, "--roots", roots, "--copy", published}, found, []string{"some of the evidence is not what it says", "WRONG"}, nil},
		"roots without evidence": {[]string{newer, "--key", key, "--roots", roots}, failed, []string{"--roots and --copy are for evidence"}, nil},
		"no evidence in it":      {[]string{newer, "--key", key, "--evidence", key}, failed, []string{"log.key:1: this is no evidence", "log/anchors"}, nil},
		"no certificate in it":   {[]string{newer, "--key", key, "--evidence", all, "--roots", key}, failed, []string{"log.key: there is no certificate in it"}, nil},
	} {
		for _, format := range []string{"text", "json"} {
			code, out, errs := callFor(append([]string{"verify", "--format", format}, c.args...)...)
			if code != c.code || (code == failed) != (out == "") || format == "json" && out != "" && !json.Valid([]byte(out)) {
				t.Errorf("%s: exit %d, want %d\n%s%s", name, code, c.code, out, errs)
			}
			for _, text := range c.says {
				if format == "text" && !strings.Contains(out+errs, text) {
					t.Errorf("%s: it does not say %q:\n%s%s", name, text, out, errs)
				}
			}
			for _, text := range c.never {
				if strings.Contains(out+errs, text) {
					t.Errorf("%s: it says %q:\n%s%s", name, text, out, errs)
				}
			}
		}
	}
}

func TestEvidenceOfAnotherHistoryOfOneLogIsFound(t *testing.T) {
	t.Parallel()
	keys := filepath.Join(t.TempDir(), "keys")
	mine := newShop(t, keys)
	receipt := mine.receipt("receipt.json")
	_, list := mine.ask("GET", "log/keys", "")
	key := mine.file("log.key", []byte(list))
	if err := os.Remove(filepath.Join(keys, "shop.signed")); err != nil { // else it would refuse
		t.Fatal(err)
	}
	other := newShop(t, keys) // the operator keeps a second log with the same key
	other.receipt("receipt.json")
	other.fix()
	evidence := other.evidence("evidence.jsonl", "", 4)
	code, out, errs := callFor("verify", receipt, "--key", key, "--evidence", evidence, "--roots", other.path("root.pem"))
	if code != found || !strings.Contains(out, "two logs of 1 entries, both signed") || !strings.Contains(out, "BUT some of the evidence") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}
