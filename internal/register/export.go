package register

import (
	"bufio"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Formats of [Export].
const (
	CSV   = "csv"   // for a spreadsheet: one row for each record
	JSONL = "jsonl" // for programs: one object on each line, with the record's exact bytes
)

// An Exported is a record with its place in the log. Of the row, only the record is
// written, and the salt when asked: never the key of an account.
type Exported struct {
	Row   Row
	Index int64 // in the log; -1 while it has no place there
}

// Columns say what an export holds besides what it always holds.
type Columns struct {
	Categories []string // CSV: a column for each; answers about others share one
	Salt       bool     // whoever has record and salt can find the entry in the log
}

// Export writes records one by one, in the order in which they come, and holds none
// of them. It stops at a row that fails or is no record; what is written until then
// ends with a whole line.
func Export(w io.Writer, format string, rows iter.Seq2[Exported, error], with ...Columns) error {
	var c Columns
	for _, more := range with {
		c.Categories, c.Salt = append(c.Categories, more.Categories...), c.Salt || more.Salt
	}
	out := bufio.NewWriterSize(w, 64<<10)
	switch format {
	case CSV:
		s := newSheet(out, c)
		err := each(rows, s.write)
		s.csv.Flush()
		return first(err, s.csv.Error(), out.Flush())
	case JSONL:
		err := each(rows, func(x *Exported, _ *Record) error { return writeLine(out, x, c.Salt) })
		return first(err, out.Flush())
	}
	return fmt.Errorf("records are exported as %s or %s, not as %.20q", CSV, JSONL, format)
}

// first is what went wrong first: what follows from it is not worth telling.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// each reads every row, so that nothing but the fields of a record is ever written.
func each(rows iter.Seq2[Exported, error], write func(*Exported, *Record) error) error {
	for x, err := range rows {
		if err != nil {
			return err
		}
		r, err := ParseRecord(x.Row.Record)
		if err != nil {
			return fmt.Errorf("record %v of %s: %w", x.Row.ID, x.Row.Site, err)
		}
		if err := write(&x, r); err != nil {
			return err
		}
	}
	return nil
}

// writeLine writes a record as JSON. Canonical bytes have no line break.
func writeLine(w *bufio.Writer, x *Exported, salt bool) error {
	index := "null"
	if x.Index >= 0 {
		index = strconv.FormatInt(x.Index, 10)
	}
	w.WriteString(`{"index":` + index + `,"record":`) //nolint:errcheck // the writer keeps its first error
	w.Write(x.Row.Record)                             //nolint:errcheck
	if salt {
		w.WriteString(`,"salt":"` + base64.StdEncoding.EncodeToString(x.Row.Salt[:]) + `"`) //nolint:errcheck
	}
	_, err := w.WriteString("}\n")
	return err
}

// fixedColumns stand first and never move; others follow them.
var fixedColumns = []string{
	"id", "site", "time", "ends", "action", "state", "language", "policy_version", "policy_hash", "notice",
	"scope", "gpc", "replaces", "imported", "log_index", "exceptions", "other_categories",
}

// A sheet writes records as rows of a table.
type sheet struct {
	csv     *csv.Writer
	columns Columns
	cells   []string // of one row, used again for the next
}

func newSheet(w io.Writer, c Columns) *sheet {
	s := &sheet{csv: csv.NewWriter(w), columns: c}
	s.csv.UseCRLF = true // RFC 4180
	s.cells = append(s.cells, fixedColumns...)
	for _, k := range c.Categories {
		s.cells = append(s.cells, "category."+k)
	}
	if c.Salt {
		s.cells = append(s.cells, "salt")
	}
	s.csv.Write(s.cells) //nolint:errcheck // the writer keeps its first error
	return s
}

func (s *sheet) write(x *Exported, r *Record) error {
	index := ""
	if x.Index >= 0 {
		index = strconv.FormatInt(x.Index, 10)
	}
	exceptions := make([]string, len(r.Exceptions))
	for i, e := range r.Exceptions {
		exceptions[i] = e.Service + ":" + yesNo(e.Allow)
	}
	s.cells = append(s.cells[:0], r.ID, r.Site, r.Time, r.Ends, string(r.Action), string(r.State), r.Language, r.Policy.Version, r.Policy.Hash,
		r.Notice, r.Scope, strconv.FormatBool(r.Signals.GPC), r.Replaces, r.Imported, index, strings.Join(exceptions, " "))
	s.answers(r.Answers)
	if s.columns.Salt {
		s.cells = append(s.cells, base64.StdEncoding.EncodeToString(x.Row.Salt[:]))
	}
	for i, c := range s.cells {
		s.cells[i] = harmless(c)
	}
	return s.csv.Write(s.cells)
}

// answers writes each answer into its category's column, those that have none into
// one for all of them: a category that the caller did not name is not lost.
func (s *sheet) answers(answers []Answer) {
	var others []string
	for i := range answers {
		if !slices.Contains(s.columns.Categories, answers[i].Category) {
			others = append(others, answers[i].Category+" "+answers[i].cell())
		}
	}
	s.cells = append(s.cells, strings.Join(others, ", "))
	for _, k := range s.columns.Categories {
		cell := "" // nobody was asked about it
		if i := slices.IndexFunc(answers, func(a Answer) bool { return a.Category == k }); i >= 0 {
			cell = answers[i].cell()
		}
		s.cells = append(s.cells, cell)
	}
}

// cell is an answer in words. One about nothing in use says so: a yes to it is a
// preference.
func (a *Answer) cell() string {
	use := "in-use"
	if !a.InUse {
		use = "preference"
	}
	return yesNo(a.Allow) + " " + use + " " + a.Scope
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// harmless keeps a spreadsheet from running a cell as a formula: an apostrophe
// before the characters that begin one makes it text. Some programs take the wide
// forms for the same.
func harmless(cell string) string {
	for _, begin := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(cell, begin) {
			return "'" + cell
		}
	}
	return cell
}
