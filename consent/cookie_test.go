package consent

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/temoin/temoin/policy"
)

var key = bytes.Repeat([]byte{7}, MinKey)

func codec(t testing.TB, s *policy.Site, keys ...[]byte) *Codec {
	t.Helper()
	c, err := NewCodec(s, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAChoiceComesBackFromItsCookie(t *testing.T) {
	s := site(t, "scope: device")
	c := codec(t, s, key)
	for _, yes := range []string{"", "stats counter heat", "heat ads", "stats counter heat ads banner later"} {
		want := choose(t, s, noon, yes)
		want.Until = map[bool]time.Time{true: noon.Add(48 * time.Hour)}[yes == "heat ads"]
		want.Bound = map[bool]string{true: "AZ-_09az"}[yes == "stats counter heat"]
		value, err := c.Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Decode(value); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", value, got, want)
		}
		// A browser takes it, and gives it back as it is.
		w := httptest.NewRecorder()
		http.SetCookie(w, &http.Cookie{Name: s.Choice.Cookie, Value: value})
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", strings.Split(w.Header().Get("Set-Cookie"), ";")[0])
		if got, err := r.Cookie(s.Choice.Cookie); err != nil || got.Value != value {
			t.Errorf("a browser makes %q of %q", got, value)
		}
	}
}

func TestThePartsOfACookieCanBeReadByAPerson(t *testing.T) {
	s := site(t, "scope: device")
	value, err := codec(t, s, key).Encode(choose(t, s, noon, "stats counter"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1&20261121T120000Z&", "&stats=1.", "&ads=0.", "&!heat=0&"} {
		if !strings.Contains(value, want) {
			t.Errorf("no %q in %q", want, value)
		}
	}
}

func TestACookieOfEightCategoriesIsSmall(t *testing.T) {
	var b strings.Builder
	b.WriteString("temoin: 1\nsite: s\nname: S\nurl: https://s.example\nlanguages: [en]\ncategories:\n  needed: {exempt: true}\n")
	for _, id := range []string{"analytics", "advertising", "functional", "marketing", "social", "video", "support", "preferences"} {
		fmt.Fprintf(&b, "  %s: {needs: consent}\n", id)
	}
	s := parse1(t, b.String())
	value, err := codec(t, s, key).Encode(choose(t, s, noon, "analytics video"))
	if err != nil || len(value) > 200 {
		t.Errorf("%v, %d bytes: %s", err, len(value), value)
	}
	long := &Choice{}
	for i := range 60 {
		long.Answers = append(long.Answers, Answer{Category: fmt.Sprintf("a-category-with-a-long-id-%d", i)})
	}
	if _, err := codec(t, s, key).Encode(long); err == nil || !strings.Contains(err.Error(), "at most 1024") {
		t.Errorf("%v", err)
	}
}

func TestWhatTheCodecDidNotWriteIsNoChoice(t *testing.T) {
	s := site(t, "scope: device")
	c := codec(t, s, key)
	value, err := c.Encode(choose(t, s, noon, "stats counter"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range value {
		for _, other := range []byte{'0', '1', 'A', '&'} {
			if value[i] == other {
				continue
			}
			changed := value[:i] + string(other) + value[i+1:]
			if c.Decode(changed) != nil {
				t.Errorf("byte %d made %q, and it is taken for a choice", i, other)
			}
		}
		if c.Decode(value[:i]) != nil || c.Decode(value[i+1:]) != nil {
			t.Errorf("a part of it is taken for a choice, cut at %d", i)
		}
	}
	for _, bound := range []string{"short", "much too long to be it", "&=.!&=.!", "AZ-_09a="} {
		odd := choose(t, s, noon, "stats")
		odd.Bound = bound
		if value, err := c.Encode(odd); err == nil {
			t.Errorf("%q binds a choice: %s", bound, value)
		}
	}
	other := *s
	other.ID = "other"
	for name, other := range map[string]*Codec{
		"another key":  codec(t, s, bytes.Repeat([]byte{8}, MinKey)),
		"another site": codec(t, &other, key),
	} {
		if other.Decode(value) != nil {
			t.Errorf("a choice is read with %s", name)
		}
	}
	for _, junk := range []string{"", "1", "&m.", strings.Repeat("x", 5000), "true", `{"analytics":true}`, value + value, value + " "} {
		if c.Decode(junk) != nil {
			t.Errorf("%.40q is taken for a choice", junk)
		}
	}
}

func TestAKeyIsReplacedWhileCookiesOfTheOldOneAreAbout(t *testing.T) {
	s := site(t, "scope: device")
	next := bytes.Repeat([]byte{9}, MinKey)
	value, err := codec(t, s, key).Encode(choose(t, s, noon, "stats"))
	if err != nil {
		t.Fatal(err)
	}
	both := codec(t, s, next, key)
	if both.Decode(value) == nil {
		t.Error("a cookie of the old key is not read")
	}
	fresh, _ := both.Encode(choose(t, s, noon, "stats"))
	if codec(t, s, next).Decode(fresh) == nil || codec(t, s, key).Decode(fresh) != nil {
		t.Error("the old key still writes")
	}
	for _, keys := range [][][]byte{nil, {key[:31]}, {key, nil}} {
		if _, err := NewCodec(s, keys...); err == nil {
			t.Errorf("%d keys are taken", len(keys))
		}
	}
}

func TestAnIDIsAUUIDOfItsTime(t *testing.T) {
	at := noon.Add(123 * time.Millisecond)
	id, err := NewID(at, bytes.NewReader(bytes.Repeat([]byte{0xff}, 10)))
	if err != nil || !id.Time().Equal(at) || id.String() != "01a1fdfa-467b-7fff-bfff-ffffffffffff" {
		t.Errorf("%v: %s, %v", err, id, id.Time())
	}
	back, err := ParseID(id.String())
	if err != nil || back != id {
		t.Errorf("%v: %s", err, back)
	}
	for _, s := range []string{"", "x", strings.ToUpper(id.String()), strings.Replace(id.String(), "-7", "-4", 1), id.String()[:35] + "g", strings.ReplaceAll(id.String(), "-", "_")} {
		if _, err := ParseID(s); err == nil {
			t.Errorf("%q is taken for an id", s)
		}
	}
	if _, err := NewID(at, bytes.NewReader(nil)); err == nil {
		t.Error("an id without randomness")
	}
}

func FuzzDecode(f *testing.F) {
	s := site(f, "scope: device")
	c := codec(f, s, key)
	value, _ := c.Encode(choose(f, s, noon, "stats counter"))
	for _, seed := range []string{value, "", "1&20261121T120000Z&AAAA&x=1.AAAA", strings.Replace(value, "&stats", ".AZ-_09az&stats", 1)[:len(value)-3], "1&20261121T120000Z/20271121T120000Z&AZqmPHR7f_-_______-_&stats=1.q83v&!heat=0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		c.Decode(value)
		// With a good MAC, what is read is exactly what would be written.
		choice := parse(value)
		if choice == nil {
			return
		}
		again, err := c.Encode(choice)
		if err != nil {
			return
		}
		if body, _, _ := strings.Cut(again, "&m."); body != value {
			t.Errorf("%q is read as %q", value, body)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	s := site(b, "scope: device")
	c := codec(b, s, key)
	value, _ := c.Encode(choose(b, s, noon, "stats counter"))
	b.ReportAllocs()
	for b.Loop() {
		if c.Decode(value) == nil {
			b.Fatal("not read")
		}
	}
}
