package gate

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// ProxyConfig says how the site is reached.
type ProxyConfig struct {
	Upstream *url.URL // http or https, with a host; a path is put before those of requests
	// Trusted are the addresses whose Forwarded, X-Forwarded-* and the like are believed:
	// those of proxies in front of this one. From all others these headers are taken out.
	Trusted Trusted
	// Header is how long the site may take until its answer begins; 60 s if zero.
	Header time.Duration
	// Body is how large a request's body may be; 0 is without limit.
	Body int64
	// Slow is how long a client may send a body slower than 500 bytes a second; 30 s if
	// zero.
	Slow      time.Duration
	Transport http.RoundTripper // nil is one of its own
	// Failed answers where the site cannot be reached; nil is a plain 502, or 504.
	Failed func(w http.ResponseWriter, r *http.Request, status int)
	Log    *slog.Logger // nil says nothing
}

// NewProxy returns a handler that hands requests on to a site, and to nowhere else.
func NewProxy(c ProxyConfig) http.Handler {
	if c.Header == 0 {
		c.Header = time.Minute
	}
	if c.Slow == 0 {
		c.Slow = 30 * time.Second
	}
	if c.Transport == nil {
		c.Transport = transport(c.Header)
	}
	if c.Failed == nil {
		c.Failed = func(w http.ResponseWriter, _ *http.Request, status int) {
			http.Error(w, http.StatusText(status), status)
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	p := &proxy{config: c, said: rate.Sometimes{First: 1, Interval: sayEvery}}
	p.reverse = &httputil.ReverseProxy{ // which flushes streams and bodies of unknown length by itself
		Rewrite:        p.rewrite,
		Transport:      c.Transport,
		BufferPool:     &buffers{},
		ErrorLog:       slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
		ErrorHandler:   p.failed,
		ModifyResponse: switched,
	}
	return p
}

// sayEvery is how often it is said that the site does not answer: each request would say
// it.
const sayEvery = 10 * time.Second

// transport is one for a site nearby: connections are kept, though for less time than
// servers usually do, so that no request meets one that is being closed; what comes is not
// decoded, and no proxy of the environment is asked.
func transport(header time.Duration) *http.Transport {
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        4 * time.Second,
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  header,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		ForceAttemptHTTP2:      true,
	}
}

// A proxy hands on requests.
type proxy struct {
	config  ProxyConfig
	reverse *httputil.ReverseProxy
	said    rate.Sometimes
}

type (
	visitKey  struct{} // of the visit, where a request would switch protocols
	uploadKey struct{} // of its body
)

// ServeHTTP hands a request on.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect:
		http.Error(w, "This server is no way to others.", http.StatusMethodNotAllowed)
		return
	case p.climbs(r.URL.Path):
		http.Error(w, "There is nothing at this address.", http.StatusNotFound)
		return
	case p.config.Body > 0 && r.ContentLength > p.config.Body:
		http.Error(w, tooLarge, http.StatusRequestEntityTooLarge)
		return
	}
	ctx := r.Context()
	v, gated := w.(*visit)
	if gated {
		v.proxied = true
	}
	if gated && r.Header["Upgrade"] != nil {
		ctx = context.WithValue(ctx, visitKey{}, v)
	}
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 {
		body := newUpload(w, r.Body, p.config.Body, p.config.Slow)
		ctx = context.WithValue(ctx, uploadKey{}, body)
		r = r.WithContext(ctx)
		r.Body = body
	} else if ctx != r.Context() {
		r = r.WithContext(ctx)
	}
	p.reverse.ServeHTTP(w, r)
}

// climbs reports whether a path could leave the folder that the site is in, where it is in
// one: the upstream may take dots and backslashes otherwise than we do.
func (p *proxy) climbs(path string) bool {
	if strings.Trim(p.config.Upstream.Path, "/") == "" || !strings.Contains(path, "..") {
		return false
	}
	for segment := range strings.FieldsFuncSeq(path, func(c rune) bool { return c == '/' || c == '\\' }) {
		if segment, _, _ = strings.Cut(segment, ";"); segment == ".." {
			return true
		}
	}
	return false
}

