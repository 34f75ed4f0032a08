package check

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
)

// WriteJSON writes reports for programs. The format carries its version; fields
// are only ever added to it.
func WriteJSON(w io.Writer, reports []*Report) error {
	type finding struct {
		Rule     string   `json:"rule"`
		Severity Severity `json:"severity"`
		File     string   `json:"file"`
		Line     int      `json:"line,omitempty"`
		Column   int      `json:"column,omitempty"`
		Path     string   `json:"path,omitempty"`
		Message  string   `json:"message"`
		Fix      string   `json:"fix"`
		Allowed  string   `json:"allowed,omitempty"`
		Sources  []Source `json:"sources"`
	}
	out := struct {
		Version  int       `json:"version"`
		Errors   int       `json:"errors"`
		Warnings int       `json:"warnings"`
		Notes    int       `json:"notes"`
		Unlisted int       `json:"unlisted,omitempty"` // errors that are counted and not among the findings: at least so many
		Findings []finding `json:"findings"`
	}{Version: 1, Findings: []finding{}}
	for _, r := range reports {
		out.Errors += r.Count(Error)
		out.Warnings += r.Count(Warning)
		out.Notes += r.Count(Info)
		out.Unlisted += r.More
		for _, f := range r.Findings {
			out.Findings = append(out.Findings, finding{
				f.Rule.ID, f.Severity, f.File, f.Position.Line, f.Position.Column, f.Path, f.Message, f.Advice(), f.Allowed, f.Rule.Sources,
			})
		}
	}
	return encode(w, out)
}

func encode(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// The parts of SARIF 2.1.0 that a report needs.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool struct {
			Driver sarifDriver `json:"driver"`
		} `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifRule struct {
		ID               string    `json:"id"`
		ShortDescription sarifText `json:"shortDescription"`
		FullDescription  sarifText `json:"fullDescription"`
		Help             sarifText `json:"help"`
		Default          struct {
			Level string `json:"level"`
		} `json:"defaultConfiguration"`
		Properties struct {
			Sources []Source `json:"sources"`
		} `json:"properties"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
	}
	sarifLocation struct {
		Physical struct {
			Artifact struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
			Region *sarifRegion `json:"region,omitempty"`
		} `json:"physicalLocation"`
	}
)

// WriteSARIF writes reports as SARIF 2.1.0 (OASIS), which code hosts show
// beside the lines.
func WriteSARIF(w io.Writer, reports []*Report, version string) error {
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "temoin", Version: version, Rules: []sarifRule{}}
	index := map[string]int{}
	for _, r := range append([]Rule{manifestRule}, rules...) {
		index[r.ID] = len(run.Tool.Driver.Rules)
		rule := sarifRule{ID: r.ID, ShortDescription: sarifText{r.Title}, FullDescription: sarifText{r.Why}, Help: sarifText{r.Fix}}
		rule.Default.Level = level(r.Severity)
		rule.Properties.Sources = r.Sources
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, rule)
	}
	for _, r := range reports {
		for i := range r.Findings {
			run.Results = append(run.Results, sarifOf(&r.Findings[i], index))
		}
		if r.More > 0 { // code hosts show results only
			rest := Finding{Rule: &manifestRule, Severity: Error, File: r.File, Message: fmt.Sprintf("at least %s are not listed", count(r.More, "more error")), Fix: "Mend these first, then check again."}
			run.Results = append(run.Results, sarifOf(&rest, index))
		}
	}
	return encode(w, sarifLog{"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json", "2.1.0", []sarifRun{run}})
}

func sarifOf(f *Finding, index map[string]int) sarifResult {
	res := sarifResult{RuleID: f.Rule.ID, RuleIndex: index[f.Rule.ID], Level: level(f.Severity), Message: sarifText{f.Message + ". " + f.Advice()}}
	var loc sarifLocation
	loc.Physical.Artifact.URI = (&url.URL{Path: filepath.ToSlash(f.File)}).String()
	if f.Position.IsValid() {
		loc.Physical.Region = &sarifRegion{f.Position.Line, f.Position.Column}
	}
	res.Locations = []sarifLocation{loc}
	if f.Allowed != "" {
		res.Suppressions = []sarifSuppression{{"inSource", f.Allowed}}
	}
	return res
}

func level(s Severity) string {
	if s == Info {
		return "note"
	}
	return string(s)
}
