package kit

import (
	"fmt"
	"io/fs"
	"strings"

	"go.yaml.in/yaml/v4"
)

// words are the texts of a site by key and language.
type words map[string]map[string]string

// readWords reads words.yaml, of the form
//
//	key: {en: Text, fr: Texte}
//
// and fails where a text is missing in a language of the site.
func readWords(files fs.FS, langs []string) (words, error) {
	const name = "words.yaml"
	src, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	var all words
	if err := yaml.Load(src, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for key, texts := range all {
		for _, l := range langs {
			if texts[l] == "" {
				return nil, fmt.Errorf("%s: %s lacks the language %s", name, key, l)
			}
		}
	}
	return all, nil
}

// say returns a text, with each {} filled.
func (w words) say(lang, key string, values ...any) (string, error) {
	text, ok := w[key][lang]
	if !ok {
		return "", fmt.Errorf("there is no text %q in the language %s", key, lang)
	}
	for _, v := range values {
		text = strings.Replace(text, "{}", fmt.Sprint(v), 1)
	}
	return text, nil
}
