package app

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/store"
)

// metrics are a node's, for Prometheus. docs/operations.md tells what each says.
type metrics struct {
	registry *prometheus.Registry
	handler  http.Handler
	node     *Node

	answered *prometheus.CounterVec // choices, by site and status of HTTP
	logged   *prometheus.CounterVec // choices, by site and action
	failures *prometheus.CounterVec // of anchors, by site and place
	purged   *prometheus.CounterVec // records, by site
	commits  prometheus.Histogram   // how long transactions took
	unkept   prometheus.Counter     // transactions that failed
	gates    *gateMetrics
}

func newMetrics(n *Node) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		registry: prometheus.NewRegistry(), node: n,
		answered: counter("temoin_choices_total", "Choices that were sent, by the status of the answer.", "site", "status"),
		logged:   counter("temoin_logged_total", "Choices that this node put into the log.", "site", "action"),
		failures: counter("temoin_anchor_failures_total", "Times that something was not fixed outside.", "site", "place"),
		purged:   counter("temoin_purged_total", "Records that this node removed after their term.", "site"),
	}
	m.commits = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "temoin_commit_seconds", Help: "How long transactions with choices took, until they were on the disk.",
		Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5, 10}})
	m.unkept = prometheus.NewCounter(prometheus.CounterOpts{Name: "temoin_commit_failures_total", Help: "Transactions with choices that failed."})
	m.gates = newGateMetrics(m.registry)
	m.handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	m.registry.MustRegister(m.answered, m.logged, m.failures, m.purged, m.commits, m.unkept, gauges{n},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// choices counts answers of a handler.
func (m *metrics) choices(site string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counted := &status{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(counted, r)
		m.answered.WithLabelValues(site, strconv.Itoa(counted.code)).Inc()
	})
}

// status remembers what was answered.
type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (s *status) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// counting counts what goes into the logs.
type counting struct {
	*store.Store
	metrics *metrics
}

// Extend is that of the store.
func (c counting) Extend(ctx context.Context, e register.Extension) error {
	if err := c.Store.Extend(ctx, e); err != nil {
		return err
	}
	for i := range e.Leaves {
		c.metrics.logged.WithLabelValues(e.Site, string(e.Leaves[i].Action)).Inc()
	}
	return nil
}

// timed tells how long the store takes to keep choices.
type timed struct {
	*store.Store
	metrics *metrics
}

// Commit is that of the store.
func (t timed) Commit(ctx context.Context, rows []register.Row) ([]register.Row, error) {
	begun := time.Now()
	kept, err := t.Store.Commit(ctx, rows)
	if err != nil {
		t.metrics.unkept.Inc()
	} else {
		t.metrics.commits.Observe(time.Since(begun).Seconds())
	}
	return kept, err
}

// gauges are read when they are asked for.
type gauges struct{ node *Node }

var (
	waitingDesc  = prometheus.NewDesc("temoin_choices_waiting", "Choices that wait for their transaction.", nil, nil)
	receiptsDesc = prometheus.NewDesc("temoin_receipts_waiting", "Requests that wait for a receipt's proof.", []string{"site"}, nil)
	leadsDesc    = prometheus.NewDesc("temoin_log_leads", "1 on the node that extends the logs.", nil, nil)
	lagDesc      = prometheus.NewDesc("temoin_log_lag_seconds", "For how long a choice waits for its log; on the node that leads.", nil, nil)
	backlogDesc  = prometheus.NewDesc("temoin_log_backlog", "Choices that are in no log yet, of which ten thousand are counted.", nil, nil)
	failuresDesc = prometheus.NewDesc("temoin_log_failures_total", "Times that a log could not be extended.", nil, nil)
	aheadDesc    = prometheus.NewDesc("temoin_log_ahead", "1 where more of a log was signed than the store holds: restore a newer backup.", nil, nil)
	ageDesc      = prometheus.NewDesc("temoin_anchor_age_seconds", "Since a checkpoint was last fixed in a place outside; without any, since the node's start.", []string{"site", "place", "kind"}, nil)
	unreadDesc   = prometheus.NewDesc("temoin_versions_unread", "Versions of a site that this node cannot read.", []string{"site"}, nil)
)

// Describe is a method of a prometheus.Collector.
func (g gauges) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{waitingDesc, receiptsDesc, leadsDesc, lagDesc, backlogDesc, failuresDesc, aheadDesc, ageDesc, unreadDesc} {
		to <- d
	}
}

// Collect is a method of a prometheus.Collector. What the store does not tell in
// time is left out.
func (g gauges) Collect(to chan<- prometheus.Metric) {
	n := g.node
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	loop := n.loop.Status()
	gauge(waitingDesc, float64(n.register.Waiting()))
	gauge(leadsDesc, one(loop.Leads))
	gauge(aheadDesc, one(loop.Ahead))
	to <- prometheus.MustNewConstMetric(failuresDesc, prometheus.CounterValue, float64(loop.Failures))
	if loop.Leads {
		gauge(lagDesc, loop.Lag.Seconds())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if backlog, err := n.store.Backlog(ctx, 10_000); err == nil {
		gauge(backlogDesc, float64(backlog))
	}
	for _, id := range n.ids {
		s := n.sites[id]
		gauge(receiptsDesc, float64(s.receipts.Waiting()), id)
		gauge(unreadDesc, float64(len(s.versions.Unread())), id)
		for _, p := range s.places {
			if at, err := p.last(ctx); err == nil {
				gauge(ageDesc, n.config.Now().Sub(at).Seconds(), id, p.name, string(p.config.Kind))
			}
		}
	}
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
