package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/temoin/temoin/gate"
	"github.com/temoin/temoin/internal/app"
	"github.com/temoin/temoin/internal/server"
	"github.com/temoin/temoin/internal/store"
	"github.com/temoin/temoin/policy"
)

var serveCommand = command{
	name:  "serve",
	args:  "SITE.yaml… --upstream URL",
	short: "Stand in front of a site and keep its traffic to what visitors chose.",
	long: `Requests go on to the site at --upstream; its pages get the notice, and what a
visitor has not allowed is held. With several sites write --upstream SITE=URL for
each; requests are told apart by their host.

Begin on a site that is live with --observe: nothing is changed, and after an hour
and at the end it is told what would have been.

A manifest that changes comes into force by itself, on all nodes; one that is wrong
is refused with its message, and the last one stays. SIGHUP looks at once, and opens
the access log anew.

The first Ctrl-C or SIGTERM lets requests under way finish and ends with 0; a second
one does not wait for them.`,
	watches: true,
	run:     runServe,
}

// serveFlags are what temoin serve can be told.
type serveFlags struct {
	upstream, trusted, cert, key                                names
	listen, plain, operate, store, direct, keys, access, author string
	acme, email, authority                                      string
	observe, follow, noWatch, clients                           bool
	hsts, drain, leave, slow, header                            time.Duration
	rate                                                        float64
	body                                                        int64
	connections                                                 int
}

func (c *call) serveFlags() *serveFlags {
	f := &serveFlags{}
	c.flags.Var(&f.upstream, "upstream", "Where the site is: `URL`, or SITE=URL for each of several.")
	c.flags.StringVar(&f.listen, "listen", "127.0.0.1:8080", "Listen on this `address`; \":443\" is all of the machine's.")
	c.flags.StringVar(&f.store, "store", "temoin-store", "The store: a `place`, which is a folder, made if it is not there, or postgres://…")
	c.flags.StringVar(&f.keys, "keys", "", "The `folder` of keys; \"keys\" in the store's folder unless you say otherwise.")
	c.flags.StringVar(&f.direct, "store-direct", "", "The `address` of PostgreSQL itself, where --store is that of a pooler in front of it.")
	c.flags.BoolVar(&f.observe, "observe", false, "Change nothing, and tell what would be done.")
	c.flags.BoolVar(&f.follow, "follow", false, "Serve the versions that are in force, and publish nothing of the files.")
	c.flags.BoolVar(&f.noWatch, "no-watch", false, "Read manifests and certificates at the start and on SIGHUP only.")
	c.flags.StringVar(&f.author, "author", "", "The `name` of who wrote the manifests, for the record of versions.")
	c.flags.StringVar(&f.operate, "operate", "", "Serve health, metrics and profiles on this `address`, which is not for the public.")
	c.flags.StringVar(&f.access, "access-log", "", "Write a line of JSON for each request to this `file`; \"-\" is standard output. It says nothing of who asked.")
	c.flags.BoolVar(&f.clients, "access-log-clients", false, "Write the address of who asked, too. That is personal data: say so in the manifest, under logs.")
	c.flags.Var(&f.trusted, "trust-proxy", "Believe X-Forwarded-* of this `address` or network, such as 10.0.0.0/8; repeat it for others.")
	c.flags.Float64Var(&f.rate, "rate", 20, "How many `requests` a second one client may send below /.temoin/; ten times as many at once.")
	c.flags.IntVar(&f.connections, "max-connections", 8192, "How many `connections` clients may have at the same time, and how many requests may be under way.")
	c.flags.Int64Var(&f.body, "max-body", 1<<30, "How many `bytes` a request's body may have; 0 is without limit.")
	c.flags.DurationVar(&f.slow, "slow", 30*time.Second, "How `long` a client may take nothing of an answer, or send its body too slowly.")
	c.flags.DurationVar(&f.header, "upstream-timeout", time.Minute, "How `long` a site may take until its answer begins.")
	c.flags.DurationVar(&f.drain, "drain", 30*time.Second, "How `long` requests under way, and WebSocket connections, may take at the end.")
	c.flags.DurationVar(&f.leave, "leave", 0, "How `long` /readyz says at the end that it is ending before connections are refused.")
	c.flags.Var(&f.cert, "cert", "Speak TLS with the certificate in this `file` (PEM), read anew when it changes. Repeat it with its --key for other hosts.")
	c.flags.Var(&f.key, "key", "The `file` with its key; in the order of --cert.")
	c.flags.StringVar(&f.acme, "acme", "", "Ask Let's Encrypt for certificates of the sites' hosts, and keep them in this `folder`.")
	c.flags.StringVar(&f.email, "acme-email", "", "The `address` that the authority may write to.")
	c.flags.StringVar(&f.authority, "acme-directory", "", "Ask the authority with this `URL` in the place of Let's Encrypt.")
	c.flags.StringVar(&f.plain, "redirect", "", "With TLS: listen on this `address` too, and lead http to https.")
	c.flags.DurationVar(&f.hsts, "hsts", 0, "Over TLS: tell browsers to come by https only for this `long`, such as 8760h.")
	return f
}

