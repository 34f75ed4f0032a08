package register

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/ledger"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The shape of testdata/receipts.json, which docs/receipts.md explains.
type vectors struct {
	Keys     map[string]string `json:"keys"`
	Receipts []vector          `json:"receipts"`
}

type vector struct {
	Case      string       `json:"case"`
	Holds     bool         `json:"holds"`
	Reason    Reason       `json:"reason,omitempty"`
	Keys      []string     `json:"keys"` // what the verifier knows
	Receipt   string       `json:"receipt"`
	Canonical string       `json:"canonical,omitempty"`
	Entry     []byte       `json:"entry,omitempty"`
	Leaf      *ledger.Hash `json:"leaf,omitempty"`
	Index     *int64       `json:"index,omitempty"`
	Size      int64        `json:"size,omitempty"`
	Root      *ledger.Hash `json:"root,omitempty"`
	SignedBy  []string     `json:"signedBy,omitempty"`
	Witnessed []string     `json:"witnessed,omitempty"`
}

const vectorsFile = "testdata/receipts.json"

func TestTheVectorsOfReceiptsAreFresh(t *testing.T) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(makeVectors(t)); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(vectorsFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(vectorsFile); err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is not fresh: go test ./internal/register -update (%v)\n%.2000s", vectorsFile, err, cmp.Diff(string(got), b.String()))
	}
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	b, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// trust is what a verifier knows that was given keys by their names.
func (v vectors) trust(t testing.TB, names ...string) ledger.Trust {
	t.Helper()
	var trust ledger.Trust
	for _, name := range names {
		if w, err := ledger.ParseWitness(v.Keys[name]); err == nil {
			trust.Witnesses = append(trust.Witnesses, w)
			continue
		}
		k, err := ledger.ParseVerifier(v.Keys[name])
		if err != nil {
			t.Fatal(err)
		}
		trust.Origin, trust.Keys = k.Name(), append(trust.Keys, k)
	}
	return trust
}

func TestEveryVectorOfAReceiptIsJudgedAsItSays(t *testing.T) {
	v := readVectors(t)
	reasons := map[Reason]int{}
	for _, c := range v.Receipts {
		trust := v.trust(t, c.Keys...)
		got, err := Verify([]byte(c.Receipt), trust)
		if (err == nil) != c.Holds || c.Holds == (c.Reason != "") {
			t.Errorf("%s: %v", c.Case, err)
			continue
		}
		if err != nil {
			reasons[c.Reason]++
			if why := Why(err); why != c.Reason {
				t.Errorf("%s: %s, want %s (%v)", c.Case, why, c.Reason, err)
			}
			continue
		}
		canonical, err := got.Record.Canonical()
		if err != nil || string(canonical) != c.Canonical || got.Index != *c.Index || got.Checkpoint.Size != c.Size || got.Checkpoint.Root != *c.Root {
			t.Errorf("%s: %v, %+v", c.Case, err, got)
		}
		var by, witnessed []string
		for _, k := range got.Checkpoint.Keys {
			by = append(by, v.name(k.String()))
		}
		for _, w := range got.Checkpoint.Cosignatures {
			witnessed = append(witnessed, w.Time.Format(time.RFC3339))
		}
		if !slices.Equal(by, c.SignedBy) || !slices.Equal(witnessed, c.Witnessed) {
			t.Errorf("%s: signed by %v, witnessed %v", c.Case, by, witnessed)
		}
	}
	for _, r := range []Reason{Unreadable, OtherFormat, BadRecord, BadSalt, Pending, OtherLog, Unsigned, BadSignature, BadCheckpoint, BadProof} {
		if reasons[r] == 0 {
			t.Errorf("no vector is refused for %q", r)
		}
	}
}

func (v vectors) name(key string) string {
	for name, k := range v.Keys {
		if k == key {
			return name
		}
	}
	return ""
}

const vectorOrigin = "shop.example/.temoin/log"

