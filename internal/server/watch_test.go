package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/store"
	"github.com/temoin/temoin/internal/storetest"
	"github.com/temoin/temoin/policy"
)

// version is the one that a site's pages are of.
func (r *rig) version() string {
	r.t.Helper()
	return r.Sites()[0].Policy.Version
}

// settle lets the server look twice, and waits until the second look is over.
func (r *rig) settle() {
	for range 3 {
		r.clock.end(watchEvery)
	}
}

func TestAManifestThatChangesComesIntoForceWhenItHasSettled(t *testing.T) {
	t.Parallel()
	r := start(t, page, nil)
	old := r.notice()
	r.change(wider)
	r.clock.end(watchEvery) // seen
	r.change(strings.Replace(wider, "2.0", "2.1", 1))
	r.clock.end(watchEvery) // seen as another one
	r.clock.end(watchEvery)
	r.clock.end(watchEvery) // the look before is over
	if v := r.version(); v != "2.1" {
		t.Fatalf("version %s: %s", v, r.log)
	}
	if strings.Contains(r.log.String(), "version=2.0") {
		t.Errorf("a file was taken while it was written: %s", r.log)
	}
	if _, body := r.do(http.MethodGet, "http://shop.example/.temoin/policy", ""); !strings.Contains(body, "Maps") {
		t.Error("the policy is the former one")
	}
	// Who was shown the former notice chooses on it still, and its evidence is there.
	if status, id, _ := r.choose("accept", old); status != http.StatusOK || id == "" {
		t.Errorf("a choice on the former notice: %d", status)
	}
	if status, id, _ := r.choose("accept", r.notice()); status != http.StatusOK || id == "" {
		t.Errorf("a choice on the new notice: %d", status)
	}
}

func TestAManifestThatIsWrittenHalfIsNotTaken(t *testing.T) {
	t.Parallel()
	r := start(t, page, nil)
	half := manifest[:strings.Index(manifest, "services:")] // a manifest, too
	r.change(half)
	r.clock.end(watchEvery)
	r.change(wider)
	r.settle()
	if v := r.version(); v != "2.0" || strings.Count(r.log.String(), "is in force") != 1 {
		t.Errorf("version %s: %s", v, r.log)
	}
}

func TestAManifestThatIsWrongIsRefusedOnceAndTheLastOneStays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"no manifest":       {"temoin: 1\nsite: shop\n  broken", "shop.yaml:"},
		"another site":      {strings.Replace(manifest, "site: shop", "site: other", 1), "it is of the site other"},
		"what is not known": {strings.Replace(manifest, "category: stats", "category: none", 1), "none"},
	} {
		r := start(t, page, nil)
		r.change(c.text)
		for range 5 {
			r.clock.end(watchEvery)
		}
		if n := strings.Count(r.log.String(), "the former manifest stays in force"); n != 1 || !strings.Contains(r.log.String(), c.want) || r.version() != "1.0" {
			t.Errorf("%s: said %d times, version %s: %s", name, n, r.version(), r.log)
		}
		if res, _ := r.do(http.MethodGet, "http://shop.example/", ""); res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", name, res.Status)
		}
		r.Reload(t.Context())
		if n := strings.Count(r.log.String(), "the former manifest stays in force"); n != 2 {
			t.Errorf("%s: asked to look, it is said %d times", name, n)
		}
		r.change(wider)
		r.settle()
		if v := r.version(); v != "2.0" {
			t.Errorf("%s: version %s after it was put right: %s", name, v, r.log)
		}
		r.end()
	}
}

func TestAManifestThatIsGoneIsSaidOnce(t *testing.T) {
	t.Parallel()
	r := start(t, page, nil)
	if err := os.Remove(r.file); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		r.clock.end(watchEvery)
	}
	if n := strings.Count(r.log.String(), "the former manifest stays in force"); n != 1 {
		t.Errorf("said %d times: %s", n, r.log)
	}
}

