package ledger

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

const origin = "site.example/.temoin/log"

// seeded makes keys that are the same in every run.
func seeded(t testing.TB, origin string, seed byte) Key {
	t.Helper()
	k, err := NewKey(origin, bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A cosigner is a witness that believes everything.
type cosigner struct {
	name   string
	secret ed25519.PrivateKey
}

func newCosigner(name string, seed byte) cosigner {
	return cosigner{name, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))}
}

func (c cosigner) witness() Witness {
	return Witness{publicKey{c.name, kindWitness, [32]byte(c.secret[32:])}}
}

// line cosigns a checkpoint at a time in seconds.
func (c cosigner) line(msg []byte, at uint64) []byte {
	text, _, _ := strings.Cut(string(msg), "\n\n")
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s\n", at, text)
	raw := binary.BigEndian.AppendUint32(nil, c.witness().KeyHash())
	raw = binary.BigEndian.AppendUint64(raw, at)
	raw = append(raw, ed25519.Sign(c.secret, []byte(signed))...)
	return fmt.Appendf(nil, "— %s %s\n", c.name, base64.StdEncoding.EncodeToString(raw))
}

func sign(t testing.TB, size int, keys ...Key) []byte {
	t.Helper()
	_, e := grown(t, size)
	msg, err := Sign(e.Head(), keys...)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func TestACheckpointComesBackAsItWasSigned(t *testing.T) {
	k := seeded(t, origin, 1)
	trust := Trust{Origin: origin, Keys: []Verifier{k.Verifier()}}
	for _, size := range []int{0, 1, 700} {
		msg := sign(t, size, k)
		got, err := trust.Open(msg)
		_, e := grown(t, size)
		if err != nil || got.Head != e.Head() || got.Origin != origin || !slices.Equal(got.Keys, trust.Keys) || got.Cosignatures != nil {
			t.Errorf("%+v, %v, from %s", got, err, msg)
		}
		// It is what the library would open, too.
		v, err := note.NewVerifier(k.Verifier().String())
		if err != nil {
			t.Fatal(err)
		}
		if n, err := note.Open(msg, note.VerifierList(v)); err != nil || len(n.Sigs) != 1 {
			t.Errorf("the reference: %v", err)
		}
	}
}

func TestAnOldReceiptVerifiesAfterTheKeyWasReplaced(t *testing.T) {
	before, after := seeded(t, origin, 1), seeded(t, origin, 2)
	both := []Verifier{before.Verifier(), after.Verifier()}
	for name, c := range map[string]struct {
		msg  []byte
		keys []Verifier
		want []Verifier
	}{
		"signed before, both known":     {sign(t, 9, before), both, both[:1]},
		"signed after, both known":      {sign(t, 9, after), both, both[1:]},
		"signed by both, old known":     {sign(t, 9, before, after), both[:1], both[:1]},
		"signed by both, new known":     {sign(t, 9, before, after), both[1:], both[1:]},
		"signed by both, both known":    {sign(t, 9, before, after), both, both},
		"a key that is given twice":     {sign(t, 9, before), []Verifier{both[0], both[0]}, both[:1]},
		"signed after, only old known":  {sign(t, 9, after), both[:1], nil},
		"signed before, only new known": {sign(t, 9, before), both[1:], nil},
		"nobody known":                  {sign(t, 9, before), nil, nil},
	} {
		got, err := Trust{Origin: origin, Keys: c.keys}.Open(c.msg)
		if !slices.Equal(got.Keys, c.want) || (err == nil) != (c.want != nil) || c.want == nil && !errors.Is(err, ErrUnsigned) {
			t.Errorf("%s: signed by %v, %v", name, got.Keys, err)
		}
	}
}

func TestACheckpointOfAnotherLogIsRefused(t *testing.T) {
	ours, theirs := seeded(t, origin, 1), seeded(t, "other.example/log", 1)
	trust := Trust{Origin: origin, Keys: []Verifier{ours.Verifier()}}
	if _, err := trust.Open(sign(t, 9, theirs)); !errors.Is(err, ErrUnsigned) {
		t.Errorf("another log with the same secret: %v", err)
	}
	// Our own key under another origin: it would have signed two logs.
	text := strings.Replace(body(origin, Empty()), origin, "other.example/log", 1)
	msg, err := note.Sign(&note.Note{Text: text}, signer{ours})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := trust.Open(msg); err == nil || !strings.Contains(err.Error(), "other.example/log") {
		t.Errorf("another origin: %v", err)
	}
	trust.Keys = append(trust.Keys, theirs.Verifier())
	if _, err := trust.Open(sign(t, 9, ours)); err == nil || !strings.Contains(err.Error(), "no key of the log") {
		t.Errorf("a key of another log is trusted: %v", err)
	}
	if _, err := Sign(Empty(), ours, theirs); err == nil {
		t.Error("two logs sign one checkpoint")
	}
}

func TestNoCheckpointIsSignedOfWhatCannotBe(t *testing.T) {
	k := seeded(t, origin, 1)
	for _, head := range []Head{{}, {-1, Hash{}}, {MaxSize + 1, Hash{}}, {0, Hash{1}}} {
		if msg, err := Sign(head, k); err == nil {
			t.Errorf("signed: %s", msg)
		}
	}
	for _, keys := range [][]Key{nil, {{}}, {k, k}, {k, {}}} {
		if msg, err := Sign(Empty(), keys...); err == nil {
			t.Errorf("signed: %s", msg)
		}
	}
}

// Each is signed by the log's own key, so that only the text can be wrong.
func TestACheckpointHasOneForm(t *testing.T) {
	k := seeded(t, origin, 1)
	trust := Trust{Origin: origin, Keys: []Verifier{k.Verifier()}}
	root := Hash{1}.String()
	for name, text := range map[string]string{
		"an extension":       origin + "\n9\n" + root + "\nmore\n",
		"two lines":          origin + "\n9\n",
		"an empty line":      origin + "\n9\n" + root + "\n\n",
		"no origin":          "\n9\n" + root + "\n",
		"a zero before":      origin + "\n09\n" + root + "\n",
		"a sign":             origin + "\n+9\n" + root + "\n",
		"below zero":         origin + "\n-9\n" + root + "\n",
		"a fraction":         origin + "\n9.0\n" + root + "\n",
		"too large":          origin + "\n281474976710657\n" + root + "\n",
		"far too large":      origin + "\n99999999999999999999\n" + root + "\n",
		"a root of 31 bytes": origin + "\n9\n" + base64.StdEncoding.EncodeToString(make([]byte, 31)) + "\n",
		"a root unpadded":    origin + "\n9\n" + strings.TrimSuffix(root, "=") + "\n",
		"a root not strict":  origin + "\n9\n" + strings.Replace(root, "A=", "B=", 1) + "\n",
		"a wrong empty root": origin + "\n0\n" + root + "\n",
		"a space":            origin + " \n9\n" + root + "\n",
		"nothing":            "\n",
	} {
		msg, err := note.Sign(&note.Note{Text: text}, signer{k})
		if err != nil {
			t.Fatal(name, err)
		}
		if got, err := trust.Open(msg); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestANoteThatWasChangedIsRefused(t *testing.T) {
	k := seeded(t, origin, 1)
	trust := Trust{Origin: origin, Keys: []Verifier{k.Verifier()}}
	msg := sign(t, 9, k)
	for i := range msg {
		for _, bit := range []byte{1, 0x20, 0x80} {
			bad := bytes.Clone(msg)
			bad[i] ^= bit
			if _, err := trust.Open(bad); err == nil {
				t.Fatalf("byte %d, bit %d: taken: %s", i, bit, bad)
			}
		}
	}
	line := msg[bytes.Index(msg, []byte("— ")):]
	unknown := []byte("— unknown.example AAAAAAAAAAAA\n")
	for name, bad := range map[string][]byte{
		"nothing":                nil,
		"no signature":           msg[:len(msg)-len(line)],
		"the signature twice":    slices.Concat(msg, line),
		"the end missing":        msg[:len(msg)-1],
		"more after the end":     append(bytes.Clone(msg), 'x'),
		"too long":               slices.Concat(msg, bytes.Repeat(unknown, maxNote/len(unknown)+1)),
		"a long signature":       slices.Concat(msg, []byte("— unknown.example "), bytes.Repeat([]byte("AAAA"), maxNote/4), []byte("\n")),
		"not strict base64":      bytes.Replace(msg, line[len(line)-3:], []byte{line[len(line)-3] + 1, '=', '\n'}, 1),
		"a hundred and one":      slices.Concat(msg, bytes.Repeat(unknown, 101)),
		"windows line ends":      bytes.ReplaceAll(msg, []byte("\n"), []byte("\r\n")),
		"a signature cut short":  slices.Concat(msg[:len(msg)-9], []byte("\n")),
		"an unknown one, twice":  slices.Concat(msg, unknown, unknown),
		"only an unknown one":    slices.Concat(msg[:len(msg)-len(line)], unknown),
		"a byte order mark":      slices.Concat([]byte("\ufeff"), msg),
		"something before it":    slices.Concat([]byte("\n"), msg),
		"a name with no address": slices.Concat(msg, []byte("—  AAAAAAAAAAAA\n")),
	} {
		if got, err := trust.Open(bad); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, err := trust.Open(slices.Concat(msg, unknown)); err != nil {
		t.Errorf("an unknown signature must be passed over: %v", err)
	}
}

func TestAWitnessCosignsACheckpoint(t *testing.T) {
	k, w := seeded(t, origin, 1), newCosigner("witness.example/w1", 3)
	trust := Trust{origin, []Verifier{k.Verifier()}, []Witness{w.witness(), w.witness()}}
	msg := sign(t, 9, k)
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	cosigned, err := trust.AddCosignature(msg, w.line(msg, uint64(at.Unix())))
	if err != nil {
		t.Fatal(err)
	}
	got, err := trust.Open(cosigned)
	if err != nil || len(got.Cosignatures) != 1 || got.Cosignatures[0] != (Cosignature{w.witness(), at}) || len(got.Keys) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if !bytes.HasPrefix(cosigned, msg) {
		t.Error("the checkpoint was changed")
	}
	// Who does not know the witness reads the checkpoint as before.
	trust.Witnesses = nil
	if got, err := trust.Open(cosigned); err != nil || got.Cosignatures != nil {
		t.Errorf("%+v, %v", got, err)
	}
	// A witness alone does not make a checkpoint of the log.
	trust = Trust{origin, []Verifier{seeded(t, origin, 9).Verifier()}, []Witness{w.witness()}}
	if _, err := trust.Open(cosigned); !errors.Is(err, ErrUnsigned) {
		t.Errorf("signed by the witness alone: %v", err)
	}
}

func TestACosignatureThatIsNotWantedIsRefused(t *testing.T) {
	k, w, stranger := seeded(t, origin, 1), newCosigner("witness.example/w1", 3), newCosigner("witness.example/w1", 4)
	trust := Trust{origin, []Verifier{k.Verifier()}, []Witness{w.witness()}}
	msg, other := sign(t, 9, k), sign(t, 10, k)
	once, err := trust.AddCosignature(msg, w.line(msg, 1000))
	if err != nil {
		t.Fatal(err)
	}
	wrong := w.line(msg, 1000)
	wrong = bytes.Replace(wrong, w.line(msg, 1000)[40:44], []byte("AAAA"), 1)
	good := string(w.line(msg, 1000))
	for name, c := range map[string]struct {
		msg  []byte
		line string
		want error
	}{
		"a stranger's":              {msg, string(stranger.line(msg, 1000)), ErrUnknownWitness},
		"the log's own":             {msg, string(msg[bytes.Index(msg, []byte("— ")):]), ErrUnknownWitness},
		"the same again":            {once, good, ErrDuplicate},
		"the same witness later":    {once, string(w.line(msg, 2000)), ErrDuplicate},
		"of another checkpoint":     {msg, string(w.line(other, 1000)), nil},
		"at no time":                {msg, string(w.line(msg, 0)), nil},
		"after the year 9999":       {msg, string(w.line(msg, maxTime+1)), nil},
		"with a changed time":       {msg, string(wrong), nil},
		"two lines":                 {msg, good + string(stranger.line(msg, 1000)), nil},
		"a text before":             {msg, "x\n\n" + good, nil},
		"an empty line before":      {msg, "\n" + good, nil},
		"no end of line":            {msg, strings.TrimSuffix(good, "\n"), nil},
		"nothing":                   {msg, "", nil},
		"an end of line":            {msg, "\n", nil},
		"to a checkpoint of others": {sign(t, 9, seeded(t, origin, 2)), good, ErrUnsigned},
	} {
		got, err := trust.AddCosignature(c.msg, []byte(c.line))
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
}

func TestAKeyComesBackFromItsText(t *testing.T) {
	k := seeded(t, origin, 1)
	back, err := ParseKey(k.Secret())
	if err != nil || back.Secret() != k.Secret() || back.Origin() != origin {
		t.Fatalf("%v, %v", back, err)
	}
	v, err := ParseVerifier(k.Verifier().String())
	if err != nil || v != k.Verifier() {
		t.Errorf("%v, %v", v, err)
	}
	w, err := ParseWitness(newCosigner("w", 1).witness().String())
	if err != nil || w != newCosigner("w", 1).witness() {
		t.Errorf("%v, %v", w, err)
	}
	// The library reads the same text, and makes the same signatures of it.
	reference, err := note.NewSigner(k.Secret())
	if err != nil {
		t.Fatal(err)
	}
	msg, err := note.Sign(&note.Note{Text: body(origin, Empty())}, reference)
	if err != nil || !bytes.Equal(msg, sign(t, 0, k)) {
		t.Errorf("the reference signs\n%s(%v)", msg, err)
	}
}

// The example of c2sp.org/signed-note.
func TestAVerifierReadsThePublishedExample(t *testing.T) {
	v, err := ParseVerifier("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
	if err != nil {
		t.Fatal(err)
	}
	sig, err := base64.StdEncoding.DecodeString("Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=")
	if err != nil || !v.Verify([]byte("This is an example message.\n"), sig[4:]) {
		t.Errorf("%v: not verified", err)
	}
}

func TestAKeyIsReadInTheOneFormThatIsWritten(t *testing.T) {
	k := seeded(t, origin, 1)
	secret, public, witness := k.Secret(), k.Verifier().String(), newCosigner("w", 1).witness().String()
	for _, bad := range []string{
		"", public, secret + "\n", " " + secret, strings.ToLower(secret), strings.Replace(secret, origin, "other", 1), secret[:len(secret)-1],
		strings.Replace(secret, origin, "a b", 1), "PRIVATE+KEY+", "PRIVATE+KEY+a+b", strings.Repeat(secret, 9),
		"PRIVATE+KEY+" + witness,
	} {
		if got, err := ParseKey(bad); err == nil {
			t.Errorf("%q is the key %v", bad, got)
		} else if strings.Contains(err.Error(), secret[len(secret)-20:]) {
			t.Errorf("the error tells the secret: %v", err)
		}
	}
	id := public[len(origin)+1 : len(origin)+9]
	for _, bad := range []string{
		"", secret, witness, public + "\n", " " + public, public[1:], public[:len(public)-1], strings.Replace(public, id, strings.ToUpper(id), 1),
		strings.Replace(public, id, "00000000", 1), strings.Replace(public, "+"+id, "+0"+id, 1), public + "=", "a+b", "++", strings.Repeat("a", 1000),
	} {
		if got, err := ParseVerifier(bad); err == nil {
			t.Errorf("%q is the key %v", bad, got)
		}
	}
	if got, err := ParseWitness(public); err == nil {
		t.Errorf("a log's key is the witness %v", got)
	}
}

func TestANameIsAnAddressWithoutSpaces(t *testing.T) {
	for _, name := range []string{origin, "a", "é.example", strings.Repeat("a", 255)} {
		if _, err := NewKey(name, bytes.NewReader(make([]byte, 32))); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", "a b", "a\nb", "a+b", "a\u00a0b", "a\x00", "a\x7f", "\xff", strings.Repeat("a", 256)} {
		if k, err := NewKey(name, bytes.NewReader(make([]byte, 32))); err == nil {
			t.Errorf("%q is the key %v", name, k)
		}
	}
	if _, err := NewKey("a", bytes.NewReader(make([]byte, 31))); err == nil {
		t.Error("a key of 31 bytes")
	}
}

func TestNothingThatIsPrintedTellsTheSecret(t *testing.T) {
	k := seeded(t, origin, 1)
	seed := k.secret.Seed()
	encoded, err := json.Marshal(struct{ K Key }{k})
	if err != nil {
		t.Fatal(err)
	}
	printed := fmt.Sprintf("%v %+v %#v %s %q %x %d %v %+v", k, k, k, k, k, k, k, &k, struct{ K Key }{k}) + string(encoded) + fmt.Sprint(Key{})
	for _, secret := range []string{base64.StdEncoding.EncodeToString(seed), fmt.Sprintf("%x", seed), "1 1 1 1", "PRIVATE"} {
		if strings.Contains(printed, secret) {
			t.Errorf("%q is in %s", secret, printed)
		}
	}
	if !strings.Contains(printed, k.Verifier().String()) {
		t.Error("the public half is not printed")
	}
}

func TestOneSecretSignsTheLogsOfSeveralSites(t *testing.T) {
	a := seeded(t, origin, 1)
	b, err := a.For("b.example/log")
	if err != nil || b.Verifier().KeyHash() == a.Verifier().KeyHash() || b.Verifier().key != a.Verifier().key {
		t.Fatalf("%v, %v", b, err)
	}
	if _, err := (Trust{Origin: "b.example/log", Keys: []Verifier{b.Verifier()}}).Open(sign(t, 5, b)); err != nil {
		t.Error(err)
	}
	if _, err := a.For("b c"); err == nil {
		t.Error("a name with a space")
	}
}
