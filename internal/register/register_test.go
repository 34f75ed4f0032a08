package register

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/policy"
)

func newRegister(t testing.TB, now time.Time) (*Register, *memory) {
	t.Helper()
	m := &memory{rows: map[consent.ID]Row{}}
	r := New(Config{Store: m, Now: func() time.Time { return now }, Code: "test"})
	t.Cleanup(r.Close)
	return r, m
}

func answers(c *consent.Choice) string {
	var out []string
	for _, a := range c.Answers {
		if a.Allow {
			out = append(out, a.Category)
		}
	}
	for _, x := range c.Exceptions {
		out = append(out, map[bool]string{true: "+", false: "-"}[x.Allow]+x.Service)
	}
	return strings.Join(out, " ")
}

func TestAWishIsKeptAsItIsMeant(t *testing.T) {
	s := site(t)
	r, m := newRegister(t, noon)
	for _, c := range []struct {
		action Action
		allow  string
		want   string
	}{
		{Accept, "", "stats ads later"}, {Refuse, "", ""}, {Close, "", ""}, {Withdraw, "", ""},
		{Save, "stats", "stats"}, {Save, "stats one", "stats -two"}, {Save, "one", "+one"}, {Save, "ads later", "ads later"}, {Save, "", ""},
	} {
		kept, err := r.Keep(t.Context(), s, Wish{Allow: strings.Fields(c.allow), Event: Event{Action: c.action, Language: "fr"}})
		if err != nil || answers(kept.Choice) != c.want {
			t.Errorf("%s %q: %v, %q, want %q", c.action, c.allow, err, answers(kept.Choice), c.want)
			continue
		}
		row, ok := m.rows[kept.Choice.ID]
		if back, err := ParseRecord(row.Record); !ok || err != nil || back.Action != c.action || back.Code != "test" {
			t.Errorf("%s: kept %v, %v", c.action, ok, err)
		} else if again, err := back.Choice(); err != nil || answers(again) != c.want || again.ID != kept.Choice.ID || !again.At.Equal(kept.Choice.At) {
			t.Errorf("%s: its record is of %q (%v)", c.action, answers(again), err)
		}
	}
	for _, w := range []Wish{{Event: Event{Action: "buy"}}, {Event: Event{Action: Refuse}, Allow: []string{"stats"}}, {Event: Event{Action: Save}, Allow: []string{"needed"}}, {Event: Event{Action: Save}, Allow: []string{"nobody"}}} {
		if _, err := r.Keep(t.Context(), s, w); !errors.Is(err, ErrWish) {
			t.Errorf("%+v: %v", w, err)
		}
	}
}

// The form without scripts: boxes of services stay ticked when the category's is unticked.
func TestWhoTakesBackACategoryTakesBackItsServices(t *testing.T) {
	s := site(t)
	r, _ := newRegister(t, noon)
	keep := func(before *consent.Choice, asked, allow string) *consent.Choice {
		t.Helper()
		kept, err := r.Keep(t.Context(), s, Wish{Allow: strings.Fields(allow), Asked: strings.Fields(asked), Before: before, Event: Event{Action: Save, Language: "fr"}})
		if err != nil {
			t.Fatal(err)
		}
		return kept.Choice
	}
	for _, c := range []struct{ before, asked, allow, want string }{
		{"stats ads", "stats one two ads ad later", "one two ads ad", "ads"},     // stats unticked, nothing else
		{"stats ads", "stats one two ads ad later", "one ads ad", "ads +one"},    // and a service of it
		{"stats one ads", "stats one ads ad later", "one ads ad", "ads"},         // where one of two was on
		{"stats one ads", "stats one ads ad later", "two ads ad", "ads +two"},    // and the other is wanted
		{"one", "stats one ads later", "one", "+one"},                            // stats was not ticked
		{"stats ads", "one", "one", "stats ads"},                                 // nobody was asked about stats
		{"stats ads", "stats one two ads ad later", "stats one two ad", "stats"}, // a category with one service
	} {
		before := keep(nil, "", c.before)
		if got := answers(keep(before, c.asked, c.allow)); got != c.want {
			t.Errorf("%q, then of %q %q: %q, want %q", c.before, c.asked, c.allow, got, c.want)
		}
	}
	// Where the yes is to less than the category is today nothing is ticked, and what is
	// ticked then is meant.
	stale := keep(nil, "", "stats ads")
	for i := range stale.Answers {
		stale.Answers[i].Scope ^= 1
	}
	if got := answers(keep(stale, "stats ads later one two", "one two")); got != "+one +two" {
		t.Errorf("after a yes to less: %q", got)
	}
	// What was shown may come from the account.
	d := consent.Decide(s, keep(nil, "", "stats"), consent.Signals{}, noon)
	kept, err := r.Keep(t.Context(), s, Wish{Shown: &d, Asked: strings.Fields("stats one two ads later"), Allow: strings.Fields("one two"), Event: Event{Action: Save, Language: "fr"}})
	if err != nil || answers(kept.Choice) != "" {
		t.Errorf("after a yes of the account: %q, %v", answers(kept.Choice), err)
	}
}

