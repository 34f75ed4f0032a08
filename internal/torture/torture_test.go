package torture

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/internal/app"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/store"
	"github.com/temoin/temoin/internal/storetest"
)

// The process that is killed is this test's program too.
const beNode = "TEMOIN_TORTURED_STORE"

func TestMain(m *testing.M) {
	if where := os.Getenv(beNode); where != "" {
		if err := node(where, os.Getenv(beNode+"_KEYS")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	storetest.Main(m)
}

const siteID = "cexro"

var shown = []byte("the notice")

// node serves until it is killed.
func node(where, keys string) error {
	name, manifest, err := examples.Manifest(siteID, false)
	if err != nil {
		return err
	}
	n, err := app.Open(context.Background(), app.Config{Store: where, Keys: keys, Code: "torture", Sites: []app.SiteConfig{{
		File: name, Manifest: manifest, Notices: []register.Notice{{Language: "fr", Bytes: shown}},
	}}})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, n.Handler(siteID)) //nolint:gosec // it does not live long
}

func rounds() int {
	if os.Getenv("TEMOIN_TORTURE") != "" {
		return 200
	}
	return 3
}

func TestWhatWasAcknowledgedSurvivesAnyNumberOfKills(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			where := t.TempDir()
			if engine == "postgres" {
				where = storetest.Database(t)
			}
			torture(t, where, filepath.Join(t.TempDir(), "keys"), rounds())
		})
	}
}

// A victim is a node that will be killed.
type victim struct {
	cmd  *exec.Cmd
	base string
	err  bytes.Buffer
}

func start(t *testing.T, where, keys string) *victim {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	v := &victim{cmd: exec.Command(self)}
	v.cmd.Env = append(os.Environ(), beNode+"="+where, beNode+"_KEYS="+keys)
	v.cmd.Stderr = &v.err
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		v.kill()
		t.Fatalf("it does not start: %v\n%s", err, &v.err)
	}
	v.base = "http://" + strings.TrimSpace(line) + "/.temoin/"
	return v
}

// kill ends it at once, by SIGKILL.
func (v *victim) kill() {
	v.cmd.Process.Kill() //nolint:errcheck // Wait tells
	v.cmd.Wait()         //nolint:errcheck // it was killed
}

// A diary is what the visitors know.
type diary struct {
	mu      sync.Mutex
	acked   map[consent.ID]string // what was acknowledged, and its action
	unsure  map[consent.ID]string // sent, and no answer came
	refused int
	heads   []ledger.Head // that were served, in their order
}

func torture(t *testing.T, where, keys string, rounds int) {
	d := &diary{acked: map[consent.ID]string{}, unsure: map[consent.ID]string{}}
	rnd := rand.New(rand.NewPCG(4, uint64(rounds)))
	for round := range rounds {
		v := start(t, where, keys)
		d.checkpoint(t, v)
		d.retry(t, v)
		over, stop := context.WithCancel(t.Context())
		var visitors sync.WaitGroup
		for range 24 {
			visitors.Go(func() { d.visit(over, v) })
		}
		moment := time.NewTimer(time.Duration(20+rnd.IntN(400)) * time.Millisecond)
		<-moment.C // the moment is what is tested: nothing else tells when to kill
		v.kill()
		stop()
		visitors.Wait()
		if v.err.Len() > 0 {
			t.Fatalf("round %d: %s", round, &v.err)
		}
	}
	v := start(t, where, keys)
	d.retry(t, v)
	d.checkpoint(t, v)
	d.receipts(t, v)
	v.kill()
	d.compare(t, where)
	t.Logf("%d rounds: %d choices acknowledged, %d answered 503, %d heads", rounds, len(d.acked), d.refused, len(d.heads))
	if len(d.acked) < 20*rounds {
		t.Errorf("this was no load")
	}
}