// A maker makes receipts out of one log.
type maker struct {
	t              testing.TB
	tiles          map[[2]int64][]byte
	heads          map[int64]ledger.Head
	rows           []Row
	old, new, mean ledger.Key // mean is a stranger's
}

func (m *maker) Tile(level int, index int64) ([]byte, error) {
	return m.tiles[[2]int64{int64(level), index}], nil
}

func vectorKey(t testing.TB, origin string, seed byte) ledger.Key {
	t.Helper()
	k, err := ledger.NewKey(origin, bytes.NewReader(bytes.Repeat([]byte{seed}, 64)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// vectorRecord is the nth record, written by hand so that it stays as it is.
func vectorRecord(t testing.TB, n int) (consent.ID, *Record) {
	t.Helper()
	at := noon.Add(time.Duration(n) * time.Second)
	random := sha256.Sum256(fmt.Appendf(nil, "id %d", n))
	id, err := consent.NewID(at, bytes.NewReader(random[:]))
	if err != nil {
		t.Fatal(err)
	}
	scope := func(name string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(name))) }
	actions := []Action{Save, Accept, Refuse, Withdraw, Close}
	r := &Record{
		Action: actions[n%len(actions)], Code: "v0.1.0", Controller: Controller{"FR", `Boutique "& Sœurs" <SARL>`, "123456782"},
		Ends: at.AddDate(0, 6, 0).Format(time.RFC3339), Exceptions: []Exception{}, Format: Format, ID: id.String(), Jurisdictions: []string{"FR"},
		Language: []string{"fr", "en", "ar"}[n%3], Notice: scope("notice"), Policy: Policy{scope("manifest"), "1.0"}, Scope: "device",
		Signals: Signals{n%4 == 2}, Site: "shop", Time: at.Format(time.RFC3339), Withdraw: "/.temoin/",
	}
	yes := r.Action == Accept
	r.Answers = []Answer{
		{yes || r.Action == Save, "stats", true, scope("stats")}, {yes, "ads", true, scope("ads")}, {yes, "later", false, scope("later")},
	}
	if r.Action == Save {
		r.Exceptions = []Exception{{false, "maps"}, {true, "video"}}
	}
	if r.Action == Withdraw {
		before, _ := vectorRecord(t, 1)
		r.Replaces = before.String()
	}
	if n == 255 { // nothing depends on consent
		r.Action, r.Exceptions, r.Answers = Accept, []Exception{}, []Answer{{true, "later", false, scope("later")}}
	}
	r.State = r.state()
	return id, r
}

func newMaker(t testing.TB) *maker {
	m := &maker{
		t: t, tiles: map[[2]int64][]byte{}, heads: map[int64]ledger.Head{0: ledger.Empty()},
		old: vectorKey(t, vectorOrigin, 1), new: vectorKey(t, vectorOrigin, 2), mean: vectorKey(t, vectorOrigin, 5),
	}
	var edge ledger.Edge
	for _, size := range []int{1, 2, 255, 256, 257, 700} {
		var entries []ledger.Entry
		for n := len(m.rows); n < size; n++ {
			id, r := vectorRecord(t, n)
			canonical, err := r.Canonical()
			if err != nil {
				t.Fatal(err)
			}
			salt := sha256.Sum256(fmt.Appendf(nil, "salt %d", n))
			row := Row{Site: "shop", ID: id, Salt: ledger.Salt(salt[:ledger.SaltSize]), Record: canonical}
			m.rows, entries = append(m.rows, row), append(entries, ledger.NewEntry(row.Salt, row.Record))
		}
		next, tiles, err := edge.Append(entries)
		if err != nil {
			t.Fatal(err)
		}
		for _, tile := range tiles {
			m.tiles[[2]int64{int64(tile.Level), tile.Index}] = tile.Hashes
		}
		edge = next
		m.heads[int64(size)] = edge.Head()
	}
	return m
}

func (m *maker) sign(size int64, keys ...ledger.Key) string {
	m.t.Helper()
	b, err := ledger.Sign(m.heads[size], keys...)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(b)
}

// signText signs any text as a note of the log, as no honest log does.
func signText(name string, kind, seed byte, text string, before []byte, signed string) string {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))
	id := sha256.Sum256(slices.Concat([]byte(name), []byte{'\n', kind}, key[32:]))
	return "— " + name + " " + base64.StdEncoding.EncodeToString(slices.Concat(id[:4], before, ed25519.Sign(key, []byte(signed+text)))) + "\n"
}

