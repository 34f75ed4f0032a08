// Command choices measures durable choices over HTTP, on a whole node whose log keeps
// up with them, in turn with two bounds: the same server answering the same requests
// without keeping anything, and keeping a row of the same size without anything else
// (SQLite only).
//
// Server and clients are two processes on this machine, which they share; clients
// are raw connections that send requests made beforehand.
//
//	go run ./bench/choices [-connections 64] [-seconds 3] [-rounds 5] [-store DIR] [-peer ADDRESS]
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/internal/app"
	"github.com/temoin/temoin/internal/ledger"
	"github.com/temoin/temoin/internal/register"
	"github.com/temoin/temoin/internal/store"
	"github.com/temoin/temoin/policy"
)

func main() {
	log.SetFlags(0)
	connections := flag.Int("connections", 64, "clients at a time")
	seconds := flag.Int("seconds", 3, "of each measurement")
	rounds := flag.Int("rounds", 5, "how often each is measured, in turn")
	where := flag.String("store", "", "a `folder` for the store, or an address of PostgreSQL; a temporary folder unless you say otherwise")
	profile := flag.String("profile", "", "write the server's CPU profile to this `file`")
	keys := flag.String("keys", "", "a `folder` for keys; in the store's unless you say otherwise")
	peer := flag.String("peer", "", "also measure the c15t that listens at this `address` (bench/peers/c15t)")
	serve := flag.Bool("serve", false, "be the server (for the command itself)")
	flag.Parse()
	var err error
	if *serve {
		err = profiled(*profile, func() error { return server(*where, *keys) })
	} else {
		err = measure(*connections, *rounds, time.Duration(*seconds)*time.Second, *where, *keys, *profile, *peer)
	}
	if err != nil {
		log.Fatalln("bench/choices:", err)
	}
}

// profiled runs a function under the profiler, if it is to be.
func profiled(file string, run func() error) error {
	if file == "" {
		return run()
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return run()
}

// shown stands for the notice that was shown.
var shown = []byte("the notice")

const site = "cexro"

// server is a whole node, and /nothing, which reads and answers.
func server(where, keys string) error {
	app.Tune()
	name, manifest, err := examples.Manifest(site, false)
	if err != nil {
		return err
	}
	node, err := app.Open(context.Background(), app.Config{Store: where, Keys: keys, Code: "bench", Sites: []app.SiteConfig{{
		File: name, Manifest: manifest, Notices: []register.Notice{{Language: "fr", Bytes: shown}},
	}}})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/.temoin/", node.Gate(site, app.GateConfig{}, http.NotFoundHandler()))
	mux.Handle("GET /metrics", node.Metrics())
	if !strings.Contains(where, "://") {
		bare, err := bareHandler(where + "-bare")
		if err != nil {
			return err
		}
		mux.Handle("POST /bare", bare)
	}
	mux.HandleFunc("POST /nothing", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) //nolint:errcheck
		w.WriteHeader(http.StatusNoContent)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin) //nolint:errcheck // it ends with who started it
		l.Close()
	}()
	if err := http.Serve(l, mux); !errors.Is(err, net.ErrClosed) { //nolint:gosec // on loopback, for a while
		return err
	}
	return node.Close()
}

// bareHandler commits a row for each request, together with others, and does nothing
// else: no answer is read, no cookie written, and nothing gets into a log.
func bareHandler(where string) (http.Handler, error) {
	name, manifest, err := examples.Manifest(site, false)
	if err != nil {
		return nil, err
	}
	policy, err := policy.Parse(name, manifest)
	if err != nil {
		return nil, err
	}
	s, err := store.Open(context.Background(), where)
	if err != nil {
		return nil, err
	}
	like, err := register.NewTemplate(policy).Row(consent.Choose(policy, consent.ID{}, time.Now(), func(string) bool { return true }), register.Event{Action: register.Accept}, ledger.Salt{})
	if err != nil {
		return nil, err
	}
	group := register.NewGroup(s, s.Writers())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) //nolint:errcheck
		row := like
		id, err := consent.NewID(time.Now(), nil)
		if err == nil {
			row.ID = id
			_, err = group.Commit(r.Context(), row)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}), nil
}

// start starts the server as a process of its own, and returns where it listens.
func start(where, keys, profile string) (addr string, pid int, stop func(), err error) {
	cmd := exec.Command(os.Args[0], "-serve", "-store", where, "-keys", keys, "-profile", profile)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", 0, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", 0, nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", 0, nil, err
	}
	stop = func() {
		in.Close()
		cmd.Wait() //nolint:errcheck // it has said why
	}
	if _, err := fmt.Fscanln(out, &addr); err != nil {
		stop()
		return "", 0, nil, fmt.Errorf("the server does not start: %w", err)
	}
	return addr, cmd.Process.Pid, stop, nil
}

