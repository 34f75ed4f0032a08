package basetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"testing"

	"github.com/temoin/temoin/internal/notice/noticetest"
)

func TestThePageSaysWhatTheServerMadeOfTheCookies(t *testing.T) {
	s := start(t)
	both, none := s.Value("analytics support"), s.Value("")
	part, only := s.Value("analytics support -hotjar"), s.Value("hotjar")
	const everything = "analytics hotjar google-analytics support intercom needed"
	for _, test := range []struct {
		name           string
		cookies        []string
		answers, grant string
	}{
		{"none", nil, "", "needed"},
		{"all", []string{"choice=" + both + ";path=/"}, all, everything},
		{"nothing", []string{"choice=" + none + ";path=/"}, refused, "needed"},
		{"but one", []string{"choice=" + part + ";path=/"}, "analytics=1&hotjar=0&google-analytics=1&support=1&intercom=1", "analytics google-analytics support intercom needed"},
		{"one only", []string{"choice=" + only + ";path=/"}, "analytics=0&hotjar=1&google-analytics=0&support=0&intercom=0", "hotjar needed"},
		{"the deeper path comes first", []string{"choice=" + both + ";path=/", "choice=" + none + ";path=/deep"}, refused, "needed"},
		{"a damaged one comes first", []string{"choice=" + both + ";path=/", "choice=1&x;path=/deep"}, "", "needed"},
		{"cut", []string{"choice=" + both[:len(all)-4] + ";path=/"}, "", "needed"},
		{"cut before the MAC", []string{"choice=" + both[:len(all)-14] + ";path=/"}, "", "needed"},
		{"another version", []string{"choice=2" + both[1:] + ";path=/"}, "", "needed"},
		{"longer", []string{"choice=" + both + "x;path=/"}, "", "needed"},
		{"no value", []string{"choice;path=/", "choice=;path=/"}, "", "needed"},
		{"names that end or begin so", []string{"xchoice=" + both + ";path=/", "choice2=" + both + ";path=/", "x=choice=" + both + ";path=/"}, "", "needed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := s.Open(t, "/deep/before")
			set, _ := json.Marshal(test.cookies)
			v.Run(fmt.Sprintf(`for (const c of %s || []) document.cookie = c; await fetch("/favicon.ico")`, set))
			s.Take("")
			v.Go("/deep/page")
			p := s.until("/deep/page", func(shown) bool { return true })
			if p.Now != test.answers {
				t.Errorf("%q, not %q", p.Now, test.answers)
			}
			v.Is("what it allows", `return ["analytics", "hotjar", "google-analytics", "support", "intercom", "needed", "other"].filter(temoin.allows).join(" ")`, `"`+test.grant+`"`)
			// It is of now, whatever the cookie is: nothing is loaded again, and nobody asked.
			v.Run(`document.dispatchEvent(new Event("visibilitychange", {bubbles: true})); await fetch("/.temoin/none")`)
			s.wasAsked(asked("GET /deep/page", test.answers))
		})
	}
}

func TestWhateverHappensToTheCookieIsSeenAndTheServerSaysWhatHolds(t *testing.T) {
	s := start(t)
	s.Head = `<script>temoin.on("change", (a) => (window.told = a + ","));</script>`
	yes := s.Value("analytics")
	other := regexp.MustCompile(`analytics=1\.....`)
	for _, test := range []struct{ name, set, want string }{
		{"another choice", s.Value("support"), support + ","},
		{"removed", "", ","},
		{"cut", yes[:len(yes)-4], ","},
		{"its answers alone", other.ReplaceAllString(yes, "analytics=1.AAAA"), ""}, // what is tampered with is seen by the server, when it is asked
		{"longer", yes + "x", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := s.Open(t, "/first")
			v.Run(`document.cookie = "choice=` + yes + `;path=/"`)
			s.visit(v, "/a")
			set := "choice=" + test.set + ";path=/"
			if test.set == "" {
				set += ";max-age=0"
			}
			v.Is("what the page is told", `window.keep = true;
				document.cookie = "`+set+`";
				document.dispatchEvent(new Event("visibilitychange", {bubbles: true}));
				for (let i = 0; i < 5 || `+fmt.Sprint(test.want != "")+` && window.told === undefined; i++) await fetch("/.temoin/none");
				return window.told ?? ""`, `"`+test.want+`"`)
		})
	}
}

func TestTheAnswersOfASignalOrAnAccountAreTheServers(t *testing.T) {
	// The cookie says yes, and the server knows better.
	s := start(t)
	s.Answer("/refused", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `<!DOCTYPE html><html lang=en><head><script data-choice="analytics=0&amp;hotjar=0" data-f="&amp;" data-p="/.temoin/" data-w="x" data-v="centre.js?v=1" data-i="%s" data-c="1">%s</script></head><body>%s</body></html>`,
			s.Notice.Mark(r), noticetest.Chunk(t, "base"), tail)
	})
	v := s.with("analytics support")
	v.Go("/refused")
	s.until("/refused", func(p shown) bool { return p.Now == "analytics=0&hotjar=0" })
	v.Is("whether it allows what the server refuses", `return temoin.allows("hotjar")`, "false")
}
