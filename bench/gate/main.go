// Command gate measures what the gate costs in front of a site: a page of 60 kB through the
// gate with everything on, in turn with the same proxy without it, and with Caddy and nginx
// (whose sub_filter inserts bytes as long as the notice) where they are installed.
//
// Each server is a process of its own; wrk asks, for documents, on this machine which all of
// them share. What counts are ratios within one run. Besides how many pages pass, which
// falls with whatever else the machine does, it tells how long the server's own process is
// at work for each: that depends on others much less. (Of Caddy and nginx it does not: 0.)
//
// A page that was met before is not read again; "each" is where each request gets another one.
//
//	go run ./bench/gate [-connections 64] [-seconds 3] [-rounds 5] [-only gate,bare]
package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/andybalholm/brotli"

	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/internal/app"
)

func main() {
	log.SetFlags(0)
	connections := flag.Int("connections", 64, "clients at a time")
	seconds := flag.Int("seconds", 3, "of each measurement")
	rounds := flag.Int("rounds", 5, "how often each is measured, in turn")
	only := flag.String("only", "", "which of them, separated by commas; all unless you say otherwise")
	codings := flag.String("codings", "identity,gzip,br", "in which codings")
	serve := flag.String("serve", "", "be one of the servers (for the command itself)")
	upstream := flag.String("upstream", "", "where the site is (for the command itself)")
	profile := flag.String("profile", "", "write the gate's CPU profile to this `file`")
	flag.Parse()
	var err error
	if *serve != "" {
		err = server(*serve, *upstream, *profile)
	} else {
		err = measure(*connections, *seconds, *rounds, *only, *codings, *profile)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// page is a shop's page of about 60 kB.
func page() []byte {
	var b bytes.Buffer
	b.WriteString(`<!doctype html><html lang="fr"><head><meta charset="utf-8"><title>Boutique</title><link rel="stylesheet" href="/assets/site.css"><script src="/assets/app.js" defer></script><script src="https://www.googletagmanager.com/gtag/js?id=G-1" async></script><script>window.state = {cart: []}</script></head><body class="shop">`)
	for i := 0; b.Len() < 60<<10; i++ {
		fmt.Fprintf(&b, `<article class="card card--%d" data-id="%d"><a href="/p/%d" class="card__link"><img class="card__image" src="/images/%d.webp" alt="Produit %d" width="320" height="200" loading="lazy"><h2 class="card__title">Produit numéro %d</h2></a><p class="card__text">Une description assez longue pour ressembler à ce que les boutiques écrivent de leurs produits, avec des accents &amp; des entités.</p><button type="button" class="button button--buy" aria-label="Ajouter %d au panier">Ajouter</button></article>`, i%7, i, i, i, i, i, i)
	}
	b.WriteString(`</body></html>`)
	return b.Bytes()
}

// server is one of the servers. It says where it listens.
func server(kind, upstream, profile string) error {
	handler, done, err := handlerOf(kind, upstream)
	if err != nil {
		return err
	}
	defer done()
	stop, err := profiled(profile)
	if err != nil {
		return err
	}
	defer stop()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	s := &http.Server{Handler: handler}
	go func() {
		io.Copy(io.Discard, os.Stdin) //nolint:errcheck // it ends with whoever began it
		s.Close()                     //nolint:errcheck
	}()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func handlerOf(kind, upstream string) (http.Handler, func(), error) {
	none := func() {}
	u, err := url.Parse(upstream)
	if err != nil {
		return nil, none, err
	}
	switch kind {
	case "site":
		return site(), none, nil
	case "bare":
		return bare(u), none, nil
	}
	app.Tune()
	store, err := os.MkdirTemp("", "gate")
	if err != nil {
		return nil, none, err
	}
	name, manifest, err := examples.Manifest("cexro", false)
	if err != nil {
		return nil, none, err
	}
	node, err := app.Open(context.Background(), app.Config{Store: store, Sites: []app.SiteConfig{{File: name, Manifest: manifest}}})
	if err != nil {
		return nil, none, err
	}
	done := func() {
		node.Close()        //nolint:errcheck // nothing was kept
		os.RemoveAll(store) //nolint:errcheck
	}
	limit := &gate.Limit{Rate: 20, Burst: 200}
	return node.Gate("cexro", app.GateConfig{Upstream: u, Limit: limit}, gate.NewProxy(gate.ProxyConfig{Upstream: u})), done, nil
}

// site answers with the page, compressed once where that is asked for.
func site() http.Handler {
	plain := page()
	var gz, br bytes.Buffer
	z := gzip.NewWriter(&gz)
	z.Write(plain) //nolint:errcheck // to memory
	z.Close()      //nolint:errcheck
	w := brotli.NewWriterLevel(&br, 5)
	w.Write(plain) //nolint:errcheck // to memory
	w.Close()      //nolint:errcheck
	var count atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, h := plain, w.Header()
		if r.URL.Path == "/each" {
			body = bytes.Replace(plain, []byte("Boutique"), fmt.Appendf(nil, "%08d", count.Add(1)), 1)
		}
		switch r.Header.Get("Accept-Encoding") {
		case "gzip":
			body = gz.Bytes()
			h.Set("Content-Encoding", "gzip")
		case "br":
			body = br.Bytes()
			h.Set("Content-Encoding", "br")
		}
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.Write(body) //nolint:errcheck // the client says so
	})
}

type pool struct{ sync.Pool }

func (p *pool) Get() []byte  { return *p.Pool.Get().(*[]byte) }
func (p *pool) Put(b []byte) { p.Pool.Put(&b) }

// bare is the standard library's proxy, with what makes it fast.
func bare(u *url.URL) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(u) },
		ErrorLog:   log.New(io.Discard, "", 0), // of clients that have gone
		BufferPool: &pool{sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}},
		Transport:  &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 512, IdleConnTimeout: time.Minute, DisableCompression: true},
	}
}

