package app

import (
	"context"
	"errors"
	"time"

	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/policy"
)

// How often the one that leads looks whether something is due, and how long it
// waits after a failure.
const (
	lookEvery  = time.Minute
	purgeEvery = 24 * time.Hour
	tryAgain   = 10 * time.Minute
)

// keysEvery is how often each node looks for other keys: another time than lookEvery, by
// which tests know that the one that leads has looked.
const keysEvery = 50 * time.Second

// leading does what one node does for all, until ctx ends.
func (n *Node) leading(ctx context.Context) {
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		n.cosigning(ctx)
	}()
	purges := map[string]time.Time{} // by site: not before
	n.every(ctx, lookEvery, func(ctx context.Context) {
		for _, id := range n.ids {
			n.sites[id].purge(ctx, purges)
			n.sites[id].fix(ctx)
		}
	})
	<-asked
}

// purge removes what is over its term, once a day.
func (s *site) purge(ctx context.Context, not map[string]time.Time) {
	n := s.node
	now := n.config.Now()
	if now.Before(not[s.id]) {
		return
	}
	active := s.versions.Active()
	var earlier []*policy.Site
	for _, v := range s.versions.All() {
		if v != active {
			earlier = append(earlier, v.Site)
		}
	}
	terms := register.TermsOf(active.Site, earlier...)
	done, err := register.Purge(ctx, n.store, terms, now)
	n.metrics.purged.WithLabelValues(s.id).Add(float64(done.Records))
	not[s.id] = now.Add(purgeEvery)
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, register.ErrRemains): // the next time, or the server's own vacuum, does it
		n.config.Log.Info("records that were over their term are removed", "site", s.id, "records", done.Records, "files", err)
	case err != nil:
		not[s.id] = now.Add(tryAgain)
		n.config.Log.Error("records that are over their term are not all removed", "site", s.id, "error", err)
	case done.Records > 0:
		n.config.Log.Info("records that were over their term are removed", "site", s.id, "records", done.Records)
	}
}
