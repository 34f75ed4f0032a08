package consent

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/temoin/temoin/policy"
)

// The systems whose choices can be read.
const (
	Klaro         = "klaro"         // klaro-org/klaro-js, 0.1 to 0.7
	CookieConsent = "cookieconsent" // orestbida/cookieconsent 2 and 3: vanilla-cookieconsent
	Tarteaucitron = "tarteaucitron" // AmauriC/tarteaucitron.js 1
	Orejime       = "orejime"       // empreinte-digitale/orejime 1 and 2
	Orejime3      = "orejime-3"     // boscop-fr/orejime 3: the same content under another name
)

// Limits of a value of another system, in bytes.
const (
	maxForeign     = 4096
	maxForeignName = 128
)

// ForeignSystems returns the systems whose choices can be read.
func ForeignSystems() []string {
	return []string{Klaro, CookieConsent, Tarteaucitron, Orejime, Orejime3}
}

// ForeignCookie returns the name of the cookie in which a system keeps its
// choices unless it was configured otherwise; "" for a system that is not known.
func ForeignCookie(system string) string {
	switch system {
	case CookieConsent:
		return "cc_cookie"
	case Orejime3:
		return "eu-consent"
	case Klaro, Tarteaucitron, Orejime:
		return system
	}
	return ""
}

// ForeignValue returns the value of a cookie as it stands in a Cookie header.
// Use it in place of net/http's, which drops a cookie that has quotes in its
// value: cookieconsent 2 and orejime 2 write bare JSON. A name that stands there
// with two values has none: nobody can say which of them was meant.
func ForeignValue(header, name string) (string, bool) {
	value, found := "", false
	for pair := range strings.SplitSeq(header, ";") {
		n, v, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
		if !ok || n != name {
			continue
		}
		if found && v != value {
			return "", false
		}
		value, found = v, true
	}
	return value, found
}

// A ForeignAnswer is what another system kept about one of its names: a service,
// a purpose or a category, as the site had called it there.
type ForeignAnswer struct {
	Name  string
	Allow bool
}

// A Foreign is a choice that a site's former consent system left in the browser.
//
// Only cookieconsent from 2.8.1 on says when the choice was made, and only its
// version 3 says when it ends. A service of cookieconsent 3 has the name
// "category/service". A category of it that has services is no answer of its own:
// the cookie says which of them were accepted, not whether they were all.
type Foreign struct {
	System    string
	At, Until time.Time       // zero where the system does not say
	Revision  int             // of the former notice; 0 where the system does not say
	Answers   []ForeignAnswer // by name, each name once
	Closed    bool            // the system lists what was accepted: any other name it asked about was refused
}

// ReadForeign reads the value of another system's cookie. It is strict: for
// whatever that system would not have written, and for what it would not take
// for a choice itself, there is no choice. What was not answered yet ("wait" of
// tarteaucitron) is no answer.
func ReadForeign(system, value string) (*Foreign, bool) {
	f := &Foreign{System: system}
	if len(value) > maxForeign || !f.read(value) {
		return nil, false
	}
	slices.SortFunc(f.Answers, func(a, b ForeignAnswer) int { return strings.Compare(a.Name, b.Name) })
	return f, true
}

func (f *Foreign) read(value string) bool {
	switch f.System {
	case Tarteaucitron:
		return f.readMarks(value)
	case CookieConsent:
		return f.readAccepted(value)
	case Klaro, Orejime, Orejime3:
		return f.readSwitches(value)
	}
	return false
}

// readMarks reads "!gtag=true!youtube=false!vimeo=wait".
func (f *Foreign) readMarks(value string) bool {
	rest, ok := strings.CutPrefix(value, "!")
	if !ok {
		return false
	}
	for mark := range strings.SplitSeq(rest, "!") {
		name, state, _ := strings.Cut(mark, "=")
		switch state {
		case "true", "false":
			if !f.add(name, state == "true") {
				return false
			}
		case "wait":
		default:
			return false
		}
	}
	return true
}

// readSwitches reads {"matomo":true,"youtube":false}.
func (f *Foreign) readSwitches(value string) bool {
	fields, ok := readObject(decodeForeign(value))
	for name, raw := range fields {
		state := string(raw)
		ok = ok && (state == "true" || state == "false") && f.add(name, state == "true")
	}
	return ok
}

// readAccepted reads {"categories":["necessary","analytics"], …}, or "level" in
// the place of "categories" as until cookieconsent 2.8.0.
func (f *Foreign) readAccepted(value string) bool {
	fields, ok := readObject(decodeForeign(value))
	if !ok {
		return false
	}
	accepted, ok := acceptedIn(fields)
	if !ok || !f.readDates(fields) || !optional(fields, "revision", &f.Revision) {
		return false
	}
	services, ok := map[string]json.RawMessage(nil), true
	if raw, has := fields["services"]; has {
		services, ok = readObject(raw)
	}
	f.Closed = true
	for _, category := range accepted {
		ok = ok && f.addCategory(category, services[category])
	}
	return ok
}

