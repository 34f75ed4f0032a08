package archivetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/policy"
)

// One is a manifest of the site "shop".
const One = `temoin: 1
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

// Two lacks a service of One: what was granted to One covers it.
var Two = strings.Replace(strings.Replace(One, `"1.0"`, `"2.0"`, 1), "  - {id: b, name: B, category: stats, hosts: [b.example]}\n", "", 1)

// Noon is when things happen.
var Noon = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

// Publish publishes a version of a manifest with one notice.
func Publish(t testing.TB, a register.Archive, manifest, notice string) register.Hash {
	t.Helper()
	site := Site(t, manifest)
	h, err := register.Publish(t.Context(), a, site, []byte(manifest), []register.Notice{{Language: "en", Bytes: []byte(notice)}}, "v1", "Officer", "Director", Noon)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Site compiles a manifest.
func Site(t testing.TB, manifest string) *policy.Site {
	t.Helper()
	s, err := policy.Parse("shop.yaml", []byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Activate activates a version of the shop.
func Activate(t testing.TB, a register.Archive, from, to register.Hash) {
	t.Helper()
	if err := a.Activate(t.Context(), "shop", from, register.Activation{Evidence: to, At: Noon, By: "Officer"}); err != nil {
		t.Fatal(err)
	}
}

// Run runs the suite; fresh gives an empty archive.
func Run(t *testing.T, fresh func(t *testing.T) register.Archive) {
	for name, test := range map[string]func(*testing.T, register.Archive){
		"artifacts are archived once, as they are":        artifacts,
		"a version is listed once, whole":                 listing,
		"one version is active, of those that are listed": activating,
		"each activation stays in the history":            history,
		"the generation moves with each change":           generation,
		"of those who activate at once one wins":          racing,
		"the same is published once":                      publishing,
		"a new version is introduced, an old one is not":  introducing,
	} {
		t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
	}
}

func artifacts(t *testing.T, a register.Archive) {
	ctx := t.Context()
	b := []byte("a notice\x00 with anything in it")
	h := register.HashOf(b)
	if _, err := a.Artifact(ctx, h); !errors.Is(err, register.ErrNoArtifact) {
		t.Errorf("%v", err)
	}
	for range 2 {
		if err := a.PutArtifact(ctx, h, b); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.PutArtifact(ctx, h, []byte("another")); !errors.Is(err, register.ErrAltered) {
		t.Errorf("%v: other bytes are archived under the hash", err)
	}
	if got, err := a.Artifact(ctx, h); err != nil || !bytes.Equal(got, b) {
		t.Errorf("%v, %q", err, got)
	}
	large := make([]byte, register.MaxArtifact)
	if err := a.PutArtifact(ctx, register.HashOf(large), large); err != nil {
		t.Error(err)
	}
	if got, err := a.Artifact(ctx, register.HashOf(large)); err != nil || !bytes.Equal(got, large) {
		t.Errorf("%v, %d bytes", err, len(got))
	}
	for _, b := range [][]byte{nil, make([]byte, register.MaxArtifact+1)} {
		if err := a.PutArtifact(ctx, register.HashOf(b), b); !errors.Is(err, register.ErrTooLarge) {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
}

func listing(t *testing.T, a register.Archive) {
	ctx := t.Context()
	if l, err := a.Versions(ctx, "shop"); err != nil || len(l) != 0 {
		t.Fatal(l, err)
	}
	if err := a.PutVersion(ctx, "shop", register.Hash{1}, Noon); !errors.Is(err, register.ErrNoArtifact) {
		t.Errorf("%v: a version without evidence", err)
	}
	// Evidence is there, and what it names is not.
	lacking := fmt.Appendf(nil, `{"format": %q, "site": "shop", "manifest": %q}`, register.EvidenceFormat, register.Hash{2})
	if err := a.PutArtifact(ctx, register.HashOf(lacking), lacking); err != nil {
		t.Fatal(err)
	}
	if err := a.PutVersion(ctx, "shop", register.HashOf(lacking), Noon); !errors.Is(err, register.ErrNoArtifact) {
		t.Errorf("%v: a version whose manifest is not archived", err)
	}
	first := Publish(t, a, One, "notice one")
	second := Publish(t, a, Two, "notice two")
	if err := a.PutVersion(ctx, "shop", first, Noon.Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if err := a.PutVersion(ctx, "other", first, Noon); err == nil {
		t.Error("evidence of one site is listed for another")
	}
	want := []register.Listed{{Evidence: first, At: Noon}, {Evidence: second, At: Noon}}
	if l, err := a.Versions(ctx, "shop"); err != nil || !slices.Equal(l, want) {
		t.Errorf("%v, %v", err, l)
	}
	if l, err := a.Versions(ctx, "other"); err != nil || len(l) != 0 {
		t.Errorf("%v, %v: versions of another site", err, l)
	}
}

func activating(t *testing.T, a register.Archive) {
	ctx := t.Context()
	none := register.Hash{}
	if h, ok, err := a.Active(ctx, "shop"); err != nil || ok || h != none {
		t.Fatal(h, ok, err)
	}
	first, second := Publish(t, a, One, "notice one"), Publish(t, a, Two, "notice two")
	unlisted := fmt.Appendf(nil, `{"format": %q, "site": "shop", "manifest": %q}`, register.EvidenceFormat, register.HashOf([]byte(One)))
	if err := a.PutArtifact(ctx, register.HashOf(unlisted), unlisted); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		site     string
		from, to register.Hash
		want     error
	}{
		"another than the active one": {"shop", first, second, register.ErrSuperseded},
		"one without evidence":        {"shop", none, register.Hash{1}, register.ErrNoArtifact},
		"one that is not listed":      {"shop", none, register.HashOf(unlisted), register.ErrNotListed},
	} {
		if err := a.Activate(ctx, c.site, c.from, register.Activation{Evidence: c.to, At: Noon}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := a.Activate(ctx, "other", none, register.Activation{Evidence: first, At: Noon}); err == nil {
		t.Error("a version of one site is active in another")
	}
	Activate(t, a, none, first)
	if h, ok, err := a.Active(ctx, "shop"); err != nil || !ok || h != first {
		t.Error(h, ok, err)
	}
	if err := a.Activate(ctx, "shop", none, register.Activation{Evidence: second, At: Noon}); !errors.Is(err, register.ErrSuperseded) {
		t.Errorf("%v", err)
	}
	Activate(t, a, first, second)
	if h, ok, err := a.Active(ctx, "shop"); err != nil || !ok || h != second {
		t.Error(h, ok, err)
	}
	if _, ok, err := a.Active(ctx, "other"); err != nil || ok {
		t.Error("the active version of another site", err)
	}
}

func history(t *testing.T, a register.Archive) {
	ctx := t.Context()
	first, second := Publish(t, a, One, "notice one"), Publish(t, a, Two, "notice two")
	want := []register.Activation{
		{Evidence: first, At: Noon, By: "Officer"},
		{Evidence: second, At: Noon.Add(time.Hour), By: "Director"},
		{Evidence: first, At: Noon.Add(2 * time.Hour), By: ""}, // going back
	}
	var from register.Hash
	for _, w := range want {
		for range 2 { // the second time it is active already
			if err := a.Activate(ctx, "shop", from, w); err != nil {
				t.Fatal(err)
			}
			from = w.Evidence
		}
	}
	if got, err := a.Activations(ctx, "shop"); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", err, got)
	}
	if got, err := a.Activations(ctx, "other"); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", err, got)
	}
}

func generation(t *testing.T, a register.Archive) {
	var first, second register.Hash
	seen := map[int64]bool{}
	for i, step := range []struct {
		moves bool
		do    func()
	}{
		{true, func() {}},
		{true, func() { first = Publish(t, a, One, "notice one") }},
		{false, func() { Publish(t, a, One, "notice one") }},
		{true, func() { second = Publish(t, a, Two, "notice two") }},
		{true, func() { Activate(t, a, register.Hash{}, first) }},
		{true, func() { Activate(t, a, first, second) }},
		{false, func() { Activate(t, a, second, second) }},
		{false, func() { a.Activate(t.Context(), "shop", first, register.Activation{Evidence: first, At: Noon}) }}, //nolint:errcheck // it fails
		{true, func() { Activate(t, a, second, first) }},
	} {
		step.do()
		now, err := a.Generation(t.Context())
		if err != nil || seen[now] == step.moves {
			t.Errorf("step %d: generation %d, %v", i, now, err)
		}
		seen[now] = true
	}
}

func racing(t *testing.T, a register.Archive) { Race(t, a) }

// Race lets handles of one archive activate versions of their own at once, over and
// over: one wins each time, and the others are told so.
func Race(t *testing.T, handles ...register.Archive) {
	t.Helper()
	const racers = 4
	var versions []register.Hash
	for n := range racers {
		versions = append(versions, Publish(t, handles[0], One, fmt.Sprintf("notice %d", n)))
	}
	for round := range 10 {
		from, _, err := handles[0].Active(t.Context(), "shop")
		if err != nil {
			t.Fatal(err)
		}
		won := race(t, handles, from, versions)
		if len(won) != 1 {
			t.Fatalf("round %d: %d win", round, len(won))
		}
		if now, _, err := handles[len(handles)-1].Active(t.Context(), "shop"); err != nil || now != won[0] {
			t.Fatalf("round %d: %v, %v is active, and %v was told that it is", round, err, now, won[0])
		}
	}
	if h, err := handles[0].Activations(t.Context(), "shop"); err != nil || len(h) != 10 {
		t.Errorf("%v, %d activations", err, len(h))
	}
}

func race(t *testing.T, handles []register.Archive, from register.Hash, versions []register.Hash) (won []register.Hash) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := make(chan struct{})
	for n, to := range versions {
		if to == from {
			continue
		}
		a := handles[n%len(handles)]
		wg.Go(func() {
			<-start
			err := a.Activate(context.WithoutCancel(t.Context()), "shop", from, register.Activation{Evidence: to, At: Noon})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won = append(won, to)
			case !errors.Is(err, register.ErrSuperseded):
				t.Error(err)
			}
		})
	}
	close(start)
	wg.Wait()
	return won
}

func publishing(t *testing.T, a register.Archive) {
	ctx := t.Context()
	site := Site(t, One)
	en, fr := register.Notice{Language: "en", Bytes: []byte("hello")}, register.Notice{Language: "fr", Variant: "b", Bytes: []byte("bonjour")}
	publish := func(notices []register.Notice, code, author, approver string) register.Hash {
		t.Helper()
		h, err := register.Publish(ctx, a, site, []byte(One), notices, code, author, approver, Noon.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	both := []register.Notice{en, fr}
	first := publish(both, "v1", "Officer", "Director")
	for name, again := range map[string]register.Hash{
		"the same":                        publish(both, "v1", "Officer", "Director"),
		"notices in another order":        publish([]register.Notice{fr, en}, "v1", "Officer", "Director"),
		"names that are not said again":   publish(both, "v1", "", ""),
		"one name that is not said again": publish(both, "v1", "Officer", ""),
	} {
		if again != first {
			t.Errorf("%s: another version", name)
		}
	}
	seen := map[register.Hash]string{first: "the first"}
	for name, other := range map[string]register.Hash{
		"other code":       publish(both, "v2", "Officer", "Director"),
		"a notice less":    publish(both[:1], "v1", "Officer", "Director"),
		"another notice":   publish([]register.Notice{en, {Language: "fr", Variant: "b", Bytes: []byte("salut")}}, "v1", "Officer", "Director"),
		"another language": publish([]register.Notice{en, {Language: "de", Variant: "b", Bytes: []byte("bonjour")}}, "v1", "Officer", "Director"),
		"another approver": publish(both, "v1", "Officer", "Other"),
	} {
		if before, ok := seen[other]; ok {
			t.Errorf("%s: the same version as %s", name, before)
		}
		seen[other] = name
	}
	if l, err := a.Versions(ctx, "shop"); err != nil || len(l) != len(seen) {
		t.Errorf("%v, %d versions", err, len(l))
	}
}

func introducing(t *testing.T, a register.Archive) {
	ctx := t.Context()
	introduce := func(h register.Hash) register.Hash {
		t.Helper()
		active, err := register.Introduce(ctx, a, "shop", h, Noon, "node")
		if err != nil {
			t.Fatal(err)
		}
		if now, _, err := a.Active(ctx, "shop"); err != nil || now != active {
			t.Fatalf("%v: %v is active, not %v", err, now, active)
		}
		return active
	}
	first := Publish(t, a, One, "notice one")
	for range 2 { // the second time it is active already
		if introduce(first) != first {
			t.Error("the first version is not introduced")
		}
	}
	second := Publish(t, a, Two, "notice two")
	if introduce(second) != second {
		t.Error("a new version is not introduced")
	}
	if introduce(first) != second {
		t.Error("an old version is brought back")
	}
}
