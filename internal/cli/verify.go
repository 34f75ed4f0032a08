package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/policy"
)

var verifyCommand = command{
	name: "verify", args: "receipt.json --key KEY",
	short: "Verify the receipt of a choice offline, and say what it proves.",
	long: `A key is a log's public key, <name>+<id>+<base64>, or a file with one on each line;
--key can be given more than once. A witness's public key, given the same way, lets
its cosignatures count. --handover takes the signed word of a key that you know for
the next one of the same log, so that an old copy of a key is enough. A site publishes the keys of its log below /.temoin/log/;
a copy from elsewhere, such as an archive or a witness, says more.

Nothing is asked over the network.

Exit codes: 0 the receipt is verified, 1 it is not, 2 it could not be verified: it
is unreadable, has no proof yet, or there is no key.`,
	run: runVerify,
}

// What is read at most, in bytes, and of keys.
const (
	mostReceipt = 1 << 20
	mostKeyFile = 64 << 10
	mostKeys    = 64
)

const keysAdvice = "the site publishes its log's keys below /.temoin/log/ (write one after --key, or the name of a file with it)"

func runVerify(_ context.Context, c *call) int {
	format := c.flags.String("format", "text", "Write the result as `text` or json.")
	var keys names
	c.flags.Var(&keys, "key", "Trust this public key, or those in this `file`; can be given more than once.")
	var handovers names
	c.flags.Var(&handovers, "handover", "Trust the key that a trusted one has handed over to in this `file`; can be given more than once, the oldest first.")
	open, finish := c.output()
	if code, ok := c.parse(); !ok {
		return code
	}
	open()
	switch {
	case !slices.Contains([]string{"text", "json"}, *format):
		return c.fail("--format: %q is neither text nor json", *format)
	case len(c.args) != 1:
		return c.fail("which receipt? Write the name of one file")
	case len(keys) == 0:
		return c.fail("which key? A receipt is verified against the public key of its log: %s", keysAdvice)
	}
	trusted, err := readKeys(keys)
	if err == nil {
		err = trusted.follow(handovers)
	}
	if err != nil {
		return c.fail("%v", err)
	}
	src, err := readWhole(c.args[0], "receipt", mostReceipt)
	if err != nil {
		return c.fail("%v", err)
	}
	v := verifyReceipt(src, trusted)
	switch v.Reason {
	case register.Pending:
		return c.fail("%s has no proof yet, and without one there is nothing to verify. It follows within seconds of the choice: download the receipt from the site again", c.args[0])
	case register.Unreadable, register.OtherFormat:
		return c.fail("%s: %v%s", c.args[0], v.err, refusals[v.Reason].next)
	}
	if *format == "json" {
		err = v.writeJSON(c.Out)
	} else {
		_, err = io.WriteString(c.Out, v.text())
	}
	if code := finish(err); code != done {
		return code
	}
	if v.Reason != "" {
		return found
	}
	return done
}

// readWhole reads a regular file of bounded length.
func readWhole(file, what string, most int64) ([]byte, error) {
	if file == "-" {
		return nil, fmt.Errorf("- would be standard input, which is not read: write the %s to a file (one that is called so is ./-)", what)
	}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, unreadable(file, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file: name the file of the %s", file, what)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, unreadable(file, err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, unreadable(file, err)
	}
	if int64(len(src)) > most {
		return nil, fmt.Errorf("%s is longer than the %d bytes that a %s may have: check that this is the right file", file, most, what)
	}
	return src, nil
}

// trustedKeys are what the user believes.
type trustedKeys struct {
	logs      []ledger.Verifier
	witnesses []ledger.Witness
}

// readKeys reads keys, and files of keys. What reads as a key is none of a file.
func readKeys(values []string) (trustedKeys, error) {
	var k trustedKeys
	for _, value := range values {
		if k.add(value) {
			continue
		}
		src, err := readWhole(value, "key", mostKeyFile)
		if err != nil {
			return k, fmt.Errorf("--key is neither a public key (<name>+<id>+<base64>) nor a file that can be read: %w", err)
		}
		for i, line := range strings.Split(string(src), "\n") {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "PRIVATE+KEY+") {
				return k, fmt.Errorf("%s:%d is a private key, which nobody needs to verify: keep it secret, and give the public one", value, i+1)
			}
			if line != "" && !strings.HasPrefix(line, "#") && !k.add(line) {
				return k, fmt.Errorf("%s:%d is no public key: it must be one line, <name>+<id>+<base64>", value, i+1)
			}
		}
	}
	switch {
	case len(k.logs)+len(k.witnesses) > mostKeys:
		return k, fmt.Errorf("there are more than %d keys: give those of one log and its witnesses", mostKeys)
	case len(k.logs) == 0:
		return k, fmt.Errorf("there is no key of a log among the keys: %s", keysAdvice)
	}
	return k, nil
}

