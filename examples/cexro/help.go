package cexro

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/temoin/temoin"
)

// steps is how many the tutorial has.
const steps = 4

const tutorialCookie = "cexro_tutorials"

// A lesson is a page of the tutorial.
type lesson struct {
	Step   int // 0 once all were seen
	Steps  []int
	Before int // the step before, 0 for none
	Next   int
	Seen   []int
	Keeps  bool
}

// Has reports whether a step was seen.
func (l lesson) Has(step int) bool { return slices.Contains(l.Seen, step) }

// help shows a step of the tutorial, the first that was not seen unless another is asked
// for. Which were seen is remembered where the visitor allows that.
func (s *Site) help(w http.ResponseWriter, r *http.Request) {
	l := lesson{Seen: seen(r), Keeps: temoin.Allows(r, "functional")}
	for i := 1; i <= steps; i++ {
		l.Steps = append(l.Steps, i)
	}
	l.Step = l.wanted(r.URL.Query().Get("etape"))
	if l.Step > 0 {
		l.Before, l.Next = l.Step-1, (l.Step+1)%(steps+1)
		if !l.Has(l.Step) && l.Keeps {
			l.Seen = append(l.Seen, l.Step)
			s.kit.SetCookie(w, tutorialCookie, written(l.Seen), "", aYear)
		}
	}
	s.kit.Render(w, r, http.StatusOK, "help", l)
}

// wanted is the step to show.
func (l lesson) wanted(asked string) int {
	if n, err := strconv.Atoi(asked); err == nil && slices.Contains(l.Steps, n) {
		return n
	}
	for _, n := range l.Steps {
		if !l.Has(n) {
			return n
		}
	}
	return 0
}

// seen returns the steps that the cookie says were seen, in their order, where the visitor
// allows that. The gate would not pass the cookie on otherwise, if the manifest names it.
func seen(r *http.Request) []int {
	c, err := r.Cookie(tutorialCookie)
	if err != nil || !temoin.Allows(r, "functional") {
		return nil
	}
	var all []int
	for part := range strings.SplitSeq(c.Value, ".") {
		if n, err := strconv.Atoi(part); err == nil && n >= 1 && n <= steps && !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}

// written is the value of the cookie: the numbers of the steps.
func written(seen []int) string {
	slices.Sort(seen)
	var parts []string
	for _, n := range seen {
		parts = append(parts, strconv.Itoa(n))
	}
	return strings.Join(parts, ".")
}
