package consent

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/temoin/temoin/policy"
)

// A Codec writes a choice as the value of the consent cookie, and reads it.
//
// A value can be read by a person:
//
//	1&20261121T101500Z&AZyuPb6Yc...&analytics=1.q83v&functional=0.3q2-&!hotjar=0&m.Lw0t5rXw8Qk
//
// the version, when the choice was made, the random id of its record (and, behind a
// dot, what binds it to an account), one answer for each category with 24 bits of the fingerprint under which it was given,
// services that were decided about otherwise, and 64 bits of HMAC-SHA256 over all
// that stands before and over the site's id. A value that is not exactly what
// the codec writes is no choice: it is never an error that a visitor sees.
//
// A Codec is immutable and safe for concurrent use.
type Codec struct {
	keys []*macKey
}

// A macKey computes MACs, of which it keeps those that are not in use.
type macKey struct {
	prefix []byte // what every value is preceded by
	macs   sync.Pool
}

// MinKey is the least length of a key, in bytes.
const MinKey = 32

// Limits of a value, in bytes, and of what it lists.
const (
	maxValue  = 1024
	maxListed = 100
)

const (
	version  = "1"
	instant  = "20060102T150405Z"
	macBytes = 8
)

// NewCodec makes a codec for a site. The first key writes; all keys read, so that
// a key can be replaced while cookies of the old one are still about.
func NewCodec(site *policy.Site, keys ...[]byte) (*Codec, error) {
	if len(keys) == 0 {
		return nil, errors.New("the consent cookie needs a key")
	}
	c := &Codec{}
	for i, k := range keys {
		if len(k) < MinKey {
			return nil, fmt.Errorf("key %d of the consent cookie has %d bytes: it needs %d", i+1, len(k), MinKey)
		}
		k = slices.Clone(k)
		c.keys = append(c.keys, &macKey{
			prefix: []byte("temoin choice\x00" + site.ID + "\x00"),
			macs:   sync.Pool{New: func() any { return hmac.New(sha256.New, k) }},
		})
	}
	return c, nil
}

var base = base64.RawURLEncoding

// Encode writes a choice. A choice that lists so much that browsers would not
// keep it is an error.
func (c *Codec) Encode(choice *Choice) (string, error) {
	b := make([]byte, 0, 256)
	b = append(b, version...)
	b = append(b, '&')
	b = choice.At.UTC().AppendFormat(b, instant)
	if !choice.Until.IsZero() {
		b = append(b, '/')
		b = choice.Until.UTC().AppendFormat(b, instant)
	}
	b = append(b, '&')
	b = base.AppendEncode(b, choice.ID[:])
	if choice.Bound != "" {
		if !isBinding(choice.Bound) {
			return "", fmt.Errorf("%.40q binds a choice to no account", choice.Bound)
		}
		b = append(append(b, '.'), choice.Bound...)
	}
	for _, a := range choice.Answers {
		if !isName(a.Category) {
			return "", fmt.Errorf("%.40q is no category", a.Category)
		}
		b = append(b, '&')
		b = append(b, a.Category...)
		b = append(b, '=', digit(a.Allow), '.')
		b = base.AppendEncode(b, []byte{byte(a.Scope >> 16), byte(a.Scope >> 8), byte(a.Scope)})
	}
	for _, e := range choice.Exceptions {
		if !isName(e.Service) {
			return "", fmt.Errorf("%.40q is no service", e.Service)
		}
		b = append(b, '&', '!')
		b = append(b, e.Service...)
		b = append(b, '=', digit(e.Allow))
	}
	mac := c.keys[0].mac(b)
	b = append(b, "&m."...)
	b = base.AppendEncode(b, mac[:])
	if len(b) > maxValue || len(choice.Answers)+len(choice.Exceptions) > maxListed {
		return "", fmt.Errorf("the choice takes %d bytes, and a consent cookie at most %d: give the site fewer categories, or shorter ids", len(b), maxValue)
	}
	return string(b), nil
}

// BindingLength is how long what binds a choice to an account is: base64 in its alphabet
// for addresses, of six bytes.
const BindingLength = 8

func isBinding(s string) bool {
	b, err := base.Strict().DecodeString(s)
	return err == nil && len(b) == base.DecodedLen(BindingLength)
}