func TestASecondAttemptIsTheSameChoiceAndAnotherChoiceIsRefused(t *testing.T) {
	s := site(t)
	r, m := newRegister(t, noon)
	id, err := consent.NewID(noon.Add(-time.Minute), nil)
	if err != nil {
		t.Fatal(err)
	}
	wish := Wish{ID: id, Allow: []string{"stats"}, Event: Event{Action: Save}}
	first, err := r.Keep(t.Context(), s, wish)
	if err != nil || first.Repeated {
		t.Fatal(first, err)
	}
	r.now = func() time.Time { return noon.Add(time.Minute) }
	again, err := r.Keep(t.Context(), s, wish)
	if err != nil || !again.Repeated || !again.Choice.At.Equal(first.Choice.At) || answers(again.Choice) != "stats" || len(m.rows) != 1 {
		t.Errorf("%v: %+v, %d rows", err, again, len(m.rows))
	}
	wish.Allow = nil
	if _, err := r.Keep(t.Context(), s, wish); !errors.Is(err, ErrOther) {
		t.Errorf("%v", err)
	}
	for _, away := range []time.Duration{-time.Hour, time.Hour} {
		old, _ := consent.NewID(noon.Add(away), nil)
		if _, err := r.Keep(t.Context(), s, Wish{ID: old, Event: Event{Action: Refuse}}); !errors.Is(err, ErrClock) {
			t.Errorf("an id %v away: %v", away, err)
		}
	}
}

func TestAnIDThatIsNotOfThisMomentIsRefusedWhereItsRecordWasErased(t *testing.T) {
	s := site(t)
	m, asked := &memory{rows: map[consent.ID]Row{}}, 0
	var gone consent.ID
	var broken error
	r := New(Config{Store: m, Now: func() time.Time { return noon }, Erased: func(_ context.Context, site string, id consent.ID) (bool, error) {
		asked++
		return site == s.ID && id == gone, broken
	}})
	t.Cleanup(r.Close)
	keep := func(away time.Duration) error {
		id, err := consent.NewID(noon.Add(away), nil)
		if err != nil {
			t.Fatal(err)
		}
		gone = id
		_, err = r.Keep(t.Context(), s, Wish{ID: id, Event: Event{Action: Refuse}})
		return err
	}
	for _, now := range []time.Duration{0, -freshID, freshID} {
		if err := keep(now); err != nil || asked > 0 {
			t.Errorf("%v away, the journal is asked %d times: %v", now, asked, err)
		}
	}
	kept := len(m.rows)
	for _, again := range []time.Duration{-time.Minute, -freshID - time.Millisecond, freshID + time.Millisecond} {
		if err := keep(again); !errors.Is(err, ErrErased) {
			t.Errorf("%v away: %v", again, err)
		}
	}
	broken = errors.New("the disk is gone")
	if err := keep(-time.Minute); !errors.Is(err, ErrUnavailable) || len(m.rows) != kept {
		t.Errorf("%v, %d rows of %d", err, len(m.rows), kept)
	}
}

var shown = [32]byte{1, 2, 3}

const shownHex = "0102030000000000000000000000000000000000000000000000000000000000"