func TestAHostOfAnotherSiteIsNotTakenOver(t *testing.T) {
	t.Parallel()
	two := strings.NewReplacer("site: shop", "site: club", "shop.example", "club.example").Replace(manifest)
	r := start(t, page, func(c *Config) {
		c.Sites = append(c.Sites, Site{File: write(t, "club.yaml", two), Upstream: nowhere(t)})
	})
	r.change(strings.Replace(manifest, "www.shop.example", "www.club.example", 1))
	r.Reload(t.Context())
	if !strings.Contains(r.log.String(), "the host www.club.example, as club does") || r.of("www.shop.example") == nil {
		t.Errorf("%s", r.log)
	}
	// One that no site has is taken, and answered for at once.
	r.change(strings.Replace(manifest, "www.shop.example", "new.shop.example", 1))
	r.Reload(t.Context())
	if one := r.of("new.shop.example"); one == nil || one.id != "shop" || r.of("www.shop.example") != nil {
		t.Errorf("%v: %s", one, r.log)
	}
}

// A manifest that could not be published is published when the store is back.
func TestAManifestThatTheStoreDidNotTakeIsTriedAgain(t *testing.T) {
	t.Parallel()
	p := storetest.NewServer(t)
	if err := p.Serve(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	r := start(t, page, func(c *Config) { c.Node.Store = p.Address() })
	p.Halt()
	r.change(wider)
	r.settle()
	if n := strings.Count(r.log.String(), "it is tried again"); n != 1 || r.version() != "1.0" {
		t.Fatalf("said %d times: %s", n, r.log)
	}
	if err := p.Serve(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	r.settle()
	if v := r.version(); v != "2.0" {
		t.Errorf("version %s: %s", v, r.log)
	}
}

func TestAllNodesOverOneStoreFollow(t *testing.T) {
	t.Parallel()
	site := httptest.NewServer(page)
	t.Cleanup(site.Close)
	u, _ := url.Parse(site.URL)
	where, keys := storetest.Database(t), filepath.Join(t.TempDir(), "keys")
	both := func(c *Config) { c.Node.Store, c.Node.Keys = where, keys }
	first := startAt(t, u, both)
	second := startAt(t, u, both)
	first.change(wider)
	first.Reload(t.Context())
	awaits := func(r *rig, want string) {
		t.Helper()
		for try := 0; r.version() != want; try++ {
			if try == 400 {
				t.Fatalf("version %s, want %s", r.version(), want)
			}
			register.Sleep(t.Context(), 25*time.Millisecond)
		}
	}
	awaits(first, "2.0")
	awaits(second, "2.0")
	// Its own file is older: that brings nothing back, also when it is looked at again.
	second.change(manifest + "\n")
	second.Reload(t.Context())
	awaits(second, "1.0") // these bytes are new
	awaits(first, "1.0")
	first.change(manifest)
	first.Reload(t.Context())
	if !strings.Contains(first.log.String(), "run temoin activate") {
		t.Errorf("%s", first.log)
	}
	// Going back is an activation, which all nodes follow.
	s, err := store.Open(context.Background(), where, store.Beside())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	listed, err := s.Versions(t.Context(), "shop")
	if err != nil || len(listed) != 3 {
		t.Fatalf("%v, %v", listed, err)
	}
	active, _, _ := s.Active(t.Context(), "shop")
	if err := s.Activate(t.Context(), "shop", active, register.Activation{Evidence: listed[1].Evidence, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	awaits(first, "2.0")
	awaits(second, "2.0")
}

func TestTheFirstHourIsToldToWhoeverRunsTheSite(t *testing.T) {
	t.Parallel()
	for _, observe := range []bool{false, true} {
		r := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "made_up", Value: "1"})
			page(w, r)
		}), func(c *Config) { c.Observe = observe })
		for range 3 {
			r.do(http.MethodGet, "http://shop.example/", "", "Sec-Fetch-Dest: document", "Cookie: _count=1")
		}
		r.clock.end(firstHour)
		if err := r.end(); err != nil {
			t.Error(err)
		}
		told := r.summary.String()
		first, last, _ := strings.Cut(told, "Since the start")
		for _, want := range []string{"In the first hour", "shop: 3 pages, 3 of them for visitors who had something to choose", "     3  script src counter.example (counter)", "     3  _count (counter)", "     3  made_up", "Declare them under trackers"} {
			if !strings.Contains(first, want) || !strings.Contains(last, strings.TrimPrefix(want, "In the first hour")) {
				t.Errorf("observe %v: %q is missing from\n%s", observe, want, told)
			}
		}
		if strings.Contains(told, "Would be made inert") != observe || strings.Contains(told, "Nothing was changed") != observe {
			t.Errorf("observe %v:\n%s", observe, told)
		}
		if observe {
			t.Log("\n" + told)
		}
	}
}

