package anchor

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/temoin/temoin/internal/ledger"
)

// A watcher is a witness as c2sp.org/tlog-witness describes it. It shares no code
// with the ledger.
type watcher struct {
	name   string
	secret ed25519.PrivateKey
	clock  func() time.Time
	logs   map[string]note.Verifier // by origin

	mu    sync.Mutex
	sizes map[string]int64
	roots map[string]tlog.Hash
	asked int
	// before is called with the lock held and can make the world change.
	before func()
}

func newWatcher(t testing.TB, seed byte, logs ...ledger.Verifier) *watcher {
	w := &watcher{
		name: "witness.example/w1", secret: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32)), clock: at(noon),
		logs: map[string]note.Verifier{}, sizes: map[string]int64{}, roots: map[string]tlog.Hash{},
	}
	for _, v := range logs {
		known, err := note.NewVerifier(v.String())
		if err != nil {
			t.Fatal(err)
		}
		w.logs[v.Name()] = known
	}
	return w
}

func (w *watcher) encoded() []byte { return append([]byte{4}, w.secret[32:]...) }

func (w *watcher) id() []byte {
	sum := sha256.Sum256(append([]byte(w.name+"\n"), w.encoded()...))
	return sum[:4]
}

func (w *watcher) key(t testing.TB) ledger.Witness {
	t.Helper()
	k, err := ledger.ParseWitness(fmt.Sprintf("%s+%x+%s", w.name, w.id(), base64.StdEncoding.EncodeToString(w.encoded())))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// line cosigns a text.
func (w *watcher) line(text string) string {
	now := w.clock().Unix()
	raw := binary.BigEndian.AppendUint64(append([]byte(nil), w.id()...), uint64(now))
	raw = append(raw, ed25519.Sign(w.secret, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", now, text))...)
	return fmt.Sprintf("— %s %s\n", w.name, base64.StdEncoding.EncodeToString(raw))
}

func (w *watcher) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	if w.before != nil {
		w.before()
	}
	if r.Method != http.MethodPost || r.URL.Path != "/submit/add-checkpoint" {
		http.Error(rw, "no such call", http.StatusMethodNotAllowed)
		return
	}
	body := bufio.NewReader(r.Body)
	first, _ := body.ReadString('\n')
	old, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(first, "old "), "\n"), 10, 64)
	if err != nil || fmt.Sprintf("old %d\n", old) != first {
		http.Error(rw, "old size", http.StatusBadRequest)
		return
	}
	var proof []tlog.Hash
	for {
		l, err := body.ReadString('\n')
		if err != nil || len(proof) > 63 {
			http.Error(rw, "proof", http.StatusBadRequest)
			return
		}
		if l == "\n" {
			break
		}
		h, err := tlog.ParseHash(strings.TrimSuffix(l, "\n"))
		if err != nil {
			http.Error(rw, "proof", http.StatusBadRequest)
			return
		}
		proof = append(proof, h)
	}
	msg, _ := io.ReadAll(body)
	name, _, _ := strings.Cut(string(msg), "\n")
	known, ok := w.logs[name]
	if !ok {
		http.Error(rw, "unknown log", http.StatusNotFound)
		return
	}
	n, err := note.Open(msg, note.VerifierList(known))
	if err != nil {
		http.Error(rw, "signature", http.StatusForbidden)
		return
	}
	lines := strings.Split(n.Text, "\n")
	size, err1 := strconv.ParseInt(lines[1], 10, 64)
	root, err2 := tlog.ParseHash(lines[2])
	if err1 != nil || err2 != nil || old > size {
		http.Error(rw, "size", http.StatusBadRequest)
		return
	}
	if last := w.sizes[name]; old != last {
		rw.Header().Set("Content-Type", "text/x.tlog.size")
		rw.WriteHeader(http.StatusConflict)
		fmt.Fprintf(rw, "%d\n", last)
		return
	}
	switch {
	case size == 0 && root != sha256.Sum256(nil),
		old == 0 && len(proof) > 0,
		old == size && old > 0 && root != w.roots[name],
		old > 0 && old < size && tlog.CheckTree(proof, size, root, old, w.roots[name]) != nil:
		http.Error(rw, "inconsistent", http.StatusUnprocessableEntity)
		return
	}
	w.sizes[name], w.roots[name] = size, root
	// A second key of the same witness, of a kind that nobody here knows.
	other := base64.StdEncoding.EncodeToString(append([]byte{1, 2, 3, 4}, make([]byte, 100)...))
	fmt.Fprintf(rw, "— %s %s\n%s", w.name, other, w.line(n.Text))
}