func endpoint(t testing.TB, s *policy.Site) (*Endpoint, *memory) {
	t.Helper()
	r, m := newRegister(t, noon)
	codec, err := consent.NewCodec(s, []byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return &Endpoint{Register: r, Codec: codec, Back: func(*http.Request, string) string { return "/back" }, Site: func(_ *http.Request, n Hash) (*policy.Site, string) {
		if n == shown {
			return s, "fr"
		}
		return nil, ""
	}}, m
}

func post(e *Endpoint, kind, body string, header ...string) *http.Response {
	r := httptest.NewRequest("POST", "/.temoin/choice", strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w.Result()
}

const (
	asForm = "application/x-www-form-urlencoded"
	asJSON = "application/json; charset=utf-8"
)

func TestAChoiceIsTakenAsAFormAndAsJSON(t *testing.T) {
	s := site(t)
	e, m := endpoint(t, s)
	form := url.Values{"action": {"save"}, "allow": {"stats", "one"}, "notice": {shownHex}, "lang": {"fr"}}.Encode()
	res := post(e, asForm, form, "Sec-GPC", "1")
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/back" || len(res.Cookies()) != 1 {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	cookie := res.Cookies()[0]
	choice := e.Codec.Decode(cookie.Value)
	if choice == nil || answers(choice) != "stats -two" || !cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Name != s.Choice.Cookie || cookie.HttpOnly {
		t.Fatalf("%+v: %+v", cookie, choice)
	}
	if want := noon.AddDate(0, 6, 0); !cookie.Expires.Equal(want) {
		t.Errorf("the cookie ends at %v, want %v", cookie.Expires, want)
	}
	record, err := ParseRecord(m.rows[choice.ID].Record)
	if err != nil || record.Language != "fr" || !record.Signals.GPC || record.Notice != shownHex || record.Replaces != "" {
		t.Errorf("%v: %+v", err, record)
	}
	res = post(e, asJSON, `{"action":"withdraw","notice":"`+shownHex+`","lang":"xx"}`, "Cookie", cookie.Name+"="+cookie.Value)
	if res.StatusCode != http.StatusOK || len(res.Cookies()) != 1 {
		t.Fatalf("%d", res.StatusCode)
	}
	after := e.Codec.Decode(res.Cookies()[0].Value)
	record, err = ParseRecord(m.rows[after.ID].Record)
	if err != nil || record.State != Withdrawn || record.Replaces != choice.ID.String() || record.Language != "fr" || answers(after) != "" { // its notice is in French, whatever is said
		t.Errorf("%v: %+v", err, record)
	}
}

func TestWhatIsNoChoiceIsRefusedAndKeepsNothing(t *testing.T) {
	e, m := endpoint(t, site(t))
	for _, c := range []struct {
		kind, body string
		want       int
	}{
		{asJSON, `{"action":"accept","notice":"` + strings.Repeat("f", 64) + `"}`, http.StatusConflict},
		{asJSON, `{"action":"accept"}`, http.StatusBadRequest}, {asJSON, `{"action":"accept","notice":"zz"}`, http.StatusBadRequest}, {asJSON, `nonsense`, http.StatusBadRequest},
		{asJSON, `{"action":"save","allow":["x"],"notice":"` + shownHex + `"}`, http.StatusBadRequest}, {asJSON, `{"action":"accept","id":"x","notice":"` + shownHex + `"}`, http.StatusBadRequest},
		{"text/plain", `action=accept`, http.StatusBadRequest}, {"", ``, http.StatusBadRequest}, {asForm, `%zz`, http.StatusBadRequest},
		{asForm, strings.Repeat("x", maxBody+1), http.StatusRequestEntityTooLarge}, {asForm, "action=save&notice=" + shownHex + strings.Repeat("&allow=stats", 300), http.StatusBadRequest},
	} {
		if res := post(e, c.kind, c.body); res.StatusCode != c.want || len(res.Cookies()) != 0 {
			t.Errorf("%.60s: %d, want %d", c.body, res.StatusCode, c.want)
		}
	}
	r := httptest.NewRecorder()
	e.ServeHTTP(r, httptest.NewRequest("GET", "/.temoin/choice", nil))
	if r.Code != http.StatusMethodNotAllowed || len(m.rows) != 0 {
		t.Errorf("GET: %d, %d rows", r.Code, len(m.rows))
	}
}

func TestAStoreThatCannotKeepGrantsNothingAndSaysWhenToComeBack(t *testing.T) {
	e, m := endpoint(t, site(t))
	m.fail = errors.New("disk full")
	res := post(e, asJSON, `{"action":"accept","notice":"`+shownHex+`"}`)
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || len(res.Cookies()) != 0 {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	m.mu.Lock()
	m.fail = nil
	m.mu.Unlock()
	if res := post(e, asJSON, `{"action":"accept","notice":"`+shownHex+`"}`); res.StatusCode != http.StatusOK {
		t.Errorf("it does not recover: %d", res.StatusCode)
	}
}

func TestAChoiceOnAnUnknownNoticeIsAskedAgainOnTheOneOfNow(t *testing.T) {
	e, m := endpoint(t, site(t))
	now := &Notice{Language: "fr", Variant: "banner", Bytes: []byte("<p>Vos choix &amp; nous</p>")}
	e.Current = func(_ *http.Request, language string) *Notice {
		if language != "fr" {
			t.Errorf("asked for %q", language)
		}
		return now
	}
	unknown := strings.Repeat("f", 64)
	res := post(e, asJSON, `{"action":"accept","lang":"fr","notice":"`+unknown+`"}`)
	var body map[string]string
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil || res.StatusCode != http.StatusConflict ||
		body["notice"] != HashOf(now.Bytes).String() || body["shown"] != string(now.Bytes) || body["lang"] != "fr" || body["variant"] != "banner" {
		t.Errorf("%v: %d %v", err, res.StatusCode, body)
	}
	form := url.Values{"action": {"accept"}, "lang": {"fr"}, "notice": {unknown}}.Encode()
	if res := post(e, asForm, form); res.StatusCode != http.StatusConflict {
		t.Errorf("without a page: %d", res.StatusCode)
	}
	e.Again = func(w http.ResponseWriter, _ *http.Request, language string) {
		w.WriteHeader(http.StatusConflict)
		io.WriteString(w, "again in "+language) //nolint:errcheck
	}
	res = post(e, asForm, form)
	page, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusConflict || string(page) != "again in fr" {
		t.Errorf("%v: %d %q", err, res.StatusCode, page)
	}
	if len(m.rows) != 0 || len(res.Cookies()) != 0 {
		t.Errorf("%d rows", len(m.rows))
	}
}

func TestAChoiceOfAnAccountIsKeptWithTheKeyOfItsAccountWhichItsRecordDoesNotHold(t *testing.T) {
	following := *site(t)
	following.Choice.Scope = policy.ScopeAccount
	testAccounts(t, &following, map[string]string{"session=me": "account", "": "device"})
	testAccounts(t, site(t), map[string]string{"session=me": "device"}) // its notice does not say that choices follow accounts
}

func testAccounts(t *testing.T, s *policy.Site, cases map[string]string) {
	t.Helper()
	e, m := endpoint(t, s)
	key := bytes.Repeat([]byte{0xac}, 32)
	e.Account = func(r *http.Request) []byte {
		if r.Header.Get("Cookie") == "" {
			return nil
		}
		return key
	}
	for cookie, want := range cases {
		clear(m.rows)
		if res := post(e, asJSON, `{"action":"accept","notice":"`+shownHex+`"}`, "Cookie", cookie); res.StatusCode != http.StatusOK {
			t.Fatal(res.StatusCode)
		}
		for _, row := range m.rows {
			r, err := ParseRecord(row.Record)
			if err != nil || r.Scope != want || bytes.Equal(row.Account, key) != (want == "account") {
				t.Errorf("%q: %v, scope %q, account %x", cookie, err, r.Scope, row.Account)
			}
		}
	}
}

func TestAnImportedChoiceKeepsItsTimeAndItsEnd(t *testing.T) {
	s := site(t)
	r, m := newRegister(t, noon)
	choice := choose(t, s, "")
	choice.At, choice.Until = noon.AddDate(0, -1, 0), noon.AddDate(0, 1, 0)
	if _, err := r.Import(t.Context(), s, choice, Event{Language: "fr"}, nil); !errors.Is(err, ErrWish) {
		t.Errorf("from nowhere: %v", err)
	}
	kept, err := r.Import(t.Context(), s, choice, Event{Language: "fr", Imported: "klaro"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	record, err := ParseRecord(m.rows[choice.ID].Record)
	if err != nil || record.Action != Imported || record.Imported != "klaro" || record.Time != "2026-10-21T12:00:00Z" || record.Ends != "2026-12-21T12:00:00Z" || kept.Choice != choice {
		t.Errorf("%v: %+v", err, record)
	}
}