// A candidate is one that is measured.
type candidate struct {
	name, encoding string
	at             string // its address
	path           string // "each" has another page for each request
	process        string // where the system says how long it has run; "" where it is not asked
	rate, p99, cpu []float64
}

// measure runs all of them.
func measure(connections, seconds, rounds int, only, codings, profile string) error {
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		return errors.New("wrk is not installed: apt-get install wrk")
	}
	var ends []func()
	defer func() {
		for _, end := range ends {
			end()
		}
	}()
	begin := func(kind, upstream string) (candidate, error) {
		args := []string{"-serve", kind, "-upstream", upstream}
		if kind == "gate" && profile != "" {
			args = append(args, "-profile", profile)
		}
		at, process, end, err := child(args...)
		ends = append(ends, end)
		return candidate{name: kind, at: at, process: process}, err
	}
	site, err := begin("site", "")
	if err != nil {
		return err
	}
	upstream := "http://" + site.at
	bare, err := begin("bare", upstream)
	if err != nil {
		return err
	}
	gate, err := begin("gate", upstream)
	if err != nil {
		return err
	}
	var list []*candidate
	for _, asked := range []candidate{{}, {path: "each"}, {encoding: "gzip"}, {encoding: "br"}} {
		for _, c := range []candidate{bare, gate} {
			c.path, c.encoding = asked.path, asked.encoding
			list = append(list, &c)
		}
	}
	added, err := added(upstream, gate.at)
	if err != nil {
		return err
	}
	for _, peer := range []func(string, int) (string, func(), error){caddy, nginx} {
		at, end, err := peer(site.at, added)
		if errors.Is(err, exec.ErrNotFound) {
			continue
		} else if err != nil {
			return err
		}
		ends = append(ends, end)
		list = append(list, &candidate{name: peerName(at), at: at[strings.IndexByte(at, ' ')+1:]})
	}
	list = slices.DeleteFunc(list, func(c *candidate) bool {
		return only != "" && !slices.Contains(strings.Split(only, ","), c.name) || !slices.Contains(strings.Split(codings, ","), cmp.Or(c.encoding, "identity"))
	})
	for range rounds {
		for _, c := range list {
			if err := c.run(wrk, connections, seconds); err != nil {
				return err
			}
		}
	}
	report(list, len(page()), added)
	return nil
}

