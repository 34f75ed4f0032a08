package browsertest

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// counting serves a page that sets a cookie for the session, one for a day and one
// that scripts cannot read, and shows those it was sent.
func counting(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := r.Header.Get("Cookie")
		w.Header().Add("Set-Cookie", "visit=1")
		w.Header().Add("Set-Cookie", "visitor=1; Max-Age=86400")
		w.Header().Add("Set-Cookie", "hidden=1; Max-Age=86400; HttpOnly; Path=/elsewhere")
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<title>page</title><p>" + sent + "</p><script>document.title = 'scripted'</script>"))
	}))
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "127.0.0.1", "site.localhost", 1)
}

func names(tab *Tab) []string {
	var all []string
	for _, c := range tab.Cookies() {
		all = append(all, c.Name)
	}
	slices.Sort(all)
	return all
}

func shown(tab *Tab, address string) string {
	tab.Do(chromedp.Navigate(address))
	return Evaluate[string](tab, `document.querySelector("p").textContent`)
}

func TestAProfileKeepsWhatLastsFromOneStartToTheNext(t *testing.T) {
	site, folder := counting(t), t.TempDir()
	tab := Profile(t, folder, "")
	tab.Do(chromedp.Navigate(site))
	if got, want := names(tab), []string{"hidden", "visit", "visitor"}; !slices.Equal(got, want) {
		t.Errorf("cookies %q, want %q", got, want)
	}
	tab.Quit()
	tab.Quit()

	tab = Profile(t, folder, "")
	if got, want := names(tab), []string{"hidden", "visitor"}; !slices.Equal(got, want) {
		t.Errorf("cookies on another day %q, want %q", got, want)
	}
	if got := shown(tab, site); got != "visitor=1" {
		t.Errorf("the site was sent %q", got)
	}
}

func TestASecondTabIsTheSameVisitorAndAnotherOpenIsNot(t *testing.T) {
	site := counting(t)
	tab := Open(t)
	if got := shown(tab, site); got != "" {
		t.Errorf("at first the site was sent %q", got)
	}
	if got := shown(tab.Another(), site); got != "visit=1; visitor=1" {
		t.Errorf("the second tab sent %q", got)
	}
	if got := shown(Open(t), site); got != "" {
		t.Errorf("another profile sent %q", got)
	}
}

func TestATabCanRunNoScript(t *testing.T) {
	site := counting(t)
	for _, without := range []bool{false, true} {
		tab, want := Open(t), "scripted"
		if without {
			tab.Scripts(false)
			want = "page"
		}
		tab.Do(chromedp.Navigate(site))
		if title, _ := chromedp.Run(tab, chromedp.Title()); title != want {
			t.Errorf("without script %v: the title is %q", without, title)
		}
	}
}

func TestATabAsksAProxyForAllButLocalhost(t *testing.T) {
	site := counting(t)
	asked := make(chan string, 100)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.RequestURI
		w.WriteHeader(http.StatusNoContent)
	}))
	defer proxy.Close()
	through := strings.TrimPrefix(proxy.URL, "http://")
	for name, tab := range map[string]*Tab{"shared": OpenThrough(t, through), "own": Profile(t, t.TempDir(), through)} {
		tab.Do(chromedp.Navigate(site))
		Evaluate[bool](tab, `fetch("http://third.example/x", {mode: "no-cors"}).then(() => true)`)
		if got := <-asked; got != "GET http://third.example/x" {
			t.Errorf("%s: the proxy was asked for %q", name, got)
		}
		if got, want := tab.Requests(), []string{site + "/", "http://third.example/x"}; !slices.Equal(without(got, "/favicon.ico"), want) {
			t.Errorf("%s: the tab asked for %q, want %q", name, got, want)
		}
	}
	if len(asked) > 0 {
		t.Errorf("the proxy was also asked for %q", <-asked)
	}
}

func without(list []string, suffix string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return strings.HasSuffix(s, suffix) })
}

func TestTrustAfterTheFirstTabIsRefused(t *testing.T) {
	Open(t)
	defer func() {
		if recover() == nil {
			t.Error("it has no effect and says nothing")
		}
	}()
	Trust("too late")
}
