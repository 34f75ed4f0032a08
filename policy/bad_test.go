package policy

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Each file in testdata/bad is a manifest with one kind of mistake; the .txt
// beside it is what a person reads. Its first line says whether the JSON Schema
// sees the mistake too: "schema: refuses" or "schema: cannot see it".
func TestEveryBadManifestIsRefusedWithItsMessage(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	schema := compileSchema(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse("site.yaml", src)
			if err == nil {
				t.Fatal("was taken for a site")
			}
			sees := "schema: cannot see it"
			if schemaRefuses(t, schema, src) {
				sees = "schema: refuses"
			}
			compareGolden(t, strings.TrimSuffix(file, ".yaml")+".txt", sees+"\n"+err.Error()+"\n")
		})
	}
}

func compareGolden(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", golden, diff)
	}
}

func compileSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(SchemaID, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(SchemaID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// schemaRefuses reports whether an editor with the schema would object: to YAML
// that cannot be read too.
func schemaRefuses(t *testing.T, schema *jsonschema.Schema, src []byte) bool {
	t.Helper()
	var doc yaml.Node
	if yaml.Load(src, &doc) != nil || len(doc.Content) == 0 || len(src) > 100_000 {
		return true
	}
	value, ok := plain(&doc, 0)
	if !ok {
		return true
	}
	b, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(v) != nil
}

// plain is the value that an editor hands to the schema; false where aliases
// or depth make it no finite one.
func plain(n *yaml.Node, depth int) (any, bool) {
	if depth > 40 {
		return nil, false
	}
	switch n.Kind {
	case yaml.AliasNode:
		return plain(n.Alias, depth+1)
	case yaml.DocumentNode:
		return plain(n.Content[0], depth+1)
	case yaml.SequenceNode:
		list := []any{}
		for _, e := range n.Content {
			v, ok := plain(e, depth+1)
			if !ok {
				return nil, false
			}
			list = append(list, v)
		}
		return list, true
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			v, ok := plain(n.Content[i+1], depth+1)
			if _, twice := m[n.Content[i].Value]; twice || !ok {
				return nil, false
			}
			m[n.Content[i].Value] = v
		}
		return m, true
	}
	switch n.Tag {
	case "!!int":
		return json.Number(n.Value), true
	case "!!float":
		return json.Number(n.Value), true
	case "!!bool":
		return n.Value == "true", true
	case "!!null":
		return nil, true
	}
	return n.Value, true
}

func TestTheSchemaAcceptsTheExamples(t *testing.T) {
	schema := compileSchema(t)
	files, err := filepath.Glob("../examples/*/site*.yaml")
	if err != nil || len(files) < 6 {
		t.Fatal(err, files)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if schemaRefuses(t, schema, src) {
			t.Errorf("%s: refused by the schema", file)
		}
		if _, err := Parse(file, src); err != nil {
			t.Errorf("%s:\n%v", file, err)
		}
	}
}

// Mistakes that are too large to keep as files.
func TestHugeManifestsAreRefusedAtOnce(t *testing.T) {
	laughs := "temoin: 1\na: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'j'; c++ {
		p := string(c - 1)
		laughs += string(c) + ": &" + string(c) + " [*" + strings.Repeat(p+", *", 8) + p + "]\n"
	}
	inTexts := strings.Replace(laughs, "temoin: 1\n", base, 1)
	longID := func(i int) string { return strings.Repeat("abcdefgh", 7) + strconv.Itoa(i) }
	for name, src := range map[string][]byte{
		"no category": []byte(strings.Replace(base, "{necessary: {exempt: true}}", "{"+repeated(1990, func(i int) string {
			return longID(i) + ": {needs: consent}"
		})+"}", 1) + "trackers: [" + repeated(1990, func(i int) string {
			return "{name: x" + strconv.Itoa(i) + ", category: " + longID(i+5000) + "}"
		}) + "]\n"),
		"more than 2000 trackers together": []byte(base + "services: [" + repeated(1000, func(i int) string {
			return "{id: s" + strconv.Itoa(i) + ", name: S, category: necessary, trackers: [" + repeated(10, func(j int) string {
				return fmt.Sprintf("{name: _ga_%d_%d*}", i, j)
			}) + "]}"
		}) + "]\n"),
		"or 1048576 bytes of them": []byte(base + "page: {title: &x \"" + strings.Repeat("words ", 3000) + "\"}\nbrowsers: {" + repeated(100, func(i int) string {
			return "b" + strconv.Itoa(i) + ": {name: x, text: *x}"
		}) + "}\n"),
		"is 52428800 bytes long":                      bytes.Repeat([]byte("# fifty megabytes of it\n12345678\n"), 50<<20/33+1)[:50<<20],
		"more than 100000 values, or 1048576 bytes":   []byte(base + aliasBomb()),
		"is nested thousands of levels deep":          []byte(base + "page: " + strings.Repeat("[", 20_000)),
		"expected the page's own words, found a list": []byte(base + "page: " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "\n"),
		`unknown field "a"`:                           []byte(inTexts),
		"has 2001 elements, more than 2000":           []byte(base + "trackers:\n" + strings.Repeat("  - {name: x, category: necessary}\n", 2001)),
		"is not a host":                               []byte(base + "services: [{id: a, name: A, category: necessary, hosts: [x.example/" + strings.Repeat("a", 400) + "]}]\n"),
		"has 2001 keys, more than 2000": []byte(strings.Replace(base, "{necessary: {exempt: true}}", "{necessary: {exempt: true}, "+repeated(2000, func(i int) string {
			return "c" + strconv.Itoa(i) + ": {needs: consent}"
		})+"}", 1)),
		"is 20001 bytes long, more than": []byte(base + "page: {title: \"" + strings.Repeat("x", 20001) + "\"}\n"),
	} {
		start := time.Now()
		_, err := Parse("site.yaml", src)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("want %q, got: %.300v", name, err)
		}
		// A bound that is missing costs minutes; a busy machine, seconds.
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%q took %v", name, took)
		}
	}
}

