package server

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/policy"
)

// A summary counts what the gate of one site did, for whoever has just put it there.
type summary struct {
	log             *slog.Logger
	asked, answered atomic.Uint64 // pages

	mu     sync.Mutex
	counts map[gate.Event]uint64
	names  map[gate.What]int // how many that no manifest has
	more   uint64            // events beyond those that are told apart
}

// Bounds of what is told apart: visitors and pages can make up as many names as they like.
const (
	maxEvents = 1000
	maxNames  = 100 // of one kind that no manifest has
	maxName   = 100 // bytes
	maxLines  = 30  // under one heading
)

func newSummary(log *slog.Logger) *summary {
	return &summary{log: log, counts: map[gate.Event]uint64{}, names: map[gate.What]int{}}
}

// Count counts an event.
func (s *summary) Count(e gate.Event) {
	switch e.What {
	case gate.PageAsked:
		s.asked.Add(1)
		return
	case gate.PageAnswered:
		s.answered.Add(1)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, known := s.counts[e]
	if !known {
		if len(e.Name)+len(e.Host) > maxName || !s.room(e.What) {
			s.more++
			return
		}
		s.tell(e)
		e.Name, e.Host = strings.Clone(e.Name), strings.Clone(e.Host) // whole requests would stay with them
	}
	s.counts[e] = n + 1
}

// sampled is among how many names the one is looked for that gives way: a request can have
// thousands of new ones.
const sampled = 8

// room makes room for another event of a kind. Of some names that no manifest has, the one
// that was seen least gives way: what nobody but one visitor sends stays no longer than that.
func (s *summary) room(what gate.What) bool {
	switch what {
	case gate.CookieUndeclared, gate.CookieBlocked, gate.Foreign, gate.Reported:
		if s.names[what] < maxNames {
			s.names[what]++
			return true
		}
		least, times, looked := gate.Event{}, uint64(0), 0
		for e, n := range s.counts { // in no order
			if e.What != what {
				continue
			}
			if times == 0 || n < times {
				least, times = e, n
			}
			if looked++; looked == sampled {
				break
			}
		}
		delete(s.counts, least)
		s.more += times
		return true
	}
	return len(s.counts) < maxEvents
}

// tell says at once, the first time, what should not wait for the first hour.
func (s *summary) tell(e gate.Event) {
	switch e.What {
	case gate.Unread:
		s.log.Warn("a page cannot be read, and passed as it was: have the site send pages in UTF-8, and compressed by gzip, br or zstd, or not at all", "why", e.Name)
	case gate.Cut:
		s.log.Warn("a page was not handed on to its end: the site stopped, sent less than its Content-Length, or something else than its Content-Encoding", "why", e.Name)
	}
}

// A heading is what events of one kind are told under: what was done, and what would
// have been done where nothing is changed.
type heading struct {
	what          gate.What
	done, observe string
	advice        string
}

var headings = []heading{
	{gate.Neutralised, "Made inert in pages, since the visitor had not allowed it:", "Would be made inert in pages, since the visitor had not allowed it:", ""},
	{gate.CookieDropped, "Cookies of your site that were not set, since the visitor had not allowed them:", "Cookies of your site that would not be set, since the visitor had not allowed them:", ""},
	{gate.CookieRemoved, "Cookies that were kept from your site, since the visitor had not allowed them:", "Cookies that would be kept from your site, since the visitor had not allowed them:", ""},
	{gate.CookieWithheld, "Cookies that were kept from your site on pages that do not use their service:", "Cookies that would be kept from your site on pages that do not use their service:", ""},
	{gate.CookieExpired, "Cookies that were deleted, since the visitor does not allow them any more:", "Cookies that would be deleted, since the visitor does not allow them any more:", ""},
	{gate.CookieClamped, "Cookies that were set for the declared time, which is shorter than your site's:", "Cookies that would be set for the declared time, which is shorter than your site's:", ""},
	{gate.CookieHardened, "Cookies that were set with the attributes that are declared:", "Cookies that would be set with the attributes that are declared:", ""},
	{gate.CookieRepeated, "Cookies that were not set again, since their lifetime would have begun anew:", "Cookies that would not be set again, since their lifetime would begin anew:", ""},
	{gate.CookieRenewed, "Cookies whose lifetime began anew:", "Cookies whose lifetime began anew:", "Declare the lifetime as sliding, or do not set them again."},
	{gate.CookieUndeclared, "Cookies that the manifest does not have, and that passed:", "Cookies that the manifest does not have:", "Declare them under trackers, or stop setting them."},
	{gate.CookieBlocked, "Cookies that the manifest does not have, and that were taken out:", "Cookies that the manifest does not have, and that would be taken out:", "Declare them under trackers, or stop setting them."},
	{gate.Foreign, "Hosts that pages refer to, and that the manifest does not have:", "Hosts that pages refer to, and that the manifest does not have:", "Declare them under services or hosts, or take them out of your pages."},
	{gate.Reported, "Reported by browsers, as stopped by the pages' security policy:", "Reported by browsers, as what the pages' security policy would have stopped:", "Where your site needs it, declare it under services or hosts."},
	{gate.Cut, "Pages that were not handed on to their end, by why:", "Pages that did not come to their end, by why:", "site: it stopped. length: less came than its Content-Length. coding: the body is not what its Content-Encoding says."},
	{gate.Unread, "Pages that passed as they were, since they cannot be read:", "Pages that cannot be read:", "Have your site send them in UTF-8, and compressed by gzip, br or zstd, or not at all."},
}

// write tells what was counted: by what was done, the most frequent first.
func (s *summary) write(w io.Writer, site *policy.Site) error {
	s.mu.Lock()
	counts := maps.Clone(s.counts)
	more := s.more
	s.mu.Unlock()
	var b strings.Builder
	asked, answered := s.asked.Load(), s.answered.Load()
	pages := "pages"
	if asked+answered == 1 {
		pages = "page"
	}
	fmt.Fprintf(&b, "%s: %d %s, %d of them for visitors who had something to choose\n", site.ID, asked+answered, pages, asked)
	for _, h := range headings {
		for _, observed := range []bool{false, true} {
			h.write(&b, counts, observed)
		}
	}
	if more > 0 {
		fmt.Fprintf(&b, "  And %d times something with a name that is not told apart any more.\n", more)
	}
	if len(counts) == 0 && asked+answered > 0 {
		b.WriteString("  There was nothing to do.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// write writes what was counted of one kind.
func (h heading) write(b *strings.Builder, counts map[gate.Event]uint64, observed bool) {
	var events []gate.Event
	for e := range counts {
		if e.What == h.what && e.Observed == observed {
			events = append(events, e)
		}
	}
	if len(events) == 0 {
		return
	}
	slices.SortFunc(events, func(a, b gate.Event) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Services, b.Services))
	})
	title := h.done
	if observed {
		title = h.observe
	}
	fmt.Fprintf(b, "  %s\n", title)
	for i, e := range events {
		if i == maxLines {
			fmt.Fprintf(b, "            and %d others\n", len(events)-i)
			break
		}
		fmt.Fprintf(b, "    %6d  %s\n", counts[e], label(e))
	}
	if h.advice != "" {
		fmt.Fprintf(b, "            %s\n", h.advice)
	}
}

// label is what an event is about.
func label(e gate.Event) string {
	text := e.Name
	if e.Host != "" {
		text += " " + e.Host
	}
	if e.Services != "" {
		text += " (" + e.Services + ")"
	}
	return policy.Visible(strings.TrimSpace(text))
}

// firstHour is when it is told what has happened so far.
const firstHour = time.Hour

// summarise tells after the first hour.
func (s *Server) summarise(ctx context.Context) {
	if s.config.Summary != nil && s.config.Node.Sleep(ctx, firstHour) == nil {
		s.sum("In the first hour")
	}
}

// lastSummary tells at the end.
func (s *Server) lastSummary() {
	if s.config.Summary != nil {
		s.sum("Since the start")
	}
}

func (s *Server) sum(when string) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (requests that were answered by this server):\n", when)
	for _, one := range s.sites {
		one.summary.write(&b, s.now(one)) //nolint:errcheck // into memory
	}
	if s.config.Observe {
		b.WriteString("Nothing was changed. Start without --observe, and what would have been done is done.\n")
	}
	io.WriteString(s.config.Summary, b.String()) //nolint:errcheck // it is told if it can be
}
