package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/temoin/temoin/internal/anchor"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/store"
)

// An Anchor is a place outside, as the operator configures it. Which fields count
// follows from the kind.
type Anchor struct {
	Kind      anchor.Kind
	Address   string         // of a time-stamping authority, a witness, a git remote; the path of a directory
	Roots     *x509.CertPool // of a time-stamping authority
	Key       string         // of a witness: its public key
	Branch    string         // of a git remote
	Folder    string         // in the branch; empty for its top
	State     string         // of a git remote: a folder of our own
	Transport http.RoundTripper
}

// make returns the anchor itself.
func (a Anchor) make(log ledger.Trust, prove anchor.Prover, now func() time.Time) (anchor.Anchor, error) {
	o := anchor.Options{Clock: now, Random: rand.Reader, Transport: a.Transport}
	switch a.Kind {
	case anchor.Timestamp:
		return made(anchor.NewTSA(log, a.Address, a.Roots, o))
	case anchor.Witnessed:
		key, err := ledger.ParseWitness(a.Key)
		if err != nil {
			return nil, err
		}
		return made(anchor.NewWitness(log, a.Address, key, prove, o))
	case anchor.Published:
		return made(anchor.NewDirectory(log, a.Address, o))
	case anchor.Pushed:
		return made(anchor.NewGit(log, a.Address, a.Branch, a.Folder, a.State, o))
	}
	return nil, fmt.Errorf("%.40q is no kind of anchor: timestamp, witness, directory or git", a.Kind)
}

// made keeps a nil of some type from being an anchor.
func made[A anchor.Anchor](a A, err error) (anchor.Anchor, error) {
	if err != nil {
		return nil, err
	}
	return a, nil
}

// A place is an anchor of one site at work.
type place struct {
	site    *site
	config  Anchor
	name    string
	witness ledger.Witness // zero for other kinds

	working sync.Mutex
	not     time.Time // not before: after a failure

	mu  sync.Mutex
	log ledger.Trust  // that the anchor was made with
	at  anchor.Anchor // keeps what it knows of the other side
}

// newPlaces checks what is configured.
func newPlaces(s *site, configs []Anchor) (places []*place, err error) {
	for i, c := range configs {
		p := &place{site: s, config: c}
		a, err := c.make(ledger.Trust{}, p.prove, s.node.config.Now)
		if err != nil {
			return nil, fmt.Errorf("anchor %d (%s): %w", i+1, c.Kind, err)
		}
		if p.name = a.Name(); slices.ContainsFunc(places, func(o *place) bool { return o.name == p.name }) {
			return nil, fmt.Errorf("anchor %d: %s is there twice", i+1, p.name)
		}
		if c.Kind == anchor.Witnessed {
			if p.witness, err = ledger.ParseWitness(c.Key); err != nil {
				return nil, err
			}
		}
		places = append(places, p)
	}
	return places, nil
}

// prove proves to a witness that the log has grown from an older size.
func (p *place) prove(ctx context.Context, old int64, head ledger.Head) ([]ledger.Hash, error) {
	_, proof, err := ledger.Consistency(head, old, p.site.node.store.Tiles(ctx, p.site.id))
	return proof, err
}

// anchor returns the anchor for the keys that the log has now.
func (p *place) anchor(log ledger.Trust) (anchor.Anchor, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at != nil && slices.Equal(p.log.Keys, log.Keys) {
		return p.at, nil
	}
	a, err := p.config.make(log, p.prove, p.site.node.config.Now)
	if err == nil {
		p.at, p.log = a, log
	}
	return a, err
}

// last returns when a checkpoint was fixed last; without any, when the node began.
func (p *place) last(ctx context.Context) (time.Time, error) {
	a, ok, err := p.site.node.store.LastAnchor(ctx, p.site.id, p.name)
	if err == nil && !ok {
		return p.site.node.begun, nil
	}
	return a.At, err
}

// A signed is a checkpoint of a site's log, and who is trusted with it.
type signed struct {
	note  []byte
	head  ledger.Head
	trust ledger.Trust
	count int // of cosignatures
}

// signed reads the newest checkpoint, with its cosignatures if it has any; its note
// is nil where there is none.
func (s *site) signed(ctx context.Context) (c signed, err error) {
	if c.trust, err = s.trust(ctx); err != nil {
		return c, err
	}
	for _, p := range s.places {
		if p.witness.Name() != "" {
			c.trust.Witnesses = append(c.trust.Witnesses, p.witness)
		}
	}
	bare, err := s.node.store.Checkpoint(ctx, s.id)
	if err != nil || !isOf(bare, c.trust) {
		return c, err
	}
	cosigned, err := s.node.store.Cosigned(ctx, s.id)
	if err != nil {
		return c, err
	}
	opened, err := c.trust.Open(bare)
	if err != nil {
		return c, err
	}
	c.note, c.head = bare, opened.Head
	if !isOf(cosigned, c.trust) {
		return c, nil
	}
	seen, err := c.trust.Open(cosigned)
	if err != nil {
		return c, err
	}
	// Where another key signs since, cosignatures are asked for again.
	lacks := func(k ledger.Verifier) bool { return !slices.Contains(seen.Keys, k) }
	if seen.Head == c.head && !slices.ContainsFunc(opened.Keys, lacks) {
		c.note, c.count = cosigned, len(seen.Cosignatures)
	}
	return c, nil
}

// isOf reports whether there is a checkpoint, and of a log: that of a site's former
// log counts for nothing (register.Keybook.NewLog).
func isOf(note []byte, log ledger.Trust) bool {
	return bytes.HasPrefix(note, []byte(log.Origin+"\n"))
}

