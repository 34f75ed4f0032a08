// Command notice measures what the notice costs a page: bytes, time until it can be
// seen, script time, memory, and how long a refusal takes to show. The page is the
// same with and without it, and the two are loaded in turn.
//
//	go run ./bench/notice                       in a real Chromium
//	go run ./bench/notice -bytes                what it weighs, without a browser
//	go run ./bench/notice -serve 127.0.0.1:9000 serve the page, for another rig:
//	    -page FILE   a page with <head>, <body> and <!-- BANNER-GATED --> in it
//	    -files DIR   what its addresses lead to
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/temoin/temoin/consent"
	"github.com/temoin/temoin/internal/notice"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "notice:", err)
		os.Exit(1)
	}
}

func run() error {
	rounds := flag.Int("rounds", 9, "loads of each page in each profile")
	onlyBytes := flag.Bool("bytes", false, "weigh, and measure nothing")
	address := flag.String("serve", "", "serve the page at this `address` until interrupted")
	file := flag.String("page", "", "another page, in this `file`")
	files := flag.String("files", "", "a `folder` with what the page's addresses lead to")
	flag.Parse()
	html := article()
	if *file != "" {
		b, err := os.ReadFile(*file)
		if err != nil {
			return err
		}
		html = string(b)
	}
	store, err := os.MkdirTemp("", "temoin-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(store) //nolint:errcheck // a temporary folder
	s, err := newServer(store, html, *files)
	if err != nil {
		return err
	}
	defer s.node.Close() //nolint:errcheck // the store is thrown away
	if *address != "" {
		l, err := s.listen(*address)
		if err != nil {
			return err
		}
		fmt.Println("http://" + l.Addr().String() + "/")
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, os.Interrupt)
		<-stop
		return l.Close()
	}
	if err := s.weigh(); err != nil || *onlyBytes {
		return err
	}
	return s.measure(*rounds)
}

// weigh prints what the notice adds to a page, compressed with it.
func (s *server) weigh() error {
	fmt.Println("bytes that the notice adds to the page, brotli with the page (alone)")
	for _, c := range []struct {
		name   string
		allow  func(string) bool // nil before a choice
		budget int
	}{
		{"before a choice", nil, 4500},
		{"after accepting", func(string) bool { return true }, 0},
		{"after refusing", func(string) bool { return false }, 0},
	} {
		head, body, err := s.fragments(c.allow)
		if err != nil {
			return err
		}
		with := strings.Replace(strings.Replace(s.page, "<head>", "<head>"+head, 1), "<body>", "<body>"+body, 1)
		scripts, adapters := "", ""
		for _, part := range strings.Split(head+body, "<script")[1:] {
			_, part, _ = strings.Cut(part, ">")
			part, _, _ = strings.Cut(part, "</script>")
			for _, f := range strings.SplitAfter(part, "})();") { // the script of the head is several, one behind the other
				if strings.Contains(f, "dataLayer") { // that of Google, which the example uses
					adapters += f
				} else {
					scripts += f
				}
			}
		}
		own := len(compress([]byte(head + body)))
		fmt.Printf("  %-16s %5d (%d), of it scripts %d and for vendors %d", c.name, len(compress([]byte(with)))-len(compress([]byte(s.page))), own,
			len(compress([]byte(scripts))), len(compress([]byte(scripts+adapters)))-len(compress([]byte(scripts))))
		if c.budget > 0 {
			fmt.Printf("   budget %d: %s", c.budget, verdict(own <= c.budget))
		}
		fmt.Println()
	}
	return nil
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "not met"
}

// fragments are what the notice puts into a page after a choice.
func (s *server) fragments(allow func(string) bool) (head, body string, err error) {
	site, n, err := s.node.Shown("cexro")
	if err != nil {
		return "", "", err
	}
	var choice *consent.Choice
	var page notice.Page
	now := time.Now()
	if allow != nil {
		id, err := consent.NewID(now, nil)
		if err != nil {
			return "", "", err
		}
		choice = consent.Choose(site, id, now, allow)
		page.Mark = "m.Lw0t5rXw8Qk"
	}
	d := consent.Decide(site, choice, consent.Signals{Path: "/"}, now)
	e := n.In("fr")
	return string(e.Head(&d, page)), string(e.Body(&d)), nil
}
