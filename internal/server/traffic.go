package server

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// traffic counts requests, for Prometheus. docs/operations.md tells what each metric says.
type traffic struct {
	requests *prometheus.CounterVec // by site and class of status
	took     *prometheus.HistogramVec
	failures *prometheus.CounterVec // by site and status
	under    prometheus.Gauge
}

func newTraffic(r prometheus.Registerer, s *seats) *traffic {
	t := &traffic{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "temoin_requests_total", Help: "Requests that were answered, by the class of the status; without a site where no site has the host."}, []string{"site", "class"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "temoin_request_seconds", Help: "How long requests took, until the end of their answers.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60}}, []string{"site"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "temoin_upstream_failures_total", Help: "Requests that a site did not answer, by the status that was answered in its place."}, []string{"site", "status"}),
		under:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "temoin_requests_under_way", Help: "Requests that are being answered."}),
	}
	r.MustRegister(t.requests, t.took, t.failures, t.under,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "temoin_connections", Help: "Connections of clients that are open."}, func() float64 { return float64(len(s.taken)) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "temoin_connections_most", Help: "How many connections clients may have at the same time."}, func() float64 { return float64(cap(s.taken)) }),
		full("gave_way", &s.gaveWay), full("waited", &s.waited))
	return t
}

// full counts what was done when all connections were taken.
func full(then string, times *atomic.Uint64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "temoin_connections_full_total", ConstLabels: prometheus.Labels{"then": then},
		Help: "Connections that came when all were taken: a silent one gave way to it, or it waited."}, func() float64 { return float64(times.Load()) })
}

// count counts a request that has been answered.
func (t *traffic) count(e *entry, took time.Duration) {
	t.requests.WithLabelValues(e.site, fmt.Sprintf("%dxx", e.status/100)).Inc()
	if e.status != 101 { // which goes on as long as somebody likes
		t.took.WithLabelValues(e.site).Observe(took.Seconds())
	}
}

func (t *traffic) failed(site string, status int) {
	t.failures.WithLabelValues(site, strconv.Itoa(status)).Inc()
}
