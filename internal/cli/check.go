package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/temoin/temoin/internal/check"
	"github.com/temoin/temoin/policy"
)

var checkCommand = command{
	name: "check", args: "site.yaml…",
	short: "Hold manifests against the rules of the field.",
	long: `A manifest is a regular file of 1 MiB at most. Standard input (-), pipes, sockets
and devices are refused: a finding names a file that can be opened, and nothing
keeps the check waiting. Arguments behind -- are files, whatever they begin with.

Exit codes: 0 no error was found, 1 one was, 2 the check could not run.`,
	run: runCheck,
}

var checkFormats = []string{"text", "json", "sarif"}

func runCheck(_ context.Context, c *call) int {
	format := c.flags.String("format", "text", "Write the findings as `text`, json or sarif.")
	explain := c.flags.String("explain", "", "Explain a `rule` (by id), or a field of the manifest, and stop.")
	list := c.flags.Bool("rules", false, "List all rules, and laws that may come, and stop.")
	open, finish := c.output()
	day := c.flags.String("on", "", "Apply the rules in force on this `day` (year-month-day) instead of today.")
	if code, ok := c.parse(); !ok {
		return code
	}
	open()
	on := policy.DateOf(c.Now())
	if *day != "" {
		var err error
		if on, err = policy.ParseDate(*day); err != nil {
			return c.fail("--on: %v; write year-month-day, such as 2026-11-21", err)
		}
	}
	switch {
	case !slices.Contains(checkFormats, *format):
		return c.fail("--format: %q is none of %s", *format, strings.Join(checkFormats, ", "))
	case *explain != "":
		return explainWord(c, *explain, finish)
	case *list:
		return finish(check.WriteRules(c.Out))
	case len(c.args) == 0:
		return c.fail("which manifest? Write its file name")
	}
	all, err := checkFiles(c.args, on)
	if err != nil {
		return c.fail("%v", err)
	}
	if code := finish(all.write(c.Out, *format)); code != done {
		return code
	}
	for _, r := range all.reports {
		if r.Count(check.Error) > 0 {
			return found
		}
	}
	return done
}

// checked is what is held against several manifests.
type checked struct {
	reports []*check.Report
	sources map[string][]byte
}

func checkFiles(files []string, on policy.Date) (*checked, error) {
	all := &checked{sources: map[string][]byte{}}
	for _, file := range files {
		src, err := readManifest(file)
		var site *policy.Site
		if err == nil {
			all.sources[file] = src
			site, err = policy.Parse(file, src)
		}
		var problems *policy.Problems
		switch {
		case errors.As(err, &problems):
			all.reports = append(all.reports, check.Refused(file, problems))
		case err != nil:
			return nil, err
		default:
			all.reports = append(all.reports, check.Run(site, src, on))
		}
	}
	return all, nil
}

func (all *checked) write(w io.Writer, format string) error {
	switch format {
	case "json":
		return check.WriteJSON(w, all.reports)
	case "sarif":
		return check.WriteSARIF(w, all.reports, version())
	}
	return check.WriteText(w, all.reports, all.sources, isTerminal(w))
}

func explainWord(c *call, word string, finish func(error) int) int {
	if rule, ok := check.Find(word); ok {
		return finish(check.WriteRule(c.Out, rule))
	}
	docs, near := policy.Explain(word)
	if docs != nil {
		lines := make([]string, len(docs))
		for i, d := range docs {
			lines[i] = d.String()
		}
		_, err := fmt.Fprint(c.Out, strings.Join(lines, "\n"))
		return finish(err)
	}
	if rules := check.Near(word); rules != nil {
		near = strings.Join(rules, `" or "`)
	}
	if near != "" {
		return c.fail("%q is neither a rule nor a field (did you mean \"%s\"?)", word, near)
	}
	return c.fail("%q is neither a rule nor a field; \"temoin check --rules\" lists the rules", word)
}