const witnessName = "witness.example/w1"

// cosign returns a checkpoint with the line of the witness.
func cosign(checkpoint string, at int64) string {
	text, _, _ := strings.Cut(checkpoint, "\n\n")
	return checkpoint + signText(witnessName, 4, 3, text+"\n", binary.BigEndian.AppendUint64(nil, uint64(at)), fmt.Sprintf("cosignature/v1\ntime %d\n", at))
}

func (m *maker) receipt(index, size int64, checkpoint string) *Receipt {
	m.t.Helper()
	row := m.rows[index]
	proof, err := ledger.Inclusion(m.heads[size], index, ledger.NewEntry(row.Salt, row.Record), m)
	if err != nil {
		m.t.Fatal(err)
	}
	log := &LogProof{Index: index, Proof: []string{}, Checkpoint: checkpoint}
	for _, h := range proof {
		log.Proof = append(log.Proof, h.String())
	}
	return &Receipt{ReceiptFormat, row.Record, base64.StdEncoding.EncodeToString(row.Salt[:]), log}
}

func (m *maker) text(r *Receipt) string {
	m.t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		m.t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// holds makes a vector that must be verified.
func (m *maker) holds(how, receipt string, index, size int64, keys, by []string, witnessed ...string) vector {
	row, head := m.rows[index], m.heads[size]
	entry := ledger.NewEntry(row.Salt, row.Record)
	leaf := entry.Leaf()
	return vector{
		Case: how, Holds: true, Keys: keys, Receipt: receipt, Canonical: string(row.Record), Entry: entry[:], Leaf: &leaf,
		Index: &index, Size: size, Root: &head.Root, SignedBy: by, Witnessed: witnessed,
	}
}

func makeVectors(t testing.TB) vectors {
	m := newMaker(t)
	witness := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32)).Public().(ed25519.PublicKey)
	id := sha256.Sum256(slices.Concat([]byte(witnessName+"\n\x04"), witness))
	v := vectors{Keys: map[string]string{
		"old": m.old.Verifier().String(), "new": m.new.Verifier().String(), "other": vectorKey(t, "other.example/.temoin/log", 1).Verifier().String(),
		"witness": fmt.Sprintf("%s+%x+%s", witnessName, id[:4], base64.StdEncoding.EncodeToString(append([]byte{4}, witness...))),
	}}
	v.Receipts = append(m.good(), m.bad()...)
	return v
}