func digit(yes bool) byte {
	if yes {
		return '1'
	}
	return '0'
}

// isName reports whether s is an id of the manifest: small letters, digits and
// hyphens.
func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

func (k *macKey) mac(value []byte) [macBytes]byte {
	h := k.macs.Get().(hash.Hash)
	defer k.macs.Put(h)
	h.Reset()
	h.Write(k.prefix)
	h.Write(value)
	var sum [sha256.Size]byte
	return [macBytes]byte(h.Sum(sum[:0]))
}

// Decode reads a value. It returns nil for whatever it is not sure to have
// written itself.
func (c *Codec) Decode(value string) *Choice {
	if len(value) > maxValue {
		return nil
	}
	at := strings.LastIndex(value, "&m.")
	if at < 0 || !c.signed(value[:at], value[at+3:]) {
		return nil
	}
	return parse(value[:at])
}

// signed reports whether one of the keys wrote the value.
func (c *Codec) signed(value, mac string) bool {
	got, err := base.Strict().DecodeString(mac)
	if err != nil || len(got) != macBytes {
		return false
	}
	for _, k := range c.keys {
		if want := k.mac([]byte(value)); hmac.Equal(got, want[:]) {
			return true
		}
	}
	return false
}

// parse reads what stands before the MAC; nil for anything but what Encode
// writes.
func parse(value string) *Choice {
	parts := strings.Split(value, "&")
	if len(parts) < 3 || len(parts) > 3+maxListed || parts[0] != version {
		return nil
	}
	c := &Choice{}
	at, until, ends := strings.Cut(parts[1], "/")
	if !instantOf(at, &c.At) || ends && !instantOf(until, &c.Until) {
		return nil
	}
	own, bound, binds := strings.Cut(parts[2], ".")
	id, err := base.Strict().DecodeString(own)
	if err != nil || len(id) != len(c.ID) || binds && !isBinding(bound) {
		return nil
	}
	c.Bound = strings.Clone(bound)
	if copy(c.ID[:], id); !c.ID.valid() {
		return nil
	}
	for _, p := range parts[3:] {
		if !c.read(p) {
			return nil
		}
	}
	return c
}

func instantOf(s string, to *time.Time) bool {
	t, err := time.Parse(instant, s)
	*to = t
	return err == nil && t.Format(instant) == s // Parse takes fractions of a second too
}

// read reads one answer or exception.
func (c *Choice) read(part string) bool {
	name, value, ok := strings.Cut(part, "=")
	if !ok || value == "" || value[0] != '0' && value[0] != '1' {
		return false
	}
	yes := value[0] == '1'
	if service, exception := strings.CutPrefix(name, "!"); exception {
		_, twice := c.exception(service)
		c.Exceptions = append(c.Exceptions, Exception{service, yes})
		return isName(service) && len(value) == 1 && !twice
	}
	scope, err := base.Strict().DecodeString(strings.TrimPrefix(value[1:], "."))
	if err != nil || len(scope) != 3 || value[1] != '.' || len(c.Exceptions) > 0 {
		return false
	}
	_, twice := c.answer(name)
	c.Answers = append(c.Answers, Answer{name, yes, uint32(scope[0])<<16 | uint32(scope[1])<<8 | uint32(scope[2])})
	return isName(name) && !twice
}

// Cookie returns the Set-Cookie line of a value, which ends with its choice; without a
// value, that which removes it. It is what http.SetCookie would write, which checks again
// what the manifest and the codec have checked.
func Cookie(site *policy.Site, value string, ends, now time.Time) string {
	b := make([]byte, 0, 320)
	b = append(append(append(b, site.Choice.Cookie...), '='), value...)
	b = append(b, "; Path=/"...)
	if site.Choice.Domain == "registrable" {
		b = append(append(b, "; Domain="...), site.RegistrableDomain()...)
	}
	if value == "" {
		b = append(b, "; Max-Age=0"...)
	} else {
		b = ends.UTC().AppendFormat(append(b, "; Expires="...), http.TimeFormat)
		b = strconv.AppendInt(append(b, "; Max-Age="...), max(1, int64(ends.Sub(now)/time.Second)), 10)
	}
	return string(append(b, "; Secure; SameSite=Lax"...))
}