func (k *trustedKeys) add(text string) bool {
	if v, err := ledger.ParseVerifier(text); err == nil {
		if !slices.Contains(k.logs, v) {
			k.logs = append(k.logs, v)
		}
		return true
	}
	w, err := ledger.ParseWitness(text)
	if err == nil && !slices.Contains(k.witnesses, w) {
		k.witnesses = append(k.witnesses, w)
	}
	return err == nil
}

// follow adds the keys that trusted ones have handed over to.
func (k *trustedKeys) follow(files []string) error {
	for _, file := range files {
		src, err := readWhole(file, "handover", mostKeyFile)
		if err != nil {
			return err
		}
		_, rest, _ := strings.Cut(string(src), "\n")
		origin, _, _ := strings.Cut(rest, "\n")
		trust, err := k.forLog(origin).Follow(src)
		if err != nil {
			return fmt.Errorf("%s: %w: get it from the site again, or give an older --handover before it", file, err)
		}
		for _, v := range trust.Keys {
			if !slices.Contains(k.logs, v) {
				k.logs = append(k.logs, v)
			}
		}
	}
	return nil
}

// forLog returns what is known of a log; of the first log that a key is known of,
// if it is none of theirs.
func (k trustedKeys) forLog(origin string) ledger.Trust {
	if !slices.ContainsFunc(k.logs, func(v ledger.Verifier) bool { return v.Name() == origin }) {
		origin = k.logs[0].Name()
	}
	t := ledger.Trust{Origin: origin, Witnesses: k.witnesses}
	for _, v := range k.logs {
		if v.Name() == origin {
			t.Keys = append(t.Keys, v)
		}
	}
	return t
}

// A verification is the result for one receipt.
type verification struct {
	*register.Verified
	Reason    register.Reason // empty: verified
	err       error
	unchecked []string // who signed besides, and whose key is not known
}

func verifyReceipt(src []byte, keys trustedKeys) *verification {
	var r register.Receipt
	origin := ""
	if len(src) <= mostReceipt && json.Unmarshal(src, &r) == nil && r.Log != nil {
		origin, _, _ = strings.Cut(r.Log.Checkpoint, "\n")
	}
	trust := keys.forLog(origin)
	v, err := register.Verify(src, trust)
	if err != nil {
		return &verification{Reason: register.Why(err), err: err}
	}
	return &verification{Verified: v, unchecked: uncheckedSigners(r.Log.Checkpoint, v.Checkpoint)}
}

// uncheckedSigners are the names in a checkpoint's signature lines beyond those
// that were verified.
func uncheckedSigners(note string, c ledger.Checkpoint) (others []string) {
	verified := map[string]int{}
	for _, k := range c.Keys {
		verified[k.Name()]++
	}
	for _, w := range c.Cosignatures {
		verified[w.Witness.Name()]++
	}
	_, lines, _ := strings.Cut(note, "\n\n")
	for _, line := range strings.Split(strings.TrimSuffix(lines, "\n"), "\n") {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "— "), " ")
		if verified[name]--; verified[name] < 0 {
			others = append(others, name)
		}
	}
	return others
}

// A refusal is what a reason means, in words: which step failed, what that can
// come from, and what to do.
type refusal struct{ step, means, next string }

var refusals = map[register.Reason]refusal{
	register.Unreadable:  {next: "; download it from the site again"},
	register.OtherFormat: {next: "; a newer temoin may read it"},
	register.BadRecord: {"reading the record", "The record does not have exactly the fields of a record: it was written to after the site gave it out.",
		"Download the receipt again, and do not edit it."},
	register.BadSalt: {"reading the salt", "The salt, which binds the record to its entry in the log, was changed.", "Download the receipt again."},
	register.OtherLog: {"finding the log", "The receipt is of a log that none of the keys belongs to. The receipt may be genuine: this does not say.",
		"Give the key of that log, if you trust it: the site publishes it below /.temoin/log/."},
	register.Unsigned: {"verifying the signature of the log", "None of the keys has signed this state of the log. Either the log's key was replaced since, or somebody else wrote this.",
		"Ask for the other keys of the log, also the former ones, and give each with --key; or for the word of a key that you know (--handover)."},
	register.BadSignature: {"verifying the signature of the log", "A signature under a known key is wrong: what was signed (the log, its size, its root) is not what stands here.",
		"Download the receipt again. If the site gives it out so, its log cannot be trusted."},
	register.BadCheckpoint: {"reading the signed state of the log", "It is not written as a log writes it: it was damaged, or the log does not keep to the format.",
		"Download the receipt again."},
	register.BadProof: {"verifying that the record is in the log", "The log that was signed does not hold this record at this place: the record (such as an answer or the time), its salt, its index or the proof was changed.",
		"Download the receipt again. If the site gives it out so, it is no proof of this choice."},
}

