package policy

import (
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"unicode"

	"github.com/temoin/temoin/internal/lang"
)

// Forms of values that several parts of the manifest share.

// words is a Text: one text, or one for each language.
func words(dst *Text) shape { return textShape(dst, "a text", "", checkProse) }

// link is an address: https, or a path on the site itself; one for all
// languages or one for each.
func link(dst *Text) shape {
	return textShape(dst, "an address", linkPattern, func(s string) error {
		if !isLink(s) {
			return fmt.Errorf("%q is not an address", shorten(s))
		}
		return nil
	})
}

func textShape(dst *Text, what, pattern string, check func(string) error) shape {
	schema, fix := anyText, "a text, or one for each language: {en: …, fr: …}"
	if pattern != "" {
		schema, fix = matchingUpTo(maxLink, around(pattern)), `an address such as "https://example.com/privacy" or "/privacy", or one for each language`
	}
	scalar := func(lang string) shape {
		one := scalarShape{what: what, fix: fix, json: schema, set: func(s string) error {
			s = strings.TrimSpace(s)
			if err := check(s); err != nil {
				return err
			}
			dst.entries = append(dst.entries, textEntry{lang, s})
			return nil
		}}
		if pattern != "" {
			return one
		}
		return proseShape{one, lang}
	}
	return either(scalar(""), nil, languageShape{keyedShape[string]{
		dst: new([]string), what: what + " for each language", key: languagePattern,
		ok:   func(tag string) bool { _, ok := lang.Find(tag); return ok },
		elem: func(tag string, _ *string) shape { return scalar(tag) },
	}})
}

var languagePattern = "^(" + strings.Join(lang.Tags(), "|") + ")$"

// languageShape is a mapping from language tags; it says which tags there are.
type languageShape struct{ keyedShape[string] }

func (l languageShape) noun() string {
	return "a language tag (" + strings.Join(lang.Tags(), ", ") + ")"
}

func checkProse(s string) error {
	if s == "" {
		return fmt.Errorf("is empty")
	}
	for _, r := range s {
		if isHidden(r) && !isJoiner(r) && r != '\n' && r != '\t' {
			return fmt.Errorf("holds a control or direction character (U+%04X)", r)
		}
	}
	return nil
}

// maxLink bounds an address, in bytes.
const maxLink = 2000

const linkPattern = `^([Hh][Tt][Tt][Pp][Ss]?://[^\s/]+\S*|/([^\s/]\S*)?)$`

func isLink(s string) bool {
	if strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//") {
		s = "https://site" + s
	}
	return isURL(s)
}

const urlPattern = `^[Hh][Tt][Tt][Pp][Ss]?://[^\s/]+\S*$`

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil &&
		len(s) <= maxLink && !strings.ContainsFunc(s, isHidden) && !strings.Contains(s, " ")
}

// address is a complete http or https address.
func address(dst *string) shape {
	return patternAs(dst, "a web address", `a complete address such as "https://example.com/"`, matchingUpTo(maxLink, around(urlPattern)), isURL)
}

const (
	emailWord    = `[^\s\p{Z}\p{Cc}\p{Cf}()<>@,;:\\".\[\]]+`
	emailPattern = "^" + emailWord + `(\.` + emailWord + `)*@` + emailWord + `(\.` + emailWord + `)+$`
)

func email(dst *string) shape {
	return pattern(dst, "an e-mail address", `an address such as "dpo@example.com"`, emailPattern, func(s string) bool {
		a, err := mail.ParseAddress(s)
		return err == nil && a.Address == s && !strings.ContainsFunc(s, isHidden) && !strings.ContainsFunc(s, unicode.IsSpace) && !strings.Contains(s, "[") &&
			strings.Contains(s[strings.LastIndexByte(s, '@'):], ".")
	})
}

// datePattern matches the days that exist, from the year 1.
const datePattern = `^(([0-9]{3}[1-9]|[0-9]{2}[1-9][0-9]|[0-9][1-9][0-9]{2}|[1-9][0-9]{3})-` +
	`((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))` +
	`|([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)-02-29)$`

// day is a date as ISO 8601 writes it.
func day(dst *Date) shape {
	return scalarShape{what: "a date", fix: `a day that exists, as year-month-day: "2026-05-20"`, json: matching(around(datePattern)), def: "day", set: func(s string) error {
		d, err := ParseDate(s)
		if err == nil && d.IsZero() {
			err = fmt.Errorf("%q is not a date", shorten(s)) // of the year 0
		}
		if err == nil {
			*dst = d
		}
		return err
	}}
}

// spelled is a date, or a date with the spelling that the page is to use.
func spelled(dst *Date, as *Text) shape {
	return either(day(dst), nil, object("date", "a date", nil,
		must("date", day(dst), "The day, as year-month-day.", "2026-05-20"),
		may("written", words(as), "How the page spells this date, where it must not follow the language's own form.", `{en: "20 May 2026"}`),
	))
}

// country is an ISO 3166 code.
func country(dst *string) shape {
	schema := func() map[string]any { return map[string]any{"enum": strings.Fields(countryCodes)} }
	return scalarShape{what: "a country", fix: `a two-letter country code such as "FR"`, json: schema, def: "country", set: func(s string) error {
		if !KnownCountry(s) {
			return fmt.Errorf("%q is not a country code (ISO 3166-1 alpha-2)", shorten(s))
		}
		*dst = s
		return nil
	}}
}

// language is the tag of a language that Témoin can write.
func language(dst *string) shape { return oneOf(dst, lang.Tags()...) }

const (
	maxHost   = 253
	hostLabel = `[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?`
	hostName  = hostLabel + `(\.` + hostLabel + `)*`
)

// host is a host name as a browser's address bar resolves it, in ASCII.
func host(dst *string) shape {
	return patternAs(dst, "a host name", `a name such as "www.example.com" (no https://, no path)`, matchingUpTo(maxHost, around(hostName)), isHost)
}

func isHost(s string) bool {
	if s == "" || len(s) > maxHost {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
				return false
			}
		}
	}
	return true
}
