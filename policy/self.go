package policy

import "slices"

// What Témoin itself writes and keeps is part of every site's policy: the
// visitor is told about the witness too.

// A Record is one kind of thing that is kept on the server because of the site.
type Record struct {
	ID    string // "proof", "requests", …
	Basis Basis
	Kept  Period // zero: as long as From says, without a term
	From  Event  // what the period counts from
	By    string // "temoin", or "site" for what the site's own servers keep
}

// An Event is what the time that a record is kept counts from.
type Event string

const (
	FromChoice   Event = "choice"   // the visitor's choice
	FromExpiry   Event = "expiry"   // the end of the choice
	FromReceipt  Event = "receipt"  // of a request, or of a page's address by the server
	FromAnswer   Event = "answer"   // to a request
	FromSending  Event = "sending"  // of a message
	FromCounting Event = "counting" // of what is counted
	ForGood      Event = "for-good" // no end
	WhileInUse   Event = "in-use"   // as long as the account exists
)

// Names of what Témoin writes in the browser. The choice cookie's name is the
// manifest's (Choice.Cookie).
const (
	DefaultChoiceCookie = "eu-consent" // as délibération 2020-092 suggests
	AccountCookie       = "__Host-temoin-account"
	PanelCookie         = "__Host-temoin-panel"
	ObjectionCookie     = "temoin-no-audience"
)

var (
	halfYear      = Period{6, Month}
	proofKept     = Period{5, Year}
	requestsKept  = Period{5, Year}
	reportsKept   = Period{30, Day}
	mailKept      = Period{12, Month}
	statisticKept = Period{13, Month}
	objectionKept = Period{13, Month}
	panelLasts    = Period{30, Minute}
)

func orPeriod(p, otherwise Period) Period {
	if p.IsZero() {
		return otherwise
	}
	return p
}

// selfTrackers are the cookies that Témoin writes on this site.
func (s *Site) selfTrackers(category *Category) []*Tracker {
	cookie := func(name string, lasts Lifetime, reason Reason, httpOnly bool) *Tracker {
		return &Tracker{
			Origin: FromTemoin, Name: name, Storage: Cookie, Category: category, Lasts: Lifetimes{{Lifetime: lasts}},
			Party: FirstParty, Path: "/", HTTPOnly: httpOnly, Secure: true, SameSite: "Lax", Reason: reason, pattern: compilePattern(name),
		}
	}
	choice := cookie(s.Choice.Cookie, Lifetime{For, s.Choice.Lasts}, ReasonChoice, false)
	choice.Field, choice.Purpose, choice.Basis = "choice.cookie", s.Choice.Purpose, BasisLegalObligation
	if s.Choice.Domain == "registrable" {
		choice.Domain = registrable(s.Host)
	}
	trackers := []*Tracker{
		choice,
		cookie(PanelCookie, Lifetime{For, panelLasts}, ReasonServiceRequested, true),
	}
	if s.Choice.Scope == ScopeAccount {
		trackers = append(trackers, cookie(AccountCookie, Lifetime{Kind: Session}, ReasonChoice, true))
	}
	if s.Audience.Source != "" {
		trackers = append(trackers, cookie(ObjectionCookie, Lifetime{For, objectionKept}, ReasonChoice, false))
	}
	return trackers
}

// selfRecords are what is kept on the server for this site. Showing that consent
// was given, and answering requests, are duties; keeping both afterwards against
// a claim is an interest. Where nothing depends on consent, choices are
// preferences, which no law asks to prove.
func (s *Site) selfRecords() []Record {
	proof := BasisLegitimateInterest
	if slices.ContainsFunc(s.Categories, (*Category).InUse) {
		proof = BasisLegalObligation
	}
	records := []Record{
		{"proof", proof, s.Choice.Lasts, FromChoice, "temoin"},
		{"proof-archive", BasisLegitimateInterest, s.Proof.Kept, FromExpiry, "temoin"},
		{"log", BasisLegitimateInterest, Period{}, ForGood, "temoin"}, // 32 bytes that nobody can read without the record
		{"requests", BasisLegalObligation, Period{3, Month}, FromReceipt, "temoin"},
		{"requests-archive", BasisLegitimateInterest, s.Kept.Requests, FromAnswer, "temoin"},
		{"links", BasisLegalObligation, Period{24, Hour}, FromSending, "temoin"},
		{"mail", BasisLegitimateInterest, s.Kept.Mail, FromSending, "temoin"},
		{"reports", BasisLegitimateInterest, s.Kept.Reports, FromCounting, "temoin"},
		{"staff", BasisLegitimateInterest, Period{}, WhileInUse, "temoin"},
	}
	if s.Choice.Scope == ScopeAccount {
		records = append(records, Record{"account-choice", proof, s.Choice.Lasts, FromChoice, "temoin"})
	}
	if s.Audience.Source != "" {
		records = append(records, Record{"audience", BasisLegitimateInterest, s.Audience.Kept, FromCounting, "temoin"})
	}
	if !s.Logs.Kept.IsZero() {
		records = append(records, Record{"logs", BasisLegitimateInterest, s.Logs.Kept, FromReceipt, "site"})
	}
	return records
}
