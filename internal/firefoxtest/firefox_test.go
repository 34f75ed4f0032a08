package firefoxtest

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"golang.org/x/net/websocket"
)

// A browser is a Firefox with one tab, driven over WebDriver BiDi.
type browser struct {
	t    *testing.T
	conn *websocket.Conn
	id   int
	tab  string
}

var listening = regexp.MustCompile(`WebDriver BiDi listening on (ws://\S+)`)

// preferences keep Firefox from asking the world for anything.
const preferences = `
user_pref("app.normandy.enabled", false);
user_pref("app.update.disabledForTesting", true);
user_pref("browser.safebrowsing.update.enabled", false);
user_pref("browser.search.update", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "data:,#remote-settings-dummy/v1");
user_pref("toolkit.telemetry.server", "https://telemetry.localhost/");
`

// start starts a Firefox that ends with the test; more are preferences of its profile.
func start(t *testing.T, more string) *browser {
	t.Helper()
	if os.Getenv("TEMOIN_FIREFOX") == "" {
		t.Skip("Firefox is tested by: make firefox")
	}
	program, err := exec.LookPath("firefox-esr")
	if err != nil {
		if program, err = exec.LookPath("firefox"); err != nil {
			t.Fatal("Firefox is missing: run scripts/need firefox")
		}
	}
	profile := t.TempDir()
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(preferences+more), 0o600); err != nil {
		t.Fatal(err)
	}
	firefox := exec.CommandContext(t.Context(), program, "--headless", "--no-remote", "--profile", profile,
		"--width", "1000", "--height", "800", "--remote-debugging-port", "0", "--remote-allow-origins", "http://localhost", "about:blank")
	firefox.Env = append(os.Environ(), "HOME="+profile, "MOZ_CRASHREPORTER_DISABLE=1")
	firefox.Cancel = func() error { return firefox.Process.Signal(os.Interrupt) }
	firefox.WaitDelay = 10 * time.Second
	said, err := firefox.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := firefox.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { firefox.Wait() }) //nolint:errcheck // it was told to end
	var at string
	lines := bufio.NewScanner(said)
	for at == "" && lines.Scan() {
		if found := listening.FindStringSubmatch(lines.Text()); found != nil {
			at = found[1]
		}
	}
	if at == "" {
		t.Fatal("Firefox does not start")
	}
	go io.Copy(io.Discard, said) //nolint:errcheck // so that it never waits
	b := &browser{t: t}
	if b.conn, err = websocket.Dial(at+"/session", "", "http://localhost"); err != nil {
		t.Fatal(err)
	}
	b.call("session.new", `{"capabilities":{}}`, nil)
	b.tab, _ = b.tree()
	return b
}

// tree returns the tab and the address of the page in it.
func (b *browser) tree() (tab, address string) {
	b.t.Helper()
	var tree struct {
		Contexts []struct{ Context, URL string }
	}
	b.call("browsingContext.getTree", `{}`, &tree)
	return tree.Contexts[0].Context, tree.Contexts[0].URL
}

// arrives waits until the page in the tab has an address.
func (b *browser) arrives(want string) {
	b.t.Helper()
	now := ""
	for end := time.Now().Add(20 * time.Second); now != want; {
		if _, now = b.tree(); time.Now().After(end) {
			b.t.Fatalf("the page is %s, not %s", now, want)
		}
	}
}

// call sends a command and waits for its answer.
func (b *browser) call(method, params string, result any) {
	b.t.Helper()
	b.id++
	if err := b.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		b.t.Fatal(err)
	}
	command := fmt.Sprintf(`{"id":%d,"method":%q,"params":%s}`, b.id, method, params)
	if err := websocket.Message.Send(b.conn, command); err != nil {
		b.t.Fatal(err)
	}
	var answer struct {
		ID             int
		Error, Message string
		Result         json.RawMessage
	}
	for answer.ID != b.id {
		if err := websocket.JSON.Receive(b.conn, &answer); err != nil {
			b.t.Fatalf("%s: %v", method, err)
		}
	}
	if answer.Error != "" {
		b.t.Fatalf("%s: %s: %s", method, answer.Error, answer.Message)
	}
	if result != nil {
		if err := json.Unmarshal(answer.Result, result); err != nil {
			b.t.Fatal(err)
		}
	}
}

