package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/policy"
)

func shop(t testing.TB) *policy.Site {
	t.Helper()
	s, err := policy.Parse("shop.yaml", []byte("temoin: 1\nsite: shop\nname: Shop\nurl: https://shop.example\nlanguages: [en]\ncategories:\n  needed: {exempt: true}\n  stats: {needs: consent}\nservices: [{id: one, name: One, category: stats, hosts: [one.example]}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// choice1 is a real choice, the nth of a run.
func choice1(t testing.TB, site *policy.Site, n int) register.Row {
	t.Helper()
	at := time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second)
	id, err := consent.NewID(at, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := consent.Choose(site, id, at, func(string) bool { return n%2 == 0 })
	record, err := register.NewRecord(site, c, register.Event{Action: register.Save, Language: "en"}).Canonical()
	if err != nil {
		t.Fatal(err)
	}
	salt, err := register.NewSalt(bytes.NewReader(bytes.Repeat([]byte{byte(n), byte(n >> 8)}, 8)))
	if err != nil {
		t.Fatal(err)
	}
	return register.Row{Site: site.ID, ID: id, Salt: salt, Record: record}
}

func keyOf(t testing.TB) (register.OneKey, ledger.Trust) {
	t.Helper()
	key, err := ledger.NewKey("shop.example/log", bytes.NewReader(bytes.Repeat([]byte{5}, 64)))
	if err != nil {
		t.Fatal(err)
	}
	return func(string) (ledger.Key, error) { return key, nil }, ledger.Trust{Origin: key.Origin(), Keys: []ledger.Verifier{key.Verifier()}}
}

func TestAReceiptVerifiesOfflineOnceItsRecordIsInTheLog(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s, site := open1(t, where), shop(t)
		keys, trust := keyOf(t)
		var rows []register.Row
		for n := range 700 {
			rows = append(rows, choice1(t, site, n))
		}
		if _, err := s.Commit(t.Context(), rows); err != nil {
			t.Fatal(err)
		}
		early, err := register.NewReceipt(t.Context(), s, trust, site.ID, rows[3].ID)
		if err != nil || early.Log != nil {
			t.Fatalf("%v: a proof before there is a log", err)
		}
		if b, _ := json.Marshal(early); true {
			if _, err := register.Verify(b, trust); !errors.Is(err, register.ErrNoProof) {
				t.Errorf("%v", err)
			}
		}
		q := register.NewSequencer(s, keys)
		if n := stepAll(t, q); n != 700 {
			t.Fatal(n)
		}
		for _, n := range []int{0, 3, 255, 256, 699} {
			receipt, err := register.NewReceipt(t.Context(), s, trust, site.ID, rows[n].ID)
			if err != nil {
				t.Fatal(err)
			}
			b, err := json.MarshalIndent(receipt, "", "  ") // however it is laid out
			if err != nil {
				t.Fatal(err)
			}
			v, err := register.Verify(b, trust)
			if err != nil || v.Index != int64(n) || v.Record.ID != rows[n].ID.String() || v.Checkpoint.Size != 700 {
				t.Fatalf("%d: %v, %+v", n, err, v)
			}
			for _, damage := range [][2]string{{`"allow": false`, `"allow": true`}, {`"allow": true`, `"allow": false`}, {`"index": `, `"index": 1`}, {"shop.example/log\n", "shop.example/Log\n"}, {`"salt": "`, `"salt": "AA`}} {
				changed := strings.Replace(string(b), damage[0], damage[1], 1)
				if changed == string(b) {
					continue
				}
				if _, err := register.Verify([]byte(changed), trust); err == nil {
					t.Errorf("%d: a receipt with %q for %q verifies", n, damage[1], damage[0])
				}
			}
		}
		if _, err := register.NewReceipt(t.Context(), s, trust, site.ID, row(9).ID); !errors.Is(err, register.ErrUnknownRecord) {
			t.Errorf("%v", err)
		}
	})
}

func TestTheLogGrowsStepByStepAndEveryCheckpointIsConsistent(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s, site := open1(t, where), shop(t)
		keys, trust := keyOf(t)
		var before ledger.Checkpoint
		n := 0
		for step := range 20 {
			for range step {
				var rows []register.Row
				for range 37 {
					rows = append(rows, choice1(t, site, n))
					n++
				}
				commit(t, s, rows...)
			}
			// Another node, which knows nothing but the store.
			stepAll(t, register.NewSequencer(s, keys))
			note, err := s.Checkpoint(t.Context(), site.ID)
			if err != nil || step == 0 {
				continue
			}
			c, err := trust.Open(note)
			if err != nil || c.Size != int64(n) {
				t.Fatalf("step %d: %v, %d entries of %d", step, err, c.Size, n)
			}
			if before.Size > 0 {
				old, proof, err := ledger.Consistency(c.Head, before.Size, s.Tiles(t.Context(), site.ID))
				if err != nil || old != before.Head || ledger.VerifyConsistency(before.Head, c.Head, proof) != nil {
					t.Fatalf("step %d: %v, %v is no part of %v", step, err, before.Head, c.Head)
				}
			}
			before = c
		}
	})
}

// faulty fails at one call and passes all others on.
type faulty struct {
	*Store
	calls, at int
}

var errKilled = errors.New("killed here")

func (f *faulty) die() error {
	f.calls++
	if f.calls == f.at {
		return errKilled
	}
	return nil
}

func (f *faulty) Extend(ctx context.Context, e register.Extension) error {
	if err := f.die(); err != nil { // before it is written
		return err
	}
	if err := f.Store.Extend(ctx, e); err != nil {
		return err
	}
	return f.die() // after it
}

