package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/temoin/temoin/internal/anchor"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/policy"
)

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

// A page is text written line by line: nothing in what is verified can begin one,
// or steer a terminal.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) {
	p.WriteString(policy.Visible(fmt.Sprintf(format, args...)) + "\n")
}

func (p *page) row(name, format string, args ...any) {
	p.line("%-12s %s", name, fmt.Sprintf(format, args...))
}

func (p *page) list(title string, items []string) {
	p.line("")
	p.line("%s", title)
	for _, s := range items {
		p.line("  - %s", s)
	}
}

// text says the result in words.
func (v *verification) text() string {
	var p page
	switch {
	case v.Reason != "":
		v.refused(&p)
	case v.Verified == nil:
		v.alone(&p)
	default:
		v.receipt(&p)
	}
	return p.String()
}

func (v *verification) refused(p *page) {
	r := refusals[v.Reason]
	p.line("Not verified: this receipt proves nothing.")
	p.line("")
	p.row("Failed at", "%s", r.step)
	p.row("Because", "%v", v.err)
	p.row("Meaning", "%s", r.means)
	p.row("Next", "%s", r.next)
}

// alone is about evidence without a receipt.
func (v *verification) alone(p *page) {
	if v.wrong {
		p.line("Not verified: some of the evidence is not what it says.")
	} else {
		p.line("Verified: what is called so below.")
	}
	p.list("Evidence from outside", v.outside.words())
	p.list("What it does not show", append(v.otherLogs(), "Which choices are in the log: a receipt shows that."))
}

func (v *verification) receipt(p *page) {
	r, c := v.Record, v.Checkpoint
	p.line("Verified: this choice is in the log %s, as it stands here.", c.Origin)
	v.choice(p)
	p.line("")
	p.row("When", "%s", momentWords(r.Time))
	p.row("Until", "%s%s", momentWords(r.Ends), lengthWords(r.Time, r.Ends))
	p.row("Site", "%s, of %s%s", r.Site, r.Controller.Name, controllerWords(r.Controller))
	p.row("Policy", "version %s, SHA-256 of its manifest %s", r.Policy.Version, r.Policy.Hash)
	p.row("Notice", "in the language %q, SHA-256 of what was shown %s", r.Language, r.Notice)
	p.row("For", "%s", scopeWords(r.Scope))
	if r.Signals.GPC {
		p.row("Signal", "the browser sent Global Privacy Control (Sec-GPC: 1)")
	}
	if r.Replaces != "" {
		p.row("Replaces", "the choice %s", r.Replaces)
	}
	if r.Imported != "" {
		p.row("Imported", "from %s: another system kept this choice before", r.Imported)
	}
	p.row("Change it", "%s", r.Withdraw)
	p.row("Record", "%s, entry %d (from 0) of a log of %d", r.ID, v.Index, c.Size)
	for _, k := range c.Keys {
		p.row("Signed by", "%s", k)
	}
	for _, w := range c.Cosignatures {
		p.row("Witness", "%s saw the log on %s", w.Witness.Name(), momentWords(w.Time.Format(time.RFC3339)))
	}
	for _, name := range v.unchecked {
		p.row("Unchecked", "there is a signature in the name of %s, whose key was not given: it counts for nothing", name)
	}
	if v.wrong {
		p.line("")
		p.line("BUT some of the evidence from outside is not what it says.")
	}
	if words := v.outside.words(); len(words) > 0 {
		p.list("Evidence from outside", words)
	}
	p.list("What this shows", v.shows())
	p.list("What it does not show", v.showsNot())
}

// choice is what was chosen.
func (v *verification) choice(p *page) {
	var items []string
	for _, a := range v.Record.Answers {
		items = append(items, fmt.Sprintf("%s: %s", a.Category, answerWords(a)))
	}
	for _, x := range v.Record.Exceptions {
		items = append(items, fmt.Sprintf("the service %s: %s, whatever is said of its category", x.Service, allowWords(x.Allow)))
	}
	p.list("What was chosen", items)
	p.row("By", "%s", actionWords(v.Record.Action))
	p.row("Means", "%s", stateWords(v.Record.State))
}

func (v *verification) shows() []string {
	list := []string{
		"The record above is the one that the log's operator has signed for, to the letter. No third party can have altered it.",
	}
	for _, w := range v.Checkpoint.Cosignatures {
		list = append(list, watchedWords(w.Time, w.Witness.Name()))
	}
	for _, p := range v.outside.covered() {
		switch at := p.proven.Time; p.proven.Kind {
		case anchor.Witnessed:
			list = append(list, watchedWords(at, p.proven.By))
		case anchor.Timestamp:
			list = append(list, fmt.Sprintf("The record was in the log by %s, by the clock of %s: the operator has not made it later.", clock(at), p.proven.By))
		default:
			list = append(list, fmt.Sprintf("The record is in the log that was published as %s, as far as whoever kept the copy can be believed.", p.proven.By))
		}
	}
	return list
}

func watchedWords(at time.Time, by string) string {
	return fmt.Sprintf("The record was in the log by %s, by the clock of %s, who signs only what continues the log it saw before: the operator has not rewritten it unless the two work together.", clock(at), by)
}

func (v *verification) showsNot() []string {
	return append(v.otherLogs(),
		"The exact time: it is told by the operator's clock.",
		"Who chose: a record names nobody. Whoever holds the receipt can show it.",
		"That the site still keeps the record. If it was destroyed, this receipt is as good as before, and without it nobody can tell what the entry stands for.",
		"What the notice looked like (its hash is here; the site keeps its bytes), and whether the site kept to the choice.")
}

// otherLogs says what the operator could still have done, who holds the key.
func (v *verification) otherLogs() []string {
	var cosigned int
	if v.Verified != nil {
		cosigned = len(v.Checkpoint.Cosignatures)
	}
	kinds := map[anchor.Kind]bool{}
	for _, p := range v.outside.counting(v.Verified != nil) {
		kinds[p.proven.Kind] = true
	}
	switch {
	case cosigned > 0 || kinds[anchor.Witnessed]:
		return nil
	case len(kinds) > 0:
		return []string{"That the operator has no other log: one can be time-stamped or published beside this one, and shown to others. A witness whose key is given, or a comparison with copies that others keep, would show it."}
	}
	return []string{"That the operator has not rewritten the log: it is tamper-evident against third parties, not against the operator, who holds the key. A witness whose key is given, or an anchor outside, would show it; there is none here."}
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
		Evidence []outcomeJSON    `json:"evidence,omitempty"`
		Shows    []string         `json:"shows,omitempty"`    // in English
		ShowsNot []string         `json:"showsNot,omitempty"` // in English
	}{Version: 1, Verified: v.Reason == "" && !v.wrong, Reason: v.Reason, Evidence: v.outside.json()}
	switch {
	case v.Reason != "":
		out.What = v.err.Error()
	case v.Verified == nil:
		out.ShowsNot = v.otherLogs()
	default:
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
