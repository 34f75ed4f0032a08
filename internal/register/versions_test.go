package register_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/temoin/temoin/internal/archivetest"
	"github.com/temoin/temoin/internal/register"
)

func TestTheArchiveOfTheseTestsKeepsTheContract(t *testing.T) {
	archivetest.Run(t, func(*testing.T) register.Archive { return archivetest.NewMemory().Archive() })
}

func TestANoticeLeadsToTheVersionThatShowedIt(t *testing.T) {
	a := archivetest.NewMemory().Archive()
	v := register.NewVersions(a, "shop")
	first := archivetest.Publish(t, a, archivetest.One, "notice one")
	if err := v.Load(t.Context()); err != nil || v.Active() != nil {
		t.Fatalf("%v, active %v: published is not active", err, v.Active())
	}
	archivetest.Activate(t, a, register.Hash{}, first)
	second := archivetest.Publish(t, a, archivetest.Two, "notice two")
	archivetest.Activate(t, a, first, second)
	if err := v.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := v.Active(); got == nil || got.Hash != second || got.Site.Policy.Version != "2.0" || got.Evidence.Approver != "Director" || !got.Published.Equal(archivetest.Noon) {
		t.Fatalf("active: %+v", got)
	}
	for notice, want := range map[string]string{"notice one": "1.0", "notice two": "2.0"} {
		if got := v.Shown(register.HashOf([]byte(notice))); got == nil || got.Site.Policy.Version != want {
			t.Errorf("%s: %+v", notice, got)
		}
	}
	if v.Shown(register.HashOf([]byte("no notice"))) != nil {
		t.Error("a notice that nobody was shown leads to a version")
	}
	// The second version knows the first one: a grant under it holds.
	if k := v.Active().Site.Category("stats"); !k.Honours(v.All()[0].Site.Category("stats").Fingerprint().Short()) {
		t.Error("the narrower version does not honour what was granted before")
	}
	// Going back is an activation like any other.
	archivetest.Activate(t, a, second, first)
	if err := v.Load(t.Context()); err != nil || v.Active().Hash != first {
		t.Errorf("%v: %v", err, v.Active().Hash)
	}
}

func TestANoticeOfTwoVersionsBelongsToTheActiveOne(t *testing.T) {
	a := archivetest.NewMemory().Archive()
	v := register.NewVersions(a, "shop")
	first, second := archivetest.Publish(t, a, archivetest.One, "the same notice"), archivetest.Publish(t, a, archivetest.Two, "the same notice")
	for _, c := range []struct{ from, to register.Hash }{{register.Hash{}, first}, {first, second}, {second, first}} {
		archivetest.Activate(t, a, c.from, c.to)
		if err := v.Load(t.Context()); err != nil || v.Shown(register.HashOf([]byte("the same notice"))).Hash != c.to {
			t.Errorf("%v", err)
		}
	}
}

