package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The shapes of testdata/vectors.json, which testdata/README.md explains. Bytes
// are in base64.
type vectors struct {
	Entries      []vectorEntry       `json:"entries"`
	Roots        []vectorHead        `json:"roots"`
	Inclusion    []vectorInclusion   `json:"inclusion"`
	Consistency  []vectorConsistency `json:"consistency"`
	Tiles        []vectorTile        `json:"tiles"`
	Paths        []vectorPath        `json:"paths"`
	PathsRefused []string            `json:"pathsRefused"`
	Keys         map[string]string   `json:"keys"`
	Checkpoints  []vectorCheckpoint  `json:"checkpoints"`
	Cosignatures []vectorCosignature `json:"cosignatures"`
	Secret       string              `json:"secret"`
}

type vectorEntry struct {
	Salt   []byte `json:"salt"`
	Record string `json:"record"`
	Entry  []byte `json:"entry"`
	Leaf   Hash   `json:"leaf"`
}

type vectorHead struct {
	Size int64 `json:"size"`
	Root Hash  `json:"root"`
}

type vectorInclusion struct {
	Case  string `json:"case"`
	Holds bool   `json:"holds"`
	vectorHead
	Index int64  `json:"index"`
	Entry []byte `json:"entry"`
	Proof []Hash `json:"proof"`
}

type vectorConsistency struct {
	Case  string     `json:"case"`
	Holds bool       `json:"holds"`
	Old   vectorHead `json:"old"`
	New   vectorHead `json:"new"`
	Proof []Hash     `json:"proof"`
}

type vectorTile struct {
	Path   string `json:"path"`
	Bytes  int    `json:"bytes"`
	SHA256 []byte `json:"sha256"`
}

type vectorPath struct {
	Path  string `json:"path"`
	Level int    `json:"level"`
	Index int64  `json:"index"`
	Width int    `json:"width"`
}

type vectorCheckpoint struct {
	Case      string   `json:"case"`
	Holds     bool     `json:"holds"`
	Note      string   `json:"note"`
	SignedBy  []string `json:"signedBy,omitempty"`
	Witnessed []string `json:"witnessed,omitempty"`
	vectorHead
}

type vectorCosignature struct {
	Case  string `json:"case"`
	Holds bool   `json:"holds"`
	Note  string `json:"note"`
	Line  string `json:"line"`
}

const vectorsFile = "testdata/vectors.json"