func (m *maker) good() (list []vector) {
	justOld := []string{"old"}
	for _, at := range [][2]int64{{0, 1}, {0, 2}, {1, 2}, {0, 255}, {254, 255}, {0, 256}, {255, 256}, {0, 257}, {256, 257}, {0, 700}, {5, 700}, {511, 700}, {699, 700}} {
		text := m.text(m.receipt(at[0], at[1], m.sign(at[1], m.old)))
		list = append(list, m.holds(fmt.Sprintf("entry %d of %d", at[0], at[1]), text, at[0], at[1], justOld, justOld))
	}
	both, witnessed := m.sign(700, m.old, m.new), cosign(m.sign(700, m.old), 1795266000)
	rotated := m.text(m.receipt(699, 700, both))
	stranger := m.sign(700, m.old) + lineOf(m.sign(700, m.mean))
	plain := m.receipt(2, 700, m.sign(700, m.old))
	indented, err := json.MarshalIndent(plain, "", "  ")
	if err != nil {
		m.t.Fatal(err)
	}
	single := m.text(m.receipt(0, 1, m.sign(1, m.old)))
	return append(list,
		m.holds("during rotation, the old key known", rotated, 699, 700, justOld, justOld),
		m.holds("during rotation, the new key known", rotated, 699, 700, []string{"new"}, []string{"new"}),
		m.holds("during rotation, both keys known", rotated, 699, 700, []string{"new", "old"}, []string{"old", "new"}),
		m.holds("from before rotation, both keys known", m.text(plain), 2, 700, []string{"old", "new"}, justOld),
		m.holds("from after rotation, both keys known", m.text(m.receipt(2, 700, m.sign(700, m.new))), 2, 700, []string{"old", "new"}, []string{"new"}),
		m.holds("cosigned by a known witness", m.text(m.receipt(2, 700, witnessed)), 2, 700, []string{"old", "witness"}, justOld, "2026-11-21T13:00:00Z"),
		m.holds("cosigned by an unknown witness", m.text(m.receipt(2, 700, witnessed)), 2, 700, justOld, justOld),
		m.holds("a signature of an unknown key besides", m.text(m.receipt(2, 700, stranger)), 2, 700, justOld, justOld),
		m.holds("laid out for people, with escapes that JSON does not need", string(indented), 2, 700, justOld, justOld),
		m.holds("fields in another order", reordered(m.t, m.text(plain)), 2, 700, justOld, justOld),
		m.holds("no hashes in the proof, written null", strings.Replace(single, `"proof":[]`, `"proof":null`, 1), 0, 1, justOld, justOld),
	)
}

// reordered writes each object's fields from the last to the first.
func reordered(t testing.TB, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	var write func(v any) string
	write = func(v any) string {
		var parts []string
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				parts = append(parts, write(k)+" : "+write(e))
			}
			slices.SortFunc(parts, func(a, b string) int { return strings.Compare(b, a) })
			return "{" + strings.Join(parts, ",\n") + "}"
		case []any:
			for _, e := range v {
				parts = append(parts, write(e))
			}
			return "[" + strings.Join(parts, ", ") + "]"
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	return write(v)
}

func lineOf(checkpoint string) string { return checkpoint[strings.Index(checkpoint, "\n\n")+2:] }