func peerName(at string) string { name, _, _ := strings.Cut(at, " "); return name }

// child begins this program as a server.
func child(args ...string) (at, process string, end func(), err error) {
	end = func() {}
	self, err := os.Executable()
	if err != nil {
		return "", "", end, err
	}
	c := exec.Command(self, args...)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		return "", "", end, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return "", "", end, err
	}
	if err := c.Start(); err != nil {
		return "", "", end, err
	}
	end = func() {
		in.Close()
		c.Wait() //nolint:errcheck // it was told to end
	}
	var line [64]byte
	n, err := out.Read(line[:])
	return strings.TrimSpace(string(line[:n])), fmt.Sprintf("/proc/%d/stat", c.Process.Pid), end, err
}

// worked returns for how many microseconds a process has been at work; 0 where the system
// does not say it.
func worked(process string) float64 {
	b, err := os.ReadFile(process)
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ") // behind the name, which may be anything
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) * 1e4 // a tick is a hundredth of a second
}

// added is how many bytes the gate adds to the page.
func added(upstream, gateAt string) (int, error) {
	size := func(at string) (int, error) {
		r, err := http.NewRequest(http.MethodGet, at, nil)
		if err != nil {
			return 0, err
		}
		r.Header.Set("Sec-Fetch-Dest", "document")
		r.Header.Set("Accept-Encoding", "identity")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		return len(b), err
	}
	before, err := size(upstream)
	if err != nil {
		return 0, err
	}
	after, err := size("http://" + gateAt)
	if err == nil && after <= before {
		err = fmt.Errorf("the gate adds nothing: %d bytes, and %d without it", after, before)
	}
	return after - before, err
}

var (
	rateLine = regexp.MustCompile(`Requests/sec: +([0-9.]+)`)
	allLine  = regexp.MustCompile(`([0-9]+) requests in`)
	p99Line  = regexp.MustCompile(`(?m)^ +99% +([0-9.]+)(us|ms|s)`)
	errLine  = regexp.MustCompile(`Non-2xx or 3xx responses: +([0-9]+)|Socket errors: (.*)`)
)

// run measures a candidate once.
func (c *candidate) run(wrk string, connections, seconds int) error {
	before := worked(c.process)
	out, err := exec.Command(wrk, "-t1", "-c", strconv.Itoa(connections), "-d", strconv.Itoa(seconds)+"s", "--latency",
		"-H", "Sec-Fetch-Dest: document", "-H", "Accept-Encoding: "+cmp.Or(c.encoding, "identity"), "http://"+c.at+"/"+c.path).Output()
	if err != nil {
		return fmt.Errorf("wrk: %w", err)
	}
	if bad := errLine.Find(out); bad != nil {
		return fmt.Errorf("%s: %s", c.name, bad)
	}
	rate, slow, all := rateLine.FindSubmatch(out), p99Line.FindSubmatch(out), allLine.FindSubmatch(out)
	if rate == nil || slow == nil || all == nil {
		return fmt.Errorf("wrk says %s", out)
	}
	r, _ := strconv.ParseFloat(string(rate[1]), 64)
	p, _ := strconv.ParseFloat(string(slow[1]), 64)
	p *= map[string]float64{"us": 1e-3, "ms": 1, "s": 1e3}[string(slow[2])]
	n, _ := strconv.ParseFloat(string(all[1]), 64)
	c.rate, c.p99, c.cpu = append(c.rate, r), append(c.p99, p), append(c.cpu, (worked(c.process)-before)/n)
	return nil
}

