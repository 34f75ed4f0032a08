package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const manifest = `temoin: 1
site: shop
name: Shop
url: https://shop.example
languages: [en, fr]
policy: {version: "1.0"}
categories:
  needed: {exempt: true}
  stats: {needs: consent, purpose: {en: Counting., fr: Compter.}}
services: [{id: one, name: One, category: stats, hosts: [one.example]}]
`

// notices stand for what visitors are shown.
var notices = []register.Notice{
	{Language: "en", Bytes: []byte("May we count visits?")},
	{Language: "fr", Bytes: []byte("Pouvons-nous compter les visites ?")},
}

// onEach runs a test over both engines, in a new store.
func onEach(t *testing.T, test func(t *testing.T, c Config)) {
	t.Parallel()
	for name, where := range map[string]func(testing.TB) string{
		"sqlite":   func(t testing.TB) string { return filepath.Join(t.TempDir(), "store") },
		"postgres": storetest.Database,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, configure(t, where(t)))
		})
	}
}

func configure(t testing.TB, where string) Config {
	return Config{
		Store: where, Keys: filepath.Join(t.TempDir(), "keys"), Code: "test",
		Sites: []SiteConfig{{File: "shop.yaml", Manifest: []byte(manifest), Notices: notices, Author: "a"}},
	}
}

// A running is a node behind a server.
type running struct {
	*Node
	t      testing.TB
	server *httptest.Server
}

func run(t testing.TB, c Config) *running {
	t.Helper()
	n, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{n, t, httptest.NewServer(n.Handler("shop"))}
	t.Cleanup(r.end)
	return r
}

func (r *running) end() {
	r.server.Close()
	if err := r.Close(); err != nil {
		r.t.Error(err)
	}
}

func (r *running) do(method, path, body string, header ...string) (*http.Response, []byte) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.server.URL+"/.temoin/"+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res, b
}

// choice is a choice as JSON.
func choice(action string) string {
	return fmt.Sprintf(`{"action":%q,"lang":"en","notice":"%v"}`, action, register.HashOf(notices[0].Bytes))
}

var asJSON = []string{"Content-Type", "application/json"}

// choose makes a choice and returns its id.
func (r *running) choose(action string) string {
	r.t.Helper()
	res, b := r.do("POST", "choice", choice(action), asJSON...)
	var kept struct{ ID string }
	if err := json.Unmarshal(b, &kept); res.StatusCode != http.StatusOK || err != nil {
		r.t.Fatalf("%s: %s", res.Status, b)
	}
	return kept.ID
}

// receipt fetches a receipt until it has its proof, as the answers say.
func (r *running) receipt(id string) []byte {
	r.t.Helper()
	for range 15 { // each waits a second
		res, b := r.do("GET", "receipts/"+id, "")
		switch res.StatusCode {
		case http.StatusOK:
			return b
		case http.StatusAccepted:
		default:
			r.t.Fatalf("%s: %s", res.Status, b)
		}
	}
	r.t.Fatal("the receipt gets no proof")
	return nil
}

// trust is what a stranger reads of the log's keys.
func (r *running) trust() (trust ledger.Trust) {
	r.t.Helper()
	_, b := r.do("GET", "log/keys", "")
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		v, err := ledger.ParseVerifier(strings.TrimSuffix(line, "\n"))
		if err != nil {
			r.t.Fatal(err)
		}
		trust.Origin, trust.Keys = v.Name(), append(trust.Keys, v)
	}
	return trust
}

func TestAChoiceOverHTTPBecomesAReceiptThatVerifiesOffline(t *testing.T) {
	onEach(t, func(t *testing.T, c Config) {
		n := run(t, c)
		yes, no := n.receipt(n.choose("accept")), n.receipt(n.choose("refuse"))
		trust := n.trust()
		if trust.Origin != "shop.example/.temoin/log" {
			t.Errorf("the log is %s", trust.Origin)
		}
		verified := func(b []byte, want register.State) int64 {
			v, err := register.Verify(b, trust)
			if err != nil || v.Record.State != want || v.Record.Code != "test" {
				t.Fatalf("%v: %+v", err, v)
			}
			return v.Checkpoint.Size
		}
		verified(yes, register.Given)
		verified(no, register.Refused)
		forged := bytes.Replace(no, []byte(`"allow": false`), []byte(`"allow": true`), 1)
		if _, err := register.Verify(forged, trust); err == nil || bytes.Equal(forged, no) {
			t.Error("a refusal that was turned into a yes verifies")
		}
		n.end()

		again := run(t, c)
		if size := verified(again.receipt(again.choose("withdraw")), register.Withdrawn); size != 3 {
			t.Errorf("after a restart the log has %d entries", size)
		}
		if keys := again.trust(); len(keys.Keys) != 1 || keys.Keys[0] != trust.Keys[0] {
			t.Error("after a restart the log has another key")
		}
	})
}

