package verifier

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/internal/browsertest"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
)

type vector struct {
	Case, Receipt, Reason string
	Holds                 bool
	Keys                  []string
	Index, Size           int64
	Root                  []byte
	SignedBy, Witnessed   []string
}

type vectors struct {
	Keys     map[string]string
	Receipts []vector
}

func read(t *testing.T) vectors {
	t.Helper()
	b, err := os.ReadFile("../testdata/receipts.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// texts are the keys of the given names, a line each.
func (v vectors) texts(names []string) string {
	var lines []string
	for _, n := range names {
		lines = append(lines, v.Keys[n])
	}
	return strings.Join(lines, "\n")
}

func (v vectors) find(t *testing.T, how string) vector {
	t.Helper()
	for _, c := range v.Receipts {
		if c.Case == how {
			return c
		}
	}
	t.Fatalf("there is no vector %q", how)
	return vector{}
}

// serve serves the page as a site would, and the module alone.
func serve(t *testing.T, keys ...string) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/verify", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", CSP())
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(Page(r.URL.Query().Get("lang"), keys...))
	})
	mux.HandleFunc("/verify.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Write([]byte(Module()))
	})
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte("<!doctype html><title>blank</title>"))
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func literal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// outcome is what the module answers.
type outcome struct {
	OK          bool
	Reason      string
	Index, Size int64
	Root        string // hex
	SignedBy    []string
	Witnessed   []string
	Category    string // of the first answer
}

const ask = `(async cases => {
	const { verify } = await import('/verify.js');
	const answer = async ([receipt, keys]) => {
		const v = await verify(receipt, keys);
		return v.ok ? {ok: true, index: v.index, size: v.size, root: Array.from(v.root, b => b.toString(16).padStart(2, '0')).join(''),
			signedBy: v.signedBy, witnessed: v.witnessed.map(w => w.time.toISOString()), category: v.record.answers[0].category} : v;
	};
	return JSON.stringify(await Promise.all(cases.map(answer)));
})`

