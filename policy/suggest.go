package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// What people write for the services of the catalogue.

// shortNames are words for services that neither their ids nor their names hold.
var shortNames = map[string][]string{
	"ga": {"google-analytics"}, "ga4": {"google-analytics"}, "gtag": {"google-analytics"}, "universal-analytics": {"google-analytics"},
	"gtm": {"google-tag-manager"}, "adwords": {"google-ads"}, "doubleclick": {"google-ads", "google-ad-manager"},
	"gam": {"google-ad-manager"}, "dfp": {"google-ad-manager"}, "webfonts": {"google-fonts"},
	"facebook": {"meta-pixel", "facebook-plugins"}, "facebook-pixel": {"meta-pixel"}, "fb": {"meta-pixel"}, "fbq": {"meta-pixel"}, "meta": {"meta-pixel"},
	"bing": {"microsoft-advertising"}, "bing-ads": {"microsoft-advertising"}, "uet": {"microsoft-advertising"},
	"osm": {"openstreetmap"}, "sendinblue": {"brevo"}, "at-internet": {"piano-analytics"}, "xiti": {"piano-analytics"},
	"snap": {"snapchat-pixel"}, "piwik": {"matomo", "matomo-cloud"}, "tweet": {"x-twitter"},
}

// maxSuggested bounds the ids that a message names.
const maxSuggested = 6

// knownAs returns the ids of the catalogue that a word may stand for: by what
// people say, by a part of an id, by a slip, by the name of service or vendor.
func knownAs(word string) []string {
	word = strings.ToLower(word)
	if len(word) > maxWord || word == "" {
		return nil
	}
	ids := slices.Clone(shortNames[word])
	for _, id := range CatalogueIDs() {
		parts, whole := "-"+id+"-", strings.ReplaceAll(id, "-", "")
		if (strings.Contains(parts, "-"+word+"-") || whole == strings.ReplaceAll(word, "-", "")) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if ids == nil {
		ids = misspelt(word)
	}
	if ids == nil && len(word) > 2 {
		for _, n := range catalogueWords() {
			if strings.Contains(n.words, " "+word+" ") {
				ids = append(ids, n.id)
			}
		}
	}
	return ids[:min(len(ids), maxSuggested)]
}

// misspelt returns the ids for which a word is a slip, or for a part of which.
func misspelt(word string) []string {
	if id := nearest(word, CatalogueIDs()); id != "" && distance(word, id) < 3 {
		return []string{id}
	}
	for _, short := range slices.Sorted(maps.Keys(shortNames)) {
		if len(short) > 4 && nearest(word, []string{short}) != "" {
			return shortNames[short]
		}
	}
	for _, id := range CatalogueIDs() {
		for part := range strings.SplitSeq(id, "-") {
			if len(part) > 4 && nearest(word, []string{part}) != "" && distance(word, part) < 3 {
				return []string{id}
			}
		}
	}
	return nil
}

type namedEntry struct{ id, words string }

// catalogueWords holds the words of the names of all services and their vendors.
var catalogueWords = sync.OnceValue(func() []namedEntry {
	var all []namedEntry
	for _, id := range CatalogueIDs() {
		if s, ok := Catalogue(id); ok {
			names := strings.ToLower(s.Name.In("en") + " " + s.Provider.Name)
			all = append(all, namedEntry{id, " " + strings.Join(strings.FieldsFunc(names, func(r rune) bool { return !isWordRune(r) }), " ") + " "})
		}
	}
	return all
})

func isWordRune(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 0x7f }

// didYouMean asks for one of several words.
func didYouMean(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = fmt.Sprintf("%q", w)
	}
	last := len(quoted) - 1
	if last == 0 {
		return "did you mean " + quoted[0] + "?"
	}
	return "did you mean " + strings.Join(quoted[:last], ", ") + " or " + quoted[last] + "?"
}
