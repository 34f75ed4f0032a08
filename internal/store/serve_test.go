package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/policy"
)

// A served is a store whose log and receipts are served over HTTP.
type served struct {
	*Store
	site     *policy.Site
	trust    ledger.Trust
	steps    *register.Sequencer
	receipts *register.Receipts
	server   *httptest.Server
}

func serve(t *testing.T, where string) *served {
	t.Helper()
	s, site := open1(t, where), shop(t)
	keys, trust := keyOf(t)
	v := &served{Store: s, site: site, trust: trust, steps: register.NewSequencer(s, keys)}
	if err := s.AddSiteKey(t.Context(), register.SiteKey{Site: site.ID, Use: register.KeyOfLog, Number: 1, Public: trust.Keys[0].String(), Since: time.Unix(0, 0), Why: register.KeyFirst}); err != nil {
		t.Fatal(err)
	}
	tail := register.NewTail(s)
	ctx, cancel := context.WithCancel(t.Context())
	var under sync.WaitGroup
	under.Go(func() { tail.Follow(ctx, s.Changes(ctx)) })
	t.Cleanup(func() { cancel(); under.Wait() })
	v.receipts = &register.Receipts{Site: site.ID, Store: s, Tail: tail}
	public := &register.PublicLog{Site: site.ID, Store: s}
	mux := http.NewServeMux()
	mux.Handle("GET /.temoin/receipts/{id}", v.receipts)
	public.Mount(mux, "/.temoin")
	v.server = httptest.NewServer(mux)
	t.Cleanup(v.server.Close)
	return v
}

// add commits choices and puts them into the log.
func (v *served) add(t *testing.T, from, n int) (rows []register.Row) {
	t.Helper()
	for i := range n {
		rows = append(rows, choice1(t, v.site, from+i))
	}
	commit(t, v.Store, rows...)
	if took := stepAll(t, v.steps); took != n {
		t.Fatalf("%d of %d in the log", took, n)
	}
	return rows
}

func (v *served) ask(t testing.TB, method, path string, header ...string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequest(method, v.server.URL+"/.temoin/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := v.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, b
}

// An auditor knows the address of a log and the formats of c2sp.org, and nothing of
// this project.
type auditor struct {
	t   testing.TB
	ask func(path string) []byte
}

func (a auditor) Height() int { return 8 }

func (a auditor) SaveTiles([]tlog.Tile, [][]byte) {}

func (a auditor) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data = append(data, a.ask("log/"+path))
	}
	return data, nil
}

// tree reads the checkpoint with the keys that the log tells.
func (a auditor) tree() tlog.Tree {
	a.t.Helper()
	var known []note.Verifier
	for key := range strings.Lines(string(a.ask("log/keys"))) {
		if strings.HasPrefix(key, "#") {
			continue
		}
		v, err := note.NewVerifier(strings.TrimSuffix(key, "\n"))
		if err != nil {
			a.t.Fatal(err)
		}
		known = append(known, v)
	}
	n, err := note.Open(a.ask("log/checkpoint"), note.VerifierList(known...))
	if err != nil {
		a.t.Fatal(err)
	}
	lines := strings.Split(n.Text, "\n")
	size, err1 := strconv.ParseInt(lines[1], 10, 64)
	root, err2 := tlog.ParseHash(lines[2])
	if err := errors.Join(err1, err2); err != nil {
		a.t.Fatal(err)
	}
	return tlog.Tree{N: size, Hash: root}
}

// entries reads all entries of a tree out of its bundles.
func (a auditor) entries(size int64) (entries [][]byte) {
	for at := int64(0); at < size; at += 256 {
		path := tlog.Tile{H: 8, L: -1, N: at / 256, W: int(min(256, size-at))}.Path()
		b := a.ask("log/" + strings.Replace(path, "tile/8/data/", "tile/entries/", 1))
		for len(b) > 0 {
			n := 2 + int(b[0])<<8 + int(b[1])
			entries = append(entries, b[2:n])
			b = b[n:]
		}
	}
	return entries
}

