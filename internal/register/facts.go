package register

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/temoin/temoin/consent"
)

// Facts are what a record is looked up by.
type Facts struct {
	At, Ends int64   // seconds since 1970
	Version  [8]byte // the first bytes of the manifest's hash
	Action   Action
	Language string
	Replaces consent.ID // zero for none
}

// never is the end of a record that does not tell its own: the year 9999.
const never = 253402300799

// A Count is how many of something there were on one day.
type Count struct {
	Day      int64 // days since 1970, UTC
	Language string
	Action   Action
	Category string // "" counts choices, others the answers about them
	Allowed  bool   // false where choices are counted
	N        int64
}

// Date is the day as a time.
func (c Count) Date() time.Time { return time.Unix(c.Day*86400, 0).UTC() }

// DayOf is the day of a moment, as in a Count.
func DayOf(at time.Time) int64 { return dayOf(at.Unix()) }

func dayOf(at int64) int64 {
	day := at / 86400
	if at%86400 < 0 {
		day--
	}
	return day
}

// Unread stands for the facts of a record of which FactsOf reads nothing, which
// nobody but a damaged store has: it has no action, was made when its id was, and
// does not end by itself.
func Unread(id consent.ID) Facts { return Facts{At: id.Time().Unix(), Ends: never} }

// FactsOf reads the facts of a record from its canonical bytes: the same as
// ParseRecord would, in a tenth of the time. It returns false for what is no
// canonical record, as far as it looks, and for a record whose times, hash or
// replaced record are not written as records write them.
//
// It looks for a key with the comma before it, the quotes around it and the colon
// behind it. Within a string quotes are escaped, so that the first of these quotes
// begins a string or ends one; behind one that ends a string stands no letter. So
// it is a key, and no object within a record has a key of that name.
func FactsOf(canonical []byte) (Facts, bool) {
	f, _, ok := readFacts(canonical)
	return f, ok
}

// readFacts also returns the answers as they are written.
func readFacts(b []byte) (f Facts, answers []byte, ok bool) {
	s := scanner{b: b, ok: true}
	s.expect(`{"action":`)
	f.Action = Action(s.text())
	s.expect(`,"answers":[`)
	answers = s.b
	s.seek(`,"ends":`)
	ends := s.text()
	s.seek(`,"format":"` + Format + `","id":`)
	s.seek(`,"language":`)
	f.Language = s.text()
	s.seek(`,"policy":{"hash":`)
	hash := s.text()
	s.expect(`,"version":`)
	s.text()
	s.expect(`}`)
	if bytes.HasPrefix(s.b, []byte(`,"replaces":`)) {
		s.expect(`,"replaces":`)
		id, err := consent.ParseID(s.text())
		f.Replaces, s.ok = id, s.ok && err == nil
	}
	s.seek(`,"time":`)
	at := s.text()
	if !s.ok {
		return Facts{}, nil, false
	}
	v, err := hex.DecodeString(hash)
	if err != nil || len(v) != len(Hash{}) {
		return Facts{}, nil, false
	}
	f.Version = [8]byte(v)
	var ended, made error
	f.At, made = seconds(at)
	f.Ends, ended = seconds(ends)
	if made != nil || ended != nil {
		return Facts{}, nil, false
	}
	return f, answers, true
}

func seconds(s string) (int64, error) {
	t, err := time.Parse(time.RFC3339, s)
	return t.Unix(), err
}

// eachAnswer calls do with the answers that readFacts returned, and reports whether
// they are written as answers are.
func eachAnswer(answers []byte, do func(category string, allow, inUse bool)) bool {
	s := scanner{b: answers, ok: true}
	for first := true; s.ok && !bytes.HasPrefix(s.b, []byte("]")); first = false {
		if !first {
			s.expect(",")
		}
		s.expect(`{"allow":`)
		allow := s.flag()
		s.expect(`,"category":`)
		category := s.text()
		s.expect(`,"in_use":`)
		inUse := s.flag()
		s.expect(`,"scope":`)
		s.text()
		s.expect(`}`)
		if s.ok {
			do(category, allow, inUse)
		}
	}
	return s.ok
}

// A scanner reads canonical JSON from the front. Once something is not what it
// should be, it is not ok, and reads nothing more.
type scanner struct {
	b  []byte
	ok bool
}

// expect moves behind what stands next.
func (s *scanner) expect(text string) {
	if s.ok = s.ok && len(s.b) >= len(text) && string(s.b[:len(text)]) == text; s.ok {
		s.b = s.b[len(text):]
	}
}

// seek moves behind the first place where a text stands.
func (s *scanner) seek(text string) {
	at := -1
	if s.ok {
		at = bytes.Index(s.b, []byte(text))
	}
	if s.ok = at >= 0; s.ok {
		s.b = s.b[at+len(text):]
	}
}

func (s *scanner) flag() bool {
	if s.ok && bytes.HasPrefix(s.b, []byte("true")) {
		s.expect("true")
		return true
	}
	s.expect("false")
	return false
}

// text reads a string, which stands next.
func (s *scanner) text() string {
	s.expect(`"`)
	if !s.ok {
		return ""
	}
	for n := 0; n < len(s.b); n++ {
		switch s.b[n] {
		case '"':
			value := s.b[:n]
			s.b = s.b[n+1:]
			return string(value)
		case '\\':
			return s.escaped(n)
		}
	}
	s.ok = false
	return ""
}

// escaped reads on in a string whose first escape is at n. No such name is known,
// and none is misread.
func (s *scanner) escaped(n int) string {
	for ; n < len(s.b); n++ {
		switch s.b[n] {
		case '\\':
			n++
		case '"':
			var value string
			s.ok = json.Unmarshal(slices.Concat([]byte(`"`), s.b[:n+1]), &value) == nil
			s.b = s.b[n+1:]
			return value
		}
	}
	s.ok = false
	return ""
}

// Subject is whose choice a record is of: the key of the account; without one, the
// id of the first record of the chain that Replaces leads to. before is the subject
// of the replaced record, nil where it is unknown or was removed: then the record
// begins a chain of its own, and what was removed stays forgotten. A chain never
// goes on from an account's choice to one without an account: the next person at
// the device would be taken for the same.
func Subject(id consent.ID, account, before []byte) []byte {
	switch {
	case account != nil:
		return account
	case len(before) == len(id):
		return before
	}
	return id[:]
}

// A tally counts what goes into the log.
type tally map[Count]int64

// add counts a choice and its answers. One about a category in which nothing is in
// use is no consent, nor its refusal, and is not counted.
func (t tally) add(f *Facts, answers []byte) {
	c := Count{Day: dayOf(f.At), Language: f.Language, Action: f.Action}
	t[c]++
	eachAnswer(answers, func(category string, allow, inUse bool) {
		if inUse {
			c.Category, c.Allowed = category, allow
			t[c]++
		}
	})
}

// list returns the counts in the order of their keys.
func (t tally) list() []Count {
	counts := make([]Count, 0, len(t))
	for c, n := range t {
		c.N = n
		counts = append(counts, c)
	}
	slices.SortFunc(counts, func(a, b Count) int {
		less := 0
		if a.Allowed != b.Allowed {
			less = 1
			if b.Allowed {
				less = -1
			}
		}
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Language, b.Language), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Category, b.Category), less)
	})
	return counts
}