func runServe(ctx context.Context, c *call) int {
	f := c.serveFlags()
	if code, ok := c.parse(); !ok {
		return code
	}
	config, err := f.config(c)
	if err != nil {
		return c.failLines("", err)
	}
	access, err := openAccess(f.access, c.Out)
	if err != nil {
		return c.fail("%v", err)
	}
	if access != nil {
		defer access.Close() //nolint:errcheck // each line was written
		config.Access = access
	}
	app.Tune()
	s, err := server.Open(ctx, config)
	if err != nil {
		return c.failLines("", err)
	}
	stop := onHangup(func() {
		s.Reload(ctx)
		if err := access.reopen(); err != nil {
			config.Node.Log.Error("the former access log is written on", "error", err)
		}
	})
	defer stop()
	if _, err := io.WriteString(c.Out, serveGreeting(s, config)); err != nil {
		return c.written(err)
	}
	if err := s.Serve(ctx); err != nil {
		return c.broke("", err)
	}
	return done
}

// config is what the flags say.
func (f *serveFlags) config(c *call) (config server.Config, err error) {
	log := slog.New(slog.NewTextHandler(c.Err, nil))
	config = server.Config{
		Node:   app.Config{Store: f.store, Keys: f.keys, Code: version(), Log: log, Now: c.Now},
		Listen: f.listen, Plain: f.plain, Operate: f.operate,
		TLS:  server.TLS{ACME: f.acme, Email: f.email, Authority: f.authority},
		HSTS: f.hsts, Rate: f.rate, Body: f.body, Most: f.connections, Slow: f.slow, Header: f.header,
		Observe: f.observe, Leave: f.leave, Drain: f.drain, Clients: f.clients, Summary: c.Err,
	}
	if f.direct != "" {
		config.Node.Options = append(config.Node.Options, store.Direct(f.direct))
	}
	if f.noWatch {
		config.Watch = -1
	}
	if f.body == 0 {
		config.Body = -1
	}
	if err := f.fits(); err != nil {
		return config, err
	}
	for i, cert := range f.cert {
		config.TLS.Pairs = append(config.TLS.Pairs, server.Pair{Cert: cert, Key: f.key[i]})
	}
	if config.Trusted, err = networks(f.trusted); err != nil {
		return config, err
	}
	config.Sites, err = f.sites(c.args)
	return config, err
}

// fits refuses flags that say nothing, or nothing together.
func (f *serveFlags) fits() error {
	tls := len(f.cert) > 0 || f.acme != ""
	switch {
	case f.rate <= 0:
		return errors.New("--rate is how many requests a second a client may send: a number above 0")
	case f.body < 0:
		return errors.New("--max-body is a number of bytes; 0 is without limit")
	case f.slow <= 0:
		return errors.New("--slow is a time above 0, such as 30s")
	case f.header <= 0:
		return errors.New("--upstream-timeout is a time above 0, such as 1m")
	case f.drain <= 0:
		return errors.New("--drain is a time above 0, such as 30s")
	case f.hsts < 0 || f.leave < 0:
		return errors.New("--hsts and --leave are times, such as 8760h and 5s")
	case f.connections <= 0:
		return errors.New("--max-connections is how many connections clients may have: a number above 0")
	case len(f.cert) != len(f.key):
		return errors.New("--cert and --key belong together: write a --key for each --cert, in the same order")
	case len(f.cert) > 0 && f.acme != "":
		return errors.New("certificates come from files (--cert) or from an authority (--acme): name one of them")
	case !tls && f.plain != "":
		return errors.New("--redirect is for a server that speaks TLS: give it --cert and --key, or --acme")
	case !tls && f.hsts != 0 && len(f.trusted) == 0:
		return errors.New("--hsts is for visitors who come by TLS: give it --cert and --key, --acme, or --trust-proxy for the one that speaks TLS in front")
	case f.acme == "" && (f.email != "" || f.authority != ""):
		return errors.New("--acme-email and --acme-directory belong to --acme")
	case f.clients && f.access == "":
		return errors.New("--access-log-clients belongs to --access-log")
	}
	return nil
}

// An accessFile is the access log, which can be put aside while it is written.
type accessFile struct {
	name string
	mu   sync.Mutex
	file *os.File
	out  io.Writer
}