func TestAThirdPartyAuditsTheLogOverHTTP(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		v := serve(t, where)
		a := auditor{t, func(path string) []byte {
			res, b := v.ask(t, "GET", path)
			if res.StatusCode != http.StatusOK || res.Header.Get("Access-Control-Allow-Origin") != "*" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Fatalf("%s: %s %v", path, res.Status, res.Header)
			}
			return b
		}}
		var before tlog.Tree
		total := 0
		for _, n := range []int{1, 254, 1, 1, 400} {
			v.add(t, total, n)
			total += n
			tree := a.tree()
			if tree.N != int64(total) {
				t.Fatalf("the checkpoint is of %d entries, not of %d", tree.N, total)
			}
			hashes := tlog.TileHashReader(tree, a) // verifies each tile
			for i, entry := range a.entries(tree.N) {
				leaf := tlog.RecordHash(entry)
				proof, err := tlog.ProveRecord(tree.N, int64(i), hashes)
				if err != nil || tlog.CheckRecord(proof, tree.N, tree.Hash, int64(i), leaf) != nil {
					t.Fatalf("entry %d of %d: %v", i, tree.N, err)
				}
			}
			if before.N > 0 {
				proof, err := tlog.ProveTree(tree.N, before.N, hashes)
				if err != nil || tlog.CheckTree(proof, tree.N, tree.Hash, before.N, before.Hash) != nil {
					t.Fatalf("%d does not continue %d: %v", tree.N, before.N, err)
				}
			}
			before = tree
		}
	})
}

func TestNothingIsServedThatNoCheckpointCovers(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		v := serve(t, where)
		missing := []string{"log/checkpoint", "log/cosigned", "log/tile/0/000.p/1", "log/tile/entries/000.p/1"}
		for _, path := range missing {
			if res, _ := v.ask(t, "GET", path); res.StatusCode != http.StatusNotFound || res.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("of an empty log %s is served: %s", path, res.Status)
			}
		}
		v.add(t, 0, 300)
		// Leaves and tiles of more, without a signature: a process died in between.
		var rows []register.Row
		for n := range 10 {
			rows = append(rows, choice1(t, v.site, 300+n))
		}
		commit(t, v.Store, rows...)
		dying := register.NewSequencer(v.Store, register.OneKey(func(string) (ledger.Key, error) { return ledger.Key{}, errors.New("the process dies") }))
		if _, _, err := dying.Step(t.Context()); err == nil {
			t.Fatal("a log without a key is signed")
		}
		for path, want := range map[string]int{
			"log/tile/0/000": 200, "log/tile/0/000.p/17": 200, "log/tile/0/001.p/44": 200, "log/tile/0/001.p/45": 404, "log/tile/0/001": 404,
			"log/tile/1/000.p/1": 200, "log/tile/1/000.p/2": 404, "log/tile/2/000.p/1": 404, "log/tile/0/002.p/1": 404,
			"log/tile/entries/000": 200, "log/tile/entries/001.p/44": 200, "log/tile/entries/001.p/45": 404,
			"log/tile/0/1": 404, "log/tile/0/000.p/256": 404, "log/tile/0/000.p/0": 404, "log/tile/-1/000": 404, "log/tile/0/x": 404, "log/tile/": 404,
			"log/tile/entries/x999/x999/x999/999": 404, "log/checkpoint": 200, "log/": 404,
		} {
			if res, b := v.ask(t, "GET", path); res.StatusCode != want {
				t.Errorf("%s: %s, want %d: %.60q", path, res.Status, want, b)
			}
		}
	})
}

