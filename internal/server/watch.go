package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/temoin/temoin/internal/app"
	"github.com/temoin/temoin/policy"
)

// A file is a manifest as it is followed.
type file struct {
	taken []byte // what was published last
	seen  []byte // at the last look
}

// watch looks at files as long as the server runs. What has changed is taken when it is
// the same at two looks: a file that is being written may be a manifest too, of less.
func (s *Server) watch(ctx context.Context) {
	if s.config.Watch < 0 {
		return
	}
	for s.config.Node.Sleep(ctx, s.config.Watch) == nil {
		s.look(ctx, false)
	}
}

// Reload reads manifests and certificates anew, if they have changed. A manifest that is
// wrong, or of another site, is refused with its message, and the last one stays.
func (s *Server) Reload(ctx context.Context) { s.look(ctx, true) }

// look reads what has changed; at once, or when it has settled.
func (s *Server) look(ctx context.Context, atOnce bool) {
	s.reloads.Lock()
	defer s.reloads.Unlock()
	s.readPairs(atOnce)
	for _, one := range s.sites {
		if !one.Follow {
			s.tell("the former manifest stays in force", one.File, s.follow(ctx, one, atOnce), atOnce)
		}
		if p := s.now(one); p.Hash != one.told { // whoever has brought it into force: this file, or a command, or another node
			one.told = p.Hash
			s.log.Info("another manifest is in force", "site", one.id, "version", p.Policy.Version)
		}
	}
}

// tell says what is wrong with a file: once, unless it is asked for.
func (s *Server) tell(what, file string, err error, again bool) {
	if err == nil {
		delete(s.said, file)
		return
	}
	if again || s.said[file] != err.Error() {
		s.log.Error(what, "file", file, "error", err)
	}
	s.said[file] = err.Error()
}

// follow brings a manifest into force that has changed.
func (s *Server) follow(ctx context.Context, one *served, atOnce bool) error {
	f := &one.file
	manifest, err := readFile(one.File)
	if err != nil {
		return err
	}
	settled := atOnce || bytes.Equal(manifest, f.seen)
	f.seen = manifest
	if bytes.Equal(manifest, f.taken) || !settled {
		return nil
	}
	p, err := s.acceptable(one, manifest)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	inForce, err := s.node.Publish(within, one.id, app.SiteConfig{File: one.File, Manifest: manifest, Author: one.Author})
	if err != nil {
		return fmt.Errorf("%w; it is tried again", err)
	}
	f.taken = manifest
	if inForce {
		return nil
	}
	s.log.Warn("this manifest was in force before, and another one is since: that one stays. To go back, run temoin activate", "file", one.File, "version", p.Policy.Version)
	return nil
}

// readFile reads a file that may be a manifest: one that is too long only as far as it
// takes to see that.
func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file: write the manifest to one", name) // a pipe could keep us waiting
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, policy.MaxSize+8)) // with a byte order mark
}

// acceptable reads a manifest that is to be served in the place of one of the same site.
func (s *Server) acceptable(one *served, manifest []byte) (*policy.Site, error) {
	p, err := policy.Parse(one.File, manifest)
	if err != nil {
		return nil, err
	}
	if p.ID != one.id {
		return nil, fmt.Errorf("it is of the site %s, and not of %s any more: start the server anew to serve another site", p.ID, one.id)
	}
	return p, s.free(p)
}
