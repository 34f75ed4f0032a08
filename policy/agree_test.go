package policy

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// forms are the ways in which single values are written, each with a field that
// is written so and values to begin from. Where the schema cannot say all that
// Parse asks, it must at least take what Parse takes.
var forms = []struct {
	path  string
	loose string // why the schema takes more
	seeds []string
}{
	{"name", "", []string{"Cexro OCR", " a  b ", "é", "1", "", " ", "a\u200bb", "a\nb", "\u00a0"}},
	{"site", "", []string{"cexro", "a-b-2", " a ", "A", "a--b", "-a", "a-", strings.Repeat("a", 64), strings.Repeat("a", 65)}},
	{"temoin", "", []string{"1", "0", "2", "01", "+1", "-1", "1.0", "10"}},
	{"public.consent_age", "", []string{"13", "16", "12", "17", "013", "+15", "105", "1"}},
	{"audience.threshold", "", []string{"0", "00", "-0", "10", "999", "1000", "1001", "9999"}},
	{"categories.revision", "", []string{"0", "1048576", "1048577", "999999", "1048580", "104857"}},
	{"audience.opt_out", "", []string{"true", "false", "True", "FALSE", "yes", "no", "tRUE", " true"}},
	{"logs.kept", "", []string{"13 months", "13 Months", "1 YEAR", "72h", "5  min", " 1 d ", "1\nday", "0 days", "007 weeks", "100 years", "101 years", "1200 months", "1201 months",
		"10000 years", "5217 weeks", "5218 weeks", "36524 days", "36525 days", "876582 hours", "876583 hours", "52594920 minutes", "52594921 minutes", "3155695200 s", "3155695201 s", "1 m", "1 mins", "years", "1.5 years"}},
	{"proof.kept", "", []string{"5 years after expiry", "5 years", "1 day  after expiry ", "5 years after  expiry", "after expiry", "5 years after", "101 years after expiry"}},
	{"trackers.lasts", "", []string{"session", "until-deleted", "13 months", "Session", " session ", "1 Year", "101 years", "sessions", "13months"}},
	{"policy.updated", "", []string{"2026-05-20", "2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "0000-01-01", "0001-01-01", "2026-04-31", "2026-13-01", "2026-00-10", "2026-1-1", " 2026-05-20\n"}},
	{"controller.country", "", []string{"FR", "RE", "ZZ", "fr", "DA", "F", " FR", "NO"}},
	{"controller.siren", "", []string{"940163496", "940 163 496", " 9 4 0 1 6 3 4 9 6 ", "94016349", "9401634960", "94016349a"}},
	{"controller.email", "", []string{"dpo@example.com", "a.b@c.d.e", "é@example.fr", "a@b", "a..b@c.d", ".a@c.d", "a@c.d.", "a b@c.d", "<a@c.d>", "a@[1.2.3.4]", "\"a\"@c.d", "a@c@d.e", "o'x+y=z@c.d"}},
	{"hosts", "", []string{"www.example.com", "a_b.example", "a_", "_a", "a-", "-a", "*.a.b", "A.b", "a..b", "1.2", "a/b", strings.Repeat("a", 63) + ".fr", strings.Repeat("a", 64) + ".fr", strings.Repeat("a.", 126) + "a", strings.Repeat("a.", 126) + "ab"}},
	{"trackers.domain", "", []string{".example.com", "example.com", "..a", "a_.b", ".", "-a.b"}},
	{"trackers.name", "", []string{"_ga_*", "a*b*", "*", "a b", " a ", "", "é", "a\u202eb", strings.Repeat("a", 256), strings.Repeat("a", 257)}},
	{"trackers.path", "", []string{"/", "/app", "app", "/a;b", "/a b", "/a,b", " /a ", "/a\tb"}},
	{"choice.cookie", "", []string{"cookie_consent", "a b", "a;b", "`|~", "1", strings.Repeat("a", 128), strings.Repeat("a", 129), " a "}},
	{"services.paths", "", []string{"/checkout", "/", "checkout", "/a?b", "/a#b", "/a*", "/a b", " /a ", "/" + strings.Repeat("a", 199), "/" + strings.Repeat("a", 200)}},
	{"choice.scope", "", []string{"device", "account", "Device", " device"}},
	{"page.title", "control characters", []string{"Cookies", "", " ", "\u00a0", "a\u200eb", "a\nb", "\a"}},
	{"links.privacy", "what makes an address", []string{"/privacy", "/", "//a", "https://a.example/x", "HTTPS://a.example", "http:/a", "https://", "ftp://a", "https://u:p@a.example"}},
	{"url", "what makes an address", []string{"https://example.com/", "http://a", "HTTPS://A.example", "https://", "/a", "https://a b", "https://u@a.example"}},
	{"choice.reopen.path", "what makes an address", []string{"/settings/privacy", "/", "//a", "a", "/a b"}},
	{"services.hosts", "the suffixes under which names are registered", []string{"js.stripe.com", "*.stripe.com", "a.b/c/", "*.com", "a_.b/", "a/b?c", "A.b", "a/\u200b", " a.b", strings.Repeat("a", 64) + ".fr"}},
}

// shapeAt returns the shape of a single value at a field.
func shapeAt(t *testing.T, path string) shape {
	t.Helper()
	s := (&Site{}).shape()
	for key := range strings.SplitSeq(path, ".") {
		i := 0
		fields := s.fields()
		for i < len(fields) && fields[i].key != key {
			i++
		}
		if i == len(fields) {
			t.Fatalf("no field %s in %s", key, path)
		}
		s = fields[i].shape
	}
	for {
		switch form := s.(type) {
		case eitherShape:
			s = form.scalar
		case interface{ one() shape }:
			s = form.one()
		default:
			return s
		}
	}
}

// letters are what generated values are made of: of each sort that a form tells
// from others.
var letters = []rune("abcxyzAMZ0123456789 -_.*/@:;,?#<>[]\"'%+=~`|\n\t\u00a0\u200b\u202eé")

// mutated changes a value in one to three places.
func mutated(r *rand.Rand, s string) string {
	runes := []rune(s)
	for range 1 + r.IntN(3) {
		at, letter := r.IntN(len(runes)+1), letters[r.IntN(len(letters))]
		switch r.IntN(3) {
		case 0:
			runes = append(runes[:at:at], append([]rune{letter}, runes[at:]...)...)
		case 1:
			if at < len(runes) {
				runes[at] = letter
			}
		case 2:
			if at < len(runes) {
				runes = append(runes[:at:at], runes[at+1:]...)
			}
		}
	}
	return string(runes)
}

func TestSchemaAndParserAgreeOnEverySingleValue(t *testing.T) {
	const generated = 1500
	for i, form := range forms {
		t.Run(form.path, func(t *testing.T) {
			t.Parallel()
			value := shapeAt(t, form.path) // of each value, the last one stays: nobody looks
			accepts := schemaOf(t, value)
			r := rand.New(rand.NewPCG(1, uint64(i)))
			values := form.seeds
			for range generated {
				values = append(values, mutated(r, form.seeds[r.IntN(len(form.seeds))]))
			}
			taken, disagreed := 0, 0
			for _, v := range values {
				parser, schema := parserTakes(value, v), accepts(v)
				if parser {
					taken++
				}
				if parser == schema || schema && form.loose != "" || ambiguous(v) {
					continue
				}
				if disagreed++; disagreed <= 5 {
					t.Errorf("%q: Parse takes it: %v, the schema: %v", v, parser, schema)
				}
			}
			if taken == 0 || taken == len(values) {
				t.Errorf("%d of %d values are taken", taken, len(values))
			}
		})
	}
}

// ambiguous reports values near a limit of length, which the parser counts in
// bytes or without the spaces around, and the schema in characters and with them.
func ambiguous(v string) bool {
	return len(v) > 60 && (strings.TrimSpace(v) != v || utf8.RuneCountInString(v) != len(v))
}

// parserTakes reports whether the parser reads a quoted value.
func parserTakes(s shape, value string) bool {
	d := &decoder{file: "value", positions: map[string]fieldPosition{}}
	d.read(s, nil, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: value}, "value")
	return len(d.problems) == 0
}

// schemaOf returns whether a text is valid against the schema of a shape.
func schemaOf(t *testing.T, s shape) func(string) bool {
	t.Helper()
	b := &schemaBuilder{defs: map[string]any{}}
	root := cloneSchema(s.schema(b))
	root["$defs"] = b.defs
	raw, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("value.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("value.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(value string) bool { return compiled.Validate(value) == nil }
}

// What YAML takes for a number or a truth value is one to an editor, and a text
// to Parse.
func TestSchemaAndParserAgreeOnWhatYAMLTakesForSomethingElse(t *testing.T) {
	schema := compileSchema(t)
	for _, line := range []string{
		"name: 1", "name: 1.5", "name: true", "controller: {siren: 732829320}", "controller: {siren: 73282932}", "controller: {country: NO}",
		"trackers: [{name: 1, category: necessary, secure: TRUE}]", "trackers: [{name: true, category: necessary, secure: \"true\"}]", "trackers: [{name: x, category: necessary, secure: yes}]",
		"choice: {cookie: 12}", "policy: {version: 1.0}", "policy: {updated: 2026-05-20}", "temoin: \"1\"", "temoin: 2", "temoin: true",
		"logs: {kept: 12}", "logs: {kept: true}", "trackers: [{name: x, category: necessary, lasts: {}}]", "trackers: [{name: x, category: necessary, lasts: {remember-me: 1 day}}]",
		"categories: {}", "languages: []", "promises: [no-pixels, {id: ours, text: Ours.}]", "promises: [nothing-known]", "services: [{use: stripe, category: necessary}]", "services: [{use: nothing, category: necessary}]",
		"languages: [en, fr, fr]", "languages: [en, fr]", "hosts: [b.example, b.example]", "hosts: b.example", "trackers: [{}]", "trackers: [{category: necessary}]", "trackers: [{label: The session, category: necessary}]",
		"services: [{id: a, name: A, category: necessary, trackers: [{}]}]", "services: [{id: a, name: A, category: necessary, trackers: [{name: b}]}]", "services: [{}]", "services: [{id: a, category: necessary}]", "services: [{use: stripe}]",
	} {
		key, _, _ := strings.Cut(line, ":")
		var lines []string
		for l := range strings.Lines(base) {
			if !strings.HasPrefix(l, key+":") {
				lines = append(lines, l)
			}
		}
		src := []byte(strings.Join(lines, "") + line + "\n")
		_, err := Parse("site.yaml", src)
		if refused := schemaRefuses(t, schema, src); refused != (err != nil) {
			t.Errorf("%s: the schema refuses it: %v, Parse: %v", line, refused, err)
		}
	}
}
