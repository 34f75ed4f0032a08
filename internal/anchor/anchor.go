// Package anchor fixes heads of the log in places that are out of the operator's
// hands. The operator holds the log's key and its data: without an anchor they
// could write another history and sign that. An [Anchor] takes a signed checkpoint
// somewhere and comes back with [Evidence], which is stored, and verified later.
//
// What is fixed is the text of the checkpoint (origin, size and root) and not its
// signatures: cosignatures may be added to it later, and the evidence stays good.
//
// What each kind proves, and what not:
//
//   - [Timestamp], by a [TSA] (RFC 3161): somebody knew this head, or any other
//     hash, at the latest at this time. Against whom? Against all but the authority
//     itself, and who broke its key. It is verified offline against the roots that
//     the verifier trusts. It does not prove that there is no other history: two
//     can be stamped on one day. It says nothing on whether a certificate was
//     revoked, and [Verify] asks nobody; it is as good as the authority's key, so
//     see [Stamp.Until].
//   - [Witnessed], by a [Witness] (c2sp.org/tlog-witness): one who keeps the log's
//     last head has seen this one at this time by the witness's clock, and it was
//     consistent with every one that the witness had cosigned before. So who trusts
//     the witness knows that there is one history. It does not prove that the
//     witness read any entry.
//   - [Published], in a [Directory]: the file was written there. That alone proves
//     nothing: the operator can write the directory. It proves as much as somebody
//     who keeps a copy can be believed: [InCopy] finds that the copy has this head
//     and that the copy's latest continues it. The day in a file's name is the
//     operator's word.
//   - [Pushed], to a remote by [Git]: as for the directory, and the commit names all
//     those before it, so that who keeps a clone notices when the past of the
//     branch is replaced, and so does [Git] itself as long as its state is kept. The
//     times of commits are the operator's word.
//
// What holds:
//
//   - Nothing is fixed that is not a checkpoint of the log, signed by a key of it,
//     of the head that was asked for.
//   - Where a place knows another root for the same size, or a larger log, nothing
//     is written or sent over it: [ErrFork], [ErrAhead]. Both mean that the log is
//     not what it was, and wait for a human.
//   - Nothing that comes from outside is believed. Answers have bounds in size and
//     time, redirections are not followed, signatures are verified before evidence
//     is made of them, and the times of strangers must be near the clock.
//   - Parsers take one form only, DER where it is ASN.1, and never panic or hang
//     (the fuzz tests).
//
// What does not hold by itself: nobody is told when an anchor fails. Whoever calls
// [Anchor.Fix] must try again, and must say how old the last evidence is. The
// caller also fixes heads in their order, and one at a time: two processes that
// publish into one directory at once are not kept apart.
package anchor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/temoin/temoin/internal/ledger"
)

// An Anchor is a place outside the operator's hands.
type Anchor interface {
	// Name says which place it is, to a human, without any secret.
	Name() string
	// Fix takes a signed checkpoint of the head there. When it returns evidence,
	// the evidence has been verified.
	Fix(ctx context.Context, checkpoint []byte, head ledger.Head) (Evidence, error)
}

var (
	// ErrFork says that somebody outside holds another history of the log.
	ErrFork = errors.New("another history of this log is known outside: publish nothing, and find out which one is true")

	// ErrAhead says that somebody outside knows a larger log than this one.
	ErrAhead = errors.New("a larger log is known outside: the data may have been restored from an old backup; restore a newer one")

	// ErrNotThere says that a copy has no such checkpoint.
	ErrNotThere = errors.New("the copy has no such checkpoint")
)

// A Refusal is the answer of a server that did not do what it was asked for.
type Refusal struct {
	Server string
	Status int    // of HTTP
	Says   string // what it says, shortened
}

func (r *Refusal) Error() string {
	s := fmt.Sprintf("%s answers %d %s", r.Server, r.Status, http.StatusText(r.Status))
	if r.Says != "" {
		s += fmt.Sprintf(": %q", r.Says)
	}
	return s
}

// Options are what every anchor needs besides its place.
type Options struct {
	Clock     func() time.Time
	Random    io.Reader         // crypto/rand.Reader outside of tests; for time-stamps only
	Transport http.RoundTripper // http.DefaultTransport if nil
	Timeout   time.Duration     // for one Fix; half a minute if zero
}

