package gate

import (
	"bytes"
	"hash/maphash"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
	"unsafe"

	"github.com/temoin/temoin/internal/markup"
)

// Many pages are the same for many visitors: those who have not chosen, those who have
// refused. What became of a page once becomes of the same bytes again, for the same
// decision: so it is remembered which bytes stay and what comes between them, and the page
// is not read again. Only a page that was met before is remembered, and what is remembered
// is compared byte for byte.

// A plan is how the bytes of a page are rewritten.
type plan struct {
	body  []byte
	lang  string
	steps []step
	size  int     // of what is written, without what is inserted
	told  []Event // what was made inert
	based bool    // see rules.Based

	// What it made, and what was inserted into that: for visitors who have no cookie of ours
	// the same is inserted each time, and nothing has to be copied. Else there is none.
	made, head, first []byte
}

// cost is about how much memory a plan takes.
func (p *plan) cost() int {
	n := len(p.body) + len(p.made)
	for i := range p.steps {
		n += 64 + len(p.steps[i].text)
	}
	for i := range p.told {
		n += 96 + len(p.told[i].Name) + len(p.told[i].Host) + len(p.told[i].Services)
	}
	return n
}

// A step writes a part of the page, or other bytes in its place.
type step struct {
	from, to int
	text     []byte
	insert   int // 1 is what stands first in the head, 2 in the body
}

// A planKey is what a plan depends on besides the bytes of the page.
type planKey struct {
	decision stamp
	xhtml    bool
	size     int // of the page
}

// A pageKey tells pages apart that have one planKey.
type pageKey struct {
	planKey
	page uint64 // its hash
}

// plans remembers plans, a bounded number of bytes of them.
type plans struct {
	seed maphash.Seed

	mu         sync.RWMutex
	young, old map[pageKey]*plan
	last       map[planKey]*plan // the one that was used last
	bytes      int               // of young ones
	met        map[pageKey]bool
}

const (
	maxPlanned = 256 << 10 // the size of a page
	maxPlan    = 2 * maxPlanned
	maxPlans   = 16 << 20 // bytes, of which there are at most twice as many
	maxMet     = 1 << 13
)

func newPlans() *plans { return &plans{seed: maphash.MakeSeed()} }

// likely returns the plan that a page probably has, before the page is there.
func (p *plans) likely(key planKey) *plan {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.last[key]
}

// find returns the plan of a page, and whether one is worth making.
func (p *plans) find(key pageKey, body []byte) (found *plan, worth bool) {
	p.mu.RLock()
	one := p.young[key]
	if one == nil {
		one = p.old[key]
	}
	met := p.met[key]
	p.mu.RUnlock()
	if one != nil && bytes.Equal(one.body, body) {
		p.mu.Lock()
		p.last[key.planKey] = one
		p.mu.Unlock()
		return one, false
	}
	if one == nil && !met {
		p.mu.Lock()
		if p.met == nil || len(p.met) >= maxMet {
			p.met = map[pageKey]bool{}
		}
		p.met[key] = true
		p.mu.Unlock()
	}
	return nil, one == nil && met
}

func (p *plans) keep(key pageKey, made *plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.young == nil || p.bytes+made.cost() > maxPlans {
		p.old, p.young, p.bytes = p.young, map[pageKey]*plan{}, 0
		p.last = map[planKey]*plan{}
	}
	p.young[key] = made
	p.last[key.planKey] = made
	p.bytes += made.cost()
}

// A recorder is what a page is written to while its plan is made.
type recorder struct {
	*plan
	head, body []byte // what is inserted
	out        []byte
}

