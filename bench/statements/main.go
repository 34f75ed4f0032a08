// Command statements prints what became of each statement of the published
// policies: "make statements" runs the tests and then this.
package main

import (
	"fmt"
	"os"

	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/internal/statements"
)

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: statements FOLDER, the one that the tests had in %s", statements.Folder))
	}
	results, err := statements.Read(os.Args[1])
	if err != nil {
		fail(err)
	}
	refuted := false
	row("id", "treatment", statements.Columns, "statement")
	for _, site := range examples.Sites {
		all, err := statements.Load(site)
		if err != nil {
			fail(err)
		}
		for _, s := range all {
			var found []string
			for _, column := range statements.Columns {
				found = append(found, results.Of(s.ID, column))
				refuted = refuted || results.Of(s.ID, column) == "no"
			}
			row(s.ID, s.Treatment, found, s.Text)
		}
	}
	if refuted {
		os.Exit(1)
	}
}

func row(id, treatment string, found []string, text string) {
	fmt.Printf("%-6s %-10s", id, treatment)
	for _, f := range found {
		fmt.Printf("%-7s", f)
	}
	fmt.Println(text)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(2)
}