// rewrite makes the request that the site gets.
func (p *proxy) rewrite(to *httputil.ProxyRequest) {
	in, out := to.In, to.Out
	to.SetURL(p.config.Upstream)
	out.Host = in.Host                 // the site knows itself by it
	out.URL.RawQuery = in.URL.RawQuery // as it came, whatever is in it
	if q := p.config.Upstream.RawQuery; q != "" {
		out.URL.RawQuery = strings.TrimSuffix(q+"&"+in.URL.RawQuery, "&")
	}
	out.Trailer = nil // after a body nothing is said of whose it is, or how long
	if !strings.EqualFold(out.Header.Get("Upgrade"), "websocket") {
		delete(out.Header, "Upgrade") // h2c would be a way round the gate
		delete(out.Header, "Connection")
	}
	for name := range out.Header {
		if saysOrigin(name) {
			delete(out.Header, name)
		}
	}
	trusted := p.config.Trusted.from(in)
	if trusted { // also what Connection names: nobody may take it out on the way
		for name, list := range in.Header {
			if saysOrigin(name) && !strings.Contains(name, "_") && !strings.HasPrefix(name, ourHeaders) {
				out.Header[name] = append([]string(nil), list...)
			}
		}
	}
	host, proto := out.Header.Get("X-Forwarded-Host"), out.Header.Get("X-Forwarded-Proto")
	to.SetXForwarded()
	if trusted && host != "" {
		out.Header.Set("X-Forwarded-Host", host)
	}
	if trusted && proto != "" {
		out.Header.Set("X-Forwarded-Proto", proto)
	}
}

// ourHeaders begin with it. Requests have none of them when they reach the site.
const ourHeaders = "Temoin-"

// saysOrigin reports whether a header says whom and what a request was made for, in
// place of what it says itself: proxies write it, and sites believe it. Many servers take
// a _ for a -.
func saysOrigin(name string) bool {
	if len(name) < 7 || !strings.ContainsRune("FfXxTtCcRr", rune(name[0])) {
		return false
	}
	name = http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
	switch name {
	case "Forwarded", "X-Forwarded", "Front-End-Https", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "X-Cluster-Client-Ip",
		"X-Scheme", "X-Url-Scheme", "X-Rewrite-Url", "X-Host", "X-Http-Host-Override", "X-Remote-Addr", "Remote-Addr", "Client-Ip", "Remote-User":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded-") || strings.HasPrefix(name, "X-Original-") || strings.HasPrefix(name, ourHeaders)
}

// switched keeps the header to the decision where a connection is handed over: what is
// said of it passes no ResponseWriter.
func switched(res *http.Response) error {
	v, ok := res.Request.Context().Value(visitKey{}).(*visit)
	if ok && res.StatusCode == http.StatusSwitchingProtocols {
		v.carried.Response(res.Header)
		v.answer.sent = true
	}
	return nil
}

// failed answers where there is no answer.
func (p *proxy) failed(w http.ResponseWriter, r *http.Request, err error) {
	if v, ok := w.(*visit); ok {
		v.answer.sent = true
		w = v.w // it is no page of the site
	}
	if body, ok := r.Context().Value(uploadKey{}).(*upload); ok {
		if status, why := body.failure(); status != 0 {
			http.Error(w, why, status)
			return
		}
	}
	if errors.Is(err, context.Canceled) {
		panic(http.ErrAbortHandler) // nobody waits for an answer
	}
	status := http.StatusBadGateway
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		status = http.StatusGatewayTimeout
	}
	p.said.Do(func() { p.config.Log.Warn("the site does not answer", "status", status, "error", plain(err)) })
	p.config.Failed(w, r, status)
}

// plain is an error without the address that was asked for, which may say something of
// the visitor.
func plain(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	return err
}

// buffers are those that bodies are copied through.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

// Get returns a buffer.
func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return p[:]
	}
	return make([]byte, bufferSize)
}

// Put takes it back.
func (b *buffers) Put(p []byte) {
	if len(p) == bufferSize {
		b.pool.Put((*[bufferSize]byte)(p))
	}
}