func TestTwoNodesTakeChoicesAndAnotherOneLeadsWhenTheFirstEnds(t *testing.T) {
	t.Parallel()
	c := configure(t, storetest.Database(t))
	first := run(t, c)
	first.receipt(first.choose("accept")) // so it leads
	c.Sites[0].Follow = true              // the other serves what is in force
	second := run(t, c)
	id := second.choose("refuse")
	if _, err := register.Verify(first.receipt(id), second.trust()); err != nil {
		t.Error(err)
	}
	if second.loop.Status().Leads || !first.loop.Status().Leads {
		t.Error("not the first one leads")
	}
	first.end()
	before := time.Now()
	if _, err := register.Verify(second.receipt(second.choose("accept")), second.trust()); err != nil {
		t.Error(err)
	}
	if took := time.Since(before); took > 5*time.Second {
		t.Errorf("another one leads after %v", took)
	}
}

func TestAManifestWithoutNoticesIsServedOnlyWhereAVersionIsInForce(t *testing.T) {
	onEach(t, func(t *testing.T, c Config) {
		c.Sites[0].Follow = true
		if _, err := Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), "no version in force") {
			t.Fatal(err)
		}
		c.Sites[0].Follow = false
		run(t, c).end() // and the failure has let go of the store
	})
}

func TestANodeWithOtherKeysThanTheStoresIsRefused(t *testing.T) {
	onEach(t, func(t *testing.T, c Config) {
		run(t, c).end()
		c.Keys = filepath.Join(t.TempDir(), "others")
		if _, err := Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), "does not have the key") {
			t.Error(err)
		}
	})
}

func TestAFormLeadsBackAndOneOfAnotherSiteIsRefused(t *testing.T) {
	t.Parallel()
	n := run(t, configure(t, t.TempDir()))
	form := fmt.Sprintf("action=refuse&lang=fr&notice=%v", register.HashOf(notices[1].Bytes))
	kind := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for from, to := range map[string]string{
		n.server.URL + "/basket?x=1": "/basket?x=1#temoin", "https://evil.example/x": "/.temoin/#temoin", "": "/.temoin/#temoin", n.server.URL + "//evil.example": "/.temoin/#temoin", n.server.URL + "/%5cevil.example": "/.temoin/#temoin",
	} {
		res, b := n.do("POST", "choice", form, append(kind, "Referer", from)...)
		if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != to {
			t.Errorf("from %q: %s to %q, want %q: %s", from, res.Status, res.Header.Get("Location"), to, b)
		}
	}
	for page, to := range map[string]string{
		"/video?v=1#x": "/video?v=1#temoin", "//evil.example/": "/.temoin/#temoin", "https://evil.example/": "/.temoin/#temoin", "/\\evil.example": "/.temoin/#temoin", "javascript:alert(1)": "/.temoin/#temoin",
		"/\t/evil.example": "/.temoin/#temoin", "/%2f/evil.example": "/.temoin/#temoin", "\\\\evil.example": "/.temoin/#temoin", "é": "/.temoin/#temoin", "/é\r\nX: y": "/.temoin/#temoin", "?x": "/.temoin/#temoin", "http:/x": "/.temoin/#temoin", "/.//evil.example": "/evil.example#temoin",
	} {
		res, _ := n.do("POST", "choice", form+"&back="+url.QueryEscape(page), append(kind, "Referer", n.server.URL+"/basket")...)
		if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != to {
			t.Errorf("back to %q: %s to %q, want %q", page, res.Status, res.Header.Get("Location"), to)
		}
	}
	for _, h := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "same-site"}} {
		if res, _ := n.do("POST", "choice", form, append(kind, h...)...); res.StatusCode != http.StatusForbidden || len(res.Cookies()) > 0 {
			t.Errorf("%v: %s", h, res.Status)
		}
	}
	if res, _ := n.do("POST", "choice", strings.Replace(choice("accept"), `"notice":"`, `"notice":"00`, 1), asJSON...); res.StatusCode != http.StatusBadRequest {
		t.Error(res.Status)
	}
	unknown := fmt.Sprintf(`{"action":"accept","lang":"fr","notice":"%064d"}`, 1)
	var now map[string]string
	res, b := n.do("POST", "choice", unknown, asJSON...)
	if err := json.Unmarshal(b, &now); res.StatusCode != http.StatusConflict || err != nil || now["shown"] != string(notices[1].Bytes) || now["notice"] != register.HashOf(notices[1].Bytes).String() {
		t.Errorf("a notice that nobody was shown: %s %s", res.Status, b)
	}
}

