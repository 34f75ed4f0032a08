package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// SchemaID identifies the JSON Schema of the manifest format.
const SchemaID = "https://temoin.dev/schema/manifest-1.json"

// Schema returns the JSON Schema (2020-12) of the manifest, for editors. It is
// generated from the definitions that Parse reads with. What one value says
// about another (a tracker's category, overlapping patterns) it cannot express:
// only Parse judges that.
func Schema() []byte {
	b := &schemaBuilder{defs: map[string]any{}}
	root := (&Site{}).shape().schema(b)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = SchemaID
	root["title"] = "Témoin manifest"
	root["$defs"] = b.defs
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		panic(err) // strings, numbers and maps of them always encode
	}
	return out.Bytes()
}

type schemaBuilder struct{ defs map[string]any }

// object describes a mapping once and refers to it everywhere.
func (b *schemaBuilder) object(o objectShape) map[string]any {
	ref := map[string]any{"$ref": "#/$defs/" + o.name}
	if _, done := b.defs[o.name]; done {
		return ref
	}
	b.defs[o.name] = nil // a definition that refers to itself ends here
	properties, required := map[string]any{}, []string{}
	for _, f := range o.list {
		p := f.shape.schema(b)
		p = cloneSchema(p)
		p["description"] = f.text()
		p["examples"] = []any{exampleValue(f)}
		properties[f.key] = p
		if f.required {
			required = append(required, f.key)
		}
	}
	def := map[string]any{
		"type": "object", "properties": properties, "required": required, "additionalProperties": false,
	}
	if o.any != nil {
		var groups []any
		for _, g := range o.any() {
			groups = append(groups, map[string]any{"required": g})
		}
		def["anyOf"] = groups
	}
	b.defs[o.name] = def
	return ref
}

func cloneSchema(m map[string]any) map[string]any {
	c := make(map[string]any, len(m)+2)
	for k, v := range m {
		c[k] = v
	}
	return c
}

// exampleValue is the value that a field's example writes.
func exampleValue(f field) any {
	var doc yaml.Node
	if err := yaml.Load([]byte(f.example), &doc); err != nil {
		panic(f.key + ": " + err.Error()) // TestEveryExampleCanBeWritten reads all of them
	}
	return jsonValue(&doc)
}

func jsonValue(n *yaml.Node) any {
	switch n.Kind {
	case yaml.DocumentNode:
		return jsonValue(n.Content[0])
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, e := range n.Content {
			list[i] = jsonValue(e)
		}
		return list
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = jsonValue(n.Content[i+1])
		}
		return m
	}
	switch n.Tag {
	case "!!int":
		return json.Number(n.Value)
	case "!!bool":
		return n.Value == "true"
	}
	return n.Value
}

// A FieldDoc says what to write for one field of the manifest.
type FieldDoc struct {
	Path     string // "trackers[].lasts"
	Takes    string // "a lifetime"
	Required bool
	Doc      string
	Example  string   // the lines to write
	Known    []string // values that Témoin knows by name; others may be possible

	keyed bool // its keys are words of the manifest's own
}

// Fields describes every field of the manifest, in the order of the reference.
func Fields() []FieldDoc {
	var docs []FieldDoc
	var walk func(prefix string, fs []field, depth int)
	walk = func(prefix string, fs []field, depth int) {
		for _, f := range fs {
			path := join(prefix, f.key)
			suffix := suffixOf(f.shape)
			docs = append(docs, FieldDoc{path, f.shape.noun(), f.required, f.text(), f.write(), valuesOf(f.shape), suffix == ".*"})
			if depth < 8 {
				walk(path+suffix, f.shape.fields(), depth+1)
			}
		}
	}
	walk("", (&Site{}).shape().fields(), 0)
	return docs
}

// write is the example as it stands in a manifest.
func (f field) write() string { return f.key + ": " + f.example }

