package register

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
)

func TestJSONWithAFieldTwiceIsRefused(t *testing.T) {
	e, m := endpoint(t, site(t))
	rest := `,"notice":"` + shownHex + `"}`
	for _, body := range []string{
		`{"action":"refuse","action":"accept"` + rest, `{"action":"refuse", "Action" : "accept"` + rest, `{"action":"refuse","\u0061ction":"accept"` + rest,
		`{"action":"save","allow":["stats"],"allow":[]` + rest, `{"lang":"en","action":"refuse","lang":"fr"` + rest, `{"action":"refuse","more":{"a":["\"}"]},"notice":"x"` + rest,
	} {
		res := post(e, asJSON, body)
		if said, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusBadRequest || !strings.Contains(string(said), "twice") {
			t.Errorf("%s: %d, %q", body, res.StatusCode, said)
		}
	}
	if len(m.rows) != 0 {
		t.Errorf("%d rows", len(m.rows))
	}
	for _, body := range []string{`{"more":{"action":"refuse"},"action":"accept","lang":"action"` + rest, `{"action":"save","allow":["stats","stats"]` + rest, `{"x":"\\\":","action":"refuse"` + rest} {
		if res := post(e, asJSON, body); res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", body, res.StatusCode)
		}
	}
}

// A timed answer notes the deadlines that it is given.
type timed struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (w *timed) SetReadDeadline(at time.Time) error {
	w.deadlines = append(w.deadlines, at)
	return nil
}

// A late body calls ready before its first byte.
type late struct {
	ready func()
	io.Reader
}

func (b *late) Read(p []byte) (int, error) {
	if b.ready != nil {
		b.ready()
		b.ready = nil
	}
	return b.Reader.Read(p)
}

func TestABodyThatComesSlowlyIsNotHeldForEver(t *testing.T) {
	e, _ := endpoint(t, site(t))
	send := func(body io.Reader, length int64) *timed {
		w := &timed{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequest("POST", "/.temoin/choice", &late{func() {
			if len(w.deadlines) != 1 || time.Until(w.deadlines[0]) > bodyTime || time.Until(w.deadlines[0]) < bodyTime/2 {
				t.Errorf("it is read until %v", w.deadlines)
			}
		}, body})
		r.ContentLength = length
		r.Header.Set("Content-Type", asJSON)
		e.ServeHTTP(w, r)
		return w
	}
	body := `{"action":"refuse","notice":"` + shownHex + `"}`
	for _, length := range []int64{int64(len(body)), -1} {
		if w := send(strings.NewReader(body), length); w.Code != http.StatusOK || len(w.deadlines) != 2 || !w.deadlines[1].IsZero() {
			t.Errorf("%d: %d, %v: the deadline must end with the body", length, w.Code, w.deadlines)
		}
	}
	for _, length := range []int64{int64(len(body)) + 1, maxBody} {
		if w := send(strings.NewReader(body), length); w.Code != http.StatusBadRequest || len(w.deadlines) != 1 {
			t.Errorf("cut: %d, %v: the deadline must hold for what is left of the body", w.Code, w.deadlines)
		}
	}
	for _, length := range []int64{maxBody + 1, -1} {
		if w := send(strings.NewReader(strings.Repeat(" ", maxBody+1)), length); w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("too long: %d", w.Code)
		}
	}
}