func quoted(s string) string {
	b, _ := json.Marshal(s) //nolint:errcheck // a string
	return string(b)
}

// open opens a page and waits for it to be loaded.
func (b *browser) open(address string) {
	b.t.Helper()
	b.call("browsingContext.navigate", fmt.Sprintf(`{"context":%q,"url":%s,"wait":"complete"}`, b.tab, quoted(address)), nil)
}

// script stands before each: it names the parts.
const script = `
	var host = document.querySelector('temoin-notice'), root = host && host.shadowRoot
	var part = name => root && root.querySelector('[part~=' + name + ']')
	var shown = e => !!e && e.checkVisibility();`

// evaluate returns the text that a script, or the promise that it returns, yields.
func (b *browser) evaluate(js string) string {
	b.t.Helper()
	var r struct {
		Type             string
		Result           struct{ Value any }
		ExceptionDetails struct{ Text string }
	}
	b.call("script.evaluate", fmt.Sprintf(`{"target":{"context":%q},"awaitPromise":true,"expression":%s}`, b.tab, quoted(script+js)), &r)
	if r.Type != "success" {
		b.t.Fatalf("%s: %s", js, r.ExceptionDetails.Text)
	}
	return fmt.Sprint(r.Result.Value)
}

// holds fails the test where an expression does not hold now.
func (b *browser) holds(expression string) {
	b.t.Helper()
	if b.evaluate("!!("+expression+")") != "true" {
		b.t.Errorf("it does not hold that %s", expression)
	}
}

// until waits until an expression holds.
func (b *browser) until(expression string) {
	b.t.Helper()
	b.evaluate(`new Promise((ok, no) => { setTimeout(no, 20000, new Error('it never holds')); const look = () => (` + expression + `) ? ok(true) : setTimeout(look, 5); look() })`)
}

// A point is in the window, in CSS pixels.
type point struct{ X, Y int }

// middle returns where a part is.
func (b *browser) middle(name string) point {
	b.t.Helper()
	var p point
	where := b.evaluate(`(r => JSON.stringify({x: Math.round(r.x + r.width / 2), y: Math.round(r.y + r.height / 2)}))(part('` + name + `').getBoundingClientRect())`)
	if err := json.Unmarshal([]byte(where), &p); err != nil {
		b.t.Fatal(err)
	}
	return p
}

// click clicks as a person does.
func (b *browser) click(p point) {
	b.t.Helper()
	b.call("input.performActions", fmt.Sprintf(`{"context":%q,"actions":[{"type":"pointer","id":"mouse","actions":[
		{"type":"pointerMove","x":%d,"y":%d},{"type":"pointerDown","button":0},{"type":"pointerUp","button":0}]}]}`, b.tab, p.X, p.Y), nil)
}

// press presses a key as a person does.
func (b *browser) press(key string) {
	b.t.Helper()
	b.call("input.performActions", fmt.Sprintf(`{"context":%q,"actions":[{"type":"key","id":"keys","actions":[
		{"type":"keyDown","value":%q},{"type":"keyUp","value":%q}]}]}`, b.tab, key, key), nil)
}

// screenshot writes a picture into the folder that TEMOIN_SCREENSHOTS names.
func (b *browser) screenshot(name string) {
	b.t.Helper()
	folder := os.Getenv("TEMOIN_SCREENSHOTS")
	if folder == "" {
		return
	}
	var r struct{ Data string }
	b.call("browsingContext.captureScreenshot", fmt.Sprintf(`{"context":%q}`, b.tab), &r)
	picture, err := base64.StdEncoding.DecodeString(r.Data)
	if err == nil {
		err = os.MkdirAll(folder, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
