// Command markup measures the rewriting of HTML beside the tokenizer of golang.org/x/net/html, asked
// for the names and attributes of tags as whoever rewrites them must, and a copy of the page: in turn,
// on pages of several kinds, with nothing held in them and with it. On a machine that others use, the
// fastest round of each counts.
//
//	go run ./bench/markup [-rounds 60]
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math"
	"runtime"
	"time"

	"golang.org/x/net/html"

	"github.com/temoin/temoin/internal/markup"
	"github.com/temoin/temoin/internal/markup/pages"
)

const (
	budgetRatio = 8.0 // of the tokenizer's speed, on every page
	budgetSpeed = 1e9 // bytes a second, where nothing is touched
	budgetAlloc = 2.0 // a page
)

func main() {
	rounds := flag.Int("rounds", 60, "how often each page is read by each")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	fmt.Printf("%-16s %7s %10s %10s %10s %8s %7s\n", "page", "kB", "rewriter", "tokenizer", "copy", "ratio", "allocs")
	met := true
	for _, held := range []bool{false, true} {
		for _, p := range pages.All(held) {
			met = measure(p, held, max(1, *rounds)) && met
		}
	}
	fmt.Printf("budget: %.0f times the tokenizer on every page, %.0f GB/s where nothing is touched, %.0f allocations: %s\n",
		budgetRatio, budgetSpeed/1e9, budgetAlloc, map[bool]string{true: "met", false: "not met"}[met])
}

// measure prints the line of a page, and says whether it is within the budget.
func measure(p pages.Page, held bool, rounds int) bool {
	w := &markup.Writer{}
	rewrite := func() {
		w.Reset(io.Discard, rules{}, markup.Options{URL: "https://www.example.com/a/"})
		w.Write(p.HTML) //nolint:errcheck // to nowhere
		w.Close()       //nolint:errcheck
	}
	tokenize := func() {
		z := html.NewTokenizer(bytes.NewReader(p.HTML))
		for z.Next() != html.ErrorToken {
			_, more := z.TagName()
			for more {
				_, _, more = z.TagAttr()
			}
		}
	}
	into := make([]byte, len(p.HTML))
	times := fastest(rounds, rewrite, tokenize, func() { copy(into, p.HTML) })
	speed := func(i int) float64 { return float64(len(p.HTML)) / times[i].Seconds() }
	name := p.Name
	if held {
		name += ", held"
	}
	ratio, allocs := speed(0)/speed(1), allocations(rewrite)
	fmt.Printf("%-16s %7.1f %7.2f GB/s %5.2f GB/s %5.1f GB/s %6.1f %7.1f\n", name, float64(len(p.HTML))/1e3, speed(0)/1e9, speed(1)/1e9, speed(2)/1e9, ratio, allocs)
	return ratio >= budgetRatio && allocs <= budgetAlloc && (held || speed(0) >= budgetSpeed)
}

// fastest runs each function in turn, several times, and returns each one's fastest round.
func fastest(rounds int, run ...func()) []time.Duration {
	const repeats = 5
	best := make([]time.Duration, len(run))
	for i := range best {
		best[i] = math.MaxInt64
	}
	for range rounds {
		for i, f := range run {
			start := time.Now()
			for range repeats {
				f()
			}
			best[i] = min(best[i], time.Since(start)/repeats)
		}
	}
	return best
}

// allocations counts those of one run, on average.
func allocations(f func()) float64 {
	const n = 50
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		f()
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / n
}

// rules hold what the pages name. How a script is recognized by its text is not measured.
type rules struct{}

var services = map[string]string{
	"www.analytics.test": "analytics", "a.analytics.test": "analytics", "px.analytics.test": "pixel", "video.test": "video",
}

var head, body = bytes.Repeat([]byte("h"), 1500), bytes.Repeat([]byte("b"), 3000)

func (rules) Address(host, _ []byte) string { return services[string(host)] }
func (rules) Script([]byte) string          { return "" }
func (rules) Named(ids []byte) string       { return string(ids) }
func (rules) Placeholder(string, []byte) (page, name string) {
	return "/.temoin/placeholder/video", "x"
}
func (rules) Insert(string) (first, second []byte) { return head, body }
func (rules) Based(body []byte) []byte             { return body }
func (rules) Held(_, _, _ string, _ []byte)        {}
