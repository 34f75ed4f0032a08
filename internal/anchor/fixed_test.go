package anchor

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/temoin/temoin/internal/ledger"
)

func TestWhatIsFixedComesBackAsItWasGivenOut(t *testing.T) {
	l := newTree(t, "entry", 9)
	note, _ := l.signed(t, 9)
	e := Evidence{Published, "<place>", noon, []byte("2026-10-11-9.txt")}
	for _, f := range []Fixed{
		{Checkpoint: note, Kept: noon, Evidence: e, From: 4, Proof: l.proof(t, 4, 9)},
		{Checkpoint: note, Kept: noon, Evidence: e},
		{Version: [32]byte{1, 2, 3}, Kept: noon, Evidence: Evidence{Timestamp, "tsa.example", noon, []byte{1}}},
	} {
		b, err := f.Marshal()
		if err != nil || bytes.ContainsAny(b, "\n") {
			t.Fatalf("%v: %s", err, b)
		}
		if got, err := ParseFixed(b); err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("%v: %+v\nwant %+v", err, got, f)
		}
	}
}

func TestWhatIsNotEvidenceWithItsSubjectIsRefused(t *testing.T) {
	l := newTree(t, "entry", 2)
	note, _ := l.signed(t, 2)
	b, err := Fixed{Checkpoint: note, Kept: noon, Evidence: Evidence{Published, "p", noon, []byte("f")}, From: 1, Proof: []ledger.Hash{{}}}.Marshal()
	ok(t, err)
	good := string(b)
	for what, bad := range map[string]string{
		"nothing":        "",
		"another format": strings.Replace(good, "fixed/1", "fixed/2", 1),
		"a field more":   strings.Replace(good, `{"format"`, `{"x":1,"format"`, 1),
		"two subjects":   strings.Replace(good, `"checkpoint"`, `"version":"`+strings.Repeat("00", 32)+`","checkpoint"`, 1),
		"no subject":     strings.Replace(good, `"checkpoint":`, `"version":"","checkpoint":"","checkpoint":""`+`,"format":`, 1),
		"a short hash":   strings.Replace(good, `"checkpoint":"`, `"version":"00","evidence":{},"checkpoint":"`, 1),
		"more behind it": good + "{}",
		"a short proof":  strings.Replace(good, `"proof":["AAAA`, `"proof":["AA==","AAAA`, 1),
		"other evidence": strings.Replace(good, `"kind":"directory"`, `"kind":"rumour"`, 1),
		"before the log": strings.Replace(good, `"from":1`, `"from":-1`, 1),
		"no evidence":    good[:strings.Index(good, `,"evidence"`)] + "}",
		"far too much":   good + strings.Repeat(" ", maxFixed),
	} {
		if bad == good {
			t.Fatalf("%s: the test changes nothing", what)
		}
		if f, err := ParseFixed([]byte(bad)); err == nil {
			t.Errorf("%s is taken: %+v", what, f)
		}
	}
}

func FuzzParseFixed(f *testing.F) {
	b, err := Fixed{Version: [32]byte{1}, Kept: noon, Evidence: Evidence{Timestamp, "tsa.example", noon, []byte{1}}}.Marshal()
	ok(f, err)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		f, err := ParseFixed(b)
		if err != nil {
			return
		}
		if _, err := f.Marshal(); err != nil {
			t.Errorf("%q is read as %+v, which cannot be written: %v", b, f, err)
		}
	})
}