func TestTheVectorsAreFresh(t *testing.T) {
	want, err := json.MarshalIndent(makeVectors(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(vectorsFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(vectorsFile); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not fresh: go test ./internal/ledger -update (%v)\n%.2000s", vectorsFile, err, cmp.Diff(string(got), string(want)))
	}
}

// biggest is the size that c2sp.org/tlog-tiles takes for its example: two full
// levels of tiles begin with it, and a third.
const biggest = 70000

func makeVectors(t *testing.T) vectors {
	s, e := grown(t, biggest)
	m := maker{t, s, e.Head()}
	v := vectors{PathsRefused: slices.DeleteFunc(slices.Clone(badPaths), func(s string) bool { return len(s) > 100 })}
	for i := range 8 {
		one, id := entry(i), salt(i)
		v.Entries = append(v.Entries, vectorEntry{id[:], string(record(i)), one[:], one.Leaf()})
	}
	for _, size := range []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 255, 256, 257, 700, 65536, 65537, biggest} {
		v.Roots = append(v.Roots, m.head(size))
	}
	v.Inclusion, v.Consistency = m.inclusion(), m.consistency()
	v.Tiles = m.tiles()
	for _, text := range slices.Sorted(maps.Keys(paths)) {
		p := paths[text]
		v.Paths = append(v.Paths, vectorPath{text, p.Level, p.Index, p.Width})
	}
	m.notes(&v)
	return v
}

// A maker makes vectors from a log.
type maker struct {
	t    *testing.T
	s    shelf
	last Head
}

func (m maker) head(size int64) vectorHead {
	m.t.Helper()
	h, _, err := Consistency(m.last, size, m.s)
	if err != nil {
		m.t.Fatal(err)
	}
	return vectorHead(h)
}

func (m maker) inclusion() (list []vectorInclusion) {
	for _, at := range [][2]int64{{1, 0}, {2, 1}, {3, 2}, {7, 3}, {8, 5}, {256, 255}, {257, 256}, {700, 300}, {65537, 65536}, {biggest, 0}, {biggest, 69999}} {
		head, one := m.head(at[0]), entry(int(at[1]))
		proof, err := Inclusion(Head(head), at[1], one, m.s)
		if err != nil {
			m.t.Fatal(err)
		}
		list = append(list, vectorInclusion{"as it is", true, head, at[1], one[:], proof})
	}
	good := list[7]
	other := entry(301)
	return append(list,
		good.but("another entry", func(v *vectorInclusion) { v.Entry = other[:] }),
		good.but("the next index", func(v *vectorInclusion) { v.Index++ }),
		good.but("another size", func(v *vectorInclusion) { v.Size = 2 * v.Size }),
		good.but("the root of another size", func(v *vectorInclusion) { v.Root = m.head(701).Root }),
		good.but("an index outside of the log", func(v *vectorInclusion) { v.Index = v.Size }),
		good.but("the last hash missing", func(v *vectorInclusion) { v.Proof = v.Proof[:len(v.Proof)-1] }),
		good.but("a hash too many", func(v *vectorInclusion) { v.Proof = append(v.Proof, v.Root) }),
		good.but("two hashes exchanged", func(v *vectorInclusion) { v.Proof[0], v.Proof[1] = v.Proof[1], v.Proof[0] }),
		good.but("the leaf's hash in place of the entry", func(v *vectorInclusion) { leaf := entry(300).Leaf(); v.Entry = leaf[:] }),
	)
}

func (v vectorInclusion) but(how string, change func(*vectorInclusion)) vectorInclusion {
	v.Case, v.Holds, v.Proof = how, false, slices.Clone(v.Proof)
	change(&v)
	return v
}

func (m maker) consistency() (list []vectorConsistency) {
	for _, at := range [][2]int64{{0, 700}, {1, 1}, {1, 2}, {3, 7}, {4, 8}, {6, 8}, {255, 256}, {256, 700}, {300, 700}, {65536, biggest}, {257, biggest}} {
		old, proof, err := Consistency(Head(m.head(at[1])), at[0], m.s)
		if err != nil {
			m.t.Fatal(err)
		}
		list = append(list, vectorConsistency{"as it is", true, vectorHead(old), m.head(at[1]), proof})
	}
	good := list[8]
	return append(list,
		good.but("another old root", func(v *vectorConsistency) { v.Old.Root = m.head(299).Root }),
		good.but("another new root", func(v *vectorConsistency) { v.New.Root = m.head(701).Root }),
		good.but("another old size", func(v *vectorConsistency) { v.Old.Size++ }),
		good.but("backwards", func(v *vectorConsistency) { v.Old, v.New = v.New, v.Old }),
		good.but("the first hash missing", func(v *vectorConsistency) { v.Proof = v.Proof[1:] }),
		good.but("a hash too many", func(v *vectorConsistency) { v.Proof = append(v.Proof, v.New.Root) }),
		good.but("a fork: the same size and another root", func(v *vectorConsistency) { v.Old, v.Proof = vectorHead{700, m.head(701).Root}, []Hash{} }),
	)
}

func (v vectorConsistency) but(how string, change func(*vectorConsistency)) vectorConsistency {
	v.Case, v.Holds, v.Proof = how, false, slices.Clone(v.Proof)
	change(&v)
	return v
}

// tiles lists the first and the last of each level of the biggest log, and two bundles.
func (m maker) tiles() (list []vectorTile) {
	for _, text := range []string{"tile/0/000", "tile/0/272", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"} {
		p, err := ParsePath(text)
		row, _ := m.s.Tile(p.Level, p.Index)
		data, err2 := Cut(row, p.Width)
		if err := errors.Join(err, err2); err != nil {
			m.t.Fatal(err)
		}
		list = append(list, newVectorTile(text, data))
	}
	return append(list,
		newVectorTile("tile/entries/000", Bundle(entries(0, 256))),
		newVectorTile("tile/entries/273.p/112", Bundle(entries(273*256, biggest))))
}

func newVectorTile(path string, data []byte) vectorTile {
	sum := sha256.Sum256(data)
	return vectorTile{path, len(data), sum[:]}
}

// notes makes the keys and what they sign.
func (m maker) notes(v *vectors) {
	old, next, w, stranger := seeded(m.t, origin, 1), seeded(m.t, origin, 2), newCosigner("witness.example/w1", 3), newCosigner("witness.example/w1", 4)
	v.Secret = old.Secret()
	v.Keys = map[string]string{"old": old.Verifier().String(), "new": next.Verifier().String(), "witness": w.witness().String()}
	trust := Trust{origin, []Verifier{old.Verifier(), next.Verifier()}, []Witness{w.witness()}}
	head := m.head(700)
	signed := func(keys ...Key) string {
		msg, err := Sign(Head(head), keys...)
		if err != nil {
			m.t.Fatal(err)
		}
		return string(msg)
	}
	plain, line := signed(old), string(w.line([]byte(signed(old)), 1795262400))
	cosigned, err := trust.AddCosignature([]byte(plain), []byte(line))
	if err != nil {
		m.t.Fatal(err)
	}
	unknown := signed(seeded(m.t, origin, 5))
	lineOf := func(msg string) string { return msg[strings.Index(msg, "\n\n")+2:] }
	empty, err1 := Sign(Empty(), old)
	ofNext, err2 := Sign(Empty(), next)
	if err := errors.Join(err1, err2); err != nil {
		m.t.Fatal(err)
	}
	is := func(how string, h vectorHead, note string, by ...string) vectorCheckpoint {
		return vectorCheckpoint{Case: how, Holds: true, Note: note, SignedBy: by, vectorHead: h}
	}
	not := func(how, note string) vectorCheckpoint { return vectorCheckpoint{Case: how, Note: note} }
	witnessed := is("cosigned by the witness", head, string(cosigned), "old")
	witnessed.Witnessed = []string{"2026-11-21T12:00:00Z"}
	v.Checkpoints = []vectorCheckpoint{
		is("signed by the old key", head, plain, "old"),
		is("signed by the new key", head, signed(next), "new"),
		is("signed by both", head, signed(old, next), "old", "new"),
		is("an empty log", vectorHead(Empty()), string(empty), "old"),
		is("a signature of an unknown key besides", head, plain+lineOf(unknown), "old"),
		witnessed,
		not("signed by an unknown key only", unknown),
		not("cosigned, but not signed by the log", plain[:strings.Index(plain, "\n\n")+2]+line),
		not("of another log", signed(seeded(m.t, "other.example/log", 1))),
		not("another size under the same signature", strings.Replace(plain, "\n700\n", "\n701\n", 1)),
		not("an extension line", strings.Replace(plain, "\n\n", "\nmore\n\n", 1)),
		not("the signature twice", plain+lineOf(plain)),
		not("a wrong signature of a known key besides", plain+lineOf(string(ofNext))),
		not("no end of line", strings.TrimSuffix(plain, "\n")),
	}
	v.Cosignatures = []vectorCosignature{
		{"of the witness", true, plain, line},
		{"of another with the same name", false, plain, string(stranger.line([]byte(plain), 1795262400))},
		{"of another checkpoint", false, plain, string(w.line(empty, 1795262400))},
		{"a second of the same witness", false, string(cosigned), string(w.line([]byte(plain), 1795266000))},
		{"without a time", false, plain, string(w.line([]byte(plain), 0))},
	}
}

// What a verifier by others would do with the file.
func TestTheVectorsVerify(t *testing.T) {
	data, err := os.ReadFile(vectorsFile)
	var v vectors
	if err := errors.Join(err, json.Unmarshal(data, &v)); err != nil {
		t.Fatal(err)
	}
	for i, e := range v.Entries {
		if got := NewEntry(Salt(e.Salt), []byte(e.Record)); !bytes.Equal(got[:], e.Entry) || got.Leaf() != e.Leaf {
			t.Errorf("entry %d: %x", i, got)
		}
	}
	for _, c := range v.Inclusion {
		if err := VerifyInclusion(Head(c.vectorHead), c.Index, Entry(c.Entry), c.Proof); c.Holds != (err == nil) {
			t.Errorf("inclusion of %d in %d, %s: %v", c.Index, c.Size, c.Case, err)
		}
	}
	for _, c := range v.Consistency {
		if err := VerifyConsistency(Head(c.Old), Head(c.New), c.Proof); c.Holds != (err == nil) {
			t.Errorf("consistency from %d to %d, %s: %v", c.Old.Size, c.New.Size, c.Case, err)
		}
	}
	verifyNotes(t, v)
}

func verifyNotes(t *testing.T, v vectors) {
	before, err1 := ParseVerifier(v.Keys["old"])
	after, err2 := ParseVerifier(v.Keys["new"])
	w, err3 := ParseWitness(v.Keys["witness"])
	k, err4 := ParseKey(v.Secret)
	if err := errors.Join(err1, err2, err3, err4); err != nil || k.Verifier() != before {
		t.Fatal(err)
	}
	trust := Trust{origin, []Verifier{before, after}, []Witness{w}}
	names := map[Verifier]string{before: "old", after: "new"}
	for _, c := range v.Checkpoints {
		got, err := trust.Open([]byte(c.Note))
		var by, witnessed []string
		for _, k := range got.Keys {
			by = append(by, names[k])
		}
		for _, c := range got.Cosignatures {
			witnessed = append(witnessed, c.Time.Format("2006-01-02T15:04:05Z07:00"))
		}
		if c.Holds != (err == nil) || got.Head != Head(c.vectorHead) || !slices.Equal(by, c.SignedBy) || !slices.Equal(witnessed, c.Witnessed) {
			t.Errorf("checkpoint %s: %+v, %v", c.Case, got, err)
		}
	}
	for _, c := range v.Cosignatures {
		if _, err := trust.AddCosignature([]byte(c.Note), []byte(c.Line)); c.Holds != (err == nil) {
			t.Errorf("cosignature %s: %v", c.Case, err)
		}
	}
}

// The readme is all that a verifier by others needs: it must speak of every field.
func TestTheReadmeExplainsEveryFieldOfTheVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/README.md")
	data, err2 := os.ReadFile(vectorsFile)
	var v map[string]any
	if err := errors.Join(err, err2, json.Unmarshal(data, &v)); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(x any) {
		switch x := x.(type) {
		case map[string]any:
			for name, inner := range x {
				if !strings.Contains(string(text), "`"+name+"`") {
					t.Errorf("testdata/README.md does not explain `%s`", name)
				}
				walk(inner)
			}
		case []any:
			for _, inner := range x {
				walk(inner)
			}
		}
	}
	walk(v)
	// The salt's rule is in the readme; it is the one that the tests use.
	if s := salt(0); !strings.Contains(string(text), base64.StdEncoding.EncodeToString(s[:])) {
		t.Error("testdata/README.md does not show the salt of entry 0")
	}
}