func (m *maker) bad() (list []vector) {
	checkpoint := m.sign(700, m.old)
	good := m.text(m.receipt(5, 700, checkpoint)) // consent to a part: both answers are in it
	is := func(reason Reason, how, receipt string, keys ...string) {
		if len(keys) == 0 {
			keys = []string{"old"}
		}
		list = append(list, vector{Case: how, Reason: reason, Keys: keys, Receipt: receipt})
	}
	swap := func(reason Reason, how, old, new string) {
		m.t.Helper()
		changed := strings.Replace(good, old, new, 1)
		if changed == good {
			m.t.Fatalf("%s: nothing is changed", how)
		}
		is(reason, how, changed)
	}
	with := func(change func(r *Receipt)) string {
		r := m.receipt(5, 700, checkpoint)
		change(r)
		return m.text(r)
	}
	noted := func(note string) string { return with(func(r *Receipt) { r.Log.Checkpoint = note }) }

	swap(BadProof, "a refusal made a yes", `"allow":false`, `"allow":true`)
	swap(BadProof, "a yes made a refusal", `"allow":true`, `"allow":false`)
	swap(BadProof, "a preference made consent", `"in_use":false`, `"in_use":true`)
	swap(BadProof, "another time", "2026-11-21T12:00:05Z", "2026-11-21T12:00:06Z")
	swap(BadProof, "another version of the policy", `"version":"1.0"`, `"version":"1.1"`)
	is(BadProof, "an answer taken out", with(func(r *Receipt) {
		i := bytes.Index(r.Record, []byte(`{"allow":false,"category":"ads"`))
		j := i + bytes.IndexByte(r.Record[i:], '}') + 2
		r.Record = slices.Concat(r.Record[:i], r.Record[j:])
	}))
	is(BadProof, "another salt", with(func(r *Receipt) { r.Salt = base64.StdEncoding.EncodeToString(make([]byte, 16)) }))
	is(BadProof, "the record of another entry", with(func(r *Receipt) { r.Record = m.rows[10].Record }))
	is(BadProof, "another index", with(func(r *Receipt) { r.Log.Index = 4 }))
	is(BadProof, "a negative index", with(func(r *Receipt) { r.Log.Index = -5 }))
	is(BadProof, "an index of the log's size", with(func(r *Receipt) { r.Log.Index = 700 }))
	is(BadProof, "the index plus 2^32", with(func(r *Receipt) { r.Log.Index += 1 << 32 }))
	is(BadProof, "the proof without its last hash", with(func(r *Receipt) { r.Log.Proof = r.Log.Proof[:len(r.Log.Proof)-1] }))
	is(BadProof, "the proof without its first hash", with(func(r *Receipt) { r.Log.Proof = r.Log.Proof[1:] }))
	is(BadProof, "the proof with a hash more", with(func(r *Receipt) { r.Log.Proof = append(r.Log.Proof, r.Log.Proof[0]) }))
	is(BadProof, "two hashes of the proof exchanged", with(func(r *Receipt) { r.Log.Proof[0], r.Log.Proof[1] = r.Log.Proof[1], r.Log.Proof[0] }))
	is(BadProof, "no hashes in the proof", with(func(r *Receipt) { r.Log.Proof = nil }))
	is(BadProof, "a hash that is too short", with(func(r *Receipt) { r.Log.Proof[0] = "AAAA" }))
	is(BadProof, "a hash without its padding", with(func(r *Receipt) { r.Log.Proof[0] = strings.TrimSuffix(r.Log.Proof[0], "=") }))
	is(BadProof, "a hash with a line break in its base64", with(func(r *Receipt) { r.Log.Proof[0] = r.Log.Proof[0][:8] + "\n" + r.Log.Proof[0][8:] }))
	is(BadProof, "the checkpoint of a smaller log", noted(m.sign(257, m.old)))
	is(BadProof, "the checkpoint of an empty log", noted(m.sign(0, m.old)))

	is(BadSignature, "another root under the same signature", noted(strings.Replace(checkpoint, m.heads[700].Root.String(), m.heads[257].Root.String(), 1)))
	is(BadSignature, "another size under the same signature", noted(strings.Replace(checkpoint, "\n700\n", "\n701\n", 1)))
	is(BadSignature, "the signature of another checkpoint", noted(checkpoint[:strings.Index(checkpoint, "\n\n")+2]+lineOf(m.sign(257, m.old))))
	is(BadSignature, "the signature twice", noted(checkpoint+lineOf(checkpoint)))
	is(BadSignature, "during rotation, the second signature wrong", noted(checkpoint+lineOf(m.sign(257, m.new))), "old", "new")
	is(BadSignature, "a known witness's cosignature of another checkpoint", noted(checkpoint+lineOf(strings.Replace(cosign(m.sign(257, m.old), 1795266000), lineOf(m.sign(257, m.old)), "", 1))), "old", "witness")
	is(Unsigned, "signed by an unknown key", noted(m.sign(700, m.mean)))
	is(Unsigned, "signed by the new key, the old one known", noted(m.sign(700, m.new)))
	is(Unsigned, "cosigned by a known witness, signed by nobody", noted(strings.Replace(cosign(checkpoint, 1795266000), lineOf(checkpoint), "", 1)), "old", "witness")
	is(BadCheckpoint, "no signature", noted(strings.TrimSuffix(checkpoint, lineOf(checkpoint))))
	is(BadCheckpoint, "no empty line", noted(strings.Replace(checkpoint, "\n\n", "\n", 1)))
	is(BadCheckpoint, "no end of line", noted(strings.TrimSuffix(checkpoint, "\n")))
	is(BadCheckpoint, "lines ended as on Windows", noted(vectorOrigin+"\n"+strings.ReplaceAll(strings.TrimPrefix(checkpoint, vectorOrigin+"\n"), "\n", "\r\n")))
	is(BadCheckpoint, "a line more that the key has signed", noted(m.forged("\n700\n", "more\n")))
	is(BadCheckpoint, "a size with a zero in front that the key has signed", noted(m.forged("\n0700\n", "")))
	is(OtherLog, "of another log with the same secret", noted(m.signAs("other.example/.temoin/log")))
	is(OtherLog, "another origin written over this one", noted(strings.Replace(checkpoint, vectorOrigin, "other.example/.temoin/log", 1)))
	is(OtherLog, "the key of another log known", good, "other")
	is(OtherLog, "an empty checkpoint", noted(""))

	swap(BadRecord, "a field more in the record", `"code":`, `"bonus":true,"code":`)
	swap(BadRecord, "a field more in an answer", `"category":`, `"because":"x","category":`)
	swap(BadRecord, "a field of the record missing", `,"withdraw":"/.temoin/"`, "")
	swap(BadRecord, "a field of the record empty that may be missing", `"jurisdictions":`, `"imported":"","jurisdictions":`)
	swap(BadRecord, "a name in capitals", `"allow":true`, `"ALLOW":true`)
	swap(BadRecord, "a second answer under a name in capitals", `"allow":true`, `"allow":true,"Allow":true`)
	swap(BadRecord, "a number for an answer", `"allow":true`, `"allow":1`)
	is(BadRecord, "null for an empty list", strings.Replace(m.text(m.receipt(1, 700, checkpoint)), `"exceptions":[]`, `"exceptions":null`, 1))
	is(BadRecord, "a record that is a text", with(func(r *Receipt) { r.Record = json.RawMessage(`"x"`) }))
	is(BadSalt, "a salt that is too short", with(func(r *Receipt) { r.Salt = "AAAA" }))
	is(BadSalt, "a salt without its padding", with(func(r *Receipt) { r.Salt = strings.TrimRight(r.Salt, "=") }))
	is(BadSalt, "a salt with a line break in its base64", with(func(r *Receipt) { r.Salt = r.Salt[:4] + "\n" + r.Salt[4:] }))
	is(OtherFormat, "another format of the receipt", strings.Replace(good, ReceiptFormat, "temoin-receipt/2", 1))
	is(OtherFormat, "another format of the record", strings.Replace(good, Format, "temoin-record/2", 1))
	is(Pending, "no proof yet", with(func(r *Receipt) { r.Log = nil }))
	is(Unreadable, "a field more in the receipt", strings.Replace(good, `"salt":`, `"verdict":"all accepted","salt":`, 1))
	is(Unreadable, "the format under a name in capitals", strings.Replace(good, `{"format":`, `{"Format":`, 1))
	is(Unreadable, "an index that is a text", strings.Replace(good, `"index":5`, `"index":"5"`, 1))
	is(Unreadable, "an index with a fraction", strings.Replace(good, `"index":5`, `"index":5.0`, 1))
	is(Unreadable, "an index with an exponent", strings.Replace(good, `"index":5`, `"index":5e0`, 1))
	is(Unreadable, "another record before the record", strings.Replace(good, `"record":`, `"record":{},"record":`, 1))
	is(Unreadable, "another salt before the salt", strings.Replace(good, `"salt":`, `"salt":"AAAA","salt":`, 1))
	is(Unreadable, "a yes before a refusal, under the same name", strings.Replace(good, `"allow":false`, `"allow":true,"allow":false`, 1))
	is(Unreadable, "another action before the action, under the same name written with an escape", strings.Replace(good, `"action":`, `"\u0061ction":"accept","action":`, 1))
	is(Unreadable, "no checkpoint", strings.Replace(good, `"checkpoint":`, `"checked":`, 1))
	is(Unreadable, "cut short", good[:len(good)-1])
	is(Unreadable, "something behind it", good+"{}")
	is(Unreadable, "a list", "["+good+"]")
	is(Unreadable, "nothing", "")
	return list
}

