package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/internal/browsertest"
	"github.com/temoin/temoin/internal/standin"
	"github.com/temoin/temoin/policy"
)

func TestMain(m *testing.M) {
	browsertest.Trust(standin.Key())
	os.Exit(m.Run())
}

// A world is the demo with stand-ins for the third parties, and a clock of its own that
// the sites go by; browsers go by the system's.
type world struct {
	*Server
	t       *testing.T
	standin *standin.Server
	ahead   atomic.Int64 // how far the clock is ahead of the system's
	stop    func()       // ends the demo before the test does
}

// options say what is different from the usual.
type options struct {
	published bool   // the policies as they were published
	store     string // the folder of an earlier demo
}

// start runs the demo until the test ends.
func start(t *testing.T, o options) *world {
	t.Helper()
	if o.store == "" {
		o.store = t.TempDir()
	}
	w := &world{t: t}
	var err error
	if w.standin, err = standin.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.standin.Close() }) //nolint:errcheck // it keeps nothing
	now := func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }
	if w.Server, err = Open(context.Background(), Config{Listen: "127.0.0.1:0", Store: o.store, AsPublished: o.published, Now: now}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Serve(ctx) }()
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(w.stop)
	return w
}

// advance puts the clock of the sites forward.
func (w *world) advance(d time.Duration) { w.ahead.Add(int64(d)) }

// next brings the next version of a site into force.
func (w *world) next(id string) {
	w.t.Helper()
	if err := w.Advance(context.Background(), id); err != nil {
		w.t.Fatal(err)
	}
}

// site is the version in force.
func (w *world) site(id string) *policy.Site {
	w.t.Helper()
	show := w.show(id + ".localhost")
	if show == nil || show.Site() == nil {
		w.t.Fatalf("there is no site %s", id)
	}
	return show.Site()
}

// A visit is a tab at one of the sites, in a profile of its own.
type visit struct {
	*browsertest.Tab
	w    *world
	t    *testing.T
	site string
}

// open opens a page of a site in a new profile. Third parties are reached at the
// stand-in, and so would be everybody else.
func (w *world) open(t *testing.T, site, path string) *visit {
	t.Helper()
	v := &visit{browsertest.OpenThrough(t, w.standin.Address()), w, t, site}
	v.Do(chromedp.EmulateViewport(1200, 800))
	v.to(path)
	return v
}

// another opens a page in a second tab of the same profile.
func (v *visit) another(path string) *visit {
	v.t.Helper()
	o := &visit{v.Another(), v.w, v.t, v.site}
	o.Do(chromedp.EmulateViewport(1200, 800))
	o.to(path)
	return o
}

// to goes to a page of the site, or to an address in full.
func (v *visit) to(path string) {
	v.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = v.w.Address(v.site) + path
	}
	v.Do(chromedp.Navigate(path))
}

// prelude is what scripts of visits may use: parts of the notice and of the preference
// centre in its dialog, and a form's way.
const prelude = `const root = () => document.querySelector('temoin-notice')?.shadowRoot;
const part = (name) => root()?.querySelector('[part~=' + name + ']');
const notice = () => { const n = part('notice'); return n && n.getClientRects().length ? n : null };
const press = (name) => part('notice').querySelector('[value=' + name + ']').click();
const submit = (selector, values) => { const f = document.querySelector(selector); for (const [k, v] of Object.entries(values ?? {})) { const e = f.elements[k]; if (!e) continue; if (e.type == 'checkbox') e.checked = v; else e.value = v }; f.requestSubmit() };
`

// run runs the body of an asynchronous function and returns what it returns, as JSON.
func (v *visit) run(script string) string {
	v.t.Helper()
	return browsertest.Evaluate[string](v.Tab, "(async () => {"+prelude+script+"\n})().then((v) => JSON.stringify(v) ?? '')")
}

// is fails the test where an expression does not have a value, which is given as JSON.
func (v *visit) is(what, expression, want string) {
	v.t.Helper()
	if got := v.run("return " + expression); got != want {
		v.t.Errorf("%s: %s, not %s", what, got, want)
	}
}

// until waits until an expression holds, even where another page is loaded meanwhile.
func (v *visit) until(expression string) {
	v.t.Helper()
	if err := v.Tab.Until(prelude, expression); err != nil {
		v.t.Fatalf("%v; at %s; the console: %q; asked for: %q", err, v.address(), v.Messages(), v.asked())
	}
}

// address is where the tab is.
func (v *visit) address() string {
	where, err := chromedp.Run(v.Tab, chromedp.Evaluate[string]("location.href"))
	if err != nil {
		return err.Error()
	}
	return where
}

// after does something and waits for the page that it leads to: by a form or a link.
func (v *visit) after(script string) {
	v.t.Helper()
	v.run("window.before = true; setTimeout(() => {" + script + "})")
	v.until("!window.before && document.readyState == 'complete'")
}

// choose presses a button of the first layer (accept, refuse) and waits until the choice
// is kept.
func (v *visit) choose(action string) {
	v.t.Helper()
	v.until("notice()")
	before := v.cookie(v.w.site(v.site).Choice.Cookie)
	v.run("press('" + action + "')")
	v.until("!notice() && part('status').textContent") // it goes at once, and comes back where nothing was kept
	if after := v.cookie(v.w.site(v.site).Choice.Cookie); after == before {
		v.t.Errorf("the choice cookie is %q after %s", after, action)
	}
}

// signIn signs in on the site's page for that, as the first who can.
func (v *visit) signIn(remember bool) {
	v.t.Helper()
	v.signInAs(0, remember)
}

