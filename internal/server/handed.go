package server

import (
	"context"
	"sync"
)

// handed counts connections that were handed over, as for WebSocket: http.Server knows
// nothing of them any more.
type handed struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when there is none; nil unless somebody waits
}

// add counts some more, or fewer.
func (h *handed) add(more int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n += more
	if h.n == 0 && h.none != nil {
		close(h.none)
		h.none = nil
	}
}

// wait waits until there is none, and returns how many are left when the context ends.
func (h *handed) wait(ctx context.Context) (left int) {
	h.mu.Lock()
	if h.n > 0 && h.none == nil {
		h.none = make(chan struct{})
	}
	n, none := h.n, h.none
	h.mu.Unlock()
	if n == 0 {
		return 0
	}
	select {
	case <-none:
		return 0
	case <-ctx.Done():
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.n
}
