package cookies

import (
	"net/http"
	"testing"
)

// sixCookies are what a visitor carries to a site on which nothing is to be done.
const sixCookies = "sid=s%3Aq1w2e3r4t5y6u7i8o9p0.a1s2d3f4g5h6; lang=fr; _ga=GA1.1.1234567890.1700000000; _ga_ABCDEF123=GS1.1.1700000000.1.1.1700000100.0.0.0; " +
	"s_id=0123456789abcdef0123456789abcdef; eu-consent=1&20261121T101500Z&AZyuPb6Yc3C8d1PZ8p1q2w&stats=1.q83v&ads=1.3q2-&m.Lw0t5rXw8Qk"

func BenchmarkNothingToDo(b *testing.B) {
	v := visitor(b, "stats ads", block, func(o *Options) { o.Observer = nil })
	in, out := http.Header{"Cookie": {sixCookies}}, http.Header{"Content-Type": {"text/html"}}
	b.ReportAllocs()
	for b.Loop() {
		c := v.Request(in, &v.decision, v.at)
		c.Response(out)
	}
	if len(out) > 1 || in.Get("Cookie") != sixCookies {
		b.Fatal("something was done")
	}
}

func BenchmarkOneOfSixRemoved(b *testing.B) {
	v := visitor(b, "", func(o *Options) { o.Observer = nil })
	values := []string{sixCookies}
	in := http.Header{}
	b.ReportAllocs()
	for b.Loop() {
		in["Cookie"] = values
		v.Request(in, &v.decision, v.at)
	}
}

func BenchmarkSetCookie(b *testing.B) {
	v := visitor(b, "", func(o *Options) { o.Observer = nil })
	values := []string{"sid=s%3Aq1w2e3r4t5y6u7i8o9p0; Path=/; HttpOnly; Secure; SameSite=Lax", "lang=fr; Expires=Sun, 21 Nov 2027 12:00:00 GMT; Path=/"}
	in, out := http.Header{}, http.Header{}
	b.ReportAllocs()
	for b.Loop() {
		c := v.Request(in, &v.decision, v.at)
		out["Set-Cookie"] = values
		c.Response(out)
	}
}

func TestNothingIsAllocatedWhereNothingIsToBeDone(t *testing.T) {
	v := visitor(t, "stats ads", block, func(o *Options) { o.Observer = nil })
	in, out := http.Header{"Cookie": {sixCookies}}, http.Header{}
	if n := testing.AllocsPerRun(100, func() {
		c := v.Request(in, &v.decision, v.at)
		c.Response(out)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