func TestAnAlteredArchiveIsNotServed(t *testing.T) {
	for name, alter := range map[string]func(*archivetest.Memory, register.Hash){
		"the manifest is another": func(m *archivetest.Memory, _ register.Hash) {
			m.Bytes[register.HashOf([]byte(archivetest.One))] = []byte(archivetest.Two)
		},
		"the evidence is another": func(m *archivetest.Memory, h register.Hash) {
			m.Bytes[h] = []byte(`{"format":"temoin-evidence/1","site":"shop"}`)
		},
		"the evidence is gone":  func(m *archivetest.Memory, h register.Hash) { delete(m.Bytes, h) },
		"the active is unknown": func(m *archivetest.Memory, _ register.Hash) { m.Active["shop"][0].Evidence = register.Hash{1} },
	} {
		m := archivetest.NewMemory()
		h := archivetest.Publish(t, m.Archive(), archivetest.One, "n")
		archivetest.Activate(t, m.Archive(), register.Hash{}, h)
		alter(m, h)
		v := register.NewVersions(m.Archive(), "shop")
		if err := v.Load(t.Context()); !errors.Is(err, register.ErrAltered) && !errors.Is(err, register.ErrNoArtifact) || v.Active() != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A version of a newer program, or a damaged one, keeps nobody from going back to
// one that can be read.
func TestAVersionThatCannotBeReadIsLeftOutAndSaid(t *testing.T) {
	m := archivetest.NewMemory()
	a := m.Archive()
	v := register.NewVersions(a, "shop")
	first := archivetest.Publish(t, a, archivetest.One, "notice one")
	second := archivetest.Publish(t, a, archivetest.Two, "notice two")
	archivetest.Activate(t, a, register.Hash{}, first)
	whole := m.Bytes[second]
	m.Bytes[second] = []byte("damaged")
	if err := v.Load(t.Context()); err != nil || v.Active().Hash != first || len(v.Unread()) != 1 || !errors.Is(v.Unread()[0], register.ErrAltered) {
		t.Fatalf("%v, left out: %v", err, v.Unread())
	}
	if v.Shown(register.HashOf([]byte("notice two"))) != nil {
		t.Error("a choice can be made on a notice whose evidence is damaged")
	}
	// Once it is active, the node stays where it was.
	m.Active["shop"] = append(m.Active["shop"], register.Activation{Evidence: second})
	if err := v.Load(t.Context()); !errors.Is(err, register.ErrAltered) || v.Active().Hash != first {
		t.Errorf("%v", err)
	}
	m.Bytes[second] = whole
	if err := v.Load(t.Context()); err != nil || v.Active().Hash != second || len(v.Unread()) != 0 {
		t.Errorf("%v, left out: %v", err, v.Unread())
	}
	// A store that does not answer is no damage.
	m.Fail = errors.New("lost")
	if err := v.Load(t.Context()); !errors.Is(err, m.Fail) || v.Active().Hash != second {
		t.Errorf("%v", err)
	}
}

func TestEvidenceIsCompleteOrNotListed(t *testing.T) {
	site := archivetest.Site(t, archivetest.One)
	notices := func(n ...register.Notice) []register.Notice { return n }
	en := register.Notice{Language: "en", Bytes: []byte("n")}
	many := make([]register.Notice, register.MaxNotices+1)
	for name, c := range map[string]struct {
		manifest string
		notices  []register.Notice
		approver string
		fail     error
		want     string
	}{
		"another manifest":          {archivetest.Two, notices(en), "", nil, "not the one that the site was made from"},
		"a store that is full":      {archivetest.One, notices(en), "", errors.New("disk full"), "disk full"},
		"a notice without bytes":    {archivetest.One, notices(en, register.Notice{Language: "fr"}), "", nil, `the notice in "fr", variant "": what is archived has at least one byte`},
		"a huge notice":             {archivetest.One, notices(register.Notice{Language: "fr", Variant: "b", Bytes: make([]byte, register.MaxArtifact+1)}), "", nil, `the notice in "fr", variant "b": what is archived has at least one byte and at most 4194304: these are 4194305`},
		"two notices in a language": {archivetest.One, notices(en, register.Notice{Language: "en", Bytes: []byte("m")}), "", nil, `two notices in "en"`},
		"too many notices":          {archivetest.One, many, "", nil, "1001 notices: at most 1000"},
		"a name without end":        {archivetest.One, notices(en), strings.Repeat("x", 501), nil, "the approver is 501 bytes long"},
	} {
		m := archivetest.NewMemory()
		m.Fail = c.fail
		_, err := register.Publish(t.Context(), m.Archive(), site, []byte(c.manifest), c.notices, "v1", "", c.approver, archivetest.Noon)
		if err == nil || !strings.Contains(err.Error(), c.want) || len(m.Listed) != 0 || len(m.Bytes) != 0 {
			t.Errorf("%s: %v, %d artifacts", name, err, len(m.Bytes))
		}
	}
}

func TestANodeAsksOneNumberForAllItsSitesWhileNothingChanges(t *testing.T) {
	m := archivetest.NewMemory()
	a := m.Archive()
	var sites []*register.Versions
	for range 5 {
		sites = append(sites, register.NewVersions(a, "shop"))
	}
	f := register.NewFollower(a, sites...)
	step := func(want bool) {
		t.Helper()
		if moved, err := f.Step(t.Context()); err != nil || moved != want {
			t.Fatalf("%v, loaded: %v", err, moved)
		}
	}
	step(true)
	for range 10 {
		step(false)
	}
	if m.Asked != 11 {
		t.Errorf("%d questions", m.Asked)
	}
	first := archivetest.Publish(t, a, archivetest.One, "notice one")
	archivetest.Activate(t, a, register.Hash{}, first)
	step(true)
	for _, v := range sites {
		if v.Active() == nil || v.Active().Hash != first {
			t.Error("a site does not follow")
		}
	}
	step(false)
}

func TestASiteThatCannotBeLoadedIsTriedAgainAndKeepsNoOtherOneWaiting(t *testing.T) {
	m := archivetest.NewMemory()
	a := m.Archive()
	shop, other := register.NewVersions(a, "shop"), register.NewVersions(a, "other")
	f := register.NewFollower(a, other, shop)
	first := archivetest.Publish(t, a, archivetest.One, "notice one")
	archivetest.Activate(t, a, register.Hash{}, first)
	m.Active["other"] = []register.Activation{{Evidence: first}} // which is none of its own
	if moved, err := f.Step(t.Context()); !moved || !errors.Is(err, register.ErrAltered) || shop.Active() == nil {
		t.Errorf("%v, %v, active: %v", moved, err, shop.Active())
	}
	delete(m.Active, "other")
	if moved, err := f.Step(t.Context()); !moved || err != nil {
		t.Errorf("%v, %v", moved, err)
	}
	if moved, err := f.Step(t.Context()); moved || err != nil {
		t.Errorf("%v, %v", moved, err)
	}
}

func TestAFollowerLooksTenTimesASecondHoweverManyChoicesWakeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := archivetest.NewMemory()
		m.Fail = errors.New("lost")
		failures := 0
		changes := make(chan struct{})
		ended := make(chan struct{})
		go func() {
			register.NewFollower(m.Archive()).Follow(t.Context(), changes, func(err error) {
				if !errors.Is(err, m.Fail) {
					t.Error(err)
				}
				failures++
			})
			close(ended)
		}()
		for begun := time.Now(); time.Since(begun) < 2*time.Second; {
			select {
			case changes <- struct{}{}:
			case <-time.After(time.Millisecond):
			}
		}
		close(changes)
		<-ended
		if m.Asked < 15 || m.Asked > 21 || failures != m.Asked {
			t.Errorf("asked %d times, told of %d failures", m.Asked, failures)
		}
	})
}
