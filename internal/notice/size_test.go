package notice

import (
	"bytes"
	"regexp"
	"slices"
	"testing"

	"github.com/andybalholm/brotli"

	"github.com/temoin/temoin/consent"
)

// budgets are how many bytes of each script travel, brotli at its best.
var budgets = map[string]int{
	"base":    400,
	"guard":   1000,
	"release": 1000,
	"notice":  700,
	"centre":  3500,
	"tag":     3650, // base, guard and release are in it

	"guard-storage": 800,
	"boundary":      200,

	"adapter-google":    400,
	"adapter-matomo":    400,
	"adapter-microsoft": 400,
	"adapter-piano":     400,
}

func TestNoScriptIsLargerThanItsBudget(t *testing.T) {
	chunks, err := loadChunks()
	if err != nil {
		t.Fatal(err)
	}
	for name, budget := range budgets {
		if n := compressed(t, chunks[name]); n == 0 || n > budget {
			t.Errorf("%s.js is %d bytes compressed, its budget is %d", name, n, budget)
		} else {
			t.Logf("%s.js: %d of %d bytes", name, n, budget)
		}
	}
	for name := range chunks {
		if budgets[name] == 0 {
			t.Errorf("%s.js has no budget", name)
		}
	}
}

func TestWhatAPageGainsStaysSmall(t *testing.T) {
	s := site(t, "cexro")
	n := compile(t, s)
	e := n.In("fr")
	inline := regexp.MustCompile(`(?s)<script[^>]*>(.*?)</script>`)
	for name, c := range map[string]struct {
		choice         *consent.Choice
		whole, scripts int // budgets; of scripts without what tells vendors, and what keeps to paths
	}{
		"before a choice": {nil, 4500, 1950},
		"after accepting": {choose(t, s, "analytics", "google-analytics", "hotjar", "functional", "support", "intercom"), 1700, 400},
		"after refusing":  {choose(t, s), 2650, 1400},
	} {
		d := decide(s, c.choice, consent.Signals{})
		var p Page
		if c.choice != nil {
			p.Mark = "m.Lw0t5rXw8Qk"
		}
		page := slices.Concat(e.Head(&d, p), e.Body(&d))
		var scripts []byte
		for _, m := range inline.FindAllSubmatch(page, -1) {
			part := bytes.Replace(m[1], n.chunks["adapter-google"], nil, 1)
			scripts = append(scripts, bytes.Replace(part, n.boundary, nil, 1)...)
		}
		whole, part := compressed(t, page), compressed(t, scripts)
		t.Logf("%s: %d of %d bytes, of it scripts %d of %d", name, whole, c.whole, part, c.scripts)
		if whole > c.whole || part > c.scripts || part == 0 {
			t.Errorf("%s: %d bytes, its budget is %d; of it scripts %d, theirs is %d", name, whole, c.whole, part, c.scripts)
		}
	}
}

func compressed(t *testing.T, src []byte) int {
	t.Helper()
	if len(src) == 0 {
		return 0
	}
	var b bytes.Buffer
	w := brotli.NewWriterLevel(&b, brotli.BestCompression)
	if _, err := w.Write(src); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Len()
}
