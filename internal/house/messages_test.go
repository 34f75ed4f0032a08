package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/temoin/temoin/internal/lang"
)

// A message that nothing says would be translated into every language for
// nobody. A key may be put together in the code: then its beginning stands there.
func TestEveryMessageIsSaidSomewhere(t *testing.T) {
	var said []string
	files, err := filepath.Glob("../*/*.go")
	if err != nil || len(files) < 20 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if s, err := strconv.Unquote(lit.Value); err == nil && s != "" {
					said = append(said, s)
				}
			}
			return true
		})
	}
	for _, key := range lang.Keys() {
		found := false
		for _, s := range said {
			rest, begins := strings.CutPrefix(key, s)
			// "promise.max-lifetime" begins "promise.max-lifetime-of"; "in" begins nothing.
			if begins && (rest == "" || strings.Contains(s, ".") && s != "." && (strings.HasSuffix(s, ".") || strings.HasSuffix(s, "-") || rest[0] == '-' || rest[0] == '.')) {
				found = true
			}
		}
		if !found {
			t.Errorf("nothing says %s", key)
		}
	}
}
