package policy

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Limits on a manifest. They are far above any real policy (the largest of the
// examples is 40 kB) and keep the work of one Parse bounded whatever it is given.
const (
	MaxSize  = 1 << 20 // bytes of YAML
	maxNodes = 100_000 // values read, each use of an alias counted
)

// readTree turns a file into a YAML tree, or into the problem that prevents it.
func readTree(file string, src []byte) (*yaml.Node, *Problem) {
	src, problem := cleanSource(file, src)
	if problem != nil {
		return nil, problem
	}
	var doc yaml.Node
	if err := yaml.Load(src, &doc); err != nil {
		return nil, yamlProblem(file, src, err)
	}
	if len(doc.Content) != 1 {
		return nil, &Problem{File: file, What: "holds no manifest", Fix: `begin with the line "temoin: 1"`}
	}
	return doc.Content[0], nil
}

// cleanSource refuses what is not a manifest at all and drops a byte order mark.
func cleanSource(file string, src []byte) ([]byte, *Problem) {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	fail := func(what, fix string) ([]byte, *Problem) {
		return nil, &Problem{File: file, What: what, Fix: fix}
	}
	switch {
	case len(src) > MaxSize:
		return fail(fmt.Sprintf("is %d bytes long, more than the %d that a manifest may have", len(src), MaxSize),
			"check that this is the right file")
	case bytes.HasPrefix(src, []byte("\xff\xfe")), bytes.HasPrefix(src, []byte("\xfe\xff")):
		return fail("is written in UTF-16", "save it as UTF-8")
	case len(bytes.TrimSpace(src)) == 0:
		return fail("is empty", `begin with the line "temoin: 1"`)
	case bytes.IndexByte(src, 0) >= 0:
		return fail("is a binary file", "give a YAML file written as UTF-8")
	}
	if i := bytes.IndexFunc(bytes.ReplaceAll(src, []byte("\r\n"), []byte(" \n")), isStray); i >= 0 {
		_, p := fail("is not written in UTF-8", "save it as UTF-8")
		switch r, size := utf8.DecodeRune(src[i:]); {
		case r == utf8.RuneError && size > 1:
			p.What, p.Fix = "holds U+FFFD, which stands for a character that was lost", "write the character again"
		case r != utf8.RuneError:
			p.What, p.Fix = fmt.Sprintf("holds U+%04X, which ends a line for some programs and not for others", r), "end lines with a line feed, and remove the others"
		}
		p.Position = Position{bytes.Count(src[:i], []byte("\n")) + 1, 1}
		return nil, p
	}
	return withoutDirectives(file, src)
}

// versionDirective is the line that says what is meant anyway.
var versionDirective = regexp.MustCompile(`^%YAML +1\.[12][ \t]*(#.*)?\r?\n?$`)

// withoutDirectives makes comments of the %YAML lines before the manifest, and
// refuses other directives: the YAML reader knows none of version 1.2.
func withoutDirectives(file string, src []byte) ([]byte, *Problem) {
	at, number := 0, 0
	for line := range bytes.Lines(src) {
		number++
		switch text := bytes.TrimSpace(line); {
		case versionDirective.Match(line):
			src = slices.Clone(src)
			src[at] = '#'
		case line[0] == '%':
			return nil, &Problem{File: file, Position: Position{number, 1}, What: fmt.Sprintf("%q is an instruction to the YAML reader, which a manifest has no use for", shorten(string(text))), Fix: "remove the line"}
		case len(text) > 0 && text[0] != '#':
			return src, nil
		}
		at += len(line)
	}
	return src, nil
}

// isStray reports what YAML takes for the end of a line and most programs do
// not, and what stands for a byte that is not UTF-8: positions would be wrong.
func isStray(r rune) bool {
	return r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029' || r == utf8.RuneError
}

// yamlAdvice says what to do about the errors of the YAML reader that people
// meet, by a part of its message.
var yamlAdvice = []struct{ part, what, fix string }{
	{"tab character", "a tab stands where YAML wants spaces", "indent with two spaces"},
	{"cannot start any token", "this character cannot begin a value", `put the value into double quotes; indent with spaces, not tabs`},
	{"mapping values are not allowed", `a second ": " stands on this line, or the indentation is off`, `put a value that holds ": " into double quotes`},
	{"did not find expected key", "the line does not fit its neighbours", "give all keys of one mapping the same indentation"},
	{"did not find expected '-' indicator", "the list ends here without a new key of its level", "indent the line like its neighbours"},
	{"did not find expected ',' or ']'", `the list that "[" opens is not closed`, `add "]"`},
	{"did not find expected ',' or '}'", `the mapping that "{" opens is not closed`, `add "}"`},
	{"unexpected end of stream", "a quoted text is not closed", "add the missing quote"},
	{"unknown anchor", "an alias (*name) is used that no anchor (&name) defines", "define the anchor before, or put a text that begins with * into quotes"},
	{"multiple", `the file holds more than one YAML document ("---")`, "keep one manifest in one file"},
	{"no documents", "holds no manifest", `begin with the line "temoin: 1"`},
	{"exceeded max depth", "is nested thousands of levels deep", "check the brackets"},
	{"control characters", "holds a control character", "remove it"},
	{"incompatible YAML document", "a %YAML line stands within the file", "remove the line"},
}

// indentedByTab reports whether a line (from 1) has a tab in its indentation.
func indentedByTab(src []byte, line int) bool {
	for ; line > 1; line-- {
		_, src, _ = bytes.Cut(src, []byte("\n"))
	}
	text, _, _ := bytes.Cut(src, []byte("\n"))
	return bytes.ContainsRune(text[:len(text)-len(bytes.TrimLeft(text, " \t"))], '\t')
}

func yamlProblem(file string, src []byte, err error) *Problem {
	p := &Problem{File: file, What: "is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	var load *yaml.LoadError
	if errors.As(err, &load) {
		p.Position = Position{load.Mark.Line, load.Mark.Column}
		p.What = "is not YAML: " + load.Message
		if indentedByTab(src, load.Mark.Line) {
			p.What = "tab character"
		}
	}
	for _, a := range yamlAdvice {
		if strings.Contains(p.What, a.part) {
			p.What, p.Fix = a.what, a.fix
			break
		}
	}
	return p
}
