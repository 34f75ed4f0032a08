// Package lang knows the languages that Témoin can write: their tags, their
// names, the direction they are read in and the months of their year.
//
// It is floor 0 of the house: it imports nothing of the project. A language is
// known when it stands in the table below; every other package asks here and
// keeps no list of its own.
package lang

import (
	"slices"
	"strings"
)

// Direction is the way a script runs, as the HTML attribute dir spells it.
type Direction string

const (
	LTR Direction = "ltr"
	RTL Direction = "rtl"
)

// A Language is one that pages and notices can be written in.
type Language struct {
	Tag       string    // BCP 47, lower case: "fr"
	Name      string    // in English: "French"
	Own       string    // in itself: "français"
	Direction Direction // the way it is read
	Months    [12]string
}

var languages = []Language{
	{Tag: "ar", Name: "Arabic", Own: "العربية", Direction: RTL, Months: [12]string{"يناير", "فبراير", "مارس", "أبريل", "مايو", "يونيو", "يوليو", "أغسطس", "سبتمبر", "أكتوبر", "نوفمبر", "ديسمبر"}},
	{Tag: "de", Name: "German", Own: "Deutsch", Direction: LTR, Months: [12]string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"}},
	{Tag: "en", Name: "English", Own: "English", Direction: LTR, Months: [12]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}},
	{Tag: "es", Name: "Spanish", Own: "español", Direction: LTR, Months: [12]string{"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"}},
	{Tag: "fr", Name: "French", Own: "français", Direction: LTR, Months: [12]string{"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"}},
	{Tag: "it", Name: "Italian", Own: "italiano", Direction: LTR, Months: [12]string{"gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"}},
	{Tag: "nl", Name: "Dutch", Own: "Nederlands", Direction: LTR, Months: [12]string{"januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december"}},
	{Tag: "pt", Name: "Portuguese", Own: "português", Direction: LTR, Months: [12]string{"janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro", "dezembro"}},
}

// Tags returns the tags of all known languages, in alphabetical order.
func Tags() []string {
	tags := make([]string, len(languages))
	for i, l := range languages {
		tags[i] = l.Tag
	}
	return tags
}

// Find returns the language with that tag.
func Find(tag string) (Language, bool) {
	i, ok := slices.BinarySearchFunc(languages, tag, func(l Language, tag string) int {
		return strings.Compare(l.Tag, tag)
	})
	if !ok {
		return Language{}, false
	}
	return languages[i], true
}

// MonthsIn returns the tags of the languages in which word is the name of a
// month, whatever its case; nil for a word that names no month.
func MonthsIn(word string) []string {
	var tags []string
	for _, l := range languages {
		if slices.ContainsFunc(l.Months[:], func(m string) bool { return strings.EqualFold(m, word) }) {
			tags = append(tags, l.Tag)
		}
	}
	return tags
}
