package document

import (
	"cmp"
	"slices"

	"github.com/temoin/temoin/internal/wording"
	"github.com/temoin/temoin/policy"
)

// What is kept on the server, and what is promised about all of it.

func (b *builder) audience() {
	a := b.site.Audience
	if a.Source == "" {
		return
	}
	b.paragraphs(b.Say("audience." + a.Source).From("audience.source"))
	b.paragraphs(b.Paragraphs("audience.text", a.Text)...)
	var purposes []wording.Line
	for _, p := range a.Purposes {
		purposes = append(purposes, b.Say("purpose."+p).From("audience.purposes"))
	}
	b.paragraphs(b.with("audience.purposes", "purposes", b.List(purposes...)))
	b.paragraphs(b.with("audience.kept", "period", b.Period("audience.kept", a.Kept)))
	if a.Threshold > 1 {
		b.paragraphs(b.Say("audience.threshold", wording.A("n", b.Number("audience.threshold", a.Threshold))))
	}
	if a.OptOut {
		b.objection()
	}
	if a.Exemption {
		b.paragraphs(b.Say("audience.exemption").From("audience.exemption"))
	}
}

// consentSystem tells of the witness itself: its cookie and its records.
func (b *builder) consentSystem() {
	b.lead("system.text")
	if b.asks() {
		b.paragraphs(b.Say("system.cookie",
			wording.A("name", b.Key("choice.cookie", b.site.Choice.Cookie)), wording.A("period", b.Period("choice.lasts", b.site.Choice.Lasts))))
	}
	var rows [][]Cell
	for _, r := range b.site.Records {
		rows = append(rows, b.record(r))
	}
	b.table(b.Say("system.caption"), rows, "system.what", "system.why", "system.kept", "system.basis")
	p := b.site.Proof
	b.paragraphs(b.with("system.because", "reason", b.Text("proof.because", p.Because)))
	b.paragraphs(b.with("system.recipients", "recipients", b.Phrase("proof.recipients", p.Recipients)))
	var places []wording.Line
	for i, a := range p.Anchors {
		field := indexed("proof.anchors", i)
		places = append(places, b.Say("anchor."+string(a.Kind), wording.A("name", b.Name(field+".name", a.Name))).From(field+".kind"))
	}
	b.paragraphs(b.with("system.anchors", "places", b.List(places...)))
}

// asks reports whether visitors are asked about anything, now or in advance.
func (b *builder) asks() bool {
	return slices.ContainsFunc(b.site.Categories, (*policy.Category).NeedsConsent)
}

// objection says how one objects to being counted, and what remembers it.
func (b *builder) objection() {
	for _, t := range b.site.Trackers {
		if t.Name == policy.ObjectionCookie {
			b.paragraphs(b.Say("audience.opt-out", wording.A("name", b.TrackerName(t)), wording.A("period", b.Lifetimes(t)[0])).From("audience.opt_out"))
		}
	}
}

// recordFields are where the manifest says how long a record is kept.
var recordFields = map[string]string{
	"proof": "choice.lasts", "proof-archive": "proof.kept", "requests-archive": "records.requests", "mail": "records.mail",
	"reports": "records.reports", "account-choice": "choice.lasts", "audience": "audience.kept", "logs": "logs.kept",
}

func (b *builder) record(r policy.Record) []Cell {
	key := "record." + r.ID + ".why"
	if r.ID == "log" && len(b.site.Proof.Anchors) == 0 {
		key = "record.log.why-alone" // whoever holds the log could write another
	}
	why := b.Say(key, wording.A("purpose", wording.Capital(b.Text("logs.purpose", b.site.Logs.Purpose))))
	var content wording.Line
	if r.ID == "logs" {
		content = b.with("record.logs.content", "content", b.Phrase("logs.content", b.site.Logs.Content))
	}
	kept := b.Say("kept."+string(r.From), wording.A("period", b.Period(recordFields[r.ID], r.Kept)))
	return []Cell{cell(b.Say("record." + r.ID)), cell(why, content), cell(kept), cell(wording.Capital(b.Basis("", r.Basis)))}
}

// promises lists what the site commits to, by who can tell whether it is kept.
func (b *builder) promises() {
	for _, kind := range []policy.PromiseKind{policy.Observable, policy.Measured, policy.Attested, ""} {
		var items []Term
		var lines []wording.Line
		for _, p := range b.site.Promises {
			if p.Kind != kind || p.InShort && p.Attested.IsZero() {
				continue // said at the top of the page
			}
			line := b.Promise(p)
			if p.Attested.IsZero() {
				lines = append(lines, line)
				continue
			}
			term(&items, line, b.attested(p)...)
		}
		if len(lines)+len(items) > 0 {
			b.paragraphs(b.Say("promises." + cmp.Or(string(kind), "unchecked")))
			b.list(lines)
			b.terms(items)
		}
	}
}

// attested says who answers for a promise. It never says that it is proven.
func (b *builder) attested(p *policy.Promise) []wording.Line {
	e, field := p.Attested, p.Field+".attested"
	var source []wording.Line
	add := func(key, arg string, l wording.Line) { source = append(source, b.with(key, arg, l)) }
	add("promise.attested-by", "by", b.Name(field+".by", e.By))
	add("promise.attested-on", "date", b.Date(field+".date", e.Date, policy.Text{}))
	add("promise.attested-document", "document", b.document(field+".document", e.Document))
	add("promise.attested-review", "date", b.Date(field+".review", e.Review, policy.Text{}))
	return []wording.Line{b.Text(field+".text", e.Text), wording.Capital(b.Comma(source...))}
}

// document is a reference, or the address of one.
func (b *builder) document(field, s string) wording.Line {
	if s == "" {
		return nil
	}
	if l := b.URL(field, s); l[0].Kind == wording.Address {
		return l
	}
	return b.Name(field, s)
}
