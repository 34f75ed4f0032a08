// Package archivetest holds what tests need of a register.Archive: one in memory,
// and the suite that every archive passes.
package archivetest

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/temoin/temoin/internal/register"
)

// Memory is an archive in memory. Its fields may be changed to damage it.
type Memory struct {
	mu     sync.Mutex
	Bytes  map[register.Hash][]byte
	Listed map[string][]register.Listed
	Active map[string][]register.Activation // its history; the last one is active
	Moves  int64                            // the generation
	Asked  int                              // how often for the generation
	Fail   error                            // what each call fails with
}

// NewMemory makes an empty archive.
func NewMemory() *Memory {
	return &Memory{Bytes: map[register.Hash][]byte{}, Listed: map[string][]register.Listed{}, Active: map[string][]register.Activation{}}
}

// Archive returns it as what a register takes.
func (m *Memory) Archive() register.Archive { return memory{m} }

// memory has the methods, whose names are those of fields too.
type memory struct{ m *Memory }

func (a memory) lock() (unlock func(), err error) {
	a.m.mu.Lock()
	return a.m.mu.Unlock, a.m.Fail
}

func (a memory) PutArtifact(_ context.Context, h register.Hash, b []byte) error {
	unlock, err := a.lock()
	defer unlock()
	if err != nil {
		return err
	}
	if err := register.CheckArtifact(h, b); err != nil {
		return err
	}
	if _, ok := a.m.Bytes[h]; !ok {
		a.m.Bytes[h] = bytes.Clone(b)
	}
	return nil
}

func (a memory) Artifact(_ context.Context, h register.Hash) ([]byte, error) {
	unlock, err := a.lock()
	defer unlock()
	if err != nil {
		return nil, err
	}
	if b, ok := a.m.Bytes[h]; ok {
		return b, nil
	}
	return nil, register.ErrNoArtifact
}

func (a memory) PutVersion(ctx context.Context, site string, evidence register.Hash, at time.Time) error {
	if err := register.Confirm(ctx, a, site, evidence); err != nil {
		return err
	}
	unlock, err := a.lock()
	defer unlock()
	if err != nil {
		return err
	}
	if !a.listed(site, evidence) {
		a.m.Listed[site] = append(a.m.Listed[site], register.Listed{Evidence: evidence, At: at.UTC().Truncate(time.Second)})
		a.m.Moves++
	}
	return nil
}

func (a memory) listed(site string, evidence register.Hash) bool {
	return slices.ContainsFunc(a.m.Listed[site], func(l register.Listed) bool { return l.Evidence == evidence })
}

func (a memory) Versions(_ context.Context, site string) ([]register.Listed, error) {
	unlock, err := a.lock()
	defer unlock()
	return slices.Clone(a.m.Listed[site]), err
}

func (a memory) Active(_ context.Context, site string) (register.Hash, bool, error) {
	unlock, err := a.lock()
	defer unlock()
	h, ok := a.active(site)
	return h, ok, err
}

func (a memory) active(site string) (register.Hash, bool) {
	history := a.m.Active[site]
	if len(history) == 0 {
		return register.Hash{}, false
	}
	return history[len(history)-1].Evidence, true
}

func (a memory) Activate(ctx context.Context, site string, from register.Hash, to register.Activation) error {
	if err := register.Confirm(ctx, a, site, to.Evidence); err != nil {
		return err
	}
	unlock, err := a.lock()
	defer unlock()
	if err != nil {
		return err
	}
	switch now, _ := a.active(site); {
	case !a.listed(site, to.Evidence):
		return register.ErrNotListed
	case now != from:
		return register.ErrSuperseded
	case now == to.Evidence:
		return nil
	}
	to.At = to.At.UTC().Truncate(time.Second)
	a.m.Active[site] = append(a.m.Active[site], to)
	a.m.Moves++
	return nil
}

func (a memory) Activations(_ context.Context, site string) ([]register.Activation, error) {
	unlock, err := a.lock()
	defer unlock()
	return slices.Clone(a.m.Active[site]), err
}

func (a memory) Generation(context.Context) (int64, error) {
	unlock, err := a.lock()
	defer unlock()
	a.m.Asked++
	return a.m.Moves, err
}
