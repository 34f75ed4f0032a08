package cli

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/internal/browsertest"
	"github.com/temoin/temoin/internal/statements"
)

// demoing runs the demo until the test ends, and returns its greeting.
func demoing(t *testing.T, args ...string) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	ready := &notifyWriter{&strings.Builder{}, make(chan struct{}, 1)}
	go func() {
		ended <- Run(ctx, append([]string{"demo", "--listen", "127.0.0.1:0", "--store", t.TempDir()}, args...), Stdio{strings.NewReader(""), ready, os.Stderr, nil})
		close(ready.ready)
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != done {
			t.Errorf("exit %d", code)
		}
	})
	<-ready.ready
	return ready.String()
}

// The browser's own download is checked by the program that a visitor would take for it.
func TestAReceiptThatABrowserDownloadedIsVerified(t *testing.T) {
	t.Parallel()
	statements.Fill(t, statements.Proven, "S1-47", "S1-57")
	address := regexp.MustCompile(`http://pix2clip\.localhost:[0-9]+`).FindString(demoing(t))
	folder := t.TempDir()
	tab := browsertest.Open(t)
	tab.Do(chromedp.Navigate(address + "/"))
	browsertest.Evaluate[bool](tab, `new Promise(ok => { const press = () => { const b = document.querySelector('temoin-notice')?.shadowRoot?.querySelector('[value=refuse]'); b ? ok(b.click() ?? true) : setTimeout(press, 5) }; press() })`)
	receipt := browsertest.Evaluate[string](tab, `(async () => { for (;;) {
		const page = await (await fetch('/.temoin/')).text();
		const link = page.match(/\/\.temoin\/receipts\/[0-9a-f-]+/);
		if (!link) continue;
		const receipt = await fetch(link[0]);
		if (receipt.ok) return receipt.text();
	} })()`)
	file := filepath.Join(folder, "receipt.json")
	if err := os.WriteFile(file, []byte(receipt), 0o600); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest("GET", "http://127.0.0.1"+regexp.MustCompile(`:[0-9]+$`).FindString(address)+"/.temoin/log/keys", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "pix2clip.localhost"
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	keys, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d %s %v", res.StatusCode, keys, err)
	}
	key := filepath.Join(folder, "log.key")
	if err := os.WriteFile(key, keys, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := callFor("verify", file, "--key", key); code != done || !strings.Contains(out, "pix2clip") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(receipt, "refuse", "accept", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, _ := callFor("verify", file, "--key", key); code == done {
		t.Error("a receipt that somebody changed is verified")
	}
}

func TestTheDemoAsPublishedListsWhatTheRulesHoldAgainstIt(t *testing.T) {
	t.Parallel()
	said := demoing(t, "--as-published")
	for _, want := range []string{
		"error: the policy names no authority to which visitors can complain [pol-complaint-cnil]",
		"examples/pix2clip/site.as-published.yaml\n", "examples/platform/site.as-published.yaml\n", "examples/cexro/site.as-published.yaml\n",
		"[trk-wildcard-safe]",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in it: %s", want, said)
		}
	}
}

func TestTheDemoPrintsHowABrowserIsStartedThatFindsTheStandIn(t *testing.T) {
	t.Parallel()
	said := demoing(t, "--standin")
	if !strings.Contains(said, "--host-resolver-rules=") || !strings.Contains(said, "--ignore-certificate-errors-spki-list=") || !strings.Contains(said, "sign in as ") {
		t.Error(said)
	}
}
