package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/temoin/temoin/internal/ledger"
)

// trustedKeys are what the user believes.
type trustedKeys struct {
	logs      []ledger.Verifier
	witnesses []ledger.Witness
}

// readKeys reads keys, and files of keys. What reads as a key is none of a file.
func readKeys(values []string) (trustedKeys, error) {
	var k trustedKeys
	for _, value := range values {
		if k.add(value) {
			continue
		}
		src, err := readWhole(value, "key", mostKeyFile)
		if err != nil {
			return k, fmt.Errorf("--key is neither a public key (<name>+<id>+<base64>) nor a file that can be read: %w", err)
		}
		for i, line := range strings.Split(string(src), "\n") {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "PRIVATE+KEY+") {
				return k, fmt.Errorf("%s:%d is a private key, which nobody needs to verify: keep it secret, and give the public one", value, i+1)
			}
			if line != "" && !strings.HasPrefix(line, "#") && !k.add(line) {
				return k, fmt.Errorf("%s:%d is no public key: it must be one line, <name>+<id>+<base64>", value, i+1)
			}
		}
	}
	switch {
	case len(k.logs)+len(k.witnesses) > mostKeys:
		return k, fmt.Errorf("there are more than %d keys: give those of one log and its witnesses", mostKeys)
	case len(k.logs) == 0:
		return k, fmt.Errorf("there is no key of a log among the keys: %s", keysAdvice)
	}
	return k, nil
}

func (k *trustedKeys) add(text string) bool {
	if v, err := ledger.ParseVerifier(text); err == nil {
		if !slices.Contains(k.logs, v) {
			k.logs = append(k.logs, v)
		}
		return true
	}
	w, err := ledger.ParseWitness(text)
	if err == nil && !slices.Contains(k.witnesses, w) {
		k.witnesses = append(k.witnesses, w)
	}
	return err == nil
}

// follow adds the keys that trusted ones have handed over to.
func (k *trustedKeys) follow(files []string) error {
	for _, file := range files {
		src, err := readWhole(file, "handover", mostKeyFile)
		if err != nil {
			return err
		}
		_, rest, _ := strings.Cut(string(src), "\n")
		origin, _, _ := strings.Cut(rest, "\n")
		trust, err := k.forLog(origin).Follow(src)
		if err != nil {
			return fmt.Errorf("%s: %w: get it from the site again, or give an older --handover before it", file, err)
		}
		for _, v := range trust.Keys {
			if !slices.Contains(k.logs, v) {
				k.logs = append(k.logs, v)
			}
		}
	}
	return nil
}

// forLog returns what is known of a log; of the first log that a key is known of,
// if it is none of theirs.
func (k trustedKeys) forLog(origin string) ledger.Trust {
	if !slices.ContainsFunc(k.logs, func(v ledger.Verifier) bool { return v.Name() == origin }) {
		origin = k.logs[0].Name()
	}
	t := ledger.Trust{Origin: origin, Witnesses: k.witnesses}
	for _, v := range k.logs {
		if v.Name() == origin {
			t.Keys = append(t.Keys, v)
		}
	}
	return t
}