func (v *visit) signInAs(who int, remember bool) {
	v.t.Helper()
	login := v.w.show(v.site + ".localhost").Logins[who]
	v.to("/login")
	v.after(fmt.Sprintf(`submit('form[action="/login"]', {email: %q, password: %q, remember: %v})`, login[0], login[1], remember))
}

// kept are the cookies of the profile at the site, by name.
func (v *visit) kept() map[string]*network.Cookie {
	v.t.Helper()
	all := map[string]*network.Cookie{}
	for _, c := range v.Cookies() {
		all[c.Name] = c
	}
	return all
}

// cookie is the value of a cookie, "" for none.
func (v *visit) cookie(name string) string {
	v.t.Helper()
	if c := v.kept()[name]; c != nil {
		return c.Value
	}
	return ""
}

// keys are the keys of a storage of the page: localStorage or sessionStorage.
func (v *visit) keys(storage string) []string {
	v.t.Helper()
	var keys []string
	if err := json.Unmarshal([]byte(v.run("return Object.keys("+storage+").sort()")), &keys); err != nil {
		v.t.Fatal(err)
	}
	return keys
}

// asked returns what third parties were asked for since the last time, as "host/path",
// in order.
func (v *visit) asked() []string {
	var all []string
	for _, r := range v.w.standin.Take() {
		if !strings.HasSuffix(r.Host, "-pa.googleapis.com") { // Chromium itself, about passwords and models of its own
			all = append(all, r.Host+r.Path)
		}
	}
	return all
}

// wait waits until a third party is asked for something that begins so: "js.stripe.com/v3".
func (v *visit) wait(address string) {
	v.t.Helper()
	ctx, stop := context.WithTimeout(v.Tab, 20*time.Second)
	defer stop()
	if err := v.w.standin.Wait(ctx, func(r standin.Request) bool { return strings.HasPrefix(r.Host+r.Path, address) }); err != nil {
		v.t.Fatalf("nobody asked for %s: %v; asked for were %q", address, err, v.asked())
	}
}

// hosts are those of what was asked for, once each.
func hosts(asked []string) []string {
	all := map[string]bool{}
	for _, a := range asked {
		host, _, _ := strings.Cut(a, "/")
		all[host] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// holds fails the test where the profile does not keep these cookies and storage keys,
// nothing else and nothing less; a key stands as "local:key" or "session:key".
func (v *visit) holds(want ...string) {
	v.t.Helper()
	got := slices.Collect(maps.Keys(v.kept()))
	for _, k := range v.keys("localStorage") {
		got = append(got, "local:"+k)
	}
	for _, k := range v.keys("sessionStorage") {
		got = append(got, "session:"+k)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		v.t.Errorf("the browser keeps %q, not %q", got, want)
	}
	v.agrees()
}

// agrees fails the test for everything in the browser that is not as the manifest says.
func (v *visit) agrees() {
	v.t.Helper()
	site := v.w.site(v.site)
	for name, c := range v.kept() {
		t := site.TrackerNamed(policy.Cookie, name)
		if t == nil {
			v.t.Errorf("the cookie %s is not declared", name)
			continue
		}
		if t.HTTPOnly && !c.HTTPOnly || t.Secure && !c.Secure || t.SameSite != "" && t.SameSite != string(c.SameSite) {
			v.t.Errorf("the cookie %s is HttpOnly %v, Secure %v, SameSite %q; declared are %v, %v, %q", name, c.HTTPOnly, c.Secure, c.SameSite, t.HTTPOnly, t.Secure, t.SameSite)
		}
		if longest, ok := longest(t); ok && !c.Session && time.Until(time.Unix(int64(c.Expires), 0)) > longest+time.Minute {
			v.t.Errorf("the cookie %s lasts until %v, longer than %v", name, time.Unix(int64(c.Expires), 0), longest)
		}
	}
	for storage, kind := range map[string]policy.Storage{"localStorage": policy.LocalStorage, "sessionStorage": policy.SessionStorage} {
		for _, k := range v.keys(storage) {
			if site.TrackerNamed(kind, k) == nil {
				v.t.Errorf("%s has %s, which is not declared", storage, k)
			}
		}
	}
}

// longest is how long a tracker may be kept; false where the manifest does not say.
func longest(t *policy.Tracker) (time.Duration, bool) {
	var most time.Duration
	for _, l := range t.Lasts {
		switch l.Lifetime.Kind {
		case policy.For:
			now := time.Now()
			most = max(most, l.Lifetime.Period.After(now).Sub(now))
		case policy.UntilDeleted:
			return 0, false
		}
	}
	return most, len(t.Lasts) > 0
}

// quiet fails the test for each message of the console.
func (v *visit) quiet() {
	v.t.Helper()
	for _, m := range v.Messages() {
		v.t.Errorf("the console shows %s", m)
	}
}

// media emulates what a visitor has set for the whole system.
func (v *visit) media(features ...*emulation.MediaFeature) {
	v.t.Helper()
	v.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
		return err
	}))
}

// fits looks at the page as it is: it is no wider than the window and has one heading of the
// first level. Accessible asks axe-core too, which takes long: each scheme once is enough.
func (v *visit) fits(name string, width int64, accessible bool) {
	v.t.Helper()
	if wide := browsertest.Evaluate[int64](v.Tab, "document.documentElement.scrollWidth"); wide > width {
		v.t.Errorf("%s is %d wide in a window of %d", name, wide, width)
	}
	v.is("headings of "+name, `document.querySelectorAll("h1").length`, "1")
	if accessible {
		v.Accessible(name)
	}
	v.Screenshot(name)
}

// quietBut404 fails the test for each message of the console but that of a page that is none.
func (v *visit) quietBut404() {
	v.t.Helper()
	for _, m := range v.Messages() {
		if !strings.Contains(m, "404") {
			v.t.Errorf("the console shows %s", m)
		}
	}
}
