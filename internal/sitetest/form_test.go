package sitetest

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// A visitor without scripts: a browser's forms, and the one cookie.
type visitor struct {
	t      *testing.T
	site   *Site
	cookie string
}

func (v *visitor) do(r *http.Request) *http.Response {
	v.t.Helper()
	if v.cookie != "" {
		r.Header.Set("Cookie", v.cookie)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, c := range res.Cookies() {
		v.cookie = c.Name + "=" + c.Value
	}
	return res
}

func (v *visitor) get(path string) *html.Node {
	v.t.Helper()
	r, _ := http.NewRequest("GET", v.site.Server.URL+path, nil)
	res := v.do(r)
	defer res.Body.Close()
	page, err := html.Parse(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		v.t.Fatalf("%s: %s, %v", path, res.Status, err)
	}
	return page
}

func (v *visitor) post(form url.Values) *http.Response {
	v.t.Helper()
	r, _ := http.NewRequest("POST", v.site.Server.URL+"/.temoin/choice", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return v.do(r)
}

func attr(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// form is what a browser would send of the form that has a switch in it.
func form(page *html.Node) url.Values {
	var found *html.Node
	for n := range page.Descendants() {
		if name, _ := attr(n, "name"); n.Data == "input" && name == "allow" {
			for found = n; found.Data != "form"; found = found.Parent {
			}
			break
		}
	}
	values := url.Values{}
	for n := range found.Descendants() {
		name, _ := attr(n, "name")
		value, _ := attr(n, "value")
		kind, _ := attr(n, "type")
		_, checked := attr(n, "checked")
		_, disabled := attr(n, "disabled")
		if n.Data == "input" && !disabled && (kind != "checkbox" || checked) {
			values.Add(name, value)
		}
	}
	return values
}

var answered = regexp.MustCompile(`[!a-z-]+=[01]`)

// answers are those of the cookie: "analytics=1 support=0 !hotjar=0".
func (v *visitor) answers() string {
	return strings.Join(answered.FindAllString(v.cookie[strings.IndexByte(v.cookie, '=')+1:], -1), " ")
}

// Without scripts the switches of a category and of its services do not move together.
func TestThePreferenceCentreKeepsWhatItsSwitchesSayWithoutScripts(t *testing.T) {
	t.Parallel()
	s := Start(t, "cexro", Config{})
	tick := func(names ...string) func(url.Values) {
		return func(f url.Values) { f["allow"] = append(f["allow"], names...) }
	}
	untick := func(names ...string) func(url.Values) {
		return func(f url.Values) {
			var left []string
			for _, a := range f["allow"] {
				if !strings.Contains(" "+strings.Join(names, " ")+" ", " "+a+" ") {
					left = append(left, a)
				}
			}
			f["allow"] = left
		}
	}
	for _, c := range []struct {
		name  string
		first []string // switched on at first; nil for nothing said yet
		then  func(url.Values)
		want  string
	}{
		{"a category is switched on", nil, tick("analytics"), "analytics=1 functional=0 support=0"},
		{"one of its services is", nil, tick("hotjar"), "analytics=0 functional=0 support=0 !hotjar=1"},
		{"both are", nil, tick("analytics", "hotjar"), "analytics=1 functional=0 support=0 !google-analytics=0"},
		{"nothing is changed", []string{"analytics"}, tick(), "analytics=1 functional=0 support=0"},
		{"nothing is changed of a service", []string{"hotjar"}, tick(), "analytics=0 functional=0 support=0 !hotjar=1"},
		{"nothing is changed of all but one", []string{"analytics", "hotjar"}, tick(), "analytics=1 functional=0 support=0 !google-analytics=0"},
		{"the one is added", []string{"analytics", "hotjar"}, tick("google-analytics"), "analytics=1 functional=0 support=0"},
		{"one service is switched off", []string{"analytics"}, untick("hotjar"), "analytics=1 functional=0 support=0 !hotjar=0"},
		{"all services are, and not their category", []string{"analytics"}, untick("hotjar", "google-analytics"), "analytics=1 functional=0 support=0 !google-analytics=0 !hotjar=0"},
		{"the category is switched off with them", []string{"analytics"}, untick("analytics", "hotjar", "google-analytics"), "analytics=0 functional=0 support=0"},
		{"another one is added", []string{"analytics"}, tick("support"), "analytics=1 functional=0 support=1"},
	} {
		v := &visitor{t: t, site: s}
		if c.first != nil {
			f := form(v.get("/.temoin/"))
			tick(c.first...)(f)
			f.Set("action", "save")
			v.post(f)
		}
		f := form(v.get("/.temoin/"))
		c.then(f)
		f.Set("action", "save")
		if res := v.post(f); res.StatusCode != http.StatusSeeOther || v.answers() != c.want {
			t.Errorf("%s: %s, %s; want %s", c.name, res.Status, v.answers(), c.want)
		}
	}
}

func TestAFormOnAnOldNoticeIsShownThePreferencesOfNow(t *testing.T) {
	t.Parallel()
	v := &visitor{t: t, site: Start(t, "cexro", Config{})}
	res := v.post(url.Values{"action": {"accept"}, "lang": {"ar"}, "notice": {strings.Repeat("f", 64)}})
	page, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusConflict || v.cookie != "" || !strings.Contains(string(page), `<html lang="ar"`) || !strings.Contains(string(page), "<p><strong>") {
		t.Fatalf("%v: %s, %.300s", err, res.Status, page)
	}
	again, _ := html.Parse(strings.NewReader(string(page)))
	f := form(again)
	f.Set("action", "refuse")
	if res := v.post(f); res.StatusCode != http.StatusSeeOther || v.answers() != "analytics=0 functional=0 support=0" {
		t.Errorf("%s, %s", res.Status, v.answers())
	}
}
