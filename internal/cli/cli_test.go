package cli

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The commands' manual, as scripts: testdata/*.txtar.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			root, err := os.Getwd()
			if err != nil {
				return err
			}
			env.Setenv("ROOT", strings.TrimSuffix(root, "/internal/cli"))
			return nil
		},
	})
}

// testClock stands still, so that rules on age find the same every day.
func testClock() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"temoin": func() {
			os.Exit(Run(context.Background(), os.Args[1:], Stdio{os.Stdin, os.Stdout, os.Stderr, testClock}))
		},
	})
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestAResultThatCannotBeWrittenIsAFailure(t *testing.T) {
	for _, args := range [][]string{
		{"schema"}, {"check", "--rules"}, {"check", "--explain", "trk-purpose"}, {"check", "../../examples/cexro/site.yaml"},
		{"check", "--format", "json", "../../examples/cexro/site.yaml"}, {"check", "--format", "sarif", "../../examples/cexro/site.yaml"},
		{"diff", "../../examples/cexro/site.yaml", "../../examples/cexro/site.yaml"},
	} {
		var errs strings.Builder
		if code := Run(context.Background(), args, Stdio{strings.NewReader(""), brokenWriter{}, &errs, testClock}); code != failed || errs.Len() == 0 {
			t.Errorf("%v: exit %d, %q", args, code, errs.String())
		}
	}
}

func TestTheDemoStopsWhenItIsTold(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	var out strings.Builder
	ended := make(chan int)
	ready := &notifyWriter{&out, make(chan struct{}, 1)}
	go func() {
		ended <- Run(ctx, []string{"demo", "--listen", "127.0.0.1:0"}, Stdio{strings.NewReader(""), ready, os.Stderr, testClock})
	}()
	<-ready.ready
	stop()
	if code := <-ended; code != done {
		t.Errorf("exit %d", code)
	}
}

// A notifyWriter says when the last line of the demo's greeting is written.
type notifyWriter struct {
	*strings.Builder
	ready chan struct{}
}

func (w *notifyWriter) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "Ctrl-C") {
		w.ready <- struct{}{}
	}
	return w.Builder.Write(p)
}
