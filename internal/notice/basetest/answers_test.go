package basetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"testing"

	"github.com/temoin/temoin/internal/browsertest"
)

func TestTheAnswersAreThoseOfTheFirstWholeCookie(t *testing.T) {
	s := start(t, func(s *site) {
		s.Extra = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/deep/echo" {
				return false
			}
			fmt.Fprint(w, s.data(r)["a"]) // what the server makes of the same cookies
			return true
		}
	})
	all, none, part := s.value("analytics support"), s.value(""), s.value("analytics support -hotjar")
	only := s.value("hotjar")
	scope := regexp.MustCompile(`analytics=1\.....`)
	for _, test := range []struct {
		name           string
		cookies        []string
		answers, grant string
		same           bool // the server says the same
	}{
		{"none", nil, "", "needed", true},
		{"all", []string{"choice=" + all + ";path=/"}, "analytics=1&support=1", "analytics hotjar google-analytics support intercom needed", true},
		{"nothing", []string{"choice=" + none + ";path=/"}, "analytics=0&support=0", "needed", true},
		{"but one", []string{"choice=" + part + ";path=/"}, "analytics=1&support=1&!hotjar=0", "analytics google-analytics support intercom needed", true},
		{"one only", []string{"choice=" + only + ";path=/"}, "analytics=0&support=0&!hotjar=1", "hotjar needed", true},
		{"the deeper path comes first", []string{"choice=" + all + ";path=/", "choice=" + none + ";path=/deep"}, "analytics=0&support=0", "needed", true},
		{"a damaged one comes first", []string{"choice=" + all + ";path=/", "choice=1&x;path=/deep"}, "", "needed", true},
		{"cut", []string{"choice=" + all[:len(all)-4] + ";path=/"}, "", "needed", true},
		{"cut before the MAC", []string{"choice=" + all[:len(all)-14] + ";path=/"}, "", "needed", true},
		{"another version", []string{"choice=2" + all[1:] + ";path=/"}, "", "needed", true},
		{"longer", []string{"choice=" + all + "x;path=/"}, "", "needed", true},
		{"no value", []string{"choice;path=/", "choice=;path=/"}, "", "needed", true},
		{"names that end or begin so", []string{"xchoice=" + all + ";path=/", "choice2=" + all + ";path=/", "x=choice=" + all + ";path=/"}, "", "needed", true},
		{"another scope", []string{"choice=" + scope.ReplaceAllString(all, "analytics=1.AAAA") + ";path=/"}, "support=1", "support intercom needed", false},
		{"another scope, with a service", []string{"choice=" + regexp.MustCompile(`analytics=0\.....`).ReplaceAllString(only, "analytics=0.AAAA") + ";path=/"}, "support=0&!hotjar=1", "needed", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			tab := browsertest.Open(t)
			s.open(tab, "/deep/page")
			set, _ := json.Marshal(test.cookies)
			got := browsertest.Evaluate[string](tab, fmt.Sprintf(`(async () => {
				for (const c of %s || []) document.cookie = c;
				const ids = ["analytics", "hotjar", "google-analytics", "support", "intercom", "needed", "other", ""];
				return temoin.choice + " | " + ids.filter((id) => temoin.allows(id)).join(" ") + " | " + await (await fetch("/deep/echo")).text();
			})()`, set))
			server := ""
			if test.same {
				server = test.answers
			}
			if want := test.answers + " | " + test.grant + " | " + server; got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

func TestTheServersOwnAnswersHoldForTheChoiceThatThePageWasMadeWith(t *testing.T) {
	// The account, or a signal, may say otherwise than the cookie: the server knows.
	s := start(t)
	tab := browsertest.Open(t)
	s.open(tab, "/first")
	s.choose(tab, "analytics support")
	s.open(tab, "/a")
	s.fresh("/a")
	if got := browsertest.Evaluate[string](tab, `temoin.d.a = "analytics=0", temoin.choice + " " + temoin.allows("hotjar")`); got != "analytics=0 false" {
		t.Errorf("%q", got)
	}
	s.choose(tab, "analytics")
	if got := browsertest.Evaluate[string](tab, `temoin.choice + " " + temoin.allows("hotjar")`); got != "analytics=1&support=0 true" {
		t.Errorf("%q", got)
	}
}
