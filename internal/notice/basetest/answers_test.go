package basetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/temoin/temoin/internal/browsertest"
)

func TestThePageSaysWhatTheServerMadeOfTheCookies(t *testing.T) {
	s := start(t)
	all, none, part := s.value("analytics support"), s.value(""), s.value("analytics support -hotjar")
	only := s.value("hotjar")
	const everything = "analytics hotjar google-analytics support intercom needed"
	for _, test := range []struct {
		name           string
		cookies        []string
		answers, grant string
	}{
		{"none", nil, "", "needed"},
		{"all", []string{"choice=" + all + ";path=/"}, "analytics=1&hotjar=1&google-analytics=1&support=1&intercom=1", everything},
		{"nothing", []string{"choice=" + none + ";path=/"}, "analytics=0&hotjar=0&google-analytics=0&support=0&intercom=0", "needed"},
		{"but one", []string{"choice=" + part + ";path=/"}, "analytics=1&hotjar=0&google-analytics=1&support=1&intercom=1", "analytics google-analytics support intercom needed"},
		{"one only", []string{"choice=" + only + ";path=/"}, "analytics=0&hotjar=1&google-analytics=0&support=0&intercom=0", "hotjar needed"},
		{"the deeper path comes first", []string{"choice=" + all + ";path=/", "choice=" + none + ";path=/deep"}, "analytics=0&hotjar=0&google-analytics=0&support=0&intercom=0", "needed"},
		{"a damaged one comes first", []string{"choice=" + all + ";path=/", "choice=1&x;path=/deep"}, "", "needed"},
		{"cut", []string{"choice=" + all[:len(all)-4] + ";path=/"}, "", "needed"},
		{"cut before the MAC", []string{"choice=" + all[:len(all)-14] + ";path=/"}, "", "needed"},
		{"another version", []string{"choice=2" + all[1:] + ";path=/"}, "", "needed"},
		{"longer", []string{"choice=" + all + "x;path=/"}, "", "needed"},
		{"no value", []string{"choice;path=/", "choice=;path=/"}, "", "needed"},
		{"names that end or begin so", []string{"xchoice=" + all + ";path=/", "choice2=" + all + ";path=/", "x=choice=" + all + ";path=/"}, "", "needed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tab := browsertest.Open(t)
			s.open(tab, "/deep/before")
			set, _ := json.Marshal(test.cookies)
			browsertest.Evaluate[string](tab, fmt.Sprintf(`(() => { for (const c of %s || []) document.cookie = c; return ""; })()`, set))
			s.asked()
			s.open(tab, "/deep/page")
			p := s.until("/deep/page", func(p shown) bool { return p.Path == "/deep/page" })
			const ids = `["analytics", "hotjar", "google-analytics", "support", "intercom", "needed", "other"]`
			got := browsertest.Evaluate[string](tab, ids+`.filter(temoin.allows).join(" ")`)
			if p.Now != test.answers || got != test.grant {
				t.Errorf("%q allows %q, want %q and %q", p.Now, got, test.answers, test.grant)
			}
			// It is of now, whatever the cookie is: nothing is loaded again, and nobody asked.
			browsertest.Evaluate[string](tab, `document.dispatchEvent(new Event("visibilitychange", {bubbles: true})), fetch("/.temoin/none").then(() => "")`)
			if got := strings.Join(s.asked(), ", "); got != "GET /deep/page made for "+test.answers {
				t.Errorf("asked for %s", got)
			}
		})
	}
}

func TestWhateverHappensToTheCookieIsSeenAndTheServerSaysWhatHolds(t *testing.T) {
	s := start(t, func(s *site) {
		s.Head = `<script>temoin.on("change", (a) => (window.told = a + ","));</script>`
	})
	all := s.value("analytics")
	other := regexp.MustCompile(`analytics=1\.....`)
	for _, test := range []struct{ name, set, want string }{
		{"another choice", s.value("support"), "analytics=0&hotjar=0&google-analytics=0&support=1&intercom=1,"},
		{"removed", "", ","},
		{"cut", all[:len(all)-4], ","},
		{"its answers alone", other.ReplaceAllString(all, "analytics=1.AAAA"), ""}, // what is tampered with is seen by the server, when it is asked
		{"longer", all + "x", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			tab := browsertest.Open(t)
			s.open(tab, "/first")
			browsertest.Evaluate[string](tab, `document.cookie = "choice=`+all+`;path=/", ""`)
			s.open(tab, "/a")
			s.fresh("/a")
			set := "choice=" + test.set + ";path=/"
			if test.set == "" {
				set += ";max-age=0"
			}
			got := browsertest.Evaluate[string](tab, `(async () => {
				window.keep = true;
				document.cookie = "`+set+`";
				document.dispatchEvent(new Event("visibilitychange", {bubbles: true}));
				for (let i = 0; i < 5 || `+fmt.Sprint(test.want != "")+` && window.told === undefined; i++) await fetch("/.temoin/none");
				return window.told ?? "";
			})()`)
			if got != test.want {
				t.Errorf("told %q, want %q", got, test.want)
			}
		})
	}
}

func TestTheAnswersOfASignalOrAnAccountAreTheServers(t *testing.T) {
	// The cookie says yes, and the server knows better.
	s := start(t, func(s *site) {
		s.Extra = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/refused" {
				return false
			}
			fmt.Fprintf(w, `<!DOCTYPE html><html lang=en><head><script data-choice="analytics=0&amp;hotjar=0" data-f="&amp;" data-p="/.temoin/" data-w="x" data-v="/.temoin/centre.js?v=1" data-i="%s" data-c="1">%s</script></head><body>%s</body></html>`,
				s.notice.Mark(r), chunk(s.t, "base"), tail)
			return true
		}
	})
	tab := browsertest.Open(t)
	s.open(tab, "/first")
	s.choose(tab, "analytics support")
	s.open(tab, "/refused")
	if p := s.until("/refused", func(p shown) bool { return p.Path == "/refused" }); p.Now != "analytics=0&hotjar=0" {
		t.Errorf("%q", p.Now)
	}
	if browsertest.Evaluate[bool](tab, `temoin.allows("hotjar")`) {
		t.Error("it allows what the server refuses")
	}
}