// What anybody can make up takes little room, and steers no terminal.
func TestNamesThatAreMadeUpAreNotAllTold(t *testing.T) {
	s := newSummary(slog.New(slog.DiscardHandler))
	s.Count(gate.Event{What: gate.CookieUndeclared, Name: strings.Repeat("long", 1<<14)})
	for i := range 5000 {
		s.Count(gate.Event{What: gate.CookieUndeclared, Name: fmt.Sprintf("made\x1bup%d", i)})
		s.Count(gate.Event{What: gate.Neutralised, Name: "script src", Host: fmt.Sprintf("h%d.example", i), Services: "one"})
	}
	s.Count(gate.Event{What: gate.CookieDropped, Name: "_count", Services: "one"})
	for i := range 5000 { // what comes again and again stays, whoever makes up names between
		s.Count(gate.Event{What: gate.CookieUndeclared, Name: fmt.Sprintf("again%d", i)})
		s.Count(gate.Event{What: gate.CookieUndeclared, Name: "site"})
	}
	if s.counts[gate.Event{What: gate.CookieUndeclared, Name: "site"}] < 4900 {
		t.Errorf("the site's own cookie was seen %d times", s.counts[gate.Event{What: gate.CookieUndeclared, Name: "site"}])
	}
	if len(s.counts) > maxEvents || s.names[gate.CookieUndeclared] != maxNames || s.more == 0 {
		t.Errorf("%d events, %d names, %d more", len(s.counts), s.names[gate.CookieUndeclared], s.more)
	}
	var b strings.Builder
	p, err := policy.Parse("shop.yaml", []byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	s.write(&b, p)
	if strings.Contains(b.String(), "\x1b") || strings.Contains(b.String(), "longlong") || strings.Count(b.String(), "\n") > 4*maxLines || !strings.Contains(b.String(), "others") || !strings.Contains(b.String(), "not told apart") {
		t.Errorf("%s", b.String())
	}
}

func TestTheAccessLogSaysWhatWasAskedAndNothingOfWhoAsked(t *testing.T) {
	t.Parallel()
	r := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/gone":
			panic(http.ErrAbortHandler)
		case "/hints":
			w.WriteHeader(http.StatusEarlyHints)
		case "/ws":
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
				c.Close()
			}
			return
		}
		if r.URL.Path == "/" {
			page(w, r)
			return
		}
		io.WriteString(w, "body")
	}), nil)
	private := []string{"Cookie: session=visitor-cookie", "User-Agent: visitor-agent", "Referer: https://shop.example/visitor-referer", "X-Forwarded-For: 192.0.2.77", "Authorization: visitor-secret"}
	r.do(http.MethodGet, "http://shop.example/a%0Ab?q=visitor-query", "", private...)
	r.do(http.MethodPost, "http://shop.example/hints", "visitor-body", private...)
	r.do(http.MethodGet, "http://evil.example/", "", private...)
	r.raw("GET /ws HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	r.choose("accept", r.notice())
	for try := 0; !strings.Contains(r.access.String(), "/ws") && try < 400; try++ { // nobody waits for it at the end
		register.Sleep(t.Context(), 5*time.Millisecond)
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
	got := r.access.String()
	for _, want := range []string{
		`"host":"shop.example","method":"GET","path":"/a\nb","status":200,"bytes":4,"ms":`, `"method":"POST","path":"/hints","status":200,"bytes":4`,
		`"host":"evil.example","method":"GET","path":"/","status":421`, `"path":"/ws","status":101`, `"method":"POST","path":"/.temoin/choice","status":200`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing from\n%s", want, got)
		}
	}
	for where, text := range map[string]string{"the access log": got, "the log": r.log.String(), "the summary": r.summary.String()} {
		for _, never := range []string{"visitor-", "192.0.2.77", "127.0.0.1"} {
			if strings.Contains(text, never) {
				t.Errorf("%q is in %s:\n%s", never, where, text)
			}
		}
	}
	named := start(t, page, func(c *Config) { c.Clients = true })
	named.do(http.MethodGet, "http://shop.example/", "")
	named.end()
	if !strings.Contains(named.access.String(), `"client":"127.0.0.1"`) {
		t.Errorf("%s", named.access)
	}
}

