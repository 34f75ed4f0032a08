package gate

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Trusted are the addresses of proxies that stand in front of this server: what they say
// of a request in X-Forwarded-* is believed, and nobody else's word is.
type Trusted []netip.Prefix

func (t Trusted) has(a netip.Addr) bool {
	return slices.ContainsFunc(t, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

// peer returns the address of the other end of a request's connection.
func peer(r *http.Request) (netip.Addr, bool) {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	return at.Addr().Unmap(), err == nil
}

// from reports whether a request comes from a trusted proxy.
func (t Trusted) from(r *http.Request) bool {
	if len(t) == 0 {
		return false
	}
	a, ok := peer(r)
	return ok && t.has(a)
}

// Client returns the address that a request comes from: the last one in X-Forwarded-For
// that is no trusted proxy's. It is not valid where there is none, as on a socket of the
// file system.
func (t Trusted) Client(r *http.Request) netip.Addr {
	client, _ := peer(r)
	if !t.has(client) {
		return client
	}
	list := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for _, one := range slices.Backward(list) {
		a, ok := address(strings.TrimSpace(one))
		if !ok {
			break
		}
		if client = a.Unmap(); !t.has(client) {
			break
		}
	}
	return client
}

// address reads an address, with or without a port: some proxies write one.
func address(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		var at netip.AddrPort
		at, err = netip.ParseAddrPort(s)
		a = at.Addr()
	}
	return a, err == nil
}

// Secure reports whether the visitor's connection is encrypted, as far as is known.
func (t Trusted) Secure(r *http.Request) bool {
	return r.TLS != nil || t.from(r) && r.Header.Get("X-Forwarded-Proto") == "https"
}

// A Limit bounds how often a client may ask, in memory only. Clients are told apart by
// their address, those of IPv6 by its network. The zero Limit, and none, bound nothing.
type Limit struct {
	Rate  float64 // requests a second
	Burst int     // at once

	mu         sync.Mutex
	young, old map[netip.Prefix]*rate.Limiter
}

// clients is how many are remembered; who comes when there are more begins anew.
const clients = 1 << 14

// Allow reports whether a client may ask now.
func (l *Limit) Allow(client netip.Addr, now time.Time) bool {
	if l == nil || l.Rate <= 0 || !client.IsValid() {
		return true
	}
	size := 32
	if client.Is6() {
		size = 64
	}
	key := netip.PrefixFrom(client, size).Masked()
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.young[key]
	if one == nil {
		if one = l.old[key]; one == nil {
			one = rate.NewLimiter(rate.Limit(l.Rate), l.Burst)
		}
		if l.young == nil || len(l.young) >= clients/2 {
			l.old, l.young = l.young, map[netip.Prefix]*rate.Limiter{}
		}
		l.young[key] = one
	}
	return one.AllowN(now, 1)
}
