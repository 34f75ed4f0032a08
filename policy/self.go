package policy

// What Témoin itself writes and keeps is part of every site's policy: the
// visitor is told about the witness too.

// A Record is one kind of thing that Témoin keeps on the server.
type Record struct {
	ID    string // "proof", "requests", …
	Basis Basis
	Kept  Period
	From  string // what the period counts from: "expiry", "answer", "receipt", "sending", "counting"
}

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
	choice.Field, choice.Purpose = "choice.cookie", s.Choice.Purpose
	if s.Choice.Domain == "registrable" {
		choice.Domain = registrable(s.Host)
	}
	trackers := []*Tracker{
		choice,
		cookie(PanelCookie, Lifetime{For, panelLasts}, ReasonServiceRequested, true),
	}
	if s.Choice.Scope == "account" {
		trackers = append(trackers, cookie(AccountCookie, Lifetime{Kind: Session}, ReasonChoice, true))
	}
	if s.Audience.Source != "" {
		trackers = append(trackers, cookie(ObjectionCookie, Lifetime{For, objectionKept}, ReasonChoice, false))
	}
	return trackers
}

// selfRecords are what Témoin keeps on the server for this site.
func (s *Site) selfRecords() []Record {
	records := []Record{
		{"proof", BasisLegalObligation, s.Proof.Kept, "expiry"},
		{"requests", BasisLegalObligation, s.Kept.Requests, "answer"},
		{"links", BasisLegalObligation, Period{24, Hour}, "sending"},
		{"mail", BasisLegitimateInterest, s.Kept.Mail, "sending"},
		{"reports", BasisLegitimateInterest, s.Kept.Reports, "counting"},
	}
	if s.Audience.Source != "" {
		records = append(records, Record{"audience", BasisLegitimateInterest, s.Audience.Kept, "counting"})
	}
	if !s.Logs.Kept.IsZero() {
		records = append(records, Record{"logs", BasisLegitimateInterest, s.Logs.Kept, "receipt"})
	}
	return records
}
