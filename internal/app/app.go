// Package app makes a running node of its parts: the store, the keys, the published
// versions of its sites, the register that keeps choices, the loop that puts them
// into the log, the anchors outside, what is due daily, and the handlers that all
// this is reached by.
//
// Any number of nodes run over one PostgreSQL store. Each of them keeps choices and
// answers; one of them leads, and does what must be done once: it extends and signs
// the logs, asks witnesses, fixes heads outside and purges. When it dies another one
// leads within seconds.
//
// A node writes to its log (slog) what happens to itself, and nothing of a request:
// no address, no browser's description, no id.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/temoin/temoin/internal/keyring"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/store"
)

// A Config is what a node is made of.
type Config struct {
	Store   string         // a folder, or postgres://…
	Options []store.Option // such as store.Direct
	Keys    string         // the folder of keys; that of the store's, "keys", if it is empty and the store is a folder
	Sites   []SiteConfig
	Code    string        // the version of Témoin, for records and evidence
	Cosign  time.Duration // from one asking of the witnesses to the next, at the least; ten seconds if zero
	Log     *slog.Logger  // nil says nothing
	Now     func() time.Time
	Sleep   func(ctx context.Context, d time.Duration) error // nil is the system's, as Now is
}

// A SiteConfig is a site that a node serves.
type SiteConfig struct {
	File     string // the manifest's name, for messages
	Manifest []byte
	// Follow serves what is active and publishes nothing, whatever the manifest says.
	Follow bool
	// Notices are published in place of those that the manifest makes: for tests.
	Notices []register.Notice
	// Author wrote the manifest, and Approver let it go out; they may be empty.
	Author, Approver string
	Anchors          []Anchor
	Seal             bool // pages with the tag load from nowhere but what the decision allows
}

// A Node serves sites. It is safe for concurrent use.
type Node struct {
	config   Config
	store    *store.Store
	ring     *keyring.Ring
	book     *register.Keybook
	register *register.Register
	follower *register.Follower
	tail     *register.Tail
	loop     *register.Loop
	sites    map[string]*site
	ids      []string // in the order of the configuration
	metrics  *metrics
	begun    time.Time

	stop   context.CancelFunc
	under  sync.WaitGroup
	closed sync.Once
	failed error // of Close
}

// Open starts a node. It fails where a site could not be served as it should be:
// without the keys that its store goes by, or without an active version.
func Open(ctx context.Context, c Config) (*Node, error) {
	c = c.withDefaults()
	n := &Node{config: c, sites: map[string]*site{}, begun: c.Now()}
	if err := n.open(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	n.start(context.WithoutCancel(ctx))
	return n, nil
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Sleep == nil {
		c.Sleep = register.Sleep
	}
	if c.Cosign == 0 {
		c.Cosign = 10 * time.Second
	}
	return c
}

// open makes the parts.
func (n *Node) open(ctx context.Context) (err error) {
	c := n.config
	folder, err := keysFolder(c)
	if err != nil {
		return err
	}
	if n.store, err = store.Open(ctx, c.Store, c.Options...); err != nil {
		return err
	}
	if n.ring, err = keyring.Open(folder, nil); err != nil {
		return err
	}
	n.book = register.NewKeybook(n.store, n.ring, c.Now)
	n.metrics = newMetrics(n)
	n.register = register.New(register.Config{Store: timed{n.store, n.metrics}, Writers: n.store.Writers(), Now: c.Now, Code: c.Code, Erased: n.store.Erased})
	n.tail = register.NewTail(n.store)
	var versions []*register.Versions
	for _, sc := range c.Sites {
		s, err := n.openSite(ctx, sc)
		if err != nil {
			return err
		}
		if n.sites[s.id] != nil {
			return fmt.Errorf("%s: the site %s is there twice", sc.File, s.id)
		}
		n.sites[s.id] = s
		n.ids = append(n.ids, s.id)
		versions = append(versions, s.versions)
	}
	n.follower = register.NewFollower(n.store, versions...)
	if _, err := n.follower.Step(ctx); err != nil {
		return err
	}
	for _, id := range n.ids {
		if n.sites[id].versions.Active() == nil {
			return fmt.Errorf("the site %s has no version in force: publish one with its notices", id)
		}
		if err := n.sites[id].refresh(c.Now()); err != nil {
			return err
		}
	}
	return nil
}

// start begins all that runs by itself.
func (n *Node) start(ctx context.Context) {
	ctx, n.stop = context.WithCancel(ctx)
	n.loop = &register.Loop{
		Lead: func(ctx context.Context) (register.Lease, error) {
			l, err := n.store.Lead(ctx)
			if err != nil {
				return nil, err // and no lease that is nil in an interface that is not
			}
			return l, nil
		},
		Changes: n.store.Changes,
		New:     func() register.Stepper { return register.NewSequencer(counting{n.store, n.metrics}, n.book) },
		Sites:   n.ids, Leading: n.leading, Log: n.config.Log, Now: n.config.Now, Sleep: n.config.Sleep,
	}
	n.under.Go(func() { n.tail.Follow(ctx, n.store.Changes(ctx)) })
	n.under.Go(func() {
		n.follower.Follow(ctx, n.store.Changes(ctx), func(err error) {
			n.config.Log.Error("the versions in force cannot be read; the last ones are served", "error", err)
		})
	})
	n.under.Go(func() { n.every(ctx, keysEvery, n.refresh) })
	n.under.Go(func() { n.loop.Run(ctx) })
}

// Close keeps the choices that wait, ends what runs, and closes the store, in this
// order. Whoever serves the handlers stops doing so before.
func (n *Node) Close() error {
	n.closed.Do(func() {
		if n.register != nil {
			n.register.Close()
		}
		if n.stop != nil {
			n.stop()
		}
		n.under.Wait()
		if n.store != nil {
			n.failed = n.store.Close()
		}
	})
	return n.failed
}

// Handler returns what a site is reached by, below /.temoin/; nil for a site that
// the node does not serve.
func (n *Node) Handler(id string) http.Handler {
	if s := n.sites[id]; s != nil {
		return s.handler
	}
	return nil
}

// Metrics returns how the node is doing, for Prometheus. It is not for the public.
func (n *Node) Metrics() http.Handler { return n.metrics.handler }

// Registry returns the registry of the node's metrics, to add others.
func (n *Node) Registry() *prometheus.Registry { return n.metrics.registry }

// Ready tells why the node cannot do its work now, if it cannot.
func (n *Node) Ready(ctx context.Context) error {
	_, err := n.store.Generation(ctx)
	return err
}

// every does something at once and then after each pause, until ctx ends.
func (n *Node) every(ctx context.Context, pause time.Duration, do func(ctx context.Context)) {
	for ctx.Err() == nil {
		do(ctx)
		if n.config.Sleep(ctx, pause) != nil {
			return
		}
	}
}
