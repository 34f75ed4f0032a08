package check

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/temoin/temoin/policy"
)

// What to write about something that the manifest takes from the catalogue: it
// has no lines of its own, so the fix says where they go. A "…" is the
// operator's to fill in; where the lines exist, the rule's own words say with what.

// completing says what to write of a tracker: these fields, where the manifest
// declares it; else an entry with them under its service. What follows (then)
// stands behind both.
func (p *pass) completing(f *Finding, t *policy.Tracker, fields, then string) *Finding {
	if p.writes(t) {
		return f.asKnown(fields, then)
	}
	subject := "name: " + scalar(t.Name)
	if t.Storage != policy.Cookie { // a cookie and a key of local storage may share a name
		subject += ", kind: " + string(t.Storage)
	}
	if p.Written(t.Service.Field + ".trackers") {
		return f.write(fmt.Sprintf("Add {%s, %s} to the trackers of %s%s.", subject, fields, t.Service.ID, then))
	}
	return f.missing(part{t.Service, "trackers", subject, fields, then})
}

// A part is what a finding asks for under a key of a service that is not written
// yet. All findings of the service name one list together, for a key that is
// pasted twice is refused.
type part struct {
	service *policy.Service
	key     string // "lasts" or "trackers"
	subject string // the tracker, as the list names it
	fields  string // what to write of it
	then    string // what stands behind the list
}

// missing says what to write where the key is missing: all of it, once joinParts
// has seen the other findings.
func (f *Finding) missing(l part) *Finding {
	f.lacks = &l
	return f.write(l.write([]part{l}))
}

// write writes the list of these parts.
func (l *part) write(all []part) string {
	items := make([]string, len(all))
	for i, p := range all {
		if items[i] = p.subject + ": " + p.fields; l.key == "trackers" {
			items[i] = "{" + p.subject + ", " + p.fields + "}"
		}
	}
	list := strings.Join(items, ", ")
	if l.key == "trackers" {
		return "Write trackers: [" + list + "]" + l.then + "."
	}
	return "Write lasts: {" + list + "}" + l.then + "."
}

// joinParts makes one list of what several findings ask for under one key of a
// service. Of two lifetimes for one tracker the first will do: both rules are
// content with it. What is allowed is not asked for.
func joinParts(findings []Finding) {
	type place struct {
		service *policy.Service
		key     string
	}
	all := map[place][]part{}
	for _, f := range findings {
		if f.lacks == nil || f.Allowed != "" {
			continue
		}
		at := place{f.lacks.service, f.lacks.key}
		switch i := slices.IndexFunc(all[at], func(p part) bool { return p.subject == f.lacks.subject }); {
		case i < 0:
			all[at] = append(all[at], *f.lacks)
		case at.key == "trackers" && !strings.Contains(all[at][i].fields, f.lacks.fields):
			all[at][i].fields += ", " + f.lacks.fields
		}
	}
	for i := range findings {
		if f := &findings[i]; f.lacks != nil && f.Allowed == "" {
			f.Fix = f.lacks.write(all[place{f.lacks.service, f.lacks.key}])
		}
	}
}

// lasting says how to write another lifetime of a tracker.
func (p *pass) lasting(f *Finding, t *policy.Tracker, lifetime, then string) *Finding {
	switch {
	case p.writes(t):
		return f.asKnown("lasts: "+lifetime, then)
	case p.Written(t.Service.Field + ".lasts." + t.Name):
		return f.write(fmt.Sprintf("Write %s: %s%s.", scalar(t.Name), lifetime, then))
	case p.Written(t.Service.Field + ".lasts"):
		return f.write(fmt.Sprintf("Add %s: %s to the lasts of %s%s.", scalar(t.Name), lifetime, t.Service.ID, then))
	}
	return f.missing(part{t.Service, "lasts", scalar(t.Name), lifetime, then})
}

// asKnown says what to write where the lines exist.
func (f *Finding) asKnown(fields, then string) *Finding {
	if strings.Contains(fields, "…") {
		return f
	}
	return f.write("Write " + fields + then + ".")
}

// writes reports whether the manifest itself declares a tracker, or a part of
// what is known of it.
func (p *pass) writes(t *policy.Tracker) bool {
	return t.Service == nil || p.Written(t.Field+".name") || p.Written(t.Field+".label")
}

// receiving says what to write of a recipient: these fields, where the manifest
// names it; else the list of the service's recipients, which replaces the known
// one and is completed from it by name.
func (p *pass) receiving(f *Finding, s *policy.Service, r *policy.Recipient, fields, then string) *Finding {
	switch {
	case r.Field != s.Field:
		return f.asKnown(fields, then)
	case r == &s.Provider:
		return f.write("Write provider: {" + fields + "}" + then + ".")
	}
	list := make([]string, len(s.Recipients))
	for i := range s.Recipients {
		other := &s.Recipients[i]
		list[i] = "{name: " + strconv.Quote(other.Name)
		if other.Country != "" {
			list[i] += ", country: " + other.Country
		}
		if other == r || other.Name == r.Name {
			list[i] += ", " + fields
		}
		list[i] += "}"
	}
	return f.write("Write recipients: [" + strings.Join(list, ", ") + "]" + then + ".")
}

// plainScalar is what needs no quotes anywhere in YAML.
var plainScalar = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*\*?[A-Za-z0-9_.-]*$`)

// scalar writes a word as YAML reads it.
func scalar(s string) string {
	if plainScalar.MatchString(s) && !slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(s)) {
		return s
	}
	return strconv.Quote(s)
}
