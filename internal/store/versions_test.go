package store

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/archivetest"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/storetest"
	"github.com/temoin/temoin/policy"
)

func TestBothEnginesKeepVersionsAsTheRegisterAsks(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			archivetest.Run(t, func(t *testing.T) register.Archive { return open1(t, e.place(t)) })
		})
	}
}

func TestOfTwoNodesThatActivateAtOnceOneWins(t *testing.T) {
	t.Parallel()
	where := storetest.Database(t)
	archivetest.Race(t, open1(t, where), open1(t, where), open1(t, where))
}

func TestVersionsAreThereAfterAnotherOpening(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		first := archivetest.Publish(t, s, archivetest.One, "notice one")
		archivetest.Activate(t, s, register.Hash{}, first)
		before, err := s.Generation(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		s = open1(t, where)
		v := register.NewVersions(s, "shop")
		if err := v.Load(t.Context()); err != nil || v.Active() == nil || v.Active().Hash != first {
			t.Errorf("%v", err)
		}
		if now, err := s.Generation(t.Context()); err != nil || now != before {
			t.Errorf("%v, generation %d, before %d", err, now, before)
		}
	})
}

func TestEvidenceOfVersionsIsNeverChangedOrRemoved(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s := open1(t, where)
		first := archivetest.Publish(t, s, archivetest.One, "notice one")
		archivetest.Activate(t, s, register.Hash{}, first)
		archivetest.Publish(t, s, archivetest.Two, "notice two")
		changes := []string{
			`UPDATE artifact SET bytes = bytes`, `DELETE FROM artifact`,
			`UPDATE version SET at = 1`, `UPDATE version SET number = number + 9`, `DELETE FROM version`,
			`UPDATE activation SET at = 1`, `UPDATE activation SET by = 'x'`, `DELETE FROM activation`,
			`UPDATE generation SET number = 0`,
		}
		if isPostgres(s) {
			changes = append(changes, `TRUNCATE artifact, version, activation`, `TRUNCATE activation`,
				`INSERT INTO artifact SELECT * FROM artifact ON CONFLICT (hash) DO UPDATE SET bytes = '\x00'`)
		} else {
			changes = append(changes, `INSERT OR REPLACE INTO artifact (hash, bytes) SELECT hash, x'00' FROM artifact`,
				`INSERT OR REPLACE INTO activation SELECT site, number, evidence, 1, by FROM activation`, `INSERT OR REPLACE INTO version SELECT site, number, evidence, 1 FROM version`)
		}
		for _, change := range changes {
			if _, err := s.write.Exec(change); err == nil || !strings.Contains(err.Error(), "evidence is never changed") && !strings.Contains(err.Error(), "only grows") {
				t.Errorf("%s: %v", change, err)
			}
		}
		for _, lie := range []string{ // what the program would not write
			`INSERT INTO version (site, number, evidence, at) SELECT 'shop', 9, substr(evidence, 1, 31), 1 FROM version WHERE number = 1`,
			`INSERT INTO activation (site, number, evidence, at, by) SELECT 'other', 1, evidence, 1, '' FROM version WHERE number = 1`,
		} {
			if _, err := s.write.Exec(lie); err == nil {
				t.Errorf("%s: the tables take it", lie)
			}
		}
		v := register.NewVersions(s, "shop")
		if err := v.Load(t.Context()); err != nil || len(v.All()) != 2 || v.Active().Hash != first {
			t.Errorf("%v", err)
		}
	})
}

// A node is a process over a store, which takes choices.
type node struct {
	s        *Store
	versions *register.Versions
	follower *register.Follower
	endpoint *register.Endpoint
}

