package ledger

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

func trusting(keys ...Key) Trust {
	t := Trust{Origin: origin}
	for _, k := range keys {
		t.Keys = append(t.Keys, k.Verifier())
	}
	return t
}

func handover(t testing.TB, head Head, from, to Key) []byte {
	t.Helper()
	msg, err := Handover(head, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func TestWhoTrustsAKeyFollowsItsWordToTheNext(t *testing.T) {
	one, two, three := seeded(t, origin, 1), seeded(t, origin, 2), seeded(t, origin, 3)
	for _, head := range []Head{Empty(), {7, Hash{1}}} {
		trust, err := trusting(one).Follow(handover(t, head, one, two))
		if err == nil {
			trust, err = trust.Follow(handover(t, head, two, three))
		}
		if err != nil || !slices.Equal(trust.Keys, trusting(one, two, three).Keys) {
			t.Fatalf("%v, %v", trust, err)
		}
		if again, err := trust.Follow(handover(t, head, one, two)); err != nil || len(again.Keys) != 3 {
			t.Errorf("%v, %v", again, err)
		}
	}
}

func TestAHandoverThatNobodyTrustedMadeIsRefused(t *testing.T) {
	one, two, evil := seeded(t, origin, 1), seeded(t, origin, 2), seeded(t, origin, 9)
	head := Head{7, Hash{1}}
	good := handover(t, head, one, two)
	text, _, _ := strings.Cut(string(good), "\n\n")
	text += "\n"
	signed := func(text string, keys ...Key) []byte {
		var signers []note.Signer
		for _, k := range keys {
			signers = append(signers, signer{k})
		}
		msg, err := note.Sign(&note.Note{Text: text}, signers...)
		if err != nil {
			t.Fatal(err)
		}
		return msg
	}
	toEvil := handoverText(head, one.Verifier(), evil.Verifier())
	elsewhere := seeded(t, "other.example/log", 1)
	for what, msg := range map[string][]byte{
		"by an unknown key":                     handover(t, head, evil, two),
		"of another log":                        handover(t, head, elsewhere, seeded(t, "other.example/log", 2)),
		"signed by the new key only":            signed(toEvil, evil),
		"signed by the old key only":            signed(toEvil, one),
		"signed by another and the new key":     signed(toEvil, two, evil),
		"a checkpoint with a signature added":   sign(t, 7, one, evil),
		"other words under the same signatures": bytes.ReplaceAll(good, []byte(two.Verifier().String()), []byte(evil.Verifier().String())),
		"another size":                          bytes.Replace(good, []byte("\n7\n"), []byte("\n8\n"), 1),
		"a line more":                           signed(text+"x\n", one, two),
		"to itself":                             signed(handoverText(head, one.Verifier(), one.Verifier()), one),
		"nothing":                               nil,
		"too long":                              append(bytes.Clone(good), make([]byte, maxNote)...),
	} {
		if trust, err := trusting(one).Follow(msg); err == nil || len(trust.Keys) != 1 {
			t.Errorf("%s: %v", what, trust)
		}
	}
	for i := range good {
		other := bytes.Clone(good)
		other[i] ^= 1
		if trust, err := trusting(one).Follow(other); err == nil {
			t.Errorf("byte %d turned: %v", i, trust)
		}
	}
}

func TestAHandoverIsNoCheckpointAndIsMadeOnlyBetweenTwoKeysOfALog(t *testing.T) {
	one, two := seeded(t, origin, 1), seeded(t, origin, 2)
	for _, o := range []string{origin, handoverFormat} {
		trust := Trust{Origin: o}
		for _, k := range []Key{one, two} {
			k, err := k.For(o)
			if err != nil {
				t.Fatal(err)
			}
			trust.Keys = append(trust.Keys, k.Verifier())
		}
		if _, err := trust.Open(handover(t, Head{7, Hash{1}}, one, two)); err == nil {
			t.Errorf("it is taken for a checkpoint of %s", o)
		}
	}
	for what, c := range map[string]struct {
		head     Head
		from, to Key
	}{
		"one key":           {Head{7, Hash{1}}, one, one},
		"another log":       {Head{7, Hash{1}}, one, seeded(t, "other.example/log", 2)},
		"no key":            {Head{7, Hash{1}}, one, Key{}},
		"no such head":      {Head{0, Hash{1}}, one, two},
		"nobody hands over": {Head{7, Hash{1}}, Key{}, two},
	} {
		if msg, err := Handover(c.head, c.from, c.to); err == nil {
			t.Errorf("%s: %s", what, msg)
		}
	}
}

func FuzzFollow(f *testing.F) {
	one, two := seeded(f, origin, 1), seeded(f, origin, 2)
	f.Add(handover(f, Head{7, Hash{1}}, one, two))
	f.Add(handover(f, Empty(), one, two))
	f.Fuzz(func(t *testing.T, msg []byte) {
		trust, err := trusting(one).Follow(msg)
		if err == nil && !slices.Equal(trust.Keys, trusting(one, two).Keys) {
			t.Errorf("%q leads to %v", msg, trust.Keys)
		}
	})
}