// openAccess opens the access log; nil where none is kept.
func openAccess(name string, out io.Writer) (*accessFile, error) {
	a := &accessFile{name: name, out: out}
	switch name {
	case "":
		return nil, nil
	case "-":
		return a, nil
	}
	return a, a.reopen()
}

// reopen opens the file of its name, which may be another one now.
func (a *accessFile) reopen() error {
	if a == nil || a.name == "-" {
		return nil
	}
	file, err := os.OpenFile(a.name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file != nil {
		a.file.Close() //nolint:errcheck // each line was written
	}
	a.file, a.out = file, file
	return nil
}

// Write writes a line.
func (a *accessFile) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.out.Write(p)
}

// Close closes the file.
func (a *accessFile) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == nil {
		return nil
	}
	return a.file.Close()
}

// sites are the manifests with the addresses of their sites.
func (f *serveFlags) sites(files []string) ([]server.Site, error) {
	switch {
	case len(files) == 0:
		return nil, errors.New("which site? Write its manifest: temoin serve site.yaml --upstream http://127.0.0.1:3000")
	case len(f.upstream) == 0:
		return nil, errors.New("where is the site? Write --upstream http://127.0.0.1:3000")
	}
	named := map[string]*url.URL{}
	for _, one := range f.upstream {
		id, address, ok := strings.Cut(one, "=")
		if !ok || strings.Contains(id, "/") {
			id, address = "", one
		}
		u, err := upstreamURL(address)
		if err != nil {
			return nil, err
		}
		if named[id] != nil {
			return nil, errors.New("--upstream stands twice for the same site: with several sites write --upstream SITE=URL for each")
		}
		named[id] = u
	}
	sites, err := readSites(files)
	if err != nil {
		return nil, err
	}
	for id := range named {
		if id != "" && !slices.ContainsFunc(sites, func(p *policy.Site) bool { return p.ID == id }) {
			return nil, fmt.Errorf("--upstream %s=…: no manifest here is of the site %q; %s is of %q", id, id, files[0], sites[0].ID)
		}
	}
	var list []server.Site
	for i, file := range files {
		id := sites[i].ID
		u := named[id]
		if u == nil && len(files) == 1 {
			u = named[""]
		}
		if u == nil {
			return nil, fmt.Errorf("where is the site %s? Write --upstream %s=http://127.0.0.1:3000", id, id)
		}
		delete(named, id)
		list = append(list, server.Site{File: file, Upstream: u, Follow: f.follow, Author: f.author})
	}
	if len(files) == 1 {
		delete(named, "")
	}
	for range named {
		return nil, errors.New("--upstream stands without a site: with several sites write --upstream SITE=URL for each")
	}
	return list, nil
}

// upstreamURL reads the address of a site.
func upstreamURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, errors.New("--upstream: write the address of the site with http:// or https://, and without a name or a password, such as http://127.0.0.1:3000")
	}
	return u, nil
}

// networks reads addresses and networks.
func networks(list []string) (trusted gate.Trusted, err error) {
	for _, one := range list {
		p, err := netip.ParsePrefix(one)
		if err != nil {
			a, addressErr := netip.ParseAddr(one)
			if addressErr != nil {
				return nil, fmt.Errorf("--trust-proxy %s is neither an address nor a network: write 10.1.2.3 or 10.0.0.0/8", one)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		trusted = append(trusted, p.Masked())
	}
	return trusted, nil
}

// serveGreeting says where what is served can be seen: at addresses that browsers keep
// the consent cookie for, which is Secure.
func serveGreeting(s *server.Server, config server.Config) string {
	var b strings.Builder
	for i, p := range s.Sites() {
		fmt.Fprintf(&b, "%s: %s → %s\n", p.ID, browsable(p, s.Address().String(), config.TLS.On()), config.Sites[i].Upstream)
	}
	if config.Observe {
		b.WriteString("Nothing is changed (--observe).\n")
	}
	b.WriteString("Press Ctrl-C to stop.\n")
	return b.String()
}

// browsable is where a site is seen on a listener. On this machine names below localhost
// need no TLS; elsewhere a site without it is what stands behind a proxy that has it.
func browsable(p *policy.Site, listener string, tls bool) string {
	host, port, err := net.SplitHostPort(listener)
	if err != nil {
		return listener
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case tls && port == "443":
		return "https://" + p.Host
	case tls:
		return "https://" + net.JoinHostPort(p.Host, port)
	case err == nil && (ip.IsLoopback() || ip.IsUnspecified()):
		return "http://" + net.JoinHostPort(p.ID+".localhost", port)
	}
	return "http://" + net.JoinHostPort(host, port) + ", for a proxy in front that speaks TLS as " + p.Host
}

// onHangup does something whenever the process is told to read its files anew.
func onHangup(do func()) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, hangup...)
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case <-signals:
				do()
			case <-ended:
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(ended)
	}
}
