package platform

import "fmt"

// A Teacher is somebody who gives lessons.
type Teacher struct {
	ID, Name string
	Subject  string // math, science, english or french
	Price    int    // of an hour, in euros
	Hours    []Hour // that are free
}

// An Hour is one of the week.
type Hour struct {
	Day string // mon … sun
	At  int    // 17 is five in the afternoon
}

// Teachers are those of the site.
var Teachers = []Teacher{
	{"camille", "Camille Roux", "math", 26, []Hour{{"mon", 17}, {"wed", 14}, {"thu", 18}}},
	{"idris", "Idris Benali", "science", 28, []Hour{{"tue", 17}, {"wed", 16}, {"sat", 10}}},
	{"hannah", "Hannah Weiss", "english", 24, []Hour{{"mon", 18}, {"fri", 17}, {"sat", 11}}},
	{"louis", "Louis Caron", "french", 24, []Hour{{"tue", 18}, {"thu", 17}, {"fri", 18}}},
}

// A Lesson is an hour of a teacher's.
type Lesson struct {
	Teacher *Teacher
	Hour
}

// Lessons are a teacher's that can be booked.
func (t Teacher) Lessons() []Lesson {
	var all []Lesson
	for _, h := range t.Hours {
		all = append(all, Lesson{&t, h})
	}
	return all
}

// Initials stand in the place of a picture.
func (t Teacher) Initials() string {
	var last rune
	out := t.Name[:1]
	for _, r := range t.Name {
		if last == ' ' {
			out += string(r)
		}
		last = r
	}
	return out
}

// ID names a lesson in an address: "camille-mon-17".
func (l Lesson) ID() string { return fmt.Sprintf("%s-%s-%d", l.Teacher.ID, l.Day, l.At) }

// find returns the lesson of an id, and one without a teacher where there is none.
func find(id string) (Lesson, bool) {
	for _, t := range Teachers {
		for _, l := range t.Lessons() {
			if l.ID() == id {
				return l, true
			}
		}
	}
	return Lesson{}, false
}
