// Package consent decides what a visitor's choice permits.
//
// [Decide] is the one function that everything asks: the gate about cookies and
// requests, the notice about what to ask, the panel about what holds. It is pure:
// a site, a choice, the signals of a request and the time in, a [Decision] out.
// It reads no clock, no network and no store, and it is safe for concurrent use.
//
// What holds always:
//
//   - Nothing that needs consent is permitted without a yes that is in force and
//     covers what the category is today (see policy.Category.Honours).
//   - A refusal is never upgraded: a category or service whose latest answer is a
//     no is not permitted, whatever another device or the account says.
//   - A signal such as Global Privacy Control can only narrow a decision.
//   - A yes to a category in which nothing is in use is a preference. It permits
//     nothing, then or later.
//
// The choice travels in a cookie that a person can read (see [Codec]).
package consent

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/temoin/temoin/policy"
)

// An ID names the record of one choice: a UUID of version 7 (RFC 9562), which
// begins with the time and is random otherwise. It says nothing about a person.
type ID [16]byte

// NewID makes an id for a moment; r is crypto/rand.Reader unless a test says
// otherwise.
func NewID(at time.Time, r io.Reader) (ID, error) {
	if r == nil {
		r = rand.Reader
	}
	var id ID
	if _, err := io.ReadFull(r, id[6:]); err != nil {
		return ID{}, err
	}
	ms := uint64(at.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id, nil
}

// ParseID reads the form that String writes.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return ID{}, fmt.Errorf("%.40q is no id", s)
	}
	if _, err := hex.Decode(id[:], []byte(s[:8]+s[9:13]+s[14:18]+s[19:23]+s[24:])); err != nil || !id.valid() || id.String() != s {
		return ID{}, fmt.Errorf("%.40q is no id", s)
	}
	return id, nil
}

// valid reports whether the id is a UUID of version 7.
func (id ID) valid() bool { return id[6]>>4 == 7 && id[8]>>6 == 2 }

// Time returns the moment that the id was made for, to the millisecond.
func (id ID) Time() time.Time {
	ms := int64(0)
	for _, b := range id[:6] {
		ms = ms<<8 | int64(b)
	}
	return time.UnixMilli(ms).UTC()
}

