package keyring

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/temoin/temoin/internal/ledger"
)

// A file is one key as it is written:
//
//	temoin-key/1
//	site: shop
//	use: cookie
//	from: 2026-11-21T12:00:00Z
//	key: 7N2v…=
//	check: 51a3c0de99ab1c2f
//
// "from" is there for the consent cookie only. The key of a log is a note's
// private key, the others are 32 bytes in base64. "check" is the beginning of
// SHA-256 over the lines before it: a bit that has turned would else be another
// key, which nobody could tell.
type file struct {
	site, use string
	from      time.Time
	key       []byte     // of the cookie, of accounts
	log       ledger.Key // of the log

	path   string // where it was read
	number int    // from its name
}

const (
	format   = "temoin-key/1"
	keySize  = 32
	maxFile  = 4096
	checkLen = 16
)

var siteID = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

// encode writes a key.
func (f file) encode() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nsite: %s\nuse: %s\n", format, f.site, f.use)
	key := ""
	switch f.use {
	case useLog:
		key = f.log.Secret()
	case useCookie:
		fmt.Fprintf(&b, "from: %s\n", f.from.UTC().Format(time.RFC3339))
		fallthrough
	default:
		key = base64.StdEncoding.EncodeToString(f.key)
	}
	fmt.Fprintf(&b, "key: %s\n", key)
	fmt.Fprintf(&b, "check: %s\n", check(b.String()))
	return []byte(b.String())
}

func check(lines string) string {
	sum := sha256.Sum256([]byte(lines))
	return hex.EncodeToString(sum[:])[:checkLen]
}

// parse reads exactly what encode writes. The last end of line may be missing:
// some ways of handing out secrets cut it. No error repeats any of the text.
func parse(src []byte) (file, error) {
	if len(src) > maxFile {
		return file{}, fmt.Errorf("%w: it has %d bytes", ErrDamaged, len(src))
	}
	text := strings.TrimSuffix(string(src), "\n")
	values := map[string]string{}
	for i, line := range strings.Split(text, "\n") {
		name, value, ok := strings.Cut(line, ": ")
		if i == 0 && line == format {
			continue
		}
		if i == 0 || !ok {
			return file{}, fmt.Errorf("%w: line %d is not what it must be", ErrDamaged, i+1)
		}
		values[name] = value
	}
	f := file{site: values["site"], use: values["use"]}
	if err := f.decode(values["from"], values["key"]); err != nil {
		return file{}, err
	}
	if want := string(f.encode()); want != text+"\n" {
		return file{}, fmt.Errorf("%w: its check does not fit, or there is more in it than a key", ErrDamaged)
	}
	return f, nil
}

// decode reads the key itself.
func (f *file) decode(from, key string) (err error) {
	if !siteID.MatchString(f.site) {
		return fmt.Errorf("%w: it names no site", ErrDamaged)
	}
	switch f.use {
	case useLog:
		if f.log, err = ledger.ParseKey(key); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return nil
	case useCookie:
		if f.from, err = time.Parse(time.RFC3339, from); err != nil {
			return fmt.Errorf("%w: it does not say from when", ErrDamaged)
		}
	case useAccount:
	default:
		return fmt.Errorf("%w: it is for no known use", ErrDamaged)
	}
	if f.key, err = base64.StdEncoding.Strict().DecodeString(key); err != nil || len(f.key) != keySize {
		return fmt.Errorf("%w: the key is not %d bytes", ErrDamaged, keySize)
	}
	return nil
}
