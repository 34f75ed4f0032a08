package cookies

import (
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
)

func TestADeclaredCookieHasTheAttributesAndTheLifetimeOfTheManifest(t *testing.T) {
	t.Parallel()
	site := parse(t, shop)
	for _, c := range []struct{ name, act, want string }{
		{"lang", "", "lang=; Path=/; Max-Age=31536000"},
		{"sid", "", "sid=; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{"__Host-login", "remember-me", "__Host-login=; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Strict"},
		{"__Host-login", "otherwise", "__Host-login=; Path=/; HttpOnly; Secure; SameSite=Strict"},
		{"s_id", "", "s_id=; Path=/app; Domain=shop.example; Max-Age=2592000; HttpOnly"},
		{"_ga_X", "", "_ga_X=; Path=/; Max-Age=33955200"}, // 13 months are 393 days at least
		{"mode", "", "mode=; Path=/; Max-Age=34560000"},
		{"cross", "", "cross=; Path=/; Max-Age=2592000; SameSite=None"},
	} {
		got, err := Declared(site, c.name, c.act)
		if err != nil {
			t.Errorf("%s %q: %v", c.name, c.act, err)
			continue
		}
		if got.String() != c.want {
			t.Errorf("%s %q: %s, want %s", c.name, c.act, got, c.want)
		}
	}
}

func TestWhatIsNotDeclaredIsNotToBeSet(t *testing.T) {
	t.Parallel()
	site := parse(t, shop)
	for _, c := range []struct{ name, act, want string }{
		{"other", "", `the manifest of shop that is in force declares no cookie "other" of the site: write it under trackers`},
		{"eu-consent", "", `is written by Témoin alone`},
		{"__Host-login", "", `line 15 of the manifest of shop that is in force: the lifetime of __Host-login depends on an act: name one of "remember-me", "otherwise", not ""`},
		{"__Host-login", "signing-in", `name one of "remember-me", "otherwise", not "signing-in"`},
		{"lang", "remember-me", `the lifetime of lang does not depend on "remember-me": name no act`},
	} {
		if got, err := Declared(site, c.name, c.act); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: %v, %v, want the error %s", c.name, c.act, got, err, c.want)
		}
	}
}

func TestADeclaredCookiePassesAsItIsMade(t *testing.T) {
	t.Parallel()
	for day := range 500 {
		v := visitor(t, "stats", func(o *Options) { o.Now = func() time.Time { return noon.AddDate(0, 0, day) } })
		c, err := Declared(v.site, "_ga", "")
		if err != nil {
			t.Fatal(err)
		}
		c.Value = "1"
		v.decide(t, "stats", consent.Signals{})
		if got := v.answers("", c.String()); got != c.String() {
			t.Fatalf("on day %d %q becomes %q", day, c, got)
		}
	}
}