// String writes the id as UUIDs are written, in small letters.
func (id ID) String() string {
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// An Answer is what was decided about one category.
type Answer struct {
	Category string
	Allow    bool
	Scope    uint32 // the 24 bits of the category's fingerprint under which it was asked
}

// An Exception is a service that was decided about otherwise than its category.
type Exception struct {
	Service string
	Allow   bool
}

// A Choice is what a visitor decided, at one time and in one place.
type Choice struct {
	ID         ID
	At         time.Time // UTC, whole seconds
	Until      time.Time // its end; zero: as long as the site says, from At
	Bound      string    // to an account, which alone it counts for; "" for a browser's own
	Answers    []Answer
	Exceptions []Exception
}

// Choose makes a choice about a site: allow names the categories and services
// that the visitor says yes to, which answers each category that is asked about.
// A yes or a no to a service is kept where it differs from its category's.
func Choose(site *policy.Site, id ID, at time.Time, allow func(name string) bool) *Choice {
	c := &Choice{ID: id, At: at.UTC().Truncate(time.Second)}
	for _, k := range site.Categories {
		if !k.NeedsConsent() {
			continue
		}
		yes := allow(k.ID)
		c.Answers = append(c.Answers, Answer{k.ID, yes, k.Fingerprint().Short()})
		for _, s := range k.Services {
			if s.Loads == policy.LoadsOnConsent && allow(s.ID) != yes {
				c.Exceptions = append(c.Exceptions, Exception{s.ID, !yes})
			}
		}
	}
	return c
}

// Revise makes a choice about a part of a site: asked names the categories and
// services that the visitor was asked about, allow those of them that they say yes
// to. All else keeps its answer of the choice before, which is nil for none, with
// the scope that it was given under, and then no answer lasts longer than the
// choice before would have: nobody was asked about those. A category of which only
// services were asked about, and that had no answer that still covers it, is refused
// but for them.
func Revise(site *policy.Site, id ID, at time.Time, before *Choice, asked []string, allow func(name string) bool) *Choice {
	c := &Choice{ID: id, At: at.UTC().Truncate(time.Second)}
	kept := false
	for _, k := range site.Categories {
		if k.NeedsConsent() {
			kept = c.revise(k, before, asked, allow) || kept
		}
	}
	if kept {
		c.Until = before.Ends(site).UTC().Truncate(time.Second)
	}
	return c
}

// revise answers one category, if it was asked about or has an answer. It reports
// whether anything of the choice before was kept.
func (c *Choice) revise(k *policy.Category, before *Choice, asked []string, allow func(name string) bool) (kept bool) {
	answer := Answer{Category: k.ID, Scope: k.Fingerprint().Short()}
	var old Answer
	had := false
	if before != nil {
		old, had = before.answer(k.ID)
	}
	whole := slices.Contains(asked, k.ID)
	part := slices.ContainsFunc(k.Services, func(s *policy.Service) bool { return slices.Contains(asked, s.ID) })
	switch {
	case whole:
		answer.Allow = allow(k.ID)
	case had && (k.Honours(old.Scope) || !part):
		answer, kept = old, true
	case !part:
		return false
	case had && !old.Allow && k.HonoursRefusal(old.Scope):
		kept = true // a no in advance stands but for them, and no longer than it would have
	}
	c.Answers = append(c.Answers, answer)
	for _, s := range k.Services {
		if s.Loads != policy.LoadsOnConsent {
			continue
		}
		yes := answer.Allow
		if whole || slices.Contains(asked, s.ID) {
			yes = allow(s.ID)
		}
		// A no to one service outlives a yes to all. A yes to one stays under the answer that it
		// was given with: under today's it would be one to what nobody was asked about.
		if was, own := before.exceptionOf(s.ID); own && !slices.Contains(asked, s.ID) && (!was || !whole && answer == old) {
			yes, kept = was, kept || !whole
		}
		if yes != answer.Allow {
			c.Exceptions = append(c.Exceptions, Exception{s.ID, yes})
		}
	}
	return kept
}

// exceptionOf is exception of a choice that may be nil.
func (c *Choice) exceptionOf(service string) (allow, own bool) {
	if c == nil {
		return false, false
	}
	return c.exception(service)
}

// Ends returns when the choice ends on a site.
func (c *Choice) Ends(site *policy.Site) time.Time {
	ends := site.Choice.Lasts.After(c.At)
	if !c.Until.IsZero() && c.Until.Before(ends) {
		return c.Until
	}
	return ends
}

// InForce reports whether the choice holds at a moment. One that lies ahead, as
// when a clock was set back, holds: it never ends later than it would have.
func (c *Choice) InForce(site *policy.Site, now time.Time) bool {
	switch {
	case c == nil:
		return false
	case c.Until.IsZero() && now.Sub(c.At) < atLeast(site.Choice.Lasts):
		return true // as nearly always: the calendar takes as long as the rest of a decision
	}
	return now.Before(c.Ends(site))
}

// atLeast is a time that a period is never shorter than, from whatever day on.
func atLeast(p policy.Period) time.Duration {
	const day = 24 * time.Hour
	switch p.Unit {
	case policy.Month:
		return time.Duration(p.Count) * 28 * day
	case policy.Year:
		return time.Duration(p.Count) * 365 * day
	}
	return 0
}

// answer returns the answer about a category.
func (c *Choice) answer(category string) (Answer, bool) {
	for i := range c.Answers {
		if c.Answers[i].Category == category {
			return c.Answers[i], true
		}
	}
	return Answer{}, false
}

// exception returns the answer about a service that has one of its own.
func (c *Choice) exception(service string) (allow, ok bool) {
	for i := range c.Exceptions {
		if c.Exceptions[i].Service == service {
			return c.Exceptions[i].Allow, true
		}
	}
	return false, false
}
