package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/temoin/temoin/policy"
)

var diffCommand = command{
	name: "diff", args: "OLD NEW",
	short: "Say what a new version of a policy changes, and who must be asked again.",
	run:   runDiff,
}

// runDiff exits with 0 when all changes are editorial and with 1 when one is
// substantial, so that a pipeline can stop for it.
func runDiff(_ context.Context, c *call) int {
	format := c.flags.String("format", "text", "Write the changes as `text` or json.")
	open, finish := c.output()
	if code, ok := c.parse(); !ok {
		return code
	}
	open()
	if len(c.args) != 2 {
		return c.fail("it compares two manifests: the old one, then the new one")
	}
	if !slices.Contains([]string{"text", "json"}, *format) {
		return c.fail("--format: %q is neither text nor json", *format)
	}
	var sites [2]*policy.Site
	for i, file := range c.args {
		src, err := readManifest(file)
		if err != nil {
			return c.fail("%v", err)
		}
		if sites[i], err = policy.Parse(file, src); err != nil {
			fmt.Fprintln(c.Err, err)
			return c.fail("%s is no valid manifest: run temoin check %s", file, file)
		}
	}
	d := policy.Compare(sites[0], sites[1])
	var err error
	if *format == "json" {
		err = writeDiffJSON(c, d)
	} else {
		_, err = fmt.Fprint(c.Out, diffText(d))
	}
	if code := finish(err); code != done {
		return code
	}
	if d.Substantial() {
		return found
	}
	return done
}

func diffText(d *policy.Diff) string {
	if len(d.Changes) == 0 {
		return "Nothing changed.\n"
	}
	var b strings.Builder
	for _, substantial := range []bool{true, false} {
		title := map[bool]string{true: "Substantial:", false: "Editorial:"}[substantial]
		for _, ch := range d.Changes {
			if ch.Substantial != substantial {
				continue
			}
			if title != "" {
				fmt.Fprintln(&b, title)
				title = ""
			}
			ask := ""
			if ch.Ask {
				ask = " (asks again)"
			}
			fmt.Fprintf(&b, "  - %s%s\n", ch, ask)
		}
	}
	b.WriteString("\n")
	if len(d.AskAgain) > 0 {
		fmt.Fprintf(&b, "Visitors are asked again about: %s.\n", strings.Join(d.AskAgain, ", "))
	} else {
		b.WriteString("Nobody is asked again.\n")
	}
	switch {
	case len(d.Announce) > 0:
		fmt.Fprintf(&b, "The policy promises to announce this by: %s.\n", strings.Join(words(d.Announce), ", "))
	case d.Substantial():
		b.WriteString("The policy does not say how such a change is announced (policy.announce).\n")
	default:
		b.WriteString("Nothing has to be announced.\n")
	}
	return b.String()
}

func words[T ~string](xs []T) []string {
	out := make([]string, len(xs))
	for i, x := range xs {
		out[i] = string(x)
	}
	return out
}

func writeDiffJSON(c *call, d *policy.Diff) error {
	type change struct {
		What        string   `json:"what"` // in English
		Kind        string   `json:"kind"`
		Substantial bool     `json:"substantial"`
		AskAgain    bool     `json:"asksAgain"`
		Category    string   `json:"category,omitempty"`
		Service     string   `json:"service,omitempty"`
		Names       []string `json:"names,omitempty"`
		Field       string   `json:"field,omitempty"`
		Old         string   `json:"old,omitempty"`
		New         string   `json:"new,omitempty"`
		Languages   []string `json:"languages,omitempty"`
	}
	out := struct {
		Version     int      `json:"version"`
		Substantial bool     `json:"substantial"`
		AskAgain    []string `json:"askAgain"`
		Announce    []string `json:"announce"`
		Changes     []change `json:"changes"`
	}{1, d.Substantial(), append([]string{}, d.AskAgain...), words(d.Announce), []change{}}
	for _, ch := range d.Changes {
		out.Changes = append(out.Changes, change{
			ch.String(), string(ch.Kind), ch.Substantial, ch.Ask, ch.Category, ch.Service, ch.Names, ch.Field, ch.Old, ch.New, ch.Langs,
		})
	}
	enc := json.NewEncoder(c.Out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
