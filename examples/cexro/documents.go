package cexro

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	_ "image/gif" // so that their dimensions are known
	_ "image/jpeg"
	_ "image/png"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/temoin/temoin"
)

// largest is the size of a file that is taken, and room what a form adds to it.
const largest, room = 4 << 20, 64 << 10

// facts are what is found out about a file. Nothing of it is kept.
type facts struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	Type   string `json:"type"`
	Width  int    `json:"width,omitempty"`
	Height int    `json:"height,omitempty"`
	SHA256 string `json:"sha256"`
}

// Unit is what the size is told to people in: the end of a key of the words.
func (f facts) Unit() string {
	switch {
	case f.Size < 1<<10:
		return "bytes"
	case f.Size < 1<<20:
		return "kilo"
	default:
		return "mega"
	}
}

// Weight is how many of its unit the size is.
func (f facts) Weight() string {
	per := map[string]float64{"kilo": 1 << 10, "mega": 1 << 20}[f.Unit()]
	if per == 0 {
		return strconv.FormatInt(f.Size, 10)
	}
	return strings.Replace(strconv.FormatFloat(float64(f.Size)/per, 'f', 1, 64), ".", ",", 1)
}

// JSON is what the form of the export holds.
func (f facts) JSON() (string, error) {
	b, err := json.Marshal(f)
	return string(b), err
}

// lines are the facts as pairs of name and value.
func (f facts) lines() [][]string {
	all := [][]string{{"name", f.Name}, {"size", strconv.FormatInt(f.Size, 10)}, {"type", f.Type}}
	if f.Width > 0 {
		all = append(all, []string{"width", strconv.Itoa(f.Width)}, []string{"height", strconv.Itoa(f.Height)})
	}
	return append(all, []string{"sha256", f.SHA256})
}

// A desk is what the page of documents shows.
type desk struct {
	Facts   *facts
	Formats []string
	Format  string // the one that was used last, where the visitor lets it be kept
	Keeps   bool
}

func (s *Site) desk(r *http.Request, f *facts) desk {
	d := desk{Facts: f, Formats: formats, Keeps: temoin.Allows(r, "functional")}
	if c, err := r.Cookie(exportCookie); err == nil && d.Keeps && slices.Contains(formats, c.Value) {
		d.Format = c.Value
	}
	return d
}

func (s *Site) documents(w http.ResponseWriter, r *http.Request) {
	s.kit.Render(w, r, http.StatusOK, "documents", s.desk(r, nil))
}

// small takes a form that is not larger than a file may be. Whoever sends more is told so.
func (s *Site) small(take http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > largest+room {
			io.Copy(io.Discard, r.Body) //nolint:errcheck // so that the browser reads the answer
			s.kit.Fail(w, r, http.StatusRequestEntityTooLarge, "documents", "documents.large", s.desk(r, nil))
			return
		}
		take(w, r)
	}
}

// examine says what a file is.
func (s *Site) examine(w http.ResponseWriter, r *http.Request) {
	file, header, err := r.FormFile("file")
	if err != nil {
		s.kit.Fail(w, r, http.StatusUnprocessableEntity, "documents", "documents.none", s.desk(r, nil))
		return
	}
	defer file.Close() //nolint:errcheck // it was only read
	content, err := io.ReadAll(io.LimitReader(file, largest+1))
	switch {
	case err != nil || len(content) == 0:
		s.kit.Fail(w, r, http.StatusUnprocessableEntity, "documents", "documents.none", s.desk(r, nil))
	case len(content) > largest:
		s.kit.Fail(w, r, http.StatusRequestEntityTooLarge, "documents", "documents.large", s.desk(r, nil))
	default:
		s.kit.Render(w, r, http.StatusOK, "documents", s.desk(r, factsOf(header.Filename, content)))
	}
}

func factsOf(name string, content []byte) *facts {
	sum := sha256.Sum256(content)
	f := &facts{Name: name, Size: int64(len(content)), Type: http.DetectContentType(content), SHA256: hex.EncodeToString(sum[:])}
	if c, _, err := image.DecodeConfig(bytes.NewReader(content)); err == nil {
		f.Width, f.Height = c.Width, c.Height
	}
	return f
}

const exportCookie = "cexro_export"

// formats are those that facts can be had in.
var formats = []string{"txt", "csv", "json"}

// export gives back the facts as a file, in the format that was chosen. It is remembered
// where the visitor allows that, else it is chosen each time.
func (s *Site) export(w http.ResponseWriter, r *http.Request) {
	var f facts
	if err := json.Unmarshal([]byte(r.PostFormValue("facts")), &f); err != nil {
		http.Redirect(w, r, "/documents", http.StatusSeeOther)
		return
	}
	format := r.PostFormValue("format")
	content, kind, err := f.export(format)
	if err != nil {
		s.kit.Fail(w, r, http.StatusUnprocessableEntity, "documents", "export.choose", s.desk(r, &f))
		return
	}
	if temoin.Allows(r, "functional") {
		s.kit.SetCookie(w, exportCookie, format, "", aYear)
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="cexro.`+format+`"`)
	w.Write(content) //nolint:errcheck // a client that is gone cannot be told
}

// aYear is how long preferences are kept where the manifest does not say it, in seconds.
const aYear = 365 * 24 * 3600

func (f facts) export(format string) (content []byte, kind string, err error) {
	var b bytes.Buffer
	switch format {
	case "txt":
		for _, l := range f.lines() {
			fmt.Fprintf(&b, "%s: %s\n", l[0], l[1])
		}
		return b.Bytes(), "text/plain; charset=utf-8", nil
	case "csv":
		w := csv.NewWriter(&b)
		for _, l := range f.lines() {
			w.Write([]string{l[0], inert(l[1])}) //nolint:errcheck // Flush has the error
		}
		w.Flush()
		return b.Bytes(), "text/csv; charset=utf-8", w.Error()
	case "json":
		content, err = json.MarshalIndent(f, "", "  ")
		return content, "application/json", err
	}
	return nil, "", fmt.Errorf("there is no format %q", format)
}

// inert keeps a spreadsheet from taking the name of a file for a formula.
func inert(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