func (f *faulty) KeepCheckpoint(ctx context.Context, site string, size int64, note []byte) error {
	if err := f.die(); err != nil {
		return err
	}
	if err := f.Store.KeepCheckpoint(ctx, site, size, note); err != nil {
		return err
	}
	return f.die()
}

func TestASequencerKilledAtAnyPointNeverForksTheLog(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			for at := 1; at <= 9; at++ {
				s, site := open1(t, e.place(t)), shop(t)
				keys, trust := keyOf(t)
				f := &faulty{Store: s, at: at}
				q := register.NewSequencer(f, keys)
				n := 0
				var signed []ledger.Head
				for round := range 4 {
					for range 3 {
						var rows []register.Row
						for range 10 {
							rows = append(rows, choice1(t, site, n))
							n++
						}
						if _, err := s.Commit(t.Context(), rows); err != nil {
							t.Fatal(err)
						}
					}
					if _, _, err := q.Step(t.Context()); err != nil {
						if !errors.Is(err, errKilled) {
							t.Fatalf("killed at %d, round %d: %v", at, round, err)
						}
						q = register.NewSequencer(f, keys) // what follows is another process
					}
					if note, err := s.Checkpoint(t.Context(), site.ID); err != nil {
						t.Fatal(err)
					} else if note != nil {
						c, err := trust.Open(note)
						if err != nil {
							t.Fatal(err)
						}
						signed = append(signed, c.Head)
					}
				}
				if _, _, err := register.NewSequencer(f, keys).Step(t.Context()); err != nil {
					t.Fatalf("killed at %d: it does not go on: %v", at, err)
				}
				if err := register.NewSequencer(f, keys).Check(t.Context(), site.ID); err != nil {
					t.Fatal(err)
				}
				h, err := s.Head(t.Context(), site.ID)
				if err != nil || h.Size != int64(n) {
					t.Fatalf("killed at %d: %v, %d entries of %d", at, err, h.Size, n)
				}
				for _, old := range signed {
					got, _, err := ledger.Consistency(h, old.Size, s.Tiles(t.Context(), site.ID))
					if err != nil || got != old {
						t.Errorf("killed at %d: what was signed at %d is no part of the log (%v)", at, old.Size, err)
					}
				}
			}
		})
	}
}

func TestTwoSequencersNeverWriteTheSamePlace(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s, site := open1(t, where), shop(t)
		keys, _ := keyOf(t)
		one, two := register.NewSequencer(s, keys), register.NewSequencer(s, keys)
		for n := range 40 {
			if _, err := s.Commit(t.Context(), []register.Row{choice1(t, site, n)}); err != nil {
				t.Fatal(err)
			}
			q := one
			if n%3 == 0 {
				q = two
			}
			// A stale one says so, and goes on from where the other left the log.
			if _, _, err := q.Step(t.Context()); errors.Is(err, register.ErrStale) {
				_, _, err = q.Step(t.Context())
				if err != nil {
					t.Fatal(err)
				}
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if h, err := s.Head(t.Context(), site.ID); err != nil || h.Size != 40 {
			t.Errorf("%v, %d entries", err, h.Size)
		}
	})
}

func TestAStoreBehindItsCheckpointIsNotSignedAgain(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s, site := open1(t, where), shop(t)
		keys, _ := keyOf(t)
		for n := range 10 {
			if _, err := s.Commit(t.Context(), []register.Row{choice1(t, site, n)}); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := register.NewSequencer(s, keys).Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		key, _ := keys("")
		for name, head := range map[string]ledger.Head{
			"a larger log":  {Size: 11, Root: ledger.Hash{1}},
			"another log":   {Size: 10, Root: ledger.Hash{1}},
			"another start": {Size: 9, Root: ledger.Hash{1}},
		} {
			note, err := ledger.Sign(head, key)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.write.Exec(`UPDATE log SET checkpoint = $1`, note); err != nil {
				t.Fatal(err)
			}
			if err := register.NewSequencer(s, keys).Check(t.Context(), site.ID); !errors.Is(err, register.ErrAhead) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// BenchmarkSequence sequences what was committed, 4096 choices at a time.
func BenchmarkSequence(b *testing.B) {
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			s, site := open1(b, e.place(b)), shop(b)
			keys, _ := keyOf(b)
			q := register.NewSequencer(s, keys)
			n := 0
			for b.Loop() {
				b.StopTimer()
				rows := make([]register.Row, 4096)
				for i := range rows {
					rows[i] = choice1(b, site, n)
					n++
				}
				if _, err := s.Commit(b.Context(), rows); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if took := stepAll(b, q); took != len(rows) {
					b.Fatal(took)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/choice")
		})
	}
}

// A key that cannot be read is one site's trouble.
func TestASiteThatCannotBeSignedKeepsNoOtherOneWaiting(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		s, site := open1(t, where), shop(t)
		keys, trust := keyOf(t)
		broken := true
		q := register.NewSequencer(s, register.OneKey(func(id string) (ledger.Key, error) {
			if id == "other" && broken {
				return ledger.Key{}, errKilled
			}
			return keys(id)
		}))
		other := choice1(t, site, 1)
		other.Site = "other"
		if _, err := s.Commit(t.Context(), []register.Row{other, choice1(t, site, 2)}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := q.Step(t.Context()); !errors.Is(err, errKilled) {
			t.Fatalf("%v", err)
		}
		if note, err := s.Checkpoint(t.Context(), site.ID); err != nil || note == nil {
			t.Errorf("%v: the other site waits", err)
		}
		broken = false
		if _, _, err := q.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		note, err := s.Checkpoint(t.Context(), "other")
		if err != nil {
			t.Fatal(err)
		}
		if c, err := trust.Open(note); err != nil || c.Size != 1 {
			t.Errorf("%v: %+v", err, c)
		}
	})
}
