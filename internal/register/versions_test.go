package register

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/temoin/temoin/policy"
)

// An archive in memory.
type shelf struct {
	artifacts map[Hash][]byte
	versions  map[string][]Hash
	active    map[string]Hash
	fail      error
}

func newShelf() *shelf {
	return &shelf{artifacts: map[Hash][]byte{}, versions: map[string][]Hash{}, active: map[string]Hash{}}
}

func (s *shelf) PutArtifact(_ context.Context, h Hash, b []byte) error {
	if s.fail != nil {
		return s.fail
	}
	s.artifacts[h] = bytes.Clone(b)
	return nil
}

func (s *shelf) Artifact(_ context.Context, h Hash) ([]byte, error) {
	if b, ok := s.artifacts[h]; ok {
		return b, nil
	}
	return nil, ErrNoArtifact
}

func (s *shelf) PutVersion(_ context.Context, site string, h Hash) error {
	if !slices.Contains(s.versions[site], h) {
		s.versions[site] = append(s.versions[site], h)
	}
	return nil
}

func (s *shelf) Versions(_ context.Context, site string) ([]Hash, error) {
	return s.versions[site], nil
}

func (s *shelf) Active(_ context.Context, site string) (Hash, bool, error) {
	h, ok := s.active[site]
	return h, ok, nil
}

func (s *shelf) Activate(_ context.Context, site string, from, to Hash) error {
	if s.active[site] != from {
		return ErrStale
	}
	s.active[site] = to
	return nil
}

const one = `temoin: 1
site: shop
name: Shop
url: https://shop.example
languages: [en]
policy: {version: "1.0"}
categories:
  needed: {exempt: true}
  stats: {needs: consent, purpose: {en: Counting.}}
services:
  - {id: a, name: A, category: stats, hosts: [a.example]}
  - {id: b, name: B, category: stats, hosts: [b.example]}
`

// two lacks a service of one: what was granted to one covers it.
var two = strings.Replace(strings.Replace(one, `"1.0"`, `"2.0"`, 1), "  - {id: b, name: B, category: stats, hosts: [b.example]}\n", "", 1)

func publish(t *testing.T, a Archive, src, notice string) Hash {
	t.Helper()
	s, err := policy.Parse("shop.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	h, err := Publish(t.Context(), a, s, []byte(src), []Notice{{"en", "", []byte(notice)}}, "v1", "Officer", "Director", noon)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestANoticeLeadsToTheVersionThatShowedIt(t *testing.T) {
	a := newShelf()
	v := NewVersions(a, "shop")
	first := publish(t, a, one, "notice one")
	if err := v.Load(t.Context()); err != nil || v.Active() != nil {
		t.Fatalf("%v, active %v: published is not active", err, v.Active())
	}
	if err := a.Activate(t.Context(), "shop", Hash{}, first); err != nil {
		t.Fatal(err)
	}
	second := publish(t, a, two, "notice two")
	if err := a.Activate(t.Context(), "shop", Hash{}, second); !errors.Is(err, ErrStale) {
		t.Errorf("%v", err)
	}
	if err := a.Activate(t.Context(), "shop", first, second); err != nil {
		t.Fatal(err)
	}
	if err := v.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := v.Active(); got == nil || got.Hash != second || got.Site.Policy.Version != "2.0" || got.Evidence.Approver != "Director" {
		t.Fatalf("active: %+v", got)
	}
	for notice, want := range map[string]string{"notice one": "1.0", "notice two": "2.0"} {
		if got := v.Shown(HashOf([]byte(notice))); got == nil || got.Site.Policy.Version != want {
			t.Errorf("%s: %+v", notice, got)
		}
	}
	if v.Shown(HashOf([]byte("no notice"))) != nil {
		t.Error("a notice that nobody was shown leads to a version")
	}
	// The second version knows the first one: a grant under it holds.
	if k := v.Active().Site.Category("stats"); !k.Honours(v.All()[0].Site.Category("stats").Fingerprint().Short()) {
		t.Error("the narrower version does not honour what was granted before")
	}
	// Going back is an activation like any other.
	if err := a.Activate(t.Context(), "shop", second, first); err != nil {
		t.Fatal(err)
	}
	if err := v.Load(t.Context()); err != nil || v.Active().Hash != first {
		t.Errorf("%v: %v", err, v.Active().Hash)
	}
}

func TestANoticeOfTwoVersionsBelongsToTheActiveOne(t *testing.T) {
	a := newShelf()
	v := NewVersions(a, "shop")
	first := publish(t, a, one, "the same notice")
	publish(t, a, two, "the same notice")
	if err := a.Activate(t.Context(), "shop", Hash{}, first); err != nil {
		t.Fatal(err)
	}
	if err := v.Load(t.Context()); err != nil || v.Shown(HashOf([]byte("the same notice"))).Hash != first {
		t.Errorf("%v", err)
	}
}

func TestAnAlteredArchiveIsNotServed(t *testing.T) {
	for name, alter := range map[string]func(*shelf, Hash){
		"the manifest is another": func(a *shelf, h Hash) {
			for k, b := range a.artifacts {
				if bytes.HasPrefix(b, []byte("temoin: 1")) {
					a.artifacts[k] = []byte(two)
				}
			}
		},
		"the evidence is another": func(a *shelf, h Hash) { a.artifacts[h] = []byte(`{"format":"temoin-evidence/1","site":"shop"}`) },
		"the evidence is gone":    func(a *shelf, h Hash) { delete(a.artifacts, h) },
		"the active is unknown":   func(a *shelf, h Hash) { a.active["shop"] = Hash{1} },
	} {
		a := newShelf()
		h := publish(t, a, one, "n")
		a.active["shop"] = h
		alter(a, h)
		v := NewVersions(a, "shop")
		if err := v.Load(t.Context()); !errors.Is(err, ErrAltered) && !errors.Is(err, ErrNoArtifact) || v.Active() != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEvidenceIsCompleteOrNotListed(t *testing.T) {
	a := newShelf()
	s, err := policy.Parse("shop.yaml", []byte(one))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Publish(t.Context(), a, s, []byte(two), nil, "", "", "", noon); err == nil || len(a.versions) != 0 {
		t.Errorf("%v: another manifest is taken for evidence", err)
	}
	a.fail = errors.New("disk full")
	if _, err := Publish(t.Context(), a, s, []byte(one), nil, "", "", "", noon); err == nil || len(a.versions) != 0 {
		t.Errorf("%v: listed without its artifacts", err)
	}
}
