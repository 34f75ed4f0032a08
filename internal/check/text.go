package check

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// maxShown bounds the findings that a reader is shown.
const maxShown = 500

// WriteText writes reports for a reader: each finding with the line that it is
// about, and a caret under the place. With color, for a terminal.
func WriteText(w io.Writer, reports []*Report, sources map[string][]byte, color bool) error {
	ink := inks(color)
	var b strings.Builder
	allowedOnes, shown, hidden := 0, 0, 0
	for _, r := range reports {
		lines := sourceLines(sources[r.File])
		for i := range r.Findings {
			if shown == maxShown {
				hidden++
			} else {
				writeFinding(&b, &r.Findings[i], lines, ink)
				shown++
			}
			if r.Findings[i].Allowed != "" {
				allowedOnes++
			}
		}
	}
	if hidden > 0 {
		fmt.Fprintf(&b, "and %s more: --format json writes all of them\n", count(hidden, "finding"))
	}
	for _, r := range reports {
		if more := r.moreErrors(); more != "" {
			b.WriteString(harmless(more) + "\n")
		}
	}
	b.WriteString(Summary(reports...))
	if allowedOnes > 0 {
		fmt.Fprintf(&b, ", %d allowed", allowedOnes)
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// Summary counts the findings of reports that are not allowed: "1 error, 2
// warnings, 0 notes".
func Summary(reports ...*Report) string {
	errors, warnings, infos := 0, 0, 0
	least := ""
	for _, r := range reports {
		if r.More > 0 {
			least = "at least "
		}
		errors += r.Count(Error)
		warnings += r.Count(Warning)
		infos += r.Count(Info)
	}
	return fmt.Sprintf("%s%s, %s, %s", least, count(errors, "error"), count(warnings, "warning"), count(infos, "note"))
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// inks returns the escape sequences for parts of a finding; empty ones without
// color.
func inks(color bool) map[string]string {
	if !color {
		return nil
	}
	return map[string]string{
		"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "info": "\x1b[1;36m", "allowed": "\x1b[2m",
		"place": "\x1b[1m", "dim": "\x1b[2m", "off": "\x1b[0m",
	}
}

func writeFinding(b *strings.Builder, f *Finding, lines []string, ink map[string]string) {
	label := string(f.Severity)
	if f.Allowed != "" {
		label = "allowed"
	}
	place := f.File
	if f.Position.IsValid() {
		place += fmt.Sprintf(":%d:%d", f.Position.Line, f.Position.Column)
	}
	fmt.Fprintf(b, "%s%s%s: %s%s%s %s %s[%s]%s\n", ink["place"], harmless(place), ink["off"], ink[label], label, ink["off"], harmless(f.Message), ink["dim"], f.Rule.ID, ink["off"])
	if f.Position.IsValid() && f.Position.Line <= len(lines) {
		line, before := excerpt(lines[f.Position.Line-1], f.Position.Column)
		number := fmt.Sprintf("%4d", f.Position.Line)
		fmt.Fprintf(b, "%s%s |%s %s\n", ink["dim"], number, ink["off"], line)
		fmt.Fprintf(b, "%s%s |%s %s%s^%s\n", ink["dim"], strings.Repeat(" ", len(number)), ink["off"], strings.Repeat(" ", before), ink[label], ink["off"])
	}
	if f.Allowed != "" {
		fmt.Fprintf(b, "     %s= allowed because %s%s\n", ink["dim"], harmless(f.Allowed), ink["off"])
		return
	}
	fmt.Fprintf(b, "     %s=%s %s\n", ink["dim"], ink["off"], harmless(f.Advice()))
}

// sourceLines splits a manifest as its positions count; nil for none.
func sourceLines(source []byte) []string {
	if len(source) == 0 {
		return nil
	}
	return strings.Split(strings.ReplaceAll(strings.TrimPrefix(string(source), "\ufeff"), "\r\n", "\n"), "\n")
}

// harmless replaces what would move the cursor, colour or turn what follows, or
// forge a line.
func harmless(s string) string { return strings.Map(harmlessRune, s) }

func harmlessRune(r rune) rune {
	switch {
	case r == '\t' || r == '\n':
		return ' '
	case unicode.IsControl(r), r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x2028, r == 0x2029:
		return utf8.RuneError
	}
	return r
}

// excerpt cuts a line to what fits a terminal around the column, and returns
// how many cells stand before the column.
func excerpt(line string, column int) (cut string, before int) {
	const most = 110
	runes := []rune(harmless(line))
	from := 0
	if column > most-20 {
		from = min(column-most/2, len(runes))
	}
	var b strings.Builder
	if from > 0 {
		b.WriteString("…")
		before++
	}
	for i := from; i < len(runes) && i < from+most; i++ {
		if i < column-1 {
			before += cells(runes[i])
		}
		b.WriteRune(runes[i])
	}
	if len(runes) > from+most {
		b.WriteString("…")
	}
	return b.String(), before
}

func cells(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0 // it is drawn on its neighbour, or not at all
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// WriteRule explains a rule.
func WriteRule(w io.Writer, r Rule) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n\n%s\n\nWhy: %s\nFix: %s\n\nSources:\n", r.ID, r.Severity, r.Title, r.Why, r.Fix)
	for _, s := range r.Sources {
		fmt.Fprintf(&b, "  - %s [%s]\n", s.Text, s.Certainty)
	}
	fmt.Fprintf(&b, "Applies in: %s\n", r.Law())
	if !r.From.IsZero() {
		fmt.Fprintf(&b, "From: %s\n", r.From)
	}
	if !r.Until.IsZero() {
		fmt.Fprintf(&b, "Until: %s\n", r.Until)
	}
	if r.allowable() {
		b.WriteString("\nTo allow one finding, with a reason that the report shows:\n  # temoin:allow " + r.ID + " because …\n" +
			"on its line, above its entry, or at the top of the file for what the file lacks.\n")
	} else {
		b.WriteString("\nIts findings cannot be allowed.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
