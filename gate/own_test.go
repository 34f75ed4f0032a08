package gate_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/temoin/temoin/gate"
)

func (s *shop) post(path, kind, body string, headers ...string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Host = "shop.example"
	r.Header.Set("Content-Type", kind)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	res, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	res.Body.Close()
	return res
}

func TestReportsOfBrowsersAreCountedAndNotKept(t *testing.T) {
	t.Parallel()
	s := open(t, http.NotFoundHandler())
	report := `{"csp-report":{"document-uri":"https://shop.example/checkout/ann?token=secret","effective-directive":"img-src","blocked-uri":"https://spy.example/p.gif?who=ann","disposition":"report"}}`
	if res := s.post("/.temoin/report", "application/csp-report", report); res.StatusCode != http.StatusNoContent {
		t.Errorf("%d", res.StatusCode)
	}
	s.events.mu.Lock()
	got := fmt.Sprintf("%+v", s.events.list)
	s.events.mu.Unlock()
	if len(s.events.list) != 1 || s.events.list[0] != (gate.Event{What: gate.Reported, Name: "img-src", Host: "spy.example", Path: "/checkout", Observed: true}) {
		t.Error(got)
	}
	for want, body := range map[int]string{
		http.StatusBadRequest:            "{",
		http.StatusRequestEntityTooLarge: strings.Repeat(" ", 1<<14),
	} {
		if res := s.post("/.temoin/report", "application/csp-report", body); res.StatusCode != want {
			t.Errorf("%d, want %d", res.StatusCode, want)
		}
	}
	if res, _ := s.do(http.MethodGet, "/.temoin/report"); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", res.StatusCode)
	}
}

func TestTheSiteSaysThatItHeedsGlobalPrivacyControl(t *testing.T) {
	t.Parallel()
	s := open(t, page(small), with("policy: {version: '1', updated: 2026-11-01}"))
	if res, body := s.get("/.well-known/gpc.json"); res.StatusCode != http.StatusOK || strings.TrimSpace(body) != `{"gpc":true,"lastUpdate":"2026-11-01"}` {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}
