package tagtest

import (
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/consent"
)

func TestTheBrowserDecidesAsTheServerDoes(t *testing.T) {
	w := (&world{Body: held}).start(t)
	site, _ := w.inForce()
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
	v := w.Open(t, "/")
	for name, c := range map[string]*consent.Choice{
		"all":                              {At: time.Now(), Answers: all},
		"a service is refused":             {At: time.Now(), Answers: all, Exceptions: []consent.Exception{{Service: "counter"}}},
		"a service alone is allowed":       {At: time.Now(), Answers: []consent.Answer{answer("analytics", false), answer("media", true), answer("ads", false)}, Exceptions: []consent.Exception{{Service: "second", Allow: true}}},
		"of another scope":                 {At: time.Now(), Answers: append([]consent.Answer{old}, all[1:]...)},
		"a service under another scope":    {At: time.Now(), Answers: append([]consent.Answer{old}, all[1:]...), Exceptions: []consent.Exception{{Service: "second", Allow: true}}},
		"about a part":                     {At: time.Now(), Answers: all[:1]},
		"about nothing":                    {At: time.Now()},
		"about what is not there":          {At: time.Now(), Answers: append([]consent.Answer{{Category: "gone", Allow: true, Scope: 1}}, all...)},
		"with an end":                      {At: time.Now(), Until: time.Now().Add(time.Hour), Answers: all},
		"of long ago":                      {At: time.Now().AddDate(-1, 0, 0), Answers: all},
		"of what is soon over, but is not": {At: time.Now().AddDate(0, -5, 0), Answers: all},
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
		v.Run("document.cookie = 'choice=" + value + "; Path=/; Max-Age=" + map[bool]string{true: "0", false: "99"}[value == ""] + "'")
		v.Go("/" + strings.ReplaceAll(name, " ", "-"))
		v.Until("root")
		d := consent.Decide(site, c, consent.Signals{Path: "/"}, time.Now())
		v.Is(name, "return temoin.choice", strconv.Quote(d.Answers()))
		v.Is(name+", the notice", "return shown(part('notice'))", strconv.FormatBool(d.Notice != consent.NoNotice))
		for _, s := range site.Services {
			v.Is(name+", "+s.ID, "return temoin.allows('"+s.ID+"')", strconv.FormatBool(d.Service(s)))
		}
	}
	v.Quiet()
}

// A no to a category in which nothing was yet holds, and no yes to a service that was in another
// one at that time.
func TestTheBrowserHoldsAServiceThatCameToWhatWasRefusedInAdvance(t *testing.T) {
	old := (&world{Store: t.TempDir(), Manifest: strings.Replace(manifest, "category: media", "category: analytics", 1)}).start(t)
	before, _ := old.inForce()
	old.end()
	w := (&world{Store: old.Store, Body: held}).start(t)
	site, _ := w.inForce()
	codec, err := consent.NewCodec(site, make([]byte, consent.MinKey))
	if err != nil {
		t.Fatal(err)
	}
	id, err := consent.NewID(time.Now(), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := consent.Choose(before, id, time.Now(), func(name string) bool { return name == "video" })
	value, err := codec.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	v := w.Open(t, "/")
	v.Run("document.cookie = 'choice=" + value + "; Path=/'")
	v.Go("/again")
	v.Until("root")
	d := consent.Decide(site, c, consent.Signals{Path: "/"}, time.Now())
	v.Is("what holds", "return temoin.choice", strconv.Quote(d.Answers()))
	v.Is("the service", "return [temoin.allows('video'), temoin.choice.includes('media=0')]", "[false,true]")
	v.Quiet()
}

func TestWhatIsNoWholeCookieIsNoChoice(t *testing.T) {
	w := (&world{}).start(t)
	v := w.Open(t, "/")
	at := time.Now().UTC().Format("20060102T150405Z")
	site, _ := w.inForce()
	bits := site.Category("analytics").Fingerprint().Short()
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
		v.Run("document.cookie = 'choice=" + value + "; Path=/'")
		v.Go("/" + value[:2])
		v.Until("root")
		v.Is(value, "return temoin.choice", choice)
	}
}