// visit makes choices until the node is gone.
func (d *diary) visit(ctx context.Context, v *victim) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for ctx.Err() == nil {
		id, err := consent.NewID(time.Now(), nil)
		if err != nil {
			return
		}
		action := []string{"accept", "refuse", "close", "withdraw"}[id[15]%4]
		status, err := send(ctx, client, v, id, action)
		d.mu.Lock()
		switch {
		case err != nil:
			d.unsure[id] = action
		case status == http.StatusOK:
			d.acked[id] = action
		case status == http.StatusServiceUnavailable:
			d.unsure[id] = action
			d.refused++
		}
		d.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func send(ctx context.Context, client *http.Client, v *victim, id consent.ID, action string) (int, error) {
	body := fmt.Sprintf(`{"id":%q,"action":%q,"lang":"fr","notice":%q}`, id, action, register.HashOf(shown))
	req, err := http.NewRequestWithContext(ctx, "POST", v.base+"choice", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0, err
	}
	return res.StatusCode, nil
}

// retry sends again what got no answer, as a page would.
func (d *diary) retry(t *testing.T, v *victim) {
	t.Helper()
	for id, action := range d.unsure {
		status, err := send(t.Context(), http.DefaultClient, v, id, action)
		if err != nil || status != http.StatusOK {
			t.Fatalf("the second attempt of %v: %d, %v\n%s", id, status, err, &v.err)
		}
		d.acked[id] = action
	}
	clear(d.unsure)
}

func get(t *testing.T, v *victim, path string) (int, []byte) {
	t.Helper()
	res, err := http.Get(v.base + path) //nolint:gosec // our own
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, b
}

// trust reads the keys of the log, as they are published.
func trust(t *testing.T, v *victim) ledger.Trust {
	t.Helper()
	status, b := get(t, v, "log/keys")
	if status != http.StatusOK {
		t.Fatalf("keys: %d %s", status, b)
	}
	var trust ledger.Trust
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		k, err := ledger.ParseVerifier(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		trust.Origin, trust.Keys = k.Name(), append(trust.Keys, k)
	}
	return trust
}

// checkpoint remembers the head that is served, which must not be smaller than one
// before.
func (d *diary) checkpoint(t *testing.T, v *victim) {
	t.Helper()
	status, b := get(t, v, "log/checkpoint")
	if status == http.StatusNotFound && len(d.heads) == 0 {
		return
	}
	c, err := trust(t, v).Open(b)
	if status != http.StatusOK || err != nil {
		t.Fatalf("checkpoint: %d, %v: %s", status, err, b)
	}
	if len(d.heads) > 0 {
		if last := d.heads[len(d.heads)-1]; c.Size < last.Size || c.Size == last.Size && c.Head != last {
			t.Fatalf("a head of %d entries was served, and now one of %d", last.Size, c.Size)
		}
	}
	d.heads = append(d.heads, c.Head)
}

// receipts verifies the receipt of some choices of every round, and of the last.
func (d *diary) receipts(t *testing.T, v *victim) {
	t.Helper()
	trust := trust(t, v)
	var ids []consent.ID
	for id := range d.acked {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b consent.ID) int { return bytes.Compare(a[:], b[:]) })
	step := max(1, len(ids)/500)
	for i := len(ids) - 1; i >= 0; i -= step {
		status, b := get(t, v, "receipts/"+ids[i].String())
		for status == http.StatusAccepted { // it waits for the log by itself
			status, b = get(t, v, "receipts/"+ids[i].String())
		}
		verified, err := register.Verify(b, trust)
		if status != http.StatusOK || err != nil {
			t.Fatalf("the receipt of %v: %d, %v: %s", ids[i], status, err, b)
		}
		if string(verified.Record.Action) != d.acked[ids[i]] {
			t.Errorf("%v was %s, and is %s", ids[i], d.acked[ids[i]], verified.Record.Action)
		}
	}
	d.checkpoint(t, v)
}

// compare reads the store itself.
func (d *diary) compare(t *testing.T, where string) {
	t.Helper()
	s, err := store.Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	pending, err := s.Pending(t.Context(), 10)
	if err != nil || len(pending) > 0 {
		t.Errorf("%d choices are in no log: %v", len(pending), err)
	}
	head, err := s.Head(t.Context(), siteID)
	if err != nil {
		t.Fatal(err)
	}
	places, lost := map[int64]consent.ID{}, 0
	for id := range d.acked {
		row, index, err := s.Find(t.Context(), siteID, id)
		if errors.Is(err, register.ErrUnknownRecord) || index < 0 {
			lost++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := places[index]; ok {
			t.Errorf("%v and %v are in one place", id, other)
		}
		places[index] = id
		if _, err := register.ParseRecord(row.Record); err != nil {
			t.Errorf("%v: %v", id, err)
		}
	}
	// Whoever was killed before the answer was sent tried again until it came:
	// so that there is nothing in the log but what was acknowledged.
	if lost > 0 || head.Size != int64(len(d.acked)) {
		t.Errorf("%d of %d choices lost; the log has %d entries", lost, len(d.acked), head.Size)
	}
	for _, old := range d.heads {
		if now, _, err := ledger.Consistency(head, old.Size, s.Tiles(t.Context(), siteID)); err != nil || now != old {
			t.Errorf("the head of %d entries that was served is not one of this log: %v", old.Size, err)
		}
	}
}
