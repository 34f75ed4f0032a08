package app

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/temoin/temoin/internal/anchor"
	"github.com/temoin/temoin/internal/anchortest"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
)

func newWitness(t *testing.T) (*anchortest.Witness, Anchor) {
	t.Helper()
	w, address := anchortest.NewWitness(t)
	return w, Anchor{Kind: anchor.Witnessed, Address: address, Key: w.Key()}
}

// until asks again until an answer is what it should be: each asking is a request.
func until(t *testing.T, what string, good func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !good(); {
		if time.Now().After(end) {
			t.Fatal("this never comes: " + what)
		}
	}
}

func TestWitnessesCosignTheLogAndReceiptsCarryIt(t *testing.T) {
	onEach(t, func(t *testing.T, c Config) {
		w, a := newWitness(t)
		c.Sites[0].Anchors = []Anchor{a}
		c.Cosign = time.Millisecond
		n := run(t, c)
		trust := n.trust()
		key, err := ledger.ParseWitness(w.Key())
		if err != nil {
			t.Fatal(err)
		}
		trust.Witnesses = []ledger.Witness{key}
		id := n.choose("accept")
		for range 3 {
			n.receipt(n.choose("refuse"))
		}
		cosigned := func(path string, size int64) func() bool {
			return func() bool {
				_, b := n.do("GET", path, "")
				got, err := trust.Open(b)
				return err == nil && len(got.Cosignatures) == 1 && got.Size == size
			}
		}
		until(t, "a cosigned checkpoint of all entries", cosigned("log/checkpoint", 4))
		until(t, "the same", cosigned("log/cosigned", 4))
		v, err := register.Verify(n.receipt(id), trust)
		if err != nil || len(v.Checkpoint.Cosignatures) != 1 {
			t.Errorf("%v: %+v", err, v)
		}
		// With a witness that is down the log goes on, and what is cosigned stays.
		w.Fail()
		fresh := n.receipt(n.choose("withdraw"))
		if v, err := register.Verify(fresh, trust); err != nil || v.Checkpoint.Size != 5 || len(v.Checkpoint.Cosignatures) != 0 {
			t.Errorf("%v: %+v", err, v)
		}
		if !cosigned("log/cosigned", 4)() {
			t.Error("what was cosigned is gone")
		}
		if _, b := n.do("GET", "verify", ""); !strings.Contains(string(b), anchortest.WitnessName) {
			t.Error("the verifier does not know the witness")
		}
	})
}

func TestACosignedCheckpointIsNeverReplacedByOneThatSaysLess(t *testing.T) {
	onEach(t, func(t *testing.T, c Config) {
		n := run(t, c)
		for _, k := range []struct {
			size  int64
			count int
			note  string
			want  string
		}{{5, 1, "a", "a"}, {5, 2, "b", "b"}, {5, 1, "c", "b"}, {4, 9, "d", "b"}, {6, 1, "e", "e"}, {6, 1, "f", "f"}} {
			if err := n.store.KeepCosigned(t.Context(), "shop", k.size, k.count, []byte("log\n"+k.note)); err != nil {
				t.Fatal(err)
			}
			if got, err := n.store.Cosigned(t.Context(), "shop"); err != nil || string(got) != "log\n"+k.want {
				t.Errorf("after %+v: %q, %v", k, got, err)
			}
		}
		if err := n.store.KeepCosigned(t.Context(), "shop", 2, 1, []byte("log/2\n")); err != nil {
			t.Fatal(err)
		}
		if got, err := n.store.Cosigned(t.Context(), "shop"); err != nil || string(got) != "log/2\n" {
			t.Errorf("of another log: %q, %v", got, err)
		}
	})
}

// A clock that a test moves, and whose pauses it ends.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// stops makes a Sleep that waits for the end: what is due daily is done by hand. The
// channel is closed when the node has looked for itself, as it does when it begins
// to lead.
func stops() (sleep func(ctx context.Context, d time.Duration) error, looked <-chan struct{}) {
	done := make(chan struct{})
	var once sync.Once
	return func(ctx context.Context, d time.Duration) error {
		if d < time.Second { // the log's breath
			return nil
		}
		if d == lookEvery {
			once.Do(func() { close(done) })
		}
		<-ctx.Done()
		return ctx.Err()
	}, done
}

