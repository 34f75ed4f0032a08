// Package verifier is a page that verifies receipts in the visitor's browser. It
// shares no code with package register: who does not believe the one can ask the
// other. They agree on every vector of internal/register/testdata/receipts.json.
//
// The page is one file and asks nobody for anything: it works when saved and opened
// without a network. Its policy lets run the one script and the one style that are
// in it, whatever language and keys it is given.
package verifier

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html"
	"slices"
	"strings"
)

//go:embed verify.js
var verify string

//go:embed page.js
var page string

//go:embed page.css
var style string

//go:embed page.html
var frame string

// Module returns the verifier alone: an ES module that exports verify(receipt, keys).
func Module() string { return verify }

// Languages are those that the page has words in.
func Languages() []string { return []string{"en", "fr", "ar"} }

// script is what the page runs: the module, and the form around it.
func script() string { return verify + "\n" + page }

// Page returns the page in a language, or in English. keys are written into it,
// public keys of the log and its witnesses.
func Page(lang string, keys ...string) []byte {
	if !slices.Contains(Languages(), lang) {
		lang = "en"
	}
	dir := "ltr"
	if lang == "ar" {
		dir = "rtl"
	}
	return []byte(strings.NewReplacer(
		`lang="en" dir="ltr"`, `lang="`+lang+`" dir="`+dir+`"`,
		"{csp}", html.EscapeString(policy()), "{style}", style, "{script}", script(),
		"{keys}", html.EscapeString(strings.Join(keys, "\n")),
	).Replace(frame))
}

// CSP returns the Content-Security-Policy to serve the page with.
func CSP() string { return policy() + "; frame-ancestors 'none'" }

// policy is what the page carries itself, for the time without a server: there
// frame-ancestors has no meaning.
func policy() string {
	return "default-src 'none'; script-src '" + hash(script()) + "'; style-src '" + hash(style) +
		"'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