// addCategory adds an accepted category, or those of its services that were
// accepted where it has any. A category with a slash in its id could be taken for
// a service: there is no reading such a value.
func (f *Foreign) addCategory(category string, raw json.RawMessage) bool {
	var services []string
	if raw != nil && json.Unmarshal(raw, &services) != nil || category == "" || strings.Contains(category, "/") {
		return false
	}
	for _, s := range services {
		if s == "" || !f.addOnce(category+"/"+s) {
			return false
		}
	}
	return len(services) > 0 || f.addOnce(category)
}

// acceptedIn returns what was accepted. Since 2.8.1 cookieconsent takes a value
// without an id and a time for no choice: its cookie can carry a site's data
// before anybody has chosen.
func acceptedIn(fields map[string]json.RawMessage) (names []string, ok bool) {
	raw, now := fields["categories"]
	if !now {
		raw = fields["level"]
	}
	if json.Unmarshal(raw, &names) != nil || names == nil {
		return nil, false
	}
	return names, !now || says(fields, "consentId") && says(fields, "consentTimestamp") ||
		says(fields, "consent_uuid") && says(fields, "consent_date")
}

// readDates reads when the choice was last made and when it ends.
func (f *Foreign) readDates(fields map[string]json.RawMessage) bool {
	for _, name := range []string{"lastConsentTimestamp", "last_consent_update", "consentTimestamp", "consent_date"} {
		if says(fields, name) {
			if !jsTime(fields[name], &f.At) {
				return false
			}
			break
		}
	}
	var ends int64
	if !optional(fields, "expirationTime", &ends) || ends < 0 {
		return false
	}
	if ends > 0 {
		f.Until = time.UnixMilli(ends).UTC()
	}
	return true
}

// jsTime reads what Date.toISOString writes.
func jsTime(raw json.RawMessage, to *time.Time) bool {
	const layout = "2006-01-02T15:04:05.000Z"
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return false
	}
	t, err := time.Parse(layout, s)
	*to = t
	return err == nil && t.Format(layout) == s
}

// says reports whether a field is there and is not empty.
func says(fields map[string]json.RawMessage, name string) bool {
	raw := string(fields[name])
	return raw != "" && raw != "null" && raw != `""`
}

// optional reads a field that need not be there.
func optional(fields map[string]json.RawMessage, name string, to any) bool {
	raw, ok := fields[name]
	return !ok || json.Unmarshal(raw, to) == nil
}

// decodeForeign undoes encodeURIComponent, also where braces and colons were left
// as they are, as js-cookie does. Bare JSON stays as it is.
func decodeForeign(value string) []byte {
	if json.Valid([]byte(value)) {
		return []byte(value)
	}
	decoded, err := url.PathUnescape(value)
	if err != nil {
		return nil
	}
	return []byte(decoded)
}

// readObject reads the fields of a JSON object, each name once.
func readObject(text []byte) (map[string]json.RawMessage, bool) {
	if !json.Valid(text) || !utf8.Valid(text) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	fields := map[string]json.RawMessage{}
	for dec.More() {
		token, err := dec.Token()
		name, _ := token.(string)
		var raw json.RawMessage
		if _, twice := fields[name]; twice || err != nil || dec.Decode(&raw) != nil {
			return nil, false
		}
		fields[name] = bytes.TrimSpace(raw)
	}
	return fields, true
}

// add adds an answer to a name that has none yet.
func (f *Foreign) add(name string, allow bool) bool {
	if _, twice := f.answer(name); twice || len(f.Answers) == maxListed || !isForeignName(name) {
		return false
	}
	f.Answers = append(f.Answers, ForeignAnswer{name, allow})
	return true
}

// addOnce adds a name that was accepted; lists may have it twice.
func (f *Foreign) addOnce(name string) bool {
	_, twice := f.answer(name)
	return twice || f.add(name, true)
}