// fix takes the newest checkpoint to each place that has none of today, and the
// hash of each version to those that take hashes.
func (s *site) fix(ctx context.Context) {
	for _, p := range s.places {
		p.work(ctx, s.node.config.Now())
	}
}

// work does what is due at a place, unless it failed just before.
func (p *place) work(ctx context.Context, now time.Time) {
	p.working.Lock()
	defer p.working.Unlock()
	if now.Before(p.not) || ctx.Err() != nil {
		return
	}
	if err := p.fix(ctx, now); err != nil && ctx.Err() == nil {
		p.not = now.Add(tryAgain)
		p.failed(err)
	}
}

func (p *place) failed(err error) {
	n := p.site.node
	n.metrics.failures.WithLabelValues(p.site.id, p.name).Inc()
	n.config.Log.Error("the log is not fixed outside", "site", p.site.id, "place", p.name, "error", err)
}

func (p *place) fix(ctx context.Context, now time.Time) error {
	c, err := p.site.signed(ctx)
	if err != nil || c.note == nil {
		return err
	}
	a, err := p.anchor(c.log())
	if err != nil {
		return err
	}
	return errors.Join(p.fixCheckpoint(ctx, a, c, now), p.fixVersions(ctx, a, now))
}

// log is the trust without witnesses, which anchors have of their own.
func (c signed) log() ledger.Trust { return ledger.Trust{Origin: c.trust.Origin, Keys: c.trust.Keys} }

// fixCheckpoint fixes the checkpoint of the day, in UTC.
func (p *place) fixCheckpoint(ctx context.Context, a anchor.Anchor, c signed, now time.Time) error {
	store := p.site.node.store
	last, ok, err := store.LastAnchor(ctx, p.site.id, p.name)
	if err != nil || ok && last.At.Format(time.DateOnly) == now.UTC().Format(time.DateOnly) {
		return err
	}
	e, err := a.Fix(ctx, c.note, c.head)
	if err != nil {
		return err
	}
	return p.keep(ctx, e, c.head.Size, c.note, now)
}

// fixVersions fixes the hashes of versions that are fixed nowhere of the kind yet.
func (p *place) fixVersions(ctx context.Context, a anchor.Anchor, now time.Time) error {
	tsa, ok := a.(*anchor.TSA)
	if !ok {
		return nil
	}
	for _, v := range p.site.versions.All() {
		there, err := p.site.node.store.IsAnchored(ctx, p.site.id, p.name, v.Hash[:])
		if err != nil {
			return err
		}
		if there {
			continue
		}
		e, err := tsa.FixHash(ctx, v.Hash)
		if err != nil {
			return err
		}
		if err := p.keep(ctx, e, 0, v.Hash[:], now); err != nil {
			return err
		}
	}
	return nil
}

// keep keeps evidence with what it is of.
func (p *place) keep(ctx context.Context, e anchor.Evidence, size int64, subject []byte, now time.Time) error {
	b, err := e.Marshal()
	if err != nil {
		return err
	}
	return p.site.node.store.KeepAnchor(ctx, store.Anchored{Site: p.site.id, Place: p.name, Kind: string(e.Kind), At: now, Size: size, Subject: subject, Evidence: b})
}

// cosigning asks the witnesses about each new checkpoint, at most so often, until
// ctx ends.
func (n *Node) cosigning(ctx context.Context) {
	for range n.store.Changes(ctx) {
		asked := false
		for _, id := range n.ids {
			asked = n.sites[id].cosign(ctx) || asked
		}
		if asked && n.config.Sleep(ctx, n.config.Cosign) != nil {
			return
		}
	}
}

// cosign asks the witnesses of a site that have not cosigned its newest checkpoint,
// and keeps what they say. It reports whether any was asked.
func (s *site) cosign(ctx context.Context) (asked bool) {
	if !slices.ContainsFunc(s.places, func(p *place) bool { return p.witness.Name() != "" }) {
		return false
	}
	c, err := s.signed(ctx)
	if err != nil || c.note == nil {
		if err != nil && ctx.Err() == nil {
			s.node.config.Log.Error("the checkpoint for witnesses cannot be read", "site", s.id, "error", err)
		}
		return err != nil
	}
	before := c.count
	for _, p := range s.places {
		if p.witness.Name() == "" || c.has(p.witness) {
			continue
		}
		asked = true
		if err := p.ask(ctx, &c); err != nil && ctx.Err() == nil {
			p.failed(err)
		}
	}
	if c.count > before {
		if err := s.node.store.KeepCosigned(ctx, s.id, c.head.Size, c.count, c.note); err != nil && ctx.Err() == nil {
			s.node.config.Log.Error("cosignatures cannot be kept", "site", s.id, "error", err)
		}
	}
	return asked
}

// has reports whether a witness has cosigned.
func (c signed) has(w ledger.Witness) bool {
	opened, err := c.trust.Open(c.note)
	return err == nil && slices.ContainsFunc(opened.Cosignatures, func(s ledger.Cosignature) bool { return s.Witness == w })
}

// ask has one witness cosign.
func (p *place) ask(ctx context.Context, c *signed) error {
	a, err := p.anchor(c.log())
	if err != nil {
		return err
	}
	w, ok := a.(*anchor.Witness)
	if !ok {
		return nil
	}
	note, _, err := w.Cosign(ctx, c.note, c.head)
	if err == nil {
		c.note, c.count = note, c.count+1
	}
	return err
}
