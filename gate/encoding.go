package gate

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// A coding is how a body is compressed.
type coding string

const (
	identity coding = ""
	gzipped  coding = "gzip"
	brotlied coding = "br"
	zstded   coding = "zstd"
)

// codingOf returns the coding of an answer; false where it is none that can be undone.
// Names that browsers do not know they take for none.
func codingOf(h http.Header) (coding, bool) {
	if h["Content-Encoding"] == nil {
		return identity, true
	}
	found := identity
	for name := range strings.SplitSeq(strings.ToLower(strings.Join(h["Content-Encoding"], ",")), ",") {
		next := identity
		switch name = strings.TrimSpace(name); name {
		case "gzip", "x-gzip":
			next = gzipped
		case "br", "zstd":
			next = coding(name)
		case "deflate", "compress", "x-compress", "dcb", "dcz":
			return identity, false
		}
		if next != identity && found != identity {
			return identity, false
		}
		if next != identity {
			found = next
		}
	}
	return found, true
}

// codings remembers what is left of each Accept-Encoding: there are few.
type codings struct {
	mu    sync.RWMutex
	known map[string][]string
}

const maxCodings = 256

// understood leaves in Accept-Encoding what can be undone.
func (c *codings) understood(h http.Header) {
	lines := h["Accept-Encoding"]
	if len(lines) == 0 {
		return
	}
	whole := lines[0]
	if len(lines) > 1 {
		whole = strings.Join(lines, ",")
	}
	c.mu.RLock()
	left, ok := c.known[whole]
	c.mu.RUnlock()
	if !ok {
		left = []string{undoable(whole)}
		c.mu.Lock()
		if c.known == nil || len(c.known) >= maxCodings {
			c.known = map[string][]string{}
		}
		c.known[strings.Clone(whole)] = left
		c.mu.Unlock()
	}
	if len(lines) > 1 || left[0] != whole {
		h["Accept-Encoding"] = left
	}
}

// undoable leaves in a list of codings what can be undone.
func undoable(list string) string {
	var keep []string
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimSpace(one)
		name, _, _ := strings.Cut(one, ";")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "gzip", "br", "zstd", "identity":
			keep = append(keep, one)
		}
	}
	if len(keep) == 0 {
		return "identity"
	}
	return strings.Join(keep, ", ")
}

// A compressor compresses what is written to it, for another writer.
type compressor interface {
	io.Writer
	Reset(w io.Writer)
	Flush() error
	Close() error
}

// How hard it is tried is what costs no more than the rest: a page is compressed for
// one visitor and one time.
const brotliLevel = 3

var compressors = map[coding]*sync.Pool{
	gzipped:  {New: func() any { w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed); return compressor(w) }},
	brotlied: {New: func() any { return compressor(brotli.NewWriterLevel(nil, brotliLevel)) }},
	zstded: {New: func() any {
		w, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
		return compressor(w)
	}},
}

// maxWindow is what browsers take of zstd, too (RFC 9659).
const maxWindow = 8 << 20

// decompressed returns what a compressed body is.
func decompressed(c coding, r io.Reader) (io.Reader, func(), error) {
	switch c {
	case gzipped:
		z, err := gzip.NewReader(r)
		return z, func() {}, err
	case brotlied:
		return brotli.NewReader(r), func() {}, nil
	case zstded:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return nil, nil, errors.ErrUnsupported
}

// An inflater is written what is compressed, and writes what that is to a sink. Write
// returns when the sink has all that can be told of what came so far, so that sink and
// caller are never at work at the same time.
type inflater struct {
	mu      sync.Mutex
	moved   sync.Cond
	given   []byte // to be read
	waiting bool   // the reader has nothing to do
	ended   bool   // nothing more is given
	done    bool   // the reader has ended
	err     error
}

func newInflater(c coding, sink io.Writer) *inflater {
	f := &inflater{}
	f.moved.L = &f.mu
	go f.run(c, sink)
	return f
}

// run reads all there is.
func (f *inflater) run(c coding, sink io.Writer) {
	var err error
	defer func() {
		if p := recover(); p != nil { // nobody else would catch it here
			err = fmt.Errorf("a body could not be handed on: %v", p)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.done, f.err = true, err
		f.moved.Broadcast()
	}()
	err = inflate(c, sinkReader{f}, sink)
}

func inflate(c coding, from io.Reader, sink io.Writer) error {
	var one [1]byte
	if _, err := io.ReadFull(from, one[:]); err != nil {
		return nil //nolint:nilerr // no body is one that ends at once
	}
	r, done, err := decompressed(c, io.MultiReader(strings.NewReader(string(one[:])), from))
	if err != nil {
		return fmt.Errorf("%w: %w", errCoding, err)
	}
	defer done()
	_, err = io.Copy(onlyWriter{sink}, asBrowsers{r})
	return err
}

var (
	// errCoding is the fault of a body that is not what its Content-Encoding says.
	errCoding = errors.New("it cannot be decoded")
	// errShort is that of one which ends too early: what came until then is shown.
	errShort = errors.New("it is cut short")
)

// asBrowsers reads a body as far as browsers show it: one whose sum is wrong, or that is
// followed by something else, ends there.
type asBrowsers struct{ io.Reader }

func (r asBrowsers) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	switch {
	case err == nil, errors.Is(err, io.EOF):
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), err.Error() == brotliMore:
		err = io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = errShort
	default:
		err = fmt.Errorf("%w: %w", errCoding, err)
	}
	return n, err
}

// brotliMore is what the decoder says of something behind the end: it has no name for it.
const brotliMore = "brotli: excessive input"

// onlyWriter hides what else a sink can do: io.Copy would have it read by itself.
type onlyWriter struct{ io.Writer }

type sinkReader struct{ *inflater }

// Read gives the reader what was given.
func (f sinkReader) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.given) == 0 {
		if f.ended {
			return 0, io.EOF
		}
		f.waiting = true
		f.moved.Broadcast()
		f.moved.Wait()
	}
	f.waiting = false
	n := copy(p, f.given)
	f.given = f.given[n:]
	return n, nil
}

// Write gives bytes to the reader, and waits until it wants more.
func (f *inflater) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.given, f.waiting = p, false
	f.moved.Broadcast()
	for !f.done && (len(f.given) > 0 || !f.waiting) {
		f.moved.Wait()
	}
	if f.done && (f.err != nil || len(f.given) > 0) {
		f.given = nil // what follows the end of a body is nobody's
		return len(p), f.err
	}
	return len(p), nil
}

// Close ends what is given, and waits until the sink has all of it.
func (f *inflater) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	f.moved.Broadcast()
	for !f.done {
		f.moved.Wait()
	}
	return f.err
}