// forged signs with the old key what no log signs.
func (m *maker) forged(size, more string) string {
	text := vectorOrigin + size + m.heads[700].Root.String() + "\n" + more
	return text + "\n" + signText(vectorOrigin, 1, 1, text, nil, "")
}

func (m *maker) signAs(origin string) string {
	m.t.Helper()
	key, err := m.old.For(origin)
	if err != nil {
		m.t.Fatal(err)
	}
	return m.sign(700, key)
}

// What a receipt says, as any reader of JSON sees it, but for signatures of the
// checkpoint that a verifier passes over.
func meaning(t testing.TB, b []byte) any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	log := v["log"].(map[string]any)
	log["checkpoint"], _, _ = strings.Cut(log["checkpoint"].(string), "\n\n")
	if p, _ := log["proof"].([]any); len(p) == 0 {
		log["proof"] = []any{}
	}
	return v
}

// unchanged fails the test for a receipt that verifies and says what none of the
// good ones does.
func unchanged(t testing.TB, v vectors, b []byte, trust ledger.Trust) {
	t.Helper()
	got, err := Verify(b, trust)
	if err != nil {
		if why := Why(err); why == "" || errors.Is(err, ErrNoProof) != (why == Pending) {
			t.Errorf("%v is %q", err, why)
		}
		return
	}
	for _, c := range v.Receipts {
		if c.Holds && *c.Index == got.Index && c.Size == got.Checkpoint.Size && reflect.DeepEqual(meaning(t, []byte(c.Receipt)), meaning(t, b)) {
			return
		}
	}
	t.Errorf("a changed receipt verifies:\n%s", b)
}

