package browsertest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// axe is the source of axe-core, which scripts/need axe installs.
var axe = sync.OnceValues(func() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		src, readErr := os.ReadFile(filepath.Join(dir, "tools", "node_modules", "axe-core", "axe.min.js"))
		if readErr == nil {
			return string(src), nil
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		err = readErr
	}
	return "", err
})

// Accessible fails the test for each violation that axe-core finds in the page:
// all its rules, WCAG and best practices alike.
func (tab *Tab) Accessible(name string) {
	tab.t.Helper()
	src, err := axe()
	if err != nil {
		if os.Getenv("CI") != "" {
			tab.t.Fatal("axe-core is missing: run scripts/need axe")
		}
		tab.t.Skip("axe-core is missing: scripts/need axe installs it")
	}
	found := Evaluate[string](tab, src+`;
		axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(r.violations.map(v =>
			({id: v.id, help: v.help, nodes: v.nodes.slice(0, 5).map(n => n.target.join(' ') + ': ' + n.failureSummary)}))))`)
	var violations []struct {
		ID, Help string
		Nodes    []string
	}
	if err := json.Unmarshal([]byte(found), &violations); err != nil {
		tab.t.Fatalf("%s: axe-core answers %q", name, found)
	}
	for _, v := range violations {
		tab.t.Errorf("%s: %s (%s)\n  %s", name, v.ID, v.Help, strings.Join(v.Nodes, "\n  "))
	}
}