func TestTheOperationsAreOnTheirOwnListenerAlone(t *testing.T) {
	t.Parallel()
	r := start(t, page, nil)
	notice := r.notice()
	r.choose("accept", notice)
	r.do(http.MethodGet, "http://evil.example/", "")
	r.do(http.MethodGet, "http://shop.example/", "", "Sec-Fetch-Dest: document", "Cookie: _count=1")
	for path, want := range map[string]string{"/healthz": "alive", "/readyz": "ready", "/debug/pprof/": "goroutine", "/debug/pprof/goroutine?debug=1": "goroutine profile"} {
		if code, body := r.operate(path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, code, body)
		}
		if _, body := r.do(http.MethodGet, "http://shop.example"+path, ""); !strings.Contains(body, "<p>Text</p>") {
			t.Errorf("%s is public: %s", path, body)
		}
	}
	if code, body := r.operate("/debug/pprof/cmdline"); code != http.StatusNotFound {
		t.Errorf("the command line, with what is secret in it: %d %s", code, body)
	}
	_, body := r.operate("/metrics")
	for _, want := range []string{
		`temoin_requests_total{class="2xx",site="shop"}`, `temoin_requests_total{class="4xx",site=""} 1`, `temoin_request_seconds_count{site="shop"}`, `temoin_requests_under_way 0`,
		`temoin_commit_seconds_count 1`, `temoin_commit_failures_total 0`, `temoin_choices_total{site="shop",status="200"} 1`,
		`temoin_pages_total{site="shop",visitor="asked"}`, `temoin_cookies_total{became="dropped",name="_count",observed="0",site="shop"}`, `temoin_held_total{in="script src",observed="0",service="counter",site="shop"}`,
		"temoin_log_leads", "temoin_log_backlog",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is missing from\n%s", want, body)
		}
	}
}

func TestWhatIsUnderWayAtTheEndIsFinished(t *testing.T) {
	t.Parallel()
	begun, go_on := make(chan struct{}), make(chan struct{})
	const leave = 7 * time.Second
	r := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/large" {
			page(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		io.WriteString(w, "first ")
		w.(http.Flusher).Flush()
		close(begun)
		<-go_on
		io.Copy(w, bytes.NewReader(make([]byte, 10<<20)))
	}), func(c *Config) {
		c.Leave = leave
		sleep := c.Node.Sleep
		held := make(chan struct{})
		t.Cleanup(func() { close(held) })
		c.Node.Sleep = func(ctx context.Context, d time.Duration) error {
			if d == leave {
				<-go_on
				return nil
			}
			return sleep(ctx, d)
		}
	})
	res, err := client(r.Address(), nil).Get("http://shop.example/large")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	<-begun
	r.stop()
	for try := 0; ; try++ {
		code, said := r.operate("/readyz")
		if code == http.StatusServiceUnavailable && strings.Contains(said, "ending") {
			break
		}
		if try == 400 {
			t.Fatalf("/readyz: %d %s", code, said)
		}
		register.Sleep(t.Context(), 5*time.Millisecond)
	}
	if res, _ := r.do(http.MethodGet, "http://shop.example/", ""); res.StatusCode != http.StatusOK {
		t.Errorf("while it says that it is ending: %s", res.Status)
	}
	close(go_on)
	n, err := io.Copy(io.Discard, res.Body)
	if err != nil || n != 6+10<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
	if _, err := client(r.Address(), nil).Get("http://shop.example/"); err == nil {
		t.Error("it goes on after its end")
	}
}

func TestWhatDoesNotFinishInTimeIsCutAndSaid(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	r := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
	}), func(c *Config) { c.Drain = 20 * time.Millisecond })
	r.dial().Write([]byte("GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n"))
	<-begun
	r.stop()
	if err := <-r.ended; err == nil || !strings.Contains(err.Error(), "were under way for longer than 20ms, and were cut") {
		t.Errorf("%v", err)
	}
	r.ended <- nil
}