// repeated writes n elements of a list.
func repeated(n int, element func(int) string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = element(i)
	}
	return strings.Join(all, ", ")
}

func TestAManifestMayBeAsLongAsTheLimitSays(t *testing.T) {
	src := base + "# "
	src += strings.Repeat("x", MaxSize-len(src))
	if _, err := Parse("site.yaml", []byte(src)); err != nil {
		t.Error(err)
	}
	if _, err := Parse("site.yaml", []byte("\ufeff"+src)); err != nil {
		t.Errorf("the byte order mark counts: %v", err)
	}
	if _, err := Parse("site.yaml", []byte(src+"x")); err == nil {
		t.Error("a byte more is taken for a site")
	}
}

func TestAPeriodMayBeAsLongAsTheLimitSays(t *testing.T) {
	for _, s := range []string{"100 years", "1200 months"} {
		if _, err := ParsePeriod(s); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatAMessageQuotesStaysShortAndOnItsLine(t *testing.T) {
	for in, want := range map[string]string{
		"one\ntwo": "one…", strings.Repeat("é", 60): strings.Repeat("é", 60), strings.Repeat("é", 61): strings.Repeat("é", 60) + "…",
	} {
		if got := shorten(in); got != want {
			t.Errorf("%q is quoted as %q", in, got)
		}
	}
}

func TestAKeyIsAnsweredHoweverItIsWritten(t *testing.T) {
	for line, want := range map[string]string{
		"trackers: [{name: a, category: necessary, Storage: localStorage}]": `did you mean "kind"?`,
		"\"<<\": {}": `unknown field "<<"`,
		"<<: {}":     "merge keys (<<) are not read",
	} {
		_, err := Parse("site.yaml", []byte(base+line+"\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}

// Whatever ends a line for YAML and not for an editor would move every place
// behind it.
func TestNoStrayEndOfALineIsTakenForText(t *testing.T) {
	for _, r := range "\r\u0085\u2028\u2029" {
		_, err := Parse("site.yaml", []byte(base+"# one\n# two"+string(r)+" three\n"))
		if err == nil || !strings.HasPrefix(err.Error(), "site.yaml:8:1: holds ") {
			t.Errorf("%U: %v", r, err)
		}
	}
}

const base = "temoin: 1\nsite: a\nname: A\nurl: https://a.example\nlanguages: [en]\ncategories: {necessary: {exempt: true}}\n"

// aliasBomb is a list that aliases multiply to more values than are read.
func aliasBomb() string {
	var b strings.Builder
	b.WriteString("services:\n  - id: a\n    recipients: &r\n")
	for range 1000 {
		b.WriteString("      - {name: x, country: FR}\n")
	}
	for range 200 {
		b.WriteString("  - {id: a, recipients: *r}\n")
	}
	return b.String()
}

func TestWhatStandsBehindTheLimitOfProblemsIsCounted(t *testing.T) {
	src := base + "trackers:\n" + strings.Repeat("  - {nme: x}\n", 150)
	_, err := Parse("site.yaml", []byte(src))
	ps := err.(*Problems)
	if len(ps.List) != maxProblems || ps.More == 0 || !strings.HasSuffix(err.Error(), "more") {
		t.Errorf("%d listed, %d more", len(ps.List), ps.More)
	}
}

func TestASlipIsOneLetterOrTwoAway(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"lasts", "lasts", 0}, {"lasts", "lats", 1}, {"lasts", "lastz", 1}, {"lasts", "latss", 1}, {"lasts", "xlasts", 1},
		{"analitycs", "analytics", 2}, {"", "abc", 3}, {"abc", "", 3}, {"ca", "abc", 3},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
	if got := nearest("lien", []string{"en", "fr"}); got != "" {
		t.Errorf("%q is all that is left of another word", got)
	}
	known := []string{"analytics", "advertising", "necessary"}
	for word, want := range map[string]string{"analitycs": "analytics", "Advertizing": "advertising", "zzz": "", "": "", strings.Repeat("analytics", 10): ""} {
		if got := nearest(word, known); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