// text writes line by line: nothing in a receipt can begin one, or steer a terminal.
func (v *verification) text() string {
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString(policy.Visible(fmt.Sprintf(format, args...)) + "\n")
	}
	row := func(name, format string, args ...any) {
		line("%-12s %s", name, fmt.Sprintf(format, args...))
	}
	if v.Reason != "" {
		r := refusals[v.Reason]
		line("Not verified: this receipt proves nothing.")
		line("")
		row("Failed at", "%s", r.step)
		row("Because", "%v", v.err)
		row("Meaning", "%s", r.means)
		row("Next", "%s", r.next)
		return b.String()
	}
	r, c := v.Record, v.Checkpoint
	line("Verified: this choice is in the log %s, as it stands here.", c.Origin)
	line("")
	line("What was chosen")
	for _, a := range r.Answers {
		line("  - %s: %s", a.Category, answerWords(a))
	}
	for _, x := range r.Exceptions {
		line("  - the service %s: %s, whatever is said of its category", x.Service, allowWords(x.Allow))
	}
	row("By", "%s", actionWords(r.Action))
	row("Means", "%s", stateWords(r.State))
	line("")
	row("When", "%s", momentWords(r.Time))
	row("Until", "%s%s", momentWords(r.Ends), lengthWords(r.Time, r.Ends))
	row("Site", "%s, of %s%s", r.Site, r.Controller.Name, controllerWords(r.Controller))
	row("Policy", "version %s, SHA-256 of its manifest %s", r.Policy.Version, r.Policy.Hash)
	row("Notice", "in the language %q, SHA-256 of what was shown %s", r.Language, r.Notice)
	row("For", "%s", scopeWords(r.Scope))
	if r.Signals.GPC {
		row("Signal", "the browser sent Global Privacy Control (Sec-GPC: 1)")
	}
	if r.Replaces != "" {
		row("Replaces", "the choice %s", r.Replaces)
	}
	if r.Imported != "" {
		row("Imported", "from %s: another system kept this choice before", r.Imported)
	}
	row("Change it", "%s", r.Withdraw)
	row("Record", "%s, entry %d (from 0) of a log of %d", r.ID, v.Index, c.Size)
	for _, k := range c.Keys {
		row("Signed by", "%s", k)
	}
	for _, w := range c.Cosignatures {
		row("Witness", "%s saw the log on %s", w.Witness.Name(), momentWords(w.Time.Format(time.RFC3339)))
	}
	for _, name := range v.unchecked {
		row("Unchecked", "there is a signature in the name of %s, whose key was not given: it counts for nothing", name)
	}
	line("")
	line("What this shows")
	for _, s := range v.shows() {
		line("  - %s", s)
	}
	line("")
	line("What it does not show")
	for _, s := range v.showsNot() {
		line("  - %s", s)
	}
	return b.String()
}

func (v *verification) shows() []string {
	list := []string{
		"The record above is the one that the log's operator has signed for, to the letter. No third party can have altered it.",
	}
	for _, w := range v.Checkpoint.Cosignatures {
		list = append(list, fmt.Sprintf("The record was in the log by %s, by the clock of %s, who signs only what continues the log it saw before: the operator has not rewritten it unless the two work together.",
			w.Time.Format(time.RFC3339), w.Witness.Name()))
	}
	return list
}

func (v *verification) showsNot() []string {
	var list []string
	if len(v.Checkpoint.Cosignatures) == 0 {
		list = append(list, "That the operator has not rewritten the log: it is tamper-evident against third parties, not against the operator, who holds the key. A witness whose key is given, or an anchor outside, would show it; there is none here.")
	}
	return append(list,
		"The exact time: it is told by the operator's clock.",
		"Who chose: a record names nobody. Whoever holds the receipt can show it.",
		"That the site still keeps the record. If it was destroyed, this receipt is as good as before, and without it nobody can tell what the entry stands for.",
		"What the notice looked like (its hash is here; the site keeps its bytes), and whether the site kept to the choice.")
}

