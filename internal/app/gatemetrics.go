package app

import (
	"strings"
	"sync"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/temoin/temoin/gate"
)

// gateMetrics count what gates do. Names that no manifest declares are whatever was sent:
// only so many of them are told apart, the others are "other".
type gateMetrics struct {
	pages   *prometheus.CounterVec // by site and whether the visitor is asked
	cookies *prometheus.CounterVec // by site, what became of them, and name
	held    *prometheus.CounterVec // by site, service and element
	unread  *prometheus.CounterVec // by site and reason
	cut     *prometheus.CounterVec // by site and reason
	foreign *prometheus.CounterVec // by site and host
	reports *prometheus.CounterVec // of browsers, by site, directive, host and page

	mu    sync.Mutex
	known map[list]map[string]bool // names that were met
}

// A list of names is one site's, of one kind: whoever fills one takes no room from another.
type list struct{ site, of string }

// maxNames is how many names of a list are told apart, and maxName how long they may be.
const (
	maxNames = 200
	maxName  = 64
)

// other stands for all names beyond those.
const other = "other"

func newGateMetrics(r prometheus.Registerer) *gateMetrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		r.MustRegister(c)
		return c
	}
	return &gateMetrics{
		pages:   counter("temoin_pages_total", "Pages that were shown, by whether the visitor has an answer to give (asked) or has given it (answered).", "site", "visitor"),
		cookies: counter("temoin_cookies_total", "Cookies that the gate did something about, by what it did (would have done, in observe mode).", "site", "became", "name", "observed"),
		held:    counter("temoin_held_total", "References to third parties that were made inert (would have been, in observe mode).", "site", "service", "in", "observed"),
		unread:  counter("temoin_unread_total", "Pages that passed as they were, since they cannot be read.", "site", "why"),
		cut:     counter("temoin_cut_total", "Pages that were not handed on to their end, by why: their coding is broken, less came than their length, the site stopped.", "site", "why"),
		foreign: counter("temoin_foreign_hosts_total", "References to hosts that the manifest does not have; in observe mode only.", "site", "host"),
		reports: counter("temoin_reports_total", "What browsers told of pages that broke the policy of the seal.", "site", "directive", "host", "path", "enforced"),
		known:   map[list]map[string]bool{},
	}
}

// A siteCounter counts what the gate of one site does.
type siteCounter struct {
	*gateMetrics
	site            string
	asked, answered prometheus.Counter
}

func (m *gateMetrics) of(site string) *siteCounter {
	return &siteCounter{m, site, m.pages.WithLabelValues(site, "asked"), m.pages.WithLabelValues(site, "answered")}
}

// Count counts an event.
func (c *siteCounter) Count(e gate.Event) {
	observed := "0"
	if e.Observed {
		observed = "1"
	}
	switch e.What {
	case gate.PageAsked:
		c.asked.Inc()
	case gate.PageAnswered:
		c.answered.Inc()
	case gate.Neutralised:
		c.held.WithLabelValues(c.site, e.Services, e.Name, observed).Inc()
	case gate.Reported:
		enforced := "1"
		if e.Observed {
			enforced = "0"
		}
		c.reports.WithLabelValues(c.site, e.Name, c.bounded("reports", e.Host), e.Path, enforced).Inc()
	case gate.Foreign:
		c.foreign.WithLabelValues(c.site, c.bounded("hosts", e.Host)).Inc()
	case gate.Unread:
		c.unread.WithLabelValues(c.site, e.Name).Inc()
	case gate.Cut:
		c.cut.WithLabelValues(c.site, e.Name).Inc()
	case gate.CookieUndeclared, gate.CookieBlocked:
		c.cookies.WithLabelValues(c.site, string(e.What), c.bounded("cookies", e.Name), observed).Inc()
	default:
		c.cookies.WithLabelValues(c.site, string(e.What), e.Name, observed).Inc()
	}
}

// bounded returns a name that is not declared, or "other" where there are too many.
func (c *siteCounter) bounded(of, name string) string {
	if len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsGraphic(r) }) {
		return other
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.known[list{c.site, of}]
	switch {
	case known[name]:
	case len(known) >= maxNames:
		return other
	case known == nil:
		c.known[list{c.site, of}] = map[string]bool{name: true}
	default:
		known[name] = true
	}
	return name
}