func answers(t *testing.T, tab *browsertest.Tab, cases [][2]string) []outcome {
	t.Helper()
	var got []outcome
	if err := json.Unmarshal([]byte(browsertest.Evaluate[string](tab, ask+"("+literal(t, cases)+")")), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(cases) {
		t.Fatalf("%d answers to %d receipts", len(got), len(cases))
	}
	return got
}

func TestTheModuleJudgesEveryVectorAsTheProgramDoes(t *testing.T) {
	t.Parallel()
	v := read(t)
	tab := browsertest.Open(t)
	tab.Do(chromedp.Navigate(serve(t) + "/"))
	var cases [][2]string
	for _, c := range v.Receipts {
		cases = append(cases, [2]string{c.Receipt, v.texts(c.Keys)})
	}
	for i, got := range answers(t, tab, cases) {
		c := v.Receipts[i]
		if got.OK != c.Holds || got.Reason != c.Reason {
			t.Errorf("%s: %v %q, want %v %q", c.Case, got.OK, got.Reason, c.Holds, c.Reason)
			continue
		}
		if !c.Holds {
			continue
		}
		var signed []string
		for _, name := range c.SignedBy {
			signed = append(signed, v.Keys[name])
		}
		for i, w := range got.Witnessed {
			got.Witnessed[i] = strings.Replace(w, ".000Z", "Z", 1)
		}
		if got.Index != c.Index || got.Size != c.Size || got.Root != hex.EncodeToString(c.Root) || strings.Join(got.SignedBy, " ") != strings.Join(signed, " ") || strings.Join(got.Witnessed, " ") != strings.Join(c.Witnessed, " ") {
			t.Errorf("%s: %+v", c.Case, got)
		}
	}
}

// Beyond the vectors: every kind of small damage, at many places.
func TestTheModuleJudgesDamagedReceiptsAsTheProgramDoes(t *testing.T) {
	t.Parallel()
	v := read(t)
	receipt := v.find(t, "entry 1 of 2").Receipt
	key, err := ledger.ParseVerifier(v.Keys["old"])
	if err != nil {
		t.Fatal(err)
	}
	trust := ledger.Trust{Origin: key.Name(), Keys: []ledger.Verifier{key}}
	var cases [][2]string
	add := func(s string) { cases = append(cases, [2]string{s, v.Keys["old"]}) }
	for i := range len(receipt) {
		if receipt[i] >= 0x80 {
			continue // half a character cannot be pasted
		}
		b := []byte(receipt)
		b[i] ^= 1
		add(string(b))
		b[i] ^= 0x21
		add(string(b))
		add(receipt[:i] + receipt[i+1:])
		add(receipt[:i] + " " + receipt[i:])
	}
	tab := browsertest.Open(t)
	tab.Do(chromedp.Navigate(serve(t) + "/"))
	holds := 0
	for i, got := range answers(t, tab, cases) {
		b := []byte(cases[i][0])
		_, err := register.Verify(b, trust)
		want := ""
		if err != nil {
			want = string(register.Why(err))
		} else {
			holds++
		}
		if got.OK != (err == nil) || got.Reason != want {
			t.Errorf("%q, the program %q (%v):\n%s", got.Reason, want, err, b)
		}
	}
	if holds == 0 || holds == len(cases) {
		t.Errorf("%d of %d verify", holds, len(cases))
	}
}

func TestKeysThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	v := read(t)
	old, receipt := v.Keys["old"], v.find(t, "entry 1 of 2").Receipt
	cases := map[string]string{
		"":                     "nokey",
		"# only a remark":      "nokey",
		v.Keys["witness"]:      "nokey",
		"x":                    "key",
		old[:len(old)-1]:       "key",
		"x" + old:              "key", // another name has another id
		old + "\n" + old[1:]:   "key",
		"# the log\n\n" + old:  "",
		" " + old + " \r\n":    "",
		old + "\n" + old:       "",
		v.Keys["other"]:        "origin",
		v.Keys["new"]:          "unsigned",
		old + "\nsite.example": "key",
	}
	var list [][2]string
	for keys := range cases {
		list = append(list, [2]string{receipt, keys})
	}
	tab := browsertest.Open(t)
	tab.Do(chromedp.Navigate(serve(t) + "/"))
	for i, got := range answers(t, tab, list) {
		if want := cases[list[i][1]]; got.Reason != want || got.OK != (want == "") {
			t.Errorf("%q: %q, want %q", list[i][1], got.Reason, want)
		}
	}
}

func TestTheVerifierIsSmallAndAsksNobody(t *testing.T) {
	if n := len(Module()); n >= 12<<10 {
		t.Errorf("it has %d bytes", n)
	}
	for _, call := range []string{"fetch(", "XMLHttpRequest", "WebSocket", "sendBeacon", "import ", "import(", "innerHTML", "eval(", "localStorage", "</script", "http://"} {
		if strings.Contains(script(), call) {
			t.Errorf("%q is in the script", call)
		}
	}
	for _, mark := range []string{"{csp}", "{style}", "{script}", "{keys}", " onclick", " style="} {
		if bytes.Contains(Page("en", "key"), []byte(mark)) {
			t.Errorf("%q is in the page", mark)
		}
	}
	if p := Page("en", "</textarea><script>"); bytes.Contains(p, []byte("</textarea><script>")) {
		t.Error("a key is taken for markup")
	}
}

// submit puts a receipt into the page and returns the outcome.
func submit(tab *browsertest.Tab, t *testing.T, receipt string) string {
	t.Helper()
	return browsertest.Evaluate[string](tab, `(async receipt => {
		document.getElementById('result').replaceChildren();
		document.getElementById('receipt').value = receipt;
		const shown = new Promise(done => new MutationObserver(done).observe(document.getElementById('result'), {childList: true}));
		document.querySelector('button').click();
		await shown;
		return document.querySelector('#result > section').dataset.outcome;
	})(`+literal(t, receipt)+")")
}