func (o Options) check() (Options, error) {
	if o.Clock == nil || o.Timeout < 0 {
		return o, errors.New("an anchor needs a clock, and no negative time limit")
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	return o, nil
}

// maxSkew is how far from our clock a time that was made just now may be.
const maxSkew = 5 * time.Minute

// near reports whether a stranger's time is about now.
func (o Options) near(t time.Time) error {
	now := o.Clock()
	if d := t.Sub(now); d < -maxSkew || d > maxSkew {
		return fmt.Errorf("its time is %s, and it is %s here: one of the clocks is wrong", t.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

// opened verifies that a checkpoint may be fixed: it is of the log and the head.
func opened(log ledger.Trust, checkpoint []byte, head ledger.Head) (ledger.Checkpoint, error) {
	c, err := log.Open(checkpoint)
	if err != nil {
		return c, err
	}
	if c.Head != head {
		return c, fmt.Errorf("the checkpoint is of size %d and root %s, not of size %d and root %s", c.Size, c.Root, head.Size, head.Root)
	}
	return c, nil
}

// Imprint returns what is time-stamped of a checkpoint: SHA-256 of its three lines,
// each with its end, without the empty line and the signatures. The checkpoint
// must have been verified.
func Imprint(c ledger.Checkpoint) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%s\n", c.Origin, c.Size, c.Root))
}

// checkURL reads the address of a server.
func checkURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Fragment != "" {
		// The text may have a password in it.
		return nil, errors.New("the address of a server outside must be http:// or https:// with a host, and without a fragment")
	}
	return u, nil
}

// placeOf writes an address without what is secret in it.
func placeOf(u *url.URL) string { return u.Host + u.Path }

// An answer is what a server said, whatever its status.
type answer struct {
	status int
	kind   string // the media type, without parameters
	body   []byte
}

// refusal makes an error of an answer.
func (a answer) refusal(server string) *Refusal {
	says := ""
	if a.kind == "text/plain" {
		says = strings.ToValidUTF8(strings.TrimSpace(string(a.body[:min(len(a.body), 200)])), "")
	}
	return &Refusal{server, a.status, says}
}

// post asks a server once. What it answers is at most so many bytes.
func post(ctx context.Context, o Options, u *url.URL, kind, accept string, body []byte, most int64) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return answer{}, fmt.Errorf("asking %s: malformed address", placeOf(u))
	}
	req.Header.Set("Content-Type", kind)
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	client := http.Client{
		Transport:     o.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		if inner := (*url.Error)(nil); errors.As(err, &inner) {
			err = inner.Err // without the address
		}
		return answer{}, fmt.Errorf("asking %s: %w", placeOf(u), err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return answer{}, fmt.Errorf("reading the answer of %s: %w", placeOf(u), err)
	}
	if int64(len(b)) > most {
		return answer{}, fmt.Errorf("%s answers with more than %d bytes", placeOf(u), most)
	}
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		media = ""
	}
	return answer{resp.StatusCode, media, b}, nil
}

// Kind says what sort of evidence it is. See the package comment for what each
// proves.
type Kind string

// The kinds of evidence.
const (
	Timestamp Kind = "timestamp" // bytes: the token, in DER
	Witnessed Kind = "witness"   // bytes: the signature line, with its end
	Published Kind = "directory" // bytes: the name of the file
	Pushed    Kind = "git"       // bytes: the commit, a space, the path in it
)

// Format is the name and version of the form in which evidence is stored.
const Format = "temoin-anchor/1"

// Evidence is what an anchor answered. It belongs to a checkpoint, or a hash, and
// is worth nothing without it.
type Evidence struct {
	Kind  Kind
	Place string    // where, as the anchor's name
	Time  time.Time // in UTC; whose clock it is, the kind says
	Bytes []byte
}

const (
	maxBytes    = 64 << 10          // of evidence
	maxEvidence = 2*maxBytes + 8192 // as it is stored
	maxPlace    = 1024
)

// check says why there can be no such evidence.
func (e Evidence) check() error {
	unclean := func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }
	switch {
	case e.Kind != Timestamp && e.Kind != Witnessed && e.Kind != Published && e.Kind != Pushed:
		return fmt.Errorf("%.40q is no kind of evidence", e.Kind)
	case e.Place == "" || len(e.Place) > maxPlace || strings.ContainsFunc(e.Place, unclean):
		return fmt.Errorf("%.80q is no place of evidence", e.Place)
	case e.Time.Location() != time.UTC || e.Time.Year() < 1970 || e.Time.Year() > 9999:
		return fmt.Errorf("evidence has no time %v: it must be in UTC and after 1970", e.Time)
	case len(e.Bytes) == 0 || len(e.Bytes) > maxBytes:
		return fmt.Errorf("evidence has 1 to %d bytes, this one %d", maxBytes, len(e.Bytes))
	}
	return nil
}

