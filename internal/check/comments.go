package check

import (
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// codeLines returns the lines of a manifest with every letter of quoted and
// block texts replaced by an x: what looks like a comment, a list or a key in
// the lines that remain is one. Lines and columns stay where they are.
func codeLines(source []byte) []string {
	lines := sourceLines(source)
	var doc yaml.Node
	if yaml.Load([]byte(strings.Join(lines, "\n")), &doc) != nil {
		return lines // no site: nothing holds for it
	}
	m := mask{lines: make([][]rune, len(lines))}
	for i, l := range lines {
		m.lines[i] = []rune(l)
	}
	m.walk(&doc, 0)
	for i, l := range m.lines {
		lines[i] = string(l)
	}
	return lines
}

// A mask covers texts in the lines of a file.
type mask struct{ lines [][]rune }

// walk covers the texts in a node. The indentation is that of the block that
// the node stands in. Aliases lead nowhere: their texts stand elsewhere.
func (m *mask) walk(n *yaml.Node, indent int) {
	switch {
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		m.quoted(n)
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		m.block(n, indent)
	}
	if len(n.Content) > 0 && n.Style&yaml.FlowStyle == 0 {
		indent = n.Column - 1
		if n.Kind == yaml.MappingNode {
			indent = n.Content[0].Column - 1 // the mapping's own place may be its anchor's
		}
	}
	for _, part := range n.Content {
		m.walk(part, indent)
	}
}

// A cursor is a place in the lines, from 0.
type cursor struct{ line, column int }

// at returns the letter at a place; a line feed at the end of a line, 0 behind
// the last.
func (m *mask) at(c cursor) rune {
	switch {
	case c.line >= len(m.lines):
		return 0
	case c.column >= len(m.lines[c.line]):
		return '\n'
	}
	return m.lines[c.line][c.column]
}

func (m *mask) next(c cursor) cursor {
	if m.at(c) == '\n' {
		return cursor{c.line + 1, 0}
	}
	return cursor{c.line, c.column + 1}
}

// cover replaces the letter at a place and returns the next one.
func (m *mask) cover(c cursor) cursor {
	if r := m.at(c); r != 0 && !unicode.IsSpace(r) {
		m.lines[c.line][c.column] = 'x'
	}
	return m.next(c)
}

// begin finds where the text of a node begins, behind its anchor and tag.
func (m *mask) begin(n *yaml.Node) cursor {
	c := cursor{n.Line - 1, n.Column - 1}
	for {
		switch r := m.at(c); {
		case r == '&' || r == '!':
			for r := m.at(c); r != 0 && !unicode.IsSpace(r); r = m.at(c) {
				c = m.next(c)
			}
		case r == '#':
			c = cursor{c.line + 1, 0}
		case r != 0 && unicode.IsSpace(r):
			c = m.next(c)
		default:
			return c
		}
	}
}

// quoted covers a text in quotation marks, and these.
func (m *mask) quoted(n *yaml.Node) {
	c := m.begin(n)
	mark := m.at(c)
	c = m.cover(c)
	for r := m.at(c); r != 0; r = m.at(c) {
		ahead := m.at(m.next(c))
		switch {
		case mark == '"' && r == '\\', r == mark && mark == '\'' && ahead == mark:
			c = m.cover(m.cover(c))
			continue
		}
		c = m.cover(c)
		if r == mark {
			return
		}
	}
}

// block covers the lines of a text behind | or >. It ends before the first line
// that is indented less than its first one, or than its header says.
func (m *mask) block(n *yaml.Node, around int) {
	c := m.begin(n)
	indent := -1
	for r := m.at(c); r != '\n' && r != 0 && r != '#'; r = m.at(c) {
		if r >= '1' && r <= '9' {
			indent = around + int(r-'0')
		}
		c = m.next(c)
	}
	if strings.TrimSpace(n.Value) == "" {
		return
	}
	for i := c.line + 1; i < len(m.lines); i++ {
		line := string(m.lines[i])
		if strings.TrimSpace(line) == "" {
			continue
		}
		if indent < 0 {
			indent = indentation(line)
		}
		if indentation(line) < indent {
			return
		}
		for c := (cursor{i, 0}); c.line == i; {
			c = m.cover(c)
		}
	}
}
