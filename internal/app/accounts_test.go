package app

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/internal/register"
)

// A device is a browser with its cookies.
type device struct {
	t    *testing.T
	at   string
	http *http.Client
}

func newDevice(t *testing.T, at string) *device {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &device{t, at, &http.Client{Jar: jar}}
}

// signIn puts the session's cookie into the browser; "" takes it out.
func (d *device) signIn(who string) {
	u, _ := url.Parse(d.at)
	d.http.Jar.SetCookies(u, []*http.Cookie{{Name: "session", Value: who, MaxAge: map[bool]int{true: -1}[who == ""]}})
}

func (d *device) ask(method, path, body string) []byte {
	d.t.Helper()
	r, _ := http.NewRequestWithContext(d.t.Context(), method, d.at+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/html, */*")
	res, err := d.http.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		d.t.Fatalf("%s %s: %s %s, %v", method, path, res.Status, b, err)
	}
	return b
}

// A state is what a browser is told.
type state struct {
	ID, Choice string
	Answers    map[string]bool
}

func (d *device) state() (s state) {
	d.t.Helper()
	if err := json.Unmarshal(d.ask("GET", "/.temoin/state", ""), &s); err != nil {
		d.t.Fatal(err)
	}
	return s
}

// holds is what the browser is told that holds.
func (d *device) holds() string {
	d.t.Helper()
	return d.state().Choice
}

func TestAChoiceFollowsItsAccountToOtherDevices(t *testing.T) {
	onEach(t, func(t *testing.T, c Config) {
		c.Sites[0].Manifest = []byte(strings.Replace(manifest, "policy: {", "choice: {scope: account}\npolicy: {", 1))
		c.Sites[0].Notices = nil
		r := run(t, c)
		server := httptest.NewTLSServer(r.Gate("shop", GateConfig{Subjects: gate.SubjectFunc(func(r *http.Request) (string, error) {
			if c, err := r.Cookie("session"); err == nil {
				return c.Value, nil
			}
			return "", nil
		})}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
		defer server.Close()
		_, n, err := r.Shown("shop")
		if err != nil {
			t.Fatal(err)
		}
		notice := register.HashOf(n.Editions()[0].Bytes).String()
		var devices []*device
		for range 3 {
			d := newDevice(t, server.URL)
			d.http.Transport = server.Client().Transport
			devices = append(devices, d)
		}
		phone, laptop, shared := devices[0], devices[1], devices[2]

		phone.signIn("ann")
		phone.ask("POST", "/.temoin/choice", `{"action":"accept","notice":"`+notice+`"}`)
		laptop.ask("GET", "/", "")
		if got := laptop.holds(); got != "" {
			t.Errorf("nobody is signed in on the laptop, and %q holds", got)
		}
		laptop.signIn("ann") // the choice is kept and perhaps not in the log yet
		laptop.ask("GET", "/", "")
		if got := laptop.holds(); got != "stats=1&one=1" {
			t.Errorf("on the laptop holds %q", got)
		}
		if s, page := laptop.state(), string(laptop.ask("GET", "/.temoin/", "")); !s.Answers["stats"] || s.ID != phone.state().ID ||
			!strings.Contains(page, "/.temoin/receipts/"+s.ID) || !strings.Contains(page, `name="follow" value="device"`) || strings.Contains(page, "You have not chosen yet") {
			t.Errorf("on the laptop the preference centre does not show the account's choice: %+v %s", s, page)
		}
		if page := string(phone.ask("GET", "/.temoin/", "")); strings.Contains(page, `name="follow"`) {
			t.Errorf("where the choice was made it is told to be another one's: %s", page)
		}
		shared.ask("POST", "/.temoin/choice", `{"action":"refuse","notice":"`+notice+`"}`) // before anybody signs in
		shared.signIn("ann")
		shared.ask("GET", "/", "")
		if got := shared.holds(); got != "stats=0&one=0" {
			t.Errorf("a younger refusal of the device does not stand: %q", got)
		}
		laptop.signIn("bob")
		laptop.ask("GET", "/", "")
		if got := laptop.holds(); got != "" {
			t.Errorf("for somebody else holds %q", got)
		}

		// Without scripts the box of a service stays ticked when that of its category is unticked,
		// also where it was the account that had ticked them.
		phone.signIn("cara")
		phone.ask("POST", "/.temoin/choice", `{"action":"accept","notice":"`+notice+`"}`)
		fresh := newDevice(t, server.URL)
		fresh.http.Transport = server.Client().Transport
		fresh.signIn("cara")
		fresh.ask("GET", "/", "")
		fresh.ask("POST", "/.temoin/choice", `{"action":"save","asked":["stats","one"],"allow":["one"],"notice":"`+notice+`"}`)
		if got := fresh.holds(); got != "stats=0&one=0" {
			t.Errorf("after the account's yes was taken back holds %q", got)
		}

		// A refusal on one device is what the others show.
		var both []*device
		for range 2 {
			d := newDevice(t, server.URL)
			d.http.Transport = server.Client().Transport
			d.signIn("dora")
			both = append(both, d)
		}
		both[0].ask("POST", "/.temoin/choice", `{"action":"accept","notice":"`+notice+`"}`)
		first := both[0].state().ID
		both[1].ask("GET", "/", "")
		both[1].ask("POST", "/.temoin/choice", `{"action":"refuse","notice":"`+notice+`"}`)
		if receipt := string(both[1].ask("GET", "/.temoin/receipts/"+both[1].state().ID, "")); !strings.Contains(receipt, `"replaces": "`+first+`"`) {
			t.Errorf("the refusal does not take the place of the account's choice %s: %s", first, receipt)
		}
		both[0].ask("GET", "/", "")
		if s, page := both[0].state(), string(both[0].ask("GET", "/.temoin/", "")); s.Choice != "stats=0&one=0" || s.Answers["stats"] || s.ID != both[1].state().ID || strings.Contains(page, "Allowed:") {
			t.Errorf("after a refusal on the other device it is told %+v, %s", s, page)
		}

		// Nobody else who signs in there, or nobody, has what an account chose.
		both[0].ask("POST", "/.temoin/choice", `{"action":"accept","notice":"`+notice+`"}`)
		for _, who := range []struct{ id, holds string }{{"dora", "stats=1&one=1"}, {"", ""}, {"emil", ""}, {"dora", "stats=1&one=1"}} {
			both[0].signIn(who.id)
			both[0].ask("GET", "/", "")
			if s, page := both[0].state(), string(both[0].ask("GET", "/.temoin/", "")); s.Choice != who.holds || (s.ID == "") != (who.holds == "") || strings.Contains(page, "/.temoin/receipts/") != (who.holds != "") {
				t.Errorf("for %q holds %+v", who.id, s)
			}
		}
		both[0].signIn("emil")
		both[0].ask("POST", "/.temoin/choice", `{"action":"save","asked":["one"],"allow":["one"],"notice":"`+notice+`"}`)
		if receipt := string(both[0].ask("GET", "/.temoin/receipts/"+both[0].state().ID, "")); strings.Contains(receipt, `"replaces"`) {
			t.Errorf("a first choice takes the place of somebody else's: %s", receipt)
		}

		// A choice for one device alone is its account's too, and ends where the account is followed.
		form := func(d *device, follow string) {
			d.t.Helper()
			r, _ := http.NewRequestWithContext(t.Context(), "POST", d.at+"/.temoin/account", strings.NewReader("follow="+follow))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			res, err := d.http.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		}
		alone, other := newDevice(t, server.URL), newDevice(t, server.URL)
		alone.http.Transport, other.http.Transport = server.Client().Transport, server.Client().Transport
		alone.signIn("fay")
		other.signIn("fay")
		other.ask("GET", "/", "")
		other.ask("POST", "/.temoin/choice", `{"action":"refuse","notice":"`+notice+`"}`)
		alone.ask("GET", "/", "")
		form(alone, "device")
		if s := alone.state(); s.Choice != "" || s.ID != "" {
			t.Errorf("a choice for one device begins with %+v", s)
		}
		alone.ask("POST", "/.temoin/choice", `{"action":"accept","notice":"`+notice+`"}`)
		for _, who := range []struct{ id, holds string }{{"fay", "stats=1&one=1"}, {"gus", ""}} {
			alone.signIn(who.id)
			alone.ask("GET", "/", "")
			if got := alone.holds(); got != who.holds {
				t.Errorf("of what was chosen for the device alone %q holds for %s", got, who.id)
			}
		}
		alone.signIn("fay")
		form(alone, "device")
		alone.ask("POST", "/.temoin/choice", `{"action":"accept","notice":"`+notice+`"}`)
		form(alone, "account")
		alone.ask("GET", "/", "")
		if s := alone.state(); s.Choice != "stats=0&one=0" || s.ID != other.state().ID {
			t.Errorf("where the account is followed again %+v holds", s)
		}

		// What a browser had chosen before comes back when nobody is signed in, whoever was meanwhile.
		for own, account := range map[string]string{"accept": "refuse", "refuse": "accept"} {
			d := newDevice(t, server.URL)
			d.http.Transport = server.Client().Transport
			d.ask("POST", "/.temoin/choice", `{"action":"`+own+`","notice":"`+notice+`"}`)
			before := d.state()
			d.signIn("hal-" + own)
			d.ask("GET", "/", "")
			d.ask("POST", "/.temoin/choice", `{"action":"`+account+`","notice":"`+notice+`"}`)
			if s := d.state(); s.ID == before.ID || s.Choice == before.Choice {
				t.Errorf("%s: signed in holds %+v", own, s)
			}
			d.signIn("ida-" + own)
			d.ask("GET", "/", "")
			if got := d.holds(); got != "" {
				t.Errorf("%s: for the next account holds %q", own, got)
			}
			form(d, "device")
			d.signIn("")
			d.ask("GET", "/", "")
			for range 2 {
				if s := d.state(); s.ID != before.ID || s.Choice != before.Choice {
					t.Errorf("%s: after signing out holds %+v, and before it was %+v", own, s, before)
				}
			}
		}

		// The state tells of a choice elsewhere, whichever page is asked for.
		other.ask("POST", "/.temoin/choice", `{"action":"accept","notice":"`+notice+`"}`)
		alone.ask("GET", "/.temoin/", "")
		if s := alone.state(); s.Choice != "stats=1&one=1" {
			t.Errorf("after a yes elsewhere the state is %+v", s)
		}

		// What was chosen on a device before anybody signed in is not the account's.
		accounts := r.sites["shop"].accounts
		choice, err := accounts.Latest(t.Context(), "ann")
		if err != nil || choice == nil || !choice.Answers[0].Allow || choice.Until.Sub(choice.At) < 24*time.Hour {
			t.Errorf("the account's choice is %+v, %v", choice, err)
		}
		if choice, err := accounts.Latest(t.Context(), "eve"); err != nil || choice != nil {
			t.Errorf("%+v, %v", choice, err)
		}
	})
}
