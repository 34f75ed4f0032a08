package lang

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// pluralOf returns the key without its plural form, and the form.
func pluralOf(key string) (stem, form string) {
	i := strings.LastIndexByte(key, '.')
	if i >= 0 && slices.Contains(forms[:], key[i+1:]) {
		return key[:i], key[i+1:]
	}
	return key, ""
}

// optional are messages that only some languages need.
var optional = []string{"date.first"}

// Verify returns what is missing, left over or wrong in the messages of a
// language, held against the reference; nil when nothing is.
func Verify(tag string) []string {
	l, ok := Find(tag)
	ref, refOK := Find(Reference)
	if !ok || !refOK {
		return []string{fmt.Sprintf("messages/%s.txt: there is no such file", tag)}
	}
	var faults []string
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Sprintf("messages/%s.txt: ", tag)+fmt.Sprintf(format, args...))
	}
	// What counts in the reference counts in every language, in its own forms.
	wants := map[string]string{} // key → key of the reference
	for key := range ref.messages {
		stem, form := pluralOf(key)
		if form == "" {
			wants[key] = key
			continue
		}
		for _, f := range l.Forms() {
			wants[stem+"."+f] = stem + ".other"
		}
	}
	for _, key := range slices.Sorted(maps.Keys(wants)) {
		text, ok := l.messages[key]
		_, form := pluralOf(key)
		switch {
		case !ok && slices.Contains(optional, key):
		case !ok:
			fault("%s is missing: in English it is %q", key, ref.messages[wants[key]])
		case text == "":
			fault("%s is empty", key)
		default:
			got, want := arguments(text), arguments(ref.messages[wants[key]])
			// "one month", "شهران": a form may say its number in letters.
			if form != "" && form != "other" {
				got, want = without(got, "n"), without(want, "n")
			}
			if !slices.Equal(got, want) {
				fault("%s has the arguments %v instead of %v", key, got, want)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(l.messages)) {
		if _, ok := wants[key]; !ok && !slices.Contains(optional, key) {
			fault("%s is no message of the reference", key)
		}
		for _, c := range l.messages[key] {
			if c < ' ' || c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069 {
				fault("%s holds the invisible character %U", key, c)
			}
		}
	}
	return faults
}

// arguments returns the names in braces, sorted, each once.
func arguments(text string) []string {
	var names []string
	for p := range parts(text) {
		if p.Arg != "" {
			names = append(names, p.Arg)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(names, func(n string) bool { return n == name })
}

// Keys returns the keys of the reference, sorted.
func Keys() []string {
	ref, _ := Find(Reference)
	return slices.Sorted(maps.Keys(ref.messages))
}