func TestThePageShowsTheResultInTheVisitorsLanguageAndIsAccessible(t *testing.T) {
	t.Parallel()
	v := read(t)
	address := serve(t, v.Keys["old"], v.Keys["witness"])
	for _, lang := range Languages() {
		for _, look := range []struct {
			width  int64
			scheme string
		}{{1280, "light"}, {320, "dark"}} {
			tab := browsertest.Open(t)
			tab.Look(look.width, look.scheme)
			tab.Do(chromedp.Navigate(address + "/verify?lang=" + lang))
			name := "verify-" + lang + "-" + look.scheme
			tab.Accessible(name)
			tab.Screenshot(name)
			for _, c := range []struct{ how, want string }{
				{"cosigned by a known witness", "verified"}, {"entry 255 of 256", "verified"}, {"a refusal made a yes", "proof"}, {"no proof yet", "pending"},
			} {
				if got := submit(tab, t, v.find(t, c.how).Receipt); got != c.want {
					t.Errorf("%s, %s: %s, want %s", name, c.how, got, c.want)
				}
				tab.Accessible(name + ": " + c.how)
				if wide := browsertest.Evaluate[int64](tab, "document.documentElement.scrollWidth"); wide > look.width {
					t.Errorf("%s, %s: %d pixels wide", name, c.how, wide)
				}
				tab.Screenshot(name + "-" + c.want + "-" + strings.ReplaceAll(c.how, " ", "-"))
			}
			text := browsertest.Evaluate[string](tab, "document.title")
			if want := map[string]string{"en": "Check a receipt", "fr": "Vérifier un reçu", "ar": "التحقق من إيصال"}[lang]; text != want {
				t.Errorf("%s: %q", lang, text)
			}
			if m := tab.Messages(); len(m) > 0 {
				t.Errorf("%s: the console says %q", name, m)
			}
		}
	}
}

func TestAPageThatWasSavedWorksWithoutAServer(t *testing.T) {
	t.Parallel()
	v := read(t)
	file := filepath.Join(t.TempDir(), "verify.html")
	if err := os.WriteFile(file, Page("fr", v.Keys["old"]), 0o644); err != nil {
		t.Fatal(err)
	}
	tab := browsertest.Open(t)
	tab.Do(chromedp.Navigate("file://" + file))
	// A file that is dropped, as a visitor does.
	got := browsertest.Evaluate[string](tab, `(async text => {
		const shown = new Promise(done => new MutationObserver(done).observe(document.getElementById('result'), {childList: true}));
		const data = new DataTransfer();
		data.items.add(new File([text], 'receipt.json', {type: 'application/json'}));
		document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
		await shown;
		return document.querySelector('#result > section').dataset.outcome;
	})(`+literal(t, v.find(t, "entry 699 of 700").Receipt)+")")
	if got != "verified" {
		t.Errorf("%s", got)
	}
	if m := tab.Messages(); len(m) > 0 {
		t.Errorf("the console says %q", m)
	}
}

func TestABrowserWithoutEd25519IsToldSo(t *testing.T) {
	t.Parallel()
	v := read(t)
	tab := browsertest.Open(t)
	tab.Do(chromedp.Navigate(serve(t, v.Keys["old"]) + "/verify"))
	browsertest.Evaluate[bool](tab, `(() => {
		const original = SubtleCrypto.prototype.importKey;
		SubtleCrypto.prototype.importKey = function (format, key, algorithm, ...rest) {
			if (algorithm === 'Ed25519') return Promise.reject(new DOMException('no', 'NotSupportedError'));
			return original.call(this, format, key, algorithm, ...rest);
		};
		return true;
	})()`)
	if got := submit(tab, t, v.find(t, "entry 699 of 700").Receipt); got != "unsupported" {
		t.Errorf("%s", got)
	}
}

func TestThePolicyLetsNoOtherScriptRun(t *testing.T) {
	t.Parallel()
	tab := browsertest.Open(t)
	tab.Do(chromedp.Navigate(serve(t) + "/verify"))
	if browsertest.Evaluate[bool](tab, `(() => {
		const s = document.createElement('script');
		try { s.text = 'window.ran = true'; } catch {}
		document.body.append(s);
		return window.ran === true;
	})()`) {
		t.Error("another script ran")
	}
}
