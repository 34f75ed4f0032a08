package gate

import (
	"sync"
	"time"
)

// recent remembers which accounts have made a choice here of late. What the browsers of
// such an account carry of it is older, and is not believed: the choice holds on the
// account's other devices with their next page. Where another node keeps the choice they
// follow when their cookie is no longer fresh.
type recent struct {
	mu  sync.Mutex
	at  map[[accountShown]byte]time.Time
	all time.Time // accounts that were forgotten for want of room had chosen before
}

// maxRecent bounds how many are remembered: more than choose in a minute.
const maxRecent = 1 << 15

// keep remembers that an account has chosen.
func (r *recent) keep(key []byte, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.at) >= maxRecent {
		for k, at := range r.at {
			if now.Sub(at) > accountFresh {
				delete(r.at, k)
			}
		}
		if len(r.at) >= maxRecent {
			r.at, r.all = nil, now
		}
	}
	if r.at == nil {
		r.at = map[[accountShown]byte]time.Time{}
	}
	r.at[[accountShown]byte(key)] = now
}

// since reports whether an account may have chosen at a moment, of whole seconds, or later.
func (r *recent) since(key []byte, moment time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.at[[accountShown]byte(key)]
	return ok && !at.Before(moment) || !r.all.IsZero() && !r.all.Before(moment)
}