func allowWords(allow bool) string {
	if allow {
		return "allowed"
	}
	return "not allowed"
}

func answerWords(a register.Answer) string {
	if a.InUse {
		return allowWords(a.Allow)
	}
	return allowWords(a.Allow) + ", as a preference: nothing in it was in use, so this is no consent"
}

func actionWords(a register.Action) string {
	if s, ok := map[register.Action]string{
		register.Accept: "accepting everything", register.Refuse: "refusing everything", register.Close: "closing the notice by its button, which refuses",
		register.Save: "saving answers one by one", register.Withdraw: "withdrawing what was allowed before", register.Imported: "a choice that another system had kept",
	}[a]; ok {
		return s
	}
	return fmt.Sprintf("%q", a)
}

func stateWords(s register.State) string {
	if w, ok := map[register.State]string{
		register.Given: "consent to everything that depends on it", register.Partial: "consent to a part, and no consent to the rest",
		register.Refused: "no consent", register.Withdrawn: "no consent any more: it was withdrawn", register.Preference: "a preference, and no consent: nothing depended on it",
	}[s]; ok {
		return w
	}
	return fmt.Sprintf("%q", s)
}

func scopeWords(s string) string {
	switch s {
	case string(policy.ScopeDevice):
		return "this browser"
	case string(policy.ScopeAccount):
		return "the visitor's account, on every device"
	}
	return fmt.Sprintf("%q", s)
}

func controllerWords(c register.Controller) string {
	var parts []string
	if c.SIREN != "" {
		parts = append(parts, "SIREN "+c.SIREN)
	}
	if c.Country != "" {
		parts = append(parts, "country "+c.Country)
	}
	if parts == nil {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// momentWords writes a time for programs and for people.
func momentWords(text string) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return text + " (" + at.UTC().Format("Monday, 2 January 2006, 15:04:05 UTC") + ")"
}

// lengthWords says how long it is between two times: in months, where they are
// whole, else in days.
func lengthWords(from, to string) string {
	a, err1 := time.Parse(time.RFC3339, from)
	b, err2 := time.Parse(time.RFC3339, to)
	if errors.Join(err1, err2) != nil || b.Before(a) {
		return ""
	}
	months := (b.Year()-a.Year())*12 + int(b.Month()-a.Month())
	if months > 0 && a.AddDate(0, months, 0).Equal(b) {
		return ", " + plural(months, "month")
	}
	return ", " + plural(int(b.Sub(a).Hours()/24), "day")
}

func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

func (v *verification) writeJSON(w io.Writer) error {
	type witness struct {
		Name string `json:"name"`
		Time string `json:"time"`
	}
	type log struct {
		Origin    string    `json:"origin"`
		Index     int64     `json:"index"`
		Size      int64     `json:"size"`
		Root      string    `json:"root"`
		SignedBy  []string  `json:"signedBy"`
		Witnesses []witness `json:"witnesses"`
		Unchecked []string  `json:"unchecked"` // names in signatures that nothing was verified of
	}
	out := struct {
		Version  int              `json:"version"`
		Verified bool             `json:"verified"`
		Reason   register.Reason  `json:"reason,omitempty"`
		What     string           `json:"what,omitempty"` // in English
		Record   *register.Record `json:"record,omitempty"`
		Log      *log             `json:"log,omitempty"`
		Shows    []string         `json:"shows,omitempty"`    // in English
		ShowsNot []string         `json:"showsNot,omitempty"` // in English
	}{Version: 1, Verified: v.Reason == "", Reason: v.Reason}
	if v.Reason != "" {
		out.What = v.err.Error()
	} else {
		c := v.Checkpoint
		l := &log{Origin: c.Origin, Index: v.Index, Size: c.Size, Root: c.Root.String(), Witnesses: []witness{}, Unchecked: append([]string{}, v.unchecked...)}
		for _, k := range c.Keys {
			l.SignedBy = append(l.SignedBy, k.String())
		}
		for _, s := range c.Cosignatures {
			l.Witnesses = append(l.Witnesses, witness{s.Witness.Name(), s.Time.Format(time.RFC3339)})
		}
		out.Record, out.Log, out.Shows, out.ShowsNot = v.Record, l, v.shows(), v.showsNot()
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
