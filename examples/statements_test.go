package examples_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/internal/statements"
	"github.com/temoin/temoin/policy"
)

// stated are the statements of a site's published policy.
func stated(t *testing.T, site string) []statements.Statement {
	t.Helper()
	all, err := statements.Load(site)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The manifest expresses every statement of the three policies: each names the
// fields that say it, and they are written.
func TestEveryStatementOfThePoliciesIsWrittenInTheManifests(t *testing.T) {
	total := 0
	for site, want := range map[string]int{"pix2clip": 57, "platform": 54, "cexro": 56} {
		rows := stated(t, site)
		if len(rows) != want {
			t.Errorf("%s: %d statements, want %d", site, len(rows), want)
		}
		total += len(rows)
		corrected, _ := load(t, site, false)
		published, _ := load(t, site, true)
		seen := map[string]bool{}
		for _, s := range rows {
			if seen[s.ID] || !slices.Contains([]string{"restate", "correct", "fill"}, s.Treatment) || s.Text == "" {
				t.Errorf("%s: %+v", site, s)
			}
			if s.Treatment == "correct" && s.Correction == "" || s.Treatment == "restate" && s.Correction != "" {
				t.Errorf("%s: treatment %s with correction %q", s.ID, s.Treatment, s.Correction)
			}
			if (s.Treatment == "correct") != (len(s.Lacks) > 0) {
				t.Errorf("%s: treatment %s lacks %v", s.ID, s.Treatment, s.Lacks)
			}
			seen[s.ID] = true
			checkPaths(t, s.ID+" says", corrected, s.Says)
			checkPaths(t, s.ID+" as_published", published, s.Published)
			checkLanguages(t, s, corrected.Langs)
		}
	}
	if total != 167 {
		t.Errorf("%d statements, want 167", total)
	}
}

func checkPaths(t *testing.T, what string, site *policy.Site, paths []string) {
	t.Helper()
	if len(paths) == 0 {
		t.Errorf("%s: no field", what)
	}
	for _, p := range paths {
		if section, ok := strings.CutPrefix(p, "built-in:"); ok {
			if !slices.Contains(policy.SectionIDs(), section) {
				t.Errorf("%s: Témoin has no section %q", what, section)
			}
		} else if !site.Written(p) {
			t.Errorf("%s: %s is not written in %s", what, p, site.File)
		}
	}
}

// checkLanguages holds a statement to words in all languages of the site or in
// none. Only what Témoin says in words of its own needs no words at all.
func checkLanguages(t *testing.T, s statements.Statement, langs []string) {
	t.Helper()
	said := map[string]bool{}
	for _, w := range s.Holds {
		said[w.Lang] = true
	}
	for _, w := range slices.Concat(s.Holds, s.Lacks) {
		if w.Lang != "" && !slices.Contains(langs, w.Lang) {
			t.Errorf("%s: %s is in no language of the site", s.ID, w)
		}
	}
	if len(s.Holds) == 0 && slices.ContainsFunc(s.Says, func(p string) bool { return !strings.HasPrefix(p, "built-in:") }) {
		t.Errorf("%s: says nothing that a test could look for", s.ID)
	}
	unsaid := slices.DeleteFunc(slices.Clone(langs), func(l string) bool { return said[l] })
	if n := len(unsaid); n > 0 && n < len(langs) {
		t.Errorf("%s: holds nothing in %v", s.ID, unsaid)
	}
}

// A reading is a manifest as the statements are compared with it.
type reading struct {
	*policy.Site
	values map[string]string // each scalar by its path: "promises[4]", "trackers[0].lasts.otherwise"
	lines  []string
}

func read(t *testing.T, name string, src []byte) reading {
	t.Helper()
	site, err := policy.Parse(name, src)
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Load(src, &doc); err != nil {
		t.Fatal(err)
	}
	r := reading{site, map[string]string{}, strings.Split(string(src), "\n")}
	r.walk(&doc, "")
	return r
}

func (r reading) walk(n *yaml.Node, at string) {
	switch n.Kind {
	case yaml.DocumentNode:
		r.walk(n.Content[0], at)
	case yaml.AliasNode:
		r.walk(n.Alias, at)
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			r.walk(n.Content[i+1], strings.TrimPrefix(at+"."+n.Content[i].Value, "."))
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			r.walk(c, fmt.Sprintf("%s[%d]", at, i))
		}
	default:
		r.values[at] = n.Value
	}
}