type stored struct {
	Format string    `json:"format"`
	Kind   Kind      `json:"kind"`
	Place  string    `json:"place"`
	Time   time.Time `json:"time"`
	Bytes  []byte    `json:"bytes"`
}

// Marshal writes evidence as it is stored: one line of JSON, without its end.
func (e Evidence) Marshal() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	return json.Marshal(stored{Format, e.Kind, e.Place, e.Time, e.Bytes})
}

// ParseEvidence reads what [Evidence.Marshal] wrote, and nothing else. What it says
// has not been verified.
func ParseEvidence(b []byte) (Evidence, error) {
	if len(b) > maxEvidence {
		return Evidence{}, fmt.Errorf("evidence has at most %d bytes, this has %d", maxEvidence, len(b))
	}
	var s stored
	if err := json.Unmarshal(b, &s); err != nil {
		return Evidence{}, fmt.Errorf("this is no evidence of an anchor: %w", err)
	}
	if s.Format != Format {
		return Evidence{}, fmt.Errorf("the evidence has the format %.40q: this program reads %q", s.Format, Format)
	}
	e := Evidence{s.Kind, s.Place, s.Time, s.Bytes}
	again, err := e.Marshal()
	if err != nil {
		return Evidence{}, err
	}
	if !bytes.Equal(again, b) {
		return Evidence{}, errors.New("the evidence is not written as it was: a field is unknown, twice there, or in another form")
	}
	return e, nil
}

// Terms are what somebody believes who verifies evidence.
type Terms struct {
	Log   ledger.Trust   // the log's keys, and the witnesses that are believed
	Roots *x509.CertPool // of the time-stamping authorities that are believed
	Copy  Copy           // of what is published; somebody else should hold it
	Proof []ledger.Hash  // that the copy's latest head continues the checkpoint
}

// Proven is what evidence proves.
type Proven struct {
	Kind Kind
	By   string // the authority's or the witness's name, or the published file
	// Time is by the clock of the authority or the witness. For what is published
	// it is the operator's word.
	Time        time.Time
	Independent bool      // whether Time is the word of somebody else
	Until       time.Time // of a time-stamp: when the authority's certificates end
	Latest      ledger.Head
}

// Verify verifies evidence of a checkpoint, offline. It needs of the terms what the
// kind asks for.
func (e Evidence) Verify(ctx context.Context, checkpoint []byte, t Terms) (Proven, error) {
	if err := e.check(); err != nil {
		return Proven{}, err
	}
	c, err := t.Log.Open(checkpoint)
	if err != nil {
		return Proven{}, err
	}
	switch e.Kind {
	case Timestamp:
		return e.VerifyHash(Imprint(c), t.Roots)
	case Witnessed:
		_, cosigned, err := cosign(t.Log, checkpoint, e.Bytes)
		if err != nil {
			return Proven{}, err
		}
		if !cosigned.Time.Equal(e.Time) {
			return Proven{}, fmt.Errorf("the evidence says %v, and the cosignature %v", e.Time, cosigned.Time)
		}
		return Proven{Kind: e.Kind, By: cosigned.Witness.Name(), Time: e.Time, Independent: true}, nil
	}
	return e.verifyPublished(ctx, checkpoint, t)
}

// VerifyHash verifies the time-stamp of a hash, offline.
func (e Evidence) VerifyHash(hash [32]byte, roots *x509.CertPool) (Proven, error) {
	if err := e.check(); err != nil {
		return Proven{}, err
	}
	if e.Kind != Timestamp {
		return Proven{}, fmt.Errorf("evidence of the kind %q is of checkpoints, not of hashes", e.Kind)
	}
	s, err := Verify(e.Bytes, hash, roots, time.Time{})
	if err != nil {
		return Proven{}, err
	}
	if !s.Time.Equal(e.Time) {
		return Proven{}, fmt.Errorf("the evidence says %v, and the time-stamp %v", e.Time, s.Time)
	}
	return Proven{Kind: e.Kind, By: s.TSA, Time: s.Time, Independent: true, Until: s.Until}, nil
}
