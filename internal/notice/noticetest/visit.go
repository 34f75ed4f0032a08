package noticetest

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/internal/browsertest"
)

// A Visit is a tab in a world. The scripts that it runs are the bodies of asynchronous
// functions, filled with the world's words.
type Visit struct {
	*browsertest.Tab
	World *World
	t     testing.TB
}

// Go goes to another page: one of the site's, or an address in full.
func (v *Visit) Go(to string) {
	v.t.Helper()
	if strings.HasPrefix(to, "/") {
		to = "http://" + v.World.host + ":" + v.World.Port + to
	}
	v.Do(chromedp.Navigate(to))
}

// Run runs a script and returns what it returns, as JSON; what it throws ends the test.
func (v *Visit) Run(script string) string {
	v.t.Helper()
	return browsertest.Evaluate[string](v.Tab, v.World.Words.Replace("(async () => {"+v.World.Prelude+script+"\n})().then((v) => JSON.stringify(v) ?? '')"))
}

// Is fails the test where a script does not return a value, which is given as JSON; ""
// stands for nothing.
func (v *Visit) Is(what, script, want string) {
	v.t.Helper()
	want = compact(v.World.Words.Replace(want))
	if got := v.Run(script); got != want {
		v.t.Errorf("%s: %s, not %s", what, got, want)
	}
}

// compact returns JSON without white space, and all else as it is.
func compact(s string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(s)) != nil {
		return s
	}
	return b.String()
}

// Until waits until an expression holds, even where another page is loaded meanwhile.
func (v *Visit) Until(expression string) {
	v.t.Helper()
	if err := v.Tab.Until(v.World.Prelude, v.World.Words.Replace(expression)); err != nil {
		v.t.Fatalf("%v; the console: %q; asked for: %q", err, v.Messages(), v.World.Recorded())
	}
}

// Quiet fails the test for each message of the console.
func (v *Visit) Quiet() {
	v.t.Helper()
	for _, m := range v.Messages() {
		v.t.Errorf("the console shows %s", m)
	}
}
