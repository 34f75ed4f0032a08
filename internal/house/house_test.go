package house

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/temoin/temoin"

type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
	Doc        string
}

func list(t *testing.T, patterns ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Deps,Doc"}, patterns...)...)
	cmd.Dir = "../.."
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pkgs []listed
	for dec := json.NewDecoder(out); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return pkgs
}

// floor returns the floor of an import path; false for foreign packages.
func floor(path string) (int, bool) {
	rel := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
	if path != module && rel == path {
		return 0, false
	}
	if rel == "" {
		rel = "."
	}
	for i, pkgs := range Floors {
		if slices.Contains(pkgs, rel) {
			return i, true
		}
	}
	return -1, true
}

func isBeside(path string) bool {
	return slices.ContainsFunc(Beside, func(b string) bool {
		return path == module+"/"+b || strings.HasPrefix(path, module+"/"+b+"/")
	})
}

func TestPackagesImportOnlyFromFloorsBelow(t *testing.T) {
	for _, p := range list(t, "./...") {
		if isBeside(p.ImportPath) {
			continue
		}
		own, _ := floor(p.ImportPath)
		if own < 0 {
			t.Errorf("%s stands on no floor: add it to Floors and to docs/architecture.md", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			switch below, ours := floor(imp); {
			case !ours:
			case isBeside(imp):
				t.Errorf("%s imports %s, which is a tool of the repository", p.ImportPath, imp)
			case below >= own:
				t.Errorf("%s (floor %d) imports %s (floor %d)", p.ImportPath, own, imp, below)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range list(t, "./...") {
		if len(p.Doc) < 20 {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

func TestPolicyIsPure(t *testing.T) {
	for _, p := range list(t, "./policy") {
		for _, forbidden := range []string{"os/exec", "database/sql"} {
			if slices.Contains(p.Deps, forbidden) {
				t.Errorf("policy depends on %s", forbidden)
			}
		}
		for _, forbidden := range []string{"os", "net", "net/http", "time/tzdata", "math/rand", "log", "log/slog"} {
			if slices.Contains(p.Imports, forbidden) {
				t.Errorf("policy imports %s", forbidden)
			}
		}
	}
}

func TestTheRulesReadNothingButTheSite(t *testing.T) {
	for _, p := range list(t, "./internal/check") {
		for _, forbidden := range []string{"os", "os/exec", "net", "net/http", "math/rand", "log", "log/slog"} {
			if slices.Contains(p.Imports, forbidden) {
				t.Errorf("%s imports %s", p.ImportPath, forbidden)
			}
		}
	}
}

func TestNeitherThePolicyNorTheRulesKnowAClock(t *testing.T) {
	for _, dir := range []string{"../../policy", "../check", "../lang"} {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatal(err, files)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(tree, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "After", "Tick"}, s.Sel.Name) {
						t.Errorf("%s calls time.%s", file, s.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

// Whoever takes the gate with parts of their own gets no database, browser or bundler.
func TestTheGateIsLight(t *testing.T) {
	for _, p := range list(t, "./gate") {
		for _, dep := range p.Deps {
			for _, heavy := range []string{"database/sql", "modernc.org/", "github.com/jackc/", "github.com/evanw/", "github.com/chromedp/", "github.com/prometheus/", module + "/internal/store", module + "/internal/register", module + "/internal/notice"} {
				if strings.HasPrefix(dep, heavy) {
					t.Errorf("gate depends on %s", dep)
				}
			}
		}
	}
}