// within reports whether a path is one of the fields or lies in one; every path
// does if no field is given.
func within(path string, fields []string) bool {
	return len(fields) == 0 || slices.ContainsFunc(fields, func(f string) bool {
		rest, ok := strings.CutPrefix(path, f)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// says reports whether the words stand in the texts, or are a value, of the
// fields.
func (r reading) says(w statements.Words, fields ...string) bool {
	if w.Lang == "" {
		for path, v := range r.values {
			if v == w.Want && within(path, fields) {
				return true
			}
		}
		return false
	}
	return slices.ContainsFunc(r.Prose, func(p policy.Prose) bool {
		return within(p.Path, fields) && (p.Lang == w.Lang || p.Lang == "") &&
			strings.Contains(strings.ToLower(p.Text), strings.ToLower(w.Want))
	})
}

// claims reports whether the words stand anywhere. What a service is said to do
// without is not claimed; what the catalogue adds to it is.
func (r reading) claims(w statements.Words) bool {
	if w.Lang != "" {
		return r.says(w)
	}
	for path, v := range r.values {
		if v == w.Want && !strings.Contains(path, ".without") {
			return true
		}
	}
	return slices.ContainsFunc(r.Trackers, func(t *policy.Tracker) bool { return t.Name == w.Want || slices.Contains(t.Also, w.Want) })
}

// marked reports whether a comment on a field's line, or right above it, says
// that its content is filled.
func (r reading) marked(field string) bool {
	line := r.Position(field).Line
	comment := func(n int) string {
		_, c, _ := strings.Cut(r.lines[n-1], "#")
		return c
	}
	for n := line; n > 0; n-- {
		if n < line && !strings.HasPrefix(strings.TrimSpace(r.lines[n-1]), "#") {
			return false
		}
		if strings.Contains(comment(n), "filled") {
			return true
		}
	}
	return false
}

// faults says what is wrong with how a manifest treats a statement.
func (r reading) faults(s statements.Statement) []string {
	var out []string
	for _, w := range s.Holds {
		if !r.says(w, s.Says...) {
			out = append(out, fmt.Sprintf("%s (%s): %s is nowhere in %s", s.ID, s.Text, w, strings.Join(s.Says, ", ")))
		}
	}
	for _, w := range s.Lacks {
		if r.claims(w) {
			out = append(out, fmt.Sprintf("%s (%s): %s is back", s.ID, s.Text, w))
		}
	}
	for _, field := range s.Says {
		if len(s.Holds) > 0 && r.Written(field) && !slices.ContainsFunc(s.Holds, func(w statements.Words) bool { return r.says(w, field) }) {
			out = append(out, fmt.Sprintf("%s (%s): %s holds none of %v", s.ID, s.Text, field, s.Holds))
		}
		if s.Treatment == "fill" && !r.marked(field) {
			out = append(out, fmt.Sprintf("%s (%s): no comment says that %s is filled", s.ID, s.Text, field))
		}
	}
	return out
}

func TestTheCorrectedSitesSayWhatTheStatementsSayAndNotWhatTheyCorrect(t *testing.T) {
	for _, site := range examples.Sites {
		name, src, err := examples.Manifest(site, false)
		if err != nil {
			t.Fatal(err)
		}
		r := read(t, name, src)
		for _, s := range stated(t, site) {
			for _, fault := range r.faults(s) {
				t.Error(fault)
			}
		}
	}
}

// What a corrected site must lack would otherwise be words that nobody wrote.
func TestWhatIsCorrectedIsClaimedByThePublishedPolicies(t *testing.T) {
	for _, site := range examples.Sites {
		name, src, err := examples.Manifest(site, true)
		if err != nil {
			t.Fatal(err)
		}
		r := read(t, name, src)
		for _, s := range stated(t, site) {
			if s.Treatment == "correct" && !slices.ContainsFunc(s.Lacks, r.claims) {
				t.Errorf("%s: the published policy claims none of %v", s.ID, s.Lacks)
			}
		}
	}
}

func TestADroppedFactOrARestoredClaimIsNoticed(t *testing.T) {
	for _, change := range []struct{ site, statement, old, new string }{
		{"pix2clip", "S1-13", "remember-me: 30 days", "remember-me: 60 days"},
		{"pix2clip", "S1-33", "nothing else changes", "that is all"},
		{"pix2clip", "S1-42", "is designed to follow the texts of the", "is CNIL-compliant, as the"},
		{"pix2clip", "S1-49", "everybody else a choice stays in the browser\n  conflict: latest", "everybody else too\n  conflict: account"},
		{"pix2clip", "S1-49", "across the whole service; if you are signed in", "on this page; if you are signed in"},
		{"platform", "S2-19", "{name: _ga_*, ", "{name: ga*, party: first, "},
		{"platform", "S2-28", "Aucun ne nécessite de consentement", "Intérêt légitime"},
		{"platform", "S2-46", "mechanism: scc", "mechanism: dpf"},
		{"platform", "S2-42", "cette limite est la nôtre", "selon les recommandations de la CNIL"},
		{"platform", "S2-54", "# filled: \"established", "# \"established"},
		{"cexro", "S3-09", "Ces statistiques reposent", "Ces statistiques anonymes reposent"},
		{"cexro", "S3-15", "30 يومًا على الأكثر", "مدة طويلة"},
		{"cexro", "S3-21", "    without: [_gid] # of the previous version of the service\n", ""},
		{"cexro", "S3-48", "lasts: 1 year\n    secure: true\n    same_site: Lax\n    content:", "lasts: 1 day\n    secure: true\n    same_site: Lax\n    content:"},
		{"cexro", "S3-49", "13 months, sliding: false}\n      - {name: _ga_*", "2 years, sliding: false}\n      - {name: _ga_*"},
	} {
		name, src, err := examples.Manifest(change.site, false)
		if err != nil {
			t.Fatal(err)
		}
		text := string(src)
		if !strings.Contains(text, change.old) {
			t.Errorf("%s: %q is not in %s", change.statement, change.old, name)
			continue
		}
		r := read(t, name, []byte(strings.Replace(text, change.old, change.new, 1)))
		for _, s := range stated(t, change.site) {
			if s.ID == change.statement && len(r.faults(s)) == 0 {
				t.Errorf("%s: nobody notices %q in place of %q", s.ID, change.new, change.old)
			}
		}
	}
}
