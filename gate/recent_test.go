package gate

import (
	"encoding/binary"
	"testing"
	"time"
)

func TestNoAccountIsForgottenWithoutEverybodyBeingAskedAbout(t *testing.T) {
	var r recent
	begun := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	key := func(i int) []byte { return binary.BigEndian.AppendUint64(make([]byte, 8), uint64(i)) } //nolint:gosec // small
	for i := range maxRecent {
		r.keep(key(i), begun)
	}
	later := begun.Add(2 * accountFresh)
	r.keep(key(maxRecent), later)
	if len(r.at) != 1 || r.since(key(0), begun) || !r.since(key(maxRecent), later) {
		t.Errorf("%d are remembered after their time", len(r.at))
	}
	for i := range maxRecent {
		r.keep(key(i), later)
	}
	if len(r.at) > maxRecent || !r.since(key(maxRecent-1), later) || !r.since([]byte("somebody else's key"), later) {
		t.Error("an account that chose is not remembered, or too many are")
	}
	if r.since([]byte("somebody else's key"), later.Add(time.Second)) {
		t.Error("who was asked about since is asked about again")
	}
}