// suffixOf shows how elements of a shape are reached: "[]" for a list, ".*" for
// a mapping by ids.
func suffixOf(s shape) string {
	switch s := s.(type) {
	case interface{ isList() bool }:
		return "[]"
	case interface{ isKeyed() bool }:
		return ".*"
	case eitherShape:
		for _, form := range s.forms() {
			if suffix := suffixOf(form); suffix != "" {
				return suffix
			}
		}
	}
	return ""
}

func (listShape[T]) isList() bool   { return true }
func (keyedShape[T]) isKeyed() bool { return true }

// Explain returns the fields that a word names: a whole path, as in the
// reference ("trackers[].lasts", "trackers.lasts") or of a manifest
// ("trackers[3].lasts", "categories.essential.title"), or the last part of one
// ("lasts"). What is named by a word of the manifest's own, such as one category,
// is explained by all its fields. It returns nil with a suggestion when there is
// none.
func Explain(word string) (docs []FieldDoc, near string) {
	asked, all := segments(strings.TrimSpace(word)), Fields()
	for _, whole := range []bool{true, false} {
		for _, f := range all {
			if f.named(asked, whole) {
				docs = append(docs, f)
			}
		}
		if docs == nil && len(asked) > 1 {
			docs = partsOf(all, asked[:len(asked)-1], whole)
		}
		if docs != nil {
			return docs, ""
		}
	}
	var last []string
	for _, f := range all {
		if key := f.Path[strings.LastIndexByte(f.Path, '.')+1:]; !slices.Contains(last, key) {
			last = append(last, key)
		}
	}
	return nil, nearest(asked[len(asked)-1], last)
}

// partsOf returns the fields of a mapping by ids, behind the mapping itself.
func partsOf(all []FieldDoc, mapping []string, whole bool) []FieldDoc {
	for i, f := range all {
		if !f.keyed || !f.named(mapping, whole) {
			continue
		}
		docs := []FieldDoc{f}
		for _, part := range all[i+1:] {
			if rest, ok := strings.CutPrefix(part.Path, f.Path+".*."); ok && !strings.Contains(rest, ".") {
				docs = append(docs, part)
			}
		}
		return docs
	}
	return nil
}

// segments takes a path apart, without the indices of lists.
func segments(path string) []string {
	return strings.Split(listIndex.ReplaceAllString(path, ""), ".")
}

var listIndex = regexp.MustCompile(`\[[0-9]*\]`)

// named reports whether these segments are the field's path, or the end of it.
// The ids of mappings may be left out, or be any.
func (f FieldDoc) named(asked []string, whole bool) bool {
	full := segments(f.Path)
	short := slices.DeleteFunc(slices.Clone(full), func(s string) bool { return s == "*" })
	for _, path := range [][]string{full, short} {
		if len(path) < len(asked) || whole && len(path) != len(asked) {
			continue
		}
		end := path[len(path)-len(asked):]
		if end[0] != "*" && slices.EqualFunc(end, asked, func(p, a string) bool { return p == a || p == "*" }) {
			return true
		}
	}
	return false
}

// String writes the field's documentation as a few lines of text.
func (f FieldDoc) String() string {
	need := ""
	if f.Required {
		need = " (required)"
	}
	known := ""
	if len(f.Known) > 0 && !strings.Contains(f.Takes, "one of: ") {
		known = wrapped("Known: " + strings.Join(f.Known, ", ") + ".")
	}
	return fmt.Sprintf("%s%s takes %s.\n%s\n%s\n    %s\n", f.Path, need, f.Takes, f.Doc, known, strings.ReplaceAll(f.Example, "\n", "\n    "))
}

// wrapped breaks a long line between words.
func wrapped(s string) string {
	const most = 100
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(s) {
		switch n := len(word); {
		case column == 0:
			column = n
		case column+1+n > most:
			b.WriteByte('\n')
			column = n
		default:
			b.WriteByte(' ')
			column += 1 + n
		}
		b.WriteString(word)
	}
	return b.String() + "\n"
}
