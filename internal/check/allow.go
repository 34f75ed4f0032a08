package check

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/temoin/temoin/policy"
)

// allowance is one comment that silences a rule.
var allowance = regexp.MustCompile(`(?:^|\s)(#)\s*temoin:allow\b[ \t]*([a-z0-9-]*)[ \t]*(.*)$`)

// maxAllowances bounds how many are read: each is compared with every finding.
const maxAllowances = 500

type allowed struct {
	rule, because string
	position      policy.Position
	from, to      int  // lines that it holds for; to is 0 for the end of the file
	top           bool // it stands before all else, and holds for what the file lacks
	used          bool
}

// covers reports whether a finding is where the allowance holds. What is held
// against the file as a whole has no line.
func (a *allowed) covers(f *Finding) bool {
	if !f.Position.IsValid() {
		return a.top
	}
	return f.Position.Line >= a.from && (a.to == 0 || f.Position.Line <= a.to)
}

// allow marks the findings that the manifest allows, and returns findings about
// allowances that are wrong or useless.
func allow(site *policy.Site, source []byte, on policy.Date, findings []Finding) []Finding {
	allowances := readAllowances(source)
	tooMany := len(allowances) > maxAllowances
	if tooMany {
		allowances = allowances[:maxAllowances]
	}
	for i := range allowances {
		a := &allowances[i]
		for j := range findings {
			f := &findings[j]
			if a.rule == f.Rule.ID && a.because != "" && a.covers(f) {
				f.Allowed = a.because
				a.used = true
			}
		}
	}
	p := &pass{Site: site, on: on, rule: &allowRules[0]}
	if tooMany {
		p.report("", fmt.Sprintf("only the first %d temoin:allow comments are read", maxAllowances)).as(Error)
	}
	for _, a := range allowances {
		at := policy.Prose{Position: a.position}
		rule, known := Find(a.rule)
		switch {
		case a.rule == "":
			p.reportAt(at, "names no rule")
		case !known:
			f := p.reportAt(at, fmt.Sprintf("there is no rule %q", a.rule))
			if near := Near(a.rule); near != nil {
				f.write("Write " + strings.Join(near, " or ") + ", if that is meant.")
			}
		case !rule.allowable():
			p.reportAt(at, fmt.Sprintf("allows %s, whose findings cannot be allowed", a.rule)).write("Remove it, and mend what the rule finds.")
		case a.because == "":
			p.reportAt(at, "gives no reason").write(fmt.Sprintf("Write # temoin:allow %s because …", a.rule))
		case !a.used && rule.appliesTo(site, on):
			p.reportAt(at, fmt.Sprintf("allows %s, which finds nothing here", a.rule)).as(Info).write("Remove it.")
		}
	}
	return p.findings
}

// readAllowances finds the comments and the lines that each holds for: its own
// line behind an entry; else the entry below it, up to the next line that is
// indented as little; else, at the top before an empty line, the whole file. At
// the top it always holds for what the file lacks.
func readAllowances(source []byte) []allowed {
	if !bytes.Contains(source, []byte("temoin:allow")) {
		return nil
	}
	lines := codeLines(source)
	var out []allowed
	for i, line := range lines {
		at := allowance.FindStringSubmatchIndex(line)
		if at == nil {
			continue
		}
		before := line[:at[2]]
		a := allowed{rule: line[at[4]:at[5]], position: policy.Position{Line: i + 1, Column: utf8.RuneCountInString(before) + 1}}
		if because, ok := strings.CutPrefix(line[at[6]:at[7]], "because "); ok {
			a.because = strings.TrimSpace(because)
		}
		a.from, a.to = i+1, i+1
		if strings.TrimSpace(before) == "" {
			a.from, a.to = below(lines, i)
			a.top = onlyComments(lines[:i])
		}
		if out = append(out, a); len(out) > maxAllowances {
			break
		}
	}
	return out
}

// below returns the lines of the entry under a comment that stands alone.
func below(lines []string, comment int) (from, to int) {
	i := comment + 1
	for i < len(lines) && isComment(lines[i]) {
		i++
	}
	if i < len(lines) && strings.TrimSpace(lines[i]) == "" && onlyComments(lines[:comment]) {
		return 1, 0
	}
	for i < len(lines) && (strings.TrimSpace(lines[i]) == "" || isComment(lines[i])) {
		i++
	}
	if i == len(lines) {
		return comment + 1, comment + 1
	}
	from = i + 1
	indent, element := indentation(lines[i]), isElement(lines[i])
	for i++; i < len(lines); i++ {
		if strings.TrimSpace(lines[i]) == "" || isComment(lines[i]) {
			continue
		}
		// The elements of a list may stand as far left as the key that holds it.
		within := indentation(lines[i]) > indent || indentation(lines[i]) == indent && !element && isElement(lines[i])
		if !within {
			break
		}
	}
	return from, i
}

func isElement(line string) bool {
	after, ok := strings.CutPrefix(strings.TrimSpace(line), "-")
	return ok && (after == "" || after[0] == ' ')
}

func isComment(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), "#") }

func onlyComments(lines []string) bool {
	for _, l := range lines {
		if strings.TrimSpace(l) != "" && strings.TrimSpace(l) != "---" && !isComment(l) {
			return false
		}
	}
	return true
}

func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

var allowRules = []Rule{{
	ID: "allow-unused", Severity: Warning, Title: "Every temoin:allow comment names a rule, gives a reason, and silences something.",
	Why:     "An allowance that silences nothing hides the next finding.",
	Fix:     "Write # temoin:allow RULE because REASON on the line of the finding, above its entry, or at the top for what the file lacks.",
	Sources: []Source{{"Témoin", House}},
	find:    func(*pass) {}, // allow does it, when all findings are known
}}