// Write notes which bytes of the page these are, if they are its.
func (r *recorder) Write(p []byte) (int, error) {
	r.out = append(r.out, p...)
	if len(p) == 0 {
		return 0, nil
	}
	at := unsafe.SliceData(p)
	switch {
	case len(r.head) > 0 && at == unsafe.SliceData(r.head) && len(p) == len(r.head):
		r.steps = append(r.steps, step{insert: 1})
		return len(p), nil
	case len(r.body) > 0 && at == unsafe.SliceData(r.body) && len(p) == len(r.body):
		r.steps = append(r.steps, step{insert: 2})
		return len(p), nil
	}
	r.size += len(p)
	begin := uintptr(unsafe.Pointer(unsafe.SliceData(r.plan.body)))
	if from := uintptr(unsafe.Pointer(at)); from >= begin && from < begin+uintptr(len(r.plan.body)) {
		s := step{from: int(from - begin)}
		s.to = s.from + len(p)
		if last := len(r.steps) - 1; last >= 0 && r.steps[last].text == nil && r.steps[last].insert == 0 && r.steps[last].to == s.from {
			r.steps[last].to = s.to
		} else {
			r.steps = append(r.steps, s)
		}
		return len(p), nil
	}
	r.steps = append(r.steps, step{text: bytes.Clone(p)})
	return len(p), nil
}

// append writes what a plan makes.
func (p *plan) append(out, head, body []byte) []byte {
	for i := range p.steps {
		switch s := &p.steps[i]; {
		case s.insert == 1:
			out = append(out, head...)
		case s.insert == 2:
			out = append(out, body...)
		case s.text != nil:
			out = append(out, s.text...)
		default:
			out = append(out, p.body[s.from:s.to]...)
		}
	}
	return out
}

// A gathering waits for a page whose length is known. It waits shortly: what takes longer
// streams. As long as the page is the one that probably comes it is compared as it comes,
// and neither kept nor hashed.
type gathering struct {
	mu     sync.Mutex
	open   bool
	done   bool        // the page was written as a whole
	header http.Header // as it will be sent
	key    planKey
	like   *plan   // whose page this is so far; nil once it is another one
	buf    *[]byte // what has come, where it is like nothing
	have   int     // bytes that have come
	timer  *time.Timer
}

const gatherTime = 10 * time.Millisecond

var pages = sync.Pool{New: func() any { b := make([]byte, 0, 96<<10); return &b }}

// take takes a part of the page.
func (g *gathering) take(p []byte) {
	if g.like != nil {
		if bytes.Equal(p, g.like.body[g.have:g.have+len(p)]) {
			g.have += len(p)
			return
		}
		g.keep(g.page())
	}
	g.keep(p)
	g.have += len(p)
}

// keep keeps bytes of a page that is like nothing.
func (g *gathering) keep(p []byte) {
	if g.buf == nil {
		g.like, g.buf = nil, pages.Get().(*[]byte)
		*g.buf = (*g.buf)[:0]
	}
	*g.buf = append(*g.buf, p...)
}

// page is what has come.
func (g *gathering) page() []byte {
	switch {
	case g.like != nil:
		return g.like.body[:g.have]
	case g.buf != nil:
		return *g.buf
	}
	return nil
}

// gather waits for the page, if it can be looked up. The header waits with it.
func (v *visit) gather(h http.Header, size int64) {
	a := v.answer.page
	if v.header == nil || size <= 0 || size > maxPlanned || a.coding != identity || h["Trailer"] != nil || !hasBody(v.r.Method, v.answer.status) {
		return
	}
	key := planKey{v.planStamp(), v.isXHTML(), int(size)}
	a.gather = &gathering{open: true, key: key, like: v.site.plans.likely(key)}
}

// await begins the time for which a page is waited for. The header is complete then.
func (v *visit) await(g *gathering) {
	g.header = v.header.Clone()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.timer = time.AfterFunc(gatherTime, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.open {
			v.spill(g)                              //nolint:errcheck // the next one to write hears of it
			http.NewResponseController(v.w).Flush() //nolint:errcheck // as it would have come
		}
	})
}

// gathered takes a part of the page; false where it streams by now.
func (v *visit) gathered(g *gathering, p []byte) (n int, took bool, err error) {
	switch {
	case g.done:
		return 0, true, http.ErrContentLength
	case !g.open:
		return 0, false, nil
	}
	n = min(len(p), g.key.size-g.have) // what is written beyond the length is lost, as it is without a gate
	g.take(p[:n])
	if g.have == g.key.size {
		g.open = false
		g.timer.Stop()
		err = v.planned(g)
		v.answer.page.failed = err
		g.done = true
	}
	if err == nil && n < len(p) {
		err = http.ErrContentLength
	}
	return n, true, err
}