func isForeignName(s string) bool {
	return s != "" && len(s) <= maxForeignName && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// answer returns what the cookie itself has under a name.
func (f *Foreign) answer(name string) (allow, ok bool) {
	for _, a := range f.Answers {
		if a.Name == name {
			return a.Allow, true
		}
	}
	return false, false
}

// said returns what was decided about a name that the system had asked about.
func (f *Foreign) said(name string) (allow, ok bool) {
	if allow, ok := f.answer(name); ok || !f.Closed {
		return allow, ok
	}
	partly := slices.ContainsFunc(f.Answers, func(a ForeignAnswer) bool { return strings.HasPrefix(a.Name, name+"/") })
	return false, !partly
}

// A Mapping declares what the names of a site's former consent system are today,
// and what its notice had said. It is the operator's statement: nothing in a
// cookie says what a visitor was told.
//
// Without evidence a mapping still leads refusals to where they belong.
type Mapping struct {
	System   string   // the system it is about; it says nothing about any other
	Names    []Mapped // a name may lead to several places, and several names to one
	Evidence string   // the former notice: its hash, or a reference under which it is kept
	Revision int      // of the former notice, as the system counts it; 0 where it does not
	// Covers says which scope of a category the former notice had covered, by the
	// category's id: the first 24 bits of its fingerprint (policy.Fingerprint.Short)
	// when the operator compared the two. A yes is imported under that scope and no
	// other, so that what the category gains later is asked for as always.
	Covers map[string]uint32
}

// Mapped says what a name is today: a category, or a service.
type Mapped struct {
	Name              string
	Category, Service string // the id of one of them
}

// Import makes a choice of one that another system left; false where nothing of
// it counts. Whoever records it records it as imported, which the choice and its
// cookie do not say.
//
//   - A refusal counts at once: of the category or service that the mapping leads
//     the name to, else of each whose id, or whose id in the catalogue, the name
//     is, however it is spelt ("googleMaps"). Names of tarteaucitron are those of
//     services. Where a system lists only what was accepted, a name counts as
//     refused that the mapping names and the list lacks.
//   - A yes counts where the mapping leads it to a category or service, names the
//     evidence and the revision, and says that the notice covered the category's
//     scope, which the site still honours; and only with a time, which does not
//     lie ahead.
//   - A category is accepted where all names that lead to it were, and no service
//     in it was left open; it is refused where any was. Where it has only
//     services, and all of them were answered, these answer it.
//   - A yes to a service is nothing against a refusal of its category; a refused
//     service that cannot be told from its category leaves the category open.
//   - All else is unanswered: it is asked about.
//
// The choice keeps its time, and ends when it would have ended there or when the
// site's own choices end, whichever is earlier. Refusals without a time count
// from now.
func Import(site *policy.Site, f *Foreign, m Mapping, id ID, now time.Time) (*Choice, bool) {
	if f == nil {
		return nil, false
	}
	dated := !f.At.IsZero() && !f.At.After(now)
	c := begin(site, f, id, now, dated)
	if !c.InForce(site, now) {
		return nil, false
	}
	if m.System != f.System {
		m = Mapping{}
	}
	b := newBallot(site)
	b.countMapped(f, m, dated && strings.TrimSpace(m.Evidence) != "" && m.Revision == f.Revision)
	b.countNamed(f, m)
	for _, k := range site.Categories {
		if k.NeedsConsent() {
			b.settle(c, k, m)
		}
	}
	if len(c.Answers)+len(c.Exceptions) == 0 {
		return nil, false
	}
	return c, true
}

// begin makes an imported choice without answers.
func begin(site *policy.Site, f *Foreign, id ID, now time.Time, dated bool) *Choice {
	at := now
	if dated {
		at = f.At
	}
	c := &Choice{ID: id, At: at.UTC().Truncate(time.Second)}
	c.Until = site.Choice.Lasts.After(c.At)
	if !f.Until.IsZero() && f.Until.Before(c.Until) {
		c.Until = f.Until.UTC().Truncate(time.Second)
	}
	return c
}

// A verdict is what all names that lead to one place say together: the highest
// counts.
type verdict uint8

const (
	unsaid  verdict = iota // no name leads there
	granted                // yes
	open                   // one of them has no answer, or a yes that does not count
	refused
)

// A ballot collects the verdicts on a site's categories and services.
type ballot struct {
	site                 *policy.Site
	categories, services []verdict
}

func newBallot(site *policy.Site) *ballot {
	return &ballot{site, make([]verdict, len(site.Categories)), make([]verdict, len(site.Services))}
}

func (b *ballot) category(k *policy.Category, v verdict) {
	b.categories[k.Index] = max(b.categories[k.Index], v)
}

func (b *ballot) service(s *policy.Service, v verdict) {
	b.services[s.Index] = max(b.services[s.Index], v)
}

// countMapped counts the names that the mapping leads somewhere.
func (b *ballot) countMapped(f *Foreign, m Mapping, grants bool) {
	for _, n := range m.Names {
		v := open
		switch allow, ok := f.said(n.Name); {
		case ok && !allow:
			v = refused
		case ok && grants:
			v = granted
		}
		if k := b.site.Category(n.Category); k != nil {
			b.category(k, v)
		}
		if s := b.site.Service(n.Service); s != nil {
			b.service(s, v)
		}
	}
}

// countNamed counts the refusals of names that the mapping does not know.
func (b *ballot) countNamed(f *Foreign, m Mapping) {
	for _, a := range f.Answers {
		if a.Allow || slices.ContainsFunc(m.Names, func(n Mapped) bool { return n.Name == a.Name }) {
			continue
		}
		name, known := fold(a.Name), ""
		if f.System == Tarteaucitron {
			known = tarteaucitronService(a.Name)
		}
		for _, k := range b.site.Categories {
			if f.System != Tarteaucitron && name == fold(k.ID) {
				b.category(k, refused)
			}
		}
		for _, s := range b.site.Services {
			use := s.FromCatalogue()
			if name == fold(s.ID) || use != "" && (name == fold(use) || known == use) {
				b.service(s, refused)
			}
		}
	}
}

// fold leaves of a name what stays the same however it is spelt: "google-maps",
// "googleMaps", "Google Maps". It serves refusals only.
func fold(name string) string {
	folded := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
	if folded == "" {
		return name
	}
	return folded
}

// settle writes what the verdicts say about a category and the services in it.
func (b *ballot) settle(c *Choice, k *policy.Category, m Mapping) {
	present := k.Fingerprint().Short()
	scope, covered := m.Covers[k.ID]
	covered = covered && k.Honours(scope)
	switch v := b.categories[k.Index]; {
	case v == refused:
		c.Answers = append(c.Answers, Answer{k.ID, false, present})
	case v == granted && covered && b.separable(k):
		c.Answers = append(c.Answers, Answer{k.ID, true, scope})
		b.except(c, k, refused)
	case b.answered(k) && !b.any(k, granted):
		c.Answers = append(c.Answers, Answer{k.ID, false, present})
	case b.answered(k) && covered && !b.any(k, refused):
		c.Answers = append(c.Answers, Answer{k.ID, true, scope})
	case b.answered(k) && covered:
		c.Answers = append(c.Answers, Answer{k.ID, false, scope})
		b.except(c, k, granted)
	default:
		b.except(c, k, refused)
	}
}

// except writes the services of a category that have that verdict and are decided
// about by themselves.
func (b *ballot) except(c *Choice, k *policy.Category, v verdict) {
	for _, s := range k.Services {
		if s.Loads == policy.LoadsOnConsent && b.services[s.Index] == v {
			c.Exceptions = append(c.Exceptions, Exception{s.ID, v == granted})
		}
	}
}

func (b *ballot) any(k *policy.Category, v verdict) bool {
	return slices.ContainsFunc(k.Services, func(s *policy.Service) bool { return b.services[s.Index] == v })
}

// separable reports whether a yes to the category can be told from what was said
// of its services: none was left open, and those refused have a decision of their
// own.
func (b *ballot) separable(k *policy.Category) bool {
	return !slices.ContainsFunc(k.Services, func(s *policy.Service) bool {
		v := b.services[s.Index]
		return v == open || v == refused && s.Loads != policy.LoadsOnConsent
	})
}

// answered reports whether the category has only services, each of which was
// accepted or refused.
func (b *ballot) answered(k *policy.Category) bool {
	if len(k.Services) == 0 || b.any(k, unsaid) || b.any(k, open) {
		return false
	}
	return !slices.ContainsFunc(k.Trackers, func(t *policy.Tracker) bool { return t.Service == nil && !t.Exempt() })
}

// tarteaucitronService returns the id in the catalogue of a service that
// tarteaucitron (1.32.0) knows by another name, "" if it has none.
func tarteaucitronService(key string) string {
	switch key {
	case "gtag", "multiplegtag", "analytics", "gajs":
		return "google-analytics"
	case "multiplegoogletagmanager":
		return "google-tag-manager"
	case "googlemapsembed", "googlemapssearch":
		return "google-maps"
	case "adsense", "adsenseauto":
		return "google-adsense"
	case "googleadwordsconversion", "googleadwordsremarketing":
		return "google-ads"
	case "recaptcha":
		return "google-recaptcha"
	case "youtubeapi", "youtubeplaylist":
		return "youtube"
	case "facebookpixel":
		return "meta-pixel"
	case "facebook", "facebooklikebox", "facebookcomment", "facebookpost":
		return "facebook-plugins"
	case "twitter", "twitterembed", "twittertimeline", "twitteruwt", "twitterwidgetsapi":
		return "x-twitter"
	case "clarity":
		return "microsoft-clarity"
	case "bingads":
		return "microsoft-advertising"
	case "linkedininsighttag":
		return "linkedin-insight"
	case "pinterestpixel":
		return "pinterest"
	case "snapchat":
		return "snapchat-pixel"
	case "tiktok":
		return "tiktok-pixel"
	case "reddit":
		return "reddit-pixel"
	case "outbrainamplify":
		return "outbrain"
	case "metrica":
		return "yandex-metrica"
	case "sendinblue":
		return "brevo"
	case "intercomChat":
		return "intercom"
	case "tawkto":
		return "tawk"
	case "typekit":
		return "adobe-fonts"
	}
	return ""
}