func measure(connections, rounds int, each time.Duration, where, keys, profile, peer string) error {
	dir, err := os.MkdirTemp("", "temoin-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if where == "" {
		where = filepath.Join(dir, "store")
	}
	if keys == "" {
		keys = filepath.Join(dir, "keys")
	}
	addr, pid, stop, err := start(where, keys, profile)
	if err != nil {
		return err
	}
	defer stop()
	var ratios []float64
	for range rounds {
		bound, err := load(addr, to("/nothing"), connections, each)
		if err != nil {
			return err
		}
		if !strings.Contains(where, "://") {
			bare, err := load(addr, to("/bare"), connections, each)
			if err != nil {
				return err
			}
			fmt.Printf("bare    %6.0f/s p99 %5.1f ms   %.2f of nothing\n", bare.rate, bare.p99, bare.rate/bound.rate)
		}
		behind := follow(addr)
		kept, err := load(addr, to("/.temoin/choice"), connections, each)
		if err != nil {
			return err
		}
		ratio := kept.rate / bound.rate
		ratios = append(ratios, ratio)
		fmt.Printf("nothing %6.0f/s p99 %5.1f ms   choice %6.0f/s p99 %5.1f ms   %.2f of the bound   the log's lag at most %s\n",
			bound.rate, bound.p99, kept.rate, kept.p99, ratio, behind())
		if peer == "" {
			continue
		}
		theirs, err := load(peer, toC15T, min(connections, 16), each)
		if err != nil {
			return err
		}
		fmt.Printf("c15t    %6.0f/s p99 %5.1f ms at %d connections: %.0f times as many choices\n", theirs.rate, theirs.p99, min(connections, 16), kept.rate/theirs.rate)
	}
	slices.Sort(ratios)
	budget, verdict := 0.5, "met"
	if strings.Contains(where, "://") {
		budget = 0.4
	}
	if ratios[len(ratios)/2] < budget {
		verdict = "not met"
	}
	fmt.Printf("median %.2f of the bound at %d connections; budget %.2f: %s; memory of the server %s\n", ratios[len(ratios)/2], connections, budget, verdict, memory(pid))
	return nil
}

// follow watches how far the log is behind, until the function that it returns is
// called, which tells.
func follow(addr string) func() string {
	stop, most := make(chan struct{}), make(chan string)
	go func() {
		lag, backlog := 0.0, 0.0
		look := time.NewTicker(200 * time.Millisecond)
		defer look.Stop()
		for {
			select {
			case <-look.C:
				lag, backlog = max(lag, gauge(addr, "temoin_log_lag_seconds")), max(backlog, gauge(addr, "temoin_log_backlog"))
			case <-stop:
				most <- fmt.Sprintf("%.2f s, %.0f choices", lag, backlog)
				return
			}
		}
	}()
	return func() string { close(stop); return <-most }
}

// gauge reads one metric of the server.
func gauge(addr, name string) float64 {
	res, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			n, _ := strconv.ParseFloat(value, 64)
			return n
		}
	}
	return 0
}

// memory is the resident size of a process, as Linux tells it.
func memory(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(b)) {
		if size, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.TrimSpace(size)
		}
	}
	return "not known"
}

type figures struct {
	rate float64 // a second
	p99  float64 // milliseconds
}

// load sends requests over so many connections, each as soon as the one before is
// answered.
func load(addr string, requests func() func() []byte, connections int, each time.Duration) (figures, error) {
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var wg sync.WaitGroup
	ends := time.Now().Add(each)
	begin := time.Now()
	for range connections {
		wg.Go(func() {
			took, err := client(addr, requests(), ends)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			failed = errors.Join(failed, err)
		})
	}
	wg.Wait()
	if failed != nil || len(all) == 0 {
		return figures{}, fmt.Errorf("%s: %w", addr, failed)
	}
	rate := float64(len(all)) / time.Since(begin).Seconds()
	slices.Sort(all)
	return figures{rate, float64(all[len(all)*99/100]) / float64(time.Millisecond)}, nil
}

// to makes requests with one choice, always the same; the server makes the ids.
func to(path string) func() func() []byte {
	body := `{"action":"save","allow":["analytics"],"lang":"fr","notice":"` + register.HashOf(shown).String() + `"}`
	request := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
	return func() func() []byte { return func() []byte { return request } }
}

// toC15T makes requests with the same choice of another visitor each, as c15t wants
// them: see bench/peers/c15t.
func toC15T() func() []byte {
	rnd := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())) //nolint:gosec // no secrets
	const letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	return func() []byte {
		subject := make([]byte, 20)
		for i := range subject {
			subject[i] = letters[rnd.IntN(len(letters))]
		}
		body := fmt.Sprintf(`{"type":"cookie_banner","subjectId":"sub_%s","domain":"example.com","preferences":{"necessary":true,"measurement":true,"marketing":false},"givenAt":%d,"consentAction":"custom","uiSource":"banner","metadata":{}}`,
			subject, time.Now().UnixMilli())
		return fmt.Appendf(nil, "POST /api/c15t/subjects HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://localhost:8080\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
}

func client(addr string, request func() []byte, ends time.Time) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 4096)
	var took []time.Duration
	for time.Now().Before(ends) {
		begin := time.Now()
		if _, err := conn.Write(request()); err != nil {
			return took, err
		}
		if err := answer(r); err != nil {
			return took, err
		}
		took = append(took, time.Since(begin))
	}
	return took, nil
}

// answer reads one answer of HTTP/1.1 that says its length.
func answer(r *bufio.Reader) error {
	length, first := 0, true
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.Contains(line, []byte(" 20")) {
			return fmt.Errorf("answered %q", line)
		}
		first = false
		if len(line) <= 2 {
			break
		}
		if n, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			fmt.Sscan(string(n), &length) //nolint:errcheck
		}
	}
	_, err := r.Discard(length)
	return err
}