func TestNoRoomIsTakenForABodyThatDoesNotCome(t *testing.T) {
	var before, after runtime.MemStats
	r := httptest.NewRequest("POST", "/", nil)
	r.ContentLength = maxBody
	w := httptest.NewRecorder()
	const times = 100
	runtime.ReadMemStats(&before)
	for range times {
		r.Body = io.NopCloser(strings.NewReader(""))
		if _, err := readBody(w, r); err == nil {
			t.Fatal("nothing came")
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / times; each > 2*smallBody {
		t.Errorf("%d bytes are taken for it", each)
	}
}

func TestAFormAboutAPartKeepsTheOtherAnswers(t *testing.T) {
	e, m := endpoint(t, site(t))
	later := noon.AddDate(0, 1, 0)
	for i, c := range []struct {
		first, kind, body string
		want              string
		status            int
	}{
		{"stats", asForm, "action=save&asked=ad&allow=ad", "stats +ad", http.StatusSeeOther},
		{"stats", asJSON, `{"action":"save","asked":["ad"],"allow":["ad"]}`, "stats +ad", http.StatusOK},
		{"stats", asForm, "action=accept&asked=ads", "stats ads", http.StatusSeeOther},
		{"stats ads", asForm, "action=close&asked=ads", "stats", http.StatusSeeOther},
		{"stats ads", asForm, "action=save&asked=stats&asked=one&asked=two&allow=stats&allow=two", "stats ads -one", http.StatusSeeOther},
		{"stats ads", asForm, "action=save&asked=stats&asked=one&asked=two&allow=stats", "stats ads -one -two", http.StatusSeeOther}, // no yes follows from a name that is left out
		{"", asForm, "action=save&asked=ad&allow=ad", "+ad", http.StatusSeeOther},
		// The preference centre asks about all categories, and about services that are on.
		{"", asForm, "action=save&asked=stats&asked=ads&asked=later&allow=stats", "stats", http.StatusSeeOther},
		{"", asForm, "action=save&asked=stats&asked=ads&asked=later&allow=stats&allow=one", "stats -two", http.StatusSeeOther},
		{"", asForm, "action=save&asked=stats&asked=ads&asked=later&allow=one", "+one", http.StatusSeeOther},
		{"stats", asForm, "action=save&asked=stats&asked=ads&asked=later&asked=one&asked=two&allow=stats", "stats -one -two", http.StatusSeeOther},
		{"stats one", asForm, "action=save&asked=stats&asked=ads&asked=later&asked=one&allow=stats&allow=one", "stats -two", http.StatusSeeOther},
		{"stats one", asForm, "action=save&asked=stats&asked=ads&asked=later&asked=one&allow=stats&allow=one&allow=two", "stats", http.StatusSeeOther},
		{"stats", asForm, "action=refuse&allow=ads&allow=stats", "", http.StatusSeeOther}, // beside switches that are on
		{"", asForm, "action=withdraw&allow=ads", "", http.StatusSeeOther},
		{"stats", asJSON, `{"action":"refuse","allow":["ads"]}`, "", http.StatusBadRequest},
		{"stats", asForm, "action=save&asked=nothing", "", http.StatusBadRequest},
		{"stats", asForm, "action=save&asked=needed", "", http.StatusBadRequest},
	} {
		e.Register.now = func() time.Time { return noon }
		var cookie string
		if c.first != "" {
			form := url.Values{"action": {"save"}, "allow": strings.Fields(c.first), "notice": {shownHex}}.Encode()
			cookie = post(e, asForm, form).Cookies()[0].String()
		}
		e.Register.now = func() time.Time { return later }
		body := c.body + "&notice=" + shownHex
		if c.kind == asJSON {
			body = strings.TrimSuffix(c.body, "}") + `,"notice":"` + shownHex + `"}`
		}
		res := post(e, c.kind, body, "Cookie", cookie)
		if res.StatusCode != c.status {
			t.Errorf("%d: %d", i, res.StatusCode)
		}
		if c.status == http.StatusBadRequest {
			continue
		}
		got := e.Codec.Decode(res.Cookies()[0].Value)
		if got == nil || answers(got) != c.want {
			t.Errorf("%d: %s: %+v", i, c.body, got)
			continue
		}
		want := later.AddDate(0, 6, 0)
		if c.first != "" && strings.Contains(c.body, "asked") && !strings.Contains(c.body, "later") { // nothing that is kept lasts longer than it would have
			want = noon.AddDate(0, 6, 0)
		}
		record, err := ParseRecord(m.rows[got.ID].Record)
		if err != nil || record.Ends != want.Format(time.RFC3339) || !res.Cookies()[0].Expires.Equal(want) {
			t.Errorf("%d: the record ends %s, the cookie %s, want %s, %v", i, record.Ends, res.Cookies()[0].Expires, want, err)
		}
	}
}

func TestAnAnswerThatHasEndedIsNotKeptOn(t *testing.T) {
	e, _ := endpoint(t, site(t))
	cookie := post(e, asForm, "action=accept&notice="+shownHex).Cookies()[0].String()
	e.Register.now = func() time.Time { return noon.AddDate(1, 0, 0) }
	got := e.Codec.Decode(post(e, asForm, "action=save&asked=ad&allow=ad&notice="+shownHex, "Cookie", cookie).Cookies()[0].Value)
	if got == nil || answers(got) != "+ad" {
		t.Errorf("%+v", got)
	}
}

func TestAScriptThatSendsAFormIsToldWhatHolds(t *testing.T) {
	s := site(t)
	s.Category("ads").Advertising = true
	e, _ := endpoint(t, s)
	form := url.Values{"action": {"save"}, "allow": {"stats", "one"}, "notice": {shownHex}}.Encode()
	for _, c := range []struct{ kind, body, accept string }{
		{asForm, form, "*/*"},
		{asJSON, `{"action":"save","allow":["stats","one"],"notice":"` + shownHex + `"}`, ""},
	} {
		res := post(e, c.kind, c.body, "Accept", c.accept)
		var said struct{ ID, State, Ends, Choice, I, C string }
		if err := json.NewDecoder(res.Body).Decode(&said); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%d, %v", res.StatusCode, err)
		}
		cookie := res.Cookies()[0].Value
		if kept := e.Codec.Decode(cookie); kept == nil || kept.ID.String() != said.ID || said.State != "partial" || said.Ends == "" {
			t.Errorf("%+v", said)
		}
		if said.Choice != "stats=1&one=1&two=0&ads=0&ad=0" || said.I != consent.Mark(cookie) || said.C != "1" || !strings.HasSuffix(cookie, "&"+said.I) {
			t.Errorf("a page is told %+v of %s", said, cookie)
		}
	}
	for _, accept := range []string{"", "text/html,application/xhtml+xml,*/*;q=0.8"} {
		if res := post(e, asForm, form, "Accept", accept); res.StatusCode != http.StatusSeeOther {
			t.Errorf("%q: %d", accept, res.StatusCode)
		}
	}
	// What a signal refuses does not hold, whatever the choice says.
	res := post(e, asForm, url.Values{"action": {"accept"}, "notice": {shownHex}}.Encode(), "Accept", "*/*", "Sec-GPC", "1")
	if said, _ := io.ReadAll(res.Body); !strings.Contains(string(said), "ads=0&ad=0") {
		t.Errorf("%s", said)
	}
	outdated := strings.Replace(form, shownHex, strings.Repeat("f", 64), 1)
	if res := post(e, asForm, outdated, "Accept", "*/*"); res.StatusCode != http.StatusConflict {
		t.Errorf("%d", res.StatusCode)
	}
}