func TestNoByteOfAReceiptCanChangeUnnoticed(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	trust := v.trust(t, "old", "new", "witness")
	i := slices.IndexFunc(v.Receipts, func(c vector) bool { return c.Case == "entry 1 of 2" })
	receipt := v.Receipts[i].Receipt
	for i := range len(receipt) {
		b := []byte(receipt)
		for _, bit := range []byte{1, 0x20} { // 0x20 is the case of a letter
			b[i] ^= bit
			unchanged(t, v, b, trust)
			b[i] ^= bit
		}
		unchanged(t, v, slices.Delete(slices.Clone(b), i, i+1), trust)
		for _, more := range []string{" ", `\n`} {
			unchanged(t, v, slices.Insert(slices.Clone(b), i, []byte(more)...), trust)
		}
	}
}

func TestAReceiptThatIsTooLongIsNotRead(t *testing.T) {
	v := readVectors(t)
	trust := v.trust(t, "old")
	long := []byte(v.Receipts[0].Receipt + strings.Repeat(" ", maxReceipt))
	if _, err := Verify(long, trust); err == nil || Why(err) != Unreadable {
		t.Errorf("%v", err)
	}
}

func FuzzVerify(f *testing.F) {
	v := readVectors(f)
	for _, c := range v.Receipts {
		f.Add([]byte(c.Receipt))
	}
	trust := v.trust(f, "old", "new", "witness")
	f.Fuzz(func(t *testing.T, b []byte) { unchanged(t, v, b, trust) })
}

func BenchmarkVerify(b *testing.B) {
	v := readVectors(b)
	trust, receipt := v.trust(b, "old"), []byte(v.Receipts[9].Receipt)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Verify(receipt, trust); err != nil {
			b.Fatal(err)
		}
	}
}
