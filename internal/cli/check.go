package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/temoin/temoin/internal/check"
	"github.com/temoin/temoin/policy"
)

var checkCommand = command{
	name: "check", args: "site.yaml…",
	short: "Hold manifests against the rules of the field.",
	run:   runCheck,
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
	reports, sources, err := checkFiles(c.args, on)
	if err != nil {
		return c.fail("%v", err)
	}
	switch *format {
	case "json":
		err = check.WriteJSON(c.Out, reports)
	case "sarif":
		err = check.WriteSARIF(c.Out, reports, version())
	default:
		err = check.WriteText(c.Out, reports, sources, isTerminal(c.Out))
	}
	if code := finish(err); code != done {
		return code
	}
	for _, r := range reports {
		if r.Count(check.Error) > 0 {
			return found
		}
	}
	return done
}

func checkFiles(files []string, on policy.Date) (reports []*check.Report, sources map[string][]byte, err error) {
	sources = map[string][]byte{}
	for _, file := range files {
		src, err := readManifest(file)
		if err != nil {
			return nil, nil, err
		}
		sources[file] = src
		site, err := policy.Parse(file, src)
		var problems *policy.Problems
		switch {
		case errors.As(err, &problems):
			reports = append(reports, check.Refused(file, problems))
		case err != nil:
			return nil, nil, err
		default:
			reports = append(reports, check.Run(site, src, on))
		}
	}
	return reports, sources, nil
}

// readManifest reads a file, no further than a manifest can be long: the parser
// says what is wrong with a longer one.
func readManifest(file string) ([]byte, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: check the name", err)
	case info.IsDir():
		return nil, fmt.Errorf("%s is a directory: name the manifest in it, such as %s/site.yaml", file, strings.TrimSuffix(file, "/"))
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file: write the manifest to one", file) // a pipe could keep us waiting
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, policy.MaxSize+8))
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
	if near != "" {
		return c.fail("%q is neither a rule nor a field (did you mean %q?)", word, near)
	}
	return c.fail("%q is neither a rule nor a field; \"temoin check --rules\" lists the rules", word)
}
