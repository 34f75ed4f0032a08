package gate_test

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/temoin/temoin/gate"
)

// sized is a handler that says how long its page is.
func sized(page func(r *http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := page(r)
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		io.WriteString(w, text)
	})
}

func TestAPageThatWasMetBeforeIsRewrittenAsItWas(t *testing.T) {
	t.Parallel()
	texts := []string{small, strings.Replace(small, "Text", "Tent", 1), strings.Repeat("<p>", 5000) + small, "<p>part</p>", "\xff\xfe<\x00"}
	s := open(t, sized(func(r *http.Request) string {
		n, _ := strconv.Atoi(strings.Trim(r.URL.Path, "/"))
		return texts[n]
	}))
	streamed := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(strings.Trim(r.URL.Path, "/"))
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, texts[n])
	}))
	for range 4 { // to be met, to be remembered, and to be found
		for i := range texts {
			for _, headers := range [][]string{{"Cookie: " + s.choice()}, {"Cookie: " + s.choice()}, nil, {"Cookie: " + s.choice("stats")}, {"Cookie: " + s.choice("stats", "support")}, {"Sec-Fetch-Dest: iframe"}, {"Accept-Language: fr"}} {
				path := fmt.Sprint("/", i)
				res, got := s.get(path, headers...)
				_, want := streamed.get(path, headers...)
				if got != want || res.ContentLength != int64(len(got)) {
					t.Fatalf("%s %v: %d bytes, said %d:\n%.300s\nwant\n%.300s", path, headers, len(got), res.ContentLength, got, want)
				}
			}
		}
	}
	held := 0
	for _, e := range s.events.list {
		if e.What == gate.Neutralised {
			held++
		}
	}
	if want := 4 * 3 * 5; held != want { // three pages with the script, for those who do not allow it
		t.Errorf("%d were told to be held, not %d", held, want)
	}
}

func TestAPageOfAKnownLengthDoesNotWaitForItsEnd(t *testing.T) {
	t.Parallel()
	more := make(chan struct{})
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Length", strconv.Itoa(len(small)))
		head, rest, _ := strings.Cut(small, "<p>")
		io.WriteString(w, head)
		<-more
		io.WriteString(w, "<p>"+rest)
	}))
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
	r.Header.Set("Sec-Fetch-Dest", "document")
	res, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	begin := make([]byte, strings.Index(noticed, "<p>"))
	if _, err := io.ReadFull(res.Body, begin); err != nil || !strings.HasSuffix(string(begin), "</temoin-notice>") {
		t.Errorf("%s, %v", begin, err)
	}
	close(more)
	if rest, err := io.ReadAll(res.Body); err != nil || !strings.HasSuffix(string(rest), "</html>") {
		t.Errorf("%s, %v", rest, err)
	}
}

func TestAPageThatIsShorterThanItSaysIsNotComplete(t *testing.T) {
	t.Parallel()
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "<p>half")
	}))
	for _, dest := range []string{"", "Sec-Fetch-Dest: document\r\n"} {
		got := s.raw("GET / HTTP/1.1\r\nHost: shop.example\r\n" + dest + "\r\n")
		if strings.Contains(got, "Content-Length: 7\r\n") || strings.HasSuffix(got, "0\r\n\r\n") {
			t.Errorf("%q looks complete", got)
		}
	}
}

func TestWhatIsSaidAfterTheHeaderIsTooLate(t *testing.T) {
	t.Parallel()
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html")
		h.Set("Content-Length", strconv.Itoa(len(small)))
		w.WriteHeader(http.StatusOK)
		h.Set("Cache-Control", "public")
		h.Add("Set-Cookie", "_count=1")
		io.WriteString(w, small)
	}))
	if res, _ := s.get("/"); res.Header.Get("Cache-Control") != "private, no-cache" || res.Header["Set-Cookie"] != nil {
		t.Errorf("%v", res.Header)
	}
}

func TestWhatIsWrittenBeyondTheLengthIsLost(t *testing.T) {
	t.Parallel()
	var failed error
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Length", strconv.Itoa(len(small)))
		_, failed = io.WriteString(w, small+"more")
	}))
	if _, body := s.get("/"); !strings.HasSuffix(body, "</html>") || failed == nil {
		t.Errorf("%v: %s", failed, body)
	}
}

func TestAPageThatBeginsLikeOneThatWasMetIsReadByItself(t *testing.T) {
	t.Parallel()
	first := strings.Repeat("<p>text</p>", 500) + small + strings.Repeat("<p>text</p>", 500)
	texts := []string{first, strings.Replace(first, "script src", "script crs", 1), strings.Replace(first, "text", "tent", 1), first[:len(first)-1] + "x"}
	parts := func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		for text := texts[n]; text != ""; {
			size := min(len(text), 4000)
			io.WriteString(w, text[:size])
			if text = text[size:]; r.URL.Query().Has("slow") {
				http.NewResponseController(w).Flush()
			}
		}
	}
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Length", strconv.Itoa(len(first)))
		parts(w, r)
	}))
	streamed := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		parts(w, r)
	}))
	for _, query := range []string{"n=0", "n=0", "n=0", "n=1", "n=2", "n=3", "n=0&slow", "n=1&slow", "n=0", "n=1", "n=1", "n=0", "n=3"} {
		_, got := s.get("/?" + query)
		if _, want := streamed.get("/?" + query); got != want {
			t.Errorf("%s: %d bytes, not %d", query, len(got), len(want))
		}
	}
}

func TestAnotherStatusWhileAPageIsWaitedForIsTooLate(t *testing.T) {
	t.Parallel()
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Length", strconv.Itoa(len(small)))
		io.WriteString(w, small[:10])
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, small[10:])
	}))
	if res, body := s.get("/"); res.StatusCode != http.StatusOK || !strings.HasPrefix(body, noticed) || res.Header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
}

// marking is a notice that says into each page which consent cookie it was made for.
type marking struct{ fake }

func (m marking) Insert(r *http.Request, lang string, v *gate.View, sealed bool) (head, body []byte) {
	head, body = m.fake.Insert(r, lang, v, sealed)
	if c, err := r.Cookie(v.Site.Choice.Cookie); err == nil {
		head = append([]byte("<!--"+c.Value+"-->"), head...)
	}
	return head, body
}

func TestAPageThatWasMetBeforeSaysWhoItIsFor(t *testing.T) {
	t.Parallel()
	s := open(t, sized(func(*http.Request) string { return small }), func(p *gate.Parts, _ *string) { p.Notice = marking{} })
	for _, who := range []string{"", "none", "another"} { // all of them are asked
		for range 3 { // the page is remembered from the second on
			head := headBytes
			header := "Accept: text/html"
			if who != "" {
				head, header = "<!--"+who+"-->"+headBytes, "Cookie: "+s.site.Choice.Cookie+"="+who
			}
			if _, body := s.get("/", header); !strings.HasPrefix(body, strings.Replace(noticed, headBytes, head, 1)) {
				t.Errorf("for %q: %s", who, body)
			}
		}
	}
}

func TestAPageThatWasMetAsAnotherKindIsReadByItself(t *testing.T) {
	t.Parallel()
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.URL.Query().Get("kind"))
		w.Header().Set("Content-Length", strconv.Itoa(len(small)))
		io.WriteString(w, small)
	}))
	for range 3 {
		if _, body := s.get("/?kind=text/html"); !strings.HasPrefix(body, noticed) {
			t.Error(body)
		}
	}
	if _, body := s.get("/?kind=application/xhtml%2Bxml"); strings.Contains(body, headBytes) {
		t.Errorf("XML with the notice in it: %s", body)
	}
}