// asks returns an anchor at a handler.
func asks(t *testing.T, h http.Handler, l *tree, key ledger.Witness) *Witness {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	prove := func(_ context.Context, old int64, head ledger.Head) ([]ledger.Hash, error) {
		return tlog.ProveTree(head.Size, old, l)
	}
	w, err := NewWitness(l.trust(), server.URL+"/submit/", key, prove, options())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestAWitnessCosignsALogThatGrows(t *testing.T) {
	l := newTree(t, "a", 300)
	watch := newWatcher(t, 7, l.key.Verifier())
	w := asks(t, watch, l, watch.key(t))
	trust := l.trust()
	trust.Witnesses = []ledger.Witness{watch.key(t)}
	for i, size := range []int64{1, 5, 5, 256, 300} {
		msg, head := l.signed(t, size)
		watch.clock = at(noon.Add(time.Duration(i) * time.Second))
		after, e, err := w.Cosign(t.Context(), msg, head)
		if err != nil {
			t.Fatal(err)
		}
		c, err := trust.Open(after)
		if err != nil || len(c.Cosignatures) != 1 || c.Head != head || !c.Cosignatures[0].Time.Equal(watch.clock()) {
			t.Errorf("%+v, %v", c, err)
		}
		// The evidence is good for the bare checkpoint and for the cosigned one.
		for _, m := range [][]byte{msg, after} {
			p, err := e.Verify(t.Context(), m, Terms{Log: trust})
			if err != nil || p.By != watch.name || !p.Independent || !p.Time.Equal(watch.clock()) {
				t.Errorf("%+v, %v", p, err)
			}
		}
		if _, err := e.Verify(t.Context(), msg, Terms{Log: l.trust()}); !errors.Is(err, ledger.ErrUnknownWitness) {
			t.Errorf("for who does not know the witness: %v", err)
		}
		moved := e
		moved.Time = e.Time.Add(time.Second)
		if _, err := moved.Verify(t.Context(), msg, Terms{Log: trust}); err == nil {
			t.Error("evidence of another time than its cosignature is good")
		}
	}
	if watch.asked != 5 {
		t.Errorf("asked %d times for five heads", watch.asked)
	}
}

func TestAnAnchorThatForgotAsksTheWitnessWhatItHasSeen(t *testing.T) {
	l := newTree(t, "a", 300)
	watch := newWatcher(t, 7, l.key.Verifier())
	for _, size := range []int64{20, 20, 300} {
		msg, head := l.signed(t, size)
		if _, err := asks(t, watch, l, watch.key(t)).Fix(t.Context(), msg, head); err != nil {
			t.Fatal(err)
		}
	}
	if watch.asked != 5 {
		t.Errorf("asked %d times", watch.asked)
	}
}

func TestACosignatureTakesThePlaceOfTheFormerOne(t *testing.T) {
	l := newTree(t, "a", 5)
	watch := newWatcher(t, 7, l.key.Verifier())
	w := asks(t, watch, l, watch.key(t))
	msg, head := l.signed(t, 5)
	first, _, err := w.Cosign(t.Context(), msg, head)
	if err != nil {
		t.Fatal(err)
	}
	watch.clock = at(noon.Add(time.Minute))
	second, _, err := w.Cosign(t.Context(), first, head)
	if err != nil || len(second) != len(first) || bytes.Equal(first, second) {
		t.Errorf("%v\n%s%s", err, first, second)
	}
}

func TestAWitnessThatKnowsAnotherHistoryIsAFork(t *testing.T) {
	mine, theirs := newTree(t, "a", 40), newTree(t, "b", 40)
	for _, size := range []int64{20, 40} { // the same size, and a smaller one
		watch := newWatcher(t, 7, mine.key.Verifier())
		msg, head := theirs.signed(t, size)
		if _, err := asks(t, watch, theirs, watch.key(t)).Fix(t.Context(), msg, head); err != nil {
			t.Fatal(err)
		}
		msg, head = mine.signed(t, 40)
		if _, err := asks(t, watch, mine, watch.key(t)).Fix(t.Context(), msg, head); !errors.Is(err, ErrFork) {
			t.Errorf("%v", err)
		}
		if watch.sizes[origin] != size {
			t.Error("the witness was led on")
		}
	}
}

func TestAWitnessThatHasSeenMoreIsAhead(t *testing.T) {
	l := newTree(t, "a", 40)
	watch := newWatcher(t, 7, l.key.Verifier())
	w := asks(t, watch, l, watch.key(t))
	for _, size := range []int64{40, 30} {
		msg, head := l.signed(t, size)
		if _, err := w.Fix(t.Context(), msg, head); (size == 30) != errors.Is(err, ErrAhead) {
			t.Errorf("%d: %v", size, err)
		}
	}
}

func TestAWitnessMayBeGivenTheLogBySomebodyElseInBetween(t *testing.T) {
	l := newTree(t, "a", 40)
	watch := newWatcher(t, 7, l.key.Verifier())
	watch.before = func() {
		if watch.asked < 3 { // after the answer with its size, that is another one
			size := int64(5 * watch.asked)
			watch.sizes[origin], watch.roots[origin] = size, l.head(t, size).Root
		}
	}
	msg, head := l.signed(t, 40)
	if _, err := asks(t, watch, l, watch.key(t)).Fix(t.Context(), msg, head); err != nil {
		t.Error(err)
	}
	watch.before = func() { watch.sizes[origin] = int64(watch.asked) }
	if _, err := asks(t, watch, l, watch.key(t)).Fix(t.Context(), msg, head); err == nil || watch.asked > 10 {
		t.Errorf("%v after %d", err, watch.asked)
	}
}

func TestARefusalOfAWitnessIsSaid(t *testing.T) {
	l := newTree(t, "a", 5)
	msg, head := l.signed(t, 5)
	stranger := newWatcher(t, 7)
	other := newWatcher(t, 7, seeded(t, origin, 9).Verifier())
	good := newWatcher(t, 7, l.key.Verifier())
	says := func(status int, kind, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			io.WriteString(w, body)
		})
	}
	text, _, _ := bytes.Cut(msg, []byte("\n\n"))
	cosigned := good.line(string(text) + "\n")
	late := newWatcher(t, 7, l.key.Verifier())
	late.clock = at(noon.Add(-time.Hour))
	for name, c := range map[string]struct {
		h    http.Handler
		want string
	}{
		"404":                     {stranger, "does not know the log"},
		"403":                     {other, "does not know the key"},
		"400":                     {says(400, "text/plain", "old size"), "400 Bad Request: \"old size\""},
		"500":                     {says(500, "text/html", "<p>"), "500"},
		"redirection":             {http.RedirectHandler("/elsewhere", http.StatusTemporaryRedirect), "307"},
		"no signature":            {says(200, "text/plain", ""), "is its key"},
		"another text's":          {says(200, "text/plain", good.line("a\n")), "reading a checkpoint"},
		"cut off":                 {says(200, "text/plain", cosigned[:len(cosigned)-1]), "cut off"},
		"twice":                   {says(200, "text/plain", cosigned+cosigned), "two signatures"},
		"more than signatures":    {says(200, "text/plain", cosigned+"\n"), "no signature"},
		"too much":                {says(200, "text/plain", strings.Repeat(cosigned, 1000)), "more than"},
		"409 without its type":    {says(409, "text/plain", "3\n"), "without the size"},
		"409 without an end":      {says(409, sizeType, "3"), "without the size"},
		"409 with a zero":         {says(409, sizeType, "03\n"), "without the size"},
		"409 below nothing":       {says(409, sizeType, "-3\n"), "without the size"},
		"409 with what was said":  {says(409, sizeType, "0\n"), "it was told"},
		"409 beyond all numbers":  {says(409, sizeType, "99999999999999999999\n"), "without the size"},
		"409 again and again":     {says(409, sizeType, "3\n"), "it was told"},
		"a clock that is behind":  {late, "one of the clocks"},
		"a page of another sort ": {says(200, "text/html", "<html>\n"), "no signature"},
	} {
		_, err := asks(t, c.h, l, good.key(t)).Fix(t.Context(), msg, head)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "witness witness.example/w1: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnUnprovableLogIsNotSubmitted(t *testing.T) {
	l := newTree(t, "a", 5)
	watch := newWatcher(t, 7, l.key.Verifier())
	w := asks(t, watch, l, watch.key(t))
	for _, size := range []int64{3, 5} {
		msg, head := l.signed(t, size)
		if _, err := w.Fix(t.Context(), msg, head); (size == 5) != errors.Is(err, ledger.ErrDamaged) {
			t.Error(err)
		}
		w.prove = func(context.Context, int64, ledger.Head) ([]ledger.Hash, error) { return nil, ledger.ErrDamaged }
	}
}
