package anchor

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/temoin/temoin/internal/ledger"
)

const origin = "site.example/.temoin/log"

var noon = time.Date(2026, 10, 11, 12, 0, 0, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func options() Options {
	return Options{Clock: at(noon), Random: rand.Reader, Timeout: 20 * time.Second}
}

// needs finds a program, without which the tests on it have no meaning.
func needs(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is missing: run scripts/need %s", program, program)
		}
		t.Skipf("%s is missing: scripts/need %s installs it", program, program)
	}
}

func seeded(t testing.TB, origin string, seed byte) ledger.Key {
	t.Helper()
	k, err := ledger.NewKey(origin, bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A tree is a log in memory, kept by the reference's code and not by the ledger's.
type tree struct {
	key    ledger.Key
	hashes []tlog.Hash
	size   int64
}

func (l *tree) ReadHashes(at []int64) ([]tlog.Hash, error) {
	var list []tlog.Hash
	for _, i := range at {
		list = append(list, l.hashes[i])
	}
	return list, nil
}

// newTree returns a log of so many entries, which begin with the word.
func newTree(t testing.TB, word string, size int64) *tree {
	t.Helper()
	l := &tree{key: seeded(t, origin, 1)}
	l.grow(t, word, size)
	return l
}

func (l *tree) grow(t testing.TB, word string, size int64) {
	t.Helper()
	for ; l.size < size; l.size++ {
		h, err := tlog.StoredHashes(l.size, []byte(word+time.Duration(l.size).String()), l)
		if err != nil {
			t.Fatal(err)
		}
		l.hashes = append(l.hashes, h...)
	}
}

func (l *tree) trust() ledger.Trust {
	return ledger.Trust{Origin: origin, Keys: []ledger.Verifier{l.key.Verifier()}}
}

func (l *tree) head(t testing.TB, size int64) ledger.Head {
	t.Helper()
	root, err := tlog.TreeHash(size, l)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Head{Size: size, Root: root}
}

// signed returns the checkpoint of a size.
func (l *tree) signed(t testing.TB, size int64) ([]byte, ledger.Head) {
	t.Helper()
	h := l.head(t, size)
	msg, err := ledger.Sign(h, l.key)
	if err != nil {
		t.Fatal(err)
	}
	return msg, h
}

func (l *tree) proof(t testing.TB, old, size int64) []ledger.Hash {
	t.Helper()
	p, err := tlog.ProveTree(size, old, l)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEvidenceComesBackAsItWasStored(t *testing.T) {
	e := Evidence{Timestamp, "tsa.example/<stamp>", noon.Add(123 * time.Millisecond), []byte{1, 2, 0, 255}}
	b, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseEvidence(b)
	if err != nil || got.Kind != e.Kind || got.Place != e.Place || got.Time != e.Time || !bytes.Equal(got.Bytes, e.Bytes) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestEvidenceIsReadInOneFormOnly(t *testing.T) {
	e := Evidence{Witnessed, "w.example", noon, []byte("line\n")}
	b, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	for name, bad := range map[string]string{
		"empty":           "",
		"cut off":         good[:len(good)-1],
		"another format":  strings.Replace(good, "anchor/1", "anchor/2", 1),
		"another kind":    strings.Replace(good, "witness", "wisdom", 1),
		"no place":        strings.Replace(good, "w.example", "", 1),
		"control":         strings.Replace(good, "w.example", `w\u0007`, 1),
		"local time":      strings.Replace(good, "12:00:00Z", "14:00:00+02:00", 1),
		"no bytes":        strings.Replace(good, "bGluZQo=", "", 1),
		"other base64":    strings.Replace(good, "bGluZQo=", "bGluZQp=", 1),
		"unknown field":   strings.Replace(good, `{`, `{"more":1,`, 1),
		"twice":           strings.Replace(good, `{`, `{"kind":"git",`, 1),
		"white space":     good + "\n",
		"too much":        good + strings.Repeat(" ", maxEvidence),
		"other case":      strings.Replace(good, `"kind"`, `"Kind"`, 1),
		"year 10000":      strings.Replace(good, "2026-", "12026-", 1),
		"before the time": strings.Replace(good, "2026-", "0001-", 1),
	} {
		if got, err := ParseEvidence([]byte(bad)); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestNothingIsFixedThatIsNotTheLogsOwnCheckpointOfTheHead(t *testing.T) {
	l := newTree(t, "a", 3)
	msg, head := l.signed(t, 3)
	_, other := l.signed(t, 2)
	forged, err := ledger.Sign(head, seeded(t, origin, 9))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	d, err := NewDirectory(l.trust(), folder, options())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Fix(t.Context(), msg, other); err == nil || !strings.Contains(err.Error(), "not of size 2") {
		t.Errorf("another head: %v", err)
	}
	if _, err := d.Fix(t.Context(), forged, head); !errors.Is(err, ledger.ErrUnsigned) {
		t.Errorf("another key: %v", err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestAnAnchorNeedsAnAddressAndAClock(t *testing.T) {
	for _, address := range []string{"", "tsa.example", "ftp://tsa.example", "https://", "https://user:secret@tsa.example/#a", "http://%zz:secret@a"} {
		_, err := checkURL(address)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", address, err)
		}
	}
	if _, err := NewDirectory(ledger.Trust{}, "a", Options{}); err == nil {
		t.Error("without a clock")
	}
}

func TestEvidenceIsVerifiedAsItsKindAsksFor(t *testing.T) {
	l := newTree(t, "a", 3)
	msg, _ := l.signed(t, 3)
	terms := Terms{Log: l.trust()}
	for _, e := range []Evidence{
		{Published, "/pub", noon, []byte("2026-10-11-3.txt")},
		{Pushed, "/pub", noon, []byte("no commit")},
		{Timestamp, "tsa", noon, []byte("no token")},
		{Witnessed, "w", noon, []byte("no line")},
		{"else", "w", noon, []byte("no line")},
	} {
		if p, err := e.Verify(context.Background(), msg, terms); err == nil {
			t.Errorf("%+v proves %+v", e, p)
		}
	}
}

func FuzzParseEvidence(f *testing.F) {
	for _, e := range []Evidence{
		{Timestamp, "tsa.example", noon, []byte{0x30, 0}},
		{Published, "/srv/<pub>", noon.Add(time.Nanosecond), []byte("2026-10-11-3.txt")},
	} {
		b, err := e.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"format":"temoin-anchor/1","kind":"git","place":"a","time":"2026-10-11T12:00:00+00:00","bytes":"AA=="}`))
	l := newTree(f, "a", 3)
	msg, _ := l.signed(f, 3)
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEvidence(b)
		if err != nil {
			return
		}
		if again, err := e.Marshal(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%q comes back as %q, %v", b, again, err)
		}
		if p, err := e.Verify(t.Context(), msg, Terms{Log: l.trust()}); err == nil {
			t.Errorf("%q proves %+v to somebody who trusts nobody", b, p)
		}
	})
}