// spill begins to stream what was gathered.
func (v *visit) spill(g *gathering) error {
	a := v.answer.page
	g.open = false
	g.timer.Stop()
	v.writeHeader(g.header, v.answer.status)
	if g.have == 0 {
		return nil
	}
	_, err := plainBody{v}.Write(g.page())
	if err == nil && a.markup != nil {
		err = a.markup.Flush()
	}
	a.failed = err
	return err
}

// planned writes a page that is there as a whole.
func (v *visit) planned(g *gathering) error {
	found := g.like
	if found == nil {
		if isWide(g.page()) {
			v.unread("charset")
			return v.whole(g.page())
		}
		key := pageKey{g.key, maphash.Bytes(v.site.plans.seed, g.page())}
		var worth bool
		if found, worth = v.site.plans.find(key, g.page()); found == nil {
			return v.rewrite(key, g.page(), worth)
		}
	}
	for _, e := range found.told {
		v.site.count(e)
	}
	head, first := rules{v}.Insert(found.lang)
	if found.based {
		first = rules{v}.Based(first)
	}
	if found.made != nil && bytes.Equal(found.head, head) && bytes.Equal(found.first, first) {
		return v.whole(found.made)
	}
	out := pages.Get().(*[]byte)
	defer pages.Put(out)
	*out = found.append((*out)[:0], head, first)
	return v.whole(*out)
}

// rewrite writes a page that was not met before, and remembers how, if that is worth it.
func (v *visit) rewrite(key pageKey, body []byte, worth bool) error {
	mode, _ := v.mode(body, true)
	out := pages.Get().(*[]byte)
	defer pages.Put(out)
	made, err := v.plan(body, mode, (*out)[:0])
	if err != nil {
		return err
	}
	*out = made.out
	if worth && made.plan.cost() <= maxPlan {
		made.plan.body, made.lang = bytes.Clone(body), v.answer.page.lang
		if _, ours := v.r.cookie(v.site.policy.Choice.Cookie); !ours {
			made.plan.made, made.plan.head, made.plan.first = bytes.Clone(made.out), made.head, made.body
		}
		v.site.plans.keep(key, made.plan)
	}
	return v.whole(*out)
}

// plan rewrites a page, and notes how.
func (v *visit) plan(body []byte, mode markup.Mode, out []byte) (*recorder, error) {
	r := &recorder{plan: &plan{body: body}, out: out}
	m := rewriters.Get().(*markup.Writer)
	v.answer.page.recorder = r
	defer func() {
		v.answer.page.recorder = nil
		m.Reset(io.Discard, nil, markup.Options{})
		rewriters.Put(m)
	}()
	m.Reset(r, rules{v}, v.options(mode))
	if _, err := m.Write(body); err != nil {
		return nil, err
	}
	return r, m.Close()
}

// whole writes all of a page at once.
func (v *visit) whole(page []byte) error {
	h := v.answer.page.gather.header
	h["Content-Length"] = []string{strconv.Itoa(len(page))}
	v.writeHeader(h, v.answer.status)
	_, err := v.w.Write(page)
	return err
}

// planStamp is what a plan depends on besides the page: all that is rewritten by, and
// nothing of what is inserted.
func (v *visit) planStamp() stamp {
	h := v.site.version.byte(byte(v.kind())).byte(byte(v.shown.Notice)).byte(flag(v.Arrived))
	for _, s := range v.site.policy.Services {
		h = h.byte(flag(v.shown.Runs(s)))
	}
	for _, k := range v.site.policy.Categories {
		h = h.byte(flag(v.shown.Category(k)))
	}
	at := v.r.URL.EscapedPath()
	if v.framed() { // of two in one page, held frames have different names
		at = v.r.URL.RequestURI()
	}
	h = h.string(v.origin()).string(at)
	return stamped(uint64(v.languages(h))) // of placeholders
}