func TestALostDatabaseIsAnsweredAndTheNodeRecovers(t *testing.T) {
	t.Parallel()
	wire := storetest.Through(t, storetest.Database(t))
	n := run(t, configure(t, wire.Address))
	n.receipt(n.choose("accept"))
	wire.Cut()
	for range 3 {
		res, _ := n.do("POST", "choice", choice("refuse"), asJSON...)
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || len(res.Cookies()) > 0 {
			t.Fatalf("without a database: %s %v", res.Status, res.Header)
		}
	}
	if res, _ := n.do("GET", "log/checkpoint", ""); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("without a database: %s", res.Status)
	}
	if n.Ready(t.Context()) == nil {
		t.Error("it says that it is ready")
	}
	wire.Mend(t)
	var res *http.Response
	for range 10 { // connections that were lost are noticed as they are used
		if res, _ = n.do("POST", "choice", choice("refuse"), asJSON...); res.StatusCode == http.StatusOK {
			break
		}
	}
	if res.StatusCode != http.StatusOK {
		t.Fatalf("it does not recover: %s", res.Status)
	}
	if _, err := register.Verify(n.receipt(n.choose("accept")), n.trust()); err != nil {
		t.Errorf("the log does not recover: %v", err)
	}
}

func TestNoRequestWaitsForAStoreThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	wire := storetest.Through(t, storetest.Database(t))
	n := run(t, configure(t, wire.Address))
	n.receipt(n.choose("accept"))
	wire.Hold()
	defer wire.Resume()
	unknown := strings.Replace(choice("refuse"), register.HashOf(notices[0].Bytes).String(), strings.Repeat("0", 64), 1)
	begin := time.Now()
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { n.do("POST", "choice", unknown, asJSON...) })
		all.Go(func() { n.do("GET", "verify", "") })
	}
	all.Wait()
	if took := time.Since(begin); took > 3*patience {
		t.Errorf("it took %s", took)
	}
}

func TestTheVerifierIsServedWithTheKeysAndItsPolicy(t *testing.T) {
	t.Parallel()
	n := run(t, configure(t, t.TempDir()))
	res, b := n.do("GET", "verify", "", "Accept-Language", "fr-CA, en;q=0.5")
	if res.StatusCode != http.StatusOK || !strings.Contains(res.Header.Get("Content-Security-Policy"), "default-src 'none'") || res.Header.Get("X-Content-Type-Options") != "nosniff" || res.Header.Get("Vary") != "Accept-Language" {
		t.Errorf("%s %v", res.Status, res.Header)
	}
	key := strings.ReplaceAll(n.trust().Keys[0].String(), "+", "&#43;")
	if page := strings.ReplaceAll(string(b), "+", "&#43;"); !strings.Contains(page, key) || !strings.Contains(page, `lang="fr"`) {
		t.Error("the page lacks the key, or is not in the visitor's language")
	}
	if _, b := n.do("GET", "verify?lang=ar", ""); !strings.Contains(string(b), `lang="ar" dir="rtl"`) {
		t.Error("the language that is asked for is not that of the page")
	}
	if res, b := n.do("HEAD", "verify", ""); res.StatusCode != http.StatusOK || len(b) > 0 {
		t.Errorf("HEAD: %s", res.Status)
	}
}

func TestMetricsTellHowTheNodeIsDoing(t *testing.T) {
	onEach(t, func(t *testing.T, c Config) {
		n := run(t, c)
		id := n.choose("accept")
		n.receipt(id)
		n.do("POST", "choice", "nonsense", asJSON...)
		w := httptest.NewRecorder()
		n.Metrics().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		told := w.Body.String()
		for _, want := range []string{
			`temoin_choices_total{site="shop",status="200"} 1`, `temoin_choices_total{site="shop",status="400"} 1`, `temoin_logged_total{action="accept",site="shop"} 1`,
			"temoin_choices_waiting 0", "temoin_log_leads 1", "temoin_log_lag_seconds ", "temoin_log_backlog 0", "temoin_log_ahead 0", `temoin_receipts_waiting{site="shop"} 0`, "go_goroutines",
		} {
			if !strings.Contains(told, want) {
				t.Errorf("the metrics lack %s", want)
			}
		}
		if strings.Contains(told, id) {
			t.Error("a metric has the id of a record")
		}
	})
}

// from is a client at an address of this machine's own network.
func from(address string) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, to)
	}, DisableKeepAlives: true}}
}