// report prints medians of the ratios to the bare proxy in the same round.
func report(list []*candidate, size, added int) {
	fmt.Printf("a page of %d bytes, to which the notice adds %d\n", size, added)
	fmt.Printf("%-12s %-9s %10s %8s %9s %8s %9s %8s\n", "", "coding", "pages/s", "of bare", "p99 ms", "of bare", "µs CPU", "of bare")
	for _, c := range list {
		bare := c
		for _, b := range list {
			if b.name == "bare" && b.encoding == c.encoding && b.path == c.path {
				bare = b
			}
		}
		fmt.Printf("%-12s %-9s %10.0f %8.2f %9.1f %8.2f %9.0f %8.2f\n", strings.TrimSpace(c.name+" "+c.path), cmp.Or(c.encoding, "identity"), median(c.rate), median(ratios(c.rate, bare.rate)),
			median(c.p99), median(ratios(c.p99, bare.p99)), median(c.cpu), median(ratios(c.cpu, bare.cpu)))
	}
}

func ratios(a, b []float64) (r []float64) {
	for i := range a {
		r = append(r, a[i]/b[i])
	}
	return r
}

func median(list []float64) float64 {
	s := slices.Sorted(slices.Values(list))
	return s[len(s)/2]
}

// freeAddress is one that nobody listens at now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// caddy is its reverse proxy, without anything else.
func caddy(site string, _ int) (string, func(), error) {
	at, err := freeAddress()
	if err != nil {
		return "", nil, err
	}
	return peer("caddy", at, fmt.Sprintf("{\n admin off\n auto_https off\n}\nhttp://%s {\n reverse_proxy %s\n}\n", at, site), func(file string) []string {
		return []string{"run", "--adapter", "caddyfile", "--config", file}
	})
}

// nginx inserts as many bytes as the notice has.
func nginx(site string, added int) (string, func(), error) {
	at, err := freeAddress()
	if err != nil {
		return "", nil, err
	}
	var sets, names strings.Builder
	for i := 0; added > 0; i++ { // a parameter has 4 kB at most
		n := min(added, 4000)
		fmt.Fprintf(&sets, "set $n%d '%s'; ", i, strings.Repeat("x", n))
		fmt.Fprintf(&names, "$n%d", i)
		added -= n
	}
	config := fmt.Sprintf(`daemon off; worker_processes auto; pid nginx.pid; error_log stderr crit; events { worker_connections 1024; }
http { access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
upstream site { server %s; keepalive 128; }
server { listen %s; location / { proxy_pass http://site; proxy_http_version 1.1; proxy_set_header Connection ""; %ssub_filter_once on; sub_filter '<head>' '<head>%s'; } } }`,
		site, at, sets.String(), names.String())
	return peer("nginx", at, config, func(file string) []string { return []string{"-p", filepath.Dir(file), "-c", file} })
}

// peer begins another server, and waits until it answers.
func peer(name, at, config string, args func(file string) []string) (string, func(), error) {
	program, err := exec.LookPath(name)
	if err != nil {
		return "", nil, exec.ErrNotFound
	}
	dir, err := os.MkdirTemp("", name)
	if err != nil {
		return "", nil, err
	}
	file := filepath.Join(dir, "config")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return "", nil, err
	}
	c := exec.Command(program, args(file)...)
	var said bytes.Buffer
	c.Stderr = &said
	if err := c.Start(); err != nil {
		return "", nil, err
	}
	end := func() {
		c.Process.Signal(os.Interrupt) //nolint:errcheck // it may have ended
		c.Wait()                       //nolint:errcheck
		os.RemoveAll(dir)              //nolint:errcheck
	}
	for range 100 {
		if conn, err := net.DialTimeout("tcp", at, time.Second); err == nil {
			conn.Close()
			return name + " " + at, end, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	end()
	return "", nil, fmt.Errorf("%s does not answer: %s", name, said.String())
}
