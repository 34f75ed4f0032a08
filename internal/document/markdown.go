package document

import (
	"bytes"
	"strings"

	"github.com/temoin/temoin/internal/wording"
)

// Markdown writes the document as GitHub Flavored Markdown. What comes from the
// manifest is escaped, so that it is text and nothing else: no HTML, no links
// but the document's own.
func (d *Document) Markdown() []byte {
	w := &markdownWriter{}
	w.heading(1, d.Title)
	if !d.Subtitle.IsZero() {
		w.paragraph(d.Subtitle)
	}
	for _, l := range d.Old {
		w.b.WriteString("> ")
		w.paragraph(l)
	}
	w.terms(d.Facts)
	for _, s := range d.Sections {
		w.heading(2, s.Title)
		for _, b := range s.Blocks {
			w.block(b)
		}
	}
	return w.b.Bytes()
}

type markdownWriter struct{ b bytes.Buffer }

func (w *markdownWriter) block(b Block) {
	switch b := b.(type) {
	case Paragraph:
		w.paragraph(b.Line)
	case Heading:
		w.heading(3, b.Line)
	case List:
		for _, l := range b.Items {
			w.item(l)
		}
		w.b.WriteByte('\n')
	case Terms:
		w.terms(b.Items)
	case Table:
		w.table(b)
	}
}

func (w *markdownWriter) heading(level int, l wording.Line) {
	w.b.WriteString(strings.Repeat("#", level) + " ")
	w.paragraph(l)
}

func (w *markdownWriter) paragraph(l wording.Line) {
	w.b.WriteString(markdownLine(l) + "\n\n")
}

func (w *markdownWriter) item(l wording.Line) {
	w.b.WriteString("- " + markdownLine(l) + "\n")
}

// terms are items in bold, each with what is said of it below.
func (w *markdownWriter) terms(items []Term) {
	for _, t := range items {
		w.b.WriteString("- **" + strings.TrimSpace(markdownLine(t.Name)) + "**")
		for _, v := range t.Values {
			w.b.WriteString("  \n  " + markdownLine(v))
		}
		w.b.WriteByte('\n')
	}
	if len(items) > 0 {
		w.b.WriteByte('\n')
	}
}

func (w *markdownWriter) table(t Table) {
	w.b.WriteString("*" + strings.TrimSpace(markdownLine(t.Caption)) + "*\n\n|")
	for _, h := range t.Head {
		w.b.WriteString(" " + markdownLine(h) + " |")
	}
	w.b.WriteString("\n|" + strings.Repeat(" --- |", len(t.Head)) + "\n")
	for _, row := range t.Rows {
		w.b.WriteByte('|')
		for _, c := range row {
			var lines []string
			for _, l := range append(append([]wording.Line(nil), c.Lines...), c.Remarks...) {
				lines = append(lines, markdownLine(l))
			}
			w.b.WriteString(" " + strings.Join(lines, "<br>") + " |")
		}
		w.b.WriteByte('\n')
	}
	w.b.WriteByte('\n')
}

func markdownLine(l wording.Line) string {
	var b strings.Builder
	for _, s := range l {
		switch s.Kind {
		case wording.Key:
			b.WriteString(codeSpan(s.Text))
		case wording.Link, wording.Address:
			b.WriteString("[" + textEscaper.Replace(s.Text) + "](<" + linkEscaper.Replace(s.Value) + ">)")
		default:
			b.WriteString(markdownText(s.Text))
		}
	}
	text := b.String()
	if begins := strings.TrimLeft(text, " "); begins != "" && strings.ContainsRune("+-=", rune(begins[0])) {
		return `\` + begins // no list, no underline of a heading
	}
	return text
}

// codeSpan writes a key between more backquotes than it holds. A pipe would end
// a table's cell even there.
func codeSpan(s string) string {
	s = strings.ReplaceAll(s, "|", `\|`)
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		s = " " + s + " "
	}
	return fence + s + fence
}

var (
	textEscaper = strings.NewReplacer(
		`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", `\<`, ">", `\>`, "#", `\#`, "|", `\|`, "!", `\!`, "~", `\~`, "&", `\&`, "\n", " ", "\r", " ")
	linkEscaper = strings.NewReplacer("<", "%3C", ">", "%3E", "\n", "", "\r", "", `\`, "%5C", "|", "%7C")
)

// markdownText escapes what would be markup. "1." at the beginning of a line
// would be a list, and an address a link.
func markdownText(s string) string {
	s = textEscaper.Replace(s)
	s = strings.ReplaceAll(s, "://", `:\/\/`)
	s = strings.ReplaceAll(s, "www.", `www\.`)
	s = strings.ReplaceAll(s, "@", `\@`)
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	if digits > 0 && digits < len(s) && (s[digits] == '.' || s[digits] == ')') && (digits+1 == len(s) || s[digits+1] == ' ') {
		s = s[:digits] + `\` + s[digits:]
	}
	return s
}
