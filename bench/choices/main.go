// Command choices measures durable choices over HTTP, in turn with their bound: the
// same server answering the same requests without keeping anything.
//
// Server and clients are two processes on this machine, which they share; clients
// are raw connections that send requests made beforehand.
//
//	go run ./bench/choices [-connections 64] [-seconds 3] [-rounds 5] [-store DIR]
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/examples"
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
	serve := flag.Bool("serve", false, "be the server (for the command itself)")
	flag.Parse()
	var err error
	if *serve {
		err = profiled(*profile, func() error { return server(*where) })
	} else {
		err = measure(*connections, *rounds, time.Duration(*seconds)*time.Second, *where)
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

// notice stands for the notice that was shown.
var notice [32]byte

func site() (*policy.Site, error) {
	name, src, err := examples.Manifest("cexro", false)
	if err != nil {
		return nil, err
	}
	return policy.Parse(name, src)
}

// server serves /choice, which keeps, and /nothing, which reads and answers.
func server(where string) error {
	s, err := site()
	if err != nil {
		return err
	}
	st, err := store.Open(context.Background(), where)
	if err != nil {
		return err
	}
	defer st.Close()
	codec, err := consent.NewCodec(s, []byte(strings.Repeat("k", consent.MinKey)))
	if err != nil {
		return err
	}
	r := register.New(register.Config{Store: st, Writers: 1, Code: "bench"})
	defer r.Close()
	mux := http.NewServeMux()
	mux.Handle("POST /choice", &register.Endpoint{Register: r, Codec: codec, Site: func([32]byte) *policy.Site { return s }})
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
	if err := http.Serve(l, mux); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func measure(connections, rounds int, each time.Duration, where string) error {
	if where == "" {
		dir, err := os.MkdirTemp("", "temoin-bench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		where = dir
	}
	cmd := exec.Command(os.Args[0], "-serve", "-store", where)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer cmd.Wait() //nolint:errcheck
	defer in.Close()
	var addr string
	if _, err := fmt.Fscanln(out, &addr); err != nil {
		return fmt.Errorf("the server does not start: %w", err)
	}
	var ratios []float64
	for range rounds {
		bound, err := load(addr, "/nothing", connections, each)
		if err != nil {
			return err
		}
		kept, err := load(addr, "/choice", connections, each)
		if err != nil {
			return err
		}
		ratio := kept.rate / bound.rate
		ratios = append(ratios, ratio)
		fmt.Printf("nothing %6.0f/s p99 %5.1f ms   choice %6.0f/s p99 %5.1f ms   %.2f of the bound\n",
			bound.rate, bound.p99, kept.rate, kept.p99, ratio)
	}
	slices.Sort(ratios)
	verdict := "met"
	if ratios[len(ratios)/2] < 0.5 {
		verdict = "not met"
	}
	fmt.Printf("median %.2f of the bound at %d connections; budget 0.50: %s; memory of the server %s\n", ratios[len(ratios)/2], connections, verdict, memory(cmd.Process.Pid))
	return nil
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
func load(addr, path string, connections int, each time.Duration) (figures, error) {
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var wg sync.WaitGroup
	ends := time.Now().Add(each)
	begin := time.Now()
	for range connections {
		wg.Go(func() {
			took, err := client(addr, path, ends)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			failed = errors.Join(failed, err)
		})
	}
	wg.Wait()
	if failed != nil || len(all) == 0 {
		return figures{}, fmt.Errorf("%s: %w", path, failed)
	}
	rate := float64(len(all)) / time.Since(begin).Seconds()
	slices.Sort(all)
	return figures{rate, float64(all[len(all)*99/100]) / float64(time.Millisecond)}, nil
}

func client(addr, path string, ends time.Time) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	body := `{"action":"save","allow":["analytics"],"lang":"fr","notice":"` + hex.EncodeToString(notice[:]) + `"}`
	request := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
	r := bufio.NewReaderSize(conn, 4096)
	var took []time.Duration
	for time.Now().Before(ends) {
		begin := time.Now()
		if _, err := conn.Write(request); err != nil {
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