func newNode(t *testing.T, where string) *node {
	t.Helper()
	s := open1(t, where)
	v := register.NewVersions(s, "shop")
	r := register.New(register.Config{Store: s, Writers: s.Writers()})
	t.Cleanup(r.Close)
	codec, err := consent.NewCodec(archivetest.Site(t, archivetest.One), []byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	shown := func(_ *http.Request, notice register.Hash) (*policy.Site, string) {
		if version := v.Shown(notice); version != nil {
			return version.Site, "en"
		}
		return nil, ""
	}
	return &node{s, v, register.NewFollower(s, v), &register.Endpoint{Register: r, Codec: codec, Site: shown}}
}

func (n *node) step(t *testing.T) {
	t.Helper()
	if _, err := n.follower.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// choose refuses on a notice and returns the status and the record that is kept.
func (n *node) choose(t *testing.T, notice string) (int, *register.Record) {
	t.Helper()
	body := `{"action": "refuse", "lang": "en", "notice": "` + register.HashOf([]byte(notice)).String() + `"}`
	r := httptest.NewRequest(http.MethodPost, "/.temoin/choice", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	n.endpoint.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return w.Code, nil
	}
	var answer struct{ ID string }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	id, err := consent.ParseID(answer.ID)
	if err != nil {
		t.Fatal(err)
	}
	row, _, err := n.s.Find(t.Context(), "shop", id)
	if err != nil {
		t.Fatal(err)
	}
	record, err := register.ParseRecord(row.Record)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, record
}

func TestEachNodeServesTheVersionThatAnyOfThemActivated(t *testing.T) {
	t.Parallel()
	where := storetest.Database(t)
	a, b := newNode(t, where), newNode(t, where)
	first := archivetest.Publish(t, a.s, archivetest.One, "notice one")
	archivetest.Activate(t, a.s, register.Hash{}, first)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	heard := make(chan struct{}, 1)
	go b.s.engine.listen(ctx, func() { wake(heard) }) // nothing else wakes it, time neither
	wait(t, heard, "that it listens")
	b.step(t)
	if b.versions.Active().Hash != first {
		t.Fatal("it is started with another version than the active one")
	}
	second := archivetest.Publish(t, a.s, archivetest.Two, "notice two")
	for len(b.versions.All()) < 2 {
		wait(t, heard, "a version")
		b.step(t)
	}
	for len(heard) > 0 {
		<-heard
	}
	archivetest.Activate(t, a.s, first, second)
	for b.versions.Active().Hash != second { // a hint of before may come first
		wait(t, heard, "an activation")
		b.step(t)
	}
	current, older := b.versions.Active().Site, b.versions.All()[0].Site
	if current.Category("stats").Fingerprint() == older.Category("stats").Fingerprint() {
		t.Fatal("the versions have one fingerprint")
	}
	for notice, site := range map[string]*policy.Site{"notice one": older, "notice two": current} {
		code, record := b.choose(t, notice)
		if code != http.StatusOK || record.Policy.Version != site.Policy.Version || !strings.HasPrefix(record.Answers[0].Scope, short(site)) {
			t.Errorf("%s: %d, %+v", notice, code, record)
		}
	}
	if code, _ := b.choose(t, "no notice"); code != http.StatusConflict {
		t.Errorf("a choice on an unknown notice: %d", code)
	}
}

// short is the beginning of a fingerprint, in hex.
func short(s *policy.Site) string {
	f := s.Category("stats").Fingerprint()
	return register.Hash(f).String()[:16]
}

func TestANodeThatIsStartedWithAnOlderFileServesTheActiveVersion(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		ctx := t.Context()
		start := func(file string) *node {
			n := newNode(t, where)
			h, err := register.Publish(ctx, n.s, archivetest.Site(t, file), []byte(file), []register.Notice{{Language: "en", Bytes: []byte("notice of " + file)}}, "v1", "", "", archivetest.Noon)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := register.Introduce(ctx, n.s, "shop", h, archivetest.Noon, "node"); err != nil {
				t.Fatal(err)
			}
			n.step(t)
			return n
		}
		for i, c := range []struct{ file, serves string }{{archivetest.One, "1.0"}, {archivetest.Two, "2.0"}, {archivetest.One, "2.0"}, {archivetest.Two, "2.0"}} {
			n := start(c.file)
			if got := n.versions.Active().Site.Policy.Version; got != c.serves || len(n.versions.All()) > 2 {
				t.Errorf("start %d: it serves %s of %d versions", i, got, len(n.versions.All()))
			}
			n.s.Close()
		}
	})
}

func TestADamagedArchiveIsNoticedWhenItIsActivated(t *testing.T) {
	t.Parallel()
	s := open1(t, t.TempDir())
	first := archivetest.Publish(t, s, archivetest.One, "notice one")
	notice := register.HashOf([]byte("notice one"))
	for _, q := range []string{`DROP TRIGGER artifact_never_changes`, `UPDATE artifact SET bytes = x'00' WHERE hash = $1`} {
		args := []any{notice[:]}
		if !strings.Contains(q, "$1") {
			args = nil
		}
		if _, err := s.write.Exec(q, args...); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Activate(t.Context(), "shop", register.Hash{}, register.Activation{Evidence: first, At: archivetest.Noon}); !errors.Is(err, register.ErrAltered) {
		t.Errorf("%v", err)
	}
}

func TestARunTimeRoleActivatesAndCannotRewriteEvidence(t *testing.T) {
	t.Parallel()
	owner, runtime := roles(t)
	role, _, _ := strings.Cut(strings.TrimPrefix(runtime, "postgres://"), "@")
	if err := Grant(t.Context(), owner, role); err != nil {
		t.Fatal(err)
	}
	s := open1(t, runtime)
	first := archivetest.Publish(t, s, archivetest.One, "notice one")
	archivetest.Activate(t, s, register.Hash{}, first)
	for _, change := range []string{
		`UPDATE artifact SET bytes = '\x00'`, `DELETE FROM artifact`, `TRUNCATE artifact, version, activation`, `ALTER TABLE artifact DISABLE TRIGGER ALL`,
		`DROP TRIGGER activation_stays ON activation`, `UPDATE version SET at = 1`, `DELETE FROM version`, `UPDATE activation SET by = 'x'`, `DELETE FROM activation`,
		`DELETE FROM generation`, `CREATE OR REPLACE FUNCTION evidence_stays() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
	} {
		if _, err := s.write.Exec(change); err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("a role that runs the processes may %s (%v)", change, err)
		}
	}
}
