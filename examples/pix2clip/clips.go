package pix2clip

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A project is some pictures that clips are made of. Its name and what it is about are
// among the words: "project.1", "project.1.about".
type project struct {
	N        int
	Pictures []string // in static/pictures; what they show is "picture.sea"
}

var projects = []project{
	{1, []string{"sea", "lighthouse", "market"}},
	{2, []string{"mountain", "lake", "stars"}},
	{3, []string{"dough", "oven", "market"}},
}

// Formats and lengths (in seconds) of a clip, the usual one first.
var (
	formats = []string{"landscape", "square", "portrait"}
	lengths = []string{"6", "12", "20"}
)

// A clip is what somebody saved. No film is made of it.
type clip struct {
	Project              int
	Text, Format, Length string
}

const (
	longestText = 200
	mostClips   = 20 // of one account; older ones go
)

// clips are those of all accounts, until the site ends.
type clips struct {
	mu sync.Mutex
	of map[string][]clip
}

func (c *clips) add(user string, one clip) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[string][]clip{}
	}
	all := c.of[user]
	if len(all) > 0 && all[0] == one {
		return // the button was pressed twice
	}
	all = append([]clip{one}, all...)
	c.of[user] = all[:min(len(all), mostClips)]
}

// in returns those of an account in a project, the newest first.
func (c *clips) in(user string, project int) []clip {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.of[user]), func(one clip) bool { return one.Project != project })
}

// A workshop is what the editor and the page of a project show.
type workshop struct {
	Project          project
	Asked            bool // for this project, not for any
	All              []project
	Clips            []clip
	Formats, Lengths []string
	Unsaved          clip // that could not be saved
}

// Has reports whether a format or a length is the one that is set, the usual one unless
// another was sent.
func (w workshop) Has(setting string) bool {
	return setting == cmp.Or(w.Unsaved.Format, formats[0]) || setting == cmp.Or(w.Unsaved.Length, lengths[0])
}

// workshop returns what is shown of the project with a number; false where there is none.
func (s *Site) workshop(r *http.Request, n string) (workshop, bool) {
	i := slices.IndexFunc(projects, func(p project) bool { return strconv.Itoa(p.N) == n })
	if i < 0 {
		return workshop{}, false
	}
	p := projects[i]
	return workshop{Project: p, Asked: true, All: projects, Clips: s.clips.in(s.kit.User(r).ID, p.N), Formats: formats, Lengths: lengths}, true
}

func (s *Site) projects(w http.ResponseWriter, r *http.Request) {
	s.kit.Render(w, r, http.StatusOK, "projects", projects)
}

func (s *Site) project(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, "project", r.PathValue("n"), true)
}

// editor opens the project that is asked for, else the first. The visitor's browser alone
// knows which one was viewed last (static/editor.js).
func (s *Site) editor(w http.ResponseWriter, r *http.Request) {
	n := r.URL.Query().Get("project")
	s.show(w, r, "editor", cmp.Or(n, "1"), n != "")
}

func (s *Site) show(w http.ResponseWriter, r *http.Request, page, n string, asked bool) {
	shop, ok := s.workshop(r, n)
	if !ok {
		s.kit.Render(w, r, http.StatusNotFound, "missing", nil)
		return
	}
	shop.Asked = asked
	s.kit.Render(w, r, http.StatusOK, page, shop)
}

// save takes a clip from the editor.
func (s *Site) save(w http.ResponseWriter, r *http.Request) {
	shop, ok := s.workshop(r, r.PostFormValue("project"))
	one := clip{shop.Project.N, strings.TrimSpace(strings.ReplaceAll(r.PostFormValue("text"), "\r\n", "\n")), r.PostFormValue("format"), r.PostFormValue("seconds")}
	switch {
	case !ok || !slices.Contains(formats, one.Format) || !slices.Contains(lengths, one.Length):
		s.kit.Render(w, r, http.StatusNotFound, "missing", nil)
	case one.Text == "" || len([]rune(one.Text)) > longestText:
		shop.Unsaved = one
		s.kit.Fail(w, r, http.StatusUnprocessableEntity, "editor", "editor.wrong", shop)
	default:
		s.clips.add(s.kit.User(r).ID, one)
		http.Redirect(w, r, "/editor?project="+strconv.Itoa(shop.Project.N)+"#clips", http.StatusSeeOther)
	}
}
