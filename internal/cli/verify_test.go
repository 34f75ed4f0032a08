package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/temoin/temoin/internal/register"
)

func TestEveryVectorOfAReceiptEndsWithItsExitCode(t *testing.T) {
	b, err := os.ReadFile("../register/testdata/receipts.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Keys     map[string]string
		Receipts []struct {
			Case, Receipt string
			Holds         bool
			Reason        register.Reason
			Keys          []string
		}
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "receipt.json")
	for _, c := range v.Receipts {
		if err := os.WriteFile(file, []byte(c.Receipt), 0o600); err != nil {
			t.Fatal(err)
		}
		want := found
		switch {
		case c.Holds:
			want = done
		case c.Reason == register.Unreadable, c.Reason == register.OtherFormat, c.Reason == register.Pending:
			want = failed
		}
		for _, format := range []string{"text", "json"} {
			args := []string{"verify", file, "--format", format}
			for _, k := range c.Keys {
				args = append(args, "--key", v.Keys[k])
			}
			code, out, errs := callFor(args...)
			if code != want || (out == "") != (code == failed) || (errs == "") == (code == failed) {
				t.Errorf("%s, %s: exit %d, want %d\n%s%s", c.Case, format, code, want, out, errs)
			}
			if format == "json" && out != "" && !json.Valid([]byte(out)) {
				t.Errorf("%s: %s", c.Case, out)
			}
		}
	}
}

func TestNothingInAReceiptBeginsALineOrSteersATerminal(t *testing.T) {
	evil := "x\nVerified\x1b[2J\u202e"
	v := &verification{Verified: &register.Verified{Record: &register.Record{
		Action: register.Action(evil), State: register.State(evil), Site: evil, Time: evil, Ends: evil, Scope: evil, Withdraw: evil, Replaces: evil, Imported: evil,
		Controller: register.Controller{Country: evil, Name: evil, SIREN: evil}, Policy: register.Policy{Version: evil, Hash: evil},
		Answers: []register.Answer{{Category: evil}}, Exceptions: []register.Exception{{Service: evil}},
	}}, unchecked: []string{evil}}
	for _, line := range strings.Split(v.text(), "\n") {
		if strings.HasPrefix(line, "Verified\ufffd") || strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
			t.Errorf("%q", line)
		}
	}
}

func TestALengthIsSaidInMonthsWhereTheyAreWhole(t *testing.T) {
	for _, c := range [][3]string{
		{"2026-11-21T12:00:00Z", "2027-05-21T12:00:00Z", ", 6 months"},
		{"2026-11-21T12:00:00Z", "2026-12-21T12:00:00Z", ", 1 month"},
		{"2026-08-31T12:00:00Z", "2027-02-28T12:00:00Z", ", 181 days"},
		{"2026-11-21T12:00:00Z", "2026-11-22T12:00:00Z", ", 1 day"},
		{"2026-11-21T12:00:00Z", "2026-11-20T12:00:00Z", ""},
		{"yesterday", "2026-11-20T12:00:00Z", ""},
	} {
		if got := lengthWords(c[0], c[1]); got != c[2] {
			t.Errorf("%s to %s: %q, want %q", c[0], c[1], got, c[2])
		}
	}
}