func TestWhatNeverChangesIsCachedForeverAndTheCheckpointShortly(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		v := serve(t, where)
		v.add(t, 0, 260)
		for path, want := range map[string]string{
			"log/tile/0/000": "public, max-age=31536000, immutable", "log/tile/0/001.p/4": "public, max-age=31536000, immutable",
			"log/tile/entries/000": "public, max-age=31536000, immutable", "log/checkpoint": "public, max-age=2", "log/keys": "public, max-age=60",
		} {
			res, body := v.ask(t, "GET", path)
			tag := res.Header.Get("ETag")
			if res.Header.Get("Cache-Control") != want || tag == "" {
				t.Errorf("%s: %v", path, res.Header)
			}
			if res, b := v.ask(t, "GET", path, "If-None-Match", tag); res.StatusCode != http.StatusNotModified || len(b) > 0 {
				t.Errorf("%s again: %s", path, res.Status)
			}
			if res, b := v.ask(t, "HEAD", path); res.StatusCode != http.StatusOK || len(b) > 0 || res.ContentLength != int64(len(body)) {
				t.Errorf("HEAD %s: %s, %d bytes of %d", path, res.Status, res.ContentLength, len(body))
			}
			if res, _ := v.ask(t, "POST", path); res.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("POST %s: %s", path, res.Status)
			}
		}
	})
}

func TestAReceiptWaitsForTheLogAndThenVerifies(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		v := serve(t, where)
		v.receipts.Wait = time.Minute
		rows := []register.Row{choice1(t, v.site, 0), choice1(t, v.site, 1)}
		commit(t, v.Store, rows...)
		var wg sync.WaitGroup
		for _, row := range slices.Concat(rows, rows) {
			wg.Go(func() {
				res, b := v.ask(t, "GET", "receipts/"+row.ID.String())
				got, err := register.Verify(b, v.trust)
				if res.StatusCode != http.StatusOK || err != nil || got.Record.ID != row.ID.String() {
					t.Errorf("%s: %v", res.Status, err)
				}
			})
		}
		// They wait, which nothing else tells.
		for looks := v.Changes(t.Context()); v.receipts.Waiting() < 4; {
			select {
			case <-looks:
			case <-time.After(time.Millisecond):
			}
		}
		if n, _, err := v.steps.Step(t.Context()); err != nil || n != 2 {
			t.Fatal(n, err)
		}
		wg.Wait()
		if v.receipts.Waiting() != 0 {
			t.Errorf("%d wait on", v.receipts.Waiting())
		}
		res, b := v.ask(t, "GET", "receipts/"+rows[0].ID.String()+"?download")
		name := fmt.Sprintf(`attachment; filename="receipt-shop-2026-11-21-%s.json"`, rows[0].ID.String()[30:])
		if res.Header.Get("Content-Disposition") != name || res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Referrer-Policy") != "no-referrer" || !json.Valid(b) {
			t.Errorf("%v", res.Header)
		}
	})
}

func TestAReceiptThatTheLogHasNotComeToIsGivenWithoutItsProof(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		v := serve(t, where)
		v.receipts.Wait = time.Millisecond
		row := choice1(t, v.site, 0)
		commit(t, v.Store, row)
		res, b := v.ask(t, "GET", "receipts/"+row.ID.String())
		if _, err := register.Verify(b, v.trust); res.StatusCode != http.StatusAccepted || res.Header.Get("Retry-After") != "1" || !errors.Is(err, register.ErrNoProof) {
			t.Errorf("%s %v: %v", res.Status, res.Header, err)
		}
		for _, id := range []string{choice1(t, v.site, 1).ID.String(), "x", strings.ToUpper(row.ID.String()), row.ID.String() + "0", "..%2f" + row.ID.String()} {
			if res, _ := v.ask(t, "GET", "receipts/"+id); res.StatusCode != http.StatusNotFound || res.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %s", id, res.Status)
			}
		}
	})
}

func TestAStoreThatCannotBeReadSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	v := serve(t, engines[0].place(t))
	row := v.add(t, 0, 1)[0]
	v.read.Close()
	for _, path := range []string{"receipts/" + row.ID.String(), "log/checkpoint", "log/tile/0/000.p/1", "log/tile/entries/000.p/1", "log/cosigned"} {
		res, b := v.ask(t, "GET", path)
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || res.Header.Get("Cache-Control") != "no-store" || strings.Contains(string(b), "sql") {
			t.Errorf("%s: %s %v %s", path, res.Status, res.Header, b)
		}
	}
}
