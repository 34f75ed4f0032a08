package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/internal/anchor"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/store"
)

// pieces reads lines of evidence.
func pieces(t *testing.T, b []byte) (list []anchor.Fixed) {
	t.Helper()
	for line := range strings.Lines(string(b)) {
		f, err := anchor.ParseFixed([]byte(strings.TrimSuffix(line, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	return list
}

func TestEvidenceIsServedWithTheProofThatItIsOfAReceiptsLog(t *testing.T) {
	onEach(t, func(t *testing.T, c Config) {
		folder := t.TempDir()
		at := &clock{now: time.Now().UTC().Truncate(24 * time.Hour).Add(9 * time.Hour)}
		sleep, looked := stops()
		c.Now, c.Sleep = at.Now, sleep
		c.Sites[0].Anchors = []Anchor{{Kind: anchor.Published, Address: folder}}
		n := run(t, c)
		<-looked
		if res, b := n.do("GET", "log/anchors", ""); res.StatusCode != 200 || len(b) != 0 {
			t.Errorf("before anything is fixed: %s, %s", res.Status, b)
		}
		for range 3 {
			n.receipt(n.choose("accept"))
			n.sites["shop"].fix(t.Context())
			at.pass(24 * time.Hour)
		}
		trust := n.trust()
		res, b := n.do("GET", "log/anchors", "")
		all := pieces(t, b)
		if len(all) != 3 || all[0].Kept.Before(all[2].Kept) || res.Header.Get("Link") != "" || res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Fatalf("%v: %+v", res.Header, all)
		}
		if strings.Contains(string(b), filepath.Dir(folder)) {
			t.Errorf("it tells where folders are on this machine: %s", b)
		}
		open := func(f anchor.Fixed) ledger.Checkpoint {
			opened, err := trust.Open(f.Checkpoint)
			if err != nil {
				t.Fatal(err)
			}
			return opened
		}
		first := open(all[2])
		_, b = n.do("GET", "log/anchors?size=1", "")
		for i, f := range pieces(t, b) {
			newer := open(f)
			if err := ledger.VerifyConsistency(first.Head, newer.Head, f.Proof); err != nil || f.From != 1 || newer.Size != int64(1+i) {
				t.Errorf("%v: size %d, from %d", err, newer.Size, f.From)
			}
			terms := anchor.Terms{Log: trust, Copy: anchor.Files{FS: os.DirFS(folder)}}
			if newer.Size == 3 {
				if _, err := f.Verify(t.Context(), terms); err != nil {
					t.Error(err)
				}
			}
		}
		if _, b = n.do("GET", "log/anchors?size=3", ""); len(pieces(t, b)) != 1 {
			t.Errorf("of the whole log: %s", b)
		}
		for _, bad := range []string{"size=0", "size=x", "size=1&size=2", "size=1&before=", "before=%21", "before=MSB4", "all"} {
			if res, _ := n.do("GET", "log/anchors?"+bad, ""); res.StatusCode != 400 {
				t.Errorf("%s: %s", bad, res.Status)
			}
		}
	})
}

func TestEvidenceIsServedPageByPage(t *testing.T) {
	n := run(t, configure(t, filepath.Join(t.TempDir(), "store")))
	at := time.Now().UTC().Truncate(time.Second)
	for i := range mostEvidence + 3 { // all at once, as versions are
		e, err := anchor.Evidence{Kind: anchor.Timestamp, Place: "tsa.example", Time: at, Bytes: []byte{1}}.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		hash := make([]byte, 32)
		hash[0] = byte(i)
		if err := n.store.KeepAnchor(t.Context(), store.Anchored{Site: "shop", Place: "tsa.example", Kind: "timestamp", At: at, Subject: hash, Evidence: e}); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[[32]byte]bool{}
	res, b := n.do("GET", "log/anchors", "")
	for _, f := range pieces(t, b) {
		seen[f.Version] = true
	}
	next, _, _ := strings.Cut(strings.TrimPrefix(res.Header.Get("Link"), "<"), ">")
	if len(seen) != mostEvidence || next == "" {
		t.Fatalf("%d pieces, and then %q", len(seen), next)
	}
	res, b = n.do("GET", "log/anchors"+next, "")
	for _, f := range pieces(t, b) {
		seen[f.Version] = true
	}
	if len(seen) != mostEvidence+3 || res.Header.Get("Link") != "" {
		t.Errorf("%d pieces, and then %q", len(seen), res.Header.Get("Link"))
	}
}
