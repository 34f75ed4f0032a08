package notice

import (
	"bytes"
	"testing"

	"github.com/andybalholm/brotli"
)

// budgets are how many bytes of each script travel, brotli at its best.
var budgets = map[string]int{
	"base":    400,
	"guard":   1000,
	"release": 1000,
	"notice":  1600,
	"centre":  5000,

	"guard-storage": 800,

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
