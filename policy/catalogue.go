package policy

import (
	"bytes"
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

//go:embed catalogue/*.yaml
var catalogueFiles embed.FS

// catalogueEntries remembers the entries that were read: a site uses few of
// them, and they never change.
var catalogueEntries sync.Map // id → *Service, read-only

// Catalogue returns the known service with that id as the catalogue declares
// it, outside any site: it has no category, and its trackers have none. It is
// shared and must not be changed.
func Catalogue(id string) (*Service, bool) {
	if s, ok := catalogueEntries.Load(id); ok {
		return s.(*Service), true
	}
	name := "catalogue/" + id + ".yaml"
	src, err := catalogueFiles.ReadFile(name)
	if err != nil || !isID(id) {
		return nil, false
	}
	s := &Service{use: id}
	root, problem := readTree(name, src)
	if problem != nil {
		panic(problem.String()) // an embedded file: TestEveryCatalogueEntryIsValid reads all of them
	}
	d := &decoder{file: name, positions: map[string]fieldPosition{}}
	s.catalogueShape().decode(d, root, "")
	if len(d.problems) > 0 {
		panic(newProblems(d.problems).Error())
	}
	for i := range s.trackers {
		t := &s.trackers[i]
		t.Origin, t.Field = FromService, ""
		t.Service, t.pattern = s, compilePattern(t.Name)
		s.Trackers = append(s.Trackers, t)
	}
	first, _ := catalogueEntries.LoadOrStore(id, s)
	return first.(*Service), true
}

// maxPrefetched bounds how many entries a manifest can have read in advance.
const maxPrefetched = 200

// used finds what may be the use of a catalogue entry.
var used = regexp.MustCompile(`(?m)\buse: *["']?([a-z0-9-]+)`)

// prefetch reads the entries that a manifest seems to use while the manifest
// itself is read: a wrong guess costs an entry that nobody looks at.
func prefetch(src []byte) {
	for _, m := range used.FindAllSubmatch(src, maxPrefetched) {
		Catalogue(string(m[1]))
	}
}

// catalogueEntry is Catalogue, as a copy that the caller owns.
func catalogueEntry(id string) (*Service, bool) {
	known, ok := Catalogue(id)
	if !ok {
		return nil, false
	}
	s := *known
	s.Trackers = nil
	s.trackers = slices.Clone(known.trackers)
	s.Recipients = slices.Clone(known.Recipients)
	return &s, true
}

// CatalogueIDs returns the ids of all known services, in alphabetical order.
func CatalogueIDs() []string {
	files, err := catalogueFiles.ReadDir("catalogue")
	if err != nil {
		panic(err)
	}
	ids := make([]string, len(files))
	for i, f := range files {
		ids[i] = strings.TrimSuffix(f.Name(), ".yaml")
	}
	return ids
}

// catalogueNames maps the literal beginning of every name that stands in the
// catalogue to the entries it stands in. It is a filter only: who finds an
// entry here reads it and compares.
var catalogueNames = sync.OnceValue(func() map[string][]string {
	names := map[string][]string{}
	for _, id := range CatalogueIDs() {
		src, err := catalogueFiles.ReadFile("catalogue/" + id + ".yaml")
		if err != nil {
			panic(err)
		}
		for line := range bytes.Lines(src) {
			_, name, ok := strings.Cut(string(line), "- name: ")
			if !ok {
				continue
			}
			name, _, _ = strings.Cut(strings.Trim(strings.TrimSpace(name), `"'`), "*")
			if !slices.Contains(names[name], id) {
				names[name] = append(names[name], id)
			}
		}
	}
	return names
})

// KnownTracker returns what the catalogue knows about a key: the tracker whose
// name is that key, or whose pattern it matches, with its service. A key that
// is itself a pattern is known under the same pattern.
func KnownTracker(storage Storage, name string) (*Tracker, bool) {
	literal, _, wild := strings.Cut(name, "*")
	names := catalogueNames()
	for n := len(literal); n > 0; n-- {
		for _, id := range names[literal[:n]] {
			s, ok := Catalogue(id)
			if !ok {
				continue
			}
			for _, t := range s.Trackers {
				if t.Storage == storage && (t.Name == name || !wild && t.Matches(name)) {
					return t, true
				}
			}
		}
	}
	return nil, false
}

// catalogueHosts finds known services by their hosts. Building it reads the
// whole catalogue.
var catalogueHosts = sync.OnceValue(func() hostIndex[*Service] {
	var all []*Service
	for _, id := range CatalogueIDs() {
		if s, ok := Catalogue(id); ok {
			all = append(all, s)
		}
	}
	return indexHosts(all)
})

// KnownServicesAt returns the services that the catalogue knows to be reached
// at a host and path, as Site.ServicesAt does for those of a site. The first
// call reads the whole catalogue, which takes tens of milliseconds.
func KnownServicesAt(host, path string) []*Service {
	hosts := catalogueHosts()
	return hosts.find(host, path)
}

// merge completes a service of the manifest with what the catalogue knows: what
// the manifest says comes first.
func (s *Service) merge(from *Service, c *compiler) {
	if s.Name.IsZero() {
		s.Name = from.Name
	}
	if s.Kind == "" {
		s.Kind = from.Kind
	}
	if s.Purpose.IsZero() {
		s.Purpose = from.Purpose
	}
	s.Provider.merge(&from.Provider)
	if s.Role == "" {
		s.Role = from.Role
	}
	s.mergeRecipients(from.Recipients)
	if s.Hosts == nil {
		s.Hosts = from.Hosts
	}
	if s.Snippets == nil {
		s.Snippets = from.Snippets
	}
	if s.Sends.IsZero() {
		s.Sends = from.Sends
	}
	if s.OptOut.IsZero() {
		s.OptOut = from.OptOut
	}
	s.Profiling = s.Profiling || from.Profiling
	s.Incomplete = s.Incomplete || from.Incomplete && s.trackers == nil
	s.Sources = from.Sources

	s.mergeTrackers(from.trackers, c)
}

// mergeTrackers completes the trackers that the manifest writes with what is
// known of them, and adds those that it leaves to the catalogue. What the vendor
// no longer sets is no part of a site that does not say so.
func (s *Service) mergeTrackers(known []Tracker, c *compiler) {
	own := s.trackers
	s.trackers = nil
	var names []string
	for _, k := range known {
		names = append(names, k.Name)
		i := slices.IndexFunc(own, func(o Tracker) bool { return o.Name == k.Name && o.Storage == k.Storage })
		switch {
		case i >= 0:
			own[i].overlay(&k, func(field string) bool { return c.Written(own[i].Field + "." + field) })
		case k.Retired.IsZero() && !slices.Contains(s.without, k.Name):
			s.trackers = append(s.trackers, k)
		}
	}
	for _, name := range s.without {
		if !slices.Contains(names, name) {
			c.problem(s.Field+".without", fmt.Sprintf("%s has no tracker %q", s.ID, shorten(name)),
				c.suggest(name, names, "name one of: "+strings.Join(names, ", ")))
		}
	}
	s.trackers = append(s.trackers, own...)
}

// overlay fills in, from what is known, the fields that the manifest does not
// write.
func (t *Tracker) overlay(known *Tracker, written func(field string) bool) {
	own := *t
	*t = *known
	t.Field, t.Origin, t.Label, t.Also, t.categoryID = own.Field, own.Origin, own.Label, own.Also, own.categoryID
	t.Reason, t.Because, t.Act, t.Basis, t.Evidence = own.Reason, own.Because, own.Act, own.Basis, own.Evidence
	for field, take := range map[string]func(){
		"purpose":     func() { t.Purpose = own.Purpose },
		"lasts":       func() { t.Lasts = own.Lasts },
		"sliding":     func() { t.Sliding = own.Sliding },
		"party":       func() { t.Party = own.Party },
		"domain":      func() { t.Domain = own.Domain },
		"path":        func() { t.Path = own.Path },
		"http_only":   func() { t.HTTPOnly = own.HTTPOnly },
		"secure":      func() { t.Secure = own.Secure },
		"same_site":   func() { t.SameSite = own.SameSite },
		"partitioned": func() { t.Partitioned = own.Partitioned },
		"content":     func() { t.Content = own.Content },
	} {
		if written(field) {
			take()
		}
	}
}

// mergeRecipients takes the known recipients where the manifest lists none, and
// completes by name those that it lists.
func (s *Service) mergeRecipients(known []Recipient) {
	if s.Recipients == nil {
		s.Recipients = known
		for i := range s.Recipients {
			s.Recipients[i].Field = s.Field
		}
		return
	}
	for i := range s.Recipients {
		for j := range known {
			if s.Recipients[i].Name == known[j].Name {
				s.Recipients[i].merge(&known[j])
			}
		}
	}
}

func (r *Recipient) merge(from *Recipient) {
	if r.Name != "" && r.Name != from.Name {
		return // another entity: nothing that is known of the first holds for it
	}
	r.Name = from.Name
	if r.Country == "" {
		r.Country = from.Country
	}
	if r.Address == "" {
		r.Address = from.Address
	}
	if r.Privacy.IsZero() {
		r.Privacy = from.Privacy
	}
	if r.Transfers == nil {
		r.Transfers = from.Transfers
	}
}

// applyLifetimes puts the lifetimes that the manifest sets in place of the
// vendor's, and reports names that the service does not have.
func (s *Service) applyLifetimes(c *compiler) {
	names := make([]string, len(s.trackers))
	for i, t := range s.trackers {
		names[i] = t.Name
	}
	for _, n := range s.lasts {
		i := slices.Index(names, n.name)
		if i < 0 {
			c.problem(s.Field+".lasts."+n.name, fmt.Sprintf("%s has no tracker %q", s.ID, shorten(n.name)),
				c.suggest(n.name, names, "name one of: "+strings.Join(names, ", ")))
			continue
		}
		s.trackers[i].Lasts = n.lasts
		s.trackers[i].Field = s.Field + ".lasts." + n.name
	}
}
