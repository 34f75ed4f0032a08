package cookies

import (
	"testing"
	"time"
)

func TestDatesAreReadAsBrowsersReadThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"Wed, 09 Jun 2021 10:18:14 GMT", "2021-06-09T10:18:14Z"},
		{"Wednesday, 09-Jun-21 10:18:14 GMT", "2021-06-09T10:18:14Z"},
		{"Wed Jun  9 10:18:14 2021", "2021-06-09T10:18:14Z"},
		{"9 june 69 1:2:3", "2069-06-09T01:02:03Z"},
		{"9 june 70 1:2:3", "1970-06-09T01:02:03Z"},
		{"9th Jun 2021 10:18:14pm", "2021-06-09T10:18:14Z"},
		{"2021 9 jun 10:18:14", "2021-06-09T10:18:14Z"},
		{"21 9 jun 10:18:14", ""},
		{"10:18:14 12:00:00 9 jun 2021", "2021-06-12T10:18:14Z"},
		{"Thu, 29 Feb 2024 00:00:00 GMT", "2024-02-29T00:00:00Z"},
		{"Thu, 29 Feb 2023 00:00:00 GMT", ""},
		{"Wed, 09 Jun 2021 10:18 GMT", ""},
		{"Wed, 09 Jun 2021 24:00:00 GMT", ""},
		{"Wed, 09 Jun 2021 10:60:00 GMT", ""},
		{"Wed, 09 Jun 20211 10:18:14 GMT", ""},
		{"Wed, 09 Jun 1600 10:18:14 GMT", ""},
		{"Wed, 00 Jun 2021 10:18:14 GMT", ""},
		{"Wed, 32 Jun 2021 10:18:14 GMT", ""},
		{"Wed, 09 Jux 2021 10:18:14 GMT", ""},
		{"2021-06-09T10:18:14Z", ""},
		{"0", ""},
		{"", ""},
	} {
		got, ok := readDate(c.in)
		if s := got.Format(time.RFC3339); ok && s != c.want || !ok && c.want != "" {
			t.Errorf("%q is %s, %v, want %s", c.in, s, ok, c.want)
		}
	}
}
