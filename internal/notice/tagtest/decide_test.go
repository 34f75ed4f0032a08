package tagtest

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/policy"
)

func now() time.Time { return time.Now() }

func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err)
	}
	return strings.TrimSpace(b.String())
}

func mustSite(t testing.TB, w *world) *policy.Site {
	t.Helper()
	s, _, err := w.node.Shown("shop")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheBrowserDecidesAsTheServerDoes(t *testing.T) {
	w := (&world{Body: held}).start(t)
	site := mustSite(t, w)
	codec, err := consent.NewCodec(site, make([]byte, consent.MinKey))
	if err != nil {
		t.Fatal(err)
	}
	scope := func(id string) uint32 { return site.Category(id).Fingerprint().Short() }
	answer := func(id string, yes bool) consent.Answer {
		return consent.Answer{Category: id, Allow: yes, Scope: scope(id)}
	}
	all := []consent.Answer{answer("analytics", true), answer("media", false), answer("ads", true)}
	old := consent.Answer{Category: "analytics", Allow: true, Scope: scope("analytics") ^ 1}
	v := w.open("/")
	for name, c := range map[string]*consent.Choice{
		"all":                              {At: now(), Answers: all},
		"a service is refused":             {At: now(), Answers: all, Exceptions: []consent.Exception{{Service: "counter"}}},
		"a service alone is allowed":       {At: now(), Answers: []consent.Answer{answer("analytics", false), answer("media", true), answer("ads", false)}, Exceptions: []consent.Exception{{Service: "second", Allow: true}}},
		"of another scope":                 {At: now(), Answers: append([]consent.Answer{old}, all[1:]...)},
		"a service under another scope":    {At: now(), Answers: append([]consent.Answer{old}, all[1:]...), Exceptions: []consent.Exception{{Service: "second", Allow: true}}},
		"about a part":                     {At: now(), Answers: all[:1]},
		"about nothing":                    {At: now()},
		"about what is not there":          {At: now(), Answers: append([]consent.Answer{{Category: "gone", Allow: true, Scope: 1}}, all...)},
		"with an end":                      {At: now(), Until: now().Add(time.Hour), Answers: all},
		"of long ago":                      {At: now().AddDate(-1, 0, 0), Answers: all},
		"of what is soon over, but is not": {At: now().AddDate(0, -5, 0), Answers: all},
		"none":                             nil,
	} {
		value := ""
		if c != nil {
			id, err := consent.NewID(c.At, nil)
			if err != nil {
				t.Fatal(err)
			}
			c.ID = id
			if value, err = codec.Encode(c); err != nil {
				t.Fatal(err)
			}
		}
		v.do("document.cookie = 'choice=" + value + "; Path=/; Max-Age=" + map[bool]string{true: "0", false: "99"}[value == ""] + "'")
		v.Do(chromedp.Navigate(w.site("/" + strings.ReplaceAll(name, " ", "-"))))
		v.until("root")
		d := consent.Decide(site, c, consent.Signals{Path: "/"}, now())
		v.is(name, "temoin.choice", quote(d.Answers()))
		v.is(name+", the notice", "shown(part('notice'))", strconv.FormatBool(d.Notice != consent.NoNotice))
		for _, s := range site.Services {
			v.is(name+", "+s.ID, "temoin.allows('"+s.ID+"')", strconv.FormatBool(d.Service(s)))
		}
	}
	v.quiet()
}

func TestWhatIsNoWholeCookieIsNoChoice(t *testing.T) {
	w := (&world{}).start(t)
	v := w.open("/")
	at := now().UTC().Format("20060102T150405Z")
	bits := mustSite(t, w).Category("analytics").Fingerprint().Short()
	scope := base64.RawURLEncoding.EncodeToString([]byte{byte(bits >> 16), byte(bits >> 8), byte(bits)})
	whole := "1&" + at + "&AZyuPb6YcAAAAAAAAAAAAA&analytics=1." + scope + "&m.Lw0t5rXw8Qk"
	for value, choice := range map[string]string{
		whole:                                   `"analytics=1&counter=1&second=1"`,
		strings.TrimSuffix(whole, "k"):          `""`,
		"2" + whole[1:]:                         `""`,
		strings.Replace(whole, "&m.", "&n.", 1): `""`,
		strings.Replace(whole, "Z&", "&", 1):    `""`,
		"accept":                                `""`,
	} {
		v.do("document.cookie = 'choice=" + value + "; Path=/'")
		v.Do(chromedp.Navigate(w.site("/" + value[:2])))
		v.until("root")
		v.is(value, "temoin.choice", choice)
	}
}