func TestADailyCheckpointIsFixedOutsideAndTriedAgain(t *testing.T) {
	onEach(t, func(t *testing.T, c Config) {
		folder := filepath.Join(t.TempDir(), "published")
		at := &clock{now: time.Now().UTC().Truncate(24 * time.Hour).Add(9 * time.Hour)}
		sleep, looked := stops()
		c.Now, c.Sleep = at.Now, sleep
		c.Sites[0].Anchors = []Anchor{{Kind: anchor.Published, Address: folder}}
		n := run(t, c)
		<-looked
		site := n.sites["shop"]
		n.receipt(n.choose("accept"))
		files := func() (names []string) {
			list, _ := os.ReadDir(folder)
			for _, e := range list {
				names = append(names, e.Name())
			}
			return names
		}
		age := func() string {
			w := httptest.NewRecorder()
			n.Metrics().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
			_, after, _ := strings.Cut(w.Body.String(), "temoin_anchor_age_seconds{")
			line, _, _ := strings.Cut(after, "\n")
			return line[strings.LastIndex(line, " ")+1:]
		}
		site.fix(t.Context()) // the folder is not there
		at.pass(time.Minute)
		if age() != "60" {
			t.Errorf("without evidence its age is %s", age())
		}
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		site.fix(t.Context())
		if len(files()) > 0 {
			t.Error("it is tried again at once")
		}
		at.pass(tryAgain)
		site.fix(t.Context())
		if got := files(); len(got) != 2 || !strings.HasSuffix(got[0], "-1.txt") {
			t.Fatalf("published: %q", got)
		}
		at.pass(time.Hour)
		n.receipt(n.choose("refuse"))
		site.fix(t.Context())
		if got := files(); len(got) != 2 || age() != "3600" {
			t.Errorf("on the same day: %q, age %s", got, age())
		}
		at.pass(24 * time.Hour)
		site.fix(t.Context())
		if got := files(); len(got) != 3 {
			t.Errorf("on the next day: %q", got)
		}
		kept, err := n.store.Anchors(t.Context(), "shop", time.Time{}, 9)
		if err != nil || len(kept) != 2 || kept[0].Size != 1 || kept[1].Size != 2 {
			t.Fatalf("%v, %+v", err, kept)
		}
		trust := n.trust()
		for _, k := range kept[1:] {
			e, err := anchor.ParseEvidence(k.Evidence)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.Verify(t.Context(), k.Subject, anchor.Terms{Log: trust, Copy: anchor.Files{FS: os.DirFS(folder)}}); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestVersionsAreTimeStampedOnceAndCheckpointsDaily(t *testing.T) {
	onEach(t, func(t *testing.T, c Config) {
		a := anchortest.NewAuthority(t)
		at := &clock{now: time.Now()}
		sleep, looked := stops()
		c.Now, c.Sleep = at.Now, sleep
		c.Sites[0].Anchors = []Anchor{stamping(a)}
		n := run(t, c)
		<-looked
		n.receipt(n.choose("accept"))
		for range 2 {
			n.sites["shop"].fix(t.Context())
		}
		kept, err := n.store.Anchors(t.Context(), "shop", time.Time{}, 9)
		if err != nil || len(kept) != 2 || a.Asked() != 2 {
			t.Fatalf("%v: %d kept, asked %d times", err, len(kept), a.Asked())
		}
		version := n.sites["shop"].versions.Active().Hash
		for _, k := range kept {
			e, err := anchor.ParseEvidence(k.Evidence)
			if err == nil && k.Size > 0 {
				_, err = e.Verify(t.Context(), k.Subject, anchor.Terms{Log: n.trust(), Roots: a.Roots()})
			} else if err == nil {
				_, err = e.VerifyHash(version, a.Roots())
			}
			if err != nil {
				t.Errorf("size %d: %v", k.Size, err)
			}
		}
	})
}

func stamping(a *anchortest.Authority) Anchor {
	return Anchor{Kind: anchor.Timestamp, Address: a.Address, Roots: a.Roots()}
}
